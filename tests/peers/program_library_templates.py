"""Fragments of programs with NumPy-like functions that are made of several operations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from program_builder import SIZES, Builder
from program_templates import TEMPLATES

# Name, ranks of the operands, whether their elements must be distinct, params.
_FUNCTIONS: list[tuple[str, tuple[int, ...], bool, dict[str, Any]]] = [
    ("average", (2,), False, {"axis": 0}),
    ("convolve", (1, 1), False, {"mode": "same"}),
    ("cov", (2,), False, {}),
    ("diag", (1,), False, {"k": 1}),
    ("ediff1d", (1,), False, {}),
    ("fmax", (2, 2), True, {}),
    ("fmin", (2, 2), True, {}),
    ("gradient", (1,), False, {}),
    ("heaviside", (1, 1), True, {}),
    ("interp", (1,), True, {"xp": (-9.0, -1.0, 0.5, 9.0), "fp": (0.0, 1.0, -1.0, 2.0)}),
    ("kron", (1, 1), False, {}),
    ("logaddexp2", (1, 1), False, {}),
    ("median", (2,), True, {"axis": -1}),
    ("nan_to_num", (1,), False, {}),
    ("nanmean", (2,), False, {"axis": 1}),
    ("nansum", (2,), False, {"axis": 0}),
    ("polyval", (1, 1), False, {}),
    ("ptp", (2,), True, {"axis": 0}),
    ("quantile", (1,), True, {"q": 0.3}),
    ("rot90", (2,), False, {}),
    ("sinc", (1,), True, {}),
    ("trapezoid", (1,), False, {}),
    ("vander", (1,), False, {"N": 3}),
    ("vdot", (2, 2), False, {}),
    ("deg2rad", (1,), False, {}),
    ("percentile", (2,), True, {"q": 40.0, "axis": 0}),
    ("nanmax", (2,), True, {"axis": 0}),
    ("atleast_2d", (1,), False, {}),
    ("rollaxis", (2,), False, {"axis": 1}),
    ("correlate", (1, 1), False, {"mode": "full"}),
    ("unwrap", (1,), True, {}),
    ("triu", (2,), False, {"k": 1}),
]


def _function(
    b: Builder, name: str, ranks: tuple[int, ...], distinct: bool, params: dict[str, Any]
) -> None:
    first = b.real(ranks[0], ranks[0], bound=2.0)
    if min(b.shape(first)) < 2:
        first = b.real_of(tuple(b.one_of(SIZES) for _ in range(ranks[0])), bound=2.0)
    operands = [first, *(b.real_of(b.shape(first), bound=2.0) for _ in ranks[1:])]
    if distinct:
        operands = [b.distinct(x) for x in operands]
    given = {k: np.array(v) if isinstance(v, tuple) else v for k, v in params.items()}
    draws = np.random.default_rng(0)
    shape = np.shape(getattr(np, name)(*[draws.random(b.shape(x)) for x in operands], **given))
    b.add("my.library", *operands, shape=shape, bound=64.0, name=name, params=tuple(params.items()))


for _name, _ranks, _distinct, _params in _FUNCTIONS:
    TEMPLATES[f"library_{_name}"] = partial(
        _function, name=_name, ranks=_ranks, distinct=_distinct, params=_params
    )

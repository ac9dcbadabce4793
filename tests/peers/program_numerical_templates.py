"""Fragments of programs with matrices, Fourier transforms and special functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from program_builder import SIZES, Builder
from program_numerical_nodes import MATRIX, NUMBER, SYSTEM

TEMPLATES: dict[str, Callable[[Builder], None]] = {}

__all__ = ["TEMPLATES"]

# JAX's expn has no second derivative, and its i0 no right one at 0.
# An interval of the last argument, a bound of the values there, and the arguments before it.
_SPECIAL: dict[str, tuple[float, float, float, tuple[float, ...]]] = {
    "gammaln": (0.6, 3.0, 1.0, ()), "digamma": (0.6, 3.0, 2.0, ()), "gamma": (0.7, 3.0, 2.5, ()),
    "i0": (0.2, 2.0, 2.5, ()), "i0e": (0.2, 2.0, 1.0, ()), "i1": (0.2, 2.0, 2.0, ()),
    "i1e": (0.2, 2.0, 1.0, ()), "ndtr": (-2.0, 2.0, 1.0, ()), "log_ndtr": (-2.0, 2.0, 4.0, ()),
    "ndtri": (0.1, 0.9, 1.5, ()), "entr": (0.2, 2.0, 1.5, ()), "logit": (0.1, 0.9, 2.5, ()),
    "expi": (0.4, 2.0, 5.0, ()), "spence": (0.2, 0.9, 1.5, ()),
    "polygamma": (0.6, 3.0, 5.0, (1.0,)), "zeta": (0.6, 3.0, 5.0, (2.5,)),
    "gammainc": (0.3, 3.0, 1.0, (1.7,)), "gammaincc": (0.3, 3.0, 1.0, (1.7,)),
    "betainc": (0.1, 0.9, 1.0, (1.3, 2.1)), "xlogy": (0.3, 3.0, 2.0, (1.5,)),
    "xlog1py": (0.3, 3.0, 2.5, (1.5,)), "betaln": (0.5, 3.0, 2.0, (4.5,)),
}  # fmt: skip


def _special(b: Builder, name: str) -> None:
    lo, hi, bound, before = _SPECIAL[name]
    b.same("my.special", b.into(b.real(), lo, hi), bound=bound, name=name, before=before)


def _square(b: Builder) -> int:
    n = b.one_of([1, 2, 3])
    lead = b.one_of([(), (), (2,)])
    return b.real_of((*lead, n, n), bound=2.0)


def _matrix(b: Builder, name: str) -> None:
    x = _square(b)
    shape = b.shape(x)
    shape = shape[:-1] if name in ("eigh", "svdvals") else shape
    b.add("my.matrix", x, shape=shape, bound=8.0, name=name)


def _number(b: Builder, name: str) -> None:
    x = _square(b)
    b.add("my.matrix", x, shape=b.shape(x)[:-2], bound=32.0, name=name)


def _system(b: Builder, name: str) -> None:
    x = _square(b)
    *lead, n, _ = b.shape(x)
    y = b.real_of((*lead, n, b.one_of([1, 2])), bound=2.0)
    b.add("my.matrix", x, y, shape=b.shape(y), bound=4.0, name=name)


def _fourier(b: Builder, name: str) -> None:
    x = b.real(1, 2, 2.0)
    if min(b.shape(x)) < 2:
        x = b.real_of(tuple(b.one_of([n for n in SIZES if n > 1]) for _ in b.shape(x)), bound=2.0)
    axis = b.one_of(range(len(b.shape(x))))
    b.same("my.fourier", x, bound=64.0, name=name, axis=axis)


for _kind, _names in (
    (_special, _SPECIAL), (_matrix, MATRIX), (_number, NUMBER), (_system, SYSTEM),
    (_fourier, ("power", "shifted", "smoothed", "parts")),
):  # fmt: skip
    for _name in _names:
        TEMPLATES[f"{_kind.__name__[1:]}_{_name}"] = partial(_kind, name=_name)

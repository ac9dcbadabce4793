"""Fragments of programs with convolutions, sliding windows, named axes and named values.

They stand in the programs with control flow, inside of loops and branches too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from program_builder import SIZES, Builder

TEMPLATES: dict[str, Callable[[Builder], None]] = {}

__all__ = ["TEMPLATES"]


def template(f: Callable[[Builder], None]) -> Callable[[Builder], None]:
    """Register under the function's name."""
    TEMPLATES[f.__name__] = f
    return f


@template
def convolution(b: Builder) -> None:
    groups = b.one_of([1, 1, 2])
    channels, outs, spatial = 2, 2 * b.one_of([1, 2]), b.one_of([(4,), (3, 3)])
    kernel = tuple(b.one_of([1, 2]) for _ in spatial)
    x = b.real_of((2, channels, *spatial), 2.0)
    w = b.real_of((outs, channels // groups, *kernel), 2.0)
    padding: Any = b.one_of(["SAME", "VALID", ((1, 0),) * len(spatial)])
    low, high = {"SAME": (0, 0), "VALID": (0, 0)}.get(padding, (1, 0))
    strides = tuple(b.one_of([1, 1, 2]) for _ in spatial)
    sizes = [
        -(-n // s) if padding == "SAME" else (n + low + high - k) // s + 1
        for n, k, s in zip(spatial, kernel, strides, strict=True)
    ]
    options = {"window_strides": strides, "padding": padding, "feature_group_count": groups}
    bound = 4.0 * channels * int(np.prod(kernel))
    b.add("my.conv", x, w, shape=(2, outs, *sizes), bound=bound, options=tuple(options.items()))


def _window(b: Builder, how: str) -> None:
    x = b.distinct(b.real(1, 2, 2.0))
    shape = b.shape(x)
    sizes = tuple(b.one_of([1, 2]) for _ in shape)
    strides = tuple(b.one_of([1, 2]) for _ in shape)
    padding = b.one_of(["SAME", "VALID"])
    found = [
        -(-n // s) if padding == "SAME" else (n - k) // s + 1
        for n, k, s in zip(shape, sizes, strides, strict=True)
    ]
    if min(found) < 1:
        padding, found = "SAME", [-(-n // s) for n, s in zip(shape, strides, strict=True)]
    options = {"window_dimensions": sizes, "window_strides": strides, "padding": padding}
    b.add("my.window", x, shape=tuple(found), bound=12.0, how=how, options=tuple(options.items()))


for _name in ("sum", "max", "min"):
    TEMPLATES[f"window_{_name}"] = partial(_window, how=_name)


def _slope(b: Builder, how: str) -> None:
    x = b.distinct(b.real(1, 2, 2.0))
    b.same("my.window_slope", x, bound=24.0, how=how, size=2)


for _name in ("max", "min"):
    TEMPLATES[f"window_slope_{_name}"] = partial(_slope, how=_name)


def _exchange(b: Builder, how: str) -> None:
    x = b.real(1, 2, 2.0)
    if how == "all_to_all":
        n = b.one_of(SIZES)
        x = b.real_of((n, n), 2.0)
    b.same("my.collective", x, bound=24.0, how=how)


for _name in ("psum", "pmean", "all_gather", "all_to_all", "ppermute", "axis_index"):
    TEMPLATES[f"collective_{_name}"] = partial(_exchange, how=_name)


@template
def named_value(b: Builder) -> None:
    b.same("my.named", b.real(), name=b.one_of(["kept", "other"]))

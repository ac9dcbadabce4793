"""Fractional max pooling: windows of one size whose places are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, training_key
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.sizes import per_dimension

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
]

Size = int | Sequence[int]
Ratio = float | Sequence[float]


def _outs(
    name: str, sizes: tuple[int, ...], kernel: tuple[int, ...], size: Any, ratio: Any
) -> tuple[int, ...]:
    count = len(sizes)
    if (size is None) == (ratio is None):
        raise ValueError(
            f"nn.{name}: expected either output_size or output_ratio; got {size!r} and {ratio!r}."
        )
    if size is None:
        ratios = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * count
        if len(ratios) != count or not all(0 < r < 1 for r in ratios):
            raise ValueError(
                f"nn.{name}: expected output_ratio between 0 and 1, one number or {count}; got "
                f"{ratio!r}."
            )
        size = tuple(int(n * r) for n, r in zip(sizes, ratios, strict=True))
    outs = per_dimension(name, "output_size", size, count, 1)
    for n, out, k in zip(sizes, outs, kernel, strict=True):
        if out + k - 1 > n:
            raise ShapeError(
                f"nn.{name}: {outs} windows of kernel_size {kernel} do not fit into sizes {sizes}. "
                "Remedy: a smaller kernel_size or output_size."
            )
    return outs


def _starts(draws: Array, size: int, out: int, kernel: int) -> Array:
    """i[..., out]: where windows begin, from one draw in [0, 1) for each row of them."""
    if out == 1:
        return fnp.full((*draws.shape, 1), size - kernel, "int64")
    alpha = fnp.asarray((size - kernel) / (out - 1), draws.dtype)
    steps = fnp.arange(out).astype(draws.dtype)
    # Towards zero, as in PyTorch, which takes draws of any size.
    offset = fnp.trunc(draws * alpha)[..., None]
    found = fnp.trunc((steps + draws[..., None]) * alpha) - offset
    return fnp.where(fnp.arange(out) == out - 1, size - kernel, found).astype("int64")


def _pool(
    name: str, count: int, x: Any, kernel_size: Any, output_size: Any, output_ratio: Any,
    return_indices: bool, key: Any, samples: Any,
) -> Any:  # fmt: skip
    x = as_float(name, x)
    if not count + 1 <= x.ndim <= count + 2 or 0 in x.shape[-count:]:
        raise ShapeError(
            f"nn.{name}: expected x with batch and channels, or channels alone, before its last "
            f"{count} axes, and elements along those; got shape {tuple(x.shape)}."
        )
    alone = x.ndim == count + 1
    rows = x[None] if alone else x
    lead, sizes = tuple(rows.shape[:2]), tuple(rows.shape[2:])
    kernel = per_dimension(name, "kernel_size", kernel_size, count, 1)
    outs = _outs(name, sizes, kernel, output_size, output_ratio)
    if samples is None:
        samples = random.uniform(training_key(name, key), (*lead, count), x.dtype)
    samples = fnp.asarray(samples)
    if tuple(samples.shape) != (*lead, count):
        raise ShapeError(
            f"nn.{name}: expected random_samples of shape {(*lead, count)}; got "
            f"{tuple(samples.shape)}."
        )
    # PyTorch draws for the width of images first, but for the depth of volumes.
    order = (1, 0) if count == 2 else (0, 1, 2)
    places: Any = 0
    for axis, (n, out, k) in enumerate(zip(sizes, outs, kernel, strict=True)):
        at = _starts(samples[..., order[axis]], n, out, k)[..., None] + fnp.arange(k)
        shape = [1] * (2 * count)
        shape[axis], shape[count + axis] = out, k
        places = places * n + at.reshape(*lead, *shape)
    windows, size = math.prod(outs), math.prod(kernel)
    places = fnp.broadcast_to(places, (*lead, *outs, *kernel)).reshape(*lead, windows, size)
    flat = rows.reshape(*lead, math.prod(sizes))
    inside = fnp.take_along_axis(flat, places.reshape(*lead, windows * size), axis=-1)
    inside = inside.reshape(places.shape)
    best = fnp.argmax(inside, axis=-1)[..., None]
    indices = fnp.take_along_axis(places, best, axis=-1)[..., 0]
    whole = (*lead, *outs)[1 if alone else 0 :]
    most = fnp.take_along_axis(inside, best, axis=-1).reshape(whole)
    return (most, indices.reshape(whole)) if return_indices else most


def fractional_max_pool2d(
    x: Array,
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    *,
    key: Array | None = None,
    random_samples: Array | None = None,
) -> Any:
    """Largest elements of windows whose distances are drawn, so that any output size is possible.

    Args:
        x: f[batch, channels, height, width] or f[channels, height, width].
        kernel_size: size of the windows, an int or one for each axis.
        output_size: how many windows, an int or one for each axis; or
        output_ratio: their share of the sizes of ``x``, between 0 and 1.
        return_indices: whether to return the positions as well.
        key: u32[2], from which places are drawn for every channel of every example.
        random_samples: f[batch, channels, 2] in [0, 1), instead of a key (batch 1 where x has
            none): for the width, and for the height.

    Returns:
        [..., out_height, out_width] in the dtype of x; with ``return_indices`` a pair of it and of
        the positions in the flattened last two axes of x, int64.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``x`` is not floating.
        TypeError: neither ``key`` nor ``random_samples``.
        ValueError: both or none of ``output_size`` and ``output_ratio``.

    >>> fractional_max_pool2d(fnp.ones((3, 8, 8)), 2, (5, 6), key=random.key(0)).shape
    (3, 5, 6)

    Source: Graham, arXiv:1412.6071; ``torch.nn.functional.fractional_max_pool2d``.
    """
    return _pool(
        "fractional_max_pool2d", 2, x, kernel_size, output_size, output_ratio, return_indices,
        key, random_samples,
    )  # fmt: skip


def fractional_max_pool3d(
    x: Array,
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    *,
    key: Array | None = None,
    random_samples: Array | None = None,
) -> Any:
    """:func:`fractional_max_pool2d` of volumes; samples are for depth, height and width.

    >>> fractional_max_pool3d(fnp.ones((3, 8, 8, 8)), 2, (5, 6, 7), key=random.key(0)).shape
    (3, 5, 6, 7)

    Source: ``torch.nn.functional.fractional_max_pool3d``.
    """
    return _pool(
        "fractional_max_pool3d", 3, x, kernel_size, output_size, output_ratio, return_indices,
        key, random_samples,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- layers
def _layer(
    count: int, kernel_size: Size, size: Size | None, ratio: Ratio | None, indices: bool
) -> Layer:
    def apply(params: Any, x: Array, *, key: Array | None = None, train: bool = False) -> Any:
        lead = (1, *x.shape)[-count - 2 : -count]
        middle = None if train else fnp.full((*lead, count), 0.5, x.dtype)
        return _pool(
            f"FractionalMaxPool{count}d", count, x, kernel_size, size, ratio, indices, key, middle
        )

    shown = f"output_ratio={ratio}" if size is None else f"output_size={size}"
    return Layer(without_params, apply, f"FractionalMaxPool{count}d({kernel_size}, {shown})")


def FractionalMaxPool2d(
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
) -> Layer:
    """A layer of :func:`fractional_max_pool2d`: takes a key in training.

    In evaluation, which needs no key, the draws are 0.5; PyTorch's layer draws there, too.

    Returns:
        Layer with ``apply(params, x, *, key=None, train=False) -> out``.

    >>> FractionalMaxPool2d(2, output_ratio=0.5).apply((), fnp.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)

    Source: ``torch.nn.FractionalMaxPool2d``.
    """
    return _layer(2, kernel_size, output_size, output_ratio, return_indices)


def FractionalMaxPool3d(
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
) -> Layer:
    """A layer of :func:`fractional_max_pool3d`; see :func:`FractionalMaxPool2d`.

    >>> FractionalMaxPool3d(2, 3).apply((), fnp.ones((1, 2, 8, 8, 8))).shape
    (1, 2, 3, 3, 3)

    Source: ``torch.nn.FractionalMaxPool3d``.
    """
    return _layer(3, kernel_size, output_size, output_ratio, return_indices)

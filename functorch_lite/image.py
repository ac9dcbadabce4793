"""Images of other sizes: ``resize``, and ``scale_and_translate`` below it.

Along each axis the result is a product with a matrix of weights, so every number has derivatives,
scale and translation included.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import is_half
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_axis, to_inexact

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]


class ResizeMethod(enum.Enum):
    """How values between the places of an image are made.

    >>> ResizeMethod.from_string("bilinear")
    <ResizeMethod.LINEAR: 1>
    """

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of a name: nearest, (bi-, tri-)linear, triangle, (bi-, tri-)cubic, lanczos3
        or lanczos5.

        Raises:
            ValueError: for another name.
        """
        if s not in _NAMES:
            raise ValueError(f"image: expected a method among {', '.join(_NAMES)}; got {s!r:.60}.")
        return _NAMES[s]


_NAMES = {
    "nearest": ResizeMethod.NEAREST,
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), ResizeMethod.LINEAR),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), ResizeMethod.CUBIC),
    "lanczos3": ResizeMethod.LANCZOS3,
    "lanczos5": ResizeMethod.LANCZOS5,
}


# ----------------------------------------------------------------------------- weights by distance
def _triangle(x: Array) -> Array:
    return fnp.maximum(1 - x, 0)


def _cubic(x: Array) -> Array:
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return fnp.where(x < 1, near, fnp.where(x < 2, far, 0))


def _lanczos(radius: float) -> Callable[[Array], Array]:
    def weight(x: Array) -> Array:
        apart = x > 1e-3  # closer than that the quotient is 1 to all digits of float32
        y = fnp.where(apart, x, 1)
        waves = fnp.sin(math.pi * y) * fnp.sin(math.pi * y / radius)
        found = fnp.where(apart, radius * waves / (math.pi**2 * y * y), 1)
        return fnp.where(x > radius, 0, found)

    return weight


_KERNELS: dict[ResizeMethod, Callable[[Array], Array]] = {
    ResizeMethod.LINEAR: _triangle,
    ResizeMethod.CUBIC: _cubic,
    ResizeMethod.LANCZOS3: _lanczos(3.0),
    ResizeMethod.LANCZOS5: _lanczos(5.0),
}


def _weights(
    size: int, out: int, scale: Array, shift: Array, kernel: Any, antialias: bool
) -> Array:
    """How much each of ``size`` places counts for each of ``out``, f[size, out]."""
    dtype = scale.dtype
    step = 1 / scale
    width = fnp.maximum(step, 1) if antialias else fnp.ones((), dtype)
    at = (fnp.arange(out, dtype=dtype) + 0.5) * step - shift * step - 0.5
    distance = fnp.abs(at - fnp.arange(size, dtype=dtype)[:, None]) / width
    found = kernel(distance)
    total = fnp.sum(found, axis=0, keepdims=True)
    enough = fnp.abs(total) > 1000 * float(fnp.finfo(fnp.float32).eps)
    found = fnp.where(enough, found / fnp.where(total == 0, 1, total), 0)
    return fnp.where((at >= -0.5) & (at <= size - 0.5), found, 0)


# ------------------------------------------------------------------------------------- functions
def scale_and_translate(
    image: Any,
    shape: Sequence[int],
    spatial_dims: Sequence[int],
    scale: Any,
    translation: Any,
    method: str | ResizeMethod,
    antialias: bool = True,
    precision: Any = None,
) -> Array:
    """An image stretched and moved along some axes.

    Args:
        image: array; integers are taken as float32.
        shape: the result's shape, equal to the image's beside ``spatial_dims``.
        spatial_dims: the axes.
        scale: f[n], one factor per axis.
        translation: f[n], how far the image moves along each, in places of the result.
        method: a method or its name; not "nearest".
        antialias: whether shrinking averages over all that falls on a place.
        precision: accepted for JAX's sake.

    Returns:
        array of that shape; zero where the image is not.

    Raises:
        ShapeError: shapes or numbers of axes do not go together.
        ValueError: another method.

    >>> x = fnp.asarray([1.0, 2.0, 3.0])
    >>> scale_and_translate(x, (3,), (0,), fnp.ones(1), fnp.ones(1), "linear")
    Array([0., 1., 2.], dtype=float32)

    Source: ``jax.image.scale_and_translate``.
    """
    del precision
    name = "image.scale_and_translate"
    kind = ResizeMethod.from_string(method) if isinstance(method, str) else method
    if kind not in _KERNELS:
        raise ValueError(
            f"{name}: expected a method that weighs neighbours; got {method!r}. Remedy: resize, "
            "which has 'nearest' too."
        )
    x = to_inexact(image, name, "image")
    shape = _checked(name, x, shape)
    dims = [as_axis(d, x.ndim, name) for d in spatial_dims]
    wide = fnp.promote_types(fnp.result_type(x.real.dtype), "float32")
    scale, translation = (fnp.asarray(v).astype(wide) for v in (scale, translation))
    sizes = [tuple(v.shape) for v in (scale, translation)]
    if sizes != [(len(dims),)] * 2 or len(set(dims)) != len(dims):
        raise ShapeError(
            f"{name}: expected scale and translation with one number for each of the axes "
            f"{tuple(dims)}, each named once; got shapes {sizes[0]} and {sizes[1]}."
        )
    moved = [d for d in range(x.ndim) if x.shape[d] != shape[d] and d not in dims]
    if moved:
        raise ShapeError(
            f"{name}: expected a shape that differs along spatial_dims only; it differs along "
            f"{moved}. Remedy: name these axes, too."
        )
    out = x.astype("float32") if is_half(x.dtype) else x
    for i, d in enumerate(dims):
        weights = _weights(
            x.shape[d], shape[d], scale[i], translation[i], _KERNELS[kind], antialias
        )
        out = fnp.moveaxis(fnp.tensordot(out, weights, axes=([d], [0])), -1, d)
    return out.astype(x.dtype)


def resize(
    image: Any,
    shape: Sequence[int],
    method: str | ResizeMethod,
    antialias: bool = True,
    precision: Any = None,
) -> Array:
    """An image of another shape.

    Args:
        image: array; integers are taken as float32.
        shape: the result's shape; sizes that are the image's stay untouched.
        method: "nearest", "linear", "cubic", "lanczos3", "lanczos5", or a ``ResizeMethod``.
        antialias: whether shrinking averages over all that falls on a place; not for "nearest".
        precision: accepted for JAX's sake.

    Returns:
        array of that shape.

    Raises:
        ShapeError: another number of axes.
        ValueError: another method.

    >>> resize(fnp.asarray([0.0, 1.0]), (4,), "linear")
    Array([0.  , 0.25, 0.75, 1.  ], dtype=float32)

    Source: ``jax.image.resize``.
    """
    name = "image.resize"
    kind = ResizeMethod.from_string(method) if isinstance(method, str) else method
    x = to_inexact(image, name, "image")
    shape = _checked(name, x, shape)
    dims = [d for d in range(x.ndim) if x.shape[d] != shape[d]]
    if kind is ResizeMethod.NEAREST:
        for d in dims:
            size, out = x.shape[d], shape[d]
            at = fnp.floor((fnp.arange(out, dtype="float32") + 0.5) * size / out)
            x = fnp.take(x, at.astype("int64"), axis=d)
        return x
    scale = [1.0 if not x.shape[d] else shape[d] / x.shape[d] for d in dims]
    wide = fnp.promote_types(fnp.result_type(x.real.dtype), "float32")
    factors = fnp.asarray(scale, dtype=wide)
    return scale_and_translate(
        x, shape, dims, factors, fnp.zeros_like(factors), kind, antialias, precision
    )


def _checked(name: str, x: Array, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(n) for n in shape)
    if len(sizes) != x.ndim or min(sizes, default=0) < 0:
        raise ShapeError(
            f"{name}: expected a shape of {x.ndim} sizes, as the image has shape "
            f"{tuple(x.shape)}; got {sizes}. Remedy: batch and channels are given as they are."
        )
    return sizes

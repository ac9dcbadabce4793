"""Padding layers: :func:`pad` of the last one, two or three axes.

All are stateless and have no parameters: ``apply((), x) -> out``, for x [batch, channels, *sizes]
or [channels, *sizes]. ``padding`` is one integer for all sides, or (left, right, top, bottom, ...)
as for :func:`pad`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.padding import pad

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Padding = int | Sequence[int]


def _layer(name: str, count: int, padding: Padding, mode: str, value: float = 0.0) -> Layer:
    """A layer that pads the last ``count`` axes."""
    sides: tuple[Any, ...] = (padding,) * (2 * count)
    if isinstance(padding, (tuple, list)):
        sides = tuple(padding)
    if len(sides) != 2 * count or not all(hasattr(p, "__index__") for p in sides):
        raise ValueError(
            f"nn.{name}: expected padding to be an int or {2 * count} of them; got {padding!r}."
        )
    given = f", {value!r}" if name.startswith("Constant") else ""
    shown = f"{name}({padding!r}{given})"

    def apply(params: Any, x: Any) -> Any:
        x = fnp.asarray(x)
        if not count + 1 <= x.ndim <= count + 2:
            raise ShapeError(
                f"nn.{shown}: expected x with batch and channels, or channels alone, before its "
                f"last {count} axes; got shape {tuple(x.shape)}. Remedy: x[None] adds an axis."
            )
        return pad(x, sides, mode, value)

    return Layer(without_params, apply, shown)


# ---------------------------------------------------------------------------------------- one value


def ConstantPad1d(padding: Padding, value: float) -> Layer:
    """Pads the last axis with one value; no parameters.

    >>> ConstantPad1d(2, 7.0).apply((), fnp.ones((1, 4))).shape
    (1, 8)

    Source: ``torch.nn.ConstantPad1d``.
    """
    return _layer("ConstantPad1d", 1, padding, "constant", value)


def ConstantPad2d(padding: Padding, value: float) -> Layer:
    """Pads the last two axes with one value; no parameters.

    >>> ConstantPad2d(2, 7.0).apply((), fnp.ones((1, 4, 4))).shape
    (1, 8, 8)

    Source: ``torch.nn.ConstantPad2d``.
    """
    return _layer("ConstantPad2d", 2, padding, "constant", value)


def ConstantPad3d(padding: Padding, value: float) -> Layer:
    """Pads the last three axes with one value; no parameters.

    >>> ConstantPad3d(2, 7.0).apply((), fnp.ones((1, 4, 4, 4))).shape
    (1, 8, 8, 8)

    Source: ``torch.nn.ConstantPad3d``.
    """
    return _layer("ConstantPad3d", 3, padding, "constant", value)


# -------------------------------------------------------------------------------------------- zeros


def ZeroPad1d(padding: Padding) -> Layer:
    """Pads the last axis with zeros; no parameters.

    >>> ZeroPad1d(2).apply((), fnp.ones((1, 4))).shape
    (1, 8)

    Source: ``torch.nn.ZeroPad1d``.
    """
    return _layer("ZeroPad1d", 1, padding, "constant")


def ZeroPad2d(padding: Padding) -> Layer:
    """Pads the last two axes with zeros; no parameters.

    >>> ZeroPad2d(2).apply((), fnp.ones((1, 4, 4))).shape
    (1, 8, 8)

    Source: ``torch.nn.ZeroPad2d``.
    """
    return _layer("ZeroPad2d", 2, padding, "constant")


def ZeroPad3d(padding: Padding) -> Layer:
    """Pads the last three axes with zeros; no parameters.

    >>> ZeroPad3d(2).apply((), fnp.ones((1, 4, 4, 4))).shape
    (1, 8, 8, 8)

    Source: ``torch.nn.ZeroPad3d``.
    """
    return _layer("ZeroPad3d", 3, padding, "constant")


# -------------------------------------------------------------------- elements mirrored at the edge


def ReflectionPad1d(padding: Padding) -> Layer:
    """Pads the last axis with elements mirrored at the edge; no parameters.

    >>> ReflectionPad1d(2).apply((), fnp.ones((1, 4))).shape
    (1, 8)

    Source: ``torch.nn.ReflectionPad1d``.
    """
    return _layer("ReflectionPad1d", 1, padding, "reflect")


def ReflectionPad2d(padding: Padding) -> Layer:
    """Pads the last two axes with elements mirrored at the edge; no parameters.

    >>> ReflectionPad2d(2).apply((), fnp.ones((1, 4, 4))).shape
    (1, 8, 8)

    Source: ``torch.nn.ReflectionPad2d``.
    """
    return _layer("ReflectionPad2d", 2, padding, "reflect")


def ReflectionPad3d(padding: Padding) -> Layer:
    """Pads the last three axes with elements mirrored at the edge; no parameters.

    >>> ReflectionPad3d(2).apply((), fnp.ones((1, 4, 4, 4))).shape
    (1, 8, 8, 8)

    Source: ``torch.nn.ReflectionPad3d``.
    """
    return _layer("ReflectionPad3d", 3, padding, "reflect")


# ----------------------------------------------------------------------------------------- the edge


def ReplicationPad1d(padding: Padding) -> Layer:
    """Pads the last axis with the edge; no parameters.

    >>> ReplicationPad1d(2).apply((), fnp.ones((1, 4))).shape
    (1, 8)

    Source: ``torch.nn.ReplicationPad1d``.
    """
    return _layer("ReplicationPad1d", 1, padding, "replicate")


def ReplicationPad2d(padding: Padding) -> Layer:
    """Pads the last two axes with the edge; no parameters.

    >>> ReplicationPad2d(2).apply((), fnp.ones((1, 4, 4))).shape
    (1, 8, 8)

    Source: ``torch.nn.ReplicationPad2d``.
    """
    return _layer("ReplicationPad2d", 2, padding, "replicate")


def ReplicationPad3d(padding: Padding) -> Layer:
    """Pads the last three axes with the edge; no parameters.

    >>> ReplicationPad3d(2).apply((), fnp.ones((1, 4, 4, 4))).shape
    (1, 8, 8, 8)

    Source: ``torch.nn.ReplicationPad3d``.
    """
    return _layer("ReplicationPad3d", 3, padding, "replicate")


# ------------------------------------------------------------------------------------ the other end


def CircularPad1d(padding: Padding) -> Layer:
    """Pads the last axis with the other end; no parameters.

    >>> CircularPad1d(2).apply((), fnp.ones((1, 4))).shape
    (1, 8)

    Source: ``torch.nn.CircularPad1d``.
    """
    return _layer("CircularPad1d", 1, padding, "circular")


def CircularPad2d(padding: Padding) -> Layer:
    """Pads the last two axes with the other end; no parameters.

    >>> CircularPad2d(2).apply((), fnp.ones((1, 4, 4))).shape
    (1, 8, 8)

    Source: ``torch.nn.CircularPad2d``.
    """
    return _layer("CircularPad2d", 2, padding, "circular")


def CircularPad3d(padding: Padding) -> Layer:
    """Pads the last three axes with the other end; no parameters.

    >>> CircularPad3d(2).apply((), fnp.ones((1, 4, 4, 4))).shape
    (1, 8, 8, 8)

    Source: ``torch.nn.CircularPad3d``.
    """
    return _layer("CircularPad3d", 3, padding, "circular")

"""Abstract values: what is known of an array before it is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import DTYPES, canonical, float0

_new = object.__new__


class Aval:
    """Shape, dtype and weakness of an array, without its contents.

    Public name: ``functorch_lite.ShapeDtypeStruct``.

    Args:
        shape: sizes of the dimensions.
        dtype: anything that names a dtype.
        weak: True for values that stem from Python scalars only; they adapt to the other operand's
        dtype.

    >>> Aval((2, 3), "float32")
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("dtype", "shape", "weak")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool

    def __init__(self, shape: tuple[int, ...], dtype: Any, weak: bool = False) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype = canonical(dtype)
        self.weak = weak

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the array's contents take."""
        return self.size * self.dtype.itemsize

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Aval)
            and not isinstance(other, StackAval)
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak == other.weak
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak))

    def __repr__(self) -> str:
        weak = ", weak=True" if self.weak else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak})"

    def short(self) -> str:
        """Compact form used in graphs and messages, e.g. ``f32[2,3]``."""
        return f"{short_dtype(self.dtype)}[{','.join(map(str, self.shape))}]"


class StackAval(Aval):
    """What is known of a stack, one value per step of a loop of unknown length.

    Attributes:
        elem: shape and dtype of the value of one step. The stack's own shape has a 0 in front,
            which stands for the unknown number of steps.

    >>> StackAval(Aval((3,), "float32")).short()
    'f32[*,3]'
    """

    __slots__ = ("elem",)

    elem: Aval

    def __init__(self, elem: Aval) -> None:
        self.elem = elem
        self.shape = (0, *elem.shape)
        self.dtype = elem.dtype
        self.weak = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StackAval) and self.elem == other.elem

    def __hash__(self) -> int:
        return hash((StackAval, self.elem))

    def short(self) -> str:
        """Compact form: a star stands for the unknown number of steps."""
        head, _, tail = self.elem.short().partition("[")
        return f"{head}[*]" if tail == "]" else f"{head}[*,{tail}"


def short_list(avals: Iterable[Aval]) -> str:
    """Compact form of several types, ``(f32[2,3], i64[])``, for messages."""
    return f"({', '.join(a.short() for a in avals)})"


def make_aval(shape: tuple[int, ...], dtype: np.dtype[Any], weak: bool = False) -> Aval:
    """An Aval from parts that are known to be canonical; skips the checks of the constructor."""
    aval = _new(Aval)
    aval.shape = shape
    aval.dtype = dtype
    aval.weak = weak
    return aval


def with_axis(aval: Aval, size: int) -> Aval:
    """The aval of a batch of values; each element of a stack has the axis in front."""
    if isinstance(aval, StackAval):
        return StackAval(with_axis(aval.elem, size))
    return make_aval((size, *aval.shape), aval.dtype)


def without_axis(aval: Aval) -> Aval:
    """The aval of one value of a batch."""
    if isinstance(aval, StackAval):
        return StackAval(without_axis(aval.elem))
    return make_aval(aval.shape[1:], aval.dtype)


def parse_aval(text: str) -> Aval:
    """The aval that ``short`` wrote.

    >>> parse_aval("f64[*,3]").elem
    ShapeDtypeStruct(shape=(3,), dtype=float64)
    """
    head, _, tail = text.removesuffix("]").partition("[")
    sizes = tail.split(",") if tail else []
    depth = sum(n == "*" for n in sizes)
    dtype = next(d for d in (*DTYPES, float0) if short_dtype(d) == head)
    aval = Aval(tuple(map(int, sizes[depth:])), dtype)
    for _ in range(depth):
        aval = StackAval(aval)
    return aval


_LETTER = {"b": "b", "i": "i", "u": "u", "f": "f", "c": "c"}


def short_dtype(dtype: np.dtype[Any]) -> str:
    """Compact name of a dtype: ``f32``, ``i64``, ``bf16``, ``bool``.

    >>> short_dtype(np.dtype("float64"))
    'f64'
    """
    if dtype.kind == "b":
        return "bool"
    if dtype.name == "bfloat16":
        return "bf16"
    letter = _LETTER.get(dtype.kind)
    return dtype.name if letter is None else f"{letter}{dtype.itemsize * 8}"


def describe(x: Any) -> str:
    """Short text for a value in a message: ``f32[2,3]`` for arrays, ``float 2.0`` for scalars."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is not None and isinstance(dtype, np.dtype):
        return f"{short_dtype(dtype)}[{','.join(map(str, shape))}]"
    text = repr(x)
    return f"{type(x).__name__} {text if len(text) <= 40 else text[:37] + '...'}"

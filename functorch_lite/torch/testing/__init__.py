"""Assertions about tensors, and tensors for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.foreign import refuse_foreign
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, make, strides_of
from functorch_lite.torch._meta.symbol import is_meta

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip
_NUMBERS = (int, float, complex)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Assert that two tensors, numbers, or sequences and mappings of these are nearly equal.

    Args:
        actual, expected: what to compare.
        allow_subclasses: whether classes may differ, if one is a subclass of the other.
        rtol, atol: relative and absolute tolerance, both or none; the dtype decides by default.
        equal_nan: whether NaN equals NaN.
        check_device, check_dtype, check_stride: whether devices, dtypes, and strides, have to be
            equal.
        msg: a message, or a function of the message.

    Raises:
        AssertionError: they differ.
        ValueError: only one tolerance is given.
        TypeError: they are nothing that can be compared.

    >>> assert_close(1.0, 1.0 + 1e-9)

    Source: ``torch.testing.assert_close``.
    """
    check = _Check(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_stride)
    text = check.compare(actual, expected, ())
    if text is not None:
        raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


_LOOSER = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Assert that tensors are nearly equal, whatever their dtypes; ``assert_close`` replaces it.

    Args:
        actual, expected: tensors, or what tensors are made of.
        rtol, atol: tolerances, both or none.

    Source: ``torch.testing.assert_allclose``.
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a "
        "future release. Please use `torch.testing.assert_close()` instead. You can find detailed "
        "upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, Tensor):
        actual = FUNCTIONS["tensor"](actual)
    if not isinstance(expected, Tensor):
        expected = FUNCTIONS["tensor"](expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        pairs = [
            _LOOSER.get(t.dtype._name) or _TOLERANCES.get(t.dtype._name, (0.0, 0.0))
            for t in (actual, expected)
        ]
        rtol, atol = max(p[0] for p in pairs), max(p[1] for p in pairs)
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip


class _Check:
    """A comparison with its options; each method returns what is wrong, or None."""

    def __init__(
        self, subclasses: bool, rtol: float | None, atol: float | None, equal_nan: bool,
        device: bool, dtype: bool, stride: bool,
    ) -> None:  # fmt: skip
        self.subclasses = subclasses
        self.given = None if rtol is None or atol is None else (rtol, atol)
        self.alone = None
        if (rtol is None) != (atol is None):
            self.alone = "rtol" if rtol is None else "atol"
        self.equal_nan = equal_nan
        self.device = device
        self.dtype = dtype
        self.stride = stride

    def compare(self, a: Any, b: Any, path: tuple[Any, ...]) -> str | None:
        """What is wrong, and with which item."""
        if _is_sequence(a) and _is_sequence(b):
            if len(a) != len(b):
                raise AssertionError(
                    self.at(f"The length of the sequences mismatch: {len(a)} != {len(b)}", path)
                )
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                text = self.compare(x, y, (*path, i))
                if text is not None:
                    return text
            return None
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if set(a) != set(b):
                missing = sorted(set(b) - set(a), key=str)
                extra = sorted(set(a) - set(b), key=str)
                text = "The keys of the mappings do not match:"
                if missing:
                    text += f"\nMissing keys in the actual mapping: {missing}"
                if extra:
                    text += f"\nAdditional keys in the actual mapping: {extra}"
                raise AssertionError(self.at(text, path))
            for key in b:
                text_ = self.compare(a[key], b[key], (*path, key))
                if text_ is not None:
                    return text_
            return None
        text_ = self.leaf(a, b, path)
        return None if text_ is None else self.at(text_, path)

    @staticmethod
    def at(text: str, path: tuple[Any, ...]) -> str:
        """A message with the place of the item."""
        if not path:
            return text
        place = "".join(f"[{key!r}]" for key in path)
        return f"{text}\n\nThe failure occurred for item {place}"

    def both(self, path: tuple[Any, ...]) -> None:
        """Refuse one tolerance without the other."""
        if self.alone is not None:
            raise ValueError(self.at(
                "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                f"{self.alone}.", path,
            ))  # fmt: skip

    def leaf(self, a: Any, b: Any, path: tuple[Any, ...]) -> str | None:
        """What is wrong with two items."""
        if a is None or b is None:
            if a is b:
                return None
            return f"None mismatch: {a} is not {b}"
        if isinstance(a, bool) and isinstance(b, bool):
            return None if a is b else f"Booleans mismatch: {a} is not {b}"
        if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
            self.both(path)
            if self.dtype and type(a) is not type(b):
                return f"The (d)types do not match: {type(a)} != {type(b)}."
            return self.numbers(a, b, *self.tolerances_of(type(a), type(b)))
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            a, b = make(a), make(b)
        related = self.subclasses or type(a) is type(b)
        if isinstance(a, Tensor) and isinstance(b, Tensor) and related:
            self.both(path)
            return self.tensors(a, b)
        refuse_foreign("assert_close", (a, b))
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}."
        )

    def tolerances_of(self, *types: type) -> tuple[float, float]:
        """Those of Python's numbers."""
        if self.given is not None:
            return self.given
        return (1e-7, 1e-7) if float in types or complex in types else (0.0, 0.0)

    def numbers(self, a: Any, b: Any, rtol: float, atol: float) -> str | None:
        """What is wrong with two numbers."""
        if a == b or (self.equal_nan and a != a and b != b):
            return None
        difference = abs(a - b)
        finite = math.isfinite(difference)
        if finite and difference <= atol + rtol * abs(b):
            return None
        exact = rtol == atol == 0
        relative = difference / abs(b) if b else math.inf
        text = f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {b} but got {a}.\n"
        text += f"Absolute difference: {difference}"
        text += "\n" if exact else f" (up to {atol} allowed)\n"
        text += f"Relative difference: {relative}"
        return text if exact else f"{text} (up to {rtol} allowed)"

    def tensors(self, a: Tensor, b: Tensor) -> str | None:
        """What is wrong with two tensors."""
        x, y = a._np, b._np
        if x.shape != y.shape:
            return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}."
        if self.dtype and x.dtype != y.dtype:
            return f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}."
        if self.stride and strides_of(x) != strides_of(y):
            return (
                f"The values for attribute 'stride()' do not match: {strides_of(x)} != "
                f"{strides_of(y)}."
            )
        if is_meta(a) or is_meta(b):
            if self.device and a.device != b.device:
                return (
                    f"The values for attribute 'device' do not match: {a.device} != {b.device}."
                )
            return None
        pairs = [_TOLERANCES.get(t.dtype._name, (0.0, 0.0)) for t in (a, b)]
        rtol, atol = self.given or (max(p[0] for p in pairs), max(p[1] for p in pairs))
        if not x.shape:
            return self.numbers(a.item(), b.item(), rtol, atol)
        return self.arrays(_wide(x), _wide(y), rtol, atol)

    def arrays(self, x: Any, y: Any, rtol: float, atol: float) -> str | None:
        """What is wrong with two arrays of one shape."""
        with np.errstate(all="ignore"):
            close = np.isclose(x, y, rtol, atol, self.equal_nan)
            if close.all():
                return None
            difference = np.abs(x - y)
            relative = difference / np.abs(y)
        difference = np.where(close, 0, difference)
        relative = np.where(close, 0, relative)
        wrong, total = int((~close).sum()), close.size
        exact = rtol == atol == 0
        lines = [
            f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
            f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})",
        ]
        for kind, values, limit in (
            ("absolute", difference, atol), ("relative", relative, rtol),
        ):  # fmt: skip
            at = int(values.argmax())
            place = tuple(int(i) for i in np.unravel_index(at, x.shape))
            line = f"Greatest {kind} difference: {values.reshape(-1)[at].item()} at index {place}"
            lines.append(line if exact else f"{line} (up to {limit} allowed)")
        return "\n".join(lines)


def _wide(array: Any) -> Any:
    """Values whose differences are exact enough, and have a sign."""
    if array.dtype.kind in "bui":
        return array.astype(np.int64)
    if array.dtype.itemsize == 2:
        return array.astype(np.float32)
    return array


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random numbers for tests.

    Args:
        shape: the sizes.
        dtype: of the numbers.
        low, high: their limits; -9 and 9 by default, 0 and 9 for bytes.
        noncontiguous: whether there are gaps in its memory.
        exclude_zero: whether zeros become the smallest numbers beside it.

    Raises:
        ValueError: the limits are out of order.

    Source: ``torch.testing.make_tensor``.
    """
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    limits = {0: (0, 2), 1: (-9, 10), 2: (-9, 9), 3: (-9, 9)}[dtype.kind]
    if dtype is dtypes.uint8:
        limits = (0, 10)
    bottom = limits[0] if low is None else low
    top = limits[1] if high is None else high
    if bottom > top or (bottom == top and dtype.kind < 2):
        raise ValueError(
            f"make_tensor: Expected low < high, but got low={bottom!r} and high={top!r}."
        )
    if dtype.kind < 2:
        made = FUNCTIONS["randint"](math.floor(bottom), math.ceil(top), size, dtype=dtype)
    else:
        made = FUNCTIONS["empty"](size, dtype=dtype).uniform_(bottom, top)
    if noncontiguous and made._np.size > 1:
        wide = np.zeros((*made._np.shape, 2), made._np.dtype)
        wide[..., 0] = made._np
        made = make(wide[..., 0])
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        small = 1 if dtype.kind < 2 else np.finfo(made._np.dtype).tiny
        made._np[made._np == 0] = small
    if requires_grad:
        made.requires_grad = True
    return made

"""The text of a tensor, character for character as PyTorch prints it.

Everything here takes NumPy arrays and ready texts, and reads its options from
:data:`functorch_lite.torch._object.print_options.PRINT_OPTS`.

>>> import numpy as np
>>> from functorch_lite.torch._object.printing import tensor_text
>>> print(tensor_text(np.array([[1.0, -2.5], [0.0, 100.0]]), "float64"))
tensor([[  1.0000,  -2.5000],
        [  0.0000, 100.0000]])

The numbers that are shown become one flat list of texts of equal width, which is then folded up
axis by axis from the innermost one.  Of a tensor beyond the threshold, only a view of its corners
is ever read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.lib.stride_tricks import as_strided

from functorch_lite.torch._object.print_options import PRINT_OPTS

__all__ = [
    "close_text",
    "contents_text",
    "needs_dtype_suffix",
    "tensor_text",
    "value_suffixes",
]

_INTEGRAL, _FLOATING, _COMPLEX = range(3)

_KINDS = dict.fromkeys(
    ("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"), _INTEGRAL
)
_KINDS |= dict.fromkeys(
    ("float16", "bfloat16", "float32", "float64")
    + ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    _FLOATING,
)
_KINDS |= dict.fromkeys(("complex64", "complex128"), _COMPLEX)
_KINDS |= {f"torch.{name}": kind for name, kind in _KINDS.items()}


def tensor_text(
    values: np.ndarray,
    dtype_name: str,
    *,
    prefix: str = "tensor(",
    suffixes: Sequence[str] = (),
    indent: int = 0,
) -> str:
    """The whole text of a tensor.

    Args:
        values: its numbers, an array of any shape whose dtype can hold those of dtype_name.
        dtype_name: its dtype, "float32" or "torch.float32".
        prefix: what stands before the numbers.
        suffixes: what stands behind them, such as "dtype=torch.float64" or "requires_grad=True".
        indent: the column where the text begins.

    Returns:
        The text up to the closing parenthesis.

    Raises:
        KeyError, OverflowError, RuntimeError, ValueError: as ``contents_text``.

    >>> print(tensor_text(np.zeros(2, np.float16), "float16", suffixes=["dtype=torch.float16"]))
    tensor([0., 0.], dtype=torch.float16)

    Source: ``torch._tensor_str``.
    """
    column = indent + len(prefix)
    text = prefix + contents_text(values, dtype_name, column)
    if not suffixes:
        return text + ")"
    return close_text(text, suffixes, column, indent)


def contents_text(values: np.ndarray, dtype_name: str, indent: int) -> str:
    """The numbers of a tensor in their brackets.

    Args:
        values: an array of any shape.
        dtype_name: its dtype, "float32" or "torch.float32".
        indent: the column of the first bracket, which rows below it are aligned to.

    Returns:
        The text of the numbers, "[]" where there are none.

    Raises:
        KeyError: dtype_name is none of the dtypes that can be printed.
        OverflowError: the linewidth among the options is infinite.
        RuntimeError: edgeitems is negative, and a matrix is to be summarised.
        ValueError: the precision among the options is not a whole number from zero on.

    >>> contents_text(np.arange(3), "int64", 0)
    '[0, 1, 2]'

    Source: ``torch._tensor_str._tensor_str``.
    """
    kind = _KINDS[dtype_name]
    shape = values.shape
    if not values.size:
        return "[]"
    heads: list[int] | None = None
    if values.size > PRINT_OPTS.threshold and shape:
        if not PRINT_OPTS.edgeitems:
            return "[...]"
        values, shape, heads = _corners(values, PRINT_OPTS.edgeitems)
    flat = values.ravel().tolist()
    if kind == _FLOATING:
        cells, width = _float_cells(flat)
    elif kind == _INTEGRAL:
        cells = list(map(str, flat))
        width = max(map(len, cells), default=1)
        cells = [cell.rjust(width) for cell in cells]
    else:
        cells, width = _complex_cells(flat)
    if not shape:
        return cells[0]
    return _nested(cells, shape, heads, width, indent)


def close_text(text: str, suffixes: Sequence[str], column: int, indent: int = 0) -> str:
    """Put what follows the numbers behind them, and close the parenthesis.

    Args:
        text: prefix and numbers.
        suffixes: ready texts; one that would pass the end of the line begins a new one.
        column: where such a new line begins.
        indent: the column where text begins.

    Returns:
        The text up to the closing parenthesis.

    >>> close_text("tensor(...", ["device='meta'", "size=(2, 3)"], 7)
    "tensor(..., device='meta', size=(2, 3))"

    Source: ``torch._tensor_str._add_suffixes``.
    """
    linewidth = PRINT_OPTS.linewidth
    line_start = text.rfind("\n") + 1
    # PyTorch holds two columns back on the line of the numbers, but none on the lines below.
    used = len(text) - line_start + 2
    if not line_start:
        used += indent
    for suffix in suffixes:
        room = len(suffix)
        if used + room + 2 > linewidth:
            text += ",\n" + " " * column + suffix
            used = column + room
        else:
            text += ", " + suffix
            used += room + 2
    return text + ")"


def needs_dtype_suffix(dtype_name: str, default_dtype_name: str, numel: int) -> bool:
    """Whether ``dtype=`` is printed, because the numbers alone would not bring the dtype back.

    Args:
        dtype_name: the tensor's dtype, "float32" or "torch.float32".
        default_dtype_name: the default floating-point dtype, named either way.
        numel: how many elements the tensor has.

    Returns:
        False for the default dtype, its complex dtype, int64 and bool; an empty tensor is
        printed without its dtype only where that is the default one.

    >>> needs_dtype_suffix("int64", "float32", 3), needs_dtype_suffix("int64", "float32", 0)
    (False, True)

    Source: ``torch._tensor_str``.
    """
    name = dtype_name.removeprefix("torch.")
    default = default_dtype_name.removeprefix("torch.")
    if name == default:
        return False
    if not numel:
        return True
    if name == "int64" or name == "bool":
        return False
    # Half-precision defaults have complex64 for their complex dtype here, as float32 does.
    return name != ("complex128" if default == "float64" else "complex64")


def value_suffixes(shape: Sequence[int], dtype_name: str, default_dtype_name: str) -> list[str]:
    """The suffixes that shape and dtype call for: they follow ``device=``, before the gradient's.

    Args:
        shape: the tensor's shape.
        dtype_name: the tensor's dtype, "float32" or "torch.float32".
        default_dtype_name: the default floating-point dtype, named either way.

    Returns:
        The texts of ``size=`` and ``dtype=``, each only where PyTorch prints it.

    >>> value_suffixes((0, 3), "int32", "float32")
    ['size=(0, 3)', 'dtype=torch.int32']
    >>> value_suffixes((2, 3), "float32", "float32")
    []

    Source: ``torch._tensor_str``.
    """
    numel = math.prod(shape)
    suffixes = []
    if (len(shape) != 1) if not numel else (not PRINT_OPTS.edgeitems):
        suffixes.append(f"size={tuple(shape)}")
    if needs_dtype_suffix(dtype_name, default_dtype_name, numel):
        suffixes.append("dtype=torch." + dtype_name.removeprefix("torch."))
    return suffixes


def _corners(values: np.ndarray, edge: int) -> tuple[np.ndarray, tuple[int, ...], list[int] | None]:
    """A view of what a summary shows, its shape, and after how many entries an axis leaves out."""
    if edge < 0 and values.ndim > 1:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape: list[int] = []
    heads: list[int] = []
    split: list[int] = []
    strides: list[int] = []
    for size, stride in zip(values.shape, values.strides, strict=True):
        if size > 2 * edge:
            # Both ends are equally long, so the pair of them is an axis of its own.
            head = edge if edge > 0 else max(size + edge, 0)
            shape.append(2 * head)
            heads.append(head)
            split += 2, head
            strides += (size - head) * stride, stride
        else:
            shape.append(size)
            heads.append(-1)
            split.append(size)
            strides.append(stride)
    if len(split) == len(shape):
        return values, values.shape, None
    # `as_strided` goes by the dtype's letter, and those of ml_dtypes mean nothing to NumPy.
    raw = as_strided(values.view(f"V{values.itemsize}"), split, strides, writeable=False)
    return raw.view(values.dtype), tuple(shape), heads


def _float_cells(flat: list[float]) -> tuple[list[str], int]:
    """The texts of floats, all in one notation, and the width that lines are counted with."""
    live = [value for value in flat if value and isfinite(value)]
    if not live:
        return [f"{value:.0f}." if isfinite(value) else str(value) for value in flat], 1
    top = max(live)
    bottom = min(live)
    precision = PRINT_OPTS.precision
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        high = max(top, -bottom)
        low = min(map(abs, live))
        scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
    if scientific:
        show = f"{{:.{precision}e}}".format
        width = max(map(len, map(show, live)))
        return list(map(f"{{:{width}.{precision}e}}".format, flat)), width
    # Zeros, infinities and NaNs do not widen the column, even where they stick out of it.  Among
    # the others, texts grow with the distance from zero, so the extremes have the longest.
    if all(map(float.is_integer, live)):
        width = max(len(f"{top:.0f}."), len(f"{bottom:.0f}."))
        whole = f"{{:{width - 1}.0f}}.".format
        if len(live) == len(flat):
            return list(map(whole, flat)), width
        return [whole(v) if isfinite(v) else str(v).rjust(width) for v in flat], width
    show = f"{{:.{precision}f}}".format
    width = max(len(show(top)), len(show(bottom)))
    return list(map(f"{{:{width}.{precision}f}}".format, flat)), width


def _complex_cells(flat: list[complex]) -> tuple[list[str], int]:
    """The texts of complex numbers, both parts each in one notation, and their width."""
    reals, real_width = _float_cells([value.real for value in flat])
    imags, imag_width = _float_cells([value.imag for value in flat])
    cells = []
    for real, padded in zip(reals, imags, strict=True):
        imag = padded.lstrip()
        cells.append(f"{real}{imag}j" if imag[0] == "-" else f"{real}+{imag}j")
    return cells, real_width + imag_width + 1


def _nested(
    cells: list[str], shape: tuple[int, ...], heads: list[int] | None, width: int, indent: int
) -> str:
    """The cells in the brackets of all axes, folded up from the last axis to the first."""
    outer = len(shape) - 1
    column = indent + outer
    # A true quotient, not `//`: an infinite linewidth has to be PyTorch's OverflowError.
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - column) / (width + 2)))
    head = -1 if heads is None else heads[-1]
    line_break = ",\n" + " " * (column + 1)
    if not outer:
        return _row(cells, head, per_line, line_break)
    step = shape[-1]
    texts = [
        _row(cells[start : start + step], head, per_line, line_break)
        for start in range(0, len(cells), step)
    ]
    for axis in range(outer - 1, -1, -1):
        step = shape[axis]
        head = -1 if heads is None else heads[axis]
        between = "," + "\n" * (outer - axis) + " " * (indent + axis + 1)
        groups = [texts[start : start + step] for start in range(0, len(texts), step)]
        if head >= 0:
            for group in groups:
                group.insert(head, "...")
        texts = [f"[{between.join(group)}]" for group in groups]
    return texts[0]


def _row(cells: list[str], head: int, per_line: int, line_break: str) -> str:
    """One row in its brackets, on as many lines as it takes."""
    if head >= 0:
        cells.insert(head, " ...")
    if len(cells) <= per_line:
        return f"[{', '.join(cells)}]"
    lines = [", ".join(cells[start : start + per_line]) for start in range(0, len(cells), per_line)]
    return f"[{line_break.join(lines)}]"

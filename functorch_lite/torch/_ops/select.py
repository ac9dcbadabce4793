"""Views that pick elements by position: select, slice, narrow, diagonals, windows, parts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import override, overrides, public
from functorch_lite.torch._core.tensor import Tensor, memory, share, strides_of
from functorch_lite.torch._core.view import (
    as_strided_backward,
    contiguous_strides,
    inherit,
    view_of,
)
from functorch_lite.torch._meta.symbol import is_meta, over_memory
from functorch_lite.torch._ops import select_inplace, select_many
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.select_basic import embedded, selected, sliced, strided_data
from functorch_lite.torch._ops.shape import dimension, permuted

__all__ = ["diagonal_geometry", "select_inplace", "select_many"]


# --------------------------------------------------------------------------------- one dimension
@public("select")
def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The part at one position of a dimension, without that dimension.

    Raises:
        IndexError: no such dimension or position.

    Source: ``torch.select``.
    """
    shape = input._np.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = dimension(dim, len(shape))
    place = index.__index__()
    if not -shape[at] <= place < shape[at]:
        raise IndexError(
            f"select(): index {place} out of range for tensor of size {list(shape)} at dimension "
            f"{at}"
        )
    return selected(input, at, place)


@public("narrow")
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """``length`` positions of a dimension, from ``start`` on.

    Raises:
        RuntimeError: they are not all there.

    Source: ``torch.narrow``.
    """
    at, first = narrowed(input, dim, start, length)
    return sliced(input, at, first, first + length, 1)


def narrowed(t: Tensor, dim: int, start: Any, length: int) -> tuple[int, int]:
    shape = t._np.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    at = dimension(dim, len(shape))
    n = shape[at]
    if isinstance(start, Tensor) and (start._np.ndim or start._np.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    first = start.__index__()
    if not -n <= first <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {first})"
        )
    if first < 0:
        first += n
    if first + length > n:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({n}).")
    return at, first


# ------------------------------------------------------------------------------------ diagonals
def diagonal_geometry(
    size: Sequence[int], stride: Sequence[int], offset: int, dim1: int, dim2: int
) -> tuple[list[int], list[int], int]:
    """Sizes, strides and first position of the diagonals of two dimensions, which go last."""
    rows, columns = size[dim1], size[dim2]
    if offset >= 0:
        count = max(min(rows, columns - offset), 0)
        start = offset * stride[dim2]
    else:
        count = max(min(rows + offset, columns), 0)
        start = -offset * stride[dim1]
    kept = [i for i in range(len(size)) if i not in (dim1, dim2)]
    return (
        [*[size[i] for i in kept], count],
        [*[stride[i] for i in kept], stride[dim1] + stride[dim2]],
        start if count else 0,
    )


@public("diagonal")
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of two dimensions, as the last dimension.

    Args:
        offset: how far above the main diagonal; below it if negative.

    Raises:
        RuntimeError: both dimensions are one.

    >>> import functorch_lite.torch as torch
    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]])).tolist()
    [1, 4]

    Source: ``torch.diagonal``.
    """
    array = input._np
    shape = array.shape
    a, b = dimension(dim1, len(shape)), dimension(dim2, len(shape))
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size, stride, start = diagonal_geometry(shape, strides_of(array), offset, a, b)

    def backward(g: Tensor) -> Tensor:
        def part(data: Any) -> Any:
            return strided_data(
                data, *diagonal_geometry(data.shape, strides_of(data), offset, a, b)
            )

        return embedded(
            g, shape, part, "DiagonalBackwardBackward0", lambda h: diagonal(h, offset, a, b)
        )

    return view_of(input, size, stride, input._offset + start, "DiagonalBackward0", backward)


# -------------------------------------------------------------------------------------- windows
@public("unfold", function=False)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of a dimension, as a last dimension; windows share memory.

    Args:
        dimension: the dimension.
        size: of a window.
        step: from one window to the next.

    Source: ``torch.Tensor.unfold``.
    """
    array = self._np
    shape = array.shape
    at = _dimension(dimension, len(shape))
    n = shape[at] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {at} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    out_size, stride = _windows(shape, strides_of(array), at, n, size, step)
    whole = contiguous_strides(shape)
    part = (out_size, _windows(shape, whole, at, n, size, step)[1], 0)
    return view_of(
        self, out_size, stride, self._offset, "UnfoldBackward0",
        lambda g: as_strided_backward(g, (shape, whole, 0), part),
    )  # fmt: skip


_dimension = dimension


def _windows(
    shape: Sequence[int], strides: Sequence[int], at: int, n: int, size: int, step: int
) -> tuple[list[int], list[int]]:
    if not shape:
        return [size], [1]
    found = [*shape, size]
    found[at] = (n - size) // step + 1
    stride = [*strides, strides[at]]
    stride[at] *= step
    return found, stride


# ----------------------------------------------------------------------------------- transposes
_told: set[str] = set()


def _tell_once(name: str, text: str) -> None:
    if name not in _told:
        _told.add(name)
        warnings.warn(text, UserWarning, stacklevel=3)


def _transposed(t: Tensor) -> Tensor:
    ndim = t._np.ndim
    if not ndim:
        _tell_once(
            "T0",
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.",
        )
    elif ndim != 2:
        _tell_once(
            "T",
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
        )
    array = t._np
    return view_of(
        t, array.shape[::-1], strides_of(array)[::-1], t._offset, "PermuteBackward0", _reversed
    )


def _reversed(g: Tensor) -> Tensor:
    return permuted(g, range(g._np.ndim - 1, -1, -1))


def _matrix_transposed(t: Tensor, name: str = "tensor.mT") -> Tensor:
    ndim = t._np.ndim
    if not ndim and name == "tensor.mT":
        _tell_once(
            "mT",
            "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.",
        )
        return t
    if ndim < 2:
        raise RuntimeError(
            f"{name} is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        )
    found: Tensor = t.transpose(-2, -1)
    return found


def _conjugated(t: Tensor) -> Tensor:
    return t.conj() if t._np.dtype.kind == "c" else t


def _adjoint_of(t: Tensor) -> Tensor:
    return _conjugated(_matrix_transposed(t, "tensor.mH"))


def _hermitian(t: Tensor) -> Tensor:
    ndim = t._np.ndim
    if not ndim:
        _tell_once("H", "Tensor.H is deprecated on 0-D tensors. Consider using x.conj().")
        return _conjugated(t)
    if ndim != 2:
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if ndim > 2 else "")
        )
    return _conjugated(_matrix_transposed(t))


@public("adjoint")
def adjoint(input: Tensor) -> Tensor:
    """The conjugate with the last two dimensions exchanged. Source: ``torch.adjoint``."""
    return _conjugated(_matrix_transposed(input, "tensor.adjoint()"))


def _overridable(read: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What a property reads, for recorders to see as well."""

    def get(self: Tensor) -> Tensor:
        if overrides.known:
            handled = override(get, (self,), {})
            if handled is not NotImplemented:
                return handled
        return read(self)

    get.__name__ = read.__name__
    return get


for _name, _get, _doc in (
    ("T", _transposed, "The dimensions in reverse order."),
    ("mT", _matrix_transposed, "The last two dimensions exchanged."),
    ("H", _hermitian, "The conjugate transpose of a matrix."),
    ("mH", _adjoint_of, "The conjugate with the last two dimensions exchanged."),
):
    _doc = f"{_doc} Source: ``torch.Tensor.{_name}``."
    setattr(Tensor, _name, property(_overridable(_get), doc=_doc))


# --------------------------------------------------------------------------------- complex parts
@public("view_as_real", methods=False)
def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary parts over the same memory, as a last dimension.

    Source: ``torch.view_as_real``.
    """
    array = input._np
    if array.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    memory(input)
    part: Any = array.real
    if is_meta(input):
        steps = (*strides_of(part), 1)
        data: Any = over_memory(part.storage, part.dtype, (*array.shape, 2), steps, part.offset)
    else:
        strides = (*array.strides, part.itemsize)
        data = np.lib.stride_tricks.as_strided(part, (*array.shape, 2), strides)
    out = share(input, data, input._offset * 2)
    return inherit(input, out, "ViewAsRealBackward0", lambda g: view_as_complex(g.contiguous()))


@public("view_as_complex", methods=False)
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs in the last dimension as complex numbers over the same memory.

    Source: ``torch.view_as_complex``.
    """
    array = input._np
    if array.dtype.kind != "f" or array.itemsize < 4:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {input.dtype.scalar_name}"
        )
    if not array.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    strides = strides_of(array)
    if strides[-1] != 1 and array.size:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if input._offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    if any(s % 2 for s in strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    memory(input)
    wide = input.dtype.to_complex().np
    if array.size:
        data = array.view(wide)[..., 0]
    else:  # NumPy's strides of what is empty may be all zero, and then it sees no line of pairs
        data = array.reshape(-1).view(wide).reshape(array.shape[:-1])
    out = share(input, data, input._offset // 2)
    return inherit(input, out, "ViewAsComplexBackward0", view_as_real)


@public("real", methods=False)
def real(input: Tensor) -> Tensor:
    """The real part: a view of complex tensors, others as they are. Source: ``torch.real``."""
    if input._np.dtype.kind != "c":
        return input
    return selected(view_as_real(input), input._np.ndim, 0)


@public("imag", methods=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary part, a view.

    Raises:
        RuntimeError: the tensor is not complex.

    Source: ``torch.imag``.
    """
    if input._np.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return selected(view_as_real(input), input._np.ndim, 1)


def _set_real(t: Tensor, value: Any) -> None:
    real(t).copy_(value if not isinstance(value, Tensor) else cast(value, real(t).dtype))


def _set_imag(t: Tensor, value: Any) -> None:
    imag(t).copy_(value)


for _name, _read, _write in (("real", real, _set_real), ("imag", imag, _set_imag)):
    setattr(Tensor, _name, property(_read, _write, doc=f"{_read.__doc__}"))

"""Views by size and stride, and what changes the shape: the rules are PyTorch's, on integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch._core.dtypes import PYTHON_TYPES
from functorch_lite.torch._core.layout import contiguous_format
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor, memory, share, strides_of
from functorch_lite.torch._core.view import (
    as_strided_backward,
    contiguous_strides,
    geometry,
    view_of,
)

__all__ = ["dimension", "infer_size", "sizes", "view_strides"]


# --------------------------------------------------------------------------------------- arguments
def sizes(given: Sequence[Any], name: str = "size") -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    if len(given) == 1 and isinstance(given[0], (tuple, list, Size)):
        given = given[0]
    return tuple([as_int(n, name) for n in given])


def as_int(n: Any, name: str) -> int:
    """An integer argument; tensors of one integer will do."""
    if n.__class__ is int:
        found: int = n
        return found
    if isinstance(n, float) or not hasattr(n, "__index__"):
        raise TypeError(
            f"argument '{name}' must be tuple of ints, but found element of type {type(n).__name__}"
        )
    return n.__index__()


def dimension(dim: Any, ndim: int) -> int:
    """A dimension counted from the front.

    Raises:
        IndexError: there is no such dimension.
    """
    top = ndim if ndim else 1
    if not -top <= dim < top:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-top}, {top - 1}], but got "
            f"{dim})"
        )
    return dim + top if dim < 0 else dim


def infer_size(size: Sequence[int], count: int) -> tuple[int, ...]:
    """Sizes with -1 replaced by what is left.

    Raises:
        RuntimeError: they do not hold ``count`` elements.
    """
    unknown = -1
    known = 1
    for i, n in enumerate(size):
        if n == -1:
            if unknown >= 0:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(size)}")
        else:
            known *= n
    if unknown < 0:
        if known != count:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
        return tuple(size)
    if known == 0:
        if count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
    if count % known:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
    return (*size[:unknown], count // known, *size[unknown + 1 :])


def view_strides(
    old_size: Sequence[int], old_stride: Sequence[int], size: Sequence[int]
) -> tuple[int, ...] | None:
    """Strides of the same elements under other sizes; None if they cannot be a view.

    Runs of dimensions that lie one behind the other in memory are cut up anew.
    """
    if not math.prod(old_size):
        return tuple(old_stride) if tuple(size) == tuple(old_size) else contiguous_strides(size)
    if not old_size:
        return (1,) * len(size)
    found = [0] * len(size)
    at = len(size) - 1
    run = 1
    taken = 1
    base = old_stride[-1]
    for d in range(len(old_size) - 1, -1, -1):
        run *= old_size[d]
        ends = d == 0 or (old_size[d - 1] != 1 and old_stride[d - 1] != run * base)
        if not ends:
            continue
        while at >= 0 and (taken < run or size[at] == 1):
            found[at] = taken * base
            taken *= size[at]
            at -= 1
        if taken != run:
            return None
        if d > 0:
            base = old_stride[d - 1]
            run = taken = 1
    return tuple(found) if at == -1 else None


# --------------------------------------------------------------------------------------- metadata
@method()
def size(self: Tensor, dim: int | None = None) -> Any:
    """The sizes, or one of them. Source: ``torch.Tensor.size``."""
    shape = self._np.shape
    return Size(shape) if dim is None else shape[dimension(dim, len(shape))]


@method()
def stride(self: Tensor, dim: int | None = None) -> Any:
    """The strides in elements, or one of them. Source: ``torch.Tensor.stride``."""
    found = strides_of(self._np)
    return found if dim is None else found[dimension(dim, len(found))]


@method()
def storage_offset(self: Tensor) -> int:
    """Where it begins in its storage, in elements. Source: ``torch.Tensor.storage_offset``."""
    memory(self)
    return self._offset


@method("dim", "ndimension")
def dim_(self: Tensor) -> int:
    """Number of dimensions. Source: ``torch.Tensor.dim``."""
    return self._np.ndim


@public("numel")
def numel(input: Tensor) -> int:
    """Number of elements. Source: ``torch.numel``."""
    return input._np.size


@method("nelement")
def nelement(self: Tensor) -> int:
    """Number of elements. Source: ``torch.Tensor.nelement``."""
    return self._np.size


# ------------------------------------------------------------------------------------------- views
@method()
def view(self: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same memory under other sizes, or as another dtype.

    Raises:
        RuntimeError: the elements do not lie in memory as the sizes need.

    Source: ``torch.Tensor.view``.
    """
    if len(shape) == 1 and shape[0].__class__ is type:
        dtype = PYTHON_TYPES.get(shape[0])
    if dtype is not None or (len(shape) == 1 and hasattr(shape[0], "np")):
        return _view_dtype(self, shape[0] if dtype is None else dtype)
    if size is None:
        if not shape:
            raise TypeError("view() received an invalid combination of arguments - got ()")
        size = shape
    else:
        size = (size,)
    array = self._np
    size = infer_size(sizes(size, "size"), array.size)
    stride = view_strides(array.shape, strides_of(array), size)
    if stride is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return _viewed(self, size, stride)


def _viewed(
    t: Tensor, size: Sequence[int], stride: Sequence[int], name: str = "ViewBackward0"
) -> Tensor:
    before = t._np.shape
    return view_of(t, size, stride, t._offset, name, lambda g: g.reshape(before))


def _view_dtype(t: Tensor, dtype: Any) -> Tensor:
    array = t._np
    old, new = array.itemsize, dtype.np.itemsize
    if old == new:
        data = array.view(dtype.np)
        offset = t._offset
    else:
        if not array.ndim:
            raise RuntimeError(
                "self.dim() cannot be 0 to view "
                f"{t.dtype.scalar_name} as {dtype.scalar_name} (different element sizes)"
            )
        if array.size and strides_of(array)[-1] != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {t.dtype.scalar_name} as {dtype.scalar_name} "
                f"(different element sizes), but got {strides_of(array)[-1]}"
            )
        if new > old:
            _divisible(t, dtype, new // old)
        data = array.view(dtype.np)
        offset = t._offset * old // new
    return share(t, data, offset)  # without a gradient, even to the same dtype


def _divisible(t: Tensor, dtype: Any, ratio: int) -> None:
    """Refuse to view pairs of elements as one where they do not lie in pairs."""
    strides = strides_of(t._np)
    memory(t)
    for what, n in (
        ("size(-1)", t._np.shape[-1]),
        ("storage_offset()", t._offset),
        *[(f"stride({d})", s) for d, s in enumerate(strides[:-1])],
    ):
        if n % ratio:
            raise RuntimeError(
                f"self.{what} must be divisible by {ratio} to view {t.dtype.scalar_name} as "
                f"{dtype.scalar_name} (different element sizes), but got {n}"
            )


@method()
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same memory under the sizes of another tensor. Source: ``torch.Tensor.view_as``."""
    return self.view(other._np.shape)


@public("reshape", function=False)
def _reshape_method(self: Tensor, *given: Any, shape: Any = None) -> Tensor:
    """A view under other sizes if memory allows it, else a copy. Source: ``torch.reshape``."""
    return reshape_to(self, sizes(given if shape is None else (shape,), "shape"))


@public("reshape", methods=False)
def _reshape(input: Tensor, shape: Any) -> Tensor:
    """A view under other sizes if memory allows it, else a copy. Source: ``torch.reshape``."""
    return reshape_to(input, sizes((shape,), "shape"))


def reshape_to(t: Tensor, shape: Sequence[int]) -> Tensor:
    """What ``reshape`` does."""
    array = t._np
    size = infer_size(shape, array.size)
    stride = view_strides(array.shape, strides_of(array), size)
    if stride is not None:
        whole = array.flags.c_contiguous
        return _viewed(t, size, stride, "ViewBackward0" if whole else "ReshapeAliasBackward0")
    made = t.clone(memory_format=contiguous_format)
    out = view_of(made, size, contiguous_strides(size), made._offset, "UnsafeViewBackward0",
                  _reshaping(made._np.shape))  # fmt: skip
    out._view = None
    return out


def _reshaping(size: Sequence[int]) -> Callable[[Tensor], Tensor]:
    return lambda g: g.reshape(size)


@method()
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Like ``reshape`` to the sizes of another tensor. Source: ``torch.Tensor.reshape_as``."""
    return reshape_to(self, other._np.shape)


@public("flatten")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Some dimensions as one. Source: ``torch.flatten``."""
    shape = input._np.shape
    first, last = dimension(start_dim, len(shape)), dimension(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape_to(input, (1,))
    if first == last:
        return input
    middle = math.prod(shape[first : last + 1])
    return reshape_to(input, (*shape[:first], middle, *shape[last + 1 :]))


@public("ravel")
def ravel(input: Tensor) -> Tensor:
    """All dimensions as one. Source: ``torch.ravel``."""
    return input.contiguous().view(-1)


@public("unflatten")
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension as several. Source: ``torch.unflatten``."""
    shape = input._np.shape
    at = dimension(dim, len(shape))
    return reshape_to(input, (*shape[:at], *infer_size(tuple(sizes), shape[at]), *shape[at + 1 :]))


@public("as_strided")
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Any strided view of the storage.

    Raises:
        RuntimeError: it reaches outside the storage.

    Source: ``torch.as_strided``.
    """
    size, stride = tuple(size), tuple(stride)
    offset = input._offset if storage_offset is None else storage_offset
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    if any(n < 0 for n in size):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and "
            f"strides={list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    item = input._np.itemsize
    total = memory(input).size
    reach = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if reach and (offset + reach) * item > total:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {item} requiring a storage size of {(offset + reach) * item} are out of "
            f"bounds for storage of size {total}"
        )
    whole, part = geometry(input), (size, stride, offset)
    return view_of(input, size, stride, offset, "AsStridedBackward0",
                   lambda g: as_strided_backward(g, whole, part))  # fmt: skip


@public("transpose", "swapaxes", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged. Source: ``torch.transpose``."""
    array = input._np
    a, b = dimension(dim0, array.ndim), dimension(dim1, array.ndim)
    size, stride = list(array.shape), list(strides_of(array))
    if size:
        size[a], size[b] = size[b], size[a]
        stride[a], stride[b] = stride[b], stride[a]
    return view_of(input, size, stride, input._offset, "TransposeBackward0",
                   lambda g: g.transpose(a, b))  # fmt: skip


@public("t")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors stay. Source: ``torch.t``."""
    array = input._np
    if array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {array.ndim}D")
    size, stride = array.shape[::-1], strides_of(array)[::-1]
    return view_of(input, size, stride, input._offset, "TBackward0", lambda g: g.t())


@public("permute", function=False)
def _permute_method(self: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """The dimensions in another order. Source: ``torch.permute``."""
    return permuted(self, sizes(given if dims is None else (dims,), "dims"))


@public("permute", methods=False)
def _permute(input: Tensor, dims: Any) -> Tensor:
    """The dimensions in another order. Source: ``torch.permute``."""
    return permuted(input, tuple(dims))


def permuted(t: Tensor, dims: Sequence[int]) -> Tensor:
    """What ``permute`` does."""
    array = t._np
    if len(dims) != array.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {array.ndim} is not "
            f"equal to len(dims) = {len(dims)}"
        )
    order = [dimension(d, array.ndim) for d in dims]
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    back = [order.index(i) for i in range(len(order))]
    strides = strides_of(array)
    return view_of(
        t, [array.shape[d] for d in order], [strides[d] for d in order], t._offset,
        "PermuteBackward0", lambda g: permuted(g, back),
    )  # fmt: skip


@public("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places. Source: ``torch.movedim``."""
    ndim = input._np.ndim
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({sources} dims) should contain the same number of dims as destination "
            f"({targets} dims)"
        )
    sources = [dimension(d, ndim) for d in sources]
    targets = [dimension(d, ndim) for d in targets]
    for name, dims, given in (
        ("source", sources, source), ("destination", targets, destination)
    ):  # fmt: skip
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    rest = iter(d for d in range(ndim) if d not in sources)
    place = dict(zip(targets, sources, strict=True))
    return permuted(input, [place[i] if i in place else next(rest) for i in range(ndim)])


@public("unsqueeze")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 inserted. Source: ``torch.unsqueeze``."""
    array = input._np
    at = dimension(dim, array.ndim + 1)
    size, stride = list(array.shape), list(strides_of(array))
    step = size[at] * stride[at] if at < array.ndim else 1
    size.insert(at, 1)
    stride.insert(at, step)
    return view_of(input, size, stride, input._offset, "UnsqueezeBackward0",
                   lambda g: g.squeeze(at))  # fmt: skip


@public("squeeze", function=False)
def _squeeze_method(self: Tensor, *dims: Any, dim: Any = None) -> Tensor:
    """Without dimensions of size 1. Source: ``torch.squeeze``."""
    if dims:
        dim = dims[0] if len(dims) == 1 else dims
    return squeezed(self, dim)


@public("squeeze", methods=False)
def _squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1. Source: ``torch.squeeze``."""
    return squeezed(input, dim)


def squeezed(t: Tensor, dim: Any) -> Tensor:
    """What ``squeeze`` does."""
    array = t._np
    before = array.shape
    if dim is None:
        gone = set(range(array.ndim))
        name = "SqueezeBackward0"
    else:
        many = isinstance(dim, (tuple, list))
        dims = [dimension(d, array.ndim) for d in (dim if many else (dim,))]
        gone = set(dims)
        for d in gone:
            if dims.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        name = "SqueezeBackward2" if many else "SqueezeBackward1"
    kept = [i for i, n in enumerate(before) if n != 1 or i not in gone]
    strides = strides_of(array)
    return view_of(
        t, [before[i] for i in kept], [strides[i] for i in kept], t._offset, name,
        lambda g: g.reshape(before),
    )  # fmt: skip


@method()
def expand(self: Tensor, *given: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 repeated without copying. Source: ``torch.Tensor.expand``."""
    return expanded(self, sizes(given if size is None else (size,), "size"))


def expanded(t: Tensor, size: Sequence[int]) -> Tensor:
    """What ``expand`` does."""
    array = t._np
    have, strides = array.shape, strides_of(array)
    new = len(size) - len(have)
    if new < 0:
        raise RuntimeError(
            f"expand({_kind(t)}{{{list(have)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(have)})"
        )
    out, steps = [0] * len(size), [0] * len(size)
    for i in range(len(size) - 1, -1, -1):
        n = size[i]
        if i < new:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, "
                    f"non-existing dimension {i}"
                )
            out[i] = n
            continue
        old = have[i - new]
        n = old if n == -1 else n
        if old not in (n, 1) or n < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: "
                f"{list(have)}"
            )
        out[i] = n
        steps[i] = strides[i - new] if n == old else 0
    # A new dimension of size 1 has the stride that a dimension there would have.
    for i in range(new - 1, -1, -1):
        if out[i] == 1:
            steps[i] = out[i + 1] * steps[i + 1] if i + 1 < len(out) else 1
    return view_of(t, out, steps, t._offset, "ExpandBackward0", lambda g: g.sum_to_size(have))


def _kind(t: Tensor) -> str:
    return f"torch.{t.type().removeprefix('torch.')}"


@method()
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to the sizes of another tensor. Source: ``torch.Tensor.expand_as``."""
    return expanded(self, other._np.shape)


@public("broadcast_to")
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Expanded to some sizes. Source: ``torch.broadcast_to``."""
    return expanded(input, tuple(size))

"""Tensors over the memory of others: how they are made, and what their gradients are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, attach, needs_grad, operation
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import (
    Tensor,
    View,
    make,
    share,
    strided,
    strides_of,
    version,
)

__all__ = ["alias", "contiguous_strides", "inherit", "view_of"]

Ints = Sequence[int]


def contiguous_strides(size: Ints) -> tuple[int, ...]:
    """Strides, in elements, of an array laid out row by row."""
    found = []
    step = 1
    for n in reversed(size):
        found.append(step)
        step *= max(n, 1)
    return tuple(reversed(found))


def view_of(
    t: Tensor,
    size: Ints,
    stride: Ints,
    offset: int,
    name: str,
    backward: Callable[[Tensor], Any],
) -> Tensor:
    """A differentiable view.

    Args:
        size, stride, offset: where it lies in the storage, in elements.
        name: of its node.
        backward: the gradient of ``t`` from that of the view; it must not hold ``t``.
    """
    out = share(t, strided(t, tuple(size), tuple(stride), offset), offset)
    return inherit(t, out, name, backward)


def inherit(
    t: Tensor, out: Tensor, name: str, backward: Callable[[Tensor], Any], creation: str = ""
) -> Tensor:
    """Make a tensor over shared memory a differentiable view."""
    above = t._view
    base = t if above is None else above.base
    if not creation:
        creation = above.creation if above is not None else ""
        if not mode.enabled and mode.forward is None:
            creation = "no_grad"
    # The counter is read now: an operation in place later makes a new node for this view.
    out._view = View(base, version(t).count, creation)
    if mode.enabled and needs_grad(t):
        attach(out, formula(name, (t,), backward))
    return out


def alias(t: Tensor, name: str = "AliasBackward0") -> Tensor:
    """The same tensor again, as a view."""
    out = share(t, t._np, t._offset)
    return inherit(t, out, name, _same)


def _same(g: Tensor) -> Tensor:
    return g


# ------------------------------------------------------------------------ writing through a view
class CopySlices(Node):
    """The node of a tensor after one of its views was written to in place.

    Attributes:
        inner: the node of the operation on the view.
        whole: size, stride and offset of the tensor.
        part: those of the view.
        halves: whether one of the two is complex and the other, over the same memory, is not.
    """

    __slots__ = ("halves", "inner", "part", "whole")

    inner: Node | None
    part: Any
    whole: Any
    halves: bool

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        g = grads[0]
        if g is None:
            return [None] * len(self.edges)
        size, stride, offset = self.whole
        own = g.new_empty_strided(size, stride)
        own.copy_(g)
        at_size, at_stride, at = self.part
        if self.halves:
            inside = _other_part(own, offset, self.part)
        else:
            inside = own.as_strided(at_size, at_stride, at - offset)
        if self.inner is None:
            inside.zero_()
            return [own]
        found = self.inner.backward([inside.clone()])
        if found[0] is None:
            inside.zero_()
        else:
            inside.copy_(found[0])
        return [own, *found[1:]]

    def release(self) -> None:
        if self.inner is not None:
            self.inner.release()


def _halved(size: Ints, stride: Ints, offset: int) -> tuple[Ints, Ints, int]:
    """Where real and imaginary parts lie, in elements of half the size."""
    return (*size, 2), (*(2 * s for s in stride), 1), 2 * offset


def _other_part(own: Tensor, offset: int, part: Any) -> Tensor:
    """A strided part of a complex tensor as real numbers, or the other way round."""
    if own._np.dtype.kind == "c":
        at_size, at_stride, at = part
        return FUNCTIONS["view_as_real"](own).as_strided(at_size, at_stride, at - 2 * offset)
    at_size, at_stride, at = _halved(*part)
    return FUNCTIONS["view_as_complex"](own.as_strided(at_size, at_stride, at - offset))


def is_halved(t: Tensor, base: Tensor) -> bool:
    """Whether one of two tensors over the same memory is complex, the other not."""
    return (t._np.dtype.kind == "c") != (base._np.dtype.kind == "c")


def geometry(t: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Size, stride and offset."""
    return t._np.shape, strides_of(t._np), t._offset


def refuse_view(t: Tensor, creation: str, indirect: bool = False) -> None:
    """Say why a view may not be written to, or its base after it was made.

    Raises:
        RuntimeError: always.
    """
    fn = t._fn
    made_by = None if fn is None else operation(fn)
    if fn is None:
        head = "A view was created in no_grad mode"
    elif creation == "no_grad":
        head = f"Output {t._nr} of {made_by} is a view of a view which was created in no_grad mode"
    else:
        head = f"Output {t._nr} of {made_by} is a view"
    if indirect:
        head += " and its base or another view of its base has been modified inplace"
    else:
        head += " and is being modified inplace"
    head += " with grad mode enabled." if fn is None or creation == "no_grad" else "."
    if creation == "no_grad":
        tail = (
            " Given that this use case is ambiguous and error-prone, it is forbidden. You can "
            "clarify your code by moving both the view and the inplace either both inside the "
            "no_grad block (if you don't want the inplace to be tracked) or both outside (if you "
            "want the inplace to be tracked)."
        )
    elif creation == "multi":
        tail = (
            " This view is the output of a function that returns multiple views. Such functions do "
            "not allow the output views to be modified inplace. You should replace the inplace "
            "operation by an out-of-place one."
        )
    else:
        tail = (
            " This view was created inside a custom Function (or because an input was returned "
            "as-is) and the autograd logic to handle view+inplace would override the custom "
            "backward associated with the custom Function, leading to incorrect gradients. This "
            "behavior is forbidden. You can fix this by cloning the output of the custom Function."
        )
    raise RuntimeError(head + tail)


def remake_view(t: Tensor) -> Node | None:
    """The node of a view whose memory was written to since it was made."""
    view = t._view
    assert view is not None
    if view.creation:
        refuse_view(t, view.creation, indirect=True)
    base = view.base
    size, stride, offset = geometry(t)
    whole = geometry(base)

    halved, from_complex = is_halved(t, base), base._np.dtype.kind == "c"

    def backward(g: Tensor) -> Tensor:
        if not halved:
            return as_strided_backward(g, whole, (size, stride, offset))
        if from_complex:
            found = as_strided_backward(g, _halved(*whole), (size, stride, offset))
            return FUNCTIONS["view_as_complex"](found)
        parts = FUNCTIONS["view_as_real"](g)
        return as_strided_backward(parts, whole, _halved(size, stride, offset))

    node = formula("AsStridedBackward0", (base,), backward)
    node.metas.append((t._np.shape, t._np.dtype))
    t._fn, t._nr = node, 0
    view.seen = version(t).count
    return node


def as_strided_backward(g: Tensor, whole: Any, part: Any) -> Tensor:
    """The gradient of a tensor from that of any strided view of it; overlaps add up."""
    size, stride, offset = whole
    at_size, at_stride, at = part
    first = min(offset, at)
    storage = _reach(size, stride) + offset - first
    places = _places(at_size, at_stride, at - first)
    length = max(storage, int(places.max(initial=-1)) + 1)
    flat = g.new_zeros(length)
    flat = flat.index_add(0, make(places), g.reshape(-1))
    own = _places(size, stride, offset - first)
    counts = np.bincount(own, minlength=length)
    if counts.max(initial=0) > 1:  # elements that are one in memory share its gradient
        flat = flat / make(np.maximum(counts, 1).astype(g._np.dtype))
    if own.size == length and (own == np.arange(length)).all():
        return flat.reshape(size)
    return flat.index_select(0, make(own)).reshape(size)


def _reach(size: Ints, stride: Ints) -> int:
    if 0 in size:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def _places(size: Ints, stride: Ints, offset: int) -> Any:
    """For each element, in order, its place in the storage."""
    found = np.full((), offset, np.int64)
    for n, s in zip(size, stride, strict=True):
        found = found[..., None] + np.arange(n) * s
    return np.ascontiguousarray(found).reshape(-1)

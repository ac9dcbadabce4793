"""Nodes of the recorded graph: what to do with the gradient of an operation's results."""

from __future__ import annotations

import itertools
import os
import re
import traceback
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.tensor import Tensor, Version, make, share, version

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "AccumulateGrad",
    "Edge",
    "Node",
    "Saved",
    "accumulator",
    "attach",
    "edge_of",
    "graph_fn",
    "needs_grad",
]

Edge = tuple["Node", int]
Meta = tuple[tuple[int, ...], "np.dtype[Any]"]

_numbers = itertools.count()
LAST = float("inf")


_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # the whole package


def _calls() -> list[str]:
    """The lines of the calls that led here, up to the one that called this package."""
    found = traceback.extract_stack()
    while found and found[-1].filename.startswith(_HERE):
        found.pop()
    return found.format()


class Node:
    """An operation that was recorded.

    Attributes:
        edges: per operand the node that made it and which of its results it is; None for one
            without gradient.
        metas: shape and dtype of each result.
        number: position in the order of execution; a gradient goes to larger numbers first.
        freed: whether what it saved has been given up.
        hooks: functions of (gradients in, gradients out) after it ran.
        pre_hooks: functions of the gradients out, before.
        result_hooks: per result, functions of its gradient.
        retained: per result, the tensor whose ``grad`` is kept.
        where: lines of the call that made it, if anomaly detection was on.
    """

    __slots__ = (
        "__weakref__", "_metadata", "edges", "freed", "hooks", "metas", "number", "pre_hooks",
        "result_hooks", "retained", "where",
    )  # fmt: skip

    def __init__(self, edges: Sequence[Edge | None]) -> None:
        self.edges = edges
        self.metas: list[Meta] = []
        self.number: float = next(_numbers)
        self.freed = False
        self.hooks: Any = None
        self.pre_hooks: Any = None
        self.result_hooks: dict[int, Any] | None = None
        self.retained: dict[int, Any] | None = None
        self.where = _calls() if mode.anomaly else None

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        """Gradients of the operands from those of the results, as operations on tensors."""
        raise NotImplementedError

    def release(self) -> None:
        """Give up what was saved."""

    # -------------------------------------------------------------------------- what users may see
    def name(self) -> str:
        """The name of the operation, with a namespace for those that PyTorch writes by hand."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in _BY_HAND else name

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the operands."""
        return tuple((None, 0) if e is None else e for e in self.edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for users."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[Any, Any] = {}
            return self._metadata

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` whenever it has run."""
        if self.hooks is None:
            self.hooks = OrderedDict()
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` whenever it is about to run."""
        if self.pre_hooks is None:
            self.pre_hooks = OrderedDict()
        return RemovableHandle(self.pre_hooks, hook)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"


_BY_HAND = ("AccumulateGrad", "CopyBackwards", "CopySlices", "NotImplemented")


class RemovableHandle:
    """Takes a hook back: by ``remove()``, or as a context.

    Args:
        hooks_dict: where the hook is, under ``id``.
        hook: put there; without it, whoever makes the handle does so.
        extra_dict: one or several other dictionaries with an entry of that ``id``.

    Source: ``torch.utils.hooks.RemovableHandle``.
    """

    __module__ = "torch.utils.hooks"
    next_id = 0

    def __init__(self, hooks_dict: Any, hook: Any = None, *, extra_dict: Any = None) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extra = [extra_dict] if isinstance(extra_dict, dict) else extra_dict or []
        self._places = [weakref.ref(d) for d in (hooks_dict, *extra)]
        if hook is not None:
            hooks_dict[self.id] = hook

    def remove(self) -> None:
        """Take the hook back."""
        for place in self._places:
            hooks = place()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by the name torch.utils.hooks: `torch` may be another package when this is read.
        hooks, *extra = (place() for place in self._places)
        return _handle, (), (hooks, self.id, tuple(extra))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # The dictionaries come with the copy, which must not stay tied to the original's.
        hooks, self.id, *more = state
        places = (hooks, *(more[0] if more else ()))
        self._places = [weakref.ref(OrderedDict() if d is None else d) for d in places]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def _handle() -> RemovableHandle:
    """A handle that is still to get its state."""
    return RemovableHandle.__new__(RemovableHandle)


class AccumulateGrad(Node):
    """The end of the graph: a leaf, whose gradient is added up."""

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        super().__init__(())
        self.variable = variable
        self.number = LAST
        self.metas = [(variable._np.shape, variable._np.dtype)]


def accumulator(t: Tensor) -> AccumulateGrad:
    """The node of a leaf; one as long as any graph holds it."""
    ref = t._accumulator
    found = None if ref is None else ref()
    if found is None:
        found = AccumulateGrad(t)
        t._accumulator = weakref.ref(found)
    return found


def edge_of(t: Tensor) -> Edge | None:
    """Where the gradient of a tensor goes."""
    fn = t._fn if t._view is None else graph_fn(t)
    if fn is not None:
        return fn, t._nr
    # A view that wants a gradient only because its base does has none itself.
    return (accumulator(t), 0) if t._rg else None


def attach(t: Tensor, node: Node, nr: int = 0) -> Tensor:
    """Make a tensor a result of a node."""
    t._fn = node
    t._nr = nr
    array = t._np
    node.metas.append((array.shape, array.dtype))
    return t


_remake: list[Callable[[Tensor], Node | None]] = []


def graph_fn(t: Tensor) -> Node | None:
    """The node of a tensor; a view's is made anew when its memory was written to since."""
    view = t._view
    if view is not None and view.seen != version(t).count:
        if t._fn is not None or view.base.requires_grad:
            return _remake[0](t)
    return t._fn


def needs_grad(t: Tensor) -> bool:
    """Whether operations on a tensor are recorded."""
    if t._rg or t._fn is not None:
        return True
    # A view wants a gradient as soon as its base does, even one that was made under no_grad.
    return t._view is not None and needs_grad(t._view.base)


class Saved:
    """A tensor that a node needs later, and the version of its memory that it needs.

    Operands are kept as they are; of a result only the memory is kept, as the result holds the
    node itself.
    """

    __slots__ = ("array", "count", "edge", "nr", "packed", "result", "tensor", "unpack", "version")

    def __init__(
        self,
        tensor: Tensor | None,
        array: Any,
        of: Version | None,
        nr: int = -1,
        hooks: bool = True,
    ) -> None:
        self.tensor = tensor
        self.array = array
        self.version = of
        self.count = 0 if of is None else of.count
        self.nr = nr
        self.result = tensor is not None and tensor._fn is not None
        self.unpack: Callable[[Any], Tensor] | None = None
        if hooks and mode.packing:
            self._pack()

    def _pack(self) -> None:
        pack, self.unpack = mode.packing[-1]
        t = self.tensor
        self.edge = None if t is None else edge_of(t)
        # The place in the graph is kept beside what the hooks make of the values.
        given = make(self.array) if t is None else t
        self.tensor = self.array = None
        was = mode.enabled
        mode.enabled = False
        try:
            self.packed = pack(given)
        finally:
            mode.enabled = was

    def _unpacked(self, node: Node | None) -> Tensor:
        """What the hooks have kept, at its place in the graph."""
        assert self.unpack is not None
        found = self.unpack(self.packed)
        if not isinstance(found, Tensor):
            raise TypeError("Output of saved tensor unpack_hook expected to be a Tensor but got "
                            f"result of type {type(found).__name__}")  # fmt: skip
        edge = self.edge if self.nr < 0 else (node, self.nr)
        if edge is None:
            return found
        out = share(found, found._np, found._offset)
        if edge[0].__class__ is AccumulateGrad:
            out._rg = True
            out._accumulator = weakref.ref(edge[0])
        else:
            out._fn, out._nr = edge
        return out

    def raw(self, node: Node | None) -> Any:
        """The memory, checked to be what it was."""
        if self.unpack is not None:
            return self._unpacked(node)._np
        if self.result and self.tensor is not None and self.tensor._fn is None:
            raise RuntimeError(
                "Trying to use a saved tensor that has been detached in-place, i.e. with "
                ".detach_().This is not supported, please use out-of-place `.detach()` instead"
            )
        if self.version is not None and self.version.count != self.count:
            self._changed(node)
        return self.array

    def get(self, node: Node) -> Tensor:
        """The tensor, as part of the graph."""
        if self.unpack is not None:
            return self._unpacked(node)
        array = self.raw(node)
        if self.tensor is not None:
            return self.tensor
        made = make(array)
        if self.nr >= 0:
            made._fn, made._nr = node, self.nr
        if self.version is not None:
            made._version_of = self.version
        return made

    def _changed(self, node: Node | None) -> None:
        array = self.array
        kind = _LEGACY.get(array.dtype.name, array.dtype.name)
        made_by, nr = (node, self.nr) if self.nr >= 0 else (None, 0)
        if self.tensor is not None:
            made_by, nr = self.tensor._fn, self.tensor._nr
        origin = ""
        if made_by is not None:
            origin = f", which is output {nr} of {operation(made_by)},"
        assert self.version is not None
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: [torch.{kind} {list(array.shape)}]{origin} is at version "
            f"{self.version.count}; expected version {self.count} instead. Hint: enable anomaly "
            "detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )


def operation(node: Node) -> str:
    """The name of a node's operation, as messages about tensors give it."""
    return re.sub(r"Backward\d*$", "", node.name())


_LEGACY = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor", "int8": "CharTensor",
    "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def save(t: Tensor) -> Saved:
    """Keep an operand."""
    return Saved(t, t._np, version(t))


def freed_error() -> RuntimeError:
    """What a second pass through a graph meets."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
        "backward through the graph a second time or if you need to access saved tensors after "
        "calling backward."
    )

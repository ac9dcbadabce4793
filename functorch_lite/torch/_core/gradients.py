"""``backward`` and ``autograd.grad``, and what tensors know of the graph."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import (
    Node,
    RemovableHandle,
    edge_of,
    graph_fn,
    needs_grad,
)
from functorch_lite.torch._core.public import FUNCTIONS, method, overrides
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make

__all__ = ["backward", "grad"]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of some tensors to the ``grad`` of the leaves.

    Args:
        tensors: one or several tensors.
        grad_tensors: their gradients; None for a tensor of one element, whose gradient is 1.
        retain_graph: whether the pass may be repeated.
        create_graph: whether the pass itself is recorded.
        inputs: the leaves whose ``grad`` is wanted; all by default.

    Raises:
        RuntimeError: a tensor does not require a gradient, or the graph was given up.

    Source: ``torch.autograd.backward``.
    """
    del grad_variables
    if mode.transforms:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    tensors = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    if inputs is not None:
        inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    grads = _grads_of(grad_tensors, len(tensors))
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(tensors, grads)
    for i, (t, g) in enumerate(zip(tensors, grads, strict=True)):
        if g is not None and g.device != t.device:
            raise RuntimeError(
                f"invalid gradient at index {i} - expected device {t.device} but got {g.device}"
            )
    if inputs is None:
        engine.run(roots, keep, create_graph)
        return
    edges = []
    for t in inputs:
        if t._fn is not None:
            t.retain_grad()
        edges.append(_wanted_edge(t))
    found = engine.run(roots, keep, create_graph, edges)
    was = mode.enabled
    mode.enabled = create_graph
    try:
        for t, g in zip(inputs, found, strict=True):
            if t._fn is None:
                engine.accumulate(t, g, hooks=False)
    finally:
        mode.enabled = was


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of some tensors with respect to others.

    Args:
        outputs: one or several tensors.
        inputs: what to differentiate with respect to.
        grad_outputs: gradients of the outputs; None for one of one element, whose gradient is 1.
        retain_graph: whether the pass may be repeated.
        create_graph: whether the gradients can be differentiated in turn.
        allow_unused: whether None is returned for inputs that do not matter, instead of an error.
        is_grads_batched: the gradients of the outputs have a batch dimension in front.
        materialize_grads: zeros instead of None.

    Returns:
        one gradient per input.

    Source: ``torch.autograd.grad``.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    allowed = materialize_grads if allow_unused is None else allow_unused
    outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    grads = _grads_of(grad_outputs, len(outputs))
    if is_grads_batched:
        return _batched(outputs, inputs, grads, create_graph, allowed, materialize_grads)
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(outputs, grads)
    edges = [_wanted_edge(t) for t in inputs]
    found = engine.run(roots, keep, create_graph, edges)
    out: list[Any] = []
    for i, (t, g) in enumerate(zip(inputs, found, strict=True)):
        if g is None:
            if not allowed:
                raise RuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the "
                    "graph. Set allow_unused=True if this is the desired behavior."
                )
            g = make(np.zeros(t._np.shape, t._np.dtype)) if materialize_grads else None
        out.append(g)
    return tuple(out)


def _batched(
    outputs: Any, inputs: Any, grads: Any, create: bool, allowed: bool, zeros: bool
) -> tuple[Tensor, ...]:
    """One pass per element of the batch."""
    count = grads[0]._np.shape[0]
    rows = [
        grad(outputs, inputs, [g[i] for g in grads], True, create, True, allowed, False, zeros)
        for i in range(count)
    ]
    found = []
    for column in zip(*rows, strict=True):
        parts = [None if g is None else g.unsqueeze(0) for g in column]
        found.append(None if parts[0] is None else FUNCTIONS["cat"](parts))
    return tuple(found)  # type: ignore[arg-type]


def _grads_of(grads: Any, count: int) -> list[Any]:
    if grads is None:
        return [None] * count
    found = [grads] if isinstance(grads, Tensor) else list(grads)
    if len(found) < count:
        raise RuntimeError(f"got {count} tensors and {len(found)} gradients")
    return found[:count]


def _roots(tensors: Sequence[Tensor], grads: Sequence[Any]) -> list[Any]:
    roots = []
    for i, (t, g) in enumerate(zip(tensors, grads, strict=True)):
        array = t._np
        if g is None:
            if t.requires_grad and array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if t.requires_grad and array.dtype.kind == "c":
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
                )
            g = make(np.ones(array.shape, array.dtype))
            if overrides.meta is not None and overrides.meta.owns(t):
                overrides.meta.convert(g)
            elif is_symbol(array):
                overrides.refuse("a backward pass")
                overrides.recorder.convert(g)
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g._np.shape != array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has "
                f"a shape of {t.shape}."
            )
        elif g._np.dtype != array.dtype:
            g = g.to(t.dtype)
        edge = edge_of(t)
        if edge is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn"
            )
        roots.append((edge, g))
    return roots


def _wanted_edge(t: Tensor) -> Any:
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge


# ------------------------------------------------------------------------------ methods of tensors
@method("backward")
def _backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of this tensor to the ``grad`` of the leaves.

    Source: ``torch.Tensor.backward``.
    """
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _get_grad(self: Tensor) -> Tensor | None:
    if overrides.known:
        overrides.refuse("Tensor.grad")
    found = self._grad
    if found is None and self._fn is not None and not self._retains:
        warnings.warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
            ".grad attribute won't be populated during autograd.backward(). If you indeed want "
            "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
            "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access "
            "the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more "
            "informations.",
            UserWarning,
            stacklevel=2,
        )
    return found


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    if overrides.known:
        overrides.refuse("Tensor.grad")
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.device != self.device:
            raise RuntimeError(
                f"attempting to assign a gradient with device type '{value.device.type}' to a "
                f"tensor with device type '{self.device.type}'. Please ensure that the gradient "
                "and the tensor are on the same device"
            )
        if value._np.dtype != self._np.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype.c_name}' to a "
                f"tensor with grad_dtype '{self.dtype.scalar_name}'. The gradient must match the "
                "tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's "
                "grad_dtype attribute with a specific dtype, or None to allow any dtype. Set "
                "grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may "
                "break downstream systems that assume they match."
            )
        if value._np.shape != self._np.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value._np.shape)}' to a tensor of "
                f"size '{list(self._np.shape)}'. Please ensure that the gradient and the tensor "
                "are the same size"
            )
    self._grad = value


def _del_grad(self: Tensor) -> None:
    self._grad = None


def _set_requires_grad(self: Tensor, value: Any) -> None:
    value = bool(value)
    if self._fn is not None:
        if not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        return
    if value and self._np.dtype.kind not in "fcV":
        raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
    if value and self._inference and not mode.inference:
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode "
                           "is not allowed.")  # fmt: skip
    self._rg = value


@method()
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Say whether its gradient is wanted. Source: ``torch.Tensor.requires_grad_``."""
    if mode.transforms and requires_grad:
        raise RuntimeError(
            "You are attempting to call Tensor.requires_grad_() (or perhaps using "
            "torch.autograd.functional.* APIs) inside of a function being transformed by a "
            "functorch transform. This is unsupported, please attempt to use the functorch "
            "transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside "
            "of a function being transformed instead."
        )
    if requires_grad and self._fn is None and self._np.dtype.kind not in "fcV":
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    _set_requires_grad(self, requires_grad)
    return self


def _grad_fn(self: Tensor) -> Node | None:
    return self._fn if self._view is None else graph_fn(self)


@method()
def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Call ``hook(grad)`` whenever its gradient is computed; a result replaces the gradient.

    Source: ``torch.Tensor.register_hook``.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    fn = _grad_fn(self)
    if fn is None:
        if self._hooks is None:
            self._hooks = OrderedDict()
        return RemovableHandle(self._hooks, hook)
    if fn.result_hooks is None:
        fn.result_hooks = {}
    return RemovableHandle(fn.result_hooks.setdefault(self._nr, OrderedDict()), hook)


@method()
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> Any:
    """Call ``hook(tensor)`` whenever its ``grad`` has been added to.

    Source: ``torch.Tensor.register_post_accumulate_grad_hook``.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return RemovableHandle(self.__dict__.setdefault("_after_grad", OrderedDict()), hook)


@method()
def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is no leaf. Source: ``torch.Tensor.retain_grad``."""
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    fn = _grad_fn(self)
    if fn is None or self._retains:
        return
    if fn.retained is None:
        fn.retained = {}
    fn.retained[self._nr] = weakref.ref(self)
    self._retains = True


def _retains_grad(self: Tensor) -> bool:
    return self._retains


def _is_leaf(self: Tensor) -> bool:
    return _grad_fn(self) is None


def _output_nr(self: Tensor) -> int:
    return self._nr


def _base(self: Tensor) -> Tensor | None:
    return None if self._view is None else self._view.base


def _requires_grad(self: Tensor) -> bool:
    return needs_grad(self)


def _asked(name: str, get: Callable[[Tensor], Any]) -> property:
    """An attribute that no compiled graph guards."""

    def asked(self: Tensor) -> Any:
        if overrides.known:
            overrides.refuse(f"Tensor.{name}")
        return get(self)

    return property(asked)


Tensor.grad = property(_get_grad, _set_grad, _del_grad)
Tensor.requires_grad = property(_requires_grad, _set_requires_grad)
for _name, _get in (
    ("grad_fn", _grad_fn), ("retains_grad", _retains_grad), ("output_nr", _output_nr),
    ("_base", _base), ("_version", Tensor._version.fget),  # type: ignore[attr-defined]
):  # fmt: skip
    setattr(Tensor, _name, _asked(_name, _get))
Tensor.is_leaf = property(_is_leaf)  # type: ignore[attr-defined]

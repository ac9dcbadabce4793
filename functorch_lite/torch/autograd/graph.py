"""The recorded graph: hooks on what it saves, edges, hooks on several gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from functorch_lite.torch._core.engine import inside
from functorch_lite.torch._core.grad_mode import _Context, mode
from functorch_lite.torch._core.node import Node, accumulator, edge_of
from functorch_lite.torch._core.tensor import Tensor, version

__all__ = [
    "GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


class saved_tensors_hooks(_Context):
    """Within it, what operations save for backward goes through a pair of functions.

    Args:
        pack_hook: from a tensor to what is kept instead.
        unpack_hook: from that back to a tensor of the same values.

    Source: ``torch.autograd.graph.saved_tensors_hooks``.
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if mode.unpackable:
            raise RuntimeError(mode.unpackable[-1])
        mode.packing = (*mode.packing, (self.pack_hook, self.unpack_hook))

    def __exit__(self, *exception: object) -> None:
        mode.packing = mode.packing[:-1]

    def clone(self) -> _Context:
        """A context like this one."""
        return saved_tensors_hooks(self.pack_hook, self.unpack_hook)


class disable_saved_tensors_hooks(_Context):
    """Within it, ``saved_tensors_hooks`` is an error.

    Args:
        error_message: of that error.

    Source: ``torch.autograd.graph.disable_saved_tensors_hooks``.
    """

    def __init__(self, error_message: str) -> None:
        self.message = error_message

    def __enter__(self) -> None:
        if mode.packing:
            raise RuntimeError(self.message)
        mode.unpackable = (*mode.unpackable, self.message)

    def __exit__(self, *exception: object) -> None:
        mode.unpackable = mode.unpackable[:-1]

    def clone(self) -> _Context:
        """A context like this one."""
        return disable_saved_tensors_hooks(self.message)


class save_on_cpu(saved_tensors_hooks):
    """Within it, saved tensors wait on the CPU, where they are already.

    Source: ``torch.autograd.graph.save_on_cpu``.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t.cpu(), lambda t: t)


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor goes. Source: ``torch.autograd.graph.GradientEdge``."""

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor goes.

    Args:
        tensor: one that requires a gradient.

    Raises:
        RuntimeError: it does not.

    Source: ``torch.autograd.graph.get_gradient_edge``.
    """
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if tensor.is_leaf:
        return GradientEdge(accumulator(tensor), 0)
    return GradientEdge(*edge)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write to tensors. Source: ``torch.autograd.graph.increment_version``."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:  # type: ignore[union-attr]
        version(t).count += 1


class _Handles:
    """Takes several hooks back at once."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks back."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all"
) -> _Handles:
    """Call a function of the gradients of several tensors.

    Args:
        tensors: whose gradients are awaited.
        fn: ``fn(grads)`` once a backward pass has computed all that it computes, with None for
            the others; with ``any``, ``fn(grad)`` of the first.
        mode: ``all`` or ``any``.

    Raises:
        ValueError: another mode.

    Source: ``torch.autograd.graph.register_multi_grad_hook``.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    key = object()  # under which each pass keeps what it has seen
    if mode == "any":

        def first(grad: Tensor) -> None:
            seen = _of_this_pass().hooks
            if key not in seen:
                seen[key] = True
                fn(grad)

        return _Handles([t.register_hook(first) for t in tensors if t.requires_grad])
    places = [_place(t) for t in tensors]

    def hook_of(i: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            current = _of_this_pass()
            found = current.hooks.get(key)
            if found is None:
                awaited = sum(current.visits(_node_at(place)) for place in places)
                found = current.hooks[key] = [awaited, [None] * len(places)]
            found[0] -= 1
            found[1][i] = grad
            if not found[0]:
                fn(current.hooks.pop(key)[1])

        return hook

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


def _of_this_pass() -> Any:
    """The backward pass that calls a hook."""
    current = inside.current
    if current is None:
        raise RuntimeError("a hook on several gradients was called outside of a backward pass")
    return current


def _place(t: Tensor) -> weakref.ref[Any]:
    """A leaf, or the node of another tensor; weakly, as these hold the hooks."""
    fn = t.grad_fn
    return weakref.ref(t if fn is None else fn)


def _node_at(place: weakref.ref[Any]) -> Node | None:
    found = place()
    return accumulator(found) if isinstance(found, Tensor) else found

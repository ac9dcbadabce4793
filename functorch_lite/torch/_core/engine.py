"""The backward pass: gradients go from node to node, later nodes first."""

from __future__ import annotations

import heapq
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import AccumulateGrad, Edge, Node, needs_grad
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make

__all__ = ["inside", "run"]


class _Inside(threading.local):
    """What pass the current thread is in.

    Attributes:
        wanted: whether it computes the gradients of some edges only.
        current: the pass itself; None outside of any.
    """

    wanted = False
    current: _Pass | None = None


inside = _Inside()


def run(
    roots: Sequence[tuple[Edge, Tensor]],
    keep: bool,
    create: bool,
    wanted: Sequence[Edge] | None = None,
    stop: bool = False,
) -> list[Tensor | None]:
    """Carry gradients from some results to the leaves, or to the edges that are wanted.

    Args:
        roots: edges of the results and their gradients.
        keep: whether nodes keep what they saved.
        create: whether the pass itself is recorded.
        wanted: edges whose gradients are returned; nothing is accumulated then.
        stop: whether gradients go no further than these, where one leads to another.

    Returns:
        the gradients of the wanted edges, None where nothing arrived.
    """
    if overrides.known:
        overrides.refuse("a backward pass")
    was, before, outer = mode.enabled, inside.wanted, inside.current
    made = _Pass(keep, wanted, stop)
    mode.enabled, inside.wanted, inside.current = create, wanted is not None, made
    try:
        return made.run(roots)
    finally:
        mode.enabled, inside.wanted, inside.current = was, before, outer


class _Pass:
    """One backward pass.

    Attributes:
        grads: per node what has arrived, one entry per result.
        waiting: per node how many gradients are still to come.
        useful: nodes that lead to a wanted edge; None if all are.
        reached: all nodes that the roots lead to.
        stop: nodes beyond which it does not go.
        hooks: what hooks on several gradients have seen in this pass, by hook.
    """

    def __init__(self, keep: bool, wanted: Sequence[Edge] | None, stop: bool = False) -> None:
        self.keep = keep
        self.wanted = wanted
        self.stop = {node for node, _ in wanted} if stop and wanted else frozenset()
        self.grads: dict[Node, list[Tensor | None]] = {}
        self.waiting: dict[Node, int] = {}
        self.useful: set[Node] | None = None
        self.caught: dict[tuple[Node, int], Tensor] = {}
        self.reached: set[Node] = set()
        self.hooks: dict[Any, Any] = {}

    def visits(self, node: Node) -> bool:
        """Whether the gradient of a node's results is computed in this pass."""
        if node not in self.reached:
            return False
        if self.useful is None or node in self.useful:
            return True
        return any(node is target for target, _ in self.wanted or ())

    def run(self, roots: Sequence[tuple[Edge, Tensor]]) -> list[Tensor | None]:
        self.count([edge[0] for edge, _ in roots])
        wanted = self.wanted
        targets = set(wanted or ())
        catching = {node for node, _ in targets}
        for (node, nr), grad in roots:
            self.put(node, nr, grad)
        ready: list[tuple[float, int, Node]] = []
        ties = 0
        for node in dict.fromkeys(edge[0] for edge, _ in roots):
            if not self.waiting.get(node):
                ready.append((-node.number, ties, node))
                ties += 1
        heapq.heapify(ready)
        while ready:
            node = heapq.heappop(ready)[2]
            grads = self.grads.pop(node, None) or [None] * max(len(node.metas), 1)
            if node in self.stop:  # its hooks see what comes of the whole pass
                for nr, g in enumerate(grads):
                    if g is not None and (node, nr) in targets:
                        self.caught[node, nr] = g
                continue
            if self.useful is not None and node not in self.useful and node not in catching:
                continue
            if node.result_hooks is not None or node.retained is not None:
                self.result_hooks(node, grads)
            if node in catching:
                for nr, g in enumerate(grads):
                    if g is not None and (node, nr) in targets:
                        self.caught[node, nr] = g
            if node.__class__ is AccumulateGrad:
                if wanted is None:
                    if node.hooks or node.pre_hooks:
                        _accumulate_with_hooks(node, grads)
                    else:
                        accumulate(node.variable, grads[0])
                elif (node, 0) in targets and grads[0] is not None:
                    self.caught[node, 0] = _leaf_hooks(node.variable, grads[0])
                continue
            if self.useful is not None and node not in self.useful:
                continue
            found = self.visit(node, grads)
            for i, edge in enumerate(node.edges):
                if edge is None:
                    continue
                after, nr = edge
                left = self.waiting.get(after)
                if left is None:
                    continue
                g = found[i] if i < len(found) else None
                if g is not None:
                    self.put(after, nr, _fitted(g, after.metas[nr], node, i))
                self.waiting[after] = left - 1
                if left == 1:
                    heapq.heappush(ready, (-after.number, ties, after))
                    ties += 1
            # Nothing here may hold a gradient when a leaf takes it over.
            del found
            g = None
        return [self.caught.get(edge) for edge in wanted or ()]

    def count(self, starts: Sequence[Node]) -> None:
        """How many gradients each node waits for, and which nodes are useful."""
        waiting = self.waiting
        seen = self.reached = set(starts)
        stack = list(seen)
        order = []
        while stack:
            node = stack.pop()
            if node in self.stop:
                continue
            order.append(node)
            for edge in node.edges:
                if edge is not None:
                    after = edge[0]
                    waiting[after] = waiting.get(after, 0) + 1
                    if after not in seen:
                        seen.add(after)
                        stack.append(after)
        if self.wanted is not None:
            targets = {node for node, _ in self.wanted}
            useful: set[Node] = set()
            # Operands come before results in this order, so one pass suffices.
            for node in sorted(order, key=_by_number):
                for edge in node.edges:
                    if edge is not None and (edge[0] in targets or edge[0] in useful):
                        useful.add(node)
                        break
            self.useful = useful

    def put(self, node: Node, nr: int, grad: Tensor) -> None:
        """Add a gradient to what a node's result has got."""
        have = self.grads.get(node)
        if have is None:
            have = self.grads[node] = [None] * max(len(node.metas), 1)
        old = have[nr]
        have[nr] = grad if old is None else old + grad  # type: ignore[operator]

    def visit(self, node: Node, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        """Let a node work, with its hooks."""
        if node.pre_hooks:
            grads = _before(node, grads)
        meta = overrides.meta if overrides.known else None
        try:
            if meta is not None and any(map(meta.owns, grads)):
                found = meta.backward(node, grads)
            else:
                found = node.backward(grads)
        except Exception:
            if node.where is not None:
                _tell_where(node)
            raise
        if mode.anomaly and mode.check_nan:
            _check_nan(node, found)
        if node.hooks:
            found = tuple(found)
            for hook in list(node.hooks.values()):
                changed = hook(found, tuple(grads))
                if changed is not None:
                    found = changed if isinstance(changed, tuple) else tuple(changed)
        if not self.keep:
            node.release()
        return found

    def result_hooks(self, node: Node, grads: list[Tensor | None]) -> None:
        """Hooks on the tensors that a node made."""
        for nr, hooks in (node.result_hooks or {}).items():
            for hook in list(hooks.values()):
                g = grads[nr]
                if g is not None:
                    changed = hook(g)
                    if changed is not None:
                        grads[nr] = _checked(changed, g, hook)
        for nr, ref in (node.retained or {}).items():
            t, g = ref(), grads[nr]
            if t is not None and g is not None:
                # A copy, as the same gradient may go to others, too.
                t._grad = g.clone() if t._grad is None else t._grad + g


def _by_number(node: Node) -> tuple[bool, float]:
    # Leaves come last in the order of execution, and here first.
    return (node.number != float("inf"), node.number)


def _checked(changed: Any, old: Tensor, hook: Any) -> Tensor:
    """What a hook returned, as the gradient instead."""
    if not isinstance(changed, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
    if changed._np.shape != old._np.shape:
        raise RuntimeError(f"hook '{_name_of(hook)}' has changed the size of value")
    if changed._np.dtype != old._np.dtype:
        raise RuntimeError(
            f"hook '{_name_of(hook)}' has changed the type of value (was "
            f"{old.type()} got {changed.type()})"
        )
    return changed


def _name_of(hook: Any) -> str:
    return getattr(hook, "__name__", "<unknown>")


def _leaf_hooks(t: Tensor, grad: Tensor) -> Tensor:
    if t._hooks:
        for hook in list(t._hooks.values()):
            changed = hook(grad)
            if changed is not None:
                grad = _checked(changed, grad, hook)
    return grad


def accumulate(t: Tensor, grad: Tensor | None, hooks: bool = True) -> None:
    """Add a gradient to that of a leaf."""
    if grad is None or not needs_grad(t):
        return
    if hooks and t._hooks:
        grad = _leaf_hooks(t, grad)
    have = t._grad
    if have is None:
        t._grad = grad if mode.enabled else _own(grad)
    elif mode.enabled:
        t._grad = have + grad  # type: ignore[operator]
    else:
        have.add_(grad)
    after = t.__dict__.get("_after_grad")
    if after:
        for hook in list(after.values()):
            hook(t)


def _accumulate_with_hooks(node: AccumulateGrad, grads: list[Tensor | None]) -> None:
    """The same, with the hooks of the node."""
    grads = _before(node, grads)
    accumulate(node.variable, grads[0])
    for hook in list((node.hooks or {}).values()):
        hook((), tuple(grads))


def _before(node: Node, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The gradients after the hooks that run before a node does."""
    for hook in list(node.pre_hooks.values()) if node.pre_hooks else ():
        changed = hook(tuple(grads))
        if changed is not None:
            grads = list(changed) if isinstance(changed, (tuple, list)) else [changed]
    return grads


def _own(grad: Tensor) -> Tensor:
    """The gradient itself if nobody else has it, else a copy of it."""
    array = grad._np
    alone = sys.getrefcount(grad) <= _ALONE[0] and sys.getrefcount(array) <= _ALONE[1]
    if alone and array.base is None and array.flags.c_contiguous and array.flags.writeable:
        return grad if grad._fn is None and not grad._rg else make(array)
    if is_symbol(array):
        return make(array.copy("K"))
    return make(np.array(array, copy=True, order="K", subok=False))


def _references(grad: Tensor) -> tuple[int, int]:
    """How often a gradient and its array are counted in ``_own`` when nobody else has them."""
    array = grad._np
    return sys.getrefcount(grad), sys.getrefcount(array)


def _passed_on(grad: Tensor) -> tuple[int, int]:
    return _references(grad)


# The counts depend on how Python passes arguments: they are taken along the same calls.
_grads = [make(np.zeros(1))]
_ALONE = _passed_on(_grads[0])


def _fitted(grad: Tensor, meta: Any, node: Node, index: int) -> Tensor:
    """A gradient with the shape and dtype of the value that it belongs to."""
    shape, dtype = meta
    array = grad._np
    if array.shape != shape:
        try:
            grad = grad.sum_to_size(shape)
        except RuntimeError:
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {index} - got "
                f"{list(array.shape)} but expected shape compatible with {list(shape)}"
            ) from None
    if array.dtype != dtype:
        grad = grad.to(make(np.empty((), dtype)).dtype)
    return grad


def _check_nan(node: Node, found: Sequence[Tensor | None]) -> None:
    for i, g in enumerate(found):
        if g is not None and g.isnan().any():
            _tell_where(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


def _tell_where(node: Node) -> None:
    if node.where is None:
        text = (
            f"Error detected in {node.name()}. No forward pass information available. Enable "
            "detect anomaly during forward pass for more information."
        )
    else:
        text = (
            f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
            + "".join(node.where)
        )
    warnings.warn(text, stacklevel=2)

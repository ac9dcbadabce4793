"""Forward mode where recording is switched off: tangents go on, gradients do not.

Tangents are computed by way of the tape (``levels.py``), which nothing is written on under
``no_grad``. Within forward mode, operations that depend on a tangent are recorded there all the
same, behind nodes that let no gradient through. Inference mode ends tangents, as in PyTorch.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Edge, Node, attach, edge_of, needs_grad
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, View, share, version
from functorch_lite.torch._core.view import remake_view
from functorch_lite.torch._functorch.fallback import map_tensors, tensors_in, writes
from functorch_lite.torch._functorch.levels import ForwardOnlyBackward0, behind

__all__ = ["Forward", "begin_forward", "end_forward", "follow"]


class Forward:
    """The forward mode of a thread, which sees the operations while recording is off.

    Attributes:
        depth: how many levels there are.
        ends: the nodes of the tensors that tangents start from.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.ends: weakref.WeakSet[Node] = weakref.WeakSet()
        self._followed: weakref.WeakKeyDictionary[Node, bool] = weakref.WeakKeyDictionary()

    def __call__(self, f: Any, args: Any, kwargs: Any) -> Any:
        """An operation with tangents; NotImplemented if it has nothing to do with any."""
        if engine.inside.current is not None or mode.inference:
            return NotImplemented
        name = f.__name__
        target = args[0] if writes(name) else kwargs.get("out")
        tensors = [t for t in tensors_in((args, kwargs)) if needs_grad(t)]
        moving = {id(t) for t in tensors if self.moves(t)}
        if not moving or any(t is target and id(t) not in moving for t in tensors):
            return NotImplemented
        given, named = map_tensors((list(args), kwargs), partial(self._given, moving, target))
        if not isinstance(target, Tensor):
            return self._recorded(f, *given, **named)
        before = _content(target)
        made = self._recorded(f, *given, **named)
        _keep_gradient(target, before)
        return made

    def custom(self, function: Any, args: Any) -> Any:
        """A call of a user's Function with tangents; NotImplemented as for an operation."""
        moving = {id(t) for t in tensors_in(args) if needs_grad(t) and self.moves(t)}
        if not moving or mode.inference:
            return NotImplemented
        given = [self._given(moving, None, a) if isinstance(a, Tensor) else a for a in args]
        return self._recorded(function.apply, *given)

    def _recorded(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        mode.enabled = True
        try:
            return f(*args, **kwargs)
        finally:
            mode.enabled = False

    def _given(self, moving: set[int], target: Any, t: Tensor) -> Tensor:
        """An operand that leads to tangents, and to no gradient."""
        if t is target or not needs_grad(t):
            return t
        if id(t) not in moving:
            return share(t, t._np, t._offset)
        out = behind(t)
        # Views that the operation makes are those of the tensor itself, which may be written to.
        base, creation = (t, "") if t._view is None else (t._view.base, t._view.creation)
        out._view = View(base, version(t).count, creation)
        return out

    def moves(self, t: Tensor) -> bool:
        """Whether a tensor has a tangent."""
        edge = edge_of(t)
        if edge is None:
            return False
        followed = self._followed
        stack, seen = [edge[0]], {edge[0]}
        while stack:
            node = stack.pop()
            known = followed.get(node)
            if known or node in self.ends or node.__class__ is ForwardOnlyBackward0:
                followed[edge[0]] = True
                return True
            if known is not None:
                continue
            for after in node.edges:
                if after is not None and after[0] not in seen:
                    seen.add(after[0])
                    stack.append(after[0])
        for node in seen:
            followed[node] = False
        return False


def _content(target: Tensor) -> Edge | None:
    """Where the gradient of a tensor goes, or that of the one whose memory it is a view of."""
    base = target if target._view is None else target._view.base
    return edge_of(base) if needs_grad(base) else None


def _keep_gradient(target: Tensor, before: Edge | None) -> None:
    """After a write: let the gradient go where it went before, and tangents to what was written."""
    written = _content(target)
    if before is None or written is None or written == before:
        return
    base = target if target._view is None else target._view.base
    attach(base, ForwardOnlyBackward0([written, before]))
    if base is not target:
        remake_view(target)


def begin_forward() -> Forward:
    """Begin a level of forward mode in this thread."""
    forward = mode.forward
    if forward is None or not forward.depth:
        forward = mode.forward = Forward()
        overrides.watch(1)
    forward.depth += 1
    return forward


def end_forward(forward: Forward) -> None:
    """End the level begun last, perhaps in another thread."""
    forward.depth -= 1
    if not forward.depth:
        if mode.forward is forward:
            mode.forward = None
        overrides.watch(-1)


@contextmanager
def follow(tensors: Sequence[Tensor]) -> Iterator[None]:
    """A level of forward mode whose tangents start from some tensors."""
    forward = begin_forward()
    forward.ends.update(edge[0] for t in tensors if (edge := edge_of(t)) is not None)
    try:
        yield
    finally:
        end_forward(forward)

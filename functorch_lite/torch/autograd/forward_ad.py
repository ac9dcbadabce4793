"""Forward mode: tensors that carry tangents through operations.

A tensor with a tangent is one with a node of its own in the recorded graph. ``unpack_dual`` asks
that graph for the tangent: reverse mode is linear in the cotangent, and its derivative by it is the
product with the tangent. So whatever has a second derivative has a forward mode, of any nesting
with reverse mode.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from functorch_lite.torch._core.grad_mode import _Context, mode
from functorch_lite.torch._core.node import AccumulateGrad, Node, attach, edge_of, needs_grad
from functorch_lite.torch._core.tensor import Tensor, share
from functorch_lite.torch._functorch.forward_only import Forward, begin_forward, end_forward
from functorch_lite.torch._functorch.levels import DualBackward0, Level, check_tangent

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
    "unpack_dual",
]  # fmt: skip


class _Levels:
    """The level of the moment; None outside of any.

    Attributes:
        current: an object that its tensors name.
        forward: the forward mode of the thread that began it.
    """

    current: object | None = None
    forward: Forward | None = None


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent.

    Source: ``torch.autograd.forward_ad.UnpackedDualTensor``.
    """

    primal: Tensor
    tangent: Tensor | None


UnpackedDualTensor.__module__ = "torch.autograd.forward_ad"


def enter_dual_level() -> int:
    """Begin a level, in which tensors can carry tangents.

    Raises:
        RuntimeError: there is one already.

    Source: ``torch.autograd.forward_ad.enter_dual_level``.
    """
    if _Levels.current is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _Levels.current, _Levels.forward = object(), begin_forward()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level, and the tangents with it.

    Source: ``torch.autograd.forward_ad.exit_dual_level``.
    """
    if _Levels.current is None or level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is "
            "not supported."
        )
    forward, _Levels.current, _Levels.forward = _Levels.forward, None, None
    assert forward is not None
    end_forward(forward)


class dual_level(_Context):
    """A context in which tensors can carry tangents.

    >>> import functorch_lite.torch as torch
    >>> with dual_level():
    ...     x = make_dual(torch.tensor(0.0), torch.tensor(2.0))
    ...     unpack_dual(torch.sin(x)).tangent
    tensor(2.)

    Source: ``torch.autograd.forward_ad.dual_level``.
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exception: object) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor, over the same memory, with a tangent.

    Args:
        tensor: of floating point.
        tangent: of the same sizes.

    Raises:
        RuntimeError: outside of a level, or the sizes differ.
        ValueError: integers.

    Source: ``torch.autograd.forward_ad.make_dual``.
    """
    del level  # there is one at a time
    if _Levels.current is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if t._np.dtype.kind not in "fcV":
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    check_tangent(tensor, tangent)
    node = DualBackward0([edge_of(tensor) if mode.enabled and needs_grad(tensor) else None])
    node.tangent, node.level = tangent, _Levels.current
    if mode.forward is not None:  # the level may have begun in another thread
        mode.forward.ends.add(node)
    return attach(share(tensor, tensor._np, tensor._offset), node)


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor without its tangent, and the tangent, None if it has none.

    Source: ``torch.autograd.forward_ad.unpack_dual``.
    """
    del level
    duals, leaves = ([], True) if _Levels.current is None else _ends(tensor)
    if not duals:
        return UnpackedDualTensor(tensor, None)
    recorded = mode.enabled
    found = Level()
    with found:
        found.recorded = recorded
        dummy = found.dummy(tensor)
        ends = [(node, 0) for node in duals]
        rows = found.pull([tensor], [dummy], ends, create=True, push=True)
        pairs = [(r, node.tangent) for r, node in zip(rows, duals, strict=True) if r is not None]
        chosen, tangents = [r for r, _ in pairs], [t for _, t in pairs]
        create = recorded and (leaves or any(map(needs_grad, tangents)))
        tangent = found.pull(chosen, tangents, [edge_of(dummy)], create, push=True)[0]
        primal = tensor if leaves else share(tensor, tensor._np, tensor._offset)
        if tangent is not None:
            tangent = found.output(tangent, duals=False)
        return UnpackedDualTensor(primal, tangent)


def _ends(tensor: Tensor) -> tuple[list[DualBackward0], bool]:
    """The tensors with tangents that one was made of, and whether leaves are among the others."""
    edge = edge_of(tensor)
    stack: list[Node] = [] if edge is None else [edge[0]]
    seen = set(stack)
    found = []
    leaves = False
    while stack:
        node = stack.pop()
        leaves = leaves or node.__class__ is AccumulateGrad
        if isinstance(node, DualBackward0) and node.level is _Levels.current:
            found.append(node)
        for after in node.edges:
            if after is not None and after[0] not in seen:
                seen.add(after[0])
                stack.append(after[0])
    return found, leaves

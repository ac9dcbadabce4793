"""Operations whose gradient is written down as a function of core arrays, beside their value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functorch_lite import lax
from functorch_lite.core.array import Array, wrap
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, Saved, attach, edge_of, freed_error, save
from functorch_lite.torch._core.op import Composite, conjugated, formula, fresh, upward, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make

__all__ = ["Linear", "Pulled", "not_differentiable"]


class PulledNode(Node):
    """A recorded operation with a pullback.

    Attributes:
        kept: per operand what is saved, or None.
        extras: raw arrays that the forward pass returned beside the result.
    """

    __slots__ = ("extras", "kept", "params", "what")

    what: Pulled
    kept: Sequence[Saved | None]
    extras: Sequence[Any]
    params: dict[str, Any]

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        g = grads[0]
        edges = self.edges
        if g is None:
            return [None] * len(edges)
        if self.freed:
            raise freed_error()
        what = self.what
        wanted = tuple([e is not None for e in edges])
        if mode.enabled:
            return self._recorded(g, wanted)
        arrays = [None if s is None else _wide(wrap(s.raw(self))) for s in self.kept]
        ct = conjugated(_wide(wrap(g._np)))
        found = what.pull(ct, *arrays, *map(wrap, self.extras), wanted=wanted, **self.params)
        # Gradients that are g itself, or a view of it, need no copy: nobody writes to them.
        return [
            make(upward(conjugated(x)._data)) if w and x is not None else None
            for x, w in zip(found, wanted, strict=True)
        ]

    def _recorded(self, g: Tensor, wanted: tuple[bool, ...]) -> list[Tensor | None]:
        what, params = self.what, self.params
        tensors = [None if s is None else s.get(self) for s in self.kept]
        given: list[Any] = [g, *[t for t in tensors if t is not None]]
        there = [t is not None for t in tensors]
        extras = () if what.again is not None else tuple(map(wrap, self.extras))
        pull = what.pull if what.again is None else what.again
        which: list[int] = []

        def f(ct: Array, *rest: Array) -> tuple[Array, ...]:
            left = iter(rest)
            arrays = [_wide(next(left)) if t else None for t in there]
            made = pull(conjugated(_wide(ct)), *arrays, *extras, wanted=wanted, **params)
            which[:] = [i for i, x in enumerate(made) if x is not None and wanted[i]]
            return tuple([conjugated(made[i]) for i in which])

        made = Composite(f"{self.name()[:-1]}Backward0", f)(given)
        found: list[Tensor | None] = [None] * len(wanted)
        for i, x in zip(which, made, strict=True):
            found[i] = x
        return found

    def release(self) -> None:
        self.freed = True
        self.kept = self.extras = ()


def _wide(x: Array) -> Array:
    return x.astype(np.float32) if x.dtype.char in HALF_CHARS else x


class Pulled:
    """An operation on tensors.

    Args:
        name: of its node, as PyTorch names it.
        f: ``f(*operands, **params)`` over core arrays, None for operands that are not given;
            returns the result, or a tuple of it and of what the pullback gets as well.
        pull: ``pull(g, *operands, *extras, wanted, **params)`` returns the gradient of each
            operand, None where there is none.
        again: the same without the extras, for a pullback that is differentiated in turn: where
            the extras depend on the operands. By default they count as constants.
        checks: positions of the operands that may not be written to before the backward pass; all
            by default.
        fuse: whether large calls run as one compiled program.
        constants: per position of an operand without a gradient, what PyTorch calls the function
            and the operand.

    Half precision is computed in single precision.
    """

    __slots__ = ("again", "checks", "constants", "f", "node", "pull")

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        pull: Callable[..., Any],
        *,
        again: Callable[..., Any] | None = None,
        checks: Sequence[int] | None = None,
        fuse: bool = True,
        constants: Mapping[int, tuple[str, str]] | None = None,
    ) -> None:
        self.constants = constants or {}
        self.f = lax.composite(f, name) if fuse else f
        self.pull = lax.composite(pull, name) if fuse else pull
        self.again = again
        self.checks = checks
        self.node: type[PulledNode] = type(name, (PulledNode,), {"__slots__": ()})

    def __call__(self, operands: Sequence[Tensor | None], **params: Any) -> Any:
        """The result, or the result and the extras."""
        arrays: list[Any] = []
        half: Any = None
        for t in operands:
            if t is None:
                arrays.append(None)
                continue
            data = t._np
            if data.dtype.char in HALF_CHARS:
                half = data.dtype
                data = data.astype(np.float32)
            arrays.append(wrap(data))
        out = self.f(*arrays, **params)
        extras: Sequence[Any] = ()
        if out.__class__ is tuple:
            out, *extras = out
            extras = [x._data for x in extras]
        data = out._data
        if data.__class__ is np.ndarray and not data.flags.c_contiguous:
            data = data.copy()
        made = fresh(
            data if half is None else data.astype(half), [t for t in operands if t is not None]
        )
        if wants_grad(operands) and made._np.dtype.kind in "fcV":
            attach(made, self._node(operands, extras, params))
        return (made, *map(make, extras)) if extras else made

    def _node(
        self, operands: Sequence[Tensor | None], extras: Sequence[Any], params: dict[str, Any]
    ) -> PulledNode:
        node = self.node(
            [None if t is None or t._np.dtype.kind in "iub" else edge_of(t) for t in operands]
        )
        for i, (function, name) in self.constants.items():
            if node.edges[i] is not None:
                raise not_differentiable(function, name)
        checks = self.checks
        node.kept = [
            None if t is None
            else save(t) if checks is None or i in checks
            else Saved(t, t._np, None)
            for i, t in enumerate(operands)
        ]  # fmt: skip
        node.extras, node.params, node.what = extras, params, self
        return node


def not_differentiable(function: str, name: str) -> RuntimeError:
    """What is said where the gradient of an operand is wanted that has none."""
    return RuntimeError(
        f"The function '{function}' is not differentiable with respect to argument '{name}'. This "
        "input cannot have requires_grad True."
    )


class Linear:
    """A linear operation on one tensor, which needs nothing of it for its gradient.

    Args:
        name: of its node.
        f: ``f(x, **params)`` over core arrays.
        transposed: ``transposed(g, shape, **params)`` gives the gradient of ``x`` of that shape.
    """

    __slots__ = ("f", "name", "transposed")

    def __init__(
        self, name: str, f: Callable[..., Array], transposed: Callable[..., Array]
    ) -> None:
        self.name, self.f, self.transposed = name, f, transposed

    def __call__(self, t: Tensor, **params: Any) -> Tensor:
        """Apply it."""
        data = t._np
        made = self.f(_wide(wrap(data)), **params)._data
        if made.dtype != data.dtype:
            made = made.astype(data.dtype)
        if np.may_share_memory(made, data) or not made.flags.c_contiguous:
            made = made.copy()
        out = make(made)
        if wants_grad((t,)) and data.dtype.kind in "fcV":
            shape, transposed, f, name = data.shape, self.transposed, self.f, self.name

            def back(g: Array) -> Array:
                return transposed(g, shape, **params)

            there = Linear(f"{name[:-1]}Backward0", back, lambda g, _: f(g, **params))
            attach(out, formula(name, (t,), there))
        return out

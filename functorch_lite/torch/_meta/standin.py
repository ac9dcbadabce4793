"""Operations that symbols cannot do: run once with elements, for the sizes of the results.

Matrices get about a quarter in all places and a half on the diagonal, so that they are regular,
positive and probabilities; integers are places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.torch._core.grad_mode import enable_grad, mode, no_grad
from functorch_lite.torch._core.inplace import bump, ready, rebase
from functorch_lite.torch._core.node import Edge, Node, attach, edge_of, needs_grad
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._meta.operands import found_in
from functorch_lite.torch._meta.refusals import no_kernel, plain
from functorch_lite.torch._meta.symbol import MetaSymbol, bare, bare_like
from functorch_lite.torch._object.generator import Generator, default_generator

if TYPE_CHECKING:
    from functorch_lite.torch._meta.recorder import Meta

__all__ = ["DIRECT", "INTO_FIRST", "LARGEST", "gradient_of", "is_small", "run"]

LARGEST = 1 << 24
"""Elements of all operands, beyond which no memory is taken for them."""

INTO_FIRST = frozenset(
    "bernoulli_like bernoulli_p cauchy dropout_mask exponential geometric log_normal normal "
    "randint random uniform".split()
)
"""Samplers that write into their first argument."""


class StandInBackward(Node):
    """The node of such an operation; the gradients have the sizes of the operands.

    Attributes:
        sizes: per operand shape and dtype.
        title: of the node of the operation with elements.
    """

    __slots__ = ("sizes", "title")

    sizes: Sequence[Any]
    title: str

    def name(self) -> str:
        return self.title

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        return [
            None if edge is None else make(bare(*size))
            for edge, size in zip(self.edges, self.sizes, strict=True)
        ]


DIRECT = frozenset(
    [f"fft_{a}{b}fft{c}" for a in ("", "i") for b in ("", "r", "h") for c in ("", "2", "n")]
    + "histc solve_triangular triangular_solve".split()
)
"""Operations whose results lie in memory as only the call itself tells."""


def is_small(tensors: Sequence[Tensor]) -> bool:
    """Whether memory may be taken for all elements."""
    return sum(t._np.size for t in tensors) <= LARGEST


def gradient_of(edge: Edge) -> Tensor:
    """A gradient for what an edge leads to."""
    node, nr = edge
    return make(bare(*node.metas[nr]))


def run(
    meta: Meta, f: Callable[..., Any], args: Any, kwargs: Any, error: Exception | None = None
) -> Any:
    """The results of an operation, from a call with elements.

    Args:
        error: why it is not done with symbols.

    Raises:
        NotImplementedError: that would take too much memory.
    """
    name = f.__name__
    tensors = found_in(args, kwargs)
    if not is_small(tensors):
        why = f" It has no rule for tensors of this size ({error})."
        raise plain(no_kernel(name, why)) from error
    twins: dict[int, Tensor] = {}
    generators = {id(g): g for g in (default_generator, *kwargs.values())
                  if isinstance(g, Generator)}  # fmt: skip
    states = {key: g.get_state() for key, g in generators.items()}
    with meta.outside():
        given, named = _mapped((list(args), kwargs), twins)
    recorded = mode.enabled and any(map(needs_grad, tensors))
    try:
        with meta.outside(), enable_grad() if recorded else no_grad():
            made = f(*given, **named)
    finally:
        with meta.outside():
            for key, g in generators.items():
                g.set_state(states[key])
    originals = {id(twin): t for t in tensors if (twin := twins[id(t)]) is not t}
    return _results(made, originals, tensors if recorded else ())


def _mapped(tree: Any, twins: dict[int, Tensor]) -> Any:
    """Arguments with elements."""
    if isinstance(tree, Tensor):
        found = twins.get(id(tree))
        if found is None:
            found = twins[id(tree)] = _twin(tree)
        return found
    if isinstance(tree, dict):
        return {k: _mapped(v, twins) for k, v in tree.items()}
    if isinstance(tree, slice):
        return slice(*(_mapped(x, twins) for x in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, (tuple, list)):
        parts = [_mapped(e, twins) for e in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def _twin(t: Tensor) -> Tensor:
    """A tensor with elements in its place."""
    array: Any = t._np
    if array.__class__ is not MetaSymbol:
        return t
    reach = 1 + sum((n - 1) * s for n, s in zip(array.shape, array.steps, strict=True))
    room = np.zeros(reach if array.size else 0, array.dtype)
    data = np.lib.stride_tricks.as_strided(room, array.shape, array.strides)
    if array.dtype.kind in "fcV":
        # Not all alike, so that matrices made of parts of it are regular, too.
        room[...] = 0.25 + 1e-3 * np.random.default_rng(0).random(room.size)
        if array.ndim > 1:
            places = np.arange(min(array.shape[-2:]))
            data[..., places, places] += 0.25
    out = make(data)
    if mode.enabled and needs_grad(t):
        out._rg = True
        return out.clone()
    return out


def _results(made: Any, originals: dict[int, Tensor], tensors: Sequence[Tensor]) -> Any:
    """The same on the device."""
    if isinstance(made, (tuple, list)):
        parts = [_results(x, originals, tensors) for x in made]
        return type(made)(*parts) if hasattr(made, "_fields") else type(made)(parts)
    if not isinstance(made, Tensor):
        return made
    own = originals.get(id(made))
    if own is not None:
        return written([own, *(t for t in tensors if t is not own)], made._fn)
    out = make(bare_like(made._np))
    if made._fn is not None and tensors:
        attach(out, _node(tensors, made._fn.name()))
    return out


def _node(tensors: Sequence[Tensor], title: str) -> StandInBackward:
    """A node that goes to all operands that want a gradient."""
    node = StandInBackward([edge_of(t) if needs_grad(t) else None for t in tensors])
    node.sizes = [(t._np.shape, t._np.dtype) for t in tensors]
    node.title = title
    return node


def written(tensors: Sequence[Tensor], fn: Node | None = None) -> Tensor:
    """The first of some tensors, after an operation has written to it.

    Args:
        fn: the node that it has with elements.
    """
    t = tensors[0]
    recorded = wants_grad(tensors) and t._np.dtype.kind in "fcV"
    ready(t, (), recorded)
    bump(t)
    if recorded:
        node = _node(tensors, "IndexPutBackward0" if fn is None else fn.name())
        node.metas.append((t._np.shape, t._np.dtype))
        rebase(t, node)
    return t

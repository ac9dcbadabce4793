"""Nodes that apply a loop, a branch or another construct to functions that are programs themselves.

Such a node holds *bodies*: small lists of nodes with their own numbering. Its operands are what the
construct is given, ``own`` of them, then the values of the surrounding program that the bodies
close over. Its value is the list of all results, from which ``my.pick`` takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from program_nodes import CONTROLS, composite, run_node
from program_trees import leaves, map_leaves

__all__ = ["Body", "bodies_of", "is_control", "param"]


@dataclass(frozen=True)
class Body:
    """A function: its values are numbered from its parameters over what it captures to its nodes.

    Attributes:
        types: shape and dtype of each parameter and captured value.
        nodes: what is computed.
        outputs: the values that are returned, in order.
    """

    types: tuple[tuple[tuple[int, ...], str], ...]
    nodes: tuple[Any, ...]
    outputs: tuple[int, ...]


def is_control(node: Any) -> bool:
    """Whether a node holds bodies."""
    return node.op.startswith("control.")


def param(node: Any, name: str) -> Any:
    """A param of a node."""
    return dict(node.params)[name]


def bodies_of(node: Any) -> tuple[Body, ...]:
    """The functions that a node applies; none for an ordinary node."""
    return param(node, "bodies") if is_control(node) else ()


def pack(form: Any, values: Sequence[Any]) -> Any:
    """Values in the containers of a tree of positions, which counts in the order of ``leaves``."""
    return map_leaves(values.__getitem__, form)


def unpack(tree: Any) -> list[Any]:
    """The leaves of such a tree."""
    return list(leaves(tree))


class Setting:
    """What a construct is applied to: its functions, own operands and params."""

    def __init__(self, B: Any, node: Any, operands: list[Any], seed: int) -> None:
        given = dict(node.params)
        self.B, self.seed = B, seed
        self.bodies: tuple[Body, ...] = given.pop("bodies")
        own = given.pop("own")
        self.own, self.captured = operands[:own], operands[own:]
        self.given = given

    def call(self, which: int, args: Sequence[Any]) -> list[Any]:
        """The results of a body, which closes over the captured values."""
        body = self.bodies[which]
        values = [*args, *self.captured]
        for node in body.nodes:
            values.append(run_node(self.B, node, [values[i] for i in node.operands], self.seed))
        return [values[i] for i in body.outputs]


Construct = Callable[[Setting], Any]


def construct(f: Callable[..., Any]) -> Callable[..., Any]:
    """Register under the function's name; the params of a node are passed by name."""

    def run(B: Any, node: Any, operands: list[Any], seed: int) -> list[Any]:
        setting = Setting(B, node, operands, seed)
        return unpack(f(setting, *setting.own, **setting.given))

    CONTROLS[f.__name__] = run
    return f


@composite
def pick(B: Any, results: list[Any], *, k: int) -> Any:
    return results[k]


# -------------------------------------------------------------------------------------------- loops
@construct
def scan(
    s: Setting, *operands: Any, n_carry: int, carry: Any, xs: Any, ys: Any, options: Any
) -> Any:
    """A scan whose carry, slices and results are trees of the given forms."""
    given = pack(xs, operands[n_carry:])

    def step(state: Any, x: Any) -> Any:
        outs = s.call(0, [*unpack(state), *unpack(x)])
        return pack(carry, outs[:n_carry]), pack(ys, outs[n_carry:])

    return s.B.lax.scan(step, pack(carry, operands[:n_carry]), given, **dict(options))


@construct
def while_loop(s: Setting, *init: Any, carry: Any) -> Any:
    """A loop; the first body is its condition."""
    return s.B.lax.while_loop(
        lambda state: s.call(0, unpack(state))[0],
        lambda state: pack(carry, s.call(1, unpack(state))),
        pack(carry, init),
    )


@construct
def fori_loop(s: Setting, *operands: Any, lower: int, upper: int, traced: int, carry: Any) -> Any:
    """A counted loop; ``traced`` bounds are values: ``upper``, or the sum of it and a value."""
    lo, hi = lower, upper
    init = operands
    if traced:
        hi, init = operands[0] + upper, operands[1:]
    return s.B.lax.fori_loop(
        lo, hi, lambda i, state: pack(carry, s.call(0, [i, *unpack(state)])), pack(carry, init)
    )


@construct
def map(s: Setting, *xs: Any, form: Any, ys: Any, options: Any) -> Any:
    """A function of one slice after another."""
    return s.B.lax.map(lambda x: pack(ys, s.call(0, unpack(x))), pack(form, xs), **dict(options))


# ----------------------------------------------------------------------------------------- branches
@construct
def cond(s: Setting, pred: Any, *args: Any, form: Any, outs: Any) -> Any:
    """The second body if the predicate holds, else the first."""

    def branch(which: int) -> Any:
        return lambda x: pack(outs, s.call(which, unpack(x)))

    return s.B.lax.cond(pred, branch(1), branch(0), pack(form, args))


@construct
def switch(s: Setting, index: Any, *args: Any, outs: Any) -> Any:
    """One of the bodies; an index beyond them is clamped."""

    def branch(which: int) -> Any:
        return lambda *xs: pack(outs, s.call(which, xs))

    return s.B.lax.switch(index, [branch(i) for i in range(len(s.bodies))], *args)


# ----------------------------------------------------------------- one function, another derivative
@construct
def checkpoint(s: Setting, *args: Any, form: Any, outs: Any, policy: Any, prevent_cse: bool) -> Any:
    """A function that is computed again in the backward pass."""
    f = s.B.T.checkpoint(
        lambda x: pack(outs, s.call(0, unpack(x))),
        policy=s.B.policy(policy),
        prevent_cse=prevent_cse,
    )
    return f(pack(form, args))


def _linear(s: Setting, at: list[Any], tangents: list[Any], first: int) -> Any:
    """The sum of the tangents, each times what its body returns at a point."""
    total: Any = None
    for i, t in enumerate(tangents):
        term = s.call(first + i, at)[0] * t
        total = term if total is None else total + term
    return total


@construct
def custom_jvp(s: Setting, *args: Any, nondiff: bool, by_argument: bool) -> Any:
    """A function with forward rules that need not be its true derivative.

    The bodies are the function and, for each argument, the factor of its tangent. With ``nondiff``
    the first parameter of the rule is a number that the result is multiplied by.
    """
    T = s.B.T
    if nondiff:
        f = T.custom_jvp(lambda a, *xs: s.call(0, xs)[0] * a, nondiff_argnums=(0,))

        @f.defjvp
        def rule(a: Any, primals: Any, tangents: Any) -> Any:
            return f(a, *primals), _linear(s, list(primals), list(tangents), 1) * a

        return f(0.75, *args)
    f = T.custom_jvp(lambda *xs: s.call(0, xs)[0])
    if by_argument:
        f.defjvps(*[_factor(s, i) for i in range(len(args))])
    else:
        f.defjvp(lambda xs, ts: (f(*xs), _linear(s, list(xs), list(ts), 1)))
    return f(*args)


def _factor(s: Setting, i: int) -> Any:
    return lambda t, ans, *xs: s.call(1 + i, xs)[0] * t


@construct
def custom_vjp(s: Setting, *args: Any, nondiff: bool, by_argument: bool) -> Any:
    """A function with a reverse rule that need not be its true derivative; see ``custom_jvp``."""
    T = s.B.T

    def factors(xs: Any) -> list[Any]:
        return [s.call(1 + i, xs)[0] for i in range(len(xs))]

    if nondiff:
        f = T.custom_vjp(lambda a, *xs: s.call(0, xs)[0] * a, nondiff_argnums=(0,))
        f.defvjp(
            lambda a, *xs: (f(a, *xs), {"at": xs}),
            lambda a, kept, ct: tuple(ct * a * g for g in factors(kept["at"])),
        )
        return f(0.75, *args)
    f = T.custom_vjp(lambda *xs: s.call(0, xs)[0])
    if by_argument:  # the factors are computed in the forward pass and kept
        f.defvjp(
            lambda *xs: (f(*xs), (factors(xs), None)),
            lambda kept, ct: tuple(ct * g for g in kept[0]),
        )
    else:
        f.defvjp(lambda *xs: (f(*xs), xs), lambda xs, ct: tuple(ct * g for g in factors(xs)))
    return f(*args)


# ----------------------------------------------------------------------------- transforms of a body
@construct
def vmap(s: Setting, *args: Any, in_axes: Any, outs: Any) -> Any:
    """A mapped function that closes over values; what is in it may differ between the examples."""
    return s.B.T.vmap(lambda *xs: pack(outs, s.call(0, xs)), in_axes=in_axes)(*args)


@construct
def jit(s: Setting, *args: Any, outs: Any) -> Any:
    """A compiled function that closes over values."""
    return s.B.T.jit(lambda *xs: pack(outs, s.call(0, xs)))(*args)


@construct
def grad(s: Setting, *args: Any) -> Any:
    """The gradient of a function with respect to its first argument."""
    return [s.B.T.grad(lambda *xs: s.B.np.sum(s.call(0, xs)[0]))(*args)]

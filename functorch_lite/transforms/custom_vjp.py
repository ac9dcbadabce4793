"""``custom_vjp``: a function with a reverse-mode rule of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.transforms.arguments import describe_tree
from functorch_lite.transforms.custom import Rules, run_rule
from functorch_lite.transforms.custom_public import (
    Call,
    CustomFunction,
    SymbolicZero,
    as_weak,
    checked,
    leaves_up_to,
    zero_like,
)

__all__ = ["CustomVJPPrimal", "custom_vjp"]


class CustomVJPPrimal:
    """An argument of a forward rule with ``symbolic_zeros=True``.

    Attributes:
        value: the array.
        perturbed: whether it is differentiated.
    """

    def __init__(self, value: Any, perturbed: bool) -> None:
        self.value, self.perturbed = value, perturbed

    def __repr__(self) -> str:
        return f"CustomVJPPrimal({self.value!r}, perturbed={self.perturbed})"


class custom_vjp(CustomFunction):
    """A function whose derivative is given by a forward and a backward rule.

    Args:
        fun: function of trees of arrays.
        nondiff_argnums: positions of arguments that are no arrays, or have no derivative. The
            forward rule gets all arguments as the function does, the backward rule gets these
            first.

    Forward mode is the transpose of the backward rule, and works where that rule is linear in the
    cotangent, as the derivative is; a rule that clips it, say, has none.

    Raises:
        GradientError: when it is differentiated before rules were given.

    >>> import functorch_lite.numpy as fnp
    >>> from functorch_lite import grad
    >>> @custom_vjp
    ... def clipped(x):  # the gradient is cut to [-1, 1]
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (fnp.clip(ct, -1, 1),))
    >>> grad(lambda x: 5 * clipped(x))(2.0)
    Array(1., dtype=float32)

    Source: ``jax.custom_vjp``.
    """

    kind = "custom_vjp"
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    symbolic_zeros = False

    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Give the rules.

        Args:
            fwd: ``fwd(*args) -> (out, residuals)``; residuals are any tree.
            bwd: ``bwd(*nondiff, residuals, ct) -> tuple``, one cotangent tree per differentiable
                argument; None stands for zero.
            symbolic_zeros: pass ``fwd`` each array as a ``CustomVJPPrimal``, and ``bwd`` a
                ``SymbolicZero`` instead of an array of zeros.
            optimize_remat: accepted for JAX's sake; residuals that nobody needs are dropped anyway.
        """
        del optimize_remat
        if not callable(fwd) or not callable(bwd):
            raise TransformError(f"{self.label}: defvjp takes two functions, fwd and bwd")
        self.forward, self.backward, self.symbolic_zeros = fwd, bwd, symbolic_zeros

    def rules(self, call: Call) -> Rules:
        """The function and its rules on flat arrays, for one call."""
        return _VjpRules(self, call)


class _VjpRules(Rules):
    reverse = True

    def __init__(self, function: custom_vjp, call: Call) -> None:
        self.function, self.call, self.label = function, call, function.label

    def primal(self, args: Sequence[Any]) -> list[Any]:
        return self.call.primal(args)

    def fwd(self, args: Sequence[Any], wants: Sequence[bool]) -> tuple[list[Any], Any]:
        function, call = self.function, self.call
        if function.forward is None:
            raise GradientError(
                f"{self.label}: it has no rule for its derivative. Give one with "
                f"{function_name(function.fun)}.defvjp(fwd, bwd)."
            )
        name = function_name(function.forward)
        trees = call.unflatten(args)
        if function.symbolic_zeros:
            leaves = [
                CustomVJPPrimal(x, bool(w)) for x, w in zip(tree.leaves(trees), wants, strict=True)
            ]
            trees = tree.unflatten(call.treedef, leaves)
        pair = run_rule(self.label, function.forward, *call.merged(trees))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            got = f"{len(pair)} values" if isinstance(pair, (tuple, list)) else describe_tree(pair)
            raise TransformError(
                f"{self.label}: the rule {name} must return a pair (out, residuals), got {got}"
            )
        outs = call.outputs(pair[0], name)
        args_avals = [make_aval(x.shape, x.dtype) for x in args]
        return outs, _Residuals(pair[1], args_avals, [make_aval(o.shape, o.dtype) for o in outs])

    def bwd(self, residuals: Any, cts: Sequence[Any]) -> list[Any]:
        function, call = self.function, self.call
        assert function.backward is not None
        name = function_name(function.backward)
        given = [
            zero_like(_Typed(a), function.symbolic_zeros) if ct is None else ct
            for ct, a in zip(cts, residuals.outs, strict=True)
        ]
        given = [as_weak(ct, a.weak) for ct, a in zip(given, call.out_avals, strict=True)]
        ct = tree.unflatten(call.out_tree, given)
        found = run_rule(self.label, function.backward, *call.fixed, residuals.value, ct)
        return self._cotangents(found, residuals.args, name)

    def _cotangents(self, found: Any, avals: Sequence[Aval], name: str) -> list[Any]:
        """One cotangent or None per leaf of the arguments."""
        specs = self.call.treedef.children()
        if not isinstance(found, (tuple, list)) or len(found) != len(specs):
            got = f"{len(found)}" if isinstance(found, (tuple, list)) else describe_tree(found)
            raise TreeError(
                f"{self.label}: the rule {name} must return a tuple of {len(specs)} cotangents, "
                f"one per differentiable argument, got {got}. Return None for a zero one."
            )
        out: list[Any] = []
        for i, (spec, g) in enumerate(zip(specs, found, strict=True)):
            if g is None or isinstance(g, SymbolicZero):
                out += [None] * spec.num_leaves
                continue
            leaves = leaves_up_to(spec, g)
            if leaves is None:
                raise TreeError(
                    f"{self.label}: the rule {name} returns for argument {i} a cotangent of "
                    f"structure {tree.structure(g)}, expected {spec}, that of the argument."
                )
            out += leaves
        names = self.call.names
        return [
            checked(g, a, f"{self.label}: the cotangent that {name} returns for {n}", n)
            for g, a, n in zip(out, avals, names, strict=True)
        ]


class _Residuals:
    """What a forward rule left for the backward rule; a container whose arrays batching finds."""

    def __init__(self, value: Any, args: Iterable[Aval], outs: Iterable[Aval]) -> None:
        self.value, self.args, self.outs = value, tuple(args), tuple(outs)


tree.register_pytree_node(
    _Residuals,
    lambda r: ((r.value,), (r.args, r.outs)),
    lambda kept, children: _Residuals(next(iter(children)), *kept),
)


class _Typed:
    """A type in the place of a value."""

    def __init__(self, aval: Aval) -> None:
        self.aval = aval

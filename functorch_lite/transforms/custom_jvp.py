"""``custom_jvp``: a function with a forward-mode rule of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import lift
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.ops import add
from functorch_lite.transforms.arguments import describe_tree
from functorch_lite.transforms.custom import Rules, run_rule
from functorch_lite.transforms.custom_public import (
    Call,
    CustomFunction,
    SymbolicZero,
    checked,
    leaves_up_to,
    zero_like,
)

__all__ = ["custom_jvp"]


class custom_jvp(CustomFunction):
    """A function whose derivative is given by a rule for tangents; reverse mode transposes it.

    Args:
        fun: function of trees of arrays.
        nondiff_argnums: positions of arguments that are no arrays, or have no derivative; the rule
            gets them first, as they are.

    Raises:
        GradientError: when it is differentiated before a rule was given.

    >>> import functorch_lite.numpy as fnp
    >>> from functorch_lite import grad
    >>> @custom_jvp
    ... def log1pexp(x):
    ...     return fnp.log1p(fnp.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1 - 1 / (1 + fnp.exp(x)))
    >>> grad(log1pexp)(0.0)
    Array(0.5, dtype=float32)

    Source: ``jax.custom_jvp``.
    """

    kind = "custom_jvp"
    rule: Callable[..., Any] | None = None
    symbolic_zeros = False

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Give the rule; returns it, so that it can be a decorator.

        Args:
            jvp: ``jvp(*nondiff, primals, tangents) -> (out, out_tangent)``, linear in the tangents.
            symbolic_zeros: pass a ``SymbolicZero`` instead of an array of zeros.
        """
        if not callable(jvp):
            raise TransformError(f"{self.label}: the rule must be a function, got {jvp!r:.60}")
        self.rule, self.symbolic_zeros = jvp, symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Give one rule per argument: ``jvp(tangent, out, *primals) -> out_tangent``, or None."""
        if self.nondiff_argnums:
            raise TransformError(f"{self.label}: defjvps takes no nondiff_argnums; use defjvp")
        for jvp in jvps:
            if jvp is not None and not callable(jvp):
                raise TransformError(
                    f"{self.label}: defjvps takes one function or None per argument, got "
                    f"{jvp!r:.60}"
                )

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            if len(jvps) != len(primals):
                raise TransformError(
                    f"{self.label}: defjvps got {len(jvps)} rules, and the function has "
                    f"{len(primals)} arguments. Give one for each; None stands for zero."
                )
            out = self(*primals)
            outs, treedef = tree.flatten(out)
            totals: list[Any] = [None] * len(outs)
            for jvp, t in zip(jvps, tangents, strict=True):
                parts = tree.leaves(t)
                if jvp is None or all(isinstance(x, SymbolicZero) for x in parts):
                    continue
                t = tree.map(lambda x: x.instantiate() if isinstance(x, SymbolicZero) else x, t)
                dots = _tangents(jvp(t, out, *primals), treedef, map(lift, outs), self.label, jvp)
                totals = [
                    b if a is None else a if b is None else add(a, b)
                    for a, b in zip(totals, dots, strict=True)
                ]
            zeros = [zero_like(lift(o), True) for o in outs]
            dots = [z if d is None else d for d, z in zip(totals, zeros, strict=True)]
            return out, tree.unflatten(treedef, dots)

        self.defjvp(rule, symbolic_zeros=True)

    def rules(self, call: Call) -> Rules:
        """The function and its rule on flat arrays, for one call."""
        return _JvpRules(self, call)


class _JvpRules(Rules):
    reverse = False

    def __init__(self, function: custom_jvp, call: Call) -> None:
        self.function, self.call, self.label = function, call, function.label

    def primal(self, args: Sequence[Any]) -> list[Any]:
        return self.call.primal(args)

    def jvp(self, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        function, call = self.function, self.call
        if function.rule is None:
            raise GradientError(
                f"{self.label}: it has no rule for its derivative. Give one with "
                f"{function_name(function.fun)}.defjvp(rule)."
            )
        name = function_name(function.rule)
        symbolic = function.symbolic_zeros
        ts = [
            zero_like(x, symbolic) if t is None else t for x, t in zip(args, tangents, strict=True)
        ]
        pair = run_rule(
            self.label, function.rule, *call.fixed, call.unflatten(args), call.unflatten(ts)
        )
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            got = f"{len(pair)} values" if isinstance(pair, (tuple, list)) else describe_tree(pair)
            raise TransformError(
                f"{self.label}: the rule {name} must return a pair (out, out_tangent), got {got}"
            )
        outs = call.outputs(pair[0], name)
        return outs, _tangents(pair[1], call.out_tree, outs, self.label, function.rule)


def _tangents(
    found: Any, treedef: Any, outs: Iterable[Any], label: str, rule: Callable[..., Any]
) -> list[Any]:
    """The tangents that a rule returned for the leaves of the output; None is zero."""
    name = function_name(rule)
    dots = leaves_up_to(treedef, found)
    if dots is None:
        raise TreeError(
            f"{label}: the rule {name} returns a tangent of structure {tree.structure(found)} for "
            f"an output of {treedef}. Return one tangent for each output, in the same containers."
        )
    what = f"{label}: the tangent that {name} returns"
    return [checked(d, o.aval, what, "the output") for d, o in zip(dots, outs, strict=True)]

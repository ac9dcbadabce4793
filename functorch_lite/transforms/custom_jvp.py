"""``custom_jvp``: a function with a forward-mode rule of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.ops import add
from functorch_lite.transforms.custom import Rules
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

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            out = self(*primals)
            terms = [
                jvp(t, out, *primals)
                for jvp, t in zip(jvps, tangents, strict=True)
                if jvp is not None and not isinstance(t, SymbolicZero)
            ]
            if not terms:
                return out, tree.map(lambda x: zero_like(x, True), out)
            total = terms[0]
            for term in terms[1:]:
                total = tree.map(add, total, term)
            return out, total

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
        primals = call.unflatten(args)
        given = tree.unflatten(call.treedef, ts)
        pair = function.rule(*call.fixed, tuple(primals), tuple(given))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TransformError(
                f"{self.label}: the rule {name} must return a pair (out, out_tangent), got "
                f"{type(pair).__name__}"
            )
        outs = call.outputs(pair[0], name)
        dots = leaves_up_to(call.out_tree, pair[1])
        if dots is None:
            raise TreeError(
                f"{self.label}: the rule {name} returns a tangent of structure "
                f"{tree.structure(pair[1])} for an output of {call.out_tree}. Return one tangent "
                "for each output, in the same containers."
            )
        what = f"{self.label}: the tangent that {name} returns"
        return outs, [
            checked(d, o.aval, what, "the output") for d, o in zip(dots, outs, strict=True)
        ]

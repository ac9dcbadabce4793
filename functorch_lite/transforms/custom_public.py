"""What ``custom_jvp`` and ``custom_vjp`` share: arguments, zeros, checks of what rules return."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import is_arraylike, lift, make_strong, weak_copy, wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import float0, is_inexact
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.ops import cast
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    leaf_paths,
    outputs_as_arrays,
    parameter_names,
)
from functorch_lite.transforms.custom import Rules, apply_custom, run_rule
from functorch_lite.transforms.derived import zero_of

__all__ = ["CustomFunction", "SymbolicZero"]


class SymbolicZero:
    """A tangent or cotangent that is zero, without an array behind it.

    Attributes:
        shape, dtype: of the array that it stands for.
    """

    def __init__(self, aval: Aval) -> None:
        self.aval = aval
        self.shape, self.dtype = aval.shape, aval.dtype
        self.ndim, self.size = aval.ndim, aval.size

    def instantiate(self) -> Any:
        """The zeros as an array."""
        if self.dtype == float0:
            return wrap(np.zeros(self.shape, float0))
        return zero_of(self.aval)

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval.short()})"


class CustomFunction:
    """A callable with a derivative of its own; base of ``custom_jvp`` and ``custom_vjp``."""

    kind = "custom"

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: int | Iterable[int] = ()) -> None:
        check_callable(fun, self.kind)
        self.fun = fun
        self.label = f"{self.kind} of {function_name(fun)}"
        self.nondiff_argnums = _positions(nondiff_argnums, self.label)
        self._signature: inspect.Signature | None
        try:
            self._signature = inspect.signature(fun)
        except (TypeError, ValueError):  # a builtin without a signature
            self._signature = None
        update_wrapper(self, fun, updated=())

    def __repr__(self) -> str:
        return f"<{self.label}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        if state.trace is None:
            return self.fun(*args)
        fixed = {n % len(args): args[n] for n in self.nondiff_argnums}
        moving = [i for i in range(len(args)) if i not in fixed]
        chosen = tuple(args[i] for i in moving)
        names = leaf_paths(self.fun, chosen, moving)
        self._check_arrays(chosen, moving)
        flat = Flat(chosen, lambda: names, self.label)
        call = Call(self, [fixed[n % len(args)] for n in self.nondiff_argnums], fixed, flat, names)
        rules = self.rules(call)
        operands = [as_weak(x, w) for x, w in zip(flat.arrays, flat.weak, strict=True)]
        outs = [
            weak_copy(o) if a.weak else o
            for o, a in zip(apply_custom(rules, operands), call.out_avals, strict=True)
        ]
        return tree.unflatten(call.out_tree, outs)

    def rules(self, call: Call) -> Rules:
        """The function and its derivative on flat arrays, for one call."""
        raise TransformError(f"{self.label}: no rules")

    def _check_arrays(self, chosen: Sequence[Any], positions: Sequence[int]) -> None:
        for i, arg in zip(positions, chosen, strict=True):
            for leaf in tree.leaves(arg):
                if not is_arraylike(leaf):
                    kind, name = type(leaf).__name__, parameter_names(self.fun, i + 1)[i]
                    other = f", or make {kind} a container with register_dataclass"
                    raise TreeError(
                        f"{self.label}: {name} holds a {kind}, which is not an array. Pass it by "
                        f"nondiff_argnums=({i},)"
                        f"{'' if isinstance(leaf, str) or callable(leaf) else other}."
                    )

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults included."""
        if self._signature is not None:
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function_name(self.fun)}: {error}") from None
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        if kwargs:
            raise TransformError(
                f"{self.label}: keyword-only arguments ({', '.join(kwargs)}) have no place in a "
                "rule. Make them positional, and nondiff_argnums if they are no arrays."
            )
        for n in self.nondiff_argnums:
            if not -len(args) <= n < len(args):
                raise TransformError(
                    f"{self.label}: nondiff_argnums has {n}, but the call has {len(args)} arguments"
                )
        return args


def _positions(nums: Any, label: str) -> tuple[int, ...]:
    try:
        return tuple(map(operator.index, nums if isinstance(nums, Iterable) else (nums,)))
    except TypeError:
        raise TransformError(
            f"{label}: nondiff_argnums must be an int or a tuple of ints, got {nums!r}"
        ) from None


class Call:
    """One call of a custom function: its fixed arguments, and the structure of the others.

    Attributes:
        fixed: the nondiff arguments in the order of ``nondiff_argnums``.
        out_tree, out_avals: structure of the output and types of its leaves, known once the
            function or its rule has run.
    """

    def __init__(
        self,
        function: CustomFunction,
        fixed: Sequence[Any],
        by_position: dict[int, Any],
        flat: Flat,
        names: Sequence[str],
    ) -> None:
        self.function, self.fixed, self.names = function, fixed, list(names)
        self.treedef, self.weak = flat.treedef, list(flat.weak)
        self._by_position = by_position
        self.label = function.label
        self.out_tree: Any = None
        self.out_avals: list[Aval] = []

    def unflatten(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiable arguments, or their tangents, as trees; Python numbers stay weak."""
        kept = [as_weak(x, w) for x, w in zip(leaves, self.weak, strict=True)]
        found: tuple[Any, ...] = tree.unflatten(self.treedef, kept)
        return found

    def merged(self, chosen: Sequence[Any]) -> list[Any]:
        """All arguments in their places."""
        rest = iter(chosen)
        count = len(chosen) + len(self._by_position)
        return [
            self._by_position[i] if i in self._by_position else next(rest) for i in range(count)
        ]

    def outputs(self, out: Any, name: str) -> list[Any]:
        """The leaves of what the function (or its rule, for the function) returned."""
        outs, weak, found = outputs_as_arrays(out, name, self.label)
        outs = [make_strong(o) for o in outs]
        if self.out_tree is None:
            self.out_tree = found
            self.out_avals = [Aval(o.shape, o.dtype, w) for o, w in zip(outs, weak, strict=True)]
            return outs
        if found != self.out_tree:
            raise TreeError(
                f"{self.label}: {name} returns the output as {found}, the function returns "
                f"{self.out_tree}. Return the same structure."
            )
        for i, (o, w, a) in enumerate(zip(outs, weak, self.out_avals, strict=True)):
            if o.shape != a.shape or (o.dtype != a.dtype and not (w or a.weak)):
                raise GradientError(
                    f"{self.label}: {name} returns {o.aval.short()} as output {i}, the function "
                    f"returns {a.short()}. Return the same shape and dtype."
                )
        return [
            o if o.dtype == a.dtype else cast(o, dtype=a.dtype)
            for o, a in zip(outs, self.out_avals, strict=True)
        ]

    def primal(self, args: Sequence[Any]) -> list[Any]:
        """The function itself."""
        fun = self.function.fun
        out = run_rule(self.label, fun, *self.merged(self.unflatten(args)))
        return self.outputs(out, function_name(fun))


def as_weak(x: Any, weak: bool) -> Any:
    """The value as one that adapts its dtype, if ``weak`` says so; symbolic zeros as they are."""
    if not weak or isinstance(x, SymbolicZero) or x.weak or x.dtype == float0:
        return x
    return weak_copy(x)


def zero_like(x: Any, symbolic: bool) -> Any:
    """A zero tangent or cotangent of a value: ``float0`` for discrete ones."""
    aval = x.aval
    zero = SymbolicZero(Aval(aval.shape, aval.dtype if is_inexact(aval.dtype) else float0))
    return zero if symbolic else zero.instantiate()


def checked(g: Any, want: Aval, what: str, whose: str) -> Any:
    """What a rule returned for one leaf, as an array of the right type; None for zero."""
    if g is None or isinstance(g, SymbolicZero) or getattr(g, "dtype", None) == float0:
        return None
    if not is_inexact(want.dtype):
        return None
    if not is_arraylike(g):
        raise GradientError(
            f"{what} is a {type(g).__name__}, expected an array of shape {want.shape}, or None for "
            "zero."
        )
    x = lift(g)
    if x.shape != want.shape:
        raise GradientError(
            f"{what} has shape {x.shape}, expected {want.shape}, that of {whose}. Return an array "
            "of that shape, or None for zero."
        )
    return x if x.dtype == want.dtype else cast(x, dtype=want.dtype)


def leaves_up_to(treedef: Any, value: Any) -> list[Any] | None:
    """Leaves of a tree of the given structure, None where a leaf is; None if it has another one."""
    try:
        found: list[Any] = treedef.flatten_up_to(value)
    except (TypeError, ValueError):
        return None
    return (
        found
        if all(x is None or isinstance(x, SymbolicZero) or tree.is_leaf(x) for x in found)
        else None
    )

"""What ``custom_jvp`` and ``custom_vjp`` share: arguments, zeros, checks of what rules return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import lift, weak_copy, wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import float0, is_inexact
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.ops import cast
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    finish,
    leaf_paths,
    outputs_as_arrays,
)
from functorch_lite.transforms.custom import Rules, apply_custom
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
        return zero_of(self.aval)

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval.short()})"


class CustomFunction:
    """A callable with a derivative of its own; base of ``custom_jvp`` and ``custom_vjp``."""

    kind = "custom"
    missing = ""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: int | Iterable[int] = ()) -> None:
        check_callable(fun, self.kind)
        nums = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self.fun = fun
        self.nondiff_argnums = nums
        self.label = f"{self.kind} of {function_name(fun)}"
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
        flat = Flat(chosen, lambda: names, self.label)
        call = Call(self, [fixed[n % len(args)] for n in self.nondiff_argnums], fixed, flat, names)
        rules = self.rules(call)
        operands = [
            weak_copy(x) if w and not x.weak else x
            for x, w in zip(flat.arrays, flat.weak, strict=True)
        ]
        outs = apply_custom(rules, operands)
        return tree.unflatten(call.out_tree, outs)

    def rules(self, call: Call) -> Rules:
        """The function and its derivative on flat arrays, for one call."""
        raise TransformError(f"{self.label}: no rules")

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults included."""
        try:
            bound = inspect.signature(self.fun).bind(*args, **kwargs)
        except ValueError:  # a builtin without a signature
            bound = None
        except TypeError as error:
            raise TypeError(f"{function_name(self.fun)}: {error}") from None
        if bound is not None:
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


class Call:
    """One call of a custom function: its fixed arguments, and the structure of the others.

    Attributes:
        fixed: the nondiff arguments in the order of ``nondiff_argnums``.
        out_tree: structure of the output, known once the function or its rule has run.
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
        self.out_names: list[str] = []

    def unflatten(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiable arguments as trees; Python numbers stay weak."""
        kept = [
            weak_copy(x) if w and not x.weak else x for x, w in zip(args, self.weak, strict=True)
        ]
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
        if self.out_tree is not None and found != self.out_tree:
            raise TreeError(
                f"{self.label}: {name} returns the output as {found}, the function returns "
                f"{self.out_tree}. Return the same structure."
            )
        self.out_tree = found
        return [finish(o, w) for o, w in zip(outs, weak, strict=True)]

    def primal(self, args: Sequence[Any]) -> list[Any]:
        """The function itself."""
        fun = self.function.fun
        return self.outputs(fun(*self.merged(self.unflatten(args))), function_name(fun))


def zero_like(x: Any, symbolic: bool) -> Any:
    """A zero tangent or cotangent of a value: ``float0`` for discrete ones."""
    aval = x.aval
    plain = Aval(aval.shape, aval.dtype if is_inexact(aval.dtype) else float0)
    if symbolic:
        return SymbolicZero(plain)
    return zero_of(plain) if plain.dtype != float0 else wrap(np.zeros(plain.shape, float0))


def checked(g: Any, want: Aval, what: str, whose: str) -> Any:
    """What a rule returned for one leaf, as an array of the right type; None for zero."""
    if g is None or isinstance(g, SymbolicZero) or getattr(g, "dtype", None) == float0:
        return None
    if not is_inexact(want.dtype):
        return None
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

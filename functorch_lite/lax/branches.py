"""``cond`` and ``switch``: one of several functions, chosen by a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import Tracer
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import (
    int32,
    is_bool,
    is_complex,
    is_integer,
)
from functorch_lite.core.trace import state
from functorch_lite.errors import CarryTypeError, DtypeError, ShapeError, TransformError
from functorch_lite.lax.carry import joined_dtype
from functorch_lite.lax.user_functions import LACKS_RETURN, guarded, named, structure_text
from functorch_lite.numpy.convert import as_array, cast, const
from functorch_lite.ops import ne
from functorch_lite.transforms.arguments import Flat, check_callable, describe_tree, leaf_paths
from functorch_lite.transforms.cond import cond as _cond
from functorch_lite.transforms.structured import Staged, share_captures, stage_tree, type_text

__all__ = ["cond", "switch"]


def cond(pred: Any, true_fun: Any, false_fun: Any, *operands: Any, operand: Any = None) -> Any:
    """Apply one of two functions, as a value says.

    Args:
        pred: a bool or a number, of shape ``()``; a number means whether it is not zero.
        true_fun, false_fun: functions of the operands that return the same structure, shapes and
            dtypes. They may use values from around them.
        operands: trees of arrays.
        operand: a single operand by keyword, as older programs give it.

    Returns:
        what the chosen function returns. Derivatives run only the chosen branch; under a ``vmap``
        over which ``pred`` varies both branches run and their results are selected.

    Raises:
        CarryTypeError: if the branches return different types.

    >>> import functorch_lite.numpy as fnp
    >>> cond(fnp.asarray(3.0) > 0, fnp.log, fnp.negative, fnp.asarray(1.0))
    Array(0., dtype=float32)

    Source: ``jax.lax.cond``.
    """
    call = (
        "cond(pred, true_fun, false_fun, *operands), or numpy.where(pred, a, b) to choose between "
        "values"
    )
    check_callable(true_fun, "cond", "true_fun", call)
    check_callable(false_fun, "cond", "false_fun", call)
    if operand is not None:
        if operands:
            raise TransformError("cond: pass operands by position or operand= by keyword, not both")
        operands = (operand,)
    x = as_array(pred, "cond", "pred")
    if x.shape != ():
        raise ShapeError(
            f"cond: pred must be a scalar, got shape {x.shape}. Reduce it with .any() or .all(), "
            "or choose per element with numpy.where(pred, a, b)."
        )
    if is_complex(x.dtype):
        raise DtypeError("cond: pred must be a bool or a real number, got complex. Compare first.")
    truth = x if is_bool(x.dtype) else ne(x, const(0, x.dtype))
    roles = ["false_fun", "true_fun"]
    return _choose("cond", cast(truth, int32), [false_fun, true_fun], operands, [1, 0], roles)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Apply one of several functions, by its number.

    Args:
        index: integer of shape ``()``; clamped to the numbers that there are.
        branches: functions of the operands that return the same structure, shapes and dtypes.
        operands: trees of arrays.

    Returns:
        what the chosen function returns.

    Raises:
        CarryTypeError: if the branches return different types.

    >>> import functorch_lite.numpy as fnp
    >>> switch(1, [fnp.sin, fnp.exp, fnp.cos], 0.0)
    Array(1., dtype=float32)

    Source: ``jax.lax.switch``.
    """
    if not isinstance(branches, Iterable):
        raise TransformError(
            f"switch: branches must be a sequence of functions, got {describe_tree(branches)}. "
            "Write switch(index, [f, g], *operands)."
        )
    functions = list(branches)
    if not functions:
        raise TransformError("switch: needs at least one branch, got an empty sequence")
    for i, f in enumerate(functions):
        check_callable(f, "switch", f"branches[{i}]", "switch(index, [f, g], *operands)")
    x = as_array(index, "switch", "index")
    if x.shape != () or not is_integer(x.dtype):
        raise DtypeError(
            f"switch: index must be an integer of shape (), got {x.aval.short()}. For a bool use "
            "cond; convert a whole float with .astype(int)."
        )
    roles = [f"branch {i}" for i in range(len(functions))]
    return _choose("switch", x, functions, operands, range(len(functions)), roles)


def _choose(
    name: str,
    index: Any,
    functions: Sequence[Any],
    operands: Any,
    order: Sequence[int],
    roles: Sequence[str],
) -> Any:
    who = [named(role, f) for role, f in zip(roles, functions, strict=True)]
    given = ", ".join(f"operand{i}" for i in range(len(operands)))
    calls = [
        guarded(f, f"{_argument(role)}({given})", f"{w} of {name}")
        for f, role, w in zip(functions, roles, who, strict=True)
    ]
    if state.disable_jit and not isinstance(index, Tracer):
        return calls[min(max(int(index), 0), len(calls) - 1)](*operands)
    flat = Flat(operands, lambda: leaf_paths(functions[0], operands), name)
    avals = [Aval(x.shape, x.dtype, w) for x, w in zip(flat.arrays, flat.weak, strict=True)]
    staged: list[Any] = [None] * len(functions)
    for i in order:
        names = leaf_paths(functions[i], operands)
        staged[i] = stage_tree(calls[i], f"{who[i]} of {name}", flat.treedef, avals, names)
    dtypes = _joined(name, [who[i] for i in order], [staged[i] for i in order])
    graphs, captured = share_captures(
        [s.as_types(dtypes) for s in staged], [s.free for s in staged]
    )
    outs = _cond(index, *captured, *flat.arrays, branches=tuple(graphs))
    return tree.unflatten(staged[order[0]].tree, outs)


def _argument(role: str) -> str:
    """A role as the argument that it is: ``branches[0]`` for "branch 0"."""
    kind, _, number = role.partition(" ")
    return f"branches[{number}]" if number else kind


def _joined(name: str, who: Sequence[str], staged: Sequence[Staged]) -> list[Any]:
    """The dtypes that all branches return: Python numbers adapt to arrays."""
    first = staged[0]
    for other, f in zip(staged[1:], who[1:], strict=True):
        if other.tree != first.tree:
            nothing = tree.structure(None) in (first.tree, other.tree)
            remedy = LACKS_RETURN if nothing else "Return the same containers from every branch."
            raise CarryTypeError(
                f"{name}: the branches return different structures: "
                f"{structure_text(first.tree)} by {who[0]}, {structure_text(other.tree)} by {f}. "
                f"{remedy}"
            )
    paths = tree.leaf_names(tree.unflatten(first.tree, list(range(len(first.avals)))), "output")
    dtypes = []
    for k, path in enumerate(paths):
        column = [s.avals[k] for s in staged]
        dtype, _ = joined_dtype(*column)
        fits = all(a.shape == column[0].shape and (a.weak or a.dtype == dtype) for a in column)
        if not fits:
            listed = ", ".join(f"{type_text(a)} by {f}" for a, f in zip(column, who, strict=True))
            raise CarryTypeError(
                f"{name}: the branches return different types at {path}: {listed}. "
                f"{_remedy(column, who, dtype)}"
            )
        dtypes.append(dtype)
    return dtypes


def _remedy(column: Sequence[Aval], who: Sequence[str], dtype: Any) -> str:
    """How branches come to return one type."""
    numbers = [f for a, f in zip(column, who, strict=True) if a.weak]
    strong = {a for a in column if not a.weak}
    if any(a.shape != column[0].shape for a in column):
        if len(strong) == 1 and not any(a.shape for a in column if a.weak):
            (kept,) = strong
            full = f"numpy.full({kept.shape}, value, {kept.dtype.name!r})"
            return f"Return {full} from {' and '.join(numbers)}."
        return "Broadcast or reshape so that the shapes agree."
    odd = [f for a, f in zip(column, who, strict=True) if not a.weak and a.dtype != dtype]
    truth = any(is_bool(a.dtype) for a in column)  # maybe a Python bool, which has no methods
    how = f"numpy.asarray(value, {dtype.name!r})" if truth else f".astype({dtype.name!r})"
    text = f"Convert what {' and '.join(odd)} returns with {how}"
    if not numbers or len({a.dtype for a in strong}) != 1:
        return f"{text}."
    kept = min(strong, key=str)
    return (
        f"{text}, or return numpy.asarray(value, {kept.dtype.name!r}), or a number of that kind, "
        f"from {' and '.join(numbers)}."
    )

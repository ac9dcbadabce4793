"""``cond`` and ``switch``: one of several functions, chosen by a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import CarryTypeError, DtypeError, ShapeError, TransformError
from functorch_lite.lax.carry import joined_dtype
from functorch_lite.numpy.convert import as_array, cast, const
from functorch_lite.ops import ne
from functorch_lite.transforms.arguments import Flat, check_callable, leaf_paths
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
    check_callable(true_fun, "cond")
    check_callable(false_fun, "cond")
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
    return _choose("cond", cast(truth, int32), [false_fun, true_fun], operands, [1, 0])


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
    functions = list(branches)
    if not functions:
        raise TransformError("switch: needs at least one branch, got an empty sequence")
    for f in functions:
        check_callable(f, "switch")
    x = as_array(index, "switch", "index")
    if x.shape != () or not is_integer(x.dtype):
        raise DtypeError(
            f"switch: index must be an integer of shape (), got {x.aval.short()}. For a bool use "
            "cond; convert a whole float with .astype(int)."
        )
    return _choose("switch", x, functions, operands, range(len(functions)))


def _choose(
    name: str, index: Any, functions: Sequence[Any], operands: Any, order: Sequence[int]
) -> Any:
    if state.disable_jit and not isinstance(index, Tracer):
        return functions[min(max(int(index), 0), len(functions) - 1)](*operands)
    flat = Flat(operands, lambda: leaf_paths(functions[0], operands), name)
    avals = [Aval(x.shape, x.dtype, w) for x, w in zip(flat.arrays, flat.weak, strict=True)]
    staged: list[Any] = [None] * len(functions)
    for i in order:
        names = leaf_paths(functions[i], operands)
        staged[i] = stage_tree(functions[i], _label(name, functions[i]), flat.treedef, avals, names)
    dtypes = _joined(name, functions, staged, order)
    graphs, captured = share_captures(
        [s.as_types(dtypes) for s in staged], [s.free for s in staged]
    )
    outs = _cond(index, *captured, *flat.arrays, branches=tuple(graphs))
    return tree.unflatten(staged[order[0]].tree, outs)


def _label(name: str, f: Any) -> str:
    return f"the branch {function_name(f)} of {name}"


def _joined(
    name: str, functions: Sequence[Any], staged: Sequence[Staged], order: Sequence[int]
) -> list[Any]:
    """The dtypes that all branches return: Python numbers adapt to arrays."""
    first = staged[order[0]]
    for i in order[1:]:
        other = staged[i]
        if other.tree != first.tree:
            raise CarryTypeError(
                f"{name}: {function_name(functions[order[0]])} returns the structure {first.tree}, "
                f"{function_name(functions[i])} returns {other.tree}. Return the same containers "
                "from every branch."
            )
    paths = tree.leaf_names(tree.unflatten(first.tree, list(range(len(first.avals)))), "output")
    dtypes = []
    for k, path in enumerate(paths):
        column = [staged[i].avals[k] for i in order]
        dtype, _ = joined_dtype(*column)
        fits = all(a.shape == column[0].shape and (a.weak or a.dtype == dtype) for a in column)
        if not fits:
            listed = ", ".join(
                f"{type_text(a)} by {function_name(functions[i])}"
                for i, a in zip(order, column, strict=True)
            )
            remedy = (
                f"Convert with .astype({dtype.name!r})."
                if all(a.shape == column[0].shape for a in column)
                else "Broadcast or reshape so that the shapes agree."
            )
            raise CarryTypeError(
                f"{name}: the branches return different types at {path}: {listed}. {remedy}"
            )
        dtypes.append(dtype)
    return dtypes

"""Functions of two scalars that reductions recognise, and how they apply any other one."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core import tree
from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.dtypes import SCALAR_TYPES, highest, is_bool, is_complex, lowest
from functorch_lite.errors import DtypeError, ShapeError, TreeError
from functorch_lite.lax import elementwise as lax
from functorch_lite.numpy.convert import as_array, cast, const
from functorch_lite.transforms.vmap import vmap

__all__ = ["elementwise_by", "fold_one", "init_for", "is_identity", "monoid_of"]

_KNOWN: dict[str, tuple[Any, ...]] = {
    "add": (lax.add, fnp.add, operator.add),
    "mul": (lax.mul, fnp.multiply, operator.mul),
    "max": (lax.max, fnp.maximum),
    "min": (lax.min, fnp.minimum),
    "and": (lax.bitwise_and, fnp.bitwise_and, fnp.logical_and, operator.and_),
    "or": (lax.bitwise_or, fnp.bitwise_or, fnp.logical_or, operator.or_),
}
_KIND_OF = {id(fn): kind for kind, fns in _KNOWN.items() for fn in fns}
_OPS = {
    "add": ops.add, "mul": ops.mul, "max": ops.maximum, "min": ops.minimum, "and": ops.bitwise_and,
    "or": ops.bitwise_or,
}  # fmt: skip

_IDENTITIES: dict[str, Callable[..., Any]] = {
    "add": lambda dtype: 0, "mul": lambda dtype: 1, "max": lowest, "min": highest,
    "and": lambda dtype: True, "or": lambda dtype: False,
}  # fmt: skip


def monoid_of(computation: Any, dtype: np.dtype[Any]) -> str | None:
    """``add``, ``mul``, ``max``, ``min``, ``and`` or ``or`` if a function is known to be that on a
    dtype.

    >>> monoid_of(operator.add, np.dtype("float32")), monoid_of(pow, np.dtype("float32"))
    ('add', None)
    """
    kind = _KIND_OF.get(id(computation))
    if kind in ("and", "or"):
        return kind if is_bool(dtype) else None
    if kind in ("add", "mul"):
        return None if is_bool(dtype) else kind
    return None if is_complex(dtype) else kind


def is_identity(kind: str, init: Array) -> bool:
    """Whether a scalar is known to change nothing."""
    if isinstance(init, Tracer):
        return False
    return bool(init.item() == _IDENTITIES[kind](init.dtype))


def fold_one(kind: str, x: Array, y: Array) -> Array:
    """Two arrays combined by a known function."""
    out: Array = _OPS[kind](x, y)
    return out


def init_for(fun: str, operand: Any, init_value: Any, xs: list[Array]) -> list[Array]:
    """The initial scalars in the dtypes of the operands.

    Raises:
        TreeError: not of the operands' structure.
        ShapeError: not a scalar.
    """
    leaves, structure = tree.flatten(init_value)
    if structure != tree.structure(operand):
        raise TreeError(
            f"lax.{fun}: operand and init_value must have one structure: "
            f"{tree.first_difference(operand, init_value)}."
        )
    inits = []
    for x, leaf in zip(xs, leaves, strict=True):
        if isinstance(leaf, SCALAR_TYPES):
            inits.append(const(leaf, x.dtype))
            continue
        init = as_array(leaf, fun, "init_value")
        if init.shape != ():
            raise ShapeError(
                f"lax.{fun}: init_value must be a scalar; got shape {init.shape}. Remedy: combine "
                "an array with the result afterwards."
            )
        inits.append(cast(init, x.dtype))
    return inits


def elementwise_by(
    fun: str, computation: Callable[[Any, Any], Any], structure: Any, dtypes: list[Any]
) -> Callable[[list[Array], list[Array]], list[Array]]:
    """A function of scalars (or pytrees of them), mapped over all elements of two lists of arrays.

    Args:
        fun: name of the caller, for messages.
        computation: what the user gave.
        structure: that of its arguments and its result.
        dtypes: those of the result.

    Returns:
        a function of two lists of arrays, all of one shape, to such a list.
    """
    mapped = vmap(computation)

    def apply(left: list[Array], right: list[Array]) -> list[Array]:
        shape = left[0].shape
        sides = [
            tree.unflatten(structure, [ops.reshape(x, shape=(x.size,)) for x in side])
            for side in (left, right)
        ]
        leaves, found = tree.flatten(mapped(*sides))
        if found != structure:
            raise TreeError(
                f"lax.{fun}: computation must return what its arguments are; it takes {structure} "
                f"and returns {found}."
            )
        for y, dtype in zip(leaves, dtypes, strict=True):
            if y.dtype != dtype:
                raise DtypeError(
                    f"lax.{fun}: computation must return the operand's dtype {dtype.name}; it "
                    f"returns {y.dtype.name}. Remedy: convert its result with .astype, or the "
                    "operand beforehand."
                )
            if y.ndim != 1:
                raise ShapeError(
                    f"lax.{fun}: computation must return scalars; it returns shape {y.shape[1:]}."
                )
        return [ops.reshape(y, shape=shape) for y in leaves]

    return apply

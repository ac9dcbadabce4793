"""Changes of values, params and operand lists, from which mutants are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import is_complex, is_float
from functorch_lite.core.op import Op
from functorch_lite.ops import add, neg
from tests.registry.cases import cases, main_dtype

Edit = Callable[[Any], Any]


def negated(x: Any) -> Any:
    return neg(x)


def doubled(x: Any) -> Any:
    return add(x, x)


SCALED: dict[str, Edit] = {"negated": negated, "doubled": doubled}


def each_int(fn: Callable[[int], int]) -> Edit:
    def edit(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(edit(v) for v in value)
        is_count = isinstance(value, int) and not isinstance(value, bool)
        return fn(value) if is_count else value

    return edit


def reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, tuple) else value


def other_dtype(dtype: Any) -> np.dtype[Any]:
    table = {"float32": "float64", "complex64": "complex128", "bool": "int8", "int64": "int32"}
    default = "complex64" if is_complex(dtype) else "float32" if is_float(dtype) else "int64"
    return np.dtype(table.get(dtype.name, default))


def edits_of(value: Any) -> dict[str, Edit]:
    """Changes that make sense for a param, by its type."""
    if isinstance(value, bool):
        return {"flipped": lambda v: not v}
    if isinstance(value, str):
        other = {"clip": "drop", "drop": "clip"}
        return {"clip for drop": lambda v: other.get(v, v)} if value in other else {}
    if isinstance(value, np.dtype):
        return {"another dtype": other_dtype}
    if isinstance(value, int):
        return {"plus one": each_int(lambda n: n + 1), "minus one": each_int(lambda n: n - 1)}
    if isinstance(value, float):
        return {"plus one": lambda v: v + 1}
    if isinstance(value, tuple):
        return {
            "plus one": each_int(lambda n: n + 1),
            "minus one": each_int(lambda n: n - 1),
            "reversed": reverse,
        }
    return {}


def param_edits(op: Op) -> Iterator[tuple[str, str, Edit]]:
    """``(param, words, edit)`` for every param that the op's samples use, and that it changes."""
    values: dict[str, list[Any]] = {}
    for case in cases(op.name, main_dtype(op.name)):
        for key, value in case.params.items():
            values.setdefault(key, []).append(value)
    for key, found in values.items():
        for words, edit in edits_of(found[0]).items():
            if any(edit(value) != value for value in found):
                yield key, words, edit


def swapped(items: Sequence[Any], i: int, j: int) -> list[Any]:
    out = list(items)
    if max(i, j) < len(out):
        out[i], out[j] = out[j], out[i]
    return out


def operand_count(op: Op) -> int:
    """Operands of the op's first sample, with at most two of a variadic one."""
    have = max(len(c.args) for c in cases(op.name, main_dtype(op.name)))
    return min(have, len(op.operands) + 1)


def float_operands(op: Op) -> list[int]:
    """Positions that can carry a derivative: a change to any other would change nothing."""
    found = cases(op.name, main_dtype(op.name))
    return [
        i
        for i in range(operand_count(op))
        if any(i < len(c.args) and is_float(c.args[i].dtype) for c in found)
    ]


def on_value(edit: Edit, value: Any) -> Any:
    return None if value is None else edit(value)


def at_position(i: int, edit: Edit) -> Edit:
    """The i-th of several values edited; None is a symbolic zero and stays one."""

    def apply(values: Any) -> Any:
        out = list(values)
        if i < len(out):
            out[i] = on_value(edit, out[i])
        return out

    return apply


def dropped(_: Any) -> None:
    return None

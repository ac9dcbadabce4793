"""Operands whose memory a compiled program may write its results into."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.errors import DonatedError

__all__ = ["run_donating"]


class _Gone:
    """Stands where the memory of a donated array was; any use explains itself."""

    __slots__ = ("_label",)

    def __init__(self, label: str) -> None:
        object.__setattr__(self, "_label", label)

    def __getattr__(self, name: str) -> NoReturn:
        raise DonatedError(
            f"this array was donated to {object.__getattribute__(self, '_label')}, which wrote a "
            "result into its memory. Use that result, or leave the argument out of donate_argnums."
        )


def run_donating(
    program: Any, arrays: Sequence[Any], donated: Sequence[int], label: str
) -> tuple[Any, ...]:
    """Run a compiled program, some of whose operands it may write over.

    An operand is written over only if nobody else can see its memory: no other array, NumPy view,
    memoryview or DLPack consumer. The arrays that were are unusable afterwards.

    Args:
        program: a compiled program.
        arrays: operands.
        donated: positions of those that may be written over.
        label: what runs, for messages.
    """
    given = Counter(id(x._data) for x in arrays)
    taken: dict[int, int] = {}
    for out, i in program.donations.items():
        x = arrays[i]
        if i in donated and type(x) is Array and given[id(x._data)] == 1 and _alone(x):
            taken[out] = i
    outs = []
    for out, (make, shape, dtype) in enumerate(program.shapes):
        i = taken.get(out, -1)
        outs.append(arrays[i]._data if i >= 0 else make(shape, dtype))
    datas = tuple([x._data for x in arrays])
    try:
        results: tuple[Any, ...] = program.into(datas, tuple(outs))
    finally:
        for i in taken.values():
            arrays[i]._data = _Gone(label)
    return results


def _alone(array: Array) -> bool:
    """Whether an array is the only holder of its memory, which may be written."""
    data = array._data
    if type(data) is not np.ndarray or sys.getrefcount(data) != _HELD_ONCE:
        return False
    base = data.base
    if base is not None:
        from functorch_lite.backends.cpu.runtime.outputs import pool

        if type(base) is not np.ndarray:
            return False
        if sys.getrefcount(base) != _BASE_HELD_ONCE + pool().holds(base):
            return False
    flags = data.flags
    return bool(flags.c_contiguous and flags.writeable and flags.aligned)


def _counts() -> tuple[int, int]:
    """What ``getrefcount`` says of an array with one holder, and of the memory of such a view."""
    array = Array.__new__(Array)
    array._data = np.empty(1)
    data = array._data
    once = sys.getrefcount(data)
    array._data = np.empty(2)[:1]
    base = array._data.base
    return once, sys.getrefcount(base)


_HELD_ONCE, _BASE_HELD_ONCE = _counts()

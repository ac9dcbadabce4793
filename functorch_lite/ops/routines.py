"""BLAS and LAPACK by their addresses: one call for a stack of matrices, however many there are.

SciPy exports every routine as a C function, all of whose arguments are pointers. So a loop over a
stack is the same for all of them: call, move each pointer by the size of one matrix, call again.
The loop is native code where a compiler is at hand (`install_loop`), else Python.

Nothing is checked on the way into C: callers have looked at every shape and dtype before.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

__all__ = ["MANY", "SPARE", "Routine", "Work", "countable", "install_loop", "routine"]

MANY = 16
"""Shorter stacks are not worth loading the compiled loop for."""

Loop = Callable[[int, int, Any, Any], None]
"""``loop(routine, count, places, steps)``: addresses of a routine, its arguments, their steps."""

_loops: list[Callable[[int], Loop | None]] = []
_address_of = ctypes.addressof
_exported: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_ndarray = np.ndarray


def install_loop(loop_of: Callable[[int], Loop | None]) -> None:
    """Let the compiler provide the loop over a stack.

    Args:
        loop_of: gives the loop for a number of arguments, or None where it cannot.
    """
    _loops[:] = [loop_of]


class Work:
    """An argument that is memory for the routine to work in, one for the whole stack."""

    __slots__ = ("memory",)

    def __init__(self, size: int, dtype: Any) -> None:
        self.memory = np.empty(max(size, 1), dtype)


SPARE = Work(16, np.complex128)
"""What a question for the size of workspaces is given in the place of arrays; some write there."""


def countable(size: int) -> int:
    """A size as it is, if C's int holds it.

    Raises:
        ValueError: it does not; LAPACK would go on with another number.
    """
    if size >= 2**31:
        raise ValueError(
            f"LAPACK counts in integers of 32 bits; got {size}. Remedy: smaller matrices; those "
            "without vectors need less memory to work in."
        )
    return size


_places: dict[Any, int] = {None: 0}
_kept: list[Any] = []


def _place_of(value: int | bytes) -> int:
    """The address of a number or letter: those that occur are few, and kept for ever."""
    if isinstance(value, bytes):
        held: Any = ctypes.c_char(value)
    else:
        held = ctypes.c_int(countable(value))
    _kept.append(held)
    return _places.setdefault(value, _address_of(held))


def _place(argument: Any) -> int:
    """The address of an argument."""
    if argument.__class__ is Work:
        argument = argument.memory
    if argument.__class__ is not _ndarray:
        return _places[argument] if argument in _places else _place_of(argument)
    try:
        return _address_of(_exported(argument))
    except TypeError:  # an array that only we read may be one that nobody may write
        return int(argument.ctypes.data)


class Routine:
    """One routine for one dtype, called on all matrices of a stack.

    Attributes:
        name: with the letter of the type, such as ``dgetrf``.
    """

    __slots__ = ("_address", "_call", "_count", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._address, self._count = _find(name)
        self._call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * self._count)(self._address)

    def __call__(self, count: int, *arguments: Any) -> None:
        """Call the routine ``count`` times.

        Args:
            count: how many matrices.
            arguments: in the routine's order. Letters and numbers are the same in each call; an
                array ``[count, ...]`` in C's order holds one part for each call, one without axes
                is the same for all; ``None`` is a null pointer.
        """
        if len(arguments) != self._count:
            raise TypeError(f"{self.name}: takes {self._count} arguments, got {len(arguments)}")
        try:  # what is mostly there
            places = [
                _address_of(_exported(x)) if x.__class__ is _ndarray
                else _address_of(_exported(x.memory)) if x.__class__ is Work
                else _places[x]
                for x in arguments
            ]  # fmt: skip
        except (KeyError, TypeError):
            places = [_place(x) for x in arguments]
        if count == 1:
            self._call(*places)
            return
        steps = [x.nbytes // count if x.__class__ is _ndarray and x.ndim else 0 for x in arguments]
        loop = _loops[0](self._count) if count >= MANY and _loops else None
        if loop is None:
            for _ in range(count):
                self._call(*places)
                places = [place + step for place, step in zip(places, steps, strict=True)]
        else:
            words = ctypes.c_int64 * self._count
            loop(self._address, count, words(*places), words(*steps))


def _find(name: str) -> tuple[int, int]:
    """The address of a routine and the number of its arguments."""
    from scipy.linalg import cython_blas, cython_lapack

    capsules = cython_blas.__pyx_capi__ if "trsm" in name else cython_lapack.__pyx_capi__
    capsule = capsules[name]
    signature = ctypes.pythonapi.PyCapsule_GetName
    signature.restype, signature.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    text = signature(capsule)
    if b"int *" not in text:
        raise ImportError(
            f"{name}: this SciPy's LAPACK takes integers that are no C int: {text.decode()}. "
            "Remedy: install a SciPy whose LAPACK has 32-bit integers (pip install scipy)."
        )
    return int(pointer(capsule, text)), text.count(b"*")


_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}
_COMPLEX_NAMES = {"orgqr": "ungqr", "syevd": "heevd"}


@cache
def routine(name: str, char: str) -> Routine:
    """The routine for a dtype, by its name without the letter of the type.

    >>> import numpy as np
    >>> x, info = np.array([[[4.0]], [[9.0]]]), np.empty(2, np.int32)
    >>> routine("potrf", "d")(2, b"L", 1, x, 1, info)
    >>> x.tolist()
    [[[2.0]], [[3.0]]]
    """
    name = _COMPLEX_NAMES.get(name, name) if char in "FD" else name
    return Routine(_PREFIX[char] + name)

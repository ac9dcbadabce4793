"""Where things lie in the tables that Python code and native code share: int64 words, by index."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from functorch_lite.backends.cpu.runtime.ir import Function, Value

__all__ = [
    "Control",
    "Descriptor",
    "Flag",
    "Pool",
    "Product",
    "Status",
    "control",
    "control_functions",
    "python",
]


class Status(IntEnum):
    """How a run ended. With `ERROR`, an exception is set; `MEMORY` becomes one."""

    OK = 0
    ERROR = 1
    STOPPED = 2
    MEMORY = 3
    REFUSED = 10


class Flag(IntFlag):
    """What a program needs."""

    RELEASE = 1
    PARALLEL = 2
    BLAS = 4


class Descriptor(IntEnum):
    """The table of one program. Behind it: constants, arena offsets, tapes.

    `REGISTERS`, `ARGUMENTS` and `DATA` are byte offsets in the arena block, which starts with the
    slots.
    """

    CONTROL = 0
    INPUTS = 1
    OUTPUTS = 2
    CONSTANTS = 3
    ARENA = 4
    REGISTER_COUNT = 5
    TAPES = 6
    CODE = 7
    PROFILE = 8
    HOST = 9
    FLAGS = 10
    REGISTERS = 11
    ARGUMENTS = 12
    DATA = 13
    BLOCK_BYTES = 14
    SIZE = 16


class Control(IntEnum):
    """The table of the process: addresses of functions and objects that native code uses."""

    POOL = 0
    POLL_TICKS = 1
    POLL = 2
    ENSURE = 3
    ARRAY_TYPE = 4
    BLAS_SET = 5
    BLAS_GET = 6
    LOCK = 7
    UNLOCK = 8
    WAIT = 9
    WAKE_ALL = 10
    YIELD = 11
    MEMMOVE = 12
    MEMSET = 13
    ALLOCATE = 14
    FREE = 15
    BLAS_TILES = 16
    PYTHON = 24  # first of `control_functions()`
    SIZE = 40


def control_functions() -> list[str]:
    """The functions of Python's C API whose addresses stand in the control table, in order."""
    return [
        "PyMem_RawRealloc",
        "PyMem_RawFree",
        "PyEval_SaveThread",
        "PyEval_RestoreThread",
        "PyObject_Vectorcall",
        "PyObject_IsTrue",
        "PyLong_FromLongLong",
        "PyLong_AsVoidPtr",
        "PyTuple_Size",
        "PyTuple_GetItem",
        "Py_DecRef",
        "PyErr_NoMemory",
        "PyErr_BadArgument",
        "PyErr_Occurred",
    ]


class Product(IntEnum):
    """What the pieces of one matrix product share, in words."""

    A = 0
    B = 1
    C = 2
    COMMAND = 3
    ROW_PIECES = 4
    COLUMN_PIECES = 5
    GROUPS = 6
    TILES = 7


class Pool(IntEnum):
    """The block that threads share, in words; what different threads write lies on other lines."""

    BUSY = 0
    TICKET = 16
    TASK = 17
    CONTEXT = 18
    FINISHED = 32
    SLEEPERS = 48
    STOP = 49
    THREADS = 64  # how many threads a command may use
    ALIVE = 65  # whether workers were started
    SPIN_TICKS = 66
    BLAS_LOCK = 80
    BLAS_COUNT = 81
    BLAS_SAVED = 82
    MUTEX = 96
    CONDITION = 112
    ARENA_LOCK = 128
    ARENAS = 129  # addresses of free blocks
    ARENA_COUNT = 8
    CLAIMS = 144  # one line of 8 words per piece
    MAX_THREADS = 256
    SIZE = CLAIMS + 8 * MAX_THREADS


def control(table: Value, which: Control) -> Value:
    """A pointer out of the control table."""
    return table.word(which).load("ptr")


def python(f: Function, table: Value, result: str, name: str, *arguments: Value) -> Value:
    """Call a function of Python's C API."""
    index = Control.PYTHON + control_functions().index(name)
    return f.call(result, table.word(index).load("ptr"), *arguments)

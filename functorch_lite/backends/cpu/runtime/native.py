"""The native part, compiled once per process, and the control table it works with."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.backends.cpu import objects
from functorch_lite.backends.cpu.runtime import blas
from functorch_lite.backends.cpu.runtime.arenas import Arenas, write_arenas
from functorch_lite.backends.cpu.runtime.entry import ArrayLayout, write_enter
from functorch_lite.backends.cpu.runtime.gemm import write_gemm
from functorch_lite.backends.cpu.runtime.ir import Module
from functorch_lite.backends.cpu.runtime.layout import Control, Pool, control_functions
from functorch_lite.backends.cpu.runtime.pool import write_pool, write_ticks
from functorch_lite.backends.cpu.runtime.threads import Workers
from functorch_lite.backends.cpu.runtime.vm import write_execute

__all__ = ["Native", "array_layout", "native", "source"]

_LINE = 64
_POLL_SECONDS = 0.03
# How long a worker looks for work before it sleeps: longer than Python needs from one call of a
# program to the next, so that a loop of calls finds its workers awake.
_SPIN_SECONDS = 200e-6
_CALIBRATION_SECONDS = 300e-6
_METH_FASTCALL = 0x80
_LOCK = threading.Lock()


class _Method(ctypes.Structure):
    """Python's record of a builtin function."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


@dataclass(frozen=True, eq=False)
class Native:
    """Native code and the tables it shares with Python.

    Attributes:
        functions: name to address.
        control: the control table.
        pool: the block that threads share.
        ticks_per_second: of `ticks`; 0 where the processor has no counter.
        layout: how arrays are read, or None if Python has to take their addresses.
        workers: the threads of the pool.
        arenas: the memory for intermediate results.
    """

    functions: dict[str, int]
    control: np.ndarray[Any, np.dtype[np.int64]]
    pool: np.ndarray[Any, np.dtype[np.int64]]
    ticks_per_second: float
    layout: ArrayLayout | None
    workers: Workers
    arenas: Arenas
    _method: _Method | None

    def builtin(self, descriptor: np.ndarray[Any, Any]) -> Callable[..., int]:
        """A builtin `run(inputs, outputs, arena_address)` of the program with this descriptor."""
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
        assert self._method is not None, "arrays cannot be read"
        made: Callable[..., int] = make(ctypes.addressof(self._method), descriptor, None)
        return made

    def use_blas(self) -> None:
        """Find out what BLAS can do; to be called before the first matrix product."""
        if not self.control[Control.BLAS_SET]:
            setter, getter = blas.thread_functions()
            # Native code looks at the first to know whether there are both.
            self.control[Control.BLAS_TILES] = blas.small_is_quick()
            self.control[Control.BLAS_GET] = getter
            self.control[Control.BLAS_SET] = setter

    def ticks(self) -> int:
        """The processor's counter now."""
        return int(ctypes.CFUNCTYPE(ctypes.c_int64)(self.functions["ticks"])())


def native() -> Native:
    """Return the native part; the first call compiles it.

    Raises:
        ImportError: llvmlite does not load.
    """
    with _LOCK:
        return _native()


@functools.cache
def source() -> str:
    """Return the native part as LLVM IR."""
    module = Module()
    write_ticks(module)
    write_execute(module)
    write_gemm(module)
    write_pool(module)
    write_arenas(module)
    layout = array_layout()
    if layout is not None:
        write_enter(module, layout)
    return module.text()


def array_layout() -> ArrayLayout | None:
    """Find out where this Python's arrays keep type, data and flags, by looking.

    Returns:
        None where that is not clear.
    """
    if sys.implementation.name != "cpython":
        return None
    samples = [np.zeros(3), np.zeros((2, 3)).T, np.zeros((4, 4))[::2, ::2], np.arange(5)[1:]]
    samples[3].flags.writeable = False
    size = np.ndarray.__basicsize__

    def offsets(kind: Any, wanted: Callable[[Any], int]) -> set[int]:
        found = set(range(0, size, ctypes.sizeof(kind)))
        for sample in samples:
            words = (kind * (size // ctypes.sizeof(kind))).from_address(id(sample))
            value = wanted(sample)
            here = {i * ctypes.sizeof(kind) for i, word in enumerate(words) if word == value}
            found &= here
        return found

    types = offsets(ctypes.c_ssize_t, lambda _: id(np.ndarray))
    data = offsets(ctypes.c_ssize_t, lambda sample: sample.ctypes.data)
    flags = offsets(ctypes.c_int, lambda sample: sample.flags.num)
    if not (len(types) == len(data) == len(flags) == 1):
        return None
    return ArrayLayout(types.pop(), data.pop(), flags.pop())


@functools.cache
def _native() -> Native:
    made = objects.load_many([source()])[0]
    _keep_forever(made)
    control = _table(Control.SIZE)
    pool = _table(Pool.SIZE)
    _fill(control, pool)
    layout = array_layout()
    method = None
    if layout is not None:
        method = _Method(b"run", made.functions["enter"], _METH_FASTCALL, None)
        _keep_forever(method)
    ticks = ctypes.CFUNCTYPE(ctypes.c_int64)(made.functions["ticks"])
    rate = _rate(ticks)
    control[Control.POLL_TICKS] = round(_POLL_SECONDS * rate)
    pool[Pool.SPIN_TICKS] = round(_SPIN_SECONDS * rate)
    workers = Workers(made.functions, control, pool)
    control[Control.ENSURE] = _kept_address(workers.ensure)
    arenas = Arenas(made.functions, control, pool)
    control[Control.ALLOCATE] = _kept_address(arenas.allocate)
    control[Control.FREE] = _kept_address(arenas.free)
    return Native(made.functions, control, pool, rate, layout, workers, arenas, method)


def _keep_forever(thing: Any) -> None:
    """Threads may still run native code while Python's modules are taken apart."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _kept_address(thing: Any) -> int:
    _keep_forever(thing)
    return id(thing)


def _table(words: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A table of zeros that starts on a line of its own and is never freed."""
    raw = np.zeros(words * 8 + _LINE, np.uint8)
    _keep_forever(raw)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + words * 8].view(np.int64)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _poll() -> None:
    """Entering Python handles signals and other pending calls; nothing else is wanted."""


def _fill(control: np.ndarray[Any, Any], pool: np.ndarray[Any, Any]) -> None:
    for i, name in enumerate(control_functions()):
        control[Control.PYTHON + i] = _address(getattr(ctypes.pythonapi, name))
    control[Control.POOL] = pool.ctypes.data
    control[Control.POLL] = _kept_address(_poll)
    control[Control.ARRAY_TYPE] = id(np.ndarray)
    control[Control.MEMMOVE] = _address(ctypes.memmove)
    control[Control.MEMSET] = _address(ctypes.memset)
    names = [Control.LOCK, Control.UNLOCK, Control.WAIT, Control.WAKE_ALL, Control.YIELD]
    for which, function in zip(names, _thread_functions(), strict=True):
        control[which] = _address(function)


def _thread_functions() -> list[Any]:
    """The system's functions: lock, unlock, wait, wake all, yield."""
    if os.name == "nt":
        system = ctypes.CDLL("kernel32")
        names = ["AcquireSRWLockExclusive", "ReleaseSRWLockExclusive"]
        names += ["SleepConditionVariableSRW", "WakeAllConditionVariable", "SwitchToThread"]
    else:
        system = ctypes.CDLL(None)
        names = ["pthread_mutex_lock", "pthread_mutex_unlock"]
        names += ["pthread_cond_wait", "pthread_cond_broadcast", "sched_yield"]
    return [getattr(system, name) for name in names]


def _rate(ticks: Callable[[], int]) -> float:
    """Ticks per second, from a short comparison with Python's clock."""
    start, first = time.perf_counter(), ticks()
    while time.perf_counter() - start < _CALIBRATION_SECONDS:
        pass
    last, stop = ticks(), time.perf_counter()
    return (last - first) / (stop - start)

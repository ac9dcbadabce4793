"""The threads of the pool: how many, when they start, and what becomes of them.

Workers are Python's daemon threads, which is how threads start alike on every system, but they
run native code only and never wait for Python. They start before the first program that can use
them, are stopped before a fork and when the interpreter exits, and start again when needed. The
child of a fork runs everything in one thread.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from pathlib import Path
from typing import Any

from functorch_lite.backends.cpu.runtime.layout import Control, Pool

__all__ = ["Workers", "get_num_threads", "set_num_threads"]

_VARIABLE = "FUNCTORCH_LITE_NUM_THREADS"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_JOIN_SECONDS = 2.0


class _State:
    """What the process has; one instance."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.wanted: int | None = None
        self.workers: Workers | None = None


_STATE = _State()


def get_num_threads() -> int:
    """Return how many threads compiled programs use.

    That is `FUNCTORCH_LITE_NUM_THREADS` if set, else the number of processors this process may use;
    1 in the child of a fork.

    Raises:
        ValueError: the environment variable is no positive integer.

    Example:
        >>> get_num_threads() >= 1
        True
    """
    if _STATE.wanted is None:
        _STATE.wanted = _default()
    return _STATE.wanted


def set_num_threads(n: int) -> None:
    """Set how many threads compiled programs use, from the next command on.

    Args:
        n: at least 1; 1 switches the pool off.

    Raises:
        ValueError: n is no integer, below 1, or above what the pool can hold.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(before)
    """
    if type(n) is not int or not 1 <= n <= Pool.MAX_THREADS:
        raise ValueError(f"the number of threads must be in 1..{int(Pool.MAX_THREADS)}, got {n!r}")
    with _STATE.lock:
        _STATE.wanted = int(n)
        if _STATE.workers is not None:
            _STATE.workers.resize(_STATE.wanted)


def _default() -> int:
    text = os.environ.get(_VARIABLE, "").strip()
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"{_VARIABLE} must be a positive integer, got {text!r}")
        return min(int(text), int(Pool.MAX_THREADS))
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, _quota(), int(Pool.MAX_THREADS)))


def _quota() -> int:
    """Processors' worth of time that a container may use, rounded up."""
    try:
        share, period = _QUOTA.read_text().split()
        return -(-int(share) // int(period))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return int(Pool.MAX_THREADS)


class Workers:
    """The worker threads of the process; made once, by the native part.

    Args:
        functions: addresses of `pool_worker` and `pool_stop`.
        control: the control table.
        pool: the block that threads share.
    """

    def __init__(self, functions: dict[str, int], control: Any, pool: Any) -> None:
        table = ctypes.c_void_p(control.ctypes.data)
        serve = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        self._serve = serve(functions["pool_worker"])
        self._stop = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(functions["pool_stop"])
        self._table = table
        self._control = control
        self._pool = pool
        self._threads: list[threading.Thread] = []
        self._over = False
        self._fresh_locks()
        with _STATE.lock:
            _STATE.workers = self
            self.resize(get_num_threads())
        atexit.register(self._exit)

    def resize(self, n: int) -> None:
        """Use `n` threads; missing ones start with the next program that can use them."""
        self._pool[Pool.THREADS] = n
        self._pool[Pool.ALIVE] = self._over or len(self._threads) >= n - 1

    def ensure(self) -> None:
        """Start the workers that are missing. What cannot start is done without."""
        with _STATE.lock:
            while not self._over and len(self._threads) < self._pool[Pool.THREADS] - 1:
                number = len(self._threads) + 1
                thread = threading.Thread(
                    target=self._serve,
                    args=(self._table, number),
                    name=f"functorch_lite-{number}",
                    daemon=True,
                )
                try:
                    thread.start()
                except RuntimeError:
                    break
                self._threads.append(thread)
            self._pool[Pool.ALIVE] = 1

    def stop(self) -> None:
        """Let the workers end; the pool can start again."""
        with _STATE.lock:
            if not self._threads:
                return
            self._stop(self._table)
            for thread in self._threads:
                thread.join(_JOIN_SECONDS)
            self._threads.clear()
            self._pool[Pool.STOP] = 0
            self.resize(int(self._pool[Pool.THREADS]))

    def _exit(self) -> None:
        with _STATE.lock:
            self._over = True
            self.stop()

    def forget(self) -> None:
        """In the child of a fork: nobody else is there any more, whatever they held."""
        pool = self._pool
        for word in (Pool.BUSY, Pool.FINISHED, Pool.SLEEPERS, Pool.STOP):
            pool[word] = 0
        pool[Pool.BLAS_LOCK] = pool[Pool.ARENA_LOCK] = 0
        if pool[Pool.BLAS_COUNT] > 0:
            pool[Pool.BLAS_COUNT] = 0
            restore = ctypes.CFUNCTYPE(None, ctypes.c_int)(int(self._control[Control.BLAS_SET]))
            restore(int(pool[Pool.BLAS_SAVED]))
        self._fresh_locks()
        self.resize(1)

    def _fresh_locks(self) -> None:
        self._pool[Pool.MUTEX : Pool.ARENA_LOCK] = 0
        if os.name != "nt":  # there, zeros are a fresh lock
            system = ctypes.CDLL(None)
            start = self._pool.ctypes.data
            system.pthread_mutex_init(ctypes.c_void_p(start + 8 * Pool.MUTEX), None)
            system.pthread_cond_init(ctypes.c_void_p(start + 8 * Pool.CONDITION), None)


def _before_fork() -> None:
    _STATE.lock.acquire()
    if _STATE.workers is not None:
        _STATE.workers.stop()


def _after_fork_in_parent() -> None:
    _STATE.lock.release()


def _after_fork_in_child() -> None:
    _STATE.lock = threading.RLock()
    _STATE.wanted = 1
    if _STATE.workers is not None:
        _STATE.workers.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

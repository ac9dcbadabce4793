"""Processes that run one function, each with its number, and fail together."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from functorch_lite.torch.multiprocessing._parent import end_with_parent

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "spawn",
    "start_processes",
]

# How long processes have to end after a signal, where the program does not say.
_GRACE_SECONDS = 30.0


class ProcessException(Exception):
    """A process has failed.

    Args:
        msg: what is said.
        error_index: the number of the process.
        error_pid: its process id.

    Source: ``torch.multiprocessing.spawn.ProcessException``.
    """

    __module__ = "torch.multiprocessing.spawn"

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = error_pid

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """The function has raised an exception; the text has its traceback.

    Source: ``torch.multiprocessing.ProcessRaisedException``.
    """

    __module__ = "torch.multiprocessing.spawn"


class ProcessExitedException(ProcessException):
    """A process has ended by a signal, or with an exit code.

    Args:
        msg, error_index, error_pid: as of ``ProcessException``.
        exit_code: negative for signals.
        signal_name: of the signal, if any.

    Source: ``torch.multiprocessing.ProcessExitedException``.
    """

    __module__ = "torch.multiprocessing.spawn"

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int,
        signal_name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> tuple[Any, ...]:
        base = self.msg, self.error_index, self.error_pid
        return type(self), (*base, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], i: int, args: tuple[Any, ...], report: Connection) -> None:
    """What each process does; the traceback of an exception is reported."""
    end_with_parent()
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        # Ctrl-C reaches all processes of a terminal; the parent is the one to speak of it.
        pass
    except Exception:
        with contextlib.suppress(OSError):
            report.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """Processes that were started together.

    Args:
        processes: the processes.
        reports: for each, the end of a pipe that its traceback comes from.

    Source: ``torch.multiprocessing.ProcessContext``.
    """

    __module__ = "torch.multiprocessing.spawn"

    def __init__(self, processes: Sequence[Any], reports: Sequence[Connection]) -> None:
        self.processes = list(processes)
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}
        self._reports = {report: i for i, report in enumerate(reports)}
        self._tracebacks: dict[int, str] = {}

    def pids(self) -> list[int]:
        """The process ids."""
        return [int(process.pid) for process in self.processes]

    def _join_all(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))

    def _end_all(self, grace_period: float | None) -> None:
        """End what still runs, politely first."""
        if grace_period is not None:
            self._join_all(grace_period)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        self._join_all(_GRACE_SECONDS if grace_period is None else grace_period)
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until a process has ended.

        Args:
            timeout: how many seconds to wait at most; None waits as long as it takes.
            grace_period: how many seconds the others have to end after one has failed.

        Returns:
            Whether all have ended.

        Raises:
            ProcessRaisedException: the function raised an exception in one; all are ended.
            ProcessExitedException: one ended in another way; all are ended.

        Source: ``torch.multiprocessing.ProcessContext.join``.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while self.sentinels:
            left = None if end is None else max(end - time.monotonic(), 0.0)
            ready = wait([*self.sentinels, *self._reports], left)
            # A long traceback does not fit into a pipe: its process waits for us to read it.
            for report in [r for r in self._reports if r in ready]:
                self._read(report)
            ended = [s for s in self.sentinels if s in ready]
            for sentinel in ended:
                index = self.sentinels.pop(sentinel)
                self.processes[index].join()
                if self.processes[index].exitcode != 0:
                    self._end_all(grace_period)
                    raise self._failure(index)
            if ended or not ready:
                break
        return not self.sentinels

    def _read(self, report: Connection) -> None:
        index = self._reports.pop(report)
        with contextlib.suppress(EOFError, OSError):
            self._tracebacks[index] = report.recv()
        report.close()

    def _failure(self, index: int) -> ProcessException:
        process = self.processes[index]
        if index in self._tracebacks:
            text = f"\n\n-- Process {index} terminated with the following error:\n"
            return ProcessRaisedException(text + self._tracebacks[index], index, process.pid)
        code = process.exitcode
        if code >= 0:
            text = f"process {index} terminated with exit code {code}"
            return ProcessExitedException(text, index, process.pid, code)
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"<Unknown signal {-code}>"
        text = f"process {index} terminated with signal {name}"
        return ProcessExitedException(text, index, process.pid, code, name)


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Start processes that each call a function with their number and other arguments.

    Args:
        fn: called as ``fn(i, *args)``.
        args: the other arguments.
        nprocs: how many processes.
        join: whether to wait for their end.
        daemon: whether they are daemonic.
        start_method: ``"spawn"``, ``"fork"`` or ``"forkserver"``.

    Returns:
        None with ``join``, else the processes.

    Raises:
        ProcessException: with ``join``, where one fails.

    Source: ``torch.multiprocessing.start_processes``.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, reports = [], []
    for i in range(nprocs):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, i, args, theirs), daemon=daemon)
        process.start()
        # Without our copy the pipe ends with the process.
        theirs.close()
        processes.append(process)
        reports.append(ours)
    started = ProcessContext(processes, reports)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Spawn processes that each call a function with their number and other arguments.

    Args:
        fn, args, nprocs, join, daemon: as of ``start_processes``.
        start_method: of no use but for a warning; ``start_processes`` takes others.

    Returns:
        None with ``join``, else the processes.

    Raises:
        ProcessException: with ``join``, where one fails.

    Source: ``torch.multiprocessing.spawn``.
    """
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon)

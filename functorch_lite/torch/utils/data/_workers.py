"""The worker processes of a ``DataLoader``, as the main process sees them."""

from __future__ import annotations

import collections
import os
import signal
import time
import warnings
import weakref
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pickle import PicklingError
from typing import Any

from functorch_lite.torch.utils.data import _utils
from functorch_lite.torch.utils.data._transport import Carried, Channel, Encoded, encode
from functorch_lite.torch.utils.data._utils.worker import Job, Resume, run

__all__ = ["Workers"]

# Others that are busy do not put off what is said of one that has ended.
_FAILED_SECONDS = 0.5

# More tasks than fit into a pipe wait here: a worker that waits for us to take its batches must
# not find us waiting for it to take its tasks.
_MOST_PIPED = 65536 if os.name == "posix" else 4096
# What the system adds to a message, however short, when it counts how full a pipe is.
_OVERHEAD = 1024

_groups: weakref.WeakSet[Workers] = weakref.WeakSet()


class Workers:
    """Worker processes, each with a channel of its own.

    Args:
        context: of multiprocessing; starts the processes.
        job: what they do.

    Attributes:
        processes: one for each worker.
    """

    def __init__(self, context: Any, job: Job) -> None:
        self.processes: list[Any] = []
        self._channels: list[Channel] = []
        self._failure: str | None = None
        self._arrived: collections.deque[tuple[int, Any]] = collections.deque()
        self._waiting: list[collections.deque[Encoded]] = []
        self._sent: list[collections.deque[int]] = []
        _groups.add(self)
        # Not at the end of the program, when multiprocessing ends all workers at once.
        self._owner = os.getpid()
        self._finish = weakref.finalize(self, _end, self.processes, self._channels, self._owner)
        self._finish.atexit = False
        carried = Carried(job)
        try:
            for i in range(job.num_workers):
                self._start(context, carried, i)
        except BaseException:
            self.close()
            raise

    def _start(self, context: Any, carried: Carried, worker_id: int) -> None:
        ours, theirs = context.Pipe(duplex=True)
        # First of all: a process that is forked must find it, and close it.
        self._channels.append(Channel(ours))
        self._waiting.append(collections.deque())
        self._sent.append(collections.deque())
        try:
            process = context.Process(target=run, args=(theirs, carried, worker_id), daemon=True)
            process.start()
        except (TypeError, AttributeError, PicklingError):
            warnings.warn(
                "Got pickle error when attempting to start a worker Process. This might be because "
                "the worker Process arguments are not picklable. Python 3.14+ changed the "
                "multiprocessing start method in non-Mac POSIX platforms to 'forkserver', which "
                "requires the worker Process arguments to be picklable. You can also try "
                "multiprocessing.set_start_method('fork').",
                stacklevel=2,
            )
            raise
        finally:
            theirs.close()
        self.processes.append(process)

    # ------------------------------------------------------------------------------------- messages
    def post(self, worker: int, task: Any) -> None:
        """Give a worker a task, which it will answer."""
        self._waiting[worker].append(encode(task))
        self._send(worker)

    def _send(self, worker: int) -> None:
        """Send a worker as many of its tasks as its pipe is sure to hold."""
        waiting, sent = self._waiting[worker], self._sent[worker]
        while waiting:
            size = waiting[0].piped + _OVERHEAD
            if sent and sum(sent) + size > _MOST_PIPED:
                break
            message = waiting.popleft()
            sent.append(size)
            try:
                self._channels[worker].put(message)
            except OSError:
                self._fail([worker])

    def receive(self, first: int | None, timeout: float) -> tuple[int, Any]:
        """Wait for an answer.

        Args:
            first: the worker whose answer is needed next, if one is.
            timeout: in seconds; 0 waits as long as all workers live.

        Returns:
            The number of the worker, and what it sent.

        Raises:
            RuntimeError: a worker has ended, or the time is over.
        """
        if self._failure is not None:
            raise RuntimeError(self._failure)
        if not self._arrived:
            if first is not None and self._channels[first].is_ready():
                self._take(first)
            else:
                for worker in self._wait(timeout):
                    self._take(worker)
        return self._arrived.popleft()

    def _wait(self, timeout: float) -> Sequence[int]:
        """The workers that have sent something."""
        started = time.monotonic()
        while True:
            left = _utils.MP_STATUS_CHECK_INTERVAL
            if timeout > 0:
                left = min(left, max(started + timeout - time.monotonic(), 0))
            if ready := wait([channel.connection for channel in self._channels], left):
                return [i for i, c in enumerate(self._channels) if c.connection in ready]
            # What a worker has started keeps its end of the channel open.
            if dead := [i for i, p in enumerate(self.processes) if not p.is_alive()]:
                self._fail(dead)
            if 0 < timeout <= time.monotonic() - started:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")

    def _take(self, worker: int) -> None:
        """Receive what a worker has sent, and send it what waits."""
        try:
            answer = self._channels[worker].get()
        except (EOFError, ConnectionError):
            self._fail([worker])
        except BaseException as error:
            if not isinstance(error, Exception):
                # Interrupted within a message, where the next one begins is unknown.
                self._failure = "DataLoader was interrupted while it received a batch"
                self.close()
            raise
        finally:
            if self._sent[worker]:
                self._sent[worker].popleft()
        self._arrived.append((worker, answer))
        self._send(worker)

    def _fail(self, dead: Sequence[int]) -> None:
        """Say how workers have ended, and end the others."""
        process = self.processes[dead[0]]
        process.join(1.0)
        pid, code = process.pid, process.exitcode
        self.close(_FAILED_SECONDS)
        if code is not None and code < 0:
            name = signal.strsignal(-code)
            self._failure = f"DataLoader worker (pid {pid}) is killed by signal: {name}. "
        else:
            self._failure = (
                f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}. Details "
                "are lost due to multiprocessing. Rerunning with num_workers=0 may give better "
                "error trace."
            )
        raise RuntimeError(self._failure)

    # --------------------------------------------------------------------------------------- epochs
    def resume(self) -> None:
        """Forget all tasks that are not answered yet, and begin another epoch."""
        for waiting in self._waiting:
            waiting.clear()
        while any(self._sent):
            self.receive(None, 0)
        self._arrived.clear()
        for channel in self._channels:
            channel.put(encode(Resume()))

    def close(self, seconds: float | None = None) -> None:
        """End all processes.

        Args:
            seconds: how long they have to end by themselves; ``MP_STATUS_CHECK_INTERVAL`` by
                default.
        """
        if self._finish.detach() is not None:
            _end(self.processes, self._channels, self._owner, seconds)

    def forget(self) -> None:
        """Close the channels in a process that was forked from ours."""
        self._finish.detach()
        for channel in self._channels:
            channel.close()


def _end(
    processes: Sequence[BaseProcess],
    channels: Sequence[Channel],
    owner: int,
    seconds: float | None = None,
) -> None:
    """Tell workers to end, and make them."""
    if os.getpid() != owner:
        return
    for channel in channels:
        channel.close()
    if seconds is None:
        seconds = _utils.MP_STATUS_CHECK_INTERVAL
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0.0))
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(1.0)
        if process.is_alive():
            process.kill()
            process.join()


def _forget_all() -> None:
    for group in list(_groups):
        group.forget()


if hasattr(os, "register_at_fork"):
    # Workers end when the last copy of our end of their channel is closed.
    os.register_at_fork(after_in_child=_forget_all)

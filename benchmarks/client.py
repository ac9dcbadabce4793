"""The other end of a worker's pipes, and processes that leave nothing behind."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import kits

__all__ = ["Worker", "WorkerError", "run_python"]

REPOSITORY = Path(__file__).resolve().parent.parent
QUIT_SECONDS = 5.0


class WorkerError(Exception):
    """A worker raised, ended or took too long; says which."""


def _start(arguments: list[str], extra: Mapping[str, str], stderr: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=REPOSITORY,
        env={**os.environ, **extra},
        encoding="utf-8",
        # A group of its own, so that what a library starts besides can be ended with it.
        start_new_session=os.name == "posix",
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all of its group."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    else:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass  # a line that nobody read any more


def run_python(arguments: list[str], extra: Mapping[str, str], timeout: float) -> str:
    """Standard output of a fresh Python process in the repository.

    Args:
        arguments: those of the interpreter.
        extra: environment variables to add.
        timeout: seconds after which it is ended.

    Raises:
        WorkerError: it failed, or took too long.

    >>> run_python(["-c", "print(6 * 7)"], {}, 60.0).strip()
    '42'
    """
    process = _start(arguments, extra, subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise WorkerError(f"took more than {timeout:g} s") from None
    finally:
        _end(process)
        if process.stderr is not None:
            process.stderr.close()
    if process.returncode:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise WorkerError(f"ended with status {process.returncode}: {last[:200]}")
    return out


class Worker:
    """A process of one implementation, kept alive from row to row.

    Args:
        name: the implementation.
        device: "cpu" or "cuda".
        x64: whether JAX gets 64-bit types.
        scratch: a folder for its messages and caches.
        timeout: seconds it has for one request.

    Raises:
        Unavailable: the implementation is not there.
        WorkerError: the process did not start.
    """

    def __init__(self, name: str, device: str, x64: bool, scratch: Path, timeout: float) -> None:
        self.name = name
        self.timeout = timeout
        arguments = ["-m", "benchmarks.worker", name, device, *(["--x64"] if x64 else [])]
        self._log = (scratch / f"{name}.log").open("a", encoding="utf-8")
        extra = {**kits.environment(name, device), **cache_folders(scratch / f"cache_{name}")}
        self._process = _start(arguments, extra, self._log)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.version = str(self._reply()["version"])
        except BaseException:
            self.close()
            raise

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            Unavailable: the row lacks something here.
            WorkerError: see there; after too long, or an end, the worker is closed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **request}) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # ValueError: the pipe was closed on this side
            self.close()
            raise WorkerError("the process ended") from None
        return self._reply()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, at once if it does not listen."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
                self._process.wait(QUIT_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                pass
        _end(self._process)
        self._reader.join(QUIT_SECONDS)
        self._log.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._lines.put(line)
        except (OSError, ValueError):
            pass  # closed under the reader's hands
        self._lines.put("")

    def _reply(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self.timeout)
        except queue.Empty:
            _end(self._process)
            raise WorkerError(f"took more than {self.timeout:g} s") from None
        if not line:
            _end(self._process)
            raise WorkerError(f"the process ended with status {self._process.returncode}")
        reply: dict[str, Any] = json.loads(line)
        if "unavailable" in reply:
            raise kits.Unavailable(reply["unavailable"])
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply


def cache_folders(folder: Path) -> dict[str, str]:
    """Variables that keep compiled programs on disk in a folder, ours and PyTorch's.

    JAX keeps nothing on disk unless told to, see ``benchmarks.fresh``.
    """
    return {
        "FUNCTORCH_LITE_CACHE_DIR": str(folder / "ours"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
    }

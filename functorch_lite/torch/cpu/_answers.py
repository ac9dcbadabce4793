"""Questions about the CPU as about any device, and streams that need no waiting."""

from __future__ import annotations

from typing import Any

__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count",
    "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a CPU. Source: ``torch.cpu.is_available``."""
    return True


def is_initialized() -> bool:
    """Whether it is in use. Source: ``torch.cpu.is_initialized``."""
    return True


def device_count() -> int:
    """How many there are: one, however many cores. Source: ``torch.cpu.device_count``."""
    return 1


def current_device() -> str:
    """Its name. Source: ``torch.cpu.current_device``."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one CPU. Source: ``torch.cpu.set_device``."""


def synchronize(device: Any = None) -> None:
    """Nothing: an operation has ended when its call returns. Source: ``torch.cpu.synchronize``."""


class Stream:
    """The one order of operations on the CPU. Source: ``torch.cpu.Stream``."""

    __module__ = "torch.cpu"

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing: there is nothing to wait for."""

    def record_event(self) -> None:
        """Nothing: whatever was called is done."""

    def wait_event(self, event: Any) -> None:
        """Nothing: there is nothing to wait for."""


class Event:
    """A place in the order of operations. Source: ``torch.cpu.Event``."""

    __module__ = "torch.cpu"

    def query(self) -> bool:
        """Whether all before it is done: it is."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing: whatever was called is done."""

    def synchronize(self) -> None:
        """Nothing: there is nothing to wait for."""

    def wait(self, stream: Any = None) -> None:
        """Nothing: there is nothing to wait for."""


_default = Stream()
_current = [_default]


def current_stream(device: Any = None) -> Stream:
    """The stream of operations to come. Source: ``torch.cpu.current_stream``."""
    return _current[-1]


class StreamContext:
    """Within it a stream is the current one. Source: ``torch.cpu.StreamContext``."""

    __module__ = "torch.cpu"

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            _current.append(self.stream)

    def __exit__(self, *exception: object) -> None:
        if self.stream is not None:
            _current.pop()


def stream(stream: Stream | None) -> StreamContext:
    """A context in which a stream is the current one. Source: ``torch.cpu.stream``."""
    return StreamContext(stream)

"""Streams and events of the CPU, where every operation has ended when its call returns."""

from __future__ import annotations

from typing import Any, NoReturn

from functorch_lite.torch._core.device import device as Device

__all__ = ["Event", "Stream"]


def _on_the_cpu(device: Any) -> Device:
    """The device that is asked for.

    Raises:
        RuntimeError: it is an accelerator.
    """
    if isinstance(device, int) and not isinstance(device, bool):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    found = Device("cpu") if device is None else Device(device)
    if found.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {found.type} devices")
    return Device("cpu")


def _no_events() -> NoReturn:
    raise RuntimeError("cpu backend doesn't support events.")


class _OnCpu:
    """What streams and events have in common: all of a kind are alike."""

    device: Device
    device_index = -1
    device_type = 0

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def query(self) -> bool:
        """Whether all work is done: it is."""
        return True

    def synchronize(self) -> None:
        """Wait for all work: it is done."""


class Stream(_OnCpu):
    """The order of operations on a device: on the CPU, that of their calls.

    Args:
        device: the CPU, also if left out.
        priority: of no effect.

    Raises:
        RuntimeError: the device is an accelerator.

    >>> Stream().query()
    True

    Source: ``torch.Stream``.
    """

    __module__ = "torch"
    stream_id = 0

    def __init__(self, device: Any = None, *, priority: int = 0) -> None:
        self.device = _on_the_cpu(device)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def wait_event(self, event: Event) -> None:
        """Wait for an event: there is nothing to wait for."""

    def wait_stream(self, stream: Stream) -> None:
        """Fails, as in PyTorch: it would need an event."""
        _no_events()

    def record_event(self, event: Event | None = None) -> NoReturn:
        """Fails, as in PyTorch: the CPU has no events."""
        _no_events()

    def __repr__(self) -> str:
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


class Event(_OnCpu):
    """A place in a stream; on the CPU it cannot be recorded.

    Args:
        device: the CPU, also if left out.
        enable_timing: whether times are asked for.

    Raises:
        RuntimeError: the device is an accelerator.

    Source: ``torch.Event``.
    """

    __module__ = "torch"
    event_id = 0

    def __init__(
        self, device: Any = None, *, enable_timing: bool = False, blocking: bool = False,
        interprocess: bool = False,
    ) -> None:  # fmt: skip
        self.device = _on_the_cpu(device)
        self._timing = bool(enable_timing)

    def record(self, stream: Stream | None = None) -> NoReturn:
        """Fails, as in PyTorch: the CPU has no events."""
        _no_events()

    def wait(self, stream: Stream | None = None) -> None:
        """Wait for it: there is nothing to wait for."""

    def elapsed_time(self, end_event: Event) -> NoReturn:
        """Fails: neither event was recorded."""
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise ValueError("Both events must be recorded before calculating elapsed time.")

    def __repr__(self) -> str:
        return (
            "torch.Event device_type=cpu, device_index=-1, "
            f"event_flag={int(self._timing)}, event_id=0"
        )

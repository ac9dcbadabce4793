"""Contexts that switch the recording of operations. Source: ``torch.autograd.grad_mode``."""

from __future__ import annotations

from functorch_lite.torch._core.grad_mode import (
    _Context,
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled",
]  # fmt: skip


class set_multithreading_enabled(_Context):
    """Whether backward passes of several devices may run at once; there is one device.

    Args:
        mode: whether they may.

    Source: ``torch.autograd.grad_mode.set_multithreading_enabled``.
    """

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None

    def clone(self) -> _Context:
        """A context like this one."""
        return set_multithreading_enabled(self.mode)

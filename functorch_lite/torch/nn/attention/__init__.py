"""Which implementation of attention runs. Source: ``torch.nn.attention``."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from enum import Enum
from typing import Any

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(Enum):
    """The implementations that PyTorch has. Source: ``torch.nn.attention.SDPBackend``."""

    __module__ = "torch.nn.attention"

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __int__(self) -> int:
        return int(self.value)


# What PyTorch has on a CPU.
_HERE = (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION)


@contextlib.contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Generator[dict[Any, Any], None, None]:
    """Choose among implementations of ``scaled_dot_product_attention``.

    There is one here, for whatever can be chosen on a CPU.

    Args:
        backends: one or a list of ``SDPBackend``.
        set_priority: accepted.

    Raises:
        AssertionError: what is given is neither.
        RuntimeError: none of them runs on a CPU.

    Source: ``torch.nn.attention.sdpa_kernel``. PyTorch raises the last error where attention is
    computed, and not here.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    chosen = backends if isinstance(backends, list) else [backends]
    if not any(backend in _HERE for backend in chosen):
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to "
            "turning off both the math kernel and the fused kernels."
        )
    yield {}

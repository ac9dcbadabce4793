"""The default stream of random numbers, and how to leave it untouched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from functorch_lite.torch._object.generator import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from functorch_lite.torch._ops import random_fill

__all__ = [
    "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
    "set_rng_state", "thread_safe_generator",
]  # fmt: skip

_samplers = random_fill


@contextlib.contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Within it, draws do not move the default stream.

    Args:
        devices: accelerators whose streams to keep; there are none.
        enabled: False does nothing.

    Source: ``torch.random.fork_rng``.
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def thread_safe_generator() -> None:
    """The stream of a thread that loads data; None elsewhere, and so here: workers are processes.

    Source: ``torch.random.thread_safe_generator``.
    """
    return None

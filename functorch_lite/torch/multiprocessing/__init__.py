"""Python's ``multiprocessing``, and processes that run one function.

Tensors that are sent to other processes are copied, unless ``share_memory_()`` has put them into
shared memory before.

Source: ``torch.multiprocessing``.
"""

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403  (the list of names is there)

from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch.multiprocessing import reductions
from functorch_lite.torch.multiprocessing.reductions import init_reductions
from functorch_lite.torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    spawn,
    start_processes,
)

__all__ = [
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "init_reductions",
    "reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
    *_multiprocessing.__all__,
]

_STRATEGIES = {"file_descriptor", "file_system"}


class _Sharing:
    """How memory is shared, as far as programs ask."""

    strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Note how memory is to be shared; it is always shared by file descriptors.

    Args:
        new_strategy: ``"file_descriptor"`` or ``"file_system"``.

    Raises:
        AssertionError: it is neither.

    Source: ``torch.multiprocessing.set_sharing_strategy``.
    """
    if new_strategy not in _STRATEGIES:
        raise AssertionError(
            f"invalid sharing strategy '{new_strategy}', expected one of {_STRATEGIES}"
        )
    _Sharing.strategy = new_strategy


def get_sharing_strategy() -> str:
    """What ``set_sharing_strategy`` has noted.

    >>> get_sharing_strategy()
    'file_descriptor'

    Source: ``torch.multiprocessing.get_sharing_strategy``.
    """
    return _Sharing.strategy


def get_all_sharing_strategies() -> set[str]:
    """What ``set_sharing_strategy`` takes.

    Source: ``torch.multiprocessing.get_all_sharing_strategies``.
    """
    return set(_STRATEGIES)


__getattr__ = _module_getattr(globals())

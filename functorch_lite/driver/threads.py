"""How many threads compiled programs use."""

from __future__ import annotations

__all__ = ["get_num_threads", "set_num_threads"]


def get_num_threads() -> int:
    """How many threads compiled programs use.

    That is ``FUNCTORCH_LITE_NUM_THREADS`` if set, else the number of processors that this process
    may use; 1 in the child of a fork.

    >>> get_num_threads() >= 1
    True
    """
    from functorch_lite.backends.cpu.runtime import threads

    return threads.get_num_threads()


def set_num_threads(n: int) -> None:
    """Set how many threads compiled programs use from now on.

    Args:
        n: at least 1.

    Raises:
        ValueError: n is no integer, below 1, or more than there can be.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    from functorch_lite.backends.cpu.runtime import threads

    threads.set_num_threads(n)

"""How a process ends with the one that started it, also where that one is killed."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait

__all__ = ["end_with_parent"]

_WATCH_SECONDS = 1.0


def _watch(parent: int) -> None:
    main = parent_process()
    # The sentinel tells everywhere but after a fork, where siblings keep its pipe open; then the
    # number of the parent does.
    while main is not None and os.getppid() == parent:
        if wait([main.sentinel], _WATCH_SECONDS):
            break
    os._exit(1)


def end_with_parent() -> None:
    """End this process, whatever it is doing, soon after its parent has ended."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()

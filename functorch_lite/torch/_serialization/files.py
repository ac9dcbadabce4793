"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["written"]


def _sync_folder(folder: str) -> None:
    """Make a new name in a folder last."""
    # Not every system opens folders, and not every file system syncs them.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def written(path: str) -> Iterator[Any]:
    """A file to write to, which takes its name when all is written and lies on the disk.

    Until then, and after any failure, a file that had the name before stays as it is.

    Args:
        path: the name; what is no regular file, such as a pipe, is written to directly.

    Raises:
        RuntimeError: there is no such folder, or the name is a folder's.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        parent = os.path.dirname(path) or folder
        raise RuntimeError(f"Parent directory {parent} does not exist.")
    if os.path.isdir(target):
        raise RuntimeError(f"open file failed with strerror: Is a directory: {path!r}")
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
            yield file
        return
    # Short: the name itself may already be as long as names can be.
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)

"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["TEMPORARY_SUFFIX", "write_atomically"]

TEMPORARY_SUFFIX = ".tmp"


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file under another name in its folder, and give it its name when it is on the disk.

    Whatever happens before the renaming (an exception, a crash, a loss of power), ``path`` is what
    it was; after it, the whole new file.  An exception leaves nothing behind; a process that is
    killed may leave ``.name.….tmp``.

    Args:
        path: where the file is to be.
        write: writes the contents to an open binary file.

    Raises:
        OSError: the folder is missing, the disk is full, and so on.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    try:
        # Mode "x" gives an ordinary file's permissions, and never opens a file that exists.
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put the renaming itself on the disk, where the system has a way to."""
    if os.name == "nt":  # folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

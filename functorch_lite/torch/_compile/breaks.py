"""Why a call cannot be recorded, and where in the user's program."""

from __future__ import annotations

import linecache
import os
import re
import sys
from types import FrameType

__all__ = ["PACKAGE", "GraphBreak", "user_line"]

PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


def user_line() -> str:
    """The innermost line outside of this library, as ``file:line (text)``."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((PACKAGE, "<frozen")) and not _ARRAYS.search(name):
            return f"{name}:{frame.f_lineno} ({_text(name, frame.f_lineno)})"
        frame = frame.f_back
    return "<unknown>"


def _text(name: str, line: int) -> str:
    # Reading the file is a call that the watch over a recording would take for the user's.
    watch = sys.getprofile()
    sys.setprofile(None)
    try:
        return linecache.getline(name, line).strip()
    finally:
        sys.setprofile(watch)


_ARRAYS = re.compile(r"[/\\](numpy|scipy)[/\\]")


class GraphBreak(BaseException):
    """Recording cannot go on: the call runs eagerly.

    No ``Exception``, so that handlers of the user's program let it pass.

    Attributes:
        reason: what was in the way.
        line: where in the user's program.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = user_line()

    def __str__(self) -> str:
        return f"{self.reason}, at {self.line}"

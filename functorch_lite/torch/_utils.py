"""An exception on its way to another process, with its traceback as text."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn

__all__ = ["ExceptionWrapper", "KeyErrorMessage"]


class KeyErrorMessage(str):
    """A text that is its own ``repr``, which is what ``KeyError`` shows.

    Source: ``torch._utils.KeyErrorMessage``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """The kind and the traceback of an exception, to be raised elsewhere.

    Args:
        exc_info: as ``sys.exc_info()`` gives it, by default now.
        where: words that follow ``Caught ValueError``.

    Source: ``torch._utils.ExceptionWrapper``.
    """

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind, value, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self) -> NoReturn:
        """Raise an exception of the same kind, whose text has the traceback."""
        kind = self.exc_type
        text = f"Caught {kind.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if kind is KeyError:
            text = KeyErrorMessage(text)
        elif getattr(kind, "message", None):
            raise kind(message=text)
        try:
            made = kind(text)
        except Exception:
            # It wants other arguments than a text.
            raise RuntimeError(text) from None
        raise made

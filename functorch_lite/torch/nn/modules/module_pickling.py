"""Pickles of modules and optimisers, whether or not ``torch`` means this package."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Portable"]


def _blank(module: str, qualname: str) -> Any:
    """An object without state, of one of the classes of this package."""
    found: Any = sys.modules[f"functorch_lite.{module}"]
    for name in qualname.split("."):
        found = getattr(found, name)
    return found.__new__(found)


class Portable:
    """Pickles by the name a class has here, unless ``torch`` leads to the same class."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        cls = type(self)
        own = sys.modules.get(f"functorch_lite.{cls.__module__}")
        if own is None or sys.modules.get(cls.__module__) is own:
            return super().__reduce_ex__(protocol)
        return _blank, (cls.__module__, cls.__qualname__), self.__getstate__()

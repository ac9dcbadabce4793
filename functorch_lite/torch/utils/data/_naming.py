"""Pickles of data sets and samplers, whose classes are named as PyTorch's."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Named"]

_PACKAGE = "functorch_lite."


class Named:
    """What is pickled by the name that its class has here, where ``torch`` is not this package."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        cls = type(self)
        own = sys.modules.get(_PACKAGE + cls.__module__)
        if own is None or sys.modules.get(cls.__module__) is own:
            return super().__reduce_ex__(protocol)
        return _empty, (cls.__module__, cls.__qualname__), self.__getstate__()


def _empty(module: str, name: str) -> Any:
    """An object of one of our classes, to be filled with state."""
    cls = getattr(sys.modules[_PACKAGE + module], name)
    return cls.__new__(cls)

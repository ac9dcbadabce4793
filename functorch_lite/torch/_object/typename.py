"""The name of a type as PyTorch's messages give it."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["typename"]


def typename(obj: Any) -> str:
    """The type of an object in words.

    Args:
        obj: anything; a tensor is named after its dtype, a class after itself.

    >>> typename(3), typename(typename)
    ('int', 'functorch_lite.torch._object.typename.typename')

    Source: ``torch.typename``.
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    module = getattr(obj, "__module__", None) or ""
    name = getattr(obj, "__qualname__", None) or type(obj).__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


FUNCTIONS["typename"] = typename

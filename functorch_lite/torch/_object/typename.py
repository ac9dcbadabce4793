"""The name of a type as PyTorch's messages give it."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._scripts.names import public_name

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
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    # Arrays of NumPy have neither module nor name, only their class has.
    owner = obj if name else type(obj)
    name = public_name(name or owner.__qualname__)
    module = getattr(owner, "__module__", None) or ""
    return name if module in ("", "builtins") else f"{module}.{name}"


FUNCTIONS["typename"] = typename

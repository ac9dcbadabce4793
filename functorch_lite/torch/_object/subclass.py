"""Subclasses of Tensor, and classes that see operations before tensors do."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.foreign import (
    foreign_function,
    refuse_foreign,
    refused_by_theirs,
)
from functorch_lite.torch._core.public import disabled, overrides
from functorch_lite.torch._core.tensor import Tensor, share
from functorch_lite.torch._core.view import alias

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "convert", "make_subclass"]


class DisableTorchFunctionSubclass:
    """Within it, subclasses of Tensor do not see operations.

    Source: ``torch._C.DisableTorchFunctionSubclass``.
    """

    def __enter__(self) -> None:
        self.before = overrides.disabled
        overrides.disabled = True

    def __exit__(self, *exception: object) -> None:
        overrides.disabled = self.before


DisableTorchFunction = DisableTorchFunctionSubclass


def convert(result: Any, cls: type[Tensor]) -> Any:
    """The tensors of a result as instances of a class."""
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else as_subclass(result, cls)
    if isinstance(result, (tuple, list)):
        made = [convert(r, cls) for r in result]
        return type(result)(*made) if hasattr(result, "_fields") else type(result)(made)
    return result


def _torch_function(
    cls: type[Tensor], func: Any, types: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """Run an operation and give its results the class; classes that override it get here, too."""
    if foreign_function(func):
        raise refused_by_theirs(getattr(func, "__name__", "function"))
    for t in types:
        if not issubclass(cls, t):
            return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return convert(result, cls)


def _init_subclass(cls: type[Tensor], **options: Any) -> None:
    super(Tensor, cls).__init_subclass__(**options)
    if cls.__torch_function__ is not disabled:  # type: ignore[attr-defined]
        overrides.known = True


def make_subclass(cls: type[Tensor], data: Tensor, require_grad: bool = False) -> Any:
    """An instance of a class over a tensor's memory, outside of the graph.

    Args:
        cls: a subclass of Tensor.
        data: any tensor.
        require_grad: whether its gradient is wanted.

    Source: ``torch.Tensor._make_subclass``.
    """
    if not isinstance(data, Tensor):
        refuse_foreign("_make_subclass", (data,))
        raise TypeError(
            f"_make_subclass(): argument 'data' (position 2) must be Tensor, not "
            f"{type(data).__name__}"
        )
    out = share(data, data._np, data._offset)
    if require_grad:
        if data._np.dtype.kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        out._rg = True
    out.__class__ = cls
    return out


def as_subclass(self: Tensor, cls: type[Tensor]) -> Any:
    """The same tensor as an instance of a class. Source: ``torch.Tensor.as_subclass``."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
            "possible. Make sure your class inherits from Tensor."
        )
    out = alias(self)
    out.__class__ = cls
    return out


# Not by ``method``: the class that is asked for must be that of the result.
Tensor.as_subclass = as_subclass  # type: ignore[attr-defined]
Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
Tensor.__init_subclass__ = classmethod(_init_subclass)  # type: ignore[assignment, method-assign]
Tensor._make_subclass = staticmethod(make_subclass)  # type: ignore[attr-defined]

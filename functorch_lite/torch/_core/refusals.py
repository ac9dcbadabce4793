"""What is said of an argument that ought to be a tensor, where a function has not asked first."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor

__all__ = ["refuse_no_tensor"]


def refuse_no_tensor(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
    error: AttributeError,
) -> None:  # fmt: skip
    """Say which argument is no tensor, if that is why a function failed.

    Args:
        name, f: the function.
        args, kwargs: its arguments.
        error: what it raised, with the object that lacks an attribute of tensors.

    Raises:
        TypeError: the object is an argument.
    """
    lacking = error.obj
    lacks = error.name or ""
    if isinstance(lacking, Tensor) or not (lacks.startswith("_") or hasattr(Tensor, lacks)):
        return
    for position, parameter in enumerate(inspect.signature(f).parameters.values()):
        given = args[position] if position < len(args) else kwargs.get(parameter.name, f)
        if given is lacking:
            raise TypeError(
                f"{name}(): argument '{parameter.name}' (position {position + 1}) must be "
                f"Tensor, not {type(given).__name__}"
            ) from None

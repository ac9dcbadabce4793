"""``named_scope`` and ``named_call``: names of the user's own in staged programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from functorch_lite.core.aval import describe
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import TransformError
from functorch_lite.transforms.arguments import check_callable

__all__ = ["named_call", "named_scope"]

_F = TypeVar("_F", bound=Callable[..., Any])


class named_scope:
    """Context, and decorator, in which staged operations carry a name.

    The name stands before the function's in the line that a program shows beside each operation,
    and in messages about it; scopes inside each other are joined by slashes. It changes nothing
    that is computed.

    Args:
        name: the name.

    Raises:
        TransformError: the name is no string.

    >>> import functorch_lite as fl
    >>> import functorch_lite.numpy as fnp
    >>> @named_scope("layer")
    ... def f(x):
    ...     return fnp.sin(x)
    >>> "layer/f" in str(fl.make_jaxpr(f)(1.0))
    True

    Source: ``jax.named_scope``.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TransformError(
                f"named_scope: the name must be a string, got {describe(name)}. Write "
                "named_scope('layer')."
            )
        self.name = name
        self._was: list[str] = []

    def __enter__(self) -> None:
        self._was.append(state.scope)
        state.scope = f"{state.scope}{self.name}/"

    def __exit__(self, *exc: object) -> None:
        state.scope = self._was.pop()

    def __call__(self, function: _F) -> _F:
        check_callable(function, "named_scope")

        @wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            with named_scope(self.name):
                return function(*args, **kwargs)

        return named  # type: ignore[return-value]


def named_call(fun: _F, *, name: str | None = None) -> _F:
    """The function, with its operations in a :func:`named_scope`.

    Args:
        fun: the function.
        name: the scope's name, by default the function's.

    >>> named_call(abs, name="size")(-2)
    2

    Source: ``jax.named_call``.
    """
    check_callable(fun, "named_call", "fun", "named_call(f, name='layer')")
    return named_scope(function_name(fun) if name is None else name)(fun)

"""``custom_gradient``: a function that returns its value together with its pullback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import lift
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import float0, is_inexact
from functorch_lite.core.trace import function_name
from functorch_lite.errors import TransformError
from functorch_lite.transforms.arguments import check_callable, describe_tree
from functorch_lite.transforms.closed import ClosedFunction
from functorch_lite.transforms.custom_vjp import custom_vjp

__all__ = ["custom_gradient"]


def custom_gradient(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose derivative is the pullback that it returns beside its value.

    Args:
        fun: returns a pair ``(out, pull)``. ``pull`` takes a cotangent like ``out`` and returns a
            tuple of cotangents, one per argument (for a single argument, itself if it is no
            container). It may use what ``fun`` computed, and is staged: no Python ``if`` on values.

    Returns:
        A function of the same arguments that returns ``out``.

    Raises:
        TransformError: ``fun`` does not return such a pair.

    >>> from functorch_lite import grad
    >>> @custom_gradient
    ... def f(x):
    ...     return x**2, lambda g: (g * x,)  # half the derivative
    >>> grad(f)(3.0)
    Array(3., dtype=float32)

    Source: ``jax.custom_gradient``.
    """
    check_callable(fun, "custom_gradient")
    name = function_name(fun)

    def pair(*args: Any) -> tuple[Any, Callable[..., Any]]:
        found = fun(*args)
        if not isinstance(found, (tuple, list)) or len(found) != 2 or not callable(found[1]):
            got = f"{len(found)} values" if isinstance(found, (tuple, list)) else None
            raise TransformError(
                f"custom_gradient of {name}: the function must return a pair of its value and its "
                f"pullback, a function; got {got or describe_tree(found)}. Write return out, "
                "lambda g: (cotangent, ...)."
            )
        return found[0], found[1]

    @custom_vjp
    @wraps(fun, updated=())
    def value(*args: Any) -> Any:
        return pair(*args)[0]

    def forward(*args: Any) -> tuple[Any, ClosedFunction]:
        out, pull = pair(*args)
        types = tree.map(_cotangent_type, out)
        return out, ClosedFunction.of(pull, (types,), f"custom_gradient of {name}")

    def backward(pull: ClosedFunction, cotangent: Any) -> Any:
        found = pull(cotangent)
        return (found,) if tree.is_leaf(found) else found

    value.defvjp(forward, backward)
    value.label = f"custom_gradient of {name}"
    return value


def _cotangent_type(x: Any) -> Aval:
    aval = lift(x).aval
    return Aval(aval.shape, aval.dtype if is_inexact(aval.dtype) else float0)

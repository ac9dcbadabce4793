"""Control flow as functions: ``torch.cond`` and ``torch.while_loop``, run as Python runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["cond", "while_loop"]


def _truth(value: Any, what: str) -> bool:
    """A condition as Python's.

    Raises:
        RuntimeError: it is neither a number nor a tensor of one element.
    """
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise RuntimeError(
                f"Expected {what} to be bool or single-element tensor, but got {value}."
            )
        return bool(value)
    if not isinstance(value, (bool, int, float)):
        raise RuntimeError(f"Expected {what} to be bool or tensor, but got {value}.")
    return bool(value)


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """What one of two functions gives.

    Under ``torch.compile`` the condition is an assumption about a value, checked in every call.

    Args:
        pred: a bool, or a tensor of one element.
        true_fn, false_fn: functions of the operands.
        operands: a tuple or list.

    Raises:
        RuntimeError: ``pred`` is something else.

    >>> cond(True, lambda x: x + 1, lambda x: x - 1, (3,))
    4

    Source: ``torch.cond``.
    """
    return (true_fn if _truth(pred, "pred") else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any
) -> Any:
    """Values replaced by what a function makes of them, as long as a condition holds.

    Args:
        cond_fn: gives a bool, or a tensor of one element.
        body_fn: gives as many values as it takes.
        carried_inputs: a tuple or list of the first ones.

    Returns:
        the last values, a tuple; one value alone where ``body_fn`` gives it alone.

    Raises:
        RuntimeError: the functions are none, or the condition has several elements.

    >>> while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, 1))
    (3, 8)

    Source: ``torch.while_loop``.
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(
            f"Expect carried_inputs to be a tuple, but got {type(carried_inputs)}. A single value "
            "is given as (value,)."
        )
    values: Any = tuple(carried_inputs)
    while _truth(cond_fn(*values) if isinstance(values, tuple) else cond_fn(values), "cond_fn"):
        values = body_fn(*values) if isinstance(values, tuple) else body_fn(values)
        values = tuple(values) if isinstance(values, list) else values
    return values


FUNCTIONS["cond"] = cond
FUNCTIONS["while_loop"] = while_loop

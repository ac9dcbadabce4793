"""Users' functions in loops and branches: the call that is made of them, and what comes back."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from functorch_lite.core.trace import function_name

__all__ = ["LACKS_RETURN", "guarded", "named", "structure_text"]

LACKS_RETURN = "Does it lack a return statement?"


def guarded(f: Callable[..., Any], call: str, label: str) -> Callable[..., Any]:
    """The function, with a message of its own where it has other parameters than it is called with.

    Args:
        f: the user's function.
        call: the call as it is made, e.g. ``body_fun(i, carry)``.
        label: the transform and function in words.
    """

    @functools.wraps(f, updated=())
    def call_it(*args: Any) -> Any:
        try:
            return f(*args)
        except TypeError:
            parameters = _other_parameters(f, len(args))
            if parameters is None:
                raise
            found = parameters
        raise TypeError(
            f"{label}: the function is called as {call}, but {function_name(f)} takes {found}. "
            "Give it the parameters of that call."
        )

    call_it.__name__ = function_name(f)
    return call_it


def _other_parameters(f: Callable[..., Any], count: int) -> str | None:
    """The parameters of a function that cannot be called with ``count`` arguments."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return str(signature)
    return None


def named(role: str, f: Any) -> str:
    """A function by its role and, if it has one, by its name: ``relu (true_fun)``."""
    name = function_name(f)
    return role if name in ("<lambda>", role) else f"{name} ({role})"


def structure_text(treedef: Any) -> str:
    """A structure as its containers are written, with a star for each array."""
    text = re.sub(r"^PyTreeSpec\((.*?)(, namespace='\w*')?\)$", r"\1", str(treedef), flags=re.S)
    return "one array" if text == "*" else text

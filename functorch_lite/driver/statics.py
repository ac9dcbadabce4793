"""Static arguments of ``jit``: which they are, and their values as keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from functorch_lite.core.static import Static
from functorch_lite.core.trace import function_name
from functorch_lite.errors import TransformError

__all__ = ["complete_statics", "static_key"]


def static_key(value: Any, what: str, label: str) -> Static:
    """The key of a static argument's value."""
    try:
        return Static(value)
    except TypeError:
        raise TransformError(
            f"{label}: static {what} must be hashable, got {type(value).__name__}. Use a tuple "
            "instead of a list, a frozen dataclass instead of a dict, or do not mark it static."
        ) from None


def complete_statics(
    f: Any, nums: tuple[int, ...], names: tuple[str, ...], donated: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """A static argument is static by position and by keyword, however it was given.

    Raises:
        TransformError: the function has no such argument, or one is static and donated.
    """
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return nums, names
    positional = [
        p.name
        for p in parameters
        if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    known = [p.name for p in parameters]
    variadic = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    star = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    for name in names:
        if name not in known and not variadic:
            raise TransformError(
                f"jit: static_argnames has {name!r}, but {function_name(f)} takes "
                f"{', '.join(known)}"
            )
    for what, numbers in (("static_argnums", nums), ("donate_argnums", donated)):
        for n in numbers:
            if not star and not -len(positional) <= n < len(positional):
                raise TransformError(
                    f"jit: {what} has {n}, but {function_name(f)} takes {len(positional)} "
                    "positional arguments"
                )

    def from_front(numbers: Iterable[int]) -> set[int]:
        return {n % len(positional) if positional and n < 0 else n for n in numbers}

    all_nums = from_front(nums)
    all_nums |= {positional.index(n) for n in names if n in positional}
    all_names = set(names) | {positional[n] for n in all_nums if n < len(positional)}
    both = all_nums & from_front(donated)
    if both:
        raise TransformError(
            f"jit: argument {min(both)} of {function_name(f)} is static and donated; a static "
            "value has no memory to give. Leave it out of donate_argnums."
        )
    return tuple(sorted(all_nums)), tuple(sorted(all_names))

"""Static arguments of ``jit``: which they are, and their values as keys."""

from __future__ import annotations

import inspect
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
    f: Any, nums: tuple[int, ...], names: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """A static argument is static by position and by keyword, however it was given."""
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
    for n in nums:
        if not star and not -len(positional) <= n < len(positional):
            raise TransformError(
                f"jit: static_argnums has {n}, but {function_name(f)} takes {len(positional)} "
                "positional arguments"
            )
    all_nums = {n % len(positional) if positional and n < 0 else n for n in nums}
    all_nums |= {positional.index(n) for n in names if n in positional}
    all_names = set(names) | {positional[n] for n in all_nums if n < len(positional)}
    return tuple(sorted(all_nums)), tuple(sorted(all_names))

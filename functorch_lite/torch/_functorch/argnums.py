"""Which arguments of a function it is differentiated by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["chosen", "replaced", "by_arguments"]


def _place(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def chosen(args: Sequence[Any], argnums: Any) -> Any:
    """The argument of a position, or a tuple of those of several.

    Raises:
        RuntimeError: there is no such argument, or one is named twice.
    """
    if isinstance(argnums, int):
        return args[_place(argnums, len(args))]
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    places = tuple(_place(n, len(args)) for n in argnums)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {places}")
    return tuple(args[n] for n in places)


def replaced(args: Sequence[Any], argnums: Any, new: Any) -> list[Any]:
    """All arguments, with others in the place of those that ``chosen`` gave."""
    found = list(args)
    if isinstance(argnums, int):
        found[argnums] = new
        return found
    for n, x in zip(argnums, new, strict=True):
        found[n] = x
    return found


def by_arguments(func: Callable[..., Any], args: Sequence[Any], argnums: Any) -> Any:
    """A function of the chosen arguments alone, and those as a tuple."""
    found = chosen(args, argnums)
    if isinstance(argnums, int):
        return lambda x: func(*replaced(args, argnums, x)), (found,)
    return lambda *xs: func(*replaced(args, argnums, xs)), found

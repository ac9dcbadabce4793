"""Looking into staged programs: ``print`` and ``callback`` run when the program runs.

>>> import functorch_lite as fl
>>> @fl.jit
... def f(x):
...     fl.debug.print("x is {}", x)
...     return x + 1
>>> y = f(1.0)
x is 1.0
"""

from __future__ import annotations

import builtins
import itertools
import re
import string
from collections.abc import Callable
from typing import Any

from functorch_lite.errors import TransformError
from functorch_lite.transforms.arguments import check_callable, describe_tree
from functorch_lite.transforms.callbacks import run_for_effect

__all__ = ["callback", "print"]


def callback(
    callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any
) -> None:
    """Call a Python function with the values of arrays, each time the program runs.

    Args:
        callback: gets NumPy arrays in the structure of the arguments; what it returns is dropped.
        args, kwargs: trees of arrays; strings and other objects are passed on as they are.
        ordered: accepted for JAX's sake; calls are always in the program's order.

    Under ``vmap`` it is called once per example, in ``grad`` in the forward pass, and once more
    where ``checkpoint`` computes that pass again.

    >>> seen = []
    >>> callback(seen.append, 1.0)
    >>> seen
    [array(1., dtype=float32)]

    Source: ``jax.debug.callback``.
    """
    del ordered
    check_callable(callback, "debug.callback")
    run_for_effect(callback, *args, **kwargs)


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print values of arrays each time the program runs.

    Args:
        fmt: a format string as for ``str.format``, not an f-string: values do not exist yet.
        args, kwargs: what goes into it.
        ordered: accepted for JAX's sake; output is always in the program's order.

    >>> print("{x:.2f} and {}", 1, x=2.0)
    2.00 and 1

    Source: ``jax.debug.print``.
    """
    del ordered
    _check_format(fmt, args, kwargs)
    run_for_effect(_Printer(fmt), *args, **kwargs)


def _check_format(fmt: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise now for what would fail, or be left out, when the program runs."""
    if not isinstance(fmt, str):
        raise TransformError(
            f"debug.print: the first argument is a format string, got {describe_tree(fmt)}. Write "
            "debug.print('{}', x)."
        )
    try:
        fields = _fields(fmt)
    except ValueError as error:
        raise TransformError(f"debug.print: {fmt!r} is no format string: {error}") from None
    for name in fields:
        if int(name) >= len(args) if name.isdigit() else name not in kwargs:
            raise TransformError(
                f"debug.print: {fmt!r} asks for {name!r}, which was not passed. Write "
                "debug.print('x is {}', x)."
            )
    unused = [n for n in (*map(str, range(len(args))), *kwargs) if n not in fields]
    if unused:
        raise TransformError(
            f"debug.print: {fmt!r} has no place for argument {unused[0]!r}. Write "
            "debug.print('x is {}', x), with braces for each value."
        )


def _fields(fmt: str) -> set[str]:
    """The arguments that a format string names, by position or name."""
    found: set[str] = set()
    auto = itertools.count()

    def visit(text: str) -> None:
        for _, field, spec, _ in string.Formatter().parse(text):
            if field is not None:
                found.add(re.split(r"[.\[]", field)[0] or str(next(auto)))
                visit(spec or "")

    visit(fmt)
    if next(auto) and any(name.isdigit() for name in re.findall(r"{(\d+)", fmt)):
        raise ValueError("'{}' and '{0}' do not go together")
    return found


class _Printer:
    """Prints a format string with the values that it gets."""

    def __init__(self, fmt: str) -> None:
        self.fmt = fmt
        self.__name__ = "print"

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        builtins.print(self.fmt.format(*args, **kwargs))

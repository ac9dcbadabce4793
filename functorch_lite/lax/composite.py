"""Functions that count as one operation: large eager calls of them run as one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functorch_lite import tree
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.driver import jit
from functorch_lite.errors import NonConcreteError

__all__ = ["composite"]

ELEMENTS = 1 << 16
"""Elements of all arguments together from which on a call is compiled."""
MOST_SIGNATURES = 256


def composite(decomposition: Callable[..., Any], name: str, version: int = 0) -> Callable[..., Any]:
    """Make one operation of a function that is written in other operations.

    Under a transform it is its decomposition. An eager call with large arguments runs as one
    compiled program, with what the compiler fuses fused.

    Args:
        decomposition: function of trees of arrays, which returns such trees; keyword arguments are
            attributes, hashable.
        name: what to call it.
        version: a number for people.

    Returns:
        a function with the decomposition's arguments and results.

    >>> import functorch_lite.numpy as fnp
    >>> norm = composite(lambda x, *, scale: fnp.sqrt(fnp.sum(x * x)) * scale, "my.norm")
    >>> norm(fnp.asarray([3.0, 4.0]), scale=2.0)
    Array(10., dtype=float32)

    Source: ``jax.lax.composite``.
    """
    compiled: dict[Any, Callable[..., Any]] = {}
    plain: set[Any] = set()  # signatures that cannot be compiled

    @wraps(decomposition)
    def operation(*args: Any, **attributes: Any) -> Any:
        if state.trace is not None or state.backend is not None or state.disable_jit:
            return decomposition(*args, **attributes)
        leaves, structure = tree.flatten(args)
        size = 0
        for leaf in leaves:
            if type(leaf) is not Array:
                return decomposition(*args, **attributes)
            size += leaf._data.size
        if size < ELEMENTS:
            return decomposition(*args, **attributes)
        try:
            key = (structure, *[(x.shape, x.dtype) for x in leaves], *attributes.items())
            refused = key in plain
        except TypeError:  # an attribute that cannot be remembered
            refused = True
        if refused:
            return decomposition(*args, **attributes)
        names = tuple(attributes)
        if names not in compiled:
            compiled[names] = jit(decomposition, static_argnames=names)
        try:
            return compiled[names](*args, **attributes)
        except NonConcreteError:  # it looks at values
            if len(plain) >= MOST_SIGNATURES:
                plain.clear()
            plain.add(key)
            return decomposition(*args, **attributes)

    operation.__qualname__ = name
    return operation

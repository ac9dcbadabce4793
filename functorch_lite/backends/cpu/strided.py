"""The loop over a stack of matrices: a routine called again and again, each pointer moved on."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from functorch_lite.backends.cpu import objects
from functorch_lite.backends.cpu.runtime.ir import Module

__all__ = ["loop"]

_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


@functools.cache
def loop(arguments: int) -> Callable[[int, int, Any, Any], None]:
    """The loop for routines with a number of arguments, all of them pointers.

    Returns:
        ``loop(routine, count, places, steps)``: the routine's address, how often to call it, the
        addresses of its arguments as i64 words, which are counted up, and by how many bytes.

    >>> import numpy as np
    >>> from functorch_lite.ops.routines import routine
    >>> x, info = np.full((100, 1, 1), 4.0), np.empty(100, np.int32)
    >>> routine("potrf", "d")(100, b"L", 1, x, 1, info)
    >>> x.min(), x.max()
    (np.float64(2.0), np.float64(2.0))
    """
    module = Module()
    names = {"routine": "ptr", "count": "i64", "places": "ptr", "steps": "ptr"}
    name = f"strided_{arguments}"
    f = module.function(name, "void", names, exported=True)
    routine, count, places, steps = f.parameters.values()
    with f.count(count):
        now = [places.word(i).load() for i in range(arguments)]
        f.call("void", routine, *[place.pointer() for place in now])
        for i, place in enumerate(now):
            places.word(i).store(place + steps.word(i).load())
    f.finish()
    address = objects.load(module.text())[name]
    return _TYPE(address)

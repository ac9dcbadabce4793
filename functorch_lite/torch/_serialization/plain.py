"""Values of the standard library and NumPy that files hold beside tensors, made without risk.

Each is made by a function that looks at its arguments first: none takes memory or time out of
proportion to them, and none runs code that the file chooses.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import pickle
import re
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._serialization.pickle_machine import check_key, shown

__all__ = [
    "CONTAINERS", "NUMPY", "OTHERS", "VALUES", "build_numpy", "encoded", "reconstruct", "scalar",
]  # fmt: skip

Builder = Callable[..., Any]


def _expect(condition: Any, what: str) -> None:
    if not condition:
        raise pickle.UnpicklingError(f"the file makes {what}")


def _ordered(pairs: Any = ()) -> Any:
    _expect(
        isinstance(pairs, (list, tuple))
        and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs),
        "an OrderedDict of something else than pairs",
    )
    return OrderedDict((check_key(key), value) for key, value in pairs)


def _counter(counts: Any = None) -> Any:
    _expect(counts is None or isinstance(counts, dict), "a Counter of something else than a dict")
    return Counter(counts or {})


def _items(items: Any, what: str) -> list[Any]:
    _expect(isinstance(items, (list, tuple)), f"a {what} of a {type(items).__name__}")
    return [check_key(item) for item in items]


def _bytearray(data: Any = b"", encoding: Any = None) -> Any:
    if encoding is not None:
        return bytearray(encoded(data, encoding))
    _expect(isinstance(data, bytes), f"a bytearray of a {type(data).__name__}")
    return bytearray(data)


_ENCODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")


def encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """The bytes of a string, in an encoding that only looks characters up."""
    _expect(
        type(text) is str and type(encoding) is str and encoding in _ENCODINGS,
        f"bytes of {shown(text)} in the encoding {shown(encoding)}",
    )
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise pickle.UnpicklingError(str(error)) from None


def _complex(real: Any = 0.0, imag: Any = 0.0) -> complex:
    _expect(
        isinstance(real, (int, float)) and isinstance(imag, (int, float)),
        "a complex number of something else than numbers",
    )
    return complex(real, imag)


CONTAINERS: dict[Any, Builder] = {
    OrderedDict: _ordered, Counter: _counter, set: lambda items=(): set(_items(items, "set")),
    bytearray: _bytearray, complex: _complex,
}  # fmt: skip
"""What every file may hold: how each class is made."""


# ------------------------------------------------------------------ where more than weights is read
_FACTORIES = (list, dict, set, tuple, int, float, str, bool, OrderedDict, Counter, None)


def _defaultdict(factory: Any = None) -> Any:
    _expect(any(factory is f for f in _FACTORIES), f"a defaultdict of {shown(factory)}")
    return defaultdict(factory)


def _frozenset(items: Any = ()) -> Any:
    return frozenset(_items(items, "frozenset"))


def _deque(items: Any = (), maxlen: Any = None) -> Any:
    _expect(
        isinstance(items, (list, tuple)) and (maxlen is None or type(maxlen) is int),
        "a deque of something else than a list",
    )
    return deque(items, maxlen)


def _of_atoms(cls: Any) -> Builder:
    """A class whose arguments are numbers, strings and None."""

    def make(*arguments: Any) -> Any:
        _expect(
            all(a is None or type(a) in (int, str, bytes, bool) for a in arguments),
            f"a {cls.__name__} of something else than numbers and strings",
        )
        return cls(*arguments)

    return make


def _timezone(*arguments: Any) -> Any:
    is_offset = arguments and isinstance(arguments[0], datetime.timedelta)
    _expect(is_offset, "a timezone of no timedelta")
    return datetime.timezone(*arguments)


OTHERS: dict[Any, Builder] = {
    frozenset: _frozenset,
    defaultdict: _defaultdict, deque: _deque, slice: _of_atoms(slice), range: _of_atoms(range),
    argparse.Namespace: lambda: argparse.Namespace(),
    types.SimpleNamespace: lambda: types.SimpleNamespace(), datetime.timezone: _timezone,
} | {
    cls: _of_atoms(cls)
    for cls in (pathlib.PurePosixPath, pathlib.PosixPath, datetime.date, datetime.datetime,
                datetime.time, datetime.timedelta)
}  # fmt: skip
"""What files may hold that are read with ``weights_only=False``."""

VALUES: tuple[type, ...] = (list, dict, tuple, int, float, str, bool, bytes)
"""Classes that such a file may name, though none is called."""


# ------------------------------------------------------------------------------------------ NumPy
_DTYPE = re.compile(r"[<>=|]?(b1|\?|[iufc][0-9]{1,2}|[SU][0-9]{1,9})")


def _dtype(name: Any, align: Any = False, copy: Any = False) -> Any:
    _expect(isinstance(name, str) and _DTYPE.fullmatch(name), f"a NumPy dtype of {shown(name)}")
    # A copy: a state follows, and must not change the dtype of everybody.
    return np.dtype(name, False, True)


def reconstruct(cls: Any, shape: Any = None, kind: Any = None) -> Any:
    """The empty array that a state is then given to."""
    _expect(cls is np.ndarray, f"an array of the class {shown(cls)}")
    return np.empty(0, np.uint8)


def scalar(dtype: Any, data: Any) -> Any:
    """A NumPy scalar of its bytes."""
    _expect(
        isinstance(dtype, np.dtype) and not dtype.hasobject and isinstance(data, bytes)
        and 0 < dtype.itemsize == len(data),
        "a NumPy scalar of something else than its bytes",
    )  # fmt: skip
    return np.frombuffer(data, dtype)[0]


def build_numpy(instance: Any, state: Any) -> None:
    """Give an array, or a dtype, its state."""
    _expect(isinstance(state, tuple), "a NumPy object without its state")
    if isinstance(instance, np.dtype):
        own: Any = instance
        text = instance.kind in "SU"
        _expect(
            len(state) >= 8 and state[0] in (3, 4) and state[2:5] == (None, None, None)
            and (state[1] in ("<", "|", "=") or state[1] == ">" and not text),
            "a NumPy dtype with fields",
        )  # fmt: skip
        if not text:
            own.__setstate__((3, state[1], None, None, None, -1, -1, 0))
        return
    _expect(len(state) == 5, "a NumPy array without its state")
    _, shape, dtype, fortran, data = state
    _expect(
        isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        and isinstance(dtype, np.dtype) and not dtype.hasobject and isinstance(data, bytes),
        "a NumPy array of something else than a shape, a dtype without objects, and bytes",
    )  # fmt: skip
    count = dtype.itemsize
    for n in shape:
        count *= n
    _expect(count == len(data), f"a NumPy array of {count} bytes from {len(data)}")
    instance.__setstate__((1, shape, dtype, fortran is True, data))


NUMPY: dict[str, Any] = {
    "numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype,
    **{f"numpy.{core}.multiarray.{name}": function for core in ("core", "_core")
       for name, function in (("_reconstruct", reconstruct), ("scalar", scalar))},
}  # fmt: skip
"""NumPy's names in files, and what stands for them here."""

OTHERS[np.dtype] = _dtype

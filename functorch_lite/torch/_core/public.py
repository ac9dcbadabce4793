"""How functions become public: as ``torch.name``, as methods, in place, with ``out=``."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.dtypes import PYTHON_TYPES
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["FUNCTIONS", "method", "public", "overrides"]

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Public functions of ``torch``, by name."""

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input",
               "x2": "other"}  # fmt: skip


class _Overrides:
    """Whether classes exist that see operations before tensors do.

    Attributes:
        known: whether any subclass of Tensor was made that is not one of ours.
        disabled: whether the current thread leaves them out.
        recorder: what records the calls of the current thread for ``torch.compile``, or maps them
            over lanes for ``torch.vmap``; None mostly.
    """

    def __init__(self) -> None:
        self.known: Any = False
        self._local = threading.local()
        self._lock = threading.Lock()
        self._recorders = 0
        self._known_before: Any = False

    @property
    def disabled(self) -> bool:
        return getattr(self._local, "disabled", False)

    @disabled.setter
    def disabled(self, value: bool) -> None:
        self._local.disabled = value

    @property
    def recorder(self) -> Any:
        return getattr(self._local, "recorder", None)

    def record(self, recorder: Any) -> Any:
        """Let a recorder see the operations of the current thread; None ends that.

        Returns:
            the recorder until now.
        """
        before = self.recorder
        self._local.recorder = recorder
        with self._lock:
            was = self._recorders
            self._recorders += (recorder is not None) - (before is not None)
            if self._recorders and not was:
                self._known_before = self.known
                self.known = _RECORDING
            elif was and not self._recorders and self.known is _RECORDING:
                self.known = self._known_before
        return before

    def values_asked(self, t: Tensor, why: str = "") -> Any:
        """Tell the recorder that Python wants to know a tensor's elements.

        Args:
            why: ``bool`` for a truth value, ``text`` for what is printed.

        Returns:
            that truth value or text, if the recorder knows it; else None.
        """
        recorder = self.recorder
        return None if recorder is None else recorder.values_asked(t, why)

    def custom(self, function: Any, args: Any) -> Any:
        """What a recorder makes of a call of a user's Function; NotImplemented if nothing."""
        recorder = self.recorder
        return NotImplemented if recorder is None else recorder.custom(function, args)

    def refuse(self, what: str) -> None:
        """Tell the recorder of something that no graph can hold."""
        recorder = self.recorder
        if recorder is not None:
            recorder.refuse(what)


# Unlike True, it goes again when the last recorder has ended.
_RECORDING = "recording"

overrides = _Overrides()


def public(
    *names: str, function: bool = True, methods: bool = True, out: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Publish a function under names, the function's own by default.

    Args:
        function: as ``torch.name``.
        methods: as a method of Tensor; the first parameter is the tensor.
        out: with ``out=``.
    """

    def publish(f: Callable[..., Any]) -> Callable[..., Any]:
        call = _callable(f, out)
        for name in names or (f.__name__,):
            if function:
                FUNCTIONS[name] = call
            if methods:
                setattr(Tensor, name, call)
        return call

    return publish


def method(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Publish a function as a method only."""
    return public(*names, function=False)


def _callable(f: Callable[..., Any], out: bool) -> Callable[..., Any]:
    known = frozenset(inspect.signature(f).parameters)
    with_out = _with_out(f) if out else f

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if overrides.known:
            handled = override(call, args, kwargs)
            if handled is not NotImplemented:
                return handled
        if kwargs:
            for name in kwargs:
                if name not in known:
                    if out and name == "out":
                        continue
                    kwargs = _renamed(kwargs, known)
                    break
            if kwargs.get("dtype").__class__ is type:
                kwargs["dtype"] = PYTHON_TYPES.get(kwargs["dtype"], kwargs["dtype"])
            if "out" in kwargs and out:
                return with_out(*args, **kwargs)
        return f(*args, **kwargs)

    return call


def _renamed(kwargs: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Keyword arguments under PyTorch's names instead of NumPy's."""
    found = {}
    for name, value in kwargs.items():
        other = NUMPY_NAMES.get(name)
        if name not in known and other in known:
            name = other
        elif name == "input" and "input" not in known and "self" in known:
            name = "self"
        found[name] = value
    return found


def _with_out(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        made = f(*args, **kwargs)
        if out is None:
            return made
        if isinstance(made, tuple):
            for target, value in zip(out, made, strict=True):
                put_out(target, value)
            return type(made)(*out) if hasattr(made, "_fields") else tuple(out)
        put_out(out, made)
        return out

    return call


_put_out: list[Callable[[Tensor, Tensor], None]] = []


def put_out(target: Tensor, value: Tensor) -> None:
    """Write a result into the tensor given as ``out=``."""
    _put_out[0](target, value)


# ------------------------------------------------------------------------------ __torch_function__
def override(f: Callable[..., Any], args: Any, kwargs: Any, among: Any = None) -> Any:
    """What a class among the arguments makes of a call; NotImplemented if none has a say.

    Args:
        among: whose classes are asked; all arguments by default.
    """
    recorder = overrides.recorder
    if recorder is not None:
        return recorder(f, args, kwargs)
    if overrides.disabled:
        return NotImplemented
    types: list[type] = []
    holders: list[Any] = []
    for value in (*args, *kwargs.values()) if among is None else among:
        for a in value if isinstance(value, (list, tuple)) else (value,):
            cls = type(a)
            hook = getattr(cls, "__torch_function__", None)
            if hook is None or cls is Tensor or cls in types or hook is disabled:
                continue
            types.append(cls)
            place = len(holders)
            for i, other in enumerate(holders):
                if issubclass(cls, type(other)):
                    place = i
                    break
            holders.insert(place, a)
    if not holders:
        return NotImplemented
    for a in holders:
        found = type(a).__torch_function__(f, tuple(types), args, kwargs)
        if found is not NotImplemented:
            return found
    raise TypeError(
        f"Multiple dispatch failed for 'torch.{f.__name__}'; all __torch_function__ handlers "
        f"returned NotImplemented:\n\n" + "\n".join(f"  - tensor subclass {t}" for t in types)
    )


def disabled(f: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """A ``__torch_function__`` of classes whose instances are tensors like any other."""
    return NotImplemented

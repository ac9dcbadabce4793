"""How functions become public: as ``torch.name``, as methods, in place, with ``out=``."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core import autocast_calls
from functorch_lite.torch._core.autocast import casting, watch
from functorch_lite.torch._core.dtypes import PYTHON_TYPES
from functorch_lite.torch._core.foreign import is_foreign, refuse_foreign
from functorch_lite.torch._core.grad_mode import mode, no_grad
from functorch_lite.torch._core.out_rules import check_apart, check_dtype, without_gradient
from functorch_lite.torch._core.refusals import refuse_no_tensor
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["FUNCTIONS", "method", "public", "overrides"]

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Public functions of ``torch``, by name."""

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input",
               "x2": "other"}  # fmt: skip


class _Overrides:
    """Whether classes exist that see operations before tensors do.

    Attributes:
        known: whether any subclass of Tensor was made that is not one of ours, or some thread has
            a recorder, autocast or forward mode.
        disabled: whether the current thread leaves them out.
        recorder: what records the calls of the current thread for ``torch.compile``, or maps them
            over lanes for ``torch.vmap``; None mostly.
        meta: what sees operations while there are tensors without memory; None mostly.
    """

    def __init__(self) -> None:
        self.known: Any = False
        self._local = threading.local()
        self._lock = threading.Lock()
        self._watchers = 0
        self._known_before: Any = False
        self.meta: Any = None

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
        self.watch((recorder is not None) - (before is not None))
        return before

    def watch(self, change: int) -> None:
        """Note that more or fewer threads have somebody who sees all operations."""
        with self._lock:
            was = self._watchers
            self._watchers += change
            if self._watchers and not was:
                self._known_before = self.known
                self.known = _WATCHED
            elif was and not self._watchers and self.known is _WATCHED:
                self.known = self._known_before

    def see_meta(self, recorder: Any) -> None:
        """Let the recorder of tensors without memory see all operations."""
        with self._lock:
            if self.meta is not None:
                return
            self.meta = recorder
        self.watch(1)

    def forget_meta(self, idle: Callable[[], bool]) -> bool:
        """End that, unless another thread has made such a tensor since.

        Returns:
            whether it has ended.
        """
        with self._lock:
            if self.meta is None or not idle():
                return False
            self.meta = None
        self.watch(-1)
        return True

    def values_asked(self, t: Tensor, why: str = "") -> Any:
        """Tell the recorder that Python wants to know a tensor's elements.

        Args:
            why: ``bool`` for a truth value, ``text`` for what is printed.

        Returns:
            that truth value or text, if the recorder knows it; else None.
        """
        recorder = self.recorder
        if self.meta is not None and self.meta.owns(t):
            recorder = self.meta
        return None if recorder is None else recorder.values_asked(t, why)

    def custom(self, function: Any, args: Any) -> Any:
        """What a recorder makes of a call of a user's Function; NotImplemented if nothing."""
        if mode.forward is not None and not mode.enabled:
            handled = mode.forward.custom(function, args)
            if handled is not NotImplemented:
                return handled
        recorder = self.recorder
        return NotImplemented if recorder is None else recorder.custom(function, args)

    def refuse(self, what: str) -> None:
        """Tell the recorder of something that no graph can hold."""
        recorder = self.recorder
        if recorder is not None:
            recorder.refuse(what)


# Unlike True, it goes again when the last of those in threads has ended.
_WATCHED = "watched"

overrides = _Overrides()
watch.append(overrides.watch)


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
        call = _callable(f, out, names[0] if names else f.__name__)
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


def _callable(f: Callable[..., Any], out: bool, name: str) -> Callable[..., Any]:
    known = frozenset(inspect.signature(f).parameters)
    with_out = _with_out(f, name) if out else f

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if overrides.known:
            handled = override(call, args, kwargs)
            if handled is not NotImplemented:
                return handled
        if kwargs:
            for key in kwargs:
                if key not in known:
                    if out and key == "out":
                        continue
                    kwargs = _renamed(kwargs, known)
                    break
            if kwargs.get("dtype").__class__ is type:
                kwargs["dtype"] = PYTHON_TYPES.get(kwargs["dtype"], kwargs["dtype"])
            if "out" in kwargs and out:
                return with_out(*args, **kwargs)
        try:
            return f(*args, **kwargs)
        except (AttributeError, TypeError) as error:
            refuse_foreign(f.__name__, (*args, *kwargs.values()))
            if isinstance(error, AttributeError):
                refuse_no_tensor(name, f, args, kwargs, error)
            raise

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


def _with_out(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(f)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        made = f(*args, **kwargs)
        if out is None:
            return made
        if isinstance(out, Tensor) and isinstance(made, Tensor):
            check_dtype(name, out, made, args)
            check_apart(name, out, args)
            if without_gradient(name):
                with no_grad():
                    put_out(out, made)
                return out
        if isinstance(made, tuple):
            for target, value in zip(out, made, strict=True):
                put_out(target, value)
            return type(made)(*out) if hasattr(made, "_fields") else tuple(out)
        put_out(out, made, name)
        return out

    return call


_put_out: list[Callable[[Tensor, Tensor, str], None]] = []


def put_out(target: Tensor, value: Tensor, name: str = "out") -> None:
    """Write a result into the tensor given as ``out=``.

    Args:
        name: of the function, for messages.
    """
    _put_out[0](target, value, name)


# ------------------------------------------------------------------------------ __torch_function__
def override(f: Callable[..., Any], args: Any, kwargs: Any, among: Any = None) -> Any:
    """What a class among the arguments makes of a call; NotImplemented if none has a say.

    Args:
        among: whose classes are asked; all arguments by default.
    """
    recorder = overrides.recorder
    if mode.forward is not None and not mode.enabled and among is None:
        handled = mode.forward(f, args, kwargs)
        if handled is not NotImplemented:
            return handled
    if recorder is None and not overrides.disabled:
        handled = _asked(f, args, kwargs, among)
        if handled is not NotImplemented:
            return handled
    if casting.on and among is None:
        handled = autocast_calls.call(f, args, kwargs, recorder)
        if handled is not NotImplemented:
            return handled
    if overrides.meta is not None and among is None:
        handled = overrides.meta.enter(f, args, kwargs)
        if handled is not NotImplemented:
            return handled
    return NotImplemented if recorder is None else recorder(f, args, kwargs)


def _asked(f: Callable[..., Any], args: Any, kwargs: Any, among: Any) -> Any:
    """What the classes among the arguments make of a call."""
    types: list[type] = []
    holders: list[Any] = []
    for value in (*args, *kwargs.values()) if among is None else among:
        for a in value if isinstance(value, (list, tuple)) else (value,):
            cls = type(a)
            hook = getattr(cls, "__torch_function__", None)
            if hook is None or cls is Tensor or cls in types or hook is disabled:
                continue
            # Its hook would call the function again; the function itself refuses the tensor.
            if is_foreign(a):
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

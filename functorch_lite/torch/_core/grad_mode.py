"""Whether operations are recorded: per thread, switched by contexts that are decorators, too."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "mode",
    "no_grad",
    "set_grad_enabled",
]


class _Mode(threading.local):
    """What the current thread records.

    Attributes:
        enabled: whether operations leave nodes.
        inference: whether results are inference tensors.
        anomaly: whether nodes remember the forward line.
        check_nan: whether backward passes look for NaN, with ``anomaly``.
        packing: pairs of functions that pack and unpack what nodes save, the last one counts.
        unpackable: why there may be none, the last one counts.
        transforms: how many function transforms of ``torch.func`` surround the code.
        forward: who sees operations that are not recorded, for their tangents; None outside of
            forward mode.
        pushing: whether a backward pass is half of one that computes tangents.
    """

    enabled = True
    inference = False
    anomaly = False
    check_nan = True
    packing: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = ()
    unpackable: tuple[str, ...] = ()
    transforms = 0
    forward: Any = None
    pushing = False


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations are recorded for differentiation."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return mode.inference


class _Context:
    """A context that decorates functions, generator functions and classes as well."""

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Context:
        """A context like this one."""
        return type(self)()

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(f):
            return self._generator(f)

        @functools.wraps(f)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return f(*args, **kwargs)

        return inside

    def _generator(self, f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def inside(*args: Any, **kwargs: Any) -> Any:
            made = f(*args, **kwargs)
            sent: Any = None
            raised: BaseException | None = None
            while True:
                try:
                    with self.clone():
                        item = made.send(sent) if raised is None else made.throw(raised)
                except StopIteration as end:
                    return end.value
                try:
                    sent, raised = (yield item), None
                except GeneratorExit:
                    with self.clone():
                        made.close()
                    raise
                except BaseException as error:
                    sent, raised = None, error

        return inside


class _Switch(_Context):
    """Sets ``enabled`` for a while."""

    wanted = True

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(mode.enabled)
        mode.enabled = self.wanted

    def __exit__(self, *exception: object) -> None:
        mode.enabled = self.before.pop()


class _SwitchOrDecorator(_Switch):
    """A switch whose class decorates uncalled: ``@no_grad`` as well as ``@no_grad()``."""

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        _Switch.__init__(made)
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()


class no_grad(_SwitchOrDecorator):
    """Within it, results do not require gradients.

    >>> with no_grad():
    ...     is_grad_enabled()
    False

    Source: ``torch.no_grad``.
    """

    wanted = False


class enable_grad(_SwitchOrDecorator):
    """Within it, operations are recorded again.

    >>> with no_grad(), enable_grad():
    ...     is_grad_enabled()
    True

    Source: ``torch.enable_grad``.
    """

    wanted = True


class set_grad_enabled(_Context):
    """Switches recording on or off at once, and back at the end if used as a context.

    Args:
        mode: whether operations are recorded.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False

    Source: ``torch.set_grad_enabled``.
    """

    def __init__(self, mode: bool) -> None:
        self.wanted = bool(mode)
        self.before = _enabled()
        _set_enabled(self.wanted)

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        _set_enabled(self.before)
        return super().__call__(f)

    def __enter__(self) -> None:
        _set_enabled(self.wanted)

    def __exit__(self, *exception: object) -> None:
        _set_enabled(self.before)

    def clone(self) -> _Context:
        """A context like this one."""
        return set_grad_enabled(self.wanted)

    def __repr__(self) -> str:
        return f"set_grad_enabled(mode={self.wanted})"


def _enabled() -> bool:
    return mode.enabled


def _set_enabled(wanted: bool) -> None:
    mode.enabled = wanted


class inference_mode(_Context):
    """Within it, results are inference tensors: never part of a graph, afterwards either.

    Args:
        mode: False leaves inference mode.

    >>> with inference_mode():
    ...     is_inference_mode_enabled()
    True

    Source: ``torch.inference_mode``.
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        inference_mode.__init__(made)
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        self.wanted = mode
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((mode.enabled, mode.inference))
        mode.inference = self.wanted
        mode.enabled = not self.wanted

    def __exit__(self, *exception: object) -> None:
        mode.enabled, mode.inference = self.before.pop()

    def clone(self) -> _Context:
        """A context like this one."""
        return inference_mode(self.wanted)

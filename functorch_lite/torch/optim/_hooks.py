"""The hooks of optimisers: before and after steps, and around state dicts."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import RemovableHandle

__all__ = [
    "Hooks",
    "TABLES",
    "hooked",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)
"""The attributes of an optimiser that hold its hooks, as PyTorch names them."""

_before_all: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_after_all: OrderedDict[int, Callable[..., Any]] = OrderedDict()


def _registered(table: Any, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(table, hook)
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a hook before the steps of all optimisers.

    Args:
        hook: ``hook(optimizer, args, kwargs)``; may return new ``(args, kwargs)``.

    Returns:
        a handle that takes it back.

    Source: ``torch.optim.optimizer.register_optimizer_step_pre_hook``.
    """
    return _registered(_before_all, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a hook after the steps of all optimisers.

    Args:
        hook: ``hook(optimizer, args, kwargs)``.

    Returns:
        a handle that takes it back.

    Source: ``torch.optim.optimizer.register_optimizer_step_post_hook``.
    """
    return _registered(_after_all, hook)


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """A method ``step`` with the hooks of its optimiser and those of all around it."""

    @functools.wraps(step)
    def with_hooks(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if _before_all or before:
            for hook in (*_before_all.values(), *before.values()):
                found = hook(self, args, kwargs)
                if found is None:
                    continue
                if not (isinstance(found, tuple) and len(found) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{found}."
                    )
                args, kwargs = found
        out = step(*args, **kwargs)
        self._optimizer_step_code()
        if _after_all or after:
            for hook in (*after.values(), *_after_all.values()):
                hook(self, args, kwargs)
        return out

    with_hooks.hooked = True  # type: ignore[attr-defined]
    return with_hooks


class Hooks:
    """The methods with which hooks are registered, and their tables."""

    def _make_tables(self) -> None:
        for name in TABLES:
            self.__dict__.setdefault(name, OrderedDict())

    def _patch_step_function(self) -> None:
        # Subclasses define steps of their own; each class gets its hooks once.
        cls: Any = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = hooked(cls.step)

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A method ``step`` with hooks. Source: ``torch.optim.Optimizer.profile_hook_step``."""
        return hooked(func)

    def _optimizer_step_code(self) -> None:
        """Called after every step; PyTorch's profiler replaces it."""

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before every step.

        Args:
            hook: ``hook(optimizer, args, kwargs)``; may return new ``(args, kwargs)``.

        Source: ``torch.optim.Optimizer.register_step_pre_hook``.
        """
        return _registered(self.__dict__["_optimizer_step_pre_hooks"], hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook after every step.

        Args:
            hook: ``hook(optimizer, args, kwargs)``.

        Source: ``torch.optim.Optimizer.register_step_post_hook``.
        """
        return _registered(self.__dict__["_optimizer_step_post_hooks"], hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a hook before ``state_dict``.

        Args:
            hook: ``hook(optimizer)``.
            prepend: whether it comes before those that are there.

        Source: ``torch.optim.Optimizer.register_state_dict_pre_hook``.
        """
        return _registered(self.__dict__["_optimizer_state_dict_pre_hooks"], hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a hook with what ``state_dict`` is about to return.

        Args:
            hook: ``hook(optimizer, state_dict)``; may return another one.
            prepend: whether it comes before those that are there.

        Source: ``torch.optim.Optimizer.register_state_dict_post_hook``.
        """
        return _registered(self.__dict__["_optimizer_state_dict_post_hooks"], hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a hook with a shallow copy of what is about to be loaded.

        Args:
            hook: ``hook(optimizer, state_dict)``; may return another one.
            prepend: whether it comes before those that are there.

        Source: ``torch.optim.Optimizer.register_load_state_dict_pre_hook``.
        """
        return _registered(self.__dict__["_optimizer_load_state_dict_pre_hooks"], hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a hook after ``load_state_dict``.

        Args:
            hook: ``hook(optimizer)``.
            prepend: whether it comes before those that are there.

        Source: ``torch.optim.Optimizer.register_load_state_dict_post_hook``.
        """
        return _registered(self.__dict__["_optimizer_load_state_dict_post_hooks"], hook, prepend)

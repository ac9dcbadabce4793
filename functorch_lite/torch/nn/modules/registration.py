"""Hooks that see whatever any module takes in: buffers, parameters, modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import RemovableHandle

__all__ = [
    "buffer_hooks", "module_hooks", "parameter_hooks", "register_module_buffer_registration_hook",
    "register_module_module_registration_hook", "register_module_parameter_registration_hook",
    "seen",
]  # fmt: skip

Hook = Callable[[Any, str, Any], Any]

buffer_hooks: dict[int, Hook] = OrderedDict()
module_hooks: dict[int, Hook] = OrderedDict()
parameter_hooks: dict[int, Hook] = OrderedDict()


def seen(hooks: dict[int, Hook], module: Any, name: str, value: Any) -> Any:
    """What hooks make of something that a module takes in.

    Args:
        hooks: functions of module, name and value; what they return other than None replaces
            the value.
        module: takes it in.
        name: under which.
        value: a buffer, a parameter or a module.
    """
    for hook in hooks.values():
        found = hook(module, name, value)
        if found is not None:
            value = found
    return value


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` for each buffer that a module takes in.

    Source: ``torch.nn.modules.module.register_module_buffer_registration_hook``.
    """
    return RemovableHandle(buffer_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` for each module that a module takes in.

    Source: ``torch.nn.modules.module.register_module_module_registration_hook``.
    """
    return RemovableHandle(module_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` for each parameter that a module takes in.

    Source: ``torch.nn.modules.module.register_module_parameter_registration_hook``.
    """
    return RemovableHandle(parameter_hooks, hook)

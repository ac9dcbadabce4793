"""Functions that are called around ``forward`` and ``backward`` of modules, one's own or all."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import RemovableHandle
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn.modules.module_backward import BackwardHook, hook_last_node
from functorch_lite.torch.nn.modules.module_tree import ModuleTree

__all__ = [
    "ModuleHooks", "register_module_backward_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]  # fmt: skip

Hook = Callable[..., Any]


class _Global:
    """Hooks of all modules, in the same attributes as those of one module."""

    _forward_pre_hooks: dict[int, Hook] = OrderedDict()
    _forward_hooks: dict[int, Hook] = OrderedDict()
    _forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
    _forward_hooks_always_called: dict[int, bool] = OrderedDict()
    _backward_pre_hooks: dict[int, Hook] = OrderedDict()
    _backward_hooks: dict[int, Hook] = OrderedDict()
    _is_full_backward_hook: bool | None = None


ALL = (
    _Global._forward_pre_hooks, _Global._forward_hooks, _Global._backward_pre_hooks,
    _Global._backward_hooks,
)  # fmt: skip
"""The tables of hooks of all modules; where all are empty, a call is one of ``forward``."""


# --------------------------------------------------------------------------- hooks of all modules
def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before each module; what it returns replaces the arguments.

    Source: ``torch.nn.modules.module.register_module_forward_pre_hook``.
    """
    return RemovableHandle(_Global._forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, result)`` after each module; what it returns replaces the result.

    Args:
        with_kwargs: whether the hook is called as ``hook(module, args, kwargs, result)``.
        always_call: whether it is called with None after an exception, too.

    Source: ``torch.nn.modules.module.register_module_forward_hook``.
    """
    return _forward_hook(_Global, hook, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before backward of each module.

    Source: ``torch.nn.modules.module.register_module_full_backward_pre_hook``.
    """
    return RemovableHandle(_Global._backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after backward of each module.

    Raises:
        RuntimeError: there are hooks of the older kind.

    Source: ``torch.nn.modules.module.register_module_full_backward_hook``.
    """
    return _backward_hook(_Global, hook, True)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """The older kind of backward hook, which sees the gradients of the last node only.

    Raises:
        RuntimeError: there are full hooks.

    Source: ``torch.nn.modules.module.register_module_backward_hook``.
    """
    return _backward_hook(_Global, hook, False)


def _forward_hook(owner: Any, hook: Hook, with_kwargs: bool, always_call: bool) -> RemovableHandle:
    marks = owner._forward_hooks_with_kwargs, owner._forward_hooks_always_called
    handle = RemovableHandle(owner._forward_hooks, hook, extra_dict=list(marks))
    for wanted, place in zip((with_kwargs, always_call), marks, strict=True):
        if wanted:
            place[handle.id] = True
    return handle


def _backward_hook(owner: Any, hook: Hook, is_full: bool) -> RemovableHandle:
    if owner._is_full_backward_hook is (not is_full):
        where = "as a global Module hook" if owner is _Global else "on a single Module"
        raise RuntimeError(
            f"Cannot use both regular backward hooks and full backward hooks {where}. Please use "
            "only one of them."
        )
    owner._is_full_backward_hook = is_full
    return RemovableHandle(owner._backward_hooks, hook)


def _first(hooks: Any, handle: RemovableHandle, prepend: bool) -> RemovableHandle:
    """Put a hook before the others, if that is wanted."""
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# --------------------------------------------------------------------------------------- one call
class _Call:
    """A call of a module that has hooks.

    Attributes:
        args, kwargs: of ``forward``, as hooks have left them.
        result: the same of what it returned.
        done: ids of hooks that were called and are to be called always.
    """

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.done: set[int] = set()

    def run(self) -> Any:
        module = self.module
        owners = (_Global, module)
        pre = [hook for owner in owners for hook in owner._backward_pre_hooks.values()]
        hooks: dict[bool | None, list[Hook]] = {True: [], False: [], None: []}
        for owner in owners:
            hooks[owner._is_full_backward_hook] += owner._backward_hooks.values()
        self._before()
        around = None
        if hooks[True] or pre:
            around = BackwardHook(module, hooks[True], pre)
            self.args = around.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for owner in owners:
            for key, hook in list(owner._forward_hooks.items()):
                if key in owner._forward_hooks_always_called:
                    self.done.add(key)
                self._after(owner, key, hook)
        if around is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = around.setup_output_hook(self.result)
        if hooks[False]:
            hook_last_node(module, hooks[False], self.args, self.result)
        return self.result

    def _before(self) -> None:
        module = self.module
        owners: tuple[Any, ...] = (_Global, module)
        for owner in owners:
            for key, hook in list(owner._forward_pre_hooks.items()):
                if owner is module and key in module._forward_pre_hooks_with_kwargs:
                    made = hook(module, self.args, self.kwargs)
                    if made is None:
                        continue
                    if not (isinstance(made, tuple) and len(made) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {made}."
                        )
                    self.args, self.kwargs = made
                else:
                    made = hook(module, self.args)
                    if made is not None:
                        self.args = made if isinstance(made, tuple) else (made,)

    def _after(self, owner: Any, key: int, hook: Hook) -> None:
        if key in owner._forward_hooks_with_kwargs:
            made = hook(self.module, self.args, self.kwargs, self.result)
        else:
            made = hook(self.module, self.args, self.result)
        if made is not None:
            self.result = made

    def clean_up(self) -> None:
        """After an exception: call the hooks that are to be called always."""
        for owner in (_Global, self.module):
            for key, hook in list(owner._forward_hooks.items()):
                if key not in owner._forward_hooks_always_called or key in self.done:
                    continue
                try:
                    self._after(owner, key, hook)
                except Exception as error:
                    which = "global module" if owner is _Global else "module"
                    warnings.warn(
                        f"{which} forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=4,
                    )


class ModuleHooks(ModuleTree):
    """The part of ``Module`` about hooks; the tables are dictionaries by the ids of handles."""

    _forward_pre_hooks: dict[int, Hook]
    _forward_pre_hooks_with_kwargs: dict[int, bool]
    _forward_hooks: dict[int, Hook]
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _backward_pre_hooks: dict[int, Hook]
    _backward_hooks: dict[int, Hook]
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns replaces the arguments.

        Args:
            prepend: whether it comes before the hooks that are there.
            with_kwargs: whether it is called as ``hook(module, args, kwargs)`` and returns both.

        Source: ``torch.nn.Module.register_forward_pre_hook``.
        """
        hooks, marks = self._forward_pre_hooks, self._forward_pre_hooks_with_kwargs
        handle = RemovableHandle(hooks, hook, extra_dict=marks)
        if with_kwargs:
            marks[handle.id] = True
        return _first(hooks, handle, prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:  # fmt: skip
        """Call ``hook(module, args, result)`` after ``forward``; what it returns is the result.

        Args:
            prepend: whether it comes before the hooks that are there.
            with_kwargs: whether it is called as ``hook(module, args, kwargs, result)``.
            always_call: whether it is called with None after an exception, too.

        Source: ``torch.nn.Module.register_forward_hook``.
        """
        handle = _forward_hook(self, hook, with_kwargs, always_call)
        return _first(self._forward_hooks, handle, prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before backward; what it returns replaces gradients.

        Args:
            prepend: whether it comes before the hooks that are there.

        Source: ``torch.nn.Module.register_full_backward_pre_hook``.
        """
        handle = RemovableHandle(self._backward_pre_hooks, hook)
        return _first(self._backward_pre_hooks, handle, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients of the inputs are there.

        Args:
            hook: what it returns replaces the gradients of the inputs.
            prepend: whether it comes before the hooks that are there.

        Raises:
            RuntimeError: the module has hooks of the older kind.

        Source: ``torch.nn.Module.register_full_backward_hook``.
        """
        return _first(self._backward_hooks, _backward_hook(self, hook, True), prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The older kind of backward hook, which sees the gradients of the last node only.

        Raises:
            RuntimeError: the module has full hooks.

        Source: ``torch.nn.Module.register_backward_hook``.
        """
        return _backward_hook(self, hook, False)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """``forward`` with all hooks around it."""
        call = _Call(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.clean_up()
            raise

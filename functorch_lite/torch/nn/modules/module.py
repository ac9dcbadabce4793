"""The base class of all layers and models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Buffer, Parameter
from functorch_lite.torch._object.typename import typename
from functorch_lite.torch.nn.modules import registration
from functorch_lite.torch.nn.modules.module_cast import ModuleCast
from functorch_lite.torch.nn.modules.module_hooks import (
    ALL,
    ModuleHooks,
    register_module_backward_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from functorch_lite.torch.nn.modules.module_pickling import Portable
from functorch_lite.torch.nn.modules.module_state import ModuleState
from functorch_lite.torch.nn.modules.module_tree import ModuleTree
from functorch_lite.torch.nn.modules.registration import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

__all__ = [
    "Module", "register_module_backward_hook", "register_module_buffer_registration_hook",
    "register_module_forward_hook", "register_module_forward_pre_hook",
    "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook", "register_module_parameter_registration_hook",
]  # fmt: skip

_all_pre, _all_after, _all_backward_pre, _all_backward = ALL

# The tables of hooks, in the order in which PyTorch's modules have them.
_HOOKS = (
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
    "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_state_dict_hooks",
    "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip
_STORES = ("_parameters", "_buffers", "_modules")


class Module(ModuleHooks, ModuleState, ModuleCast, Portable):
    """The base class of layers and models: subclass it, and define ``forward``.

    Parameters, buffers and modules that are set as attributes become part of it.

    >>> class Twice(Module):
    ...     def forward(self, x):
    ...         return x * 2
    >>> Twice()(3), Twice()
    (6, Twice())

    Source: ``torch.nn.Module``.
    """

    __module__ = "torch.nn.modules.module"
    dump_patches = False
    call_super_init = False
    T_destination = Any
    _compiled_call_impl: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                    f"'{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but "
                    f"{len(args) + 1} were given"
                )
        space = self.__dict__
        space["training"] = True
        space["_parameters"] = {}
        space["_buffers"] = {}
        space["_non_persistent_buffers_set"] = set()
        space["_backward_pre_hooks"] = OrderedDict()
        space["_backward_hooks"] = OrderedDict()
        space["_is_full_backward_hook"] = None
        for name in _HOOKS:
            space[name] = OrderedDict()
        space["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ------------------------------------------------------------------------------------- calling
    def _no_forward(self, *input: Any) -> Any:
        """What the module computes; each module defines its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    forward: Callable[..., Any] = _no_forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A call without hooks is one frame more than `forward`: nothing else may come between.
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        if (
            self._backward_hooks or self._backward_pre_hooks or self._forward_hooks
            or self._forward_pre_hooks or _all_after or _all_pre or _all_backward
            or _all_backward_pre
        ):  # fmt: skip
            return self._call_impl(*args, **kwargs)
        return self.forward(*args, **kwargs)

    # ---------------------------------------------------------------------------------- attributes
    def __getattr__(self, name: str) -> Any:
        space = self.__dict__
        for store in _STORES:
            if store in space and name in space[store]:
                return space[store][name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _forget(self, name: str, keep: str) -> None:
        """Take a name out of wherever it is, but one place."""
        space = self.__dict__
        space.pop(name, None)
        for store in _STORES:
            if store != keep:
                space[store].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __setattr__(self, name: str, value: Any) -> None:
        space = self.__dict__
        parameters = space.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
            return
        if parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter "
                    "or None expected)"
                )
            self.register_parameter(name, None)
            return
        modules = space.get("_modules")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            modules[name] = registration.seen(registration.module_hooks, self, name, value)
            return
        if modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module "
                    "or None expected)"
                )
            modules[name] = registration.seen(registration.module_hooks, self, name, None)
            return
        buffers = space.get("_buffers")
        if isinstance(value, Buffer) or (buffers is not None and name in buffers):
            self._set_buffer(name, value)
            return
        super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if not (value is None or isinstance(value, Tensor)):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, "
                "torch.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            persistent: bool = value.persistent
            self.register_buffer(name, value, persistent)
            return
        self._buffers[name] = registration.seen(registration.buffer_hooks, self, name, value)

    def __delattr__(self, name: str) -> None:
        for store in _STORES:
            found = self.__dict__.get(store, ())
            if name in found:
                del found[name]
                if store == "_buffers":
                    self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        found = {*dir(type(self)), *self.__dict__}
        found.update(self._parameters, self._modules, self._buffers)
        # Children of containers have numbers as names, which no program can write as attributes.
        return sorted(name for name in found if not name[0].isdigit())

    # ---------------------------------------------------------------------------- pickling, copies
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Older pickles lack tables that came later.
        for name in (*_HOOKS, "_backward_pre_hooks", "_backward_hooks"):
            if name not in self.__dict__:
                self.__dict__[name] = OrderedDict()
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    # ---------------------------------------------------------------------------------------- text
    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's text.

        Source: ``torch.nn.Module.extra_repr``.
        """
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(m))}" for name, m in self._modules.items()]
        return framed(self._get_name(), lines, children)


# Python's own messages about arguments name the class by this.
for _base in (ModuleHooks, ModuleState, ModuleCast, ModuleTree):
    for _f in vars(_base).values():
        if isinstance(_f, FunctionType):
            _f.__qualname__ = f"Module.{_f.__name__}"
del _base, _f


def indented(text: str) -> str:
    """A text whose lines after the first are two blanks further in."""
    return text.replace("\n", "\n  ")


def framed(name: str, lines: list[str], children: list[str]) -> str:
    """The text of a module from what it says of itself and the texts of what it holds."""
    if len(lines) == 1 and not children:
        return f"{name}({lines[0]})"
    inside = lines + children
    return f"{name}(\n  " + "\n  ".join(inside) + "\n)" if inside else f"{name}()"

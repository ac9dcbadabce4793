"""Modules as a tree: what they hold, by name, and what is done to all of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._object.typename import typename
from functorch_lite.torch.nn.modules import registration

if TYPE_CHECKING:
    from functorch_lite.torch.nn.modules.module import Module

__all__ = ["ModuleTree"]


class ModuleTree:
    """The part of ``Module`` about what it holds.

    Attributes:
        training: whether layers like dropout behave as in training.
        _parameters, _buffers, _modules: what it holds, by name, in order; None for a name that
            is reserved.
        _non_persistent_buffers_set: names of buffers that are no part of the state.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    # --------------------------------------------------------------------------------- registering
    def _check_new(self, kind: str, store: str, name: Any) -> None:
        """Refuse a name that cannot be one, or is taken."""
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[store]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Hold a tensor that is no parameter, such as running means.

        Args:
            name: under which it becomes an attribute.
            tensor: its first value; None reserves the name.
            persistent: whether it is part of the state.

        Raises:
            KeyError: the name is taken, or cannot be one.
            TypeError: what is given is no tensor.

        Source: ``torch.nn.Module.register_buffer``.
        """
        buffers = self.__dict__.get("_buffers")
        if buffers is None:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_new("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        buffers[name] = registration.seen(registration.buffer_hooks, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Hold a parameter.

        Args:
            name: under which it becomes an attribute.
            param: the parameter; None reserves the name.

        Raises:
            KeyError: the name is taken, or cannot be one.
            TypeError: what is given is no parameter.
            ValueError: it was computed from other tensors.

        Source: ``torch.nn.Module.register_parameter``.
        """
        parameters = self.__dict__.get("_parameters")
        if parameters is None:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_new("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            param = registration.seen(registration.parameter_hooks, self, name, param)
        parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Hold a module.

        Args:
            name: under which it becomes an attribute.
            module: the child; None reserves the name.

        Raises:
            KeyError: the name is taken, or cannot be one.
            TypeError: what is given is no module.

        Source: ``torch.nn.Module.add_module``.
        """
        if not isinstance(module, ModuleTree) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        modules = self._modules
        self._check_new("module", "_modules", name)
        modules[name] = registration.seen(registration.module_hooks, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``. Source: ``torch.nn.Module.register_module``."""
        self.add_module(name, module)

    # ------------------------------------------------------------------------------ asking by name
    def _child(self, name: str) -> Module:
        """A child, or what is wrong with its name."""
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        found = getattr(self, name)
        if not isinstance(found, ModuleTree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        return found  # type: ignore[return-value]

    def get_submodule(self, target: str) -> Module:
        """The module at a path.

        Args:
            target: names with dots between; "" is the module itself.

        Raises:
            AttributeError: there is none.

        Source: ``torch.nn.Module.get_submodule``.
        """
        found: Any = self
        for name in target.split(".") if target else ():
            found = ModuleTree._child(found, name)
        return found

    def _leaf(self, target: str) -> tuple[Module, str]:
        path, _, name = target.rpartition(".")
        holder = self.get_submodule(path)
        if not hasattr(holder, name):
            raise AttributeError(f"{holder._get_name()} has no attribute `{name}`")
        return holder, name

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path.

        Raises:
            AttributeError: there is none.

        Source: ``torch.nn.Module.get_parameter``.
        """
        holder, name = self._leaf(target)
        found = getattr(holder, name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path.

        Raises:
            AttributeError: there is none.

        Source: ``torch.nn.Module.get_buffer``.
        """
        holder, name = self._leaf(target)
        if name not in holder._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        found: Tensor = getattr(holder, name)
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path.

        Args:
            target: names with dots between; all but the last must be there.
            strict: whether the last must be there, too.

        Raises:
            ValueError: no path, or no module.
            AttributeError: part of the path is not there, or holds something else.

        Source: ``torch.nn.Module.set_submodule``.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        if not isinstance(module, ModuleTree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        holder = self.get_submodule(path)
        if strict or hasattr(holder, name):
            ModuleTree._child(holder, name)
        setattr(holder, name, module)

    # ------------------------------------------------------------------------------------- walking
    def _named_members(
        self,
        get_members_fn: Callable[[Any], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """Names and values of one kind, of this module and those below."""
        known = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in known:
                    continue
                if remove_duplicate:
                    known.add(value)
                yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Each parameter once. Source: ``torch.nn.Module.parameters``."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their paths.

        Args:
            prefix: put before all paths.
            recurse: whether those of modules below count.
            remove_duplicate: whether a parameter under several names comes once.

        Source: ``torch.nn.Module.named_parameters``.
        """
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Each buffer once. Source: ``torch.nn.Module.buffers``."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their paths; arguments as of ``named_parameters``.

        Source: ``torch.nn.Module.named_buffers``.
        """
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def children(self) -> Iterator[Module]:
        """Each module directly below once. Source: ``torch.nn.Module.children``."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Modules directly below, with their names. Source: ``torch.nn.Module.named_children``."""
        known = set()
        for name, module in self._modules.items():
            if module is not None and module not in known:
                known.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """The module and all below. Source: ``torch.nn.Module.modules``."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """The module and all below, with their paths.

        Args:
            memo: modules that are left out.
            prefix: put before all paths.
            remove_duplicate: whether a module under several names comes once.

        Source: ``torch.nn.Module.named_modules``.
        """
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    # --------------------------------------------------------------------------- done to all of it
    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call a function with each module below, then with this one.

        Source: ``torch.nn.Module.apply``.
        """
        for module in self.children():
            module.apply(fn)
        fn(self)  # type: ignore[arg-type]
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below to training, or back.

        Raises:
            ValueError: the mode is no bool.

        Source: ``torch.nn.Module.train``.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """``train(False)``. Source: ``torch.nn.Module.eval``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether gradients of all parameters are wanted.

        Source: ``torch.nn.Module.requires_grad_``.
        """
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros.

        Source: ``torch.nn.Module.zero_grad``.
        """
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
                continue
            if param.grad.grad_fn is not None:
                param.grad.detach_()
            else:
                param.grad.requires_grad_(False)
            param.grad.zero_()

    def _get_name(self) -> str:
        return type(self).__name__


def deprecated(text: str) -> None:
    """Warn the caller of the caller of something that is going to change."""
    warnings.warn(text, FutureWarning, stacklevel=3)

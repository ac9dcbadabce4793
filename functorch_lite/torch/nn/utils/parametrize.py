"""Parameters that are computed from others each time they are read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch.nn.modules.container import ModuleDict, ModuleList
from functorch_lite.torch.nn.modules.module import Module

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]  # fmt: skip


class _Cache:
    """What was computed while values are kept.

    Attributes:
        depth: how many ``cached`` blocks we are in.
        values: by id of the module and name.
    """

    depth = 0
    values: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within this block each parametrized tensor is computed once.

    Source: ``torch.nn.utils.parametrize.cached``.
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


def _like(original: Any, value: Tensor) -> Any:
    """A parameter where the original is one, else the tensor itself."""
    if isinstance(original, Parameter):
        return Parameter(value, requires_grad=original.requires_grad)
    return value


class ParametrizationList(ModuleList):
    """What computes a tensor, and the tensors that it is computed from.

    Args:
        modules: parametrizations, applied one after another.
        original: the tensor as it was.
        unsafe: whether size and dtype may change.

    Raises:
        ValueError: size or dtype change, or what ``right_inverse`` returns is no tensor.

    Source: ``torch.nn.utils.parametrize.ParametrizationList``.
    """

    __module__ = "torch.nn.utils.parametrize"
    original: Any
    unsafe: bool
    is_tensor: bool
    ntensors: int

    def __init__(
        self, modules: Sequence[Module], original: Any, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._check_inverse(original, new)
            with no_grad():
                # Optimizers that hold the original go on with it.
                if new is not original:
                    original.set_(new)
            self._register("original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                        f"tuple...). Got element {i} of the sequence with type "
                        f"{type(part).__name__}."
                    )
                self._register(f"original{i}", _like(original, part))
        if not unsafe:
            made = self()
            if not isinstance(made, Tensor):
                raise ValueError(
                    f"A parametrization must return a tensor. Got {type(made).__name__}."
                )
            for what, was, now in (
                ("dtype", dtype, made.dtype), ("shape", shape, made.shape),
            ):  # fmt: skip
                if was != now:
                    raise ValueError(
                        f"Registering a parametrization may not change the {what} of the tensor, "
                        "unless `unsafe` flag is enabled.\n"
                        f"unparametrized {what}: {was}\nparametrized {what}: {now}"
                    )

    def _register(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def _check_inverse(self, original: Any, new: Any) -> None:
        if original.dtype is not new.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )

    def right_inverse(self, value: Any) -> None:
        """Set the tensors so that a value is computed, as nearly as the parametrizations can.

        Source: ``torch.nn.utils.parametrize.ParametrizationList.right_inverse``.
        """
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(
                        f"`right_inverse` should return a tensor. Got {type(value).__name__}"
                    )
                if value.dtype is not self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while "
                        f"`original` has dtype {self.original.dtype}"
                    )
                self.original.set_(value)
                return
            if len(value) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(value)}."
                )
            for i, part in enumerate(value):
                getattr(self, f"original{i}").set_(part)

    def forward(self) -> Any:
        """The tensor."""
        modules = iter(self)
        if self.is_tensor:
            value = next(modules)(self.original)
        else:
            value = next(modules)(*[getattr(self, f"original{i}") for i in range(self.ntensors)])
        for module in modules:
            value = module(value)
        return value


# --------------------------------------------------------------------- modules that have some
def _new_class(module: Module) -> None:
    """Give a module a class of its own, on which tensors can be properties."""
    cls = module.__class__

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        made = memo.get(id(self))
        if made is None:
            made = memo[id(self)] = self.__new__(self.__class__)
            made.__dict__ = copy.deepcopy(self.__dict__, memo)
        return made

    space: dict[str, Any] = {"__getstate__": getstate, "__module__": "torch.nn.utils.parametrize"}
    if not hasattr(cls, "__deepcopy__"):
        space["__deepcopy__"] = copied
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), space)


def _new_property(module: Any, name: str) -> None:
    """Compute a tensor of the module each time it is read."""

    def read(self: Any) -> Any:
        if not _Cache.depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        value = _Cache.values.get(key)
        if value is None:
            value = _Cache.values[key] = self.parametrizations[name]()
        return value

    def write(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(module.__class__, name, property(read, write))


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module, or one tensor of it, is computed.

    Source: ``torch.nn.utils.parametrize.is_parametrized``.
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(
    module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Any:
    """Let a parameter or buffer of a module be computed.

    Args:
        module: changes its class.
        tensor_name: the parameter's name; several parametrizations follow one another.
        parametrization: from the original tensor, or those of ``right_inverse``, to the tensor.
        unsafe: whether size and dtype may change.

    Returns:
        the module.

    Raises:
        ValueError: there is no such parameter; size or dtype change.

    Source: ``torch.nn.utils.parametrize.register_parametrization``.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            value = getattr(module, tensor_name)
            _check_same(parametrization(value), value, f"module.{tensor_name}")
            if hasattr(parametrization, "right_inverse"):
                _check_inverse_of_more(parametrization, value)
        held = module.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _new_class(module)
            module.parametrizations = ModuleDict()
        _new_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_same(made: Any, value: Any, name: str) -> None:
    if not isinstance(made, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
    for what in ("dtype", "shape"):
        now, was = getattr(made, what), getattr(value, what)
        if now != was:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless "
                f"the `unsafe` flag is enabled.\n{name}.{what}: {was}\n"
                f"parametrization({name}).{what}: {now}"
            )


def _check_inverse_of_more(parametrization: Any, value: Any) -> None:
    found = parametrization.right_inverse(value)
    if found is value:
        return
    if not isinstance(found, Tensor):
        raise ValueError(
            f"parametrization.right_inverse must return a tensor. Got: {type(found).__name__}"
        )
    for what in ("dtype", "shape"):
        if getattr(found, what) != getattr(value, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} "
                "as module.weight, unless the `unsafe` flag is enabled."
            )


def remove_parametrizations(
    module: Any, tensor_name: str, leave_parametrized: bool = True
) -> Any:
    """Let a computed tensor be an ordinary one again.

    Args:
        leave_parametrized: whether its value stays as it was computed; else it is the original.

    Returns:
        the module.

    Raises:
        ValueError: it is not computed, or has several originals.

    Source: ``torch.nn.utils.parametrize.remove_parametrizations``.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                original.set_(getattr(module, tensor_name))
    else:
        if not leave_parametrized:
            raise ValueError(
                "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
                "parametrized in terms of a sequence of tensors."
            )
        value = getattr(module, tensor_name).detach()
        wanted = any(p.requires_grad for p in held.parameters(recurse=False))
        first = held.original0
        original = Parameter(value, wanted) if isinstance(first, Parameter) else value
    delattr(module.__class__, tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = module.__class__.__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class that a module had before.

    Source: ``torch.nn.utils.parametrize.type_before_parametrizations``.
    """
    cls: type = type(module)
    return cls.__bases__[0] if is_parametrized(module) else cls


def transfer_parametrizations_and_params(
    from_module: Any, to_module: Any, tensor_name: str | None = None
) -> Any:
    """Give a module the parametrizations of another, with their parameters.

    Args:
        tensor_name: of which tensor; of all by default.

    Returns:
        ``to_module``.

    Source: ``torch.nn.utils.parametrize.transfer_parametrizations_and_params``.
    """
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        source = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(source.original))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        target = to_module.parametrizations[name]
        if hasattr(source, "original"):
            target.original = source.original
        else:
            for i in range(source.ntensors):
                setattr(target, f"original{i}", getattr(source, f"original{i}"))
    return to_module

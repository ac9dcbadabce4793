"""Modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


if TYPE_CHECKING:
    _Base = Module
else:
    _Base = object


class LazyModuleMixin(_Base):
    """A module with uninitialized parameters; stands before the class that it becomes.

    A subclass defines ``initialize_parameters``, which materializes them.

    Attributes:
        cls_to_become: the class after the first call; None to stay.

    Source: ``torch.nn.modules.lazy.LazyModuleMixin``.
    """

    __module__ = "torch.nn.modules.lazy"
    cls_to_become: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters; called with the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no size yet."""
        return any(map(is_lazy, chain(self._parameters.values(), self._buffers.values())))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, value in self._own_tensors().items():
            keep = keep_vars or is_lazy(value)
            destination[prefix + name] = value if keep else value.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        """Before loading: take sizes from what is loaded."""
        for name, value in chain(self._parameters.items(), self._buffers.items()):
            given = state_dict.get(prefix + name)
            if value is None or given is None:
                continue
            if is_lazy(value) and not is_lazy(given):
                with no_grad():
                    value.materialize(given.shape)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """Before the first call: give parameters their sizes, and become the other class."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

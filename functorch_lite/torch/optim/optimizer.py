"""The base class of optimisers: parameter groups, state, hooks."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.typename import typename
from functorch_lite.torch.nn.modules.module_pickling import Portable
from functorch_lite.torch.optim._hooks import (
    Hooks,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from functorch_lite.torch.optim._loading import packed, unpacked

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]


class _RequiredParameter:
    """Stands for a setting that every group must give itself."""

    __module__ = "torch.optim.optimizer"

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


class Optimizer(Hooks, Portable):
    """The base class of optimisers.

    Args:
        params: tensors, pairs of name and tensor, or dicts, each a group with settings of its own.
        defaults: the settings of groups that say nothing else.

    Raises:
        TypeError, ValueError: ``params`` are no such things, or come twice.

    Source: ``torch.optim.Optimizer``.
    """

    __module__ = "torch.optim.optimizer"

    defaults: dict[str, Any]
    state: Any
    param_groups: list[dict[str, Any]]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_tables()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got " + typename(params)
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: Any = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # --------------------------------------------------------------------------- copies, pickles
    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_tables()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            lines = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n" + "".join(lines)
        return text + ")"

    # -------------------------------------------------------------------------------- state dicts
    def state_dict(self) -> dict[str, Any]:
        """The state and the settings, with numbers in the place of parameters.

        Returns:
            ``state``, whose tensors are the optimiser's own, and ``param_groups``.

        Source: ``torch.optim.Optimizer.state_dict``.
        """
        for before in self.__dict__["_optimizer_state_dict_pre_hooks"].values():
            before(self)
        made = packed(self.state, self.param_groups)
        for after in self.__dict__["_optimizer_state_dict_post_hooks"].values():
            found = after(self, made)
            made = made if found is None else found
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and the settings of another optimiser.

        Args:
            state_dict: as ``state_dict()`` returns; its parameters come in the same order.

        Raises:
            ValueError: other numbers of groups or parameters.

        Source: ``torch.optim.Optimizer.load_state_dict``.
        """
        state_dict = state_dict.copy()
        for before in self.__dict__["_optimizer_load_state_dict_pre_hooks"].values():
            found = before(self, state_dict)
            state_dict = state_dict if found is None else found
        self.__setstate__(unpacked(state_dict, self.param_groups))
        for after in self.__dict__["_optimizer_load_state_dict_post_hooks"].values():
            after(self)

    # ------------------------------------------------------------------------------------- stepping
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: whether they become None; else zeros are written into them.

        Source: ``torch.optim.Optimizer.zero_grad``.
        """
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters once; subclasses say how.

        Args:
            closure: computes the loss again, and its gradients.

        Source: ``torch.optim.Optimizer.step``.
        """
        raise NotImplementedError

    # --------------------------------------------------------------------------------------- groups
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise further parameters.

        Args:
            param_group: ``params``, and settings that differ from the defaults; it is kept.

        Raises:
            TypeError, ValueError: no such group, or parameters that are optimised already.

        Source: ``torch.optim.Optimizer.add_param_group``.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._take_params(param_group)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        params = set(param_group["params"])
        if len(params) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {'with' if named else 'without'} names to the optimizer"
                )
        if any(not params.isdisjoint(group["params"]) for group in self.param_groups):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _take_params(self, group: dict[str, Any]) -> None:
        """Write the parameters of a group as a list, and their names as another one."""
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in given if isinstance(p, tuple)]
        group["params"] = tensors = [p[1] if isinstance(p, tuple) else p for p in given]
        if names:
            if len(names) != len(tensors):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are "
                    "missing"
                )
            group["param_names"] = names
        for p in tensors:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
                )
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")

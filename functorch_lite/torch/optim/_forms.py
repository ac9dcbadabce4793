"""Optimisers as functions of lists of tensors, as ``torch.optim.adam.adam`` and its like."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any

from functorch_lite.torch._core.grad_mode import set_grad_enabled
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["form"]

_PLACE, _WORD = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
_DEFAULTS: dict[str, Any] = {
    "foreach": None, "capturable": False, "differentiable": False, "fused": None,
    "grad_scale": None, "found_inf": None, "has_complex": False, "has_sparse_grad": False,
    "maximize": False, "decoupled_weight_decay": False,
}  # fmt: skip


def form(
    cls: type[RuleOptimizer],
    name: str,
    lists: Mapping[str, str],
    options: str,
    settings: str,
    *,
    more: Callable[[dict[str, Any], Sequence[dict[str, Any]]], dict[str, Any]] | None = None,
) -> Callable[..., None]:
    """The function that makes an optimiser's step on state that is passed to it.

    Args:
        cls: the optimiser.
        name: of the function.
        lists: its lists of tensors in their order, after parameters and gradients, with the names
            that the optimiser's state has for them.
        options: the names of its arguments with defaults, in order.
        settings: the names of its keyword arguments, which have none.
        more: of the settings and the states, the settings that the optimiser derives.
    """
    keys = ["params", "d_p_list" if name == "sgd" else "grads", *lists]
    signature = inspect.Signature(
        [Parameter(key, _PLACE) for key in keys]
        + [Parameter(key, _PLACE, default=_DEFAULTS[key]) for key in options.split()]
        + [Parameter(key, _WORD) for key in settings.split()],
        return_annotation=None,
    )

    def call(*args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        bound.apply_defaults()
        given = bound.arguments
        params, grads = given[keys[0]], given[keys[1]]
        steps = given.get("state_steps", ())
        if not all(isinstance(t, Tensor) for t in steps):
            raise RuntimeError(
                "API has changed, `state_steps` argument must contain a list of singleton tensors"
            )
        states: list[dict[str, Any]] = [
            # Lists of what the settings do not ask for may be empty.
            {own: given[key][i] for key, own in lists.items() if len(given[key]) > i}
            for i in range(len(params))
        ]
        group: dict[str, Any] = {**given, "params": params}
        if more is not None:
            group |= more(group, states)
        optimizer: Any = cls.__new__(cls)
        optimizer.param_groups = [group]
        optimizer.grad_scale, optimizer.found_inf = given.get("grad_scale"), given.get("found_inf")
        with set_grad_enabled(bool(given.get("differentiable"))):
            optimizer._step_on(group, group, params, grads, states)
        for key, own in lists.items():
            for i, state in enumerate(states):
                # A first velocity goes where there was None.
                if own in state and given[key][i] is None:
                    given[key][i] = state[own]

    call.__name__ = call.__qualname__ = name
    call.__module__ = f"torch.optim.{name}"
    call.__doc__ = (
        f"The step of ``torch.optim.{cls.__name__}`` on lists of tensors, in place.\n\n"
        f"Source: ``torch.optim.{name}.{name}``."
    )
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call

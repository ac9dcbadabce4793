"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.dtypes import float64
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr, number
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer, scalar_dtype

__all__ = ["ASGD", "asgd"]


class ASGD(RuleOptimizer):
    """Stochastic gradient descent with a falling rate, and the mean of the parameters beside it.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        lambd: decay of parameters and rate.
        alpha: power with which the rate falls.
        t0: the step after which averaging starts.
        weight_decay: L2 penalty.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.
        capturable: refused by ``step``, as there is no device with graphs.

    Raises:
        ValueError: a negative ``lr`` or ``weight_decay``.

    Source: ``torch.optim.ASGD``; the formula is ``functorch_lite.optim.asgd``'s.
    """

    __module__ = "torch.optim.asgd"
    rule = RULES["asgd"]
    numbers = ("lr", "lambd", "alpha", "t0", "weight_decay")
    flags = ("maximize", "rounded")
    shared = {"eta": 0.0, "mu": 1.0}
    later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    capturable_state = "params, mus, etas, and state_steps"

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        at_least_zero("weight_decay value", weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        })  # fmt: skip

    def _first_shared(self, group: dict[str, Any]) -> Mapping[str, float]:
        return {"eta": number(group["lr"]), "mu": 1.0}

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        return {**group, "rounded": scalar_dtype() is not float64}

    def _scalars(self) -> Callable[[Any, Any], Any]:
        return _scalars

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("ax",)


def _scalars(step: Any, s: Any) -> Any:
    """The scalars with the next rates in the default dtype, whatever the state has."""
    found = RULES["asgd"].scalars(step, s)
    if not s["rounded"]:
        return found
    rates = {key: found[key].astype("float32").astype("float64") for key in ("eta", "mu")}
    return {**found, **rates}


asgd = form(
    ASGD, "asgd", {"axs": "ax", "mus": "mu", "etas": "eta", "state_steps": "step"},
    "foreach maximize differentiable capturable has_complex",
    "lambd lr t0 alpha weight_decay",
    more=lambda given, states: {"rounded": scalar_dtype() is not float64},
)  # fmt: skip

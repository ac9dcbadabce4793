"""NAdam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim import RULES
from functorch_lite.torch._core.dtypes import float64
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_betas, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["NAdam", "nadam"]


class NAdam(RuleOptimizer):
    """Adam with Nesterov's look ahead, whose momentum grows.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty, or decay of the parameter.
        momentum_decay: how fast the momentum grows.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``AdamW``.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        capturable: refused by ``step``, as there is no device with graphs.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.NAdam``; the formula is ``functorch_lite.optim.nadam``'s.
    """

    __module__ = "torch.optim.nadam"
    rule = RULES["nadam"]
    numbers = ("lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay")
    flags = ("decoupled_weight_decay", "maximize", "rounded")
    shared = {"mu_product": 1.0}
    capturable_state = "params, mu_products and state_steps"
    later = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False,
             "decoupled_weight_decay": False}  # fmt: skip

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        at_least_zero("epsilon value", eps)
        check_betas(betas)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("momentum_decay value", momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        })  # fmt: skip

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        held = next(self.state[p]["mu_product"] for p in group["params"] if p.grad is not None)
        return {**super()._settings(group), "rounded": held.dtype is not float64}

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _scalars(self) -> Callable[[Any, Any], Any]:
        return _scalars


def _scalars(step: Any, s: Any) -> Any:
    return (_rounded if s["rounded"] else _exact)(step, s)


_exact = RULES["nadam"].scalars


def _rounded(step: Any, s: Any) -> Any:
    """The scalars with the product of momenta as a float32 tensor has it, multiplied in place."""
    momentum = _exact(step, {**s, "mu_product": 1.0})["mu_product"]
    kept = (s["mu_product"].astype("float32") * momentum.astype("float32")).astype("float64")
    before = kept / fnp.where(momentum == 0, 1.0, momentum)
    return {**_exact(step, {**s, "mu_product": before}), "mu_product": kept}


nadam = form(
    NAdam, "nadam",
    {"exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq",
     "mu_products": "mu_product", "state_steps": "step"},
    "decoupled_weight_decay foreach capturable differentiable has_complex maximize",
    "beta1 beta2 lr weight_decay momentum_decay eps",
    more=lambda given, states: {
        "rounded": any(state["mu_product"].dtype is not float64 for state in states)
    },
)  # fmt: skip

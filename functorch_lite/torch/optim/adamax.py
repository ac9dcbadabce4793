"""Adamax."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_betas, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Adamax", "adamax"]


class Adamax(RuleOptimizer):
    """Adam with the largest gradient so far in the place of the mean square.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the average and of the maximum.
        eps: added to the gradient's magnitude.
        weight_decay: L2 penalty.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.
        capturable: refused by ``step``, as there is no device with graphs.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.Adamax``; the formula is ``functorch_lite.optim.adamax``'s.
    """

    __module__ = "torch.optim.adamax"
    rule = RULES["adamax"]
    numbers = ("lr", "beta1", "beta2", "eps", "weight_decay")
    later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        at_least_zero("epsilon value", eps)
        check_betas(betas)
        at_least_zero("weight_decay value", weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        })  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "exp_avg", "exp_inf"


adamax = form(
    Adamax, "adamax", {"exp_avgs": "exp_avg", "exp_infs": "exp_inf", "state_steps": "step"},
    "foreach maximize differentiable capturable has_complex",
    "eps beta1 beta2 lr weight_decay",
)  # fmt: skip

"""RAdam."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_betas, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["RAdam", "radam"]


class RAdam(RuleOptimizer):
    """Adam that is not adaptive before its averages have seen enough.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty, or decay of the parameter.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``AdamW``.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        capturable: refused by ``step``, as there is no device with graphs.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.RAdam``; the formula is ``functorch_lite.optim.radam``'s.
    """

    __module__ = "torch.optim.radam"
    rule = RULES["radam"]
    numbers = ("lr", "beta1", "beta2", "eps", "weight_decay")
    flags = ("decoupled_weight_decay", "maximize")
    later = {"foreach": None, "maximize": False, "differentiable": False,
             "decoupled_weight_decay": False, "capturable": False}  # fmt: skip

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable,
        })  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"


radam = form(
    RAdam, "radam", {"exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq", "state_steps": "step"},
    "decoupled_weight_decay foreach differentiable capturable has_complex maximize",
    "beta1 beta2 lr weight_decay eps",
)  # fmt: skip

"""Adadelta."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Adadelta", "adadelta"]


class Adadelta(RuleOptimizer):
    """Steps in units of earlier steps.

    Args:
        params: tensors, named tensors or groups.
        lr: factor of the steps, a number or a tensor of one element.
        rho: decay rate of the two averages.
        eps: added under both roots.
        weight_decay: L2 penalty.
        foreach: accepted; there is one implementation.
        capturable: refused by ``step``, as there is no device with graphs.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.Adadelta``; the formula is ``functorch_lite.optim.adadelta``'s.
    """

    __module__ = "torch.optim.adadelta"
    rule = RULES["adadelta"]
    numbers = ("lr", "rho", "eps", "weight_decay")
    later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    capturable_devices = "['cuda', 'xpu', 'hpu', 'privateuseone']"

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        at_least_zero("epsilon value", eps)
        at_least_zero("weight_decay value", weight_decay)
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "square_avg", "acc_delta"


adadelta = form(
    Adadelta, "adadelta",
    {"square_avgs": "square_avg", "acc_deltas": "acc_delta", "state_steps": "step"},
    "capturable foreach differentiable has_complex",
    "lr rho eps weight_decay maximize",
)  # fmt: skip

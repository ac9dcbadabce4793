"""Adagrad."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.layout import preserve_format
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Adagrad", "adagrad"]


class Adagrad(RuleOptimizer):
    """Steps divided by the root of the sum of all squared gradients.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        lr_decay: how fast the learning rate falls.
        weight_decay: L2 penalty.
        initial_accumulator_value: what the sum starts with.
        eps: added to the denominator.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.
        fused: accepted; lets a gradient scaler leave the division to the step.

    Raises:
        ValueError: a negative setting.

    Source: ``torch.optim.Adagrad``; the formula is ``functorch_lite.optim.adagrad``'s.
    """

    __module__ = "torch.optim.adagrad"
    rule = RULES["adagrad"]
    numbers = ("lr", "lr_decay", "weight_decay", "eps")
    later = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        at_least_zero("lr_decay value", lr_decay)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("initial_accumulator_value value", initial_accumulator_value)
        at_least_zero("epsilon value", eps)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        self._check_flags(fused, foreach, differentiable)
        # Before the first step, so that `share_memory` has something to share.
        for group in self.param_groups:
            for p in group["params"]:
                self._begin(group, p, self.state[p])

    def share_memory(self) -> None:
        """Put the sums where other processes see them.

        Source: ``torch.optim.Adagrad.share_memory``.
        """
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("sum",)

    def _first(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        value = self.defaults["initial_accumulator_value"]
        value = complex(value, value) if p.is_complex() else value
        made: Tensor = FUNCTIONS["full_like"](p, value, memory_format=preserve_format)
        return made


adagrad = form(
    Adagrad, "adagrad", {"state_sums": "sum", "state_steps": "step"},
    "fused grad_scale found_inf has_sparse_grad foreach differentiable has_complex",
    "lr weight_decay lr_decay eps maximize",
)  # fmt: skip

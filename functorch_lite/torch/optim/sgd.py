"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.layout import preserve_format
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["SGD", "sgd"]


class SGD(RuleOptimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        momentum: the part of the last velocity that is kept.
        dampening: the part of the gradient that does not enter the velocity.
        weight_decay: L2 penalty.
        nesterov: whether to look ahead along the velocity.
        maximize: whether to climb.
        foreach: accepted; there is one implementation.
        differentiable: whether gradients flow through steps.
        fused: accepted; lets a gradient scaler leave the division to the step.

    Raises:
        ValueError: a negative setting, or nesterov without momentum or with dampening.

    Source: ``torch.optim.SGD``; the formula is ``functorch_lite.optim.sgd``'s.
    """

    __module__ = "torch.optim.sgd"
    rule = RULES["sgd"]
    numbers = ("lr", "momentum", "dampening", "weight_decay")
    optional = frozenset(("momentum", "dampening", "weight_decay"))
    flags = ("nesterov", "maximize")
    later = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False,
             "fused": False}  # fmt: skip

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        self._check_flags(fused, foreach, differentiable)

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _state_of(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        # Without momentum there is none, and state dicts have no entries.
        return super()._state_of(group, p) if group["momentum"] != 0 else {}

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        if group["momentum"] != 0:
            state["momentum_buffer"] = None

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> float:
        # A velocity is all that tells whether there was a step before.
        if group["momentum"] == 0 or state.get("momentum_buffer") is not None:
            return 2.0
        like = p if p.grad is None else p.grad
        state["momentum_buffer"] = FUNCTIONS["zeros_like"](
            like.detach(), memory_format=preserve_format
        )
        return 1.0


sgd = form(
    SGD, "sgd", {"momentum_buffer_list": "momentum_buffer"},
    "has_sparse_grad foreach fused grad_scale found_inf",
    "weight_decay momentum lr dampening nesterov maximize",
)  # fmt: skip

"""RMSprop."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(RuleOptimizer):
    """Steps divided by the root of a running mean of squared gradients.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        alpha: decay rate of the mean.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        momentum: the part of the last step that is kept.
        centered: whether to subtract the squared mean gradient.
        capturable: refused by ``step``, as there is no device with graphs.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a negative setting.

    Source: ``torch.optim.RMSprop``; the formula is ``functorch_lite.optim.rmsprop``'s.
    """

    __module__ = "torch.optim.rmsprop"
    rule = RULES["rmsprop"]
    numbers = ("lr", "alpha", "eps", "weight_decay", "momentum")
    optional = frozenset(("weight_decay", "momentum"))
    flags = ("centered", "maximize")
    later = {"momentum": 0, "centered": False, "foreach": None, "maximize": False,
             "differentiable": False, "capturable": False}  # fmt: skip

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        at_least_zero("epsilon value", eps)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("alpha value", alpha)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        })  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        centre = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *momentum, *centre)


rmsprop = form(
    RMSprop, "rmsprop",
    {
        "square_avgs": "square_avg", "grad_avgs": "grad_avg",
        "momentum_buffer_list": "momentum_buffer", "state_steps": "step",
    },
    "foreach maximize differentiable capturable has_complex",
    "lr alpha eps weight_decay momentum centered",
)  # fmt: skip

"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import check_lr, number
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Rprop", "rprop"]


class Rprop(RuleOptimizer):
    """Steps whose sizes grow while the gradient keeps its sign, and shrink when it turns.

    Args:
        params: tensors, named tensors or groups.
        lr: the first size of all steps, a number or a tensor of one element.
        etas: factors of shrinking and growing sizes.
        step_sizes: the smallest and the largest size.
        capturable: refused by ``step``, as there is no device with graphs.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.Rprop``; the formula is ``functorch_lite.optim.rprop``'s.
    """

    __module__ = "torch.optim.rprop"
    rule = RULES["rprop"]
    numbers = ("eta_minus", "eta_plus", "step_size_min", "step_size_max")
    optional = frozenset()
    later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        (minus, plus), (least, most) = group["etas"], group["step_sizes"]
        return {**group, "eta_minus": minus, "eta_plus": plus, "step_size_min": least,
                "step_size_max": most}  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "prev", "step_size"

    def _first(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        if name == "prev":
            return super()._first(group, p, name)
        lr = number(group["lr"])
        value = complex(lr, lr) if p.is_complex() else lr
        made: Tensor = FUNCTIONS["full_like"](p.grad.detach(), value)
        return made


rprop = form(
    Rprop, "rprop", {"prevs": "prev", "step_sizes": "step_size", "state_steps": "step"},
    "foreach capturable maximize differentiable has_complex",
    "step_size_min step_size_max etaminus etaplus",
    more=lambda given, states: {"eta_minus": given["etaminus"], "eta_plus": given["etaplus"]},
)  # fmt: skip

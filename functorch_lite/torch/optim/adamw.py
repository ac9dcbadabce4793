"""Adam with a weight decay that is no part of the gradient."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim.adam import LISTS, Adam

__all__ = ["AdamW", "adamw"]


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter and does not enter the averages.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        amsgrad: whether to divide by the largest square so far.
        maximize: whether to climb.
        foreach: accepted; there is one implementation.
        capturable: refused by ``step``, as there is no device with graphs.
        differentiable: whether gradients flow through steps.
        fused: accepted; lets a gradient scaler leave the division to the step.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.AdamW``.
    """

    __module__ = "torch.optim.adamw"

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad,
            foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # State dicts from before the setting existed do not say so.
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


adamw = form(
    AdamW, "adamw", LISTS,
    "foreach capturable differentiable fused grad_scale found_inf has_complex",
    "amsgrad beta1 beta2 lr weight_decay eps maximize",
    more=lambda given, states: {"decoupled_weight_decay": True},
)  # fmt: skip

"""Adam."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_betas, check_lr
from functorch_lite.torch.optim._forms import form
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Adam", "adam"]


class Adam(RuleOptimizer):
    """Steps scaled by running averages of the gradient and its square.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        amsgrad: whether to divide by the largest square so far.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.
        capturable: refused by ``step``, as there is no device with graphs.
        differentiable: whether gradients flow through steps.
        fused: accepted; lets a gradient scaler leave the division to the step.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``AdamW``.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.Adam``; the formula is ``functorch_lite.optim.adam``'s.
    """

    __module__ = "torch.optim.adam"
    rule = RULES["adam"]
    numbers = ("lr", "beta1", "beta2", "eps", "weight_decay")
    flags = ("amsgrad", "maximize", "decoupled_weight_decay")
    later = {"amsgrad": False, "maximize": False, "foreach": None, "capturable": False,
             "differentiable": False, "decoupled_weight_decay": False, "fused": None}  # fmt: skip

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor):
            _check_foreach("lr", foreach, capturable)
        check_lr(lr)
        at_least_zero("epsilon value", eps)
        check_betas(betas)
        at_least_zero("weight_decay value", weight_decay)
        _check_kinds(betas, foreach, capturable)
        super().__init__(params, {
            "lr": lr, "betas": tuple(_scalar(b) for b in betas), "eps": eps,
            "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip
        self._check_flags(fused, foreach, differentiable)

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        if group["foreach"] and isinstance(group["lr"], Tensor) and not group["capturable"]:
            raise RuntimeError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        return super()._settings(group)

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        if group["amsgrad"]:
            return "exp_avg", "exp_avg_sq", "max_exp_avg_sq"
        return "exp_avg", "exp_avg_sq"


def _check_kinds(betas: Any, foreach: Any, capturable: Any) -> None:
    """Refuse decay rates of two kinds, or that are tensors of several elements."""
    tensors = [isinstance(beta, Tensor) for beta in betas[:2]]
    if not all(tensors) and not all(isinstance(beta, float) for beta in betas[:2]):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas[:2]):
        if isinstance(beta, Tensor):
            _check_foreach(f"betas[{i}]", foreach, capturable)
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")


def _check_foreach(name: str, foreach: Any, capturable: Any) -> None:
    if foreach and not capturable:
        raise ValueError(
            f"{name} as a Tensor is not supported for capturable=False and foreach=True"
        )


def _scalar(x: Any) -> Any:
    return x.squeeze() if isinstance(x, Tensor) and x.dim() != 0 else x


LISTS = {
    "exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq", "max_exp_avg_sqs": "max_exp_avg_sq",
    "state_steps": "step",
}  # fmt: skip
"""The lists of ``adam`` and ``adamw``, as the state has them."""


adam = form(
    Adam, "adam", LISTS,
    "foreach capturable differentiable fused grad_scale found_inf has_complex "
    "decoupled_weight_decay",
    "amsgrad beta1 beta2 lr weight_decay eps maximize",
)  # fmt: skip

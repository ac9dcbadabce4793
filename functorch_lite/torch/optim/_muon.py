"""Muon."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import check_lr
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Muon"]


class Muon(RuleOptimizer):
    """Momentum whose matrix is made near orthogonal, for the hidden layers' matrices.

    Args:
        params: matrices, named matrices or groups.
        lr: learning rate, a number or a tensor of one element.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        momentum: the part of the last mean that is kept.
        nesterov: whether to look ahead along the mean.
        ns_coefficients: of the polynomial that drives singular values to 1.
        eps: the smallest norm divided by.
        ns_steps: how often the polynomial is applied, fewer than 100.
        adjust_lr_fn: None, "original" or "match_rms_adamw".

    Raises:
        ValueError: a setting out of its range, or a parameter that is no matrix.

    Source: ``torch.optim.Muon``; the formula is ``functorch_lite.optim.muon``'s.
    """

    __module__ = "torch.optim"
    rule = RULES["muon"]
    elementwise = False
    numbers = ("lr", "weight_decay", "momentum")
    optional = frozenset()
    flags = ("nesterov", "ns_coefficients", "eps", "ns_steps", "adjust_lr_fn", "ns_dtype")

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}"
                    )

    def _check(self, group: dict[str, Any], p: Tensor) -> None:
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        coefficients = tuple(group["ns_coefficients"])
        return {**group, "ns_coefficients": coefficients, "ns_dtype": "bfloat16"}

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["momentum_buffer"] = self._first(group, p.grad.detach(), "momentum_buffer")

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> float:
        return 1.0  # nothing depends on the number of the step

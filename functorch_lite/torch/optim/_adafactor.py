"""Adafactor."""

from __future__ import annotations

from typing import Any

from functorch_lite.optim import RULES
from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import check_lr
from functorch_lite.torch.optim._rules import RuleOptimizer

__all__ = ["Adafactor"]


class Adafactor(RuleOptimizer):
    """Adam without a mean, whose squares are kept as sums of rows and columns.

    Args:
        params: tensors, named tensors or groups.
        lr: the largest relative step, a number or a tensor of one element.
        beta2_decay: power with which a new gradient's weight falls, at most 0.
        eps: the least variance, None for the machine epsilon; the least size of a parameter.
        d: the largest root mean square of a step, at least 1.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        foreach: accepted; there is one implementation.
        maximize: whether to climb.

    Raises:
        ValueError: a setting out of its range.

    Source: ``torch.optim.Adafactor``; the formula is ``functorch_lite.optim.adafactor``'s.
    """

    __module__ = "torch.optim"
    rule = RULES["adafactor"]
    elementwise = False
    numbers = ("lr", "beta2_decay", "eps2", "d", "weight_decay")
    flags = ("eps1", "maximize")
    later = {"foreach": None}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        })  # fmt: skip

    def _check(self, group: dict[str, Any], p: Tensor) -> None:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        eps1, eps2 = group["eps"]
        if eps1 is None:
            # Of the first parameter that moves, whatever the dtypes of others are.
            eps1 = next(finfo(p.dtype).eps for p in group["params"] if p.grad is not None)
        return {**group, "eps1": eps1, "eps2": eps2}

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("row_var", "col_var") if p.dim() > 1 else ("variance",)

    def _first(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        if name == "variance":
            return super()._first(group, p, name)
        shape = list(p.shape)
        shape[-1 if name == "row_var" else -2] = 1
        made: Tensor = p.grad.new_zeros(shape)
        return made

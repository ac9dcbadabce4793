"""Follow the regularised leader."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.optim import RULES
from functorch_lite.torch._core.layout import preserve_format
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import at_least_zero, check_lr, number
from functorch_lite.torch.optim._rules import RuleOptimizer, scalar_dtype

__all__ = ["FTRL"]


class FTRL(RuleOptimizer):
    """Follow the regularised leader, with proximal terms that make exact zeros.

    PyTorch has no such optimiser; the arguments are those of ``functorch_lite.optim.ftrl``.

    Args:
        params: tensors, named tensors or groups.
        lr: learning rate, a number or a tensor of one element.
        lr_power: how the rate falls with the squares, at most 0.
        l1: penalty on the magnitude.
        l2: penalty on half the square.
        beta: what smooths the rate of coordinates that have seen little.
        initial_accumulator_value: what the sum of squares starts with.
        maximize: whether to climb.
        differentiable: whether gradients flow through steps.

    Raises:
        ValueError: a setting out of its range.

    >>> import functorch_lite.torch as torch
    >>> w = torch.zeros(2, requires_grad=True)
    >>> optimizer = torch.optim.FTRL([w], lr=0.5, l1=0.1)
    >>> (w * torch.tensor([0.05, 1.0])).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.0000, -0.2250], requires_grad=True)

    Source: ours; the formula is ``functorch_lite.optim.ftrl``'s.
    """

    __module__ = "torch.optim"
    rule = RULES["ftrl"]
    numbers = ("lr", "l1", "l2", "beta", "initial_accumulator_value")
    optional = frozenset()
    flags = ("lr_power", "maximize")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 0.1,
        lr_power: float = -0.5,
        l1: float = 0.0,
        l2: float = 0.0,
        beta: float = 1.0,
        initial_accumulator_value: float = 0.0,
        *,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not number(lr) > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not lr_power <= 0.0:
            raise ValueError(f"Invalid lr_power value: {lr_power}")
        at_least_zero("l1 value", l1)
        at_least_zero("l2 value", l2)
        at_least_zero("beta value", beta)
        at_least_zero("initial_accumulator_value value", initial_accumulator_value)
        super().__init__(params, {
            "lr": lr, "lr_power": lr_power, "l1": l1, "l2": l2, "beta": beta,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return "n", "z"

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = FUNCTIONS["zeros"]((), dtype=scalar_dtype())
        settings = {name: number(group[name]) for name in (*self.numbers, "lr_power")}
        for name, value in self.rule.init(p._np, settings).items():
            state[name] = FUNCTIONS["zeros_like"](p, memory_format=preserve_format)
            state[name]._np[...] = np.asarray(value)

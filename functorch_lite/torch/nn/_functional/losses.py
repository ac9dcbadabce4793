"""Losses of numbers against numbers."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.nn.losses import (
    huber_pull,
    huber_value,
    mse_pull,
    mse_value,
    smooth_l1_pull,
    smooth_l1_value,
)
from functorch_lite.nn.reduction import reduced, spread
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.pulled import Pulled
from functorch_lite.torch.nn._functional.reduction import (
    check_reduction,
    legacy,
    pair,
    put_together,
)

__all__ = [
    "gaussian_nll_loss", "huber_loss", "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss",
    "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip


def _soft_margin(x: Array, y: Array, *, reduction: str) -> Array:
    return reduced(fnp.log1p(fnp.exp(-y * x)), reduction)


def _soft_margin_pull(g: Array, x: Array, y: Array, *, wanted: Any, reduction: str) -> Any:
    z = fnp.exp(-y * x)
    return -y * z / (z + 1) * spread(g, x, reduction), None


MSE = Pulled("MseLossBackward0", mse_value, mse_pull)
SMOOTH = Pulled("SmoothL1LossBackward0", smooth_l1_value, smooth_l1_pull)
HUBER = Pulled("HuberLossBackward0", huber_value, huber_pull)
SOFT_MARGIN = Pulled(
    "SoftMarginLossBackward0", _soft_margin, _soft_margin_pull,
    constants={1: ("soft_margin_loss", "target")},
)  # fmt: skip


def _weighted(loss: Any, weight: Any, reduction: str) -> Tensor:
    """Losses per element, weighted; the mean is that of the weights."""
    found = loss * weight
    if reduction == "none":
        return found
    total = found.sum()
    return total / weight.sum() if reduction == "mean" else total


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The squared difference of each element.

    Args:
        input, target: floating, of one shape.
        reduction: "mean", "sum" or "none".
        weight: a factor for each element; the mean is divided by their sum.

    Raises:
        ValueError: another reduction.

    Source: ``torch.nn.functional.mse_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    x, y = pair(input, target, "mse_cpu")
    check_reduction(reduction)
    if weight is not None:
        return _weighted(MSE((x, y), reduction="none"), weight, reduction)
    return MSE((x, y), reduction=reduction)


def l1_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The absolute difference of each element. Source: ``torch.nn.functional.l1_loss``."""
    reduction = legacy(size_average, reduce, reduction)
    if input._np.shape != target._np.shape:
        input, target = pair(input, target, "abs")
    loss = (input - target).abs()
    if weight is not None:
        check_reduction(reduction)
        return _weighted(loss, weight, reduction)
    return put_together(loss, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """Quadratic below ``beta``, linear above. Source: ``torch.nn.functional.smooth_l1_loss``."""
    reduction = legacy(size_average, reduce, reduction)
    if beta == 0.0:
        return l1_loss(input, target, reduction=reduction)
    x, y = pair(input, target, "smooth_l1_cpu")
    check_reduction(reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return SMOOTH((x, y), reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Quadratic up to ``delta``, linear beyond. Source: ``torch.nn.functional.huber_loss``."""
    x, y = pair(input, target, "huber_cpu")
    check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return put_together(HUBER((x, y), reduction="none", delta=delta) * weight, reduction)
    return HUBER((x, y), reduction=reduction, delta=delta)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-target * input)), for targets of 1 and -1.

    Source: ``torch.nn.functional.soft_margin_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    check_reduction(reduction)
    x, y = pair(input, target, "soft_margin_cpu")
    return SOFT_MARGIN((x, y), reduction=reduction)


def kl_div(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """The divergence of two distributions, the first given by logarithms.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with ``log_target``.
        reduction: also "batchmean", the sum over the number of rows.

    Source: ``torch.nn.functional.kl_div``.
    """
    reduction = legacy(size_average, reduce, reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = target.xlogy(target) - target * input
    if reduction == "batchmean":
        total = loss.sum()
        return total / input._np.shape[0] if input._np.ndim else total
    return put_together(loss, reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False,
    size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probability of counts. Source: ``torch.nn.functional.poisson_nll_loss``."""
    reduction = legacy(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        check_reduction(reduction)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return put_together(loss, reduction)


def _differ(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return sum(m != n for m, n in zip(a, b, strict=True))


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-density of a normal distribution with a variance for each element.

    Raises:
        ValueError: ``var`` is negative or of another shape, or the reduction unknown.

    Source: ``torch.nn.functional.gaussian_nll_loss``.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full((1,), var) * input.new_ones(input._np.shape)
    elif (var._np < 0).any():
        raise ValueError("var has negative entry/entries")
    have, wanted = var._np.shape, input._np.shape
    if have != wanted:
        if wanted[:-1] == have:
            var = var.unsqueeze(-1)
        elif not (len(have) == len(wanted) and 1 in have and _differ(have, wanted) == 1):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    # The bound keeps the loss finite; its gradient is that of a variance without bound.
    var = var.clone()
    bounded = var.detach().clamp(min=eps) - var.detach()
    var = var + bounded
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return put_together(loss, reduction)

"""Losses of numbers against numbers, with PyTorch's names, reductions and derivatives.

Each takes ``reduction``: "mean" or "sum" over all elements, or "none" for the loss of every one.
Operands have one shape; targets may be integers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.activations_piecewise import relu
from functorch_lite.nn.checks import as_float
from functorch_lite.nn.ranges import known_values
from functorch_lite.nn.reduction import (
    as_loss,
    check_reduction,
    real_operands,
    reduced,
    spread,
    with_reduction,
)

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "huber_pull",
    "huber_value",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "mse_pull",
    "mse_value",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "smooth_l1_pull",
    "smooth_l1_value",
]


# -------------------------------------------------------------------------------------- differences
def _weighted(name: str, losses: Array, weight: Any, reduction: str) -> Array:
    """Losses of elements, weighted; the mean is that of the weights."""
    if weight is None:
        return reduced(losses, reduction)
    weight = fnp.asarray(weight)
    if tuple(weight.shape) != tuple(losses.shape):
        raise ShapeError(
            f"nn.{name}: expected weight of the shape of prediction, {tuple(losses.shape)}; got "
            f"{tuple(weight.shape)}. Remedy: fnp.broadcast_to(weight, prediction.shape)."
        )
    losses = losses * weight
    if reduction != "mean":
        return reduced(losses, reduction)
    return fnp.sum(losses) / fnp.sum(weight)


def l1_loss(
    prediction: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> Array:
    """The absolute error |prediction - target|; its derivative at 0 is 0.

    Args:
        prediction: f[...].
        target: [...], of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        weight: f[...], a factor for each element; the mean is divided by their sum.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``prediction`` is not floating.
        ValueError: another ``reduction``.

    >>> float(l1_loss(fnp.asarray([1.5, 2.5]), fnp.asarray([1.0, 4.0])))
    1.0

    Source: ``torch.nn.functional.l1_loss``.
    """
    check_reduction("l1_loss", reduction)
    x, y = real_operands("l1_loss", prediction=prediction, target=target)
    if weight is None:
        return _l1(x, y, reduction=reduction)
    return _weighted("l1_loss", fnp.abs(x - y), weight, reduction)


_l1 = as_loss("l1_loss", lambda x, y: fnp.abs(x - y))


def mse_loss(
    prediction: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> Array:
    """The squared error (prediction - target)².

    Args:
        prediction: f[...].
        target: [...], of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        weight: f[...], a factor for each element; the mean is divided by their sum.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ; broadcasting here is nearly always a mistake.
        DtypeError: ``prediction`` is not floating.
        ValueError: another ``reduction``.

    >>> float(mse_loss(fnp.asarray([1.5, 2.5, 3.5]), fnp.asarray([1.0, 2.0, 3.0])))
    0.25

    Source: ``torch.nn.functional.mse_loss``.
    """
    check_reduction("mse_loss", reduction)
    x, y = real_operands("mse_loss", prediction=prediction, target=target)
    if weight is None:
        return _mse(x, y, reduction=reduction)
    return _weighted("mse_loss", fnp.square(x - y), weight, reduction)


mse_value = with_reduction(lambda x, y: fnp.square(x - y))
_mse = lax.composite(mse_value, "nn.mse_loss")


def smooth_l1_loss(
    prediction: Array, target: Array, reduction: str = "mean", beta: float = 1.0
) -> Array:
    """d² / (2 beta) for errors d below ``beta``, |d| - beta / 2 above.

    Args:
        prediction: f[...].
        target: [...], of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        beta: where the two pieces meet; with 0 this is :func:`l1_loss`.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``prediction`` is not floating.
        ValueError: ``beta`` is negative, or another ``reduction``.

    >>> smooth_l1_loss(fnp.asarray([0.5, 3.0]), fnp.zeros(2), "none")
    Array([0.125, 2.5  ], dtype=float32)

    Source: Girshick, ICCV 2015; ``torch.nn.functional.smooth_l1_loss``.
    """
    check_reduction("smooth_l1_loss", reduction)
    if beta < 0:
        raise ValueError(f"nn.smooth_l1_loss: expected beta of at least 0; got {beta}.")
    x, y = real_operands("smooth_l1_loss", prediction=prediction, target=target)
    if beta == 0:
        return _l1(x, y, reduction=reduction)
    return _smooth_l1(x, y, reduction=reduction, beta=float(beta))


def _smooth_l1_of(x: Array, y: Array, *, beta: float) -> Array:
    d = fnp.abs(x - y)
    near = fnp.where(d < beta, d, beta)  # an unchosen infinite square would make slopes NaN
    return fnp.where(d < beta, 0.5 * near * near / beta, d - 0.5 * beta)


smooth_l1_value = with_reduction(_smooth_l1_of)
_smooth_l1 = lax.composite(smooth_l1_value, "nn.smooth_l1_loss")


def huber_loss(
    prediction: Array,
    target: Array,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Array | None = None,
) -> Array:
    """d² / 2 for errors d up to ``delta``, delta (|d| - delta / 2) beyond.

    Args:
        prediction: f[...].
        target: [...], of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        delta: where the two pieces meet.
        weight: f[...], a factor for each element; the mean stays that over the elements.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``prediction`` is not floating.
        ValueError: ``delta`` is not positive, or another ``reduction``.

    >>> huber_loss(fnp.asarray([1.0, 4.0]), fnp.zeros(2), "none", delta=2.0)
    Array([0.5, 6. ], dtype=float32)

    Source: Huber, Annals of Mathematical Statistics 35 (1964); ``torch.nn.functional.huber_loss``.
    """
    check_reduction("huber_loss", reduction)
    if delta <= 0:
        raise ValueError(f"nn.huber_loss: expected a positive delta; got {delta}.")
    x, y = real_operands("huber_loss", prediction=prediction, target=target)
    if weight is None:
        return _huber(x, y, reduction=reduction, delta=float(delta))
    _, weight = real_operands("huber_loss", prediction=x, weight=weight)
    return reduced(_huber_of(x, y, delta=delta) * weight, reduction)


def _huber_of(x: Array, y: Array, *, delta: float) -> Array:
    d = fnp.abs(x - y)
    near = fnp.where(d <= delta, d, delta)  # as above
    return fnp.where(d <= delta, 0.5 * near * near, delta * (d - 0.5 * delta))


huber_value = with_reduction(_huber_of)
_huber = lax.composite(huber_value, "nn.huber_loss")


# --------------------------------------------------------- pullbacks, for an engine that has a tape
def _both(d: Array, wanted: Any) -> tuple[Array | None, Array | None]:
    """Cotangents of the operands of a difference."""
    return d if wanted[0] else None, -d if wanted[1] else None


def mse_pull(g: Array, x: Array, y: Array, *, wanted: Any, reduction: str) -> Any:
    """Cotangents of the operands of :func:`mse_loss`, those ``wanted``.

    >>> a = fnp.asarray([2.0])
    >>> mse_pull(fnp.asarray(1.0), a, 0 * a, wanted=(True, False), reduction="sum")
    (Array([4.], dtype=float32), None)
    """
    return _both((x - y) * (spread(g, x, reduction) * 2), wanted)


def smooth_l1_pull(
    g: Array, x: Array, y: Array, *, wanted: Any, reduction: str, beta: float
) -> Any:
    """Cotangents of the operands of :func:`smooth_l1_loss`, those ``wanted``.

    >>> a = fnp.asarray([2.0])
    >>> smooth_l1_pull(a, a, 0 * a, wanted=(True, False), reduction="sum", beta=1.0)
    (Array([2.], dtype=float32), None)
    """
    d = x - y
    slope = fnp.where(fnp.abs(d) < beta, d / beta, fnp.sign(d))
    return _both(slope * spread(g, x, reduction), wanted)


def huber_pull(g: Array, x: Array, y: Array, *, wanted: Any, reduction: str, delta: float) -> Any:
    """Cotangents of the operands of :func:`huber_loss`, those ``wanted``.

    >>> a = fnp.asarray([2.0])
    >>> huber_pull(a, a, 0 * a, wanted=(True, False), reduction="sum", delta=0.5)
    (Array([1.], dtype=float32), None)
    """
    d = x - y
    slope = fnp.where(fnp.abs(d) <= delta, d, fnp.sign(d) * delta)
    return _both(slope * spread(g, x, reduction), wanted)


# ------------------------------------------------------------------------------------ distributions
def kl_div(
    log_prediction: Array, target: Array, reduction: str = "mean", log_target: bool = False
) -> Array:
    """The divergence target (log target - log_prediction), 0 where the target is 0.

    Args:
        log_prediction: f[...], log-probabilities.
        target: f[...], probabilities of the same shape, or their logarithms.
        reduction: "mean" over all elements, "batchmean" for the sum over the number of rows,
            which is the mean of the divergences; "sum" or "none".
        log_target: whether ``target`` holds logarithms.

    Returns:
        f[], or an array like ``log_prediction`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``log_prediction`` is not floating.
        ValueError: another ``reduction``.

    >>> p = fnp.asarray([[0.25, 0.75]])
    >>> float(kl_div(fnp.log(p), p, "batchmean"))
    0.0

    Source: ``torch.nn.functional.kl_div``.
    """
    check_reduction("kl_div", reduction, ("mean", "batchmean", "sum", "none"))
    x, y = real_operands("kl_div", log_prediction=log_prediction, target=target)
    by_row = reduction == "batchmean"
    out = _kl(x, y, reduction="sum" if by_row else reduction, log_target=bool(log_target))
    return out / fnp.asarray(x.shape[0], out.dtype) if by_row and x.ndim else out


def _kl_of(x: Array, y: Array, *, log_target: bool) -> Array:
    if log_target:
        return fnp.exp(y) * (y - x)
    # y log y has limit 0 at 0, and a finite unchosen branch.
    entropy = fnp.where(y == 0, 0, y * fnp.log(fnp.where(y == 0, 1, y)))
    return entropy - y * x


_kl = as_loss("kl_div", _kl_of)


def poisson_nll_loss(
    prediction: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    """Minus the log-probability of counts with a Poisson distribution.

    Args:
        prediction: f[...], the logarithm of the rate, or the rate itself.
        target: [...], the counts, of the same shape.
        log_input: whether ``prediction`` is the logarithm.
        full: whether to add Stirling's approximation of log target! where target > 1.
        eps: added to the rate before its logarithm is taken.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``prediction`` is not floating.
        ValueError: another ``reduction``.

    >>> poisson_nll_loss(fnp.zeros(2), fnp.asarray([0, 3]), reduction="none")
    Array([1., 1.], dtype=float32)

    Source: ``torch.nn.functional.poisson_nll_loss``.
    """
    check_reduction("poisson_nll_loss", reduction)
    x, y = real_operands("poisson_nll_loss", prediction=prediction, target=target)
    return _poisson(
        x, y.astype(fnp.result_type(x.dtype, y.dtype)), reduction=reduction,
        log_input=bool(log_input), full=bool(full), eps=float(eps),
    )  # fmt: skip


def _poisson_of(x: Array, y: Array, *, log_input: bool, full: bool, eps: float) -> Array:
    loss = fnp.exp(x) - y * x if log_input else x - y * fnp.log(x + eps)
    if full:
        many = fnp.where(y <= 1, 1, y)
        stirling = many * fnp.log(many) - many + 0.5 * fnp.log(2 * math.pi * many)
        loss = loss + fnp.where(y <= 1, 0, stirling)
    return loss


_poisson = as_loss("poisson_nll_loss", _poisson_of)


def gaussian_nll_loss(
    prediction: Array,
    target: Array,
    var: Array | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """Minus the log-density of a normal distribution: (log v + (prediction - target)² / v) / 2.

    Args:
        prediction: f[...], the means.
        target: [...], of the same shape.
        var: the variances v: f[...] of the same shape, of that shape without its last axis or with
            one axis of size 1, or a float.
        full: whether to add the constant log(2 pi) / 2.
        eps: the least variance to divide by; the derivative is that without this bound.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``prediction`` is not floating.
        ValueError: a variance is negative (and known), or another ``reduction``.

    >>> float(gaussian_nll_loss(fnp.zeros(2), fnp.asarray([1.0, 3.0]), 1.0))
    2.5

    Source: Nix and Weigend, ICNN 1994; ``torch.nn.functional.gaussian_nll_loss``.
    """
    name = "gaussian_nll_loss"
    check_reduction(name, reduction)
    x, y = real_operands(name, prediction=prediction, target=target)
    v = as_float(name, fnp.asarray(var, x.dtype) if isinstance(var, (int, float)) else var, "var")
    known = known_values(v)
    if known is not None and (known < 0).any():
        raise ValueError(
            f"nn.{name}: expected variances of at least 0; got {float(known.min())}. "
            "Remedy: exponentiate what a network predicts, for example."
        )
    shape, have = tuple(x.shape), tuple(v.shape)
    if have == shape[:-1] and len(shape):
        v = fnp.expand_dims(v, -1)
    elif have and have not in (shape, (*shape[:-1], 1)) and not _one_is_1(have, shape):
        raise ShapeError(
            f"nn.{name}: expected var of the shape of prediction, {shape}, of that without the "
            f"last axis, or with one axis of size 1; got {have}."
        )
    return _gaussian(x, y, v, reduction=reduction, full=bool(full), eps=float(eps))


def _one_is_1(have: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if len(have) != len(shape):
        return False
    return [m for m, n in zip(have, shape, strict=True) if m != n] == [1]


def _gaussian_of(x: Array, y: Array, v: Array, *, full: bool, eps: float) -> Array:
    v = v + fl.stop_gradient(relu(eps - v))
    loss = 0.5 * (fnp.log(v) + fnp.square(x - y) / v)
    return loss + 0.5 * math.log(2 * math.pi) if full else loss


_gaussian = as_loss("gaussian_nll_loss", _gaussian_of)

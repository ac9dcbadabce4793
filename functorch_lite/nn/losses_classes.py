"""Losses against classes: one of several, or yes and no."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import AxisError, ShapeError
from functorch_lite.nn.checks import as_array, as_float
from functorch_lite.nn.ranges import check_range, known_values
from functorch_lite.nn.reduction import (
    as_loss,
    check_reduction,
    class_indices,
    class_weight,
    real_operands,
    reduced,
    spread,
    with_reduction,
)
from functorch_lite.nn.softmax import log_softmax

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "bce_losses",
    "bce_pull",
    "bce_value",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "nll_loss",
    "with_logits_pull",
    "with_logits_value",
]


# --------------------------------------------------------------------------- one of several classes
def cross_entropy(
    logits: Array,
    target: Array,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: Array | None = None,
    label_smoothing: float = 0.0,
    axis: int | None = None,
) -> Array:
    """Minus the log-probability of the target classes.

    Args:
        logits: f[batch, classes, ...], or f[classes] for one example; unnormalised
            log-probabilities.
        target: i[batch, ...], or i[] for one example; class indices.  Or the probabilities of the
            classes, floats of the shape of ``logits``.
        reduction: "mean", "sum" or "none" over the examples.
        ignore_index: a target that stands for no class: such examples have loss 0, and the mean is
            that of the others.
        weight: f[classes], a factor for each class; with class indices the mean is divided by the
            weights of the targets.
        label_smoothing: the share of the uniform distribution in the target, from 0 to 1.
        axis: the axis of the classes; by default 1 as in PyTorch, and 0 for one example. It is -1
            for sequences f[batch, time, classes].

    Returns:
        f[], or an array like ``target`` for "none" (without the classes of probabilities).

    Raises:
        ShapeError: ``target`` has neither the shape of ``logits`` without the classes nor, with
            probabilities, that of ``logits``; or ``weight`` is not one number for each class.
        IndexRangeError: a target is no class. Where targets are traced nobody can say so: then they
            are clamped, negative ones to the first class.
        DtypeError: ``logits`` are not floating, or ``target`` holds no integers where it should.
        ValueError: another ``reduction``, or ``label_smoothing`` outside [0, 1].
        AxisError: ``axis`` is outside the dimensions.

    >>> float(cross_entropy(fnp.asarray([[0.0, 0.0]]), fnp.asarray([1]))).__round__(4)
    0.6931
    >>> float(cross_entropy(fnp.zeros((1, 2)), fnp.asarray([[0.5, 0.5]]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.cross_entropy``.
    """
    name = "cross_entropy"
    check_reduction(name, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"nn.{name}: expected label_smoothing between 0 and 1; got {label_smoothing}."
        )
    logits, target = as_float(name, logits, "logits"), as_array(name, target, "target")
    smoothing, at = float(label_smoothing), _axis(name, logits, axis)
    if logits.ndim and target.shape == logits.shape and target.dtype.kind not in "iub":
        target = as_float(name, target, "target")
        weight = class_weight(name, weight, logits.shape[at])
        return _by_probabilities(
            logits, target, weight, axis=at, reduction=reduction, smoothing=smoothing
        )
    return _by_indices(name, logits, target, weight, reduction, ignore_index, smoothing, at)


def nll_loss(
    log_probabilities: Array,
    target: Array,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: Array | None = None,
    axis: int | None = None,
) -> Array:
    """Minus the entry of each target class: :func:`cross_entropy` after :func:`log_softmax`.

    Args:
        log_probabilities: f[batch, classes, ...], or f[classes] for one example.
        target: i[batch, ...], or i[]; class indices.
        reduction: "mean", "sum" or "none" over the examples.
        ignore_index: a target that stands for no class; it does not count.
        weight: f[classes], a factor for each class; the mean is divided by those of the targets.
        axis: the axis of the classes, as in :func:`cross_entropy`.

    Returns:
        f[], or an array like ``target`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        IndexRangeError: a target is known and is no class.
        DtypeError: ``log_probabilities`` are not floating, or ``target`` holds no integers.
        ValueError: another ``reduction``.

    >>> nll_loss(fnp.asarray([[-1.0, -2.0], [-3.0, -4.0]]), fnp.asarray([1, 0]), "none")
    Array([2., 3.], dtype=float32)

    Source: ``torch.nn.functional.nll_loss``.
    """
    check_reduction("nll_loss", reduction)
    x = as_float("nll_loss", log_probabilities, "log_probabilities")
    y, at = as_array("nll_loss", target, "target"), _axis("nll_loss", x, axis)
    return _by_indices("nll_loss", x, y, weight, reduction, ignore_index, 0.0, at)


def _axis(name: str, logits: Array, axis: int | None) -> int:
    """The axis of the classes, counted from the front."""
    if axis is None:
        return 1 if logits.ndim > 1 else 0
    if not -logits.ndim <= axis < logits.ndim:
        raise AxisError(
            f"nn.{name}: expected axis to be one of the {logits.ndim} axes of shape "
            f"{tuple(logits.shape)}; got {axis}. Remedy: axis=-1, the last one."
        )
    return axis % logits.ndim


def _by_indices(
    name: str, x: Array, target: Array, weight: Any, reduction: str, ignore: int,
    smoothing: float, axis: int,
) -> Array:  # fmt: skip
    what = "logits" if name == "cross_entropy" else "log_probabilities"
    if not x.ndim or tuple(target.shape) != x.shape[:axis] + x.shape[axis + 1 :]:
        remedy = "indices without an axis of classes, or floating probabilities with one"
        if x.ndim > 2 and tuple(target.shape) == tuple(x.shape[:-1]):
            remedy = "axis=-1, if the classes come last"
        raise ShapeError(
            f"nn.{name}: expected {what} [batch, classes, ...] and target [batch, ...], with "
            f"the classes on axis {axis}; got {what} {tuple(x.shape)} and target "
            f"{tuple(target.shape)}. Remedy: {remedy}."
        )
    target = class_indices(name, target)
    counted = target != ignore
    classes = fnp.where(counted, target, 0)
    count = x.shape[axis]
    remedy = f"mark examples without a class with ignore_index, {ignore}"
    check_range(classes, count, f"nn.{name}: {count} classes take targets", remedy)
    weight = class_weight(name, weight, count)
    loss = _nll if name == "nll_loss" else _cross_entropy
    return loss(x, counted, classes, weight, axis=axis, reduction=reduction, smoothing=smoothing)


def _nll_of(
    logs: Array,
    counted: Array,
    classes: Array,
    weight: Array | None,
    *,
    axis: int,
    reduction: str,
    smoothing: float,
) -> Array:
    count = logs.shape[axis]
    classes = fnp.clip(classes, 0, max(count - 1, 0))
    chosen = fnp.take_along_axis(logs, fnp.expand_dims(classes, axis), axis=axis)
    losses = -fnp.squeeze(chosen, axis=axis)
    factors = counted
    if weight is not None:
        factors = fnp.where(counted, weight[classes], 0)
        losses = losses * weight[classes]
    if smoothing:
        uniform = -fnp.sum(_by_class(logs, weight, axis), axis=axis)
        losses = losses * (1 - smoothing) + uniform * (smoothing / count)
    losses = fnp.where(counted, losses, 0)
    out = reduced(losses, reduction)
    if reduction == "mean":
        wide = fnp.result_type(losses.dtype, "float32")  # 16 bits cannot count the examples
        share = losses.size / fnp.sum(factors, dtype=wide)
        out = out * share.astype(losses.dtype)
    return out


def _by_class(x: Array, weight: Array | None, axis: int) -> Array:
    if weight is None:
        return x
    return x * weight.reshape(*(-1 if i == axis else 1 for i in range(x.ndim)))


def _cross_entropy_of(logits: Array, *rest: Any, axis: int, **settings: Any) -> Array:
    return _nll_of(log_softmax(logits, axis=axis), *rest, axis=axis, **settings)


def _by_probabilities_of(
    logits: Array, target: Array, weight: Array | None, *, axis: int, reduction: str,
    smoothing: float,
) -> Array:  # fmt: skip
    if smoothing:
        target = target * (1 - smoothing) + smoothing / logits.shape[axis]
    products = _by_class(log_softmax(logits, axis=axis) * target, weight, axis)
    return reduced(-fnp.sum(products, axis=axis), reduction)


_nll = lax.composite(_nll_of, "nn.nll_loss")
_cross_entropy = lax.composite(_cross_entropy_of, "nn.cross_entropy")
_by_probabilities = lax.composite(_by_probabilities_of, "nn.cross_entropy")


# --------------------------------------------------------------------- yes and no, by probabilities
def _broadcasting(name: str, argument: str, value: Any, x: Array) -> Array | None:
    """A factor for each element, checked to broadcast to the shape of ``x``."""
    if value is None:
        return None
    value = fnp.asarray(value)
    try:
        fits = fnp.broadcast_shapes(value.shape, x.shape) == tuple(x.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"nn.{name}: expected {argument} to broadcast to shape {tuple(x.shape)}; got "
            f"{tuple(value.shape)}. Remedy: add axes of size 1 with fnp.expand_dims."
        )
    return value


def binary_cross_entropy(
    prediction: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> Array:
    """Minus the log-probability of yes and no: -y log x - (1 - y) log(1 - x).

    Logarithms are bounded at -100, and the derivative by x at 10¹²; prefer
    :func:`binary_cross_entropy_with_logits`, which needs no bounds.

    Args:
        prediction: f[...], probabilities x.
        target: [...], the share y of yes, of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        weight: a factor for each element; broadcasts. The mean stays that over the elements.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``prediction`` is not floating.
        ValueError: a ``prediction`` is known and no probability, or another ``reduction``.

    >>> float(binary_cross_entropy(fnp.asarray([0.5]), fnp.asarray([1]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.binary_cross_entropy``.
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction)
    x, y = real_operands(name, prediction=prediction, target=target)
    known = known_values(x)
    if known is not None:
        wrong = known[~((known >= 0) & (known <= 1))]
        if wrong.size:
            raise ValueError(
                f"nn.{name}: expected probabilities between 0 and 1; got {float(wrong.flat[0])}. "
                f"Remedy: pass scores to nn.{name}_with_logits."
            )
    return _bce(
        x, y.astype(fnp.result_type(x.dtype, y.dtype)),
        _broadcasting(name, "weight", weight, x), reduction=reduction,
    )  # fmt: skip


def bce_losses(x: Array, y: Array) -> Array:
    """The loss of every element, for :func:`binary_cross_entropy`.

    >>> bce_losses(fnp.asarray([0.0]), fnp.asarray([1.0]))
    Array([100.], dtype=float32)
    """
    return (y - 1) * fnp.maximum(fnp.log1p(-x), -100.0) - y * fnp.maximum(fnp.log(x), -100.0)


@functools.cache  # made by the first call: this module is loaded before the transforms are
def _yes_or_no() -> Callable[[Array, Array], Array]:
    losses = fl.custom_jvp(bce_losses)

    @losses.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (x, y), (of_x, of_y) = primals, tangents
        by_y = fnp.maximum(fnp.log1p(-x), -100.0) - fnp.maximum(fnp.log(x), -100.0)
        return bce_losses(x, y), of_x * _bce_slope(x, y) + of_y * by_y

    return losses


def _bce_slope(x: Array, y: Array) -> Array:
    # Half precision has no 1e-12.
    least = 1e-12 if x.dtype.itemsize > 2 else float(fnp.finfo(x.dtype).tiny)
    return (x - y) / fnp.maximum((1 - x) * x, least)


def _bce_of(x: Array, y: Array, weight: Array | None) -> Array:
    losses = _yes_or_no()(x, y)
    return losses if weight is None else losses * weight


_bce = as_loss("binary_cross_entropy", _bce_of)


def bce_value(x: Array, y: Array, w: Array | None, *, reduction: str) -> Array:
    """The arithmetic of :func:`binary_cross_entropy`, with the derivative of what is written.

    >>> bce_value(fnp.asarray([0.0]), fnp.asarray([1.0]), None, reduction="sum")
    Array(100., dtype=float32)
    """
    losses = bce_losses(x, y)
    return reduced(losses if w is None else losses * w, reduction)


def bce_pull(g: Array, x: Array, y: Array, w: Array | None, *, wanted: Any, reduction: str) -> Any:
    """Cotangents of the operands of :func:`binary_cross_entropy`, those ``wanted``.

    >>> a = fnp.asarray([0.5])
    >>> bce_pull(a, a, 0 * a, None, wanted=(True, False), reduction="sum")
    (Array([1.], dtype=float32), None, None)
    """
    g = spread(g, x, reduction)
    if w is not None:
        g = g * w
    of_x = g * _bce_slope(x, y) if wanted[0] else None
    return of_x, g * (fnp.log1p(-x) - fnp.log(x)) if wanted[1] else None, None


# ---------------------------------------------------------------------------- yes and no, by scores
def binary_cross_entropy_with_logits(
    logits: Array,
    target: Array,
    reduction: str = "mean",
    weight: Array | None = None,
    pos_weight: Array | None = None,
) -> Array:
    """Minus the log-probability of yes and no, from scores: -y log s(x) - (1 - y) log(1 - s(x)).

    Args:
        logits: f[...], scores x; s is the sigmoid.
        target: [...], the share y of yes, of the same shape.
        reduction: "mean", "sum" or "none" over all elements.
        weight: a factor for each element; broadcasts. The mean stays that over the elements.
        pos_weight: a factor for each yes; broadcasts.

    Returns:
        f[], or an array like ``logits`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``logits`` are not floating.
        ValueError: another ``reduction``.

    >>> float(binary_cross_entropy_with_logits(fnp.zeros(1), fnp.asarray([1]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.binary_cross_entropy_with_logits``.
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    x, y = real_operands(name, logits=logits, target=target)
    weight = _broadcasting(name, "weight", weight, x)
    pos_weight = _broadcasting(name, "pos_weight", pos_weight, x)
    return _with_logits(x, y, weight, pos_weight, reduction=reduction)


def _minus_log_sigmoid(x: Array) -> Array:
    return fnp.logaddexp(-x, 0.0)


def _with_logits_of(x: Array, y: Array, w: Array | None, p: Array | None) -> Array:
    base = _minus_log_sigmoid(x)
    if p is not None:
        base = base * ((p - 1) * y + 1)
    loss = (1 - y) * x + base
    return loss if w is None else loss * w


with_logits_value = with_reduction(_with_logits_of)
_with_logits = lax.composite(with_logits_value, "nn.binary_cross_entropy_with_logits")


def with_logits_pull(
    g: Array, x: Array, y: Array, w: Array | None, p: Array | None, *, wanted: Any, reduction: str
) -> Any:
    """Cotangents of the operands of :func:`binary_cross_entropy_with_logits`, those ``wanted``.

    >>> a = fnp.asarray([1.0])
    >>> with_logits_pull(a, 0 * a, a, None, None, wanted=(True, False), reduction="sum")[0]
    Array([-0.5], dtype=float32)
    """
    g = spread(g, x, reduction)
    if w is not None:
        g = g * w
    of_x = of_y = None
    if wanted[0]:
        chance = lax.logistic(x)
        if p is None:
            of_x = (chance - y) * g
        else:
            yes = p * y
            of_x = ((yes + 1 - y) * chance - yes) * g
    if wanted[1]:
        of_y = -x * g if p is None else ((p - 1) * _minus_log_sigmoid(x) - x) * g
    return of_x, of_y, None, None

"""Losses, with PyTorch's names and reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.ranges import check_range
from functorch_lite.nn.softmax import log_softmax

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["cross_entropy", "mse_loss"]

_REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: Array, target: Array, reduction: str = "mean", ignore_index: int = -100
) -> Array:
    """Minus the log-probability of the target classes.

    Args:
        logits: f[batch, classes, ...], or f[classes] for one example; unnormalised
            log-probabilities.
        target: i[batch, ...], or i[] for one example; class indices.
        reduction: "mean", "sum" or "none" over the examples.
        ignore_index: a target that stands for no class: such examples have loss 0, and the mean is
            that of the others.

    Returns:
        f[], or an array like ``target`` for "none".

    Raises:
        ShapeError: ``target`` has not the shape of ``logits`` without the classes.
        IndexRangeError: a target is no class. Where targets are traced nobody can say so: then they
            are clamped, negative ones to the first class.
        DtypeError: ``target`` does not hold integers.
        ValueError: another ``reduction``.

    >>> float(cross_entropy(fnp.asarray([[0.0, 0.0]]), fnp.asarray([1]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.cross_entropy``.
    """
    axis = 1 if logits.ndim > 1 else 0
    if not logits.ndim or tuple(target.shape) != logits.shape[:axis] + logits.shape[axis + 1 :]:
        raise ShapeError(
            "nn.cross_entropy: expected logits [batch, classes, ...] and target [batch, ...]; "
            f"got logits {tuple(logits.shape)} and target {tuple(target.shape)}."
        )
    if target.dtype.kind not in "iu":
        raise DtypeError(
            "nn.cross_entropy: expected integer class indices as target; "
            f"got {target.dtype.name}. Remedy: target.astype('int64')."
        )
    counted = target != ignore_index
    classes = fnp.where(counted, target, 0)
    count = logits.shape[axis]
    remedy = f"mark examples without a class with ignore_index, {ignore_index}"
    check_range(classes, count, f"nn.cross_entropy: {count} classes take targets", remedy)
    return _cross_entropy(logits, counted, classes, axis=axis, reduction=reduction)


def _cross_entropy_of(
    logits: Array, counted: Array, classes: Array, *, axis: int, reduction: str
) -> Array:
    last = max(logits.shape[axis] - 1, 0)
    classes = fnp.expand_dims(fnp.clip(classes, 0, last), axis)
    chosen = fnp.take_along_axis(log_softmax(logits, axis=axis), classes, axis=axis)
    losses = fnp.where(counted, -fnp.squeeze(chosen, axis=axis), 0)
    reduced = _reduce("cross_entropy", losses, reduction)
    if reduction == "mean":
        wide = fnp.result_type(losses.dtype, "float32")  # 16 bits cannot count the examples
        share = losses.size / fnp.sum(counted, dtype=wide)
        reduced = reduced * share.astype(losses.dtype)
    return reduced


_cross_entropy = lax.composite(_cross_entropy_of, "nn.cross_entropy")


def mse_loss(prediction: Array, target: Array, reduction: str = "mean") -> Array:
    """The squared error (prediction - target)².

    Args:
        prediction: f[...].
        target: f[...], of the same shape.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``prediction`` for "none".

    Raises:
        ShapeError: the shapes differ; broadcasting here is nearly always a mistake.
        ValueError: another ``reduction``.

    >>> float(mse_loss(fnp.asarray([1.5, 2.5, 3.5]), fnp.asarray([1.0, 2.0, 3.0])))
    0.25

    Source: ``torch.nn.functional.mse_loss``.
    """
    if tuple(prediction.shape) != tuple(target.shape):
        raise ShapeError(
            "nn.mse_loss: expected prediction and target of one shape; "
            f"got {tuple(prediction.shape)} and {tuple(target.shape)}."
        )
    return _mse_loss(prediction, target, reduction=reduction)


def _mse_loss_of(prediction: Array, target: Array, *, reduction: str) -> Array:
    return _reduce("mse_loss", fnp.square(prediction - target), reduction)


_mse_loss = lax.composite(_mse_loss_of, "nn.mse_loss")


def _reduce(name: str, loss: Array, reduction: str) -> Array:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"nn.{name}: expected reduction in {_REDUCTIONS}; got {reduction!r}.")
    if reduction == "none":
        return loss
    return fnp.mean(loss) if reduction == "mean" else fnp.sum(loss)

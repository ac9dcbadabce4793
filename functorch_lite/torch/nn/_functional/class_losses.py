"""Losses against classes and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.nn.losses_classes import (
    bce_pull,
    bce_value,
    with_logits_pull,
    with_logits_value,
)
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.matrix_products import unsafe_view
from functorch_lite.torch._ops.softmax import log_softmax
from functorch_lite.torch.nn._functional.pulled import Pulled, not_differentiable
from functorch_lite.torch.nn._functional.reduction import check_reduction, legacy

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss",
]  # fmt: skip


# ---------------------------------------------------------------------------------- class indices
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probability of each target class.

    Args:
        input: f[batch, classes, ...] or f[classes], log-probabilities.
        target: int64[batch, ...] or int64[].
        weight: f[classes], a factor for each class.
        ignore_index: the target that does not count.
        reduction: "mean" divides by the sum of the weights of the targets; "sum", "none".

    Raises:
        ValueError: the batches differ.
        IndexError: a target is no class.

    Source: ``torch.nn.functional.nll_loss``.
    """
    return _nll(input, target, weight, legacy(size_average, reduce, reduction), ignore_index)


def _nll(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore: int
) -> Tensor:
    x, t = input._np, target._np
    check_reduction(reduction)
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if x.ndim != 1 and x.shape[0] != t.shape[:1][0] if t.ndim else x.ndim != 1:
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size "
            f"({t.shape[0] if t.ndim else 0})."
        )
    if t.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}"
        )
    axis = 0 if x.ndim == 1 else 1
    if x.ndim > 1 and t.shape != (x.shape[0], *x.shape[2:]):
        wanted = [x.shape[0], *x.shape[2:]]
        raise RuntimeError(f"Expected target size {wanted}, got {list(t.shape)}")
    classes = x.shape[axis]
    if weight is not None and weight._np.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight._np.shape)}"
        )
    w = None if weight is None else weight._np
    chosen, factors = _factors(t, w, x.dtype, classes, ignore)
    picked = np.take_along_axis(x, np.expand_dims(chosen, axis), axis)
    with np.errstate(invalid="ignore"):
        losses = -(picked.reshape(t.shape) * factors)
    ignored = t == ignore
    if ignored.any():
        losses = np.where(ignored, 0, losses).astype(x.dtype)
    data: Any
    if reduction == "none":
        data = losses
    else:
        wide = np.float32 if x.dtype.itemsize == 2 else x.dtype
        data = losses.sum(dtype=wide)
        if reduction == "mean":
            with np.errstate(all="ignore"):
                data = data / factors.sum(dtype=wide)
        data = data.astype(x.dtype)
    out = make(data)
    if wants_grad((input,)):
        if weight is not None and needs_grad(weight):
            raise not_differentiable("nll_loss_forward", "weight")
        kept = (target,) if weight is None else (target, weight)
        name = "NllLossBackward0" if x.ndim < 3 else "NllLoss2DBackward0"
        rule = _NllRule(x.shape, x.dtype, axis, reduction, ignore)
        attach(out, keep(name, (input,), kept, rule))
    if reduction == "none" and x.ndim not in (1, 2, 4):
        # PyTorch computes these as images.
        return unsafe_view(out, t.shape, "ViewBackward0")
    return out


def _factors(t: Any, w: Any, dtype: Any, classes: int, ignore: int) -> tuple[Any, Any]:
    """The classes, 0 where ignored, and what each example counts for."""
    counted = t != ignore
    chosen = np.where(counted, t, 0).astype(np.int64)
    wrong = (chosen < 0) | (chosen >= classes)
    if wrong.any():
        raise IndexError(f"Target {int(t[wrong].flat[0])} is out of bounds.")
    if w is None:
        return chosen, counted.astype(dtype)
    return chosen, np.where(counted, w[chosen], 0).astype(dtype)


class _NllRule:
    """The gradient: a multiple of what arrives, at the place of each target."""

    __slots__ = ("axis", "dtype", "ignore", "reduction", "shape")

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, axis: int, reduction: str, ignore: int
    ) -> None:
        self.shape, self.dtype, self.axis = shape, dtype, axis
        self.reduction, self.ignore = reduction, ignore

    def __call__(self, g: Any, target: Tensor, weight: Tensor | None = None) -> Tensor:
        axis = self.axis
        w = None if weight is None else weight._np
        chosen, factors = _factors(target._np, w, self.dtype, self.shape[axis], self.ignore)
        if self.reduction == "mean":
            total = factors.sum()
            factors = factors / np.where(total == 0, 1, total).astype(self.dtype)
        at = np.expand_dims(chosen, axis)
        if is_symbol(at):
            ranks = [-1 if i == axis else 1 for i in range(len(self.shape))]
            spots = np.arange(self.shape[axis]).reshape(ranks)
            multiples = make(np.where(spots == at, np.expand_dims(-factors, axis), 0))
            return multiples * (g.unsqueeze(axis) if self.reduction == "none" else g)
        if not mode.enabled:
            found = np.zeros(self.shape, self.dtype)
            np.put_along_axis(found, at, np.expand_dims(-factors * g._np, axis), axis)
            return make(found)
        places = np.zeros(self.shape, self.dtype)
        np.put_along_axis(places, at, np.expand_dims(-factors, axis), axis)
        return make(places) * (g.unsqueeze(axis) if self.reduction == "none" else g)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Minus the log-probability of the target classes, from scores.

    Args:
        input: f[batch, classes, ...] or f[classes], scores of any size.
        target: int64[batch, ...] classes, or probabilities of the shape of ``input``.
        weight: f[classes], a factor for each class.
        ignore_index: the target that does not count.
        reduction: "mean" divides by the sum of the weights of the targets; "sum", "none".
        label_smoothing: the share of a uniform distribution in the target, 0 to 1.

    Raises:
        ValueError: the batches differ.
        IndexError: a target is no class.

    Source: ``torch.nn.functional.cross_entropy``.
    """
    reduction = legacy(size_average, reduce, reduction)
    check_reduction(reduction)
    x, t = input._np, target._np
    axis = 0 if x.ndim == 1 else 1
    if x.shape == t.shape:
        if t.dtype.kind in "iub":
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{target.dtype.scalar_name}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        _check_smoothing(label_smoothing)
        return _by_probabilities(input, target, weight, reduction, label_smoothing, axis)
    _check_smoothing(label_smoothing)
    logs = log_softmax(input, axis)
    if label_smoothing:
        return _smoothed(logs, target, weight, reduction, ignore_index, label_smoothing, axis)
    return _nll(logs, target, weight, reduction, ignore_index)


def _check_smoothing(share: float) -> None:
    if not 0.0 <= share <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {share}")


def _by_class(weight: Any, ndim: int, axis: int) -> Any:
    """A weight for each class, in the places of the classes."""
    return weight.view([-1 if i == axis else 1 for i in range(ndim)])


def _by_probabilities(
    input: Any, target: Any, weight: Any, reduction: str, smoothing: float, axis: int
) -> Tensor:
    logs = log_softmax(input, axis)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input._np.shape[axis]
    loss = logs * target
    if weight is not None:
        loss = loss * _by_class(weight, input._np.ndim, axis)
    if reduction == "none":
        return -loss.sum(axis)
    total = -loss.sum()
    if reduction == "sum":
        return total
    return _divided(total, input._np.size // max(input._np.shape[axis], 1))


def _divided(t: Any, count: int) -> Tensor:
    with np.errstate(all="ignore"):
        out = make(t._np / np.asarray(count, t._np.dtype))
    if wants_grad((t,)):
        attach(out, formula("DivBackward1", (t,), lambda g: _divided(g, count)))
    return out


def _smoothed(
    logs: Any, target: Any, weight: Any, reduction: str, ignore: int, smoothing: float, axis: int
) -> Tensor:
    nll: Any = _nll(logs, target, weight, reduction, ignore)
    classes = logs._np.shape[axis]
    if weight is None:
        smooth = -logs.sum(axis)
    else:
        smooth = -(logs * _by_class(weight, logs._np.ndim, axis)).sum(axis)
    ignored = target == ignore
    smooth = smooth.masked_fill(ignored, 0.0)
    if reduction == "sum":
        smooth = smooth.sum()
    elif reduction == "mean":
        counted = target._np != ignore
        if weight is None:
            total: Any = make(counted.sum()) if is_symbol(counted) else int(counted.sum())
        else:
            total = weight[make(np.where(counted, target._np, 0))].masked_fill(ignored, 0).sum()
        smooth = smooth.sum() / total
    return nll * (1 - smoothing) + smooth * (smoothing / classes)


# ----------------------------------------------------------------------------- two classes: chances
BCE = Pulled(
    "BinaryCrossEntropyBackward0", bce_value, bce_pull,
    constants={2: ("binary_cross_entropy", "weight")},
)  # fmt: skip


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probability of yes and no, from probabilities.

    Args:
        input: f[...], between 0 and 1.
        target: of the shape and dtype of ``input``.
        weight: a factor for each element; broadcasts.

    Raises:
        ValueError: the shapes differ.
        RuntimeError: an element of ``input`` is no probability.

    Source: ``torch.nn.functional.binary_cross_entropy``.
    """
    reduction = legacy(size_average, reduce, reduction)
    check_reduction(reduction)
    if input._np.shape != target._np.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None and weight._np.shape != input._np.shape:
        weight = weight.expand(input._np.shape)
    if input._np.dtype != target._np.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype.scalar_name} but expected {input.dtype.scalar_name}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"binary_cross_entropy\" not implemented for '{input.dtype.scalar_name}'"
        )
    if not ((input._np >= 0) & (input._np <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    return BCE((input, target, weight), reduction=reduction)


# ------------------------------------------------------------------------------ two classes: scores
_WITH_LOGITS = "binary_cross_entropy_with_logits"
LOGITS = Pulled(
    "BinaryCrossEntropyWithLogitsBackward0", with_logits_value, with_logits_pull,
    constants={2: (_WITH_LOGITS, "weight"), 3: (_WITH_LOGITS, "pos_weight")},
)  # fmt: skip


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Any = None,
) -> Tensor:  # fmt: skip
    """Minus the log-probability of yes and no, from scores.

    Args:
        input: f[...], scores of any size.
        target: of the shape of ``input``.
        weight: a factor for each element; broadcasts.
        pos_weight: a factor for each yes; broadcasts.

    Raises:
        ValueError: the shapes differ.

    Source: ``torch.nn.functional.binary_cross_entropy_with_logits``.
    """
    reduction = legacy(size_average, reduce, reduction)
    if input._np.shape != target._np.shape:
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    check_reduction(reduction)
    target = target.to(input.dtype)
    return LOGITS((input, target, weight, pos_weight), reduction=reduction)

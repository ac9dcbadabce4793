"""Losses that ask for a margin between what should be near and what should be far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.nn.losses_margin import multi_margin_pull, multi_margin_value
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.activations import FUNCTIONAL
from functorch_lite.torch.nn._functional.distances import pairwise_distance
from functorch_lite.torch.nn._functional.pulled import Pulled
from functorch_lite.torch.nn._functional.reduction import (
    check_reduction,
    legacy,
    put_together,
)

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """A distance where the target is 1, what it lacks of a margin where it is -1.

    Source: ``torch.nn.functional.hinge_embedding_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    far = (margin - input).clamp_min(0).masked_fill(target == 1, 0)
    near = input.masked_fill(target == -1, 0)
    return put_together(far + near, reduction)


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """What the order of two inputs lacks of a margin; the target, 1 or -1, names the larger.

    Source: ``torch.nn.functional.margin_ranking_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    if not input1._np.ndim == input2._np.ndim == target._np.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return put_together((-target * (input1 - input2) + margin).clamp_min(0), reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cosine where the target is 1, the cosine beyond a margin where it is -1.

    Args:
        input1, input2: f[batch, size] or f[size].
        target: [batch] or [].

    Source: ``torch.nn.functional.cosine_embedding_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    dims = target._np.ndim
    if dims not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if dims == 1 and (input1._np.ndim != 2 or input2._np.ndim != 2):
        raise RuntimeError(
            "1D target tensor expects 2D input tensors, but found inputs with sizes "
            f"{list(input1._np.shape)} and {list(input2._np.shape)}."
        )
    if dims == 0 and (input1._np.ndim != 1 or input2._np.ndim != 1):
        raise RuntimeError(
            "0D target tensor expects 1D input tensors, but found inputs with sizes "
            f"{list(input1._np.shape)} and {list(input2._np.shape)}."
        )
    # The lengths here are sums of squares with a small number added, not bounded from below.
    tiny = 1e-12
    a = (input1 * input1).sum(dims) + tiny
    b = (input2 * input2).sum(dims) + tiny
    cosine = (input1 * input2).sum(dims) / (a * b).sqrt()
    near = (1 - cosine).masked_fill(target != 1, 0)
    far = (cosine - margin).clamp_min(0).masked_fill(target != -1, 0)
    return put_together(near + far, reduction)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """What the negative lacks in distance: max(d(anchor, positive) - d(anchor, negative) + m, 0).

    Args:
        anchor, positive, negative: f[..., size].
        p, eps: of the distances.
        swap: whether the negative's distance is also measured from the positive.

    Source: ``torch.nn.functional.triplet_margin_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = {t._np.ndim for t in (anchor, positive, negative)}
    if len(dims) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor._np.ndim}D, positive {positive._np.ndim}D, and "
            f"negative {negative._np.ndim}D inputs"
        )
    near: Any = pairwise_distance(anchor, positive, p, eps)
    far: Any = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return put_together((margin + near - far).clamp_min(0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *,
    distance_function: Callable[[Any, Any], Any] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``triplet_margin_loss`` with another distance.

    Source: ``torch.nn.functional.triplet_margin_with_distance_loss``.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    near: Any = distance(anchor, positive)
    far: Any = distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return put_together((margin + near - far).clamp_min(0), reduction)


# ------------------------------------------------------------------------------------- many classes
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over classes of yes-or-no losses, from scores.

    Source: ``torch.nn.functional.multilabel_soft_margin_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    logsigmoid = FUNCTIONAL["logsigmoid"]
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    axis = loss._np.ndim - 1
    return put_together(loss.sum(axis) / loss._np.shape[axis], reduction)


MARGINS = Pulled(
    "MultiMarginLossBackward0", multi_margin_value, multi_margin_pull, fuse=False,
    constants={1: ("multi_margin_loss", "weight")},
)  # fmt: skip


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """What the score of the target lacks of a margin above each other one, to a power.

    Args:
        input: f[batch, classes] or f[classes].
        target: int64[batch] or int64[].
        p: 1 or 2.
        weight: f[classes].

    Source: ``torch.nn.functional.multi_margin_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._np.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if not input._np.ndim:
        input = input.unsqueeze(0)
    x, t = input._np, target._np
    if x.ndim not in (1, 2):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(x.shape)}"
        )
    alone = x.ndim == 1
    rows = input.unsqueeze(0) if alone else input
    at = target.reshape(-1)
    if at._np.size != rows._np.shape[0]:
        raise RuntimeError(
            f"inconsistent target size, expected {rows._np.shape[0]} but got {list(t.shape)}"
        )
    if t.size and (t.min() < 0 or t.max() >= x.shape[-1]):
        raise RuntimeError("target out of range")
    params = {"p": int(p), "margin": float(margin)}
    if alone and reduction == "none":
        reduction = "sum"  # of the only row
    return MARGINS((rows, weight, at), reduction=reduction, **params)


# ------------------------------------------------------------------------------------- many targets
def _labels(target: Any, classes: int) -> tuple[Any, Any]:
    """[rows, classes]: how often a class is listed before the first -1, and whether it is."""
    ends = np.cumsum(target < 0, axis=1) > 0
    counts = np.zeros(target.shape, np.int64)
    rows = np.broadcast_to(np.arange(target.shape[0])[:, None], target.shape)
    listed = ~ends
    np.add.at(counts, (rows[listed], target[listed]), 1)
    return counts, counts > 0


def _multilabel(x: Any, counts: Any, listed: Any) -> tuple[Any, Any]:
    """Losses of the rows, and their slopes by each score."""
    z = 1 - x[:, :, None] + x[:, None, :]
    pays = (z > 0) & ~listed[:, None, :]
    loss = (np.where(pays, z, 0) * counts[:, :, None]).sum((1, 2)) / x.shape[1]
    weight = pays * counts[:, :, None]
    return loss, (weight.sum(1) - weight.sum(2)) / x.shape[1]


class _MultilabelRule:
    """The gradient of the loss below: constant slopes."""

    __slots__ = ("reduction", "shape")

    def __init__(self, shape: tuple[int, ...], reduction: str) -> None:
        self.shape, self.reduction = shape, reduction

    def __call__(self, g: Any, input: Any, target: Any) -> Tensor:
        rows = input._np.reshape(-1, self.shape[-1])
        _, slope = _multilabel(rows, *_labels(target._np.reshape(rows.shape), rows.shape[1]))
        if self.reduction == "mean":
            slope = slope / len(rows)
        slope = make(slope.reshape(self.shape).astype(rows.dtype))
        if self.reduction == "none" and len(self.shape) == 2:
            g = g.unsqueeze(1)
        return slope * g


def multilabel_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """What the scores of the listed classes lack of a margin of 1 above each other one.

    Args:
        input: f[batch, classes] or f[classes].
        target: int64 like ``input``: the classes of each row, up to the first -1.

    Source: ``torch.nn.functional.multilabel_margin_loss``.
    """
    reduction = legacy(size_average, reduce, reduction)
    check_reduction(reduction)
    if not input._np.ndim and not target._np.ndim:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    x, t = input._np, target._np
    if x.ndim not in (1, 2) or not x.shape[-1]:
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(x.shape)}"
        )
    if t.shape != x.shape:
        raise RuntimeError(f"inconsistent target size: {list(t.shape)} for input of size: "
                           f"{list(x.shape)}")  # fmt: skip
    rows = x.reshape(-1, x.shape[-1])
    loss, _ = _multilabel(rows, *_labels(t.reshape(rows.shape), rows.shape[1]))
    data: Any = loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
    if reduction == "none" and x.ndim == 1:
        data = loss[0]
    out = make(np.asarray(data, x.dtype))
    if wants_grad((input,)):
        rule = _MultilabelRule(x.shape, reduction)
        attach(out, keep("MultilabelMarginLossBackward0", (input,), (input, target), rule))
    return out

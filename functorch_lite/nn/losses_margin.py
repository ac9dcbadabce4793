"""Losses that ask for a margin between what should be near and what should be far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import IndexRangeError, ShapeError
from functorch_lite.nn.activations_piecewise import relu
from functorch_lite.nn.checks import as_array, as_float
from functorch_lite.nn.ranges import check_range, known_values
from functorch_lite.nn.reduction import (
    as_loss,
    check_reduction,
    class_indices,
    class_weight,
    positive_part,
    real_operands,
    reduced,
)
from functorch_lite.nn.vectors import pairwise_distance

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multi_margin_pull",
    "multi_margin_value",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


# ------------------------------------------------------------------------------------- two targets
def soft_margin_loss(x: Array, target: Array, reduction: str = "mean") -> Array:
    """log(1 + exp(-target x)), without overflow.

    Args:
        x: f[...], scores.
        target: [...], 1 or -1, of the same shape.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``x`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``x`` is not floating.
        ValueError: another ``reduction``.

    >>> float(soft_margin_loss(fnp.zeros(2), fnp.asarray([1, -1]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.soft_margin_loss``.
    """
    check_reduction("soft_margin_loss", reduction)
    x, y = real_operands("soft_margin_loss", x=x, target=target)
    return _soft_margin(x, y, reduction=reduction)


_soft_margin = as_loss("soft_margin_loss", lambda x, y: fnp.logaddexp(-y * x, 0.0))


def hinge_embedding_loss(
    x: Array, target: Array, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """x where the target is 1, max(margin - x, 0) where it is -1.

    Args:
        x: f[...], distances.
        target: [...], 1 or -1, of the same shape.
        margin: the distance from which on the far ones cost nothing.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``x`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``x`` is not floating.
        ValueError: another ``reduction``.

    >>> hinge_embedding_loss(fnp.asarray([2.0, 0.25]), fnp.asarray([1, -1]), reduction="none")
    Array([2.  , 0.75], dtype=float32)

    Source: ``torch.nn.functional.hinge_embedding_loss``.
    """
    check_reduction("hinge_embedding_loss", reduction)
    x, y = real_operands("hinge_embedding_loss", x=x, target=target)
    return _hinge(x, y, reduction=reduction, margin=float(margin))


def _hinge_of(x: Array, y: Array, *, margin: float) -> Array:
    far = fnp.where(y == 1, 0, positive_part(margin - x))
    return far + fnp.where(y == -1, 0, x)


_hinge = as_loss("hinge_embedding_loss", _hinge_of)


def margin_ranking_loss(
    x1: Array, x2: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """max(margin - target (x1 - x2), 0); the target names the larger one: 1 for x1, -1 for x2.

    Args:
        x1, x2: f[...], of one shape.
        target: [...], 1 or -1, of the same shape.
        margin: by how much the larger one has to be larger.
        reduction: "mean", "sum" or "none" over all elements.

    Returns:
        f[], or an array like ``x1`` for "none".

    Raises:
        ShapeError: the shapes differ.
        DtypeError: ``x1`` is not floating.
        ValueError: another ``reduction``.

    >>> margin_ranking_loss(fnp.ones(2), fnp.zeros(2), fnp.asarray([1, -1]), reduction="none")
    Array([0., 1.], dtype=float32)

    Source: ``torch.nn.functional.margin_ranking_loss``.
    """
    check_reduction("margin_ranking_loss", reduction)
    x1, x2, y = real_operands("margin_ranking_loss", x1=x1, x2=x2, target=target)
    return _ranking(x1, x2, y, reduction=reduction, margin=float(margin))


def _ranking_of(x1: Array, x2: Array, y: Array, *, margin: float) -> Array:
    return positive_part(-y * (x1 - x2) + margin)


_ranking = as_loss("margin_ranking_loss", _ranking_of)


# ----------------------------------------------------------------------------------------- vectors
def cosine_embedding_loss(
    x1: Array, x2: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """1 - cosine where the target is 1, max(cosine - margin, 0) where it is -1.

    Args:
        x1, x2: f[batch, size] or f[size].
        target: [batch] or [], 1 or -1.
        margin: the cosine up to which the far ones cost nothing.
        reduction: "mean", "sum" or "none" over the examples.

    Returns:
        f[], or an array like ``target`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``x1`` is not floating.
        ValueError: another ``reduction``.

    >>> float(cosine_embedding_loss(fnp.ones(2), fnp.ones(2), fnp.asarray(-1)))
    1.0

    Source: ``torch.nn.functional.cosine_embedding_loss``.
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction)
    x1, x2 = real_operands(name, x1=x1, x2=x2)
    y = as_array(name, target, "target")
    if not 1 <= x1.ndim <= 2 or tuple(y.shape) != tuple(x1.shape[:-1]):
        raise ShapeError(
            f"nn.{name}: expected x1 and x2 [batch, size] with target [batch], or [size] with "
            f"target []; got {tuple(x1.shape)} and target {tuple(y.shape)}."
        )
    return _cosine(x1, x2, y, reduction=reduction, margin=float(margin))


def _cosine_of(x1: Array, x2: Array, y: Array, *, margin: float) -> Array:
    tiny = 1e-12  # PyTorch's; the lengths are not bounded from below but shifted
    a, b = fnp.sum(x1 * x1, axis=-1) + tiny, fnp.sum(x2 * x2, axis=-1) + tiny
    cosine = fnp.sum(x1 * x2, axis=-1) / fnp.sqrt(a * b)
    far = fnp.where(y == -1, positive_part(cosine - margin), 0)
    return fnp.where(y == 1, 1 - cosine, 0) + far


_cosine = as_loss("cosine_embedding_loss", _cosine_of)


def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), d the p-norm distance.

    Args:
        anchor, positive, negative: f[..., size].
        margin: by how much the negative has to be farther; positive.
        p, eps: as in :func:`pairwise_distance`.
        swap: whether the negative's distance is also measured from the positive, and the smaller
            one taken.
        reduction: "mean", "sum" or "none" over the examples.

    Returns:
        f[], or f[...] for "none".

    Raises:
        ShapeError: the ranks differ or the shapes do not broadcast.
        DtypeError: an operand is not floating.
        ValueError: ``margin`` is not positive, or another ``reduction``.

    >>> a = fnp.zeros((1, 2))
    >>> float(triplet_margin_loss(a, a, fnp.asarray([[0.0, 0.5]]), eps=0.0))
    0.5

    Source: Balntas et al., BMVC 2016; ``torch.nn.functional.triplet_margin_loss``.
    """

    def distance(x1: Array, x2: Array) -> Array:
        return pairwise_distance(x1, x2, p, eps)

    operands = (anchor, positive, negative)
    return _triplet("triplet_margin_loss", operands, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    *,
    distance_function: Callable[[Array, Array], Array] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """:func:`triplet_margin_loss` with another distance.

    Args:
        anchor, positive, negative: f[..., size].
        distance_function: of two arrays; :func:`pairwise_distance` by default.
        margin, swap, reduction: as in :func:`triplet_margin_loss`.

    Returns:
        f[], or what the distance has for "none".

    Raises:
        ShapeError: the ranks differ.
        ValueError: ``margin`` is not positive, or another ``reduction``.

    >>> a = fnp.zeros((1, 2))
    >>> l1 = lambda x, y: fnp.sum(fnp.abs(x - y), axis=-1)
    >>> float(triplet_margin_with_distance_loss(a, a, a + 0.25, distance_function=l1))
    0.5

    Source: ``torch.nn.functional.triplet_margin_with_distance_loss``.
    """
    return _triplet(
        "triplet_margin_with_distance_loss",
        (anchor, positive, negative),
        pairwise_distance if distance_function is None else distance_function,
        margin,
        swap,
        reduction,
    )


def _triplet(
    name: str,
    operands: tuple[Any, Any, Any],
    distance: Callable[[Array, Array], Array],
    margin: float,
    swap: bool,
    reduction: str,
) -> Array:
    check_reduction(name, reduction)
    if margin <= 0:
        raise ValueError(f"nn.{name}: expected a positive margin; got {margin}.")
    names = ("anchor", "positive", "negative")
    a, p, n = (as_float(name, x, what) for x, what in zip(operands, names, strict=True))
    if not a.ndim == p.ndim == n.ndim or not a.ndim:
        shapes = ", ".join(str(tuple(x.shape)) for x in (a, p, n))
        raise ShapeError(
            f"nn.{name}: expected anchor, positive and negative of one rank, [..., size]; got "
            f"{shapes}. Remedy: x[None] adds an axis in front."
        )
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = fnp.minimum(far, distance(p, n))
    return reduced(positive_part(margin + near - far), reduction)


# ------------------------------------------------------------------------------------- many classes
def _rows(name: str, x: Any) -> Array:
    x = as_float(name, x)
    if x.ndim not in (1, 2) or not x.shape[-1]:
        raise ShapeError(
            f"nn.{name}: expected x [batch, classes] or [classes], with at least one class; got "
            f"{tuple(x.shape)}."
        )
    return x


def multi_margin_loss(
    x: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """The mean over classes of max(margin - x[target] + x[i], 0)ᵖ, i any other class.

    Args:
        x: f[batch, classes] or f[classes], scores.
        target: i[batch] or i[], class indices.
        p: 1 or 2.
        margin: by how much the score of the target has to be larger.
        reduction: "mean", "sum" or "none" over the examples.
        weight: f[classes], a factor for each target class; the mean stays that over the examples.

    Returns:
        f[], or an array like ``target`` for "none".

    Raises:
        ShapeError: the shapes do not fit.
        IndexRangeError: a target is known and is no class.
        DtypeError: ``x`` is not floating, or ``target`` holds no integers.
        ValueError: another ``p`` or ``reduction``.

    >>> float(multi_margin_loss(fnp.asarray([0.5, 1.0]), fnp.asarray(1)))
    0.25

    Source: ``torch.nn.functional.multi_margin_loss``.
    """
    name = "multi_margin_loss"
    check_reduction(name, reduction)
    if p not in (1, 2):
        raise ValueError(f"nn.{name}: expected p to be 1 or 2; got {p!r}.")
    x, target = _rows(name, x), class_indices(name, target)
    classes = x.shape[-1]
    if tuple(target.shape) != tuple(x.shape[:-1]):
        raise ShapeError(
            f"nn.{name}: expected target of shape {tuple(x.shape[:-1])}, one class for each row of "
            f"x {tuple(x.shape)}; got {tuple(target.shape)}."
        )
    remedy = "a smaller class index, or more columns of scores"
    check_range(target, classes, f"nn.{name}: {classes} classes take targets", remedy)
    weight = class_weight(name, weight, classes)
    rows = x.reshape(-1, classes)
    at = fnp.clip(target.reshape(-1), 0, classes - 1)
    losses = multi_margin_value(
        rows, weight, at, p=int(p), margin=float(margin), reduction="none"
    ).reshape(target.shape)
    return reduced(losses, reduction)


def multi_margin_value(
    x: Array, w: Array | None, at: Array, *, p: int, margin: float, reduction: str
) -> Array:
    """The arithmetic of :func:`multi_margin_loss`, for x of two axes.

    >>> x, at = fnp.asarray([[0.5, 1.0]]), fnp.asarray([1])
    >>> multi_margin_value(x, None, at, p=1, margin=1.0, reduction="none")
    Array([0.25], dtype=float32)
    """
    chosen = fnp.take_along_axis(x, at[:, None], axis=1)
    z = relu(margin - chosen + x)
    z = z if p == 1 else z * z
    if w is not None:
        z = z * w[at][:, None]
    own = fnp.arange(x.shape[1]) == at[:, None]
    return reduced(fnp.sum(fnp.where(own, 0, z), axis=1) / x.shape[1], reduction)


def multi_margin_pull(
    g: Array, x: Array, w: Array | None, at: Array, *, wanted: Any, p: int, margin: float,
    reduction: str,
) -> Any:  # fmt: skip
    """The cotangent of the scores of :func:`multi_margin_value`, for an engine that has a tape.

    >>> x, at = fnp.asarray([[0.5, 1.0]]), fnp.asarray([1])
    >>> settings = {"wanted": (True,), "p": 1, "margin": 1.0, "reduction": "sum"}
    >>> multi_margin_pull(fnp.asarray(1.0), x, None, at, **settings)[0].tolist()
    [[0.5, -0.5]]
    """
    chosen = fnp.take_along_axis(x, at[:, None], axis=1)
    z = margin - chosen + x
    slope = (z > 0).astype(x.dtype) if p == 1 else 2 * fnp.maximum(z, 0)
    if w is not None:
        slope = slope * w[at][:, None]
    own = fnp.arange(x.shape[1]) == at[:, None]
    slope = fnp.where(own, 0, slope)
    slope = fnp.where(own, -fnp.sum(slope, axis=1, keepdims=True), slope) / x.shape[1]
    if reduction == "mean":
        slope = slope / x.shape[0]
    return slope * (g[:, None] if reduction == "none" else g), None, None


# ------------------------------------------------------------------------------------- many targets
def multilabel_margin_loss(x: Array, target: Array, reduction: str = "mean") -> Array:
    """The mean over classes of max(1 - x[j] + x[i], 0), j each listed class and i each other one.

    Args:
        x: f[batch, classes] or f[classes], scores.
        target: i[...] like ``x``: the classes of each row, up to the first -1.
        reduction: "mean", "sum" or "none" over the rows.

    Returns:
        f[], or f[batch] for "none".

    Raises:
        ShapeError: the shapes do not fit.
        IndexRangeError: a target is known and neither a class nor -1.
        DtypeError: ``x`` is not floating, or ``target`` holds no integers.
        ValueError: another ``reduction``.

    >>> float(multilabel_margin_loss(fnp.asarray([0.5, 1.0]), fnp.asarray([1, -1])))
    0.25

    Source: ``torch.nn.functional.multilabel_margin_loss``.
    """
    name = "multilabel_margin_loss"
    check_reduction(name, reduction)
    x, target = _rows(name, x), class_indices(name, target)
    if tuple(target.shape) != tuple(x.shape):
        raise ShapeError(
            f"nn.{name}: expected target of the shape of x, {tuple(x.shape)}, filled up with -1; "
            f"got {tuple(target.shape)}."
        )
    classes = x.shape[-1]
    known = known_values(target)
    if known is not None:
        wrong = known[(known < -1) | (known >= classes)]
        if wrong.size:
            raise IndexRangeError(
                f"nn.{name}: {classes} classes take targets from 0 to {classes - 1}, and -1 after "
                f"the last; got {int(wrong.flat[0])}."
            )
    return _multilabel(x, target, reduction=reduction)


def _multilabel_of(x: Array, target: Array) -> Array:
    classes = x.shape[-1]
    before = fnp.cumsum(target < 0, axis=-1) == 0
    places = (target[..., None] == fnp.arange(classes)) & before[..., None]
    counts = fnp.sum(places, axis=-2).astype(x.dtype)
    z = relu(1 - x[..., :, None] + x[..., None, :])  # [..., listed, other]
    z = fnp.where(counts[..., None, :] > 0, 0, z) * counts[..., :, None]
    return fnp.sum(z, axis=(-2, -1)) / classes


_multilabel = as_loss("multilabel_margin_loss", _multilabel_of)


def multilabel_soft_margin_loss(
    logits: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> Array:
    """The mean over classes of yes-or-no losses -y log s(x) - (1 - y) log(1 - s(x)).

    Args:
        logits: f[..., classes], scores x; s is the sigmoid.
        target: [..., classes], the share y of yes.
        reduction: "mean", "sum" or "none" over the examples.
        weight: f[classes], a factor for each class, or an array that broadcasts to ``logits``.

    Returns:
        f[], or f[...] without the classes for "none".

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``logits`` are not floating.
        ValueError: another ``reduction``.

    >>> float(multilabel_soft_margin_loss(fnp.zeros(2), fnp.asarray([1, 0]))).__round__(4)
    0.6931

    Source: ``torch.nn.functional.multilabel_soft_margin_loss``.
    """
    name = "multilabel_soft_margin_loss"
    check_reduction(name, reduction)
    x, y = real_operands(name, logits=logits, target=target)
    if not x.ndim:
        raise ShapeError(f"nn.{name}: expected logits [..., classes]; got shape ().")
    if weight is not None:
        weight = fnp.broadcast_to(fnp.asarray(weight), x.shape)
    return _soft(x, y, weight, reduction=reduction)


def _soft_of(x: Array, y: Array, weight: Array | None) -> Array:
    losses = y * fnp.logaddexp(-x, 0.0) + (1 - y) * fnp.logaddexp(x, 0.0)
    return fnp.mean(losses if weight is None else losses * weight, axis=-1)


_soft = as_loss("multilabel_soft_margin_loss", _soft_of)

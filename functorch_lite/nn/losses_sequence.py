"""Connectionist temporal classification: a loss that sums over alignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.checks import as_array, as_float, wide
from functorch_lite.nn.ranges import check_range, known_values
from functorch_lite.nn.reduction import check_reduction, reduced

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probabilities: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Minus the log-probability that a sequence of distributions spells the targets.

    Every alignment counts that gives the targets once repetitions are merged and blanks removed.

    Args:
        log_probabilities: f[time, batch, classes] or f[time, classes], from :func:`log_softmax`.
        targets: i[batch, most], classes that are not ``blank``; what comes after a target's length
            is not read. Or i[sum of lengths], one target after another, where the lengths are
            known; i[most] without batch.
        input_lengths: i[batch] or i[], at most ``time``.
        target_lengths: i[batch] or i[].
        blank: the class that stands for no label.
        reduction: "mean" over the batch of losses divided by the lengths of the targets, "sum" or
            "none" of the losses.
        zero_infinity: whether a loss is 0, and its derivative too, where the input is too short
            for its target.

    Returns:
        f[], or f[batch] for "none"; infinity where the input is too short.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``log_probabilities`` are not floating, or the others hold no integers.
        IndexRangeError: a class, ``blank`` or a length is known and out of range.
        ValueError: another ``reduction``.

    >>> logs = fnp.log(fnp.asarray([[0.25, 0.75], [0.5, 0.5]]))  # of blank and of class 1
    >>> loss = ctc_loss(logs, fnp.asarray([1]), fnp.asarray(2), fnp.asarray(1), reduction="sum")
    >>> float(fnp.exp(-loss)).__round__(4)  # all but two blanks: 1 - 1/8
    0.875

    Source: Graves et al., ICML 2006; ``torch.nn.functional.ctc_loss``. The derivative is that of
    the value; PyTorch's, by the log-probabilities, has the softmax's share mixed in. Through
    ``log_softmax`` they agree.
    """
    check_reduction("ctc_loss", reduction)
    logs = as_float("ctc_loss", log_probabilities, "log_probabilities")
    alone = logs.ndim == 2
    if logs.ndim not in (2, 3):
        raise ShapeError(
            "nn.ctc_loss: expected log_probabilities [time, batch, classes] or [time, classes]; "
            f"got {tuple(logs.shape)}."
        )
    if alone:
        logs = logs[:, None]
    targets = _integers("targets", targets)
    inputs = _lengths("input_lengths", input_lengths, logs.shape[1])
    lengths = _lengths("target_lengths", target_lengths, logs.shape[1])
    if targets.ndim == 1:
        targets = targets[None] if alone else _padded(targets, lengths)
    if targets.ndim != 2 or targets.shape[0] != logs.shape[1]:
        raise ShapeError(
            f"nn.ctc_loss: expected targets [{logs.shape[1]}, most]; got {tuple(targets.shape)}."
        )
    _check_ranges(logs, targets, inputs, lengths, blank)
    losses = _losses(wide(logs), targets, inputs, lengths, blank=int(blank))
    if zero_infinity:
        losses = fnp.where(fnp.isinf(losses), 0, losses)
    if reduction == "mean":
        losses = losses / fnp.maximum(lengths, 1).astype(losses.dtype)
    losses = losses.astype(logs.dtype)
    return losses[0] if alone and reduction == "none" else reduced(losses, reduction)


# -------------------------------------------------------------------------------------- arguments
def _integers(what: str, value: Any) -> Array:
    value = as_array("ctc_loss", value, what)
    if value.dtype.kind not in "iu":
        raise DtypeError(
            f"nn.ctc_loss: expected {what} to hold integers; got {value.dtype.name}. "
            f"Remedy: {what}.astype('int64')."
        )
    return value.astype("int64")


def _lengths(what: str, value: Any, batch: int) -> Array:
    value = _integers(what, value).reshape(-1)
    if value.shape != (batch,):
        raise ShapeError(
            f"nn.ctc_loss: expected {what} of shape ({batch},), one for each example; got "
            f"{value.size} of them."
        )
    return value


def _padded(targets: Array, lengths: Array) -> Array:
    """[batch, most] from targets that lie one after another."""
    known = known_values(lengths)
    if known is None:
        raise ShapeError(
            "nn.ctc_loss: expected targets [batch, most] where target_lengths are traced; got "
            f"targets {tuple(targets.shape)} one after another. Remedy: pad the targets to one "
            "length."
        )
    if known.sum() != targets.shape[0]:
        raise ShapeError(
            "nn.ctc_loss: expected target_lengths that sum to the number of targets, "
            f"{targets.shape[0]}; got {int(known.sum())}."
        )
    most = int(known.max(initial=0))
    first = np.cumsum(known) - known
    places = first[:, None] + np.arange(most)
    return targets[np.minimum(places, max(targets.shape[0] - 1, 0))]


def _check_ranges(logs: Array, targets: Array, inputs: Array, lengths: Array, blank: int) -> None:
    time, _, classes = logs.shape
    what = f"nn.ctc_loss: {classes} classes take"
    check_range(fnp.asarray(blank), classes, f"{what} a blank", "blank=0, for example")
    check_range(inputs, time + 1, "nn.ctc_loss: expected input_lengths", "at most time")
    most = targets.shape[1]
    check_range(lengths, most + 1, "nn.ctc_loss: expected target_lengths", "longer targets")
    read = fnp.arange(most) < lengths[:, None]
    check_range(fnp.where(read, targets, 0), classes, f"{what} targets", "check the labels")


# ------------------------------------------------------------------------------------- alignments
def _log_of_sum(*terms: Array) -> Array:
    """log(exp(a) + exp(b) + ...), with derivative 0 where every term is minus infinity."""
    peak = terms[0]
    for term in terms[1:]:
        peak = fnp.maximum(peak, term)
    none = peak == -np.inf
    peak = lax.stop_gradient(fnp.where(none, 0, peak))
    total = sum(fnp.exp(term - peak) for term in terms)
    return fnp.where(none, -np.inf, fnp.log(fnp.where(none, 1, total)) + peak)


def _shifted(x: Array, by: int) -> Array:
    """The states before: minus infinity before the first one."""
    return fnp.pad(x, ((0, 0), (by, 0)), constant_values=-np.inf)[:, : x.shape[1]]


def _losses(logs: Array, targets: Array, inputs: Array, lengths: Array, *, blank: int) -> Array:
    """f[batch]: the forward recursion over blank, label, blank, label, ..., blank."""
    time, batch, classes = logs.shape
    states = 2 * targets.shape[1] + 1
    labels = fnp.full((batch, states), blank, "int64").at[:, 1::2].set(targets)
    labels = fnp.clip(labels, 0, classes - 1)
    # A label may follow another one directly, unless they are the same.
    skips = (labels != blank) & (labels != fnp.roll(labels, 2, axis=1))
    skips = skips & (fnp.arange(states) > 1)
    # Before the first element stands a blank that costs nothing.
    start = fnp.where(fnp.arange(states) == 0, 0.0, -np.inf).astype(logs.dtype)

    def step(alpha: Array, this: Any) -> tuple[Array, None]:
        t, log = this
        before = fnp.where(skips, _shifted(alpha, 2), -np.inf)
        moved = _log_of_sum(alpha, _shifted(alpha, 1), before)
        moved = moved + fnp.take_along_axis(log, labels, axis=1)
        return fnp.where((t < inputs)[:, None], moved, alpha), None

    start = fnp.broadcast_to(start, (batch, states))
    alpha, _ = lax.scan(step, start, (fnp.arange(time), logs))
    last = 2 * lengths[:, None]
    end = fnp.take_along_axis(alpha, last, axis=1)[:, 0]
    before = fnp.take_along_axis(alpha, fnp.maximum(last - 1, 0), axis=1)[:, 0]
    return -_log_of_sum(end, fnp.where(lengths > 0, before, -np.inf))

"""The alignments of sequences with their labels, summed up forwards and backwards in one go.

The recursion that goes backwards is the one that goes forwards, over the reversed input and the
reversed labels; both run as one batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["log_totals"]

_BEFORE = 2  # a state is entered from itself, the one before, and the one before that


def log_totals(
    logs: Any, targets: Any, inputs: Any, lengths: Any, blank: int, both: bool
) -> tuple[Any, Any]:
    """The logarithm of what all alignments of a sequence have, and each class's part at each step.

    Args:
        logs: f[time, batch, classes], logarithms of probabilities.
        targets: int64[batch, most], zeros after each target.
        inputs, lengths: int64[batch]: how many steps and labels count.
        both: whether the parts are wanted.

    Returns:
        f[batch], and f[time, batch, classes]: of the alignments of a sequence the share that has a
        class at a step, 0 after its last step; None without ``both``.
    """
    batch, own = logs.shape[1], logs.dtype
    # Differences of large logarithms are exponents: single precision loses digits of the shares.
    logs = logs.astype(np.float64, copy=False)
    labels = _labels(targets, blank)
    if both:
        steps = inputs - 1 - np.arange(len(logs))[:, None]
        behind = np.take_along_axis(logs, np.maximum(steps, 0)[:, :, None], 0)
        backwards = _reversed(targets, lengths)
        labels = np.concatenate([labels, _labels(backwards, blank)])
        logs = np.concatenate([logs, behind], 1)
    with np.errstate(all="ignore"):
        sums, emitted = _recursion(logs, labels, blank, own)
        each, last = np.arange(batch), _BEFORE + 2 * lengths
        before = np.where(lengths > 0, sums[inputs, each, last - 1], -np.inf)
        total = np.logaddexp(sums[inputs, each, last], before)
        if not both:
            return total.astype(own), None
        # Reversed again, and without the emission that both directions count.
        ways = sums[1:, :batch, _BEFORE:] - emitted[:, :batch] - total[:, None]
        states = ways.shape[2]
        found = np.take_along_axis(sums[1:, batch:], np.maximum(steps, 0)[:, :, None], 0)
        places = _BEFORE + np.maximum(2 * lengths[:, None] - np.arange(states), 0)
        places += each[:, None] * found.shape[2]
        ways += found.reshape(len(found), -1).take(places, 1)
        share = np.exp(ways, out=ways)
    share[:, np.arange(states) > 2 * lengths[:, None]] = 0
    share[steps < 0] = 0
    found = _by_class(share, logs.shape[2], targets, blank)
    return total.astype(own), found.astype(own, copy=False)


def _labels(targets: Any, blank: int) -> Any:
    """int64[batch, states]: blank, label, blank, ..., label, blank."""
    found = np.full((len(targets), 2 * targets.shape[1] + 1), blank, np.int64)
    found[:, 1::2] = targets
    return found


def _reversed(targets: Any, lengths: Any) -> Any:
    places = lengths[:, None] - 1 - np.arange(targets.shape[1])
    return np.where(places < 0, 0, np.take_along_axis(targets, np.maximum(places, 0), 1))


def _recursion(logs: Any, labels: Any, blank: int, own: Any) -> tuple[Any, Any]:
    """The logarithms of the sums over all ways to a state, and of the emissions.

    Args:
        own: the dtype whose digits are wanted: that of exponentials, which are at most 1.

    Returns:
        f[time + 1, batch, 2 + states], minus infinity before the first state, and
        f[time, batch, states].
    """
    time, batch, classes = logs.shape
    states, dtype = labels.shape[1], logs.dtype
    flat = labels + np.arange(batch)[:, None] * classes
    emitted = logs.reshape(time, -1).take(flat, 1)
    sums = np.full((time + 1, batch, _BEFORE + states), -np.inf, dtype)
    sums[0, :, _BEFORE] = 0  # before the first step stands a blank that costs nothing
    # A label may follow another one directly, unless they are the same.
    costs = np.zeros((_BEFORE + 1, batch, states), dtype)
    costs[_BEFORE] = -np.inf
    costs[_BEFORE, :, 2:][(labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])] = 0
    lowest = np.finfo(dtype).min
    terms, peak = np.empty_like(costs), np.empty_like(costs[0])
    shares, total = np.empty(costs.shape, own), np.empty(peak.shape, own)
    row, item = sums.strides[1:]
    for t in range(time):
        ways = np.lib.stride_tricks.as_strided(
            sums[t, :, _BEFORE:], costs.shape, (-item, row, item)
        )
        np.add(ways, costs, terms)
        np.maximum.reduce(terms, 0, out=peak, initial=lowest)
        np.subtract(terms, peak, shares, casting="same_kind")
        np.exp(shares, shares)
        np.add.reduce(shares, 0, out=total)
        np.log(total, total)
        np.add(peak, emitted[t], peak)
        np.add(total, peak, sums[t + 1, :, _BEFORE:])
    return sums, emitted


def _by_class(share: Any, classes: int, targets: Any, blank: int) -> Any:
    """The shares of the states, added up by class."""
    time, batch, _ = share.shape
    rows = np.arange(time * batch).reshape(time, batch, 1) * classes
    places = (rows + targets).reshape(-1)
    found = np.bincount(places, share[:, :, 1::2].reshape(-1), time * batch * classes)
    found = found.reshape(time, batch, classes)
    found[:, :, blank] += share[:, :, ::2].sum(-1)
    return found

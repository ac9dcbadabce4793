"""The loss of sequences whose alignment with their labels is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import vjp
from functorch_lite.core.array import wrap
from functorch_lite.nn.losses_sequence import _losses as losses_of
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.index_write import refusal, saving
from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.nn._functional.alignments import log_totals
from functorch_lite.torch.nn._functional.reduction import REDUCTIONS, check_reduction

__all__ = ["ctc_loss", "ctc_loss_of"]

_CHECKED = "(while checking arguments for ctc_loss_allocate_outputs)"


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """Minus the log-probability that sequences of distributions spell their targets.

    Every alignment counts that gives the target once repetitions are merged and blanks removed.

    Args:
        log_probs: f[time, batch, classes] or f[time, classes], from ``log_softmax``.
        targets: int[batch, most], or int[sum of lengths] with one target after another.
        input_lengths: int[batch], as a tensor or a tuple: how many steps of ``time`` count.
        target_lengths: int[batch], of the same kind.
        blank: the class that stands for no label.
        reduction: "mean" over the batch of losses divided by the lengths of the targets; "sum",
            "none".
        zero_infinity: whether a loss is 0 where the input is too short for its target.

    Raises:
        RuntimeError: sizes, lengths or labels do not go together.
        NotImplementedError: ``log_probs`` is of neither float nor double.

    Source: ``torch.nn.functional.ctc_loss``; Graves et al. 2006. As there, the gradient counts on
    ``log_softmax`` before it: it is the one by the scores in front of that.
    """
    check_reduction(reduction)
    reduced = REDUCTIONS.index(reduction)
    return ctc_loss_of(
        log_probs, targets, input_lengths, target_lengths, blank, reduced, zero_infinity
    )


def ctc_loss_of(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int,
    reduction: int, zero_infinity: bool,
) -> Tensor:  # fmt: skip
    """``ctc_loss`` with the number of a reduction: 0 for none, 1 for mean, 2 for sum."""
    inputs = _lengths("input_lengths", input_lengths, target_lengths)
    lengths = _lengths("target_lengths", target_lengths, input_lengths)
    alone = log_probs._np.ndim != 3
    if alone:
        log_probs = log_probs.unsqueeze(1)
        targets = targets if targets._np.ndim == 2 else targets.unsqueeze(0)
    _check_sizes(log_probs, targets, inputs, lengths, blank)
    padded = _padded(targets._np.astype(np.int64), lengths)
    _check_labels(padded, lengths, log_probs._np.shape[2])
    loss: Any = _losses(log_probs, padded, inputs, lengths, blank, bool(zero_infinity))
    if zero_infinity:
        loss = where(loss == np.inf, 0, loss)
    if alone and not reduction:
        return loss.squeeze(0)
    if reduction == 1:
        return (loss / make(np.maximum(lengths, 1).astype(loss._np.dtype))).mean()
    return loss.sum() if reduction == 2 else loss


# -------------------------------------------------------------------------------------- arguments
def _lengths(name: str, given: Any, other: Any) -> Any:
    """int64[batch] from a tensor or a sequence; both lengths must be of the same kind."""
    if isinstance(given, Tensor):
        if given.dtype.kind > 1:
            raise RuntimeError(f"{name} must be integral")
        same = isinstance(other, Tensor)
        found = given._np.astype(np.int64).reshape(-1)
    else:
        same = not isinstance(other, Tensor) and isinstance(given, Sequence)
        found = np.array(given if same else 0, np.int64)
    if not same:
        raise TypeError(
            "ctc_loss() received an invalid combination of arguments: input_lengths and "
            "target_lengths must be two tensors or two tuples of ints, got "
            f"{name}: {type(given).__name__}"
        )
    return found


def _check_sizes(log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int) -> None:
    """Refuse sizes and lengths that do not go together, in PyTorch's order."""
    x, t = log_probs._np, targets._np
    if x.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {x.ndim}-dimensional tensor for argument #1 "
            f"'log_probs' {_CHECKED}"
        )
    if not x.size:
        raise RuntimeError("log_probs tensor must not be empty")
    time, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, found in (("input_lengths", inputs), ("target_lengths", lengths)):
        if len(found) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
    if t.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {t.ndim}-dimensional tensor for argument #2 "
            f"'targets' {_CHECKED}"
        )
    _check_at_least_zero("target_lengths", lengths)
    if t.ndim == 1:
        _check_rows(t.shape[0], int(lengths.sum()))
    else:
        _check_rows(t.shape[0], batch)
        most = int(lengths.max())
        if most > t.shape[1]:
            raise RuntimeError(
                f"Expected tensor to have size at least {most} at dimension 1, but got size "
                f"{t.shape[1]} for argument #2 'targets' {_CHECKED}"
            )
    _check_at_least_zero("input_lengths", inputs)
    if inputs.max() > time:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {time}, but got value "
            f"{inputs[inputs > time][0]} {_CHECKED}"
        )
    if x.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(
            f"\"ctc_loss_cpu\" not implemented for '{log_probs.dtype.scalar_name}'"
        )


def _check_at_least_zero(name: str, found: Any) -> None:
    if found.min() < 0:
        raise RuntimeError(
            f"Expected {name} to have value at least 0, but got value {found[found < 0][0]} "
            f"{_CHECKED}"
        )


def _check_rows(got: int, wanted: int) -> None:
    if got != wanted:
        raise RuntimeError(
            f"Expected tensor to have size {wanted} at dimension 0, but got size {got} for "
            f"argument #2 'targets' {_CHECKED}"
        )


def _padded(targets: Any, lengths: Any) -> Any:
    """int64[batch, longest length], zeros after each target."""
    read = np.arange(lengths.max()) < lengths[:, None]
    found = np.zeros(read.shape, np.int64)
    found[read] = targets if targets.ndim == 1 else targets[:, : read.shape[1]][read]
    return found


def _check_labels(padded: Any, lengths: Any, classes: int) -> None:
    # PyTorch reads past the end of its memory here.
    wrong = (padded < 0) | (padded >= classes)
    if wrong.any():
        raise RuntimeError(
            f"ctc_loss: expected targets in [0, {classes}), the classes of log_probs, but got "
            f"{padded[wrong][0]}. Remedy: check the labels, or give log_probs more classes"
        )


# ------------------------------------------------------------------------------------------- losses
def _losses(
    log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int, zero_infinity: bool
) -> Tensor:
    """f[batch]: the loss of each sequence."""
    given = (targets, inputs, lengths)
    recorded = wants_grad((log_probs,))
    if is_symbol(log_probs._np):
        found = losses_of(wrap(log_probs._np), *map(wrap, given), blank=blank)._data
        slope = None
    else:
        total, shares = log_totals(log_probs._np, *given, blank, recorded)
        found, slope = -total, shares
    out = make(np.asarray(found))
    if recorded:
        rule = _Rule(given, blank, zero_infinity, found, slope)
        attach(out, keep("CtcLossBackward0", (log_probs,), (log_probs,), rule))
    return out


class _Rule:
    """The gradient by the scores in front of ``log_softmax``: distribution minus posterior.

    Attributes:
        losses, shares: what ``log_totals`` found; ``shares`` is None for symbols.
    """

    __slots__ = ("blank", "given", "losses", "shares", "zero_infinity")

    def __init__(
        self, given: Any, blank: int, zero_infinity: bool, losses: Any, shares: Any
    ) -> None:
        self.given, self.blank, self.zero_infinity = given, blank, zero_infinity
        self.losses, self.shares = losses, shares

    def __call__(self, g: Any, log_probs: Any) -> Tensor:
        logs, weights = log_probs._np, g._np[:, None]
        losses, shares = self.losses, self.shares
        if shares is None:
            given = [wrap(a) for a in self.given]
            (again,), pull, *_ = vjp(
                lambda x: (losses_of(x, *given, blank=self.blank),), wrap(logs)
            )
            losses = again._data
            shares = -pull((wrap(np.ones_like(g._np)),))[0]._data
        impossible = np.isinf(losses)[:, None]
        with np.errstate(all="ignore"):
            found = (np.exp(logs) - shares) * weights
        # PyTorch's difference of infinities.
        found[np.broadcast_to(impossible, logs.shape) | np.isneginf(logs)] = np.nan
        steps = np.arange(len(logs))[:, None, None] < self.given[1][:, None]
        if self.zero_infinity:
            steps = steps & ~impossible
        out = make(np.where(steps, found, 0).astype(logs.dtype))
        if wants_grad((g, log_probs)):
            name = "_ctc_loss_backward"
            attach(out, saving("NotImplemented", (g, log_probs), (), refusal(name)))
        return out

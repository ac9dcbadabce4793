"""``cross_entropy`` of a linear layer, also without holding all of its scores at once."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.dtypes import bfloat16, float16, float32
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.published import cross_entropy, linear
from functorch_lite.torch.nn._functional.reduction import check_reduction
from functorch_lite.torch.utils.checkpoint import checkpoint

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, weight: Any = None,
    reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:  # fmt: skip
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Args:
        input: f[batch, in] or f[in].
        linear_weight: f[classes, ..., in]; what lies between is dimensions of the loss.
        target: int64[batch, ...] classes, or f[batch, classes, ...] probabilities.
        linear_bias: f[classes, ...].
        weight: f[classes], a factor for each class.
        reduction, label_smoothing: as of ``cross_entropy``.
        ignore_index: a class that does not count; -100 by default.
        options: a ``torch.nn.LinearCrossEntropyOptions``: compute the scores of some rows of the
            batch at a time, once more in the backward pass, so that they never are all in memory.

    Raises:
        RuntimeError, ValueError: the arguments do not go together.

    Source: ``torch.nn.functional.linear_cross_entropy``. Gradients of the form with ``options``
    may be taken again and differentiated here.
    """
    _check_sizes(input, linear_weight, linear_bias)
    if target.dtype.is_floating_point and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if target._np.shape == (1,) and input._np.ndim == 1:
        target = target.squeeze(0)
    ignored = -100 if ignore_index is None else ignore_index
    between = tuple(linear_weight._np.shape[1:-1])
    if options is not None:
        if not (label_smoothing or between or target._np.dtype.name != "int64"):
            return _by_rows(
                input, linear_weight, target, linear_bias, weight, reduction, ignored, options
            )
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in "
            "{'mean','sum','none'}, label_smoothing == 0, target.dtype == int64, out_features == "
            f"(). Got {reduction=}, {label_smoothing=}, target.dtype={target.dtype}, "
            f"out_features={between}.",
            stacklevel=3,
        )
    flat = linear_weight
    if between:
        flat = linear_weight.reshape(-1, linear_weight._np.shape[-1])
    bias = linear_bias.reshape(-1) if between and linear_bias is not None else linear_bias
    scores: Any = linear(input, flat, bias)
    if between:
        scores = scores.reshape(input._np.shape[0], *linear_weight._np.shape[:-1])
    return cross_entropy(
        scores, target, weight, ignore_index=ignored, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip


def _check_sizes(input: Any, weight: Any, bias: Any) -> None:
    x, w = input._np.shape, weight._np.shape
    if len(x) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(x)}")
    if len(w) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(w)}")
    if x[-1] != w[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{x[-1]} and {w[-1]}, respectively"
        )
    if len(w) > 2 and len(x) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {w} requires batched input, "
            f"(N, {w[-1]}), got unbatched input with shape {x}"
        )
    if bias is not None and bias._np.shape != w[:-1]:
        raise RuntimeError(f"expected linear_bias shape {w[:-1]}, got {bias._np.shape}")


def _by_rows(
    input: Any, weight: Any, target: Any, bias: Any, factors: Any, reduction: str, ignored: int,
    options: Any,
) -> Tensor:  # fmt: skip
    """The same with the scores of some rows at a time."""
    check_reduction(reduction)
    dtype = input.dtype
    if dtype in (float16, bfloat16):
        # Sums over rows of half precision would lose what is small.
        input, weight, factors, bias = (
            None if t is None else t.to(float32) for t in (input, weight, factors, bias)
        )
    alone = input._np.ndim == 1
    x = input.unsqueeze(0) if alone else input
    labels = target.unsqueeze(0) if alone and not target._np.ndim else target
    size = options.rows(*x._np.shape, weight._np.shape[0])

    def losses(x: Any, labels: Any, weight: Any, bias: Any) -> Tensor:
        return cross_entropy(
            linear(x, weight, bias), labels, factors, ignore_index=ignored, reduction="none"
        )

    if labels._np.shape[:1] != x._np.shape[:1]:
        return losses(x, labels, weight, bias)  # which refuses it
    parts = [
        checkpoint(losses, a, b, weight, bias, use_reentrant=False, preserve_rng_state=False)
        for a, b in zip(x.split(size), labels.split(size), strict=True)
    ]
    found: Any = FUNCTIONS["cat"](parts)
    if reduction == "none":
        return (found.squeeze(0) if alone else found).to(dtype)
    total = found.sum()
    if reduction == "mean":
        counted = labels != ignored
        kept = labels.masked_fill(~counted, 0)
        each = counted.to(found.dtype) if factors is None else factors[kept] * counted
        total = total / each.sum()
    return total.to(dtype)

"""Linear maps of the last dimension, and lookups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make, version
from functorch_lite.torch._ops.added_products import ADDMM, addmm
from functorch_lite.torch._ops.bilinear import bilinear as bilinear_node
from functorch_lite.torch._ops.bilinear import product
from functorch_lite.torch._ops.einsum import einsum
from functorch_lite.torch._ops.index_embedding import check_positions, embedding_renorm_, one_hot
from functorch_lite.torch._ops.index_embedding import embedding as rows_at
from functorch_lite.torch._ops.matrix_products import matmul, mm, unsafe_view

__all__ = ["bilinear", "embedding", "embedding_bag", "linear", "one_hot"]


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """input @ weight.T + bias, over the last dimension.

    Args:
        input: f[..., in].
        weight: f[out, in], or f[in] for a single output without a dimension.
        bias: f[out].

    Returns:
        f[..., out].

    Raises:
        RuntimeError: the sizes or dtypes do not go together.

    Source: ``torch.nn.functional.linear``.
    """
    x, w = input._np, weight._np
    if not (x.ndim and w.ndim):
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D"
        )
    if bias is None:
        if x.ndim == 2 and w.ndim == 2:
            return mm(input, weight.t())
        return matmul(input, weight.t())
    if x.ndim == 2:
        if w.ndim != 2:
            raise RuntimeError(f"mat2 must be a matrix, got {w.ndim}-D tensor")
        b = bias._np
        if b.shape == w.shape[:1] and x.shape[1] == w.shape[1]:
            dtype = x.dtype
            if dtype.char in "fd" and dtype == w.dtype and dtype == b.dtype:
                data = product(x, w.T)
                state.run(np.add, data, b, data)
                return bilinear_node(ADDMM, data, input, _turned(weight), (bias,))
        return addmm(bias, input, weight.t())
    if bias._np.ndim != 1 or w.ndim != 2 or not x.flags.c_contiguous:
        found: Tensor = matmul(input, weight.t()) + bias
        return found
    rows = input.reshape(-1 if x.size else int(np.prod(x.shape[:-1])), x.shape[-1])
    out = linear(rows, weight, bias)
    return unsafe_view(out, (*x.shape[:-1], w.shape[0]), "ViewBackward0")


def _turned(weight: Any) -> Tensor:
    """The transpose for the graph alone: no view that anyone could write to."""
    out = make(weight._np.T)
    out._version_of = version(weight)
    if mode.enabled and needs_grad(weight):
        attach(out, formula("TBackward0", (weight,), _turn_back))
    return out


def _turn_back(g: Any) -> Any:
    return g.t()


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """x1 @ weight[k] @ x2 for every output k.

    Args:
        input1: f[..., in1].
        input2: f[..., in2].
        weight: f[out, in1, in2].
        bias: f[out].

    Source: ``torch.nn.functional.bilinear``.
    """
    a, b, w = input1._np.shape, input2._np.shape, weight._np.shape
    if len(a) != len(b):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i, (m, n) in enumerate(zip(a[:-1], b[:-1], strict=True)):
        if m != n:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {m} and {n}"
            )
    for i, (name, size) in enumerate((("input1", a[-1]), ("input2", b[-1]))):
        if size != w[i + 1]:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {size} but expected "
                f"{w[i + 1]}"
            )
    if bias is not None and bias._np.shape[0] != w[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._np.shape[0]} but "
            f"expected {w[0]}"
        )
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


# ---------------------------------------------------------------------------------- lookups of rows
def embedding(
    input: Tensor, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Rows of a table.

    Args:
        input: int64 or int32[...], the rows wanted.
        weight: f[rows, size].
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up and longer than this are scaled down in place first.
        norm_type: the p of their norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.

    Returns:
        f[..., size].

    Raises:
        IndexError: there is no such row.

    Source: ``torch.nn.functional.embedding``.
    """
    padding = -1
    if padding_idx is not None:
        count = weight._np.shape[0]
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding = padding_idx % count
    if sparse and wants_grad((weight,)):
        raise NotImplementedError("embedding(): gradients in sparse layout are not supported")
    if max_norm is not None:
        embedding_renorm_(weight.detach(), input, max_norm, norm_type)
    return rows_at(weight, input, padding, scale_grad_by_freq)


def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Any = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums, means or maxima of rows of a table, bag by bag.

    Args:
        input: int64[bags, size], or int64[n] with ``offsets``.
        weight: f[rows, size].
        offsets: int64[bags], where each bag begins.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each row, with "sum" only.
        include_last_offset: whether ``offsets`` ends with the end of the last bag.
        padding_idx: a row that does not count.

    Raises:
        ValueError, RuntimeError: the arguments do not go together, or there is no such row.
        NotImplementedError: ``sparse``, or factors with another mode than "sum".

    Source: ``torch.nn.functional.embedding_bag``.
    """
    x = input._np
    if per_sample_weights is not None and per_sample_weights._np.shape != x.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    starts = _bag_starts(input, offsets, include_last_offset)
    _check_bags(mode, weight, per_sample_weights, scale_grad_by_freq, sparse, padding_idx)
    # Rows after the end of the last bag count nowhere; PyTorch's numbers for them depend on the
    # dtype and on memory that nobody has written to.
    line = input.reshape(-1)[: int(starts[-1])]
    _check_classes(line._np, weight._np.shape[0])
    rows: Any = embedding(line, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    factors = per_sample_weights
    if factors is not None:
        factors = factors.reshape(-1)[: int(starts[-1])]
    bags, lengths = len(starts) - 1, np.diff(starts)
    owner = np.repeat(np.arange(bags), lengths)
    if padding_idx is not None:
        kept = np.flatnonzero(line._np != padding_idx % weight._np.shape[0])
        rows, owner = rows.index_select(0, make(kept)), owner[kept]
        if factors is not None:
            factors = factors.index_select(0, make(kept))
        lengths = np.bincount(owner, minlength=bags)
    if weight._np.dtype.itemsize == 2 and mode != "max":
        # Half precision is rounded once, in the end.
        rows, factors = rows.float(), None if factors is None else factors.float()
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    zeros = rows.new_zeros((bags, weight._np.shape[1]))
    if mode == "max":
        filled = np.flatnonzero(lengths)
        first = np.cumsum(lengths) - lengths
        chosen = make(_first_largest(rows._np, first[filled]))
        return zeros.index_copy(0, make(filled), rows.gather(0, chosen))
    out = zeros.index_add(0, make(owner), rows)
    if mode == "mean":
        out = out / make(np.maximum(lengths, 1).astype(rows._np.dtype)[:, None])
    return out.to(weight.dtype)


def _bag_starts(input: Any, offsets: Any, include_last_offset: bool) -> Any:
    """Where each bag begins among all rows, and where the last one ends."""
    x = input._np
    if x.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        check_positions("embedding_bag", input)
        return np.arange(len(x) + 1) * x.shape[1]
    if x.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {x.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets._np.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    check_positions("embedding_bag", input)
    check_positions("embedding_bag", offsets)
    starts = offsets._np.astype(np.int64)
    if include_last_offset:
        if not starts.size:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
    elif x.size and not starts.size:
        raise RuntimeError(
            f"embedding_bag: no offsets for an input of {x.size} rows. Remedy: offsets that begin "
            "with 0, one for each bag"
        )
    else:
        starts = np.append(starts, x.size)
    if starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    last = offsets._np[-1] if offsets._np.size else 0
    if last > x.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {x.size} but got offsets[-1] of "
            f"{last}"
        )
    if (np.diff(starts) < 0).any():
        raise RuntimeError(
            f"embedding_bag: offsets must not decrease, but got {offsets._np.tolist()}. Remedy: "
            "put the rows of each bag side by side, and the bags in order"
        )
    return starts


def _check_bags(
    mode: str, weight: Any, factors: Any, by_freq: bool, sparse: bool, padding_idx: int | None
) -> None:
    """Refuse options of ``embedding_bag`` that do not go together."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if sparse and wants_grad((weight,)):
        raise NotImplementedError("embedding_bag(): gradients in sparse layout are not supported")
    if factors is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    count = weight._np.shape[0]
    if padding_idx is not None and not -count <= padding_idx < count:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, -{count} through {count - 1}, "
            f"but got {padding_idx}"
        )
    if weight.dtype.kind != 2:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
            f"Half, BFloat16, Float, Double; but got {weight.type()} instead (while checking "
            "arguments for embedding_bag)"
        )
    if factors is not None and factors._np.dtype != weight._np.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type {weight.type()} does not equal {factors.type()} "
            "(while checking arguments for embedding_bag)"
        )


def _check_classes(line: Any, count: int) -> None:
    """Refuse rows that the table does not have."""
    wrong = np.flatnonzero((line < 0) | (line >= count))
    if wrong.size:
        at = wrong[0]
        raise RuntimeError(
            f"Index {at} of input takes value {line[at]} which is not in the valid range "
            f"[0, {count})"
        )


def _first_largest(rows: Any, first: Any) -> Any:
    """Per bag and column the position of the first of the largest elements.

    Args:
        rows: raw rows, those of a bag side by side; NaN counts only at a bag's beginning.
        first: where the bags begin that have rows.
    """
    if not first.size:
        return np.zeros((0, rows.shape[1]), np.int64)
    lengths = np.diff(np.append(first, len(rows)))
    largest = np.fmax.reduceat(rows, first, axis=0)
    places = np.where(
        rows == np.repeat(largest, lengths, axis=0), np.arange(len(rows))[:, None], len(rows)
    )
    found = np.minimum.reduceat(places, first, axis=0)
    return np.where(np.isnan(rows[first]), first[:, None], found)

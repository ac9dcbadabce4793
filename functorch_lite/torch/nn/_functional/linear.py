"""Linear maps of the last dimension, and lookups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make, version
from functorch_lite.torch._ops.added_products import ADDMM, addmm
from functorch_lite.torch._ops.bilinear import bilinear as bilinear_node
from functorch_lite.torch._ops.einsum import einsum
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
    if bias is None:
        if x.ndim == 2 and w.ndim == 2:
            return mm(input, weight.t())
        return matmul(input, weight.t())
    if w.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {w.ndim}-D tensor")
    if x.ndim == 2:
        b = bias._np
        if b.shape == w.shape[:1] and x.shape[1] == w.shape[1]:
            dtype = x.dtype
            if dtype.char in "fd" and dtype == w.dtype and dtype == b.dtype:
                data = state.run(_affine, x, w.T, b)
                return bilinear_node(ADDMM, data, input, _turned(weight), (bias,))
        return addmm(bias, input, weight.t())
    rows = input.reshape(-1 if x.size else int(np.prod(x.shape[:-1])), x.shape[-1])
    out = addmm(bias, rows, weight.t())
    return unsafe_view(out, (*x.shape[:-1], w.shape[0]), "ViewBackward0")


def _affine(x: Any, w: Any, b: Any) -> Any:
    out = np.matmul(x, w)
    out += b
    return out


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
class _EmbeddingRule:
    """The gradient of a table: what arrives at each row, added up."""

    __slots__ = ("padding", "scale", "shape")

    def __init__(self, shape: tuple[int, ...], padding: int, scale: bool) -> None:
        self.shape, self.padding, self.scale = shape, padding, scale

    def __call__(self, g: Any, indices: Tensor) -> Tensor:
        places = indices._np.reshape(-1)
        factors = None
        if self.scale:
            counts = np.bincount(places, minlength=self.shape[0])
            factors = 1.0 / counts[places]
        if self.padding >= 0:
            kept = (places != self.padding).astype(float)
            factors = kept if factors is None else factors * kept
        rows = g.reshape(len(places), self.shape[1])
        if factors is not None:
            rows = rows * make(factors.astype(g._np.dtype)[:, None])
        if mode.enabled:
            return g.new_zeros(self.shape).index_add(0, make(places), rows)
        return make(added_rows(rows._np, places, self.shape))


def added_rows(rows: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """Rows added up at places, which may repeat."""
    found = np.zeros(shape, rows.dtype)
    if not len(places):
        return found
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    wide = rows.astype(np.float32) if rows.dtype.itemsize == 2 else rows
    found[ordered[first]] = np.add.reduceat(wide[order], first, axis=0)
    return found


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
    indices, table = input._np, weight._np
    padding = -1
    if padding_idx is not None:
        count = table.shape[0]
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding = padding_idx % count
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices(input, "embedding")
    if sparse:
        raise NotImplementedError("embedding(): gradients in sparse layout are not supported")
    if max_norm is not None:
        _renormalise(weight, indices, max_norm, norm_type)
    out = make(_rows(table, indices))
    if wants_grad((weight,)):
        rule = _EmbeddingRule(table.shape, padding, scale_grad_by_freq)
        attach(out, keep("EmbeddingBackward0", (weight,), (input,), rule))
    return out


def _check_indices(input: Any, name: str) -> None:
    if input._np.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {input.type()} instead (while checking arguments for {name})"
        )


def _rows(table: Any, indices: Any) -> Any:
    if indices.size and (indices.min() < 0 or indices.max() >= table.shape[0]):
        raise IndexError("index out of range in self")
    return table[indices]


def _renormalise(weight: Any, indices: Any, most: float, p: float) -> None:
    """Scale down the rows that are longer than allowed, in place."""
    rows = np.unique(indices)
    table = weight._np
    norms = np.linalg.norm(_rows(table, rows), p, axis=1)
    long = norms > most
    if long.any():
        table[rows[long]] *= (most / (norms[long] + 1e-7)).astype(table.dtype)[:, None]
        found = weight._version_of
        if found is not None:
            found.count += 1


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
        ValueError: the arguments do not go together.

    Source: ``torch.nn.functional.embedding_bag``.
    """
    x = input._np
    if x.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        starts = np.arange(0, x.size + 1, x.shape[1]) if x.shape[1] else np.zeros(len(x) + 1, int)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
        input = input.reshape(-1)
    elif x.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets._np.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        given = offsets._np
        starts = given if include_last_offset else np.append(given, x.size)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {x.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    options = (padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    rows: Any = embedding(input, weight, *options)
    bags, lengths = len(starts) - 1, np.diff(starts)
    owner = np.repeat(np.arange(bags), lengths)
    if padding_idx is not None:
        kept = np.flatnonzero(input._np != padding_idx % weight._np.shape[0])
        rows, owner = rows.index_select(0, make(kept)), owner[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.index_select(0, make(kept))
        lengths = np.bincount(owner, minlength=bags)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    zeros = weight.new_zeros((bags, weight._np.shape[1]))
    if mode == "max":
        at = make(np.broadcast_to(owner[:, None], rows._np.shape).copy())
        return zeros.scatter_reduce(0, at, rows, "amax", include_self=False)
    out = zeros.index_add(0, make(owner), rows)
    if mode == "mean":
        out = out / make(np.maximum(lengths, 1).astype(weight._np.dtype)[:, None])
    return out


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """A one at the place of each class, zeros elsewhere.

    Args:
        tensor: int64[...].
        num_classes: the size of the new last dimension; one more than the largest class by
            default.

    Returns:
        int64[..., classes].

    Raises:
        RuntimeError: a class is negative or too large.

    Source: ``torch.nn.functional.one_hot``.
    """
    x = tensor._np
    if x.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return make(np.zeros((*x.shape, num_classes), np.int64))
    if x.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(x.max()) + 1
    elif num_classes <= x.max():
        raise RuntimeError("Class values must be smaller than num_classes.")
    return make((x[..., None] == np.arange(num_classes)).astype(np.int64))

"""Rows of a matrix by class: embedding and one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, zeros_for
from functorch_lite.torch._ops.copying import tidy
from functorch_lite.torch._ops.index_rows import beyond, index_select, rows_added
from functorch_lite.torch._ops.index_write import keeping, refusal, write_at

__all__ = ["check_positions", "embedding", "one_hot"]


def check_positions(function: str, t: Any) -> None:
    """Refuse positions that are not int64 or int32."""
    if t._np.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {t.type()} instead (while checking arguments for {function})"
        )


@public("embedding", methods=False)
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of a matrix at some positions.

    Args:
        weight: (rows, width).
        indices: int32 or int64, any shape.
        padding_idx: a row without gradient; negative for none.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was read.

    Source: ``torch.embedding``.
    """
    if weight._np.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    array = indices._np
    check_positions("embedding", indices)
    shape = weight._np.shape
    if beyond(array, shape[0]) is not None:
        raise IndexError("index out of range in self")
    data = weight._np.take(array, 0, None, "clip")

    def backward(g: Tensor, indices: Tensor) -> Tensor:
        flat = g.reshape(-1, shape[1])
        line = indices._np.reshape(-1)
        if 0 <= padding_idx < shape[0] and is_symbol(line):
            flat = flat.masked_fill(make((line == padding_idx)[:, None]), 0)
        elif 0 <= padding_idx < shape[0]:
            keep = make(np.nonzero(line != padding_idx)[0])
            flat = index_select(flat, 0, keep)
            line = line[keep._np]
        if scale_grad_by_freq:
            counts = np.bincount(line, minlength=shape[0])[line]
            flat = flat / make(counts[:, None].astype(flat._np.dtype))
        return rows_added(flat, 0, make(line), shape)

    return keeping(
        tidy(data), "EmbeddingBackward0", (weight,), (indices,), backward
    )


@public("embedding_renorm_", methods=False)
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows at some positions down to a norm.

    Args:
        input: (rows, width).
        indices: int32 or int64, any shape.
        max_norm, norm_type: the largest norm, and its exponent.

    Source: ``torch.embedding_renorm_``.
    """
    array = input._np
    rows = np.unique(indices._np)
    if beyond(rows, array.shape[0]) is not None:
        raise IndexError("index out of range in self")
    part = array[rows]
    # Norms and factors are rounded to the dtype, as they are when rows are scaled one by one.
    wide = part.astype(np.float64)
    norms = np.linalg.norm(wide, norm_type, 1).astype(array.dtype).astype(np.float64)
    scale = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(array.dtype)
    scaled = (wide * scale.astype(np.float64)[:, None]).astype(array.dtype)

    def change(target: Any) -> None:
        target[rows] = scaled

    return write_at(input, (), "EmbeddingRenormBackward0", refusal("embedding_renorm_"), change)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Vectors with 1 at a class and 0 elsewhere.

    Args:
        tensor: int64 classes, any shape.
        num_classes: how many there are; -1 for one more than the largest.

    >>> import functorch_lite.torch as torch
    >>> one_hot(torch.tensor([2, 0])).tolist()
    [[0, 0, 1], [1, 0, 0]]

    Source: ``torch.nn.functional.one_hot``.
    """
    array: Any = tensor._np
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not array.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return make(np.zeros((*array.shape, num_classes), np.int64))
    if is_symbol(array) and num_classes > 0:
        array.within(num_classes)
        data = zeros_for(array, (array.size, num_classes))
        data[np.arange(array.size), array.reshape(-1)] = 1
        return make(data.reshape((*array.shape, num_classes)))
    if array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(array.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    data = np.zeros((array.size, num_classes), np.int64)
    data[np.arange(array.size), array.reshape(-1)] = 1
    return make(data.reshape((*array.shape, num_classes)))

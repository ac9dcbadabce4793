"""Tables of vectors that are looked up by integers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.checks import check_vector
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.ranges import check_range

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Embedding", "embedding", "padding_row"]


def embedding(ids: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """The rows of a table at the given numbers; its derivative is one scatter-add.

    Args:
        ids: i[...], row numbers from 0 to rows - 1.
        weight: [rows, *features].
        padding_idx: a row that is read like the others and gets no gradient; a negative one counts
            from the end.

    Returns:
        [..., *features] in the dtype of ``weight``.

    Raises:
        DtypeError: ``ids`` are no integers.
        ShapeError: ``weight`` has no axis.
        IndexRangeError: an id is outside the table. Where ids are traced nobody can say so: then
            they are read as by ``weight[ids]``, negative ones from the end, and clamped.
        ValueError: ``padding_idx`` is outside the table.

    >>> embedding(fnp.asarray([2, 0]), fnp.arange(6.0).reshape(3, 2))
    Array([[4., 5.],
           [0., 1.]], dtype=float32)

    Source: ``torch.nn.functional.embedding``.
    """
    ids, weight = fnp.asarray(ids), fnp.asarray(weight)
    if not fnp.issubdtype(ids.dtype, fnp.integer):
        raise DtypeError(
            f"nn.embedding: expected ids that are integers; got {ids.dtype.name}. Remedy: convert "
            "them with .astype(int)."
        )
    if weight.ndim < 1:
        raise ShapeError("nn.embedding: expected a weight of shape [rows, ...]; got ().")
    rows = weight.shape[0]
    padding = padding_row("embedding", padding_idx, rows)
    remedy = "a larger table, or numpy.clip(ids, 0, rows - 1)"
    check_range(ids, rows, f"nn.embedding: a table of {rows} rows takes ids", remedy)
    out = weight[ids]
    if padding is None:
        return out
    is_padding = (ids == padding).reshape(ids.shape + (1,) * (weight.ndim - 1))
    return fnp.where(is_padding, fl.stop_gradient(out), out)


def padding_row(name: str, padding_idx: int | None, rows: int) -> int | None:
    """The row from 0 on that ``padding_idx`` names, or None.

    >>> padding_row("embedding", -1, 5)
    4
    """
    if padding_idx is None:
        return None
    row = operator.index(padding_idx)
    if not -rows <= row < rows:
        raise ValueError(
            f"nn.{name}: expected padding_idx from {-rows} to {rows - 1} for a table of {rows} "
            f"rows; got {padding_idx}."
        )
    return row + rows if row < 0 else row


def Embedding(num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> Layer:
    """A table of vectors; stateless.

    Parameters: ``weight`` f32[num_embeddings, embedding_dim], normally distributed with variance 1;
    zeros in the row ``padding_idx``.

    Args:
        num_embeddings: number of rows.
        embedding_dim: length of each.
        padding_idx: a row that starts at zero and gets no gradient.

    Returns:
        Layer with ``apply(params, ids: i[...]) -> f[..., embedding_dim]``.

    Raises:
        ValueError: ``padding_idx`` is outside the table.
        IndexRangeError: ``apply`` got an id outside the table.

    >>> layer = Embedding(10, 3, padding_idx=0)
    >>> params = layer.init(fl.random.key(0))
    >>> layer.apply(params, fnp.asarray([[1, 9], [0, 0]])).shape
    (2, 2, 3)

    Source: ``torch.nn.Embedding``.
    """
    padding = padding_row("Embedding", padding_idx, num_embeddings)
    shown = "" if padding is None else f", padding_idx={padding}"
    name = f"Embedding({num_embeddings}, {embedding_dim}{shown})"
    draw = initializers.normal(1.0)

    def init(key: Any) -> dict[str, Array]:
        weight = draw(key, (num_embeddings, embedding_dim))
        return {"weight": weight if padding is None else weight.at[padding].set(0.0)}

    def apply(params: dict[str, Array], ids: Array) -> Array:
        check_vector(name, "weight", params["weight"], (num_embeddings, embedding_dim))
        return embedding(ids, params["weight"], padding)

    return Layer(init, apply, name)

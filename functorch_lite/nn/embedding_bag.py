"""Rows of a table, reduced bag by bag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.checks import check_vector
from functorch_lite.nn.embedding import Embedding, embedding, padding_row
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.ranges import known_values
from functorch_lite.nn.segments import segment_max, segment_sum

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["EmbeddingBag", "embedding_bag"]


def embedding_bag(
    ids: Array, weight: Array, offsets: Array | None = None, mode: str = "mean",
    per_sample_weights: Array | None = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:  # fmt: skip
    """Sums, means or maxima of rows of a table, without the rows in between.

    Args:
        ids: i[bags, size], row numbers; or i[n] with ``offsets``, for bags of different sizes.
        weight: f[rows, features].
        offsets: i[bags], where in ``ids`` each bag begins; the first is 0.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each id, shaped like ``ids``; with "sum" only.
        include_last_offset: whether ``offsets`` has one more entry, the end of the last bag.
        padding_idx: a row that does not count.

    Returns:
        f[bags, features]; zeros for an empty bag.

    Raises:
        ShapeError: the shapes do not go together.
        DtypeError: ``ids`` or ``offsets`` are no integers.
        IndexRangeError: an id is outside the table; where it is traced nobody can say so.
        ValueError: another mode; weights for each id with another mode than "sum"; a
            ``padding_idx`` outside the table; offsets that do not begin with 0 or that fall.

    >>> table = fnp.asarray([[1.0], [2.0], [4.0]])
    >>> embedding_bag(fnp.asarray([0, 1, 2]), table, fnp.asarray([0, 2]), "sum").ravel().tolist()
    [3.0, 4.0]

    Source: ``torch.nn.functional.embedding_bag``; without ``max_norm``, which writes to the table.
    """
    name = "embedding_bag"
    ids, weight = fnp.asarray(ids), fnp.asarray(weight)
    _check_mode(name, mode)
    if weight.ndim != 2:
        raise ShapeError(
            f"nn.{name}: expected a weight of shape [rows, features]; got {tuple(weight.shape)}."
        )
    if ids.ndim not in (1, 2) or (ids.ndim == 1) == (offsets is None):
        raise ShapeError(
            f"nn.{name}: expected ids of shape [bags, size], or [n] with offsets; got "
            f"{tuple(ids.shape)} {'without' if offsets is None else 'with'} offsets. "
            "Remedy: ids[None] for a single bag."
        )
    if per_sample_weights is not None:
        per_sample_weights = fnp.asarray(per_sample_weights)
        if mode != "sum":
            raise ValueError(
                f"nn.{name}: expected mode 'sum' with per_sample_weights; got {mode!r}. Remedy: "
                "divide the weights by their sum."
            )
        if per_sample_weights.shape != ids.shape:
            raise ShapeError(
                f"nn.{name}: expected per_sample_weights shaped like ids, {tuple(ids.shape)}; "
                f"got {tuple(per_sample_weights.shape)}."
            )
    rows = embedding(ids, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights[..., None]
    padding = padding_row(name, padding_idx, weight.shape[0])
    counts = fnp.ones(ids.shape, bool) if padding is None else ids != padding
    if mode == "max":
        rows = fnp.where(counts[..., None], rows, -np.inf)
    elif padding is not None:
        rows = fnp.where(counts[..., None], rows, 0)
    if ids.ndim == 2:
        out = rows.max(axis=1, initial=-np.inf) if mode == "max" else rows.sum(axis=1)
    else:
        bag, bags = _bags(name, offsets, ids.shape[0], include_last_offset)
        out = (segment_max if mode == "max" else segment_sum)(rows, bag, bags)
    if mode == "sum":
        return out
    number = counts.sum(axis=1) if ids.ndim == 2 else segment_sum(counts.astype(int), bag, bags)
    if mode == "max":
        return fnp.where(number[:, None] > 0, out, 0)
    return out / fnp.maximum(number, 1).astype(out.dtype)[:, None]


def _check_mode(name: str, mode: str) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"nn.{name}: expected mode 'sum', 'mean' or 'max'; got {mode!r}.")


def _bags(name: str, offsets: Any, count: int, include_last: bool) -> tuple[Array, int]:
    """i[n]: the bag of each id; and how many bags there are."""
    offsets = fnp.asarray(offsets)
    if not fnp.issubdtype(offsets.dtype, fnp.integer):
        raise DtypeError(
            f"nn.{name}: expected offsets that are integers; got {offsets.dtype.name}. Remedy: "
            "offsets.astype(int)."
        )
    if offsets.ndim != 1 or (include_last and not offsets.size):
        raise ShapeError(f"nn.{name}: expected offsets of shape [bags]; got {offsets.shape}.")
    known = known_values(offsets)
    if known is not None and known.size and (known[0] or (np.diff(known) < 0).any()):
        raise ValueError(
            f"nn.{name}: expected offsets that begin with 0 and do not fall; got {known.tolist()}."
        )
    bag = fnp.searchsorted(offsets, fnp.arange(count), side="right") - 1
    return bag, offsets.size - include_last


def EmbeddingBag(
    num_embeddings: int, embedding_dim: int, mode: str = "mean", include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Layer:  # fmt: skip
    """A table of vectors that are reduced bag by bag; stateless.

    Parameters: ``weight`` f32[num_embeddings, embedding_dim], normally distributed with variance 1;
    zeros in the row ``padding_idx``.

    Args:
        num_embeddings: number of rows.
        embedding_dim: length of each.
        mode, include_last_offset, padding_idx: as in :func:`embedding_bag`.

    Returns:
        Layer with ``apply(params, ids, offsets=None, *, per_sample_weights=None)
        -> f[bags, embedding_dim]``.

    Raises:
        ValueError: another mode, or a ``padding_idx`` outside the table.
        ShapeError, DtypeError, IndexRangeError: ``apply``, as :func:`embedding_bag`.

    >>> import functorch_lite as fl
    >>> layer = EmbeddingBag(10, 3)
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.asarray([[1, 9], [0, 0]])).shape
    (2, 3)

    Source: ``torch.nn.EmbeddingBag``.
    """
    name = f"EmbeddingBag({num_embeddings}, {embedding_dim}, mode={mode!r})"
    _check_mode("EmbeddingBag", mode)
    padding = padding_row("EmbeddingBag", padding_idx, num_embeddings)
    table = Embedding(num_embeddings, embedding_dim, padding)

    def apply(
        params: dict[str, Array], ids: Array, offsets: Array | None = None, *,
        per_sample_weights: Array | None = None,
    ) -> Array:  # fmt: skip
        check_vector(name, "weight", params["weight"], (num_embeddings, embedding_dim))
        return embedding_bag(
            ids, params["weight"], offsets, mode, per_sample_weights, include_last_offset, padding
        )

    return Layer(table.init, apply, name)

"""Lookups in tables, row by row or bag by bag."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.utils import _unusual
from functorch_lite.torch.nn.parameter import blank

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both lookups share: the table, and its settings."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool
    weight: Any

    def _place(self, padding_idx: int | None, name: str) -> int | None:
        """The row that does not count, from the table's begin."""
        count = self.num_embeddings
        if padding_idx is None:
            return None
        if not -count <= padding_idx < count:
            raise AssertionError(f"{name} must be within num_embeddings")
        return padding_idx % count

    def _fill(self, weight: Any, freeze: bool, device: Any, dtype: Any) -> None:
        """Take a table, or draw one."""
        size = (self.num_embeddings, self.embedding_dim)
        if weight is None:
            self.weight = blank(*size, device=device, dtype=dtype)
            self.weight.requires_grad_(not freeze)
            self.reset_parameters()
            return
        if tuple(weight.shape) != size:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew, of normal numbers."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


def _sizes(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.dim() != 2:
        raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
    rows, columns = embeddings.shape
    return rows, columns


class Embedding(_Table):
    """Rows of a table of parameters.

    Args:
        num_embeddings, embedding_dim: how many rows, and their size.
        padding_idx: a row of zeros that gets no gradient.
        max_norm: rows that are looked up and longer than this are scaled down first.
        norm_type: the p of their norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        sparse: must be False when it is called: gradients are dense.
        device, dtype: of the table.

    Raises:
        AssertionError: there is no row ``padding_idx``.

    >>> Embedding(10, 3, padding_idx=-1)
    Embedding(10, 3, padding_idx=9)

    Source: ``torch.nn.Embedding``.
    """

    __module__ = "torch.nn.modules.sparse"
    __constants__ = [
        "num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type",
        "scale_grad_by_freq", "sparse",
    ]  # fmt: skip

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._place(padding_idx, "Padding_idx")
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._fill(_weight, _freeze, device, dtype)
        self.sparse = sparse

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}" + _unusual(
            self, padding_idx=None, max_norm=None, norm_type=2, scale_grad_by_freq=False,
            sparse=False,
        )  # fmt: skip

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """A module over a given table.

        Args:
            embeddings: f[rows, size]; its memory is shared.
            freeze: whether it stays as it is.
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as of the constructor.

        Source: ``torch.nn.Embedding.from_pretrained``.
        """
        return cls(
            *_sizes(embeddings), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip


class EmbeddingBag(_Table):
    """Sums, means or maxima of rows of a table of parameters, bag by bag.

    Args:
        num_embeddings, embedding_dim: how many rows, and their size.
        max_norm, norm_type, scale_grad_by_freq, sparse, device, dtype: as of ``Embedding``.
        mode: "sum", "mean" or "max".
        include_last_offset: whether offsets end with the end of the last bag.
        padding_idx: a row that does not count.

    Source: ``torch.nn.EmbeddingBag``.
    """

    __module__ = "torch.nn.modules.sparse"
    __constants__ = [
        "num_embeddings", "embedding_dim", "max_norm", "norm_type", "scale_grad_by_freq", "mode",
        "sparse", "include_last_offset", "padding_idx",
    ]  # fmt: skip

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = self._place(padding_idx, "padding_idx")
        self._fill(_weight, False, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """The bags.

        Args:
            input: int64[bags, size], or int64[n] with ``offsets``.
            offsets: int64[bags], where each bag begins.
            per_sample_weights: a factor for each row, with "sum" only.
        """
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        text += _unusual(self, max_norm=None, norm_type=2, scale_grad_by_freq=False)
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """A module over a given table; arguments as of the constructor.

        Source: ``torch.nn.EmbeddingBag.from_pretrained``.
        """
        made = cls(
            *_sizes(embeddings), max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        made.weight.requires_grad = not freeze
        return made

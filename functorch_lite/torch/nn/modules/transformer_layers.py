"""The layers of Transformers; public as part of ``torch.nn.modules.transformer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as _functional
from functorch_lite.torch.nn.modules.activation import GELU, ReLU
from functorch_lite.torch.nn.modules.dropout import Dropout
from functorch_lite.torch.nn.modules.linear import Linear
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.multihead import MultiheadAttention
from functorch_lite.torch.nn.modules.normalization import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

F: Any = _functional  # activations come from a table


def _activation(activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function of that name."""
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return getattr(F, activation)


class _Layer(Module):
    """What both kinds of layers share: two linear layers, and how parts are joined."""

    norm_first: bool
    activation: Callable[[Tensor], Tensor]
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _feed(
        self, d_model: int, dim_feedforward: int, dropout: float, bias: bool, **where: Any
    ) -> None:
        """Put the two linear layers in."""
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)

    def _fed(self, x: Tensor, dropout: Dropout) -> Tensor:
        x = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return dropout(x)

    def _joined(self, x: Any, norm: LayerNorm, block: Callable[[Any], Any]) -> Any:
        """A block beside a path around it, normalised before or after."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "activation"):  # functions were not part of older pickles
            self.activation = F.relu


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers, with a path around each.

    Args:
        d_model: the size of what comes and goes.
        nhead: number of heads.
        dim_feedforward: the size between the linear layers.
        dropout: the probability of dropout.
        activation: between the linear layers: "relu", "gelu" or a function.
        layer_norm_eps: of the normalisations.
        batch_first: whether inputs are [batch, length, size], else [length, batch, size].
        norm_first: whether to normalise before a block, not after it.
        bias: whether linear layers and normalisations have biases.
        device, dtype: of the parameters.

    Source: Vaswani et al. 2017; ``torch.nn.TransformerEncoderLayer``.
    """

    __module__ = "torch.nn.modules.transformer"
    __constants__ = ["norm_first"]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **where
        )
        self._feed(d_model, dim_feedforward, dropout, bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = function = _activation(activation)
        # 1 and 2 as in PyTorch, which packs sequences in a stack of layers of these.
        self.activation_relu_or_gelu = (
            1 if function is F.relu or isinstance(function, ReLU)
            else 2 if function is F.gelu or isinstance(function, GELU)
            else 0
        )  # fmt: skip

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The layer's result, of the shape of ``src``.

        Args:
            src: f[length, batch, size], or without batch.
            src_mask: [length, length], where not to look.
            src_key_padding_mask: [batch, length], keys not to look at.
            is_causal: that ``src_mask`` is causal.
        """

        def attention(x: Tensor) -> Tensor:
            return self._sa_block(x, src_mask, src_key_padding_mask, is_causal)

        x = self._joined(src, self.norm1, attention)
        return self._joined(x, self.norm2, self._ff_block)

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False,
            is_causal=is_causal,
        )[0]  # fmt: skip
        return self.dropout1(x)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self._fed(x, self.dropout2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to what an encoder made, then two linear layers.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype: as of ``TransformerEncoderLayer``.

    Source: Vaswani et al. 2017; ``torch.nn.TransformerDecoderLayer``.
    """

    __module__ = "torch.nn.modules.transformer"
    __constants__ = ["norm_first"]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        where = {"device": device, "dtype": dtype}
        heads: dict[str, Any] = {"dropout": dropout, "batch_first": batch_first, "bias": bias}
        self.self_attn = MultiheadAttention(d_model, nhead, **heads, **where)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **heads, **where)
        self._feed(d_model, dim_feedforward, dropout, bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The layer's result, of the shape of ``tgt``.

        Args:
            tgt: f[length, batch, size], or without batch.
            memory: f[other, batch, size], what the encoder made.
            tgt_mask, tgt_key_padding_mask, tgt_is_causal: of the self-attention.
            memory_mask, memory_key_padding_mask, memory_is_causal: of the attention to memory.
        """

        def itself(x: Tensor) -> Tensor:
            return self._sa_block(x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def other(x: Tensor) -> Tensor:
            return self._mha_block(
                x, memory, memory_mask, memory_key_padding_mask, memory_is_causal
            )

        x = self._joined(tgt, self.norm1, itself)
        x = self._joined(x, self.norm2, other)
        return self._joined(x, self.norm3, self._ff_block)

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal,
            need_weights=False,
        )[0]  # fmt: skip
        return self.dropout1(x)

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        x = self.multihead_attn(
            x, mem, mem, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
            is_causal=is_causal, need_weights=False,
        )[0]  # fmt: skip
        return self.dropout2(x)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self._fed(x, self.dropout3)

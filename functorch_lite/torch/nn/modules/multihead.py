"""Attention in several heads; public as part of ``torch.nn.modules.activation``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import blank

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in several heads, with projections before and after it.

    Args:
        embed_dim: the size of queries and of the result.
        num_heads: must divide it.
        dropout: the probability that a weight of the attention is dropped in training.
        bias: whether projections have biases.
        add_bias_kv: whether there is one more key and value, which are parameters.
        add_zero_attn: whether there is one more key and value of zeros.
        kdim, vdim: the sizes of keys and values; ``embed_dim`` by default.
        batch_first: whether inputs are [batch, length, size], else [length, batch, size].
        device, dtype: of the parameters.

    Raises:
        ValueError, AssertionError: the sizes do not make such heads.

    Source: Vaswani et al. 2017; ``torch.nn.MultiheadAttention``.
    """

    __module__ = "torch.nn.modules.activation"
    __constants__ = ["batch_first"]
    bias_k: Any
    bias_v: Any
    in_proj_bias: Any

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        where = {"device": device, "dtype": dtype}
        sizes = (embed_dim, self.kdim, self.vdim)
        if self._qkv_same_embed_dim:
            self.in_proj_weight: Any = blank(3 * embed_dim, embed_dim, **where)
        for name, size in zip(("q", "k", "v"), sizes, strict=True):
            made = None if self._qkv_same_embed_dim else blank(embed_dim, size, **where)
            self.register_parameter(f"{name}_proj_weight", made)
        if not self._qkv_same_embed_dim:
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", blank(3 * embed_dim, **where) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, blank(1, 1, embed_dim, **where) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections before the attention anew; biases 0."""
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)  # as it was before there was a choice
        super().__setstate__(state)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The result, like ``query``, and the weights or None.

        Args:
            query, key, value: f[length, batch, size], or without batch.
            key_padding_mask: [batch, length], keys not to look at.
            need_weights: whether to return the weights as well.
            attn_mask: [length, other] or [batch * heads, length, other], where not to look.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: that ``attn_mask`` is causal.
        """
        turned = self.batch_first and query.dim() == 3
        if turned:
            # What is one tensor stays one: it is projected at once.
            other = {id(t): t.transpose(1, 0) for t in (query, key, value)}
            query, key, value = (other[id(t)] for t in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return (out.transpose(1, 0) if turned else out), weights

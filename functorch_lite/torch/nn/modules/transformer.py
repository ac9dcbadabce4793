"""Transformers: stacks of layers that encode and decode."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.public import FUNCTIONS, overrides
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import creation as _creation  # noqa: F401  (makes ``full``)
from functorch_lite.torch.nn import functional as _functional
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.container import ModuleList
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.normalization import LayerNorm
from functorch_lite.torch.nn.modules.transformer_layers import (
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer",
]  # fmt: skip

F: Any = _functional
_full = FUNCTIONS["full"]


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    """f[sz, sz]: 0 on and below the diagonal, minus infinity above."""
    full = _full((sz, sz), float("-inf"), dtype=dtype or default.dtype, device=device)
    return full.triu(1)


def _is_causal(mask: Any, is_causal: bool | None) -> bool:
    """What is said of a mask, or else whether it is one of ``_generate_square_subsequent_mask``."""
    if is_causal is not None or mask is None:
        return bool(is_causal)
    if overrides.known:
        overrides.values_asked(mask)
    values = mask._np
    size = values.shape[-1]
    if values.shape[-2:] != (size, size) or values.dtype.kind == "b":
        return False
    return bool((values == np.triu(np.full((size, size), -np.inf), 1)).all())


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


class TransformerEncoder(Module):
    """A stack of copies of a layer.

    Args:
        encoder_layer: is copied; the copies begin with the same parameters.
        num_layers: how many copies.
        norm: applied at the end.
        enable_nested_tensor: whether results at padded places are zeros, where PyTorch leaves
            those places out: outside of training, for most layers.
        mask_check: whether those places must come last for that.

    Source: ``torch.nn.TransformerEncoder``.
    """

    __module__ = "torch.nn.modules.transformer"
    __constants__ = ["norm"]

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        reason = _no_packing(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        self.mask_check = mask_check
        if enable_nested_tensor and reason:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"{reason}",
                stacklevel=2,
            )

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:  # fmt: skip
        """All layers, one after another; arguments as of ``TransformerEncoderLayer``."""
        causal = _is_causal(mask, is_causal)
        out: Any = src
        for layer in self.layers:
            out = layer(
                out, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask
            )
        if self._packed(src, src_key_padding_mask):
            out = out.masked_fill(src_key_padding_mask.unsqueeze(-1), 0)  # type: ignore[union-attr]
        return out if self.norm is None else self.norm(out)

    def _packed(self, src: Any, padding: Any) -> bool:
        """Whether PyTorch would leave padded places out."""
        if padding is None or self.training or not self.use_nested_tensor or src.dim() != 3:
            return False
        if padding._np.dtype.kind != "b":
            return False
        if overrides.known:
            overrides.values_asked(padding)
        if self.mask_check and (np.diff(padding._np.astype(np.int8), axis=1) < 0).any():
            return False
        first = self.layers[0]
        tensors = (src, *first.parameters())
        return not (mode.enabled and any(t.requires_grad for t in tensors))


def _no_packing(layer: Any) -> str:
    """Why PyTorch would not leave padded places out of a stack of such layers."""
    name = "encoder_layer"
    if not isinstance(layer, TransformerEncoderLayer):
        return f"{name} was not TransformerEncoderLayer"
    if layer.norm_first:
        return f"{name}.norm_first was True"
    if not layer.self_attn.batch_first:
        return (
            f"{name}.self_attn.batch_first was not True(use batch_first for better inference "
            "performance)"
        )
    if not layer.self_attn._qkv_same_embed_dim:
        return f"{name}.self_attn._qkv_same_embed_dim was not True"
    if layer.self_attn.in_proj_bias is None:
        return f"{name}.self_attn was passed bias=False"
    if not layer.activation_relu_or_gelu:
        return f"{name}.activation_relu_or_gelu was not True"
    if layer.norm1.eps != layer.norm2.eps:
        return f"{name}.norm1.eps was not equal to {name}.norm2.eps"
    if layer.self_attn.num_heads % 2 == 1:
        return f"{name}.self_attn.num_heads is odd"
    return ""


class TransformerDecoder(Module):
    """A stack of copies of a layer that looks at what an encoder made.

    Args:
        decoder_layer: is copied; the copies begin with the same parameters.
        num_layers: how many copies.
        norm: applied at the end.

    Source: ``torch.nn.TransformerDecoder``.
    """

    __module__ = "torch.nn.modules.transformer"
    __constants__ = ["norm"]

    def __init__(
        self, decoder_layer: Module, num_layers: int, norm: Module | None = None
    ) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """All layers, one after another; arguments as of ``TransformerDecoderLayer``."""
        causal = _is_causal(tgt_mask, tgt_is_causal)
        out: Any = tgt
        for layer in self.layers:
            out = layer(
                out, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return out if self.norm is None else self.norm(out)


class Transformer(Module):
    """An encoder and a decoder.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype: as of ``TransformerEncoderLayer``.
        num_encoder_layers, num_decoder_layers: how many layers.
        custom_encoder, custom_decoder: modules to take in place of those.

    Source: Vaswani et al. 2017; ``torch.nn.Transformer``.
    """

    __module__ = "torch.nn.modules.transformer"

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6,
        num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        settings: Any = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder: Any = custom_encoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*settings)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.decoder: Any = custom_decoder
        if custom_decoder is None:
            other = TransformerDecoderLayer(*settings)
            self.decoder = TransformerDecoder(other, num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw all matrices anew."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """What the decoder makes of ``tgt`` and what the encoder makes of ``src``.

        Args:
            src: f[length, batch, size], or without batch.
            tgt: f[other, batch, size], or without batch.
            src_mask, tgt_mask, memory_mask: where not to look.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: keys not to look
                at.
            src_is_causal, tgt_is_causal, memory_is_causal: that a mask is causal.

        Raises:
            RuntimeError: the sizes do not go together.
        """
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """f[sz, sz], 0 where a place may look, minus infinity at later places.

        Source: ``torch.nn.Transformer.generate_square_subsequent_mask``.
        """
        return _generate_square_subsequent_mask(sz, device, dtype)

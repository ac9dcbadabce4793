"""Transformers: layers of attention and feed-forward networks, and stacks of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import random, tree
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.activations import gelu
from functorch_lite.nn.activations_piecewise import relu
from functorch_lite.nn.checks import check_probability, training_key
from functorch_lite.nn.dropout import dropout as drop
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.layer_norm import LayerNorm
from functorch_lite.nn.linear import Linear
from functorch_lite.nn.multi_head_attention import MultiHeadAttention

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Any], Any]

# PyTorch's name stands for the exact function.
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "gelu": functools.partial(gelu, approximate=False),
}


# ---------------------------------------------------------------------------------------- layers
def TransformerEncoderLayer(
    d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
    activation: Activation = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
    norm_first: bool = False, bias: bool = True,
) -> Layer:  # fmt: skip
    """Self-attention and a feed-forward network, each with a residual and a normalisation.

    Parameters: ``self_attn`` (see :func:`MultiHeadAttention`), ``linear1``, ``linear2`` (see
    :func:`Linear`), ``norm1``, ``norm2`` (see :func:`LayerNorm`).

    Args:
        d_model: number of features.
        nhead: number of heads, divides ``d_model``.
        dim_feedforward: number of features within the feed-forward network.
        dropout: probability of dropping in training: attention's weights, and elements within and
            after both parts.
        activation: "relu", "gelu" (the exact one) or a function.
        layer_norm_eps: the normalisations' eps.
        batch_first: whether sequences are [batch, time, features], not [time, batch, features].
        norm_first: whether each part's input is normalised, not the sum after it.
        bias: whether linear maps and normalisations have biases.

    Returns:
        Layer with ``apply(params, src, *, src_mask=None, src_key_padding_mask=None,
        is_causal=False, key=None, train=False)``; masks as in :func:`MultiHeadAttention`.

    Raises:
        ValueError: ``nhead`` does not divide ``d_model``; another activation; ``dropout`` outside
            [0, 1].
        ShapeError, DtypeError: ``apply`` got operands or masks of other sizes or dtypes.
        TypeError: dropout in training without a key.

    >>> import functorch_lite as fl
    >>> layer = TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> params = layer.init(fl.random.key(0))
    >>> layer.apply(params, fl.numpy.ones((3, 5, 8))).shape
    (3, 5, 8)

    Source: Vaswani et al., NeurIPS 2017; ``torch.nn.TransformerEncoderLayer``.
    """
    name = f"TransformerEncoderLayer({d_model}, {nhead}, {dim_feedforward})"
    check_probability(name, dropout)
    parts = _parts(
        ("self_attn",), d_model, nhead, dim_feedforward, dropout, layer_norm_eps, batch_first, bias
    )
    forward = _feed_forward(parts, _function(name, activation), dropout)

    def apply(
        params: dict[str, Any], src: Array, *, src_mask: Array | None = None,
        src_key_padding_mask: Array | None = None, is_causal: bool = False,
        key: Array | None = None, train: bool = False,
    ) -> Array:  # fmt: skip
        keys = _keys(name, key, train, dropout, 4)

        def attend(x: Array) -> Array:
            x = parts["self_attn"].apply(
                params["self_attn"], x, attn_mask=src_mask, key_padding_mask=src_key_padding_mask,
                is_causal=is_causal, key=keys[0], train=train,
            )  # fmt: skip
            return _dropped(x, dropout, keys[1])

        blocks = (attend, functools.partial(forward, params, keys[2:]))
        return _residuals(parts, params, src, blocks, norm_first)

    return Layer(_init(parts), apply, name, children=tuple(parts.values()))


def TransformerDecoderLayer(
    d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
    activation: Activation = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
    norm_first: bool = False, bias: bool = True,
) -> Layer:  # fmt: skip
    """Self-attention, attention to a memory, and a feed-forward network; arguments as
    :func:`TransformerEncoderLayer`.

    Parameters: ``self_attn``, ``multihead_attn``, ``linear1``, ``linear2``, ``norm1``, ``norm2``,
    ``norm3``.

    Returns:
        Layer with ``apply(params, tgt, memory, *, tgt_mask=None, memory_mask=None,
        tgt_key_padding_mask=None, memory_key_padding_mask=None, tgt_is_causal=False,
        memory_is_causal=False, key=None, train=False)``.

    >>> import functorch_lite as fl
    >>> layer = TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> params = layer.init(fl.random.key(0))
    >>> memory = fl.numpy.ones((3, 7, 8))
    >>> layer.apply(params, fl.numpy.ones((3, 5, 8)), memory, tgt_is_causal=True).shape
    (3, 5, 8)

    Source: Vaswani et al., NeurIPS 2017; ``torch.nn.TransformerDecoderLayer``.
    """
    name = f"TransformerDecoderLayer({d_model}, {nhead}, {dim_feedforward})"
    check_probability(name, dropout)
    parts = _parts(
        ("self_attn", "multihead_attn"), d_model, nhead, dim_feedforward, dropout, layer_norm_eps,
        batch_first, bias,
    )  # fmt: skip
    forward = _feed_forward(parts, _function(name, activation), dropout)

    def apply(
        params: dict[str, Any], tgt: Array, memory: Array, *, tgt_mask: Array | None = None,
        memory_mask: Array | None = None, tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False, key: Array | None = None, train: bool = False,
    ) -> Array:  # fmt: skip
        keys = _keys(name, key, train, dropout, 6)

        def to_itself(x: Array) -> Array:
            x = parts["self_attn"].apply(
                params["self_attn"], x, attn_mask=tgt_mask, key_padding_mask=tgt_key_padding_mask,
                is_causal=tgt_is_causal, key=keys[0], train=train,
            )  # fmt: skip
            return _dropped(x, dropout, keys[1])

        def to_memory(x: Array) -> Array:
            x = parts["multihead_attn"].apply(
                params["multihead_attn"], x, memory, attn_mask=memory_mask,
                key_padding_mask=memory_key_padding_mask, is_causal=memory_is_causal, key=keys[2],
                train=train,
            )  # fmt: skip
            return _dropped(x, dropout, keys[3])

        blocks = (to_itself, to_memory, functools.partial(forward, params, keys[4:]))
        return _residuals(parts, params, tgt, blocks, norm_first)

    return Layer(_init(parts), apply, name, children=tuple(parts.values()))


# ------------------------------------------------------------------------------ what they share
def _function(name: str, activation: Activation) -> Callable[[Any], Any]:
    if callable(activation):
        return activation
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"nn.{name}: expected activation 'relu', 'gelu' or a function; got {activation!r}."
        )
    return _ACTIVATIONS[activation]


def _parts(
    attentions: Sequence[str], size: int, heads: int, inner: int, dropout: float, eps: float,
    batch_first: bool, bias: bool,
) -> dict[str, Layer]:  # fmt: skip
    """The layers that a layer of a transformer is made of, by the names of their parameters."""
    parts = {
        name: MultiHeadAttention(size, heads, dropout, bias, batch_first=batch_first)
        for name in attentions
    }
    parts["linear1"], parts["linear2"] = Linear(size, inner, bias), Linear(inner, size, bias)
    for i in range(len(attentions) + 1):
        parts[f"norm{i + 1}"] = LayerNorm(size, eps, bias=bias)
    return parts


def _init(parts: dict[str, Layer]) -> Callable[[Any], dict[str, Any]]:
    def init(key: Any) -> dict[str, Any]:
        keys = random.split(key, len(parts))
        return {name: part.init(keys[i]) for i, (name, part) in enumerate(parts.items())}

    return init


def _keys(name: str, key: Any, train: bool, dropout: float, count: int) -> Sequence[Any]:
    """A key for each place that drops, or None for each where nothing is dropped."""
    if not train or dropout == 0:
        return (None,) * count
    keys = random.split(training_key(name, key), count)
    return [keys[i] for i in range(count)]


def _dropped(x: Array, p: float, key: Any) -> Array:
    return x if key is None else drop(x, p, key)


def _feed_forward(
    parts: dict[str, Layer], activation: Callable[[Any], Any], dropout: float
) -> Callable[..., Array]:
    def forward(params: dict[str, Any], keys: Sequence[Any], x: Array) -> Array:
        x = activation(parts["linear1"].apply(params["linear1"], x))
        x = parts["linear2"].apply(params["linear2"], _dropped(x, dropout, keys[0]))
        return _dropped(x, dropout, keys[1])

    return forward


def _residuals(
    parts: dict[str, Layer], params: dict[str, Any], x: Array,
    blocks: Sequence[Callable[[Array], Array]], norm_first: bool,
) -> Array:  # fmt: skip
    for i, block in enumerate(blocks, 1):
        normalise = functools.partial(parts[f"norm{i}"].apply, params[f"norm{i}"])
        x = x + block(normalise(x)) if norm_first else normalise(x + block(x))
    return x


# ---------------------------------------------------------------------------------------- stacks
def TransformerEncoder(encoder_layer: Layer, num_layers: int, norm: Layer | None = None) -> Layer:
    """Encoder layers one after the other, then perhaps a normalisation.

    Parameters: ``layers``, a tuple with the parameters of each layer, drawn independently (PyTorch
    starts all layers with the same numbers); ``norm``.

    Args:
        encoder_layer: a :func:`TransformerEncoderLayer`.
        num_layers: how many of them.
        norm: a layer such as :func:`LayerNorm`.

    Returns:
        Layer with ``apply(params, src, *, mask=None, src_key_padding_mask=None, is_causal=False,
        key=None, train=False)``.

    >>> import functorch_lite as fl
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 2, LayerNorm(8))
    >>> encoder.apply(encoder.init(fl.random.key(0)), fl.numpy.ones((5, 3, 8))).shape
    (5, 3, 8)

    Source: ``torch.nn.TransformerEncoder``.
    """
    name = f"TransformerEncoder({encoder_layer.name}, {num_layers})"
    run = _stack(name, encoder_layer, num_layers, norm)

    def apply(
        params: dict[str, Any], src: Array, *, mask: Array | None = None,
        src_key_padding_mask: Array | None = None, is_causal: bool = False,
        key: Array | None = None, train: bool = False,
    ) -> Array:  # fmt: skip
        return run(
            params, src, (), key, train, src_mask=mask, src_key_padding_mask=src_key_padding_mask,
            is_causal=is_causal,
        )  # fmt: skip

    children = (encoder_layer,) * num_layers + (() if norm is None else (norm,))
    return Layer(_init_stack(encoder_layer, num_layers, norm), apply, name, children=children)


def TransformerDecoder(decoder_layer: Layer, num_layers: int, norm: Layer | None = None) -> Layer:
    """Decoder layers one after the other, then perhaps a normalisation; arguments and parameters
    as :func:`TransformerEncoder`.

    Returns:
        Layer with ``apply(params, tgt, memory, *, ...)``, which takes what
        :func:`TransformerDecoderLayer` takes.

    >>> import functorch_lite as fl
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 2)
    >>> x = fl.numpy.ones((5, 3, 8))
    >>> decoder.apply(decoder.init(fl.random.key(0)), x, x).shape
    (5, 3, 8)

    Source: ``torch.nn.TransformerDecoder``.
    """
    name = f"TransformerDecoder({decoder_layer.name}, {num_layers})"
    run = _stack(name, decoder_layer, num_layers, norm)

    def apply(
        params: dict[str, Any], tgt: Array, memory: Array, *, tgt_mask: Array | None = None,
        memory_mask: Array | None = None, tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False, key: Array | None = None, train: bool = False,
    ) -> Array:  # fmt: skip
        return run(
            params, tgt, (memory,), key, train, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    children = (decoder_layer,) * num_layers + (() if norm is None else (norm,))
    return Layer(_init_stack(decoder_layer, num_layers, norm), apply, name, children=children)


def _init_stack(layer: Layer, count: int, norm: Layer | None) -> Callable[[Any], dict[str, Any]]:
    def init(key: Any) -> dict[str, Any]:
        keys = random.split(key, count + 1)
        params: dict[str, Any] = {"layers": tuple(layer.init(keys[i]) for i in range(count))}
        return params if norm is None else {**params, "norm": norm.init(keys[count])}

    return init


def _stack(name: str, layer: Layer, count: int, norm: Layer | None) -> Callable[..., Array]:
    def run(
        params: dict[str, Any], x: Array, others: tuple[Any, ...], key: Any, train: bool,
        **options: Any,
    ) -> Array:  # fmt: skip
        if len(params["layers"]) != count:
            raise ShapeError(
                f"nn.{name}: expected the parameters of {count} layers; got those of "
                f"{len(params['layers'])}. Remedy: params = layer.init(key)."
            )
        keys = None
        if train and key is not None:
            keys = random.split(training_key(name, key), count)
        for i, own in enumerate(params["layers"]):
            k = None if keys is None else keys[i]
            x = layer.apply(own, x, *others, key=k, train=train, **options)
        return x if norm is None else norm.apply(params["norm"], x)

    return run


def Transformer(
    d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
    dim_feedforward: int = 2048, dropout: float = 0.1, activation: Activation = "relu",
    layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
    bias: bool = True,
) -> Layer:  # fmt: skip
    """An encoder of a source and a decoder of a target; arguments as
    :func:`TransformerEncoderLayer`.

    Parameters: ``encoder`` and ``decoder``, each with a ``norm`` after the last layer; matrices
    after Xavier.

    Args:
        num_encoder_layers: number of layers of the encoder.
        num_decoder_layers: number of layers of the decoder.

    Returns:
        Layer with ``apply(params, src, tgt, *, src_mask=None, tgt_mask=None, memory_mask=None,
        src_key_padding_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
        src_is_causal=False, tgt_is_causal=False, memory_is_causal=False, key=None, train=False)``.

    >>> import functorch_lite as fl
    >>> net = Transformer(8, 2, 1, 1, 16)
    >>> params = net.init(fl.random.key(0))
    >>> src, tgt = fl.numpy.ones((5, 3, 8)), fl.numpy.ones((4, 3, 8))
    >>> net.apply(params, src, tgt, tgt_is_causal=True).shape
    (4, 3, 8)

    Source: Vaswani et al., NeurIPS 2017; ``torch.nn.Transformer``.
    """
    name = f"Transformer({d_model}, {nhead}, {num_encoder_layers}, {num_decoder_layers})"
    settings = (
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
        norm_first, bias,
    )  # fmt: skip
    norm = LayerNorm(d_model, layer_norm_eps, bias=bias)
    encoder = TransformerEncoder(TransformerEncoderLayer(*settings), num_encoder_layers, norm)
    decoder = TransformerDecoder(TransformerDecoderLayer(*settings), num_decoder_layers, norm)

    def init(key: Any) -> dict[str, Any]:
        keys = random.split(key, 3)
        params = {"encoder": encoder.init(keys[0]), "decoder": decoder.init(keys[1])}
        leaves, structure = tree.flatten(params)
        own = random.split(keys[2], max(len(leaves), 1))
        draw = initializers.xavier_uniform()
        drawn = [draw(own[i], x.shape) if x.ndim > 1 else x for i, x in enumerate(leaves)]
        return tree.unflatten(structure, drawn)

    def apply(
        params: dict[str, Any], src: Array, tgt: Array, *, src_mask: Array | None = None,
        tgt_mask: Array | None = None, memory_mask: Array | None = None,
        src_key_padding_mask: Array | None = None, tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None, src_is_causal: bool = False,
        tgt_is_causal: bool = False, memory_is_causal: bool = False, key: Array | None = None,
        train: bool = False,
    ) -> Array:  # fmt: skip
        keys = _keys(name, key, train, dropout, 2)
        memory = encoder.apply(
            params["encoder"], src, mask=src_mask, src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal, key=keys[0], train=train,
        )  # fmt: skip
        return decoder.apply(
            params["decoder"], tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal, key=keys[1], train=train,
        )  # fmt: skip

    return Layer(init, apply, name, children=(encoder, decoder))

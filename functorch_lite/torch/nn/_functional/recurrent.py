"""Recurrent networks over whole sequences, padded or packed, and single steps of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import jit
from functorch_lite import nn as core
from functorch_lite.core.array import Array, wrap
from functorch_lite.nn.linear import linear
from functorch_lite.torch._core.op import Composite
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.joining import cat
from functorch_lite.torch.nn._functional.dropping import dropout as drop

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "packed_places", "rnn_relu", "rnn_relu_cell",
           "rnn_tanh", "rnn_tanh_cell"]  # fmt: skip

_LARGE = 1 << 18
"""Multiplications from which the second call with the same sizes is compiled."""
_LATER = 8
"""The calls before that of smaller ones, each of which takes a tenth of a compilation's time."""
_MOST = 1024


class _Compiled:
    """A function of core arrays that is compiled once its sizes have come often enough.

    Sequences of ever new lengths would cost a compilation each.
    """

    def __init__(self, f: Callable[..., Any], static: tuple[str, ...]) -> None:
        self.f = f
        self.compiled = jit(f, static_argnames=static)
        self.seen: dict[Any, int] = {}

    def __call__(self, work: int, *arrays: Array, **params: Any) -> Any:
        key = (*[(x.shape, x.dtype) for x in arrays], *params.values())
        count = self.seen.get(key, 0)
        if count >= (1 if work >= _LARGE else _LATER):
            return self.compiled(*arrays, **params)
        if len(self.seen) >= _MOST:
            self.seen.clear()
        self.seen[key] = count + 1
        return self.f(*arrays, **params)


# ---------------------------------------------------------------------------------- whole sequences
def _names(biased: bool, both: bool, projected: bool) -> list[str]:
    """The names of a layer's parameters, in the order in which PyTorch passes them."""
    parts = ["weight_ih", "weight_hh"]
    parts += ["bias_ih", "bias_hh"] if biased else []
    parts += ["weight_hr"] if projected else []
    return [f"{part}_l0{end}" for end in ("", "_reverse")[: 1 + both] for part in parts]


def _lstm_layer(
    x: Array, h: Array, c: Array, *rest: Array, names: tuple[str, ...], cut: bool
) -> tuple[Array, Array, Array]:
    params = dict(zip(names, rest, strict=False))
    out, (h, c) = core.lstm(params, x, (h, c), lengths=rest[-1] if cut else None)
    return out, h, c


def _gru_layer(
    x: Array, h: Array, *rest: Array, names: tuple[str, ...], cut: bool
) -> tuple[Array, Array]:
    params = dict(zip(names, rest, strict=False))
    return core.gru(params, x, h, lengths=rest[-1] if cut else None)


def _rnn_layer(
    x: Array, h: Array, *rest: Array, names: tuple[str, ...], cut: bool, kind: str
) -> tuple[Array, Array]:
    params = dict(zip(names, rest, strict=False))
    return core.rnn(params, x, h, lengths=rest[-1] if cut else None, nonlinearity=kind)


_LSTM = _Compiled(_lstm_layer, ("names", "cut"))
_GRU = _Compiled(_gru_layer, ("names", "cut"))
_RNN = _Compiled(_rnn_layer, ("names", "cut", "kind"))


def _layer(name: str, run: _Compiled) -> Composite:
    """One layer, in both directions, as one operation."""

    def f(x: Array, *rest: Array, **params: Any) -> Any:
        weights = rest[1 + (run is _LSTM)]
        return run(x.size * weights.shape[0], x, *rest, **params)

    return Composite(name, f)


_LAYERS = {
    "lstm": (_layer("MkldnnRnnLayerBackward0", _LSTM), {}),
    "gru": (_layer("StackBackward0", _GRU), {}),
    "rnn_tanh": (_layer("StackBackward0", _RNN), {"kind": "tanh"}),
    "rnn_relu": (_layer("StackBackward0", _RNN), {"kind": "relu"}),
}


def packed_places(batch_sizes: Any) -> Any:
    """int64[n]: where the rows of a packed sequence are among those of the padded one.

    Args:
        batch_sizes: raw i[time], how many sequences are that long; the first is the largest.
    """
    most = int(batch_sizes[0]) if len(batch_sizes) else 0
    return np.flatnonzero(np.arange(most) < np.asarray(batch_sizes)[:, None])


def _stack(
    name: str, x: Any, hx: Sequence[Any], params: Sequence[Any], biased: bool, layers: int,
    p: float, train: bool, both: bool, batch_sizes: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """All layers over a sequence, the time first."""
    if (len(batch_sizes) if batch_sizes is not None else x._np.shape[0]) == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    layer, settings = _LAYERS[name]
    per = len(params) // layers
    each = 1 + both
    names = tuple(_names(biased, both, per > each * (2 + 2 * biased)))
    extra: list[Any] = []
    if batch_sizes is not None:
        steps, most = len(batch_sizes), int(batch_sizes[0])
        places = make(packed_places(batch_sizes))
        extra = [wrap((np.asarray(batch_sizes)[:, None] > np.arange(most)).sum(0))]
    ends: list[Any] = []
    for i in range(layers):
        start = hx if layers == 1 else [h[each * i : each * (i + 1)] for h in hx]
        given = [*start, *params[per * i : per * (i + 1)], *extra]
        if batch_sizes is None:
            x, *end = layer([x, *given], names=names, cut=False, **settings)
        else:
            rows = x.new_zeros((steps * most, x._np.shape[-1])).index_copy(0, places, x)
            padded = rows.view(steps, most, -1)
            out, *end = layer([padded, *given], names=names, cut=True, **settings)
            x = out.reshape(steps * most, -1).index_select(0, places)
        ends.append(end)
        if p > 0 and train and i + 1 < layers:
            x = drop(x, p)
    if layers == 1:
        return (x, *ends[0])
    return (x, *[cat(parts) for parts in zip(*ends, strict=True)])


def _run(name: str, hx_of: Callable[[Any], Sequence[Any]], args: tuple[Any, ...]) -> Any:
    """Tell the two ways of calling apart: of padded sequences, and of packed ones."""
    if isinstance(args[3], (bool, np.bool_)):
        x, hx, params, biased, layers, p, train, both, batch_first = args
        if not batch_first:
            return _stack(name, x, hx_of(hx), params, biased, layers, p, train, both)
        out, *ends = _stack(
            name, x.transpose(0, 1), hx_of(hx), params, biased, layers, p, train, both
        )
        return (out.transpose(0, 1), *ends)
    x, batch_sizes, hx, params, biased, layers, p, train, both = args
    return _stack(
        name, x, hx_of(hx), params, biased, layers, p, train, both, batch_sizes._np
    )


@public("lstm", methods=False)
def lstm(*args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Layers of long short-term memory over a sequence.

    Args:
        args: input, (h, c), parameters layer by layer, whether there are biases, the number of
            layers, the probability of dropout between them, whether it applies, whether a second
            network reads backwards, whether the batch comes first; or data, batch sizes, (h, c)
            and so on, without the last, for a packed sequence.

    Returns:
        the outputs, and the last h and c.

    Source: ``torch.lstm``.
    """
    return _run("lstm", list, args)


def _one(h: Any) -> Sequence[Any]:
    return (h,)


@public("gru", methods=False)
def gru(*args: Any) -> tuple[Tensor, Tensor]:
    """Layers of gated recurrent units; arguments as ``lstm``. Source: ``torch.gru``."""
    return _run("gru", _one, args)


@public("rnn_tanh", methods=False)
def rnn_tanh(*args: Any) -> tuple[Tensor, Tensor]:
    """Plain recurrent layers; arguments as ``lstm``. Source: ``torch.rnn_tanh``."""
    return _run("rnn_tanh", _one, args)


@public("rnn_relu", methods=False)
def rnn_relu(*args: Any) -> tuple[Tensor, Tensor]:
    """Plain recurrent layers with relu; arguments as ``lstm``. Source: ``torch.rnn_relu``."""
    return _run("rnn_relu", _one, args)


# ------------------------------------------------------------------------------------ single steps
def _parts(x: Array, h: Array, w_ih: Array, w_hh: Array, biases: Sequence[Array]) -> Any:
    b_ih, b_hh = biases or (None, None)
    return linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)


def _lstm_step(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, *biases: Array
) -> tuple[Array, Array]:
    from_x, from_h = _parts(x, h, w_ih, w_hh, biases)
    return core.lstm_cell(from_x + from_h, c)


def _gru_step(x: Array, h: Array, w_ih: Array, w_hh: Array, *biases: Array) -> Array:
    from_x, from_h = _parts(x, h, w_ih, w_hh, biases)
    return core.gru_cell(from_x, from_h, h)


def _rnn_step(x: Array, h: Array, w_ih: Array, w_hh: Array, *biases: Array, kind: str) -> Array:
    from_x, from_h = _parts(x, h, w_ih, w_hh, biases)
    return core.rnn_cell(from_x + from_h, kind)


def _step(name: str, f: Callable[..., Any], static: tuple[str, ...] = ()) -> Composite:
    run = _Compiled(f, static)

    def step(x: Array, *rest: Array, **params: Any) -> Any:
        return run(x.size * rest[-1].shape[0], x, *rest, **params)

    return Composite(name, step)


_LSTM_STEP = _step("MulBackward0", _lstm_step)
_GRU_STEP = _step("AddBackward0", _gru_step)
_TANH_STEP = _step("TanhBackward0", _rnn_step, ("kind",))
_RELU_STEP = _step("ReluBackward0", _rnn_step, ("kind",))


def _check_step(x: Any, hx: Sequence[Any], w_ih: Any, w_hh: Any) -> None:
    """Refuse sizes that do not go together."""
    size, hidden = w_ih._np.shape[1], w_hh._np.shape[1]
    if x._np.shape[1] != size:
        raise RuntimeError(
            f"input has inconsistent input_size: got {x._np.shape[1]} expected {size}"
        )
    for i, h in enumerate(hx):
        if h._np.shape[0] != x._np.shape[0]:
            raise RuntimeError(
                f"Input batch size {x._np.shape[0]} doesn't match hidden{i} batch size "
                f"{h._np.shape[0]}"
            )
        if h._np.shape[1] != hidden:
            raise RuntimeError(
                f"hidden{i} has inconsistent hidden_size: got {h._np.shape[1]}, expected {hidden}"
            )


def _biases(b_ih: Any, b_hh: Any) -> list[Any]:
    return [] if b_ih is None else [b_ih, b_hh]


@public("lstm_cell", methods=False)
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: the next h and c.

    Args:
        input: f[batch, features].
        hx: h and c, f[batch, hidden] each.
        w_ih, w_hh: f[4 hidden, features] and f[4 hidden, hidden].
        b_ih, b_hh: f[4 hidden], both or none.

    Raises:
        RuntimeError: the sizes do not go together.

    Source: ``torch.lstm_cell``.
    """
    _check_step(input, hx, w_ih, w_hh)
    return _LSTM_STEP([input, *hx, w_ih, w_hh, *_biases(b_ih, b_hh)])


@public("gru_cell", methods=False)
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a GRU; arguments as ``lstm_cell``, with h only. Source: ``torch.gru_cell``."""
    _check_step(input, (hx,), w_ih, w_hh)
    return _GRU_STEP([input, hx, w_ih, w_hh, *_biases(b_ih, b_hh)])


@public("rnn_tanh_cell", methods=False)
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a plain recurrent network. Source: ``torch.rnn_tanh_cell``."""
    _check_step(input, (hx,), w_ih, w_hh)
    return _TANH_STEP([input, hx, w_ih, w_hh, *_biases(b_ih, b_hh)], kind="tanh")


@public("rnn_relu_cell", methods=False)
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a plain recurrent network with relu. Source: ``torch.rnn_relu_cell``."""
    _check_step(input, (hx,), w_ih, w_hh)
    return _RELU_STEP([input, hx, w_ih, w_hh, *_biases(b_ih, b_hh)], kind="relu")

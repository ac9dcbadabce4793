"""Long short-term memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import lax, random
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.activations import sigmoid
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["LSTM", "lstm", "lstm_cell"]


def lstm_cell(gates: Array, c: Array) -> tuple[Array, Array]:
    """One step of an LSTM from its gates' pre-activations.

    Args:
        gates: f[..., 4 hidden]: input gate, forget gate, cell candidate, output gate.
        c: f[..., hidden], the cell before the step.

    Returns:
        ``(h, c)`` after the step, f[..., hidden] each.

    >>> h, c = lstm_cell(fnp.zeros(4), fnp.ones(1))
    >>> float(c[0])
    0.5

    Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997), with the forget gate of Gers
    et al., 2000; the order of the gates is ``torch.nn.LSTM``'s.
    """
    i, f, g, o = fnp.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * fnp.tanh(g)
    return sigmoid(o) * fnp.tanh(c), c


def lstm(
    params: dict[str, Array],
    x: Array,
    carry: tuple[Array, Array] | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """Runs an LSTM over a sequence and returns the last state, too.

    Args:
        params: as made by ``LSTM(...).init``.
        x: f[time, ..., features], any number of batch dimensions.
        carry: ``(h, c)``, f[layers, ..., hidden] each; zeros by default.

    Returns:
        ``(out, (h, c))``: the last layer's hidden state at each time, f[time, ..., hidden], and the
        state after the last step, from which the sequence may be continued.

    Raises:
        ShapeError: ``x`` has another number of features, or no time dimension.

    >>> params = LSTM(3, 5).init(random.key(0))
    >>> out, (h, c) = lstm(params, fnp.ones((7, 2, 3)))
    >>> out.shape, h.shape
    ((7, 2, 5), (1, 2, 5))

    Source: ``torch.nn.LSTM``.
    """
    layers = sum(name.startswith("weight_ih_l") for name in params)
    hidden = params["weight_hh_l0"].shape[-1]
    _check_input("lstm", x, params["weight_ih_l0"].shape[-1])
    if carry is None:
        h0 = c0 = fnp.zeros((layers, *x.shape[1:-1], hidden), x.dtype)
    else:
        h0, c0 = carry
    last_h, last_c = [], []
    for layer in range(layers):
        weight = params[f"weight_hh_l{layer}"]
        # The inputs' part of every step at once is one large product.
        from_x = linear(x, params[f"weight_ih_l{layer}"], params.get(f"bias_ih_l{layer}"))
        bias = params.get(f"bias_hh_l{layer}")

        def step(carry: Any, row: Array, weight: Any = weight, bias: Any = bias) -> Any:
            h, c = lstm_cell(row + linear(carry[0], weight, bias), carry[1])
            return (h, c), h

        (h, c), x = lax.scan(step, (h0[layer], c0[layer]), from_x)
        last_h.append(h)
        last_c.append(c)
    return x, (fnp.stack(last_h), fnp.stack(last_c))


def LSTM(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
) -> Layer:
    """An LSTM from a sequence to the sequence of its hidden states; stateless.

    The state of a sequence is data, not layer state (see ``functorch_lite.nn.layer``): every call
    starts from zeros.  To start elsewhere, or to go on later, call :func:`lstm` with the same
    parameters.

    Parameters, for layer k: ``weight_ih_l{k}`` f32[4 hidden, in], ``weight_hh_l{k}``
    f32[4 hidden, hidden], ``bias_ih_l{k}`` and ``bias_hh_l{k}`` f32[4 hidden], uniform over
    ±1/sqrt(hidden).

    Args:
        input_size: number of features of the input.
        hidden_size: number of features of the hidden state.
        num_layers: how many LSTMs are stacked.
        bias: whether gates have biases.
        batch_first: whether inputs and outputs are [batch, time, features], not
            [time, batch, features].

    Returns:
        Layer with ``apply(params, x: f[time, ..., in]) -> f[time, ..., hidden]``.

    Raises:
        ShapeError: ``apply`` got another number of features, or no time dimension.

    >>> layer = LSTM(3, 5, batch_first=True)
    >>> layer.apply(layer.init(random.key(0)), fnp.ones((2, 7, 3))).shape
    (2, 7, 5)

    Source: ``torch.nn.LSTM``.
    """
    name = f"LSTM({input_size}, {hidden_size}{f', num_layers={num_layers}' * (num_layers > 1)})"
    limit = 1 / math.sqrt(max(hidden_size, 1))
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(num_layers):
        size = hidden_size if layer else input_size
        shapes[f"weight_ih_l{layer}"] = (4 * hidden_size, size)
        shapes[f"weight_hh_l{layer}"] = (4 * hidden_size, hidden_size)
        if bias:
            shapes[f"bias_ih_l{layer}"] = (4 * hidden_size,)
            shapes[f"bias_hh_l{layer}"] = (4 * hidden_size,)

    def init(key: Any) -> dict[str, Array]:
        keys = random.split(key, len(shapes))
        draw = initializers.uniform(-limit, limit)
        return {name: draw(keys[i], shape) for i, (name, shape) in enumerate(shapes.items())}

    def apply(params: dict[str, Array], x: Array) -> Array:
        _check_input(name, x, input_size)
        if batch_first and x.ndim > 2:
            return fnp.swapaxes(lstm(params, fnp.swapaxes(x, 0, 1))[0], 0, 1)
        return lstm(params, x)[0]

    return Layer(init, apply, name)


def _check_input(name: str, x: Array, features: int) -> None:
    if x.ndim < 2 or x.shape[-1] != features or not x.shape[0]:
        raise ShapeError(
            f"nn.{name}: expected x of shape [time, ..., {features}] with at least one time step; "
            f"got {tuple(x.shape)}."
        )

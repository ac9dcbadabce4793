"""Plain recurrent networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear
from functorch_lite.nn.recurrent import make_layer, run, shapes_of
from functorch_lite.nn.recurrent_cells import rnn_cell

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["RNN", "rnn"]


def rnn(
    params: dict[str, Array], x: Array, carry: Array | None = None, *, nonlinearity: str = "tanh",
    batch_first: bool = False, lengths: Array | None = None, dropout: float = 0.0,
    key: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Runs a recurrent network over a sequence and returns the last state, too.

    Args:
        params: as made by ``RNN(...).init``.
        x: f[time, ..., features].
        carry: f[layers * directions, ..., hidden]; zeros by default.
        nonlinearity: "tanh" or "relu".
        batch_first, lengths, dropout, key: as in :func:`lstm`.

    Returns:
        ``(out, h)``: the last layer's hidden states at each time, f[time, ..., directions *
        hidden], and the state after the last step, f[layers * directions, ..., hidden].

    Raises:
        ShapeError, DtypeError: as :func:`lstm`.
        ValueError: another nonlinearity.

    >>> import functorch_lite as fl
    >>> out, h = rnn(RNN(3, 5).init(fl.random.key(0)), fnp.ones((7, 2, 3)))
    >>> out.shape, h.shape
    ((7, 2, 5), (1, 2, 5))

    Source: ``torch.nn.RNN``.
    """
    return _rnn(
        "rnn", params, x, carry, nonlinearity=nonlinearity, batch_first=batch_first,
        lengths=lengths, dropout=dropout, key=key,
    )  # fmt: skip


def _rnn(
    name: str, params: dict[str, Any], x: Array, carry: Any, *, nonlinearity: str, **settings: Any
) -> Any:
    def step(params: dict[str, Any], from_x: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        from_h = linear(carry[0], params["weight_hh"], params.get("bias_hh"))
        return (rnn_cell(from_x + from_h, nonlinearity),)

    parts = None if carry is None else (carry,)
    sizes = (params["weight_hh_l0"].shape[-1],)
    out, (h,) = run(name, step, params, x, parts, sizes, **settings)
    return out, h


def RNN(
    input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
    bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
    bidirectional: bool = False,
) -> Layer:  # fmt: skip
    """A plain recurrent network from a sequence to the sequence of its hidden states; stateless.

    Every call starts from zeros, or from the ``carry`` that it is given; for the state after the
    last step call :func:`rnn` with the same parameters, and for the zeros :func:`zero_carry`.

    Parameters, for layer k: ``weight_ih_l{k}`` f32[hidden, in], ``weight_hh_l{k}``
    f32[hidden, hidden], ``bias_ih_l{k}`` and ``bias_hh_l{k}`` f32[hidden], uniform over
    ±1/sqrt(hidden); the same with ``_reverse`` for the other direction.

    Args:
        nonlinearity: "tanh" or "relu".
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in
            :func:`LSTM`.

    Returns:
        Layer with ``apply(params, x: f[time, ..., in], carry=None, *, lengths=None)
        -> f[time, ..., hidden]``; ``key=`` and ``train=`` as well if there is dropout between
        layers.

    Raises:
        ShapeError, DtypeError, ValueError: as :func:`LSTM`; another nonlinearity.

    >>> import functorch_lite as fl
    >>> layer = RNN(3, 5, nonlinearity="relu")
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.ones((7, 2, 3))).shape
    (7, 2, 5)

    Source: ``torch.nn.RNN``.
    """
    rnn_cell(fnp.zeros(()), nonlinearity)  # refuses the nonlinearity here, not in the first step
    shapes = shapes_of(1, input_size, hidden_size, num_layers, bias, bidirectional)
    told = {"bidirectional": bidirectional, "dropout": dropout}
    return make_layer(
        "RNN", _rnn, (input_size, hidden_size), num_layers, dropout, shapes, told,
        nonlinearity=nonlinearity, batch_first=batch_first,
    )  # fmt: skip

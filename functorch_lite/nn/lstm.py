"""Long short-term memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear
from functorch_lite.nn.recurrent import make_layer, run, shapes_of
from functorch_lite.nn.recurrent_cells import lstm_cell

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["LSTM", "lstm"]


def lstm(
    params: dict[str, Array], x: Array, carry: tuple[Array, Array] | None = None, *,
    batch_first: bool = False, lengths: Array | None = None, dropout: float = 0.0,
    key: Array | None = None,
) -> tuple[Array, tuple[Array, Array]]:  # fmt: skip
    """Runs an LSTM over a sequence and returns the last state, too.

    Args:
        params: as made by ``LSTM(...).init``; they say how many layers and directions there are.
        x: f[time, ..., features], any number of batch dimensions.
        carry: ``(h, c)``, f[layers * directions, ..., hidden] each (h of size ``proj_size`` where
            there is one); zeros by default.
        batch_first: whether x and the outputs are [batch, time, features].
        lengths: i[...], how many steps of each sequence count, what PyTorch packs sequences for;
            the outputs of the other steps are zeros, and the state stays as it was.
        dropout: probability of dropping an element between layers.
        key: u32[2], needed for the dropout.

    Returns:
        ``(out, (h, c))``: the last layer's hidden states at each time, f[time, ..., directions *
        hidden], and the state after the last step, from which the sequence may be continued.

    Raises:
        ShapeError: ``x`` has another number of features or no time dimension; a carry or lengths
            of other shapes.
        DtypeError: ``x`` holds no floats, ``lengths`` no integers.

    >>> import functorch_lite as fl
    >>> params = LSTM(3, 5).init(fl.random.key(0))
    >>> out, (h, c) = lstm(params, fl.numpy.ones((7, 2, 3)))
    >>> out.shape, h.shape
    ((7, 2, 5), (1, 2, 5))

    Source: ``torch.nn.LSTM``.
    """
    return _lstm(
        "lstm", params, x, carry, batch_first=batch_first, lengths=lengths, dropout=dropout, key=key
    )


def _step(params: dict[str, Any], from_x: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
    from_h = linear(carry[0], params["weight_hh"], params.get("bias_hh"))
    h, c = lstm_cell(from_x + from_h, carry[1])
    projection = params.get("weight_hr")
    return (h if projection is None else linear(h, projection)), c


def _lstm(name: str, params: dict[str, Any], x: Array, carry: Any, **settings: Any) -> Any:
    sizes = (params["weight_hh_l0"].shape[-1], params["weight_hh_l0"].shape[0] // 4)
    return run(name, _step, params, x, carry, sizes, **settings)


def LSTM(
    input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
    batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
    proj_size: int = 0,
) -> Layer:  # fmt: skip
    """An LSTM from a sequence to the sequence of its hidden states; stateless.

    The state of a sequence is data, not layer state (see ``functorch_lite.nn.layer``): every call
    starts from zeros, or from the ``carry`` that it is given.  For the state after the last step
    call :func:`lstm` with the same parameters; :func:`zero_carry` makes the zeros.

    Parameters, for layer k: ``weight_ih_l{k}`` f32[4 hidden, in], ``weight_hh_l{k}``
    f32[4 hidden, hidden], ``bias_ih_l{k}`` and ``bias_hh_l{k}`` f32[4 hidden], uniform over
    ±1/sqrt(hidden); the same with ``_reverse`` for the other direction; ``weight_hr_l{k}``
    f32[proj, hidden] for a projection.

    Args:
        input_size: number of features of the input.
        hidden_size: number of features of the cell, and of the hidden state.
        num_layers: how many LSTMs are stacked.
        bias: whether gates have biases.
        batch_first: whether inputs and outputs are [batch, time, features], not
            [time, batch, features].
        dropout: probability that an element between two layers is dropped in training.
        bidirectional: whether a second LSTM reads backwards; the outputs are joined.
        proj_size: the size to which hidden states are projected; 0 for no projection.

    Returns:
        Layer with ``apply(params, x: f[time, ..., in], carry=None, *, lengths=None)
        -> f[time, ..., hidden]``; ``key=`` and ``train=`` as well if there is dropout between
        layers.

    Raises:
        ShapeError: ``apply`` got another number of features, or no time dimension.
        DtypeError: ``apply`` got no floats.
        ValueError: a ``proj_size`` that is not below ``hidden_size``; no layers.

    >>> import functorch_lite as fl
    >>> layer = LSTM(3, 5, batch_first=True, bidirectional=True)
    >>> layer.apply(layer.init(fl.random.key(0)), fl.numpy.ones((2, 7, 3))).shape
    (2, 7, 10)

    A sequence goes on where it was left, without and with the last state:

    >>> layer = LSTM(3, 5)
    >>> params = layer.init(fl.random.key(0))
    >>> out, carry = lstm(params, fl.numpy.ones((7, 2, 3)))
    >>> more, carry = lstm(params, fl.numpy.ones((4, 2, 3)), carry)
    >>> layer.apply(params, fl.numpy.ones((4, 2, 3)), carry).shape
    (4, 2, 5)

    Source: ``torch.nn.LSTM``.
    """
    if not 0 <= proj_size < max(hidden_size, 1):
        raise ValueError(
            f"nn.LSTM: expected proj_size from 0 to {hidden_size - 1}, below hidden_size; "
            f"got {proj_size}."
        )
    shapes = shapes_of(4, input_size, hidden_size, num_layers, bias, bidirectional, proj_size)
    told = {"bidirectional": bidirectional, "proj_size": proj_size, "dropout": dropout}
    return make_layer(
        "LSTM", _lstm, (input_size, hidden_size), num_layers, dropout, shapes, told,
        batch_first=batch_first,
    )  # fmt: skip

"""Gated recurrent units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear
from functorch_lite.nn.recurrent import make_layer, run, shapes_of
from functorch_lite.nn.recurrent_cells import gru_cell

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["GRU", "gru"]


def gru(
    params: dict[str, Array], x: Array, carry: Array | None = None, *, batch_first: bool = False,
    lengths: Array | None = None, dropout: float = 0.0, key: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Runs a GRU over a sequence and returns the last state, too; arguments as :func:`lstm`.

    Args:
        params: as made by ``GRU(...).init``.
        x: f[time, ..., features].
        carry: f[layers * directions, ..., hidden]; zeros by default.
        batch_first, lengths, dropout, key: as in :func:`lstm`.

    Returns:
        ``(out, h)``: the last layer's hidden states at each time, f[time, ..., directions *
        hidden], and the state after the last step, f[layers * directions, ..., hidden].

    Raises:
        ShapeError, DtypeError: as :func:`lstm`.

    >>> import functorch_lite as fl
    >>> out, h = gru(GRU(3, 5).init(fl.random.key(0)), fl.numpy.ones((7, 2, 3)))
    >>> out.shape, h.shape
    ((7, 2, 5), (1, 2, 5))

    Source: ``torch.nn.GRU``.
    """
    return _gru(
        "gru", params, x, carry, batch_first=batch_first, lengths=lengths, dropout=dropout, key=key
    )


def _step(params: dict[str, Any], from_x: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
    from_h = linear(carry[0], params["weight_hh"], params.get("bias_hh"))
    return (gru_cell(from_x, from_h, carry[0]),)


def _gru(name: str, params: dict[str, Any], x: Array, carry: Any, **settings: Any) -> Any:
    parts = None if carry is None else (carry,)
    sizes = (params["weight_hh_l0"].shape[-1],)
    out, (h,) = run(name, _step, params, x, parts, sizes, **settings)
    return out, h


def GRU(
    input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
    batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
) -> Layer:  # fmt: skip
    """A GRU from a sequence to the sequence of its hidden states; stateless.

    Every call starts from zeros, or from the ``carry`` that it is given; for the state after the
    last step call :func:`gru` with the same parameters, and for the zeros :func:`zero_carry`.

    Parameters, for layer k: ``weight_ih_l{k}`` f32[3 hidden, in], ``weight_hh_l{k}``
    f32[3 hidden, hidden], ``bias_ih_l{k}`` and ``bias_hh_l{k}`` f32[3 hidden], uniform over
    ±1/sqrt(hidden); the same with ``_reverse`` for the other direction.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in
            :func:`LSTM`.

    Returns:
        Layer with ``apply(params, x: f[time, ..., in], carry=None, *, lengths=None)
        -> f[time, ..., hidden]``; ``key=`` and ``train=`` as well if there is dropout between
        layers.

    Raises:
        ShapeError, DtypeError, ValueError: as :func:`LSTM`.

    >>> import functorch_lite as fl
    >>> layer = GRU(3, 5)
    >>> layer.apply(layer.init(fl.random.key(0)), fl.numpy.ones((7, 2, 3))).shape
    (7, 2, 5)

    Source: ``torch.nn.GRU``.
    """
    shapes = shapes_of(3, input_size, hidden_size, num_layers, bias, bidirectional)
    told = {"bidirectional": bidirectional, "dropout": dropout}
    return make_layer(
        "GRU", _gru, (input_size, hidden_size), num_layers, dropout, shapes, told,
        batch_first=batch_first,
    )  # fmt: skip

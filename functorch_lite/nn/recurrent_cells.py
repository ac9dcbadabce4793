"""One step of a recurrent network: of an RNN, a GRU, an LSTM; as functions and as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.activations import sigmoid
from functorch_lite.nn.activations_piecewise import relu
from functorch_lite.nn.checks import as_float, check_vector, widest
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear
from functorch_lite.nn.recurrent import initial_values

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "gru_cell", "lstm_cell", "rnn_cell"]


# ------------------------------------------------------------------------------------- functions
def rnn_cell(gates: Array, nonlinearity: str = "tanh") -> Array:
    """One step of a plain recurrent network from its pre-activations.

    Args:
        gates: f[..., hidden]: the input's part and the hidden state's, added.
        nonlinearity: "tanh" or "relu".

    Returns:
        The hidden state after the step, f[..., hidden].

    Raises:
        ValueError: another nonlinearity.

    >>> rnn_cell(fnp.asarray([-1.0, 2.0]), "relu").tolist()
    [0.0, 2.0]

    Source: Elman, Cognitive Science 14 (1990); ``torch.nn.RNN``.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(
            f"nn.rnn_cell: expected nonlinearity 'tanh' or 'relu'; got {nonlinearity!r}."
        )
    return fnp.tanh(gates) if nonlinearity == "tanh" else relu(gates)


def gru_cell(from_x: Array, from_h: Array, h: Array) -> Array:
    """One step of a GRU from the two parts of its gates' pre-activations.

    Args:
        from_x: f[..., 3 hidden], the input's part: reset gate, update gate, candidate.
        from_h: f[..., 3 hidden], the hidden state's part; the reset gate acts on its candidate.
        h: f[..., hidden], the hidden state before the step.

    Returns:
        The hidden state after the step, f[..., hidden].

    >>> gru_cell(fnp.zeros(3), fnp.zeros(3), fnp.ones(1)).tolist()
    [0.5]

    Source: Cho et al., EMNLP 2014; the variant and the order of the gates are ``torch.nn.GRU``'s.
    """
    r_x, z_x, n_x = fnp.split(from_x, 3, axis=-1)
    r_h, z_h, n_h = fnp.split(from_h, 3, axis=-1)
    z = sigmoid(z_x + z_h)
    n = fnp.tanh(n_x + sigmoid(r_x + r_h) * n_h)
    return n + z * (h - n)


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


# ---------------------------------------------------------------------------------------- layers
def RNNCell(
    input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
) -> Layer:
    """One step of a plain recurrent network; stateless.

    Parameters: ``weight_ih`` f32[hidden, in], ``weight_hh`` f32[hidden, hidden], ``bias_ih`` and
    ``bias_hh`` f32[hidden], uniform over ±1/sqrt(hidden).

    Args:
        input_size: number of features of the input.
        hidden_size: number of features of the hidden state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".

    Returns:
        Layer with ``apply(params, x: f[..., in], h: f[..., hidden] = zeros) -> f[..., hidden]``.

    Raises:
        ShapeError: ``apply`` got operands of other sizes.
        DtypeError: ``apply`` got operands that hold no floats.

    >>> import functorch_lite as fl
    >>> cell = RNNCell(3, 5)
    >>> cell.apply(cell.init(fl.random.key(0)), fnp.ones((2, 3))).shape
    (2, 5)

    Source: ``torch.nn.RNNCell``.
    """
    rnn_cell(fnp.zeros(()), nonlinearity)  # refuses the nonlinearity here, not in the first step

    def step(from_x: Array, from_h: Array, carry: tuple[Any, ...]) -> Any:
        return rnn_cell(from_x + from_h, nonlinearity)

    return _cell("RNNCell", 1, input_size, hidden_size, bias, step, 1)


def GRUCell(input_size: int, hidden_size: int, bias: bool = True) -> Layer:
    """One step of a GRU; stateless. Arguments as :func:`RNNCell`.

    Parameters: ``weight_ih`` f32[3 hidden, in], ``weight_hh`` f32[3 hidden, hidden], ``bias_ih``
    and ``bias_hh`` f32[3 hidden], uniform over ±1/sqrt(hidden).

    Returns:
        Layer with ``apply(params, x: f[..., in], h: f[..., hidden] = zeros) -> f[..., hidden]``.

    >>> import functorch_lite as fl
    >>> cell = GRUCell(3, 5)
    >>> cell.apply(cell.init(fl.random.key(0)), fnp.ones((2, 3)), fnp.zeros((2, 5))).shape
    (2, 5)

    Source: ``torch.nn.GRUCell``.
    """

    def step(from_x: Array, from_h: Array, carry: tuple[Any, ...]) -> Any:
        return gru_cell(from_x, from_h, *carry)

    return _cell("GRUCell", 3, input_size, hidden_size, bias, step, 1)


def LSTMCell(input_size: int, hidden_size: int, bias: bool = True) -> Layer:
    """One step of an LSTM; stateless. Arguments as :func:`RNNCell`.

    Parameters: ``weight_ih`` f32[4 hidden, in], ``weight_hh`` f32[4 hidden, hidden], ``bias_ih``
    and ``bias_hh`` f32[4 hidden], uniform over ±1/sqrt(hidden).

    Returns:
        Layer with ``apply(params, x: f[..., in], carry=(h, c) of zeros) -> (h, c)``, f[..., hidden]
        each.

    >>> import functorch_lite as fl
    >>> cell = LSTMCell(3, 5)
    >>> h, c = cell.apply(cell.init(fl.random.key(0)), fnp.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))

    Source: ``torch.nn.LSTMCell``.
    """

    def step(from_x: Array, from_h: Array, carry: tuple[Any, ...]) -> Any:
        return lstm_cell(from_x + from_h, carry[1])

    return _cell("LSTMCell", 4, input_size, hidden_size, bias, step, 2)


def _cell(
    kind: str, gates: int, input_size: int, hidden_size: int, bias: bool, step: Any, parts: int
) -> Layer:
    name = f"{kind}({input_size}, {hidden_size})"
    rows = gates * hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (rows, input_size),
        "weight_hh": (rows, hidden_size),
    }
    if bias:
        shapes.update(bias_ih=(rows,), bias_hh=(rows,))

    def init(key: Any) -> dict[str, Array]:
        return initial_values(key, shapes, hidden_size)

    def apply(params: dict[str, Array], x: Array, carry: Any = None) -> Any:
        for part, size in shapes.items():
            check_vector(name, part, params[part], size)
        x = as_float(name, x)
        if not x.ndim or x.shape[-1] != input_size:
            raise ShapeError(
                f"nn.{name}: expected x of shape [..., {input_size}]; got {tuple(x.shape)}."
            )
        shape = (*x.shape[:-1], hidden_size)
        dtype = widest(x, *params.values())
        if carry is None:
            carry = (fnp.zeros(shape, dtype),) * parts
        elif parts == 1:
            carry = (carry,)
        elif not isinstance(carry, (tuple, list)) or len(carry) != parts:
            raise ShapeError(
                f"nn.{name}: expected the state (h, c), two arrays of shape {shape}; "
                f"got {type(carry).__name__}."
            )
        carry = tuple(as_float(name, part, "the state") for part in carry)
        for part in carry:
            if tuple(part.shape) != shape:
                raise ShapeError(
                    f"nn.{name}: expected a state of shape {shape}; got {tuple(part.shape)}."
                )
        shifts = (params["bias_ih"], params["bias_hh"]) if bias else (None, None)
        from_x = linear(x, params["weight_ih"], shifts[0])
        from_h = linear(carry[0], params["weight_hh"], shifts[1])
        return step(from_x, from_h, carry)

    return Layer(init, apply, name)

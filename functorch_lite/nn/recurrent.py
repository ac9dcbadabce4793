"""What recurrent networks share: parameters, stacks of layers, both directions, lengths."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import lax, random
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, IndexRangeError, ShapeError, TreeError
from functorch_lite.nn import initializers
from functorch_lite.nn.checks import as_float, check_probability, check_vector, training_key, widest
from functorch_lite.nn.dropout import dropout as drop
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import linear
from functorch_lite.nn.ranges import known_values

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["initial_values", "make_layer", "run", "shapes_of", "zero_carry"]

Carry = tuple[Any, ...]
Step = Callable[[dict[str, Any], Any, Carry], Carry]
"""From the parameters of one direction of one layer, the inputs' part of the gates and the carry
to the next carry, the hidden state first."""


# ------------------------------------------------------------------------------------ parameters
def shapes_of(
    gates: int, input_size: int, hidden_size: int, num_layers: int, bias: bool,
    bidirectional: bool, proj_size: int = 0,
) -> dict[str, tuple[int, ...]]:  # fmt: skip
    """The names and shapes of a network's parameters, PyTorch's.

    >>> shapes_of(1, 3, 2, 1, False, False)
    {'weight_ih_l0': (2, 3), 'weight_hh_l0': (2, 2)}
    """
    rows, out = gates * hidden_size, proj_size or hidden_size
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(num_layers):
        size = out * (1 + bidirectional) if layer else input_size
        for end in _ends(layer, bidirectional):
            shapes[f"weight_ih_{end}"] = (rows, size)
            shapes[f"weight_hh_{end}"] = (rows, out)
            if bias:
                shapes[f"bias_ih_{end}"] = shapes[f"bias_hh_{end}"] = (rows,)
            if proj_size:
                shapes[f"weight_hr_{end}"] = (proj_size, hidden_size)
    return shapes


def _ends(layer: int, bidirectional: bool) -> list[str]:
    """How the names of a layer's parameters end, by direction."""
    return [f"l{layer}", f"l{layer}_reverse"] if bidirectional else [f"l{layer}"]


def initial_values(key: Any, shapes: dict[str, tuple[int, ...]], hidden_size: int) -> Any:
    """Parameters uniform over ±1/sqrt(hidden).

    >>> sorted(initial_values(random.key(0), {"bias_ih": (3,)}, 3))
    ['bias_ih']
    """
    limit = 1 / math.sqrt(max(hidden_size, 1))
    keys = random.split(key, max(len(shapes), 1))
    draw = initializers.uniform(-limit, limit)
    return {name: draw(keys[i], shape) for i, (name, shape) in enumerate(shapes.items())}


def zero_carry(params: dict[str, Any], batch: int | tuple[int, ...] = ()) -> Any:
    """The state of zeros from which a recurrent network starts, for loops that hold it.

    Args:
        params: of an LSTM, a GRU or an RNN, or of one of their cells.
        batch: the sizes of the batch, none by default.

    Returns:
        What ``lstm``, ``gru`` and ``rnn`` take as ``carry`` and return after their outputs, in the
        dtype of the parameters: ``(h, c)`` for an LSTM, h otherwise, f[layers * directions, *batch,
        size] each; for cells f[*batch, size].

    Raises:
        TreeError: ``params`` are not those of a recurrent network.

    >>> import functorch_lite as fl
    >>> params = fl.nn.GRU(3, 5).init(random.key(0))
    >>> def step(h, x):
    ...     out, h = fl.nn.gru(params, x[None], h)
    ...     return h, out[0]
    >>> h, outs = lax.scan(step, zero_carry(params, 2), fnp.ones((7, 2, 3)))
    >>> h.shape, outs.shape
    ((1, 2, 5), (7, 2, 5))
    """
    heads = [p for p in params if p.startswith("weight_hh")] if isinstance(params, dict) else []
    if not heads:
        got = ", ".join(map(repr, params)) if isinstance(params, dict) else type(params).__name__
        raise TreeError(
            f"nn.zero_carry: expected the parameters of an LSTM, a GRU, an RNN or a cell; got "
            f"{got or 'none'}. Remedy: params = layer.init(key)."
        )
    rows, out = params[heads[0]].shape
    projection = params.get(heads[0].replace("_hh", "_hr"))
    hidden = out if projection is None else projection.shape[1]
    lead = (batch,) if hasattr(batch, "__index__") else tuple(batch)
    if heads != ["weight_hh"]:
        lead = (len(heads), *lead)
    dtype = widest(*params.values())
    h = fnp.zeros((*lead, out), dtype)
    return (h, fnp.zeros((*lead, hidden), dtype)) if rows == 4 * hidden else h


# --------------------------------------------------------------------------------------- running
def run(
    name: str, step: Step, params: dict[str, Any], x: Any, carry: Carry | None, sizes: Carry, *,
    batch_first: bool = False, lengths: Any = None, dropout: float = 0.0, key: Any = None,
) -> tuple[Array, Carry]:  # fmt: skip
    """Runs a stack of recurrent layers over a sequence.

    Args:
        name: the function or layer, for messages.
        step: one step of one direction of one layer.
        params: as named by :func:`shapes_of`; they say how many layers and directions there are.
        x: f[time, ..., features].
        carry: f[layers * directions, ..., size] for each of ``sizes``; None for zeros.
        sizes: the sizes of the parts of the carry.
        batch_first: whether x and the result are [batch, time, features].
        lengths: i[...], how many steps of each sequence count; the others are neither read nor
            written, and their outputs are zeros.
        dropout: probability of dropping an element between layers.
        key: for the dropout.

    Returns:
        ``(out, carry)``: f[time, ..., directions * sizes[0]] and the last carry.
    """
    check_probability(name, dropout)
    x = as_float(name, x)
    features = params["weight_ih_l0"].shape[-1]
    turned = batch_first and x.ndim > 2
    if x.ndim < 2 or x.shape[-1] != features or not x.shape[turned]:
        lead = "batch, time" if turned else "time, ..."
        raise ShapeError(
            f"nn.{name}: expected x of shape [{lead}, {features}] with at least one time step; "
            f"got {tuple(x.shape)}."
        )
    if turned:
        x = fnp.swapaxes(x, 0, 1)
    layers = sum(p.startswith("weight_ih_l") and not p.endswith("_reverse") for p in params)
    bidirectional = "weight_ih_l0_reverse" in params
    dtype, batch = widest(x, *params.values()), tuple(x.shape[1:-1])
    start = _start(name, carry, sizes, layers * (1 + bidirectional), batch, dtype)
    live = None if lengths is None else _live(name, lengths, x.shape[0], batch)
    if dropout and layers > 1:
        key = training_key(f"{name} with dropout={dropout}", key)
    last: list[Carry] = []
    for layer in range(layers):
        outs = []
        for end in _ends(layer, bidirectional):
            own = {p[: -len(end) - 1]: v for p, v in params.items() if p.endswith(f"_{end}")}
            here = tuple(part[len(last)] for part in start)
            out, end_carry = _one_direction(step, own, x, here, live, end.endswith("_reverse"))
            outs.append(out)
            last.append(end_carry)
        x = outs[0] if len(outs) == 1 else fnp.concatenate(outs, axis=-1)
        if dropout and layer + 1 < layers:
            x = drop(x, dropout, random.fold_in(key, layer))
    ends = tuple(fnp.stack(parts) for parts in zip(*last, strict=True))
    return (fnp.swapaxes(x, 0, 1) if turned else x), ends


def _one_direction(
    step: Step, params: dict[str, Any], x: Array, carry: Carry, live: Array | None, reverse: bool
) -> tuple[Array, Carry]:
    # The inputs' part of every step at once is one large product.
    from_x = linear(x, params["weight_ih"], params.get("bias_ih"))

    def every(carry: Carry, row: Array) -> tuple[Carry, Array]:
        carry = step(params, row, carry)
        return carry, carry[0]

    def some(carry: Carry, row: tuple[Array, Array]) -> tuple[Carry, Array]:
        new = step(params, row[0], carry)
        kept = tuple(fnp.where(row[1], n, old) for n, old in zip(new, carry, strict=True))
        return kept, fnp.where(row[1], new[0], 0)

    if live is None:
        end, out = lax.scan(every, carry, from_x, reverse=reverse)
    else:
        end, out = lax.scan(some, carry, (from_x, live), reverse=reverse)
    return out, end


def _start(
    name: str, carry: Any, sizes: Carry, count: int, batch: tuple[int, ...], dtype: Any
) -> Carry:
    shapes = [(count, *batch, size) for size in sizes]
    if carry is None:
        return tuple(fnp.zeros(shape, dtype) for shape in shapes)
    found = [tuple(fnp.shape(part)) for part in carry] if isinstance(carry, (tuple, list)) else None
    if found != shapes:
        wanted = f"a state of shape {shapes[0]}" if len(shapes) == 1 else f"(h, c) of {shapes}"
        got = found if found is not None else type(carry).__name__
        raise ShapeError(
            f"nn.{name}: expected {wanted}, [layers * directions, ..., size]; got {got}. "
            "Remedy: leave it out to start from zeros."
        )
    return tuple(as_float(name, part, "the state").astype(dtype) for part in carry)


def _live(name: str, lengths: Any, steps: int, batch: tuple[int, ...]) -> Array:
    """bool[time, ..., 1]: whether a step of a sequence counts."""
    lengths = fnp.asarray(lengths)
    if not fnp.issubdtype(lengths.dtype, fnp.integer):
        raise DtypeError(
            f"nn.{name}: expected lengths that are integers; got {lengths.dtype.name}. Remedy: "
            "lengths.astype(int)."
        )
    if tuple(lengths.shape) != batch:
        raise ShapeError(
            f"nn.{name}: expected lengths of shape {batch}, one for each sequence; "
            f"got {tuple(lengths.shape)}."
        )
    known = known_values(lengths)
    if known is not None and known.size and not 0 <= known.min() <= known.max() <= steps:
        raise IndexRangeError(
            f"nn.{name}: expected lengths from 0 to {steps}, the number of time steps; got "
            f"{known.tolist()}."
        )
    time = fnp.arange(steps).reshape(steps, *(1,) * (len(batch) + 1))
    return time < lengths[None, ..., None]


# ---------------------------------------------------------------------------------------- layers
def make_layer(
    kind: str, function: Callable[..., Any], sizes: tuple[int, int], num_layers: int,
    dropout: float, shapes: dict[str, tuple[int, ...]], told: dict[str, Any], **settings: Any,
) -> Layer:  # fmt: skip
    """A layer of ``function``, which returns its outputs without the carry.

    Args:
        kind: the constructor's name.
        function: ``function(name, params, x, carry, dropout=..., key=..., lengths=..., **settings)
            -> (out, carry)``.
        sizes: of the input and of the hidden state.
        num_layers, dropout: the constructor's arguments.
        shapes: of the parameters.
        told: further arguments, which the layer's name shows where they are true.
        settings: passed on to ``function``.
    """
    check_probability(kind, dropout)
    if operator.index(num_layers) < 1:
        raise ValueError(f"nn.{kind}: expected num_layers of at least 1; got {num_layers}.")
    shown = [f"num_layers={num_layers}"] if num_layers > 1 else []
    shown += [f"{what}={value!r}" for what, value in told.items() if value]
    name = f"{kind}({', '.join([*map(str, sizes), *shown])})"

    def init(key: Any) -> dict[str, Array]:
        return initial_values(key, shapes, sizes[1])

    def apply(
        params: dict[str, Array], x: Array, carry: Any = None, *, lengths: Any = None,
        key: Any = None, train: bool = False,
    ) -> Array:  # fmt: skip
        # A missing bias would be none, a missing layer would not run.
        params = {part: params[part] for part in shapes}
        for part, shape in shapes.items():
            check_vector(name, part, params[part], shape)
        p = dropout if train else 0.0
        return function(name, params, x, carry, lengths=lengths, dropout=p, key=key, **settings)[0]

    random_too = dropout > 0 and num_layers > 1
    return Layer(init, apply, name, takes=frozenset(("key", "train") if random_too else ()))

"""Recurrent networks made of single operations, as autocast has them.

PyTorch composes these networks of ``linear`` and elementwise operations, and autocast looks at
each; here a layer is one operation otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from functorch_lite.torch._core.autocast_calls import replace
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.joining import cat, stack
from functorch_lite.torch.nn._functional.dropping import dropout
from functorch_lite.torch.nn._functional.published import linear

__all__: list[str] = []

Step = Callable[..., Any]
"""From parts of the input, a state and the weights of the hidden part to the next state."""


# ------------------------------------------------------------------------------------ single steps
def _lstm_step(igates: Any, hx: Sequence[Any], w_hh: Any, b_hh: Any, w_hr: Any = None) -> Any:
    h, c = hx
    i, f, g, o = (igates + linear(h, w_hh, b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else linear(h, w_hr), c)


def _gru_step(igates: Any, hx: Sequence[Any], w_hh: Any, b_hh: Any) -> Any:
    (h,) = hx
    (ir, iz, ig), (hr, hz, hg) = igates.chunk(3, 1), linear(h, w_hh, b_hh).chunk(3, 1)
    reset, update = (hr + ir).sigmoid(), (hz + iz).sigmoid()
    new = (ig + hg * reset).tanh()
    return (new + (h - new) * update,)


def _rnn_step(igates: Any, hx: Sequence[Any], w_hh: Any, b_hh: Any, *, kind: str) -> Any:
    (h,) = hx
    return (getattr(igates + linear(h, w_hh, b_hh), kind)(),)


_STEPS: dict[str, Step] = {
    "lstm": _lstm_step, "gru": _gru_step, "rnn_tanh": partial(_rnn_step, kind="tanh"),
    "rnn_relu": partial(_rnn_step, kind="relu"),
}  # fmt: skip


def _cell(
    name: str, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Any:
    state = hx if name == "lstm" else (hx,)
    found = _STEPS[name](linear(input, w_ih, b_ih), state, w_hh, b_hh)
    return found if name == "lstm" else found[0]


# --------------------------------------------------------------------------------- whole sequences
def _layer(
    step: Step, igates: Sequence[Any], hx: Sequence[Any], weights: Sequence[Any], backwards: bool
) -> tuple[list[Any], Sequence[Any]]:
    """One direction of one layer.

    Args:
        igates: f[batch, gates] for each step; later ones may have fewer rows.
        hx: the first state, with the rows of the first step.
        weights: of the hidden part.

    Returns:
        the outputs, in the order of the steps, and the last state of each row.
    """
    order = list(range(len(igates)))
    if backwards:
        order.reverse()
    rows = igates[order[0]]._np.shape[0]
    state = [h[:rows] for h in hx]
    outs: list[Any] = [None] * len(igates)
    ended: list[Sequence[Any]] = []
    for t in order:
        now = igates[t]._np.shape[0]
        if now > rows:
            state = [cat([s, h[rows:now]]) for s, h in zip(state, hx, strict=True)]
        elif now < rows:
            ended.append([s[now:] for s in state])
            state = [s[:now] for s in state]
        rows = now
        state = list(step(igates[t], state, *weights))
        outs[t] = state[0]
    if ended:
        state = [cat(parts) for parts in zip(state, *reversed(ended), strict=True)]
    return outs, state


def _network(name: str, *args: Any) -> Any:
    """All layers; arguments as ``torch.lstm``."""
    packed = not isinstance(args[3], bool)
    if packed:
        x, batch_sizes, hx, params, biased, layers, p, train, both = args
        sizes, batch_first = batch_sizes.tolist(), False
    else:
        if name == "lstm":
            return NotImplemented  # one operation, in PyTorch as well
        x, hx, params, biased, layers, p, train, both, batch_first = args
        x = x.transpose(0, 1) if batch_first else x
    if not x._np.shape[0]:
        return NotImplemented  # refused there
    states = list(hx) if name == "lstm" else [hx]
    directions = 1 + both
    per = len(params) // (layers * directions)
    ends: list[Sequence[Any]] = []
    for i in range(layers):
        found = []
        for d in range(directions):
            k = i * directions + d
            w_ih, w_hh, *rest = params[per * k : per * (k + 1)]
            b_ih, b_hh = rest[:2] if biased else (None, None)
            igates = linear(x, w_ih, b_ih)
            parts = igates.split(sizes) if packed else igates.unbind(0)
            hidden = (w_hh, b_hh, *rest[2 * biased :])
            outs, end = _layer(_STEPS[name], parts, [h[k] for h in states], hidden, bool(d))
            found.append(cat(outs) if packed else stack(outs))
            ends.append(end)
        x = cat(found, -1) if both else found[0]
        if p > 0 and train and i + 1 < layers:
            x = dropout(x, p)
    out: Tensor = x.transpose(0, 1) if batch_first else x
    return (out, *[stack(h) for h in zip(*ends, strict=True)])


for _name in _STEPS:
    replace("cpu", _name)(partial(_network, _name))
    replace("cpu", f"{_name}_cell")(partial(_cell, _name))
del _name

"""Single steps of recurrent networks; public as part of ``torch.nn.modules.rnn``."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn._functional.recurrent import (
    gru_cell,
    lstm_cell,
    rnn_relu_cell,
    rnn_tanh_cell,
)
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import blank

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What single steps share: sizes and parameters.

    Args:
        input_size, hidden_size: number of features of input and hidden state.
        bias: whether gates have biases.
        num_chunks: how many gates there are.
        device, dtype: of the parameters.

    Source: ``torch.nn.RNNCellBase``.
    """

    __module__ = "torch.nn.modules.rnn"
    __constants__ = ["input_size", "hidden_size", "bias"]
    bias_ih: Any
    bias_hh: Any

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = blank(rows, input_size, device=device, dtype=dtype)
        self.weight_hh = blank(rows, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            made = blank(rows, device=device, dtype=dtype) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform within one over the root of ``hidden_size``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _batch(self, input: Any, state: Any, what: str = "hidden") -> tuple[Any, Any, bool]:
        """Input and states as batches, zeros by default, and whether the input is one.

        Args:
            state: a tensor or None, or a list of them.
        """
        self._check_rank(input, "input")
        states = state if isinstance(state, list) else [state]
        for i, h in enumerate(states):
            if h is not None:
                self._check_rank(h, what.format(i))
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        found = [
            x.new_zeros((x.size(0), self.hidden_size)) if h is None
            else h if batched else h.unsqueeze(0)
            for h in states
        ]  # fmt: skip
        return x, found if isinstance(state, list) else found[0], batched

    def _check_rank(self, t: Tensor, what: str) -> None:
        if t.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {t.dim()}D instead"
            )

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += f", bias={self.bias}"
        kind = self.__dict__.get("nonlinearity", "tanh")
        return text if kind == "tanh" else f"{text}, nonlinearity={kind}"


class RNNCell(RNNCellBase):
    """One step of a plain recurrent network.

    Args:
        input_size, hidden_size: number of features of input and hidden state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters.

    Source: ``torch.nn.RNNCell``.
    """

    __module__ = "torch.nn.modules.rnn"
    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next hidden state.

        Args:
            input: f[batch, features] or f[features].
            hx: f[batch, hidden] or f[hidden]; zeros by default.
        """
        x, h, batched = self._batch(input, hx)
        if self.nonlinearity == "tanh":
            made: Any = rnn_tanh_cell(x, h, *self._weights())
        elif self.nonlinearity == "relu":
            made = rnn_relu_cell(x, h, *self._weights())
        else:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return made if batched else made.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an LSTM.

    Args:
        input_size, hidden_size, bias, device, dtype: as of ``RNNCell``.

    Source: ``torch.nn.LSTMCell``.
    """

    __module__ = "torch.nn.modules.rnn"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next h and c.

        Args:
            input: f[batch, features] or f[features].
            hx: h and c, f[batch, hidden] or f[hidden] each; zeros by default.
        """
        given = [None, None] if hx is None else [hx[0], hx[1]]
        x, state, batched = self._batch(input, given, "hx[{}]")
        h, c = lstm_cell(x, state, *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU.

    Args:
        input_size, hidden_size, bias, device, dtype: as of ``RNNCell``.

    Source: ``torch.nn.GRUCell``.
    """

    __module__ = "torch.nn.modules.rnn"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next hidden state; arguments as of ``RNNCell``."""
        x, h, batched = self._batch(input, hx)
        made: Any = gru_cell(x, h, *self._weights())
        return made if batched else made.squeeze(0)

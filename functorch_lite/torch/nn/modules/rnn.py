"""Recurrent networks over whole sequences; single steps are in a file of their own."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn._functional.recurrent import gru, lstm, rnn_relu, rnn_tanh
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.rnn_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from functorch_lite.torch.nn.modules.utils import _unusual
from functorch_lite.torch.nn.parameter import blank
from functorch_lite.torch.nn.utils.rnn import PackedSequence

__all__ = [
    "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase",
]  # fmt: skip

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "LSTM": lstm, "GRU": gru, "RNN_TANH": rnn_tanh, "RNN_RELU": rnn_relu,
}  # fmt: skip


class RNNBase(Module):
    """What recurrent networks share: settings, parameters, what they make of their input.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size, hidden_size: number of features of input and hidden state.
        num_layers: how many networks are stacked.
        bias: whether gates have biases.
        batch_first: whether inputs and outputs are [batch, time, features].
        dropout: probability that an element between two layers is dropped in training.
        bidirectional: whether a second network reads backwards.
        proj_size: the size to which the hidden states of an LSTM are projected.
        device, dtype: of the parameters.

    Raises:
        TypeError, ValueError: a setting is out of bounds.

    Source: ``torch.nn.RNNBase``.
    """

    __module__ = "torch.nn.modules.rnn"
    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
        "bidirectional", "proj_size",
    ]  # fmt: skip

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_settings(dropout)
        gates = _GATES[mode] * hidden_size
        out = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            size = out * (1 + bidirectional) if layer else input_size
            for end in ("", "_reverse")[: 1 + bidirectional]:
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (gates, size), "weight_hh": (gates, out),
                }  # fmt: skip
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = []
                for part, shape in shapes.items():
                    names.append(f"{part}_l{layer}{end}")
                    setattr(self, names[-1], blank(*shape, device=device, dtype=dtype))
                self._all_weights.append(names)
        self.reset_parameters()

    def _check_settings(self, dropout: Any) -> None:
        if (
            not isinstance(dropout, numbers.Number) or not 0 <= self.dropout <= 1
            or isinstance(dropout, bool)
        ):  # fmt: skip
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name in ("input_size", "hidden_size"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    # ----------------------------------------------------------------------------------- parameters
    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        # Not kept in a list: attributes may be replaced, by parametrizations for instance.
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters, layer by layer and direction by direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Does nothing: it matters to GPUs only. Source: ``torch.nn.RNNBase``."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform within one over the root of ``hidden_size``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # --------------------------------------------------------------------------------------- checks
    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Refuse an input whose dtype or sizes are others."""
        own = self._flat_weights[0].dtype
        if input.dtype is not own:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({own}). Convert "
                f"input: input.to({own}), or convert model: model.to({input.dtype})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Any
    ) -> tuple[int, int, int]:
        """The sizes of the hidden state for an input."""
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0 if self.batch_first else 1)
        return self.num_layers * (1 + self.bidirectional), batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:  # fmt: skip
        """Refuse a hidden state of other sizes."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Refuse arguments of other sizes."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """A hidden state with its sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    # -------------------------------------------------------------------------------------- calling
    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of the last layer, and the state after the last step.

        Args:
            input: f[time, batch, features], or [batch, time, features] with ``batch_first``, or
                [time, features], or a ``PackedSequence``.
            hx: the state to begin with; zeros by default.
        """
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            if hx is None:
                hx = self._zeros(data, batch_sizes)
            else:
                # The state is in the order of the sequences as they were before they were sorted.
                hx = self.permute_hidden(hx, order)
            out, hidden = self._compute(data, hx, batch_sizes)
            packed = PackedSequence(out, batch_sizes, order, back)
            return packed, self.permute_hidden(hidden, back)
        if input.dim() not in (2, 3):
            tensor = " tensor" if self.mode.startswith("RNN") else ""
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} "
                "instead"
            )
        alone = input.dim() == 2
        at = 0 if self.batch_first else 1
        if hx is not None:
            hx = self._matching(hx, alone)
        x = input.unsqueeze(at) if alone else input
        out, hidden = self._compute(x, self._zeros(x, None) if hx is None else hx, None)
        return (out.squeeze(at), self._alone(hidden)) if alone else (out, hidden)

    def _zeros(self, input: Any, batch_sizes: Any) -> Any:
        """The state to begin with."""
        return input.new_zeros(self.get_expected_hidden_size(input, batch_sizes))

    def _matching(self, hx: Any, alone: bool) -> Any:
        """A state given, with a batch of one if the input has none."""
        if hx.dim() != 3 - alone:
            kind = "unbatched 2-D" if alone else "batched 3-D"
            raise RuntimeError(
                f"For {kind} input, hx should also be {3 - alone}-D but got {hx.dim()}-D tensor"
            )
        return hx.unsqueeze(1) if alone else hx

    def _alone(self, hidden: Any) -> Any:
        """A state without its batch of one."""
        return hidden.squeeze(1)

    def _compute(self, input: Any, hx: Any, batch_sizes: Any) -> tuple[Any, Any]:
        self.check_forward_args(input, hx, batch_sizes)
        settings = (
            self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional,
        )  # fmt: skip
        function = _FUNCTIONS[self.mode]
        if batch_sizes is None:
            out, *hidden = function(input, hx, *settings, self.batch_first)
        else:
            out, *hidden = function(input, batch_sizes, hx, *settings)
        return out, (hidden[0] if len(hidden) == 1 else tuple(hidden))

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + _unusual(
            self, proj_size=0, num_layers=1, bias=True, batch_first=False, dropout=0,
            bidirectional=False,
        )  # fmt: skip


def _no_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """A plain recurrent network over sequences.

    Args:
        args: input_size, hidden_size, num_layers, nonlinearity, and then as of ``RNNBase``.
        kwargs: the same by name; ``nonlinearity`` is "tanh" or "relu".

    Raises:
        ValueError: another nonlinearity.

    Source: ``torch.nn.RNN``.
    """

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _no_projection(kwargs)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)


class GRU(RNNBase):
    """A network of gated recurrent units over sequences.

    Args:
        args, kwargs: as of ``RNNBase`` after ``mode``.

    Source: ``torch.nn.GRU``.
    """

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory over sequences; its state is a pair of h and c.

    Args:
        args, kwargs: as of ``RNNBase`` after ``mode``.

    >>> LSTM(3, 5, num_layers=2)
    LSTM(3, 5, num_layers=2)

    Source: ``torch.nn.LSTM``.
    """

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """The sizes of c for an input."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes),
            "Expected hidden[0] size {}, got {}",
        )  # fmt: skip
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes),
            "Expected hidden[1] size {}, got {}",
        )  # fmt: skip

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        if permutation is None:
            return hx
        return hx[0].index_select(1, permutation), hx[1].index_select(1, permutation)

    def _zeros(self, input: Any, batch_sizes: Any) -> Any:
        return (
            input.new_zeros(self.get_expected_hidden_size(input, batch_sizes)),
            input.new_zeros(self.get_expected_cell_size(input, batch_sizes)),
        )

    def _matching(self, hx: Any, alone: bool) -> Any:
        dims = (hx[0].dim(), hx[1].dim())
        if dims != (3 - alone, 3 - alone):
            kind = "unbatched 2-D" if alone else "batched 3-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {3 - alone}-D but got "
                f"({dims[0]}-D, {dims[1]}-D) tensors"
            )
        return (hx[0].unsqueeze(1), hx[1].unsqueeze(1)) if alone else hx

    def _alone(self, hidden: Any) -> Any:
        return hidden[0].squeeze(1), hidden[1].squeeze(1)

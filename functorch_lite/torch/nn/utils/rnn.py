"""Sequences of different lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array, wrap
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch.nn._functional.pulled import Linear
from functorch_lite.torch.nn._functional.recurrent import packed_places

__all__ = [
    "PackedSequence", "bind", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip

PackedSequence_ = namedtuple(
    "PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)
PackedSequence_.__module__ = "torch.nn.utils.rnn"


class PackedSequence(PackedSequence_):
    """Sequences without padding: the first steps of all, then the second ones, and so on.

    Made by ``pack_padded_sequence`` and its kin; recurrent networks take and return it.

    Args:
        data: f[steps of all sequences, ...].
        batch_sizes: int64[time], how many sequences are that long.
        sorted_indices: the order that makes lengths fall, None if they do.
        unsorted_indices: the order back.

    Source: ``torch.nn.utils.rnn.PackedSequence``.
    """

    __slots__ = ()
    __module__ = "torch.nn.utils.rnn"

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __reduce__(self) -> Any:
        # Not by the name torch.nn.utils.rnn.PackedSequence: `torch` may be another package.
        return _made, tuple(self)

    def _with(self, data: Any) -> PackedSequence:
        return self if data is self.data else type(self)(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With data of another dtype; arguments as of ``torch.Tensor.to``."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Itself: all memory is on the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The data on a GPU, as of ``torch.Tensor.cuda``."""
        return self._with(self.data.cuda(*args, **kwargs))

    def pin_memory(self) -> PackedSequence:
        """With data in memory that a GPU reads directly, as of ``torch.Tensor.pin_memory``."""
        return self._with(self.data.pin_memory())

    def double(self) -> PackedSequence:
        """With data of float64."""
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        """With data of float32."""
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        """With data of float16."""
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        """With data of int64."""
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        """With data of int32."""
        return self._with(self.data.int())

    def short(self) -> PackedSequence:
        """With data of int16."""
        return self._with(self.data.short())

    def char(self) -> PackedSequence:
        """With data of int8."""
        return self._with(self.data.char())

    def byte(self) -> PackedSequence:
        """With data of uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in memory that a GPU reads directly."""
        return self.data.is_pinned()


def _made(*fields: Any) -> PackedSequence:
    """The packed sequence that a pickle describes."""
    return PackedSequence(*fields)


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes another; None for None.

    Source: ``torch.nn.utils.rnn.invert_permutation``.
    """
    return None if permutation is None else permutation.argsort()


# ------------------------------------------------------------------------------------------ packing
def _picked(x: Array, *, places: Any) -> Array:
    return fnp.take(x.reshape(-1, *x.shape[2:]), wrap(places), axis=0)


def _put_back(g: Array, shape: tuple[int, ...], *, places: Any) -> Array:
    zeros = fnp.zeros((shape[0] * shape[1], *shape[2:]), g.dtype)
    return ops.scatter_add(zeros, g, wrap(places), axes=(0,), mode="clip").reshape(shape)


_PACK = Linear("PackPaddedSequenceBackward0", _picked, _put_back)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences without their padding.

    Args:
        input: [time, batch, ...], or [batch, time, ...] with ``batch_first``.
        lengths: how many steps of each sequence count: a list, or i[batch].
        enforce_sorted: whether they must not rise; else sequences are sorted.

    Raises:
        RuntimeError: the lengths do not fit the input.

    Source: ``torch.nn.utils.rnn.pack_padded_sequence``.
    """
    if overrides.known:
        overrides.refuse("packing of sequences")
    steps = lengths._np if isinstance(lengths, Tensor) else np.asarray([int(n) for n in lengths])
    steps = steps.astype(np.int64)
    order = None
    if not enforce_sorted:
        order = make(np.argsort(-steps, kind="stable"))
        steps = steps[order._np]
        input = input.index_select(0 if batch_first else 1, order)
    x = input.transpose(0, 1) if batch_first else input
    if not x._np.size:
        raise RuntimeError("Cannot pack empty tensors.")
    time, batch = x._np.shape[:2]
    if len(steps) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(steps)} "
            f"(batch_size={batch})"
        )
    if (np.diff(steps) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if steps[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if steps[0] > time:
        raise RuntimeError(
            f"pack_padded_sequence: expected lengths of at most {time}, the size of the input "
            f"along time; got {steps[0]}"
        )
    sizes = (steps > np.arange(steps[0])[:, None]).sum(1)
    data = _PACK(x, places=packed_places(sizes))
    return PackedSequence(data, make(sizes), order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Packed sequences with padding, and their lengths.

    Args:
        batch_first: whether the result is [batch, time, ...].
        padding_value: what stands after the end of a sequence.
        total_length: the size of the result along time; that of the longest by default.

    Raises:
        ValueError: ``total_length`` is too small.

    Source: ``torch.nn.utils.rnn.pad_packed_sequence``.
    """
    data, batch_sizes, _, back = sequence
    if overrides.known:
        overrides.refuse("packing of sequences")
    sizes = batch_sizes._np
    time, batch = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < time:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {time}"
            )
        time = total_length
    rest = data._np.shape[1:]
    rows = data.detach().new_full((time * batch, *rest), padding_value)
    rows.index_copy_(0, make(packed_places(sizes)), data)
    padded = rows.view(time, batch, *rest)
    if batch_first:
        padded = padded.transpose(0, 1)
    lengths: Any = make((sizes[:, None] > np.arange(batch)).sum(0))
    if back is not None:
        return padded.index_select(0 if batch_first else 1, back), lengths[back]
    return padded, lengths


# ------------------------------------------------------------------------------------------ padding
def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:  # fmt: skip
    """Sequences of different lengths as one tensor.

    Args:
        sequences: [length, ...] each.
        batch_first: whether the result is [batch, time, ...], else [time, batch, ...].
        padding_value: what stands where a sequence has nothing.
        padding_side: "right" or "left".

    Raises:
        RuntimeError: there are no sequences, or their other sizes differ.

    Source: ``torch.nn.utils.rnn.pad_sequence``.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    given: list[Any] = list(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    time = max(t._np.shape[0] for t in given)
    lead = (len(given), time) if batch_first else (time, len(given))
    out = given[0].detach().new_full((*lead, *given[0]._np.shape[1:]), padding_value)
    for i, t in enumerate(given):
        length = t._np.shape[0]
        begin = 0 if padding_side == "right" else time - length
        row = out.select(0 if batch_first else 1, i)
        row.narrow(0, begin, length).copy_(t)
    return out


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """Padded sequences one by one, without their padding.

    Args:
        padded_sequences: [time, batch, ...], or [batch, time, ...] with ``batch_first``.
        lengths: i[batch].

    Source: ``torch.nn.utils.rnn.unpad_sequence``.
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows, lengths, strict=True)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of different lengths, packed.

    Args:
        sequences: a list of [length, ...].
        enforce_sorted: whether their lengths must not rise.

    Source: ``torch.nn.utils.rnn.pack_sequence``.
    """
    lengths = [t._np.shape[0] for t in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Packed sequences one by one. Source: ``torch.nn.utils.rnn.unpack_sequence``."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def bind(optional: Any, fn: Callable[[Any], Any]) -> Any:
    """``fn`` of what there is; None stays None. Source: ``torch.nn.utils.rnn.bind``."""
    return None if optional is None else fn(optional)

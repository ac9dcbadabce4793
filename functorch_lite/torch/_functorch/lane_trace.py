"""The core's batching over values that tensors hold: symbols go in, and come out again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.op import Op, Shared
from functorch_lite.core.trace import Reenter
from functorch_lite.ops import broadcast_to, reshape
from functorch_lite.torch._compile.symbol import fresh_symbol
from functorch_lite.torch._core.tensor import is_symbol
from functorch_lite.transforms.batch import BatchTrace, BatchTracer

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["LaneTrace", "LaneTracer"]

_new = object.__new__
_ndarray = np.ndarray


class LaneTracer(BatchTracer):
    """A value with one more axis, in front; its raw data is a symbol of one lane's shape."""

    __slots__ = ()

    _trace: LaneTrace

    @property
    def _data(self) -> Any:
        lanes: Any = self._trace.lanes
        return fresh_symbol(lanes, self)


class LaneTrace(BatchTrace):
    """Applies the core's batching rules to one ``vmap``.

    Args:
        lanes: the ``vmap``, which holds the trace.
    """

    __slots__ = ("_lanes",)

    def __init__(self, lanes: Lanes) -> None:
        super().__init__("vmap", lanes.size)
        self._lanes = weakref.ref(lanes)

    @property
    def lanes(self) -> Lanes:
        """The ``vmap``."""
        found = self._lanes()
        assert found is not None
        return found

    def tracer(self, value: Array, weak: bool = False) -> LaneTracer:
        out: LaneTracer = _new(LaneTracer)
        out._trace, out.value, out.weak = self, value, weak
        out.shape = value.shape[1:]
        return out

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values: list[Any] = []
        batched: list[bool] = []
        for x in args:
            if x.__class__ is Array and x._data.__class__ is not _ndarray:
                x = self._plain(x)
            varies = x.__class__ is LaneTracer and x._trace is self
            values.append(x.value if varies else x)
            batched.append(varies)
        if op.batch_with is not None:
            out = op.batch_with(self, values, batched, params)
        elif True not in batched:
            return op(*values, **params)
        elif op.family == "elementwise":
            return self.tracer(op(*_aligned(values, batched), **params))
        else:
            out = op.batch(self.size, values, batched, params)
        if op.multi:
            return tuple([self._result(o) for o in out])
        return self._result(out)

    def _plain(self, x: Any) -> Any:
        """A value without a symbol in it."""
        while x.__class__ is Array and x._data.__class__ is not _ndarray and is_symbol(x._data):
            # A symbol may have yet to be read from its memory, which takes operations.
            with Reenter(self):
                x = x._data.value
        return x

    def _result(self, out: Any) -> Any:
        return out.value if out.__class__ is Shared else self.tracer(out)

    def owns(self, x: Any) -> bool:
        """Whether a value varies from lane to lane."""
        return x.__class__ is LaneTracer and x._trace is self

    def lower(self, x: Any) -> Array:
        x = self._plain(x)
        if self.owns(x):
            value: Array = x.value
            return value
        out: Array = broadcast_to(x, shape=(self.size, *x.shape))
        return out


def _aligned(values: list[Any], batched: list[bool]) -> list[Any]:
    """Operands with dimensions of 1 behind the lanes, up to the largest rank of a lane."""
    shapes = [x.shape for x in values]
    ranks = [len(shape) - b for shape, b in zip(shapes, batched, strict=True)]
    rank = max(ranks)
    for i, b in enumerate(batched):
        if b and ranks[i] < rank:
            size, *rest = shapes[i]
            values[i] = reshape(values[i], shape=(size, *(1,) * (rank - ranks[i]), *rest))
    return values

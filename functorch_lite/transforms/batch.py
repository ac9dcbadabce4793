"""Batching: a trace whose values carry one more axis than the function sees, always at axis 0."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from functorch_lite.core.array import Array, Tracer, is_zero_stack, wrap_stack
from functorch_lite.core.aval import Aval, StackAval, make_aval, with_axis, without_axis
from functorch_lite.core.op import Op, Shared
from functorch_lite.core.stack import Stack
from functorch_lite.core.trace import Trace
from functorch_lite.errors import NonConcreteError
from functorch_lite.ops import broadcast_to
from functorch_lite.transforms.concrete import line_of_request, remedy_for

_new = object.__new__


class BatchTracer(Tracer):
    """A mapped value: ``value`` has the mapped axis in front."""

    __slots__ = ("shape", "value")

    _trace: BatchTrace
    value: Array
    shape: tuple[int, ...]

    dtype = property(attrgetter("value.dtype"))

    @property
    def aval(self) -> Aval:
        """Shape and dtype of one example."""
        of_all = self.value.aval
        if isinstance(of_all, StackAval):
            return without_axis(of_all)
        return make_aval(self.shape, self.dtype, self.weak)

    def concrete(self, wanted: str) -> Any:
        """Every example has a value of its own, so Python cannot have one."""
        raise NonConcreteError(
            f"{wanted} needs one value, but inside {self._trace.label} this array (of shape "
            f"{self.shape} per example) has a value for each of {self._trace.size} examples. "
            f"{line_of_request()} {remedy_for(wanted)}"
        )

    def __repr__(self) -> str:
        return f"BatchTracer(shape={self.shape}, dtype={self.dtype.name}, in {self._trace.label})"


class BatchTrace(Trace):
    """Applies batching rules.

    Attributes:
        size: length of the mapped axis.
        axis_name: the name that collectives use for it, or None.
    """

    __slots__ = ("axis_name", "size")

    def __init__(self, label: str, size: int, axis_name: Any = None) -> None:
        super().__init__(label)
        self.size = size
        self.axis_name = axis_name

    def tracer(self, value: Array, weak: bool = False) -> BatchTracer:
        """A mapped value from one whose axis 0 is the mapped axis."""
        out = _new(BatchTracer)
        out._trace, out.value, out.weak = self, value, weak
        out.shape = value.shape[1:]
        return out

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values: list[Any] = []
        batched: list[bool] = []
        live = False
        for a in args:
            if a.__class__ is BatchTracer and a._trace is self:
                values.append(a.value)
                batched.append(True)
                live = True
            else:
                values.append(a)
                batched.append(False)
        if op.batch_with is not None:
            out = op.batch_with(self, values, batched, params)
            if op.multi:
                return tuple(o.value if o.__class__ is Shared else self.tracer(o) for o in out)
            return out.value if out.__class__ is Shared else self.tracer(out)
        if not live:
            return op(*values, **params)
        out = op.batch(self.size, values, batched, params)
        if op.multi:
            return tuple(o.value if o.__class__ is Shared else self.tracer(o) for o in out)
        result = _new(BatchTracer)
        result._trace = self
        result.value = out
        result.shape = out.shape[1:]
        result.weak = False
        return result

    def lower(self, x: Any) -> Array:
        """The value with the mapped axis in front; a value that does not vary is broadcast."""
        if x.__class__ is BatchTracer and x._trace is self:
            value: Array = x.value
            return value
        if is_zero_stack(x):
            return wrap_stack(Stack(None, with_axis(x.aval.elem, self.size)))
        out: Array = broadcast_to(x, shape=(self.size, *x.shape))
        return out

"""Recording a call: its operations are seen as they are made, and their arithmetic written down.

While a call is recorded, tensors that it is given have symbols for arrays (``symbol.py``), and the
operations of the package run on these as on any array. So shapes, strides, dtypes, promotion and
messages are those of the eager operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import make_aval
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Reenter, state
from functorch_lite.torch._compile.breaks import GraphBreak
from functorch_lite.torch._compile.numpy_rules import NUMPY_RULES
from functorch_lite.torch._compile.symbol import Symbol, apply_op, fresh_symbol, symbol_of
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.order import dense_order
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._object.generator import default_generator
from functorch_lite.transforms.stage import StageTrace, StageTracer

__all__ = ["Draw", "Recording"]

_REFUSED = frozenset(
    "as_strided as_strided_ _backward data_ptr detach_ from_numpy from_dlpack item manual_seed "
    "storage_offset "
    "multinomial numpy register_hook register_post_accumulate_grad_hook requires_grad_ resize_ "
    "resize_as_ retain_grad seed set_ set_rng_state get_rng_state share_memory_ storage tolist "
    "untyped_storage initial_seed bernoulli poisson binomial set_default_tensor_type "
    "is_nonzero equal allclose frombuffer nonzero masked_select unique unique_consecutive".split()
)
"""Operations that no graph can hold: they need values, or change what is no tensor."""

_RANDOM = frozenset("rand randn randint randperm rand_like randn_like randint_like normal".split())


class Draw:
    """Random numbers that a compiled call draws before it runs, in the order of the eager call.

    Attributes:
        draw: makes the array of them.
        engine: whose stream they come from.
    """

    __slots__ = ("draw", "engine")

    def __init__(self, draw: Callable[[], Any], engine: Any) -> None:
        self.draw = draw
        self.engine = engine


class _Tracer(StageTracer):
    """A value of the graph whose raw data is a symbol."""

    __slots__ = ()

    @property
    def _data(self) -> Any:
        trace: Any = self._trace
        with Reenter(trace):
            return fresh_symbol(trace.recording, self)


class _Trace(StageTrace):
    """Writes down core operations on symbols."""

    __slots__ = ("recording",)

    recording: Recording

    def _plain(self, x: Any) -> Any:
        """A value without a symbol in it."""
        if x.__class__ is not Array:
            return x
        if is_symbol(x._data):
            with Reenter(self):
                return x._data.value
        if not self.recording.in_library():
            # Only within an operation, which has seen its tensors, is an array a constant.
            raise self.recording.unsupported("an operation on tensors that was not seen")
        return x

    def var_of(self, x: Any) -> Any:
        x = self._plain(x)
        if x.__class__ is _Tracer and x._trace is self:
            return x._var
        return super().var_of(x)

    def tracer(self, var: Any, weak: bool = False) -> StageTracer:
        out = super().tracer(var, weak)
        out.__class__ = _Tracer
        return out

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        found = super().process(op, tuple(map(self._plain, args)), params)
        for x in found if isinstance(found, tuple) else (found,):
            if x.__class__ is StageTracer:
                x.__class__ = _Tracer
        return found


class Recording:
    """What records one call.

    Args:
        name: of the function.
        slots: for each tensor that the guards know, by ``id``, its place among them.

    Attributes:
        inputs: what the program takes: places of tensors, and draws.
        twins: per place, the tensor that stands for one.
        demands: truth values that were assumed, and what they were taken to be.
    """

    numpy_rules = NUMPY_RULES
    symbols = Symbol

    def __init__(self, name: str, slots: dict[int, int]) -> None:
        self.name = name
        self.slots = slots
        self.inputs: list[int | Draw] = []
        self.twins: dict[int, Tensor] = {}
        self.demands: list[tuple[Any, bool]] = []
        self.broken: GraphBreak | None = None
        self._kept: dict[int, Any] = {}
        self._depth = 0
        self._skip: Any = None
        self._names: list[str] = []
        self.trace = _Trace(f"torch.compile of {name}")
        self.trace.recording = self

    def __enter__(self) -> Recording:
        self.trace.__enter__()
        overrides.record(self)
        return self

    def __exit__(self, *exc: object) -> None:
        overrides.record(None)
        self.trace.__exit__(*exc)
        for t, array, memory in self._kept.values():
            t._np, t._memory = array, memory

    def in_library(self) -> bool:
        """Whether an operation is at work, and not the user's code."""
        return self._depth > 0

    # ---------------------------------------------------------------------------------- breaks
    def refuse(self, what: str) -> None:
        """Something was met that no graph can hold."""
        if not self._depth:
            raise self.unsupported(what)

    def custom(self, function: Any, args: Any) -> Any:
        """A user's Function is met."""
        self.refuse("torch.autograd.Function")
        return NotImplemented

    def unsupported(self, what: str) -> GraphBreak:
        """The break at what no graph can hold."""
        inside = f"{self._names[-1]}(): " if self._names else ""
        self.broken = GraphBreak(f"{inside}{what} is not supported in compiled graphs")
        return self.broken

    def needs_values(self, what: str | None = None) -> GraphBreak:
        """The break where Python wants to know elements."""
        name = f"{self._names[-1]}()" if self._names else what or "Python"
        self.broken = GraphBreak(f"{name} needs the values of a tensor")
        return self.broken

    def values_asked(self, t: Tensor, why: str = "") -> None:
        """Somebody is about to look at a tensor's elements."""
        if not self._depth:
            raise self.needs_values()

    def assumed(self, truth: Symbol) -> bool:
        """What the library's own checks take a truth value to be; checked in each call."""
        if not self._depth:
            raise self.needs_values("an `if` or another test")
        guess = bool(truth.guess) if truth.dtype.kind == "b" else True
        self.demand(truth.value.reshape(()).astype(np.bool_), guess)
        return guess

    def demand(self, truth: Any, wanted: bool) -> None:
        """Have each call check a truth value; one that is another runs eagerly."""
        self.demands.append((truth, wanted))

    # ------------------------------------------------------------------------------ operations
    def __call__(self, f: Any, args: Any, kwargs: Any) -> Any:
        if f is self._skip:
            self._skip = None
            return NotImplemented
        name = getattr(f, "__name__", str(f))
        if name in _REFUSED and not self._depth:
            self._names.append(name)
            try:
                raise self.unsupported("it")
            finally:
                self._names.pop()
        if kwargs.get("out") is not None:
            raise self.unsupported(f"{name} with out=")
        if kwargs.get("requires_grad"):
            raise self.unsupported(f"{name} with requires_grad=True")
        given = [self._lifted(a) for a in args]
        named = {k: self._lifted(v) for k, v in kwargs.items()}
        if name in _RANDOM and not self._depth:
            return self._random(f, given, named)
        return self._enter(f, name, given, named)

    def _enter(self, f: Any, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operation on symbols."""
        self._depth += 1
        self._skip = f
        self._names.append(name)
        try:
            made = f(*args, **kwargs)
        finally:
            self._depth -= 1
            self._skip = None
            self._names.pop()
        if not self._depth:
            self._convert(made)
        return made

    @contextmanager
    def library(self, name: str) -> Iterator[None]:
        """What runs within is the library's own, under the name of an operation."""
        self._depth += 1
        self._names.append(name)
        try:
            yield
        finally:
            self._depth -= 1
            self._names.pop()

    def lift_constant(self, t: Tensor) -> Tensor:
        """A tensor as a symbol, a constant if it is none."""
        with self.library("backward"):
            return self.lift(t)

    def _convert(self, made: Any) -> None:
        """Let tensors that were made of no other one be constants of the graph."""
        if isinstance(made, Tensor):
            if not is_symbol(made._np):
                constant: Any = self._constant(made._np)
                made._np = constant
                made._memory = None
        elif isinstance(made, (tuple, list)):
            for x in made:
                self._convert(x)

    def _constant(self, array: Any) -> Symbol:
        return fresh_symbol(self, self.trace_constant(array), dense_order(array))

    def trace_constant(self, array: Any) -> Any:
        """An array that is part of the graph."""
        with self.library("a constant"):
            return self.trace.tracer(self.trace.var_of(wrap(np.array(array, order="C"))))

    def applied(self, record: Op, operands: Sequence[Any], params: dict[str, Any]) -> Symbol:
        """The result of an op on symbols and arrays of one dtype."""
        return apply_op(self, record, operands, params)

    # -------------------------------------------------------------------------------- operands
    def _lifted(self, x: Any) -> Any:
        """An argument with symbols for tensors."""
        if isinstance(x, Tensor):
            return self.lift(x)
        if isinstance(x, (tuple, list)):
            if not any(isinstance(e, (Tensor, tuple, list, slice, np.ndarray)) for e in x):
                return x
            found = [self._lifted(e) for e in x]
            return type(x)(*found) if hasattr(x, "_fields") else type(x)(found)
        if isinstance(x, slice) and isinstance(x.start or x.stop or x.step, Tensor):
            raise self.needs_values("a slice")
        if isinstance(x, np.ndarray) and not self._depth:
            raise self.unsupported("a NumPy array")
        return x

    def lift(self, t: Tensor) -> Tensor:
        """The tensor that stands for one in the graph."""
        if is_symbol(t._np):
            if symbol_of(t).recording is not self:
                raise self.unsupported("a tensor of another recording")
            return t
        slot = self.slots.get(id(t))
        if slot is not None:
            twin = self.twins.get(slot)
            return self._twin(t, slot) if twin is None else twin
        if not self._depth:
            raise self.unsupported("a tensor that no argument, attribute, closure or global names")
        # A temporary of the library, which may write to it: it is a constant from here on.
        self._kept[id(t)] = (t, t._np, t._memory)
        constant: Any = self._constant(t._np)
        t._np, t._memory = constant, None
        return t

    def _twin(self, t: Tensor, slot: int) -> Tensor:
        array = t._np
        var = self.trace.arg(make_aval(array.shape, array.dtype), f"t{slot}")
        self.inputs.append(slot)
        wanted = needs_grad(t)
        symbol = fresh_symbol(self, var, dense_order(array))
        symbol.storage.source = slot
        out = make(symbol)
        out._rg = wanted
        out._inference = t._inference
        self.twins[slot] = out
        return out

    # ------------------------------------------------------------------------------- random numbers
    def drawn(self, sample: Any, engine: Any, args: Any, options: dict[str, Any]) -> None:
        """Numbers that an operation writes into a symbol: each call draws them anew."""
        target, *rest = args
        if not is_symbol(target) or any(is_symbol(a) for a in (*rest, *options.values())):
            raise self.unsupported("drawing random numbers")
        if any(isinstance(a, np.ndarray) for a in rest):
            raise self.unsupported("drawing random numbers")
        shape, strides, dtype = target.shape, target.strides, target.dtype

        def draw() -> Any:
            # The order of draws follows the strides.
            room = np.empty(_reach(shape, strides, dtype.itemsize), np.uint8)
            array = np.ndarray(shape, dtype, room, 0, strides)
            sample(engine, array, *rest, **options)
            return array

        target[...] = self._input(draw, engine, shape, dtype)

    def _input(self, draw: Callable[[], Any], engine: Any, shape: Any, dtype: Any) -> Symbol:
        self.inputs.append(Draw(draw, engine))
        return fresh_symbol(self, self.trace.arg(make_aval(shape, dtype)))

    def _random(self, f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
        """A tensor of random numbers: drawn in each call."""
        if any(isinstance(a, Tensor) for a in args) and f.__name__ == "normal":
            raise self.unsupported("drawing around tensors")
        given = [_shell(a) for a in args]
        generator = kwargs.get("generator") or default_generator
        with self.outside():
            before = generator.get_state()
            sample = f(*given, **kwargs)
            generator.set_state(before)

        def draw() -> Any:
            return f(*given, **kwargs)._np

        engine = generator._engine
        return make(self._input(draw, engine, sample._np.shape, sample._np.dtype))

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Operations within are not recorded."""
        overrides.record(None)
        was, state.trace = state.trace, None
        try:
            yield
        finally:
            state.trace = was
            overrides.record(self)


def _shell(x: Any) -> Any:
    """A tensor without values for one that is asked for its sizes only."""
    return make(np.empty(x._np.shape, x._np.dtype)) if isinstance(x, Tensor) else x


def _reach(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> int:
    """Bytes that an array spans."""
    if not math.prod(shape):
        return itemsize
    return itemsize + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))

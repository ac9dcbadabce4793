"""One ``vmap``: sees the operations of its function and has the core apply them to all lanes.

Within, mapped tensors have symbols for arrays, the same as ``torch.compile`` records with
(``_compile/symbol.py``); only that the values of these symbols are not variables of a graph but
values of the core's batching, computed at once.
"""

from __future__ import annotations

import os
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Reenter, state
from functorch_lite.torch._compile.symbol import (
    Symbol,
    apply_op,
    fresh_symbol,
    symbol_of,
    value_of,
)
from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode, no_grad
from functorch_lite.torch._core.node import (
    LAST,
    AccumulateGrad,
    Node,
    _numbers,
    edge_of,
    needs_grad,
)
from functorch_lite.torch._core.order import dense_order
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, version
from functorch_lite.torch._functorch import autograd_function as custom
from functorch_lite.torch._functorch import indexing
from functorch_lite.torch._functorch.batched_calls import FOLDED, folded, together
from functorch_lite.torch._functorch.crossing import is_lane, lower, owner
from functorch_lite.torch._functorch.fallback import (
    map_tensors,
    one_by_one,
    tensors_in,
    writes,
)
from functorch_lite.torch._functorch.lane_rules import LANE_RULES
from functorch_lite.torch._functorch.lane_symbol import LaneSymbol
from functorch_lite.torch._functorch.lane_trace import LaneTrace, LaneTracer
from functorch_lite.torch._functorch.randomness import drawn, is_random, made_random
from functorch_lite.torch._functorch.refusals import (
    CONTROL_FLOW,
    ITEM,
    REFUSALS,
    UNMAPPED_TARGET,
)

__all__ = ["Lanes", "NoRule"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class NoRule(NotImplementedError):
    """An operation needs what symbols do not have: it runs lane by lane, a gradient not at all.

    Args:
        what: what was in the way.
    """

    def __init__(self, what: str | None) -> None:
        super().__init__(
            f"vmap: a gradient has no batching rule, as it needs {what or 'values of a tensor'}. "
            "Remedy: take the gradient of each example in a loop and torch.stack them"
        )


# What code for arrays meets in a symbol; a mistake of the user's comes up again, lane by lane.
_NO_RULE = (NotImplementedError, TypeError, AttributeError, ValueError, IndexError)


class Lanes:
    """A ``vmap``, which may be entered again for backward passes.

    Args:
        size: how many lanes there are.
        randomness: ``error``, ``different`` or ``same``.

    Attributes:
        trace: the core's batching over them.
        level: how many transforms surround its function, itself included.
        spans: numbers of nodes between which it was current.
    """

    numpy_rules = LANE_RULES
    symbols = LaneSymbol

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.size = size
        self.randomness = randomness
        self.trace = LaneTrace(self)
        self.spans: list[tuple[float, float]] = []
        self.level = 0
        self._depth = 0
        self._outer: list[Any] = []

    # --------------------------------------------------------------------------------- context
    def __enter__(self) -> Lanes:
        before = overrides.record(self)
        quiet = np.errstate(all="ignore")
        quiet.__enter__()
        place = len(self.spans)
        self._outer.append((before, state.trace, self.trace.parent, self._depth, place, quiet))
        self.trace.parent = state.trace
        state.trace = self.trace
        self._depth = 0
        mode.transforms += 1
        self.level = mode.transforms
        self.spans.append((next(_numbers), LAST))
        return self

    def __exit__(self, *exc: object) -> None:
        before, trace, self.trace.parent, self._depth, place, quiet = self._outer.pop()
        quiet.__exit__(None, None, None)
        self.spans[place] = (self.spans[place][0], next(_numbers))
        if place and place == len(self.spans) - 1 and not mode.enabled:
            self.spans.pop()  # a backward pass that has left no nodes
        mode.transforms -= 1
        state.trace = trace
        overrides.record(before)

    def current(self) -> Any:
        """A context in which values of this ``vmap`` can be computed with."""
        return Reenter(self.trace)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Within it, operations are those of the code around the ``vmap``."""
        before, trace = overrides.record(self._outer[-1][0]), state.trace
        state.trace = self.trace.parent
        try:
            yield
        finally:
            state.trace = trace
            overrides.record(before)

    def made(self, node: Node) -> bool:
        """Whether a node was recorded within."""
        return any(begin < node.number < end for begin, end in self.spans)

    # ---------------------------------------------------------------------- what symbols ask of it
    def _in_library(self) -> bool:
        # A symbol of an outer vmap may be asked while the operation is one of an inner one.
        current = overrides.recorder
        return current is None or current.in_library() or engine.inside.current is not None

    def needs_values(self, what: str | None = None) -> Exception:
        """The error where Python wants to know elements."""
        if self._in_library():
            return NoRule(what)
        return RuntimeError(ITEM)

    def unsupported(self, what: str) -> Exception:
        """The error where there is no rule."""
        return NoRule(what)

    def assumed(self, truth: Symbol) -> bool:
        """A truth value that is the same in all lanes.

        Raises:
            NoRule: it differs.
            RuntimeError: the user's function asks.
        """
        if not self._in_library():
            raise RuntimeError(CONTROL_FLOW)
        found = concrete(truth.value)
        first = bool(found.flat[0]) if found.size else True
        if (found != first).any():
            raise NoRule("a test that differs from lane to lane")
        return first

    def demand(self, truth: Any, wanted: bool) -> None:
        """Check a truth value that an operation relies on."""
        if not (concrete(truth) == wanted).all():
            raise NoRule("an operand out of range")

    def applied(self, record: Op, operands: Sequence[Any], params: dict[str, Any]) -> Symbol:
        """The result of an op on symbols and arrays of one dtype."""
        return apply_op(self, record, operands, params)  # type: ignore[arg-type]

    # ------------------------------------------------------------------- what the package tells it
    def _truth(self, t: Tensor) -> bool:
        try:
            return self.assumed(symbol_of(t))
        except NoRule:
            raise RuntimeError(CONTROL_FLOW) from None

    def refuse(self, what: str) -> None:
        """What no graph can hold is no obstacle here."""

    def values_asked(self, t: Tensor, why: str = "") -> Any:
        """The text of a mapped tensor, or a truth value that a check of the package asks for.

        Whoever wants its numbers meets the symbol.

        Raises:
            RuntimeError: the user's function asks for a truth value.
        """
        if not is_symbol(t._np) or self._in_library():
            return None
        if why == "bool":
            # The frame before those of the recorder and of the tensor's method.
            asker = sys._getframe(3).f_code.co_filename
            if not asker.startswith(_PACKAGE) or t._np.size != 1:
                raise RuntimeError(CONTROL_FLOW)
            return self.library(self._truth, t)
        if why != "text":
            return None
        lanes = owner(t) or self
        whole = lower(lanes, t.detach())
        with lanes.outside():
            inner = textwrap.indent(repr(whole), "    ")
        return f"BatchedTensor(lvl={lanes.level}, bdim=0, value=\n{inner}\n)"

    def in_library(self) -> bool:
        """Whether an operation is at work, and not the user's code."""
        return self._depth > 0

    def room(self, zeros: Any) -> Symbol:
        """An array to write into, as a symbol."""
        return fresh_symbol(self, value_of(zeros))  # type: ignore[arg-type]

    def drawn(self, sample: Any, engine: Any, args: Any, options: dict[str, Any]) -> Any:
        """Random numbers that an operation draws."""
        return drawn(self, sample, engine, args, options)

    def custom(self, function: Any, args: Any) -> Any:
        """What a call of a user's Function gives; NotImplemented lets it run on symbols."""
        return custom.mapped(self, function, args)

    def __call__(self, f: Any, args: Any, kwargs: Any) -> Any:
        """An operation that the function calls; NotImplemented lets it run on symbols."""
        if self._depth:
            return NotImplemented
        name = f.__name__
        if is_random(name):
            found = made_random(self, f, args, kwargs)
            if found is not NotImplemented:
                return found
        mapped, nested, fixed = _seen(args if not kwargs else (*args, *kwargs.values()))
        if not mapped:
            return NotImplemented
        if self.trace.parent.__class__ is LaneTrace and not self._varies((args, kwargs)):
            with self.outside():  # all of them are of the vmap around
                return f(*args, **kwargs)
        if name in REFUSALS:
            raise RuntimeError(REFUSALS[name])
        if kwargs and kwargs.get("out") is not None:
            raise RuntimeError(
                f"Batching rule not implemented for aten::{name}.out; the fallback path doesn't "
                "work on out= or view ops."
            )
        if name in FOLDED:
            found = folded(self, f, args, kwargs)
            if found is not NotImplemented:
                return found
        if writes(name) and not is_lane(self, args[0]) and self._varies(args[1:]):
            if engine.inside.current is None:
                raise RuntimeError(UNMAPPED_TARGET)
            self.convert(args[0])  # a temporary of a backward pass
        constants: list[tuple[Tensor, Tensor, Any]] = []
        given, named = args, kwargs
        if nested or (fixed and kwargs):
            given, named = map_tensors((list(args), kwargs), partial(self._constant, constants))
        elif fixed:
            given = [self._constant(constants, x) if isinstance(x, Tensor) else x for x in args]
        rule = _INDEXING.get(name)
        self._depth += 1
        try:
            if rule is not None:
                return rule(f, *given)
            return self._converted(f(*given, **named))
        except _NO_RULE:
            self._depth -= 1
            try:
                return self._without_rule(f, args, kwargs)
            finally:
                self._depth += 1
        finally:
            self._depth -= 1
            for t, twin, _ in constants:
                if symbol_of(twin).storage.writes:
                    self._write_mean(t, twin)

    def _without_rule(self, f: Any, args: Any, kwargs: Any) -> Any:
        """An operation that symbols cannot do."""
        found = together(self, f, args, kwargs)
        return one_by_one(self, f, args, kwargs) if found is NotImplemented else found

    def _converted(self, made: Any) -> Any:
        """The results of an operation; one that depends on sizes only is mapped as well."""
        if isinstance(made, Tensor):
            if made._np.__class__ is not LaneSymbol:
                self.convert(made)
        elif isinstance(made, (tuple, list)):
            for x in made:
                self._converted(x)
        return made

    def convert(self, t: Tensor) -> None:
        """Let a new tensor that nobody else has be one of the mapped ones."""
        if not is_symbol(t._np):
            # It varies from the start, so that whatever is made of it is mapped, too.
            whole = np.broadcast_to(t._np, (self.size, *t._np.shape))
            value, order = self.trace.tracer(wrap(whole)), dense_order(t._np)
            symbol: Any = fresh_symbol(self, value, order)  # type: ignore[arg-type]
            t._np, t._memory = symbol, None

    def _constant(self, made: list[tuple[Tensor, Tensor, Any]], t: Tensor) -> Tensor:
        """A tensor that is not mapped as a symbol, at the same place in the graph.

        Args:
            made: where the tensor, its twin and that place are kept as long as they are needed.
        """
        if is_symbol(t._np):
            return t
        symbol: Any = fresh_symbol(self, wrap(t._np), dense_order(t._np))  # type: ignore[arg-type]
        out = make(symbol)
        out._version_of = version(t)
        edge = edge_of(t) if needs_grad(t) else None
        if edge is not None and edge[0].__class__ is AccumulateGrad:
            out._rg, out._accumulator = True, weakref.ref(edge[0])
        elif edge is not None:
            out._fn, out._nr = edge
        made.append((t, out, edge))
        return out

    def _write_mean(self, t: Tensor, twin: Tensor) -> None:
        """Write to a tensor that is not mapped what an operation has written to its symbol.

        Running statistics that a module holds get the mean of those of all lanes.
        """
        whole = lower(self, twin.detach())
        with self.outside(), no_grad():
            t.copy_(whole.mean(0))

    def _varies(self, args: Any) -> bool:
        return any(is_lane(self, t) for t in tensors_in(args))

    def library(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the library's own."""
        self._depth += 1
        try:
            return f(*args, **kwargs)
        finally:
            self._depth -= 1


def _seen(args: Any) -> tuple[bool, bool, bool]:
    """Whether a tensor among arguments is mapped, whether some are nested, and some not mapped."""
    mapped = nested = fixed = False
    for x in args:
        if isinstance(x, Tensor):
            if x._np.__class__ is LaneSymbol:
                mapped = True
            else:
                fixed = True
        elif x.__class__ is slice:
            mapped = mapped or _seen((x.start, x.stop, x.step))[0]
        elif isinstance(x, (tuple, list, dict)):
            inner, _, others = _seen(x.values() if isinstance(x, dict) else x)
            mapped, nested = mapped or inner, nested or inner or others
    return mapped, nested, fixed


_INDEXING: dict[str, Callable[..., Any]] = {"getitem": indexing.get, "setitem": indexing.put}


def concrete(value: Any) -> np.ndarray[Any, Any]:
    """The numbers of all lanes behind a value."""
    while value.__class__ is LaneTracer:
        value = value.value
    found = value._data if value.__class__ is Array else value
    return concrete(found.value) if is_symbol(found) else np.asarray(found)

"""Staging: traces that write ops down instead of running them.

``StageTrace`` writes down everything (``jit``, ``make_graph``). ``PartialStageTrace`` writes down
only what depends on its inputs and runs the rest at once (``linearize``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from types import FrameType
from typing import Any

from functorch_lite.core.array import Array, Tracer, raise_escaped
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Eqn, Graph, Var, set_stager
from functorch_lite.core.op import Op
from functorch_lite.core.trace import PACKAGE_DIR, Trace, state
from functorch_lite.errors import NonConcreteError
from functorch_lite.transforms.concrete import line_of_request, remedy_for

_new = object.__new__
_getframe = sys._getframe


class StageTracer(Tracer):
    """A value of the graph being written."""

    __slots__ = ("_var", "aval")

    _var: Var
    aval: Aval

    shape = property(attrgetter("aval.shape"))
    dtype = property(attrgetter("aval.dtype"))

    def __repr__(self) -> str:
        return f"StageTracer({self.aval.short()}, in {self._trace.label})"

    def made_at(self) -> str:
        """Where the user computed this value."""
        trace = self._trace
        assert isinstance(trace, StageTrace)
        for eqn in trace.eqns:
            if self._var in eqn.outputs:
                return eqn.location()
        return f"the argument {self._var.name}"

    def concrete(self, wanted: str) -> Any:
        """There is no value: name the arguments it depends on, the line, and the remedy."""
        trace = self._trace
        assert isinstance(trace, StageTrace)
        raise NonConcreteError(trace.no_value_message(self, wanted))


class StageTrace(Trace):
    """Writes every op into a graph.

    Attributes:
        eqns: the equations so far.
        consts: variables of captured arrays.
    """

    __slots__ = ("consts", "eqns", "ids", "inputs")

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.eqns: list[Eqn] = []
        self.consts: dict[Var, Array] = {}
        self.ids: dict[int, Var] = {}
        self.inputs: list[Var] = []

    def arg(self, aval: Aval, name: str | None = None, weak: bool = False) -> StageTracer:
        """A new input."""
        var = Var(aval, name)
        self.inputs.append(var)
        return self.tracer(var, weak)

    def tracer(self, var: Var, weak: bool = False) -> StageTracer:
        """The tracer of a variable."""
        out = _new(StageTracer)
        out._trace, out._var, out.aval, out.weak = self, var, var.aval, weak
        return out

    def var_of(self, x: Any) -> Var:
        """The variable of a value; values from outside are captured."""
        if x.__class__ is StageTracer and x._trace is self:
            var: Var = x._var
            return var
        if isinstance(x, Tracer) and not x._trace.alive:
            raise_escaped(x)
        found = self.ids.get(id(x))
        if found is None:
            found = self.ids[id(x)] = Var(x.aval)
            self.consts[found] = x
        return found

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.stage is not None:
            return op.stage(self, args, params)
        inputs: list[Var] = []
        avals: list[Aval] = []
        for a in args:
            if a.__class__ is StageTracer and a._trace is self:
                var = a._var
            elif a.__class__ is Array:
                key = id(a)
                var = self.ids.get(key)  # type: ignore[assignment]
                if var is None:
                    data = a._data
                    aval = _new(Aval)
                    aval.shape, aval.dtype, aval.weak = data.shape, data.dtype, False
                    var = _new(Var)
                    var.aval, var.name = aval, None
                    self.ids[key] = var
                    self.consts[var] = a
            else:
                var = self.var_of(a)
            inputs.append(var)
            avals.append(var.aval)
        out = op.aval(*avals, **params)
        source = state.source
        if source is None:
            frame: FrameType | None = _getframe(2)
            while frame is not None and frame.f_code.co_filename.startswith(PACKAGE_DIR):
                frame = frame.f_back
            source = frame and (
                frame.f_code.co_filename,
                frame.f_lineno,
                state.scope + frame.f_code.co_name,
            )
        eqn = _new(Eqn)
        eqn.op = op
        eqn.inputs = tuple(inputs)
        eqn.params = params
        eqn.source = source
        self.eqns.append(eqn)
        if op.multi:
            eqn.outputs = tuple(Var(a) for a in out)
            return tuple(self.tracer(v) for v in eqn.outputs)
        var = _new(Var)
        var.aval, var.name = out, None
        eqn.outputs = (var,)
        result = _new(StageTracer)
        result._trace, result._var, result.aval, result.weak = self, var, out, False
        return result

    def graph(self, outputs: Sequence[Any], name: str) -> Graph:
        """The finished graph with the given values as outputs."""
        return Graph(self.inputs, self.eqns, [self.var_of(o) for o in outputs], self.consts, name)

    def sources_of(self, x: StageTracer) -> list[Var]:
        """The inputs that a value depends on, in order."""
        defined = {v: e for e in self.eqns for v in e.outputs}
        seen: set[Var] = set()
        todo = [x._var]
        while todo:
            var = todo.pop()
            if var not in seen:
                seen.add(var)
                if var in defined:
                    todo.extend(defined[var].inputs)
        return [v for v in self.inputs if v in seen]

    def no_value_message(self, x: StageTracer, wanted: str) -> str:
        """Why Python cannot have a value now, and what to write instead."""
        sources = self.sources_of(x)
        names = [v.name or "an argument" for v in sources]
        depends = (
            f"It depends on the argument{'s' * (len(names) > 1)} {', '.join(names)}."
            if names
            else "It depends on no argument, but everything inside is traced."
        )
        whole = all(v.aval.shape == () and (v.name or "").isidentifier() for v in sources)
        statics = names if whole and "jit of" in self.label else []
        return (
            f"{wanted} needs the value of a traced array ({x.aval.short()}) inside {self.label}, "
            f"where only shapes and dtypes are known. {depends} {line_of_request()} "
            f"{remedy_for(wanted, statics)}"
        )


class PartialStageTrace(StageTrace):
    """Writes down only the ops that depend on its inputs."""

    __slots__ = ()

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if not any(a.__class__ is StageTracer and a._trace is self for a in args):
            return op(*args, **params)
        if op.partial is not None:
            return op.partial(self, args, params)
        return StageTrace.process(self, op, args, params)


def stage(
    f: Callable[..., Sequence[Any]],
    avals: Sequence[Aval],
    label: str,
    names: Sequence[str | None] | None = None,
    weak: Sequence[bool] | None = None,
) -> Graph:
    """The graph of a function of flat arguments that returns a flat sequence of arrays."""
    names = names or [None] * len(avals)
    with StageTrace(label) as trace:
        assert isinstance(trace, StageTrace)
        weak = weak or [False] * len(avals)
        args = [trace.arg(a, n, w) for a, n, w in zip(avals, names, weak, strict=True)]
        outs = f(*args)
    return trace.graph(outs, "graph")


set_stager(stage)

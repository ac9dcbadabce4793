"""The graph: a typed, functional program of ops, with printing, checking and evaluation.

A graph prints as a Python program over ``functorch_lite.ops`` that runs as it stands; constants
that are not scalars are keyword parameters in its signature.
"""

from __future__ import annotations

import functools
import itertools
import keyword
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import Aval, StackAval, parse_aval
from functorch_lite.core.dtypes import bfloat16, float0
from functorch_lite.core.op import (
    REGISTRY,
    Op,
    check_same_device,
    devices_enabled,
    namespace_of,
    output_avals,
)
from functorch_lite.core.stack import Stack
from functorch_lite.core.trace import Source, location_of, state
from functorch_lite.errors import FunctorchLiteError, GraphError


class Var:
    """One value of a graph; identity is what counts."""

    __slots__ = ("__weakref__", "aval", "name")

    aval: Aval
    name: str | None

    def __init__(self, aval: Aval, name: str | None = None) -> None:
        self.aval = aval
        self.name = name

    def __repr__(self) -> str:
        return f"Var({self.aval.short()})"


class Eqn:
    """One application of an op: ``outputs = op(*inputs, **params)``.

    Attributes:
        source: ``(file, line, function)`` of the user's call, for messages; a fourth entry names
        the op
            whose reverse rule wrote the equation.
    """

    __slots__ = ("inputs", "op", "outputs", "params", "source")

    op: Op
    inputs: tuple[Var, ...]
    outputs: tuple[Var, ...]
    params: dict[str, Any]
    source: Source | None

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Var],
        outputs: Sequence[Var],
        params: dict[str, Any],
        source: Source | None = None,
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.params = params
        self.source = source

    def location(self) -> str:
        """``file:line (function)`` of the user's call."""
        return location_of(self.source)


class Graph:
    """A pure function as a list of equations in order of execution.

    Attributes:
        inputs: the variables that a caller supplies.
        eqns: the equations; each variable is defined once, before use.
        outputs: the variables that are returned.
        consts: captured arrays; a value may be a tracer of an outer transform.
        memo: results derived from this graph (its derivative, its compiled program), by key.
    """

    __slots__ = ("__weakref__", "consts", "eqns", "inputs", "memo", "name", "outputs")

    def __init__(
        self,
        inputs: Sequence[Var],
        eqns: Sequence[Eqn],
        outputs: Sequence[Var],
        consts: dict[Var, Array] | None = None,
        name: str = "graph",
    ) -> None:
        self.inputs = tuple(inputs)
        self.eqns = list(eqns)
        self.outputs = tuple(outputs)
        self.consts = dict(consts or {})
        self.memo: dict[Any, Any] = {}
        self.name = name

    @property
    def in_avals(self) -> tuple[Aval, ...]:
        """Shapes and dtypes of the inputs."""
        return tuple(v.aval for v in self.inputs)

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        """Shapes and dtypes of the outputs."""
        return tuple(v.aval for v in self.outputs)

    def __str__(self) -> str:
        return source(self)

    def __repr__(self) -> str:
        ins = ", ".join(a.short() for a in self.in_avals)
        outs = ", ".join(a.short() for a in self.out_avals)
        return f"<Graph {self.name}({ins}) -> ({outs}), {len(self.eqns)} equations>"


def evaluate(graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
    """Apply the ops of a graph under the current trace; they keep the lines that they came from."""
    env: dict[Var, Any] = dict(zip(graph.inputs, args, strict=True))
    env.update(graph.consts)
    was = state.source
    try:
        for eqn in graph.eqns:
            state.source = eqn.source or was
            out = eqn.op(*[env[v] for v in eqn.inputs], **eqn.params)
            if eqn.op.multi:
                env.update(zip(eqn.outputs, out, strict=True))
            else:
                env[eqn.outputs[0]] = out
    finally:
        state.source = was
    return tuple(env[v] for v in graph.outputs)


def reference_program(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """The reference executor: a function of raw arrays that runs the eager functions one by one.

    Every value is dropped after its last use. It runs on the device of its inputs and constants.
    """
    slots: dict[Var, int] = {}
    for v in (*graph.inputs, *graph.consts, *(v for e in graph.eqns for v in e.outputs)):
        slots.setdefault(v, len(slots))
    last: dict[Var, int] = {}
    for i, eqn in enumerate(graph.eqns):
        for v in (*eqn.inputs, *eqn.outputs):
            last[v] = i
    keep = {*graph.outputs, *graph.inputs, *graph.consts}
    steps = []
    for i, eqn in enumerate(graph.eqns):
        values = dict.fromkeys((*eqn.inputs, *eqn.outputs))
        dead = tuple(slots[v] for v in values if last[v] == i and v not in keep)
        ins = tuple(slots[v] for v in eqn.inputs)
        outs = tuple(slots[v] for v in eqn.outputs)
        steps.append((eqn.op, ins, outs, eqn.params, dead))
    consts = tuple(c._data for c in graph.consts.values())
    blank = [None] * (len(slots) - len(graph.inputs) - len(consts))
    results = tuple(slots[v] for v in graph.outputs)
    plans: dict[Any, Any] = {}
    name = graph.name  # the program may be kept in the graph's memo, and must not hold the graph

    def plan_for(xp: Any) -> Any:
        """Eager functions and constants of an array namespace."""
        if xp not in plans:
            plans[xp] = (
                [(op.eager_for(xp), op.multi, *rest) for op, *rest in steps],
                consts if xp is np else tuple(move(xp, c) for c in consts),
            )
        return plans[xp]

    def program(*datas: Any) -> tuple[Any, ...]:
        xp = namespace_of((*datas, *consts)) if devices_enabled() else np
        if xp is not np:
            check_same_device(name, [wrap(d) for d in datas])
            datas = tuple(move(xp, d) for d in datas)
        plan, constants = plan_for(xp)
        env = [*datas, *constants, *blank]
        get = env.__getitem__
        for eager, multi, ins, outs, params, dead in plan:
            out = eager(*map(get, ins), **params)
            if multi:
                for k, slot in enumerate(outs):  # no name of its own: a result may die at once
                    env[slot] = out[k]
            else:
                env[outs[0]] = out
            del out
            for slot in dead:
                env[slot] = None
        return tuple([env[slot] for slot in results])

    return program


def move(xp: Any, data: Any) -> Any:
    """A raw array among those of an array module; a stack stays with the loop that made it."""
    return data if isinstance(data, Stack) else xp.asarray(data)


def check(graph: Graph) -> Graph:
    """Verify a graph's rules; returns it unchanged.

    Rules: a variable is defined exactly once and before its use; params are hashable; the op's
    shape rule gives the avals of the output variables; constants have the avals of their variables.

    Raises:
        GraphError: naming the equation and the rule.
    """
    defined: set[Var] = set()

    def define(var: Var, what: str) -> None:
        if var in defined:
            raise GraphError(f"{graph.name}: {what} defines {var!r} a second time")
        defined.add(var)

    for var in graph.inputs:
        define(var, "the input list")
    for var, const in graph.consts.items():
        define(var, "the constants")
        if not same_type(const.aval, var.aval):
            raise GraphError(f"{graph.name}: a constant is {const.aval.short()}, declared {var!r}")
    for i, eqn in enumerate(graph.eqns):
        what = f"equation {i} ({eqn.op.name}, {eqn.location()})"
        for var in eqn.inputs:
            if var not in defined:
                raise GraphError(f"{graph.name}: {what} uses {var!r} before it is defined")
        try:
            hash(tuple(eqn.params.items()))
        except TypeError as error:
            raise GraphError(f"{graph.name}: {what} has an unhashable param: {error}") from error
        try:
            found = eqn.op.aval(*[v.aval for v in eqn.inputs], **eqn.params)
        except (FunctorchLiteError, TypeError) as error:
            raise GraphError(f"{graph.name}: {what} breaks the op's own rule: {error}") from error
        want = output_avals(eqn.op, found)
        if len(want) != len(eqn.outputs):
            raise GraphError(
                f"{graph.name}: {what} has {len(eqn.outputs)} outputs, not {len(want)}"
            )
        for var, aval in zip(eqn.outputs, want, strict=True):
            define(var, what)
            if not same_type(var.aval, aval):
                raise GraphError(f"{graph.name}: {what} declares {var!r}, its rule {aval.short()}")
        for sub in subgraphs(eqn):
            check(sub)
    for var in graph.outputs:
        if var not in defined:
            raise GraphError(f"{graph.name}: output {var!r} is never defined")
    return graph


def same_type(a: Aval, b: Aval) -> bool:
    """Whether two avals agree in shape and dtype; weakness is no property of a graph's values."""
    if isinstance(a, StackAval) or isinstance(b, StackAval):
        return a == b
    return a.shape == b.shape and a.dtype == b.dtype


def same_types(a: Sequence[Aval], b: Sequence[Aval]) -> bool:
    """Whether two lists of avals agree in length, shapes and dtypes."""
    return len(a) == len(b) and all(map(same_type, a, b))


def subgraphs(eqn: Eqn) -> Iterator[Graph]:
    """The graphs among an equation's params."""
    for value in eqn.params.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Graph):
                yield item


def _names() -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for width in itertools.count(1):
        for parts in itertools.product(letters, repeat=width):
            name = "".join(parts)
            if not _is_taken(name):
                yield name


def _is_taken(name: str) -> bool:
    """Whether a printed program may not give this name to anything of its own."""
    return name in REGISTRY or keyword.iskeyword(name) or name in _PRINTED_NAMES


_PRINTED_NAMES = ("np", "bfloat16", "float", "subgraph")


def _function_name(name: str) -> str:
    if not name.isidentifier():
        return "graph"
    return name + "_graph" if _is_taken(name) else name


def _literal(value: Any) -> str:
    if isinstance(value, np.dtype):
        return "bfloat16" if value.name == "bfloat16" else f"np.dtype({value.name!r})"
    if isinstance(value, tuple):
        inner = ", ".join(map(_literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, complex):
        # Python's own literal loses the sign of zeros and cannot hold infinities; ``complex`` is
        # an op.
        pair = f"{_literal(value.real)}, {_literal(value.imag)}"
        return f"np.array([{pair}]).view(np.complex128)[0].item()"
    return repr(value)


def source(graph: Graph) -> str:
    """The graph as the text of a Python program; ``to_function`` runs it.

    It needs the ops by name, ``np``, ``bfloat16`` and ``subgraph``, which makes a graph of a nested
    function by its annotations. Constants that are not scalars, and params that have no text, are
    keyword parameters ``const_0`` …, in the order of ``printed_consts``.
    """
    return _program(graph, _function_name(graph.name))[0]


def printed_consts(graph: Graph) -> dict[str, Any]:
    """The constants that the printed program takes by keyword."""
    return _program(graph, "graph")[1]


def _program(graph: Graph, name: str) -> tuple[str, dict[str, Any]]:
    lines: list[str] = []
    consts: list[Any] = []
    _print(graph, name, "", lines, consts)
    return "\n".join(lines), {f"const_{i}": c for i, c in enumerate(consts)}


def to_function(graph: Graph) -> Callable[..., Any]:
    """The printed program, executed: a Python function over Arrays."""
    text, consts = _program(graph, "graph")
    namespace: dict[str, Any] = dict(REGISTRY)
    namespace.update(np=np, bfloat16=bfloat16, subgraph=_subgraph)
    exec(compile(text, f"<graph {graph.name}>", "exec", dont_inherit=True), namespace)
    return functools.partial(namespace["graph"], **consts)


_stage: Callable[..., Graph] | None = None


def set_stager(stage: Callable[..., Graph]) -> None:
    """Choose what makes a graph of a function and avals; the staging transform does so."""
    global _stage
    _stage = stage


def _subgraph(function: Callable[..., Any]) -> Graph:
    """The graph of a printed function, whose annotations give the types of its arguments."""
    avals = [parse_aval(text) for text in function.__annotations__.values()]
    assert _stage is not None
    return _stage(function, avals, function.__name__)


def _print(graph: Graph, name: str, indent: str, lines: list[str], consts: list[Any]) -> None:
    fresh = _names()
    names: dict[Var, str] = {}

    def of(var: Var) -> str:
        if var not in names:
            names[var] = next(fresh)
        return names[var]

    count = 0

    def keyword_for(value: Any) -> str:
        at = next((i for i, c in enumerate(consts) if c is value), len(consts))
        if at == len(consts):
            consts.append(value)
        return f"const_{at}"

    def nested(value: Graph, decorate: bool) -> str:
        nonlocal count
        count += 1
        inner = f"{_function_name(value.name)}_{count}"
        if decorate:
            lines.append(f"{body}@subgraph")
        _print(value, inner, body, lines, consts)
        return inner

    def param(value: Any) -> str:
        if isinstance(value, Graph):
            return nested(value, True)
        if isinstance(value, tuple) and any(isinstance(v, Graph) for v in value):
            return f"({', '.join(map(param, value))},)"
        return _literal(value) if _has_text(value) else keyword_for(value)

    args = [f"{of(v)}: {v.aval.short()!r}" for v in graph.inputs]
    head = len(lines)
    lines.append("")
    body = indent + "    "
    for var, const in graph.consts.items():
        if type(const) is Array and const.shape == () and const.dtype not in (bfloat16, float0):
            value = _literal(const._data.item())
            text = f"full(shape=(), dtype={_literal(const.dtype)}, value={value})"
        else:
            text = keyword_for(const)
        lines.append(f"{body}{of(var)} = {text}  # {var.aval.short()}")
    for eqn in graph.eqns:
        if eqn.op.info.get("prints_as_call"):
            # A call is a call of the inner function, so that the text needs no name but the ops'.
            text = f"{nested(eqn.params['graph'], False)}({', '.join(map(of, eqn.inputs))})"
        else:
            params = [f"{key}={param(value)}" for key, value in eqn.params.items()]
            text = f"{eqn.op.name}({', '.join([*map(of, eqn.inputs), *params])})"
        outs = ", ".join(map(of, eqn.outputs))
        outs += "," if eqn.op.multi and len(eqn.outputs) == 1 else ""
        left = f"{outs} = " if outs else ""
        shapes = " ".join(v.aval.short() for v in eqn.outputs)
        lines.append(f"{body}{left}{text}  # {shapes}{_short_source(eqn)}")
    outs = ", ".join(map(of, graph.outputs)) + ("," if len(graph.outputs) == 1 else "")
    lines.append(f"{body}return {outs or '()'}")
    if not indent and consts:
        args += ["*", *[f"const_{i}{_annotation(c)}" for i, c in enumerate(consts)]]
    lines[head] = f"{indent}def {name}({', '.join(args)}):"


def _annotation(const: Any) -> str:
    return f": {const.aval.short()!r}" if isinstance(const, Array) else ""


def _has_text(value: Any) -> bool:
    """Whether a param can be written down."""
    if isinstance(value, tuple):
        return all(map(_has_text, value))
    return value is None or isinstance(value, (bool, int, float, complex, str, np.dtype))


def _short_source(eqn: Eqn) -> str:
    if eqn.source is None:
        return ""
    pulled = f", backward of {eqn.source[3]}" if len(eqn.source) > 3 else ""
    scoped = f" ({eqn.source[2]})" if "/" in eqn.source[2] else ""
    return f"  {os.path.basename(eqn.source[0])}:{eqn.source[1]}{scoped}{pulled}"

"""``jit``: stage a function once per signature, optimise the graph, compile it, and reuse the program."""

from __future__ import annotations

import dataclasses
import inspect
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any

import numpy as np

from functorch_lite.backends import interpret
from functorch_lite.compile.passes import optimise
from functorch_lite.core import tree
from functorch_lite.core.array import (
    Array,
    Tracer,
    is_arraylike,
    is_weak,
    lift,
    make_weak,
    raise_escaped,
    wrap,
)
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import default_dtype
from functorch_lite.core.graph import Graph, check, free_tracers
from functorch_lite.core.op import check_same_device
from functorch_lite.core.static import Static
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import TransformError
from functorch_lite.transforms.arguments import (
    check_callable,
    finish,
    keyword_paths,
    leaf_paths,
    normalise_argnums,
    outputs_as_arrays,
    unknown_leaf,
)
from functorch_lite.transforms.call import call_graph, program_of, set_compiler
from functorch_lite.transforms.stage import StageTrace

__all__ = ["CacheInfo", "Jitted", "clear_caches", "disable_jit", "eval_shape", "jit", "make_graph"]

BACKENDS: dict[str, Callable[[Graph], Callable[..., tuple[Any, ...]]]] = {
    "interpret": interpret.compile,
}
DEFAULT_BACKEND = "interpret"
UNKEPT_RECORDS = 16


def compile_graph(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """Optimise a graph and make a program of it with the default backend."""
    optimised = optimise(graph)
    graph.memo["optimised"] = optimised
    return BACKENDS[DEFAULT_BACKEND](optimised)


set_compiler(compile_graph)


@dataclasses.dataclass(frozen=True)
class TraceRecord:
    """One tracing of a jitted function.

    Attributes:
        signature: the arguments in short form.
        reason: why no earlier trace could be used.
        equations: equations as staged, and after optimisation (None until it first ran).
    """

    signature: str
    reason: str
    equations: tuple[int, int | None]


@dataclasses.dataclass(frozen=True)
class CacheInfo:
    """What a jitted function has done.

    Attributes:
        hits: calls that reused a trace.
        misses: calls that had to trace.
        traces: one record per trace that is kept, then the latest of those that could not be kept.
    """

    hits: int
    misses: int
    traces: tuple[TraceRecord, ...]

    def __str__(self) -> str:
        lines = [f"{self.hits} calls reused a trace, {self.misses} traced"]
        lines += [f"  {t.signature}: {t.reason}" for t in self.traces]
        return "\n".join(lines)


class _Entry:
    """A traced signature."""

    __slots__ = ("graph", "leaves", "out_tree", "out_weak", "reason", "statics", "treedef")

    def record(self, name: str) -> TraceRecord:
        """What ``cache_info`` says about it."""
        optimised = self.graph.memo.get("optimised")
        text = ", ".join([f"{n}: {a}" for n, a in (*self.leaves, *self.statics)])
        count = (len(self.graph.eqns), None if optimised is None else len(optimised.eqns))
        return TraceRecord(f"{name}({text})", self.reason, count)

    graph: Graph
    out_tree: Any
    out_weak: list[bool]
    reason: str
    treedef: Any
    leaves: tuple[Any, ...]
    statics: tuple[Any, ...]


_live: weakref.WeakSet[Jitted] = weakref.WeakSet()


class Jitted:
    """A function that is traced once per signature; made by :func:`jit`."""

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: Iterable[int],
        static_argnames: Iterable[str],
        donate_argnums: Iterable[int],
        backend: str,
    ) -> None:
        self._f = f
        self._name = function_name(f)
        self._label = f"jit of {self._name}"
        self._static_nums, self._static_names = _complete_statics(
            f, tuple(static_argnums), tuple(static_argnames)
        )
        self._donate = tuple(donate_argnums)
        self._backend = backend
        self._cache: dict[Any, _Entry] = {}
        self._unkept: deque[TraceRecord] = deque(maxlen=UNKEPT_RECORDS)
        self._locks: dict[Any, threading.RLock] = {}
        self._lock = threading.Lock()
        self._hits = 0
        self._misses = 0
        update_wrapper(self, f, updated=())
        _live.add(self)

    def __repr__(self) -> str:
        return f"<jitted {self._name}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.disable_jit:
            return self._f(*args, **kwargs)
        leaves, key, dynamic = self._signature(args, kwargs)
        entry = self._lookup(key)
        if entry is None:
            entry = self._trace(leaves, key, dynamic, args, kwargs)
        else:
            self._hits += 1
        return self._run(entry, leaves)

    def _lookup(self, key: Any) -> _Entry | None:
        try:
            return self._cache.get(key)
        except (TypeError, ValueError) as error:
            raise TransformError(
                f"{self._label}: the static data of two arguments' containers cannot be compared ({error}). "
                "Make it tuples, numbers or strings."
            ) from None

    def _run(self, entry: _Entry, arrays: list[Array]) -> Any:
        graph = entry.graph
        if state.trace is None and not any(isinstance(x, Tracer) for x in arrays):
            program = graph.memo.get("program") or program_of(graph)
            try:
                datas = state.run(program, *[x._data for x in arrays])
            except Exception:
                check_same_device(self._label, [*arrays, *graph.consts.values()])
                raise
            outs: Sequence[Any] = [wrap(_array(d)) for d in datas]
        else:
            for x in arrays:
                if isinstance(x, Tracer) and not x._trace.alive:
                    raise_escaped(x, self._label)
            outs = call_graph(graph, arrays)
        if any(entry.out_weak):
            outs = list(map(finish, outs, entry.out_weak))
        return tree.unflatten(entry.out_tree, outs)

    # -------------------------------------------------------------------------------- signatures
    def _signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        dynamic: Any = (args, kwargs)
        statics: tuple[Any, ...] = ()
        if self._static_nums or self._static_names:
            dynamic, statics = self._separate(args, kwargs)
        leaves, treedef = tree.flatten(dynamic)
        parts: list[Any] = [treedef, statics, state.device]
        for i, x in enumerate(leaves):
            if type(x) is not Array:
                if not is_arraylike(x):
                    raise unknown_leaf(self._paths(args, kwargs)[i], x, self._label)
                if not isinstance(x, Array):
                    x = leaves[i] = make_weak(lift(x)) if is_weak(x) else lift(x)
                if x.weak:
                    parts.append("weak")
                parts.append(x.shape)
                parts.append(x.dtype)
                continue
            data = x._data
            parts.append(data.shape)
            parts.append(data.dtype)
        return leaves, tuple(parts), dynamic

    def _separate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
        nums = {n % len(args) for n in self._static_nums if -len(args) <= n < len(args)}
        fixed: list[Any] = []
        for i in sorted(nums):
            fixed.append((i, _hashable(args[i], f"argument {i}", self._label)))
        for name in self._static_names:
            if name in kwargs:
                fixed.append((name, _hashable(kwargs[name], f"argument {name}", self._label)))
        dyn_args = tuple(None if i in nums else a for i, a in enumerate(args))
        dyn_kwargs = {k: v for k, v in kwargs.items() if k not in self._static_names}
        return (dyn_args, dyn_kwargs), tuple(fixed)

    def _paths(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        (dyn_args, dyn_kwargs) = (args, kwargs)
        if self._static_nums or self._static_names:
            (dyn_args, dyn_kwargs), _ = self._separate(args, kwargs)
        names = leaf_paths(self._f, dyn_args)
        return names + keyword_paths(dyn_kwargs)

    # ----------------------------------------------------------------------------------- tracing
    def _trace(
        self, leaves: list[Any], key: Any, dynamic: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Entry:
        # One lock per signature: tracing one may need another of the same or of a second function, and
        # a thread that waited for a whole function could wait for itself.
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            found = self._cache.get(key)
            if found is not None:
                return found
            self._misses += 1
            entry = self._stage(leaves, args, kwargs, dynamic)
            entry.reason = self._reason(entry)
            if free_tracers(entry.graph):
                self._unkept.append(entry.record(self._name))
            else:
                self._cache[key] = entry
                self._locks.pop(key, None)
            return entry

    def _stage(
        self, leaves: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Any
    ) -> _Entry:
        weak = [x.weak for x in leaves]
        avals = [make_aval(x.shape, x.dtype) for x in leaves]
        treedef = tree.structure(dynamic)
        names = self._paths(args, kwargs)
        with StageTrace(self._label) as trace:
            assert isinstance(trace, StageTrace)
            tracers = [trace.arg(a, n, w) for a, n, w in zip(avals, names, weak, strict=True)]
            new_args, new_kwargs = tree.unflatten(treedef, tracers)
            if self._static_nums or self._static_names:
                new_args, new_kwargs = self._put_statics(new_args, new_kwargs, args, kwargs)
            out = self._f(*new_args, **new_kwargs)
            outs, out_weak, out_tree = outputs_as_arrays(out, self._name, self._label)
            graph = trace.graph(outs, self._name if self._name.isidentifier() else "graph")
        entry = _Entry()
        entry.graph, entry.out_tree, entry.out_weak = graph, out_tree, out_weak
        entry.treedef = treedef
        entry.leaves = tuple(
            (n, a.short() + (" weak" if w else "")) for n, a, w in zip(names, avals, weak, strict=True)
        )
        entry.statics = self._static_values(args, kwargs)
        return entry

    def _put_statics(
        self, new_args: Any, new_kwargs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        nums = {n % len(args) for n in self._static_nums if -len(args) <= n < len(args)}
        merged = [args[i] if i in nums else a for i, a in enumerate(new_args)]
        return merged, {**new_kwargs, **{k: kwargs[k] for k in self._static_names if k in kwargs}}

    def _static_values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not (self._static_nums or self._static_names):
            return ()
        return tuple((n, repr(h.value)) for n, h in self._separate(args, kwargs)[1])

    def _reason(self, new: _Entry) -> str:
        """The smallest difference from an earlier trace, in words."""
        if free_tracers(new.graph):
            return "the function closes over values of an outer transform, so it is traced at each call"
        best: list[str] | None = None
        for old in list(self._cache.values()):
            diffs = []
            if old.treedef != new.treedef:
                diffs.append(f"the arguments' structure is {new.treedef} instead of {old.treedef}")
            else:
                diffs += [
                    f"{n} is {b} instead of {a}"
                    for (_, a), (n, b) in zip(old.leaves, new.leaves, strict=True)
                    if a != b
                ]
            if old.statics != new.statics:
                diffs.append(f"static arguments are {dict(new.statics)} instead of {dict(old.statics)}")
            if not diffs:
                diffs = ["the default device changed"]
            if best is None or len(diffs) < len(best):
                best = diffs
        return "first call" if best is None else "; ".join(best)

    # ------------------------------------------------------------------------------------- public
    def cache_info(self) -> CacheInfo:
        """Hits, misses, and for each trace its signature and why it was needed."""
        records = [entry.record(self._name) for entry in list(self._cache.values())]
        return CacheInfo(self._hits, self._misses, (*records, *self._unkept))

    def clear_cache(self) -> None:
        """Forget all traces."""
        with self._lock:
            self._cache.clear()
            self._unkept.clear()

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Trace for the given arguments without running.

        Returns:
            an object with ``as_text()`` and the staged and optimised graphs.
        """
        leaves, key, dynamic = self._signature(args, kwargs)
        entry = self._lookup(key) or self._trace(leaves, key, dynamic, args, kwargs)
        return Lowered(entry.graph)


@dataclasses.dataclass(frozen=True)
class Lowered:
    """A traced function before it runs.

    Attributes:
        graph: the program as staged.
    """

    graph: Graph

    @property
    def optimised(self) -> Graph:
        """The program after all passes, checked."""
        return check(optimise(self.graph))

    def as_text(self, optimised: bool = False) -> str:
        """The program as runnable Python."""
        return str(self.optimised if optimised else self.graph)


def _hashable(value: Any, what: str, label: str) -> Static:
    try:
        return Static(value)
    except TypeError:
        raise TransformError(
            f"{label}: static {what} must be hashable, got {type(value).__name__}. Use a tuple instead of "
            "a list, a frozen dataclass instead of a dict, or do not mark it static."
        ) from None


def _array(data: Any) -> Any:
    return np.asarray(data) if isinstance(data, np.generic) else data


def _complete_statics(
    f: Any, nums: tuple[int, ...], names: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """A static argument is static by position and by keyword, however it was given."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return nums, names
    positional = [
        p.name
        for p in parameters
        if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    known = [p.name for p in parameters]
    variadic = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    star = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    for name in names:
        if name not in known and not variadic:
            raise TransformError(
                f"jit: static_argnames has {name!r}, but {function_name(f)} takes {', '.join(known)}"
            )
    for n in nums:
        if not star and not -len(positional) <= n < len(positional):
            raise TransformError(
                f"jit: static_argnums has {n}, but {function_name(f)} takes {len(positional)} positional "
                "arguments"
            )
    all_nums = {n % len(positional) if positional and n < 0 else n for n in nums}
    all_nums |= {positional.index(n) for n in names if n in positional}
    all_names = set(names) | {positional[n] for n in all_nums if n < len(positional)}
    return tuple(sorted(all_nums)), tuple(sorted(all_names))


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    donate_argnums: int | Iterable[int] = (),
    backend: str | None = None,
) -> Any:
    """Trace a function once per signature and run the optimised program afterwards.

    Args:
        f: function of trees of arrays; without it, a decorator is returned.
        static_argnums: positions of arguments that are part of the signature by value (hashable).
        static_argnames: names of such arguments.
        donate_argnums: positions of arguments whose memory the program may reuse.
        backend: ``"interpret"``, which runs the graph op by op.

    Returns:
        a callable with ``cache_info()``, ``clear_cache()`` and ``lower(*args)``.

    Raises:
        NonConcreteError: if the function needs the value of a traced array, e.g. in an ``if``.
        TransformError: for unhashable static arguments or unknown options.

    >>> import functorch_lite.numpy as fnp
    >>> square = jit(lambda x: x * x)
    >>> square(fnp.asarray(3.0))
    Array(9., dtype=float32)
    >>> square.cache_info().misses
    1
    """
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    donate = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    chosen = DEFAULT_BACKEND if backend is None else backend
    if chosen not in BACKENDS:
        raise TransformError(f"jit: unknown backend {backend!r}; available: {', '.join(BACKENDS)}")

    def decorate(function: Callable[..., Any]) -> Jitted:
        check_callable(function, "jit")
        return Jitted(function, nums, names, donate, chosen)

    return decorate if f is None else decorate(f)


class disable_jit:
    """Context in which jitted functions run as ordinary Python.

    >>> with disable_jit():
    ...     y = jit(lambda x: x + 1)(1.0)
    """

    def __init__(self, disable: bool = True) -> None:
        self.disable = disable
        self._was: list[bool] = []

    def __enter__(self) -> None:
        self._was.append(state.disable_jit)
        state.disable_jit = self.disable

    def __exit__(self, *exc: object) -> None:
        state.disable_jit = self._was.pop()


def clear_caches() -> None:
    """Forget the traces of every jitted function."""
    for jitted in list(_live):
        jitted.clear_cache()


def make_graph(f: Callable[..., Any], static_argnums: int | Iterable[int] = ()) -> Callable[..., Graph]:
    """A function that returns the graph of ``f`` for given arguments instead of running it.

    Args:
        f: function of trees of arrays.
        static_argnums: positions of arguments that are passed through unchanged.

    Returns:
        a function of the same arguments (``ShapeDtypeStruct`` leaves are accepted) that returns a
        ``Graph``; ``str(graph)`` is a Python program.

    >>> print(make_graph(lambda x: x * 2.0)(np.ones(3, "float32")))  # doctest: +ELLIPSIS
    def graph(a: 'f32[3]'):
        ...
        return c,
    """
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    check_callable(f, "make_graph")

    @wraps(f, updated=())
    def graph_of(*args: Any, **kwargs: Any) -> Graph:
        static = normalise_argnums(nums, len(args), "make_graph")
        return _stage_tree(f, args, kwargs, "make_graph", static)[0]

    return graph_of


def _stage_tree(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    transform: str,
    nums: Sequence[int] = (),
) -> tuple[Graph, Any, list[bool]]:
    check_callable(f, transform)
    label = f"{transform} of {function_name(f)}"
    dyn = tuple(None if i in nums else a for i, a in enumerate(args))
    leaves, treedef = tree.flatten((dyn, kwargs))
    names = leaf_paths(f, dyn) + keyword_paths(kwargs)
    with StageTrace(label) as trace:
        assert isinstance(trace, StageTrace)
        tracers = []
        for x, name in zip(leaves, names, strict=True):
            if not isinstance(x, Aval) and not is_arraylike(x):
                raise unknown_leaf(name, x, label)
            a = x if isinstance(x, Aval) else lift(x).aval
            weak = x.weak if isinstance(x, Aval) else is_weak(x)
            tracers.append(trace.arg(Aval(a.shape, a.dtype), name, weak))
        new_args, new_kwargs = tree.unflatten(treedef, tracers)
        merged = [args[i] if i in nums else a for i, a in enumerate(new_args)]
        out = f(*merged, **new_kwargs)
        outs, weak_outs, out_tree = outputs_as_arrays(out, function_name(f), label)
        graph = trace.graph(outs, "graph")
    return graph, out_tree, weak_outs


def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of a function's results, without computing them.

    Args:
        f: function of trees of arrays.
        args, kwargs: arrays or ``ShapeDtypeStruct``.

    Returns:
        the output tree with ``ShapeDtypeStruct`` leaves.

    >>> eval_shape(lambda x: x @ x.T, Aval((3, 2), "float32"))
    ShapeDtypeStruct(shape=(3, 3), dtype=float32)
    """
    graph, out_tree, weak = _stage_tree(f, args, kwargs, "eval_shape")
    dtypes = [default_dtype(a.dtype) if w else a.dtype for a, w in zip(graph.out_avals, weak, strict=True)]
    outs = [make_aval(a.shape, d) for a, d in zip(graph.out_avals, dtypes, strict=True)]
    return tree.unflatten(out_tree, outs)

"""``jit`` and the callable that it returns."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from operator import attrgetter
from types import MethodType
from typing import TYPE_CHECKING, Any

from functorch_lite.core import tree
from functorch_lite.core.array import (
    Array,
    Tracer,
    is_arraylike,
    is_weak,
    lift,
    make_weak,
    raise_escaped,
)
from functorch_lite.core.aval import make_aval
from functorch_lite.core.op import check_same_device, wrap_result
from functorch_lite.core.rewrite import free_tracers
from functorch_lite.core.trace import axis_environment, function_name, run_again, state
from functorch_lite.driver.donation import run_donating
from functorch_lite.driver.programs import BACKENDS
from functorch_lite.driver.statics import complete_statics, static_key
from functorch_lite.driver.traces import CacheInfo, Entry, Lowered, TraceRecord, reason_for
from functorch_lite.errors import TransformError
from functorch_lite.transforms.arguments import (
    check_callable,
    finish,
    keyword_paths,
    leaf_paths,
    outputs_as_arrays,
    unknown_leaf,
)
from functorch_lite.transforms.call import call_graph, program_of
from functorch_lite.transforms.stage import StageTrace

if TYPE_CHECKING:
    from functorch_lite.backends.cpu.profile import Profile

__all__ = ["Jitted", "clear_caches", "disable_jit", "jit"]

UNKEPT_RECORDS = 16
_get_data = attrgetter("_data")
_get_type = attrgetter("shape", "dtype")
_ONLY_ARRAYS = {Array}
_new = object.__new__
_live: weakref.WeakSet[Jitted] = weakref.WeakSet()


class Jitted:
    """A function that is traced once per signature; made by :func:`jit`."""

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: Iterable[int],
        static_argnames: Iterable[str],
        backend: str | None = None,
        donate_argnums: Iterable[int] = (),
    ) -> None:
        self._f = f
        self._donate = tuple(donate_argnums)
        if not all(type(n) is int for n in self._donate):
            raise TransformError(
                f"jit of {function_name(f)}: donate_argnums must be integers, got "
                f"{', '.join(map(repr, self._donate))}. Give positions of arguments, e.g. (0, 1)."
            )
        self._backend = backend
        self._name = function_name(f)
        self._label = f"jit of {self._name}"
        self._static_nums, self._static_names = complete_statics(
            f, tuple(static_argnums), tuple(static_argnames), self._donate
        )
        self._cache: dict[Any, Entry] = {}
        self._fast: dict[Any, Callable[[tuple[Any, ...]], Any]] = {}
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
        if (
            self._fast
            and not kwargs
            and state.trace is None
            and state.backend is None
            and state.device is None
            and not (state.debug or state.disable_jit)
        ):
            leaves: Any = args
            structure: Any = len(args)
            if set(map(type, args)) != _ONLY_ARRAYS:
                leaves, structure = tree.flatten(args)
            if set(map(type, leaves)) == _ONLY_ARRAYS:
                datas = tuple(map(_get_data, leaves))
                try:
                    ready = self._fast.get((structure, *map(_get_type, datas)))
                except (TypeError, ValueError):  # said in words below
                    ready = None
                if ready is not None:
                    self._hits += 1
                    return ready(datas)
        return self._call(args, kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of any kind."""
        if state.disable_jit:
            return self._f(*args, **kwargs)
        leaves, key, dynamic = self._signature(args, kwargs)
        entry = self._lookup(key)
        if entry is None:
            entry = self._trace(leaves, key, dynamic, args, kwargs)
        else:
            self._hits += 1
            self._remember(entry, args, kwargs, leaves)
        return self._run(entry, leaves)

    def _remember(
        self, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]
    ) -> None:
        """Let later calls of this kind skip all that is the same for them."""
        program = entry.graph.memo.get(("program", None))
        if (
            kwargs
            or self._donate
            or self._static_nums
            or self._static_names
            or any(entry.out_weak)
            or entry.axes
            or entry.debug
            or state.device is not None
            or state.trace is not None
            or self._backend is not None
            or set(map(type, leaves)) != _ONLY_ARRAYS
            or getattr(program, "calls", True)
        ):
            return
        flat = set(map(type, args)) == _ONLY_ARRAYS
        structure = len(args) if flat else tree.flatten(args)[1]
        types = [_get_type(x._data) for x in leaves]
        self._fast[(structure, *types)] = _ready(program, entry.out_tree)

    def _lookup(self, key: Any) -> Entry | None:
        try:
            return self._cache.get(key)
        except (TypeError, ValueError) as error:
            raise TransformError(
                f"{self._label}: the static data of two arguments' containers cannot be compared "
                f"({error}). Make it tuples, numbers or strings."
            ) from None

    def _run(self, entry: Entry, arrays: list[Array]) -> Any:
        datas = None
        if state.trace is None:
            try:
                datas = list(map(_get_data, arrays))
            except AttributeError:  # an escaped tracer, reported below
                pass
        if datas is None:
            for x in arrays:
                if isinstance(x, Tracer) and not x._trace.alive:
                    raise_escaped(x, self._label)
            outs: Sequence[Any] = call_graph(entry.graph, arrays)
        elif entry.donated:
            datas = None  # what holds an operand keeps its memory from being taken
            outs = list(map(wrap_result, self._give(entry, arrays)))
        else:
            outs = list(map(wrap_result, self._compute(entry, arrays, datas)))
        if any(entry.out_weak):
            outs = list(map(finish, outs, entry.out_weak))
        return tree.unflatten(entry.out_tree, outs)

    def _give(self, entry: Entry, arrays: list[Array]) -> Any:
        """Run a program that may write over some operands."""
        program: Any = program_of(entry.graph, self._backend)
        if not getattr(program, "donations", None):
            return self._compute(entry, arrays, list(map(_get_data, arrays)))
        return state.run(run_donating, program, arrays, entry.donated, self._label)

    def _compute(self, entry: Entry, arrays: list[Array], datas: list[Any]) -> Any:
        graph = entry.graph
        program = program_of(graph, self._backend)
        try:
            return state.run(program, *datas)
        except Exception as error:
            check_same_device(self._label, [*arrays, *graph.consts.values()])
            return run_again(error, program, *datas)

    # -------------------------------------------------------------------------------- signatures
    def _signature(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], Any, Any]:
        dynamic: Any = (args, kwargs)
        statics: tuple[Any, ...] = ()
        if self._static_nums or self._static_names:
            dynamic, statics = self._separate(args, kwargs)
        leaves, treedef = tree.flatten(dynamic)
        parts: list[Any] = [treedef, statics, state.device, state.debug > 0, _named_axes()]
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

    def _separate(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[Any, ...]]:
        nums = {n % len(args) for n in self._static_nums if -len(args) <= n < len(args)}
        fixed: list[Any] = []
        for i in sorted(nums):
            fixed.append((i, static_key(args[i], f"argument {i}", self._label)))
        for name in self._static_names:
            if name in kwargs:
                fixed.append((name, static_key(kwargs[name], f"argument {name}", self._label)))
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
        self,
        leaves: list[Any],
        key: Any,
        dynamic: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Entry:
        # One lock per signature: tracing one may need another of the same or of a second function,
        # and a thread that waited for a whole function could wait for itself.
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            found = self._cache.get(key)
            if found is not None:
                return found
            self._misses += 1
            entry = self._stage(leaves, args, kwargs, dynamic)
            entry.reason = reason_for(entry, list(self._cache.values()))
            if free_tracers(entry.graph):
                self._unkept.append(entry.record(self._name))
            else:
                self._cache[key] = entry
                self._locks.pop(key, None)
            return entry

    def _stage(
        self, leaves: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Any
    ) -> Entry:
        begin = time.perf_counter()
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
        entry = Entry()
        entry.graph, entry.out_tree, entry.out_weak = graph, out_tree, out_weak
        entry.treedef = treedef
        entry.leaves = tuple(
            (n, a.short() + (" weak" if w else ""))
            for n, a, w in zip(names, avals, weak, strict=True)
        )
        entry.statics = self._static_values(args, kwargs)
        entry.donated = self._donated(args)
        entry.axes, entry.debug = _named_axes(), state.debug > 0
        entry.seconds, entry.backend = time.perf_counter() - begin, self._backend or state.backend
        return entry

    def _donated(self, args: tuple[Any, ...]) -> tuple[int, ...]:
        """Positions of the leaves that are donated."""
        if not self._donate:
            return ()
        nums = {n % len(args) for n in self._donate if -len(args) <= n < len(args)}
        fixed = {n % len(args) for n in self._static_nums if -len(args) <= n < len(args)}
        found: list[int] = []
        begin = 0
        for i, arg in enumerate(args):
            count = 0 if i in fixed else len(tree.leaves(arg))
            if i in nums:
                found += range(begin, begin + count)
            begin += count
        return tuple(found)

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

    # ------------------------------------------------------------------------------------- public
    def cache_info(self) -> CacheInfo:
        """Hits, misses, and for each trace its signature and why it was needed."""
        records = [entry.record(self._name) for entry in list(self._cache.values())]
        return CacheInfo(self._hits, self._misses, (*records, *self._unkept))

    def clear_cache(self) -> None:
        """Forget all traces."""
        with self._lock:
            self._cache.clear()
            self._fast.clear()
            self._unkept.clear()

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Trace for the given arguments without running.

        Returns:
            an object with the staged and optimised graphs, ``as_text(stage)`` for every stage of
            compilation, and ``memory_analysis()``.
        """
        leaves, key, dynamic = self._signature(args, kwargs)
        entry = self._lookup(key) or self._trace(leaves, key, dynamic, args, kwargs)
        return Lowered(entry.graph)

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """Run the compiled program some times and say where the time goes.

        Returns:
            a table, for ``print``, of kernels, matrix products and calls of Python with the time,
            bytes and operations of each.

        Raises:
            TransformError: inside another transform, or if the program is not a compiled one.
        """
        from functorch_lite.backends.cpu.profile import profile

        program: Any = None
        if state.trace is None:
            leaves, key, dynamic = self._signature(args, kwargs)
            entry = self._lookup(key) or self._trace(leaves, key, dynamic, args, kwargs)
            program = program_of(entry.graph, self._backend)
        if not hasattr(program, "native"):
            raise TransformError(
                f"{self._label}: only compiled programs are profiled, outside other transforms. "
                "Remedy: call profile with arrays, and use the default backend."
            )
        return profile(program, [x._data for x in leaves])


def _ready(program: Any, out_tree: Any) -> Callable[[tuple[Any, ...]], Any]:
    """A function of raw arrays that runs a compiled program and wraps its results."""
    if tree.unflatten(out_tree, [None] * out_tree.num_leaves) is None and out_tree.num_leaves == 1:

        def one(datas: tuple[Any, ...]) -> Any:
            array = _new(Array)
            (array._data,) = program(*datas)
            return array

        return one

    def many(datas: tuple[Any, ...]) -> Any:
        return tree.unflatten(out_tree, map(wrap_result, program(*datas)))

    return many


def _named_axes() -> tuple[tuple[Any, int], ...]:
    """The axes that collectives in a traced function may name; their sizes are in its graph."""
    return () if state.trace is None else axis_environment()


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
        donate_argnums: positions of arguments that are given up: where nobody else holds their
            memory, a result may be written into it, and using them afterwards is a DonatedError.
        backend: ``"cpu"``, the compiler for the processor, or ``"interpret"``, which runs the graph
            op by op; by default the compiler, if its library (llvmlite) loads.

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
    given_up = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    if backend is not None and backend not in BACKENDS:
        raise TransformError(f"jit: unknown backend {backend!r}; available: {', '.join(BACKENDS)}")

    def decorate(function: Callable[..., Any]) -> Jitted:
        check_callable(function, "jit")
        return Jitted(function, nums, names, backend, given_up)

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

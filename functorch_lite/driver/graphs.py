"""Graphs and shapes of functions, without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import is_arraylike, is_weak, lift
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import default_dtype
from functorch_lite.core.graph import Graph
from functorch_lite.core.trace import function_name
from functorch_lite.transforms.arguments import (
    check_callable,
    keyword_paths,
    leaf_paths,
    normalise_argnums,
    outputs_as_arrays,
    unknown_leaf,
)
from functorch_lite.transforms.stage import StageTrace

__all__ = ["eval_shape", "make_graph"]


def make_graph(
    f: Callable[..., Any], static_argnums: int | Iterable[int] = ()
) -> Callable[..., Graph]:
    """A function that returns the graph of ``f`` for given arguments instead of running it.

    Args:
        f: function of trees of arrays.
        static_argnums: positions of arguments that are passed through unchanged.

    Returns:
        a function of the same arguments (``ShapeDtypeStruct`` leaves are accepted) that returns a
        ``Graph``; ``str(graph)`` is a Python program.

    >>> print(make_graph(lambda x: x * 2.0)(Aval((3,), "float32")))  # doctest: +ELLIPSIS
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
    dtypes = [
        default_dtype(a.dtype) if w else a.dtype for a, w in zip(graph.out_avals, weak, strict=True)
    ]
    outs = [make_aval(a.shape, d) for a, d in zip(graph.out_avals, dtypes, strict=True)]
    return tree.unflatten(out_tree, outs)

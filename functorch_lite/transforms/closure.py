"""``closure_convert``: what a function closes over, as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.rewrite import free_tracers, with_signature
from functorch_lite.core.trace import function_name
from functorch_lite.errors import ShapeError, TreeError
from functorch_lite.ops import cast
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    finish,
    leaf_paths,
    outputs_as_arrays,
)
from functorch_lite.transforms.call import call_graph
from functorch_lite.transforms.stage import StageTrace

__all__ = ["closure_convert"]


def closure_convert(
    fun: Callable[..., Any], *example_args: Any
) -> tuple[Callable[..., Any], list[Any]]:
    """A function with the differentiable values that it closes over as further arguments.

    A rule of ``custom_vjp`` must be told of everything that it is differentiated by; this finds
    what a function uses without naming it.

    Args:
        fun: function of trees of arrays.
        example_args: arguments; only structure, shapes and dtypes matter (``ShapeDtypeStruct``
            will do).

    Returns:
        ``(converted, consts)``, with ``converted(*args, *consts)`` equal to ``fun(*args)``. The
        consts are floating-point values of transforms around the call; all else stays closed over.

    >>> from functorch_lite import grad
    >>> def outer(a):
    ...     f, consts = closure_convert(lambda x: x * a, 1.0)
    ...     return f(2.0, *consts)
    >>> grad(outer)(3.0)
    Array(2., dtype=float32)

    Source: ``jax.closure_convert``.
    """
    check_callable(fun, "closure_convert")
    label = f"closure_convert of {function_name(fun)}"
    names = leaf_paths(fun, example_args)
    leaves, treedef = tree.flatten(example_args)
    types = [
        x if isinstance(x, Aval) else _type(x, name, label)
        for x, name in zip(leaves, names, strict=True)
    ]
    with StageTrace(label) as trace:
        assert isinstance(trace, StageTrace)
        tracers = [
            trace.arg(Aval(a.shape, a.dtype), n, a.weak) for a, n in zip(types, names, strict=True)
        ]
        out = fun(*tree.unflatten(treedef, tracers))
        outs, weak, out_tree = outputs_as_arrays(out, function_name(fun), label)
        graph = trace.graph(outs, "converted")
    hoisted = [(v, c) for v, c in free_tracers(graph) if is_inexact(c.dtype)]
    lead = [v for v, _ in hoisted]
    inner = with_signature(graph, [*lead, *graph.inputs], graph.outputs)

    def converted(*args: Any) -> Any:
        n = len(args) - len(hoisted)
        given = Flat(args[:n], lambda: leaf_paths(fun, args[:n]), label)
        if given.treedef != treedef:
            raise TreeError(
                f"{label}: called with {n} arguments of structure {given.treedef} and "
                f"{len(hoisted)} consts, the examples have {treedef}. Write converted(*args, "
                "*consts)."
            )
        operands = [
            _fitting(x, w, a, name, label)
            for x, w, a, name in zip(given.arrays, given.weak, types, names, strict=True)
        ]
        consts = Flat(args[n:], lambda: ["consts"] * len(hoisted), label).arrays
        found = call_graph(inner, [*consts, *operands])
        return tree.unflatten(out_tree, [finish(o, w) for o, w in zip(found, weak, strict=True)])

    return converted, [c for _, c in hoisted]


def _type(x: Any, name: str, label: str) -> Aval:
    flat = Flat((x,), lambda: [name], label)
    return Aval(flat.arrays[0].shape, flat.arrays[0].dtype, flat.weak[0])


def _fitting(x: Any, weak: bool, want: Aval, name: str, label: str) -> Any:
    """An argument as the graph takes it: Python numbers adapt their dtype, nothing else does."""
    if x.shape != want.shape or (x.dtype != want.dtype and not (weak or want.weak)):
        raise ShapeError(
            f"{label}: {name} is {x.aval.short()}, the example was {want.short()}. Convert the "
            "function with an example of that shape and dtype."
        )
    return x if x.dtype == want.dtype else cast(x, dtype=want.dtype)

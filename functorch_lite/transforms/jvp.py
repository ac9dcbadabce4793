"""``jvp``, ``linearize``, ``linear_transpose``: forward mode and linear maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import Array, is_arraylike, is_weak, lift, wrap
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import float0, is_complex, is_inexact
from functorch_lite.core.op import allocating_beside
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError, TransformError, TreeError
from functorch_lite.ops import cast, full
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    describe_tree,
    finish,
    leaf_paths,
    outputs_as_arrays,
    split_aux,
    unknown_leaf,
)
from functorch_lite.transforms.call import call_graph
from functorch_lite.transforms.forward import JVPTrace, JVPTracer
from functorch_lite.transforms.linear import transpose_graph
from functorch_lite.transforms.stage import PartialStageTrace, stage

__all__ = ["jvp", "linear_transpose", "linearize"]


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """Value of a function and its derivative along given tangents.

    Args:
        f: function of trees of arrays.
        primals: tuple of arguments.
        tangents: tuple of the same structure, shapes and dtypes; for integer leaves anything.
        has_aux: ``f`` returns ``(output, aux)``.

    Returns:
        ``(output, output_tangent)``, or ``(output, output_tangent, aux)``.

    Raises:
        TreeError, GradientError: if the tangents do not fit the primals.

    >>> import functorch_lite.numpy as fnp
    >>> jvp(fnp.sin, (0.0,), (2.0,))
    (Array(0., dtype=float32), Array(2., dtype=float32))

    Source: forward accumulation, Griewank and Walther, Evaluating Derivatives, chapter 3.
    """
    check_callable(f, "jvp")
    name = function_name(f)
    label = f"jvp of {name}"
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TransformError(
            f"{label}: primals and tangents are tuples with one entry per argument, got "
            f"{describe_tree(primals)} and {describe_tree(tangents)}. Write jvp({name}, (x,), "
            "(t,))."
        )
    flat = Flat(tuple(primals), lambda: leaf_paths(f, primals), label)
    ts = _tangents(flat, tuple(tangents), label)
    with JVPTrace(label) as trace:
        assert isinstance(trace, JVPTrace)
        args = [trace.tracer(x, t, w) for x, t, w in zip(flat.arrays, ts, flat.weak, strict=True)]
        out = f(*flat.unflatten(args))
        aux = None
        if has_aux:
            out, aux = split_aux(out, name, label)
        outs, weak, out_tree = outputs_as_arrays(out, name, label)
    if has_aux:
        aux = tree.map(lambda x: _aux(x, trace), aux)
    values = [finish(_primal(o, trace), w) for o, w in zip(outs, weak, strict=True)]
    with allocating_beside([*flat.arrays, *values]):
        dots = [finish(_tangent(o, trace), w) for o, w in zip(outs, weak, strict=True)]
    result = tree.unflatten(out_tree, values), tree.unflatten(out_tree, dots)
    return (*result, aux) if has_aux else result


def _primal(x: Any, trace: JVPTrace) -> Any:
    return x.primal if type(x) is JVPTracer and x._trace is trace else x


def _aux(x: Any, trace: JVPTrace) -> Any:
    return finish(_primal(x, trace), x.weak) if isinstance(x, Array) else x


def _tangent(x: Any, trace: JVPTrace) -> Any:
    """The tangent of an output, zeros where it does not depend on the inputs."""
    if type(x) is JVPTracer and x._trace is trace:
        return x.tangent
    return zero_tangent(x.shape, x.dtype)


def zero_tangent(shape: Sequence[int], dtype: Any) -> Any:
    """Zeros of the tangent dtype: ``float0`` for discrete values."""
    if is_inexact(dtype):
        return full(shape=tuple(shape), dtype=dtype, value=0)
    return wrap(np.zeros(tuple(shape), float0))


def _tangents(flat: Flat, tangents: Any, label: str) -> list[Any]:
    leaves, treedef = tree.flatten(tangents)
    if treedef != flat.treedef:
        raise TreeError(
            f"{label}: primals have structure {flat.treedef}, tangents {treedef}; they must be "
            "equal. Both are tuples with one entry per argument, e.g. jvp(f, (x,), (t,))."
        )
    out: list[Any] = []
    for i, (x, leaf) in enumerate(zip(flat.arrays, leaves, strict=True)):
        if not is_inexact(x.dtype):
            out.append(None)
            continue
        t = lift(leaf)
        if tuple(t.shape) != tuple(x.shape):
            raise GradientError(
                f"{label}: tangent {i} has shape {tuple(t.shape)}, its primal {tuple(x.shape)}; "
                "they must be equal."
            )
        if t.dtype != x.dtype:
            kept = is_complex(x.dtype) or not is_complex(t.dtype)
            if not (kept and (is_weak(leaf) or isinstance(leaf, bool) or flat.weak[i])):
                convert = f"Convert it with t.astype({x.dtype.name!r})"
                raise GradientError(
                    f"{label}: tangent {i} is {t.dtype.name}, its primal {x.dtype.name}. "
                    f"{convert if kept else 'Take its real part'}."
                )
            t = cast(t, dtype=x.dtype)
        out.append(t)
    return out


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value of a function and its derivative as a linear function that repeats no primal work.

    Args:
        f: function of trees of arrays.
        primals: the arguments.

    Returns:
        ``(output, f_jvp)``; ``f_jvp(*tangents)`` returns the output's tangent.

    >>> import functorch_lite.numpy as fnp
    >>> y, f_jvp = linearize(fnp.sin, 0.0)
    >>> f_jvp(2.0)
    Array(2., dtype=float32)
    """
    check_callable(f, "linearize")
    label = f"linearize of {function_name(f)}"
    flat = Flat(primals, lambda: leaf_paths(f, primals), label)
    with PartialStageTrace(label) as partial:
        assert isinstance(partial, PartialStageTrace)
        ts = []
        for x in flat.arrays:
            ts.append(partial.arg(make_aval(x.shape, x.dtype)) if is_inexact(x.dtype) else None)
        with JVPTrace(label) as trace:
            assert isinstance(trace, JVPTrace)
            args = [
                trace.tracer(x, t, w) for x, t, w in zip(flat.arrays, ts, flat.weak, strict=True)
            ]
            out = f(*flat.unflatten(args))
            outs, weak, out_tree = outputs_as_arrays(out, function_name(f), label)
        dots = [finish(_tangent(o, trace), w) for o, w in zip(outs, weak, strict=True)]
    graph = partial.graph(dots, "linearized")
    values = [finish(_primal(o, trace), w) for o, w in zip(outs, weak, strict=True)]
    # The linear function checks tangents against shapes; it must not hold the primal values.
    flat.arrays = [make_aval(x.shape, x.dtype) for x in flat.arrays]

    def f_jvp(*tangents: Any) -> Any:
        given = [t for t in _tangents(flat, tangents, label) if t is not None]
        return tree.unflatten(out_tree, call_graph(graph, given))

    return tree.unflatten(out_tree, values), f_jvp


def linear_transpose(f: Callable[..., Any], *primals: Any) -> Callable[..., Any]:
    """The transpose of a linear function.

    Args:
        f: function of trees of arrays, linear in all of them together.
        primals: example arguments; only shapes and dtypes matter (``ShapeDtypeStruct`` will do).

    Returns:
        a function from cotangents of the output to a tuple of cotangents of the arguments.

    Raises:
        GradientError: naming the operation that is not linear.

    >>> import functorch_lite.numpy as fnp
    >>> linear_transpose(lambda x: 3 * x, fnp.asarray(1.0))(fnp.asarray(2.0))
    (Array(6., dtype=float32),)
    """
    check_callable(f, "linear_transpose")
    label = f"linear_transpose of {function_name(f)}"
    leaves, treedef = tree.flatten(primals)
    names = leaf_paths(f, primals)
    avals = []
    for leaf, path in zip(leaves, names, strict=True):
        if not is_arraylike(leaf) and not isinstance(leaf, Aval):
            raise unknown_leaf(path, leaf, label)
        aval = leaf if isinstance(leaf, Aval) else lift(leaf).aval
        if not is_inexact(aval.dtype):
            raise GradientError(
                f"{label}: argument {path} is {aval.dtype.name}; only floating-point arguments "
                f"have cotangents. Convert it, e.g. {path}.astype('float32'), or close over it."
            )
        avals.append(make_aval(aval.shape, aval.dtype))
    out_tree: list[Any] = []

    def flat_f(*args: Any) -> list[Array]:
        outs, _, found = outputs_as_arrays(
            f(*tree.unflatten(treedef, args)), function_name(f), label
        )
        out_tree[:] = [found]
        return outs

    graph = stage(flat_f, avals, label, names)

    def transposed(ct: Any) -> Any:
        cts, have = tree.flatten(ct)
        if have != out_tree[0]:
            raise TreeError(
                f"{label}: the cotangent has structure {have}, the output {out_tree[0]}"
            )
        lifted = []
        for leaf, var in zip(cts, graph.outputs, strict=True):
            x = lift(leaf)
            if tuple(x.shape) != var.aval.shape:
                raise GradientError(
                    f"{label}: cotangent of shape {tuple(x.shape)} for an output of "
                    f"{var.aval.shape}"
                )
            if is_complex(x.dtype) and not is_complex(var.aval.dtype):
                raise GradientError(
                    f"{label}: cotangent {x.dtype.name} for an output {var.aval.dtype.name}. "
                    "Remedy: take its real part."
                )
            lifted.append(x if x.dtype == var.aval.dtype else cast(x, dtype=var.aval.dtype))
        return tree.unflatten(treedef, transpose_graph(graph, lifted, label))

    return transposed

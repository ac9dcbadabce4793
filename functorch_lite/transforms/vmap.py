"""``vmap``: a function of one example becomes a function of a batch."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import Array
from functorch_lite.core.trace import function_name
from functorch_lite.errors import AxisError, TransformError, VmapSizeError
from functorch_lite.ops import transpose
from functorch_lite.transforms.arguments import (
    Flat,
    axes_of,
    check_callable,
    finish,
    keyword_paths,
    leaf_paths,
    outputs_as_arrays,
)
from functorch_lite.transforms.batch import BatchTrace, BatchTracer

__all__ = ["vmap"]


def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    spmd_axis_name: Any = None,
) -> Callable[..., Any]:
    """Map a function over an axis of its arguments, all examples at once.

    Args:
        f: function of one example.
        in_axes: for each positional argument the axis to map over (negative counts from the end),
        None
            to pass it whole, or a container of these that is a prefix of the argument. An int
            applies to all. Keyword arguments are mapped over axis 0.
        out_axes: where the mapped axis goes in each output; None for outputs that do not vary.
        axis_name: a name for the axis (hashable, no tuple), by which the collectives of
            ``functorch_lite.lax`` let an example see the others. Of two nested vmaps with one name
            the inner one has it.
        axis_size: the size of the axis; needed only when nothing is mapped.
        spmd_axis_name: accepted for JAX's sake, where it says how to divide arrays between devices;
            an array is on one device here.

    Returns:
        a function of batches.

    Raises:
        VmapSizeError: if the arguments disagree about the size; every argument's size is listed.
        AxisError: if an axis does not exist.
        TransformError: if the trees of axes do not fit, or the name is not one.

    >>> import functorch_lite.numpy as fnp
    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(fnp.asarray([1.0, 2.0]), 3.0)
    Array([3., 6.], dtype=float32)

    With a name for the axis, an example can ask for the sum over all of them:

    >>> from functorch_lite import lax
    >>> softmax = vmap(lambda x: fnp.exp(x) / lax.psum(fnp.exp(x), "i"), axis_name="i")
    >>> softmax(fnp.asarray([0.0, 0.0]))
    Array([0.5, 0.5], dtype=float32)
    """
    check_callable(f, "vmap")
    _check_name(axis_name)
    del spmd_axis_name
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    name = function_name(f)
    label = f"vmap of {name}"

    @wraps(f, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise TransformError(
                f"{label}: in_axes has {len(in_axes)} entries for {len(args)} positional "
                "arguments. Give one int or None for each (or one int for all)."
            )
        axes = axes_of(label, "in_axes", in_axes, tuple(args)) if args else []
        positional = len(axes)
        axes += [0] * len(tree.leaves(kwargs))

        def paths() -> list[str]:
            return leaf_paths(f, args) + keyword_paths(kwargs)

        leaves, treedef = tree.flatten((args, kwargs))
        # An argument that is passed whole is not touched: it may be a Python number or any object.
        moving = [i for i, axis in enumerate(axes) if axis is not None]
        flat = Flat([leaves[i] for i in moving], lambda: [paths()[i] for i in moving], label)
        fronts = [
            _to_front(x, axes[i], partial(_nth, paths, i), label, i >= positional)
            for i, x in zip(moving, flat.arrays, strict=True)
        ]
        size = _axis_size(fronts, moving, axes, paths, axis_size, label)
        with BatchTrace(label, size, axis_name) as trace:
            assert isinstance(trace, BatchTrace)
            values = list(leaves)
            for i, x in zip(moving, fronts, strict=True):
                values[i] = trace.tracer(x)
            new_args, new_kwargs = tree.unflatten(treedef, values)
            out = f(*new_args, **new_kwargs)
            outs, weak, out_tree = outputs_as_arrays(out, name, label)
        targets = axes_of(label, "out_axes", out_axes, out)
        results = [
            finish(_place(trace, o, axis, label), w)
            for o, axis, w in zip(outs, targets, weak, strict=True)
        ]
        return tree.unflatten(out_tree, results)

    return mapped


def _check_name(axis_name: Any) -> None:
    """A tuple would mean several axes to a collective, and it looks names up in a dictionary."""
    if isinstance(axis_name, (tuple, list)):
        raise TransformError(
            f"vmap: axis_name is one hashable name, got {axis_name!r}. Nest one vmap for each name."
        )
    try:
        hash(axis_name)
    except TypeError:
        raise TransformError(
            f"vmap: axis_name must be hashable, got {axis_name!r}. Use a string."
        ) from None


def _nth(paths: Callable[[], list[str]], i: int) -> str:
    return paths()[i]


def _to_front(x: Array, axis: int, path: Callable[[], str], label: str, by_keyword: bool) -> Array:
    ndim = len(x.shape)
    if not -ndim <= axis < ndim:
        what = "a scalar" if ndim == 0 else f"of shape {tuple(x.shape)}"
        if by_keyword:
            raise AxisError(
                f"{label}: keyword arguments are mapped over axis 0, but {path()} is {what}. Pass "
                "it by position, with None in in_axes, to give it whole to every example."
            )
        raise AxisError(
            f"{label}: in_axes asks for axis {axis} of {path()}, which is {what}. Use None to pass "
            "it whole to every example"
            + (f", or an axis from {-ndim} to {ndim - 1}." if ndim else ".")
        )
    return move_axis(x, axis % ndim, 0)


def move_axis(x: Any, source: int, target: int) -> Any:
    """Move one axis; the others keep their order."""
    if source == target:
        return x
    perm = [i for i in range(len(x.shape)) if i != source]
    perm.insert(target, source)
    return transpose(x, perm=tuple(perm))


def _axis_size(
    fronts: list[Array],
    moving: list[int],
    axes: list[Any],
    paths: Callable[[], list[str]],
    axis_size: int | None,
    label: str,
) -> int:
    sizes = [x.shape[0] for x in fronts]
    if axis_size is not None:
        sizes.append(_given_size(axis_size, label))
    if not sizes:
        raise TransformError(
            f"{label}: nothing is mapped: every in_axes is None"
            + (" and there are no arguments" if not axes else "")
            + ". Map at least one argument, or pass axis_size=."
        )
    if len(set(sizes)) > 1:
        names = paths()
        listed = "; ".join(
            f"{names[i]} has size {s} along its axis {axes[i]}"
            for i, s in zip(moving, sizes, strict=False)
        )
        extra = f"; axis_size is {axis_size}" if axis_size is not None else ""
        raise VmapSizeError(
            f"{label}: the mapped axes must have one size, but {listed}{extra}. Use None in "
            "in_axes for an argument that every example shares."
        )
    return sizes[0]


def _given_size(axis_size: Any, label: str) -> int:
    try:
        size = operator.index(axis_size)
    except TypeError:
        raise TransformError(f"{label}: axis_size must be an int, got {axis_size!r}.") from None
    if size < 0:
        raise TransformError(f"{label}: axis_size must not be negative, got {size}.")
    return size


def _place(trace: BatchTrace, out: Any, axis: Any, label: str) -> Any:
    batched = out.__class__ is BatchTracer and out._trace is trace
    if axis is None:
        if batched:
            raise TransformError(
                f"{label}: out_axes is None for an output that varies over the mapped axis (shape "
                f"{tuple(out.shape)} per example). Give it an axis, e.g. 0."
            )
        return out
    if not isinstance(axis, (int, np.integer)):
        raise TransformError(f"{label}: out_axes must be ints or None, got {axis!r}")
    value = trace.lower(out)
    ndim = len(value.shape)
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"{label}: out_axes asks for axis {axis} of an output with {ndim} dimension"
            f"{'s' * (ndim > 1)} (batch included); use {-ndim} to {ndim - 1}"
        )
    return move_axis(value, 0, int(axis) % ndim)

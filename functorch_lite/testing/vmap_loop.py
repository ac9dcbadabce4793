"""``vmap`` checked against a Python loop, over all choices of batched axes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.aval import describe
from functorch_lite.errors import AxisError
from functorch_lite.numpy import asarray
from functorch_lite.transforms.arguments import axes_of
from functorch_lite.transforms.vmap import vmap

__all__ = ["check_vmap", "choices_of_axes"]


def check_vmap(
    f: Callable[..., Any],
    args: Sequence[Any],
    *,
    in_axes: Any = None,
    size: int = 3,
    others: Sequence[Sequence[Any]] | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    out_axes: bool = True,
) -> int:
    """Check that mapping a function gives what a loop over the examples gives.

    Every array leaf of the arguments is held fixed or batched along any position, in all
    combinations (but not all fixed), or as ``in_axes`` says.  For the first combination the
    position of the output axis is varied as well.

    Args:
        f: a function from arrays (or pytrees of them) to an array or a pytree.
        args: a tuple of the arguments of one example.
        in_axes: the one combination to check, as ``vmap`` takes it; by default all of them.
        size: number of examples in the batch, if ``others`` is not given.
        others: the arguments of the other examples, of the same shapes.  By default they are made
            from ``args`` by rotating the elements of each array, which leaves values in the
            function's domain, but does not vary scalars.
        atol: absolute tolerance; by default a few roundings of the output's dtype, for sums in
            another order.
        rtol: relative tolerance, likewise.
        out_axes: whether to vary the output axis.

    Returns:
        How many combinations were compared.

    Raises:
        AssertionError: a result differs from the loop's in value, shape or dtype; the message says
            for which ``in_axes``.
        ValueError: fewer than one example, or nothing that can be batched.

    >>> import functorch_lite.numpy as fnp
    >>> check_vmap(fnp.matmul, (fnp.ones((2, 3)), fnp.ones(3)), out_axes=False)
    11
    >>> check_vmap(fnp.dot, (fnp.ones(3), fnp.ones(3)), in_axes=(0, None))
    1
    """
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            f"check_vmap: expected a tuple of the arguments of f; got {describe(args)}. "
            "Remedy: check_vmap(f, (x,))."
        )
    leaves, structure = tree.flatten(tuple(args))
    first = [asarray(x) for x in leaves]
    if not first or size < 1:
        raise ValueError(
            f"check_vmap: expected at least one array to batch and one example; got {len(first)} "
            f"arrays and size={size}. Remedy: check_vmap(f, (x,), size=3)."
        )
    if others is None:
        examples = [[_rotated(x, i) for x in first] for i in range(size)]
    else:
        examples = [first, *([asarray(x) for x in tree.leaves(tuple(o))] for o in others)]

    def on_leaves(*values: Any) -> list[Any]:
        return tree.leaves(f(*tree.unflatten(structure, list(values))))

    if in_axes is None:
        choices = choices_of_axes([x.ndim for x in first])
    else:
        choices = iter([_chosen_axes(in_axes, tuple(args), first)])
    count = 0
    for axes in choices:
        batch = [
            first[k] if axis is None else _stacked([e[k] for e in examples], axis)
            for k, axis in enumerate(axes)
        ]
        loop = [
            on_leaves(*(first[k] if axis is None else e[k] for k, axis in enumerate(axes)))
            for e in examples
        ]
        expected = [np.stack([np.asarray(y) for y in ys]) for ys in zip(*loop, strict=True)]
        label = f"vmap(in_axes={tree.unflatten(structure, list(axes))})"
        found = vmap(on_leaves, in_axes=axes)(*batch)
        _compare(label, found, expected, atol, rtol)
        if out_axes and count == 0:
            for k, want in enumerate(expected):
                for axis in range(want.ndim):
                    moved = [0] * len(expected)
                    moved[k] = axis
                    found = vmap(on_leaves, in_axes=axes, out_axes=moved)(*batch)
                    wanted = [np.moveaxis(y, 0, a) for y, a in zip(expected, moved, strict=True)]
                    moved_label = f"{label[:-1]}, out_axes={moved})"
                    _compare(moved_label, found, wanted, atol, rtol)
        count += 1
    return count


def choices_of_axes(ranks: Sequence[int]) -> Iterator[tuple[int | None, ...]]:
    """All ways to batch arrays of these ranks, but for batching none of them.

    >>> list(choices_of_axes([1, 0]))
    [(0, 0), (0, None), (1, 0), (1, None), (None, 0)]
    """
    for axes in itertools.product(*([*range(rank + 1), None] for rank in ranks)):
        if any(axis is not None for axis in axes):
            yield axes


def _chosen_axes(in_axes: Any, args: tuple[Any, ...], first: Sequence[Any]) -> tuple[Any, ...]:
    """The axes of the leaves from ``in_axes``, counted from the front."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    axes = axes_of("check_vmap", "in_axes", in_axes, args)
    if all(axis is None for axis in axes):
        raise ValueError(
            f"check_vmap: expected an axis for at least one argument; got in_axes={in_axes}. "
            "Remedy: in_axes=None checks all choices."
        )
    found: list[int | None] = []
    for axis, x, name in zip(axes, first, tree.leaf_names(args, "args"), strict=True):
        rank = x.ndim + 1
        if axis is not None and not -rank <= axis < rank:
            raise AxisError(
                f"check_vmap: in_axes={in_axes} asks for axis {axis} of {name}, whose batch has "
                f"{rank} axes. Remedy: an axis from {-rank} to {rank - 1}."
            )
        found.append(None if axis is None else axis % rank)
    return tuple(found)


def _rotated(x: Any, steps: int) -> Any:
    data = np.asarray(x)
    return asarray(np.roll(data.reshape(-1), steps).reshape(data.shape))


def _stacked(arrays: Sequence[Any], axis: int) -> Any:
    return asarray(np.stack([np.asarray(x) for x in arrays], axis=axis))


def _compare(label: str, found: Any, expected: Any, atol: float | None, rtol: float | None) -> None:
    for i, (have, want) in enumerate(zip(found, expected, strict=True)):
        where = f"{label}, output {i}"
        assert tuple(have.shape) == want.shape, f"{where}: shape {have.shape}, loop {want.shape}"
        assert have.dtype == want.dtype, f"{where}: dtype {have.dtype}, loop {want.dtype}"
        exact = want.dtype.kind in "biu"
        unit = 0.0 if exact else 16 * float(_epsilon(want.dtype))
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        np.testing.assert_allclose(
            np.asarray(have) if exact else np.asarray(have).astype(wide),
            want if exact else want.astype(wide),
            rtol=unit if rtol is None else rtol,
            atol=unit if atol is None else atol,
            err_msg=f"check_vmap: {where} differs from the loop",
        )


def _epsilon(dtype: Any) -> float:
    if dtype.name == "bfloat16":
        return 2.0**-7
    return float(np.finfo(dtype).eps)

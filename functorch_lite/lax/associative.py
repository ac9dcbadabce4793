"""``associative_scan``: running results of an associative function, in log2(n) rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.trace import function_name
from functorch_lite.errors import AxisError, CarryTypeError, ShapeError, TransformError
from functorch_lite.lax.user_functions import LACKS_RETURN, guarded, structure_text
from functorch_lite.ops import concatenate, flip, reshape
from functorch_lite.ops import slice as block
from functorch_lite.transforms.arguments import Flat, check_callable

__all__ = ["associative_scan"]


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Running results of an associative function along an axis.

    Args:
        fn: ``fn(a, b)`` on trees like ``elems``, associative, that works on many elements at once
            (they keep the axis); it returns the types of its arguments.
        elems: tree of arrays of one size along ``axis``.
        reverse: run from the last element to the first.
        axis: the axis to run along.

    Returns:
        tree like ``elems``: at position i, fn applied to the elements 0 to i in order. The function
        is called about ``2 * log2(n)`` times, each time on whole arrays.

    Raises:
        ShapeError, AxisError: if the sizes along the axis differ, or there is no such axis.

    >>> import functorch_lite.numpy as fnp
    >>> associative_scan(fnp.add, fnp.arange(4))
    Array([0, 1, 3, 6], dtype=int64)

    Source: ``jax.lax.associative_scan``; the odd-even recursion of Blelloch (1990), Prefix sums and
    their applications.
    """
    check_callable(fn, "associative_scan", "fn", "associative_scan(fn, elems)")
    call = guarded(fn, "fn(a, b)", f"associative_scan of {function_name(fn)}")
    flat = Flat(elems, lambda: tree.leaf_names(elems, "elems"), "associative_scan")
    if not flat.arrays:
        raise TransformError("associative_scan: elems has no arrays. Pass at least one.")
    names = tree.leaf_names(elems, "elems")
    for x, name in zip(flat.arrays, names, strict=True):
        if not -x.ndim <= axis < x.ndim:
            raise AxisError(
                f"associative_scan: axis {axis} is out of range for {name} of shape {x.shape}"
            )
    arrays = list(flat.arrays)
    axes = [axis % x.ndim for x in arrays]
    sizes = {x.shape[a] for x, a in zip(arrays, axes, strict=True)}
    if len(sizes) > 1:
        listed = ", ".join(f"{n} of shape {x.shape}" for n, x in zip(names, arrays, strict=True))
        raise ShapeError(
            f"associative_scan: sizes along axis {axis} differ: {listed}. Slice them to one length."
        )

    def combine(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        value = call(flat.unflatten(a), flat.unflatten(b))
        out, found = tree.flatten(value)
        if found != flat.treedef:
            remedy = LACKS_RETURN if value is None else "Return it in the containers of a and b."
            raise CarryTypeError(
                f"associative_scan: fn(a, b) returns {structure_text(found)}, expected "
                f"{structure_text(flat.treedef)} like its arguments. {remedy}"
            )
        for have, want, name in zip(out, a, names, strict=True):
            if (have.shape, have.dtype) != (want.shape, want.dtype):
                raise CarryTypeError(
                    f"associative_scan: fn returns {have.aval.short()} for {name}, expected "
                    f"{want.aval.short()}: it takes and returns the same types."
                )
        return out

    def turned(xs: Sequence[Any]) -> list[Any]:
        return [flip(x, axes=(a,)) for x, a in zip(xs, axes, strict=True)] if reverse else list(xs)

    return flat.unflatten(turned(_running(combine, turned(arrays), axes)))


def _running(
    combine: Callable[[Sequence[Any], Sequence[Any]], list[Any]],
    xs: list[Any],
    axes: Sequence[int],
) -> list[Any]:
    """Combine neighbours, run over the pairs, and fill in the elements between them."""
    n = xs[0].shape[axes[0]]
    if n < 2:
        return xs

    def part(values: Sequence[Any], start: int, stop: int, step: int = 1) -> list[Any]:
        return [_part(x, a, start, stop, step) for x, a in zip(values, axes, strict=True)]

    pairs = combine(part(xs, 0, n - 1, 2), part(xs, 1, n, 2))
    odd = _running(combine, pairs, axes)
    count = odd[0].shape[axes[0]]
    first = part(xs, 0, 1)
    if n > 2:
        before = odd if n % 2 else part(odd, 0, count - 1)
        later = combine(before, part(xs, 2, n, 2))
        even = [concatenate(a, b, axis=axis) for a, b, axis in zip(first, later, axes, strict=True)]
    else:
        even = first
    return [_interleave(a, b, axis) for a, b, axis in zip(even, odd, axes, strict=True)]


def _part(x: Any, axis: int, start: int, stop: int, step: int) -> Any:
    lo = tuple(start if i == axis else 0 for i in range(x.ndim))
    hi = tuple(stop if i == axis else n for i, n in enumerate(x.shape))
    return block(x, start=lo, stop=hi, step=tuple(step if i == axis else 1 for i in range(x.ndim)))


def _interleave(even: Any, odd: Any, axis: int) -> Any:
    """Elements of ``even`` and ``odd`` in turn along an axis; ``even`` may have one more."""
    count = odd.shape[axis]
    head = _part(even, axis, 0, count, 1)
    shape = (*odd.shape[: axis + 1], 1, *odd.shape[axis + 1 :])
    both = concatenate(reshape(head, shape=shape), reshape(odd, shape=shape), axis=axis + 1)
    mixed = reshape(both, shape=(*odd.shape[:axis], 2 * count, *odd.shape[axis + 1 :]))
    if even.shape[axis] == count:
        return mixed
    return concatenate(mixed, _part(even, axis, count, count + 1, 1), axis=axis)

"""Functions of slices and of elements, mapped over what is left: by ``vmap``, never in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_array, as_axis, asarray
from functorch_lite.numpy.shapes import broadcast_shapes, expand_dims, moveaxis
from functorch_lite.transforms.vmap import vmap

__all__ = ["apply_along_axis", "apply_over_axes", "vectorize"]


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Array:
    """A function of vectors, applied to every vector along an axis.

    Args:
        func1d: ``func1d(vector, *args, **kwargs)``, of arrays.
        axis: the axis that the vectors run along.
        arr: array.
        args, kwargs: passed on as they are.

    Returns:
        array, the axes of ``func1d``'s result in the place of ``axis``.

    >>> import numpy as np
    >>> apply_along_axis(lambda v: v[::-1], 0, np.array([[1, 2], [3, 4]]))
    Array([[3, 4],
           [1, 2]], dtype=int64)
    """
    x = as_array(asarray(arr), "apply_along_axis", "arr")
    axis = as_axis(axis, x.ndim, "apply_along_axis")

    def function(v: Array) -> Any:
        return asarray(func1d(v, *args, **kwargs))

    mapped: Callable[..., Any] = function
    for _ in range(x.ndim - 1):
        mapped = vmap(mapped)
    found: Array = mapped(moveaxis(x, axis, -1))
    inner = found.ndim - (x.ndim - 1)
    places = tuple(range(found.ndim - inner, found.ndim))
    return moveaxis(found, places, tuple(range(axis, axis + inner)))


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Array:
    """A function of an array and an axis, applied for one axis after the other.

    Args:
        func: ``func(array, axis)``, which may drop the axis.
        a: array.
        axes: one axis or several.

    Returns:
        array of ``a``'s rank.

    Raises:
        ShapeError: a result has another rank.

    >>> import numpy as np
    >>> apply_over_axes(lambda x, axis: x.sum(axis), np.ones((2, 3)), (0, 1))
    Array([[6.]], dtype=float64)
    """
    x = as_array(asarray(a), "apply_over_axes", "a")
    listed = axes if isinstance(axes, Sequence) else (axes,)
    for axis in (as_axis(i, x.ndim, "apply_over_axes") for i in listed):
        found = asarray(func(x, axis))
        if found.ndim == x.ndim - 1:
            found = expand_dims(found, axis)
        if found.ndim != x.ndim:
            raise ShapeError(
                f"apply_over_axes: func must keep the axis or drop it; for shape {x.shape} and "
                f"axis {axis} it returned shape {found.shape}."
            )
        x = found
    return x


# ------------------------------------------------------------------------------------- vectorize
_NAMES = r"\(\s*(?:\w+(?:\s*,\s*\w+)*\s*,?)?\s*\)"
_SIGNATURE = re.compile(rf"\s*{_NAMES}(\s*,\s*{_NAMES})*\s*->\s*{_NAMES}(\s*,\s*{_NAMES})*\s*")
Dims = tuple[str, ...]


def _parse(signature: str) -> tuple[list[Dims], list[Dims]]:
    if not _SIGNATURE.fullmatch(signature):
        raise ValueError(
            f"vectorize: {signature!r} is no signature. Remedy: names of axes in parentheses, as "
            "in '(m,n),(n)->(m)'."
        )
    sides = [re.findall(_NAMES, side) for side in signature.split("->")]
    taken, given = ([tuple(re.findall(r"\w+", part)) for part in side] for side in sides)
    return taken, given


def _loops(arrays: list[Array], cores: list[Dims]) -> tuple[list[tuple[int, ...]], dict[str, int]]:
    """The axes of each argument beside its core ones, and the sizes of those."""
    outer: list[tuple[int, ...]] = []
    sizes: dict[str, int] = {}
    for x, core in zip(arrays, cores, strict=True):
        if x.ndim < len(core):
            raise ShapeError(
                f"vectorize: an argument of shape {x.shape} lacks the axes {core} of the signature."
            )
        split = x.ndim - len(core)
        outer.append(tuple(x.shape[:split]))
        for name, size in zip(core, x.shape[split:], strict=True):
            if sizes.setdefault(name, size) != size:
                raise ShapeError(
                    f"vectorize: the axis {name} has {sizes[name]} elements in one argument and "
                    f"{size} in another."
                )
    return outer, sizes


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Collection[int | str] = (),
    signature: str | None = None,
) -> Callable[..., Any]:
    """A function that broadcasts, from one of scalars or of arrays of a signature.

    Args:
        pyfunc: function of arrays.
        excluded: positions and names of arguments that are passed on as they are.
        signature: the axes that ``pyfunc`` itself looks at, as ``"(n),(n)->()"``; none by default.

    Returns:
        a function whose arguments may have further axes in front, which broadcast.

    Raises:
        ValueError: the signature cannot be read.
        ShapeError: arguments do not fit it.

    >>> import numpy as np
    >>> dot = vectorize(lambda x, y: (x * y).sum(), signature="(n),(n)->()")
    >>> dot(np.ones((2, 3)), np.arange(3.0))
    Array([3., 3.], dtype=float64)
    """
    parsed = None if signature is None else _parse(signature)
    skipped = set(excluded)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        mapped = [i for i in range(len(args)) if i not in skipped]
        named = [k for k in kwargs if k not in skipped]
        arrays = [asarray(args[i]) for i in mapped] + [asarray(kwargs[k]) for k in named]
        cores: list[Dims] = [()] * len(arrays) if parsed is None else parsed[0]
        if len(cores) != len(arrays):
            raise TypeError(
                f"vectorize: the signature {signature!r} takes {len(cores)} arguments, got "
                f"{len(arrays)}."
            )
        outer, sizes = _loops(arrays, cores)
        shape = broadcast_shapes(*outer)

        def function(*given: Any) -> Any:
            positional, by_name = list(args), dict(kwargs)
            for place, value in zip(mapped, given, strict=False):
                positional[place] = value
            by_name.update(zip(named, given[len(mapped) :], strict=True))
            found = pyfunc(*positional, **by_name)
            _check_results(found, parsed, sizes)
            return found

        for axis in range(len(shape) - 1, -1, -1):
            has = [len(o) >= len(shape) - axis and o[axis - len(shape)] != 1 for o in outer]
            axes = tuple(0 if h else None for h in has)
            if any(has):
                function = vmap(function, in_axes=axes)
            else:
                function = vmap(function, in_axes=axes, axis_size=shape[axis])
        # An axis of size 1 that others broadcast against is dropped: nothing runs along it.
        ready = []
        for x, own in zip(arrays, outer, strict=True):
            ones = tuple(i for i, n in enumerate(own) if n == 1)
            ready.append(x.squeeze(ones) if ones else x)
        return function(*ready)

    vectorized.__name__ = getattr(pyfunc, "__name__", "vectorized")
    vectorized.__doc__ = pyfunc.__doc__
    return vectorized


def _check_results(found: Any, parsed: Any, sizes: dict[str, int]) -> None:
    if parsed is None:
        return
    results = found if isinstance(found, tuple) else (found,)
    if len(results) != len(parsed[1]):
        raise TypeError(
            f"vectorize: the signature has {len(parsed[1])} results, the function returned "
            f"{len(results)}."
        )
    for y, core in zip(results, parsed[1], strict=True):
        shape = tuple(y.shape)
        wanted = tuple(sizes.setdefault(n, s) for n, s in zip(core, shape, strict=False))
        if len(shape) != len(core) or wanted != shape:
            raise ShapeError(
                f"vectorize: a result of shape {shape} does not fit the axes {core} of the "
                "signature."
            )

"""``frompyfunc``: a function of numbers as one of arrays, with folds, tables and updates."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import canonical, is_bool
from functorch_lite.core.rewrite import close
from functorch_lite.driver import eval_shape
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.along_axes import vectorize
from functorch_lite.numpy.convert import as_array, as_axis, asarray
from functorch_lite.numpy.creation import arange, full
from functorch_lite.numpy.selection import take
from functorch_lite.numpy.selection import where as choose
from functorch_lite.numpy.shapes import broadcast_to, expand_dims, moveaxis
from functorch_lite.transforms.arguments import check_callable
from functorch_lite.transforms.scan import scan
from functorch_lite.transforms.stage import stage

__all__ = ["frompyfunc", "ufunc"]


class ufunc:
    """A function that broadcasts, made by :func:`frompyfunc`; has the methods of NumPy's.

    Args:
        func: function of ``nin`` numbers.
        nin: how many arguments it takes.
        nout: how many results it returns, as a tuple if there are several.
        name: what it is called, by default as ``func`` is.
        identity: the value that changes nothing as first argument, if there is one.

    Attributes:
        nin, nout, nargs, identity: as given; ``nargs`` is ``nin``.

    Two of them are equal, and one static argument for ``jit``, if they are made of equal parts.

    >>> import numpy as np
    >>> double = ufunc(lambda x: 2 * x, 1, 1)
    >>> double(np.array([1, 2]))
    Array([2, 4], dtype=int64)

    Source: ``jax.numpy.ufunc``.
    """

    def __init__(
        self, func: Callable[..., Any], /, nin: int, nout: int, *, name: str | None = None,
        identity: Any = None,
    ) -> None:  # fmt: skip
        check_callable(func, "frompyfunc", "func", "frompyfunc(f, nin=2, nout=1)")
        self.__name__ = str(name or getattr(func, "__name__", "ufunc"))
        self.__doc__ = func.__doc__
        self.nin, self.nout = operator.index(nin), operator.index(nout)
        self.nargs, self.identity = self.nin, identity
        self._func, self._map = func, vectorize(func)
        self._parts = (func, self.__name__, identity, self.nin, self.nout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ufunc) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"<ufunc {self.__name__!r}>"

    def __call__(self, *args: Any, out: None = None, where: None = None) -> Any:
        _refuse(self.__name__, out=out, where=where)
        if len(args) != self.nin:
            raise TypeError(
                f"{self.__name__}: expected {self.nin} arguments, as nin says; got {len(args)}."
            )
        return self._map(*args)

    def reduce(
        self, a: Any, axis: int | Sequence[int] | None = 0, dtype: Any = None, out: None = None,
        keepdims: bool = False, initial: Any = None, where: Any = None,
    ) -> Array:  # fmt: skip
        """Fold an array along axes, from its first element on.

        Args:
            a: array.
            axis: the axis, several, or None for all of them (in the order of memory).
            dtype: dtype of the result, by default that of the function's result.
            out: must be None.
            keepdims: whether the axes stay, with size 1.
            initial: the value to begin with; by default the identity, else the first element.
            where: bool, which elements take part; needs an identity or ``initial``.

        Raises:
            ValueError: the function is not of two arguments and one result; there is nothing to
                fold, and nothing to begin with.

        >>> import numpy as np
        >>> frompyfunc(lambda x, y: x - y, 2, 1).reduce(np.array([10, 1, 2]))
        Array(7, dtype=int64)
        """
        name = self._binary("reduce", out)
        x = as_array(asarray(a), name, "a")
        axes = tuple(range(x.ndim)) if axis is None else axis
        axes = axes if isinstance(axes, (tuple, list)) else (axes,)
        axes = tuple(as_axis(i, x.ndim, name) for i in axes)
        kind = self._dtype(x, dtype)
        begin = self.identity if initial is None else initial
        rows = _rows(x, axes).astype(kind)
        mask = None
        if where is not None:
            mask = as_array(asarray(where), name, "where")
            if not is_bool(mask.dtype):
                raise ValueError(
                    f"{name}: expected where to be bools; got {mask.dtype.name}. Remedy: "
                    "where=mask != 0."
                )
            mask = _rows(broadcast_to(mask, x.shape), axes)
        if begin is None and (mask is not None or not rows.shape[0]):
            raise ValueError(
                f"{name}: expected something to begin with, {_why(mask)} and the function has no "
                "identity. Remedy: initial=, or frompyfunc(..., identity=)."
            )
        if begin is None:
            start, rows = rows[0], rows[1:]
        else:
            start = broadcast_to(asarray(begin).astype(kind), rows.shape[1:])

        def step(held: Array, row: Array, *keep: Array) -> list[Array]:
            new = asarray(self(held, row)).astype(kind)
            return [choose(keep[0], new, held) if keep else new]

        found = _loop(name, step, start, [rows] if mask is None else [rows, mask])[0]
        return expand_dims(found, tuple(sorted(axes))) if keepdims else found

    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
        """All partial folds along an axis.

        Args:
            a: array.
            axis: the axis.
            dtype: dtype of the result, by default that of the function's result.
            out: must be None.

        >>> import numpy as np
        >>> frompyfunc(lambda x, y: x * y, 2, 1).accumulate(np.array([1, 2, 3]))
        Array([1, 2, 6], dtype=int64)
        """
        name = self._binary("accumulate", out)
        x = as_array(asarray(a), name, "a")
        place = as_axis(axis, x.ndim, name)
        kind = self._dtype(x, dtype)
        rows = moveaxis(x, place, 0).astype(kind)
        if not x.size:
            return moveaxis(rows, 0, place)

        def step(held: Array, row: Array, first: Array) -> list[Array]:
            new = choose(first, row, asarray(self(held, row)).astype(kind))
            return [new, new]

        first = arange(rows.shape[0]) == 0
        return moveaxis(_loop(name, step, rows[0], [rows, first])[1], 0, place)

    def reduceat(
        self, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None
    ) -> Array:
        """Folds of the parts of an array between given places.

        Args:
            a: array.
            indices: i[n], where each part begins; it ends before the next one's beginning, and
                holds one element where that does not come later.
            axis: the axis.
            dtype: dtype of the result, by default that of ``a``.
            out: must be None.

        >>> import numpy as np
        >>> frompyfunc(lambda x, y: x + y, 2, 1).reduceat(np.arange(6), np.array([0, 2]))
        Array([ 1, 14], dtype=int64)
        """
        name = self._binary("reduceat", out)
        x = as_array(asarray(a), name, "a")
        begin = as_array(asarray(indices), name, "indices")
        if begin.ndim != 1:
            raise ShapeError(
                f"{name}: expected indices of one dimension; got shape {tuple(begin.shape)}."
            )
        place = as_axis(axis, x.ndim, name)
        rows = moveaxis(x, place, 0)
        rows = rows if dtype is None else rows.astype(canonical(dtype))
        size = rows.shape[0]
        end = begin if not begin.size else _shifted(begin, size)
        column = (-1, *[1] * (rows.ndim - 1))

        def step(held: Array, row: Array, i: Array) -> list[Array]:
            inside = ((i > begin) & (i < end)).reshape(column)
            return [choose(inside, asarray(self(held, row)).astype(rows.dtype), held)]

        start = take(rows, begin, axis=0)
        return moveaxis(_loop(name, step, start, [rows, arange(size)])[0], 0, place)

    def outer(self, a: Any, b: Any, /) -> Any:
        """The function of all pairs of elements of two arrays.

        Returns:
            array of ``a``'s axes and then ``b``'s.

        >>> import numpy as np
        >>> frompyfunc(lambda x, y: x * y, 2, 1).outer(np.array([1, 2]), np.array([3, 4]))
        Array([[3, 4],
               [6, 8]], dtype=int64)
        """
        name = self._binary("outer", None)
        x, y = as_array(asarray(a), name, "a"), as_array(asarray(b), name, "b")
        return self(x.reshape(*x.shape, *[1] * y.ndim), y)

    def at(self, a: Any, indices: Any, b: Any = None, /, *, inplace: bool = True) -> Array:
        """Elements changed by the function, one after the other where an index is repeated.

        Args:
            a: array.
            indices: index, slice, or a tuple of these; what lies outside is left out.
            b: second arguments, which broadcast to the elements; none for a function of one.
            inplace: must be False: arrays do not change, and the result is a new one.

        >>> import numpy as np
        >>> add = frompyfunc(lambda x, y: x + y, 2, 1)
        >>> add.at(np.zeros(3), np.array([0, 0, 2]), 1.0, inplace=False)
        Array([2., 0., 1.], dtype=float64)
        """
        name = f"{self.__name__}.at"
        given = 1 if b is None else 2
        if given != self.nin or self.nout != 1:
            raise ValueError(
                f"{name}: expected a function of {given} argument{'s' * (given > 1)} and one "
                f"result for this call; {self.__name__} has {self.nin} and {self.nout}."
            )
        if inplace:
            raise NotImplementedError(
                f"{name}: arrays do not change in place. Remedy: y = {name}(..., inplace=False)."
            )
        x = as_array(asarray(a), name, "a")
        others = [] if b is None else [as_array(asarray(b), name, "b")]
        units = [make_aval((), v.dtype) for v in (x, *others)]
        x = x.astype(eval_shape(self._func, *units).dtype)
        places = arange(x.size).reshape(x.shape).at[indices].get(mode="fill", fill_value=x.size)
        values = [broadcast_to(v.astype(x.dtype), places.shape).ravel() for v in others]

        def step(held: Array, place: Array, *value: Array) -> list[Array]:
            old = held.at[place].get(mode="clip")
            new = asarray(self(old, *value)).astype(x.dtype)
            return [held.at[place].set(new, mode="drop")]

        if not x.size:
            return x
        flat = _loop(name, step, x.ravel(), [places.ravel(), *values])[0]
        return flat.reshape(x.shape)

    def _binary(self, method: str, out: Any) -> str:
        """The method's name for messages; raises where it does not apply."""
        name = f"{self.__name__}.{method}"
        _refuse(name, out=out)
        if (self.nin, self.nout) != (2, 1):
            raise ValueError(
                f"{name}: expected a function of two arguments and one result; {self.__name__} "
                f"has {self.nin} and {self.nout}."
            )
        return name

    def _dtype(self, x: Array, dtype: Any) -> Any:
        if dtype is not None:
            return canonical(dtype)
        unit = make_aval((), x.dtype)
        return eval_shape(self._func, unit, unit).dtype


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """A function of arrays that broadcasts, from one of numbers.

    Args:
        func: function of ``nin`` numbers, written in operations of this package.
        nin: how many arguments it takes.
        nout: how many results it returns, as a tuple if there are several.
        identity: the value that changes nothing as first argument, if there is one.

    Returns:
        the function, with ``reduce``, ``accumulate``, ``reduceat``, ``outer`` and ``at``.

    >>> import numpy as np
    >>> add = frompyfunc(lambda x, y: x + y, nin=2, nout=1, identity=0)
    >>> add(np.arange(3), 10), add.reduce(np.arange(4))
    (Array([10, 11, 12], dtype=int64), Array(6, dtype=int64))

    Source: ``jax.numpy.frompyfunc``.
    """
    return ufunc(func, nin, nout, identity=identity)


def _refuse(name: str, **options: Any) -> None:
    for option, value in options.items():
        if value is not None:
            raise NotImplementedError(
                f"{name}: {option} must be None: arrays do not change in place. Remedy: "
                "use the result; numpy.where(mask, new, old) chooses."
            )


def _why(mask: Any) -> str:
    return "because there are no elements" if mask is None else "because of where="


def _rows(x: Array, axes: tuple[int, ...]) -> Array:
    """The elements along some axes in one axis in front, in the order of memory."""
    ordered = tuple(sorted(axes))
    moved = moveaxis(x, ordered, tuple(range(len(axes))))
    return moved.reshape(math.prod(x.shape[i] for i in axes), *moved.shape[len(axes) :])


def _shifted(begin: Array, size: int) -> Array:
    """Where each part ends: at the next one's beginning, the last one at the end."""
    following = arange(begin.shape[0]) + 1
    last = following == begin.shape[0]
    after = take(begin, following, axis=0, mode="clip")
    return choose(last, full((), size, begin.dtype), after)


def _loop(
    name: str, step: Callable[..., list[Array]], start: Array, xs: Sequence[Array]
) -> tuple[Array, ...]:
    """``step(carry, *slices) -> [carry, *results]`` over the rows of ``xs``: the last carry, and
    the results stacked."""
    avals = [start.aval, *[make_aval(x.shape[1:], x.dtype) for x in xs]]
    body, captured = close(stage(step, avals, name))
    out: tuple[Array, ...] = scan(
        *captured, start, *xs, body=body, n_consts=len(captured), n_carry=1,
        length=xs[0].shape[0], reverse=False,
    )  # fmt: skip
    return out

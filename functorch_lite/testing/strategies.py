"""Hypothesis strategies: dtypes, shapes, arrays inside a domain, pytrees, axes and keys.

It needs hypothesis (``pip install hypothesis``), and is imported by its name::

    from functorch_lite.testing import strategies

Everything shrinks to what is easy to read: shapes to few and short axes, values to small integers,
trees to a leaf, keys to ``key(0)``.

>>> from hypothesis import given
>>> import functorch_lite as fl
>>> @given(arrays("float64", shapes(min_side=1), domain="positive"))
... def logarithm_undoes_the_exponential(x):
...     assert fl.numpy.allclose(fl.numpy.log(fl.numpy.exp(x)), x)
>>> logarithm_undoes_the_exponential()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import DTYPES, canonical, is_complex, is_float
from functorch_lite.numpy import asarray
from functorch_lite.random import key

try:
    from hypothesis import strategies as st
except ImportError as problem:
    raise ImportError(
        "functorch_lite.testing.strategies: expected hypothesis to be installed; it is not. "
        "Remedy: pip install hypothesis."
    ) from problem

__all__ = [
    "DOMAINS",
    "arrays",
    "axes",
    "broadcastable_shapes",
    "dtypes",
    "keys",
    "pytrees",
    "shapes",
]

Shape = tuple[int, ...]

DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "real": ((-8.0, 8.0),),
    "positive": ((0.0625, 8.0),),
    "nonzero": ((0.0625, 8.0), (-8.0, -0.0625)),
    "unit": ((0.0625, 0.9375),),
    "symmetric": ((-0.9375, 0.9375),),
    "above_one": ((1.0625, 8.0),),
}
"""The intervals of the named domains, with ends that every float dtype has and that keep a distance
from where derivatives are infinite; ``"distinct"`` and ``"any"`` are no intervals."""

_FIRST = ("float32", "float64", "int64", "bool")
_GAP = 0.25
_TYPES: dict[int, Any] = {16: np.float16, 32: np.float32, 64: np.float64}


def dtypes(kinds: str = "bifc", *, max_bits: int = 128) -> st.SearchStrategy[np.dtype[Any]]:
    """Dtypes of some kinds.

    Args:
        kinds: any of ``b`` (bool), ``i`` (integers, signed or not), ``f`` (floats, bfloat16
            included) and ``c`` (complex).
        max_bits: the widest element.

    Returns:
        A strategy of NumPy dtypes, which shrinks to float32.

    Raises:
        ValueError: an unknown kind, or nothing is left.

    >>> from hypothesis import find
    >>> find(dtypes("f"), lambda dtype: dtype.itemsize == 2).name
    'float16'
    """
    if not kinds or set(kinds) - set("bifc"):
        raise ValueError(
            f"strategies.dtypes: expected kinds among 'b', 'i', 'f' and 'c'; got {kinds!r}. "
            "Remedy: dtypes('f') for the floating-point ones."
        )
    chosen = [d for d in DTYPES if _kind(d) in kinds and 8 * d.itemsize <= max_bits]
    if not chosen:
        raise ValueError(
            f"strategies.dtypes: no dtype of kinds {kinds!r} has at most {max_bits} bits. "
            "Remedy: leave max_bits out."
        )
    first = [d for name in _FIRST for d in chosen if d.name == name]
    return st.sampled_from(first + [d for d in chosen if d.name not in _FIRST])


def shapes(
    *, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> st.SearchStrategy[Shape]:
    """Shapes; scalars and empty arrays are among them unless the bounds leave them out.

    Args:
        min_dims: the fewest axes; 1 leaves out scalars.
        max_dims: the most axes.
        min_side: the shortest axis; 1 leaves out empty arrays.
        max_side: the longest axis.

    Returns:
        A strategy of tuples of ints.

    Raises:
        ValueError: bounds that no shape meets.

    >>> from hypothesis import find
    >>> find(shapes(min_side=1), lambda shape: len(shape) == 2)
    (1, 1)
    """
    if not (0 <= min_dims <= max_dims and 0 <= min_side <= max_side):
        raise ValueError(
            "strategies.shapes: expected 0 <= min_dims <= max_dims and 0 <= min_side <= max_side; "
            f"got dims {min_dims} to {max_dims}, sides {min_side} to {max_side}. "
            "Remedy: raise the upper bound."
        )
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_dims, max_size=max_dims).map(tuple)


def broadcastable_shapes(
    count: int = 2, *, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Shapes that broadcast with each other.

    Args:
        count: how many.
        max_dims: the most axes of any of them.
        min_side: the shortest axis, but for the 1s of broadcasting.
        max_side: the longest axis.

    Returns:
        A strategy of tuples of ``count`` shapes.

    Raises:
        ValueError: ``count`` is not positive, or bounds that no shape meets.

    >>> from hypothesis import find
    >>> find(broadcastable_shapes(), lambda pair: np.broadcast_shapes(*pair) == (2, 3))
    ((), (2, 3))
    """
    if count < 1:
        raise ValueError(
            f"strategies.broadcastable_shapes: expected count >= 1; got {count}. "
            "Remedy: broadcastable_shapes(2) for the operands of a binary function."
        )

    @st.composite
    def drawn(draw: Callable[..., Any]) -> tuple[Shape, ...]:
        whole = draw(shapes(max_dims=max_dims, min_side=min_side, max_side=max_side))
        # One of them has the whole shape, so that shrinking does not shorten all in step.
        parts = [draw(_parts_of(whole)) for _ in range(count - 1)]
        parts.insert(count - 1 - draw(st.integers(0, count - 1)), whole)
        return tuple(parts)

    return drawn()


def _parts_of(whole: Shape) -> st.SearchStrategy[Shape]:
    """Shapes that broadcast to a shape, the scalar's first."""

    def with_ones(kept: int) -> st.SearchStrategy[Shape]:
        return st.tuples(*(st.sampled_from([n, 1]) for n in whole[len(whole) - kept :]))

    return st.integers(0, len(whole)).flatmap(with_ones)


def arrays(
    dtype: Any = "float32",
    shape: Any = None,
    elements: st.SearchStrategy[Any] | None = None,
    domain: str | tuple[float, float] = "real",
    *,
    allow_nan: bool = False,
    allow_infinity: bool = False,
    allow_subnormal: bool = False,
) -> st.SearchStrategy[Array]:
    """Arrays with values of a domain.

    =================  ==========================================================================
    domain             values
    =================  ==========================================================================
    ``"real"``         -8 to 8, the default
    ``"positive"``     1/16 to 8: log, sqrt, power
    ``"nonzero"``      1/16 to 8 and -8 to -1/16: reciprocal, abs
    ``"unit"``         the open unit interval, from 1/16 to 15/16: logit, probabilities
    ``"symmetric"``    -15/16 to 15/16: arcsin, arctanh, erfinv
    ``"above_one"``    17/16 to 8: arccosh
    ``"distinct"``     multiples of 1/4 in any order, no two alike, so that nothing is near a tie:
                       max, sort, median, pooling; what a dtype does not tell apart is left out
    ``"any"``          every finite value of the dtype
    ``(low, high)``    an interval, with its ends
    =================  ==========================================================================

    Integers are those inside the domain (all of the dtype for ``"any"``), complex numbers have both
    parts inside, and booleans are booleans.

    Args:
        dtype: a dtype, or a strategy of dtypes.
        shape: a shape, a length, or a strategy of shapes; ``shapes()`` by default.
        elements: a strategy of Python numbers in place of a domain.
        domain: see above.
        allow_nan: whether nan may be among the floats; it, too, is about domains other than
            ``"distinct"``, and not about ``elements``.
        allow_infinity: whether infinities may be; inf alone where the domain is positive.
        allow_subnormal: whether an interval around zero, or ``"any"``, includes subnormal numbers.

    Returns:
        A strategy of Arrays.

    Raises:
        ValueError: an unknown domain, or one with no value of the dtype.

    >>> from hypothesis import find
    >>> find(arrays("float32", 2, domain="positive"), lambda x: x[1] > 3)
    Array([1., 4.], dtype=float32)
    >>> find(arrays("int8", (2, 2), domain="distinct"), lambda x: True).tolist()
    [[0, 1], [2, 3]]
    """
    if elements is None:
        _check_domain(domain)
    if shape is None:
        shape = shapes()
    elif not isinstance(shape, st.SearchStrategy):
        shape = st.just((shape,) if isinstance(shape, int) else tuple(shape))
    if not isinstance(dtype, st.SearchStrategy):
        dtype = st.just(canonical(dtype))

    def of(kind: tuple[Any, Shape]) -> st.SearchStrategy[Array]:
        found, sides = canonical(kind[0]), kind[1]
        count = math.prod(sides)
        if elements is None and domain == "distinct":
            rows = _distinct(found, count)
        else:
            one = elements
            if one is None:
                one = _values(found, domain, allow_subnormal)
                if (special := _special(found, domain, allow_nan, allow_infinity)) is not None:
                    one = one | special
            rows = st.lists(one, min_size=count, max_size=count)
        return rows.map(lambda row: asarray(_packed(row, found).reshape(sides)))

    return st.tuples(dtype, shape).flatmap(of)


def _kind(dtype: np.dtype[Any]) -> str:
    """One of b, i, f and c."""
    return "f" if is_float(dtype) else {"u": "i"}.get(dtype.kind, dtype.kind)


def _packed(row: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Values of a dtype; floats by way of float64, which ml_dtypes rounds from."""
    with np.errstate(over="ignore"):  # an element beyond the dtype is the infinity
        if is_float(dtype):
            return np.asarray(row, np.float64).astype(dtype)
        return np.asarray(row, dtype)


def _check_domain(domain: Any) -> None:
    if isinstance(domain, str) and domain in (*DOMAINS, "distinct", "any"):
        return
    if isinstance(domain, tuple) and len(domain) == 2 and domain[0] <= domain[1]:
        return
    raise ValueError(
        f"strategies.arrays: expected a domain among {', '.join([*DOMAINS, 'distinct', 'any'])}, "
        f"or (low, high) with low <= high; got {domain!r}. Remedy: domain=(0.5, 2.0)."
    )


def _intervals(domain: Any) -> tuple[tuple[float, float], ...]:
    return DOMAINS[domain] if isinstance(domain, str) else (domain,)


def _values(dtype: np.dtype[Any], domain: Any, allow_subnormal: bool) -> st.SearchStrategy[Any]:
    """One value of a dtype inside a domain."""
    if dtype.kind == "b":
        return st.booleans()
    if is_complex(dtype):
        part = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
        parts = _values(part, domain, allow_subnormal)
        return st.builds(complex, parts, parts)
    options: list[st.SearchStrategy[Any]]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if domain == "any":
            return st.integers(int(limits.min), int(limits.max))
        spans = [
            (max(math.ceil(low), int(limits.min)), min(math.floor(high), int(limits.max)))
            for low, high in _intervals(domain)
        ]
        options = [st.integers(low, high) for low, high in spans if low <= high]
    else:
        # A width that the dtype has, so that nothing is rounded out of its interval.
        width: Any = {"float16": 16, "float64": 64}.get(dtype.name, 32)
        if domain == "any":
            return _floats(dtype, width, None, allow_subnormal)
        options = [_floats(dtype, width, span, allow_subnormal) for span in _intervals(domain)]
    if not options:
        raise ValueError(
            f"strategies.arrays: the domain {domain!r} has no value of {dtype.name}. "
            "Remedy: a floating-point dtype, or an interval that holds an integer."
        )
    return st.one_of(options)


def _floats(
    dtype: np.dtype[Any], width: Any, span: tuple[float, float] | None, allow_subnormal: bool
) -> st.SearchStrategy[float]:
    """Finite floats; bfloat16 from the float32 numbers that have no more digits."""
    low, high = (None, None) if span is None else span
    if span is not None:
        # The ends go inwards to numbers of the dtype, which they need not be.
        low, high = _inward(span[0], width, math.inf), _inward(span[1], width, -math.inf)
    subnormal = allow_subnormal and _may_be_subnormal(low, high, width)
    found = st.floats(
        low, high, allow_nan=False, allow_infinity=False, allow_subnormal=subnormal, width=width
    )
    if dtype.name != "bfloat16":
        return found
    inside = (-math.inf, math.inf) if span is None else span

    def rounded(value: float) -> float:
        """The nearest bfloat16 towards zero, which is inside unless an end is in between."""
        bits = np.asarray(value, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
        return float(bits.view(np.float32))

    return found.map(rounded).filter(lambda value: inside[0] <= value <= inside[1])


def _inward(end: float, width: int, towards: float) -> float:
    """The nearest number of a float type that is not outside an end of an interval."""
    kind = _TYPES[width]
    with np.errstate(over="ignore"):
        near = kind(end)
    # As Python numbers, since NumPy would round the end before it compares.
    outside = float(near) < end if towards > 0 else float(near) > end
    return float(np.nextafter(near, kind(towards)) if outside else near)


def _may_be_subnormal(low: float | None, high: float | None, width: int) -> bool:
    """Whether an interval holds subnormal numbers; hypothesis refuses the wish where not."""
    tiny = float(np.finfo(_TYPES[width]).tiny)
    return (low is None or low < tiny) and (high is None or high > -tiny) and not low == high == 0


def _special(
    dtype: np.dtype[Any], domain: Any, allow_nan: bool, allow_infinity: bool
) -> st.SearchStrategy[Any] | None:
    """The values that are not finite."""
    if _kind(dtype) not in "fc":
        return None
    found = [math.nan] if allow_nan else []
    if allow_infinity:
        spans = ((-1.0, 1.0),) if domain == "any" else _intervals(domain)
        found += [math.inf] if max(high for _, high in spans) > 0 else []
        found += [-math.inf] if min(low for low, _ in spans) < 0 else []
    return st.sampled_from(found) if found else None


def _distinct(dtype: np.dtype[Any], count: int) -> st.SearchStrategy[list[Any]]:
    """``count`` values with gaps between them, in any order; in increasing order when shrunk."""
    limit = {"b": 2, "i": 2 ** (8 * dtype.itemsize - (dtype.kind == "i"))}.get(
        _kind(dtype), 2 ** (np.finfo(np.float32).nmant if dtype.itemsize > 2 else 8)
    )
    if count > limit:
        raise ValueError(
            f"strategies.arrays: {dtype.name} has no {count} values that are distinct. "
            f"Remedy: a shape of at most {limit} elements, or a wider dtype."
        )
    step = _GAP if _kind(dtype) in "fc" else 1
    return st.permutations(range(count)).map(lambda order: [step * n for n in order])


def pytrees(
    leaves: st.SearchStrategy[Any], *, max_leaves: int = 6, allow_none: bool = True
) -> st.SearchStrategy[Any]:
    """Pytrees: leaves, and lists, tuples and dicts of pytrees.

    Args:
        leaves: a strategy of leaves, such as ``arrays()``.
        max_leaves: about how many leaves there are at most.
        allow_none: whether None, a container without leaves, may be inside.

    Returns:
        A strategy of pytrees, which shrinks to a single leaf.

    >>> from hypothesis import find
    >>> from functorch_lite import tree
    >>> find(pytrees(keys()), lambda t: isinstance(t, dict) and len(tree.leaves(t)) > 0)
    {'a': Array([0, 0], dtype=uint32)}
    """
    inner = st.one_of(leaves, st.none()) if allow_none else leaves

    def containers(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        rows = st.lists(parts, max_size=3)
        return st.one_of(
            rows, rows.map(tuple), st.dictionaries(st.sampled_from("abc"), parts, max_size=3)
        )

    found = st.recursive(inner, containers, max_leaves=max_leaves)
    return found.filter(lambda tree: tree is not None)


def axes(
    rank: int, *, min_size: int = 0, max_size: int | None = None, allow_negative: bool = True
) -> st.SearchStrategy[tuple[int, ...]]:
    """Different axes of an array, as ``sum(axis=...)`` takes them.

    Args:
        rank: number of axes of the array.
        min_size: the fewest axes.
        max_size: the most; ``rank`` by default.
        allow_negative: whether some are counted from the end.

    Returns:
        A strategy of tuples of ints; ``min_size=1, max_size=1`` gives one axis in a tuple.

    Raises:
        ValueError: bounds that no choice meets.

    >>> from hypothesis import find
    >>> find(axes(3), lambda chosen: len(chosen) == 2)
    (0, 1)
    """
    most = rank if max_size is None else max_size
    if not 0 <= min_size <= most <= rank:
        raise ValueError(
            "strategies.axes: expected 0 <= min_size <= max_size <= rank; got min_size "
            f"{min_size}, max_size {most}, rank {rank}. Remedy: an array of rank {most} or more."
        )
    if rank == 0:
        return st.just(())
    places = st.lists(st.integers(0, rank - 1), min_size=min_size, max_size=most, unique=True)
    if not allow_negative:
        return places.map(tuple)

    def signed(chosen: list[int]) -> st.SearchStrategy[tuple[int, ...]]:
        return st.tuples(*(st.sampled_from([axis, axis - rank]) for axis in chosen))

    return places.flatmap(signed)


def keys() -> st.SearchStrategy[Array]:
    """Keys of ``functorch_lite.random``, u32[2]; shrinks to ``key(0)``.

    >>> from hypothesis import find
    >>> find(keys(), lambda key: True)
    Array([0, 0], dtype=uint32)
    """
    return st.integers(0, 2**64 - 1).map(key)

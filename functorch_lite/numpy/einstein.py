"""Einstein summation: any number of operands, two at a time, each step one ``dot_general``."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import cast, promote
from functorch_lite.numpy.diagonals import diagonal
from functorch_lite.numpy.linalg_basic import _dot
from functorch_lite.numpy.reductions import sum as _sum
from functorch_lite.numpy.shapes import moveaxis

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(
    subscripts: Any,
    /,
    *operands: Any,
    out: None = None,
    optimize: Any = "greedy",
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Sums of products, in Einstein's notation.

    Args:
        subscripts: one letter per axis and operand, e.g. ``"ij,jk->ik"``. A letter that is missing
            from the output is summed over; without ``->`` the output is the letters that occur
            once, sorted. A letter twice in one operand takes its diagonal; ``...`` stands for
            leading axes that broadcast. Also as alternating operands and lists of ints.
        *operands: arrays.
        out: must be None.
        optimize: order of the products: ``"greedy"``, ``"optimal"``, True, False, or a path as
            ``numpy.einsum_path`` gives it.
        precision: accepted for JAX's sake.
        preferred_element_type: dtype to compute in and to return.

    Returns:
        array with one axis per letter of the output.

    Raises:
        ShapeError: naming the operand and the letter that do not fit.

    >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)

    Source: numpy.einsum.
    """
    del precision
    if out is not None:
        raise TypeError("einsum: out must be None, because arrays never change.")
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists((subscripts, *operands))
    names = [f"operand {i}" for i in range(len(operands))]
    arrays = promote(*operands, fun="einsum", names=names)
    if preferred_element_type is not None:
        arrays = [cast(a, canonical(preferred_element_type)) for a in arrays]
    terms, output = _parse(subscripts, arrays)
    sizes = _sizes(subscripts, terms, arrays)
    work = [_without_repeats(a, term) for a, term in zip(arrays, terms, strict=True)]
    work = [_without_ones(a, term, sizes) for a, term in work]
    for positions in _path(terms, output, sizes, optimize):
        picked = [work.pop(i) for i in sorted(positions, reverse=True)][::-1]
        while picked:
            rest = set(output).union(*[term for _, term in work + picked[2:]])
            if len(picked) == 1:
                first = _summed(*picked[0], rest)
            else:
                first = _contract(picked[0], picked[1], rest)
            picked = [first, *picked[2:]] if len(picked) > 2 else []
        work.append(first)
    return _ordered(*work[0], output)


def _from_lists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The string form of ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""

    def text(axes: Any) -> str:
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in axes)

    pairs = len(args) // 2
    operands, lists = args[: 2 * pairs : 2], args[1 : 2 * pairs : 2]
    subscripts = ",".join(map(text, lists))
    if len(args) % 2:
        subscripts += "->" + text(args[-1])
    return subscripts, operands


def _parse(subscripts: str, arrays: list[Array]) -> tuple[list[str], str]:
    """One string of letters per operand, and the output's; every ``...`` is replaced by letters."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ShapeError(
            f"einsum: {subscripts!r} names {len(terms)} operands, but {len(arrays)} are given."
        )
    for part in (*terms, right):
        bare = part.replace("...", "", 1)
        if any(c not in _LETTERS for c in bare):
            raise ValueError(
                f"einsum: {part!r} in {subscripts!r} must consist of letters and one '...'."
            )
    used = set(left + right)
    spare = [c for c in _LETTERS if c not in used]
    ranks = []
    for i, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        letters = len(term.replace("...", ""))
        dots = "..." in term
        if letters > a.ndim or (letters < a.ndim and not dots):
            raise ShapeError(
                f"einsum: operand {i} has {a.ndim} axes (shape {a.shape}), but its subscripts "
                f"{term!r} in {subscripts!r} name {letters}. Remedy: one letter per axis, or '...'."
            )
        ranks.append(a.ndim - letters if dots else 0)
    many = spare[: max(ranks, default=0)]
    terms = [
        term.replace("...", "".join(many[len(many) - rank :]))
        for term, rank in zip(terms, ranks, strict=True)
    ]
    if arrow:
        output = right.replace("...", "".join(many))
    else:
        joined = "".join(terms)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in many)
        output = "".join(many) + "".join(once)
    for c in output:
        if output.count(c) > 1 or c not in "".join(terms):
            problem = "twice" if output.count(c) > 1 else "but in no operand"
            raise ValueError(f"einsum: {c!r} occurs in the output of {subscripts!r} {problem}.")
    return terms, output


def _sizes(subscripts: str, terms: list[str], arrays: list[Array]) -> dict[str, int]:
    """The size of every letter; size 1 broadcasts."""
    sizes: dict[str, int] = {}
    owner: dict[str, int] = {}
    for i, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        for axis, (c, n) in enumerate(zip(term, a.shape, strict=True)):
            have = sizes.get(c, 1)
            if have != n and 1 not in (have, n):
                raise ShapeError(
                    f"einsum: in {subscripts!r}, subscript {c!r} has size {n} on axis {axis} of "
                    f"operand {i} (shape {a.shape}), but size {have} in operand {owner[c]} (shape "
                    f"{arrays[owner[c]].shape}). Remedy: use different letters, or fix the shapes."
                )
            if have == 1:
                sizes[c], owner[c] = n, i
    return sizes


def _without_repeats(a: Array, term: str) -> tuple[Array, str]:
    """Diagonals taken until every letter occurs once."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            n, m = a.shape[i], a.shape[j]
            if n != m:
                raise ShapeError(
                    f"einsum: the repeated subscript {c!r} names axes of sizes {n} and {m} of one "
                    "operand; a diagonal needs equal ones."
                )
            a = moveaxis(diagonal(a, 0, i, j), -1, i)
            term = term[:j] + term[j + 1 :]
    return a, term


def _without_ones(a: Array, term: str, sizes: dict[str, int]) -> tuple[Array, str]:
    """Axes of size 1 dropped where the letter is longer elsewhere."""
    keep = [i for i, c in enumerate(term) if a.shape[i] == sizes[c]]
    if len(keep) < len(term):
        a = ops.reshape(a, shape=tuple(a.shape[i] for i in keep))
    return a, "".join(term[i] for i in keep)


def _path(terms: list[str], output: str, sizes: dict[str, int], optimize: Any) -> Any:
    count = len(terms)
    if count <= 2:
        return [tuple(range(count))]
    if isinstance(optimize, (list, tuple)):
        return [p for p in optimize if p != "einsum_path"]
    if not optimize:
        return [(0, 1)] + [(0, count - 2 - i) for i in range(count - 2)]
    how = "greedy" if optimize is True or optimize == "auto" else optimize
    # Dummies of the full sizes: numpy.einsum_path looks at shapes only.
    shapes = [np.broadcast_to(np.float64(0), [sizes[c] for c in _once(term)]) for term in terms]
    text = ",".join(map(_once, terms)) + "->" + output
    return np.einsum_path(text, *shapes, optimize=how)[0][1:]


def _once(term: str) -> str:
    return "".join(dict.fromkeys(term))


def _contract(x: tuple[Array, str], y: tuple[Array, str], rest: set[str]) -> tuple[Array, str]:
    """The product of two operands, summed over the letters that nothing else needs."""
    (a, s), (b, t) = x, y
    shared = [c for c in s if c in t]
    summed = [c for c in shared if c not in rest]
    batch = [c for c in shared if c in rest]
    a, s = _summed(a, s, rest | set(t))
    b, t = _summed(b, t, rest | set(shared))
    out = _dot(
        a,
        b,
        (tuple(map(s.index, summed)), tuple(map(t.index, summed))),
        (tuple(map(s.index, batch)), tuple(map(t.index, batch))),
    )
    term = "".join(batch) + "".join(c for c in s + t if c not in shared)
    return out, term


def _summed(a: Array, term: str, needed: set[str]) -> tuple[Array, str]:
    """Summed over the letters that are not needed any more."""
    axes = tuple(i for i, c in enumerate(term) if c not in needed)
    if axes:
        a = _sum(a, axes, dtype=a.dtype)
    return a, "".join(c for c in term if c in needed)


def _ordered(a: Array, term: str, output: str) -> Array:
    perm = tuple(map(term.index, output))
    return a if perm == tuple(range(len(perm))) else ops.transpose(a, perm=perm)


def einsum_path(subscripts: str, /, *operands: Any, optimize: Any = "greedy") -> Any:
    """The order in which :func:`einsum` takes its products, and a report; as in NumPy.

    >>> einsum_path("ij,jk,kl->il", np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)))[0]
    ['einsum_path', (0, 1), (0, 1)]
    """
    shapes = [np.broadcast_to(np.float64(0), np.shape(x)) for x in operands]
    return np.einsum_path(subscripts, *shapes, optimize=optimize)

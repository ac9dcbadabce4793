"""Sums of products after Einstein, contracted pair by pair from the left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.autocast import casting
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.bilinear import product

__all__ = ["einsum"]

Term = tuple[Any, ...]
DOTS = "..."


@public("einsum", methods=False)
def einsum(*args: Any) -> Tensor:
    """A sum of products, written with one letter per dimension.

    Args:
        args: an equation such as ``"ij,jk->ik"`` and the operands; or each operand followed by a
            list of numbers for its dimensions, and a list for the result.

    Returns:
        a tensor whose dimensions are the letters after the arrow, or the letters that occur once.

    Raises:
        RuntimeError: the equation is wrong, or does not fit the operands.
        ValueError: nothing is given, or a number is out of range.

    Source: ``torch.einsum``.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, operands = _from_lists(args)
    else:
        equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    terms, output = _parsed(equation)
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): {'fewer' if len(operands) < len(terms) else 'more'} operands were provided "
            "than specified in the equation"
        )
    return _evaluated(terms, output, operands)


def _letter(number: int) -> str:
    if not 0 <= number < 52:
        raise ValueError(
            "einsum(): subscript in subscript list is not within the valid range [0, 52)"
        )
    return chr(ord("A") + number) if number < 26 else chr(ord("a") + number - 26)


def _from_lists(args: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The equation and operands of the form with lists."""

    def written(numbers: Sequence[Any]) -> str:
        return "".join(DOTS if n is Ellipsis else _letter(n) for n in numbers)

    equation = ",".join(written(numbers) for numbers in args[1::2])
    if len(args) % 2:
        equation += "->" + written(args[-1])
    return equation, tuple(args[: len(args) // 2 * 2 : 2])


@lru_cache(maxsize=1024)
def _parsed(equation: str) -> tuple[tuple[Term, ...], Term | None]:
    """The letters of each operand and of the result; None where no result is written."""
    left, arrow, right = equation.partition("->")
    terms = []
    start = 0
    for i, text in enumerate(left.split(",")):
        terms.append(_term(text, f"operand {i}", start, ""))
        start += len(text) + 1
    return tuple(terms), _term(right, "output", len(left) + 2, " (...)") if arrow else None


def _term(text: str, what: str, start: int, extra: str) -> Term:
    found: list[str] = []
    at = 0
    while at < len(text):
        c = text[at]
        if c == ".":
            if DOTS in found:
                for_which = f"for {what} but an ellipsis{extra}" if extra else (
                    f"for {what} for which an ellipsis")  # fmt: skip
                raise RuntimeError(f"einsum(): found '.' {for_which} was already found")
            if text[at : at + 3] != DOTS:
                raise RuntimeError(
                    f"einsum(): found '.' for {what} that is not part of any ellipsis{extra}"
                )
            found.append(DOTS)
            at += 3
            continue
        if c != " ":
            if not (c.isascii() and c.isalpha()):
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {start + at} in the equation "
                    "string, subscripts must be in [a-zA-Z]"
                )
            if extra and c in found:
                raise RuntimeError(
                    f"einsum(): output subscript {c} appears more than once in the output"
                )
            found.append(c)
        at += 1
    return tuple(found)


def _evaluated(terms: Sequence[Term], output: Term | None, operands: Sequence[Any]) -> Tensor:
    extra = _ellipsis_size(terms, operands)
    counts: dict[str, int] = {}
    for term in terms:
        for c in term:
            counts[c] = counts.get(c, 0) + 1
    letters = sorted(c for c in counts if c != DOTS)
    if output is None:
        dots = (DOTS,) if extra else ()
        output = (*dots, *[c for c in letters if counts[c] == 1])
    places: dict[Any, int] = {}
    for c in output:
        if c == DOTS:
            for k in range(extra):
                places[k] = len(places)
            continue
        if c not in counts:
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input "
                "operand"
            )
        places[c] = len(places)
    shown = len(places)
    # An ellipsis that the result does not have is summed over.
    for c in [*([] if DOTS in output else range(extra)), *letters]:
        places.setdefault(c, len(places))
    _check_sizes(terms, operands, extra)
    ready: list[Any]
    if len(operands) > 1 and _is_plain(operands):
        # Outside of the graph the same steps on raw arrays cost less.
        ready = [_Raw(x._np) for x in operands]
        ready = [_arranged(t, x, extra, places) for t, x in zip(terms, ready, strict=True)]
        return make(_contracted(ready, shown, len(places))._np)
    ready = [_arranged(t, x, extra, places) for t, x in zip(terms, operands, strict=True)]
    if len(ready) == 1:
        ready = [ready[0].permute(list(range(len(places))))]
    return _contracted(ready, shown, len(places))


def _is_plain(operands: Sequence[Any]) -> bool:
    dtype = operands[0]._np.dtype
    if dtype.char not in "fdlq" or any(x._np.dtype != dtype for x in operands):
        return False
    if casting.on:
        return False  # it casts the operands of each product of matrices
    return not (mode.enabled and any(needs_grad(x) for x in operands))


class _Raw:
    """A raw array with the methods of tensors that are used below."""

    __slots__ = ("_np",)

    def __init__(self, array: Any) -> None:
        self._np = array

    def permute(self, order: Any) -> _Raw:
        return _Raw(self._np.transpose(order))

    def reshape(self, *size: int) -> _Raw:
        return _Raw(self._np.reshape(size))

    def view(self, size: Any) -> _Raw:
        return _Raw(self._np.reshape(size))

    def unsqueeze(self, dim: int) -> _Raw:
        return _Raw(self._np[..., None])

    def sum(self, dims: Any, keepdim: bool = False) -> _Raw:
        return _Raw(self._np.sum(tuple(dims), keepdims=keepdim))

    def diagonal(self, offset: int, first: int, second: int) -> _Raw:
        return _Raw(self._np.diagonal(offset, first, second))

    def movedim(self, source: int, target: int) -> _Raw:
        return _Raw(np.moveaxis(self._np, source, target))

    def bmm(self, other: _Raw) -> _Raw:
        return _Raw(product(self._np, other._np))

    def __mul__(self, other: _Raw) -> _Raw:
        return _Raw(state.run(np.multiply, self._np, other._np))


def _ellipsis_size(terms: Sequence[Term], operands: Sequence[Any]) -> int:
    """How many dimensions the dots stand for."""
    extra = 0
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        ndim = x._np.ndim
        if DOTS in term:
            if len(term) - 1 > ndim:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({len(term) - 1}) is more "
                    f"than the number of dimensions ({ndim}) for operand {i}"
                )
            extra = max(extra, ndim - len(term) + 1)
        elif len(term) != ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match "
                f"the number of dimensions ({ndim}) for operand {i} and no ellipsis was given"
            )
    return extra


def _labels(term: Term, ndim: int, extra: int) -> list[Any]:
    """One label per dimension: letters, and numbers for what the dots stand for."""
    found: list[Any] = []
    for c in term:
        if c == DOTS:
            have = ndim - len(term) + 1
            found.extend(range(extra - have, extra))
        else:
            found.append(c)
    return found


def _check_sizes(terms: Sequence[Term], operands: Sequence[Any], extra: int) -> None:
    known: dict[Any, int] = {}
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        own: dict[Any, int] = {}
        for label, n in zip(_labels(term, x._np.ndim, extra), x._np.shape, strict=True):
            if label in own and own[label] != n:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't "
                    f"match, {n} != {own[label]}"
                )
            own[label] = n
        for label, n in own.items():
            before = known.get(label, 1)
            if n != 1 and before not in (1, n):
                what = "" if isinstance(label, str) else "dimension "
                name = label if isinstance(label, str) else f"{label} covered by ellipsis"
                raise RuntimeError(
                    f"einsum(): {what or 'subscript '}{name} has size {n} for operand {i} which "
                    f"does not broadcast with previously seen size {before}"
                )
            known[label] = before if n == 1 else n


def _arranged(term: Term, x: Any, extra: int, places: dict[Any, int]) -> Any:
    """An operand with a dimension for every label, in their order; of size 1 where it has none."""
    labels = _labels(term, x._np.ndim, extra)
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            first = labels.index(c)
            second = labels.index(c, first + 1)
            x = x.diagonal(0, first, second)
            x = x.movedim(-1, first)
            del labels[second]
    for label in places:
        if label not in labels:
            labels.append(label)
            x = x.unsqueeze(-1)
    order = sorted(range(len(labels)), key=lambda i: places[labels[i]])
    return _permuted(x, order)


def _permuted(x: Any, order: Sequence[int]) -> Any:
    return x if list(order) == list(range(len(order))) else x.permute(order)


def _contracted(operands: list[Any], shown: int, total: int) -> Any:
    hidden = range(shown, total)
    left: dict[int, int] = {
        d: sum(x._np.shape[d] != 1 for x in operands) for d in hidden
    }  # fmt: skip
    waiting = list(operands)
    while len(waiting) > 1:
        # A product goes to the end of the queue, as in PyTorch.
        a, b, *waiting = waiting
        x, y = a._np.shape, b._np.shape
        both, only_a, only_b = [], [], []
        for d in hidden:
            if x[d] != 1 and y[d] != 1:
                left[d] -= 1
                if left[d] == 1:
                    both.append(d)
                    left[d] = 0
            elif left[d] == 1:
                if x[d] != 1:
                    only_a.append(d)
                    left[d] = 0
                elif y[d] != 1:
                    only_b.append(d)
                    left[d] = 0
        if only_a:
            a = a.sum(only_a, keepdim=True)
        if only_b:
            b = b.sum(only_b, keepdim=True)
        waiting.append(_pair(a, b, both, len(operands) == 2) if both else a * b)
    (a,) = waiting
    if hidden:
        if len(operands) > 1:
            a = a.view(a._np.shape[:shown])
        else:
            a = a.sum(list(hidden))
    return a


def _pair(a: Any, b: Any, summed: Sequence[int], alone: bool) -> Any:
    """The product of two operands, summed over some dimensions, which stay with size 1.

    Args:
        alone: whether there are no others: then they may change places, so that the result comes
            out in the order of its dimensions.
    """
    x, y = a._np.shape, b._np.shape
    shared, rows, columns = [], [], []
    for d in range(len(x)):
        if d in summed:
            continue
        if x[d] != 1 and y[d] != 1:
            shared.append(d)
        elif x[d] != 1:
            rows.append(d)
        else:
            columns.append(d)
    if alone and rows and columns and columns[-1] < rows[0]:
        a, b, x, y, rows, columns = b, a, y, x, columns, rows
    batch = math.prod(x[d] for d in shared)
    inside = math.prod(x[d] for d in summed)
    first = _permuted(a, (*shared, *rows, *summed, *columns))
    first = first.reshape(batch, math.prod(x[d] for d in rows), inside)
    second = _permuted(b, (*shared, *summed, *columns, *rows))
    second = second.reshape(batch, inside, math.prod(y[d] for d in columns))
    out = first.bmm(second)
    order = [*shared, *rows, *summed, *columns]
    sizes = (
        *[x[d] for d in shared], *[x[d] for d in rows], *[1] * len(summed),
        *[y[d] for d in columns],
    )  # fmt: skip
    return _permuted(out.view(sizes), [order.index(d) for d in range(len(order))])

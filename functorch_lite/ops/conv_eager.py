"""Convolution over NumPy and CuPy arrays: the eager side of ``ops.conv``.

Elements of the operand are copied into columns, so that one product of matrices sums over channels
and kernel together. Padding, strides and dilations are only slices in that copy: it is made one
kernel position at a time, or one position of the result where those are fewer, as in the gradient
by the kernel. Other ways serve where columns would be wasteful: no copy at all where there is one
position, products that are spread over the result where it has fewer channels or the operand has
holes, and plain multiplication where there is one channel in and one out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import is_bool
from functorch_lite.ops.conv_shape import meeting, output_sizes

__all__ = ["convolve"]

# Bytes of columns that are made at a time: a share of a core's cache, where there are enough of
# them for the product to pay; on a GPU, enough to fill it.
CACHED, CACHED_ELSEWHERE = 2**20, 2**26
# Bytes beyond which the sum over channels and kernel is taken in parts.
LARGEST = 2**26

Slices = tuple[slice, ...]
_ALL = slice(None)


class Plan:
    """What the shapes and params of a convolution say about the way to compute it.

    Attributes:
        outs: spatial sizes of the result.
        by_result: whether the listed positions are those of the result rather than the kernel's.
        positions: ``(number, filled, taken)`` for every position that meets the operand: slices of
            the other one's spatial dimensions, and of the operand's.
        count: number of positions, those included that do not meet the operand.
        complete: whether every position fills all of the other one's elements.
        spreads: whether to multiply first and spread the products over the result.
        padded: spatial sizes of the operand with its padding, but without holes.
        shifts: whether a kernel position is one shift of all of the padded operand's memory, since
            there are neither strides nor holes.
    """

    def __init__(self, x_shape: Any, w_shape: Any, params: tuple[Any, ...]) -> None:
        strides, padding, x_dilation, w_dilation = params
        sizes, kernel = x_shape[3:], w_shape[3:]
        self.outs = outs = output_sizes(x_shape, w_shape, *params)
        inner, outer = math.prod(kernel), math.prod(outs)
        self.by_result = inner > outer or outer == 1
        # Columns have a row per channel, products one per output; adding takes two passes.
        columns, products = x_shape[2] * outer, w_shape[1] * math.prod(sizes)
        self.spreads = not self.by_result and inner > 1 and columns >= 2 * products
        self.count = outer if self.by_result else inner
        self.shifts = all(s == d == 1 for s, d in zip(strides, x_dilation, strict=True))
        self.padded = tuple(n + lo + hi for n, (lo, hi) in zip(sizes, padding, strict=True))
        free = kernel if self.by_result else outs
        lines = []
        for n, k, m, s, (low, _), dx, dw in zip(
            sizes, kernel, outs, strides, padding, x_dilation, w_dilation, strict=True
        ):
            if self.by_result:
                lines.append([meeting(k, dw, j * s - low, n, dx) for j in range(m)])
            else:
                lines.append([meeting(m, s, j * dw - low, n, dx) for j in range(k)])
        self.positions: list[tuple[int, Slices, Slices]] = []
        for number, met in enumerate(product(*lines)):
            pairs = [pair for pair in met if pair is not None]
            if len(pairs) == len(met):
                filled, taken = tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
                self.positions.append((number, filled, taken))
        self.complete = len(self.positions) == self.count and all(
            s.start == 0 and s.stop == n and s.step == 1
            for _, filled, _ in self.positions
            for s, n in zip(filled, free, strict=True)
        )


_plan = lru_cache(maxsize=1024)(Plan)


def convolve(
    xp: Any, x: Any, w: Any, *, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> Any:
    """The convolution of x (G, N, C, *S) with w (G, O, C, *K)."""
    if is_bool(x.dtype):
        raise TypeError("conv of bool")
    plan = _plan(x.shape, w.shape, (strides, padding, x_dilation, w_dilation))
    shape = (x.shape[0], x.shape[1], w.shape[1], *plan.outs)
    if not plan.positions or 0 in shape or not x.shape[2]:
        return xp.zeros(shape, x.dtype)
    if plan.by_result:
        return _over_result(xp, x, w, plan, shape)
    if w.shape[1] == w.shape[2] == 1:
        if plan.shifts:
            return _one_channel_shifted(xp, x, w, plan, padding, w_dilation, shape)
        return _one_channel(xp, x, w, plan, shape)
    if plan.spreads:
        return _spread(xp, x, w, plan, shape)
    return _over_kernel(xp, x, w, plan, shape)


# ------------------------------------------------------------------------------------------- blocks
def _cached(xp: Any) -> int:
    return CACHED if xp is np else CACHED_ELSEWHERE


def _share(size: int, budget: int, unit: int) -> int:
    """How many of ``size`` things of ``unit`` bytes fit into ``budget`` bytes; at least one."""
    return max(1, min(size, budget // max(unit, 1)))


def _parts(size: int, block: int) -> Iterator[slice]:
    return (slice(i, min(size, i + block)) for i in range(0, size, block))


def _store(xp: Any, target: Any, a: Any, b: Any, more: bool) -> None:
    """Put the product of matrices into ``target``, or add it there."""
    if more:
        target[...] += xp.matmul(a, b)
    elif xp is np:
        np.matmul(a, b, out=target)
    else:
        target[...] = xp.matmul(a, b)


class _Columns:
    """A buffer for columns, used again as long as the blocks have one shape.

    A position leaves the same elements empty in every block, so they are set to zero once.
    """

    def __init__(self, xp: Any, dtype: Any, plan: Plan) -> None:
        self.new = xp.empty if plan.complete else xp.zeros
        self.dtype, self.plan = dtype, plan
        self.key: Any = None

    def fill(self, x: Any, where: slice, axis: int, shape: Any) -> Any:
        """Columns of a block of the operand, for a range of positions, which are at ``axis``."""
        key = shape, where.start
        if self.key != key:
            self.key, self.buffer = key, self.new(shape, self.dtype)
        lead = (_ALL,) * axis
        between = (_ALL,) * (3 - axis)
        for number, filled, taken in self.plan.positions:
            if where.start <= number < where.stop:
                at = (*lead, number - where.start, *between, *filled)
                self.buffer[at] = x[(_ALL, _ALL, _ALL, *taken)]
        return self.buffer


# --------------------------------------------------------------------------------- the general ways
def _over_kernel(xp: Any, x: Any, w: Any, plan: Plan, shape: Any) -> Any:
    """Columns (C * K, S') of every example, multiplied by w (O, C * K)."""
    groups, size, channels = x.shape[:3]
    outputs, inner = math.prod(plan.outs), plan.count
    w = w.reshape(groups, 1, shape[2], channels, inner)
    out = xp.empty((groups, size, shape[2], outputs), x.dtype)
    if inner == 1 and plan.complete:
        (_, _, taken), *_ = plan.positions
        columns = x[(_ALL, _ALL, _ALL, *taken)].reshape(groups, size, channels, outputs)
        _store(xp, out, w[..., 0], columns, False)
        return out.reshape(shape)
    unit = outputs * x.itemsize
    in_kernel = _share(inner, LARGEST, unit)
    in_channels = _share(channels, LARGEST, unit * in_kernel)
    unit *= in_kernel * in_channels
    in_batch = _share(size, _cached(xp), unit)
    in_groups = _share(groups, _cached(xp), unit * in_batch)
    columns = _Columns(xp, x.dtype, plan)
    for g, n in product(_parts(groups, in_groups), _parts(size, in_batch)):
        for c, k in product(_parts(channels, in_channels), _parts(inner, in_kernel)):
            part = x[g, n, c]
            block = (*part.shape[:3], k.stop - k.start, *plan.outs)
            filled = columns.fill(part, k, 3, block).reshape(*part.shape[:2], -1, outputs)
            rows = w[g, :, :, c, k].reshape(part.shape[0], 1, shape[2], -1)
            _store(xp, out[g, n], rows, filled, bool(c.start or k.start))
    return out.reshape(shape)


def _over_result(xp: Any, x: Any, w: Any, plan: Plan, shape: Any) -> Any:
    """Rows (N * S', C * K), transposed and multiplied by w (O, C * K).

    The memory of the result has O in front of N, since the rule for the gradient by a kernel
    exchanges the two.
    """
    groups, size, channels = x.shape[:3]
    kernel = w.shape[3:]
    outputs, inner = plan.count, math.prod(kernel)
    w = w.reshape(groups, shape[2], channels, inner)
    out = xp.empty((groups, shape[2], size, outputs), x.dtype)
    unit = inner * x.itemsize
    in_result = _share(outputs, LARGEST, unit)
    in_batch = _share(size, LARGEST, unit * in_result)
    unit *= in_result * in_batch
    direct = outputs == 1 and plan.complete
    in_channels = channels if direct else _share(channels, _cached(xp), unit)
    in_groups = groups if direct else _share(groups, _cached(xp), unit * in_channels)
    rows = _Columns(xp, x.dtype, plan)
    for g, n, p in product(
        _parts(groups, in_groups), _parts(size, in_batch), _parts(outputs, in_result)
    ):
        target = out[g, :, n, p]
        for c in _parts(channels, in_channels):
            part = x[g, n, c]
            if direct:
                filled = part[(_ALL, _ALL, _ALL, *plan.positions[0][2])]
            else:
                block = (*part.shape[:2], p.stop - p.start, part.shape[2], *kernel)
                filled = rows.fill(part, p, 2, block)
            across = filled.reshape(part.shape[0], -1, part.shape[2] * inner).swapaxes(1, 2)
            found = xp.matmul(w[g, :, c].reshape(part.shape[0], shape[2], -1), across)
            if c.start:
                target[...] += found.reshape(target.shape)
            else:
                target[...] = found.reshape(target.shape)
    return out.reshape(groups, shape[2], size, *plan.outs).swapaxes(1, 2)


# -------------------------------------------------------------------------------- the special ways
def _spread(xp: Any, x: Any, w: Any, plan: Plan, shape: Any) -> Any:
    """Products (O * K, S) of every example, added where they belong in the result."""
    groups, size, channels = x.shape[:3]
    sizes, outputs = x.shape[3:], shape[2]
    out = xp.zeros(shape, x.dtype)
    w = w.reshape(groups, outputs, channels, plan.count).transpose(0, 3, 1, 2)
    unit = outputs * math.prod(sizes) * x.itemsize
    in_kernel = _share(plan.count, LARGEST, unit)
    in_batch = _share(size, _cached(xp), unit * in_kernel)
    for k in _parts(plan.count, in_kernel):
        count = k.stop - k.start
        rows = w[:, k].reshape(groups, 1, count * outputs, channels)
        for n in _parts(size, in_batch):
            part = x[:, n].reshape(groups, n.stop - n.start, channels, -1)
            products = xp.matmul(rows, part).reshape(*part.shape[:2], count, outputs, *sizes)
            for number, filled, taken in plan.positions:
                if k.start <= number < k.stop:
                    out[(_ALL, n, _ALL, *filled)] += products[
                        (_ALL, _ALL, number - k.start, _ALL, *taken)
                    ]
    return out


def _one_channel(xp: Any, x: Any, w: Any, plan: Plan, shape: Any) -> Any:
    """Sum of the operand's slices, each times one number per group."""
    out = xp.zeros(shape, x.dtype)
    w = w.reshape(w.shape[0], 1, 1, *(1,) * len(plan.outs), plan.count)
    for number, filled, taken in plan.positions:
        out[(_ALL, _ALL, _ALL, *filled)] += x[(_ALL, _ALL, _ALL, *taken)] * w[..., number]
    return out


def _one_channel_shifted(
    xp: Any, x: Any, w: Any, plan: Plan, padding: Any, w_dilation: Any, shape: Any
) -> Any:
    """The same where all of a padded group is one line, which every kernel position shifts.

    The line is summed up to the places where windows run over an edge, which are cut off: long
    lines are so much faster than many short ones.
    """
    padded = plan.padded
    inner = [max(0, low) for low, _ in padding], [max(0, -low) for low, _ in padding]
    lengths = [
        n - f - max(0, -h) for n, f, (_, h) in zip(x.shape[3:], inner[1], padding, strict=True)
    ]
    to, of = (tuple(slice(a, a + n) for a, n in zip(at, lengths, strict=True)) for at in inner)
    field = xp.zeros((*x.shape[:2], *padded), x.dtype)
    field[(_ALL, _ALL, *to)] = x[(_ALL, _ALL, 0, *of)]
    field = field.reshape(x.shape[0], -1)
    steps = [math.prod(padded[i + 1 :]) * d for i, d in enumerate(w_dilation)]
    places = product(
        *(range(0, k * step, step) for k, step in zip(w.shape[3:], steps, strict=True))
    )
    shifts = [sum(place) for place in places]
    length = field.shape[1] - shifts[-1]
    w = w.reshape(w.shape[0], 1, plan.count)
    out = xp.empty(field.shape, x.dtype)
    for g in _parts(len(field), _share(len(field), _cached(xp), field.shape[1] * x.itemsize)):
        total = field[g, :length] * w[g, :, 0]
        for number, shift in enumerate(shifts[1:], 1):
            total += field[g, shift : shift + length] * w[g, :, number]
        out[g, :length] = total
    out = out.reshape(*x.shape[:2], 1, *padded)
    return out[(_ALL, _ALL, _ALL, *(slice(0, m) for m in plan.outs))]

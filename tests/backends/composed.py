"""Functions in which ops meet in the ways that a compiler takes apart and puts together.

Each entry is a name, a function of arrays and its arguments; lengths along the lanes sweep through
what is less than, equal to and more than a vector or two.
"""

from __future__ import annotations

import numpy as np

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, ops

LENGTHS = (1, 3, 7, 15, 16, 17, 33, 64, 65, 130)


def rng_of(*key):
    return np.random.default_rng([7, *key])


def normal(shape, dtype=np.float64, key=0):
    return rng_of(key, *shape).normal(size=shape).astype(dtype)


def integers(low, high, shape, key=0):
    return rng_of(key, *shape).integers(low, high, shape)


# ------------------------------------------------------------------------------ around reductions
def reductions(n, axis):
    """Elementwise before and after each reduction of a matrix."""

    def f(x, y):
        t = x * 0.5 + y
        keep = {"axis": axis, "keepdims": True}
        total, most, least = fnp.sum(t, **keep), fnp.max(t, **keep), fnp.min(x - y, **keep)
        every, some = fnp.all(t > least, **keep), fnp.any(t == most, **keep)
        at, low = fnp.argmax(t, axis=axis), fnp.argmin(x, axis=axis)
        scaled = (t - most) / (most - least + 1.0)
        product = fnp.prod(fnp.where(t > 0, 1.25, 0.75), axis=axis)
        return total + 1, scaled, every & some, at + low, product, fnp.sum(scaled * total)

    shape = (n, 5) if axis == 0 else (5, n)
    return f, (normal(shape), normal(shape, key=1))


def softmax(n):
    """Two reductions of each row, and what is left of the row."""

    def f(x):
        e = fnp.exp(x - fnp.max(x, axis=-1, keepdims=True))
        p = e / fnp.sum(e, axis=-1, keepdims=True)
        return p, fnp.log(p), fnp.sum(p * fnp.log(p), axis=-1)

    return f, (normal((4, n)),)


def layer_norm(n):
    def f(x, w, b):
        mean = fnp.mean(x, axis=-1, keepdims=True)
        d = x - mean
        var = fnp.mean(d * d, axis=-1, keepdims=True)
        return d / fnp.sqrt(var + 1e-5) * w + b, var[..., 0], fnp.max(fnp.abs(d), axis=(-2, -1))

    return f, (normal((2, 3, n)), normal((n,), key=1), normal((n,), key=2))


def middle(n):
    """Reductions over axes in the middle and at both ends."""

    def f(x):
        y = fnp.tanh(x)
        return (
            fnp.sum(y, axis=1), fnp.sum(y, axis=(0, 2)), fnp.max(y, axis=(0, 1)),
            fnp.min(y, axis=(1, 2)), fnp.sum(y) * 2, fnp.sum(y * y, axis=0) + fnp.max(y, axis=0),
        )  # fmt: skip

    return f, (normal((3, n, 4)),)


def kept_rows(n):
    """A value of a row that is read again in another order."""

    def f(x, y, i):
        t = x / y
        g = t[i]
        s = fnp.sum(g * t, axis=1, keepdims=True)
        e = fnp.exp(x)
        z = fnp.sum(e, axis=1, keepdims=True)
        return g + s + t, (e / z)[i] + t[::-1] + e[:, ::-1] / z, t + s[::-1] + z[i]

    return f, (normal((6, n)), normal((6, n), key=1), integers(0, 6, (6,)))


# ----------------------------------------------------------------------------------- products
def products(n):
    def f(x, y, v):
        a = fnp.transpose(x) @ x
        b = x @ fnp.transpose(y)
        c = fnp.tanh(y) @ x[:, ::-1].T
        d = fnp.einsum("ij,kj->ik", x[:, : n // 2 + 1], y[:, n - n // 2 - 1 :])
        return a, b + 1, c * 2, d, x @ v, v @ x.T, fnp.sum(b * b)

    return f, (normal((5, n)), normal((7, n), key=1), normal((n,), key=2))


def batched_products(n):
    def f(x, y):
        a = x @ fnp.swapaxes(y, -1, -2)
        b = fnp.einsum("bij,bkj->bik", x * 2, y[::-1])
        c = fnp.einsum("bij,bij->i", x, y)
        return a, b, c, fnp.reshape(a, (-1, 3)) @ x[0]

    return f, (normal((2, 3, n)), normal((2, 3, n), key=1))


# ----------------------------------------------------------------------------------- movement
def gathers(n):
    """Gathers of computed values, by computed positions."""

    def f(x, i):
        y = fnp.exp(x) + 1
        j = (i * 3 + 1) % n
        out = y[:, j] + y[:, i]
        dropped = fnp.take(y, i * 2 - 3, axis=1, mode="fill", fill_value=0.0)
        clipped = fnp.take(x * 2, i * 5 - 7, axis=1, mode="clip")
        single = fnp.take_along_axis(y, fnp.broadcast_to(j, y.shape), axis=1)
        return out, dropped, clipped, single, fnp.sum(y[:, j] * y, axis=1), fnp.flip(y, 1)[:, i]

    return f, (normal((3, n)), integers(0, n, (n,)))


def pads(n):
    """Pads of slices of pads, with gaps and with negative room."""

    def f(x, fill):
        a = ops.pad(x, fill, config=((1, 2, 1), (0, 3, 0)))
        b = a[1:, ::2]
        c = ops.pad(b, fill * 2, config=((2, -1, 0), (1, 1, 2)))
        d = ops.pad(c[::-1, 1:], fill, config=((-1, -1, 0), (3, -1, 0)))
        return a + 1, b * 2, c, d, fnp.sum(d, axis=1), fnp.reshape(d, (-1,))[1::3]

    return f, (normal((3, n)), normal(()))


def concatenations(n):
    def f(x, y, z):
        a = fnp.concatenate([x, y * 2, z], axis=1)
        b = fnp.concatenate([a[:, ::-1], a], axis=0)
        c = fnp.reshape(a, (-1,))[1:-1]
        d = fnp.concatenate([x[:0], fnp.sin(x), y[:, :1] + x], axis=0)
        many = fnp.concatenate([x, y, x, y, z, x], axis=1)
        wide = fnp.reshape(fnp.concatenate([x[:, :1], fnp.reshape(x, (3, n))], axis=1), (-1,))
        return a, b, c, d, many * 2, wide, fnp.sum(a, axis=1), a[:, :3], fnp.stack([x, y], 1)

    return f, (normal((3, n)), normal((3, n), key=1), normal((3, 2), key=2))


def reshapes(n):
    """Reshapes that cut across what was joined before."""

    def f(x):
        a = fnp.reshape(fnp.transpose(x, (2, 0, 1)), (3, -1)) + 1
        b = fnp.reshape(a[:, ::-1], (n, 12))
        c = fnp.transpose(fnp.reshape(b[:, 1:], (11, n)))
        d = fnp.reshape(fnp.concatenate([c, c[:, :1]], axis=1), (4, n, 3))
        e = fnp.reshape(fnp.moveaxis(d, 1, 0)[::-1], (-1,))
        return a, b * 2, c, d[:, ::2], e[1:], fnp.sum(fnp.reshape(e, (6, -1)), axis=0)

    return f, (normal((n, 4, 3)),)


def updates(n):
    """Slices at positions that are computed, read and written, in a loop."""

    def f(x, i):
        def step(carry, k):
            x, at = carry
            part = lax.dynamic_slice(x, (k, at), (1, min(3, n)))
            x = lax.dynamic_update_slice(x, part * 2 + 1, (k + 1, at - 1))
            x = x.at[k, at].add(1.0)
            return (x, (at * 2 + 1) % n), fnp.sum(part)

        (out, at), sums = lax.scan(step, (x, i), fnp.arange(4))
        whole = lax.fori_loop(0, 3, lambda k, v: v.at[k].set(v[k + 1] + out[k]), x * 2)
        return out, at, sums, whole

    return f, (normal((5, n)), np.int64(n // 2))


def scatters(n):
    """Positions that meet, and positions outside."""

    def f(x, u, i):
        t = fnp.tanh(u)
        y = x.at[i].add(t)
        return (
            y, x.at[i * 3 - 4].add(t, mode="drop"), x.at[i].max(u), x.at[i].min(u * 2),
            x.at[i].mul(t + 2), (x + 1).at[i * 2 - n].set(1.5, mode="drop"), fnp.sum(y * x),
            fnp.zeros((n, 3)).at[i, i % 3].add(u), fnp.zeros((4, n)).at[i % 4].add(t),
        )  # fmt: skip

    return f, (normal((n,)), normal((n,), key=1), integers(0, n, (n,)))


def cumulatives(n):
    def f(x):
        y = x * 2
        return (
            fnp.cumsum(y, axis=0), fnp.cumsum(y, axis=1), fnp.cumprod(fnp.tanh(x), axis=1) + 1,
            lax.cummax(y, axis=0, reverse=True), lax.cummin(y, axis=1, reverse=True),
            lax.cumsum(x, axis=1, reverse=True), lax.cumsum(x, axis=0, reverse=True) * y,
            lax.cummax(x, axis=1), fnp.sum(fnp.cumsum(y, axis=1), axis=1),
        )  # fmt: skip

    return f, (normal((3, n)),)


def windows(n):
    def f(x):
        y = x * 0.5
        outs = []
        for op in (ops.window_sum, ops.window_max, ops.window_min):
            for params in (
                {"window": (1, min(3, n)), "strides": (1, 2), "padding": ((0, 0), (1, 1))},
                {
                    "window": (2, 2),
                    "strides": (1, 1),
                    "padding": ((1, 0), (2, 1)),
                    "base_dilation": (2, 3),
                    "window_dilation": (1, 2),
                },
            ):
                given = {"base_dilation": (1, 1), "window_dilation": (1, 1), **params}
                outs.append(op(y, **given) + 1)
        for op in (ops.window_argmax, ops.window_argmin):
            outs.append(op(y, batch_dims=0, window=(2, min(2, n)), strides=(1, 1),
                           padding=((1, 1), (1, 0)), base_dilation=(1, 1),
                           window_dilation=(1, 1)))  # fmt: skip
        return outs

    return f, (normal((4, n)),)


# ------------------------------------------------------------------------------------- control
def loops(n):
    """Loops and branches inside loops, with what they carry and read."""

    def f(x, y):
        def step(c, row):
            c = fnp.tanh(c + row)
            c = lax.cond(fnp.sum(row) > 0, lambda c: c * 2, lambda c: c[::-1] + row, c)
            return c, (fnp.sum(c), c * row)

        last, (sums, rows) = lax.scan(step, y, x)
        back, more = lax.scan(lambda c, r: (r, c + r), y, x, reverse=True)

        def inner(s):
            k, v = s
            w = lax.while_loop(lambda t: t[0] < k, lambda t: (t[0] + 1, t[1] * 0.5 + y), (0, v))[1]
            return k + 1, w

        count, v = lax.while_loop(lambda s: s[0] < 4, inner, (0, last))
        which = lax.switch(fnp.asarray(n % 3), [lambda v: v, lambda v: v * 2, lambda v: v - 1], v)
        swapped = lax.fori_loop(0, 5, lambda i, s: (s[1], s[0] * 1.5), (last, y))
        return last, sums, rows, back, more, count, v, which, swapped

    return f, (normal((4, n)), normal((n,), key=1))


def scalars(n):
    """Loops over single numbers."""

    def f(x, k):
        def halve(s):
            i, v = s
            return i + 1, fnp.where(v % 2 == 0, v // 2, 3 * v + 1)

        steps, end = lax.while_loop(lambda s: s[1] > 1, halve, (0, k))
        total, seen = lax.scan(lambda c, v: (c * 0.5 + v, fnp.sin(c)), 0.0, x)
        back, _ = lax.scan(lambda c, v: (fnp.maximum(c, v), None), -10.0, x, reverse=True)
        s = lax.fori_loop(0, k, lambda i, v: v + x[i % n] * i, 0.0)
        return steps, end, total, seen, back, s

    return f, (normal((n,)), np.int64(n + 6))


def derivatives(n):
    """Reverse mode, whose programs read values of the forward pass in odd orders."""

    def loss(w, x, b):
        h = fnp.tanh(x @ w + b)
        m = fnp.max(h * x, axis=0)
        p = h[:, ::-1] * m
        return fnp.sum(fnp.exp(-p * p)) + fnp.sum(fnp.max(p, axis=1) * fnp.max(x * b + 1, axis=1))

    def f(w, x, b):
        value, grads = fl.value_and_grad(loss, argnums=(0, 1, 2))(w, x, b)
        return value, grads, fl.vmap(fl.grad(loss, 1), (None, 0, None))(w, fnp.stack([x, x * 2]), b)

    return f, (normal((n, n)) / n, normal((4, n), key=1), normal((n,), key=2))


def stacks(n):
    """Reverse mode through loops of unknown length inside other loops: stacks inside stacks."""

    def settle(x):
        def step(s):
            return s[0] + 1, s[1] * 0.7 + fnp.sin(s[1]) * 0.1

        return lax.while_loop(lambda s: fnp.max(fnp.abs(s[1])) > 0.3, step, (0, x))

    def rows(w, x):
        def step(c, row):
            k, y = settle(c * w + row)
            return fnp.tanh(y + c * 0.1), fnp.sum(y) * k

        c, sums = lax.scan(step, w, x)
        return fnp.sum(c * c) + fnp.sum(sums)

    def chosen(w, x):
        def step(c, row):
            settled, waved = lambda v: settle(v * w)[1], lambda v: fnp.sin(v * w)
            y = lax.cond(fnp.sum(row) > 0, settled, waved, c + row)
            return y, fnp.sum(y)

        c, sums = lax.scan(step, w, x, reverse=True)
        return fnp.sum(c * c) + fnp.sum(sums**2)

    def thrice(w, x):
        def outer(s):
            def middle(t):
                return t[0] + 1, settle(t[1] + x[t[0]])[1] * w

            return s[0] + 1, lax.while_loop(lambda t: t[0] < s[0], middle, (0, s[1]))[1] + w

        return fnp.sum(lax.while_loop(lambda s: s[0] < 4, outer, (0, w))[1])

    def f(w, x):
        both = [fl.grad(g, argnums=(0, 1)) for g in (rows, chosen, thrice)]
        lanes = [fl.vmap(g, (None, 0))(w, fnp.stack([x, x * 0.5])) for g in both]
        length = fl.grad(lambda w, x: sum(fnp.sum(g * g) for g in both[1](w, x)))
        return [g(w, x) for g in both], lanes, length(w, x)

    return f, (normal((n,)) * 0.5 + 1, normal((4, n), key=1) * 2)


FAMILIES = {
    "reductions of columns": lambda n: reductions(n, 0),
    "reductions of rows": lambda n: reductions(n, 1),
    "softmax": softmax, "layer norm": layer_norm, "middle": middle, "kept rows": kept_rows,
    "products": products, "batched products": batched_products, "gathers": gathers, "pads": pads,
    "concatenations": concatenations, "reshapes": reshapes, "updates": updates,
    "scatters": scatters, "cumulatives": cumulatives, "windows": windows, "loops": loops,
    "scalars": scalars, "derivatives": derivatives, "stacks": stacks,
}  # fmt: skip

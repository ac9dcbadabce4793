"""Random functions of ops: tens to hundreds of them, with loops and branches inside.

A source of choices (hypothesis, or NumPy's generator) decides everything, so the same choices make
the same function. Values know whether they are exact: what a library may round differently never
decides a comparison, an order or an index.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

import functorch_lite.numpy as fnp
from functorch_lite import lax, ops

SIZES = (1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 33, 65)
MOST_ELEMENTS = 1200
FLOATS = ("float64", "float64", "float64", "float32")


@dataclasses.dataclass(eq=False)
class Known:
    """A traced array, and whether every implementation gives it bit for bit."""

    x: object
    exact: bool

    @property
    def shape(self):
        return self.x.shape

    @property
    def kind(self):
        return self.x.dtype.kind

    @property
    def ndim(self):
        return len(self.x.shape)


class Graph:
    """Builds a function out of choices.

    Args:
        choose: ``choose(n)`` gives an integer from 0 to n - 1.
        inputs: traced arrays to start from.
        depth: how deep inside loops and branches this is.
    """

    def __init__(self, choose, inputs, depth=0):
        self.choose = choose
        self.values = [Known(x, True) for x in inputs]
        self.used = set()
        self.depth = depth

    # ------------------------------------------------------------------------------------ choices
    def one(self, items):
        """One of several."""
        items = list(items)
        return items[self.choose(len(items))]

    def chance(self, of):
        """True once in ``of`` times."""
        return self.choose(of) == 0

    def value(self, kind="f", exact=False, least=0, where=None):
        """A value of a kind, made if there is none; recent ones more often."""
        found = [
            v for v in self.values
            if v.kind in kind and v.ndim >= least and (v.exact or not exact)
            and (where is None or where(v))
        ]  # fmt: skip
        if not found or self.chance(12):
            return self.fresh(kind[0], least)
        if self.choose(2):
            found = found[-6:]
        v = self.one(found)
        self.used.add(id(v))
        return v

    def shape(self, least=0):
        """A shape of moderate size."""
        ndim = max(least, self.choose(4))
        shape = [self.one(SIZES) for _ in range(ndim)]
        while math.prod(shape) > MOST_ELEMENTS:
            shape[shape.index(max(shape))] = self.one(SIZES[:4])
        return tuple(shape)

    def fresh(self, kind, least=0):
        """A constant: numbers from 0 on, or all the same."""
        shape = self.shape(least)
        n = math.prod(shape)
        dtype = {"f": self.one(FLOATS), "i": "int64", "u": "uint32", "b": "bool"}[kind]
        flat = fnp.arange(n)
        if kind == "f":
            x = fnp.reshape(flat * 0.125 - n / 20, shape).astype(dtype)
        elif kind == "b":
            x = fnp.reshape(flat % 3 == 1, shape)
        else:
            x = fnp.reshape((flat * 7 + self.choose(9)) % 11, shape).astype(dtype)
        return Known(x, True)

    def add(self, x, exact):
        """Note a result."""
        if 0 < x.size <= MOST_ELEMENTS * 4:
            self.values.append(Known(x, bool(exact)))

    def tame(self, x):
        """Keep numbers near one."""
        return fnp.tanh(x) if self.chance(3) else x * 0.125

    def axis(self, v):
        return self.choose(v.ndim)

    def positions(self, size, shape):
        """Integers that index an axis of ``size``, some of them outside when clipped anyway."""
        v = self.value("i", exact=True)
        flat = fnp.resize(fnp.reshape(v.x, (-1,)), (max(1, math.prod(shape)),))
        return fnp.reshape(fnp.abs(flat) % size, shape)

    # ---------------------------------------------------------------------------------- templates
    def unary(self):
        v = self.value()
        name = self.one(("neg", "abs", "square", "tanh", "sin", "exp", "log1p", "sqrt", "recip"))
        x = v.x
        if name in ("neg", "abs"):
            self.add(getattr(ops, name)(x), v.exact)
        elif name == "square":
            self.add(x * x * 0.25, v.exact)
        elif name in ("tanh", "sin"):
            self.add(getattr(ops, name)(x), False)
        elif name == "exp":
            self.add(fnp.exp(-fnp.abs(x)), False)
        elif name == "log1p":
            self.add(fnp.log1p(fnp.abs(x)), False)
        elif name == "sqrt":
            self.add(fnp.sqrt(fnp.abs(x) + 0.5), v.exact)
        else:
            self.add(1.0 / (fnp.abs(x) + 1.0), v.exact)

    def binary(self):
        a = self.value()
        b = self.value(where=lambda v: self.meets(a, v))
        if not self.meets(a, b):
            b = Known(a.x[..., :1], a.exact) if a.ndim else a
        name = self.one(("add", "sub", "mul", "div", "maximum", "minimum", "affine"))
        exact = a.exact and b.exact
        if name == "div":
            self.add(a.x / (fnp.abs(b.x) + 0.75), exact)
        elif name == "mul":
            self.add(a.x * b.x * 0.5, exact)
        elif name == "affine":
            self.add(a.x * b.x + a.x * 0.5 - b.x, exact)
        else:
            self.add(
                getattr(fnp, {"add": "add", "sub": "subtract"}.get(name, name))(a.x, b.x), exact
            )

    def meets(self, a, b):
        """Whether two shapes broadcast to one of moderate size."""
        pairs = zip(reversed(a.shape), reversed(b.shape), strict=False)
        if any(m != n and 1 not in (m, n) for m, n in pairs):
            return False
        return math.prod(np.broadcast_shapes(a.shape, b.shape)) <= MOST_ELEMENTS

    def integer(self):
        a = self.value("iu", exact=True)
        name = self.one(("add", "mul", "mod", "div", "and", "shift", "from_float", "abs", "iota"))
        x = a.x
        if name == "from_float":
            v = self.value("f", exact=True)
            self.add(fnp.floor(fnp.clip(v.x, -1e6, 1e6)).astype("int32"), True)
        elif name == "iota":
            self.add(fnp.reshape(fnp.arange(x.size), x.shape) - self.choose(5), True)
        elif name == "mod":
            self.add(x % (1 + self.choose(7)), True)
        elif name == "div":
            self.add(x // (1 + self.choose(5)), True)
        elif name == "and":
            self.add((x & 13) ^ 5, True)
        elif name == "shift":
            self.add((x << self.choose(4)) >> self.choose(3), True)
        elif name == "abs":
            self.add(fnp.abs(x), True)
        else:
            self.add(x + x[..., :1] if name == "add" and a.ndim else x * 3, True)

    def compare(self):
        a = self.value("fi", exact=True)
        op = self.one((fnp.less, fnp.greater_equal, fnp.equal, fnp.not_equal))
        b = self.value("fi", exact=True, where=lambda v: self.meets(a, v))
        self.add(op(a.x, b.x if self.meets(a, b) else 0), True)

    def select(self):
        c = self.value("b", exact=True)
        a = self.value(where=lambda v: self.meets(c, v))
        if self.meets(c, a):
            self.add(fnp.where(c.x, a.x, -0.5 * a.x + 1), a.exact)

    def cast(self):
        v = self.value("fiub", exact=self.chance(2))
        if v.kind == "f":
            self.add(v.x.astype(self.one(FLOATS)), v.exact)
        else:
            self.add(v.x.astype(self.one((*FLOATS, "int64", "int32"))), True)

    def reshape(self):
        v = self.value("fi")
        n, factors = v.x.size, []
        for p in (2, 3, 5, 7, 11, 13, 17):
            while n % p == 0 and len(factors) < 6:
                factors.append(p)
                n //= p
        shape = [n]
        for p in factors:
            if self.choose(2):
                shape.insert(self.choose(len(shape) + 1), p)
            else:
                shape[self.choose(len(shape))] *= p
        while len(shape) > 4:
            shape[-2:] = [shape[-2] * shape[-1]]
        self.add(fnp.reshape(v.x, tuple(shape)), v.exact)

    def transpose(self):
        v = self.value("fib", least=2)
        perm = list(range(v.ndim))
        for i in range(v.ndim - 1):
            j = i + self.choose(v.ndim - i)
            perm[i], perm[j] = perm[j], perm[i]
        self.add(fnp.transpose(v.x, tuple(perm)), v.exact)

    def slice(self):
        v = self.value("fi", least=1)
        where = []
        for n in v.shape:
            start = self.choose(max(1, n // 2 + 1)) % n
            where.append(
                slice(start, n - self.choose(max(1, (n - start) // 2)), 1 + self.choose(3))
            )
        x = v.x[tuple(where)]
        self.add(fnp.flip(x, self.axis(v)) if self.chance(3) else x, v.exact)

    def pad(self):
        v = self.value("f", least=1)
        config = [(self.choose(4) - 1, self.choose(4) - 1, self.choose(3)) for _ in v.shape]
        sizes = [
            n + (n - 1) * inner + low + high
            for n, (low, high, inner) in zip(v.shape, config, strict=True)
        ]
        if min(sizes) > 0 and math.prod(sizes) <= MOST_ELEMENTS * 2:
            fill = fnp.asarray(0.5, v.x.dtype)
            self.add(ops.pad(v.x, fill, config=tuple(config)), v.exact)

    def concatenate(self):
        v = self.value("f", least=1)
        axis = self.axis(v)
        alike = [
            w for w in self.values
            if w.kind == "f" and w.ndim == v.ndim and w.x.dtype == v.x.dtype
            and all(
                m == n
                for i, (m, n) in enumerate(zip(v.shape, w.shape, strict=True))
                if i != axis
            )
        ]  # fmt: skip
        parts = [v, *[self.one([v, *alike]) for _ in range(1 + self.choose(4))]]
        x = fnp.concatenate([p.x for p in parts], axis=axis)
        if x.size <= MOST_ELEMENTS * 2:
            self.add(x, all(p.exact for p in parts))

    def broadcast(self):
        v = self.value("fi")
        shape = (self.one(SIZES[:6]), *v.shape)
        if math.prod(shape) <= MOST_ELEMENTS:
            self.add(fnp.broadcast_to(v.x, shape), v.exact)

    def reduce(self):
        v = self.value("f")
        axes = tuple(i for i in range(v.ndim) if self.choose(2))
        keep = self.chance(2)
        name = self.one(("sum", "mean", "max", "min", "prod", "argmax", "argmin", "any", "norm"))
        if name in ("sum", "mean", "norm"):
            x = v.x * v.x if name == "norm" else v.x
            terms = math.prod(v.shape[a] for a in axes)
            made = fnp.sum(x, axis=axes, keepdims=keep) * (1.0 / max(1, terms))
            self.add(made, False)
        elif name in ("max", "min"):
            self.add(getattr(fnp, name)(v.x, axis=axes, keepdims=keep), v.exact)
        elif name == "prod":
            terms = math.prod(v.shape[a] for a in axes)
            factors = 1 + fnp.tanh(v.x) * (2.0 / max(2, terms))
            self.add(fnp.prod(factors, axis=axes, keepdims=keep), False)
        elif name == "any":
            b = self.value("b", exact=True)
            axes = tuple(i for i in range(b.ndim) if self.choose(2))
            self.add(self.one((fnp.any, fnp.all))(b.x, axis=axes, keepdims=keep), True)
        elif v.ndim and v.exact:
            self.add(getattr(fnp, name)(v.x, axis=self.axis(v)), True)

    def rows(self):
        """A softmax or a normalisation along an axis."""
        v = self.value("f", least=1)
        axis = self.axis(v)
        if self.choose(2):
            e = fnp.exp(v.x - fnp.max(v.x, axis=axis, keepdims=True))
            self.add(e / fnp.sum(e, axis=axis, keepdims=True), False)
        else:
            d = v.x - fnp.mean(v.x, axis=axis, keepdims=True)
            var = fnp.mean(d * d, axis=axis, keepdims=True)
            self.add(d / fnp.sqrt(var + 0.25), False)

    def cumulative(self):
        v = self.value("f", least=1)
        op = self.one((lax.cumsum, lax.cumprod, lax.cummax, lax.cummin))
        if op in (lax.cummax, lax.cummin):
            self.add(op(v.x, axis=self.axis(v), reverse=self.chance(2)), v.exact)
        else:
            made = op(fnp.tanh(v.x), axis=self.axis(v), reverse=self.chance(2))
            self.add(self.tame(made), False)

    def product(self):
        a = self.value("f", least=2)
        x = fnp.reshape(a.x, (-1, a.shape[-1]))
        b = self.value("f", least=1, where=lambda v: v.shape[-1:] == x.shape[-1:])
        y = fnp.reshape(b.x, (-1, b.shape[-1]))
        if y.shape[1] != x.shape[1]:
            y = x[::-1]
        y = y.astype(x.dtype)
        if x.shape[0] * y.shape[0] <= MOST_ELEMENTS:
            self.add(self.tame(x @ fnp.transpose(y)), False)

    def gather(self):
        v = self.value("fi", least=1)
        axis = self.axis(v)
        i = self.positions(v.shape[axis], self.one(((), (3,), (v.shape[axis],), (2, 4))))
        mode = self.one(("clip", "fill"))
        shifted = i * 2 - 1 if self.chance(2) else i
        x = fnp.take(
            v.x, shifted, axis=axis, mode=mode, **({"fill_value": 0} if mode == "fill" else {})
        )
        if x.size <= MOST_ELEMENTS:
            self.add(x, v.exact)

    def scatter(self):
        v = self.value("f", least=1)
        n = v.shape[0]
        i = self.positions(n, (self.one((1, 3, 8)),)) * (1 + self.choose(2))
        u = fnp.resize(self.value("f").x, (i.shape[0], *v.shape[1:])).astype(v.x.dtype)
        how = self.one(("add", "max", "min", "set", "mul"))
        if how == "set":  # which of several sets wins is open
            i, u = i[:1], u[:1]
        made = getattr(v.x.at[i], how)(u * 0.5, mode=self.one(("drop", "clip")))
        self.add(made, v.exact and how in ("set", "max", "min") and False)

    def dynamic(self):
        v = self.value("f", least=1)
        sizes = tuple(1 + self.choose(n) for n in v.shape)
        starts = [self.positions(n + 2, ()) - 1 for n in v.shape]
        part = lax.dynamic_slice(v.x, starts, sizes)
        if self.choose(2):
            self.add(part, v.exact)
        else:
            starts = [self.positions(n + 1, ()) for n in v.shape]
            self.add(lax.dynamic_update_slice(v.x, part * 0.5, starts), v.exact)

    def window(self):
        v = self.value("f", least=1)
        ndim = v.ndim
        window = tuple(1 + self.choose(min(3, n)) for n in v.shape)
        params = {
            "window": window,
            "strides": tuple(1 + self.choose(2) for _ in range(ndim)),
            "padding": tuple((self.choose(w), self.choose(w)) for w in window),
            "base_dilation": tuple(1 + self.choose(2) for _ in range(ndim)),
            "window_dilation": (1,) * ndim,
        }
        op = self.one((ops.window_sum, ops.window_max, ops.window_min))
        made = op(v.x, **params)
        if op is ops.window_sum:
            self.add(made * 0.25, False)
        else:  # windows of nothing but padding are infinite
            self.add(fnp.clip(made, -50.0, 50.0), v.exact)

    def sort(self):
        v = self.value("f", exact=True, least=1)
        self.add(fnp.sort(v.x, axis=self.axis(v)), True)

    # ------------------------------------------------------------------------------------ control
    def inside(self, inputs, count):
        """A graph of a few ops over some values; its floats, the last first."""
        inner = Graph(self.choose, inputs, self.depth + 1)
        for known in inner.values:
            known.exact = False
        inner.grow(count)
        return [v.x for v in reversed(inner.values) if v.kind == "f"]

    def alike(self, found, like):
        """A value of the type of another, out of what is found."""
        for x in found:
            if x.shape == like.shape and x is not like:
                return fnp.tanh(x).astype(like.dtype)
        x = found[0]
        return fnp.tanh(fnp.resize(x, like.shape).astype(like.dtype) + like * 0.5)

    def scan(self):
        c, xs, other = self.value("f"), self.value("f", least=1), self.value("f")
        count = 1 + self.choose(4)

        def step(carry, row):
            found = self.inside([carry, row, other.x], count)
            return self.alike(found, carry), (found[0], found[-1])

        last, outs = lax.scan(step, c.x, xs.x[:6], reverse=self.chance(2))
        for x in (last, *outs):
            self.add(x, False)

    def loop(self):
        a, b, other = self.value("f"), self.value("f"), self.value("f")
        count, ops_inside = 1 + self.choose(4), 1 + self.choose(3)

        def step(state):
            i, x, y = state
            found = self.inside([x, y, other.x], ops_inside)
            return (
                i + 1,
                self.alike(found, x),
                x if self.swap(x, y) else self.alike(found[1:] or found, y),
            )

        for x in lax.while_loop(lambda s: s[0] < count, step, (0, a.x, b.x))[1:]:
            self.add(x, False)

    @staticmethod
    def swap(x, y):
        """Whether one carried value may take the place of the other."""
        return x.shape == y.shape and x.dtype == y.dtype

    def branch(self):
        p, v, w = self.value("iu", exact=True), self.value("f"), self.value("f")
        counts = [1 + self.choose(3) for _ in range(2 + self.choose(2))]
        index = fnp.reshape(p.x, (-1,))[0] % len(counts)

        def body(count):
            return lambda a, b: (self.alike(self.inside([a, b], count), a), b * count)

        for x in lax.switch(index, [body(c) for c in counts], v.x, w.x):
            self.add(x, False)

    # ----------------------------------------------------------------------------------- the whole
    def grow(self, count):
        """Apply a number of templates."""
        names = list(TEMPLATES)
        for _ in range(count):
            name = self.one(names)
            if name in CONTROL and (self.depth > 1 or not self.chance(1 + self.depth * 2)):
                continue
            getattr(self, name)()

    def outputs(self, most=12):
        """What nothing has used, and a few values on the way."""
        unused = [v for v in self.values if id(v) not in self.used]
        found = unused[-most:] + [v for v in self.values[::5] if v not in unused][:4]
        return [v.x for v in found], [v.exact for v in found]


CONTROL = ("scan", "loop", "branch")
TEMPLATES = (
    "unary", "unary", "unary", "binary", "binary", "binary", "binary", "integer", "integer",
    "compare", "select", "cast", "reshape", "reshape", "transpose", "slice", "slice", "pad",
    "concatenate", "broadcast", "reduce", "reduce", "rows", "cumulative", "product", "gather",
    "scatter", "dynamic", "window", "sort", *CONTROL,
)  # fmt: skip


def arguments(choose):
    """Input arrays, floats and integers."""
    rng = np.random.default_rng(choose(1 << 16))
    n, m = SIZES[choose(len(SIZES))], SIZES[choose(len(SIZES))]
    return [
        rng.normal(size=(m, n)), rng.normal(size=(n,)), rng.normal(size=(2, 3, n)),
        rng.normal(size=(m, n)).astype(np.float32), rng.integers(-9, 9, (n, 3)),
        rng.integers(0, 9, (m,)), rng.normal(size=()), rng.integers(0, 2, (m, n)).astype(bool),
    ]  # fmt: skip


def random_function(choose, count):
    """A random function; which of its results are exact is known once it has been traced."""

    def f(*xs):
        graph = Graph(choose(), xs)
        graph.grow(count)
        outs, f.exact = graph.outputs()
        return outs

    return f


def replayed(choose):
    """Choices that are made once and repeated afterwards."""
    made = []

    def start():
        seen = iter(list(made))

        def again(n):
            found = next(seen, None)
            if found is None:
                found = choose(n)
                made.append(found)
            return found

        return again

    return start

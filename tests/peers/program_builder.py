"""Writing a program node by node, with types and magnitudes known at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from program_nodes import decode_index
from programs import Leaf, Node

Shape = tuple[int, ...]

# Larger values are brought back by a bounded function before they are used.
COMFORTABLE = 4.0
SIZES = (2, 3, 4)

__all__ = ["COMFORTABLE", "FLAT", "SIZES", "Builder", "Shape"]

_SQUASHES = (
    ("np.sin", 1.0), ("np.cos", 1.0), ("np.tanh", 1.0), ("lax.erf", 1.0), ("np.arctan", 1.5),
    ("np.arcsinh", 3.0), ("lax.logistic", 1.0),
)  # fmt: skip


FLAT = {
    "np.sign", "np.floor", "np.ceil", "np.round", "np.rint", "np.trunc", "np.floor_divide",
    "lax.stop_gradient", "my.complex_part",
}  # fmt: skip


class Builder:
    """The nodes so far. References are positions among argument leaves and nodes.

    Attributes:
        rng: source of all choices.
        types: shape and dtype of every value.
        bounds: a bound on the magnitude of every value.
        used: how often every value is an operand.
        live: whether a value has a derivative with respect to an argument, at a guess.
    """

    def __init__(self, rng: np.random.Generator, leaves: list[Leaf]) -> None:
        self.rng = rng
        self.inputs = len(leaves)
        self.nodes: list[Node] = []
        self.types: list[tuple[Shape, str]] = [(leaf.shape, leaf.dtype) for leaf in leaves]
        self.bounds = [2.0 if leaf.dtype == "f8" else float(leaf.limit) for leaf in leaves]
        self.used = [0] * len(leaves)
        self.live = [leaf.dtype == "f8" for leaf in leaves]

    # ------------------------------------------------------------------------------------ adding
    def add(
        self,
        op: str,
        *operands: int,
        shape: Shape,
        dtype: str = "f8",
        bound: float = 1.0,
        **params: Any,
    ) -> int:
        """Append a node; returns its reference."""
        for i in operands:
            self.used[i] += 1
        self.nodes.append(Node(op, operands, tuple(shape), dtype, _params(params)))
        self.types.append((tuple(shape), dtype))
        self.bounds.append(float(bound))
        self.used.append(0)
        flat = dtype != "f8" or op in FLAT
        self.live.append(not flat and any(self.live[i] for i in operands))
        return len(self.types) - 1

    def same(self, op: str, x: int, *more: int, bound: float = 1.0, **params: Any) -> int:
        """A node whose result has the type of its first operand."""
        shape, dtype = self.types[x]
        return self.add(op, x, *more, shape=shape, dtype=dtype, bound=bound, **params)

    def same_type_as(self, like: int, op: str, *operands: int, **params: Any) -> int:
        """A node whose result has the type of ``like`` and its magnitude."""
        shape, dtype = self.types[like]
        bound = self.bounds[like]
        return self.add(op, *operands, shape=shape, dtype=dtype, bound=bound, **params)

    def constant(self, shape: Shape, dtype: str = "f8") -> int:
        """An array that the program closes over."""
        bound = 1.0 if dtype == "f8" else 5.0
        key = int(self.rng.integers(1 << 30))
        return self.add("my.constant", shape=shape, dtype=dtype, bound=bound, key=key)

    # ---------------------------------------------------------------------------------- choosing
    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def one_of(self, options: Any) -> Any:
        """One of a sequence."""
        return options[int(self.rng.integers(len(options)))]

    def uniform(self, lo: float, hi: float) -> float:
        """A number with few digits, so that it prints shortly."""
        return round(float(self.rng.uniform(lo, hi)), 3)

    def shape(self, i: int) -> Shape:
        """Shape of a value."""
        return self.types[i][0]

    def axis(self, x: int) -> int:
        """One of the axes, sometimes counted from the end."""
        n = len(self.shape(x))
        return int(self.rng.integers(-n, n))

    def pick(
        self, dtype: str = "f8", lo: int = 0, hi: int = 3, shape: Shape | None = None
    ) -> int | None:
        """A value of the wanted kind, rather a recent or an unused one; None if there is none."""
        fits = [
            i
            for i, (s, d) in enumerate(self.types)
            if d == dtype and (s == shape if shape is not None else lo <= len(s) <= hi)
        ]
        if not fits:
            return None
        weights = np.array(
            [(1.0 + i) / (1 + 3 * self.used[i]) * (8 if self.live[i] else 1) for i in fits]
        )
        return int(self.rng.choice(fits, p=weights / weights.sum()))

    def real(self, lo: int = 0, hi: int = 3, bound: float = COMFORTABLE) -> int:
        """A float64 value of rank lo to hi, of magnitude at most ``bound``."""
        found = self.pick("f8", lo, hi)
        if found is None:
            found = self.grown(tuple(self.one_of(SIZES) for _ in range(min(max(lo, 1), hi))))
        return self.bounded(found, bound)

    def real_of(self, shape: Shape, bound: float = COMFORTABLE) -> int:
        """A float64 value of one shape."""
        found = self.pick(shape=shape)
        if found is None or self.chance(0.15):
            found = self.grown(shape)
        return self.bounded(found, bound)

    def grown(self, shape: Shape) -> int:
        """A value of a shape that no value has: a constant times a value that broadcasts."""
        suffixes = [
            i
            for i, (s, d) in enumerate(self.types)
            if d == "f8" and self.live[i] and _broadcasts(s, shape)
        ]
        constant = self.constant(shape)
        if not suffixes:
            x = self.pick()
            assert x is not None
            source = self.add("np.mean", x, shape=(), bound=self.bounds[x])
        else:
            source = self.one_of(suffixes)
        source = self.bounded(source, COMFORTABLE)
        return self.add("op.mul", constant, source, shape=shape, bound=self.bounds[source])

    def partner(self, x: int, bound: float = COMFORTABLE) -> int:
        """A value that broadcasts with x to the shape of x."""
        shape = self.shape(x)
        fits = [
            i
            for i, (s, d) in enumerate(self.types)
            if d == "f8" and i != x and _broadcasts(s, shape)
        ]
        found = self.one_of(fits) if fits and not self.chance(0.1) else self.grown(shape)
        return self.bounded(found, bound)

    # ------------------------------------------------------------------------------- magnitudes
    def bounded(self, x: int, bound: float) -> int:
        """x, or a bounded function of it where it may be too large."""
        if self.bounds[x] <= bound:
            return x
        if self.bounds[x] <= 3 * bound and self.chance(0.3):
            a = round(0.9 * bound / self.bounds[x], 3)
            return self.same("my.scale", x, bound=bound, a=a)
        op, reach = self.one_of([s for s in _SQUASHES if s[1] <= max(bound, 1.0)])
        out = self.same(op, x, bound=reach)
        return out if reach <= bound else self.same("my.scale", out, bound=bound, a=bound)

    def into(self, x: int, lo: float, hi: float) -> int:
        """A function of x with values between lo and hi."""
        if self.bounds[x] > 1.0:
            x = self.same(self.one_of(["np.sin", "np.tanh", "np.cos", "lax.erf"]), x)
        a, b = (hi - lo) / 2.0, (hi + lo) / 2.0
        out = self.same("my.affine", x, bound=max(abs(lo), abs(hi)), a=round(a, 6), b=round(b, 6))
        return out

    def distinct(self, x: int) -> int:
        """x moved by irregular constants, so that no two elements are equal and none is special."""
        shift = self.constant(self.shape(x))
        return self.add("op.add", x, shift, shape=self.shape(x), bound=self.bounds[x] + 1.0)

    # ------------------------------------------------------------------------- integers and bools
    def integer(self, shape: Shape | None = None) -> int:
        """An int64 value between -16 and 16."""
        found = self.pick("i8", shape=shape)
        if found is None or self.chance(0.2):
            source = self.real_of(shape) if shape is not None else self.real()
            source = self.distinct(source)
            shape = self.shape(source)
            found = self.add("my.to_int", source, shape=shape, dtype="i8", bound=16)
        if self.bounds[found] > 16:
            found = self.same("np.remainder", found, self.whole(7), bound=7)
        return found

    def index(self, shape: Shape, limit: int) -> int:
        """An int64 value in [0, limit) that depends on data."""
        found = self.integer(shape)
        return self.same("np.remainder", found, self.whole(limit), bound=limit)

    def whole(self, value: int) -> int:
        """An int64 scalar."""
        return self.add("np.full", shape=(), dtype="i8", shape_=(), fill_value=value)

    def read(self, x: int, index: tuple[Any, ...], refs: list[int]) -> None:
        """``x[index]``, with ``refs`` for the references in the index."""
        zeros = [np.zeros(self.shape(i), int) for i in refs]
        shape = np.zeros(self.shape(x))[decode_index(index, zeros)].shape
        self.add("my.take", x, *refs, shape=shape, bound=self.bounds[x], index=index)

    def truth(self, shape: Shape) -> int:
        """A bool value that broadcasts to a shape."""
        fits = [i for i, (s, d) in enumerate(self.types) if d == "b1" and _broadcasts(s, shape)]
        if fits and self.chance(0.7):
            return self.one_of(fits)
        x = self.distinct(self.real_of(shape))
        y = self.partner(x)
        op = self.one_of(["np.less", "np.greater_equal", "op.gt", "op.le"])
        return self.add(op, x, y, shape=shape, dtype="b1")

    def use(self, i: int) -> None:
        """Let a float64 value depend on an int64 one."""
        x = self.bounded(self.number(i), 2.0)
        self.same("op.mul", x, self.partner(x), bound=8.0)

    def number(self, i: int) -> int:
        """A float64 value made of an int64 or bool one."""
        bound = 0.25 * max(1.0, self.bounds[i])
        return self.add("my.to_float", i, shape=self.shape(i), bound=bound)


def _params(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Params by name; a trailing underscore keeps one apart from an argument of ``add``."""
    return tuple((name.rstrip("_"), value) for name, value in params.items())


def _broadcasts(small: Shape, large: Shape) -> bool:
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))

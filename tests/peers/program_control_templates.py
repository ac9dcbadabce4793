"""Fragments of programs around control flow, checkpoints and custom rules.

The functions in them are random programs themselves, which hold further ones up to a depth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from program_builder import SIZES, Shape
from program_control_builder import CARRIED, DEEPEST, Scope, Type, form_of

Template = Callable[[Scope], Any]
CONTROL: dict[str, Template] = {}
# Those that JAX has no reverse mode, and no forward mode, for.
NO_REVERSE = ("while_free", "fori_traced")
NO_FORWARD = ("custom_vjp", "newton_reverse")

__all__ = ["CONTROL", "NO_FORWARD", "NO_REVERSE", "allowed"]


def control(f: Template) -> Template:
    """Register under the function's name."""
    CONTROL[f.__name__] = f
    return f


def allowed(b: Scope) -> list[str]:
    """The templates that may stand in a scope."""
    out = (NO_REVERSE if b.reverse else ()) + (() if b.rules else NO_FORWARD)
    return [name for name in CONTROL if name not in out] if b.depth < DEEPEST else []


# -------------------------------------------------------------------------------------------- scans
def _stacked(b: Scope, n: int) -> int:
    """A value with a leading axis of size n."""
    dtype = "i8" if b.chance(0.2) else "f8"
    rest = b.one_of([(), (), (2,), (3,)])
    found = b.pick(dtype, shape=(n, *rest))
    if found is None or dtype == "i8":
        shape = (n, *rest)
        return b.integer(shape) if dtype == "i8" else b.bounded(b.real_of(shape), CARRIED)
    return b.bounded(found, CARRIED)


def _slices(b: Scope, count: int) -> tuple[int, list[int]]:
    """A length and so many values to scan over; sometimes one slice, or none."""
    first = b.real(1, 2, CARRIED)
    n = b.shape(first)[0]
    xs = [first] + [_stacked(b, n) for _ in range(count - 1)]
    kind = b.rng.random()
    if kind < 0.24:
        n = 1 if kind < 0.1 else 0
        xs = [_head(b, x, n) for x in xs]
    return n, xs


def _head(b: Scope, x: int, n: int) -> int:
    """The first n slices; without elements they are of no use to anything else."""
    shape, dtype = b.types[x]
    cut = (n, *shape[1:])
    out = b.add("my.take", x, shape=cut, dtype=dtype, bound=b.bounds[x], index=(slice(0, n),))
    if n == 0:
        b.types[out] = (cut, "empty")
    return out


def _row(b: Scope, x: int) -> Type:
    dtype = b.nodes[x - b.inputs].dtype if b.types[x][1] == "empty" else b.types[x][1]
    return b.shape(x)[1:], dtype


def _results(inner: Scope, most: int = 2, least: int = 0) -> list[int]:
    """Values that a step returns beside the carry: new ones, or what it was given."""
    outs = []
    for _ in range(int(inner.rng.integers(least, most + 1))):
        if inner.chance(0.2):
            outs.append(inner.integer(()))
        else:
            outs.append(inner.settled(inner.shape(inner.real(0, 1)), "f8"))
    return outs


def _stack_type(n: int, kind: Type) -> Type:
    return (n, *kind[0]), kind[1]


def _scan(b: Scope, sliced: int) -> None:
    n, xs = _slices(b, sliced) if sliced else (int(b.rng.integers(1, 4)), [])
    init = b.operands(1, 3)
    captured = b.captures()
    carry = b.types_of(init)
    inner = b.inside([*carry, *[_row(b, x) for x in xs]], captured)
    inner.fill(inner)
    outs = b.steps(carry, inner)
    ys = _results(inner)
    kinds = inner.types_of(ys)
    options: dict[str, Any] = {"reverse": True} if b.chance(0.4) else {}
    if not xs or b.chance(0.2):
        options["length"] = n
    if b.chance(0.2):
        options["unroll"] = 2
    b.construct(
        "scan", [*init, *xs], captured, [inner.closed([*outs, *ys])],
        [*carry, *[_stack_type(n, kind) for kind in kinds]],
        n_carry=len(init), carry=form_of(b, len(init)), xs=form_of(b, len(xs)),
        ys=form_of(b, len(ys)), options=tuple(options.items()),
    )  # fmt: skip


CONTROL["scan"] = partial(_scan, sliced=1)
CONTROL["scan_several"] = partial(_scan, sliced=2)
CONTROL["scan_length"] = partial(_scan, sliced=0)


@control
def map_over(b: Scope) -> None:
    n, xs = _slices(b, int(b.rng.integers(1, 3)))
    captured = b.captures()
    inner = b.inside([_row(b, x) for x in xs], captured)
    inner.fill(inner)
    ys = _results(inner, least=1)
    options = (("batch_size", int(b.rng.integers(1, 3))),) if n > 1 and b.chance(0.4) else ()
    b.construct(
        "map", xs, captured, [inner.closed(ys)],
        [_stack_type(n, kind) for kind in inner.types_of(ys)],
        form=form_of(b, len(xs)), ys=form_of(b, len(ys)), options=options,
    )  # fmt: skip


# -------------------------------------------------------------------------------------------- loops
def _while(b: Scope, free: bool) -> None:
    """A loop that ends by a count, or earlier by its data; the count is its first carried value."""
    count = b.whole(0)
    init = b.operands(1, 3)
    captured = b.captures()
    if not free:
        init, captured = b.stopped(init), b.stopped(captured)
    carry = [((), "i8"), *b.types_of(init)]
    inner = b.inside(carry, captured)
    inner.fill(inner)
    outs = b.steps(carry, inner)
    outs[0] = inner.add("op.add", 0, inner.whole(1), shape=(), dtype="i8", bound=5)
    test = b.inside(carry, captured)
    limit = test.whole(int(b.rng.integers(0, 5)))
    below = test.add("op.lt", 0, limit, shape=(), dtype="b1")
    data = 1 + [kind[1] for kind in carry[1:]].index("f8")
    size = test.add("np.mean", data, shape=(), bound=CARRIED)
    other = test.exact_truth(())
    under = test.add("op.lt", size, test.constant(()), shape=(), dtype="b1")
    either = test.add("op.or_", other, under, shape=(), dtype="b1")
    go = test.add("op.and_", below, either, shape=(), dtype="b1")
    b.construct(
        "while_loop", [count, *init], captured, [test.closed([go]), inner.closed(outs)], carry,
        carry=form_of(b, len(carry)),
    )  # fmt: skip


CONTROL["while_free"] = partial(_while, free=True)
CONTROL["while_stopped"] = partial(_while, free=False)


def _fori(b: Scope, traced: bool) -> None:
    init, captured = b.operands(1, 2), b.captures()
    carry = b.types_of(init)
    inner = b.inside([((), "i8"), *carry], captured)
    inner.fill(inner)
    shifted = [((), "i8"), *carry]
    outs = b.steps(shifted, inner)[1:]
    lower = int(b.rng.integers(-1, 2))
    upper = lower + int(b.rng.integers(0, 4))
    lead = [b.index((), 3)] if traced else []
    b.construct(
        "fori_loop", [*lead, *init], captured, [inner.closed(outs)], carry,
        lower=lower, upper=upper, traced=int(traced), carry=form_of(b, len(init)),
    )  # fmt: skip


CONTROL["fori_static"] = partial(_fori, traced=False)
CONTROL["fori_traced"] = partial(_fori, traced=True)


# ----------------------------------------------------------------------------------------- branches
def _branches(b: Scope, count: int) -> tuple[list[int], list[int], list[Any], list[Type]]:
    args, captured = b.operands(1, 3), b.captures()
    first = b.inside(b.types_of(args), captured)
    first.fill(first)
    outs = _results(first, 3, 1)
    if b.chance(0.3):
        outs.append(0)
    kinds = first.types_of(outs)
    others = [b.body(b.types_of(args), captured, kinds) for _ in range(count - 1)]
    return args, captured, [first.closed(outs), *others], kinds


@control
def cond(b: Scope) -> None:
    args, captured, bodies, kinds = _branches(b, 2)
    pred = b.exact_truth(()) if b.chance(0.7) else b.index((), 2)
    b.construct(
        "cond", [pred, *args], captured, bodies, kinds,
        form=form_of(b, len(args)), outs=form_of(b, len(kinds)),
    )  # fmt: skip


@control
def switch(b: Scope) -> None:
    args, captured, bodies, kinds = _branches(b, int(b.rng.integers(1, 4)))
    index = b.index((), 4) if b.chance(0.6) else b.integer(())
    b.construct(
        "switch", [index, *args], captured, bodies, kinds, outs=form_of(b, len(kinds))
    )  # fmt: skip


# ----------------------------------------------------------------- one function, another derivative
@control
def checkpoint(b: Scope) -> None:
    args, captured, bodies, kinds = _branches(b, 1)
    b.construct(
        "checkpoint", args, captured, bodies, kinds, form=form_of(b, len(args)),
        outs=form_of(b, len(kinds)), prevent_cse=b.chance(0.6),
        policy=b.one_of([None, "everything", "nothing", "dots", "named"]),
    )  # fmt: skip


def _custom(b: Scope, name: str) -> None:
    shape: Shape = b.shape(b.operand())
    args = [b.real_of(shape, CARRIED) for _ in range(int(b.rng.integers(1, 3)))]
    params = b.types_of(args)
    inner = b.inside(params, [])
    inner.fill(inner)
    out = inner.settled(shape, "f8")
    for i in range(len(args)):  # JAX maps a constant custom_vjp wrongly
        out = inner.add("op.add", out, i, shape=shape, bound=(2 + i) * CARRIED)
    function = inner.closed([inner.bounded(out, CARRIED)])
    bodies = [function, *(b.body(params, [], [(shape, "f8")]) for _ in args)]
    b.construct(
        name, args, [], bodies, [(shape, "f8")],
        nondiff=b.chance(0.45), by_argument=b.chance(0.5),
    )  # fmt: skip


CONTROL["custom_jvp"] = partial(_custom, name="custom_jvp")
CONTROL["custom_vjp"] = partial(_custom, name="custom_vjp")


# ----------------------------------------------------------------------------- transforms of a body
@control
def mapped(b: Scope) -> None:
    n, first = b.one_of([2, 3]), None
    args, axes, rows = [], [], []
    for i in range(int(b.rng.integers(1, 4))):
        x = _stacked(b, n) if i == 0 or b.chance(0.6) else b.operand()
        first = x if i == 0 else first
        batched = i == 0 or (b.shape(x)[:1] == (n,) and b.chance(0.8))
        args.append(x)
        axes.append(0 if batched else None)
        rows.append((b.shape(x)[batched:], b.types[x][1]))
    captured = b.captures()
    inner = b.inside(rows, captured)
    inner.fill(inner)
    ys = _results(inner, least=1)
    b.construct(
        "vmap", args, captured, [inner.closed(ys)],
        [_stack_type(n, kind) for kind in inner.types_of(ys)],
        in_axes=tuple(axes), outs=form_of(b, len(ys)),
    )  # fmt: skip


@control
def compiled(b: Scope) -> None:
    args, captured, bodies, kinds = _branches(b, 1)
    b.construct("jit", args, captured, bodies, kinds, outs=form_of(b, len(kinds)))


@control
def gradient(b: Scope) -> None:
    x = b.operand()
    args, captured = [x, *b.operands(1, 1)], b.captures()
    outer, b.reverse = b.reverse, True
    body = b.body(b.types_of(args), captured, [(b.shape(x), "f8")])
    b.reverse = outer
    b.construct("grad", args, captured, [body], [b.types[x]], limits=[20.0])


# ------------------------------------------------------------------------------- as people write it
def _newton(b: Scope, name: str) -> None:
    x = b.into(b.real(1, 1), 0.5, 3.0)
    b.same(f"my.{name}", x, bound=6.0)


@control
def newton_steps(b: Scope) -> None:
    x = b.into(b.real(1, 1), 0.5, 3.0)
    x = b.stopped([x])[0] if b.reverse else x
    b.same("op.mul", b.same("my.newton_steps", x, bound=6.0), b.partner(x), bound=12.0)


CONTROL["newton_implicit"] = partial(_newton, name="newton_implicit")
CONTROL["newton_reverse"] = partial(_newton, name="newton_reverse")


@control
def running_extremum(b: Scope) -> None:
    x = b.distinct(b.real(2, 2, CARRIED))
    b.add("my.running_extremum", x, shape=b.shape(x)[1:], bound=12.0, reverse=b.chance(0.4))


@control
def number_carry(b: Scope) -> None:
    x = b.distinct(b.real(1, 2, CARRIED))
    b.same("my.number_carry", x, bound=40.0, how=b.one_of(["scan", "fori", "cond", "switch"]))


@control
def recurrent_cell(b: Scope) -> None:
    x = b.real(2, 2, CARRIED)
    n = b.shape(x)[-1]
    w = b.real_of((n, n), CARRIED)
    b.add("my.recurrent_cell", x, w, shape=(n,), bound=8.0, remat=b.chance(0.5))


@control
def gram_schmidt(b: Scope) -> None:
    x = b.real_of(b.one_of([(2, 3), (3, 3), (2, 4)]), 1.0)
    b.same("my.gram_schmidt", x, bound=1.0)


@control
def prefixes(b: Scope) -> None:
    x = b.real(1, 2, CARRIED)
    axis = b.axis(x) % len(b.shape(x))  # JAX flips by axes counted from the front
    reverse = b.chance(0.4)
    if b.chance(0.5):
        a = b.into(b.real_of(b.shape(x)), -0.9, 0.9)
        b.same("my.prefix_affine", a, x, bound=12.0, reverse=reverse, axis=axis)
        return
    name = b.one_of(["add", "maximum", "minimum"])
    b.same("my.prefix", b.distinct(x), bound=4 * b.bounds[x], name=name, reverse=reverse, axis=axis)


@control
def prefix_products(b: Scope) -> None:
    x = b.real_of((int(b.one_of(SIZES)), 2, 2), 0.9)
    b.same("my.prefix_products", x, bound=float(np.ceil(1.8**4)))

"""Fragments of programs over whole arrays: reductions, shapes, products, sorting."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from program_builder import SIZES, Builder, Shape
from program_templates import TEMPLATES, template


def _reduced(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    axes = tuple(a % len(shape) for a in axes)
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


# ---------------------------------------- reductions
def _reduction(b: Builder, op: str) -> None:
    x = b.real(1)
    if op == "prod":
        x = b.into(x, 0.6, 1.4)
    elif op not in ("sum", "mean"):
        x = b.distinct(x)
    shape = b.shape(x)
    count = int(b.rng.integers(1, len(shape) + 1))
    axes = tuple(int(a) for a in b.rng.permutation(len(shape))[:count])
    if b.chance(0.3):
        axes = tuple(a - len(shape) for a in axes)
    keepdims = b.chance(0.4)
    size = int(np.prod([shape[a] for a in axes]))
    bound = {"sum": size * b.bounds[x], "prod": 1.4**size, "var": 16.0}.get(op, b.bounds[x])
    param: Any = axes[0] if len(axes) == 1 else axes
    if {a % len(shape) for a in axes} == set(range(len(shape))) and b.chance(0.5):
        param = None
    where = f"{b.one_of(['np', 'x'])}.{op}"
    b.add(
        where, x, shape=_reduced(shape, axes, keepdims), bound=bound, axis=param, keepdims=keepdims
    )


for _name in ("sum", "mean", "prod", "max", "min", "var", "std"):
    TEMPLATES[f"reduce_{_name}"] = partial(_reduction, op=_name)


@template
def extremum_everywhere(b: Builder) -> None:
    """Another use of max and min, which programs need often."""
    x = b.distinct(b.real(1))
    y = b.same("op.sub", x, b.add("np.max", x, shape=(), bound=b.bounds[x]), bound=2 * b.bounds[x])
    b.same("op.mul", b.bounded(y, 1.0), b.add("np.min", x, shape=(), bound=b.bounds[x]), bound=5.0)


def _position(b: Builder, op: str) -> None:
    x = b.distinct(b.real(1))
    axis = b.axis(x)
    shape = _reduced(b.shape(x), (axis,), False)
    where = f"{b.one_of(['np', 'x'])}.{op}"
    found = b.add(where, x, shape=shape, dtype="i8", bound=4, axis=axis)
    if len(shape) < 3 and b.chance(0.5):
        source = b.real(1, 2)
        n = b.shape(source)[0]
        at = b.same("np.remainder", found, b.whole(n), bound=n)
        b.read(source, (("ref", 0),), [at])
    else:
        b.use(found)


for _name in ("argmax", "argmin"):
    TEMPLATES[_name] = partial(_position, op=_name)


def _cumulative(b: Builder, name: str) -> None:
    x = b.real(1)
    if name == "cumprod":
        x = b.into(x, 0.6, 1.4)
    elif name != "cumsum":
        x = b.distinct(x)
    axis = b.axis(x) % len(b.shape(x))
    bound = {"cumsum": 4 * b.bounds[x], "cumprod": 4.0}.get(name, b.bounds[x] + 2)
    b.same("lax.cumulative", x, bound=bound, name=name, axis=axis, reverse=b.chance(0.5))


for _name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
    TEMPLATES[_name] = partial(_cumulative, name=_name)


@template
def cumulative_numpy(b: Builder) -> None:
    name = b.one_of(["cumsum", "cumprod"])
    x = b.into(b.real(1), 0.6, 1.4)
    b.same(f"np.{name}", x, bound=6.0, axis=b.axis(x))


@template
def differences(b: Builder) -> None:
    x = b.real(1)
    axis = b.axis(x)
    shape = list(b.shape(x))
    shape[axis] -= 1
    if min(shape):
        b.add("np.diff", x, shape=tuple(shape), bound=2 * b.bounds[x], axis=axis)


# ------------------------------------------------------------------------------------------- shapes
@template
def reshape(b: Builder) -> None:
    x = b.real(1)
    shape = b.shape(x)
    size = int(np.prod(shape))
    options: list[tuple[Shape, Shape]] = [((size,), (-1,)), ((*shape, 1), (*shape, 1))]
    options += [((n, size // n), (n, -1)) for n in SIZES if size % n == 0]
    result, given = b.one_of([o for o in options if len(o[0]) <= 3] or options[:1])
    b.add("np.reshape", x, shape=result, bound=b.bounds[x], shape_=given)


@template
def transpose(b: Builder) -> None:
    x = b.real(2)
    shape = b.shape(x)
    perm = [int(i) for i in b.rng.permutation(len(shape))]
    kind = b.one_of(["np.transpose", "np.swapaxes", "np.moveaxis"])
    if kind == "np.transpose":
        result = tuple(shape[i] for i in perm)
        b.add(kind, x, shape=result, bound=b.bounds[x], axes=tuple(perm))
        return
    i, j = perm[0], perm[1] - len(shape)
    names = ("axis1", "axis2") if kind == "np.swapaxes" else ("source", "destination")
    result = getattr(np, kind[3:])(np.zeros(shape), i, j).shape
    b.add(kind, x, shape=result, bound=b.bounds[x], **dict(zip(names, (i, j), strict=True)))


@template
def broadcast_to(b: Builder) -> None:
    x = b.real(0, 2)
    shape = (b.one_of(SIZES), *b.shape(x))
    b.add("np.broadcast_to", x, shape=shape, bound=b.bounds[x], shape_=shape)


@template
def join(b: Builder) -> None:
    x = b.real(1, 2)
    y = b.real_of(b.shape(x))
    how = b.one_of(["concatenate", "stack"])
    n = len(b.shape(x)) + (how == "stack")
    axis = int(b.rng.integers(-n, n))
    parts = [x, y, x][: b.one_of([2, 2, 3])]
    shape = getattr(np, how)([np.zeros(b.shape(p)) for p in parts], axis=axis).shape
    bound = max(b.bounds[x], b.bounds[y])
    b.add("my.join", *parts, shape=shape, bound=bound, how=how, axis=axis)


@template
def pad(b: Builder) -> None:
    x = b.real(1, 2)
    config, shape = [], []
    for n in b.shape(x):
        lo, hi, inner = (int(b.rng.integers(lo, hi)) for lo, hi in ((-1, 3), (-1, 2), (0, 2)))
        size = n + lo + hi + inner * (n - 1)
        if size < 1:
            lo, hi, inner, size = 1, 0, 0, n + 1
        config.append((lo, hi, inner))
        shape.append(size)
    # Part of x itself, because JAX fails to transpose a pad of a constant with a variable.
    value = b.bounded(b.add("np.mean", x, shape=(), bound=b.bounds[x]), 2.0)
    bound = max(b.bounds[x], 2.0)
    b.add("lax.pad", x, value, shape=tuple(shape), bound=bound, config=tuple(config))


_REARRANGE: dict[str, dict[str, Any]] = {
    "flip": {"axis": -1}, "roll": {"shift": 1, "axis": -1}, "expand_dims": {"axis": -1},
    "repeat": {"repeats": 2, "axis": -1}, "tile": {"reps": 2}, "ravel": {}, "squeeze": {},
}  # fmt: skip


def _rearrange(b: Builder, name: str) -> None:
    x = b.real(1, 2)
    params = {k: b.axis(x) if k == "axis" else v for k, v in _REARRANGE[name].items()}
    shape = getattr(np, name)(np.zeros(b.shape(x)), **params).shape
    b.add(f"np.{name}", x, shape=shape, bound=b.bounds[x], **params)


for _name in _REARRANGE:
    TEMPLATES[_name] = partial(_rearrange, name=_name)


@template
def triangle(b: Builder) -> None:
    x = b.real(2, 2)
    op = b.one_of(["np.tril", "np.triu", "np.diagonal", "np.trace"])
    shape = getattr(np, op[3:])(np.zeros(b.shape(x))).shape
    b.add(op, x, shape=shape, bound=4 * b.bounds[x])


@template
def outer(b: Builder) -> None:
    x, y = b.real(1, 1, 2.0), b.real(1, 1, 2.0)
    b.add("np.outer", x, y, shape=(*b.shape(x), *b.shape(y)), bound=4.0)


@template
def ramp(b: Builder) -> None:
    x = b.real(1)
    n = b.shape(x)[-1]
    steps = b.add("np.arange", shape=(n,), dtype="i8", bound=n, start=n)
    b.same("op.mul", b.bounded(x, 1.0), steps, bound=4.0)


@template
def weights(b: Builder) -> None:
    x = b.real(1)
    n = b.shape(x)[-1]
    steps = b.add("np.linspace", shape=(n,), start=0.1, stop=1.0, num=n, dtype_="float64")
    b.same("op.mul", x, steps, bound=b.bounds[x])


# ----------------------------------------------------------------------------------------- products
@template
def matmul(b: Builder) -> None:
    x = b.real(1, 3, 2.0)
    shape = b.shape(x)
    n = shape[-1]
    y_shape = b.one_of([(n,), (n, 2), (n, 3), (*shape[:-2], n, 2) if len(shape) > 2 else (n, 4)])
    y = b.real_of(y_shape, 2.0)
    result = np.matmul(np.zeros(shape), np.zeros(y_shape)).shape
    b.add(b.one_of(["np.matmul", "op.matmul"]), x, y, shape=result, bound=4.0 * n)


@template
def dot(b: Builder) -> None:
    x = b.real(1, 2, 2.0)
    n = b.shape(x)[-1]
    op = b.one_of(["np.dot", "np.inner", "np.tensordot"])
    if op == "np.inner":
        y = b.real_of(b.one_of([(n,), (2, n)]), 2.0)
        shape = np.inner(np.zeros(b.shape(x)), np.zeros(b.shape(y))).shape
        params = {}
    else:
        y = b.real_of(b.one_of([(n,), (n, 3)]), 2.0)
        params = {"axes": 1} if op == "np.tensordot" else {}
        shape = np.dot(np.zeros(b.shape(x)), np.zeros(b.shape(y))).shape
    b.add(op, x, y, shape=shape, bound=4.0 * n, **params)


_SPECS = ["ij,jk->ik", "ij,kj->ki", "ij,ij->", "ij,j->i", "i,j->ij", "bij,bjk->bik", "bij,bij->b",
          "ii->i", "ii", "ij->ji", "bij,bkj->ikb", "ij,jk,kl->il", "i,i,i->i", "ij,kl->",
          "...i,i->..."]  # fmt: skip


@template
def einsum(b: Builder) -> None:
    spec = b.one_of(_SPECS)
    inputs = spec.partition("->")[0].split(",")
    first = b.real(len(inputs[0].replace("...", "bk")), len(inputs[0].replace("...", "bk")), 2.0)
    if inputs[0] == "ii" and len(set(b.shape(first))) > 1:
        first = b.real_of((3, 3), 2.0)
    letters = dict(zip(inputs[0].replace("...", "bk"), b.shape(first), strict=True))
    operands = [first]
    for term in inputs[1:]:
        for letter in term:
            letters.setdefault(letter, b.one_of(SIZES))
        operands.append(b.real_of(tuple(letters[c] for c in term), 2.0))
    shape = np.einsum(spec, *[np.zeros(b.shape(i)) for i in operands]).shape
    b.add("my.einsum", *operands, shape=shape, bound=64.0, spec=spec)


@template
def dot_general(b: Builder) -> None:
    x = b.real(2, 3, 2.0)
    shape = b.shape(x)
    dims = [int(i) for i in b.rng.permutation(len(shape))]
    contract = dims[:1] if b.chance(0.7) else dims[:2]
    batch = dims[len(contract) :][:1] if b.chance(0.6) else []
    shared = [*contract, *batch]
    order = [int(i) for i in b.rng.permutation(len(shared))]
    y_shape = [shape[shared[i]] for i in order]
    free = b.chance(0.5)
    if free:
        y_shape.append(2)
    place = {shared[i]: k for k, i in enumerate(order)}
    y = b.real_of(tuple(y_shape), 2.0)
    rest = [n for i, n in enumerate(shape) if i not in shared]
    result = (*(shape[i] for i in batch), *rest, *((2,) if free else ()))
    b.add(
        "lax.dot_general", x, y, shape=result, bound=64.0,
        contract=(tuple(contract), tuple(place[i] for i in contract)),
        batch=(tuple(batch), tuple(place[i] for i in batch)),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ sorting
@template
def sort(b: Builder) -> None:
    x = b.distinct(b.real(1))
    b.same("np.sort", x, bound=b.bounds[x], axis=b.axis(x))


@template
def argsort(b: Builder) -> None:
    x = b.distinct(b.real(1, 1))
    order = b.add("np.argsort", x, shape=b.shape(x), dtype="i8", bound=4)
    y = b.real_of(b.shape(x))
    b.read(y, (("ref", 0),), [order])


@template
def sort_together(b: Builder) -> None:
    x = b.distinct(b.real(1, 2))
    y = b.real_of(b.shape(x))
    keys: list[int] = [x]
    if b.chance(0.5):
        first = b.same("np.round", b.real_of(b.shape(x), 1.5), bound=2.0)
        keys = [first, x]
    operands = [*keys, y]
    which = int(b.rng.integers(len(keys) - 1, len(operands)))
    axis = b.axis(x) % len(b.shape(x))
    b.same_type_as(
        operands[which], "lax.sort", *operands, axis=axis, num_keys=len(keys), which=which
    )

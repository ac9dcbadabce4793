"""Fragments of programs that read and write by index, with indices of every form."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from program_builder import Builder, Shape
from program_nodes import decode_index
from program_templates import TEMPLATES, template


# ----------------------------------------------------------------------------------------- indexing
def _random_index(b: Builder, x: int, unique: bool) -> tuple[tuple[Any, ...], list[int], Shape]:
    """An index for x, the operands it refers to, and the shape of what it selects.

    With ``unique``, no element is selected twice.
    """
    index: list[Any] = []
    refs: list[int] = []
    fancy = None
    for n in b.shape(x):
        kind = b.one_of(["int", "slice", "slice", "full", "array", "ref", "scalar_ref"])
        if kind == "int":
            index.append(int(b.rng.integers(-n, n)))
        elif kind == "slice" and n > 1:
            start = int(b.rng.integers(0, n - 1))
            index.append(
                b.one_of([slice(start, None), slice(None, start + 1), slice(None, None, 2),
                          slice(None, None, -1), slice(-2, None)])
            )  # fmt: skip
        elif kind == "array" or (kind == "ref" and unique):
            fancy = fancy or int(b.rng.integers(1, 3))
            line = b.rng.permutation(n) if unique else b.rng.integers(-n, n, fancy)
            index.append(("array", tuple(int(i) for i in line[:fancy])))
            if len(line) < fancy:
                index[-1] = slice(None)
        elif kind == "ref":
            fancy = fancy or int(b.rng.integers(1, 3))
            refs.append(b.index((fancy,), n))
            index.append(("ref", len(refs) - 1))
        elif kind == "scalar_ref":
            refs.append(b.index((), n))
            index.append(("ref", len(refs) - 1))
        else:
            index.append(slice(None))
    if b.chance(0.3):
        index.insert(int(b.rng.integers(0, len(index) + 1)), None)
    if b.chance(0.2):
        while index and index[-1] == slice(None):
            index.pop()
        index.append("...")
    zeros = [np.zeros(b.shape(i), int) for i in refs]
    shape = np.zeros(b.shape(x))[decode_index(tuple(index), zeros)].shape
    return tuple(index), refs, shape


@template
def take(b: Builder) -> None:
    x = b.real(1)
    index, refs, _ = _random_index(b, x, unique=False)
    b.read(x, index, refs)


@template
def take_two_arrays(b: Builder) -> None:
    """Two index arrays that broadcast against each other."""
    x = b.real(2)
    m, n = b.shape(x)[:2]
    rows = b.index((2, 1), m)
    columns = b.index((2,), n)
    b.read(x, (("ref", 0), ("ref", 1)), [rows, columns])


@template
def slices(b: Builder) -> None:
    x = b.real(1)
    parts: list[Any] = []
    for n in b.shape(x):
        start = int(b.rng.integers(0, n))
        stop = b.one_of([None, n, int(b.rng.integers(start + 1, n + 1))])
        parts.append(slice(start, stop, b.one_of([None, 1, 2])))
    b.read(x, tuple(parts), [])


@template
def get_with_mode(b: Builder) -> None:
    x = b.real(1, 2)
    at = b.integer(b.one_of([(2,), (3,), ()]))
    at = b.same("np.abs", at, bound=b.bounds[at])
    mode = b.one_of(["clip", "fill"])
    params = {"fill": 0.5} if mode == "fill" else {}
    shape = (*b.shape(at), *b.shape(x)[1:])
    b.add("my.get", x, at, shape=shape, bound=b.bounds[x], index=(("ref", 0),), mode=mode, **params)


def _put(b: Builder, how: str) -> None:
    x = b.real(1)
    repeats = how in ("add", "subtract", "min", "max")
    if how in ("min", "max"):
        x = b.distinct(x)
    if how == "power":
        x = b.into(x, 0.5, 1.5)
    index, refs, shape = _random_index(b, x, unique=not repeats)
    if b.chance(0.3) and how not in ("min", "max"):
        value = b.real(0, 0, bound=2.0)
    else:
        value = b.real_of(shape, bound=2.0)
    if how in ("min", "max"):
        value = b.distinct(value)
    if how in ("divide", "power"):
        value = b.into(value, 0.5, 2.0)
    b.same(
        "my.put", x, value, *refs, bound=2.0 + 3 * b.bounds[x], index=index, how=how,
        unique=not repeats,
    )  # fmt: skip


for _name in ("set", "add", "multiply", "subtract", "min", "max", "divide", "power"):
    TEMPLATES[f"put_{_name}"] = partial(_put, how=_name)


@template
def put_extremum(b: Builder) -> None:
    x = b.distinct(b.real(1, 2))
    at = b.index((3,), b.shape(x)[0])
    value = b.distinct(b.real_of((3, *b.shape(x)[1:])))
    b.same(
        "my.put", x, value, at, bound=9.0, index=(("ref", 0),), how=b.one_of(["min", "max"]),
        unique=False,
    )  # fmt: skip


def _put_rows(b: Builder, how: str) -> None:
    x = b.real(1, 2)
    n = b.shape(x)[0]
    line = tuple(int(i) for i in b.rng.permutation(n)[:2])
    value = b.real_of((len(line), *b.shape(x)[1:]), bound=2.0)
    index = (("array", line),)
    b.same("my.put", x, value, bound=8.0, index=index, how=how, unique=True)


for _name in ("set", "multiply"):
    TEMPLATES[f"put_rows_{_name}"] = partial(_put_rows, how=_name)


@template
def put_dropping(b: Builder) -> None:
    """Some indices are out of range and write nothing."""
    x = b.real(1, 2)
    at = b.integer((2,))
    at = b.same("np.abs", at, bound=b.bounds[at])
    value = b.real_of((2, *b.shape(x)[1:]))
    b.same(
        "my.put", x, value, at, bound=12.0, index=(("ref", 0),), how="add", unique=False,
        mode="drop",
    )  # fmt: skip


@template
def put_number(b: Builder) -> None:
    x = b.real(1)
    index, refs, _ = _random_index(b, x, unique=True)
    how = b.one_of(["set", "add", "multiply"])
    b.same(
        "my.put_scalar",
        x,
        *refs,
        bound=2 * b.bounds[x],
        index=index,
        how=how,
        value=b.uniform(0.5, 2),
    )


@template
def mask(b: Builder) -> None:
    x = b.real(1)
    key = int(b.rng.integers(1 << 30))
    b.add("my.masked", x, shape=(), bound=27 * b.bounds[x] ** 2, key=key)


@template
def take_along_axis(b: Builder) -> None:
    x = b.real(1, 2)
    axis = b.axis(x)
    at = b.index(b.shape(x), b.shape(x)[axis])
    b.same("np.take_along_axis", x, at, bound=b.bounds[x], axis=axis)


@template
def dynamic_slice(b: Builder) -> None:
    x = b.real(1, 2)
    shape = b.shape(x)
    sizes = tuple(int(b.rng.integers(1, n + 1)) for n in shape)
    starts = [b.index((), n + 2) for n in shape]
    b.add("lax.dynamic_slice", x, *starts, shape=sizes, bound=b.bounds[x], sizes=sizes)


@template
def dynamic_update_slice(b: Builder) -> None:
    x = b.real(1, 2)
    shape = b.shape(x)
    sizes = tuple(int(b.rng.integers(1, n + 1)) for n in shape)
    update = b.real_of(sizes)
    starts = [b.index((), n + 2) for n in shape]
    bound = max(b.bounds[x], b.bounds[update])
    b.same("lax.dynamic_update_slice", x, update, *starts, bound=bound)

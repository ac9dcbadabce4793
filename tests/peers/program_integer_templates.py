"""Fragments of programs over integers, bits, other dtypes and random numbers."""

from __future__ import annotations

from functools import partial

from program_builder import SIZES, Builder
from program_templates import TEMPLATES, template


# ---------------------------------------- integers and bits
@template
def integers(b: Builder) -> None:
    x = b.integer()
    y = b.integer(b.shape(x)) if b.chance(0.5) else b.integer(())
    op = b.one_of(
        ["op.add", "op.sub", "op.mul", "op.and_", "op.or_", "op.xor", "np.maximum", "np.minimum"]
    )
    z = b.add(op, x, y, shape=b.shape(x), dtype="i8", bound=260)
    b.use(z)


@template
def integer_division(b: Builder) -> None:
    x = b.integer()
    y = b.same("my.at_least_one", b.integer(b.shape(x)), bound=4)
    if b.chance(0.3):
        y = b.same("op.neg", y, bound=4)
    op = b.one_of(["op.floordiv", "op.mod", "np.fmod", "lax.div"])
    b.use(b.same(op, x, y, bound=16))


@template
def integer_comparison(b: Builder) -> None:
    x = b.integer()
    op = b.one_of(["np.equal", "op.ne", "op.lt", "op.ge"])
    truth = b.add(op, x, b.integer(b.shape(x)), shape=b.shape(x), dtype="b1")
    if b.chance(0.5):
        _use_truth_number(b, truth)


def _use_truth_number(b: Builder, truth: int) -> None:
    x = b.add("my.to_float", truth, shape=b.shape(truth), bound=0.25)
    b.same("op.add", x, b.real_of(b.shape(x)), bound=5.0)


@template
def counting(b: Builder) -> None:
    truth = b.truth(b.shape(b.real(1)))
    count = b.add("np.sum", truth, shape=(), dtype="i8", bound=64)
    b.use(count)


def _bits(b: Builder, op: str) -> None:
    x = b.integer()
    b.use(b.same(op, x, bound=64))


def _shift(b: Builder, how: str) -> None:
    x = b.integer()
    dtype = b.one_of(["int64", "int32", "int16", "uint8"])
    by = int(b.rng.integers(0, 6))
    b.use(b.same("my.shift", x, bound=64, by=by, how=how, dtype_=dtype))


TEMPLATES["population_count"] = partial(_bits, op="lax.population_count")
TEMPLATES["clz"] = partial(_bits, op="lax.clz")
TEMPLATES["invert"] = partial(_bits, op="op.invert")
TEMPLATES["left_shift"] = partial(_shift, how="left_shift")
TEMPLATES["right_shift"] = partial(_shift, how="right_shift")


@template
def bitcast(b: Builder) -> None:
    b.use(b.same("my.top_bits", b.integer(), bound=1100))


@template
def casts(b: Builder) -> None:
    x = b.real()
    b.same(
        "my.round_trip", x, bound=b.bounds[x], dtype_=b.one_of(["float32", "float16", "bfloat16"])
    )
    i = b.integer()
    dtype = b.one_of(["int8", "uint8", "int32", "uint16", "float32", "bool"])
    if dtype not in ("uint8", "uint16"):
        b.use(b.same("my.int_round_trip", i, bound=16, dtype_=dtype))


@template
def integer_sums(b: Builder) -> None:
    x = b.integer(b.shape(b.real(1, 2)))
    op = b.one_of(["np.cumsum", "np.cumprod", "np.sort"])
    if op == "np.cumprod":
        x = b.same("my.at_least_one", x, bound=4)
    b.use(b.same(op, x, bound=300, axis=-1))


# ---------------------------------------- complex and random values
def _complex(b: Builder, part: str) -> None:
    x = b.real(bound=2.0)
    y = b.real_of(b.shape(x), 2.0)
    z = b.same("my.complex_part", x, y, bound=12.0, part=part)
    b.same("op.mul", b.bounded(x, 1.0), z, bound=12.0)


for _name in ("real", "imag", "abs"):
    TEMPLATES[f"complex_{_name}"] = partial(_complex, part=_name)


@template
def random_uniform(b: Builder) -> None:
    x = b.real()
    b.same("my.random_uniform", x, bound=b.bounds[x], seed=int(b.rng.integers(1 << 20)))


@template
def random_folded(b: Builder) -> None:
    x = b.real(1)
    at = b.index((), 5)
    b.same("my.random_folded", x, at, bound=b.bounds[x], seed=int(b.rng.integers(1 << 20)))


@template
def random_bits(b: Builder) -> None:
    shape = (b.one_of(SIZES),)
    seed = int(b.rng.integers(1 << 20))
    bits = b.add("my.random_bits", shape=shape, dtype="i8", bound=8, seed=seed, shape_=shape)
    b.use(bits)

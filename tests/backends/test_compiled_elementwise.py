"""Compiled elementwise ops equal interpreted ones: every op, dtype and special value.

Everything that IEEE 754 rounds once, and all that is not a float, must be equal. Transcendental
functions may be four units in the last place apart; what they are of the true value is measured in
``test_maths``.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from agreement import LENGTHS, batch, both_ways, epsilon, same, specials, ulps

from functorch_lite.core.dtypes import is_complex, is_float
from functorch_lite.core.op import REGISTRY
from functorch_lite.testing.samples import dtypes_for, samples_for

pytest.importorskip("llvmlite.binding")

ELEMENTWISE = [name for name, op in REGISTRY.items() if op.family == "elementwise"]
ROUNDED_ONCE = {
    "add", "sub", "mul", "div", "neg", "abs", "sqrt", "square", "reciprocal", "sign", "floor",
    "ceil",
    "round", "trunc", "copysign", "maximum", "minimum", "clamp", "select", "cast", "bitcast",
    "stop_gradient", "conj", "nextafter", "complex", "real", "imag", "fmod", "remainder",
    "floor_divide",
}  # fmt: skip
# IEEE 754 leaves the sign of a zero open, or NumPy and SciPy lose it.
OPEN_ZERO = {"maximum", "minimum", "clamp", "sign", "erfinv", "erf"}
# SciPy's float64 functions have errors of their own.
LOOSE = {"erfc": 16, "erfinv": 16, "logaddexp": 8, "pow": 8}


def signatures(name):
    """The dtypes of the operands and the params that the samples of an op have."""
    found = {}
    for dtype in dtypes_for(name):
        for args, params in samples_for(name, dtype, np.random.default_rng(0)):
            key = tuple(a.dtype for a in args), tuple(params.items())
            found.setdefault(key, params)
    return [(dtypes, params) for (dtypes, _), params in found.items()]


def operands_of(name, dtypes, params):
    """All combinations of special values; some, of three operands and more."""
    values = [specials(d) for d in dtypes]
    if name == "cast" and dtypes[0].kind not in "biu" and params["dtype"].kind in "iu":
        # What a float outside of an integer dtype becomes is open.
        info = np.iinfo(params["dtype"])
        wide = values[0].real.astype(np.float64)
        values = [values[0][(wide > float(info.min)) & (wide < float(info.max))]]
    if len(values) > 2:
        rng = np.random.default_rng(0)
        return [v[rng.integers(0, len(v), 400)] for v in values]
    grid = np.meshgrid(*[np.arange(len(v)) for v in values], indexing="ij")
    return [v[g.reshape(-1)] for v, g in zip(values, grid, strict=True)]


def arrangements(columns, lengths, rng):
    """Operands in many shapes and layouts."""
    yield columns
    for n in lengths:
        yield [np.resize(x[rng.permutation(len(x))], n) for x in columns]
    yield [x[:1].reshape(()) for x in columns]
    yield [x[:0] for x in columns]
    mixed = [np.resize(x[rng.permutation(len(x))], 54) for x in columns]
    yield [x.reshape(6, 9)[::-1, ::2] for x in mixed]
    yield [x.reshape(6, 9).T[:, :1] if i else x.reshape(6, 9).T for i, x in enumerate(mixed)]
    yield [x[:7].reshape(7, 1) if i else x[:5] for i, x in enumerate(mixed)]
    yield [x[0].reshape(()) if i else x[::-1] for i, x in enumerate(mixed)]


def check(name, want, got, operands):
    assert got.dtype == want.dtype and got.shape == want.shape
    if not want.size:
        return
    want, got = want.reshape(-1), got.reshape(-1)
    rounds = is_float(want.dtype) and (name not in ROUNDED_ONCE or is_complex(operands[0].dtype))
    if not rounds:  # complex numbers are NumPy's business both ways
        wrong = ~same(want, got, name not in OPEN_ZERO)
    else:
        wrong = ulps(want, got) > LOOSE.get(name, 4)
        if want.dtype.itemsize < 8:  # beside the tiniest numbers, and where results cancel
            reach = max(float(np.finfo(np.float32).tiny), 0.0) * epsilon(want.dtype) * 32
            if name == "logaddexp":
                with np.errstate(invalid="ignore"):
                    reach = 4 * epsilon(want.dtype) * np.abs(np.maximum(*operands).astype(float))
            with np.errstate(invalid="ignore"):
                wrong &= ~(np.abs(want.astype(float) - got.astype(float)) <= reach)
    if wrong.any():
        at = int(np.argmax(wrong))
        given = [x[at] for x in operands]
        pytest.fail(
            f"{name}{given} is {want[at]!r}, compiled {got[at]!r}; {wrong.sum()} of {wrong.size} "
            f"differ, {want.dtype}, operands {[x.dtype.name for x in operands]}"
        )


def check_op(name, lengths):
    op = REGISTRY[name]
    calls, cases = [], []
    for number, (dtypes, params) in enumerate(signatures(name)):
        rng = np.random.default_rng([number, zlib.crc32(name.encode())])
        few = lengths or [LENGTHS[(number + len(name)) % len(LENGTHS)]]
        for operands in arrangements(operands_of(name, dtypes, params), few, rng):
            calls.append((lambda *xs, params=params: op(*xs, **params), operands))
            cases.append(operands)
    wants, gots = both_ways(*_flat(batch(calls)))
    for operands, want, got in zip(cases, wants, gots, strict=True):
        flat = [x.reshape(-1) for x in np.broadcast_arrays(*operands)]
        check(name, want, got, flat)


def _flat(pair):
    f, operands = pair
    return f, *operands


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name):
    check_op(name, None)


@pytest.mark.long
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_of_many_lengths(name):
    check_op(name, LENGTHS[1::2])


def test_ulps_count_numbers():
    for dtype in (np.float32, np.float64):
        one = np.ones(1, dtype)
        assert ulps(one, np.nextafter(one, dtype(2)))[0] == 1
        assert ulps(one, np.nextafter(one, dtype(0)))[0] == 1
    tiny = np.array([5e-324, -0.0, np.nan, 1.0])
    assert list(ulps(tiny, np.array([-5e-324, 0.0, np.nan, np.nan]))) == [2, 0, 0, np.inf]


def test_a_wrong_result_is_noticed():
    x = np.linspace(0.1, 1, 20)
    with pytest.raises(pytest.fail.Exception):
        check("exp", np.exp(x), np.exp(x) * (1 + 2e-15), [x])
    with pytest.raises(pytest.fail.Exception):
        check("add", x, np.nextafter(x, 2), [x, x])
    with pytest.raises(pytest.fail.Exception):
        check("neg", np.array([0.0]), np.array([-0.0]), [np.zeros(1)])

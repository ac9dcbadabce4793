"""Values and gradients at ties, zeros, infinities and at the ends of dtypes.

JAX 0.10.2 is the measure wherever it is installed; ``OURS`` lists where it is not followed, and
why. Every row is checked eagerly, under ``jit`` and, where it is differentiable, by both modes.
"""

import math

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.scipy import special

INF, NAN = math.inf, math.nan


def f64(*xs):
    return np.array(xs, "float64")


# name: (function of (numpy-like module, array), operand, value, gradient of the sum of the result)
PLACES = {
    # -- ties
    "max of equals": (lambda m, x: m.max(x), f64(2, 1, 2), 2.0, [0.5, 0, 0.5]),
    "min of equals": (lambda m, x: m.min(x), f64(1, 1, 1, 2), 1.0, [1 / 3, 1 / 3, 1 / 3, 0]),
    "maximum of equals": (lambda m, x: m.maximum(x, 1.0), f64(1, 2), [1, 2], [0.5, 1]),
    "minimum of equals": (lambda m, x: m.minimum(x, 1.0), f64(1, 2), [1, 1], [0.5, 0]),
    "maximum of itself": (lambda m, x: m.maximum(x, x), f64(1, 2), [1, 2], [1, 1]),
    "sort of equals": (lambda m, x: m.sort(x) * m.arange(3.0), f64(2, 1, 1), [0, 1, 4], [2, 0, 1]),
    "clip at its bounds": (lambda m, x: m.clip(x, 0.0, 1.0), f64(0, 1, -1), [0, 1, 0], [1, 1, 0]),
    "prod with one zero": (lambda m, x: m.prod(x), f64(0, 2, 3), 0.0, [6, 0, 0]),
    "prod with two zeros": (lambda m, x: m.prod(x), f64(0, 0, 3), 0.0, [0, 0, 0]),
    "cumprod with a zero": (lambda m, x: m.cumprod(x), f64(2, 0, 3), [2, 0, 0], [1, 8, 0]),
    "argmax is flat": (lambda m, x: x * m.argmax(x), f64(3, 3, 1), [0, 0, 0], [0, 0, 0]),
    # -- roots, powers, angles at zero
    "abs at 0": (lambda m, x: m.abs(x), f64(0, -0.0, -2), [0, 0, 2], [0, 0, -1]),
    "sign at 0": (lambda m, x: m.sign(x), f64(0, -2), [0, -1], [0, 0]),
    "sqrt at 0": (lambda m, x: m.sqrt(x), f64(0, 4), [0, 2], [INF, 0.25]),
    "cbrt at 0": (lambda m, x: m.cbrt(x), f64(0, 8), [0, 2], [INF, 1 / 12]),
    "square root of a square at 0": (lambda m, x: m.sqrt(x * x), f64(0, -2), [0, 2], [NAN, -1]),
    "hypot at 0": (lambda m, x: m.hypot(x, x * 0), f64(0, -2), [0, 2], [0, -1]),
    "arctan2(0, 0)": (lambda m, x: m.arctan2(x, x * 0), f64(0, 0), [0, 0], [0, 0]),
    "arctan2 on the left": (lambda m, x: m.arctan2(x, -1.0),
        f64(0, -0.0), [math.pi, -math.pi], [-1, -1]),
    "sinc at 0": (lambda m, x: m.sinc(x), f64(0, 1), [1, 0], [0, -1]),
    "x**0 at 0": (lambda m, x: m.power(x, m.zeros_like(x)), f64(0, 2), [1, 1], [0, 0]),
    "x**1 at 0": (lambda m, x: m.power(x, m.ones_like(x)), f64(0, 2), [0, 2], [1, 1]),
    "x**2 at 0": (lambda m, x: x**2, f64(0, 2), [0, 4], [0, 4]),
    "x**0.5 at 0": (lambda m, x: m.power(x, 0.5 * m.ones_like(x)), f64(0, 4), [0, 2], [INF, 0.25]),
    "x**-1 at 0": (lambda m, x: m.power(x, -m.ones_like(x)), f64(0, 2), [INF, 0.5], [-INF, -0.25]),
    "0**y": (lambda m, x: m.power(x * 0, x), f64(2, 0), [0, 1], None),
    "2**y": (lambda m, x: m.power(m.full_like(x, 2.0), x),
        f64(0, 1), [1, 2], [math.log(2), 2 * math.log(2)]),
    "log at 0": (lambda m, x: m.log(x), f64(0, 1, -1), [-INF, 0, NAN], [INF, 1, -1]),
    "log1p at -1": (lambda m, x: m.log1p(x), f64(-1, 0), [-INF, 0], [INF, 1]),
    "arcsin at 1": (lambda m, x: m.arcsin(x), f64(1, 0), [math.pi / 2, 0], [INF, 1]),
    "arctanh at 1": (lambda m, x: m.arctanh(x), f64(1, 0), [INF, 0], [INF, 1]),
    "reciprocal of zeros": (lambda m, x: 1.0 / x, f64(0, -0.0), [INF, -INF], [-INF, -INF]),
    # -- division and remainder
    "0 / 0": (lambda m, x: x / x, f64(0, 1), [NAN, 1], None),
    "x / inf": (lambda m, x: x / INF, f64(1, INF), [0, NAN], [0, 0]),
    "remainder by 0": (lambda m, x: m.remainder(x, 0.0), f64(1, 0), [NAN, NAN], [1, 1]),
    "remainder by inf": (lambda m, x: m.remainder(x, INF), f64(1, -1), [1, INF], [1, 1]),
    "remainder of signs": (lambda m, x: m.remainder(x, -3.0),
        f64(5, -5, 3), [-1, -2, -0.0], [1, 1, 1]),
    "fmod of signs": (lambda m, x: m.fmod(x, -3.0), f64(5, -5, 3), [2, -2, 0], [1, 1, 1]),
    "floor is flat": (lambda m, x: m.floor(x), f64(1, -0.5), [1, -1], [0, 0]),
    "round halves to even": (lambda m, x: m.round(x),
        f64(0.5, 1.5, -0.5, 2.5), [0, 2, -0.0, 2], [0] * 4),
    # -- exponentials and their sums
    "exp of infinities": (lambda m, x: m.exp(x), f64(INF, -INF), [INF, 0], [INF, 0]),
    "logaddexp of infinities": (lambda m, x: m.logaddexp(x, x),
        f64(-INF, INF, 0), [-INF, INF, math.log(2)], None),
    "logaddexp beside -inf": (lambda m, x: m.logaddexp(x, -INF), f64(0, 5), [0, 5], [1, 1]),
    "tanh far out": (lambda m, x: m.tanh(x), f64(INF, -40, 0), [1, -1, 0], [0, 0, 1]),
    # -- statistics
    "var with too few": (lambda m, x: m.var(x, ddof=1), f64(2), NAN, None),
    "var of one": (lambda m, x: m.var(x), f64(2), 0.0, [0]),
    "std of equals": (lambda m, x: m.std(x), f64(1, 1), 0.0, [NAN, NAN]),
    "median of two": (lambda m, x: m.median(x), f64(3, 1), 2.0, [0.5, 0.5]),
    "sum of nothing": (lambda m, x: m.sum(x), f64(), 0.0, []),
    "prod of nothing": (lambda m, x: m.prod(x), f64(), 1.0, []),
    "mean of nothing": (lambda m, x: m.mean(x), f64(), NAN, []),
    "where shields": (lambda m, x: m.where(x > 0, m.sqrt(m.where(x > 0, x, 1.0)), 0.0),
        f64(0, 4), [0, 2], [0, 0.25]),
}  # fmt: skip


def gradient(module, jax_like, f, x):
    return jax_like.grad(lambda v: f(module, v).sum())(x)


def equal(found, want, rtol=1e-12):
    want = np.asarray(want, "float64")
    found = np.asarray(found)
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=rtol, atol=1e-15)
    zero = want == 0
    assert (np.signbit(found[zero]) == np.signbit(want[zero])).all() or found.dtype.kind != "f"


@pytest.mark.parametrize("name", PLACES)
def test_value_and_gradient(name):
    f, x, value, slope = PLACES[name]
    x = fnp.asarray(x)

    def run(v):
        return f(fnp, v)

    equal(run(x), value)
    equal(fl.jit(run)(x), value, 1e-14 if np.ndim(value) == 0 else 1e-12)
    if slope is None:
        return
    total = lambda v: run(v).sum()  # noqa: E731
    np.testing.assert_allclose(fl.grad(total)(x), np.asarray(slope, "float64"), rtol=1e-12)
    np.testing.assert_allclose(fl.jit(fl.grad(total))(x), np.asarray(slope, "float64"), rtol=1e-12)
    if np.isfinite(slope).all():
        columns = [fl.jvp(total, (x,), (fnp.asarray(e),))[1] for e in np.eye(x.size)]
        np.testing.assert_allclose([float(c) for c in columns], slope, rtol=1e-12)


# Where JAX is not followed: (what it gives, why).
OURS = {
    "clip at its bounds": "1: the bound is part of the interval; JAX shares with the bound",
    "abs at 0": "0, in the middle of -1 and 1, as PyTorch; JAX gives 1",
    "hypot at 0": "0, in the middle of all directions; JAX gives 1/2",
    "arctan2(0, 0)": "0; JAX gives NaN",
    "x**0 at 0": "0, since x**0 is 1 everywhere; JAX gives NaN",
}


@pytest.mark.peers
@pytest.mark.parametrize("name", PLACES)
def test_jax_agrees_or_is_listed(name):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    f, x, _, slope = PLACES[name]
    with jax.enable_x64(True):
        theirs = f(jax.numpy, jax.numpy.asarray(x))
        np.testing.assert_allclose(f(fnp, fnp.asarray(x)), theirs, rtol=1e-12, atol=1e-15)
        if slope is not None:
            want = gradient(jax.numpy, jax, f, jax.numpy.asarray(x))
            mine = gradient(fnp, fl, f, fnp.asarray(x))
            agrees = np.allclose(mine, want, rtol=1e-12, atol=1e-15, equal_nan=True)
            assert agrees == (name not in OURS), (mine, want)


# --------------------------------------------------------------------------------- several results
@pytest.mark.parametrize("jitted", [False, True])
def test_sums_of_exponentials_of_infinities(jitted):
    wrap = fl.jit if jitted else (lambda f: f)
    rows = fnp.asarray(f64([-INF, -INF], [INF, 0], [-INF, 1], [NAN, 1]).reshape(4, 2))
    total = wrap(lambda v: special.logsumexp(v, axis=1))
    np.testing.assert_array_equal(total(rows), [-INF, INF, 1, NAN])
    slope = fl.grad(lambda v: special.logsumexp(v, axis=1)[2])(rows)
    np.testing.assert_allclose(slope[2], [0, 1])
    soft = wrap(lambda v: fl.nn.softmax(v, axis=1))(rows)
    np.testing.assert_array_equal(np.isnan(soft), [[True] * 2, [True] * 2, [False] * 2, [True] * 2])
    np.testing.assert_array_equal(soft[2], [0, 1])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_integers_wrap_and_divide_by_zero_to_zero(dtype):
    info = np.iinfo(dtype)
    top = fnp.asarray(np.array([info.max, info.min], dtype))
    one = np.ones((), dtype)
    for run in (lambda f: f, fl.jit):
        np.testing.assert_array_equal(run(lambda v: v + one)(top)[0], info.min)
        np.testing.assert_array_equal(run(lambda v: v - one)(top)[1], info.max)
        np.testing.assert_array_equal(
            run(lambda v: v * (one + one))(top)[0], np.array(-2).astype(dtype)
        )
        if info.min:
            np.testing.assert_array_equal(run(fnp.abs)(top)[1], info.min)
            np.testing.assert_array_equal(run(lambda v: v // (one - one - one))(top)[1], info.min)
        np.testing.assert_array_equal(run(lambda v: v // (v - v))(top), [0, 0])
        np.testing.assert_array_equal(run(lambda v: v % (v - v))(top), [0, 0])


def test_signed_zeros_survive():
    x = fnp.asarray(f64(-0.0, 0.0))
    for run in (lambda f: f, fl.jit):
        for f in (
            fnp.sin,
            fnp.tanh,
            fnp.sqrt,
            fnp.floor,
            fnp.rint,
            fnp.trunc,
            lambda v: v * 2.0,
            lambda v: v + v,
        ):
            assert np.signbit(run(f)(x)).tolist() == [True, False]
        assert np.signbit(run(lambda v: v + 0.0)(x)).tolist() == [False, False]
        assert np.signbit(run(lambda v: v - 0.0)(x)).tolist() == [True, False]
        assert np.signbit(run(lambda v: 0.0 * -abs(v))(x)).tolist() == [True, True]
        assert run(lambda v: 1.0 / v)(x).tolist() == [-INF, INF]
    assert fnp.copysign(1.0, x).tolist() == [-1.0, 1.0]


def test_casts_out_of_range():
    x = fnp.asarray(f64(1e300, -1e300, 65520.0, 1e-50))
    for run in (lambda f: f, fl.jit):
        assert run(lambda v: v.astype("float32"))(x).tolist()[:2] == [INF, -INF]
        assert run(lambda v: v.astype("float16"))(x).tolist()[2] == INF
        assert run(lambda v: v.astype("float32"))(x).tolist()[3] == 0.0
        whole = fnp.asarray(np.array([300, -1, 2**40]))
        assert run(lambda v: v.astype("uint8"))(whole).tolist() == [44, 255, 0]
        assert run(lambda v: v.astype("bool"))(
            fnp.asarray(f64(NAN, 0.0, -0.0, 1e-320))
        ).tolist() == [True, False, False, True]


@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("dtype", "int8 uint8 int16 uint16 int32 uint32 int64 uint64".split())
def test_integers_of_floats_out_of_range(source, dtype):
    """The nearest integer that there is, 0 for NaN, on every path."""
    info = np.iinfo(dtype)
    edges = [2.0**n for n in (7, 8, 15, 16, 31, 32, 63, 64, 70)]
    values = [NAN, INF, -INF, 0.9, -0.9, -1.0, 127.9, 300.7, *edges, *(-e for e in edges)]
    x = fnp.asarray(np.array(values)).astype(source)
    floats = np.asarray(x.astype("float64"))
    wanted = [
        0 if v != v else info.max if v == INF else info.min if v == -INF
        else min(max(int(v), info.min), info.max)
        for v in floats.tolist()
    ]  # fmt: skip
    for run in (lambda f: f, fl.jit, fl.vmap):
        assert run(lambda v: v.astype(dtype))(x).tolist() == wanted
    for v, expected in zip(x, wanted, strict=True):
        assert v.astype(dtype).item() == expected
    inside = fnp.asarray(np.array([1.9, 0.2, 100.0])).astype(source)
    assert inside.astype(dtype).tolist() == [1, 0, 100]
    assert x[:0].astype(dtype).shape == (0,)


def test_reductions_of_nothing():
    empty = fnp.zeros((0, 3))
    assert fnp.sum(empty, axis=0).tolist() == [0, 0, 0] and fnp.prod(empty, axis=0).tolist() == [
        1,
        1,
        1,
    ]
    assert fnp.all(empty).item() is True and fnp.any(empty).item() is False
    assert np.isnan(fnp.mean(empty, axis=0)).all() and fnp.sum(empty, axis=1).shape == (0,)
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(ValueError, match="empty"):
            getattr(fnp, name)(empty, axis=0)
        assert getattr(fnp, name)(empty, axis=1).shape == (0,)
    assert fnp.max(empty, axis=0, initial=-INF).tolist() == [-INF] * 3
    assert special.logsumexp(empty, axis=0).tolist() == [-INF] * 3
    assert fl.grad(lambda v: fnp.sum(v))(empty).shape == (0, 3)
    assert fnp.cumsum(empty, axis=0).shape == (0, 3) and fnp.sort(empty, axis=0).shape == (0, 3)
    assert fnp.concatenate([empty, fnp.ones((2, 3))]).shape == (2, 3)


def test_nan_travels():
    x = fnp.asarray(f64(1, NAN, 3))
    for run in (lambda f: f, fl.jit):
        for f in (fnp.max, fnp.min, fnp.sum, fnp.mean, fnp.prod, lambda v: fnp.maximum(v, 2.0)[1]):
            assert math.isnan(run(f)(x))
        assert run(fnp.nanmax)(x) == 3 and run(fnp.nansum)(x) == 4
        assert run(fnp.argmax)(x) == 1
        assert np.isnan(run(fnp.sort)(x)[2])
        assert run(lambda v: v == v)(x).tolist() == [True, False, True]


def test_shifts_and_powers_of_integers():
    for run in (lambda f: f, fl.jit):
        assert run(lambda v: lax.shift_right_arithmetic(v, v * 0 + 1))(fnp.asarray(-3)) == -2
        assert run(lambda v: fnp.power(v, 3))(fnp.asarray(np.int8(100))) == np.array(
            1000000
        ).astype("int8")

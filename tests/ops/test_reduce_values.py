"""Reductions and cumulative ops at the hard places: ties, zeros, NaN, infinities, empty axes."""

import math

import ml_dtypes
import numpy as np
import pytest

from functorch_lite import ops
from functorch_lite.core.array import wrap
from functorch_lite.errors import ShapeError
from functorch_lite.ops.cumulative import _scan_by_doubling, affine_recurrence
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp

INF, NAN = math.inf, math.nan


def array(values, dtype="float64"):
    return wrap(np.array(values, dtype))


def pullback(f, x, ct=None):
    """The cotangent of ``x``; forward mode must agree with it column by column."""
    x = array(x)
    out, pull = vjp(f, x)
    ct = np.ones(out.shape) if ct is None else np.asarray(ct, float)
    (g,) = pull(wrap(ct))
    flat = np.zeros(x.shape)
    for where in np.ndindex(x.shape):
        t = np.zeros(x.shape)
        t[where] = 1.0
        flat[where] = np.sum(ct * jvp(f, (x,), (wrap(t),))[1]._data)
    np.testing.assert_allclose(flat, g._data, rtol=1e-12, atol=1e-300)
    return g._data.tolist()


def hessian(f, x):
    """Second derivatives of the sum of ``f``, forward over reverse."""
    x = array(x)

    def gradient(x):
        out, pull = vjp(f, x)
        return pull(wrap(np.ones(out.shape)))[0]

    rows = [jvp(gradient, (x,), (wrap(row),))[1]._data for row in np.eye(len(x._data))]
    return np.array(rows).tolist()


def total(name, axes=(0,)):
    return lambda x: getattr(ops, name)(x, axes=axes)


def running(name, reverse=False):
    return lambda x: getattr(ops, name)(x, axis=0, reverse=reverse)


# -------------------------------------------------------------------------------------- derivatives
@pytest.mark.parametrize(
    "name, x, expected",
    [
        ("reduce_max", [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        ("reduce_max", [2.0, 2.0, 2.0, 2.0], [0.25] * 4),
        ("reduce_max", [-INF, -INF], [0.5, 0.5]),
        ("reduce_max", [1.0, NAN, 5.0], [0.0, 1.0, 0.0]),
        ("reduce_min", [1.0, 3.0, 1.0], [0.5, 0.0, 0.5]),
        ("reduce_min", [1.0, NAN, NAN], [0.0, 0.5, 0.5]),
        ("reduce_prod", [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
        ("reduce_prod", [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        ("reduce_prod", [0.0], [1.0]),
        ("reduce_sum", [1.0, INF], [1.0, 1.0]),
    ],
)
def test_derivatives_of_reductions(name, x, expected):
    assert pullback(total(name), x) == expected


def test_derivative_over_several_axes():
    x = np.arange(8.0).reshape(2, 2, 2)
    x[1, 0, 1] = 7.0  # the maximum over axes 0 and 2 is attained twice in neither row, once in both
    found = pullback(lambda x: ops.reduce_max(x, axes=(0, 2)), x, ct=[10.0, 1.0])
    assert found == [[[0, 0], [0, 0]], [[0, 10], [0, 1]]]
    x[0, 1, 0] = 0.0
    found = pullback(lambda x: ops.reduce_prod(x, axes=(0, 2)), x)
    assert found == [[[28, 0], [126, 0]], [[0, 0], [0, 0]]]


def test_infinite_cotangents_do_not_leak_into_other_elements():
    _, pull = vjp(total("reduce_max"), array([1.0, 2.0, 2.0]))
    assert pull(array(INF))[0]._data.tolist() == [0.0, INF, INF]
    _, dot = jvp(total("reduce_max"), (array([1.0, 2.0]),), (array([INF, 3.0]),))
    assert dot._data == 3.0


def test_second_derivatives_of_products_with_zeros():
    assert hessian(total("reduce_prod"), [0.0, 0.0, 3.0]) == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    assert hessian(total("reduce_prod"), [2.0, 0.0, 3.0]) == [[0, 3, 0], [3, 0, 2], [0, 2, 0]]
    # y = (a, ab, abc): second derivatives of the sum are 1 + c for ab, b for ac, a for bc.
    assert hessian(running("cumprod"), [2.0, 0.0, 3.0]) == [[0, 4, 0], [4, 0, 2], [0, 2, 0]]


@pytest.mark.parametrize(
    "name, reverse, x, expected",
    [
        ("cumsum", False, [5.0, 6.0, 7.0], [3.0, 2.0, 1.0]),
        ("cumsum", True, [5.0, 6.0, 7.0], [1.0, 2.0, 3.0]),
        ("cumprod", False, [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
        ("cumprod", True, [2.0, 0.0, 3.0], [0.0, 9.0, 1.0]),
        ("cumprod", False, [0.0, 0.0], [1.0, 0.0]),
        ("cumprod", False, [7.0], [1.0]),
        ("cummax", False, [1.0, 3.0, 3.0, 2.0], [1.0, 1.0, 2.0, 0.0]),
        ("cummax", True, [1.0, 3.0, 3.0, 2.0], [0.0, 2.0, 1.0, 1.0]),
        ("cummax", False, [1.0, NAN, 5.0], [1.0, 2.0, 0.0]),
        ("cummin", False, [3.0, 1.0, 2.0], [1.0, 2.0, 0.0]),
        ("cummin", True, [3.0, 1.0, 2.0], [0.0, 2.0, 1.0]),
        ("cumlogsumexp", False, [0.0, 0.0], [1.5, 0.5]),
        ("cumlogsumexp", True, [0.0, 0.0], [0.5, 1.5]),
        ("cumlogsumexp", False, [-INF, 0.0], [1.0, 1.0]),
        ("cumlogsumexp", False, [0.0, -INF], [2.0, 0.0]),
        ("cumlogsumexp", False, [-INF, -INF], [1.5, 0.5]),
        ("cumlogsumexp", False, [5000.0, -5000.0, 5000.0], [2.5, 0.0, 0.5]),
        ("cumlogsumexp", False, [3.0], [1.0]),
    ],
)
def test_derivatives_of_cumulative_ops(name, reverse, x, expected):
    np.testing.assert_allclose(pullback(running(name, reverse), x), expected, rtol=1e-12)


def test_first_element_of_a_running_product_stays_clear_of_an_infinity():
    x, ones = array([INF, 2.0]), array([1.0, 1.0])
    assert jvp(running("cumprod"), (x,), (ones,))[1]._data.tolist() == [1.0, INF]
    assert vjp(running("cumprod"), x)[1](ones)[0]._data.tolist() == [3.0, INF]


def test_second_derivative_of_cumlogsumexp_is_finite_at_minus_infinity():
    assert np.isfinite(hessian(running("cumlogsumexp"), [-INF, -INF, 0.0])).all()


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("reverse", [False, True])
def test_affine_recurrence_equals_the_loop(n, reverse):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n - 1, 2)), rng.normal(size=(n, 2))
    expected = b.copy()
    for i in range(n - 2, -1, -1) if reverse else range(1, n):
        before = i + 1 if reverse else i - 1
        expected[i] += a[min(i, before)] * expected[before]
    found = affine_recurrence(wrap(a), wrap(b), 0, reverse)._data
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_barrier_passes_derivatives_of_what_is_differentiated():
    y = array([5.0])

    def f(x):
        out, other = ops.optimization_barrier(x, y)
        return ops.mul(out, other)

    assert pullback(f, [3.0]) == [5.0]


# ------------------------------------------------------------------------------------------- values
def test_empty_axes():
    x = array(np.zeros((0, 3)))
    assert ops.reduce_sum(x, axes=(0,))._data.tolist() == [0.0] * 3
    assert ops.reduce_prod(x, axes=(0,))._data.tolist() == [1.0] * 3
    logical = array(np.zeros((0, 2)), "bool")
    assert ops.reduce_and(logical, axes=(0,))._data.tolist() == [True, True]
    assert ops.reduce_or(logical, axes=(0, 1))._data.tolist() is False
    for name in ("reduce_max", "reduce_min"):
        assert getattr(ops, name)(x, axes=(1,)).shape == (0,)
        with pytest.raises(ShapeError, match=r"axis 0 of shape \(0, 3\) is empty"):
            getattr(ops, name)(x, axes=(0,))
    for name in ("argmax", "argmin"):
        with pytest.raises(ShapeError, match=r"axis 0 of shape \(0, 3\) is empty"):
            getattr(ops, name)(x, axis=0)


def test_derivatives_on_empty_arrays():
    for name in ("reduce_sum", "reduce_prod"):
        _, pull = vjp(total(name), array(np.zeros((0, 2))))
        assert pull(array([1.0, 1.0]))[0].shape == (0, 2)
    for name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
        x = array(np.zeros((0, 2)))
        _, pull = vjp(running(name), x)
        assert pull(x)[0].shape == (0, 2)


def test_integers_wrap_in_their_own_width():
    x = array([100, 100], "int8")
    assert ops.reduce_sum(x, axes=(0,))._data == -56
    assert ops.reduce_prod(x, axes=(0,))._data == 16
    assert ops.cumsum(x, axis=0, reverse=False)._data.tolist() == [100, -56]
    for name in ("reduce_sum", "reduce_prod"):
        assert getattr(ops, name)(x, axes=(0,)).dtype == np.int8


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_sixteen_bit_sums_accumulate_in_float32(dtype):
    x = array(np.ones(4096), dtype)  # adding one by one would stop at 2048 and at 256
    assert float(ops.reduce_sum(x, axes=(0,))._data) == 4096
    assert float(ops.cumsum(x, axis=0, reverse=False)._data[-1]) == 4096
    assert ops.cumsum(x, axis=0, reverse=True).dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
def test_nan_wins_and_the_first_extremum_counts(dtype):
    x = array([[1.0, NAN, 9.0, NAN], [2.0, 5.0, 5.0, 2.0]], dtype)
    assert ops.argmax(x, axis=1)._data.tolist() == [1, 1]
    assert ops.argmin(x, axis=1)._data.tolist() == [1, 0]
    assert ops.argmax(x, axis=1).dtype == np.int64
    assert np.isnan(ops.reduce_max(x, axes=(1,))._data.astype(float)).tolist() == [True, False]
    running_max = ops.cummax(x, axis=1, reverse=False)._data.astype(float)
    np.testing.assert_array_equal(running_max, [[1, NAN, NAN, NAN], [2, 5, 5, 5]])


def test_positions_of_booleans():
    x = array([False, True, True], "bool")
    assert (ops.argmax(x, axis=0)._data, ops.argmin(x, axis=0)._data) == (1, 0)


def test_cumlogsumexp_neither_overflows_nor_loses_minus_infinity():
    x = array([-INF, 1000.0, 1000.0])
    found = ops.cumlogsumexp(x, axis=0, reverse=False)._data
    np.testing.assert_allclose(found, [-INF, 1000.0, 1000.0 + math.log(2.0)])


@pytest.mark.parametrize("n", [0, 1, 2, 5, 8])
def test_scan_by_doubling_equals_accumulate(n):
    x = np.random.default_rng(n).normal(size=(2, n))
    before = x.copy()
    found = _scan_by_doubling(np, np.maximum, x, 1)
    np.testing.assert_array_equal(found, np.maximum.accumulate(x, axis=1))
    np.testing.assert_array_equal(x, before)


def test_creation():
    top = ops.full(shape=(2,), dtype=np.dtype("uint64"), value=2**64 - 1)
    assert top._data.tolist() == [2**64 - 1] * 2
    assert ops.full(shape=(), dtype=np.dtype("bfloat16"), value=1.5)._data == 1.5
    assert ops.iota(shape=(2, 3), dtype=np.dtype("int32"), axis=1)._data.tolist() == [[0, 1, 2]] * 2
    assert ops.iota(shape=(2,), dtype=np.dtype("bool"), axis=0)._data.tolist() == [False, True]

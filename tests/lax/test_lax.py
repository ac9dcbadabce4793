"""lax's names: strict operands, values as JAX's."""

import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import AxisError, DtypeError, ShapeError

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
P = np.abs(X) / 4 + 0.1
I = np.array([[7, -3, 8, 1]] * 3)  # noqa: E741

UNARY = """abs acos asin atan asinh atanh cbrt ceil cos cosh erf erf_inv erfc exp exp2 expm1 floor
    is_finite log log1p logistic neg reciprocal round rsqrt sign sin sinh sqrt square stop_gradient
    tan tanh""".split()
BINARY = "add atan2 div eq ge gt le lt max min mul ne nextafter pow rem sub".split()


@pytest.fixture(scope="module")
def jlax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax.lax


def same(got, want, tolerance=3e-6):
    for g, w in zip(fl.tree.leaves(got), fl.tree.leaves(want), strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize("name", UNARY)
def test_unary(name, jlax):
    same(getattr(lax, name)(fnp.asarray(P)), getattr(jlax, name)(P))


@pytest.mark.parametrize("name", BINARY)
def test_binary(name, jlax):
    got = getattr(lax, name)(fnp.asarray(P), fnp.asarray(P[::-1]))
    same(got, getattr(jlax, name)(P, P[::-1].copy()))
    if name in ("add", "mul", "div", "rem", "max", "lt", "sub"):
        same(getattr(lax, name)(fnp.asarray(I), 2), getattr(jlax, name)(I, np.int64(2)))


CALLS = [
    ("bitwise_and", (I, I[:, ::-1].copy())), ("bitwise_not", (I,)), ("population_count", (I,)),
    ("clz", (I,)), ("shift_left", (I, np.abs(I))), ("shift_right_logical", (I, np.abs(I))),
    ("shift_right_arithmetic", (I, np.abs(I))), ("integer_pow", (X, 3)), ("clamp", (-0.5, X, 0.5)),
    ("select", (X > 0, X, -X)), ("select_n", (X > 0, X, -X)),
    ("select_n", (np.abs(I).astype("int32") % 3, X, -X, X * 2)),
    ("convert_element_type", (X, "int32")),
    ("bitcast_convert_type", (X, "int32")), ("complex", (X, X)), ("round", (X * 10,)),
    ("round", (np.array([0.5, 1.5, -2.5], "float32"),)), ("broadcasted_iota", ("int32", (2, 3), 1)),
    ("iota", ("int64", 4)), ("full", ((2, 3), 1.5)), ("reshape", (X, (4, 3))),
    ("transpose", (X, (1, 0))), ("broadcast", (X, (2,))),
    ("broadcast_in_dim", (X, (3, 2, 4), (0, 2))),
    ("expand_dims", (X, (0, 2))), ("squeeze", (X[:1], (0,))), ("rev", (X, (1,))),
    ("concatenate", ([X, X], 1)), ("pad", (X, np.float32(9), [(1, 2, 1), (-1, 1, 0)])),
    ("slice", (X, (0, 1), (3, 4), (2, 1))), ("slice_in_dim", (X, 1, -1, 1, 1)),
    ("index_in_dim", (X, -1, 1)), ("index_in_dim", (X, 1, 0, False)),
    ("dynamic_slice", (X, (1, 9), (2, 2))),
    ("dynamic_slice_in_dim", (X, -2, 2, 1)), ("dynamic_index_in_dim", (X, 2, 1, False)),
    ("dynamic_update_slice", (X, X[:1, :2] * 9, (2, 3))),
    ("dynamic_update_slice_in_dim", (X, X[:1] * 9, 1, 0)),
    ("dynamic_update_index_in_dim", (X, X[0] * 9, 1, 0)), ("reduce_sum", (X, (0,))),
    ("reduce_max", (X, (0, 1))), ("reduce_min", (X, (1,))), ("reduce_prod", (X, (1,))),
    ("reduce_and", (X > -1, (0,))), ("reduce_or", (X > 1, (0,))), ("cumsum", (X, 1)),
    ("cumsum", (X, 1, True)), ("cumprod", (X, 0)), ("cummax", (X, 1)), ("cummin", (X, 0, True)),
    ("cumlogsumexp", (X, 1)), ("argmax", (X, 1, "int32")), ("argmin", (X, 0, "int64")),
    ("sort", (X, 0)),
    ("sort_key_val", (X, I, 1)), ("dot", (X, X.T)),
    ("dot_general", (X[None], X[None], (((2,), (2,)), ((0,), (0,))))),
    ("batch_matmul", (X[None], X.T[None])), ("optimization_barrier", (X,)),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c[0])
def test_value_as_jax(call, jlax):
    name, args = call

    def arrays(x):
        if isinstance(x, list) and isinstance(x[0], np.ndarray):
            return list(map(fnp.asarray, x))
        return fnp.asarray(x) if isinstance(x, (np.ndarray, np.generic)) else x

    theirs = [np.dtype(a) if isinstance(a, str) else a for a in args]
    if name == "clamp":
        theirs = [np.float32(a) if isinstance(a, float) else a for a in theirs]
    want = getattr(jlax, name)(*theirs)
    if name == "full":
        want = want.astype("float32")
    same(getattr(lax, name)(*map(arrays, args)), want)


def test_top_k(jlax):
    values, places = lax.top_k(fnp.asarray([1.0, 3.0, 3.0, 2.0]), 3)
    assert values.tolist() == [3, 3, 2] and places.tolist() == [1, 2, 3]


def test_strictness():
    with pytest.raises(
        DtypeError, match="lax.add: operands must have one dtype, got float32, int64"
    ):
        lax.add(fnp.ones(2), fnp.arange(2))
    with pytest.raises(ShapeError, match="lax.mul: operands must have one shape"):
        lax.mul(fnp.ones((2, 3)), fnp.ones(3))
    assert lax.add(fnp.ones((2, 3), "float16"), 1.0).dtype == np.float16
    assert lax.add(1, 2).dtype == np.int64
    with pytest.raises(AxisError):
        lax.cumsum(fnp.ones(3), 1)
    with pytest.raises(ShapeError, match="is no block"):
        lax.slice(fnp.ones(3), (0,), (4,))
    with pytest.raises(ShapeError, match="k=4"):
        lax.top_k(fnp.ones(3), 4)


def test_stop_gradient_and_barrier():
    assert float(fl.grad(lambda x: x * lax.stop_gradient(x))(3.0)) == 3
    a, b = lax.optimization_barrier((fnp.ones(1), fnp.zeros(1)))
    assert (float(a[0]), float(b[0])) == (1, 0)
    assert math.isclose(float(fl.grad(lambda x: lax.optimization_barrier(x) ** 2)(3.0)), 6)


def test_dynamic_positions_under_jit():
    f = fl.jit(lambda x, i: lax.dynamic_slice_in_dim(x, i, 2))
    assert f(fnp.arange(5), 1).tolist() == [1, 2] and f(fnp.arange(5), 9).tolist() == [3, 4]
    assert f(fnp.arange(5), -2).tolist() == [3, 4] and f.cache_info() is not None

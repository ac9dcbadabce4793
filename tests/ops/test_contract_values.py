"""dot_general: what is copied, exact integers, half precision; sort: order and gradients."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from functorch_lite import grad, jvp, make_graph, ops, vjp, vmap
from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import bfloat16, canonical
from functorch_lite.errors import DtypeError
from functorch_lite.ops import contract as contract_module
from functorch_lite.testing.samples_contract import REFERENCES

NO_BATCH = ((), ())


def array(values, dtype="float64"):
    return wrap(np.asarray(values, dtype))


def dot(x, y, contract, batch=NO_BATCH):
    return ops.dot_general(x, y, contract=contract, batch=batch)


# -------------------------------------------------------------------------------------- dot_general
@pytest.mark.parametrize(
    ("x_shape", "y_shape", "contract", "batch"),
    [
        ((4, 3), (3, 5), ((1,), (0,)), NO_BATCH),
        ((4, 3), (5, 3), ((1,), (1,)), NO_BATCH),
        ((3, 4), (3, 5), ((0,), (0,)), NO_BATCH),
        ((2, 4, 3), (5, 3), ((2,), (1,)), NO_BATCH),
        ((2, 4, 3), (2, 4, 5), ((0, 1), (0, 1)), NO_BATCH),
        ((2, 4, 3), (2, 5, 3), ((2,), (2,)), ((0,), (0,))),
        ((2, 7, 4, 3), (2, 6, 4, 3), ((3,), (3,)), ((0, 2), (0, 2))),
    ],
)
def test_common_layouts_reach_blas_as_views(x_shape, y_shape, contract, batch, rng, monkeypatch):
    x, y = rng.normal(size=x_shape), rng.normal(size=y_shape)
    seen = []

    def spy(a, b):
        seen.append((a, b))
        return np.matmul(a, b)

    monkeypatch.setattr(contract_module, "_matmul", spy)
    got = dot(wrap(x), wrap(y), contract, batch)
    np.testing.assert_allclose(
        got._data, REFERENCES["dot_general"](x, y, contract=contract, batch=batch)
    )
    ((a, b),) = seen
    assert np.shares_memory(a, x) and np.shares_memory(b, y)


@st.composite
def dots(draw):
    """Random dimension lists over random shapes, empty ones included."""
    sizes = st.integers(0, 3)
    n_batch, n_contract = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    shared = [draw(sizes) for _ in range(n_batch + n_contract)]
    sides = []
    for _ in "xy":
        free = draw(st.lists(sizes, max_size=2))
        order = draw(st.permutations(range(len(shared) + len(free))))
        shape = [0] * len(order)
        for source, at in enumerate(order):
            shape[at] = [*shared, *free][source]
        sides.append((tuple(shape), order[:n_batch], order[n_batch : len(shared)]))
    (x, xb, xc), (y, yb, yc) = sides
    return x, y, (tuple(xc), tuple(yc)), (tuple(xb), tuple(yb))


@hypothesis.given(dots())
def test_dot_general_and_its_gradients(case):
    x_shape, y_shape, contract, batch = case
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=x_shape), rng.normal(size=y_shape)
    out, pull = vjp(lambda x, y: dot(x, y, contract, batch), wrap(x), wrap(y))
    want = REFERENCES["dot_general"](x, y, contract=contract, batch=batch)
    np.testing.assert_allclose(out._data, want, atol=1e-12)
    ct = rng.normal(size=out.shape)
    for got, shape, other, first in zip(pull(wrap(ct)), (x, y), (y, x), (True, False), strict=True):
        assert got.shape == shape.shape
        t = rng.normal(size=shape.shape)
        pair = (t, other) if first else (other, t)
        moved = REFERENCES["dot_general"](*pair, contract=contract, batch=batch)
        np.testing.assert_allclose(np.sum(got._data * t), np.sum(ct * moved), atol=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("batched", [(0, 0), (0, None), (None, 0)])
def test_batching_keeps_the_order_of_dimensions(batched, rng):
    jax = pytest.importorskip("jax")
    x = rng.normal(size=(3, 2, 4, 5)[batched[0] is None :])
    y = rng.normal(size=(3, 5, 2, 6)[batched[1] is None :])
    contract, batch = ((2,), (0,)), ((0,), (1,))
    got = vmap(lambda x, y: dot(x, y, contract, batch), in_axes=batched)(wrap(x), wrap(y))
    with jax.enable_x64(True):
        numbers = (contract, batch)
        want = jax.vmap(lambda x, y: jax.lax.dot_general(x, y, numbers), in_axes=batched)(x, y)
    np.testing.assert_allclose(got._data, want)


@pytest.mark.parametrize("contract", [((1,), (0,)), ((1,), (1,)), ((0,), (0,))])
def test_gradients_of_matrix_products_need_no_transpose(contract):
    x = array(np.ones((3, 3)))

    def pulled(x, y, ct):
        return vjp(lambda x, y: dot(x, y, contract), x, y)[1](ct)

    names = [eqn.op.name for eqn in make_graph(pulled)(x, x, x).eqns]
    assert "transpose" not in names and names.count("dot_general") <= 3


def test_integers_are_exact_and_wrap():
    big = 2**53 + 1
    x, y = wrap(np.array([[big, 1]])), wrap(np.array([[1], [1]]))
    assert dot(x, y, ((1,), (0,)))._data[0, 0] == big + 1
    x = wrap(np.full((1, 3), 100, "int8"))
    assert dot(x, x, ((1,), (1,)))._data.dtype == np.int8
    assert dot(x, x, ((1,), (1,)))._data[0, 0] == np.int64(30000).astype("int8")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_accumulates_in_single(dtype):
    ones = wrap(np.ones((1, 4096), canonical(dtype)))
    got = dot(ones, ones, ((1,), (1,)))
    assert got.dtype == canonical(dtype)
    assert float(got._data[0, 0]) == 4096


def test_bool_is_refused_with_a_remedy():
    x = array(np.ones((2, 2)), bool)
    with pytest.raises(DtypeError, match=r"astype\(int\)"):
        dot(x, x, ((1,), (0,)))


def test_matmul_for_old_numpy_copies_what_blas_cannot_read(rng):
    x = rng.normal(size=(6, 8))
    for operand in (
        x,
        x.T,
        x[::2, ::2],
        np.broadcast_to(x[:1], (6, 8)),
        np.broadcast_to(1.0, (6, 8)),
    ):
        y = rng.normal(size=(operand.shape[1], 3))
        np.testing.assert_allclose(contract_module._contiguous_matmul(operand, y), operand @ y)


# --------------------------------------------------------------------------------------------- sort
def test_nan_comes_last_and_signed_zeros_keep_their_order():
    x = np.array([np.nan, 0.0, -1.0, -0.0, np.inf, -np.nan, 0.0])
    got, order = ops.sort(wrap(x), wrap(np.arange(7)), axis=0, num_keys=1)
    np.testing.assert_array_equal(order._data, [2, 1, 3, 6, 4, 0, 5])
    np.testing.assert_array_equal(np.signbit(got._data[1:4]), [False, True, False])
    (alone,) = ops.sort(wrap(x), axis=0, num_keys=1)
    np.testing.assert_array_equal(alone._data, got._data)


def test_bfloat16_nan_comes_last():
    x = wrap(np.array([3, np.nan, 1], bfloat16))
    (got,) = ops.sort(x, axis=0, num_keys=1)
    np.testing.assert_array_equal(got._data.astype("float32"), [1, 3, np.nan])


@pytest.mark.peers
def test_lexicographic_order_agrees_with_jax(rng):
    jax = pytest.importorskip("jax")
    keys = [rng.integers(0, 3, (4, 20)).astype("int32") for _ in range(2)]
    values = rng.normal(size=(4, 20)).astype("float32")
    for axis in (0, 1):
        got = ops.sort(*map(wrap, (*keys, values)), axis=axis, num_keys=2)
        want = jax.lax.sort((*keys, values), dimension=axis, num_keys=2)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g._data, w)


def test_gradient_of_sort_is_the_permutation_and_its_inverse():
    x, y = array([3.0, 1.0, 2.0]), array([10.0, 20.0, 30.0])
    out, pull = vjp(lambda x, y: ops.sort(x, y, axis=0, num_keys=1), x, y)
    np.testing.assert_array_equal(out[1]._data, [20, 30, 10])
    ct_x, ct_y = pull((array([1.0, 2.0, 3.0]), array([4.0, 5.0, 6.0])))
    np.testing.assert_array_equal(ct_x._data, [3, 1, 2])
    np.testing.assert_array_equal(ct_y._data, [6, 4, 5])
    _, (dx, dy) = jvp(
        lambda x, y: ops.sort(x, y, axis=0, num_keys=1),
        (x, y),
        (array([1, 2, 3]), array([4, 5, 6])),
    )
    np.testing.assert_array_equal(dx._data, [2, 3, 1])
    np.testing.assert_array_equal(dy._data, [5, 6, 4])


def test_second_derivative_through_sort():
    weights = array([1.0, 10.0, 100.0])

    def loss(x):
        (s,) = ops.sort(x, axis=0, num_keys=1)
        return ops.reduce_sum(ops.mul(weights, ops.mul(s, ops.mul(s, s))), axes=(0,))

    got = grad(lambda x: ops.reduce_sum(grad(loss)(x), axes=(0,)))(array([3.0, 1.0, 2.0]))
    np.testing.assert_allclose(got._data, 6 * np.array([300.0, 1.0, 20.0]))

"""Shape ops beyond the registry-driven tests: views, pad in every direction, clamping."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from functorch_lite import grad, jit, ops, vjp, vmap
from functorch_lite.core.array import wrap
from functorch_lite.testing.samples_shape import REFERENCES


def array(values, dtype="float64"):
    return wrap(np.asarray(values, dtype))


@pytest.mark.parametrize(
    "move",
    [
        lambda x: ops.reshape(x, shape=(4, 3)),
        lambda x: ops.transpose(x, perm=(1, 0)),
        lambda x: ops.broadcast_to(x, shape=(1000, 3, 4)),
        lambda x: ops.flip(x, axes=(1,)),
        lambda x: ops.slice(x, start=(1, 0), stop=(3, 4), step=(1, 2)),
        lambda x: ops.dynamic_slice(x, array(9, int), array(0, int), sizes=(1, 4)),
    ],
)
def test_moving_ops_make_views(move):
    x = array(np.arange(12.0).reshape(3, 4))
    assert np.shares_memory(move(x)._data, x._data)


@st.composite
def padded(draw):
    config = []
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    for n in shape:
        interior = draw(st.integers(0, 3))
        inner = n + max(n - 1, 0) * interior
        lo = draw(st.integers(-6, 4))
        hi = draw(st.integers(-inner - lo, 6))
        config.append((lo, hi, interior))
    return tuple(shape), tuple(config)


@hypothesis.given(padded())
def test_pad_and_both_its_derivatives(case):
    shape, config = case
    rng = np.random.default_rng(0)
    x, value = rng.normal(size=shape), np.asarray(rng.normal())
    got = ops.pad(wrap(x), wrap(value), config=config)
    want = REFERENCES["pad"](x, value, config=config)
    np.testing.assert_array_equal(got._data, want)
    out, pull = vjp(lambda x, v: ops.pad(x, v, config=config), wrap(x), wrap(value))
    ct = rng.normal(size=out.shape)
    ct_x, ct_value = pull(wrap(ct))
    where_x = REFERENCES["pad"](np.ones(shape), np.zeros(()), config=config)
    np.testing.assert_allclose(ct_value._data, np.sum(ct[where_x == 0]), atol=1e-12)
    basis = np.arange(1.0, x.size + 1).reshape(shape)
    moved = REFERENCES["pad"](basis, np.zeros(()), config=config)
    np.testing.assert_allclose(np.sum(ct_x._data * basis), np.sum(ct * moved), atol=1e-10)


def test_pad_does_not_mix_infinities_into_the_gradient_of_the_value():
    ct = array([np.inf, 2.0, np.nan, 3.0])
    _, pull = vjp(lambda v: ops.pad(array([1.0, 1.0]), v, config=((0, 1, 1),)), array(0.0))
    assert pull(ct)[0]._data == 5.0


def test_pad_with_one_value_per_example():
    x = array([[1.0, 2.0], [3.0, 4.0]])
    values = array([0.0, 9.0])
    config = ((1, 0, 1),)
    both = vmap(lambda x, v: ops.pad(x, v, config=config))(x, values)
    np.testing.assert_array_equal(both._data, [[0, 1, 0, 2], [9, 3, 9, 4]])
    one = vmap(lambda v: ops.pad(array([1.0, 2.0]), v, config=config))(values)
    np.testing.assert_array_equal(one._data, [[0, 1, 0, 2], [9, 1, 9, 2]])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_starts_are_clamped_alike_alone_and_batched(dtype):
    x = array(np.arange(300.0))
    top = np.iinfo(dtype).max
    starts = np.array([0, 5, top], dtype)
    alone = [ops.dynamic_slice(x, wrap(np.asarray(s)), sizes=(4,))._data for s in starts]
    np.testing.assert_array_equal(alone[2], np.arange(4.0) + min(top, 296))
    slide = vmap(lambda s: ops.dynamic_slice(x, s, sizes=(4,)))
    np.testing.assert_array_equal(slide(wrap(starts))._data, alone)
    np.testing.assert_array_equal(jit(slide)(wrap(starts))._data, alone)


def test_negative_start_is_clamped_to_zero():
    x = array(np.arange(5.0))
    got = ops.dynamic_update_slice(x, array([9.0, 8.0]), array(-3, int))
    np.testing.assert_array_equal(got._data, [9, 8, 2, 3, 4])


def test_batched_update_leaves_operand_alone():
    x, update = array(np.zeros((2, 4))), array(np.ones((2, 2)))
    data = x._data.copy()
    got = vmap(ops.dynamic_update_slice)(x, update, array([0, 7], int))
    np.testing.assert_array_equal(got._data, [[1, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_array_equal(x._data, data)


def test_block_cut_only_where_examples_differ():
    """Axes with a shared or full-size start stay out of the gather."""
    x = array(np.arange(60.0).reshape(3, 4, 5))
    starts = array([0, 2, 9], int)

    def cut(s):
        return ops.dynamic_slice(x, array(1, int), s, s, sizes=(2, 2, 5))

    want = [x._data[1:3, a : a + 2] for a in (0, 2, 2)]
    np.testing.assert_array_equal(vmap(cut)(starts)._data, want)


def test_concatenate_gradients_reach_every_operand():
    xs = [array([1.0]), array([2.0, 3.0]), array(np.zeros(0))]
    weights = array([5.0, 7.0, 11.0])

    def loss(*xs):
        return ops.reduce_sum(ops.mul(ops.concatenate(*xs, axis=0), weights), axes=(0,))

    got = grad(loss, argnums=(0, 1, 2))(*xs)
    for g, want in zip(got, ([5.0], [7.0, 11.0], []), strict=True):
        np.testing.assert_array_equal(g._data, want)

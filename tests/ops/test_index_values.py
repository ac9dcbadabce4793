"""Gather and scatter: duplicates, zeros, ties, indices outside, and the way GPUs combine."""

import itertools
import math

import numpy as np
import pytest

from functorch_lite import grad, hessian, jit, jvp, ops, vjp
from functorch_lite.core.array import wrap
from functorch_lite.ops.index_eager import combine_eager, scatter_eager
from functorch_lite.testing.samples_index import REFERENCES, SAMPLES

ROW = {"axes": (0,), "mode": "clip"}


def array(values, dtype="float64"):
    return wrap(np.asarray(values, dtype))


def test_contiguous_gather_along_any_axis():
    x = np.arange(24.0).reshape(2, 3, 4)
    index = np.array([[1, 0], [0, 1]])
    for axis in range(3):
        got = ops.gather(wrap(x), wrap(index), axes=(axis,), mode="clip")
        want = np.moveaxis(x, axis, 0)[index]
        np.testing.assert_array_equal(got._data, want)
        strided = ops.gather(wrap(x[:, ::-1]), wrap(index), axes=(axis,), mode="clip")
        np.testing.assert_array_equal(strided._data, np.moveaxis(x[:, ::-1], axis, 0)[index])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_narrow_indices_into_long_axes(dtype):
    x = array(np.arange(1000.0))
    index = wrap(np.array([0, 100], dtype))
    for mode in ("clip", "drop"):
        got = ops.gather(x, index, axes=(0,), mode=mode)
        np.testing.assert_array_equal(got._data, [0, 100])
        got = ops.scatter_add(x, array([1, 1]), index, axes=(0,), mode=mode)
        assert got._data.sum() == x._data.sum() + 2
    square = array(np.zeros((1000, 1000)))
    got = ops.scatter(square, array([1, 1]), index, index, axes=(0, 1), mode="clip")
    assert got._data[100, 100] == got._data[0, 0] == 1


def test_scatter_keeps_the_last_write_and_its_gradient():
    index = wrap(np.array([2, 0, 2, 2]))
    x, update = array([1, 2, 3]), array([10, 20, 30, 40])
    np.testing.assert_array_equal(ops.scatter(x, update, index, **ROW)._data, [20, 2, 40])
    _, pull = vjp(lambda x, u: ops.scatter(x, u, index, **ROW), x, update)
    ct_x, ct_update = pull(array([5, 6, 7]))
    np.testing.assert_array_equal(ct_x._data, [0, 6, 0])
    np.testing.assert_array_equal(ct_update._data, [0, 5, 0, 7])


def test_scatter_winner_among_clipped_and_dropped():
    x, update, index = array(np.zeros(2)), array([1, 2, 3]), wrap(np.array([1, 5, -4]))

    def pulled(mode):
        _, pull = vjp(lambda u: ops.scatter(x, u, index, axes=(0,), mode=mode), update)
        return pull(array([10, 20]))[0]._data

    np.testing.assert_array_equal(pulled("clip"), [0, 20, 10])
    np.testing.assert_array_equal(pulled("drop"), [20, 0, 0])


def product_by_hand(x, update, index):
    """The entries of scatter_mul as plain products, for autodiff by another path."""
    rows = []
    for k in range(x.shape[0]):
        factors = [ops.slice(x, start=(k,), stop=(k + 1,), step=(1,))]
        factors += [
            ops.slice(update, start=(j,), stop=(j + 1,), step=(1,))
            for j, target in enumerate(index)
            if target == k
        ]
        row = factors[0]
        for factor in factors[1:]:
            row = ops.mul(row, factor)
        rows.append(row)
    return ops.concatenate(*rows, axis=0)


@pytest.mark.parametrize("zeros", [(), (0,), (0, 2), (0, 1, 2, 4)])
def test_scatter_mul_has_all_derivatives_at_zeros(zeros):
    index = [0, 1, 0, 0, 1, 9]
    x, update = np.array([1.5, -2.0]), np.array([2.0, 3.0, 0.5, -1.0, 4.0, 5.0])
    update[list(zeros)] = 0
    weights = array([1.0, 2.0])

    def scattered(u):
        out = ops.scatter_mul(array(x), u, wrap(np.array(index)), axes=(0,), mode="drop")
        return ops.reduce_sum(ops.mul(out, weights), axes=(0,))

    def by_hand(u):
        return ops.reduce_sum(ops.mul(product_by_hand(array(x), u, index), weights), axes=(0,))

    for transform in (grad, hessian, lambda f: grad(lambda u: third(f, u))):
        got, want = transform(scattered)(wrap(update)), transform(by_hand)(wrap(update))
        np.testing.assert_allclose(got._data, want._data, atol=1e-12)


def third(f, u):
    """A directional second derivative, to be differentiated once more."""
    direction = array([1.0, -1.0, 2.0, 0.5, 1.0, 1.0])
    return jvp(lambda u: jvp(f, (u,), (direction,))[1], (u,), (direction,))[1]


@pytest.mark.parametrize(
    ("op", "sign"), [(ops.scatter_min, -1), (ops.scatter_max, 1)], ids=["min", "max"]
)
def test_ties_share_the_gradient_evenly(op, sign):
    x, index = array([1.0, 5.0, 0.0]), wrap(np.array([0, 0, 1, 2, 2]))
    x = ops.mul(x, array(sign))
    update = ops.mul(array([1.0, 1.0, 4.0, 2.0, 2.0]), array(sign))
    _, pull = vjp(lambda x, u: op(x, u, index, **ROW), x, update)
    ct_x, ct_update = pull(array([3.0, 1.0, 8.0]))
    np.testing.assert_allclose(ct_x._data, [1, 1, 0])
    np.testing.assert_allclose(ct_update._data, [1, 1, 0, 4, 4])


def test_half_precision_adds_up_in_single():
    x = wrap(np.zeros(1, "float16"))
    ones = wrap(np.ones(4096, "float16"))
    index = wrap(np.zeros(4096, np.int64))
    assert ops.scatter_add(x, ones, index, **ROW)._data[0] == 4096  # float16 stalls at 2048


def test_scatter_leaves_its_operand_alone():
    x = array([1.0, 2.0])
    ops.scatter_add(x, array([1.0]), wrap(np.array([0])), **ROW)
    np.testing.assert_array_equal(x._data, [1, 2])


class OtherNumpy:
    """NumPy under another name, so that eager functions take their way for GPUs."""

    @staticmethod
    def argsort(x, axis=-1):
        return np.argsort(x, axis, kind="stable")  # as CuPy's always is

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize(
    ("name", "eager"),
    [
        ("scatter", scatter_eager),
        ("scatter_add", combine_eager("add")),
        ("scatter_mul", combine_eager("multiply")),
        ("scatter_min", combine_eager("minimum")),
        ("scatter_max", combine_eager("maximum")),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "bool"])
def test_gpu_way_combines_like_the_reference(name, eager, dtype, rng):
    for args, params in SAMPLES[name](np.dtype(dtype), rng):
        want = REFERENCES[name](*args, **params)
        got = eager(OtherNumpy(), *args, **params)
        tolerance = 1e-2 if dtype == "float16" else 1e-12
        np.testing.assert_allclose(
            np.asarray(got, "float64"), np.asarray(want, "float64"), tolerance, tolerance
        )


def test_gpu_way_with_long_runs(rng):
    index = rng.integers(0, 5, 100)
    update, x = rng.normal(size=(100, 3)), rng.normal(size=(7, 3))
    want = x.copy()
    np.add.at(want, index, update)
    got = combine_eager("add")(OtherNumpy(), x, update, index, **ROW)
    np.testing.assert_allclose(got, want)


def test_gather_and_scatter_add_are_transposes(rng):
    """<gather(x), y> = <x, scatter_add(0, y)> for every case, jitted or not."""
    for args, params in SAMPLES["gather"](np.dtype("float64"), rng):
        x, *indices = map(wrap, args)
        read = ops.gather(x, *indices, **params)
        y = array(rng.normal(size=read.shape))
        zeros = array(np.zeros(x.shape))

        def write(y, *indices, zeros=zeros, params=params):
            return ops.scatter_add(zeros, y, *indices, **params)

        for back in (write(y, *indices), jit(write)(y, *indices)):
            np.testing.assert_allclose(
                np.sum(read._data * y._data), np.sum(x._data * back._data), atol=1e-10
            )


def test_axes_in_any_order():
    x = np.arange(24.0).reshape(2, 3, 4)
    for axes in itertools.permutations(range(3), 2):
        indices = [np.array([1, 0, 1]), np.array([0, 1, 1])]
        got = ops.gather(wrap(x), *map(wrap, indices), axes=axes, mode="clip")
        want = np.moveaxis(x, axes, (0, 1))[tuple(indices)]
        np.testing.assert_array_equal(got._data, want)
        assert math.prod(got.shape) == want.size

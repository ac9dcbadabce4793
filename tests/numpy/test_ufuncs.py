"""``frompyfunc``: NumPy's own ufuncs are the reference, and JAX's where NumPy has none."""

import math
import operator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

FUNCTIONS = {
    "add": (fnp.frompyfunc(operator.add, 2, 1, identity=0), np.add),
    "multiply": (fnp.frompyfunc(lambda x, y: x * y, 2, 1, identity=1), np.multiply),
    "subtract": (fnp.frompyfunc(lambda x, y: x - y, 2, 1), np.subtract),
    "maximum": (fnp.frompyfunc(fnp.maximum, 2, 1), np.maximum),
}
FEW = settings(max_examples=25, deadline=None)


def same(got, want):
    want = np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype, (got, want)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@FEW
@given(st.data())
def test_methods_are_numpys(name, data):
    mine, theirs = FUNCTIONS[name]
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    dtype = data.draw(st.sampled_from(["int64", "float64"]))
    x = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-4, 5, shape).astype(dtype)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    same(mine.reduce(x, axis, keepdims=True), theirs.reduce(x, axis, keepdims=True))
    same(mine.accumulate(x, axis), theirs.accumulate(x, axis))
    same(mine.outer(x, x[0]), theirs.outer(x, x[0]))
    same(mine(x, 3), theirs(x, 3))
    places = data.draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=4))
    same(mine.reduceat(x, np.array(places), axis), theirs.reduceat(x, places, axis))
    changed, values = x.copy(), np.arange(1, len(places) + 1).astype(dtype)
    at = np.array(places) % shape[0]
    values = values.reshape(-1, *[1] * (x.ndim - 1))
    theirs.at(changed, at, values)
    same(fl.jit(lambda *a: mine.at(*a, inplace=False))(x, at, values), changed)


def test_several_axes_and_what_takes_part(rng):
    x = rng.integers(0, 9, (2, 3, 4))
    mask = rng.random((3, 4)) < 0.5
    add, subtract = FUNCTIONS["add"][0], FUNCTIONS["subtract"][0]
    same(add.reduce(x, (0, 2)), np.add.reduce(x, (0, 2)))
    same(add.reduce(x, None, keepdims=True), np.add.reduce(x, None, keepdims=True))
    same(add.reduce(x, (2, 0), keepdims=True), np.add.reduce(x, (0, 2), keepdims=True))
    same(add.reduce(x, (), initial=1), x + 1)
    same(add.reduce(x, 1, where=mask, initial=5), np.add.reduce(x, 1, where=mask, initial=5))
    same(add.reduce(x, 1, "float64"), np.add.reduce(x, 1, "float64"))
    same(add.reduce(x[:, :0], 1), np.zeros((2, 4), int))
    flat = x.ravel()
    same(subtract.reduce(x, None), flat[0] - flat[1:].sum())
    halves = x.transpose(1, 0, 2).reshape(3, -1)
    same(subtract.reduce(x, (2, 0)), halves[:, 0] - halves[:, 1:].sum(1))
    same(add.at(x, (9, 0, 0), 5, inplace=False), x)
    assert subtract.accumulate(x[:0], 1).shape == (0, 3, 4)
    same(fnp.frompyfunc(lambda a, b: a > b, 2, 1)(x, 3), x > 3)


def test_transforms(rng):
    x = fnp.asarray(rng.random(4))
    multiply = FUNCTIONS["multiply"][0]

    def product(x):
        return multiply.reduce(x)

    np.testing.assert_allclose(fl.jit(fl.grad(product))(x), np.prod(x) / np.asarray(x))
    rows = fnp.stack([x, x + 1])
    np.testing.assert_allclose(fl.vmap(fl.grad(product))(rows)[1], np.prod(x + 1) / (x + 1))
    scaled = fl.grad(lambda a: fnp.frompyfunc(lambda p, q: a * p + q, 2, 1).reduce(x))(2.0)
    n = len(x) - 1
    weights = [x[i] * (n - i) * 2.0 ** (n - i - 1) for i in range(n)]
    weights[0] = x[0] * n * 2.0 ** (n - 1)
    np.testing.assert_allclose(scaled, sum(map(float, weights)), rtol=1e-6)
    traced = fl.jit(lambda u, x: u.reduce(x), static_argnums=0)
    assert float(traced(multiply, x)) == pytest.approx(math.prod(x.tolist()))
    again = fnp.ufunc(multiply._func, 2, 1, identity=1)
    assert again == multiply and hash(again) == hash(multiply)
    traced(again, x)
    assert traced.cache_info().misses == 1


def test_one_argument_and_several_results():
    double = fnp.frompyfunc(lambda x: 2 * x, 1, 1)
    x = np.array([1, 2, 3])
    same(double.at(x, [0, 0, 2], inplace=False), [4, 2, 6])
    same(double.at(x, slice(1), inplace=False), [2, 2, 3])
    same(double.at(x, np.array([True, False, True]), inplace=False), [2, 2, 6])
    both = fnp.frompyfunc(lambda x, y: (x + y, x - y), 2, 2)
    plus, minus = both(x, 1)
    same(plus, x + 1)
    same(minus, x - 1)
    assert (both.nin, both.nout, both.nargs, both.identity) == (2, 2, 2, None)
    assert repr(double) == "<ufunc '<lambda>'>"


@pytest.mark.peers
def test_as_jaxs(rng):
    jnp = pytest.importorskip("jax.numpy", exc_type=ImportError)
    x = rng.random((3, 4)).astype("float32")
    results = []
    for np_ in (fnp, jnp):
        u = np_.frompyfunc(lambda x, y: x + 2 * y * y, 2, 1, identity=0.5)
        results.append(
            [
                u.reduce(x), u.reduce(x, axis=1, keepdims=True), u.accumulate(x, axis=1),
                u.reduce(x, where=np_.asarray(x > 0.5), initial=1.0), u.outer(x[0], x),
                u.at(x, (np.array([0, 0, 9]), np.array([1, 1, 0])), 2.0, inplace=False),
                u.reduceat(x, np_.asarray([0, 2, 1]), axis=1), u.reduce(x, axis=None),
            ]
        )  # fmt: skip
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_messages():
    add, subtract = FUNCTIONS["add"][0], FUNCTIONS["subtract"][0]
    one = fnp.frompyfunc(lambda x: -x, 1, 1)
    x = np.arange(4)
    with pytest.raises(ValueError, match=r"reduce: expected a function of two arguments"):
        one.reduce(x)
    with pytest.raises(TypeError, match="expected 2 arguments, as nin says; got 1"):
        add(x)
    with pytest.raises(ValueError, match="no elements and the function has no identity"):
        subtract.reduce(x[:0])
    with pytest.raises(ValueError, match="because of where= and the function has no identity"):
        subtract.reduce(x, where=x > 1)
    with pytest.raises(ValueError, match="expected where to be bools; got int64"):
        add.reduce(x, where=x)
    with pytest.raises(NotImplementedError, match="inplace=False"):
        add.at(x, 0, 1)
    with pytest.raises(NotImplementedError, match="out must be None"):
        add.reduce(x, out=x)
    with pytest.raises(ValueError, match="function of 1 argument and one result for this call"):
        add.at(x, 0, inplace=False)
    with pytest.raises(errors.ShapeError, match="indices of one dimension"):
        add.reduceat(x, [[0]])
    with pytest.raises(errors.AxisError):
        add.reduce(x, 1)
    with pytest.raises(errors.TransformError, match="frompyfunc: func must be a function"):
        fnp.frompyfunc(3, 1, 1)

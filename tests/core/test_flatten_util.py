"""``ravel_pytree``: a tree as a vector and back, as JAX's."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.flatten_util import ravel_pytree

TREES = {
    "floats": {
        "b": np.ones((2, 3), "float32"),
        "a": [np.float32(2), np.arange(2, dtype="float32")],
    },
    "mixed": (np.arange(3, dtype="int32"), np.ones(2, "float32"), np.array([True])),
    "halves": [np.ones(2, "float16"), np.ones(1, "float32")],
    "complex": [np.ones(2, "complex64"), np.ones(1, "float32")],
    "empty": {"a": None, "b": []},
    "hollow": [np.ones((0, 3), "float32"), np.ones((), "float32")],
}


@pytest.mark.parametrize("name", TREES)
def test_there_and_back(name):
    flat, unravel = ravel_pytree(TREES[name])
    again = unravel(flat)
    assert fl.tree.structure(again) == fl.tree.structure(TREES[name])
    for a, b in zip(fl.tree.leaves(again), fl.tree.leaves(TREES[name]), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(a, b)


@pytest.mark.peers
@pytest.mark.parametrize("name", TREES)
def test_as_jaxs(name):
    util = pytest.importorskip("jax.flatten_util", exc_type=ImportError)
    mine, other = ravel_pytree(TREES[name])[0], util.ravel_pytree(TREES[name])[0]
    assert mine.dtype == other.dtype
    np.testing.assert_array_equal(mine, other)


def test_transforms():
    params = {"w": fnp.ones((2, 2)), "b": fnp.arange(2.0)}
    flat, unravel = ravel_pytree(params)

    def loss(flat):
        p = unravel(flat)
        return fnp.sum(p["w"] ** 2) + p["b"] @ p["b"]

    np.testing.assert_allclose(fl.jit(fl.grad(loss))(flat), 2 * flat)
    np.testing.assert_allclose(fl.hessian(loss)(flat), 2 * np.eye(6))
    rows = fl.vmap(lambda p: ravel_pytree(p)[0])({"w": fnp.ones((5, 2)), "b": fnp.zeros((5, 1))})
    assert rows.shape == (5, 3)
    assert unravel(flat.astype("float64"))["w"].dtype == "float64"


def test_messages():
    _, unravel = ravel_pytree([fnp.ones(2), fnp.arange(2)])
    with pytest.raises(errors.ShapeError, match=r"a vector of shape \(4,\); got f32\[3\]"):
        unravel(fnp.ones(3))
    with pytest.raises(errors.DtypeError, match="several dtypes; got float64"):
        unravel(fnp.ones(4, "float64"))
    with pytest.raises(TypeError):
        ravel_pytree(["text"])

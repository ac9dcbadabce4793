"""Resized and moved images against JAX's and against weights written out."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, image
from functorch_lite.testing import check_grads, check_vmap

METHODS = ("nearest", "linear", "cubic", "lanczos3", "lanczos5")


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", exc_type=ImportError)


@pytest.mark.peers
@pytest.mark.parametrize("method", METHODS)
def test_resizing_is_jaxs(jax, rng, method):
    x = rng.random((2, 7, 5, 3)).astype("float32")
    for shape in ((2, 11, 5, 3), (1, 3, 9, 3)):
        for antialias in (True, False):
            want = jax.jit(jax.image.resize, static_argnums=(1, 2, 3))(x, shape, method, antialias)
            got = image.resize(x, shape, method, antialias=antialias)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("method", METHODS[1:])
def test_moving_is_jaxs(jax, rng, method):
    x = rng.random((6, 5)).astype("float32")
    scale, shift = np.array([0.6, 1.7], "float32"), np.array([1.3, -0.8], "float32")
    for antialias in (True, False):
        arguments = (x, (4, 9), (0, 1), scale, shift, method, antialias)
        want = jax.image.scale_and_translate(*arguments)
        np.testing.assert_allclose(
            image.scale_and_translate(*arguments), want, rtol=1e-4, atol=1e-5
        )


def test_values_written_out():
    x = fnp.asarray([0.0, 1.0, 4.0, 9.0], "float64")
    np.testing.assert_allclose(image.resize(x, (2,), "linear", antialias=False), [0.5, 6.5])
    np.testing.assert_allclose(image.resize(x, (2,), "linear"), [1, 40 / 7])
    assert image.resize(x, (2,), "nearest").tolist() == [1.0, 9.0]
    assert image.resize(x, (8,), "nearest").tolist() == [0, 0, 1, 1, 4, 4, 9, 9]
    assert image.resize(x, (4,), "cubic").tolist() == x.tolist()
    constant = image.resize(fnp.ones((3, 4)), (7, 2), "lanczos3")
    np.testing.assert_allclose(constant, np.ones((7, 2)), rtol=1e-6)


def test_dtypes_and_sizes():
    for dtype in ("float16", "bfloat16", "float64", "complex64"):
        x = fnp.arange(6).reshape(2, 3).astype(dtype)
        out = image.resize(x, (4, 3), "linear")
        assert out.dtype == x.dtype
        np.testing.assert_allclose(np.asarray(out[:, 0], "complex64"), [0, 0.75, 2.25, 3])
    assert image.resize(fnp.arange(4), (2,), "linear").dtype == "float32"
    assert image.resize(fnp.ones((2, 0)), (3, 0), "cubic").shape == (3, 0)
    assert image.resize(fnp.ones((2, 3)), (0, 3), "cubic").shape == (0, 3)
    assert image.resize(fnp.ones(()), (), "linear").shape == ()


def test_transforms(rng):
    x = rng.random((3, 4))

    def moved(x, scale, shift):
        return image.scale_and_translate(x, (5, 3), (0, 1), scale, shift, "cubic")

    check_grads(moved, (x, np.array([1.3, 0.7]), np.array([0.21, -0.13])))
    check_vmap(lambda x: image.resize(x, (5, 2), "linear"), (x,))
    jitted = fl.jit(lambda x: image.resize(x, (5, 2), image.ResizeMethod.LANCZOS3))
    np.testing.assert_allclose(jitted(x), image.resize(x, (5, 2), "lanczos3"), rtol=1e-10)


def test_messages():
    x = fnp.ones((2, 3))
    with pytest.raises(errors.ShapeError, match=r"image.resize: expected a shape of 2 sizes"):
        image.resize(x, (2,), "linear")
    with pytest.raises(ValueError, match="expected a method among nearest, linear"):
        image.resize(x, (2, 2), "spline")
    with pytest.raises(ValueError, match="Remedy: resize"):
        image.scale_and_translate(x, (2, 2), (1,), [1.0], [0.0], "nearest")
    with pytest.raises(errors.ShapeError, match=r"it differs along \[0\]"):
        image.scale_and_translate(x, (5, 2), (1,), [1.0], [0.0], "linear")
    with pytest.raises(errors.ShapeError, match=r"one number for each of the axes \(0, 1\)"):
        image.scale_and_translate(x, (5, 2), (0, 1), [1.0], [0.0], "linear")

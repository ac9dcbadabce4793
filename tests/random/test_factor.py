"""Factors of small matrices against NumPy's, in batches and under derivatives."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.random.factor import cholesky, orthonormal_columns, symmetric_root
from functorch_lite.testing import check_grads

RNG = np.random.default_rng(4)
X = RNG.standard_normal((3, 7, 7))
POSITIVE = X @ X.swapaxes(-1, -2) + 0.1 * np.eye(7)


def test_cholesky():
    np.testing.assert_allclose(
        cholesky(fnp.asarray(POSITIVE)), np.linalg.cholesky(POSITIVE), rtol=1e-9, atol=1e-12
    )
    skewed = POSITIVE + np.triu(np.ones((7, 7)), 1) - np.tril(np.ones((7, 7)), -1)
    np.testing.assert_allclose(
        cholesky(fnp.asarray(skewed)), np.linalg.cholesky(POSITIVE), rtol=1e-9, atol=1e-12
    )
    mixed = fnp.asarray(np.stack([POSITIVE[0], -POSITIVE[1]]))
    assert np.isnan(np.asarray(cholesky(mixed))).all(axis=(1, 2)).tolist() == [False, True]
    check_grads(cholesky, (fnp.asarray(POSITIVE[0, :3, :3]),), order=1)


def test_symmetric_root():
    root = np.asarray(symmetric_root(fnp.asarray(POSITIVE)))
    np.testing.assert_allclose(root @ root, POSITIVE, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(root, root.swapaxes(-1, -2), atol=1e-12)
    np.testing.assert_allclose(symmetric_root(fnp.asarray([[4.0]])), [[2.0]])
    np.testing.assert_array_equal(symmetric_root(-fnp.eye(2)), np.zeros((2, 2)))
    large = RNG.standard_normal((30, 30))
    large = large @ large.T
    root = np.asarray(symmetric_root(fnp.asarray(large)))
    np.testing.assert_allclose(root @ root, large, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("a", [np.eye(3), np.diag([1.0, 2.0, 2.0]), POSITIVE[0, :3, :3]])
def test_derivatives_of_the_symmetric_root(a):
    direction, h = RNG.standard_normal((3, 3)), 1e-5

    def slope(a):
        return fl.jvp(symmetric_root, (a,), (fnp.asarray(direction),))[1]

    def moved(by):
        return np.asarray(symmetric_root(fnp.asarray(a + by * direction)))

    found = np.asarray(slope(fnp.asarray(a)))
    np.testing.assert_allclose(found, (moved(h) - moved(-h)) / (2 * h), rtol=1e-7, atol=1e-8)
    by_reverse = fl.grad(lambda a: (symmetric_root(a) * direction).sum())(fnp.asarray(a))
    np.testing.assert_allclose((by_reverse * direction).sum(), (found * direction).sum())


def test_second_derivatives_of_the_symmetric_root():
    check_grads(symmetric_root, (fnp.asarray(POSITIVE[0, :3, :3]),), order=2)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_orthonormal_columns(dtype):
    x = RNG.standard_normal((2, 6, 4)).astype(dtype)
    if dtype == "complex128":
        x = x + 1j * RNG.standard_normal((2, 6, 4))
    q, r = np.linalg.qr(x)
    diagonal = np.diagonal(r, axis1=-2, axis2=-1)
    wanted = q * (diagonal / abs(diagonal))[:, None, :]
    np.testing.assert_allclose(orthonormal_columns(fnp.asarray(x)), wanted, atol=1e-12)


def test_nearly_dependent_columns_stay_orthonormal():
    x = np.ones((6, 3)) + 1e-9 * RNG.standard_normal((6, 3))
    q = np.asarray(orthonormal_columns(fnp.asarray(x)))
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-13)


@pytest.mark.parametrize("factor", [cholesky, symmetric_root, orthonormal_columns])
def test_jit_and_vmap(factor):
    a = fnp.asarray(POSITIVE)
    wanted = np.asarray(factor(a))
    np.testing.assert_allclose(fl.jit(factor)(a), wanted, atol=1e-12)
    np.testing.assert_allclose(fl.vmap(factor)(a), wanted, atol=1e-12)
    assert factor(a.astype("float16")).dtype == fnp.float16

"""The exponential of matrices: to the last digits, in stacks, and its derivative in a direction."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import scipy.linalg

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import ops
from functorch_lite.ops.exponential import _halved
from functorch_lite.scipy import linalg as sla
from functorch_lite.testing import check_grads

DTYPES = ["float32", "float64", "complex64", "complex128"]


def numbers(shape, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if "c" in dtype else x, dtype)


def by_series(x):
    """The exponential of a real matrix in 80 decimal digits."""
    n = len(x)

    def times(a, b):
        return [[sum(a[i][k] * b[k][j] for k in range(n)) for j in range(n)] for i in range(n)]

    with localcontext() as context:
        context.prec = 80
        halvings = max(0, int(np.ceil(np.log2(np.abs(x).sum(0).max() + 1))))
        a = [[Decimal(float(v)) / 2**halvings for v in row] for row in x]
        term = total = [[Decimal(int(i == j)) for j in range(n)] for i in range(n)]
        for k in range(1, 40):
            term = [[v / k for v in row] for row in times(term, a)]
            total = [[p + q for p, q in zip(*rows, strict=True)]
                     for rows in zip(total, term, strict=True)]  # fmt: skip
        for _ in range(halvings):
            total = times(total, total)
        return np.array([[float(v) for v in row] for row in total])


def error(found, want):
    return np.abs(np.asarray(found) - want).max() / np.abs(want).max()


@pytest.mark.parametrize("size", [1e-3, 0.1, 0.5, 2.0, 8.0, 60.0])
def test_every_order_and_any_number_of_squarings(size):
    x = numbers((6, 3, 3)) * size / 3
    for matrix, found in zip(x, np.asarray(sla.expm(x)), strict=True):
        # The condition of an exponential is at least the norm of the matrix.
        assert error(found, by_series(matrix)) < 4e-16 * max(8, 20 * np.abs(matrix).sum(0).max())


def test_matrices_of_many_sizes_in_one_stack():
    scales = np.array([0, 1e-5, 1e-2, 0.2, 0.8, 1.9, 5.0, 30.0, 300.0])[:, None, None]
    x = numbers((9, 5, 5)) * scales / 5
    stack = np.asarray(sla.expm(x))
    for matrix, found in zip(x, stack, strict=True):
        np.testing.assert_allclose(found, np.asarray(sla.expm(matrix)), rtol=1e-12, atol=0)
    np.testing.assert_array_equal(stack[0], np.eye(5))


def test_triangles_keep_small_numbers_beside_large_ones():
    for n in (2, 3, 6):
        x = np.triu(numbers((n, n), seed=n)) * 5
        x[0, 0], x[1, 1], x[-1, -1] = -60.0, -59.9, 20.0
        want = by_series(x)
        known = np.eye(n, dtype=bool) | np.eye(n, k=1, dtype=bool)
        for found in (sla.expm(x), np.asarray(sla.expm(x.T)).T):
            np.testing.assert_allclose(np.asarray(found)[known], want[known], rtol=5e-15)
            assert error(found, want) < 5e-15
    x = np.array([[-2000.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(sla.expm(x), [[0.0, 1 / 2000], [0.0, 1.0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nilpotent_matrices_need_no_squarings_however_large(dtype):
    top = np.array([[0.0, 1e20], [0.0, 0.0]], dtype)
    np.testing.assert_array_equal(sla.expm(top), np.array([[1.0, 1e20], [0.0, 1.0]], dtype))
    x = np.triu(numbers((8, 8)), 1) * 1e3
    want = sum(np.linalg.matrix_power(x, k) / float(np.prod(np.arange(1, k + 1))) for k in range(8))
    assert error(sla.expm(x.astype(dtype)), want) < (1e-5 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize(("dtype", "big"), [("float32", 1e15), ("float64", 1e60)])
def test_powers_much_smaller_than_the_matrix_are_not_lost(dtype, big):
    x = np.array([[0.0, big], [1 / big, 0.0]], dtype)  # of which the square is one
    want = [[np.cosh(1), np.sinh(1) * big], [np.sinh(1) / big, np.cosh(1)]]
    for found in (sla.expm(x), sla.expm(np.stack([x, x / 3, x * 0]))[0]):
        np.testing.assert_allclose(found, want, 1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_scipys(dtype):
    x = numbers((20, 4, 4), dtype) / 3
    want = scipy.linalg.expm(x.astype("complex128" if "c" in dtype else "float64"))
    found = np.asarray(sla.expm(x))
    assert found.dtype == dtype
    assert error(found, want) < (2e-6 if np.dtype(dtype).char in "fF" else 1e-13)
    angle = np.array([[0.0, -1.0], [1.0, 0.0]], dtype) * 1.2
    turn = [[np.cos(1.2), -np.sin(1.2)], [np.sin(1.2), np.cos(1.2)]]
    np.testing.assert_allclose(np.asarray(sla.expm(angle)), turn, rtol=1e-6)


@pytest.mark.parametrize("big", [3.0, 30.0, 1e3])
def test_the_terms_left_out_are_small_where_powers_are_smaller_than_the_matrix(big):
    x = np.array([[big, big], [-big, -big]])  # of which the square is zero
    with np.errstate(divide="ignore"):
        (squarings,), *_ = _halved(x[None], np.array([2 * big]))
    coefficient = 1.0 / (math.comb(26, 13) * math.factorial(27))

    def left_out(halvings):
        scaled = np.abs(x) / 2.0**halvings
        powers = np.linalg.matrix_power(scaled, 27)
        return coefficient * powers.sum(0).max() / scaled.sum(0).max()

    assert left_out(squarings) <= 2.0**-53
    assert squarings == 0 or left_out(squarings - 1) > 2.0**-53
    assert error(sla.expm(x), np.eye(2) + x) < 1e-15 * big**2  # its condition


def test_numbers_that_are_too_large_overflow():
    found = np.asarray(sla.expm(np.array([[[1e4, 1.0], [1.0, 2e4]], [[1.0, 0.0], [0.0, 2.0]]])))
    assert not np.isfinite(found[0]).any()
    np.testing.assert_allclose(found[1], np.diag(np.exp([1.0, 2.0])), rtol=1e-14)
    for dtype in DTYPES:
        largest = np.full((2, 3, 3), np.finfo(dtype).max, dtype)
        assert not np.isfinite(np.asarray(sla.expm(largest))).any()
        assert sla.expm(-np.eye(2, dtype=dtype) * np.finfo(dtype).max)[0, 0] == 0


# --------------------------------------------------------------------------------- in a direction
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_derivative_in_a_direction(dtype):
    x, e = numbers((3, 3), dtype), numbers((3, 3), dtype, 1)
    want = scipy.linalg.expm_frechet(x, e)
    for found in (
        sla.expm_frechet(x, e),
        fl.jvp(sla.expm, (fnp.asarray(x),), (fnp.asarray(e),)),
        fl.jit(sla.expm_frechet)(x, e),
        [y[1] for y in fl.vmap(sla.expm_frechet, in_axes=(0, None))(np.stack([e, x]), e)],
    ):
        for mine, other in zip(found, want, strict=True):
            np.testing.assert_allclose(np.asarray(mine), other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_adjoint_is_the_derivative_at_the_adjoint(dtype):
    x, e, g = (numbers((3, 3), dtype, i) for i in range(3))
    back = sla.expm_frechet(x.conj().T, g, compute_expm=False)
    forth = sla.expm_frechet(x, e, compute_expm=False)
    np.testing.assert_allclose(
        np.vdot(g, np.asarray(forth)), np.vdot(np.asarray(back), e), rtol=1e-11
    )
    linear = fl.linear_transpose(lambda e: ops.expm_along(fnp.asarray(x), e), fnp.asarray(e))
    (found,) = linear(fnp.asarray(g.conj()))
    np.testing.assert_allclose(np.asarray(found).conj(), np.asarray(back), rtol=1e-11)


def test_derivatives_of_the_derivative():
    x, e = fnp.asarray(numbers((3, 3)) / 2), fnp.asarray(numbers((3, 3), seed=1))
    check_grads(ops.expm_along, (x, e), order=2)
    check_grads(sla.expm, (x,), order=3)
    second = fl.jvp(lambda x: fl.jvp(sla.expm, (x,), (e,))[1], (x,), (e,))[1]
    h = 1e-4
    by_steps = (sla.expm(x + h * e) - 2 * sla.expm(x) + sla.expm(x - h * e)) / h**2
    np.testing.assert_allclose(second, by_steps, rtol=1e-4, atol=1e-4)

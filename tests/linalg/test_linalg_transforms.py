"""Factorizations inside compiled programs, loops and batches; degenerate spectra; derivatives."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import GradientError
from functorch_lite.scipy import linalg as sla
from functorch_lite.testing import check_grads

la = fnp.linalg
X = np.random.default_rng(0).normal(size=(4, 3, 3)) + 2.0 * np.eye(3)


def total(x):
    """A smooth number that many factorizations go into."""
    a = x @ x.T + fnp.eye(3)
    low = la.cholesky(a)
    w, v = la.eigh(a)
    u, s, vh = la.svd(x)
    parts = [
        fnp.sum(la.solve(x, low)), fnp.sum(fnp.log(w) * v[0] ** 2), fnp.sum(u * vh.T * s),
        la.slogdet(x).logabsdet, fnp.sum(fnp.sin(la.qr(x).R)), la.det(x), la.norm(x, "nuc"),
        fnp.sum(sla.expm(x / 4)), fnp.sum(la.pinv(x[:, :2])), fnp.sum(lax.linalg.lu(x)[0]),
        fnp.real(la.eigvals(x)[0]),
    ]  # fmt: skip
    return sum(parts)


def close(found, want, tolerance=1e-9):
    np.testing.assert_allclose(np.asarray(found), np.asarray(want), rtol=tolerance, atol=tolerance)


def test_everything_has_derivatives_of_second_order():
    check_grads(total, (fnp.asarray(X[0]),), order=2)


def test_a_compiled_program_leaves_factorizations_to_lapack():
    program = fl.jit(fl.value_and_grad(total))
    for x in X:
        value, gradient = program(x)
        want, slope = fl.value_and_grad(total)(fnp.asarray(x))
        close(value, want)
        close(gradient, slope)
    close(fl.jit(fl.hessian(total))(X[1]), fl.hessian(total)(fnp.asarray(X[1])))


def test_batches_equal_loops():
    want = [total(x) for x in map(fnp.asarray, X)]
    close(fl.vmap(total)(X), want)
    close(fl.jit(fl.vmap(fl.grad(total)))(X), [fl.grad(total)(x) for x in map(fnp.asarray, X)])
    close(fl.vmap(fl.vmap(total))(X.reshape(2, 2, 3, 3)), np.reshape(want, (2, 2)))


@pytest.mark.parametrize("left_side", [True, False])
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (None, 2), (1, 1)])
def test_one_matrix_for_a_batch_of_right_hand_sides(axes, left_side):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3, 3)) + 3 * np.eye(3) if axes[0] is not None else X[0]
    b = rng.normal(size=(3, 3, 5) if axes[1] is not None else (3, 3))
    if axes[1] == 2:
        b = rng.normal(size=(3, 3, 3))

    def function(a, b):
        return lax.linalg.triangular_solve(a, b, left_side=left_side, lower=True)

    if axes == (1, 1):
        b = rng.normal(size=(3, 3, 3))
    elif axes[1] == 0:
        b = rng.normal(size=(5, 3, 3))
    found = fl.vmap(function, axes)(a, b)
    count = found.shape[0]
    for i in range(count):
        row = [
            x if axis is None else np.take(x, i, axis) for x, axis in zip((a, b), axes, strict=True)
        ]
        close(found[i], function(*row))
        if left_side:
            close(fl.vmap(la.solve, axes)(a, b)[i], la.solve(*row))


def test_a_tolerance_for_each_matrix_of_a_batch():
    x = fnp.asarray(np.diag([3.0, 2.0, 1.0]))
    found = fl.vmap(la.pinv, (None, 0))(x, fnp.asarray([0.1, 0.5, 0.9]))
    ranks = [np.linalg.matrix_rank(y) for y in np.asarray(found)]
    assert ranks == [3, 2, 1]
    close(found[1], np.diag([1 / 3, 1 / 2, 0]))


def test_inside_loops_and_branches():
    x = fnp.asarray(X[0])

    def by_scan(x):
        def step(carry, _):
            new = la.inv(carry) + 0.5 * fnp.eye(3)
            return new, la.slogdet(new).logabsdet

        return lax.scan(step, x, None, length=3)

    def by_hand(x):
        logs = []
        for _ in range(3):
            x = la.inv(x) + 0.5 * fnp.eye(3)
            logs.append(la.slogdet(x).logabsdet)
        return x, fnp.stack(logs)

    def loss(f):
        return lambda x: sum(fnp.sum(y) for y in f(x))

    for transform in (lambda f: f, fl.jit):
        for mine, want in zip(transform(by_scan)(x), by_hand(x), strict=True):
            close(mine, want)
        close(transform(fl.grad(loss(by_scan)))(x), fl.grad(loss(by_hand))(x))

    def by_while(x):
        return lax.while_loop(
            lambda c: la.norm(c, 2) > 1.0, lambda c: la.solve(2.0 * fnp.eye(3), c), x
        )

    count = int(np.ceil(np.log2(np.linalg.norm(X[0], 2))))
    close(fl.jit(by_while)(x), X[0] / 2**count)
    close(fl.jit(fl.grad(lambda x: fnp.sum(by_while(x))))(x), np.full((3, 3), 0.5**count))

    def branch(flag, x):
        return fnp.sum(lax.cond(flag, lambda x: la.eigh(x)[0], lambda x: la.svdvals(x), x))

    for flag in (True, False):
        close(fl.jit(branch)(flag, x), branch(flag, x))
        close(fl.jit(fl.grad(branch, 1))(flag, x), fl.grad(branch, 1)(flag, x))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    "function",
    [
        lambda c: la.solve(X[0], c),
        lambda c: lax.linalg.triangular_solve(fnp.asarray(X[0], c.dtype), c),
        lambda c: sla.solve_sylvester(X[0] @ X[0].T, X[1] @ X[1].T, c),
        lambda c: fl.jvp(lambda x: la.eigh(x)[1], (fnp.asarray(X[0], c.dtype),), (c,))[1],
        lambda c: fl.jvp(sla.sqrtm, (fnp.asarray(X[0], c.dtype),), (c,))[1],
        lambda c: fl.jvp(sla.expm, (fnp.asarray(X[0], c.dtype),), (c,))[1],
        lambda c: sla.expm_frechet(fnp.asarray(X[0], c.dtype), c, compute_expm=False),
        lambda c: fl.jvp(la.inv, (fnp.asarray(X[0], c.dtype),), (c,))[1],
        lambda c: fl.jvp(la.pinv, (fnp.asarray(X[0], c.dtype),), (c,))[1],
    ],
)
def test_maps_that_are_linear_are_transposed(function, dtype):
    x, ct = fnp.asarray(X[2], dtype), fnp.asarray(X[3], function(fnp.asarray(X[2], dtype)).dtype)
    (back,) = fl.linear_transpose(function, x)(ct)
    left, right = fnp.sum(fnp.real(function(x) * ct)), fnp.sum(fnp.real(x * back))
    close(left, right)
    assert abs(left) > 1e-3


# ------------------------------------------------------------------------------ degenerate spectra
def test_equal_eigenvalues_do_no_harm_to_values():
    eye = fnp.eye(3, dtype="float64")
    close(fl.grad(lambda x: fnp.sum(la.eigvalsh(x) ** 2))(eye), 2 * np.eye(3))
    close(fl.grad(lambda x: fnp.sum(la.eigh(x).eigenvalues))(eye), np.eye(3))
    close(fl.grad(lambda x: la.norm(x, "nuc"))(eye), np.eye(3))
    close(fl.grad(lambda x: fnp.sum(la.svd(x).S))(-eye), -np.eye(3))
    close(fl.grad(lambda x: fnp.real(fnp.sum(la.eigvals(x))))(eye), np.eye(3))
    tangent = np.diag([1.0, 2.0, 3.0])
    w, v = fl.jvp(la.eigh, (eye,), (fnp.asarray(tangent),))[1]
    close(w, [1, 2, 3])
    assert not np.asarray(v).any()
    slope = fl.jit(fl.grad(lambda x: fnp.sum(X[0] * la.eigh(x).eigenvectors)))(eye)
    assert not np.isfinite(np.asarray(slope)).all()


def test_functions_of_matrices_do_not_mind_equal_eigenvalues():
    eye = fnp.eye(3, dtype="float64")
    direction = fnp.asarray(X[1])
    for function, want in (
        (sla.expm, np.e * X[1]), (lambda x: fnp.real(sla.sqrtm(x)), X[1] / 2), (la.inv, -X[1]),
        (la.pinv, -X[1]), (lambda x: sla.polar(x)[0], (X[1] - X[1].T) / 2),
        (la.det, np.trace(X[1])),
        (la.cholesky, np.tril(X[1] + X[1].T) / 2 - np.diag(X[1].diagonal()) / 2),
    ):  # fmt: skip
        close(fl.jvp(function, (eye,), (direction,))[1], want)


def test_the_gradient_of_a_determinant_is_finite_for_singular_matrices():
    for rank in (2, 1, 0):
        x = fnp.asarray(np.diag([2.0, 3.0, 4.0]) * (np.arange(3) < rank))
        want = np.diag([0.0, 0.0, 6.0]) if rank == 2 else np.zeros((3, 3))
        close(fl.grad(la.det)(x), want)
    check_grads(la.det, (fnp.asarray(X[0]),), order=2)


def test_the_derivative_of_a_norm_at_zero_is_zero():
    zero = fnp.zeros((2, 3), "float64")
    for ord in (None, "fro"):
        assert not np.asarray(fl.grad(lambda x, ord=ord: la.norm(x, ord))(zero)).any()
    assert not np.asarray(fl.grad(lambda x: la.vector_norm(x))(zero)).any()


def test_low_rank_gradients_are_those_at_constant_rank():
    x = fnp.asarray(X[0][:, :1] @ X[1][:1])

    def near(x):
        return fnp.sum(fnp.cos(la.pinv(x, 1e-6)))

    # Along a direction that keeps the rank.
    direction = fnp.asarray(X[2][:, :1] @ X[1][:1] + X[0][:, :1] @ X[3][:1])
    step = 1e-5
    low, high = (X[0][:, :1] + s * X[2][:, :1] for s in (-step, step))
    left, right = (X[1][:1] + s * X[3][:1] for s in (-step, step))
    want = (float(near(fnp.asarray(high @ right))) - float(near(fnp.asarray(low @ left)))) / 2e-5
    close(fl.jvp(near, (x,), (direction,))[1], want, 1e-6)


# ------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: fnp.sum(la.qr(x, "complete").Q), "mode='reduced'"),
        (lambda x: fnp.sum(la.svd(x).U), "full_matrices=False"),
        (lambda x: fnp.sum(sla.schur(x[:2])[0]), "schur: has no derivative"),
        (lambda x: fnp.sum(sla.hessenberg(x[:2])), "hessenberg: has no derivative"),
        (lambda x: fnp.sum(fnp.real(lax.linalg.eig(x[:2])[1])), "left eigenvectors"),
    ],
)
def test_what_has_no_derivative_says_so(function, words):
    x = fnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
    for transform in (fl.grad, lambda f: fl.jit(fl.grad(f)), fl.jacfwd):
        with pytest.raises(GradientError, match=words):
            transform(function)(x)
    fl.jit(function)(x)


def test_single_precision_stays_single():
    x = fnp.asarray(X[0], dtype="float32")
    value, gradient = fl.jit(fl.value_and_grad(total))(x)
    assert value.dtype == gradient.dtype == np.float32
    wide = fl.value_and_grad(total)(fnp.asarray(X[0]))
    close(value, wide[0], 1e-4)
    close(gradient, wide[1], 2e-3)


def test_cache_info_names_what_is_left_to_numpy():
    program = fl.jit(lambda x: fnp.exp(la.inv(x)))
    program(X[0])
    assert "inv" in str(program.cache_info())

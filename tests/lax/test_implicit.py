"""custom_linear_solve and custom_root: derivatives of equations, against dense algebra and JAX."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import DtypeError, GradientError, ShapeError, TreeError
from functorch_lite.testing import check_grads

RNG = np.random.default_rng(0)
A = fnp.asarray(RNG.normal(size=(3, 3)) + 4 * np.eye(3))
B = fnp.asarray(RNG.normal(size=3))
S = fnp.asarray(np.asarray(A) @ np.asarray(A).T)


def by_jacobian(f, b):
    """The solution by the dense matrix; written with stop_gradient, as nobody differentiates it."""
    return lax.stop_gradient(fnp.linalg.solve(fl.jacfwd(f)(b), b))


def by_iteration(f, b):
    """Richardson's iteration until it stands still: a while_loop in the solver."""

    def busy(carry):
        step, x = carry
        return (fnp.max(fnp.abs(b - f(x))) > 1e-13) & (step < 500)

    return lax.while_loop(busy, lambda c: (c[0] + 1, c[1] + 0.1 * (b - f(c[1]))), (0, b))[1]


def solved(a, b, solve=by_jacobian, **kwargs):
    kwargs = kwargs or {"transpose_solve": solve}
    return lax.custom_linear_solve(lambda x: a @ x, b, solve, **kwargs)


def near(got, want, tolerance=1e-9):
    for g, w in zip(fl.tree.leaves(got), fl.tree.leaves(want), strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("solve", [by_jacobian, by_iteration])
@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_every_derivative_is_that_of_the_dense_solution(solve, wrap):
    a = A / 2 if solve is by_iteration else A

    def mine(a, b):
        return fnp.sum(fnp.sin(solved(a, b, solve)))

    def dense(a, b):
        return fnp.sum(fnp.sin(fnp.linalg.solve(a, b)))

    near(wrap(mine)(a, B), dense(a, B))
    near(wrap(fl.grad(mine, (0, 1)))(a, B), fl.grad(dense, (0, 1))(a, B))
    near(wrap(fl.jacfwd(mine))(a, B), fl.jacfwd(dense)(a, B))
    near(wrap(fl.jacfwd(fl.grad(mine)))(a, B), fl.jacfwd(fl.grad(dense))(a, B), 1e-7)
    near(wrap(fl.jacrev(fl.grad(mine)))(a, B), fl.jacrev(fl.grad(dense))(a, B), 1e-7)
    near(wrap(fl.jacrev(fl.jacfwd(mine)))(a, B), fl.jacrev(fl.jacfwd(dense))(a, B), 1e-7)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("solve", [by_jacobian, by_iteration])
def test_under_vmap(axes, solve):
    many = fnp.stack([A / 2, A.T / 2, A / 2 + 1]), fnp.stack([B, -B, B * 2])
    args = [v if i == 0 else v[0] for v, i in zip(many, axes, strict=True)]

    def mine(a, b):
        return solved(a, b, solve)

    near(fl.vmap(mine, axes)(*args), fl.vmap(fnp.linalg.solve, axes)(*args))
    ours = fl.vmap(fl.grad(lambda a, b: fnp.sum(mine(a, b) ** 2), (0, 1)), axes)(*args)
    dense = fl.grad(lambda a, b: fnp.sum(fnp.linalg.solve(a, b) ** 2), (0, 1))
    near(ours, fl.vmap(dense, axes)(*args))
    near(fl.jit(fl.vmap(fl.grad(lambda a, b: fnp.sum(mine(a, b) ** 2))), static_argnums=())(
        *many), fl.vmap(fl.grad(lambda a, b: fnp.sum(fnp.linalg.solve(a, b) ** 2)))(*many),
    )  # fmt: skip


def test_symmetric_systems_need_one_solver():
    def mine(c, b):
        return solved(c @ c.T, b, symmetric=True)

    check_grads(mine, (A, B), order=2)
    near(mine(A, B), fnp.linalg.solve(S, B))


def test_aux_and_trees():
    def f(a, b):
        def matvec(x):
            return {"u": a * x["u"] + x["v"], "v": a * x["v"]}

        def solve(g, y):
            v = y["v"] / a0
            return {"u": (y["u"] - v) / a0, "v": v}, (3, y["u"] > 0)

        def back(g, y):
            u = y["u"] / a0
            return {"u": u, "v": (y["v"] - u) / a0}, (3, y["u"] > 0)

        a0 = lax.stop_gradient(a)
        return lax.custom_linear_solve(matvec, b, solve, back, has_aux=True)

    b = {"u": fnp.asarray([1.0, 2.0]), "v": fnp.asarray([3.0, 4.0])}
    x, (count, flags) = f(2.0, b)
    near(x, {"u": np.array([-0.25, 0.0]), "v": np.array([1.5, 2.0])}, 1e-6)
    assert count == 3 and flags.tolist() == [True, True]
    slope = fl.grad(lambda a: fnp.sum(f(a, b)[0]["u"]))(2.0)
    # u = b_u / a - b_v / a**2
    near(slope, -3 / 4 + 2 * 7 / 8, 1e-6)
    (y, _), _ = fl.jvp(lambda a: f(a, b), (2.0,), (1.0,))
    near(y, x)


def test_the_pullback_is_a_transpose():
    (back,) = fl.linear_transpose(lambda b: solved(A, b), B)(B)
    near(back, fnp.linalg.solve(A.T, B))
    _, push = fl.linearize(lambda b: solved(A, b), B)
    near(push(B), fnp.linalg.solve(A, B))


def test_without_a_transposed_solver_only_forward_mode():
    def f(b):
        return lax.custom_linear_solve(lambda x: A @ x, b, by_jacobian)

    near(fl.jvp(f, (B,), (B,))[1], fnp.linalg.solve(A, B))
    with pytest.raises(GradientError, match="Remedy: transpose_solve=function, or symmetric=True"):
        fl.vjp(f, B)[1](B)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_dtypes(dtype):
    a = A.astype(dtype) * (1j if dtype.startswith("c") else 1)
    b = B.astype(dtype)
    got = solved(a, b, lambda f, y: fnp.linalg.solve(a, y))
    assert got.dtype == dtype
    near(got, np.linalg.solve(np.asarray(a), np.asarray(b)), 1e-4)


def test_linear_solve_as_jax():
    jax = pytest.importorskip("jax")

    def build(np_, module, jacobian):
        def solve(f, b):
            return np_.linalg.solve(jacobian(f)(b), b)

        def run(a, b):
            x = module.custom_linear_solve(lambda x: a @ x, b, solve, solve)
            return np_.sum(np_.cos(x))

        return run

    with jax.enable_x64(True):
        theirs = build(jax.numpy, jax.lax, jax.jacobian)
        want = jax.grad(theirs, (0, 1))(np.asarray(A), np.asarray(B))
        mine = build(fnp, lax, fl.jacobian)
        near(fl.grad(mine, (0, 1))(A, B), list(want))


# ------------------------------------------------------------------------------------------ a root
def newton(f, x):
    def step(carry):
        i, x = carry
        return i + 1, x - fnp.linalg.solve(fl.jacfwd(f)(x), f(x))

    return lax.while_loop(lambda c: c[0] < 30, step, (0, x))[1]


def tangent(g, y):
    return fnp.linalg.solve(fl.jacfwd(g)(y), y)


def root(a, guess=None, solve=newton):
    def f(x):
        return x + 0.2 * fnp.sin(a @ x) - B

    return lax.custom_root(f, B if guess is None else guess, solve, tangent)


def explicit(a):
    """The same root by Newton's steps, differentiated as they stand."""
    x = B
    for _ in range(30):
        c = fnp.cos(a @ x)
        slope = fnp.eye(3, dtype="float64") + 0.2 * c[:, None] * a
        x = x - fnp.linalg.solve(slope, x + 0.2 * fnp.sin(a @ x) - B)
    return x


SMALL = A / 5


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_a_root_has_the_derivatives_of_its_equation(wrap):
    near(wrap(root)(SMALL), explicit(SMALL))
    near(wrap(fl.jacrev(root))(SMALL), fl.jacrev(explicit)(SMALL))
    near(wrap(fl.jacfwd(root))(SMALL), fl.jacfwd(explicit)(SMALL))


def test_second_derivatives_of_a_root():
    def mine(a):
        return fnp.sum(root(a) ** 2)

    def other(a):
        return fnp.sum(explicit(a) ** 2)

    near(fl.jacfwd(fl.grad(mine))(SMALL), fl.jacfwd(fl.grad(other))(SMALL), 1e-8)
    near(fl.jacrev(fl.grad(mine))(SMALL), fl.jacrev(fl.grad(other))(SMALL), 1e-8)


def test_a_root_under_vmap():
    many = fnp.stack([SMALL, SMALL.T, SMALL * 2])
    near(fl.vmap(root)(many), fnp.stack([root(a) for a in many]))
    near(fl.vmap(fl.jacrev(root))(many), fnp.stack([fl.jacrev(root)(a) for a in many]))
    near(fl.jacrev(fl.vmap(root))(many)[1, :, 1], fl.jacrev(root)(many[1]))


def test_a_guess_has_no_derivative_and_aux_comes_along():
    assert float(fnp.max(fnp.abs(fl.jacrev(lambda g: root(SMALL, g))(B)))) == 0

    def f(a):
        def solve(h, x):
            return newton(h, x), {"steps": 30}

        return lax.custom_root(lambda x: x**3 - a, fnp.ones(1, "float64"), solve, tangent, True)

    x, aux = f(fnp.asarray([8.0]))
    near(x, np.array([2.0]))
    assert aux["steps"] == 30
    near(fl.jacfwd(lambda a: f(a)[0])(fnp.asarray([8.0])), np.array([[1 / 12]]))


def test_root_as_jax():
    jax = pytest.importorskip("jax")

    def build(module, grad):
        def solve(f, x):
            return module.fori_loop(0, 20, lambda i, x: x - f(x) / grad(f)(x), x)

        return lambda a: module.custom_root(lambda x: x**3 - a, a, solve, lambda g, y: y / g(1.0))

    with jax.enable_x64(True):
        theirs, mine = build(jax.lax, jax.grad), build(lax, fl.grad)
        a, ours = np.float64(5.0), fnp.asarray(5.0, "float64")
        near(mine(ours), theirs(a))
        near(fl.grad(mine)(ours), jax.grad(theirs)(a))
        near(fl.grad(fl.grad(mine))(ours), jax.grad(jax.grad(theirs))(a))


# ------------------------------------------------------------------------------------------ errors
def test_refusals():
    ok = lambda f, b: b  # noqa: E731
    with pytest.raises(DtypeError, match="b must hold floating-point numbers; got int64"):
        lax.custom_linear_solve(lambda x: x, fnp.arange(3), ok)
    with pytest.raises(TreeError, match="matvec must return what it solves for, one array"):
        lax.custom_linear_solve(lambda x: (x, x), B, ok)
    with pytest.raises(
        ShapeError, match="must return arrays of the types \\(f64\\[3\\]\\); got \\(f64"
    ):
        lax.custom_linear_solve(lambda x: x[:2], B, ok)
    with pytest.raises(TreeError, match="must return a pair \\(solution, aux\\)"):
        lax.custom_linear_solve(lambda x: x, B, ok, has_aux=True)
    with pytest.raises(ShapeError, match="solve must return arrays"):
        lax.custom_root(lambda x: x, B, lambda f, x: x[0], tangent)
    with pytest.raises(TreeError, match="tangent_solve must return"):
        fl.jvp(lambda a: lax.custom_root(lambda x: x - a, B, lambda f, x: x - f(x),
                                         lambda g, y: (y, y)), (B,), (B,))  # fmt: skip
    with pytest.raises(DtypeError, match="initial_guess must hold floating-point"):
        lax.custom_root(lambda x: x, 3, lambda f, x: x, tangent)

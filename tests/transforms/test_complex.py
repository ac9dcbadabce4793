"""Complex numbers under grad, vjp, jvp and Jacobians: JAX's conventions, and what is refused."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import GradientError
from functorch_lite.testing import check_grads

Z = np.array([1 + 2j, -0.5 + 0.3j, 2 - 1j])


def same(got, want, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(got), want, tolerance, tolerance)


# ------------------------------------------------------------------------------------- conventions
def test_the_gradient_of_a_real_function_is_conjugated():
    """d/dx - i d/dy; gradient descent subtracts its conjugate."""
    got = fl.grad(lambda z: fnp.sum(fnp.abs(z) ** 2))(fnp.asarray(Z))
    same(got, 2 * Z.conj())
    assert got.dtype == np.complex128
    same(fl.grad(lambda z: fnp.sum(fnp.real(z)))(fnp.asarray(Z)), np.ones(3))
    same(fl.grad(lambda z: fnp.sum(fnp.imag(z)))(fnp.asarray(Z)), np.full(3, -1j))
    z = fnp.asarray(Z)
    for _ in range(60):
        z = z - 0.2 * fnp.conj(fl.grad(lambda z: fnp.sum(fnp.abs(z - 1j) ** 2))(z))
    same(z, np.full(3, 1j), 1e-9)


def test_holomorphic_functions_have_complex_derivatives():
    for f, df in ((fnp.sin, np.cos), (fnp.exp, np.exp), (lambda z: z**3, lambda z: 3 * z**2)):
        same(fl.grad(lambda z, f=f: fnp.sum(f(z)), holomorphic=True)(fnp.asarray(Z)), df(Z))
        for jacobian in (fl.jacrev, fl.jacfwd):
            same(jacobian(f, holomorphic=True)(fnp.asarray(Z)), np.diag(df(Z)))
    cubed = fl.hessian(lambda z: fnp.sum(z**3), holomorphic=True)(fnp.asarray(Z))
    same(cubed, np.diag(6 * Z))


def test_pullbacks_do_not_conjugate():
    y, pull = fl.vjp(fnp.exp, fnp.asarray(Z))
    ct = np.array([1j, 2.0, 1 - 1j])
    same(pull(fnp.asarray(ct))[0], ct * np.exp(Z))
    same(fl.jvp(fnp.exp, (fnp.asarray(Z),), (fnp.asarray(ct),))[1], ct * np.exp(Z))
    same(fl.linearize(fnp.exp, fnp.asarray(Z))[1](fnp.asarray(ct)), ct * np.exp(Z))
    transposed = fl.linear_transpose(lambda z: 2j * z, fnp.asarray(Z))
    same(transposed(fnp.asarray(ct))[0], 2j * ct)
    transposed = fl.linear_transpose(lambda x: x * 2j, fnp.ones(3))
    same(transposed(fnp.asarray(ct))[0], (2j * ct).real, 1e-6)


def test_a_real_function_by_way_of_complex_numbers():
    same(fl.grad(lambda x: fnp.abs(x * 1j) ** 2)(3.0), 6.0)
    same(fl.grad(lambda x: fnp.real(fnp.exp(1j * x)))(0.5), -np.sin(0.5), 1e-6)
    same(fl.jacfwd(lambda x: fnp.exp(1j * x))(0.5), 1j * np.exp(0.5j), 1e-6)
    same(fl.grad(fl.jit(lambda x: fnp.sum(fnp.abs(x * 1j))))(fnp.ones(2)), [1, 1])


def test_python_numbers_are_weak():
    got = fl.grad(lambda z: fnp.abs(z) ** 2)(1 + 2j)
    assert got.dtype == np.complex64
    same(got, 2 - 4j)
    assert fl.grad(lambda x, z: fnp.real(x * z))(fnp.asarray(1.0, "float64"), 2j).dtype == "float64"


def test_special_points():
    zero = fnp.asarray([0j])
    same(fl.grad(lambda z: fnp.sum(fnp.abs(z)))(zero), [0])
    same(fl.grad(lambda z: fnp.sum(fnp.angle(z)))(zero), [0])
    same(fl.grad(lambda z: fnp.sum(fnp.real(z**0)))(zero), [0])
    infinite = fl.grad(lambda z: fnp.sum(fnp.real(1 / z)))(zero)
    assert not np.isfinite(np.asarray(infinite)).any()
    empty = fnp.zeros((0, 2), "complex128")
    assert fl.grad(lambda z: fnp.sum(fnp.abs(z)))(empty).shape == (0, 2)


def test_second_derivative_of_the_absolute_value():
    check_grads(fnp.abs, (fnp.asarray(Z),), order=3)
    check_grads(lambda z: fnp.abs(z) ** 3 * fnp.conj(z), (fnp.asarray(Z),), order=2)


def test_sign_has_its_derivative_through_the_numpy_function():
    check_grads(fnp.sign, (fnp.asarray(Z),), order=2)
    same(fnp.sign(fnp.asarray([0j, 3j, -2])), [0, 1j, -1])


# ------------------------------------------------------------------------------ control and custom
def test_loops_branches_checkpoints_and_custom_rules():
    def loop(z):
        def step(c, x):
            c = lax.cond(fnp.real(c) > 0, lambda c: c * x, lambda c: c + fnp.conj(x), c)
            return c, fnp.abs(c)

        c, kept = lax.scan(fl.checkpoint(step), z[0], z)
        c = lax.while_loop(lambda c: fnp.abs(c) > 1, lambda c: c * (0.5 + 0.1j), c)
        return fnp.real(c) + fnp.sum(kept)

    check_grads(loop, (fnp.asarray(Z),), order=2)
    same(fl.jit(fl.grad(loop))(fnp.asarray(Z)), np.asarray(fl.grad(loop)(fnp.asarray(Z))))

    @fl.custom_vjp
    def double(z):
        return 2 * z

    double.defvjp(lambda z: (2 * z, None), lambda _, ct: (3 * ct,))
    same(fl.grad(lambda z: fnp.sum(fnp.real(double(z))))(fnp.asarray(Z)), np.full(3, 3))

    @fl.custom_jvp
    def triple(z):
        return 3 * z

    triple.defjvp(lambda primals, tangents: (3 * primals[0], 5j * tangents[0]))
    same(fl.grad(lambda z: fnp.sum(fnp.real(triple(z))))(fnp.asarray(Z)), np.full(3, 5j))


def test_vmap_of_gradients():
    def f(z):
        return fnp.real(z * z * fnp.conj(z))

    want = [np.asarray(fl.grad(f)(fnp.asarray(Z)[i])) for i in range(3)]
    same(fl.vmap(fl.grad(f))(fnp.asarray(Z)), want)


# ---------------------------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    "call, text",
    [
        (lambda z: fl.grad(fnp.sum)(z), r"must return real numbers; got complex128.*holomorphic"),
        (lambda z: fl.grad(lambda z: fnp.sum(fnp.abs(z)), holomorphic=True)(z), "got float64"),
        (lambda z: fl.grad(fnp.sum, holomorphic=True)(fnp.ones(2)), "must be complex; got a: f"),
        (lambda z: fl.jacrev(fnp.sin)(z), "must return real numbers"),
        (lambda z: fl.jacfwd(fnp.sin)(z), "arguments must be real; got complex128"),
        (lambda z: fl.jacfwd(fnp.abs, holomorphic=True)(z), "must return complex numbers"),
        (lambda z: fl.jacrev(fnp.abs, holomorphic=True)(z), "must return complex numbers"),
        (lambda z: fl.vjp(fnp.abs, z)[1](z), "cotangent 0 is complex128, the output float64"),
        (
            lambda z: fl.vjp(fnp.sin, 1.0)[1](1j),
            "cotangent 0 is complex128, the output.*its real part",
        ),
        (
            lambda z: fl.jvp(fnp.sin, (1.0,), (1j,)),
            "tangent 0 is complex128, its primal.*its real part",
        ),
        (lambda z: fl.linear_transpose(fnp.real, z)(z), "cotangent complex128 for an output float"),
    ],
)
def test_wrong_calls(call, text):
    with pytest.raises(GradientError, match=text):
        call(fnp.asarray(Z))


def test_an_integer_gives_a_float0_beside_a_complex_number():
    got = fl.grad(lambda z, n: fnp.abs(z) * n, (0, 1), allow_int=True)(fnp.asarray(Z)[0], 3)
    assert got[1].dtype == fl.float0 and got[0].dtype == np.complex128

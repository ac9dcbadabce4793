"""Random chains of factorizations, eigenvectors among them, under random transforms."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.scipy import linalg as sla

la = fnp.linalg
N = 3
EYE = 2.5 * np.eye(N) + np.diag(np.arange(N))  # keeps spectra apart, and matrices regular


def t(x):
    return fnp.matrix_transpose(x)


def held(v):
    """Vectors (columns) whose phase is that of a positive sum."""
    total = fnp.sum(v, -2, keepdims=True)
    return v / total * fnp.abs(total)


def bounded(x):
    return fnp.tanh(x / 3)


def eigenvectors(x):
    w, v = la.eigh(x + EYE)
    return held(v) * w[..., None, :]


def general_eigenvectors(x):
    w, v = la.eig(bounded(x) / 4 + EYE)
    return fnp.real(held(v) * w[..., None, :])


def singular_vectors(x):
    u, s, vh = la.svd(x + EYE, full_matrices=False)
    return (u * fnp.log(s)[..., None, :]) @ vh


def two_triangles(x):
    factors = lax.linalg.lu(bounded(x) + EYE)[0]
    return fnp.tril(factors, -1) - fnp.triu(factors)


def solved(x):
    return lax.linalg.triangular_solve(bounded(x) + EYE, t(x), left_side=True, lower=True)


STEPS = {
    "eigenvectors": eigenvectors,
    "general eigenvectors": general_eigenvectors,
    "singular vectors": singular_vectors,
    "eigenvalues": lambda x: x * la.eigvalsh(x + t(x) + EYE)[..., None, :],
    "cholesky": lambda x: la.cholesky(bounded(x) @ t(bounded(x)) + EYE),
    "qr": lambda x: la.qr(bounded(x) + EYE).Q * 2 + la.qr(bounded(x) + EYE).R,
    "inv": lambda x: la.inv(bounded(x) + EYE),
    "solve": lambda x: la.solve(bounded(x) + EYE, x),
    "triangular": solved,
    "lu": two_triangles,
    "pinv": lambda x: t(la.pinv(bounded(x)[..., :2] + EYE[:, :2])) @ x[..., :2, :],
    "expm": lambda x: sla.expm(bounded(x)),
    "polar": lambda x: sla.polar(x + EYE)[0] @ bounded(x),
    "root": lambda x: fnp.real(sla.sqrtm(bounded(x) + 2 * EYE)),
    "determinant": lambda x: x * fnp.log(la.det(bounded(x) + EYE))[..., None, None],
    "slogdet": lambda x: x + la.slogdet(bounded(x) + EYE).logabsdet[..., None, None],
    "product": lambda x: x @ t(x) / 4,
    "sine": fnp.sin,
}


def program(names):
    def run(x):
        for name in names:
            x = bounded(STEPS[name](x))
        return fnp.sum(fnp.sin(x) * np.arange(1.0, N * N + 1).reshape(N, N))

    return run


def agree(found, want, tolerance=1e-7):
    found, want = np.asarray(found), np.asarray(want)
    scale = 1 + np.abs(want).max()
    np.testing.assert_allclose(found, want, rtol=tolerance, atol=tolerance * scale)


def check(names, seed):
    """Whether the program is smooth enough for differences to say something; that all agree."""
    rng = np.random.default_rng(seed)
    xs, f = rng.normal(size=(2, N, N)), program(names)
    x, direction = fnp.asarray(xs[0]), fnp.asarray(rng.normal(size=(N, N)))
    gradient = np.asarray(fl.grad(f)(x))
    h = 1e-5
    slopes = [float(f(x + k * h * direction) - f(x - k * h * direction)) / (2 * k * h)
              for k in (1, 2)]  # fmt: skip
    # Two eigenvalues may come near each other on the way.
    if abs(slopes[0] - slopes[1]) > 1e-5 * (1 + abs(slopes[0])) or np.abs(gradient).max() > 1e3:
        return False
    slope = float(fnp.sum(gradient * direction))
    assert abs(slope - slopes[0]) < 1e-4 * (1 + abs(slope))
    agree(fl.jvp(f, (x,), (direction,))[1], slope)
    agree(fl.jit(fl.grad(f))(x), gradient)
    agree(fl.vmap(fl.grad(f))(xs)[0], gradient)
    agree(fl.jit(fl.vmap(f))(xs), [f(fnp.asarray(y)) for y in xs])
    value, linear = fl.linearize(f, x)
    agree(linear(direction), slope)
    agree(value, f(x))
    along = fl.jvp(fl.grad(f), (x,), (direction,))[1]
    agree(fl.grad(lambda x: fnp.sum(fl.grad(f)(x) * direction))(x), along, 1e-5)
    return True


@pytest.mark.parametrize("name", STEPS)
def test_each_step_alone(name):
    assert check([name], 0)


@settings(max_examples=8, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=3),
       seed=st.integers(0, 1000))  # fmt: skip
def test_chains(names, seed):
    assume(check(names, seed))


@pytest.mark.long
@settings(max_examples=80, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=5),
       seed=st.integers(0, 10**6))  # fmt: skip
def test_many_chains(names, seed):
    assume(check(names, seed))

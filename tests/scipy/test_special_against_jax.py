"""Special functions and their derivatives against JAX in 64 bits, where JAX is exact enough."""

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.scipy import special

jax = pytest.importorskip("jax", exc_type=ImportError)
jsp = pytest.importorskip("jax.scipy.special", exc_type=ImportError)
pytestmark = pytest.mark.peers


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


RNG = np.random.default_rng(7)
POSITIVE, UNIT, ALL = (0.1, 6.0), (0.05, 0.95), (-3.0, 3.0)
# name: (intervals of the arguments, relative error of JAX's value, of its derivatives;
#        the arguments by which JAX differentiates)
CASES = {
    "gammaln": ((POSITIVE,), 1e-12, 1e-11, (0,)),
    "gamma": (((0.2, 5.0),), 1e-12, 1e-11, (0,)),
    "digamma": ((POSITIVE,), 1e-12, 1e-11, (0,)),
    "betaln": ((POSITIVE, POSITIVE), 1e-11, 1e-11, (0, 1)),
    "beta": ((POSITIVE, POSITIVE), 1e-11, 1e-10, (0, 1)),
    "gammainc": ((POSITIVE, POSITIVE), 1e-11, 1e-9, (0, 1)),
    "gammaincc": ((POSITIVE, POSITIVE), 1e-11, 1e-9, (0, 1)),
    "betainc": ((POSITIVE, POSITIVE, UNIT), 1e-11, 1e-10, (2,)),
    "zeta": (((1.5, 6.0), POSITIVE), 1e-11, 1e-10, (0, 1)),
    "poch": (((0.5, 3.0), (0.5, 3.0)), 1e-11, 1e-10, (0, 1)),
    "erf": ((ALL,), 1e-12, 1e-12, (0,)),
    "erfc": ((ALL,), 1e-12, 1e-12, (0,)),
    "erfcx": ((ALL,), 1e-10, 1e-9, (0,)),
    "erfinv": (((-0.95, 0.95),), 1e-12, 1e-11, (0,)),
    "dawsn": ((ALL,), 1e-10, 1e-8, (0,)),
    "ndtr": ((ALL,), 1e-12, 1e-12, (0,)),
    "ndtri": ((UNIT,), 1e-11, 1e-10, (0,)),
    "log_ndtr": ((ALL,), 1e-10, 1e-10, (0,)),
    "expit": ((ALL,), 1e-12, 1e-12, (0,)),
    "logit": ((UNIT,), 1e-12, 1e-12, (0,)),
    "exp1": ((POSITIVE,), 1e-10, 1e-12, (0,)),
    "expi": ((POSITIVE,), 1e-10, 1e-12, (0,)),
    "spence": (((0.1, 4.0),), 1e-10, 1e-9, ()),
    "owens_t": ((ALL, ALL), 1e-9, 1e-9, (0, 1)),
    "entr": ((POSITIVE,), 1e-12, 1e-12, (0,)),
    "xlogy": ((ALL, POSITIVE), 1e-12, 1e-12, (0, 1)),
    "xlog1py": ((ALL, (-0.9, 3.0)), 1e-12, 1e-12, (0, 1)),
    "rel_entr": ((POSITIVE, POSITIVE), 1e-12, 1e-11, (0, 1)),
    "kl_div": ((POSITIVE, POSITIVE), 1e-11, 1e-11, (0, 1)),
    "boxcox": ((POSITIVE, ALL), 1e-11, 1e-10, (0, 1)),
    "boxcox1p": ((POSITIVE, ALL), 1e-11, 1e-10, (0, 1)),
    "i0": ((ALL,), 1e-10, 1e-10, (0,)),
    "i0e": ((ALL,), 1e-10, 1e-10, (0,)),
    "i1": ((ALL,), 1e-10, 1e-10, (0,)),
    "i1e": ((ALL,), 1e-10, 1e-10, (0,)),
    "gammasgn": ((ALL,), 0.0, 0.0, ()),
    "loggamma": ((POSITIVE,), 1e-12, 1e-11, (0,)),
    "factorial": ((POSITIVE,), 1e-12, 1e-11, (0,)),
    "comb": (((3.0, 6.0), (0.1, 2.9)), 1e-11, 1e-10, (0, 1)),
    "hyp1f1": (((0.5, 3.0), (1.0, 3.0), (-2.0, 6.0)), 1e-9, 1e-9, (0, 1, 2)),
    "hyp2f1": (((0.5, 2.0), (0.5, 2.0), (2.5, 4.0), (-0.4, 0.4)), 1e-9, 1e-9, (0, 1, 2, 3)),
}  # fmt: skip


def close(ours, theirs, rtol):
    theirs = np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", CASES)
def test_value_and_derivatives(name):
    intervals, exact, exact_slope, positions = CASES[name]
    ours, theirs = getattr(special, name), getattr(jsp, name)
    xs = [RNG.uniform(*interval, 24) for interval in intervals]
    close(ours(*xs), theirs(*xs), exact)
    for i in positions:
        want = jax.grad(lambda *v, f=theirs: f(*v).sum(), i)(*xs)
        arrays = [fnp.asarray(x) for x in xs]
        close(fl.grad(lambda *v, f=ours: f(*v).sum(), i)(*arrays), want, exact_slope)


@pytest.mark.parametrize("name", ["polygamma", "expn"])
def test_orders(name):
    n, x = np.arange(1, 6), RNG.uniform(0.2, 5.0, (4, 1))
    close(getattr(special, name)(n, x), getattr(jsp, name)(n, x), 1e-10)
    ours = fl.grad(lambda v: getattr(special, name)(n, v).sum())(fnp.asarray(x))
    theirs = jax.grad(lambda v: jsp.polygamma(n, v).sum())(x)
    if name == "expn":
        theirs = np.asarray(jax.vmap(jax.grad(lambda v: sum(jsp.expn(k, v) for k in n)))(x[:, 0]))
        theirs = theirs[:, None]
    close(ours, theirs, 1e-9)


def test_pairs():
    x = RNG.uniform(0.1, 8.0, 20)
    for name in ("sici", "fresnel"):
        for ours, theirs in zip(getattr(special, name)(x), getattr(jsp, name)(x), strict=True):
            close(ours, theirs, 1e-9)


def test_multigammaln_and_bernoulli():
    x = RNG.uniform(3.0, 8.0, 20)
    close(special.multigammaln(x, 4), jsp.multigammaln(x, 4), 1e-11)
    np.testing.assert_allclose(special.bernoulli(20), jsp.bernoulli(20), rtol=1e-5)


def test_logsumexp_and_softmax():
    x = RNG.normal(size=(3, 5))
    b = RNG.uniform(0.5, 1.0, (3, 5))
    close(special.logsumexp(x, axis=1, b=b), jsp.logsumexp(x, axis=1, b=b), 1e-12)
    for name in ("softmax", "log_softmax"):
        for axis in (None, 0, (0, 1)):
            close(getattr(special, name)(x, axis=axis), getattr(jsp, name)(x, axis=axis), 1e-12)
            ours = fl.grad(lambda v, n=name, a=axis: (getattr(special, n)(v, axis=a) ** 2).sum())
            theirs = jax.grad(lambda v, n=name, a=axis: (getattr(jsp, n)(v, axis=a) ** 2).sum())
            close(ours(fnp.asarray(x)), theirs(x), 1e-11)


def test_bessel_jn():
    scipy_special = pytest.importorskip("scipy.special")
    z = np.concatenate([RNG.uniform(-3.0, 3.0, 12), [0.0, 1e-12, 40.0, -25.0]])
    found = special.bessel_jn(z, v=7)
    want = np.stack([scipy_special.jv(k, z) for k in range(8)])
    np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-13)
    ordinary = np.abs(z) > 0.5
    theirs = np.asarray(jsp.bessel_jn(z[ordinary], v=7, n_iter=90))
    np.testing.assert_allclose(np.asarray(found)[:, ordinary], theirs, rtol=1e-8, atol=1e-10)
    ours = fl.jacfwd(lambda v: special.bessel_jn(v, v=4))(fnp.asarray(0.7))
    slope = [scipy_special.jvp(k, 0.7) for k in range(5)]
    np.testing.assert_allclose(ours, slope, rtol=1e-5)
    at_zero = fl.jacfwd(lambda v: special.bessel_jn(v, v=2))(fnp.asarray(0.0))
    np.testing.assert_allclose(at_zero, [0.0, 0.5, 0.0], atol=1e-7)


def test_sph_harm_y():
    n = np.array([0, 1, 1, 2, 3, 4, 4, 4])
    m = np.array([0, 0, -1, 1, -2, 4, -4, 0])
    theta, phi = RNG.uniform(0.1, 3.0, 8), RNG.uniform(0.0, 6.0, 8)
    close(special.sph_harm_y(n, m, theta, phi), jsp.sph_harm_y(n, m, theta, phi), 1e-12)
    args = [fnp.asarray(v) for v in (n, m, theta, phi)]
    jitted = fl.jit(lambda *v: special.sph_harm_y(*v, n_max=4))
    np.testing.assert_allclose(jitted(*args), special.sph_harm_y(n, m, theta, phi), rtol=1e-12)
    with pytest.raises(ValueError, match="n_max=10"):
        fl.jit(special.sph_harm_y)(*args)
    ours = fl.grad(lambda t: special.sph_harm_y(n, m, t, phi).real.sum())(args[2])
    theirs = jax.grad(lambda t: jsp.sph_harm_y(n, m, t, phi).real.sum())(theta)
    close(ours, theirs, 1e-11)


def test_wofz():
    z = RNG.normal(size=10) + 1j * RNG.normal(size=10)
    close(special.wofz(z), jsp.wofz(z), 1e-9)
    assert special.wofz(1.0).dtype.name == "complex64"


def test_lax():
    a, x = RNG.uniform(0.3, 6.0, (2, 30))
    for name in ("igamma", "igammac", "zeta", "igamma_grad_a", "random_gamma_grad"):
        given = (a + 1.1, x) if name == "zeta" else (a, x)
        close(getattr(lax, name)(*given), getattr(jax.lax, name)(*given), 1e-9)
    for name in ("lgamma", "digamma", "bessel_i0e", "bessel_i1e"):
        close(getattr(lax, name)(x), getattr(jax.lax, name)(x), 1e-11)
    close(lax.polygamma(np.full(30, 2.0), x), jax.lax.polygamma(np.full(30, 2.0), x), 1e-10)
    b = RNG.uniform(0.1, 0.9, 30)
    close(lax.betainc(a, x, b), jax.lax.betainc(a, x, b), 1e-11)
    with pytest.raises(fl.errors.DtypeError, match="lax.igamma: operands must have one dtype"):
        lax.igamma(a, x.astype("float32"))


def test_every_public_name_of_jax_is_here():
    names = [n for n in dir(jsp) if not n.startswith("_")]
    assert not [n for n in names if not hasattr(special, n)]
    assert not set(special.__all__) - set(dir(special))

"""Special functions at poles, zeros, infinities, huge and tiny arguments, against mpmath."""

import math

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.scipy import special

mpmath = pytest.importorskip("mpmath")

INF, NAN = math.inf, math.nan

# (function, arguments, value) where the value is a limit, a convention or an exact number.
EXACT = [
    ("gammaln", (0.0,), INF), ("gammaln", (-0.0,), INF), ("gammaln", (-3.0,), INF),
    ("gammaln", (INF,), INF), ("gammaln", (-INF,), INF), ("gammaln", (NAN,), NAN),
    ("gammaln", (1.0,), 0.0), ("gammaln", (2.0,), 0.0), ("gammaln", (1e308,), INF),
    ("gamma", (0.0,), INF), ("gamma", (-0.0,), -INF), ("gamma", (-2.0,), NAN),
    ("gamma", (171.7,), INF),
    ("gamma", (-INF,), NAN),
    ("gamma", (INF,), INF),
    ("gamma", (5.0,), 24.0),
    ("digamma", (0.0,), -INF), ("digamma", (-0.0,), INF), ("digamma", (-1.0,), NAN),
    ("digamma", (INF,), INF), ("digamma", (-INF,), NAN),
    ("polygamma", (1, 0.0), INF), ("polygamma", (1, -2.0), INF), ("polygamma", (2, INF), -0.0),
    ("polygamma", (1, -INF), NAN), ("polygamma", (-1, 1.0), NAN), ("polygamma", (1.5, 1.0), NAN),
    ("zeta", (1.0, 2.0), INF), ("zeta", (1.0, -0.5), INF),
    ("zeta", (0.5, 2.0), NAN), ("zeta", (2.0, 0.0), INF),
    ("zeta", (2.0, -3.0), INF), ("zeta", (2.5, -0.5), NAN), ("zeta", (2.0, INF), 0.0),
    ("zeta", (INF, 1.0), 1.0), ("zeta", (INF, 2.0), 0.0), ("zeta", (INF, 0.5), INF),
    ("zeta", (NAN, 1.0), NAN), ("zeta", (2.0, NAN), NAN),
    ("gammainc", (0.0, 1.0), 1.0), ("gammainc", (1.0, 0.0), 0.0), ("gammainc", (1.0, INF), 1.0),
    ("gammainc", (INF, 1.0), 0.0), ("gammainc", (-1.0, 1.0), NAN), ("gammainc", (1.0, -1.0), NAN),
    ("gammaincc", (1.0, 0.0), 1.0), ("gammaincc", (1.0, INF), 0.0), ("gammainc", (NAN, 1.0), NAN),
    ("betainc", (1.0, 1.0, 0.0), 0.0), ("betainc", (1.0, 1.0, 1.0), 1.0),
    ("betainc", (2.0, 3.0, 1.5), NAN), ("betainc", (-1.0, 3.0, 0.5), NAN),
    ("ndtri", (0.0,), -INF), ("ndtri", (1.0,), INF), ("ndtri", (0.5,), 0.0), ("ndtri", (1.5,), NAN),
    ("log_ndtr", (-INF,), -INF), ("log_ndtr", (INF,), -0.0), ("ndtr", (INF,), 1.0),
    ("ndtr", (-INF,), 0.0), ("erfcx", (INF,), 0.0), ("erfcx", (-INF,), INF), ("dawsn", (0.0,), 0.0),
    ("erfinv", (1.0,), INF), ("erfinv", (-1.0,), -INF), ("erfinv", (-0.0,), -0.0),
    ("i0", (0.0,), 1.0), ("i0", (-INF,), INF), ("i0e", (INF,), 0.0), ("i1", (-0.0,), -0.0),
    ("i1", (INF,), INF), ("i1", (-INF,), -INF), ("i1e", (INF,), 0.0), ("i1e", (-INF,), -0.0),
    ("j0", (INF,), 0.0), ("j1", (-0.0,), -0.0), ("y0", (0.0,), -INF), ("y0", (-1.0,), NAN),
    ("k0", (0.0,), INF), ("k1", (INF,), 0.0), ("k0", (-1.0,), NAN),
    ("exp1", (0.0,), INF), ("exp1", (-1.0,), NAN), ("expi", (0.0,), -INF), ("expi", (-INF,), -0.0),
    ("expn", (0, 0.0), INF), ("expn", (2, 0.0), 1.0), ("expn", (3, INF), 0.0),
    ("expn", (-1, 1.0), NAN), ("expn", (2, -1.0), NAN),
    ("spence", (1.0,), 0.0), ("spence", (-1.0,), NAN), ("spence", (0.0,), math.pi**2 / 6),
    ("xlogy", (0.0, 0.0), 0.0), ("xlogy", (0.0, -1.0), 0.0), ("xlogy", (0.0, NAN), NAN),
    ("xlogy", (0.0, INF), 0.0), ("xlogy", (1.0, 0.0), -INF), ("xlog1py", (0.0, -1.0), 0.0),
    ("xlog1py", (0.0, -2.0), 0.0), ("xlog1py", (2.0, -1.0), -INF), ("xlog1py", (NAN, 0.0), NAN),
    ("entr", (0.0,), 0.0), ("entr", (-1.0,), -INF), ("entr", (INF,), -INF), ("entr", (NAN,), NAN),
    ("rel_entr", (0.0, 0.0), 0.0), ("rel_entr", (1.0, 0.0), INF), ("rel_entr", (-1.0, 1.0), INF),
    ("rel_entr", (NAN, 1.0), NAN), ("kl_div", (0.0, 2.0), 2.0), ("kl_div", (1.0, 0.0), INF),
    ("logit", (0.0,), -INF), ("logit", (1.0,), INF), ("logit", (0.5,), 0.0), ("logit", (2.0,), NAN),
    ("expit", (-INF,), 0.0), ("expit", (1000.0,), 1.0), ("expit", (-1000.0,), 0.0),
    ("gammasgn", (0.0,), 1.0), ("gammasgn", (-0.0,), -1.0), ("gammasgn", (-1.5,), 1.0),
    ("gammasgn", (-0.5,), -1.0), ("gammasgn", (-2.0,), NAN), ("gammasgn", (INF,), 1.0),
    ("gammasgn", (-INF,), NAN), ("loggamma", (-0.5,), NAN), ("loggamma", (0.0,), NAN),
    ("factorial", (-1.0,), 0.0),
    ("factorial", (0.0,), 1.0),
    ("factorial", (20.0,), float(math.factorial(20))),
    ("comb", (60.0, 30.0), float(math.comb(60, 30))),
    ("comb", (5.0, 6.0), 0.0),
    ("comb", (-1.0, 0.0), 0.0),
    ("poch", (3.0, 0.0), 1.0), ("betaln", (1.0, 1.0), 0.0), ("beta", (2.0, 2.0), 1 / 6),
    ("boxcox", (2.0, 0.0), math.log(2.0)),
    ("boxcox", (0.0, 1.0), -1.0),
    ("boxcox", (-1.0, 1.0), NAN),
    ("boxcox", (0.0, 0.0), -INF), ("boxcox", (INF, 0.0), INF), ("boxcox", (0.0, -1.0), -INF),
    ("boxcox", (-1.0, 0.0), NAN), ("boxcox1p", (-1.0, 0.0), -INF), ("boxcox", (2.0, NAN), NAN),
    ("boxcox1p", (0.0, 0.0), 0.0), ("boxcox1p", (-1.0, 2.0), -0.5),
    ("owens_t", (0.0, 1.0), 0.125), ("owens_t", (INF, 1.0), 0.0), ("owens_t", (1.0, 0.0), 0.0),
    ("hyp1f1", (1.0, 1.0, 0.0), 1.0),
    ("hyp1f1", (0.0, 2.0, 3.0), 1.0),
    ("hyp1f1", (1.0, 1e9, 1.0), NAN),
    ("hyp2f1", (0.0, 1.0, 2.0, 0.5), 1.0),
]  # fmt: skip


def _strong(x):
    return np.asarray(x, "float64") if isinstance(x, float) else x


@pytest.mark.parametrize(("name", "xs", "want"), EXACT)
def test_limits_and_conventions(name, xs, want):
    found = float(getattr(special, name)(*map(_strong, xs)))
    if math.isnan(want):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(want, rel=1e-14, abs=0.0)
        assert math.copysign(1.0, found) == math.copysign(1.0, want)


# --------------------------------------------------------------------------- ordinary hard points
def _mp_log_ndtr(x):
    return mpmath.log(mpmath.ncdf(x))


def _mp_gammainc(a, x):
    return mpmath.gammainc(a, 0, x, regularized=True)


def _mp_gammaincc(a, x):
    return mpmath.gammainc(a, x, mpmath.inf, regularized=True)


def _mp_dawsn(x):
    return mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x)


REFERENCES = {
    "gammaln": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "gamma": mpmath.gamma,
    "digamma": mpmath.digamma,
    "polygamma": lambda n, x: mpmath.polygamma(int(n), x),
    "zeta": mpmath.zeta,
    "gammainc": _mp_gammainc,
    "gammaincc": _mp_gammaincc,
    "betainc": lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
    "betaln": lambda a, b: mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b),
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "log_ndtr": _mp_log_ndtr,
    "dawsn": _mp_dawsn,
    "i0": lambda x: mpmath.besseli(0, x),
    "i1": lambda x: mpmath.besseli(1, x),
    "i0e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x),
    "i1e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x),
    "k0": lambda x: mpmath.besselk(0, x),
    "k1": lambda x: mpmath.besselk(1, x),
    "j0": lambda x: mpmath.besselj(0, x),
    "j1": lambda x: mpmath.besselj(1, x),
    "y0": lambda x: mpmath.bessely(0, x),
    "y1": lambda x: mpmath.bessely(1, x),
    "exp1": mpmath.e1,
    "expi": mpmath.ei,
    "expn": lambda n, x: mpmath.expint(int(n), x),
    "spence": lambda x: mpmath.polylog(2, 1 - x).real,
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "hyp1f1": mpmath.hyp1f1,
    "hyp2f1": mpmath.hyp2f1,
    "owens_t": lambda h, a: mpmath.quad(
        lambda u: mpmath.exp(-h * h * (1 + u * u) / 2) / (1 + u * u), [0, a]
    ) / (2 * mpmath.pi),
    "poch": mpmath.rf,
}  # fmt: skip
# (points, relative error allowed in float64)
POINTS = {
    "gammaln": ([(1e-300,), (1e-09,), (3.5,), (50.25,), (10000000000.0,), (1e+300,), (-0.5,),
        (-1.5,), (-20.25,)], 1e-13),
    "gamma": ([(1e-300,), (0.1,), (-0.5,), (-5.25,), (170.5,), (-170.5,)], 2e-13),
    "digamma": ([(1e-09,), (0.3,), (2.0,), (1000000000.0,), (-0.5,), (-10.3,), (-1000.25,)], 1e-12),
    "polygamma": ([(0, 0.3), (1, 1e-09), (1, 0.3), (1, 1000000000.0), (2, 5.0), (5, 0.1),
        (20, 3.0), (120, 2.0), (200, 5.0), (1, -0.5), (1, -20.3), (2, -3.25), (3, -7.6)], 1e-12),
    "zeta": ([(1.0001, 1.0), (2.0, 1e-09), (2.0, 1000000000.0), (30.0, 2.5), (3.0, -0.25),
        (2.0, -10.5), (4.0, -1.75)], 1e-12),
    "gammainc": ([(0.001, 0.001), (0.5, 1e-09), (10.0, 2.0), (100.0, 90.0), (10000.0, 9900.0),
        (3.0, 30.0)], 1e-11),
    "gammaincc": ([(0.001, 0.001), (0.5, 30.0), (10.0, 30.0), (100.0, 120.0),
        (10000.0, 10100.0)], 1e-11),
    "betainc": ([(0.001, 0.5, 0.2), (0.5, 0.5, 1e-09), (10.0, 3.0, 0.3), (200.0, 100.0, 0.7),
        (2.0, 3.0, 0.999999999)], 1e-11),
    "betaln": ([(0.001, 2.0), (1000000.0, 1000000.0), (3.0, 100000000.0)], 1e-12),
    "erfcx": ([(-5.0,), (0.1,), (10.0,), (100000.0,), (1e+30,)], 1e-13),
    "log_ndtr": ([(-1000.0,), (-40.0,), (-5.0,), (0.3,), (5.0,)], 1e-12),
    "dawsn": ([(1e-05,), (0.9,), (5.0,), (100.0,)], 1e-13),
    "i0": ([(1e-05,), (3.0,), (-100.0,), (700.0,)], 1e-13),
    "i1": ([(1e-05,), (3.0,), (-100.0,), (700.0,)], 1e-13),
    "i0e": ([(1e-05,), (-100.0,), (10000.0,)], 1e-13),
    "i1e": ([(1e-05,), (-100.0,), (10000.0,)], 1e-13),
    "k0": ([(1e-09,), (1.0,), (600.0,)], 1e-13),
    "k1": ([(1e-09,), (1.0,), (600.0,)], 1e-13),
    "j0": ([(1e-05,), (3.0,), (-30.0,), (1000.0,)], 1e-11),
    "j1": ([(1e-05,), (3.0,), (-30.0,), (1000.0,)], 1e-11),
    "y0": ([(1e-05,), (3.0,), (1000.0,)], 1e-11),
    "y1": ([(1e-05,), (3.0,), (1000.0,)], 1e-11),
    "exp1": ([(1e-09,), (1.0,), (20.0,), (600.0,)], 1e-13),
    "expi": ([(-20.0,), (-0.1,), (1e-09,), (5.0,), (600.0,)], 1e-12),
    "expn": ([(0, 0.5), (1, 1.0), (2, 1e-09), (5, 0.3), (50, 2.0), (3, 300.0)], 1e-12),
    "spence": ([(1e-09,), (0.5,), (1.5,), (100.0,)], 1e-12),
    "logit": ([(1e-300,), (0.3,), (0.5000001,), (0.49,), (0.999999999,)], 1e-15),
    "hyp1f1": ([(0.5, 1.5, -20.0), (2.0, 3.0, 30.0), (-3.0, 2.5, 4.0), (1.0, 2.0, 1e-09)], 1e-11),
    "hyp2f1": ([(0.5, 1.5, 2.5, 0.9), (1.0, 2.0, 3.0, -4.0), (-3.0, 2.0, 4.0, 0.8)], 1e-11),
    "owens_t": ([(0.5, 0.5), (-3.0, 2.0), (1.0, -5.0)], 1e-12),
    "poch": ([(3.0, 4.0), (0.5, -0.25), (100.0, 1.5)], 1e-12),
}  # fmt: skip


@pytest.mark.parametrize("name", REFERENCES)
def test_values(name):
    points, allowed = POINTS[name]
    for xs in points:
        with mpmath.workdps(40):
            want = float(REFERENCES[name](*[mpmath.mpf(x) for x in xs]).real)
        found = float(getattr(special, name)(*map(_strong, xs)))
        assert found == pytest.approx(want, rel=allowed, abs=0.0), (name, xs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", REFERENCES)
def test_few_digits_are_float64_rounded_once(name, dtype):
    points, _ = POINTS[name]
    for xs in points:
        few = [fnp.asarray(_strong(x)).astype(dtype) if isinstance(x, float) else x for x in xs]
        many = [x.astype("float64") if isinstance(x, fl.Array) else x for x in few]
        found, want = getattr(special, name)(*few), getattr(special, name)(*many).astype(dtype)
        assert found.dtype.name == dtype
        # What records are put together rounds between them.
        spread = 4 if name == "logit" else 0
        close = np.asarray(abs(found.astype("float32") - want.astype("float32")))
        near = spread * float(fnp.finfo(found.dtype).eps) * abs(float(want))
        assert bool(close <= near) or np.array_equal(found, want, equal_nan=True), (name, xs)


# ----------------------------------------------------------------------------------- derivatives
def _differences(name, xs, i):
    """The derivative by the i-th argument, by mpmath in many digits."""
    with mpmath.workdps(60):
        orders = tuple(int(k == i) for k in range(len(xs)))
        points = tuple(mpmath.mpf(x) for x in xs)
        return float(mpmath.diff(REFERENCES[name], points, orders, h=mpmath.mpf(10) ** -18).real)


SLOPES = {
    "gammaln": [(0.01,), (3.5,), (-1.5,), (1e5,)],
    "digamma": [(0.01,), (3.5,), (-1.5,), (1e5,)],
    "polygamma": [(1, 0.3), (2, 5.0), (1, -2.3)],
    "zeta": [(1.01, 1.0), (2.0, 0.1), (5.0, 30.0), (60.0, 3.0)],
    "gammainc": [(0.01, 0.5), (0.5, 1e-3), (3.0, 3.0), (30.0, 50.0), (1e3, 990.0)],
    "gammaincc": [(0.01, 0.5), (3.0, 20.0), (100.0, 150.0)],
    "betainc": [(0.1, 0.5, 0.3), (3.0, 2.0, 0.9), (50.0, 60.0, 0.4)],
    "erfcx": [(-3.0,), (1.0,), (20.0,), (29.0,), (31.0,), (1e4,)],
    "log_ndtr": [(-100.0,), (-1.0,), (3.0,), (20.0,)],
    "dawsn": [(0.0,), (0.9,), (29.0,), (31.0,), (1e4,)],
    "i1": [(0.0,), (3.0,), (-2.0,)],
    "i1e": [(0.5,), (-2.0,), (50.0,)],
    "i0e": [(0.5,), (-2.0,), (50.0,)],
    "j1": [(0.0,), (3.0,), (-20.0,)],
    "k1": [(0.1,), (5.0,)],
    "expn": [(0, 0.5), (1, 2.0), (3, 0.7)],
    "spence": [(0.5,), (3.0,)],
    "hyp1f1": [(0.5, 1.5, -10.0), (2.0, 3.0, 10.0), (-2.0, 2.5, 1.0)],
    "hyp2f1": [(0.5, 1.5, 2.5, 0.7), (1.0, 2.0, 3.5, -4.0), (-2.0, 0.5, 1.5, 0.3)],
    "owens_t": [(0.5, 0.5), (-3.0, 2.0)],
    "poch": [(3.0, 4.0), (0.5, 0.25)],
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_derivatives_of_both_modes(name):
    function = getattr(special, name)
    for xs in SLOPES[name]:
        arrays = [fnp.asarray(np.asarray(x)) if isinstance(x, float) else x for x in xs]
        for i, x in enumerate(xs):
            if not isinstance(x, float):
                continue

            def of_one(v, i=i, arrays=arrays):
                return function(*arrays[:i], v, *arrays[i + 1 :])

            want = pytest.approx(_differences(name, xs, i), rel=2e-10, abs=1e-300)
            assert float(fl.grad(of_one)(arrays[i])) == want, (name, xs, i)
            assert float(fl.jvp(of_one, (arrays[i],), (fnp.ones_like(arrays[i]),))[1]) == want
            assert float(fl.jit(fl.grad(of_one))(arrays[i])) == want


def test_second_derivatives_at_removable_places():
    x = fnp.asarray(np.asarray(0.0))
    second = {"i1": 0.0, "j1": 0.0, "dawsn": 0.0, "i0": 0.5, "j0": -0.5}
    for name, want in second.items():
        assert float(fl.grad(fl.grad(getattr(special, name)))(x)) == pytest.approx(want), name
    one = fnp.asarray(np.asarray(1.0))
    assert float(fl.grad(special.spence)(one)) == -1.0
    assert float(fl.grad(fl.grad(special.spence))(one)) == pytest.approx(0.5)
    third = fl.grad(fl.grad(fl.grad(special.i1)))
    assert float(third(x)) == pytest.approx(3 / 8)


HIGHER = {
    "i1": (special.i1, lambda x: mpmath.besseli(1, x)),
    "j1": (special.j1, lambda x: mpmath.besselj(1, x)),
    "sici": (lambda x: special.sici(x)[0], mpmath.si),
    "spence": (lambda x: special.spence(1.0 + x), lambda x: mpmath.polylog(2, -x)),
    "boxcox": (
        lambda x: special.boxcox(np.asarray(3.0), x),
        lambda x: sum(mpmath.log(3) ** (k + 1) * x**k / mpmath.factorial(k + 1) for k in range(60)),
    ),
}


@pytest.mark.parametrize("name", HIGHER)
def test_higher_derivatives_beside_removable_places(name):
    """Quotients whose denominator vanishes: at 0, near it, and on both sides of the series' end."""
    derivative, reference = HIGHER[name]
    for order in range(1, 6):
        derivative = fl.grad(derivative)
        for x in (0.0, 1e-8, -1e-5, 1e-3, 0.06, -0.07, 0.45, 0.47, 0.95, 1.05):
            with mpmath.workdps(60):
                slope = mpmath.taylor(reference, mpmath.mpf(x + 1e-30), order)[-1]
                want = float((slope * math.factorial(order)).real)
            found = float(derivative(fnp.asarray(np.asarray(x))))
            assert found == pytest.approx(want, rel=1e-7, abs=1e-12), (order, x)


def test_derivatives_where_a_factor_wins():
    zero, two = fnp.asarray(np.asarray(0.0)), fnp.asarray(np.asarray(2.0))
    assert float(fl.grad(special.xlogy)(zero, two)) == math.log(2.0)
    assert float(fl.grad(special.xlogy, 1)(zero, two)) == 0.0
    assert float(fl.grad(special.xlog1py)(zero, two)) == pytest.approx(math.log(3.0))
    assert float(fl.grad(special.entr)(zero)) == INF
    assert float(fl.grad(special.boxcox, 1)(two, zero)) == pytest.approx(math.log(2.0) ** 2 / 2)
    assert float(fl.grad(special.logit)(fnp.asarray(np.asarray(0.5)))) == pytest.approx(4.0)


def test_density_ends():
    one, zero = fnp.asarray(np.asarray(1.0)), fnp.asarray(np.asarray(0.0))
    assert float(fl.grad(special.gammainc, 1)(one, zero)) == 1.0
    assert float(fl.grad(special.gammainc)(one, zero)) == 0.0
    assert float(fl.grad(special.betainc, 2)(one, one, zero)) == 1.0
    assert float(fl.grad(special.betainc, 2)(one, one, one)) == 1.0


@pytest.mark.parametrize("name", ["gammaln", "gammainc", "betainc", "zeta", "hyp1f1", "xlogy"])
def test_empty_scalar_and_mapped(name):
    function = getattr(special, name)
    count = {"gammaln": 1, "betainc": 3, "hyp1f1": 3}.get(name, 2)
    empty = [fnp.zeros((0, 3)) for _ in range(count)]
    assert function(*empty).shape == (0, 3)
    assert fl.grad(lambda *xs: function(*xs).sum(), tuple(range(count)))(*empty)[0].shape == (0, 3)
    rows = [fnp.linspace(0.2 + i, 0.8 + i, 5) for i in range(count)]
    if name == "betainc":
        rows[2] = rows[2] - 2.0
    mapped = fl.vmap(fl.grad(function))(*rows)
    want = fnp.stack([fl.grad(function)(*[r[k] for r in rows]) for k in range(5)])
    np.testing.assert_allclose(mapped, want, rtol=1e-6)


def test_compiled_programs_name_what_scipy_computes():
    f = fl.jit(lambda x: fnp.exp(special.gammaln(fnp.sin(x) + 2.0)) * 2.0)
    x = fnp.linspace(0.0, 1.0, 7)
    np.testing.assert_allclose(f(x), fnp.exp(special.gammaln(fnp.sin(x) + 2.0)) * 2.0, rtol=1e-6)
    assert "Python runs: lgamma" in str(f.cache_info())


def test_wrong_arguments():
    with pytest.raises(fl.errors.DtypeError, match="gammaln: x must be real, got complex64"):
        special.gammaln(1j)
    with pytest.raises(TypeError, match="zeta: expected 2 arguments, s, q; got 1"):
        special.zeta(2.0)
    with pytest.raises(NotImplementedError, match="math.factorial"):
        special.factorial(3, exact=True)
    with pytest.raises(ValueError, match="series_order must be from 0 to 30"):
        special.log_ndtr(1.0, 31)
    with pytest.raises(ValueError, match="bernoulli: n must be a non-negative integer"):
        special.bernoulli(-1)
    with pytest.raises(ValueError, match="bessel_jn: v must be a non-negative integer"):
        special.bessel_jn(1.0, v=-1)
    with pytest.raises(NotImplementedError, match="diff_n is SciPy's way to derivatives"):
        special.sph_harm_y(fnp.array([1]), fnp.array([0]), fnp.array([1.0]), 0.0, diff_n=1)

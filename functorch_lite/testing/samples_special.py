"""Operands, references and wrong calls for the special functions.

References are their integrals or series, added up in long double.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import float32, float64, int8, int32, int64, uint8
from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.oracles import narrow, widen
from functorch_lite.testing.samples_elementwise import draw

__all__ = ["ERRORS", "REFERENCES", "SAMPLES"]

_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3, 4),), ((),), ((2, 1, 3),), ((0, 3),)],
    2: [((3, 4), (3, 4)), ((2, 1), (1, 3)), ((), (3,)), ((2, 3), ()), ((), ()), ((0, 3), (3,))],
    3: [((2, 3), (2, 3), (2, 3)), ((), (2, 1), (3,)), ((), (), ()), ((2, 1), (0,), (1,))],
    4: [((4,), (4,), (4,), (4,)), ((2, 1), (), (3,), (3,)), ((), (), (), ()), ((), (), (0,), (0,))],
}  # fmt: skip
_PARAMS: dict[str, list[dict[str, Any]]] = {
    "igamma_grad_a": [{"order": 1}, {"order": 2}],
    "betainc_grad": [{"orders": (1, 0)}, {"orders": (0, 1)}, {"orders": (1, 1)}],
}
_ORDERS = (int32, int64, uint8, int8)


def _samples_of(name: str) -> Callable[..., list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]]:
    def samples(
        dtype: np.dtype[Any], rng: np.random.Generator
    ) -> list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]:
        op = REGISTRY[name]
        domain, found = op.info["domain"], []
        for params in _PARAMS.get(name, [{}]):
            for number, shapes in enumerate(_SHAPES[len(op.operands)]):
                args = []
                for i, shape in enumerate(shapes):
                    span = domain[i] if isinstance(domain[0], tuple) else domain
                    if i in op.info["shared"]:
                        args.append(draw(rng, shape, dtype, span))
                    else:
                        order = _ORDERS[number % len(_ORDERS)]
                        args.append(rng.integers(int(span[0]), int(span[1]), shape).astype(order))
                found.append((tuple(args), params))
        return found

    return samples


# ----------------------------------------------------------------------------------------- tools
_AT, _OVER = (v.astype(np.longdouble) for v in np.polynomial.legendre.leggauss(80))


def _integral(f: Callable[[Any], Any], lo: Any, hi: Any, pieces: int = 8) -> Any:
    """Gauss and Legendre's rule on some pieces of [lo, hi], which may be arrays."""
    total = np.longdouble(0)
    for k in range(pieces):
        a, b = lo + (hi - lo) * k / pieces, lo + (hi - lo) * (k + 1) / pieces
        for at, over in zip(_AT, _OVER, strict=True):
            total = total + over * (b - a) / 2 * f((a + b) / 2 + (b - a) / 2 * at)
    return total


def _from_zero(f: Callable[[Any], Any], hi: Any) -> Any:
    """The integral of f over [0, hi], f falling like a power at 0."""
    return _integral(lambda v: f(hi * v**12) * 12 * hi * v**11, np.longdouble(0), np.longdouble(1))


def _power_series(ratio: Callable[[int], Any], terms: int = 250) -> Any:
    """1 + r(0) + r(0) r(1) + ..."""
    term = total = np.longdouble(1)
    for k in range(terms):
        term = term * ratio(k)
        total = total + term
    return total


def _each(fn: Callable[[float], float]) -> Callable[[Any], Any]:
    return np.vectorize(lambda v: fn(float(v)), otypes=[float])


# ----------------------------------------------------------------------------------------- gamma
def _zeta(s: Any, q: Any) -> Any:
    n = 60
    head = sum(((q + k) ** -s for k in range(n)), np.longdouble(0))
    z = q + n
    tail = z ** (1 - s) / (s - 1) + z**-s / 2 + s * z ** (-s - 1) / 12
    return head + tail - s * (s + 1) * (s + 2) * z ** (-s - 3) / 720


def _digamma(x: Any) -> Any:
    shifted = sum((1 / (x + k) for k in range(60)), np.longdouble(0))
    z = x + 60
    return np.log(z) - 1 / (2 * z) - 1 / (12 * z**2) + 1 / (120 * z**4) - shifted


def _polygamma(n: Any, x: Any) -> Any:
    n = np.asarray(n, np.longdouble)
    order = np.where(n == 0, 1, n)
    factorial = _gamma(order + 1)
    positive = factorial * _zeta(order + 1, x)
    return np.where(n == 0, _digamma(x), np.where(order % 2 == 1, positive, -positive))


def _gamma_moment(a: Any, x: Any, power: int) -> Any:
    """The integral over [0, x] of the gamma density times log(t)**power."""
    weight = _gamma(a)
    return _from_zero(lambda t: t ** (a - 1) * np.exp(-t) * np.log(t) ** power, x) / weight


def _igamma_grad_a(a: Any, x: Any, *, order: int) -> Any:
    psi = _digamma(a)
    none, first = _gamma_moment(a, x, 0), _gamma_moment(a, x, 1)
    if order == 1:
        return first - psi * none
    return _gamma_moment(a, x, 2) - 2 * psi * first + (psi**2 - _zeta(np.longdouble(2), a)) * none


def _beta_moment(a: Any, b: Any, x: Any, m: int, n: int) -> Any:
    weight = _gamma(a) * _gamma(b) / _gamma(a + b)

    def density(t: Any) -> Any:
        logs = np.log(t) ** m * np.log1p(-t) ** n
        return t ** (a - 1) * (1 - t) ** (b - 1) * logs

    return _from_zero(density, x) / weight


def _betainc_grad(a: Any, b: Any, x: Any, *, orders: tuple[int, int]) -> Any:
    by_a, by_b = _digamma(a) - _digamma(a + b), _digamma(b) - _digamma(a + b)
    whole = _beta_moment(a, b, x, 0, 0)
    first = _beta_moment(a, b, x, 1, 0) - by_a * whole
    second = _beta_moment(a, b, x, 0, 1) - by_b * whole
    if orders != (1, 1):
        return first if orders == (1, 0) else second
    mixed = _beta_moment(a, b, x, 1, 1) - by_a * second - by_b * _beta_moment(a, b, x, 1, 0)
    return mixed + _zeta(np.longdouble(2), a + b) * whole


# ---------------------------------------------------------------------------------------- Bessel
_PI = np.longdouble(math.pi) + np.longdouble(1.2246467991473532e-16)


def _over_half_turn(f: Callable[[Any], Any]) -> Any:
    return _integral(f, np.longdouble(0), _PI, 2) / _PI


def _scaled_i(n: int, x: Any) -> Any:
    return _over_half_turn(lambda u: np.exp(x * np.cos(u) - np.abs(x)) * np.cos(n * u))


def _scaled_k(n: int, x: Any) -> Any:
    end = np.longdouble(6)
    return _integral(lambda t: np.exp(x - x * np.cosh(t)) * np.cosh(n * t), np.longdouble(0), end)


def _bessel_j(n: int, x: Any) -> Any:
    return _over_half_turn(lambda u: np.cos(n * u - x * np.sin(u)))


def _bessel_y(n: int, x: Any) -> Any:
    def falling(t: Any) -> Any:
        return (np.exp(n * t) + (-1) ** n * np.exp(-n * t)) * np.exp(-x * np.sinh(t))

    turning = _over_half_turn(lambda u: np.sin(x * np.sin(u) - n * u))
    return turning - _integral(falling, np.longdouble(0), np.longdouble(6.5)) / _PI


_AI_0, _AI_1 = 0.355028053887817239260, 0.258819403792806798405


def _airy(x: Any) -> Any:
    f = _power_series(lambda k: x**3 / ((3 * k + 2) * (3 * k + 3)), 60)
    g = _power_series(lambda k: x**3 / ((3 * k + 3) * (3 * k + 4)), 60)
    return _AI_0 * f - _AI_1 * x * g


def _airy_prime(x: Any) -> Any:
    f = _power_series(lambda k: x**3 / ((3 * k + 3) * (3 * k + 5)), 60)
    g = _power_series(lambda k: x**3 / ((3 * k + 1) * (3 * k + 3)), 60)
    return _AI_0 * x**2 / 2 * f - _AI_1 * g


# ------------------------------------------------------------------------------------- integrals
_erfc, _gamma = _each(math.erfc), _each(math.gamma)
_ROOT_2 = np.sqrt(np.longdouble(2))
_EULER = np.longdouble(0.57721566490153286061)


def _ei_sum(x: Any) -> Any:
    """The sum of x**k / (k k!) over k >= 1."""
    return x * _power_series(lambda k: x * (k + 1) / (k + 2) ** 2, 60)


def _from_origin(f: Callable[[Any], Any], x: Any) -> Any:
    return _integral(f, np.longdouble(0) * x, x, 2)


def _sinc(t: Any) -> Any:
    return np.sin(t) / t


def _owens_t(h: Any, a: Any) -> Any:
    return _from_origin(lambda u: np.exp(-(h**2) * (1 + u**2) / 2) / (1 + u**2), a) / (2 * _PI)


def _expn(n: Any, x: Any) -> Any:
    n = np.asarray(n, np.longdouble)
    return _integral(lambda v: np.exp(-x / v) * v ** (n - 2), np.longdouble(0), np.longdouble(1))


def _spence(x: Any) -> Any:
    total = np.longdouble(0)
    for k in range(300, 0, -1):
        total = total + (1 - x) ** k / np.longdouble(k) ** 2
    return total


def _wofz(z: Any) -> Any:
    along = _integral(lambda u: z * np.exp((z * u) ** 2), np.longdouble(0), np.longdouble(1))
    return np.exp(-z * z) * (1 + 2j / np.sqrt(_PI) * along)


_WIDE: dict[str, Callable[..., Any]] = {
    "lgamma": _each(math.lgamma),
    "gamma": _gamma,
    "digamma": _digamma,
    "polygamma": _polygamma,
    "zeta": _zeta,
    "igamma": lambda a, x: _gamma_moment(a, x, 0),
    "igammac": lambda a, x: 1 - _gamma_moment(a, x, 0),
    "igamma_grad_a": _igamma_grad_a,
    "betainc": lambda a, b, x: _beta_moment(a, b, x, 0, 0),
    "betainc_grad": _betainc_grad,
    "i0": lambda x: np.exp(np.abs(x)) * _scaled_i(0, x),
    "i1": lambda x: np.exp(np.abs(x)) * _scaled_i(1, x),
    "bessel_i0e": lambda x: _scaled_i(0, x),
    "bessel_i1e": lambda x: _scaled_i(1, x),
    "k0": lambda x: np.exp(-x) * _scaled_k(0, x),
    "k1": lambda x: np.exp(-x) * _scaled_k(1, x),
    "k0e": lambda x: _scaled_k(0, x),
    "k1e": lambda x: _scaled_k(1, x),
    "bessel_j0": lambda x: _bessel_j(0, x),
    "bessel_j1": lambda x: _bessel_j(1, x),
    "bessel_y0": lambda x: _bessel_y(0, x),
    "bessel_y1": lambda x: _bessel_y(1, x),
    "airy_ai": _airy,
    "airy_ai_prime": _airy_prime,
    "erfcx": lambda x: np.exp(x * x) * _erfc(x),
    "log_ndtr": lambda x: np.log(_erfc(-x / _ROOT_2) / 2),
    "ndtri": _each(NormalDist().inv_cdf),
    "owens_t": _owens_t,
    "dawsn": lambda x: np.exp(-x * x) * _from_origin(lambda t: np.exp(t * t), x),
    "exp1": lambda x: -_EULER - np.log(x) - _ei_sum(-x),
    "expi": lambda x: _EULER + np.log(x) + _ei_sum(x),
    "expn": _expn,
    "sine_integral": lambda x: _from_origin(_sinc, x),
    "cosine_integral": lambda x: (
        _EULER + np.log(x) + _from_origin(lambda t: (np.cos(t) - 1) / t, x)
    ),
    "fresnel_s": lambda x: _from_origin(lambda t: np.sin(_PI * t * t / 2), x),
    "fresnel_c": lambda x: _from_origin(lambda t: np.cos(_PI * t * t / 2), x),
    "spence": _spence,
    "hyp1f1": lambda a, b, x: _power_series(lambda k: (a + k) / (b + k) * x / (k + 1)),
    "hyp2f1": lambda a, b, c, x: _power_series(lambda k: (a + k) * (b + k) / (c + k) * x / (k + 1)),
    "wofz": _wofz,
    "xlogy": lambda x, y: x * np.log(y),
    "xlog1py": lambda x, y: x * np.log1p(y),
    "entr": lambda x: -x * np.log(x),
    "beta": lambda x, y: _gamma(x) * _gamma(y) / _gamma(x + y),
    "betaln": lambda x, y: np.log(_gamma(x) * _gamma(y) / _gamma(x + y)),
    "poch": lambda x, y: _gamma(x + y) / _gamma(x),
    "binom": lambda x, y: _gamma(x + 1) / _gamma(y + 1) / _gamma(x - y + 1),
}


def _reference(fn: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def reference(*arrays: np.ndarray, **params: Any) -> np.ndarray:
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
        if 0 in shape:
            return np.zeros(shape, arrays[-1].dtype)
        with np.errstate(all="ignore"):
            found = narrow(fn(*map(widen, arrays), **params), arrays[-1].dtype)
        return np.broadcast_to(found, shape)

    return reference


REFERENCES: dict[str, Callable[..., Any]] = {name: _reference(f) for name, f in _WIDE.items()}
SAMPLES = {name: _samples_of(name) for name in REFERENCES}


# ----------------------------------------------------------------------------------- wrong calls
def _wrong_calls(name: str) -> list[tuple[tuple[Aval, ...], dict[str, Any], type, str]]:
    op = REGISTRY[name]
    shared, n = op.info["shared"], len(op.operands)
    params = _PARAMS.get(name, [{}])[0]

    def avals(dtype: Any, shapes: Any = None) -> tuple[Aval, ...]:
        shapes = shapes or [(2, 3)] * n
        return tuple(Aval(s, dtype if i in shared else int32) for i, s in enumerate(shapes))

    good = float32 if "f" in op.info["kinds"] else np.dtype(np.complex64)
    found: list[Any] = [(avals(int32), params, DtypeError, f"{name}: takes")]
    if n > 1:
        clash = [*[(2, 3)] * (n - 1), (2, 4)]
        found.append((avals(good, clash), params, ShapeError, "shapes do not broadcast"))
    if len(shared) > 1:
        mixed = avals(good)[:-1] + (Aval((2, 3), float64),)
        found.append((mixed, params, DtypeError, f"{name}: operands must have one dtype"))
    if len(shared) < n:
        order = (Aval((2, 3), good), *avals(good)[1:])
        found.append((order, params, DtypeError, f"{name}: takes"))
    return found


ERRORS = {name: _wrong_calls(name) for name in REFERENCES}

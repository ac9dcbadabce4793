"""Special functions that are one record each, with promotion: gamma, Bessel, error functions ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int32, is_inexact
from functorch_lite.errors import DtypeError
from functorch_lite.numpy.convert import as_array, cast, const, promote_inexact, to_inexact

__all__ = [
    "betainc", "betaln", "binom", "dawsn", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv",
    "exp1", "expi", "expit", "expn", "gamma", "gammainc", "gammaincc", "gammaln", "hyp1f1",
    "hyp2f1", "i0", "i0e", "i1", "i1e", "j0", "j1", "k0", "k0e", "k1", "k1e", "log_ndtr", "ndtri",
    "owens_t", "poch", "polygamma", "real_inexact", "real_pair", "spence", "xlog1py", "xlogy", "y0",
    "y1", "zeta",
]  # fmt: skip

Function = Callable[..., Array]


def real_inexact(x: Any, fun: str, arg: str = "x") -> Array:
    """``x`` as real floats; integers and bools become float32.

    Raises:
        DtypeError: complex numbers.
    """
    x = to_inexact(x, fun, arg)
    _refuse_complex(x, fun, arg)
    return x


def real_pair(*args: Any, fun: str, names: Sequence[str]) -> list[Array]:
    """Arguments as real floats of one dtype.

    Raises:
        DtypeError: complex numbers.
    """
    arrays: list[Array] = promote_inexact(*args, fun=fun, names=names)
    _refuse_complex(arrays[0], fun, " and ".join(names))
    return arrays


def _refuse_complex(x: Array, fun: str, arg: str) -> None:
    if x.dtype.kind == "c":
        raise DtypeError(
            f"{fun}: {arg} must be real, got {x.dtype.name}. Remedy: pass real and imaginary part "
            "apart, as x.real and x.imag."
        )


def _function(op: Any, line: str, call: str, answer: str, source: str = "") -> Function:
    name = call.split("(")[0]
    names = "".join(op.operands)
    count = len(names)

    def unary(x: Any) -> Array:
        found: Array = op(real_inexact(x, name))
        return found

    def several(*args: Any) -> Array:
        if len(args) != count:
            raise TypeError(
                f"{name}: expected {count} arguments, {', '.join(names)}; got {len(args)}."
            )
        found: Array = op(*real_pair(*args, fun=name, names=names))
        return found

    fn: Function = unary if count == 1 else several
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{line}\n\n"
        f"    Args:\n"
        f"        {', '.join(names)}: real arrays or numbers"
        f"{'' if count == 1 else ' of shapes that broadcast'}; integers are taken as float32.\n\n"
        f"    Returns:\n"
        f"        array of the {'same' if count == 1 else 'joined'} dtype.\n\n"
        f"    >>> {call}\n"
        f"    {answer}\n\n"
        f"    Source: ``{source or 'jax.scipy.special'}.{name}``.\n"
    )
    return fn


_F = "Array({}, dtype=float32)".format
_SCIPY = "scipy.special"
gammaln = _function(ops.lgamma, "log(|Gamma(x)|).", "gammaln(3.0)", _F("0.6931472"))
gamma = _function(
    ops.gamma, "The gamma function; NaN at negative whole numbers.", "gamma(5)", _F("24.")
)
digamma = _function(
    ops.digamma, "The derivative of gammaln.", "digamma(1.0)", _F("-0.5772157")
)  # fmt: skip
betaln = _function(ops.betaln, "log(|beta(x, y)|).", "betaln(1.0, 1.0)", _F("0."))
binom = _function(
    ops.binom, "The binomial coefficient of real x over y.", "binom(4.0, 2.0)", _F("6."), _SCIPY
)
poch = _function(ops.poch, "Gamma(x + y) / Gamma(x).", "poch(2.0, 3.0)", _F("24."))
gammainc = _function(
    ops.igamma,
    "The share of the gamma law of shape a that lies below x; derivatives by both.",
    "gammainc(1.0, 0.0)",
    _F("0."),
)
gammaincc = _function(
    ops.igammac, "1 - gammainc(a, x), exact where that is small.", "gammaincc(1.0, 0.0)", _F("1.")
)
betainc = _function(
    ops.betainc,
    "The share of the beta law of shapes a and b below x; derivatives by all three.",
    "betainc(1.0, 1.0, 0.25)",
    _F("0.25"),
)
zeta = _function(
    ops.zeta, "Hurwitz's zeta function, the sum of (q + k)**-s over k >= 0.",
    "zeta(2.0, 1.0)", _F("1.644934"),
)  # fmt: skip
erf = _function(ops.erf, "The error function.", "erf(0.0)", _F("0."))
erfc = _function(ops.erfc, "1 - erf(x), exact where that is small.", "erfc(0.0)", _F("1."))
erfcx = _function(ops.erfcx, "exp(x**2) erfc(x).", "erfcx(0.0)", _F("1."))
erfinv = _function(ops.erfinv, "The inverse of erf.", "erfinv(0.0)", _F("0."))
dawsn = _function(
    ops.dawsn, "exp(-x**2) times the integral of exp(t**2) from 0 to x.", "dawsn(0.0)", _F("0.")
)
ndtri = _function(
    ops.ndtri, "The inverse of the normal law's distribution function.", "ndtri(0.5)", _F("0.")
)
expit = _function(ops.logistic, "1 / (1 + exp(-x)).", "expit(0.0)", _F("0.5"))
exp1 = _function(
    ops.exp1, "The integral of exp(-t) / t from x on.", "exp1(1.0)", _F("0.21938394")
)  # fmt: skip
expi = _function(
    ops.expi, "The principal value of the integral of exp(t) / t up to x.",
    "expi(1.0)", _F("1.8951178"),
)  # fmt: skip
spence = _function(
    ops.spence, "The integral of log(t) / (1 - t) from 1 to x.", "spence(1.0)", _F("0.")
)
owens_t = _function(
    ops.owens_t, "Owen's T, a share of the plane's normal law.", "owens_t(0.0, 0.0)", _F("0.")
)
entr = _function(
    ops.entr, "-x log(x); 0 at 0, -inf for negative x.", "entr(0.0)", _F("0.")
)  # fmt: skip
xlogy = _function(ops.xlogy, "x log(y), and 0 where x is 0.", "xlogy(0.0, 0.0)", _F("0."))
xlog1py = _function(
    ops.xlog1py, "x log(1 + y), and 0 where x is 0.", "xlog1py(0.0, -1.0)", _F("0.")
)
i0 = _function(ops.i0, "Modified Bessel function of order 0.", "i0(0.0)", _F("1."))
i0e = _function(ops.bessel_i0e, "exp(-|x|) i0(x).", "i0e(0.0)", _F("1."))
i1 = _function(ops.i1, "Modified Bessel function of order 1.", "i1(0.0)", _F("0."))
i1e = _function(ops.bessel_i1e, "exp(-|x|) i1(x).", "i1e(0.0)", _F("0."))
k0 = _function(
    ops.k0, "Modified Bessel function of the second kind, order 0.", "k0(1.0)", _F("0.42102444"),
    _SCIPY,
)  # fmt: skip
k0e = _function(ops.k0e, "exp(x) k0(x).", "k0e(1.0)", _F("1.1444631"), _SCIPY)
k1 = _function(
    ops.k1, "Modified Bessel function of the second kind, order 1.", "k1(1.0)", _F("0.60190725"),
    _SCIPY,
)  # fmt: skip
k1e = _function(ops.k1e, "exp(x) k1(x).", "k1e(1.0)", _F("1.6361535"), _SCIPY)
j0 = _function(ops.bessel_j0, "Bessel function of order 0.", "j0(0.0)", _F("1."), _SCIPY)
j1 = _function(ops.bessel_j1, "Bessel function of order 1.", "j1(0.0)", _F("0."), _SCIPY)
y0 = _function(
    ops.bessel_y0, "Bessel function of the second kind, order 0.", "y0(1.0)", _F("0.08825696"),
    _SCIPY,
)  # fmt: skip
y1 = _function(
    ops.bessel_y1, "Bessel function of the second kind, order 1.", "y1(1.0)", _F("-0.7812128"),
    _SCIPY,
)  # fmt: skip
hyp1f1 = _function(
    ops.hyp1f1,
    "Kummer's confluent hypergeometric function, for arguments up to 1e5.",
    "hyp1f1(1.0, 1.0, 0.0)",
    _F("1."),
)
hyp2f1 = _function(
    ops.hyp2f1, "Gauss' hypergeometric function.", "hyp2f1(1.0, 1.0, 1.0, 0.0)", _F("1.")
)


# ------------------------------------------------------------------- where an argument is special
def _with_order(op: Any, n: Any, x: Any, fun: str) -> Array:
    """``op`` of a whole order, which may be held in floats; NaN for any other."""
    n, x = as_array(n, fun, "n"), real_inexact(x, fun)
    _refuse_complex(n, fun, "n")
    if not is_inexact(n.dtype):
        return op(cast(n, int32), x)
    whole = ops.eq(n, ops.round(n))
    found: Array = op(cast(ops.select(whole, n, const(0, n.dtype)), int32), x)
    return ops.select(whole, found, const(float("nan"), x.dtype))


def polygamma(n: Any, x: Any) -> Array:
    """The derivative of order n of digamma.

    Args:
        n: whole numbers, not negative, as integers or floats; anything else gives NaN.
        x: real array or number, of a shape that broadcasts with ``n``.

    Returns:
        array of ``x``'s dtype; only ``x`` has a derivative.

    >>> polygamma(1, 1.0)
    Array(1.644934, dtype=float32)

    Source: ``jax.scipy.special.polygamma``.
    """
    return _with_order(ops.polygamma, n, x, "polygamma")


def expn(n: Any, x: Any) -> Array:
    """The integral of exp(-x t) / t**n from 1 on.

    Args:
        n: whole numbers, not negative, as integers or floats; anything else gives NaN.
        x: real array or number, of a shape that broadcasts with ``n``.

    Returns:
        array of ``x``'s dtype; only ``x`` has a derivative.

    >>> expn(2, 0.0)
    Array(1., dtype=float32)

    Source: ``jax.scipy.special.expn``.
    """
    n = as_array(n, "expn", "n")
    found = _with_order(ops.expn, n, x, "expn")
    return ops.select(ops.ge(n, const(0, n.dtype)), found, const(float("nan"), found.dtype))


def log_ndtr(x: Any, series_order: int = 3) -> Array:
    """The logarithm of the normal law's distribution function.

    Args:
        x: real array or number.
        series_order: taken for JAX's sake, whose asymptotic series has so many terms; the value
            here is exact to the dtype.

    Returns:
        array of the same dtype.

    Raises:
        TypeError: ``series_order`` is not an int.
        ValueError: it is negative or above 30.

    >>> log_ndtr(0.0)
    Array(-0.6931472, dtype=float32)

    Source: ``jax.scipy.special.log_ndtr``.
    """
    if not isinstance(series_order, int):
        raise TypeError(f"log_ndtr: series_order must be a Python int, got {series_order!r}.")
    if not 0 <= series_order <= 30:
        raise ValueError(f"log_ndtr: series_order must be from 0 to 30, got {series_order}.")
    found: Array = ops.log_ndtr(real_inexact(x, "log_ndtr"))
    return found

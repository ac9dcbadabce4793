"""What the distributions share: arguments, location and scale, supports, and the derived functions.

A distribution states its standard form: the logarithm of its density and, where it has them, its
distribution function and their kin, each on arrays of one dtype.  Everything else follows here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import is_half
from functorch_lite.numpy.convert import asarray
from functorch_lite.scipy.special_functions import real_pair

__all__ = ["Continuous", "Discrete", "real_floats"]

Standard = Callable[..., Any]
_DOCS = {
    "pdf": "The density at x.",
    "logpdf": "The logarithm of the density at x; -inf outside of the support.",
    "pmf": "The probability of k.",
    "logpmf": "The logarithm of the probability of k; -inf outside of the support.",
    "cdf": "The probability of values up to x.",
    "logcdf": "The logarithm of the probability of values up to x.",
    "sf": "The probability of values above x.",
    "logsf": "The logarithm of the probability of values above x.",
    "ppf": "The value up to which values have the probability q; NaN for q outside [0, 1].",
    "isf": "The value above which values have the probability q; NaN for q outside [0, 1].",
}


def real_floats(name: str, names: Sequence[str], values: Sequence[Any]) -> tuple[list[Array], Any]:
    """Arguments as real floats of one dtype, float32 for halves, and the dtype of the result.

    Raises:
        DtypeError: complex numbers.
    """
    given = [asarray(v) if isinstance(v, (list, tuple)) else v for v in values]
    arrays = real_pair(*given, fun=name, names=names)
    dtype = arrays[0].dtype
    return ([x.astype("float32") for x in arrays] if is_half(dtype) else arrays), dtype


class _Distribution:
    """Functions of one family; each takes the point, the shapes, then where and how wide it is."""

    tail: tuple[inspect.Parameter, ...] = ()

    def __init__(self, name: str, shapes: Sequence[str], doc: str) -> None:
        self.name, self.shapes = name, tuple(shapes)
        self.__name__ = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _publish(self, method: str, point: str, function: Callable[..., Any]) -> None:
        """Make a function of arrays (point, shapes, then the tail's) a method of that name."""
        label = f"stats.{self.name}.{method}"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        named = [inspect.Parameter(n, kind) for n in (point, *self.shapes)]
        signature = inspect.Signature([*named, *self.tail])
        names = tuple(signature.parameters)

        def call(*args: Any, **kwargs: Any) -> Array:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as problem:
                raise TypeError(f"{label}{signature}: {problem}.") from None
            bound.apply_defaults()
            arrays, dtype = real_floats(label, names, list(bound.arguments.values()))
            return fnp.asarray(function(*arrays)).astype(dtype)

        call.__name__ = method
        call.__qualname__ = f"{self.name}.{method}"
        call.__doc__ = (
            f"{_DOCS[method]}\n\n"
            f"Args:\n    {', '.join(names)}: real arrays or numbers of shapes that broadcast; "
            "integers are taken as float32.\n\n"
            "Returns:\n    array of the joined dtype.\n\n"
            "Raises:\n    DtypeError: complex numbers.\n\n"
            f"Source: ``scipy.stats.{self.name}.{method}``."
        )
        call.__signature__ = signature  # type: ignore[attr-defined]
        setattr(self, method, call)


def _default(name: str, value: int) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)


class Continuous(_Distribution):
    """A distribution with a density, with ``loc`` and ``scale``.

    Args:
        name: its name in SciPy.
        shapes: names of its shape parameters.
        doc: what it is.
        logpdf: logarithm of the standard density, ``logpdf(y, *shapes)``.
        support: ``support(*shapes) -> (low, high)``, None where all numbers are in it.
        inner: ``inner(*shapes)``, a point within the support, which stands for those outside.
        cdf, sf, logcdf, logsf: of the standard form; each follows from its kin if it is None, and
            is left out if they all are.
        ppf, isf: likewise.

    >>> ends = {"support": lambda: (0, 1), "inner": lambda: 0.5}
    >>> unit = Continuous("unit", (), "", lambda y: 0 * y, **ends)
    >>> unit.pdf(3.0, loc=2.0, scale=4.0)
    Array(0.25, dtype=float32)
    """

    tail = (_default("loc", 0), _default("scale", 1))

    def __init__(
        self, name: str, shapes: Sequence[str], doc: str, logpdf: Standard, *,
        support: Callable[..., tuple[Any, Any]] | None = None,
        inner: Callable[..., Any] | None = None,
        cdf: Standard | None = None, sf: Standard | None = None, logcdf: Standard | None = None,
        logsf: Standard | None = None, ppf: Standard | None = None, isf: Standard | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, shapes, doc)
        self._support, self._inner = support, inner

        def log_density(x: Array, *rest: Array) -> Array:
            *shape, loc, scale = rest
            y, below, above = self._placed(x, shape, loc, scale)
            found = logpdf(y, *shape) - fnp.log(scale)
            return found if below is None else fnp.where(below | above, -fnp.inf, found)

        self._publish("logpdf", "x", log_density)
        self._publish("pdf", "x", lambda *args: fnp.exp(log_density(*args)))
        upper = sf if sf is not None else cdf and (lambda *a: 1 - cdf(*a))
        for method, function, left, right in (
            ("cdf", cdf, 0.0, 1.0),
            ("sf", upper, 1.0, 0.0),
            ("logcdf", logcdf or (cdf and _log_of(cdf)), -fnp.inf, 0.0),
            ("logsf", logsf or (upper and _log_of(upper)), 0.0, -fnp.inf),
        ):
            if function is not None:
                self._publish(method, "x", self._with_ends(function, left, right))
        if ppf is not None:
            self._publish("ppf", "q", _quantile(ppf))
        if isf is not None:
            self._publish("isf", "q", _quantile(isf))

    def _placed(self, x: Array, shape: Sequence[Array], loc: Array, scale: Array) -> Any:
        """The standard point, moved inside the support, and whether it lay below or above."""
        y = (x - loc) / scale
        if self._support is None or self._inner is None:
            return y, None, None
        low, high = self._support(*shape)
        below, above = y < low, y > high
        return fnp.where(below | above, self._inner(*shape), y), below, above

    def _with_ends(self, function: Standard, left: float, right: float) -> Callable[..., Array]:
        def of(x: Array, *rest: Array) -> Array:
            *shape, loc, scale = rest
            y, below, above = self._placed(x, shape, loc, scale)
            found = function(y, *shape)
            return found if below is None else _ends(found, below, left, above, right)

        return of


def _ends(found: Array, below: Array, left: float, above: Array, right: float) -> Array:
    return fnp.where(below, left, fnp.where(above, right, found))


def _log_of(function: Standard) -> Standard:
    return lambda *args: fnp.log(function(*args))


def _quantile(function: Standard) -> Callable[..., Array]:
    def of(q: Array, *rest: Array) -> Array:
        *shape, loc, scale = rest
        inside = (q >= 0) & (q <= 1)
        found = function(fnp.where(inside, q, 0.5), *shape) * scale + loc
        return fnp.where(inside, found, fnp.nan)

    return of


class Discrete(_Distribution):
    """A distribution over whole numbers, with ``loc``.

    Args:
        name: its name in SciPy.
        shapes: names of its shape parameters.
        doc: what it is.
        logpmf: logarithm of the standard probability, ``logpmf(k, *shapes)``.
        support: ``support(*shapes) -> (low, high)``.
        cdf: probability of values up to a whole number of the support.
        ppf: the smallest whole number up to which values have a probability.

    >>> coin = Discrete("coin", (), "", lambda k: 0 * k - 0.6931472, support=lambda: (0, 1))
    >>> coin.pmf([0, 1, 2]).round(3)
    Array([0.5, 0.5, 0. ], dtype=float32)
    """

    tail = (_default("loc", 0),)

    def __init__(
        self, name: str, shapes: Sequence[str], doc: str, logpmf: Standard, *,
        support: Callable[..., tuple[Any, Any]], cdf: Standard | None = None,
        ppf: Standard | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, shapes, doc)

        def log_mass(k: Array, *rest: Array) -> Array:
            *shape, loc = rest
            y = k - loc
            low, high = support(*shape)
            outside = (y < low) | (y > high) | (fnp.isfinite(y) & (y != fnp.floor(y)))
            found = logpmf(fnp.where(outside, low, y), *shape)
            return fnp.where(outside, -fnp.inf, found)

        self._publish("logpmf", "k", log_mass)
        self._publish("pmf", "k", lambda *args: fnp.exp(log_mass(*args)))
        if cdf is not None:

            def probability(k: Array, *rest: Array) -> Array:
                *shape, loc = rest
                y = fnp.floor(k - loc)
                low, high = support(*shape)
                below, above = y < low, y >= high
                found = cdf(fnp.where(below | above, low, y), *shape)
                return _ends(found, below, 0.0, above, 1.0)

            self._publish("cdf", "k", probability)
        if ppf is not None:

            def quantile(q: Array, *rest: Array) -> Array:
                *shape, loc = rest
                inside = (q >= 0) & (q <= 1)
                return fnp.where(inside, ppf(q, *shape) + loc, fnp.nan)

            self._publish("ppf", "q", quantile)

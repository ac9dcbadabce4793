"""Derivatives checked against finite differences and against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import is_complex, is_inexact
from functorch_lite.core.trace import function_name
from functorch_lite.errors import DtypeError
from functorch_lite.numpy import asarray
from functorch_lite.ops import complex as complex_op
from functorch_lite.ops import imag, real
from functorch_lite.testing.differences import (
    Point,
    difference,
    excess,
    gradient_elements,
    inner,
    norm,
    spoken_index,
    worst_element,
)
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp

__all__ = ["check_grads"]

# Half of a dtype's digits survive a second-order difference, times a margin for curvature.
_TOLERANCE = {"float64": 1e-5, "float32": 2e-2, "float16": 2e-1, "bfloat16": 5e-1}
_STEP = {"float64": 1e-5, "float32": 1e-2, "float16": 1e-1, "bfloat16": 2e-1}
_REMEDY = (
    "Remedy: if the rule is right, the difference is not: keep the point away from kinks, ties and "
    "the edge of the domain, use float64, or give eps=, atol= and rtol=."
)


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    seed: int = 0,
) -> None:
    """Check that a function's derivatives are right at a point, in a random direction.

    Forward mode is compared with a central difference.  Reverse mode is compared through the inner
    product: ``<ct, J t> == <vjp(ct), t>`` with ``J t`` from forward mode, itself compared with the
    difference, or from the difference if forward mode is not asked for.  For higher orders, the
    derivative is checked as a function in turn, in all modes.  Only where they disagree are the
    elements looked at one by one, to name the worst of them.

    Args:
        f: a function from arrays (or pytrees of them) to an array or a pytree.
        args: a tuple of its arguments, at least one with floats; integers and booleans are held
            fixed, in the arguments and in the results.  float64 is advised.  Complex numbers,
            arguments or results, are checked as pairs of real ones.
        order: the highest order of derivative to check.
        modes: which of "fwd" and "rev".
        atol: absolute tolerance; by default it follows from the least precise dtype.
        rtol: relative tolerance, likewise.
        eps: step of the difference, likewise.
        seed: decides the directions.

    Raises:
        AssertionError: a derivative is wrong; the message names the mode, the argument, the index
            and both values.
        ValueError: an unknown mode, or an order below 1.
        DtypeError: no argument or no result is floating-point or complex.

    >>> import functorch_lite.numpy as fnp
    >>> check_grads(fnp.sin, (fnp.asarray([0.5, 1.0], "float64"),))

    Source: ``jax.test_util.check_grads``.
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if order < 1 or not modes or set(modes) - {"fwd", "rev"}:
        raise ValueError(
            "check_grads: expected order >= 1 and modes among 'fwd' and 'rev'; "
            f"got order {order} and modes {modes}. Remedy: modes=('fwd', 'rev'), order=2."
        )
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            f"check_grads: expected a tuple of the arguments of f; got {describe(args)}. "
            "Remedy: check_grads(f, (x,))."
        )
    point = _of_floats(f, tuple(args))
    coarsest = max((x.dtype.name for x in point.values), key=lambda name: _TOLERANCE[name])
    check = _Check(
        tuple(modes),
        _TOLERANCE[coarsest] if atol is None else atol,
        _TOLERANCE[coarsest] if rtol is None else rtol,
        _STEP[coarsest] if eps is None else eps,
        np.random.default_rng(seed),
    )
    check.run(point, order, function_name(f))


class _Check:
    """The settings of a check, and its steps."""

    def __init__(
        self,
        modes: tuple[str, ...],
        atol: float,
        rtol: float,
        eps: float,
        rng: np.random.Generator,
    ) -> None:
        self.modes = modes
        self.atol = atol
        self.rtol = rtol
        self.eps = eps
        self.rng = rng

    def run(self, point: Point, order: int, label: str) -> None:
        """Check the derivatives of a function of a list of floats, up to an order."""
        direction = list(map(self.random_like, point.values))
        expected = difference(point, direction, self.eps)
        if "fwd" in self.modes:
            _, tangents = jvp(point.f, tuple(point.values), tuple(direction))
            found = [np.asarray(t, np.float64) for t in tangents]
            self.compare_forward(point, found, expected, f"jvp of {label}")
            expected = found
        if "rev" in self.modes:
            out, pull = vjp(point.f, *point.values)
            cotangent = list(map(self.random_like, out))
            gradient = pull(cotangent)
            self.compare_reverse(point, direction, expected, cotangent, gradient, label)
        if order == 1:
            return
        count = len(point.values)
        if "fwd" in self.modes:

            def forward(*values: Any) -> list[Any]:
                return list(jvp(point.f, values[:count], values[count:])[1])

            names = [*point.names, *(f"the tangent of {name}" for name in point.names)]
            outs = [f"the tangent of {name}" for name in point.out_names]
            onward = Point(forward, [*point.values, *direction], names, outs)
            self.run(onward, order - 1, f"jvp of {label}")
        if "rev" in self.modes:

            def backward(*values: Any) -> list[Any]:
                return list(vjp(point.f, *values[:count])[1](list(values[count:])))

            names = [*point.names, *(f"the cotangent of {name}" for name in point.out_names)]
            outs = [f"the gradient of {name}" for name in point.names]
            onward = Point(backward, [*point.values, *cotangent], names, outs)
            self.run(onward, order - 1, f"vjp of {label}")

    def compare_forward(self, point: Point, found: Any, expected: Any, label: str) -> None:
        """The tangents of ``jvp`` against the difference."""
        worst = worst_element(found, expected, self.atol, self.rtol)
        if worst is None:
            return
        k, where, have, want = worst
        out = f"{point.out_names[k]}{spoken_index(where)}"
        # The gradient of that one element says which argument is to blame.
        cotangent = [np.zeros(y.shape) for y in expected]
        cotangent[k][where] = 1.0

        def forward(direction: list[Any]) -> float:
            _, tangents = jvp(point.f, tuple(point.values), tuple(direction))
            return float(np.asarray(tangents[k], np.float64)[where])

        blamed = self.blame(point, cotangent, forward, f"d {out} / d ")
        raise AssertionError(
            f"check_grads: {label} is wrong at {out}: along a random direction, "
            f"analytic {have:.6g} but numeric {want:.6g} {self.settings()}. {blamed} {_REMEDY}"
        )

    def compare_reverse(
        self, point: Point, direction: Any, expected: Any, cotangent: Any, gradient: Any, label: str
    ) -> None:
        """The gradients of ``vjp`` against tangents, through the inner product."""
        for name, have, want in zip(point.names, gradient, point.values, strict=True):
            if (have.shape, have.dtype) != (want.shape, want.dtype):
                raise AssertionError(
                    f"check_grads: vjp of {label}: expected a gradient like {name}, "
                    f"{describe(want)}; got {describe(have)}. "
                    "Remedy: a rule gives cotangents of the shape and dtype of its operands."
                )
        ours, theirs = inner(gradient, direction), inner(cotangent, expected)
        # Cancellation in the sums must not count as an error of the derivative.
        atol = self.atol + self.rtol * norm(cotangent) * norm(expected)
        if excess(ours, theirs, atol, self.rtol) <= 0:
            return
        blamed = self.blame(
            point, cotangent, lambda basis: inner(gradient, basis), "d <cotangent, out> / d "
        )
        raise AssertionError(
            f"check_grads: vjp of {label} is wrong: along a random direction, analytic {ours:.6g} "
            f"but numeric {theirs:.6g} {self.settings()}. {blamed} {_REMEDY}"
        )

    def blame(
        self, point: Point, cotangent: Any, analytic: Callable[[list[Any]], float], what: str
    ) -> str:
        """A sentence about the element of the arguments whose derivative is furthest off."""
        elements, all_of_them = gradient_elements(point, cotangent, analytic, self.eps)
        if not elements:
            return "The arguments have no elements."
        k, where, have, want = max(
            elements, key=lambda e: float(excess(e[2], e[3], self.atol, self.rtol))
        )
        scope = "By element" if all_of_them else f"Of {len(elements)} elements"
        return (
            f"{scope}, the worst is {what}{point.names[k]}{spoken_index(where)}: "
            f"analytic {have:.6g}, numeric {want:.6g}."
        )

    def settings(self) -> str:
        return f"(atol={self.atol:g}, rtol={self.rtol:g}, eps={self.eps:g})"

    def random_like(self, x: Any) -> Any:
        return asarray(np.asarray(self.rng.standard_normal(x.shape), x.dtype))


def _of_floats(f: Callable[..., Any], args: tuple[Any, ...]) -> Point:
    """``f`` as a function from its floating-point leaves to those of its output.

    A complex leaf stands for two: its real and its imaginary part.
    """
    leaves, structure = tree.flatten(args)
    leaves = [asarray(x) for x in leaves]
    names = tree.leaf_names(args, "args")
    varied = _inexact("argument", leaves, names, "x.astype('float64')")

    def outputs(*floats: Any) -> Any:
        filled, given = list(leaves), iter(floats)
        for i in varied:
            whole = is_complex(leaves[i].dtype)
            filled[i] = complex_op(next(given), next(given)) if whole else next(given)
        return f(*tree.unflatten(structure, filled))

    values, value_names = _as_reals([leaves[i] for i in varied], [names[i] for i in varied])
    out = outputs(*values)
    out_names = tree.leaf_names(out, "out")
    outs = list(map(asarray, tree.leaves(out)))
    chosen = _inexact("result", outs, out_names, "a float result")

    def function(*floats: Any) -> list[Any]:
        found = tree.leaves(outputs(*floats))
        return _as_reals([asarray(found[i]) for i in chosen], [""] * len(chosen))[0]

    names_out = _as_reals([outs[i] for i in chosen], [out_names[i] for i in chosen])[1]
    return Point(function, values, value_names, names_out)


def _as_reals(xs: Sequence[Any], names: Sequence[str]) -> tuple[list[Any], list[str]]:
    """Arrays and their names, complex ones as two."""
    found: list[tuple[Any, str]] = []
    for x, name in zip(xs, names, strict=True):
        if is_complex(x.dtype):
            found += [(real(x), f"real({name})"), (imag(x), f"imag({name})")]
        else:
            found.append((x, name))
    return [x for x, _ in found], [name for _, name in found]


def _inexact(what: str, leaves: list[Any], names: list[str], remedy: str) -> list[int]:
    """Which leaves are differentiated."""
    found = [i for i, x in enumerate(leaves) if is_inexact(x.dtype)]
    if not found:
        listed = ", ".join(f"{name}: {describe(x)}" for x, name in zip(leaves, names, strict=True))
        raise DtypeError(
            f"check_grads: expected at least one floating-point {what}; got {listed or 'none'}. "
            f"Remedy: {remedy}."
        )
    return found

"""Derivatives of ops on complex numbers, as functions of real and imaginary parts.

Where operands or results are complex, an op is checked as the real function of their parts that it
is: differences, the adjoint and second order know nothing of conventions for complex derivatives
then but that of the parts themselves, ``real``, ``imag`` and ``complex``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import is_complex
from functorch_lite.ops import complex as joined
from functorch_lite.ops import conj, imag, mul, real
from tests.registry.cases import Case
from tests.registry.properties import (
    assert_adjoint,
    assert_differences,
    backward_of,
    derivative,
    evaluate_raw,
    forward_of,
    random_like,
    seeded,
)


def parts_of(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The real arrays that an op's operands are made of; those of other dtypes are left out."""
    found: list[np.ndarray] = []
    for a in arrays:
        if is_complex(a.dtype):
            found += [a.real.copy(), a.imag.copy()]
        elif a.dtype == np.float64:
            found.append(a)
    return found


def _squares(*vectors: int) -> Any:
    """Results with some of them replaced by squared magnitudes."""
    return lambda outs: [real(mul(y, conj(y))) if k in vectors else y for k, y in enumerate(outs)]


# A vector times a phase is as good a vector, and which one LAPACK takes is no function to derive.
_WITHOUT_PHASES = {"eigh": _squares(1), "eig": _squares(1), "svd": _squares(0, 2)}


def as_real(case: Case) -> Any:
    """The case as a function of the parts, to those of the results."""
    without_phases = _WITHOUT_PHASES.get(case.op.name, tuple)

    def f(*parts: Any) -> tuple[Any, ...]:
        rest, args = iter(parts), case.arrays
        for i, a in enumerate(case.args):
            if is_complex(a.dtype):
                args[i] = joined(next(rest), next(rest))
            elif a.dtype == np.float64:
                args[i] = next(rest)
        outs: list[Any] = []
        outs_of_op = case.function(*args)
        if any(is_complex(y.dtype) for y in outs_of_op) and len(outs_of_op) > 1:
            outs_of_op = without_phases(outs_of_op)
        for y in outs_of_op:
            if y.dtype == np.complex128:
                outs += [real(y), imag(y)]
            elif y.dtype == np.float64:
                outs.append(y)
        return tuple(outs)

    return f


def check_parts(case: Case) -> None:
    """Both modes and their second order, for all parts together."""
    xs, f, rng = parts_of(case.args), as_real(case), seeded(case)
    if not xs or not evaluate_raw(f, xs):
        return
    what = f"the parts of {case}"
    ts = [random_like(x, rng) for x in xs]
    assert_differences(f, xs, ts, derivative(f, xs, ts), f"jvp of {what}")
    assert_adjoint(f, xs, ts, rng, f"vjp of {what}")
    for k in range(len(evaluate_raw(f, xs))):
        assert_adjoint(lambda *a, k=k: (f(*a)[k],), xs, ts, rng, f"vjp of {what}, part {k}")
    cts = [random_like(y, rng) for y in evaluate_raw(f, xs)]
    for g, point, mode in (
        (backward_of(f, len(xs)), [*xs, *cts], "vjp"),
        (forward_of(f, len(xs)), [*xs, *ts], "jvp"),
    ):
        moves = [random_like(x, rng) for x in point]
        dots = derivative(g, point, moves)
        assert_differences(g, point, moves, dots, f"jvp of {mode} of {what}")
        assert_adjoint(g, point, moves, rng, f"vjp of {mode} of {what}")

"""The laws that every op obeys, as plain functions of one case.

A check returns nothing and raises AssertionError (or whatever the broken rule raises) where a law
does not hold. The tests of the registry run them on every record; the mutation test runs the same
functions on records that were broken on purpose.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.dtypes import float0, is_complex, is_float
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp
from tests.registry import cases as registry_cases
from tests.registry.cases import Case, float_positions, subsets

Function = Callable[..., tuple[Any, ...]]

# Rounding of one op and of its reference; a sum of a few terms included.
VALUE_TOLERANCE = {
    "float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 2e-12, "complex64": 4e-6,
    "complex128": 4e-12,
}  # fmt: skip
# Derivatives in few digits against float64 at the same point: a handful of roundings.
COARSE = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 1e-4}
STEPS = (2e-4, 4e-6)
EXACT_LINEAR = 1e-10
FROM_DIFFERENCE = 1e-7


# -------------------------------------------------------------------------------------- comparisons
def is_exact(case: Case) -> bool:
    """Whether the op does not round, so that two ways to compute it agree exactly."""
    return case.op.name in registry_cases.EXACT


def raw(x: Any) -> np.ndarray:
    """The NumPy array of a concrete Array."""
    assert type(x) is Array, f"expected a concrete Array, got {type(x).__name__}"
    return np.asarray(x._data)


def assert_same(found: Any, want: Any, what: str) -> None:
    """Equal bit for bit, but for the payload of NaN."""
    assert found.shape == want.shape, f"{what}: shape {found.shape}, expected {want.shape}"
    assert found.dtype == want.dtype, f"{what}: dtype {found.dtype}, expected {want.dtype}"
    if want.dtype == float0:
        return
    same = (found == want) | ((found != found) & (want != want))
    assert same.all(), f"{what}: {found} differs from {want}"
    if is_float(want.dtype):
        zeros = want == 0
        signs = np.signbit(found.astype(np.float64)), np.signbit(want.astype(np.float64))
        assert (signs[0] == signs[1])[zeros].all(), f"{what}: a zero has the other sign"


def assert_close(found: Any, want: Any, tolerance: float, what: str, scale: float = 0.0) -> None:
    """Equal shapes and dtypes; values within ``tolerance`` of the largest finite magnitude."""
    assert found.shape == want.shape, f"{what}: shape {found.shape}, expected {want.shape}"
    assert found.dtype == want.dtype, f"{what}: dtype {found.dtype}, expected {want.dtype}"
    if not (is_float(want.dtype) or is_complex(want.dtype)):
        assert found.dtype == float0 or np.array_equal(found, want), f"{what}: {found}, not {want}"
        return
    wide = np.complex128 if is_complex(want.dtype) else np.float64
    with np.errstate(invalid="ignore"):  # widening a signalling NaN, which random bits may be
        found, want = found.astype(wide), want.astype(wide)
    finite = np.isfinite(want)
    if not finite.all():
        odd = (found == want) | (np.isnan(found) & np.isnan(want))
        assert (odd | finite).all(), f"{what}: {found} differs from {want}"
        found, want = found[finite], want[finite]
    if want.size == 0:
        return
    error = float(np.abs(found - want).max())
    limit = tolerance * (scale + 1e-3 + float(np.abs(want).max()))
    assert error <= limit, f"{what}: off by {error:.3g} (limit {limit:.3g}): {found} against {want}"


def random_like(x: Any, rng: np.random.Generator) -> np.ndarray:
    """A direction of size about one, no component of which is near zero."""
    size = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return np.asarray(size, x.dtype)


def seeded(case: Case) -> np.random.Generator:
    """Directions that depend on the case alone."""
    return np.random.default_rng(zlib.crc32(str(case).encode()))


# ---------------------------------------------------------------------------------------- functions
def restrict(
    case: Case, positions: Sequence[int], outputs: Sequence[int] | None = None
) -> Function:
    """The case as a function of some operands, the others held fixed, to some of the outputs."""
    fixed = case.arrays

    def f(*moving: Any) -> tuple[Any, ...]:
        args = list(fixed)
        for i, x in zip(positions, moving, strict=True):
            args[i] = x
        out = case.function(*args)
        return out if outputs is None else tuple(out[k] for k in outputs)

    return f


def picked(case: Case, positions: Sequence[int]) -> list[np.ndarray]:
    """The operands at some positions."""
    return [case.args[i] for i in positions]


def evaluate_raw(f: Function, args: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Apply a function of Arrays to raw arrays."""
    return [raw(y) for y in f(*[wrap(np.asarray(a)) for a in args])]


def float64_outputs(case: Case) -> list[int]:
    """Positions of the outputs that carry full precision, which differences need."""
    outs = evaluate_raw(case.function, case.args)
    return [k for k, y in enumerate(outs) if y.dtype == np.float64]


def difference(
    f: Function, xs: Sequence[np.ndarray], ts: Sequence[np.ndarray], step: float
) -> list[np.ndarray]:
    """Derivative of f along ts from central differences of fourth order."""

    def at(steps: int) -> list[np.ndarray]:
        return evaluate_raw(f, [x + steps * step * t for x, t in zip(xs, ts, strict=True)])

    values = zip(at(1), at(-1), at(2), at(-2), strict=True)
    return [np.asarray((8 * (a - b) - (c - d)) / (12 * step)) for a, b, c, d in values]


def assert_differences(
    f: Function, xs: Any, ts: Any, dots: Sequence[np.ndarray], what: str
) -> None:
    """``dots`` are the differences of f; of a finer step where a kink lies within the stencil."""
    values = evaluate_raw(f, xs)
    scales = [float(np.abs(y).max()) if y.size else 0.0 for y in values]
    for step in STEPS:
        try:
            wants = difference(f, xs, ts, step)
            for k, (d, want) in enumerate(zip(dots, wants, strict=True)):
                assert_close(d, want, FROM_DIFFERENCE, f"{what}, output {k}", scales[k])
        except AssertionError:
            if step == STEPS[-1]:
                raise
        else:
            return


def derivative(f: Function, xs: Sequence[Any], ts: Sequence[Any]) -> list[np.ndarray]:
    """The same from forward mode, which must not change the value."""
    values, dots = jvp(f, tuple(map(wrap, xs)), tuple(map(wrap, ts)))
    for y, want in zip(values, evaluate_raw(f, xs), strict=True):
        assert_same(raw(y), want, "the value under jvp")
    return [raw(d) for d in dots]


def pullback(f: Function, xs: Sequence[Any], cts: Sequence[Any]) -> list[np.ndarray]:
    """Cotangents of the operands from reverse mode, which must not change the value."""
    values, pull = vjp(f, *map(wrap, xs))
    for y, want in zip(values, evaluate_raw(f, xs), strict=True):
        assert_same(raw(y), want, "the value under vjp")
    return [raw(g) for g in pull(tuple(map(wrap, cts)))]


def backward_of(f: Function, count: int) -> Function:
    """``(primals, cotangents) -> cotangents of the primals`` as a function to transform further."""

    def g(*values: Any) -> tuple[Any, ...]:
        _, pull = vjp(f, *values[:count])
        found: tuple[Any, ...] = pull(values[count:])
        return found

    return g


def forward_of(f: Function, count: int) -> Function:
    """``(primals, tangents) -> output tangents`` as a function to transform further."""

    def g(*values: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = jvp(f, values[:count], values[count:])[1]
        return found

    return g


def inner(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> tuple[float, float]:
    """Inner product, and the sum of the magnitudes of its terms."""
    pairs = zip(xs, ys, strict=True)
    products = [np.asarray(x, np.float64) * np.asarray(y, np.float64) for x, y in pairs]
    return float(sum(p.sum() for p in products)), float(sum(np.abs(p).sum() for p in products))


def assert_adjoint(f: Function, xs: Any, ts: Any, rng: Any, what: str) -> None:
    """``<ct, J t> == <Jᵀ ct, t>`` with J t from forward mode and Jᵀ ct from reverse mode."""
    dots = derivative(f, xs, ts)
    cts = [random_like(d, rng) for d in dots]
    grads = pullback(f, xs, cts)
    for i, (g, x) in enumerate(zip(grads, xs, strict=True)):
        assert (g.shape, g.dtype) == (x.shape, x.dtype), (
            f"{what}: cotangent {i} is {g.dtype}{list(g.shape)}, operand {x.dtype}{list(x.shape)}"
        )
    (left, size), (right, other) = inner(cts, dots), inner(grads, ts)
    error, limit = abs(left - right), EXACT_LINEAR * (size + other + 1e-3)
    assert error <= limit, f"{what}: <ct, J t> = {left!r} but <Jt ct, t> = {right!r}"


# -------------------------------------------------------------------------------- values and shapes
def check_value(case: Case) -> None:
    """The eager result equals the independent reference."""
    with np.errstate(all="ignore"):
        want = registry_cases.reference(case.op.name)(*case.args, **case.params)
    found = evaluate_raw(case.function, case.args)
    wanted = want if case.op.multi else (want,)
    assert len(found) == len(wanted), f"{case}: {len(found)} outputs, not {len(wanted)}"
    for f, w in zip(found, wanted, strict=True):
        w = np.asarray(w)
        assert_close(
            f, w, 0.0 if is_exact(case) else VALUE_TOLERANCE.get(w.dtype.name, 0.0), str(case)
        )


def check_aval(case: Case) -> None:
    """The shape rule says what the eager function returns, shape and dtype exactly."""
    avals = case.avals
    if case.op.family != "collective":
        out = case.op(*case.arrays, **case.params)
        assert isinstance(out, tuple) == case.op.multi, f"{case}: multi is {case.op.multi}"
    outs = case.function(*case.arrays)
    assert len(avals) == len(outs), f"{case}: {len(outs)} outputs, the rule says {len(avals)}"
    for a, y in zip(avals, outs, strict=True):
        assert isinstance(raw(y), np.ndarray)
        assert a.shape == y.shape, f"{case}: shape {y.shape}, the rule says {a.shape}"
        assert a.dtype == y.dtype, f"{case}: dtype {y.dtype}, the rule says {a.dtype}"


# -------------------------------------------------------------------------------------- derivatives
def check_jvp(case: Case) -> None:
    """Forward mode equals finite differences, for each float operand alone and for all together."""
    positions = float_positions(case.args)
    if not positions or registry_cases.yields_complex(case):
        return
    rng = seeded(case)
    outputs = float64_outputs(case)
    choices = [(i,) for i in positions] + ([tuple(positions)] if len(positions) > 1 else [])
    for chosen in choices:
        xs = picked(case, chosen)
        ts = [random_like(x, rng) for x in xs]
        values = evaluate_raw(case.function, case.args)
        dots = derivative(restrict(case, chosen), xs, ts)
        for d, y in zip(dots, values, strict=True):
            tangent_dtype = y.dtype if is_float(y.dtype) else float0
            assert (d.shape, d.dtype) == (y.shape, tangent_dtype), f"{case}: tangent {d.dtype}"
        what = f"jvp of {case} by operands {chosen}"
        found = [dots[k] for k in outputs]
        if case.op.name in registry_cases.ZERO_BY_DEFINITION:
            assert not any(d.any() for d in found), f"{what}: {found}"
        else:
            assert_differences(restrict(case, chosen, outputs), xs, ts, found, what)


def check_vjp(case: Case) -> None:
    """Reverse mode is the adjoint of forward mode, for every subset of operands and of outputs."""
    positions = float_positions(case.args)
    if not positions or registry_cases.yields_complex(case):
        return
    rng = seeded(case)
    outs = evaluate_raw(case.function, case.args)
    floats = [k for k, y in enumerate(outs) if is_float(y.dtype)]
    if not all(outs[k].dtype == np.float64 for k in floats):
        return  # a cast; compared with float64 by check_low_precision
    for outputs in subsets(floats) if case.op.multi else [floats]:
        for chosen in subsets(positions):
            xs = picked(case, chosen)
            ts = [random_like(x, rng) for x in xs]
            what = f"vjp of {case} by operands {chosen}, outputs {outputs}"
            assert_adjoint(restrict(case, chosen, outputs), xs, ts, rng, what)


def check_second_order(case: Case) -> None:
    """The derivatives' own derivatives: all four pairs of modes."""
    positions = [i for i in float_positions(case.args) if registry_cases.has_rule(case.op, i)]
    if not positions or registry_cases.yields_complex(case):
        return
    outputs = float64_outputs(case)
    if not outputs:
        return
    rng = seeded(case)
    f = restrict(case, positions, outputs)
    xs = picked(case, positions)
    seeds = [random_like(x, rng) for x in xs]
    cts = [random_like(y, rng) for y in evaluate_raw(f, xs)]
    count = len(xs)
    for g, point, what in (
        (backward_of(f, count), [*xs, *cts], "vjp"),
        (forward_of(f, count), [*xs, *seeds], "jvp"),
    ):
        ts = [random_like(x, rng) for x in point]
        assert_differences(g, point, ts, derivative(g, point, ts), f"jvp of {what} of {case}")
        assert_adjoint(g, point, ts, rng, f"vjp of {what} of {case}")


def check_low_precision(case: Case) -> None:
    """In few digits the derivatives are those of float64 at the same point, dtype included."""
    positions = [i for i in float_positions(case.args) if registry_cases.has_rule(case.op, i)]
    if not positions or registry_cases.yields_complex(case):
        return
    dtype = case.args[positions[0]].dtype
    rng = seeded(case)
    up = tuple(a.astype(np.float64) if a.dtype == dtype else a for a in case.args)
    wide = Case(case.op, up, case.params)
    xs, wide_xs = picked(case, positions), picked(wide, positions)
    ts = [random_like(x, rng) for x in xs]
    wide_ts = [t.astype(np.float64) for t in ts]
    f, wide_f = restrict(case, positions), restrict(wide, positions)
    outs = evaluate_raw(f, xs)
    wide_outs = evaluate_raw(wide_f, wide_xs)
    cts = [random_like(y, rng) for y in outs]
    wide_cts = [c.astype(y.dtype) for c, y in zip(cts, wide_outs, strict=True)]
    tolerance = COARSE[dtype.name]
    for name, found, want in (
        ("jvp", derivative(f, xs, ts), derivative(wide_f, wide_xs, wide_ts)),
        ("vjp", pullback(f, xs, cts), pullback(wide_f, wide_xs, wide_cts)),
    ):
        targets = [y.dtype for y in outs] if name == "jvp" else [dtype] * len(xs)
        for d, w, target in zip(found, want, targets, strict=True):
            expected = target if is_float(target) else float0
            assert d.dtype == expected, f"{name} of {case}: {d.dtype}, expected {expected}"
            if is_float(target):
                assert_close(d, w.astype(d.dtype), tolerance, f"{name} of {case}", 1.0)

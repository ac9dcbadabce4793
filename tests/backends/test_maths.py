"""The CPU compiler's elementary functions: errors, special values, and the machine code itself."""

from fractions import Fraction

import numpy as np
import pytest
from maths_reference import (
    BINARY,
    ERROR_FUNCTIONS,
    EXTENDED,
    UNARY,
    errors,
    patterns,
    reference,
    sample_pairs,
    sample_unary,
    specials,
)

from functorch_lite.backends.cpu.maths import (
    ERROR_BOUNDS,
    FUNCTIONS,
    MODERATE,
    RANGE_LIMITS,
    Builder,
)
from functorch_lite.backends.cpu.maths.numpy_builder import NumpyBuilder, fma64

DTYPES = [np.float32, np.float64]
ids = ["float32", "float64"]


def on_arrays(name, *arrays):
    return np.asarray(FUNCTIONS[name](NumpyBuilder(), *arrays))


def on_machine(name, dtype):
    pytest.importorskip("llvmlite.binding")
    from maths_kernel import compiled

    return compiled(FUNCTIONS[name], dtype, 2 if name in BINARY else 1)


def scale_of(name, operands):
    """What an error is measured by besides the answer: the larger operand of logaddexp."""
    return np.maximum(*operands) if name == "logaddexp" else None


def check(name, got, *operands):
    want = reference(name, *operands)
    if name in ("erf", "erfinv"):
        # The references lose the sign of a zero.
        want = np.where(operands[0] == 0, operands[0].astype(want.dtype), want)
    scale = scale_of(name, [x.astype(want.dtype) for x in operands])
    found = errors(got, want, scale)
    worst = int(np.argmax(found))
    bound = ERROR_BOUNDS[name][0 if got.dtype == np.float32 else 1]
    if got.dtype == np.float64 and not EXTENDED:
        bound += 4  # the reference is float64 itself, with an error of its own
    assert found[worst] <= bound, (
        f"{name}({', '.join(repr(x[worst]) for x in operands)}) = {got[worst]!r}, "
        f"not {want[worst]!r}: {found[worst]:.2f} ulp, bound {bound}"
    )


def operands_for(name, dtype, count, rng):
    if name in BINARY:
        return sample_pairs(name, dtype, count, rng)
    if dtype == np.float64 and name in ERROR_FUNCTIONS:
        pytest.importorskip("mpmath")
        count = min(count, 1000)
    return (sample_unary(dtype, count, rng),)


@pytest.fixture(autouse=True)
def quiet_numpy():
    """Operands overflow and are NaN on purpose."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def test_every_function_states_its_error():
    assert set(ERROR_BOUNDS) == set(FUNCTIONS) == {*UNARY, *BINARY}
    assert max(max(pair) for pair in ERROR_BOUNDS.values()) <= 4
    builder: Builder = NumpyBuilder()
    missing = [m for m in vars(Builder) if not m.startswith("_") and not hasattr(builder, m)]
    assert not missing


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_errors_on_arrays(name, dtype, rng):
    operands = operands_for(name, dtype, 40_000 if dtype == np.float32 else 4_000, rng)
    check(name, on_arrays(name, *operands), *operands)


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_errors_on_the_machine(name, dtype, rng):
    operands = operands_for(name, dtype, 200_000 if dtype == np.float32 else 40_000, rng)
    check(name, on_machine(name, dtype)(*operands), *operands)


@pytest.mark.long
@pytest.mark.parametrize("name", UNARY)
def test_every_float32(name):
    function = on_machine(name, np.float32)
    for start in range(0, 2**32, 2**22):
        x = patterns(1, start=start, stop=start + 2**22)
        check(name, function(x), x)


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_errors_on_many(name, dtype):
    function = on_machine(name, dtype)
    for seed in range(4):
        operands = operands_for(name, dtype, 2_000_000, np.random.default_rng(seed))
        check(name, function(*operands), *operands)


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
@pytest.mark.parametrize("name", sorted(MODERATE))
def test_moderate_variants_agree_up_to_their_limit(name, dtype, rng):
    pytest.importorskip("llvmlite.binding")
    from maths_kernel import compiled

    x = sample_unary(dtype, 100_000, rng)
    x = x[np.abs(x) < RANGE_LIMITS[name][0 if dtype == np.float32 else 1]]
    got = compiled(MODERATE[name], dtype)(x)
    np.testing.assert_array_equal(got, on_machine(name, dtype)(x), strict=True)


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
def test_angles_next_to_multiples_of_a_quarter_turn(dtype):
    mpmath = pytest.importorskip("mpmath")
    if dtype == np.float32:
        found = [np.ldexp(16367173.0, 72), np.ldexp(12055685.0, 55), 3.2e38, 1.0e30, 105414.36]
        turns = np.arange(1, 600)
    else:
        found = [np.ldexp(6381956970095103.0, 797), 5.319372648326541e255, 1e308, 2.0**1023]
        turns = np.concatenate([np.arange(1, 500), 2.0 ** np.arange(20, 45) + 1])
    x = np.concatenate([found, turns * (np.pi / 2)]).astype(dtype)
    x = np.concatenate([x, -x])
    with mpmath.workprec(1400):
        for name in ("sin", "cos", "tan"):
            exact = [getattr(mpmath, name)(mpmath.mpf(float(v))) for v in x]
            got = on_arrays(name, x)
            for value, answer, true in zip(x, got, exact, strict=True):
                spacing = mpmath.mpf(float(np.spacing(np.abs(dtype(float(true))))))
                error = abs(mpmath.mpf(float(answer)) - true) / spacing
                assert error <= ERROR_BOUNDS[name][DTYPES.index(dtype)], (name, value, error)


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
def test_exact_answers(dtype):
    low, high = (-149, 128) if dtype == np.float32 else (-1074, 1024)
    n = np.arange(low, high)
    powers = np.ldexp(dtype(1), n).astype(dtype)
    np.testing.assert_array_equal(on_arrays("exp2", n.astype(dtype)), powers)
    np.testing.assert_array_equal(on_arrays("log2", powers), n.astype(dtype))
    small = np.arange(-200, 201).astype(dtype)
    np.testing.assert_array_equal(on_arrays("pow", small, np.full_like(small, 2)), small * small)
    np.testing.assert_array_equal(on_arrays("cbrt", small * small * small), small)
    sides = np.array([3, 5, 8, 7, 20, 12], dtype)
    others = np.array([4, 12, 15, 24, 21, 35], dtype)
    np.testing.assert_array_equal(on_arrays("hypot", sides, others), [5, 13, 17, 25, 29, 37])
    tens = dtype(10) ** np.arange(0, 11, dtype=dtype)
    np.testing.assert_array_equal(on_arrays("log10", tens), np.arange(11, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
def test_answers_stay_within_their_range(dtype, rng):
    x = np.concatenate([rng.uniform(-30, 30, 20_000), 3 * rng.standard_normal(20_000)])
    x = np.concatenate([x.astype(dtype), specials(dtype)])
    x = np.sort(x[~np.isnan(x)])
    for name, low, high in [("tanh", -1, 1), ("erf", -1, 1), ("logistic", 0, 1), ("erfc", 0, 2),
                            ("sin", -1, 1), ("cos", -1, 1)]:  # fmt: skip
        y = on_arrays(name, x[np.isfinite(x)])
        assert y.min() >= low and y.max() <= high, name


@pytest.mark.parametrize("dtype", DTYPES, ids=ids)
def test_zeros_keep_their_sign(dtype):
    zeros = np.array([0.0, -0.0], dtype)
    odd = ["asin", "asinh", "atan", "atanh", "cbrt", "erf", "erfinv", "expm1", "log1p", "sin",
           "sinh", "tan", "tanh"]  # fmt: skip
    for name in odd:
        got = on_arrays(name, zeros)
        assert (got == 0).all() and list(np.signbit(got)) == [False, True], name
    np.testing.assert_array_equal(on_arrays("rsqrt", zeros), [np.inf, -np.inf])


def test_equal_infinities_add_up_to_themselves():
    ends = np.array([np.inf, -np.inf])
    np.testing.assert_array_equal(on_arrays("logaddexp", ends, ends), ends)
    np.testing.assert_array_equal(on_arrays("logaddexp", ends, ends[::-1].copy()), [np.inf] * 2)


def test_the_array_builder_rounds_a_fused_product_once(rng):
    big, small = 1 + 2.0**-30, 1 - 2.0**-30
    assert fma64(big, small, -1.0) == -(2.0**-60)
    assert fma64(2.0**600, 2.0**500, -(2.0**1023)) == np.inf
    assert fma64(2.0**-600, 2.0**-470, 0.0) == 2.0**-1070
    x, y = rng.standard_normal((2, 1000))
    z = -x * y
    exact = [float(a) for a in fma64(x, y, z)]
    for a, b, c, got in zip(x, y, z, exact, strict=True):
        assert got == float(Fraction(a) * Fraction(b) + Fraction(c))

"""References, samples and the error measure for the tests of the CPU compiler's maths."""

import numpy as np
from scipy import special

UNARY = (
    "acos acosh asin asinh atan atanh cbrt cos cosh erf erfc erfinv exp exp2 expm1 log log10 "
    "log1p log2 logistic rsqrt sin sinh tan tanh"
).split()
BINARY = "atan2 hypot logaddexp pow".split()
ERROR_FUNCTIONS = ("erf", "erfc", "erfinv")
EXTENDED = np.finfo(np.longdouble).nmant >= 63


def _erfinv(x):
    """SciPy's, which takes microseconds for tiny operands and for those outside its domain."""
    x = np.asarray(x)
    ordinary = (np.abs(x) > 1e-6) & (np.abs(x) <= 1)
    tiny = x * (np.sqrt(np.pi) / 2) * (1 + x * x * (np.pi / 12))
    out = np.where(np.abs(x) < 1, tiny, np.nan)
    out[ordinary] = special.erfinv(x[ordinary])
    return out


_NUMPY = {
    "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh,
    "atan": np.arctan, "atan2": np.arctan2, "atanh": np.arctanh, "cbrt": np.cbrt, "cos": np.cos,
    "cosh": np.cosh, "erf": special.erf, "erfc": special.erfc, "erfinv": _erfinv,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "hypot": np.hypot, "log": np.log,
    "log10": np.log10, "log1p": np.log1p, "log2": np.log2, "logaddexp": np.logaddexp,
    "pow": np.power, "sin": np.sin, "sinh": np.sinh, "tan": np.tan, "tanh": np.tanh,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "logistic": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x))),
}  # fmt: skip


def _with_mpmath(name, *arrays):
    """An error function of float64 numbers, rounded to longdouble."""
    import mpmath

    coarse = _NUMPY[name](*arrays)
    out = coarse.astype(np.longdouble)
    function = getattr(mpmath, name)
    with mpmath.workprec(160):
        for i in np.flatnonzero(np.isfinite(coarse) & (coarse != 0)):
            value = function(*(mpmath.mpf(float(a[i])) for a in arrays))
            high = float(value)
            out[i] = np.longdouble(high) + np.longdouble(float(value - high))
    return out


def reference(name, *arrays):
    """The answer in a wider type than the operands have."""
    if arrays[0].dtype == np.float32:
        return _NUMPY[name](*(a.astype(np.float64) for a in arrays))
    if name in ERROR_FUNCTIONS:
        return _with_mpmath(name, *arrays)
    return _NUMPY[name](*(a.astype(np.longdouble) for a in arrays))


def errors(got, want, scale=None):
    """Distances in units in the last place of ``want``, or of ``scale`` where that is larger.

    Infinite where only one is NaN, where only one is infinite (an answer that rounds past the
    largest number counts as infinite), and where two zeros differ in sign.
    """
    info, wide = np.finfo(got.dtype), want.dtype.type
    size = np.abs(want) if scale is None else np.maximum(np.abs(want), np.abs(scale))
    size = np.where(np.isfinite(size), size, np.abs(want))
    exponent = np.maximum(np.frexp(size)[1] - 1, info.minexp) - info.nmant
    error = np.abs(got.astype(want.dtype) - want) / np.ldexp(wide(1), exponent)
    past_end = np.abs(want) >= wide(info.max) * (1 + wide(2) ** -(info.nmant + 2))
    infinite = np.isinf(got) & past_end & (np.sign(got) == np.sign(want))
    equal = (got == want) & ((want != 0) | (np.signbit(got) == np.signbit(want)))
    fine = infinite | equal | (np.isnan(got) & np.isnan(want))
    wrong = np.isnan(got) | np.isnan(want) | np.isinf(got) | np.isinf(want)
    wrong |= (got == 0) & (want == 0)
    return np.where(fine, 0.0, np.where(wrong, np.inf, error.astype(np.float64)))


def specials(dtype):
    """Zeros, infinities, NaN, ends of the range, and numbers around the seams of the methods."""
    info = np.finfo(dtype)
    seams = [
        0.0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 1.0, 2.0, 0.5, 3.0, 10.0,
        100.0, 1000.0, 0.25, 0.6, 0.75, 0.84375, np.pi, np.pi / 2, np.pi / 4, np.sqrt(0.5),
        np.sqrt(2.0), np.log(2.0), np.log(2.0) / 2, np.sqrt(2.0) - 1, 3.95, 5.95, 88.7, 89.4, 103.9,
        709.7, 710.4, 745.1, 1e-5, 2.0**17, 2.0**30, 2.0**40, 2.0**60,
    ]  # fmt: skip
    middle = np.array(seams).astype(dtype)
    around = [middle, np.nextafter(middle, dtype(np.inf)), np.nextafter(middle, dtype(0))]
    both = np.concatenate(around)
    return np.concatenate([both, -both])


def patterns(stride, offset=0, start=0, stop=2**32):
    """Every ``stride``-th float32 bit pattern."""
    bits = np.arange(start + offset, stop, stride, dtype=np.uint64)
    return bits.astype(np.uint32).view(np.float32)


def sample64(count, rng):
    """float64: half over all bit patterns, half over the exponents that functions care about."""
    anywhere = rng.integers(0, 2**64, count // 2, dtype=np.uint64).view(np.float64)
    half = count - anywhere.size
    sizes = np.ldexp(1 + rng.random(half), rng.integers(-60, 12, half))
    return np.concatenate([anywhere, sizes * rng.choice([-1.0, 1.0], half), specials(np.float64)])


def sample_unary(dtype, count, rng):
    """Operands for a function of one argument."""
    if dtype == np.float64:
        return sample64(count, rng)
    stride = max(1, 2**32 // count)
    return np.concatenate([patterns(stride, int(rng.integers(stride))), specials(dtype)])


def sample_pairs(name, dtype, count, rng):
    """Pairs of operands: a grid of special numbers, any bits, similar sizes, and what pow needs."""
    info = np.finfo(dtype)
    one = np.array(
        [0, 1, 2, 0.5, 3, 4, 5, 1.5, 2.5, 1e-3, 1e10, 2.0**25 - 1, 2.0**60, np.inf, np.nan,
         info.max, info.tiny, info.smallest_subnormal]
    ).astype(dtype)  # fmt: skip
    one = np.concatenate([one, -one, np.nextafter(one[:4], dtype(9)), np.nextafter(one[:4], -9)])
    grid = np.meshgrid(one.astype(dtype), one.astype(dtype))
    xs, ys = [grid[0].ravel()], [grid[1].ravel()]
    part = count // 4
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    for side in (xs, ys):
        bits = rng.integers(0, np.iinfo(unsigned).max, part, dtype=unsigned, endpoint=True)
        side.append(bits.view(dtype))
    reach = 100 if dtype == np.float32 else 900
    x = np.ldexp(1 + rng.random(part), rng.integers(-reach, reach, part))
    xs.append(x)
    ys.append(x * np.exp(2 * rng.standard_normal(part)) * rng.choice([-1.0, 1.0], part))
    xs.append(3 * rng.standard_normal(part))
    whole = rng.integers(-20, 20, part)
    ys.append(whole if name == "pow" else 3 * rng.standard_normal(part))
    if name == "pow":
        x = np.exp(rng.standard_normal(part) * rng.choice([1.0, 0.01, 20.0], part)).astype(dtype)
        binary = rng.uniform(-160, 140, part) * (1 if dtype == np.float32 else 7.5)
        xs.append(x)
        ys.append(binary / np.log2(x.astype(np.float64)))
    return tuple(np.concatenate([v.astype(dtype) for v in side]) for side in (xs, ys))

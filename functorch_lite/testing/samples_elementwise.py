"""Operands, references and wrong calls for every elementwise op."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import (
    DTYPES,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int32,
    int64,
    is_complex,
    is_float,
    uint8,
    uint32,
    uint64,
)
from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops.families import kind_of, spoken
from functorch_lite.testing.oracles import either, exact, narrow, wide, widen

_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3, 4),), ((),), ((5,),), ((2, 1, 3),), ((0, 3),)],
    2: [
        ((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1), (1, 3)), ((), (3,)), ((2, 3), ()), ((), ()),
        ((0, 3), (3,)), ((1,), (2, 0)),
    ],
    3: [
        ((2, 3), (2, 3), (2, 3)), ((), (2, 3), ()), ((3,), (2, 1), (2, 3)), ((), (), ()),
        ((2, 1), (0,), (1,)),
    ],
    4: [
        ((4,), (4,), (4,), (4,)), ((), (), (5,), (5,)), ((2, 1), (2, 1), (3,), (3,)),
        ((), (), (), ()), ((), (), (0,), (0,)),
    ],
}  # fmt: skip
_FULL_RANGE = {
    "bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor", "population_count", "clz", "bitcast",
    "threefry2x32",
}  # fmt: skip


# ----------------------------------------------------------------------------------------- operands
def draw(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any], domain: Any = (-3, 3)
) -> np.ndarray:
    """Random values of a dtype: floats inside ``domain``, small integers, both Booleans."""
    lo, hi = domain
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return rng.integers(-5 if dtype.kind == "i" else 0, 6, shape).astype(dtype)
    values = rng.uniform(lo, hi, shape)
    if is_complex(dtype):
        values = values + 1j * rng.uniform(-1, 1, shape)
    return np.asarray(values).astype(dtype)


def draw_any_bits(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> np.ndarray:
    """Random integers over the dtype's whole range."""
    if dtype.kind not in "iu":
        return draw(rng, shape, dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def _operand(rng: Any, op: Any, i: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    if i not in op.info["shared"]:
        dtype = bool_
    if op.name in _FULL_RANGE:
        return draw_any_bits(rng, shape, dtype)
    integers = dtype.kind in "iu"
    if integers and i == 1 and op.name in ("shift_left", "shift_right"):
        return rng.integers(0, 8 * dtype.itemsize, shape).astype(dtype)
    if integers and i == 1 and op.name == "pow":
        return rng.integers(0, 5, shape).astype(dtype)
    domain = op.info["domain"]
    x = draw(rng, shape, dtype, domain[i] if isinstance(domain[0], tuple) else domain)
    if op.name in ("isfinite", "isnan", "isinf"):
        odd = np.array([np.nan, np.inf, -np.inf]).astype(dtype)
        x = np.where(rng.integers(0, 2, shape) == 1, rng.choice(odd, shape), x)
    return x


def _cast_targets(dtype: Any) -> list[Any]:
    if is_complex(dtype):
        return [complex64, complex128, float32, bool_]
    # A negative float has no unsigned value, so that pair has no reference.
    unsigned = [] if is_float(dtype) else [uint8]
    return [bool_, int8, int64, *unsigned, bfloat16, float32, float64, complex64]


def _params(name: str, dtype: Any) -> list[dict[str, Any]]:
    if name == "cast":
        return [{"dtype": target} for target in _cast_targets(dtype)]
    if name == "bitcast":
        targets = [d for d in DTYPES if d.itemsize == dtype.itemsize and d.kind != "b"]
        return [{"dtype": d} for d in targets if d != dtype]
    if name == "integer_pow":
        return [{"n": n} for n in (0, 1, 2, 3, 5, 8, *(() if dtype.kind in "iu" else (-1, -3)))]
    return [{}]


def _samples_of(name: str) -> Callable[..., list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]]:
    def samples(
        dtype: np.dtype[Any], rng: np.random.Generator
    ) -> list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]:
        op = REGISTRY[name]
        found = []
        for params in _params(name, dtype):
            for shapes in _SHAPES[len(op.operands)]:
                args = tuple(_operand(rng, op, i, s, dtype) for i, s in enumerate(shapes))
                found.append((args, params))
        return found

    return samples


# --------------------------------------------------------------------------------------- references
def _truncated(x: int, y: int) -> int:
    size = 0 if y == 0 else abs(x) // abs(y)
    return size if (x < 0) == (y < 0) else -size


def _integer_power(x: int, y: int) -> int:
    if y >= 0:
        return x**y
    return {1: 1, -1: 1 - 2 * (y & 1)}.get(x, 0)


def _width_of(fn: Callable[..., int]) -> Callable[..., np.ndarray]:
    """Bit-level reference that needs to know the width: ``fn(bits, *elements)``."""

    def reference(*arrays: np.ndarray) -> np.ndarray:
        bits = 8 * arrays[0].dtype.itemsize
        return exact(lambda *xs: fn(bits, *xs))(*arrays)

    return reference


def _repeated_product(x: np.ndarray, n: int) -> np.ndarray:
    answer = np.ones_like(x)
    for _ in range(abs(n)):
        answer = answer * x
    return answer if n >= 0 else 1 / answer


def _invert(x: np.ndarray) -> np.ndarray:
    return exact(operator.not_ if x.dtype.kind == "b" else operator.inv)(x)


def _masked(x: int, bits: int) -> int:
    return x % (1 << bits)


def _nextafter(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.broadcast_arrays(x, y)
    bits = x.copy().view(f"i{x.dtype.itemsize}")
    up = np.where((y > x) == (x > 0), 1, -1).astype(bits.dtype)
    stepped = (bits + up).view(x.dtype)
    return np.where(x == y, y, stepped)


def _select(cond: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    cond, x, y = np.broadcast_arrays(cond, x, y)
    answer = y.copy()
    answer[cond] = x[cond]
    return answer


def _cast(x: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind == "b":
        return np.asarray(x != 0)
    if dtype.kind in "iu":
        return exact(int, dtype)(x)
    source = widen(x)
    if is_complex(x.dtype) and not is_complex(dtype):
        source = source.real
    return narrow(source, dtype)


def _bitcast(x: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
    return np.frombuffer(np.ascontiguousarray(x).tobytes(), dtype).reshape(x.shape)


def _complex(re: np.ndarray, im: np.ndarray) -> np.ndarray:
    dtype = complex128 if re.dtype == float64 else complex64
    return narrow(widen(re) + 1j * widen(im), dtype)


def _part(name: str) -> Callable[[np.ndarray], np.ndarray]:
    def reference(x: np.ndarray) -> np.ndarray:
        dtype = float32 if x.dtype == complex64 else float64
        return exact(lambda v: getattr(builtin_complex(v), name), dtype)(x)

    return reference


builtin_complex = complex


def _absolute(x: np.ndarray) -> np.ndarray:
    if is_complex(x.dtype):
        dtype = float32 if x.dtype == complex64 else float64
        return narrow(np.sqrt(widen(x).real ** 2 + widen(x).imag ** 2), dtype)
    return narrow(np.where(widen(x) < 0, -widen(x), widen(x)), x.dtype)


_ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24]


def _threefry(k0: int, k1: int, c0: int, c1: int) -> int:
    """Threefry-2x32-20 on Python integers, round by round as the paper lists it."""
    mask = 2**32 - 1
    keys = [k0, k1, k0 ^ k1 ^ 0x1BD11BDA]
    a, b = (c0 + k0) & mask, (c1 + k1) & mask
    for i in range(20):
        r = _ROTATIONS[i % 8]
        a = (a + b) & mask
        b = ((b << r) | (b >> (32 - r))) & mask
        b ^= a
        if i % 4 == 3:
            s = i // 4 + 1
            a = (a + keys[s % 3]) & mask
            b = (b + keys[(s + 1) % 3] + s) & mask
    return a << 32 | b


def _sign_wide(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, x, x / np.abs(x))


def _comparison(fn: Callable[[Any, Any], bool]) -> Callable[..., np.ndarray]:
    return exact(fn, bool_)


_ln = np.log
_TWO, _TEN = np.longdouble(2), np.longdouble(10)

REFERENCES: dict[str, Callable[..., Any]] = {
    "neg": either(wide(lambda x: -1 * x), exact(lambda x: -x)),
    "add": either(wide(operator.add), exact(operator.add)),
    "sub": either(wide(operator.sub), exact(operator.sub)),
    "mul": either(wide(operator.mul), exact(operator.mul)),
    "div": either(wide(operator.truediv), exact(_truncated)),
    "floor_divide": either(
        wide(lambda x, y: np.floor(x / y)), exact(lambda x, y: x // y if y else 0)
    ),
    "remainder": either(
        wide(lambda x, y: x - y * np.floor(x / y)), exact(lambda x, y: x % y if y else 0)
    ),
    "fmod": either(
        wide(lambda x, y: x - y * np.trunc(x / y)),
        exact(lambda x, y: x - y * _truncated(x, y) if y else 0),
    ),
    "square": either(wide(lambda x: x * x), exact(lambda x: x * x)),
    "reciprocal": wide(lambda x: 1 / x),
    "integer_pow": either(
        wide(_repeated_product),
        exact(lambda x, n: x**n),
    ),
    "gcd": exact(math.gcd),
    "pow": either(wide(lambda x, y: np.exp(y * np.log(x))), exact(_integer_power)),
    "sign": either(wide(_sign_wide), exact(lambda x: (x > 0) - (x < 0))),
    "abs": either(_absolute, exact(abs)),
    "floor": exact(math.floor),
    "ceil": exact(math.ceil),
    "round": exact(round),
    "trunc": exact(lambda x: math.trunc(float(x))),
    "copysign": wide(lambda x, y: np.where(np.signbit(y), -np.abs(x), np.abs(x))),
    "nextafter": _nextafter,
    "maximum": exact(max),
    "minimum": exact(min),
    "clamp": exact(lambda lo, x, hi: min(max(lo, x), hi)),
    "exp": wide(np.exp),
    "exp2": wide(lambda x: np.exp(x * _ln(_TWO))),
    "expm1": wide(np.expm1),
    "log": wide(np.log),
    "log2": wide(lambda x: np.log(x) / _ln(_TWO)),
    "log10": wide(lambda x: np.log(x) / _ln(_TEN)),
    "log1p": wide(np.log1p),
    "logistic": wide(lambda x: 0.5 + 0.5 * np.tanh(0.5 * x)),
    "logaddexp": wide(lambda x, y: np.log(np.exp(x) + np.exp(y))),
    "sqrt": wide(np.sqrt),
    "rsqrt": wide(lambda x: 1 / np.sqrt(x)),
    "cbrt": wide(lambda x: np.sign(x) * np.exp(np.log(np.abs(x)) / 3)),
    "sin": wide(np.sin),
    "cos": wide(np.cos),
    "tan": wide(lambda x: np.sin(x) / np.cos(x)),
    "asin": wide(np.arcsin),
    "acos": wide(np.arccos),
    "atan": wide(np.arctan),
    "atan2": wide(np.arctan2),
    "hypot": wide(lambda x, y: np.sqrt(x * x + y * y)),
    "sinh": wide(np.sinh),
    "cosh": wide(lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "tanh": wide(lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    "asinh": wide(np.arcsinh),
    "acosh": wide(np.arccosh),
    "atanh": wide(lambda x: (np.log1p(x) - np.log1p(-x)) / 2),
    "erf": wide(np.vectorize(math.erf, otypes=[float])),
    "erfc": wide(np.vectorize(math.erfc, otypes=[float])),
    "erfinv": wide(lambda x: special.ndtri((x.astype(float) + 1) / 2) / math.sqrt(2)),
    "bitwise_not": _invert,
    "bitwise_and": exact(operator.and_),
    "bitwise_or": exact(operator.or_),
    "bitwise_xor": exact(operator.xor),
    "shift_left": exact(operator.lshift),
    "shift_right": exact(operator.rshift),
    "population_count": _width_of(lambda bits, x: _masked(x, bits).bit_count()),
    "clz": _width_of(lambda bits, x: bits - _masked(x, bits).bit_length()),
    "isfinite": exact(lambda x: x - x == 0, bool_),
    "isnan": exact(lambda x: x != x, bool_),
    "isinf": exact(lambda x: abs(x) == math.inf, bool_),
    "signbit": exact(lambda x: math.copysign(1.0, x) < 0, bool_),
    "eq": _comparison(operator.eq),
    "ne": _comparison(operator.ne),
    "lt": _comparison(operator.lt),
    "le": _comparison(operator.le),
    "gt": _comparison(operator.gt),
    "ge": _comparison(operator.ge),
    "select": _select,
    "cast": _cast,
    "bitcast": _bitcast,
    "complex": _complex,
    "conj": either(wide(lambda x: x.real - 1j * x.imag if x.dtype.kind == "c" else x), np.copy),
    "real": _part("real"),
    "imag": _part("imag"),
    "stop_gradient": np.copy,
    "threefry2x32": exact(_threefry, uint64),
}

SAMPLES = {name: _samples_of(name) for name in REFERENCES}
DTYPES_OF = {"threefry2x32": (uint32,)}


# ------------------------------------------------------------------------------------- wrong calls
def _wrong_calls(name: str) -> list[tuple[tuple[Aval, ...], dict[str, Any], type, str]]:
    op = REGISTRY[name]
    kinds, shared = op.info["kinds"], op.info["shared"]
    good = float32 if "f" in kinds else complex64 if kinds == "c" else uint32
    params = _params(name, good)[0]

    def avals(dtype: Any, shapes: Any = None) -> tuple[Aval, ...]:
        shapes = shapes or [(2, 3)] * len(op.operands)
        return tuple(Aval(s, dtype if i in shared else bool_) for i, s in enumerate(shapes))

    found: list[Any] = []
    n = len(op.operands)
    if n > 1:
        clash = [*[(2, 3)] * (n - 1), (2, 4)]
        text = f"{spoken(name)}: shapes do not broadcast"
        found.append((avals(good, clash), params, ShapeError, text))
        mixed = avals(good)[:-1] + (Aval((2, 3), float64 if good != float64 else float32),)
        found.append((mixed, params, DtypeError, f"{name}: operands must have one dtype"))
    for dtype in DTYPES:
        if kind_of(dtype) not in kinds:
            found.append((avals(dtype), params, DtypeError, f"{name}: takes"))
            break
    if name == "select":
        cond = (Aval((2,), int32), Aval((2,), float32), Aval((2,), float32))
        found.append((cond, {}, DtypeError, "select: takes bool operands"))
    if name == "integer_pow":
        found.append((avals(int32), {"n": -1}, DtypeError, "negative exponent -1"))
    if name == "bitcast":
        found.append((avals(float32), {"dtype": float64}, DtypeError, "32 bits"))
    if name == "threefry2x32":
        found.append((avals(int64), {}, DtypeError, "expected uint32 words"))
    return found


ERRORS = {name: _wrong_calls(name) for name in REFERENCES}

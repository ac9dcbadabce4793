"""Elementwise ops at the hard places: ties, zeros, infinities, wrap-around, 16-bit floats."""

import math

import ml_dtypes
import numpy as np
import pytest

from functorch_lite import ops
from functorch_lite.core.array import wrap
from functorch_lite.errors import DtypeError
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp

INF, NAN = math.inf, math.nan
FLOATS = ["float16", ml_dtypes.bfloat16, "float32", "float64"]


def array(values, dtype="float64"):
    return wrap(np.array(values, dtype))


def apply(name, *operands, dtype="float64", **params):
    return getattr(ops, name)(*[array(v, dtype) for v in operands], **params)._data


def partials(name, *point, **params):
    """The partial derivatives at a point, from reverse mode; forward mode must say the same."""
    op = getattr(ops, name)
    primals = [array(v) for v in point]
    _, pull = vjp(lambda *xs: op(*xs, **params), *primals)
    reverse = [float(g._data) for g in pull(array(1.0))]
    for i in range(len(point)):

        def along(x, i=i):  # the others held fixed: a zero tangent would meet infinite partials
            return op(*primals[:i], x, *primals[i + 1 :], **params)

        _, dot = jvp(along, (primals[i],), (array(1.0),))
        np.testing.assert_allclose(float(dot._data), reverse[i], rtol=1e-12)
    return reverse


LN2 = math.log(2.0)
PARTIALS = [
    ("maximum", (2.0, 2.0), {}, (0.5, 0.5)),
    ("maximum", (3.0, 2.0), {}, (1.0, 0.0)),
    ("maximum", (-INF, -INF), {}, (0.5, 0.5)),
    ("minimum", (2.0, 2.0), {}, (0.5, 0.5)),
    ("minimum", (3.0, 2.0), {}, (0.0, 1.0)),
    ("abs", (0.0,), {}, (0.0,)),
    ("abs", (-2.0,), {}, (-1.0,)),
    ("sqrt", (0.0,), {}, (INF,)),
    ("cbrt", (0.0,), {}, (INF,)),
    ("cbrt", (-8.0,), {}, (1 / 12,)),
    ("div", (0.0, 2.0), {}, (0.5, 0.0)),
    ("div", (3.0, 2.0), {}, (0.5, -0.75)),
    ("reciprocal", (2.0,), {}, (-0.25,)),
    ("rsqrt", (4.0,), {}, (-0.0625,)),
    # Powers: flat in x where y is 0, and in y where the power is 0.
    ("pow", (0.0, 2.0), {}, (0.0, 0.0)),
    ("pow", (0.0, 1.0), {}, (1.0, 0.0)),
    ("pow", (0.0, 0.0), {}, (0.0, 0.0)),
    ("pow", (0.0, 0.5), {}, (INF, 0.0)),
    ("pow", (5.0, 0.0), {}, (0.0, math.log(5.0))),
    ("pow", (2.0, 3.0), {}, (12.0, 8 * LN2)),
    ("pow", (-2.0, 3.0), {}, (12.0, NAN)),
    ("pow", (2.0, -5000.0), {}, (0.0, 0.0)),
    ("integer_pow", (0.0,), {"n": 0}, (0.0,)),
    ("integer_pow", (INF,), {"n": 0}, (0.0,)),
    ("integer_pow", (0.0,), {"n": 1}, (1.0,)),
    ("integer_pow", (0.0,), {"n": 2}, (0.0,)),
    ("integer_pow", (-2.0,), {"n": 3}, (12.0,)),
    ("integer_pow", (2.0,), {"n": -2}, (-0.25,)),
    # Remainders: the quotient is minus the derivative with respect to the divisor.
    ("remainder", (-7.0, 3.0), {}, (1.0, 3.0)),
    ("remainder", (7.0, -3.0), {}, (1.0, 3.0)),
    ("remainder", (-1.0, INF), {}, (1.0, 1.0)),
    ("fmod", (-7.0, 3.0), {}, (1.0, 2.0)),
    ("fmod", (7.0, -3.0), {}, (1.0, 2.0)),
    ("fmod", (1.0, 0.1), {}, (1.0, -9.0)),  # although 1 / 0.1 rounds to 10
    ("fmod", (3.0, INF), {}, (1.0, 0.0)),
    ("logaddexp", (0.0, 0.0), {}, (0.5, 0.5)),
    ("logaddexp", (-INF, -INF), {}, (0.5, 0.5)),
    ("logaddexp", (INF, INF), {}, (0.5, 0.5)),
    ("logaddexp", (-INF, 3.0), {}, (0.0, 1.0)),
    ("logaddexp", (INF, 3.0), {}, (1.0, 0.0)),
    ("logaddexp", (1000.0, 1001.0), {}, (1 / (1 + math.e), math.e / (1 + math.e))),
    ("hypot", (0.0, 0.0), {}, (0.0, 0.0)),
    ("hypot", (3.0, 4.0), {}, (0.6, 0.8)),
    ("hypot", (1e200, 1e200), {}, (math.sqrt(0.5), math.sqrt(0.5))),
    ("atan2", (0.0, 0.0), {}, (0.0, 0.0)),
    ("atan2", (0.0, -2.0), {}, (-0.5, 0.0)),
    ("atan2", (1e200, 1e200), {}, (5e-201, -5e-201)),
    ("clamp", (0.0, 0.5, 1.0), {}, (0.0, 1.0, 0.0)),
    ("clamp", (0.0, 0.0, 1.0), {}, (0.0, 1.0, 0.0)),
    ("clamp", (0.0, 1.0, 1.0), {}, (0.0, 1.0, 0.0)),
    ("clamp", (0.0, -3.0, 1.0), {}, (1.0, 0.0, 0.0)),
    ("clamp", (0.0, 3.0, 1.0), {}, (0.0, 0.0, 1.0)),
    ("clamp", (2.0, 0.5, 1.0), {}, (0.0, 0.0, 1.0)),  # lo > hi: the answer is hi
    ("clamp", (2.0, 1.0, 1.0), {}, (0.0, 0.0, 1.0)),
    ("copysign", (3.0, -1.0), {}, (-1.0, 0.0)),
    ("copysign", (-3.0, -0.0), {}, (1.0, 0.0)),
    ("sign", (2.0,), {}, (0.0,)),
    ("round", (0.3,), {}, (0.0,)),
    # Accuracy where a formula in terms of the answer would lose all digits.
    ("expm1", (-50.0,), {}, (math.exp(-50.0),)),
    ("asin", (1 - 2**-52,), {}, (2.0**26 / math.sqrt(2.0) * math.sqrt(1 / (1 - 2**-53)),)),
    ("acosh", (1 + 2**-52,), {}, (2.0**26 / math.sqrt(2 + 2**-52),)),
    ("logistic", (1000.0,), {}, (0.0,)),
    ("logistic", (-1000.0,), {}, (0.0,)),
    ("tanh", (1000.0,), {}, (0.0,)),
    ("erf", (0.0,), {}, (2 / math.sqrt(math.pi),)),
    ("erfc", (0.0,), {}, (-2 / math.sqrt(math.pi),)),
    ("erfinv", (0.0,), {}, (math.sqrt(math.pi) / 2,)),
]


@pytest.mark.parametrize("name, point, params, expected", PARTIALS)
def test_partials(name, point, params, expected):
    np.testing.assert_allclose(partials(name, *point, **params), expected, rtol=1e-12)


@pytest.mark.parametrize("better", ["maximum", "minimum"])
def test_extremum_of_nan_has_no_preferred_operand(better):
    assert partials(better, NAN, 1.0) == [0.0, 0.0]


@pytest.mark.parametrize(
    "name, point, params, expected",
    [
        ("pow", (0.0, 2.0), {}, ((2.0, 0.0), (0.0, 0.0))),
        ("pow", (0.0, 3.0), {}, ((0.0, 0.0), (0.0, 0.0))),
        ("integer_pow", (0.0,), {"n": 2}, ((2.0,),)),
        ("integer_pow", (0.0,), {"n": 1}, ((0.0,),)),
        ("logaddexp", (1.0, 1.0), {}, ((0.25, -0.25), (-0.25, 0.25))),
        ("logaddexp", (-INF, 0.0), {}, ((0.0, 0.0), (0.0, 0.0))),
        ("abs", (0.0,), {}, ((0.0,),)),
        ("clamp", (0.0, 0.5, 1.0), {}, ((0.0,) * 3,) * 3),
        ("div", (1.0, 2.0), {}, ((0.0, -0.25), (-0.25, 0.25))),
        ("fmod", (7.0, 3.0), {}, ((0.0, 0.0), (0.0, 0.0))),
    ],
)
def test_second_derivatives(name, point, params, expected):
    op = getattr(ops, name)

    def gradient(*xs):
        _, pull = vjp(lambda *ys: op(*ys, **params), *xs)
        return pull(array(1.0))

    for i in range(len(point)):
        tangents = tuple(array(1.0 if j == i else 0.0) for j in range(len(point)))
        _, row = jvp(gradient, tuple(map(array, point)), tangents)
        np.testing.assert_allclose([float(r._data) for r in row], expected[i], atol=1e-12)


def test_select_never_multiplies_by_its_mask():
    x, y = array([1.0, 2.0]), array([3.0, 4.0])
    cond = wrap(np.array([True, False]))
    _, pull = vjp(lambda x, y: ops.select(cond, x, y), x, y)
    for_x, for_y = pull(array([INF, NAN]))
    np.testing.assert_array_equal(for_x._data, [INF, 0.0])
    np.testing.assert_array_equal(for_y._data, [0.0, NAN])


@pytest.mark.parametrize("name", ["maximum", "minimum", "clamp"])
def test_unchosen_operands_get_zero_even_from_an_infinite_cotangent(name):
    point = {"maximum": (1.0, 2.0), "minimum": (2.0, 1.0), "clamp": (5.0, 2.0, 9.0)}[name]
    _, pull = vjp(getattr(ops, name), *map(array, point))
    cts = [float(g._data) for g in pull(array(INF))]
    assert sorted(cts) == [0.0] * (len(point) - 1) + [INF]


def test_cast_carries_derivatives_between_floats_only():
    x = wrap(np.array([1.5, 2.5], np.float32))
    out, pull = vjp(lambda x: ops.cast(x, dtype=np.dtype("float64")), x)
    (g,) = pull(array([1.0, 2.0]))
    assert out.dtype == np.float64 and g.dtype == np.float32
    np.testing.assert_array_equal(g._data, [1.0, 2.0])
    _, dot = jvp(lambda x: ops.cast(x, dtype=np.dtype("float64")), (x,), (x,))
    assert dot.dtype == np.float64

    def through_integers(x):
        return ops.cast(ops.cast(x, dtype=np.dtype("int32")), dtype=np.dtype("float32"))

    np.testing.assert_array_equal(jvp(through_integers, (x,), (x,))[1]._data, [0.0, 0.0])


# ------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_integer_division_truncates_and_survives_zero(dtype):
    x, y = [7, -7, 7, -7, 6, -6, 5, 0], [2, 2, -2, -2, 3, 3, 0, 0]
    assert apply("div", x, y, dtype=dtype).tolist() == [3, -3, -3, 3, 2, -2, 0, 0]
    assert apply("floor_divide", x, y, dtype=dtype).tolist() == [3, -4, -4, 3, 2, -2, 0, 0]
    assert apply("remainder", x, y, dtype=dtype).tolist() == [1, 1, -1, -1, 0, 0, 0, 0]
    assert apply("fmod", x, y, dtype=dtype).tolist() == [1, -1, 1, -1, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["div", "floor_divide", "remainder", "fmod"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", *FLOATS])
def test_division_of_scalars_by_zero_does_not_warn(name, dtype):
    answer = apply(name, 3, 0, dtype=dtype)
    assert answer.dtype == np.dtype(dtype)


def test_integers_wrap():
    assert apply("add", 200, 100, dtype="uint8") == 44
    assert apply("mul", 100, 3, dtype="int8") == 44
    assert apply("sub", 0, 1, dtype="uint16") == 65535
    assert apply("neg", 1, dtype="uint8") == 255
    assert apply("abs", -128, dtype="int8") == -128
    assert apply("square", 200, dtype="uint8") == 64
    assert apply("integer_pow", 3, n=6, dtype="int8") == -39
    assert apply("div", [-128], [-1], dtype="int8").tolist() == [-128]


def test_integer_powers():
    x, y = [2, 1, -1, -1, 0, 3, -2, 0], [-1, -3, -3, -2, -1, 4, 3, 0]
    assert apply("pow", x, y, dtype="int32").tolist() == [0, 1, -1, 1, 0, 81, -8, 1]
    assert apply("pow", [2, 0], [7, 0], dtype="uint8").tolist() == [128, 1]


def test_bits():
    assert apply("shift_left", [1, 1, 1], [3, 31, 32], dtype="int32").tolist() == [8, -(2**31), 0]
    assert apply("shift_right", [-8, 8, -8], [1, 1, 40], dtype="int32").tolist() == [-4, 4, -1]
    assert apply("shift_right", [248, 1], [3, 9], dtype="uint8").tolist() == [31, 0]
    assert apply("population_count", [0, 1, -1, -128], dtype="int8").tolist() == [0, 1, 8, 1]
    assert apply("clz", [0, 1, -1, 64], dtype="int8").tolist() == [8, 7, 0, 1]
    assert apply("clz", [0, 1, 2**63], dtype="uint64").tolist() == [64, 63, 0]
    assert apply("bitwise_not", [True, False], dtype="bool").tolist() == [False, True]
    assert apply("bitwise_not", [0, 5], dtype="uint8").tolist() == [255, 250]


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_rounding_in_every_float(dtype):
    for name in ("maximum", "minimum"):
        found = apply(name, [1.0, NAN, 2.0], [NAN, 1.0, 2.0], dtype=dtype)
        assert np.isnan(found.astype(float)).tolist() == [True, True, False]
    halves = apply("round", [0.5, 1.5, 2.5, -0.5, -1.5], dtype=dtype)
    assert halves.astype(float).tolist() == [0.0, 2.0, 2.0, 0.0, -2.0]
    assert np.isnan(float(apply("sign", NAN, dtype=dtype)))
    assert apply("logistic", [-INF, 0.0, INF], dtype=dtype).astype(float).tolist() == [0, 0.5, 1]
    assert float(apply("logaddexp", -INF, -INF, dtype=dtype)) == -INF
    assert np.isnan(float(apply("sqrt", -1.0, dtype=dtype)))


def test_bfloat16_is_rounded_once():
    one_third = apply("rsqrt", 9.0, dtype=ml_dtypes.bfloat16)
    assert one_third == ml_dtypes.bfloat16(1 / 3)
    third_power = apply("integer_pow", 1.5, n=7, dtype=ml_dtypes.bfloat16)
    assert third_power == ml_dtypes.bfloat16(1.5**7)


def test_casts():
    def cast(values, source, target):
        return (
            apply("cast", values, dtype=source)
            if target is None
            else ops.cast(array(values, source), dtype=np.dtype(target))._data
        )

    assert cast([1.9, -1.9, 0.0], "float32", "int32").tolist() == [1, -1, 0]
    assert cast([257, -1], "int32", "uint8").tolist() == [1, 255]
    assert cast([0.5, 0.0, NAN], "float32", "bool").tolist() == [True, False, True]
    assert cast([1 + 2j], "complex64", "float32").tolist() == [1.0]
    assert cast([2j, 0j], "complex64", "bool").tolist() == [True, False]
    assert cast([1.00390625, 1.01171875], "float32", ml_dtypes.bfloat16).tolist() == [1.0, 1.015625]
    assert cast([True, False], "bool", "bfloat16").tolist() == [1.0, 0.0]


def test_bitcast():
    bits = ops.bitcast(array([1.0, -2.0], "float32"), dtype=np.dtype("uint32"))
    assert [hex(b) for b in bits._data] == ["0x3f800000", "0xc0000000"]
    back = ops.bitcast(bits, dtype=np.dtype("float32"))
    assert back._data.tolist() == [1.0, -2.0]


def test_complex_parts_do_not_mix():
    z = apply("complex", [INF, 1.0, NAN], [NAN, INF, 2.0], dtype="float32")
    assert z.dtype == np.complex64
    np.testing.assert_array_equal(z.real, [INF, 1.0, NAN])
    np.testing.assert_array_equal(z.imag, [NAN, INF, 2.0])
    assert apply("abs", 3 + 4j, dtype="complex64") == 5
    assert apply("conj", 3 + 4j, dtype="complex128") == 3 - 4j
    assert apply("real", 3 + 4j, dtype="complex64").dtype == np.float32
    assert apply("imag", 3 + 4j, dtype="complex128") == 4


# -------------------------------------------------------------------------------------- random bits
def words(*values, dtype="uint32"):
    return [array(v, dtype) for v in values]


@pytest.mark.parametrize(
    "key, counter, expected",
    [  # the known answers that accompany the paper's own implementation (Random123, kat_vectors)
        ((0, 0), (0, 0), 0x6B20015999BA4EFE),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, 0x1CB996FCBB002BE7),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), 0xC4923A9C483DF7A0),
    ],
)
def test_threefry_known_answers(key, counter, expected):
    assert int(ops.threefry2x32(*words(*key, *counter))._data) == expected


def test_threefry_of_a_large_array_equals_its_parts():
    n = 40_000  # more than two of the blocks that the eager function works in
    counters = np.arange(n, dtype=np.uint32).reshape(4, n // 4)
    whole = ops.threefry2x32(*words(7, 9), wrap(counters), wrap(counters[::-1]))._data
    assert whole.shape == counters.shape and whole.dtype == np.uint64
    for row in (0, 3):
        part = ops.threefry2x32(*words(7, 9, counters[row, :100], counters[3 - row, :100]))._data
        np.testing.assert_array_equal(whole[row, :100], part)
    assert len(np.unique(whole)) == n


@pytest.mark.peers
def test_threefry_equals_jax():
    jax_random = pytest.importorskip("jax.extend.random")
    rng = np.random.default_rng(3)
    key = rng.integers(0, 2**32, 2, dtype=np.uint32)
    counters = rng.integers(0, 2**32, 20_000, dtype=np.uint32)
    theirs = np.asarray(jax_random.threefry_2x32(key, counters))
    ours = ops.threefry2x32(*words(*key), wrap(counters[:10_000]), wrap(counters[10_000:]))._data
    np.testing.assert_array_equal((ours >> np.uint64(32)).astype(np.uint32), theirs[:10_000])
    np.testing.assert_array_equal(ours.astype(np.uint32), theirs[10_000:])


def test_operands_are_checked_when_an_eager_call_fails():
    with pytest.raises(
        DtypeError, match="sub: takes integer or float or complex operands, got bool"
    ):
        ops.sub(array(True, "bool"), array(False, "bool"))

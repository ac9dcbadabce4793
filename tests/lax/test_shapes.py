"""lax's names for shapes, for numbers by their bits, and for choices, against JAX."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing import check_grads

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


def same(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


# ------------------------------------------------------------------------------------------- shapes
ARRAYS = [
    ("broadcast_like", (X[0, 0], X)), ("broadcast_like", (X[:, :1], X)),
    ("broadcast_to_rank", (X[0], 4)), ("broadcast_to_rank", (X, 2)),
    ("collapse", (X, 0, 2)), ("collapse", (X, 1)), ("collapse", (X, -2, -1)),
    ("collapse", (X, 1, 1)), ("collapse", (X, 0, 9)), ("collapse", (np.array(3.0), 0, 0)),
    ("tile", (X, (1, 2, 3))), ("tile", (X, (0, 1, 1))), ("stack", ([X, X + 1], 0)),
    ("stack", ([X, X + 1], -1)), ("stack", ([X], 1)),
]  # fmt: skip


def arrays(x):
    if isinstance(x, list):
        return list(map(fnp.asarray, x))
    return fnp.asarray(x) if isinstance(x, (np.ndarray, np.generic)) else x


@pytest.mark.parametrize("number", range(len(ARRAYS)))
def test_arrays_as_jax(number, jax):
    name, args = ARRAYS[number]
    mine = list(map(arrays, args))
    same(getattr(lax, name)(*mine), getattr(jax.lax, name)(*args))
    one = mine[0][0] if isinstance(mine[0], list) else mine[0]

    def f(y):
        first = [y, *mine[0][1:]] if isinstance(mine[0], list) else y
        return getattr(lax, name)(first, *mine[1:])

    same(fl.jit(f)(one), f(one))
    check_grads(f, (one,))
    pair = fnp.stack([one, one * 2])
    if name not in ("collapse", "broadcast_to_rank"):
        same(fl.vmap(f)(pair), fnp.stack([f(pair[0]), f(pair[1])]))


@pytest.mark.parametrize(("sizes", "axis"), [((1, 1), 0), ((0, 3), 1), ((1, 2, 1), -1)])
def test_split_and_unstack_as_jax(sizes, axis, jax):
    mine, theirs = lax.split(fnp.asarray(X), sizes, axis), jax.lax.split(X, sizes, axis)
    assert isinstance(mine, list)
    for a, b in zip(mine, theirs, strict=True):
        same(a, b)
    rows = lax.unstack(fnp.asarray(X), axis)
    for a, b in zip(rows, jax.lax.unstack(X, axis), strict=True):
        same(a, b)
    check_grads(lambda x: lax.split(x, sizes, axis), (fnp.asarray(X),))
    check_grads(lambda x: lax.unstack(x, axis), (fnp.asarray(X),))


TUPLES = [
    ("broadcast_shapes", ((2, 1), (3,))), ("broadcast_shapes", ((3, 1), (1, 4), (5, 1, 1))),
    ("reduce_window_shape_tuple", ((10, 8), (3, 2), (2, 1), ((1, 1), (0, 0)))),
    ("reduce_window_shape_tuple", ((10, 8), (3, 2), (2, 1), ((1, 1), (0, 0)), (2, 2), (1, 3))),
    ("conv_shape_tuple", ((2, 3, 10), (4, 3, 3), (2,), ((1, 1),))),
    ("conv_shape_tuple", ((2, 3, 10), (4, 3, 3), (2,), ((1, 1),), 2)),
    ("conv_shape_tuple", ((2, 3, 10), (4, 3, 3), (2,), "SAME")),
    ("conv_shape_tuple", ((2, 3, 1), (4, 3, 3), (2,), ((0, 0),))),
    ("conv_transpose_shape_tuple", ((2, 10, 3), (3, 3, 4), (2,), "SAME", ("NHC", "HIO", "NHC"))),
    ("conv_transpose_shape_tuple", ((2, 10, 3), (3, 3, 4), (2,), "VALID", ("NHC", "HIO", "NHC"))),
    ("conv_transpose_shape_tuple", ((2, 10, 3), (3, 3, 4), (2,), [(1, 1)], ("NHC", "HIO", "NHC"))),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(TUPLES)))
def test_shapes_as_jax(number, jax):
    name, args = TUPLES[number]
    got = getattr(lax, name)(*args)
    assert got == tuple(map(int, getattr(jax.lax, name)(*args)))
    assert all(type(n) is int for n in got)


def test_shapes_are_those_of_results():
    x, w = fnp.ones((2, 3, 9)), fnp.ones((4, 3, 2))
    out = lax.conv_general_dilated(x, w, (2,), [(1, 0)])
    assert out.shape == lax.conv_shape_tuple(x.shape, w.shape, (2,), [(1, 0)])
    layout = ("NCH", "IOH", "NCH")
    w = fnp.ones((3, 4, 2))
    for padding in ("SAME", "VALID"):
        up = lax.conv_transpose(x, w, (3,), padding, dimension_numbers=layout)
        found = lax.conv_transpose_shape_tuple(x.shape, w.shape, (3,), padding, layout)
        assert up.shape == found


def test_dtypes_and_values():
    assert lax.dtype(1.0) == "float32" and lax.dtype(fnp.ones(2, "bfloat16")) == fl.bfloat16
    assert lax.dtype(np.int8) == "int8" and lax.dtype(True) == "bool"
    assert lax.shape_as_value((2, 3)).tolist() == [2, 3]
    assert lax.shape_as_value(()).shape == (0,)
    assert lax.empty((2, 0), "int8").dtype == "int8"
    with pytest.raises(DtypeError, match="lax.dtype: "):
        lax.dtype("object")


# --------------------------------------------------------------------------------------------- bits
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_mulhi_is_the_upper_half(dtype, rng):
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.max, 0, 1, limits.max // 2, limits.min // 2]
    x = np.array([*ends, *rng.integers(limits.min, limits.max, 30, dtype, endpoint=True)], dtype)
    a, b = np.meshgrid(x, x)
    bits = 8 * a.dtype.itemsize
    want = [
        [(int(m) * int(n)) >> bits for m, n in zip(*row, strict=True)]
        for row in zip(a, b, strict=True)
    ]
    got = lax.mulhi(fnp.asarray(a), fnp.asarray(b))
    same(got, np.array(want, dtype))
    same(fl.jit(lax.mulhi)(fnp.asarray(a), fnp.asarray(b)), np.array(want, dtype))
    same(lax.mulhi(fnp.asarray(x[:, None]), fnp.asarray(x[None])), np.array(want, dtype).T)


FORMATS = [(5, 10), (8, 7), (4, 3), (2, 1), (1, 0), (8, 23), (5, 23), (11, 52), (8, 0), (3, 5)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_reduce_precision_as_jax(dtype, rng, jax):
    x = np.concatenate([
        rng.normal(size=40) * 10.0 ** rng.integers(-12, 12, 40),
        [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 1.5, 1.75, 2.5, 65504, 65519, 65520, 6e-8, 1e-40],
    ])  # fmt: skip
    mine = fnp.asarray(x).astype(dtype)
    theirs = np.asarray(mine)
    for format_ in FORMATS:
        got = np.asarray(lax.reduce_precision(mine, *format_)).astype("float64")
        want = np.asarray(jax.lax.reduce_precision(theirs, *format_)).astype("float64")
        np.testing.assert_array_equal(got, want, err_msg=str(format_))
        assert (np.signbit(got) == np.signbit(want))[~np.isnan(got)].all()


def test_reduce_precision_in_transforms():
    x = fnp.asarray([1.1, 2.7, -3.3])
    f = lambda v: lax.reduce_precision(v * 2, 5, 3)  # noqa: E731
    same(fl.jit(f)(x), f(x))
    same(fl.vmap(f)(x), f(x))
    assert fl.grad(lambda v: fnp.sum(f(v)))(x).tolist() == [2, 2, 2]
    assert fl.jvp(f, (x,), (x,))[1].tolist() == (x * 2).tolist()
    assert fl.jacfwd(fl.jacrev(f))(x).shape == (3, 3, 3)


# ------------------------------------------------------------------------------------------ largest
@pytest.mark.parametrize("name", ["approx_max_k", "approx_min_k"])
@pytest.mark.parametrize(("k", "axis"), [(2, -1), (1, 0), (3, 1), (0, 1)])
def test_the_extreme_elements_as_jax(name, k, axis, rng, jax):
    x = rng.permutation(24.0 * np.arange(24)).reshape(4, 6).astype("float32")
    got = getattr(lax, name)(fnp.asarray(x), k, axis)
    if k:
        want = getattr(jax.lax, name)(x, k, axis)
        for a, b in zip(got, want, strict=True):
            same(a, b)
    f = lambda y: getattr(lax, name)(y, k, axis)[0]  # noqa: E731
    check_grads(f, (fnp.asarray(x, "float64"),), order=1)
    same(fl.jit(f)(fnp.asarray(x)), got[0])


def test_nan_is_neither_large_nor_small():
    x = fnp.asarray([[np.nan, 1.0, 3.0], [2.0, np.nan, np.nan]])
    values, places = lax.approx_max_k(x, 2)
    assert places.tolist() == [[2, 1], [0, 1]]
    assert values[0].tolist() == [3, 1] and np.isnan(float(values[1, 1]))
    assert lax.approx_min_k(x, 2)[1].tolist() == [[1, 2], [0, 1]]


# ------------------------------------------------------------------------------------------ choices
def test_precisions_of_products(jax, rng):
    # whatever the order, float32 loses some of the ones beside the large numbers
    x = fnp.asarray(rng.permutation(np.repeat([1e8, -1e8, 1], [32, 32, 64]))[None], "float32")
    ones = fnp.ones((128, 1))
    for word in (None, "highest", ("high", "default"), lax.Precision.HIGH, "BF16_BF16_F32"):
        assert lax.dot(x, ones, precision=word).dtype == "float32"
    assert float(lax.dot(x, ones, precision=lax.DotAlgorithmPreset.F64_F64_F64)[0, 0]) == 64
    wide = lax.DotAlgorithm("float32", "float32", "float64")
    assert float(lax.dot(x, ones, wide)[0, 0]) == 64
    # 64 + 64 * 0.5 in halves of either kind, of which neither holds the other
    halves = fnp.asarray([[64.0, *[0.5] * 64]], "float16")
    for operand, word in (("float16", "BF16_BF16_BF16"), ("bfloat16", "F16_F16_F16")):
        left, right = halves.astype(operand), fnp.ones((65, 1), operand)
        out = lax.dot(left, right, precision=word)
        assert out.dtype == operand and float(out[0, 0]) == 96
    image, kernel = x[None], fnp.ones((1, 1, 128))
    out = lax.conv_general_dilated(image, kernel, (1,), "VALID", precision="F64_F64_F64")
    assert out.dtype == "float32" and float(out[0, 0, 0]) == 64
    with pytest.raises(ValueError, match="precision must be None, .* got 'exact'"):
        lax.dot(x, ones, precision="exact")
    with pytest.raises(ValueError, match="conv_general_dilated: precision"):
        lax.conv_general_dilated(image, kernel, (1,), "VALID", precision=3)
    for preset in jax.lax.DotAlgorithmPreset:
        other = lax.DotAlgorithmPreset(preset.value)
        assert other.name == preset.name
        theirs = preset.accumulation_type
        assert other.accumulation_type == (None if theirs is None else np.dtype(theirs))


def test_enums_are_those_of_jax(jax):
    for name in ("RoundingMethod", "RandomAlgorithm", "AccuracyMode", "GatherScatterMode"):
        mine, theirs = getattr(lax, name), getattr(jax.lax, name)
        assert [(m.name, m.value) for m in mine] == [(m.name, m.value) for m in theirs]
    for name in ("EigImplementation", "EighImplementation", "SvdAlgorithm"):
        mine, theirs = getattr(lax.linalg, name), getattr(jax.lax.linalg, name)
        assert [(m.name, m.value) for m in mine] == [(m.name, m.value) for m in theirs]
    a = fnp.eye(2)
    lax.linalg.eigh(a, implementation=lax.linalg.EighImplementation.QR)
    lax.linalg.svd(a, algorithm=lax.linalg.SvdAlgorithm.JACOBI)
    lax.linalg.eig(a, implementation=lax.linalg.EigImplementation.LAPACK)


def test_rounding_and_accuracy():
    halves = fnp.asarray([0.5, 1.5, -2.5])
    assert lax.round(halves, lax.RoundingMethod.TO_NEAREST_EVEN).tolist() == [0, 2, -2]
    assert lax.round(halves, lax.RoundingMethod.AWAY_FROM_ZERO).tolist() == [1, 2, -3]
    with pytest.raises(ValueError, match="rounding_method must be a RoundingMethod.*got 2"):
        lax.round(halves, 2)
    for name in "cbrt cos exp exp2 expm1 log log1p logistic rsqrt sin sqrt tan tanh".split():
        fn = getattr(lax, name)
        given = fn(0.5, accuracy=lax.Tolerance(atol=1e-3, ulps=2))
        assert float(given) == float(fn(0.5)) == float(fn(0.5, accuracy=lax.AccuracyMode.HIGHEST))
    with pytest.raises(TypeError, match="Remedy: accuracy=lax.Tolerance\\(rtol=0.1\\)"):
        lax.exp(0.5, accuracy=0.1)
    with pytest.raises(TypeError, match="Remedy: leave it out"):
        lax.exp(0.5, accuracy="high")
    with pytest.raises(ValueError, match="not both rtol and ulps"):
        lax.Tolerance(rtol=0.1, ulps=1)


def test_platforms():
    x = fnp.ones(2)
    run = lambda v: lax.platform_dependent(v, cpu=lambda u: u + 1, cuda=lambda u: u * 5)  # noqa: E731
    for f in (run, fl.jit(run), fl.vmap(run)):
        assert f(x).tolist() == [2, 2]
    assert fl.grad(lambda v: fnp.sum(run(v) ** 2))(x).tolist() == [4, 4]
    assert lax.platform_dependent(x, tpu=lambda u: u, default=lambda u: u - 1).tolist() == [0, 0]
    with pytest.raises(NotImplementedError, match="Remedy: cpu=function, or default=function"):
        lax.platform_dependent(x, cuda=lambda u: u)


# ------------------------------------------------------------------------------------------- errors
Y = fnp.asarray(X)
REFUSALS = [
    (lambda: lax.broadcast_like(Y, Y[0]), ShapeError, "broadcast"),
    (lambda: lax.broadcast_shapes((2,), (3,)), ShapeError, "broadcast"),
    (lambda: lax.collapse(Y, 2, 1), ShapeError, "name no range of the 3 axes"),
    (lambda: lax.split(Y, (1, 1), 1), ShapeError, "Remedy: one more part of 1"),
    (lambda: lax.split(Y, (4,), 1), ShapeError, "Remedy: smaller parts"),
    (lambda: lax.split(Y, (4, -1), 1), ShapeError, "must not be negative"),
    (lambda: lax.stack([]), ShapeError, "at least one array"),
    (lambda: lax.stack([Y, Y[0]]), ShapeError, "one shape"),
    (lambda: lax.stack([Y, Y.astype("int32")]), DtypeError, "one dtype"),
    (lambda: lax.tile(Y, (2,)), ShapeError, "an entry for each of the 3 axes"),
    (lambda: lax.reduce_window_shape_tuple((3, 3), (2,), (1, 1), [(0, 0)] * 2), ShapeError,
     "window_dimensions must hold one int of at least 1 for each of the 2 axes"),
    (lambda: lax.conv_shape_tuple((3, 3, 3), (3, 3, 3), (1,), [(0, 0)], 2), ShapeError,
     "no multiple of batch_group_count=2"),
    (lambda: lax.conv_shape_tuple((3, 3, 3), (3, 3, 3), (1, 1), [(0, 0)]), ShapeError,
     "lax.conv_shape_tuple: strides must have a positive entry for each of the 1 spatial"),
    (lambda: lax.conv_transpose_shape_tuple((3, 3, 3), (3, 3, 3), 1, "SAME", None), TypeError,
     "lax.conv_transpose_shape_tuple: window_strides must be a sequence of 1 ints"),
    (lambda: lax.conv_transpose_shape_tuple((3, 3, 3), (3, 3, 3), (1,), "FULL", None), ValueError,
     "padding must be 'SAME', 'VALID' or pairs"),
    (lambda: lax.mulhi(Y, Y), DtypeError, "integers of one dtype; got float64"),
    (lambda: lax.mulhi(fnp.ones(3, "int8"), fnp.ones((2, 3), "int8")), ShapeError, "as many axes"),
    (lambda: lax.reduce_precision(Y, 0, 3), ValueError, "exponent_bits must be positive"),
    (lambda: lax.reduce_precision(1, 5, 3), DtypeError, "must hold real floats; got int64"),
    (lambda: lax.approx_max_k(Y, 5), ShapeError, "k=5 of an axis of size 4"),
    (lambda: lax.approx_max_k(Y, 1, recall_target=0), ValueError, "recall_target must be above 0"),
    (lambda: lax.approx_min_k(fnp.arange(3), 1), DtypeError, "Remedy: top_k"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_refusals(number):
    call, kind, text = REFUSALS[number]
    with pytest.raises(kind, match=text):
        call()

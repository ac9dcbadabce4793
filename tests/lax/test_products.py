"""Ragged and scaled products, patches and local convolutions, against JAX and plain loops."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, ops
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.lax import RaggedDotDimensionNumbers
from functorch_lite.testing import check_grads


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


def near(got, want, tolerance=1e-9):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------------------------------- ragged
SIZES = [[2, 1, 2], [0, 5, 0], [1, 1, 1], [4, 3, 1], [0, 0, 0]]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_ragged_dot_as_jax(sizes, known, rng, jax):
    x, w = rng.normal(size=(5, 2)), rng.normal(size=(3, 2, 4))
    groups, ct = np.array(sizes, "int32"), rng.normal(size=(5, 4))
    product = lax.ragged_dot if known else fl.jit(lax.ragged_dot)  # jit's arguments are traced
    mine = lambda a, b: product(a, b, fnp.asarray(groups))  # noqa: E731
    theirs = lambda a, b: jax.lax.ragged_dot(a, b, groups)  # noqa: E731
    args = fnp.asarray(x), fnp.asarray(w)
    near(mine(*args), theirs(x, w))
    near(fl.jit(mine)(*args), theirs(x, w))
    near(fl.jvp(mine, args, args)[1], jax.jvp(theirs, (x, w), (x, w))[1])
    for a, b in zip(fl.vjp(mine, *args)[1](fnp.asarray(ct)), jax.vjp(theirs, x, w)[1](ct),
                    strict=True):  # fmt: skip
        near(a, b)


def test_ragged_dot_under_vmap(rng):
    x, w = fnp.asarray(rng.normal(size=(3, 5, 2))), fnp.asarray(rng.normal(size=(3, 3, 2, 4)))
    sizes = fnp.asarray([[2, 1, 2], [0, 5, 0], [1, 1, 1]])
    for axes in ((0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0)):
        args = [a if i == 0 else a[0] for a, i in zip((x, w, sizes), axes, strict=True)]
        want = [
            lax.ragged_dot(*[a[i] if b == 0 else a for a, b in zip(args, axes, strict=True)])
            for i in range(3)
        ]
        near(fl.vmap(lax.ragged_dot, axes)(*args), fnp.stack(want))


def test_rows_of_other_groups_do_not_see_nan(rng):
    x, w = rng.normal(size=(4, 2)), rng.normal(size=(3, 2, 4))
    w[1] = np.nan
    out = np.asarray(lax.ragged_dot(fnp.asarray(x), fnp.asarray(w), fnp.asarray([1, 1, 1])))
    assert np.isnan(out).all(1).tolist() == [False, True, False, False]


def test_some_of_the_groups(rng):
    x, w = fnp.asarray(rng.normal(size=(6, 2))), fnp.asarray(rng.normal(size=(3, 2, 4)))
    sizes = fnp.asarray([2, 3, 1])
    whole = np.array(lax.ragged_dot(x, w, sizes))
    f = lambda first: lax.ragged_dot(x, w[1:], sizes, group_offset=first)  # noqa: E731
    whole[:2] = 0
    near(f(fnp.asarray([1])), whole)
    near(fl.jit(f)(fnp.asarray([1])), whole)


def general(module, mode):
    """A call for a ragged axis that is free, summed over, or of the batch."""
    numbers = module.RaggedDotDimensionNumbers
    return {
        "free": numbers((((3,), (2,)), ((0,), (1,))), (2,), (0,)),
        "outer": numbers((((0,), (1,)), ((2,), (0,))), (3,), (3,)),
        "summed": numbers((((2, 0), (1, 2)), ((1,), (0,))), (2,), ()),
        "batch": numbers((((2,), (1,)), ((0,), (0,))), (0,), ()),
    }[mode]


@pytest.mark.parametrize(
    ("mode", "left", "right", "groups"),
    [
        ("free", (2, 3, 5, 7), (3, 2, 7, 4), (3,)), ("free", (2, 3, 5, 7), (3, 2, 7, 4), (2, 3, 3)),
        ("outer", (4, 3, 2, 5), (2, 4, 3, 2), (2, 3, 2)), ("summed", (2, 3, 5), (3, 5, 2, 4), (3,)),
        ("batch", (6, 5, 2), (6, 2, 4), (3,)),
    ],
)  # fmt: skip
def test_general_ragged_products_as_jax(mode, left, right, groups, rng, jax):
    x, w, sizes = rng.normal(size=left), rng.normal(size=right), rng.integers(0, 3, groups)
    want = jax.lax.ragged_dot_general(x, w, sizes, general(jax.lax, mode))
    mine = lambda a, b: lax.ragged_dot_general(  # noqa: E731
        a, b, fnp.asarray(sizes), general(lax, mode)
    )
    near(mine(fnp.asarray(x), fnp.asarray(w)), want)
    check_grads(mine, (fnp.asarray(x), fnp.asarray(w)), order=1)


def test_ragged_dtypes():
    x, w = fnp.ones((3, 2)), fnp.ones((2, 2, 4))
    for dtype in ("int32", "float16", "bfloat16", "complex64"):
        out = lax.ragged_dot(x.astype(dtype), w.astype(dtype), fnp.asarray([1, 2], "uint8"))
        assert out.dtype == dtype and out.real.astype("float32").tolist() == [[2] * 4] * 3
    assert lax.ragged_dot(x, w, fnp.asarray([1, 2]), None, "float64").dtype == "float64"
    assert lax.ragged_dot(x[:0], w, fnp.asarray([0, 0])).shape == (0, 4)


# ------------------------------------------------------------------------------------------- scaled
@pytest.mark.parametrize("lead", [(), (4,)])
@pytest.mark.parametrize("scales", ["both", "left", "right", "none"])
def test_scaled_dot(lead, scales, rng, jax):
    x, w = rng.normal(size=(*lead, 2, 8)), rng.normal(size=(*lead, 8, 3))
    a, b = rng.normal(size=(*lead, 2, 2)), rng.normal(size=(*lead, 4, 3))
    given = {}
    left, right = x, w
    if scales in ("both", "left"):
        given["lhs_scale"], left = a, x * np.repeat(a, 4, -1)
    if scales in ("both", "right"):
        given["rhs_scale"], right = b, w * np.repeat(b, 2, -2)
    mine = {k: fnp.asarray(v) for k, v in given.items()}
    f = lambda u, v: lax.scaled_dot(u, v, **mine, preferred_element_type="float64")  # noqa: E731
    near(f(fnp.asarray(x), fnp.asarray(w)), left @ right)
    check_grads(f, (fnp.asarray(x), fnp.asarray(w)), order=1)
    single = {k: v.astype("float32") for k, v in given.items()}
    want = jax.lax.scaled_dot(x.astype("float32"), w.astype("float32"), **single)
    got = lax.scaled_dot(
        fnp.asarray(x, "float32"), fnp.asarray(w, "float32"), **{k: fnp.asarray(v) for k, v in
        single.items()},
    )  # fmt: skip
    assert str(got.dtype) == str(want.dtype) == "bfloat16"
    near(got.astype("float32"), want.astype("float32"), 0.02)


def test_scaled_dot_widens_by_itself_where_promotion_is_strict():
    x = fnp.ones((2, 4), "bfloat16")
    with fl.numpy_dtype_promotion("strict"):
        out = lax.scaled_dot(x, x.T.astype("float16"), lhs_scale=fnp.full((2, 2), 0.5))
        half = fnp.full((1, 4), 300.0, "float16")  # whose product is too large for its dtype
        large = lax.scaled_dot(half, half.T, preferred_element_type="float32")
    assert out.dtype == "bfloat16" and out.astype("float32").tolist() == [[2.0] * 2] * 2
    assert large.tolist() == [[360000.0]]


# ------------------------------------------------------------------------------------------ patches
LAYOUTS = {
    1: [None, ("NHC", "HIO", "NHC")],
    2: [None, ("NHWC", "HWIO", "NHWC"), ("NHWC", "WHIO", "NCWH"), ("CNHW", "OIHW", "NHWC")],
}


def random_call(rng, ndim):
    """Layouts and params of a convolution, and the shape of its operand."""
    layout = LAYOUTS[ndim][rng.integers(len(LAYOUTS[ndim]))]
    window = [int(n) for n in rng.integers(1, 4, ndim)]
    strides = [int(n) for n in rng.integers(1, 3, ndim)]
    params = {
        "lhs_dilation": [int(n) for n in rng.integers(1, 3, ndim)],
        "rhs_dilation": [int(n) for n in rng.integers(1, 3, ndim)],
    }
    padding = [(int(a), int(b)) for a, b in rng.integers(-1, 3, (ndim, 2))]
    if rng.random() < 0.4:
        padding, params["lhs_dilation"] = ("SAME", "VALID")[rng.integers(2)], None
    spec = layout[0] if layout else "NC" + "HW"[:ndim]
    sizes = {"N": 2, "C": 3, "H": 6, "W": 5}
    return tuple(sizes[c] for c in spec), window, strides, padding, params, layout


@pytest.mark.parametrize("number", range(12))
def test_patches_as_jax(number, jax):
    rng = np.random.default_rng(number)
    shape, window, strides, padding, params, layout = random_call(rng, 1 + number % 2)
    x = rng.normal(size=shape)

    def run(module, y):
        return module.conv_general_dilated_patches(
            y, window, strides, padding, dimension_numbers=layout, **params
        )

    mine = lambda y: run(lax, y)  # noqa: E731
    want = run(jax.lax, x)
    near(mine(fnp.asarray(x)), want)
    near(fl.jit(mine)(fnp.asarray(x)), want)
    ct = rng.normal(size=want.shape)
    near(
        fl.vjp(mine, fnp.asarray(x))[1](fnp.asarray(ct))[0],
        jax.vjp(lambda y: run(jax.lax, y), x)[1](ct)[0],
    )
    pair = fnp.asarray(np.stack([x, -x]))
    near(fl.vmap(mine)(pair), fnp.stack([mine(pair[0]), mine(pair[1])]))


@pytest.mark.parametrize("number", range(8))
def test_local_convolutions_as_jax(number, jax):
    rng = np.random.default_rng(100 + number)
    shape, window, strides, padding, params, layout = random_call(rng, 1 + number % 2)
    x = rng.normal(size=shape)
    spec = layout or ("NCHW"[: len(shape)], "OIHW"[: len(shape)], "NCHW"[: len(shape)])
    patches = jax.lax.conv_general_dilated_patches(
        x, window, strides, padding, dimension_numbers=spec, **params
    )
    sizes = {"O": 7, "I": patches.shape[spec[2].index("C")]}
    sizes |= {c: patches.shape[spec[2].index(c)] for c in spec[2] if c not in "NC"}
    w = rng.normal(size=[sizes[c] for c in spec[1]])

    def run(module, y, k):
        return module.conv_general_dilated_local(
            y, k, strides, padding, window, dimension_numbers=spec, **params
        )

    want = run(jax.lax, x, w)
    near(run(lax, fnp.asarray(x), fnp.asarray(w)), want)
    if want.size:
        check_grads(lambda y, k: run(lax, y, k), (fnp.asarray(x), fnp.asarray(w)), order=1)


def test_patches_move_elements_and_do_not_multiply():
    x = fnp.asarray([[[np.nan, 1.0, 2.0, np.inf]]])
    out = np.asarray(lax.conv_general_dilated_patches(x, (2,), (1,), "VALID"))
    assert np.isnan(out).sum() == 1 and np.isinf(out).sum() == 1
    ints = lax.conv_general_dilated_patches(fnp.arange(4).reshape(1, 1, 4), (3,), (1,), "SAME")
    assert ints.dtype == "int64" and ints[0, :, 0].tolist() == [0, 0, 1]


def test_a_shared_local_kernel_is_a_convolution(rng):
    x, w = fnp.asarray(rng.normal(size=(2, 3, 6))), fnp.asarray(rng.normal(size=(4, 3, 3)))
    out = lax.conv(x, w, (1,), "VALID")
    local = fnp.broadcast_to(w.reshape(4, 9)[:, :, None], (4, 9, 4))
    near(lax.conv_general_dilated_local(x, local, (1,), "VALID", (3,)), out)


# ------------------------------------------------------------------------------------------- errors
X, W = fnp.ones((5, 2)), fnp.ones((3, 2, 4))
IMAGE = fnp.ones((1, 2, 6))
REFUSALS = [
    (lambda: lax.ragged_dot(X, X, fnp.asarray([1])), ShapeError, "needs lhs\\[m, k\\] and rhs"),
    (lambda: lax.ragged_dot(X, W, fnp.ones(3)), DtypeError, "group_sizes must hold integers"),
    (lambda: lax.ragged_dot(X, W, fnp.asarray([1, 2])), ShapeError, "rhs has 3 groups, and group"),
    (lambda: lax.ragged_dot(X, W, fnp.ones((2, 3), int)), ShapeError, "must have shape \\[groups"),
    (lambda: lax.ragged_dot(X, W.astype("float64"), fnp.asarray([1, 2, 2])), DtypeError, "float64"),
    (lambda: lax.ragged_dot_general(X, X, fnp.asarray([5]), RaggedDotDimensionNumbers(
        (((1,), (1,)), ((), ())), (0, 1), (0,))), ShapeError, "must name one axis"),
    (lambda: lax.ragged_dot_general(X, X, fnp.asarray([5]), RaggedDotDimensionNumbers(
        (((1,), (1,)), ((), ())), (2,), ())), AxisError, "ragged: axis 2"),
    (lambda: lax.ragged_dot_general(X, X, fnp.asarray([5]), RaggedDotDimensionNumbers(
        (((0,), (0,)), ((), ())), (0,), ()), group_offset=fnp.asarray([0])), NotImplementedError,
     "Remedy: slice group_sizes"),
    (lambda: lax.scaled_dot(X, X.T, lhs_scale=fnp.ones((5, 3))), ShapeError,
     "Remedy: a scale of shape \\(5, 1\\)"),
    (lambda: lax.scaled_dot(X, W), ShapeError, "both operands have two axes, or three"),
    (lambda: lax.scaled_dot(X.astype(int), X.T), DtypeError, "lhs must hold real floats; got int"),
    (lambda: lax.scaled_dot(X, X.T.astype("complex64")), DtypeError, "real floats; got complex64"),
    (lambda: ops.dot_general(X, X.astype("float64"), contract=((1,), (1,)), batch=((), ())),
     DtypeError, "x is float32, y is float64"),
    (lambda: lax.conv_general_dilated_patches(IMAGE, (2, 2), (1,), "SAME"), ShapeError,
     "filter_shape must have a size for each spatial axis"),
    (lambda: lax.conv_general_dilated_patches(IMAGE, (2,), (0,), "SAME"), ShapeError,
     "window_strides must have a positive entry"),
    (lambda: lax.conv_general_dilated_patches(IMAGE, (2,), 1, "SAME"), TypeError,
     "lax.conv_general_dilated_patches: window_strides must be a sequence of 1 ints"),
    (lambda: lax.conv_transpose(IMAGE, IMAGE, 2, "SAME"), TypeError,
     "lax.conv_transpose: strides must be a sequence of 1 ints"),
    (lambda: lax.conv_general_dilated_patches(IMAGE, (2,), (1,), "SAME", (2,)), ValueError,
     "has no meaning with lhs_dilation"),
    (lambda: lax.conv_general_dilated_local(IMAGE, IMAGE, (1,), "VALID", (2,)), ShapeError,
     "rhs must have, besides its 1 outputs, an axis of the 4 elements"),
    (lambda: lax.conv_general_dilated_local(IMAGE, IMAGE.astype("float64"), (1,), "VALID", (2,)),
     DtypeError, "operands must have one dtype"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_refusals(number):
    call, kind, text = REFUSALS[number]
    with pytest.raises(kind, match=text):
        call()

"""numpy.fft against NumPy's, its derivatives against JAX, and lax.fft."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax
from functorch_lite.testing import check_grads

ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
MANY = ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]
NORMS = [None, "backward", "ortho", "forward"]


def real_only(name):
    return name.startswith(("rfft", "ihfft"))


def signal(name, shape, dtype="float64"):
    rng = np.random.default_rng(len(name) + sum(shape))
    x = rng.normal(size=shape)
    if not real_only(name):
        x = x + 1j * rng.normal(size=shape)
    single = dtype == "float32"
    return x.astype(("float32" if real_only(name) else "complex64") if single else x.dtype)


def same(got, want, tolerance=1e-12):
    got = np.asarray(got)
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_all_of_numpys_names():
    named = {n for n in dir(np.fft) if not n.startswith("_") and n != "test"}
    theirs = {n for n in named if callable(getattr(np.fft, n))}
    assert set(fnp.fft.__all__) == theirs and len(theirs) == 18


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("norm", NORMS)
def test_one_dimension(name, norm):
    ours, theirs = getattr(fnp.fft, name), getattr(np.fft, name)
    for shape in ((2,), (3,), (7,), (8,), (13,), (4, 5), (3, 2, 6), (0, 4)):
        x = signal(name, shape)
        same(ours(fnp.asarray(x), norm=norm), theirs(x, norm=norm))
        for n in (1, 2, 5, 8):
            for axis in range(-len(shape), len(shape)):
                if x.shape[axis]:
                    same(ours(x, n, axis, norm), theirs(x, n, axis, norm))


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("norm", NORMS)
def test_several_dimensions(name, norm):
    ours, theirs = getattr(fnp.fft, name), getattr(np.fft, name)
    x = signal(name, (3, 4, 5))
    same(ours(x, norm=norm), theirs(x, norm=norm))
    for s, axes in (
        (None, (0, 1)), (None, (2, 0)), (None, (-3, -1)), ((2, 7), (1, 0)), ((6, 3), (-1, -2)),
        ((4, -1), (1, 2)), ((5,), (1,)), ((3, 3), (1, 1)), (None, (0, 2, 0)),
    ):  # fmt: skip
        same(ours(x, s=s, axes=axes, norm=norm), theirs(x, s=s, axes=axes, norm=norm))


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_lengths_without_axes_belong_to_the_last_ones(name):
    x = signal(name, (3, 4, 5))
    want = getattr(np.fft, name)(x, s=(2, 6), axes=(-2, -1))
    same(getattr(fnp.fft, name)(x, s=(2, 6)), want)


def test_no_axes():
    same(fnp.fft.fftn(np.ones(2), axes=()), np.ones(2, "complex128"))
    with pytest.raises(ValueError, match="at least one axis"):
        fnp.fft.rfftn(np.ones(2), axes=())


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("given", ["float32", "float16", "int64", "bool", "bfloat16"])
def test_precision(name, given):
    x = fnp.asarray([1, 0, 1, 1]).astype(given)
    got = getattr(fnp.fft, name)(x)
    assert got.dtype.name == ("float32" if name in ("irfft", "hfft") else "complex64")
    want = getattr(np.fft, name)(np.array([1.0, 0, 1, 1]))
    np.testing.assert_allclose(np.asarray(got), want, atol=1e-6)


def test_single_precision_of_a_long_prime_length():
    x = signal("fft", (1009,), "float32")
    got = np.asarray(fnp.fft.fft(x))
    assert got.dtype == np.complex64
    np.testing.assert_allclose(got, np.fft.fft(x.astype("complex128")), atol=1e-4)


def test_nan_and_infinity_spread_over_the_line_only():
    x = np.ones((3, 4))
    x[1, 2] = np.nan
    x[2, 0] = np.inf
    got = np.asarray(fnp.fft.rfft(x))
    assert np.isnan(got[1]).all() and not np.isfinite(got[2]).any() and np.isfinite(got[0]).all()


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
def test_frequencies(n):
    for name in ("fftfreq", "rfftfreq"):
        want = getattr(np.fft, name)(n, 0.25)
        same(getattr(fnp.fft, name)(n, 0.25, dtype="float64"), want)
        got = getattr(fnp.fft, name)(n, fnp.asarray(0.25))
        same(got, want.astype("float32"), 1e-6)
    x = np.arange(n * 3.0).reshape(n, 3)
    for axes in (None, 0, -1, (1,), (0, 1)):
        for name in ("fftshift", "ifftshift"):
            same(getattr(fnp.fft, name)(x, axes), getattr(np.fft, name)(x, axes))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda f: f.fft(np.ones(3), 0), ValueError, "Invalid number of FFT data points"),
        (lambda f: f.irfft(np.ones(1)), ValueError, "Invalid number of FFT data points"),
        (lambda f: f.fft(np.ones((3, 0))), ValueError, "Invalid number of FFT data points"),
        (lambda f: f.fft(np.ones(3), norm="up"), ValueError, "Invalid norm value up"),
        (lambda f: f.hfft(np.ones(3), norm="up"), ValueError, "Invalid norm value up"),
        (lambda f: f.fft(np.ones(3), axis=1), IndexError, "out of"),
        (lambda f: f.fft2(np.ones(3)), IndexError, "out of"),
        (lambda f: f.rfft(np.ones(3) * 1j), TypeError, "rfft"),
        (lambda f: f.fftn(np.ones((3, 3)), (3,), (0, 1)), ValueError, "different lengths"),
        (lambda f: f.fftfreq(2.5), ValueError, "n should be an integer"),
        (lambda f: f.rfftfreq("a"), ValueError, "n should be an integer"),
    ],
)
def test_numpys_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(np.fft)
    with pytest.raises(error, match=text):
        call(fnp.fft)


def test_a_scalar_has_no_axis_to_transform():
    with pytest.raises(errors.AxisError, match="got a scalar"):
        fnp.fft.fft(1.0)


# ------------------------------------------------------------------------------------- transforms
@pytest.mark.parametrize("name", [*ONE, *MANY])
@pytest.mark.parametrize("shape", [(4, 5), (1, 2), (3, 4)])
def test_derivatives(name, shape):
    f = getattr(fnp.fft, name)
    check_grads(f, (fnp.asarray(signal(name, shape)),), order=2)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("n", [None, 3, 6])
@pytest.mark.parametrize("norm", ["ortho", "forward"])
def test_gradients_are_jaxs(name, n, norm):
    jax = pytest.importorskip("jax")
    x, weights = signal(name, (2, 5)), np.random.default_rng(0).normal(size=16)

    def loss(np_like, x):
        y = getattr(np_like.fft, name)(x, n, norm=norm)
        line = np_like.abs(y + 0.5j).ravel()
        return np_like.sum(line * weights[: line.size])

    with jax.enable_x64(True):
        want = np.asarray(jax.grad(lambda x: loss(jax.numpy, x))(x))
    ours = fl.grad(lambda x: loss(fnp, x))
    same(ours(fnp.asarray(x)), want, 1e-10)
    same(fl.jit(ours)(fnp.asarray(x)), want, 1e-10)


@pytest.mark.parametrize("name", [*ONE, "rfft2", "irfftn"])
def test_vmap_jit_and_scan(name):
    f = getattr(fnp.fft, name)
    x = signal(name, (3, 4, 5))
    want = np.stack([np.asarray(f(row)) for row in x])
    same(fl.vmap(f)(fnp.asarray(x)), want)
    same(fl.jit(f)(fnp.asarray(x[0])), want[0])
    same(fl.jit(fl.vmap(f))(fnp.asarray(x)), want)
    same(lax.scan(lambda c, row: (c + 1, f(row)), 0, fnp.asarray(x))[1], want)
    _, pull = fl.vjp(f, fnp.asarray(x[0]))
    _, pull_all = fl.vjp(fl.vmap(f), fnp.asarray(x))
    same(pull_all(fnp.asarray(want))[0][0], np.asarray(pull(fnp.asarray(want[0]))[0]))


def test_a_compiled_program_leaves_the_transform_to_numpy():
    step = fl.jit(lambda x: fnp.fft.irfft(fnp.fft.rfft(x) * 2.0) + 1.0)
    x = signal("rfft", (8,))
    same(step(x), 2 * x + 1)
    assert "fft" in str(step.cache_info())


def test_derivative_of_a_filter_in_a_loop():
    x = fnp.asarray(signal("rfft", (8,)))

    def smooth(x):
        def step(c, _):
            return fnp.fft.irfft(fnp.fft.rfft(c) * fnp.asarray([1.0, 0.5, 0.2, 0.1, 0.0])), c.sum()

        c, sums = lax.scan(step, x, None, length=3)
        return (c**2).sum() + sums.sum()

    check_grads(smooth, (x,), order=2)
    same(fl.jit(fl.grad(smooth))(x), np.asarray(fl.grad(smooth)(x)))


# -------------------------------------------------------------------------------------------- lax
@pytest.mark.parametrize("kind", ["FFT", "IFFT", "RFFT", "IRFFT"])
def test_lax_fft_is_jaxs(kind):
    jax = pytest.importorskip("jax")
    name = kind.lower()
    x = signal(name, (2, 3, 4))
    for count in (0, 1, 2, 3):
        lengths = x.shape[3 - count :]
        if kind == "IRFFT" and count:
            lengths = (*lengths[:-1], 7)
        with jax.enable_x64(True):
            want = np.asarray(jax.lax.fft(x, kind, lengths))
        same(lax.fft(x, kind, lengths), want)
        same(lax.fft(x, lax.FftType[kind], lengths), want)
        same(lax.fft(x, name, lengths), want)


def test_lax_fft_refuses():
    x = fnp.ones(4)
    with pytest.raises(ValueError, match="fft_type among"):
        lax.fft(x, "DCT", (4,))
    with pytest.raises(TypeError, match="expected fft_type to be a FftType"):
        lax.fft(x, 3.5, (4,))
    with pytest.raises(errors.ShapeError, match=r"last axes are \(5,\)"):
        lax.fft(x, "FFT", (5,))
    with pytest.raises(errors.ShapeError, match="got shape"):
        lax.fft(x, "FFT", (1, 1, 4))
    with pytest.raises(errors.DtypeError, match="real numbers for RFFT"):
        lax.fft(x * 1j, "RFFT", (4,))

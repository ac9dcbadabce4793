"""Python scalars: one program gives the same dtypes in every mode; float64 keeps its digits."""

import operator

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp

FLOATS = ("float16", "bfloat16", "float32", "float64")
OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv)


def bits(x):
    return np.asarray(x).tobytes()


def modes(f, x, s):
    """The value of f(x, s) in every mode."""
    zero = fnp.zeros(x.shape, x.dtype)
    kept = []

    def loss(x, s):
        kept[:] = [f(x, s)]
        return fnp.sum(kept[0].astype("float32")), f(x, s)

    return {
        "jit": fl.jit(f)(x, s),
        "jit of jit": fl.jit(fl.jit(f))(x, s),
        "jit, static": fl.jit(f, static_argnums=1)(x, s),
        "vmap": fl.vmap(f, in_axes=(0, None))(x, s),
        "jit of vmap": fl.jit(fl.vmap(f, in_axes=(0, None)))(x, s),
        "grad by x": fl.grad(loss, has_aux=True)(x, s)[1],
        "grad of jit": fl.grad(fl.jit(loss), has_aux=True)(x, s)[1],
        "vjp": fl.vjp(f, x, s)[0],
        "jvp": fl.jvp(f, (x, s), (zero, 0))[0],
        "linearize": fl.linearize(f, x, s)[0],
        "checked": fl.eval_shape(f, x, s),
    }


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scalar", [0.1, 3, -7.25, 1 / 3, np.float64(0.7)], ids=repr)
def test_every_mode_agrees_with_eager(op, dtype, scalar):
    x = fnp.asarray(np.array([0.5, -1.25, 3.0]), dtype)
    for f in (
        op,
        lambda x, s: op(s, x),
        lambda x, s: op(x, s * 2),
        lambda x, s: op(x, -s) * (s + 0.1),
    ):
        eager = f(x, scalar)
        assert eager.dtype.name == dtype
        for mode, got in modes(f, x, scalar).items():
            assert got.dtype == eager.dtype, mode
            assert got.shape == eager.shape
            if isinstance(got, fl.Array):
                assert type(got) is fl.Array
                assert bits(got) == bits(eager), mode


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool"])
@pytest.mark.parametrize("scalar", [2, 0.5, True])
def test_integers_meet_scalars_alike(dtype, scalar):
    x = fnp.asarray(np.array([1, 0, 1]), dtype)
    f = lambda x, s: x * s  # noqa: E731
    eager = f(x, scalar)
    for got in (
        fl.jit(f)(x, scalar),
        fl.vmap(f, in_axes=(0, None))(x, scalar),
        fl.vjp(f, x, scalar)[0],
    ):
        assert got.dtype == eager.dtype
        assert bits(got) == bits(eager)


def test_float64_keeps_its_digits():
    x = fnp.asarray(np.linspace(0.1, 0.9, 5))
    want = np.linspace(0.1, 0.9, 5) * 0.1
    for f in (
        fl.jit(lambda x, s: x * s),
        fl.jit(lambda x, s: x * (s * 1)),
        lambda x, s: fl.vjp(lambda x, s: x * s, x, s)[0],
        lambda x, s: fl.jvp(lambda x, s: x * s, (x, s), (x, s))[0],
    ):
        np.testing.assert_array_equal(np.asarray(f(x, 0.1)), want)
    # An int and a float literal make a float64 as Python does, not a rounded float32.
    got = fl.jit(lambda x, n: x * (n * 0.1))(x, 3)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(x) * (3 * 0.1))


def test_gradients_by_scalars_are_float32():
    x = fnp.asarray(np.array([1.0, 2.0]))
    for dtype in FLOATS:
        a = x.astype(dtype)
        value, slope = fl.value_and_grad(lambda s: fnp.sum(a * s))(0.5)  # noqa: B023
        assert value.dtype.name == dtype
        assert slope.dtype == np.float32
        assert float(slope) == 3.0
    assert fl.jacfwd(lambda s: x * s)(0.5).dtype == np.float64
    assert fl.jvp(fnp.sin, (0.5,), (1.0,))[1].dtype == np.float32
    assert fl.vjp(lambda s: s * s, 0.5)[1](1.0)[0].dtype == np.float32


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x * x,
        lambda x: (x // 2) * x,
        lambda x: x % 2 + x,
        lambda x: fl.stop_gradient(x) * x,
        lambda x: 2.0,
        lambda x: x**2,
        lambda x: abs(x),
    ],
)
def test_results_of_scalars_alone_have_the_default_dtype(f):
    outs = [
        fl.jit(f)(3.5),
        fl.value_and_grad(f)(3.5)[0],
        fl.value_and_grad(f)(3.5)[1],
        *fl.jvp(f, (3.5,), (1.0,)),
        fl.linearize(f, 3.5)[0],
        fl.linearize(f, 3.5)[1](1.0),
        fl.grad(lambda x: (x, f(x) + x), has_aux=True)(3.5)[1],
        fl.vmap(f, in_axes=None, axis_size=2)(3.5),
        fl.jit(lambda x: fl.value_and_grad(f)(x))(3.5)[0],
    ]
    for out in outs:
        assert type(out) is fl.Array
        assert out.dtype == np.float32
    assert fl.eval_shape(f, 3.5) == fl.ShapeDtypeStruct((), "float32")
    assert fl.jit(lambda n: n * 2)(3).dtype == np.int64
    assert fl.jit(lambda n: n * 2j)(3).dtype == np.complex64


def test_results_of_transforms_are_strong_under_jit_as_without():
    x = fnp.asarray(np.array([1.0, 2.0]), "float16")

    def f(s):
        return fl.value_and_grad(lambda t: t * t)(s)[0] * x

    assert f(0.5).dtype == np.float32
    assert fl.jit(f)(0.5).dtype == np.float32


def test_conversions_make_scalars_strong_under_jit_as_without():
    x = fnp.asarray(np.array([1, 2]), "int8")
    f = lambda s: fnp.asarray(s) * x  # noqa: E731
    assert f(3).dtype == fl.jit(f)(3).dtype == np.int64
    g = lambda s: fnp.sin(s) * x.astype("float16")  # noqa: E731
    assert g(0.5).dtype == fl.jit(g)(0.5).dtype == np.float32


def test_scalars_of_one_kind_share_a_trace():
    f = fl.jit(lambda x, s: x * s)
    for s in (0.1, 2.0, np.float64(3.0)):
        f(fnp.ones(2), s)
    assert f.cache_info().misses == 1
    f(fnp.ones(2), 3)
    assert f.cache_info().misses == 2
    assert "s is i64[] weak instead of f64[] weak" in f.cache_info().traces[1].reason


def test_too_large_an_int_says_so():
    with pytest.raises(OverflowError, match="does not fit into int64"):
        fl.jit(lambda n: n)(2**70)


def test_a_weak_number_and_a_strong_one_of_its_dtype_are_traced_apart():
    f = fl.jit(lambda x, s: x * s)
    x = fnp.ones(2, "float16")
    assert f(x, 0.5).dtype == np.float16
    assert f(x, np.array(0.5)).dtype == np.float64
    assert f(x, np.float64(0.5)).dtype == np.float16
    assert f(x, fnp.asarray(0.5)).dtype == np.float32

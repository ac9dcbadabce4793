"""Activation functions against PyTorch's and JAX's: values, derivatives, what holds at kinks."""

import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random
from functorch_lite.testing import check_grads, check_vmap

KEY = random.key(0)
# Smooth places, every kink, and far out.
POINTS = np.asarray(
    [-30.0, -6, -3, -2.5, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 0.7, 1, 2.5, 3, 6, 20.5, 30]
)
TORCH = {
    "relu6": [{}],
    "leaky_relu": [{"negative_slope": 0.2}],
    "threshold": [{"threshold": 0.5, "value": -2.0}],
    "elu": [{"alpha": 0.5}],
    "selu": [{}],
    "celu": [{}, {"alpha": 0.7}],
    "hardtanh": [{}, {"min_val": -0.5, "max_val": 3.0}],
    "hardsigmoid": [{}],
    "hardswish": [{}],
    "hardshrink": [{}, {"lambd": 1.0}],
    "softshrink": [{}, {"lambd": 1.0}],
    "tanhshrink": [{}],
    "softsign": [{}],
    "mish": [{}],
    "logsigmoid": [{}],
    "softplus": [{"beta": 2.0}],
    "silu": [{}],
    "gelu": [{}],
    "rrelu": [{}, {"lower": 0.1, "upper": 0.2}],
}
JAX = {
    "relu6": {}, "hard_tanh": {}, "hard_sigmoid": {}, "hard_swish": {}, "hard_silu": {},
    "soft_sign": {}, "log_sigmoid": {}, "mish": {}, "celu": {}, "selu": {}, "elu": {},
    "sparse_plus": {}, "sparse_sigmoid": {}, "squareplus": {"b": 2.0}, "identity": {}, "relu": {},
    "swish": {}, "sigmoid": {}, "softplus": {}, "gelu": {}, "standardize": {}, "tanh": {},
}  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("name", TORCH)
def test_equal_pytorchs(name):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    for settings in TORCH[name]:
        x = torch.tensor(POINTS, requires_grad=True)
        expected = getattr(torch.nn.functional, name)(x, **settings)
        (slope,) = torch.autograd.grad(expected.sum(), x)
        extra = {"approximate": False} if name == "gelu" else {}

        def ours(x, extra={**settings, **extra}):  # noqa: B006
            return getattr(nn, name)(x, **extra)

        for f in (ours, fl.jit(ours)):
            out, pull = fl.vjp(f, fnp.asarray(POINTS))
            # PyTorch's softplus is x from 20 on, and its celu has 1 / alpha in single precision.
            np.testing.assert_allclose(out, expected.detach(), rtol=1e-8, atol=1e-15)
            np.testing.assert_allclose(pull(fnp.ones_like(out))[0], slope, rtol=1e-6, atol=1e-14)


@pytest.mark.peers
@pytest.mark.parametrize("name", JAX)
def test_equal_jaxs(name):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    points = POINTS.astype("float32")
    theirs = getattr(jax.nn, name)
    expected, pull = jax.vjp(lambda x: theirs(x, **JAX[name]), points)
    ours, back = fl.vjp(lambda x: getattr(nn, name)(x, **JAX[name]), fnp.asarray(points))
    np.testing.assert_allclose(ours, expected, rtol=3e-6, atol=1e-7)
    slope = pull(np.ones(points.shape, "float32"))[0]
    np.testing.assert_allclose(back(fnp.ones_like(ours))[0], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted({*TORCH, *JAX}))
def test_second_derivatives_vmap_and_dtypes(name):
    settings = TORCH.get(name, [JAX.get(name)])[0]

    def f(x):
        return getattr(nn, name)(x, **settings)

    inner = fnp.asarray([-2.2, -0.7, 0.3, 1.7, 2.8])
    check_grads(f, (inner,), order=2)
    check_vmap(f, (inner,), size=2)
    for dtype in ("float16", "bfloat16", "float32"):
        assert f(inner.astype(dtype)).dtype == dtype
    assert f(fnp.zeros((0, 3))).shape == (0, 3)
    assert math.isnan(float(f(fnp.asarray([math.nan]))[0]))


@pytest.mark.parametrize("name", sorted({*TORCH, *JAX} - {"standardize"}))
def test_far_out_derivatives_are_finite(name):
    settings = TORCH.get(name, [JAX.get(name)])[0]
    x = fnp.asarray([-1e4, 1e4])
    assert np.isfinite(np.asarray(getattr(nn, name)(x, **settings))).all()
    slope = fl.grad(lambda x: getattr(nn, name)(x, **settings).sum())(x)
    assert np.isfinite(np.asarray(slope)).all()


@pytest.mark.peers
def test_log1mexp():
    jax = pytest.importorskip("jax", exc_type=ImportError)
    x = np.asarray([0.0, 1e-30, 1e-3, 0.5, math.log(2), 0.7, 3.0, 50.0, math.inf], "float32")
    np.testing.assert_allclose(nn.log1mexp(fnp.asarray(x)), jax.nn.log1mexp(x), rtol=2e-6)
    x = np.asarray([1e-3, 0.5, 0.7, 3.0, 50.0])
    slopes = fl.vmap(fl.grad(nn.log1mexp))(fnp.asarray(x))
    np.testing.assert_allclose(slopes, 1 / np.expm1(x), rtol=1e-12)
    assert math.isnan(float(nn.log1mexp(fnp.asarray(-1.0))))


@pytest.mark.peers
def test_sums_of_exponentials(rng):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    x = rng.normal(size=(3, 4)).astype("float32")
    x[1] = -math.inf
    b, where = rng.normal(size=(3, 4)).astype("float32"), rng.random((3, 4)) < 0.6
    where[2] = False
    for axis in (0, 1, None, (0, 1)):
        for extra in ({}, {"where": where}, {"keepdims": True}):
            for name in ("logsumexp", "logmeanexp"):
                expected = getattr(jax.nn, name)(x, axis=axis, **extra)
                np.testing.assert_allclose(getattr(nn, name)(x, axis=axis, **extra), expected, 1e-5)
        np.testing.assert_allclose(
            nn.logsumexp(x, axis=axis, b=b), jax.nn.logsumexp(x, axis=axis, b=b), rtol=1e-4
        )
    slope = fl.grad(lambda x: nn.logsumexp(x, axis=1)[0] + nn.logsumexp(x[1]) * 0)(fnp.asarray(x))
    assert not np.isnan(np.asarray(slope)).any()


@pytest.mark.peers
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_glu_softmin_and_standardize(axis, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    jax = pytest.importorskip("jax", exc_type=ImportError)
    x = rng.normal(size=(4, 6))
    found = nn.glu(fnp.asarray(x), axis)
    np.testing.assert_allclose(found, torch.nn.functional.glu(torch.tensor(x), axis), rtol=1e-12)
    expected = torch.nn.functional.softmin(torch.tensor(x), axis)
    np.testing.assert_allclose(nn.softmin(fnp.asarray(x), axis), expected, rtol=1e-12)
    where = rng.random((4, 6)) < 0.7
    single = x.astype("float32")
    np.testing.assert_allclose(
        nn.standardize(fnp.asarray(single), axis, where=where),
        jax.nn.standardize(single, axis, where=where, algorithm="stable"),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


@pytest.mark.peers
def test_prelu(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.normal(size=(2, 3, 4))
    x[0, 0, 0] = 0
    for weight in ([0.3], [0.1, 0.2, -0.5]):
        a, w = torch.tensor(x, requires_grad=True), torch.tensor(weight, dtype=torch.float64)
        w.requires_grad_()
        expected = torch.nn.functional.prelu(a, w)
        direction = rng.normal(size=x.shape)
        expected.backward(torch.tensor(direction))
        out, pull = fl.vjp(nn.prelu, fnp.asarray(x), fnp.asarray(weight, "float64"))
        np.testing.assert_allclose(out, expected.detach(), rtol=1e-12)
        for mine, theirs in zip(pull(fnp.asarray(direction)), (a.grad, w.grad), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    params = nn.PReLU(3).init(KEY)
    np.testing.assert_array_equal(params["weight"], [0.25] * 3)
    out = nn.chain(nn.PReLU(3)).apply((params,), fnp.asarray(x))
    np.testing.assert_allclose(out, np.where(x > 0, x, 0.25 * x))


def test_rrelu_draws_slopes():
    x = -fnp.ones(2000)
    layer = nn.RReLU(0.1, 0.3)
    out = -np.asarray(layer.apply((), x, key=KEY, train=True))
    assert out.min() >= 0.1 and out.max() <= 0.3 and abs(out.mean() - 0.2) < 0.01
    np.testing.assert_allclose(layer.apply((), x), -0.2, rtol=1e-6)
    np.testing.assert_array_equal(nn.rrelu(-x, KEY, train=True), 1.0)


def test_gumbel_softmax_is_a_sample():
    logits = fnp.log(fnp.asarray([0.2, 0.3, 0.5]))
    many = fnp.broadcast_to(logits, (4000, 3))
    hard = np.asarray(nn.gumbel_softmax(many, KEY, hard=True))
    assert set(np.unique(hard)) <= {0.0, 1.0} and (hard.sum(1) == 1).all()
    np.testing.assert_allclose(hard.mean(0), [0.2, 0.3, 0.5], atol=0.03)
    soft = np.asarray(nn.gumbel_softmax(many, KEY, tau=0.5))
    np.testing.assert_array_equal(soft.argmax(1), hard.argmax(1))
    slopes = [
        fl.grad(lambda x, hard=hard: nn.gumbel_softmax(x, KEY, hard=hard)[0])(logits)
        for hard in (True, False)
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-5)
    swapped = nn.gumbel_softmax(many[:5].T, KEY, axis=0, hard=True)
    assert (np.asarray(swapped).sum(0) == 1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.glu(fnp.ones(3)), errors.ShapeError, r"nn.glu.*even number.*\(3,\)"),
        (lambda: nn.hardtanh(fnp.ones(3), 1.0, 0.0), ValueError, "min_val of at most max_val"),
        (lambda: nn.softshrink(fnp.ones(3), -1.0), ValueError, "at least 0; got -1.0"),
        (lambda: nn.prelu(fnp.ones((2, 3)), fnp.ones(2)), errors.ShapeError, r"\(3,\).*got \(2,\)"),
        (lambda: nn.PReLU(0), ValueError, "at least one parameter; got 0"),
        (lambda: nn.rrelu(fnp.ones(3), train=True), TypeError, "expected a key in training"),
        (lambda: nn.rrelu(fnp.ones(3), lower=2.0), ValueError, "lower of at most upper"),
        (lambda: nn.gumbel_softmax(fnp.ones(3), KEY, tau=0.0), ValueError, "positive tau; got 0"),
        (lambda: nn.gumbel_softmax(fnp.ones(()), KEY), errors.ShapeError, "axis of classes"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

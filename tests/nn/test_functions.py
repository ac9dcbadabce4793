"""Activations, softmax, losses, encodings and initializers against PyTorch and closed forms."""

import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random
from functorch_lite.testing import check_grads, check_vmap

KEY = random.key(0)
POINTS = np.asarray([-30.0, -3.0, -0.5, -1e-3, 1e-3, 0.7, 3.0, 30.0])

ACTIVATIONS = {
    "relu": (nn.relu, lambda F, x: F.relu(x)),
    "leaky_relu": (nn.leaky_relu, lambda F, x: F.leaky_relu(x)),
    "leaky_relu 0.2": (
        lambda x: nn.leaky_relu(x, 0.2),
        lambda F, x: F.leaky_relu(x, 0.2),
    ),
    "elu": (nn.elu, lambda F, x: F.elu(x)),
    "elu 0.5": (lambda x: nn.elu(x, 0.5), lambda F, x: F.elu(x, 0.5)),
    "sigmoid": (nn.sigmoid, lambda F, x: F.sigmoid(x)),
    "tanh": (nn.tanh, lambda F, x: F.tanh(x)),
    "softplus": (nn.softplus, lambda F, x: F.softplus(x, threshold=1000)),
    "silu": (nn.silu, lambda F, x: F.silu(x)),
    "gelu": (nn.gelu, lambda F, x: F.gelu(x, approximate="tanh")),
    "exact gelu": (
        lambda x: nn.gelu(x, approximate=False),
        lambda F, x: F.gelu(x),
    ),
    "softmax": (nn.softmax, lambda F, x: F.softmax(x, -1)),
    "log_softmax": (nn.log_softmax, lambda F, x: F.log_softmax(x, -1)),
    "logsumexp": (nn.logsumexp, lambda F, x: x.logsumexp(0)),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_gradient_equal_pytorchs(name, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    ours, theirs = ACTIVATIONS[name]
    x = torch.tensor(POINTS, requires_grad=True)
    expected = theirs(torch.nn.functional, x)
    out, pull = fl.vjp(ours, fnp.asarray(POINTS))
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12, atol=1e-15)
    cotangent = rng.standard_normal(expected.shape)
    expected.backward(torch.tensor(cotangent))
    gradient = pull(fnp.asarray(cotangent))[0]
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_second_derivatives(name):
    check_grads(ACTIVATIONS[name][0], (fnp.asarray(POINTS[1:-1]),), order=2)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_stays(name, dtype):
    assert ACTIVATIONS[name][0](fnp.asarray([0.5, -1.0], dtype)).dtype == dtype


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "softplus", "silu", "sigmoid"])
def test_extremes_stay_finite(name):
    ours = ACTIVATIONS[name][0]
    x = fnp.asarray([-1e4, 0.0, 1e4])
    assert np.isfinite(np.asarray(ours(x))).all()
    assert np.isfinite(np.asarray(fl.grad(lambda x: ours(x).sum())(x))).all()


def test_relu_at_zero_and_nan():
    assert float(fl.grad(nn.relu)(0.0)) == 0
    assert math.isnan(float(nn.relu(fnp.asarray(math.nan))))


def test_softmax_over_axes(rng):
    x = rng.standard_normal((2, 3, 4))
    for axis, sums in [(0, (3, 4)), (-1, (2, 3)), ((0, 2), (3,)), (None, ())]:
        out = nn.softmax(fnp.asarray(x), axis=axis)
        np.testing.assert_allclose(np.asarray(out).sum(axis), np.ones(sums), rtol=1e-12)
        np.testing.assert_allclose(
            nn.log_softmax(fnp.asarray(x), axis=axis), np.log(np.asarray(out)), rtol=1e-9
        )
        total = np.log(np.exp(x).sum(axis))
        np.testing.assert_allclose(nn.logsumexp(fnp.asarray(x), axis=axis), total, rtol=1e-12)
    kept = nn.logsumexp(fnp.asarray(x), axis=1, keepdims=True)
    assert kept.shape == (2, 1, 4)


def test_logsumexp_of_infinities():
    infinite = fnp.asarray([-math.inf, -math.inf])
    assert float(nn.logsumexp(infinite)) == -math.inf
    assert float(nn.logsumexp(fnp.asarray([math.inf, 1.0]))) == math.inf


def test_one_hot():
    x = np.asarray([[0, 2, 3], [1, -1, 2]])
    expected = np.where((x >= 0)[..., None] & (x < 3)[..., None], np.eye(3)[x.clip(0, 2)], 0)
    np.testing.assert_array_equal(nn.one_hot(x, 3), expected)
    for axis in (0, 1, 2, -2):
        out = nn.one_hot(x, 3, axis=axis)
        np.testing.assert_array_equal(np.moveaxis(np.asarray(out), axis, -1), expected)
    assert nn.one_hot(x, 3, dtype="int8").dtype == fnp.int8
    check_vmap(lambda x: nn.one_hot(x, 3), (x,))


# ----------------------------------------------------------------------------------------- losses
@pytest.mark.peers
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 3, 2), (2, 3, 4, 2)])
def test_cross_entropy(shape, reduction, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    logits = 3 * rng.standard_normal(shape)
    axis = 1 if len(shape) > 1 else 0
    target = rng.integers(0, 3, np.delete(shape, axis))
    x = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(x, torch.tensor(target), reduction=reduction)

    def ours(logits):
        return nn.cross_entropy(logits, fnp.asarray(target), reduction)

    out, pull = fl.vjp(ours, fnp.asarray(logits))
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12)
    expected.sum().backward()
    np.testing.assert_allclose(pull(fnp.ones_like(out))[0], x.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.peers
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignored", [{}, {"ignore_index": 1}])
def test_cross_entropy_of_examples_without_a_class(reduction, ignored, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    logits = 3 * rng.standard_normal((7, 3))  # 7 / 5 is rounded differently in every dtype
    for target in ([0, -100, 2, 1, 1, -100, 0], [1] * 7, [-100] * 7):
        if ignored:
            target = [1 if t == -100 else t for t in target]
        x = torch.tensor(logits, requires_grad=True)
        expected = torch.nn.functional.cross_entropy(
            x, torch.tensor(target), reduction=reduction, **ignored
        )
        expected.sum().backward()

        def ours(logits, target=target):
            return nn.cross_entropy(logits, fnp.asarray(target), reduction, **ignored)

        for f in (ours, fl.jit(ours)):
            out, pull = fl.vjp(f, fnp.asarray(logits))
            np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12)
            gradient = np.nan_to_num(np.asarray(pull(fnp.ones_like(out))[0]))
            np.testing.assert_allclose(gradient, np.nan_to_num(x.grad.numpy()), atol=1e-12)


def test_cross_entropy_refuses_what_is_no_class():
    logits = fnp.zeros((2, 3))
    for wrong in (3, -1, -7):
        with pytest.raises(errors.IndexRangeError, match=f"3 classes .* 0 to 2; got {wrong}"):
            nn.cross_entropy(logits, fnp.asarray([0, wrong]))


@pytest.mark.peers
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss(reduction, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, y = rng.standard_normal((2, 4, 3))
    expected = torch.nn.functional.mse_loss(torch.tensor(x), torch.tensor(y), reduction=reduction)
    out = nn.mse_loss(fnp.asarray(x), fnp.asarray(y), reduction)
    np.testing.assert_allclose(out, expected.numpy(), rtol=1e-12)


def test_losses_under_vmap(rng):
    logits = rng.standard_normal((4, 3)).astype("float32")
    target = rng.integers(0, 3, 4)
    mapped = fl.vmap(nn.cross_entropy)(fnp.asarray(logits), fnp.asarray(target))
    whole = nn.cross_entropy(fnp.asarray(logits), fnp.asarray(target), "none")
    np.testing.assert_allclose(mapped, whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.cross_entropy(fnp.ones((2, 3)), fnp.ones((2, 3), "int64")),
            errors.ShapeError,
            r"got logits \(2, 3\) and target \(2, 3\)",
        ),
        (lambda: nn.cross_entropy(fnp.ones((2, 3)), fnp.ones(2)), errors.DtypeError, "float32"),
        (
            lambda: nn.cross_entropy(fnp.ones((2, 3)), fnp.ones(2, "int64"), "average"),
            ValueError,
            "'average'",
        ),
        (lambda: nn.mse_loss(fnp.ones((2, 1)), fnp.ones(2)), errors.ShapeError, r"\(2, 1\)"),
        (
            lambda: nn.initializers.kaiming_uniform()(KEY, (3,)),
            errors.ShapeError,
            r"expected a shape \[out, in, ...\]; got \(3,\)",
        ),
        (lambda: nn.initializers.kaiming_normal(nonlinearity="x"), ValueError, "'x'"),
        (lambda: nn.initializers.kaiming_normal(mode="x")(KEY, (2, 3)), ValueError, "'x'"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ----------------------------------------------------------------------------------- initializers
@pytest.mark.parametrize(
    ("initializer", "stddev", "uniform"),
    [
        (nn.initializers.kaiming_uniform(a=math.sqrt(5)), 1 / math.sqrt(3 * 75), True),
        (nn.initializers.kaiming_uniform(mode="fan_out"), math.sqrt(2 / 500), True),
        (nn.initializers.kaiming_normal(nonlinearity="relu"), math.sqrt(2 / 75), False),
        (nn.initializers.xavier_uniform(), math.sqrt(2 / 575), True),
        (nn.initializers.xavier_normal(gain=2.0), 2 * math.sqrt(2 / 575), False),
        (nn.initializers.normal(0.5), 0.5, False),
        (nn.initializers.uniform(-1.0, 1.0), 1 / math.sqrt(3), True),
    ],
)
def test_spread_of_initializers(initializer, stddev, uniform):
    values = np.asarray(initializer(KEY, (20, 3, 5, 5)))  # fan_in 75, fan_out 500
    assert values.dtype == "float32"
    assert abs(values.mean()) < 4 * stddev / math.sqrt(values.size)
    assert abs(values.std() / stddev - 1) < 0.06
    if uniform:
        assert np.abs(values).max() <= stddev * math.sqrt(3) * 1.000001
    assert initializer(KEY, (2, 2), "float64").dtype == "float64"


def test_constant_initializers():
    np.testing.assert_array_equal(nn.initializers.zeros(KEY, (2,)), [0, 0])
    np.testing.assert_array_equal(nn.initializers.ones(KEY, (2,), "int32"), [1, 1])
    np.testing.assert_array_equal(nn.initializers.constant(0.5)(KEY, (2,)), [0.5, 0.5])

"""Dropouts: which elements fall together, what stays the same on average, keys, messages."""

import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random

KEY = random.key(0)
CHANNELS = {nn.dropout1d: (1, nn.Dropout1d), nn.dropout2d: (2, nn.Dropout2d),
            nn.dropout3d: (3, nn.Dropout3d)}  # fmt: skip


@pytest.mark.parametrize("function", CHANNELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("batched", [True, False])
def test_channels_fall_as_a_whole(function, batched):
    count, layer = CHANNELS[function]
    lead = (50, 20) if batched else (1000,)
    x = random.normal(KEY, (*lead, *(2, 3, 2)[:count]))
    out = np.asarray(function(x, 0.2, KEY)).reshape(1000, -1)
    x = np.asarray(x)
    kept = out.any(axis=1)
    np.testing.assert_allclose(out[kept], x.reshape(1000, -1)[kept] / 0.8, rtol=1e-6)
    assert 750 < kept.sum() < 850
    if batched:  # examples do not fall together
        assert len({tuple(row) for row in kept.reshape(50, 20)}) > 30
    again = layer(0.2).apply((), fnp.asarray(x), key=KEY, train=True)
    np.testing.assert_array_equal(np.asarray(again).reshape(1000, -1), out)
    assert layer(0.2).apply((), x) is x


def test_alpha_dropout_keeps_mean_and_variance():
    x = random.normal(KEY, (200_000,))
    out = np.asarray(nn.alpha_dropout(x, 0.3, random.key(1)), np.float64)
    assert abs(out.mean()) < 0.01 and abs(out.var() - 1) < 0.02
    limit = 1.7580993408473766
    scale = 1 / math.sqrt((limit**2 * 0.3 + 1) * 0.7)
    low = scale * limit * (0.3 - 1)
    dropped = np.isclose(out, low, atol=1e-6)
    assert abs(dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(
        out[~dropped], np.asarray(x)[~dropped] * scale + limit * scale * 0.3, atol=1e-6
    )


def test_feature_alpha_dropout_drops_channels():
    x = random.normal(KEY, (40, 25, 3, 2))
    out = np.asarray(nn.feature_alpha_dropout(x, 0.4, KEY)).reshape(1000, 6)
    constant = np.ptp(out, axis=1) == 0
    assert abs(constant.mean() - 0.4) < 0.06 and len(set(out[constant, 0])) == 1


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_ends(p):
    x = fnp.ones((2, 3, 4))
    for f in (nn.dropout, nn.dropout1d, nn.alpha_dropout, nn.feature_alpha_dropout):
        assert (np.asarray(f(x, p, KEY)) == 1 - p).all()
        assert f(x[:0], p, KEY).shape == (0, 3, 4)
    assert nn.dropout(fnp.ones(()), 0.5, KEY).shape == ()


def test_gradients_scale_like_the_values_and_dtypes_stay():
    x = fnp.ones((3, 4, 5))
    for f in (nn.dropout, nn.dropout1d):
        grad = fl.grad(lambda x, f=f: f(x, 0.5, KEY).sum())(x)
        np.testing.assert_array_equal(grad, f(x, 0.5, KEY))
    for f in (nn.dropout, nn.dropout1d, nn.alpha_dropout, nn.feature_alpha_dropout):
        for dtype in ("float16", "bfloat16", "float64"):
            assert f(x.astype(dtype), 0.5, KEY).dtype.name == dtype
        eager = f(x, 0.5, KEY)
        np.testing.assert_allclose(fl.jit(f, static_argnums=1)(x, 0.5, KEY), eager, rtol=1e-6)
        keys = random.split(KEY, 3)
        mapped = fl.vmap(lambda k, f=f: f(x, 0.5, k))(keys)
        np.testing.assert_allclose(mapped, np.stack([f(x, 0.5, k) for k in keys]), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.dropout1d(fnp.ones(3), 0.5, KEY), errors.ShapeError, "with 1 sizes; got"),
        (lambda: nn.dropout2d(fnp.ones((2, 3)), 0.5, KEY), errors.ShapeError, "with 2 sizes"),
        (lambda: nn.dropout3d(fnp.ones((2, 3, 4, 5), int), 0.5, KEY), errors.DtypeError, "int64"),
        (lambda: nn.feature_alpha_dropout(fnp.ones(3), 0.5, KEY), errors.ShapeError, "batch, chan"),
        (lambda: nn.alpha_dropout(fnp.ones(3), -0.5, KEY), ValueError, r"in \[0, 1\]; got -0.5"),
        (lambda: nn.AlphaDropout(1.5), ValueError, "nn.AlphaDropout: expected a probability"),
        (lambda: nn.dropout(fnp.ones(3), 0.5, 0), errors.DtypeError, "nn.dropout: expected a key"),
        (lambda: nn.dropout(fnp.ones(2), 0.5, fnp.ones(2)), errors.DtypeError, r"got f32\[2\]"),
        (
            lambda: nn.Dropout2d(0.5).apply((), fnp.ones((2, 3, 4)), train=True),
            TypeError,
            r"nn.Dropout2d\(0.5\): expected a key in training",
        ),
        (
            lambda: nn.Dropout(0.5).apply((), fnp.ones(3), key=3, train=True),
            errors.DtypeError,
            r"nn.Dropout\(0.5\): expected a key .*random.key\(3\)",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""Pooling: values by hand, settings, layers and messages; PyTorch is asked in tests/peers."""

import math

import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn
from functorch_lite.errors import ShapeError
from functorch_lite.testing import check_grads
from functorch_lite.testing.vmap_loop import check_vmap

X = np.random.default_rng(0).normal(size=(2, 3, 5, 6))


def windows(x, k, s):
    """[..., out, out, k * k]"""
    view = np.lib.stride_tricks.sliding_window_view(x, (k, k), (-2, -1))[..., ::s, ::s, :, :]
    return view.reshape(*view.shape[:-2], k * k)


@pytest.mark.parametrize("k, s", [(2, 2), (3, 1), (2, 3)])
def test_values_by_numpy(k, s):
    x = fnp.asarray(X)
    view = windows(X, k, s)
    assert (np.asarray(nn.max_pool2d(x, k, s)) == view.max(-1)).all()
    np.testing.assert_allclose(nn.avg_pool2d(x, k, s)._data, view.mean(-1), rtol=1e-12)
    norm = np.sqrt((view**2).sum(-1))
    np.testing.assert_allclose(nn.lp_pool2d(x, 2, k, s)._data, norm, rtol=1e-12)
    values, at = nn.max_pool2d(x, k, s, return_indices=True)
    flat = X.reshape(2, 3, 30)
    assert (
        np.take_along_axis(flat, at._data.reshape(2, 3, -1), -1) == values._data.reshape(2, 3, -1)
    ).all()


def test_without_a_batch_and_in_other_ranks():
    x = fnp.asarray(X)
    for name in ("max_pool2d", "avg_pool2d"):
        pool = getattr(nn, name)
        assert (pool(x[0], 2) == pool(x, 2)[0]).all()
    line, cube = x[0, 0], x
    assert nn.max_pool1d(line, 2).shape == (5, 3)
    assert nn.max_pool3d(cube, (1, 2, 2)).shape == (2, 3, 2, 3)
    assert (nn.max_pool3d(cube, (1, 2, 2)) == nn.max_pool2d(cube, 2)).all()
    assert (nn.avg_pool1d(line, 2, 1) == nn.avg_pool2d(line[None], (1, 2), (1, 1))[0]).all()
    assert nn.max_pool2d(fnp.ones((0, 3, 4, 4)), 2).shape == (0, 3, 2, 2)


def test_what_counts_in_a_mean():
    x = fnp.ones((1, 5))
    assert nn.avg_pool1d(x, 3, 2, 1).tolist() == [[fnp.float32(2 / 3), 1.0, fnp.float32(2 / 3)]]
    assert nn.avg_pool1d(x, 3, 2, 1, count_include_pad=False).tolist() == [[1.0, 1.0, 1.0]]
    # the last window reaches over the end of x, where nothing is counted
    assert nn.avg_pool1d(x, 2, ceil_mode=True).tolist() == [[1.0, 1.0, 1.0]]
    # and one that would begin in the padding is left out
    assert nn.max_pool1d(x[:, :3], 2, 2, 1, ceil_mode=True).shape == (1, 2)
    image = fnp.ones((1, 2, 2))
    assert nn.avg_pool2d(image, 2, divisor_override=8).tolist() == [[[0.5]]]


def test_adaptive_windows_share_elements_where_sizes_do_not_divide():
    x = fnp.asarray([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert nn.adaptive_avg_pool1d(x, 3).tolist() == [[1.5, 3.0, 4.5]]
    values, at = nn.adaptive_max_pool1d(x, 3, return_indices=True)
    assert values.tolist() == [[2.0, 4.0, 5.0]] and at.tolist() == [[1, 3, 4]]
    assert nn.adaptive_avg_pool1d(x, 7).shape == (1, 7)
    assert nn.adaptive_avg_pool2d(fnp.asarray(X), (None, 0)).shape == (2, 3, 5, 0)
    assert nn.adaptive_max_pool2d(fnp.asarray(X), (None, 1)).shape == (2, 3, 5, 1)
    # an infinity stays in its own windows
    spoilt = fnp.asarray([[1.0, 1.0, 1.0, 1.0, math.inf]])
    assert nn.adaptive_avg_pool1d(spoilt, 3).tolist() == [[1.0, 1.0, math.inf]]


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32"])
def test_dtypes(dtype):
    x = fnp.asarray(np.full((1, 64, 64), 100.0, dtype))
    for out in (
        nn.avg_pool2d(x, 64),  # the sum would be infinite in float16
        nn.max_pool2d(x, 64),
        nn.adaptive_avg_pool2d(x, 1),
        nn.adaptive_max_pool2d(x, 1),
    ):
        assert out.dtype == x.dtype and out.tolist() == [[[100.0]]]
    assert nn.lp_pool2d(x, 2, 2).dtype == x.dtype
    whole = fnp.arange(4).reshape(1, 4)
    assert nn.max_pool1d(whole, 2).dtype == np.int64
    assert nn.avg_pool1d(whole, 2).dtype == np.float32


FUNCTIONS = {
    "max": lambda x: nn.max_pool2d(x, 2, 1, 1),
    "avg": lambda x: nn.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "lp": lambda x: nn.lp_pool2d(fnp.exp(x), 2.5, 2, ceil_mode=True),
    "adaptive_avg": lambda x: nn.adaptive_avg_pool2d(x, (2, 4)),
    "adaptive_max": lambda x: nn.adaptive_max_pool2d(x, (2, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_transforms(name):
    f = FUNCTIONS[name]
    x = fnp.asarray(X[0, :1])
    check_grads(f, (x,), order=2)
    check_vmap(f, (x,))
    np.testing.assert_allclose(fl.jit(f)(x)._data, f(x)._data, rtol=1e-12)


def test_indices_under_vmap_and_jit_are_those_of_each_example():
    x = fnp.asarray(X)
    for f in (
        lambda x: nn.max_pool2d(x, 3, 2, 1, return_indices=True),
        lambda x: nn.adaptive_max_pool2d(x, (3, 4), return_indices=True),
    ):
        values, at = f(x)
        for mapped in (fl.vmap(f)(x), fl.jit(f)(x)):
            assert (mapped[0] == values).all() and (mapped[1] == at).all()


def test_a_norm_of_zeros_has_the_derivative_zero():
    assert fl.grad(lambda x: nn.lp_pool1d(x, 2, 2).sum())(fnp.zeros((1, 4))).tolist() == [[0.0] * 4]


# ------------------------------------------------------------------------------------------- layers
LAYERS = [
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), lambda x: nn.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    (nn.MaxPool2d(2, return_indices=True), lambda x: nn.max_pool2d(x, 2, return_indices=True)),
    (nn.MaxPool1d(2, 1, 1, 1), lambda x: nn.max_pool1d(x, 2, 1, 1)),
    (nn.MaxPool3d((1, 2, 2)), lambda x: nn.max_pool3d(x, (1, 2, 2))),
    (nn.AvgPool1d(2, 2, 1), lambda x: nn.avg_pool1d(x, 2, 2, 1)),
    (nn.AvgPool2d(2, 1, 1, False, False, 3), lambda x: nn.avg_pool2d(x, 2, 1, 1, False, False, 3)),
    (nn.AvgPool3d((1, 2, 3)), lambda x: nn.avg_pool3d(x, (1, 2, 3))),
    (nn.LPPool1d(2, 2), lambda x: nn.lp_pool1d(x, 2, 2)),
    (nn.LPPool2d(4, (2, 1), 2), lambda x: nn.lp_pool2d(x, 4, (2, 1), 2)),
    (nn.AdaptiveAvgPool1d(4), lambda x: nn.adaptive_avg_pool1d(x, 4)),
    (nn.AdaptiveAvgPool2d((2, None)), lambda x: nn.adaptive_avg_pool2d(x, (2, None))),
    (nn.AdaptiveAvgPool3d(2), lambda x: nn.adaptive_avg_pool3d(x, 2)),
    (nn.AdaptiveMaxPool1d(4), lambda x: nn.adaptive_max_pool1d(x, 4)),
    (nn.AdaptiveMaxPool2d(3, True), lambda x: nn.adaptive_max_pool2d(x, 3, True)),
    (nn.AdaptiveMaxPool3d((1, 2, 3)), lambda x: nn.adaptive_max_pool3d(x, (1, 2, 3))),
]


@pytest.mark.parametrize("layer, function", LAYERS, ids=lambda v: getattr(v, "name", ""))
def test_a_layer_is_its_function(layer, function):
    x = fnp.asarray(X)
    x = x[0] if "1d" in layer.name else x
    assert layer.init(fl.random.key(0)) == ()
    found, want = layer.apply((), x), function(x)
    for f, w in zip(fl.tree.leaves(found), fl.tree.leaves(want), strict=True):
        assert (f == w).all()


def test_layers_in_a_chain():
    net = nn.chain(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), lambda x: x.reshape(len(x), -1))
    assert net.apply(net.init(fl.random.key(0)), fnp.asarray(X)).shape == (2, 3)
    shown = [
        (nn.MaxPool2d(3, stride=2, padding=1), "MaxPool2d(3, stride=2, padding=1)"),
        (nn.AvgPool2d(2, divisor_override=3), "AvgPool2d(2, divisor_override=3)"),
        (nn.AvgPool2d(2), "AvgPool2d(2)"),
        (nn.AdaptiveMaxPool2d(3), "AdaptiveMaxPool2d(3)"),
    ]
    for layer, name in shown:
        assert repr(layer) == name


# ----------------------------------------------------------------------------------------- messages
def test_messages():
    x = fnp.ones((1, 4, 4))
    with pytest.raises(ValueError, match="max_pool2d: expected padding of at most half of kernel"):
        nn.max_pool2d(x, 2, padding=2)
    with pytest.raises(ValueError, match=r"avg_pool2d: .* Remedy: choose at most 1"):
        nn.avg_pool2d(x, 3, padding=(0, 2))
    with pytest.raises(ShapeError, match="a window of kernel_size 5 does not fit into x of shape"):
        nn.max_pool2d(x, 5)
    with pytest.raises(ShapeError, match=r"batch and channels, .* got shape \(4, 4\)"):
        nn.max_pool2d(x[0], 2)
    with pytest.raises(ShapeError, match="expected kernel_size to be an int or 2 of them"):
        nn.max_pool2d(x, (2, 2, 2))
    with pytest.raises(ValueError, match="expected stride of at least 1"):
        nn.max_pool2d(x, 2, 0)
    with pytest.raises(ShapeError, match="expected elements along each of the last 2 axes"):
        nn.avg_pool2d(x[:, :0], 1)
    with pytest.raises(ValueError, match="divisor_override other than 0"):
        nn.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(ValueError, match="finite norm_type > 0; got inf"):
        nn.lp_pool2d(x, math.inf, 2)
    with pytest.raises(ShapeError, match="output_size to be an int, None or 2 of them"):
        nn.adaptive_avg_pool2d(x, (1, 2, 3))
    with pytest.raises(ValueError, match="output_size of at least 0; got -1"):
        nn.adaptive_max_pool2d(x, -1)

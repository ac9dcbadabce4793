"""Normalisations against PyTorch's, alone and under transforms; half precision; messages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import KEY, close, compare, drawn, load

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn
from functorch_lite.testing import check_grads, check_vmap

EXAMPLES = settings(max_examples=25)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


sizes = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@pytest.mark.peers
@EXAMPLES
@given(st.data(), sizes, st.sampled_from(["float32", "float64"]))
def test_layer_and_rms_norm(torch, data, shape, dtype):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    normalized = shape[data.draw(st.integers(0, len(shape) - 1)) :]
    affine, bias = data.draw(st.booleans()), data.draw(st.booleans())
    eps = data.draw(st.sampled_from([1e-5, 0.1]))
    x = rng.standard_normal(shape).astype(dtype)
    kind = getattr(torch, dtype)
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    layer = nn.LayerNorm(normalized, eps, affine, bias)
    params = drawn(layer.init(KEY), rng, dtype)
    module = load(torch, torch.nn.LayerNorm(normalized, eps, affine, bias, dtype=kind), params)
    compare(torch, layer.apply, module, params, [x], tolerance)
    layer = nn.RMSNorm(normalized, eps, affine)
    params = drawn(layer.init(KEY), rng, dtype)
    module = load(torch, torch.nn.RMSNorm(normalized, eps, affine, dtype=kind), params)
    compare(torch, layer.apply, module, params, [x], tolerance)


@pytest.mark.peers
@EXAMPLES
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_group_norm(torch, data, groups, each, affine):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = (data.draw(st.integers(1, 3)), groups * each, *data.draw(sizes), 2)
    layer = nn.GroupNorm(groups, groups * each, affine=affine)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.GroupNorm(groups, groups * each, affine=affine, dtype=torch.float64)
    compare(torch, layer.apply, load(torch, module, params), params, [rng.random(shape)])


@pytest.mark.peers
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("sizes", [(5,), (3, 2), (2, 1, 3)])
def test_instance_norm(torch, sizes, affine, rng):
    x = rng.standard_normal((2, 3, *sizes))
    kind = getattr(torch.nn, f"InstanceNorm{len(sizes)}d")
    layer = nn.InstanceNorm(3, affine=affine)
    params = drawn(layer.init(KEY), rng)
    module = load(torch, kind(3, affine=affine, dtype=torch.float64), params)
    compare(torch, layer.apply, module, params, [x])

    layer = nn.InstanceNorm(3, affine=affine, momentum=0.3, track_running_stats=True)
    settings = {"affine": affine, "momentum": 0.3, "track_running_stats": True}
    module = kind(3, **settings, dtype=torch.float64)
    made, state = layer.init(KEY)
    params = drawn(made, rng)
    state = {k: v.astype("float64") if v.ndim else v for k, v in state.items()}
    load(torch, module, params, state)
    for _ in range(2):
        x = 1 + 2 * rng.standard_normal((2, 3, *sizes))
        out, state = layer.apply(params, fnp.asarray(x), state, train=True)
        close(out, module(torch.tensor(x)))
    for name, value in state.items():
        close(value, module.state_dict()[name])
    module.eval()
    compare(torch, lambda p, x: layer.apply(p, x, state)[0], module, params, [x])
    again, same = layer.apply(params, fnp.asarray(x), state)
    assert same is state
    weight, bias = params.get("weight"), params.get("bias")
    stats = state["running_mean"], state["running_var"]
    close(nn.instance_norm(fnp.asarray(x), *stats, weight, bias, False), np.asarray(again))


@pytest.mark.peers
@EXAMPLES
@given(st.integers(1, 6), st.integers(1, 5), sizes, st.sampled_from([0.5, 0.75, 2.0]))
def test_local_response_norm(torch, size, channels, sizes, beta):
    rng = np.random.default_rng(size)
    x = rng.standard_normal((2, channels, *sizes))
    layer = nn.LocalResponseNorm(size, 0.5, beta, 1.5)
    module = torch.nn.LocalResponseNorm(size, 0.5, beta, 1.5)
    compare(torch, layer.apply, module, (), [x])


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(torch, dtype, rng):
    x = 300 * rng.standard_normal((4, 6, 5)).astype("float32")
    ours, theirs = fnp.asarray(x).astype(dtype), torch.tensor(x).to(getattr(torch, dtype))
    F = torch.nn.functional
    for found, expected in (
        (nn.layer_norm(ours, 5), F.layer_norm(theirs, (5,))),
        (nn.rms_norm(ours, 5), F.rms_norm(theirs, (5,))),
        (nn.group_norm(ours, 2), F.group_norm(theirs, 2)),
        (nn.instance_norm(ours), F.instance_norm(theirs)),
    ):
        assert found.dtype.name == dtype
        close(found.astype("float32"), expected.float(), 0.02)
    params, state = nn.BatchNorm(6).init(KEY)
    assert nn.BatchNorm(6).apply(params, ours, state, train=True)[0].dtype.name == "float32"
    stats = ours[0, :, 0], fnp.abs(ours[0, :, 1])
    assert nn.batch_norm(ours, *stats).dtype.name == dtype


LAYERS = [
    (nn.LayerNorm((3, 2)), (2, 3, 2)),
    (nn.RMSNorm(3, 0.1), (2, 3)),
    (nn.GroupNorm(2, 4), (2, 4, 3)),
    (nn.InstanceNorm(3, affine=True), (2, 3, 4)),
    (nn.LocalResponseNorm(2, 0.5), (2, 3, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: str(value))
def test_transforms(layer, shape, rng):
    params, x = drawn(layer.init(KEY), rng), fnp.asarray(rng.standard_normal(shape))
    check_grads(layer.apply, (params, x), order=2)
    check_grads(fl.jit(layer.apply), (params, x), order=1)
    check_vmap(layer.apply, (params, x), size=2)
    check_vmap(fl.grad(lambda p, x: (layer.apply(p, x) ** 2).sum(), (0, 1)), (params, x), size=2)


def test_empty_batches_constants_and_nans():
    assert nn.layer_norm(fnp.zeros((0, 3)), 3).shape == (0, 3)
    assert nn.group_norm(fnp.zeros((0, 4, 2)), 2).shape == (0, 4, 2)
    assert nn.instance_norm(fnp.zeros((0, 3, 2))).shape == (0, 3, 2)
    assert nn.rms_norm(fnp.zeros((2, 0)), 0).shape == (2, 0)
    assert nn.layer_norm(fnp.full((1, 3), 7.0), 3).tolist() == [[0, 0, 0]]
    found = nn.layer_norm(fnp.asarray([[1.0, fnp.nan], [1.0, 3.0]]), 2)
    assert np.isnan(np.asarray(found))[0].all() and not np.isnan(np.asarray(found))[1].any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.layer_norm(fnp.ones((2, 3)), 4),
            errors.ShapeError,
            r"\[..., 4\]; got \(2, 3\)",
        ),
        (lambda: nn.layer_norm(fnp.ones(3), (2, 3)), errors.ShapeError, r"\[..., 2, 3\]; got"),
        (lambda: nn.layer_norm(fnp.ones(3), ()), errors.ShapeError, "one or several sizes"),
        (lambda: nn.layer_norm(fnp.ones(3), 2.5), errors.ShapeError, "one or several sizes"),
        (
            lambda: nn.layer_norm(fnp.ones(3), 3, fnp.ones(1)),
            errors.ShapeError,
            r"weight of shape \(3,\); got \(1,\)",
        ),
        (
            lambda: nn.LayerNorm(3).apply(nn.LayerNorm(3).init(KEY), fnp.ones(3, int)),
            errors.DtypeError,
            r"nn.LayerNorm\(3\): expected x of a floating-point dtype; got int64",
        ),
        (
            lambda: nn.LayerNorm(2).apply(nn.LayerNorm(2).init(KEY), KEY),
            errors.DtypeError,
            "a random key is not x",
        ),
        (lambda: nn.group_norm(fnp.ones((2, 3)), 2), ValueError, "divide the channels; got"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "num_groups=2 for 3 channels"),
        (lambda: nn.group_norm(fnp.ones(3), 1), errors.ShapeError, r"\[batch, channels, ...\]"),
        (lambda: nn.group_norm(fnp.ones((1, 2)), 2), errors.ShapeError, "more than one value"),
        (
            lambda: nn.GroupNorm(1, 3).apply(nn.GroupNorm(1, 3).init(KEY), fnp.ones((2, 4))),
            errors.ShapeError,
            r"nn.GroupNorm\(1, 3\): expected x of shape \[batch, 3, ...\]",
        ),
        (lambda: nn.instance_norm(fnp.ones((2, 3))), errors.ShapeError, "at least one size"),
        (lambda: nn.instance_norm(fnp.ones((2, 3, 1))), errors.ShapeError, "more than one value"),
        (
            lambda: nn.instance_norm(fnp.ones((2, 3, 4)), use_input_stats=False),
            ValueError,
            "expected running_mean and running_var",
        ),
        (lambda: nn.local_response_norm(fnp.ones((2, 3)), 2), errors.ShapeError, "at least one"),
        (lambda: nn.LocalResponseNorm(0), ValueError, "size of at least 1; got 0"),
        (
            lambda: nn.batch_norm(fnp.ones((2, 3)), fnp.ones(2), fnp.ones(3)),
            errors.ShapeError,
            r"nn.batch_norm: expected mean of shape \(3,\); got \(2,\)",
        ),
        (lambda: nn.batch_norm(fnp.ones(3), *[fnp.ones(3)] * 2), errors.ShapeError, r"got \(3,\)"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""Convolutions of nn without PyTorch: small sums by hand, layers, unbatched inputs, refusals."""

import math

import numpy as np
import pytest

import functorch_lite.numpy as fnp
from functorch_lite import grad, jit, nn, random, tree, vmap
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing import check_grads

KEY = random.key(0)
FUNCTIONS = {1: nn.conv1d, 2: nn.conv2d, 3: nn.conv3d}
TRANSPOSED = {1: nn.conv_transpose1d, 2: nn.conv_transpose2d, 3: nn.conv_transpose3d}
LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED_LAYERS = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


# ------------------------------------------------------------------------------------------- values
def test_a_kernel_is_not_reversed():
    x, w = fnp.array([[[1.0, 2.0, 4.0]]]), fnp.array([[[1.0, 10.0]]])
    np.testing.assert_array_equal(nn.conv1d(x, w), [[[21.0, 42.0]]])
    np.testing.assert_array_equal(nn.conv1d(x, w, padding=1), [[[10.0, 21.0, 42.0, 4.0]]])
    np.testing.assert_array_equal(nn.conv1d(x, w, padding="same"), [[[21.0, 42.0, 4.0]]])
    np.testing.assert_array_equal(nn.conv1d(x, w, dilation=2), [[[41.0]]])
    np.testing.assert_array_equal(nn.conv1d(x, w, stride=2, padding=1), [[[10.0, 42.0]]])


def test_a_transposed_convolution_places_the_kernel_at_every_element():
    x, w = fnp.array([[[1.0, 2.0]]]), fnp.array([[[3.0, 5.0, 7.0]]])
    np.testing.assert_array_equal(nn.conv_transpose1d(x, w), [[[3.0, 11.0, 17.0, 14.0]]])
    np.testing.assert_array_equal(nn.conv_transpose1d(x, w, stride=2), [[[3, 5, 13, 10, 14]]])
    np.testing.assert_array_equal(
        nn.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1), [[[5, 13, 10, 14]]]
    )


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_a_transposed_convolution_is_the_gradient_by_the_input(ndim, rng):
    kernel = (3, 2, 3)[:ndim]
    x, w = rng.normal(size=(2, 4, *(6, 5, 7)[:ndim])), rng.normal(size=(6, 2, *kernel))
    settings = {"stride": (2, 1, 2)[:ndim], "dilation": (1, 2, 2)[:ndim], "padding": 1}

    def f(x):
        return FUNCTIONS[ndim](x, fnp.asarray(w), groups=2, **settings)

    ct = rng.normal(size=f(fnp.asarray(x)).shape)
    want = grad(lambda x: (f(x) * ct).sum())(fnp.asarray(x))
    missing = [
        n - ((m - 1) * s - 2 + d * (k - 1) + 1)
        for n, m, s, d, k in zip(
            x.shape[2:], ct.shape[2:], settings["stride"], settings["dilation"], kernel, strict=True
        )
    ]
    got = TRANSPOSED[ndim](
        fnp.asarray(ct), fnp.asarray(w), groups=2, output_padding=tuple(missing), **settings
    )
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("functions", [FUNCTIONS, TRANSPOSED])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_without_a_batch(functions, ndim, rng):
    x, w = rng.normal(size=(2, 3, *(4,) * ndim)), rng.normal(size=(3, 3, *(2,) * ndim))
    x, w, b = fnp.asarray(x), fnp.asarray(w), fnp.asarray(rng.normal(size=3))
    f = functions[ndim]
    whole = f(x, w, b)
    np.testing.assert_allclose(np.asarray(f(x[1], w, b)), np.asarray(whole[1]), rtol=1e-12)
    mapped = vmap(f, (0, None, None))(x, w, b)
    np.testing.assert_allclose(np.asarray(mapped), np.asarray(whole), rtol=1e-12)


def test_an_ensemble_of_kernels(rng):
    x, ws = (
        fnp.asarray(rng.normal(size=(2, 4, 5, 5))),
        fnp.asarray(rng.normal(size=(3, 6, 2, 3, 3))),
    )
    found = jit(vmap(lambda w: nn.conv2d(x, w, padding=1, groups=2)))(ws)
    for i in range(3):
        want = nn.conv2d(x, ws[i], padding=1, groups=2)
        np.testing.assert_allclose(np.asarray(found[i]), np.asarray(want), rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------------------------- layers
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_parameters_have_the_shapes_and_the_spread_of_pytorch(ndim):
    kernel = (5, 3, 2)[:ndim]
    for layer, shape in (
        (LAYERS[ndim](8, 12, kernel, groups=4), (12, 2, *kernel)),
        (TRANSPOSED_LAYERS[ndim](8, 12, kernel, groups=4), (8, 3, *kernel)),
    ):
        params = layer.init(KEY)
        assert params["weight"].shape == shape and params["bias"].shape == (12,)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        for value in params.values():
            assert value.dtype == fnp.float32
            assert 0.6 * bound < np.abs(np.asarray(value)).max() <= bound
    assert set(LAYERS[ndim](8, 12, kernel, bias=False).init(KEY)) == {"weight"}


def test_the_weights_are_uniform():
    weight = np.asarray(nn.Conv2d(16, 64, 3).init(KEY)["weight"]).ravel() * 12
    np.testing.assert_allclose([weight.mean(), weight.var()], [0.0, 1 / 3], atol=0.02)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_layers_apply_their_functions(ndim):
    x = random.normal(KEY, (2, 4, *(5,) * ndim))
    layer = LAYERS[ndim](4, 6, 3, 2, 1, 2, 2)
    params = layer.init(KEY)
    want = FUNCTIONS[ndim](x, params["weight"], params["bias"], 2, 1, 2, 2)
    np.testing.assert_array_equal(np.asarray(layer.apply(params, x)), np.asarray(want))
    layer = TRANSPOSED_LAYERS[ndim](4, 6, 3, 2, 1, 1, 2, False, 2)
    params = layer.init(KEY)
    want = TRANSPOSED[ndim](x, params["weight"], None, 2, 1, 1, 2, 2)
    np.testing.assert_array_equal(np.asarray(layer.apply(params, x)), np.asarray(want))


def test_a_network_of_layers_can_be_differentiated():
    net = nn.chain(
        nn.Conv2d(1, 3, 3, padding="same"), nn.tanh, nn.Conv2d(3, 2, 2, stride=2), nn.tanh,
        nn.ConvTranspose2d(2, 1, 2, stride=2),
    )  # fmt: skip
    params = tree.map(lambda p: p.astype("float64"), net.init(KEY))
    x = random.normal(KEY, (2, 1, 4, 4), "float64")
    assert net.apply(params, x).shape == x.shape
    check_grads(lambda params, x: (net.apply(params, x) ** 2).sum(), (params, x))


def test_layers_say_what_they_are():
    assert repr(nn.Conv2d(3, 8, 3, padding="same")) == (
        "Conv2d(3, 8, kernel_size=(3, 3), padding='same')"
    )
    layer = nn.ConvTranspose1d(3, 8, 2, stride=2, output_padding=1, bias=False)
    assert repr(layer) == (
        "ConvTranspose1d(3, 8, kernel_size=(2,), stride=2, output_padding=1, bias=False)"
    )
    with pytest.raises(ShapeError, match=r"nn.ConvTranspose1d\(3, 8, .*got \(2, 4, 5\)"):
        layer.apply(layer.init(KEY), fnp.ones((2, 4, 5)))


# ----------------------------------------------------------------------------------------- refusals
X, W = fnp.ones((2, 4, 5, 5)), fnp.ones((6, 2, 3, 3))


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({}, ShapeError, "x must have 2 channels for a weight of shape"),
        ({"groups": 4}, ValueError, "groups must be positive and divide the 6 channels"),
        ({"groups": 2, "x": X[0, 0]}, ShapeError, "x must have 4 dimensions"),
        ({"groups": 2, "weight": W[0]}, ShapeError, r"shape \[out, in / groups, \*kernel\]"),
        ({"groups": 2, "weight": W[..., :0]}, ShapeError, "at least 1; got shape"),
        ({"groups": 2, "bias": fnp.ones(5)}, ShapeError, r"bias must have shape \(6,\)"),
        ({"groups": 2, "weight": W.astype("float64")}, DtypeError, "x.astype"),
        ({"groups": 2, "bias": fnp.ones(6, "float64")}, DtypeError, "float32, float32, float64"),
        ({"groups": 2, "stride": 0}, ValueError, "expected stride of at least 1"),
        ({"groups": 2, "stride": (1, 2, 3)}, ShapeError, "stride to be an int or 2 of them"),
        ({"groups": 2, "padding": -1}, ValueError, "expected padding of at least 0"),
        ({"groups": 2, "padding": "full"}, ValueError, "'valid', 'same' or numbers"),
        ({"groups": 2, "padding": "same", "stride": 2}, ValueError, "'same' needs stride 1"),
        ({"groups": 2, "dilation": 3}, ShapeError, "is larger than the sizes"),
    ],
)
def test_refusals(change, error, text):
    with pytest.raises(error, match=f"nn.conv2d: .*{text}"):
        nn.conv2d(**({"x": X, "weight": W} | change))


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"weight": W}, ShapeError, "x must have 6 channels"),
        ({"weight": W[0]}, ShapeError, r"shape \[in, out / groups, \*kernel\]"),
        ({"output_padding": 1}, ValueError, "output_padding .* must be smaller"),
        ({"padding": 4}, ShapeError, "gives a result of sizes"),
        ({"bias": fnp.ones(3)}, ShapeError, r"bias must have shape \(2,\)"),
        ({"groups": 3}, ValueError, "divide the 4 channels"),
        ({"padding": "same"}, TypeError, "padding to be an int or 2 of them"),
    ],
)
def test_transposed_refusals(change, error, text):
    with pytest.raises(error, match=f"nn.conv_transpose2d: .*{text}"):
        nn.conv_transpose2d(**({"x": X, "weight": fnp.ones((4, 2, 3, 3))} | change))


def test_groups_must_divide_the_channels_of_a_layer():
    with pytest.raises(ValueError, match="got groups=3 for 4 and 6"):
        nn.Conv1d(4, 6, 3, groups=3)
    with pytest.raises(ValueError, match="expected kernel_size of at least 1"):
        nn.Conv1d(4, 6, 0)

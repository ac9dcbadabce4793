"""Wrong calls of every layer and loss: each message says who speaks, what was wrong, what helps."""

import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn, random, tree
from functorch_lite.errors import DtypeError, ShapeError, TreeError

KEY = random.key(0)
ones = fnp.ones
ENCODER = nn.TransformerEncoderLayer(4, 2, 8)
DECODER = nn.TransformerDecoderLayer(4, 2, 8)
SEQUENCES = (ones((5, 2, 4)), ones((6, 2, 4)))

WITH_PARAMS = [
    (nn.Linear(3, 2), (ones((4, 3)),)),
    (nn.Conv1d(4, 2, 1), (ones((2, 4, 3)),)),
    (nn.Conv2d(4, 2, 1), (ones((2, 4, 3, 3)),)),
    (nn.Conv3d(4, 2, 1), (ones((2, 4, 3, 3, 3)),)),
    (nn.ConvTranspose1d(4, 2, 1), (ones((2, 4, 3)),)),
    (nn.ConvTranspose2d(4, 2, 1), (ones((2, 4, 3, 3)),)),
    (nn.ConvTranspose3d(4, 2, 1), (ones((2, 4, 3, 3, 3)),)),
    (nn.LayerNorm(3), (ones((4, 3)),)),
    (nn.RMSNorm(3), (ones((4, 3)),)),
    (nn.GroupNorm(2, 4), (ones((2, 4, 3)),)),
    (nn.BatchNorm(4), (ones((2, 4, 3)),)),
    (nn.BatchNorm(4, track_running_stats=False), (ones((2, 4, 3)),)),
    (nn.InstanceNorm(4, affine=True, track_running_stats=True), (ones((2, 4, 3)),)),
    (nn.RNN(3, 2), (ones((2, 4, 3)),)),
    (nn.GRU(3, 2), (ones((2, 4, 3)),)),
    (nn.LSTM(3, 2, num_layers=2, dropout=0.5), (ones((2, 4, 3)),)),
    (nn.RNNCell(3, 2), (ones((4, 3)),)),
    (nn.GRUCell(3, 2), (ones((4, 3)),)),
    (nn.LSTMCell(3, 2), (ones((4, 3)),)),
    (nn.MultiHeadAttention(4, 2, dropout=0.1), SEQUENCES[:1]),
    (ENCODER, SEQUENCES[:1]),
    (DECODER, SEQUENCES),
    (nn.TransformerEncoder(ENCODER, 2), SEQUENCES[:1]),
    (nn.TransformerDecoder(DECODER, 2), SEQUENCES),
    (nn.Transformer(4, 2, 1, 1, 8), SEQUENCES),
    (nn.PReLU(3), (ones((4, 3)),)),
    (nn.Bilinear(3, 4, 2), (ones((5, 3)), ones((5, 4)))),
    (nn.weight_norm(nn.Linear(3, 2)), (ones((4, 3)),)),
    (nn.spectral_norm(nn.Linear(3, 2)), (ones((4, 3)),)),
    (nn.residual(nn.Linear(3, 3)), (ones((4, 3)),)),
    (nn.chain(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout()), (ones((4, 3)),)),
]
WITHOUT_PARAMS = [
    (nn.Dropout(), (ones(3),)),
    (nn.Dropout1d(), (ones((2, 4, 3)),)),
    (nn.Dropout2d(), (ones((2, 4, 3, 3)),)),
    (nn.Dropout3d(), (ones((2, 4, 3, 3, 3)),)),
    (nn.AlphaDropout(), (ones(3),)),
    (nn.FeatureAlphaDropout(), (ones((2, 4, 3)),)),
    (nn.RReLU(), (ones(3),)),
    (nn.PositionalEncoding(4, 0.5), SEQUENCES[:1]),
    (nn.LocalResponseNorm(2), (ones((2, 4, 3)),)),
    (nn.MaxPool2d(2), (ones((2, 4, 4, 4)),)),
    (nn.AvgPool2d(2), (ones((2, 4, 4, 4)),)),
    (nn.LPPool2d(2, 2), (ones((2, 4, 4, 4)),)),
    (nn.AdaptiveAvgPool2d(2), (ones((2, 4, 4, 4)),)),
    (nn.AdaptiveMaxPool2d(2), (ones((2, 4, 4, 4)),)),
    (nn.FractionalMaxPool2d(2, output_size=2), (ones((2, 4, 5, 5)),)),
    (nn.MaxUnpool1d(2), ((ones((2, 3, 2)), fnp.zeros((2, 3, 2), int)),)),
    (nn.ZeroPad1d(1), (ones((2, 4, 4)),)),
    (nn.ReflectionPad2d(1), (ones((2, 4, 4, 4)),)),
    (nn.CircularPad2d(1), (ones((2, 4, 4, 4)),)),
    (nn.ReplicationPad2d(1), (ones((2, 4, 4, 4)),)),
    (nn.PixelShuffle(2), (ones((2, 4, 4, 4)),)),
    (nn.PixelUnshuffle(2), (ones((2, 4, 4, 4)),)),
    (nn.ChannelShuffle(2), (ones((2, 4, 4, 4)),)),
    (nn.Flatten(), (ones((2, 3, 4)),)),
    (nn.Unflatten(1, (2, 2)), (ones((2, 4)),)),
    (nn.Fold(4, 2, stride=2), (ones((2, 12, 4)),)),
    (nn.Unfold(2), (ones((2, 3, 4, 4)),)),
    (nn.Upsample(scale_factor=2), (ones((2, 3, 4, 4)),)),
]
TABLES = [
    (nn.Embedding(3, 2), (fnp.zeros(4, int),)),
    (nn.EmbeddingBag(3, 2), (fnp.zeros((4, 2), int),)),
]
EVERY = WITH_PARAMS + WITHOUT_PARAMS + TABLES


def over(cases):
    return pytest.mark.parametrize(
        ("layer", "inputs"), cases, ids=[layer.name for layer, _ in cases]
    )


def made(layer):
    return layer.init(KEY) if layer.stateful else (layer.init(KEY), None)


def call(layer, params, inputs, state, **changes):
    settings = {"key": KEY} if "key" in layer.takes else {}
    settings |= {"train": True} if "train" in layer.takes else {}
    more = (state,) if layer.stateful else ()
    return layer.apply(params, *inputs, *more, **{**settings, **changes})


def refused(layer, action, error=Exception):
    """The message, which must name a layer or function of nn, and either a remedy or shapes."""
    with pytest.raises(error) as caught:
        action()
    message = str(caught.value)
    assert re.match(r"nn\.\w+", message), message
    assert "got" in message or "must be" in message or "Remedy" in message, message
    return message


@over(EVERY)
def test_the_right_call_is_right(layer, inputs):
    params, state = made(layer)
    tree.leaves(call(layer, params, inputs, state))[0].shape  # noqa: B018


@over([case for case in WITH_PARAMS if case[0].name != "PReLU(3)"])
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_integers_and_bools_are_no_input(layer, inputs, dtype):
    params, state = made(layer)
    wrong = tuple(x.astype(dtype) for x in inputs)
    message = refused(layer, lambda: call(layer, params, wrong, state), DtypeError)
    assert dtype in message and "Remedy" in message


@over(TABLES)
def test_floats_are_no_ids(layer, inputs):
    wrong = (inputs[0].astype("float32"),)
    assert "integers" in refused(layer, lambda: call(layer, *made(layer)[:1], wrong, None))


@over(WITH_PARAMS)
def test_a_key_is_no_input(layer, inputs):
    params, state = made(layer)
    refused(layer, lambda: call(layer, params, (KEY, *inputs[1:]), state))


@over(EVERY)
def test_a_key_is_no_parameters(layer, inputs):
    message = refused(layer, lambda: call(layer, KEY, inputs, made(layer)[1]), TreeError)
    assert "expected params" in message and "Remedy" in message


@over(WITH_PARAMS + TABLES)
def test_exchanged_arguments_are_found(layer, inputs):
    params, state = made(layer)
    wrong = (inputs[0], params, *inputs[1:])
    message = refused(layer, lambda: call(layer, wrong[0], wrong[1:], state), TreeError)
    # A composite's inner layer speaks, which cannot know where the parameters are.
    if not layer.children:
        assert "parameters came second" in message


@over(WITH_PARAMS + TABLES)
def test_parameters_of_other_sizes_are_refused(layer, inputs):
    params, state = made(layer)
    other = tree.map(lambda p: fnp.concatenate([p, p]) if p.ndim else p, params)
    message = refused(layer, lambda: call(layer, other, inputs, state), (TreeError, ShapeError))
    assert "must be of shape" in message or "expected" in message


@over(WITHOUT_PARAMS)
def test_layers_without_parameters_refuse_others(layer, inputs):
    other = nn.Linear(3, 2).init(KEY)
    message = refused(layer, lambda: call(layer, other, inputs, None), TreeError)
    assert "which are none; unexpected: params['bias'] of shape (2,)" in message
    for nothing in ((), {}, None, ({},)):
        call(layer, nothing, inputs, None)


@over(EVERY)
@pytest.mark.parametrize("wrong", [None, "x", object()], ids=["None", "str", "object"])
def test_what_is_no_array(layer, inputs, wrong):
    params, state = made(layer)
    message = refused(layer, lambda: call(layer, params, (wrong, *inputs[1:]), state), TypeError)
    assert type(wrong).__name__ in message


@over([case for case in EVERY if {"key", "train"} <= case[0].takes])
@pytest.mark.parametrize("key", [None, 0, 0.5, ones(2)], ids=str)
def test_training_wants_a_key(layer, inputs, key):
    params, state = made(layer)
    message = refused(layer, lambda: call(layer, params, inputs, state, key=key))
    assert "expected a key" in message and "Remedy" in message


@over([case for case in EVERY if case[0].stateful])
def test_a_forgotten_state(layer, inputs):
    pair = layer.init(KEY)
    settings = {"key": KEY} if "key" in layer.takes else {}
    message = refused(layer, lambda: layer.apply(pair[0], *inputs, **settings))
    assert "state" in message
    message = refused(layer, lambda: call(layer, pair, inputs, pair[1]), TreeError)
    if not layer.children:
        assert "params, state = the pair" in message


@over(EVERY)
def test_arguments_that_do_not_exist_or_are_missing(layer, inputs):
    params, state = made(layer)
    message = refused(layer, lambda: call(layer, params, inputs, state, training=True), TypeError)
    assert "training" in message
    message = refused(layer, lambda: layer.init(), TypeError)
    assert re.search(r"Remedy: params(, state)? = layer\.init\(key\)\.$", message)
    if "Transformer(" in layer.name:
        assert "layer.apply(params, src, tgt" in refused(layer, lambda: layer.apply(params))


def test_a_missing_bias_of_a_convolution_is_not_dropped():
    for layer in (nn.Conv1d(2, 3, 1), nn.ConvTranspose1d(2, 3, 1)):
        weight = {"weight": layer.init(KEY)["weight"]}
        with pytest.raises(TreeError, match=r"missing: params\['bias'\] of shape \(3,\)"):
            layer.apply(weight, ones((1, 2, 4)))


def test_linear_refuses_a_bias_that_would_broadcast():
    with pytest.raises(ShapeError, match=r"nn.linear: expected bias of shape \(2,\)"):
        nn.linear(ones(3), ones((2, 3)), ones(1))
    with pytest.raises(ShapeError, match=r"nn.linear: expected weight of shape \[out, in\]"):
        nn.linear(ones(3), ones(3))


def test_linear_takes_complex_numbers_and_lists():
    params = nn.Linear(2, 1).init(KEY)
    listed = nn.Linear(2, 1).apply(params, [[1.0, 2.0]])
    assert listed.shape == (1, 1)
    whole = tree.map(lambda p: p.astype("complex64"), params)
    assert nn.Linear(2, 1).apply(whole, ones(2).astype("complex64")).dtype == "complex64"
    assert nn.softmin([0.0, 1000.0]).tolist() == [1, 0]


def test_a_stack_of_another_height():
    encoder = nn.TransformerEncoder(ENCODER, 2)
    params = nn.TransformerEncoder(ENCODER, 3).init(KEY)
    with pytest.raises(TreeError, match=r"unexpected: params\['layers'\]\[2\]"):
        encoder.apply(params, SEQUENCES[0])


def test_an_error_of_a_users_layer_with_options_passes():
    def apply(params, x, *, options=None, **more):
        raise TypeError("mine")

    layer = nn.Layer(lambda key: (), apply, "Mine()")
    with pytest.raises(TypeError, match="^mine$"):
        layer.apply((), ones(2), options={"a": "b"}, size="c")


# ------------------------------------------------------------------------------------------ losses
X = ones((4, 3))
CLASSES = fnp.asarray([0, 1, 2, 0])
LOSSES = {
    "cross_entropy": (X, CLASSES),
    "nll_loss": (X, CLASSES),
    "multi_margin_loss": (X, CLASSES),
    "multilabel_margin_loss": (X, fnp.full((4, 3), -1)),
    "mse_loss": (X, X),
    "l1_loss": (X, X),
    "smooth_l1_loss": (X, X),
    "huber_loss": (X, X),
    "binary_cross_entropy": (X, X),
    "binary_cross_entropy_with_logits": (X, X),
    "kl_div": (X, X),
    "poisson_nll_loss": (X, X),
    "gaussian_nll_loss": (X, X, X),
    "hinge_embedding_loss": (X, X),
    "soft_margin_loss": (X, X),
    "multilabel_soft_margin_loss": (X, X),
    "margin_ranking_loss": (X[:, 0], X[:, 0], X[:, 0]),
    "cosine_embedding_loss": (X, X, X[:, 0]),
    "triplet_margin_loss": (X, X, X),
    "triplet_margin_with_distance_loss": (X, X, X),
}
WRONG = {
    "integers": lambda first, *rest: (first.astype(int), *rest),
    "complex": lambda first, *rest: (first.astype("complex64"), *rest),
    "key": lambda first, *rest: (KEY, *rest),
    "none": lambda first, *rest: (None, *rest),
    "no target": lambda first, second, *rest: (first, None, *rest),
    "a word": lambda first, second, *rest: (first, "x", *rest),
    "a pair": lambda first, *rest: ((first, {}), *rest),
    "fewer": lambda first, *rest: (first[:2, None], *rest),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("wrong", WRONG)
def test_losses_say_what_is_wrong(name, wrong):
    arguments = LOSSES[name]
    assert getattr(nn, name)(*arguments).shape == ()
    with pytest.raises((TypeError, ShapeError), match=rf"^nn\.{name}: expected .*got") as caught:
        getattr(nn, name)(*WRONG[wrong](*arguments))
    if wrong == "a pair":
        caught.match("a layer with state returns a pair")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_know_their_reductions(name):
    with pytest.raises(ValueError, match=rf"^nn\.{name}: expected reduction in .*got 'average'"):
        getattr(nn, name)(*LOSSES[name], reduction="average")


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "multi_margin_loss"])
@pytest.mark.parametrize("label", [3, -1, 2**40])
def test_labels_out_of_range(name, label):
    with pytest.raises(IndexError, match=rf"^nn\.{name}: 3 classes take .*0 to 2; got {label}\."):
        getattr(nn, name)(X, CLASSES.at[1].set(label))


def test_classes_on_the_last_axis():
    rng = np.random.default_rng(0)
    logits, labels = (
        fnp.asarray(rng.standard_normal((2, 5, 3))),
        fnp.asarray(rng.integers(3, size=(2, 5))),
    )
    for loss in (nn.cross_entropy, nn.nll_loss):
        usual = loss(fnp.moveaxis(logits, -1, 1), labels, "none")
        np.testing.assert_allclose(loss(logits, labels, "none", axis=-1), usual, rtol=1e-12)
        np.testing.assert_allclose(loss(logits, labels, "none", axis=2), usual, rtol=1e-12)
        with pytest.raises(ShapeError, match=r"Remedy: axis=-1, if the classes come last\.$"):
            loss(logits, labels)
        with pytest.raises(IndexError, match=r"expected axis to be one of the 3 axes"):
            loss(logits, labels, axis=3)
    shares, weight = nn.softmax(logits), fnp.asarray([1.0, 2.0, 3.0])
    settings = {"weight": weight, "label_smoothing": 0.1}
    by_row = nn.cross_entropy(logits.reshape(10, 3), shares.reshape(10, 3), **settings)
    np.testing.assert_allclose(nn.cross_entropy(logits, shares, axis=-1, **settings), by_row)
    by_row = nn.cross_entropy(logits.reshape(10, 3), labels.reshape(10), **settings)
    np.testing.assert_allclose(nn.cross_entropy(logits, labels, axis=-1, **settings), by_row)


@pytest.mark.parametrize("loss", [nn.smooth_l1_loss, nn.huber_loss, nn.l1_loss])
def test_the_slope_of_an_infinite_error_is_that_of_a_large_one(loss):
    x = fnp.asarray([fnp.inf, -fnp.inf, 3e38, 0.25])
    slopes = fl.grad(lambda x: loss(x, fnp.zeros(4), "sum"))(x)
    assert slopes[:3].tolist() == [1.0, -1.0, 1.0]


# -------------------------------------------------------------------------------- empty operands
@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (nn.MultiHeadAttention(4, 2), (fnp.zeros((5, 0, 4)),)),
        (ENCODER, (fnp.zeros((5, 0, 4)),)),
        (nn.FractionalMaxPool2d(2, output_size=2), (fnp.zeros((0, 4, 5, 5)),)),
        (nn.MaxUnpool1d(2), ((fnp.zeros((0, 3, 2)), fnp.zeros((0, 3, 2), int)),)),
        (nn.LSTM(4, 2), (fnp.zeros((5, 0, 4)),)),
        (nn.Conv2d(4, 2, 3), (fnp.zeros((0, 4, 5, 5)),)),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_an_empty_batch(layer, inputs):
    params, state = made(layer)
    out = call(layer, params, inputs, state)
    assert 0 in out.shape and out.dtype == fnp.float32


def test_softmax_of_nothing():
    for f in (nn.softmax, nn.softmin, nn.log_softmax):
        assert f(fnp.zeros((3, 0))).shape == (3, 0)
        assert fl.jit(fl.grad(lambda x, f=f: f(x).sum()))(fnp.zeros((0, 3))).shape == (0, 3)
        with pytest.raises(IndexError):
            f(fnp.zeros((3, 0)), axis=2)
    assert nn.grid_sample(fnp.zeros((0, 2, 3, 3)), fnp.zeros((0, 4, 4, 2))).shape == (0, 2, 4, 4)

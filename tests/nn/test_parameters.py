"""Whose parameters are they: missing, unexpected and wrong-shaped ones, of layers and of chains."""

import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn, random
from functorch_lite.errors import ShapeError, TreeError

KEY = random.key(0)
LINEAR = nn.Linear(3, 2)
NET = nn.chain(nn.Linear(3, 4), nn.BatchNorm(4), nn.chain(nn.Linear(4, 2)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"missing: params\['bias'\] of shape \(2,\), params\['weight'\] of shape \(2, 3\)\. "),
        (None, r"missing: params\['bias'\]"),
        ({"weight": fnp.ones((2, 4)), "bias": fnp.ones(2)},
         r"\['weight'\] must be of shape \(2, 3\) and is of shape \(2, 4\)"),
        ({"w": fnp.ones((2, 3))}, r"unexpected: params\['w'\] of shape \(2, 3\)\."),
        (fnp.ones((2, 3)), r"unexpected: params of shape \(2, 3\)"),
        ({"weight": 1.0, "bias": fnp.ones(2)}, r"must be of shape \(2, 3\) and is a float"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("transform", [lambda f: f, fl.jit], ids=["eager", "jit"])
def test_a_layer_names_what_is_wrong(params, message, transform):
    with pytest.raises(
        TreeError, match=r"^nn.Linear\(3, 2\).apply: expected params as made by"
    ) as e:
        transform(lambda x: LINEAR.apply(params, x))(fnp.ones((5, 3)))
    e.match(message)
    e.match(r"Remedy: params = layer.init\(key\)")
    assert e.value.__cause__ is not None


def test_the_innermost_layer_speaks():
    params, state = NET.init(KEY)
    x = fnp.ones((5, 3))
    with pytest.raises(TreeError, match=r"^nn.Linear\(4, 2\).apply: .*params\['weight'\] of"):
        NET.apply((params[0], params[1], ({},)), x, state)
    with pytest.raises(TreeError, match=r"^nn.BatchNorm\(4\).apply: expected state .*running_var"):
        NET.apply(params, x, ((), {}, ((),)))
    with pytest.raises(TreeError, match=r"^nn.BatchNorm\(4\).apply: expected state"):
        nn.BatchNorm(4).apply(params[1], fnp.ones((5, 4)), state={})


def test_parameters_that_would_work_by_themselves_are_another_layer_s():
    params, state = NET.init(KEY)
    other = (nn.Linear(3, 5).init(KEY), *params[1:])
    message = r"^nn.Linear\(3, 4\).apply: .*\['weight'\] must be of shape \(4, 3\) and is of shape"
    with pytest.raises(TreeError, match=message):
        NET.apply(other, fnp.ones((5, 3)), state)


def test_a_users_layer_that_works_by_itself_is_found_where_the_chain_breaks():
    scale = nn.Layer(lambda key: fnp.ones(3), lambda params, x: x[..., None] * params, "Outer()")
    net = nn.chain(scale, nn.Linear(3, 2))
    params = net.init(KEY)
    with pytest.raises(TreeError, match=r"params\[0\] must be of shape \(3,\) and is of shape"):
        net.apply((fnp.ones(4), params[1]), fnp.ones(5))


def test_a_wrong_input_stays_the_layer_s_own_message():
    params, state = NET.init(KEY)
    with pytest.raises(ShapeError, match=r"^nn.Linear\(3, 4\): expected x of shape \[..., 3\]"):
        NET.apply(params, fnp.ones((5, 2)), state)
    with pytest.raises(ShapeError, match=r"^nn.Linear\(3, 4\)"):
        fl.grad(lambda p: NET.apply(p, fnp.ones((5, 2)), state)[0].sum())(params)


def test_an_error_of_a_user_s_layer_passes():
    def apply(params, x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        nn.Layer(lambda key: {}, apply, "Mine()").apply({}, fnp.ones(2))
    needs_more = nn.Layer(lambda key, size: {}, apply, "Mine()")
    with pytest.raises(ZeroDivisionError):
        needs_more.apply({"w": 1}, fnp.ones(2))


LAYERS = [
    nn.Linear(3, 2), nn.LayerNorm(3), nn.RMSNorm(3), nn.GroupNorm(2, 4), nn.GRU(3, 2),
    nn.LSTM(3, 2), nn.RNN(3, 2), nn.Embedding(3, 2), nn.EmbeddingBag(3, 2), nn.Conv1d(4, 2, 1),
    nn.InstanceNorm(4, affine=True), nn.weight_norm(nn.Linear(3, 2)), nn.GRUCell(3, 2),
    nn.MultiHeadAttention(3, 1), nn.TransformerEncoderLayer(3, 1, 4),
    nn.BatchNorm(4, track_running_stats=False), nn.LSTMCell(3, 2), nn.RNNCell(3, 2),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_layer_names_itself(layer):
    x = fnp.zeros((4, 2), int) if "Embedding" in layer.name else fnp.ones((2, 4, 3))
    params = layer.init(KEY)
    layer.apply(params, x)
    missing = [{k: v for k, v in params.items() if k != name} for name in params]
    for wrong in ({"strange": fnp.ones((7, 7))}, *missing):
        with pytest.raises(TreeError, match=r"^nn\.\w+\(.*\)\.apply: expected params as made"):
            layer.apply(wrong, x)

"""Transformers against PyTorch's, positions, dropout; residual connections and identities."""

import numpy as np
import pytest
from torch_layers import KEY, close, compare, drawn, load

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random, tree

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


OPTIONS = [
    {},
    {"norm_first": True, "activation": "gelu", "batch_first": True},
    {"bias": False, "layer_norm_eps": 0.1},
]


@pytest.mark.peers
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_encoder_and_decoder_layers(torch, options, rng):
    sizes = (4, 2, 6, 0.0)
    layer = nn.TransformerEncoderLayer(*sizes, **options)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.TransformerEncoderLayer(*sizes, **options, dtype=torch.float64)
    load(torch, module, params)
    x, memory = rng.standard_normal((3, 3, 4)), rng.standard_normal((3, 3, 4))
    compare(torch, layer.apply, module, params, [x], 1e-9)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    compare(torch, lambda p, x: layer.apply(p, x, is_causal=True), module, params, [x], 1e-9,
            theirs=lambda x: module(x, mask, is_causal=True))  # fmt: skip

    layer = nn.TransformerDecoderLayer(*sizes, **options)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.TransformerDecoderLayer(*sizes, **options, dtype=torch.float64)
    load(torch, module, params)
    padding = np.array([[False, False, True]] * 3)
    compare(
        torch, lambda p, x, m: layer.apply(p, x, m, tgt_is_causal=True,
                                           memory_key_padding_mask=padding),
        module, params, [x, memory], 1e-9,
        theirs=lambda x, m: module(x, m, mask, memory_key_padding_mask=torch.tensor(padding)),
    )  # fmt: skip


@pytest.mark.peers
def test_stacks_and_the_whole(torch, rng):
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0), 2, nn.LayerNorm(4))
    params = drawn(layer.init(KEY), rng)
    one = torch.nn.TransformerEncoderLayer(4, 2, 6, 0.0, dtype=torch.float64)
    module = torch.nn.TransformerEncoder(
        one, 2, torch.nn.LayerNorm(4, dtype=torch.float64), enable_nested_tensor=False
    )
    x = rng.standard_normal((3, 2, 4))
    padding = np.array([[False, False, True], [False, True, True]])
    compare(
        torch, lambda p, x: layer.apply(p, x, src_key_padding_mask=padding),
        load(torch, module, params), params, [x], 1e-9,
        theirs=lambda x: module(x, src_key_padding_mask=torch.tensor(padding)),
    )  # fmt: skip

    sizes = (4, 2, 1, 2, 6, 0.0)
    layer = nn.Transformer(*sizes, norm_first=True)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.Transformer(*sizes, norm_first=True, dtype=torch.float64)
    load(torch, module, params)
    mask = nn.generate_square_subsequent_mask(4, "float64")
    compare(
        torch, lambda p, s, t: layer.apply(p, s, t, tgt_mask=mask), module, params,
        [x, rng.standard_normal((4, 2, 4))], 1e-9,
        theirs=lambda s, t: module(s, t, tgt_mask=torch.tensor(np.asarray(mask))),
    )  # fmt: skip


@pytest.mark.peers
def test_initial_values_of_the_whole(torch):
    ours = nn.Transformer(32, 2, 1, 1, 64).init(KEY)
    theirs = torch.nn.Transformer(32, 2, 1, 1, 64).state_dict()
    a = np.asarray(ours["decoder"]["layers"][0]["linear1"]["weight"])
    b = theirs["decoder.layers.0.linear1.weight"].numpy()
    assert abs(a.std() / b.std() - 1) < 0.05
    stacked = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2).init(KEY)["layers"]
    assert not np.allclose(stacked[0]["linear1"]["weight"], stacked[1]["linear1"]["weight"])


def test_training_draws_and_evaluation_does_not():
    net = nn.Transformer(4, 2, 1, 1, 6, dropout=0.3)
    params, src = net.init(KEY), random.normal(KEY, (3, 2, 4))
    out = net.apply(params, src, src)
    np.testing.assert_array_equal(out, net.apply(params, src, src, key=KEY))
    trained = net.apply(params, src, src, key=KEY, train=True)
    np.testing.assert_array_equal(trained, net.apply(params, src, src, key=KEY, train=True))
    assert not np.allclose(trained, out)
    with pytest.raises(TypeError, match="expected a key in training"):
        net.apply(params, src, src, train=True)
    quiet = nn.Transformer(4, 2, 1, 1, 6, dropout=0.0)
    np.testing.assert_allclose(quiet.apply(params, src, src, train=True), out, rtol=1e-6)


def test_the_places_of_dropout_are_independent():
    """Everything dropped but the residual: with norm_first the layer is the identity."""
    layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=1.0, norm_first=True)
    x = random.normal(KEY, (3, 2, 4))
    params = layer.init(KEY)
    np.testing.assert_allclose(layer.apply(params, x, key=KEY, train=True), x, rtol=1e-6)


def test_a_model_learns_under_jit():
    """A tiny decoder learns to repeat what it saw one step before."""
    net = nn.chain(
        nn.Embedding(5, 8), nn.PositionalEncoding(8, batch_first=True),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), 1),
        nn.Linear(8, 5),
    )  # fmt: skip
    ids = random.randint(KEY, (16, 6), 0, 5)
    optimizer = fl.optim.adam(0.02)

    @fl.jit
    def step(params, memory, key):
        def loss_fn(params):
            out = net.apply(params, ids, key=key, train=True)
            return nn.cross_entropy(out.reshape(-1, 5), ids.reshape(-1))

        loss, grads = fl.value_and_grad(loss_fn)(params)
        params, memory = optimizer.update(grads, memory, params)
        return params, memory, loss

    params = net.init(KEY)
    memory, losses = optimizer.init(params), []
    for i in range(30):
        params, memory, loss = step(params, memory, random.fold_in(KEY, i))
        losses.append(float(loss))
    assert losses[-1] < 0.4 * losses[0]


def test_a_batch_by_vmap(rng):
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.0)
    params = drawn(layer.init(KEY), rng)
    x = fnp.asarray(rng.standard_normal((5, 3, 4)))
    mapped = fl.vmap(layer.apply, (None, 0))(params, x)
    close(mapped, np.stack([layer.apply(params, row) for row in x]), 1e-9)
    grads = fl.jit(fl.vmap(fl.grad(lambda p, x: layer.apply(p, x).sum()), (None, 0)))(params, x)
    one = fl.grad(lambda p, x: layer.apply(p, x).sum())(params, x[2])
    tree.map(lambda a, b: close(a[2], np.asarray(b), 1e-9), grads, one)


# ------------------------------------------------------------------------------------- positions
def test_positions():
    found = np.asarray(nn.sinusoidal_positions(50, 7, "float64"))
    for position in (0, 1, 49):
        for i in range(7):
            angle = position / 10000 ** (2 * (i // 2) / 7)
            wanted = np.cos(angle) if i % 2 else np.sin(angle)
            assert abs(found[position, i] - wanted) < 1e-12
    x = fnp.zeros((5, 2, 6))
    first = nn.PositionalEncoding(6).apply((), x)
    np.testing.assert_array_equal(first[:, 1], nn.sinusoidal_positions(5, 6))
    second = nn.PositionalEncoding(6, batch_first=True).apply((), x)
    np.testing.assert_array_equal(second[3], nn.sinusoidal_positions(2, 6))
    half = nn.PositionalEncoding(6).apply((), x.astype("float16"))
    assert half.dtype.name == "float16"
    dropped = nn.PositionalEncoding(6, 1.0).apply((), x, key=KEY, train=True)
    assert not dropped.any()


# -------------------------------------------------------------------------------------- residual
def test_residual():
    inner = nn.Linear(3, 3)
    layer, x = nn.residual(inner), fnp.ones((2, 3))
    params = layer.init(KEY)
    np.testing.assert_array_equal(layer.apply(params, x), x + inner.apply(params, x))
    assert repr(layer) == "residual(Linear(3, 3))" and layer.takes == frozenset()
    assert nn.Identity().apply((), x) is x
    block = nn.residual(nn.BatchNorm(3), nn.relu, nn.Dropout(0.5))
    assert block.takes == {"state", "key", "train"}
    params, state = block.init(KEY)
    out, new = block.apply(params, x, state, key=KEY, train=True)
    assert out.shape == (2, 3) and int(new[0]["num_batches_tracked"]) == 1
    net = nn.chain(block, nn.residual(nn.tanh), nn.Linear(3, 1))
    params, state = net.init(KEY)
    assert net.apply(params, x, state)[0].shape == (2, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.residual(nn.Linear(3, 2)).apply(nn.Linear(3, 2).init(KEY), fnp.ones((4, 3))),
            errors.ShapeError,
            r"layers that keep the shape \(4, 3\); got \(4, 2\)",
        ),
        (lambda: nn.residual(3), TypeError, "got 3"),
        (lambda: nn.TransformerEncoderLayer(4, 3), ValueError, "num_heads=3"),
        (
            lambda: nn.TransformerDecoderLayer(4, 2, 8, dropout=2.0),
            ValueError,
            r"nn.TransformerDecoderLayer\(4, 2, 8\): expected a probability p in \[0, 1\]; got 2",
        ),
        (
            lambda: nn.TransformerEncoderLayer(4, 2, activation="swish"),
            ValueError,
            "'relu', 'gelu' or a function; got 'swish'",
        ),
        (
            lambda: nn.PositionalEncoding(4).apply((), fnp.ones((3, 5))),
            errors.ShapeError,
            r"\[time, batch, 4\] or \[time, 4\]; got \(3, 5\)",
        ),
        (
            lambda: nn.TransformerEncoderLayer(4, 2, 6).apply({}, fnp.ones((3, 2, 4))),
            errors.TreeError,
            r"missing: params\['linear1'\]\['bias'\] of shape \(6,\)",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

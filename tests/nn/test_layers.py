"""The layer protocol, and every layer against PyTorch's with the same weights."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random, tree
from functorch_lite.testing import check_grads

KEY = random.key(0)


def in_float64(values):
    return tree.map(lambda x: x.astype("float64") if x.dtype == fnp.float32 else x, values)


def to_torch(torch, values):
    return {name: torch.tensor(np.asarray(value)) for name, value in values.items()}


def assert_close(ours, theirs, tolerance=1e-12):
    theirs = theirs.detach().numpy() if hasattr(theirs, "detach") else theirs
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=tolerance, atol=tolerance)


# ----------------------------------------------------------------------------------- the protocol
def test_a_stateless_layer_is_a_pair_of_two_argument_functions():
    init, apply = nn.Linear(3, 2)
    params = init(KEY)
    assert {name: value.shape for name, value in params.items()} == {
        "weight": (2, 3),
        "bias": (2,),
    }
    assert apply(params, fnp.ones((4, 3))).shape == (4, 2)


def test_the_kind_of_a_layer_is_read_from_its_signature():
    assert nn.Linear(1, 1).takes == frozenset()
    assert nn.Dropout().takes == {"key", "train"}
    assert nn.BatchNorm(1).takes == {"state", "train"}
    assert nn.BatchNorm(1, track_running_stats=False).takes == frozenset()
    assert nn.chain(nn.Linear(1, 1), nn.relu).takes == frozenset()
    assert nn.chain(nn.Dropout(), nn.BatchNorm(1)).takes == {"key", "state", "train"}
    assert nn.chain(nn.chain(nn.BatchNorm(1))).stateful


def test_chain_without_state_stays_two_argument():
    net = nn.chain(nn.Linear(3, 4), nn.relu, nn.Linear(4, 2))
    params = net.init(KEY)
    x = fnp.ones((5, 3))
    hidden = nn.relu(nn.linear(x, params[0]["weight"], params[0]["bias"]))
    assert_close(net.apply(params, x), nn.linear(hidden, params[2]["weight"], params[2]["bias"]))
    assert params[1] == ()


def test_chain_of_all_kinds():
    net = nn.chain(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.chain(nn.BatchNorm(4)))
    params, state = net.init(KEY)
    x = random.normal(KEY, (8, 3))
    before = tree.map(np.array, state)
    out, new_state = net.apply(params, x, state, key=KEY, train=True)
    assert out.shape == (8, 4)
    assert tree.structure(new_state) == tree.structure(state)
    assert int(new_state[1]["num_batches_tracked"]) == 1
    assert int(new_state[3][0]["num_batches_tracked"]) == 1
    tree.map(np.testing.assert_array_equal, tree.map(np.asarray, state), before)
    evaluated, same = net.apply(params, x, new_state)
    tree.map(np.testing.assert_array_equal, same, new_state)
    assert evaluated.shape == (8, 4)


def test_chain_gives_each_layer_a_key_of_its_own():
    net = nn.chain(nn.Dropout(0.5), nn.Dropout(0.5))
    out = np.asarray(net.apply(net.init(KEY), fnp.ones(2000), key=KEY, train=True))
    assert set(out) == {0.0, 4.0}
    assert 400 < (out == 4).sum() < 600


def test_appending_a_layer_keeps_the_parameters_of_the_others():
    short = nn.chain(nn.Linear(2, 2), nn.Linear(2, 2)).init(KEY)
    long = nn.chain(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)).init(KEY)
    tree.map(np.testing.assert_array_equal, short, long[:2])


def test_a_users_layer_is_two_functions():
    def apply(params, x, state, *, train=False):
        return x * params, state + train

    counter = nn.Layer(lambda key: (fnp.ones(()), fnp.zeros((), "int64")), apply, "Counter()")
    net = nn.chain(counter, nn.tanh)
    params, state = net.init(KEY)
    out, state = net.apply(params, fnp.ones(2), state, train=True)
    assert int(state[0]) == 1
    assert repr(net) == "chain(Counter(), tanh)"


def test_training_a_stateful_chain_in_one_jitted_step():
    net = nn.chain(nn.Linear(2, 8), nn.BatchNorm(8), nn.relu, nn.Dropout(0.1), nn.Linear(8, 1))
    x = random.normal(KEY, (64, 2))
    y = x[:, :1] * x[:, 1:]
    optimizer = fl.optim.adam(0.02)

    def loss_fn(params, state, key):
        out, state = net.apply(params, x, state, key=key, train=True)
        return nn.mse_loss(out, y), state

    @fl.jit
    def step(params, state, memory, key):
        (loss, state), grads = fl.value_and_grad(loss_fn, has_aux=True)(params, state, key)
        params, memory = optimizer.update(grads, memory, params)
        return params, state, memory, loss

    params, state = net.init(KEY)
    memory = optimizer.init(params)
    losses = []
    for i in range(60):
        params, state, memory, loss = step(params, state, memory, random.fold_in(KEY, i))
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    assert int(state[1]["num_batches_tracked"]) == 60


def test_an_ensemble_by_vmap_over_keys():
    net = nn.chain(nn.Linear(2, 4), nn.BatchNorm(4), nn.Dropout(0.5))
    keys = random.split(KEY, 3)
    x = random.normal(KEY, (6, 2))
    params, state = fl.vmap(net.init)(keys)

    def run(params, state, key):
        return net.apply(params, x, state, key=key, train=True)

    out, new_state = fl.vmap(run)(params, state, keys)
    for i in range(3):
        one = tree.map(lambda leaf, i=i: leaf[i], (params, state))
        expected, expected_state = run(*one, keys[i])
        assert_close(out[i], np.asarray(expected), 1e-6)
        found = tree.map(lambda leaf, i=i: leaf[i], new_state)
        tree.map(lambda a, b: assert_close(a, np.asarray(b), 1e-6), found, expected_state)


# ----------------------------------------------------------------------------- against PyTorch
@pytest.fixture
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


@pytest.mark.peers
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3), (0, 3)])
def test_linear(torch, shape, bias, rng):
    layer = nn.Linear(3, 2, bias=bias)
    params = in_float64(layer.init(KEY))
    x = rng.standard_normal(shape)
    theirs = torch.nn.Linear(3, 2, bias=bias, dtype=torch.float64)
    theirs.load_state_dict(to_torch(torch, params))
    assert_close(layer.apply(params, fnp.asarray(x)), theirs(torch.tensor(x)))


@pytest.mark.peers
@pytest.mark.parametrize("momentum", [0.1, 0.3, None])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 4)])
def test_batch_norm(torch, shape, affine, momentum, rng):
    layer = nn.BatchNorm(3, momentum=momentum, affine=affine)
    params, state = in_float64(layer.init(KEY))
    params = tree.map(lambda p: fnp.asarray(rng.standard_normal(p.shape)), params)
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)]
    theirs = kind(3, momentum=momentum, affine=affine, dtype=torch.float64)
    theirs.load_state_dict(to_torch(torch, {**params, **state}))
    for _ in range(3):
        x = 2 + 3 * rng.standard_normal(shape)
        out, state = layer.apply(params, fnp.asarray(x), state, train=True)
        assert_close(out, theirs(torch.tensor(x)))
    for name, value in state.items():
        assert_close(value, theirs.state_dict()[name])
    theirs.eval()
    assert_close(layer.apply(params, fnp.asarray(x), state)[0], theirs(torch.tensor(x)))


@pytest.mark.peers
def test_batch_norm_without_running_statistics(torch, rng):
    layer = nn.BatchNorm(3, track_running_stats=False)
    x = rng.standard_normal((5, 3, 2))
    theirs = torch.nn.BatchNorm1d(3, track_running_stats=False, dtype=torch.float64).eval()
    out = layer.apply(in_float64(layer.init(KEY)), fnp.asarray(x))
    assert_close(out, theirs(torch.tensor(x)))


@pytest.mark.peers
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("batched", [True, False])
def test_lstm(torch, batched, num_layers, bias, batch_first, rng):
    layer = nn.LSTM(3, 4, num_layers, bias=bias, batch_first=batch_first)
    params = in_float64(layer.init(KEY))
    theirs = torch.nn.LSTM(
        3, 4, num_layers, bias=bias, batch_first=batch_first, dtype=torch.float64
    )
    theirs.load_state_dict(to_torch(torch, params))
    x = rng.standard_normal((5, 2, 3) if batched else (5, 3))
    expected, _ = theirs(torch.tensor(x))
    assert_close(layer.apply(params, fnp.asarray(x)), expected)

    time_first = np.swapaxes(x, 0, 1) if batched and batch_first else x
    batch = time_first.shape[1:-1]
    h, c = rng.standard_normal((2, num_layers, *batch, 4))
    out, carry = nn.lstm(params, fnp.asarray(time_first), (fnp.asarray(h), fnp.asarray(c)))
    expected, expected_carry = theirs(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
    if batched and batch_first:
        expected = expected.transpose(0, 1)
    assert_close(out, expected)
    for ours, other in zip(carry, expected_carry, strict=True):
        assert_close(ours, other)


def test_lstm_continues_from_its_carry(rng):
    params = in_float64(nn.LSTM(3, 4, 2).init(KEY))
    x = fnp.asarray(rng.standard_normal((6, 2, 3)))
    whole, last = nn.lstm(params, x)
    first, carry = nn.lstm(params, x[:4])
    second, end = nn.lstm(params, x[4:], carry)
    assert_close(whole, np.concatenate([first, second]))
    tree.map(lambda a, b: assert_close(a, np.asarray(b)), last, end)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Linear(3, 2), (4, 3)), (nn.LSTM(3, 2), (3, 2, 3))],
    ids=lambda value: str(value),
)
def test_gradients(layer, shape, rng):
    params = in_float64(layer.init(KEY))
    check_grads(layer.apply, (params, fnp.asarray(rng.standard_normal(shape))), order=2)


def test_gradients_of_batch_norm(rng):
    layer = nn.BatchNorm(3)
    params, state = in_float64(layer.init(KEY))
    x = fnp.asarray(rng.standard_normal((4, 3, 2)))
    for train in (True, False):
        check_grads(lambda p, x, t=train: layer.apply(p, x, state, train=t)[0], (params, x), 2)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    layer = nn.Dropout(0.2)
    x = fnp.ones(10_000)
    out = np.asarray(layer.apply((), x, key=KEY, train=True))
    assert set(np.round(out, 5)) == {0.0, 1.25}
    assert abs(out.mean() - 1) < 0.02
    assert_close(layer.apply((), x), np.ones(10_000))
    assert_close(nn.dropout(x, 1.0, KEY), np.zeros(10_000))
    np.testing.assert_array_equal(layer.apply((), x, key=KEY, train=True), out)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Linear(64, 10).apply(nn.Linear(64, 10).init(KEY), fnp.ones((2, 63))),
            errors.ShapeError,
            r"nn.Linear\(64, 10\): expected x of shape \[..., 64\]; got \(2, 63\)",
        ),
        (
            lambda: nn.BatchNorm(3).apply(
                nn.BatchNorm(3).init(KEY)[0], fnp.ones((2, 4)), nn.BatchNorm(3).init(KEY)[1]
            ),
            errors.ShapeError,
            r"nn.BatchNorm\(3\): expected x of shape \[batch, 3, ...\]; got \(2, 4\)",
        ),
        (
            lambda: nn.BatchNorm(3, affine=False).apply(
                {}, fnp.ones((1, 3)), nn.BatchNorm(3).init(KEY)[1], train=True
            ),
            errors.ShapeError,
            "more than one value per channel",
        ),
        (
            lambda: nn.LSTM(3, 2).apply(nn.LSTM(3, 2).init(KEY), fnp.ones((5, 2, 4))),
            errors.ShapeError,
            r"nn.LSTM\(3, 2\): expected x of shape \[time, ..., 3\]",
        ),
        (
            lambda: nn.Dropout(0.5).apply((), fnp.ones(3), train=True),
            TypeError,
            r"nn.Dropout\(0.5\): expected a key in training",
        ),
        (lambda: nn.Dropout(1.5), ValueError, r"p in \[0, 1\]; got 1.5"),
        (lambda: nn.chain(3), TypeError, "expected layers or functions; got 3"),
        (
            lambda: nn.chain(nn.relu, nn.relu).apply(((),), fnp.ones(2)),
            errors.TreeError,
            "expected params of 2 layers, as made by its init; got 1 of them",
        ),
        (
            lambda: nn.chain(nn.relu).apply(((),), fnp.ones(2), train=True),
            TypeError,
            "takes no 'train'",
        ),
        (
            lambda: nn.chain(nn.BatchNorm(2)).apply(({},), fnp.ones((3, 2))),
            errors.TreeError,
            "expected state of 1 layers",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

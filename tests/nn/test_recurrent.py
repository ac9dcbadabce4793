"""Recurrent networks against PyTorch's: stacks, directions, projections, packed sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import KEY, close, compare, drawn, load

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random, tree
from functorch_lite.testing import check_grads, check_vmap

KINDS = ("LSTM", "GRU", "RNN")
FUNCTIONS = {"LSTM": nn.lstm, "GRU": nn.gru, "RNN": nn.rnn}
EXAMPLES = settings(max_examples=12)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


def pair(torch, kind, rng, *sizes, **options):
    layer = getattr(nn, kind)(*sizes, **options)
    params = drawn(layer.init(KEY), rng)
    module = getattr(torch.nn, kind)(*sizes, **options, dtype=torch.float64)
    return layer, load(torch, module, params), params


@pytest.mark.peers
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_layer(torch, kind, layers, bidirectional, rng):
    for batch_first, bias in itertools.product((True, False), repeat=2):
        layer, module, params = pair(
            torch, kind, rng, 3, 2, num_layers=layers, bias=bias, batch_first=batch_first,
            bidirectional=bidirectional,
        )  # fmt: skip
        for shape in ((4, 2, 3), (4, 3)):
            x = rng.standard_normal(shape)
            compare(torch, layer.apply, module, params, [x], theirs=lambda x, m=module: m(x)[0],
                    jit=batch_first and bias and len(shape) == 3)  # fmt: skip


@pytest.mark.peers
def test_projections_and_relu(torch, rng):
    x = rng.standard_normal((4, 2, 3))
    for options in ({}, {"bidirectional": True, "num_layers": 2}):
        layer, module, params = pair(torch, "LSTM", rng, 3, 4, proj_size=2, **options)
        compare(torch, layer.apply, module, params, [x], theirs=lambda x, m=module: m(x)[0])
        options["nonlinearity"] = "relu"
        layer, module, params = pair(torch, "RNN", rng, 3, 4, **options)
        compare(torch, layer.apply, module, params, [x], theirs=lambda x, m=module: m(x)[0])


@pytest.mark.peers
@EXAMPLES
@given(st.data(), st.sampled_from(KINDS), st.booleans(), st.booleans())
def test_states_and_lengths(torch, data, kind, bidirectional, batch_first):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layers, steps, batch = (data.draw(st.integers(1, n)) for n in (2, 5, 3))
    options = {"bidirectional": bidirectional, "batch_first": batch_first, "num_layers": layers}
    sizes = [2, 2]
    if kind == "LSTM" and data.draw(st.booleans()):
        options["proj_size"] = sizes[0] = 1
    layer, module, params = pair(torch, kind, rng, 3, 2, **options)
    count = layers * (1 + bidirectional)
    carry = tuple(rng.standard_normal((count, batch, n)) for n in sizes)
    carry = carry if kind == "LSTM" else carry[0]
    ours = tree.map(fnp.asarray, carry)
    theirs = tree.map(torch.tensor, carry)
    x = rng.standard_normal((batch, steps, 3) if batch_first else (steps, batch, 3))
    run = FUNCTIONS[kind]
    out, end = run(params, fnp.asarray(x), ours, batch_first=batch_first)
    expected, expected_end = module(torch.tensor(x), theirs)
    close(out, expected)
    close(layer.apply(params, fnp.asarray(x), ours), expected)
    tree.map(close, end, tree.map(lambda t: t.detach().numpy(), expected_end))

    lengths = rng.integers(1, steps + 1, batch)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first, enforce_sorted=False
    )
    expected, expected_end = module(packed, theirs)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, batch_first, 0.0, steps)
    for lens in (lengths, fnp.asarray(lengths)):
        out, end = run(params, fnp.asarray(x), ours, batch_first=batch_first, lengths=lens)
        close(out, expected)
        tree.map(close, end, tree.map(lambda t: t.detach().numpy(), expected_end))
    jitted = fl.jit(layer.apply)(params, fnp.asarray(x), ours, lengths=fnp.asarray(lengths))
    close(jitted, expected)


def test_steps_beyond_the_length_have_no_influence(rng):
    layer = nn.GRU(3, 2, 2, bidirectional=True)
    params = drawn(layer.init(KEY), rng)
    x = rng.standard_normal((5, 2, 3))
    spoiled = x.copy()
    spoiled[3:, 0] = np.nan
    lengths = fnp.asarray([3, 5])

    def loss(params, x):
        return (layer.apply(params, x, lengths=lengths) ** 2).sum()

    clean = fl.grad(loss, (0, 1))(params, fnp.asarray(x))
    assert np.asarray(clean[1])[3:, 0].any() == 0
    out = layer.apply(params, fnp.asarray(spoiled), lengths=lengths)
    np.testing.assert_array_equal(out, layer.apply(params, fnp.asarray(x), lengths=lengths))
    assert not np.asarray(out)[3:, 0].any()
    empty = layer.apply(params, fnp.asarray(x), lengths=[0, 5])
    assert not np.asarray(empty)[:, 0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_is_continued_from_its_state(kind, rng):
    params = drawn(getattr(nn, kind)(3, 2, 2).init(KEY), rng)
    x, run = fnp.asarray(rng.standard_normal((6, 2, 3))), FUNCTIONS[kind]
    whole, last = run(params, x)
    first, carry = run(params, x[:4])
    second, end = run(params, x[4:], carry)
    close(whole, np.concatenate([first, second]))
    tree.map(lambda a, b: close(a, np.asarray(b)), last, end)


@pytest.mark.parametrize("kind", KINDS)
def test_transforms(kind, rng):
    layer = getattr(nn, kind)(2, 1)
    params = drawn(layer.init(KEY), rng)
    x = fnp.asarray(rng.standard_normal((3, 2, 2)))
    check_grads(layer.apply, (params, x), order=2)
    lengths = fnp.asarray([2, 3])
    check_vmap(lambda w, x: layer.apply({**params, "weight_hh_l0": w}, x),
               (params["weight_hh_l0"], x), size=2)  # fmt: skip
    check_vmap(lambda x, n: layer.apply(params, x, lengths=n), (x, lengths), size=2)
    tangent = fl.jvp(lambda x: layer.apply(params, x, lengths=lengths), (x,), (x,))
    jitted = fl.jit(lambda x: fl.jvp(lambda x: layer.apply(params, x, lengths=lengths), (x,), (x,)))
    for a, b in zip(jitted(x), tangent, strict=True):
        close(a, np.asarray(b))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers(kind):
    layer = getattr(nn, kind)(3, 8, 2, dropout=0.5)
    assert layer.takes == {"key", "train"}
    assert getattr(nn, kind)(3, 8, 1, dropout=0.5).takes == frozenset()
    params, x = layer.init(KEY), random.normal(KEY, (5, 2, 3))
    evaluated = layer.apply(params, x)
    np.testing.assert_array_equal(evaluated, getattr(nn, kind)(3, 8, 2).apply(params, x))
    trained = layer.apply(params, x, key=KEY, train=True)
    assert not np.allclose(trained, evaluated)
    other = layer.apply(params, x, key=random.fold_in(KEY, 1), train=True)
    assert not np.allclose(trained, other)
    # Between layers: all of it dropped, the second layer sees zeros only.
    gone = getattr(nn, kind)(3, 8, 2, dropout=1.0).apply(params, x, key=KEY, train=True)
    second = {k.replace("l1", "l0"): v for k, v in params.items() if k.endswith("l1")}
    expected = getattr(nn, kind)(8, 8).apply(second, fnp.zeros((5, 2, 8)))
    np.testing.assert_allclose(gone, expected, rtol=1e-6)
    with pytest.raises(TypeError, match="expected a key in training"):
        layer.apply(params, x, train=True)
    net = nn.chain(layer, nn.Linear(8, 1))
    assert net.apply(net.init(KEY), x, key=KEY, train=True).shape == (5, 2, 1)


@pytest.mark.peers
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_cells(torch, kind, bias, rng):
    layer = getattr(nn, f"{kind}Cell")(3, 2, bias=bias)
    params = drawn(layer.init(KEY), rng)
    module = getattr(torch.nn, f"{kind}Cell")(3, 2, bias=bias, dtype=torch.float64)
    load(torch, module, params)

    def first(out):
        return out[0] + 2 * out[1] if kind == "LSTM" else out

    for shape in ((4,), ()):
        x, h, c = (rng.standard_normal((*shape, n)) for n in (3, 2, 2))
        compare(torch, lambda p, x: first(layer.apply(p, x)), module, params, [x],
                theirs=lambda x: first(module(x)))  # fmt: skip
        if kind == "LSTM":
            compare(torch, lambda p, x, h, c: first(layer.apply(p, x, (h, c))), module, params,
                    [x, h, c], theirs=lambda x, h, c: first(module(x, (h, c))))  # fmt: skip
        else:
            compare(torch, layer.apply, module, params, [x, h])


def test_a_network_is_its_cell_in_a_loop(rng):
    x = fnp.asarray(rng.standard_normal((4, 2, 3)))
    params = drawn(nn.GRU(3, 2).init(KEY), rng)
    cell = {name[: -len("_l0")]: value for name, value in params.items()}
    h = fnp.zeros((2, 2), "float64")
    for row in x:
        h = nn.GRUCell(3, 2).apply(cell, row, h)
    close(h, np.asarray(nn.gru(params, x)[1][0]))


@pytest.mark.peers
@pytest.mark.parametrize("kind", KINDS)
def test_initial_values(torch, kind):
    ours = getattr(nn, kind)(5, 64).init(KEY)
    theirs = getattr(torch.nn, kind)(5, 64).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: tuple(v.shape) for k, v in theirs.items()}
    for name, value in ours.items():
        a, b = np.asarray(value), theirs[name].numpy()
        assert max(np.abs(a).max(), np.abs(b).max()) <= 1 / 8, name
        assert abs(a.std() * 8 * 3**0.5 - 1) < 0.15 and abs(a.mean()) < 0.03, name


X = fnp.ones((4, 2, 3))


def lstm(*args, **kwargs):
    return nn.lstm(nn.LSTM(3, 2).init(KEY), *args, **kwargs)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lstm(fnp.ones((4, 2, 4))), errors.ShapeError, r"\[time, ..., 3\] with at least"),
        (lambda: lstm(fnp.ones((0, 2, 3))), errors.ShapeError, "at least one time step"),
        (lambda: lstm(X[..., :2], batch_first=True), errors.ShapeError, r"\[batch, time, 3\]"),
        (lambda: lstm(fnp.ones((4, 3), int)), errors.DtypeError, "floating-point dtype; got int64"),
        (lambda: lstm(X, X), errors.ShapeError, r"expected \(h, c\) of .*got Array"),
        (lambda: lstm(X, (X, X)), errors.ShapeError, r"\(1, 2, 2\).*got \[\(4, 2, 3\)"),
        (lambda: lstm(X, lengths=[1.0, 2.0]), errors.DtypeError, "lengths that are integers"),
        (lambda: lstm(X, lengths=[1, 2, 3]), errors.ShapeError, r"lengths of shape \(2,\)"),
        (lambda: lstm(X, lengths=[1, 5]), errors.IndexRangeError, r"from 0 to 4.*got \[1, 5\]"),
        (lambda: nn.RNN(3, 2, nonlinearity="gelu"), ValueError, "'tanh' or 'relu'; got 'gelu'"),
        (lambda: nn.LSTM(3, 2, proj_size=2), ValueError, "proj_size from 0 to 1"),
        (lambda: nn.GRU(3, 2, 0), ValueError, "num_layers of at least 1"),
        (lambda: nn.GRU(3, 2, 2, dropout=2.0), ValueError, r"in \[0, 1\]; got 2.0"),
        (
            lambda: nn.GRU(3, 2).apply(nn.GRU(3, 2).init(KEY), X, X[:1]),
            errors.ShapeError,
            r"nn.GRU\(3, 2\): expected a state of shape \(1, 2, 2\)",
        ),
        (
            lambda: nn.GRU(3, 2).apply(nn.LSTM(3, 2).init(KEY), X),
            errors.TreeError,
            r"params\['weight_hh_l0'\] must be of shape \(6, 2\) and is of shape \(8, 2\)",
        ),
        (
            lambda: nn.LSTMCell(3, 2).apply(nn.LSTMCell(3, 2).init(KEY), X, X),
            errors.ShapeError,
            r"the state \(h, c\)",
        ),
        (
            lambda: nn.RNNCell(3, 2).apply(nn.RNNCell(3, 2).init(KEY), X, X),
            errors.ShapeError,
            r"state of shape \(4, 2, 2\); got \(4, 2, 3\)",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_the_carry_of_zeros_is_the_default(batch):
    x = fnp.ones((4, *batch, 3))
    for layer, function in (
        (nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2), nn.lstm),
        (nn.LSTM(3, 1), nn.lstm),
        (nn.GRU(3, 1, bias=False), nn.gru),
        (nn.RNN(3, 4, num_layers=2), nn.rnn),
    ):
        params = layer.init(KEY)
        carry = nn.zero_carry(params, batch)
        out, last = function(params, x)
        assert tree.structure(carry) == tree.structure(last)
        assert [v.shape for v in tree.leaves(carry)] == [v.shape for v in tree.leaves(last)]
        np.testing.assert_array_equal(function(params, x, carry)[0], out)
    for cell in (nn.LSTMCell(3, 4), nn.GRUCell(3, 4), nn.RNNCell(3, 4)):
        params = tree.map(lambda p: p.astype("float64"), cell.init(KEY))
        carry = nn.zero_carry(params, batch)
        assert all(part.dtype == "float64" for part in tree.leaves(carry))
        for a, b in zip(
            tree.leaves(cell.apply(params, x[0], carry)),
            tree.leaves(cell.apply(params, x[0])),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_a_loop_over_single_steps_is_the_sequence():
    params = nn.LSTM(3, 5, num_layers=2).init(KEY)
    x = random.normal(KEY, (6, 2, 3))

    def step(carry, row):
        out, carry = nn.lstm(params, row[None], carry)
        return carry, out[0]

    last, outs = fl.lax.scan(step, nn.zero_carry(params, 2), x)
    expected, carry = nn.lstm(params, x)
    np.testing.assert_allclose(outs, expected, rtol=1e-6, atol=1e-6)
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), last, carry)
    with pytest.raises(errors.TreeError, match=r"^nn.zero_carry: .* got 'weight', 'bias'"):
        nn.zero_carry(nn.Linear(2, 3).init(KEY))
    with pytest.raises(errors.TreeError, match=r"got tuple\. Remedy"):
        nn.zero_carry((params,))

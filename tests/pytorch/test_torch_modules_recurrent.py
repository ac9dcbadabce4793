"""Recurrent networks as modules and functions, each beside PyTorch's."""

import numpy as np
import pytest
from module_checks import check, normal, refused
from oracle import compare, ours, real, same

DTYPES = ["float32", "float64"]
KINDS = ["RNN", "LSTM", "GRU"]


def network(kind, *args, **kwargs):
    return lambda T: getattr(T.nn, kind)(*args, **kwargs)


def states(kind, layers, batch, hidden, proj=0):
    """A state to begin with."""
    lead = (layers, batch) if batch else (layers,)
    if kind == "LSTM":
        return normal(*lead, proj or hidden), normal(*lead, hidden)
    return normal(*lead, hidden)


SETTINGS = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "dropout": 0.4, "bidirectional": True},
    {"num_layers": 2, "dropout": 1.0, "batch_first": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_networks(kind, settings):
    layers = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    batch = 5 if settings.get("batch_first") else 4  # x is [5, 4, 3]
    for dtype, rtol in (("float32", 1e-4), ("float64", 1e-9)):
        make = network(kind, 3, 6, **settings)
        x = normal(5, 4, 3)
        check(make, x, dtype=dtype, rtol=rtol)
        check(make, x, states(kind, layers, batch, 6), dtype=dtype, rtol=rtol, train=False)
    check(make, normal(5, 3), dtype="float64", rtol=1e-9)
    check(make, normal(5, 3), states(kind, layers, 0, 6), dtype="float32", rtol=1e-4)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_projections(both, bias):
    make = network("LSTM", 3, 6, 2, bidirectional=both, proj_size=2, bias=bias)
    check(make, normal(5, 4, 3), rtol=1e-9)
    check(make, normal(5, 4, 3), states("LSTM", 2 * (1 + both), 4, 6, 2), rtol=1e-9)


def test_relu():
    check(network("RNN", 3, 6, 2, "relu"), normal(5, 4, 3), rtol=1e-9)
    check(network("RNN", 3, 6, nonlinearity="relu", bias=False), normal(5, 4, 3), rtol=1e-9)


class Packed:
    """A module around a network that packs its input."""

    def __new__(cls, T, make, lengths, ordered):
        rnn = T.nn.utils.rnn

        class Around(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = make(T)

            def forward(self, x, state=None):
                packed = rnn.pack_padded_sequence(
                    x, T.tensor(lengths), self.inner.batch_first, ordered
                )
                out, end = self.inner(packed, state)
                assert isinstance(out, rnn.PackedSequence)
                back, count = rnn.pad_packed_sequence(out, self.inner.batch_first, -1.0)
                return back, count, out.data, end

        return Around()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[3], SETTINGS[4], SETTINGS[5]], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences(kind, settings, ordered):
    lengths = [5, 4, 4, 1] if ordered else [1, 4, 5, 2]
    first = settings.get("batch_first")
    shape = (4, 5, 3) if first else (5, 4, 3)
    layers = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))

    def make(T):
        return Packed(T, network(kind, 3, 6, **settings), lengths, ordered)

    check(make, normal(*shape), rtol=1e-9)
    check(make, normal(*shape), states(kind, layers, 4, 6), rtol=1e-4, dtype="float32", train=False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cells(dtype, bias):
    x, h, c = normal(4, 3), normal(4, 6), normal(4, 6)
    for kind in ("RNNCell", "GRUCell"):
        check(network(kind, 3, 6, bias), x, dtype=dtype)
        check(network(kind, 3, 6, bias), x, h, dtype=dtype)
        check(network(kind, 3, 6, bias), x[0], h[0], dtype=dtype)
    check(network("RNNCell", 3, 6, bias, "relu"), x, h, dtype=dtype)
    check(network("LSTMCell", 3, 6, bias), x, dtype=dtype)
    check(network("LSTMCell", 3, 6, bias), x, (h, c), dtype=dtype)
    check(network("LSTMCell", 3, 6, bias), x[0], (h[0], c[0]), dtype=dtype)


def test_second_derivatives_of_cells():
    arrays = [normal(2, 3), normal(2, 4), normal(4, 3), normal(4, 4), normal(4), normal(4)]
    compare(lambda T, *a: T.rnn_tanh_cell(*a), *arrays)
    compare(lambda T, *a: T.rnn_relu_cell(*a), *arrays)
    gates = [normal(2, 3), normal(2, 4), normal(12, 3), normal(12, 4), normal(12), normal(12)]
    compare(lambda T, *a: T.gru_cell(*a), *gates)
    four = [normal(2, 3), normal(2, 4), normal(2, 4), normal(16, 3), normal(16, 4)]
    compare(lambda T, x, h, c, *a: T.lstm_cell(x, (h, c), *a), *four, names=False)


def test_functions():
    def program(T, x, h, c, *params):
        again = T.lstm(x, (h, c), params, False, 1, 0.0, False, False, True)
        sizes = T.tensor([2, 2])
        rows = x.transpose(0, 1).reshape(-1, 3)
        return again, T.lstm(rows, sizes, (h, c), params, False, 1, 0.0, False, False)

    compare(program, normal(2, 2, 3), normal(1, 2, 4), normal(1, 2, 4), normal(16, 3),
            normal(16, 4), names=False, double=False)  # fmt: skip


def test_long_sequences_are_compiled():
    check(network("LSTM", 32, 32, 2), normal(40, 16, 32), dtype="float32", rtol=1e-3)
    check(network("GRU", 32, 32, bidirectional=True), normal(40, 16, 32), dtype="float32",
          rtol=1e-3)  # fmt: skip


def test_small_networks_are_compiled_after_some_calls():
    def program(T):
        T.manual_seed(0)
        net, cell = T.nn.LSTM(2, 3), T.nn.GRUCell(3, 3)
        x, found = T.randn(3, 1, 2), []
        for _ in range(10):
            net.zero_grad()
            out = cell(net(x)[0][-1])
            out.sum().backward()
            found.append((out.detach(), net.weight_hh_l0.grad))
        return found

    same(program(ours), program(real))


def test_training_steps_go_on_from_detached_states():
    def program(T):
        T.manual_seed(0)
        cell, net, state = T.nn.LSTMCell(3, 4), T.nn.GRU(4, 4), None
        steps = T.randn(6, 2, 3)
        losses = []
        for _ in range(3):
            hs, now = [], state
            for x in steps:
                now = cell(x, now)
                hs.append(now[0])
            loss = net(T.stack(hs))[0].pow(2).sum()
            loss.backward()
            with T.no_grad():
                for p in [*cell.parameters(), *net.parameters()]:
                    p -= 0.01 * p.grad
                    p.grad = None
            state = tuple(s.detach() for s in now)
            losses.append(loss.detach())
        return losses

    same(program(ours), program(real))


def test_weights_by_layer():
    def program(T):
        net = T.nn.LSTM(2, 3, 2, bidirectional=True, proj_size=1)
        net.flatten_parameters()
        return (
            [[tuple(w.shape) for w in layer] for layer in net.all_weights],
            net._all_weights, net._flat_weights_names, len(net._flat_weights),
            sum(a is b for a, b in zip(net._flat_weights, net.parameters(), strict=True)),
        )  # fmt: skip

    same(program(ours), program(real))


@pytest.mark.parametrize(
    ("kind", "args", "kwargs"),
    [
        ("LSTM", (2, 3), {"dropout": 2}), ("LSTM", (2, 3), {"dropout": True}),
        ("LSTM", (2, 3), {"proj_size": -1}), ("LSTM", (2, 3), {"proj_size": 3}),
        ("GRU", (2, 3), {"proj_size": 2}), ("RNN", (2, 3), {"proj_size": 2}),
        ("LSTM", (2.0, 3), {}), ("LSTM", (2, 3.0), {}), ("LSTM", (2, 0), {}),
        ("LSTM", (2, 3, 0), {}), ("LSTM", (0, 3), {}), ("RNNBase", ("x", 2, 3), {}),
        ("RNN", (2, 3), {"nonlinearity": "x"}), ("LSTM", (2, 3), {"num_layers": 1.5}),
    ],
)  # fmt: skip
def test_settings_are_refused(kind, args, kwargs):
    refused(network(kind, *args, **kwargs))


def test_dropout_after_the_only_layer_warns():
    check(network("GRU", 2, 3, dropout=0.5), normal(3, 1, 2), rtol=1e-9)


one = np.ones


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("LSTM", [one(2)]), ("LSTM", [one((2, 2, 2, 2))]), ("LSTM", [one((4, 1, 3))]),
        ("LSTM", [one((4, 1, 2)), one((1, 1, 3))]), ("GRU", [one((4, 1, 2), np.int32)]),
        ("LSTM", [one((4, 1, 2)), (one((1, 1, 3)), one((1, 2, 3)))]),
        ("LSTM", [one((4, 1, 2)), (one((1, 2, 3)), one((1, 1, 3)))]),
        ("LSTM", [one((4, 1, 2)), (one((1, 3)), one((1, 3)))]),
        ("LSTM", [one((4, 2)), (one((1, 1, 3)), one((1, 1, 3)))]),
        ("GRU", [one((4, 2)), one((1, 1, 3))]), ("GRU", [one((4, 1, 2)), one((1, 3))]),
        ("GRU", [one((4, 1, 2)), one((1, 2, 3))]), ("GRU", [one(2)]), ("RNN", [one(2)]),
        ("RNN", [one((4, 1, 2)), one((1, 3))]), ("RNN", [one((4, 2)), one((1, 1, 3))]),
        ("RNNCell", [one((1, 3))]), ("RNNCell", [one((1, 1, 2))]),
        ("RNNCell", [one((2, 2)), one((1, 3))]), ("RNNCell", [one((2, 2)), one((2, 2))]),
        ("LSTMCell", [one((1, 1, 2))]), ("LSTMCell", [one((2, 2)), (one((1, 3)), one((1, 3)))]),
        ("LSTMCell", [one((2, 2)), (one((2, 1, 3)), one((2, 1, 3)))]),
        ("GRUCell", [one((1, 1, 2))]), ("GRUCell", [one((2, 2)), one((2, 1, 3))]),
        ("GRUCell", [one((2, 2)), one((2, 2))]), ("GRUCell", [one((2, 3))]),
    ],
)  # fmt: skip
def test_inputs_are_refused(kind, args):
    refused(network(kind, 2, 3), *args)


def test_empty_inputs():
    refused(network("LSTM", 2, 3), np.zeros((0, 1, 2)))
    refused(lambda T: T.nn.RNNCell(2, 3, nonlinearity="x"), one((1, 2)))
    check(network("LSTM", 2, 3), np.zeros((4, 0, 2)), rtol=1e-9)

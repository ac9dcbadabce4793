"""Summaries: what they count, that nothing is run, and PyTorch's counter as a second opinion."""

import threading

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, nn, random, tree

NET = nn.chain(
    nn.Conv2d(1, 4, 3, padding=1),
    nn.BatchNorm(4),
    nn.relu,
    nn.chain(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 64, 10)),
)
X = fl.ShapeDtypeStruct((5, 1, 8, 8), "float32")


def flops(f, *args):
    """Of a function of arrays, as of a layer."""
    layer = nn.Layer(lambda key: (), lambda params, x: f(*x), "f")
    return nn.summary(layer, (), args).total_flops


def test_rows_are_the_layers_in_the_order_of_their_calls():
    found = nn.summary(NET, None, X)
    assert [(row.depth, row.name.split("(")[0]) for row in found.rows] == [
        (0, "chain"), (1, "Conv2d"), (1, "BatchNorm"), (1, "relu"), (1, "chain"),
        (2, "Flatten"), (2, "Dropout"), (2, "Linear"),
    ]  # fmt: skip
    assert [row.output.shape for row in found.rows] == [
        (5, 10), (5, 4, 8, 8), (5, 4, 8, 8), (5, 4, 8, 8), (5, 10), (5, 256), (5, 256), (5, 10)
    ]  # fmt: skip
    assert [row.params for row in found.rows] == [40 + 8 + 2570, 40, 8, 0, 2570, 0, 0, 2570]
    assert [row.state for row in found.rows] == [9, 0, 9, 0, 0, 0, 0, 0]
    assert found.total_params == 2618
    assert found.param_bytes == 4 * 2618
    assert found.total_state == 9
    assert found.output.shape == (5, 10)


def test_totals_are_those_of_parameters_and_of_the_parts():
    params, state = NET.init(random.key(0))
    for train in (False, True):
        found = nn.summary(NET, params, fnp.ones((5, 1, 8, 8)), state, train=train)
        assert found.total_params == sum(x.size for x in tree.leaves(params))
        assert found.total_flops == sum(r.flops for r in found.rows if r.depth == 1)
        assert found.output == fl.ShapeDtypeStruct((5, 10), "float32")


def test_the_table_has_a_line_a_layer():
    lines = str(nn.summary(NET, None, X)).splitlines()
    assert lines[0].split() == ["layer", "output", "parameters", "state", "FLOPs"]
    assert lines[-2].startswith("total") and "2,618" in lines[-2]
    assert lines[5].startswith("chain(Flatten") and lines[6].startswith("  Flatten")
    assert len({len(line) for line in lines[2:9]}) == 1
    assert "Linear(3, 2)" in str(nn.summary(nn.Linear(3, 2), None, fnp.ones(3)))


def test_nothing_is_run_whatever_the_size():
    big = nn.chain(nn.Linear(10**6, 10**7), nn.relu)
    found = nn.summary(big, None, fl.ShapeDtypeStruct((10**6, 10**6), "float32"))
    assert found.total_params == 10**13 + 10**7
    assert found.total_flops == 10**13 * (2 * 10**6 + 2)


def test_layers_are_as_they_were_even_after_an_error():
    layers = [NET, *NET.children, *NET.children[3].children]
    before = [layer.apply for layer in layers]
    nn.summary(NET, None, X)
    with pytest.raises(fl.errors.ShapeError):
        nn.summary(NET, None, fl.ShapeDtypeStruct((5, 3, 8, 8), "float32"))
    assert [layer.apply for layer in layers] == before


def test_calls_of_other_threads_are_not_noted():
    params, state = NET.init(random.key(0))
    x, inside, done = fnp.ones((5, 1, 8, 8)), threading.Event(), threading.Event()

    def waiting(y):
        inside.set()
        assert done.wait(20)
        return y

    net = nn.chain(NET, waiting)
    found = []
    thread = threading.Thread(target=lambda: found.append(nn.summary(net, None, X)))
    thread.start()
    assert inside.wait(20)
    out, _ = NET.apply(params, x, state)
    done.set()
    # `waiting` is called again for its row, when `done` is set already.
    thread.join()
    assert out.shape == (5, 10)
    assert len(found[0].rows) == 10


def test_a_layer_that_is_used_twice_has_two_rows():
    linear = nn.Linear(3, 3)
    found = nn.summary(nn.chain(linear, linear), None, fnp.ones((2, 3)))
    assert [row.name for row in found.rows[1:]] == ["Linear(3, 3)"] * 2


# ---------------------------------------------------------------- what is counted
A, B = fnp.ones((3, 4)), fnp.ones((4, 5))


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda a, b: a @ b, (A, B), 2 * 3 * 4 * 5),
        (lambda a: fnp.einsum("bij,bjk->bik", a, a), (fnp.ones((7, 2, 2)),), 2 * 7 * 8),
        (lambda a, b: a @ b, (A.astype("complex64"), B.astype("complex64")), 8 * 60),
        (lambda a: fnp.exp(a) + 1, (A,), 24),
        (lambda a: fnp.where(a > 0, a, -a), (A,), 24),
        (lambda a: a.sum(), (A,), 12),
        (lambda a: fnp.argmax(a, axis=0), (A,), 12),
        (lambda a: fnp.cumsum(a, axis=0), (A,), 12),
        (lambda a: a.T.reshape(2, 6)[::-1], (A,), 0),
        (lambda a: a.astype("float64"), (A,), 0),
        (lambda a: fnp.sort(a), (A,), 0),
        (lambda a: (a * 2 + 1).sum(), (fnp.ones(9, "int64"),), 0),
        (lambda a: a * 2, (fnp.ones((0, 3)),), 0),
        (lambda a: fl.jit(fnp.sin)(a), (A,), 12),
        (lambda a: fl.checkpoint(fnp.sin)(a), (A,), 12),
        (lambda a: lax.scan(lambda c, x: (c + x, x), a[0], a)[0], (A,), 12),
        (lambda a: lax.cond(a[0, 0] > 0, lambda a: a * 2, lambda a: fnp.sin(a * 2), a), (A,), 24),
        (lambda a: a.at[0].add(1.0), (A,), 4),
        (lambda a: random.bits(random.key(0), (8,)), (A,), 0),
    ],
)  # fmt: skip
def test_counts(f, args, expected):
    assert flops(f, *args) == expected


def test_a_loop_of_unknown_length_says_so():
    layer = nn.Layer(
        lambda key: (),
        lambda params, x: lax.while_loop(lambda x: x.sum() < 9, lambda x: x * 2, x),
        "doubling()",
    )
    found = nn.summary(layer, (), A)
    assert found.at_least
    assert "at least" in str(found)
    assert not nn.summary(nn.Linear(2, 2), None, fnp.ones(2)).at_least


@pytest.mark.peers
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_count_as_pytorch_counts_them(transposed, groups):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    name = "ConvTranspose2d" if transposed else "Conv2d"
    settings = {"stride": 2, "padding": 1, "groups": groups, "bias": False}
    theirs = getattr(torch.nn, name)(4, 6, 3, **settings)
    with FlopCounterMode(display=False) as counter:
        theirs(torch.ones(2, 4, 9, 9))
    ours = nn.summary(getattr(nn, name)(4, 6, 3, **settings), None, fnp.ones((2, 4, 9, 9)))
    # A strided transposed convolution has no inserted zeros to multiply by.
    assert ours.total_flops == counter.get_total_flops()


@pytest.mark.peers
def test_products_count_as_pytorch_counts_them():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        torch.nn.Linear(7, 5, bias=False)(torch.ones(3, 2, 7))
    ours = nn.summary(nn.Linear(7, 5, bias=False), None, np.ones((3, 2, 7), "float32"))
    assert ours.total_flops == counter.get_total_flops()


def test_it_wants_a_layer():
    with pytest.raises(TypeError, match="expected a layer; got function"):
        nn.summary(lambda x: x, None, X)

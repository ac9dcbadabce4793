"""Embeddings: the look-up, its one scatter-add, the padding row, ids outside the table."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn
from functorch_lite.core.graph import subgraphs
from functorch_lite.errors import DtypeError, IndexRangeError
from functorch_lite.testing import check_grads
from functorch_lite.testing.vmap_loop import check_vmap

TABLE = np.random.default_rng(0).normal(size=(5, 3))
IDS = np.array([[4, 0, 4], [1, 4, 2]])


def ops_of(graph):
    for eqn in graph.eqns:
        yield eqn.op.name
        for inner in subgraphs(eqn):
            yield from ops_of(inner)


def test_values():
    out = nn.embedding(fnp.asarray(IDS), fnp.asarray(TABLE))
    assert (np.asarray(out) == TABLE[IDS]).all()
    assert nn.embedding(3, fnp.asarray(TABLE)).tolist() == TABLE[3].tolist()
    assert nn.embedding(fnp.zeros((0, 2), int), fnp.asarray(TABLE)).shape == (0, 2, 3)
    assert nn.embedding(fnp.asarray(IDS, "uint8"), fnp.arange(5)).tolist() == IDS.tolist()


@pytest.mark.parametrize("padding_idx", [None, 4, -1])
def test_gradient_adds_up_rows_but_for_the_padding_row(padding_idx):
    ct = np.random.default_rng(1).normal(size=(2, 3, 3))
    found = fl.grad(lambda w: (nn.embedding(IDS, w, padding_idx) * ct).sum())(fnp.asarray(TABLE))
    want = np.zeros_like(TABLE)
    for where in np.ndindex(IDS.shape):
        want[IDS[where]] += ct[where]
    if padding_idx is not None:
        want[4] = 0
    np.testing.assert_allclose(found._data, want, rtol=1e-14)


@pytest.mark.parametrize("padding_idx", [None, 1])
@pytest.mark.parametrize("traced", [True, False])
def test_the_staged_gradient_is_one_scatter_add_and_nothing_of_the_size_of_a_one_hot(
    padding_idx, traced
):
    ids, weight = fnp.arange(7) % 5, fnp.ones((1000, 16))

    def gradient(weight, ids):
        return fl.grad(lambda w: (nn.embedding(ids, w, padding_idx) ** 2).sum())(weight)

    args = (weight, ids) if traced else (weight,)
    graph = fl.make_graph(gradient if traced else lambda w: gradient(w, ids))(*args)
    names = list(ops_of(graph))
    assert names.count("scatter_add") == 1
    assert not {"dot_general", "scatter", "sort"} & set(names)
    assert max(var.aval.size for eqn in graph.eqns for var in eqn.outputs) == weight.size


def test_transforms():
    weight = fnp.asarray(TABLE)
    check_grads(lambda w: nn.embedding(IDS, w) ** 2, (weight,), order=2)
    check_vmap(lambda ids, w: nn.embedding(ids, w, 2), (fnp.asarray(IDS), weight))
    f = fl.jit(nn.embedding)
    assert (f(fnp.asarray(IDS), weight) == weight[IDS]).all()


def test_ids_outside_the_table():
    weight = fnp.asarray(TABLE)
    for wrong in (5, -1, -6):
        with pytest.raises(
            IndexRangeError, match=f"a table of 5 rows takes ids from 0 to 4; got {wrong}"
        ):
            nn.embedding(fnp.asarray([0, wrong]), weight)
        with pytest.raises(IndexRangeError):  # known though the table is traced
            fl.grad(lambda w, i=wrong: nn.embedding(fnp.asarray([i]), w).sum())(weight)
        with pytest.raises(IndexRangeError):
            fl.jit(lambda w, i=wrong: nn.embedding(fnp.asarray([i]), w))(weight)
    traced = fl.jit(nn.embedding)(fnp.asarray([9, -1, -99]), weight)
    assert (traced == weight[fnp.asarray([4, 4, 0])]).all()
    with pytest.raises(IndexRangeError, match="none, there are no rows"):
        nn.embedding(fnp.asarray([0]), fnp.zeros((0, 3)))


def test_layer():
    layer = nn.Embedding(2000, 16, padding_idx=-1)
    params = layer.init(fl.random.key(0))
    weight = np.asarray(params["weight"])
    assert weight.dtype == np.float32 and not weight[-1].any()
    assert abs(weight[:-1].mean()) < 0.02 and abs(weight[:-1].std() - 1) < 0.02
    assert repr(layer) == "Embedding(2000, 16, padding_idx=1999)"
    grads = fl.grad(lambda p: layer.apply(p, fnp.asarray([1, 1999, 1])).sum())(params)["weight"]
    assert grads[1].tolist() == [2.0] * 16 and not grads[-1].any()
    net = nn.chain(nn.Embedding(7, 4), nn.Linear(4, 2))
    assert net.apply(net.init(fl.random.key(0)), fnp.asarray([[1, 6]])).shape == (1, 2, 2)


def test_messages():
    weight = fnp.asarray(TABLE)
    with pytest.raises(DtypeError, match="expected ids that are integers; got float32"):
        nn.embedding(fnp.asarray([1.0]), weight)
    with pytest.raises(DtypeError, match="expected ids that are integers; got bool"):
        nn.embedding(fnp.asarray([True]), weight)
    with pytest.raises(ValueError, match="padding_idx from -5 to 4 for a table of 5 rows; got 5"):
        nn.embedding(fnp.asarray([1]), weight, 5)
    with pytest.raises(ValueError, match="nn.Embedding: expected padding_idx from -3 to 2"):
        nn.Embedding(3, 2, 3)

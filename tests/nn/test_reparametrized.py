"""Weight and spectral normalisation, bilinear maps and bags of embeddings, against PyTorch's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import KEY, close, compare, drawn, load

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn
from functorch_lite.testing import check_grads, check_vmap


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


# ---------------------------------------------------------------------------------- weight norm
@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("dim", [0, 1, -1, None])
@pytest.mark.parametrize("kind", ["Linear", "Conv1d", "LSTM"])
def test_weight_norm(torch, kind, dim, rng):
    sizes, name, x, out = {
        "Linear": ((3, 2), "weight", (5, 3), lambda y: y),
        "Conv1d": ((3, 2, 2), "weight", (2, 3, 5), lambda y: y),
        "LSTM": ((3, 2), "weight_hh_l0", (4, 2, 3), lambda y: y[0]),
    }[kind]
    layer = nn.weight_norm(getattr(nn, kind)(*sizes), name, dim)
    plain = getattr(nn, kind)(*sizes).init(KEY)
    x = rng.standard_normal(x)
    np.testing.assert_allclose(
        layer.apply(layer.init(KEY), fnp.asarray(x, "float32")),
        getattr(nn, kind)(*sizes).apply(plain, fnp.asarray(x, "float32")), rtol=1e-5, atol=1e-6,
    )  # fmt: skip
    params = drawn(layer.init(KEY), rng)
    given = dim % params[f"{name}_v"].ndim if dim is not None else None
    module = getattr(torch.nn, kind)(*sizes, dtype=torch.float64)
    module = torch.nn.utils.weight_norm(module, name, given)
    load(torch, module, params)
    compare(torch, layer.apply, module, params, [x], theirs=lambda x: out(module(x)))
    assert layer.takes == getattr(nn, kind)(*sizes).takes


# -------------------------------------------------------------------------------- spectral norm
@pytest.mark.peers
@pytest.mark.parametrize(("kind", "dim"), [("Linear", 0), ("Conv1d", 0), ("ConvTranspose1d", 1)])
@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_norm(torch, kind, dim, iterations, rng):
    sizes = (3, 4) if kind == "Linear" else (3, 4, 2)
    x = rng.standard_normal((5, 3) if kind == "Linear" else (2, 3, 5))
    layer = nn.spectral_norm(getattr(nn, kind)(*sizes), n_power_iterations=iterations, dim=dim)
    made, state = layer.init(KEY)
    params = drawn(made, rng)
    state = {k: v.astype("float64") for k, v in state.items()}
    module = getattr(torch.nn, kind)(*sizes, dtype=torch.float64)
    torch.nn.utils.parametrizations.spectral_norm(module, n_power_iterations=iterations, dim=dim)
    inner = "parametrizations.weight"
    renamed = {"bias": params["bias"], f"{inner}.original": params["weight_orig"],
               f"{inner}.0._u": state["weight_u"], f"{inner}.0._v": state["weight_v"]}  # fmt: skip
    module.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in renamed.items()})
    for _ in range(2):
        out, new = layer.apply(params, fnp.asarray(x), state, train=True)
        tensor = torch.tensor(x, requires_grad=True)
        expected = module(tensor)
        close(out, expected)
        close(new["weight_u"], module.state_dict()[f"{inner}.0._u"])
        module.zero_grad()
        (expected**2).sum().backward()
        grads = fl.grad(
            lambda p, x, s: (layer.apply(p, x, s, train=True)[0] ** 2).sum(), argnums=(0, 1)
        )(params, fnp.asarray(x), state)
        close(grads[0]["weight_orig"], module.parametrizations.weight.original.grad, 1e-9)
        close(grads[1], tensor.grad, 1e-9)
        state = new
    module.eval()
    out, same = layer.apply(params, fnp.asarray(x), state)
    close(out, module(torch.tensor(x)))
    assert same is state


def test_spectral_norm_is_one_after_init_and_composes():
    layer = nn.spectral_norm(nn.Linear(6, 5, bias=False))
    params, state = layer.init(KEY)
    weight = layer.apply(params, fnp.eye(6), state)[0]
    assert abs(np.linalg.norm(np.asarray(weight), 2) - 1) < 0.05
    net = nn.chain(layer, nn.BatchNorm(5), nn.spectral_norm(nn.weight_norm(nn.Linear(5, 2)),
                                                            "weight_v"))  # fmt: skip
    params, state = net.init(KEY)
    x = fnp.ones((3, 6)) * fnp.arange(3)[:, None]
    out, new = fl.jit(net.apply, static_argnames="train")(params, x, state, train=True)
    assert out.shape == (3, 2) and fl.tree.structure(new) == fl.tree.structure(state)
    stateful = nn.spectral_norm(nn.spectral_norm(nn.Linear(3, 2)), "weight_orig")
    params, state = stateful.init(KEY)
    out, new = stateful.apply(params, fnp.ones((2, 3)), state, train=True)
    assert set(new) == {"weight_orig_u", "weight_orig_v", "layer"}
    keys = fl.random.split(KEY, 3)
    params, state = fl.vmap(layer.init)(keys)
    out, _ = fl.vmap(lambda p, s: layer.apply(p, fnp.ones((2, 6)), s, train=True))(params, state)
    one = fl.tree.map(lambda v: v[1], (params, state))
    np.testing.assert_allclose(out[1], layer.apply(one[0], fnp.ones((2, 6)), one[1], train=True)[0],
                               rtol=1e-5)  # fmt: skip


# ------------------------------------------------------------------------------------- bilinear
@pytest.mark.peers
@settings(max_examples=20)
@given(
    st.tuples(*[st.integers(1, 3)] * 3), st.lists(st.integers(0, 3), max_size=2), st.booleans()
)  # fmt: skip
def test_bilinear(torch, sizes, lead, bias):
    rng = np.random.default_rng(sum(sizes))
    layer = nn.Bilinear(*sizes, bias=bias)
    params = drawn(layer.init(KEY), rng)
    module = load(torch, torch.nn.Bilinear(*sizes, bias=bias, dtype=torch.float64), params)
    inputs = [rng.standard_normal((*lead, n)) for n in sizes[:2]]
    compare(torch, layer.apply, module, params, inputs, jit=len(lead) == 1)


def test_bilinear_under_transforms(rng):
    layer = nn.Bilinear(2, 3, 2)
    params = drawn(layer.init(KEY), rng)
    x1, x2 = (fnp.asarray(rng.standard_normal((4, n))) for n in (2, 3))
    check_grads(layer.apply, (params, x1, x2), order=2)
    check_vmap(nn.bilinear, (x1, x2, params["weight"], params["bias"]), size=2)


# ------------------------------------------------------------------------------ bags of embeddings
@pytest.mark.peers
@settings(max_examples=40)
@given(st.data(), st.sampled_from(["sum", "mean", "max"]), st.booleans())
def test_embedding_bag(torch, data, mode, include_last):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    padding = data.draw(st.sampled_from([None, 1, -1]))
    layer = nn.EmbeddingBag(5, 3, mode, include_last, padding)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.EmbeddingBag(
        5, 3, mode=mode, include_last_offset=include_last, padding_idx=padding, dtype=torch.float64
    )
    load(torch, module, params)
    if data.draw(st.booleans()):
        ids, offsets = rng.integers(0, 5, rng.integers(1, 4, 2)), None
    else:
        ids = rng.integers(0, 5, data.draw(st.integers(1, 6)))
        offsets = np.sort(rng.integers(0, len(ids) + 1, 3))
        offsets[0] = 0
        if include_last:
            offsets = np.append(offsets, len(ids))
    factors = rng.standard_normal(ids.shape) if mode == "sum" and padding is None else None
    ours = None if offsets is None else fnp.asarray(offsets)
    theirs = None if offsets is None else torch.tensor(offsets)

    def run(params, *factors):
        given = factors[0] if factors else None
        return layer.apply(params, fnp.asarray(ids), ours, per_sample_weights=given)

    if factors is None:
        values_and_table_gradient(torch, run, module, params, torch.tensor(ids), theirs)
    else:
        compare(torch, run, module, params, [factors], jit=False,
                theirs=lambda f: module(torch.tensor(ids), theirs, f))  # fmt: skip
    if offsets is not None:
        traced = fl.jit(layer.apply)(params, fnp.asarray(ids), ours)
        close(traced, np.asarray(run(params)))


def values_and_table_gradient(torch, run, module, params, ids, offsets):
    expected = module(ids, offsets)
    close(run(params), expected)
    module.zero_grad()
    (expected**2).sum().backward()
    grads = fl.grad(lambda p: (run(p) ** 2).sum())(params)
    close(grads["weight"], module.weight.grad)


def test_embedding_bag_under_transforms(rng):
    table = fnp.asarray(rng.standard_normal((5, 2)))
    ids, offsets = fnp.asarray([4, 0, 4, 2]), fnp.asarray([0, 0, 3])
    for mode in ("sum", "mean", "max"):
        check_grads(lambda w, m=mode: nn.embedding_bag(ids, w, offsets, m), (table,), order=2)
        check_vmap(lambda i, w, m=mode: nn.embedding_bag(i, w, offsets, m), (ids, table), size=2)
        found = nn.embedding_bag(ids, table, offsets, mode)
        assert not found[0].any() and found.shape == (3, 2)
    empty = nn.embedding_bag(fnp.zeros((2, 0), int), table, mode="max")
    assert empty.tolist() == [[0, 0], [0, 0]]


W = fnp.ones((5, 2))
IDS = fnp.zeros(3, int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.embedding_bag(IDS, W), errors.ShapeError, r"got \(3,\) without offsets"),
        (lambda: nn.embedding_bag(IDS[None], W, [0]), errors.ShapeError, "with offsets"),
        (lambda: nn.embedding_bag(IDS, W, [1]), ValueError, r"begin with 0 .*got \[1\]"),
        (lambda: nn.embedding_bag(IDS, W, [0.0]), errors.DtypeError, "offsets that are integers"),
        (lambda: nn.embedding_bag(IDS + 9, W, [0]), errors.IndexRangeError, "from 0 to 4; got 9"),
        (lambda: nn.EmbeddingBag(5, 2, "prod"), ValueError, "'sum', 'mean' or 'max'; got 'prod'"),
        (
            lambda: nn.embedding_bag(IDS, W, [0], "mean", fnp.ones(3)),
            ValueError,
            "expected mode 'sum' with per_sample_weights",
        ),
        (
            lambda: nn.embedding_bag(IDS, W, [0], "sum", fnp.ones(2)),
            errors.ShapeError,
            r"shaped like ids, \(3,\); got \(2,\)",
        ),
        (
            lambda: nn.bilinear(fnp.ones(2), fnp.ones(4), fnp.ones((1, 2, 3))),
            errors.ShapeError,
            r"x2 \[..., 3\] .*got \(2,\) and \(4,\)",
        ),
        (
            lambda: nn.weight_norm(nn.chain(nn.Linear(2, 2))).init(KEY),
            ValueError,
            "a parameter 'weight'; got parameters tuple",
        ),
        (
            lambda: nn.weight_norm(nn.LSTM(2, 2)).init(KEY),
            ValueError,
            "got parameters 'weight_ih_l0'",
        ),
        (lambda: nn.weight_norm(nn.Linear(2, 2), dim=2).init(KEY), errors.AxisError, "from -2 to"),
        (lambda: nn.spectral_norm(nn.LayerNorm(2)).init(KEY), errors.ShapeError, r"shape \(2,\)"),
        (
            lambda: nn.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
            ValueError,
            "at least 1; got 0",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

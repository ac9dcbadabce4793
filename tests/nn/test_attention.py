"""Attention against PyTorch's: every mask, heads that share, projections; transforms; messages."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import KEY, close, compare, drawn, load

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random
from functorch_lite.testing import check_grads, check_vmap

EXAMPLES = settings(max_examples=25)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


def by_hand(q, k, v, allowed=None, scale=None):
    """One query at a time, in NumPy."""
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    out = np.zeros((len(q), v.shape[-1]))
    for i, row in enumerate(q):
        at = np.arange(len(k)) if allowed is None else np.flatnonzero(allowed[i])
        if len(at):
            e = np.exp(k[at] @ row * scale)
            out[i] = e / e.sum() @ v[at]
    return out


# ------------------------------------------------------------------------------------- functions
def test_against_one_query_at_a_time(rng):
    q, k, v = (rng.standard_normal(s) for s in ((4, 3), (5, 3), (5, 2)))
    arrays = [fnp.asarray(a) for a in (q, k, v)]
    close(nn.scaled_dot_product_attention(*arrays), by_hand(q, k, v))
    allowed = rng.random((4, 5)) < 0.5
    allowed[2] = False
    close(nn.scaled_dot_product_attention(*arrays, allowed), by_hand(q, k, v, allowed))
    causal = nn.scaled_dot_product_attention(*arrays, is_causal=True, scale=-0.7)
    close(causal, by_hand(q, k, v, np.tri(4, 5), -0.7))
    mask = nn.generate_square_subsequent_mask(4, "float64")
    added = nn.scaled_dot_product_attention(arrays[0], arrays[0], arrays[0], mask)
    close(added, by_hand(q, q, q, np.tri(4, 4)))


@pytest.mark.peers
@EXAMPLES
@given(st.data(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_values_and_gradients(torch, data, size, length, other):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    heads, shared = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    kind = data.draw(st.sampled_from(["none", "causal", "bool", "float"]))
    options = {"scale": data.draw(st.sampled_from([None, 0.3])), "enable_gqa": shared > 1}
    mask = None
    if kind == "causal":
        options["is_causal"] = True
    if kind == "bool":
        mask = rng.random((length, other)) < 0.7
        mask[:, 0] = True
    if kind == "float":
        mask = rng.standard_normal((2, 1, length, other))
    inputs = [
        rng.standard_normal((2, h, n, s))
        for h, n, s in (
            (heads * shared, length, size), (heads, other, size), (heads, other, size + 1)
        )
    ]  # fmt: skip
    theirs = None if mask is None else torch.tensor(mask)
    compare(
        torch,
        lambda _, q, k, v: nn.scaled_dot_product_attention(q, k, v, mask, **options),
        torch.nn.Module(), {}, inputs,
        theirs=lambda *a: torch.nn.functional.scaled_dot_product_attention(*a, theirs, **options),
    )  # fmt: skip


def test_rows_that_may_look_at_nothing_have_gradients_of_zero(rng):
    q, v = fnp.asarray(rng.standard_normal((2, 3))), fnp.asarray(rng.standard_normal((2, 3)))
    mask = fnp.asarray([[True, False], [False, False]])

    def f(q, k, v):
        return nn.scaled_dot_product_attention(q, k, v, mask).sum()

    for grads in (fl.grad(f, (0, 1, 2))(q, q, v), fl.jit(fl.grad(f, (0, 1, 2)))(q, q, v)):
        assert all(np.isfinite(np.asarray(g)).all() for g in grads)
        assert not np.asarray(grads[0])[1].any()
    check_grads(lambda *a: nn.scaled_dot_product_attention(*a, mask), (q, q, v), order=2)


def test_dropout_drops_weights():
    q = fnp.zeros((1, 200, 4))
    v = fnp.ones((1, 200, 1))
    out = nn.scaled_dot_product_attention(q, q, v, dropout_p=0.25, dropout_key=KEY)
    assert abs(float(out.mean()) - 1) < 0.02 and float(out.std()) > 0.01
    again = nn.scaled_dot_product_attention(q, q, v, dropout_p=0.25, dropout_key=KEY)
    np.testing.assert_array_equal(out, again)
    assert not nn.scaled_dot_product_attention(q, q, v, dropout_p=1.0, dropout_key=KEY).any()


def test_half_precision_empty_operands_and_large_scores():
    q = 100 * fnp.ones((2, 3, 8), "float16")
    out = nn.scaled_dot_product_attention(q, q, q)  # 28,000,000 overflows float16
    assert out.dtype.name == "float16" and (np.asarray(out) == 100).all()
    assert nn.scaled_dot_product_attention(*[fnp.ones((0, 2, 3))] * 3).shape == (0, 2, 3)
    k = fnp.ones((0, 3))
    assert nn.scaled_dot_product_attention(fnp.ones((2, 3)), k, k).tolist() == [[0, 0, 0]] * 2


def test_transforms(rng):
    args = [fnp.asarray(rng.standard_normal(s)) for s in ((2, 3), (4, 3), (4, 2), (2, 4))]
    check_vmap(nn.scaled_dot_product_attention, args, size=2)
    gradient = fl.grad(lambda *a: (nn.scaled_dot_product_attention(*a) ** 2).sum(), (0, 1, 2, 3))
    check_vmap(gradient, args, size=2, out_axes=False)
    check_grads(nn.scaled_dot_product_attention, args, order=2)
    q, k, v, mask = args
    jvp = fl.jvp(lambda q: nn.scaled_dot_product_attention(q, k, v, mask), (q,), (q,))
    jitted = fl.jit(lambda *a: fl.jvp(lambda q: nn.scaled_dot_product_attention(q, *a[1:]), a[:1],
                                      a[:1]))(*args)  # fmt: skip
    for a, b in zip(jvp, jitted, strict=True):
        close(a, np.asarray(b))


# ----------------------------------------------------------------------------------- the layer
CASES = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"kdim": 3, "vdim": 5},
    {"kdim": 3, "bias": False, "add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
]


@pytest.mark.peers
@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize("masks", ["none", "bool", "float", "padding", "both", "3d"])
def test_multi_head_attention(torch, options, masks, rng):
    layer = nn.MultiHeadAttention(4, 2, **options)
    params = drawn(layer.init(KEY), rng)
    module = torch.nn.MultiheadAttention(4, 2, **options, dtype=torch.float64)
    load(torch, module, params)
    length, other, batch = 3, 5, 2
    shapes = [(length, batch, 4), (other, batch, options.get("kdim", 4))]
    shapes.append((other, batch, options.get("vdim", 4)))
    if options.get("batch_first"):
        shapes = [(b, t, s) for t, b, s in shapes]
    inputs = [rng.standard_normal(shape) for shape in shapes]
    given = {}
    if masks in ("bool", "both"):
        given["attn_mask"] = rng.random((length, other)) < 0.3
    if masks == "float":
        given["attn_mask"] = rng.standard_normal((length, other))
    if masks == "3d":
        given["attn_mask"] = rng.random((batch * 2, length, other)) < 0.3
    if masks in ("padding", "both"):
        given["key_padding_mask"] = rng.random((batch, other)) < 0.3
    for mask in given.values():
        if mask.dtype == bool:
            mask[..., 1] = False  # or PyTorch answers NaN
    theirs = {name: torch.tensor(mask) for name, mask in given.items()}
    compare(
        torch, lambda p, *a: layer.apply(p, *a, **given), module, params, inputs,
        theirs=lambda *a: module(*a, **theirs)[0],
    )  # fmt: skip
    arrays, tensors = [fnp.asarray(a) for a in inputs], [torch.tensor(a) for a in inputs]
    for average in (True, False):
        out, weights = layer.apply(
            params, *arrays, need_weights=True, average_attn_weights=average, **given
        )
        expected = module(*tensors, average_attn_weights=average, **theirs)
        close(out, expected[0])
        close(weights, expected[1])


@pytest.mark.peers
def test_self_attention_and_single_sequences(torch, rng):
    layer = nn.MultiHeadAttention(4, 2)
    params = drawn(layer.init(KEY), rng)
    module = load(torch, torch.nn.MultiheadAttention(4, 2, dtype=torch.float64), params)
    for shape in ((3, 2, 4), (3, 4)):
        x = rng.standard_normal(shape)
        compare(torch, layer.apply, module, params, [x], theirs=lambda x: module(x, x, x)[0])
    x = torch.tensor(x)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    expected, weights = module(x, x, x, attn_mask=mask, key_padding_mask=torch.zeros(3).double())
    padding = fnp.zeros(3, bool)
    found = layer.apply(
        params, fnp.asarray(x.numpy()), is_causal=True, need_weights=True, key_padding_mask=padding
    )
    close(found[0], expected)
    close(found[1], weights)
    close(nn.generate_square_subsequent_mask(3, "float64"), mask)


@pytest.mark.peers
def test_initial_values_are_distributed_like_pytorch_s(torch):
    ours = nn.MultiHeadAttention(256, 2, add_bias_kv=True).init(KEY)
    theirs = torch.nn.MultiheadAttention(256, 2, add_bias_kv=True).state_dict()
    for name in ("in_proj_weight", "bias_k", "bias_v"):
        a, b = np.asarray(ours[name]), theirs[name].numpy()
        assert abs(a.std() / b.std() - 1) < 0.2 and abs(a.mean() - b.mean()) < 0.05, name
    weight = np.asarray(ours["out_proj"]["weight"])
    assert abs(weight.std() / theirs["out_proj.weight"].numpy().std() - 1) < 0.02
    assert not ours["in_proj_bias"].any() and not ours["out_proj"]["bias"].any()


def test_every_mask_counts_beside_the_causal_one(rng):
    layer = nn.MultiHeadAttention(4, 2)
    params, x = layer.init(KEY), fnp.asarray(rng.standard_normal((5, 2, 4)))
    allowed, padding = rng.random((5, 5)) < 0.6, rng.random((2, 5)) < 0.3
    for mask in (~allowed, np.where(allowed, 0.5, -np.inf)):
        out, weights = layer.apply(
            params, x, attn_mask=mask, key_padding_mask=padding, is_causal=True, need_weights=True
        )
        both = allowed & np.tri(5, dtype=bool) & ~padding[:, None]
        assert ((np.asarray(weights) > 0) == both).all() and not np.isnan(np.asarray(out)).any()


def test_dropout_of_the_layer():
    layer = nn.MultiHeadAttention(4, 2, dropout=0.5)
    params, x = layer.init(KEY), random.normal(KEY, (5, 3, 4))
    evaluated = layer.apply(params, x)
    trained = layer.apply(params, x, key=KEY, train=True)
    assert not np.allclose(evaluated, trained)
    np.testing.assert_array_equal(trained, layer.apply(params, x, key=KEY, train=True))
    with pytest.raises(TypeError, match=r"MultiHeadAttention\(4, 2\): expected a key in training"):
        layer.apply(params, x, train=True)


def test_the_layer_under_transforms(rng):
    layer = nn.MultiHeadAttention(2, 1)
    params, x = drawn(layer.init(KEY), rng), fnp.asarray(rng.standard_normal((3, 2)))
    check_grads(layer.apply, (params, x), order=2)
    check_vmap(lambda w, x: layer.apply({**params, "in_proj_weight": w}, x),
               (params["in_proj_weight"], x), size=2)  # fmt: skip


Q = fnp.ones((2, 3, 4))
LAYER = nn.MultiHeadAttention(4, 2)
PARAMS = LAYER.init(KEY)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(Q, Q[..., :3], Q), errors.ShapeError, r"\(2, 3, 4\), \(2, 3, 3\)"),
        (lambda f: f(Q, Q, Q, fnp.ones((2, 2), bool)), errors.ShapeError, r"broadcasts to .*2, 3"),
        (lambda f: f(Q, Q, Q, fnp.ones((3, 3), int)), errors.DtypeError, "of bools, or of floats"),
        (lambda f: f(Q, Q, Q, Q[..., :3], is_causal=True), ValueError, "not both"),
        (lambda f: f(Q, Q, Q, dropout_p=0.5), TypeError, "expected a key in training"),
        (lambda f: f(Q, Q, Q, dropout_p=2), ValueError, r"in \[0, 1\]; got 2"),
        (lambda f: f(fnp.ones((2, 3), int), Q, Q), errors.DtypeError, "query of a floating-point"),
        (lambda f: f(Q, KEY, Q), errors.DtypeError, "a random key is not key"),
        (lambda f: f(Q[:, None], Q, Q, enable_gqa=True), errors.ShapeError, "divide the query's"),
        (lambda f: nn.MultiHeadAttention(4, 3), ValueError, "num_heads=3 for embed_dim=4"),
        (lambda f: LAYER.apply(PARAMS, Q[..., :3]), errors.ShapeError, r"query of shape \[time, b"),
        (lambda f: LAYER.apply(PARAMS, Q, Q[:, :1]), errors.ShapeError, "the query's batch"),
        (lambda f: LAYER.apply(PARAMS, Q, Q, Q[:1]), errors.ShapeError, "a value for each key"),
        (
            lambda f: LAYER.apply(PARAMS, Q, attn_mask=fnp.ones((3, 3), bool)),
            errors.ShapeError,
            r"attn_mask of shape \(2, 2\) or \(6, 2, 2\); got \(3, 3\)",
        ),
        (
            lambda f: LAYER.apply(PARAMS, Q, key_padding_mask=fnp.ones((2, 3), bool)),
            errors.ShapeError,
            r"key_padding_mask of shape \(3, 2\)",
        ),
        (
            lambda f: nn.MultiHeadAttention(4, 2, kdim=3).apply({}, Q),
            errors.TreeError,
            r"missing: params\['in_proj_bias'\]",
        ),
        (
            lambda f: nn.MultiHeadAttention(4, 2, kdim=3).apply(
                nn.MultiHeadAttention(4, 2, kdim=3).init(KEY), Q
            ),
            errors.ShapeError,
            "expected keys of 3 features; got None",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.scaled_dot_product_attention)

"""dot_product_attention and scaled_matmul against JAX's, and against sums written out in NumPy."""

import itertools

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn
from functorch_lite.testing import check_grads, check_vmap


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", exc_type=ImportError)


def by_hand(q, k, v, allowed, bias=None, scale=None):
    """One query of one head at a time; rows without a place are left out by the caller."""
    batch, length, heads, size = q.shape
    per = heads // k.shape[2]
    out = np.zeros(q.shape)
    logs = np.zeros(q.shape[:-1])
    for b, t, n in itertools.product(range(batch), range(length), range(heads)):
        at = np.flatnonzero(allowed[b, n, t])
        s = k[b, at, n // per] @ q[b, t, n] * (size**-0.5 if scale is None else scale)
        s = s if bias is None else s + bias[b, n, t, at]
        if len(at):
            e = np.exp(s)
            out[b, t, n] = e @ v[b, at, n // per] / e.sum()
            logs[b, t, n] = np.log(e.sum())
    return out, logs


def operands(rng, batch=2, length=4, other=5, heads=6, shared=2, size=3, dtype="float64"):
    shapes = ((batch, length, heads, size), (batch, other, shared, size))
    return [rng.standard_normal(s).astype(dtype) for s in (shapes[0], shapes[1], shapes[1])]


def test_against_one_query_at_a_time(rng):
    q, k, v = operands(rng)
    scores = (2, 6, 4, 5)
    bias = rng.standard_normal((2, 6, 4, 5))
    lengths = np.array([3, 5])
    behind = np.arange(4)[:, None] - np.arange(5)
    allowed = np.broadcast_to((behind >= 0) & (behind <= 2), scores)
    allowed = allowed & (np.arange(5) < lengths[:, None])[:, None, None]
    out, logs = nn.dot_product_attention(
        q, k, v, bias, is_causal=True, local_window_size=(2, 7), key_value_seq_lengths=lengths,
        scale=0.4, return_residual=True,
    )  # fmt: skip
    want, want_logs = by_hand(q, k, v, allowed, bias, 0.4)
    np.testing.assert_allclose(out, want, rtol=1e-12)
    np.testing.assert_allclose(logs, want_logs, rtol=1e-12)


OPTIONS = {
    "plain": {},
    "scale": {"scale": 0.3},
    "causal": {"is_causal": True},
    "queries": {"query_seq_lengths": np.array([2, 4], "int32")},
    "keys": {"key_value_seq_lengths": np.array([1, 0], "int32")},
    "both": {
        "query_seq_lengths": np.array([0, 3], "int32"),
        "key_value_seq_lengths": np.array([5, 2], "int32"),
        "is_causal": True,
    },
    "window": {"local_window_size": 1},
    "left window": {"local_window_size": (1, 0), "implementation": "xla"},
}
SHAPES = {
    None: None,
    "full": (2, 6, 4, 5),
    "heads": (6, 1, 5),
    "rows": (4, 5),
    "batch": (2, 1, 1, 5),
    "one": (1,),
}
KINDS = ((None, None), ("full", "rows"), ("heads", "batch"), ("one", None))
QUICK = [
    ("both", 2, "full", "rows"),
    ("window", 1, "heads", "batch"),
    ("keys", 6, "one", None),
    ("causal", 2, None, None),
]
SWEEP = [(o, n, *kinds) for o in OPTIONS for n in (6, 2, 1) for kinds in KINDS]


def compare_with_jax(jax, rng, options, shared, bias_kind, mask_kind):
    q, k, v = operands(rng, shared=shared, dtype="float32")
    weights = rng.standard_normal(q.shape).astype("float32")
    bias = mask = None
    if bias_kind:
        bias = rng.standard_normal(SHAPES[bias_kind]).astype("float32")
    if mask_kind:
        mask = rng.random(SHAPES[mask_kind]) < 0.7

    def loss(attend, fnp):
        def f(q, k, v):
            out, residual = attend(q, k, v, bias, mask, **OPTIONS[options], return_residual=True)
            return fnp.sum(out * weights) + 0 * fnp.sum(residual), (out, residual)

        return f

    other = loss(jax.nn.dot_product_attention, jax.numpy)
    theirs = jax.jit(jax.value_and_grad(other, (0, 1, 2), True))
    mine = fl.jit(fl.value_and_grad(loss(nn.dot_product_attention, fnp), (0, 1, 2), True))
    (_, want), wants = theirs(q, k, v)
    (_, got), gots = mine(q, k, v)
    for a, b in zip((*got, *gots), (*want, *wants), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.peers
@pytest.mark.parametrize(
    "cases",
    [pytest.param(QUICK, id="quick"), pytest.param(SWEEP, id="sweep", marks=pytest.mark.long)],
)
def test_values_and_gradients_are_jaxs(jax, rng, cases):
    for case in cases:
        compare_with_jax(jax, rng, *case)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(jax, rng, dtype):
    q, k, v = (fnp.asarray(x, dtype) for x in operands(rng))
    out, residual = nn.dot_product_attention(q, k, v, is_causal=True, return_residual=True)
    assert out.dtype == residual.dtype == q.dtype
    exact = nn.dot_product_attention(
        *(x.astype("float64") for x in (q, k, v)), is_causal=True
    ).astype(dtype)
    assert (out == exact).mean() > 0.9
    want = jax.nn.dot_product_attention(
        *(jax.numpy.asarray(np.asarray(x)) for x in (q, k, v)), is_causal=True
    )
    np.testing.assert_allclose(
        np.asarray(out, "float32"), np.asarray(want, "float32"), atol=0.03, rtol=0.03
    )


def test_without_a_batch_and_without_elements(rng):
    q, k, v = operands(rng)
    out, residual = nn.dot_product_attention(q[0], k[0], v[0], return_residual=True)
    np.testing.assert_allclose(out, nn.dot_product_attention(q, k, v)[0])
    assert out.shape == q[0].shape and residual.shape == q[0].shape[:-1]
    assert nn.dot_product_attention(q[:0], k[:0], v[:0]).shape == (0, 4, 6, 3)
    nothing, logs = nn.dot_product_attention(q, k[:, :0], v[:, :0], return_residual=True)
    assert not np.asarray(nothing).any() and np.isneginf(logs).all()
    assert nn.dot_product_attention(q[:, :0], k, v, is_causal=True).shape == (2, 0, 6, 3)


def test_transforms(rng):
    q, k, v = operands(rng, batch=1, length=3, other=3, heads=2, shared=1, size=2)

    def f(q, k, v, bias):
        return nn.dot_product_attention(q, k, v, bias, is_causal=True, local_window_size=1)

    bias = rng.standard_normal((1, 2, 3, 3))
    check_grads(f, (q, k, v, bias))
    check_vmap(f, (q, k, v, bias))


def test_no_derivative_flows_through_the_residual(rng):
    q, k, v = operands(rng)

    def total(q):
        return fnp.sum(nn.dot_product_attention(q, k, v, return_residual=True)[1])

    assert not np.asarray(fl.grad(total)(q)).any()


def test_large_calls_are_compiled_and_equal(rng):
    q, k, v = operands(rng, batch=4, length=32, other=64, heads=8, size=32, dtype="float32")
    mask = rng.random((4, 1, 32, 64)) < 0.5
    with fl.disable_jit():
        want = nn.dot_product_attention(q, k, v, None, mask)
    np.testing.assert_allclose(nn.dot_product_attention(q, k, v, None, mask), want, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"query": np.ones((4, 3))}, errors.ShapeError, r"query \[batch, length, heads, size\]"),
        ({"key": np.ones((2, 5, 2, 9))}, errors.ShapeError, "the same batch and size"),
        ({"query": np.ones((2, 4, 5, 3))}, errors.ShapeError, "divide the query's; got 2 and 5"),
        ({"query": np.ones((2, 4, 6, 3), int)}, errors.DtypeError, "expected query of a float"),
        ({"mask": np.ones((4, 5))}, errors.DtypeError, "bias=mask"),
        ({"mask": np.ones((4, 4), bool)}, errors.ShapeError, "expected a mask that broadcasts"),
        ({"bias": np.ones((1, 2, 6, 4, 5))}, errors.ShapeError, "expected a bias that broadcasts"),
        ({"bias": np.ones((2, 1, 1))}, errors.ShapeError, r"here \(2, 6, 4, 5\)"),
        ({"query_seq_lengths": np.ones(3, int)}, errors.ShapeError, r"of shape \(2,\)"),
        ({"key_value_seq_lengths": np.ones(2)}, errors.DtypeError, "lengths of integers"),
        ({"local_window_size": (1, -1)}, ValueError, "number of places or a pair"),
        ({"local_window_size": 1.5}, ValueError, "number of places or a pair"),
        ({"implementation": "cudnn"}, ValueError, "None or 'xla'"),
    ],
)
def test_messages(rng, change, error, message):
    q, k, v = operands(rng)
    arguments = {"query": q, "key": k, "value": v, **change}
    if "key" in change:
        arguments["value"] = change["key"]
    with pytest.raises(error, match=message):
        nn.dot_product_attention(**arguments)


# ---------------------------------------------------------------------------------- scaled_matmul
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_scaled_matmul_in_every_dtype(rng, dtype):
    # JAX itself has it on GPUs only.
    a, b = (rng.integers(-4, 5, s) for s in ((2, 3, 8), (2, 5, 8)))
    p, q = (rng.choice([0.5, 1.0, 2.0], s) for s in ((2, 3, 4), (2, 5, 4)))
    want = np.einsum("bmk,bnk->bmn", a * np.repeat(p, 2, -1), b * np.repeat(q, 2, -1))
    scales = (p.astype("float32"), q.astype("float32"))
    operands = (fnp.asarray(a, dtype), fnp.asarray(b, dtype), *scales)
    got = fl.jit(nn.scaled_matmul)(*operands)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, want)
    assert nn.scaled_matmul(*operands, "bfloat16").dtype.name == "bfloat16"


def test_scaled_matmul_sizes_and_derivatives(rng):
    a, b = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 5, 6))
    p, q = rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 5, 2))

    def f(*args):
        return nn.scaled_matmul(*args, preferred_element_type="float64")

    want = np.einsum("bmk,bnk->bmn", a * np.repeat(p, 3, -1), b * np.repeat(q, 3, -1))
    np.testing.assert_allclose(f(a, b, p, q), want)
    check_grads(f, (a, b, p, q))
    assert (
        f(a[..., :0], b[..., :0], p[..., :0], q[..., :0]).tolist() == np.zeros(want.shape).tolist()
    )
    for bad in ((a[0], b, p, q), (a, b[..., :3], p, q), (a, b, p[:, :2], q), (a, b, p, q[..., :1])):
        with pytest.raises(errors.ShapeError, match="blocks that divide size"):
            f(*bad)
    with pytest.raises(errors.ShapeError, match="blocks that divide size"):
        f(a[..., :5], b[..., :5], p, q)

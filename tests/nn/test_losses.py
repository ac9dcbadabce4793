"""Every loss against PyTorch's: values, first and second derivatives, dtypes, edges, messages."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn
from functorch_lite.testing import check_grads, check_vmap

# PyTorch has no second derivatives of these.
NOT_TWICE = ("multi_margin_loss", "multilabel_margin_loss")
REDUCTIONS = ("mean", "sum", "none")
pytestmark = pytest.mark.filterwarnings("ignore:.*'mean' divides the total loss")
QUICK = settings(max_examples=8, deadline=None)
WIDER = settings(max_examples=300, deadline=None)


def _signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


def _labels(rng, shape):
    """Classes of each row, up to a -1 that may be missing."""
    out = np.stack([rng.permutation(shape[-1]) for _ in range(math.prod(shape[:-1]))])
    for row in out:
        row[rng.integers(0, shape[-1] + 1) :] = -1
    return out.reshape(shape)


# name -> (operands of a shape, how many are differentiated, settings to choose from)
CASES = {
    "l1_loss": (lambda r, s: (r.normal(size=s), r.normal(size=s)), 2, [{}]),
    "mse_loss": (lambda r, s: (r.normal(size=s), r.normal(size=s)), 2, [{}]),
    "smooth_l1_loss": (
        lambda r, s: (r.normal(size=s), r.normal(size=s)),
        2,
        [{}, {"beta": 0.3}, {"beta": 0.0}],
    ),
    "huber_loss": (lambda r, s: (r.normal(size=s), r.normal(size=s)), 2, [{}, {"delta": 0.4}]),
    "kl_div": (
        lambda r, s: (np.log(r.uniform(0.1, 1, s)), r.uniform(0.1, 1, s)),
        2,
        [{}, {"log_target": True}],
    ),
    "poisson_nll_loss": (
        lambda r, s: (r.uniform(0.2, 2, s), r.poisson(2, s).astype(float)),
        1,
        [{}, {"full": True}, {"log_input": False}, {"log_input": False, "eps": 0.1}],
    ),
    "gaussian_nll_loss": (
        lambda r, s: (r.normal(size=s), r.normal(size=s), r.uniform(0.1, 1, s)),
        3,
        [{}, {"full": True}, {"eps": 0.5}],
    ),
    "binary_cross_entropy": (
        lambda r, s: (r.uniform(0.01, 0.99, s), r.uniform(size=s)),
        2,
        [{}, {"weight": (3,)}],
    ),
    "binary_cross_entropy_with_logits": (
        lambda r, s: (4 * r.normal(size=s), r.uniform(size=s)),
        2,
        [{}, {"weight": (3,)}, {"pos_weight": (3,)}, {"weight": (3,), "pos_weight": (3,)}],
    ),
    "soft_margin_loss": (lambda r, s: (r.normal(size=s), _signs(r, s)), 1, [{}]),
    "hinge_embedding_loss": (
        lambda r, s: (r.normal(size=s), _signs(r, s)),
        1,
        [{}, {"margin": 0.3}],
    ),
    "margin_ranking_loss": (
        lambda r, s: (r.normal(size=s), r.normal(size=s), _signs(r, s)),
        2,
        [{}, {"margin": 0.3}],
    ),
    "cosine_embedding_loss": (
        lambda r, s: (r.normal(size=s), r.normal(size=s), _signs(r, s[:-1])),
        2,
        [{}, {"margin": 0.3}],
    ),
    "triplet_margin_loss": (
        lambda r, s: tuple(r.normal(size=s) for _ in range(3)),
        3,
        [{}, {"swap": True}, {"p": 1.0}, {"p": 3.0, "margin": 0.5}],
    ),
    "multi_margin_loss": (
        lambda r, s: (r.normal(size=s), r.integers(0, s[-1], s[:-1])),
        1,
        [{}, {"p": 2}, {"margin": 0.3, "weight": (3,)}],
    ),
    "multilabel_margin_loss": (lambda r, s: (r.normal(size=s), _labels(r, s)), 1, [{}]),
    "multilabel_soft_margin_loss": (
        lambda r, s: (r.normal(size=s), r.integers(0, 2, s).astype(float)),
        2,
        [{}, {"weight": (3,)}],
    ),
    "nll_loss": (
        lambda r, s: (r.normal(size=s), r.integers(0, s[-1], s[:-1])),
        1,
        [{}, {"weight": (3,)}, {"ignore_index": 1}, {"weight": (3,), "ignore_index": 1}],
    ),
    "cross_entropy": (
        lambda r, s: (3 * r.normal(size=s), r.integers(0, s[-1], s[:-1])),
        1,
        [
            {"weight": (3,)},
            {"ignore_index": 1},
            {"label_smoothing": 0.2},
            {"weight": (3,), "ignore_index": 1, "label_smoothing": 0.3},
        ],
    ),
}
PROBABILITIES = (
    lambda r, s: (3 * r.normal(size=s), r.dirichlet(np.ones(s[-1]), s[:-1])),
    2,
    [{}, {"weight": (3,)}, {"label_smoothing": 0.2}, {"weight": (3,), "label_smoothing": 0.2}],
)
CASES["cross_entropy of probabilities"] = PROBABILITIES


def drawn(name, rng, shape, choice):
    """(function's name, operands, how many of them have derivatives, settings)."""
    make, count, choices = CASES[name]
    chosen = dict(choices[choice % len(choices)])
    for key, value in chosen.items():
        if isinstance(value, tuple):
            chosen[key] = rng.uniform(0.5, 2, value)
    return name.split()[0], make(rng, shape), count, chosen


def ours_of(name, operands, count, chosen, reduction):
    function = getattr(nn, name)
    fixed = [fnp.asarray(x) for x in operands[count:]]
    extra = {k: fnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in chosen.items()}
    return lambda *xs: function(*xs, *fixed, reduction=reduction, **extra)


def compare(torch, name, operands, count, chosen, reduction, second=True):
    xs = [torch.tensor(x, requires_grad=i < count) for i, x in enumerate(operands)]
    extra = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in chosen.items()}
    expected = getattr(torch.nn.functional, name)(*xs, reduction=reduction, **extra)
    ours = ours_of(name, operands, count, chosen, reduction)
    arrays = [fnp.asarray(x) for x in operands[:count]]
    out, pull = fl.vjp(ours, *arrays)
    assert out.dtype == "float64" and out.shape == tuple(expected.shape)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(fl.jit(ours)(*arrays), out, rtol=1e-12, atol=1e-13)
    if not out.size:
        return
    wanted = torch.autograd.grad(expected.sum(), xs[:count], create_graph=True)
    found = pull(fnp.ones_like(out))
    for mine, theirs in zip(found, wanted, strict=True):
        # PyTorch's small numbers, such as 1e-12, have single precision.
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-8, atol=1e-11)
    if not second or name in NOT_TWICE:
        return
    direction = [np.cos(np.arange(x.size)).reshape(x.shape) for x in operands[:count]]
    total = sum((w * torch.tensor(d)).sum() for w, d in zip(wanted, direction, strict=True))
    twice = (None,) * count
    if total.requires_grad:
        twice = torch.autograd.grad(total, xs[:count], allow_unused=True)

    def slopes(*args):
        gradients = fl.grad(lambda *a: ours(*a).sum(), argnums=tuple(range(count)))(*args)
        return sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))

    found = fl.grad(slopes, argnums=tuple(range(count)))(*arrays)
    for mine, theirs in zip(found, twice, strict=True):
        theirs = np.zeros(mine.shape) if theirs is None else theirs.numpy(force=True)
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_losses_equal_pytorchs(name, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    for choice in range(len(CASES[name][2])):
        for reduction in REDUCTIONS:
            compare(torch, *drawn(name, rng, (4, 3), choice), reduction)


def _random_losses(torch, name, seed, choice, reduction, rows):
    rng = np.random.default_rng(seed)
    compare(torch, *drawn(name, rng, (rows, 3), choice), reduction, second=False)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("name", CASES)
def test_losses_of_any_number_of_rows(name):
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @QUICK
    @given(
        st.integers(0, 2**32 - 1), st.integers(0, 3), st.sampled_from(REDUCTIONS), st.integers(1, 9)
    )
    def check(seed, choice, reduction, rows):
        _random_losses(torch, name, seed, choice, reduction, rows)

    check()


@pytest.mark.long
@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_losses_at_length(name):
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @WIDER
    @given(
        st.integers(0, 2**32 - 1), st.integers(0, 3), st.sampled_from(REDUCTIONS), st.integers(1, 9)
    )
    def check(seed, choice, reduction, rows):
        _random_losses(torch, name, seed, choice, reduction, rows)

    check()


@pytest.mark.parametrize("name", CASES)
def test_forward_mode_and_vmap(name, rng):
    function, operands, count, chosen = drawn(name, rng, (4, 3), 0)
    ours = ours_of(function, operands, count, chosen, "sum")
    arrays = [fnp.asarray(x) for x in operands[:count]]
    check_grads(ours, arrays, order=1)
    check_vmap(ours, arrays, size=2)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes_stay_and_values_are_near(name, dtype, rng):
    function, operands, count, chosen = drawn(name, rng, (4, 3), 0)
    wide = [x.astype(dtype).astype("float64") if x.dtype.kind == "f" else x for x in operands]
    expected = getattr(nn, function)(*map(fnp.asarray, wide))
    narrow = [fnp.asarray(x, dtype if x.dtype.kind == "f" else None) for x in operands]
    out = getattr(nn, function)(*narrow)
    assert out.dtype == dtype
    tolerance = {"float16": 1e-2, "bfloat16": 6e-2, "float32": 1e-5}[dtype]
    np.testing.assert_allclose(float(out), float(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.peers
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("l1_loss", ([1.0, 0.0], [1.0, 2.0])),
        ("smooth_l1_loss", ([1.0, 0.0, -1.0], [1.0, 1.0, 0.0])),
        ("huber_loss", ([1.0, 0.0, -1.0], [1.0, 1.0, 0.0])),
        ("kl_div", ([-1.0, 0.0], [0.0, 1.0])),
        ("hinge_embedding_loss", ([1.0, 0.0, 1.0], [-1.0, -1.0, 1.0])),
        ("margin_ranking_loss", ([1.0, 1.0], [1.0, 0.0], [1.0, -1.0])),
        ("triplet_margin_loss", ([[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]])),
        ("cosine_embedding_loss", ([[0.0, 0.0]], [[1.0, 0.0]], [1.0])),
        ("binary_cross_entropy", ([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0])),
        ("binary_cross_entropy_with_logits", ([0.0, 1000.0, -1000.0], [0.0, 0.0, 1.0])),
        ("multi_margin_loss", ([[0.0, 1.0, 1.0]], [1])),
        ("multilabel_margin_loss", ([[0.0, 1.0, 1.0]], [[1, -1, 0]])),
        ("cross_entropy", ([[1000.0, 0.0], [-1000.0, 0.0]], [1, 0])),
    ],
)
def test_kinks_ties_and_ends(name, operands, reduction):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    compare(torch, name, [np.asarray(x) for x in operands], 1, {}, reduction, second=False)


def test_everything_ignored():
    target = fnp.asarray([-100, -100])
    for loss in (nn.nll_loss, nn.cross_entropy):
        assert math.isnan(float(loss(fnp.zeros((2, 3)), target)))
        assert float(loss(fnp.zeros((2, 3)), target, "sum")) == 0


def test_empty_batches():
    for name in CASES:
        rng = np.random.default_rng(0)
        function, operands, _, _ = drawn(name, rng, (1, 3), 0)
        empty = [fnp.asarray(x)[:0] for x in operands]
        assert float(getattr(nn, function)(*empty, reduction="sum")) == 0
        assert math.isnan(float(getattr(nn, function)(*empty)))


def test_nan_and_infinity_come_through():
    y = fnp.zeros(1)
    for loss in (nn.l1_loss, nn.mse_loss, nn.smooth_l1_loss, nn.huber_loss):
        assert math.isnan(float(loss(fnp.asarray([math.nan]), y)))
        assert float(loss(fnp.asarray([math.inf]), y)) == math.inf
    assert math.isnan(float(nn.hinge_embedding_loss(fnp.asarray([math.nan]), fnp.asarray([-1]))))
    assert float(nn.soft_margin_loss(fnp.asarray([-1e4]), fnp.asarray([1.0]))) == 1e4


@pytest.mark.peers
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weights_of_elements(name, reduction, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, y, w = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.uniform(0.5, 2, (2, 3))
    compare(torch, name, (x, y), 2, {"weight": w}, reduction, second=False)


@pytest.mark.peers
def test_batchmean_and_shapes_of_variances(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, y = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    compare(torch, "kl_div", (x, y), 1, {}, "batchmean")
    for var in (rng.uniform(1, 2, (4,)), rng.uniform(1, 2, (4, 1)), rng.uniform(1, 2, (1, 3))):
        compare(torch, "gaussian_nll_loss", (x, y, var), 2, {}, "mean")
    expected = torch.nn.functional.gaussian_nll_loss(torch.tensor(x), torch.tensor(y), 0.5)
    np.testing.assert_allclose(nn.gaussian_nll_loss(x, y, 0.5), expected.numpy(), rtol=1e-12)


@pytest.mark.peers
def test_images_and_single_examples(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, t = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    weight = {"weight": rng.uniform(1, 2, 3), "ignore_index": 2}
    for reduction in REDUCTIONS:
        compare(torch, "nll_loss", (x, t), 1, weight, reduction)
        smooth = {**weight, "label_smoothing": 0.1}
        compare(torch, "cross_entropy", (x, t), 1, smooth, reduction)
        compare(torch, "cross_entropy", (x, rng.dirichlet(np.ones(5), (2, 3, 4))), 2, {}, reduction)
        compare(torch, "nll_loss", (x[0, :, 0, 0], t[0, 0, 0]), 1, {}, reduction)
        compare(torch, "multi_margin_loss", (x[0, :, 0, 0], t[0, 0, 0]), 1, {}, reduction)
        labels = np.asarray([2, 0, -1])
        compare(torch, "multilabel_margin_loss", (x[0, :, 0, 0], labels), 1, {}, reduction)


@pytest.mark.peers
def test_triplets_with_a_distance(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    a, p, n = rng.normal(size=(3, 4, 2))
    tensors = map(torch.tensor, (a, p, n))
    expected = torch.nn.functional.triplet_margin_with_distance_loss(
        *tensors, distance_function=lambda x, y: (x - y).abs().sum(-1), swap=True
    )
    found = nn.triplet_margin_with_distance_loss(
        *map(fnp.asarray, (a, p, n)),
        distance_function=lambda x, y: fnp.sum(fnp.abs(x - y), axis=-1),
        swap=True,
    )
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)


ONE = fnp.ones(2)
MESSAGES = [
    (lambda: nn.l1_loss(ONE, fnp.ones((2, 1))), errors.ShapeError, r"l1_loss.*\(2,\) and \(2, 1\)"),
    (lambda: nn.l1_loss(fnp.ones(2, "int32"), ONE), errors.DtypeError, "l1_loss.*int32.*Remedy"),
    (lambda: nn.huber_loss(ONE, ONE, delta=0.0), ValueError, "huber_loss.*positive delta.*0.0"),
    (lambda: nn.smooth_l1_loss(ONE, ONE, beta=-1.0), ValueError, "smooth_l1_loss.*-1.0"),
    (lambda: nn.mse_loss(ONE, ONE, weight=fnp.ones(3)), errors.ShapeError, "mse_loss.*weight"),
    (lambda: nn.gaussian_nll_loss(ONE, ONE, -ONE), ValueError, "gaussian_nll_loss.*-1.0"),
    (lambda: nn.gaussian_nll_loss(ONE, ONE, fnp.ones(3)), errors.ShapeError, r"got \(3,\)"),
    (lambda: nn.binary_cross_entropy(2 * ONE, ONE), ValueError, "got 2.0. Remedy.*with_logits"),
    (
        lambda: nn.binary_cross_entropy_with_logits(ONE, ONE, pos_weight=fnp.ones(3)),
        errors.ShapeError,
        r"pos_weight to broadcast to shape \(2,\); got \(3,\)",
    ),
    (lambda: nn.nll_loss(fnp.ones((2, 3)), ONE), errors.DtypeError, "nll_loss.*float32"),
    (
        lambda: nn.nll_loss(fnp.ones((1, 3)), fnp.asarray([3])),
        errors.IndexRangeError,
        "nll_loss: 3 classes.*got 3",
    ),
    (
        lambda: nn.nll_loss(fnp.ones((1, 3)), fnp.asarray([1]), weight=ONE),
        errors.ShapeError,
        r"weight of shape \(3,\)",
    ),
    (
        lambda: nn.cross_entropy(fnp.ones((1, 3)), fnp.asarray([1]), label_smoothing=2.0),
        ValueError,
        "label_smoothing between 0 and 1; got 2.0",
    ),
    (lambda: nn.triplet_margin_loss(ONE, ONE, ONE, margin=0.0), ValueError, "positive margin"),
    (lambda: nn.triplet_margin_loss(ONE, ONE, ONE[None]), errors.ShapeError, "one rank"),
    (
        lambda: nn.cosine_embedding_loss(fnp.ones((2, 3)), fnp.ones((2, 3)), fnp.ones(3)),
        errors.ShapeError,
        r"target \(3,\)",
    ),
    (lambda: nn.multi_margin_loss(ONE, fnp.asarray(0), p=3), ValueError, "1 or 2; got 3"),
    (lambda: nn.multi_margin_loss(ONE, fnp.asarray(2)), errors.IndexRangeError, "got 2"),
    (
        lambda: nn.multi_margin_loss(ONE, fnp.asarray(0), weight=fnp.ones(3)),
        errors.ShapeError,
        r"multi_margin_loss: expected weight of shape \(2,\), .*got \(3,\)",
    ),
    (
        lambda: nn.multilabel_margin_loss(ONE, fnp.asarray([0, -2])),
        errors.IndexRangeError,
        "got -2",
    ),
    (lambda: nn.kl_div(ONE, ONE, "batch_mean"), ValueError, "'batchmean'.*'batch_mean'"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", CASES)
def test_unknown_reductions_are_refused(name, rng):
    function, operands, _, _ = drawn(name, rng, (2, 3), 0)
    with pytest.raises(ValueError, match=rf"nn.{function}: expected reduction.*'median'"):
        getattr(nn, function)(*map(fnp.asarray, operands), reduction="median")


# --------------------------------------------------------------------------------------- sequences
def ctc_case(rng, time=9, batch=3, classes=5, most=4, blank=0):
    logits = 2 * rng.normal(size=(time, batch, classes))
    letters = [c for c in range(classes) if c != blank]
    targets = rng.choice(letters, (batch, most))
    targets[0, :2] = targets[0, 0]  # a repetition needs a blank between
    lengths = np.asarray([most, *rng.integers(0, most + 1, batch - 1)])
    return logits, targets, rng.integers(time - 1, time + 1, batch), lengths


@pytest.mark.peers
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("blank", [0, 2, 4])
def test_ctc_loss(reduction, blank, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    logits, targets, inputs, lengths = ctc_case(rng, blank=blank)
    x = torch.tensor(logits, requires_grad=True)
    rest = [torch.tensor(v) for v in (targets, inputs, lengths)]
    logs = torch.nn.functional.log_softmax(x, -1)
    expected = torch.nn.functional.ctc_loss(logs, *rest, blank=blank, reduction=reduction)
    expected.sum().backward()

    def ours(logits):
        rest = map(fnp.asarray, (targets, inputs, lengths))
        return nn.ctc_loss(nn.log_softmax(logits), *rest, blank=blank, reduction=reduction)

    for f in (ours, fl.jit(ours)):
        out, pull = fl.vjp(f, fnp.asarray(logits))
        np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-10)
        found = pull(fnp.ones_like(out))[0]
        np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-8, atol=1e-11)


def test_ctc_loss_counts_the_alignments(rng):
    """Every sequence of classes, merged and without blanks, spells one target."""
    p = rng.dirichlet(np.ones(3), 4)
    total = {}
    for path in np.ndindex(3, 3, 3, 3):
        merged = [c for i, c in enumerate(path) if i == 0 or path[i - 1] != c]
        spelled = tuple(c for c in merged if c)
        total[spelled] = total.get(spelled, 0) + math.prod(p[t, c] for t, c in enumerate(path))
    for target, chance in total.items():
        padded = fnp.asarray([*target, 1, 1, 1, 1][:4])
        lengths = (fnp.asarray(4), fnp.asarray(len(target)))
        loss = nn.ctc_loss(fnp.asarray(np.log(p)), padded, *lengths, reduction="none")
        np.testing.assert_allclose(np.exp(-float(loss)), chance, rtol=1e-9)


def test_ctc_loss_of_impossible_targets(rng):
    logs = nn.log_softmax(fnp.asarray(rng.normal(size=(2, 1, 3))))
    rest = (fnp.asarray([[1, 1]]), fnp.asarray([2]), fnp.asarray([2]))
    assert float(nn.ctc_loss(logs, *rest)) == math.inf
    value, slope = fl.value_and_grad(lambda x: nn.ctc_loss(x, *rest, zero_infinity=True))(logs)
    assert float(value) == 0 and not np.asarray(slope).any()


def test_ctc_loss_derivatives_and_batching(rng):
    logits, targets, inputs, lengths = (x[:4] for x in ctc_case(rng, 4, 2, 3, 2))

    def ours(x):
        logs = nn.log_softmax(x)
        return nn.ctc_loss(logs, targets, inputs, lengths, reduction="sum", zero_infinity=True)

    check_grads(ours, (fnp.asarray(logits),), order=2)
    check_vmap(ours, (fnp.asarray(logits),), size=2)


def test_ctc_loss_takes_targets_one_after_another(rng):
    logits, targets, inputs, lengths = ctc_case(rng)
    logs = nn.log_softmax(fnp.asarray(logits))
    joined = np.concatenate([row[:n] for row, n in zip(targets, lengths, strict=True)])
    expected = nn.ctc_loss(logs, targets, inputs, lengths, reduction="none")
    found = nn.ctc_loss(logs, joined, inputs, lengths, reduction="none")
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    alone = nn.ctc_loss(logs[:, 0], targets[0], inputs[0], lengths[0], reduction="none")
    np.testing.assert_allclose(alone, expected[0], rtol=1e-12)
    with pytest.raises(errors.ShapeError, match="sum to the number of targets"):
        nn.ctc_loss(logs, joined[:-1], inputs, lengths)
    with pytest.raises(errors.ShapeError, match="where target_lengths are traced"):
        fl.jit(lambda n: nn.ctc_loss(logs, joined, inputs, n))(fnp.asarray(lengths))
    with pytest.raises(errors.IndexRangeError, match="input_lengths from 0 to 9; got 10"):
        nn.ctc_loss(logs, targets, inputs * 0 + 10, lengths)
    with pytest.raises(errors.DtypeError, match="targets to hold integers; got float64"):
        nn.ctc_loss(logs, targets + 0.5, inputs, lengths)

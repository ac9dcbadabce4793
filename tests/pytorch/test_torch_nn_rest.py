"""Losses, layers and names of ``torch.nn`` that came last, beside PyTorch's."""

import copy
import io
import warnings

import numpy as np
import pytest
from oracle import array_of, compare, ours, real, same
from test_torch_regressions import agree, both


def logs_of(rng, time=9, batch=3, classes=5, dtype=np.float64):
    scores = rng.normal(size=(time, batch, classes))
    return (scores - np.log(np.exp(scores).sum(-1, keepdims=True))).astype(dtype)


TARGETS = np.array([[1, 2, 2, 4], [3, 1, 0, 0], [2, 2, 0, 0]])
LENGTHS = np.array([4, 2, 0])
INPUTS = np.array([9, 7, 3])
JOINED = np.array([1, 2, 2, 4, 3, 1])


# ----------------------------------------------------------------------------------------- ctc_loss
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("targets", [TARGETS, JOINED, TARGETS.astype(np.int32)])
def test_ctc_loss(dtype, reduction, targets, rng):
    def loss(T, x, targets, inputs, lengths):
        return T.nn.functional.ctc_loss(x, targets, inputs, lengths, reduction=reduction)

    compare(loss, logs_of(rng, dtype=dtype), targets, INPUTS, LENGTHS, double=False)


@pytest.mark.parametrize("blank", [0, 2, 4])
def test_ctc_loss_with_another_blank_and_lengths_as_tuples(blank, rng):
    targets = np.array([[1, 3, 3, 1], [3, 1, 1, 1], [1, 1, 3, 3]])

    def loss(T, x, targets):
        return T.nn.functional.ctc_loss(x, targets, (9, 8, 9), [4, 3, 2], blank=blank)

    compare(loss, logs_of(rng), targets, double=False)


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("inputs", [(9, 1, 9), (9, 0, 9), (3, 2, 0)])
def test_ctc_loss_of_inputs_that_are_too_short(zero_infinity, inputs, rng):
    def loss(T, x, targets):
        F = T.nn.functional
        return F.ctc_loss(x, targets, inputs, (4, 2, 0), 0, "none", zero_infinity)

    compare(loss, logs_of(rng), TARGETS, double=False)


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_ctc_loss_without_batch(reduction, zero_infinity, rng):
    def loss(T, x, targets, inputs, lengths):
        module = T.nn.CTCLoss(0, reduction, zero_infinity)
        return module(x, targets, inputs, lengths), module(x, targets[None], inputs, lengths)

    x = logs_of(rng)[:, 0].copy()
    compare(loss, x, TARGETS[0], np.array(9), np.array(4), double=False)


def test_ctc_loss_where_a_class_is_impossible(rng):
    x = logs_of(rng)
    x[2, 0, 1] = x[5, 1, 0] = -np.inf

    def loss(T, x, targets, inputs, lengths):
        return T.nn.functional.ctc_loss(x, targets, inputs, lengths, reduction="sum")

    compare(loss, x, TARGETS, INPUTS, LENGTHS, double=False)


def test_ctc_loss_by_scores_is_the_derivative(rng):
    """Behind ``log_softmax``, PyTorch's formula is the derivative of the value."""

    def loss(x):
        logs = x.log_softmax(-1)
        lengths = ours.tensor(INPUTS), ours.tensor(LENGTHS)
        return ours.nn.functional.ctc_loss(logs, ours.tensor(TARGETS), *lengths)

    x = ours.tensor(rng.normal(size=(9, 3, 5)), requires_grad=True)
    assert ours.autograd.gradcheck(loss, x)


@pytest.mark.parametrize(
    "given",
    [
        {"targets": JOINED[:5]}, {"targets": np.append(JOINED, 1)}, {"targets": TARGETS[:2]},
        {"targets": TARGETS[None]}, {"targets": TARGETS[:, :3]}, {"blank": 5}, {"blank": -1},
        {"inputs": INPUTS[:2]}, {"lengths": LENGTHS[:2]}, {"inputs": INPUTS + 1},
        {"inputs": INPUTS - 4}, {"lengths": LENGTHS - 1}, {"inputs": INPUTS * 1.0},
        {"lengths": LENGTHS * 1.0}, {"x": np.zeros((0, 3, 5))}, {"x": np.zeros((9, 5))},
        {"x": np.zeros(9)}, {"x": np.zeros((9, 3, 5), np.float16)}, {"reduction": "median"},
        {"x": np.zeros((9, 3, 5), np.int64)},
    ],
)  # fmt: skip
def test_refusals_of_ctc_loss(given, rng):
    def loss(T, x, targets, inputs, lengths):
        options = {k: v for k, v in given.items() if k in ("blank", "reduction")}
        return T.nn.functional.ctc_loss(x, targets, inputs, lengths, **options)

    args = {"x": logs_of(rng), "targets": TARGETS, "inputs": INPUTS, "lengths": LENGTHS, **given}
    operands = [args[k] for k in ("x", "targets", "inputs", "lengths")]
    compare(loss, *operands, grads=False, text=True)


def test_labels_that_are_no_classes_are_refused(rng):
    F = ours.nn.functional
    with pytest.raises(RuntimeError, match=r"targets in \[0, 5\).*got 5"):
        F.ctc_loss(ours.tensor(logs_of(rng)), ours.tensor(TARGETS + 3), (9, 9, 9), (4, 2, 0))
    beyond = TARGETS.copy()
    beyond[1, 3] = 99  # after the target's end
    F.ctc_loss(ours.tensor(logs_of(rng)), ours.tensor(beyond), (9, 9, 9), (4, 2, 0))


def test_lengths_of_two_kinds_are_refused(rng):
    def loss(T, x, targets, inputs):
        return T.nn.functional.ctc_loss(x, targets, inputs, (4, 2, 0))

    compare(loss, logs_of(rng), TARGETS, INPUTS, grads=False)


def test_ctc_loss_has_no_second_derivative(rng):
    def program(T):
        x = T.tensor(logs_of(np.random.default_rng(0)), requires_grad=True)
        loss = T.ctc_loss(x, T.tensor(TARGETS), T.tensor(INPUTS), T.tensor(LENGTHS), 0, 2)
        (g,) = T.autograd.grad(loss, x, create_graph=True)
        assert g.requires_grad
        return T.autograd.grad(g.sum(), x)

    mine, theirs = both(program)
    assert mine == theirs and mine[0] == "RuntimeError"


def test_a_model_learns_to_spell(rng):
    x = rng.normal(size=(12, 4, 6)).astype(np.float32)
    targets = rng.integers(1, 5, (4, 3))

    def program(T):
        T.manual_seed(0)
        model = T.nn.LSTM(6, 8)
        head = T.nn.Linear(8, 5)
        optimizer = T.optim.Adam([*model.parameters(), *head.parameters()], lr=0.05)
        loss_of = T.nn.CTCLoss()
        for _ in range(4):
            logs = head(model(T.tensor(x))[0]).log_softmax(-1)
            loss = loss_of(logs, T.tensor(targets), (12,) * 4, (3,) * 4)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.detach()

    same(program(ours), program(real), rtol=1e-4)


# ------------------------------------------------------------------------ cross-entropy of a layer
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("rows", [None, 1, 4, 100])
def test_linear_cross_entropy(reduction, rows, rng):
    x, w, b = rng.normal(size=(7, 5)), rng.normal(size=(6, 5)), rng.normal(size=6)
    factors = rng.uniform(0.5, 2, 6)
    labels = rng.integers(0, 6, 7)
    labels[2] = 3

    def loss(T, x, w, b, labels):
        options = rows and T.nn.LinearCrossEntropyOptions(batch_chunk_size=rows)
        return T.nn.functional.linear_cross_entropy(
            x, w, labels, linear_bias=b, weight=T.tensor(factors), reduction=reduction,
            ignore_index=3, options=options,
        )  # fmt: skip

    compare(loss, x, w, b, labels, double=False, names=rows is None)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_linear_cross_entropy_row_by_row_without_weights_of_classes(dtype, rng):
    x, w = rng.normal(size=(7, 5)), rng.normal(size=(6, 5))
    labels = np.array([0, 3, 5, -100, 3, 1, -100])

    def program(T):
        a, b = (T.tensor(t).to(getattr(T, dtype)).requires_grad_() for t in (x, w))
        options = T.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
        f = T.nn.functional.linear_cross_entropy
        loss = f(a, b, T.tensor(labels), options=options)
        return loss.float(), *[g.float() for g in T.autograd.grad(loss, (a, b))]

    mine, theirs = both(program)
    same(mine, theirs, rtol=3e-2 if dtype == "bfloat16" else None)


def test_linear_cross_entropy_of_other_shapes(rng):
    x, w = rng.normal(size=(4, 5)), rng.normal(size=(6, 2, 3, 5))
    labels, chances = rng.integers(0, 6, (4, 2, 3)), rng.uniform(size=(4, 6, 2, 3))
    bias = rng.normal(size=(6, 2, 3))

    def loss(T, x, w, labels, chances, bias):
        f = T.nn.functional.linear_cross_entropy
        flat = w[:, 0, 0]
        return (
            f(x, w, labels, linear_bias=bias, label_smoothing=0.1),
            f(x, w, chances),
            f(x[0], flat, labels[0, 0, 0]),
            f(x, flat, chances[:, :, 0, 0]),
        )

    compare(loss, x, w, labels, chances, bias, double=False)
    compare(
        lambda T, x, w, t: T.nn.functional.linear_cross_entropy(x, w, t),
        x[0], w[:, 0, 0], labels[0, 0, :1], grads=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        lambda f, x, w, t, T: f(x[None], w, t),
        lambda f, x, w, t, T: f(x, w[:, :2], t),
        lambda f, x, w, t, T: f(x, w[0], t),
        lambda f, x, w, t, T: f(x, w, t[:2]),
        lambda f, x, w, t, T: f(x, w, t, linear_bias=T.ones(2)),
        lambda f, x, w, t, T: f(x, w, T.rand(4, 3), ignore_index=1),
        lambda f, x, w, t, T: f(x[0], w[:, None], t),
        lambda f, x, w, t, T: f(x, w, t, reduction="bad"),
        lambda f, x, w, t, T: f(x, w, t, label_smoothing=2),
        lambda f, x, w, t, T: T.nn.LinearCrossEntropyOptions(acc_policy="x"),
        lambda f, x, w, t, T: T.nn.LinearCrossEntropyOptions(batch_chunk_size=0),
        lambda f, x, w, t, T: T.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:0"),
        lambda f, x, w, t, T: T.nn.LinearCrossEntropyOptions(acc_dtype=T.int32),
    ],
)
def test_refusals_of_linear_cross_entropy(case):
    def program(T):
        try:
            case(T.nn.functional.linear_cross_entropy, T.ones(4, 3), T.ones(3, 3),
                 T.tensor([0, 1, 2, 1]), T)  # fmt: skip
        except Exception as error:
            return type(error).__name__, str(error)
        return None

    assert program(ours) == program(real) != None  # noqa: E711


def test_linear_cross_entropy_loss_as_a_module():
    def program(T):
        T.manual_seed(0)
        module = T.nn.LinearCrossEntropyLoss(5, 6, out_features=(2,), bias=True)
        plain = T.nn.LinearCrossEntropyLoss(5, 6, options=T.nn.LinearCrossEntropyOptions())
        x = T.arange(20.0).reshape(4, 5) / 10
        loss = module(x, T.tensor([[0, 1], [2, 3], [4, 5], [0, 0]]))
        loss = loss + plain(x, T.tensor([0, 1, 2, 3]))
        loss.backward()
        grads = [p.grad for p in (*module.parameters(), *plain.parameters())]
        return repr(module), repr(plain), sorted(module.state_dict()), loss, grads

    agree(program)


def test_options_that_do_not_apply_are_ignored_with_a_warning():
    def program(T):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            T.nn.functional.linear_cross_entropy(
                T.ones(4, 3), T.ones(3, 3), T.tensor([0, 1, 2, 1]), label_smoothing=0.1,
                options=T.nn.LinearCrossEntropyOptions(),
            )  # fmt: skip
        return [(w.category.__name__, str(w.message)[:180]) for w in found]

    mine, theirs = both(program)
    assert mine == theirs and len(mine) == 1


def test_scores_are_never_all_in_memory(monkeypatch):
    from functorch_lite.torch.nn._functional import linear_loss

    sizes = []
    plain = linear_loss.linear

    def watched(x, w, b):
        sizes.append(x.shape[0])
        return plain(x, w, b)

    monkeypatch.setattr(linear_loss, "linear", watched)
    x = ours.rand(64, 4, requires_grad=True)
    options = ours.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio")
    loss = ours.nn.functional.linear_cross_entropy(
        x, ours.rand(32, 4), ours.zeros(64, dtype=ours.int64), options=options
    )
    loss.backward()
    assert sizes == [8] * 16  # once forward, once backward


# --------------------------------------------------------------------------------- CrossMapLRN2d
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_response_normalisation_across_maps(size, rng):
    x = rng.uniform(0.5, 1.5, (2, 8, 3, 2))

    def layer(T, x):
        return T.nn.CrossMapLRN2d(size, alpha=0.5, beta=0.7, k=1.5)(x)

    compare(layer, x, double=False)


def test_response_normalisation_of_few_channels_and_refusals():
    compare(lambda T, x: T.nn.CrossMapLRN2d(7)(x), np.ones((1, 2, 2, 2)), double=False)
    compare(lambda T, x: T.nn.CrossMapLRN2d(3)(x), np.ones((2, 2, 2)), text=True)
    compare(lambda T: repr(T.nn.CrossMapLRN2d(3, k=2)))


# ---------------------------------------------------------------------------------- further names
@pytest.mark.parametrize("count", [1, 2, 3])
def test_pooling_with_places(count, rng):
    x = rng.normal(size=(2, 3, *(6, 7, 5)[:count]))

    def pools(T, x):
        F = T.nn.functional
        found = [
            getattr(F, f"max_pool{count}d_with_indices")(x, 2, 1, 1),
            getattr(F, f"adaptive_max_pool{count}d_with_indices")(x, 3),
        ]
        if count > 1:
            samples = T.full((2, 3, count), 0.5, dtype=x.dtype)
            f = getattr(F, f"fractional_max_pool{count}d_with_indices")
            found.append(f(x, 2, output_size=2, _random_samples=samples))
        return found

    compare(pools, x, double=False, names=False)


def test_conv_tbc(rng):
    x, w, b = rng.normal(size=(7, 2, 3)), rng.normal(size=(3, 3, 4)), rng.normal(size=4)
    compare(lambda T, *a: (T.conv_tbc(*a, 1), T.nn.functional.conv_tbc(*a)), x, w, b, names=False)


@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_losses_of_torch_itself(reduction, rng):
    a, b, c = (rng.uniform(0.1, 1, (4, 3)) for _ in range(3))
    signs = np.array([1.0, -1, 1, -1])

    def losses(T, a, b, c, signs):
        return (
            T.kl_div(a, b.detach(), reduction),
            T.kl_div(a, b, reduction, log_target=True),
            T.poisson_nll_loss(a, b.detach(), True, False, 1e-8, reduction),
            T.binary_cross_entropy_with_logits(a, b.detach(), None, None, reduction),
            T.hinge_embedding_loss(a, signs[:, None].detach().expand(4, 3), 0.5, reduction),
            T.cosine_embedding_loss(a, b, signs.detach(), 0.1, reduction),
            T.margin_ranking_loss(a[:, 0], b[:, 0], signs.detach(), 0.1, reduction),
            T.triplet_margin_loss(a, b, c, 0.7, reduction=reduction),
        )

    compare(losses, a, b, c, signs, double=False, names=False)


def test_reductions_of_torch_itself_are_numbers():
    x = np.ones(2)
    compare(lambda T, x: T.kl_div(x, x, reduction="mean"), x, grads=False, text=True)


def test_gradients_of_convolutions(rng):
    from functorch_lite.torch.nn import grad as mine

    x, w = rng.normal(size=(2, 4, 6, 5)), rng.normal(size=(6, 2, 3, 2))

    def grads(T, x, w):
        G = mine if T is ours else __import__("torch.nn.grad").nn.grad
        options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
        g = T.nn.functional.conv2d(x, w, None, **options).detach() + 1
        deep = {"stride": (1, 2, 2), "padding": (0, 1, 1), "groups": 2}
        h = T.nn.functional.conv3d(x[:, :, None], w[:, :, None], None, **deep).detach() + 1
        return (
            G.conv3d_input((2, 4, 1, 6, 5), w[:, :, None], h, **deep),
            G.conv3d_weight(x[:, :, None], (6, 2, 1, 3, 2), h, **deep),
            G.conv2d_input(x.shape, w, g, **options), G.conv2d_weight(x, w.shape, g, **options),
            G.conv1d_input((1, 4, 6), w[..., 0], g[:1, :, :, 0], **options),
            G.conv1d_weight(x[:1, :, :, 0], (6, 2, 3), g[:1, :, :, 0], **options),
        )  # fmt: skip

    compare(grads, x, w, double=False, names=False)


def test_weights_of_convolutions_laid_out_anew():
    def program(T):
        U = T.nn.utils
        model = T.nn.Sequential(
            T.nn.Conv2d(2, 3, 3), T.nn.Conv3d(2, 3, 3), T.nn.Linear(2, 2),
            T.nn.Sequential(T.nn.ConvTranspose2d(4, 4, 2)), T.nn.Conv1d(2, 2, 2),
        )  # fmt: skip
        U.convert_conv2d_weight_memory_format(model, T.channels_last)
        found = [p.stride() for p in model.parameters()]
        same_one = U.convert_conv3d_weight_memory_format(model, T.channels_last_3d)
        return found, [p.stride() for p in model.parameters()], same_one is model

    agree(program)


def test_data_parallel_without_gpus():
    def program(T):
        T.manual_seed(0)
        model = T.nn.DataParallel(T.nn.Linear(2, 3), device_ids=[0])
        model(T.ones(1, 2)).sum().backward()
        return repr(model), sorted(model.state_dict()), model.module.weight.grad, model.device_ids

    agree(program)


def test_a_choice_of_attention():
    from functorch_lite.torch.nn import attention as mine

    def program(T):
        A = mine if T is ours else __import__("torch.nn.attention").nn.attention
        q = T.arange(24.0).reshape(1, 2, 3, 4) / 24
        with A.sdpa_kernel([A.SDPBackend.MATH, A.SDPBackend.EFFICIENT_ATTENTION]):
            found = T.nn.functional.scaled_dot_product_attention(q, q, q)
        return found, repr(A.SDPBackend.MATH), int(A.SDPBackend.CUDNN_ATTENTION)

    agree(program)
    for wrong in ("MATH", [mine.SDPBackend.CUDNN_ATTENTION]):
        with pytest.raises((AssertionError, RuntimeError), match="ackend"):
            mine.sdpa_kernel(wrong).__enter__()


def test_arguments_for_factories():
    def program(T):
        f = T.nn.factory_kwargs
        found = [f(None), str(f({"factory_kwargs": {"dtype": T.float64}}))]
        for wrong in ({"x": 1}, {"device": 1, "factory_kwargs": {"device": 2}}):
            try:
                f(wrong)
            except TypeError as error:
                found.append(str(error))
        return found

    agree(program)


# -------------------------------------------------------------------------------------- small gaps
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_rrelu_draws_pytorchs_numbers(dtype, rng):
    x = rng.normal(size=(3, 50)).astype(np.float32)

    def program(T):
        T.manual_seed(3)
        t = T.tensor(x).to(getattr(T, dtype)).t().requires_grad_()
        out = T.nn.functional.rrelu(t, training=True)
        written = T.nn.functional.rrelu_(t * 1, 0.1, 0.9, training=True)
        g = T.autograd.grad((out + written).sum(), t)[0]
        names = out.grad_fn.name(), written.grad_fn.name()
        return out.float(), written.float(), g.float(), T.rand(2), names

    mine, theirs = both(program)
    # PyTorch multiplies by slopes that are not yet rounded.
    same(mine, theirs, rtol=1e-2 if dtype == "bfloat16" else None)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.float16])
def test_refusals_of_rrelu(training, dtype):
    compare(
        lambda T, x: T.nn.functional.rrelu(x, 0.3, 0.2, training=training),
        np.ones(2, dtype), text=True,
    )  # fmt: skip
    if dtype == np.float16:
        compare(lambda T, x: T.nn.functional.rrelu(x, training=True), np.ones(2, dtype), text=True)


def test_buffers_without_a_size_keep_their_class():
    def program(T):
        b = T.nn.UninitializedBuffer()
        made = [b.double(), b.to(T.float64), b.half(), b.cpu(), T.nn.LazyBatchNorm1d().double()
                .running_mean, T.nn.UninitializedParameter().double()]  # fmt: skip
        layer = T.nn.LazyBatchNorm1d().double()
        layer(T.ones(2, 3, dtype=T.float64))
        return (
            [type(x).__name__ for x in made], [str(x.dtype) for x in made],
            [T.nn.parameter.is_lazy(x) for x in made], type(layer.running_mean).__name__,
            layer.running_mean,
        )  # fmt: skip

    agree(program)


def test_names_of_types():
    def program(T):
        things = (1, T.ones(2), T.nn.Linear(1, 1), T.nn.Linear, np.ones(2), [], T, None, T.float32,
                  T.nn.Parameter(T.ones(1)), "x", T.Tensor, np, warnings)  # fmt: skip
        return [T.typename(thing) for thing in things]

    agree(program)


@pytest.mark.parametrize(
    "module",
    ["nn", "optim", "nn.functional", "utils", "nn.modules.linear", "utils.data",
     "autograd", "nn.utils", "cuda", "distributions", "nn.utils.rnn"],
)  # fmt: skip
def test_modules_speak_of_themselves_by_pytorchs_names(module):
    def text(T):
        for name in module.split("."):
            T = getattr(T, name)
        with pytest.raises(AttributeError) as found:
            getattr(T, "no_such_name_at_all")  # noqa: B009
        return str(found.value)

    assert text(ours).startswith(text(real))
    assert "functorch_lite.torch." not in text(ours)


def test_pickles_of_the_new_modules():
    T = ours
    for module in (T.nn.CTCLoss(1), T.nn.CrossMapLRN2d(3), T.nn.LinearCrossEntropyLoss(2, 3)):
        assert repr(copy.deepcopy(module)) == repr(module)
        theirs = getattr(real.nn, type(module).__name__)(3, *[4] * hasattr(module, "linear"))
        for first, second, given in ((T, real, module), (real, T, theirs), (T, T, module)):
            file = io.BytesIO()
            first.save(given, file)
            file.seek(0)
            again = second.load(file, weights_only=False)
            assert repr(again) == repr(given)
            for a, b in zip(again.parameters(), given.parameters(), strict=True):
                np.testing.assert_array_equal(array_of(a), array_of(b))


def test_compiled_functions_follow_values(rng):
    """Lengths and labels are values that a compiled function must ask for again."""
    module = ours.nn.CTCLoss()
    compiled = ours.compile(module)
    for _ in range(3):
        x = ours.tensor(logs_of(rng), requires_grad=True)
        given = [ours.tensor(rng.integers(low, high, size)) for low, high, size in
                 ((1, 5, (3, 3)), (6, 9, 3), (1, 4, 3))]  # fmt: skip
        found = [f(x, *given) for f in (compiled, module)]
        same(*[(y.detach(), ours.autograd.grad(y, x)[0]) for y in found])

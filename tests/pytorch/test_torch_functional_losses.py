"""Functions that layers are made of against PyTorch: losses, attention, chance."""

import numpy as np
import pytest
from functional_checks import RNG, chances, check, integers, linear, normal
from oracle import compare, ours, real

import functorch_lite.torch.nn.functional  # noqa: F401
from functorch_lite.torch._core.public import FUNCTIONS

# -------------------------------------------------------------------------------------- other sizes
RESIZED = [
    ((1, 2, 4), {"scale_factor": 2}), ((1, 2, 4, 5), {"scale_factor": (2, 1.5)}),
    ((1, 2, 3, 4, 3), {"size": 5}), ((1, 2, 5), {"size": 3, "mode": "nearest-exact"}),
    ((1, 2, 5, 4), {"size": (3, 7), "mode": "nearest-exact"}),
    ((1, 2, 5), {"size": 3, "mode": "linear"}),
    ((1, 2, 5), {"scale_factor": 1.7, "mode": "linear"}),
    ((2, 2, 4, 5), {"size": 7, "mode": "bilinear"}),
    ((2, 2, 4, 5), {"size": (2, 3), "mode": "bilinear"}),
    ((2, 2, 4, 5), {"size": 7, "mode": "bilinear", "align_corners": True}),
    ((2, 2, 4, 5), {"scale_factor": 1.3, "mode": "bilinear", "recompute_scale_factor": True}),
    ((2, 2, 4, 5), {"size": 7, "mode": "bicubic"}), ((2, 2, 4, 5), {"size": 3, "mode": "bicubic"}),
    ((2, 2, 4, 5), {"size": 7, "mode": "bicubic", "align_corners": True}),
    ((1, 2, 3, 4, 3), {"size": 5, "mode": "trilinear"}),
    ((1, 2, 3, 4, 3), {"size": 2, "mode": "trilinear", "align_corners": True}),
    ((1, 2, 4, 4), {"size": 3, "mode": "area"}), ((1, 2, 4, 4), {"size": 3, "mode": "bilinear"}),
    ((1, 2, 9, 8), {"size": (4, 3), "mode": "bilinear", "antialias": True}),
    ((1, 2, 9, 8), {"size": (4, 3), "mode": "bicubic", "antialias": True}),
    ((1, 2, 4, 4), {"size": (7, 9), "mode": "bicubic", "antialias": True}),
]  # fmt: skip


@pytest.mark.parametrize("shape, options", RESIZED, ids=str)
def test_interpolate(shape, options):
    linear("interpolate", normal(*shape), **options)
    check("interpolate", normal(*shape, dtype="float32"), **options, double=False)


def test_wrong_interpolate():
    x = normal(1, 2, 4, 4, dtype="float32")
    for options in [
        {}, {"size": 2, "scale_factor": 2}, {"size": 2, "mode": "linear"}, {"size": (2, 2, 2)},
        {"size": 2, "align_corners": True}, {"size": 2, "mode": "foo"}, {"scale_factor": (1, 2, 3)},
        {"size": 0},
    ]:  # fmt: skip
        check("interpolate", x, text=True, **options)


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grids(corners, mode, padding):
    x, grid = normal(2, 3, 4, 5), normal(2, 3, 2, 2)
    check("grid_sample", x, grid, mode=mode, padding_mode=padding, align_corners=corners,
          double=False)  # fmt: skip
    check("affine_grid", normal(2, 2, 3), (2, 1, 3, 4), corners, double=False)


def test_folding():
    x = normal(2, 3, 5, 6)
    for options in [
        {"kernel_size": 2}, {"kernel_size": (2, 3), "stride": 2, "padding": 1},
        {"kernel_size": 2, "dilation": 2}, {"kernel_size": 3, "padding": (1, 0), "stride": (2, 1)},
    ]:  # fmt: skip
        check("unfold", x, **options)
        check("unfold", x[0], **options)
        columns = real.nn.functional.unfold(real.from_numpy(x), **options).numpy()
        check("fold", columns, output_size=(5, 6), **options)
    check("fold", normal(1, 8, 8), (4, 4), 2, text=True)
    check("unfold", normal(4, 4), 2, text=True)
    check("pixel_shuffle", normal(2, 8, 3, 2), 2)
    check("pixel_unshuffle", normal(2, 2, 4, 6), 2)
    check("channel_shuffle", normal(2, 6, 2, 2), 3)
    check("pixel_shuffle", normal(1, 3, 2, 2), 2, text=True)
    check("pixel_unshuffle", normal(1, 1, 3, 4), 2, text=True)


# ------------------------------------------------------------------------------------------- losses
REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_of_numbers(reduction):
    x, y = normal(3, 4), normal(3, 4)
    check("mse_loss", x, y, reduction=reduction)
    check("l1_loss", x, y, reduction=reduction)
    for beta in (1.0, 0.5, 0.0):
        check("smooth_l1_loss", x, y, reduction=reduction, beta=beta)
    for delta in (1.0, 0.3):
        check("huber_loss", x, y, reduction=reduction, delta=delta)
    w = chances(3, 4)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        compare(lambda T, x, y, w, n=name: getattr(T.nn.functional, n)(x, y, reduction=reduction,
                weight=w), x, y, w)  # fmt: skip
    signs = np.sign(y)
    compare(lambda T, x, t: T.nn.functional.soft_margin_loss(x, t.detach(), reduction=reduction), x,
            signs)  # fmt: skip
    check("kl_div", x, chances(3, 4), reduction=reduction)
    check("kl_div", x, y, reduction=reduction, log_target=True)
    for options in ({}, {"full": True}, {"log_input": False}):
        rates = chances(3, 4) * 3
        check("poisson_nll_loss", rates, integers(5, 3, 4) * 1.0, reduction=reduction, double=False,
              **options)  # fmt: skip
    check("gaussian_nll_loss", x, y, chances(3, 4), reduction=reduction)
    check("gaussian_nll_loss", x, y, chances(3, 1), reduction=reduction, full=True)


def test_batchmean():
    check("kl_div", normal(3, 4), chances(3, 4), reduction="batchmean")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 4), (2, 3, 4, 2)])
def test_losses_of_classes(shape, reduction):
    x = normal(*shape)
    lead = shape[:1] if len(shape) > 1 else ()
    t = np.asarray(integers(3, *lead, *shape[2:]))
    w = chances(3)
    F = "cross_entropy"
    for name in (F, "nll_loss"):
        linear(name, x, t, reduction=reduction)
        compare(lambda T, x, t, w, n=name: getattr(T.nn.functional, n)(x * x, t, w.detach(),
                reduction=reduction), x, t, w)  # fmt: skip
        linear(name, x, t, reduction=reduction, ignore_index=5)
    check(F, x, t, reduction=reduction, label_smoothing=0.2)
    compare(lambda T, x, t, w: T.nn.functional.cross_entropy(x, t, w.detach(), reduction=reduction,
            label_smoothing=0.2, ignore_index=0), x, t, w)  # fmt: skip
    p = chances(*shape)
    check(F, x, p, reduction=reduction)
    compare(lambda T, x, p, w: T.nn.functional.cross_entropy(x, p, w.detach(), reduction=reduction,
            label_smoothing=0.1), x, p, w)  # fmt: skip


def test_more_losses_of_classes():
    check("cross_entropy", normal(4, 3, dtype="float32"), integers(3, 4), double=False)
    check("cross_entropy", normal(2, 3), np.full(2, -100), double=False)
    check("cross_entropy", normal(2, 3) * 1000, integers(3, 2), double=False)


WRONG_TARGETS = [
    ((2, 3), np.zeros(3, int)), ((2, 3), np.full(2, 3)), ((2, 3), np.zeros(2, "int32")),
    ((2, 3), np.zeros(2, "float32")), ((2, 3), np.zeros((2, 3), int)),
    ((2, 3, 4), np.zeros(2, int)),
    ((2, 3, 4), np.zeros((2, 5), int)),
]  # fmt: skip


@pytest.mark.parametrize("shape, target", WRONG_TARGETS)
def test_wrong_targets(shape, target):
    x = normal(*shape, dtype="float32")
    check("cross_entropy", x, target, text=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_of_chances(reduction):
    x, y, w, p = chances(3, 4), chances(3, 4), chances(4), chances(4) * 3
    check("binary_cross_entropy", x, y, reduction=reduction)
    compare(lambda T, x, y, w: T.nn.functional.binary_cross_entropy(x, y, w.detach(),
            reduction=reduction), x, y, w)  # fmt: skip
    x = normal(3, 4)
    name = "binary_cross_entropy_with_logits"
    check(name, x, y, reduction=reduction)
    check(name, x * 100, y, reduction=reduction, double=False)
    compare(lambda T, x, y, w, p: getattr(T.nn.functional, name)(x, y, w.detach(),
            pos_weight=p.detach(), reduction=reduction), x, y, w, p)  # fmt: skip


def test_wrong_losses():
    f = "float32"
    x, y = normal(2, 3, dtype=f), chances(2, 3).astype(f)
    check("mse_loss", x, y[:1], grads=False)
    check("mse_loss", x, normal(4, dtype=f), text=True)
    check("mse_loss", x, y, reduction="foo", text=True)
    check("mse_loss", integers(3, 2, 3), integers(3, 2, 3), text=True)
    check("mse_loss", x, y.astype("float64"), grads=False)
    check("smooth_l1_loss", x, y, beta=-1.0, text=True)
    check("huber_loss", x, y, delta=-1.0, text=True)
    check("binary_cross_entropy", y * 9, y, text=True)
    check("binary_cross_entropy", y, y[0], text=True)
    check("binary_cross_entropy", y, integers(2, 2, 3), text=True)
    check("binary_cross_entropy_with_logits", y, y[0], text=True)
    check("gaussian_nll_loss", x, y, -y, text=True)
    check("cross_entropy", x, integers(3, 2), label_smoothing=1.1, text=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_with_margins(reduction):
    x, y, z = normal(4, 3), normal(4, 3), normal(4, 3)
    signs = np.array([1.0, -1, 1, -1])

    def loss(name, *args, double=True, **options):
        def f(T, *a):
            a = [t.detach() if args[i] is signs else t for i, t in enumerate(a)]
            return getattr(T.nn.functional, name)(*a, reduction=reduction, **options)

        compare(f, *args, double=double)

    loss("margin_ranking_loss", x[:, 0].copy(), y[:, 0].copy(), signs, margin=0.5)
    loss("hinge_embedding_loss", x[:, 0].copy(), signs)
    loss("cosine_embedding_loss", x, y, signs, margin=0.1)
    loss("triplet_margin_loss", x, y, z)
    loss("triplet_margin_loss", x, y, z, p=1, swap=True, margin=2.0)
    loss("triplet_margin_with_distance_loss", x, y, z)
    loss("multi_margin_loss", x, integers(3, 4), double=False)
    loss("multi_margin_loss", x, integers(3, 4), p=2, margin=0.5, double=False)
    loss("multi_margin_loss", x[0], np.asarray(2), double=False)
    loss("multilabel_margin_loss", x, np.array([[1, 0, -1], [2, -1, 0], [-1, 0, 0], [0, 1, 2]]),
         double=False)  # fmt: skip
    loss("multilabel_margin_loss", x[0], np.array([1, -1, 0]), double=False)
    loss("multilabel_soft_margin_loss", x, chances(4, 3))


def test_distances():
    x, y = normal(4, 3), normal(4, 3)
    check("cosine_similarity", x, y)
    check("cosine_similarity", x, normal(4, 1), dim=0)
    check("pairwise_distance", x, y)
    check("pairwise_distance", x, y, p=1.0, keepdim=True)
    check("pairwise_distance", x[0], y)
    for p in (1.0, 2.0, 3.0, float("inf")):
        check("pdist", x, p=p, double=False)


# ---------------------------------------------------------------------------------------- attention
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_attention(lead):
    q, k, v = normal(*lead, 4, 6), normal(*lead, 5, 6), normal(*lead, 5, 6)
    name = "scaled_dot_product_attention"
    # PyTorch has no second derivative of the fused kind.
    double = len(lead) != 2
    check(name, q, k, v, double=double)
    check(name, q, k, v, scale=0.3, double=double)
    check(name, q, k, v, is_causal=True, double=double)
    mask = RNG.random((4, 5)) < 0.7
    mask[:, 0] = True
    check(name, q, k, v, mask, double=double)
    compare(lambda T, q, k, v, m: getattr(T.nn.functional, name)(q, k, v, m.detach()), q, k, v,
            normal(4, 5), double=double)  # fmt: skip
    mask[0] = False
    check(name, q, k, v, mask, grads=False)


def heads(T, q, k, v, w, b, w2, b2, *more, separate=False, **options):
    """A call of ``multi_head_attention_forward`` with two heads."""
    given = {"in_proj_weight": None if separate else w, "in_proj_bias": b}
    if separate:
        parts = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        given |= dict(zip(parts, w.chunk(3), strict=True), use_separate_proj_weight=True)
    given |= {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0}
    options = {n: T.from_numpy(o) if isinstance(o, np.ndarray) else o for n, o in options.items()}
    return T.nn.functional.multi_head_attention_forward(
        q, k, v, 4, 2, out_proj_weight=w2, out_proj_bias=b2, **{**given, **options}
    )


WEIGHTS = [normal(12, 4), normal(12), normal(4, 4), normal(4)]
CAUSAL = np.triu(np.ones((3, 3), bool), 1)
PADDING = np.array([[False, False, True], [False, True, True]])


@pytest.mark.parametrize("options", [
    {}, {"need_weights": False}, {"average_attn_weights": False}, {"attn_mask": CAUSAL},
    {"attn_mask": CAUSAL, "need_weights": False}, {"key_padding_mask": PADDING},
    {"key_padding_mask": PADDING, "attn_mask": CAUSAL, "need_weights": False},
    {"add_zero_attn": True}, {"separate": True}, {"attn_mask": normal(4, 3, 3)},
], ids=str)  # fmt: skip
def test_multi_head_attention(options):
    q, k, v = normal(3, 2, 4), normal(3, 2, 4), normal(3, 2, 4)
    double = options.get("need_weights", True)
    compare(lambda T, *a: heads(T, *a, **options), q, k, v, *WEIGHTS, names=False, strides=False,
            double=double)  # fmt: skip
    compare(lambda T, q, *a: heads(T, q, q, q, *a, **options), q, *WEIGHTS, names=False,
            strides=False, double=double)  # fmt: skip
    if not any(isinstance(o, np.ndarray) and o is not CAUSAL for o in options.values()):
        compare(lambda T, q, *a: heads(T, q, q, q, *a, **options), q[:, 0].copy(), *WEIGHTS,
                names=False, strides=False, double=double)  # fmt: skip


def of(T, name):
    """A function of ``torch``."""
    return getattr(T, name) if T is real else FUNCTIONS[name]


def test_names_of_torch():
    x, w = normal(2, 3, 6), normal(4, 3, 3)
    for name in ("conv1d", "conv_transpose1d"):
        compare(lambda T, x, w, n=name: of(T, n)(x, w), x, normal(3, 3, 3))
    for name, args in [
        ("max_pool1d", (2,)), ("avg_pool1d", (2,)), ("adaptive_avg_pool1d", (2,)),
        ("adaptive_max_pool1d", (2,)), ("max_pool1d_with_indices", (2,)), ("layer_norm", ([6],)),
        ("group_norm", (3,)), ("channel_shuffle", (3,)), ("rms_norm", ([6],)),
    ]:  # fmt: skip
        compare(lambda T, x, n=name, a=args: of(T, n)(x, *a), x, double=False)
    compare(lambda T, x: of(T, "batch_norm")(x, None, None, None, None, True, 0.1, 1e-5, False), x)
    compare(lambda T, x: of(T, "dropout")(x, 0.0, True), x)
    compare(lambda T, x, y: of(T, "cosine_similarity")(x, y), x, normal(2, 3, 6))
    compare(lambda T, x, w: of(T, "conv1d")(x, w, padding="same"), x, w)


# ---------------------------------------------------------------------------------------- by chance
DROPS = [
    ("dropout", (50, 3)), ("dropout1d", (5, 6, 4)), ("dropout2d", (5, 6, 4, 2)),
    ("dropout3d", (3, 4, 2, 2, 2)), ("alpha_dropout", (5, 6)), ("feature_alpha_dropout", (5, 6, 2)),
    ("dropout1d", (6, 4)), ("dropout3d", (4, 2, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("name, shape", DROPS)
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_dropout(name, shape, p):
    def f(T, x):
        T.manual_seed(3)
        return getattr(T.nn.functional, name)(x, p, True)

    def inplace(T, x):
        T.manual_seed(3)
        x = x * 1
        return getattr(T.nn.functional, name)(x, p, True, True)

    for dtype in ("float64", "float32"):
        compare(f, normal(*shape, dtype=dtype))
        compare(inplace, normal(*shape, dtype=dtype), names=False)
    check(name, normal(*shape), p, False)


HALVES = [
    ("linear", (4, 3), (5, 3), (5,)), ("mse_loss", (4, 3), (4, 3)), ("layer_norm", (4, 3), [3]),
    ("group_norm", (4, 6), 2), ("avg_pool2d", (1, 2, 4, 4), 2), ("max_pool2d", (1, 2, 4, 4), 2),
    ("conv1d", (1, 3, 6), (2, 3, 3), (2,)), ("huber_loss", (4, 3), (4, 3)), ("pad", (4, 3), (1, 1)),
    ("adaptive_avg_pool2d", (1, 2, 5, 5), 2), ("binary_cross_entropy_with_logits", (4, 3), (4, 3)),
    ("normalize", (4, 3)), ("rms_norm", (4, 3), [3]), ("smooth_l1_loss", (4, 3), (4, 3)),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", HALVES, ids=lambda c: c[0])
def test_half_precision(case, kind):
    name, *args = case
    lists = [a for a in args if a.__class__ is not tuple]
    if name == "pad":
        args, lists = args[:1], args[1:]
    arrays = [normal(*a, dtype="float32") for a in args if a.__class__ is tuple]

    def f(T, *a):
        a = [t.to(getattr(T, kind)) for t in a]
        return getattr(T.nn.functional, name)(*a, *lists)

    compare(f, *arrays, double=False, rtol=4e-2 if kind == "bfloat16" else 5e-3)


def test_wrong_dropout():
    check("dropout", normal(3), 1.5, text=True)
    check("dropout", normal(3), -0.1, text=True)


def test_softmaxes():
    x = normal(2, 3, 4)
    for name in ("softmax", "log_softmax", "softmin"):
        check(name, x, dim=-1)
        check(name, x)


def test_gumbel_softmax():
    def f(T, x, hard):
        T.manual_seed(1)
        return T.nn.functional.gumbel_softmax(x, tau=0.5, hard=hard)

    for hard in (False, True):
        compare(f, normal(4, 3), hard)


def test_every_function_is_documented():
    module = ours.nn.functional
    for name in module.__all__:
        assert "Source: ``torch.nn.functional." in getattr(module, name).__doc__, name
        assert hasattr(real.nn.functional, name), name


def test_saved_operands_are_watched():
    def f(T, x, w):
        y = x * 1
        out = T.nn.functional.conv1d(y, w)
        y.mul_(2)
        out.sum().backward()

    compare(f, normal(1, 2, 5), normal(3, 2, 2), text=True)

"""Functions that layers are made of against PyTorch."""

import numpy as np
import pytest
from functional_checks import chances, check, integers, linear, normal
from oracle import compare

import functorch_lite.torch.nn.functional  # noqa: F401


# -------------------------------------------------------------------------------------- linear maps
@pytest.mark.parametrize("shape", [(2, 3), (5, 2, 3), (3,), (0, 3), (2, 0, 3)])
def test_linear(shape):
    x, w, b = normal(*shape), normal(4, 3), normal(4)
    check("linear", x, w)
    check("linear", x, w, b)
    check("linear", x, w, b, grads=False)


def test_linear_without_an_output_dimension():
    check("linear", normal(3), normal(3))
    check("linear", normal(2, 3), normal(3))


def test_bilinear():
    check("bilinear", normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5), names=False)
    check("bilinear", normal(2, 6, 3), normal(2, 6, 4), normal(5, 3, 4), names=False)


LINEAR_ERRORS = [
    [(2, 3), (4, 4)], [(2, 3), (4, 4), (4,)], [(5, 2, 3), (4, 4), (4,)], [(5, 2, 3), (4, 4)],
    [(2, 3), (4, 3), (5,)], [(2, 3), (3,), ()],
]  # fmt: skip


@pytest.mark.parametrize("shapes", LINEAR_ERRORS)
def test_wrong_linear(shapes):
    check("linear", *[normal(*s, dtype="float32") for s in shapes], text=True)


# ------------------------------------------------------------------------------------- convolutions
CONVOLUTIONS = [
    ("conv1d", (2, 3, 8), (4, 3, 3), {}), ("conv1d", (3, 8), (4, 3, 3), {"padding": 1}),
    ("conv2d", (2, 3, 6, 5), (4, 3, 3, 2), {}), ("conv2d", (3, 6, 5), (4, 3, 3, 3), {"stride": 2}),
    ("conv2d", (2, 4, 6, 6), (6, 2, 3, 3), {"groups": 2, "padding": (1, 2)}),
    ("conv2d", (2, 4, 7, 7), (4, 1, 3, 3), {"groups": 4, "dilation": 2}),
    ("conv2d", (1, 3, 6, 6), (4, 3, 3, 3), {"padding": "same"}),
    ("conv2d", (1, 3, 6, 6), (4, 3, 2, 2), {"padding": "same", "dilation": (1, 2)}),
    ("conv2d", (1, 3, 6, 6), (4, 3, 1, 1), {"padding": "valid", "stride": (2, 3)}),
    ("conv2d", (0, 3, 6, 6), (4, 3, 3, 3), {}),
    ("conv3d", (1, 2, 4, 4, 4), (3, 2, 2, 3, 2), {"stride": (1, 2, 1), "padding": 1}),
    ("conv_transpose1d", (2, 3, 5), (3, 4, 3), {"stride": 2, "output_padding": 1}),
    ("conv_transpose2d", (2, 3, 4, 4), (3, 4, 3, 3), {}),
    ("conv_transpose2d", (2, 4, 4, 3), (4, 3, 3, 3), {"groups": 2, "stride": 2, "padding": 1}),
    ("conv_transpose2d", (4, 4, 3), (4, 3, 2, 3), {"dilation": (1, 2)}),
    ("conv_transpose3d", (1, 2, 2, 2, 3), (2, 3, 2, 2, 2), {"stride": 2}),
]  # fmt: skip


@pytest.mark.parametrize("name, x, w, options", CONVOLUTIONS)
def test_convolutions(name, x, w, options):
    outputs = w[1] * options.get("groups", 1) if "transpose" in name else w[0]
    args = normal(*x), normal(*w)
    check(name, *args, **options)
    check(name, *args, normal(outputs), **options)


WRONG_CONVOLUTIONS = [
    ("conv2d", (1, 5, 8, 8), (4, 3, 3, 3), None, {}), ("conv2d", (1, 3, 8), (4, 3, 3, 3), None, {}),
    ("conv2d", (8, 8), (4, 3, 3, 3), None, {}), ("conv2d", (1, 1, 3, 8, 8), (4, 3, 3, 3), None, {}),
    ("conv1d", (8, 8, 3, 1), (4, 3, 3), None, {}), ("conv3d", (8, 8, 3), (4, 3, 3, 3, 3), None, {}),
    ("conv2d", (1, 3, 2, 8), (4, 3, 3, 3), None, {}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": -1}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"stride": 0}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"dilation": 0}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), (5,), {}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"groups": 2}),
    ("conv2d", (1, 3, 8, 8), (4, 1, 3, 3), None, {"groups": 3}),
    ("conv2d", (1, 4, 8, 8), (4, 2, 3, 3), None, {"groups": 0}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3), None, {}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": "same", "stride": 2}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": "foo"}),
    ("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), None, {"stride": (1, 2, 3)}),
    ("conv_transpose2d", (1, 5, 8, 8), (3, 4, 3, 3), None, {}),
    ("conv_transpose2d", (1, 3, 8, 8), (3, 4, 3, 3), (5,), {}),
    ("conv_transpose2d", (1, 3, 8, 8), (3, 4, 3, 3), None, {"output_padding": 1}),
    ("conv_transpose1d", (1, 3, 8), (3, 4, 3), None, {"output_padding": 1}),
    ("conv_transpose2d", (1, 3, 1, 1), (3, 4, 3, 3), None, {"padding": 3}),
]  # fmt: skip


@pytest.mark.parametrize("name, x, w, b, options", WRONG_CONVOLUTIONS)
def test_wrong_convolutions(name, x, w, b, options):
    args = [normal(*s, dtype="float32") for s in (x, w, b) if s is not None]
    check(name, *args, text=True, **options)


def test_convolutions_of_two_dtypes():
    x, w = normal(1, 3, 8, 8, dtype="float32"), normal(4, 3, 3, 3, dtype="float32")
    check("conv2d", x, w.astype("float64"), text=True)
    check("conv2d", x, w, normal(4), text=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_convolution_dtypes(dtype):
    x, w = normal(2, 3, 6, 6) * 2, normal(4, 3, 3, 3) * 2
    check("conv2d", x.astype(dtype), w.astype(dtype), double=False)


# ------------------------------------------------------------------------------------------ pooling
POOLS = [
    ((2, 3, 7), 1), ((3, 7), 1), ((2, 3, 6, 7), 2), ((3, 6, 7), 2), ((1, 2, 4, 5, 6), 3),
    ((2, 4, 5, 6), 3),
]  # fmt: skip
WINDOWS = [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
]  # fmt: skip


@pytest.mark.parametrize("options", WINDOWS, ids=str)
@pytest.mark.parametrize("shape, count", POOLS)
def test_pools(shape, count, options):
    x = normal(*shape)
    linear(f"max_pool{count}d", x, **options)
    check(f"max_pool{count}d", x, **options, grads=False)
    linear(f"max_pool{count}d", x, **options, return_indices=True)
    linear(f"avg_pool{count}d", x, **options)
    linear(f"avg_pool{count}d", x, **options, count_include_pad=False)
    if count > 1:
        linear(f"avg_pool{count}d", x, **options, divisor_override=3)


def test_more_pools():
    x = normal(2, 3, 6, 7)
    linear("max_pool2d", x, kernel_size=2, dilation=2, stride=1)
    linear("max_pool2d", x, kernel_size=(2, 3), stride=(1, 2), padding=(1, 0))
    check("max_pool2d", x.astype("float32"), 2, double=False)
    check("max_pool2d", integers(9, 1, 2, 4, 4), 2)
    check("avg_pool2d", integers(9, 1, 2, 4, 4), 2)
    check("max_pool2d", normal(0, 3, 4, 4), 2, double=False)
    x[0, 0, 0, 0] = np.nan
    check("max_pool2d", x, 2, grads=False)
    for p in (1, 2, 3.5):
        check("lp_pool2d", abs(x[1:]), p, 2)
        check("lp_pool1d", abs(x[1, 0]), p, 2, ceil_mode=True)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("out", [1, 2, 3, 5])
def test_adaptive_pools(count, out):
    x = normal(2, 3, *(7, 4, 5)[:count])
    linear(f"adaptive_avg_pool{count}d", x, out)
    linear(f"adaptive_avg_pool{count}d", x[0], out)
    linear(f"adaptive_max_pool{count}d", x, out)
    linear(f"adaptive_max_pool{count}d", x[0], out, return_indices=True)


def test_adaptive_sizes():
    x = normal(2, 3, 4, 5)
    linear("adaptive_avg_pool2d", x, (None, 2))
    linear("adaptive_avg_pool2d", x, (3, 1))
    linear("adaptive_max_pool2d", x, (2, None))


WRONG_POOLS = [
    ("max_pool2d", (8, 8), {"kernel_size": 2}), ("max_pool2d", (1, 3, 1, 1), {"kernel_size": 2}),
    ("max_pool2d", (1, 3, 8, 8), {"kernel_size": 2, "padding": 2}),
    ("max_pool2d", (1, 3, 8, 8), {"kernel_size": 0}),
    ("max_pool2d", (1, 3, 8, 8), {"kernel_size": 2, "stride": 0}),
    ("max_pool2d", (1, 3, 8, 8), {"kernel_size": (1, 2, 3)}),
    ("max_pool2d", (1, 3, 0, 8), {"kernel_size": 2}), ("max_pool1d", (8,), {"kernel_size": 2}),
    ("max_pool1d", (1, 3, 1), {"kernel_size": 2}),
    ("max_pool1d", (1, 3, 8), {"kernel_size": 2, "padding": 2}),
    ("avg_pool2d", (8, 8), {"kernel_size": 2}), ("avg_pool2d", (1, 3, 1, 1), {"kernel_size": 2}),
    ("avg_pool2d", (1, 3, 8, 8), {"kernel_size": 2, "padding": 2}),
    ("avg_pool2d", (1, 3, 8, 8), {"kernel_size": 2, "divisor_override": 0}),
    ("avg_pool1d", (8,), {"kernel_size": 2}), ("adaptive_avg_pool2d", (3, 4), {"output_size": 2}),
    ("adaptive_avg_pool1d", (3,), {"output_size": 2}),
]  # fmt: skip


@pytest.mark.parametrize("name, shape, options", WRONG_POOLS)
def test_wrong_pools(name, shape, options):
    check(name, normal(*shape, dtype="float32"), text=True, **options)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_unpooling(count):
    x = normal(2, 3, *(6, 4, 4)[:count])

    def f(T, a):
        F = T.nn.functional
        top, at = getattr(F, f"max_pool{count}d")(a * a, 2, return_indices=True)
        return getattr(F, f"max_unpool{count}d")(top, at, 2)

    compare(f, x, names=False)


# ------------------------------------------------------------------------------------ normalisation
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 2), (2, 3, 2, 2, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape, training):
    x, mean, var = normal(*shape), normal(3), chances(3)
    w, b = normal(3), normal(3)

    def f(T, x, m, v, *affine):
        m, v = m.detach(), v.detach()
        out = T.nn.functional.batch_norm(x, m, v, *affine, training=training, momentum=0.3)
        return out, m, v

    compare(f, x, mean, var)
    compare(f, x, mean, var, w, b)
    compare(lambda T, x: T.nn.functional.batch_norm(x, None, None, training=True), x)
    compare(f, *[a.astype("float32") for a in (x, mean, var, w, b)], rtol=2e-4)


def test_batch_norm_in_half_precision():
    args = [
        a.astype("float16") for a in (normal(4, 3), normal(3), chances(3), normal(3), normal(3))
    ]

    def f(T, x, m, v, w, b):
        return T.nn.functional.batch_norm(x, m.detach(), v.detach(), w, b)

    compare(f, *args, double=False)


@pytest.mark.parametrize("shape, inner", [((4, 3), (3,)), ((2, 4, 3), (4, 3)), ((0, 3), (3,))])
def test_layer_norm(shape, inner):
    x = normal(*shape)
    compare(lambda T, x: T.nn.functional.layer_norm(x, inner), x)
    compare(lambda T, x, w, b: T.nn.functional.layer_norm(x, inner, w, b), x, normal(*inner),
            normal(*inner))  # fmt: skip
    compare(lambda T, x, w: T.nn.functional.layer_norm(x, inner, weight=w, eps=0.1), x,
            normal(*inner))  # fmt: skip
    compare(lambda T, x, w: T.nn.functional.rms_norm(x, inner, w), x, normal(*inner))
    compare(lambda T, x: T.nn.functional.rms_norm(x, inner, eps=0.1), x)


@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 3), (2, 6, 2, 2)])
def test_group_norm(shape):
    x, w, b = normal(*shape), normal(6), normal(6)
    compare(lambda T, x: T.nn.functional.group_norm(x, 3), x)
    compare(lambda T, x, w, b: T.nn.functional.group_norm(x, 2, w, b), x, w, b)


def test_instance_norm():
    x, w, b = normal(2, 3, 4), normal(3), normal(3)
    check("instance_norm", x)
    compare(lambda T, x, w, b: T.nn.functional.instance_norm(x, weight=w, bias=b), x, w, b)

    def f(T, x, m, v, train):
        m, v = m.detach(), v.detach()
        out = T.nn.functional.instance_norm(x, m, v, use_input_stats=train)
        return out, m, v

    for train in (True, False):
        compare(f, x, normal(3), chances(3), train)


def test_other_norms():
    x = normal(2, 6, 4)
    check("local_response_norm", x, 3)
    check("local_response_norm", normal(2, 6, 3, 3), 2, alpha=0.1, beta=0.5, k=2.0)
    check("normalize", x)
    check("normalize", x, p=1, dim=-1)
    check("normalize", x * 0, grads=False)


def test_wrong_norms():
    f32 = "float32"

    def wrong(name, *args):
        check(
            name, *[normal(*a, dtype=f32) if a.__class__ is tuple else a for a in args], text=True
        )

    wrong("batch_norm", (4, 3), (4,), (4,))
    wrong("batch_norm", (4, 3), (3,), (3,), (4,))
    wrong("batch_norm", (1, 3), None, None, None, None, True)
    wrong("batch_norm", (1, 3, 1), None, None, None, None, True)
    wrong("batch_norm", (4, 3), None, None)
    wrong("batch_norm", (4,), None, None, None, None, True)
    wrong("layer_norm", (4, 3), [4])
    wrong("layer_norm", (4, 3), [3], (4,))
    wrong("layer_norm", (4, 3), [])
    wrong("group_norm", (4, 6, 2), 4)
    wrong("group_norm", (4, 6, 2), 3, (5,))
    wrong("instance_norm", (4, 6, 1))
    wrong("rms_norm", (4, 6), [5])


# --------------------------------------------------------------------------------- lookups, padding
def test_embedding():
    table, at = normal(5, 3), integers(5, 2, 4)
    check("embedding", at, table)
    check("embedding", at, table, padding_idx=1)
    check("embedding", at, table, padding_idx=-1, scale_grad_by_freq=True, double=False)
    check("embedding", at.astype("int32"), table)
    check("embedding", at[:0], table)

    def f(T, at, table):
        table = table.detach()
        return T.nn.functional.embedding(at, table, max_norm=1.0), table

    compare(f, at, table)
    check("embedding", np.array([5]), table, text=True)
    check("embedding", normal(2, dtype="float32"), table, text=True)
    check("embedding", at, normal(3), text=True)
    check("embedding", at, table, padding_idx=7, text=True)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode):
    table = normal(6, 3)
    check("embedding_bag", integers(6, 2, 4), table, mode=mode, names=False, double=False)
    check("embedding_bag", integers(6, 7), table, np.array([0, 3, 3]), mode=mode, names=False,
          double=False)  # fmt: skip


def test_one_hot():
    x = integers(4, 2, 3)
    check("one_hot", x)
    check("one_hot", x, 6)
    check("one_hot", x, 1, text=True)
    check("one_hot", -x - 1, text=True)
    check("one_hot", normal(2), text=True)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding(mode):
    for shape, pads in [
        ((2, 3), (1, 2)), ((2, 3, 4), (2, 0)), ((2, 3, 4), (1, 1, 2, 1)), ((1, 2, 3, 4),
    (1, 2, 0, 1)),
        ((2, 3, 3, 4), (1, 1, 1, 1, 1, 2)), ((1, 2, 3, 3, 4), (1, 1, 1, 2, 2, 1)),
    ]:  # fmt: skip
        x = normal(*shape)
        compare(
            lambda T, a, p=pads: T.nn.functional.pad(a * a, p, mode), x, names=mode != "circular"
        )


def test_constant_padding():
    x = normal(2, 3, 4)
    for pads in [(1, 2), (1, -1), (0, 0, 2, 1), (-1, -1, 0, 0, 1, 1), ()]:
        compare(lambda T, a, p=pads: T.nn.functional.pad(a, p), x)
        compare(lambda T, a, p=pads: T.nn.functional.pad(a, p, value=2.5), x)
    compare(lambda T, a: T.nn.functional.pad(a, (1, 1), value=3), integers(5, 3))
    for pads, mode in [((1, 1, 1), "constant"), ((1,) * 8, "constant"), ((1, 1), "foo"),
                       ((4, 4), "reflect"), ((1, 1, 1, 1, 1, 1), "reflect")]:  # fmt: skip
        compare(lambda T, a, p=pads, m=mode: T.nn.functional.pad(a, p, m), x, text=True)

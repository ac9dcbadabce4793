"""Operations under autocast beside PyTorch: which dtype each runs in, values, gradients."""

import re

import numpy as np
import pytest
from oracle import compare, ours, real, same

from functorch_lite.torch._core.autocast_lists import LISTS
from functorch_lite.torch._core.public import FUNCTIONS

DTYPES = ("bfloat16", "float16")
TOLERANCE = {"bfloat16": 4e-2, "float16": 1e-2}
RNG = np.random.default_rng(3)


def f32(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def mixed(T, x):
    """A tensor of the lower precision, as an operation of the kind makes it."""
    return x.to(T.get_autocast_dtype("cpu"))


X, W, V, B = f32(4, 4), f32(4, 4), f32(4), f32(2, 4, 4)
S = X @ X.T + 4 * np.eye(4, dtype=np.float32)
IMAGE, KERNEL = f32(2, 3, 6, 6), f32(4, 3, 3, 3)
LABELS = np.array([0, 2, 1, 3])
VOLUME = f32(1, 2, 4, 4, 4)
SIGNS = np.array([1, -1, 1, 1], np.float32)

LOWER = {
    "linear": (lambda T, x, w, b: T.nn.functional.linear(x, w, b), X, W, V),
    "linear of three dimensions": (lambda T, x, w, b: T.nn.functional.linear(x, w, b), B, W, V),
    "matmul": (lambda T, x, w: x @ w, X, W),
    "matmul of a vector": (lambda T, x, w: T.matmul(x, w), X, V),
    "matmul of a batch": (lambda T, x, w: T.matmul(x, w), B, W),
    "mm": (lambda T, x, w: T.mm(x, w), X, W),
    "bmm": (lambda T, x, w: T.bmm(x, w), B, B),
    "addmm": (lambda T, b, x, w: T.addmm(b, x, w, beta=0.5), V, X, W),
    "addbmm": (lambda T, b, x, w: b.addbmm(x, w), X, B, B),
    "baddbmm": (lambda T, b, x, w: T.baddbmm(b, x, w, alpha=2), X, B, B),
    "einsum": (lambda T, x, w: T.einsum("ij,jk->ik", x, w), X, W),
    "tensordot": (lambda T, x, w: T.tensordot(x, w, 1), X, W),
    "inner": (lambda T, x, w: T.inner(x, w), X, W),
    "multi_dot": (lambda T, x, w: T.linalg.multi_dot([x, w, x]), X, W),
    "matrix_power": (lambda T, x: T.linalg.matrix_power(x, 3), X),
    "vecdot": (lambda T, x, w: T.linalg.vecdot(x, w), X, W),
    "prelu": (lambda T, x, w: T.nn.functional.prelu(x, w), X, V),
    "conv1d": (lambda T, x, w: T.nn.functional.conv1d(x, w, padding="same"), f32(2, 3, 6),
               f32(4, 3, 3)),
    "conv2d": (lambda T, x, w, b: T.nn.functional.conv2d(x, w, b, padding=1), IMAGE, KERNEL, V),
    "conv3d": (lambda T, x, w: T.nn.functional.conv3d(x, w), VOLUME, f32(2, 2, 2, 2, 2)),
    "conv_transpose1d": (lambda T, x, w: T.conv_transpose1d(x, w), f32(2, 3, 6), f32(3, 2, 3)),
    "conv_transpose2d": (lambda T, x, w: T.conv_transpose2d(x, w, stride=2), IMAGE,
                         f32(3, 2, 3, 3)),
    "conv_transpose3d": (lambda T, x, w: T.conv_transpose3d(x, w), VOLUME, f32(2, 2, 2, 2, 2)),
    "attention": (lambda T, q, k: T.nn.functional.scaled_dot_product_attention(q, k, k),
                  f32(2, 2, 5, 4), f32(2, 2, 5, 4)),
}  # fmt: skip

FLOAT32 = {
    "mse_loss": (lambda T, x, y: T.nn.functional.mse_loss(mixed(T, x), y), X, W),
    "l1_loss": (lambda T, x, y: T.nn.functional.l1_loss(mixed(T, x), mixed(T, y)), X, W),
    "smooth_l1_loss": (lambda T, x, y: T.nn.functional.smooth_l1_loss(mixed(T, x), y), X, W),
    "huber_loss": (lambda T, x, y: T.nn.functional.huber_loss(mixed(T, x), y), X, W),
    "cross_entropy": (lambda T, x, y: T.nn.functional.cross_entropy(mixed(T, x), y), X, LABELS),
    "nll_loss": (lambda T, x, y: T.nn.functional.nll_loss(mixed(T, x), y), X, LABELS),
    "nll_loss of images": (
        lambda T, x, y: T.nn.functional.nll_loss(mixed(T, x)[..., None, None], y[:, None, None]),
        X, LABELS),
    "binary_cross_entropy": (
        lambda T, x, y: T.nn.functional.binary_cross_entropy(mixed(T, x).sigmoid(), y.sigmoid()),
        X, W),
    "with logits": (
        lambda T, x, y: T.nn.functional.binary_cross_entropy_with_logits(mixed(T, x), y.sigmoid()),
        X, W),
    "kl_div": (
        lambda T, x, y: T.nn.functional.kl_div(mixed(T, x), y.softmax(1), reduction="sum"), X, W),
    "poisson_nll_loss": (lambda T, x, y: T.nn.functional.poisson_nll_loss(mixed(T, x), y), X, W),
    "cosine_embedding_loss": (
        lambda T, x, y, t: T.nn.functional.cosine_embedding_loss(mixed(T, x), y, t), X, W, SIGNS),
    "hinge_embedding_loss": (
        lambda T, x, t: T.nn.functional.hinge_embedding_loss(mixed(T, x), t), V, SIGNS),
    "margin_ranking_loss": (
        lambda T, x, y, t: T.nn.functional.margin_ranking_loss(mixed(T, x), y, t), V, V[::-1] + 1,
        SIGNS),
    "soft_margin_loss": (lambda T, x, t: T.nn.functional.soft_margin_loss(mixed(T, x), t), V,
                         SIGNS),
    "triplet_margin_loss": (
        lambda T, x, y: T.nn.functional.triplet_margin_loss(mixed(T, x), y, x + y), X, W),
    "multi_margin_loss": (lambda T, x, t: T.nn.functional.multi_margin_loss(mixed(T, x), t), X,
                          LABELS),
    "multilabel_margin_loss": (
        lambda T, x, t: T.nn.functional.multilabel_margin_loss(mixed(T, x)[0], t), X, LABELS),
    "ctc_loss": (
        lambda T, x, t: T.nn.functional.ctc_loss(
            mixed(T, x).log_softmax(2), t, T.tensor([5, 5]), T.tensor([2, 2])),
        f32(5, 2, 4), np.array([[1, 2], [3, 1]])),
    "linear_cross_entropy": (
        lambda T, x, w, y: T.nn.functional.linear_cross_entropy(x, w, y), X, W, LABELS),
    "prod": (lambda T, x: mixed(T, x).prod(), X),
    "prod of a dimension": (lambda T, x: T.prod(mixed(T, x), 1), X),
    "trace": (lambda T, x: mixed(T, x).trace(), X),
    "quantile": (lambda T, x: T.quantile(mixed(T, x), 0.3), X),
    "cdist": (lambda T, x, w: T.cdist(mixed(T, x), w), X, W),
    "avg_pool3d": (lambda T, x: T.nn.functional.avg_pool3d(mixed(T, x), 2), VOLUME),
    "max_pool3d": (lambda T, x: T.nn.functional.max_pool3d(mixed(T, x), 2), VOLUME),
    "adaptive_avg_pool3d": (lambda T, x: T.nn.functional.adaptive_avg_pool3d(mixed(T, x), 2),
                            VOLUME),
    "adaptive_max_pool3d": (lambda T, x: T.nn.functional.adaptive_max_pool3d(mixed(T, x), 2),
                            VOLUME),
    "reflection pad": (lambda T, x: T.nn.functional.pad(mixed(T, x), (1, 1), mode="reflect"), B),
    "replication pad": (
        lambda T, x: T.nn.functional.pad(mixed(T, x), (1, 1, 2, 0), mode="replicate"), IMAGE),
    "grid_sample": (
        lambda T, x, g: T.nn.functional.grid_sample(mixed(T, x), g.tanh(), align_corners=False),
        IMAGE, f32(2, 3, 3, 2)),
    "fft": (lambda T, x: T.view_as_real(T.fft.fft(mixed(T, x))), X),
    "rfftn": (lambda T, x: T.fft.rfftn(mixed(T, x)).abs(), X),
    "irfft": (lambda T, x: T.fft.irfft(mixed(T, x)), X),
    "stft": (lambda T, x: T.stft(x, 8, window=T.ones(8), return_complex=True).abs(), f32(32)),
    "inv": (lambda T, x: T.linalg.inv(mixed(T, x)), S),
    "inverse": (lambda T, x: mixed(T, x).inverse(), S),
    "solve": (lambda T, x, b: T.linalg.solve(mixed(T, x), b), S, X),
    "cholesky": (lambda T, x: T.linalg.cholesky(mixed(T, x)), S),
    "svdvals": (lambda T, x: T.linalg.svdvals(mixed(T, x)), X),
    "eigvalsh": (lambda T, x: T.linalg.eigvalsh(mixed(T, x)), S),
    "qr": (lambda T, x: T.linalg.qr(mixed(T, x))[1].abs(), S),
    "matrix_rank": (lambda T, x: T.linalg.matrix_rank(mixed(T, x)), S),
    "polar": (lambda T, x, w: T.view_as_real(T.polar(mixed(T, x).abs(), mixed(T, w))), X, W),
}  # fmt: skip

AS_IT_IS = {
    "addition": (lambda T, x, w: mixed(T, x) + w, X, W),
    "softmax": (lambda T, x: mixed(T, x).softmax(-1), X),
    "layer_norm": (lambda T, x: T.nn.functional.layer_norm(mixed(T, x), (4,)), X),
    "batch_norm": (lambda T, x: T.nn.functional.batch_norm(mixed(T, x), None, None, training=True),
                   X),
    "sum": (lambda T, x: mixed(T, x).sum(), X),
    "mean": (lambda T, x: mixed(T, x).mean(0), X),
    "norm": (lambda T, x: mixed(T, x).norm(), X),
    "exp": (lambda T, x: T.exp(mixed(T, x)), X),
    "pow": (lambda T, x: mixed(T, x) ** 2, X),
    "gelu": (lambda T, x: T.nn.functional.gelu(mixed(T, x)), X),
    "mv": (lambda T, x, v: T.mv(x, v), X, V),
    "dot": (lambda T, v: T.dot(v, v), V),
    "inner of vectors": (lambda T, v: T.inner(v, v), V),
    "tensordot to a number": (lambda T, x, w: T.tensordot(x, w, 2), X, W),
    "addmv": (lambda T, v, x: T.addmv(v, x, v), V, X),
    "outer": (lambda T, v: T.outer(v, v), V),
    "bilinear": (lambda T, x, w: T.nn.functional.bilinear(x, x, w), X, B),
    "einsum without sums": (lambda T, x, w: T.einsum("ij,ij->ij", x, w), X, W),
    "max_pool2d": (lambda T, x: T.nn.functional.max_pool2d(mixed(T, x), 2), IMAGE),
    "max_pool3d with places": (
        lambda T, x: T.nn.functional.max_pool3d(mixed(T, x), 2, return_indices=True), VOLUME),
    "zero pad": (lambda T, x: T.nn.functional.pad(mixed(T, x), (1, 1)), X),
    "circular pad": (lambda T, x: T.nn.functional.pad(mixed(T, x), (1, 1), mode="circular"), B),
    "interpolate": (lambda T, x: T.nn.functional.interpolate(mixed(T, x), scale_factor=2), IMAGE),
    "embedding": (lambda T, w, i: T.nn.functional.embedding(i, w), X, LABELS),
}  # fmt: skip

WIDEST = {
    "cat": (lambda T, x, w: T.cat([mixed(T, x), w]), X, W),
    "cat of lower ones": (lambda T, x, w: T.cat([mixed(T, x), mixed(T, w)]), X, W),
    "stack": (lambda T, x, w: T.stack([w, mixed(T, x)], dim=1), X, W),
    "hstack": (lambda T, x, w: T.hstack([mixed(T, x), w]), X, W),
    "index_copy": (lambda T, x, w, i: mixed(T, x).index_copy(0, i, w), X, W, LABELS),
    "cat with float64": (lambda T, x, w: T.cat([mixed(T, x), w.double()]), X, W),
}

CASES = {**LOWER, **FLOAT32, **AS_IT_IS, **WIDEST}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_an_operation_runs_in_pytorchs_dtype(name, dtype):
    f, *operands = CASES[name]

    def program(T, *given):
        with T.autocast("cpu", dtype=getattr(T, dtype)):
            return f(T, *given)

    mine, _ = compare(
        program, *operands, double=False, names=False, strides=False, rtol=TOLERANCE[dtype]
    )
    if name in LOWER:
        assert str(mine.dtype) == f"torch.{dtype}"


@pytest.mark.parametrize("name", ["einsum", "linear", "linear_cross_entropy", "tensordot"])
def test_without_gradients(name):
    f, *operands = CASES[name]

    def program(T, *given):
        with T.autocast("cpu"):
            return f(T, *given)

    compare(program, *operands, grads=False, strides=False, rtol=TOLERANCE["bfloat16"])


def test_what_is_not_cast():
    def program(T):
        x = T.arange(4.0).reshape(2, 2)
        whole, imaginary = T.ones(2, 2, dtype=T.int64), T.complex(x, x)
        with T.autocast("cpu"):
            return whole @ whole, imaginary @ imaginary, x.double() @ x.double()

    same(program(ours), program(real))


def raised(T, f):
    with T.autocast("cpu"), pytest.raises(RuntimeError) as error:
        f(T, T.ones(2, 2))
    return str(error.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: x.clone().addmm_(x.bfloat16(), x),
        lambda T, x: x.double() @ x,
        lambda T, x: T.cat([x.half(), x.bfloat16()]),
    ],
    ids=["in place", "float64", "two lower precisions"],
)
def test_mixtures_that_autocast_leaves_are_refused(f):
    assert raised(ours, f) == raised(real, f)


def test_results_given_are_not_cast():
    def program(T):
        x, out = T.full((2, 2), 1.001), T.empty(2, 2)
        with T.autocast("cpu"):
            batch = x.expand(2, 2, 2)
            return (
                T.mm(x, x, out=out), T.matmul(x, x, out=T.empty(2, 2)), x.clone().addmm_(x, x),
                T.cat([x, x], out=T.empty(4, 2)), T.bmm(batch, batch, out=T.empty(2, 2, 2)),
                batch.clone().baddbmm_(batch, batch), x.clone().addbmm_(batch, batch),
                T.linalg.inv(x + T.eye(2), out=T.empty(2, 2)), T.trace(x),
            )  # fmt: skip

    same(program(ours), program(real))


# ------------------------------------------------------------------------------ PyTorch's own lists
# Registered by PyTorch: the operation here, or why there is none.
OTHER_NAMES = {
    "cross_entropy_loss": "cross_entropy", "grid_sampler_2d": "grid_sampler",
    "grid_sampler_3d": "grid_sampler", "inverse": "inv", "lu_solve": "old_lu_solve",
    "cholesky": "old_cholesky", "qr": "old_qr", "svd": "old_svd", "_lu_with_info": "old_lu",
    "orgqr": "householder_product", "nll_loss2d": "nll_loss", "native_layer_norm": "layer_norm",
    "softmax.int": "softmax", "frobenius_norm": "norm", "reflection_pad1d": "pad",
    "reflection_pad2d": "pad", "replication_pad1d": "pad", "replication_pad2d": "pad",
    "replication_pad3d": "pad",
}  # fmt: skip
PARTS_OF_OTHERS = set(
    # Operations of PyTorch's that users reach only through others, which are in the lists.
    """_addmm_activation _convolution _grid_sampler_2d_cpu_fallback _native_multi_head_attention
    mkldnn_rnn_layer multilabel_margin_loss_forward fake_quantize_per_tensor_affine convolution
    cudnn_convolution cudnn_convolution_transpose _thnn_fused_lstm_cell _thnn_fused_gru_cell
    _scaled_dot_product_flash_attention""".split()
)


@pytest.mark.parametrize(("kind", "key"), [("cpu", "AutocastCPU"), ("cuda", "AutocastCUDA")])
def test_the_lists_are_those_that_pytorch_registers(kind, key):
    pattern = re.compile(rf"^({key}|{key.removesuffix('CUDA')}):", re.M)
    wanted = set()
    for full in real._C._dispatch_get_all_op_names():
        if full.startswith("aten::") and pattern.search(real._C._dispatch_dump(full)):
            name = full.removeprefix("aten::").split(".")[0]
            if name not in PARTS_OF_OTHERS and "upsample" not in name:
                wanted.add(OTHER_NAMES.get(name, name.removeprefix("linalg_")))
    assert len(wanted) > 80
    listed = set(LISTS[kind])
    assert not wanted - listed
    assert not listed - wanted - {"grid_sample", "interpolate", "lstm", "max_unpool1d"}


def test_every_name_in_the_lists_is_a_function():
    known = {f.__name__ for f in FUNCTIONS.values() if hasattr(f, "__name__")}
    for module in (ours.nn.functional, ours.linalg, ours.fft):
        known |= {getattr(f, "__name__", "") for f in vars(module).values()}
    for rules in LISTS.values():
        assert not set(rules) - known

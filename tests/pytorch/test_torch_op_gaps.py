"""Operations that the op database found missing or wrong, beside PyTorch."""

import warnings

import numpy as np
import pytest
from oracle import compare, ours, real
from test_torch_regressions import agree

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
Y = rng.normal(size=(4, 5, 3))


# ------------------------------------------------------------------------------------------- copies
@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: T.alias_copy(x),
        lambda T, x: T.as_strided_copy(x, (2, 2), (1, 2)),
        lambda T, x: T.as_strided_copy(x, (3, 3), (1, 1), 1),
        lambda T, x: T.diagonal_copy(x, 1),
        lambda T, x: T.expand_copy(x.unsqueeze(0), (2, 3, 4)),
        lambda T, x: T.permute_copy(x, (1, 0)),
        lambda T, x: T.squeeze_copy(x.unsqueeze(1)),
        lambda T, x: T.squeeze_copy(x.unsqueeze(1), 1),
        lambda T, x: T.squeeze_copy(x.unsqueeze(1), (0, 1)),
        lambda T, x: T.unfold_copy(x, 1, 3, 1),
        lambda T, x: T.unsqueeze_copy(x, -1),
        lambda T, x: T.view_copy(x, (2, 6)),
        lambda T, x: T.split_copy(x, 2, 1),
        lambda T, x: T.split_with_sizes_copy(x, [1, 3], 1),
        lambda T, x: T.unbind_copy(x, 1),
        lambda T, x: T.unsafe_chunk(x, 2, 1),
        lambda T, x: x.unsafe_split(2, 1),
        lambda T, x: T.unsafe_split_with_sizes(x, [1, 3], 1),
        lambda T, x: T.as_strided(x[1:], (2, 2), (1, 2), 0),
    ],
)
def test_copies_of_views_and_their_gradients(f):
    compare(f, X)


def test_copies_share_no_memory_and_unsafe_parts_do():
    def program(T):
        x = T.arange(6.0)
        T.view_copy(x, (2, 3)).zero_()
        T.unbind_copy(x)[0].fill_(9)
        first, _ = T.unsafe_chunk(x, 2)
        first.mul_(-1)
        out = T.empty(3), T.empty(3)
        assert T.split_copy(x, 3, out=out) is None
        return x, x._version, first._version, *out

    agree(program)


# ----------------------------------------------------------------------------- integrals and slopes
@pytest.mark.parametrize(
    "f",
    [
        lambda T, x, y: T.trapezoid(x),
        lambda T, x, y: T.trapezoid(x, dx=0.5, dim=0),
        lambda T, x, y: T.trapz(x, y[:, 0, 0]),
        lambda T, x, y: T.trapezoid(x, x * x, dim=0),
        lambda T, x, y: T.cumulative_trapezoid(x, dx=2),
        lambda T, x, y: T.cumulative_trapezoid(y, y[:, 0, 0], dim=0),
        lambda T, x, y: T.gradient(x),
        lambda T, x, y: T.gradient(x, spacing=2.0, dim=1, edge_order=2),
        lambda T, x, y: T.gradient(y, spacing=[1, 2, 0.5]),
        lambda T, x, y: T.gradient(x, spacing=(x[:, 0], y[:, 0, 0]), edge_order=2),
        lambda T, x, y: T.gradient(x, spacing=(y[:, 0, 0],), dim=(1,)),
    ],
)
def test_integrals_and_slopes(f):
    compare(f, X, Y, double=False, names=False)


def test_integrals_of_integers_and_of_nothing():
    agree(lambda T: (T.trapezoid(T.arange(4)), T.cumulative_trapezoid(T.arange(4)),
                     T.trapezoid(T.empty(2, 0)), T.gradient(T.arange(5))))  # fmt: skip


@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: T.trapezoid(x, T.arange(3.0)),
        lambda T, x: T.trapezoid(x > 0),
        lambda T, x: T.trapezoid(x.sum()),
        lambda T, x: T.cumulative_trapezoid(x, T.arange(5.0)),
        lambda T, x: T.gradient(x, dim=(0, 0)),
        lambda T, x: T.gradient(x, edge_order=3),
        lambda T, x: T.gradient(x, spacing=[1, 2, 3]),
        lambda T, x: T.gradient(x[:1]),
        lambda T, x: T.frexp(x > 0),
        lambda T, x: T.nonzero_static(x, size=-1),
        lambda T, x: T.empty_permuted((2, 3), (0, 0)),
        lambda T, x: T.empty_permuted((2, 3), (0,)),
        lambda T, x: T.histogramdd(x, [2, 2]),
        lambda T, x: T.histogramdd(x[0], [2]),
        lambda T, x: T.histogramdd(x, [2, 0, 1, 1]),
        lambda T, x: T.histogramdd(x * float("nan"), [1] * 4),
        lambda T, x: T.histogramdd(x, [1] * 4, range=[0.0, 1.0]),
        lambda T, x: T.histogramdd(x, [1] * 4, range=[1.0, 0.0] * 4),
        lambda T, x: T.histogramdd(x, [1] * 4, weight=T.ones(3)),
        lambda T, x: T.histogramdd(x, [T.ones(2)] * 4),
        lambda T, x: T.histogramdd(x, [T.ones(2, 2).double()] * 4),
        lambda T, x: T.histogramdd(x, [T.ones(1).double()] * 4),
        lambda T, x: T.hash_tensor(x, mode=1),
        lambda T, x: T.hash_tensor(T.complex(x, x)),
        lambda T, x: T.norm(x, "nuc", (0, -2)),
        lambda T, x: T.segment_reduce(x, "sum"),
        lambda T, x: T.masked.mean(x.long()),
        lambda T, x: T.masked.sum(x, mask=T.ones(2, 3, 4)),
        lambda T, x: T.masked.sum(x, (0, 0)),
        lambda T, x: T.masked.median(x.long(), 1, mask=x > 100),
    ],
)
def test_what_is_refused(f):
    compare(f, X, grads=False, text=True)


# --------------------------------------------------------------------------------- parts of numbers
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_mantissas_and_exponents(dtype):
    def program(T):
        x = T.tensor([0.0, 1.5, -3.0, 6e-5, float("inf"), 1.0], dtype=getattr(T, dtype))
        x.requires_grad_()
        found = T.frexp(x)
        (g,) = T.autograd.grad(found.mantissa[1:4].sum(), x)
        out = T.empty(6, dtype=x.dtype), T.empty(6, dtype=T.int32)
        T.frexp(x.detach(), out=out)
        return *found, g, *out

    agree(program)


def test_hashes():
    def program(T):
        x = T.tensor([[1.0, -2.5], [3.0, 0.1]])
        found = [T.hash_tensor(x), T.hash_tensor(x, 0), T.hash_tensor(x, (0, 1), keepdim=True),
                 T.hash_tensor(x.to(T.int8)), T.hash_tensor(x.bfloat16(), 1)]  # fmt: skip
        return [t.view(T.int64) for t in found]

    agree(program)


# ------------------------------------------------------------------------- positions and histograms
def test_positions_of_a_given_number():
    def program(T):
        x = T.tensor([[0, 1], [2, 0]])
        return (T.nonzero_static(x, size=4), T.nonzero_static(x, size=1, fill_value=7),
                T.nonzero_static(T.tensor(3), size=2),
                T.empty_permuted((2, 3, 4), (1, 2, 0)).stride())  # fmt: skip

    agree(program)


@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: T.histogramdd(x, [2, 3, 4]),
        lambda T, x: T.histogramdd(x, 2, range=[0.0, 1.0] * 3, density=True),
        lambda T, x: T.histogramdd(x, 2, weight=x[..., 0]),
        lambda T, x: T.histogramdd(x, [T.tensor([-2.0, 0, 2])] * 3),
    ],
)
def test_histograms_of_points(f):
    compare(f, Y.astype(np.float32), grads=False)


# ---------------------------------------------------------------------------------------- segments
@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "max", "min"])
@pytest.mark.parametrize("initial", [None, 2])
def test_segments(reduce, initial):
    x = Y.copy()
    x[0, 0], x[2, 1] = 0, x[1, 1]  # a factor of zero, and extremes that are there twice
    lengths = np.array([1, 0, 2, 1])

    def by_lengths(T, x, n):
        return T.segment_reduce(x, reduce, lengths=n, initial=initial)

    def by_offsets(T, x, n):
        at = T.tensor([0, 2, 3])
        return T.segment_reduce(x, reduce, offsets=at, initial=initial)

    def inner(T, x, n):
        rows = T.tensor([[2, 3], [5, 0], [0, 5], [4, 1]])
        return T.segment_reduce(x, reduce, lengths=rows, axis=1, initial=initial)

    for f in (by_lengths, by_offsets, inner):
        compare(f, x, lengths, double=False, names=False)


def test_products_of_segments_have_no_second_derivative():
    def program(T, x):
        y = T.segment_reduce(x, "prod", lengths=T.tensor([1, 2]))
        (g,) = T.autograd.grad((y * y).sum(), x, create_graph=True)
        return T.autograd.grad(g.sum(), x)

    compare(program, X, text=True)
    mine = ours.from_numpy(X.copy()).requires_grad_()
    with pytest.raises(RuntimeError, match="_segment_reduce_backward is not implemented"):
        program(ours, mine)


# ------------------------------------------------------------------------------------------- masked
MASK = np.array([[True, False, True, True], [False] * 4, [True] * 4])


@pytest.mark.parametrize("name", ["sum", "prod", "amax", "amin", "mean", "var", "std", "logsumexp"])
@pytest.mark.parametrize("keepdim", [False, True])
def test_masked_reductions(name, keepdim):
    compare(lambda T, x, m: getattr(T.masked, name)(x, 1, keepdim=keepdim, mask=m), X, MASK,
            double=False, names=False)  # fmt: skip
    compare(lambda T, x, m: getattr(T.masked, name)(x, (0, 1), mask=m), X, MASK[2],
            double=False, names=False)  # fmt: skip
    compare(lambda T, x: getattr(T.masked, name)(x, keepdim=keepdim), X, double=False, names=False)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin", "cumsum", "cumprod"])
def test_masked_functions_along_a_dimension(name):
    compare(lambda T, x, m: getattr(T.masked, name)(x, 1, mask=m), X, MASK[:, :1] | MASK[2],
            double=False, names=False)  # fmt: skip
    compare(lambda T, x, m: getattr(T.masked, name)(x, 0, mask=m), X, MASK, double=False,
            names=False)  # fmt: skip


@pytest.mark.parametrize(
    "f",
    [
        lambda M, x, m: M.argmax(x, 1, mask=m),
        lambda M, x, m: M.argmin(x, mask=m),
        lambda M, x, m: M.median(x, 1, mask=m),
        lambda M, x, m: M.norm(x, 3.0, 1, mask=m),
        lambda M, x, m: M.normalize(x, 2.0, 1, mask=m),
        lambda M, x, m: M.logaddexp(x, x, input_mask=m, other_mask=~m),
        lambda M, x, m: M.var(x, 1, unbiased=False, mask=m),
        lambda M, x, m: M.sum(x.int(), 1, mask=m),
        lambda M, x, m: M.cumsum(x.int(), 1, mask=m),
        lambda M, x, m: M.prod(x.int(), (0, 1), mask=m),
    ],
)
def test_other_masked_functions(f):
    compare(lambda T, x, m: f(T.masked, x, m), X, MASK, double=False, names=False)


# ----------------------------------------------------------------------- forms of layers' functions
@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: T.native_layer_norm(x, (3,), None, None, 1e-5)[0],
        lambda T, x: T.native_group_norm(x, None, None, 4, 5, 3, 1, 1e-5),
        lambda T, x: T.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[0],
        lambda T, x: T._native_batch_norm_legit(x, None, None, True, 0.1, 1e-5)[0],
        lambda T, x: T.constant_pad_nd(x, (1, 2, -1, 1), 3.0),
    ],
)
def test_native_forms(f):
    compare(f, Y, names=False, double=False)


def test_statistics_of_native_norms():
    def program(T):
        x = T.arange(24.0).reshape(2, 4, 3) ** 1.5
        return (*T.native_layer_norm(x, (4, 3), None, None, 1e-5),
                *T.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5),
                *T.native_batch_norm(x, None, None, T.zeros(4), T.ones(4), False, 0.1, 1e-5),
                )  # fmt: skip

    agree(program)


# ------------------------------------------------------------------------------ what was wrong once
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8"])
def test_sums_and_products_of_small_integers(dtype):
    def program(T):
        x = T.tensor([[1, 2], [3, 4]], dtype=getattr(T, dtype))
        return (x.sum(0, dtype=x.dtype), x.prod(1, dtype=x.dtype), x.prod(dtype=x.dtype),
                x.sum_to_size(()), x[0, 0].sum_to_size(()), x.sum_to_size(1, 2),
                T.tensordot(x[:, :1], x, dims=([1], [0])),
                T.unravel_index(x, (3, 2)), T.unravel_index(T.tensor(0), ()))  # fmt: skip

    agree(program)


def test_indices_of_scalars_and_repeated_ones():
    def program(T):
        x = T.tensor(3.0, requires_grad=True)
        y = T.zeros(2, 3).index_fill(1, T.tensor([0, 2, 0]), x)
        (g,) = T.autograd.grad(y.sum(), x)
        one = T.tensor(2.0)
        at = T.tensor([0])
        return (g, *[T.index_reduce(one, 0, at, x.detach(), r) for r in ("prod", "mean", "amax")],
                T.index_add(T.tensor(True), 0, at, T.tensor(True)),
                T.take_along_dim(T.arange(6).reshape(2, 3), T.tensor([[-1], [-4]]), 1))  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls index_reduce a beta
        agree(program)


def test_sums_of_exponentials_of_complex_numbers():
    def program(T):
        x = T.tensor([[1 + 2j, 2 - 3j, -1 + 1j], [3 + 3j, 3 + 0.3j, 0 - 3j]])
        return x.logsumexp(1), x.logsumexp((0, 1)), T.logcumsumexp(x, 1), T.corrcoef(x)

    agree(program)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("corners", [False, True])
def test_images_of_bytes_in_other_sizes(mode, antialias, corners):
    x = np.random.default_rng(2).integers(0, 256, (2, 3, 10, 13)).astype(np.uint8)
    settings = {"mode": mode, "align_corners": corners, "antialias": antialias}
    for size in ((7, 5), (17, 15), (10, 15), (4, 13), (10, 13), (1, 3)):
        compare(lambda T, x, s=size: T.nn.functional.interpolate(x, s, **settings), x, grads=False)
    for factor in (0.6, 1.7):
        compare(lambda T, x, f=factor: T.nn.functional.interpolate(x, None, f, **settings), x,
                grads=False)  # fmt: skip


def test_nuclear_norms_and_random_projections():
    compare(lambda T, x: T.norm(x, "nuc"), X, names=False, double=False)
    compare(lambda T, x: T.norm(x, "nuc", (2, 0), keepdim=True), Y, names=False, double=False,
            strides=False)  # fmt: skip
    compare(lambda T, x: T.norm(x, "nuc"), Y, grads=False, text=True)
    compare(lambda T, x: T.pca_lowrank(x, q=9), X, grads=False, text=True)


@pytest.mark.parametrize("name", ["svd_lowrank", "pca_lowrank"])
def test_factors_by_random_projections(name):
    def program(T, x):
        # Vectors are defined up to signs, their product is not.
        u, s, v = getattr(T, name)(x, q=3)
        return u @ T.diag_embed(s) @ v.mH, s

    compare(program, X, grads=False, strides=False)


def test_small_gaps():
    def program(T):
        F = T.nn.functional
        x = T.arange(16.0).reshape(1, 1, 4, 4)
        return (
            T.diff(x, 0, 0, prepend=x), T.logspace(1, 1.9, 3, dtype=T.int64),
            F.avg_pool2d(x.long(), 2, divisor_override=-3),
            F.multi_margin_loss(T.tensor(1.0), T.tensor(0)),
            F.multilabel_margin_loss(T.tensor(1.0), T.tensor(0)),
            F.interpolate(x.byte(), 3, mode="nearest-exact"),
            F.batch_norm(T.ones(0), T.ones(0), T.ones(0)),
            F.embedding(T.tensor([1]), T.ones(2, 3), sparse=True),
        )  # fmt: skip

    agree(program)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_products_in_half_precision_are_rounded_once(dtype):
    x = rng.normal(size=(8, 8)).astype(np.float32)

    def exact(T, x, a, b):
        return T.addmm(x, a, b, beta=0.7, alpha=0.3)

    parts = [real.from_numpy(np.roll(x, i)).to(getattr(real, dtype)) for i in range(3)]
    wide = exact(real, *[p.double() for p in parts])
    own = [ours.from_numpy(p.float().numpy()).to(getattr(ours, dtype)) for p in parts]
    mine = exact(ours, *own)
    expected = wide.to(getattr(real, dtype)).float().numpy()
    np.testing.assert_array_equal(mine.float().numpy(), expected)

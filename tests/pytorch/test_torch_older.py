"""Functions of ``torch`` that few programs call by these names."""

import numpy as np
import pytest
from oracle import compare, ours, real

rng = np.random.default_rng(5)
X = rng.normal(size=(2, 4, 6))


@pytest.mark.parametrize(
    "arguments",
    [(0, 3), (1, 2, 0.25), (0, 2.5), (3, 0, -1), (0, 1, 0.1), (-1, 1, 0.3), (2, 2), (0, 3, 0),
     (0, 3, -1), (0, float("inf")), (float("nan"), 1)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [None, "int64", "int32", "float64", "bfloat16"])
@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
def test_range(arguments, dtype):
    def program(T):
        return T.range(*arguments, dtype=None if dtype is None else getattr(T, dtype))

    if dtype in ("int64", "int32") and not all(map(float.is_integer, map(float, arguments))):
        arguments = (0, 7, 2)
    compare(program, grads=False)


def test_range_warns_and_writes():
    for T in (ours, real):
        with pytest.warns(UserWarning, match="torch.range is deprecated"):
            assert T.range(0, 5, 2, out=T.empty(3)).tolist() == [0, 2, 4]
        with pytest.warns(UserWarning):
            assert T.range(0, 1, requires_grad=True).requires_grad


@pytest.mark.parametrize("options", [{}, {"N": 0}, {"N": 1}, {"N": 5, "increasing": True},
                                     {"N": -1}])  # fmt: skip
@pytest.mark.parametrize("x", [np.array([1.5, -2, 0]), np.arange(3), np.array([True, False]),
                               np.ones((2, 2)), np.array([], np.float32)])  # fmt: skip
def test_vander(x, options):
    compare(lambda T, x: T.vander(x, **options), x, text=True, grads=False)


def test_vander_has_gradients():
    # PyTorch's backward pass fails: it meets memory that was written to.
    x = ours.tensor([1.5, 0.0, -2.0], dtype=ours.float64, requires_grad=True)
    ours.vander(x).sum().backward()
    assert x.grad.tolist() == [4.0, 1.0, -3.0]
    assert ours.autograd.gradgradcheck(lambda x: ours.vander(x, 4, increasing=True), x)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.4, 1.0, 1.5])
@pytest.mark.parametrize("name", ["alpha_dropout_", "feature_dropout_", "feature_alpha_dropout_"])
def test_dropout_in_place(name, p, train):
    def program(T, x):
        T.manual_seed(3)
        y = x * 1
        found = getattr(T, name)(y, p, train)
        assert found is y
        return found

    compare(program, X, double=False, names=False)


def test_dropout_of_features_needs_features():
    for name in ("feature_dropout_", "feature_alpha_dropout_"):
        compare(lambda T, x, n=name: getattr(T, n)(x, 0.5, True), X[0, 0], grads=False, text=True)


@pytest.mark.parametrize("train", [True, False, None])
@pytest.mark.parametrize("p", [0.0, 0.4, 1.0, 1.5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_native_dropout(p, train, dtype):
    def program(T, x):
        T.manual_seed(3)
        return T.native_dropout(x, p, train)

    compare(program, X.astype(dtype), text=True, grads=dtype != np.int64, double=train is not False)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolution(transposed, rank):
    x = rng.normal(size=(2, 4, *[5] * rank))
    w = rng.normal(size=(4, 2, *[3] * rank))
    b = rng.normal(size=4)
    ones = [1] * rank
    out = ones if transposed else [0] * rank
    stride = [2] * rank

    def program(T, x, w, b):
        return T.convolution(x, w, b, stride, [1], ones, transposed, out, 2)

    compare(program, x, w, b)


def test_convolution_refuses():
    x, w = np.ones((2, 4)), np.ones((1, 1, 2))
    for given in ((x, w, [1]), (x[None], w, 1)):
        compare(lambda T, x, w, s=given[2]: T.convolution(x, w, None, s, [0], [1], False, [0], 1),
                *given[:2], text=True)  # fmt: skip


@pytest.mark.parametrize("padding_idx", [None, 0])
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("last", [False, True])
def test_embedding_bag(mode, padding_idx, last):
    table = rng.normal(size=(4, 3))
    line, starts = np.array([0, 2, 1, 3, 0]), np.array([0, 2, 2, 5] if last else [0, 2, 2])

    def program(T, w, i, o):
        return T.embedding_bag(w, i, o, False, mode, False, None, last, padding_idx)

    def pair(T, w, i, o):
        return program(T, w, i, o)[0]

    if mode < 3:
        theirs, mine = (program(T, *(f(v) for v in (table, line, starts))) for T, f in (
            (real, real.tensor), (ours, ours.tensor)))  # fmt: skip
        for a, b in zip(mine, theirs, strict=True):
            if mode or a is mine[0]:  # those of sums are not documented, and not all defined
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    compare(pair, table, line, starts, names=False)


def test_other_names_of_layers():
    compare(lambda T, x: T.native_channel_shuffle(x, 2), X, names=False, grads=False)
    theta = rng.normal(size=(2, 2, 3))
    for corners in (False, True):
        compare(lambda T, t, c=corners: T.affine_grid_generator(t, [2, 1, 3, 4], c), theta)

    def statistics(T, x):
        mean, variance = T.zeros(4, dtype=T.float64), T.ones(4, dtype=T.float64)
        return (*T.batch_norm_update_stats(x, mean, variance, 0.1), mean, variance)

    compare(statistics, X, grads=False)
    compare(statistics, X[:1, :, 0], grads=False)  # no variance to correct: NaN
    compare(lambda T, x: T.batch_norm_update_stats(x, None, None, 0.1), X, grads=False)


def test_questions_and_detaching():
    compare(lambda T, x: (T.get_device(x), T.is_distributed(x), x.is_distributed()), X)
    compare(lambda T, x: (T.is_same_size(x, x), T.is_same_size(x, x[0])), X)
    compare(lambda T, x: T.is_same_size(x, 3), X, text=True)
    compare(lambda T: T.get_device(3), text=True)
    compare(lambda T, x: T.detach_(x * 2), X)
    assert ours.detach_copy(w := ours.ones(2, requires_grad=True)).data_ptr() != w.data_ptr()
    assert not ours.detach_copy(w).requires_grad


@pytest.mark.parametrize("name", ["eig", "symeig", "lstsq", "solve", "matrix_rank"])
def test_what_is_gone_names_what_replaced_it(name):
    for T in (ours, real):
        with pytest.raises(RuntimeError, match="since version 1.9 and is now removed") as caught:
            getattr(T, name)(T.ones(2, 2), T.ones(2, 2))
        assert "torch.linalg." in str(caught.value)
        if name != "matrix_rank":
            with pytest.raises(RuntimeError, match="is now removed"):
                getattr(T.ones(2, 2), name)(T.ones(2, 2))


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_native_dropout_compiled_and_mapped(p):
    x = ours.from_numpy(X.copy())
    for f in (lambda x: ours.native_dropout(x, p, True)[0],
              lambda x: ours.native_dropout(x, p, True)[1]):  # fmt: skip
        compiled = ours.compile(f)
        draws = []
        for g in (f, compiled):
            ours.manual_seed(0)
            draws.append([g(x).tolist() for _ in range(3)])
        assert draws[0] == draws[1]
    ours.manual_seed(0)
    mapped = ours.vmap(lambda x: ours.native_dropout(x, p, True)[1], randomness="different")(x)
    assert mapped.shape == x.shape and (p != 0.4 or not ours.equal(mapped[0], mapped[1]))


def ends(T, *places):
    return T.tensor(places, dtype=T.int32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("a", "b", "places"),
    [((6, 8), (2, 8, 16), (2, 6)), ((2, 6, 8), (2, 8, 16), None), ((2, 6, 8), (8, 16), (8, 16)),
     ((6, 8), (8, 16), (4, 8)), ((6, 8), (2, 8, 16), (0, 6)), ((6, 8), (2, 8, 16), None),
     ((6, 8), (2, 8, 16), (2, 4, 6))],
)  # fmt: skip
def test_grouped_mm(a, b, places, dtype):
    def program(T, x, y):
        offs = None if places is None else ends(T, *places)
        x, y = x.to(getattr(T, dtype)), y.to(getattr(T, dtype))
        return T.nn.functional.grouped_mm(x, y, offs=offs)

    given = [rng.normal(size=shape).astype(np.float32) for shape in (a, b)]
    compare(program, *given, names=False, double=False, text=True)


def test_grouped_mm_refuses():
    x, y = np.ones((6, 8), np.float32), np.ones((2, 8, 16), np.float32)
    for change in (
        lambda T, f, x, y: f(x, y, offs=T.tensor([2, 6])),
        lambda T, f, x, y: f(x, y, offs=ends(T, 2, 6), bias=T.ones(2, 16)),
        lambda T, f, x, y: f(x, y, offs=ends(T, 2, 6), out_dtype=T.float16),
        lambda T, f, x, y: f(x.double(), y.double(), offs=ends(T, 2, 6)),
    ):
        compare(lambda T, x, y, c=change: c(T, T.nn.functional.grouped_mm, x, y), x, y,
                grads=False, text=True)  # fmt: skip
    a, b = ours.ones(6, 8), ours.ones(2, 8, 16)
    rest = ours.nn.functional.grouped_mm(a, b, offs=ends(ours, 2, 5))
    assert rest[5].tolist() == [0.0] * 16

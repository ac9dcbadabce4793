"""Indexing, shapes, new tensors and histograms where they are easily wrong, beside PyTorch."""

import warnings

import numpy as np
import pytest
from oracle import compare, ours, real, same

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def run(T, program):
    """What a program gives in one world; exceptions as their types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return program(T)
        except Exception as error:
            return type(error).__name__


def agree(program, graph=True):
    same(run(ours, program), run(real, program), graph=graph)


def written(change):
    """A tensor after a change, with its version."""

    def program(T):
        x = T.arange(6.0).reshape(2, 3)
        change(T, x)
        return x, x._version

    return program


# ------------------------------------------------------------------------------------ new tensors
@pytest.mark.parametrize("make", [
    lambda T, a: T.zeros(3, out=a),
    lambda T, a: T.full((3,), 2.0, out=a),
    lambda T, a: T.arange(3.0, out=a),
    lambda T, a: T.linspace(0, 1, 3, out=a),
    lambda T, a: T.logspace(0, 1, 3, out=a),
])  # fmt: skip
def test_new_values_written_into_a_saved_tensor_are_noticed(make):
    def program(T):
        w, a = T.ones(3, requires_grad=True), T.ones(3)
        y = (w * a).sum()
        make(T, a)
        assert a._version == 1
        y.backward()
        return w.grad

    assert run(ours, program) == run(real, program) == "RuntimeError"


@pytest.mark.parametrize("make", [
    lambda T: T.arange(0, 2.5, dtype=T.int32),
    lambda T: T.arange(0, 2.5, dtype=T.int64),
    lambda T: T.arange(0, 3, 0.5, dtype=T.int32),
    lambda T: T.arange(0, 1, 0.5, dtype=T.int64),
    lambda T: T.arange(0, 1, 0),
    lambda T: T.arange(5, dtype=T.bool),
    lambda T: T.arange(0, 1, 0.25, out=T.zeros(2, dtype=T.float64)),
    lambda T: T.linspace(3, 1, 1),
    lambda T: T.linspace(5, 1, 1, dtype=T.int64),
    lambda T: T.linspace(1j, 2, 4),
    lambda T: T.logspace(0, 2, 5, dtype=T.int64),
    lambda T: T.logspace(3, 1, 1),
    lambda T: T.logspace(0, 2, 1, -2),
    lambda T: T.eye(2, -1),
    lambda T: T.eye(2, 3, out=T.zeros(3)),
    lambda T: T.zeros(2, out=T.ones(2), dtype=T.float64),
    lambda T: T.zeros(size=(2, 3)),
    lambda T: T.zeros(),
    lambda T: T.ones(2).new_zeros(size=(2,)),
    lambda T: T.empty_strided((2,), (-1,)),
    lambda T: T.empty_strided((2,), (1, 2)),
])  # fmt: skip
def test_counted_and_filled(make):
    agree(make)


@pytest.mark.parametrize("value", [300, -1, 2.5, float("nan"), float("inf"), 1e300, 1j, True])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float16", "float32", "complex64"])
def test_numbers_that_a_dtype_may_not_hold(value, dtype):
    agree(lambda T: T.full((2,), value, dtype=getattr(T, dtype)))
    agree(lambda T: T.full_like(T.ones(2, dtype=getattr(T, dtype)), value))


@pytest.mark.parametrize("data", [
    lambda T: [T.tensor(1), T.tensor(2.5)],
    lambda T: [T.tensor([1]), T.tensor([2])],
    lambda T: [1, np.float64(2)],
    lambda T: [1j, np.float64(2)],
    lambda T: [np.float32(1), np.float64(2)],
    lambda T: [np.array([1, 2], np.int8), np.array([3.0, 4.0])],
    lambda T: [[1, 2], [3]],
    lambda T: [2**63],
    lambda T: np.arange(4.0)[::-1],
    lambda T: np.arange(6.0).reshape(2, 3).T,
    lambda T: T.ones(2, 3).t(),
    lambda T: [],
])  # fmt: skip
def test_data(data):
    agree(lambda T: T.tensor(data(T)))
    agree(lambda T: T.tensor(data(T), dtype=T.float64))


@pytest.mark.parametrize("values", [[-1], [-300], [256], [1e30], [float("nan")], [1j]])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "float32"])
def test_data_of_a_dtype(values, dtype):
    agree(lambda T: T.tensor(values, dtype=getattr(T, dtype)))


def test_conversion_of_what_is_no_number_in_integers_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.tensor(np.array([np.nan]), dtype=ours.int64)
        ours.tensor(np.array([1j]), dtype=ours.float32)


# ---------------------------------------------------------------------------------- copies, dtypes
@pytest.mark.parametrize("t", [
    lambda T: T.arange(3.0).expand(4, 3),
    lambda T: T.arange(3.0)[:, None].expand(3, 4),
    lambda T: T.ones(3, 1).t(),
    lambda T: T.arange(12.0).reshape(3, 4)[:, ::2].t(),
])  # fmt: skip
def test_strides_of_converted_tensors(t):
    agree(lambda T: t(T).double())
    agree(lambda T: t(T).double(memory_format=T.contiguous_format))
    agree(lambda T: t(T).clone(memory_format=T.contiguous_format))


@pytest.mark.parametrize("program", [
    lambda T: T.ones(2).to(foo=1),
    lambda T: T.ones(2).type("torch.FooTensor"),
    lambda T: T.ones(2).type(float),
    lambda T: T.ones(2).copy_([1, 2]),
    lambda T: T.ones(2).copy_(np.ones(2)),
    lambda T: T.as_tensor(np.arange(4.0)[::-1]),
    lambda T: T.tensor(1.0).clone(memory_format=T.contiguous_format),
    lambda T: T.ones(2, dtype=T.bfloat16).numpy(force=True),
])  # fmt: skip
def test_arguments_of_copies(program):
    agree(program)


def test_an_array_by_force_shares_memory():
    x = ours.ones(2, requires_grad=True)
    x.numpy(force=True)[0] = 5
    assert x.tolist() == [5.0, 1.0]


# ------------------------------------------------------------------------------------------ shapes
@pytest.mark.parametrize("program", [
    lambda T, x: x.view(size=(3, 2)),
    lambda T, x: x.reshape(shape=(3, 2)),
    lambda T, x: x.permute(dims=(1, 0)),
    lambda T, x: x.expand(size=(2, 2, 3)),
    lambda T, x: x.t().reshape(6),
    lambda T, x: x.t().ravel(),
    lambda T, x: x.view(T.int32),
    lambda T, x: (x * 2).view(T.float32),
    lambda T, x: x[:, :2].view(T.float64),
    lambda T, x: x.view(6)[1:3].view(T.float64),
    lambda T, x: x.view(T.float64),
    lambda T, x: x.view(),
    lambda T, x: x.as_strided((2,), (-1,), 3),
    lambda T, x: x.as_strided((2,), (1,), -1),
    lambda T, x: x.as_strided((2,), (1, 1)),
    lambda T, x: x.movedim((0, 1), (0, 0)),
    lambda T, x: x.squeeze((0, 0)),
    lambda T, x: T.flip(x, 0),
    lambda T, x: T.rot90(x, 1, [0, 2]),
    lambda T, x: T.rot90(x, 1, [-1, 0]),
    lambda T, x: T.roll(x.sum(), 1, 0),
    lambda T, x: T.roll(x.t(), (1, 2), (0, 1)),
    lambda T, x: T.roll(x, 0),
    lambda T, x: T.select_scatter(x.t(), T.zeros(2), 0, 1),
    lambda T, x: T.slice_scatter(x.t(), T.zeros(1, 2), 0, 1, 2),
])  # fmt: skip
def test_shapes(program):
    compare(program, X)


def test_a_reshaped_copy_is_one_copy():
    x = ours.ones(2, 3, requires_grad=True) * 1
    node = x.t().reshape(6).grad_fn.next_functions[0][0]
    assert node.name() == "CloneBackward0"
    assert node.next_functions[0][0].name() == "TBackward0"


@pytest.mark.parametrize("dim", [0, 1])
def test_joined_images_keep_channels_last(dim):
    def program(T):
        x = T.arange(16.0).reshape(2, 2, 2, 2)
        y = x.contiguous(memory_format=T.channels_last)
        return T.cat([y, y], dim), T.cat([x, y], dim), T.cat([y[:, :1], y], 1)

    agree(program)


# ---------------------------------------------------------------------------------------- indexing
@pytest.mark.parametrize("change", [
    lambda T, x: x.__setitem__(x > 2, T.tensor(3)),
    lambda T, x: x.__setitem__(x > 2, T.tensor([7])),
    lambda T, x: x.__setitem__(T.tensor([0]), T.tensor(3)),
    lambda T, x: x.__setitem__(T.tensor([1, 0]), x),
    lambda T, x: x.__setitem__(slice(0, 1), x[1:]),
    lambda T, x: x.index_add_(0, T.tensor([1, 0]), x),
    lambda T, x: x[:1].index_add_(0, T.tensor([0]), x.view(-1)[1:4].view(1, 3)),
    lambda T, x: x.index_copy_(0, T.tensor([1]), x[:1]),
    lambda T, x: x.scatter_(0, T.tensor([[1, 0, 1], [0, 1, 0]]), x),
    lambda T, x: x.scatter_add_(0, T.tensor([[1, 0, 1], [0, 1, 0]]), x),
    lambda T, x: x.scatter_reduce_(0, T.tensor([[1, 0, 1], [0, 1, 0]]), x, "sum"),
    lambda T, x: x.index_reduce_(0, T.tensor([1, 0]), x, "mean"),
    lambda T, x: x.index_put_((T.tensor([1, 0]),), x, accumulate=True),
    lambda T, x: x.put_(T.arange(6).reshape(2, 3), x),
    lambda T, x: x[0].index_copy_(0, T.tensor([0, 1, 2]), x[1]),
])  # fmt: skip
def test_written(change):
    agree(written(change))


def test_a_mask_with_a_number_of_another_dtype_has_its_gradient():
    def program(T):
        x, v = T.ones(3, requires_grad=True), T.tensor(2.0, dtype=T.float64, requires_grad=True)
        y = x * 1
        y[T.tensor([True, False, True])] = v
        (y * T.tensor([1.0, 2.0, 4.0])).sum().backward()
        return y, x.grad, v.grad

    agree(program)


@pytest.mark.parametrize("program", [
    lambda T: T.tensor(1.5).index_select(0, T.tensor([0, 0])),
    lambda T: T.tensor(1.5).index_add_(0, T.tensor([0, 0]), T.tensor([5.0, 6.0])),
    lambda T: T.tensor(1.5).index_add_(0, T.tensor([0]), T.tensor([5.0])),
    lambda T: T.nonzero(T.ones(2), out=T.zeros(0, dtype=T.int32)),
    lambda T: T.unravel_index(T.tensor([1]), (-1,)),
    lambda T: T.unravel_index(T.tensor([0]), (0,)),
])  # fmt: skip
def test_refusals(program):
    agree(program)


@pytest.mark.parametrize("offset", [None, 0, 1])
@pytest.mark.parametrize("whole", [
    lambda T: T.arange(6.0),
    lambda T: T.arange(6.0)[2:],
    lambda T: T.arange(6.0).reshape(2, 3).t(),
    lambda T: T.arange(12.0).reshape(4, 3)[1:, ::2],
])  # fmt: skip
def test_parts_of_the_storage_replaced(whole, offset):
    agree(lambda T: T.as_strided_scatter(whole(T), T.full((2,), -1.0), (2,), (2,), offset))


# ----------------------------------------------------------------------- boundaries and histograms
@pytest.mark.parametrize("right", [False, True])
def test_nan_among_boundaries(right):
    edges = np.array([1.0, 3.0, np.nan, np.nan], np.float32)
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan, np.inf], np.float32)
    compare(lambda T, b, v: T.searchsorted(b, v, right=right), edges, values, grads=False)
    rows = np.stack([edges, np.arange(4, dtype=np.float32)])
    compare(lambda T, b, v: T.searchsorted(b, T.stack([v, v]), right=right), rows, values,
            grads=False)  # fmt: skip


@pytest.mark.parametrize("program", [
    lambda T: T.searchsorted(T.tensor([1, 3]), T.tensor([3]), sorter=T.tensor([0, 7])),
    lambda T: T.searchsorted(T.tensor([1, 3]), T.tensor([3]), sorter=T.tensor([0, -1])),
    lambda T: T.searchsorted(T.tensor([3, 1]), T.tensor([2]), sorter=T.tensor([1, 0])),
    lambda T: T.searchsorted(T.ones(2, 0), T.ones(2, 2)),
    lambda T: T.searchsorted(T.ones(2, 3), T.ones(2, 0)),
    lambda T: T.searchsorted(T.tensor([False, True]), T.tensor([True])),
    lambda T: T.searchsorted(T.ones(3), T.ones(1), out=T.zeros(1, dtype=T.int32)),
    lambda T: T.histogram(T.arange(5.0), 4, range=(2.0, 2.0)),
    lambda T: T.histogram(T.ones(3), 4),
    lambda T: T.histogram(T.ones(0), 4, density=True),
    lambda T: T.histogram(T.arange(5.0), 4, weight=T.ones(4)),
    lambda T: T.histogram(T.arange(5.0), 4, weight=T.arange(5)),
    lambda T: T.histogram(T.arange(5.0), 4, weight=T.arange(5.0), density=True),
    lambda T: T.histogram(T.arange(5.0), T.tensor([0.0])),
    lambda T: T.histogram(T.arange(5.0), T.tensor([])),
    lambda T: T.histogram(T.arange(5.0), T.tensor([[0.0, 1.0]])),
    lambda T: T.histogram(T.arange(5.0), T.tensor([0, 2])),
    lambda T: T.histc(T.arange(5.0), 4, 2, 2),
    lambda T: T.histc(T.ones(3), 4),
    lambda T: T.bincount(T.tensor([], dtype=T.int64), T.tensor([])),
])  # fmt: skip
def test_counts(program):
    agree(lambda T: tuple(found) if isinstance(found := program(T), tuple) else found)


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@pytest.mark.parametrize("interpolation", ["linear", "lower", "midpoint", "nearest"])
@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("q", [0.3, [0.3, 0.8]])
def test_gradients_of_quantiles_by_the_fraction(name, interpolation, dim, q):
    rng = np.random.default_rng(0)
    fractions = np.array(q)
    compare(
        lambda T, x, q: getattr(T, name)(x, q, dim, interpolation=interpolation),
        rng.normal(size=(3, 4)), fractions,
    )  # fmt: skip
    x = ours.from_numpy(rng.normal(size=(3, 4)))
    found = getattr(ours, name)(x, ours.tensor(fractions, requires_grad=True), dim,
                                interpolation=interpolation)  # fmt: skip
    assert found.requires_grad == (interpolation == "linear")


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_gradients_of_quantiles_beside_nan(name):
    def program(T):
        x = T.tensor([[1.0, 5, 2], [3, 7, float("nan")]], dtype=T.float64, requires_grad=True)
        q = T.tensor([0.3, 0.9], dtype=T.float64, requires_grad=True)
        return T.autograd.grad(getattr(T, name)(x, q, 1).nansum(), (x, q))

    agree(program)


def test_a_variance_does_not_keep_itself():
    x = ours.arange(4.0, requires_grad=True)
    var, mean = ours.var_mean(x)
    with ours.no_grad():
        var.zero_()
    (var + mean).backward()
    assert x.grad is not None

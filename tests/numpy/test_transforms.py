"""Functions under grad and jit where more than the ops' own rules is at stake."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.errors import NonConcreteError
from functorch_lite.numpy.reductions import logsumexp

X = np.random.default_rng(3).normal(size=(3, 4))


def numeric_gradient(f, x, step=1e-6):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        hi, lo = x.copy(), x.copy()
        hi[i] += step
        lo[i] -= step
        out[i] = (float(f(fnp.asarray(hi))) - float(f(fnp.asarray(lo)))) / (2 * step)
    return out


GRADIENTS = {
    "var": lambda x: x.var(0).sum(),
    "std": lambda x: x.std(1).sum(),
    "mean": lambda x: (x.mean(0) ** 2).sum(),
    "logsumexp": lambda x: logsumexp(x, 1).sum(),
    "logsumexp with factors": lambda x: logsumexp(x, 1, b=fnp.arange(4.0)).sum(),
    "prod": lambda x: x.prod(1).sum(),
    "max": lambda x: x.max(0).sum(),
    "sort": lambda x: (fnp.sort(x, 1) * fnp.arange(4.0)).sum(),
    "median": lambda x: fnp.median(x, 1).sum(),
    "quantile": lambda x: fnp.quantile(x, 0.3, 0).sum(),
    "cumsum": lambda x: (fnp.cumsum(x, 1) ** 2).sum(),
    "cumprod": lambda x: fnp.cumprod(x, 0).sum(),
    "einsum": lambda x: fnp.einsum("ij,kj,kl->il", x, x, x).sum(),
    "diagonal": lambda x: (x[:, :3].diagonal() ** 2).sum(),
    "matmul": lambda x: fnp.sin(x @ x.T).sum(),
    "batched matmul": lambda x: fnp.sin(x[None] @ fnp.stack([x.T, 2 * x.T])).sum(),
    "pad": lambda x: (fnp.pad(x, 2, mode="reflect") ** 2).sum(),
    "pad mean": lambda x: (fnp.pad(x, 2, mode="mean") ** 2).sum(),
    "interp": lambda x: fnp.interp(x, fnp.arange(-4.0, 5.0), fnp.arange(9.0) ** 2).sum(),
    "take_along_axis": lambda x: fnp.take_along_axis(x, fnp.argsort(x, 1)[:, :2], 1).sum(),
    "put_along_axis": lambda x: (
        fnp.put_along_axis(x, fnp.argmax(x, 1, keepdims=True), 0.0, 1) ** 2
    ).sum(),
    "where": lambda x: fnp.where(x > 0, x**2, -x).sum(),
    "clip": lambda x: (fnp.clip(x, -0.5, 0.5) * x).sum(),
    "sinc": lambda x: fnp.sinc(x).sum(),
    "roll": lambda x: (fnp.roll(x, 1, 1) * x).sum(),
    "tile": lambda x: (fnp.tile(x, (2, 2)) ** 2).sum(),
    "repeat": lambda x: (fnp.repeat(x, 3, 1) ** 2).sum(),
    "corrcoef": lambda x: fnp.corrcoef(x)[0, 1],
    "cross": lambda x: (fnp.cross(x[:, :3], x[::-1, :3]) ** 2).sum(),
    "kron": lambda x: (fnp.kron(x, x) ** 2).sum(),
    "nanmean": lambda x: fnp.nanmean(fnp.where(x > 1, fnp.nan, x), 1).sum(),
    "convolve": lambda x: (fnp.convolve(x[0], x[1]) ** 2).sum(),
    "gradient": lambda x: (fnp.gradient(x, axis=1) ** 2).sum(),
    "unique": lambda x: (fnp.unique(x) * fnp.arange(12.0)).sum(),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    f = GRADIENTS[name]
    got = np.asarray(fl.grad(f)(fnp.asarray(X)))
    np.testing.assert_allclose(got, numeric_gradient(f, X), rtol=1e-5, atol=1e-6)


def test_gradients_at_hard_points():
    assert float(fl.grad(fnp.sinc)(0.0)) == 0
    assert float(fl.grad(fl.grad(fnp.sinc))(0.0)) == pytest.approx(-(math.pi**2) / 3, rel=1e-5)
    empty = fl.grad(lambda x: logsumexp(x))(fnp.asarray([-fnp.inf, -fnp.inf]))
    assert np.isnan(np.asarray(empty)).sum() in (0, 2)
    assert float(logsumexp(fnp.zeros(0))) == -math.inf
    value, sign = logsumexp(fnp.asarray([0.0, 0.0]), b=fnp.asarray([1.0, -3.0]), return_sign=True)
    assert (float(value), float(sign)) == (pytest.approx(math.log(2)), -1)
    assert float(logsumexp(fnp.asarray([1000.0, fnp.inf]))) == math.inf


def test_answers_of_unknown_size_need_it_under_jit():
    x = fnp.asarray([0, 3, 0, 4, 3])
    for f in (fnp.nonzero, fnp.unique, fnp.bincount, fnp.argwhere):
        with pytest.raises(NonConcreteError):
            fl.jit(f)(x)
    assert fl.jit(lambda v: fnp.nonzero(v, size=2)[0])(x).tolist() == [1, 3]
    assert fl.jit(lambda v: fnp.nonzero(v, size=5, fill_value=-1)[0])(x).tolist() == [
        1,
        3,
        4,
        -1,
        -1,
    ]
    got = fl.jit(lambda v: fnp.unique(v, True, True, True, size=4))(x)
    assert [g.tolist() for g in got] == [[0, 3, 4, 0], [0, 1, 3, 0], [0, 1, 0, 2, 1], [2, 2, 1, 0]]
    assert fl.jit(lambda v: fnp.unique(v, size=2))(x).tolist() == [0, 3]
    assert fl.jit(lambda v: fnp.unique(v, size=4, fill_value=9))(x).tolist() == [0, 3, 4, 9]
    assert fl.jit(lambda v: fnp.bincount(v, length=4))(x).tolist() == [2, 0, 0, 2]
    assert fl.jit(lambda v: fnp.where(v, size=3)[0])(x).tolist() == [1, 3, 4]
    packed = fl.jit(lambda v: fnp.compress(v > 0, v, size=4, fill_value=7))(x)
    assert packed.tolist() == [3, 4, 3, 7]
    two = fl.jit(lambda v: fnp.argwhere(v, size=3))(fnp.eye(2))
    assert two.tolist() == [[0, 0], [1, 1], [0, 0]]
    several = fl.jit(lambda r: fnp.repeat(fnp.arange(3), r, total_repeat_length=5))(
        fnp.asarray([1, 0, 2])
    )
    assert several.tolist() == [0, 2, 2, 2, 2]


def test_traced_positions():
    x = fnp.arange(6.0)
    assert fl.jit(fnp.roll)(x, 2).tolist() == np.roll(np.arange(6.0), 2).tolist()
    assert np.isnan(float(fl.jit(fnp.take)(x, 7)))
    assert float(fl.jit(fnp.take)(x, -1)) == 5
    assert fl.jit(lambda i: fnp.take(x, i, mode="clip"))(99) == 5
    assert fnp.take(fnp.arange(3), fnp.asarray(5)) == np.iinfo(np.int64).min


SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@settings(max_examples=60)
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=4)
)
def test_broadcasting_as_numpy(shapes):
    a, b = (np.arange(np.prod(s), dtype=np.float64).reshape(s) for s in shapes.input_shapes)
    got = fnp.asarray(a) * fnp.asarray(b) + 1
    np.testing.assert_array_equal(np.asarray(got), a * b + 1)
    assert got.shape == shapes.result_shape


@settings(max_examples=60)
@given(
    hnp.mutually_broadcastable_shapes(
        signature="(n?,k),(k,m?)->(n?,m?)", max_dims=3, min_side=0, max_side=3
    )
)
def test_matmul_shapes_as_numpy(shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s) for s in shapes.input_shapes)
    got = fnp.asarray(a) @ fnp.asarray(b)
    assert got.shape == shapes.result_shape
    np.testing.assert_allclose(np.asarray(got), a @ b, atol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_reductions_over_any_axes_as_numpy(data):
    shape = data.draw(SHAPES)
    axis = data.draw(st.none() | hnp.valid_tuple_axes(len(shape)))
    keep = data.draw(st.booleans())
    x = np.random.default_rng(1).normal(size=shape)
    for name in ("sum", "prod", "any"):
        want = getattr(np, name)(x, axis=axis, keepdims=keep)
        got = getattr(fnp, name)(fnp.asarray(x), axis=axis, keepdims=keep)
        assert got.shape == want.shape
        np.testing.assert_allclose(np.asarray(got), want, atol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_searchsorted_as_numpy(data):
    values = st.integers(-3, 3) | st.sampled_from([math.nan, math.inf, -math.inf])
    a = np.sort(np.array(data.draw(st.lists(values, max_size=9)), np.float64))
    v = np.array(data.draw(st.lists(values, max_size=5)), np.float64)
    side = data.draw(st.sampled_from(["left", "right"]))
    got = fnp.searchsorted(fnp.asarray(a), fnp.asarray(v), side)
    np.testing.assert_array_equal(np.asarray(got), np.searchsorted(a, v, side))


@settings(max_examples=40)
@given(st.data())
def test_einsum_of_random_subscripts_as_numpy(data):
    letters = "abcd"
    sizes = dict(zip(letters, (2, 3, 1, 4), strict=True))
    term = st.text(letters, min_size=0, max_size=3)
    terms = data.draw(st.lists(term, min_size=1, max_size=4))
    used = sorted(set("".join(terms)))
    output = data.draw(st.permutations(used))[: data.draw(st.integers(0, len(used)))]
    text = ",".join(terms) + "->" + "".join(output)
    rng = np.random.default_rng(2)
    operands = [rng.normal(size=[sizes[c] for c in t]) for t in terms]
    got = fnp.einsum(text, *map(fnp.asarray, operands))
    np.testing.assert_allclose(np.asarray(got), np.einsum(text, *operands), atol=1e-10)

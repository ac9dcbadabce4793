"""Segment reductions against loops and JAX, their derivatives, batches and messages."""

import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn
from functorch_lite.errors import DtypeError, NonConcreteError, ShapeError
from functorch_lite.testing import check_grads
from functorch_lite.testing.vmap_loop import check_vmap

NAMES = ("segment_sum", "segment_prod", "segment_max", "segment_min")
IDS = np.array([2, 0, 2, -1, 7, 0, 2])
KEPT = np.array([0, 2])  # of three segments, those with rows
FOLD = {
    "segment_sum": (np.add, 0), "segment_prod": (np.multiply, 1),
    "segment_max": (np.maximum, -math.inf), "segment_min": (np.minimum, math.inf),
}  # fmt: skip


def by_loop(name, data, ids, count):
    fold, start = FOLD[name]
    out = np.full((count, *data.shape[1:]), start, data.dtype)
    for row, i in zip(data, ids, strict=True):
        if 0 <= i < count:
            out[i] = fold(out[i], row)
    return out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(7,), (7, 2), (7, 2, 3)])
def test_values(name, shape, rng):
    data = rng.normal(size=shape)
    f = getattr(nn, name)
    for count in (4, 3, 1, 8):
        want = by_loop(name, data, IDS, count)
        for found in (
            f(fnp.asarray(data), fnp.asarray(IDS), count),
            f(fnp.asarray(data), fnp.asarray(IDS), count, True, True, 3),
            f(fnp.asarray(data), fnp.asarray(IDS), count, bucket_size=100),
            fl.jit(f, static_argnums=2)(fnp.asarray(data), fnp.asarray(IDS), count),
            fl.jit(lambda d, i, c=count: f(d, i, c, bucket_size=2))(data, IDS),
        ):
            assert found.dtype == np.float64
            np.testing.assert_allclose(np.asarray(found), want, rtol=1e-13)
    assert f(fnp.asarray(data), fnp.asarray(IDS)).shape == (8, *shape[1:])
    assert f(fnp.asarray(data), fnp.asarray(IDS), 0).shape == (0, *shape[1:])
    assert f(fnp.asarray(data), fnp.full(7, -3)).shape == (0, *shape[1:])
    assert f(fnp.asarray(data[:0]), fnp.zeros(0, int), 2).shape == (2, *shape[1:])


@pytest.mark.parametrize("name", NAMES)
def test_empty_segments_in_every_dtype(name):
    empty = {"segment_sum": 0, "segment_prod": 1}
    f = getattr(nn, name)
    for dtype in ("int8", "uint32", "float16", "float32"):
        limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
        low, high = (limits.min, limits.max) if limits else (-math.inf, math.inf)
        found = f(fnp.ones(1, dtype), fnp.asarray([1]), 2)
        assert found.dtype == dtype
        assert found.tolist() == [
            empty.get(name, low if name == "segment_max" else high),
            1,
        ]
    if name in ("segment_max", "segment_min"):
        found = f(fnp.asarray([False, True, True]), fnp.asarray([0, 0, 2]), 3)
        assert found.tolist() == ([True, False, True] if "max" in name else [False, True, True])


def test_modes():
    data, ids = fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([-5, 1, 9])
    for mode in (None, "drop", "fill"):
        assert nn.segment_sum(data, ids, 3, mode=mode).tolist() == [0, 2, 0]
    clip = lambda d, i: nn.segment_sum(d, i, 3, mode="clip")  # noqa: E731
    assert clip(data, ids).tolist() == fl.jit(clip)(data, ids).tolist() == [1, 2, 4]
    promised = nn.segment_sum(data, fnp.asarray([0, 1, 1]), 3, mode="promise_in_bounds")
    assert promised.tolist() == [1, 6, 0]


def test_as_jax(rng):
    jax = pytest.importorskip("jax")
    data = rng.integers(-2, 3, (7, 2)).astype(float)
    with jax.enable_x64(True):
        for name in NAMES:
            ours, theirs = getattr(nn, name), getattr(jax.ops, name)
            for count, bucket, mode in ((4, None, None), (None, 3, None), (3, 2, "clip")):
                found = ours(fnp.asarray(data), IDS, count, bucket_size=bucket, mode=mode)
                want = theirs(data, IDS, count, bucket_size=bucket, mode=mode)
                np.testing.assert_allclose(np.asarray(found), np.asarray(want))
            if name == "segment_prod":
                continue  # JAX has no derivative of it where ids repeat
            found = fl.grad(lambda d, f=ours: (f(d, IDS, 3)[KEPT] ** 2).sum())(fnp.asarray(data))
            want = jax.grad(lambda d, f=theirs: (f(d, IDS, 3)[KEPT] ** 2).sum())(data)
            np.testing.assert_allclose(np.asarray(found), np.asarray(want))


@pytest.mark.parametrize("name", NAMES)
def test_transforms(name, rng):
    f = getattr(nn, name)
    x = fnp.asarray(rng.normal(size=(7, 2)))
    full = np.array([2, 0, 2, 1, 7, 0, 1])  # no segment of the first three is empty
    check_grads(lambda d: f(d, full, 3), (x,), order=2)
    check_grads(lambda d: f(d, full, 3, bucket_size=4)[:2] ** 2, (x[:, :1],), order=1)
    check_vmap(lambda d, i: f(d, i, 3), (x, fnp.asarray(IDS)))


def test_derivatives_of_products_hold_at_zeros():
    x = fnp.asarray([0.0, 2.0, 3.0, 0.0, 0.0], "float64")
    ids = fnp.asarray([0, 0, 0, 1, 1])
    assert fl.grad(lambda d: nn.segment_prod(d, ids, 2).sum())(x).tolist() == [6, 0, 0, 0, 0]
    second = fl.hessian(lambda d: nn.segment_prod(d, ids, 2).sum())(x)
    assert second[0].tolist() == [0, 3, 2, 0, 0] and second[3].tolist() == [0, 0, 0, 0, 1]


def test_messages():
    data = fnp.ones((3, 2))
    with pytest.raises(NonConcreteError, match=r"Remedy: pass it, segment_sum\(data, segment_ids"):
        fl.jit(nn.segment_sum)(data, fnp.asarray([0, 1, 2]))
    with pytest.raises(ShapeError, match=r"one segment id for each row of data; got ids of shape"):
        nn.segment_sum(data, fnp.asarray([0, 1]))
    with pytest.raises(DtypeError, match="segment_ids that are integers; got float32"):
        nn.segment_max(data, fnp.zeros(3))
    with pytest.raises(DtypeError, match="expected data that are numbers; got bool"):
        nn.segment_sum(data > 0, fnp.asarray([0, 1, 2]))
    with pytest.raises(DtypeError, match="complex numbers have no order"):
        nn.segment_min(data.astype("complex64"), fnp.asarray([0, 1, 2]))
    with pytest.raises(ValueError, match="num_segments of at least 0; got -1"):
        nn.segment_prod(data, fnp.asarray([0, 1, 2]), -1)
    with pytest.raises(ValueError, match="expected mode None, 'drop'"):
        nn.segment_sum(data, fnp.asarray([0, 1, 2]), mode="wrap")
    with pytest.raises(ValueError, match="bucket_size of at least 1; got 0"):
        nn.segment_sum(data, fnp.asarray([0, 1, 2]), bucket_size=0)

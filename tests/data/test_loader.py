"""Loaders: what order, how many, and that a place is enough to go on exactly."""

import functools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import data, errors, random
from functorch_lite.training import checkpoint

endless = functools.partial(data.loader, epochs=None)


def values(feed):
    return [np.asarray(batch).tolist() for batch in feed]


def test_epochs_are_the_batches_of_folded_keys():
    key = random.key(4)
    feed = data.loader(fnp.arange(10), 3, key, epochs=3)
    expected = [
        batch
        for e in range(3)
        for batch in values(data.batches(range(10), 3, random.fold_in(key, e)))
    ]
    assert values(feed) == expected
    assert values(feed) == []
    assert expected[:4] != expected[4:8]


def test_the_order_is_the_documented_one():
    # Numbers that must not change from release to release, nor from machine to machine.
    assert values(data.loader(fnp.arange(6), 6, key=0, epochs=2)) == ORDER


ORDER = [[0, 2, 4, 1, 5, 3], [0, 3, 5, 1, 4, 2]]


@pytest.mark.peers
def test_the_order_is_that_of_jax():
    jax = pytest.importorskip("jax")
    key = jax.random.PRNGKey(7)
    expected = [
        np.asarray(jax.random.permutation(jax.random.fold_in(key, e), 100)).tolist()
        for e in range(2)
    ]
    assert values(data.loader(fnp.arange(100), 100, key=7, epochs=2)) == expected


@hypothesis.given(
    st.integers(1, 12),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.integers(0, 20),
    st.data(),
)
def test_a_restored_loader_goes_on_exactly(size, batch_size, drop_last, shuffled, taken, draw):
    def make():
        return data.loader(
            fnp.arange(size), batch_size, 3 if shuffled else None, drop_last=drop_last, epochs=3
        )

    feed, ahead = make(), draw.draw(st.integers(0, 4))
    for _ in range(taken):
        next(feed, None)
    place = feed.state()
    for _ in range(ahead):
        next(feed, None)
    other = make()
    other.restore(place)
    rest = values(other)
    feed.restore(place)
    assert values(feed) == rest
    assert len(rest) == max(3 * make().batches_per_epoch - taken, 0)


def test_the_place_is_small_and_goes_through_a_checkpoint(tmp_path):
    feed = endless(fnp.arange(100), 7, key=1)
    for _ in range(20):
        next(feed)
    place = feed.state()
    assert place == {
        "epoch": 1, "batch": 5, "size": 100, "batch_size": 7, "drop_last": False, "key": [0, 1]
    }  # fmt: skip
    checkpoint.save(tmp_path / "x", place)
    feed.restore(checkpoint.load(tmp_path / "x"))
    assert feed.state() == place
    feed.restore({name: np.asarray(value) for name, value in place.items()})
    assert feed.state() == place


def test_an_empty_dataset():
    empty = np.zeros((0, 2))
    assert values(data.loader(empty, 2, key=0, epochs=3)) == []
    assert values(data.loader(np.ones(3), 2, epochs=0)) == []
    with pytest.raises(ValueError, match="at least one batch"):
        endless(empty, 2)
    with pytest.raises(ValueError, match="at least one batch"):
        endless(np.ones(3), 4, drop_last=True)


PLACE = endless(fnp.arange(6), 2, key=0).state()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: endless(np.ones(3), 0), ValueError, "positive batch_size; got 0"),
        (lambda: endless(np.ones(3), 1.5), TypeError, "int as batch_size"),
        (lambda: data.loader(np.ones(3), 1, epochs=-1), ValueError, "got -1"),
        (lambda: endless((np.ones(3), np.ones(2)), 1), errors.ShapeError, "data.loader"),
        (lambda: endless(fnp.arange(6), 2, key=0).restore(3), errors.TreeError, "got int"),
        (lambda: endless(fnp.arange(6), 2, key=0).restore({}), errors.TreeError, "keys"),
        (lambda: endless(fnp.arange(6), 2).restore(PLACE), errors.TreeError, "key None"),
        (lambda: endless(fnp.arange(6), 2, key=1).restore(PLACE), errors.TreeError, "key"),
        (lambda: endless(fnp.arange(7), 2, key=0).restore(PLACE), errors.TreeError, "size 7"),
        (lambda: endless(fnp.arange(6), 2, key=0).restore({**PLACE, "batch": 3}),
         errors.TreeError, "batch 3"),
    ],
)  # fmt: skip
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---------------------------------------------------------------- datasets
def test_examples_slices_and_chosen_rows():
    x = np.arange(20).reshape(10, 2)
    examples = data.dataset({"x": x, "y": np.arange(10)})
    assert len(examples) == 10
    assert examples[-1]["x"].tolist() == [18, 19]
    part = examples[8:2:-2]
    assert len(part) == 3
    np.testing.assert_array_equal(part.rows(0, 3)["x"], x[8:2:-2])
    np.testing.assert_array_equal(part.take([2, 0])["y"], [4, 8])
    np.testing.assert_array_equal(examples.take([])["x"], x[:0])
    assert len(examples[20:]) == 0
    assert len(list(data.batches(examples[:5], 2))) == 3


def test_the_order_may_be_traced():
    def first(key):
        return data.batches(fnp.arange(10), 4, key)[0]

    keys = random.split(random.key(3), 2)
    wanted = [first(key).tolist() for key in keys]
    assert [fl.jit(first)(key).tolist() for key in keys] == wanted
    assert fl.vmap(first)(keys).tolist() == wanted


def test_mapped_examples_are_those_of_a_loop():
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)
    mapped = data.dataset((x, np.arange(6))).map(lambda e: {"s": e[0].sum(), "y": e[1] * 2})
    batched = mapped.map(lambda b: b["y"][:, None] + fnp.zeros(3, "int64"), batched=True)
    assert mapped[2]["y"] == 4
    for i in range(6):
        np.testing.assert_allclose(mapped[i]["s"], x[i].sum(), rtol=1e-6)
    assert batched.take([5, 1]).tolist() == [[10] * 3, [2] * 3]
    assert batched.take([]).shape == (0, 3)
    assert [b.shape for b in data.loader(batched, 4, epochs=1)] == [(4, 3), (2, 3)]


@pytest.mark.parametrize("dtype", ["bool", "bfloat16", "float16", "float64", "complex64"])
def test_dtypes_are_kept(dtype):
    x = fnp.ones((4, 1), dtype)
    assert data.dataset(x)[1].dtype == x.dtype
    assert next(endless(x, 2, key=0)).dtype == x.dtype


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d[5], IndexError, "no example 5, there are 5"),
        (lambda d: d[-6], errors.IndexRangeError, "no example -6"),
        (lambda d: d["a"], TypeError, "got str"),
        (lambda d: d.take([5]), errors.IndexRangeError, "0 to 4; got 5 to 5"),
        (lambda d: d.take([-1]), errors.IndexRangeError, "got -1"),
        (lambda d: d.take([0.5]), errors.DtypeError, "integer indices"),
        (lambda d: d.take([[0]]), errors.ShapeError, r"\(1, 1\)"),
        (lambda d: d.map(3), TypeError, "got int"),
        (
            lambda d: d.map(lambda b: b[:1], batched=True).rows(0, 3),
            errors.ShapeError,
            "3 examples",
        ),
    ],
)
def test_dataset_messages(call, error, message):
    with pytest.raises(error, match=message):
        call(data.dataset(np.arange(5)))

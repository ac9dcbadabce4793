"""Batching: sizes, order, and what decides it."""

import numpy as np
import pytest

import functorch_lite.numpy as fnp
from functorch_lite import data, errors, random


def test_ten_examples_in_batches_of_three():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    found = list(data.batches({"x": x, "y": y}, 3))
    assert [len(batch["y"]) for batch in found] == [3, 3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([batch["x"] for batch in found]), x)
    dropped = data.batches({"x": x, "y": y}, 3, drop_last=True)
    assert len(dropped) == 3
    assert [len(batch["y"]) for batch in dropped] == [3, 3, 3]


def test_shuffling_keeps_examples_together_and_visits_each_once():
    x = np.arange(50)
    pairs = list(data.batches((x, x * 2), 7, key=random.key(0)))
    for left, right in pairs:
        np.testing.assert_array_equal(np.asarray(left) * 2, right)
    order = np.concatenate([left for left, _ in pairs])
    assert sorted(order) == list(range(50))
    assert list(order) != list(range(50))


def test_the_key_decides_the_order():
    def order(key):
        return np.concatenate(list(data.batches(np.arange(50), 8, key))).tolist()

    assert order(3) == order(3) == order(random.key(3))
    assert order(3) != order(4)
    epoch = data.batches(np.arange(50), 8, 3)
    assert [b.tolist() for b in epoch] == [b.tolist() for b in epoch]


def test_batches_are_indexable():
    found = data.batches(fnp.arange(5), 2)
    assert len(found) == 3
    assert found[2].tolist() == found[-1].tolist() == [4]
    with pytest.raises(IndexError, match="there are 3 batches"):
        found[3]


def test_the_caller_may_change_the_data_afterwards():
    x = np.arange(4)
    found = data.batches(x, 4)
    x[:] = 0
    assert found[0].tolist() == [0, 1, 2, 3]


def test_empty_data_has_no_batches():
    assert list(data.batches(np.zeros((0, 2)), 3)) == []
    assert len(data.batches(np.zeros((0, 2)), 3, key=0)) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: data.batches((np.ones(3), np.ones(4)), 2), errors.ShapeError, r"\(3,\), \(4,\)"),
        (lambda: data.batches(np.ones(()), 2), errors.ShapeError, "first dimension"),
        (lambda: data.batches((), 2), errors.ShapeError, "first dimension"),
        (lambda: data.batches(np.ones(3), 0), ValueError, "got 0"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

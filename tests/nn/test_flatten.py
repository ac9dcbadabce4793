"""`flatten` against PyTorch, and what it refuses."""

import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn
from functorch_lite.errors import AxisError

SHAPES = [(), (3,), (2, 3), (2, 3, 4, 5), (2, 0, 4)]


@pytest.mark.peers
@pytest.mark.parametrize("shape", SHAPES)
def test_flatten_is_that_of_torch(shape):
    torch = pytest.importorskip("torch")
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    rank = max(1, len(shape))
    for start in range(-rank, rank):
        for end in range(-rank, rank):
            if end % rank < start % rank:
                continue
            expected = torch.flatten(torch.tensor(x), start, end).numpy()
            found = np.asarray(nn.flatten(x, start, end))
            assert found.shape == expected.shape
            assert np.array_equal(found, expected)


def test_the_layer_keeps_the_batch_and_works_without_one():
    x = fnp.arange(24.0).reshape(2, 3, 2, 2)
    layer = nn.Flatten()
    assert layer.init(fl.random.key(0)) == ()
    assert np.array_equal(layer.apply((), x), np.asarray(x).reshape(2, 12))
    last_three = nn.Flatten(-3)
    assert np.array_equal(last_three.apply((), x), layer.apply((), x))
    assert np.array_equal(fl.vmap(lambda x: last_three.apply((), x))(x), layer.apply((), x))
    assert repr(nn.chain(nn.Flatten(1, 2))) == "chain(Flatten(1, 2))"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((2,), "nn.flatten: start_dim 2 is out of range for shape (3, 4); use -2 to 1"),
        ((0, -3), "nn.flatten: end_dim -3 is out of range for shape (3, 4); use -2 to 1"),
        ((1, 0), "nn.flatten: start_dim 1 comes after end_dim 0 in shape (3, 4). Exchange them."),
    ],
)
def test_axes_that_are_not_there(arguments, message):
    with pytest.raises(AxisError, match=re.escape(message) + "$"):
        nn.flatten(fnp.ones((3, 4)), *arguments)

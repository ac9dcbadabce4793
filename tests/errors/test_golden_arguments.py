"""Golden messages of windows, exchanges, layers, optimisers and keys, and proof of their remedies.

Every case is three functions: the mistake, the text, and the remedy exactly as the text gives it.
"""

import re

import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax, nn, optim, random

X4, X44 = fnp.ones(4), fnp.ones((4, 4))
KEY = random.key(0)
IMAGE, KERNEL = fnp.ones((1, 4, 8, 8)), fnp.ones((2, 4, 3, 3))
LINEAR, NORM = nn.Linear(2, 3), nn.BatchNorm(2)
PARAMS = LINEAR.init(KEY)
NORM_PARAMS, NORM_STATE = NORM.init(KEY)
SGD = optim.sgd(0.1)
WEIGHTS = {"w": X4}
STATE = SGD.init(WEIGHTS)
KEY_REMEDY = (
    "expected a key (u32[2]); got int 0. Remedy: make a key with random.key(seed), here "
    "random.key(0), fresh ones with random.split(key)."
)


def over_i(f):
    return fl.vmap(f, axis_name="i")(X4)


def swapped_perm(x, perm):
    return lax.ppermute(x, "i", perm)


WINDOWS = {
    "a number of strides": (
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, 1, "SAME"),
        TypeError,
        (
            "lax.conv_general_dilated: window_strides must be a sequence of 2 ints, one per "
            "spatial dimension; got 1. Remedy: window_strides=(1, 1)."
        ),
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, window_strides=(1, 1), padding="SAME"),
    ),
    "a number of padding": (
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), 1),
        ValueError,
        (
            "lax convolution: padding must be 'VALID', 'SAME', 'SAME_LOWER' or a pair (low, high) "
            "per spatial dimension; got 1. Remedy: padding=[(1, 1), (1, 1)], for example."
        ),
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), padding=[(1, 1), (1, 1)]),
    ),
    "channels that groups do not share out": (
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", feature_group_count=3),
        errors.ShapeError,
        (
            "lax.conv_general_dilated: the 4 channels of lhs are no multiple of "
            "feature_group_count=3. Remedy: feature_group_count=1, or 6 channels of lhs."
        ),
        lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", feature_group_count=1),
    ),
    "a kernel for another number of groups": (
        lambda: lax.conv_general_dilated(IMAGE, KERNEL[:, :2], (1, 1), "SAME"),
        errors.ShapeError,
        (
            "lax.conv_general_dilated: rhs must have 4 input channels, the 4 of lhs divided by "
            "feature_group_count=1; it has 2. Remedy: feature_group_count=2, which fits these "
            "operands; or check dimension_numbers, by which lhs is (batch, channels, *spatial) and "
            "rhs (outputs, channels, *window)."
        ),
        lambda: lax.conv_general_dilated(
            IMAGE, KERNEL[:, :2], (1, 1), "SAME", feature_group_count=2
        ),
    ),
    "a number for a permutation": (
        lambda: over_i(lambda x: swapped_perm(x, 1)),
        errors.TransformError,
        (
            "lax.ppermute: perm must be a sequence of pairs (source, destination) of ints; got 1. "
            "Remedy: [(i, (i + 1) % 4) for i in range(4)] hands every value to the next position."
        ),
        lambda: over_i(lambda x: swapped_perm(x, [(i, (i + 1) % 4) for i in range(4)])),
    ),
    "a destination outside the axis": (
        lambda: over_i(lambda x: swapped_perm(x, [(3, 4)])),
        errors.ShapeError,
        (
            "lax.ppermute: destination 4 of the pair (3, 4) is outside axis 'i', whose positions "
            "go from 0 to 3. Remedy: take positions modulo 4."
        ),
        lambda: over_i(lambda x: swapped_perm(x, [(3, 4 % 4)])),
    ),
    "a word for the padding of a pool": (
        lambda: nn.max_pool2d(IMAGE, 2, padding="SAME"),
        TypeError,
        (
            "nn.max_pool2d: expected padding to be an int or 2 of them; got 'SAME'. Remedy: "
            "padding=1, for example; lax.reduce_window and lax.reduce_window_max take "
            "padding='SAME'."
        ),
        lambda: (
            nn.max_pool2d(IMAGE, 2, padding=1),
            lax.reduce_window_max(IMAGE, (1, 1, 2, 2), (1, 1, 2, 2), padding="SAME"),
        ),
    ),
    "a number of padding around windows": (
        lambda: lax.reduce_window_max(X44, (2, 2), padding=1),
        TypeError,
        (
            "lax.reduce_window_max: padding must be 'SAME', 'SAME_LOWER', 'VALID' or one (low, "
            "high) pair for each of the 2 axes of the operand; got 1. Remedy: "
            "padding=[(1, 1), (1, 1)], with (0, 0) for axes that get none."
        ),
        lambda: lax.reduce_window_max(X44, (2, 2), padding=[(1, 1), (1, 1)]),
    ),
}

LAYERS = {
    "a layer called": (
        lambda: LINEAR(X44[:, :2]),
        TypeError,
        (
            "nn.Linear(2, 3): a layer is not called itself, because it holds no parameters. "
            "Remedy: out = layer.apply(params, x), with params = layer.init(key)."
        ),
        lambda: LINEAR.apply(LINEAR.init(KEY), X44[:, :2]),
    ),
    "a layer without its state": (
        lambda: NORM.apply(NORM_PARAMS, X44[:, :2]),
        TypeError,
        (
            "nn.BatchNorm(2).apply: missing a required argument: 'state'. Remedy: out, state = "
            "layer.apply(params, x, state, train=True)."
        ),
        lambda: NORM.apply(NORM_PARAMS, X44[:, :2], NORM_STATE, train=True),
    ),
    "train for a layer that has no such mode": (
        lambda: LINEAR.apply(PARAMS, X44[:, :2], train=True),
        TypeError,
        (
            "nn.Linear(2, 3).apply: got an unexpected keyword argument 'train'. Remedy: out = "
            "layer.apply(params, x)."
        ),
        lambda: LINEAR.apply(PARAMS, X44[:, :2]),
    ),
    "a seed for a layer": (
        lambda: LINEAR.init(0),
        errors.DtypeError,
        f"nn.Linear(2, 3).init: {KEY_REMEDY}",
        lambda: LINEAR.init(random.key(0)),
    ),
    "a seed for a key": (
        lambda: random.normal(0, (3,)),
        errors.DtypeError,
        f"random.normal: {KEY_REMEDY}",
        lambda: random.normal(random.key(0), (3,)),
    ),
    "the shape before the key": (
        lambda: random.normal((3,), KEY),
        errors.DtypeError,
        (
            "random.normal: expected a key (u32[2]); got tuple (3,). Remedy: the key comes first, "
            "random.normal(key, ...); random.key(0) makes one."
        ),
        lambda: random.normal(random.key(0), (3,)),
    ),
    "sizes for view": (
        lambda: X4.view(2, 2),
        TypeError,
        (
            "x.view(dtype) reads the bits of x as another dtype; got the sizes 2, 2. Remedy: "
            "x.reshape(2, 2) gives another shape."
        ),
        lambda: X4.reshape(2, 2),
    ),
    "the state in another place": (
        lambda: SGD.update(WEIGHTS, WEIGHTS, STATE),
        errors.TreeError,
        (
            "optim.sgd: the state came in the place of params. The order is update(grads, state, "
            "params)."
        ),
        lambda: SGD.update(WEIGHTS, STATE, WEIGHTS),
    ),
    "no state": (
        lambda: SGD.update(WEIGHTS, WEIGHTS, WEIGHTS),
        errors.TreeError,
        (
            "optim.sgd: expected state to be a dict with the keys ['step']; got a dict with the "
            "keys ['w']. Remedy: state = init(params), then update(grads, state, params)."
        ),
        lambda: SGD.update(WEIGHTS, SGD.init(WEIGHTS), WEIGHTS),
    ),
}

GOLDEN = {**WINDOWS, **LAYERS}


@pytest.mark.parametrize("name", GOLDEN)
def test_message(name):
    mistake, error, text, _ = GOLDEN[name]
    with pytest.raises(error) as info:
        mistake()
    assert str(info.value) == text


@pytest.mark.parametrize("name", GOLDEN)
def test_the_remedy_works(name):
    GOLDEN[name][3]()


def test_a_type_error_inside_a_layer_stays_as_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        nn.Layer(lambda key: (), lambda params, x: object() + [], "odd").apply((), X4)


@pytest.mark.parametrize(
    "sample",
    [
        random.uniform, random.bits, random.normal, random.gumbel, random.split,
        lambda key: random.normal(key, (), "complex64"),
        lambda key: random.truncated_normal(key, -1.0, 1.0),
        lambda key: random.bernoulli(key, 0.5),
        lambda key: random.randint(key, (3,), 0, 3),
        lambda key: random.permutation(key, X4),
        lambda key: random.choice(key, X4),
        lambda key: random.categorical(key, X4),
    ],
)  # fmt: skip
def test_samplers_name_themselves(sample):
    def names_of(key):
        with pytest.raises(errors.DtypeError, match=r"here random\.key\(0\)") as info:
            sample(key)
        return re.findall(r"^random\.(\w+): expected a key", str(info.value))

    assert len(names_of(0)) == 1
    if hasattr(sample, "__name__") and sample.__name__ != "<lambda>":
        assert names_of(0) == [sample.__name__]
    sample(random.key(0))

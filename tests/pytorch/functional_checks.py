"""What the tests of functions of layers share."""

import numpy as np
from oracle import compare

RNG = np.random.default_rng(0)


def normal(*shape, dtype="float64"):
    return RNG.normal(size=shape).astype(dtype)


def integers(high, *shape):
    return RNG.integers(0, high, shape)


def chances(*shape):
    return RNG.uniform(0.05, 0.95, shape)


def check(name, *args, grads=True, double=True, text=False, strides=True, names=True, **kwargs):
    """Compare a function of ``torch.nn.functional``."""
    compare(lambda T, *a: getattr(T.nn.functional, name)(*a, **kwargs), *args, grads=grads,
            double=double, text=text, strides=strides, names=names)  # fmt: skip


def linear(name, x, *args, names=True, **kwargs):
    """Compare a linear function, of squares so that there is a second derivative."""
    compare(lambda T, x, *a: getattr(T.nn.functional, name)(x * x, *a, **kwargs), x, *args,
            names=names)  # fmt: skip

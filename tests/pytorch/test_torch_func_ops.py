"""``vmap`` and derivatives of many operations, against PyTorch's transforms of the same."""

from __future__ import annotations

import warnings

import pytest
from func_cases import CASES, both, numbers
from oracle import ours, same

# What PyTorch refuses, and what no batching rule has here.
ONE_BY_ONE = {"index two numbers"}


def total(T, f):
    """A function's results as one number, with a gradient that depends on them."""

    def g(*tensors):
        out = f(T, *tensors)
        return (out * out).sum() if out.dtype.is_floating_point else tensors[0].sum()

    return g


def mapped(T, f, args):
    return T.vmap(lambda *x: f(T, *x))(*args)


def partly_mapped(T, f, args):
    dims = (0,) + (None,) * (len(args) - 1)
    return T.vmap(lambda *x: f(T, *x), in_dims=dims)(args[0], *[x[0] for x in args[1:]])


def gradients(T, f, args):
    nums = tuple(range(len(args)))
    return T.vmap(T.func.grad(total(T, f), nums))(*args)


def partly_mapped_gradients(T, f, args):
    nums, dims = tuple(range(len(args))), (0,) + (None,) * (len(args) - 1)
    rest = [x[0] for x in args[1:]]
    return T.vmap(T.func.grad(total(T, f), nums), in_dims=dims)(args[0], *rest)


def gradient_of_mapped(T, f, args):
    nums = tuple(range(len(args)))
    return T.func.grad(lambda *x: (mapped(T, f, x).float() ** 2).sum(), nums)(*args)


def pushed(T, f, args):
    tangents = tuple(x[1] for x in args)
    return T.func.jvp(lambda *x: f(T, *x), tuple(x[0] for x in args), tangents)


def mapped_pushed(T, f, args):
    def one(*x):
        return T.func.jvp(lambda *y: f(T, *y), x, tuple(v * 0.5 for v in x))

    return T.vmap(one)(*args)


def mapped_curvature(T, f, args):
    nums = tuple(range(len(args)))

    def one(*x):
        g = T.func.grad(total(T, f), nums)
        return T.func.jvp(g, x, tuple(v * 0.5 for v in x))[1]

    return T.vmap(one)(*args)


EVERYDAY = [mapped, gradients]
LONG = [partly_mapped, partly_mapped_gradients, gradient_of_mapped, pushed, mapped_pushed,
        mapped_curvature]  # fmt: skip


def check(name, transform):
    f, sizes = CASES[name]
    fallbacks = []

    def program(T):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            args = numbers(T, *sizes, lanes=3, seed=1)
            found = transform(T, f, args if isinstance(args, list) else [args])
        if T is ours:
            fallbacks.extend(w for w in seen if "performance drop" in str(w.message))
        return found

    mine, theirs = both(program)
    if isinstance(theirs, tuple) and isinstance(theirs[0], str):
        return False  # PyTorch has no rule for it
    same(mine, theirs, rtol=3e-4, strides=False)
    if name not in ONE_BY_ONE:
        assert not fallbacks
    return True


@pytest.mark.parametrize("name", CASES)
def test_mapped_operations_and_their_gradients(name):
    assert check(name, mapped) or name == "in place index"
    check(name, gradients)


@pytest.mark.long
@pytest.mark.parametrize("transform", LONG)
@pytest.mark.parametrize("name", CASES)
def test_operations_in_compositions(name, transform):
    check(name, transform)


@pytest.mark.parametrize(
    "name", ["matmul", "softmax", "in place view", "index own", "cross_entropy", "conv2d", "sort",
             "cumsum", "layer_norm", "cdist", "kl_div"]
)  # fmt: skip
@pytest.mark.parametrize("transform", LONG)
def test_some_operations_in_compositions(name, transform):
    check(name, transform)


def test_what_pytorch_refuses_gives_the_loop_of_the_examples():
    f, sizes = CASES["in place index"]
    x = numbers(ours, *sizes, lanes=3)
    found = ours.vmap(lambda a: f(ours, a))(x)
    assert ours.equal(found, ours.stack([f(ours, a) for a in x]))

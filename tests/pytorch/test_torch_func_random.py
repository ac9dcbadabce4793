"""Random numbers under ``vmap``, from PyTorch's streams, for each ``randomness``."""

from __future__ import annotations

import pytest
from func_cases import agree, both
from oracle import ours


def x_of(T):
    return T.arange(6.0).reshape(3, 2)


PROGRAMS = {
    "rand": lambda T, a: T.rand(2) + a,
    "rand sizes": lambda T, a: T.rand(2, 3),
    "randn": lambda T, a: T.randn((2,), dtype=T.float64),
    "randint": lambda T, a: T.randint(0, 9, (2,)) + a,
    "randint size": lambda T, a: T.randint(9, size=(2,)),
    "randperm": lambda T, a: T.randperm(4),
    "rand_like": lambda T, a: T.rand_like(a),
    "randn_like": lambda T, a: T.randn_like(a),
    "dropout": lambda T, a: T.nn.functional.dropout(a + 1),
    "dropout of one that is not mapped": lambda T, a: T.nn.functional.dropout(T.ones(4)),
    "dropout module": lambda T, a: T.nn.Dropout(0.3)(a + 1),
    "dropout2d": lambda T, a: T.nn.functional.dropout2d(a.reshape(1, 1, 1, 2) + 1),
    "alpha_dropout": lambda T, a: T.nn.functional.alpha_dropout(a + 1, training=True),
    "bernoulli": lambda T, a: T.bernoulli(a * 0 + 0.5),
    "bernoulli_": lambda T, a: a.clone().bernoulli_(0.5),
    "normal_": lambda T, a: a.clone().normal_(),
    "uniform_": lambda T, a: T.empty_like(a).uniform_(0, 1),
    "exponential_": lambda T, a: a.clone().exponential_(),
    "multinomial": lambda T, a: T.multinomial(a + 1, 1),
    "normal of tensors": lambda T, a: T.normal(a, 1.0),
    "normal of a number and a tensor": lambda T, a: T.normal(100.0, T.ones(3)),
    "normal of more dimensions": lambda T, a: T.normal(T.full((3,), 100.0), T.ones(2, 3)),
    "normal of one that is mapped": lambda T, a: T.normal(a[0], T.ones(2, 4)),
    "normal by name": lambda T, a: T.normal(mean=T.full((3,), 100.0), std=T.ones(3)),
    "dropout by name": lambda T, a: T.nn.functional.dropout(input=T.ones(4)),
    "bernoulli by name": lambda T, a: T.bernoulli(input=T.full((3,), 0.5)),
    "binomial": lambda T, a: T.binomial(count=T.full((3,), 9.0), prob=T.full((3,), 0.5)),
    "multinomial of rows": lambda T, a: T.multinomial(input=T.ones(2, 3) + a[0], num_samples=2),
    "out": lambda T, a: T.randn(3, out=T.empty(3)) + a[0],
    "normal of numbers": lambda T, a: T.normal(0.0, 1.0, (2,)),
    "nested": lambda T, a: T.vmap(lambda b: T.rand(1) + b, randomness="different")(a),
    "gradient": lambda T, a: T.func.grad(lambda b: T.nn.functional.dropout(b).sum())(a + 1),
    "unmapped in place": lambda T, a: T.zeros(2).normal_(),
}


@pytest.mark.parametrize("randomness", ["error", "different", "same"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_are_pytorchs(name, randomness):
    def program(T):
        x = x_of(T)
        found = T.vmap(lambda a: PROGRAMS[name](T, a), randomness=randomness)(x)
        return found, x, T.rand(2)

    mine, theirs = both(program)
    if isinstance(theirs[0], str):
        assert mine == theirs
    else:
        agree(program)


def test_numbers_are_different_or_the_same():
    ours.manual_seed(0)
    rows = ours.vmap(lambda a: ours.rand(3), randomness="different")(x_of(ours))
    assert len({tuple(r.tolist()) for r in rows}) == 3
    rows = ours.vmap(lambda a: ours.rand(3), randomness="same")(x_of(ours))
    assert len({tuple(r.tolist()) for r in rows}) == 1


@pytest.mark.parametrize("randomness", ["different", "same"])
def test_chunks_draw_as_pytorchs_do(randomness):
    def program(T):
        x = T.arange(10.0).reshape(5, 2)
        f = T.vmap(lambda a: T.rand(2) + a, randomness=randomness, chunk_size=2)
        return f(x), T.rand(1)

    agree(program)


def test_forward_jacobians_take_the_flag():
    def program(T):
        f = lambda a: T.nn.functional.dropout(a * a)  # noqa: E731
        return T.func.jacfwd(f, randomness="same")(T.arange(1.0, 4.0)).shape

    agree(program)


def test_outside_of_vmap_gradients_draw_as_ever():
    agree(lambda T: T.func.grad(lambda a: T.nn.functional.dropout(a).sum())(T.ones(20)))

"""Random tensors: generators, their states, and every sampler through the tensor interface."""

import copy
import pickle

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_autograd import agree, both

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def seeded(f):
    """The results of a program, and the next number of the stream, after a fixed seed."""

    def program(T):
        T.manual_seed(11)
        return f(T, T.tensor(X)), T.rand(())

    return program


NEW = {
    "rand": lambda T, x: T.rand(2, 3),
    "rand tuple": lambda T, x: T.rand((40,)),
    "rand size": lambda T, x: T.rand(size=(2,)),
    "rand list": lambda T, x: T.rand([2, 2], dtype=T.float64),
    "rand half": lambda T, x: T.rand(5, dtype=T.float16),
    "rand bfloat16": lambda T, x: T.rand(5, dtype=T.bfloat16),
    "rand complex": lambda T, x: T.rand(5, dtype=T.complex64),
    "rand grad": lambda T, x: T.rand(2, requires_grad=True),
    "rand empty": lambda T, x: T.rand(0, 3),
    "rand out": lambda T, x: T.rand(2, out=T.empty(2, dtype=T.float64)),
    "rand generator": lambda T, x: T.rand(2, generator=T.Generator().manual_seed(3)),
    "rand int": lambda T, x: T.rand(2, dtype=T.int64),
    "rand bool": lambda T, x: T.rand(2, dtype=T.bool),
    "rand negative": lambda T, x: T.rand(-1),
    "rand float": lambda T, x: T.rand(2.5),
    "randn": lambda T, x: T.randn(3, 7),
    "randn few": lambda T, x: T.randn(3, dtype=T.float64),
    "randn many": lambda T, x: T.randn(1000),
    "randn int": lambda T, x: T.randn(2, dtype=T.int64),
    "rand_like": lambda T, x: T.rand_like(x),
    "rand_like t": lambda T, x: T.rand_like(x.t()),
    "rand_like dtype": lambda T, x: T.rand_like(x.long(), dtype=T.float64),
    "rand_like int": lambda T, x: T.rand_like(x.long()),
    "rand_like grad": lambda T, x: T.rand_like(x, requires_grad=True),
    "randn_like": lambda T, x: T.randn_like(x),
    "randint": lambda T, x: T.randint(5, (4,)),
    "randint two": lambda T, x: T.randint(2, 5, (4,)),
    "randint kw": lambda T, x: T.randint(low=2, high=5, size=(4,)),
    "randint high": lambda T, x: T.randint(high=5, size=(4,)),
    "randint dtype": lambda T, x: T.randint(2, 5, (2, 2), dtype=T.float32),
    "randint bool": lambda T, x: T.randint(0, 2, (4,), dtype=T.bool),
    "randint tensor": lambda T, x: T.randint(T.tensor(5), (4,)),
    "randint generator": lambda T, x: T.randint(9, (4,), generator=T.Generator().manual_seed(3)),
    "randint equal": lambda T, x: T.randint(5, 5, (2,)),
    "randint less": lambda T, x: T.randint(5, 3, (2,)),
    "randint wide": lambda T, x: T.randint(0, 300, (2,), dtype=T.uint8),
    "randint grad": lambda T, x: T.randint(0, 2, (2,), requires_grad=True),
    "randint size": lambda T, x: T.randint(5, 2),
    "randint float": lambda T, x: T.randint(5.5, (2,)),
    "randint_like": lambda T, x: T.randint_like(x, 5),
    "randint_like two": lambda T, x: T.randint_like(x, 2, 5),
    "randperm": lambda T, x: T.randperm(9),
    "randperm float": lambda T, x: T.randperm(5, dtype=T.float32),
    "randperm out": lambda T, x: T.randperm(5, out=T.empty(2, dtype=T.int64)),
    "randperm negative": lambda T, x: T.randperm(-1),
    "randperm of float": lambda T, x: T.randperm(5.0),
    "randperm bool": lambda T, x: T.randperm(5, dtype=T.bool),
    "normal": lambda T, x: T.normal(0.0, 1.0, (2,)),
    "normal ints": lambda T, x: T.normal(0, 1, (20,)),
    "normal kw": lambda T, x: T.normal(mean=1.0, std=2.0, size=(2,)),
    "normal mean": lambda T, x: T.normal(x, 1.0),
    "normal mean only": lambda T, x: T.normal(x),
    "normal std": lambda T, x: T.normal(0.0, x),
    "normal both": lambda T, x: T.normal(x, x + 1),
    "normal spread": lambda T, x: T.normal(x, T.ones(2, 1)),
    "normal sizes": lambda T, x: T.normal(x, T.ones(2)),
    "normal wide": lambda T, x: T.normal(x.double(), x),
    "normal negative": lambda T, x: T.normal(0.0, -x),
    "normal negative std": lambda T, x: T.normal(0.0, -1.0, (2,)),
    "normal of int": lambda T, x: T.normal(x.long(), 1.0),
    "bernoulli": lambda T, x: T.bernoulli(x / 6),
    "bernoulli p": lambda T, x: T.bernoulli(x, 0.5),
    "bernoulli method": lambda T, x: (x / 6).bernoulli(),
    "bernoulli method p": lambda T, x: x.bernoulli(0.3),
    "bernoulli wrong": lambda T, x: T.bernoulli(x),
    "bernoulli int": lambda T, x: T.bernoulli(x.long()),
    "bernoulli out": lambda T, x: T.bernoulli(x / 6, out=T.empty(2, 3)),
    "multinomial": lambda T, x: T.multinomial(T.ones(3), 2),
    "multinomial again": lambda T, x: T.multinomial(x + 1, 4, True),
    "multinomial kw": lambda T, x: T.multinomial(x, num_samples=4, replacement=True),
    "multinomial method": lambda T, x: (x + 1).multinomial(2),
    "multinomial many": lambda T, x: T.multinomial(T.ones(3), 4),
    "multinomial out": lambda T, x: T.multinomial(T.ones(3), 2, out=T.empty(0, dtype=T.int64)),
    "multinomial float out": lambda T, x: T.multinomial(T.ones(3), 2, out=T.empty(0)),
    "poisson": lambda T, x: T.poisson(x),
    "poisson int": lambda T, x: T.poisson(x.long()),
    "poisson negative": lambda T, x: T.poisson(-x),
    "binomial": lambda T, x: T.binomial(x + 5, x / 10),
    "uniform_": lambda T, x: x.uniform_(),
    "uniform_ two": lambda T, x: x.uniform_(-1, 2),
    "uniform_ to": lambda T, x: x.uniform_(to=2),
    "uniform_ from": lambda T, x: x.uniform_(**{"from": 1, "to": 2}),
    "uniform_ t": lambda T, x: x.t().uniform_(),
    "uniform_ part": lambda T, x: (x[:, 1].uniform_(), x),
    "uniform_ order": lambda T, x: x.uniform_(1, 0),
    "uniform_ int": lambda T, x: x.long().uniform_(),
    "normal_": lambda T, x: x.normal_(1, 2),
    "normal_ kw": lambda T, x: x.normal_(mean=1, std=2),
    "normal_ many": lambda T, x: T.empty(20, 3).normal_(),
    "normal_ strided": lambda T, x: T.empty(40, 3)[:, 1].normal_(),
    "normal_ negative": lambda T, x: x.normal_(0, -1),
    "normal_ int": lambda T, x: x.long().normal_(),
    "exponential_": lambda T, x: x.exponential_(),
    "exponential_ kw": lambda T, x: x.exponential_(lambd=2),
    "exponential_ zero": lambda T, x: x.exponential_(0),
    "cauchy_": lambda T, x: x.cauchy_(median=1, sigma=2),
    "cauchy_ zero": lambda T, x: x.cauchy_(0, 0),
    "log_normal_": lambda T, x: x.log_normal_(),
    "log_normal_ kw": lambda T, x: x.log_normal_(mean=0.5, std=1),
    "log_normal_ negative": lambda T, x: x.log_normal_(0, -2),
    "geometric_": lambda T, x: x.geometric_(0.5),
    "geometric_ kw": lambda T, x: x.long().geometric_(p=0.5),
    "geometric_ zero": lambda T, x: x.geometric_(0),
    "geometric_ none": lambda T, x: x.geometric_(),
    "bernoulli_": lambda T, x: x.bernoulli_(),
    "bernoulli_ p": lambda T, x: x.bernoulli_(p=0.3),
    "bernoulli_ tensor": lambda T, x: x.bernoulli_(T.tensor([0.1, 0.5, 0.9])),
    "bernoulli_ wrong": lambda T, x: x.bernoulli_(2),
    "bernoulli_ int": lambda T, x: x.long().bernoulli_(0.5),
    "random_": lambda T, x: x.random_(),
    "random_ int": lambda T, x: x.long().random_(),
    "random_ to": lambda T, x: x.random_(5),
    "random_ two": lambda T, x: x.random_(2, 5),
    "random_ kw": lambda T, x: x.random_(**{"from": 2, "to": 5}),
    "random_ order": lambda T, x: x.random_(5, 2),
    "generator": lambda T, x: x.normal_(generator=T.Generator().manual_seed(7)),
}


@pytest.mark.parametrize("name", NEW)
def test_samplers(name):
    agree(seeded(NEW[name]))


GRADS = {
    "normal mean": lambda T, x: T.normal(x, 1.0),
    "normal std": lambda T, x: T.normal(0.0, x),
    "normal both": lambda T, x: T.normal(x, x),
    "bernoulli": lambda T, x: T.bernoulli(x / 6),
    "poisson": lambda T, x: T.poisson(x),
    "uniform_": lambda T, x: (x * 2).uniform_(),
    "bernoulli_": lambda T, x: (x * 2).bernoulli_(),
    "bernoulli_ tensor": lambda T, x: (x * 2).bernoulli_(T.tensor([0.1, 0.5, 0.9])),
    "normal_": lambda T, x: (x * 2).normal_(),
    "random_": lambda T, x: (x * 2).random_(),
    "random_ to": lambda T, x: (x * 2).random_(5),
    "random_ two": lambda T, x: (x * 2).random_(2, 5),
    "exponential_": lambda T, x: (x * 2).exponential_(),
    "geometric_": lambda T, x: (x * 2).geometric_(0.5),
    "cauchy_": lambda T, x: (x * 2).cauchy_(),
    "log_normal_": lambda T, x: (x * 2).log_normal_(),
    "leaf": lambda T, x: x.uniform_(),
    "view": lambda T, x: (x * 2)[0].uniform_(),
}


@pytest.mark.parametrize("name", GRADS)
def test_gradients_are_zero(name):
    def program(T):
        T.manual_seed(5)
        x = T.tensor(X, requires_grad=True)
        y = GRADS[name](T, x)
        (g,) = T.autograd.grad(y.sum(), x)
        return y, y.grad_fn.name(), g

    agree(program)


def test_versions_count():
    def program(T):
        x = T.zeros(3)
        for name in ("uniform_", "normal_", "random_", "bernoulli_"):
            getattr(x, name)()
        return x._version

    agree(program)


# -------------------------------------------------------------------------------------- generators
def test_generator():
    def program(T):
        g = T.Generator()
        found = [g.initial_seed(), g.manual_seed(3) is g, g.initial_seed(), str(g.device)]
        found += [T.rand(3, generator=g), g.get_state(), g.manual_seed(-1).initial_seed()]
        g.manual_seed(5)
        T.randn(3, generator=g)
        h = g.clone_state()
        k = pickle.loads(pickle.dumps(g))
        found += [T.rand(2, generator=each) for each in (g, h, k)]
        found += [type(g.seed()) is int, k.initial_seed()]
        found += [T.manual_seed(3.7).initial_seed(), T.manual_seed(T.tensor(4)).initial_seed()]
        state = T.get_rng_state()
        a = T.rand(2)
        T.set_rng_state(state)
        found += [a, T.rand(2), state, T.initial_seed(), g.set_state(state) is g]
        found += [T.default_generator.initial_seed(), T.rand(2, generator=T.default_generator)]
        return found

    agree(program)
    assert copy.deepcopy(ours.default_generator).get_state().shape == (5056,)


ERRORS = {
    "float seed": lambda T: T.Generator().manual_seed(3.0),
    "large seed": lambda T: T.Generator().manual_seed(2**64),
    "text": lambda T: T.manual_seed("a"),
    "large": lambda T: T.manual_seed(2**64),
    "float state": lambda T: T.Generator().set_state(T.ones(3)),
    "short state": lambda T: T.Generator().set_state(T.zeros(3, dtype=T.uint8)),
    "float rng state": lambda T: T.set_rng_state(T.ones(3)),
    "short rng state": lambda T: T.set_rng_state(T.zeros(3, dtype=T.uint8)),
    "device": lambda T: T.Generator("foo"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_generator_errors(name):
    agree(ERRORS[name])


def test_states_are_exchanged_with_pytorch():
    real.manual_seed(9)
    real.randn(5)
    ours.set_rng_state(ours.from_numpy(real.get_rng_state().numpy().copy()))
    same(ours.randn(7), real.randn(7))
    real.set_rng_state(real.from_numpy(ours.get_rng_state().numpy().copy()))
    same(ours.rand(7), real.rand(7))


def test_fork_rng():
    def program(T):
        T.manual_seed(2)
        with T.random.fork_rng():
            a = T.rand(2)
        with T.random.fork_rng(enabled=False):
            b = T.rand(2)
        return a, b, T.rand(2), T.random.initial_seed()

    agree(program)


def test_generator_must_be_one():
    mine, theirs = both(lambda T: T.rand(2, generator=1))
    assert "generator" in mine

"""``torch.nn.init`` beside PyTorch's: the same draws, the same words."""

import inspect

import numpy as np
import pytest
from oracle import ours, real
from program_checks import agree

DRAWN = {
    "uniform_": {"a": -2.0, "b": 3.0},
    "normal_": {"mean": 1.0, "std": 2.0},
    "trunc_normal_": {"mean": 0.1, "std": 0.5, "a": -0.6, "b": 0.7},
    "xavier_uniform_": {"gain": 1.5},
    "xavier_normal_": {"gain": 1.5},
    "kaiming_uniform_": {"a": 0.2, "mode": "fan_out"},
    "kaiming_normal_": {"nonlinearity": "relu"},
    "orthogonal_": {"gain": 2.0},
    "sparse_": {"sparsity": 0.4, "std": 0.3},
    "constant_": {"val": 3.5},
    "ones_": {},
    "zeros_": {},
    "eye_": {},
    "dirac_": {},
}
SHAPES = [(5, 3), (3, 5), (4, 4), (6, 4, 3), (6, 4, 3, 2), (6, 4, 3, 2, 2), (17, 31)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_values(name, shape):
    def program(T):
        found = []
        for dtype in (T.float32, T.float64):
            T.manual_seed(5)
            t = T.full(shape, 7.0, dtype=dtype, requires_grad=True)
            out = getattr(T.nn.init, name)(t, **DRAWN[name])
            found += [t, out is t, t._version > 0, T.rand(2)]
        return found

    agree(program, rtol=1e-5)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "kaiming_uniform_", "xavier_normal_",
                                  "trunc_normal_", "orthogonal_"])  # fmt: skip
def test_generators(name):
    def program(T):
        T.manual_seed(0)
        g = T.Generator().manual_seed(4)
        return getattr(T.nn.init, name)(T.zeros(4, 3), generator=g), T.rand(1)

    agree(program, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 3, 2)], ids=str)
def test_orthogonal_matrices_are_orthogonal(shape):
    q = ours.nn.init.orthogonal_(ours.zeros(shape, dtype=ours.float64))
    q = q._np.reshape(shape[0], -1)
    small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_dirac_of_groups(groups):
    agree(lambda T: T.nn.init.dirac_(T.full((6, 2, 3), 7.0), groups))


def strided(T):
    t = T.full((3, 4), 7.0).t()
    T.manual_seed(1)
    return T.nn.init.xavier_uniform_(t), T.nn.init.eye_(t), T.nn.init.orthogonal_(t.contiguous())


def views_of_a_parameter(T):
    p = T.nn.Parameter(T.zeros(4, 4))
    T.manual_seed(1)
    T.nn.init.kaiming_normal_(p[:2])
    return p, p.is_leaf


@pytest.mark.parametrize("program", [strided, views_of_a_parameter])
def test_memory_of_others(program):
    agree(program, rtol=1e-5)


WORDS = [
    "calculate_gain('foo')",
    "[calculate_gain(n) for n in 'linear conv1d sigmoid tanh relu selu leaky_relu'.split()]",
    "calculate_gain('conv_transpose3d')",
    "calculate_gain('conv4d')",
    "calculate_gain('leaky_relu', True)",
    "calculate_gain('leaky_relu', 0.3)",
    "calculate_gain('leaky_relu', 2)",
    "calculate_gain('leaky_relu', 'a')",
    "kaiming_uniform_(z(3))",
    "kaiming_uniform_(z(3, 0))",
    "kaiming_normal_(z(3, 0))",
    "kaiming_uniform_(z(3, 2), mode='x')",
    "kaiming_uniform_(z(3, 2), nonlinearity='foo')",
    "kaiming_uniform_(z(3, 2), mode='FAN_OUT').shape",
    "xavier_uniform_(z(3))",
    "xavier_uniform_(z(0, 3))",
    "orthogonal_(z(3))",
    "orthogonal_(z(0, 3))",
    "orthogonal_(z(3, 3).half())",
    "eye_(z(3))",
    "dirac_(z(3))",
    "dirac_(z(3, 2, 1), groups=2)",
    "sparse_(z(3), 0.1)",
    "trunc_normal_(z(3), mean=10)",
    "trunc_normal_(z(3), a=1, b=0)",
    "normal_(z(2), 0, -1)",
    "uniform_(z(2), 1, 0)",
    "constant_(z(2).long(), 3)",
    "_calculate_fan_in_and_fan_out(z(4, 3, 2, 5))",
    "_calculate_correct_fan(z(3, 2), 'fan_in')",
    "kaiming_uniform.__name__",
]


@pytest.mark.parametrize("text", WORDS)
def test_words(text):
    def program(T):
        T.manual_seed(0)
        return eval(text, {**vars(T.nn.init), "z": T.zeros})

    agree(program, rtol=1e-5)


OLD = {
    "uniform": (), "normal": (), "constant": (2.0,), "eye": (), "xavier_uniform": (),
    "xavier_normal": (), "kaiming_uniform": (), "kaiming_normal": (), "orthogonal": (),
    "sparse": (0.5,),
}  # fmt: skip


@pytest.mark.parametrize("name", [*OLD, "dirac"])
def test_old_names(name):
    def program(T):
        T.manual_seed(0)
        shape = (3, 2, 3) if name == "dirac" else (3, 2)
        return getattr(T.nn.init, name)(T.zeros(shape), *OLD.get(name, ()))

    agree(program, rtol=1e-5)


def test_all_names_are_there_with_their_arguments():
    assert set(ours.nn.init.__all__) == set(real.nn.init.__all__)
    for name in DRAWN:
        mine, theirs = (inspect.signature(getattr(T.nn.init, name)) for T in (ours, real))
        assert defaults(mine) == defaults(theirs), name


def defaults(signature):
    return [(p.name, p.default) for p in signature.parameters.values()]

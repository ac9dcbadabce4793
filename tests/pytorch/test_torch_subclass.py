"""Subclasses of Tensor, the override protocol, parameters and buffers, as PyTorch's."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_autograd import agree

from functorch_lite.torch import overrides
from functorch_lite.torch._object import parameter

X = np.arange(6.0).reshape(2, 3)


# -------------------------------------------------------------------------------------- subclasses
class Ours(ours.Tensor):
    pass


class Real(real.Tensor):
    pass


class OursInit(ours.Tensor):
    def __init__(self, *args):
        super().__init__()


class RealInit(real.Tensor):
    def __init__(self, *args):
        super().__init__()


SUBCLASS = {
    "add": lambda x: x + 1,
    "radd": lambda x: 1 + x,
    "mul": lambda x: x * x,
    "sum": lambda x: x.sum(),
    "item": lambda x: x[0],
    "none": lambda x: x[None],
    "t": lambda x: x.t(),
    "detach": lambda x: x.detach(),
    "unbind": lambda x: x.unbind()[0],
    "iter": lambda x: list(x)[0],
    "eq": lambda x: x == x,
    "inplace": lambda x: x.clone().add_(1),
    "uniform": lambda x: x.clone().uniform_() > 2,
    "zeros": lambda x: x.new_zeros(2),
    "float": lambda x: x.to(float) if False else x.double(),
}


@pytest.mark.parametrize("name", SUBCLASS)
def test_operations_keep_the_class(name):
    f = SUBCLASS[name]
    mine = f(ours.tensor(X).as_subclass(Ours))
    theirs = f(real.tensor(X).as_subclass(Real))
    assert type(mine) is Ours and type(theirs) is Real
    same(mine, theirs)


def test_making_subclasses():
    for mine, theirs in ((Ours([1, 2]), Real([1, 2])), (OursInit([1.0]), RealInit([1.0]))):
        same(mine, theirs)
        assert type(mine).__name__.startswith("Ours")
    x = ours.tensor(X, requires_grad=True)
    y = x.as_subclass(Ours)
    assert y.grad_fn.name() == "AliasBackward0"
    assert repr(y).startswith("Ours([[0., 1., 2.],\n      [3., 4., 5.]], dtype=torch.float64, grad")
    (y * y).sum().backward()
    assert (x.grad == 2 * x).all()
    made = ours.Tensor._make_subclass(Ours, x, True)
    assert type(made) is Ours and made.is_leaf and made.requires_grad
    assert made.data_ptr() == x.data_ptr()
    agree(lambda T: T.ones(1).as_subclass(int))
    assert type(y.as_subclass(ours.Tensor)) is ours.Tensor


def test_subclasses_are_copied():
    x = ours.tensor(X).as_subclass(Ours)
    x.note = [1]
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(made) is Ours and made.note == [1] and (made == x).all()
    assert copy.copy(x).note is x.note and copy.deepcopy(x).note is not x.note


def test_torch_function():
    seen = []

    class Logged(ours.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, len(args), kwargs))
            return super().__torch_function__(func, types, args, kwargs)

    x = ours.ones(2).as_subclass(Logged)
    seen.clear()
    y = ours.add(x, 1, alpha=2)
    assert type(y) is Logged and seen == [("add", 2, {"alpha": 2})]
    assert overrides.has_torch_function([y]) and overrides.has_torch_function_unary(y)
    assert not overrides.has_torch_function([ours.ones(1), 3])
    assert overrides.is_tensor_like(y) and not overrides.is_tensor_like(3)
    assert overrides.handle_torch_function(ours.neg, (x,), x).tolist() == [-1, -1]


# --------------------------------------------------------------------------------------- parameters
def classes(T):
    return parameter if T is ours else real.nn


def test_parameter():
    def program(T):
        P = classes(T).Parameter
        x = T.tensor(X)
        p = P(x)
        (p * p).sum().backward()
        q = copy.deepcopy(p)
        r = pickle.loads(pickle.dumps(p))
        return (
            repr(p), repr(p[0]), p.data_ptr() == x.data_ptr(), type(p * 2) is T.Tensor,
            type(p.data) is T.Tensor, type(p.detach()) is T.Tensor, p.grad, q, q.grad is None,
            type(q) is P, r, type(r) is P, repr(P()), P(x, requires_grad=False), isinstance(x, P),
            repr(type(p)), f"{P(T.tensor(2.0))}", P(p * 2).is_leaf, str(P(x, False)),
        )  # fmt: skip

    agree(program)
    agree(lambda T: classes(T).Parameter(T.arange(3)))
    agree(lambda T: classes(T).Parameter(T.arange(3), requires_grad=False))


def test_parameter_of_a_subclass():
    p = parameter.Parameter(ours.tensor(X).as_subclass(Ours))
    assert type(p) is Ours and isinstance(p, parameter.Parameter) and p.requires_grad


def test_buffer():
    def program(T):
        B = classes(T).Buffer
        x = T.tensor(X)
        b = B(x, persistent=False)
        return b, type(b) is T.Tensor, isinstance(b, B), isinstance(x, B), b.persistent, B()

    agree(program)


def test_parameters_in_the_graph():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = parameter.Parameter(ours.tensor([1.0, 2.0]))
        for _ in range(2):
            (p * p).sum().backward()
        with ours.no_grad():
            p.sub_(p.grad)
        p.grad.zero_()
    assert p.tolist() == [-3.0, -6.0] and p.is_leaf and p.grad.tolist() == [0.0, 0.0]

"""Tensors of this package and of PyTorch in one expression: refused, with the way to convert."""

import operator

import numpy as np
import pytest
from oracle import ours, real

HERE = "got a tensor of PyTorch where functorch_lite.torch wants one of its own"
THERE = "PyTorch's function got a tensor of functorch_lite.torch"
F = ours.nn.functional

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.matmul, operator.eq, operator.ne, operator.lt, operator.ge,
    operator.iadd, operator.imul,
]  # fmt: skip
BITS = [operator.and_, operator.or_, operator.lshift]


@pytest.fixture(params=[False, True], ids=["plain", "with subclasses"])
def pair(request):
    """A tensor of each kind; subclasses that see operations change how these are called."""
    known = ours._core.public.overrides.known
    ours._core.public.overrides.known = request.param
    yield ours.ones(2, 2), real.ones(2, 2)
    ours._core.public.overrides.known = known


@pytest.mark.parametrize("f", OPERATORS)
def test_operators_in_both_orders(f, pair):
    a, b = pair
    for x, y in ((a, b), (b, a)):
        with pytest.raises(TypeError, match=HERE) as caught:
            f(x, y)
        assert "functorch_lite.torch.from_dlpack(tensor.detach())" in str(caught.value)


@pytest.mark.parametrize("f", BITS)
def test_operators_of_integers(f, pair):
    a, b = (t.to(T.int64) for t, T in zip(pair, (ours, real), strict=True))
    for x, y in ((a, b), (b, a)):
        with pytest.raises(TypeError, match=HERE):
            f(x, y)


OUR_CALLS = {
    "add": lambda a, b: ours.add(a, b),
    "sin": lambda a, b: ours.sin(b),
    "allclose": lambda a, b: ours.allclose(a, b),
    "equal": lambda a, b: ours.equal(a, b),
    "cat": lambda a, b: ours.cat([a, b]),
    "stack": lambda a, b: ours.stack((b, b)),
    "where": lambda a, b: ours.where(a > 0, a, b),
    "add_": lambda a, b: a.add_(b),
    "copy_": lambda a, b: a.copy_(b),
    "to": lambda a, b: a.to(b),
    "relu": lambda a, b: F.relu(b),
    "mse_loss": lambda a, b: F.mse_loss(a, target=b),
    "linear": lambda a, b: ours.nn.Linear(2, 2)(b),
    "Parameter": lambda a, b: ours.nn.Parameter(b),
    "setitem": lambda a, b: a.__setitem__(0, b[0]),
    "getitem": lambda a, b: a[b.long()],
    "in": lambda a, b: a in [b],
    "assert_close": lambda a, b: ours.testing.assert_close(a, b),
}


@pytest.mark.parametrize("name", OUR_CALLS)
def test_our_functions(name, pair):
    with pytest.raises(TypeError, match=HERE):
        OUR_CALLS[name](*pair)


THEIR_CALLS = {
    "add": lambda a, b: real.add(b, a),
    "sin": lambda a, b: real.sin(a),
    "allclose": lambda a, b: real.allclose(a, b),
    "cat": lambda a, b: real.cat([b, a]),
    "add_": lambda a, b: b.add_(a),
    "linear": lambda a, b: real.nn.Linear(2, 2)(a),
    "getitem": lambda a, b: b[a.long()],
    "setitem": lambda a, b: b.__setitem__(0, a[0]),
    "norm": lambda a, b: real.norm(a),
}


@pytest.mark.parametrize("name", THEIR_CALLS)
def test_pytorchs_functions(name, pair):
    with pytest.raises(TypeError, match=THERE) as caught:
        THEIR_CALLS[name](*pair)
    assert "torch.from_dlpack(tensor.detach())" in str(caught.value)


def test_a_state_dict_of_pytorch_says_what_to_do():
    with pytest.raises(RuntimeError, match=HERE):
        ours.nn.Linear(2, 2).load_state_dict(real.nn.Linear(2, 2).state_dict())


def test_what_does_not_mix_them_works(pair):
    a, b = pair
    assert not ours.is_tensor(b) and not real.is_tensor(a)
    assert np.add(a, b).tolist() == [[2, 2], [2, 2]]
    assert ours.tensor(b).tolist() == b.tolist() and real.tensor(a).tolist() == a.tolist()
    assert ours.as_tensor(b).data_ptr() == b.data_ptr()
    assert (ours.from_dlpack(b) + a).tolist() == (real.from_dlpack(a) + b).tolist()
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+"):
        a + "text"


def test_subclasses_on_both_sides():
    class Mine(ours.Tensor):
        pass

    class Theirs(real.Tensor):
        pass

    a, b = ours.ones(2).as_subclass(Mine), real.ones(2).as_subclass(Theirs)
    for call in (lambda: a + b, lambda: b + a, lambda: ours.add(a, b)):
        with pytest.raises(TypeError, match=HERE):
            call()
    with pytest.raises(TypeError, match=THERE):
        real.add(b, a)
    assert type(a + 1) is Mine and type(b + 1) is Theirs

"""Checkpoints of activations: gradients, random numbers, memory and errors, as PyTorch's."""

import gc
import weakref

import pytest
from oracle import ours
from test_torch_autograd import agree

import functorch_lite.torch.utils.checkpoint as our_checkpoint

real_checkpoint = pytest.importorskip("torch.utils.checkpoint")


def checkpoints(T):
    return our_checkpoint if T is ours else real_checkpoint


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant):
    def program(T):
        calls = []
        w = T.tensor([0.5, 2.0], requires_grad=True)

        def f(a, b):
            calls.append(1)
            return (a * a * w).sin() * b, a + 1

        x = T.tensor([1.0, 3.0], requires_grad=True)
        y, z = checkpoints(T).checkpoint(f, x, 2.0, use_reentrant=reentrant)
        (y.sum() + (z * z).sum()).backward()
        return y, z, x.grad, w.grad, len(calls)

    agree(program)


def test_checkpoint_keeps_random_numbers():
    for reentrant in (True, False):
        ours.manual_seed(0)
        x = ours.ones(4, requires_grad=True)
        y = our_checkpoint.checkpoint(lambda a: a * ours.rand(4), x, use_reentrant=reentrant)
        state = ours.get_rng_state()
        y.sum().backward()
        assert (x.grad == y.detach()).all()
        assert (state == ours.get_rng_state()).all()


def test_checkpoint_without_reentry_gives_gradients():
    def program(T):
        x = T.tensor([1.0, 3.0], requires_grad=True)
        y = checkpoints(T).checkpoint(lambda a, b=1: (a * a).sin() * b, x, use_reentrant=False, b=3)
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        return y, g, T.autograd.grad(g.sum(), x)

    agree(program)
    agree(lambda T: T.autograd.grad(
        checkpoints(T).checkpoint(lambda a: a * a, T.ones(2, requires_grad=True),
                                  use_reentrant=True).sum(), []))  # fmt: skip


def test_checkpoint_errors():
    def program(T, **options):
        x = T.tensor([1.0, 3.0], requires_grad=True)
        y = checkpoints(T).checkpoint(lambda a, b=1: (a * a).sin() * b, x, **options)
        return T.autograd.grad(y.sum(), x)

    agree(lambda T: program(T, use_reentrant=True))
    agree(lambda T: program(T, use_reentrant=True, b=3))
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        our_checkpoint.checkpoint(lambda a: a, ours.ones(2, requires_grad=True))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_sequential(reentrant):
    def program(T):
        x = T.tensor([1.0, 3.0], requires_grad=True)
        steps = [lambda a: a.sin(), lambda a: a * a, lambda a: a.cos()]
        y = checkpoints(T).checkpoint_sequential(steps, 2, x, use_reentrant=reentrant)
        y.sum().backward()
        return y, x.grad

    agree(program)


@pytest.mark.parametrize("name", ["softmax", "cumsum", "tanh", "exp", "logsumexp"])
def test_checkpoints_of_all_kinds_of_nodes(name):
    def program(T, wrap):
        x = T.tensor([[1.0, 3.0], [2.0, 0.5]], requires_grad=True)
        w = T.tensor([2.0, 3.0], requires_grad=True)

        def f(a):
            b = a * w
            return (getattr(b, name)() if name in ("tanh", "exp") else getattr(b, name)(1)) * w

        y = checkpoints(T).checkpoint(f, x, use_reentrant=False) if wrap else f(x)
        (g,) = T.autograd.grad((y * y).sum(), x, create_graph=True)
        g.pow(2).sum().backward()
        return y, g, x.grad, w.grad

    for wrap in (True, False):
        agree(lambda T, wrap=wrap: program(T, wrap), rtol=1e-4)


def test_checkpoints_free_memory():
    alive = []

    def f(a):
        b = a.softmax(0)
        alive.append(weakref.ref(b))
        c = b.exp()
        alive.append(weakref.ref(c))
        return c.logsumexp(0)

    x = ours.ones(4, requires_grad=True)
    gc.disable()
    try:
        y = our_checkpoint.checkpoint(f, x, use_reentrant=False)
        assert [r() for r in alive] == [None, None]
        y.backward()
    finally:
        gc.enable()
    assert len(alive) == 4 and x.grad is not None

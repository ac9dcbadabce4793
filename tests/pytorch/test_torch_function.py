"""User-defined operations: their gradients, what they save, their errors, as PyTorch's."""

import gc
import weakref

import numpy as np
import pytest
from oracle import ours
from test_torch_autograd import agree, both

X = np.arange(6.0).reshape(2, 3)


def functions(T):
    """User-defined operations by name."""
    base = T.autograd.Function

    class Square(base):
        @staticmethod
        def forward(ctx, x, k=2):
            ctx.save_for_backward(x)
            ctx.k = k
            return x * x * k

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x * ctx.k, None

    class Short(Square):
        @staticmethod
        def backward(ctx, g):
            return g

    class Long(Square):
        @staticmethod
        def backward(ctx, g):
            return g, None, None, None

    class Stray(Square):
        @staticmethod
        def backward(ctx, g):
            return g, g

    class Number(Square):
        @staticmethod
        def backward(ctx, g):
            return 3.0, None

    class Shape(Square):
        @staticmethod
        def backward(ctx, g):
            return g.new_zeros(5), None

    class Exp(base):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y, None, x)
            return y

        @staticmethod
        def backward(ctx, g):
            y, nothing, x = ctx.saved_tensors
            assert nothing is None
            return g * y

    class SaveNumber(base):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 2

    class Same(base):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    class Plain(base):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Stale(base):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.clone()

    class Inplace(base):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    class View(base):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return g.view(2, 3)

    class Once(base):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @T.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    class Several(base):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 5, x * 3

        @staticmethod
        def backward(ctx, a, number, b):
            assert number is None
            return 2 * a + 3 * b

    class Sparse(base):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert b is None
            return 2 * a

    class Mixed(base):
        @staticmethod
        def forward(ctx, x):
            a, b = x * 2, x * 3
            ctx.mark_non_differentiable(b)
            return a, b, (x * 2).long()

        @staticmethod
        def backward(ctx, a, b, c):
            return 2 * a + b

    class Apart(base):
        @staticmethod
        def forward(x, k=2):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    class Vjp(base):
        @staticmethod
        def forward(ctx, x):
            return x * 4

        @staticmethod
        def vjp(ctx, g):
            return g * 4

    class Listed(base):
        @staticmethod
        def forward(ctx, x):
            return [x * 2]

    class Pair(base):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            ctx.needs = ctx.needs_input_grad
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return (g * y if ctx.needs[0] else None), (g * x if ctx.needs[1] else None)

    return {k: v for k, v in locals().items() if isinstance(v, type)} | {"Base": base}


def once(T, name, *args, wrap=None, **kwargs):
    """Apply a function to a leaf, and go back through it twice."""
    x = T.tensor(X, requires_grad=True)
    y = functions(T)[name].apply(x if wrap is None else wrap(x), *args, **kwargs)
    outs = [t for t in (y if isinstance(y, (tuple, list)) else (y,)) if isinstance(t, T.Tensor)]
    first = next((o for o in outs if o.requires_grad), None)
    name = None if first is None else first.grad_fn.name()
    if first is None:
        return y, name
    (g,) = T.autograd.grad((first * first).sum(), x, create_graph=True)
    again = T.autograd.grad(g.sum(), x, allow_unused=True)[0] if g.requires_grad else None
    return y, name, g, again


@pytest.mark.parametrize(
    "name", "Square Long Exp Same Inplace View Once Several Sparse Mixed Apart Vjp Listed Plain"
            " Short Stray Number Shape SaveNumber Stale Base".split())  # fmt: skip
@pytest.mark.parametrize("deeper", [False, True])
def test_apply(name, deeper):
    agree(lambda T: once(T, name, wrap=(lambda x: x * 2) if deeper else None))


@pytest.mark.parametrize("name", ["Square", "Apart", "Short", "Stray"])
def test_arguments(name):
    agree(lambda T: once(T, name, 3))
    agree(lambda T: once(T, name, k=3))


@pytest.mark.parametrize("name", ["Same", "View", "Inplace", "Mixed", "Listed", "Apart"])
def test_apply_outside_of_the_graph(name):
    def program(T):
        x = T.tensor(X)
        y = functions(T)[name].apply(x)
        with T.no_grad():
            z = functions(T)[name].apply(T.tensor(X, requires_grad=True) * 1)
        return y is x, y, z

    agree(program)


def test_needs_input_grad():
    def program(T, a, b):
        x, y = T.tensor(X, requires_grad=a), T.tensor(X + 1, requires_grad=b)
        z = functions(T)["Pair"].apply(x, y)
        if z.requires_grad:
            z.sum().backward()
        return x.grad, y.grad, z.grad_fn and list(z.grad_fn.needs_input_grad)

    for a in (False, True):
        for b in (False, True):
            agree(lambda T, a=a, b=b: program(T, a, b))


def test_inplace_on_views_and_leaves():
    def program(T, pick):
        x = T.tensor(X, requires_grad=True)
        y = x * 2
        part = functions(T)["Inplace"].apply(pick(x, y))
        (y * y).sum().backward()
        return part, y, x.grad, part.grad_fn.name()

    agree(lambda T: program(T, lambda x, y: y[0]))
    agree(lambda T: program(T, lambda x, y: y))
    agree(lambda T: program(T, lambda x, y: x))


@pytest.mark.parametrize("name", ["Same", "View"])
def test_views_refuse_writes(name):
    def program(T):
        x = T.tensor(X, requires_grad=True)
        functions(T)[name].apply(x * 2).add_(1)

    mine, theirs = both(program)
    assert mine.partition(" is a view")[2] == theirs.partition(" is a view")[2]


def test_saved_tensors_are_checked_and_freed():
    def written(T):
        y = functions(T)["Exp"].apply(T.tensor(X, requires_grad=True))
        y.add_(1)
        y.sum().backward()

    def twice(T):
        y = functions(T)["Exp"].apply(T.tensor(X, requires_grad=True))
        y.sum().backward()
        y.sum().backward()

    def late(T):
        y = functions(T)["Exp"].apply(T.tensor(X, requires_grad=True))
        y.sum().backward()
        return y.grad_fn.saved_tensors

    def kept(T):
        x = T.tensor(X, requires_grad=True)
        y = functions(T)["Exp"].apply(x)
        a, b, c = y.grad_fn.saved_tensors
        return a, b, c is x, a.grad_fn is y.grad_fn, y.grad_fn.next_functions[0][1]

    def plain(T):
        y = functions(T)["Same"].apply(T.tensor(X, requires_grad=True))
        y.sum().backward()
        y.sum().backward()

    agree(twice)
    agree(late)
    agree(kept)
    agree(plain)
    mine, theirs = both(written)
    assert "modified by an inplace operation" in mine and "modified by an inplace" in theirs


def test_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = ours.tensor(X, requires_grad=True)
        y = functions(ours)["Exp"].apply(x)
        node = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_gradcheck_of_functions():
    x = ours.tensor(X, requires_grad=True)
    for name in ("Square", "Exp", "Several"):
        f = functions(ours)[name].apply
        assert ours.autograd.gradcheck(f, x)
        assert ours.autograd.gradgradcheck(f, x)


def test_old_ways():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        made = functions(ours)["Square"]()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        made(ours.ones(2))
    agree(lambda T: T.autograd.Variable(T.tensor(X), requires_grad=True))
    agree(lambda T: isinstance(T.ones(1), T.autograd.Variable))

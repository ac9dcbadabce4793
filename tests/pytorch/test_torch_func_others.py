"""Transforms with user-defined operations, compiled functions and forward mode."""

from __future__ import annotations

import pytest
from func_cases import agree, both, numbers
from oracle import ours


# --------------------------------------------------------------------------- user's operations
def operations(T):
    class Plain(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    class Apart(T.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * g  # not the derivative, so that it shows which one is used

    class Generated(Apart):
        generate_vmap_rule = True

    class Ruled(Apart):
        seen = []

        @staticmethod
        def vmap(info, in_dims, x):
            Ruled.seen.append((info, in_dims, tuple(x.shape)))
            return Ruled.apply(x.movedim(in_dims[0], 1)), 1

    class Both(Ruled):
        generate_vmap_rule = True

    return {c.__name__: c for c in (Plain, Apart, Generated, Ruled, Both)}


USES = {
    "vmap": lambda T, f: lambda x: T.vmap(f)(x),
    "grad": lambda T, f: T.func.grad(lambda x: f(x).sum()),
    "vmap of grad": lambda T, f: T.vmap(T.func.grad(lambda x: f(x).sum())),
    "grad of vmap": lambda T, f: T.func.grad(lambda x: (T.vmap(f)(x) ** 2).sum()),
    "grad of grad": lambda T, f: T.func.grad(
        lambda y: T.func.grad(lambda x: (f(x) ** 2).sum())(y).sum()),
    "jacrev": lambda T, f: T.func.jacrev(f),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["Plain", "Apart", "Generated", "Ruled", "Both"])
def test_user_defined_operations(name, use):
    def program(T):
        operation = operations(T)[name]
        found = USES[use](T, operation.apply)(T.arange(6.0).reshape(3, 2))
        return found, [tuple(s[0]) + s[1:] for s in getattr(operation, "seen", [])][:1]

    agree(program)


# ----------------------------------------------------------------------------------- compiling
def test_transforms_in_compiled_functions():
    def program(T):
        x = numbers(T, (3, 2))
        compiled = T.compile(lambda v: T.func.grad(lambda a: a.sin().sum())(v) * 2, backend="eager")
        mapped = T.compile(T.vmap(lambda v: v.sin().sum()), backend="eager")
        return compiled(x), compiled(x + 1), mapped(x)

    mine = program(ours)
    x = numbers(ours, (3, 2))
    assert ours.allclose(mine[0], x.cos() * 2)
    assert ours.allclose(mine[1], (x + 1).cos() * 2)
    assert ours.allclose(mine[2], x.sin().sum(1))


def test_compiled_functions_in_transforms():
    x = numbers(ours, (3, 2))
    f = ours.compile(lambda v: (v.sin() * v).sum())
    f(x)
    g = lambda v: (v.sin() * v).sum()  # noqa: E731
    assert ours.allclose(ours.vmap(f)(x), ours.vmap(g)(x))
    assert ours.allclose(ours.vmap(ours.func.grad(f))(x), ours.vmap(ours.func.grad(g))(x))
    assert ours.allclose(ours.func.grad(f)(x), ours.func.grad(g)(x))


# -------------------------------------------------------------------------------- forward mode
def test_tangents_go_through_operations():
    def program(T):
        fw = T.autograd.forward_ad
        x, v = numbers(T, (4,), (4,))
        with fw.dual_level():
            dual = fw.make_dual(x, v)
            y = dual.sin() * 3
            z = dual * 1
            z.mul_(3)
            z[0] = dual[1]
            seen = [fw.unpack_dual(t) for t in (y, dual, z, y)]
            plain = fw.unpack_dual(x)
        return [tuple(s) for s in seen], plain.tangent, type(plain).__name__

    agree(program)


def test_tangents_can_be_differentiated():
    def program(T):
        fw = T.autograd.forward_ad
        x, v, w = numbers(T, (4,), (4,), (4,))
        w.requires_grad_()
        with fw.dual_level():
            primal, tangent = fw.unpack_dual((fw.make_dual(x, v) * w) ** 2)
            first = T.autograd.grad(tangent.sum(), w, retain_graph=True)
            return first, T.autograd.grad(primal.sum(), w)

    agree(program)


def test_tangents_of_parameters():
    def program(T):
        fw = T.autograd.forward_ad
        layer = T.nn.Linear(3, 2)
        params = {k: T.full_like(p, 0.5).detach() for k, p in layer.named_parameters()}
        with fw.dual_level():
            duals = {k: fw.make_dual(p, T.ones_like(p)) for k, p in params.items()}
            out = T.func.functional_call(layer, duals, numbers(T, (3,)))
            return fw.unpack_dual(out).tangent

    agree(program)


REFUSED = {
    "no level": lambda T, fw: fw.make_dual(T.ones(2), T.ones(2)),
    "integers": lambda T, fw: in_level(fw, lambda: fw.make_dual(T.arange(2), T.ones(2))),
    "sizes": lambda T, fw: in_level(fw, lambda: fw.make_dual(T.ones(2), T.ones(3))),
    "nested": lambda T, fw: in_level(fw, lambda: in_level(fw, lambda: 1)),
}


def in_level(fw, f):
    with fw.dual_level():
        return f()


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_of_forward_mode_are_pytorchs(name):
    mine, theirs = both(lambda T: REFUSED[name](T, T.autograd.forward_ad))
    assert isinstance(theirs[0], str) and mine == theirs


def test_without_a_level_there_are_no_tangents():
    agree(lambda T: T.autograd.forward_ad.unpack_dual(T.ones(2)).tangent)


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_older_functions_of_functions(strategy):
    def program(T):
        F = T.autograd.functional
        x, v = numbers(T, (3,), (3,))
        f = lambda a: (a**2).sum() * a  # noqa: E731
        return (
            F.jacobian(f, x, vectorize=True, strategy=strategy), F.jvp(f, x, v),
            F.hessian(lambda a: (a**3).sum(), x, vectorize=True),
        )  # fmt: skip

    agree(program)


# ------------------------------------------------------------------------------- distributions
def test_checks_of_distributions_hold_in_all_examples():
    def program(T):
        x = numbers(T, (3, 2))
        f = lambda a: T.distributions.Normal(a, a.exp()).log_prob(T.zeros(2)).sum()  # noqa: E731
        return T.vmap(f)(x), T.vmap(T.func.grad(f))(x)

    agree(program)
    with pytest.raises(ValueError, match="to satisfy the constraint"):
        ours.vmap(lambda a: ours.distributions.Normal(a, -a.exp()).mean)(numbers(ours, (3, 2)))
    with pytest.raises(RuntimeError, match="data-dependent control flow"):
        ours.vmap(lambda a: ours.distributions.Normal(a, a).mean)(ours.tensor([[1.0], [-1.0]]))


def test_checkpoints_inside():
    def f(a):
        inner = lambda b: (b.sin() * b).sum()  # noqa: E731
        return ours.utils.checkpoint.checkpoint(inner, a, use_reentrant=False)

    x = numbers(ours, (3, 2))
    expected = ours.vmap(ours.func.grad(lambda b: (b.sin() * b).sum()))(x)
    assert ours.allclose(ours.vmap(ours.func.grad(f))(x), expected)

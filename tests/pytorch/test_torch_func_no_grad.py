"""Forward mode where recording is switched off, as PyTorch's: tangents go on, gradients do not."""

from __future__ import annotations

import threading

import pytest
from func_cases import agree, numbers
from oracle import ours


def _mask(T, x):
    """A function of a function of x that is not differentiated in reverse."""
    with T.no_grad():
        weights = (x * x).softmax(-1)
    return (weights * x.sin()).sum()


FUNCTIONS = {
    "all": lambda T, x: T.no_grad()(T.sin)(x) * 2,
    "part": _mask,
    "inference": lambda T, x: T.inference_mode()(T.cos)(x).clone(),
    "on again": lambda T, x: T.no_grad()(T.enable_grad()(lambda a: a * a.exp()))(x),
    "view": lambda T, x: T.no_grad()(lambda a: a[1:].reshape(-1, 1) * a.t().mean())(x),
    "several": lambda T, x: T.no_grad()(lambda a: T.stack(T.sort(a * 3, descending=True)[:1]))(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents_go_on(name):
    f = FUNCTIONS[name]

    def program(T):
        x, v = numbers(T, (4,), (4,), seed=3)
        g = lambda a: f(T, a)  # noqa: E731
        value, tangent = T.func.jvp(g, (x,), (v,))
        pushed = T.func.linearize(g, x)[1](v)
        return value, tangent, pushed, T.func.jacfwd(g)(x), T.func.jacrev(g)(x)

    agree(program)


@pytest.mark.parametrize("name", ["part", "on again"])
def test_second_derivatives(name):
    def program(T):
        x, v = numbers(T, (4,), (4,), seed=4)
        rows = T.stack([x, v])
        g = lambda a: FUNCTIONS[name](T, a).sum()  # noqa: E731
        F = T.func
        return (
            F.jvp(F.grad(g), (x,), (v,)), F.hessian(g)(x), F.jacfwd(F.jacfwd(g))(x),
            F.grad(lambda a: F.jvp(g, (a,), (v,))[1])(x), F.jacrev(F.jacfwd(g))(x),
            F.vmap(F.jacfwd(g))(rows), F.jvp(F.vmap(g), (rows,), (rows * 2,)),
        )  # fmt: skip

    agree(program)


def test_dual_tensors():
    def program(T):
        A = T.autograd.forward_ad
        x, v, w = numbers(T, (3,), (3,), (3,), seed=5)
        w.requires_grad_()
        found = []
        with A.dual_level():
            d = A.make_dual(x, v)
            with T.no_grad():
                a = d.sin() * w
                b = a.clone()
                b.mul_(d)
                b[0] = d[1] * 2
                c = T.zeros(3)
                c.copy_(d.exp())
                plain = w * 2
            for t in (a, b, c, d.sin() * w, a + w):
                found += [A.unpack_dual(t).primal.detach(), A.unpack_dual(t).tangent.detach()]
            found += [plain, A.unpack_dual(plain).tangent is None]
            (d.tanh() * w + a).sum().backward()
            found.append(w.grad)
        with T.no_grad(), A.dual_level():
            d = A.make_dual(x, v)
            found.append(A.unpack_dual(d * w).tangent)
        return found

    agree(program)


def test_tangents_have_no_graph_where_nothing_requires_a_gradient():
    def program(T):
        A = T.autograd.forward_ad
        x, v, w = numbers(T, (3,), (3,), (3,), seed=6)
        w.requires_grad_()
        with A.dual_level():
            d = A.make_dual(x, v)
            return A.unpack_dual((d**3).sin()).tangent, A.unpack_dual((d**3 * w).sin()).tangent

    agree(program)


def test_statistics_that_a_module_holds_get_no_tangents():
    bn = ours.nn.BatchNorm1d(3)
    ours.func.jvp(bn, (ours.ones(2, 3),), (ours.ones(2, 3),))
    assert not bn.running_mean.requires_grad and bn.running_mean.grad_fn is None


def test_functions_of_the_user():
    def program(T):
        class Cube(T.autograd.Function):
            @staticmethod
            def forward(x):
                return x * x * x

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 3 * x * x

            @staticmethod
            def jvp(ctx, t):
                (x,) = ctx.saved_tensors
                return t * 3 * x * x

        x, v = numbers(T, (3,), (3,), seed=8)
        return T.func.jvp(T.no_grad()(Cube.apply), (x,), (v,)), T.func.jvp(Cube.apply, (x,), (v,))

    agree(program)


def test_nothing_is_watched_afterwards():
    from functorch_lite.torch._core.grad_mode import mode

    with pytest.raises(ZeroDivisionError):
        ours.func.jvp(lambda x: 1 // 0, (ours.ones(2),), (ours.ones(2),))
    assert mode.forward is None
    assert not mode.pushing


def _cubes(x):
    return (x**3).sum()


TRANSFORMS = {
    "grad": lambda T, x: T.func.grad(_cubes)(x),
    "grad_and_value": lambda T, x: T.func.grad_and_value(_cubes)(x),
    "vjp": lambda T, x: T.func.vjp(T.sin, x)[1](T.ones(3))[0],
    "jvp": lambda T, x: T.func.jvp(T.sin, (x,), (T.ones(3),)),
    "closure": lambda T, x: T.func.grad(lambda a: (a * a * x).sum())(T.ones(3)),
    "vmap": lambda T, x: T.vmap(lambda a: a.sin() * x.sum())(x),
    "vmap of a closure": lambda T, x: T.vmap(lambda a: T.dot(x, x) * a)(T.ones(2)),
    "jacrev": lambda T, x: T.func.jacrev(T.sin)(x),
    "jacfwd": lambda T, x: T.func.jacfwd(lambda a: a * a * x)(x),
    "hessian": lambda T, x: T.func.hessian(_cubes)(x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_within(name):
    def program(T):
        x, v = numbers(T, (3,), (3,), seed=9)
        f = lambda a: T.no_grad()(TRANSFORMS[name])(T, a)  # noqa: E731
        return T.func.jvp(f, (x,), (v,)), T.func.jacrev(f)(x)

    agree(program)


def test_gradients_of_tangents_of_gradients():
    def program(T):
        F = T.func
        x, v = numbers(T, (3,), (3,), seed=10)
        f = lambda a: (T.no_grad()(F.grad(_cubes))(a) * a).sum()  # noqa: E731
        return F.jvp(F.grad(f), (x,), (v,)), F.grad(lambda a: F.jvp(f, (a,), (v,))[1])(x)

    agree(program)


def test_writes_through_views():
    def program(T):
        def f(a):
            b = a * 2
            w = b[1:]
            with T.no_grad():
                w.mul_(a[:2])
                b[:1].copy_(a[2:])
                c = a.clone()
                c[0].mul_(a[1])
                c.view(-1)[1:].add_(a[:2])
                c.view(3, 1).squeeze(1).sin_()
                d = T.ones(3)
                e = d[1:]
                e.mul_(a[:2])
            return b, w, c, d, e

        x, v = numbers(T, (3,), (3,), seed=11)
        return T.func.jvp(f, (x,), (v,))

    agree(program)


def test_writes_change_no_gradient():
    def program(T):
        def f(a):
            b, c = a * 2, a * 3
            with T.no_grad():
                b.mul_(a)
                c[0].mul_(a[1])
            return (b + c).sum()

        F = T.func
        x, v = numbers(T, (3,), (3,), seed=12)
        both = F.grad(lambda a: F.jvp(f, (a,), (v,))[0])(x)
        return F.jvp(f, (x,), (v,)), both, F.jvp(F.grad(f), (x,), (v,))

    agree(program)


def test_gradients_of_dual_tensors():
    def program(T):
        A = T.autograd.forward_ad
        x, v = numbers(T, (3,), (3,), seed=13)
        with A.dual_level():
            d = A.make_dual(x, v)
            found = [T.func.grad(_cubes)(d), T.no_grad()(T.func.grad(_cubes))(d)]
            return [A.unpack_dual(t).tangent for t in found]

    agree(program)


def test_results_require_no_gradient():
    def program(T):
        x, v = numbers(T, (3,), (3,), seed=14)
        x.requires_grad_()
        return T.func.jvp(T.no_grad()(T.sin), (x,), (v,))

    agree(program)


def test_a_level_may_end_in_another_thread():
    from functorch_lite.torch._core.public import overrides

    A = ours.autograd.forward_ad
    known = overrides.known
    A.enter_dual_level()
    thread = threading.Thread(target=A.exit_dual_level)
    thread.start()
    thread.join()
    assert overrides.known == known
    with A.dual_level():
        d = A.make_dual(ours.ones(2), ours.ones(2))
        with ours.no_grad():
            y = d * 2
        assert A.unpack_dual(y).tangent.tolist() == [2, 2]


def test_a_graph_is_made_where_it_is_asked_for():
    def program(T):
        x, w = numbers(T, (3,), (3,), seed=15)
        w.requires_grad_()
        pull = T.func.vjp(lambda a: a * w, x)[1]
        with T.no_grad():
            return pull(T.ones(3), create_graph=True)[0].requires_grad

    agree(program)

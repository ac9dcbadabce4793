"""``torch.func``: gradients, products with Jacobians and Jacobians, against PyTorch's."""

from __future__ import annotations

import itertools
import threading

import pytest
from func_cases import agree, both, numbers
from oracle import ours, same


def cube(x):
    return (x**3).sum() * x.sin().prod()


# ------------------------------------------------------------------------------------ signatures
def test_gradients_of_containers_and_several_arguments():
    def program(T):
        F = T.func
        x, y = numbers(T, (3,), (3,))
        f = lambda p, q, k=1.0: (p["a"] * q[0] * k).sum() + (p["b"][0] ** 2).sum()  # noqa: E731
        p, q = {"a": x, "b": [y]}, (y,)
        return (
            F.grad(f)(p, q), F.grad(f, (0, 1))(p, q, k=3.0), F.grad(f, argnums=-1)(p, q),
            F.grad_and_value(f, 1)(p, q),
        )  # fmt: skip

    agree(program)


def test_further_results():
    def program(T):
        F = T.func
        x = numbers(T, (3,))
        f = lambda a: (cube(a), {"twice": a * 2, "same": a, "other": x})  # noqa: E731
        g, aux = F.grad(f, has_aux=True)(x)
        h, (value, more) = F.grad_and_value(f, has_aux=True)(x)
        j, extra = F.jacrev(lambda a: (a * a, a + 1), has_aux=True)(x)
        k, extra2 = F.jacfwd(lambda a: (a * a, a + 1), has_aux=True)(x)
        out = F.vjp(lambda a: (a * a, a + 1), x, has_aux=True)
        fwd = F.jvp(lambda a: (a * a, a + 1), (x,), (x,), has_aux=True)
        return g, aux, h, value, more, j, extra, k, extra2, out[0], out[2], out[1](x), fwd

    agree(program)


def test_what_does_not_depend_gets_zeros():
    def program(T):
        F = T.func
        x, y = numbers(T, (3,), (2,))
        return (
            F.grad(lambda a, b: b.sum(), (0, 1))(x, y), F.grad(lambda a: T.ones(()))(x),
            F.vjp(lambda a, b: (a * 2, T.ones(2)), x, y)[1]((x, y)),
            F.jvp(lambda a, b: (a * 2, y), (x, y), (x, y)), F.jacrev(lambda a: y)(x),
            F.jacfwd(lambda a: y)(x),
        )  # fmt: skip

    agree(program)


def test_products():
    def program(T):
        F = T.func
        x, y = numbers(T, (3, 2), (2,))
        f = lambda a, b: {"out": (a @ b, a * b)}  # noqa: E731
        value, pull = F.vjp(f, x, y)
        cts = {"out": (T.ones(3), x * 2)}
        pushed = F.jvp(f, (x, y), (x.cos(), y + 1))
        return value, pull(cts), pull(cts), pushed

    agree(program)


def test_linearize_may_be_pushed_often_and_calls_the_function_once():
    calls = []

    def program(T):
        x = numbers(T, (3,))
        f = lambda a: (calls.append(T), a.sin() * a)[1]  # noqa: E731
        value, push = T.func.linearize(f, x)
        return value, push(x), push(x * 2), push(T.ones(3))

    agree(program)
    assert calls.count(ours) == 1


@pytest.mark.parametrize("chunk", [None, 1, 2, 7])
def test_jacobians_of_containers(chunk):
    def program(T):
        F = T.func
        x, y = numbers(T, (2, 2), (3,))
        f = lambda a, b: {"m": a.sum(0)[:, None] * b, "s": (a**2).sum() * b[0]}  # noqa: E731
        rev = F.jacrev(f, (0, 1), chunk_size=chunk)(x, y)
        return rev, F.jacfwd(f, (0, 1))(x, y), F.jacrev(f)(x, y), F.jacfwd(f, 1)(x, y)

    agree(program)


# ---------------------------------------------------------------------------------- compositions
TRANSFORMS = {
    "grad": lambda T, f: T.func.grad(lambda x: f(x).sum()),
    "jacrev": lambda T, f: lambda x: T.func.jacrev(f)(x).sum(-1),
    "jacfwd": lambda T, f: lambda x: T.func.jacfwd(f)(x).sum(-1),
    "jvp": lambda T, f: lambda x: T.func.jvp(f, (x,), (x.cos(),))[1],
    "vjp": lambda T, f: lambda x: T.func.vjp(f, x)[1](x.sin())[0],
    "vmap": lambda T, f: lambda x: T.vmap(f)(T.stack([x, x * 0.5])).sum(0),
    "linearize": lambda T, f: lambda x: T.func.linearize(f, x)[1](x.cos()),
}  # fmt: skip


def base(T):
    w = T.tensor([[1.0, -0.5], [0.3, 2.0]])
    return lambda x: (w @ x).tanh() * x**2


@pytest.mark.parametrize("names", list(itertools.product(TRANSFORMS, repeat=2)), ids="-".join)
def test_two_transforms(names):
    check(names)


THREE = list(itertools.product(TRANSFORMS, repeat=3))


@pytest.mark.parametrize("names", THREE[3::8], ids="-".join)
def test_three_transforms(names):
    check(names)


@pytest.mark.long
@pytest.mark.parametrize("names", THREE, ids="-".join)
def test_all_three_transforms(names):
    check(names)


def check(names):
    def program(T):
        f = base(T)
        for name in names:
            f = TRANSFORMS[name](T, f)
        return f(T.tensor([0.4, -0.7]))

    if "linearize" in names:
        # PyTorch traces it and cannot in most compositions; the same by jvp is the oracle.
        mine = both(program)[0]
        names = tuple("jvp" if n == "linearize" else n for n in names)
        same(mine, both(program)[1], rtol=1e-4, strides=False)
    else:
        agree(program)


def test_hessians():
    def program(T):
        F = T.func
        x = numbers(T, (3,))
        return F.hessian(cube)(x), F.jacrev(F.jacfwd(cube))(x), F.jacrev(F.jacrev(cube))(x), (
            F.jacfwd(F.jacfwd(cube))(x), T.vmap(F.hessian(cube))(numbers(T, (4, 3))),
            F.hessian(lambda a, b: (a * b).sum() ** 2, (0, 1))(x, x + 1),
        )  # fmt: skip

    agree(program, rtol=3e-4)


def test_perturbations_are_not_confused():
    def program(T):
        F = T.func
        x = T.tensor(2.0)
        inner = lambda a: F.grad(lambda b: a * b)(x)  # noqa: E731
        return (
            F.grad(lambda a: a * inner(a))(x),
            F.jvp(lambda a: F.jvp(lambda b: a * b, (x,), (a,))[1], (x,), (x,)),
            F.grad(lambda a: F.jvp(lambda b: a * b * b, (a,), (x,))[1])(x),
            F.grad(lambda a: F.vjp(lambda b: b * a, a)[1](a)[0])(x),
        )  # fmt: skip

    agree(program)


# --------------------------------------------------------------- with the graph around transforms
def test_gradients_flow_to_tensors_outside():
    def program(T):
        F = T.func
        w, x = [t.requires_grad_() for t in numbers(T, (2, 2), (3, 2))]
        v = x.detach()
        outs = [
            T.vmap(lambda a: (w @ a).tanh())(x), T.vmap(F.grad(lambda a: (w @ a).sin().sum()))(x),
            F.grad(lambda a: (a @ w).sin().sum())(x), F.grad(lambda a: (a @ w).sin().sum())(v),
            F.jvp(lambda a: (a @ w).exp(), (v,), (x,))[1], F.jacrev(lambda a: (a @ w).cos())(x),
            F.jacfwd(lambda a: (a @ w).cos())(v), F.vjp(lambda a: (a @ w) ** 2, x)[1](v)[0],
            F.hessian(lambda a: (w @ a).sin().sum())(x[0]),
            T.vmap(lambda a, b: T.vmap(lambda c: (w @ a * c).sum() * b)(x))(x, x).sin(),
        ]  # fmt: skip
        found = []
        for i, out in enumerate(outs):
            assert out.requires_grad
            g = T.autograd.grad((out**2).sum(), (w, x), create_graph=True, allow_unused=True)
            found.append(g)
            if i in (0, 1, 2, 5, 9):
                more = T.autograd.grad(sum((t**2).sum() for t in g if t is not None), w)
                found.append(more)
        return [[T.zeros(1) if t is None else t for t in g] for g in found]

    agree(program, rtol=2e-3)


def test_leaves_accumulate_through_vmap():
    def program(T):
        layer = T.nn.Linear(3, 2)
        with T.no_grad():
            layer.weight.copy_(numbers(T, (2, 3)))
            layer.bias.zero_()
        x = numbers(T, (4, 3))
        for _ in range(2):
            T.vmap(layer)(x).pow(2).sum().backward()
        return layer.weight.grad, layer.bias.grad

    agree(program)


def test_hooks_and_second_passes_outside():
    def program(T):
        w, x, seen = T.ones(2, requires_grad=True), numbers(T, (3, 2)), []
        h = w * 2
        h.retain_grad()
        w.register_hook(lambda g: seen.append(("leaf", g.clone())))
        h.register_hook(lambda g: seen.append(("inner", g.clone())))
        y = T.vmap(lambda a: (a * h * w).sum())(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        try:
            y.backward()
        except RuntimeError as error:
            seen.append(str(error)[:40])
        return seen, w.grad, h.grad

    agree(program)


def test_what_was_written_to_since_is_noticed():
    def program(T):
        w, b, x = T.ones(2, requires_grad=True), T.ones(2), numbers(T, (3, 2))
        y = T.vmap(lambda a: (a * w * b).sum())(x).sum()
        b.add_(1)
        y.backward()

    mine, theirs = both(program)
    assert mine == theirs and "variables needed for gradient" in mine[1]


def test_results_without_a_graph_outside_have_none():
    def program(T):
        F = T.func
        x, w = numbers(T, (3,), (3,))
        w.requires_grad_()
        seen = []
        seen.append(F.grad(lambda a: (a * a).sum())(x))
        seen.append(F.grad_and_value(lambda a: (a * a).sum() + w.sum())(x))
        seen.append(F.vjp(lambda a: (a * a, a), x)[0])
        seen.append(F.grad(lambda a: (a.detach() * w).sum() + a.sum())(x))
        seen.append(F.jvp(lambda a: (a * a, w * 1), (x,), (x,)))
        with T.no_grad():
            seen.append(F.grad(lambda a: (a * w).sum())(x))
            seen.append(T.vmap(lambda a: a * w[0])(x))
        seen.append(T.vmap(lambda a: (a, w))(x))
        return seen

    agree(program)


def test_grad_modes_inside_and_outside():
    def program(T):
        F = T.func
        x = numbers(T, (3,))
        seen = []

        def f(a):
            with T.no_grad():
                b = a * a
            seen.append((b.requires_grad, a.requires_grad))
            return (a * b).sum()

        with T.no_grad():
            outer = F.grad(f)(x)
        with T.inference_mode():
            inference = F.grad(lambda a: (a**3).sum())(T.ones(2))
        nested = F.grad(lambda a: F.grad(f)(a).sum())(x)
        return outer, F.grad(f)(x), inference, nested, seen, T.is_grad_enabled()

    agree(program, graph=False)


def test_autograd_inside_transforms():
    def program(T):
        def f(a):
            g = T.autograd.grad((a**4).sum(), a, create_graph=True)[0]
            return (g * a).sum()

        x = numbers(T, (3, 2))
        return T.func.grad(f)(x), T.vmap(T.func.grad(f))(x)

    agree(program)


def test_detach_inside():
    def program(T):
        F = T.func
        x = numbers(T, (3,))
        inner = lambda a: F.grad(lambda b: (a.detach() * b * b).sum())(a)  # noqa: E731
        return F.grad(lambda a: (inner(a) * a).sum())(x), F.grad(lambda a: (a.data * a).sum())(x)

    agree(program)


def test_writes_inside():
    def program(T):
        F = T.func
        x, y = numbers(T, (3,), (3,))

        def f(a, b):
            c = a * 2
            c[0] = b[1]
            c.mul_(b)
            b.add_(1)
            return (c**2).sum()

        return F.grad(f)(x, y), y, F.grad(lambda a: f(a.clone(), a * 2))(x)

    agree(program)


# ------------------------------------------------------------------------------------ refusals
def v(T):
    return T.arange(3.0)


REFUSED = {
    "no number": lambda T: T.func.grad(lambda a: a)(v(T)),
    "no tensor": lambda T: T.func.grad(lambda a: 3)(v(T)),
    "tuple": lambda T: T.func.grad(lambda a: (a.sum(), a))(v(T)),
    "no aux": lambda T: T.func.grad(lambda a: a.sum(), has_aux=True)(v(T)),
    "aux of numbers": lambda T: T.func.grad(lambda a: (a.sum(), 3), has_aux=True)(v(T)),
    "integers": lambda T: T.func.grad(lambda a: a.sum())(T.arange(3)),
    "float": lambda T: T.func.grad(lambda a: a)(3.0),
    "argnums 1": lambda T: T.func.grad(lambda a: a.sum(), argnums=1)(v(T)),
    "argnums text": lambda T: T.func.grad(lambda a: a.sum(), argnums="a")(v(T)),
    "argnums empty": lambda T: T.func.grad(lambda a: a.sum(), argnums=())(v(T)),
    "argnums twice": lambda T: T.func.grad(lambda a, b: a.sum(), (0, 0))(v(T), v(T)),
    "backward": lambda T: T.func.grad(lambda a: (a.sum().backward(), a.sum())[1])(v(T)),
    "requires_grad_": lambda T: T.func.grad(lambda a: a.detach().requires_grad_().sum())(v(T)),
    "leaf in place": lambda T: T.func.grad(lambda a: a.mul_(2).sum())(v(T)),
    "vjp structure": lambda T: T.func.vjp(lambda a: (a, a), v(T))[1](v(T)),
    "vjp shape": lambda T: T.func.vjp(lambda a: a, v(T))[1](v(T)[0]),
    "vjp result": lambda T: T.func.vjp(lambda a: 3, v(T)),
    "vjp integers": lambda T: T.func.vjp(lambda a: a.long(), v(T)),
    "jvp no tuple": lambda T: T.func.jvp(lambda a: a, v(T), v(T)),
    "jvp structure": lambda T: T.func.jvp(lambda a: a, (v(T),), (v(T), v(T))),
    "jvp shape": lambda T: T.func.jvp(lambda a: a, (v(T),), (v(T)[0],)),
    "jvp result": lambda T: T.func.jvp(lambda a: 3, (v(T),), (v(T),)),
    "jvp strict": lambda T: T.func.jvp(lambda a: T.ones(1), (v(T),), (v(T),), strict=True),
    "jacrev result": lambda T: T.func.jacrev(lambda a: 3)(v(T)),
    "jacrev chunk": lambda T: T.func.jacrev(lambda a: a, chunk_size=0)(v(T)),
    "jacrev complex": lambda T: T.func.jacrev(lambda a: a)(T.ones(2, dtype=T.complex64)),
    "jacfwd result": lambda T: T.func.jacfwd(lambda a: 3)(v(T)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_pytorchs(name):
    mine, theirs = both(REFUSED[name])
    assert isinstance(theirs[0], str)
    assert mine == theirs


def test_threads_do_not_share_levels():
    results = []

    def work():
        x = ours.arange(3.0)
        for _ in range(20):
            results.append(ours.func.grad(lambda a: (a**2).sum())(x).tolist())
            (x.clone().requires_grad_() * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [[0.0, 2.0, 4.0]] * 60


def test_tangents_where_a_standard_deviation_is_zero():
    def program(T):
        x = T.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]])
        v = T.tensor([[1.0, 0.0, 2.0], [0.5, -1.0, 0.0]])
        return T.func.jvp(lambda a: a.std(1), (x,), (v,)), T.func.grad(lambda a: a.std(1).sum())(x)

    agree(program)

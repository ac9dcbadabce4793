"""Hooks on several gradients, user-defined functions and checks of gradients, beside PyTorch."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest
from oracle import ours, real, same

from functorch_lite.torch._object.parameter import Buffer, Parameter


def run(T, program):
    """What a program gives in one world; exceptions as their types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return program(T)
        except Exception as error:
            return type(error).__name__


def agree(program, graph=True):
    same(run(ours, program), run(real, program), graph=graph)


def function(T, forward, backward):
    """A user-defined function of two lambdas."""
    rules = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("F", (T.autograd.Function,), rules)


# ---------------------------------------------------------------------- hooks on several gradients
def hooked(passes, mode):
    """What a hook on four tensors gets in some passes."""

    def program(T):
        a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        c, d = a * b, b * 2
        e = c + d
        got = []

        def all_of(grads):
            got.append([None if g is None else g.tolist() for g in grads])

        fn = all_of if mode == "all" else lambda g: got.append(g.tolist())
        handle = T.autograd.graph.register_multi_grad_hook((a, b, c, d), fn, mode=mode)
        for each in passes:
            each(T, {"a": a, "b": b, "c": c, "d": d, "e": e})
        handle.remove()
        e.sum().backward()
        return got

    return program


PASSES = [
    lambda T, t: t["e"].sum().backward(retain_graph=True),
    lambda T, t: t["c"].sum().backward(retain_graph=True),
    lambda T, t: t["c"].sum().backward(inputs=(t["a"],), retain_graph=True),
    lambda T, t: T.autograd.grad(t["e"].sum(), (t["d"],), retain_graph=True),
    lambda T, t: T.autograd.grad(t["e"].sum(), (t["c"],), retain_graph=True),
]


@pytest.mark.parametrize("mode", ["all", "any"])
def test_a_hook_on_several_gradients_is_called_once_a_pass(mode):
    agree(hooked([*PASSES, PASSES[0], PASSES[0]], mode))


def test_a_pass_that_fails_leaves_nothing_behind():
    def program(T):
        a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        left, right = a * 2, b * 3
        got, fails = [], [True]

        def fail(grad):
            if fails[0]:
                raise ZeroDivisionError

        T.autograd.graph.register_multi_grad_hook(
            (left, right, b), lambda grads: got.append([g.tolist() for g in grads])
        )
        right.register_hook(fail)
        for _ in range(2):
            try:
                (left + right).sum().backward(retain_graph=True)
            except ZeroDivisionError:
                fails[0] = False
        return got

    agree(program)


def test_a_pass_within_a_pass_has_gradients_of_its_own():
    def program(T):
        a, b = T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)
        got = []
        T.autograd.graph.register_multi_grad_hook(
            (a, b), lambda grads: got.append([g is not None for g in grads])
        )

        def backward(ctx, g):
            with T.enable_grad():
                (a * b).sum().backward()
            return g

        f = function(T, lambda ctx, x: x * 1, backward)
        f.apply(a * b).sum().backward()
        return got

    agree(program)


def test_threads_do_not_mix_their_gradients():
    a, b = (ours.ones(1, requires_grad=True) for _ in range(2))
    got = []
    ours.autograd.graph.register_multi_grad_hook((a, b), lambda grads: got.append(len(grads)))
    barrier = threading.Barrier(4)

    def work():
        y = (a * b).sum()
        barrier.wait()
        for _ in range(20):
            ours.autograd.grad(y, (a, b), retain_graph=True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [2] * 80


def test_a_hook_keeps_no_graph_alive():
    gc.disable()
    try:
        x = ours.ones(2, requires_grad=True)
        y = x * 2
        ours.autograd.graph.register_multi_grad_hook((x, y), lambda grads: None)
        y.sum().backward()
        gone = [weakref.ref(x), weakref.ref(y), weakref.ref(y.grad_fn)]
        del x, y
        assert [r() for r in gone] == [None] * 3
    finally:
        gc.enable()


def test_gradients_that_nobody_wants_are_not_shown_to_hooks():
    def program(T):
        a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        c, d = a * b, b * 2
        got = []
        c.register_hook(lambda g: got.append("c"))
        c.grad_fn.register_hook(lambda *grads: got.append("node"))
        c.retain_grad()
        e = (c + d).sum()
        T.autograd.grad(e, (d,), retain_graph=True)
        e.backward(inputs=(d,), retain_graph=True)
        assert not got and c.grad is None
        T.autograd.grad(e, (a,), retain_graph=True)
        return got, c.grad

    agree(program)


def test_retained_gradients_are_copies():
    def program(T):
        x = T.ones(2, requires_grad=True)
        a, b = x * 2, x * 3
        a.retain_grad()
        b.retain_grad()
        (a + b).sum().backward()
        a.grad.zero_()
        return a.grad, b.grad, x.grad

    agree(program)


# ------------------------------------------------------------------------- user-defined functions
def double_in_place(ctx, x):
    ctx.mark_dirty(x)
    return x.mul_(2)


def test_dirty_arguments_are_counted():
    def program(T):
        y = T.ones(4, requires_grad=True).clone()
        function(T, double_in_place, lambda ctx, g: g * 2).apply(y[1:3])
        first = y._version
        z = T.ones(2)
        function(T, double_in_place, lambda ctx, g: g * 2).apply(z)
        return first, z._version

    agree(program)


def test_a_dirty_view_beside_another_result_is_refused():
    def program(T):
        def forward(ctx, x):
            return double_in_place(ctx, x), x * 3

        y = T.ones(4, requires_grad=True).clone()
        return function(T, forward, lambda ctx, g, h: g * 2 + h).apply(y[1:3])

    assert run(ours, program) == run(real, program) == "RuntimeError"


# --------------------------------------------------------------------------------------- gradcheck
@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("check", [False, True])
def test_missing_gradients(wrong, check):
    def program(T):
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        def backward(ctx, g):
            if g is None:
                return T.ones(2, dtype=T.float64) if wrong else None
            return 2 * g

        x = T.ones(2, dtype=T.float64, requires_grad=True)
        f = function(T, forward, backward)
        return T.autograd.gradcheck(f.apply, (x,), check_undefined_grad=check)

    agree(program)


@pytest.mark.parametrize("careful", [False, True])
def test_each_of_several_gradients_may_be_missing(careful):
    def program(T):
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        def backward(ctx, g, h):
            if not careful:
                return 2 * g + 3 * h
            parts = [k * v for k, v in ((2, g), (3, h)) if v is not None]
            return sum(parts) if parts else None

        x = T.ones(2, dtype=T.float64, requires_grad=True)
        return T.autograd.gradcheck(function(T, forward, backward).apply, (x,))

    assert run(ours, program) == run(real, program) == (True if careful else "TypeError")


def test_complex_numbers_pass_gradcheck():
    x = ours.tensor([1 + 2j, 3.0], dtype=ours.complex128, requires_grad=True)
    assert ours.autograd.gradcheck(ours.view_as_real, (x,))
    assert ours.autograd.gradcheck(lambda x: ours.view_as_complex(ours.view_as_real(x)), (x,))
    y = ours.ones(3, 2, dtype=ours.float64, requires_grad=True)
    assert ours.autograd.gradcheck(ours.view_as_complex, (y,))


def test_a_function_that_fails_leaves_its_argument_as_it_was():
    x = ours.ones(2, dtype=ours.float64, requires_grad=True)
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("no")
        return x * 2

    with pytest.raises(ValueError, match="no"):
        ours.autograd.gradcheck(f, (x,))
    assert x.tolist() == [1.0, 1.0]


# -------------------------------------------------------------------------------------- functional
@pytest.mark.parametrize("name", ["vjp", "jvp"])
def test_strict_products_with_a_graph(name):
    def program(T, f):
        call = getattr(T.autograd.functional, name)
        x = T.tensor([1.0, 2.0])
        v = T.tensor([2.0, 3.0]) if name == "jvp" else T.tensor(2.0)
        return tuple(t.detach() for t in call(f, x, v, create_graph=True, strict=True))

    agree(lambda T: program(T, lambda x: (x * x).sum()))
    linear = [run(T, lambda T: program(T, lambda x: x.sum())) for T in (ours, real)]
    assert linear == ["RuntimeError"] * 2


# -------------------------------------------------------------------------------------- parameters
def test_empty_parameters_have_the_default_dtype():
    ours.set_default_dtype(ours.float64)
    try:
        assert Parameter().dtype is ours.float64
        assert Buffer().dtype is ours.float64
    finally:
        ours.set_default_dtype(ours.float32)
    assert Parameter().dtype is ours.float32
    assert isinstance(Buffer(ours.from_numpy(np.ones(2))), Buffer)


@pytest.mark.parametrize(("name", "shapes"), [
    ("conv1d", [(2, 3, 8), (4, 3, 3)]), ("conv2d", [(2, 3, 6, 6), (4, 3, 3, 2)]),
    ("conv_transpose1d", [(2, 3, 8), (3, 4, 3)]), ("cumprod", [(3, 4)]),
])  # fmt: skip
def test_gradients_never_run_backwards_through_memory(name, shapes):
    draw = np.random.default_rng(0)
    arrays = [draw.uniform(0.5, 1.5, shape[::-1]) for shape in shapes]
    steps = []

    def watch(node):
        """See what every node between a result and the leaves passes on."""
        if node is not None and "accumulate" not in type(node).__name__.lower():
            node.register_hook(
                lambda found, _: steps.extend(s for g in found if g is not None for s in g.stride())
            )
            for before, _ in node.next_functions:
                watch(before)

    def program(t):
        xs = [t.from_numpy(a).requires_grad_() for a in arrays]
        turned = [x.permute(*range(x.dim())[::-1]) for x in xs]
        y = turned[0].cumprod(0) if name == "cumprod" else getattr(t.nn.functional, name)(*turned)
        first = t.autograd.grad((y**2).sum(), xs, create_graph=True)
        total = sum((g**2).sum() for g in first)
        watch(total.grad_fn)
        second = t.autograd.grad(total, xs)
        return [g.detach().numpy() for g in (*first, *second)]

    for mine, theirs in zip(program(ours), program(real), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    assert steps and min(steps) >= 0

"""The dispatch state: exceptions, generators, threads, re-entrance, and values that escape."""

import threading
import time

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.core.trace import state


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


def clean():
    return (
        state.trace is None
        and state.backward is None
        and state.source is None
        and state.debug == 0
        and not state.disable_jit
    )


@pytest.fixture(autouse=True)
def state_is_clean_afterwards():
    assert clean()
    yield
    assert clean()


TRANSFORMS = {
    "grad": lambda f: fl.grad(f)(1.0),
    "vjp": lambda f: fl.vjp(f, 1.0),
    "jvp": lambda f: fl.jvp(f, (1.0,), (1.0,)),
    "linearize": lambda f: fl.linearize(f, 1.0),
    "linear_transpose": lambda f: fl.linear_transpose(f, 1.0),
    "vmap": lambda f: fl.vmap(f)(fnp.ones(2)),
    "jit": lambda f: fl.jit(f)(1.0),
    "make_graph": lambda f: fl.make_graph(f)(1.0),
    "eval_shape": lambda f: fl.eval_shape(f, 1.0),
    "jacfwd": lambda f: fl.jacfwd(f)(1.0),
    "hessian": lambda f: fl.hessian(f)(1.0),
}


class Interrupt(BaseException):
    """Like KeyboardInterrupt, no Exception."""


# ------------------------------------------------------------------------------------- exceptions
@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, Interrupt, SystemExit, GeneratorExit]
)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_an_exception_restores_the_state(name, error):
    def f(x):
        fl.grad(lambda y: x * y)(x)
        raise error("stop")

    with pytest.raises(error):
        TRANSFORMS[name](f)
    assert clean()
    with pytest.raises(error):
        fl.grad(lambda x: TRANSFORMS[name](f) and x)(1.0)
    assert clean()
    same(fl.grad(lambda x: x * x)(3.0), 6)


def test_an_exception_caught_inside_a_transform_restores_the_inner_state():
    def f(x):
        try:
            fl.vmap(lambda y: 1 / 0)(fnp.ones(3))
        except ZeroDivisionError:
            pass
        try:
            fl.jit(lambda y: fnp.ones(2) + fnp.ones(3))(x)
        except errors.ShapeError:
            pass
        return x * x

    same(fl.grad(f)(3.0), 6)
    same(fl.jit(fl.grad(f))(3.0), 6)


def test_an_exception_in_the_backward_pass_restores_the_state():
    _, pull = fl.vjp(lambda x: fnp.exp(x), fnp.ones(3))
    op = fl.core.op.REGISTRY["mul"]
    was = op.eager
    try:
        op.eager = lambda *args: 1 / 0
        with pytest.raises(ZeroDivisionError):
            pull(fnp.ones(3))
    finally:
        op.eager = was
    assert clean()


def test_an_interrupt_in_the_middle_of_an_op_restores_the_state():
    op = fl.core.op.REGISTRY["sin"]
    was = op.eager

    def interrupted(*args):
        raise KeyboardInterrupt

    try:
        op.eager = interrupted
        for transform in (fl.grad, lambda f: fl.vmap(fl.grad(f)), fl.jacfwd):
            with pytest.raises(KeyboardInterrupt):
                transform(lambda x: fnp.sin(x))(
                    fnp.ones(1)[0] if transform is fl.grad else fnp.ones(1)
                )
            assert clean()
    finally:
        op.eager = was


# ------------------------------------------------------------------------------------- generators
def test_generators_inside_transforms():
    def f(x):
        terms = (x**i for i in range(4))
        return sum(terms)

    same(fl.grad(f)(2.0), 1 + 4 + 12)
    same(fl.jit(fl.grad(f))(2.0), 17)


def test_a_generator_that_is_left_half_way():
    def rows(x):
        try:
            for row in x:
                yield fl.grad(lambda r: fnp.sum(r * r))(row)
        finally:
            fnp.ones(1) + 1

    def f(x):
        return fnp.sum(next(rows(x)))

    x = fnp.ones((2, 3))
    same(fl.grad(f)(x), [[2, 2, 2], [0, 0, 0]])
    walker = rows(x)
    same(next(walker), [2, 2, 2])
    walker.close()


# ---------------------------------------------------------------------------------------- threads
def run_in_threads(work, count=8):
    failures, barrier = [], threading.Barrier(count)

    def runner(i):
        try:
            barrier.wait()
            work(i)
            assert clean()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=runner, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if failures:
        raise failures[0]


def test_threads_run_different_transforms_at_once():
    shared = fl.jit(lambda x, s: fnp.sum(fnp.sin(x) * s))

    def work(i):
        x = np.linspace(0.1, 1.0, 4) + i
        for _ in range(20):
            same(fl.grad(lambda x: shared(x, 2.0))(x), 2 * np.cos(x))
            same(fl.vmap(fl.grad(fnp.sin))(x), np.cos(x))
            same(fl.jvp(lambda x: x * x, (x,), (x,))[1], 2 * x * x)
            same(fl.jit(fl.jacrev(lambda x: x**2))(x), np.diag(2 * x))
            with pytest.raises(ValueError, match="thread"):
                fl.grad(lambda x: raise_(ValueError("thread")))(1.0)

    run_in_threads(work, 6)


def raise_(error):
    raise error


def test_jit_from_many_threads_traces_once():
    runs = []

    @fl.jit
    def f(x):
        runs.append(threading.get_ident())
        time.sleep(0.05)
        return x * 2

    run_in_threads(lambda i: same(f(fnp.ones(3)), [2, 2, 2]))
    assert len(runs) == 1
    assert f.cache_info().misses == 1


def test_mutually_recursive_functions_traced_from_both_ends_do_not_deadlock():
    def make(name):
        def f(x, n):
            time.sleep(0.02)
            return x if n == 0 else functions["g" if name == "f" else "f"](x, n - 1) + 1

        return fl.jit(f, static_argnums=1)

    functions = {"f": make("f"), "g": make("g")}
    run_in_threads(lambda i: same(functions["fg"[i % 2]](1.0, 4), 5), 4)


def test_an_eager_thread_beside_a_transform():
    inside, done = threading.Event(), threading.Event()
    results = []

    def eager():
        inside.wait(10)
        results.append(fnp.ones(2) * 3)
        done.set()

    thread = threading.Thread(target=eager)
    thread.start()

    def f(x):
        inside.set()
        done.wait(10)
        return x * x

    same(fl.grad(f)(3.0), 6)
    thread.join()
    assert type(results[0]) is fl.Array


def test_tracers_do_not_travel_between_threads():
    def f(x):
        caught = []

        def work():
            try:
                x * 2
            except errors.EscapedTracerError as error:
                caught.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert "still running, but this operation runs outside it" in caught[0]
        return x

    fl.grad(f)(1.0)
    fl.jvp(f, (1.0,), (1.0,))
    fl.vmap(f)(fnp.ones(2))
    fl.jit(f)(1.0)


def test_settings_belong_to_a_thread():
    with fl.disable_jit(), fl.debug_nans():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(clean()))
        thread.start()
        thread.join()
        assert seen == [True]


# ------------------------------------------------------------------------------------ re-entrance
def test_a_jitted_function_calls_itself_for_another_shape_while_it_is_traced():
    @fl.jit
    def f(x):
        if x.ndim == 0:
            return x * x
        return fl.vmap(f)(x)

    same(f(fnp.arange(3.0)), [0, 1, 4])
    same(fl.grad(lambda x: fnp.sum(f(x)))(fnp.ones((2, 2))), np.full((2, 2), 2))


def test_gradients_inside_a_function_that_is_being_traced():
    @fl.jit
    def newton(x):
        for _ in range(5):
            f = lambda x: x * x - 2.0  # noqa: E731
            x = x - f(x) / fl.grad(f)(x)
        return x

    same(newton(np.float64(1.0) * fnp.ones((), "float64")), np.sqrt(2))


def test_an_op_may_be_interrupted_by_others():
    # As a signal handler, a finalizer or a debugger does: ops run while the eager part of one runs.
    op = fl.core.op.REGISTRY["sin"]
    was, seen = op.eager, []

    def interrupted(x):
        seen.append(fl.grad(lambda y: fnp.exp(y) * y)(0.0))
        seen.append(fl.jit(lambda y: y + 1)(1.0))
        with pytest.raises(errors.ShapeError):
            fnp.ones(2) + fnp.ones(3)
        return was(x)

    try:
        op.eager = interrupted
        same(fnp.sin(fnp.zeros(2)), [0, 0])
    finally:
        op.eager = was
    assert [float(x) for x in seen] == [1, 2]


# ----------------------------------------------------------------------------- values that escape
def leak(transform):
    kept = []

    def leaking(x):
        kept.append(x * 2)
        return x * 1.0

    transform(leaking)
    (value,) = kept
    return value


LEAKS = {
    "grad": (lambda f: fl.grad(f)(1.0), "GradTracer", "grad of leaking"),
    "vjp": (lambda f: fl.vjp(f, 1.0), "GradTracer", "vjp of leaking"),
    "jvp": (lambda f: fl.jvp(f, (1.0,), (1.0,)), "JVPTracer", "jvp of leaking"),
    "linearize": (lambda f: fl.linearize(f, 1.0), "JVPTracer", "linearize of leaking"),
    "vmap": (lambda f: fl.vmap(f)(fnp.ones(2)), "BatchTracer", "vmap of leaking"),
    "jit": (lambda f: fl.jit(f)(1.0), "StageTracer", "jit of leaking"),
    "make_graph": (lambda f: fl.make_graph(f)(1.0), "StageTracer", "make_graph of leaking"),
    "eval_shape": (lambda f: fl.eval_shape(f, 1.0), "StageTracer", "eval_shape of leaking"),
}
USES = {
    "eager": lambda x: x + 1,
    "eager function": lambda x: fnp.sin(x),
    "grad": lambda x: fl.grad(lambda y: x * y)(1.0),
    "jvp": lambda x: fl.jvp(lambda y: x * y, (1.0,), (1.0,)),
    "linearize": lambda x: fl.linearize(lambda y: x * y, 1.0),
    "vmap": lambda x: fl.vmap(lambda y: x * y)(fnp.ones(2)),
    "vmap alone": lambda x: fl.vmap(lambda y: x * 2)(fnp.ones(2)),
    "jit": lambda x: fl.jit(lambda y: x * y)(1.0),
    "jit result": lambda x: fl.jit(lambda y: x)(1.0),
    "jit argument": lambda x: fl.jit(lambda y: y)(x),
    "make_graph": lambda x: fl.make_graph(lambda y: x * y)(1.0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", LEAKS)
def test_an_escaped_value_is_refused_by_name_and_line(name, use):
    transform, kind, label = LEAKS[name]
    value = leak(transform)
    assert type(value).__name__ == kind
    with pytest.raises(errors.EscapedTracerError) as info:
        USES[use](value)
    text = str(info.value)
    assert f"belongs to {label}, begun at " in text
    assert "test_state.py" in text
    assert "has ended" in text
    if kind == "StageTracer":
        assert "computed at " in text
        assert "(leaking)" in text


def test_a_value_smuggled_to_a_sibling():
    kept = []
    f = fl.grad(lambda x: kept.append(x) or x * x)
    f(1.0)
    with pytest.raises(errors.EscapedTracerError, match="grad of <lambda>"):
        fl.grad(lambda y: y * kept[0])(1.0)
    with pytest.raises(errors.EscapedTracerError):
        fl.vmap(fl.grad(lambda y: y * kept[0]))(fnp.ones(2))


def test_a_value_smuggled_into_a_jitted_function():
    kept = [1.0]
    f = fl.jit(lambda x: x * kept[0])
    same(f(2.0), 2)

    def smuggle(y):
        kept[0] = y
        return f(fnp.ones(2))[0] * y  # another shape, so it is traced while y is alive

    same(fl.grad(smuggle)(3.0), 6)
    same(f(2.0), 2)  # the first trace knows only the number
    with pytest.raises(errors.EscapedTracerError, match="grad of smuggle"):
        f(fnp.ones(2))


def test_side_results_in_unknown_containers_escape_with_a_message():
    class Bag:
        pass

    def f(x):
        bag = Bag()
        bag.x = x
        return x * x, bag

    _, bag = fl.grad(f, has_aux=True)(1.0)
    with pytest.raises(errors.EscapedTracerError, match="has_aux=True for side results"):
        bag.x + 1

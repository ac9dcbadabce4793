"""``while_loop``, and ``fori_loop`` with traced bounds, against Python loops and differences."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.core.rewrite import all_equations
from functorch_lite.errors import CarryTypeError, DtypeError, TransformError
from functorch_lite.testing import check_grads

RNG = np.random.default_rng(4)


def f64(x):
    return fnp.asarray(x, "float64")


def same(found, want, tolerance=1e-10):
    a, b = fl.tree.leaves(found), fl.tree.leaves(want)
    for x, y in zip(a, b, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


def python_while(cond, body, carry, max_steps=None):
    """The definition."""
    while bool(cond(carry)):
        carry = body(carry)
    return carry


# ----------------------------------------------------------------------------------- three programs
def newton(loop):
    """The square root of a."""

    def f(a):
        return loop(lambda x: abs(x * x - a) > 1e-9, lambda x: (x + a / x) / 2, a)

    return f


def gram_schmidt(loop):
    """An orthonormal basis of the columns, one column at a time, and a number from it."""

    def f(a):
        n = a.shape[1]

        def body(state):
            i, q = state
            column = lax.dynamic_index_in_dim(a, i, 1, keepdims=False)
            column = column - q @ (q.T @ column)
            column = column / fnp.sqrt(fnp.sum(column * column))
            return i + 1, lax.dynamic_update_index_in_dim(q, column, i, 1)

        _, q = loop(lambda s: s[0] < n, body, (fnp.asarray(0), fnp.zeros_like(a)))
        return fnp.sum(fnp.sin(q * fnp.arange(q.size, dtype="float64").reshape(q.shape)))

    return f


def adaptive_ode(loop):
    """x' = -a sin(x) x by Heun's method; its steps depend on the error of Euler's."""

    def f(a):
        def slope(x):
            return -a * fnp.sin(x) * x

        def body(state):
            t, x, h = state
            h = fnp.minimum(h, 1.0 - t)
            k1 = slope(x)
            k2 = slope(x + h * k1)
            error = abs(h * (k2 - k1) / 2) + 1e-12
            accepted = error < 1e-3
            new = x + h * (k1 + k2) / 2
            factor = fnp.clip(0.9 * fnp.sqrt(1e-3 / error), 0.3, 2.0)
            return fnp.where(accepted, t + h, t), fnp.where(accepted, new, x), h * factor

        done = loop(lambda s: s[0] < 1.0 - 1e-9, body, (f64(0.0), f64(1.5), f64(0.1)))
        return done[1]

    return f


PROGRAMS = {
    "newton": (newton, f64(2.0), f64([2.0, 1.0, 30.0, 5.0])),
    "gram_schmidt": (gram_schmidt, f64(RNG.normal(size=(4, 3))), f64(RNG.normal(size=(2, 4, 3)))),
    "adaptive_ode": (adaptive_ode, f64(1.3), f64([0.2, 9.0, 3.0])),
}
LOOPS = {
    "while": lax.while_loop,
    "bounded": lambda c, b, x: lax.while_loop(c, b, x, max_steps=80),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_reverse_mode_is_that_of_the_unrolled_program(name, loop):
    make, x, _ = PROGRAMS[name]
    f, python = make(LOOPS[loop]), make(python_while)
    same(f(x), python(x))
    want = fl.grad(python)(x)
    for g in (fl.grad(f), fl.jit(fl.grad(f)), fl.grad(fl.jit(f)), fl.grad(fl.checkpoint(f))):
        same(g(x), want)
    same(fl.jacfwd(f)(x), want)
    same(fl.linearize(f, x)[1](x), fl.jvp(python, (x,), (x,))[1])


@pytest.mark.parametrize("name", PROGRAMS)
def test_reverse_mode_against_finite_differences(name):
    make, x, _ = PROGRAMS[name]
    check_grads(make(lax.while_loop), (x,), order=1 if name == "adaptive_ode" else 2, eps=1e-6)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_lanes_end_on_their_own(name, loop):
    make, _, xs = PROGRAMS[name]
    f, python = make(LOOPS[loop]), make(python_while)
    same(fl.vmap(f)(xs), fnp.stack([python(x) for x in xs]))
    want = fnp.stack([fl.grad(python)(x) for x in xs])
    same(fl.vmap(fl.grad(f))(xs), want)
    same(fl.grad(lambda xs: fl.vmap(f)(xs).sum())(xs), want)
    same(fl.jit(fl.vmap(fl.grad(f)))(xs), want)
    same(fl.jit(fl.grad(lambda xs: fl.vmap(f)(xs).sum()))(xs), want)
    same(fl.vmap(fl.jacfwd(f))(xs), want)


def test_second_order_in_every_order_of_transforms():
    f, python = newton(lax.while_loop), newton(python_while)
    xs = PROGRAMS["newton"][2]
    want = fnp.stack([fl.grad(fl.grad(python))(x) for x in xs])
    summed = lambda g: lambda xs: g(xs).sum()  # noqa: E731
    for found in (
        fl.vmap(fl.grad(fl.grad(f)))(xs),
        fl.vmap(fl.jacfwd(fl.grad(f)))(xs),
        fl.vmap(fl.grad(fl.jacfwd(f)))(xs),
        fl.grad(summed(fl.vmap(fl.grad(f))))(xs),
        fl.grad(summed(fl.grad(summed(fl.vmap(f)))))(xs),
        fl.jit(fl.grad(summed(fl.vmap(fl.grad(f)))))(xs),
    ):
        same(found, want, 1e-8)


def test_lanes_of_lanes():
    f, python = newton(lax.while_loop), newton(python_while)
    grid = f64([[2.0, 50.0, 3.0], [1.0, 4.0, 900.0]])
    want = fnp.stack([fnp.stack([fl.grad(python)(x) for x in row]) for row in grid])
    same(fl.vmap(fl.vmap(fl.grad(f)))(grid), want)
    same(fl.grad(lambda g: fl.vmap(fl.vmap(f))(g).sum())(grid), want)
    same(fl.grad(lambda g: fl.vmap(fl.vmap(f), 1)(g).sum())(grid), want)
    same(fl.vmap(lambda row: fl.grad(lambda r: fl.vmap(f)(r).sum())(row))(grid), want)


# ------------------------------------------------------------------------------- lanes and infinity
def shrink(x, n, w):
    """Divides by the steps that are left, which is 0 where the loop has ended."""

    def body(s):
        i, x = s
        return i + 1, x * w / (n - i)

    return lax.while_loop(lambda s: s[0] < n, body, (fnp.asarray(0), x))[1]


def test_finished_lanes_do_not_poison_gradients():
    ns = fnp.asarray([0, 1, 4, 2])
    xs, w = f64([1.0, 2.0, 3.0, 4.0]), f64(1.5)

    def loss(xs, w):
        return fl.vmap(shrink, (0, 0, None))(xs, ns, w).sum()

    gx = [fl.grad(shrink)(x, n, w) for x, n in zip(xs, ns, strict=True)]
    gw = sum(fl.grad(shrink, 2)(x, n, w) for x, n in zip(xs, ns, strict=True))
    for transform in (lambda f: f, fl.jit):
        found = transform(fl.grad(loss, (0, 1)))(xs, w)
        same(found, (fnp.stack(gx), gw))
    same(fl.vmap(fl.grad(shrink), (0, 0, None))(xs, ns, w), fnp.stack(gx))
    hess = [fl.grad(fl.grad(shrink, 2), 2)(x, n, w) for x, n in zip(xs, ns, strict=True)]
    same(fl.grad(fl.grad(loss, 1), 1)(xs, w), sum(hess))
    same(fl.vmap(fl.grad(fl.grad(shrink, 2), 2), (0, 0, None))(xs, ns, w), fnp.stack(hess))
    again = fl.grad(lambda w: fl.vmap(fl.grad(shrink, 2), (0, 0, None))(xs, ns, w).sum())(w)
    same(again, sum(hess))


def test_finished_lanes_do_not_poison_the_transposed_pullback():
    """What the loop kept is not differentiated here, only what runs over it."""
    ns, xs, w = fnp.asarray([0, 1, 4, 2]), f64([1.0, 2.0, 3.0, 4.0]), f64(1.5)

    def pulled(cts):
        return fl.vmap(lambda x, n, ct: fl.vjp(lambda x: shrink(x, n, w), x)[1](ct)[0])(xs, ns, cts)

    want = [fl.grad(shrink)(x, n, w) for x, n in zip(xs, ns, strict=True)]
    for transform in (lambda f: f, fl.jit):
        found = transform(fl.grad(lambda cts: pulled(cts).sum()))(fnp.ones_like(xs))
        same(found, fnp.stack(want))


def test_constants_with_the_axis_of_the_lanes_are_replaced_too():
    def f(c, n):  # infinite at the lane's own constant once it has ended
        def body(s):
            i, x = s
            return i + 1, x + fnp.sqrt(c - i)

        return lax.while_loop(lambda s: s[0] < n, body, (fnp.asarray(0), f64(0.0)))[1]

    ns = fnp.asarray([1, 3, 2])
    cs = ns.astype("float64")
    want = fnp.stack([fl.grad(f)(c, n) for c, n in zip(cs, ns, strict=True)])
    assert np.isfinite(np.asarray(want)).all()
    same(fl.grad(lambda cs: fl.vmap(f)(cs, ns).sum())(cs), want)
    same(fl.vmap(fl.grad(f))(cs, ns), want)


# ------------------------------------------------------------------------------------ traced bounds
def test_fori_loop_with_traced_bounds():
    def f(x, lo, hi):
        return lax.fori_loop(lo, hi, lambda i, c: c * x + i, x)

    def python(x, lo, hi):
        c = x
        for i in range(int(lo), int(hi)):
            c = c * x + i
        return c

    x = f64(0.8)
    los, his = fnp.asarray([0, 2, 1]), fnp.asarray([4, 2, 6])
    for lo, hi in zip(los, his, strict=True):
        same(fl.jit(f)(x, lo, hi), python(x, lo, hi))
        same(fl.jit(fl.grad(f))(x, lo, hi), fl.grad(python)(x, lo, hi))
    want = fnp.stack([fl.grad(python)(x, a, b) for a, b in zip(los, his, strict=True)])
    same(fl.vmap(fl.grad(f), (None, 0, 0))(x, los, his), want)
    assert [e.op.name for e in fl.make_graph(f)(x, 0, 3).eqns].count("while_loop") == 1
    with pytest.raises(DtypeError, match="upper must be an integer"):
        lax.fori_loop(0, 2.5, lambda i, c: c, x)


def test_loops_inside_loops():
    """A loop of unknown length in a scan: every step has as many residuals as it needs."""

    def f(loop, scan):
        def step(c, a):
            root = newton(loop)(a * c * c + 1)
            return root, root * c

        return lambda c, xs: sum(fnp.sum(x) for x in fl.tree.leaves(scan(step, c, xs)))

    def python_scan(step, c, xs):
        ys = []
        for x in xs:
            c, y = step(c, x)
            ys.append(y)
        return c, fnp.stack(ys)

    ours, python = f(lax.while_loop, lax.scan), f(python_while, python_scan)
    c, xs = f64(1.2), f64([3.0, 0.1, 40.0])
    same(fl.grad(ours, (0, 1))(c, xs), fl.grad(python, (0, 1))(c, xs))
    same(fl.jit(fl.grad(ours, (0, 1)))(c, xs), fl.grad(python, (0, 1))(c, xs))
    same(fl.grad(fl.grad(ours))(c, xs), fl.grad(fl.grad(python))(c, xs), 1e-8)
    same(fl.hessian(ours)(c, xs), fl.grad(fl.grad(python))(c, xs), 1e-8)
    cs = f64([1.2, 0.3])
    want = fnp.stack([fl.grad(python)(c, xs) for c in cs])
    same(fl.vmap(fl.grad(ours), (0, None))(cs, xs), want)
    same(fl.grad(lambda cs: fl.vmap(ours, (0, None))(cs, xs).sum())(cs), want)
    outer = fl.grad(lambda cs: fl.vmap(fl.grad(ours), (0, None))(cs, xs).sum())
    same(outer(cs), fnp.stack([fl.grad(fl.grad(python))(c, xs) for c in cs]), 1e-8)


def test_a_loop_in_a_branch():
    def f(loop, cond):
        def branch(x):
            return newton(loop)(x * x + 1)

        return lambda p, x: cond(p, branch, lambda x: x * 3, x)

    def python_cond(p, a, b, x):
        return a(x) if p else b(x)

    ours, python = f(lax.while_loop, lax.cond), f(python_while, python_cond)
    ps, xs = fnp.asarray([True, False, True]), f64([2.0, 3.0, 7.0])
    pairs = list(zip([True, False, True], xs, strict=True))
    want = fnp.stack([fl.grad(python, 1)(p, x) for p, x in pairs])
    same(fnp.stack([fl.jit(fl.grad(ours, 1))(p, x) for p, x in zip(ps, xs, strict=True)]), want)
    same(fl.vmap(fl.grad(ours, 1))(ps, xs), want)
    same(fl.grad(lambda xs: fl.vmap(ours)(ps, xs).sum())(xs), want)
    second = fnp.stack([fl.grad(fl.grad(python, 1), 1)(p, x) for p, x in pairs])
    same(fl.vmap(fl.grad(fl.grad(ours, 1), 1))(ps, xs), second, 1e-8)
    same(fl.vmap(fl.hessian(ours, 1))(ps, xs), second, 1e-8)


# --------------------------------------------------------------------------------- bounds, memory
def test_max_steps_ends_the_loop():
    def count(limit):
        return int(lax.while_loop(lambda i: i < 10, lambda i: i + 1, 0, max_steps=limit))

    assert [count(n) for n in (0, 1, 2, 7, 9, 10, 11, 100)] == [0, 1, 2, 7, 9, 10, 10, 10]
    with pytest.raises(TransformError, match="negative"):
        count(-1)


def test_max_steps_keeps_few_steps():
    """The outer loop keeps its carry, not what its steps computed."""

    def f(x):
        return lax.while_loop(lambda x: x < 1e6, lambda x: fnp.sin(x) + x * 1.5, x, max_steps=100)

    graph = fl.make_graph(fl.grad(f))(f64(1.0))
    outer = next(e for e in graph.eqns if e.op.name == "while_loop")
    stacks = [v.aval.short() for v in outer.outputs if "*" in v.aval.short()]
    assert sorted(stacks) == ["f64[*]", "i64[*]", "i64[*]"]  # carry: x and the count; steps
    check_grads(f, (f64(1.0),), eps=1e-7)


def test_max_steps_makes_two_loops_of_about_equal_length():
    asked = []

    def more(i):
        fl.debug.callback(lambda: asked.append(1))
        return i < 100

    lax.while_loop(more, lambda i: i + 1, 0, max_steps=100)
    outer = 10  # each of them asks once itself, and its inner loop once more than it has steps
    assert len(asked) == 100 + 2 * outer + 1


def test_a_loop_that_does_not_run():
    f = lambda x: lax.while_loop(lambda x: x < 0, lambda x: 1 / (x - x), x)  # noqa: E731
    same(fl.grad(f)(f64(2.0)), f64(1.0))
    same(fl.jit(fl.grad(f))(f64(2.0)), f64(1.0))
    same(fl.vmap(f)(fnp.zeros((0,), "float64")), fnp.zeros((0,), "float64"))
    same(fl.vmap(fl.grad(f))(fnp.zeros((0,), "float64")), fnp.zeros((0,), "float64"))


def test_what_the_condition_needs_stays_and_the_rest_goes():
    def f(x):
        def body(s):
            return {"i": s["i"] + 1, "x": s["x"] * 2, "waste": fnp.exp(s["waste"])}

        start = {"i": fnp.asarray(0), "x": x, "waste": x}
        return lax.while_loop(lambda s: s["i"] < 3, body, start)["x"]

    graph = fl.jit(f).lower(f64(1.0)).optimised
    assert "exp" not in [e.op.name for e in all_equations(graph)]
    same(fl.jit(f)(f64(1.0)), f64(8.0))


def test_nothing_differentiable_in_the_carry():
    def f(x, n):
        i = lax.while_loop(lambda i: i < n, lambda i: i + 2, fnp.asarray(0))
        return x * i

    same(fl.grad(f)(f64(1.0), 5), f64(6.0))
    same(fl.vmap(fl.grad(f), (None, 0))(f64(1.0), fnp.asarray([5, 0])), f64([6.0, 0.0]))


# ----------------------------------------------------------------------------------------- messages
def test_messages_name_the_leaf_and_both_types():
    with pytest.raises(CarryTypeError) as caught:
        lax.while_loop(
            lambda s: s["n"] > 0,
            lambda s: {"n": s["n"] / 2, "x": s["x"]},
            {"n": fnp.asarray(4), "x": 1.0},
        )
    text = str(caught.value)
    for words in ("while_loop of <lambda>", "carry['n']", "i64[]", "f32[]", ".astype('int64')"):
        assert words in text
    with pytest.raises(DtypeError, match=r"must return one bool of shape \(\), got f32\[\]"):
        lax.while_loop(lambda x: x, lambda x: x, 1.0)
    with pytest.raises(DtypeError, match=r"got bool\[2\]"):
        lax.while_loop(lambda x: x > 0, lambda x: x, fnp.ones(2))
    with pytest.raises(TransformError, match="must be a function"):
        lax.while_loop(True, lambda x: x, 1.0)


def test_debug_nans_looks_into_loops():
    def f(x):
        return lax.while_loop(lambda x: x > -1, lambda x: fnp.log(x - 1), x)

    with fl.debug_nans(), pytest.raises(fl.errors.NanError, match="log"):
        fl.jit(f)(1.5)
    with fl.debug_nans():
        same(fl.grad(newton(lax.while_loop))(f64(2.0)), fl.grad(newton(python_while))(f64(2.0)))
        same(fl.vmap(newton(lax.while_loop))(f64([2.0, 9.0])), f64([2.0**0.5, 3.0]))

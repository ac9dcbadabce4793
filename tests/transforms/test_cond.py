"""``cond`` and ``switch`` against Python's ``if``."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.core.rewrite import all_equations
from functorch_lite.errors import CarryTypeError, DtypeError, ShapeError, TransformError
from functorch_lite.testing import check_grads


def f64(x):
    return fnp.asarray(x, "float64")


def same(found, want, tolerance=1e-12):
    a, b = fl.tree.leaves(found), fl.tree.leaves(want)
    assert fl.tree.structure(found) == fl.tree.structure(want)
    for x, y in zip(a, b, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


W = f64([0.3, -1.2])
BRANCHES = [
    lambda x, y: {"a": fnp.sin(x) * W, "b": y * y},  # closes over a value
    lambda x, y: {"a": x, "b": fnp.exp(y) * x.sum()},
    lambda x, y: {"a": fnp.zeros(2, "float64"), "b": y},  # does not depend on x
]
X, Y = f64([1.1, 0.4]), f64(0.7)


def chosen(i, x, y):
    return lax.switch(i, BRANCHES, x, y)


def python(i, x, y):
    return BRANCHES[int(i)](x, y)


def scalar(f):
    return lambda *args: sum(((v * v).sum() for v in fl.tree.leaves(f(*args))), f64(0.0))


TRANSFORMS = {
    "value": lambda f: f,
    "jit": fl.jit,
    "grad": lambda f: fl.grad(scalar(f), (1, 2)),
    "jit of grad": lambda f: fl.jit(fl.grad(scalar(f), (1, 2))),
    "grad of jit": lambda f: fl.grad(fl.jit(scalar(f)), (1, 2)),
    "jacfwd": lambda f: fl.jacfwd(f, (1, 2)),
    "hessian": lambda f: fl.hessian(scalar(f), (1, 2)),
    "reverse of reverse": lambda f: fl.jacrev(fl.grad(scalar(f), 1), (1, 2)),
    "linearize": lambda f: lambda i, x, y: fl.linearize(lambda x, y: f(i, x, y), x, y)[1](x, y),
    "jit of linearize": lambda f: fl.jit(
        lambda i, x, y: fl.linearize(lambda x, y: f(i, x, y), x, y)[1](x, y)
    ),
    "checkpoint": lambda f: fl.grad(fl.checkpoint(scalar(f)), (1, 2)),
}


@pytest.mark.parametrize("i", range(3))
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_chosen_branch_decides(name, i):
    index = fnp.asarray(i)
    want = TRANSFORMS[name](lambda _, x, y: python(i, x, y))(index, X, Y)
    same(TRANSFORMS[name](chosen)(index, X, Y), want)


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if n != "value"])
def test_every_example_has_its_branch(name):
    index, xs, ys = (
        fnp.asarray([2, 0, 1, 0]),
        f64(np.linspace(-1, 1, 8)).reshape(4, 2),
        f64(range(4)),
    )
    rows = [
        TRANSFORMS[name](lambda _, x, y, i=i: python(i, x, y))(i, x, y)
        for i, x, y in zip(index, xs, ys, strict=True)
    ]
    want = fl.tree.map(lambda *r: fnp.stack(r), *rows)
    same(fl.vmap(TRANSFORMS[name](chosen))(index, xs, ys), want)
    shared = fl.vmap(TRANSFORMS[name](chosen), (None, 0, 0))(fnp.asarray(1), xs, ys)
    one = [
        TRANSFORMS[name](lambda _, x, y: python(1, x, y))(1, x, y)
        for x, y in zip(xs, ys, strict=True)
    ]
    same(shared, fl.tree.map(lambda *r: fnp.stack(r), *one))


def test_derivatives_against_differences():
    for i in range(3):
        check_grads(lambda x, y, i=i: chosen(i, x, y), (X, Y), order=2)


def test_indices_are_clamped():
    same(chosen(7, X, Y), chosen(2, X, Y))
    same(chosen(-3, X, Y), chosen(0, X, Y))
    want = fnp.stack([chosen(i, X, Y)["b"] for i in (0, 0, 2)])
    same(fl.vmap(lambda i: chosen(i, X, Y)["b"])(fnp.asarray([-5, 0, 9])), want)


def test_only_the_chosen_branch_runs():
    f = lambda p, x: lax.cond(p, fnp.log, lambda x: x * 2, x)  # noqa: E731
    with fl.debug_nans():
        same(fl.grad(f, 1)(False, -1.0), fnp.asarray(2.0))
    same(fl.jit(fl.grad(f, 1))(False, 0.0), fnp.asarray(2.0))


def test_predicates():
    for p in (True, 1, 2.5, np.bool_(True), fnp.asarray(3), fnp.asarray(True)):
        assert float(lax.cond(p, lambda: 1.0, lambda: 2.0)) == 1.0
    for p in (False, 0, 0.0, fnp.asarray(0.0)):
        assert float(lax.cond(p, lambda: 1.0, lambda: 2.0)) == 2.0
    assert float(lax.cond(True, lambda x: x, lambda x: -x, operand=3.0)) == 3.0
    with pytest.raises(ShapeError, match=r"must be a scalar, got shape \(2,\)"):
        lax.cond(fnp.ones(2) > 0, lambda: 1, lambda: 2)
    with pytest.raises(TransformError, match="must be a function"):
        lax.cond(True, 1.0, 2.0)
    with pytest.raises(DtypeError, match=r"got f32\[\]"):
        lax.switch(1.5, BRANCHES, X, Y)
    with pytest.raises(TransformError, match="at least one branch"):
        lax.switch(0, [])


def test_numbers_adapt_to_arrays():
    out = lax.cond(True, lambda x: 0.0, lambda x: x, fnp.ones((), "float64"))
    assert out.dtype.name == "float64"
    assert lax.cond(True, lambda: 1, lambda: 2).dtype.name == "int64"
    assert lax.cond(True, lambda: 1, lambda: 2.5).dtype.name == "float32"


def test_branches_that_differ_are_named():
    def first(x):
        return {"a": x}

    def second(x):
        return {"a": x.astype("int32")}

    with pytest.raises(CarryTypeError) as caught:
        lax.cond(True, first, second, fnp.ones(2))
    text = str(caught.value)
    for words in ("output['a']", "f32[2] by first", "i32[2] by second", ".astype("):
        assert words in text, text
    with pytest.raises(CarryTypeError, match="shapes agree"):
        lax.cond(True, lambda x: x, lambda x: x[:1], fnp.ones(2))
    with pytest.raises(CarryTypeError, match="structure"):
        lax.cond(True, lambda x: x, lambda x: (x, x), fnp.ones(2))


def test_residuals_of_branches_share_room():
    """Each branch keeps the exponential that it made, and one slot is enough for both."""

    def f(p, x):
        short = lambda x: fnp.sin(fnp.exp(x))  # noqa: E731
        long = lambda x: fnp.sin(fnp.exp(fnp.cos(x)))  # noqa: E731
        return lax.cond(p, short, long, x).sum()

    graph = fl.make_graph(fl.grad(f, 1))(True, X)
    forward = next(e for e in graph.eqns if e.op.name == "cond")
    kept = [v.aval.short() for v in forward.outputs[1:]]
    assert kept == ["f64[2]"]


def test_unused_results_and_operands_go():
    def f(p, x, y):
        return lax.cond(p, lambda x, y: (x * 2, fnp.exp(y)), lambda x, y: (x, y), x, y)[0]

    graph = fl.jit(f).lower(True, 1.0, 2.0).optimised
    (eqn,) = [e for e in graph.eqns if e.op.name == "cond"]
    assert (len(eqn.inputs), len(eqn.outputs)) == (2, 1)
    assert "exp" not in [e.op.name for e in all_equations(graph)]


def test_a_loop_with_branches_takes_the_gradient_of_the_path():
    def f(scan, cond):
        def step(c, x):
            return cond(c > x, lambda c, x: c * x, lambda c, x: c + fnp.sin(x), c, x), c

        return lambda c, xs: scan(step, c, xs)[1].sum()

    def python_scan(step, c, xs):
        ys = []
        for x in xs:
            c, y = step(c, x)
            ys.append(y)
        return c, fnp.stack(ys)

    def python_cond(p, a, b, *xs):
        return a(*xs) if p else b(*xs)

    ours, theirs = f(lax.scan, lax.cond), f(python_scan, python_cond)
    xs = f64(np.random.default_rng(0).normal(size=7))
    want = fl.grad(theirs)(f64(0.2), xs)
    same(fl.grad(ours)(f64(0.2), xs), want)
    same(fl.jit(fl.grad(ours))(f64(0.2), xs), want)
    same(fl.hessian(ours)(f64(0.2), xs), fl.hessian(theirs)(f64(0.2), xs))
    cs = f64([0.2, -1.0, 3.0])
    want = fnp.stack([fl.grad(theirs)(c, xs) for c in cs])
    same(fl.vmap(fl.grad(ours), (0, None))(cs, xs), want)
    same(fl.grad(lambda cs: fl.vmap(ours, (0, None))(cs, xs).sum())(cs), want)

"""``custom_vjp``: residuals, cotangents, forward mode, arguments, captured values, memory."""

import functools
import gc
import weakref

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

X = fnp.asarray(np.array([0.3, -0.7]))
S = fnp.asarray(np.array(0.3))


def same(got, want, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol)


def with_rules(f, fwd, bwd, **kwargs):
    f = fl.custom_vjp(f)
    f.defvjp(fwd, bwd, **kwargs)
    return f


WRAPS = {
    "eager": lambda f: f,
    "jit": fl.jit,
    "checkpoint": fl.checkpoint,
    "vmap": lambda f: lambda x: fl.vmap(f)(x[None])[0],
    "jit of vmap": lambda f: fl.jit(lambda x: fl.vmap(f)(x[None])[0]),
    "scan": lambda f: lambda x: fl.lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0],
    "while": lambda f: (
        lambda x: fl.lax.while_loop(lambda c: c[1] < 1, lambda c: (f(c[0]), c[1] + 1), (x, 0))[0]
    ),
    "cond": lambda f: lambda x: fl.lax.cond(x < 100, f, f, x),
}


# -------------------------------------------------------------------------------------- residuals
RESIDUALS = {
    "none": lambda x: None,
    "strings and numbers": lambda x: ("name", 3, True, 2.5, None),
    "a function": lambda x: {"f": fnp.sin},
    "nothing": lambda x: (),
    "containers": lambda x: {"a": [x, (np.float32(2), None)], "b": {"c": x * 2}},
    "a shape and a dtype": lambda x: (x.shape, x.dtype),
    "a partial": lambda x: functools.partial(fnp.multiply, 2.0),
    "an integer array": lambda x: fnp.arange(3),
    "the output": lambda x: fnp.sin(x),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", RESIDUALS)
def test_residuals_of_any_kind(name, wrap):
    seen = []

    def bwd(residuals, ct):
        seen.append(fl.tree.structure(residuals))
        for want, got in zip(
            fl.tree.leaves(RESIDUALS[name](S)), fl.tree.leaves(residuals), strict=True
        ):
            if isinstance(want, fl.Array):
                assert got.shape == want.shape
            else:
                assert type(got) is type(want)
        return (7.0 * ct,)

    f = WRAPS[wrap](with_rules(fnp.sin, lambda x: (fnp.sin(x), RESIDUALS[name](x)), bwd))
    same(fl.grad(f)(S), 7.0)
    same(fl.jit(fl.grad(f))(S), 7.0)
    same(fl.jvp(f, (S,), (2.0,))[1], 14.0)
    assert set(seen) == {fl.tree.structure(RESIDUALS[name](S))}


def test_python_control_flow_on_values():
    f = with_rules(lambda x: x, lambda x: (x, x), lambda x, ct: (ct * (2 if x > 0 else 3),))
    same(fl.grad(f)(S), 2)
    same(fl.grad(f)(-S), 3)
    g = with_rules(lambda x: x, lambda x: (x, bool(x > 0)), lambda r, ct: (ct * (2 if r else 3),))
    same(fl.grad(g)(-S), 3)
    on_cotangent = with_rules(
        lambda x: x, lambda x: (x, None), lambda _, ct: (ct if ct > 0 else 5 * ct,)
    )
    same(fl.grad(lambda x: -on_cotangent(x))(S), -5)
    with pytest.raises(errors.NonConcreteError):
        fl.jit(fl.grad(f))(S)


def test_only_residuals_are_kept():
    refs = []

    def fwd(x):
        inner = fnp.sin(x)
        half = inner * 0.5
        refs.extend([weakref.ref(inner), weakref.ref(half)])
        return half * 2.0, half

    f = with_rules(fnp.sin, fwd, lambda half, ct: (half * ct,))
    x = fnp.ones(100)
    refs.append(weakref.ref(x))
    out, pull = fl.vjp(f, x)
    del x
    gc.collect()
    assert [r() is not None for r in refs] == [False, False, True]  # x, inner, half
    same(pull(out)[0][0], 0.5 * np.sin(np.float32(1)) ** 2, rtol=1e-6)
    del pull
    gc.collect()
    assert refs[2]() is None


# ------------------------------------------------------------------------------------- cotangents
def product_rules(gx, gy):
    return with_rules(
        lambda x, y: x * y, lambda x, y: (x * y, (x, y)), lambda r, ct: (gx(r, ct), gy(r, ct))
    )


@pytest.mark.parametrize("zero", [lambda r, ct: None, lambda r, ct: fnp.zeros(2)])
@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit, fl.vmap])
def test_none_is_a_zero_cotangent(wrap, zero):
    f = wrap(product_rules(lambda r, ct: 5 * ct, zero))
    zero_like_x = 0 if wrap is fl.vmap else [0, 0]
    if wrap is fl.vmap and zero(None, None) is not None:
        f = fl.vmap(product_rules(lambda r, ct: 5 * ct, lambda r, ct: fnp.zeros(())))
    gx, gy = fl.grad(lambda x, y: fnp.sum(f(x, y)), (0, 1))(X, X)
    same(gx, [5, 5])
    same(gy, np.zeros(2) + zero_like_x)
    assert gy.dtype == np.float64
    same(fl.jvp(f, (X, X), (X, X))[1], 5 * np.asarray(X))
    same(fl.jvp(lambda y: f(X, y), (X,), (X,))[1], [0, 0])


def test_none_stands_for_a_whole_tree_or_a_leaf():
    f = with_rules(
        lambda p, q: p["a"] * p["b"] * q["c"][0] * q["d"],
        lambda p, q: (p["a"] * p["b"] * q["c"][0] * q["d"], None),
        lambda _, ct: ({"a": 5 * ct, "b": None}, None),
    )
    p, q = {"a": S, "b": S}, {"c": [S, None], "d": S}
    for wrap in (lambda f: f, fl.jit, fl.checkpoint):
        gp, gq = fl.grad(wrap(f), (0, 1))(p, q)
        same([gp["a"], gp["b"], gq["c"][0], gq["d"]], [5, 0, 0, 0])
        assert gq["c"][1] is None


def test_integer_arguments():
    def bwd(residuals, ct):
        (shape, dtype), i = residuals
        return fnp.zeros(shape, dtype).at[i].set(5 * ct), None

    take = with_rules(lambda x, i: x[i], lambda x, i: (x[i], ((x.shape, x.dtype), i)), bwd)
    for f in (take, fl.jit(take), fl.checkpoint(take)):
        same(fl.grad(f)(X, 1), [0, 5])
        same(fl.jit(fl.grad(f))(X, fnp.asarray(1)), [0, 5])
        same(fl.vmap(fl.grad(f), (None, 0))(X, fnp.arange(2)), [[5, 0], [0, 5]])
        same(fl.grad(lambda x, f=f: fl.vmap(f, (None, 0))(x, fnp.arange(2)).sum())(X), [5, 5])
        gx, gi = fl.vjp(f, X, fnp.asarray(1))[1](S)
        assert gi.dtype == fl.float0
        same(gx, [0, 1.5])
        tangent = (X, np.zeros((), fl.float0))
        same(fl.jvp(f, (X, fnp.asarray(1)), tangent)[1], 5 * -0.7)
    g = product_rules(lambda r, ct: ct, lambda r, ct: np.zeros(2, fl.float0))
    same(fl.grad(lambda x: fnp.sum(g(x, fnp.arange(2))))(X), [1, 1])


def test_integer_outputs_get_float0():
    def bwd(_, cts):
        assert cts[1].dtype == fl.float0
        assert cts[1].shape == (2,)
        return (5 * cts[0],)

    f = with_rules(
        lambda x: (x * 2, fnp.argsort(x)), lambda x: ((x * 2, fnp.argsort(x)), None), bwd
    )
    for g in (f, fl.jit(f), fl.checkpoint(f)):
        same(fl.grad(lambda x, g=g: g(x)[0][g(x)[1][0]])(X), [0, 5])
        same(fl.jvp(g, (X,), (X,))[1][0], 5 * np.asarray(X))


def test_unused_outputs_get_zeros():
    def bwd(_, cts):
        assert [(c.shape, c.dtype) for c in cts] == [((2,), np.float64), ((), np.float32)]
        return (cts[0] + cts[1],)

    f = with_rules(lambda x: (x, fnp.float32(1)), lambda x: ((x, fnp.float32(1)), None), bwd)
    for g in (f, fl.jit(f)):
        same(fl.grad(lambda x, g=g: fnp.sum(g(x)[0]))(X), [1, 1])
        same(fl.grad(lambda x, g=g: g(x)[1])(X), [1, 1])


def test_cotangents_take_the_arguments_dtype():
    f = product_rules(lambda r, ct: ct.astype("float32"), lambda r, ct: fnp.ones(2, "int32"))
    gx, gy = fl.grad(lambda x, y: fnp.sum(f(x, y)), (0, 1))(X, X)
    assert gx.dtype == gy.dtype == np.float64


def test_unmapped_arguments_get_the_sum_over_examples():
    f = product_rules(lambda r, ct: 5 * ct * r[1], lambda r, ct: 7 * ct * r[0])
    xs = np.arange(6.0).reshape(3, 2)
    for wrap in (lambda g: g, fl.jit):
        gx, gy = fl.grad(
            wrap(lambda x, y: fnp.sum(fl.vmap(f, (0, None))(x, y))), (0, 1)
        )(xs, X)  # fmt: skip
        same(gx, np.broadcast_to(5 * np.asarray(X), (3, 2)))
        same(gy, 7 * xs.sum(0))
        grid = wrap(
            lambda x, y: fnp.sum(fl.vmap(fl.vmap(f, (None, 0)), (0, None))(x, y))
        )  # fmt: skip
        gx, gy = fl.grad(grid, (0, 1))(xs[:, 0], X)
        same(gx, np.full(3, 5 * np.asarray(X).sum()))
        same(gy, np.full(2, 7 * xs[:, 0].sum()))
    same(fl.jvp(lambda y: fl.vmap(f, (0, None))(xs, y), (X,), (X,))[1], 7 * xs * np.asarray(X))


# ------------------------------------------------------------------------------------ forward mode
def test_forward_mode_is_the_transpose_of_the_backward_rule():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    f = with_rules(lambda x: matrix @ x, lambda x: (matrix @ x, None), lambda _, ct: (ct @ matrix,))
    same(fl.jacfwd(f)(X), matrix)
    same(fl.jacrev(f)(X), matrix)
    same(fl.vmap(fl.jacfwd(f))(X[None])[0], matrix)
    same(fl.jit(fl.jacfwd(f))(X), matrix)
    same(fl.linearize(f, X)[1](X), matrix @ np.asarray(X))
    two = with_rules(
        lambda x, y: (x * y, x + y),
        lambda x, y: ((x * y, x + y), (x, y)),
        lambda r, ct: (ct[0] * r[1] + 2 * ct[1], 3 * ct[0] * r[0] + 4 * ct[1]),
    )
    x, y, s, t = 2.0, 5.0, 0.5, 0.25
    _, dots = fl.jvp(two, (x, y), (s, t))
    same(dots, [s * y + 3 * t * x, 2 * s + 4 * t])
    same(fl.jvp(lambda y: two(x, y), (y,), (t,))[1], [3 * t * x, 4 * t])


def test_derivatives_of_rules():
    """Order three: through the forward rule, the backward rule and the residuals."""
    f = with_rules(lambda x: x**2, lambda x: (x**2, x**3), lambda r, ct: (ct * r,))
    want = [0.09, 0.3**3, 3 * 0.09, 6 * 0.3]
    for g in (f, fl.jit(f), fl.checkpoint(f)):
        same(fl.grad(g)(S), want[1])
        for first in (fl.grad, fl.jacfwd):
            for second in (fl.grad, fl.jacfwd):
                same(second(first(g))(S), want[2])
                for third in (fl.grad, fl.jacfwd):
                    same(third(second(first(g)))(S), want[3])


# -------------------------------------------------------------------------------------- arguments
@pytest.mark.parametrize("nums", [(0, 2), (-3, -1), [0, 2]])
def test_nondiff_argnums(nums):
    @functools.partial(fl.custom_vjp, nondiff_argnums=nums)
    def apply(f, x, how):
        return f(x)

    def fwd(f, x, how):
        assert how == "name"
        return f(x), x.shape

    def bwd(f, how, shape, ct):
        assert (how, f, shape) == ("name", fnp.sin, ())
        return (5 * ct,)

    apply.defvjp(fwd, bwd)
    for wrap in WRAPS.values():
        same(fl.grad(wrap(lambda x: apply(fnp.sin, x, "name")))(S), 5)
    same(fl.grad(lambda x: apply(how="name", x=x, f=fnp.sin))(S), 5)


def test_methods_keywords_and_defaults():
    class Model:
        @functools.partial(fl.custom_vjp, nondiff_argnums=0)
        def apply(self, x, y=3.0):
            return x * y

    Model.apply.defvjp(
        lambda self, x, y: (x * y, type(self).__name__),
        lambda self, name, ct: (5 * ct, {"Model": 7}[name] * ct),
    )
    model = Model()
    same(fl.grad(model.apply)(S), 5)
    same(fl.grad(lambda x, y: model.apply(y=y, x=x), 1)(S, 2.0), 7)
    same(fl.jit(fl.vmap(fl.grad(model.apply)))(X), [5, 5])


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_symbolic_zeros(wrap):
    seen = []

    def fwd(x, y, i):
        seen.append((x.perturbed, y.perturbed, i.perturbed))
        assert repr(i).startswith("CustomVJPPrimal(")
        return (x.value * y.value, x.value + y.value), (x.value, y.value)

    def bwd(r, cts):
        seen.append(tuple(type(c).__name__ == "SymbolicZero" for c in cts))
        live = [c for c in cts if type(c).__name__ != "SymbolicZero"]
        return live[0], cts[1], cts[1]

    f = with_rules(lambda x, y, i: (x * y, x + y), fwd, bwd, symbolic_zeros=True)
    gx, gy = fl.grad(wrap(lambda x, y: fnp.sum(f(x, y, 3)[0])), (0, 1))(X, X)
    assert seen == [(True, True, False), (False, True)]
    same(gx, [1, 1])
    same(gy, [0, 0])
    seen.clear()
    fl.grad(wrap(lambda y: fnp.sum(f(X, y, 3)[1])))(X)
    assert seen == [(False, True, False), (True, False)]


def scale_rules(f):
    return with_rules(f, lambda x, c: (x * c, (x, c)), lambda r, g: (g * r[1], fnp.sum(g * r[0])))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_python_scalars_stay_weak(dtype):
    def plain(x, c):
        return x * c

    def plain_double(c):
        return c * 2

    def dtypes(value):
        return [leaf.dtype.name for leaf in fl.tree.leaves(value)]

    custom = scale_rules(plain)
    custom_double = with_rules(plain_double, lambda c: (c * 2, None), lambda _, g: (g * 2,))
    x = fnp.ones(2, dtype)
    for program in (
        lambda f, d: fl.jit(f)(x, 2.0),
        lambda f, d: fl.vmap(lambda x: f(x, 2.0) * d(3.0))(x),
        lambda f, d: fl.vjp(f, x, 2.0)[1](x),
        lambda f, d: fl.jvp(f, (x, 2.0), (x, 1.0)),
        lambda f, d: fl.value_and_grad(lambda x, c: fnp.sum(x * d(c)), (0, 1))(x, 2.0),
        lambda f, d: fl.grad(lambda c: fnp.sum(x * d(c)))(2.0),
        lambda f, d: fl.lax.scan(lambda c, _: (f(c, 2.0) * d(0.5), None), x, None, length=2)[0],
    ):
        assert dtypes(program(custom, custom_double)) == dtypes(program(plain, plain_double))


# -------------------------------------------------------------------- values that are closed over
def scaled_sine(a, x):
    f = with_rules(
        lambda x: a * fnp.sin(x), lambda x: (a * fnp.sin(x), None), lambda _, g: (a * g,)
    )
    return f(x)


def test_closing_over_values_of_jit_and_vmap():
    ys = np.array([0.5, 2.0])
    same(fl.jit(fl.grad(scaled_sine, 1))(S, S), 0.3)
    same(fl.vmap(scaled_sine)(ys, X), ys * np.sin(np.asarray(X)))
    for wrap in (fl.vmap, lambda f: fl.jit(fl.vmap(f))):
        same(wrap(fl.grad(scaled_sine, 1))(ys, X), ys)
        same(wrap(lambda a, x: fl.jvp(lambda x: scaled_sine(a, x), (x,), (1.0,))[1])(ys, X), ys)
    same(fl.grad(lambda x: fnp.sum(fl.vmap(scaled_sine)(ys, x)))(X), ys)
    _, pull = fl.vjp(lambda x: fl.vmap(scaled_sine)(ys, x), X)
    same(pull(X)[0], ys * np.asarray(X))
    residual = lambda a, x: with_rules(  # noqa: E731
        lambda x: a * x, lambda x: (a * x, a), lambda r, g: (r * g,)
    )(x)
    same(fl.vmap(fl.grad(residual, 1))(ys, X), ys)
    nested = lambda a, x: with_rules(  # noqa: E731
        lambda x: a * x, lambda x: (a * x, a), lambda r, g: (fl.jit(lambda g: r * g)(g),)
    )(x)
    same(fl.grad(lambda x: fnp.sum(fl.vmap(nested)(ys, x)))(X), ys)
    same(fl.grad(lambda x: fnp.sum(fl.vmap(residual)(ys, x)))(X), ys)


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit, lambda f: lambda a, x: fl.vmap(f)(X, X)])
def test_closing_over_a_differentiated_value(wrap):
    for argnums in (0, (0, 1)):
        with pytest.raises(errors.GradientError, match=r"uses a value of grad of .*closure_conv"):
            wrap(fl.grad(scaled_sine, argnums))(S, S)


def test_a_backward_rule_that_closes_over_a_differentiated_value():
    def f(a, x):
        return with_rules(lambda x: x, lambda x: (x, None), lambda _, g: (a * g,))(x)

    for run in (fl.grad(f, (0, 1)), fl.jit(fl.grad(f, (0, 1)))):
        with pytest.raises(
            (errors.EscapedTracerError, errors.GradientError),
            match="custom_vjp of <lambda>: <lambda> uses a value of grad of f, which has ended",
        ):
            run(S, S)

"""``closure_convert``: what becomes an argument, and what it is for."""

import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

X = fnp.asarray(np.array([0.3, -0.7]))
S = fnp.asarray(np.array(0.3))


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12)


def polynomial(a, b, n):
    f, consts = fl.closure_convert(
        lambda x, d: {"r": x * a + d["k"] * b * n, "n": None}, S, {"k": S}
    )
    out = f(2 * S, {"k": S}, *consts)
    assert out["n"] is None
    return out["r"]


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_values_and_derivatives_with_respect_to_what_is_closed_over(wrap):
    f = lambda a, b: polynomial(a, b, 3)  # noqa: E731
    same(wrap(f)(S, S), 0.6 * 0.3 + 0.3 * 0.3 * 3)
    same(wrap(fl.grad(f, (0, 1)))(S, S), [0.6, 0.9])
    same(wrap(fl.vmap(fl.grad(f, (0, 1))))(X, X), [[0.6, 0.6], [0.9, 0.9]])
    same(wrap(lambda a: fl.jvp(f, (a, a), (a, a))[1])(S), 0.3 * 1.5)
    same(wrap(fl.hessian(lambda a: f(a * a, a)))(S), 2 * 0.6)


def test_only_differentiable_values_of_transforms_become_arguments():
    counts = []

    def f(a, i):
        converted, consts = fl.closure_convert(lambda x: x * a[i] + X[0], S)
        counts.append(len(consts))
        return converted(S, *consts)

    same(f(X, 1), 0.3 * -0.7 + 0.3)
    same(fl.grad(f)(X, 1), [0, 0.3])
    same(fl.jit(f)(X, 1), 0.3 * -0.7 + 0.3)
    same(fl.jit(fl.grad(f))(X, 1), [0, 0.3])
    same(fl.vmap(fl.grad(f), (None, 0))(X, fnp.arange(2)), np.diag([0.3, 0.3]))
    assert counts == [0, 1, 1, 1, 1]


def implicit(f, guess):
    """A custom_vjp function of a function, which must be told what the function is made of."""

    @fl.custom_vjp
    def solve(x, *consts):
        return 3 * f(x, *consts)

    def fwd(x, *consts):
        return solve(x, *consts), (x, consts)

    def bwd(residuals, ct):
        x, consts = residuals
        _, pull = fl.vjp(lambda *consts: f(x, *consts), *consts)
        return None, *[100 * g for g in pull(ct)]  # not the derivative of the function

    solve.defvjp(fwd, bwd)
    return solve


def test_custom_rules_of_functions_of_functions():
    def loss(a):
        f, consts = fl.closure_convert(lambda x: x * fnp.sin(a), S)
        return implicit(f, S)(S, *consts)

    first, second = 30 * np.cos(0.3), -30 * np.sin(0.3)
    same(loss(S), 0.9 * np.sin(0.3))
    for wrap in (lambda f: f, fl.jit):
        same(wrap(fl.grad(loss))(S), first)
        same(fl.grad(wrap(loss))(S), first)
        same(wrap(fl.vmap(fl.grad(loss)))(X), 30 * np.cos(np.asarray(X)))
        same(wrap(fl.grad(lambda x: fnp.sum(fl.vmap(loss)(x))))(X), 30 * np.cos(np.asarray(X)))
        same(wrap(fl.grad(fl.grad(loss)))(S), second)
        same(wrap(lambda a: fl.jvp(loss, (a,), (1.0,))[1])(S), first)
        scanned = lambda a: fl.lax.scan(lambda c, _: (loss(c), None), a, None, length=1)[0]  # noqa: E731
        same(wrap(fl.grad(scanned))(S), first)


def test_python_numbers_adapt_their_dtype():
    double, _ = fl.closure_convert(lambda x: x * 2, 1.0)
    for x in (2.0, 2, fnp.asarray(2.0), fnp.asarray(np.array(2.0))):
        for wrap in (lambda f: f, fl.jit):
            same(wrap(double)(x), 4.0)
    by_type, _ = fl.closure_convert(lambda x: x * 2, fl.ShapeDtypeStruct((2,), "float64"))
    same(by_type(X), 2 * np.asarray(X))
    x = fnp.ones(2, "bfloat16")

    def f(a):
        scale, consts = fl.closure_convert(lambda s: s * a, 1.0)
        return scale(2.0, *consts)

    assert f(x).dtype == fl.jit(f)(x).dtype == fl.jvp(f, (x,), (x,))[1].dtype == x.dtype


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda f, consts: f((S,), *consts),
            errors.TreeError,
            ("called with 1 arguments of structure PyTreeSpec(((*,),)) and 1 consts, the examples "
            "have PyTreeSpec((*,)). Write converted(*args, *consts)."),
        ),
        (lambda f, consts: f(S), errors.TreeError, "called with 0 arguments"),
        (lambda f, consts: f(S, S, *consts), errors.TreeError, "called with 2 arguments"),
        (
            lambda f, consts: f(X, *consts),
            errors.ShapeError,
            "x is f64[2], the example was f64[]. Convert the function with an example of that",
        ),
        (lambda f, consts: f(S.astype("float32"), *consts), errors.ShapeError, "x is f32[], the"),
    ],
)  # fmt: skip
def test_wrong_calls(call, error, text):
    def f(a):
        return call(*fl.closure_convert(lambda x: x * a, S))

    for run in (fl.grad(f), fl.jit(f)):
        with pytest.raises(error, match=re.escape(f"closure_convert of <lambda>: {text}")):
            run(S)


def test_no_function_and_no_array():
    with pytest.raises(errors.TransformError, match="closure_convert: the first argument must be"):
        fl.closure_convert(3.0, 1.0)
    with pytest.raises(errors.TreeError, match="closure_convert of <lambda>: x is not an array"):
        fl.closure_convert(lambda x: x, "a")

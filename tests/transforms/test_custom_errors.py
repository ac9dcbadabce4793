"""Wrong rules and wrong calls of ``custom_jvp`` and ``custom_vjp``, and what they are told."""

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


def with_rule(f, rule, **kwargs):
    f = fl.custom_jvp(f, **kwargs)
    f.defjvp(rule)
    return f


def with_rules(f, fwd, bwd, **kwargs):
    f = fl.custom_vjp(f, **kwargs)
    f.defvjp(fwd, bwd)
    return f


# ------------------------------------------------------------------------------------- custom_jvp
def bad(primals, tangents):
    return bad.result(primals, tangents)


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        (
            lambda p, t: t[0],
            errors.TransformError,
            "the rule bad must return a pair (out, out_tangent), got f64[2]",
        ),
        (lambda p, t: None, errors.TransformError, "a pair (out, out_tangent), got None"),
        (lambda p, t: (1, 2, 3), errors.TransformError, "(out, out_tangent), got 3 values"),
        (
            lambda p, t: (p[0], {"a": t[0]}),
            errors.TreeError,
            (
                "the rule bad returns a tangent of structure PyTreeSpec({'a': *}) for an output of "
                "PyTreeSpec(*). Return one tangent for each output, in the same containers."
            ),
        ),
        (
            lambda p, t: (p[0], t[0][0]),
            errors.GradientError,
            "the tangent that bad returns has shape (), expected (2,), that of the output",
        ),
        (
            lambda p, t: (p[0], "t"),
            errors.GradientError,
            "the tangent that bad returns is a str, expected an array of shape (2,)",
        ),
        (lambda p, t: ("x", t[0]), errors.TreeError, "bad returned a str at output"),
    ],
)
def test_wrong_returns(result, error, text):
    bad.result = result
    f = with_rule(lambda x, y: x * y, bad)
    for run in (lambda: fl.jvp(f, (X, X), (X, X)), lambda: fl.jit(fl.jacrev(f))(X, X)):
        with pytest.raises(error, match=re.escape("custom_jvp of <lambda>: ")) as info:
            run()
        assert text in str(info.value)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (lambda p, t: ((p[0],), (t[0],)), "returns the output as PyTreeSpec((*,)), the function"),
        (lambda p, t: (p[0][0], t[0][0]), "returns f64[] as output 0, the function returns f64[2]"),
        (
            lambda p, t: (p[0].astype("float32"), t[0]),
            "returns f32[2] as output 0, the function returns f64[2]. Return the same shape",
        ),
    ],
)
def test_the_rule_returns_what_the_function_returns(result, text):
    bad.result = result
    f = with_rule(lambda x, y: x * y, bad)
    for wrap in (fl.jit, fl.checkpoint, lambda f: lambda *a: fl.lax.cond(True, f, f, *a)):
        with pytest.raises((errors.GradientError, errors.TreeError), match=re.escape(text)):
            fl.jvp(wrap(f), (X, X), (X, X))


def test_tangents_take_the_outputs_dtype():
    f = with_rule(lambda x: x * 1.0, lambda p, t: (p[0], t[0].astype("float32")))
    assert fl.jvp(f, (X,), (X,))[1].dtype == np.float64
    assert fl.grad(lambda x: fnp.sum(f(x)))(X).dtype == np.float64


def test_a_rule_must_be_linear_in_the_tangents():
    f = with_rule(lambda x: x, lambda p, t: (p[0], t[0] ** 2))
    with pytest.raises(
        errors.GradientError,
        match=r"custom_jvp of <lambda>: integer_pow at .*test_custom_errors.py:\d+ .* in its "
        r"rule, is not linear in the tangents\. Compute what is not linear from the primals alone",
    ):
        fl.grad(f)(S)
    same(fl.jvp(f, (S,), (2.0,))[1], 4.0)


def test_without_a_rule():
    f = fl.custom_jvp(lambda x: x * x)
    same(fl.vmap(fl.jit(f))(X), np.asarray(X) ** 2)
    for run in (fl.grad(f), lambda x: fl.jvp(f, (x,), (x,)), fl.grad(fl.jit(f))):
        with pytest.raises(errors.GradientError, match=r"it has no rule for its .*\.defjvp\(rule"):
            run(S)


def test_wrong_definitions():
    identity = fl.custom_jvp(lambda x, y=1.0: x)
    for text, make in {
        "custom_jvp: the first argument must be a function": lambda: fl.custom_jvp(3.0),
        "nondiff_argnums must be an int or a tuple of ints, got 'x'": lambda: fl.custom_jvp(
            fnp.sin, nondiff_argnums="x"
        ),
        "nondiff_argnums has 3, but the call has 1 arguments": lambda: fl.custom_jvp(
            lambda x: x, nondiff_argnums=3
        )(S),
        "the rule must be a function, got 3": lambda: identity.defjvp(3),
        "defjvps takes one function or None per argument, got 3": lambda: identity.defjvps(3),
        "keyword-only arguments (n) have no place in a rule": lambda: fl.custom_jvp(
            lambda x, *, n=2: x
        )(S),
        "defjvps takes no nondiff_argnums; use defjvp": lambda: fl.custom_jvp(
            lambda x: x, nondiff_argnums=0
        ).defjvps(None),
    }.items():
        with pytest.raises(errors.TransformError, match=re.escape(text)):
            make()
    identity.defjvps(lambda t, out, x: t)
    with pytest.raises(errors.TransformError, match="got 1 rules, and the function has 2 arg"):
        fl.grad(identity)(S)


def test_an_argument_that_is_no_array():
    f = with_rule(lambda how, x: x, lambda p, t: (p[1], t[1]))
    for run in (fl.grad(lambda x: f("up", x)), fl.jit(lambda x: f({"how": "up"}, x))):
        with pytest.raises(
            errors.TreeError, match=r"how holds a str, which is .* nondiff_argnums=\(0,\)"
        ):
            run(S)


# ------------------------------------------------------------------------------------- custom_vjp
def fwd(x, p):
    return x * p["w"], (x, p["w"])


def bwd(saved, ct):
    return bwd.result(saved, ct)


PARAMS = {"w": X}


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        (
            lambda r, g: (g,),
            errors.TreeError,
            (
                "the rule bwd must return a tuple of 2 cotangents, one per differentiable "
                "argument, got 1. Return None for a zero one."
            ),
        ),
        (lambda r, g: g, errors.TreeError, "one per differentiable argument, got f64[2]."),
        (lambda r, g: None, errors.TreeError, "one per differentiable argument, got None."),
        (
            lambda r, g: (g, g),
            errors.TreeError,
            (
                "the rule bwd returns for argument 1 a cotangent of structure PyTreeSpec(*), "
                "expected PyTreeSpec({'w': *}), that of the argument."
            ),
        ),
        (
            lambda r, g: (g, {"w": g[0]}),
            errors.GradientError,
            (
                "the cotangent that bwd returns for p['w'] has shape (), expected (2,), that of "
                "p['w']. Return an array of that shape, or None for zero."
            ),
        ),
        (
            lambda r, g: (g, {"w": "zero"}),
            errors.GradientError,
            "the cotangent that bwd returns for p['w'] is a str, expected an array of shape (2,)",
        ),
    ],
)
def test_wrong_cotangents(result, error, text):
    bwd.result = result
    f = with_rules(lambda x, p: x * p["w"], fwd, bwd)
    loss = lambda x, p: fnp.sum(f(x, p))  # noqa: E731
    vmapped = lambda x, p: fnp.sum(fl.vmap(f, (0, None))(x[None], p))  # noqa: E731
    for run in (fl.grad(loss), fl.grad(fl.jit(loss)), fl.jit(fl.grad(loss)), fl.grad(vmapped)):
        with pytest.raises(error, match="custom_vjp of <lambda>: ") as info:
            run(X, PARAMS)
        assert text in str(info.value)


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (lambda x: x, "must return a pair (out, residuals), got f64[2]"),
        (lambda x: (x, 1, 2), "must return a pair (out, residuals), got 3 values"),
    ],
)
def test_wrong_forward_rules(forward, text):
    f = with_rules(lambda x: x, forward, lambda r, g: (g,))
    for run in (fl.vjp, lambda f, x: fl.jvp(f, (x,), (x,)), lambda f, x: fl.vjp(fl.jit(f), x)):
        with pytest.raises(errors.TransformError, match=re.escape(text)):
            run(f, X)


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (lambda x: ([x], None), "<lambda> returns the output as PyTreeSpec([*]), the function"),
        (lambda x: (x[0], None), "returns f64[] as output 0, the function returns f64[2]"),
        (lambda x: (x.astype("int32"), None), "returns i32[2] as output 0, the function returns"),
    ],
)
def test_the_forward_rule_returns_what_the_function_returns(forward, text):
    f = with_rules(lambda x: x, forward, lambda r, g: (g,))
    with pytest.raises((errors.GradientError, errors.TreeError), match=re.escape(text)):
        fl.vjp(fl.jit(f), X)


def test_forward_mode_needs_a_linear_backward_rule():
    f = with_rules(lambda x: x, lambda x: (x, None), lambda r, g: (fnp.clip(g, -1, 1),))
    same(fl.grad(lambda x: 5 * f(x))(S), 1.0)
    for run in (lambda: fl.jvp(f, (S,), (S,)), lambda: fl.linearize(f, S), lambda: fl.jacfwd(f)(S)):
        with pytest.raises(
            errors.GradientError,
            match=r"clamp at .*test_custom_errors.py:\d+ .*, in its rule, is not linear in the "
            r"cotangent, so forward mode, its transpose, does not exist. Use reverse mode",
        ):
            run()


def test_without_rules():
    f = fl.custom_vjp(lambda x: x * x)
    same(fl.jit(fl.vmap(f))(X), np.asarray(X) ** 2)
    for run in (fl.grad(f), lambda x: fl.jvp(f, (x,), (x,)), fl.grad(fl.jit(f))):
        with pytest.raises(errors.GradientError, match=r"no rule .*\.defvjp\(fwd, bwd\)"):
            run(S)
    with pytest.raises(errors.TransformError, match="defvjp takes two functions, fwd and bwd"):
        f.defvjp(lambda x: (x, None), None)

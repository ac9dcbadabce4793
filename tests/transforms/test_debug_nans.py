"""debug_nans names the operation, the user's line, and the direction, in every transform."""

import inspect
import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors


def forward(x):
    return fnp.sum(fnp.log(x))  # the forward line


def backward(x):
    return fnp.sum(fnp.sqrt(x) * 0.0)  # the backward line


def line_of(function):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if "line" in line)


def failure(call):
    with fl.debug_nans():
        with pytest.raises(errors.NanError) as info:
            call()
    return str(info.value)


BAD = fnp.asarray([1.0, -1.0])
ZERO = fnp.asarray([1.0, 0.0])
ROUTES = {
    "plain": lambda f, x: f(x),
    "jit": lambda f, x: fl.jit(f)(x),
    "jit of jit": lambda f, x: fl.jit(lambda x: fl.jit(f)(x) * 2)(x),
    "vmap": lambda f, x: fl.vmap(f)(fnp.stack([x, x])),
    "jit of vmap": lambda f, x: fl.jit(fl.vmap(f))(fnp.stack([x, x])),
    "vmap of jit": lambda f, x: fl.vmap(fl.jit(f))(fnp.stack([x, x])),
    "jvp": lambda f, x: fl.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: fl.linearize(f, x),
}
GRADIENTS = {
    "grad": lambda f, x: fl.grad(f)(x),
    "jit of grad": lambda f, x: fl.jit(fl.grad(f))(x),
    "grad of jit": lambda f, x: fl.grad(fl.jit(f))(x),
    "jit of grad of jit": lambda f, x: fl.jit(fl.grad(fl.jit(f)))(x),
    "vmap of grad": lambda f, x: fl.vmap(fl.grad(f))(fnp.stack([x, x])),
    "jit of vmap of grad": lambda f, x: fl.jit(fl.vmap(fl.grad(f)))(fnp.stack([x, x])),
    "vmap of grad of jit": lambda f, x: fl.vmap(fl.grad(fl.jit(f)))(fnp.stack([x, x])),
    "vjp": lambda f, x: fl.vjp(f, x)[1](1.0),
    "jacrev": lambda f, x: fl.jacrev(f)(x),
    "jit of value_and_grad": lambda f, x: fl.jit(fl.value_and_grad(f))(x),
}


@pytest.mark.parametrize("route", [*ROUTES, *GRADIENTS])
def test_a_nan_in_the_forward_pass(route):
    text = failure(lambda: {**ROUTES, **GRADIENTS}[route](forward, BAD))
    where = rf"test_debug_nans\.py:{line_of(forward)} \(forward\)"
    assert re.search(rf"^NaN in the forward pass: log at .*{where}: \d of \d elements", text), text
    assert "None of its operands held a NaN." in text


@pytest.mark.parametrize("route", GRADIENTS)
def test_a_nan_in_the_backward_pass(route):
    text = failure(lambda: GRADIENTS[route](backward, ZERO))
    where = rf"test_debug_nans\.py:{line_of(backward)} \(backward\)"
    assert re.search(
        r"^NaN in the backward pass: \w+, in the derivative of sqrt at .*"
        rf"{where}: \d of \d elements",
        text,
    ), text


@pytest.mark.parametrize("route", ["jit", "jit of jit", "vmap of jit"])
def test_a_function_traced_before_is_watched_too(route):
    f = fl.jit(forward)
    ROUTES[route](f, fnp.asarray([1.0, 2.0]))
    text = failure(lambda: ROUTES[route](f, BAD))
    assert f"test_debug_nans.py:{line_of(forward)} (forward)" in text
    g = fl.jit(fl.grad(backward))
    g(fnp.asarray([1.0, 2.0]))
    text = failure(lambda: g(ZERO))
    assert f"in the derivative of sqrt at {__file__}:{line_of(backward)} (backward)" in text


def test_nans_that_were_there_before_are_told_apart():
    held = fnp.asarray([1.0, np.nan])
    assert "Operand 0 held NaN already." in failure(lambda: fnp.sin(held))
    assert "Operands 0, 1 held NaN already." in failure(lambda: held + held)


def test_nans_that_are_written_down_are_wanted():
    with fl.debug_nans():
        assert np.isnan(np.asarray(fnp.full((2,), np.nan))).all()
        assert float(fl.jit(lambda x: fnp.where(x > 0, x, np.nan))(1.0)) == 1.0


def test_infinities_and_integers_pass():
    with fl.debug_nans():
        assert np.isinf(float(fnp.log(fnp.asarray(0.0))))
        assert int(fnp.asarray(7) // 0 * 0) == 0


def test_it_can_be_switched_off_and_nested():
    with fl.debug_nans(False):
        fnp.log(BAD)
    with fl.debug_nans(), fl.debug_nans():
        with pytest.raises(errors.NanError):
            fnp.log(BAD)
    assert np.isnan(np.asarray(fnp.log(BAD))).any()


def test_half_precision_is_watched():
    for dtype in ("float16", "bfloat16", "float64", "complex64"):
        text = failure(lambda: fnp.log(fnp.asarray([np.nan]).astype(dtype)))  # noqa: B023
        assert "1 of 1 elements" in text


def test_results_are_the_same_as_without():
    x = np.linspace(0.1, 1.0, 4)

    def f(x):
        return fl.jit(lambda x: fnp.sum(fnp.log(x) * x))(x)

    with fl.debug_nans():
        watched = fl.value_and_grad(f)(x), fl.vmap(fl.grad(f))(x[:, None]), fl.hessian(f)(x)
    plain = fl.value_and_grad(f)(x), fl.vmap(fl.grad(f))(x[:, None]), fl.hessian(f)(x)
    for a, b in zip(fl.tree.leaves(watched), fl.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-14)  # one is compiled

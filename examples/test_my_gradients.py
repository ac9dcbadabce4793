"""Gradient tests of a user's own functions: hypothesis draws the shapes and values.

    pytest examples/test_my_gradients.py

The file has two functions of the kind one writes oneself, a loss and one with a derivative rule of
its own, and tests of what should hold for all arguments.  When one fails, hypothesis looks for the
smallest arguments that make it fail, and the message of ``check_grads`` names the argument and the
index.  (To see that, change ``0.5`` in ``huber`` or drop ``* ct`` in the rule.)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.testing import check_grads, check_vmap, count_traces
from functorch_lite.testing.strategies import arrays, broadcastable_shapes, keys, pytrees, shapes

# The first example compiles, so a deadline for each of them would say nothing.
drawn = settings(deadline=None, max_examples=25, derandomize=True)

float64 = partial(arrays, "float64")  # differences of float32 have three digits


# ----------------------------------------------------------------------------- what is to be tested
def huber(error: Any, width: float = 1.0) -> Any:
    """Quadratic near zero and linear far from it."""
    size = fnp.abs(error)
    return fnp.where(size < width, 0.5 * error**2, width * (size - 0.5 * width))


@fl.custom_vjp
def log1pexp(x: Any) -> Any:
    """log(1 + exp(x)), which does not overflow."""
    return fnp.maximum(x, 0) + fnp.log1p(fnp.exp(-fnp.abs(x)))


def log1pexp_forward(x: Any) -> Any:
    return log1pexp(x), x


def log1pexp_backward(x: Any, ct: Any) -> Any:
    return (ct / (1 + fnp.exp(-x)),)


log1pexp.defvjp(log1pexp_forward, log1pexp_backward)


# ---------------------------------------------------------------------------------------- its tests
@drawn
@given(float64(shapes(), st.sampled_from([-2.5, -0.5, 0.25, 0.75, 3.0])))
def test_huber(error: Any) -> None:
    """The values keep away from the kinks of the second derivative, -1 and 1."""
    check_grads(huber, (error,))


@drawn
@given(float64(shapes(min_side=1)))
def test_a_rule_of_my_own(x: Any) -> None:
    """A function with a ``custom_vjp`` rule has reverse mode only."""
    check_grads(log1pexp, (x,), modes="rev")
    assert fnp.allclose(fl.jit(log1pexp)(x), fnp.logaddexp(x, 0.0))


@drawn
@given(st.data(), broadcastable_shapes(min_side=1))
def test_broadcasting(data: st.DataObject, pair: Any) -> None:
    """The gradient of what was broadcast is summed again."""
    x = data.draw(float64(pair[0]))
    y = data.draw(float64(pair[1], domain="nonzero"))
    check_grads(lambda x, y: x / y, (x, y))


@drawn
@given(float64(st.integers(1, 6).map(lambda n: (n,)), domain="distinct"))
def test_a_median_away_from_ties(x: Any) -> None:
    check_grads(fnp.median, (x,))


@drawn
@given(pytrees(float64(shapes(max_dims=1)), allow_none=False).filter(fl.tree.leaves))
def test_weight_decay_of_any_tree(params: Any) -> None:
    """Half the squared norm of all parameters has these as its gradient, whatever their tree."""

    def half_squares(params: Any) -> Any:
        return sum(fnp.sum(w * w) for w in fl.tree.leaves(params)) / 2

    grads = fl.grad(half_squares)(params)
    assert fl.tree.structure(grads) == fl.tree.structure(params)
    pairs = zip(fl.tree.leaves(grads), fl.tree.leaves(params), strict=True)
    assert all(fnp.allclose(g, w) for g, w in pairs)


@drawn
@given(float64((2, 3)), float64((3,)), keys())
def test_batches(w: Any, x: Any, key: Any) -> None:
    """``vmap`` gives what a loop gives, for every choice of batched arguments."""

    def noisy(w: Any, x: Any, key: Any) -> Any:
        return huber(w @ x + fl.random.normal(key, (2,), "float64"))

    check_vmap(noisy, (w, x, key), in_axes=(None, 0, 0))
    check_vmap(lambda w, x: noisy(w, x, key), (w, x))


def test_a_training_step_is_traced_once() -> None:
    step = fl.jit(lambda w, x: w - 0.1 * fl.grad(lambda w: huber(x @ w).sum())(w))
    w = fnp.zeros(3)
    with count_traces(step) as traces:
        for i in range(5):
            w = step(w, fnp.full((4, 3), float(i)))
    assert traces.count == 1, traces.reasons


def test_a_mistake_is_reported_where_it_is() -> None:
    def forgets_an_axis(params: Any) -> Any:
        return params["w"] @ fl.stop_gradient(params["b"])

    params = {"w": fnp.ones((2, 2), "float64"), "b": fnp.ones(2, "float64")}
    with pytest.raises(
        AssertionError, match=r"d out\[\d\] / d args\[0\]\['b'\]\[\d\]: analytic 0, "
    ):
        check_grads(forgets_an_axis, (params,))

"""``check_grads`` and ``check_vmap`` accept what is right and notice what is wrong."""

import itertools

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.testing import check_grads, check_vmap
from functorch_lite.testing.vmap_loop import choices_of_axes


def point(*shape):
    return fnp.asarray(np.linspace(0.3, 1.7, int(np.prod(shape))).reshape(shape))


def halves_the_derivative(x):
    return fnp.sin(x / 2) + fl.stop_gradient(fnp.sin(x) - fnp.sin(x / 2))


def loses_the_second_derivative(x):
    constant = fl.stop_gradient(x)
    return fnp.sum(constant**3 + 3 * constant**2 * (x - constant))


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_derivatives_pass(order, modes):
    check_grads(lambda x: fnp.sin(x) * fnp.exp(x), (point(2, 3),), order, modes)
    check_grads(lambda p: {"out": p["w"] @ p["w"], "n": 3}, ({"w": point(2, 2)},), order, modes)


def test_arguments_that_are_not_floats_are_held_fixed():
    check_grads(lambda x, i: x[i] ** 2, (point(3), fnp.asarray([0, 2])), order=2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tolerances_follow_the_dtype(dtype):
    check_grads(fnp.tanh, (point(4).astype(dtype),), order=1)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_derivative_is_noticed(mode):
    with pytest.raises(AssertionError, match="of halves_the_derivative"):
        check_grads(halves_the_derivative, (point(3),), modes=(mode,))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_second_derivative_is_noticed(mode):
    check_grads(loses_the_second_derivative, (point(3),), order=1, modes=(mode,))
    with pytest.raises(AssertionError, match="of (jvp|vjp) of loses_the_second_derivative"):
        check_grads(loses_the_second_derivative, (point(3),), order=2, modes=(mode,))


@pytest.mark.parametrize("arguments", [{"order": 0}, {"modes": ("backward",)}, {"modes": ()}])
def test_unknown_settings(arguments):
    with pytest.raises(ValueError, match="check_grads: expected order >= 1 and modes"):
        check_grads(fnp.sin, (point(3),), **arguments)


def test_all_choices_of_axes():
    assert check_vmap(lambda x, y: x @ y, (point(2, 3), point(3))) == 4 * 3 - 1
    assert check_vmap(lambda p: p["a"] + p["b"], ({"a": point(2), "b": point(2)},)) == 8
    assert list(choices_of_axes([0])) == [(0,)]


def test_the_other_examples_may_be_given():
    examples = [(fnp.asarray(float(i)),) for i in range(3)]
    check_vmap(fnp.exp, examples[0], others=examples[1:])


def test_a_function_that_sees_the_batch_is_noticed():
    calls = itertools.count()
    with pytest.raises(AssertionError, match=r"vmap\(in_axes=\(0,\)\), output 0 differs"):
        check_vmap(lambda x: x + next(calls), (point(2),))

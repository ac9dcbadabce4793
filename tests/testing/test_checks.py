"""``check_grads`` and ``check_vmap`` accept what is right and notice what is wrong."""

import itertools
import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.errors import AxisError, DtypeError
from functorch_lite.testing import check_grads, check_vmap, choices_of_axes


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


def wrong_by_one_argument(x, params):
    w = params["w"]
    return {"y": w * x + 0.5 * (fl.stop_gradient(w[1, 0]) - w[1, 0])}


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_the_message_names_the_argument_the_index_and_both_values(mode):
    args = (point(2) + 1, {"b": point(2), "w": point(2, 2)})
    with pytest.raises(AssertionError) as caught:
        check_grads(wrong_by_one_argument, args, 1, mode)
    message = str(caught.value)
    found = re.search(
        r"the worst is d (.*) / d (.*): analytic (-?[\d.e-]+), numeric (-?[\d.e-]+)\.", message
    )
    assert found, message
    assert found[2] == "args[1]['w'][1, 0]"
    # The difference knows nothing of stop_gradient: it sees the terms cancel.
    if mode == "fwd":
        assert re.fullmatch(r"out\['y'\]\[\d, \d\]", found[1])
        assert float(found[4]) - float(found[3]) == pytest.approx(0.5, abs=1e-4)
    else:
        assert found[1] == "<cotangent, out>"
    assert "atol=1e-05" in message and "Remedy:" in message


def test_higher_orders_name_tangents():
    with pytest.raises(AssertionError, match=r"d the tangent of out\[?.*/ d args\[0\]\["):
        check_grads(loses_the_second_derivative, (point(3),), modes="fwd")
    with pytest.raises(AssertionError, match=r"vjp of vjp of .*/ d args\[0\]\["):
        check_grads(loses_the_second_derivative, (point(3),), modes="rev")


def test_a_derivative_that_is_nan_or_infinite_is_noticed():
    with pytest.raises(AssertionError, match=r"args\[0\]\[0\]: analytic (nan|inf), numeric 0\."):
        check_grads(lambda x: fnp.sqrt(x * x), (fnp.zeros(2, "float64"),))


def test_large_arguments_are_looked_at_in_part():
    with pytest.raises(AssertionError, match="Of 256 elements, the worst"):
        check_grads(halves_the_derivative, (point(40, 40),), order=1)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_scalars_and_empty_arrays_pass(shape):
    check_grads(lambda x: fnp.sum(fnp.sin(x)) + fnp.exp(x), (point(*shape),))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    check_grads(lambda x: fnp.tanh(x) * x, (point(4).astype(dtype),))
    with pytest.raises(AssertionError, match="is wrong"):
        check_grads(lambda x: 3 * fl.stop_gradient(x) + x, (point(4).astype(dtype),))


def test_it_composes_with_transforms():
    def f(x):
        return fl.vmap(fl.grad(lambda t: fnp.sin(t) * t))(x)

    check_grads(f, (point(3),))
    check_grads(fl.jit(f), (point(3),))


@pytest.mark.parametrize(
    ("f", "args", "message"),
    [
        (fnp.sin, (fnp.arange(3),), r"at least one floating-point argument; got args\[0\]: i64"),
        (fnp.sin, (), "argument; got none"),
        (lambda x: {"i": fnp.argmax(x)}, (point(2),), r"floating-point result; got out\['i'\]: i6"),
    ],
)
def test_nothing_to_differentiate(f, args, message):
    with pytest.raises(DtypeError, match=message):
        check_grads(f, args)


@pytest.mark.parametrize("check", [check_grads, check_vmap])
def test_arguments_that_are_no_tuple(check):
    with pytest.raises(TypeError, match=rf"{check.__name__}: expected a tuple .* got f64\[3\]"):
        check(fnp.sin, point(3))


@pytest.mark.peers
def test_jax_agrees_on_what_is_right():
    test_util = pytest.importorskip("jax.test_util")
    jax = pytest.importorskip("jax")

    def make(numpy, stop):
        right = lambda x: numpy.tanh(x) * x  # noqa: E731
        wrong = lambda x: numpy.tanh(x) * stop(x)  # noqa: E731
        return right, wrong

    x = np.linspace(0.1, 1.0, 4, dtype=np.float32)
    for check, (right, wrong) in (
        (check_grads, make(fnp, fl.stop_gradient)),
        (test_util.check_grads, make(jax.numpy, jax.lax.stop_gradient)),
    ):
        check(right, (x,), 2, ("fwd", "rev"))
        for modes in (("fwd",), ("rev",)):
            with pytest.raises(AssertionError):
                check(wrong, (x,), 1, modes)


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


def test_one_choice_of_axes():
    tree = {"a": point(2, 3), "b": point(3)}

    def f(p, y):
        return p["a"] @ p["b"] * y

    args = (tree, point(2))
    assert check_vmap(f, args, in_axes=({"a": -1, "b": None}, 0)) == 1
    assert check_vmap(f, args, in_axes=0) == check_vmap(f, args, in_axes=[0, None]) == 1
    with pytest.raises(AssertionError, match=r"in_axes=\(\{'a': 2, 'b': None\}, 0\)\), output 0"):
        calls = itertools.count()
        check_vmap(lambda p, y: f(p, y) + next(calls), args, in_axes=({"a": -1, "b": None}, 0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"in_axes": (None,)}, ValueError, "expected an axis for at least one argument"),
        ({"in_axes": 3}, AxisError, r"axis 3 of args\[0\], whose batch has 3 axes"),
        ({"size": 0}, ValueError, "one example; got 1 arrays and size=0"),
    ],
)
def test_choices_that_cannot_be(arguments, error, message):
    with pytest.raises(error, match=f"check_vmap: .*{message}.*Remedy"):
        check_vmap(fnp.exp, (point(2, 2),), **arguments)

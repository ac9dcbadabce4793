"""Every order of transforms to depth three, against derivatives known in closed form.

The function is a sum of sines, which every transform maps to another sum of sines: a derivative
multiplies by the frequency and shifts the phase, the batched sum adds terms of half the frequency.
"""

import itertools
import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp

ONE = np.float64(1.0)


class Sines:
    """x -> sum of a * sin(w * x + p), with its transforms in closed form."""

    def __init__(self, terms):
        self.terms = terms

    def __call__(self, x):
        return sum(a * math.sin(w * x + p) for a, w, p in self.terms)

    def derivative(self):
        return Sines([(a * w, w, p + math.pi / 2) for a, w, p in self.terms])

    def over_batch(self):
        return Sines([*self.terms, *[(a, w / 2, p) for a, w, p in self.terms]])


def start(x):
    return 0.5 * fnp.sin(2.0 * x + 0.3) + fnp.sin(x)


START = Sines([(0.5, 2.0, 0.3), (1.0, 1.0, 0.0)])


def over_batch(f):
    def batched_sum(x):
        scales = fnp.asarray(np.array([1.0, 0.5]))
        return fnp.sum(fl.vmap(f)(x * scales))

    return batched_sum


def over_captured_batch(f):
    def batched_sum(x):
        scales = fnp.asarray(np.array([1.0, 0.5]))
        return fnp.sum(fl.vmap(lambda s: f(x * s))(scales))

    return batched_sum


def closing_over_the_argument(f):
    return lambda x: fl.jit(lambda y: f(x + y - y))(fnp.asarray(np.array(0.25)))


TRANSFORMS = {
    "grad": (fl.grad, Sines.derivative),
    "jvp": (lambda f: lambda x: fl.jvp(f, (x,), (1.0,))[1], Sines.derivative),
    "vmap": (over_batch, Sines.over_batch),
    "jit": (fl.jit, lambda s: s),
    "linearize": (lambda f: lambda x: fl.linearize(f, x)[1](1.0), Sines.derivative),
    "vjp": (lambda f: lambda x: fl.vjp(f, x)[1](1.0)[0], Sines.derivative),
    "jacfwd": (fl.jacfwd, Sines.derivative),
    "jacrev": (fl.jacrev, Sines.derivative),
    "hessian": (fl.hessian, lambda s: s.derivative().derivative()),
    "vmap_closure": (over_captured_batch, Sines.over_batch),
    "jit_closure": (closing_over_the_argument, lambda s: s),
    "value": (lambda f: lambda x: fl.value_and_grad(f)(x)[0], lambda s: s),
}
MAIN = ("grad", "jvp", "vmap", "jit", "linearize")
ORDERS = [
    *[(a,) for a in TRANSFORMS],
    *itertools.product(TRANSFORMS, repeat=2),
    *itertools.product(MAIN, repeat=3),
]


@pytest.mark.parametrize("order", ORDERS, ids="-of-".join)
def test_any_order_of_transforms(order):
    f, expected = start, START
    for name in reversed(order):
        transform, closed_form = TRANSFORMS[name]
        f, expected = transform(f), closed_form(expected)
    x = fnp.asarray(np.array(0.7))
    got = f(x)
    assert type(got) is fl.Array
    assert got.dtype == np.float64
    np.testing.assert_allclose(np.asarray(got), expected(0.7), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(fl.jit(f)(x)), expected(0.7), rtol=1e-12)


@pytest.mark.parametrize("order", list(itertools.product(MAIN, repeat=2)), ids="-of-".join)
def test_any_order_over_a_batch(order):
    f, expected = start, START
    for name in reversed(order):
        transform, closed_form = TRANSFORMS[name]
        f, expected = transform(f), closed_form(expected)
    points = np.linspace(-1.0, 1.0, 4)
    got = fl.vmap(f)(fnp.asarray(points))
    np.testing.assert_allclose(np.asarray(got), [expected(x) for x in points], rtol=1e-12)


def test_the_tenth_derivative_of_the_exponential():
    f = fnp.exp
    for _ in range(6):
        f = fl.grad(f)
    np.testing.assert_allclose(np.asarray(f(fnp.asarray(np.array(0.5)))), math.exp(0.5), rtol=1e-12)


# ------------------------------------------------------------------------- perturbation confusion
def nested(outer, inner):
    """d/dx of x * (d/dy of x + y at y = 1), which is 1 for every x."""
    return outer(lambda x: x * inner(lambda y: x + y)(ONE))(3.0 * ONE)


def nested_product(outer, inner):
    """d/dx of x * (d/dy of x * y * y at y = 2) = d/dx of 4 x * x."""
    return outer(lambda x: x * inner(lambda y: x * y * y)(2.0 * ONE))(3.0 * ONE)


DERIVATIVES = {name: TRANSFORMS[name][0] for name in ("grad", "jvp", "linearize", "vjp", "jacfwd")}


@pytest.mark.parametrize("outer", DERIVATIVES)
@pytest.mark.parametrize("inner", DERIVATIVES)
def test_no_perturbation_confusion(outer, inner):
    assert float(nested(DERIVATIVES[outer], DERIVATIVES[inner])) == 1.0
    assert float(nested_product(DERIVATIVES[outer], DERIVATIVES[inner])) == 24.0


@pytest.mark.parametrize("outer", DERIVATIVES)
@pytest.mark.parametrize("inner", DERIVATIVES)
def test_no_perturbation_confusion_through_jit(outer, inner):
    def jitted(name):
        return lambda f: fl.jit(DERIVATIVES[name](fl.jit(f)))

    assert float(nested(jitted(outer), jitted(inner))) == 1.0
    assert float(nested_product(jitted(outer), jitted(inner))) == 24.0


# --------------------------------------------------------------------------------------- closures
def test_closures_over_tracers_of_every_level():
    def program(a):
        def per_example(b):
            def loss(c):
                def inner(d):
                    return a * b * c * d * d

                return fl.jit(inner)(c) + fl.jit(lambda e: e * b)(a)

            return fl.grad(loss)(a * b)

        return fnp.sum(fl.vmap(per_example)(fnp.asarray(np.array([1.0, 2.0, 3.0]))))

    # loss(c) = a b c^3 + a b, so its derivative at c = a b is 3 a^3 b^3.
    a = 1.3
    cubes = 1 + 8 + 27
    x = fnp.asarray(np.array(a))
    np.testing.assert_allclose(float(program(x)), 3 * a**3 * cubes)
    np.testing.assert_allclose(float(fl.grad(program)(x)), 9 * a**2 * cubes)
    np.testing.assert_allclose(float(fl.jit(fl.grad(fl.jit(program)))(x)), 9 * a**2 * cubes)
    np.testing.assert_allclose(float(fl.jvp(fl.grad(program), (x,), (ONE,))[1]), 18 * a * cubes)


def test_a_function_of_two_mapped_axes_closes_over_both():
    rows, columns = np.arange(3.0), np.arange(4.0)
    table = fl.vmap(lambda r: fl.vmap(lambda c: r * 10 + c)(fnp.asarray(columns)))(
        fnp.asarray(rows)
    )
    np.testing.assert_array_equal(np.asarray(table), rows[:, None] * 10 + columns)


def test_mapped_jit_calls_that_close_over_a_mapped_value():
    def f(x):
        return fl.jit(lambda y: x * y)(fnp.asarray(np.array(2.0)))

    np.testing.assert_array_equal(np.asarray(fl.vmap(f)(fnp.asarray(np.arange(3.0)))), [0, 2, 4])


# ---------------------------------------------------------------------------- Python control flow
def branching(x):
    if x > 1:
        return x * x
    while x < 0.5:
        x = x * 2
    return 3 * x


@pytest.mark.parametrize(("x", "slope"), [(2.0, 4.0), (0.75, 3.0), (0.2, 12.0)])
def test_data_dependent_control_flow_without_jit(x, slope):
    assert float(fl.grad(branching)(x)) == slope
    assert float(fl.jvp(branching, (x,), (1.0,))[1]) == slope
    assert float(fl.linearize(branching, x)[1](1.0)) == slope
    assert float(fl.grad(fl.grad(lambda t: t * branching(t)))(x)) == (6 * x if x > 1 else 2 * slope)


def test_loops_over_the_rows_of_a_tracer():
    def f(x):
        total = 0.0
        for i, row in enumerate(x):
            total = total + (i + 1) * fnp.sum(row)
        return total

    x = fnp.ones((3, 2))
    np.testing.assert_array_equal(np.asarray(fl.grad(f)(x)), [[1, 1], [2, 2], [3, 3]])
    np.testing.assert_array_equal(np.asarray(fl.grad(fl.jit(f))(x)), [[1, 1], [2, 2], [3, 3]])

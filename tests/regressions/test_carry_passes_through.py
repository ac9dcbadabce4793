"""A loop of no steps returns its carry; what is known stays known when a loop is cut in two."""

import numpy as np

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax

X = fnp.asarray([0.3, 0.4], "float64")
ONES = fnp.ones_like(X)


def test_a_replaced_carry_still_has_a_gradient_where_no_step_is_made():
    y = 2 * X
    for f, want in (
        (lambda x: lax.scan(lambda c, a: (y, None), x, fnp.zeros(0))[0], 1.0),
        (lambda x: lax.scan(lambda c, a: (y, None), x, fnp.zeros(1))[0], 0.0),
        (lambda x: lax.while_loop(lambda s: s[0] < 0, lambda s: (s[0] + 1, y), (0, x))[1], 1.0),
        (lambda x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, y), (0, x))[1], 0.0),
        (lambda x: lax.fori_loop(0, fnp.asarray(0), lambda i, c: y, x), 1.0),
    ):
        for g in (f, fl.jit(f)):
            np.testing.assert_array_equal(fl.vjp(g, X)[1](ONES)[0], want * ONES)
    stops = fnp.asarray([0, 2])
    found = fl.vmap(fl.grad(lambda x, n: lax.fori_loop(0, n, lambda i, c: y, x).sum()), (None, 0))
    np.testing.assert_array_equal(found(X, stops), [[1.0, 1.0], [0.0, 0.0]])


def test_linearize_knows_the_values_of_loops_and_branches_in_graphs():
    w = fnp.asarray([[0.5, -0.2], [0.1, 0.9]], "float64")

    def branch_in_scan(x):
        def step(b, r):
            return lax.cond(r.sum() > 0, lambda b: r * b, lambda b: b, b), None

        return lax.scan(step, x, fnp.ones((2, 2), "float64"))[0]

    def checkpoint_in_scan(x):
        body = fl.checkpoint(lambda s, r: (fnp.tanh(s @ w + r), s))
        s, ys = lax.scan(body, x, fnp.stack([x, x]))
        return s + ys.sum(axis=0)

    def loop_in_scan(x):
        step = lambda c, r: (lax.while_loop(lambda c: c.sum() < 3, lambda c: c * 2 + r, c), None)  # noqa: E731
        return lax.scan(step, x, fnp.stack([x, x]))[0]

    for f in (
        branch_in_scan,
        checkpoint_in_scan,
        loop_in_scan,
        lambda x: fnp.tanh(loop_in_scan(x)),
    ):
        for g in (f, fl.jit(f)):
            out, push = fl.linearize(g, X)
            np.testing.assert_allclose(out, f(X))
            np.testing.assert_allclose(push(ONES), fl.jvp(f, (X,), (ONES,))[1])
            back = fl.linear_transpose(push, X)(ONES)[0]
            np.testing.assert_allclose(back, fl.vjp(f, X)[1](ONES)[0], rtol=1e-12)

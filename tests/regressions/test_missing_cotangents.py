"""A pullback with some cotangents known to be zero is derived once, and serves every later use."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax

X = fnp.asarray([0.5, 1.0, 2.0], "float64")


def _three(x):
    """The reverse rules of the slice and of ``sort`` are no products: they read zeros."""
    return x[:1] * 2.0, x.sum(), fnp.sort(x)


def _in_a_loop(x):
    return lax.scan(lambda c, _: (_three(c)[2] * c[1], fnp.sort(c)[:2]), x, None, length=3)


HOLDERS = {
    "jit": (fl.jit(_three), _three),
    "checkpoint": (fl.jit(fl.checkpoint(_three)), _three),
    "scan": (fl.jit(_in_a_loop), _in_a_loop),
    "cond": (
        fl.jit(lambda x: lax.cond(x[0] > 0, _three, lambda x: (x[1:2], x.max(), -x), x)),
        _three,
    ),
}  # fmt: skip


@pytest.mark.parametrize("outer", [fl.jit, lambda f: f, fl.make_graph], ids=["jit", "-", "graph"])
@pytest.mark.parametrize("name", HOLDERS)
def test_zeros_belong_to_no_trace(name, outer):
    f, plain = HOLDERS[name]
    for k in range(len(plain(X))):
        want = fl.grad(lambda x, k=k: 3.0 * plain(x)[k].sum())(X)
        for _ in range(2):  # a new trace each time, with what the first one derived
            found = outer(fl.grad(lambda x, k=k: 3.0 * f(x)[k].sum()))(X)
            if outer is not fl.make_graph:
                np.testing.assert_allclose(found, want, rtol=1e-13)
            again = fl.grad(lambda x, k=k: 3.0 * f(x)[k].sum())(X)
            np.testing.assert_allclose(again, want, rtol=1e-13)


def test_zeros_belong_to_no_trace_of_vmap():
    f = fl.jit(_three)
    rows = fnp.stack([X, -X])
    want = [[1.0, 1.0, 1.0]] * 2
    for _ in range(2):
        pull = fl.jit(fl.vmap(fl.grad(lambda x: f(x)[1])))
        np.testing.assert_allclose(pull(rows), want)
        np.testing.assert_allclose(fl.vmap(fl.grad(lambda x: f(x)[1]))(rows), want)

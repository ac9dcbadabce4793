"""``custom_gradient`` and ``fwd_and_bwd``: rules and residuals that leave a transform as data."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

X = np.array([0.3, -0.7, 1.2])


@fl.custom_gradient
def halved(x):
    """The sine, with half its derivative."""
    y = fnp.sin(x)
    return y, lambda g: (0.5 * g * fnp.cos(x),)


@fl.custom_gradient
def product(tree, scale):
    out = {"sum": tree["a"] + tree["b"], "product": scale * tree["a"] * tree["b"]}

    def pull(g):
        both = g["product"] * scale
        a = g["sum"] + both * tree["b"]
        b = g["sum"] + both * tree["a"]
        return {"a": a, "b": b}, g["product"] * tree["a"] * tree["b"]

    return out, pull


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12)


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_the_pullback_is_the_derivative(wrap):
    same(wrap(halved)(X), np.sin(X))
    same(wrap(fl.vmap(fl.grad(halved)))(X), 0.5 * np.cos(X))
    same(wrap(fl.grad(lambda x: halved(x * x).sum()))(X), X * np.cos(X * X))
    same(fl.vmap(wrap(fl.grad(halved)))(X), 0.5 * np.cos(X))
    second = wrap(fl.vmap(fl.grad(fl.grad(halved))))(X)
    same(second, -0.5 * np.sin(X))
    out, tangent = fl.jvp(halved, (X,), (fnp.ones(3, "float64"),))
    same(tangent, 0.5 * np.cos(X))
    same(fl.jacrev(lambda x: fl.vmap(halved)(x))(X), np.diag(0.5 * np.cos(X)))


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_trees(wrap):
    tree = {"a": fnp.asarray(X), "b": fnp.asarray(2 * X)}

    def loss(tree, scale):
        out = product(tree, scale)
        return fnp.sum(out["sum"] * 3 + out["product"])

    grads, scale = wrap(fl.grad(loss, (0, 1)))(tree, fnp.full(3, 0.5, "float64"))
    same(grads["a"], 3 + 0.5 * 2 * X)
    same(grads["b"], 3 + 0.5 * X)
    same(scale, 2 * X * X)


def test_one_argument_may_have_its_cotangent_alone_and_integers_pass():
    @fl.custom_gradient
    def f(x):
        return (x, fnp.argmax(x)), lambda g: 7 * g[0]

    value, grad = fl.value_and_grad(lambda x: f(x)[0].sum() + f(x)[1])(X)
    same(value, X.sum() + 2)
    same(grad, [7, 7, 7])


def test_what_the_pullback_closes_over_is_differentiated():
    def outer(a):
        f = fl.custom_gradient(lambda x: (x * a, lambda g: (g * a,)))
        return fl.grad(f)(2.0)  # is a

    assert float(fl.grad(outer)(3.0)) == 1.0
    same(fl.vmap(fl.grad(outer))(X), [1, 1, 1])


@pytest.mark.peers
def test_as_jaxs():
    jax = pytest.importorskip("jax", exc_type=ImportError)

    def define(module, fnp):
        @module.custom_gradient
        def f(x, y):
            ans = x * fnp.sin(y)
            return ans, lambda g: (2 * g * fnp.sin(y), g * x * fnp.cos(y) - ans)

        return module.jit(module.vmap(module.value_and_grad(f, (0, 1))))

    mine = define(fl, fnp)(X.astype("float32"), X[::-1].astype("float32"))
    other = define(jax, jax.numpy)(X.astype("float32"), X[::-1].astype("float32"))
    for a, b in zip(fl.tree.leaves(mine), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_messages():
    alone = fl.custom_gradient(lambda x: x * 2)
    with pytest.raises(errors.TransformError, match=r"return a pair .*; got float 2\.0"):
        alone(1.0)
    with pytest.raises(errors.TransformError, match="got 3 values"):
        fl.custom_gradient(lambda x: (x, x, x))(1.0)
    with pytest.raises(errors.TransformError, match=r"custom_gradient\(f\)\(x\)"):
        fl.custom_gradient(3.0)
    wrong = fl.custom_gradient(lambda x: (x, lambda g: (g, g)))
    with pytest.raises(errors.TreeError, match=r"custom_gradient of .* must return a tuple of 1"):
        fl.grad(wrong)(1.0)


# ------------------------------------------------------------------------------------- fwd_and_bwd
@pytest.mark.parametrize("jitted", [True, False])
def test_two_passes(jitted):
    def f(params, x):
        return {"y": fnp.tanh(x @ params["w"] + params["b"])}

    params = {"w": fnp.asarray(np.outer(X, X)), "b": fnp.asarray(X)}
    fwd, bwd = fl.fwd_and_bwd(f, (0, 1), jitted=jitted)
    out, residuals = fwd(params, X)
    want, pull = fl.vjp(f, params, X)
    same(out["y"], want["y"])
    ct = {"y": fnp.asarray(X[::-1].copy())}
    for got, exact in zip(
        fl.tree.leaves(bwd(residuals, ct)), fl.tree.leaves(pull(ct)), strict=True
    ):
        same(got, exact)
    assert fl.tree.leaves(residuals), "what goes between the passes is arrays"
    fwd, bwd = fl.fwd_and_bwd(lambda x, y: x * y, (0, 1), jitted=jitted)
    assert [float(g) for g in bwd(fwd(2.0, 3.0)[1], 1.0)] == [3.0, 2.0]
    one = fl.fwd_and_bwd(f, 0, jitted=jitted)
    same(one[1](one[0](params, X)[1], ct)["b"], pull(ct)[0]["b"])


def test_both_passes_are_traced_once():
    fwd, bwd = fl.fwd_and_bwd(lambda x: fnp.sin(x) * x, 0)
    for i in range(4):
        _, residuals = fwd(X + i)
        found = bwd(residuals, fnp.ones(3, "float64"))
        same(found, np.cos(X + i) * (X + i) + np.sin(X + i))
    assert fwd.cache_info().misses == bwd.cache_info().misses == 1


def test_passes_compose():
    fwd, bwd = fl.fwd_and_bwd(lambda x, n: (x**3, n + 1), 0, has_aux=True)
    out, residuals, aux = fl.vmap(fwd, (0, None))(X, 4)
    same(aux, [5, 5, 5])
    same(fl.vmap(bwd)(residuals, fnp.ones(3, "float64")), 3 * X**2)

    def gradient(x):
        return bwd(fwd(x, 0)[1], 1.0)

    same(fl.grad(lambda x: gradient(x))(fnp.asarray(X)[0]), 6 * X[0])
    same(fl.jit(fl.vmap(gradient))(X), 3 * X**2)


@pytest.mark.peers
def test_passes_are_jaxs():
    jax = pytest.importorskip("jax", exc_type=ImportError)

    def run(module, fnp):
        fwd, bwd = module.fwd_and_bwd(lambda x, y: fnp.sum(fnp.exp(x) * y), (0, 1))
        out, residuals = fwd(X.astype("float32"), 2.0)
        return [out, *bwd(residuals, fnp.ones((), "float32"))]

    for a, b in zip(run(fl, fnp), run(jax, jax.numpy), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
        assert a.dtype == b.dtype


def test_a_wrong_cotangent_is_named():
    fwd, bwd = fl.fwd_and_bwd(lambda x: {"y": x}, 0, jitted=False)
    _, residuals = fwd(X)
    with pytest.raises(errors.TreeError, match=r"fwd_and_bwd of <lambda>: called with arguments"):
        bwd(residuals, X)
    with pytest.raises(errors.ShapeError, match=r"called with f64\[2\] where f64\[3\] is expected"):
        bwd(residuals, {"y": X[:2]})

"""Custom derivative rules under every transform and inside every construct.

The rule lies: it says that the derivative of sin is 10 cos. So a composition that forgets the rule
anywhere, at any order, is off by a factor of ten.
"""

import itertools

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp

X = np.array([0.3, -0.7, 1.1])
X0 = np.array(0.3)
DERIVATIVES = [
    np.sin,
    lambda x: 10 * np.cos(x),
    lambda x: -10 * np.sin(x),
    lambda x: -10 * np.cos(x),
]


def sine_jvp(lib, xp):
    @lib.custom_jvp
    def sine(x):
        return xp.sin(x)

    @sine.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return sine(x), 10.0 * t * xp.cos(x)

    return sine


def sine_jvps(lib, xp):
    sine = lib.custom_jvp(lambda x: xp.sin(x))
    sine.defjvps(lambda t, out, x: 10.0 * t * xp.cos(x))
    return sine


def sine_vjp(lib, xp):
    @lib.custom_vjp
    def sine(x):
        return xp.sin(x)

    sine.defvjp(lambda x: (sine(x), (x,)), lambda saved, ct: (10.0 * ct * xp.cos(saved[0]),))
    return sine


KINDS = {"jvp": sine_jvp, "jvps": sine_jvps, "vjp": sine_vjp}


def scan_of(lib, f):
    return lambda x: lib.lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0]


def scan_of_outputs(lib, f):
    return lambda x: lib.lax.scan(lambda c, y: (c, f(y)), 0.0, x[None])[1][0]


def while_of(lib, f):
    return lambda x: lib.lax.while_loop(lambda c: c[1] < 1, lambda c: (f(c[0]), c[1] + 1), (x, 0))[
        0
    ]


def cond_of(lib, f):
    return lambda x: lib.lax.cond(x < 100, f, lambda y: y, x)


def switch_of(lib, f):
    return lambda x: lib.lax.switch(1, [lambda y: y, f, lambda y: -y], x)


def closing_over(lib, f):
    return lambda x: lib.jit(lambda y: f(x + y - y))(0.25)


# Each maps a function of a scalar to one, and says by how many orders it differentiates.
SAME = {
    "jit": lambda lib, f: lib.jit(f),
    "checkpoint": lambda lib, f: lib.checkpoint(f),
    "scan": scan_of,
    "scanned": scan_of_outputs,
    "while": while_of,
    "fori": lambda lib, f: lambda x: lib.lax.fori_loop(0, 1, lambda i, c: f(c), x),
    "cond": cond_of,
    "switch": switch_of,
    "map": lambda lib, f: lambda x: lib.lax.map(f, x[None])[0],
    "vmap": lambda lib, f: lambda x: lib.vmap(f)(x[None])[0],
    "vmap of unmapped": lambda lib, f: lambda x: lib.vmap(lambda _: f(x))(x[None])[0],
    "closure": closing_over,
    "value": lambda lib, f: lambda x: lib.value_and_grad(f)(x)[0],
    "jvp value": lambda lib, f: lambda x: lib.jvp(f, (x,), (x,))[0],
}
DERIVED = {
    "grad": lambda lib, f: lib.grad(f),
    "vjp": lambda lib, f: lambda x: lib.vjp(f, x)[1](x * 0 + 1)[0],
    "jvp": lambda lib, f: lambda x: lib.jvp(f, (x,), (x * 0 + 1,))[1],
    "linearize": lambda lib, f: lambda x: lib.linearize(f, x)[1](x * 0 + 1),
    "jacfwd": lambda lib, f: lib.jacfwd(f),
    "jacrev": lambda lib, f: lib.jacrev(f),
}
ALL = SAME | DERIVED
CHAINS = [
    *[(a,) for a in ALL],
    *itertools.product(SAME, DERIVED),
    *itertools.product(DERIVED, SAME),
    *itertools.product(("grad", "jvp", "linearize"), repeat=2),
    *itertools.product(("grad", "jvp", "vmap", "jit"), repeat=3),
]


def build(chain, lib, f):
    for name in reversed(chain):
        f = ALL[name](lib, f)
    return f


def order_of(chain):
    # Whatever a derivative's value is taken of, the value itself is not differentiated.
    return sum(name in DERIVED for name in chain)


@pytest.mark.parametrize("chain", CHAINS, ids="-of-".join)
@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_the_rule_is_used(kind, chain):
    f = build(chain, fl, KINDS[kind](fl, fnp))
    got = f(fnp.asarray(X0))
    assert got.dtype == np.float64
    np.testing.assert_allclose(np.asarray(got), DERIVATIVES[order_of(chain)](X[0]), rtol=1e-12)


MAPPED = [
    ("grad",), ("jvp",), ("linearize", "grad"), ("grad", "scan"), ("jvp", "cond"), ("jit", "grad"),
    ("grad", "jit"), ("grad", "checkpoint"), ("jacfwd", "jacrev"), ("grad", "while"),
    ("grad", "vmap"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chain", MAPPED, ids="-of-".join)
def test_over_examples(kind, chain):
    f = build(chain, fl, KINDS[kind](fl, fnp))
    want = DERIVATIVES[order_of(chain)](X)
    np.testing.assert_allclose(np.asarray(fl.vmap(f)(fnp.asarray(X))), want, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(fl.jit(fl.vmap(f))(fnp.asarray(X))), want, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_over_an_array(kind):
    sine, x = KINDS[kind](fl, fnp), fnp.asarray(X)
    for f in (sine, fl.vmap(sine), fl.jit(sine), scan_of(fl, sine), fl.checkpoint(sine)):
        np.testing.assert_allclose(
            np.asarray(fl.jacrev(f)(x)), np.diag(DERIVATIVES[1](X)), rtol=1e-12
        )
        np.testing.assert_allclose(
            np.asarray(fl.jacfwd(f)(x)), np.diag(DERIVATIVES[1](X)), rtol=1e-12
        )
        hessian = fl.hessian(lambda x, f=f: fnp.sum(f(x)))(x)
        np.testing.assert_allclose(np.asarray(hessian), np.diag(DERIVATIVES[2](X)), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_applies_the_rule_each_time(kind):
    sine = KINDS[kind](fl, fnp)
    want, x = 1.0, X[0]
    for _ in range(4):
        want, x = want * 10 * np.cos(x), np.sin(x)
    loops = {
        "scan": lambda x: fl.lax.scan(lambda c, _: (sine(c), None), x, None, length=4)[0],
        "fori": lambda x: fl.lax.fori_loop(0, 4, lambda i, c: sine(c), x),
        "python": lambda x: sine(sine(sine(sine(x)))),
    }
    for f in loops.values():
        for derivative in (
            fl.grad(f),
            fl.jit(fl.grad(f)),
            lambda x, f=f: fl.jvp(f, (x,), (1.0,))[1],
        ):
            np.testing.assert_allclose(np.asarray(derivative(fnp.asarray(X0))), want, rtol=1e-12)


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
def test_custom_functions_inside_custom_functions(outer, inner):
    """The outer rule uses the inner function, so the second derivative goes through both rules."""
    sine = KINDS[inner](fl, fnp)
    if outer == "vjp":
        f = fl.custom_vjp(lambda x: x * x)
        f.defvjp(lambda x: (x * x, x), lambda x, ct: (ct * sine(x),))
    else:
        f = fl.custom_jvp(lambda x: x * x)
        f.defjvps(lambda t, out, x: t * sine(x))
    x = fnp.asarray(X0)
    for wrap in (lambda g: g, fl.jit, fl.checkpoint, lambda g: scan_of(fl, g)):
        g = wrap(f)
        np.testing.assert_allclose(np.asarray(fl.grad(g)(x)), np.sin(X[0]), rtol=1e-12)
        np.testing.assert_allclose(
            np.asarray(fl.grad(fl.grad(g))(x)), 10 * np.cos(X[0]), rtol=1e-12
        )
        np.testing.assert_allclose(
            np.asarray(fl.jacfwd(fl.grad(g))(x)), 10 * np.cos(X[0]), rtol=1e-12
        )
    composed = fl.grad(lambda x: f(sine(x)))(x)
    want = np.sin(np.sin(X[0])) * 10 * np.cos(X[0])
    np.testing.assert_allclose(np.asarray(composed), want, rtol=1e-12)


LOOPS = {
    "grad": lambda f, x: fl.grad(lambda x: fnp.sum(f(x)))(x),
    "jvp": lambda f, x: fl.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: fl.linearize(f, x)[1](x),
    "vmap": lambda f, x: fl.vmap(f)(x),
    "fresh jit": lambda f, x: fl.jit(lambda x: f(x))(x),
    "fresh jit of vmap": lambda f, x: fl.jit(lambda x: fl.vmap(f)(x))(x),
    "grad of fresh jit of vmap": lambda f, x: fl.grad(fl.jit(lambda x: fnp.sum(fl.vmap(f)(x))))(x),
    "grad of scan": lambda f, x: fl.grad(lambda x: fnp.sum(scan_of(fl, f)(x)))(x),
    "hessian": lambda f, x: fl.hessian(lambda x: fnp.sum(f(x)))(x),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOOPS)
def test_no_reference_cycles(kind, name, collected):
    f, x = KINDS[kind](fl, fnp), fnp.asarray(X)
    assert collected(lambda: LOOPS[name](f, x)) == 0


@pytest.fixture
def collected():
    """How many objects only the garbage collector finds after some runs."""
    import gc

    def count(work):
        for _ in range(3):
            work()
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                work()
            return gc.collect()
        finally:
            gc.enable()

    return count


AGAINST_JAX = [
    ("grad",), ("jvp",), ("grad", "grad"), ("jvp", "grad"), ("grad", "scan"),
    ("grad", "checkpoint"),
    ("vmap", "grad"), ("grad", "cond"), ("jit", "jacrev"), ("jvp", "while"), ("linearize",),
    ("grad", "grad", "grad"),
]  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize(
    ("kind", "chain"),
    [
        (kind, chain)
        for kind in KINDS
        for chain in AGAINST_JAX
        if kind != "vjp" or chain[0] not in ("jvp", "linearize")  # JAX has no forward mode there
    ],
    ids=lambda x: x if isinstance(x, str) else "-of-".join(x),
)
def test_against_jax(kind, chain):
    """The same program by both libraries."""
    jax = pytest.importorskip("jax", exc_type=ImportError)

    def program(lib, xp):
        sine = KINDS[kind](lib, xp)
        return build(chain, lib, lambda x: sine(x * x) + xp.sin(sine(x)) * x)

    with jax.enable_x64(True):
        want = np.asarray(program(jax, jax.numpy)(jax.numpy.asarray(X0)))
    got = program(fl, fnp)(fnp.asarray(X0))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)

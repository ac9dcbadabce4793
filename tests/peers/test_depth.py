"""Control flow and transforms nested six deep, in float64, equal JAX's."""

import itertools

import numpy as np
import pytest

jax = pytest.importorskip("jax", exc_type=ImportError)

import jax.numpy as jnp  # noqa: E402

import functorch_lite as fl  # noqa: E402
import functorch_lite.numpy as fnp  # noqa: E402

pytestmark = pytest.mark.peers

LIBRARIES = {"ours": (fl, fnp), "jax": (jax, jnp)}
RNG = np.random.default_rng(11)
X, W = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2)) / 2


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


def body(lib, np_):
    """A scan with a branch and a short inner loop; closes over nothing."""

    def step(carry, x):
        h, n = carry
        h = np_.tanh(h @ carry_w(np_) + x)
        h = lib.lax.cond(h.sum() > 0, lambda h: h * 1.5, lambda h: np_.sin(h), h)
        h = lib.lax.fori_loop(0, 2, lambda i, h: h + 0.1 * np_.cos(h * i), h)
        return (h, n + 1), h * n

    return step


def carry_w(np_):
    return np_.asarray(W)


def layers(lib, np_):
    """Ways to wrap a function of (x,) into another one; each may be used at any depth."""

    def scanned(f):
        return lambda x: lib.lax.scan(lambda c, row: (c + 1.0, f(x * row.sum()) * c), 1.0, x)[
            1
        ].sum(0)

    def mapped(f):
        return lambda x: lib.vmap(lambda s: f(x * s))(np_.linspace(0.5, 1.0, 3)).sum(0)

    def differentiated(f):
        return lambda x: lib.grad(lambda x: (f(x) ** 2).sum())(x)

    def jitted(f):
        return lib.jit(f)

    def checkpointed(f):
        return lib.checkpoint(f)

    def looped(f):
        return lambda x: lib.lax.fori_loop(0, 2, lambda i, c: c * 0.5 + f(c) * 0.1, x)

    def branched(f):
        return lambda x: lib.lax.cond(x.sum() > 100, lambda x: x, f, x)

    return {
        "scan": scanned, "vmap": mapped, "grad": differentiated, "jit": jitted,
        "checkpoint": checkpointed, "fori": looped, "cond": branched,
    }  # fmt: skip


def program(order):
    def run(name):
        lib, np_ = LIBRARIES[name]
        step = body(lib, np_)

        def f(x):
            (h, _), ys = lib.lax.scan(step, (x[0], np_.asarray(1.0)), x)
            return np_.outer(np_.ones(3), h) + ys

        table = layers(lib, np_)
        for layer in order:
            f = table[layer](f)
        return np.asarray(f(np_.asarray(X)))

    return run


BACK_AND_FORTH = [
    "scan",
    "vmap",
    "grad",
    "jit",
    "checkpoint",
    "checkpoint",
    "jit",
    "grad",
    "vmap",
    "scan",
]
ORDERS = [
    BACK_AND_FORTH,
    BACK_AND_FORTH[:5],
    BACK_AND_FORTH[5:],
    ["grad", "scan", "grad", "vmap", "jit", "grad"],
    ["checkpoint", "cond", "grad", "fori", "checkpoint", "vmap", "grad"],
    ["fori", "vmap", "jit", "grad", "cond", "scan", "grad"],
    *itertools.permutations(["scan", "vmap", "grad", "checkpoint"]),
]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_depth(order):
    run = program(order)
    found, want = run("ours"), run("jax")
    assert (found.shape, found.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9 * np.abs(want).max())

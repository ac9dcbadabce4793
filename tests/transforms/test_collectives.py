"""Collectives: each equals the reduction that one would write by hand, in every nesting."""

import types

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax

FL = types.SimpleNamespace(
    np=fnp, lax=lax, vmap=fl.vmap, grad=fl.grad, jit=fl.jit, jvp=fl.jvp, vjp=fl.vjp
)
SIZE = 3
RNG = np.random.default_rng(7)
X = RNG.uniform(0.5, 2.0, (SIZE, SIZE, 2))
W = RNG.uniform(-1.0, 1.0, (SIZE, SIZE, SIZE * SIZE * 2))
T = RNG.uniform(-1.0, 1.0, X.shape)


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield types.SimpleNamespace(
            np=found.numpy, lax=found.lax, vmap=found.vmap, grad=found.grad, jit=found.jit,
            jvp=found.jvp, vjp=found.vjp,
        )  # fmt: skip


def close(found, want, tolerance=1e-12):
    found, want = np.asarray(found), np.asarray(want)
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=tolerance, atol=tolerance)


# Each collective on one example, and by hand on all of them; the named axis is the first.
def everyone(L, row):
    return L.np.broadcast_to(row, (SIZE, *row.shape))


PAIRS = {
    "psum": (lambda L, x: L.lax.psum(x, "i"), lambda L, X: everyone(L, X.sum(0))),
    "pmean": (lambda L, x: L.lax.pmean(x, "i"), lambda L, X: everyone(L, X.mean(0))),
    "pmax": (lambda L, x: L.lax.pmax(x, "i"), lambda L, X: everyone(L, X.max(0))),
    "pmin": (lambda L, x: L.lax.pmin(x, "i"), lambda L, X: everyone(L, X.min(0))),
    "all_gather": (lambda L, x: L.lax.all_gather(x, "i"), everyone),
    "all_gather axis": (
        lambda L, x: L.lax.all_gather(x, "i", axis=-1),
        lambda L, X: everyone(L, L.np.moveaxis(X, 0, -1)),
    ),
    "all_gather tiled": (
        lambda L, x: L.lax.all_gather(x, "i", axis=1, tiled=True),
        lambda L, X: everyone(L, L.np.concatenate(list(X), 1)),
    ),
    "all_to_all": (
        lambda L, x: L.lax.all_to_all(x, "i", 0, 1),
        lambda L, X: L.np.transpose(X, (1, 2, 0)),
    ),
    "all_to_all tiled": (
        lambda L, x: L.lax.all_to_all(x, "i", 0, 1, tiled=True),
        lambda L, X: L.np.transpose(X, (1, 0, 2)).reshape(SIZE, 1, 2 * SIZE),
    ),
    "pswapaxes": (
        lambda L, x: L.lax.pswapaxes(x, "i", 0),
        lambda L, X: L.np.transpose(X, (1, 0, 2)),
    ),
    "psum_scatter": (lambda L, x: L.lax.psum_scatter(x, "i"), lambda L, X: X.sum(0)),
    "psum_scatter tiled": (
        lambda L, x: L.lax.psum_scatter(x, "i", tiled=True),
        lambda L, X: X.sum(0)[:, None],
    ),
    "ppermute": (
        lambda L, x: L.lax.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)]),
        lambda L, X: L.np.roll(X, 1, 0),
    ),
    "ppermute partly": (
        lambda L, x: L.lax.ppermute(x, "i", [(2, 0)]),
        lambda L, X: L.np.concatenate([X[2:], L.np.zeros((2, *X.shape[1:]), X.dtype)]),
    ),
    "pshuffle": (lambda L, x: L.lax.pshuffle(x, "i", [2, 0, 1]), lambda L, X: L.np.roll(X, 1, 0)),
    "pbroadcast": (lambda L, x: L.lax.pbroadcast(x, "i", 1), lambda L, X: everyone(L, X[1])),
    "axis_index": (
        lambda L, x: x * L.lax.axis_index("i"),
        lambda L, X: X * L.np.arange(SIZE)[:, None, None],
    ),
    "axis_size": (lambda L, x: x * L.lax.axis_size("i"), lambda L, X: X * SIZE),
    "psum of a constant": (
        lambda L, x: x * L.lax.psum(1, "i") + L.lax.psum(2.5, "i"),
        lambda L, X: X * SIZE + 7.5,
    ),
    "groups psum": (
        lambda L, x: L.lax.psum(x, "i", axis_index_groups=[[2], [0, 1]]),
        lambda L, X: L.np.stack([X[0] + X[1], X[0] + X[1], X[2]]),
    ),
    "groups pmean": (
        lambda L, x: L.lax.pmean(x, "i", axis_index_groups=[[1, 2], [0]]),
        lambda L, X: L.np.stack([X[0], (X[1] + X[2]) / 2, (X[1] + X[2]) / 2]),
    ),
    "groups all_gather": (
        lambda L, x: L.lax.all_gather(x, "i", axis_index_groups=[[2, 0, 1]]),
        lambda L, X: everyone(L, L.np.roll(X, 1, 0)),
    ),
}  # fmt: skip
# JAX has no groups under vmap, no derivative of an extremum, and no permutation that leaves gaps;
# its pbroadcast does not run, and its transpose of all_to_all has the axes of the operand mixed up.
NOT_IN_JAX = {n for n in PAIRS if n.startswith("groups")} | {"ppermute partly", "pbroadcast"}
NO_GRADIENT_IN_JAX = {"pmax", "pmin", "all_to_all"}
IN_JAX = sorted(set(PAIRS) - NOT_IN_JAX)


def lane(name, L):
    """One example's function: the collective amid others, so that its derivative is no constant."""
    collective = PAIRS[name][0]
    return lambda x: L.np.sin(collective(L, x * x) / 3)


def by_hand(name, L):
    return lambda X: L.np.sin(PAIRS[name][1](L, X * X) / 3)


def named(L, f, **axes):
    return L.vmap(f, axis_name="i", **axes)


def weights(out):
    return W.reshape(SIZE, -1)[:, : int(np.prod(out.shape[1:]))].reshape(out.shape)


def weighted(L, f):
    """A scalar function of all examples."""
    return lambda X: L.np.sum(f(X) * weights(f(X)))


# ------------------------------------------------------------------------------------- nestings
def grad_inside(L, f):
    """The gradient of all examples' weighted outputs, taken by each example for its own input."""

    def one(x, w):
        return L.grad(lambda x: L.np.sum(f(x) * w))(x)

    return lambda X: named(L, one)(X, weights(named(L, f)(X)))


def vjp_inside(L, f):
    def one(x, w):
        return L.vjp(f, x)[1](w)[0]

    return lambda X: named(L, one)(X, weights(named(L, f)(X)))


def vjp_outside(L, F):
    return lambda X: L.vjp(F, X)[1](L.np.asarray(weights(F(X))))[0]


def jvp_inside(L, f):
    return lambda X: named(L, lambda x, t: L.jvp(f, (x,), (t,))[1])(X, T)


def jvp_outside(L, F):
    return lambda X: L.jvp(F, (X,), (L.np.asarray(T),))[1]


# ---------------------------------------------------------------------------------- control flow
def in_scan(L, f):
    return lambda x: L.lax.scan(lambda c, row: (c + 1.0, f(row) * c), 1.0, x[None])[1][0]


def in_branch(L, f):
    return lambda x: L.lax.cond(L.lax.axis_size("i") > 1, f, lambda x: 0.0 * f(x), x)


def in_while(L, f):
    """Called once, in a loop that ends after one step."""

    def g(x):
        def step(state):
            i, _ = state
            return i + 1, f(x)

        return L.lax.while_loop(lambda s: s[0] < 1, step, (0, 0.0 * f(x)))[1]

    return g


VALUES = {
    "vmap": lambda L, f: named(L, f),
    "jit of vmap": lambda L, f: L.jit(named(L, f)),
    "vmap of jit": lambda L, f: named(L, L.jit(f)),
    "jit of vmap of jit": lambda L, f: L.jit(named(L, L.jit(f))),
    "another name around": lambda L, f: lambda X: L.vmap(named(L, f), axis_name="j")(X[None])[0],
    "another vmap inside": lambda L, f: lambda X: named(L, L.vmap(f, axis_name="j"))(
        X[:, None]
    )[:, 0],
    "the same name around": lambda L, f: lambda X: named(L, named(L, f))(X[None])[0],
    "one more vmap inside, along the last axis": lambda L, f: lambda X: named(
        L, L.vmap(f, in_axes=-1)
    )(X[..., None])[:, 0],
    "in_axes": lambda L, f: lambda X: named(L, f, in_axes=2)(L.np.moveaxis(X, 0, 2)),
    "out_axes": lambda L, f: lambda X: L.np.moveaxis(named(L, f, out_axes=-1)(X), -1, 0),
    "in scan": lambda L, f: named(L, in_scan(L, f)),
    "in scan, jitted": lambda L, f: named(L, L.jit(in_scan(L, f))),
    "in a branch": lambda L, f: named(L, in_branch(L, f)),
    "in while_loop": lambda L, f: named(L, in_while(L, f)),
    "in while_loop in scan, another name around": lambda L, f: lambda X: L.vmap(
        named(L, in_scan(L, in_while(L, f))), axis_name="j"
    )(X[None])[0],
}  # fmt: skip
# The two ways to take a derivative: of all examples together, or by each of them inside.
GRADIENTS = {
    "grad outside": lambda L, f: L.grad(weighted(L, named(L, f))),
    "grad inside": grad_inside,
    "grad inside of jit": lambda L, f: grad_inside(L, L.jit(f)),
    "jit of grad outside": lambda L, f: L.jit(L.grad(weighted(L, named(L, f)))),
    "jit of grad inside": lambda L, f: L.jit(grad_inside(L, f)),
    "grad of jit outside": lambda L, f: L.grad(weighted(L, L.jit(named(L, L.jit(f))))),
    "vjp inside": vjp_inside,
    "grad inside of scan": lambda L, f: grad_inside(L, in_scan(L, f)),
    "grad outside of scan": lambda L, f: L.grad(weighted(L, named(L, in_scan(L, f)))),
    "jit of grad inside of a branch": lambda L, f: L.jit(grad_inside(L, in_branch(L, f))),
    "grad outside of a branch": lambda L, f: L.grad(weighted(L, named(L, in_branch(L, f)))),
    "vjp outside": lambda L, f: vjp_outside(L, named(L, f)),
    "grad inside, a vmap further in": lambda L, f: lambda X: grad_inside(
        L, L.vmap(f, axis_name="j")
    )(X[:, None])[:, 0],
}  # fmt: skip
TANGENTS = {
    "jvp inside": jvp_inside,
    "jvp outside": lambda L, f: jvp_outside(L, named(L, f)),
    "jvp inside of jit": lambda L, f: jvp_inside(L, L.jit(f)),
    "jit of jvp inside": lambda L, f: L.jit(jvp_inside(L, f)),
    "jvp inside of while_loop": lambda L, f: jvp_inside(L, in_while(L, f)),
    "jvp outside of while_loop": lambda L, f: jvp_outside(L, named(L, in_while(L, f))),
}
# JAX has no reverse mode here.
OURS_ALONE = {
    "grad inside of while_loop": lambda L, f: grad_inside(L, in_while(L, f)),
    "grad outside of while_loop": lambda L, f: L.grad(weighted(L, named(L, in_while(L, f)))),
}


@pytest.mark.parametrize("way", VALUES)
@pytest.mark.parametrize("name", PAIRS)
def test_values(name, way):
    close(VALUES[way](FL, lane(name, FL))(fnp.asarray(X)), by_hand(name, FL)(fnp.asarray(X)))


@pytest.mark.parametrize("way", [*GRADIENTS, *OURS_ALONE])
@pytest.mark.parametrize("name", PAIRS)
def test_gradients(name, way):
    want = FL.grad(weighted(FL, by_hand(name, FL)))(fnp.asarray(X))
    close({**GRADIENTS, **OURS_ALONE}[way](FL, lane(name, FL))(fnp.asarray(X)), want)


@pytest.mark.parametrize("way", TANGENTS)
@pytest.mark.parametrize("name", PAIRS)
def test_tangents(name, way):
    want = jvp_outside(FL, by_hand(name, FL))(fnp.asarray(X))
    close(TANGENTS[way](FL, lane(name, FL))(fnp.asarray(X)), want)


@pytest.mark.parametrize("name", PAIRS)
def test_second_order(name):
    """Every pair of modes, inside and outside."""
    f, x = lane(name, FL), fnp.asarray(X)
    first = FL.grad(weighted(FL, by_hand(name, FL)))
    want_forward = jvp_outside(FL, first)(x)
    want_reverse = FL.grad(weighted(FL, first))(x)
    for way in ("grad inside", "grad outside", "jit of grad inside"):
        g = GRADIENTS[way](FL, f)
        close(jvp_outside(FL, g)(x), want_forward)
        close(FL.grad(weighted(FL, g))(x), want_reverse)

    def twice(x, w, v):
        """Reverse over reverse, both inside: the outer one sums over all examples again."""
        inner = FL.grad(lambda x: FL.np.sum(f(x) * w))
        return FL.grad(lambda x: FL.np.sum(inner(x) * v))(x)

    out = named(FL, f)(x)
    close(named(FL, twice)(x, weights(out), weights(x)), want_reverse)


@pytest.mark.parametrize("name", PAIRS)
def test_operands_that_every_example_shares(name):
    """The operand is not mapped: it counts once for each example all the same."""
    f, x = lane(name, FL), fnp.asarray(X[0])
    want = by_hand(name, FL)(fnp.stack([x] * SIZE))
    mapped = named(FL, lambda x, _: f(x), in_axes=(None, 0))
    close(mapped(x, fnp.zeros(SIZE)), want)
    close(named(FL, f, in_axes=None, axis_size=SIZE)(x), want)
    whole = FL.grad(weighted(FL, by_hand(name, FL)))(fnp.stack([x] * SIZE))
    close(FL.grad(lambda x: weighted(FL, lambda _: mapped(x, fnp.zeros(SIZE)))(x))(x), whole.sum(0))
    inside = named(FL, lambda x, w: FL.grad(lambda x: FL.np.sum(f(x) * w))(x), in_axes=(None, 0))
    close(inside(x, weights(want)), whole)


# --------------------------------------------------------------------------------- against JAX
@pytest.mark.parametrize("name", IN_JAX)
def test_values_against_jax(jax, name):
    for way in ("vmap", "another vmap inside"):
        got = VALUES[way](FL, lane(name, FL))(fnp.asarray(X))
        close(got, VALUES[way](jax, lane(name, jax))(jax.np.asarray(X)))


@pytest.mark.parametrize("name", sorted(set(IN_JAX) - NO_GRADIENT_IN_JAX))
def test_gradients_against_jax(jax, name):
    got = grad_inside(FL, lane(name, FL))(fnp.asarray(X))
    close(got, grad_inside(jax, lane(name, jax))(jax.np.asarray(X)))


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "float32", "float64"])
def test_dtypes_against_jax(jax, dtype):
    x = np.array([[1, 0], [1, 1], [0, 0]], dtype)

    def programs(L):
        return [
            lambda x: L.lax.psum(x, "i"), lambda x: L.lax.pmax(x, "i"),
            lambda x: L.lax.pmin(x, "i"), lambda x: L.lax.pmean(x, "i"),
            lambda x: L.lax.all_gather(x, "i"), lambda x: L.lax.axis_index("i"),
            lambda x: L.lax.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)]),
        ]  # fmt: skip

    for ours, theirs in zip(programs(FL), programs(jax), strict=True):
        got, want = named(FL, ours)(fnp.asarray(x)), named(jax, theirs)(jax.np.asarray(x))
        close(got, want, 1e-6)
        if dtype == "float64" or np.asarray(want).dtype != np.float64:  # ours is float32 by default
            assert got.dtype == want.dtype

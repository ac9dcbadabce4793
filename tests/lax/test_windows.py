"""Reductions over windows and by any function, against JAX and in every transform."""

import operator

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import AxisError, DtypeError, ShapeError, TreeError
from functorch_lite.testing import check_grads
from functorch_lite.testing.vmap_loop import check_vmap

X = np.random.default_rng(0).normal(size=(6, 7))
WINDOW = {
    "window_dimensions": (2, 3), "window_strides": (1, 2), "base_dilation": (2, 1),
    "window_dilation": (1, 2),
}  # fmt: skip
PADDINGS = ("SAME", "VALID", "SAME_LOWER", [(1, 2), (-1, 3)])


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax


def same(got, want, tolerance=1e-12):
    for g, w in zip(fl.tree.leaves(got), fl.tree.leaves(want), strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=tolerance, atol=tolerance)


def both(jax, name, x, init, computation, *args, **kwargs):
    """Our result and JAX's; ``computation`` is made from the array module and the lax module."""
    ours = getattr(lax, name)(
        fl.tree.map(fnp.asarray, x), init, computation(fnp, lax), *args, **kwargs
    )
    theirs = getattr(jax.lax, name)(x, init, computation(jax.numpy, jax.lax), *args, **kwargs)
    return ours, theirs


# ---------------------------------------------------------------------------------- known functions
KNOWN = [
    (0.0, lambda np, lax: lax.add), (0.0, lambda np, lax: np.add), (1.5, lambda *_: operator.add),
    (-np.inf, lambda np, lax: lax.max), (0.2, lambda np, lax: np.maximum),
    (np.inf, lambda np, lax: np.minimum), (0.1, lambda np, lax: lax.min),
    (1.0, lambda np, lax: lax.mul), (2.0, lambda *_: operator.mul),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(KNOWN)))
def test_known_functions_as_jax(case, jax):
    init, computation = KNOWN[case]
    for padding in PADDINGS:
        same(*both(jax, "reduce_window", X, init, computation, **WINDOW, padding=padding))
    for axes in ((0,), (1,), (0, 1)):
        same(*both(jax, "reduce", X, init, computation, axes))


def test_bools_and_integers_as_jax(jax):
    bits = (X * 9).astype("int32")
    for x, init, computation in (
        (X > 0, True, lambda np, lax: lax.bitwise_and),
        (X > 0, False, lambda *_: operator.or_),
        (X > 0, True, lambda np, lax: np.logical_and),
        (X > 0, False, lambda np, lax: lax.max),
        (bits, np.int32(0), lambda np, lax: lax.bitwise_or),
        (bits, np.int32(0), lambda np, lax: lax.add),
        (bits.astype("int8"), np.int8(-128), lambda np, lax: lax.max),
        (bits.astype("uint8"), np.uint8(255), lambda np, lax: lax.min),
    ):
        same(*both(jax, "reduce_window", x, init, computation, **WINDOW, padding="SAME"))
        same(*both(jax, "reduce", x, init, computation, (1,)))


def test_a_known_function_costs_one_op():
    def names(f):
        return [eqn.op.name for eqn in fl.make_graph(f)(fnp.ones((8, 8))).eqns]

    for computation, init in ((lax.add, 0), (fnp.add, 0.0), (operator.add, 0)):
        f = lambda x, c=computation, i=init: lax.reduce_window(x, i, c, (2, 2))  # noqa: E731
        assert names(f) == ["window_sum"]
    f = lambda x: lax.reduce_window(x, -fnp.inf, lax.max, (2, 2))  # noqa: E731
    assert names(f) == ["window_max"]
    assert names(lambda x: lax.reduce(x, 0.0, lax.add, (0,))) == ["reduce_sum"]
    assert "window_max" in names(lambda x: lax.reduce_window(x, 3.0, lax.max, (2, 2)))


# ------------------------------------------------------------------------------------- any function
ANY = [
    (0.0, lambda *_: lambda a, b: a + b * b),
    (0.3, lambda *_: lambda a, b: a - 2 * b),  # the order of the elements shows
    (0.0, lambda np, lax: lambda a, b: np.stack([a, b]).sum()),  # scalars, not arrays
    (1.0, lambda np, lax: lambda a, b: np.where(b > 0, a * b, a)),
]


@pytest.mark.parametrize("case", range(len(ANY)))
def test_any_function_of_scalars_as_jax(case, jax):
    init, computation = ANY[case]
    for padding in PADDINGS:
        same(*both(jax, "reduce_window", X, init, computation, **WINDOW, padding=padding))


def _argmax(np, lax):
    def better(a, b):
        left = a[0] >= b[0]
        return np.where(left, a[0], b[0]), np.where(left, a[1], b[1])

    return better


def test_pytrees_as_jax(jax):
    positions = np.arange(X.size).reshape(X.shape)
    args = ((X, positions), (-np.inf, np.int64(-1)), _argmax)
    same(*both(jax, "reduce_window", *args, **WINDOW, padding="SAME"))
    for axes in ((0,), (1,), (0, 1)):
        same(*both(jax, "reduce", *args, axes))
    tree = {"a": X, "b": X * 2}
    crossed = lambda *_: lambda p, q: {"a": p["a"] + q["b"], "b": p["b"] * q["a"]}  # noqa: E731
    same(*both(jax, "reduce_window", tree, {"a": 0.0, "b": 1.0}, crossed, (2, 2)))


def test_reduce_by_an_associative_function_that_does_not_commute():
    """Products of 2 by 2 matrices along an axis, in their order."""
    rows = np.random.default_rng(1).normal(size=(4, 5, 3))

    def times(p, q):
        return (
            p[0] * q[0] + p[1] * q[2], p[0] * q[1] + p[1] * q[3],
            p[2] * q[0] + p[3] * q[2], p[2] * q[1] + p[3] * q[3],
        )  # fmt: skip

    found = lax.reduce(tuple(map(fnp.asarray, rows)), (1.0, 0.0, 0.0, 1.0), times, (0,))
    for k in range(3):
        want = np.eye(2)
        for row in rows[:, :, k].T:
            want = want @ row.reshape(2, 2)
        np.testing.assert_allclose([float(y[k]) for y in found], want.reshape(-1), rtol=1e-12)


def test_empty_operands(jax):
    empty = np.zeros((0, 3))
    for init, computation in (KNOWN[3], KNOWN[0], ANY[0]):
        for axes in ((0,), (1,), (0, 1)):
            same(*both(jax, "reduce", empty, init, computation, axes))
        same(*both(jax, "reduce_window", empty, init, computation, (1, 2)))
        same(*both(jax, "reduce_window", np.ones((2, 3)), init, computation, (3, 2)))


# -------------------------------------------------------------------------------------- transforms
FUNCTIONS = {
    "sum": lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 3), (1, 2), "SAME"),
    "max": lambda x: lax.reduce_window(x, -fnp.inf, lax.max, (2, 3), (1, 2), "SAME"),
    "product": lambda x: lax.reduce_window(x, 1.0, lax.mul, (2, 3), (1, 2), [(1, 0), (0, 2)]),
    "any": lambda x: lax.reduce_window(x, 0.5, lambda a, b: a * fnp.sin(b), (2, 2), (1, 2), "SAME"),
    "reduce": lambda x: lax.reduce(x, 0.5, lambda a, b: a + b + a * b, (1,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_transforms(name):
    f = FUNCTIONS[name]
    x = fnp.asarray(X[:3, :4])
    check_grads(f, (x,), order=2)
    check_vmap(f, (x,))
    np.testing.assert_allclose(fl.jit(f)(x)._data, f(x)._data, rtol=1e-12)
    inner = fl.vmap(fl.grad(lambda x: fnp.sum(f(x) ** 2)))(fnp.stack([x, x[::-1]]))
    np.testing.assert_allclose(
        inner[1]._data, fl.grad(lambda x: fnp.sum(f(x) ** 2))(x[::-1])._data, rtol=1e-12
    )


def test_a_product_has_derivatives_at_zeros():
    x = fnp.asarray([0.0, 2.0, 0.0, 3.0], "float64")

    def f(x):
        return lax.reduce_window(x, 1.0, lax.mul, (3,)).sum()  # x0 x1 x2 + x1 x2 x3

    assert fl.grad(f)(x).tolist() == [0, 0, 6, 0]
    want = np.zeros((4, 4))
    want[0, 2] = want[2, 0] = 2  # x1
    want[1, 2] = want[2, 1] = 3  # x0 + x3
    want[2, 3] = want[3, 2] = 2  # x1
    assert fl.hessian(f)(x).tolist() == want.tolist()


def test_the_initial_value_has_a_derivative():
    x = fnp.asarray([1.0, 3.0, 2.0], "float64")
    for computation, want in ((lax.add, 2.0), (lax.max, 1.0), (lax.mul, 9.0)):
        found = fl.grad(
            lambda c, f=computation: lax.reduce_window(x, c, f, (2,), padding=[(0, 0)]).sum()
        )(fnp.asarray(3.0 if computation is not lax.max else 2.5, "float64"))
        assert float(found) == (want if computation is not lax.max else 0.0)
    assert float(fl.grad(lambda c: lax.reduce(x, c, lambda a, b: a * b, (0,)))(2.0)) == 6.0


def test_sixteen_bit_products_round_once():
    x = np.full(8, 1.01, "float16")
    found = lax.reduce_window(fnp.asarray(x), 1.0, lax.mul, (8,))
    assert found.dtype == np.float16
    assert found._data[0] == np.prod(x.astype("float32")).astype("float16")


# ------------------------------------------------------------------------------------ by name, bits
def test_positions():
    x = fnp.asarray(X)
    at = lax.reduce_window_argmax(x, (2, 2), (2, 2), "SAME")
    values = lax.reduce_window_max(x, (2, 2), (2, 2), "SAME")
    assert (x.reshape(-1)[at] == values).all()
    per_row = lax.reduce_window_argmin(x, (1, 3), batch_dims=1)
    assert per_row.dtype == np.int64 and int(per_row.max()) <= 6
    least = fnp.take_along_axis(x, per_row, axis=1)
    assert (least == lax.reduce_window_min(x, (1, 3))).all()
    same(lax.reduce_window_sum(x, (2, 2)), lax.reduce_window(x, 0.0, lax.add, (2, 2)))


@pytest.mark.parametrize("name", ["reduce_and", "reduce_or", "reduce_xor"])
def test_bitwise_reductions_as_jax(name, jax):
    rng = np.random.default_rng(3)
    ints = rng.integers(-9, 9, (5, 4))
    for x in (ints, (ints & 255).astype("uint8"), ints > 0, np.zeros((0, 3), "uint8")):
        for axes in ((0,), (0, 1), (1,)):
            same(getattr(lax, name)(fnp.asarray(x), axes), getattr(jax.lax, name)(x, axes))
    with pytest.raises(DtypeError, match=f"lax.{name}: operand must hold integers or bools"):
        getattr(lax, name)(fnp.ones(3), (0,))


def test_running_ops_have_jaxs_names(jax):
    for name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
        for reverse in (False, True):
            ours = getattr(lax, name)(fnp.asarray(X), axis=1, reverse=reverse)
            same(ours, getattr(jax.lax, name)(X, axis=1, reverse=reverse))


# ------------------------------------------------------------------------------------------- top_k
def test_top_k_as_jax(jax):
    rng = np.random.default_rng(2)
    for dtype in ("float64", "float16", "int8", "uint64", "bool"):
        x = rng.integers(0, 4, (3, 5)).astype(dtype)
        for k, axis in ((0, -1), (1, -1), (3, 0), (5, 1)):
            values, places = lax.top_k(fnp.asarray(x), k, axis=axis)
            want, at = jax.lax.top_k(x, k, axis=axis)
            same(values, want)
            assert (np.asarray(places) == np.asarray(at)).all() and places.dtype == np.int64
    odd = np.array([1, np.nan, 3, np.nan, np.inf, 0.0, -np.inf])
    values, places = lax.top_k(fnp.asarray(odd), 7)
    same(values, jax.lax.top_k(odd, 7)[0])
    assert places.tolist() == [1, 3, 4, 2, 0, 5, 6]


def test_top_k_derivatives_and_batches():
    x = fnp.asarray([3.0, 1.0, 3.0, 2.0], "float64")

    def f(x):
        return (lax.top_k(x, 2)[0] * fnp.asarray([1.0, 10.0], "float64")).sum()

    assert fl.grad(f)(x).tolist() == [1, 0, 10, 0]
    check_grads(lambda x: lax.top_k(x, 2, axis=0)[0] ** 2, (fnp.asarray(X),), order=2)
    check_vmap(lambda x: lax.top_k(x, 2), (fnp.asarray(X),))
    with pytest.raises(DtypeError, match="complex numbers have no order"):
        lax.top_k(fnp.asarray([1j]), 1)


# ----------------------------------------------------------------------------------------- messages
def test_messages():
    x = fnp.ones((3, 4))
    with pytest.raises(ShapeError, match=r"window_dimensions must hold one int of at least 1 for"):
        lax.reduce_window(x, 0.0, lax.add, (2,))
    with pytest.raises(ShapeError, match=r"window_strides must hold .*; got \(0, 1\)"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (0, 1))
    with pytest.raises(TypeError, match="window_dimensions must be a sequence of 2 ints"):
        lax.reduce_window(x, 0.0, lax.add, 2)
    with pytest.raises(ValueError, match="'SAME', 'SAME_LOWER', 'VALID' or pairs; got 'FULL'"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), padding="FULL")
    with pytest.raises(ShapeError, match=r"one \(low, high\) pair for each of the 2 axes"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), padding=[(0, 0)])
    with pytest.raises(DtypeError, match="must return the operand's dtype float32; it returns int"):
        lax.reduce_window(x, 0.0, lambda a, b: (a + b).astype(int), (2, 2))
    with pytest.raises(ShapeError, match=r"must return scalars; it returns shape \(2,\)"):
        lax.reduce(x, 0.0, lambda a, b: fnp.stack([a, b]), (0,))
    with pytest.raises(TreeError, match="computation must return what its arguments are"):
        lax.reduce(x, 0.0, lambda a, b: (a, b), (0,))
    with pytest.raises(TreeError, match="operand and init_value must have one structure"):
        lax.reduce_window((x, x), 0.0, lambda a, b: a, (2, 2))
    with pytest.raises(ShapeError, match=r"init_value must be a scalar; got shape \(2,\)"):
        lax.reduce_window(x, fnp.ones(2), lax.add, (2, 2))
    with pytest.raises(ShapeError, match="the operands must have one shape"):
        lax.reduce((x, x[:1]), (0.0, 0.0), lambda a, b: a, (0,))
    with pytest.raises(AxisError):
        lax.reduce(x, 0.0, lax.add, (2,))

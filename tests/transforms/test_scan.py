"""``scan``, ``map``, ``fori_loop`` and ``associative_scan`` against unrolled programs."""

import operator

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.core.rewrite import all_equations
from functorch_lite.errors import CarryTypeError, ShapeError, TransformError
from functorch_lite.testing import check_grads, check_vmap

RNG = np.random.default_rng(3)
W = fnp.asarray(RNG.normal(size=(3, 3)) / 2, "float64")
XS = fnp.asarray(RNG.normal(size=(5, 3)), "float64")
H = fnp.asarray(RNG.normal(size=3), "float64")


def same(found, want, tolerance=1e-12):
    a, b = fl.tree.leaves(found), fl.tree.leaves(want)
    assert fl.tree.structure(found) == fl.tree.structure(want)
    for x, y in zip(a, b, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


def python_scan(f, init, xs, length=None, reverse=False):
    """The definition."""
    n = length if xs is None else len(fl.tree.leaves(xs)[0])
    carry, ys = init, [None] * n
    for i in reversed(range(n)) if reverse else range(n):
        carry, ys[i] = f(carry, None if xs is None else fl.tree.map(operator.itemgetter(i), xs))
    return carry, fl.tree.map(lambda *rows: fnp.stack(rows), *ys)


def rnn(scan, reverse=False):
    """Hidden states, an integer that counts, weights, a result that does not vary."""

    def f(w, h, xs):
        def step(carry, x):
            h, n = carry["h"], carry["n"]
            new = fnp.tanh(h @ w + x["a"]) * x["b"]
            return {"h": new, "n": n + 1}, (new * n, {"w": w.sum()})

        x = {"a": xs, "b": xs[:, 0]}
        carry, ys = scan(step, {"h": h, "n": fnp.asarray(0)}, x, reverse=reverse)
        return carry["h"], carry["n"], ys

    return f


TRANSFORMS = {
    "value": lambda f: f,
    "jit": fl.jit,
    "jacrev": lambda f: fl.jacrev(lambda *a: floats(f(*a)), (0, 1, 2)),
    "jacfwd": lambda f: fl.jacfwd(lambda *a: floats(f(*a)), (0, 1, 2)),
    "jit of jacrev": lambda f: fl.jit(fl.jacrev(lambda *a: floats(f(*a)), (0, 1, 2))),
    "jacrev of jit": lambda f: fl.jacrev(fl.jit(lambda *a: floats(f(*a))), (0, 1, 2)),
    "hessian": lambda f: fl.hessian(lambda *a: total(f(*a)), (0, 2)),
    "reverse of reverse": lambda f: fl.jacrev(fl.grad(lambda *a: total(f(*a)), 0), (0, 1)),
    "vmap over one": lambda f: lambda w, h, xs: fl.vmap(f, (None, 0, None))(
        w, fnp.stack([h, -h]), xs
    ),
    "vmap of grad": lambda f: lambda w, h, xs: fl.vmap(
        fl.grad(lambda *a: total(f(*a)), (0, 2)), (0, None, 1)
    )(fnp.stack([w, 2 * w]), h, fnp.stack([xs, xs + 1], axis=1)),
    "grad of vmap": lambda f: fl.grad(
        lambda w, h, xs: total(fl.vmap(f, (None, 0, None))(w, fnp.stack([h, 2 * h]), xs)), (0, 1, 2)
    ),
    "linearize": lambda f: lambda w, h, xs: fl.linearize(lambda w: floats(f(w, h, xs)), w)[1](w),
    "jit of linearize": lambda f: fl.jit(
        lambda w, h, xs: fl.linearize(lambda w: floats(f(w, h, xs)), w)[1](h[:, None] * w)
    ),
    "vmap of linearize": lambda f: lambda w, h, xs: fl.vmap(
        lambda w: fl.linearize(lambda x: floats(f(w, h, x)), xs)[1](xs)
    )(fnp.stack([w, -w])),
    "checkpoint": lambda f: fl.grad(fl.checkpoint(lambda *a: total(f(*a))), (0, 1, 2)),
}  # fmt: skip


def floats(out):
    return [x for x in fl.tree.leaves(out) if x.dtype == np.float64]


def total(out):
    return sum(((x * x).sum() for x in floats(out)), fnp.asarray(0.0, "float64"))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_scan_is_the_unrolled_loop(name, reverse):
    transform = TRANSFORMS[name]
    found = transform(rnn(lax.scan, reverse))(W, H, XS)
    same(found, transform(rnn(python_scan, reverse))(W, H, XS))


def test_derivatives_against_differences():
    f = rnn(lax.scan)
    check_grads(lambda *a: floats(f(*a)), (W, H, XS), order=2)


def test_vmap_against_a_loop_for_all_choices_of_axes():
    def f(w, h, x):
        return lax.scan(lambda c, y: (fnp.sin(c * y) + w, c), h, x)

    args = (fnp.asarray(0.3, "float64"), fnp.asarray(RNG.normal(size=2), "float64"), XS[:3, :2])
    assert check_vmap(f, args) == 2 * 3 * 4 - 1


def test_scans_inside_one_another():
    def nested(scan):
        def outer(c, row):
            c2, ys = scan(lambda c, x: (c * fnp.cos(x) + c, c), c, row)
            return c2 / 2, ys.sum()

        return lambda c, xs: scan(outer, c, xs)

    c = fnp.asarray(0.7, "float64")
    for transform in (
        lambda f: f,
        lambda f: fl.grad(lambda *a: total(f(*a)), (0, 1)),
        lambda f: fl.hessian(lambda *a: total(f(*a)), (0, 1)),
        lambda f: lambda c, xs: fl.vmap(fl.grad(lambda *a: total(f(*a))))(
            fnp.stack([c, 2 * c]), fnp.stack([xs, -xs])
        ),
    ):
        same(transform(nested(lax.scan))(c, XS), transform(nested(python_scan))(c, XS))
        same(fl.jit(transform(nested(lax.scan)))(c, XS), transform(nested(python_scan))(c, XS))


# --------------------------------------------------------------------------- lengths and structures
def test_no_steps_and_one_step():
    def f(c, x):
        return c * 2.0, (c, x)

    carry, (a, b) = lax.scan(f, fnp.ones(2), fnp.zeros((0, 3), "int32"))
    same(carry, fnp.ones(2))
    assert (a.shape, b.shape, b.dtype.name) == ((0, 2), (0, 3), "int32")
    g = fl.grad(lambda c: lax.scan(f, c, fnp.zeros((0, 3)))[0].sum())
    same(g(fnp.ones(2)), fnp.ones(2))
    same(lax.scan(f, fnp.ones(2), fnp.zeros((1, 3)))[0], 2 * fnp.ones(2))


def test_length_without_operands():
    carry, ys = lax.scan(lambda c, x: (c + 1, None if x is None else 1), 0, None, length=4)
    assert (int(carry), carry.dtype.name, ys) == (4, "int64", None)
    carry, ys = lax.scan(lambda c, _: (c, c), fnp.arange(2), length=3)
    same(ys, fnp.stack([fnp.arange(2)] * 3))


def test_numbers_in_the_carry_take_the_type_that_a_step_gives_them():
    xs = fnp.asarray([1.0, 2.0], "float64")
    assert lax.scan(lambda c, x: (c + x, c), 0.0, xs)[0].dtype.name == "float64"
    assert lax.scan(lambda c, x: (c + x, c), 0, xs)[0].dtype.name == "float64"
    assert lax.scan(lambda c, x: (c * 2, c), 1.0, xs)[0].dtype.name == "float32"
    half = fnp.ones(2, "bfloat16")
    assert lax.fori_loop(0, 2, lambda i, c: c * 1.5 + i, half).dtype.name == "bfloat16"
    assert lax.fori_loop(0, 3, lambda i, c: c + i, fnp.asarray(0, "int8")).dtype.name == "int8"
    for init, want in ((0.0, "float32"), (0, "int64"), (True, "bool")):
        assert lax.scan(lambda c, x: (c, c), init, xs)[1].dtype.name == want
    assert (
        lax.scan(lambda c, x: (1.0, None), fnp.zeros((), "float16"), xs)[0].dtype.name == "float16"
    )


@pytest.mark.parametrize(
    "f, init, error, words",
    [
        (lambda c, x: ({"a": c["a"], "b": c["b"].astype("int32")}, x),
         {"a": 1.0, "b": fnp.ones(2)}, CarryTypeError,
         ["carry['b']", "f32[2]", "i32[2]", ".astype('float32')"]),
        (lambda c, x: (fnp.concatenate([c, c]), x), fnp.ones(2), CarryTypeError,
         ["the carry changes its type at carry:", "f32[2]", "f32[4]", ".at[i].set"]),
        (lambda c, x: ((c, c), x), fnp.ones(2), CarryTypeError, ["comes in as", "returned as"]),
        (lambda c, x: (fnp.asarray(c + 0.5, "float32"), x), fnp.asarray(1), CarryTypeError,
         ["i64[]", "f32[]"]),
        (lambda c, x: c, fnp.ones(2), TransformError, ["pair (carry, y)", "return carry, None"]),
    ],
)  # fmt: skip
def test_a_carry_that_changes_is_named(f, init, error, words):
    with pytest.raises(error) as caught:
        lax.scan(f, init, fnp.arange(3.0))
    for word in ["scan of <lambda>", *words]:
        assert word in str(caught.value), str(caught.value)


def test_lengths_that_differ_are_named():
    xs = {"a": fnp.zeros(3), "b": fnp.zeros(4)}
    with pytest.raises(ShapeError, match=r"xs\['a'\] has size 3; xs\['b'\] has size 4"):
        lax.scan(lambda c, x: (c, None), 0, xs)
    with pytest.raises(ShapeError, match="length is 7"):
        lax.scan(lambda c, x: (c, None), 0, fnp.zeros(3), length=7)
    with pytest.raises(ShapeError, match="is a scalar"):
        lax.scan(lambda c, x: (c, None), 0, 1.0)
    with pytest.raises(TransformError, match="length="):
        lax.scan(lambda c, x: (c, None), 0)


# ------------------------------------------------------------------------------------- what is kept
def scans(graph):
    return [e for e in all_equations(graph) if e.op.name == "scan"]


def test_weights_are_not_stacked():
    def loss(w, xs):
        return lax.scan(lambda h, x: (fnp.tanh(h @ w + x), None), fnp.zeros(3, "float64"), xs)[
            0
        ].sum()

    forward, back = scans(fl.make_graph(fl.grad(loss))(W, XS))
    for eqn in (forward, back):
        n = eqn.params["n_consts"] + eqn.params["n_carry"]
        assert all(v.aval.shape != (5, 3, 3) for v in (*eqn.inputs, *eqn.outputs))
        assert W.shape in [v.aval.shape for v in eqn.inputs[:n]]
    # The hidden state before and after each step, once each, is all that is stacked.
    assert [v.aval.shape for v in forward.outputs[1:]] == [(5, 3), (5, 3)]


def test_what_follows_from_weights_is_computed_once_outside():
    def loss(w, xs):
        return lax.scan(lambda h, x: (h * fnp.exp(w) * x, None), fnp.ones(3, "float64"), xs)[
            0
        ].sum()

    graph = fl.make_graph(fl.grad(loss))(H, XS)
    forward, _ = scans(graph)
    assert "exp" not in [e.op.name for e in forward.params["body"].eqns]
    assert [e.op.name for e in all_equations(graph)].count("exp") == 1


def test_slices_and_results_are_not_stacked_again():
    def loss(xs):
        return lax.scan(lambda c, x: (c + 1.0, fnp.exp(x) * x), 0.0, xs)[1].sum()

    forward, back = scans(fl.jit(fl.grad(loss)).lower(XS).optimised)
    shapes = [v.aval.shape for v in forward.outputs]
    assert shapes.count((5, 3)) == 1  # exp(x); x itself is an operand of the backward scan
    assert len(back.inputs) == 3

    def squares(xs):
        return lax.scan(lambda c, x: (c, fnp.exp(x)), 0.0, xs)[1].sum()

    forward, _ = scans(fl.make_graph(fl.grad(squares))(XS))
    assert [v.aval.shape for v in forward.outputs] == [(), (5, 3)]


def test_residuals_that_nobody_needs_are_not_kept():
    def loss(w, xs):  # linear in w: nothing of the carry is needed
        return lax.scan(lambda c, x: (c + w * x, None), fnp.zeros(3, "float64"), xs)[0].sum()

    forward, back = scans(fl.make_graph(fl.grad(loss))(H, XS))
    assert len(forward.outputs) == 1
    assert [v.aval.shape for v in back.inputs].count((5, 3)) == 1


def test_results_that_nobody_uses_are_not_computed():
    def f(xs):
        return lax.scan(lambda c, x: ((c[0] + x, fnp.cos(c[1])), fnp.exp(x)), (0.0, 1.0), xs)[0][0]

    (eqn,) = scans(fl.jit(f).lower(XS[:, 0]).optimised)
    assert len(eqn.outputs) == 1
    assert [e.op.name for e in eqn.params["body"].eqns] == ["add"]
    same(fl.jit(f)(XS[:, 0]), f(XS[:, 0]))


def test_memory_of_the_backward_pass_is_that_of_the_stacks():
    seen = []

    def f(x):
        out, pull = fl.vjp(lambda x: lax.fori_loop(0, 4, lambda i, c: c * 2.0, x), x)
        seen.append(pull(out))
        return out

    f(fnp.ones(3))
    graph = fl.make_graph(
        lambda x: fl.vjp(lambda x: lax.fori_loop(0, 4, lambda i, c: c * 2.0, x), x)[1](x)
    )(fnp.ones(3))
    assert all(v.aval.shape != (4, 3) for e in scans(graph) for v in e.outputs)


# ------------------------------------------------------------------------------ the other functions
def test_fori_loop_is_a_scan_where_bounds_are_known():
    def f(x):
        return lax.fori_loop(2, 5, lambda i, c: c * x + i, x)

    def python(x):
        c = x
        for i in range(2, 5):
            c = c * x + i
        return c

    x = fnp.asarray(1.1, "float64")
    for transform in (
        lambda f: f,
        fl.grad,
        lambda f: fl.grad(fl.grad(f)),
        lambda f: fl.jit(fl.grad(f)),
    ):
        same(transform(f)(x), transform(python)(x))
    assert [e.op.name for e in fl.make_graph(f)(x).eqns].count("scan") == 1
    same(lax.fori_loop(3, 1, lambda i, c: c + 1, x), x)
    with pytest.raises(CarryTypeError, match="fori_loop|scan"):
        lax.fori_loop(0, 2, lambda i, c: c + 0.5, fnp.asarray(0))


@pytest.mark.parametrize("batch_size", [None, 1, 2, 5, 7])
def test_map_is_vmap_one_after_the_other(batch_size):
    def f(x):
        return {"s": fnp.sin(x["a"]).sum(), "b": x["b"] + 1}

    xs = {"a": XS, "b": fnp.arange(5)}
    same(lax.map(f, xs, batch_size=batch_size), fl.vmap(f)(xs))
    g = fl.grad(lambda a: lax.map(lambda x: fnp.sin(x).sum(), a, batch_size=batch_size).sum())
    same(g(XS), fnp.cos(XS))


@pytest.mark.parametrize("n", [*range(9), 16, 33])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    x = fnp.asarray(np.random.default_rng(n).uniform(0.5, 1.5, (2, n)), "float64")
    same(lax.associative_scan(fnp.multiply, x, reverse, 1), lax.cumprod(x, 1, reverse))

    def affine(a, b):
        return a[0] * b[0], a[1] * b[0] + b[1]

    found = lax.associative_scan(affine, (x, x), axis=-1, reverse=reverse)
    pairs = [(x[:, i], x[:, i]) for i in (range(n)[::-1] if reverse else range(n))]
    rows, total_ = [], None
    for p in pairs:
        total_ = p if total_ is None else affine(total_, p)
        rows.append(total_)
    for k, part in enumerate(found):
        column = [r[k] for r in (rows[::-1] if reverse else rows)]
        if column:
            same(part, fnp.stack(column, axis=1))
    if n:
        check_grads(lambda x: lax.associative_scan(fnp.multiply, x, reverse, 1), (x,))


def test_associative_scan_says_what_is_wrong():
    with pytest.raises(CarryTypeError, match="returns f32"):
        lax.associative_scan(lambda a, b: (a + b).astype("float32"), XS)
    with pytest.raises(ShapeError, match="differ"):
        lax.associative_scan(lambda a, b: a, (XS, H))


def test_a_jitted_step_is_traced_once_and_unroll_changes_nothing():
    traced = []

    @fl.jit
    def f(w, xs):
        traced.append(1)
        return lax.scan(
            lambda h, x: (fnp.tanh(h @ w + x), h), fnp.zeros(3, "float64"), xs, unroll=3
        )

    same(f(W, XS), f(W, XS))
    assert len(traced) == 1
    same(f(W, XS), python_scan(lambda h, x: (fnp.tanh(h @ W + x), h), fnp.zeros(3, "float64"), XS))


def test_disable_jit_runs_python():
    seen = []

    def step(c, x):
        seen.append(float(x))  # a value, which staging would not have
        return c + x, c * x

    xs = fnp.arange(4.0)
    with fl.disable_jit():
        found = lax.scan(step, 0.0, xs, reverse=True)
        count = lax.while_loop(lambda n: n < 5, lambda n: n + (2 if n < 3 else 1), fnp.asarray(0))
        branch = lax.cond(fnp.asarray(True), lambda x: float(x), lambda x: 0.0, 2.0)
        total = lax.fori_loop(0, 3, lambda i, c: c + int(i), 0)
    assert seen == [3.0, 2.0, 1.0, 0.0]
    assert (int(count), branch, int(total)) == (5, 2.0, 3)
    same(found, lax.scan(lambda c, x: (c + x, c * x), 0.0, xs, reverse=True))

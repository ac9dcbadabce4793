"""Graph passes keep every bit, remove what they should, and stop."""

import hypothesis
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import ops
from functorch_lite.compile import passes
from functorch_lite.core.array import wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Eqn, Graph, Var, check, reference_program

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -3.5, 2.0])


def names(graph):
    return [e.op.name for e in graph.eqns]


def run(graph, *args):
    with np.errstate(all="ignore"):
        return [np.asarray(x) for x in reference_program(graph)(*[np.asarray(a) for a in args])]


def assert_same_bits(got, want):
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype
        assert g.shape == w.shape
        assert g.tobytes() == w.tobytes()


def both(f, *args):
    """The graph of f, and the optimised one, which must have the same values to the bit."""
    graph = check(fl.make_graph(f)(*args))
    optimised = check(passes.optimise(graph))
    assert_same_bits(run(optimised, *args), run(graph, *args))
    assert names(passes.optimise(optimised)) == names(optimised)
    return graph, optimised


# -------------------------------------------------------------------------------------- dead code
def test_dead_code():
    _, g = both(lambda x: (fnp.exp(x), fnp.sin(x))[1], fnp.ones(3))
    assert names(g) == ["sin"]
    _, g = both(lambda x: fnp.sort(fnp.cos(x)) * 0 + x, fnp.ones(3))
    assert "cos" in names(g)  # 0 * NaN is not 0
    big = fnp.ones(5000)
    graph, g = both(lambda x: (x * big, x)[1], fnp.ones(5000))
    assert len(graph.consts) == 1
    assert not g.consts


# -------------------------------------------------------------------------- common subexpressions
def test_equal_expressions_are_computed_once():
    _, g = both(lambda x: fnp.sin(x) * 2.0 + fnp.sin(x) * 2.0, fnp.ones(3))
    assert names(g) == ["sin", "mul", "add"]
    _, g = both(lambda x: fnp.sum(x, axis=0) + fnp.sum(x, axis=-2), fnp.ones((3, 3)))
    assert names(g).count("reduce_sum") == 1


def test_different_params_are_different_expressions():
    _, g = both(lambda x: fnp.sum(x, axis=0) + fnp.sum(x, axis=1), fnp.ones((3, 3)))
    assert names(g).count("reduce_sum") == 2


def test_signed_zeros_and_types_are_told_apart():
    zeros = lambda v: ops.full(shape=(2,), dtype=np.dtype("float32"), value=v)  # noqa: E731
    _, g = both(lambda x: (x / zeros(0.0), x / zeros(-0.0), x / zeros(0.0)), fnp.ones(2))
    assert names(g).count("full") == 2
    plus, minus = fnp.asarray([0.0, 1.0]), fnp.asarray([-0.0, 1.0])
    _, g = both(lambda x: (x / plus, x / minus), fnp.ones(2))
    assert len(g.consts) == 2
    nan = fnp.asarray([np.nan, 1.0])
    _, g = both(lambda x: (x * nan, x * fnp.asarray([np.nan, 1.0])), fnp.ones(2))
    assert names(g) == ["mul"]


def test_barriers_are_respected():
    def f(x):
        (y,) = ops.optimization_barrier(fnp.sin(x))
        (z,) = ops.optimization_barrier(fnp.sin(x))
        return y + z + fnp.sin(x) + fnp.exp(y) + fnp.exp(z)

    _, g = both(f, fnp.ones(3))
    assert names(g).count("optimization_barrier") == 2
    assert names(g).count("sin") == 1
    assert names(g).count("exp") == 2
    constant = fnp.ones(3)
    _, g = both(lambda x: x + fnp.sin(ops.optimization_barrier(constant)[0]), fnp.ones(3))
    assert "sin" in names(g)


def test_the_same_large_constant_is_held_once():
    big = fnp.asarray(np.arange(2000.0))
    inner = fl.jit(lambda x: x * big)
    graph, g = both(lambda x: inner(x) + inner(x), fnp.ones(2000, "float64"))
    assert len(g.consts) == 1
    assert names(g) == ["mul", "add"]


# ---------------------------------------------------------------------------------------- folding
def test_small_constants_are_folded():
    table = fnp.asarray([1.0, 2.0, 3.0])
    _, g = both(lambda x: x + fnp.sum(fnp.sin(table) * 2.0), fnp.ones(()))
    assert names(g) == ["add"]
    big = fnp.ones(100_000)
    _, g = both(lambda x: x + fnp.sum(big), fnp.ones(()))
    assert names(g) == ["add"]


def test_folding_is_bounded():
    row = fnp.ones(passes.FOLD_BYTES // 4)
    _, g = both(lambda x: x * fnp.exp(row), fnp.ones(1))
    assert names(g) == ["mul"]
    longer = fnp.ones(passes.FOLD_BYTES // 4 + 1)
    _, g = both(lambda x: x * fnp.exp(longer), fnp.ones(1))
    assert names(g) == ["exp", "mul"]


def test_folding_raises_no_warnings():
    zero = fnp.asarray([0.0])
    _, g = both(lambda x: x + fnp.log(zero) / zero, fnp.ones(1))
    assert names(g) == ["add"]


def test_results_of_simplification_are_folded_too():
    table = fnp.asarray([1.0, -2.0])
    _, g = both(lambda x: x + fnp.exp(fnp.reshape(table, (2, 1)) * 1.0)[:, 0], fnp.ones(2))
    assert names(g) == ["add"]


# ---------------------------------------------------------------------------------------- algebra
def constant(value, dtype="float64"):
    return ops.full(shape=(), dtype=np.dtype(dtype), value=value)


def const_array(value, dtype="float64"):
    return wrap(np.array(value, dtype))


REMOVED = {
    "x + -0.0": lambda x: ops.add(x, constant(-0.0)),
    "-0.0 + x": lambda x: ops.add(const_array(-0.0), x),
    "x - 0.0": lambda x: ops.sub(x, constant(0.0)),
    "x * 1": lambda x: ops.mul(x, constant(1.0)),
    "1 * x": lambda x: ops.mul(const_array(1.0), x),
    "x * broadcast 1": lambda x: ops.mul(x, ops.broadcast_to(constant(1.0), shape=x.shape)),
    "x / 1": lambda x: ops.div(x, constant(1.0)),
    "- - x": lambda x: ops.neg(ops.neg(x)),
    "cast to itself": lambda x: ops.cast(x, dtype=np.dtype("float64")),
    "whole slice": lambda x: ops.slice(x, start=(0,), stop=x.shape, step=(1,)),
    "broadcast to itself": lambda x: ops.broadcast_to(x, shape=x.shape),
    "reshape to itself": lambda x: ops.reshape(x, shape=x.shape),
    "reshape and back": lambda x: ops.reshape(ops.reshape(x, shape=(2, 5)), shape=(10,)),
    "transpose to itself": lambda x: ops.transpose(x, perm=(0,)),
    "flip of no axis": lambda x: ops.flip(x, axes=()),
    "product over no axis": lambda x: ops.reduce_prod(x, axes=()),
    "maximum over no axis": lambda x: ops.reduce_max(x, axes=()),
    "minimum over no axis": lambda x: ops.reduce_min(x, axes=()),
    "concatenate one": lambda x: ops.concatenate(x, axis=0),
    "pad by nothing": lambda x: ops.pad(x, constant(7.0), config=((0, 0, 0),)),
    "first power": lambda x: ops.integer_pow(x, n=1),
}


@pytest.mark.parametrize("name", REMOVED)
def test_a_rule_removes_its_op_and_keeps_every_bit(name):
    _, g = both(REMOVED[name], fnp.asarray(SPECIAL))
    assert names(g) == []


KEPT = {
    "sum over no axis": lambda x: ops.reduce_sum(x, axes=()),
    "x + 0.0": lambda x: ops.add(x, constant(0.0)),
    "x - -0.0": lambda x: ops.sub(x, constant(-0.0)),
    "0.0 - x": lambda x: ops.sub(constant(0.0), x),
    "x * 0.0": lambda x: ops.mul(x, constant(0.0)),
    "x * -1": lambda x: ops.mul(x, constant(-1.0)),
    "1 / x": lambda x: ops.div(constant(1.0), x),
    "x / x": lambda x: ops.div(x, x),
    "x - x": lambda x: ops.sub(x, x),
    "x + nan": lambda x: ops.add(x, constant(np.nan)),
    "broadcasting add": lambda x: ops.add(x, ops.full(shape=(2, 1), dtype=x.dtype, value=-0.0)),
    "broadcasting mul": lambda x: ops.mul(x, ops.full(shape=(2, 1), dtype=x.dtype, value=1.0)),
    "part of x": lambda x: ops.slice(x, start=(1,), stop=x.shape, step=(1,)),
    "neg": lambda x: ops.neg(x),
    "square": lambda x: ops.integer_pow(x, n=2),
    "negative pad": lambda x: ops.pad(x, constant(7.0), config=((1, -1, 0),)),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_only_looks_like_a_rule_is_kept(name):
    graph, g = both(KEPT[name], fnp.asarray(SPECIAL))
    assert [n for n in names(g) if n != "full"] == [n for n in names(graph) if n != "full"]


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "complex64", "int8", "uint8", "bool"]
)
def test_rules_in_other_dtypes_keep_every_bit(dtype):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
        if dtype == "complex64":
            x = x * np.complex64(complex(-0.0, 1.0))
    value = True if dtype == "bool" else 1
    for f in (
        lambda x: ops.mul(x, constant(value, dtype)),
        lambda x: ops.add(x, constant(False if dtype == "bool" else 0, dtype)),
        lambda x: ops.cast(x, dtype=np.dtype(x.dtype)),
        lambda x: ops.reshape(x, shape=(10,)),
    ):
        both(f, wrap(x))
    if dtype in ("int8", "uint8"):
        _, g = both(lambda x: ops.sub(ops.add(x, constant(0, dtype)), constant(0, dtype)), wrap(x))
        assert names(g) == []
        both(lambda x: ops.neg(ops.neg(x)), wrap(np.array([-128, 127, 0, 200]).astype(dtype)))
        both(lambda x: ops.div(x, constant(1, dtype)), wrap(x))


def test_chains_of_transposes_become_one():
    x = fnp.asarray(np.arange(24.0).reshape(2, 3, 4))
    _, g = both(lambda x: ops.transpose(ops.transpose(x, perm=(1, 2, 0)), perm=(1, 0, 2)), x)
    assert names(g) == ["transpose"]
    _, g = both(lambda x: ops.transpose(ops.transpose(x, perm=(1, 2, 0)), perm=(2, 0, 1)), x)
    assert names(g) == []
    _, g = both(lambda x: ops.reshape(ops.reshape(x, shape=(6, 4)), shape=(4, 6)), x)
    assert names(g) == ["reshape"]


# --------------------------------------------------------------------------------------- inlining
def test_calls_are_written_out_with_their_constants():
    table = fnp.asarray(np.arange(3.0))
    inner = fl.jit(lambda x: (x * table, x))
    graph, g = both(lambda x: inner(inner(x)[0])[0], fnp.ones(3, "float64"))
    assert names(graph) == ["call", "call"]
    assert names(g) == ["mul", "mul"]
    assert len(g.consts) == 1


def test_gradients_of_calls_are_as_small_as_without():
    def f(x):
        return fnp.sum(fnp.tanh(x * 2.0))

    plain = passes.optimise(fl.make_graph(fl.grad(f))(fnp.ones(3)))
    jitted = passes.optimise(fl.make_graph(fl.grad(fl.jit(f)))(fnp.ones(3)))
    assert len(jitted.eqns) <= len(plain.eqns)


# -------------------------------------------------------------------------------- random programs
UNARY = ["neg", "abs", "floor", "sign", "sqrt", "exp", "sin", "square", "reciprocal", "isnan"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "pow", "lt", "atan2"]
NUMBERS = [0.0, -0.0, 1.0, -1.0, np.inf, np.nan, 0.5, 2.0]


@st.composite
def graphs(draw):
    """Random graphs over a few shapes, with neutral elements and repeated expressions."""
    f64, f32 = np.dtype("float64"), np.dtype("float32")
    dtype = draw(st.sampled_from([f64, f32]))
    inputs = [Var(Aval((2, 3), dtype)), Var(Aval((3,), dtype)), Var(Aval((), dtype))]
    pool, eqns, consts = list(inputs), [], {}

    def emit(op, args, **params):
        found = op.aval(*[v.aval for v in args], **params)
        outs = [Var(a) for a in (found if op.multi else (found,))]
        eqns.append(Eqn(op, args, outs, params))
        pool.extend(v for v in outs if v.aval.dtype == dtype)

    for _ in range(draw(st.integers(1, 14))):
        kind = draw(
            st.sampled_from(["unary", "binary", "full", "const", "move", "reduce", "barrier"])
        )
        var = draw(st.sampled_from(pool))
        if kind == "unary":
            emit(getattr(ops, draw(st.sampled_from(UNARY))), [var])
        elif kind == "binary":
            emit(getattr(ops, draw(st.sampled_from(BINARY))), [var, draw(st.sampled_from(pool))])
        elif kind == "full":
            shape = draw(st.sampled_from([(), (3,), (2, 3)]))
            emit(ops.full, [], shape=shape, dtype=dtype, value=draw(st.sampled_from(NUMBERS)))
        elif kind == "const":
            shape = draw(st.sampled_from([(), (3,)]))
            data = np.full(shape, draw(st.sampled_from(NUMBERS)), dtype)
            pool.append(Var(Aval(shape, dtype)))
            consts[pool[-1]] = wrap(data)
        elif kind == "reduce":
            axes = tuple(range(draw(st.integers(0, var.aval.ndim))))
            emit(draw(st.sampled_from([ops.reduce_sum, ops.reduce_max])), [var], axes=axes)
        elif kind == "barrier":
            emit(ops.optimization_barrier, [var])
        elif var.aval.ndim == 2:
            shape = var.aval.shape
            if draw(st.booleans()):
                emit(ops.reshape, [var], shape=(6,))
                emit(ops.reshape, [pool[-1]], shape=shape)
            else:
                emit(ops.transpose, [var], perm=(1, 0))
                emit(ops.transpose, [pool[-1]], perm=(1, 0))
        else:
            emit(
                ops.broadcast_to,
                [var],
                shape=(2, 3) if var.aval.shape in ((), (3,)) else var.aval.shape,
            )
    outputs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    return Graph(inputs, eqns, outputs, consts)


@hypothesis.settings(max_examples=150, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(st.data())
def test_optimised_graphs_equal_the_originals_to_the_bit(data):
    try:
        graph = check(data.draw(graphs()))
    except fl.errors.ShapeError:
        hypothesis.reject()
    values = st.sampled_from([*NUMBERS, -np.inf, 1e-40, 3.0, -2.5])
    args = [
        np.array(
            data.draw(st.lists(values, min_size=v.aval.size, max_size=v.aval.size)), v.aval.dtype
        ).reshape(v.aval.shape)
        for v in graph.inputs
    ]
    optimised = check(passes.optimise(graph))
    assert len(optimised.eqns) <= len(graph.eqns)
    assert_same_bits(run(optimised, *args), run(graph, *args))
    assert names(passes.optimise(optimised)) == names(optimised)


def test_bfloat16_ones_are_recognised():
    x = wrap(np.array([1.0, -0.0, np.nan], ml_dtypes.bfloat16))
    _, g = both(lambda x: x * 1.0, x)
    assert names(g) == []

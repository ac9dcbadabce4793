"""Graphs: printing as runnable Python, the check, evaluation, and what the executor keeps."""

import weakref

import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, ops
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import (
    Eqn,
    Graph,
    Var,
    check,
    evaluate,
    printed_consts,
    reference_program,
    to_function,
)
from functorch_lite.core.op import REGISTRY

BIG = fnp.asarray(np.arange(12.0).reshape(3, 4))


def sin(x):
    """A user's function with the name of an op."""
    return fnp.sin(x) + fnp.cos(x)


def def_(x):
    return x * 2


FUNCTIONS = {
    "arithmetic": lambda x: (x + 1.0) * x / 3.0 - x**2,
    "constants": lambda x: x * np.inf + np.nan - 0.0 * -0.0 + 1e-300,
    "big constant": lambda x: x * BIG + BIG,
    "reductions": lambda x: (fnp.sum(x, axis=0), fnp.max(x), fnp.argmax(x, axis=1)),
    "indexing": lambda x: (x[1], x[::-1, 1:3], x[fnp.asarray([0, 2]), 1], x.at[0].add(5.0)),
    "matmul": lambda x: x @ x.T,
    "sort": lambda x: (fnp.sort(x, axis=0), fnp.argsort(x, axis=1)),
    "casts": lambda x: (x.astype("bfloat16") * 0.1, x.astype("int32"), x > 1),
    "complex": lambda x: (
        x.astype("complex64") * 1j,
        x * complex(-0.0, 1.0),
        x + complex(np.inf, np.nan),
    ),
    "creation": lambda x: fnp.ones((2,)) + fnp.arange(2) + fnp.full((2,), -0.0),
    "gradient": fl.grad(lambda x: fnp.sum(fnp.tanh(x) ** 2)),
    "jit": fl.jit(sin),
    "jit of jit": lambda x: fl.jit(lambda y: fl.jit(sin)(y) * BIG)(x) + fl.jit(sin)(x),
    "grad of jit": fl.grad(lambda x: fnp.sum(fl.jit(sin)(x))),
    "vmap of jit": fl.vmap(fl.jit(sin)),
    "keyword name": fl.jit(def_),
    "no output": lambda x: (),
    "no equation": lambda x: x,
    "constant output": lambda x: (2.0, BIG),
    "pad": lambda x: fnp.pad(x, 1, constant_values=7.0),
    "where": lambda x: fnp.where(x > 5, x, -x),
    "scan of adds": lambda x: sum([x * float(i) for i in range(300)]),
    "concatenate": lambda x: fnp.concatenate([x, x[:1], BIG]),
}


def bits(xs):
    return [(np.asarray(x).dtype, np.asarray(x).shape, np.asarray(x).tobytes()) for x in xs]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_printed_graph_is_a_program(name):
    f = FUNCTIONS[name]
    x = fnp.asarray(np.linspace(-1.0, 7.0, 12).reshape(3, 4))
    graph = check(fl.make_graph(f)(x))
    want = bits(fl.tree.leaves(f(x)))
    assert bits(evaluate(graph, [x])) == want
    assert bits(to_function(graph)(x)) == want
    # A plain exec of the text needs the ops, np and bfloat16, and nothing of this library's core.
    namespace = {
        **{n: getattr(ops, n) for n in ops.__all__},
        "np": np,
        "bfloat16": ml_dtypes.bfloat16,
    }
    exec(str(graph), namespace)
    assert bits(namespace["graph"](x, **printed_consts(graph))) == want
    # So does the optimised program of the jitted function.
    lowered = fl.jit(f).lower(x)
    assert bits(to_function(lowered.optimised)(x)) == want
    assert (
        bits([fl.core.array.wrap(np.asarray(d)) for d in reference_program(graph)(x._data)]) == want
    )


def test_a_printed_graph_runs_under_transforms():
    graph = fl.make_graph(lambda x: fnp.sum(fnp.sin(x) * BIG))(BIG)
    f = to_function(graph)
    np.testing.assert_allclose(
        np.asarray(fl.grad(lambda x: f(x)[0])(BIG)), np.cos(np.asarray(BIG)) * np.asarray(BIG)
    )
    np.testing.assert_allclose(np.asarray(fl.jit(f)(BIG)[0]), np.asarray(f(BIG)[0]))


def test_names_of_functions_do_not_hide_ops():
    text = fl.jit(sin).lower(1.0).as_text()
    assert text.startswith("def sin_graph(a: 'f64[]'):")
    namespace = dict(REGISTRY, np=np)
    exec(text, namespace)
    assert float(namespace["sin_graph"](fnp.asarray(0.0))[0]) == 1.0


def test_the_text_of_a_small_graph():
    def scaled(x, y):
        return {"out": fnp.exp(x) * 2.0 + y}

    line = scaled.__code__.co_firstlineno + 1
    graph = fl.make_graph(scaled)(fnp.ones(3), fnp.ones((2, 3)))
    where = f"test_graph.py:{line}"
    assert str(graph) == (
        "def graph(a: 'f32[3]', b: 'f32[2,3]'):\n"
        "    c = full(shape=(), dtype=np.dtype('float32'), value=2.0)  # f32[]\n"
        f"    d = exp(a)  # f32[3]  {where}\n"
        f"    e = mul(d, c)  # f32[3]  {where}\n"
        f"    f = add(e, b)  # f32[2,3]  {where}\n"
        "    return f,"
    )
    assert repr(graph) == "<Graph graph(f32[3], f32[2,3]) -> (f32[2,3]), 3 equations>"


def test_backward_equations_show_the_forward_line():
    def loss(x):
        return fnp.sum(fnp.sin(x))

    line = loss.__code__.co_firstlineno + 1
    text = str(fl.make_graph(fl.grad(loss))(fnp.ones(3)))
    assert f"cos(a)  # f32[3]  test_graph.py:{line}, backward of sin" in text


# -------------------------------------------------------------------------------------- the check
F32 = Aval((3,), "float32")


def good():
    x, y, z = Var(F32), Var(F32), Var(F32)
    return Graph([x], [Eqn(ops.sin, [x], [y], {}), Eqn(ops.add, [x, y], [z], {})], [z])


def test_a_good_graph_passes():
    graph = good()
    assert check(graph) is graph


def used_before_defined():
    g = good()
    g.eqns.reverse()
    return g


def defined_twice():
    g = good()
    g.eqns[1].outputs = g.eqns[0].outputs
    return g


def an_input_twice():
    g = good()
    g.inputs = (*g.inputs, g.inputs[0])
    return g


def an_input_defined_again():
    g = good()
    g.eqns[1].outputs = g.inputs
    return g


def output_never_defined():
    g = good()
    g.outputs = (Var(F32),)
    return g


def unhashable_param():
    g = good()
    g.eqns[0].params = {"axes": [0]}
    return g


def unknown_param():
    g = good()
    g.eqns[0] = Eqn(ops.reduce_sum, g.inputs, [Var(Aval((), "float32"))], {"axis": 0})
    return g


def missing_operand():
    g = good()
    g.eqns[0] = Eqn(ops.reduce_sum, [], g.eqns[0].outputs, {"axes": ()})
    return g


def wrong_shape():
    g = good()
    g.eqns[1].outputs = (Var(Aval((4,), "float32")),)
    g.outputs = g.eqns[1].outputs
    return g


def wrong_dtype():
    g = good()
    g.eqns[1].outputs = (Var(Aval((3,), "float64")),)
    g.outputs = g.eqns[1].outputs
    return g


def operands_that_do_not_fit():
    g = good()
    g.inputs = (Var(Aval((4,), "float32")),)
    g.eqns[0].inputs = g.inputs
    g.eqns[0].outputs = (Var(Aval((4,), "float32")),)
    other = Var(F32)
    g.inputs = (*g.inputs, other)
    g.eqns[1].inputs = (g.eqns[0].outputs[0], other)
    return g


def operands_of_two_dtypes():
    g = good()
    other = Var(Aval((3,), "float64"))
    g.inputs = (*g.inputs, other)
    g.eqns[1].inputs = (g.inputs[0], other)
    return g


def too_many_outputs():
    g = good()
    g.eqns[1].outputs = (*g.eqns[1].outputs, Var(F32))
    return g


def constant_of_another_shape():
    g = good()
    g.consts = {Var(F32): fnp.ones(4)}
    return g


def constant_defined_again():
    g = good()
    g.consts = {g.eqns[1].outputs[0]: fnp.ones(3)}
    return g


def bad_inner_graph():
    g = fl.make_graph(fl.jit(lambda x: x * 2.0))(fnp.ones(3))
    inner = g.eqns[0].params["graph"]
    inner.eqns[0].outputs = (Var(F32),)
    return g


def call_of_another_signature():
    g = fl.make_graph(fl.jit(lambda x: x * 2.0))(fnp.ones(3))
    g.eqns[0].params["graph"].inputs = (Var(Aval((4,), "float32")),)
    return g


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (used_before_defined, r"equation 0 \(add, <unknown>\) uses Var\(f32\[3\]\) before"),
        (defined_twice, "a second time"),
        (an_input_twice, "the input list defines"),
        (an_input_defined_again, "a second time"),
        (output_never_defined, "is never defined"),
        (unhashable_param, "has an unhashable param"),
        (unknown_param, "breaks the op's own rule"),
        (missing_operand, "breaks the op's own rule"),
        (wrong_shape, r"declares Var\(f32\[4\]\), its rule f32\[3\]"),
        (wrong_dtype, r"declares Var\(f64\[3\]\), its rule f32\[3\]"),
        (operands_that_do_not_fit, "do not broadcast"),
        (operands_of_two_dtypes, "must have one dtype"),
        (too_many_outputs, "has 2 outputs, not 1"),
        (constant_of_another_shape, r"a constant is f32\[4\], declared Var\(f32\[3\]\)"),
        (constant_defined_again, "a second time"),
        (bad_inner_graph, "is never defined"),
        (call_of_another_signature, r"the graph takes \(f32\[4\]\), got \(f32\[3\]\)"),
    ],
)
def test_a_malformed_graph_is_refused(broken, message):
    with pytest.raises(errors.GraphError, match=message):
        check(broken())


# ----------------------------------------------------------------------------------- the executor
def test_values_are_dropped_after_their_last_use():
    alive = []
    x = Var(Aval((10,), "float64"))

    def watched(xp, a):
        out = a + 1
        alive.append((weakref.ref(out), [r() is not None for r, _ in alive[:-1]]))
        return out

    op = ops.sin
    was = op.eager
    vars_ = [x, *[Var(x.aval) for _ in range(4)]]
    eqns = [Eqn(op, [a], [b], {}) for a, b in zip(vars_[:-1], vars_[1:], strict=True)]
    try:
        op.eager = lambda a: watched(np, a)
        program = reference_program(Graph([x], eqns, [vars_[-1]]))
        (out,) = program(np.zeros(10))
    finally:
        op.eager = was
    # When equation i runs, only the value of equation i - 1 is still held.
    assert [seen for _, seen in alive] == [[], [], [False], [False, False]]
    assert out[0] == 4
    assert [ref() is not None for ref, _ in alive] == [False, False, False, True]


def test_results_that_nothing_uses_are_dropped_at_once():
    held = []
    x = Var(Aval((10,), "float64"))
    y, i, z = Var(x.aval), Var(Aval((10,), "int64")), Var(x.aval)
    was_sort, was_sin = ops.sort.eager, ops.sin.eager

    def sort(*args, **params):
        out = tuple(np.array(a) for a in args)
        held.extend(map(weakref.ref, out))
        return out

    def sin(a):
        held.append([r() is not None for r in held])
        return a

    graph = Graph(
        [x, i],
        [
            Eqn(ops.sort, [x, i], [y, Var(i.aval)], {"axis": 0, "num_keys": 1}),
            Eqn(ops.sin, [y], [z], {}),
        ],
        [z],
    )
    try:
        ops.sort.eager, ops.sin.eager = sort, sin
        reference_program(check(graph))(np.zeros(10), np.arange(10))
    finally:
        ops.sort.eager, ops.sin.eager = was_sort, was_sin
    assert held[2] == [True, False]


def test_the_executor_needs_no_python_of_the_user():
    f = fl.jit(FUNCTIONS["arithmetic"])
    x = fnp.asarray(np.linspace(-1.0, 1.0, 5))
    np.testing.assert_array_equal(np.asarray(f(x)), np.asarray(FUNCTIONS["arithmetic"](x)))

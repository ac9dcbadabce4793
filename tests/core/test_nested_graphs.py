"""Graphs inside graphs: printing, checking, stacks, and what passes make of loops and branches."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.compile.passes import optimise
from functorch_lite.core.array import wrap_stack
from functorch_lite.core.aval import Aval, StackAval, parse_aval, with_axis, without_axis
from functorch_lite.core.graph import Eqn, Graph, check, evaluate, to_function
from functorch_lite.core.rewrite import all_equations, dead_code, has_effect
from functorch_lite.core.stack import Stack, zero_stack
from functorch_lite.errors import GraphError
from functorch_lite.ops import add
from functorch_lite.transforms.derived import reverse_of

X = fnp.asarray([0.3, 0.7], "float64")


def loops(x):
    """A branch in a scan, a loop of unknown length, a call, a captured array."""

    def step(c, row):
        return lax.cond(row.sum() > 0, fnp.sin, lambda c: c * X[0] + row, c), c

    c, ys = lax.scan(step, x, fnp.stack([x, -x, x]))
    c = lax.while_loop(lambda c: c.sum() < 3.0, lambda c: c + fnp.exp(c), c)
    return fl.jit(lambda a, b: a * b.sum())(c, ys)


PROGRAMS = {
    "value": loops,
    "vjp": lambda x: fl.vjp(loops, x)[1](x)[0],
    "vmap of vjp": lambda x: fl.vmap(lambda x: fl.vjp(loops, x)[1](x)[0])(fnp.stack([x, 2 * x])),
    "vjp of vjp": lambda x: fl.vjp(lambda x: fl.vjp(loops, x)[1](x)[0], x)[1](x)[0],
    "linearize": lambda x: fl.linearize(loops, x)[1](x),
    "checkpoint": lambda x: fl.vjp(fl.checkpoint(loops), x)[1](x)[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_with_graphs_inside_print_and_run(name):
    f = PROGRAMS[name]
    want = np.asarray(f(X))
    graph = check(fl.make_graph(f)(X))
    for program in (graph, check(optimise(graph))):
        np.testing.assert_allclose(evaluate(program, [X])[0], want, rtol=1e-13)
        np.testing.assert_allclose(to_function(program)(X)[0], want, rtol=1e-13)
        # The text is a program like any other: it can be transformed and staged in its turn.
        again = fl.make_graph(lambda x, program=program: to_function(program)(x))(X)
        np.testing.assert_allclose(evaluate(again, [X])[0], want, rtol=1e-13)
    np.testing.assert_allclose(fl.jit(f)(X), want, rtol=1e-13)


def test_the_text_of_a_loop():
    text = str(fl.make_graph(lambda x: lax.fori_loop(0, 3, lambda i, c: c * x, x))(X))
    assert "    @subgraph\n    def body_1(" in text
    assert "body=body_1, n_consts=1, n_carry=2, length=3, reverse=False)" in text
    stacks = str(fl.make_graph(fl.grad(lambda x: loops(x).sum()))(X))
    assert "f64[*,2]" in stacks


def test_params_without_text_become_keywords():
    host = lambda x: np.sin(x)  # noqa: E731
    shape = fl.ShapeDtypeStruct((2,), "float64")
    graph = fl.make_graph(lambda x: fl.pure_callback(host, shape, x))(X)
    assert "callback=const_0" in str(graph)
    compile(str(graph), "<graph>", "exec")
    np.testing.assert_allclose(to_function(graph)(X)[0], np.sin(X))


def test_a_wrong_inner_graph_is_named():
    graph = fl.make_graph(lambda x: lax.scan(lambda c, r: (c * r, None), 1.0, x)[0])(X)
    (eqn,) = [e for e in graph.eqns if e.op.name == "scan"]
    body = eqn.params["body"]
    wrong = Graph(body.inputs, body.eqns[:-1], body.outputs, body.consts, body.name)
    eqn.params["body"] = wrong
    with pytest.raises(GraphError, match="never defined"):
        check(graph)


# ------------------------------------------------------------------------------------------ stacks
def test_types_of_stacks():
    elem = Aval((3, 2), "float32")
    stack, nested = StackAval(elem), StackAval(StackAval(elem))
    assert (stack.short(), nested.short(), StackAval(Aval((), "int64")).short()) == (
        "f32[*,3,2]", "f32[*,*,3,2]", "i64[*]",
    )  # fmt: skip
    for aval in (elem, stack, nested, Aval((), "bool"), Aval((), "bfloat16")):
        assert parse_aval(aval.short()) == aval
    assert stack != elem and stack != nested and hash(stack) == hash(StackAval(elem))
    assert with_axis(nested, 5).short() == "f32[*,*,5,3,2]"
    assert without_axis(with_axis(nested, 5)) == nested


def test_sums_of_stacks():
    elem = Aval((2,), "float64")
    one = wrap_stack(Stack([np.ones(2), np.zeros(2)], elem))
    inner = Stack([np.ones(2)], elem)
    nested = wrap_stack(Stack([inner, inner], StackAval(elem)))
    for x in (one, nested):
        zero = wrap_stack(zero_stack(x.aval))
        assert add(zero, x)._data is x._data and add(x, zero)._data is x._data
        assert add(x, x).aval == x.aval
    np.testing.assert_array_equal(add(one, one)._data.items[0], [2.0, 2.0])
    np.testing.assert_array_equal(add(nested, nested)._data.items[1].items[0], [2.0, 2.0])
    assert "2 steps" in repr(one._data) and one._data.size == 4
    assert zero_stack(one.aval).at(7, np).tolist() == [0.0, 0.0]


# ------------------------------------------------------------------------------------------ passes
def test_effects_stay():
    def f(x):
        fl.debug.print("{}", x)
        return x

    graph = fl.make_graph(f)(1.0)
    assert [e.op.name for e in dead_code(graph).eqns if has_effect(e)] == ["debug_callback"]

    def shout(x):
        return lax.scan(lambda c, r: (fl.debug.print("{}", r), (c, None))[1], 0.0, x)[0]

    names = [
        e.op.name for e in all_equations(optimise(fl.make_graph(lambda x: (shout(x), x)[1])(X)))
    ]
    assert "debug_callback" in names and "scan" in names


def test_nothing_is_folded_that_runs_python_or_loops():
    ran = []

    def host(x):
        ran.append(1)
        return x

    shape = fl.ShapeDtypeStruct((), "float32")
    f = fl.jit(lambda: fl.pure_callback(host, shape, fnp.float32(1.0)) + 0)
    f.lower().optimised  # noqa: B018
    assert not ran
    assert float(f()) == 1.0 and len(ran) == 1


def test_cotangents_that_nobody_has_cost_nothing():
    def f(x, w):
        return x * w, fnp.sin(x) @ w, x.sum()

    graph = fl.make_graph(f)(X, X)
    pair = reverse_of(graph, [True, True])
    whole, _, reached = pair.backward_for([X, X[0], X[0]])
    assert reached == (True, True)
    part, given, reached = pair.backward_for([None, None, X[0]])
    assert (len(given), reached) == (1, (True, False))
    assert [e.op.name for e in part.eqns] == ["broadcast_to"] and len(whole.eqns) > 5
    nothing, _, reached = pair.backward_for([None, None, None])
    assert reached == (False, False) and not nothing.eqns

    def loop(xs):
        return lax.scan(lambda c, x: (c * fnp.cos(x), c * x), 1.0, xs)[0]

    back = [e for e in fl.make_graph(fl.grad(loop))(X).eqns if e.op.name == "scan"][1]
    zeros = [e for e in back.params["body"].eqns if e.op.name == "full" and e.params["value"] == 0]
    assert len(back.outputs) == 2 and not zeros


def test_a_zero_summand_of_another_shape_is_written_out():
    def f(a, b):
        return a * 2, (a + b) * 3

    graph = fl.make_graph(f)(fnp.asarray(1.0), X)
    pair = reverse_of(graph, [True, True])
    for cts in (
        [fnp.asarray(1.0), None],
        [None, fnp.ones_like(X)],
        [fnp.asarray(1.0), fnp.ones_like(X)],
    ):
        found = (
            pair.pull([], cts) if not pair.residuals else pair.pull([X] * len(pair.residuals), cts)
        )
        full = [fnp.zeros(()) if c is None else c for c in cts]
        want = fl.vjp(f, fnp.asarray(1.0), X)[1]((full[0], fnp.zeros_like(X) + full[1]))
        for got, expected in zip(found, want, strict=True):
            np.testing.assert_allclose(0.0 if got is None else got, expected)


def test_equations_keep_their_class():
    graph = fl.make_graph(loops)(X)
    assert all(isinstance(e, Eqn) for e in all_equations(graph))
    assert {"scan", "cond", "while_loop", "call"} <= {e.op.name for e in all_equations(graph)}


def test_a_broadcast_summand_is_written_out():
    """Only a custom rule adds cotangents of different shapes."""

    @fl.custom_vjp
    def f(x):
        return x.sum(), x * 1.0

    f.defvjp(lambda x: (f(x), None), lambda _, cts: (cts[0] + cts[1],))
    found = fl.grad(lambda x: fl.jit(f)(x)[0] * 3.0)(X)
    assert found.shape == X.shape
    np.testing.assert_allclose(found, [3.0, 3.0])

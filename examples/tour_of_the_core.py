"""A tour of the core: how grad, vmap and jit come about, in code that runs.

    python examples/tour_of_the_core.py

Read it from top to bottom; every stop is a short function, states its point, shows it on the real
library (nothing here is a model of it), and asserts what the text says.  At the end you will have
added an operation and a transform of your own.

One idea carries the whole: every operation is one record, every transform is one interpreter of
records, every staged program is one graph of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, ops
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Graph, check, reference_program, to_function
from functorch_lite.core.op import NOT_DIFFERENTIABLE, REGISTRY, Op
from functorch_lite.core.rewrite import all_equations
from functorch_lite.core.trace import Trace, state
from functorch_lite.errors import EscapedTracerError
from functorch_lite.ops.families import const, elementwise
from functorch_lite.testing import check_grads
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.forward import JVPTrace
from functorch_lite.transforms.reverse import GradTrace, GradTracer, backward
from functorch_lite.transforms.stage import StageTrace

three, five = fnp.asarray(3.0), fnp.asarray(5.0)


def names(graph: Graph) -> list[str]:
    """The ops of a graph in order, those of the graphs inside it included."""
    return [eqn.op.name for eqn in all_equations(graph)]


def one_record_per_op() -> None:
    """Everything the library knows about an operation is in one record of the registry."""
    mul = REGISTRY["mul"]
    assert mul is ops.mul
    print(f"{len(REGISTRY)} ops; one of them is {mul}")

    # How to compute it: a function of raw arrays.
    assert mul.eager is np.multiply
    # What comes out, from shapes and dtypes alone.
    row, column = Aval((3,), "float32"), Aval((2, 1), "float32")
    assert mul.aval(row, column).shape == (2, 3)
    # How it is differentiated: a rule per operand, which scales a tangent by the local derivative.
    # An elementwise op has a diagonal Jacobian, its own transpose: one rule serves both modes.
    assert mul.jvp[0] is mul.vjp[0] and mul.jvp[1] is mul.vjp[1]
    # A rule names what it needs in its signature.  That of x in x * y is ``lambda t, y: t * y``:
    # it needs operand 1, and reverse mode keeps nothing else for it.
    assert mul.vjp[0].args == {1} and not mul.vjp[0].ans
    assert REGISTRY["exp"].vjp[0].ans  # the derivative of exp is its own answer
    # What is missing on purpose says so; nobody has to guess whether it was forgotten.
    assert REGISTRY["floor"].vjp is NOT_DIFFERENTIABLE


def the_current_trace_decides() -> None:
    """An op looks at one slot, ``state.trace``, and not at its operands.

    With nothing there it runs at once.  Otherwise the trace gets the op to process, while the slot
    holds the trace's parent: what a trace does with ops is done one transform further out.
    """
    assert state.trace is None
    assert float(ops.mul(three, five)) == 15.0

    class Logger(Trace):
        """Writes down each op and passes it on to the transform around it."""

        def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
            assert state.trace is self.parent
            log.append(op.name)
            return op(*args, **params)

    log: list[str] = []
    with Logger("a logger") as outer:
        with Logger("another one") as inner:
            assert state.trace is inner and inner.parent is outer
            ops.sin(ops.mul(three, five))
    assert state.trace is None
    assert log == ["mul", "mul", "sin", "sin"]
    print(f"two nested loggers saw {log}")


def reverse_mode_leaves_nodes() -> None:
    """Under ``GradTrace`` a value carries a node: the op that made it, and what its rule needs."""
    with GradTrace("a tour") as trace:
        x = trace.root(three)
        y = ops.mul(ops.sin(x), five)
    assert isinstance(y, GradTracer)
    assert y.primal == ops.mul(ops.sin(three), five)  # what eager mode computes
    # The product kept its second operand, because the rule of the first one names it.
    node = y.node
    assert node.op is ops.mul and node.args[1] is five and node.args[0] is None
    # Its parent is the sine, which kept its operand; five is no function of x and has no node.
    sine, nothing = node.parents
    assert sine is not None and sine.op is ops.sin and nothing is None
    assert sine.parents == [x.node] and x.node.op is None

    # Going backwards visits nodes by falling index, and applies to each cotangent the rules of the
    # operands that have a node.  Rules are made of ops, so this can be traced in its turn.
    found = backward([(y.node, fnp.asarray(1.0))])
    assert abs(float(found[x.node]) - 5 * np.cos(3.0)) < 1e-6
    print(f"d/dx 5 sin(x) at 3 is {float(found[x.node]):.6f}, and {5 * np.cos(3.0):.6f} on paper")
    # A tracer does not outlive its transform without notice.
    try:
        ops.sin(x)
    except EscapedTracerError as error:
        message = str(error)
    assert "a tour" in message


def forward_mode_carries_tangents() -> None:
    """Under ``JVPTrace`` a value carries its tangent; no tangent at all means zero."""
    with JVPTrace("a tour") as trace:
        x = trace.tracer(three, fnp.asarray(1.0))
        y = ops.mul(ops.sin(x), five)
        constant = ops.mul(five, five)
    assert abs(float(y.tangent) - 5 * np.cos(3.0)) < 1e-6
    assert type(constant) is type(five)  # no derivative passes here: an array like any other


def batching_adds_one_axis_in_front() -> None:
    """Under ``BatchTrace`` a value has one axis more than the function sees, and always the first.

    ``vmap`` moves axes there and back, so that every batching rule knows where the axis is.
    """
    table = fnp.arange(6.0).reshape(3, 2)
    with BatchTrace("a tour", size=3) as trace:
        row = trace.tracer(table)
        assert row.shape == (2,)  # what the function sees
        total = ops.reduce_sum(row, axes=(0,))  # becomes axes=(1,) of what there is
        assert total.shape == () and total.value.shape == (3,)
        shared = ops.mul(five, five)
        assert not hasattr(shared, "value")  # an ordinary array, computed once for all examples
    assert total.value.tolist() == [1.0, 5.0, 9.0]

    # Nesting is nothing new: the rules of the inner trace are ops, which reach the outer one.
    per_example = fl.vmap(fl.grad(lambda row: fnp.sum(row**3)))(table)
    assert np.array_equal(per_example, 3 * np.asarray(table) ** 2)


def staging_writes_a_program() -> None:
    """Under ``StageTrace`` nothing runs: ops are written into a graph, with shapes and lines."""
    with StageTrace("a tour") as trace:
        x = trace.arg(Aval((3,), "float32"), "x")
        y = ops.mul(ops.sin(x), five)  # five comes from outside: it becomes a constant
    graph = trace.graph([y], "tour")
    assert [eqn.op for eqn in graph.eqns] == [ops.sin, ops.mul]
    assert [aval.short() for aval in graph.out_avals] == ["f32[3]"]
    print(graph)

    # What is printed is a program, and runs; ``check`` derives every type once more.
    (again,) = to_function(check(graph))(fnp.asarray([0.0, 1.0, 2.0]))
    assert np.allclose(again, 5 * np.sin([0.0, 1.0, 2.0]))


def jit_stages_once() -> None:
    """``jit`` stages a function, simplifies the graph, makes a program of it and remembers it."""
    calls = []
    weights = fnp.asarray([1.0, 2.0])

    @fl.jit
    def f(x: Any) -> Any:
        calls.append("Python ran")
        fnp.exp(x)
        return fnp.sin(x) * fnp.sin(x) * 1.0 + fnp.sum(weights)

    f(three), f(five)
    assert calls == ["Python ran"]
    f(fnp.ones(2))  # another shape, another program
    assert len(calls) == 2 and f.cache_info().misses == 2

    # Passes take a graph and return one with the same values to the last bit.  Here they drop the
    # exponential, which nobody uses, the second sine and the factor 1.0, and add up the constants.
    # A term 0.0 would stay: -0.0 + 0.0 is not -0.0.
    lowered = f.lower(three)
    assert names(lowered.graph).count("sin") == 2
    assert names(lowered.optimised) == ["sin", "mul", "add"]
    print("jit leaves", names(lowered.optimised), "of", names(lowered.graph))

    # The program runs the ops' eager functions one by one over raw arrays; a compiler may take its
    # place, and has to return the same.
    (out,) = reference_program(lowered.optimised)(np.float32(3.0))
    assert np.array_equal(out, f(three))


def a_jitted_function_is_one_op() -> None:
    """To other transforms a jitted function is the op ``call``, whose param is the graph.

    Its rules are derived from the graph: for reverse mode a pair of graphs, of which the first
    returns what the second needs.  They are kept with the graph, so nothing is traced twice.
    """
    calls = []

    @fl.jit
    def f(x: Any) -> Any:
        calls.append("Python ran")
        return fnp.sin(x) * x

    graph = fl.make_graph(fl.grad(f))(three)
    print(graph)
    inner = [eqn.params["graph"].name for eqn in graph.eqns if eqn.op.name == "call"]
    assert inner == ["f_forward", "f_backward"]
    fl.grad(f)(five), fl.vmap(fl.grad(f))(fnp.ones(4))
    assert calls == ["Python ran"]


def loops_derive_loops() -> None:
    """``scan`` is an op with a graph, too, and its derivative is another ``scan``.

    The forward loop returns what reverse mode needs of every step, stacked.  Weights are the same
    in all steps and are handed on once, not stacked.  The backward loop runs from the last step to
    the first, and sums the weights' cotangent up in its carry.
    """
    weights, inputs = fnp.eye(3), fnp.ones((7, 3))

    def last_state(weights: Any, inputs: Any) -> Any:
        def step(h: Any, x: Any) -> tuple[Any, None]:
            return fnp.tanh(weights @ h + x), None

        return fnp.sum(lax.scan(step, fnp.zeros(3), inputs)[0])

    graph = fl.make_graph(fl.grad(last_state))(weights, inputs)
    forward, back = (eqn for eqn in graph.eqns if eqn.op.name == "scan")
    assert not forward.params["reverse"] and back.params["reverse"]
    print(back.params["body"])

    shapes = [var.aval.shape for var in (*forward.outputs, *back.inputs)]
    assert (3, 3) in shapes and (7, 3) in shapes  # weights once, states seven times
    assert (7, 3, 3) not in shapes
    assert back.params["n_consts"] == 1 and back.inputs[0] is graph.inputs[0]
    assert back.outputs[0] is graph.outputs[0]  # the sum in the carry is the gradient


def a_loop_of_unknown_length_goes_backwards() -> None:
    """``while_loop`` has reverse mode as well: it counts its steps and keeps them in stacks.

    How long a stack is, only the run knows; its type says ``f32[*]``.
    """

    def square_root(a: Any) -> Any:  # by Newton's method
        def far(x: Any) -> Any:
            return abs(x * x - a) > 1e-5 * a

        return lax.while_loop(far, lambda x: (x + a / x) / 2, a)

    for a in (2.0, 2e6):  # the larger one takes more steps
        slope = float(fl.grad(square_root)(fnp.asarray(a)))
        assert abs(slope / (0.5 * a**-0.5) - 1) < 1e-3
    graph = fl.make_graph(fl.grad(square_root))(three)
    forward, back = (eqn for eqn in graph.eqns if eqn.op.name in ("while_loop", "scan"))
    assert (forward.op.name, back.op.name) == ("while_loop", "scan")
    types = [var.aval.short() for var in forward.outputs]
    print("the forward loop returns", ", ".join(types))
    assert types[-1] == "i64[*]" and back.params["length"] is None


def checkpoint_computes_twice_behind_a_barrier() -> None:
    """``checkpoint`` keeps a function's arguments, and computes the rest again when needed.

    The passes of jit would merge the second computation with the first, and keep the values.  So
    it gets its arguments through an identity that no pass looks through.
    """

    def f(x: Any) -> Any:
        return fnp.sin(fnp.sin(fnp.sin(x)))

    def sines(g: Callable[..., Any]) -> int:
        return names(fl.jit(fl.value_and_grad(g)).lower(three).optimised).count("sin")

    assert sines(f) == 3
    assert sines(fl.checkpoint(f)) == 5  # two of three again: the last one's answer is not needed
    assert sines(fl.checkpoint(f, prevent_cse=False)) == 3
    assert "optimization_barrier" in names(fl.make_graph(fl.grad(fl.checkpoint(f)))(three))
    assert fl.grad(fl.checkpoint(f))(three) == fl.grad(f)(three)


def you_write_an_op() -> None:
    """A new op is one declaration; every transform can do something with it at once.

    The family derives broadcasting, batching, and both derivatives from one function per operand.
    """
    assert "cube" not in REGISTRY
    cube = elementwise(
        "cube",
        lambda xp, x: x * x * x,  # xp is NumPy or CuPy
        (lambda t, x: ops.mul(t, ops.mul(const(3, x.dtype), ops.square(x))),),
        kinds="f",
        code="{0} * {0} * {0}",
    )
    try:
        x = fnp.asarray([1.0, 2.0, 3.0])
        assert cube(x).tolist() == [1.0, 8.0, 27.0]

        def f(x: Any) -> Any:
            return fnp.sum(cube(fnp.sin(x)))

        # The rule is made of ops that have rules, so the second derivative is there, too.
        check_grads(f, (x.astype("float64"),), order=2)
        assert fl.grad(fl.grad(cube))(fnp.asarray(2.0)) == 12.0
        rows = fnp.ones((4, 3)) * x
        expected = 3 * np.sin(rows) ** 2 * np.cos(rows)
        assert np.allclose(fl.jit(fl.vmap(fl.grad(f)))(rows), expected, atol=1e-6)
        assert "cube" in names(fl.make_graph(f)(x))
    finally:
        del REGISTRY["cube"]  # a guest leaves the house as it was


class FlopTrace(Trace):
    """Counts the operations of matrix products and elementwise ops, and passes every op on.

    It has no tracer class, because it attaches nothing to values: ops come to it by context.
    """

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.flops = 0

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.inline is not None:
            # An op made of a graph can be applied as a sequence of ops, and they come here again.
            # (A while_loop under jit cannot: how often it runs is not known there.)
            state.trace = self
            try:
                return op.inline(args, params)
            finally:
                state.trace = self.parent
        out = op(*args, **params)
        if op.name == "dot_general":
            terms = math.prod(args[0].shape[axis] for axis in params["contract"][0])
            self.flops += out.size * (2 * terms - 1)
        elif op.family == "elementwise":
            self.flops += out.size
        return out


def count_flops(f: Callable[..., Any]) -> Callable[..., tuple[Any, int]]:
    """A function that returns what ``f`` does, and how many operations that took."""

    def counted(*args: Any) -> tuple[Any, int]:
        with FlopTrace(f"count_flops of {f.__name__}") as trace:
            assert isinstance(trace, FlopTrace)
            out = f(*args)
        return out, trace.flops

    return counted


def you_write_a_transform() -> None:
    """A new transform is a subclass of ``Trace`` and a function that makes it current.

    It composes with the others, in either order, although none of them knows about it.
    """
    w, x = fnp.ones((50, 40)), fnp.ones(40)

    def loss(w: Any, x: Any) -> Any:
        return fnp.sum(fnp.tanh(w @ x))

    product = 50 * (40 + 39)  # a row of w times x: so many products, and one sum less
    assert count_flops(loss)(w, x) == (loss(w, x), product + 50)

    # Around ``grad`` it sees the backward pass, too, because pulling back is a sequence of ops.
    gradient, cost = count_flops(fl.grad(loss))(w, x)
    both, cost_of_both = count_flops(fl.grad(loss, argnums=(0, 1)))(w, x)
    print(f"the loss takes {product + 50} operations, with gradients {cost} and {cost_of_both}")
    assert np.array_equal(gradient, fl.grad(loss)(w, x)) and len(both) == 2
    assert product < cost < cost_of_both < 4 * product

    # Inside ``grad`` it sees the forward pass only, and the derivative passes through it.
    again, forward_cost = fl.grad(lambda w: count_flops(loss)(w, x), has_aux=True)(w)
    assert np.array_equal(again, gradient) and forward_cost == product + 50

    # Around ``vmap`` it counts the batch, around ``jit`` the equations inside the call.
    _, batch_cost = count_flops(fl.vmap(loss, in_axes=(None, 0)))(w, fnp.ones((8, 40)))
    _, jit_cost = count_flops(fl.jit(loss))(w, x)
    assert batch_cost == 8 * (product + 50) and jit_cost == product + 50


TOUR = (
    one_record_per_op, the_current_trace_decides, reverse_mode_leaves_nodes,
    forward_mode_carries_tangents, batching_adds_one_axis_in_front, staging_writes_a_program,
    jit_stages_once, a_jitted_function_is_one_op, loops_derive_loops,
    a_loop_of_unknown_length_goes_backwards, checkpoint_computes_twice_behind_a_barrier,
    you_write_an_op, you_write_a_transform,
)  # fmt: skip


def main() -> None:
    for number, stop in enumerate(TOUR, 1):
        print(f"\n{number}. {stop.__name__.replace('_', ' ')}")
        stop()
    print(f"\nall {len(TOUR)} stops hold")


if __name__ == "__main__":
    main()

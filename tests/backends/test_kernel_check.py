"""The kernel language, carried out by its check: every kernel of every plan keeps the rules.

Plans of all registered ops and of functions in which ops meet run on NumPy memory that starts as
garbage; their kernels run one scalar at a time, under watch.
"""

from __future__ import annotations

import numpy as np
import pytest
import random_graphs
from agreement import differ
from composed import FAMILIES
from plan_runner import STEPS, PlanRunner
from random_graphs import random_function, replayed

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.compile import steps
from functorch_lite.compile.check import KernelError, run, verify
from functorch_lite.compile.index import ZERO, Axis, Computed, Index
from functorch_lite.compile.kernel import Builder, Kernel, Loop, Store, Value
from functorch_lite.core.array import wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import reference_program
from functorch_lite.core.op import REGISTRY
from tests.registry import cases

FLOAT, INT, BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)


# ------------------------------------------------------------------------------------- the rules
class Draft:
    """A kernel from x (8 floats) to y (8 floats) in the making, with a loop over 8."""

    def __init__(self, kind="lane", shared=True, extent=8):
        self.b = Builder()
        self.x = self.b.buffer(FLOAT, 8, "in")
        self.y = self.b.buffer(FLOAT, 8, "out")
        self.loop = self.b.enter(Axis(extent, "i"), kind, shared)
        self.i = Index.of(self.loop.axis)

    def kernel(self):
        """The kernel, with all loops closed."""
        while self.b.open:
            self.b.leave()
        return self.b.kernel("draft")

    def run(self, begin=0, end=None):
        """What it makes of 0, 1, … 7."""
        x, y = np.arange(8.0), np.full(8, -1.0)
        kernel = verify(self.kernel())
        run(kernel, [x, y], begin, end)
        return y


def test_a_kernel_runs():
    d = Draft()
    d.b.store(d.y, d.i.scaled(-1) + 7, d.b.value("mul", (d.b.load(d.x, d.i),) * 2, FLOAT))
    assert list(d.run()) == [49, 36, 25, 16, 9, 4, 1, 0]


def test_part_of_a_range():
    d = Draft()
    d.b.store(d.y, d.i, d.b.load(d.x, d.i))
    assert list(d.run(2, 4)) == [-1, -1, 2, 3, -1, -1, -1, -1]


def test_masks_accumulators_and_limits():
    """Sums of what lies before each element, by a loop inside the lanes that is left early."""
    d = Draft()
    total = d.b.accumulator("add", FLOAT, 0)
    inner = d.b.enter(Axis(8, "k"), "serial", limit=Index.number(5))
    k = Index.of(inner.axis)
    less = d.b.value("lt", (d.b.index(k, INT), d.b.index(d.i, INT)), BOOL)
    value = d.b.load(d.x, k + d.i.scaled(-1) + 7, less, 100.0)
    d.b.update(total, d.b.value("select", (less, value, d.b.const(0, FLOAT)), FLOAT))
    d.b.leave()
    d.b.store(d.y, d.i, d.b.result(total, [inner]))
    want = [sum(7.0 - i + k for k in range(min(i, 5))) for i in range(8)]
    assert list(d.run()) == want


def test_a_loop_is_left():
    b = Builder()
    y = b.buffer(INT, 1, "out")
    count = b.accumulator("assign", INT, 0)
    loop = b.enter(Axis(100, "t"), "serial")
    more = b.value("lt", (b.peek(count), b.const(7, INT)), BOOL)
    b.leave_unless(more)
    b.update(count, b.value("add", (b.peek(count), b.const(2, INT)), INT))
    b.leave()
    b.store(y, ZERO, b.result(count, [loop]))
    out = np.zeros(1, np.int64)
    run(verify(b.kernel("count")), [out])
    assert out[0] == 8


def _outside(d):
    d.b.store(d.y, d.i, d.b.load(d.x, d.i + 1))


def _masked_too_late(d):
    inside = d.b.value("le", (d.b.index(d.i, INT), d.b.const(5, INT)), BOOL)
    d.b.store(d.y, d.i, d.b.load(d.x, d.i.scaled(2), inside))


def _digit_of_a_negative_number(d):
    d.b.store(d.y, d.i, d.b.load(d.x, (d.i + -1).digit(3, 2)))


def _beyond_its_bounds(d):
    wrong = Computed(d.b.index(d.i, INT), 0, 3)
    d.b.store(d.y, d.i, d.b.load(d.x, Index.of(wrong)))


def _not_written_yet(d):
    d.b.store(d.y, d.i, d.b.fresh_load(d.y, d.i))


def _of_the_lane_before(d):
    d.b.store(d.y, d.i, d.b.load(d.x, d.i))
    inside = d.b.value("gt", (d.b.index(d.i, INT), d.b.const(0, INT)), BOOL)
    d.b.store(d.y, d.i, d.b.load(d.y, d.i + -1, inside))


def _two_lanes_one_place(d):
    d.b.store(d.y, d.i.digit(2, 0), d.b.load(d.x, d.i))


def _without_meaning(d):
    d.b.store(d.y, d.i, d.b.index((d.i + -1).digit(3, 0), FLOAT))


def _leftovers_of_another_row(d):
    scratch = d.b.buffer(FLOAT, 8, "local")
    first = d.b.value("eq", (d.b.index(d.i, INT), d.b.const(0, INT)), BOOL)
    d.b.store(scratch, ZERO, d.b.load(d.x, d.i), first)
    d.b.open[-1].body.append(v := Value("load", (), FLOAT, (scratch, ZERO), frozenset([d.loop])))
    d.b.store(d.y, d.i, v)


@pytest.mark.parametrize(
    ("write", "kind", "words"),
    [
        (_outside, "lane", r"b0\[8\] of 8"),
        (_masked_too_late, "lane", r"b0\[8\] of 8"),
        (_digit_of_a_negative_number, "grid", r"b0\[None\]"),
        (_beyond_its_bounds, "grid", r"is 4, not in 0 … 3"),
        (_not_written_yet, "grid", "before it is written"),
        (_of_the_lane_before, "lane", "of another iteration"),
        (_of_the_lane_before, "grid", "of another iteration"),
        (_two_lanes_one_place, "lane", "another iteration uses too"),
        (_two_lanes_one_place, "grid", "another iteration uses too"),
        (_without_meaning, "lane", "stores a value without meaning"),
        (_leftovers_of_another_row, "grid", "before it is written"),
    ],
)
def test_what_a_run_notices(write, kind, words):
    d = Draft(kind)
    write(d)
    with pytest.raises(KernelError, match=words):
        d.run()


def test_memory_that_two_buffers_share():
    """Reading where the same iteration writes is fine; where another one writes is not."""
    for shift, fine in ((0, True), (1, False)):
        d = Draft(extent=7)
        d.b.store(d.y, d.i, d.b.load(d.x, d.i + shift))
        x = np.arange(8.0)
        if fine:
            run(d.kernel(), [x, x])
        else:
            with pytest.raises(KernelError, match="another iteration"):
                run(d.kernel(), [x, x])


def test_arrays_have_to_fit():
    d = Draft()
    d.b.store(d.y, d.i, d.b.load(d.x, d.i))
    kernel = d.kernel()
    for wrong in (np.zeros(7), np.zeros(8, np.float32), np.zeros((8, 2))[:, 0]):
        with pytest.raises(KernelError, match="b0"):
            run(kernel, [wrong, np.zeros(8)])


# --------------------------------------------------------------------------------- the structure
def _input_stored(d):
    d.b.store(d.x, d.i, d.b.const(0, FLOAT))


def _all_lanes_one_element(d):
    d.b.open[-1].body.append(Store(d.y, ZERO, d.b.load(d.x, d.i)))


def _before_definition(d):
    value = d.b.load(d.x, d.i)
    d.b.store(d.y, d.i, value)
    d.b.open[-1].body.reverse()


def _from_a_closed_loop(d):
    inner = d.b.enter(Axis(4, "k"), "serial")
    value = d.b.load(d.x, Index.of(inner.axis) + d.i.digit(2, 0))
    d.b.leave()
    d.b.open[-1].body.append(Store(d.y, d.i, value))


def _counter_of_a_closed_loop(d):
    d.b.enter(Axis(4, "k"), "serial")
    k = Index.of(d.b.open[-1].axis)
    d.b.leave()
    value = d.b.const(0, FLOAT)
    d.b.open[-1].body.append(Store(d.y, k + d.i, value))


def _carried_between_lanes(d):
    total = d.b.accumulator("add", FLOAT, 0)
    d.b.enter(Axis(4, "k"), "lane")
    d.b.update(total, d.b.const(1, FLOAT))
    d.b.leave()
    d.b.result(total, [])


def _looked_at_between_lanes(d):
    total = d.b.accumulator("add", FLOAT, 0)
    inner = d.b.enter(Axis(4, "k"), "lane")
    d.b.update(total, d.b.peek(total))
    d.b.leave()
    d.b.result(total, [inner])


def _deps_forgotten(d):
    value = d.b.load(d.x, d.i)
    value.deps = frozenset()
    d.b.store(d.y, d.i, value)


def _wrong_dtype(d):
    d.b.store(d.y, d.i, d.b.index(d.i, INT))


def _unknown_op(d):
    d.b.store(d.y, d.i, d.b.value("frobnicate", (d.b.load(d.x, d.i),), FLOAT))


@pytest.mark.parametrize(
    ("write", "kind", "words"),
    [
        (_input_stored, "lane", "stores to an input"),
        (_all_lanes_one_element, "lane", "all lanes store to one element"),
        (_before_definition, "lane", "not defined there"),
        (_from_a_closed_loop, "grid", "not defined there"),
        (_counter_of_a_closed_loop, "grid", "a loop that is not open"),
        (_carried_between_lanes, "grid", "carries a value from lane to lane"),
        (_carried_between_lanes, "lane", "is inside another"),
        (_looked_at_between_lanes, "grid", "other lanes are adding up"),
        (_deps_forgotten, "lane", "not among its deps"),
        (_wrong_dtype, "lane", "stores int64 into float64"),
        (_unknown_op, "lane", "unknown op"),
    ],
)
def test_what_the_structure_tells(write, kind, words):
    d = Draft(kind)
    write(d)
    with pytest.raises(KernelError, match=words):
        verify(d.kernel())


# ------------------------------------------------------------------------------------- all plans
def check_plan(f, operands, exact=None):
    """Run a function's plan under watch, and compare with the interpreter; its kernels."""
    arrays = [wrap(np.asarray(x)) for x in operands]
    want = [np.asarray(x) for x in fl.tree.leaves(fl.jit(f, backend="interpret")(*arrays))]
    graph = fl.make_graph(f)(*[Aval(x.shape, x.dtype) for x in arrays])
    runner = PlanRunner(graph)
    got = runner(*[np.ascontiguousarray(x) for x in operands])
    real = [(w, g) for w, g in zip(want, got, strict=True) if w.dtype.kind != "c"]
    wants, gots = zip(*real, strict=True) if real else ((), ())
    wants = [w.astype(float) if w.dtype.kind == "V" else w for w in wants]
    gots = [g.astype(float) if g.dtype.kind == "V" else g for g in gots]
    assert not differ(wants, gots, [False] * len(wants))
    return runner.kernels


def dtypes_of(name):
    """The widest float if there is one, the first and the last of an op's dtypes."""
    found = cases.dtypes(name)
    return dict.fromkeys([cases.main_dtype(name), found[0], found[-1]])


@pytest.mark.parametrize("name", REGISTRY)
def test_kernels_of_every_op(name):
    for dtype in dtypes_of(name):
        for case in cases.cases(name, dtype):
            try:
                check_plan(case.function, case.args)
            except KernelError as error:
                raise AssertionError(f"{case}: {error}") from error


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("n", [3, pytest.param(17, marks=pytest.mark.long)])
def test_kernels_of_families(name, n):
    f, operands = FAMILIES[name](n)
    assert check_plan(f, operands)


@pytest.mark.parametrize(
    "seed", [pytest.param(k, marks=[] if k < 6 else [pytest.mark.long]) for k in range(60)]
)
def test_kernels_of_random_functions(seed, monkeypatch):
    monkeypatch.setattr(random_graphs, "MOST_ELEMENTS", 150)
    rng = np.random.default_rng([13, seed])
    start = replayed(lambda n: int(rng.integers(n)))
    operands = random_graphs.arguments(lambda n: int(rng.integers(n)))
    check_plan(random_function(start, 40), operands)


def test_every_kind_of_step_can_be_carried_out():
    assert {step.__name__ for step in STEPS} == set(steps.__all__) - {
        "Slot", "Step", "all_steps", "bodies", "depth_of", "used_slots"
    }  # fmt: skip
    for step in STEPS:
        assert hasattr(PlanRunner, step.__name__.lower())


# -------------------------------------------------------------------------------- the test of it
def moved(kernel, by):
    """The kernel with every load one element further."""

    def change(body):
        for s in body:
            if isinstance(s, Loop):
                change(s.body)
            elif isinstance(s, Value) and s.op == "load":
                buffer, index, *fill = s.attrs
                s.attrs = (buffer, index + by, *fill)

    change(kernel.body)
    return kernel


def test_a_shifted_index_is_noticed():
    """Shift the reads of planned kernels by one: each run fails, or its answer differs."""

    def f(x):
        y = fnp.tanh(x) * 2
        return fnp.sum(y, axis=1), y[:, ::-1] + 1, fnp.concatenate([x, y], axis=0)[1:-1]

    x = np.random.default_rng(0).normal(size=(3, 5))
    graph = fl.make_graph(f)(wrap(x))
    want = reference_program(graph)(x)
    assert not differ(want, PlanRunner(graph)(x), [False] * 3)
    for by in (-1, 1):
        runner = PlanRunner(graph)
        for step in runner.plan.steps:
            if isinstance(step, steps.Launch):
                moved(step.emitted.kernel, by)
        try:
            got = runner(x)
        except KernelError:
            continue
        assert differ(want, got, [False] * 3)


def test_a_kernel_without_loops():
    b = Builder()
    y = b.buffer(FLOAT, 1, "out")
    b.store(y, ZERO, b.const(2.5, FLOAT))
    out = np.zeros(1)
    kernel: Kernel = verify(b.kernel("one"))
    run(kernel, [out])
    assert out[0] == 2.5 and kernel.extent == 1

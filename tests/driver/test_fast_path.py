"""Calls of a known kind skip most of ``jit``; what they return and raise is the same."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.core.array import wrap

X = np.arange(1, 7, dtype=np.float32)


def f(x, y):
    return x * 2 + y


def warm(jitted, *args):
    """Call until the quick way is open for these arguments."""
    for _ in range(3):
        jitted(*args)
    assert jitted._fast
    return jitted


@pytest.fixture
def ready():
    x = fnp.asarray(X)
    return warm(fl.jit(f), x, x)


OTHERS = {
    "int": 2,
    "float": 2.5,
    "bool": True,
    "complex": 1j,
    "NumPy scalar": np.float64(2),
    "NumPy f64": np.ones(6),
    "NumPy f32": np.ones(6, np.float32),
    "NumPy f16": np.ones(6, np.float16),
    "NumPy strided": np.ones(12, np.float32)[::2],
    "f64": fnp.ones(6, "float64"),
    "i32": fnp.ones(6, "int32"),
    "bfloat16": fnp.ones(6, "bfloat16"),
    "bool array": fnp.ones(6, "bool"),
    "one element": fnp.ones(1),
    "no dimension": fnp.asarray(3.0),
    "more dimensions": fnp.ones((2, 6)),
    "empty": fnp.ones((0, 6)),
}


@pytest.mark.parametrize("other", OTHERS)
def test_arguments_of_another_kind(ready, other):
    y = OTHERS[other]
    x = fnp.asarray(X)
    for args in ((x, y), (y, x), (x, x)):
        expected = fl.jit(f)(*args)
        for _ in range(3):
            got = ready(*args)
            assert type(got) is fl.Array
            assert got.dtype == expected.dtype
            assert np.array_equal(got, expected)


BAD = {
    "too few": ((fnp.asarray(X),), {}, TypeError),
    "too many": ((fnp.asarray(X),) * 3, {}, TypeError),
    "a string": (("a", fnp.asarray(X)), {}, errors.TreeError),
    "an unknown keyword": ((fnp.asarray(X),), {"z": 1.0}, TypeError),
    "shapes that do not fit": ((fnp.asarray(X), fnp.ones(5)), {}, errors.ShapeError),
    "None": ((fnp.asarray(X), None), {}, TypeError),
}


@pytest.mark.parametrize("bad", BAD)
def test_errors(ready, bad):
    args, kwargs, kind = BAD[bad]
    with pytest.raises(kind) as fresh:
        fl.jit(f)(*args, **kwargs)
    for _ in range(2):
        with pytest.raises(kind) as again:
            ready(*args, **kwargs)
        assert str(again.value) == str(fresh.value)


def test_hits_and_misses_are_counted(ready):
    x = fnp.asarray(X)
    before = ready.cache_info()
    for _ in range(5):
        ready(x, x)
    after = ready.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (5, 0)
    ready(x, fnp.ones(1))
    assert ready.cache_info().misses == before.misses + 1


def test_the_function_is_not_called_again():
    calls = []
    jitted = fl.jit(lambda x: calls.append(1) or x + 1)
    for _ in range(5):
        jitted(fnp.asarray(X))
    assert len(calls) == 1


# ------------------------------------------------------------------------------------ structures
def test_the_number_of_arguments():
    x = fnp.asarray(X)
    total = fl.jit(lambda *args: sum(args))
    for _ in range(4):
        for n in (1, 2, 3):
            assert np.array_equal(total(*[x] * n), X * n)


def test_structures_of_the_same_leaves():
    x, y = fnp.asarray(X), fnp.asarray(X[::-1])

    def g(*args):
        leaves = fl.tree.leaves(args)
        return leaves[0] * 2 - leaves[1], str(fl.tree.structure(args)).count("'b'")

    jitted = fl.jit(g)
    for _ in range(4):
        for args, marked in (
            ((x, y), 0),
            (((x, y),), 0),
            (([x, y],), 0),
            (({"a": x, "b": y},), 1),
            ((x, {"b": y}), 1),
            ((x, (y, None)), 0),
            (((), x, y), 0),
        ):
            value, count = jitted(*args)
            assert np.array_equal(value, X * 2 - X[::-1])
            assert int(count) == marked


def test_where_none_stands():
    x = fnp.asarray(X)
    jitted = fl.jit(lambda a, b: a + 1 if b is None else b * 10 if a is None else a - b)
    for _ in range(4):
        assert np.array_equal(jitted(x, None), X + 1)
        assert np.array_equal(jitted(None, x), X * 10)
        assert np.array_equal(jitted(x, x), X * 0)


def test_nothing_given_and_nothing_returned():
    no_arguments = fl.jit(lambda *a: fnp.arange(3.0))
    no_results = fl.jit(lambda x: ({}, None, ()))
    for _ in range(4):
        assert no_arguments().shape == no_arguments(()).shape == no_arguments({}, []).shape == (3,)
        assert no_results(fnp.asarray(X)) == ({}, None, ())


def test_structures_of_results():
    x = fnp.asarray(X)
    jitted = fl.jit(lambda t: {"o": (t["x"]["y"] * 2, None, [t["z"]]), "same": t["z"]})
    for _ in range(4):
        out = jitted({"x": {"y": x}, "z": x})
        assert str(fl.tree.structure(out)) == "PyTreeSpec({'o': (*, None, [*]), 'same': *})"
        assert np.array_equal(out["o"][0], X * 2)
    single = fl.jit(lambda x: (x,))
    for _ in range(4):
        assert isinstance(single(x), tuple)


class Node:
    def __init__(self, x, scale):
        self.x = x
        self.scale = scale


fl.tree_util.register_pytree_node(
    Node, lambda node: ((node.x,), node.scale), lambda scale, xs: Node(xs[0], scale)
)


def test_static_parts_of_containers():
    jitted = fl.jit(lambda node: node.x * node.scale)
    x = fnp.asarray(X)
    for scale in (2, 2, 2, 3, 3, 3, 2):
        assert np.array_equal(jitted(Node(x, scale)), X * scale)


def plus(node):
    return node.x + 1 if isinstance(node, Node) else node + 2


def test_static_parts_without_a_hash():
    x = fnp.asarray(X)
    jitted = warm(fl.jit(plus), x)
    for _ in range(3):
        assert np.array_equal(jitted(Node(x, [1])), X + 1)
    assert jitted.cache_info().misses == 2


def test_static_parts_that_cannot_be_compared():
    x = fnp.asarray(X)
    for jitted in (fl.jit(plus), warm(fl.jit(plus), x)):
        jitted(Node(x, np.arange(3)))
        with pytest.raises(errors.TransformError, match="cannot be compared"):
            jitted(Node(x, np.arange(3)))


def test_a_weak_result_stays_a_result_of_the_default_dtype():
    jitted = fl.jit(lambda x: (x, 3, x.shape[0] * 0.5))
    for _ in range(4):
        _, whole, half = jitted(fnp.asarray(X))
        assert (whole.dtype.name, half.dtype.name) == ("int64", "float32")
        assert (type(whole), type(half)) == (fl.Array, fl.Array)


# ------------------------------------------------------------------------- keywords and statics
def test_keywords(ready):
    x, y = fnp.asarray(X), fnp.asarray(X[::-1])
    for _ in range(3):
        assert np.array_equal(ready(x, y=y), X * 2 + X[::-1])
        assert np.array_equal(ready(y=y, x=x), X * 2 + X[::-1])
        assert np.array_equal(ready(y, x), X[::-1] * 2 + X)


def test_statics_are_part_of_every_call():
    x = fnp.asarray(X)
    jitted = fl.jit(lambda x, n=1: x * n, static_argnames="n")
    for _ in range(3):
        for n in (1, 2, 3):
            assert np.array_equal(jitted(x, n), X * n)
            assert np.array_equal(jitted(x, n=n), X * n)
        assert np.array_equal(jitted(x), X)
        assert jitted(x, 2.0).dtype == np.float32


class Scale:
    """Its methods are jitted in the three usual ways."""

    def __init__(self, by):
        self.by = by
        self.bound = fl.jit(self.plain)

    def plain(self, x):
        return x * self.by

    @functools.partial(fl.jit, static_argnums=0)
    def method(self, x):
        return x * self.by

    @staticmethod
    @fl.jit
    def alone(x):
        return x + 1

    @fl.jit
    def refused(self, x):
        return x


def test_methods():
    x = fnp.asarray(X)
    two, three = Scale(2), Scale(3)
    for _ in range(4):
        assert np.array_equal(two.method(x), X * 2)
        assert np.array_equal(three.method(x), X * 3)
        assert np.array_equal(two.bound(x), X * 2)
        assert np.array_equal(three.bound(x), X * 3)
        assert np.array_equal(two.alone(x), X + 1)
        with pytest.raises(errors.TreeError, match="self is a Scale"):
            two.refused(x)


# ---------------------------------------------------------------------------------------- memory
def test_memory_that_is_not_as_programs_want_it(ready):
    y = fnp.asarray(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    shifted = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float32)
    assert not shifted.flags.aligned
    for raw in (np.repeat(X, 2)[::2], X[::-1].copy()[::-1], frozen, shifted):
        for _ in range(2):
            assert np.array_equal(ready(wrap(raw), y), X * 2 + X)
            assert np.array_equal(ready(y, wrap(raw)), X * 2 + X)
    square = np.arange(36, dtype=np.float32).reshape(6, 6)
    assert np.array_equal(ready(wrap(square.T), wrap(square)), square.T * 2 + square)
    warm(ready, wrap(square), wrap(square))
    assert np.array_equal(ready(wrap(square.T), wrap(square)), square.T * 2 + square)


def test_results_have_memory_of_their_own():
    x = fnp.asarray(X)
    jitted = warm(fl.jit(lambda x: (x, x + 0)), x)
    first, second = jitted(x), jitted(x)
    for a in first:
        for b in (x, *second):
            assert not np.shares_memory(np.asarray(a), np.asarray(b))
    assert not np.shares_memory(np.asarray(first[0]), np.asarray(first[1]))


# ------------------------------------------------------------------------------- what is around
def test_transforms_see_through(ready):
    x = fnp.asarray(X)
    assert np.array_equal(fl.grad(lambda x: ready(x, x).sum())(x), np.full(6, 3))
    assert np.array_equal(fl.vmap(ready)(x, x), X * 3)
    assert np.array_equal(fl.jit(lambda x: ready(x, x) + 1)(x), X * 3 + 1)
    # No argument is traced here, yet the call belongs to the graph of the outer function.
    outer = fl.jit(lambda x: ready(fnp.asarray(X), fnp.asarray(X)) * x)
    assert np.array_equal(outer(fnp.asarray(2.0)), X * 6)
    assert len(fl.make_graph(lambda v: ready(v, v))(x).eqns) >= 1


def test_a_closure_over_an_outer_value():
    def outer(s):
        inner = fl.jit(lambda x: x * s)
        x = fnp.asarray(X)
        return sum(inner(x).sum() for _ in range(4))

    assert float(fl.grad(outer)(2.0)) == 4 * X.sum()
    assert float(outer(fnp.asarray(2.0))) == 8 * X.sum()


def test_an_escaped_tracer(ready):
    kept = []
    fl.jit(lambda x: kept.append(x) or x)(fnp.asarray(X))
    with pytest.raises(errors.EscapedTracerError):
        ready(kept[0], fnp.asarray(X))


def test_disable_jit(ready):
    with fl.disable_jit():
        assert ready(1.0, 2.0) == 4.0
        hits = ready.cache_info().hits
        assert np.array_equal(ready(fnp.asarray(X), fnp.asarray(X)), X * 3)
        assert ready.cache_info().hits == hits


def test_disable_jit_calls_the_function_itself():
    calls = []
    x = fnp.asarray(X)
    jitted = warm(fl.jit(lambda x: calls.append(1) or x + 1), x)
    with fl.disable_jit():
        for _ in range(3):
            jitted(x)
    assert len(calls) == 4


def test_debug_nans():
    x = fnp.asarray(-X)
    jitted = warm(fl.jit(fnp.log), x)
    for _ in range(2):
        with fl.debug_nans(), pytest.raises(errors.NanError):
            jitted(x)
        assert np.all(np.isnan(jitted(x)))


def test_the_interpreter_is_asked_where_it_is_wanted():
    x = fnp.asarray(X)
    jitted = fl.jit(lambda x: fnp.sin(x) * 3, backend="interpret")
    for _ in range(4):
        assert np.array_equal(jitted(x), np.sin(X) * np.float32(3))
    assert not jitted._fast


def test_clearing(ready):
    x = fnp.asarray(X)
    for clear in (ready.clear_cache, fl.clear_caches):
        misses = ready.cache_info().misses
        clear()
        assert ready.cache_info().traces == ()
        for _ in range(3):
            assert np.array_equal(ready(x, x), X * 3)
        assert ready.cache_info().misses == misses + 1


def test_clearing_notices_what_the_function_closes_over():
    factor = [2]
    x = fnp.asarray(X)
    jitted = warm(fl.jit(lambda x: x * factor[0]), x)
    factor[0] = 5
    assert np.array_equal(jitted(x), X * 2)
    jitted.clear_cache()
    assert np.array_equal(jitted(x), X * 5)


def test_threads_share_a_ready_function(ready):
    wrong = []

    def work(k):
        x = fnp.asarray(X * k)
        for _ in range(200):
            if not np.array_equal(ready(x, x), X * k * 3):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong

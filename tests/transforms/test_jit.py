"""jit: what is traced, what is reused, and what is refused."""

import dataclasses
import functools
import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


class Counted:
    """A function that counts how often Python runs it."""

    def __init__(self, f):
        self.f = f
        self.runs = 0
        functools.update_wrapper(self, f)

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.f(*args, **kwargs)


# ------------------------------------------------------------------------------------- signatures
def test_a_second_call_runs_no_user_python():
    f = Counted(lambda x, y: x * y + 1)
    g = fl.jit(f)
    for i in range(3):
        same(g(fnp.asarray([1.0 + i]), 2.0 + i), [(1.0 + i) * (2.0 + i) + 1])
    assert f.runs == 1
    assert g.cache_info().hits == 2


def test_equal_signatures_share_a_trace():
    f = Counted(lambda tree: tree["x"] * 2)
    g = fl.jit(f)
    data = np.ones(3, "float32")
    g({"x": data})
    g({"x": fnp.asarray(data)})
    g({"x": np.zeros(3, "float32")})
    fl.grad(lambda x: fnp.sum(g({"x": x})))(fnp.asarray(data))
    fl.vmap(lambda x: g({"x": x}))(fnp.ones((2, 3)))
    fl.jit(lambda x: g({"x": x}))(data)
    assert f.runs == 1
    scalar = Counted(lambda x: x + 1)
    h = fl.jit(scalar)
    for x in (np.float32(1), np.array(1, "float32"), fnp.asarray(1.0)):
        h(x)
    assert scalar.runs == 1


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (lambda: (fnp.ones(2),), lambda: (fnp.ones(3),), r"x is f32\[3\] instead of f32\[2\]"),
        (
            lambda: (fnp.ones(2),),
            lambda: (fnp.ones(2, "float64"),),
            r"x is f64\[2\] instead of f32\[2\]",
        ),
        (lambda: (1.0,), lambda: (fnp.ones(()),), r"x is f32\[\] instead of f64\[\] weak"),
        (lambda: ({"a": 1.0},), lambda: ({"b": 1.0},), "the arguments' structure is"),
        (lambda: ([1.0],), lambda: ((1.0,),), "the arguments' structure is"),
        (lambda: (1.0, None), lambda: (1.0, 2.0), "the arguments' structure is"),
    ],
)
def test_another_signature_is_traced_and_the_reason_told(first, second, reason):
    f = Counted(lambda x, y=None: x)
    g = fl.jit(f)
    g(*first())
    g(*second())
    g(*first())
    assert f.runs == 2
    info = g.cache_info()
    assert (info.hits, info.misses) == (1, 2)
    assert info.traces[0].reason == "first call"
    with pytest.raises(AssertionError):
        assert info.traces[1].reason == "first call"
    import re

    assert re.search(reason, info.traces[1].reason), info.traces[1].reason


def test_cache_info_reads_well():
    @fl.jit
    def scale(x, by):
        return x * by

    scale(fnp.ones(2), 3.0)
    scale(fnp.ones(2), 4.0)
    scale(fnp.ones(3), 4.0)
    lines = str(scale.cache_info()).splitlines()
    assert lines[::2] == [
        "1 calls reused a trace, 2 traced",
        "    " + lines[2].strip(),
        "    " + lines[4].strip(),
    ]
    assert lines[1::2] == [
        "  scale(x: f32[2], by: f64[] weak): first call",
        "  scale(x: f32[3], by: f64[] weak): x is f32[3] instead of f32[2]",
    ]
    for line in lines[2::2]:
        assert re.fullmatch(
            r"(trace|plan|print|load) .* ms(, (plan|print|load) .* ms)*", line.strip()
        )
    assert scale.cache_info().traces[0].equations == (2, 2)


def test_traces_over_outer_values_are_not_kept_and_say_so():
    seen = []

    def outer(x):
        inner = fl.jit(lambda y: x * y)
        inner(fnp.ones(2))
        inner(fnp.ones(2))
        seen.append(inner.cache_info())
        return fnp.sum(inner(fnp.ones(2)))

    same(fl.grad(outer)(3.0), 2)
    info = seen[0]
    assert (info.hits, info.misses, len(info.traces)) == (0, 2, 2)
    assert "closes over values of an outer transform" in info.traces[0].reason


def test_clearing_caches():
    f = Counted(lambda x: x)
    g = fl.jit(f)
    g(1.0)
    g.clear_cache()
    g(1.0)
    fl.clear_caches()
    g(1.0)
    assert f.runs == 3
    assert len(g.cache_info().traces) == 1


# ------------------------------------------------------------------------------- static arguments
def test_static_arguments_are_ordinary_values():
    def f(x, n, mode="plus"):
        assert type(n) is int
        return x + n if mode == "plus" else x * n

    for g in (
        fl.jit(f, static_argnums=(1, 2)),
        fl.jit(f, static_argnames=("n", "mode")),
        fl.jit(f, static_argnums=1, static_argnames="mode"),
        fl.jit(f, static_argnums=(-2, -1)),
        fl.jit(f, static_argnums=[1, 2]),
    ):
        same(g(1.0, 3), 4)
        same(g(2.0, 3, "times"), 6)
        same(g(2.0, n=3, mode="times"), 6)
        same(g(x=2.0, n=4), 6)


def test_static_arguments_compare_exactly():
    seen = []
    g = fl.jit(lambda x, key: seen.append(key) or x, static_argnums=1)
    keys = [1, 1.0, True, 0.0, -0.0, "1", (1,), (1.0,), (True,), np.float64(1), None, float("nan")]
    for _ in range(2):
        for key in keys:
            g(2.0, key)
    assert [repr(k) for k in seen] == [repr(k) for k in keys]
    assert "static arguments are {1: '1.0'} instead of {1: '1'}" in g.cache_info().traces[1].reason


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, {1}, fnp.ones(2), np.ones(2)])
def test_unhashable_static_arguments(value):
    for call in (
        lambda: fl.jit(lambda x, n: x, static_argnums=1)(1.0, value),
        lambda: fl.jit(lambda x, n: x, static_argnames="n")(1.0, n=value),
    ):
        with pytest.raises(
            errors.TransformError, match="static argument (1|n) must be hashable, got"
        ):
            call()


@fl.register_dataclass
@dataclasses.dataclass
class Model:
    w: object
    sizes: object = dataclasses.field(metadata={"static": True})


def test_static_fields_compare_exactly():
    f = Counted(lambda m: m.w)
    g = fl.jit(f)
    for _ in range(2):
        for sizes in (1, 1.0, True, (1,), (True,), 0.0, -0.0):
            g(Model(1.0, sizes))
    assert f.runs == 7


def test_unhashable_static_fields():
    with pytest.raises(
        errors.TreeError, match="static field sizes of Model must be hashable, got list"
    ):
        fl.jit(lambda m: m.w)(Model(1.0, [1, 2]))


def test_static_data_that_cannot_be_compared():
    class Box:
        pass

    fl.tree.register_pytree_node(Box, lambda b: ((1.0,), np.ones(2)), lambda aux, items: Box())
    f = fl.jit(lambda b: 1.0)
    f(Box())
    with pytest.raises(errors.TransformError, match="cannot be compared .*Make it tuples"):
        f(Box())


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"static_argnums": 5}, "static_argnums has 5, but f takes 2 positional"),
        ({"static_argnames": "z"}, "static_argnames has 'z', but f takes x, n"),
        ({"backend": "fortran"}, "unknown backend 'fortran'; available: cpu, interpret"),
    ],
)
def test_wrong_options(kwargs, message):
    def f(x, n):
        return x

    with pytest.raises(errors.TransformError, match=message):
        fl.jit(f, **kwargs)


# ------------------------------------------------------------------------------ ways to apply jit
def test_decorators_with_and_without_arguments():
    @fl.jit
    def plain(x):
        return x + 1

    @fl.jit(static_argnames="n")
    def static(x, n):
        return x * n

    @functools.partial(fl.jit, static_argnums=(1,), donate_argnums=(0,), backend="interpret")
    def through_partial(x, n):
        return x * n

    same(plain(1.0), 2)
    same(static(2.0, n=3), 6)
    same(through_partial(2.0, 3), 6)
    assert repr(plain) == "<jitted plain>"


def test_methods():
    @fl.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Line:
        slope: object
        offset: object

        @fl.jit
        def __call__(self, x):
            return self.slope * x + self.offset

        @fl.jit(static_argnums=2)
        def power(self, x, n):
            return self(x) ** n

        @classmethod
        @fl.jit
        def zero(cls, x):
            return x

    line = Line(fnp.asarray(2.0), fnp.asarray(1.0))
    same(line(3.0), 7)
    same(line.power(3.0, 2), 49)
    same(Line.__call__(line, 3.0), 7)
    assert Line.__call__.cache_info().misses == 1
    gradient = fl.grad(lambda line: line(3.0))(line)
    same(gradient.slope, 3)


def test_methods_of_classes_that_are_no_pytrees():
    class Model:
        w = 2.0

        @fl.jit
        def apply(self, x):
            return self.w * x

        @fl.jit(static_argnums=0)
        def apply_static(self, x):
            return self.w * x

    with pytest.raises(
        errors.TreeError, match="self is a Model.*register_dataclass.*static_argnums"
    ):
        Model().apply(1.0)
    same(Model().apply_static(3.0), 6)


def test_callables_without_a_name_or_signature():
    same(fl.jit(functools.partial(lambda a, b: a * b, 2.0))(3.0), 6)
    assert "jit of power" in str(_failure(functools.partial(power, n=2)))
    same(fl.jit(fnp.sin)(0.0), 0)
    same(fl.jit(fl.jit(fl.grad(lambda x: x * x)))(3.0), 6)


def power(x, n):
    return x**n if x > 0 else x


def _failure(f):
    with pytest.raises(errors.NonConcreteError) as info:
        fl.jit(f)(1.0)
    return info.value


def test_variadic_functions():
    f = fl.jit(lambda *xs, **named: sum(xs) + sum(named.values()))
    same(f(1.0, 2.0, a=3.0), 6)
    same(f(1.0), 1)
    g = fl.jit(lambda *xs, n: sum(xs) * n, static_argnames="n")
    same(g(1.0, 2.0, n=3), 9)


# ------------------------------------------------------------------------------------ composition
def test_nested_jit_is_one_call_in_the_graph_and_is_inlined():
    inner = fl.jit(lambda x: fnp.sin(x) + 1.0)
    outer = fl.jit(lambda x: inner(x) * inner(x))
    x = fnp.ones(3)
    same(outer(x), (np.sin(np.ones(3, "float32")) + 1) ** 2)
    assert outer.lower(x).as_text().count("graph_") >= 2
    optimised = outer.lower(x).optimised
    assert [e.op.name for e in optimised.eqns] == ["sin", "add", "mul"]
    assert inner.cache_info().misses == 1


def test_recursion_with_other_shapes():
    @fl.jit
    def total(x):
        if x.shape[0] == 1:
            return x[0]
        half = x.shape[0] // 2
        return total(x[:half]) + total(x[half:])

    same(total(fnp.arange(8.0)), 28)
    same(fl.grad(total)(fnp.arange(4.0)), [1, 1, 1, 1])
    assert total.cache_info().misses == 4


def test_large_closed_over_arrays_are_constants_and_not_copied():
    table = fnp.asarray(np.arange(10_000.0))
    f = fl.jit(lambda i: table[i])
    same(f(fnp.asarray(7)), 7)
    (graph,) = [entry.graph for entry in f._cache.values()]
    assert any(const is table for const in graph.consts.values())
    assert any(const is table for const in graph.memo["optimised"].consts.values())


def test_disable_jit():
    seen = []
    f = fl.jit(lambda x: seen.append(x) or x * 2)
    with fl.disable_jit():
        assert f(3.0) == 6.0
        assert seen == [3.0]
        with fl.disable_jit(False):
            f(3.0)
        f(4.0)
    assert seen[2] == 4.0
    f(3.0)
    assert len(seen) == 3
    branch = fl.jit(lambda x: x if x > 0 else -x)
    with fl.disable_jit():
        same(fl.grad(branch)(-2.0), -1)
    with pytest.raises(errors.NonConcreteError):
        branch(-2.0)


def test_errors_at_run_time_leave_the_trace_usable():
    def f(x):
        if x.shape == (3,):
            raise RuntimeError("three")
        return x

    g = fl.jit(f)
    with pytest.raises(RuntimeError, match="three"):
        g(fnp.ones(3))
    same(g(fnp.ones(2)), [1, 1])
    with pytest.raises(RuntimeError, match="three"):
        g(fnp.ones(3))


@pytest.mark.parametrize("out", ["text", object(), {1}, lambda: 0])
def test_results_must_be_arrays(out):
    with pytest.raises(
        errors.TreeError, match=r"jit of <lambda>: <lambda> returned a \w+ at output\['x'\]"
    ):
        fl.jit(lambda x: {"x": out})(1.0)


def test_results_of_every_kind():
    x = fnp.ones(2)
    constant = fnp.asarray([5.0])

    @fl.jit
    def f(x):
        return x, x, {"none": None, "const": constant, "number": 3, "empty": ()}, np.arange(2)

    for _ in range(2):
        a, b, rest, numpy_made = f(x)
        same(a, [1, 1])
        same(b, [1, 1])
        assert rest["none"] is None
        assert rest["empty"] == ()
        same(rest["const"], [5])
        assert rest["number"].dtype == np.int64
        same(numpy_made, [0, 1])
        assert all(type(leaf) is fl.Array for leaf in fl.tree.leaves((a, b, rest, numpy_made)))


def test_one_trace_for_every_mode():
    runs = Counted(lambda x: fnp.sum(fnp.sin(x) * x))
    f = fl.jit(runs)
    x = fnp.ones(3, "float64")
    f(x)
    fl.grad(f)(x)
    fl.grad(f)(x)
    fl.jvp(f, (x,), (x,))
    fl.linearize(f, x)
    fl.vmap(f)(fnp.ones((2, 3), "float64"))
    fl.hessian(f)(x)
    assert runs.runs == 1


# ------------------------------------------------------------------ lower, eval_shape, make_graph
def test_lower_shows_the_program():
    f = fl.jit(lambda x: fnp.exp(x) * 1.0 + fnp.exp(x))
    lowered = f.lower(fnp.ones(2))
    assert lowered.as_text().count("exp(") == 2
    assert lowered.as_text("optimised").count("exp(") == 1
    assert f.cache_info().misses == 1
    f(fnp.ones(2))
    assert f.cache_info().misses == 1


def test_eval_shape_computes_nothing():
    huge = fl.ShapeDtypeStruct((10**6, 10**6), "float32")
    out = fl.eval_shape(lambda x, n: {"sum": fnp.sum(x @ x, axis=0) * n}, huge, 2)
    assert out == {"sum": fl.ShapeDtypeStruct((10**6,), "float32")}
    assert fl.eval_shape(fl.grad(lambda x: fnp.sum(x**2)), huge) == huge
    with pytest.raises(errors.NonConcreteError, match="eval_shape of <lambda>"):
        fl.eval_shape(lambda x: x if x > 0 else -x, 1.0)


def test_make_graph_of_structs_and_statics():
    struct = fl.ShapeDtypeStruct((2, 3), "bfloat16")
    graph = fl.make_graph(lambda x: x.T)(struct)
    assert graph.out_avals == (fl.ShapeDtypeStruct((3, 2), "bfloat16"),)
    graph = fl.make_jaxpr(lambda x, n: x * n, static_argnums=1)(struct, 3)
    assert len(graph.inputs) == 1
    assert fl.make_graph(fl.grad(lambda x: x * x))(1.0).out_avals[0].dtype == np.float32
    assert fl.make_graph(lambda x, y: x)(1.0, y={"a": 2.0}).inputs[1].name == "y['a']"

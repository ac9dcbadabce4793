"""``pure_callback`` in every transform; order and count of ``debug.print`` and its callbacks."""

import gc
import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax

X = fnp.asarray(np.array([0.3, -0.7, 1.1]))
S = fnp.asarray(np.array(0.3))
A = fnp.asarray(np.arange(6.0).reshape(3, 2))
FLOAT = fl.ShapeDtypeStruct((), "float64")


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12)


def host(f, x, *rest, like=None, **kwargs):
    like = x if like is None else like
    return fl.pure_callback(f, fl.ShapeDtypeStruct(like.shape, like.dtype), x, *rest, **kwargs)


# ------------------------------------------------------------------------------------ pure_callback
def test_values_in_every_construct():
    twice = lambda x: host(lambda a: 2 * a, x)  # noqa: E731
    for wrap in (lambda f: f, fl.jit, lambda f: fl.jit(fl.jit(f)), fl.checkpoint):
        same(wrap(twice)(A), 2 * np.asarray(A))
        same(wrap(lambda x: lax.cond(x > 0, twice, lambda y: y, x))(S), 0.6)
        same(wrap(lambda x: lax.while_loop(lambda c: c < 5, twice, x))(S), 9.6)
        same(wrap(lambda x: lax.fori_loop(0, 3, lambda i, c: twice(c), x))(S), 2.4)
        same(wrap(lambda x: lax.scan(lambda c, y: (c + twice(y), c), 0.0 * S, x)[0])(X), 1.4)
    same(lax.while_loop(
        lambda c: fl.pure_callback(lambda a: a < 5, fl.ShapeDtypeStruct((), "bool"), c),
        lambda c: c * 2, S), 9.6)  # fmt: skip


def test_what_the_function_gets_and_returns():
    def f(tree, scale, *, shift):
        for x in (tree["a"], tree["b"][0], scale, shift):
            assert type(x) is np.ndarray
            assert not x.flags.writeable
        assert tree["none"] is None
        assert (scale.dtype, shift.dtype) == (np.float32, np.float64)
        return {"sum": [tree["a"] + shift], "n": (np.int32(7), None)}

    promised = {"sum": (A,), "n": [fl.ShapeDtypeStruct((), np.int32), None]}
    tree = {"a": A, "b": (X,), "none": None}
    for wrap in (lambda f: f, fl.jit):
        out = wrap(lambda t, s: fl.pure_callback(f, promised, t, 2.0, shift=s))(tree, S)
        assert fl.tree.structure(out) == fl.tree.structure(promised)
        same(out["sum"][0], np.asarray(A) + 0.3)
        assert out["n"][0].dtype == np.int32
    same(fl.pure_callback(lambda: 3, FLOAT), 3.0)
    assert (
        fl.pure_callback(lambda a: 2.5, fl.ShapeDtypeStruct((), "bfloat16"), S).dtype == "bfloat16"
    )
    same(fl.pure_callback(lambda a: fnp.sin(a), FLOAT, S), np.sin(0.3))
    assert fl.pure_callback(lambda a: (), (), S) == ()
    words = r"returned float64\[\] as array 0, expected float32\[\]"
    with pytest.raises(fl.errors.ShapeError, match=words):
        fl.pure_callback(np.float64, fl.ShapeDtypeStruct((), "float32"), S)


def test_calls_are_counted_at_run_time():
    calls = []

    def f(a):
        calls.append(1)
        return a

    jitted = fl.jit(lambda x: host(f, x) + host(f, x) + host(f, np.ones(3)))
    assert calls == []
    jitted.lower(X).optimised  # noqa: B018
    assert calls == []
    for _ in range(2):
        same(jitted(X), 2 * np.asarray(X) + 1)
    assert len(calls) == 4  # equal calls are one
    fl.jit(lambda x: (host(f, x), x)[1])(X)
    assert len(calls) == 4  # and one that nobody uses is none


def test_the_same_function_of_different_trees():
    kind = lambda tree: np.float64(len(tree) if isinstance(tree, dict) else -1)  # noqa: E731

    @fl.jit
    def f(x):
        return fl.pure_callback(kind, FLOAT, {"a": x}) + 10 * fl.pure_callback(kind, FLOAT, [x])

    same(f(S), -9)


def outer_sum(a, b):
    return np.sin(a) * 2 + np.sum(b, axis=-1)


METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_vmap_methods_against_a_loop(method, jit):
    wrap = fl.jit if jit else lambda f: f
    f = lambda a, b: host(outer_sum, a, b, vmap_method=method)  # noqa: E731
    xs, table = np.linspace(0, 1, 4), np.arange(12.0).reshape(4, 3)
    want = np.array([outer_sum(a, b) for a, b in zip(xs, table, strict=True)])
    same(wrap(fl.vmap(f))(xs, table), want)
    same(wrap(fl.vmap(f, (0, None)))(xs, table[1]), [outer_sum(a, table[1]) for a in xs])
    same(wrap(fl.vmap(f, (None, 0)))(S, table), [outer_sum(0.3, b) for b in table])
    same(wrap(fl.vmap(f, (0, 1)))(xs[:3], table), [outer_sum(a, b) for a, b in zip(xs, table.T)])  # noqa: B905
    grid = [[outer_sum(a, b) for b in table] for a in xs]
    same(wrap(fl.vmap(fl.vmap(f, (None, 0)), (0, None)))(xs, table), grid)
    same(wrap(fl.vmap(fl.vmap(f, (0, None)), (None, 0)))(xs, table), np.transpose(grid))
    assert wrap(fl.vmap(f))(np.zeros(0), np.zeros((0, 3))).shape == (0,)
    same(
        wrap(lambda x: lax.scan(lambda c, y: (c, fl.vmap(f)(y, table)), 0, x)[1])(xs[None]), [want]
    )


@pytest.mark.parametrize(
    ("method", "shapes"),
    [
        ("sequential", [((), (3,))] * 4),
        ("sequential_unrolled", [((), (3,))] * 4),
        ("expand_dims", [((4,), (1, 3))]),
        ("broadcast_all", [((4,), (4, 3))]),
    ],
)
def test_vmap_methods_call_with_the_documented_shapes(method, shapes):
    seen = []

    def f(a, b):
        seen.append((a.shape, b.shape))
        return outer_sum(a, b)

    run = fl.vmap(lambda a: host(f, a, X, vmap_method=method))
    run(np.zeros(4))
    assert seen == shapes
    seen.clear()
    fl.vmap(lambda _: host(f, S, X, vmap_method=method))(np.zeros(4))
    assert seen == [((), (3,))]  # nothing varies, so one call is enough


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_a_custom_rule_gives_it_gradients(kind, method):
    def sine(x):
        return host(np.sin, x, vmap_method=method)

    def cosine(x):
        return host(np.cos, x, vmap_method=method)

    if kind == "jvp":
        f = fl.custom_jvp(sine)
        f.defjvps(lambda t, out, x: t * cosine(x))
    else:
        f = fl.custom_vjp(sine)
        f.defvjp(lambda x: (sine(x), x), lambda x, ct: (ct * cosine(x),))
    xs = np.asarray(X)
    for wrap in (lambda g: g, fl.jit):
        same(wrap(fl.grad(f))(S), np.cos(0.3))
        same(wrap(fl.vmap(fl.grad(f)))(X), np.cos(xs))
        same(wrap(fl.grad(lambda x: fnp.sum(fl.vmap(f)(x))))(X), np.cos(xs))
        same(wrap(lambda x: fl.jvp(f, (x,), (x,))[1])(X), np.cos(xs) * xs)
        same(wrap(fl.grad(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]))(S),
             np.cos(np.sin(0.3)) * np.cos(0.3))  # fmt: skip


def test_without_a_rule_or_a_method():
    f = lambda x: host(np.sin, x)  # noqa: E731
    for run in (fl.grad(f), fl.grad(fl.jit(f)), lambda x: fl.jvp(f, (x,), (x,)),
                lambda x: fl.linearize(f, x), fl.vmap(fl.grad(f))):  # fmt: skip
        with pytest.raises(errors.GradientError, match="pure_callback: sin is Python outside"):
            run(X if run is not fl.grad(f) else S)
    same(fl.grad(lambda x: x * f(S))(S), np.sin(0.3))
    same(fl.grad(lambda x: x * f(fl.stop_gradient(x)))(S), np.sin(0.3))
    with pytest.raises(errors.TransformError, match="pure_callback of sin under vmap: say how"):
        fl.vmap(f)(X)


SHAPE3 = fl.ShapeDtypeStruct((3,), "float32")


@pytest.mark.parametrize(
    ("promised", "result", "text"),
    [
        (FLOAT, np.zeros(3), "returned float64[3] as array 0, expected float64[]"),
        (SHAPE3, np.zeros(3, "c8"), "returned complex64[3] as array 0, expected float32[3]"),
        (fl.ShapeDtypeStruct((), "int32"), 2.5, "returned float64[] as array 0, expected int32[]"),
        (FLOAT, None, "returned 0 arrays, expected 1, as result_shape_dtypes says"),
        ((FLOAT, FLOAT), 1.0, "returned 1 arrays, expected 2"),
        (
            {"a": FLOAT, "b": FLOAT}, {"a": 1.0, "c": 2.0},
            "results at ['a'], ['c'], expected ['a'], ['b']",
        ),
        (FLOAT, object(), "returned object[] as array 0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_broken_promises(wrap, promised, result, text):
    def answer(a):
        return result

    with pytest.raises((errors.ShapeError, errors.TreeError)) as info:
        wrap(lambda x: fl.pure_callback(answer, promised, x))(S)
    assert str(info.value).startswith("pure_callback: answer ")
    assert text in str(info.value)


def test_wrong_calls():
    for text, run in {
        "result_shape_dtypes is a tree of ShapeDtypeStruct": lambda: host2((3,)),
        "or of arrays, got <class 'numpy.float32'>": lambda: host2(np.float32),
        "vmap_method must be one of sequential, ": lambda: host2(FLOAT, vmap_method="all"),
        "the first argument must be a function": lambda: fl.pure_callback(3, FLOAT),
        "sharding must be None": lambda: host2(FLOAT, sharding=1),
    }.items():
        with pytest.raises(errors.TransformError, match=re.escape(text)):
            run()
    with pytest.raises(errors.TreeError, match="args\\[0\\] is not an array but a str"):
        fl.pure_callback(lambda a: a, FLOAT, "text")


def host2(promised, **kwargs):
    return fl.pure_callback(lambda a: a, promised, S, **kwargs)


def test_errors_of_the_function_pass_through():
    def fail(a):
        raise KeyError("mine")

    def write(a):
        a[...] = 1

    for wrap in (lambda f: f, fl.jit, lambda f: fl.jit(lambda x: lax.cond(True, f, f, x))):
        with pytest.raises(KeyError, match="mine"):
            wrap(lambda x: host(fail, x))(X)
        with pytest.raises(ValueError, match="read-only"):
            wrap(lambda x: host(write, x))(X)
    same(X, [0.3, -0.7, 1.1])


# ------------------------------------------------------------------------------------------- debug
def shown(x):
    fl.debug.print("x={}", x)
    return x * 2


def lines(*values):
    return "".join(f"x={v}\n" for v in values)


V = fnp.asarray(np.array([1.0, 2.0, 3.0]))
BOTH = (shown, lambda x: (fl.debug.print("other {}", x), x)[1])
PROGRAMS = {
    "once": (shown, S, lines(0.3)),
    "per example": (fl.vmap(shown), V, lines(1.0, 2.0, 3.0)),
    "per example of each print": (
        fl.vmap(lambda x: shown(x) + shown(x + 10)), V, lines(1.0, 2.0, 3.0, 11.0, 12.0, 13.0)
    ),
    "of a value that does not vary": (fl.vmap(lambda x: x + shown(S)), V, lines(0.3)),
    "per pair": (fl.vmap(lambda a: fl.vmap(lambda b: shown(a * b))(V)), V[:2], None),
    "in grad": (fl.grad(shown), S, lines(0.3)),
    "in jvp": (lambda x: fl.jvp(shown, (x,), (x,))[1], S, lines(0.3)),
    "in linearize": (lambda x: fl.linearize(shown, x)[1](x), S, lines(0.3)),
    "in hessian": (fl.hessian(lambda x: shown(x) ** 2), S, lines(0.3)),
    "per example in grad": (fl.vmap(fl.grad(shown)), V, lines(1.0, 2.0, 3.0)),
    "in a nested jit": (fl.jit(shown), S, lines(0.3)),
    "per step": (
        lambda x: lax.scan(lambda c, y: (c + shown(y), c), 0.0, x)[0], V, lines(1.0, 2.0, 3.0)
    ),
    "per step backwards": (
        lambda x: lax.scan(lambda c, y: (c + shown(y), c), 0.0, x, reverse=True)[0], V,
        lines(3.0, 2.0, 1.0),
    ),
    "per step in grad": (
        fl.grad(lambda x: lax.scan(lambda c, y: (c + shown(y) ** 2, c), 0.0, x)[0]), V,
        lines(1.0, 2.0, 3.0),
    ),
    "while": (lambda x: lax.while_loop(lambda c: c < 5, shown, x), S + 0.7, lines(1.0, 2.0, 4.0)),
    "in the condition of while": (
        lambda x: lax.while_loop(lambda c: shown(c) < 5, lambda c: c * 2, x), S + 0.7,
        lines(1.0, 2.0, 4.0),
    ),
    "fori": (lambda x: lax.fori_loop(0, 2, lambda i, c: shown(c), x), S + 0.7, lines(1.0, 2.0)),
    "the branch taken": (lambda x: lax.cond(x > 0, *BOTH, x), S, lines(0.3)),
    "the other branch": (lambda x: lax.cond(x > 0, *BOTH, x), -S, "other -0.3\n"),
    "the branch taken in grad": (fl.grad(lambda x: lax.cond(x > 0, *BOTH, x)), -S, "other -0.3\n"),
    "twice where it is computed again": (
        fl.grad(fl.checkpoint(lambda x: fnp.sin(shown(x)))), S, lines(0.3, 0.3)
    ),
    "whose results nobody uses": (lambda x: (shown(x), x)[1], S, lines(0.3)),
    "in an unused nested jit": (lambda x: (fl.jit(shown)(x), x)[1], S, lines(0.3)),
    "in an unused scan": (
        lambda x: (lax.scan(lambda c, y: (c, shown(y)), 0, x), x)[1], V, lines(1.0, 2.0, 3.0)
    ),
    "in an unused while": (
        lambda x: (lax.while_loop(lambda c: c < 3, shown, x), x)[1], S + 0.7, lines(1.0, 2.0)
    ),
    "in an unused branch": (lambda x: (lax.cond(x > 0, *BOTH, x), x)[1], S, lines(0.3)),
    "in an unused scan of cond": (
        lambda x: (lax.scan(lambda c, y: (c, lax.cond(y > 1, *BOTH, y)), 0, x), x)[1], V,
        "other 1.0\n" + lines(2.0, 3.0),
    ),
    "equal prints": (lambda x: (shown(x), shown(x), x)[2], S, lines(0.3, 0.3)),
    "of constants": (lambda x: (fl.debug.print("x={}", 3), x)[1], S, "x=3\n"),
    "without values": (lambda x: (fl.debug.print("here"), x)[1], S, "here\n"),
    "in order": (
        lambda x: (shown(x), fl.debug.print("then"), shown(x * 2), x)[3], S, "x=0.3\nthen\nx=0.6\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_prints(name, capsys):
    """Eagerly, and each time a jitted program runs."""
    f, x, want = PROGRAMS[name]
    f(x)
    eager = capsys.readouterr().out
    assert want is None or eager == want
    jitted = fl.jit(f)
    for _ in range(2):
        jitted(x)
        assert capsys.readouterr().out == eager
    assert eager.count("\n") == (6 if want is None else want.count("\n"))


def test_prints_in_custom_rules(capsys):
    f = fl.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (shown(x) / 2, x), lambda x, ct: (shown(x + 1) * ct,))
    for wrap in (lambda g: g, fl.jit):
        wrap(fl.grad(f))(S)
        assert capsys.readouterr().out == lines(0.3, 1.3)


def test_formats(capsys):
    for wrap in (lambda f: f, fl.jit):
        text = "{{}} {0:.2f} {k[a]} {n!r} {0:>{w}}"
        wrap(lambda x: fl.debug.print(text, x, k={"a": x}, n="loss", w=5))(S)  # noqa: B023
        assert capsys.readouterr().out == "{} 0.30 0.3 'loss'   0.3\n"
        wrap(lambda x: fl.debug.print("{}", {"a": x, "b": [x, None, "s"]}))(S)
        assert capsys.readouterr().out == "{'a': array(0.3), 'b': [array(0.3), None, 's']}\n"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((S,), "the first argument is a format string, got f64[]. Write debug.print('{}', x)."),
        (("{} {}", S), "'{} {}' asks for '1', which was not passed"),
        (("{name}", S), "'{name}' asks for 'name', which was not passed"),
        (("x", S), "'x' has no place for argument '0'. Write debug.print('x is {}', x)"),
        (("{0} {}", S), "'{0} {}' is no format string"),
        (("{", S), "'{' is no format string"),
    ],
)
def test_wrong_formats(args, text):
    with pytest.raises(errors.TransformError, match=re.escape(f"debug.print: {text}")):
        fl.jit(lambda x: fl.debug.print(*args))(S)


def test_debug_callback():
    seen = []

    def note(tree, label, *, k):
        assert type(tree["a"]) is np.ndarray
        seen.append((float(tree["a"]), label, float(k)))
        return "dropped"

    def f(x):
        assert fl.debug.callback(note, {"a": x, "b": None}, "label", k=x + 1) is None
        return x

    f(S)
    fl.jit(f)(S)
    fl.jit(fl.vmap(f))(V[:2])
    assert seen == [(0.3, "label", 1.3)] * 2 + [(1.0, "label", 2.0), (2.0, "label", 3.0)]
    with pytest.raises(ZeroDivisionError):
        fl.jit(lambda x: (fl.debug.callback(lambda a: 1 / 0, x), x)[1])(S)
    with pytest.raises(errors.TransformError, match="the first argument must be a function"):
        fl.debug.callback("print", S)


def test_no_reference_cycles():
    def work():
        def f(x):
            fl.debug.callback(lambda a: None, x)
            return host(np.sin, x, vmap_method="sequential")

        fl.jit(fl.vmap(f))(X)

    work()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            work()
        assert gc.collect() == 0
    finally:
        gc.enable()

"""Equal graphs share a program; different ones do not; nothing large or foreign is kept alive."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.compile.fingerprint import MOST_CONSTANT_BYTES, fingerprint
from functorch_lite.compile.passes import optimise
from functorch_lite.driver import programs
from functorch_lite.transforms.call import program_of

X = fnp.ones(10)
SPEC = fl.ShapeDtypeStruct((10,), "float32")


def program(f, *args):
    args = args or (X,)
    graph = fl.jit(f).lower(*args).graph
    return program_of(graph)


def count(c, v):
    return c + v, c


SAME = {
    "arithmetic": lambda: lambda x: fnp.sin(x) * 2 + 1,
    "small constants": lambda: lambda x: x * fnp.asarray(np.arange(10.0)),
    "NaN": lambda: lambda x: x + float("nan"),
    "scan": lambda: lambda x: fl.lax.scan(lambda c, v: (c + v, c), 0.0, x),
    "while": lambda: lambda x: fl.lax.while_loop(lambda c: c.sum() < 9, lambda c: c * 2, x),
    "cond": lambda: lambda x: fl.lax.cond(x[0] > 0, lambda v: v + 1, lambda v: v * 2, x),
    "gradient": lambda: fl.grad(lambda x: fnp.sum(fnp.tanh(x) ** 2)),
    "vmap": lambda: fl.vmap(lambda v: v * 3),
    "jit in jit": lambda: lambda x: fl.jit(lambda v: v * 5 + x)(x),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_graphs_share(name):
    assert program(SAME[name]()) is program(SAME[name]())


BODY = {
    "a number": (lambda x: x * 2, lambda x: x * 3),
    "the sign of zero": (lambda x: x * 0.0, lambda x: x * -0.0),
    "the sign of a NumPy zero": (
        lambda x: fnp.pad(x, 1, constant_values=np.float32(0.0)),
        lambda x: fnp.pad(x, 1, constant_values=np.float32(-0.0)),
    ),
    "a bit of a constant": (
        lambda x: x + fnp.asarray(np.float32(1)),
        lambda x: x + fnp.asarray(np.nextafter(np.float32(1), np.float32(2))),
    ),
    "the values of a constant": (
        lambda x: x + fnp.asarray(np.arange(10.0)),
        lambda x: x + fnp.asarray(np.arange(10.0)[::-1]),
    ),
    "the dtype of a constant": (
        lambda x: x[:2] + fnp.asarray(np.zeros(2, np.float32)),
        lambda x: x[:2] + fnp.asarray(np.zeros(2, np.float64)),
    ),
    "an axis": (lambda x: x.reshape(5, 2).sum(0), lambda x: x.reshape(5, 2).sum(1)),
    "order of operands": (lambda x: x[0] - x, lambda x: x - x[0]),
    "order of results": (lambda x: (x + 1, x * 2), lambda x: (x * 2, x + 1)),
    "a result given twice": (lambda x: (x + 1, x + 1, x), lambda x: (x + 1, x, x)),
    "an op": (lambda x: fnp.sin(x), lambda x: fnp.cos(x)),
    "direction": (
        lambda x: fl.lax.scan(count, 0.0, x),
        lambda x: fl.lax.scan(count, 0.0, x, reverse=True),
    ),
    "a body": (
        lambda x: fl.lax.scan(count, 0.0, x),
        lambda x: fl.lax.scan(lambda c, v: (c - v, c), 0.0, x),
    ),
    "a constant of a body": (
        lambda x: fl.lax.fori_loop(0, 9, lambda i, c: c * 1.5, x),
        lambda x: fl.lax.fori_loop(0, 9, lambda i, c: c * 2.5, x),
    ),
    "steps": (
        lambda x: fl.lax.fori_loop(0, 5, lambda i, c: c * 2, x),
        lambda x: fl.lax.fori_loop(0, 6, lambda i, c: c * 2, x),
    ),
    "branches": (
        lambda x: fl.lax.cond(x[0] > 0, lambda v: v + 1, lambda v: v * 2, x),
        lambda x: fl.lax.cond(x[0] > 0, lambda v: v * 2, lambda v: v + 1, x),
    ),
    "a condition": (
        lambda x: fl.lax.while_loop(lambda c: c.sum() < 99, lambda c: c * 2, x),
        lambda x: fl.lax.while_loop(lambda c: c.sum() < 999, lambda c: c * 2, x),
    ),
}


@pytest.mark.parametrize("name", BODY)
def test_different_graphs_do_not(name):
    a, b = BODY[name]
    assert program(a) is not program(b)
    for f in (a, b):
        expected = fl.jit(f, backend="interpret")(X)
        fl.tree.map(
            lambda got, want: np.testing.assert_allclose(got, want, rtol=1e-6),
            fl.jit(f)(X),
            expected,
        )


@pytest.mark.parametrize(
    "other", [fnp.ones(11), fnp.ones((10, 1)), fnp.ones(10, "float64"), fnp.ones(10, "int32")]
)
def test_shapes_and_dtypes_differ(other):
    assert program(lambda x: x + x) is not program(lambda x: x + x, other)


def test_numpy_zeros_as_static_arguments():
    jitted = fl.jit(lambda x, n: x * n, static_argnums=1)
    zeros = [np.asarray(jitted(X, np.float64(s)))[0] for s in (0.0, -0.0, 0.0, -0.0)]
    assert [bool(np.signbit(z)) for z in zeros] == [False, True, False, True]


def test_sharing_shares_no_cache():
    a, b = fl.jit(lambda x: x + 17), fl.jit(lambda x: x + 17)
    a(X)
    assert (a.cache_info().misses, b.cache_info().misses) == (1, 0)
    b(X)
    a.clear_cache()
    assert np.array_equal(b(X), np.full(10, 18))
    assert np.array_equal(a(X), np.full(10, 18))


def test_a_shared_program_gives_memory_only_where_it_may():
    plain, donating = fl.jit(lambda x: x * 19), fl.jit(lambda x: x * 19, donate_argnums=0)
    x = fnp.asarray(np.arange(10.0, dtype=np.float32))
    plain(x)
    assert np.array_equal(x, np.arange(10))
    donating(x)
    with pytest.raises(fl.errors.DonatedError):
        x + 1


# ------------------------------------------------------------------------------- what is unshared
def test_effects_are_not_shared_and_all_happen():
    seen = []

    def make(mark):
        def host(v):
            seen.append(mark)
            return v

        return lambda x: fl.pure_callback(host, SPEC, x)

    first, second = fl.jit(make("a")), fl.jit(make("b"))
    for jitted in (first, second, first):
        jitted(X)
    assert seen == ["a", "b", "a"]
    graph = fl.jit(make("c")).lower(X).graph
    assert fingerprint(optimise(graph)) is None
    looped = fl.jit(lambda x: fl.lax.fori_loop(0, 2, lambda i, c: make("d")(c), x))
    assert fingerprint(optimise(looped.lower(X).graph)) is None


def test_large_constants_are_not_shared():
    n = MOST_CONSTANT_BYTES // 4
    for size, shared in ((n, True), (n + 1, False)):
        constant = fnp.asarray(np.arange(size, dtype=np.float32))
        graph = fl.jit(lambda x, c=constant: x[0] + c).lower(X).graph
        assert (fingerprint(optimise(graph)) is not None) is shared


def test_a_key_can_be_hashed_and_equals_itself():
    for make in SAME.values():
        a, b = (fingerprint(optimise(fl.jit(make()).lower(X).graph)) for _ in range(2))
        assert a is not None
        assert a == b and hash(a) == hash(b)


# ----------------------------------------------------------------------------------- kept alive
def is_dead(reference):
    gc.collect()
    return reference() is None


def with_callback():
    def host(v):
        return v

    f = fl.jit(lambda x: fl.pure_callback(host, SPEC, x) + 1)
    f(X)
    return f, weakref.ref(host)


def test_callbacks_are_let_go():
    f, reference = with_callback()
    assert np.array_equal(f(X), np.full(10, 2))
    del f
    assert is_dead(reference)


@pytest.mark.parametrize("kind", ["custom_vjp", "custom_jvp"])
def test_derivative_rules_are_let_go(kind):
    if kind == "custom_vjp":
        f = fl.custom_vjp(lambda x: x * 2.5)
        f.defvjp(lambda x: (x * 2.5, None), lambda _, g: (g * 3.5,))
    else:
        f = fl.custom_jvp(lambda x: x * 2.75)
        f.defjvp(lambda primals, tangents: (primals[0] * 2.75, tangents[0]))
    plain = fl.jit(lambda x, f=f: f(x) + 1)
    derived = fl.jit(fl.grad(lambda x, f=f: f(x).sum()))
    for _ in range(2):
        plain(X)
        derived(X)
    reference = weakref.ref(f)
    del f, plain, derived
    assert is_dead(reference)


@pytest.mark.parametrize("place", ["outside", "in a loop"])
def test_large_constants_are_let_go(place):
    big = fnp.asarray(np.arange(100_000, dtype=np.float32))
    if place == "outside":
        f = fl.jit(lambda x, big=big: big * x[0])
    else:
        f = fl.jit(lambda x, big=big: fl.lax.fori_loop(0, 3, lambda i, c: c + big[i], x))
    for _ in range(3):
        f(X)
    reference = weakref.ref(big._data)
    del big, f
    assert is_dead(reference)


def test_graphs_functions_and_arguments_are_let_go():
    constant, x = fnp.asarray(np.arange(10.0)), fnp.ones(10)
    f = fl.jit(lambda x, c=constant: x * c * 7.5)
    for _ in range(3):
        y = f(x)
    (entry,) = f._cache.values()
    references = [weakref.ref(v) for v in (f, entry.graph, constant, x, x._data, y, y._data)]
    del f, entry, constant, x, y
    assert all(map(is_dead, references))


def test_the_number_of_shared_programs_has_a_bound(monkeypatch):
    monkeypatch.setattr(programs, "MOST_SHARED", 3)
    held = [fl.jit(lambda x, k=k: x + 100.5 + k) for k in range(6)]
    for k, f in enumerate(held):
        assert np.array_equal(f(X), np.full(10, 101.5 + k, np.float32))
        assert len(programs._shared) <= 3
    assert np.array_equal(held[0](X), np.full(10, 101.5, np.float32))

"""What can be asked of a jitted function: stages, memory, profile, cache, threads."""

from __future__ import annotations

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.errors import TransformError

STAGES = ("graph", "optimised", "plan", "kernels", "llvm", "assembly")


def layer(x, w):
    return fnp.tanh(x @ w).sum(0)


N = 64
X, W = fnp.ones((N, N)), fnp.ones((N, N))


# ------------------------------------------------------------------------------------- lowering
def test_each_stage_shows_its_own_language():
    lowered = fl.jit(layer).lower(X, W)
    text = {stage: lowered.as_text(stage) for stage in STAGES}
    assert text["graph"].startswith("def ") and "tanh" in text["graph"]
    assert text["optimised"].startswith("def ")
    assert "gemm 64 x 64 x 64" in text["plan"] and "reduce_sum" in text["plan"]
    assert "tanh" in text["kernels"]
    assert "define" in text["llvm"] and "ptr" in text["llvm"]
    assert ".text" in text["assembly"] or "ret" in text["assembly"]
    assert str(lowered) == text["graph"]
    assert lowered.as_text() == lowered.as_text(False) == text["graph"]
    assert lowered.as_text(True) == text["optimised"]


PROGRAMS = {
    "nothing": lambda x: (),
    "identity": lambda x: x,
    "a constant": lambda x: fnp.arange(5.0),
    "python": lambda x: fl.pure_callback(
        lambda v: v, fl.ShapeDtypeStruct(x.shape, "float32"), fnp.sort(x)
    ),
    "while": lambda x: fl.lax.while_loop(lambda c: c.sum() < 100, lambda c: c * 2, x),
    "gradient of while": lambda x: fl.grad(
        lambda x: fl.lax.while_loop(lambda c: c.sum() < 100, lambda c: c * 2, x).sum()
    )(x),
    "gradient of scan": lambda x: fl.grad(
        lambda x: fl.lax.scan(lambda c, v: (fnp.sin(c + v), c), x[0], x)[0]
    )(x),
    "complex": lambda x: (x + 1j) * 2,
    "bfloat16": lambda x: x.astype("bfloat16") + 1,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_can_be_asked(program):
    jitted = fl.jit(PROGRAMS[program])
    x = fnp.ones(10)
    lowered = jitted.lower(x)
    for stage in STAGES:
        assert isinstance(lowered.as_text(stage), str)
    memory = lowered.memory_analysis()
    outs = fl.tree.leaves(jitted(x))
    assert memory.argument_size_in_bytes == 40
    assert memory.output_size_in_bytes == sum(o.nbytes for o in outs)
    profile = jitted.profile(x)
    assert "us a call" in str(profile)
    assert "traced" in str(jitted.cache_info())


def test_an_unknown_stage():
    with pytest.raises(ValueError, match="graph, optimised, plan, kernels, llvm, assembly"):
        fl.jit(layer).lower(X, W).as_text("machine")


def test_lowering_traces_once_and_does_not_run():
    ran = []
    jitted = fl.jit(lambda x: fl.pure_callback(_note(ran), fl.ShapeDtypeStruct((), "float32"), x))
    jitted.lower(1.0).as_text("plan")
    jitted.lower(1.0).memory_analysis()
    assert not ran
    jitted(1.0)
    info = jitted.cache_info()
    assert (info.hits, info.misses, len(ran)) == (1, 1, 1)


def _note(ran):
    def host(v):
        ran.append(v)
        return v

    return host


def test_lowering_needs_the_static_arguments():
    jitted = fl.jit(lambda x, n: x * n, static_argnums=1)
    assert jitted.lower(X, 2).as_text("kernels") != jitted.lower(X, 3).as_text("kernels")


# --------------------------------------------------------------------------------------- memory
def test_memory_by_kind():
    big = fnp.asarray(np.arange(5000, dtype=np.float32))
    memory = fl.jit(lambda x: fnp.sort(x * 2) @ big).lower(fnp.ones(5000)).memory_analysis()
    assert memory.argument_size_in_bytes == 20_000
    assert memory.output_size_in_bytes == 4
    assert memory.constant_size_in_bytes == 20_000
    assert memory.temp_size_in_bytes >= 20_000
    assert memory.peak_memory_in_bytes == (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.constant_size_in_bytes
        + memory.temp_size_in_bytes
    )


def test_what_is_fused_needs_no_memory():
    memory = fl.jit(lambda x: fnp.sin(x * 2) + 1).lower(fnp.ones(5000)).memory_analysis()
    assert (memory.temp_size_in_bytes, memory.constant_size_in_bytes) == (0, 0)


# -------------------------------------------------------------------------------------- profile
def test_the_rows_of_a_profile():
    def f(x, w):
        return fl.lax.fori_loop(0, 7, lambda i, c: fnp.tanh(fnp.sort(c) @ w), x)

    profile = fl.jit(f).profile(X, W)
    rows = {row.label.split(" [")[0]: row for row in profile.rows}
    gemm = next(r for label, r in rows.items() if label.startswith("gemm"))
    assert gemm.calls == 7
    assert gemm.flops == 7 * 2 * N**3
    assert gemm.nbytes == 7 * 3 * N * N * 4
    assert any("tanh" in label for label in rows)
    assert rows["python sort"].calls == 7
    assert all(row.seconds >= 0 for row in profile.rows)
    assert [r.seconds for r in profile.rows] == sorted(r.seconds for r in profile.rows)[::-1]
    text = str(profile)
    assert all(row.label in text for row in profile.rows)


def test_a_profile_leaves_function_and_arguments_as_they_are():
    jitted = fl.jit(lambda x, s: x[::-1] * s, donate_argnums=0)
    x = fnp.asarray(np.arange(6, dtype=np.float32))
    jitted.profile(x, 2.0)
    assert np.array_equal(x, np.arange(6))
    jitted.profile(x[::2], np.float32(3))
    assert np.array_equal(jitted(x, 2.0), np.arange(6)[::-1] * 2)
    assert jitted.cache_info().misses == 2


@pytest.mark.parametrize(
    "profile",
    [
        lambda f: fl.jit(lambda x: x, backend="interpret").profile(X),
        lambda f: fl.grad(lambda x: f.profile(x) and x.sum())(X),
        lambda f: fl.jit(lambda x: f.profile(x) and x)(X),
        lambda f: fl.grad(lambda x: fl.jit(lambda y: x + y).profile(X) and x.sum())(X),
    ],
    ids=["interpreted", "inside grad", "inside jit", "closing over a tracer"],
)
def test_what_cannot_be_profiled(profile):
    with pytest.raises(TransformError, match="only compiled programs are profiled"):
        profile(fl.jit(lambda x: x + 1))


# ---------------------------------------------------------------------------------------- cache
def test_the_cache_says_what_was_spent_and_what_python_runs():
    jitted = fl.jit(lambda x: fnp.sort(fnp.sin(x)))
    jitted.lower(fnp.ones(4))
    (before,) = jitted.cache_info().traces
    assert set(before.seconds) == {"trace"}
    assert before.host_calls == ()
    jitted(fnp.ones(4))
    (after,) = jitted.cache_info().traces
    assert set(after.seconds) == {"trace", "plan", "print", "load"}
    assert all(s >= 0 for s in after.seconds.values())
    assert after.host_calls == ("sort",)
    text = str(jitted.cache_info())
    assert "Python runs: sort" in text
    assert "load" in text


def test_an_interpreted_function_has_no_compile_times():
    jitted = fl.jit(fnp.sin, backend="interpret")
    jitted(X)
    (trace,) = jitted.cache_info().traces
    assert set(trace.seconds) == {"trace"}


# -------------------------------------------------------------------------------------- threads
@pytest.fixture
def threads():
    before = fl.get_num_threads()
    yield
    fl.set_num_threads(before)


def test_the_number_of_threads_changes_no_value(threads, rng):
    x = fnp.asarray(rng.normal(size=(600, 500)).astype(np.float32))

    def f(x):
        return fnp.exp(fnp.sin(x)) * 2, x.sum(0), x.sum(1), x.T + 1, fnp.cumsum(x, 1)

    found = []
    for n in (1, 2, 3, 1):
        fl.set_num_threads(n)
        assert fl.get_num_threads() == n
        found.append(fl.jit(f)(x))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        assert np.array_equal(found[0][0], other[0])
        assert np.array_equal(found[0][3], other[3])


@pytest.mark.parametrize("n", [0, -1, 10**6])
def test_numbers_of_threads_that_cannot_be(threads, n):
    before = fl.get_num_threads()
    with pytest.raises(ValueError, match="threads"):
        fl.set_num_threads(n)
    assert fl.get_num_threads() == before

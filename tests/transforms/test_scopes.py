"""Names in programs, values computed while staging, infinities that are looked for."""

import threading

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax


# ----------------------------------------------------------------------------------- named scopes
def lines(f, *args):
    return str(fl.make_jaxpr(f)(*args)).splitlines()


def test_scopes_stand_beside_operations():
    def f(x):
        with fl.named_scope("layer"):
            y = fnp.sin(x)
            with fl.named_scope("inner"):
                y = fnp.cos(y)
        return fnp.exp(y)

    text = lines(f, 1.0)
    assert any("sin" in line and "(layer/f)" in line for line in text)
    assert any("cos" in line and "(layer/inner/f)" in line for line in text)
    assert not any("exp(" in line and "/" in line for line in text)


def test_decorators_loops_and_gradients():
    @fl.named_scope("outer")
    def f(x):
        return lax.fori_loop(0, 3, fl.named_call(lambda i, c: fnp.sin(c), name="step"), x)

    assert "outer/step/" in "\n".join(lines(f, 1.0))
    text = "\n".join(lines(fl.grad(f), 1.0))
    assert "outer/step/" in text
    named = fl.named_call(f)
    assert named.__name__ == "f" and "f/outer/step/" in "\n".join(lines(named, 1.0))


def test_a_scope_changes_no_value_and_ends_with_its_block():
    @fl.named_scope("a")
    def f(x):
        return fnp.sin(x)

    assert float(fl.jit(f)(1.0)) == float(f(1.0))
    with pytest.raises(RuntimeError), fl.named_scope("broken"):
        raise RuntimeError
    assert "broken" not in "\n".join(lines(fnp.sin, 1.0))
    scope = fl.named_scope("twice")
    with scope, scope:
        assert "twice/twice/" in "\n".join(lines(lambda x: fnp.sin(x), 1.0))
        found = []
        thread = threading.Thread(target=lambda: found.extend(lines(lambda x: fnp.sin(x), 1.0)))
        thread.start()
        thread.join()
    assert found and "twice" not in "\n".join(found)


def test_the_name_stands_in_messages():
    kept = []
    fl.jit(lambda x: kept.append(fl.named_call(fnp.sin, name="leak")(x)) or x)(1.0)
    with pytest.raises(errors.EscapedTracerError, match="leak/"):
        kept[0] + 1
    with pytest.raises(errors.TransformError, match="the name must be a string, got int 3"):
        fl.named_scope(3)
    with pytest.raises(errors.TransformError, match="named_call: fun must be a function"):
        fl.named_call("f")


# ----------------------------------------------------------------------- ensure_compile_time_eval
def test_known_values_exist_while_staging():
    traced = []

    @fl.jit
    def f(x):
        with fl.ensure_compile_time_eval():
            y = fnp.sum(fnp.sin(fnp.arange(3.0)))
            z = fnp.cos(x)
            traced.append(z)
            bound, positive = int(y * 2), y > 0
        assert not isinstance(y, type(x)) and isinstance(z, type(x))
        return x * bound if positive else x + z

    assert float(f(2.0)) == 2.0 * int(2 * np.sin(np.arange(3.0)).sum())
    with pytest.raises(errors.NonConcreteError):
        float(fl.jit(lambda x: float(fnp.sin(3.0)))(1.0))


def test_derivatives_and_batches_pass_through():
    def f(x):
        with fl.ensure_compile_time_eval():
            return fnp.sin(x) * fnp.sin(2.0)

    x = np.array([0.1, 0.7])
    want = np.cos(x) * np.sin(np.float32(2.0))
    for wrap in (lambda f: f, fl.jit):
        np.testing.assert_allclose(wrap(fl.vmap(fl.grad(f)))(x), want, rtol=1e-6)
    assert [e.op.name for e in fl.make_jaxpr(f)(1.0).eqns].count("sin") == 1
    inner = fl.jit(lambda v: v * 2)

    def staged(x):
        with fl.ensure_compile_time_eval():
            return x + (1 if inner(fnp.asarray(3.0)) > 5 else 2)

    assert float(fl.jit(staged)(1.0)) == 2.0
    rows = fl.vmap(lambda x: _position(), axis_name="i")(fnp.arange(3))
    assert rows.tolist() == [0, 1, 2]


def _position():
    with fl.ensure_compile_time_eval():
        return lax.axis_index("i")


def test_debug_nans_still_looks():
    def f(x):
        with fl.ensure_compile_time_eval():
            return x + fnp.log(fnp.asarray(-1.0))

    with fl.debug_nans(), pytest.raises(errors.NanError, match="log"):
        fl.jit(f)(1.0)
    assert np.isnan(fl.jit(f)(1.0))


# ------------------------------------------------------------------------------------- debug_infs
def test_the_first_infinity_is_named():
    def f(x):
        y = fnp.exp(x)
        return fnp.log(x) + y

    with fl.debug_infs():
        assert np.isfinite(fl.jit(f)(1.0))
        with pytest.raises(errors.NanError, match=r"inf in the forward pass: log at .*\(f\)"):
            fl.jit(f)(0.0)
        with pytest.raises(FloatingPointError, match=r"1 of 2 elements.*None of its operands held"):
            fnp.divide(fnp.ones(2), fnp.asarray([0.0, 1.0]))
        with pytest.raises(errors.NanError, match=r"Operand 0 held inf already"):
            fnp.sqrt(fnp.asarray(np.inf))
        with pytest.raises(errors.NanError, match="inf in the backward pass"):
            fl.grad(fnp.sqrt)(0.0)
        fnp.log(fnp.asarray(-1.0))  # a NaN is not looked for
        fnp.where(fnp.asarray([True]), 1.0, np.inf)  # chosen nowhere
    assert np.isinf(fnp.log(fnp.asarray(0.0)))


def test_both_contexts_go_together_and_complex_numbers_count():
    for first, second in ((fl.debug_nans, fl.debug_infs), (fl.debug_infs, fl.debug_nans)):
        with first(), second():
            with pytest.raises(errors.NanError, match="NaN in the forward"):
                fl.jit(fnp.log)(-1.0)
            with pytest.raises(errors.NanError, match="inf in the forward"):
                fl.jit(fnp.log)(0.0)
    for number in (1e300 + 0j, 1e300j):
        with fl.debug_infs(), pytest.raises(errors.NanError, match="inf in the forward"):
            fnp.multiply(fnp.asarray(number, "complex128"), 1e300)
    with fl.debug_infs():  # both parts are finite, only their hypotenuse is not
        fnp.negative(fnp.asarray(1.5e308 + 1.5e308j, "complex128"))
    with fl.debug_infs(False):
        assert np.isinf(fnp.log(fnp.asarray(0.0)))
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        with fl.debug_infs(), pytest.raises(errors.NanError):
            fnp.divide(fnp.ones(3, dtype), fnp.zeros(3, dtype))

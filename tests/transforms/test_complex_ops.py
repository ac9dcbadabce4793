"""Every record of complex numbers: derivatives, their batches, and second order."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.core.dtypes import is_complex, is_inexact
from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import GradientError
from functorch_lite.testing import check_grads
from tests.registry import cases

WIDE = {np.dtype(np.complex128), np.dtype(np.float64)}
# The derivative by complex numbers is refused: for real numbers there is none, or it is hidden.
REFUSED = {"sign", "bitcast"}
# Without a derivative on purpose, or under test elsewhere because they are functions of graphs.
# Vectors are defined up to a phase, which differences do not follow; tests/numpy has these.
UP_TO_A_PHASE = {"eig", "eigh", "svd"}
LEFT_OUT = {"stop_gradient", *UP_TO_A_PHASE, *cases.HIGHER_ORDER}


def complex_cases(name):
    """Samples in double precision with a complex operand or a complex result."""
    found = []
    for dtype in cases.dtypes(name):
        if dtype in WIDE:
            for case in cases.cases(name, dtype):
                kinds = [*(a.dtype for a in case.args), *(a.dtype for a in case.avals)]
                single = {np.dtype(np.complex64), np.dtype(np.float32)} & set(kinds)
                if any(map(is_complex, kinds)) and not single:
                    found.append(case)
    return found


def named():
    for name, op in REGISTRY.items():
        if cases.has_rules(op) and name not in LEFT_OUT and complex_cases(name):
            yield name


def closed(case):
    """The case as a function of its inexact operands, returning its inexact results."""
    moving = [i for i, a in enumerate(case.args) if is_inexact(a.dtype)]
    moving = [i for i in moving if cases.has_rule(case.op, i)]

    def f(*xs):
        full = list(case.arrays)
        for i, x in zip(moving, xs, strict=True):
            full[i] = x
        return tuple(y for y in case.function(*full) if is_inexact(y.dtype))

    return f, tuple(case.arrays[i] for i in moving)


def usable(case):
    f, xs = closed(case)
    return bool(xs) and bool(f(*xs))


@pytest.mark.parametrize("name", [*named()])
def test_derivatives(name):
    found = [c for c in complex_cases(name) if usable(c)]
    assert found
    for case in found:
        check_grads(*closed(case), order=1)
    for case in [c for c in found if all(a.size for a in c.args)][:3]:
        check_grads(*closed(case), order=2)


@pytest.mark.parametrize("name", [*named()])
def test_batches_of_derivatives_and_programs(name):
    """vmap of vjp and jvp is a loop over them, and jit gives the same numbers."""
    for case in [c for c in complex_cases(name) if usable(c)][:4]:
        f, xs = closed(case)
        rng = np.random.default_rng(0)

        def like(y, rng=rng):
            z = rng.normal(size=y.shape)
            if is_complex(y.dtype):
                z = z + 1j * rng.normal(size=y.shape)
            return fnp.asarray(np.asarray(z, y.dtype))

        def both(ts, cts, f=f, xs=xs):
            return fl.jvp(f, xs, ts)[1], fl.vjp(f, *xs)[1](cts)

        pairs = [(tuple(map(like, xs)), tuple(map(like, f(*xs)))) for _ in range(2)]
        loop = [both(*p) for p in pairs]
        stacked = fl.tree.map(lambda *rows: fnp.stack(rows), *pairs)
        for found in (fl.vmap(both)(*stacked), fl.jit(fl.vmap(both))(*stacked)):
            for i, want in enumerate(loop):
                for got, w in zip(fl.tree.leaves(found), fl.tree.leaves(want), strict=True):
                    assert got.dtype == w.dtype
                    np.testing.assert_allclose(np.asarray(got[i]), np.asarray(w), 1e-9, 1e-9)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_hidden_derivatives_are_refused(name):
    z = fnp.asarray([1 + 2j, 3j])
    call = {
        "sign": fl.lax.sign,
        "bitcast": lambda z: fl.lax.bitcast_convert_type(fl.numpy.real(z), "complex64"),
    }[name]
    z = z if name == "sign" else z.astype("complex128")
    for transform in (
        lambda: fl.vjp(call, z),
        lambda: fl.jvp(call, (z,), (z,)),
        lambda: fl.jit(lambda z: fl.jvp(call, (z,), (z,)))(z),
    ):
        with pytest.raises(GradientError, match=f"{name}: expected a real result"):
            transform()


def test_the_list_of_records_is_not_empty():
    assert {"mul", "abs", "complex", "real", "fft", "dot_general", "sort", "gather"} <= set(named())

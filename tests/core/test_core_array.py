"""What an array is, what becomes one, and how traced values answer Python's protocols."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.core.array import (
    Array,
    Tracer,
    WeakArray,
    is_arraylike,
    is_weak,
    lift,
    make_strong,
    make_weak,
    wrap,
)
from functorch_lite.core.aval import Aval, describe, short_dtype
from functorch_lite.core.dtypes import DTYPES


# ------------------------------------------------------------------------------------------ avals
def test_avals_are_values():
    a = fl.ShapeDtypeStruct((2, 3), "float32")
    assert a == fl.ShapeDtypeStruct([2, 3], np.float32)
    assert hash(a) == hash(fl.ShapeDtypeStruct((2, 3), "float32"))
    assert a != fl.ShapeDtypeStruct((2, 3), "float64")
    assert a != fl.ShapeDtypeStruct((3, 2), "float32")
    assert a != Aval((2, 3), "float32", weak=True)
    assert (a.ndim, a.size, a.nbytes) == (2, 6, 24)
    assert repr(a) == "ShapeDtypeStruct(shape=(2, 3), dtype=float32)"
    assert a.short() == "f32[2,3]"


def test_short_dtypes_differ():
    shorts = [short_dtype(d) for d in DTYPES]
    assert len(set(shorts)) == len(DTYPES)
    assert shorts[:2] == ["bool", "i8"]
    assert describe(fnp.ones((2, 3))) == "f32[2,3]"
    assert describe("text") == "str 'text'"
    assert describe(list(range(100))).startswith("list [0, 1,")
    assert len(describe(list(range(100)))) < 60


# ----------------------------------------------------------------------------------------- arrays
def test_arrays_cannot_be_called_into_being():
    with pytest.raises(TypeError, match="make arrays with functorch_lite.numpy"):
        fl.Array([1, 2])


def test_wrap_takes_ownership_and_lift_copies():
    data = np.ones(3)
    assert wrap(data)._data is data
    assert lift(data)._data is not data
    array = wrap(data)
    assert lift(array) is array


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_lift_keeps_the_dtype_of_arrays(dtype):
    for x in (np.ones((2,), dtype), np.ones((), dtype), np.ones((), dtype)[()]):
        if isinstance(x, (np.float64, np.complex128)):
            assert is_weak(x)
        else:
            assert not is_weak(x)
        assert lift(x).dtype == dtype
        assert lift(x).shape == np.shape(x)
        assert is_arraylike(x)


@pytest.mark.parametrize(
    ("number", "dtype"), [(1, "int64"), (1.5, "float64"), (1j, "complex128"), (True, "bool")]
)
def test_lift_keeps_the_precision_of_numbers(number, dtype):
    assert lift(number).dtype == np.dtype(dtype)
    assert lift(number).shape == ()
    assert is_weak(number) == (dtype != "bool")


def test_lift_takes_what_speaks_the_array_protocol():
    class Measured:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3, dtype=">i4")

    got = lift(Measured())
    assert got.dtype == np.dtype("int32")
    assert got.shape == (3,)


@pytest.mark.parametrize("bad", ["text", None, object(), [1, 2], {"a": 1}])
def test_lift_refuses(bad):
    assert not is_arraylike(bad)
    with pytest.raises(TypeError, match="is not an array, number or bool"):
        lift(bad)


@pytest.mark.parametrize(
    "bad",
    [np.array("text"), np.array(object()), np.array("2020", "M8[Y]"), np.ones(2, "longdouble")],
)
def test_lift_refuses_other_dtypes(bad):
    if bad.dtype == np.float64:
        pytest.skip("long double is float64 on this platform")
    with pytest.raises(errors.DtypeError, match="expected one of bool"):
        lift(bad)


# --------------------------------------------------------------------------------------- weakness
def test_concrete_weak_values():
    weak = make_weak(wrap(np.array(2.0)))
    assert type(weak) is WeakArray
    assert isinstance(weak, Array)
    assert weak.weak
    assert make_weak(weak) is weak
    strong = make_strong(weak)
    assert type(strong) is Array
    assert not strong.weak
    assert (fnp.ones(2, "float16") * weak).dtype == np.float16
    assert (fnp.ones(2, "float16") * strong).dtype == np.float64
    assert float(weak + 1) == 3.0
    assert type(fl.jit(lambda x: x)(weak)) is Array


def test_making_a_tracer_strong_leaves_the_original_weak():
    kept = []

    def f(x):
        strong = make_strong(x)
        kept.append((x.weak, strong.weak, type(strong) is type(x), strong._trace is x._trace))
        return strong * x

    assert float(fl.grad(f)(3.0)) == 6
    assert fl.jvp(f, (3.0,), (1.0,))[1].dtype == np.float64
    fl.jit(f)(3.0)
    assert kept == [(True, False, True, True)] * 3


# ------------------------------------------------------------------- tracers and Python protocols
def seen_inside(transform, ask, x):
    """What `ask` returned, or the error it met, on a traced scalar."""
    found = []

    def f(x):
        try:
            found.append(ask(x))
        except (errors.NonConcreteError, TypeError) as error:
            found.append(error)
        return x * 1

    transform(f)(x)
    return found[0]


CONCRETE = {
    "grad": lambda f: fl.grad(f),
    "jvp": lambda f: lambda x: fl.jvp(f, (x,), (x,)),
    "linearize": lambda f: lambda x: fl.linearize(f, x),
    "grad of grad": lambda f: lambda x: fl.grad(lambda y: fl.grad(f)(y) * y)(x),
}
ABSTRACT = {
    "jit": lambda f: fl.jit(f),
    "vmap": lambda f: lambda x: fl.vmap(f)(fnp.stack([x, x])),
    "jit of grad": lambda f: fl.jit(fl.grad(f)),
    "grad of jit": lambda f: fl.grad(fl.jit(f)),
    "vmap of grad": lambda f: lambda x: fl.vmap(fl.grad(f))(fnp.stack([x, x])),
    "grad of vmap": lambda f: (
        lambda x: fl.grad(lambda x: fnp.sum(fl.vmap(f)(fnp.stack([x, x]))))(x)
    ),
    "jvp of jit": lambda f: lambda x: fl.jvp(fl.jit(f), (x,), (x,)),
}
VALUES = {
    "bool": (bool, True),
    "int": (int, 2),
    "float": (float, 2.5),
    "complex": (complex, 2.5 + 0j),
    "item": (lambda x: x.item(), 2.5),
    "tolist": (lambda x: x.tolist(), 2.5),
    "format": (lambda x: f"{x:.3f}", "2.500"),
    "comparison": (lambda x: 1 if x > 2 else 0, 1),
    "membership": (lambda x: 2.5 in x[None], True),
}
X = np.float32(2.5)


DROPS_THE_DERIVATIVE = {"float", "complex", "item", "tolist"}


@pytest.mark.parametrize("protocol", VALUES)
@pytest.mark.parametrize("name", CONCRETE)
def test_differentiated_values_have_a_value(name, protocol):
    ask, want = VALUES[protocol]
    found = seen_inside(CONCRETE[name], ask, fnp.asarray(X))
    if protocol in DROPS_THE_DERIVATIVE:
        assert isinstance(found, errors.NonConcreteError)
        assert "would drop the derivative" in str(found) and "stop_gradient(x)" in str(found)
        found = seen_inside(CONCRETE[name], lambda x: ask(fl.stop_gradient(x)), fnp.asarray(X))
    assert found == want


def test_the_derivative_is_not_lost_silently():
    for f in (math.sin, lambda x: x * math.exp(x), lambda x: float(x) ** 2):
        with pytest.raises(errors.NonConcreteError, match="would drop the derivative"):
            fl.grad(f)(1.0)

    def through_a_buffer(x):
        buffer = np.zeros(3)
        buffer[0] = x[0]
        return fnp.asarray(buffer).sum()

    with pytest.raises((errors.NonConcreteError, ValueError, TypeError)):
        fl.grad(through_a_buffer)(fnp.ones(2))


@pytest.mark.parametrize("protocol", VALUES)
@pytest.mark.parametrize("name", ABSTRACT)
def test_staged_and_mapped_values_have_none(name, protocol):
    found = seen_inside(ABSTRACT[name], VALUES[protocol][0], fnp.asarray(X))
    assert isinstance(found, errors.NonConcreteError), found
    assert "Asked for at " in str(found)
    assert "test_core_array.py" in str(found)


def test_indices():
    n = fnp.asarray(1)
    for ask in (operator.index, range, lambda n: [10, 20][n], lambda n: "ab" * n, hex):
        for transform in (fl.jit, lambda f: lambda n: fl.vmap(f)(n[None])):
            assert isinstance(seen_inside(transform, ask, n), errors.NonConcreteError)
    assert fl.grad(lambda x, n: x * [1.0, 5.0][n], allow_int=True)(1.0, 1) == 5.0


EXPORTS = {
    "numpy.asarray": np.asarray,
    "numpy function": np.sin,
    "pickle": pickle.dumps,
    "dlpack": np.from_dlpack,
}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("name", [*CONCRETE, *ABSTRACT])
def test_no_traced_value_becomes_another_librarys_array(name, export):
    found = seen_inside({**CONCRETE, **ABSTRACT}[name], EXPORTS[export], fnp.asarray(X))
    assert isinstance(found, (errors.NonConcreteError, TypeError)), found
    if name in CONCRETE and export != "numpy function":
        assert "would drop the derivative" in str(found)


@pytest.mark.parametrize("name", CONCRETE)
def test_the_remedy_for_exports_works(name):
    found = seen_inside(
        CONCRETE[name], lambda x: np.sin(np.asarray(fl.stop_gradient(x))), fnp.asarray(X)
    )
    assert found == np.sin(X)


def test_static_facts_are_known_of_every_tracer():
    def f(x):
        assert isinstance(x, fl.Array)
        assert isinstance(x, Tracer)
        assert (x.shape, x.ndim, x.size, len(x)) == ((3, 2), 2, 6, 3)
        assert x.dtype == np.float32
        assert x.aval == fl.ShapeDtypeStruct((3, 2), "float32")
        assert len(list(x)) == 3
        assert copy.copy(x) is x
        assert copy.deepcopy(x) is x
        assert "float32" in repr(x) or "f32" in repr(x)
        assert str(x)
        return fnp.sum(x)

    x = fnp.ones((3, 2))
    fl.grad(f)(x)
    fl.jvp(f, (x,), (x,))
    fl.jit(f)(x)
    fl.vmap(f)(x[None])
    fl.linearize(f, x)


def test_no_array_can_be_hashed():
    for x in (fnp.ones(2), fnp.asarray(1)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(x)
    for transform in (fl.grad, fl.jit):
        assert isinstance(seen_inside(transform, hash, 1.0), TypeError)

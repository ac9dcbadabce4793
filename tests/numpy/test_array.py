"""Arrays under Python's and NumPy's protocols: operators, conversion, printing, immutability."""

import copy
import operator
import pickle
import sys

import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.core.dtypes import DTYPES
from functorch_lite.errors import ImmutableError

X = fnp.asarray([1.0, 2.0, 3.0])
I = fnp.asarray([1, -2, 3])  # noqa: E741
B = fnp.asarray([True, False])

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip
BITS = [operator.and_, operator.or_, operator.xor]


def frames(fn):
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "call"

    fn()
    sys.setprofile(profile)
    fn()
    sys.setprofile(None)
    return count - 1


@pytest.mark.parametrize("op", BINARY)
def test_operators_take_few_frames(op):
    two = fnp.asarray([2.0, 2.0, 2.0])
    budget = 2 if op not in (operator.truediv, operator.pow) else 6
    assert frames(lambda: op(X, two)) <= budget
    assert frames(lambda: op(X, 2.0)) <= budget
    assert frames(lambda: op(2.0, X)) <= budget


@pytest.mark.parametrize("op", BINARY)
def test_operators_have_numpys_values(op):
    x, y = np.array([7.5, -2.0, 3.0], "float32"), np.array([2.0, 4.0, -1.5], "float32")
    for a, b in [(x, y), (x, 2.0), (2.0, np.abs(y)), (x, 2), (3, np.abs(y)), (x, np.float32(2))]:
        want = op(a, b)
        left = fnp.asarray(a) if isinstance(a, np.ndarray) else a
        right = fnp.asarray(b) if isinstance(b, np.ndarray) else b
        got = op(left, right)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6)


@pytest.mark.parametrize("op", BITS + BINARY)
def test_integer_operators(op):
    x, y = np.array([7, 6, -3]), np.array([2, 3, 5])
    got = op(fnp.asarray(x), fnp.asarray(y))
    np.testing.assert_allclose(np.asarray(got), op(x, y), rtol=1e-6)
    assert got.dtype == (np.float32 if op is operator.truediv else op(x, y).dtype)
    assert op(fnp.asarray(x), 2).dtype == got.dtype


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("a", DTYPES, ids=str)
def test_result_dtypes_follow_the_lattice(op, a):
    for b in DTYPES:
        x, y = fnp.ones(2, a), fnp.ones(2, b)
        joined = fnp.result_type(a, b)
        if joined.kind == "c" and op in BINARY[4:6] + BINARY[9:]:
            continue  # complex numbers have no order and no remainder
        if a == b == np.bool_ and op is operator.sub:
            continue
        want = joined
        if op in BINARY[7:]:
            want = np.bool_
        elif op is operator.truediv and not fnp.isdtype(
            joined, ("real floating", "complex floating")
        ):
            want = np.float32
        elif joined == np.bool_ and op not in (operator.add, operator.mul):
            want = np.int64
        assert op(x, y).dtype == want, (a, b)


def test_numpy_operands_defer_to_arrays():
    n = np.array([1.0, 2.0, 3.0], "float32")
    for out in (n * X, X * n, n + X, n - X, n @ X, X @ n, np.float32(2) * X, np.float64(2) * X):
        assert type(out) is fl.Array
    assert (np.float64(2) * X).dtype == np.float32
    assert (np.float32(2) * fnp.ones(2, "float16")).dtype == np.float32
    assert type(np.sin(X)) is np.ndarray
    assert (np.ones(3) == X).dtype == np.bool_


def test_scalars_stay_weak():
    half = fnp.ones(2, "bfloat16")
    assert (half * 2.5).dtype == ml_dtypes.bfloat16
    assert (half * np.float64(2.5)).dtype == ml_dtypes.bfloat16
    assert (I * 2.5).dtype == np.float32
    assert (2.5 * fnp.ones(2, "int8")).dtype == np.float32
    assert (X * 1j).dtype == np.complex64
    assert (B + 1).dtype == np.int64
    assert (True + I).dtype == np.int64


def test_an_int_that_does_not_fit_is_an_error():
    with pytest.raises(OverflowError, match="300 does not fit into uint8.*astype"):
        fnp.ones(2, "uint8") + 300
    with pytest.raises(OverflowError, match="-1 does not fit"):
        -1 * fnp.ones(2, "uint64")


def test_foreign_operands_are_refused():
    for bad in ([1, 2, 3], (1.0,), "x", None, object()):
        with pytest.raises(TypeError):
            X + bad
        with pytest.raises(TypeError):
            bad * X
        with pytest.raises(TypeError):
            operator.lt(X, bad)
    with pytest.raises(TypeError, match=r"Remedy: x == asarray\(y\)"):
        operator.eq(X, [1, 2, 3])
    assert (X == None) is False  # noqa: E711
    assert (X != None) is True  # noqa: E711


def test_powers():
    np.testing.assert_allclose(np.asarray(X**2), [1, 4, 9])
    np.testing.assert_allclose(np.asarray(X**-1), [1, 0.5, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(X**0.5), np.sqrt([1, 2, 3]), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(2**X), [2, 4, 8])
    np.testing.assert_array_equal(np.asarray(I**2), [1, 4, 9])
    assert (I**2).dtype == np.int64 and (2 ** I[:1]).dtype == np.int64
    with pytest.raises(ValueError, match="negative power -1.*astype"):
        I**-1
    for n in (2, 2.0, 3.0):
        assert float(fl.grad(lambda x, n=n: x**n)(0.0)) == 0.0
        assert np.isfinite(float(fl.grad(fl.grad(lambda x, n=n: x**n))(0.0)))


def test_unary_operators():
    np.testing.assert_array_equal(np.asarray(-I), [-1, 2, -3])
    np.testing.assert_array_equal(np.asarray(abs(I)), [1, 2, 3])
    np.testing.assert_array_equal(np.asarray(~B), [False, True])
    np.testing.assert_array_equal(np.asarray(~I), [-2, 1, -4])
    assert (+X) is X
    assert [np.asarray(v).tolist() for v in divmod(I, 2)] == [[0, -1, 1], [1, 0, 1]]
    assert [np.asarray(v).tolist() for v in divmod(7, fnp.asarray([2]))] == [[3], [1]]
    assert float(round(fnp.asarray(2.567), 1)) == pytest.approx(2.6)


def test_in_place_operators_rebind():
    x = y = X
    x += 1
    x *= 2
    assert y is X and np.asarray(x).tolist() == [4, 6, 8]


# ------------------------------------------------------------------------------------- conversion
def test_python_scalars():
    assert float(fnp.asarray(2.5)) == 2.5 and int(fnp.asarray(3.7)) == 3
    assert complex(fnp.asarray(1j)) == 1j
    assert operator.index(fnp.asarray(3)) == 3 and [10, 20, 30, 40][fnp.asarray(3)] == 40
    assert bool(fnp.asarray(1)) and not bool(fnp.asarray([0.0]))
    assert X[1].item() == 2.0 and I.tolist() == [1, -2, 3] and X.item(2) == 3.0
    with pytest.raises(ValueError, match=r"ambiguous. Remedy: x.any\(\)"):
        bool(X)
    with pytest.raises(TypeError, match="only integer arrays"):
        operator.index(fnp.asarray(3.0))
    with pytest.raises(TypeError, match=r"float\(\) needs a single number, got .*\(3,\)"):
        float(X)


def test_containers():
    assert len(X) == 3 and [float(v) for v in X] == [1, 2, 3]
    assert 2.0 in X and 5.0 not in X
    a, b, c = X
    assert float(c) == 3
    with pytest.raises(TypeError, match="0-d"):
        len(fnp.asarray(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(fnp.asarray(1.0))
    with pytest.raises(TypeError, match="unhashable"):
        hash(X)


def test_numpy_view_is_read_only_and_not_copied():
    view = np.asarray(X)
    assert np.shares_memory(view, np.asarray(X)) and not view.flags.writeable
    with pytest.raises(ValueError):
        view[0] = 5
    assert np.array(X).flags.writeable
    assert np.asarray(X, "float64").dtype == np.float64
    with pytest.raises(ValueError):
        np.asarray(X, dtype="float64", copy=False)
    source = np.ones(2)
    kept = fnp.asarray(source)
    source[0] = 9
    assert float(kept[0]) == 1


def test_dlpack_is_read_only():
    back = np.from_dlpack(X)
    assert not back.flags.writeable and np.shares_memory(back, np.asarray(X))
    assert X.__dlpack_device__() == (1, 0)
    assert fnp.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    old = X.__dlpack__()  # the unversioned protocol knows no flag: the consumer gets a copy
    assert "dltensor" in repr(old)
    with pytest.raises(BufferError, match="bfloat16.*Remedy"):
        fnp.ones(2, "bfloat16").__dlpack__()


def test_namespace():
    assert X.__array_namespace__() is fnp
    assert X.__array_namespace__(api_version="2023.12") is fnp
    with pytest.raises(ValueError, match="1999"):
        X.__array_namespace__(api_version="1999.01")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pickle_and_copies(dtype):
    x = fnp.ones((2, 3), dtype)
    back = pickle.loads(pickle.dumps(x))
    assert type(back) is fl.Array and back.dtype is x.dtype and bool((back == x).all())
    assert copy.copy(x) is x and copy.deepcopy([x])[0] is x and x.copy() is x


def test_repr():
    assert repr(X) == "Array([1., 2., 3.], dtype=float32)"
    assert repr(fnp.asarray(2.5)) == "Array(2.5, dtype=float32)"
    assert repr(fnp.ones(2, "bfloat16")) == "Array([1., 1.], dtype=bfloat16)"
    assert repr(fnp.ones((2, 2), bool)) == (
        "Array([[ True,  True],\n       [ True,  True]], dtype=bool)"
    )
    assert str(X) == "[1. 2. 3.]"
    assert repr(fnp.zeros((0, 3))) == "Array([], shape=(0, 3), dtype=float32)"
    assert f"{X[1]:.3f}" == "2.000" and f"{X}" == "[1. 2. 3.]"
    with pytest.raises(TypeError, match="single number"):
        format(X, ".3f")


def test_assignment_shows_the_line_to_write():
    params = fnp.zeros((2, 3))
    with pytest.raises(ImmutableError, match=r"params = params.at\[0\].set\(1\)"):
        params[0] = 1
    with pytest.raises(TypeError, match=r"params = params.at\[0, 1:\].set\(X\[:2\]\)"):
        params[0, 1:] = X[:2]
    with pytest.raises(TypeError, match=r"params = params.at\[1\].add\(2.0\)"):
        params[1] += 2.0
    with pytest.raises(TypeError, match=r"x = x.at\[0\].set\(1\)"):
        params.__setitem__(0, 1)
    with pytest.raises(TypeError, match=r"delete\(x, i\)"):
        del params[0]
    with pytest.raises(TypeError, match=r"x = full_like\(x, value\)"):
        params.fill(3)


# ------------------------------------------------------------------------------ methods, properties
def test_properties():
    x = fnp.ones((2, 3, 4), "complex64")
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3)
    assert x.real.dtype == x.imag.dtype == np.float32
    assert (x.ndim, x.size, x.itemsize, x.nbytes) == (3, 24, 8, 192)
    assert x.device == "cpu" and x.to_device("cpu") is x


METHOD_CALLS = [
    ("all", ()), ("any", ()), ("argmax", (1,)), ("argmin", ()), ("argsort", (0,)),
    ("clip", (-1, 1)),
    ("compress", ([True, False], 0)), ("conj", ()), ("cumprod", (1,)), ("cumsum", ()),
    ("diagonal", ()), ("dot", (np.ones(3),)), ("flatten", ()), ("max", ()), ("mean", (0,)),
    ("min", (1,)), ("nonzero", ()), ("prod", ()), ("ravel", ()), ("repeat", (2, 1)),
    ("reshape", (3, 2)), ("reshape", ((3, -1),)), ("round", (1,)), ("squeeze", ()), ("std", ()),
    ("sum", (1,)), ("swapaxes", (0, 1)), ("take", ([0, 1],)), ("trace", ()), ("transpose", ()),
    ("transpose", (1, 0)), ("transpose", ((1, 0),)), ("var", (1,)), ("astype", ("int32",)),
    ("tolist", ()), ("view", ("int64",)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), METHOD_CALLS)
def test_methods_have_numpys_values(name, args):
    x = np.array([[1.5, -2.25, 3.0], [0.5, 7.0, -1.0]])
    want = getattr(x, name)(*args)
    got = getattr(fnp.asarray(x), name)(*args)
    if isinstance(want, list):
        assert got == want
        return
    for g, w in zip(*(v if isinstance(v, tuple) else (v,) for v in (got, want)), strict=True):
        np.testing.assert_allclose(np.asarray(g), w)
        assert g.dtype == w.dtype


def test_sort_returns_a_sorted_copy():
    x = fnp.asarray([3.0, 1.0])
    assert x.sort().tolist() == [1, 3] and x.tolist() == [3, 1]


# ------------------------------------------------------------------------------ weak traced values
def test_weak_values_keep_their_precision_until_they_meet_an_array():
    f64 = fnp.asarray([1.0], "float64")
    third = 1 / 3
    got = fl.jit(lambda s: (s * 2.0 + 1) * f64)(third)
    assert got.dtype == np.float64 and float(got[0]) == third * 2 + 1
    assert fl.jit(lambda s: s * X)(third).dtype == np.float32
    assert fl.jit(lambda s: (s * s) * fnp.ones(2, "bfloat16"))(2).dtype == ml_dtypes.bfloat16
    assert fl.jit(lambda s: fnp.sin(s))(third).dtype == np.float32
    assert fl.grad(lambda s: (s * f64).sum())(third) == 1
    assert fl.jit(lambda s: s // 2)(5.0).dtype == np.float32


def test_truth_of_a_traced_value_is_an_error_under_jit_only():
    def f(x):
        return x if x > 0 else -x

    assert float(fl.grad(f)(-3.0)) == -1.0
    with pytest.raises(TypeError):
        fl.jit(f)(-3.0)

"""Making arrays: dtypes of scalars and sequences, foreign data, and what is refused."""

import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.core.dtypes import DTYPES
from functorch_lite.errors import AxisError, DtypeError, NonConcreteError, ShapeError
from functorch_lite.numpy.convert import promote, promote_inexact


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (True, "bool"), (1, "int64"), (1.0, "float32"), (1j, "complex64"),
        (np.float64(1), "float32"), (np.float32(1), "float32"), (np.float16(1), "float16"),
        ([1, 2], "int64"), ([1, 2.0], "float32"), ([True, 1], "int64"), ([1, 1j], "complex64"),
        ([[1.0], [2.0]], "float32"), ([], "float32"), ([np.float32(1), 2], "float32"),
        ([np.float64(1)], "float32"), ([np.ones(2), np.ones(2)], "float64"), (range(3), "int64"),
        (np.arange(3, dtype="int8"), "int8"), (np.ones(2, ml_dtypes.bfloat16), "bfloat16"),
        (np.ones(2, ">f4"), "float32"), (np.ones(2, "longlong"), "int64"),
        (memoryview(b"ab"), "uint8"),
    ],
)  # fmt: skip
def test_asarray_dtypes(data, dtype):
    x = fnp.asarray(data)
    assert type(x) is fl.Array
    assert x.dtype is fnp.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    assert x.shape == np.shape(data)
    np.testing.assert_array_equal(np.asarray(x), np.asarray(data))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_requested_dtype_is_returned(dtype):
    for data in (1, 1.0, [1, 0], [[1.0]], np.ones(2), fnp.ones(2, "float16"), [fnp.ones(2)]):
        assert fnp.asarray(data, dtype).dtype is dtype
        assert fnp.array(data, dtype=dtype.name).dtype is dtype


def test_arrays_inside_sequences():
    assert fnp.asarray([fnp.asarray(1.0), 2]).tolist() == [1, 2]
    assert fnp.asarray([[fnp.ones(2), fnp.zeros(2)]]).shape == (1, 2, 2)
    got = fl.jit(lambda a, b: fnp.asarray([a, b, 3.0]))(fnp.asarray(1.0), fnp.asarray(2.0))
    assert got.tolist() == [1, 2, 3]
    assert float(fl.grad(lambda a: fnp.asarray([a, 2.0 * a]).sum())(1.0)) == 3.0


def test_bad_data():
    with pytest.raises(ShapeError, match=r"ragged: at depth 1 its parts have lengths \[1, 2\]"):
        fnp.asarray([[1], [1, 2]])
    with pytest.raises(ShapeError, match="ragged: at depth 1 it holds both"):
        fnp.asarray([1, [2]])
    with pytest.raises(ShapeError, match="must have one shape"):
        fnp.asarray([fnp.ones(2), fnp.ones(3)])
    for bad in (np.array(["a"]), np.array([object()]), np.array(["2020"], "datetime64[Y]")):
        with pytest.raises(DtypeError, match="expected one of bool"):
            fnp.asarray(bad)
    with pytest.raises(TypeError):
        fnp.asarray("text")
    with pytest.raises(TypeError):
        fnp.asarray(object())
    with pytest.raises(OverflowError, match="does not fit"):
        fnp.asarray([2**70])
    with pytest.raises(ValueError, match="copy=False"):
        fnp.asarray(np.ones(2), copy=False)


def test_functions_name_what_they_refuse():
    with pytest.raises(
        TypeError, match=r"sin: argument x must be an array or a number, got a list"
    ):
        fnp.sin([1, 2])
    with pytest.raises(TypeError, match="argument y must be an array or a number, got None"):
        fnp.add(1, None)
    with pytest.raises(AxisError, match=r"sum: axis 2 is out of range .* 2 dimensions. Remedy"):
        fnp.sum(fnp.ones((2, 3)), axis=2)
    with pytest.raises(AxisError, match="twice"):
        fnp.sum(fnp.ones((2, 3)), axis=(0, -2))
    with pytest.raises(ShapeError, match=r"reshape: .*\(2, 3\) \(6 elements\) into \(4, 2\)"):
        fnp.ones((2, 3)).reshape(4, 2)
    with pytest.raises(ShapeError, match=r"4 does not divide 6"):
        fnp.ones((2, 3)).reshape(4, -1)
    with pytest.raises(ShapeError, match="stack: all arrays must have one shape"):
        fnp.stack([fnp.ones(2), fnp.ones(3)])
    with pytest.raises(ShapeError, match="concatenate"):
        fnp.concatenate([fnp.ones((2, 3)), fnp.ones((2, 4))])
    with pytest.raises(ShapeError, match="at least one array"):
        fnp.concatenate([])
    with pytest.raises(ShapeError, match="cannot cut axis 0 .* 3 equal parts. Remedy: array_split"):
        fnp.split(fnp.ones(4), 3)
    with pytest.raises(ShapeError, match="squeeze: axis 0"):
        fnp.squeeze(fnp.ones((2, 3)), 0)
    with pytest.raises(TypeError, match="out must be None"):
        fnp.sum(fnp.ones(2), out=np.ones(()))


def test_matmul_messages():
    a, b = fnp.ones((2, 3)), fnp.ones((4, 5))
    with pytest.raises(ShapeError, match=r"shapes \(2, 3\) and \(4, 5\): axis 1 .*3.* axis 0 .*4"):
        a @ b
    with pytest.raises(ShapeError, match="transpose the second"):
        a @ fnp.ones((4, 3))
    with pytest.raises(ShapeError, match="transpose the first"):
        a @ fnp.ones((2, 5))
    with pytest.raises(ShapeError, match="exchange the operands"):
        a @ fnp.ones((4, 2))
    with pytest.raises(ShapeError, match="leading axes"):
        fnp.ones((2, 3, 4)) @ fnp.ones((5, 4, 3))
    with pytest.raises(ShapeError, match="at least one dimension"):
        fnp.matmul(a, 2.0)


def test_einsum_messages():
    with pytest.raises(ShapeError, match=r"'j' has size 4 on axis 0 of operand 1 .* operand 0"):
        fnp.einsum("ij,jk->ik", fnp.ones((2, 3)), fnp.ones((4, 5)))
    with pytest.raises(ShapeError, match="names 1 operands, but 2 are given"):
        fnp.einsum("ij", fnp.ones((2, 3)), fnp.ones((4, 5)))
    with pytest.raises(ShapeError, match="operand 0 has 2 axes .* name 3"):
        fnp.einsum("ijk->i", fnp.ones((2, 3)))
    with pytest.raises(ValueError, match="'k' occurs in the output .* in no operand"):
        fnp.einsum("ij->k", fnp.ones((2, 3)))
    with pytest.raises(ValueError, match="twice"):
        fnp.einsum("ij->ii", fnp.ones((2, 2)))
    with pytest.raises(ShapeError, match="subscript 'i' has size 3 on axis 1 of operand 0"):
        fnp.einsum("ii->i", fnp.ones((2, 3)))
    with pytest.raises(ShapeError, match="repeated subscript 'i' .* sizes 1 and 3"):
        fnp.einsum("ii->i", fnp.ones((1, 3)))


def test_promotion():
    x, y = promote(fnp.ones(2, "int8"), 2.5)
    assert x.dtype == y.dtype == np.float32
    x, y = promote_inexact(fnp.ones(2, "int8"), True)
    assert x.dtype == y.dtype == np.float32
    assert fnp.add(fnp.ones(2, "int64"), fnp.ones(2, "float16")).dtype == np.float16
    assert fnp.sin(0.5).dtype == np.float32 and fnp.sin(fnp.ones(1, "int8")).dtype == np.float32
    assert fnp.mean(fnp.arange(3)).dtype == np.float32
    assert fnp.sum(fnp.ones(2, "int8")).dtype == np.int64
    assert fnp.sum(fnp.ones(2, "uint8")).dtype == np.uint64
    assert fnp.sum(fnp.ones(2, "int8"), dtype="int8").dtype == np.int8
    assert fnp.where(True, 1.0, fnp.ones(2, "float16")).dtype == np.float16


def test_sixteen_bit_means_do_not_overflow():
    x = fnp.full((100_000,), 10.0, "float16")
    assert float(x.mean()) == 10 and float(x.var()) == 0 and x.mean().dtype == np.float16


def test_creation():
    assert fnp.zeros(3).dtype == np.float32 and fnp.ones((2,), int).dtype == np.int64
    assert fnp.full((2,), 3).dtype == np.int64 and fnp.full((2,), 3.0, "bfloat16").tolist() == [
        3,
        3,
    ]
    assert fnp.full((2, 2), fnp.arange(2)).tolist() == [[0, 1], [0, 1]]
    assert fnp.arange(3.0).dtype == np.float32 and fnp.arange(0, 1, 0.25).shape == (4,)
    assert fnp.arange(5, dtype="float16").tolist() == [0, 1, 2, 3, 4]
    assert fnp.zeros_like(fnp.ones(2, "int8"), shape=(1,)).shape == (1,)
    assert fnp.mgrid[0:2, 0:3].shape == (2, 2, 3) and fnp.ogrid[0:1:3j].dtype == np.float32
    assert float(fl.grad(lambda s: fnp.linspace(0.0, s, 3).sum())(1.0)) == 1.5
    with pytest.raises(NonConcreteError, match="arange: start, stop and step"):
        fl.jit(lambda n: fnp.arange(n))(3)
    with pytest.raises(ShapeError, match="must not be negative"):
        fnp.zeros((-1,))


def test_dtype_objects():
    assert fnp.float32(2).dtype == np.float32 and fnp.int8(3).item() == 3
    assert fnp.float32 == np.dtype("float32") and np.dtype("float32") == fnp.float32
    assert fnp.float32 != fnp.float64 and len({fnp.float32, np.dtype("float32")}) == 1
    assert fnp.ones(2, fnp.bfloat16).dtype == fnp.bfloat16
    assert np.ones(2, fnp.int8).dtype == np.int8
    assert fnp.isdtype(fnp.bfloat16, "real floating") and not fnp.isdtype(fnp.bool, "numeric")
    assert fnp.issubdtype(fnp.float32, fnp.floating) and not fnp.issubdtype("int8", fnp.inexact)
    assert fnp.issubdtype(fnp.floating, fnp.inexact)
    assert fnp.finfo(fnp.float32).max == np.finfo(np.float32).max and fnp.iinfo("uint8").max == 255
    assert fnp.can_cast("int8", "float16") and not fnp.can_cast("float32", "float16")
    with pytest.raises(DtypeError, match="Remedy: iinfo"):
        fnp.finfo("int8")
    with pytest.raises(ValueError, match="unknown kind"):
        fnp.isdtype("int8", "real number")


def test_arange_of_a_traced_length_names_it():
    with pytest.raises(NonConcreteError, match=r"Python numbers, but StageTracer\(i64\[\]"):
        fl.jit(fnp.arange)(3)

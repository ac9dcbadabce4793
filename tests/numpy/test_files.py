"""Saving and loading arrays, index tricks, and names that do not exist."""

import io

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import ShapeError


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "bfloat16", "float32", "complex128"])
def test_a_saved_array_comes_back(dtype):
    x = fnp.arange(6).reshape(2, 3).astype(dtype)
    file = io.BytesIO()
    fnp.save(file, x)
    file.seek(0)
    back = fnp.load(file)
    assert isinstance(back, fl.Array) and back.dtype == x.dtype and back.shape == x.shape
    assert fnp.array_equal(back, x)


def test_several_arrays_in_one_file(tmp_path):
    fnp.savez(tmp_path / "w.npz", fnp.ones(2), w=fnp.ones(3, "bfloat16"), n=1)
    back = fnp.load(tmp_path / "w.npz")
    assert set(back) == {"arr_0", "w", "n"}
    assert back["w"].dtype == fnp.bfloat16 and back["arr_0"].shape == (2,)
    assert back["n"].item() == 1


def test_pickled_objects_are_not_loaded():
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    file.seek(0)
    with pytest.raises(ValueError, match="allow_pickle"):
        fnp.load(file)


def test_r_and_c_join_as_numpys():
    a, m = np.arange(3.0, dtype="float32"), np.ones((3, 2), "float32")
    x, y = fnp.asarray(a), fnp.asarray(m)
    for ours, numpys in [
        (fnp.r_[x, 5.0, x], np.r_[a, 5.0, a]),
        (fnp.r_[0:4, [7, 8]], np.r_[0:4, [7, 8]]),
        (fnp.r_[0:1:5j], np.r_[0:1:5j]),
        (fnp.r_[y, y], np.r_[m, m]),
        (fnp.c_[x, y], np.c_[a, m]),
        (fnp.c_[x, x], np.c_[a, a]),
        (fnp.c_[1, 2], np.c_[1, 2]),
    ]:
        assert isinstance(ours, fl.Array) and ours.shape == numpys.shape
        np.testing.assert_allclose(ours, numpys, rtol=1e-6)
    assert fnp.r_[x, 5.0].dtype == fnp.float32
    assert fl.jit(fl.grad(lambda v: fnp.sum(fnp.c_[v, v**2][:, 1])))(x).tolist() == [0.0, 2.0, 4.0]
    assert x[fnp.s_[1:]].shape == (2,) and fnp.index_exp[1:] == (slice(1, None),)


def test_r_refuses_directives_and_emptiness():
    with pytest.raises(TypeError, match=r"directives such as '0,2'.*Remedy"):
        fnp.r_["0,2", fnp.ones(2)]
    with pytest.raises(ShapeError, match="nothing to join"):
        fnp.c_[()]


def test_a_name_that_does_not_exist():
    assert not hasattr(fnp, "no_such_name")


def test_precision_is_accepted():
    x = fnp.ones((2, 2))
    assert fnp.matmul(x, x, precision=lax.Precision.HIGHEST).tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert repr(lax.Precision.HIGH) == "HIGH"

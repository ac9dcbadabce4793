"""finfo and iinfo: every limit is JAX's, and whatever has a dtype will do."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
LIMITS = ("bits", "eps", "epsneg", "max", "min", "tiny", "smallest_normal", "smallest_subnormal",
          "resolution", "precision", "nmant", "nexp", "maxexp", "minexp", "machep", "negep",
          "dtype")  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_limits_are_jaxs(dtype):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    with jax.enable_x64(True):
        kind = "finfo" if dtype in FLOATS else "iinfo"
        mine, theirs = getattr(fnp, kind)(dtype), getattr(jax.numpy, kind)(dtype)
        for limit in LIMITS if kind == "finfo" else ("bits", "max", "min", "dtype"):
            assert getattr(mine, limit) == getattr(theirs, limit), limit


def test_whatever_has_a_dtype_will_do():
    for x in (fnp.float32, np.float32, float, 1.0, fnp.ones(2), np.ones(2, "float32"), 1j):
        assert fnp.finfo(x).dtype == "float32"
    assert fnp.finfo(np.float16(1)).bits == fnp.finfo("bfloat16").bits == 16
    for x in (int, 3, np.ones(1, int), fnp.arange(2)):
        assert fnp.iinfo(x).bits == 64
    assert fl.jit(lambda x: x + fnp.finfo(x).eps)(fnp.zeros((), "float16")).dtype == "float16"
    with pytest.raises(errors.DtypeError, match="finfo: int64 is no floating-point dtype"):
        fnp.finfo(3)
    with pytest.raises(errors.DtypeError, match="iinfo: float32 is no integer dtype"):
        fnp.iinfo(3.0)

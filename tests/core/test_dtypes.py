"""The promotion lattice against JAX's, and the scalar rules against a table."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from functorch_lite.core import dtypes as d
from functorch_lite.errors import DtypeError


class Weak:
    """Stands for a tracer: only its dtype and weakness matter here."""

    def __init__(self, dtype):
        self.dtype, self.weak = np.dtype(dtype), True


@pytest.fixture(scope="module")
def jnp():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax.numpy


def test_every_pair_promotes_as_jax(jnp):
    for a in d.DTYPES:
        for b in d.DTYPES:
            assert d.promote_types(a, b) == jnp.promote_types(a, b), (a, b)


def test_every_triple_joins_as_jax(jnp):
    for a in d.DTYPES:
        for b in d.DTYPES:
            for c in (d.uint64, d.int8, d.float16, d.bfloat16, d.float32):
                assert d.result_type(a, b, c) == jnp.result_type(a, b, c), (a, b, c)


def test_promotion_is_a_semilattice():
    for a in d.DTYPES:
        assert d.promote_types(a, a) is a
        for b in d.DTYPES:
            assert d.promote_types(a, b) is d.promote_types(b, a)


SCALARS = [  # dtype, scalar, result
    ("bool", True, "bool"),
    ("bool", 1, "int64"),
    ("bool", 1.0, "float32"),
    ("bool", 1j, "complex64"),
    ("int8", True, "int8"),
    ("int8", 1, "int8"),
    ("int8", 1.0, "float32"),
    ("int8", 1j, "complex64"),
    ("uint64", -1, "uint64"),
    ("uint64", 1.0, "float32"),
    ("int64", 1.0, "float32"),
    ("float16", 1, "float16"),
    ("float16", 1.0, "float16"),
    ("float16", 1j, "complex64"),
    ("bfloat16", 1, "bfloat16"),
    ("bfloat16", 1.0, "bfloat16"),
    ("bfloat16", 1j, "complex64"),
    ("float32", True, "float32"),
    ("float32", 1.0, "float32"),
    ("float32", 1j, "complex64"),
    ("float64", 1.0, "float64"),
    ("float64", 1j, "complex128"),
    ("complex64", 1.0, "complex64"),
    ("complex64", 1j, "complex64"),
    ("complex128", 1j, "complex128"),
    ("float32", np.float64(1), "float32"),
    ("float32", np.complex128(1), "complex64"),
    ("float16", np.float32(1), "float32"),
    ("int8", np.int64(1), "int64"),
]


@pytest.mark.parametrize(("dtype", "scalar", "result"), SCALARS)
def test_scalar_rules(dtype, scalar, result):
    assert d.result_type(np.dtype(dtype), scalar) == np.dtype(result)
    assert d.result_type(scalar, np.zeros(2, np.dtype(dtype))) == np.dtype(result)


def test_scalars_alone():
    assert d.result_type(True) is d.bool_
    assert d.result_type(True, 1) is d.int64
    assert d.result_type(1, 1.0) is d.float32
    assert d.result_type(1.0, 1j) is d.complex64


def test_weak_arrays():
    assert d.weak_result_type(Weak("float32"), 2) == (d.float32, True)
    assert d.weak_result_type(Weak("int64"), 2.0) == (d.float64, True)
    assert d.weak_result_type(Weak("float32"), Weak("int64")) == (d.float32, True)
    assert d.weak_result_type(Weak("float32"), d.float16) == (d.float16, False)
    assert d.weak_result_type(Weak("int64"), d.int8) == (d.int8, False)
    assert d.weak_result_type(Weak("float64"), 2j) == (d.complex128, True)
    assert d.weak_result_type(Weak("float64"), 2.0) == (d.float64, True)
    assert d.result_type(Weak("float64"), 2.0) is d.float32
    assert d.result_type(Weak("float64"), d.int32) is d.float32


def test_canonical():
    for dtype in d.DTYPES:
        assert d.canonical(dtype) is dtype
        assert d.canonical(dtype.name) is dtype
        assert d.canonical(dtype.type) is dtype
        assert d.canonical(np.zeros(1, dtype).dtype) is dtype
    assert d.canonical(np.dtype("longlong")) is d.int64
    assert d.canonical(np.dtype(">f4")) is d.float32
    assert d.canonical(d.float0) is d.float0
    assert d.canonical(float) is d.float32


@pytest.mark.parametrize("bad", [object, "U3", "datetime64[s]", "nonsense", None, np.zeros, "S"])
def test_unsupported_dtypes(bad):
    with pytest.raises(DtypeError, match="expected one of bool, int8"):
        d.canonical(bad)


def test_result_type_names_what_it_cannot_use():
    with pytest.raises(DtypeError, match="got list"):
        d.result_type([1, 2])
    with pytest.raises(DtypeError, match="got none"):
        d.result_type()


def test_predicates():
    for dtype in d.DTYPES:
        kinds = [d.is_bool(dtype), d.is_integer(dtype), d.is_float(dtype), d.is_complex(dtype)]
        assert sum(kinds) == 1
        assert d.is_inexact(dtype) == (d.is_float(dtype) or d.is_complex(dtype))
    assert d.is_float(d.bfloat16)
    assert not d.is_float(d.float0)


def test_import_needs_numpy_and_ml_dtypes_only():
    code = (
        "import sys, functorch_lite.core.dtypes\n"
        "print(sorted({'jax', 'scipy', 'cupy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

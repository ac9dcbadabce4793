"""Evenly spaced points asked for in float64 were computed in float32 first."""

import numpy as np
import pytest

import functorch_lite.numpy as fnp


@pytest.mark.parametrize("name", ["linspace", "logspace", "geomspace"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_points_have_the_precision_of_the_dtype(name, dtype):
    got = getattr(fnp, name)(0.1, 1.1, 7, dtype=dtype)
    want = getattr(np, name)(0.1, 1.1, 7)
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_allclose(np.asarray(got, "float64"), want, rtol=4 * np.finfo(dtype).eps)


def test_ends_of_a_wider_dtype_are_not_rounded_early():
    start = fnp.asarray(np.float64(0.1) + np.zeros(2))
    assert fnp.linspace(start, 1.0, 3, dtype="float32").dtype == np.float32
    assert fnp.linspace(start, 1.0, 3).dtype == np.float64

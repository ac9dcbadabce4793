"""What the array API's conformance suite found."""

import numpy as np

from functorch_lite import numpy as fnp


def test_a_diagonal_far_outside_the_matrix_is_empty():
    for k in (2**63, -(2**63), 2**80):
        assert not fnp.eye(2, 3, k=k).any()
    np.testing.assert_array_equal(fnp.eye(2, 3, k=-1), np.eye(2, 3, k=-1))


def test_missing_elements_of_unsigned_arrays_are_the_largest_number():
    x = fnp.asarray([7], dtype="uint64")
    np.testing.assert_array_equal(
        fnp.take_along_axis(x, fnp.asarray([0, 5]), axis=0), np.array([7, 2**64 - 1], "uint64")
    )


def test_an_array_needs_no_copy_through_dlpack():
    x = fnp.ones(3)
    assert np.shares_memory(np.asarray(fnp.from_dlpack(x, copy=False)), np.asarray(x))


def test_the_standard_is_named():
    assert fnp.__array_api_version__ == "2024.12"
    assert fnp.ones(1).__array_namespace__() is fnp

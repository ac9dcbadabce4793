"""Remedies that fit what the user wrote."""

import pytest

import functorch_lite as fl
from functorch_lite import errors
from functorch_lite import numpy as fnp


def test_nonzero_under_jit_asks_for_a_size():
    with pytest.raises(errors.NonConcreteError, match="pass size=n") as caught:
        fl.jit(lambda x: fnp.nonzero(x))(fnp.ones(3))
    assert "instead of NumPy" not in str(caught.value)


def test_a_traced_mask_gets_one_remedy():
    with pytest.raises(errors.NonConcreteError, match="inside jit of") as caught:
        fl.jit(lambda x: x[x > 0])(fnp.ones(3))
    assert "instead of NumPy" not in str(caught.value)


@pytest.mark.parametrize("mode", ["relu", fnp.tanh])
def test_a_string_or_function_is_to_be_static(mode):
    def apply(x, mode):
        return x

    with pytest.raises(errors.TreeError, match=r"static_argnames='mode'"):
        fl.jit(apply)(1.0, mode)
    fl.jit(apply, static_argnames="mode")(1.0, mode)

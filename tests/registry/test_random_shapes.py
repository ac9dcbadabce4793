"""Every op on operands whose shapes, dtypes and values hypothesis chooses."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.registry import cases, compositions, properties
from tests.registry.strategies import random_cases

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
DIFFERENTIABLE = [n for n in cases.names() if cases.is_differentiable(cases.REGISTRY[n])]


def check_values(name, data):
    """In any dtype: value, shape rule, staging and batching."""
    case = data.draw(random_cases(name))
    properties.check_value(case)
    properties.check_aval(case)
    compositions.check_jit(case)
    if case.args:
        compositions.check_vmap_in_front(case)
        compositions.check_vmap_of_vmap(case)


def check_derivatives(name, data):
    """In float64: both modes, their second order, and batching and staging of them."""
    case = data.draw(random_cases(name, cases.FLOAT64))
    properties.check_jvp(case)
    properties.check_vjp(case)
    properties.check_second_order(case)
    compositions.check_vmap_of_derivatives(case)
    compositions.check_derivatives_of_vmap(case)
    compositions.check_jit_of_transforms(case)
    compositions.check_graph(case)


@pytest.mark.parametrize("name", cases.names())
@settings(max_examples=12, suppress_health_check=QUIET)
@given(data=st.data())
def test_values(name, data):
    check_values(name, data)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@settings(max_examples=6, suppress_health_check=QUIET)
@given(data=st.data())
def test_derivatives(name, data):
    check_derivatives(name, data)


@pytest.mark.long
@pytest.mark.parametrize("name", cases.names())
@settings(max_examples=100, suppress_health_check=QUIET)
@given(data=st.data())
def test_values_at_length(name, data):
    check_values(name, data)


@pytest.mark.long
@pytest.mark.parametrize("name", DIFFERENTIABLE)
@settings(max_examples=30, suppress_health_check=QUIET)
@given(data=st.data())
def test_derivatives_at_length(name, data):
    check_derivatives(name, data)

"""NaN, infinities, signed zeros and huge numbers, in every elementwise op on floats."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functorch_lite.core.op import REGISTRY
from tests.registry import compositions, properties
from tests.registry.cases import Case
from tests.registry.special_values import OPEN_ZERO_SIGN, SCALARS, VALUES

# Ops on floats that need another kind of argument, or have no scalar model beside their definition.
ELSEWHERE = {
    "select", "clamp", "cast", "bitcast", "complex", "integer_pow", "logistic", "erfinv",
    "floor_divide", "remainder",
}  # fmt: skip


def assert_special(name, xs, found, want):
    what = f"{name}{xs} is {found!r}, expected {want!r}"
    if isinstance(want, bool):
        assert bool(found) == want, what
        return
    found = float(found)
    if math.isnan(want) or math.isinf(want) or math.isnan(found) or math.isinf(found):
        assert found == want or (math.isnan(found) and math.isnan(want)), what
        return
    assert abs(found - want) <= 4e-15 * abs(want) + 5e-324, what
    if want == 0 and name not in OPEN_ZERO_SIGN:
        assert math.copysign(1.0, found) == math.copysign(1.0, want), what


def test_every_elementwise_op_on_floats_is_here_or_excused():
    floats = {
        name
        for name, op in REGISTRY.items()
        if op.family == "elementwise" and "f" in op.info["kinds"]
    }
    library = {name for name in floats if "library" in REGISTRY[name].info}  # tests/scipy has them
    assert floats == set(SCALARS) | ELSEWHERE | library


@pytest.mark.parametrize("name", SCALARS)
def test_special_values(name):
    op = REGISTRY[name]
    points = list(itertools.product(VALUES, repeat=len(op.operands)))
    columns = [np.array(c) for c in zip(*points, strict=True)]
    (found,) = properties.evaluate_raw(Case(op, (), {}).function, columns)
    for xs, y in zip(points, found, strict=True):
        assert_special(name, xs, y, SCALARS[name](*xs))
    compositions.check_jit(Case(op, tuple(columns), {}))


@pytest.mark.parametrize("name", SCALARS)
@given(data=st.data())
def test_any_float64(name, data):
    op = REGISTRY[name]
    number = st.floats(allow_nan=True, allow_infinity=True)
    xs = tuple(data.draw(number) for _ in op.operands)
    if name in ("sin", "cos", "tan"):  # the reduction of huge angles is the platform's affair
        xs = tuple(math.fmod(x, 1e5) if math.isfinite(x) else x for x in xs)
    (found,) = properties.evaluate_raw(Case(op, (), {}).function, [np.array(x) for x in xs])
    assert_special(name, xs, found, SCALARS[name](*xs))

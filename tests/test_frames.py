"""Python frames per op: the part of an op's cost that is the same on every machine."""

import platform

import pytest

from benchmarks.overhead import EXPRESSIONS, in_transform
from functorch_lite.testing import count_frames

pytestmark = pytest.mark.skipif(
    platform.python_implementation() != "CPython", reason="CPython's frames are counted"
)

BUDGET = {"eager": 3, "grad": 6, "staging": 6}


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("mode", BUDGET)
def test_frames_per_op_stay_within_the_budget(mode, expression):
    make = EXPRESSIONS[expression]
    frames = in_transform(mode, lambda x, y: count_frames(make(x, y)))
    assert frames <= BUDGET[mode], f"{expression} takes {frames} frames in mode {mode}"

"""Checks for functions and rules, also for those of users.

:func:`check_grads` compares derivatives with differences, :func:`check_vmap` compares ``vmap`` with
a loop; :func:`count_traces`, :func:`count_frames` and :func:`count_allocations` hold costs in
place.  The module ``functorch_lite.testing.strategies`` draws arrays, shapes, pytrees and keys for
property tests; it needs hypothesis, and is imported by its name.

The ``samples_*`` modules beside are the operands and references by which this package tests its own
ops, not part of the public API.

>>> import functorch_lite.numpy as fnp
>>> x = fnp.asarray([0.5, 1.0, 2.0], "float64")
>>> check_grads(fnp.log, (x,))
>>> check_vmap(fnp.log, (x,))
2
"""

from functorch_lite.testing.check_grads import check_grads
from functorch_lite.testing.counters import (
    Allocations,
    Traces,
    count_allocations,
    count_frames,
    count_traces,
)
from functorch_lite.testing.vmap_loop import check_vmap, choices_of_axes

__all__ = [
    "Allocations",
    "Traces",
    "check_grads",
    "check_vmap",
    "choices_of_axes",
    "count_allocations",
    "count_frames",
    "count_traces",
]

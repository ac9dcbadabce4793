"""Learning rates as functions of the step, with PyTorch's formulas.

A schedule is ``schedule(step) -> f64[]``: ``step`` is the number of updates made so far, 0 at the
first, as a Python int or an integer array, which may be traced.  Nothing is remembered between
calls, so a run that starts again at step 1000 has the rate of step 1000.  An optimiser takes a
schedule where it takes a learning rate, or any other number::

    optimizer = fl.optim.adamw(schedules.cosine_annealing(1e-3, 10_000))

What depends on a metric and not on the step, ``reduce_on_plateau``, is a pair of functions instead.

>>> from functorch_lite.optim import schedules
>>> warm = schedules.linear(0.1, start_factor=0.5, total_iters=2)
>>> schedule = schedules.sequential([warm, schedules.exponential(0.1, 0.5)], milestones=[2])
>>> [round(float(schedule(step)), 4) for step in range(5)]
[0.05, 0.075, 0.1, 0.05, 0.025]
"""

from functorch_lite.optim.schedules.basic import (
    constant,
    exponential,
    linear,
    multistep,
    polynomial,
    step,
)
from functorch_lite.optim.schedules.combined import (
    chained,
    lambda_,
    multiplicative,
    sequential,
)
from functorch_lite.optim.schedules.cyclical import (
    cosine_annealing,
    cosine_annealing_warm_restarts,
    cyclic,
    one_cycle,
)
from functorch_lite.optim.schedules.plateau import Plateau, reduce_on_plateau

__all__ = [
    "Plateau",
    "chained",
    "constant",
    "cosine_annealing",
    "cosine_annealing_warm_restarts",
    "cyclic",
    "exponential",
    "lambda_",
    "linear",
    "multiplicative",
    "multistep",
    "one_cycle",
    "polynomial",
    "reduce_on_plateau",
    "sequential",
    "step",
]

"""Schedules of cosines and of cycles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.schedules.checks import at, check_choice, check_count, check_number

__all__ = ["cosine_annealing", "cosine_annealing_warm_restarts", "cyclic", "one_cycle"]

Schedule = Callable[[Any], Any]
_MODES = ("triangular", "triangular2", "exp_range")
_STRATEGIES = ("cos", "linear")


def cosine_annealing(lr: float, T_max: int, eta_min: float = 0.0) -> Schedule:
    """Half a cosine from ``lr`` to ``eta_min``, and back up and down after it::

        eta_min + (lr - eta_min) (1 + cos(pi step / T_max)) / 2

    Args:
        lr: the first rate.
        T_max: the step with the smallest rate.
        eta_min: the smallest rate.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative rate, or ``T_max`` below 1.

    >>> schedule = cosine_annealing(1.0, 4)
    >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 8)]
    [1.0, 0.5, 0.0, 1.0]

    Source: Loshchilov and Hutter, ICLR 2017; ``torch.optim.lr_scheduler.CosineAnnealingLR``.
    """
    check_number("cosine_annealing", "lr", lr, least=0)
    check_number("cosine_annealing", "eta_min", eta_min, least=0)
    check_count("cosine_annealing", "T_max", T_max, least=1)

    def schedule(step: Any) -> Any:
        return _cosine(lr, eta_min, at("cosine_annealing", step) / T_max)

    return schedule


def cosine_annealing_warm_restarts(
    lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0
) -> Schedule:
    """Half cosines from ``lr`` towards ``eta_min``, each ``T_mult`` times as long as the last.

    Args:
        lr: the rate at the start of each.
        T_0: steps of the first.
        T_mult: by what the next is longer, at least 1.
        eta_min: what the rate falls to.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative rate, or a number of steps below 1.

    >>> schedule = cosine_annealing_warm_restarts(1.0, 2, T_mult=2)
    >>> [round(float(schedule(step)), 4) for step in range(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]

    Source: Loshchilov and Hutter, ICLR 2017;
    ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``.
    """
    name = "cosine_annealing_warm_restarts"
    check_number(name, "lr", lr, least=0)
    check_number(name, "eta_min", eta_min, least=0)
    check_count(name, "T_0", T_0, least=1)
    check_count(name, "T_mult", T_mult, least=1)
    # Beyond 2**53 steps are no longer told apart in float64.
    starts, lengths = [0], [T_0]
    while T_mult > 1 and starts[-1] + lengths[-1] < 2**53:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * T_mult)
    all_starts = fnp.asarray(starts, "float64")
    all_lengths = fnp.asarray(lengths, "float64")

    def schedule(step: Any) -> Any:
        now = at(name, step)
        if T_mult == 1:
            return _cosine(lr, eta_min, (now - T_0 * fnp.floor(now / T_0)) / T_0)
        restarts = fnp.sum((now >= all_starts[1:]).astype("int64"))
        return _cosine(lr, eta_min, (now - all_starts[restarts]) / all_lengths[restarts])

    return schedule


def cyclic(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[Any], Any] | None = None,
    scale_mode: str = "cycle",
) -> Schedule:
    """Triangles between two rates, whose height may shrink.

    Momentum that goes the other way is another schedule: ``cyclic(max_momentum, base_momentum,
    ...)`` in the setting ``momentum``, or as the first of ``betas``.

    Args:
        base_lr: the rate at the start of each cycle.
        max_lr: the rate at its top.
        step_size_up: steps from the start to the top.
        step_size_down: steps from there to the next start; as many by default.
        mode: "triangular" keeps the height, "triangular2" halves it with each cycle, "exp_range"
            multiplies it by ``gamma`` in each step.
        gamma: for "exp_range".
        scale_fn: function that gives the height's factor instead, of an f64[] array.
        scale_mode: what ``scale_fn`` is a function of: the number of the "cycle", from 1, or of
            "iterations", the step.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: an unknown mode, a negative rate, or a number of steps below 1.

    >>> schedule = cyclic(0.0, 1.0, 2, mode="triangular2")
    >>> [float(schedule(step)) for step in range(8)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]

    Source: Smith, WACV 2017; ``torch.optim.lr_scheduler.CyclicLR``.
    """
    check_number("cyclic", "base_lr", base_lr, least=0)
    check_number("cyclic", "max_lr", max_lr, least=0)
    check_number("cyclic", "gamma", gamma, least=0)
    check_count("cyclic", "step_size_up", step_size_up, least=1)
    step_size_down = step_size_up if step_size_down is None else step_size_down
    check_count("cyclic", "step_size_down", step_size_down, least=0)
    check_choice("cyclic", "mode", mode, _MODES)
    check_choice("cyclic", "scale_mode", scale_mode, ("cycle", "iterations"))
    total = float(step_size_up + step_size_down)
    ratio = step_size_up / total
    by_cycle = scale_mode == "cycle" if scale_fn is not None else mode != "exp_range"

    def scale(x: Any) -> Any:
        if scale_fn is not None:
            return scale_fn(x)
        if mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if mode == "triangular2" else gamma**x

    def schedule(step: Any) -> Any:
        now = at("cyclic", step)
        cycle = fnp.floor(1 + now / total)
        x = 1.0 + now / total - cycle
        height = x / ratio
        if ratio < 1:
            height = fnp.where(x <= ratio, height, (x - 1) / (ratio - 1))
        return base_lr + (max_lr - base_lr) * height * scale(cycle if by_cycle else now)

    return schedule


def one_cycle(
    max_lr: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up to ``max_lr`` and down to nearly nothing, in one run::

        max_lr / div_factor -> max_lr -> max_lr / div_factor / final_div_factor
        three_phase: ... -> max_lr -> max_lr / div_factor -> ... / final_div_factor

    After the last step the rate stays; PyTorch raises there.  Momentum that goes the other way is
    another schedule: ``one_cycle(base_momentum, total_steps, div_factor=base_momentum /
    max_momentum, final_div_factor=1.0)``.

    Args:
        max_lr: the largest rate.
        total_steps: steps of the run.
        pct_start: the part of it in which the rate rises.
        anneal_strategy: "cos" or "linear".
        div_factor: by what the first rate is smaller.
        final_div_factor: by what the last one is smaller than the first.
        three_phase: whether to fall as fast as it rose before falling to the last rate.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a setting out of its range.

    >>> schedule = one_cycle(1.0, 5, pct_start=0.6, div_factor=2.0, anneal_strategy="linear")
    >>> [round(float(schedule(step)), 4) for step in range(5)]
    [0.5, 0.75, 1.0, 0.5, 0.0]

    Source: Smith and Topin, 2019; ``torch.optim.lr_scheduler.OneCycleLR``.
    """
    check_number("one_cycle", "max_lr", max_lr, least=0)
    check_number("one_cycle", "pct_start", pct_start, least=0, most=1)
    check_number("one_cycle", "div_factor", div_factor, above=0)
    check_number("one_cycle", "final_div_factor", final_div_factor, above=0)
    check_count("one_cycle", "total_steps", total_steps, least=1)
    check_choice("one_cycle", "anneal_strategy", anneal_strategy, _STRATEGIES)
    first = max_lr / div_factor
    last = first / final_div_factor
    top = float(pct_start * total_steps) - 1
    phases = [(0.0, top, first, max_lr)]
    if three_phase:
        back = float(2 * pct_start * total_steps) - 2
        phases += [(top, back, max_lr, first), (back, total_steps - 1.0, first, last)]
    else:
        phases += [(top, total_steps - 1.0, max_lr, last)]
    between = _cosine if anneal_strategy == "cos" else _line

    def schedule(step: Any) -> Any:
        now = fnp.minimum(at("one_cycle", step), total_steps - 1.0)
        start, end, low, high = phases[-1]
        rate = between(low, high, _part(now, start, end))
        for start, end, low, high in reversed(phases[:-1]):
            rate = fnp.where(now <= end, between(low, high, _part(now, start, end)), rate)
        return rate

    return schedule


def _cosine(start: Any, end: Any, part: Any) -> Any:
    return end + (start - end) * (1 + fnp.cos(math.pi * part)) / 2


def _line(start: Any, end: Any, part: Any) -> Any:
    return (end - start) * part + start


def _part(now: Any, start: float, end: float) -> Any:
    """How much of a phase is over; all of one that has no steps."""
    return (now - start) / (end - start) if end != start else fnp.ones((), "float64")

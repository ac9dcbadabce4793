"""Schedules that fall, or rise, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.schedules.checks import at, check_count, check_number

__all__ = ["constant", "exponential", "linear", "multistep", "polynomial", "step"]

Schedule = Callable[[Any], Any]


def constant(lr: float, factor: float = 1 / 3, total_iters: int = 5) -> Schedule:
    """``lr factor`` for some steps, then ``lr``.

    Args:
        lr: the rate in the end.
        factor: what it is multiplied by at first, between 0 and 1.
        total_iters: for how many steps.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative rate, a factor outside [0, 1], or a negative number of steps.

    >>> schedule = constant(1.0, factor=0.5, total_iters=2)
    >>> [float(schedule(step)) for step in range(4)]
    [0.5, 0.5, 1.0, 1.0]

    Source: ``torch.optim.lr_scheduler.ConstantLR``.
    """
    check_number("constant", "lr", lr, least=0)
    check_number("constant", "factor", factor, least=0, most=1)
    check_count("constant", "total_iters", total_iters, least=0)
    first, then = (fnp.asarray(x, "float64") for x in (factor, 1.0))
    return lambda step: lr * fnp.where(at("constant", step) >= total_iters, then, first)


def linear(
    lr: float, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """A straight line from ``lr start_factor`` to ``lr end_factor``, and constant after it.

    Args:
        lr: the rate that is multiplied.
        start_factor: the first factor, above 0 and at most 1.
        end_factor: the last factor, between 0 and 1.
        total_iters: how many steps lie between them.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative rate, or a factor or number of steps out of its range.

    >>> schedule = linear(1.0, start_factor=0.5, total_iters=2)
    >>> [float(schedule(step)) for step in range(4)]
    [0.5, 0.75, 1.0, 1.0]

    Source: ``torch.optim.lr_scheduler.LinearLR``.
    """
    check_number("linear", "lr", lr, least=0)
    check_number("linear", "start_factor", start_factor, above=0, most=1)
    check_number("linear", "end_factor", end_factor, least=0, most=1)
    check_count("linear", "total_iters", total_iters, least=1)

    def schedule(step: Any) -> Any:
        part = fnp.minimum(at("linear", step), float(total_iters)) / total_iters
        return lr * (start_factor + (end_factor - start_factor) * part)

    return schedule


def polynomial(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """``lr (1 - step / total_iters)^power``, and 0 after it.

    Args:
        lr: the first rate.
        total_iters: the step at which it is 0.
        power: the power, not negative.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative rate or power, or no steps.

    >>> schedule = polynomial(1.0, total_iters=4, power=2)
    >>> [float(schedule(step)) for step in (0, 2, 4, 9)]
    [1.0, 0.25, 0.0, 0.0]

    Source: ``torch.optim.lr_scheduler.PolynomialLR``.
    """
    check_number("polynomial", "lr", lr, least=0)
    check_number("polynomial", "power", power, least=0)
    check_count("polynomial", "total_iters", total_iters, least=1)

    def schedule(step: Any) -> Any:
        part = fnp.minimum(at("polynomial", step), float(total_iters)) / total_iters
        return lr * (1.0 - part) ** power

    return schedule


def exponential(lr: float, gamma: float) -> Schedule:
    """``lr gamma^step``.

    Args:
        lr: the first rate.
        gamma: what it is multiplied by in every step.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative number.

    >>> schedule = exponential(1.0, 0.5)
    >>> [float(schedule(step)) for step in range(3)]
    [1.0, 0.5, 0.25]

    Source: ``torch.optim.lr_scheduler.ExponentialLR``.
    """
    check_number("exponential", "lr", lr, least=0)
    check_number("exponential", "gamma", gamma, least=0)
    return lambda step: lr * gamma ** at("exponential", step)


def step(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """``lr gamma^(step // step_size)``.

    Args:
        lr: the first rate.
        step_size: for how many steps a rate stays.
        gamma: what it is multiplied by then.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative number, or a ``step_size`` of 0.

    >>> schedule = step(1.0, 2, gamma=0.5)
    >>> [float(schedule(step)) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]

    Source: ``torch.optim.lr_scheduler.StepLR``.
    """
    check_number("step", "lr", lr, least=0)
    check_number("step", "gamma", gamma, least=0)
    check_count("step", "step_size", step_size, least=1)
    return lambda step: lr * gamma ** fnp.floor(at("step", step) / step_size)


def multistep(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """``lr gamma^n`` after n milestones; one that is given twice counts twice.

    Args:
        lr: the first rate.
        milestones: steps at which a new rate begins, in any order.
        gamma: what the rate is multiplied by at each.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: a negative number, or a milestone that is no int.

    >>> schedule = multistep(1.0, [1, 3], gamma=0.5)
    >>> [float(schedule(step)) for step in range(5)]
    [1.0, 0.5, 0.5, 0.25, 0.25]

    Source: ``torch.optim.lr_scheduler.MultiStepLR``.
    """
    check_number("multistep", "lr", lr, least=0)
    check_number("multistep", "gamma", gamma, least=0)
    milestones = sorted(milestones)
    for milestone in milestones:
        check_count("multistep", "milestones", milestone, least=0)
    starts = fnp.asarray(milestones, "float64")

    def schedule(step: Any) -> Any:
        return lr * gamma ** fnp.sum((at("multistep", step) >= starts).astype("float64"))

    return schedule

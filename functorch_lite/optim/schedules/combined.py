"""Schedules made of functions and of other schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.optim.schedules.checks import at, check_count, check_number

__all__ = ["chained", "lambda_", "multiplicative", "sequential"]

Schedule = Callable[[Any], Any]


def lambda_(lr: float, lr_lambda: Callable[[Any], Any]) -> Schedule:
    """``lr lr_lambda(step)``.

    Args:
        lr: the rate that is multiplied.
        lr_lambda: function of the step as an f64[] array, in which its arithmetic is then exact.
            Under ``jit`` it is traced, so the function is written with ``functorch_lite.numpy``.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        TypeError: ``lr_lambda`` is no function.

    >>> schedule = lambda_(1.0, lambda step: 0.5**step)
    >>> [float(schedule(step)) for step in range(3)]
    [1.0, 0.5, 0.25]

    Source: ``torch.optim.lr_scheduler.LambdaLR``.
    """
    check_number("lambda_", "lr", lr, least=0)
    _check_functions("lambda_", "lr_lambda", [lr_lambda])
    return lambda step: lr * _as_f64(lr_lambda(at("lambda_", step)))


def multiplicative(lr: float, lr_lambda: Callable[[Any], Any]) -> Schedule:
    """``lr lr_lambda(1) lr_lambda(2) ... lr_lambda(step)``.

    Every call multiplies all the factors, in a loop: where the product is known, ``lambda_`` with
    it is quicker.

    Args:
        lr: the first rate.
        lr_lambda: function of the step as an f64[] array, which is traced.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        TypeError: ``lr_lambda`` is no function.

    >>> schedule = multiplicative(1.0, lambda step: 1 / step)
    >>> [round(float(schedule(step)), 4) for step in range(4)]
    [1.0, 1.0, 0.5, 0.1667]

    Source: ``torch.optim.lr_scheduler.MultiplicativeLR``.
    """
    check_number("multiplicative", "lr", lr, least=0)
    _check_functions("multiplicative", "lr_lambda", [lr_lambda])

    def schedule(step: Any) -> Any:
        last = at("multiplicative", step).astype("int64")

        def multiply(i: Any, rate: Any) -> Any:
            return rate * _as_f64(lr_lambda(i.astype("float64")))

        return lax.fori_loop(fnp.ones((), "int64"), last + 1, multiply, _as_f64(lr))

    return schedule


def sequential(schedules: Sequence[Schedule], milestones: Sequence[int]) -> Schedule:
    """One schedule after the other, each from its own step 0.

    Args:
        schedules: at least one.
        milestones: the steps at which the second, third ... begins, one less than schedules.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: another number of milestones, or milestones that do not rise.
        TypeError: a schedule is no function.

    >>> from functorch_lite.optim import schedules
    >>> both = sequential([lambda step: 1.0, schedules.exponential(0.5, 0.5)], milestones=[2])
    >>> [float(both(step)) for step in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.125]

    Source: ``torch.optim.lr_scheduler.SequentialLR``.
    """
    schedules = list(schedules)
    milestones = list(milestones)
    _check_functions("sequential", "schedules", schedules)
    for milestone in milestones:
        check_count("sequential", "milestones", milestone, least=0)
    if len(milestones) != len(schedules) - 1:
        raise ValueError(
            "optim.schedules.sequential: expected one milestone less than schedules; got "
            f"{len(milestones)} for {len(schedules)}."
        )
    if milestones != sorted(milestones):
        raise ValueError(
            f"optim.schedules.sequential: expected milestones that rise; got {milestones}."
        )

    def schedule(step: Any) -> Any:
        now = at("sequential", step).astype("int64")
        rate = _as_f64(schedules[0](now))
        for milestone, following in zip(milestones, schedules[1:], strict=True):
            # The steps before it are not its own: it is asked for its first rate there.
            value = _as_f64(following(fnp.maximum(now - milestone, 0)))
            rate = fnp.where(now >= milestone, value, rate)
        return rate

    return schedule


def chained(lr: float, factors: Sequence[Schedule]) -> Schedule:
    """``lr`` times all the factors.

    Args:
        lr: the rate that is multiplied.
        factors: schedules with a rate of 1, at least one: ``exponential(1.0, 0.9)``.

    Returns:
        ``schedule(step) -> f64[]``.

    Raises:
        ValueError: no factors.
        TypeError: a factor is no function.

    >>> from functorch_lite.optim import schedules
    >>> both = chained(0.5, [schedules.constant(1.0, 0.1, 1), schedules.exponential(1.0, 0.5)])
    >>> [float(both(step)) for step in range(3)]
    [0.05, 0.25, 0.125]

    Source: ``torch.optim.lr_scheduler.ChainedScheduler``, for schedules that multiply a rate; its
    schedulers that add to one (``eta_min``) depend on each other's rates and are no product.
    """
    check_number("chained", "lr", lr, least=0)
    factors = list(factors)
    _check_functions("chained", "factors", factors)

    def schedule(step: Any) -> Any:
        rate = _as_f64(lr)
        for factor in factors:
            rate = rate * _as_f64(factor(step))
        return rate

    return schedule


def _as_f64(x: Any) -> Any:
    return fnp.asarray(x, "float64")


def _check_functions(name: str, setting: str, functions: Sequence[Any]) -> None:
    if not functions:
        raise ValueError(f"optim.schedules.{name}: expected at least one of {setting}; got none.")
    for function in functions:
        if not callable(function):
            raise TypeError(
                f"optim.schedules.{name}: expected {setting} to be functions of the step; got "
                f"{function!r}. Remedy: lambda step: {function!r}."
            )

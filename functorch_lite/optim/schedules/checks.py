"""The step of a schedule as a number, and what is wrong with a schedule's settings."""

from __future__ import annotations

from numbers import Real
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError

__all__ = ["at", "check_choice", "check_count", "check_number"]


def at(name: str, step: Any) -> Any:
    """A step as f64[]; DtypeError for a bool or a string, ShapeError for several steps at once.

    >>> at("constant", 3)
    Array(3., dtype=float64)
    """
    if isinstance(step, (bool, str)):
        raise DtypeError(
            f"optim.schedules.{name}: expected step to be an int or an integer array; got {step!r}."
        )
    step = fnp.asarray(step)
    if step.shape != ():
        raise ShapeError(
            f"optim.schedules.{name}: expected step of shape (); got {tuple(step.shape)}. "
            "Remedy: vmap(schedule)(steps)."
        )
    return step.astype("float64")


def check_number(
    name: str,
    setting: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> None:
    """Raise for a plain number out of its range; arrays, which may be traced, are not looked at.

    >>> check_number("linear", "lr", -1.0, least=0)
    Traceback (most recent call last):
    ...
    ValueError: optim.schedules.linear: expected lr >= 0; got -1.0.
    """
    if not isinstance(value, Real):
        if getattr(value, "shape", None) == ():
            return
        raise TypeError(
            f"optim.schedules.{name}: expected {setting} to be a number; got {value!r}."
        )
    bounds = [
        (least, ">=", least is None or value >= least),  # type: ignore[operator]
        (above, ">", above is None or value > above),  # type: ignore[operator]
        (most, "<=", most is None or value <= most),
    ]
    for bound, sign, kept in bounds:
        if not kept:
            raise ValueError(
                f"optim.schedules.{name}: expected {setting} {sign} {bound}; got {value}."
            )


def check_count(name: str, setting: str, value: Any, *, least: int) -> None:
    """Raise for what is not an int of that size.

    >>> check_count("step", "step_size", 0, least=1)
    Traceback (most recent call last):
    ...
    ValueError: optim.schedules.step: expected step_size to be an int >= 1; got 0.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(
            f"optim.schedules.{name}: expected {setting} to be an int >= {least}; got {value!r}."
        )


def check_choice(name: str, setting: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise for what is none of a few words.

    >>> check_choice("cyclic", "mode", "square", ("triangular", "exp_range"))
    Traceback (most recent call last):
    ...
    ValueError: optim.schedules.cyclic: expected mode in ('triangular', 'exp_range'); got 'square'.
    """
    if value not in choices:
        raise ValueError(f"optim.schedules.{name}: expected {setting} in {choices}; got {value!r}.")

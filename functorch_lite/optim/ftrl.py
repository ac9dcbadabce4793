"""Follow the regularised leader, with proximal terms."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings, is_fixed
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, optimizer_of

__all__ = ["FTRL", "ftrl"]


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    if s["maximize"]:
        grad = -grad
    total = slots["n"] + grad * grad
    root = _root(total, s)
    linear = slots["z"] + grad - (root - _root(slots["n"], s)) / s["lr"] * param
    pulled = fnp.sign(linear) * s["l1"] - linear
    stiffness = (s["beta"] + root) / s["lr"] + s["l2"]
    # Without any curvature there is nothing to divide by, and the parameter has not moved yet.
    still = stiffness == 0
    moved = pulled / fnp.where(still, 1.0, stiffness)
    moved = fnp.where(fnp.abs(linear) <= s["l1"], 0.0, moved)
    return fnp.where(still, param, moved), {"n": total, "z": linear}


def _root(total: Any, s: Any) -> Any:
    """The power of the accumulated squares to which rates are inverse."""
    power = s["lr_power"]
    return fnp.sqrt(total) if isinstance(power, float) and power == -0.5 else total**-power


def _first_linear(param: Any, s: Any) -> Any:
    accumulated = fnp.full_like(param, s["initial_accumulator_value"])
    return -param * (s["beta"] + _root(accumulated, s)) / s["lr"]


def _slots(s: Any) -> dict[str, Any]:
    return {
        "n": lambda param, s: fnp.full_like(param, s["initial_accumulator_value"]),
        "z": _first_linear,
    }


FTRL = Rule(_update, slots=_slots)


def ftrl(
    lr: LearningRate = 0.1,
    lr_power: float = -0.5,
    l1: LearningRate = 0.0,
    l2: LearningRate = 0.0,
    beta: LearningRate = 1.0,
    initial_accumulator_value: float = 0.0,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Per-coordinate FTRL-Proximal, whose L1 term makes exact zeros::

        sigma = ((n + g²)^-lr_power - n^-lr_power) / lr
        z = z + g - sigma param
        n = n + g²
        param = 0                                                       where |z| <= l1
                (sign(z) l1 - z) / ((beta + n^-lr_power) / lr + l2)     elsewhere

    The paper starts from zero parameters and ``z = 0``.  Here ``z`` starts with
    ``-param (beta + n^-lr_power) / lr``: the first proximal term is centred at the parameters as
    they are, which for zeros is the paper's, and without regularisation the method is then Adagrad
    from any starting point.

    Args:
        lr: the paper's alpha, a positive number or a schedule.
        lr_power: how the rate falls with the squares, at most 0; the paper has -1/2.
        l1: penalty on the magnitude.
        l2: penalty on half the square.
        beta: what smooths the rate of coordinates that have seen little.
        initial_accumulator_value: what ``n`` starts with.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``n`` and ``z``.

    Raises:
        ValueError: a negative setting, a positive ``lr_power``, or ``lr`` of 0.

    >>> import functorch_lite as fl
    >>> optimizer = ftrl(0.5, l1=0.1)
    >>> params, grads = fl.numpy.zeros(2), fl.numpy.asarray([0.05, 1.0])
    >>> optimizer.update(grads, optimizer.init(params), params)[0]
    Array([ 0.   , -0.225], dtype=float32)

    Source: McMahan et al., KDD 2013, algorithm 1; ``lr_power`` as in TensorFlow's ``Ftrl``.
    """
    check_settings("ftrl", lr=lr, l1=l1, l2=l2, beta=beta)
    check_settings("ftrl", initial_accumulator_value=initial_accumulator_value)
    check_flags("ftrl", maximize=maximize)
    if is_fixed("ftrl", "lr", lr) and lr == 0:
        raise ValueError("optim.ftrl: expected lr > 0; got 0. Remedy: optim.freeze() stands still.")
    if is_fixed("ftrl", "lr_power", lr_power) and lr_power > 0:
        raise ValueError(f"optim.ftrl: expected lr_power <= 0; got {lr_power}.")
    settings = {
        "lr": lr,
        "lr_power": lr_power,
        "l1": l1,
        "l2": l2,
        "beta": beta,
        "initial_accumulator_value": initial_accumulator_value,
        "maximize": maximize,
    }
    return optimizer_of("ftrl", FTRL, settings)

"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["ASGD", "asgd"]


def _scalars(step: Any, s: Any) -> Any:
    return {
        **s,
        "rate": s["eta"],
        "keep": 1 - s["lambd"] * s["eta"],
        "weight": s["mu"],
        "eta": s["lr"] / (1 + s["lambd"] * s["lr"] * step) ** s["alpha"],
        "mu": 1 / fnp.maximum(1.0, step - s["t0"]),
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    param = param * s["keep"] - s["rate"] * grad
    mean = slots["ax"] + (param - slots["ax"]) * s["weight"]
    # Exactly the parameter until the averaging starts.
    return param, {"ax": fnp.where(s["weight"] == 1, param, mean)}


def _slots(s: Any) -> dict[str, Any]:
    return zeros("ax")


ASGD = Rule(_update, _scalars, _slots, shared=lambda s: {"eta": s["lr"], "mu": 1.0})


def asgd(
    lr: LearningRate = 1e-2,
    lambd: LearningRate = 1e-4,
    alpha: LearningRate = 0.75,
    t0: LearningRate = 1e6,
    weight_decay: LearningRate = 0.0,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with a falling rate, and the mean of the parameters beside it::

        g = grad + weight_decay param
        param = (1 - lambd eta) param - eta g
        ax = ax + (param - ax) mu
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)     (for the next update)

    The first update's ``eta`` is ``lr``.  The average is what one uses in the end:
    ``state["ax"]`` has the parameters' structure.

    Args:
        lr: learning rate, a number or a schedule.
        lambd: decay of parameters and rate.
        alpha: power with which the rate falls.
        t0: the update after which averaging starts; until then ``ax`` is the parameter.
        weight_decay: L2 penalty.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``eta`` and ``mu`` (f64[]), and ``ax``.

    Raises:
        ValueError: a negative ``lr``, ``lambd`` or ``weight_decay``.

    >>> import functorch_lite as fl
    >>> optimizer = asgd(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30 (1992); ``torch.optim.ASGD``.
    """
    check_settings("asgd", lr=lr, lambd=lambd, weight_decay=weight_decay)
    check_flags("asgd", maximize=maximize)
    settings = {
        "lr": lr,
        "lambd": lambd,
        "alpha": alpha,
        "t0": t0,
        "weight_decay": weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("asgd", ASGD, settings)

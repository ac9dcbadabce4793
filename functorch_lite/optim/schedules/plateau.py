"""A rate that falls when a metric no longer improves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError, TreeError
from functorch_lite.optim.schedules.checks import check_choice, check_count, check_number

__all__ = ["Plateau", "reduce_on_plateau"]

_KEYS = ("best", "cooldown_counter", "lr", "num_bad_epochs")


class Plateau(NamedTuple):
    """A pair of pure functions: ``state = init()``, ``state = update(metric, state)``.

    >>> init, update = reduce_on_plateau(0.1)
    >>> float(init()["lr"])
    0.1
    """

    init: Callable[[], dict[str, Any]]
    update: Callable[[Any, dict[str, Any]], dict[str, Any]]


def reduce_on_plateau(
    lr: float,
    mode: str = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
    eps: float = 1e-8,
) -> Plateau:
    """A rate that is multiplied by ``factor`` when a metric has not improved for a while.

    It depends on a metric and not on the step, so its state goes in and comes out::

        plateau = schedules.reduce_on_plateau(0.1)
        state = plateau.init()
        state = plateau.update(validation_loss, state)      # once an epoch
        state["lr"]

    An optimiser is made with that rate inside the jitted step, where it is traced and no other rate
    compiles anything again: ``optim.sgd(lr).update(grads, opt_state, params)``.

    Args:
        lr: the first rate.
        mode: whether a "min" or a "max" of the metric is wanted.
        factor: what the rate is multiplied by, below 1.
        patience: how many metrics without improvement are let pass.
        threshold: what is no improvement yet.
        threshold_mode: whether the threshold is "rel", a part of the best metric, or "abs".
        cooldown: after a reduction, how many metrics do not count as bad.
        min_lr: the smallest rate.
        eps: smaller reductions are not made.

    Returns:
        Plateau; the state has ``lr`` and ``best`` (f64[]), ``num_bad_epochs`` and
        ``cooldown_counter`` (i64[]).

    Raises:
        ValueError: a setting out of its range.
        TreeError: by ``update``, if the state is not one.

    >>> init, update = reduce_on_plateau(1.0, factor=0.5, patience=1)
    >>> state = init()
    >>> for loss in (3.0, 3.0, 3.0, 3.0, 2.0):
    ...     state = update(loss, state)
    >>> float(state["lr"]), float(state["best"])
    (0.5, 2.0)

    Source: ``torch.optim.lr_scheduler.ReduceLROnPlateau``.
    """
    name = "reduce_on_plateau"
    check_number(name, "lr", lr, least=0)
    check_number(name, "factor", factor, least=0)
    if factor >= 1:
        raise ValueError(f"optim.schedules.{name}: expected factor < 1; got {factor}.")
    check_count(name, "patience", patience, least=0)
    check_count(name, "cooldown", cooldown, least=0)
    check_number(name, "min_lr", min_lr, least=0)
    check_number(name, "eps", eps, least=0)
    check_choice(name, "mode", mode, ("min", "max"))
    check_choice(name, "threshold_mode", threshold_mode, ("rel", "abs"))

    sign = -1 if mode == "min" else 1

    def improves(metric: Any, best: Any) -> Any:
        bar = best * (1 + sign * threshold) if threshold_mode == "rel" else best + sign * threshold
        return metric < bar if mode == "min" else metric > bar

    def init() -> dict[str, Any]:
        return {
            "lr": fnp.asarray(lr, "float64"),
            "best": fnp.asarray(math.inf if mode == "min" else -math.inf, "float64"),
            "num_bad_epochs": fnp.zeros((), "int64"),
            "cooldown_counter": fnp.zeros((), "int64"),
        }

    def update(metric: Any, state: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(state, dict) or not set(_KEYS) <= state.keys():
            raise TreeError(
                f"optim.schedules.{name}: expected state to be a dict with the keys "
                f"{list(_KEYS)}; got a {type(state).__name__}. Remedy: state = init(), then "
                "state = update(metric, state)."
            )
        metric = fnp.asarray(metric, "float64")
        if metric.shape != ():
            raise ShapeError(
                f"optim.schedules.{name}: expected a metric of shape (); got "
                f"{tuple(metric.shape)}. Remedy: update(metric.mean(), state)."
            )
        better = improves(metric, state["best"])
        waiting = state["cooldown_counter"] > 0
        bad = fnp.where(better | waiting, 0, state["num_bad_epochs"] + 1)
        cooldown_left = fnp.where(waiting, state["cooldown_counter"] - 1, 0)
        reduce = bad > patience
        lower = fnp.maximum(state["lr"] * factor, min_lr)
        moves = reduce & (state["lr"] - lower > eps)
        return {
            "lr": fnp.where(moves, lower, state["lr"]),
            "best": fnp.where(better, metric, state["best"]),
            "num_bad_epochs": fnp.where(reduce, 0, bad),
            "cooldown_counter": fnp.where(reduce, cooldown, cooldown_left),
        }

    return Plateau(init, update)

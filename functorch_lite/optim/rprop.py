"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings, is_fixed
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, optimizer_of

__all__ = ["RPROP", "rprop"]


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    if s["maximize"]:
        grad = -grad
    agreement = grad * slots["prev"]
    turned = agreement < 0
    size = slots["step_size"]
    size = fnp.where(agreement > 0, size * s["eta_plus"], size)
    size = fnp.where(turned, size * s["eta_minus"], size)
    size = fnp.clip(size, s["step_size_min"], s["step_size_max"])
    grad = fnp.where(turned, 0.0, grad)
    # Comparisons, because a nan has no sign that is a number.
    step = fnp.where(grad > 0, size, fnp.where(grad < 0, -size, 0.0))
    return param - step, {"prev": grad, "step_size": size}


def _slots(s: Any) -> dict[str, Any]:
    return {
        "prev": lambda param, s: fnp.zeros_like(param),
        "step_size": lambda param, s: fnp.full_like(param, s["lr"]),
    }


RPROP = Rule(_update, slots=_slots)


def rprop(
    lr: LearningRate = 1e-2,
    etas: tuple[LearningRate, LearningRate] = (0.5, 1.2),
    step_sizes: tuple[LearningRate, LearningRate] = (1e-6, 50.0),
    *,
    maximize: bool = False,
) -> Optimizer:
    """Steps of a size of their own for every number, which only the gradient's sign changes::

        size = size etas[1] where grad prev > 0
               size etas[0] where grad prev < 0, and grad = 0 there
        size = clip(size, step_sizes[0], step_sizes[1])
        param = param - sign(grad) size
        prev = grad

    It is made for gradients of the whole data set.  A nan among them has no sign: it moves nothing,
    as in PyTorch, and is seen in ``state["prev"]`` alone.

    Args:
        lr: the first step size; a schedule gives its first value.
        etas: by what a step shrinks and grows.
        step_sizes: the smallest and the largest step.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``prev`` and ``step_size``.

    Raises:
        ValueError: a negative setting, or etas on the wrong sides of 1.

    >>> import functorch_lite as fl
    >>> optimizer = rprop(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    Array([0.9], dtype=float32)

    Source: Riedmiller and Braun, ICNN 1993; ``torch.optim.Rprop``.
    """
    smallest, largest = step_sizes
    check_settings("rprop", lr=lr, step_sizes=smallest)
    check_settings("rprop", step_sizes=largest)
    check_flags("rprop", maximize=maximize)
    minus, plus = etas
    if (is_fixed("rprop", "etas", minus) and not 0 < minus < 1) or (  # type: ignore[operator]
        is_fixed("rprop", "etas", plus) and not plus > 1  # type: ignore[operator]
    ):
        raise ValueError(f"optim.rprop: expected 0 < etas[0] < 1 < etas[1]; got {etas}.")
    settings = {
        "lr": lr,
        "eta_minus": minus,
        "eta_plus": plus,
        "step_size_min": smallest,
        "step_size_max": largest,
        "maximize": maximize,
    }
    return optimizer_of("rprop", RPROP, settings)

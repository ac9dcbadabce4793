"""Adam that leaves rows without a gradient alone."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_betas, check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, optimizer_of, zeros

__all__ = ["SPARSE_ADAM", "sparse_adam"]


def _scalars(step: Any, s: Any) -> Any:
    root = fnp.sqrt(1 - s["beta2"] ** step)
    return {
        **s,
        "gain1": 1 - s["beta1"],
        "gain2": 1 - s["beta2"],
        "step_size": s["lr"] * root / (1 - s["beta1"] ** step),
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    if s["maximize"]:
        grad = -grad
    touched = fnp.any(grad != 0, axis=tuple(range(1, grad.ndim)), keepdims=True)
    mean = slots["exp_avg"] + s["gain1"] * (grad - slots["exp_avg"])
    square = slots["exp_avg_sq"] + s["gain2"] * (grad * grad - slots["exp_avg_sq"])
    moved = param - s["step_size"] * (mean / (fnp.sqrt(square) + s["eps"]))
    return fnp.where(touched, moved, param), {
        "exp_avg": fnp.where(touched, mean, slots["exp_avg"]),
        "exp_avg_sq": fnp.where(touched, square, slots["exp_avg_sq"]),
    }


def _slots(s: Any) -> dict[str, Any]:
    return zeros("exp_avg", "exp_avg_sq")


SPARSE_ADAM = Rule(_update, _scalars, _slots, real_only=True)


def sparse_adam(
    lr: LearningRate = 1e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam for embeddings: rows whose gradient is zero keep their values and averages::

        for the rows (indices of the first axis) in which any number of grad is not 0:
            m = beta1 m + (1 - beta1) g
            v = beta2 v + (1 - beta2) g²
            param = param - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)

    Gradients are dense arrays; the rows an index did not select have zeros in them, because the
    gradient of ``nn.embedding`` is a scatter-add.  PyTorch goes by the indices of a sparse tensor
    instead: a row that was selected and has a gradient of exact zeros is updated there and not
    here.  ``t`` counts all updates, also for rows seen rarely.  A number is a row by itself in
    arrays of one dimension or none.

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``exp_avg`` and ``exp_avg_sq``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = sparse_adam(0.5)
    >>> table, grads = fl.numpy.ones((2, 2)), fl.numpy.asarray([[0.0, 0.0], [0.0, 3.0]])
    >>> optimizer.update(grads, optimizer.init(table), table)[0].round(4)
    Array([[1. , 1. ],
           [1. , 0.5]], dtype=float32)

    Source: ``torch.optim.SparseAdam``.
    """
    check_settings("sparse_adam", lr=lr, eps=eps)
    check_flags("sparse_adam", maximize=maximize)
    beta1, beta2 = check_betas("sparse_adam", betas)
    settings = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "maximize": maximize}
    return optimizer_of("sparse_adam", SPARSE_ADAM, settings)

"""Adam."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.rule import LearningRate, Optimizer, check_settings, per_array

__all__ = ["adam"]


def adam(
    lr: LearningRate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Optimizer:
    """Steps scaled by running averages of the gradient and its square::

        g = grad + weight_decay param
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        param = param - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        lr: learning rate, a float or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        amsgrad: whether to divide by the largest ``v`` so far.

    Returns:
        Optimizer; the state has ``step``, ``exp_avg``, ``exp_avg_sq`` and, with amsgrad,
        ``max_exp_avg_sq``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = adam(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Kingma and Ba, ICLR 2015; Reddi et al., ICLR 2018; ``torch.optim.Adam``.
    """
    check_settings("adam", lr=lr, eps=eps, weight_decay=weight_decay)
    beta1, beta2 = betas
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise ValueError(f"optim.adam: expected betas in [0, 1); got {betas}.")

    def scalars(step: Any, lr: Any) -> dict[str, Any]:
        return {"step_size": lr / (1 - beta1**step), "root": fnp.sqrt(1 - beta2**step)}

    def rule(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
        if weight_decay:
            grad = grad + weight_decay * param
        mean = slots["exp_avg"] + (1 - beta1) * (grad - slots["exp_avg"])
        square = beta2 * slots["exp_avg_sq"] + (1 - beta2) * (grad * grad)
        new_slots = {"exp_avg": mean, "exp_avg_sq": square}
        if amsgrad:
            square = fnp.maximum(slots["max_exp_avg_sq"], square)
            new_slots["max_exp_avg_sq"] = square
        return param - s["step_size"] * (mean / (fnp.sqrt(square) / s["root"] + eps)), new_slots

    names = ("exp_avg", "exp_avg_sq") + (("max_exp_avg_sq",) if amsgrad else ())
    return per_array("adam", lr, dict.fromkeys(names, fnp.zeros_like), scalars, rule)

"""Adafactor."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings, is_fixed
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, Shape, decayed, optimizer_of

__all__ = ["ADAFACTOR", "adafactor"]


def _scalars(step: Any, s: Any) -> Any:
    return {
        **s,
        "gain": step ** s["beta2_decay"],
        "relative": fnp.minimum(s["lr"], 1 / fnp.sqrt(step)),
        "keep": 1 - s["lr"] * s["weight_decay"],
        "decoupled_weight_decay": True,
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    eps1 = float(fnp.finfo(param.dtype).eps) if s["eps1"] is None else s["eps1"]
    alpha = fnp.maximum(s["eps2"], _rms(param)) * s["relative"]
    grad, param = decayed(grad, param, s)
    square = grad * grad
    gain = s["gain"]
    if grad.ndim > 1:
        rows = slots["row_var"]
        rows = rows + gain * (_mean(square, -1) - rows)
        columns = slots["col_var"]
        columns = columns + gain * (_mean(square, -2) - columns)
        variance = rows * columns / fnp.maximum(_mean(rows, -2), eps1)
        slots = {**slots, "row_var": rows, "col_var": columns}
    else:
        variance = slots["variance"] + gain * (square - slots["variance"])
        slots = {**slots, "variance": variance}
    step = grad / fnp.sqrt(fnp.maximum(variance, eps1 * eps1))
    return param - alpha / fnp.maximum(1.0, _rms(step) / s["d"]) * step, slots


def _rms(x: Any) -> Any:
    return fnp.sqrt(fnp.sum(x * x)) / max(x.size, 1) ** 0.5


def _mean(x: Any, axis: int) -> Any:
    """The mean along an axis, which stays; of nothing it is 0."""
    return fnp.sum(x, axis, keepdims=True) / max(x.shape[axis], 1)


def _row_shape(shape: Shape) -> Shape:
    return (*shape[:-1], 1) if len(shape) > 1 else (0,)


def _column_shape(shape: Shape) -> Shape:
    return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else (0,)


def _vector_shape(shape: Shape) -> Shape:
    return shape if len(shape) < 2 else (0,)


_SHAPES = {"row_var": _row_shape, "col_var": _column_shape, "variance": _vector_shape}


def _slots(s: Any) -> dict[str, Any]:
    return {
        name: lambda param, s, shape=shape: fnp.zeros(shape(tuple(param.shape)), param.dtype)
        for name, shape in _SHAPES.items()
    }


ADAFACTOR = Rule(_update, _scalars, _slots, shapes=_SHAPES, real_only=True)


def adafactor(
    lr: LearningRate = 1e-2,
    beta2_decay: LearningRate = -0.8,
    eps: tuple[LearningRate | None, LearningRate] = (None, 1e-3),
    d: LearningRate = 1.0,
    weight_decay: LearningRate = 0.0,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam without a mean, whose squares are kept as sums of rows and columns::

        param = (1 - lr weight_decay) param
        b = t^beta2_decay
        r = (1 - b) r + b mean(g², -1),  c = (1 - b) c + b mean(g², -2)
        v = r c / max(mean(r, -2), eps1)           (vectors: v = (1 - b) v + b g²)
        u = g / sqrt(max(v, eps1²))
        param = param - max(eps2, rms(param)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / d)

    Args:
        lr: the largest relative step, a number or a schedule.
        beta2_decay: power with which a new gradient's weight falls, at most 0.
        eps: ``(eps1, eps2)``; eps1 of None is the machine epsilon of the dtype it computes in.
        d: the largest root mean square of a step, at least 1.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, and ``row_var`` and ``col_var`` (matrices and more) and
        ``variance`` (vectors and scalars), which are empty arrays where they do not apply.

    Raises:
        ValueError: a setting out of its range.

    >>> import functorch_lite as fl
    >>> optimizer = adafactor(0.1)
    >>> params = fl.numpy.ones((2, 2))
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([[0.9, 0.9],
           [0.9, 0.9]], dtype=float32)

    Source: Shazeer and Stern, ICML 2018; ``torch.optim.Adafactor``.
    """
    if not isinstance(eps, (tuple, list)) or len(eps) != 2:
        raise ValueError(f"optim.adafactor: expected eps to be a pair; got {eps!r}.")
    eps1, eps2 = eps
    check_settings("adafactor", lr=lr, eps=eps2, weight_decay=weight_decay)
    if eps1 is not None:
        check_settings("adafactor", eps=eps1)
    check_flags("adafactor", maximize=maximize)
    if is_fixed("adafactor", "d", d) and not d >= 1:  # type: ignore[operator]
        raise ValueError(f"optim.adafactor: expected d >= 1; got {d}.")
    fixed = is_fixed("adafactor", "beta2_decay", beta2_decay)
    if fixed and not beta2_decay <= 0:  # type: ignore[operator]
        raise ValueError(f"optim.adafactor: expected beta2_decay <= 0; got {beta2_decay}.")
    settings = {
        "lr": lr,
        "beta2_decay": beta2_decay,
        "eps1": eps1,
        "eps2": eps2,
        "d": d,
        "weight_decay": weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("adafactor", ADAFACTOR, settings)

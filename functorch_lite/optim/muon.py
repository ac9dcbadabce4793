"""Muon."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.optim.checks import check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, optimizer_of

__all__ = ["MUON", "muon"]

_RATES = (None, "original", "match_rms_adamw")


def _scalars(step: Any, s: Any) -> Any:
    return {**s, "gain": 1 - s["momentum"], "keep": 1 - s["lr"] * s["weight_decay"]}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    _check_matrix(param.shape)
    mean = slots["momentum_buffer"] + s["gain"] * (grad - slots["momentum_buffer"])
    step = grad + s["momentum"] * (mean - grad) if s["nesterov"] else mean
    step = _orthogonal(step, s)
    rate = s["lr"] * _ratio(s["adjust_lr_fn"], *param.shape)
    return param * s["keep"] - rate * step, {"momentum_buffer": mean}


def _orthogonal(x: Any, s: Any) -> Any:
    """What Newton and Schulz's iteration makes of a matrix: its singular values, near 1."""
    a, b, c = s["ns_coefficients"]
    dtype = x.dtype
    turned = x.shape[0] > x.shape[1]
    x = x.astype(s["ns_dtype"])
    x = x.T if turned else x
    norm = fnp.sqrt(fnp.sum(fnp.square(x.astype(dtype)))).astype(x.dtype)
    x = x / fnp.maximum(norm, s["eps"])
    for _ in range(s["ns_steps"]):
        gram = _product(x, x.T, dtype).astype(x.dtype)
        bent = b * gram.astype(dtype) + c * _product(gram, gram, dtype)
        bent = bent.astype(x.dtype)
        x = (a * x.astype(dtype) + _product(bent, x, dtype)).astype(x.dtype)
    return (x.T if turned else x).astype(dtype)


def _product(x: Any, y: Any, dtype: Any) -> Any:
    """A product of rounded matrices that is itself not rounded yet."""
    return lax.dot(x.astype(dtype), y.astype(dtype))


def _ratio(kind: str | None, rows: int, columns: int) -> float:
    if kind == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns)) if columns else 1.0


def _check_matrix(shape: Any) -> None:
    if len(shape) != 2:
        raise ShapeError(
            f"optim.muon: expected matrices as params; got an array of shape {tuple(shape)}. "
            "Remedy: optim.grouped({'matrix': optim.muon(), 'other': optim.adamw()}, labels)."
        )


def _first_mean(param: Any, s: Any) -> Any:
    _check_matrix(param.shape)
    return fnp.zeros_like(param)


MUON = Rule(_update, _scalars, lambda s: {"momentum_buffer": _first_mean}, real_only=True)


def muon(
    lr: LearningRate = 1e-3,
    weight_decay: LearningRate = 0.1,
    momentum: LearningRate = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
    *,
    ns_dtype: str = "bfloat16",
) -> Optimizer:
    """Momentum whose matrix is made near orthogonal, for the hidden layers' matrices::

        m = momentum m + (1 - momentum) g
        x = g + momentum (m - g)                   (nesterov; else x = m)
        x = x / max(norm(x), eps), then ns_steps times
            x = a x + (b x xᵀ + c (x xᵀ)²) x
        param = (1 - lr weight_decay) param - lr ratio x

    ``ratio`` is ``sqrt(max(1, rows / columns))``, or with ``"match_rms_adamw"``
    ``0.2 sqrt(max(rows, columns))``, after which AdamW's learning rates fit.

    Args:
        lr: learning rate, a number or a schedule.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        momentum: the part of the last mean that is kept.
        nesterov: whether to look ahead along the mean.
        ns_coefficients: ``(a, b, c)``.
        eps: the smallest norm divided by.
        ns_steps: how many iterations, fewer than 100.
        adjust_lr_fn: None, "original" or "match_rms_adamw".
        ns_dtype: what the iteration's matrices are rounded to; PyTorch has bfloat16.

    Returns:
        Optimizer; the state has ``step`` and ``momentum_buffer``.

    Raises:
        ValueError: a setting out of its range.
        ShapeError: by ``init``, for a parameter that is no matrix.

    >>> import functorch_lite as fl
    >>> optimizer = muon(0.1, weight_decay=0.0, ns_dtype="float32")
    >>> params = fl.numpy.eye(2)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(2)
    Array([[0.89, 0.  ],
           [0.  , 0.89]], dtype=float32)

    Source: Jordan et al., "Muon: an optimizer for hidden layers", 2024; ``torch.optim.Muon``.
    """
    check_settings("muon", lr=lr, weight_decay=weight_decay, momentum=momentum, eps=eps)
    check_flags("muon", nesterov=nesterov)
    if adjust_lr_fn not in _RATES:
        raise ValueError(f"optim.muon: expected adjust_lr_fn in {_RATES}; got {adjust_lr_fn!r}.")
    if len(ns_coefficients) != 3:
        raise ValueError(f"optim.muon: expected three ns_coefficients; got {ns_coefficients}.")
    if not 0 <= ns_steps < 100:
        raise ValueError(f"optim.muon: expected 0 <= ns_steps < 100; got {ns_steps}.")
    settings = {
        "lr": lr,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "nesterov": nesterov,
        "ns_coefficients": tuple(ns_coefficients),
        "eps": eps,
        "ns_steps": ns_steps,
        "adjust_lr_fn": adjust_lr_fn,
        "ns_dtype": ns_dtype,
    }
    return optimizer_of("muon", MUON, settings)

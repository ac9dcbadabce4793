"""Exponential moving averages of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import tree

__all__ = ["EMA", "ema"]

Decay = float | Callable[[Any], Any]


class EMA:
    """Pure functions ``(init, update, value)``; unpacks as three.  Made by :func:`ema`."""

    __slots__ = ("init", "name", "update", "value")

    init: Callable[[Any], Any]
    update: Callable[[Any, Any], Any]
    value: Callable[..., Any]
    name: str

    def __init__(
        self,
        init: Callable[[Any], Any],
        update: Callable[[Any, Any], Any],
        value: Callable[..., Any],
        name: str,
    ) -> None:
        self.init = init
        self.update = update
        self.value = value
        self.name = name

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update
        yield self.value

    def __repr__(self) -> str:
        return self.name


def ema(decay: Decay, debias: bool = False) -> EMA:
    """An exponential moving average of a pytree::

        average = decay average + (1 - decay) params

    It starts from the parameters that ``init`` got.  With ``debias`` it starts from zeros, and
    ``value`` divides by the weight that all parameters together have had, so that the first ones do
    not linger.  Arrays of 16 bits are averaged in float32, where steps of 1 - decay are not lost;
    those without a fraction (counts) are not averaged: the last ones are kept.

    Args:
        decay: what is kept in an update, a float in [0, 1) or a function of the number of updates
            made so far (i64[]), e.g. ``lambda n: fnp.minimum(0.999, (1 + n) / (10 + n))``.
        debias: whether to start from nothing.

    Returns:
        EMA with ``init(params) -> state``, ``update(state, params) -> state`` and
        ``value(state, like=None) -> averages``; those have the dtypes of the pytree ``like`` if
        it is given.  The state is a dict: ``step`` i64[], ``weight`` f64[] (of all parameters
        together), ``average``.

    Raises:
        ValueError: ``decay`` is outside [0, 1).
        TreeError: by ``update``, for parameters of another structure.

    >>> average = ema(0.5, debias=True)
    >>> state = average.init(fnp.zeros(1))
    >>> for x in (1.0, 4.0):
    ...     state = average.update(state, fnp.asarray([x]))
    >>> average.value(state)
    Array([3.], dtype=float32)

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30 (1992); the correction is Adam's (Kingma
    and Ba, ICLR 2015).
    """
    if not callable(decay) and not 0 <= decay < 1:
        raise ValueError(
            f"training.ema: expected a decay in [0, 1); got {decay}. Remedy: 0.999, for example."
        )

    def init(params: Any) -> dict[str, Any]:
        def start(p: Any) -> Any:
            p = _wide(p)
            return fnp.zeros_like(p) if debias and _averaged(p) else p

        weight = fnp.zeros((), "float64") if debias else fnp.ones((), "float64")
        return {
            "step": fnp.zeros((), "int64"),
            "weight": weight,
            "average": tree.map(start, params),
        }

    def update(state: dict[str, Any], params: Any) -> dict[str, Any]:
        kept = fnp.asarray(decay(state["step"]) if callable(decay) else decay, dtype="float64")

        def move(average: Any, p: Any) -> Any:
            p = _wide(p)
            if not _averaged(p):
                return p
            return average * kept.astype(average.dtype) + p * (1 - kept).astype(average.dtype)

        return {
            "step": state["step"] + 1,
            "weight": kept * state["weight"] + (1 - kept),
            "average": tree.map(move, state["average"], params),
        }

    def value(state: dict[str, Any], like: Any = None) -> Any:
        averages = state["average"]
        if debias:
            # Before the first update there is nothing to correct, rather than 0 / 0.
            weight = fnp.where(state["weight"] == 0, 1.0, state["weight"])
            averages = tree.map(
                lambda a: a / weight.astype(a.dtype) if _averaged(a) else a, averages
            )
        if like is None:
            return averages
        return tree.map(lambda a, p: a.astype(fnp.asarray(p).dtype), averages, like)

    return EMA(init, update, value, f"ema({decay}{', debias=True' if debias else ''})")


def _averaged(x: Any) -> bool:
    return x.dtype.kind not in "iub"


def _wide(x: Any) -> Any:
    x = fnp.asarray(x)
    return x.astype(fnp.result_type(x.dtype, "float32")) if _averaged(x) else x

"""Early stopping as a pure state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["EarlyStopping", "early_stopping"]


class EarlyStopping:
    """Pure functions ``(init, update)``; unpacks as a pair.  Made by :func:`early_stopping`."""

    __slots__ = ("init", "name", "update")

    init: Callable[[], dict[str, Any]]
    update: Callable[[dict[str, Any], Any], dict[str, Any]]
    name: str

    def __init__(
        self,
        init: Callable[[], dict[str, Any]],
        update: Callable[[dict[str, Any], Any], dict[str, Any]],
        name: str,
    ) -> None:
        self.init = init
        self.update = update
        self.name = name

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update

    def __repr__(self) -> str:
        return self.name


def early_stopping(patience: int, min_delta: float = 0.0, mode: str = "min") -> EarlyStopping:
    """Says when a value has not got better for a while.

    Args:
        patience: how many values in a row may be no better before ``stop`` is true.
        min_delta: by how much a value must be better than the best one to count.
        mode: "min" if smaller values are better, "max" if larger ones are.

    Returns:
        EarlyStopping with ``init() -> state`` and ``update(state, value: f[]) -> state``.  The
        state is a dict of arrays: ``best`` f64[] and ``best_step`` i64[] (-1 before the first),
        ``step`` i64[], ``waited`` i64[], ``improved`` and ``stop`` bool[].  A nan is never better.

    Raises:
        ValueError: ``patience`` is not positive, ``min_delta`` negative, or another ``mode``.
        ShapeError: by ``update``, for a value that is not a scalar.

    >>> init, update = early_stopping(patience=2)
    >>> state = init()
    >>> for loss in (3.0, 2.0, 2.5, 2.0):
    ...     state = update(state, loss)
    >>> bool(state["stop"]), float(state["best"]), int(state["best_step"])
    (True, 2.0, 1)
    """
    name = "training.early_stopping"
    if patience < 1:
        raise ValueError(f"{name}: expected patience >= 1; got {patience}. Remedy: 5, say.")
    if not min_delta >= 0:
        raise ValueError(f"{name}: expected min_delta >= 0; got {min_delta}. Remedy: leave it out.")
    if mode not in ("min", "max"):
        raise ValueError(f"{name}: expected mode 'min' or 'max'; got {mode!r}. Remedy: 'min'.")
    sign = 1.0 if mode == "min" else -1.0

    def init() -> dict[str, Array]:
        return {
            "best": fnp.asarray(sign * math.inf, "float64"),
            "best_step": fnp.asarray(-1, "int64"),
            "improved": fnp.asarray(False),
            "step": fnp.zeros((), "int64"),
            "stop": fnp.asarray(False),
            "waited": fnp.zeros((), "int64"),
        }

    def update(state: dict[str, Array], value: Any) -> dict[str, Array]:
        found = fnp.asarray(value, "float64")
        if found.ndim:
            raise ShapeError(
                f"{name}: expected one value; got shape {tuple(found.shape)}. Remedy: value.mean()."
            )
        better = sign * found < sign * state["best"] - min_delta
        waited = fnp.where(better, 0, state["waited"] + 1)
        return {
            "best": fnp.where(better, found, state["best"]),
            "best_step": fnp.where(better, state["step"], state["best_step"]),
            "improved": better,
            "step": state["step"] + 1,
            "stop": waited >= patience,
            "waited": waited,
        }

    return EarlyStopping(init, update, f"early_stopping({patience}, mode={mode!r})")

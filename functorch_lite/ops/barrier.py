"""An identity that optimisation passes must not look through."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.aval import Aval
from functorch_lite.core.op import Shared
from functorch_lite.ops.families import Whole, define, whole_vjp


def _identity(xp: Any, *xs: Any) -> tuple[Any, ...]:
    return xs


def _avals(*xs: Aval) -> tuple[Aval, ...]:
    return xs


def _apply(values: Any) -> list[Any]:
    """The barrier over the values that are there; symbolic zeros stay symbolic."""
    present = [v for v in values if v is not None]
    passed = iter(optimization_barrier(*present) if present else ())
    return [None if v is None else next(passed) for v in values]


def _jvp(primals: Any, tangents: Any, params: Any) -> tuple[Any, Any]:
    return optimization_barrier(*primals), _apply(tangents)


def _vjp(ct: Any, ans: Any, args: Any, params: Any, wants: Any) -> list[Any]:
    return _apply([c if wanted else None for c, wanted in zip(ct, wants, strict=True)])


def _batch(size: int, args: Any, batched: Any, params: Any) -> Any:
    outs = optimization_barrier(*args)
    return tuple(o if b else Shared(o) for o, b in zip(outs, batched, strict=True))


optimization_barrier = define(
    "optimization_barrier",
    operands=("*xs",),
    eager=_identity,
    aval=_avals,
    jvp=Whole(_jvp),
    vjp=whole_vjp(_vjp),
    batch=_batch,
    multi=True,
)

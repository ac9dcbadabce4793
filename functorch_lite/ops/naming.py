"""checkpoint_name: an identity that gives a value a name for checkpoint policies."""

from __future__ import annotations

from functorch_lite.core.aval import Aval
from functorch_lite.core.op import Op
from functorch_lite.ops.families import linear

__all__ = ["checkpoint_name"]


def _aval(x: Aval, *, name: str) -> Aval:
    return x


checkpoint_name: Op = linear(
    "checkpoint_name",
    eager=lambda xp, x, *, name: x,
    aval=_aval,
    transpose=lambda ct, name: checkpoint_name(ct, name=name),
    batch=lambda size, args, batched, params: checkpoint_name(args[0], **params),
)

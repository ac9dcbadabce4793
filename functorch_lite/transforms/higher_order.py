"""The family of ops that hold graphs: how their records are declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core.op import Op, Whole
from functorch_lite.transforms.batch import BatchTrace

__all__ = ["higher_order"]


def higher_order(
    name: str,
    operands: tuple[str, ...] = ("*args",),
    *,
    eager: Callable[..., Any],
    aval: Callable[..., Any],
    fwd: Callable[..., Any],
    vjp: Callable[..., Any],
    jvp: Callable[..., Any],
    batch: Callable[..., Any],
    inline: Callable[..., Any],
    partial: Callable[..., Any] | None = None,
    stage: Callable[..., Any] | None = None,
    kind: type[Op] = Op,
    **info: Any,
) -> Op:
    """Declare an op with several outputs whose params are graphs.

    Args:
        name: the op's name.
        operands: their names.
        eager: ``fn(*raw arrays, **params)``, with ``xp`` in front if it is wanted.
        aval: the types of the outputs.
        fwd: ``fwd(primals, wants, params) -> (outs, saved, live)``; ``saved.linear`` says whether
            the op is linear in the wanted operands.
        vjp: ``vjp(cts, saved, avals, params, wants) -> cotangents``.
        jvp: ``jvp(primals, tangents, params) -> (outs, tangents)``.
        batch: ``batch(trace, args, batched, params)``; it names the axis inside its graphs.
        inline: ``inline(args, params)``, the op as a sequence of other ops.
        partial: ``partial(trace, args, params)`` splits what is known from what is not.
        stage: ``stage(trace, args, params)`` writes the op down.
        kind: the class of the record.
        info: what passes and other rules want to know.
    """

    def unnamed(size: int, args: Sequence[Any], batched: Sequence[bool], params: Any) -> Any:
        return batch(BatchTrace(f"vmap of {name}", size), args, batched, params)

    op = kind(
        name, operands, eager, aval, Whole(jvp), Whole(vjp, ("ans",)), unnamed, multi=True,
        family="higher-order", info=info,
    )  # fmt: skip
    op.fwd, op.batch_with, op.inline = fwd, batch, inline
    op.partial, op.stage = partial, stage
    return op

"""``linear_solve``: the op that solves a linear system by a program of the caller's.

Its derivatives follow from the equation ``matvec(consts, x) = b`` alone, whatever the program does:
``dx`` solves the same system for ``db - d(matvec)(x)``, and cotangents solve the transposed one.
Transposition exchanges the two maps and the two programs, so that the op is its own transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Graph, evaluate
from functorch_lite.core.op import Op, Shared, Whole
from functorch_lite.errors import GradientError
from functorch_lite.ops import neg, sub
from functorch_lite.ops.shape import with_batch
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.call import call, check_operands, joint_call, program_of
from functorch_lite.transforms.derived import batched_of, zero_of
from functorch_lite.transforms.higher_order import higher_order

__all__ = ["linear_solve"]

Params = dict[str, Any]


def _eager(*datas: Any, solve: Graph, **_: Any) -> tuple[Any, ...]:
    return program_of(solve)(*datas)


def _aval(
    *avals: Aval,
    matvec: Graph,
    vecmat: Graph | None,
    solve: Graph,
    transpose_solve: Graph | None,
    n_consts: int,
) -> tuple[Aval, ...]:
    """Types of the solution and of what else the program returns.

    Args:
        matvec: the linear map, a graph of the constants and x.
        vecmat: its transpose, a graph of the constants and a value like b; None if there is none.
        solve: a graph of the constants and b, to x and what else there is.
        transpose_solve: the same for the transposed system; None if there is none.
        n_consts: how many operands are constants; all graphs have them first.
    """
    check_operands("linear_solve", solve, avals)
    return solve.out_avals


def _inline(args: Sequence[Any], params: Params) -> Sequence[Any]:
    return evaluate(params["solve"], args)


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], params: Params
) -> tuple[tuple[Any, ...], list[Any]]:
    n = params["n_consts"]
    consts, count = list(primals[:n]), len(primals) - n
    outs = linear_solve(*primals, **params)
    x, change = outs[:count], list(tangents[n:])
    if any(t is not None for t in tangents[:n]):
        given = [*tangents[:n], *[None] * count]
        _, moved = joint_call(call, [*consts, *x], given, {"graph": params["matvec"]})
        change = [_minus(t, m) for t, m in zip(change, moved, strict=True)]
    if all(t is None for t in change):
        return outs, [None] * len(outs)
    b = [zero_of(a.aval) if t is None else t for t, a in zip(change, primals[n:], strict=True)]
    found = linear_solve(*consts, *b, **params)[:count]
    return outs, [*found, *[None] * (len(outs) - count)]


def _minus(a: Any, b: Any) -> Any:
    """a - b of tangents, None being zero."""
    if b is None:
        return a
    return neg(b) if a is None else sub(a, b)


class _Saved(NamedTuple):
    """What a pullback gets; the op is linear in b."""

    consts: list[Any]
    x: list[Any]
    linear: bool


def _fwd(
    primals: Sequence[Any], wants: Sequence[bool], params: Params
) -> tuple[tuple[Any, ...], _Saved, list[bool]]:
    n = params["n_consts"]
    count = len(primals) - n
    outs = linear_solve(*primals, **params)
    linear = not any(wants[:n])
    saved = _Saved(list(primals[:n]), [] if linear else list(outs[:count]), linear)
    return outs, saved, [i < count for i in range(len(outs))]


def _vjp(
    cts: list[Any], saved: _Saved, avals: Sequence[Aval], params: Params, wants: list[bool]
) -> list[Any]:
    n, consts = params["n_consts"], saved.consts
    count = len(avals) - n
    if all(ct is None for ct in cts[:count]):
        return [None] * len(avals)
    if params["transpose_solve"] is None:
        raise GradientError(
            "custom_linear_solve: reverse mode solves the transposed system, for which there is no "
            "function. Remedy: transpose_solve=function, or symmetric=True if the map is its own "
            "transpose; forward mode (jvp, jacfwd) needs neither."
        )
    given = [zero_of(a) if ct is None else ct for ct, a in zip(cts[:count], avals[n:], strict=True)]
    back = linear_solve(*consts, *given, **_transposed(params))[:count]
    out: list[Any] = [None] * n
    if not saved.linear:
        primals, graph = [*consts, *saved.x], {"graph": params["matvec"]}
        moving = [*wants[:n], *[False] * count]
        assert call.fwd is not None and isinstance(call.vjp, Whole)
        _, kept, _ = call.fwd(primals, moving, graph)
        types = [p.aval for p in primals]
        out = list(call.vjp.fn([neg(g) for g in back], kept, types, graph, moving)[:n])
    return [*out, *back]


def _transposed(params: Params) -> Params:
    """The params of the transposed system."""
    return {
        "matvec": params["vecmat"], "vecmat": params["matvec"],
        "solve": params["transpose_solve"], "transpose_solve": params["solve"],
        "n_consts": params["n_consts"],
    }  # fmt: skip


def _batch(
    trace: BatchTrace, args: Sequence[Any], batched: Sequence[bool], params: Params
) -> tuple[Any, ...]:
    """One system per example; a solution of what does not vary is found once."""
    if not any(batched) and trace.axis_name is None:
        return tuple(Shared(o) for o in linear_solve(*args, **params))
    n = params["n_consts"]
    flags = [*batched[:n], *[True] * (len(args) - n)]
    over = {
        name: g
        if not isinstance(g, Graph)
        else batched_of(g, trace, flags, [True] * len(g.outputs))[0]
        for name, g in params.items()
    }
    b = [with_batch(v, f, trace.size) for v, f in zip(args[n:], batched[n:], strict=True)]
    found: tuple[Any, ...] = linear_solve(*args[:n], *b, **over)
    return found


linear_solve: Op = higher_order(
    "linear_solve",
    eager=_eager,
    aval=_aval,
    fwd=_fwd,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    inline=_inline,
)

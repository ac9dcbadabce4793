"""Linear systems: with a triangular matrix, and with any square one."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.errors import ShapeError
from functorch_lite.ops import lapack
from functorch_lite.ops.arithmetic import neg, sub
from functorch_lite.ops.families import define
from functorch_lite.ops.matrix import (
    adjoint,
    check_alike,
    check_matrices,
    conj,
    h,
    is_complex,
    lower,
    mm,
    strictly_lower,
    strictly_upper,
    t,
    upper,
)
from functorch_lite.ops.shape import reshape, transpose, with_batch

__all__ = ["solve", "triangular_solve"]


def _systems_aval(name: str, a: Aval, b: Aval, left_side: bool) -> Aval:
    check_matrices(name, a, square=True, operand="a")
    check_matrices(name, b, operand="b")
    check_alike(name, a, b)
    n, axis = a.shape[-1], -2 if left_side else -1
    if b.shape[axis] != n:
        raise ShapeError(
            f"{name}: a is {n} x {n}, so that b needs {n} "
            f"{'rows' if left_side else 'columns'}; got shape {b.shape}. Remedy: "
            "transpose or reshape b."
        )
    return make_aval(b.shape, b.dtype)


def _merged(b: Any, left_side: bool) -> tuple[Any, Any]:
    """A batch of right-hand sides as more columns (or rows) of one, and the way back."""
    order = tuple(range(1, len(b.shape)))
    last = len(b.shape) - 1
    perm = (*order[:-1], 0, last) if left_side else (*order[:-2], 0, *order[-2:])
    moved = transpose(b, perm=perm)  # [..., n, size, k], or [..., size, k, n]
    s = moved.shape
    flat = (*s[:-2], s[-2] * s[-1]) if left_side else (*s[:-3], s[-3] * s[-2], s[-1])
    back = [0] * len(perm)
    for i, axis in enumerate(perm):
        back[axis] = i
    return reshape(moved, shape=flat), lambda x: transpose(reshape(x, shape=s), perm=tuple(back))


def _batch(op: Any) -> Any:
    def batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        a, b = args
        if batched[0]:
            return op()(a, with_batch(b, batched[1], size), **params)
        # One matrix for the whole batch: it is factored once, for all right-hand sides together.
        merged, back = _merged(b, params.get("left_side", True))
        return back(op()(a, merged, **params))

    return batch


# ---------------------------------------------------------------------------------------- triangles
def _triangular_aval(
    a: Aval,
    b: Aval,
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> Aval:
    return _systems_aval("triangular_solve", a, b, left_side)


def _triangle(a: Any, params: dict[str, Any]) -> Any:
    """The part of a that the op reads."""
    if params["unit_diagonal"]:
        return strictly_lower(a) if params["lower"] else strictly_upper(a)
    return lower(a) if params["lower"] else upper(a)


def _as_used(a: Any, params: dict[str, Any]) -> Any:
    a = t(a) if params["transpose_a"] else a
    return conj(a) if params["conjugate_a"] else a


def _triangular_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (a, b), (ta, tb) = primals, tangents
    x = triangular_solve(a, b, **params)
    change = tb
    if ta is not None:
        ta = _as_used(_triangle(ta, params), params)
        moved = mm(ta, x) if params["left_side"] else mm(x, ta)
        change = neg(moved) if tb is None else sub(tb, moved)
    return x, triangular_solve(a, change, **params)


def _triangular_vjp(g: Any, x: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    a = args[0]
    back = dict(params, transpose_a=not params["transpose_a"])
    back["conjugate_a"] = is_complex(a) and not params["conjugate_a"]
    gb = triangular_solve(a, g, **back)
    if not wants[0]:
        return [None, gb]
    ga = neg(mm(gb, h(x)) if params["left_side"] else mm(h(x), gb))
    return [_triangle(_as_used(ga, params), params), gb]


triangular_solve: Op = define(
    "triangular_solve",
    operands=("a", "b"),
    eager=lapack.on_host(lapack.triangular_solve),
    aval=_triangular_aval,
    jvp=Whole(_triangular_jvp),
    vjp=adjoint(_triangular_vjp, saves=("args", "ans"), linear=(1,)),
    batch=_batch(lambda: triangular_solve),
    kinds="fc",
)


# ------------------------------------------------------------------------------------------ systems
def _solve_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (a, b), (ta, tb) = primals, tangents
    x = solve(a, b)
    change = tb
    if ta is not None:
        change = neg(mm(ta, x)) if tb is None else sub(tb, mm(ta, x))
    return x, solve(a, change)


def _solve_vjp(ct: Any, x: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    back = solve(t(args[0]), ct)
    return [neg(mm(back, t(x))) if wants[0] else None, back]


solve: Op = define(
    "solve",
    operands=("a", "b"),
    eager=lapack.on_host(lapack.solve),
    aval=lambda a, b: _systems_aval("solve", a, b, True),
    jvp=Whole(_solve_jvp),
    vjp=whole_vjp(_solve_vjp, saves=("args", "ans"), linear=(1,)),
    batch=_batch(lambda: solve),
    kinds="fc",
)

"""Collectives: ops that combine the values of all examples along an axis that a vmap has named.

Inside the mapped function a value has no such axis, so the ops name it: ``axis_name`` and
``axis_size`` are params, from which the shape rules follow without a look at the surroundings. The
batch trace that owns the axis holds the values of all examples side by side and turns a collective
into plain ops on its axis 0; to every other trace it is an op like any other, linear in its
operand.

Two ops are the base of the others: the largest value over an axis is ``reduce_max`` of what
``all_gather`` collects, and a sum that is handed out in parts is ``reduce_sum`` of what
``all_to_all`` brings, so their derivatives are those of the plain reductions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import DTYPES, int32
from functorch_lite.core.op import (
    NOT_DIFFERENTIABLE,
    Op,
    Shared,
    Whole,
    cupy_module,
    devices_enabled,
)
from functorch_lite.core.trace import state
from functorch_lite.errors import AxisNameError, DtypeError, ShapeError
from functorch_lite.ops.arithmetic import mul
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import kind_of
from functorch_lite.ops.index import gather
from functorch_lite.ops.reduce import reduce_sum
from functorch_lite.ops.shape import broadcast_to, concatenate, reshape, transpose, with_batch

__all__ = ["all_gather", "all_to_all", "axis_index", "ppermute", "psum"]

Groups = tuple[tuple[int, ...], ...] | None
"""A partition of the positions along an axis, None for one group of all."""

Within = Callable[..., Any]
"""``within(x, batched, size, **params)``: a collective in the trace that owns the axis."""


# -------------------------------------------------------------------------------------- the family
def _collective(
    name: str,
    aval: Callable[..., Aval],
    within: Within,
    transpose: Callable[..., Any],
    batch: Callable[..., Any],
    kinds: str = "bifc",
) -> Op:
    """Declare a collective of one operand, in which it is linear.

    Args:
        name: the op's name.
        aval: shape rule of one example.
        within: what it is in the trace that owns the axis.
        transpose: reverse rule.
        batch: rule for a mapped axis that the op does not name.
        kinds: legal dtype kinds.
    """
    legal = frozenset(d for d in DTYPES if kind_of(d) in kinds)

    def checked(x: Aval, **params: Any) -> Aval:
        if x.dtype not in legal:
            raise DtypeError(
                f"{name}: cannot add values of dtype {x.dtype.name}. Remedy: cast them to a number "
                "type first, e.g. x.astype(int)."
            )
        return aval(x, **params)

    def jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> tuple[Any, Any]:
        (t,) = tangents
        return op(*primals, **params), None if t is None else op(t, **params)

    def owned(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        rest = {k: v for k, v in params.items() if k not in ("axis_name", "axis_size")}
        return within(args[0], batched[0], size, **rest)

    op = Op(
        name, ("x",), _outside(name), checked, Whole(jvp), (transpose,), batch,
        family="collective", info={"kinds": kinds},
    )  # fmt: skip
    op.batch_with = _dispatch(op, owned)
    return op


def _dispatch(op: Op, owned: Callable[..., Any]) -> Callable[..., Any]:
    """``batch_with``: the collective itself where the axis is the trace's, else an op like any."""

    def batch_with(trace: Any, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        if trace.axis_name is None or trace.axis_name != params["axis_name"]:
            if not any(batched):
                return Shared(op(*args, **params))
            return op.batch(trace.size, args, batched, params)
        if trace.size != params["axis_size"]:
            raise AxisNameError(
                f"{op.name} was traced for an axis {params['axis_name']!r} of size "
                f"{params['axis_size']}, and runs in {trace.label}, where that axis has size "
                f"{trace.size}. Give the two axes different names, or trace the function inside."
            )
        return owned(trace.size, args, batched, params)

    return batch_with


def _outside(name: str) -> Callable[..., Any]:
    """The eager function of a collective: there is none, since no value has the axis."""

    def eager(*datas: Any, axis_name: Any, axis_size: int, **params: Any) -> Any:
        raise AxisNameError(
            f"{name} ran outside the vmap that names the axis {axis_name!r} (size {axis_size}). "
            f"Apply the function or graph that holds it inside vmap(f, axis_name={axis_name!r})."
        )

    return eager


def table(data: Any) -> Array:
    """A constant array of positions, where the operands of the running op live."""
    positions = np.array(data, np.int64)
    if devices_enabled() and state.device not in (None, "cpu"):
        return wrap(cupy_module().asarray(positions))
    return wrap(positions)


# ------------------------------------------------------------------------------------------ groups
def check_groups(name: str, axis_size: int, groups: Groups, equal: bool) -> None:
    """Raise unless ``groups`` hold every position along the axis once (and are equally long)."""
    if groups is None:
        return
    if sorted(i for group in groups for i in group) != list(range(axis_size)) or () in groups:
        raise ShapeError(
            f"{name}: axis_index_groups must hold every position from 0 to {axis_size - 1} exactly "
            f"once, and no empty group; got {groups}."
        )
    if equal and len({len(group) for group in groups}) > 1:
        raise ShapeError(
            f"{name}: the groups of axis_index_groups must have one size, since every example's "
            f"result has one shape; got sizes {[len(group) for group in groups]}."
        )


def group_size(axis_size: int, groups: Groups) -> int:
    """How many examples take part with each other."""
    return axis_size if groups is None else len(groups[0])


def _places(groups: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """For every position along the axis its group's number and its place in the group."""
    found = {i: (g, k) for g, group in enumerate(groups) for k, i in enumerate(group)}
    return [found[i] for i in range(len(found))]


def _members(groups: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """For every position along the axis the members of its group."""
    return [tuple(groups[g]) for g, _ in _places(groups)]


# -------------------------------------------------------------------------------------------- psum
def _psum_aval(x: Aval, *, axis_name: Any, axis_size: int, groups: Groups) -> Aval:
    check_groups("psum", axis_size, groups, equal=False)
    return make_aval(x.shape, x.dtype)


def _psum_within(x: Any, batched: bool, size: int, *, groups: Groups) -> Any:
    if groups is None and batched:
        return Shared(reduce_sum(x, axes=(0,)))
    if not batched and (groups is None or len({len(group) for group in groups}) == 1):
        count = np.array(group_size(size, groups)).astype(x.dtype)  # wraps as a sum would
        return Shared(mul(x, wrap(count)))
    assert groups is not None
    x = with_batch(x, batched, size)
    sums = []
    for group in groups:
        total = reduce_sum(gather(x, table(group), axes=(0,), mode="clip"), axes=(0,))
        sums.append(reshape(total, shape=(1, *x.shape[1:])))
    of = table([g for g, _ in _places(groups)])
    return gather(concatenate(*sums, axis=0), of, axes=(0,), mode="clip")


psum: Op = _collective(
    "psum",
    aval=_psum_aval,
    within=_psum_within,
    transpose=lambda ct, axis_name, axis_size, groups: psum(
        ct, axis_name=axis_name, axis_size=axis_size, groups=groups
    ),
    batch=lambda size, args, batched, params: psum(args[0], **params),
    kinds="ifc",
)


# -------------------------------------------------------------------------------------- all_gather
def _all_gather_aval(x: Aval, *, axis_name: Any, axis_size: int, groups: Groups) -> Aval:
    check_groups("all_gather", axis_size, groups, equal=True)
    return make_aval((group_size(axis_size, groups), *x.shape), x.dtype)


def _all_gather_within(x: Any, batched: bool, size: int, *, groups: Groups) -> Any:
    if not batched:
        return Shared(broadcast_to(x, shape=(group_size(size, groups), *x.shape)))
    if groups is None:
        return Shared(x)
    return gather(x, table(_members(groups)), axes=(0,), mode="clip")


def _all_gather_transpose(ct: Any, axis_name: Any, axis_size: int, groups: Groups) -> Any:
    arrived = all_to_all(ct, axis_name=axis_name, axis_size=axis_size, groups=groups)
    return reduce_sum(arrived, axes=(0,))


def _swap_first_axes(x: Any) -> Any:
    return transpose(x, perm=(1, 0, *range(2, len(x.shape))))


all_gather: Op = _collective(
    "all_gather",
    aval=_all_gather_aval,
    within=_all_gather_within,
    transpose=_all_gather_transpose,
    batch=lambda size, args, batched, params: _swap_first_axes(all_gather(args[0], **params)),
)


# -------------------------------------------------------------------------------------- all_to_all
def _all_to_all_aval(x: Aval, *, axis_name: Any, axis_size: int, groups: Groups) -> Aval:
    check_groups("all_to_all", axis_size, groups, equal=True)
    count = group_size(axis_size, groups)
    if not x.ndim or x.shape[0] != count:
        raise ShapeError(
            f"all_to_all: {count} examples exchange one row each with each other, so the first "
            f"axis must have size {count}; got shape {x.shape}."
        )
    return make_aval(x.shape, x.dtype)


def _all_to_all_within(x: Any, batched: bool, size: int, *, groups: Groups) -> Any:
    x = with_batch(x, batched, size)
    if groups is None:
        return _swap_first_axes(x)
    own = [(place,) * len(groups[0]) for _, place in _places(groups)]
    return gather(x, table(_members(groups)), table(own), axes=(0, 1), mode="clip")


all_to_all: Op = _collective(
    "all_to_all",
    aval=_all_to_all_aval,
    within=_all_to_all_within,
    transpose=lambda ct, axis_name, axis_size, groups: all_to_all(
        ct, axis_name=axis_name, axis_size=axis_size, groups=groups
    ),
    batch=lambda size, args, batched, params: _swap_first_axes(
        all_to_all(_swap_first_axes(args[0]), **params)
    ),
)


# ---------------------------------------------------------------------------------------- ppermute
Perm = tuple[tuple[int, int], ...]
"""Pairs of a source and a destination along the axis."""


def _ppermute_aval(x: Aval, *, axis_name: Any, axis_size: int, perm: Perm) -> Aval:
    for what, ends in (("source", [s for s, _ in perm]), ("destination", [d for _, d in perm])):
        if len(set(ends)) < len(ends) or not all(0 <= i < axis_size for i in ends):
            raise ShapeError(
                f"ppermute: perm must name every {what} at most once, from 0 to {axis_size - 1}; "
                f"got {perm}."
            )
    return make_aval(x.shape, x.dtype)


def _ppermute_within(x: Any, batched: bool, size: int, *, perm: Perm) -> Any:
    whole = len(perm) == size
    if not batched and whole:
        return Shared(x)
    source = dict.fromkeys(range(size), size) | {to: at for at, to in perm}
    of = table([source[i] for i in range(size)])
    return gather(with_batch(x, batched, size), of, axes=(0,), mode="clip" if whole else "drop")


ppermute: Op = _collective(
    "ppermute",
    aval=_ppermute_aval,
    within=_ppermute_within,
    transpose=lambda ct, axis_name, axis_size, perm: ppermute(
        ct,
        axis_name=axis_name,
        axis_size=axis_size,
        perm=tuple((to, at) for at, to in perm),
    ),
    batch=lambda size, args, batched, params: ppermute(args[0], **params),
)


# -------------------------------------------------------------------------------------- axis_index
def _axis_index_aval(*, axis_name: Any, axis_size: int) -> Aval:
    return make_aval((), int32)


axis_index: Op = Op(
    "axis_index",
    (),
    _outside("axis_index"),
    _axis_index_aval,
    NOT_DIFFERENTIABLE,
    NOT_DIFFERENTIABLE,
    lambda size, args, batched, params: axis_index(**params),
    family="collective",
)
axis_index.batch_with = _dispatch(
    axis_index, lambda size, args, batched, params: iota(shape=(size,), dtype=int32, axis=0)
)

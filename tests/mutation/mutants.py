"""Broken copies of the rules of every op, made mechanically from the records.

A mutant replaces one slot of one record (``jvp``, ``vjp``, ``batch``, ``aval`` or ``eager``) by a
rule that differs in one thing: a term dropped, negated or doubled, two operands swapped, the wrong
residual, an axis off by one, a wrong shape or dtype. Whoever writes a new op gets its mutants with
it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.op import NOT_DIFFERENTIABLE, REGISTRY, Op, Shared
from functorch_lite.ops import broadcast_to, flip, transpose
from functorch_lite.ops import slice as take
from tests.mutation.derivative_mutants import jvp_mutants, vjp_mutants
from tests.mutation.edits import (
    Edit,
    doubled,
    operand_count,
    other_dtype,
    param_edits,
    swapped,
)
from tests.ops.test_elementwise_values import PARTIALS, test_partials
from tests.registry.laws import LAWS, hold


@dataclass(frozen=True)
class Mutant:
    """One broken rule.

    Attributes:
        op: the record it belongs to.
        slot: which attribute of the record it replaces.
        what: the difference, in words; unique within op and slot.
        rule: the broken value of the slot.
    """

    op: Op
    slot: str
    what: str
    rule: Any

    @property
    def id(self) -> str:
        """Stable name."""
        return f"{self.op.name}.{self.slot}: {self.what}"


@contextmanager
def installed(mutant: Mutant) -> Iterator[None]:
    """The record with the broken rule, and the old one back whatever happens."""
    op = mutant.op
    was = getattr(op, mutant.slot)
    setattr(op, mutant.slot, mutant.rule)
    op._plans.clear()
    try:
        yield
    finally:
        setattr(op, mutant.slot, was)
        op._plans.clear()


# The laws that speak about a slot, the likeliest to notice first.
_OTHER_MODES = ("hard_places", "low_precision", "second_order", "vmap_of_derivatives")
_LAWS_OF = {
    "jvp": ("inside_jvp", "jvp", *_OTHER_MODES, "parts"),
    "vjp": ("inside_vjp", "vjp", *_OTHER_MODES, "parts"),
    "unbroadcasts": ("vjp", "parts"),
    "batch": ("inside_vmap", "vmap", "vmap_of_vmap", "vmap_in_front"),
    "batch_with": (
        "vmap", "vmap_of_vmap", "vmap_in_front", "value", "inside_jvp", "inside_vjp",
        "inside_vmap", "outside", "derivatives_of_vmap",
    ),  # fmt: skip
    "aval": ("aval", "graph", "wrong_calls"),
    "eager": ("outside", "value", "aval"),
}


def _hard_places(name: str) -> None:
    """The derivatives at ties, zeros and infinities that the tests of elementwise ops list."""
    for entry in PARTIALS:
        if entry[0] == name:
            test_partials(*entry)


def noticed_by(mutant: Mutant) -> str | None:
    """The first law that fails under a mutant, or None if all hold."""
    with warnings.catch_warnings(), installed(mutant):
        warnings.simplefilter("ignore")  # a broken rule must fail a law, not only warn
        for law in _LAWS_OF[mutant.slot]:
            if law in LAWS and not LAWS[law].applies(mutant.op):
                continue
            try:
                _hard_places(mutant.op.name) if law == "hard_places" else hold(law, mutant.op.name)
            except Exception:
                return law
    return None


def all_mutants() -> list[Mutant]:
    """Every mutant of every record, in order of declaration."""
    found = []
    for op in REGISTRY.values():
        for slot, make in _SLOTS.items():
            found += [Mutant(op, slot, what, rule) for what, rule in make(op)]
    return found


# ----------------------------------------------------------------------------------------- batching
def _each_output(op: Op, edit: Edit) -> Edit:
    return (lambda out: tuple(map(edit, out))) if op.multi else edit


def _second_axis_first(x: Any) -> Any:
    n = len(x.shape)
    return transpose(x, perm=(1, 0, *range(2, n))) if n > 1 else x


def _rows_reversed(x: Any) -> Any:
    return flip(x, axes=(0,))


def _first_row_only(x: Any) -> Any:
    if not x.shape or not x.shape[0]:
        return x
    n = len(x.shape)
    row = take(x, start=(0,) * n, stop=(1, *x.shape[1:]), step=(1,) * n)
    return broadcast_to(row, shape=x.shape)


def _batch_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    if op.family != "higher-order":  # those batch by the whole trace
        yield from _broken_batching(op, op.batch)


def _trace_batch_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    if op.family == "higher-order":
        yield from _broken_batching(op, op.batch_with)
    yield from _collective_mutants(op)


def _broken_batching(op: Op, batch: Any) -> Iterator[tuple[str, Any]]:
    if not op.operands or op.name == "debug_callback":  # without operands or results
        return
    count = operand_count(op)

    def result(edit: Edit) -> Any:
        return lambda size, args, batched, params: edit(batch(size, args, batched, params))

    def operand(i: int, edit: Edit) -> Any:
        def changed(size: int, args: Any, batched: Any, params: Any) -> Any:
            pairs = enumerate(zip(args, batched, strict=True))
            new = [edit(a) if k == i and b else a for k, (a, b) in pairs]
            return batch(size, new, batched, params)

        return changed

    def flag(i: int) -> Any:
        def changed(size: int, args: Any, batched: Any, params: Any) -> Any:
            new = [b and k != i for k, b in enumerate(batched)]
            return batch(size, args, new, params)

        return changed

    def crossed(i: int) -> Any:
        def changed(size: int, args: Any, batched: Any, params: Any) -> Any:
            return batch(size, swapped(args, i, i + 1), swapped(batched, i, i + 1), params)

        return changed

    def param(key: str, edit: Edit) -> Any:
        def changed(size: int, args: Any, batched: Any, params: Any) -> Any:
            return batch(size, args, batched, {**params, key: edit(params[key])})

        return changed

    yield "axes 0 and 1 of the result swapped", result(_each_output(op, _second_axis_first))
    yield "rows of the result reversed", result(_each_output(op, _rows_reversed))
    if len(op.operands) > 1 or op.family != "elementwise":  # one operand needs no alignment
        yield (
            "args and params as they come",
            lambda size, args, batched, params: op(*args, **params),
        )
    for i in range(count):
        yield f"operand {i}, first row for all", operand(i, _first_row_only)
        if count > 1:
            yield f"operand {i} taken for unbatched", flag(i)
    for i in range(count - 1):
        yield f"operands {i} and {i + 1} swapped", crossed(i)
    for key, words, edit in param_edits(op):
        yield f"param {key} {words}", param(key, edit)


# ------------------------------------------------------------------------ shapes, dtypes and values
def _on_first(op: Op, edit: Edit) -> Edit:
    return (lambda out: (edit(out[0]), *out[1:])) if op.multi else edit


def _aval_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    rule = op.aval
    changes: dict[str, Edit] = {
        "another dtype": lambda a: Aval(a.shape, other_dtype(a.dtype)),
        "first size plus one": lambda a: Aval(
            tuple(n + (i == 0) for i, n in enumerate(a.shape)), a.dtype
        ),
        "last axis dropped": lambda a: Aval(a.shape[:-1], a.dtype),
        "axis added": lambda a: Aval((1, *a.shape), a.dtype),
        "axes reversed": lambda a: Aval(a.shape[::-1], a.dtype),
    }
    for words, edit in changes.items():
        whole = _on_first(op, edit)
        yield words, lambda *avals, _edit=whole, **params: _edit(rule(*avals, **params))
    for key, words, edit in param_edits(op):
        yield (
            f"param {key} {words}",
            lambda *avals, _key=key, _edit=edit, **params: rule(
                *avals, **{**params, _key: _edit(params[_key])}
            ),
        )


def _other_value(x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype.kind == "b":
        return ~x
    return x + np.ones((), x.dtype) if x.dtype.kind in "iu" else -x


def _collective_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    """Broken copies of what a collective is in the trace that owns its axis."""
    if op.family != "collective":
        return
    rule = op.batch_with
    assert rule is not None

    def result(edit: Edit, shared: bool) -> Any:
        def changed(trace: Any, args: Any, batched: Any, params: Any) -> Any:
            out = rule(trace, args, batched, params)
            if isinstance(out, Shared):
                return Shared(edit(out.value)) if shared else out
            return edit(out)

        return changed

    def needs(args_edit: Edit = list, flags: Edit = list, key: str = "", edit: Any = None) -> Any:
        def changed(trace: Any, args: Any, batched: Any, params: Any) -> Any:
            new = {k: edit(v) if k == key else v for k, v in params.items()}
            return rule(trace, args_edit(args), flags(batched), new)

        return changed

    yield "result doubled", result(doubled, shared=True)
    yield "rows of the result reversed", result(_rows_reversed, shared=False)
    for key, words, edit in param_edits(op):
        yield f"param {key} {words}", needs(key=key, edit=edit)
    if op.operands:
        yield "axes 0 and 1 of the result swapped", result(_second_axis_first, shared=False)
        yield "operand, first row for all", needs(lambda xs: [_first_row_only(xs[0])])
        yield "operand taken for unbatched", needs(flags=lambda flags: [False])


def _eager_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    eager = op.eager
    if op.family == "collective":  # it has no value to change: it refuses
        yield "answers", lambda *xs, **params: xs[0] if xs else np.int32(0)
        return
    changes: dict[str, Edit] = {
        "another value": _other_value,
        "another dtype": lambda x: np.asarray(x).astype(other_dtype(x.dtype)),
        "axes reversed": lambda x: np.asarray(x).T,
    }
    with np.errstate(all="ignore"):
        for words, edit in changes.items():
            whole = _on_first(op, edit)
            yield words, lambda *xs, _edit=whole, **params: _edit(eager(*xs, **params))
    for i in range(operand_count(op) - 1):
        yield (
            f"operands {i} and {i + 1} swapped",
            lambda *xs, _i=i, **params: eager(*swapped(xs, _i, _i + 1), **params),
        )
    for key, words, edit in param_edits(op):
        yield (
            f"param {key} {words}",
            lambda *xs, _key=key, _edit=edit, **params: eager(
                *xs, **{**params, _key: _edit(params[_key])}
            ),
        )


def _unbroadcasting_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    if op.unbroadcasts and len(op.operands) > 1 and op.vjp is not NOT_DIFFERENTIABLE:
        yield "left out", False


_SLOTS: dict[str, Callable[[Op], Iterator[tuple[str, Any]]]] = {
    "jvp": jvp_mutants,
    "vjp": vjp_mutants,
    "batch": _batch_mutants,
    "batch_with": _trace_batch_mutants,
    "aval": _aval_mutants,
    "eager": _eager_mutants,
    "unbroadcasts": _unbroadcasting_mutants,
}

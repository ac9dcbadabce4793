"""Whether a kernel keeps the rules of the kernel language, as far as its text tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from functorch_lite.compile.index import Axis, Computed, Index
from functorch_lite.compile.kernel import (
    Accumulator,
    Buffer,
    Kernel,
    Leave,
    Loop,
    Result,
    Statement,
    Store,
    Update,
    Value,
)
from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import FunctorchLiteError

__all__ = ["INDEX_OPS", "KernelError", "text", "verify"]

ROLES = ("in", "out", "inout", "local")
INDEX_OPS = frozenset(("clip_index", "in_range"))
"""Scalar ops of the kernel language that are not ops of the registry."""


class KernelError(FunctorchLiteError, RuntimeError):
    """A kernel breaks a rule of the kernel language."""


@dataclasses.dataclass
class _Scope:
    """What may be used at one place: the open loops, and what is defined in or around them."""

    loops: tuple[Loop, ...]
    values: set[Value]
    declared: dict[Accumulator, tuple[Loop, ...]]

    def inner(self, loop: Loop) -> _Scope:
        return _Scope((*self.loops, loop), set(self.values), dict(self.declared))

    def lanes(self) -> list[Loop]:
        return [loop for loop in self.loops if loop.kind == "lane"]


def verify(kernel: Kernel) -> Kernel:
    """Check a kernel's structure.

    Values and accumulators are defined before their use in the same loop or one around it; what a
    value depends on is among its ``deps``; only lane loops' own elements are stored in them, and
    only accumulators carry anything from one lane to the next.

    Args:
        kernel: whose body has not been released.

    Returns:
        the kernel, unchanged.

    Raises:
        KernelError: naming the statement and the rule.

    >>> import numpy as np
    >>> from functorch_lite.compile.kernel import Builder
    >>> b = Builder()
    >>> x, y = [b.buffer(np.dtype("float32"), 4, role) for role in ("in", "out")]
    >>> loop = b.enter(Axis(4, "i"), "lane", shared=True)
    >>> b.store(y, Index.of(loop.axis), b.load(x, Index.of(loop.axis)))
    >>> b.leave()
    >>> verify(b.kernel("copy")).buffers == [x, y]
    True
    """
    known = {*kernel.buffers, *kernel.locals}
    for buffer in known:
        if buffer.role not in ROLES or (buffer.role == "local") != (buffer in kernel.locals):
            raise KernelError(f"buffer {buffer.name} has the role {buffer.role!r}")
    _verify_body(kernel.body, _Scope((), set(), {}), known)
    return kernel


def _verify_body(body: Sequence[Statement], scope: _Scope, known: set[Buffer]) -> None:
    for s in body:
        if isinstance(s, Value):
            _verify_value(s, scope, known)
            scope.values.add(s)
        elif isinstance(s, Loop):
            _verify_loop(s, scope)
            _verify_body(s.body, scope.inner(s), known)
        elif isinstance(s, Store):
            _verify_store(s, scope, known)
        elif isinstance(s, Accumulator):
            scope.declared[s] = scope.loops
        elif isinstance(s, Update):
            _verify_update(s, scope)
        elif isinstance(s, Result):
            if scope.declared.get(s.accumulator) != scope.loops:
                raise KernelError(f"{text(s)} is taken in other loops than it was declared in")
            scope.values.add(s.value)
        elif isinstance(s, Leave):
            _defined(s.unless, scope, s)
            if not scope.loops or scope.loops[-1].kind != "serial" or scope.lanes():
                raise KernelError(f"{text(s)} is not in a serial loop outside of lanes")
        else:
            raise KernelError(f"{s!r} is no statement")


def _verify_loop(loop: Loop, scope: _Scope) -> None:
    if loop.kind not in ("grid", "lane", "serial"):
        raise KernelError(f"a loop of kind {loop.kind!r}")
    if any(outer.axis is loop.axis for outer in scope.loops):
        raise KernelError(f"two open loops run over {loop.axis!r}")
    if loop.shared and (scope.loops or loop.kind == "serial"):
        raise KernelError(f"the shared loop over {loop.axis!r} is inside another, or serial")
    if loop.kind == "grid" and not loop.shared:
        raise KernelError(f"the grid loop over {loop.axis!r} is not shared")
    if loop.kind == "lane" and scope.lanes():
        raise KernelError(f"the lane loop over {loop.axis!r} is inside another")
    if loop.limit is not None:
        _verify_index(loop.limit, scope, loop)


def _verify_value(value: Value, scope: _Scope, known: set[Buffer]) -> None:
    if value in scope.values:
        raise KernelError(f"{text(value)} is defined twice")
    needed: set[Loop] = set()
    for arg in value.args:
        _defined(arg, scope, value)
        needed |= arg.deps
    if value.op == "peek":
        at = _declared(value.attrs, scope, value)
        for loop in scope.lanes():
            if loop not in at:
                raise KernelError(f"{text(value)} looks at what other lanes are adding up")
    elif value.op == "index":
        needed |= _verify_index(value.attrs, scope, value)
    elif value.op == "load":
        buffer, index, *_ = value.attrs
        if buffer not in known or buffer.dtype != value.dtype:
            raise KernelError(f"{text(value)} reads a strange buffer, or in another dtype")
        needed |= _verify_index(index, scope, value)
    elif value.op == "const":
        if len(value.attrs) != value.dtype.itemsize:
            raise KernelError(f"{text(value)} has bytes for another dtype")
    elif value.op not in INDEX_OPS and value.op not in REGISTRY:
        raise KernelError(f"{text(value)} applies an unknown op")
    if not {loop for loop in needed if loop.axis.extent > 1} <= value.deps:
        raise KernelError(f"{text(value)} varies with loops that are not among its deps")
    if not value.deps <= {*scope.loops}:
        raise KernelError(f"{text(value)} depends on loops that are not open")


def _verify_index(index: Index, scope: _Scope, where: object) -> set[Loop]:
    """Check an index; returns the loops that it varies with."""
    found: set[Loop] = set()
    loop_of = {loop.axis: loop for loop in scope.loops}
    for atom in index.atoms():
        if isinstance(atom, Axis):
            if atom not in loop_of:
                raise KernelError(f"{text(where)} uses {atom!r}, a loop that is not open")
            found.add(loop_of[atom])
        elif isinstance(atom, Computed):
            _defined(atom.value, scope, where)
            found |= atom.value.deps
    return found


def _verify_store(s: Store, scope: _Scope, known: set[Buffer]) -> None:
    if s.buffer not in known or s.buffer.role == "in":
        raise KernelError(f"{text(s)} stores to an input, or to a strange buffer")
    for value in (s.value, *(() if s.mask is None else (s.mask,))):
        _defined(value, scope, s)
    if s.value.dtype != s.buffer.dtype:
        raise KernelError(f"{text(s)} stores {s.value.dtype} into {s.buffer.dtype}")
    varies = _verify_index(s.index, scope, s)
    for loop in scope.lanes():
        if loop not in varies and loop.axis.extent > 1:
            raise KernelError(f"{text(s)}: all lanes store to one element")


def _verify_update(s: Update, scope: _Scope) -> None:
    _defined(s.value, scope, s)
    at = _declared(s.accumulator, scope, s)
    if s.value.dtype != s.accumulator.dtype:
        raise KernelError(f"{text(s)} combines {s.value.dtype} into {s.accumulator.dtype}")
    for loop in scope.lanes():
        if loop in at:
            continue
        if loop not in s.accumulator.over or s.accumulator.op == "assign":
            raise KernelError(f"{text(s)} carries a value from lane to lane")


def _defined(value: Value, scope: _Scope, where: object) -> None:
    if value not in scope.values:
        raise KernelError(f"{text(where)} uses {value!r}, which is not defined there")


def _declared(accumulator: Accumulator, scope: _Scope, where: object) -> tuple[Loop, ...]:
    if accumulator not in scope.declared:
        raise KernelError(f"{text(where)} uses an accumulator that is not declared there")
    return scope.declared[accumulator]


def text(s: object) -> str:
    """A statement as a line of its kernel."""
    if isinstance(s, Value):
        return f"{s!r} = {s.op}({', '.join(map(repr, s.args))})"
    if isinstance(s, Store):
        return f"{s.buffer.name}[{s.index!r}] = {s.value!r}"
    if isinstance(s, Update):
        return f"{s.accumulator.name} <- {s.accumulator.op} {s.value!r}"
    if isinstance(s, Loop):
        return f"for {s.axis!r}"
    return type(s).__name__.lower()

"""The kernel language, executable: what a kernel means, one scalar at a time.

:func:`run` is slow and knows nothing of vectors and threads. It raises where one iteration of a
shared or lane loop could tell in which order, or how many at a time, iterations run;
:func:`verify` looks at a kernel's structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from string import Formatter
from typing import Any

import numpy as np

from functorch_lite.compile.index import Axis, Computed, Index
from functorch_lite.compile.kernel import (
    Accumulator,
    Buffer,
    Kernel,
    Loop,
    Result,
    Statement,
    Store,
    Update,
    Value,
)
from functorch_lite.compile.verify import KernelError, text, verify
from functorch_lite.core.op import REGISTRY

__all__ = ["KernelError", "run", "verify"]

INT64 = np.dtype(np.int64)
UNDEFINED = np.void(b"?")
"""What an index without meaning gives: a digit of a negative number. Only masks may let it pass."""
Stamp = tuple[object, object, object]


class _Log:
    """Who wrote and who read each element, by address, since the kernel began."""

    def __init__(self) -> None:
        self.written: dict[int, Stamp] = {}
        self.read: dict[int, set[Stamp]] = {}

    def clear(self) -> None:
        """Forget it all."""
        self.written.clear()
        self.read.clear()


class _Memory:
    """A flat array and the log of its accesses, which buffers that overlap share."""

    def __init__(self, data: np.ndarray[Any, Any], log: _Log) -> None:
        self.data, self.log = data, log
        self.start = data.ctypes.data

    def address(self, at: int) -> int:
        """Where an element lies."""
        return self.start + at * self.data.itemsize


class _Left(Exception):
    """The innermost loop is left."""


class _Run:
    def __init__(self, kernel: Kernel, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        self.values: dict[Value, Any] = {}
        self.axes: dict[Axis, int] = {}
        self.totals: dict[Accumulator, Any] = {}
        self.locals = _Log()
        self.memory = {b: _Memory(np.zeros(b.size, b.dtype), self.locals) for b in kernel.locals}
        log = _Log()
        for buffer, array in zip(kernel.buffers, arrays, strict=True):
            if array.dtype != buffer.dtype or array.size < buffer.size:
                raise KernelError(
                    f"{buffer.name} is {buffer.dtype}[{buffer.size}], the array given "
                    f"{array.dtype}[{array.size}]"
                )
            if not array.flags.c_contiguous:
                raise KernelError(f"the array given for {buffer.name} is not contiguous")
            self.memory[buffer] = _Memory(array.reshape(-1), log)
        self.shared: object = None
        self.lane: tuple[object, object] = (None, None)
        self.range = (0, 0)

    # ------------------------------------------------------------------------------------- memory
    def stamp(self) -> Stamp:
        """Which iteration this is: of the shared loop, and of one execution of a lane loop."""
        return (self.shared, *self.lane)

    def clash(self, other: Stamp) -> bool:
        """Whether an access by ``other`` and one now may happen in either order."""
        shared, loop, lane = other
        return shared != self.shared or loop is self.lane[0] and lane != self.lane[1]

    def load(self, value: Value) -> Any:
        """An element, or the fill where the mask is false."""
        buffer, index, *fill = value.attrs
        if value.args:
            mask = self.values[value.args[0]]
            if mask is UNDEFINED:
                raise KernelError(f"{text(value)} is masked by a value without meaning")
            if not mask:
                return np.frombuffer(fill[0], value.dtype)[0]
        at = self.place(buffer, index, value)
        memory = self.memory[buffer]
        address = memory.address(at)
        writer = memory.log.written.get(address)
        if writer is None and buffer.role in ("out", "local"):
            raise KernelError(f"{text(value)} reads {buffer.name}[{at}] before it is written")
        if writer is not None and self.clash(writer):
            raise KernelError(f"{text(value)} reads {buffer.name}[{at}] of another iteration")
        memory.log.read.setdefault(address, set()).add(self.stamp())
        return memory.data[at]

    def store(self, s: Store) -> None:
        """Write an element where the mask holds."""
        if s.mask is not None:
            mask = self.values[s.mask]
            if mask is UNDEFINED:
                raise KernelError(f"{text(s)} is masked by a value without meaning")
            if not mask:
                return
        at = self.place(s.buffer, s.index, s)
        memory = self.memory[s.buffer]
        address, log = memory.address(at), memory.log
        others = log.read.pop(address, set())
        if address in log.written:
            others.add(log.written[address])
        if any(map(self.clash, others)):
            raise KernelError(
                f"{text(s)} writes {s.buffer.name}[{at}], which another iteration uses too"
            )
        value = self.values[s.value]
        if value is UNDEFINED:
            raise KernelError(f"{text(s)} stores a value without meaning")
        log.written[address] = self.stamp()
        memory.data[at] = value

    def place(self, buffer: Buffer, index: Index, where: object) -> int:
        """The position that an index gives, which must lie inside the buffer."""
        at = self.index(index)
        if at is None or not 0 <= at < buffer.size:
            here = ", ".join(f"{a!r} = {n}" for a, n in self.axes.items())
            raise KernelError(f"{text(where)}: {buffer.name}[{at}] of {buffer.size}, at {here}")
        return at

    def index(self, index: Index) -> int | None:
        """The value of an index; None where it has no meaning."""
        total = index.const
        for atom, coef in index.terms.items():
            found = self.atom(atom)
            if found is None:
                return None
            total += coef * found
        return total

    def atom(self, atom: Any) -> int | None:
        """The value of a term; within its bounds if it has one."""
        if isinstance(atom, Axis):
            found = self.axes[atom]
        elif isinstance(atom, Computed):
            value = self.values[atom.value]
            if value is UNDEFINED:
                return None
            found = int(value)
        else:
            base = self.index(atom.base) if isinstance(atom.base, Index) else self.atom(atom.base)
            if base is None or base < 0:
                return None
            found = base // atom.div
            found = found % atom.mod if atom.mod else found
        if not atom.lo <= found <= atom.hi:
            raise KernelError(f"{atom!r} is {found}, not in {atom.lo} … {atom.hi}")
        return found

    # --------------------------------------------------------------------------------- statements
    def body(self, body: Sequence[Statement]) -> None:
        """All statements of a loop's body, once."""
        for s in body:
            if isinstance(s, Value):
                self.values[s] = self.value(s)
            elif isinstance(s, Loop):
                self.loop(s)
            elif isinstance(s, Store):
                self.store(s)
            elif isinstance(s, Accumulator):
                self.totals[s] = np.array(s.init, s.dtype)
            elif isinstance(s, Update):
                self.update(s)
            elif isinstance(s, Result):
                self.values[s.value] = self.totals[s.accumulator]
            elif not self.values[s.unless]:
                raise _Left

    def loop(self, loop: Loop) -> None:
        """All iterations, one after the other."""
        begin, end = self.range if loop.shared else (0, loop.axis.extent)
        if loop.limit is not None:
            end = min(end, self.index(loop.limit) or 0)
        outer = self.shared, self.lane
        execution = object()
        for i in range(begin, end):
            self.axes[loop.axis] = i
            if loop.shared:
                self.shared = i
                self.locals.clear()
            if loop.kind == "lane":
                self.lane = execution, i
            try:
                self.body(loop.body)
            except _Left:
                break
        self.axes.pop(loop.axis, None)
        self.shared, self.lane = outer

    def update(self, s: Update) -> None:
        """Combine a value into an accumulator."""
        acc, value = s.accumulator, self.values[s.value]
        if value is UNDEFINED:
            raise KernelError(f"{text(s)} combines a value without meaning")
        if acc.op != "assign":
            value = _apply(acc.op, (self.totals[acc], value), acc.dtype, None)
        self.totals[acc] = value

    def value(self, v: Value) -> Any:
        """A scalar."""
        if v.op == "const":
            return np.frombuffer(v.attrs, v.dtype)[0]
        if v.op == "index":
            found = self.index(v.attrs)
            return UNDEFINED if found is None else np.array(found, INT64).astype(v.dtype)
        if v.op == "load":
            return self.load(v)
        if v.op == "peek":
            return self.totals[v.attrs]
        args = [self.values[x] for x in v.args]
        if any(x is UNDEFINED for x in args):
            return _without_meaning(v, args)
        found = _apply(v.op, args, v.dtype, v.attrs)
        if found.dtype != v.dtype:
            raise KernelError(f"{text(v)} is {found.dtype}, declared {v.dtype}")
        return found


def _without_meaning(v: Value, args: list[Any]) -> Any:
    """The value of an op that has an operand without meaning: what does not depend on it."""
    if v.op == "select" and args[0] is not UNDEFINED:
        return args[1] if args[0] else args[2]
    for x in args:
        if x is not UNDEFINED and v.op in ("bitwise_and", "bitwise_or") and v.dtype.kind == "b":
            if bool(x) == (v.op == "bitwise_or"):
                return x
    return UNDEFINED


def _clip_index(x: Any, size: int) -> Any:
    return np.array(min(max(int(x), 0), max(size - 1, 0)), INT64)


def _in_range(x: Any, size: int) -> Any:
    return np.array(0 <= int(x) < size)


_OPS: dict[str, Callable[[Any, int], Any]] = {"clip_index": _clip_index, "in_range": _in_range}


@cache
def _param_names(op: str) -> list[str]:
    """The names of an elementwise op's params, in the order of the equations that apply it."""
    fields = [name for _, name, _, _ in Formatter().parse(REGISTRY[op].info["code"])]
    return [name for name in fields if name and not name.isdigit()]


def _apply(op: str, args: Sequence[Any], dtype: np.dtype[Any], attrs: Any) -> Any:
    """An elementwise op of scalars, by its eager function."""
    if op in _OPS:
        return _OPS[op](args[0], attrs)
    params = dict(zip(_param_names(op), attrs, strict=True)) if attrs else {}
    found = REGISTRY[op].eager(*map(np.asarray, args), **params)
    return np.asarray(found)


def run(
    kernel: Kernel,
    arrays: Sequence[np.ndarray[Any, Any]],
    begin: int = 0,
    end: int | None = None,
) -> None:
    """Carry out a kernel, one scalar at a time.

    Args:
        kernel: whose body has not been released.
        arrays: one per buffer, of its dtype and at least its size, contiguous; results are written
            into those that the kernel stores to. Two buffers may be given one array.
        begin: first iteration of the shared loop.
        end: where it stops; all of it by default.

    Raises:
        KernelError: for an access outside a buffer that is not masked, the use of a value without
            meaning, a read of what was not written, and wherever the result depends on the order of
            iterations of a shared or lane loop.

    >>> from functorch_lite.compile.kernel import Builder
    >>> b = Builder()
    >>> x, y = [b.buffer(np.dtype("float32"), 3, role) for role in ("in", "out")]
    >>> loop = b.enter(Axis(3, "i"), "lane", shared=True)
    >>> i = Index.of(loop.axis)
    >>> b.store(y, i, b.value("neg", (b.load(x, i.scaled(-1) + 2),), x.dtype))
    >>> b.leave()
    >>> out = np.zeros(3, np.float32)
    >>> run(b.kernel("neg"), [np.arange(3, dtype=np.float32), out])
    >>> out
    array([-2., -1., -0.], dtype=float32)
    """
    machine = _Run(kernel, arrays)
    machine.range = begin, kernel.extent if end is None else end
    with np.errstate(all="ignore"):
        machine.body(kernel.body)

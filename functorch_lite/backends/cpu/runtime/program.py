"""A compiled program that can be called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.backends.cpu.runtime.commands import Code, check, listing, split
from functorch_lite.backends.cpu.runtime.layout import Descriptor, Flag, Status
from functorch_lite.backends.cpu.runtime.native import Native, native

__all__ = ["Program", "Timing"]

_LINE = 64


class _Table(np.ndarray[Any, Any]):
    """A descriptor that keeps alive what it points to."""

    kept: tuple[Any, ...]


@dataclass(frozen=True)
class Timing:
    """What one command took since profiling began.

    Attributes:
        word: index of its first word.
        name: its name.
        calls: how often it ran.
        seconds: how long that took together.
    """

    word: int
    name: str
    calls: int
    seconds: float


class Program:
    """A program, its tables and its builtin.

    Slots are numbered in the order inputs, outputs, constants, arena buffers, free slots.

    Args:
        code: the commands.
        inputs: number of inputs.
        outputs: number of outputs.
        constants: C-contiguous arrays that the program reads; it keeps them alive.
        arena: offset of each arena buffer in bytes, from 0.
        arena_bytes: bytes that the arena buffers take together.
        free: number of free slots.
        host: called as `host(id, slots_address)` by HOST; a true answer stops the program with
            `Status.STOPPED`, an exception comes out of `run`.
        release: let other Python threads run meanwhile; worth it from some microseconds on.
        keep: anything else that must live as long as the program, such as loaded kernels.
        checked: refuse commands that reach outside the tables.

    Attributes:
        run: `run(inputs, outputs[, arena_address]) -> int`, a builtin. `inputs` and `outputs` are
            tuples of `numpy.ndarray`; dtype and shape are the caller's business. The arena block
            has at least `block_bytes` bytes, is aligned to 64 and belongs to the call; without
            one, the call takes one from those that are kept. Answers `Status.OK`,
            `Status.STOPPED`, or, before anything ran, `Status.REFUSED + i` if operand i (inputs
            first) is no exact `ndarray`, not C-contiguous, not aligned or, for outputs, not
            writeable. Raises TypeError for anything but two tuples of the right lengths.
        block_bytes: size of the arena block: tables and arena buffers.

    Raises:
        ImportError: llvmlite does not load.
        ValueError: a constant is not contiguous, or `checked` found something.

    Example:
        >>> code = Code()
        >>> code.copy(1, 0, 24)
        >>> code.end()
        >>> program = Program(code, inputs=1, outputs=1)
        >>> out = np.empty(3)
        >>> program.run((np.arange(3.0),), (out,))
        0
        >>> out
        array([0., 1., 2.])
    """

    run: Callable[..., int]

    def __init__(
        self,
        code: Code,
        *,
        inputs: int,
        outputs: int,
        constants: Sequence[np.ndarray[Any, Any]] = (),
        arena: Sequence[int] = (),
        arena_bytes: int = 0,
        free: int = 0,
        host: Callable[[int, int], Any] | None = None,
        release: bool = True,
        keep: Any = None,
        checked: bool = False,
    ) -> None:
        self._native = here = native()
        if code.blas:
            here.use_blas()
        self._words = words = code.words()
        slots = inputs + outputs + len(constants) + len(arena) + free
        if checked:
            check(words, slots, code.registers)
        for i, array in enumerate(constants):
            if not array.flags.c_contiguous:
                raise ValueError(f"constants must be C-contiguous, number {i} is not")
        registers = 8 * slots
        arguments = registers + 8 * code.registers
        data = -(-(arguments + 8 * code.max_arguments) // _LINE) * _LINE
        self.block_bytes = data + arena_bytes
        head = {
            Descriptor.CONTROL: here.control.ctypes.data,
            Descriptor.INPUTS: inputs,
            Descriptor.OUTPUTS: outputs,
            Descriptor.CONSTANTS: len(constants),
            Descriptor.ARENA: len(arena),
            Descriptor.REGISTER_COUNT: code.registers,
            Descriptor.TAPES: len(code.tapes),
            Descriptor.CODE: words.ctypes.data,
            Descriptor.HOST: 0 if host is None else id(host),
            Descriptor.FLAGS: Flag.RELEASE * release
            | Flag.PARALLEL * code.parallel
            | Flag.BLAS * code.blas,
            Descriptor.REGISTERS: registers,
            Descriptor.ARGUMENTS: arguments,
            Descriptor.DATA: data,
            Descriptor.BLOCK_BYTES: self.block_bytes,
        }
        addresses = [array.ctypes.data for array in constants]
        tapes = [first | depth << 32 for first, depth in code.tapes]
        tail = [*addresses, *arena, *tapes]
        table = np.zeros(Descriptor.SIZE + len(tail), np.int64).view(_Table)
        table[list(head)] = list(head.values())
        table[Descriptor.SIZE :] = tail
        table.kept = (words, tuple(constants), host, keep)
        self._table = table
        self._profile: np.ndarray[Any, Any] | None = None
        self.run = _slow_run(here, table) if here.layout is None else here.builtin(table)

    def listing(self, *, names: dict[int, str] | None = None) -> str:
        """The commands as text; see `Code.listing`."""
        return listing(self._words, names=names)

    def profile(self, on: bool = True) -> None:
        """Start to time every command, or stop; starting forgets earlier times.

        Must not be called while the program runs.
        """
        self._profile = np.zeros(2 * len(self._words), np.int64) if on else None
        self._table[Descriptor.PROFILE] = (
            self._profile.ctypes.data if self._profile is not None else 0
        )

    def timings(self) -> list[Timing]:
        """What each command took since `profile()`, in the order of the program."""
        if self._profile is None:
            return []
        rate = self._native.ticks_per_second or 1.0
        rows = self._profile.reshape(-1, 2).tolist()
        return [
            Timing(word, command.name, rows[word][1], rows[word][0] / rate)
            for word, command, _ in split(self._words)
        ]


def _slow_run(here: Native, table: _Table) -> Callable[..., int]:
    """`Program.run` where it is not known how arrays lie in memory."""
    execute = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(
        here.functions["execute"]
    )

    def run(inputs: Any, outputs: Any, arena: int = 0) -> int:
        counts = table[Descriptor.INPUTS], table[Descriptor.OUTPUTS]
        right = isinstance(inputs, tuple) and isinstance(outputs, tuple)
        if not right or (len(inputs), len(outputs)) != counts:
            raise TypeError("bad argument type for built-in operation")
        operands = [*inputs, *outputs]
        for i, array in enumerate(operands):
            ready = type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned
            if not ready or (i >= len(inputs) and not array.flags.writeable):
                return Status.REFUSED + i
        if table[Descriptor.FLAGS] & Flag.PARALLEL:
            here.workers.ensure()
        block = arena or here.arenas.acquire(int(table[Descriptor.BLOCK_BYTES]))
        try:
            slots = (ctypes.c_int64 * len(operands)).from_address(block)
            slots[:] = [array.ctypes.data for array in operands]
            return int(execute(table.ctypes.data, block))
        finally:
            if not arena:
                here.arenas.release(block)

    return run

"""The commands of a compiled program, an assembler for them, and a listing to read.

A program is an array of int64 words. A command is its number, its length in words, then its
operands. Buffers are named by *slots*: places in a table of pointers, in the order inputs, outputs,
constants, arena buffers, free slots. Numbers that change while the program runs (loop counters,
tapes) live in *registers*, a table of int64 that starts as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["COMMANDS", "Code", "TAPE_BYTES", "Command", "Label", "check", "listing", "split"]


@dataclass(frozen=True)
class Command:
    """Number and operands of a command.

    Attributes:
        name: its name in listings.
        number: its first word.
        operands: name to kind, in order. Kinds: "slot", "register", "tape" (the first of three
            registers), "target" (index of a word), "number", "function" (an address).
        rest: kind of any further operands, or "".
    """

    name: str
    number: int
    operands: dict[str, str]
    rest: str = ""


def _command(number: int, name: str, operands: str, rest: str = "") -> Command:
    pairs = [operand.partition(":") for operand in operands.split()]
    return Command(name, number, {word: kind or "number" for word, _, kind in pairs}, rest)


_GEMM = (
    "function:function double ta tb m n k lda ldb ldc a:slot b:slot c:slot"
    " batch sa sb sc accumulate parallel"
)
_LIST: list[tuple[str, ...]] = [
    ("END", ""),
    ("KERNEL", "function:function begin end grain align count", "slot"),
    ("GEMM", _GEMM),
    ("COPY", "dst:slot src:slot bytes"),
    ("ZERO", "dst:slot bytes"),
    ("HOST", "id"),
    ("SETR", "r:register value"),
    ("ADDR", "r:register value"),
    ("MOVR", "r:register from:register"),
    ("ADDRR", "r:register from:register"),
    ("JUMP", "target:target"),
    ("JLT", "r:register value target:target"),
    ("JLTR", "r:register than:register target:target"),
    ("JGE", "r:register value target:target"),
    ("JZ8", "slot:slot target:target"),
    ("SWITCH", "slot:slot count", "target"),
    ("PTR", "dst:slot base:slot r:register stride offset"),
    ("MOVP", "dst:slot src:slot"),
    ("SWAPP", "a:slot b:slot"),
    ("STORER", "slot:slot r:register"),
    ("LOADR", "r:register slot:slot"),
    ("TPUSH", "tape:tape src:slot bytes"),
    ("TPTR", "dst:slot tape:tape r:register bytes"),
    ("TMOVE", "tape:tape from:tape bytes"),
    ("TPUT", "tape:tape r:register from:tape bytes depth"),
    ("TVIEW", "dst:tape tape:tape r:register"),
    ("TFREE", "tape:tape depth"),
    ("POLL", ""),
]
COMMANDS: dict[str, Command] = {row[0]: _command(n, *row) for n, row in enumerate(_LIST)}
TAPE_BYTES = 24
"""A tape as an element of another: its address, count and capacity."""
_BY_NUMBER = {command.number: command for command in COMMANDS.values()}


@dataclass(eq=False)
class Label:
    """A place in a program that jumps can go to, known now or later."""

    word: int = -1
    uses: list[int] = field(default_factory=list)


class Code:
    """An assembler: one method per command, labels, and counts of what the program needs.

    Attributes:
        registers: how many registers are in use.
        tapes: per tape, its first register and its depth: how many levels of tapes it holds.
        max_arguments: most arguments of any kernel.
        parallel: whether a command may use the thread pool.
        blas: whether there is a matrix product.

    Example:
        >>> code = Code()
        >>> i = code.register()
        >>> again = code.here()
        >>> code.copy(1, 0, 8)
        >>> code.addr(i, 1)
        >>> code.jlt(i, 3, again)
        >>> code.end()
        >>> print(code.listing())
           0  COPY    dst=s1 src=s0 bytes=8
           5  ADDR    r=r0 value=1
           9  JLT     r=r0 value=3 target=@0
          14  END
    """

    def __init__(self) -> None:
        self._words: list[int] = []
        self._labels: list[Label] = []
        self.registers = 0
        self.tapes: list[tuple[int, int]] = []
        self.max_arguments = 0
        self.parallel = False
        self.blas = False

    def __len__(self) -> int:
        return len(self._words)

    def register(self) -> int:
        """A register that nothing else uses."""
        self.registers += 1
        return self.registers - 1

    def tape(self, depth: int = 0) -> int:
        """Three registers for a tape (address, count, capacity); its elements are freed when the
        program ends. A tape of depth 1 has tapes as elements, and so on.
        """
        first = self.registers
        self.registers += 3
        self.tapes.append((first, depth))
        return first

    def label(self) -> Label:
        """A label to be placed later."""
        return Label()

    def place(self, label: Label) -> None:
        """Put a label here."""
        label.word = len(self._words)

    def here(self) -> Label:
        """A label placed here."""
        return Label(len(self._words))

    def emit(self, name: str, *operands: int | Label) -> None:
        """Append a command.

        Args:
            name: a key of `COMMANDS`.
            operands: one word each, in the order of the command's record.
        """
        command = COMMANDS[name]
        extra = len(operands) - len(command.operands)
        if extra < 0 or (extra and not command.rest):
            raise ValueError(f"{name} has operands {list(command.operands)}, got {len(operands)}")
        self._words += [command.number, len(operands) + 2]
        for operand in operands:
            if isinstance(operand, Label):
                operand.uses.append(len(self._words))
                self._labels.append(operand)
                self._words.append(operand.word)
            else:
                self._words.append(int(operand))

    def end(self) -> None:
        """END: the program is over."""
        self.emit("END")

    def kernel(
        self,
        function: int,
        slots: Sequence[int],
        begin: int,
        end: int,
        *,
        grain: int = 0,
        align: int = 1,
    ) -> None:
        """KERNEL: call `void function(ptr arguments, i64 begin, i64 end)`, split over threads.

        Args:
            function: its address.
            slots: the buffers whose pointers it gets, in order.
            begin: start of the range.
            end: end of the range, excluded.
            grain: ranges of at most so many stay whole, and no more pieces than ranges of this
                size; 0 never splits.
            align: inner boundaries are `begin` plus multiples of this.
        """
        self.max_arguments = max(self.max_arguments, len(slots))
        self.parallel |= 0 < grain < end - begin
        self.emit("KERNEL", function, begin, end, grain, align, len(slots), *slots)

    def gemm(
        self,
        function: int,
        a: int,
        b: int,
        c: int,
        m: int,
        n: int,
        k: int,
        *,
        double: bool = False,
        ta: bool = False,
        tb: bool = False,
        lda: int | None = None,
        ldb: int | None = None,
        ldc: int | None = None,
        batch: int = 1,
        sa: int = 0,
        sb: int = 0,
        sc: int = 0,
        accumulate: bool = False,
        parallel: bool = True,
    ) -> None:
        """GEMM: C = op(A) op(B), plus C where asked, in BLAS's column-major convention.

        Args:
            function: address of `sgemm` or `dgemm`, see `blas.gemm_address`.
            a: slot of A, m by k, or k by m where `ta`.
            b: slot of B, k by n, or n by k where `tb`.
            c: slot of C, m by n.
            m: rows of C.
            n: columns of C.
            k: terms of each sum; 0 gives zeros.
            double: float64 instead of float32.
            ta: A is stored transposed.
            tb: B is stored transposed.
            lda: elements from one column of A to the next; None where packed.
            ldb: elements from one column of B to the next; None where packed.
            ldc: elements from one column of C to the next; None where packed.
            batch: number of products.
            sa: elements from the A of one product to the next.
            sb: elements from the B of one product to the next.
            sc: elements from the C of one product to the next.
            accumulate: add to what C holds.
            parallel: may be split over threads.
        """
        lda = max(1, k if ta else m) if lda is None else lda
        ldb = max(1, n if tb else k) if ldb is None else ldb
        ldc = max(1, m) if ldc is None else ldc
        limit = 2**31
        if max(m, n, k, lda, ldb, ldc) >= limit:
            raise ValueError(f"GEMM sizes must be below 2**31, got m={m}, n={n}, k={k}")
        self.blas = True
        self.parallel |= parallel
        shape = (int(double), int(ta), int(tb), m, n, k, lda, ldb, ldc, a, b, c)
        self.emit("GEMM", function, *shape, batch, sa, sb, sc, int(accumulate), int(parallel))

    def copy(self, dst: int, src: int, nbytes: int) -> None:
        """COPY: bytes from one buffer to another; they may overlap."""
        self.emit("COPY", dst, src, nbytes)

    def zero(self, dst: int, nbytes: int) -> None:
        """ZERO: set bytes to zero."""
        self.emit("ZERO", dst, nbytes)

    def host(self, id_: int) -> None:
        """HOST: call the program's Python function with `id_` and the address of the slots."""
        self.emit("HOST", id_)

    def setr(self, r: int, value: int) -> None:
        """SETR: r = value."""
        self.emit("SETR", r, value)

    def addr(self, r: int, value: int) -> None:
        """ADDR: r += value."""
        self.emit("ADDR", r, value)

    def movr(self, r: int, source: int) -> None:
        """MOVR: r = source."""
        self.emit("MOVR", r, source)

    def addrr(self, r: int, source: int) -> None:
        """ADDRR: r += source."""
        self.emit("ADDRR", r, source)

    def jump(self, target: Label) -> None:
        """JUMP: go on at the target."""
        self.emit("JUMP", target)

    def jlt(self, r: int, value: int, target: Label) -> None:
        """JLT: jump if r < value."""
        self.emit("JLT", r, value, target)

    def jltr(self, r: int, than: int, target: Label) -> None:
        """JLTR: jump if register r < register than."""
        self.emit("JLTR", r, than, target)

    def jge(self, r: int, value: int, target: Label) -> None:
        """JGE: jump if r >= value."""
        self.emit("JGE", r, value, target)

    def jz8(self, slot: int, target: Label) -> None:
        """JZ8: jump if the byte in a buffer is zero."""
        self.emit("JZ8", slot, target)

    def switch(self, slot: int, targets: Sequence[Label]) -> None:
        """SWITCH: jump by the int64 in a buffer, clamped to the number of targets."""
        if not targets:
            raise ValueError("SWITCH needs a target")
        self.emit("SWITCH", slot, len(targets), *targets)

    def ptr(self, dst: int, base: int, r: int, stride: int, offset: int = 0) -> None:
        """PTR: pointer dst = pointer base + r * stride + offset, in bytes."""
        self.emit("PTR", dst, base, r, stride, offset)

    def movp(self, dst: int, src: int) -> None:
        """MOVP: pointer dst = pointer src."""
        self.emit("MOVP", dst, src)

    def swapp(self, a: int, b: int) -> None:
        """SWAPP: exchange two pointers."""
        self.emit("SWAPP", a, b)

    def storer(self, slot: int, r: int) -> None:
        """STORER: write a register into a buffer as int64."""
        self.emit("STORER", slot, r)

    def loadr(self, r: int, slot: int) -> None:
        """LOADR: read a register from a buffer of int64."""
        self.emit("LOADR", r, slot)

    def tpush(self, tape: int, src: int, nbytes: int) -> None:
        """TPUSH: append a copy of a buffer to a tape."""
        self.emit("TPUSH", tape, src, nbytes)

    def tptr(self, dst: int, tape: int, r: int, nbytes: int) -> None:
        """TPTR: pointer dst = element r of a tape whose elements have `nbytes` bytes.

        The pointer is good until the next push onto that tape.
        """
        self.emit("TPTR", dst, tape, r, nbytes)

    def tmove(self, tape: int, source: int, nbytes: int) -> None:
        """TMOVE: append a tape, which is empty afterwards, to a tape of tapes.

        Memory beyond its elements, of `nbytes` bytes each, is given back.
        """
        self.emit("TMOVE", tape, source, nbytes)

    def tput(self, tape: int, r: int, source: int, nbytes: int, depth: int) -> None:
        """TPUT: like TMOVE, in place of the empty or full tape of that depth in element r."""
        self.emit("TPUT", tape, r, source, nbytes, depth)

    def tview(self, dst: int, tape: int, r: int) -> None:
        """TVIEW: tape dst = element r of a tape of tapes, which still owns the memory."""
        self.emit("TVIEW", dst, tape, r)

    def tfree(self, tape: int, depth: int = 0) -> None:
        """TFREE: empty a tape and give its memory back."""
        self.emit("TFREE", tape, depth)

    def poll(self) -> None:
        """POLL: let Python handle signals now and then; belongs on every backward jump."""
        self.emit("POLL")

    def words(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The program as int64 words.

        Raises:
            ValueError: a label was used and never placed.
        """
        made = np.array(self._words, np.int64)
        for label in self._labels:
            if label.word < 0:
                raise ValueError(f"a label used by the word {label.uses[0]} was never placed")
            made[label.uses] = label.word
        return made

    def listing(self, *, names: dict[int, str] | None = None) -> str:
        """The program as text, one command a line, each with the index of its first word.

        Args:
            names: what to print for the addresses of functions.
        """
        return listing(self.words(), names=names)


def split(
    program: np.ndarray[Any, np.dtype[np.int64]],
) -> list[tuple[int, Command, list[tuple[str, str, int]]]]:
    """Take a program apart: word index, command, and (name, kind, value) of its operands.

    Raises:
        ValueError: the words are no program.
    """
    words = program.tolist()
    made = []
    at = 0
    while at < len(words):
        command = _BY_NUMBER.get(words[at])
        length = words[at + 1] if at + 1 < len(words) else 0
        if command is None or length < 2 or at + length > len(words):
            raise ValueError(f"word {at} starts no command")
        values = words[at + 2 : at + length]
        known = list(command.operands.items())
        rest = [(str(i), command.rest) for i in range(len(values) - len(known))]
        if len(values) < len(known) or (rest and not command.rest):
            raise ValueError(f"word {at}: {command.name} with {len(values)} operands")
        pairs = zip([*known, *rest], values, strict=True)
        made.append((at, command, [(name, kind, value) for (name, kind), value in pairs]))
        at += length
    return made


_PREFIX = {"slot": "s", "register": "r", "tape": "t", "target": "@"}


def listing(
    words: np.ndarray[Any, np.dtype[np.int64]], *, names: dict[int, str] | None = None
) -> str:
    """The text of a program given as words; see `Code.listing`."""
    lines = []
    for at, command, operands in split(words):
        texts = []
        for name, kind, value in operands:
            text = f"{_PREFIX.get(kind, '')}{value}"
            if kind == "function":
                text = (names or {}).get(value, hex(value))
            texts.append(text if name.isdigit() else f"{name}={text}")
        lines.append(f"{at:4}  {command.name:7} {' '.join(texts)}".rstrip())
    return "\n".join(lines)


def check(words: np.ndarray[Any, np.dtype[np.int64]], slots: int, registers: int) -> None:
    """Refuse a program that reaches outside its tables.

    Args:
        words: the program.
        slots: number of slots.
        registers: number of registers.

    Raises:
        ValueError: naming the command and the operand.
    """
    made = split(words)
    starts = {at for at, _, _ in made}
    limits = {"slot": slots, "register": registers, "tape": registers - 2}
    for at, command, operands in made:
        for name, kind, value in operands:
            if kind == "target":
                inside = value in starts
            elif kind == "function":
                inside = value != 0
            else:
                inside = kind == "number" or 0 <= value < limits[kind]
            if not inside:
                raise ValueError(f"word {at}: {command.name} has {name} = {value} ({kind})")
        values = {name: value for name, _, value in operands}
        counted = command.rest and values["count"] != len(operands) - len(command.operands)
        if counted or (command.name == "SWITCH" and values["count"] < 1):
            raise ValueError(f"word {at}: {command.name} counts its operands wrongly")
        if command.name == "KERNEL" and values["align"] < 1:
            raise ValueError(f"word {at}: KERNEL has align = {values['align']}, below 1")
    last = made[-1][1].name if made else "nothing"
    if last not in ("END", "JUMP", "SWITCH"):
        raise ValueError(f"the program runs past its end: its last command is {last}")

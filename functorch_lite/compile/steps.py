"""What a compiled program does, step by step, on slots of memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.emit import Emitted
from functorch_lite.core.aval import Aval, StackAval
from functorch_lite.core.graph import Eqn

__all__ = [
    "Branch",
    "Clear",
    "Copy",
    "Free",
    "Host",
    "Keep",
    "Launch",
    "Multiply",
    "Point",
    "Push",
    "Repeat",
    "Reserve",
    "Slot",
    "Step",
    "Swap",
    "While",
    "all_steps",
    "bodies",
    "depth_of",
    "used_slots",
]


@dataclasses.dataclass(eq=False, slots=True)
class Slot:
    """Memory of one array.

    Attributes:
        kind: ``input``, ``output``, ``const``, ``arena``, ``pointer`` (set while running),
            ``tape`` (grows while running), or ``zeros`` (a tape of as many zeros as are read).
        value: the array of a constant.
        behind: slots whose memory a pointer may point to, which therefore live as long as it.
        shares: the slot whose memory it takes over, if it has none of its own.
        offset: place in the arena.
        number: index in the table of pointers.
    """

    kind: str
    aval: Aval
    value: Any = None
    behind: tuple[Slot, ...] = ()
    shares: Slot | None = None
    offset: int = 0
    number: int = -1

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.aval.nbytes


@dataclasses.dataclass(eq=False, slots=True)
class Push:
    """Append what a slot holds to a tape; from a tape its elements move, and leave it empty."""

    tape: Slot
    source: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Free:
    """Empty a tape."""

    tape: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Reserve:
    """Give a tape a length, or that of another tape, with any content; ``like`` is an element."""

    tape: Slot
    count: int | Slot
    like: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Keep:
    """Move the elements of a tape into the current step's element of a tape of tapes."""

    tape: Slot
    source: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Launch:
    """Run a kernel."""

    emitted: Emitted
    slots: list[Slot]


@dataclasses.dataclass(eq=False, slots=True)
class Multiply:
    """Matrix products; ``x``, ``y``, ``out`` are (slot, offset, lead, transposed, batch stride).

    Attributes:
        add: whether they are added to what ``out`` holds.
    """

    dtype: np.dtype[Any]
    m: int
    n: int
    k: int
    batch: int
    x: tuple[Slot, int, int, bool, int]
    y: tuple[Slot, int, int, bool, int]
    out: tuple[Slot, int, int, bool, int]
    add: bool = False


@dataclasses.dataclass(eq=False, slots=True)
class Copy:
    """Copy bytes; ``offset`` bytes into the destination."""

    out: Slot
    source: Slot
    offset: int = 0


@dataclasses.dataclass(eq=False, slots=True)
class Point:
    """Let a pointer point to another slot, or to its ``i``-th part inside a loop; or a tape be the
    ``i``-th element of a tape of tapes, which still owns it.

    Attributes:
        stride: bytes from one iteration to the next; 0 for the slot itself.
        offset: bytes from the start of the slot.
    """

    out: Slot
    source: Slot
    stride: int = 0
    offset: int = 0


@dataclasses.dataclass(eq=False, slots=True)
class Clear:
    """Set memory to zero."""

    out: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Swap:
    """Exchange two pointers."""

    a: Slot
    b: Slot


@dataclasses.dataclass(eq=False, slots=True)
class Host:
    """Run an equation's eager function over arrays in slots."""

    eqn: Eqn
    inputs: list[Slot]
    outputs: list[Slot]


@dataclasses.dataclass(eq=False, slots=True)
class Repeat:
    """Run steps a number of times, or once per element of a tape; pointers with a stride follow."""

    count: int | Slot
    reverse: bool
    body: list[Step]


@dataclasses.dataclass(eq=False, slots=True)
class While:
    """Run ``test``, then ``body`` while the byte in ``flag`` is not zero."""

    test: list[Step]
    flag: Slot
    body: list[Step]


@dataclasses.dataclass(eq=False, slots=True)
class Branch:
    """Run one of several lists of steps, chosen by the int64 in ``index``."""

    index: Slot
    bodies: list[list[Step]]


Step = (
    Launch | Multiply | Copy | Clear | Point | Swap | Push | Free | Reserve | Keep | Host | Repeat
    | While | Branch
)  # fmt: skip


def depth_of(tape: Slot) -> int:
    """How many levels of tapes the elements of a tape are."""
    depth, aval = -1, tape.aval
    while isinstance(aval, StackAval):
        aval, depth = aval.elem, depth + 1
    return depth


def bodies(step: Step) -> Sequence[list[Step]]:
    """The lists of steps inside a step."""
    if isinstance(step, Repeat):
        return (step.body,)
    if isinstance(step, While):
        return step.test, step.body
    return step.bodies if isinstance(step, Branch) else ()


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Every step, those inside others included."""
    for step in steps:
        yield step
        for body in bodies(step):
            yield from all_steps(body)


def used_slots(step: Step) -> Iterator[Slot]:
    """The slots that one step names, those inside it not included."""
    if isinstance(step, Launch):
        yield from step.slots
    elif isinstance(step, Multiply):
        yield from (step.x[0], step.y[0], step.out[0])
    elif isinstance(step, (Copy, Point)):
        yield from (step.out, step.source)
    elif isinstance(step, Clear):
        yield step.out
    elif isinstance(step, Push):
        yield from (step.tape, step.source)
    elif isinstance(step, Reserve):
        yield step.like
    elif isinstance(step, Swap):
        yield from (step.a, step.b)
    elif isinstance(step, Host):
        yield from step.inputs
        yield from step.outputs
    elif isinstance(step, While):
        yield step.flag
    elif isinstance(step, Branch):
        yield step.index

"""Native code of one piece of a matrix product: a single BLAS call, or many small ones.

Where OpenBLAS has kernels that read small matrices in place, they reach the processor's peak, while
its ordinary path first copies both operands and stays a tenth below, far more below for thin
matrices. So a piece of moderate size is cut into tiles that still count as small.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from functorch_lite.backends.cpu.runtime.commands import COMMANDS
from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import Product
from functorch_lite.backends.cpu.runtime.pool import share

__all__ = ["COLUMNS", "ROWS", "ceil_divide", "operand", "write_gemm_piece"]

# Pieces of C have whole multiples of these, the smallest blocks of common BLAS kernels.
ROWS, COLUMNS = 16, 4

# The most multiplications of a tile that OpenBLAS takes for small.
_TILE_TERMS = 1_000_000
# Transposed A times plain B counts as small only up to 1,200 elements of C, and pays only for sums
# of at least so many terms.
_TURNED, _LONG_SUM = 32, 448
# Other tiles have so many rows, and sums so long that the strip of A stays in the nearest cache.
_TILE_ROWS, _TILE_DEPTH = 64, 256
# Bytes of A that are gone through again for each tile's columns: half of a second-level cache.
_BLOCK_BYTES = 512 << 10
# Above so many multiplications in float32, an eighth in float64, copying pays after all, unless the
# matrix of results is as thin as this.
_MOST_TERMS, _THIN = 1 << 28, 128


def operand(command: Value, name: str) -> Value:
    """An operand of a GEMM command."""
    return command.word(2 + list(COMMANDS["GEMM"].operands).index(name)).load()


def ceil_divide(number: Value, unit: Value | int) -> Value:
    """Quotient, rounded up."""
    return (number + unit - 1) // unit


def write_gemm_piece(module: Module) -> None:
    """`void gemm_piece(context, piece, pieces)`: the BLAS calls of one piece."""
    names = {"context": "ptr", "piece": "i64", "pieces": "i64"}
    f = module.function("gemm_piece", "void", names)
    context, piece, _ = f.parameters.values()
    command = context.word(Product.COMMAND).load("ptr")
    o = {name: operand(command, name) for name in COMMANDS["GEMM"].operands}
    size = (o["double"] + 1) * 4
    rows, columns, groups = (
        context.word(word).load()
        for word in (Product.ROW_PIECES, Product.COLUMN_PIECES, Product.GROUPS)
    )
    group = piece // (rows * columns)
    within = piece % (rows * columns)
    row, height = _range(f, o["m"], ROWS, within % rows, rows)
    column, width = _range(f, o["n"], COLUMNS, within // rows, columns)
    with f.if_(height <= 0):
        f.finish()
    with f.if_(width <= 0):
        f.finish()
    ta, tb = o["ta"].differs(0), o["tb"].differs(0)
    a = context.word(Product.A).load("ptr").at(ta.choose(row * o["lda"], row) * size)
    b = context.word(Product.B).load("ptr").at(tb.choose(column, column * o["ldb"]) * size)
    c = context.word(Product.C).load("ptr").at((row + column * o["ldc"]) * size)
    writer = _Piece(f, o, (a, b, c), height, width)
    tiled = writer.worth_tiling(context.word(Product.TILES).load())
    first = share(o["batch"], group, groups)
    with f.count(share(o["batch"], group + 1, groups), start=first) as i:
        bases = writer.product(i)
        with f.if_(tiled):
            writer.tiles(bases)
        with f.otherwise():
            writer.whole(bases)
    f.finish()


class _Piece:
    """Writer of the BLAS calls of one piece.

    Args:
        f: the function being written.
        operands: of the command.
        bases: pointers to the piece of A, B and C in the first product.
        height: rows of the piece of C.
        width: columns of the piece of C.
    """

    def __init__(
        self,
        f: Function,
        operands: dict[str, Value],
        bases: tuple[Value, Value, Value],
        height: Value,
        width: Value,
    ) -> None:
        self.f = f
        self.o = operands
        self.size = (operands["double"] + 1) * 4
        self.bases = bases
        self.height, self.width = height, width
        self.ta, self.tb = operands["ta"].differs(0), operands["tb"].differs(0)
        self.letters = [_char(f, self.ta), _char(f, self.tb)]
        self.leads = [_int(f, operands[name]) for name in ("lda", "ldb", "ldc")]
        self.rows, self.columns, self.terms = f.room(8), f.room(8), f.room(8)
        self.one, self.beta = _one(f, operands["double"]), f.room(8)
        self.function = operands["function"].pointer()

    def worth_tiling(self, allowed: Value) -> Value:
        """Whether tiles are quicker than one call."""
        k = self.o["k"]
        terms = self.height * self.width * k
        most = self.o["double"].differs(0).choose(_MOST_TERMS >> 3, _MOST_TERMS)
        thin = (self.height <= _THIN) | (self.width <= _THIN)
        moderate = (terms > _TILE_TERMS) & ((terms <= most) | thin)
        mixed = self.ta & self.tb.equals(0)
        good = moderate & (mixed.equals(0) | (k >= _LONG_SUM)) & allowed.differs(0)
        return good

    def product(self, number: Value) -> list[Value]:
        """Make ready for one product of the batch; its pieces of A, B and C."""
        self.beta.store(self.o["accumulate"].differs(0).choose(self.one.load(), 0))
        steps = zip(self.bases, ("sa", "sb", "sc"), strict=True)
        return [base.at(number * self.o[step] * self.size) for base, step in steps]

    def whole(self, bases: list[Value]) -> None:
        """One call."""
        for place, value in (
            (self.rows, self.height),
            (self.columns, self.width),
            (self.terms, self.o["k"]),
        ):
            place.store(value.to("i32"))
        self.call(*bases)

    def tiles(self, bases: list[Value]) -> None:
        """One call per tile: part of the sums, a block of A, columns, rows."""
        f, o = self.f, self.o
        high, wide, deep = self.tile()
        block = ceil_divide(f.value(_BLOCK_BYTES) // (deep * self.size), high) * high
        zero = f.value(0)
        with (
            _steps(f, zero, o["k"], deep, self.terms) as (p, _),
            _steps(f, zero, self.height, block) as (start, length),
            _steps(f, zero, self.width, wide, self.columns) as (j, _),
            _steps(f, start, start + length, high, self.rows) as (i, _),
        ):
            places = (
                self.ta.choose(i * o["lda"] + p, i + p * o["lda"]),
                self.tb.choose(j + p * o["ldb"], j * o["ldb"] + p),
                i + j * o["ldc"],
            )
            # Later parts of the sums are added to the first.
            later = (p > 0) | o["accumulate"].differs(0)
            self.beta.store(later.choose(self.one.load(), 0))
            pairs = zip(bases, places, strict=True)
            self.call(*(base.at(place * self.size) for base, place in pairs))

    def tile(self) -> tuple[Value, Value, Value]:
        """Rows, columns and terms of a tile."""
        k = self.o["k"]
        longest = self.ta.choose(_TILE_TERMS // _TURNED**2, _TILE_DEPTH)
        deep = ceil_divide(k, ceil_divide(k, longest))
        high = self.ta.choose(_TURNED, _TILE_ROWS)
        high = (self.height < high).choose(self.height, high)
        wide = self.f.value(_TILE_TERMS) // (high * deep)
        widest = self.ta.choose(_TURNED, wide)
        wide = (wide < widest).choose(wide, widest)
        return high, wide // COLUMNS * COLUMNS, deep

    def call(self, a: Value, b: Value, c: Value) -> None:
        """Call BLAS with the sizes that stand in the rooms for them."""
        lda, ldb, ldc = self.leads
        numbers = [self.rows, self.columns, self.terms, self.one]
        numbers += [a, lda, b, ldb, self.beta, c, ldc]
        self.f.call("void", self.function, *self.letters, *numbers)


@contextmanager
def _steps(
    f: Function, start: Value, stop: Value, step: Value, room: Value | None = None
) -> Iterator[tuple[Value, Value]]:
    """What is written inside runs per step: where it starts and its length, which `room` gets."""
    at = f.variable(start)
    with f.loop() as loop:
        here = at.get()
        loop.leave_if(here >= stop)
        left = stop - here
        length = (left < step).choose(left, step)
        if room is not None:
            room.store(length.to("i32"))
        yield here, length
        at.set(here + step)


def _range(
    f: Function, length: Value, unit: int, piece: Value, pieces: Value
) -> tuple[Value, Value]:
    """First index and size of a piece of a range, cut at multiples of `unit`."""
    units = ceil_divide(length, unit)
    low = share(units, piece, pieces) * unit
    high = share(units, piece + 1, pieces) * unit
    high = (high > length).choose(length, high)
    return low, high - low


def _char(f: Function, transposed: Value) -> Value:
    made = f.room(8)
    made.store(transposed.choose(ord("T"), ord("N")))
    return made


def _int(f: Function, value: Value) -> Value:
    made = f.room(8)
    made.store(value.to("i32"))
    return made


def _one(f: Function, double: Value) -> Value:
    """A place that holds 1.0 in the dtype of the product."""
    made = f.room(8)
    made.store(double.differs(0).choose(0x3FF0000000000000, 0x3F800000))
    return made

"""Native code of matrix products: BLAS calls on pieces of C, dealt out to the thread pool.

While a program with products runs, BLAS itself uses one thread, so that its threads and ours do not
compete; the number it had before is put back by the last such program that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from functorch_lite.backends.cpu.runtime.commands import COMMANDS
from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import Control, Pool
from functorch_lite.backends.cpu.runtime.pool import share
from functorch_lite.backends.cpu.runtime.vm import control

__all__ = ["write_gemm"]

# Below so many operations a piece costs more to hand out than to do.
_PIECE_OPERATIONS = 400_000
# Pieces of C have whole multiples of these, the tile of common BLAS kernels.
_ROWS, _COLUMNS = 16, 4
# What a row of A and a column of B cost to copy for the kernels, measured in elements of C: narrow
# pieces lose more than low ones.
_ROW_COST, _COLUMN_COST = 16, 4

# Words of the context that the pieces of one command share.
_A, _B, _C, _COMMAND, _ROW_PIECES, _COLUMN_PIECES, _GROUPS, _TILES = range(8)

_TILE_TERMS = 1_000_000
_TILE_DEPTH = 256
_LONG_SUM = 448
_MOST_TERMS = 1 << 28
_THIN = 128
_BLOCK_BYTES = 512 << 10


def write_gemm(module: Module) -> None:
    """Add `gemm`, `gemm_piece`, `blas_enter` and `blas_leave`."""
    _write_enter(module)
    _write_leave(module)
    _write_piece(module)
    _write_gemm(module)


def _operand(command: Value, name: str) -> Value:
    return command.word(2 + list(COMMANDS["GEMM"].operands).index(name)).load()


def _lock(f: Function, pool: Value) -> None:
    with f.loop() as loop:
        loop.leave_if(pool.word(int(Pool.BLAS_LOCK)).swap_if(0, 1))


def _unlock(pool: Value) -> None:
    pool.word(int(Pool.BLAS_LOCK)).store(0, order="release")


def _write_enter(module: Module) -> None:
    f = module.function("blas_enter", "void", {"control": "ptr"})
    table = f.parameters["control"]
    with f.if_(control(table, Control.BLAS_SET).equals(0)):
        f.finish()
    pool = control(table, Control.POOL)
    _lock(f, pool)
    count = pool.word(int(Pool.BLAS_COUNT))
    before = count.load()
    count.store(before + 1)
    with f.if_(before.equals(0)):
        threads = f.call("i32", control(table, Control.BLAS_GET))
        pool.word(int(Pool.BLAS_SAVED)).store(threads.to("i64"))
        with f.if_(threads.differs(1)):
            f.call("void", control(table, Control.BLAS_SET), f.value(1, "i32"))
    _unlock(pool)
    f.finish()


def _write_leave(module: Module) -> None:
    f = module.function("blas_leave", "void", {"control": "ptr"})
    table = f.parameters["control"]
    with f.if_(control(table, Control.BLAS_SET).equals(0)):
        f.finish()
    pool = control(table, Control.POOL)
    _lock(f, pool)
    count = pool.word(int(Pool.BLAS_COUNT))
    left = count.load() - 1
    count.store((left < 0).choose(0, left))
    with f.if_(left <= 0):
        saved = pool.word(int(Pool.BLAS_SAVED)).load().to("i32")
        with f.if_(saved.differs(1)):
            f.call("void", control(table, Control.BLAS_SET), saved)
    _unlock(pool)
    f.finish()


def _write_gemm(module: Module) -> None:
    """`void gemm(control, command, slots, context)`: carry out one command."""
    names = {"control": "ptr", "command": "ptr", "slots": "ptr", "context": "ptr"}
    f = module.function("gemm", "void", names)
    table, command, slots, context = f.parameters.values()
    m, n, k, batch = (_operand(command, name) for name in ("m", "n", "k", "batch"))
    for size in (m, n, batch):
        with f.if_(size <= 0):
            f.finish()
    for i, name in ((_A, "a"), (_B, "b"), (_C, "c")):
        context.word(i).store(slots.word(_operand(command, name)).load())
    context.word(_COMMAND).store(command)
    context.word(_TILES).store(table.word(int(Control.BLAS_TILES)).load())
    with f.if_(k <= 0):
        with f.if_(_operand(command, "accumulate").equals(0)):
            _clear(f, table, command, context.word(_C).load("ptr"))
        f.finish()
    direct = f.label("direct")
    pool = control(table, Control.POOL)
    threads = pool.word(int(Pool.THREADS)).load(order="monotonic")
    f.go_if(_operand(command, "parallel").equals(0), direct)
    f.go_if(threads <= 1, direct)
    # A BLAS whose threads we cannot set has its own; it gets the whole product.
    f.go_if(control(table, Control.BLAS_SET).equals(0), direct)
    most = (m * n * k * batch * 2) // _PIECE_OPERATIONS
    f.go_if(most <= 1, direct)
    threads = (most < threads).choose(most, threads)
    pieces = _plan(f, context, m, n, batch, threads)
    f.go_if(pieces <= 1, direct)
    task = f.function_address("gemm_piece")
    with f.if_(f.call("i1", "pool_run", table, task, context, pieces)):
        f.finish()
    f.start(direct)
    for word in (_ROW_PIECES, _COLUMN_PIECES, _GROUPS):
        context.word(word).store(1)
    f.call("void", "gemm_piece", context, f.value(0), f.value(1))
    f.finish()


def _clear(f: Function, table: Value, command: Value, c: Value) -> None:
    double, m, n, ldc, batch, step = (
        _operand(command, name) for name in ("double", "m", "n", "ldc", "batch", "sc")
    )
    size = (double + 1) * 4
    fill = control(table, Control.MEMSET)
    with f.count(batch) as i:
        with f.count(n) as j:
            place = c.at((i * step + j * ldc) * size)
            f.call("ptr", fill, place, f.value(0, "i32"), m * size)


def _ceil(f: Function, number: Value, unit: Value | int) -> Value:
    return (number + unit - 1) // unit


def _plan(f: Function, context: Value, m: Value, n: Value, batch: Value, threads: Value) -> Value:
    """Write how the product is cut into the context; the number of pieces."""
    for word in (_ROW_PIECES, _COLUMN_PIECES):
        context.word(word).store(1)
    many = batch >= threads
    groups = many.choose(threads, batch)
    context.word(_GROUPS).store(groups)
    with f.if_(many.equals(0)):
        each = threads // batch
        best = f.variable((1 << 62) - 1)
        with f.count(each + 1, start=1) as rows:
            with f.if_((each % rows).equals(0)):
                columns = each // rows
                high = _ceil(f, _ceil(f, m, _ROWS), rows) * _ROWS
                wide = _ceil(f, _ceil(f, n, _COLUMNS), columns) * _COLUMNS
                cost = high * wide + high * _ROW_COST + wide * _COLUMN_COST
                with f.if_(cost < best.get()):
                    best.set(cost)
                    context.word(_ROW_PIECES).store(rows)
                    context.word(_COLUMN_PIECES).store(columns)
    return groups * context.word(_ROW_PIECES).load() * context.word(_COLUMN_PIECES).load()


def _write_piece(module: Module) -> None:
    """`void gemm_piece(context, piece, pieces)`: the BLAS calls of one piece."""
    names = {"context": "ptr", "piece": "i64", "pieces": "i64"}
    f = module.function("gemm_piece", "void", names)
    context, piece, _ = f.parameters.values()
    command = context.word(_COMMAND).load("ptr")
    o = {name: _operand(command, name) for name in COMMANDS["GEMM"].operands}
    size = (o["double"] + 1) * 4
    rows, columns, groups = (
        context.word(word).load() for word in (_ROW_PIECES, _COLUMN_PIECES, _GROUPS)
    )
    group = piece // (rows * columns)
    within = piece % (rows * columns)
    row, height = _range(f, o["m"], _ROWS, within % rows, rows)
    column, width = _range(f, o["n"], _COLUMNS, within // rows, columns)
    with f.if_(height <= 0):
        f.finish()
    with f.if_(width <= 0):
        f.finish()
    ta, tb = o["ta"].differs(0), o["tb"].differs(0)
    a = context.word(_A).load("ptr").at(ta.choose(row * o["lda"], row) * size)
    b = context.word(_B).load("ptr").at(tb.choose(column, column * o["ldb"]) * size)
    c = context.word(_C).load("ptr").at((row + column * o["ldc"]) * size)
    piece_ = _Piece(f, o, size, a, b, c, height, width, context.word(_TILES).load())
    first = share(o["batch"], group, groups)
    with f.count(share(o["batch"], group + 1, groups), start=first) as i:
        piece_.write(i)
    f.finish()


class _Piece:
    """Writer of the BLAS calls of one piece of one product: one call, or one per tile."""

    def __init__(
        self,
        f: Function,
        operands: dict[str, Value],
        size: Value,
        a: Value,
        b: Value,
        c: Value,
        height: Value,
        width: Value,
        tiles: Value,
    ) -> None:
        self.f = f
        self.o = operands
        self.size = size
        self.bases = a, b, c
        self.height, self.width = height, width
        self.ta, self.tb = operands["ta"].differs(0), operands["tb"].differs(0)
        self.letters = [_char(f, self.ta), _char(f, self.tb)]
        self.leads = [_int(f, operands[name]) for name in ("lda", "ldb", "ldc")]
        self.rows, self.columns, self.terms = f.room(8), f.room(8), f.room(8)
        self.one, self.beta = _one(f, operands["double"]), f.room(8)
        self.function = operands["function"].pointer()
        self.tiled = f.variable(self.worth_tiling(tiles).to("i64"))
        self.high, self.wide, self.deep = self.tile()

    def worth_tiling(self, tiles: Value) -> Value:
        k = self.o["k"]
        terms = self.height * self.width * k
        thin = (self.height <= _THIN) | (self.width <= _THIN)
        mixed = self.ta & self.tb.equals(0)
        good = mixed.equals(0) | (k >= _LONG_SUM)
        return tiles.differs(0) & (terms > _TILE_TERMS) & ((terms <= _MOST_TERMS) | thin) & good

    def tile(self) -> tuple[Value, Value, Value]:
        """Rows, columns and terms of a tile."""
        f, k = self.f, self.o["k"]
        turned = self.ta
        most = turned.choose(_TILE_TERMS // 1024, _TILE_DEPTH)
        deep = _ceil(f, k, _ceil(f, k, most))
        high = turned.choose(32, 64)
        high = (self.height < high).choose(self.height, high)
        wide = f.value(_TILE_TERMS) // (high * deep)
        wide = (wide < 4).choose(4, wide // 4 * 4)
        wide = turned.choose((wide < 32).choose(wide, 32), wide)
        return high, wide, deep

    def write(self, product: Value) -> None:
        """The calls for one product of the batch."""
        f, o = self.f, self.o
        self.beta.store(o["accumulate"].differs(0).choose(self.one.load(), 0))
        bases = [
            base.at(product * o[step] * self.size)
            for base, step in zip(self.bases, ("sa", "sb", "sc"), strict=True)
        ]
        with f.if_(self.tiled.get().equals(0)):
            for place, value in (
                (self.rows, self.height),
                (self.columns, self.width),
                (self.terms, o["k"]),
            ):
                place.store(value.to("i32"))
            self.call(*bases)
        with f.otherwise():
            self.tiles(bases)

    def tiles(self, bases: list[Value]) -> None:
        f, o = self.f, self.o
        a, b, c = bases
        block = f.value(_BLOCK_BYTES) // (self.deep * self.size)
        block = _ceil(f, block, self.high) * self.high
        with _steps(f, f.value(0), o["k"], self.deep) as (p, terms):
            self.terms.store(terms.to("i32"))
            with _steps(f, f.value(0), self.height, block) as (start, length):
                with _steps(f, f.value(0), self.width, self.wide) as (j, columns):
                    self.columns.store(columns.to("i32"))
                    with _steps(f, start, start + length, self.high) as (i, rows):
                        self.rows.store(rows.to("i32"))
                        from_a = self.ta.choose(i * o["lda"] + p, i + p * o["lda"])
                        from_b = self.tb.choose(j + p * o["ldb"], j * o["ldb"] + p)
                        to_c = i + j * o["ldc"]
                        self.call(*(
                            base.at(place * self.size)
                            for base, place in ((a, from_a), (b, from_b), (c, to_c))
                        ))
            self.beta.store(self.one.load())

    def call(self, a: Value, b: Value, c: Value) -> None:
        lda, ldb, ldc = self.leads
        numbers = [self.rows, self.columns, self.terms, self.one]
        numbers += [a, lda, b, ldb, self.beta, c, ldc]
        self.f.call("void", self.function, *self.letters, *numbers)


@contextmanager
def _steps(f: Function, start: Value, stop: Value, step: Value) -> Iterator[tuple[Value, Value]]:
    """What is written inside runs per step: where it starts, and its length."""
    at = f.variable(start)
    with f.loop() as loop:
        here = at.get()
        loop.leave_if(here >= stop)
        left = stop - here
        yield here, (left < step).choose(left, step)
        at.set(here + step)


def _range(
    f: Function, length: Value, unit: int, piece: Value, pieces: Value
) -> tuple[Value, Value]:
    """First index and size of a piece of a range, cut at multiples of `unit`."""
    units = _ceil(f, length, unit)
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

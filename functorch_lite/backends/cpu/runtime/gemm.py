"""Native code of matrix products: BLAS calls on pieces of C, dealt out to the thread pool.

While a program with products runs, BLAS itself uses one thread, so that its threads and ours do not
compete; the number it had before is put back by the last such program that ends.
"""

from __future__ import annotations

from functorch_lite.backends.cpu.runtime.gemm_piece import (
    COLUMNS,
    ROWS,
    ceil_divide,
    operand,
    write_gemm_piece,
)
from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import Control, Pool, Product, control

__all__ = ["write_gemm"]

# Below so many operations a piece costs more to hand out than to do.
_PIECE_OPERATIONS = 400_000
# What a row of A and a column of B cost to copy for the kernels, measured in elements of C: narrow
# pieces lose more than low ones.
_ROW_COST, _COLUMN_COST = 16, 4


def write_gemm(module: Module) -> None:
    """Add `gemm`, `gemm_piece`, `blas_enter` and `blas_leave`."""
    _write_enter(module)
    _write_leave(module)
    write_gemm_piece(module)
    _write_gemm(module)


def _lock(f: Function, pool: Value) -> None:
    with f.loop() as loop:
        loop.leave_if(pool.word(Pool.BLAS_LOCK).swap_if(0, 1))


def _unlock(pool: Value) -> None:
    pool.word(Pool.BLAS_LOCK).store(0, order="release")


def _write_enter(module: Module) -> None:
    f = module.function("blas_enter", "void", {"control": "ptr"})
    table = f.parameters["control"]
    with f.if_(control(table, Control.BLAS_SET).equals(0)):
        f.finish()
    pool = control(table, Control.POOL)
    _lock(f, pool)
    count = pool.word(Pool.BLAS_COUNT)
    before = count.load()
    count.store(before + 1)
    with f.if_(before.equals(0)):
        threads = f.call("i32", control(table, Control.BLAS_GET))
        pool.word(Pool.BLAS_SAVED).store(threads.to("i64"))
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
    count = pool.word(Pool.BLAS_COUNT)
    left = count.load() - 1
    count.store((left < 0).choose(0, left))
    with f.if_(left <= 0):
        saved = pool.word(Pool.BLAS_SAVED).load().to("i32")
        with f.if_(saved.differs(1)):
            f.call("void", control(table, Control.BLAS_SET), saved)
    _unlock(pool)
    f.finish()


def _write_gemm(module: Module) -> None:
    """`void gemm(control, command, slots, context)`: carry out one command."""
    names = {"control": "ptr", "command": "ptr", "slots": "ptr", "context": "ptr"}
    f = module.function("gemm", "void", names)
    table, command, slots, context = f.parameters.values()
    m, n, k, batch = (operand(command, name) for name in ("m", "n", "k", "batch"))
    for size in (m, n, batch):
        with f.if_(size <= 0):
            f.finish()
    for i, name in ((Product.A, "a"), (Product.B, "b"), (Product.C, "c")):
        context.word(i).store(slots.word(operand(command, name)).load())
    context.word(Product.COMMAND).store(command)
    context.word(Product.TILES).store(table.word(Control.BLAS_TILES).load())
    with f.if_(k <= 0):
        with f.if_(operand(command, "accumulate").equals(0)):
            _clear(f, table, command, context.word(Product.C).load("ptr"))
        f.finish()
    direct = f.label("direct")
    pool = control(table, Control.POOL)
    threads = pool.word(Pool.THREADS).load(order="monotonic")
    f.go_if(operand(command, "parallel").equals(0), direct)
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
    for word in (Product.ROW_PIECES, Product.COLUMN_PIECES, Product.GROUPS):
        context.word(word).store(1)
    f.call("void", "gemm_piece", context, f.value(0), f.value(1))
    f.finish()


def _clear(f: Function, table: Value, command: Value, c: Value) -> None:
    double, m, n, ldc, batch, step = (
        operand(command, name) for name in ("double", "m", "n", "ldc", "batch", "sc")
    )
    size = (double + 1) * 4
    fill = control(table, Control.MEMSET)
    with f.count(batch) as i:
        with f.count(n) as j:
            place = c.at((i * step + j * ldc) * size)
            f.call("ptr", fill, place, f.value(0, "i32"), m * size)


def _plan(f: Function, context: Value, m: Value, n: Value, batch: Value, threads: Value) -> Value:
    """Write how the product is cut into the context; the number of pieces."""
    for word in (Product.ROW_PIECES, Product.COLUMN_PIECES):
        context.word(word).store(1)
    many = batch >= threads
    groups = many.choose(threads, batch)
    context.word(Product.GROUPS).store(groups)
    with f.if_(many.equals(0)):
        each = threads // batch
        best = f.variable((1 << 62) - 1)
        with f.count(each + 1, start=1) as rows:
            with f.if_((each % rows).equals(0)):
                columns = each // rows
                high = ceil_divide(ceil_divide(m, ROWS), rows) * ROWS
                wide = ceil_divide(ceil_divide(n, COLUMNS), columns) * COLUMNS
                cost = high * wide + high * _ROW_COST + wide * _COLUMN_COST
                with f.if_(cost < best.get()):
                    best.set(cost)
                    context.word(Product.ROW_PIECES).store(rows)
                    context.word(Product.COLUMN_PIECES).store(columns)
    return (
        groups
        * context.word(Product.ROW_PIECES).load()
        * context.word(Product.COLUMN_PIECES).load()
    )

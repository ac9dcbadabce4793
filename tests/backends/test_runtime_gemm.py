"""Matrix products: against NumPy in every form, split, in tiles; what becomes of BLAS's threads."""

import ctypes
import threading

import numpy as np
import pytest
from runtime_kernels import program, tasks, words

from functorch_lite.backends.cpu.runtime import (
    Code,
    blas,
    gemm_address,
    get_num_threads,
    set_num_threads,
)
from functorch_lite.backends.cpu.runtime.layout import Control, Pool
from functorch_lite.backends.cpu.runtime.native import native


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = get_num_threads()
    yield
    set_num_threads(before)


def packed(rng, batch, rows, columns, dtype, gap, spread):
    """A batch of column-major matrices with gaps between columns and between matrices."""
    step, lead = (rows + gap) * columns + spread, rows + gap
    memory = rng.standard_normal(batch * step + 8).astype(dtype)
    strides = [step * memory.itemsize, memory.itemsize, lead * memory.itemsize]
    view = np.lib.stride_tricks.as_strided(memory, (batch, rows, columns), strides)
    return memory, view, lead, step


def run_gemm(dtype, ta, tb, m, n, k, batch=1, accumulate=False, gap=0, spread=0, parallel=True):
    """Run one product; C as it should be and as it came out, with all that lies between."""
    rng = np.random.default_rng([ta, tb, m, n, k, batch])
    a, av, lda, sa = packed(rng, batch, *((k, m) if ta else (m, k)), dtype, gap, spread)
    b, bv, ldb, sb = packed(rng, batch, *((n, k) if tb else (k, n)), dtype, gap, spread)
    c, cv, ldc, sc = packed(rng, batch, m, n, dtype, gap, spread)
    left = np.swapaxes(av, 1, 2) if ta else av
    right = np.swapaxes(bv, 1, 2) if tb else bv
    expected = c.copy()
    wanted = np.lib.stride_tricks.as_strided(expected, cv.shape, cv.strides)
    wanted[...] = left @ right + (cv if accumulate else 0)
    code = Code()
    code.gemm(
        gemm_address(dtype),
        *(0, 1, 2, m, n, k),
        double=dtype == np.float64,
        ta=ta,
        tb=tb,
        lda=max(1, lda),
        ldb=max(1, ldb),
        ldc=max(1, ldc),
        batch=batch,
        sa=sa,
        sb=sb,
        sc=sc,
        accumulate=accumulate,
        parallel=parallel,
    )
    program(code, 2, 1).run((a, b), (c,))
    return expected, c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3, 11])
def test_gemm(dtype, ta, tb, threads, batch):
    set_num_threads(threads)
    tolerance = 1e-3 if dtype == np.float32 else 1e-10
    for m, n, k in ((1, 1, 1), (7, 5, 3), (130, 61, 70), (9, 700, 80)):
        for accumulate in (False, True):
            gaps = {"gap": 3, "spread": 5} if accumulate else {}
            got = run_gemm(dtype, ta, tb, m, n, k, batch, accumulate, **gaps)
            np.testing.assert_allclose(got[1], got[0], tolerance, tolerance)


@pytest.mark.parametrize("tiles", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, True), (True, False)])
def test_gemm_in_tiles(tiles, dtype, ta, tb, request):
    native().use_blas()
    control, found = native().control, int(native().control[Control.BLAS_TILES])
    request.addfinalizer(lambda: control.__setitem__(Control.BLAS_TILES, found))
    control[Control.BLAS_TILES] = tiles
    # Just above a tile; long sums; thin ones; several blocks of rows; a tile that is cut short.
    shapes = (101, 101, 100), (33, 35, 1500), (2, 900, 600), (1100, 9, 300), (600, 65, 257)
    for (m, n, k), threads, batch in zip(shapes, (1, 1, 2, 1, 3), (1, 2, 1, 1, 2), strict=True):
        set_num_threads(threads)
        for accumulate in (False, True):
            expected, c = run_gemm(dtype, ta, tb, m, n, k, batch, accumulate, 3, 5)
            tolerance = 1e-3 if dtype == np.float32 else 1e-10
            np.testing.assert_allclose(c, expected, tolerance, tolerance)


@pytest.mark.parametrize("batch", [1, 4])
def test_gemm_is_split_where_it_is_large(batch):
    set_num_threads(3)
    before = tasks()
    expected, c = run_gemm(np.float64, False, True, 128, 96, 100, batch)
    np.testing.assert_allclose(c, expected, 1e-10, 1e-10)
    split = tasks() - before
    assert split == (1 if all(blas.thread_functions()) else 0)
    before = tasks()
    run_gemm(np.float64, False, True, 128, 96, 100, batch, parallel=False)
    run_gemm(np.float64, False, True, 8, 6, 10, batch)
    assert tasks() == before


@pytest.mark.parametrize("accumulate", [False, True])
def test_gemm_without_terms_or_elements(accumulate):
    for m, n, k, batch in ((5, 3, 0, 2), (0, 3, 4, 2), (5, 0, 4, 2), (5, 3, 4, 0)):
        expected, c = run_gemm(np.float32, False, False, m, n, k, batch, accumulate, 2, 3)
        np.testing.assert_allclose(c, expected, 1e-6)


def test_gemm_of_one_matrix_with_many():
    code = Code()
    shape = {"double": True, "batch": 4, "sa": 6, "sb": 0, "sc": 6}
    code.gemm(gemm_address(np.float64), 0, 1, 2, 2, 3, 3, **shape)
    rng = np.random.default_rng(0)
    a, b, c = rng.random((4, 3, 2)), rng.random((3, 3)), np.empty((4, 3, 2))
    program(code, 2, 1).run((a, b), (c,))
    np.testing.assert_allclose(c, np.einsum("zki,jk->zji", a, b))


def test_gemm_sizes_must_fit():
    with pytest.raises(ValueError, match="below 2"):
        Code().gemm(1, 0, 1, 2, 2**31, 1, 1)


def test_blas_keeps_to_one_thread_only_while_products_may_run():
    if not all(blas.thread_functions()):
        pytest.skip("this BLAS has no functions for its threads")
    setter, getter = blas.thread_functions()
    get = ctypes.CFUNCTYPE(ctypes.c_int)(getter)
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(setter)
    normal = get()
    seen = []

    def host(id_, slots):
        seen.append(get())
        if id_:
            made[id_ - 1].run((), ())
            seen.append(get())

    def build(id_):
        code = Code()
        code.gemm(gemm_address(np.float32), 0, 0, 0, 0, 0, 0)
        code.host(id_)
        return program(code, free=1, host=host)

    made = [build(0), build(1)]
    try:
        for threads in (1, 2):
            put(threads)
            seen.clear()
            made[1].run((), ())
            assert seen == [threads] * 3
            assert get() == threads
            assert native().pool[Pool.BLAS_COUNT] == 0
    finally:
        put(normal)


def test_blas_has_one_thread_until_the_last_program_with_products_ends():
    if not all(blas.thread_functions()):
        pytest.skip("this BLAS has no functions for its threads")
    setter, getter = blas.thread_functions()
    get = ctypes.CFUNCTYPE(ctypes.c_int)(getter)
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(setter)
    code = Code()
    again, over = code.label(), code.label()
    code.gemm(gemm_address(np.float32), 0, 0, 0, 0, 0, 0)
    code.host(0)  # meanwhile the number is as it was
    code.zero(0, 8)
    code.place(again)
    code.poll()
    code.jz8(1, over)
    code.jump(again)
    code.place(over)
    made = program(code, outputs=2, host=lambda *_: None)
    runs, normal = [], get()
    put(2)
    try:
        for _ in range(2):
            called, running = words(1), words(1)
            thread = threading.Thread(target=made.run, args=((), (called, running)))
            thread.start()
            runs.append((thread, running))
            while called[0]:
                pass
        seen = [(get(), int(native().pool[Pool.BLAS_COUNT]))]
        for thread, running in runs:
            running[0] = 0
            thread.join(20)
            seen.append((get(), int(native().pool[Pool.BLAS_COUNT])))
    finally:
        put(normal)
    assert seen == [(1, 2), (1, 1), (2, 0)]

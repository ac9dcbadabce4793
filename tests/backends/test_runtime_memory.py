"""Memory of the runtime: blocks for intermediate results, recycled results."""

import gc
import threading

import numpy as np
import pytest
from runtime_kernels import program, scale_program

from functorch_lite.backends.cpu.runtime import Code, Outputs, outputs
from functorch_lite.backends.cpu.runtime.layout import Pool
from functorch_lite.backends.cpu.runtime.native import native


@pytest.fixture
def arenas():
    made = native().arenas
    made.trim()
    yield made
    made.trim()


def test_blocks_are_aligned_and_used_again(arenas):
    first = arenas.acquire(1000)
    assert first % 64 == 0
    second = arenas.acquire(1000)
    assert second != first
    arenas.release(first)
    assert arenas.acquire(2000) == first
    arenas.release(second)
    arenas.release(first)


def test_the_smallest_block_that_fits_is_taken(arenas):
    small, large = arenas.acquire(1), arenas.acquire(1 << 20)
    middle = arenas.acquire(1 << 18)
    for address in (large, small, middle):
        arenas.release(address)
    assert arenas.acquire(100) == small
    assert arenas.acquire(100) == middle
    assert arenas.acquire(100) == large
    for address in (large, small, middle):
        arenas.release(address)


def test_a_bounded_number_of_the_largest_is_kept(arenas):
    count = int(Pool.ARENA_COUNT)
    assert arenas.kept_bytes() == 0
    taken = [arenas.acquire((i + 1) << 16) for i in range(count + 3)]
    total = arenas.kept_bytes()
    for address in reversed(taken):
        arenas.release(address)
    assert len(arenas._blocks) == count
    assert arenas.kept_bytes() < total
    assert set(arenas._blocks) == set(taken[3:])
    arenas.trim()
    assert arenas.kept_bytes() == 0
    for address in (again := [arenas.acquire((i + 1) << 16) for i in range(count + 1)]):
        arenas.release(address)
    assert set(arenas._blocks) == set(again[1:]), "the smallest made room"


def test_a_block_too_large_is_a_memory_error(arenas):
    with pytest.raises(MemoryError):
        arenas.acquire(1 << 55)
    code = Code()
    made = program(code, arena=[0], arena_bytes=1 << 55)
    for _ in range(3):
        with pytest.raises(MemoryError):
            made.run((), ())
    assert arenas.kept_bytes() == 0
    arenas.release(arenas.acquire(1))


def test_calls_share_few_blocks(arenas):
    made, x = scale_program(100), np.arange(100.0)
    for _ in range(50):
        made.run((x,), (np.empty(100),))
        with pytest.raises(TypeError):
            made.run((x,), ())
        made.run((x[::2],), (x,))
    assert len(arenas._blocks) == 1


def test_threads_never_share_a_block(arenas):
    # Each call writes its number into its block, waits for the others, and reads it back.
    code = Code()
    code.copy(2, 0, 8)
    code.host(0)
    code.copy(1, 2, 8)
    barrier = threading.Barrier(12)
    host = lambda *_: barrier.wait(30) and None  # noqa: E731
    made = program(code, 1, 1, arena=[0], arena_bytes=8, host=host)
    results = [np.zeros(1, np.int64) for _ in range(12)]

    def work(i):
        for _ in range(20):
            made.run((np.array([i]),), (results[i],))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [int(one[0]) for one in results] == list(range(12))
    assert len(arenas._blocks) <= Pool.ARENA_COUNT


# Results


SHAPE = (256, 128)
SIZE = 256 * 128 * 4


def consumers():
    return {
        "array": lambda x: x,
        "view": lambda x: x[3:, ::2],
        "reshaped": lambda x: x.reshape(-1)[5:6],
        "other dtype": lambda x: x.view(np.int32).T,
        "memoryview": memoryview,
        "part of a memoryview": lambda x: memoryview(x)[1:],
        "bytes view": lambda x: np.frombuffer(x, np.uint8)[7:],
        "from dlpack": lambda x: np.from_dlpack(x),
        "iterator": lambda x: np.nditer(x),
        "flat": lambda x: x.flat,
        "list": lambda x: list(x),
        "base": lambda x: x.base,
        "scalar view": lambda x: x[0, 0, ...],
    }


@pytest.mark.parametrize("kind", consumers())
def test_memory_is_reused_only_when_nobody_sees_it(kind):
    pool = Outputs(1 << 24)
    x = pool.allocate(SHAPE, np.float32)
    x[:] = 1
    address = x.ctypes.data
    consumer = consumers()[kind](x)
    del x
    gc.collect()
    other = pool.allocate(SHAPE, np.float32)
    assert other.ctypes.data != address
    other[:] = 2
    del consumer
    gc.collect()
    assert pool.allocate(SHAPE, np.float32).ctypes.data == address
    assert pool.held_bytes() == 2 * SIZE


@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (127, 129), SHAPE, (1 << 20,)])
@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.complex128, np.int8])
def test_arrays_are_ordinary(shape, dtype):
    pool = Outputs(1 << 26)
    for _ in range(3):
        x = pool.allocate(shape, dtype)
        assert type(x) is np.ndarray and x.shape == shape and x.dtype == dtype
        assert x.flags.c_contiguous and x.flags.aligned and x.flags.writeable
        if x.nbytes >= 1 << 16:
            assert x.ctypes.data % 64 == 0
        x[...] = 1
        assert np.count_nonzero(x) == x.size


def test_small_and_huge_arrays_are_not_kept():
    pool = Outputs(1 << 20)
    pool.allocate((100,), np.float64)
    pool.allocate((1 << 20,), np.float64)
    assert pool.held_bytes() == 0


def test_the_pool_is_bounded():
    pool = Outputs(10 * SIZE)
    kept = [pool.allocate((256 + i % 3, 128), np.float32) for i in range(40)]
    assert SIZE < pool.held_bytes() <= pool.limit
    addresses = {x.ctypes.data for x in kept}
    assert len(addresses) == 40
    del kept
    for _ in range(40):
        pool.allocate(SHAPE, np.float32)
    assert pool.held_bytes() <= pool.limit
    pool.clear()
    assert pool.held_bytes() == 0


def test_many_arrays_of_one_size_are_forgotten_first():
    pool = Outputs(1 << 30)
    kept = [pool.allocate(SHAPE, np.float32) for _ in range(100)]
    assert pool.held_bytes() == outputs._MOST_PER_SIZE * SIZE
    assert len({x.ctypes.data for x in kept}) == 100


def test_threads_never_get_the_same_memory():
    pool = Outputs(1 << 22)
    clashes = []

    def work(number):
        for step in range(300):
            x = pool.allocate(SHAPE, np.float32)
            x[0, :4] = x[-1, -4:] = number
            y = pool.allocate(SHAPE, np.float32) if step % 2 else None
            if y is not None:
                y[0, :4] = -1
            if not (x[0, :4] == number).all() or not (x[-1, -4:] == number).all():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert clashes == []


def test_limit_from_the_environment(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_OUTPUT_CACHE_BYTES", "123456")
    assert outputs._limit() == 123456
    monkeypatch.setenv("FUNCTORCH_LITE_OUTPUT_CACHE_BYTES", "0")
    pool = Outputs(outputs._limit())
    pool.allocate(SHAPE, np.float32)
    assert pool.held_bytes() == 0
    monkeypatch.setenv("FUNCTORCH_LITE_OUTPUT_CACHE_BYTES", "lots")
    with pytest.raises(ValueError, match="OUTPUT_CACHE_BYTES must be a number of bytes"):
        outputs._limit()

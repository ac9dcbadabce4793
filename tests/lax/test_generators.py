"""lax.rng_bit_generator: XLA's numbers and states."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax import RandomAlgorithm

KEY = np.array([1, 2, 3, 4], "uint32")
LAST = np.array([7, 2**32 - 1, 2**32 - 1, 2**32 - 1], "uint32")  # its count overflows
SHAPES = [(), (1,), (5,), (8,), (3, 2), (3, 5), (5, 3, 3), (2, 0), (0,), (3, 1, 3)]


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


@pytest.mark.parametrize("algorithm", list(RandomAlgorithm))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_as_jax(algorithm, shape, jax):
    if algorithm == RandomAlgorithm.RNG_THREE_FRY and 0 in shape:
        state, bits = lax.rng_bit_generator(fnp.asarray(KEY), shape, algorithm=algorithm)
        assert bits.shape == shape and state.tolist() == KEY.tolist()  # XLA has none
        return
    cases = ((KEY, "uint32"), (LAST, "uint64"), (LAST, "uint32"), (KEY.view("uint64"), "uint16"))
    key, dtype = cases[(SHAPES.index(shape) + algorithm) % len(cases)]
    want = jax.lax.rng_bit_generator(key, shape, dtype, jax.lax.RandomAlgorithm(algorithm))
    got = lax.rng_bit_generator(fnp.asarray(key), shape, dtype, algorithm)
    for mine, theirs in zip(got, want, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


@pytest.mark.parametrize("algorithm", [RandomAlgorithm.RNG_THREE_FRY, RandomAlgorithm.RNG_PHILOX])
def test_a_state_goes_on_where_it_stopped(algorithm):
    first, head = lax.rng_bit_generator(fnp.asarray(KEY), (8,), algorithm=algorithm)
    _, tail = lax.rng_bit_generator(first, (8,), algorithm=algorithm)
    _, whole = lax.rng_bit_generator(fnp.asarray(KEY), (16,), algorithm=algorithm)
    assert fnp.concatenate([head, tail]).tolist() == whole.tolist()


def test_under_transforms():
    def draw(key):
        return lax.rng_bit_generator(key, (6,), "uint8")

    keys = fnp.stack([fnp.asarray(KEY), fnp.asarray(LAST)])
    states, bits = fl.vmap(draw)(keys)
    for i in range(2):
        for f in (draw, fl.jit(draw)):
            state, each = f(keys[i])
            assert state.tolist() == states[i].tolist() and each.tolist() == bits[i].tolist()


def test_bits_are_evenly_distributed():
    _, bits = lax.rng_bit_generator(fnp.asarray(KEY), (20000,), "uint8")
    counts = np.bincount(np.asarray(bits), minlength=256)
    assert abs(((counts - 20000 / 256) ** 2 / (20000 / 256)).sum() - 255) < 5 * np.sqrt(2 * 255)


def test_refusals():
    with pytest.raises(DtypeError, match="key must be u32\\[4\\] or u64\\[2\\]; got int64"):
        lax.rng_bit_generator(fnp.arange(4), (2,))
    with pytest.raises(ShapeError, match="got uint32 of shape \\(2,\\)"):
        lax.rng_bit_generator(fl.random.key(0), (2,))
    with pytest.raises(DtypeError, match="bits come as unsigned integers; got float32"):
        lax.rng_bit_generator(fnp.asarray(KEY), (2,), "float32")
    with pytest.raises(ValueError, match="algorithm must be a RandomAlgorithm; got 7"):
        lax.rng_bit_generator(fnp.asarray(KEY), (2,), algorithm=7)

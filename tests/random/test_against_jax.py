"""Random numbers equal JAX's: bit for bit where no transcendental function is involved."""

import ml_dtypes
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import random

jax = pytest.importorskip("jax", exc_type=ImportError)
pytestmark = pytest.mark.peers

SHAPES = [(), (3, 5), (2, 0, 3), (1000,)]
FLOATS = ["float16", ml_dtypes.bfloat16, "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


def keys(seed):
    return random.key(seed), jax.random.PRNGKey(seed)


def equal(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**31, 2**63 - 1, np.int32(-5), np.uint32(7)])
def test_key(seed):
    equal(*keys(seed))
    equal(random.PRNGKey(seed), jax.random.PRNGKey(seed))


@pytest.mark.parametrize("num", [1, 2, 5, (2, 3), (), 0])
def test_split(num):
    ours, theirs = keys(42)
    equal(random.split(ours, num), jax.random.split(theirs, num))


@pytest.mark.parametrize("data", [0, 1, 2**32 - 1, np.int64(17), np.int32(-1)])
def test_fold_in(data):
    ours, theirs = keys(42)
    equal(random.fold_in(ours, data), jax.random.fold_in(theirs, data))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits(shape, dtype):
    ours, theirs = keys(3)
    equal(random.bits(ours, shape, dtype), jax.random.bits(theirs, shape, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_uniform(shape, dtype):
    ours, theirs = keys(4)
    equal(random.uniform(ours, shape, dtype), jax.random.uniform(theirs, shape, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-3.3, 2.7), (0.1, 0.3), (1e3, 1e4), (5.0, 2.0)])
def test_uniform_between_bounds(bounds, dtype):
    ours, theirs = keys(5)
    theirs = jax.random.uniform(theirs, (20_000,), dtype, *bounds)
    equal(random.uniform(ours, (20_000,), dtype, *bounds), theirs)


def test_uniform_between_arrays():
    ours, theirs = keys(6)
    low, high = np.float32([[-1.5], [0.1]]), np.float32([1, 2, 3])
    theirs = jax.random.uniform(theirs, (4, 2, 3), "float32", low, high)
    equal(random.uniform(ours, (4, 2, 3), "float32", low, high), theirs)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("bounds", [(0, 1), (-100, 100), (5, 2), (0, 128)])
def test_randint(bounds, dtype):
    ours, theirs = keys(7)
    theirs = jax.random.randint(theirs, (500,), *bounds, dtype)
    equal(random.randint(ours, (500,), *bounds, dtype), theirs)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_randint_over_the_whole_range(dtype):
    info = np.iinfo(dtype)
    low = np.asarray(info.min, dtype)
    high = int(info.max) + 1 if info.bits < 64 else np.asarray(info.max, dtype)
    ours, theirs = keys(8)
    theirs = jax.random.randint(theirs, (500,), low, high, dtype)
    equal(random.randint(ours, (500,), low, high, dtype), theirs)


def test_randint_between_arrays():
    ours, theirs = keys(9)
    low, high = np.int64([[-5], [2**40]]), np.int64([10, 2**41, 2**62])
    theirs = jax.random.randint(theirs, (4, 2, 3), low, high)
    equal(random.randint(ours, (4, 2, 3), low, high), theirs)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli(dtype):
    ours, theirs = keys(10)
    p = np.asarray([0.0, 0.25, 1 / 3, 1.0]).astype(dtype)
    equal(random.bernoulli(ours, p), jax.random.bernoulli(theirs, p))
    equal(random.bernoulli(ours, p, (100, 4)), jax.random.bernoulli(theirs, p, (100, 4)))


def test_bernoulli_takes_a_python_float_as_float32():
    ours, theirs = keys(10)
    theirs = jax.random.bernoulli(theirs, np.float32(0.3), (100,))
    equal(random.bernoulli(ours, 0.3, (100,)), theirs)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1625, 1700, 5000])
def test_permutation_of_a_range(n):
    ours, theirs = keys(11)
    equal(random.permutation(ours, n), jax.random.permutation(theirs, n))


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_permutation_of_an_array(axis, independent, dtype):
    ours, theirs = keys(12)
    x = (np.arange(60).reshape(4, 5, 3) % 7).astype(dtype)
    theirs = jax.random.permutation(theirs, x, axis, independent=independent)
    equal(random.permutation(ours, x, axis, independent=independent), theirs)


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("p", [None, "weights"])
@pytest.mark.parametrize("population", [6, "array"])
def test_choice(population, p, replace):
    ours, theirs = keys(13)
    axis = 0 if population == 6 else 1
    a = 6 if population == 6 else np.arange(24).reshape(2, 6, 2)
    p = None if p is None else np.float32([0.1, 0.2, 0.3, 0.2, 0.15, 0.05])
    theirs = jax.random.choice(theirs, a, (2, 3), replace, p, axis)
    equal(random.choice(ours, a, (2, 3), replace, p, axis), theirs)


TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 5e-6, "float64": 1e-13}


def close(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    wide = np.complex128 if ours.dtype.kind == "c" else np.float64
    real = ours.real.dtype.name
    np.testing.assert_allclose(
        ours.astype(wide), theirs.astype(wide), rtol=TOLERANCE[real], atol=TOLERANCE[real]
    )


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (2, 0, 3), (5000,)])
def test_normal(shape, dtype):
    ours, theirs = keys(14)
    close(random.normal(ours, shape, dtype), jax.random.normal(theirs, shape, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_normal(dtype):
    ours, theirs = keys(15)
    low, high = np.asarray([-1.0, -0.5, 1.0], dtype), np.asarray(2.0, dtype)
    theirs = jax.random.truncated_normal(theirs, low, high, (1000, 3), dtype)
    close(random.truncated_normal(ours, low, high, (1000, 3), dtype), theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gumbel(dtype):
    ours, theirs = keys(16)
    close(random.gumbel(ours, (1000,), dtype), jax.random.gumbel(theirs, (1000,), dtype))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_categorical(axis):
    ours, theirs = keys(17)
    logits = np.random.default_rng(0).standard_normal((3, 4, 5)).astype("float32")
    equal(random.categorical(ours, logits, axis), jax.random.categorical(theirs, logits, axis))
    shape = (10, *np.delete(logits.shape, axis))
    theirs = jax.random.categorical(theirs, logits, axis, shape)
    equal(random.categorical(ours, logits, axis, shape), theirs)


def test_vmap_over_keys():
    ours, theirs = keys(18)
    ours, theirs = random.split(ours, 4), jax.random.split(theirs, 4)
    mapped = fl.vmap(lambda key: random.uniform(random.fold_in(key, 3), (5,)))(ours)
    equal(
        mapped, [jax.random.uniform(jax.random.fold_in(key, 3), (5,), "float32") for key in theirs]
    )
    mapped = fl.vmap(lambda key: random.permutation(key, 9))(ours)
    equal(mapped, [jax.random.permutation(key, 9) for key in theirs])


def test_default_dtypes():
    key = random.key(0)
    assert random.uniform(key).dtype == random.normal(key).dtype == fnp.float32
    assert random.randint(key, (), 0, 2).dtype == random.permutation(key, 2).dtype == fnp.int64
    assert random.bits(key).dtype == fnp.uint32

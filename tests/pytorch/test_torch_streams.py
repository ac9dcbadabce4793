"""PyTorch's CPU random streams, number for number, against PyTorch and against golden numbers.

Everything is compared bit for bit but double precision's logarithms, exponentials and trigonometric
functions of more than fifteen elements: there NumPy's vectorised functions and the C library's
differ by a few units in the last place. Words consumed are compared always.
"""

import copy
import math
import pickle
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from functorch_lite.torch._rng import DEFAULT_SEED, Engine, choice, samplers
from functorch_lite.torch._rng.fill import affine32, affine64

try:
    import torch as real
except ModuleNotFoundError:
    real = None


@pytest.fixture(autouse=True)
def pytorch(request):
    """Golden numbers need no PyTorch, all else does."""
    if "golden" not in request.node.name:
        pytest.importorskip("torch")


def needs_portable_bernoulli():
    """On Intel's processors PyTorch hands Bernoulli numbers to Intel's library, which we do not."""
    real.manual_seed(0)
    real.empty(4).bernoulli_(0.5)
    if real.get_rng_state()[16] != 8:
        pytest.skip("this PyTorch draws Bernoulli numbers with Intel's library")


SEEDS = (0, 2**32 + 7, -1)
SIZES = (0, 1, 3, 15, 16, 17, 20, 1000)
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")
DTYPES = (*FLOATS, *INTEGERS, "uint16", "uint64", "complex64")
# Double precision's vectorised functions may lie apart by some units in the last place, and near
# the zero of a sine by the angle's own rounding.
ULPS, NEAR_ZERO = 8, 1e-14
VECTORISED = {"normal", "exponential", "cauchy", "log_normal"}

INT64_MIN = -(2**63)
# PyTorch's method, ours, and arguments, good and bad.
FILLS = {
    "uniform": [(), (-0.3, 0.45), (2, 2), (0, 0.1), (1000, 1000.5), (2, 1), (-3e38, 3e38)]
    + [(0, math.inf), (math.nan, 1)],
    "normal": [(), (0, 0.02), (0.7, 1.3), (-2, 0), (0, -1.5), (0, math.nan)],
    "exponential": [(), (2.0,), (0.37,), (1e-3,), (-1.25,), (math.inf,)],
    "cauchy": [(), (0.7, 1.3), (-5.0, 0.01), (0, 0)],
    "log_normal": [(), (0.0, 0.25), (-3.0, 1.0), (0, 0)],
    "geometric": [(0.3,), (0.999,), (0.05,), (1,), (0,)],
    "bernoulli": [(), (0.0,), (1e-9,), (0.3,), (1 - 2**-40,), (1.0,), (1.5,), (math.nan,)],
    "random": [()],
    "randint": [(0, 1), (0, 10), (-5, 100), (0, 2**28 - 1), (0, 2**28), (-(2**27), 2**27)]
    + [(7, 2**31 - 1), (INT64_MIN, 2**63 - 1), (-5, 2**62), (0, None), (2, None)]
    + [(INT64_MIN, None), (5, 5), (0, 65504), (0, 2**20), (-5000, 5000), (2049, 2053)]
    + [(-2049, 300), (2049, 2050), (0, 2**24 + 3), (-(2**24) - 3, 5), (0, 2**53 + 1)]
    + [(-(2**60) - 1, 2**40), (2**24 + 1, None), (257, None), (-(2**62), None)],
}
OURS = {"bernoulli": "bernoulli_p"}
THEIRS = {"randint": "random"}

LAYOUTS = {
    "transposed": lambda empty: empty(5, 8).T,
    "permuted": lambda empty: empty(2, 3, 4, 5).permute(2, 0, 3, 1),
    "stepped": lambda empty: empty(12, 6)[::2, 1::2],
    "narrowed": lambda empty: empty(6, 12)[:, 2:9].T,
    "column": lambda empty: empty(40, 3)[:, 1],
    "ones": lambda empty: empty(1, 20, 1).permute(2, 0, 1),
    "scalar": lambda empty: empty(2)[1],
    "large": lambda empty: empty(300, 200).T,
    "large with gaps": lambda empty: empty(300, 200)[:, ::2],
}


def numpy_dtype(name):
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def array_of(tensor):
    """A tensor's values, in a dtype that NumPy compares."""
    return (tensor.float() if tensor.dtype == real.bfloat16 else tensor).numpy()


def mirror(tensor):
    """An array of the same shape, strides and dtype."""
    dtype = numpy_dtype(str(tensor.dtype).removeprefix("torch."))
    strides = tensor.stride()
    reach = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, strides, strict=True) if n)
    memory = np.zeros(max(reach, 1), dtype)
    steps = [stride * dtype.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(memory, tuple(tensor.shape), steps)


def values_of(tensor):
    """A tensor's values as an array of its own dtype."""
    return array_of(tensor).astype(numpy_dtype(str(tensor.dtype).removeprefix("torch.")))


def same_state(engine):
    """Both generators stand at the same word."""
    theirs, ours = real.get_rng_state().numpy(), engine.state()
    # The normal left over is a double of its own rounding.
    np.testing.assert_array_equal(theirs[:5024], ours[:5024])
    np.testing.assert_array_equal(theirs[5032:], ours[5032:])
    left = [state[5024:5032].view(np.float64)[0] for state in (theirs, ours)]
    np.testing.assert_allclose(left[0], left[1], rtol=4e-15, atol=1e-15)


def agree(kind, actual, expected):
    """The same numbers, or near ones where double precision's functions are vectorised."""
    if kind in VECTORISED and expected.size > 15 and actual.dtype in (np.float64, np.complex128):
        spacing = np.abs(expected) * np.finfo(np.float64).eps
        assert (np.abs(actual - expected) <= ULPS * spacing + NEAR_ZERO).all()
    else:
        np.testing.assert_array_equal(actual.astype(expected.dtype), expected)


def outcome_of(call):
    """What a call raises and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
            error = None
        except Exception as raised:
            error = (type(raised), str(raised))
    return error, [str(w.message).split(" (Triggered")[0] for w in caught]


def check(kind, arguments, tensor, seed=0):
    """Fills a tensor and its mirror: the same numbers, warnings, errors and words consumed."""
    array = mirror(tensor)
    real.manual_seed(seed)
    engine = Engine(seed)
    theirs = getattr(tensor, THEIRS.get(kind, kind) + "_")
    ours = getattr(samplers, OURS.get(kind, kind))
    expected = outcome_of(lambda: theirs(*arguments))
    assert outcome_of(lambda: ours(engine, array, *arguments)) == expected
    same_state(engine)
    if expected[0] is None:
        agree(kind, array, array_of(tensor))


# The engine.


@pytest.mark.parametrize("seed", [*SEEDS, 2**64 - 1, -(2**63), 12345678901234])
def test_words_are_pytorchs(seed):
    real.manual_seed(seed)
    engine = Engine(seed)
    assert engine.initial_seed() == real.initial_seed()
    for count in (1, 0, 622, 1, 1, 624, 3, 40000):
        theirs = real.empty(count, dtype=real.int64).random_(0, 2**28 - 1).numpy()
        np.testing.assert_array_equal(engine.draw32(count) % (2**28 - 1), theirs)
        same_state(engine)
    theirs = real.empty(700, dtype=real.int64).random_(-(2**63), None).numpy()
    np.testing.assert_array_equal(engine.draw64(700).view(np.int64), theirs)


@pytest.mark.parametrize("drawn", [0, 1, 7, 623, 624, 625, 1248])
def test_states_pass_both_ways(drawn):
    real.manual_seed(5)
    engine = Engine(5)
    real.rand(drawn)
    engine.draw32(drawn)
    np.testing.assert_array_equal(engine.state(), real.get_rng_state().numpy())
    other = Engine().set_state(real.get_rng_state().numpy())
    np.testing.assert_array_equal(other.state(), engine.state())
    assert other.initial_seed() == 5
    real.manual_seed(0)
    real.set_rng_state(real.from_numpy(engine.state()))
    np.testing.assert_array_equal(real.rand(2000).numpy(), rand(other, 2000))


def rand(engine, *shape, dtype=np.float32):
    return samplers.uniform(engine, np.empty(shape, dtype))


def test_states_hold_the_normal_left_over():
    real.manual_seed(3)
    engine = Engine(3)
    real.randn(3)
    samplers.normal(engine, np.empty(3, np.float32))
    assert engine.double_normal is not None
    np.testing.assert_array_equal(engine.state(), real.get_rng_state().numpy())
    other = Engine().set_state(real.get_rng_state().numpy())
    assert other.double_normal == engine.double_normal
    state = engine.state()
    state[5048:5052] = np.array([1.5], np.float32).view(np.uint8)
    state[5052] = 1
    assert other.set_state(state).float_normal == 1.5
    np.testing.assert_array_equal(other.state(), state)
    real.set_rng_state(real.from_numpy(state))
    np.testing.assert_array_equal(real.get_rng_state().numpy(), state)


def test_copies_and_pickles_go_on_alike():
    engine = Engine(9)
    samplers.normal(engine, np.empty(701, np.float32)[::2])
    copies = [engine.clone(), pickle.loads(pickle.dumps(engine)), copy.deepcopy(engine)]
    expected = [samplers.normal(engine, np.empty(5)), engine.draw32(900)]
    for other in copies:
        assert other.initial_seed() == 9
        np.testing.assert_array_equal(samplers.normal(other, np.empty(5)), expected[0])
        np.testing.assert_array_equal(other.draw32(900), expected[1])


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "a", None, True, np.int64(3)])
def test_seeds_that_are_none(seed):
    with pytest.raises(Exception) as theirs:
        real.Generator().manual_seed(seed)
    with pytest.raises(theirs.type) as ours:
        Engine().manual_seed(seed)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "state",
    [
        np.zeros(10, np.uint8),
        np.zeros(5056, np.float32),
        np.zeros(5056, np.uint8),
        np.zeros(10112, np.uint8)[::2],
    ],
    ids=["size", "dtype", "empty", "gaps"],
)
def test_states_that_are_none(state):
    with pytest.raises(Exception) as theirs:
        real.set_rng_state(real.from_numpy(state))
    with pytest.raises(theirs.type) as ours:
        Engine().set_state(state)
    assert str(ours.value) == str(theirs.value)


def test_the_default_seed_and_seeds_from_nowhere():
    assert Engine().initial_seed() == real.Generator().initial_seed() == DEFAULT_SEED
    engine = Engine()
    seeds = {engine.seed() for _ in range(8)}
    assert len(seeds) == 8 and all(0 <= seed < 2**53 for seed in seeds)


def test_threads_share_no_word():
    engine = Engine(4)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: engine.draw64(50), range(200)))
    drawn = np.sort(np.concatenate(parts))
    np.testing.assert_array_equal(drawn, np.sort(Engine(4).draw64(10000)))


# Samplers that fill an array.


@pytest.mark.parametrize("kind", FILLS)
@pytest.mark.parametrize("name", DTYPES)
def test_fills(kind, name):
    if kind == "bernoulli":
        needs_portable_bernoulli()
    for arguments in FILLS[kind]:
        for size in SIZES if name in FLOATS else (0, 3, 100):
            check(kind, arguments, real.empty(size, dtype=getattr(real, name)), size)
    check(kind, FILLS[kind][0], real.empty(40_007, dtype=getattr(real, name)), -1)


@pytest.mark.parametrize("kind", FILLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(kind, layout):
    if kind == "bernoulli":
        needs_portable_bernoulli()
    for name in ("float32", "float64", "bfloat16", "int64", "complex64", "complex128"):
        for arguments in FILLS[kind][:2]:
            dtype = getattr(real, name)
            check(kind, arguments, LAYOUTS[layout](lambda *s, d=dtype: real.zeros(*s, dtype=d)))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bernoulli_of_probabilities(name, layout):
    for dtype in (real.float32, real.bool, real.int64, real.bfloat16):
        tensor = LAYOUTS[layout](lambda *s, d=dtype: real.zeros(*s, dtype=d))
        p = real.rand(tensor.shape, dtype=getattr(real, name))
        for spread in (p, p[..., :1]) if p.ndim else (p,):
            real.manual_seed(3)
            engine = Engine(3)
            array = samplers.bernoulli_like(engine, values_of(spread), mirror(tensor))
            tensor.bernoulli_(spread)
            same_state(engine)
            agree("bernoulli", array, array_of(tensor))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.9, 1.0])
def test_dropout(name, p):
    needs_portable_bernoulli()
    for make in (
        lambda: real.ones(1000),
        lambda: real.ones(20, 30).T,
        lambda: real.ones(9, 8)[::2],
    ):
        real.manual_seed(2)
        engine = Engine(2)
        theirs = real.nn.functional.dropout(make().to(getattr(real, name)), p)
        ours = samplers.dropout_mask(engine, mirror(theirs), p)
        same_state(engine)
        agree("dropout", ours, array_of(theirs))


@pytest.mark.parametrize("name", FLOATS)
def test_normal_with_means_and_deviations(name):
    dtype = getattr(real, name)
    means = real.arange(24, dtype=dtype).reshape(4, 6)
    stds = (real.arange(6, dtype=dtype) + 1) / 4
    for mean, std in ((means, stds), (means, 0.5), (3.0, stds), (means[:1], means.T[:, :1])):
        real.manual_seed(6)
        engine = Engine(6)
        theirs = real.normal(mean, std)
        arrays = [values_of(v) if isinstance(v, real.Tensor) else v for v in (mean, std)]
        ours = samplers.normal_like(engine, *arrays)
        same_state(engine)
        assert ours.dtype == numpy_dtype(name)
        np.testing.assert_allclose(
            ours.astype(np.float64),
            theirs.double().numpy(),
            rtol=1e-14 if name == "float64" else 0,
        )


# Samplers that make an array.


@pytest.mark.parametrize(
    "n", [0, 1, 2, 3, 15, 100, 399, 400, 401, 5000, pytest.param(1_000_000, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_permutations(n, seed):
    real.manual_seed(seed)
    engine = Engine(seed)
    np.testing.assert_array_equal(samplers.randperm(engine, n), real.randperm(n).numpy())
    same_state(engine)


@pytest.mark.parametrize("n", [2, 3, 10, 399, 400, 3000])
def test_golden_long_permutations(n, monkeypatch):
    """At PyTorch's threshold of 214748364 numbers, too many for a test, the same rule holds."""
    monkeypatch.setattr(choice, "_FIRST_64_BIT_LENGTH", 2)
    order = list(range(n))
    for place, word in enumerate(Engine(7).draw64(n).tolist()):
        other = word % (place + 1)
        order[place], order[other] = order[other], order[place]
    engine = Engine(7)
    assert samplers.randperm(engine, n).tolist() == order
    np.testing.assert_array_equal(engine.draw32(1), Engine(7).draw32(2 * n + 1)[-1:])


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "uint16", "uint32", "complex64"])
@pytest.mark.parametrize("n", [0, 1, 100, 128, 256, 257, 258, 300, 2049, 2050, -1])
def test_permutations_of_a_dtype(name, n):
    real.manual_seed(1)
    engine = Engine(1)
    try:
        theirs = real.randperm(n, dtype=getattr(real, name))
    except Exception as error:
        with pytest.raises(type(error)) as ours:
            samplers.randperm(engine, n, numpy_dtype(name))
        assert str(ours.value) == str(error)
        return
    ours = samplers.randperm(engine, n, numpy_dtype(name))
    assert ours.dtype == numpy_dtype(name)
    np.testing.assert_array_equal(ours.astype(np.float64), theirs.double().numpy())


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial(name, replacement):
    for shape in ((1,), (5,), (3, 4), (2, 50), (1, 1000)):
        for samples in {1, 2, min(4, shape[-1]), shape[-1]}:
            if not replacement and name in ("float16", "bfloat16") and samples > 1:
                continue  # Many scores are equal there, and which comes first is the sort's choice.
            if samples > shape[-1]:
                continue
            real.manual_seed(33)
            weights = real.rand(shape).to(getattr(real, name)) * 3
            real.manual_seed(samples)
            engine = Engine(samples)
            theirs = real.multinomial(weights, samples, replacement).numpy()
            ours = samplers.multinomial(engine, values_of(weights), samples, replacement)
            assert ours.dtype == np.int64
            np.testing.assert_array_equal(ours, theirs)
            same_state(engine)


@pytest.mark.parametrize("name", FLOATS)
def test_poisson(name):
    rates = real.tensor([0, 0.1, 1, 3.5, 9.99, 10, 12.5, 40, 300, 5000.0] * 30)
    rates = rates.to(getattr(real, name))
    for seed in SEEDS:
        real.manual_seed(seed)
        engine = Engine(seed)
        theirs = real.poisson(rates)
        ours = samplers.poisson(engine, values_of(rates))
        np.testing.assert_array_equal(ours.astype(np.float64), theirs.double().numpy())
        same_state(engine)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_binomial(name):
    dtype = getattr(real, name)
    counts = real.tensor([0, 1, 5, 10, 40, 100, 1000, 100000, -3], dtype=dtype)[:, None]
    shares = real.tensor([0, 0.01, 0.2, 0.5, 0.7, 0.99, 1, 2, math.nan], dtype=dtype)
    counts = counts.repeat(1, len(shares))
    for seed in range(20):
        real.manual_seed(seed)
        engine = Engine(seed)
        theirs = real.binomial(counts, shares)
        ours = samplers.binomial(engine, counts.numpy(), shares.numpy())
        np.testing.assert_array_equal(ours, theirs.numpy())
        same_state(engine)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_gamma_and_dirichlet(name):
    dtype = getattr(real, name)
    alpha = real.tensor([0, 0.001, 0.1, 0.9, 1, 1.5, 4, 30, 1e4], dtype=dtype).repeat(20, 1)
    for seed in SEEDS:
        real.manual_seed(seed)
        engine = Engine(seed)
        np.testing.assert_array_equal(
            samplers.standard_gamma(engine, alpha.numpy()), real._standard_gamma(alpha).numpy()
        )
        same_state(engine)
        np.testing.assert_allclose(
            samplers.dirichlet(engine, alpha.numpy()),
            real._sample_dirichlet(alpha).numpy(),
            rtol=4 * np.finfo(name).eps,
        )
        same_state(engine)


@pytest.mark.parametrize(
    "weights, samples, replacement",
    [
        *[(np.ones(3), n, False) for n in (0, 4)],
        *[(np.ones(s), 1, False) for s in ((2, 2, 2), (), (2, 0))],
        *[(np.array([1.0, bad]), n, True) for bad in (-2.0, np.nan, np.inf) for n in (1, 3)],
        *[(np.array([1.0, bad]), 1, False) for bad in (np.nan, np.inf)],
        *[(np.zeros(2), 2, replacement) for replacement in (False, True)],
        (np.array([1, 2]), 1, False),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), 1, False),
        (np.ones((2, 0)), 2, True),
    ],
)
def test_weights_that_are_none(weights, samples, replacement):
    with pytest.raises(Exception) as theirs:
        real.multinomial(real.tensor(weights), samples, replacement)
    with pytest.raises(theirs.type) as ours:
        samplers.multinomial(Engine(), weights, samples, replacement)
    assert str(ours.value) == str(theirs.value)


BAD_PARAMETERS = [
    ("bernoulli", [0.1, 1.5], "f4"),
    ("bernoulli", [math.nan], "f8"),
    ("bernoulli", [1, 0], "i8"),
    ("poisson", [-1.0], "f4"),
    ("poisson", [1], "i8"),
    ("binomial", [1.0], "f2", [1.0], "f2"),
    ("binomial", [1.0], "f4", [1.0], "f8"),
    ("_standard_gamma", [1.0], "f2"),
    ("_sample_dirichlet", [1], "i8"),
    ("normal", [0.0, 0.0], "f4", [1.0, -1.0], "f4"),
]


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_parameters_that_are_none(case):
    name, *parameters = case
    arrays = [np.array(v, d) for v, d in zip(parameters[::2], parameters[1::2], strict=True)]
    with pytest.raises(Exception) as theirs:
        getattr(real, name)(*map(real.from_numpy, arrays))
    ours = {
        "bernoulli": lambda e, p: samplers.bernoulli_like(e, p, np.empty_like(p)),
        "_standard_gamma": samplers.standard_gamma,
        "_sample_dirichlet": samplers.dirichlet,
        "normal": samplers.normal_like,
    }.get(name) or getattr(samplers, name)
    with pytest.raises(theirs.type) as raised:
        ours(Engine(), *arrays)
    assert str(raised.value) == str(theirs.value)


# Programs of several calls: each call leaves the stream where the next one starts.


def test_a_few_programs():
    needs_portable_bernoulli()
    kinds = [*CALL, "normal", "gamma"]
    generator = np.random.default_rng(0)
    for seed in range(30):
        sizes = generator.choice([0, 1, 3, 15, 16, 17, 40, 700], len(kinds))
        real.manual_seed(seed)
        engine = Engine(seed)
        for kind, size in zip(generator.permutation(kinds), sizes.tolist(), strict=True):
            theirs, ours = CALL[kind](engine, size)
            np.testing.assert_array_equal(ours, theirs.numpy())
            same_state(engine)


def empty(size, dtype=np.float32):
    return np.empty(size, dtype)


CALL = {
    "rand": lambda e, n: (real.rand(n), samplers.uniform(e, empty(n))),
    "normal": lambda e, n: (real.randn(n), samplers.normal(e, empty(n))),
    "dropout": lambda e, n: (
        real.nn.functional.dropout(real.ones(n), 0.4),
        samplers.dropout_mask(e, empty(n), 0.4),
    ),
    "exponential": lambda e, n: (real.empty(n).exponential_(), samplers.exponential(e, empty(n))),
    "log_normal": lambda e, n: (real.empty(n).log_normal_(), samplers.log_normal(e, empty(n))),
    "randperm": lambda e, n: (real.randperm(n), samplers.randperm(e, n)),
    "multinomial": lambda e, n: (
        real.multinomial(real.arange(1.0, n + 2), min(n + 1, 3)),
        samplers.multinomial(e, np.arange(1, n + 2, dtype="f4"), min(n + 1, 3)),
    ),
    "gamma": lambda e, n: (
        real._standard_gamma(real.arange(float(n)) / 3),
        samplers.standard_gamma(e, np.arange(n, dtype="f4") / np.float32(3)),
    ),
}


# Golden numbers: PyTorch 2.13's, where no PyTorch is at hand.

GOLDEN = {
    "rand": (lambda e: samplers.uniform(e, empty(2)), [0.49625658988952637, 0.7682217955589294]),
    "randn": (lambda e: samplers.normal(e, empty(2)), [1.5409960746765137, -0.293428897857666]),
    "randint": (lambda e: samplers.randint(e, empty(5, "i8"), 0, 10), [4, 9, 3, 0, 3]),
    "bytes": (lambda e: samplers.random(e, empty(4, "u1")), [172, 47, 117, 192]),
    "randperm": (lambda e: samplers.randperm(e, 10), [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]),
    "dropout": (lambda e: samplers.dropout_mask(e, empty(7), 0.5), [0, 0, 2, 0, 0, 0, 2]),
    "geometric": (lambda e: samplers.geometric(e, empty(6, "i8"), 0.2), [1, 2, 4, 1, 2, 2]),
    "multinomial": (lambda e: samplers.multinomial(e, np.arange(1.0, 6.0), 3), [2, 4, 1]),
    "poisson": (lambda e: samplers.poisson(e, np.array([0.5, 4, 20, 300])), [2, 5, 17, 282]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name):
    draw, expected = GOLDEN[name]
    assert draw(Engine(0)).tolist() == expected


@pytest.mark.parametrize(
    "draw, expected",
    [
        (lambda e, x: samplers.uniform(e, x), 962640673),
        (lambda e, x: samplers.uniform(e, x, -0.3, 0.45), 4018569023),
        (lambda e, x: samplers.uniform(e, x.astype(np.float64), -0.3, 0.45), 3706787329),
        (lambda e, x: samplers.normal(e, x), 3868313328),
        (lambda e, x: samplers.randperm(e, x.size), 3571348916),
        (lambda e, x: samplers.randint(e, x.astype(np.int64), 0, 1000), 2745129952),
        (lambda e, x: samplers.bernoulli_p(e, x, 0.3), 2440163669),
    ],
)
def test_golden_checksums(draw, expected):
    values = draw(Engine(0), np.zeros(100_000, np.float32))
    assert zlib.crc32(values.tobytes()) == expected


def test_golden_multiply_adds_are_rounded_once():
    generator = np.random.default_rng(0)
    for _ in range(100):
        scale = generator.uniform(0.1, 3)
        shift = generator.uniform(-1, 1) * 2.0 ** -generator.integers(0, 60)
        values = generator.uniform(size=50)
        exact = [Fraction(v) * Fraction(scale) + Fraction(shift) for v in values.tolist()]
        assert affine64(values, scale, shift).tolist() == [float(v) for v in exact]
        values = (generator.integers(0, 2**24, 50) * 2.0**-24).astype(np.float32)
        scale, shift = float(np.float32(scale)), float(np.float32(shift))
        exact = [Fraction(v) * Fraction(scale) + Fraction(shift) for v in values.tolist()]
        for result, wanted in zip(affine32(values, scale, shift), exact, strict=True):
            nearest = abs(Fraction(float(result)) - wanted)
            for side in (-np.inf, np.inf):
                other = Fraction(float(np.nextafter(result, np.float32(side))))
                assert nearest <= abs(other - wanted)

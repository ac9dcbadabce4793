"""What is saved comes back: any pytree, every dtype, bit for bit; other programs can read it."""

import collections
import dataclasses
import json
import math
import struct
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import nn, optim, random, tree
from functorch_lite.errors import CheckpointError
from functorch_lite.training import TrainState, checkpoint, train_state

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


class Pair(NamedTuple):
    left: Any
    right: Any


@fl.register_dataclass
@dataclasses.dataclass(frozen=True)
class Box:
    content: Any
    label: str = dataclasses.field(default="", metadata={"static": True})


def same(a, b):
    """Whether two values are alike: types, dtypes and every bit."""
    if isinstance(a, (fl.Array, np.ndarray, np.generic)):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple, collections.deque)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Box):
        return a.label == b.label and same(a.content, b.content)
    return a == b


def round_trip(tmp_path, x, **options):
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, x)
    return checkpoint.load(path, **options)


def array_of(dtype, shape, rng):
    size = int(np.prod(shape))
    target = np.dtype(fnp.dtype(dtype))
    if dtype == "bool":
        return fnp.asarray(rng.integers(0, 2, size).astype(bool).reshape(shape))
    raw = rng.bytes(size * target.itemsize)  # any bits: nans, infinities, subnormals
    return fnp.asarray(np.frombuffer(raw, dtype=target).reshape(shape).copy())


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_shape(tmp_path, rng, dtype, shape):
    x = array_of(dtype, shape, rng)
    for options in ({}, {"like": x}, {"like": fl.ShapeDtypeStruct(shape, dtype)}):
        found = round_trip(tmp_path, x, **options)
        assert isinstance(found, fl.Array)
        assert same(found, x)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(),
    st.binary(max_size=9), st.text(max_size=8),
)  # fmt: skip
arrays = st.builds(
    lambda dtype, shape, seed: array_of(dtype, tuple(shape), np.random.default_rng(seed)),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 2**32),
)
names = st.text(max_size=5)
plain = st.recursive(
    st.one_of(scalars, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(names, inner, max_size=3),
        st.dictionaries(st.integers(), inner, max_size=3),
        st.dictionaries(names, inner, max_size=3).map(collections.OrderedDict),
        st.lists(inner, max_size=3).map(lambda xs: collections.deque(xs, maxlen=4)),
    ),
    max_leaves=12,
)
classes = st.recursive(
    st.one_of(scalars, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Box, inner, st.text(max_size=3)),
        st.dictionaries(names, inner, max_size=3),
    ),
    max_leaves=12,
)
quiet = hypothesis.settings(
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)


@quiet
@hypothesis.given(plain)
def test_plain_containers_come_back_without_a_template(tmp_path, x):
    found = round_trip(tmp_path, x)
    assert same(found, x)
    if isinstance(x, collections.deque):
        assert found.maxlen == x.maxlen


@quiet
@hypothesis.given(classes)
def test_any_tree_comes_back_with_a_template(tmp_path, x):
    def blank(leaf):
        return fl.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, fl.Array) else leaf

    assert same(round_trip(tmp_path, x, like=tree.map(blank, x)), x)


def test_numpy_scalars_and_arrays_keep_their_dtype(tmp_path):
    x = {
        "a": np.float64(1.5),
        "b": np.int8(3),
        "c": np.arange(6, dtype="int16")[::2],
        "d": np.bool_(1),
    }
    found = round_trip(tmp_path, x)
    for name, value in x.items():
        assert same(found[name], np.asarray(value))


def test_keys_of_dicts(tmp_path):
    x = {None: 1, True: 2, 5: 3, 2.5: 4, ("a", 1): 5, "": 6, "\ud800.\n": 7, "__metadata__": 8}
    assert round_trip(tmp_path, x) == x
    mixed = {"a.b": fnp.ones(1), "a": {"b": fnp.zeros(2)}, "__metadata__": fnp.ones(3)}
    assert same(round_trip(tmp_path, mixed), mixed)


def test_a_train_state_comes_back_into_its_shapes(tmp_path):
    net = nn.chain(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = optim.adam(1e-3)
    state = train_state(net, optimizer, random.key(3))
    shapes = fl.eval_shape(lambda key: train_state(net, optimizer, key), random.key(0))
    found = round_trip(tmp_path, state, like=shapes)
    assert isinstance(found, TrainState)
    assert all(map(same, tree.leaves(found), tree.leaves(state)))
    assert same(random.normal(found.key, (3,)), random.normal(state.key, (3,)))


def test_a_defaultdict_is_a_dict_and_comes_back_with_a_template(tmp_path):
    x = collections.defaultdict(list, {"b": 1, "a": 2})
    assert round_trip(tmp_path, x) == {"b": 1, "a": 2}
    found = round_trip(tmp_path, x, like=x)
    assert found["missing"] == []


# ---------------------------------------------------------------- other programs
def test_the_bytes_are_those_of_the_format(tmp_path):
    path = tmp_path / "x"
    checkpoint.save(path, {"b": fnp.asarray([True, False]), "w": fnp.asarray([[1.0, 2.0]])})
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    header = json.loads(raw[8 : 8 + length])
    assert header["w"] == {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
    assert header["b"] == {"dtype": "BOOL", "shape": [2], "data_offsets": [8, 10]}
    assert raw[8 + length :] == struct.pack("<2f2B", 1.0, 2.0, 1, 0)
    assert all(isinstance(value, str) for value in header["__metadata__"].values())


@pytest.mark.peers
def test_the_safetensors_package_reads_it(tmp_path, rng):
    package = pytest.importorskip("safetensors")
    x = {dtype: array_of(dtype, (2, 3), rng) for dtype in DTYPES} | {"é\ud800": fnp.ones(2)}
    path = tmp_path / "x"
    checkpoint.save(path, x)
    with package.safe_open(str(path), "np") as file:
        assert set(file.keys()) == {*DTYPES, "é\\ud800"}
        for dtype in DTYPES:
            if dtype == "bfloat16":  # the package hands out no bfloat16 for NumPy in some releases
                assert file.get_slice(dtype).get_dtype() == "BF16"
                continue
            found = file.get_tensor(dtype)
            if dtype == "complex128":
                found = found.view(np.complex128)[..., 0]
            assert same(found, x[dtype]), dtype


@pytest.mark.peers
def test_files_of_the_safetensors_package_are_read(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x"
    given = {"a": np.arange(6.0).reshape(2, 3), "b": np.asarray([1, 2], np.int8)}
    package.save_file(given, str(path))
    found = checkpoint.load(path)
    assert set(found) == {"a", "b"}
    assert all(same(found[name], given[name]) for name in given)
    with pytest.raises(CheckpointError, match="of another program"):
        checkpoint.load(path, like=given)


# ---------------------------------------------------------------- what does not fit
W = {"layers": [fnp.ones((2, 3)), fnp.ones(3)], "n": 1}


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"layers": [fnp.ones((2, 4)), fnp.ones(3)], "n": 1},
         r"at \['layers'\]\[0\] expected float32\[2, 4\], found float32\[2, 3\]"),
        ({"layers": [fnp.ones((2, 3), "float16"), fnp.ones(3)], "n": 1},
         r"at \['layers'\]\[0\] expected float16\[2, 3\], found float32\[2, 3\]"),
        ({"layers": [fnp.ones((2, 3))], "n": 1}, r"at \['layers'\] expected 1 children, found 2"),
        ({"layers": (fnp.ones((2, 3)), fnp.ones(3)), "n": 1}, "expected tuple, found list"),
        ({"layers": W["layers"], "m": 1}, r"missing: \['m'\], unexpected: \['n'\]"),
        ({"layers": W["layers"], "n": 1.0}, r"at \['n'\] expected float, found int"),
        ({"layers": W["layers"], "n": None}, r"at \['n'\] expected None, found int"),
        ({"layers": W["layers"], "n": fnp.ones(())}, r"expected float32\[\], found int"),
        ({"layers": None, "n": 1}, "expected None, found list"),
        ({"layers": 2, "n": 1}, "expected int, found list"),
        ([1], "at the root expected list, found dict"),
        (Box(1), "at the root expected Box, found dict"),
        ({"layers": [fnp.ones(1), fnp.ones(1)], "n": "x"}, r"\[0\].*\[1\].*\['n'\]"),
    ],
)  # fmt: skip
def test_a_template_that_does_not_fit(tmp_path, like, message):
    with pytest.raises(CheckpointError, match=message):
        round_trip(tmp_path, W, like=like)


def test_classes_need_a_template_of_their_kind(tmp_path):
    with pytest.raises(CheckpointError, match=r"got a Pair at \['x'\].*Remedy: pass like="):
        round_trip(tmp_path, {"x": Pair(1, 2)})
    with pytest.raises(CheckpointError, match="expected Box, found Pair"):
        round_trip(tmp_path, Pair(1, 2), like=Box(1))

    class Other(NamedTuple):
        a: Any
        b: Any

    Other.__name__ = "Pair"
    with pytest.raises(CheckpointError, match="expected the fields"):
        round_trip(tmp_path, Pair(1, 2), like=Other(1, 2))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({"f": [abs]}, r"got builtin_function_or_method at \['f'\]\[0\]"),
        ({"s": {1, 2}}, r"got set at \['s'\]"),
        ({"o": np.asarray([object()])}, r"at \['o'\]; got ndarray"),
        ({"d": {fl.bfloat16: 1}}, r"dict keys that are .* in \['d'\]"),
        ([10**5000], "JSON can describe"),
    ],
    ids=["function", "set", "objects", "key", "number"],
)
def test_what_cannot_be_saved(tmp_path, x, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.save(tmp_path / "x", x)
    assert list(tmp_path.iterdir()) == []


def test_saving_inside_a_transform_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="outside of jit"):
        fl.jit(lambda x: checkpoint.save(tmp_path / "x", [x]))(fnp.ones(2))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_or_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        checkpoint.save(tmp_path / "none" / "x", 1)

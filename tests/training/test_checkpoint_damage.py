"""Files that are cut off, damaged or made to hurt are errors, and nothing else."""

import json

import numpy as np
import pytest

import functorch_lite.numpy as fnp
from functorch_lite.errors import CheckpointError
from functorch_lite.training import checkpoint

TREE = {"w": fnp.asarray([1.5, -2.0]), "b": [fnp.asarray([True]), None, 3, "s", 0.5]}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x"
    checkpoint.save(path, TREE)
    return path


def test_every_truncation_is_noticed(path):
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def flip(path, bits):
    whole = path.read_bytes()
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def test_a_flipped_bit_in_any_byte_is_noticed(path):
    flip(path, [8 * byte + byte % 8 for byte in range(path.stat().st_size)])


@pytest.mark.long
def test_every_flipped_bit_is_noticed(path):
    flip(path, range(8 * path.stat().st_size))


def test_appended_bytes_are_noticed(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="1 bytes follow the last array"):
        checkpoint.load(path)


def test_random_damage_raises_nothing_else(path, rng):
    whole = path.read_bytes()
    for _ in range(500):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        if damaged == whole:
            continue
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            checkpoint.load(path, like=TREE)


def write(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(start, stop, shape=None, dtype="U8"):
    shape = [stop - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"", b"", "start with"),
        (b"[]", b"", "start with"),
        (b" {}", b"", "start with"),
        (b'{"a": NaN}', b"", "NaN is no JSON"),
        (b'{"a": 1, "a": 1}', b"", "twice"),
        (b'{"\xff": 1}', b"", "not JSON"),
        (b'{"a":' * 100_000, b"", "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", b"", "not JSON"),
        ({"a": 1}, b"", "has not exactly the fields"),
        ({"a": entry(0, 1) | {"x": 1}}, b"1", "has not exactly the fields"),
        ({"a": entry(0, 1, dtype="F99")}, b"1", "unknown dtype"),
        ({"a": entry(0, 1, dtype=["U8"])}, b"1", "unknown dtype"),
        ({"a": entry(0, 2, shape=[-1])}, b"12", "shape that is none"),
        ({"a": entry(0, 2, shape=[2.0])}, b"12", "shape that is none"),
        ({"a": entry(0, 2, shape=[True, 2])}, b"12", "shape that is none"),
        ({"a": entry(0, 1, shape=[1] * 65)}, b"1", "shape that is none"),
        ({"a": entry(0, 0, shape=[2**63, 0])}, b"", "shape that is none"),
        ({"a": entry(0, 0, shape=[2**62, 2**62, 0])}, b"", "has the shape"),
        ({"a": entry(0, 2**40)}, b"1", "cut off"),
        ({"a": entry(5, 1, shape=[1])}, b"12345", "cut off"),
        ({"a": entry(0, 2, shape=[3])}, b"12", "has 2 bytes instead of 3"),
        ({"a": entry(0, 2, shape=[2**40, 2**40])}, b"12", "instead of"),
        ({"a": entry(0, 2), "b": entry(1, 3)}, b"123", "overlaps"),
        ({"a": entry(0, 2), "b": entry(0, 2)}, b"12", "overlaps"),
        ({"a": entry(1, 2)}, b"12", "gap"),
        ({"a": entry(0, 1), "b": entry(2, 3)}, b"123", "gap"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0]}}, b"1", "offsets that are none"),
        ({"a": entry(0, 1, dtype="BOOL")}, b"\x02", "other bytes than 0 and 1"),
        ({"__metadata__": []}, b"", "not a dict of strings"),
        ({"__metadata__": {"a": 1}}, b"", "not a dict of strings"),
    ],
    ids=lambda x: str(x)[:30] if isinstance(x, (dict, bytes)) else None,
)
def test_hostile_headers(tmp_path, header, data, message):
    path = tmp_path / "x"
    write(path, header, data)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(path)


@pytest.mark.parametrize("length", [3, 100, 100_000_001, 2**63, 2**64 - 1])
def test_hostile_lengths(tmp_path, length):
    path = tmp_path / "x"
    write(path, {}, length=length)
    with pytest.raises(CheckpointError):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ("[", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "bare list"),
        ("1.5", "bare float"),
        ('{"array": "none"}', "is missing"),
        ('{"array": ["a"]}', "is missing"),
        ('{"array": "a", "dtype": "complex128"}', "not of the dtype"),
        ('{"list": 3}', "unknown kind"),
        ('{"what": 3}', "unknown kind"),
        ("{}", "unknown kind"),
        ('{"float": "x"}', "number at the root is damaged"),
        ('{"float": 3}', "number at the root is damaged"),
        ('{"complex": ["0x1", 2]}', "damaged"),
        ('{"bytes": "0"}', "bytes at the root are damaged"),
        ('{"dict": [["a"]]}', "dict at the root is damaged"),
        ('{"dict": [["a", 1], ["a", 2]]}', "key twice"),
        ('{"dict": [[["a"], 1]]}', "damaged key"),
        ('{"deque": [1, 2], "maxlen": 1}', "no such length"),
        ('{"deque": [1, 2], "maxlen": "x"}', "no such length"),
        ('{"node": "Box", "entries": [], "children": [1]}', "damaged"),
        ("null", "no place for the array 'a'"),
        ('{"list": [' * 5000 + "1" + "]}" * 5000, "too deeply|not JSON"),
    ],
    ids=lambda x: x[:30],
)
def test_hostile_structures(tmp_path, structure, message):
    from functorch_lite.training import tensor_file

    path = tmp_path / "x"
    metadata = {"format": "functorch_lite.checkpoint", "version": "1", "tree": structure}
    with open(path, "wb") as file:
        tensor_file.write_tensors(file, {"a": np.zeros(2, np.int16)}, metadata)
    for options in ({}, {"like": [1]}, {"like": fnp.zeros(2, "int16")}):
        with pytest.raises(CheckpointError):
            checkpoint.load(path, **options)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(path)


def test_another_version_says_so(tmp_path):
    path = tmp_path / "x"
    write(path, {"__metadata__": {"format": "functorch_lite.checkpoint", "version": "9"}})
    with pytest.raises(CheckpointError, match="version '9'"):
        checkpoint.load(path)


def test_a_missing_checksum_is_noticed(path):
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    del header["__metadata__"]["sha256"]
    write(path, header, raw[8 + length :])
    with pytest.raises(CheckpointError, match="lack"):
        checkpoint.load(path)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises((CheckpointError, OSError)):
        checkpoint.load(tmp_path)

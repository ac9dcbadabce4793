"""Files that are broken, cut off or lie about their sizes: each ends with an exception."""

import io
import os
import pickle
import resource
import struct
import zipfile
import zlib

import numpy as np
import pytest
from oracle import ours
from serialization_checks import (
    ERRORS,
    MODES,
    REST,
    P,
    archive,
    load,
    name,
    old_file,
    seconds,
    storage,
    string,
    tensor,
)  # fmt: skip

PROTOCOLS = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


# ---------------------------------------------------------------------------------- truncation
def small(T=None, **options):
    buffer = io.BytesIO()
    T = T or ours
    x = T.arange(6.0).reshape(2, 3)
    T.save({"x": x, "y": [x.t(), T.zeros(2, dtype=T.int8)], "z": (1, 2.5, "text")}, buffer,
    **options)
    return buffer.getvalue()


@pytest.mark.parametrize("new", [True, False])
def test_truncated_at_every_byte(new):
    whole = small(_use_new_zipfile_serialization=new)
    for end in range(len(whole)):
        for mode in MODES if end % 7 == 0 else [True]:
            with pytest.raises((*ERRORS, AttributeError)):
                load(whole[:end], mode)
    assert load(whole, True)["z"] == (1, 2.5, "text")


def flipped(whole, rng):
    """A copy with a few bits, bytes or pieces changed."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data)))
        kind = rng.integers(4)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 9))]
        else:
            data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8))
    return bytes(data)


def try_one(data, mode):
    """Load what may be broken: an exception of ours or a result, and nothing else."""
    try:
        load(data, mode)
    except ERRORS as error:
        assert str(error) or isinstance(error, EOFError)
        return False
    return True


@PROTOCOLS
def test_random_damage(request):
    seed = request.config.getoption("--seed", None)
    rng = np.random.default_rng(seed if isinstance(seed, int) else 0)
    wholes = [small(_use_new_zipfile_serialization=new) for new in (True, False)]
    pickled = zipfile.ZipFile(io.BytesIO(wholes[0])).read("archive/data.pkl")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(2000):
        if i % 4 < 2:
            data = flipped(wholes[i % 2], rng)
        else:
            # A whole archive, with damage where it reaches the reader of pickles.
            data = archive(flipped(pickled, rng), [b"\0" * 24, b"\0" * 2])
        try_one(data, i % 3 > 0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < 300_000, "kilobytes more than before"


# ------------------------------------------------------------------------------------------ zips
def test_sizes_that_archives_declare():
    data = tensor(storage(count=b"\x8a\x05\0\0\0\x10\0"), REST)  # 2**28 floats
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(b"\0" * (1 << 26)) + bomb.flush()
    for declared in (1 << 26, 1 << 30, (1 << 32) - 2):
        file = bytearray(archive(data, [packed]))
        at = file.rfind(b"PK\x01\x02")
        struct.pack_into("<H", file, at + 10, 8)
        struct.pack_into("<L", file, at + 24, declared)
        assert seconds(lambda f=bytes(file): load(f, True)) < 2
    # One that inflates to just what its tensor wants is refused for its growth alone.
    honest = tensor(storage(count=b"J\0\0\0\2"), REST)  # 2**25 floats
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive(honest))) as old:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for record in old.namelist():
                new.writestr(record, old.read(record))
            new.writestr("archive/data/0", bytes(1 << 27))
    with pytest.raises(RuntimeError, match="inflate to 134"):
        load(buffer.getvalue(), True)
    inside = bytearray(archive(data, [packed[:1000]]))
    struct.pack_into("<L", inside, inside.rfind(b"PK\x01\x02") + 20, 1 << 20)
    struct.pack_into("<L", inside, inside.rfind(b"PK\x01\x02") + 24, 1 << 20)
    with pytest.raises(RuntimeError, match="lies outside of the file|overlaps"):
        load(bytes(inside), True)


@pytest.mark.parametrize(
    ("change", "match"),
    [((8, 1), "encrypted"), ((10, 12), "compressed by method 12"), ((42, 0), "overlaps"),
     ((42, 0xFFFFFFF0), "overlaps"), ((46, 0x2E2E2F2E), "has the name"), ((0, 0), "broken")],
)  # fmt: skip
def test_directories_that_lie(change, match):
    file = bytearray(archive(tensor(storage(), REST), [b"\0" * 8]))
    at = file.rfind(b"PK\x01\x02")
    offset, value = change
    struct.pack_into("<H" if offset in (8, 10) else "<L", file, at + offset, value)
    with pytest.raises(RuntimeError, match=match):
        load(bytes(file), True)


@pytest.mark.parametrize("root", ["..", ".", "", "/", "a/..", "..\\x", "C:\\x"])
def test_paths_of_records(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError):
        load(archive(tensor(storage(), REST), [b"\0" * 8], root=root), True)
    with pytest.raises(RuntimeError):
        load(archive(P + b"N.", extra=[("../../x", b"x")]), True)
    assert not os.listdir(tmp_path)


def test_two_records_of_one_name_and_two_names_of_one_record():
    with pytest.warns(UserWarning, match="Duplicate name"):
        file = archive(tensor(storage(), REST), [b"\0" * 8], extra=[("data/0", b"\1" * 8)])
    with pytest.raises(RuntimeError, match="two records"):
        load(file, True)
    other = bytearray(archive(tensor(storage(), REST), [b"\0" * 8]))
    other[other.find(b"archive/data/0")] ^= 1
    with pytest.raises(RuntimeError, match="another name in its own header"):
        load(bytes(other), True)


def test_many_records_and_versions():
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 65535, 65535, 46, 0, 0)
    with pytest.raises(RuntimeError, match="directory"):
        load(b"PK\x03\x04" + b"\0" * 100 + end, True)
    for version in (b"11\n", b"0", b"", b"-1", b"\xff", b"9" * 30):
        file = archive(P + b"N.")
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(buffer, "w") as new:
            for record in old.namelist():
                new.writestr(record, version if record.endswith("version") else old.read(record))
        with pytest.raises(RuntimeError, match="maximum supported version"):
            load(buffer.getvalue(), True)


def test_scripts_are_refused():
    file = archive(P + b"N.", extra=[("constants.pkl", P + b"N.")])
    for mode, match in ((True, "Cannot use ``weights_only=True`` with TorchScript"), (False,
    "torch.jit")):
        with pytest.raises(RuntimeError, match=match):
            load(file, mode)


def test_old_files_that_lie():
    part = b"(" + string("storage") + name("torch.FloatStorage") + string("7") + string("cpu")
    good = tensor(part + b"K\x02NtQ", REST)
    keys = P + b"]" + string("7") + b"a."
    body = struct.pack("<q2f", 2, 1, 2)
    assert load(old_file(good, keys, body), True).tolist() == [1, 2]
    for data, names, rest in (
        (good, P + b"].", body), (good, P + b"]" + string("8") + b"a.", body), (good, P + b"N.",
        body),
        (good, P + b"](" + string("7") * 2 + b"e.", body), (good, keys, struct.pack("<q2f", 3, 1,
        2)),
        (good, keys, struct.pack("<q2f", -1, 1, 2)), (good, keys, body[:-1]), (good, keys, b""),
        (tensor(part + b"\x8a\x05\0\0\0\x10\0NtQ", REST), keys, body),
        (tensor(part + b"K\x02" + string("v") + b"K\x01K\x02\x87tQ", REST), keys, body),
        (tensor(part + b"K\x02" + string("v") + b"J\xff\xff\xff\xffK\x02\x87tQ", REST), keys, body),
        (tensor(part + b"K\x02]tQ", REST), keys, body),
    ):  # fmt: skip
        for mode in MODES:
            with pytest.raises(ERRORS):
                load(old_file(data, names, rest), mode)
    for length in (b"\x8a\x05\0\0\0\0\x01", b"J\0\0\0\x10"):
        with pytest.raises(RuntimeError, match="more than it has"):
            load(old_file(tensor(part + length + b"NtQ", REST), keys, body), True)
    with pytest.raises(RuntimeError, match="Invalid protocol version"):
        load(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1, 2), True)

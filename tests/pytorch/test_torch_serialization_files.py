"""Files themselves: written whole or not at all, safetensors, memory of others."""

import os
import stat

import numpy as np
import pytest
from oracle import ours, real

LAYOUTS = [True, False]


# ----------------------------------------------------------------------------- writing is atomic
class Unpicklable:
    def __reduce__(self):
        raise OSError("disk full")


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.pt"
    ours.save(ours.ones(2), path)
    for new in LAYOUTS:
        with pytest.raises(OSError, match="disk full"):
            ours.save([ours.zeros(1000), Unpicklable()], path, _use_new_zipfile_serialization=new)
        assert os.listdir(tmp_path) == ["x.pt"] and ours.load(path).tolist() == [1, 1]
    with pytest.raises(OSError, match="disk full"):
        ours.save(Unpicklable(), tmp_path / "new.pt")
    assert os.listdir(tmp_path) == ["x.pt"]


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    ours.save(ours.ones(2), path)

    def fsync(handle):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="no space left"):
        ours.save(ours.zeros(2), path)
    assert os.listdir(tmp_path) == ["x.pt"] and ours.load(path).tolist() == [1, 1]


def test_modes_links_and_pipes(tmp_path):
    path, link = tmp_path / "x.pt", tmp_path / "link.pt"
    ours.save(ours.ones(1), path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    ours.save(ours.zeros(1), link)
    assert link.is_symlink() and ours.load(path).tolist() == [0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    ours.save(ours.ones(1), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_safetensors(tmp_path):
    header = (b'{"__metadata__":{"format":"pt"},'
              b'"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},'
              b'"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}')  # fmt: skip
    body = np.array([1, 2], np.float32).tobytes() + b"\x80\x3f"
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)
    found = ours.load(path)
    assert found["a"].tolist() == [[1, 2]] and str(found["b"]) == "tensor(1., dtype=torch.bfloat16)"
    with pytest.raises(RuntimeError, match="CUDA device"):
        ours.load(path, map_location="cuda")
    with pytest.raises(RuntimeError, match="with dict map_location is not supported"):
        ours.load(path, map_location={})
    for wrong in (header.replace(b"[8,10]", b"[7, 9]"), header.replace(b"[8,10]", b"[8,99]"),
                  header.replace(b"F32", b"F99"), header.replace(b"[1,2]", b"[-1,-2]"), header[:-1],
                  b"[]", b"[" * 100_000):  # fmt: skip
        path.write_bytes(len(wrong).to_bytes(8, "little") + wrong + body)
        with pytest.raises(RuntimeError, match="Error while deserializing header"):
            ours.load(path)
    padded = header + b" " * 200
    path.write_bytes(len(padded).to_bytes(8, "little") + padded + body)
    assert ours.load(path)["a"].tolist() == [[1, 2]]
    path.write_bytes(b"\xff" * 8 + header)
    with pytest.raises(RuntimeError, match="it says that it has"):
        ours.load(path)


# ----------------------------------------------------------------------------- memory of others
@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
@pytest.mark.parametrize(
    "options",
    [{}, {"count": 2}, {"count": 3}, {"offset": 2}, {"offset": 10}, {"offset": -1}, {"count": 0},
     {"count": -2}, {"count": 1, "offset": 1}, {"count": 1, "offset": 8}],
)  # fmt: skip
def test_frombuffer(options):
    for buffer in (bytearray(range(10)), bytes(8), bytearray(), memoryview(bytearray(16)), 3):
        found = []
        for T in (ours, real):
            try:
                found.append(T.frombuffer(buffer, dtype=T.int32, **options).tolist())
            except Exception as error:
                found.append((type(error), str(error)))
        assert found[0] == found[1]


def test_frombuffer_shares_memory():
    for T in (ours, real):
        data = bytearray(8)
        x = T.frombuffer(data, dtype=T.float32, requires_grad=True)
        x.detach().fill_(1.0)
        assert data == np.ones(2, np.float32).tobytes() and x.requires_grad


def test_storages_in_files(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(8)))
    storage = ours.UntypedStorage.from_file(str(path), False, 4)
    storage[0] = 9
    assert storage.tolist() == [9, 1, 2, 3] and path.read_bytes() == bytes(range(8))
    ours.UntypedStorage.from_file(str(path), True, 4)[0] = 9
    assert path.read_bytes()[0] == 9
    with pytest.raises(RuntimeError, match="cannot map 99 bytes"):
        ours.UntypedStorage.from_file(str(path), False, 99)

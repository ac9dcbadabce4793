"""Files of torch.save and torch.load, both ways with real PyTorch."""

import collections
import io
import os
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
from oracle import array_of, ours, real
from serialization_checks import agrees, crosses, loaded, parameter, saved

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
          "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]  # fmt: skip
BYTES_ONLY = {"uint16", "uint32", "uint64"}
LAYOUTS = [True, False]


def values(T, name):
    flat = T.arange(12).to(getattr(T, name)) if name != "bool" else T.arange(12) % 2 == 0
    return flat * (1 - 2j) if name.startswith("complex") else flat


@pytest.mark.parametrize("new", LAYOUTS)
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(name, new):
    if not new and name in BYTES_ONLY:
        # PyTorch cannot read its own old files of these; we can.
        data = saved(real, real.arange(3).to(getattr(real, name)),
                     _use_new_zipfile_serialization=False)  # fmt: skip
        agrees(loaded(ours, data), real.arange(3).to(getattr(real, name)))
        return

    def build(T):
        x = values(T, name)
        return [x, x.reshape(3, 4).t(), x[3:], x[0], x[:0], x.reshape(2, 6)[:, ::3]]

    crosses(build, _use_new_zipfile_serialization=new)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_small_floats(name):
    data = saved(real, real.tensor([0.5, 2.0]).to(getattr(real, name)))
    back = loaded(ours, data)
    assert str(back.dtype) == f"torch.{name}"
    again = loaded(real, saved(ours, back))
    assert again.dtype == getattr(real, name) and again.float().tolist() == [0.5, 2.0]


@pytest.mark.parametrize("new", LAYOUTS)
def test_containers_and_constants(new):
    def build(T):
        x = T.arange(6.0).reshape(2, 3)
        shared = ["same"]
        return {
            "tensor": x, "parameter": parameter(T, x), "fixed": parameter(T, x.clone(), False),
            "size": x.shape, "device": T.device("cpu"), "cuda": T.device("cuda", 1),
            "dtype": T.bfloat16, "layout": T.strided, 3: None, (1, "a"): [True, False],
            "numbers": [0, -1, 255, 256, 65536, -(2**31), 2**31, 2**70, -(2**70), 2.5, 1j],
            "text": "größer\udcff", "bytes": b"\x00\xff", "bytearray": bytearray(b"ab"),
            "set": {1, 2}, "ordered": collections.OrderedDict(b=x[0], a=1),
            "counter": collections.Counter("aab"), "nested": [[[(1, (2, (3,)))]], {}, [], ()],
            "shared": [shared, shared], "leaf": T.ones(2, requires_grad=True),
            "state": T.Generator().manual_seed(3).get_state(),
        }  # fmt: skip

    crosses(build, _use_new_zipfile_serialization=new)


def test_the_archive_is_laid_out_as_pytorchs():
    def build(T):
        x = T.arange(6.0).reshape(2, 3)
        return {"x": x, "y": x.t(), "p": parameter(T, x), "e": T.zeros(2, 0, 3),
                "u": T.zeros(3, dtype=T.uint16)}  # fmt: skip

    mine, theirs = (zipfile.ZipFile(io.BytesIO(saved(T, build(T)))) for T in (ours, real))
    assert mine.testzip() is None
    for a, b in zip(mine.infolist(), theirs.infolist(), strict=True):
        assert (a.filename, a.file_size, a.header_offset) == (b.filename, b.file_size,
                                                              b.header_offset)  # fmt: skip
        if "serialization_id" not in a.filename:
            assert mine.read(a) == theirs.read(b), a.filename


@pytest.mark.parametrize("new", LAYOUTS)
def test_shared_memory_is_shared_again(new):
    for T, R in ((ours, real), (real, ours), (ours, ours)):
        x = T.arange(10.0)
        data = saved(T, [x, x[2:5], x.view(2, 5).t(), x], _use_new_zipfile_serialization=new)
        a, b, c, d = loaded(R, data)
        a[3] = 50.0
        assert b[1] == 50.0 and c[3, 0] == 50.0 and d[3] == 50.0
        assert b.untyped_storage().nbytes() == 40


def test_storages_themselves():
    data = saved(real, [real.arange(3.0).untyped_storage(), real.arange(3.0)])
    storage, tensor = loaded(ours, data, weights_only=False)
    assert np.frombuffer(bytes(storage.tolist()), np.float32).tolist() == [0, 1, 2]
    again, _ = loaded(real, saved(ours, [storage, tensor]), weights_only=False)
    assert again._untyped_storage.tolist() == storage.tolist()


def test_an_optimisers_state():
    def build(T):
        state = {0: {"step": T.tensor(3.0), "exp_avg": T.ones(2), "exp_avg_sq": T.zeros(2)}}
        group = {"lr": 1e-3, "betas": (0.9, 0.999), "foreach": None, "params": [0]}
        return {"state": state, "param_groups": [group]}

    crosses(build)
    net = real.nn.Sequential(real.nn.Linear(3, 4), real.nn.BatchNorm1d(4))
    optimizer = real.optim.Adam(net.parameters())
    net(real.ones(2, 3)).sum().backward()
    optimizer.step()
    theirs = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    mine = loaded(ours, saved(real, theirs))
    agrees(mine, theirs)
    # The versions of modules are an attribute of the dict.
    assert mine["net"]._metadata == net.state_dict()._metadata
    back = loaded(real, saved(ours, mine))
    net.load_state_dict(back["net"])
    optimizer.load_state_dict(back["optimizer"])
    agrees(mine, back)


def test_conjugates_and_negatives():
    x = real.tensor([1 + 2j, 3 - 1j])
    got = loaded(ours, saved(real, [x.conj(), x.clone().conj().imag]))
    np.testing.assert_array_equal(array_of(got[0]), [1 - 2j, 3 + 1j])
    np.testing.assert_array_equal(array_of(got[1]), [-2, 1])


# ------------------------------------------------------------------------------------- the caller
@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_paths(tmp_path, kind):
    for i, (T, R) in enumerate(((ours, real), (real, ours))):
        path = kind(tmp_path / f"some.name{i}.pt")
        T.save({"x": T.ones(3)}, path)
        assert R.load(path)["x"].tolist() == [1, 1, 1]
        assert zipfile.ZipFile(path).namelist()[0] == f"some.name{i}/data.pkl"
    assert sorted(os.listdir(tmp_path)) == ["some.name0.pt", "some.name1.pt"]


def test_names_that_are_no_ascii(tmp_path):
    path = tmp_path / "größe.pt"
    ours.save(ours.ones(1), path)
    assert real.load(path).tolist() == [1]
    assert zipfile.ZipFile(path).namelist()[0] == "archive/data.pkl"


def test_a_file_that_does_not_begin_with_the_archive():
    for T, R in ((ours, real), (real, ours)):
        buffer = io.BytesIO(b"before" + saved(T, T.arange(3)))
        buffer.seek(6)
        assert R.load(buffer).tolist() == [0, 1, 2]


def test_old_files_one_after_the_other():
    buffer = io.BytesIO()
    for i in range(3):
        (ours, real, ours)[i].save((ours, real, ours)[i].full((2,), i), buffer,
                                   _use_new_zipfile_serialization=False)  # fmt: skip
    buffer.seek(0)
    assert [ours.load(buffer).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]


def test_raw_files_without_a_buffer(tmp_path):
    path = tmp_path / "x.pt"
    with open(path, "wb", buffering=0) as file:
        ours.save(ours.arange(1000), file)
    for new in LAYOUTS:
        with open(path, "wb", buffering=0) as file:
            ours.save(ours.arange(1000), file, _use_new_zipfile_serialization=new)
        with open(path, "rb", buffering=0) as file:
            assert ours.load(file)[999] == 999


class Plain:
    """A file of few methods, which does not know where it ends."""

    def __init__(self, data):
        file = io.BytesIO(data)
        self.read, self.readline, self.tell, self._seek = (
            file.read, file.readline, file.tell, file.seek,
        )  # fmt: skip

    def seek(self, offset, whence=0):
        if whence:
            raise ValueError("Seek from end not supported")
        return self._seek(offset)


@pytest.mark.parametrize("new", LAYOUTS)
def test_files_of_few_methods(new):
    data = saved(real, real.arange(1000), _use_new_zipfile_serialization=new)
    assert ours.load(Plain(data)).tolist() == list(range(1000))


def test_mapped_files(tmp_path):
    path = str(tmp_path / "x.pt")
    for T, R in ((real, ours), (ours, real), (ours, ours)):
        T.save({"a": T.arange(1000.0), "b": T.zeros(0), "c": T.arange(3, dtype=T.int8)}, path)
        before = pathlib.Path(path).read_bytes()
        found = R.load(path, mmap=True)
        assert found["a"][999] == 999 and found["c"].tolist() == [0, 1, 2]
        found["a"][0] = 7.0  # in memory only
        assert found["a"][0] == 7 and pathlib.Path(path).read_bytes() == before
    ours.save(ours.arange(4.0), path)
    with ours.serialization.set_default_mmap_options(__import__("mmap").MAP_SHARED):
        ours.load(path, mmap=True)[1] = 9.0
    assert real.load(path).tolist() == [0, 9, 2, 3]


@pytest.mark.parametrize(
    "place", ["cpu", "cuda", "cuda:0", {"cpu": "cuda:1"}, {"cuda": "cpu"}, "device", "tag", "xpu",
              "foo", "", 3],
)  # fmt: skip
def test_map_location(place):
    data = saved(real, real.ones(2))

    def program(T):
        chosen = {"device": T.device("cuda"), "tag": lambda storage, tag: None}.get(
            place if isinstance(place, str) else "", place
        )
        return loaded(T, data, map_location=chosen).tolist()

    found = []
    for T in (ours, real):
        try:
            found.append(program(T))
        except Exception as error:
            found.append((type(error), str(error)))
    assert found[0] == found[1]


def test_map_location_as_a_function():
    x = real.arange(3.0)
    seen = []

    def place(storage, tag):
        seen.append((type(storage).__name__, tag, storage.nbytes()))
        return storage.clone()

    data = saved(real, [x, x[1:], real.ones(1)])
    a, b, c = loaded(ours, data, map_location=place)
    assert seen == [("UntypedStorage", "cpu", 12), ("UntypedStorage", "cpu", 4)]
    assert a.tolist() == [0, 1, 2] and b.tolist() == [1, 2] and c.tolist() == [1]
    with pytest.raises(TypeError, match="must return an UntypedStorage or None, but got int"):
        loaded(ours, data, map_location=lambda storage, tag: 3)
    with pytest.raises(RuntimeError, match="are out of bounds for storage of size 4"):
        loaded(ours, data, map_location=lambda storage, tag: storage[:4])


def test_files_from_a_gpu():
    name = zipfile.ZipFile(io.BytesIO(saved(real, real.ones(2))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for record in name.namelist():
            text = name.read(record)
            archive.writestr(record, text.replace(b"\x03\x00\x00\x00cpu",
            b"\x06\x00\x00\x00cuda:0"))
    data = buffer.getvalue()
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device but"):
        loaded(ours, data)
    assert loaded(ours, data, map_location="cpu").tolist() == [1, 1]
    assert loaded(ours, data, map_location={"cuda:0": "cpu"}).tolist() == [1, 1]


def test_deflated_archives_and_other_byte_orders():
    written = zipfile.ZipFile(io.BytesIO(saved(real, [real.arange(100.0), real.ones(2) * 1j])))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in written.namelist():
            text = written.read(record)
            if record == "archive/byteorder":
                text = b"big"
            if record.startswith("archive/data/"):
                text = np.frombuffer(text, np.uint32).byteswap().tobytes()
            archive.writestr(record, text)
    x, y = loaded(ours, buffer.getvalue())
    assert x.tolist() == list(range(100)) and y.tolist() == [1j, 1j]


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_protocols(protocol):
    def build(T):
        return [T.arange(3.0), b"abc", {1}, "text" * 100, 2**40, (1, 2), {"a": None}, 0.5]

    for T, R in ((ours, real), (real, ours), (ours, ours)):
        data = saved(T, build(T), pickle_protocol=protocol)
        found = loaded(R, data, weights_only=False)
        assert found[0].tolist() == [0, 1, 2] and found[1:] == build(real)[1:]
    errors = []
    for T in (ours, real):
        with pytest.warns() if protocol > 2 else __import__("contextlib").nullcontext():
            try:
                loaded(T, data)
                errors.append(None)
            except Exception as error:
                errors.append((type(error), str(error)))
    assert errors[0] == errors[1]


# ------------------------------------------------------------------------------------- refusals
def messages(program):
    found = []
    for T in (ours, real):
        with pytest.raises(Exception) as caught:
            program(T)
        found.append((caught.type.__name__, str(caught.value)))
    assert found[0] == found[1]
    return found[0]


def test_messages(tmp_path):
    unsafe = saved(real, {"x": print})
    messages(lambda T: loaded(T, unsafe))
    messages(lambda T: T.save(1, 3))
    messages(lambda T: T.save(T.ones(1), tmp_path / "none" / "x.pt"))
    messages(lambda T: T.load(tmp_path / "none"))
    messages(lambda T: T.load(3))
    messages(lambda T: loaded(T, b"\x80\x02K\x01."))
    messages(lambda T: loaded(T, saved(T, 1), mmap=True))
    messages(lambda T: loaded(T, saved(T, 1), weights_only=True, pickle_module=pickle))
    old = saved(ours, ours.ones(2), _use_new_zipfile_serialization=False)
    messages(lambda T: loaded(T, old, mmap=True))
    messages(lambda T: loaded(T, old[:-1]))

    def mixed(T):
        x = T.ones(2)
        saved(T, [x, x.view(T.int32)])

    messages(mixed)


def test_pickle_modules():
    import dataclasses as other

    data = saved(ours, ours.ones(1))
    assert loaded(ours, data, pickle_module=pickle).tolist() == [1]
    with pytest.raises(RuntimeError, match="pickle_module='dataclasses' is not used"):
        loaded(ours, data, pickle_module=other)
    with pytest.raises(RuntimeError, match="pickle_module='dataclasses' is not used"):
        ours.save(1, io.BytesIO(), pickle_module=other)


def test_what_cannot_be_saved():
    with pytest.raises(pickle.PicklingError, match="it's not found as"):
        saved(ours, lambda: None)
    with pytest.raises(pickle.PicklingError, match="PyTorch has no name for it"):
        saved(ours, ours._core.tensor.make)

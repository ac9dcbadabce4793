"""Objects written and read in both worlds, and files put together by hand."""

import io
import pickle
import struct
import time
import zipfile

import pytest
from oracle import is_tensor, ours, real, same

from functorch_lite.torch.nn.parameter import Parameter

ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError)
MODES = [True, False]


def parameter(T, *args):
    return (Parameter if T is ours else T.nn.Parameter)(*args)


def saved(T, obj, **options):
    buffer = io.BytesIO()
    T.save(obj, buffer, **options)
    return buffer.getvalue()


def loaded(T, data, **options):
    return T.load(io.BytesIO(data), **options)


def agrees(a, b, path="object"):
    """Assert that our object is PyTorch's, in containers of any kind."""
    if isinstance(b, dict):
        assert type(a) is type(b) and list(a) == list(b), path
        for key in b:
            agrees(a[key], b[key], f"{path}[{key!r}]")
    elif is_tensor(b):
        assert type(a).__name__ == type(b).__name__, path
        same(a, b, path, rtol=0)
    elif isinstance(b, (list, tuple)):
        assert type(a).__name__ == type(b).__name__ and len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            agrees(x, y, f"{path}[{i}]")
    elif type(b).__module__.startswith("torch"):
        assert str(a) == str(b), path
    else:
        assert a == b and type(a) is type(b), path


def crosses(build, weights_only=True, **options):
    """Each world reads what the other wrote, and its own."""
    mine, theirs = build(ours), build(real)
    written = {T: saved(T, obj, **options) for T, obj in ((ours, mine), (real, theirs))}
    for writer in (ours, real):
        agrees(loaded(ours, written[writer], weights_only=weights_only), theirs)
        agrees(loaded(ours, written[writer], weights_only=False), theirs)
        agrees(mine, loaded(real, written[writer], weights_only=weights_only))
    return written


# ------------------------------------------------------------------------------- files by hand
def archive(data, storages=(), root="archive", method=zipfile.ZIP_STORED, extra=()):
    """An archive around a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(f"{root}/data.pkl", data)
        for name, value in (("byteorder", b"little"), ("version", b"3\n"), *extra):
            file.writestr(f"{root}/{name}", value)
        for i, value in enumerate(storages):
            file.writestr(f"{root}/data/{i}", value)
    return buffer.getvalue()


def old_file(data, keys=b"\x80\x02].", storages=b""):
    """The same in the older format."""
    head = [0x1950A86A20F9469CFC6C, 1001, {}]
    return b"".join(pickle.dumps(part, 2) for part in head) + data + keys + storages


def load(data, weights_only):
    return ours.load(io.BytesIO(data), weights_only=weights_only)


def name(path):
    module, _, last = path.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def string(text):
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


P = b"\x80\x02"


def tensor(storage, rest):
    return P + name("torch._utils._rebuild_tensor_v2") + b"(" + storage + rest + b"tR."


def storage(kind="torch.FloatStorage", key="0", place="cpu", count=b"K\x02"):
    key = key if isinstance(key, bytes) else string(key)
    return b"(" + string("storage") + name(kind) + key + string(place) + count + b"tQ"


REST = b"K\x00K\x02\x85K\x01\x85\x89" + name("collections.OrderedDict") + b")R"


def seconds(program):
    start = time.perf_counter()
    with pytest.raises(ERRORS):
        program()
    return time.perf_counter() - start

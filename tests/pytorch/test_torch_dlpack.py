"""DLPack and NumPy's protocols: one memory, seen by several libraries."""

import ctypes
import gc
import sys
import threading

import numpy as np
import pytest
from oracle import ours, real

import functorch_lite.numpy as fnp
from functorch_lite.torch._core import dlpack

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
          "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]  # fmt: skip


def told(f):
    """The type and first words of what a function raises."""
    with pytest.raises(Exception) as caught:
        f()
    return type(caught.value).__name__, str(caught.value)[:40]


# ------------------------------------------------------------------------------ with PyTorch itself
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("max_version", [None, (1, 0)])
def test_every_dtype_there_and_back(name, max_version):
    mine = ours.arange(6).to(getattr(ours, name)).reshape(2, 3)
    theirs = real.from_dlpack(mine.__dlpack__(max_version=max_version))
    assert str(theirs.dtype) == f"torch.{name}" and theirs.stride() == (3, 1)
    assert theirs.tolist() == mine.tolist() and theirs.data_ptr() == mine.data_ptr()
    theirs[1, 2] = 0
    assert not mine[1, 2].item()
    back = ours.from_dlpack(theirs)
    assert back.dtype is mine.dtype and back.data_ptr() == mine.data_ptr()
    back[0, 1] = 0
    assert not theirs[0, 1].item() and not mine[0, 1].item()


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:, ::2],
        lambda x: x.t(),
        lambda x: x[2, 3],
        lambda x: x[4:],
        lambda x: x[:0, 1:],
        lambda x: x[:1].expand(3, 4),
        lambda x: x.as_strided((2, 2), (1, 1), 3),
    ],
)
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_views(view, name):
    mine = view(ours.arange(16).to(getattr(ours, name)).reshape(4, 4))
    theirs = real.from_dlpack(mine)
    assert theirs.tolist() == mine.tolist() and theirs.shape == mine.shape
    back = ours.from_dlpack(theirs)
    assert back.tolist() == mine.tolist() and back.shape == mine.shape
    if mine.numel():
        assert back.data_ptr() == theirs.data_ptr() == mine.data_ptr()
        long = [i for i, n in enumerate(mine.shape) if n > 1]
        assert [back.stride(i) for i in long] == [mine.stride(i) for i in long]


def test_tensors_taken_from_elsewhere_are_ordinary():
    theirs = real.arange(4.0)
    w = ours.from_dlpack(theirs).requires_grad_()
    (w * w).sum().backward()
    assert w.grad.tolist() == [0, 2, 4, 6]
    with ours.no_grad():
        w.sub_(w.grad)
    assert theirs.tolist() == [0, -1, -2, -3]
    assert w._version == 1 and ours.from_dlpack(theirs)._version == 0


def test_memory_lives_as_long_as_someone_sees_it():
    theirs = real.ones(1000)
    kept = sys.getrefcount(theirs)
    mine = ours.from_dlpack(theirs)
    part = mine[10:20]
    del mine, theirs
    gc.collect()
    assert part.tolist() == [1.0] * 10
    array = np.ones(5)
    before = sys.getrefcount(array)
    x = ours.from_dlpack(array)
    assert sys.getrefcount(array) > before
    del x
    assert sys.getrefcount(array) == before and kept
    x = ours.ones(5)
    y = np.from_dlpack(x)
    del x
    assert y.tolist() == [1.0] * 5


def test_a_capsule_is_taken_once():
    for T in (ours, real):
        capsule = T.to_dlpack(T.ones(2))
        assert "dltensor" in repr(capsule)
        assert T.utils.dlpack.from_dlpack(capsule).tolist() == [1, 1]
        assert "used_dltensor" in repr(capsule)
        with pytest.raises(RuntimeError, match="invalid capsule"):
            T.from_dlpack(capsule)
    real.from_dlpack(capsule := ours.to_dlpack(ours.ones(2)))
    with pytest.raises(RuntimeError, match="consumed only once"):
        ours.from_dlpack(capsule)
    # What nobody takes is given back by the capsule.
    for _ in range(3):
        ours.ones(2).__dlpack__(max_version=(1, 0))


@pytest.mark.parametrize(
    "call",
    [
        lambda T: T.ones(2, requires_grad=True).__dlpack__(),
        lambda T: (T.ones(2, requires_grad=True) * 2).__dlpack__(),
        lambda T: T.from_dlpack(T.ones(2, requires_grad=True)),
        lambda T: T.ones(2).__dlpack__(stream=1),
        lambda T: T.ones(2).__dlpack__(stream="a"),
        lambda T: T.ones(2).__dlpack__(stream=True),
        lambda T: T.ones(2).__dlpack__(dl_device="cpu"),
        lambda T: T.ones(2).__dlpack__(dl_device=T.device("cpu")),
        lambda T: T.to_dlpack(3),
        lambda T: T.from_dlpack(3),
        lambda T: T.from_dlpack(np.ones(2), device="cuda"),
        lambda T: T.from_dlpack(np.ones(2), device="meta"),
        lambda T: T.ones(2, device="meta").__dlpack__(),
        lambda T: T.ones(2, device="meta").__dlpack_device__(),
        lambda T: T.from_dlpack(np.ones(2), device=3),
        lambda T: T.from_dlpack(T.to_dlpack(T.ones(2)), copy=True),
        lambda T: T.from_dlpack(np.array(["a"])),
        lambda T: T.from_dlpack(np.ones(2, np.clongdouble)),
        lambda T: T.from_dlpack(np.ones(2, ">f4")),
        lambda T: T.ones(2).__cuda_array_interface__,
        lambda T: T.ones(2).__array_interface__,
        lambda T: np.asarray(T.ones(2, dtype=T.bfloat16)),
        lambda T: np.asarray(T.ones(2, requires_grad=True)),
        lambda T: np.asarray(T.ones(2), dtype=np.float64, copy=False),
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_refusals_are_pytorchs(call):
    assert told(lambda: call(ours)) == told(lambda: call(real))


def test_arguments_that_are_taken():
    for T in (ours, real):
        t = T.ones(2)
        for options in (
            {"stream": None}, {"stream": -1}, {"dl_device": (1, 0)}, {"dl_device": [1, 1]},
            {"copy": False}, {"max_version": (0, 8)}, {"max_version": (2, 0)},
        ):  # fmt: skip
            assert T.from_dlpack(t.__dlpack__(**options)).data_ptr() == t.data_ptr()
        assert T.from_dlpack(t.__dlpack__(copy=True)).data_ptr() != t.data_ptr()
        assert T.from_dlpack(t, copy=True).data_ptr() != t.data_ptr()
        assert T.from_dlpack(t, device="cpu").data_ptr() == t.data_ptr()
        assert T.from_dlpack(t, device=T.device("cpu"), copy=False).data_ptr() == t.data_ptr()
        assert t.__dlpack_device__() == (1, 0)
        kind = t.__dlpack_device__()[0]
        assert (kind.name, type(kind).__module__) == ("kDLCPU", "torch.utils.dlpack")
        # The requirement of a gradient does not pass, and only the protocol minds it.
        assert not T.from_dlpack(T.to_dlpack(T.ones(2, requires_grad=True))).requires_grad
    kinds = [T.utils.dlpack.DLDeviceType.__members__ for T in (ours, real)]
    assert list(map(dict, kinds))[0] == dict(kinds[1])


# ------------------------------------------------------------------ capsules written field by field
DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
NEW = ctypes.pythonapi.PyCapsule_New
NEW.argtypes, NEW.restype = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p), ctypes.py_object
KEPT = []  # what a capsule points to
ARRAY = np.arange(12, dtype=np.float32)


def capsule_with(form, shape, strides=None, **fields):
    """A capsule over ARRAY, and the list of calls of its deleter."""
    calls = []
    deleter = DELETER(calls.append)
    managed = form(deleter=ctypes.cast(deleter, ctypes.c_void_p).value)
    t = managed.tensor
    t.data, t.device_type, t.ndim = ARRAY.ctypes.data, 1, len(shape)
    t.code, t.bits, t.lanes = 2, 32, 1
    rows = [row and (ctypes.c_int64 * len(row))(*row) for row in (shape, strides)]
    for name, row in zip(("shape", "strides"), rows, strict=True):
        if row:
            setattr(t, name, ctypes.cast(row, ctypes.POINTER(ctypes.c_int64)))
    if form is dlpack._Versioned:
        managed.major = 1
    for name, value in fields.items():
        setattr(managed if hasattr(managed, name) else t, name, value)
    KEPT.append((managed, rows, deleter))
    return NEW(ctypes.addressof(managed), NAMES[form], None), calls


NAMES = {form: name for name, _, form in dlpack._FORMS}
FORMS = pytest.mark.parametrize("form", list(NAMES))


@FORMS
@pytest.mark.parametrize(
    ("shape", "strides", "fields", "values"),
    [
        ((2, 3), (3, 1), {}, [[0, 1, 2], [3, 4, 5]]),
        ((2, 3), None, {"byte_offset": 8}, [[2, 3, 4], [5, 6, 7]]),
        ((3, 2), (0, 4), {}, [[0, 4]] * 3),
        ((), None, {"byte_offset": 4}, 1),
        ((0, 2), None, {"data": None}, []),
        ((2, 0), (-1, 1), {}, [[], []]),
    ],
)
def test_memory_is_given_back_once(form, shape, strides, fields, values):
    capsule, calls = capsule_with(form, shape, strides, **fields)
    t = ours.from_dlpack(capsule)
    assert t.tolist() == values and len(calls) == (0 in shape)
    part = t.detach()
    del t
    with pytest.raises(RuntimeError, match="invalid capsule"):
        ours.from_dlpack(capsule)
    gc.collect()
    assert len(calls) == (0 in shape) and part.tolist() == values
    del part, capsule
    gc.collect()
    assert calls == [ctypes.addressof(KEPT[-1][0])]


@FORMS
@pytest.mark.parametrize(
    ("shape", "strides", "fields", "message"),
    [
        ((3,), (-1,), {}, "stride is negative"),
        ((-2,), None, {}, "size is negative"),
        ((2,), None, {"data": None}, "no memory for its elements"),
        ((), None, {"ndim": 1}, "no shape for its 1 dim"),
        ((2,), None, {"ndim": -1}, "no shape for its -1 dim"),
        ((2,), None, {"minor": 5, "major": 2}, "DLPack 2.5, expected 1.x"),
    ],
)
def test_what_is_refused_stays_in_the_capsule(form, shape, strides, fields, message):
    if "major" in fields:
        form = dlpack._Versioned
    capsule, calls = capsule_with(form, shape, strides, **fields)
    with pytest.raises(BufferError, match=message):
        ours.from_dlpack(capsule)
    gc.collect()
    assert not calls and dlpack._is_valid(capsule, NAMES[form])


def test_one_of_several_threads_takes_a_capsule():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            capsule, calls = capsule_with(dlpack._Versioned, (3,))
            start, taken = threading.Barrier(4), []

            def take(capsule=capsule, start=start, taken=taken):
                start.wait()
                try:
                    taken.append(ours.from_dlpack(capsule))
                except RuntimeError:
                    pass

            threads = [threading.Thread(target=take) for _ in range(4)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            assert len(taken) == 1
            taken.clear()
            assert len(calls) == 1
    finally:
        sys.setswitchinterval(interval)


# ----------------------------------------------------------------------------- with other libraries
def test_numpy():
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    mine = ours.from_dlpack(array)
    mine[0, 0] = 7
    assert array[0, 0] == 7 and mine.stride() == (3, 2)
    seen = np.from_dlpack(mine)
    assert np.shares_memory(seen, array)
    assert np.shares_memory(np.asarray(mine), array)
    assert not np.shares_memory(np.array(mine), array)
    assert np.asarray(mine, dtype=np.float32).dtype == np.float32
    with pytest.raises(BufferError, match="stride is negative"):
        ours.from_dlpack(array[::-1])


def test_memory_that_may_not_be_written_to():
    array = np.arange(3.0)
    array.flags.writeable = False
    for take in (ours.from_numpy, ours.from_dlpack, ours.as_tensor):
        t = take(array)
        assert (t * 2).tolist() == [0, 2, 4]
        with pytest.raises(ValueError, match="read-only"):
            t.add_(1)
        assert array[0] == 0
        # The older form of the protocol cannot say so; the newer can.
        with pytest.raises(BufferError, match="readonly"):
            t.__dlpack__()
        assert not np.from_dlpack(t).flags.writeable
        assert t.clone().add_(1).tolist() == [1, 2, 3]


def test_our_own_arrays():
    array = fnp.arange(3.0)
    mine = ours.from_dlpack(array)
    assert mine.dtype is ours.float32 and mine.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        mine.zero_()
    assert ours.from_dlpack(array, copy=True).zero_().tolist() == [0, 0, 0]
    assert fnp.from_dlpack(ours.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int32", "bool", "complex64"])
def test_jax(name):
    jnp = pytest.importorskip("jax.numpy")
    array = jnp.ones((2, 3), name)
    mine = ours.from_dlpack(array)
    assert mine.dtype is getattr(ours, name) and mine.tolist() == array.tolist()
    assert mine.data_ptr() == real.from_dlpack(array).data_ptr()
    given = jnp.from_dlpack(ours.arange(6).to(mine.dtype).reshape(2, 3))
    assert given.dtype == name
    assert given.tolist() == ours.arange(6).to(mine.dtype).reshape(2, 3).tolist()


class Old:
    """An array of a library that speaks the older form, and copies nothing."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, *, stream=None):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return 1, 0


class OnGpu(Old):
    """One whose memory is said to be elsewhere."""

    def __dlpack__(self, *, dl_device=None, **options):
        capsule = self.array.__dlpack__(max_version=(1, 0))
        if dl_device is None:
            dlpack._opened(capsule)[0].tensor.device_type = 2
        return capsule


@pytest.mark.parametrize("make", [Old, lambda array: array.__dlpack__()])
def test_the_older_form(make):
    array = np.zeros((2, 2), np.float32)
    mine = ours.from_dlpack(make(array))
    mine += 1
    assert array.tolist() == [[1, 1], [1, 1]]


def test_memory_that_begins_later_than_it_says():
    capsule = np.arange(3, dtype=np.int32).__dlpack__(max_version=(1, 0))
    t = dlpack._opened(capsule)[0].tensor
    t.byte_offset, t.shape[0] = 4, 2
    assert ours.from_dlpack(capsule).tolist() == [1, 2]


def test_libraries_that_know_fewer_arguments():
    array = np.zeros(2)
    for T in (ours, real):
        T.from_dlpack(Old(array), copy=True).fill_(1)
        assert not array.any()
        assert T.from_dlpack(Old(array), device="cpu").tolist() == [0, 0]


def test_memory_of_a_gpu():
    with pytest.raises(BufferError, match="live on the CPU, got memory of device"):
        ours.from_dlpack(OnGpu(np.ones(2)))
    assert ours.from_dlpack(OnGpu(np.ones(2)), device="cpu").tolist() == [1, 1]
    with pytest.raises(NotImplementedError, match="live on the CPU"):
        ours.ones(2).__dlpack__(dl_device=(2, 0))


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_dtypes_that_tensors_have_not():
    with pytest.raises(RuntimeError, match="bits"):
        ours.from_dlpack(real.zeros(2, dtype=real.complex32))
    with pytest.raises(RuntimeError, match="Unsupported code"):
        ours.from_dlpack(real.zeros(2, dtype=real.float8_e5m2))


@pytest.mark.parametrize("make", [fnp.asarray, Old, "jax", "real"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_arrays_of_other_libraries_as_data(make, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    if make == "jax":
        make = pytest.importorskip("jax.numpy").asarray
    other = (real.from_numpy if make == "real" else make)(array)
    for T in (ours,) if make == "real" else (ours, real):
        for f in (T.tensor, T.as_tensor):
            t = f(other)
            assert t.dtype is T.float32 and t.tolist() == array.tolist()
        assert T.tensor(other, dtype=T.float64).dtype is T.float64
        T.tensor(other).zero_()
    assert array.sum() == np.arange(array.size).sum()
    if make is Old:
        ours.as_tensor(other).fill_(5)
        assert (array == 5).all()

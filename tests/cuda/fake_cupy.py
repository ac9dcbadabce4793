"""A stand-in for CuPy over NumPy memory, which refuses what CuPy refuses.

It shows that arrays of another module travel through every op and transform, that rules allocate
beside their operands, and that nothing mixes the two kinds of arrays. It says nothing about CUDA.
"""

import types

import numpy as np


class FakeDevice:
    id = 0

    def __init__(self, index=0):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def unwrapped(x):
    """The NumPy value behind an argument; a NumPy array where a GPU array is due is refused."""
    if isinstance(x, FakeArray):
        return x.memory
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, (list, tuple)):
        return type(x)(map(unwrapped, x))
    return x


def wrapped(x):
    if isinstance(x, (np.ndarray, np.generic)):
        return FakeArray(np.asarray(x))
    if isinstance(x, (list, tuple)):
        return type(x)(map(wrapped, x))
    return x


def lifted(function):
    """A function of NumPy's on fake arrays."""

    def call(*args, **kwargs):
        kwargs = {k: unwrapped(v) for k, v in kwargs.items()}
        return wrapped(function(*map(unwrapped, args), **kwargs))

    return call


class FakeArray:
    """What ``cupy.ndarray`` offers, over NumPy memory; not an ``ndarray``, and not convertible."""

    device = FakeDevice()
    __array_priority__ = 100

    def __init__(self, memory):
        object.__setattr__(self, "memory", memory)

    def __setattr__(self, name, value):
        setattr(self.memory, name, unwrapped(value))

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use .get() instead.")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return lifted(getattr(ufunc, method))(*inputs, **kwargs)

    def get(self):
        return self.memory.copy()

    def __getattr__(self, name):
        found = getattr(self.memory, name)
        return lifted(found) if callable(found) else wrapped(found)

    def __len__(self):
        return len(self.memory)

    def __bool__(self):
        return bool(self.memory)

    def __int__(self):
        return int(self.memory)

    def __float__(self):
        return float(self.memory)

    def __index__(self):
        return self.memory.__index__()

    def __getitem__(self, index):
        return wrapped(self.memory[index_of(index)])

    def __setitem__(self, index, value):
        self.memory[index_of(index)] = unwrapped(value)


def index_of(index):
    if isinstance(index, tuple):
        return tuple(map(index_of, index))
    return index.memory if isinstance(index, FakeArray) else index


def _operator(name):
    def method(self, *others):
        return wrapped(getattr(self.memory, name)(*map(unwrapped, others)))

    return method


BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
for _name in [*BINARY, *("r" + n for n in BINARY), *"lt le gt ge eq ne neg abs invert".split()]:
    setattr(FakeArray, f"__{_name}__", _operator(f"__{_name}__"))
FakeArray.__module__ = "cupy"


class FakeModule(types.ModuleType):
    """NumPy's functions by name, on fake arrays."""

    ndarray = FakeArray

    def __getattr__(self, name):
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found
        return lifted(found)

    @staticmethod
    def asarray(x, dtype=None):
        if isinstance(x, FakeArray):
            return x if dtype is None else x.astype(dtype)
        return FakeArray(np.array(x, dtype))

    array = asarray

    @staticmethod
    def asnumpy(x):
        return unwrapped(x).copy()

    @staticmethod
    def argsort(x, axis=-1):
        """CuPy's is always stable."""
        return wrapped(np.argsort(unwrapped(x), axis, kind="stable"))


def fake_cupy():
    """The modules to put in place of CuPy."""
    module = FakeModule("cupy")
    module.cuda = types.SimpleNamespace(
        Device=FakeDevice,
        runtime=types.SimpleNamespace(getDeviceCount=lambda: 1),
        get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: None),
    )
    module.fft = types.SimpleNamespace(
        **{n: lifted(getattr(np.fft, n)) for n in ("fftn", "ifftn", "rfftn", "irfft")}
    )
    from scipy import special

    scipy_module = types.ModuleType("cupyx.scipy")
    scipy_module.special = types.SimpleNamespace(
        **{n: lifted(getattr(special, n)) for n in ("erf", "erfc", "erfinv")}
    )
    outer = types.ModuleType("cupyx")
    outer.scipy = scipy_module
    return {"cupy": module, "cupyx": outer, "cupyx.scipy": scipy_module}

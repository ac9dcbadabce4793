"""PyTorch's dtypes as singletons, the default dtype, and the limits of number types.

The names ``float``, ``int`` and ``bool`` are dtypes here; Python's are ``builtins.float`` etc.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, NoReturn

import ml_dtypes
import numpy

from functorch_lite.torch._core.layout import Sealed, fill, sealed, type_name

__all__ = [
    "bfloat16", "bool", "cdouble", "cfloat", "chalf", "complex128", "complex32", "complex64",
    "double", "dtype", "finfo", "float", "float16", "float32", "float64", "float8_e4m3fn",
    "float8_e5m2", "get_default_dtype", "half", "iinfo", "int", "int16", "int32", "int64",
    "int8", "long", "set_default_dtype", "short", "uint16", "uint32", "uint64", "uint8",
]  # fmt: skip


class dtype(Sealed):
    """The type of a tensor's elements; every one of them exists once.

    Attributes:
        np: the NumPy dtype of the stored values.
        kind: 0 bool, 1 integral, 2 floating, 3 complex.
        scalar_name: the name in PyTorch's messages and legacy tensor types, e.g. ``Float``.
        c_name: the name in messages that its compiler writes, e.g. ``long int``.
        fixed_name: the same where integers have their width in their name, e.g. ``int64_t``.
        is_floating_point, is_complex, is_signed, itemsize, abbr: as in PyTorch.

    Raises:
        TypeError: always, when called: there are no further dtypes to make.

    >>> from functorch_lite.torch._core.dtypes import half
    >>> half, half.itemsize, half.to_complex()
    (torch.float16, 2, torch.complex32)

    Source: ``torch.dtype``.
    """

    __module__ = "torch"
    __slots__ = (
        "_complex", "_name", "_real", "abbr", "c_name", "fixed_name", "is_complex",
        "is_floating_point", "is_signed", "itemsize", "kind", "np", "scalar_name",
    )  # fmt: skip

    _complex: dtype | None
    _name: str
    _real: dtype
    abbr: str
    c_name: str
    fixed_name: str
    is_complex: builtins.bool
    is_floating_point: builtins.bool
    is_signed: builtins.bool
    itemsize: builtins.int
    kind: builtins.int
    np: numpy.dtype[Any]
    scalar_name: str

    def __new__(cls, *_: Any, **__: Any) -> dtype:
        raise TypeError("cannot create 'torch.dtype' instances")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    # Not by the name torch.float32: `torch` may be the real package, or absent, when this is read.
    def __reduce__(self) -> tuple[Callable[[str], dtype], tuple[str]]:
        return named, (self._name,)

    def to_real(self) -> dtype:
        """The dtype of real and imaginary parts; real dtypes give themselves."""
        return self._real

    def to_complex(self) -> dtype:
        """The complex dtype whose parts hold values of this one.

        Raises:
            RuntimeError: bools, integers and float8 have none.
        """
        if self._complex is None:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.scalar_name}")
        return self._complex


BY_NAME: dict[str, dtype] = {}


def named(name: str) -> dtype:
    """The dtype of a name without ``torch.``: what pickles of dtypes call.

    >>> named("int64")
    torch.int64
    """
    return BY_NAME[name]


def _make(
    name: str, scalar_name: str, c_name: str, abbr: str, kind: builtins.int, np: Any,
    real: dtype | None = None,
) -> dtype:  # fmt: skip
    """A new dtype, known by its name; a complex one is joined with the type of its parts."""
    stored = numpy.dtype(np)
    self = BY_NAME[name] = sealed(
        dtype, _name=name, scalar_name=scalar_name, c_name=c_name,
        fixed_name=f"{name}_t" if kind == 1 and name != "int32" else c_name, abbr=abbr, kind=kind,
        np=stored, itemsize=stored.itemsize, is_floating_point=kind == 2, is_complex=kind == 3,
        is_signed=kind > 1 or stored.kind == "i", _complex=None,
    )  # fmt: skip
    fill(self, "_real", self if real is None else real)
    if real is not None:
        fill(self, "_complex", self)
        fill(real, "_complex", self)
    return self


def _of(parts: dtype) -> str:
    """What the compiler calls the complex numbers of some parts."""
    return f"c10::complex<{parts.c_name}>"


bool = _make("bool", "Bool", "bool", "b8", 0, numpy.bool_)
uint8 = _make("uint8", "Byte", "unsigned char", "u8", 1, numpy.uint8)
int8 = _make("int8", "Char", "signed char", "i8", 1, numpy.int8)
int16 = _make("int16", "Short", "short int", "i16", 1, numpy.int16)
int32 = _make("int32", "Int", "int", "i32", 1, numpy.int32)
int64 = _make("int64", "Long", "long int", "i64", 1, numpy.int64)
uint16 = _make("uint16", "UInt16", "short unsigned int", "u16", 1, numpy.uint16)
uint32 = _make("uint32", "UInt32", "unsigned int", "u32", 1, numpy.uint32)
uint64 = _make("uint64", "UInt64", "long unsigned int", "u64", 1, numpy.uint64)
float8_e4m3fn = _make(
    "float8_e4m3fn", "Float8_e4m3fn", "c10::Float8_e4m3fn", "f8e4m3fn", 2, ml_dtypes.float8_e4m3fn
)
float8_e5m2 = _make(
    "float8_e5m2", "Float8_e5m2", "c10::Float8_e5m2", "f8e5m2", 2, ml_dtypes.float8_e5m2
)
float16 = _make("float16", "Half", "c10::Half", "f16", 2, numpy.float16)
bfloat16 = _make("bfloat16", "BFloat16", "c10::BFloat16", "bf16", 2, ml_dtypes.bfloat16)
float32 = _make("float32", "Float", "float", "f32", 2, numpy.float32)
float64 = _make("float64", "Double", "double", "f64", 2, numpy.float64)
# NumPy has no such number. Half precision times 1j names this dtype all the same, so it exists; the
# record type makes every computation with it fail in NumPy instead of running in another precision.
_HALF_PARTS = [("real", numpy.float16), ("imag", numpy.float16)]
complex32 = _make("complex32", "ComplexHalf", _of(float16), "c32", 3, _HALF_PARTS, float16)
complex64 = _make("complex64", "ComplexFloat", _of(float32), "c64", 3, numpy.complex64, float32)
complex128 = _make("complex128", "ComplexDouble", _of(float64), "c128", 3, "c16", float64)
fill(bfloat16, "_complex", complex64)

short, int, long = int16, int32, int64
half, float, double = float16, float32, float64
chalf, cfloat, cdouble = complex32, complex64, complex128

_TYPED = (bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
TYPED_NAMES: dict[str, dtype] = {f"{each.scalar_name}Tensor": each for each in _TYPED}
PYTHON_TYPES: dict[type, dtype] = {
    builtins.bool: bool, builtins.int: int64, builtins.float: float64, complex: complex128
}  # fmt: skip


def dtype_argument(given: Any, place: str) -> dtype:
    """The dtype of an argument, where PyTorch takes Python's types of numbers too.

    Args:
        given: a dtype, or ``bool``, ``int``, ``float`` (which is float64) or ``complex``.
        place: the start of the message: the function, the argument and its position.

    Raises:
        TypeError: ``given`` is something else.

    >>> dtype_argument(builtins.float, "zeros(): argument 'dtype'")
    torch.float64
    """
    if given.__class__ is dtype:
        return given
    if isinstance(given, type) and given in PYTHON_TYPES:
        return PYTHON_TYPES[given]
    raise TypeError(f"{place} must be torch.dtype, not {type_name(given)}")


# ---------------------------------------------------------------------------------- NumPy's dtypes
class _FromNumpy(dict[numpy.dtype[Any], dtype]):
    """dtypes by their NumPy counterpart."""

    def __missing__(self, key: numpy.dtype[Any]) -> dtype:
        if not key.isnative:
            raise ValueError(
                "given numpy array has byte order different from the native byte order. "
                "Conversion between byte orders is currently not supported."
            )
        raise TypeError(
            f"can't convert np.ndarray of type {key.type.__module__}.{key.type.__name__}. The only "
            "supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
            "int16, int8, uint64, uint32, uint16, uint8, and bool."
        )


FROM_NP = _FromNumpy((each.np, each) for each in BY_NAME.values() if each is not complex32)


def from_np(np_dtype: numpy.dtype[Any]) -> dtype:
    """The dtype of NumPy values; ``FROM_NP[np_dtype]`` is the same without a call.

    Args:
        np_dtype: a NumPy dtype, those of ml_dtypes included.

    Raises:
        TypeError: PyTorch has no such type.
        ValueError: the bytes are in the other order than the machine's.

    >>> from_np(numpy.dtype("f8"))
    torch.float64
    """
    return FROM_NP[np_dtype]


# ------------------------------------------------------------------------------- the default dtype
class Default:
    """What depends on the default dtype; one object, read by every module.

    Attributes:
        dtype: what Python floats and new tensors get.
        complex: what Python complex numbers bring to an operation.
        scalars: results of (dtype, Python number type), filled by ``promotion``.
    """

    __slots__ = ("complex", "dtype", "scalars")

    def set(self, dtype_: dtype) -> None:
        """Take another default dtype."""
        self.dtype = dtype_
        self.complex = dtype_.to_complex()
        # Replaced last, never cleared: a thread that computed with the old default while this ran
        # can only have stored its result in the old table.
        self.scalars: dict[tuple[dtype, type], dtype] = {}


default = Default()
default.set(float32)


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors.

    >>> get_default_dtype()
    torch.float32

    Source: ``torch.get_default_dtype``.
    """
    return default.dtype


def set_default_dtype(d: dtype, /) -> None:
    """Choose the dtype of new floating-point tensors and of Python floats.

    Args:
        d: float16, bfloat16, float32 or float64.

    Raises:
        TypeError: for anything else.

    Source: ``torch.set_default_dtype``.
    """
    wanted = "only floating-point types are supported as the default type"
    if not isinstance(d, dtype):
        raise TypeError(f"invalid dtype object: {wanted}")
    if not d.is_floating_point:
        raise TypeError(wanted)
    if d._complex is None:
        raise TypeError(f"couldn't find storage object {d.scalar_name}Storage")
    default.set(d)


def get_default_complex_dtype() -> dtype:
    """The dtype of new complex tensors.

    Raises:
        RuntimeError: the default dtype is bfloat16, which has no complex partner of its size.

    >>> get_default_complex_dtype()
    torch.complex64
    """
    if default.dtype is bfloat16:
        raise RuntimeError("invalid default scalar type for complex")
    return default.complex


# ------------------------------------------------------------------------------ limits of the types
# The classes below have attributes called dtype, which hides the class from their annotations.
DType = dtype
_UNSET: Any = object()
_FINFO_PLACE = "finfo(): argument 'type' (position 1)"
_IINFO_PLACE = "iinfo(): argument 'type' (position 1)"


class _Limits(Sealed):
    """What finfo and iinfo have in common."""

    __slots__ = ("bits", "dtype", "max", "min")

    bits: builtins.int
    dtype: str

    def __eq__(self, other: object) -> builtins.bool:
        return self.dtype == other.dtype if isinstance(other, _Limits) else NotImplemented

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")


class finfo(_Limits):
    """The limits of a floating-point type; a complex type has those of its parts.

    Args:
        type: a floating or complex dtype; the default dtype where left out.

    Raises:
        TypeError: ``type`` is a bool or integral dtype, or no dtype.

    >>> finfo(float16).max, finfo(float32).eps
    (65504.0, 1.1920928955078125e-07)

    Source: ``torch.finfo``.
    """

    __module__ = "torch"
    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")

    eps: builtins.float
    max: builtins.float
    min: builtins.float
    resolution: builtins.float
    smallest_normal: builtins.float
    tiny: builtins.float

    def __new__(cls, type: DType = _UNSET) -> finfo:
        given = default.dtype if type is _UNSET else dtype_argument(type, _FINFO_PLACE)
        found = _FINFO.get(given)
        if found is not None:
            return found
        raise TypeError(
            "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
            "'torch.finfo'"
        )

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        numbers = ", ".join(f"{name}={getattr(self, name):.6g}" for name in fields)
        return f"finfo({numbers}, dtype={self.dtype})"


class iinfo(_Limits):
    """The limits of an integral type.

    Args:
        type: an integral dtype.

    Raises:
        TypeError: ``type`` is another dtype, or no dtype.

    >>> iinfo(int8), iinfo(int64).max
    (iinfo(min=-128, max=127, dtype=int8), 9223372036854775807)

    Source: ``torch.iinfo``.
    """

    __module__ = "torch"
    __slots__ = ()

    max: builtins.int
    min: builtins.int

    def __new__(cls, type: DType = _UNSET) -> iinfo:
        if type is _UNSET:
            raise TypeError('iinfo() missing 1 required positional arguments: "type"')
        given = dtype_argument(type, _IINFO_PLACE)
        found = _IINFO.get(given)
        if found is not None:
            return found
        if given is bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        raise TypeError(
            "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:.6g}, max={self.max:.6g}, dtype={self.dtype})"


def _floating_limits(of: DType) -> finfo:
    """The limits of a floating type."""
    known = ml_dtypes.finfo(of.np)
    # Digits that survive a round trip, as C++ counts them: NumPy's figure differs for small types.
    digits = builtins.int(known.nmant * math.log10(2))
    return sealed(
        finfo, bits=of.itemsize * 8, dtype=of._name, eps=builtins.float(known.eps),
        max=builtins.float(known.max), min=builtins.float(known.min), resolution=10.0**-digits,
        smallest_normal=builtins.float(known.smallest_normal), tiny=builtins.float(known.tiny),
    )  # fmt: skip


_FINFO = {each: _floating_limits(each) for each in BY_NAME.values() if each.kind == 2}
_FINFO |= {each: _FINFO[each.to_real()] for each in (complex32, complex64, complex128)}
_IINFO = {
    each: sealed(
        iinfo, bits=each.itemsize * 8, dtype=each._name,
        max=numpy.iinfo(each.np).max, min=numpy.iinfo(each.np).min,
    )
    for each in BY_NAME.values() if each.kind == 1
}  # fmt: skip

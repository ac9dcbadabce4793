"""Every operator, method and property of Array, installed from one table.

The core's Array knows only what an array is; here it learns what NumPy's arrays can do. Operators
keep to one Python frame for operands of one dtype and for Python scalars that keep the array's
dtype, because eager programs pay for every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, make_weak, wrap
from functorch_lite.core.dtypes import (
    DTYPES,
    SCALAR_TYPES,
    canonical,
    float64,
    int64,
    is_bool,
    is_complex,
    is_inexact,
    is_integer,
    weak_result_type,
)
from functorch_lite.numpy import (
    array_protocols,
    diagonals,
    elementwise,
    linalg_basic,
    logic,
    reductions,
    scans,
    selection,
    shapes,
    sorting,
)
from functorch_lite.numpy.convert import cast, const, from_numpy
from functorch_lite.numpy.indexing import at, getitem

_new = object.__new__
_np_array = np.array

# The dtypes that an array keeps beside a Python scalar of the given type.
_INEXACT = frozenset(filter(is_inexact, DTYPES))
_NUMBERS = frozenset(d for d in DTYPES if not is_bool(d))
_COMPLEX = frozenset(filter(is_complex, DTYPES))
_KEEPS: dict[type, frozenset[np.dtype[Any]]] = {
    bool: frozenset(DTYPES),
    int: _NUMBERS,
    float: _INEXACT,
    complex: _COMPLEX,
    np.float64: _INEXACT,
    np.complex128: _COMPLEX,
}


# --------------------------------------------------------------------------------------- operators
def _binary(op: Any, function: Callable[..., Any], legal: frozenset[Any]) -> tuple[Any, Any]:
    """An operator and its reflected form.

    Args:
        op: the record, applied at once where no promotion is needed.
        function: the public function, which promotes.
        legal: dtypes for which ``op`` means the operator; others are converted by ``function``.
    """
    keeps = {kind: dtypes & legal for kind, dtypes in _KEEPS.items()}
    least = None if is_integer_ok(legal) else float64

    def method(self: Array, other: Any) -> Any:
        dtype = self.dtype
        if isinstance(other, Array):
            if dtype is other.dtype and dtype in legal and not (self.weak and other.weak):
                return op(self, other)
        elif not self.weak and dtype in keeps.get(type(other), ()):
            scalar = _new(Array)
            try:
                scalar._data = _np_array(other, dtype)
            except OverflowError:
                const(other, dtype)
            return op(self, scalar)
        return _promoted(op, function, least, self, other, False)

    def reflected(self: Array, other: Any) -> Any:
        dtype = self.dtype
        if not self.weak and dtype in keeps.get(type(other), ()):
            scalar = _new(Array)
            try:
                scalar._data = _np_array(other, dtype)
            except OverflowError:
                const(other, dtype)
            return op(scalar, self)
        return _promoted(op, function, least, self, other, True)

    return method, reflected


def is_integer_ok(legal: frozenset[Any]) -> bool:
    """Whether an operator is defined on integers as they are."""
    return any(map(is_integer, legal))


def _promoted(op: Any, function: Any, least: Any, self: Array, other: Any, swapped: bool) -> Any:
    """The operator where dtypes differ, or where both operands are weak."""
    if not isinstance(other, Array):
        if isinstance(other, (np.ndarray, np.generic)) and not isinstance(other, SCALAR_TYPES):
            other = from_numpy(other, function.__name__, "y")
        elif not isinstance(other, SCALAR_TYPES):
            return _foreign(function, self, other, swapped)
    if self.weak:
        dtype, weak = weak_result_type(self, other)
        if weak:
            if least is not None and not is_inexact(dtype):
                dtype = least
            elif is_bool(dtype) and op not in _ON_BOOLS:
                dtype = int64
            y = cast(other, dtype) if isinstance(other, Array) else const(other, dtype)
            x = cast(self, dtype)
            out = op(y, x) if swapped else op(x, y)
            return _weakly(out)
    return function(other, self) if swapped else function(self, other)


def _weakly(out: Array) -> Array:
    """The answer of an operator on weak operands."""
    return out if is_bool(out.dtype) else make_weak(out)


def _foreign(function: Any, self: Array, other: Any, swapped: bool) -> Any:
    if type(other).__module__.startswith("cupy"):
        other = wrap(other.copy())
        return function(other, self) if swapped else function(self, other)
    if function.__name__ in ("equal", "not_equal") and isinstance(other, (list, tuple)):
        raise TypeError(
            f"{function.__name__}: an array cannot be compared with a {type(other).__name__}. "
            "Remedy: x == asarray(y)."
        )
    return NotImplemented


_ON_BOOLS = frozenset(
    (ops.add, ops.mul, ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor)
    + (ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge)
)


def _unary(op: Any, function: Callable[..., Any], legal: frozenset[Any]) -> Any:
    def method(self: Array) -> Array:
        if self.dtype not in legal:
            return function(self)
        return _weakly(op(self)) if self.weak else op(self)

    method.__doc__ = function.__doc__
    return method


def _pow(self: Array, n: Any, modulo: None = None) -> Any:
    kind = type(n)
    if self.dtype in _INEXACT and modulo is None and not self.weak:
        if kind is int or (kind is float and n.is_integer() and -64 <= n <= 64):
            return ops.integer_pow(self, n=int(n))
    if (kind is int or kind is float) and modulo is None:
        out = elementwise.power_of(self, n)
        return _weakly(out) if self.weak else out
    return _pow_array(self, n)


_pow_array, _rpow = _binary(ops.pow, elementwise.power, _NUMBERS)


def _matmul(self: Array, other: Any) -> Any:
    if isinstance(other, (Array, np.ndarray)):
        return linalg_basic.matmul(self, other)
    return NotImplemented


def _rmatmul(self: Array, other: Any) -> Any:
    return linalg_basic.matmul(other, self) if isinstance(other, np.ndarray) else NotImplemented


def _is_operand(x: Any) -> bool:
    return isinstance(x, (Array, np.ndarray, np.generic, *SCALAR_TYPES))


def _divmod(self: Array, other: Any) -> Any:
    return (self // other, self % other) if _is_operand(other) else NotImplemented


def _rdivmod(self: Array, other: Any) -> Any:
    return (other // self, other % self) if _is_operand(other) else NotImplemented


_ALL = frozenset(DTYPES)
_REAL = _NUMBERS - _COMPLEX
_BITS = frozenset(d for d in DTYPES if is_integer(d) or is_bool(d))
_WHOLE = frozenset(filter(is_integer, DTYPES))

_OPERATORS: dict[str, tuple[Any, Any, frozenset[Any]]] = {
    "add": (ops.add, elementwise.add, _ALL),
    "sub": (ops.sub, elementwise.subtract, _NUMBERS),
    "mul": (ops.mul, elementwise.multiply, _ALL),
    "truediv": (ops.div, elementwise.true_divide, _INEXACT),
    "floordiv": (ops.floor_divide, elementwise.floor_divide, _REAL),
    "mod": (ops.remainder, elementwise.remainder, _REAL),
    "and": (ops.bitwise_and, elementwise.bitwise_and, _BITS),
    "or": (ops.bitwise_or, elementwise.bitwise_or, _BITS),
    "xor": (ops.bitwise_xor, elementwise.bitwise_xor, _BITS),
    "lshift": (ops.shift_left, elementwise.left_shift, _WHOLE),
    "rshift": (ops.shift_right, elementwise.right_shift, _WHOLE),
}
_COMPARISONS: dict[str, tuple[Any, Any, frozenset[Any]]] = {
    "eq": (ops.eq, elementwise.equal, _ALL),
    "ne": (ops.ne, elementwise.not_equal, _ALL),
    "lt": (ops.lt, elementwise.less, _ALL - _COMPLEX),
    "le": (ops.le, elementwise.less_equal, _ALL - _COMPLEX),
    "gt": (ops.gt, elementwise.greater, _ALL - _COMPLEX),
    "ge": (ops.ge, elementwise.greater_equal, _ALL - _COMPLEX),
}
_UNARY: dict[str, tuple[Any, Any, frozenset[Any]]] = {
    "neg": (ops.neg, elementwise.negative, _NUMBERS),
    "abs": (ops.abs, elementwise.absolute, _NUMBERS),
    "invert": (ops.bitwise_not, elementwise.invert, _BITS),
}


# ----------------------------------------------------------------------------------------- methods
def _reshape(self: Array, *shape: Any, order: str = "C", copy: bool | None = None) -> Array:
    """The same elements in another shape; see ``numpy.reshape``."""
    sizes = shape[0] if len(shape) == 1 else shape
    return shapes.reshape(self, sizes, order=order, copy=copy)


def _transpose(self: Array, *axes: Any) -> Array:
    """Axes permuted, by default reversed; see ``numpy.transpose``."""
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        return shapes.transpose(self, axes[0])
    return shapes.transpose(self, axes or None)


def _flatten(self: Array, order: str = "C") -> Array:
    """All elements in one dimension."""
    return shapes.ravel(self, order)


def _copy(self: Array, order: str = "C") -> Array:
    """The array itself: it never changes, so a copy could not be told apart."""
    return self


def _astype(self: Array, dtype: Any, copy: bool = True, device: Any = None) -> Array:
    """The array in another dtype; see ``numpy.astype``."""
    return logic.astype(self, dtype, copy=copy, device=device)


def _view(self: Array, dtype: Any, *sizes: Any) -> Array:
    """The same bits read as another dtype of the same width."""
    if sizes or isinstance(dtype, (int, tuple, list)):
        shape = ", ".join(map(str, dtype if isinstance(dtype, (tuple, list)) else (dtype, *sizes)))
        raise TypeError(
            f"x.view(dtype) reads the bits of x as another dtype; got the sizes {shape}. Remedy: "
            f"x.reshape({shape}) gives another shape."
        )
    return ops.bitcast(self, dtype=canonical(dtype))


METHODS: dict[str, Callable[..., Any]] = {
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "argsort": sorting.argsort,
    "astype": _astype,
    "choose": selection.choose,
    "clip": selection.clip,
    "compress": lambda self, condition, axis=None: selection.compress(condition, self, axis),
    "conj": logic.conj,
    "conjugate": logic.conj,
    "copy": _copy,
    "cumprod": scans.cumprod,
    "cumsum": scans.cumsum,
    "diagonal": diagonals.diagonal,
    "dot": linalg_basic.dot,
    "flatten": _flatten,
    "max": reductions.max,
    "mean": reductions.mean,
    "min": reductions.min,
    "nonzero": sorting.nonzero,
    "prod": reductions.prod,
    "ptp": reductions.ptp,
    "ravel": shapes.ravel,
    "repeat": shapes.repeat,
    "reshape": _reshape,
    "round": elementwise.round,
    "searchsorted": sorting.searchsorted,
    "sort": sorting.sort,
    "squeeze": shapes.squeeze,
    "std": reductions.std,
    "sum": reductions.sum,
    "swapaxes": shapes.swapaxes,
    "take": selection.take,
    "trace": linalg_basic.trace,
    "transpose": _transpose,
    "var": reductions.var,
    "view": _view,
}
PROPERTIES: dict[str, Callable[[Array], Any]] = {
    "T": lambda x: shapes.transpose(x),
    "mT": shapes.matrix_transpose,
    "real": logic.real,
    "imag": logic.imag,
    "at": at,
    "itemsize": lambda x: x.dtype.itemsize,
    "nbytes": lambda x: x.size * x.dtype.itemsize,
    **array_protocols.PROPERTIES,
}
_DOCS = {
    "T": "The array with its axes reversed.",
    "mT": "The array with its last two axes exchanged.",
    "itemsize": "Bytes per element.",
    "nbytes": "Bytes of all elements.",
}
_IN_PLACE = {
    "fill": "x = full_like(x, value)",
    "itemset": "x = x.at[index].set(value)",
    "partition": "x = sort(x)",
    "put": "x = x.at[indices].set(values)",
    "resize": "x = resize(x, shape)",
    "setfield": "x = x.at[index].set(value)",
    "setflags": "leave the call out",
}


def _first_line(getter: Any) -> str | None:
    # The examples of a function name it as a function, which they could not inside the class.
    doc = getter.__doc__
    return doc and doc.split("\n\n")[0]


def install() -> None:
    """Give Array its operators, methods and properties."""
    table: dict[str, Any] = dict(METHODS)
    for name, (op, function, legal) in _OPERATORS.items():
        table[f"__{name}__"], table[f"__r{name}__"] = _binary(op, function, legal)
    for name, (op, function, legal) in _COMPARISONS.items():
        table[f"__{name}__"] = _binary(op, function, legal)[0]
    for name, (op, function, legal) in _UNARY.items():
        table[f"__{name}__"] = _unary(op, function, legal)
    for name, remedy in _IN_PLACE.items():
        table[name] = array_protocols.refuses_in_place(name, remedy)
    table.update(
        __pos__=lambda self: self,
        __pow__=_pow,
        __rpow__=_rpow,
        __matmul__=_matmul,
        __rmatmul__=_rmatmul,
        __divmod__=_divmod,
        __rdivmod__=_rdivmod,
        __round__=lambda self, decimals=0: elementwise.round(self, decimals),
        __getitem__=getitem,
        **array_protocols.METHODS,
    )
    for name, method in table.items():
        setattr(Array, name, method)
    for name, getter in PROPERTIES.items():
        setattr(Array, name, property(getter, doc=_DOCS.get(name) or _first_line(getter)))

"""What layers check of their operands, so that a mistake is named where it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.random.keys import check_key

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "as_array",
    "as_float",
    "check_probability",
    "check_vector",
    "training_key",
    "wide",
    "widest",
]


def as_array(name: str, x: Any, what: str = "x") -> Array:
    """The array, or an error that names the function where there is none.

    Args:
        name: the function or layer, for messages.
        x: what came: an array, a number, or lists of them.
        what: what the argument is called.

    Raises:
        TypeError: ``x`` is something else.

    >>> as_array("mse_loss", [1.0, 2.0])
    Array([1., 2.], dtype=float32)
    """
    try:
        return fnp.asarray(x)
    except (TypeError, ValueError) as problem:
        remedy = f"{what} = fnp.asarray(...) of its numbers"
        if isinstance(x, tuple):
            remedy = "a layer with state returns a pair: out, state = layer.apply(...)"
        raise TypeError(
            f"nn.{name}: expected {what} to be an array; got {type(x).__name__}. Remedy: {remedy}."
        ) from problem


def as_float(name: str, x: Any, what: str = "x", *, or_complex: bool = False) -> Array:
    """The array, or an error that names the function where it does not hold floats.

    Args:
        name: the function or layer, for messages.
        x: what came.
        what: what the argument is called.
        or_complex: whether complex numbers are taken as well.

    Raises:
        TypeError: ``x`` is no array.
        DtypeError: ``x`` holds integers, bools or complex numbers.

    >>> as_float("LayerNorm(3)", [1.0, 2.0])
    Array([1., 2.], dtype=float32)
    """
    array = as_array(name, x, what)
    dtype = array.dtype
    if dtype.kind == "f" or fnp.issubdtype(dtype, fnp.inexact if or_complex else fnp.floating):
        return array
    remedy = f'{what}.astype("float32")'
    if array.dtype == "uint32" and array.shape == (2,):
        remedy = f"a random key is not {what}; what draws numbers takes it as key=key"
    raise DtypeError(
        f"nn.{name}: expected {what} of a floating-point dtype; got {array.dtype.name} of shape "
        f"{tuple(array.shape)}. Remedy: {remedy}."
    )


def check_vector(name: str, what: str, value: Array | None, shape: tuple[int, ...]) -> None:
    """Raise unless a parameter is None or has the given shape.

    >>> check_vector("layer_norm", "weight", None, (3,))
    """
    if value is not None and tuple(value.shape) != shape:
        raise ShapeError(
            f"nn.{name}: expected {what} of shape {shape}; got {tuple(value.shape)}. "
            f"Remedy: the {what} that was made for these sizes."
        )


def check_probability(name: str, p: float) -> None:
    """Raise unless ``p`` lies in [0, 1].

    >>> check_probability("dropout", 0.5)
    """
    if not 0 <= p <= 1:
        raise ValueError(f"nn.{name}: expected a probability p in [0, 1]; got {p}.")


def training_key(name: str, key: Any) -> Array:
    """The key, or an error that names the layer which needs one.

    Raises:
        TypeError: there is none.
        DtypeError, ShapeError: it is no key.
    """
    if key is None:
        raise TypeError(
            f"nn.{name}: expected a key in training; got None. "
            "Remedy: pass key=..., a fresh one for every step."
        )
    check_key(f"nn.{name}", key)
    return key


def wide(x: Array) -> Array:
    """Half precision as float32: sums of squares overflow and round away otherwise.

    >>> wide(fnp.ones(1, "float16")).dtype.name
    'float32'
    """
    return x.astype("float32") if x.dtype.itemsize < 4 else x


def widest(*arrays: Array | None) -> Any:
    """The dtype that the given arrays have together.

    >>> widest(fnp.ones(1, "float16"), None).name
    'float16'
    """
    return fnp.result_type(*[a.dtype for a in arrays if a is not None])

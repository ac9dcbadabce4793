"""How losses are put together, and what they check of their operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.checks import as_array, as_float

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "as_loss",
    "check_reduction",
    "class_indices",
    "class_weight",
    "positive_part",
    "real_operands",
    "reduced",
    "spread",
    "with_reduction",
]

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(name: str, reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse unknown words.

    Raises:
        ValueError: naming the function and what it takes.

    >>> check_reduction("mse_loss", "mean")
    """
    if reduction not in allowed:
        raise ValueError(
            f"nn.{name}: expected reduction in {allowed}; got {reduction!r}. "
            "Remedy: reduction='mean', for example."
        )


def reduced(losses: Array, reduction: str) -> Array:
    """The losses themselves, their mean or their sum.

    Args:
        losses: f[...], one for each example or element.
        reduction: "mean", "sum" or "none".

    >>> float(reduced(fnp.asarray([1.0, 2.0]), "sum"))
    3.0
    """
    if reduction == "none":
        return losses
    return fnp.mean(losses) if reduction == "mean" else fnp.sum(losses)


def spread(cotangent: Array, x: Array, reduction: str) -> Array:
    """The cotangent of each element's loss, from that of the losses put together.

    >>> spread(fnp.asarray(1.0), fnp.ones(4), "mean")
    Array(0.25, dtype=float32)
    """
    return cotangent / x.size if reduction == "mean" else cotangent


def with_reduction(formula: Callable[..., Array]) -> Callable[..., Array]:
    """A formula for each element with a reduction.

    Args:
        formula: ``formula(*operands, **settings) -> f[...]``.

    Returns:
        ``loss(*operands, reduction, **settings)``.

    >>> squares = with_reduction(lambda x: x * x)
    >>> float(squares(fnp.asarray([1.0, 2.0]), reduction="sum"))
    5.0
    """

    def loss(*operands: Any, reduction: str, **settings: Any) -> Array:
        return reduced(formula(*operands, **settings), reduction)

    return loss


def as_loss(name: str, formula: Callable[..., Array]) -> Callable[..., Array]:
    """The same as one operation: large eager calls are compiled.

    Args:
        name: the function, as its operation is called in programs.
        formula: ``formula(*operands, **settings) -> f[...]``.

    Returns:
        ``loss(*operands, reduction, **settings)``.

    >>> squares = as_loss("squares", lambda x: x * x)
    >>> float(squares(fnp.asarray([1.0, 2.0]), reduction="sum"))
    5.0
    """
    return lax.composite(with_reduction(formula), f"nn.{name}")


def real_operands(name: str, **operands: Any) -> list[Array]:
    """Operands of one shape: the first floating, the others real numbers of any dtype.

    Args:
        name: the function, for messages.
        operands: by the names of the arguments.

    Raises:
        DtypeError: the first does not hold floats, or another complex numbers.
        ShapeError: the shapes differ; broadcasting here is nearly always a mistake.

    >>> [x.shape for x in real_operands("mse_loss", prediction=[1.0], target=[1])]
    [(1,), (1,)]
    """
    (first, value), *others = operands.items()
    found = [as_float(name, value, first)]
    shape = tuple(found[0].shape)
    for argument, value in others:
        array = as_array(name, value, argument)
        if array.dtype.kind == "c":
            raise DtypeError(
                f"nn.{name}: expected {argument} to hold real numbers; got {array.dtype.name}. "
                f"Remedy: pass fnp.abs({argument}) or its real part."
            )
        if tuple(array.shape) != shape:
            raise ShapeError(
                f"nn.{name}: expected {first} and {argument} of one shape; got {shape} and "
                f"{tuple(array.shape)}. Remedy: reshape one, or fnp.broadcast_to what is repeated."
            )
        found.append(array.astype(found[0].dtype) if array.dtype.kind == "b" else array)
    return found


def class_indices(name: str, target: Any) -> Array:
    """The target, or an error that names the function where it holds no integers.

    Raises:
        TypeError: ``target`` is no array.
        DtypeError: it holds no integers.

    >>> class_indices("nll_loss", [0, 2]).tolist()
    [0, 2]
    """
    target = as_array(name, target, "target")
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"nn.{name}: expected integer class indices as target; got {target.dtype.name}. "
            "Remedy: target.astype('int64')."
        )
    return target


def class_weight(name: str, weight: Any, classes: int) -> Array | None:
    """The factors of the classes, or None.

    Raises:
        ShapeError: there are more or fewer than classes.

    >>> class_weight("nll_loss", [1.0, 2.0], 2).shape
    (2,)
    """
    if weight is None:
        return None
    weight = fnp.asarray(weight)
    if tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"nn.{name}: expected weight of shape ({classes},), one number for each class; got "
            f"{tuple(weight.shape)}."
        )
    return weight


def positive_part(x: Array) -> Array:
    """max(x, 0) whose derivative at 0 is 1, as PyTorch clamps; NaN stays NaN.

    >>> positive_part(fnp.asarray([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """
    return fnp.where(x < 0, 0, x)

"""Random tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.public import public, put_out
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._meta.symbol import bare
from functorch_lite.torch._object.generator import Generator, chosen_engine, default_generator
from functorch_lite.torch._ops import random_inplace
from functorch_lite.torch._ops.binary import broadcast_error
from functorch_lite.torch._ops.copying import maker_on, placed
from functorch_lite.torch._ops.creation import _fits, checked_sizes, filled_like
from functorch_lite.torch._rng import samplers
from functorch_lite.torch._rng.engine import Engine

__all__ = ["finished"]

Fill = Callable[[Engine, Any], Any]


def finished(data: Any, device: Any, requires_grad: bool, out: Tensor | None) -> Tensor:
    """A new tensor around raw data, or the one given as ``out=``."""
    if device is not None:
        data = placed(data, device)
    if out is not None:
        out.resize_(data.shape)
        put_out(out, make(data))
        return out
    made = make(data)
    if requires_grad:
        if data.dtype.kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        made._rg = True
    return made


def _np_dtype(out: Tensor | None, dtype: DType | None, otherwise: DType) -> np.dtype[Any]:
    """In which dtype to draw: that of ``out=``, or the one asked for.

    Raises:
        RuntimeError: both are given, and differ.
    """
    if out is None:
        return (otherwise if dtype is None else dtype).np
    _fits(out, dtype)
    return out._np.dtype


# ------------------------------------------------------------------------------------ new tensors
def _maker(name: str, fill: Fill) -> None:
    def make_random(
        *args: Any, size: Any = None, generator: Generator | None = None,
        out: Tensor | None = None, dtype: DType | None = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        if size is not None:
            args = (size,)
        elif not args:
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got (), but expected "
                "one of:\n * (tuple of ints size, *, torch.Generator generator, Tensor out = None, "
                "torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, "
                "bool pin_memory = False, bool requires_grad = False)\n"
            )
        engine = default_generator._engine if generator is None else chosen_engine(generator, name)
        shape = checked_sizes(args, name)
        np_dtype = _np_dtype(out, dtype, default.dtype)
        return finished(_filled(fill, engine, shape, np_dtype, device), device, requires_grad, out)

    make_random.__name__ = name
    make_random.__doc__ = f"A new tensor of random numbers. Source: ``torch.{name}``."
    public(name, methods=False)(make_random)

    def make_like(
        input: Tensor, *, generator: Generator | None = None, dtype: DType | None = None,
        layout: Any = None, device: Any = None, requires_grad: bool = False,
        memory_format: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        data = filled_like(input, np.empty, dtype, memory_format, device)
        if not is_symbol(data):
            fill(chosen_engine(generator, f"{name}_like"), data)
        return finished(data, device, requires_grad, None)

    make_like.__name__ = f"{name}_like"
    make_like.__doc__ = f"Random numbers in a tensor like another. Source: ``torch.{name}_like``."
    public(f"{name}_like", methods=False)(make_like)


def _filled(
    fill: Callable[..., Any], engine: Engine, shape: Any, dtype: Any, device: Any, *limits: Any
) -> Any:
    """New raw values, drawn if there is memory for them."""
    data = maker_on(device, np.empty)(shape, dtype)
    if not is_symbol(data):
        fill(engine, data, *limits)
    return data


_maker("rand", samplers.uniform)
_maker("randn", samplers.normal)


def _whole(value: Any, name: str, argument: str, place: int) -> int:
    if value.__class__ is int:
        return value
    try:
        if isinstance(value, (float, np.floating)):
            raise TypeError
        return value.__index__()
    except (TypeError, AttributeError):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {place}) must be int, not "
            f"{type(value).__name__}"
        ) from None


def _limits(args: tuple[Any, ...], low: Any, high: Any, name: str) -> tuple[int, int]:
    if len(args) == 2:
        low, high = args
    elif len(args) == 1:
        if high is None:
            high = args[0]
        else:
            low = args[0]
    one = low is None
    return (
        0 if low is None else _whole(low, name, "low", 1),
        _whole(high, name, "high", 1 if one else 2),
    )


@public(methods=False)
def randint(
    *args: Any, low: Any = None, high: Any = None, size: Any = None,
    generator: Generator | None = None, out: Tensor | None = None, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new tensor of integers from ``low`` to before ``high``.

    Args:
        args: ``high, size`` or ``low, high, size``; by keyword as well.
        dtype: int64 by default.

    Raises:
        RuntimeError: there is no integer between the limits, or the dtype does not hold them.

    Source: ``torch.randint``.
    """
    if size is None:
        if len(args) < 2 and not (args and high is not None):
            shown = ", ".join(type(a).__name__ for a in args)
            raise TypeError(
                f"randint() received an invalid combination of arguments - got ({shown}), but "
                "expected one of:\n"
                " * (int high, tuple of ints size, *, torch.Generator generator, ...)\n"
                " * (int low, int high, tuple of ints size, *, torch.Generator generator, ...)\n"
            )
        *args_, size = args
        args = tuple(args_)
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                f"randint(): argument 'size' (position {len(args) + 1}) must be tuple of ints, "
                f"not {type(size).__name__}"
            )
    a, b = _limits(args, low, high, "randint")
    shape, np_dtype = checked_sizes((size,), "randint"), _np_dtype(out, dtype, dtypes.int64)
    engine = chosen_engine(generator, "randint")
    data = _filled(samplers.randint, engine, shape, np_dtype, device, a, b)
    return finished(data, device, requires_grad, out)


@public(methods=False)
def randint_like(
    input: Tensor, *args: Any, low: Any = None, high: Any = None,
    generator: Generator | None = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Integers in a tensor like another. Source: ``torch.randint_like``."""
    a, b = _limits(args, low, high, "randint_like")
    data = filled_like(input, np.empty, dtype, memory_format, device)
    if not is_symbol(data):
        samplers.randint(chosen_engine(generator, "randint_like"), data, a, b)
    return finished(data, device, requires_grad, None)


@public(methods=False)
def randperm(
    n: int, *, generator: Generator | None = None, out: Tensor | None = None,
    dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The integers up to before ``n`` in random order.

    Args:
        n: how many.
        dtype: int64 by default.

    Source: ``torch.randperm``.
    """
    np_dtype = _np_dtype(out, dtype, dtypes.int64)
    count = _whole(n, "randperm", "n", 1)
    if maker_on(device, np.empty) is bare:
        return finished(bare((count,), np_dtype), device, requires_grad, out)
    data = samplers.randperm(chosen_engine(generator, "randperm"), count, np_dtype)
    return finished(data, device, requires_grad, out)


# ------------------------------------------------------------------- new tensors from parameters
def _detached(name: str, data: Any, operands: tuple[Any, ...]) -> Tensor:
    """Random numbers, whose gradient by their parameters is zero."""
    made = make(data)
    if wants_grad(operands):
        metas = [(t._np.shape, t._np.dtype) if isinstance(t, Tensor) else None for t in operands]

        def backward(g: Tensor) -> list[Tensor | None]:
            return [None if meta is None else make(np.zeros(*meta)) for meta in metas]

        attach(made, formula(name, operands, backward))
    return made


@public(methods=False)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
    out: Tensor | None = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers.

    Args:
        mean, std: numbers, or tensors for each number.
        size: with two numbers, the sizes of the result.

    Raises:
        RuntimeError: a deviation is negative.

    Source: ``torch.normal``.
    """
    engine = chosen_engine(generator, "normal")
    means, stds = isinstance(mean, Tensor), isinstance(std, Tensor)
    if not (means or stds):
        if size is None:
            raise TypeError(
                "normal() received an invalid combination of arguments - got "
                f"({type(mean).__name__}, {type(std).__name__}), but expected one of:\n"
                " * (Tensor mean, Tensor std, *, torch.Generator generator = None, Tensor out = "
                "None)\n * (Tensor mean, float std = 1, *, torch.Generator generator = None, "
                "Tensor out = None)\n * (float mean, Tensor std, *, torch.Generator generator = "
                "None, Tensor out = None)\n * (float mean, float std, tuple of ints size, *, "
                "torch.Generator generator = None, Tensor out = None, ...)\n"
            )
        shape, np_dtype = checked_sizes((size,), "normal"), _np_dtype(out, dtype, default.dtype)
        given = float(mean), float(std)
        data = _filled(samplers.normal, engine, shape, np_dtype, device, *given)
        return finished(data, device, requires_grad, out)
    if means and stds:
        try:
            np.broadcast_shapes(mean._np.shape, std._np.shape)
        except ValueError:
            raise broadcast_error(mean, std) from None
    data = samplers.normal_like(
        engine, mean._np if means else float(mean), std._np if stds else float(std)
    )
    number = 3 if means and stds else 1 if means else 2
    made = _detached(f"NormalBackward{number}", data, (mean, std))
    if out is None:
        return made
    put_out(out, made)
    return out


@public()
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Ones with the probabilities of a tensor, or with one probability, and zeros.

    Args:
        input: the probabilities; with ``p``, what the result is like.

    Raises:
        RuntimeError: a probability is none.

    Source: ``torch.bernoulli``.
    """
    engine = chosen_engine(generator, "bernoulli")
    array = input._np
    data = maker_on(input.device, np.empty)(
        array.shape, array.dtype if out is None else out._np.dtype
    )
    if p is not None:
        samplers.bernoulli_p(engine, data, float(p))
    else:
        samplers.bernoulli_like(engine, array, data)
    made = _detached("BernoulliBackward0", data, (input,))
    if out is None:
        return made
    out.resize_(data.shape)
    put_out(out, made)
    return out


@public()
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *,
    generator: Generator | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Categories drawn by their weights.

    Args:
        input: weights, ``(categories,)`` or ``(rows, categories)``.
        num_samples: how many to draw of each row.
        replacement: whether a category can be drawn again.

    Source: ``torch.multinomial``.
    """
    if out is not None and out._np.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype.scalar_name}")
    engine = chosen_engine(generator, "multinomial")
    data = samplers.multinomial(engine, input._np, int(num_samples), replacement)
    return finished(data, None, False, out)


@public(methods=False)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of events at the rates of a tensor. Source: ``torch.poisson``."""
    data = samplers.poisson(chosen_engine(generator, "poisson"), input._np)
    return _detached("PoissonBackward0", data, (input,))


@public(methods=False)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of successes in ``count`` trials each. Source: ``torch.binomial``."""
    return make(samplers.binomial(chosen_engine(generator, "binomial"), count._np, prob._np))


_inplace = random_inplace

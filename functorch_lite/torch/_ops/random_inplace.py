"""Tensors filled with random numbers in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.inplace import bump, ready, write_by_formula
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import method
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.generator import Generator, chosen_engine
from functorch_lite.torch._ops.copying import zeros_like_of
from functorch_lite.torch._rng import samplers
from functorch_lite.torch._rng.engine import Engine

__all__ = ["filled"]


def filled(t: Tensor, name: str, fill: Callable[..., Any], engine: Engine, *values: Any) -> Tensor:
    """Fill a tensor with random numbers; its content has no gradient then.

    Args:
        name: of its node, if it is part of a graph.
        fill: ``fill(engine, array, *values)``.
    """
    recorded = wants_grad((t,))
    ready(t, (), recorded)
    # In its own memory: the order of draws follows the strides.
    fill(engine, t._np, *values)
    if recorded:
        return write_by_formula(t, t._np, (), name, zeros_like_of)
    bump(t)
    return t


def _filler(
    name: str, node: str, fill: Callable[..., Any], names: tuple[tuple[str, Any], ...]
) -> None:
    """An in-place method that fills from a distribution with parameters."""
    known = [n for n, _ in names]

    def fill_(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        count = len(args)
        if count > len(known):
            raise TypeError(
                f"{name}() takes from 0 to {len(known)} positional arguments but {count} were given"
            )
        # Python's own word ``from`` is the name of a parameter, so names are looked up here.
        values = [*args, *(kwargs.pop(n, default) for n, default in names[count:])]
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if None in values:
            raise TypeError(f'{name}() missing 1 required positional arguments: "{known[-1]}"')
        return filled(self, node, fill, chosen_engine(generator, name), *map(float, values))

    fill_.__name__ = name
    fill_.__doc__ = f"Fill it with random numbers. Source: ``torch.Tensor.{name}``."
    method(name)(fill_)


_filler("uniform_", "UniformBackward0", samplers.uniform, (("from", 0.0), ("to", 1.0)))
_filler("normal_", "NormalBackward0", samplers.normal, (("mean", 0.0), ("std", 1.0)))
_filler("exponential_", "ExponentialBackward0", samplers.exponential, (("lambd", 1.0),))
_filler("cauchy_", "CauchyBackward0", samplers.cauchy, (("median", 0.0), ("sigma", 1.0)))
_filler("log_normal_", "LogNormalBackward0", samplers.log_normal, (("mean", 1.0), ("std", 2.0)))
_filler("geometric_", "GeometricBackward0", samplers.geometric, (("p", None),))


@method()
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill it with ones of a probability, or of those of a tensor, and zeros.

    Args:
        p: the probability; a tensor has one for each element.

    Raises:
        RuntimeError: a probability is none.

    Source: ``torch.Tensor.bernoulli_``.
    """
    engine = chosen_engine(generator, "bernoulli_")
    if not isinstance(p, Tensor):
        return filled(self, "BernoulliBackward2", samplers.bernoulli_p, engine, float(p))
    chances = p._np.copy() if np.may_share_memory(p._np, self._np) else p._np

    def fill(engine: Engine, out: Any) -> None:
        samplers.bernoulli_like(engine, chances, out)

    return filled(self, "BernoulliBackward1", fill, engine)


@method()
def random_(self: Tensor, *args: Any, generator: Generator | None = None, **kwargs: Any) -> Tensor:
    """Fill it with integers.

    Args:
        args: ``to``, or ``from, to``; the whole range of the dtype by default.

    Raises:
        RuntimeError: there is no integer between the limits, or the dtype does not hold them.

    Source: ``torch.Tensor.random_``.
    """
    low, high = kwargs.pop("from", None), kwargs.pop("to", None)
    if kwargs:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if len(args) == 2:
        low, high = args
    elif len(args) == 1:
        if low is None and high is None:
            high = args[0]
        else:
            low = args[0]
    engine = chosen_engine(generator, "random_")
    if low is None and high is None:
        return filled(self, "RandomBackward2", samplers.random, engine)
    node = "RandomBackward1" if low is None else "RandomBackward0"
    start = 0 if low is None else int(low)
    end = None if high is None else int(high)
    return filled(self, node, samplers.randint, engine, start, end)

"""Random numbers inside ``vmap``: refused, different in each lane, or the same in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.torch._compile.symbol import Symbol, value_of
from functorch_lite.torch._core.public import FUNCTIONS, overrides
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._functorch import refusals
from functorch_lite.torch._functorch.crossing import is_lane, lift, lower
from functorch_lite.torch._functorch.fallback import map_tensors, padded, tensors_in

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["drawn", "is_random", "made_random"]

RANDOM = frozenset("rand randn randint randperm rand_like randn_like randint_like normal".split())
"""Functions that make tensors of random numbers."""

RANDOM_WITH_INPUT = frozenset(
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout rrelu "
    "gumbel_softmax".split()
)
"""Functions that draw for the elements of a tensor."""

RANDOM_BY_VALUES = frozenset("bernoulli multinomial poisson binomial normal".split())
"""Functions that draw from distributions whose parameters are tensors."""

_RANDOM = RANDOM | RANDOM_WITH_INPUT | RANDOM_BY_VALUES

_INTO_FIRST = frozenset(
    "bernoulli_p cauchy dropout_mask exponential geometric log_normal normal randint random "
    "uniform".split()
)
"""Samplers that write into their first argument."""

_UNMAPPED = (
    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear "
    "like same randomness. If this is necessary for your usage, please file an issue with "
    "functorch."
)
_OUT = (
    "vmap: We do not support calling out variants of random operations inside of vmap. Please use "
    "non-out variants as a workaround"
)
_SAME = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an "
    "issue with functorch"
)


def is_random(name: str) -> bool:
    """Whether a function of that name makes random numbers."""
    return name in _RANDOM


def made_random(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """What a function that draws gives; NotImplemented where its parts are asked in turn."""
    name = f.__name__
    different = lanes.randomness == "different"
    tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    if name in RANDOM_WITH_INPUT:
        if different and tensors and not any(is_lane(lanes, t) for t in tensors):
            whole = tensors[0].unsqueeze(0).expand(lanes.size, *tensors[0]._np.shape)
            mapped = lift(lanes, whole)
            some, named = map_tensors(
                (list(args), kwargs), lambda t: mapped if t is tensors[0] else t
            )
            return f(*some, **named)
        return NotImplemented
    if kwargs.get("out") is not None:
        raise RuntimeError(_OUT)
    if lanes.randomness == "error":
        raise RuntimeError(refusals.RANDOM)
    if name in RANDOM_BY_VALUES and tensors:
        if different:
            return _by_values(lanes, f, args, kwargs)
        if any(is_lane(lanes, t) for t in tensors):
            raise RuntimeError(_SAME)
        with lanes.outside():
            return f(*args, **kwargs)
    shells = [_shell(a, lanes.size if different else None) for a in args]
    named = {k: _shell(v, lanes.size if different else None) for k, v in kwargs.items()}
    with lanes.outside():
        if not different:
            return f(*shells, **named)
        if name == "randperm":
            whole = FUNCTIONS["stack"]([f(*args, **kwargs) for _ in range(lanes.size)])
        elif name.endswith("_like"):
            whole = f(*shells, **named)
        else:
            whole = f(*_more(name, args, lanes.size), **_more_named(kwargs, lanes.size))
    return lift(lanes, whole)


def _by_values(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Tensor:
    """Numbers drawn for all lanes at once."""
    tree = (list(args), kwargs)
    rank = max(t._np.ndim for t in tensors_in(tree))
    given, named = map_tensors(tree, lambda t: padded(lower(lanes, t.detach()), rank))
    with lanes.outside():
        if f.__name__ == "multinomial" and rank == 2:
            (weights,) = tensors_in((given, named))
            given, named = map_tensors((given, named), lambda t: t.flatten(0, 1))
            whole = f(*given, **named).unflatten(0, weights._np.shape[:2])
        else:
            whole = f(*given, **named)
    return lift(lanes, whole)


def _shell(x: Any, lanes: int | None) -> Any:
    """A tensor without values for one that is asked for its sizes only."""
    if not isinstance(x, Tensor):
        return x
    shape = x._np.shape if lanes is None else (lanes, *x._np.shape)
    return make(np.empty(shape, x._np.dtype))


def _more(name: str, args: Any, lanes: int) -> list[Any]:
    """Arguments with one more dimension in the size among them."""
    found = list(args)
    for i, a in enumerate(found):
        if isinstance(a, (tuple, list)):
            found[i] = (lanes, *a)
            return found
    # Sizes may also be given one by one.
    return [lanes, *found] if name in ("rand", "randn") and found else found


def _more_named(kwargs: dict[str, Any], lanes: int) -> dict[str, Any]:
    return {k: (lanes, *v) if k == "size" else v for k, v in kwargs.items()}


def drawn(lanes: Lanes, sample: Any, engine: Any, args: Any, options: dict[str, Any]) -> Any:
    """Numbers that an operation writes into its first argument.

    Args:
        sample: draws them, into an array.
        engine: the stream.
    """
    if lanes.randomness == "error":
        raise RuntimeError(refusals.RANDOM)
    different = lanes.randomness == "different"
    if sample.__name__ not in _INTO_FIRST:
        raise lanes.unsupported("drawing random numbers")
    target, *rest = args
    if not isinstance(target, Symbol):
        if any(isinstance(a, Symbol) for a in (*rest, *options.values())):
            raise lanes.unsupported("drawing random numbers")
        if different:
            raise RuntimeError(_UNMAPPED)
        with lanes.outside():
            return sample(engine, target, *rest, **options)
    if any(isinstance(a, Symbol) for a in options.values()):
        raise lanes.unsupported("drawing random numbers")
    if not different and any(isinstance(a, Symbol) for a in rest):
        raise RuntimeError(_SAME)
    shape = (lanes.size, *target.shape) if different else target.shape
    given = [_lowered(lanes, a) for a in rest]
    with lanes.outside():
        outer = overrides.recorder
        zeros: Any = np.zeros(shape, target.dtype)
        room = zeros if outer is None else outer.room(zeros)
        sample(engine, room, *given, **options)
    target[...] = lift(lanes, make(room))._np if different else room
    return None


def _lowered(lanes: Lanes, x: Any) -> Any:
    """The array of all lanes of one that varies."""
    return lanes.trace.lower(value_of(x))._data if isinstance(x, Symbol) else x

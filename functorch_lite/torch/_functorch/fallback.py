"""Operations without a batching rule: called once for each lane."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.crossing import is_lane, lift, lower
from functorch_lite.torch._functorch.refusals import CONTROL_FLOW, DYNAMIC, RANDOM
from functorch_lite.torch._object.generator import default_generator

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["map_tensors", "one_by_one", "padded", "signature_of", "tensors_in", "writes"]


def padded(t: Tensor, rank: int) -> Tensor:
    """All lanes of a tensor with dimensions of one after the first, up to a rank of each lane."""
    shape = t._np.shape
    return t.reshape(shape[0], *[1] * (rank + 1 - len(shape)), *shape[1:])


def one_by_one(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """Call an operation once for each lane, and stack the results.

    Correct for every operation whose results have one shape, and as slow as a loop.

    Raises:
        RuntimeError: the results of the lanes differ in shape, or are different numbers; or there
            are no lanes, and so no results to stack.
    """
    name = f.__name__
    if not lanes.size:
        raise RuntimeError(
            f"Batching rule not implemented for aten::{name}. The fallback path does not support "
            "vmap over dims of size 0."
        )
    given = (list(args), kwargs)
    # What is not mapped has a gradient in each lane nevertheless.
    varying = [is_lane(lanes, t) or needs_grad(t) for t in tensors_in(given)]
    marks = iter(varying)
    whole = map_tensors(given, lambda t: lower(lanes, t) if next(marks) else t)
    mapped = {id(w) for w, v in zip(tensors_in(whole), varying, strict=True) if v}
    found: list[Any] = []
    targets: list[Tensor] = []
    state = default_generator.get_state()
    with lanes.outside():
        for i in range(lanes.size):
            if lanes.randomness == "same":
                default_generator.set_state(state)
            some, named = map_tensors(whole, partial(_lane_of, mapped, i))
            if writes(name):
                some[0] = some[0].clone()
                targets.append(some[0])
            found.append(f(*some, **named))
        stacked = FUNCTIONS["stack"](targets) if targets else _stacked(found, name)
    if lanes.randomness == "error" and (default_generator.get_state()._np != state._np).any():
        default_generator.set_state(state)
        raise RuntimeError(RANDOM)
    warnings.warn(
        "There is a performance drop because we have not yet implemented the batching rule for "
        f"aten::{name}.",
        UserWarning,
        stacklevel=4,
    )
    if targets:
        return args[0].copy_(lift(lanes, stacked))
    return map_tensors(stacked, partial(lift, lanes))


def _lane_of(mapped: set[int], i: int, t: Any) -> Any:
    return t[i] if id(t) in mapped else t


def _stacked(results: Sequence[Any], name: str) -> Any:
    """One result of those of the lanes."""
    first = results[0]
    if isinstance(first, Tensor):
        if any(r._np.shape != first._np.shape for r in results):
            raise RuntimeError(DYNAMIC.format(name))
        return FUNCTIONS["stack"](list(results))
    if isinstance(first, (tuple, list)):
        return _like(first, [_stacked(column, name) for column in zip(*results, strict=True)])
    if any(r != first for r in results):
        raise RuntimeError(CONTROL_FLOW)
    return first


# ------------------------------------------------------------------------------------ arguments
@cache
def signature_of(f: Callable[..., Any]) -> inspect.Signature:
    """The parameters of a function, looked up once."""
    return inspect.signature(f)


def writes(name: str) -> bool:
    """Whether a function writes into its first argument, by its name."""
    return name == "setitem" or (name.endswith("_") and not name.endswith("__"))


def map_tensors(tree: Any, f: Callable[[Tensor], Any]) -> Any:
    """Arguments with a function of each tensor in its place."""
    if isinstance(tree, Tensor):
        return f(tree)
    if isinstance(tree, dict):
        return {k: map_tensors(v, f) for k, v in tree.items()}
    if isinstance(tree, (tuple, list)):
        return _like(tree, [map_tensors(e, f) for e in tree])
    return tree


def _like(tree: Any, parts: list[Any]) -> Any:
    """A sequence of another one's class."""
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors among arguments."""
    found: list[Tensor] = []
    map_tensors(tree, found.append)
    return found

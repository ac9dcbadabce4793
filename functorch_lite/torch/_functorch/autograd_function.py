"""User-defined operations inside ``vmap``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.crossing import is_lane, lift, lower
from functorch_lite.torch._functorch.pytrees import flatten, leaves, unflatten

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["VmapInfo", "mapped"]


class VmapInfo(NamedTuple):
    """What ``Function.vmap`` is told.

    Attributes:
        batch_size: how many examples there are.
        randomness: as of ``vmap``.

    Source: ``torch._functorch.autograd_function.VmapInfo``.
    """

    batch_size: int
    randomness: str


VmapInfo.__module__ = "torch._functorch.autograd_function"

_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


def mapped(lanes: Lanes, function: Any, args: tuple[Any, ...]) -> Any:
    """The result of a user's operation, by its own rule for batches.

    Returns:
        NotImplemented where it is to run on one lane.

    Raises:
        RuntimeError: it has neither a rule nor asks for one to be made, or both.
    """
    if not any(is_lane(lanes, t) for t in leaves(args)):
        return NotImplemented
    # The base class has a method that only complains.
    own_rule = "autograd.function" not in function.vmap.__module__
    head = f"You tried to vmap over {function.__name__}, but it"
    if function.generate_vmap_rule:
        if own_rule:
            raise RuntimeError(
                f"{head} has both generate_vmap_rule=True and an overridden vmap staticmethod. "
                "Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to "
                f"avoid ambiguity. {_MORE}"
            )
        return NotImplemented
    if not own_rule:
        raise RuntimeError(
            f"{head} does not have vmap support. Please override and implement the vmap "
            f"staticmethod or set generate_vmap_rule=True. {_MORE}"
        )
    found, spec = flatten(args)
    varies = [is_lane(lanes, t) for t in found]
    whole = [lower(lanes, t) if v else t for t, v in zip(found, varies, strict=True)]
    dims = unflatten([0 if v else None for v in varies], spec)
    with lanes.outside():
        info = VmapInfo(lanes.size, lanes.randomness)
        made, out_dims = function.vmap(info, dims, *unflatten(whole, spec))
    single = not isinstance(made, tuple)
    outs = (made,) if single else made
    places = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(outs)
    results = tuple(_lifted(lanes, t, d) for t, d in zip(outs, places, strict=True))
    return results[0] if single else results


def _lifted(lanes: Lanes, t: Any, dim: int | None) -> Any:
    if dim is None or not isinstance(t, Tensor):
        return t
    return lift(lanes, t.movedim(dim, 0))

"""Transformations one after the other, and the optimiser that uses what they give."""

from __future__ import annotations

from typing import Any

from functorch_lite.errors import TreeError
from functorch_lite.optim.rule import Optimizer, Pair, Transformation

__all__ = ["chain"]


def chain(*parts: Pair) -> Any:
    """Feed the gradients through each part in order; an optimiser comes last.

    Args:
        parts: transformations, and as the last of them a transformation or an optimiser.

    Returns:
        ``Optimizer`` if the last part is one, else ``Transformation``; the state is the tuple of
        the parts' states.

    Raises:
        TypeError: a part is something else, or an optimiser is not the last.
        ValueError: no parts.

    >>> import functorch_lite as fl
    >>> optimizer = chain(fl.optim.clip_by_value(0.5), fl.optim.sgd(1.0))
    >>> params = fl.numpy.asarray([1.0, 0.25])
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    Array([0.5, 0. ], dtype=float32)
    """
    if not parts:
        raise ValueError("optim.chain: expected at least one part; got none.")
    for part in parts:
        if not isinstance(part, Pair):
            raise TypeError(
                f"optim.chain: expected transformations and an optimiser; got {part!r}. "
                "Remedy: chain(clip_by_norm(1.0), adam(1e-3))."
            )
    for part in parts[:-1]:
        if not isinstance(part, Transformation):
            raise TypeError(
                f"optim.chain: expected the optimiser last; {part} is followed by others, which "
                "would take its parameters for gradients. Remedy: put it at the end."
            )
    name = f"chain({', '.join(part.name for part in parts)})"

    def init(params: Any) -> tuple[Any, ...]:
        return tuple(part.init(params) for part in parts)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        if not isinstance(state, (tuple, list)) or len(state) != len(parts):
            raise TreeError(
                f"optim.{name}: expected state to be a tuple of {len(parts)} states; got a "
                f"{type(state).__name__}. Remedy: state = init(params), then "
                "update(grads, state, params)."
            )
        new_states = []
        for part, held in zip(parts, state, strict=True):
            grads, held = part.update(grads, held, params)
            new_states.append(held)
        return grads, tuple(new_states)

    kind = Transformation if isinstance(parts[-1], Transformation) else Optimizer
    return kind(init, update, name)

"""Layers applied one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import random
from functorch_lite.errors import TreeError
from functorch_lite.nn.checks import training_key
from functorch_lite.nn.layer import Layer, as_layer

__all__ = ["chain"]


def chain(*layers: Layer | Callable[[Any], Any]) -> Layer:
    """A layer that feeds each layer's output to the next.

    It takes what its layers take: ``state`` if any of them has one, ``key`` if any draws random
    numbers, ``train`` if any behaves differently in training.  Parameters and state are tuples with
    one entry a layer, ``()`` for those that have none.  The key is split among all layers by
    position, so appending a layer leaves the others' parameters as they were.

    Args:
        *layers: layers, or plain functions of one argument.

    Returns:
        The layer.

    Raises:
        TypeError: an argument is neither a layer nor a function.
        TreeError: ``apply`` got parameters or a state of another chain.

    >>> import functorch_lite as fl
    >>> net = chain(fl.nn.Linear(8, 16), fl.nn.BatchNorm(16), fl.nn.relu, fl.nn.Linear(16, 3))
    >>> params, state = net.init(fl.random.key(0))
    >>> out, state = net.apply(params, fl.numpy.ones((4, 8)), state, train=True)
    >>> out.shape
    (4, 3)
    """
    parts = tuple(map(as_layer, layers))
    takes = frozenset[str]().union(*(part.takes for part in parts))
    name = f"chain({', '.join(part.name for part in parts)})"
    stateful = "state" in takes

    def init(key: Any) -> Any:
        keys = random.split(key, max(len(parts), 1))
        made = [part.init(keys[i]) for i, part in enumerate(parts)]
        if not stateful:
            return tuple(made)
        pairs = [
            pair if part.stateful else (pair, ()) for part, pair in zip(parts, made, strict=True)
        ]
        return tuple(params for params, _ in pairs), tuple(state for _, state in pairs)

    def apply(
        params: Any, x: Any, state: Any = None, *, key: Any = None, train: bool = False
    ) -> Any:
        _check(name, "params", params, parts)
        if stateful:
            _check(name, "state", state, parts)
        keys = None if key is None else random.split(training_key(name, key), len(parts))
        states = []
        for i, part in enumerate(parts):
            arguments: dict[str, Any] = {}
            if "key" in part.takes:
                arguments["key"] = None if keys is None else keys[i]
            if "train" in part.takes:
                arguments["train"] = train
            if part.stateful:
                x, new_state = part.apply(params[i], x, state[i], **arguments)
                states.append(new_state)
            else:
                x = part.apply(params[i], x, **arguments)
                states.append(())
        return (x, tuple(states)) if stateful else x

    return Layer(init, _narrow(name, apply, takes), name, takes=takes, children=parts)


def _narrow(title: str, apply: Callable[..., Any], takes: frozenset[str]) -> Callable[..., Any]:
    """``apply`` without the arguments that no layer takes, so that passing one is an error."""
    if takes == {"state", "key", "train"}:
        return apply

    def narrowed(params: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in takes:
                raise TypeError(
                    f"nn.{title}.apply: takes no {name!r}: none of its layers uses one. "
                    "Remedy: leave it out."
                )
        if args and "state" not in takes:
            raise TypeError(
                f"nn.{title}.apply: takes no state: none of its layers has one. "
                "Remedy: out = layer.apply(params, x)."
            )
        return apply(params, x, *args, **kwargs)

    return narrowed


def _check(name: str, what: str, value: Any, parts: tuple[Layer, ...]) -> None:
    if not isinstance(value, (tuple, list)) or len(value) != len(parts):
        got = f"{len(value)} of them" if isinstance(value, (tuple, list)) else type(value).__name__
        raise TreeError(
            f"nn.{name}: expected {what} of {len(parts)} layers, as made by its init; got {got}. "
            "Remedy: make it with layer.init(key), or take those of the net that is meant."
        )

"""One number for all dimensions, or one for each. Source: ``torch.nn.modules.utils``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(count: int, name: str = "parse") -> Callable[[Any], Any]:
    """A function that repeats what is no sequence ``count`` times."""

    def parse(value: Any) -> Any:
        return tuple(value) if isinstance(value, Iterable) else tuple(repeat(value, count))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(values: Sequence[Any], times: int) -> tuple[Any, ...]:
    """Each element several times, the last one first: from sizes to what ``pad`` takes."""
    return tuple([value for value in reversed(values) for _ in range(times)])


def _named(module: Any, *names: str) -> str:
    """Attributes as the text of a module names them."""
    return ", ".join([f"{name}={getattr(module, name)}" for name in names])


def _unusual(module: Any, **usual: Any) -> str:
    """The same of those that are not as usual, after a comma each."""
    found = [name for name, value in usual.items() if getattr(module, name) != value]
    return f", {_named(module, *found)}" if found else ""


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix off the keys of a state, in place.

    Args:
        state_dict: as of ``Module.state_dict``; its metadata is treated alike.
        prefix: with the dot at its end.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}

    Source: ``torch.nn.modules.utils.consume_prefix_in_state_dict_if_present``.
    """
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if (
                key
                and key.startswith(prefix[:-1])
                and (key == prefix[:-1] or key.startswith(prefix))
            ):
                metadata[key[len(prefix) :]] = metadata.pop(key)

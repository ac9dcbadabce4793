"""Parameters, and anything else, held in order or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._object.typename import typename
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["ParameterDict", "ParameterList", "by_key", "check_iterable", "position"]


def position(idx: Any, count: int) -> int:
    """A position counted from the front.

    Args:
        idx: a position; negative ones count from the end.
        count: how many there are.

    Raises:
        IndexError: there is no such position.

    >>> position(-1, 3)
    2
    """
    index = operator.index(idx)
    if not -count <= index < count:
        raise IndexError(f"index {index} is out of range")
    return index % count


def check_iterable(values: Any, what: str) -> None:
    """Refuse what cannot be gone through.

    Raises:
        TypeError: with `what` as its first words.
    """
    if not isinstance(values, Iterable) or isinstance(values, Tensor):
        raise TypeError(f"{what}, but got {type(values).__name__}")


def by_key(values: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The pairs of a mapping, or of an iterable of pairs.

    Args:
        values: what was given to ``update``.
        name: of the container, for messages.

    Raises:
        TypeError: an element is no pair at all.
        ValueError: an element has more or less than two parts.
    """
    if hasattr(values, "items"):
        yield from values.items()
        return
    for i, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is{type(pair).__name__}"
            )
        found = tuple(pair)
        if len(found) != 2:
            raise ValueError(
                f"{name} update sequence element #{i} has length {len(found)}; 2 is required"
            )
        yield found


def _as_parameter(value: Any) -> Any:
    """Tensors as parameters; anything else as it is."""
    plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
    return Parameter(value) if plain else value


def _lines(pairs: Iterable[tuple[Any, Any]], kind: Callable[[Tensor], str]) -> str:
    """The text of a container: a line for each value."""
    lines = []
    for key, value in pairs:
        if isinstance(value, Tensor):
            sizes = "x".join(map(str, value.shape))
            which = "Parameter" if isinstance(value, Parameter) else "Tensor"
            lines.append(f"  ({key}): {which} containing: [{kind(value)} of size {sizes}]")
        else:
            lines.append(f"  ({key}): Object of type: {type(value).__name__}")
    return "\n".join(lines)


class ParameterList(Module):
    """A list whose tensors are parameters.

    Args:
        values: tensors and anything else.

    Source: ``torch.nn.ParameterList``.
    """

    __module__ = "torch.nn.modules.container"

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return type(self)([self[i] for i in range(*idx.indices(len(self)))])
        return getattr(self, str(position(idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(position(idx, len(self))), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, parameters: Iterable[Any]) -> Self:
        return self.extend(parameters)

    def append(self, value: Any) -> Self:
        """Add a value at the end. Source: ``torch.nn.ParameterList.append``."""
        self._size += 1
        self[len(self) - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end.

        Raises:
            TypeError: what is given is not iterable, or one tensor.

        Source: ``torch.nn.ParameterList.extend``.
        """
        check_iterable(values, "ParameterList.extend should be called with an iterable")
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return _lines(enumerate(self), lambda t: str(t.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary whose tensors are parameters.

    Args:
        parameters: tensors and anything else by name, or pairs of both.

    Source: ``torch.nn.ParameterDict``.
    """

    __module__ = "torch.nn.modules.container"

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _key_to_attr(self, key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type "
                f"is '{type(key).__name__}'). Open an issue on github if you need non-string keys."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._key_to_attr(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, self._key_to_attr(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._key_to_attr(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another one with the same values. Source: ``torch.nn.ParameterDict.copy``."""
        # In pairs: a plain dictionary would be sorted.
        return ParameterDict(OrderedDict((key, self[key]) for key in self._keys))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take out all values."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out a value, and return it."""
        found = self[key]
        del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        """Take out the last value, and return it with its key."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or a default."""
        return self[key] if key in self else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new one with one value for all keys."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> Any:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Keys and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values, or replace those that are there; plain mappings in the order of their keys.

        Raises:
            TypeError, ValueError: they are no mapping and no pairs.

        Source: ``torch.nn.ParameterDict.update``.
        """
        check_iterable(
            parameters, "ParametersDict.update should be called with an iterable of key/value pairs"
        )
        pairs = by_key(parameters, "ParameterDict")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = iter(sorted(pairs))
        for key, value in pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return _lines(self.items(), typename)

    def __call__(self, input: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: Any) -> ParameterDict:
        found = self.copy()
        found.update(other)
        return found

    def __ror__(self, other: Any) -> Any:
        found = other.copy()
        found.update(self)
        return found

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

"""Modules that hold modules in order, or by name."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any, Self

from functorch_lite.torch.nn.modules.module import Module, framed, indented
from functorch_lite.torch.nn.modules.parameter_container import (
    ParameterDict,
    ParameterList,
    by_key,
    check_iterable,
    position,
)

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class Container(Module):
    """Holds modules by name. Source: ``torch.nn.Container``."""

    __module__ = "torch.nn.modules.container"

    def __init__(self, **kwargs: Any) -> None:
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in "
            "`nn.Module`. Subclass that instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class _Ordered(Module):
    """Modules in order, under their numbers unless they were given names."""

    def _name_at(self, idx: Any) -> str:
        """The name under which the module at a position is."""
        return list(self._modules)[position(idx, len(self))]

    def _slice(self, idx: slice) -> Any:
        raise NotImplementedError

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return self._slice(idx)
        return self._modules[self._name_at(idx)]

    def __setitem__(self, idx: int, module: Any) -> None:
        setattr(self, self._name_at(idx), module)

    def __delitem__(self, idx: Any) -> None:
        names = list(self._modules)
        for name in names[idx] if isinstance(idx, slice) else [self._name_at(idx)]:
            delattr(self, name)
        self._renumber()

    def _renumber(self) -> None:
        left = list(self._modules.values())
        self._modules = {str(i): m for i, m in enumerate(left)}

    def _make_room(self, index: int) -> None:
        """Move the modules from a position on up by one."""
        for i in range(len(self), index, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def pop(self, key: Any) -> Any:
        """Take out the module at a position, and return it."""
        found = self[key]
        del self[key]
        return found

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self


class Sequential(_Ordered):
    """Modules that are called one after the other.

    Args:
        args: the modules; or one ``OrderedDict`` of modules by name.

    >>> len(Sequential(Module(), Module()))
    2

    Source: ``torch.nn.Sequential``.
    """

    __module__ = "torch.nn.modules.container"

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def _slice(self, idx: slice) -> Any:
        return type(self)(OrderedDict(list(self._modules.items())[idx]))

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __add__(self, other: Any) -> Sequential:
        found = Sequential()
        return found.extend(self).extend(_checked(other))

    def __iadd__(self, other: Any) -> Self:
        return self.extend(list(_checked(other)))

    def _check_factor(self, other: Any) -> None:
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")

    def __mul__(self, other: int) -> Sequential:
        self._check_factor(other)
        return Sequential(*list(self) * other)

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        self._check_factor(other)
        return self.extend(list(self) * (other - 1))

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at a position.

        Raises:
            AssertionError: it is no module.
            IndexError: there is no such position.

        Source: ``torch.nn.Sequential.insert``.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"Index out of range: {index}")
        index = index + count if index < 0 else index
        self._make_room(index)
        self._modules[str(index)] = module
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add modules at the end. Source: ``torch.nn.Sequential.extend``."""
        for module in sequential:
            self.append(module)
        return self


def _checked(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )
    return other


class ModuleList(_Ordered):
    """A list of modules; calling them is up to its owner.

    Args:
        modules: the modules.

    Source: ``torch.nn.ModuleList``.
    """

    __module__ = "torch.nn.modules.container"

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _slice(self, idx: slice) -> Any:
        return type(self)(list(self)[idx])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at a position. Source: ``torch.nn.ModuleList.insert``."""
        self._make_room(index)
        self._modules[str(index)] = module

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end.

        Raises:
            TypeError: what is given is not iterable.

        Source: ``torch.nn.ModuleList.extend``.
        """
        check_iterable(modules, "ModuleList.extend should be called with an iterable")
        for i, module in enumerate(modules, len(self)):
            self.add_module(str(i), module)
        return self

    def __repr__(self) -> str:
        lines = []
        for text, group in groupby(enumerate(map(repr, self)), operator.itemgetter(1)):
            places = [i for i, _ in group]
            if len(places) == 1:
                lines.append(f"({places[0]}): {indented(text)}")
            else:
                count = len(places)
                lines.append(f"({places[0]}-{places[-1]}): {count} x {indented(text)}")
        return framed(self._get_name(), [], lines)


class ModuleDict(Module):
    """A dictionary of modules; calling them is up to its owner.

    Args:
        modules: the modules by name, or pairs of both.

    Source: ``torch.nn.ModuleDict``.
    """

    __module__ = "torch.nn.modules.container"

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take out all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take out a module, and return it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or replace those that are there.

        Raises:
            TypeError, ValueError: they are no mapping and no pairs.

        Source: ``torch.nn.ModuleDict.update``.
        """
        check_iterable(
            modules, "ModuleDict.update should be called with an iterable of key/value pairs"
        )
        for key, module in by_key(modules, "ModuleDict"):
            self[key] = module

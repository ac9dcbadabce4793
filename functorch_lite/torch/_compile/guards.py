"""What a recorded call depends on: the Python objects that lead to its tensors and settings.

A walk goes from a function and its arguments through closures, globals that its code names,
attributes, lists and dictionaries. It gives a key, equal for calls that do the same, and the
tensors in the order in which it met them.
"""

from __future__ import annotations

import argparse
import dis
import enum
import functools
import sys
import types
from operator import is_
from typing import Any

import numpy as np

from functorch_lite.torch._core.autocast import casting
from functorch_lite.torch._core.device import device
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.layout import layout, memory_format
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._object.pickling import attributes
from functorch_lite.torch.nn.modules.module_hooks import ALL

__all__ = ["PLAIN", "Call", "State", "Unguarded", "put_back", "settings"]

MOST = 50_000
"""Objects that a walk visits at most."""
MOST_BYTES = 4096
"""Of NumPy arrays that are guarded by value."""

PLAIN = (int, float, complex, str, bytes, bool, type(None), DType, device, enum.Enum, slice, range,
          layout, memory_format, np.generic, type(Ellipsis), type(NotImplemented))  # fmt: skip
_LIBRARY = __name__.split(".")[0]


_MISSING = object()
_DRAWING = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_CACHED = type(functools.cache(id))
_SPACES = (argparse.Namespace, types.SimpleNamespace)
"""Classes of Python's own whose objects hold what programs put there."""


class Unguarded(Exception):
    """Part of the state cannot be guarded; says which."""


@functools.cache
def _globals_of(code: Any) -> tuple[tuple[str, ...], frozenset[str]]:
    """The globals that a piece of code names, and all its names."""
    found = dict.fromkeys(
        i.argval for i in dis.get_instructions(code) if i.opname.endswith(("_GLOBAL", "_NAME"))
    )
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            inner, others = _globals_of(const)
            found.update(dict.fromkeys(inner))
            names |= others
    return tuple(found), frozenset(names)


@functools.cache
def _is_library(module: str | None) -> bool:
    """Whether a module is this library's, or comes with Python or another package."""
    root = (module or "builtins").split(".")[0]
    if root in (_LIBRARY, "torch", "numpy", "builtins") or root in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return "site-packages" in file


def _is_own(f: Any) -> bool:
    """Whether code is the user's, so that what it names matters."""
    return root_of(f) not in (_LIBRARY, "torch") and not _is_library(getattr(f, "__module__", None))


def root_of(x: Any) -> str:
    """The first part of the name of a module."""
    return str(getattr(x, "__module__", None) or "").split(".")[0]


class Walk:
    """What was met on the way through some Python objects.

    Attributes:
        parts: hashable; equal parts mean equal programs.
        tensors: those that were met, each once.
        held: containers that were met, with a copy of their contents.
        classes: those of the user's that were met, with what they hold.
        named: cells, globals and attributes that were met, with their contents.
        kept: objects that the parts know by identity, so that these stay theirs.
        volatile: whether it met what only another walk can compare.
    """

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.tensors: list[Tensor] = []
        self.held: list[tuple[Any, Any, str]] = []
        self.named: list[tuple[Any, str, Any, str]] = []
        self.kept: list[Any] = []
        self.classes: list[tuple[type, dict[str, Any]]] = []
        self.volatile = False
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []

    def _identity(self, x: Any) -> None:
        self.parts.append(id(x))
        self.kept.append(x)

    def _visit(self, x: Any, path: str) -> None:
        parts = self.parts
        if isinstance(x, Tensor):
            self._tensor(x, path)
            return
        if isinstance(x, PLAIN):
            parts.append(_plain(x))
            return
        number = self._seen.get(id(x))
        if number is not None:
            parts.append(number)
            return
        number = self._seen[id(x)] = -1 - len(self._seen)
        self._alive.append(x)
        if number < -MOST:
            raise Unguarded(f"more than {MOST} objects lead to its tensors, the last one {path}")
        cls = x.__class__
        if getattr(cls, "guards_its_function_only", False):
            self._visit(x.f, path)
            return
        parts.append(cls)
        if issubclass(cls, dict):
            self._held(x, dict(x), path)
            parts.append(len(x))
            for k, v in list(x.items()):
                if isinstance(k, (Tensor, list)):
                    raise Unguarded(f"a key of the dictionary {path}")
                parts.append(_plain(k)) if isinstance(k, PLAIN) else self._identity(k)
                self._visit(v, f"{path}[{k!r}]")
            self._attributes(x, path)
        elif issubclass(cls, (list, tuple)):
            if issubclass(cls, list):
                self._held(x, list(x), path)
            parts.append(len(x))
            for i, v in enumerate(x):
                self._visit(v, f"{path}[{i}]")
        elif issubclass(cls, (set, frozenset)):
            self._held(x, set(x), path)
            parts.append(frozenset(_plain(e) if isinstance(e, PLAIN) else id(e) for e in x))
            self.kept.extend(e for e in x if not isinstance(e, PLAIN))
        elif cls is types.FunctionType:
            self._function(x, path)
        elif cls is types.MethodType:
            self._visit(x.__func__, path)
            self._visit(x.__self__, f"{path}.__self__" if path else "self")
        elif cls is functools.partial:
            for each, name in ((x.func, "func"), (x.args, "args"), (x.keywords, "keywords")):
                self._visit(each, f"{path}.{name}")
        elif isinstance(x, type):
            self._class(x, path)
        elif isinstance(x, types.ModuleType):
            self._identity(x)
        elif isinstance(x, np.ndarray):
            if x.nbytes > MOST_BYTES or x.dtype.hasobject:
                raise Unguarded(f"the NumPy array {path}, whose values may change unseen")
            parts.append((x.shape, x.dtype, x.tobytes()))
            self.volatile = True
        elif isinstance(x, Generator):
            self._identity(x)
        elif hasattr(cls, "__next__"):
            raise Unguarded(f"the iterator {path}, whose state may change unseen")
        elif isinstance(x, _DRAWING):
            raise Unguarded(f"the generator {path}, whose numbers are drawn unseen")
        elif cls is _CACHED and _is_own(x):
            raise Unguarded(f"the cache of {path}, which may change unseen")
        else:
            self._object(x, path)

    def _tensor(self, t: Tensor, path: str) -> None:
        parts = self.parts
        number = self._seen.get(id(t))
        if number is not None:
            parts.append(number)
            return
        self._seen[id(t)] = len(self.tensors)
        self.tensors.append(t)
        parts.append(_kind_of(t))
        for name, value in attributes(t).items():
            self.named.append((t, name, value, f"{path}.{name}"))
            parts.append(name)
            self._visit(value, f"{path}.{name}")

    def _held(self, x: Any, contents: Any, path: str) -> None:
        self.held.append((x, contents, path))

    def _object(self, x: Any, path: str) -> None:
        cls = x.__class__
        space = getattr(x, "__dict__", None)
        if not isinstance(space, dict):
            space = None
        slots = [n for c in cls.__mro__ for n in _slots(c)]
        if space is None and not slots:
            if cls.__hash__ is None:
                raise Unguarded(f"{path}, a {cls.__name__} whose contents may change unseen")
            self._identity(x)  # nothing of it is known but which one it is
            return
        root = root_of(cls)
        if (root in sys.stdlib_module_names or root == "numpy") and cls not in _SPACES:
            self._identity(x)
            return
        for name in slots:
            value = getattr(x, name, _MISSING)
            self.named.append((x, name, value, f"{path}.{name}"))
            if value is not _MISSING:
                self._visit(value, f"{path}.{name}")
        self._class(cls, path, "method of ")
        self._attributes(x, path)

    def _attributes(self, x: Any, path: str) -> None:
        space = getattr(x, "__dict__", None)
        if not isinstance(space, dict) or not space:
            return
        self._held(space, dict(space), path)
        parts = self.parts
        parts.append(len(space))
        for name, value in list(space.items()):
            parts.append(name)
            self._visit(value, f"{path}.{name}" if path else name)

    def _class(self, cls: type, path: str, what: str = "") -> None:
        """A class: which one it is, and what its methods name."""
        self.parts.append(cls)
        for base in cls.__mro__:
            if id(base) in self._seen and base is not cls:
                continue
            if not _is_own(base):
                continue
            self._seen.setdefault(id(base), -1 - len(self._seen))
            self.classes.append((base, dict(vars(base))))
            for name, value in list(vars(base).items()):
                if isinstance(value, (staticmethod, classmethod)):
                    value = value.__func__
                if isinstance(value, property):
                    value = value.fget
                if isinstance(value, types.FunctionType):
                    if id(value) not in self._seen:
                        self._visit(value, f"{base.__name__}.{name}")
                elif not name.startswith("__") and not hasattr(type(value), "__get__"):
                    self.parts.append(name)
                    self._visit(value, f"{base.__name__}.{name}")

    def _function(self, f: Any, path: str) -> None:
        parts = self.parts
        parts.append(f.__code__)
        if not _is_own(f) and not path == "":
            self._identity(f)
            return
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            self.named.append((f, name, getattr(f, name), f"{path}.{name}"))
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                parts.append(None)
                continue
            self.named.append((cell, "", value, name))
            self._visit(value, name)
        if f.__defaults__:
            self._visit(f.__defaults__, f"{path}.__defaults__")
        if f.__kwdefaults__:
            self._visit(f.__kwdefaults__, f"{path}.__kwdefaults__")
        self._attributes(f, path)
        named, all_names = _globals_of(f.__code__)
        space = f.__globals__
        for name in named:
            value = space.get(name, _MISSING)
            self.named.append((space, name, value, name))
            if value is _MISSING:
                continue
            if isinstance(value, types.ModuleType):
                self._module(value, all_names, name)
            else:
                self._visit(value, name)

    def _module(self, module: types.ModuleType, names: frozenset[str], path: str) -> None:
        """A module of the user's: what the code that names it may look up in it."""
        self._identity(module)
        if _is_library(module.__name__):
            return
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            self.named.append((vars(module), name, value, f"{path}.{name}"))
            if isinstance(value, types.ModuleType):
                if value is not module and id(value) not in self._seen:
                    self._seen[id(value)] = -1 - len(self._seen)
                    self._module(value, names, f"{path}.{name}")
            else:
                self._visit(value, f"{path}.{name}")


def _plain(x: Any) -> tuple[Any, ...]:
    """A value, so that it is equal to nothing else: 1, 1.0 and True are, as are the two zeros."""
    if isinstance(x, (float, complex, np.generic)):
        return x.__class__, str(x)
    return x.__class__, (x.start, x.stop, x.step) if isinstance(x, slice) else x


def settings() -> tuple[Any, ...]:
    """What of the thread a program depends on."""
    return mode.enabled, mode.inference, default.dtype, casting.key()


def _kind_of(t: Tensor) -> tuple[Any, ...]:
    """What of a tensor a program depends on."""
    array = t._np
    leaf = t._fn is None
    return t.__class__, array.shape, array.strides, array.dtype, needs_grad(t), leaf, t._inference


class State(Walk):
    """A walk from a function: what it depends on besides its arguments.

    Args:
        f: the function, or module.

    Attributes:
        key: hashable; equal keys mean equal states.

    Raises:
        Unguarded: part of the state cannot be guarded.
    """

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.f = f
        self.name = getattr(f, "__name__", type(f).__name__)
        self._visit(f, "")
        self._visit(ALL, "hooks of all modules")
        self.key = tuple(self.parts)
        self.number = -1
        self._kinds = [_kind_of(t) for t in self.tensors]
        self._empty = [x for x, contents, _ in self.held if not contents]
        self._dicts = [
            (x, tuple(x), tuple(x.values()))
            for x, contents, _ in self.held if contents and isinstance(x, dict)
        ]  # fmt: skip
        self._lists = [
            (x, tuple(x)) for x, contents, _ in self.held if contents and isinstance(x, list)
        ]
        self._sets = [(x, c) for x, c, _ in self.held if c and isinstance(x, (set, frozenset))]

    def unchanged(self) -> bool:
        """Whether another walk would meet the same objects."""
        if self.volatile or any(map(len, self._empty)):
            return False
        for d, keys, values in self._dicts:
            if tuple(d) != keys or not all(map(is_, d.values(), values)):
                return False
        for x, items in self._lists:
            if len(x) != len(items) or not all(map(is_, x, items)):
                return False
        if any(x != contents for x, contents in self._sets):
            return False
        for place, name, value, _ in self.named:
            if _now(place, name) is not value:
                return False
        for cls, held in self.classes:
            if len(vars(cls)) != len(held) or not all(map(is_, vars(cls).values(), held.values())):
                return False
        return list(map(_kind_of, self.tensors)) == self._kinds


class Call(Walk):
    """A state, and a walk on from the arguments of a call.

    Attributes:
        key: hashable; equal keys mean equal programs.
    """

    def __init__(self, state: State, args: Any, kwargs: Any) -> None:
        super().__init__()
        self.state, self.args, self.kwargs = state, args, kwargs
        self.tensors = state.tensors.copy()
        self._seen = state._seen.copy()
        self.parts += (state.number, *settings())
        for i, x in enumerate(args):
            self._visit(x, f"args[{i}]")
        for name, x in kwargs.items():
            self.parts.append(name)
            self._visit(x, name)
        self.key = tuple(self.parts)
        self._alive.clear()

    def run(self) -> Any:
        """Make the call, eagerly."""
        return self.state.f(*self.args, **self.kwargs)

    def holds(self) -> bool:
        """Whether the same call would still find what it found."""
        if not self.state.unchanged():
            now = State(self.state.f)
            if now.key != self.state.key or not all(map(is_, now.tensors, self.state.tensors)):
                return False
        return Call(self.state, self.args, self.kwargs).key == self.key


@functools.cache
def _slots(cls: type) -> tuple[str, ...]:
    found = cls.__dict__.get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple(n for n in names if n not in ("__dict__", "__weakref__"))


def put_back(before: Call) -> list[str]:
    """Undo what has changed in the Python state since a walk.

    Returns:
        what has.
    """
    found = []
    for x, contents, path in (*before.state.held, *before.held):
        if _same(x, contents):
            continue
        found.append(path)
        if isinstance(x, list):
            x[:] = contents
        elif isinstance(x, dict):
            for k in list(x):
                if k not in contents:
                    del x[k]
            x.update(contents)
        else:
            x.clear()
            x.update(contents)
    for place, name, value, path in (*before.state.named, *before.named):
        if _now(place, name) is not value:
            found.append(path)
            _put(place, name, value)
    marked = {(id(place), name) for place, name, _, _ in (*before.state.named, *before.named)}
    for t in before.tensors:
        for name in attributes(t):
            if (id(t), name) not in marked:
                found.append(f"the attribute {name} of a tensor")
                delattr(t, name)
    for cls, held in (*before.state.classes, *before.classes):
        for name in {**vars(cls), **held}:
            value = held.get(name, _MISSING)
            if not name.startswith("__") and vars(cls).get(name, _MISSING) is not value:
                found.append(f"{cls.__name__}.{name}")
                _put(cls, name, value)
    return found


def _now(place: Any, name: str) -> Any:
    """What a dictionary has under a name, an object as an attribute, or a cell in it."""
    if isinstance(place, dict):
        return place.get(name, _MISSING)
    return getattr(place, name or "cell_contents", _MISSING)


def _put(place: Any, name: str, value: Any) -> None:
    if isinstance(place, dict):
        if value is _MISSING:
            del place[name]
        else:
            place[name] = value
    elif value is _MISSING:
        delattr(place, name)
    else:
        setattr(place, name or "cell_contents", value)


def _same(x: Any, contents: Any) -> bool:
    if len(x) != len(contents):
        return False
    if isinstance(x, list):
        return all(a is b for a, b in zip(x, contents, strict=True))
    if isinstance(x, dict):
        return all(k in contents and contents[k] is v for k, v in x.items())
    return bool(x == contents)

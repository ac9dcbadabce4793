"""What a file may name, call and give a state to; everything else is refused by its name.

With ``weights_only=True`` that is PyTorch's list: tensors, parameters, dtypes, plain containers,
and what the user has declared safe. With ``weights_only=False`` PyTorch calls whatever the file
names. This package does not: to that list come plain values of the standard library and NumPy, and
instances of ``nn.Module`` and dataclasses whose modules the program has imported already. Those
are made without their ``__init__`` and given their state.
"""

from __future__ import annotations

import argparse
import dataclasses
import pickle
import sys
import types
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.device import device
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object import legacy
from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._serialization import plain, rebuild
from functorch_lite.torch._serialization.pickle_machine import shown
from functorch_lite.torch._serialization.sources import Stream
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.storage import LEGACY, TypedStorage, UntypedStorage
from functorch_lite.torch.torch_version import TorchVersion

__all__ = [
    "Allowed", "SafeGlobals", "StorageType", "VariableFunctions", "add_safe", "clear_safe",
    "default_names", "modern", "safe", "safe_names",
]  # fmt: skip

PACKAGE = "functorch_lite."
_BLOCKED = ("sys", "os", "posix", "nt")


class StorageType:
    """A legacy storage class that a file names.

    Args:
        name: of the class, e.g. ``FloatStorage``.

    Source: ``torch.serialization.StorageType``.
    """

    __module__ = "torch.serialization"

    def __init__(self, name: str) -> None:
        self._dtype: dtypes.dtype = LEGACY[name].dtype  # type: ignore[attr-defined]

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype of its numbers."""
        return self._dtype

    def __str__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


class VariableFunctions:
    """Stands in files for the holder of functions such as ``torch.relu``."""

    __module__ = "torch._C"
    __qualname__ = "_VariableFunctionsClass"


# --------------------------------------------------------------------------- declared by the user
_safe: set[Any] = set()


def add_safe(safe_globals: list[Any]) -> None:
    """Add functions and classes, or pairs of one and its full name."""
    _safe.update(safe_globals)


def safe() -> list[Any]:
    """What was added."""
    return list(_safe)


def clear_safe() -> None:
    """Forget what was added."""
    _safe.clear()


class SafeGlobals:
    """A context within which functions and classes count as safe."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe(self.safe_globals)

    def __exit__(self, *exception: object) -> None:
        _safe.difference_update(self.safe_globals)


def safe_names() -> dict[str, Any]:
    """What was added, by full name.

    Raises:
        ValueError, TypeError: a tuple among it is no pair of a global and a string.
    """
    found: dict[str, Any] = {}
    for entry in _safe:
        if not isinstance(entry, tuple):
            found[f"{entry.__module__}.{entry.__qualname__}"] = entry
            continue
        if len(entry) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of "
                f"length: {len(entry)}"
            )
        if type(entry[1]) is not str:
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{type(entry[1])}"
            )
        found[entry[1]] = entry[0]
    return found


# ------------------------------------------------------------------------------ known to everybody
def _size(items: Any = ()) -> Size:
    if not isinstance(items, (tuple, list)) or not all(type(n) is int for n in items):
        raise pickle.UnpicklingError("the file makes a torch.Size of something else than integers")
    return Size(items)


def _device(kind: Any, index: Any = None) -> device:
    if type(kind) is not str or not (index is None or type(index) is int):
        raise pickle.UnpicklingError("the file makes a torch.device of something else than a name")
    try:
        return device(kind) if index is None else device(kind, index)
    except RuntimeError as error:
        raise pickle.UnpicklingError(str(error)) from None


def _parameter(data: Any = None, requires_grad: Any = True) -> Any:
    return Parameter() if data is None else rebuild.rebuild_parameter(data, requires_grad, None)


def _version(text: Any) -> TorchVersion:
    if type(text) is not str:
        raise pickle.UnpicklingError("the file makes a TorchVersion of something else than text")
    return TorchVersion(text)


def _generator(place: Any = "cpu") -> Generator:
    return Generator(place)


def _getattr(owner: Any, name: Any) -> Any:
    """The one use of ``getattr`` in files of PyTorch."""
    found = FUNCTIONS.get(name) if owner is VariableFunctions and type(name) is str else None
    if not isinstance(found, types.FunctionType):
        raise pickle.UnpicklingError(
            f"builtins.getattr({shown(owner)}, {shown(name)}) is not called for a file"
        )
    return found


_Builders = dict[int, Callable[..., Any]]


def _tables() -> tuple[dict[str, Any], _Builders]:
    """What every file may name, and how what may be called is called."""
    names: dict[str, Any] = dict(rebuild.FUNCTIONS)
    calls: dict[Any, Callable[..., Any]] = {f: f for f in rebuild.FUNCTIONS.values()}
    calls |= plain.CONTAINERS | {Size: _size, device: _device, Parameter: _parameter,
                                 plain.encoded: plain.encoded}  # fmt: skip
    for cls in (*plain.CONTAINERS, Size, device, Parameter, Tensor, UntypedStorage, TypedStorage):
        names[f"{cls.__module__}.{cls.__qualname__}"] = cls
    names["_codecs.encode"] = plain.encoded
    for each in dtypes.BY_NAME.values():
        names[str(each)] = each
    for prefix in ("torch", "torch.cuda"):
        names |= {f"{prefix}.{name}": StorageType(name) for name in LEGACY}
        names |= {f"{prefix}.{name}": cls for name, cls in legacy.LEGACY.items()}
    # Files of old name a class, call it without arguments, and give it a storage as its state.
    for tensor_class in (Tensor, *legacy.LEGACY.values()):
        calls[tensor_class] = _empty(tensor_class)
    return names, {id(key): call for key, call in calls.items()}


def _empty(cls: Any) -> Callable[..., Any]:
    """An empty tensor of a class, which takes no arguments."""

    def make(*arguments: Any) -> Any:
        if arguments:
            raise pickle.UnpicklingError(
                f"the file calls {shown(cls)} with arguments; only an empty tensor is made"
            )
        return cls()

    return make


_names, _calls = _tables()
_more_names: dict[str, Any] = {
    **{f"{cls.__module__}.{cls.__qualname__}": cls for cls in (*plain.OTHERS, *plain.VALUES)},
    **plain.NUMPY, "builtins.getattr": _getattr, "torch._C.Generator": Generator,
    "torch._C._VariableFunctionsClass": VariableFunctions,
    "torch._C._VariableFunctions": VariableFunctions,
    "torch.torch_version.TorchVersion": TorchVersion,
}  # fmt: skip
_more_calls: _Builders = {id(key): call for key, call in plain.OTHERS.items()} | {
    id(f): f for f in (_getattr, plain.scalar, plain.reconstruct)
} | {id(Generator): _generator, id(TorchVersion): _version}  # fmt: skip


def default_names() -> frozenset[str]:
    """The full names that every file may use."""
    return frozenset(_names)


def modern(module: str, name: str) -> tuple[str, str]:
    """A name as Python 3 and PyTorch 2 have it, from one that older ones may have written."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[(module, name)]
    if module == "torch.tensor":
        return "torch._tensor", name
    return IMPORT_MAPPING.get(module, module), name


def _is_rebuildable(cls: Any) -> bool:
    """Whether instances are made of their state: modules, tensors of subclasses, dataclasses."""
    if not isinstance(cls, type):
        return False
    return issubclass(cls, (Tensor, Module)) or dataclasses.is_dataclass(cls)


def _imported(module: str, name: str) -> Any:
    """What a module that is already imported has under a name; None where it has none.

    No attribute is asked for, so no code of a module or class runs.
    """
    own = PACKAGE + module if module == "torch" or module.startswith("torch.") else module
    found: Any = sys.modules.get(own)
    for part in name.split("."):
        if not isinstance(found, (type, types.ModuleType)):
            return None
        found = vars(found).get(part)
    return found


class Allowed:
    """The rules for one file.

    Args:
        weights_only: as in ``torch.load``.
        stream: the pickle; what calls copy is measured by how much of it was read.
    """

    def __init__(self, weights_only: bool, stream: Stream) -> None:
        self.weights_only = weights_only
        self._stream = stream
        self._spent = 0
        self._safe = safe_names()
        self._safe_ids = {id(value) for value in self._safe.values()}

    # ------------------------------------------------------------------------------------- names
    def find(self, module: str, name: str) -> Any:
        """What a name in the file stands for.

        Raises:
            pickle.UnpicklingError: the file may not name it.
        """
        module, name = modern(module, name)
        path = f"{module}.{name}"
        if module in _BLOCKED:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
            )
        if path in _names:
            return _names[path]
        if path in self._safe:
            return self._safe[path]
        if path in rebuild.UNSUPPORTED:
            raise pickle.UnpicklingError(f"{path}: {rebuild.UNSUPPORTED[path]}")
        if not self.weights_only:
            return self._more(module, name, path)
        shown = path.removeprefix("builtins.")
        raise pickle.UnpicklingError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the "
            f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this "
            "global if you trust this class/function."
        )

    def _more(self, module: str, name: str, path: str) -> Any:
        if path in _more_names:
            return _more_names[path]
        found = _imported(module, name)
        if _is_rebuildable(found):
            return found
        # As values only: modules keep their activations. No rule calls them.
        if module == "torch.nn.functional" and isinstance(found, types.FunctionType):
            return found
        if isinstance(found, type) and found in LEGACY.values():
            return found
        reason = "no module of that name is imported" if found is None else (
            "it is neither an nn.Module nor a dataclass"
        )  # fmt: skip
        raise pickle.UnpicklingError(
            f"torch.load does not take {path} from a file: {reason}. functorch_lite.torch rebuilds "
            "tensors, plain values, and instances of nn.Module and of dataclasses whose modules "
            "are imported; if you trust this class or function, pass it to "
            "torch.serialization.add_safe_globals"
        )

    # ------------------------------------------------------------------------------------- calls
    def _spend(self, values: Any) -> None:
        """Account for what a call copies: repeated over one long value it would have no bound."""
        for value in values:
            if isinstance(value, (str, bytes, list, tuple, dict)):
                self._spent += len(value)
        if self._spent > 4 * self._stream.position + 65536:
            raise pickle.UnpicklingError("the file copies its values over and over")

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """The result of a call.

        Raises:
            pickle.UnpicklingError: this is not called for a file, or not with such arguments.
        """
        builder = _calls.get(id(function))
        if builder is None and not self.weights_only:
            builder = _more_calls.get(id(function))
        if builder is not None:
            self._spend(arguments)
            try:
                return builder(*arguments)
            except (TypeError, ValueError, OverflowError) as error:
                raise pickle.UnpicklingError(
                    f"{shown(function)} in the file fails: {error}"
                ) from error
        if id(function) in self._safe_ids:
            return function(*arguments)
        if self._is_own(function) and not arguments:
            return self.new(function, arguments)
        raise pickle.UnpicklingError(
            f"Trying to call reduce for unrecognized function {shown(function)}"
        )

    def _is_own(self, cls: Any) -> bool:
        return not self.weights_only and _is_rebuildable(cls) and not issubclass(cls, Tensor)

    def new(self, cls: Any, arguments: tuple[Any, ...]) -> Any:
        """An instance that was not initialised.

        Raises:
            pickle.UnpicklingError: none is made of this class for a file.
        """
        if id(cls) in self._safe_ids and isinstance(cls, type):
            return cls.__new__(cls, *arguments)
        if isinstance(cls, type) and (
            id(cls) in _calls or not self.weights_only and id(cls) in _more_calls
        ):
            return self.call(cls, arguments)
        if self._is_own(cls) and not arguments:
            return cls.__new__(cls)
        raise pickle.UnpicklingError(
            "Can only create new object for nn.Parameter or classes allowlisted via "
            f"`add_safe_globals` but got {shown(cls)}"
        )

    # ------------------------------------------------------------------------------------ states
    def build(self, instance: Any, state: Any) -> None:
        """Give an instance its state.

        Raises:
            pickle.UnpicklingError: instances of its class take none from a file.
        """
        self._spend(state if isinstance(state, tuple) else (state,))
        cls = type(instance)
        if cls is Tensor or cls is Parameter:
            _build_tensor(instance, state)
        elif id(cls) in self._safe_ids:
            _set_state(instance, state)
        elif cls is OrderedDict:
            _update(instance, state)
        elif self.weights_only:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {shown(cls)}"
            )
        elif cls in (argparse.Namespace, types.SimpleNamespace):
            _update(instance, state)
        elif isinstance(instance, (np.ndarray, np.dtype)):
            plain.build_numpy(instance, state)
        elif cls is Generator:
            _build_generator(instance, state)
        elif _is_rebuildable(cls):
            try:
                _set_state(instance, state)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise pickle.UnpicklingError(
                    f"{shown(cls)} does not take the state in the file: {error}"
                ) from error
        else:
            raise pickle.UnpicklingError(f"a {shown(cls)} takes no state from a file")


def _build_tensor(t: Any, state: Any) -> None:
    """Take over a state as old files have it."""
    if isinstance(state, dict):
        rebuild.set_attributes(t, state)
    elif isinstance(state, tuple) and len(state) == 4:
        t.set_(rebuild.view_of(state[0], t.dtype, *state[1:]))
    elif isinstance(state, tuple) and len(state) == 3 and type(state[0]) is bool:
        t.requires_grad_(state[0])
    else:
        raise pickle.UnpicklingError(f"a tensor takes no state that is a {type(state).__name__}")


def _build_generator(generator: Generator, state: Any) -> None:
    if not isinstance(state, tuple) or len(state) != 3 or not isinstance(state[2], Tensor):
        raise pickle.UnpicklingError("a generator in the file has no state")
    generator.set_state(state[2])


def _update(instance: Any, state: Any) -> None:
    """Set attributes."""
    if not isinstance(state, dict) or not all(type(name) is str for name in state):
        raise pickle.UnpicklingError(
            f"the state of a {type(instance).__name__} in the file is no dict of names"
        )
    instance.__dict__.update(state)


def _set_state(instance: Any, state: Any) -> None:
    """Give an instance its state as Python's pickles do."""
    own = getattr(instance, "__setstate__", None)
    if own is not None:
        own(state)
        return
    slots: Any = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state is not None:
        _update(instance, state)
    if slots is not None:
        for name, value in slots.items():
            setattr(instance, name, value)

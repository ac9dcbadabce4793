"""Pickles that real PyTorch reads: tensors and their parts under PyTorch's names.

Python's own pickler does the work. It is the one written in Python, since the other looks every
name up in ``sys.modules``, where ``torch`` may be this package, real PyTorch, or nothing.
"""

from __future__ import annotations

import pickle
import sys
import types
from _compat_pickle import REVERSE_IMPORT_MAPPING, REVERSE_NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.device import device
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.layout import layout
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor, strides_of
from functorch_lite.torch._core.view import contiguous_strides
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._object.pickling import attributes
from functorch_lite.torch._scripts.names import public_name
from functorch_lite.torch._serialization import rebuild
from functorch_lite.torch._serialization.allowed import VariableFunctions
from functorch_lite.torch._serialization.locations import location_tag
from functorch_lite.torch.nn import functional
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.storage import LEGACY, TypedStorage, UntypedStorage, untyped

__all__ = ["Storages", "Writer"]

_BYTES_ONLY = (
    dtypes.float8_e5m2, dtypes.float8_e4m3fn, dtypes.uint16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip
"""Dtypes without a storage class: their tensors are saved over bytes."""

_OWN_REDUCE = (Tensor.__reduce_ex__, Parameter.__reduce_ex__)


class Storages:
    """The storages of one file, each once, with the ids that pickles name them by.

    Args:
        key: the id of a storage, of how many there were before and itself.
    """

    def __init__(self, key: Callable[[int, UntypedStorage], str]) -> None:
        self._key = key
        self._keys: dict[int, str] = {}
        self._dtypes: dict[int, DType] = {}
        self.found: dict[str, tuple[UntypedStorage, DType]] = {}

    def enter(self, obj: TypedStorage | UntypedStorage) -> tuple[Any, str, str, int]:
        """The storage class, id, place and length of a storage.

        Raises:
            RuntimeError: the same memory was entered as numbers of another type.
        """
        if isinstance(obj, TypedStorage):
            memory, dtype, length = obj.untyped(), obj.dtype, len(obj)
            kind: Any = LEGACY.get(obj.pickle_storage_type(), UntypedStorage)
        else:
            memory, dtype, length = obj, dtypes.uint8, obj.nbytes()
            kind = UntypedStorage
        pointer = memory.data_ptr()
        if pointer and self._dtypes.setdefault(pointer, dtype) is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        key = self._keys.get(id(memory._bytes))
        if key is None:
            key = self._keys[id(memory._bytes)] = self._key(len(self._keys), memory)
            # Kept until the file is written, so that the id of its memory means nothing else.
            self.found[key] = memory, dtype
        return kind, key, location_tag(memory), length


class Writer(pickle._Pickler):
    """A pickler with PyTorch's names.

    Args:
        file: where to.
        protocol: of the pickle.
        persistent: the id of an object that is not written here, or None.
    """

    proto: int
    fix_imports: bool
    write: Callable[[bytes], Any]
    save: Callable[[Any], None]
    memoize: Callable[[Any], None]

    def __init__(self, file: Any, protocol: int, persistent: Callable[[Any], Any]) -> None:
        super().__init__(file, protocol=protocol)
        self._persistent = persistent

    def persistent_id(self, obj: Any) -> Any:
        return self._persistent(obj)

    def reducer_override(self, obj: Any) -> Any:
        cls = obj.__class__
        if cls in _COMMON:
            return NotImplemented
        if cls is Tensor or isinstance(obj, Tensor) and cls.__reduce_ex__ in _OWN_REDUCE:
            return _reduced_tensor(obj)
        if isinstance(obj, Module) and cls.__reduce_ex__ is Module.__reduce_ex__:
            # By the name torch.nn.X, which other pickles of modules avoid.
            return object.__reduce_ex__(obj, self.proto)
        reduced = _REDUCED.get(cls)
        if reduced is not None:
            return reduced(obj)
        if isinstance(obj, type) and obj not in _SINGLE_TYPES:
            return obj.__qualname__
        if cls is types.FunctionType:
            return _reduced_function(obj)
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a name in place of an object, once it is sure that the name leads to it."""
        module, name = _path(obj, name)
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            if self.proto < 3 and self.fix_imports:
                if (module, name) in REVERSE_NAME_MAPPING:
                    module, name = REVERSE_NAME_MAPPING[(module, name)]
                else:
                    module = REVERSE_IMPORT_MAPPING.get(module, module)
            coding = "utf-8" if self.proto >= 3 else "ascii"
            try:
                text = f"{module}\n{name}\n".encode(coding)
            except UnicodeEncodeError:
                raise pickle.PicklingError(
                    f"can't pickle global identifier '{module}.{name}' using pickle protocol "
                    f"{self.proto}"
                ) from None
            self.write(pickle.GLOBAL + text)
        self.memoize(obj)


_COMMON = frozenset((str, int, float, bool, type(None), tuple, list, dict, OrderedDict, bytes))
_SINGLE_TYPES = (type(None), type(NotImplemented), type(...))


def _path(obj: Any, name: str | None) -> tuple[str, str]:
    """The module and name of a class or function, or of a constant of PyTorch.

    Raises:
        pickle.PicklingError: whoever reads them would not find it.
    """
    if isinstance(obj, DType):
        return "torch", str(obj).removeprefix("torch.")
    if obj is Generator:
        return "torch._C", "Generator"
    if name is None:
        name = getattr(obj, "__qualname__", None) or obj.__name__
    assert name is not None
    if vars(functional).get(name) is obj:
        return functional.__name__.removeprefix("functorch_lite."), name
    module: str = getattr(obj, "__module__", None) or pickle.whichmodule(obj, name)  # type: ignore[attr-defined]
    public = public_name(module)
    if public == "torch" or public.startswith("torch."):
        # Private modules are no names of PyTorch's; classes that have one carry it themselves.
        if module == public or not any(part[:1] == "_" for part in public.split(".")):
            return public, name
        raise pickle.PicklingError(f"Can't pickle {obj!r}: PyTorch has no name for it")
    found: Any = sys.modules.get(module)
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError:
        found = None
    if found is not obj:
        raise pickle.PicklingError(f"Can't pickle {obj!r}: it's not found as {module}.{name}")
    return module, name


# ---------------------------------------------------------------------------------- reductions
def _reduced_tensor(t: Any) -> tuple[Any, ...]:
    """How PyTorch's pickles make a tensor."""
    cls, state = type(t), attributes(t)
    hooks: OrderedDict[int, Any] = OrderedDict()  # none are ever saved
    if cls.__reduce_ex__ is Parameter.__reduce_ex__:
        parts = t.data, bool(t.requires_grad), hooks
        if state:
            return rebuild.rebuild_parameter_with_state, (*parts, state)
        return rebuild.rebuild_parameter, parts
    array, dtype = t._np, t.dtype
    strides = strides_of(array) if array.size else contiguous_strides(array.shape)
    view = t._offset, tuple(array.shape), strides, bool(t.requires_grad), hooks
    function: Callable[..., Tensor] = rebuild.rebuild_tensor_v2
    arguments: tuple[Any, ...] = TypedStorage(wrap_storage=untyped(t), dtype=dtype), *view
    if is_meta(t):
        function = rebuild.rebuild_meta_tensor_no_storage
        arguments = dtype, tuple(array.shape), strides, bool(t.requires_grad)
    elif dtype in _BYTES_ONLY:
        function, arguments = rebuild.rebuild_tensor_v3, (untyped(t), *view, dtype)
    if cls is Tensor and not state:
        return function, arguments
    return rebuild.rebuild_from_type, (function, cls, arguments, state)


def _reduced_device(place: device) -> tuple[Any, ...]:
    return device, (place.type,) if place.index is None else (place.type, place.index)


def _reduced_generator(generator: Generator) -> tuple[Any, ...]:
    state = (generator.initial_seed(), None, generator.get_state())
    return Generator, (generator.device,), state


def _reduced_function(function: Any) -> Any:
    name = function.__name__
    if FUNCTIONS.get(name) is function and vars(functional).get(name) is not function:
        return getattr, (VariableFunctions, name)
    return function.__qualname__


_REDUCED: dict[type, Callable[[Any], Any]] = {
    DType: str,
    Size: lambda size: (Size, (tuple(size),)),
    device: _reduced_device,
    layout: lambda order: (rebuild.get_layout, (str(order),)),
    Generator: _reduced_generator,
}

"""``torch.save`` and ``torch.load``: files that PyTorch reads, and PyTorch's files.

>>> import io
>>> from functorch_lite.torch._ops.creation import tensor
>>> buffer = io.BytesIO()
>>> save({"weight": tensor([1.0, 2.0])}, buffer)
>>> _ = buffer.seek(0)
>>> load(buffer)
{'weight': tensor([1., 2.])}

Unlike PyTorch's, ``load`` never runs code that a file names, ``weights_only=False`` included: it
reads pickles itself and makes only what ``_serialization/allowed.py`` lists.

Source: ``torch.serialization``.
"""

from __future__ import annotations

import mmap as _mmap
import os
import pickle
import re
import warnings
from enum import Enum
from typing import Any

import numpy as np

from functorch_lite.torch._scripts.names import module_getattr
from functorch_lite.torch._serialization import (
    allowed,
    files,
    legacy_format,
    safetensors,
    zip_format,
)
from functorch_lite.torch._serialization.allowed import SafeGlobals, StorageType
from functorch_lite.torch._serialization.locations import (
    default_restore_location,
    location_tag,
    register_package,
    restoring,
)
from functorch_lite.torch._serialization.pickle_machine import globals_of
from functorch_lite.torch._serialization.rebuild import get_layout as _get_layout  # noqa: F401
from functorch_lite.torch._serialization.sources import Source, is_path, opened
from functorch_lite.torch._serialization.zip_reader import MAGIC, ZipReader
from functorch_lite.torch.utils.serialization import config

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
]

DEFAULT_PROTOCOL = 2

_CHANGED = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` "
    "from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will "
    "likely succeed, but it can result in arbitrary code execution. Do it only if you got the file "
    "from a trusted source."
)


class SourceChangeWarning(Warning):
    """The source of a module differs from that in a file. Source: ``torch.serialization``."""

    __module__ = "torch.serialization"


# --------------------------------------------------------------------------------------- settings
class LoadEndianness(Enum):
    """The order of bytes in files that do not name it. Source: ``torch.serialization``."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness() -> LoadEndianness | None:
    """The order of bytes in files that do not name it. Source: ``torch.serialization``."""
    found: LoadEndianness | None = config.load.endianness
    return found


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Choose the order of bytes in files that do not name it.

    Raises:
        TypeError: ``endianness`` is no LoadEndianness.

    Source: ``torch.serialization.set_default_load_endianness``.
    """
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    config.load.endianness = endianness


def get_crc32_options() -> bool:
    """Whether files carry checksums. Source: ``torch.serialization.get_crc32_options``."""
    return config.save.compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Choose whether files carry checksums. Source: ``torch.serialization.set_crc32_options``."""
    config.save.compute_crc32 = compute_crc32


def get_default_mmap_options() -> int | None:
    """How files are mapped into memory. Source: ``torch.serialization``."""
    return config.load.mmap_flags


class set_default_mmap_options:
    """Choose how files are mapped into memory; as a context, until its end.

    Args:
        flags: ``mmap.MAP_PRIVATE``, or ``mmap.MAP_SHARED``: then writes change the file.

    Raises:
        ValueError: other flags.

    Source: ``torch.serialization.set_default_mmap_options``.
    """

    def __init__(self, flags: int) -> None:
        if flags not in (_mmap.MAP_PRIVATE, _mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        self.prev = config.load.mmap_flags
        config.load.mmap_flags = flags

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        config.load.mmap_flags = self.prev


# ----------------------------------------------------------------------------------- safe globals
def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let files name classes and functions; ``load`` then calls them.

    Args:
        safe_globals: each a class or function, or a pair of one and the name that files have.

    Source: ``torch.serialization.add_safe_globals``.
    """
    allowed.add_safe(safe_globals)


def get_safe_globals() -> list[Any]:
    """What was added. Source: ``torch.serialization.get_safe_globals``."""
    return allowed.safe()


def clear_safe_globals() -> None:
    """Forget what was added. Source: ``torch.serialization.clear_safe_globals``."""
    allowed.clear_safe()


class safe_globals(SafeGlobals):
    """A context within which files may name classes and functions.

    Args:
        safe_globals: as of ``add_safe_globals``.

    Source: ``torch.serialization.safe_globals``.
    """


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that ``weights_only=True`` refuses; nothing of it is loaded.

    Args:
        f: a path, or a file open for reading.

    Raises:
        ValueError: it is no file of ``torch.save``.

    Source: ``torch.serialization.get_unsafe_globals_in_checkpoint``.
    """
    known = allowed.default_names() | allowed.safe_names().keys()
    with opened(f) as file:
        if not _is_zip(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = ZipReader(Source(file))
        if "constants.pkl" in archive:
            raise ValueError(
                "Expected input to be a checkpoint returned by torch.save but got a torchscript "
                "checkpoint"
            )
        names = [allowed.modern(*pair) for pair in globals_of(archive.read("data.pkl"))]
    return [name for name in dict.fromkeys(map(".".join, names)) if name not in known]


# ----------------------------------------------------------------------------------------- saving
def _check_pickle_module(module: Any) -> None:
    if module is not None and module is not pickle:
        raise RuntimeError(
            f"pickle_module={getattr(module, '__name__', module)!r} is not used: "
            "functorch_lite.torch reads and writes pickles itself; leave pickle_module out"
        )


def _root(path: str) -> str:
    """The folder in the archive: named after the file, as PyTorch does."""
    stem = re.split(r"[/\\]", path)[-1].rpartition(".")
    name = stem[0] if stem[1] else stem[2]
    return name if name.isascii() and name.strip(".") else "archive"


def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Write an object to a file that PyTorch reads.

    Tensors that share memory share it again when they are read. A file given by its path is
    complete or, after a failure, as it was before.

    Args:
        obj: tensors, and what Python pickles.
        f: a path, or an object with ``write``.
        pickle_protocol: of the pickle in it; ``weights_only=True`` reads protocol 2.

    Raises:
        pickle.PicklingError: ``obj`` holds something that cannot be found again by its name.
        RuntimeError: the folder is missing; or memory is shared by tensors of different dtypes.

    Source: ``torch.save``.
    """
    _check_pickle_module(pickle_module)
    if not is_path(f) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )

    def write(file: Any, root: str) -> None:
        if _use_new_zipfile_serialization:
            zip_format.save(obj, file, root, pickle_protocol, not _disable_byteorder_record)
        else:
            legacy_format.save(obj, file, pickle_protocol)

    if is_path(f):
        path = os.fsdecode(f)
        with files.written(path) as file:
            write(file, _root(path))
        return
    write(f, "archive")
    if hasattr(f, "flush"):
        f.flush()


# ---------------------------------------------------------------------------------------- loading
def _is_zip(file: Any) -> bool:
    start = file.tell()
    found = file.read(len(MAGIC)) == MAGIC
    file.seek(start)
    return found


def _environment(name: str) -> bool:
    return os.getenv(name, "0").lower() in ("1", "y", "yes", "true")


def _weights_only(given: bool | None, pickle_module: Any) -> bool:
    """Whether only weights are read: the argument, or what the environment says."""
    force, force_not = (
        _environment("TORCH_FORCE_WEIGHTS_ONLY_LOAD"),
        _environment("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"),
    )
    if force and force_not:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if force:
        return True
    if given is None and force_not:
        warnings.warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the"
            "`weights_only` argument was not explicitly passed to `torch.load`, forcing "
            "weights_only=False.",
            UserWarning,
            stacklevel=3,
        )
        return False
    return pickle_module is None if given is None else bool(given)


def _explained(message: str) -> str:
    """What PyTorch says around an error of reading weights only."""
    if re.search(r"GLOBAL (\S+) was not an allowed global by default.", message):
        text = (
            "Weights only load failed. This file can still be loaded, to do so you have two "
            "options, \033[1mdo those steps only if you trust the source of the checkpoint\033[0m. "
            f"\n\t(1) {_CHANGED}\n\t(2) Alternatively, to load with `weights_only=True` please "
            "check the recommended steps in the following error message.\n\tWeightsUnpickler "
            f"error: {message}"
        )
    else:
        text = f"Weights only load failed. {_CHANGED}\n"
        if not re.search(r"whose module (\S+) is blocked", message):
            text += (
                "Please file an issue with the following so that we can make `weights_only=True` "
                "compatible with your use case: WeightsUnpickler error: "
            )
        text += "\n\n" + message
    return text + (
        "\n\nCheck the documentation of torch.load to learn more about types accepted by default "
        "with weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
    )


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *,
    weights_only: bool | None = None, mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Read an object from a file of ``torch.save``, of this package's or PyTorch's.

    Args:
        f: a path, or a file open for reading that can seek.
        map_location: where tensors go: a device or its name, a dict from names in the file to
            others, or a function of a storage and its name.
        weights_only: whether the file may hold tensors, plain containers and what
            ``add_safe_globals`` names only; the default. Without, instances of ``nn.Module`` and
            of dataclasses are rebuilt, too, if their modules are imported already.
        mmap: whether tensors lie in the file, which is read when they are.
        pickle_load_args: ``encoding``, of strings that Python 2 wrote.

    Raises:
        pickle.UnpicklingError: the file holds something else, or is broken.
        RuntimeError: the file is broken, or a place is not available.

    Source: ``torch.load``.
    """
    weights_only = _weights_only(weights_only, pickle_module)
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    _check_pickle_module(pickle_module)
    if pickle_load_args and weights_only:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if pickle_load_args:
        raise TypeError(
            f"load() got an unexpected keyword argument {next(iter(pickle_load_args))!r}; of "
            "pickle_load_args it takes encoding"
        )
    mapped = config.load.mmap if mmap is None else mmap
    if not weights_only:
        return _load(f, map_location, False, mapped, encoding)
    try:
        return _load(f, map_location, True, mapped, encoding)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(_explained(str(error))) from None


def _load(f: Any, map_location: Any, weights_only: bool, mapped: bool, encoding: str) -> Any:
    if is_path(f) and os.fsdecode(f).endswith(".safetensors"):
        return _load_safetensors(f, map_location)
    restore = restoring(map_location)
    with opened(f) as file:
        if _is_zip(file):
            source = Source(file)
            archive = ZipReader(source)
            _check_no_script(archive, weights_only)
            whole = _mapped(f) if mapped else None
            result = zip_format.load(archive, restore, weights_only, encoding, whole)
            file.seek(source.start + source.size)
            return result
        if mapped:
            name = f"{f}, " if isinstance(f, str) else ""
            raise RuntimeError(
                "mmap can only be used with files saved with "
                f"`torch.save({name}_use_new_zipfile_serialization=True), please torch.save your "
                "checkpoint with this option in order to use mmap."
            )
        return legacy_format.load(file, restore, weights_only, encoding)


def _check_no_script(archive: ZipReader, weights_only: bool) -> None:
    if "constants.pkl" not in archive:
        return
    if weights_only:
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. "
            + _CHANGED
        )
    raise RuntimeError(
        "the file is a TorchScript archive, for torch.jit.load, which functorch_lite.torch does "
        "not have"
    )


def _mapped(f: Any) -> np.ndarray[Any, Any]:
    """The bytes of a file, mapped into memory."""
    if not is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    shared = config.load.mmap_flags == getattr(_mmap, "MAP_SHARED", -1)
    found = np.memmap(f, np.uint8, mode="r+" if shared else "c")
    return found.view(np.ndarray)


def _load_safetensors(f: Any, map_location: Any) -> Any:
    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. Use a device "
            "string or torch.device instead."
        )
    with opened(f) as file:
        return safetensors.load(file, restoring(map_location))


__getattr__ = module_getattr(globals())

"""``import torch`` gives this package: here, in worker processes and in programs started from here.

A finder in front of ``sys.meta_path`` answers for ``torch`` and everything below it with the
modules of ``functorch_lite.torch`` themselves, so both names lead to one module object. Other
processes get there by ``PYTHONPATH``: it starts with a folder whose only package, ``torch``, calls
``install()``.
"""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import sys
import threading
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from functorch_lite.torch._scripts.names import name_modules, no_module

__all__ = ["SHIM", "install", "uninstall", "without_shim"]

PACKAGE = "functorch_lite.torch"
_HERE = os.path.dirname(os.path.abspath(__file__))

SHIM = os.path.join(_HERE, "_path")
"""The folder that makes ``import torch`` in another process call ``install()``."""

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))
# Loaders of files refuse any name but their own; these methods are asked with the alias.
_NAMED_METHODS = frozenset(
    ("get_code", "get_filename", "get_resource_reader", "get_source", "is_package")
)

_lock = threading.RLock()


class _Undo:
    """What ``uninstall`` has to put back."""

    root_added = False
    path_was_set = False


class _AliasLoader(Loader):
    """Loads ``torch.x`` as the module ``functorch_lite.torch.x``."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        # With the colon only modules are looked up: an attribute of the package may hide one.
        module: ModuleType = pkgutil.resolve_name(self._name + ":")
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written the alias' spec into a module that had its own.
        module.__spec__ = self._spec
        _share()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        attribute = getattr(self._loader, name)
        if name in _NAMED_METHODS:
            return lambda fullname=None: attribute(self._name)
        return attribute


class _Finder:
    """Answers for ``torch`` and the modules below it."""

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        name = PACKAGE + fullname[5:]
        module = sys.modules.get(name)
        found = importlib.util.find_spec(name) if module is None else module.__spec__
        if found is None:
            # `find_spec` of importlib asks whether a module is there, and wants None, no error.
            if sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
                raise no_module(fullname, _siblings(name))
            return None
        alias = ModuleSpec(fullname, _AliasLoader(name, found.loader), origin=found.origin)
        alias.submodule_search_locations = found.submodule_search_locations
        alias.has_location = found.has_location
        return alias


_finder = _Finder()


def _siblings(name: str) -> list[str]:
    """The public modules beside the module `name`, loaded or not."""
    parent = sys.modules.get(name.rpartition(".")[0])
    found = [m.name for m in pkgutil.iter_modules(getattr(parent, "__path__", ()))]
    return [module for module in found if not module.startswith("_")]


def _share() -> None:
    """Give each loaded module of the package its name below ``torch``."""
    name_modules()
    for name, module in list(sys.modules.items()):
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            # Another thread must not get a half-made module by its second name.
            if not getattr(getattr(module, "__spec__", None), "_initializing", False):
                sys.modules["torch" + name[len(PACKAGE) :]] = module


def _is_found() -> bool:
    """Whether ``sys.path`` leads to this copy of the library."""
    spec = PathFinder.find_spec("functorch_lite")
    file = os.path.abspath(spec.origin) if spec is not None and spec.origin else ""
    return os.path.dirname(os.path.dirname(file)) == _ROOT


def _check_no_other_torch() -> None:
    """Refuse to replace a PyTorch that objects of the program already come from."""
    module = sys.modules.get("torch")
    if module is None or module is sys.modules[PACKAGE]:
        return
    # The stand-in of another copy of this library is as good as our own.
    if getattr(module, "_is_functorch_lite", False):
        return
    file = getattr(module, "__file__", None)
    raise ImportError(
        f"functorch_lite.torch.install(): another `torch` is already imported, from {file}; call "
        "install() before anything imports torch, or run the program with "
        "`python -m functorch_lite.torch script.py`",
        name="torch",
    )


def without_shim(pythonpath: str) -> str:
    """The entries of a ``PYTHONPATH`` other than ``SHIM``, in their order.

    Args:
        pythonpath: entries joined by ``os.pathsep``.

    Returns:
        The others, joined again.

    >>> import os
    >>> without_shim(os.pathsep.join(["first", SHIM, "second"])).split(os.pathsep)
    ['first', 'second']
    """
    return os.pathsep.join(entry for entry in pythonpath.split(os.pathsep) if entry != SHIM)


def install() -> None:
    """Make ``import torch`` give this package, in this process and those started from it.

    The modules are the same objects under both names: ``torch.nn is functorch_lite.torch.nn``.
    Calling it again changes nothing.

    Raises:
        ImportError: another ``torch``, such as PyTorch's own, is already imported.

    Source: ours; PyTorch has no counterpart.
    """
    package = sys.modules[PACKAGE]
    with _lock:
        _check_no_other_torch()
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        _share()
        sys.modules["torch"] = package
        # Workers that multiprocessing spawns take over this list in place of their own.
        if SHIM not in sys.path:
            sys.path.insert(min(1, len(sys.path)), SHIM)
        if not _is_found():
            sys.path.insert(sys.path.index(SHIM) + 1, _ROOT)
            _Undo.root_added = True
        path = os.environ.get("PYTHONPATH")
        if SHIM not in (path or "").split(os.pathsep):
            # An empty entry would mean the current folder.
            os.environ["PYTHONPATH"] = SHIM + os.pathsep + path if path else SHIM
            _Undo.path_was_set = path is not None


def uninstall() -> None:
    """Undo ``install()``: the next ``import torch`` looks for PyTorch again.

    Names that are bound already keep their modules. Without an ``install()`` before it, nothing
    happens.

    Source: ours; PyTorch has no counterpart.
    """
    with _lock:
        if _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        for name, module in list(sys.modules.items()):
            if name == "torch" or name.startswith("torch."):
                if module is sys.modules.get(PACKAGE + name[5:]):
                    del sys.modules[name]
        if SHIM in sys.path:
            sys.path.remove(SHIM)
        if _Undo.root_added and _ROOT in sys.path:
            sys.path.remove(_ROOT)
        path = os.environ.get("PYTHONPATH")
        if path is not None and SHIM in path.split(os.pathsep):
            rest = without_shim(path)
            if rest or _Undo.path_was_set:
                os.environ["PYTHONPATH"] = rest
            else:
                del os.environ["PYTHONPATH"]
        _Undo.root_added = _Undo.path_was_set = False

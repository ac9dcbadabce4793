"""What is said of a name that ``functorch_lite.torch`` does not have.

The first words are PyTorch's own. What follows says whether PyTorch has the name, from a list of
its public names that ``functorch_lite.torch.coverage`` writes, and which names here are nearest.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

__all__ = [
    "missing",
    "module_getattr",
    "name_modules",
    "nearest",
    "no_module",
    "parse_names",
    "public_name",
    "pytorch_names",
]

PACKAGE = "functorch_lite.torch"
NAMES = "data/names.txt"
"""Where the list of PyTorch's public names lies, from the package's folder."""
MODULE_LIST = "modules"
"""The heading in that list of the modules below those whose names it has."""


class _Text(str):
    """PyTorch's words, which become the longer text where they are shown.

    Programs ask ``hasattr(torch, name)`` far more often than anyone reads the answer, and the
    nearest names cost a comparison with each of a thousand.
    """

    __slots__ = ("_more",)
    _more: Callable[[], str]

    def __new__(cls, short: str, more: Callable[[], str]) -> _Text:
        text = super().__new__(cls, short)
        text._more = more
        return text

    def __str__(self) -> str:
        return super().__str__() + self._more()

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def public_name(module_name: str) -> str:
    """The name that a module of this package has in PyTorch.

    Args:
        module_name: the full name of a module.

    Returns:
        The name below ``torch``, or the name itself where it is of another package.

    >>> public_name("functorch_lite.torch.nn.init")
    'torch.nn.init'
    """
    if module_name == PACKAGE or module_name.startswith(PACKAGE + "."):
        return module_name[len("functorch_lite.") :]
    return module_name


def parse_names(text: str) -> dict[str, frozenset[str]]:
    """Read a list of names: headings ``[torch.nn]``, with the names of the module below.

    Args:
        text: the list, in the form ``functorch_lite.torch.coverage`` writes.

    Returns:
        The names by module.

    >>> sorted(parse_names("[torch.fft]\\nfft ifft")["torch.fft"])
    ['fft', 'ifft']
    """
    names: dict[str, set[str]] = {}
    module: set[str] = set()
    for line in text.splitlines():
        if line.startswith("["):
            module = names.setdefault(line.strip("[] "), set())
        elif not line.startswith("#"):
            module.update(line.split())
    return {name: frozenset(found) for name, found in names.items()}


@cache
def pytorch_names() -> Mapping[str, frozenset[str]]:
    """The public names of PyTorch, by module; ``torch.Tensor`` counts as one.

    Returns:
        A mapping from ``"torch"``, ``"torch.nn"`` ... to the names found there.

    >>> "Linear" in pytorch_names()["torch.nn"]
    True
    """
    data = pkgutil.get_data(__name__, NAMES)
    return parse_names("" if data is None else data.decode())


def nearest(name: str, candidates: Iterable[str]) -> list[str]:
    """Up to three of the candidates that `name` may be a slip of, the nearest first.

    Args:
        name: what was asked for.
        candidates: what there is; names with a leading underscore are left out.

    Returns:
        The names, best first; empty where none is near.

    >>> nearest("sofmax", ["softmax", "softmin", "relu"])
    ['softmax', 'softmin']
    """
    return get_close_matches(name, {c for c in candidates if c[:1] != "_"})


def _remark(module: str, name: str, full: bool, candidates: Iterable[str]) -> str:
    """Whether PyTorch has the name, and what is near to it here."""
    text = ""
    if name in pytorch_names().get(module, ()):
        text = f"; PyTorch has {module}.{name}, functorch_lite.torch does not yet"
    if found := nearest(name, candidates):
        text += "; nearest here: " + ", ".join(f"{module}.{n}" if full else n for n in found)
    return text


def missing(module_name: str, name: str, candidates: Iterable[str]) -> AttributeError:
    """The error for a name that a module, or ``torch.Tensor``, does not have.

    Args:
        module_name: the module's name in either package; ``"torch.Tensor"`` for tensors.
        name: the name asked for.
        candidates: the names there are; read only if the error is shown.

    Returns:
        An ``AttributeError``, ready to be raised, that begins with PyTorch's words.

    >>> print(missing("torch.fft", "rffft", ["fft", "rfft"]))
    module 'torch.fft' has no attribute 'rffft'; nearest here: torch.fft.rfft, torch.fft.fft

    Source: ``torch.__getattr__``.
    """
    module = public_name(module_name)
    is_tensor = module == "torch.Tensor"
    owner = "'Tensor' object" if is_tensor else f"module {module!r}"
    text = _Text(
        f"{owner} has no attribute {name!r}",
        lambda: _remark(module, name, not is_tensor, candidates),
    )
    # With `name` but no `obj`, Python adds no guess of its own to ours.
    return AttributeError(text, name=name)


def no_module(fullname: str, candidates: Iterable[str]) -> ModuleNotFoundError:
    """The error for ``import torch.x`` where there is no such module.

    Args:
        fullname: the module asked for, ``"torch.x"``.
        candidates: the modules there are beside it, without the parent's name.

    Returns:
        A ``ModuleNotFoundError``, ready to be raised, that begins with Python's words.

    >>> print(no_module("torch.nnn", ["nn"]))
    No module named 'torch.nnn'; functorch_lite.torch has no torch.nnn; nearest here: torch.nn
    """
    parent, _, name = fullname.rpartition(".")
    text = f"No module named {fullname!r}; functorch_lite.torch has no {fullname}"
    if fullname in pytorch_names().get(MODULE_LIST, ()):
        text += " yet, which PyTorch has"
    if found := nearest(name, candidates):
        text += "; nearest here: " + ", ".join(f"{parent}.{n}" for n in found)
    return ModuleNotFoundError(text, name=fullname)


def name_modules() -> None:
    """Let all public modules that are loaded speak of themselves by PyTorch's names."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE + ".") and "._" not in name:
            space = module.__dict__
            space.setdefault("__getattr__", module_getattr(space))


def module_getattr(module_globals: dict[str, Any]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a module of this package.

    Args:
        module_globals: the module's ``globals()``.

    Returns:
        A function of a name that raises the error of ``missing``.

    >>> space = {"__name__": "functorch_lite.torch.nn", "Linear": object}
    >>> module_getattr(space)("Linea")
    Traceback (most recent call last):
    ...
    AttributeError: module 'torch.nn' has no attribute 'Linea'; nearest here: torch.nn.Linear
    """
    module_name = module_globals["__name__"]

    def __getattr__(name: str) -> Any:
        raise missing(module_name, name, module_globals)

    return __getattr__

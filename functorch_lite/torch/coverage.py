"""Which public names of PyTorch this package has: ``python -m functorch_lite.torch.coverage``.

PyTorch's names are asked of the installed PyTorch, in a process of its own, and ours of this one.
With ``--write`` both results are kept: the list that error messages look names up in, and the page
``docs/torch_coverage.md``. Why a name is missing is written in ``_scripts/data/reasons.txt``; a
test fails where it is not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from functorch_lite.testing.reasons import Reason, missing_lines, parse_reasons, reason_lines
from functorch_lite.torch._scripts.install import without_shim
from functorch_lite.torch._scripts.names import MODULE_LIST, NAMES, PACKAGE

__all__ = [
    "MODULES", "main", "missing_names", "names_text", "our_names", "reasons", "report",
    "their_names",
]  # fmt: skip

MODULES = (
    "torch",
    "torch.Tensor",
    "torch.amp",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.backends",
    "torch.cuda",
    "torch.distributions",
    "torch.fft",
    "torch.func",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.rnn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.random",
    "torch.signal.windows",
    "torch.sparse",
    "torch.special",
    "torch.testing",
    "torch.utils",
    "torch.utils.checkpoint",
    "torch.utils.data",
)
"""The modules compared; a class of names, ``torch.Tensor``, counts as one."""

_FOLDER = Path(__file__).resolve().parent
_DOCS = _FOLDER.parent.parent / "docs"
_REASONS = _FOLDER / "_scripts" / "data" / "reasons.txt"

# What a module merely imports for its own use is not public. `__all__`, where there is one, leaves
# out submodules and functions written in C.
_PROGRAM = r"""
import importlib, json, pkgutil, sys, types

import torch

def is_public(module, name, value):
    if isinstance(value, types.ModuleType):
        return value.__name__ == f"{module}.{name}"
    home = getattr(value, "__module__", None)
    if isinstance(value, type):
        return str(home).startswith(module)
    if isinstance(value, types.FunctionType):
        return home.startswith((module, "torch._jit_internal"))
    if callable(value) and type(value).__module__ == "builtins":
        return home in (None, "torch") or home.startswith((module, "torch._C._"))
    return module == "torch" and type(value).__module__ == "torch"

def names(module):
    owner = torch.Tensor if module == "torch.Tensor" else importlib.import_module(module)
    found = [name for name in dir(owner) if not name.startswith("_")]
    if owner is not torch.Tensor:
        listed = getattr(owner, "__all__", ())
        found = [n for n in found if n in listed or is_public(module, n, getattr(owner, n))]
    return sorted(found)

def below(module):
    owner = importlib.import_module(module)
    for found in pkgutil.iter_modules(getattr(owner, "__path__", ())):
        if not found.name.startswith("_"):
            yield f"{module}.{found.name}"

result = {module: names(module) for module in sys.argv[2:]}
parents = [module for module in result if module != "torch.Tensor"]
result[sys.argv[1]] = sorted(name for parent in parents for name in below(parent))
json.dump([torch.__version__, result], sys.stdout)
"""


def their_names() -> tuple[str, dict[str, list[str]]]:
    """PyTorch's version and its public names, asked of a process that imports PyTorch itself.

    Returns:
        The version, and the sorted names by module, with those of ``MODULE_LIST``.

    Raises:
        ModuleNotFoundError: PyTorch is not installed.
    """
    environment = os.environ | {"PYTHONPATH": without_shim(os.environ.get("PYTHONPATH", ""))}
    # -P: a folder named torch where the program is started is no PyTorch.
    command = [sys.executable, "-P", "-c", _PROGRAM, MODULE_LIST, *MODULES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ModuleNotFoundError(f"PyTorch cannot be imported:\n{done.stderr}", name="torch")
    version, names = json.loads(done.stdout)
    return version, names


def _owner(module: str) -> Any:
    """The module or class of this package that stands for PyTorch's, or None."""
    try:
        if module == "torch.Tensor":
            return getattr(sys.modules[PACKAGE], "Tensor", None)
        return pkgutil.resolve_name(f"{PACKAGE}{module[5:]}:")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(PACKAGE):
            raise
        return None


def our_names(theirs: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """The names among PyTorch's that this package has.

    Args:
        theirs: PyTorch's names by module.

    Returns:
        Ours by module; a module that does not exist has none.
    """
    owners = {module: _owner(module) for module in theirs if module != MODULE_LIST}
    ours = {
        module: {name for name in theirs[module] if owner is not None and hasattr(owner, name)}
        for module, owner in owners.items()
    }
    if MODULE_LIST in theirs:
        ours[MODULE_LIST] = {name for name in theirs[MODULE_LIST] if _is_module(name)}
    return ours


def _is_module(name: str) -> bool:
    """Whether one of PyTorch's modules exists here."""
    try:
        return importlib.util.find_spec(f"{PACKAGE}{name[5:]}") is not None
    except ModuleNotFoundError:  # nor does the one above it
        return False


def missing_names(
    theirs: Mapping[str, Sequence[str]], ours: Mapping[str, Collection[str]]
) -> dict[str, list[str]]:
    """PyTorch's names that this package has not, by module, and its modules.

    >>> missing_names({"torch.fft": ["fft", "ifft"]}, {"torch.fft": {"fft"}})
    {'torch.fft': ['ifft']}
    """
    return {module: sorted(set(theirs[module]) - set(ours.get(module, ()))) for module in theirs}


def reasons() -> list[Reason]:
    """Why names are missing."""
    return parse_reasons(_REASONS.read_text(encoding="utf-8"))


def names_text(version: str, theirs: Mapping[str, Sequence[str]]) -> str:
    """The list of names as ``names.parse_names`` reads it.

    Args:
        version: PyTorch's version.
        theirs: PyTorch's names by module.

    Returns:
        The text of the file.

    >>> print(names_text("2.13.0", {"torch.fft": ["fft", "ifft"]}), end="")
    # Public names of PyTorch 2.13.0, written by `python -m functorch_lite.torch.coverage --write`.
    <BLANKLINE>
    [torch.fft]
    fft ifft
    """
    version = version.partition("+")[0]
    command = f"python -m {PACKAGE}.coverage --write"
    blocks = [f"# Public names of PyTorch {version}, written by `{command}`.\n"]
    for module in sorted(theirs):
        blocks.append(f"[{module}]\n{_wrapped(sorted(theirs[module]), ' ')}\n")
    return "\n".join(blocks)


def _wrapped(words: Collection[str], between: str) -> str:
    """The words on lines of at most 100 characters."""
    return textwrap.fill(between.join(words), 100, break_long_words=False, break_on_hyphens=False)


def _counts(ours: Collection[str], theirs: Collection[str]) -> str:
    """How many there are of how many."""
    return f"{len(ours)} of {len(theirs)}"


def report(
    version: str,
    theirs: Mapping[str, Sequence[str]],
    ours: Mapping[str, Collection[str]],
    table: Sequence[Reason] = (),
) -> str:
    """The page of both lists, in Markdown.

    Args:
        version: PyTorch's version.
        theirs: PyTorch's names by module.
        ours: the names among them that this package has.
        table: why names are missing.

    Returns:
        Tables of counts and of reasons, then per module the names that exist and those that are
        missing, by reason.

    >>> page = report("2.13.0", {"torch.fft": ["fft", "ifft"]}, {"torch.fft": {"fft"}})
    >>> [line for line in page.splitlines() if "ifft" in line]
    ['Missing, without a reason: `ifft`']
    """
    compared = sorted(module for module in theirs if module != MODULE_LIST)
    total = _counts(
        [name for module in compared for name in ours[module]],
        [name for module in compared for name in theirs[module]],
    )
    lines = [
        "# Coverage of PyTorch's names",
        "",
        f"PyTorch {version.partition('+')[0]} against `{PACKAGE}`: {total} public names.",
        f"Written by `python -m {PACKAGE}.coverage --write`.",
        "",
        "| module | names here |",
        "|---|---|",
        *(f"| `{module}` | {_counts(ours[module], theirs[module])} |" for module in compared),
        "",
        "## What is missing, and why",
        "",
    ]
    missing = missing_names(theirs, ours)
    lines += reason_lines(missing, table)
    for module in compared:
        lines += ["", f"## `{module}`"]
        if there := [f"`{name}`" for name in sorted(ours[module])]:
            lines += ["", _wrapped(["Here:", *there], " ")]
        lines += missing_lines(module, missing[module], table)
    if MODULE_LIST in theirs:
        count = _counts(ours.get(MODULE_LIST, ()), theirs[MODULE_LIST])
        lines += ["", "## Modules", "", f"{count} public modules are here."]
        lines += missing_lines(MODULE_LIST, missing[MODULE_LIST], table)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many names there are, module by module, or write the page and the list.

    Args:
        arguments: the command line without the program; that of this process by default.

    Returns:
        The exit status: 1 where PyTorch is not installed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {PACKAGE}.coverage", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page and the list of names")
    parser.add_argument(
        "--docs", type=Path, default=_DOCS, metavar="DIR", help="folder of the page (%(default)s)"
    )
    parser.add_argument(
        "--names",
        type=Path,
        default=_FOLDER / "_scripts" / NAMES,
        metavar="FILE",
        help="the list of names",
    )
    options = parser.parse_args(arguments)
    try:
        version, theirs = their_names()
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    ours = our_names(theirs)
    if options.write:
        page = options.docs / "torch_coverage.md"
        page.write_text(report(version, theirs, ours, reasons()), encoding="utf-8")
        options.names.write_text(names_text(version, theirs), encoding="utf-8")
        print(f"{page}\n{options.names}")
    else:
        for module in sorted(set(ours) - {MODULE_LIST}):
            print(f"{module:<36} {_counts(ours[module], theirs[module])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which of JAX's public names exist here: ``python -m tests.jax_coverage`` prints the counts.

With ``--write`` the page ``docs/jax_coverage.md`` is written as well. It needs JAX beside this
package; ``pip install -e ".[peers]"`` brings the version that is compared. Why a name is missing is
written in ``tests/jax_reasons.txt``, and a test fails where it is not.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from functorch_lite.testing.reasons import Reason, missing_lines, parse_reasons, reason_lines

__all__ = ["MODULES", "counts", "has", "main", "names_of", "reasons", "report"]

MODULES = {
    "jax": "functorch_lite",
    "jax.debug": "functorch_lite.debug",
    "jax.flatten_util": "functorch_lite.flatten_util",
    "jax.image": "functorch_lite.image",
    "jax.lax": "functorch_lite.lax",
    "jax.lax.linalg": "functorch_lite.lax.linalg",
    "jax.nn": "functorch_lite.nn",
    "jax.nn.initializers": "functorch_lite.nn.initializers",
    "jax.numpy": "functorch_lite.numpy",
    "jax.numpy.fft": "functorch_lite.numpy.fft",
    "jax.numpy.linalg": "functorch_lite.numpy.linalg",
    "jax.ops": "functorch_lite.nn",
    "jax.random": "functorch_lite.random",
    "jax.scipy.linalg": "functorch_lite.scipy.linalg",
    "jax.scipy.special": "functorch_lite.scipy.special",
    "jax.scipy.stats": "functorch_lite.scipy.stats",
    "jax.test_util": "functorch_lite.testing",
    "jax.tree": "functorch_lite.tree",
    "jax.tree_util": "functorch_lite.tree_util",
}
MODULE_LIST = "modules"
"""The heading of JAX's modules that are not compared name by name."""
DOTTED = ("jax.scipy.stats",)
PARENTS = ("jax", "jax.lax", "jax.nn", "jax.numpy", "jax.scipy")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "jax_coverage.md"
REASONS = Path(__file__).resolve().with_name("jax_reasons.txt")
WRITTEN_BY = "python -m tests.jax_coverage --write"


def names_of(module: ModuleType) -> list[str]:
    """The public names of one of JAX's modules: no modules, and no primitives such as ``add_p``.

    Where modules are little more than namespaces, the names in them are listed: ``norm.pdf``.
    """
    found = []
    for name in dir(module):
        value = getattr(module, name, None)
        foreign = isinstance(value, ModuleType) or type(value).__name__ == "Primitive"
        if not name.startswith("_") and not foreign:
            found.append(name)
        elif module.__name__ in DOTTED and not name.startswith("_"):
            found += [f"{name}.{below}" for below in names_of(value)]
    return sorted(found)


def has(owner: Any, name: str) -> bool:
    """Whether an object has an attribute, or the attribute an attribute for a dotted name."""
    head, _, rest = name.partition(".")
    return hasattr(owner, head) and (not rest or has(getattr(owner, head), rest))


def reasons() -> list[Reason]:
    """Why names are missing."""
    return parse_reasons(REASONS.read_text(encoding="utf-8"))


def _modules() -> list[str]:
    """JAX's public modules that ``MODULES`` does not have, and that hold none that it has."""
    found = []
    for parent in PARENTS:
        owner = importlib.import_module(parent)
        found += [f"{parent}.{module.name}" for module in pkgutil.iter_modules(owner.__path__)]
    below = [name for name in found if not name.rpartition(".")[2].startswith("_")]
    return sorted(name for name in below if name not in MODULES and name not in PARENTS)


def _ours(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("functorch_lite"):
            raise
        return None


def counts() -> tuple[str, dict[str, tuple[list[str], list[str]]]]:
    """JAX's version, and for each of its modules the names that are here and those that are not.

    Under ``MODULE_LIST`` are the modules of which no name is compared.
    """
    jax = importlib.import_module("jax")
    found = {}
    for theirs, mine in MODULES.items():
        names = names_of(importlib.import_module(theirs))
        owner = _ours(mine)
        here = [n for n in names if owner is not None and has(owner, n)]
        found[theirs] = here, [n for n in names if n not in set(here)]
    found[MODULE_LIST] = [], _modules()
    return jax.__version__, found


def report(
    version: str,
    found: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    table: Sequence[Reason] = (),
) -> str:
    """The page of both lists, in Markdown.

    Args:
        version: JAX's version.
        found: per module the names that are here, and those that are not.
        table: why names are missing.

    >>> page = report("0.10.2", {"jax.tree": (["map"], ["static"])})
    >>> [line for line in page.splitlines() if "static" in line]
    ['Missing, without a reason: `static`']
    """
    compared = {module: lists for module, lists in found.items() if module != MODULE_LIST}
    total = sum(len(here) for here, _ in compared.values())
    of = total + sum(len(absent) for _, absent in compared.values())
    lines = [
        "# Coverage of JAX's names",
        "",
        f"JAX {version} against `functorch_lite`: {total} of {of} public names, without modules",
        "and primitives.",
        f"Written by `{WRITTEN_BY}`.",
        "",
        "| module | here in | names here |",
        "|---|---|---|",
        *(
            f"| `{m}` | `{MODULES[m]}` | {len(h)} of {len(h) + len(a)} |"
            for m, (h, a) in compared.items()
        ),
        "",
        "## What is missing, and why",
        "",
        *reason_lines({module: absent for module, (_, absent) in found.items()}, table),
    ]
    for module, (here, absent) in found.items():
        lines += ["", "## Modules" if module == MODULE_LIST else f"## `{module}`"]
        if here:
            words = " ".join(["Here:", *(f"`{n}`" for n in here)])
            lines += ["", textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False)]
        lines += missing_lines(module, absent, table)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts, or write the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.jax_coverage", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write it (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        version, found = counts()
    except ModuleNotFoundError as error:
        print(f'JAX cannot be imported ({error}): pip install -e ".[peers]"', file=sys.stderr)
        return 1
    if options.write:
        options.page.write_text(report(version, found, reasons()), encoding="utf-8")
        print(options.page)
    else:
        for module, (here, absent) in found.items():
            if module == MODULE_LIST:
                continue
            print(f"{module:<24} {len(here)} of {len(here) + len(absent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

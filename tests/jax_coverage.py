"""Which of JAX's public names exist here: ``python -m tests.jax_coverage`` prints the counts.

With ``--write`` the page ``docs/jax_coverage.md`` is written as well. It needs JAX beside this
package; ``pip install -e ".[peers]"`` brings the version that is compared.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["MODULES", "counts", "main", "names_of", "report"]

MODULES = {
    "jax": "functorch_lite",
    "jax.lax": "functorch_lite.lax",
    "jax.lax.linalg": "functorch_lite.lax.linalg",
    "jax.nn": "functorch_lite.nn",
    "jax.nn.initializers": "functorch_lite.nn.initializers",
    "jax.numpy": "functorch_lite.numpy",
    "jax.numpy.fft": "functorch_lite.numpy.fft",
    "jax.numpy.linalg": "functorch_lite.numpy.linalg",
    "jax.random": "functorch_lite.random",
    "jax.scipy.linalg": "functorch_lite.scipy.linalg",
    "jax.scipy.special": "functorch_lite.scipy.special",
    "jax.tree": "functorch_lite.tree",
    "jax.tree_util": "functorch_lite.tree_util",
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "jax_coverage.md"
WRITTEN_BY = "python -m tests.jax_coverage --write"


def names_of(module: ModuleType) -> list[str]:
    """The public names of one of JAX's modules: no modules, and no primitives such as ``add_p``."""
    found = []
    for name in dir(module):
        value = getattr(module, name, None)
        foreign = isinstance(value, ModuleType) or type(value).__name__ == "Primitive"
        if not name.startswith("_") and not foreign:
            found.append(name)
    return sorted(found)


def _ours(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("functorch_lite"):
            raise
        return None


def counts() -> tuple[str, dict[str, tuple[list[str], list[str]]]]:
    """JAX's version, and for each of its modules the names that are here and those that are not."""
    jax = importlib.import_module("jax")
    found = {}
    for theirs, mine in MODULES.items():
        names = names_of(importlib.import_module(theirs))
        owner = _ours(mine)
        here = [n for n in names if owner is not None and hasattr(owner, n)]
        found[theirs] = here, [n for n in names if n not in set(here)]
    return jax.__version__, found


def report(version: str, found: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> str:
    """The page of both lists, in Markdown.

    >>> page = report("0.10.2", {"jax.tree": (["map"], ["static"])})
    >>> [line for line in page.splitlines() if "static" in line]
    ['Missing: `static`']
    """
    total = sum(len(here) for here, _ in found.values())
    of = total + sum(len(absent) for _, absent in found.values())
    lines = [
        "# Coverage of JAX's names",
        "",
        f"JAX {version} against `functorch_lite`: {total} of {of} public names, without modules",
        "and primitives.",
        f"Written by `{WRITTEN_BY}`.",
        "",
        "| module | names here |",
        "|---|---|",
        *(f"| `{m}` | {len(h)} of {len(h) + len(a)} |" for m, (h, a) in found.items()),
    ]
    for module, lists in found.items():
        lines += ["", f"## `{module}`"]
        for title, names in zip(("Here", "Missing"), lists, strict=True):
            if names:
                words = " ".join([f"{title}:", *(f"`{n}`" for n in names)])
                text = textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False)
                lines += ["", text]
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
        options.page.write_text(report(version, found), encoding="utf-8")
        print(options.page)
    else:
        for module, (here, absent) in found.items():
            print(f"{module:<24} {len(here)} of {len(here) + len(absent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

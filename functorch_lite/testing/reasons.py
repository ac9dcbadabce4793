"""Why a name of another library is not here: a table of reasons, and its place on a page.

The table is a text file.  A line ``[title]`` begins a reason, the lines up to the first one with a
colon say why, and each line ``module: name name …`` lists names of one module.  A name may be a
pattern of the shell's kind (``float8_*``), and so may the module::

    [dtypes of 8 bits and less]
    NumPy has no arithmetic for them.

    jax.numpy: float8_* int4
"""

from __future__ import annotations

import dataclasses
import fnmatch
import textwrap
from collections.abc import Mapping, Sequence

__all__ = ["Reason", "by_reason", "missing_lines", "parse_reasons", "reason_lines"]

WITHOUT = "without a reason"
_WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Reason:
    """One reason, and the names that it explains.

    Attributes:
        title: a few words, which the page uses for it.
        why: one or two sentences.
        names: pairs of patterns, of a module and of a name in it.
    """

    title: str
    why: str
    names: tuple[tuple[str, str], ...]

    def explains(self, module: str, name: str) -> bool:
        """Whether a name of a module is among those."""
        match = fnmatch.fnmatchcase
        return any(match(module, owner) and match(name, pattern) for owner, pattern in self.names)


def parse_reasons(text: str) -> list[Reason]:
    """The reasons of a table.

    Args:
        text: the table, as the module's docstring describes it; ``#`` begins a comment line.

    Raises:
        ValueError: a line before the first title, or a reason without words or names.

    >>> reason, = parse_reasons("[small]\\nNo arithmetic.\\n\\njax.numpy: int4 float8_*\\n")
    >>> reason.why, reason.explains("jax.numpy", "float8_e5m2")
    ('No arithmetic.', True)
    """
    found: list[tuple[str, list[str], list[tuple[str, str]]]] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            found.append((line[1:-1], [], []))
            continue
        if not found:
            raise ValueError(f"parse_reasons: expected a line [title] first; got {line!r:.60}.")
        _, why, names = found[-1]
        module, colon, listed = line.partition(":")
        if colon and " " not in module:
            names += [(module, name) for name in listed.split()]
        else:
            why.append(line)
    for title, why, names in found:
        if not why or not names:
            raise ValueError(
                f"parse_reasons: the reason [{title}] needs a sentence and at least one line "
                "'module: names'."
            )
    return [Reason(title, " ".join(why), tuple(names)) for title, why, names in found]


def by_reason(
    module: str, missing: Sequence[str], reasons: Sequence[Reason]
) -> dict[str, list[str]]:
    """Missing names of one module under the titles of their reasons, in the table's order.

    Args:
        module: the module's name.
        missing: its names that are not here.
        reasons: the table; the first one that explains a name has it.

    Returns:
        The names by title; those that nothing explains under ``"without a reason"``, last.

    >>> small = Reason("small", "No arithmetic.", (("jax.numpy", "int*"),))
    >>> by_reason("jax.numpy", ["int4", "ufunc"], [small])
    {'small': ['int4'], 'without a reason': ['ufunc']}
    """
    titles = [reason.title for reason in reasons]
    found: dict[str, list[str]] = {title: [] for title in (*titles, WITHOUT)}
    for name in missing:
        title = next((r.title for r in reasons if r.explains(module, name)), WITHOUT)
        found[title].append(name)
    return {title: names for title, names in found.items() if names}


def reason_lines(missing: Mapping[str, Sequence[str]], reasons: Sequence[Reason]) -> list[str]:
    """A table of the reasons that are needed, in Markdown, with the number of names of each.

    Args:
        missing: per module the names that are not here.
        reasons: the table.

    >>> small = Reason("small", "No arithmetic.", (("jax.numpy", "int*"),))
    >>> reason_lines({"jax.numpy": ["int2", "int4"]}, [small])[-1]
    '| small | 2 | No arithmetic. |'
    """
    counts: dict[str, int] = {}
    for module, names in missing.items():
        for title, found in by_reason(module, names, reasons).items():
            counts[title] = counts.get(title, 0) + len(found)
    rows = [f"| {r.title} | {counts[r.title]} | {r.why} |" for r in reasons if r.title in counts]
    return ["| missing | names | why |", "|---|---|---|", *rows]


def missing_lines(module: str, missing: Sequence[str], reasons: Sequence[Reason]) -> list[str]:
    """What a module lacks, one paragraph a reason, in Markdown.

    >>> small = Reason("small", "No arithmetic.", (("jax.numpy", "int*"),))
    >>> missing_lines("jax.numpy", ["int4"], [small])
    ['', 'Missing, small: `int4`']
    """
    lines: list[str] = []
    for title, names in by_reason(module, missing, reasons).items():
        words = " ".join([f"Missing, {title}:", *(f"`{name}`" for name in names)])
        text = textwrap.fill(words, _WIDTH, break_long_words=False, break_on_hyphens=False)
        lines += ["", text]
    return lines

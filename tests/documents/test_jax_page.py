"""Every name of JAX that is missing has its reason on the page, and the page follows the table."""

import dataclasses
import re

import pytest

from functorch_lite.testing import reasons
from tests import jax_coverage

TITLE = re.compile(r"^## (?:`(.+)`|Modules)$", re.MULTILINE)
MISSING = re.compile(r"^Missing, ([^:]+):((?: `[^`]+`|\n`[^`]+`)+)", re.MULTILINE)


def missing_by_module(page):
    """Per module of the page the missing names by the reason they stand under."""
    parts = TITLE.split(page)
    found = {}
    for module, text in zip(parts[1::2], parts[2::2], strict=True):
        found[module or jax_coverage.MODULE_LIST] = {
            title: re.findall(r"`([^`]+)`", names) for title, names in MISSING.findall(text)
        }
    return found


def problems(page, table):
    """What the page says otherwise than the table of reasons."""
    found = []
    for module, groups in missing_by_module(page).items():
        for title, names in groups.items():
            if title == reasons.WITHOUT:
                found += [f"{module}.{name} has no reason" for name in names]
                continue
            for name in names:
                wanted = next((r.title for r in table if r.explains(module, name)), None)
                if wanted != title:
                    found.append(f"{module}.{name} stands under {title}, the table says {wanted}")
    found += [
        f"the page lacks why: {r.title}" for r in table if _used(r, page) and r.why not in page
    ]
    return found


def _used(reason, page):
    return f"Missing, {reason.title}:" in page


def test_every_missing_name_has_the_reason_of_the_table():
    page = jax_coverage.PAGE.read_text(encoding="utf-8")
    assert sum(map(len, missing_by_module(page).values())) > 10
    wrong = problems(page, jax_coverage.reasons())
    assert not wrong, f"{wrong}; {jax_coverage.REASONS.name}, then {jax_coverage.WRITTEN_BY}"


def unused(page, table):
    """The patterns of the table that explain no name which is missing on the page."""
    found = missing_by_module(page)
    return [
        f"[{r.title}] {module}: {name}"
        for r in table
        for module, name in r.names
        if not any(
            dataclasses.replace(r, names=((module, name),)).explains(where, absent)
            for where, groups in found.items()
            for absent in groups.get(r.title, ())
        )
    ]


def test_no_reason_is_for_nothing():
    table = jax_coverage.reasons()
    page = jax_coverage.PAGE.read_text(encoding="utf-8")
    assert not (found := unused(page, table)), f"{found}; {jax_coverage.REASONS.name}"
    more = reasons.parse_reasons("[built]\nNo more.\njax.lax: add")
    assert unused(page, [*table, *more]) == ["[built] jax.lax: add"]


def test_a_name_without_a_reason_is_noticed():
    table = jax_coverage.reasons()
    found = {"jax.tree": (["map"], ["nothing_like_it"]), "jax": ([], ["pmap"])}
    page = jax_coverage.report("0", found, table)
    assert problems(page, table) == ["jax.tree.nothing_like_it has no reason"]
    assert "Missing, many devices and processes: `pmap`" in page and "1 of 3" in page
    moved = page.replace("Missing, many devices and processes", "Missing, XLA's own options")
    assert "the table says many devices" in problems(moved, table)[1]


def test_the_table_is_read_as_it_says():
    text = (
        "# note\n[a]\nOne thing: two.\nThree.\n\njax.numpy: x* y\njax.scipy.*: *\n[b]\nWhy.\njax: z"
    )
    first, second = reasons.parse_reasons(text)
    assert first.why == "One thing: two. Three." and second.title == "b"
    assert first.explains("jax.numpy", "xyz") and first.explains("jax.scipy.linalg", "lu")
    assert not first.explains("jax.numpy", "z") and not first.explains("jax", "y")
    for bad in ("why\n[a]", "[a]\njax: x", "[a]\nWhy."):
        with pytest.raises(ValueError, match="parse_reasons"):
            reasons.parse_reasons(bad)

"""The page of JAX's names: what it says is here is here, and it is made by one command."""

import importlib
import re

import pytest

from functorch_lite.testing.reasons import WITHOUT, by_reason
from tests import jax_coverage

pytest.importorskip("jax", exc_type=ImportError)
pytestmark = pytest.mark.peers
SECTION = re.compile(r"^## `(.+)`\n\nHere: ((?:.+\n)+)", re.MULTILINE)


def test_the_page_tells_the_truth():
    sections = SECTION.findall(jax_coverage.PAGE.read_text(encoding="utf-8"))
    assert len(sections) == len(jax_coverage.MODULES)
    for module, names in sections:
        owner = importlib.import_module(jax_coverage.MODULES[module])
        gone = [n for n in re.findall(r"`([\w.]+)`", names) if not jax_coverage.has(owner, n)]
        assert not gone, f"{module}: {gone}; run {jax_coverage.WRITTEN_BY}"


def test_the_command_writes_the_page(tmp_path, capsys):
    page = tmp_path / "page.md"
    assert jax_coverage.main(["--write", "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "## `jax.scipy.special`" in text and "`gammainc`" in text
    assert jax_coverage.main([]) == 0
    assert "jax.numpy" in capsys.readouterr().out


def test_a_missing_name_is_listed():
    text = jax_coverage.report("0", {"jax.tree": (["map"], ["nothing_like_it"])})
    assert "Missing, without a reason: `nothing_like_it`" in text and "1 of 2" in text


def test_every_missing_name_has_a_reason_now():
    _, found = jax_coverage.counts()
    table = jax_coverage.reasons()
    missing = {module: absent for module, (_, absent) in found.items()}
    unexplained = {
        module: names
        for module, absent in missing.items()
        if (names := by_reason(module, absent, table).get(WITHOUT))
    }
    assert not unexplained, f"{unexplained}; write why in {jax_coverage.REASONS.name}"

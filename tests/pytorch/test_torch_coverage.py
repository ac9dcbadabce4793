"""The list of PyTorch's names, which of them are here, and why others are not."""

import fnmatch
from pathlib import Path

import pytest

from functorch_lite.testing.reasons import WITHOUT, by_reason
from functorch_lite.torch import coverage
from functorch_lite.torch._scripts import names

OURS = Path(coverage.__file__).parent


def test_the_list_of_names_is_well_formed():
    text = (OURS / "_scripts" / names.NAMES).read_text(encoding="utf-8")
    found = names.parse_names(text)
    assert set(found) == {*coverage.MODULES, names.MODULE_LIST}
    version = text.split()[5].strip(",")
    assert coverage.names_text(version, {k: sorted(v) for k, v in found.items()}) == text
    assert {"Linear", "Module"} <= found["torch.nn"]
    assert {"conv2d", "relu", "avg_pool1d"} <= found["torch.nn.functional"]
    assert {"add_", "backward", "shape"} <= found["torch.Tensor"]
    assert {"float32", "tensor", "nn", "e"} <= found["torch"]
    assert not {"os", "sys", "math", "warnings", "Any"} & set().union(*found.values())


def test_coverage_of_the_installed_pytorch(tmp_path, capsys):
    pytest.importorskip("torch")
    version, theirs = coverage.their_names()
    assert coverage.names_text(version, theirs) == (OURS / "_scripts" / names.NAMES).read_text(
        encoding="utf-8"
    )
    line = ["--write", "--docs", str(tmp_path), "--names", str(tmp_path / "names.txt")]
    assert coverage.main(line) == 0
    assert "torch_coverage.md" in capsys.readouterr().out
    page = (tmp_path / "torch_coverage.md").read_text(encoding="utf-8")
    assert page == coverage.report(
        version, theirs, coverage.our_names(theirs), coverage.reasons()
    )
    assert "## `torch.nn.functional`" in page
    assert (tmp_path / "names.txt").read_text() == (OURS / "_scripts" / names.NAMES).read_text()


def test_coverage_counts_what_is_there():
    theirs = {"torch.coverage": ["main", "absent"], "torch.nowhere": ["x"], "modules": ["torch.a"]}
    ours = coverage.our_names(theirs)
    assert ours == {"torch.coverage": {"main"}, "torch.nowhere": set(), "modules": set()}
    page = coverage.report("2.13.0+cpu", theirs, ours)
    assert "PyTorch 2.13.0 against `functorch_lite.torch`: 1 of 3 public names." in page
    assert "| `torch.coverage` | 1 of 2 |" in page
    assert "Missing, without a reason: `absent`" in page and "Here: `main`" in page


def test_every_missing_name_has_a_reason():
    pytest.importorskip("torch")
    _, theirs = coverage.their_names()
    missing = coverage.missing_names(theirs, coverage.our_names(theirs))
    table = coverage.reasons()
    unexplained = {
        module: without
        for module, absent in missing.items()
        if (without := by_reason(module, absent, table).get(WITHOUT))
    }
    assert not unexplained, f"{unexplained}; write why in _scripts/data/reasons.txt"
    # Nor does the table explain what is here by now.
    idle = [
        f"[{reason.title}] {module}: {name}"
        for reason in table
        for module, name in reason.names
        if not any(
            fnmatch.fnmatchcase(owner, module) and fnmatch.filter(absent, name)
            for owner, absent in missing.items()
        )
    ]
    assert not idle


def test_coverage_without_pytorch(monkeypatch, capsys):
    monkeypatch.setattr(coverage, "_PROGRAM", "import a_module_that_is_not_there")
    assert coverage.main([]) == 1
    assert "PyTorch cannot be imported" in capsys.readouterr().err

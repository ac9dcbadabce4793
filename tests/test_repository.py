"""What the repository holds: the folders of the design, no oversized file, no machine's paths."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
TOP = {
    "functorch_lite", "tests", "examples", "benchmarks", "docs", ".ci", ".github",
    "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    ".gitignore", ".pre-commit-config.yaml",
}  # fmt: skip
MAX_BYTES = 500_000
BINARY = {".png", ".gz", ".npz"}

# Absolute paths and addresses that exist on one machine only say where a file was written.
MACHINE_PATH = re.compile(r"(?<![\w.~:/-])/(?:home|root|Users|work|opt|mnt|srv|tmp|var)/\w")
WINDOWS_PATH = re.compile(r"\b[A-Z]:\\\w")


def tracked_files():
    try:
        listing = subprocess.run(
            ["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listing.splitlines() if (path := REPOSITORY / name).is_file()]


def machine_paths(text):
    return [m.group() for pattern in (MACHINE_PATH, WINDOWS_PATH) for m in pattern.finditer(text)]


def test_the_top_folder_holds_what_the_design_says():
    top = {path.relative_to(REPOSITORY).parts[0] for path in tracked_files()}
    assert top <= TOP, f"unexpected: {sorted(top - TOP)}"


def test_no_file_is_oversized():
    large = [path.name for path in tracked_files() if path.stat().st_size > MAX_BYTES]
    assert not large, large


def test_no_file_names_a_machine():
    for path in tracked_files():
        if path.suffix not in BINARY:
            found = machine_paths(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(REPOSITORY)}: {found}"


@pytest.mark.parametrize("folder", ["home", "root", "tmp", "opt"])
def test_a_machine_path_is_noticed(folder):
    assert machine_paths(f"see /{folder}/someone/notes.txt")
    assert not machine_paths(f"see docs/{folder}/notes.txt, https://example.org/{folder}/x")

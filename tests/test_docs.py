"""The documents tell the truth: their Python runs, the files they name exist, the lists agree."""

import doctest
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A backquoted word that looks like a path of this repository; <name> is a file yet to be written.
PATH = re.compile(r"`((?:functorch_lite|tests|examples|benchmarks|docs|\.\w+)/[\w./<>-]*)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def name_of(path):
    return path.relative_to(REPOSITORY).as_posix()


def python_blocks(text):
    return [block for language, block in FENCE.findall(text) if language == "python"]


def run_blocks(text, name):
    """Runs the Python blocks in order, in one namespace; `>>>` blocks also compare their output."""
    namespace = {"__name__": "__document__"}
    failures = []
    for number, block in enumerate(python_blocks(text)):
        label = f"{name}, block {number + 1}"
        if ">>>" not in block:
            exec(compile(block, label, "exec"), namespace)
            continue
        test = doctest.DocTestParser().get_doctest(block, namespace, label, name, 0)
        runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
        runner.run(test, out=failures.append, clear_globs=False)
        namespace.update(test.globs)
    assert not failures, "".join(failures)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_python_of_a_document_runs(path, tmp_path, monkeypatch):
    text = path.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run_blocks(text, name_of(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_files_a_document_names_exist(path):
    text = path.read_text(encoding="utf-8")
    named = [REPOSITORY / name for name in PATH.findall(text) if "<" not in name]
    linked = [path.parent / link.strip() for link in LINK.findall(text)]
    missing = [str(target) for target in (*named, *linked) if not target.exists()]
    assert not missing, missing


def test_the_readme_gives_the_two_commands_first():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    commands = [block.strip() for language, block in FENCE.findall(text) if language == "sh"]
    assert commands[0] == 'pip install -e ".[examples]" && python examples/train_digits.py'
    assert commands[1] == 'pip install -e ".[test]" && pytest'


def test_contributing_holds_five_recipes_of_few_places():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipes = re.findall(r"^### (Add an? .*?)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    kinds = [title.split()[-1] for title, _ in recipes]
    assert kinds == ["op", "transform", "layer", "optimiser", "kernel"]
    for title, body in recipes:
        steps = re.findall(r"^\d\. .*?(?=^\d\. |\Z)", body, re.MULTILINE | re.DOTALL)
        assert 2 <= len(steps) <= 3, title
        assert all(PATH.search(step) for step in steps), f"{title}: every step names its file"


def test_the_changelog_keeps_its_headings():
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {"Breaking", "New", "Fixed"}


def test_a_wrong_output_is_noticed():
    run_blocks("```python\n>>> 1 + 1\n2\n```\n", "right")
    with pytest.raises(AssertionError, match="Expected"):
        run_blocks("```python\n>>> 1 + 1\n3\n```\n", "wrong")
    with pytest.raises(ZeroDivisionError):
        run_blocks("```python\n1 / 0\n```\n", "wrong")

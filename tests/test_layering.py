"""The layers of the package: imports go down only, at the top of a file, and files stay short.

Reads the source with `ast`; nothing of the package is imported, so an edge hidden in a function or
behind a condition counts like any other.
"""

import ast
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = "functorch_lite"
MAX_LINES = 600

LAYERS = {
    "errors": 1, "typing": 1,
    "core": 2,
    "ops": 3,
    "transforms": 4,
    "compile": 5,
    "backends": 6,
    "driver": 7,
    "numpy": 8, "lax": 8, "random": 8, "scipy": 8, "testing": 8,
    "tree": 8, "tree_util": 8, "values": 8, "debug": 8,
    "checkpoint_policies": 8, "flatten_util": 8, "image": 8,
    "nn": 9, "optim": 9, "data": 9, "training": 9,
    "torch": 10,
}  # fmt: skip
ROOT_LAYER = 8  # what `from functorch_lite import grad` reaches: the public names
PUBLIC_ONLY = {"nn", "optim", "data", "training"}
PRIVATE_LAYERS = range(2, 8)

# Imports inside functions: slow or optional libraries only, so that `import` loads none of them.
LATE_IMPORTS = {"scipy", "cupy", "cupyx", "llvmlite"}
# The compiler and its runtime are a third of the package: the first program loads them. Checkpoints
# take pathlib, json and hashlib, which together are a tenth of the import.
LATE_PACKAGES = (
    "functorch_lite.backends.cpu",
    "functorch_lite.training.checkpoint",
    "functorch_lite.training.manager",
)


def module_name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_files(root):
    return sorted(p for p in (root / PACKAGE).rglob("*.py") if "__pycache__" not in p.parts)


def imported_modules(node, module, is_package, known):
    """Absolute names of the modules an import (or an `import_module("...")` call) reaches."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = module.split(".")
            keep = len(parts) - node.level + (1 if is_package else 0)
            base = ".".join([*parts[:keep], *([node.module] if node.module else [])])
        # `from package import name` is an edge to package.name where that is a module.
        children = [f"{base}.{alias.name}" for alias in node.names]
        found = [child for child in children if child in known]
        return found if len(found) == len(children) else [base, *found]
    if isinstance(node, ast.Call):
        callee = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if callee in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                return [name.value.lstrip(".")]
            return ["<computed>"]
    return []


def functions_around(tree):
    """The import nodes that sit inside a function body."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside.update(id(child) for child in ast.walk(node) if child is not node)
    return inside


def layer_of(name):
    """(layer, part) of an absolute module name of the package; layer None where it has no place."""
    parts = name.split(".")
    if len(parts) == 1:
        return ROOT_LAYER, ""
    return LAYERS.get(parts[1]), parts[1]


def check_file(path, root, known):
    source = path.read_text(encoding="utf-8")
    where = path.relative_to(root).as_posix()
    problems = []
    if (lines := source.count("\n")) > MAX_LINES:
        problems.append(f"{where}: {lines} lines, more than {MAX_LINES}")
    module = module_name(path, root)
    is_root = module == PACKAGE
    layer, part = layer_of(module)
    if layer is None:
        return [*problems, f"{where}: `{part}` has no layer"]
    tree = ast.parse(source)
    late = functions_around(tree)
    for node in ast.walk(tree):
        for target in imported_modules(node, module, path.name == "__init__.py", known):
            at = f"{where}:{node.lineno}"
            top = target.split(".")[0]
            is_call = isinstance(node, ast.Call)
            may_be_late = top in LATE_IMPORTS or target.startswith(LATE_PACKAGES)
            if (is_call or id(node) in late) and not may_be_late:
                problems.append(f"{at}: imports {target} inside a function or by name")
            if top != PACKAGE or is_root:
                continue
            target_layer, target_part = layer_of(target)
            if target_layer is None:
                if target in known:
                    problems.append(f"{at}: `{target_part}` has no layer")
            elif target_layer > layer or (target == PACKAGE and layer <= ROOT_LAYER):
                problems.append(f"{at}: layer {layer} imports {target} of layer {target_layer}")
            elif part in PUBLIC_ONLY and target_layer in PRIVATE_LAYERS:
                problems.append(f"{at}: {part} is written in public names, and imports {target}")
    return problems


def check_tree(root):
    files = python_files(root)
    known = {module_name(path, root) for path in files}
    return [problem for path in files for problem in check_file(path, root, known)]


def test_the_package_keeps_its_layers():
    problems = check_tree(REPOSITORY)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "examples"])
def test_files_beside_the_package_stay_short(folder):
    for path in (REPOSITORY / folder).rglob("*.py"):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= MAX_LINES, f"{path.relative_to(REPOSITORY)}: {lines} lines"


# ---------------------------------------------------------------- the check itself is checked
SOUND = {
    "__init__.py": "from functorch_lite import nn\nfrom functorch_lite.driver import jit\n",
    "errors.py": "import numpy as np\n",
    "core/__init__.py": "",
    "core/array.py": "from functorch_lite.errors import ShapeError\nfrom . import aval\n",
    "core/aval.py": "",
    "ops/__init__.py": "from .elementwise import sin\n",
    "ops/elementwise.py": "from ..core import array\ndef erf(x):\n    import scipy.special\n",
    "driver.py": "from .ops import sin\n",
    "numpy/__init__.py": "from functorch_lite.ops.elementwise import sin\n",
    "nn/__init__.py": "import functorch_lite as fl\nfrom functorch_lite import numpy, grad\n",
}


def make_tree(root, files):
    for name, text in files.items():
        path = root / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def test_a_sound_tree_has_no_problems(tmp_path):
    assert check_tree(make_tree(tmp_path, SOUND)) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("core/bad.py", "from functorch_lite.ops import sin\n", "layer 2 imports functorch_lite.o"),
        ("core/bad.py", "import functorch_lite.nn\n", "layer 2 imports functorch_lite.nn"),
        ("core/bad.py", "from ..ops.elementwise import sin\n", "functorch_lite.ops.elementwise"),
        ("core/bad.py", "from .. import driver\n", "layer 2 imports functorch_lite.driver"),
        ("ops/bad.py", "import functorch_lite\n", "layer 3 imports functorch_lite"),
        ("errors.py", "if True:\n    from .core import aval\n", "layer 1 imports"),
        ("numpy/bad.py", "from functorch_lite import grad\n", "layer 8 imports functorch_lite"),
        ("ops/bad.py", "def f():\n    from ..core import array\n", "inside a function"),
        ("ops/bad.py", "f = lambda: __import__('json')\n", "inside a function"),
        ("ops/bad.py", "import_module('functorch_lite.core')\n", "inside a function or by name"),
        ("ops/bad.py", "importlib.import_module(str())\n", "<computed>"),
        ("nn/bad.py", "from functorch_lite.ops import sin\n", "written in public names"),
        ("gadgets.py", "", "`gadgets` has no layer"),
        ("ops/long.py", "x = 1\n" * (MAX_LINES + 1), "601 lines"),
    ],
)  # fmt: skip
def test_a_violation_is_noticed(tmp_path, name, text, expected):
    problems = check_tree(make_tree(tmp_path, SOUND | {name: text}))
    assert len(problems) == 1, problems
    assert expected in problems[0]

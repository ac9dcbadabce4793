"""The tests of operations once more, each program compiled: values, errors, two derivatives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {  # and how many programs compile at least
    "test_torch_pointwise.py": 1000, "test_torch_pointwise_binary.py": 3000,
    "test_torch_pointwise_mixed.py": 300, "test_torch_reduce.py": 1500,
    "test_torch_products.py": 400, "test_torch_joining.py": 100, "test_torch_views.py": 100,
    "test_torch_indexing.py": 200, "test_torch_functional.py": 300,
    "test_torch_functional_losses.py": 200,
}  # fmt: skip
# Strides differ: of a dimension of size 1, and of a product.
OTHER_STRIDES = (
    "test_torch_indexing.py::test_reading_agrees_for_every_kind_of_index[permuted]",
    "test_torch_products.py::test_einsum[a...b,b...->a...]",
)


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_operations_compiled(name):
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    skipped = [f"--deselect=tests/pytorch/{test}" for test in OTHER_STRIDES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "compile_everything", "-p",
         "no:cacheprovider", *skipped, str(HERE / name)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    (count,) = re.findall(r"outcomes: (\d+) compiled", done.stdout)
    assert int(count) >= FILES[name]

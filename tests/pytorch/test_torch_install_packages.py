"""``install()`` beside packages that import ``torch`` before, between and after."""

import importlib.util

import pytest
from test_torch_install import REPOSITORY, python, write

PACKAGES = {
    # Imports torch where it is used, as einops does.
    "lazy/__init__.py": """
        def double(x):
            import torch
            assert isinstance(x, torch.Tensor), type(x)
            return torch.add(x, x)
        """,
    "eager/__init__.py": """
        import torch
        import torch.nn.functional as F
        from torch import nn
        class Layer(nn.Module):
            def forward(self, x):
                return F.relu(x) + torch.ones(2)
        """,
    # Installs by itself, within the import that its user's install() led to.
    "nested/__init__.py": """
        from functorch_lite.torch import install
        install()
        import torch
        from eager import Layer
        """,
}

# Only the programs need PyTorch, which takes a second to import.
beside_pytorch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return write(tmp_path_factory.mktemp("packages"), PACKAGES)


def said(program, packages):
    return python("-c", program, folders=(packages, REPOSITORY))[0].split("\n")[:-1]


def test_imported_before_and_after(packages):
    program = """
import lazy
import functorch_lite.torch as ours
ours.install()
import eager, torch
print(lazy.double(torch.ones(2)).tolist(), eager.Layer()(torch.tensor([-1.0, 2.0])).tolist())
print(eager.torch is torch is ours, eager.nn is ours.nn)
"""
    assert said(program, packages) == ["[2.0, 2.0] [1.0, 3.0]", "True True"]


def test_installed_twice_and_within(packages):
    program = """
import os, sys
import functorch_lite.torch as ours
before = list(sys.path), len(sys.meta_path), os.environ.get("PYTHONPATH")
ours.install()
import nested
ours.install()
print(nested.Layer()(ours.ones(2)).tolist(), nested.torch is ours)
ours.uninstall()
print("torch" in sys.modules, (list(sys.path), len(sys.meta_path), os.environ.get("PYTHONPATH"))
      == before)
ours.uninstall()
# What was imported keeps its torch.
print(nested.Layer()(ours.ones(2)).tolist(), nested.torch is ours)
"""
    assert said(program, packages) == ["[2.0, 2.0] True", "False True", "[2.0, 2.0] True"]


def test_installed_by_threads_that_import_packages(packages):
    program = """
import threading
import functorch_lite.torch as ours
found, start = [], threading.Barrier(8)
def work(i):
    start.wait()
    ours.install()
    import eager, lazy, torch
    found.append((torch is ours, lazy.double(eager.Layer()(torch.ones(2))).tolist()))
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(len(found), set(map(str, found)))
"""
    assert said(program, packages) == ["8 {'(True, [4.0, 4.0])'}"]


@beside_pytorch
def test_after_pytorch_itself(packages):
    program = """
import sys
import eager, torch
import functorch_lite.torch as ours
before = dict(sys.modules)
try:
    ours.install()
except ImportError as error:
    print("another `torch` is already imported" in str(error))
print(all(sys.modules[name] is before[name] for name in before), sys.modules["torch"] is torch)
ours.uninstall()
print(sys.modules["torch"] is torch, eager.Layer()(torch.ones(2)).tolist())
"""
    assert said(program, packages) == ["True", "True True", "True [2.0, 2.0]"]


@beside_pytorch
def test_pytorch_itself_after_uninstall(packages):
    program = """
import functorch_lite.torch as ours
ours.install()
import eager
ours.uninstall()
import torch
print(torch is ours, eager.torch is ours, torch.Tensor is ours.Tensor)
print(eager.Layer()(ours.ones(2)).tolist(), torch.from_dlpack(ours.ones(2)).tolist())
try:
    eager.Layer()(torch.ones(2))
except TypeError as error:
    print("got a tensor of PyTorch" in str(error))
try:
    ours.install()
except ImportError:
    print("refused")
"""
    lines = said(program, packages)
    assert lines == ["False True False", "[2.0, 2.0] [1.0, 1.0]", "True", "refused"]

"""Stands for PyTorch on the search path of child processes and gives its place to ours."""

import importlib.util
import os
import sys

# Tells `install` that no PyTorch is loaded here.
_is_functorch_lite = True

_root = os.path.abspath(__file__)
for _ in range(6):
    _root = os.path.dirname(_root)

# The parent process runs this copy of functorch_lite, and the two exchange pickles.
if "functorch_lite" not in sys.modules:
    _spec = importlib.util.find_spec("functorch_lite")
    _origin = os.path.abspath(_spec.origin) if _spec is not None and _spec.origin else ""
    if os.path.dirname(os.path.dirname(_origin)) != _root:
        sys.path.insert(min(1, len(sys.path)), _root)

from functorch_lite.torch._scripts.install import install  # noqa: E402

install()

"""The part of ``torch._dynamo`` that programs use. Source: ``torch._dynamo``."""

import sys as _sys

from functorch_lite.torch._compile import config
from functorch_lite.torch._compile.explain import explain
from functorch_lite.torch._compile.public import disable, is_compiling, list_backends, reset
from functorch_lite.torch._dynamo import eval_frame, exc
from functorch_lite.torch._scripts.names import module_getattr as _module_getattr

__all__ = [
    "config", "disable", "eval_frame", "exc", "explain", "is_compiling", "list_backends", "reset",
]  # fmt: skip

# One module, as what is set on it has to be seen; programs import it by this name, too.
_sys.modules[f"{__name__}.config"] = config

__getattr__ = _module_getattr(globals())

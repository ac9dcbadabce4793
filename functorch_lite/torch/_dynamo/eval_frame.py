"""Compiled modules. Source: ``torch._dynamo.eval_frame``."""

from functorch_lite.torch._compile.public import OptimizedModule

__all__ = ["OptimizedModule"]

"""``jit``: stage a function once per signature, optimise and compile its graph, reuse it."""

from functorch_lite.driver import eager as _eager  # noqa: F401  (installs itself)
from functorch_lite.driver import stacks as _stacks  # noqa: F401  (installs itself)
from functorch_lite.driver.graphs import eval_shape, make_graph
from functorch_lite.driver.jitted import Jitted, clear_caches, disable_jit, jit
from functorch_lite.driver.traces import CacheInfo, Lowered, TraceRecord

__all__ = [
    "CacheInfo",
    "Jitted",
    "Lowered",
    "TraceRecord",
    "clear_caches",
    "disable_jit",
    "eval_shape",
    "jit",
    "make_graph",
]

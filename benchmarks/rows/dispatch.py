"""What a call costs: ten elements, so that the time is all dispatch.

The cases are those of ``benchmarks.overhead``, each library in a process of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import overhead
from benchmarks.record import Builder, Inputs, Sizes, Step, StepRow

__all__ = ["ROWS"]

STAGING = "staging, per op"
FUNCTIONAL = ("ours", "jax")
WITH_TORCH = (*FUNCTIONAL, "torch")
ALL = (*WITH_TORCH, "numpy", "cupy")


def cases(k: Any, x: Any) -> dict[str, tuple[Step, int]]:
    """The cases of a kit, by their names in ``benchmarks.overhead``: step and ops per call."""
    if k.name == "torch":
        return overhead.torch_cases(k.device)
    if k.name in ("numpy", "cupy"):
        return overhead.numpy_cases(k.np)
    # The array's own method, which does not look through a tree first.
    ready = k.ready if k.name == "ours" else lambda out: out.block_until_ready()

    def stage(f: Any) -> Any:
        return k.stage(lambda x: f(x))  # a new function, so that nothing remembers its trace

    return overhead.functional_cases(k.np, x, k.grad, k.jvp, k.vmap, k.jit, stage, ready)


def case(name: str) -> Builder:
    """The builder of one case."""

    def build(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
        return cases(k, x["x"])[name][0]

    return build


def ten(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {"x": np.linspace(0.0, 1.0, overhead.N, dtype=np.float32)}


def row(
    name: str, about: str, case_name: str, having: tuple[str, ...], goal: float | None = None
) -> StepRow:
    staging = case_name == STAGING
    return StepRow(
        name,
        about,
        sizes={"n": overhead.N},
        tiny={"n": overhead.N},
        inputs=ten,
        builders=dict.fromkeys(having, case(case_name)),
        calls_compared=0 if staging else 1,
        per_call=overhead.STAGED_OPS if staging else 1,
        floor_by="numpy" if "numpy" in having else None,
        goal=goal,
        tolerance=1e-5,
    )


ROWS = [
    row("dispatch_jit", "jit call of x+1, 10 elements", "jit call of x+1", FUNCTIONAL, 0.4),
    row("dispatch_add", "eager x+x, 10 elements", "x+x", ALL, 2.0),
    row(
        "dispatch_grad",
        "eager grad of sum(tanh(x) x)",
        "grad of sum(tanh(x)*x)",
        WITH_TORCH,
        1.0,
    ),
    row("op_mul", "eager x*y, 10 elements", "x*y", ALL),
    row("op_mul_scalar", "eager x*2.0, 10 elements", "x*2.0", ALL),
    row("op_jvp", "eager jvp of tanh(x) x", "jvp of tanh(x)*x", WITH_TORCH),
    row("op_vmap", "eager vmap of tanh(x) x", "vmap of tanh(x)*x", WITH_TORCH),
    row("op_staging", "tracing a chain of 50 ops, per op", STAGING, FUNCTIONAL),
]

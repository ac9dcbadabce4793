"""How time grows: with the depth of an unrolled loop, and with the number of leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.optimisers import optimiser
from benchmarks.record import Inputs, Sizes, Step, StepRow, curve, functional, torch_eager

__all__ = ["ROWS"]

DEPTHS = [10, 30, 100, 300, 1000]


# ------------------------------------------------------------ depth
def operands(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {name: rng.uniform(0.5, 1.0, sizes["n"]).astype(np.float32) for name in ("x", "y")}


def unrolled(sin: Any, ops: int) -> Any:
    """A function of ``ops`` ops in a chain, as a Python loop leaves them behind."""

    def chain(x: Any, y: Any) -> Any:
        for _ in range(ops // 2):
            x = sin(x)
            x = x + y
        return x

    return chain


def depth_run(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = k.jit(unrolled(k.np.sin, sizes["ops"]))
    return lambda: {"out": k.ready(run(x["x"], x["y"]))}


def depth_run_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = unrolled(t.torch.sin, sizes["ops"])
    return lambda: {"out": t.ready(run(x["x"], x["y"]))}


def depth_trace(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def step() -> Any:
        # A new function each time: libraries remember what they have traced.
        return k.stage(unrolled(k.np.sin, sizes["ops"]))(x["x"], x["y"])

    return step


def depth_compile(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    calls = 0

    def step() -> Any:
        # The constant differs from call to call, so that no cache has the program.
        nonlocal calls
        calls += 1
        shift = 1.0 + calls * 2.0**-20
        chain = unrolled(k.np.sin, sizes["ops"])
        return k.ready(k.jit(lambda a, b: chain(a * shift, b))(x["x"], x["y"]))

    return step


# ------------------------------------------------------------ leaves
def leaves(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    found: Inputs = {}
    for i in range(sizes["leaves"]):
        for name in ("p", "g"):
            found[f"{name}{i}"] = rng.standard_normal((sizes["side"],) * 2, dtype=np.float32)
    return found


def part(x: dict[str, Any], letter: str) -> dict[str, Any]:
    return {f"p{name[1:]}": value for name, value in x.items() if name[0] == letter}


def adam_leaves(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    init, update = optimiser(k, "adam", lr=1e-3)
    run, grads = k.jit(update), part(x, "g")
    now = (part(x, "p"), init(part(x, "p")))

    def step() -> Any:
        nonlocal now
        params, state = now
        now = k.ready(run(grads, state, params))
        return now[0]

    return step


def adam_leaves_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params = part(x, "p")
    for name, gradient in part(x, "g").items():
        params[name].grad = gradient
    rule = t.torch.optim.Adam(list(params.values()), lr=1e-3, fused=True)

    def step() -> Any:
        rule.step()
        return t.ready(params)

    return step


ROWS = [
    *curve(
        StepRow(
            "depth_run",
            "an unrolled chain of sin and + on 1000 elements, against the number of ops",
            sizes={"ops": 0, "n": 1000},
            tiny={"ops": 6, "n": 9},
            inputs=operands,
            builders={**functional(depth_run), **torch_eager(depth_run_torch)},
            flops=lambda s: 10.0 * s["ops"] * s["n"],
            bytes=lambda s: 12.0 * s["n"],
        ),
        "ops",
        DEPTHS,
        quick=[10, 100],
    ),
    *curve(
        StepRow(
            "depth_trace",
            "tracing that chain, and no more",
            sizes={"ops": 0, "n": 1000},
            tiny={"ops": 6, "n": 9},
            inputs=operands,
            builders=functional(depth_trace),
            calls_compared=0,
        ),
        "ops",
        DEPTHS,
        quick=[10, 100],
    ),
    *curve(
        StepRow(
            "depth_compile",
            "tracing and compiling that chain, and running it once",
            sizes={"ops": 0, "n": 1000},
            tiny={"ops": 6, "n": 9},
            inputs=operands,
            builders=functional(depth_compile),
            calls_compared=1,
        ),
        "ops",
        DEPTHS,
        quick=[10, 100],
    ),
    *curve(
        StepRow(
            "adam_leaves",
            "Adam's update under jit of parameters 16 x 16, against their number",
            sizes={"leaves": 0, "side": 16},
            tiny={"leaves": 3, "side": 2},
            inputs=leaves,
            builders={**functional(adam_leaves), **torch_eager(adam_leaves_torch)},
            flops=lambda s: 15.0 * s["leaves"] * s["side"] ** 2,
            bytes=lambda s: 28.0 * s["leaves"] * s["side"] ** 2,
            calls_compared=3,
            tolerance=2e-3,
        ),
        "leaves",
        [1, 10, 100, 500],
        quick=[1, 100],
    ),
]

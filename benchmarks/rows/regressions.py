"""Small programs that users of JAX's CPU backend report as slow since its version 0.4.32.

Each row names its thread in jax-ml/jax; the programs are rebuilt from the descriptions there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.record import (
    Inputs,
    Sizes,
    Step,
    StepRow,
    functional,
    torch_both,
)

__all__ = ["ROWS"]


# ------------------------------------------------------------ 40150: a scan over many scalars
def filter_inputs(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {
        "gains": rng.uniform(0.5, 1.5, sizes["nodes"]).astype(np.float32),
        "observations": np.cumsum(0.1 * rng.standard_normal(sizes["time"])).astype(np.float32),
    }


def scalar_carries(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    """A chain of filters, each a mean, a precision and a log-volatility, every one a scalar leaf.

    Each node predicts the one below it; the loss is the surprise, as in hierarchical Gaussian
    filters, where the slowdown was found.
    """
    np_, nodes = k.np, sizes["nodes"]

    def surprise(gains: Any, observations: Any) -> Any:
        def step(carry: dict[str, Any], observed: Any) -> Any:
            below, new, total = observed, {}, 0.0
            for i in range(nodes):
                mean, precision, volatility = (carry[f"{n}{i}"] for n in ("mean", "prec", "vol"))
                variance = 1.0 / precision + np_.exp(volatility)
                error = below - mean
                new[f"prec{i}"] = 1.0 / variance + gains[i]
                below = new[f"mean{i}"] = mean + gains[i] / new[f"prec{i}"] * error
                scaled = error * error / variance
                new[f"vol{i}"] = 0.9 * volatility + 0.05 * np_.tanh(scaled - 1.0) - 0.1
                total = total + np_.log(variance) + scaled
            return new, total

        start: dict[str, Any] = {}
        for i in range(nodes):
            start |= {f"mean{i}": 0.0, f"prec{i}": 1.0, f"vol{i}": -1.0}
        start = {name: np_.asarray(value, dtype="float32") for name, value in start.items()}
        _, totals = k.lax.scan(step, start, observations)
        return np_.mean(totals)

    run = k.jit(k.grad(surprise))
    return lambda: {"grad": k.ready(run(x["gains"], x["observations"]))}


# ------------------------------------------------------------ 36799: a float64 3 x 3 carry
def semiseparable(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    time, m = sizes["time"], sizes["m"]
    turn = np.linalg.qr(rng.standard_normal((time, m, m)))[0]
    return {
        "diagonal": rng.uniform(4.0, 6.0, time),
        "left": rng.uniform(0.1, 0.5, (time, m)),
        "right": rng.uniform(0.1, 0.5, (time, m)),
        "steps": 0.7 * turn,
    }


def matrix_carry(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    """Cholesky factor of a quasi-separable matrix, one row per step of a scan."""
    np_ = k.np

    def factor(diagonal: Any, left: Any, right: Any, steps: Any) -> Any:
        def row(f: Any, data: Any) -> Any:
            d, p, q, a = data
            c = np_.sqrt(d - p @ f @ p)
            w = (q - a @ f @ p) / c
            return a @ f @ a.T + np_.outer(w, w), (c, w)

        m = left.shape[1]
        zero = np_.zeros((m, m), dtype="float64")
        return k.lax.scan(row, zero, (diagonal, left, right, steps))[1]

    run = k.jit(factor)

    def step() -> dict[str, Any]:
        c, w = k.ready(run(x["diagonal"], x["left"], x["right"], x["steps"]))
        return {"c": c, "w": w}

    return step


# ------------------------------------------------------------ 37465: differences along each axis
def volume(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    n = sizes["n"]
    return {"x": rng.standard_normal((n, n, n), dtype=np.float32)}


def diff_grad(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def roughness(v: Any) -> Any:
        return sum(k.np.sum(k.np.square(k.np.diff(v, axis=i))) for i in range(3))

    run = k.jit(k.grad(roughness))
    return lambda: {"grad": k.ready(run(x["x"]))}


def diff_grad_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    leaf = x["x"].requires_grad_()

    def roughness(v: Any) -> Any:
        return sum(t.torch.diff(v, dim=i).square().sum() for i in range(3))

    roughness = t.compile(roughness)

    def step() -> dict[str, Any]:
        (grad,) = t.torch.autograd.grad(roughness(leaf), leaf)
        return {"grad": t.ready(grad)}

    return step


# ------------------------------------------------------------ 26021: a chain of joints
def joints(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    n = sizes["joints"]
    offsets = np.tile(np.eye(4), (n, 1, 1))
    offsets[:, :3, :3] = np.linalg.qr(rng.standard_normal((n, 3, 3)))[0]
    offsets[:, :3, 3] = rng.uniform(-0.2, 0.2, (n, 3))
    return {
        "angles": rng.uniform(-1.0, 1.0, n),
        "offsets": offsets,
        "masses": rng.uniform(0.5, 2.0, n),
    }


def mass_matrix(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    """Mass matrix f64[n, n] of a chain of point masses, unrolled over its joints."""
    np_, n = k.np, sizes["joints"]

    def chain(angles: Any, offsets: Any, masses: Any) -> Any:
        frame = np_.eye(4, dtype="float64")
        origins, axes, ends = [], [], []
        for i in range(n):
            frame = frame @ offsets[i]
            origins.append(frame[:3, 3])
            axes.append(frame[:3, 2])
            c, s = np_.cos(angles[i]), np_.sin(angles[i])
            turn = np_.eye(4, dtype="float64")
            turn = turn.at[0, 0].set(c).at[0, 1].set(-s).at[1, 0].set(s).at[1, 1].set(c)
            frame = frame @ turn
            ends.append(frame[:3, 3] + 0.1 * frame[:3, 0])
        origin, axis, end = np_.stack(origins), np_.stack(axes), np_.stack(ends)
        # Speed of mass j for a unit speed of joint i; joints beyond a mass do not move it.
        arms = end[None, :, :] - origin[:, None, :]
        speeds = np_.cross(np_.broadcast_to(axis[:, None, :], arms.shape), arms)
        speeds = np_.where(np_.triu(np_.ones((n, n), dtype=bool))[:, :, None], speeds, 0.0)
        return np_.einsum("ijk,j,ljk->il", speeds, masses, speeds)

    run = k.jit(chain)
    return lambda: {"out": k.ready(run(x["angles"], x["offsets"], x["masses"]))}


# ------------------------------------------------------------ 25190: a while loop over scalars
def table(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {"table": np.arange(sizes["n"], dtype=np.int32)}


def scalar_while(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    """Walk over a table until its largest entry has been seen."""

    def walk(table: Any) -> Any:
        last = k.np.max(table)

        def body(state: Any) -> Any:
            largest, i = state
            return k.np.maximum(largest, table[i]), i + 1

        start = (k.np.zeros((), dtype="int32"), k.np.zeros((), dtype="int32"))
        return k.lax.while_loop(lambda state: state[0] < last, body, start)[1]

    run = k.jit(walk)
    return lambda: {"count": k.ready(run(x["table"]))}


ROWS = [
    StepRow(
        "scan_carries_40150",
        "grad through a scan with 60 scalar carries, 614 steps (jax-ml/jax#40150)",
        sizes={"nodes": 20, "time": 614},
        tiny={"nodes": 3, "time": 5},
        inputs=filter_inputs,
        builders=functional(scalar_carries),
        flops=lambda s: 100.0 * s["nodes"] * s["time"],
        bytes=lambda s: 24.0 * s["nodes"] * s["time"],
        tolerance=1e-3,
        goal=0.02,
    ),
    StepRow(
        "scan_matrix_36799",
        "scan with a float64 3 x 3 carry, 2000 steps (jax-ml/jax#36799)",
        sizes={"time": 2000, "m": 3},
        tiny={"time": 6, "m": 3},
        inputs=semiseparable,
        builders=functional(matrix_carry),
        flops=lambda s: s["time"] * (4.0 * s["m"] ** 3 + 10.0 * s["m"] ** 2),
        bytes=lambda s: 8.0 * s["time"] * (s["m"] ** 2 + 3 * s["m"] + 2),
        tolerance=1e-9,
        x64=True,
        goal=0.5,
    ),
    StepRow(
        "diff_grad_37465",
        "gradient of squared differences along the axes of 256^3 (jax-ml/jax#37465)",
        sizes={"n": 256},
        tiny={"n": 5},
        inputs=volume,
        builders={**functional(diff_grad), **torch_both(diff_grad_torch)},
        flops=lambda s: 10.0 * s["n"] ** 3,
        bytes=lambda s: 8.0 * s["n"] ** 3,
        goal=0.7,
    ),
    StepRow(
        "mass_matrix_26021",
        "mass matrix of a chain of 35 joints, unrolled, float64 (jax-ml/jax#26021)",
        sizes={"joints": 35},
        tiny={"joints": 4},
        inputs=joints,
        builders=functional(mass_matrix),
        flops=lambda s: 300.0 * s["joints"] + 2.0 * s["joints"] ** 3,
        bytes=lambda s: 8.0 * (s["joints"] ** 2 + 18 * s["joints"]),
        tolerance=1e-9,
        x64=True,
        goal=0.5,
    ),
    StepRow(
        "while_25190",
        "while_loop over two scalars, 65536 steps (jax-ml/jax#25190)",
        sizes={"n": 65_536},
        tiny={"n": 20},
        inputs=table,
        builders=functional(scalar_while),
        flops=lambda s: 3.0 * s["n"],
        bytes=lambda s: 4.0 * s["n"],
        goal=1.0,
    ),
]

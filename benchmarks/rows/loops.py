"""Work whose core is a loop inside the program: LSTM, n-body; and two pure computations."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.record import (
    Inputs,
    Sizes,
    Step,
    StepRow,
    arrays,
    functional,
    torch_both,
    torch_eager,
)

__all__ = ["ROWS"]


# ------------------------------------------------------------ LSTM
def lstm_inputs(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    hidden = sizes["hidden"]
    limit = hidden**-0.5
    shapes = {
        "w_in": (4 * hidden, hidden),
        "w_hidden": (4 * hidden, hidden),
        "b_in": (4 * hidden,),
        "b_hidden": (4 * hidden,),
    }
    found = {n: rng.uniform(-limit, limit, s).astype(np.float32) for n, s in shapes.items()}
    shape = (sizes["time"], sizes["batch"], hidden)
    return {**found, "sequence": rng.standard_normal(shape, dtype=np.float32)}


def lstm_grad(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    np_ = k.np
    params = {name: value for name, value in x.items() if name != "sequence"}

    def loss(p: Any, sequence: Any) -> Any:
        def cell(carry: Any, row: Any) -> Any:
            h, c = carry
            i, f, g, o = np_.split(row + h @ p["w_hidden"].T + p["b_hidden"], 4, axis=-1)
            c = k.nn.sigmoid(f) * c + k.nn.sigmoid(i) * np_.tanh(g)
            h = k.nn.sigmoid(o) * np_.tanh(c)
            return (h, c), h

        zero = np_.zeros(sequence.shape[1:], dtype="float32")
        _, out = k.lax.scan(cell, (zero, zero), sequence @ p["w_in"].T + p["b_in"])
        return np_.mean(out * out)

    run = k.jit(k.value_and_grad(loss))

    def step() -> dict[str, Any]:
        value, grads = k.ready(run(params, x["sequence"]))
        return {"loss": value, **{f"grad_{name}": g for name, g in grads.items()}}

    return step


def lstm_grad_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    torch = t.torch
    module = torch.nn.LSTM(sizes["hidden"], sizes["hidden"]).to(t.device)
    names = {
        "w_in": "weight_ih_l0",
        "w_hidden": "weight_hh_l0",
        "b_in": "bias_ih_l0",
        "b_hidden": "bias_hh_l0",
    }
    with torch.no_grad():
        for ours, theirs in names.items():
            getattr(module, theirs).copy_(x[ours])
    leaves = [getattr(module, theirs) for theirs in names.values()]

    def loss(sequence: Any) -> Any:
        out, _ = module(sequence)
        return (out * out).mean()

    loss = t.compile(loss)

    def step() -> dict[str, Any]:
        value = loss(x["sequence"])
        grads = torch.autograd.grad(value, leaves)
        t.ready(value)
        return {"loss": value, **{f"grad_{n}": g for n, g in zip(names, grads, strict=True)}}

    return step


def lstm_flops(s: Sizes) -> float:
    """Three products of the recurrence, two of the inputs, whose gradient nobody asks for."""
    return 2.0 * s["time"] * s["batch"] * 4 * s["hidden"] ** 2 * 5


# ------------------------------------------------------------ n-body
def bodies(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    n = sizes["bodies"]
    return {
        "places": rng.standard_normal((n, 3), dtype=np.float32),
        "speeds": 0.1 * rng.standard_normal((n, 3), dtype=np.float32),
        "masses": rng.uniform(0.5, 1.5, n).astype(np.float32) / n,
    }


def pull(xp: Any, places: Any, masses: Any) -> Any:
    """Accelerations f32[n, 3] under softened gravity."""
    apart = places[None, :, :] - places[:, None, :]
    square = xp.sum(apart * apart, -1) + 1e-2
    weight = masses[None, :] / (square * xp.sqrt(square))
    return xp.sum(apart * weight[:, :, None], 1)


def nbody(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def simulate(places: Any, speeds: Any, masses: Any) -> Any:
        def body(_: Any, state: Any) -> Any:
            places, speeds = state
            speeds = speeds + 0.01 * pull(k.np, places, masses)
            return places + 0.01 * speeds, speeds

        return k.lax.fori_loop(0, sizes["steps"], body, (places, speeds))

    run = k.jit(simulate)

    def step() -> dict[str, Any]:
        places, speeds = k.ready(run(x["places"], x["speeds"], x["masses"]))
        return {"places": places, "speeds": speeds}

    return step


def nbody_by_hand(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    """The loop in Python, for libraries without one: NumPy, CuPy and PyTorch."""
    xp = k.np if hasattr(k, "np") else k.torch

    def step() -> dict[str, Any]:
        places, speeds = x["places"], x["speeds"]
        for _ in range(sizes["steps"]):
            speeds = speeds + 0.01 * pull(xp, places, x["masses"])
            places = places + 0.01 * speeds
        k.ready(places)
        return {"places": places, "speeds": speeds}

    return step


# ------------------------------------------------------------ random numbers
def normals(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = k.jit(lambda key: k.random.normal(key, (sizes["n"],)))
    return lambda: {"out": k.ready(run(x["key"]))}


# ------------------------------------------------------------ Hessian
def point(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {"x": rng.standard_normal(sizes["n"], dtype=np.float32)}


def rosenbrock(x: Any) -> Any:
    """Rosenbrock's function of a vector, in operators that every library has."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def hessian(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = k.jit(k.hessian(rosenbrock))
    return lambda: {"out": k.ready(run(x["x"]))}


def hessian_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = t.torch.func.hessian(rosenbrock)
    return lambda: {"out": t.ready(run(x["x"]))}


ROWS = [
    StepRow(
        "lstm_grad",
        "LSTM 128, 64 steps, batch 32: value and grad through a scan",
        sizes={"hidden": 128, "time": 64, "batch": 32},
        tiny={"hidden": 5, "time": 4, "batch": 3},
        inputs=lstm_inputs,
        builders={**functional(lstm_grad), **torch_both(lstm_grad_torch)},
        flops=lstm_flops,
        bytes=lambda s: 4.0 * s["hidden"] * (s["time"] * s["batch"] + 16 * s["hidden"]),
        tolerance=1e-3,
        goal=0.9,
    ),
    StepRow(
        "nbody",
        "gravity of 256 bodies, 20 steps in a fori_loop",
        sizes={"bodies": 256, "steps": 20},
        tiny={"bodies": 9, "steps": 3},
        inputs=bodies,
        builders={
            **functional(nbody),
            **torch_eager(nbody_by_hand),
            **arrays(nbody_by_hand),
        },
        flops=lambda s: 20.0 * s["steps"] * s["bodies"] ** 2,
        bytes=lambda s: 52.0 * s["bodies"],
        tolerance=1e-3,
        goal=0.1,
    ),
    StepRow(
        "normals",
        "a million normal variates from a key",
        sizes={"n": 1_000_000},
        tiny={"n": 100},
        inputs=lambda sizes, rng: {"key": np.array([0, 7], dtype=np.uint32)},
        builders=functional(normals),
        flops=lambda s: 100.0 * s["n"],
        bytes=lambda s: 4.0 * s["n"],
        goal=0.3,
    ),
    StepRow(
        "hessian",
        "Hessian of Rosenbrock's function of 64 inputs",
        sizes={"n": 64},
        tiny={"n": 5},
        inputs=point,
        builders={**functional(hessian), **torch_eager(hessian_torch)},
        flops=lambda s: 30.0 * s["n"] ** 2,
        bytes=lambda s: 4.0 * s["n"] ** 2,
        goal=1.0,
    ),
]

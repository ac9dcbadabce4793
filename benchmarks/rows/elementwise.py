"""Rows limited by memory: one fused pass over an array and what hangs on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.record import (
    Inputs,
    Sizes,
    Step,
    StepRow,
    arrays,
    curve,
    functional,
    torch_both,
    torch_eager,
)

__all__ = ["ROWS"]


# ------------------------------------------------------------ value and grad
def vector(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {"x": rng.standard_normal(sizes["n"], dtype=np.float32)}


def gelu_grad(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def value(v: Any) -> Any:
        return k.np.sum(k.nn.gelu(2.0 * v + 1.0, approximate=True) * k.nn.sigmoid(v))

    both = k.jit(k.value_and_grad(value))

    def step() -> dict[str, Any]:
        out, grad = k.ready(both(x["x"]))
        return {"value": out, "grad": grad}

    return step


def gelu_grad_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def value(v: Any) -> Any:
        return (t.functional.gelu(2.0 * v + 1.0, approximate="tanh") * t.torch.sigmoid(v)).sum()

    value = t.compile(value)
    leaf = x["x"].requires_grad_()

    def step() -> dict[str, Any]:
        out = value(leaf)
        (grad,) = t.torch.autograd.grad(out, leaf)
        t.ready(out)
        return {"value": out, "grad": grad}

    return step


# ------------------------------------------------------------ layer norm, then softmax
def rows_of_features(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    shape = (sizes["rows"], sizes["features"])
    return {
        "x": rng.standard_normal(shape, dtype=np.float32),
        "scale": rng.uniform(0.5, 1.5, shape[1]).astype(np.float32),
        "shift": rng.standard_normal(shape[1], dtype=np.float32),
    }


def norm_softmax(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    np_ = k.np

    def both(v: Any, scale: Any, shift: Any) -> Any:
        centred = v - np_.mean(v, axis=-1, keepdims=True)
        variance = np_.mean(centred * centred, axis=-1, keepdims=True)
        normal = centred / np_.sqrt(variance + 1e-5) * scale + shift
        unscaled = np_.exp(normal - np_.max(normal, axis=-1, keepdims=True))
        return unscaled / np_.sum(unscaled, axis=-1, keepdims=True)

    run = k.jit(both) if hasattr(k, "jit") else both
    return lambda: {"out": k.ready(run(x["x"], x["scale"], x["shift"]))}


def norm_softmax_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def both(v: Any, scale: Any, shift: Any) -> Any:
        return t.torch.softmax(t.functional.layer_norm(v, v.shape[-1:], scale, shift), -1)

    run = t.compile(both)
    return lambda: {"out": t.ready(run(x["x"], x["scale"], x["shift"]))}


# ------------------------------------------------------------ time against size
def tanh_chain(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    def chain(v: Any) -> Any:
        return k.np.tanh(v) * v + 1.0

    run = k.jit(chain) if hasattr(k, "jit") else chain
    return lambda: {"out": k.ready(run(x["x"]))}


def tanh_chain_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    return lambda: {"out": t.ready(t.torch.tanh(x["x"]) * x["x"] + 1.0)}


ROWS = [
    StepRow(
        "gelu_grad",
        "value and grad of sum(gelu(2x+1) sigmoid(x))",
        sizes={"n": 1_000_000},
        tiny={"n": 1000},
        inputs=vector,
        builders={**functional(gelu_grad), **torch_both(gelu_grad_torch)},
        flops=lambda s: 40.0 * s["n"],
        bytes=lambda s: 8.0 * s["n"],
        goal=0.5,
    ),
    StepRow(
        "norm_softmax",
        "softmax of layer norm over the last axis",
        sizes={"rows": 2048, "features": 1024},
        tiny={"rows": 7, "features": 33},
        inputs=rows_of_features,
        builders={
            **functional(norm_softmax),
            **torch_both(norm_softmax_torch),
            **arrays(norm_softmax),
        },
        flops=lambda s: 20.0 * s["rows"] * s["features"],
        bytes=lambda s: 8.0 * s["rows"] * s["features"],
        goal=0.4,
    ),
    *curve(
        StepRow(
            "elementwise",
            "tanh(x) x + 1 under jit, against the number of elements",
            sizes={"n": 0},
            tiny={"n": 100},
            inputs=vector,
            builders={
                **functional(tanh_chain),
                **torch_eager(tanh_chain_torch),
                **arrays(tanh_chain),
            },
            flops=lambda s: 15.0 * s["n"],
            bytes=lambda s: 8.0 * s["n"],
        ),
        "n",
        [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000],
        quick=[100, 1_000_000],
    ),
]

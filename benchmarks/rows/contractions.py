"""Contractions one by one, nothing fused, over a grid of the shapes that training meets."""

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
    torch_eager,
)

__all__ = ["ROWS"]

# (m, k, n) of f32[m, k] @ f32[k, n]: layers forward, gradients of inputs and of weights.
PRODUCTS = [
    (128, 784, 512),
    (784, 128, 512),
    (128, 512, 256),
    (512, 192, 576),
    (512, 768, 192),
    (768, 512, 192),
    (64, 9216, 128),
    (2048, 128, 512),
    (32, 128, 512),
    (1024, 1024, 1024),
]
# (batch, m, k, n) of attention's two products.
BATCHED = [(48, 64, 32, 64), (48, 64, 64, 32)]
# (batch, channels in, channels out, side), kernels 3 x 3, valid.
CONVOLUTIONS = [(64, 32, 64, 26), (32, 64, 64, 16), (16, 256, 256, 10)]
QUICK = {"matmul[512x192x576]", "conv[64x32x64x26]"}


def matrices(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    lead = (sizes["batch"],) if sizes.get("batch") else ()
    return {
        "a": rng.standard_normal((*lead, sizes["m"], sizes["k"]), dtype=np.float32),
        "b": rng.standard_normal((*lead, sizes["k"], sizes["n"]), dtype=np.float32),
    }


def product(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = k.jit(lambda a, b: a @ b) if hasattr(k, "jit") else k.np.matmul
    return lambda: k.ready(run(x["a"], x["b"]))


def product_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    return lambda: t.ready(t.torch.matmul(x["a"], x["b"]))


def images(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    shape = (sizes["batch"], sizes["channels"], sizes["side"], sizes["side"])
    return {
        "x": rng.standard_normal(shape, dtype=np.float32),
        "w": rng.standard_normal((sizes["out"], sizes["channels"], 3, 3), dtype=np.float32),
        "b": rng.standard_normal(sizes["out"], dtype=np.float32),
    }


def convolution(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    run = k.jit(k.conv2d)
    return lambda: k.ready(run(x["x"], x["w"], x["b"]))


def convolution_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    return lambda: t.ready(t.functional.conv2d(x["x"], x["w"], x["b"]))


def matmul_row(shape: tuple[int, ...]) -> StepRow:
    m, k, n = shape[-3:]
    batch = shape[0] if len(shape) == 4 else 0
    name = f"{'batched_matmul' if batch else 'matmul'}[{'x'.join(map(str, shape))}]"
    return StepRow(
        name,
        "a matrix product, nothing fused",
        sizes={"batch": batch, "m": m, "k": k, "n": n},
        tiny={"batch": 2 if batch else 0, "m": 3, "k": 4, "n": 5},
        inputs=matrices,
        builders={**functional(product), **torch_eager(product_torch), **arrays(product)},
        flops=lambda s: 2.0 * max(s["batch"], 1) * s["m"] * s["k"] * s["n"],
        bytes=lambda s: (
            4.0 * max(s["batch"], 1) * (s["m"] * s["k"] + s["k"] * s["n"] + s["m"] * s["n"])
        ),
        goal=1.1,
        quick=name in QUICK,
    )


def conv_row(shape: tuple[int, int, int, int]) -> StepRow:
    batch, channels, out, side = shape
    name = f"conv[{'x'.join(map(str, shape))}]"
    return StepRow(
        name,
        "a 3 x 3 convolution, nothing fused",
        sizes={"batch": batch, "channels": channels, "out": out, "side": side},
        tiny={"batch": 2, "channels": 3, "out": 4, "side": 6},
        inputs=images,
        builders={**functional(convolution), **torch_eager(convolution_torch)},
        flops=lambda s: 18.0 * s["batch"] * (s["side"] - 2) ** 2 * s["channels"] * s["out"],
        bytes=lambda s: (
            4.0 * s["batch"] * (s["side"] ** 2 * s["channels"] + (s["side"] - 2) ** 2 * s["out"])
        ),
        goal=1.1,
        quick=name in QUICK,
    )


ROWS = [
    *map(matmul_row, PRODUCTS),
    *map(matmul_row, BATCHED),
    *map(conv_row, CONVOLUTIONS),
]

"""The training step of a small GPT: four layers, 192 wide, with AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.optimisers import optimiser, torch_training_step, training_step
from benchmarks.record import Inputs, Sizes, Step, StepRow, functional, torch_both
from benchmarks.rows.networks import cross_entropy

__all__ = ["ROWS"]

# A large decay, so that a library which left it out would be noticed after three steps.
SETTINGS = {"lr": 1e-3, "weight_decay": 0.1}


def gpt_inputs(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    width, vocabulary = sizes["width"], sizes["vocabulary"]

    def normal(*shape: int) -> np.ndarray:
        return (0.02 * rng.standard_normal(shape)).astype(np.float32)

    found = {"tokens_w": normal(vocabulary, width), "places_w": normal(sizes["time"], width)}
    for i in range(sizes["layers"]):
        for name, out, wide in (
            ("qkv", 3 * width, width),
            ("proj", width, width),
            ("up", 4 * width, width),
            ("down", width, 4 * width),
        ):
            found[f"{i}.{name}_w"] = normal(out, wide)
            found[f"{i}.{name}_b"] = normal(out)
        for name in ("norm1", "norm2"):
            found[f"{i}.{name}_w"] = 1 + normal(width)
            found[f"{i}.{name}_b"] = normal(width)
    found |= {"norm_w": 1 + normal(width), "norm_b": normal(width)}
    found["head_w"] = normal(vocabulary, width)
    text = rng.integers(0, vocabulary, (sizes["batch"], sizes["time"] + 1), dtype=np.int32)
    return {**found, "text": text}


def parts(x: dict[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Parameters, tokens and next tokens."""
    params = {name: value for name, value in x.items() if name != "text"}
    return params, x["text"][:, :-1], x["text"][:, 1:]


# ------------------------------------------------------------ JAX's names
def gpt_adamw(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    np_ = k.np
    heads, deep = sizes["heads"], sizes["width"] // sizes["heads"]
    params, tokens, targets = parts(x)

    def norm(p: Any, name: str, h: Any) -> Any:
        centred = h - np_.mean(h, axis=-1, keepdims=True)
        variance = np_.mean(centred * centred, axis=-1, keepdims=True)
        return centred * k.lax.rsqrt(variance + 1e-5) * p[f"{name}_w"] + p[f"{name}_b"]

    def linear(p: Any, name: str, h: Any) -> Any:
        return h @ p[f"{name}_w"].T + p[f"{name}_b"]

    def attention(p: Any, i: int, h: Any) -> Any:
        batch, time, width = h.shape
        qkv = linear(p, f"{i}.qkv", h).reshape(batch, time, 3, heads, deep)
        # f32[batch, heads, time, deep] each
        q, key, v = (np_.moveaxis(qkv[:, :, j], 2, 1) for j in range(3))
        scores = q @ np_.swapaxes(key, -1, -2) / math.sqrt(deep)
        seen = np_.tril(np_.ones((time, time), dtype=bool))
        shares = k.nn.softmax(np_.where(seen, scores, -1e30), axis=-1)
        mixed = np_.moveaxis(shares @ v, 1, 2).reshape(batch, time, width)
        return linear(p, f"{i}.proj", mixed)

    def loss(p: Any, tokens: Any, targets: Any) -> Any:
        h = p["tokens_w"][tokens] + p["places_w"]
        for i in range(sizes["layers"]):
            h = h + attention(p, i, norm(p, f"{i}.norm1", h))
            up = k.nn.gelu(linear(p, f"{i}.up", norm(p, f"{i}.norm2", h)), approximate=True)
            h = h + linear(p, f"{i}.down", up)
        return cross_entropy(k, norm(p, "norm", h) @ p["head_w"].T, targets)

    return training_step(k, loss, params, (tokens, targets), optimiser(k, "adamw", **SETTINGS))


# ------------------------------------------------------------ PyTorch
def gpt_adamw_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    torch, functional_ = t.torch, t.functional
    heads, width = sizes["heads"], sizes["width"]
    params, tokens, targets = parts(x)

    def norm(p: Any, name: str, h: Any) -> Any:
        return functional_.layer_norm(h, (width,), p[f"{name}_w"], p[f"{name}_b"])

    def linear(p: Any, name: str, h: Any) -> Any:
        return functional_.linear(h, p[f"{name}_w"], p[f"{name}_b"])

    def attention(p: Any, i: int, h: Any) -> Any:
        batch, time, _ = h.shape
        qkv = linear(p, f"{i}.qkv", h).view(batch, time, 3, heads, width // heads)
        q, key, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional_.scaled_dot_product_attention(q, key, v, is_causal=True)
        return linear(p, f"{i}.proj", mixed.transpose(1, 2).reshape(batch, time, width))

    def loss(p: Any, tokens: Any, targets: Any) -> Any:
        h = functional_.embedding(tokens, p["tokens_w"]) + p["places_w"]
        for i in range(sizes["layers"]):
            h = h + attention(p, i, norm(p, f"{i}.norm1", h))
            up = linear(p, f"{i}.up", norm(p, f"{i}.norm2", h))
            h = h + linear(p, f"{i}.down", functional_.gelu(up, approximate="tanh"))
        logits = norm(p, "norm", h) @ p["head_w"].T
        return functional_.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def adamw(params: list[Any]) -> Any:
        return torch.optim.AdamW(params, **SETTINGS, fused=True)

    batch = (tokens.long(), targets.long())
    return torch_training_step(t, loss, params, batch, adamw)


def gpt_parameters(s: Sizes) -> float:
    """Elements of the weights that meet every token."""
    return float(s["layers"] * 12 * s["width"] ** 2 + s["width"] * s["vocabulary"])


def gpt_flops(s: Sizes) -> float:
    """Six per weight and token, and the two products of attention over the whole square."""
    attention = 4 * s["batch"] * s["time"] ** 2 * s["width"] * s["layers"]
    return 6.0 * gpt_parameters(s) * s["batch"] * s["time"] + 3.0 * attention


ROWS = [
    StepRow(
        "gpt_adamw",
        "training step of a GPT: 4 layers, 192 wide, 8 x 64 tokens, AdamW",
        sizes={
            "layers": 4, "width": 192, "heads": 6, "vocabulary": 256, "batch": 8, "time": 64,
        },
        tiny={"layers": 2, "width": 12, "heads": 3, "vocabulary": 11, "batch": 2, "time": 5},
        inputs=gpt_inputs,
        builders={**functional(gpt_adamw), **torch_both(gpt_adamw_torch)},
        flops=gpt_flops,
        bytes=lambda s: 24.0 * gpt_parameters(s),
        calls_compared=3,
        tolerance=0.02,
        goal=0.8,
    ),
]  # fmt: skip

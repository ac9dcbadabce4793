"""Training steps of perceptrons and of a convolutional network, and gradients per example."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.optimisers import optimiser, torch_training_step, training_step
from benchmarks.record import Inputs, Sizes, Step, StepRow, functional, torch_both, torch_eager

__all__ = ["ROWS", "cross_entropy", "split"]


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """f32[out, ...], uniform as PyTorch's default, with the fan of all but the first axis."""
    limit = 1 / math.sqrt(math.prod(shape[1:]))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def layers(rng: np.random.Generator, widths: list[int]) -> Inputs:
    """Weights ``w0, b0, w1, ...`` of a chain of linear layers; no bias is zero, so that every
    parameter moves in a definite direction at the first step of Adam."""
    found: Inputs = {}
    for i, (wide, out) in enumerate(zip(widths, widths[1:], strict=False)):
        found[f"w{i}"] = weights(rng, out, wide)
        found[f"b{i}"] = rng.uniform(-0.1, 0.1, out).astype(np.float32)
    return found


def split(x: dict[str, Any]) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The parameters of a row's inputs, and the batch: images and labels."""
    params = {name: value for name, value in x.items() if name not in ("images", "labels")}
    return params, (x["images"], x["labels"])


def cross_entropy(k: Any, logits: Any, labels: Any) -> Any:
    """Mean over the rows of minus the log-probability of the label; logits f[..., classes]."""
    chosen = k.np.take_along_axis(k.nn.log_softmax(logits, axis=-1), labels[..., None], axis=-1)
    return -k.np.mean(chosen)


# ------------------------------------------------------------ perceptrons
def mlp_inputs(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    widths = [sizes["features"], *(sizes[f"hidden{i}"] for i in (1, 2) if f"hidden{i}" in sizes)]
    return {
        **layers(rng, [*widths, sizes["classes"]]),
        "images": rng.uniform(0, 1, (sizes["batch"], sizes["features"])).astype(np.float32),
        "labels": rng.integers(0, sizes["classes"], sizes["batch"], dtype=np.int32),
    }


def mlp_logits(k: Any, params: dict[str, Any], x: Any) -> Any:
    depth = len(params) // 2
    for i in range(depth):
        x = x @ params[f"w{i}"].T + params[f"b{i}"]
        if i < depth - 1:
            x = k.nn.relu(x)
    return x


def mlp_adam(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, batch = split(x)

    def loss(params: Any, images: Any, labels: Any) -> Any:
        return cross_entropy(k, mlp_logits(k, params, images), labels)

    return training_step(k, loss, params, batch, optimiser(k, "adam", lr=1e-3))


def mlp_torch_logits(t: Any, params: dict[str, Any], x: Any) -> Any:
    depth = len(params) // 2
    for i in range(depth):
        x = t.functional.linear(x, params[f"w{i}"], params[f"b{i}"])
        if i < depth - 1:
            x = t.torch.relu(x)
    return x


def mlp_adam_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, (images, labels) = split(x)

    def loss(params: Any, images: Any, labels: Any) -> Any:
        return t.functional.cross_entropy(mlp_torch_logits(t, params, images), labels)

    def adam(params: list[Any]) -> Any:
        return t.torch.optim.Adam(params, lr=1e-3, fused=True)

    return torch_training_step(t, loss, params, (images, labels.long()), adam)


def mlp_macs(sizes: Sizes) -> float:
    """Multiply-adds of the forward pass for one example."""
    widths = [sizes["features"], *(sizes[f"hidden{i}"] for i in (1, 2) if f"hidden{i}" in sizes)]
    widths.append(sizes["classes"])
    return float(sum(a * b for a, b in zip(widths, widths[1:], strict=False)))


def mlp_flops(sizes: Sizes) -> float:
    """All products of a step: nobody asks for the gradient of the images, so that the first layer
    has two and not three."""
    return 2.0 * sizes["batch"] * (3 * mlp_macs(sizes) - sizes["features"] * sizes["hidden1"])


# ------------------------------------------------------------ gradients per example
def per_example(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, (images, labels) = split(x)

    def loss(params: Any, image: Any, label: Any) -> Any:
        return -k.nn.log_softmax(mlp_logits(k, params, image), axis=-1)[label]

    run = k.jit(k.vmap(k.grad(loss), in_axes=(None, 0, 0)))
    return lambda: {f"grad_{n}": g for n, g in k.ready(run(params, images, labels)).items()}


def per_example_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, (images, labels) = split(x)
    labels = labels.long()

    def loss(params: Any, image: Any, label: Any) -> Any:
        logits = mlp_torch_logits(t, params, image)
        return t.functional.cross_entropy(logits[None], label[None])

    run = t.torch.func.vmap(t.torch.func.grad(loss), in_dims=(None, 0, 0))
    return lambda: {f"grad_{n}": g for n, g in t.ready(run(params, images, labels)).items()}


# ------------------------------------------------------------ a convolutional network for MNIST
def cnn_inputs(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    side, one, two = sizes["side"], sizes["channels1"], sizes["channels2"]
    flat = two * ((side - 4) // 2) ** 2
    dense = layers(rng, [flat, sizes["hidden"], 10])
    return {
        "conv1": weights(rng, one, 1, 3, 3),
        "conv1_bias": rng.uniform(-0.1, 0.1, one).astype(np.float32),
        "conv2": weights(rng, two, one, 3, 3),
        "conv2_bias": rng.uniform(-0.1, 0.1, two).astype(np.float32),
        **dense,
        "images": rng.uniform(0, 1, (sizes["batch"], 1, side, side)).astype(np.float32),
        "labels": rng.integers(0, 10, sizes["batch"], dtype=np.int32),
    }


def cnn_sgd(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, batch = split(x)

    def loss(p: Any, images: Any, labels: Any) -> Any:
        h = k.nn.relu(k.conv2d(images, p["conv1"], p["conv1_bias"]))
        h = k.nn.relu(k.conv2d(h, p["conv2"], p["conv2_bias"]))
        h = k.max_pool2d(h, 2)
        dense = {name: p[name] for name in ("w0", "b0", "w1", "b1")}
        return cross_entropy(k, mlp_logits(k, dense, h.reshape(h.shape[0], -1)), labels)

    return training_step(k, loss, params, batch, optimiser(k, "sgd", lr=0.01, momentum=0.9))


def cnn_sgd_torch(t: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
    params, (images, labels) = split(x)

    def loss(p: Any, images: Any, labels: Any) -> Any:
        h = t.torch.relu(t.functional.conv2d(images, p["conv1"], p["conv1_bias"]))
        h = t.torch.relu(t.functional.conv2d(h, p["conv2"], p["conv2_bias"]))
        h = t.functional.max_pool2d(h, 2)
        dense = {name: p[name] for name in ("w0", "b0", "w1", "b1")}
        return t.functional.cross_entropy(mlp_torch_logits(t, dense, h.flatten(1)), labels)

    def sgd(params: list[Any]) -> Any:
        return t.torch.optim.SGD(params, lr=0.01, momentum=0.9, fused=True)

    return torch_training_step(t, loss, params, (images, labels.long()), sgd)


def cnn_flops(s: Sizes) -> float:
    """All products: three of the second convolution and the dense layers, two of the first."""
    first = (s["side"] - 2) ** 2 * s["channels1"] * 9
    second = (s["side"] - 4) ** 2 * s["channels2"] * s["channels1"] * 9
    dense = s["channels2"] * ((s["side"] - 4) // 2) ** 2 * s["hidden"] + s["hidden"] * 10
    return 2.0 * s["batch"] * (2 * first + 3 * second + 3 * dense)


def cnn_parameters(s: Sizes) -> float:
    dense = s["channels2"] * ((s["side"] - 4) // 2) ** 2 * s["hidden"]
    return float(dense + 9 * s["channels2"] * s["channels1"])


ROWS = [
    StepRow(
        "mlp_adam",
        "training step of a perceptron 784-512-256-10, Adam",
        sizes={"features": 784, "hidden1": 512, "hidden2": 256, "classes": 10, "batch": 128},
        tiny={"features": 9, "hidden1": 8, "hidden2": 7, "classes": 5, "batch": 6},
        inputs=mlp_inputs,
        builders={**functional(mlp_adam), **torch_both(mlp_adam_torch)},
        flops=mlp_flops,
        bytes=lambda s: 24.0 * mlp_macs(s),
        calls_compared=3,
        # Adam's first steps have the length of the rate however small the gradient, so that the
        # rounding of a few gradients near zero moves a few parameters the other way.
        tolerance=0.02,
        goal=0.7,
    ),
    StepRow(
        "mlp_adam_small",
        "training step of a perceptron 10-32-2, Adam: the cost of a call",
        sizes={"features": 10, "hidden1": 32, "classes": 2, "batch": 32},
        tiny={"features": 10, "hidden1": 32, "classes": 2, "batch": 32},
        inputs=mlp_inputs,
        builders={**functional(mlp_adam), **torch_both(mlp_adam_torch)},
        flops=mlp_flops,
        bytes=lambda s: 24.0 * mlp_macs(s),
        calls_compared=3,
        tolerance=0.02,
        goal=0.4,
    ),
    StepRow(
        "per_example_grads",
        "vmap(grad) of a perceptron 784-128-10",
        sizes={"features": 784, "hidden1": 128, "classes": 10, "batch": 256},
        tiny={"features": 9, "hidden1": 8, "classes": 5, "batch": 6},
        inputs=mlp_inputs,
        builders={**functional(per_example), **torch_eager(per_example_torch)},
        flops=mlp_flops,
        bytes=lambda s: 4.0 * s["batch"] * mlp_macs(s),
        goal=0.6,
    ),
    StepRow(
        "cnn_sgd",
        "training step of the MNIST network (conv 32, conv 64, pool, 2 linear), SGD-momentum",
        sizes={"side": 28, "channels1": 32, "channels2": 64, "hidden": 128, "batch": 64},
        tiny={"side": 8, "channels1": 3, "channels2": 4, "hidden": 5, "batch": 2},
        inputs=cnn_inputs,
        builders={**functional(cnn_sgd), **torch_both(cnn_sgd_torch)},
        flops=cnn_flops,
        bytes=lambda s: 16.0 * cnn_parameters(s),
        calls_compared=3,
        tolerance=5e-3,
        goal=0.65,
    ),
]

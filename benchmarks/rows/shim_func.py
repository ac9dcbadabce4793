"""Transforms of the PyTorch-shaped package beside ``torch.func``: the same lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.record import Inputs, Sizes, Step, StepRow
from benchmarks.rows.shim_networks import Make, Wrap, builders, images

__all__ = ["ROWS"]


def per_example(torch: Any, model: Any, pictures: Any, classes: Any) -> Step:
    """The gradient of each example's loss by all parameters."""
    func, functional = torch.func, torch.nn.functional
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters: Any, picture: Any, label: Any) -> Any:
        scores = func.functional_call(model, parameters, (picture.unsqueeze(0),))
        return functional.cross_entropy(scores, label.unsqueeze(0))

    gradients = func.vmap(func.grad(loss), in_dims=(None, 0, 0))
    return lambda: gradients(parameters, pictures, classes)


def perceptron(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn = torch.nn
    torch.manual_seed(0)
    features, hidden, classes = sizes["features"], sizes["hidden"], sizes["classes"]
    model = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    return per_example(torch, model, x["x"], x["y"])


def convolutional(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn = torch.nn
    torch.manual_seed(0)
    side = sizes["side"]
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * (side // 4) ** 2, sizes["classes"]),
    )  # fmt: skip
    return per_example(torch, model, x["x"].reshape(-1, 1, side, side), x["y"])


def line(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    n = sizes["n"]
    return {"x": rng.uniform(0.1, 1.0, n).astype(np.float32),
            "w": rng.normal(0, n**-0.5, (n, n)).astype(np.float32)}  # fmt: skip


def hessian(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    second = torch.func.hessian(lambda v: (torch.tanh(x["w"] @ v) * v).sum())
    return lambda: second(x["x"])


def row(
    name: str, about: str, sizes: Sizes, tiny: Sizes, inputs: Any, make: Make, goal: float
) -> StepRow:
    return StepRow(
        f"shim_func_{name}", about, sizes=sizes, tiny=tiny, inputs=inputs,
        builders=builders(make, compiled=False), goal=goal,
    )  # fmt: skip


_MLP = {"batch": 256, "features": 784, "hidden": 128, "classes": 10}
_SMALL = {"batch": 64, "features": 64, "hidden": 32, "classes": 10}
_TINY = {"batch": 3, "features": 8, "hidden": 4, "classes": 3}
_CNN = {"batch": 32, "features": 196, "side": 14, "classes": 10}
_CNN_TINY = {"batch": 2, "features": 64, "side": 8, "classes": 3}

ROWS = [
    row("mlp", "gradients per example, MLP 784-128-10", _MLP, _TINY, images, perceptron, 1.5),
    row("mlp_small", "gradients per example, MLP 64-32-10", _SMALL, _TINY, images, perceptron,
        1.5),
    row("cnn", "gradients per example, small CNN, 14x14", _CNN, _CNN_TINY, images, convolutional,
        1.5),
    row("hessian", "hessian of 100 inputs", {"n": 100}, {"n": 4}, line, hessian, 1.5),
]  # fmt: skip

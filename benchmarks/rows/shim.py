"""The PyTorch-shaped package beside PyTorch, op by op: the same lines with either module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.record import Builder, Inputs, Sizes, Step, StepRow

__all__ = ["ROWS"]

FEW, MANY = 10, 1 << 20


def either(make: Callable[[Any, Any], Step]) -> dict[str, Builder]:
    """Builders of ``make(torch, x)``, with our package and with PyTorch as ``torch``."""

    def ours(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
        shim = importlib.import_module("functorch_lite.torch")
        return make(shim, shim.from_numpy(np.array(x["x"])))

    def theirs(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
        return make(k.torch, x["x"])

    return {"ours": ours, "torch": theirs}


def values(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {"x": rng.uniform(0.1, 1.0, sizes["n"]).astype(np.float32)}


def row(name: str, about: str, n: int, goal: float, make: Callable[[Any, Any], Step]) -> StepRow:
    return StepRow(
        f"shim_{name}",
        about,
        sizes={"n": n},
        tiny={"n": FEW},
        inputs=values,
        builders=either(make),
        goal=goal,
    )


def add(torch: Any, x: Any) -> Step:
    return lambda: x + x


def scale(torch: Any, x: Any) -> Step:
    return lambda: x * 2.0


def backward(torch: Any, x: Any) -> Step:
    x.requires_grad_()

    def step() -> Any:
        x.grad = None
        (torch.tanh(x) * x).sum().backward()
        return x.grad

    return step


def recorded(torch: Any, x: Any) -> Step:
    x.requires_grad_()
    return lambda: (x * x).detach()


def of(name: str, **params: Any) -> Callable[[Any, Any], Step]:
    """A function of the module on the whole input."""

    def make(torch: Any, x: Any) -> Step:
        f = getattr(torch, name)
        return lambda: f(x, **params)

    return make


def rows_of(name: str, **params: Any) -> Callable[[Any, Any], Step]:
    """A function of the module on rows of 1024."""

    def make(torch: Any, x: Any) -> Step:
        f = getattr(torch, name)
        rows = x.reshape(-1, 1024 if x.numel() % 1024 == 0 else x.numel())
        return lambda: f(rows, **params)

    return make


ROWS = [
    row("add", "x + x, 10 elements", FEW, 3.0, add),
    row("scale", "x * 2.0, 10 elements", FEW, 3.0, scale),
    row("recorded_mul", "x * x with a gradient wanted, 10 elements", FEW, 3.0, recorded),
    row("backward", "backward of sum(tanh(x) x), 10 elements", FEW, 3.0, backward),
    row("add_large", "x + x, 1M", MANY, 1.0, add),
    row("exp_large", "exp(x), 1M", MANY, 1.0, of("exp")),
    row("tanh_large", "tanh(x), 1M", MANY, 1.0, of("tanh")),
    row("log_large", "log(x), 1M", MANY, 1.0, of("log")),
    row("sqrt_large", "sqrt(x), 1M", MANY, 1.0, of("sqrt")),
    row("sum_large", "sum(x), 1M", MANY, 1.0, of("sum")),
    row("mean_rows_large", "mean of 1024 rows", MANY, 1.0, rows_of("mean", dim=1)),
    row("max_rows_large", "max of 1024 rows", MANY, 1.0, rows_of("amax", dim=1)),
    row("sum_columns_large", "sum of 1024 columns", MANY, 1.0, rows_of("sum", dim=0)),
    row("softmax_large", "softmax of 1024 rows", MANY, 1.0, rows_of("softmax", dim=1)),
    row("backward_large", "backward of sum(tanh(x) x), 1M", MANY, 1.0, backward),
]

"""Epochs of the PyTorch-shaped package's DataLoader beside PyTorch's: the same lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.record import Inputs, Sizes, Step, StepRow
from benchmarks.rows.shim_networks import Wrap, builders

__all__ = ["ROWS"]


class Pictures:
    """A dataset whose items take a little arithmetic, as augmented pictures do."""

    def __init__(self, count: int, side: int) -> None:
        self.count, self.side = count, side

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        shape = 3, self.side, self.side
        picture = np.random.default_rng(i).random(shape, dtype=np.float32)
        return (picture - picture.mean()) / picture.std(), i % 10


def epoch(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    workers = sizes["workers"]
    loader = torch.utils.data.DataLoader(
        Pictures(sizes["items"], sizes["side"]), batch_size=sizes["batch"], shuffle=True,
        num_workers=workers, persistent_workers=workers > 0,
    )  # fmt: skip

    def step() -> Any:
        largest = [pictures.amax() for pictures, _ in loader]
        return torch.stack(largest).amax()

    return step


def nothing(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {}


_SIZES = {"items": 1024, "side": 64, "batch": 32}

ROWS = [
    StepRow(
        f"shim_loader_{workers}", f"epoch of a DataLoader with {workers} workers",
        sizes=_SIZES | {"workers": workers}, tiny={"items": 8, "side": 4, "batch": 4, "workers": 0},
        inputs=nothing, builders=builders(epoch, compiled=False), goal=goal,
    )
    for workers, goal in ((0, None), (2, 1.0))
]  # fmt: skip

"""Where an operation returns positions, and several hold the same value, any of them is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.opinfo.compare import tensors_in
from tests.opinfo.translate import array_of, real

__all__ = ["same_choice"]

# By operation, where `dim` stands among the arguments after the first.
DIM_POSITIONS = {
    "sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0, "median": 0, "nanmedian": 0,
}  # fmt: skip


def same_choice(name: str, sample: Any, mine: Any, theirs: Any) -> bool:
    """Whether two results are equal, up to positions that hold equal elements.

    Args:
        name: of the operation.
        sample: the database's.
        mine, theirs: the results.
    """
    place = DIM_POSITIONS.get(name)
    if place is None or _is_stable(sample):
        return False
    x = sample.input.detach()
    if not x.dim():
        return False
    dim = sample.kwargs.get("dim", sample.args[place] if len(sample.args) > place else -1)
    a, b = tensors_in(mine)[-1], tensors_in(theirs)[-1]
    chosen = real.from_numpy(array_of(a).copy())
    if b.dtype != real.int64 or chosen.shape != b.shape:
        return False
    if b.dim() < x.dim():
        chosen, b = chosen.unsqueeze(dim), b.unsqueeze(dim)
    if chosen.numel() and not 0 <= int(chosen.min()) <= int(chosen.max()) < x.shape[dim]:
        return False
    if chosen.shape[dim] > 1 and bool((chosen.sort(dim).values.diff(dim=dim) == 0).any()):
        return False
    values = [tensors_in(r)[:-1] for r in (mine, theirs)]
    pairs = [*zip(*values, strict=True), (x.gather(dim, chosen), x.gather(dim, b))]
    return all(_same(array_of(p), array_of(q)) for p, q in pairs)


def _same(p: Any, q: Any) -> bool:
    return bool(np.all((p == q) | ((p != p) & (q != q))))


def _is_stable(sample: Any) -> bool:
    return bool(sample.kwargs.get("stable"))

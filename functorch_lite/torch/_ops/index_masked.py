"""Reading and adding at indices where a mask is true; elsewhere indices may lie outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor

__all__: list[str] = []


def _inside(t: Tensor, indices: Sequence[Tensor | None]) -> list[Any]:
    """Indices moved into the tensor."""
    return [
        None if i is None else i.clamp(-n, n - 1)
        for i, n in zip(indices, t._np.shape, strict=False)
    ]


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([slice(None) if i is None else i for i in indices])


@public("_unsafe_masked_index", methods=False)
def _unsafe_masked_index(
    self: Any, mask: Tensor, indices: Sequence[Tensor | None], fill: Any
) -> Tensor:
    """The elements at indices, a number where the mask is false.

    Source: ``torch._unsafe_masked_index``.
    """
    found: Tensor = self[_key(_inside(self, indices))].masked_fill(mask.logical_not(), fill)
    return found


@public("_unsafe_masked_index_put_accumulate", methods=False)
def _unsafe_masked_index_put_accumulate(
    self: Tensor, mask: Tensor, indices: Sequence[Tensor | None], values: Tensor
) -> Tensor:
    """The tensor with values added at indices where the mask is true.

    Source: ``torch._unsafe_masked_index_put_accumulate``.
    """
    given = values.masked_fill(mask.logical_not(), 0)
    return self.index_put(_inside(self, indices), given, True)

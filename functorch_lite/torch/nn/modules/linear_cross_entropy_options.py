"""How ``linear_cross_entropy`` divides its work.

Source: ``torch.nn.modules.linear_cross_entropy_options``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from functorch_lite.torch._core.dtypes import bfloat16, float16, float32, float64

__all__ = ["LinearCrossEntropyOptions"]

_DTYPES = (None, float16, bfloat16, float32, float64)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How many rows of a batch ``linear_cross_entropy`` takes at a time.

    Args:
        allow_retain_graph: accepted; the backward pass may always be repeated.
        batch_chunk_size: the number of rows; the method's by default.
        chunking_method: "aspect_ratio" for about as many scores as inputs, "aspect_ratio:n" for the
            n-th part of that, "auto" for one of them.
        acc_policy: "accurate", "balanced", "compact" or "auto"; accepted, as half precision is
            always summed in single precision.
        acc_dtype: accepted likewise.

    Raises:
        ValueError: a setting that there is not.

    >>> LinearCrossEntropyOptions(batch_chunk_size=4).rows(100, 8, 1000)
    4

    Source: ``torch.nn.LinearCrossEntropyOptions``.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: Literal["accurate", "balanced", "compact", "auto"] = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_policy not in ("accurate", "balanced", "compact", "auto"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if not any(self.acc_dtype is dtype for dtype in _DTYPES):
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, "
                f"torch.float64}}, got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick "
                "automatically."
            )
        self._parts()

    def _parts(self) -> int:
        """The n of the method."""
        method = self.chunking_method
        if method is None or method in ("auto", "aspect_ratio"):
            return 2 if method == "auto" else 1
        name, _, count = method.partition(":")
        if name != "aspect_ratio" or not count.isdecimal() or int(count) < 1:
            raise ValueError(f"invalid chunking_method: {method!r}")
        return int(count)

    def rows(self, batch: int, inputs: int, classes: int) -> int:
        """How many rows to take at a time; ours.

        Args:
            batch, inputs, classes: the sizes of ``linear_cross_entropy``.
        """
        if self.batch_chunk_size is not None:
            return self.batch_chunk_size
        if self.chunking_method is None:
            return max(batch, 1)
        parts = self._parts() * -(-classes // max(inputs, 1))
        # A power of two, so that products run on full vectors.
        return max(1 << (-(-batch // max(parts, 1)) - 1).bit_length(), 1) if batch else 1


# Not in the class: dataclasses look their module up while they are made.
LinearCrossEntropyOptions.__module__ = "torch.nn.modules.linear_cross_entropy_options"

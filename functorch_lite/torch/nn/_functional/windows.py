"""Where the windows of pooling lie, and the complaints about those that cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Windows", "numbers"]


def numbers(name: str, what: str, value: Any, count: int) -> tuple[int, ...]:
    """One integer for each dimension."""
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            return (int(value[0]),) * count
        if len(value) != count:
            word = ("one int", "two ints", "three ints")[count - 1]
            raise RuntimeError(f"{name}: {what} must either be a single int, or a tuple of {word}")
        return tuple([int(n) for n in value])
    return (value.__index__(),) * count


class Windows:
    """Windows along the last ``count`` dimensions; each attribute has one entry for each of them.

    Attributes:
        outs: how many there are.
        pairs: zeros, or nothing, before and after the input.
    """

    def __init__(
        self, name: str, shape: Sequence[int], count: int, kernel: Any, stride: Any, padding: Any,
        dilation: Any, ceil_mode: bool,
    ) -> None:  # fmt: skip
        self.count = count
        self.kernel = numbers(name, "kernel_size", kernel, count)
        if stride is None or (isinstance(stride, (tuple, list)) and not stride):
            self.stride = self.kernel
        else:
            self.stride = numbers(name, "stride", stride, count)
        self.padding = numbers(name, "padding", padding, count)
        self.dilation = numbers(name, "dilation", dilation, count)
        self.sizes = tuple(shape[-count:])
        self.lead = len(shape) - count
        self._check()
        outs, pairs = [], []
        for n, k, s, p, d in zip(
            self.sizes, self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            reach = d * (k - 1) + 1
            room = n + 2 * p - reach
            steps = -(-room // s) if ceil_mode else room // s
            # A window that would begin behind the input is left out.
            if ceil_mode and steps * s >= n + p:
                steps -= 1
            outs.append(steps + 1)
            pairs.append((p, steps * s + reach - n - p))
        self.outs, self.pairs = tuple(outs), tuple(pairs)
        if min(outs) < 1:
            channels = shape[-count - 1]
            given = "x".join(map(str, (channels, *self.sizes)))
            made = "x".join(map(str, (channels, *outs)))
            raise RuntimeError(
                f"Given input size: ({given}). Calculated output size: ({made}). Output size is "
                "too small"
            )

    def _check(self) -> None:
        if 0 in self.stride:
            raise RuntimeError("stride should not be zero")
        if min(self.kernel) <= 0:
            names = ("kT", "kH", "kW")[-self.count :]
            sizes = " ".join(f"{a}: {n}" for a, n in zip(names, self.kernel, strict=True))
            raise RuntimeError(f"kernel size should be greater than zero, but got {sizes}")
        if min(self.dilation) <= 0:
            raise RuntimeError("dilation should be greater than zero, but got dilation "
                               + " ".join(map(str, self.dilation)))  # fmt: skip
        for p, k, d in zip(self.padding, self.kernel, self.dilation, strict=True):
            if p < 0:
                raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
            if p > (d * (k - 1) + 1) // 2:
                raise RuntimeError(
                    "pad should be at most half of effective kernel size, but got "
                    f"pad={p}, kernel_size={k} and dilation={d}"
                )

    def params(self) -> dict[str, Any]:
        """Those of the core's windowed ops over all dimensions, hashable."""
        still = (1,) * self.lead
        return {
            "window": still + self.kernel,
            "strides": still + self.stride,
            "padding": ((0, 0),) * self.lead + self.pairs,
            "base_dilation": still + (1,) * self.count,
            "window_dilation": still + self.dilation,
        }

    def apart(self) -> bool:
        """Whether no element lies in two windows."""
        return all(
            s >= d * (k - 1) + 1
            for k, s, d in zip(self.kernel, self.stride, self.dilation, strict=True)
        )

    def counts(self, include_pad: bool) -> Any:
        """int64[*outs]: how many places of each window count."""
        found: Any = np.ones((), np.int64)
        for n, k, s, p, out in zip(
            self.sizes, self.kernel, self.stride, self.padding, self.outs, strict=True
        ):
            begin = np.arange(out) * s - p
            end = np.minimum(begin + k, n + p)
            if not include_pad:
                end = np.minimum(end, n)
                begin = np.maximum(begin, 0)
            found = found[..., None] * (end - begin)
        return found

    def size(self) -> int:
        """Elements that the windows reach over."""
        return math.prod(self.sizes)

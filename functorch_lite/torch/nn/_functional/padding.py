"""Padding: with a number, with reflections, with the edge, or around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.nn.padding import places
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make, zeros_for
from functorch_lite.torch._ops.axes import rows

__all__ = ["constant_pad", "pad"]

MODES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad"}


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """A tensor with more elements around it, or fewer.

    Args:
        pad: how many before and after, for the last dimension first; negative numbers cut off.
        mode: "constant", "reflect", "replicate" or "circular".
        value: of the new elements, 0 by default; with "constant" only.

    Raises:
        RuntimeError, NotImplementedError: the numbers do not fit the tensor or the mode.

    Source: ``torch.nn.functional.pad``.
    """
    pads = [p.__index__() for p in pad]
    ndim = input._np.ndim
    if len(pads) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pads) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pads)} and input of dimension {ndim}"
        )
    if mode == "constant":
        return constant_pad(input, pads, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(pads) == 2 and ndim in (2, 3) or len(pads) == 4 and ndim in (3, 4) or (
        len(pads) == 6 and ndim in (4, 5)
    ):  # fmt: skip
        if mode in MODES:
            name = f"{MODES[mode]}{len(pads) // 2}DBackward0"
            return _taken(input, pads, name, mode)
        if mode == "circular":
            return _taken(input, pads, "torch::autograd::CopySlices", mode)
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    raise NotImplementedError(
        f"Padding size {len(pads)} is not supported for {ndim}D input tensor.\nSupported "
        "combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last "
        "dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - 4D or 5D "
        "input: padding size = 6 (pads last 3 dimensions)"
    )


def constant_pad(input: Any, pads: Sequence[int], value: Any = 0) -> Tensor:
    """Padding with a number."""
    x = input._np
    shape, to, source = list(x.shape), [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for i in range(len(pads) // 2):
        d = x.ndim - 1 - i
        low, high = pads[2 * i], pads[2 * i + 1]
        n = x.shape[d]
        shape[d] = n + low + high
        if max(-low, 0) + max(-high, 0) > n:
            raise RuntimeError("narrow(): length must be non-negative.")
        if shape[d] < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {low} and {high} resulted in a "
                f"negative output size, which is invalid. Check dimension {d} of your input."
            )
        to[d] = slice(max(low, 0), shape[d] - max(high, 0))
        source[d] = slice(max(-low, 0), n - max(-high, 0))
    data = zeros_for(x, shape)
    if value:
        data[...] = value
    data[tuple(to)] = x[tuple(source)]
    out = make(data)
    if wants_grad((input,)) and x.dtype.kind in "fcV":
        back = [-p for p in pads]
        attach(out, formula("ConstantPadNdBackward0", (input,), lambda g: constant_pad(g, back)))
    return out


# ---------------------------------------------------------------------------- from other places
def _taken(input: Any, pads: Sequence[int], name: str, mode: str) -> Tensor:
    x = input._np
    index: list[tuple[int, Any]] = []
    data = x
    for i in range(len(pads) // 2):
        d = x.ndim - 1 - i
        low, high = pads[2 * i], pads[2 * i + 1]
        n = x.shape[d]
        if mode == "reflect" and (low >= n or high >= n):
            raise RuntimeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({low}, {high}) at dimension {d} of input "
                f"{list(x.shape)}"
            )
        if mode == "circular" and (low > n or high > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + low + high < 1:
            raise RuntimeError(
                f"input ({n}) is too small for padding {low} and {high} at dimension {d}"
            )
        at = places(mode, n, low, high)
        data = np.take(data, at, d)
        index.append((d, at))
    out = make(rows(data) if data is not x else x.copy())
    if wants_grad((input,)) and x.dtype.kind in "fcV":
        attach(out, formula(name, (input,), _Gathered(x.shape, index)))
    return out


class _Gathered:
    """The gradient of elements taken from places: added up there, one dimension after another."""

    __slots__ = ("index", "shape")

    def __init__(self, shape: tuple[int, ...], index: list[tuple[int, Any]]) -> None:
        self.shape, self.index = shape, index

    def __call__(self, g: Any) -> Any:
        for d, at in reversed(self.index):
            size = list(g._np.shape)
            size[d] = self.shape[d]
            g = g.new_zeros(size).index_add(d, make(at), g)
        return g

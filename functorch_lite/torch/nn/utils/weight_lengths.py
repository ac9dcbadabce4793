"""Lengths of the parts of a weight, and weights of given lengths."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import public

__all__ = ["norm_except_dim", "with_lengths"]


@public("norm_except_dim", methods=False)
def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """The p-norm over all dimensions but one, which keep size 1; over all for -1.

    Source: ``torch.norm_except_dim``.
    """
    if dim == -1:
        return v.norm(pow)
    shape = [1] * v.dim()
    shape[dim] = v.size(dim)
    rows = v if dim == 0 else v.transpose(0, dim)
    return rows.contiguous().view(v.size(dim), -1).norm(pow, 1).view(shape)


@public("_weight_norm", methods=False)
def with_lengths(v: Any, g: Any, dim: int = 0) -> Any:
    """Parts of a weight brought to given lengths.

    Args:
        v: the weight.
        g: lengths as of ``norm_except_dim``.
        dim: along which the parts lie; -1 for one part.

    Source: ``torch._weight_norm``.
    """
    return v * (g / norm_except_dim(v, 2, dim))

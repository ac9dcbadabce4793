"""Tensors of the device ``meta`` as PyTorch prints them."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._object.printing import close_text

__all__ = ["text_of"]


def text_of(t: Any) -> str:
    """A tensor without its numbers: device, size, dtype and graph.

    Source: ``torch.Tensor.__repr__``.
    """
    cls = type(t)
    plain = cls.__name__ in ("Tensor", "Parameter")
    prefix = "tensor(" if plain else f"{cls.__name__}("
    suffixes = ["device='meta'", f"size={tuple(t._np.shape)}"]
    if t.dtype is not dtypes.default.dtype:
        suffixes.append(f"dtype={t.dtype}")
    fn = t.grad_fn
    if fn is not None:
        suffixes.append(f"grad_fn=<{fn.name()}>")
    elif t._rg:
        suffixes.append("requires_grad=True")
    return close_text(f"{prefix}...", suffixes, len(prefix))

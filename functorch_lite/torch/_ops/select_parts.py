"""Parts of a tensor that are no views of it: copies, and those that autograd does not watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.out_rules import expect_dtype
from functorch_lite.torch._core.public import FUNCTIONS, method, public, put_out
from functorch_lite.torch._core.tensor import Tensor, Version, make, share
from functorch_lite.torch._ops.select_copy import gradient_of
from functorch_lite.torch._ops.select_many import chunk, split_with_sizes, unbind

__all__ = ["unsafe"]

Parts = tuple[Tensor, ...]
_split: Callable[..., Parts] = FUNCTIONS["split"]


def _remade(input: Tensor, parts: Parts, name: str, part: Callable[[Tensor], Tensor]) -> Parts:
    """Parts made anew, as results of one node.

    Args:
        parts: views, of one node.
        name: of the new node.
        part: makes a part from a view.
    """
    found = tuple([part(p) for p in parts])
    if found and wants_grad((input,)) and input._np.dtype.kind in "fcV":
        node = formula(name, (input,), gradient_of(parts[0]))
        for nr, out in enumerate(found):
            attach(out, node, nr)
    return found


# ------------------------------------------------------------------------------------------- copies
def _copying(name: str, cut: Callable[..., Parts], node: str) -> None:
    def copies(input: Tensor, *args: Any, out: Any = None, **options: Any) -> Any:
        parts = cut(input, *args, **options)
        made = _remade(input, parts, f"{node}_copy", lambda p: make(p._np.copy("C")))
        if out is None:
            return made
        for target, value in zip(out, made, strict=True):
            expect_dtype(target, value.dtype)
            put_out(target, value)
        return None

    copies.__name__ = name
    copies.__doc__ = f"Like ``{name[:-5]}``, in memory of its own. Source: ``torch.{name}``."
    public(name, methods=False)(copies)


_copying("split_copy", _split, "SplitBackward0")
_copying("split_with_sizes_copy", split_with_sizes, "SplitWithSizesBackward0")
_copying("unbind_copy", unbind, "UnbindBackward0")


# -------------------------------------------------------------------- in the same memory, unwatched
def unsafe(input: Tensor, parts: Parts, name: str) -> Parts:
    """The same memory as views, but tensors of their own: writing to one is not recorded."""
    return _remade(input, parts, name, _unwatched)


def _unwatched(part: Tensor) -> Tensor:
    out = share(part, part._np, part._offset)
    out._version_of = Version()
    return out


@public("unsafe_chunk")
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> Parts:
    """Like ``chunk``; the parts may be written to, each being used once.

    Source: ``torch.unsafe_chunk``.
    """
    return unsafe(input, chunk(input, chunks, dim), "UnsafeSplitBackward0")


@public("unsafe_split", methods=False)
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> Parts:
    """Like ``split``; the parts may be written to. Source: ``torch.unsafe_split``."""
    return unsafe(tensor, _split(tensor, split_size, dim), "UnsafeSplitBackward0")


@method("unsafe_split")
def _unsafe_split_method(self: Tensor, split_size: int, dim: int = 0) -> Parts:
    """``torch.unsafe_split`` of the tensor. Source: ``torch.Tensor.unsafe_split``."""
    return unsafe_split(self, split_size, dim)


@public("unsafe_split_with_sizes")
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> Parts:
    """Like ``split_with_sizes``; the parts may be written to.

    Source: ``torch.unsafe_split_with_sizes``.
    """
    parts = split_with_sizes(input, split_sizes, dim)
    return unsafe(input, parts, "UnsafeSplitWithSizesBackward0")

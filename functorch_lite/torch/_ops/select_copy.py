"""Views in memory of their own: ``narrow_copy``, ``select_copy`` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.select import diagonal, narrowed, select, unfold
from functorch_lite.torch._ops.select_basic import embedded, selected, sliced
from functorch_lite.torch._ops.shape import dimension, permuted, t, transpose, unsqueeze

__all__ = ["copied"]


def copied(t: Tensor, name: str, view: Callable[[Tensor], Tensor]) -> Tensor:
    """A view in memory of its own, as one operation.

    Args:
        view: makes the view; it must not hold tensors.
    """
    shape = t._np.shape
    out = make(view(make(t._np))._np.copy("C"))
    if wants_grad((t,)):
        attached = formula(
            name, (t,), lambda g: embedded(g, shape, lambda a: view(make(a))._np, name, view)
        )
        attached.metas.append((out._np.shape, out._np.dtype))
        out._fn = attached
    return out


@public("select_copy", methods=False)
def select_copy(input: Tensor, dim: int, index: int) -> Tensor:
    """Like ``select``, in memory of its own. Source: ``torch.select_copy``."""
    select(input.detach(), dim, index)
    at = dimension(dim, input._np.ndim)
    return copied(input, "SelectBackward0_copy", lambda t: selected(t, at, index))


@public("slice_copy", methods=False)
def slice_copy(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A slice of a dimension, in memory of its own. Source: ``torch.slice_copy``."""
    at = dimension(dim, input._np.ndim)
    first, last, by = slice(start, end, step).indices(input._np.shape[at])
    return copied(input, "SliceBackward0_copy", lambda t: sliced(t, at, first, last, by))


@public("narrow_copy")
def narrow_copy(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Like ``narrow``, in memory of its own. Source: ``torch.narrow_copy``."""
    at, first = narrowed(input, dim, start, length)
    return copied(input, "NarrowCopyBackward0", lambda x: sliced(x, at, first, first + length, 1))


def _copying(name: str, node: str, view: Callable[..., Tensor]) -> None:
    def copy(input: Tensor, *args: Any, **options: Any) -> Tensor:
        return copied(input, f"{node}_copy", lambda x: view(x, *args, **options))

    copy.__name__ = name
    copy.__doc__ = f"Like ``{name[:-5]}``, in memory of its own. Source: ``torch.{name}``."
    public(name, methods=False)(copy)


for _name, _node, _view in (
    ("diagonal_copy", "DiagonalBackward0", diagonal),
    ("permute_copy", "PermuteBackward0", permuted),
    ("t_copy", "TBackward0", t),
    ("transpose_copy", "TransposeBackward0", transpose),
    ("unfold_copy", "UnfoldBackward0", unfold),
    ("unsqueeze_copy", "UnsqueezeBackward0", unsqueeze),
):
    _copying(_name, _node, _view)

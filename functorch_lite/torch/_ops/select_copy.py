"""Views in memory of their own: ``narrow_copy``, ``select_copy`` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import FormulaNode, formula, wants_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._core.view import alias
from functorch_lite.torch._ops.select import (
    diagonal,
    narrowed,
    select,
    unfold,
    view_as_complex,
    view_as_real,
)
from functorch_lite.torch._ops.select_basic import selected, sliced
from functorch_lite.torch._ops.shape import (
    as_strided,
    dimension,
    expand,
    permuted,
    squeezed,
    t,
    transpose,
    unsqueeze,
    view,
)

__all__ = ["copied", "gradient_of"]


def copied(input: Tensor, name: str, make_view: Callable[[Tensor], Tensor]) -> Tensor:
    """A view in memory of its own, as one operation.

    Args:
        name: of its node; if empty, after the view's.
        make_view: makes the view, as one operation.
    """
    seen = make_view(input)
    out = make(seen._np.copy("C"))
    if wants_grad((input,)) and out._np.dtype.kind in "fcV":
        attach(out, formula(name or f"{type(seen._fn).__name__}_copy", (input,), gradient_of(seen)))
    return out


def gradient_of(seen: Tensor) -> Callable[..., Any]:
    """The gradient of what a view shows a part of, from that of the view."""
    node = seen._fn
    assert isinstance(node, FormulaNode)
    return node.formula


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


@public("narrow_copy", out=True)
def narrow_copy(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Like ``narrow``, in memory of its own. Source: ``torch.narrow_copy``."""
    if dim >= input._np.ndim:
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false."
        )
    at, first = narrowed(input, dim, start, length)
    return copied(input, "NarrowCopyBackward0", lambda x: sliced(x, at, first, first + length, 1))


def _copying(name: str, make_view: Callable[..., Tensor]) -> None:
    def copy(input: Tensor, *args: Any, **options: Any) -> Tensor:
        return copied(input, "", lambda x: make_view(x, *args, **options))

    copy.__name__ = name
    copy.__doc__ = f"Like ``{name[:-5]}``, in memory of its own. Source: ``torch.{name}``."
    public(name, methods=False, out=True)(copy)


for _name, _view in (
    ("alias_copy", alias),
    ("as_strided_copy", as_strided),
    ("diagonal_copy", diagonal),
    ("expand_copy", expand),
    ("permute_copy", permuted),
    ("squeeze_copy", lambda x, dim=None: squeezed(x, dim)),
    ("t_copy", t),
    ("transpose_copy", transpose),
    ("unfold_copy", unfold),
    ("unsqueeze_copy", unsqueeze),
    ("view_as_complex_copy", view_as_complex),
    ("view_as_real_copy", view_as_real),
    ("view_copy", view),
):
    _copying(_name, _view)

"""Indices inside ``vmap`` that are single numbers, one for each lane."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor, is_symbol
from functorch_lite.torch._functorch.refusals import ITEM, MASK

__all__ = ["get", "put"]


def _is_number(item: Any) -> bool:
    """Whether an index is one position, with a value in each lane."""
    return (
        isinstance(item, Tensor) and is_symbol(item._np)
        and not item._np.shape and item._np.dtype.kind in "iu"
    )  # fmt: skip


def _place(t: Tensor, items: list[Any]) -> tuple[int, int]:
    """Which dimension of the result the positions make, and how many come after it."""
    used = sum(
        item._np.ndim if isinstance(item, Tensor) and item._np.dtype.kind == "b" else 1
        for item in items if item is not None and item is not Ellipsis
    )  # fmt: skip
    dim, places = 0, []
    for i, item in enumerate(items):
        if item is Ellipsis:
            dim += t._np.ndim - used
        elif isinstance(item, (Tensor, list)):
            places.append((i, dim))
        elif not isinstance(item, int) or isinstance(item, bool):
            dim += 1
    if not any(item is Ellipsis for item in items):
        dim += t._np.ndim - used
    together = places[-1][0] - places[0][0] == len(places) - 1
    place = places[0][1] if together else 0
    return place, dim - place


def _arranged(t: Tensor, index: Any) -> tuple[Any, tuple[int, int] | None]:
    """An index with lines of one position for numbers; the dimension that these make, if any."""
    items = list(index) if isinstance(index, tuple) else [index]
    if not any(map(_is_number, items)):
        return index, None
    others = [k for k in items if isinstance(k, (Tensor, list)) and not _is_number(k)]
    made = [k.reshape(1) if _is_number(k) else k for k in items]
    return tuple(made), None if any(_long(k) for k in others) else _place(t, made)


def _long(item: Any) -> bool:
    """Whether an index has dimensions of its own."""
    return not isinstance(item, Tensor) or item._np.ndim > 0


def _check(index: Any, reading: bool) -> None:
    """Refuse what would make results of different sizes."""
    for k in index if isinstance(index, tuple) else (index,):
        if isinstance(k, slice) and any(_is_number(x) for x in (k.start, k.stop, k.step)):
            raise RuntimeError(ITEM)
        mask = isinstance(k, Tensor) and is_symbol(k._np) and k._np.dtype.kind == "b"
        if mask and reading:
            raise RuntimeError(MASK)


def get(f: Any, t: Tensor, index: Any) -> Any:
    """Elements by position.

    Args:
        f: reads them by an index without such numbers.
    """
    _check(index, reading=True)
    key, place = _arranged(t, index)
    found = f(t, key)
    return found if place is None else found.squeeze(place[0])


def put(f: Any, t: Tensor, index: Any, value: Any) -> None:
    """Write elements by position."""
    _check(index, reading=False)
    key, place = _arranged(t, index)
    if place is not None and isinstance(value, Tensor) and value._np.ndim > place[1]:
        value = value.unsqueeze(value._np.ndim - place[1])
    f(t, key, value)

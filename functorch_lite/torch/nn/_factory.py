"""Arguments that modules pass on to their parameters."""

from __future__ import annotations

from typing import Any

__all__ = ["factory_kwargs"]


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments for ``torch.empty`` among those of a module.

    Args:
        kwargs: may have ``device``, ``dtype``, ``memory_format``, or these in ``factory_kwargs``.

    Raises:
        TypeError: there are others, or one of them twice.

    >>> factory_kwargs({"factory_kwargs": {"dtype": None}})
    {'dtype': None}

    Source: ``torch.nn.factory_kwargs``.
    """
    if kwargs is None:
        return {}
    known = {"device", "dtype", "memory_format"}
    others = kwargs.keys() - known - {"factory_kwargs"}
    if others:
        raise TypeError(f"unexpected kwargs {others}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in ("device", "dtype", "memory_format"):
        if name in kwargs:
            if name in found:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            found[name] = kwargs[name]
    return found


factory_kwargs.__module__ = "torch.nn"

"""Two tensors that change places, and the module that an object says it is from."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

from functorch_lite.torch._core.tensor import Tensor

__all__ = ["set_module", "swap_tensors"]


def _poisoned(*_: Any) -> NoReturn:
    raise RuntimeError(
        "Trying to execute AccumulateGrad node that was poisoned by swap_tensors: a graph from "
        "before the swap goes backward to a tensor that is another one now. Swap before the "
        "forward pass, or after the backward pass."
    )


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Let two tensors change places: each object becomes what the other was.

    Classes, attributes, values and gradients are exchanged, so whoever holds an object, such as an
    optimiser or a module, has the other tensor from then on. Graphs recorded before can not go
    backward to either of them any more.

    Args:
        t1, t2: any tensors.

    Raises:
        RuntimeError: weak references lead to one of them.

    Source: ``torch.utils.swap_tensors``.
    """
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    for t in (t1, t2):
        node = None if t._accumulator is None else t._accumulator()
        if node is not None:
            node.register_prehook(_poisoned)
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__


def set_module(obj: Any, mod: str) -> None:
    """Let an object say that it is from a module.

    Raises:
        TypeError: the module is no string.

    Source: ``torch.utils.set_module``.
    """
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod

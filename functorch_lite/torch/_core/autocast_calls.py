"""Autocast at work: one call of an operation, its operands cast.

Where autocast is on in some thread, operations report their calls (``public.override``), as they
do to subclasses and recorders; where it is not, they take no notice of it.
"""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.autocast import casting
from functorch_lite.torch._core.autocast_lists import BANNED, LISTS, Policy
from functorch_lite.torch._core.dtypes import bfloat16, dtype, float16, float32
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["call", "replace"]

_NARROW = (float32, float16, bfloat16)

_replaced: dict[tuple[str, str], Any] = {}


def replace(kind: str, name: str) -> Any:
    """Decorate what an operation is to be made of where autocast is on for a kind of device.

    For operations that are composed in PyTorch, parts of which autocast looks at, and are one
    operation here.

    Args:
        name: of the operation, whose arguments the function takes; it may answer NotImplemented.
    """

    def register(f: Any) -> Any:
        _replaced[kind, name] = f
        return f

    return register


def call(f: Any, args: Any, kwargs: Any, recorder: Any) -> Any:
    """A call of an operation as autocast has it; NotImplemented if it is to run as it is.

    Args:
        recorder: what records the calls of the thread, or None.
    """
    name = f.__name__
    for kind in casting.kinds:
        if len(casting.kinds) > 1 and not _concerns(kind, (*args, *kwargs.values())):
            continue
        replaced = _replaced.get((kind, name))
        if replaced is not None:
            found = replaced(*args, **kwargs)
            if found is not NotImplemented:
                return found
        policy = LISTS[kind].get(name) if kind in LISTS else None
        if policy is None:
            continue
        if not isinstance(policy, Policy):
            policy = policy(args, kwargs)
        if policy is not None:
            return _run(f, args, kwargs, recorder, kind, policy)
    return NotImplemented


def _concerns(kind: str, values: Any) -> bool:
    """Whether a tensor among some values is on a kind of device."""
    for x in values:
        if isinstance(x, Tensor):
            if x.device.type == kind:
                return True
        elif isinstance(x, (tuple, list)) and _concerns(kind, x):
            return True
    return False


def _run(f: Any, args: Any, kwargs: Any, recorder: Any, kind: str, policy: Policy) -> Any:
    """A call under a policy; nothing within it is looked at."""
    told = policy is Policy.FLOAT32_UNLESS_TOLD and kwargs.get("dtype") is not None
    if not told and kwargs.get("out") is None:
        target = _target(policy, kind, args, kwargs)
        args = [_cast(x, target, kind, recorder) for x in args]
        kwargs = {name: _cast(x, target, kind, recorder) for name, x in kwargs.items()}
    casting.on = False
    try:
        return f(*args, **kwargs)
    finally:
        casting.on = bool(casting.kinds)


def _target(policy: Policy, kind: str, args: Any, kwargs: Any) -> dtype:
    """The dtype that a policy casts to."""
    lower = casting.dtypes[kind]
    if policy is Policy.BANNED:
        raise RuntimeError(BANNED)
    if policy is Policy.LOWER:
        return lower
    return _widest(lower, lower, kind, (*args, *kwargs.values())) if policy is Policy.WIDEST else (
        float32
    )  # fmt: skip


def _is_eligible(t: Tensor, kind: str) -> bool:
    """Whether a tensor is one that autocast casts."""
    return t.dtype in _NARROW and t.device.type == kind


def _widest(found: dtype, lower: dtype, kind: str, values: Any) -> dtype:
    """The widest dtype of the tensors that are cast.

    Raises:
        RuntimeError: one has a lower precision other than that of the context.
    """
    for x in values:
        if isinstance(x, (tuple, list)):
            found = _widest(found, lower, kind, x)
        elif isinstance(x, Tensor) and _is_eligible(x, kind):
            if found is float32 or x.dtype is float32:
                found = float32
            elif x.dtype is not lower:
                raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return found


def _cast(x: Any, target: dtype, kind: str, recorder: Any) -> Any:
    """An argument with its tensors cast."""
    if isinstance(x, Tensor):
        if x.dtype is target or not _is_eligible(x, kind):
            return x
        if (
            x._rg and x._fn is None and x._view is None and x.dtype is float32 and casting.keeps
            and target is casting.dtypes[kind] and not mode.inference
        ):  # fmt: skip
            return _kept(x, target, recorder)
        return x.to(target)
    if isinstance(x, (tuple, list)) and any(isinstance(e, (Tensor, tuple, list)) for e in x):
        found = [_cast(e, target, kind, recorder) for e in x]
        return type(x)(*found) if hasattr(x, "_fields") else type(x)(found)
    return x


def _kept(x: Tensor, target: dtype, recorder: Any) -> Tensor:
    """The cast of a leaf, the same as before in this context.

    As in PyTorch it is found by the leaf alone: an inner context with another dtype gets it, too.
    """
    key = id(x), id(recorder)
    found = casting.casts.get(key)
    if found is None:
        was = mode.enabled
        mode.enabled = True  # one made without gradients would cut off all later uses
        try:
            found = casting.casts[key] = x, recorder, x.to(target)
        finally:
            mode.enabled = was
    cast: Tensor = found[2]
    return cast

"""State dicts of optimisers: parameters become numbers, and numbers parameters again."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from functorch_lite.torch._core.dtypes import float32
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["packed", "unpacked"]

Groups = list[dict[str, Any]]


def packed(state: Any, groups: Groups) -> dict[str, Any]:
    """The state dict of an optimiser: its tensors are the optimiser's own.

    Args:
        state: per parameter.
        groups: the parameter groups.
    """
    numbers: dict[int, int] = {}
    packed_groups: Groups = []
    begin = 0
    for group in groups:
        params = group["params"]
        for i, p in enumerate(params, begin):
            numbers.setdefault(id(p), i)
        begin += len(params)
        made = {key: value for key, value in group.items() if key != "params"}
        made["params"] = [numbers[id(p)] for p in params]
        packed_groups.append(made)
    states = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in state.items()}
    return {"state": states, "param_groups": packed_groups}


def unpacked(state_dict: dict[str, Any], groups: Groups) -> dict[str, Any]:
    """The state and the groups that a state dict makes of an optimiser's groups.

    Args:
        state_dict: as ``packed`` returns.
        groups: the optimiser's parameter groups, in the same order.

    Returns:
        ``state`` and ``param_groups``; tensors in the dtypes of their parameters.

    Raises:
        ValueError: other numbers of groups or parameters.
    """
    saved: Groups = copy.deepcopy(state_dict["param_groups"])
    if len(groups) != len(saved):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved, strict=True)):
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of "
            "optimizer's group"
        )
    params: dict[Any, Any] = {}
    exact_steps: dict[Any, bool] = {}
    for group, new in zip(groups, saved, strict=True):
        for number, p in zip(new["params"], group["params"], strict=True):
            params[number] = p
            exact_steps.setdefault(number, not (new.get("capturable") or new.get("fused")))
        new["params"] = group["params"]
        if "param_names" in group:
            new.setdefault("param_names", group["param_names"])
    state: Any = defaultdict(dict)
    for number, value in state_dict["state"].items():
        if number in params:
            p = params[number]
            state[p] = _cast(p, value, exact_steps[number], None)
        else:
            state[number] = value
    return {"state": state, "param_groups": saved}


def _cast(p: Tensor, value: Any, exact_steps: bool, key: Any) -> Any:
    """A piece of state with its tensors in the dtype that goes with the parameter."""
    if isinstance(value, Tensor):
        if key == "step":
            return value if exact_steps else value.to(float32)
        return value.to(p.dtype) if p.dtype.is_floating_point else value
    if isinstance(value, dict):
        return {k: _cast(p, v, exact_steps, k) for k, v in value.items()}
    if isinstance(value, Iterable):
        kind: Any = type(value)
        return kind(_cast(p, v, exact_steps, None) for v in value)
    return value

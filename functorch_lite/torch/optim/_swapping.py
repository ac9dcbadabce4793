"""An optimiser that works on other parameters and another state for a while."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer,
    swapin_parameters: dict[str, Tensor],
    swapin_optim_state: dict[str, Any],
) -> Iterator[None]:
    """Within it, an optimiser steps other parameters, with the state and settings of these.

    What is written into tensors of the state stays; new tensors in it are dropped at the end.

    Args:
        optimizer: whose parameters, state and settings come back in the end.
        swapin_parameters: tensors in the order of the optimiser's parameters.
        swapin_optim_state: as ``state_dict`` gives it.

    Raises:
        ValueError: there are more or fewer groups or parameters than the optimiser has.

    Source: ``torch.optim.swap_in_optimizer_params_and_state``.
    """
    groups, given = optimizer.param_groups, swapin_optim_state["param_groups"]
    counts = [len(group["params"]) for group in groups]
    if [len(group["params"]) for group in given] != counts:
        raise ValueError(
            f"swapin_optim_state: expected groups of {counts} parameters, as the optimizer has, "
            f"got {[len(group['params']) for group in given]}"
        )
    if len(swapin_parameters) != sum(counts):
        raise ValueError(
            f"swapin_parameters: expected {sum(counts)} tensors, as the optimizer has, got "
            f"{len(swapin_parameters)}"
        )
    before, kept = optimizer.state, [dict(group) for group in groups]
    state: defaultdict[Any, Any] = defaultdict(dict)
    tensors = iter(swapin_parameters.values())
    try:
        for group, settings in zip(groups, given, strict=True):
            params = [next(tensors) for _ in group["params"]]
            group.update(settings, params=params)
            for tensor, place in zip(params, settings["params"], strict=True):
                state[tensor] = dict(swapin_optim_state["state"].get(place, {}))
        optimizer.state = state
        yield
    finally:
        for group, was in zip(groups, kept, strict=True):
            group.clear()
            group.update(was)
        optimizer.state = before

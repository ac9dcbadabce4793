"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn.utils.stateless import functional_call_

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None,
    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with other parameters and buffers than its own.

    A buffer that is given and that the call writes to, such as a running mean, is written to as
    any tensor is; what the module holds itself is not touched.

    Args:
        module: the module, unchanged afterwards.
        parameter_and_buffer_dicts: tensors by path, or several such dictionaries.
        args: the argument, or a tuple of them.
        kwargs: arguments by name.
        tie_weights: whether what is given for one place of a tensor counts for its other places.
        strict: whether there must be one for each of the module's own, and no others.

    Raises:
        ValueError: a name is in two dictionaries, or tied tensors are given different values.
        RuntimeError: tensors are missing, or too many, with ``strict``.

    >>> import functorch_lite.torch as torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> functional_call(layer, {"weight": torch.ones(1, 2)}, torch.tensor([1.0, 2.0]))
    tensor([3.])

    Source: ``torch.func.functional_call``.
    """
    given = parameter_and_buffer_dicts
    if isinstance(given, Sequence):
        if not all(isinstance(d, dict) for d in given):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        repeated = [k for k, n in Counter(k for d in given for k in d).items() if n > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
                "ambiguous"
            )
        given = {k: v for d in given for k, v in d.items()}
    elif not isinstance(given, dict):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    return functional_call_(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several modules of one kind, stacked for ``vmap``.

    Args:
        models: the modules, all of one class.

    Returns:
        two dictionaries of new leaves, whose first dimension is the modules.

    Raises:
        RuntimeError: there is none, or they differ in class or mode.

    >>> import functorch_lite.torch as torch
    >>> params, buffers = stack_module_state([torch.nn.Linear(3, 2) for _ in range(5)])
    >>> params["weight"].shape
    torch.Size([5, 2, 3])

    Source: ``torch.func.stack_module_state``.
    """
    if not len(models):
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    return (
        _stacked([dict(m.named_parameters()) for m in models]),
        _stacked([dict(m.named_buffers()) for m in models]),
    )


def _stacked(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    found = {}
    for name in states[0]:
        tensors = [s[name] for s in states]
        wanted = {bool(t.requires_grad) for t in tensors}
        if len(wanted) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        made = FUNCTIONS["stack"](tensors)
        found[name] = made.detach().requires_grad_() if wanted.pop() else made
    return found

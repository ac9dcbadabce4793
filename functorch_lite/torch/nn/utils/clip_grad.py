"""Gradients kept within bounds."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import creation as _creation  # noqa: F401  (makes ``tensor``)
from functorch_lite.torch._ops.joining import stack
from functorch_lite.torch._ops.norms import vector_norm

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip

_tensor = FUNCTIONS["tensor"]


def _gradients(parameters: Any) -> list[Any]:
    """The gradients that there are."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in given if p.grad is not None]


def _norm(t: Any, p: float) -> Any:
    return vector_norm(t, p, None, False, None)


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all elements of tensors together.

    Args:
        tensors: any number of them.
        norm_type: the p of the norm; infinity for the largest.
        error_if_nonfinite: whether a norm that is no finite number is an error.
        foreach: changes nothing.

    Raises:
        RuntimeError: the norm is not finite, and ``error_if_nonfinite``.

    Source: ``torch.nn.utils.get_total_norm``.
    """
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not given:
        return _tensor(0.0)
    norms: Any = [_norm(t, norm_type) for t in given]
    dtype = norms[0].dtype
    total: Any = _norm(stack([n.to(dtype) for n in norms]), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Any,
    foreach: bool | None = None,
) -> None:  # fmt: skip
    """Scale gradients down in place, as if their norm were a given one.

    Args:
        parameters: whose gradients.
        max_norm: the norm that they may have.
        total_norm: the norm that they have.
        foreach: changes nothing.

    Source: ``torch.nn.utils.clip_grads_with_norm_``.
    """
    # Without asking whether it is above 1: there is nothing to wait for.
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for g in _gradients(parameters):
        g.mul_(factor)


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale gradients down in place where their norm, of all together, is above a bound.

    Args:
        parameters: whose gradients: a tensor, or any number of them.
        max_norm: the norm that they may have.
        norm_type: the p of the norm; infinity for the largest element.
        error_if_nonfinite: whether a norm that is no finite number is an error.
        foreach: changes nothing.

    Returns:
        the norm as it was.

    Source: ``torch.nn.utils.clip_grad_norm_``.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    else:
        is_generator = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if is_generator and not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
            )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The old name of ``clip_grad_norm_``. Source: ``torch.nn.utils.clip_grad_norm``."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Cut elements of gradients off in place at a bound, up and down.

    Args:
        parameters: whose gradients: a tensor, or any number of them.
        clip_value: the bound.
        foreach: changes nothing.

    Source: ``torch.nn.utils.clip_grad_value_``.
    """
    bound = float(clip_value)
    for g in _gradients(parameters):
        g.clamp_(min=-bound, max=bound)

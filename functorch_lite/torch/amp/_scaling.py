"""Arithmetic of loss scaling: gradients scaled in place and searched for what is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.dtypes import float32
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor

__all__: list[str] = []


def _check_scalar(name: str, t: Tensor) -> None:
    if t.numel() != 1:
        raise RuntimeError(f"{name} must be a 1-element tensor.")
    if t.dtype is not float32:
        raise RuntimeError(f"{name} must be a float tensor.")


@public("_amp_foreach_non_finite_check_and_unscale_", methods=False)
def check_and_unscale(self: Sequence[Tensor], found_inf: Tensor, inv_scale: Tensor) -> None:
    """Multiply tensors in place, and note whether an element was not finite before.

    Args:
        self: f[...] each.
        found_inf: f32[], becomes 1 if there was one.
        inv_scale: f32[], the factor.

    Raises:
        RuntimeError: one of the last two is no float32 tensor of one element.
        NotImplementedError: the tensors hold integers.

    Source: ``torch._amp_foreach_non_finite_check_and_unscale_``.
    """
    _check_scalar("inv_scale", inv_scale)
    _check_scalar("found_inf", found_inf)
    factor = inv_scale.item()
    with no_grad():
        for t in self:
            if not t.dtype.is_floating_point:
                raise NotImplementedError(
                    '"_amp_foreach_non_finite_check_and_unscale_cpu" not implemented for '
                    f"'{t.dtype.scalar_name}'"
                )
            if not t.isfinite().all():
                found_inf.fill_(1.0)
            if factor != 1.0:
                t.mul_(factor)


@public("_amp_update_scale_", methods=False)
def update_scale(
    self: Tensor, growth_tracker: Tensor, found_inf: Tensor, scale_growth_factor: float,
    scale_backoff_factor: float, growth_interval: int,
) -> Any:  # fmt: skip
    """Let a scale shrink after an overflow, and grow after enough steps without one.

    Args:
        self: f32[], the scale.
        growth_tracker: i32[], how many steps there were since it last changed.
        found_inf: f32[], whether this one overflowed.
        scale_growth_factor, scale_backoff_factor: factors of growing and shrinking.
        growth_interval: after how many steps it grows.

    Source: ``torch._amp_update_scale_``.
    """
    steps = int(growth_tracker.item()) + 1
    with no_grad():
        if found_inf.item():
            self.mul_(scale_backoff_factor)
            steps = 0
        elif steps == growth_interval:
            grown: Any = self.mul(scale_growth_factor)
            if grown.isfinite():
                self.copy_(grown)
            steps = 0
        growth_tracker.fill_(steps)
    return self

"""Schedules that follow a cosine."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch.optim.lr_scheduler._base import LRScheduler, lrs_of, warn_outside_step
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """From the first learning rate to ``eta_min`` along half a cosine, and back again.

    Args:
        optimizer: whose learning rates change.
        T_max: the step at which the learning rate is least.
        eta_min: the least learning rate.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.CosineAnnealingLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        groups, least, step = self.optimizer.param_groups, self.eta_min, self.last_epoch
        if self._is_initial:
            return lrs_of(self.optimizer)
        if self._step_count == 1 and step > 0:
            height = 1 + math.cos(step * math.pi / self.T_max)
            return [least + (base - least) * height / 2 for base in self.base_lrs]
        if (step - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The last one was the least, from which no factor leads up.
            height = 1 - math.cos(math.pi / self.T_max)
            pairs = zip(self.base_lrs, groups, strict=True)
            return [group["lr"] + (base - least) * height / 2 for base, group in pairs]
        now = 1 + math.cos(math.pi * step / self.T_max)
        factor = now / (1 + math.cos(math.pi * (step - 1) / self.T_max))
        return [factor * (group["lr"] - least) + least for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (lr - self.eta_min) * height / 2 for lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Along half a cosine down to ``eta_min``, again and again, each time ``T_mult`` as slowly.

    Args:
        optimizer: whose learning rates change.
        T_0: steps of the first descent.
        T_mult: by how much each is longer than the last.
        eta_min: the least learning rate.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: no positive integers, or no number.

    Source: ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (lr - self.eta_min) * height / 2 for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the next learning rates.

        Args:
            epoch: where to go, which may be between two steps.

        Raises:
            ValueError: a negative one.

        Source: ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.step``.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur = self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur = self.T_cur % self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        self._set_lrs(self.get_lr)

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            passed = self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
            self.T_cur = epoch - passed
            self.T_i = self.T_0 * self.T_mult**restarts

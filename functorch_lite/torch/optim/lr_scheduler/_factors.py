"""Schedules that multiply learning rates by factors of the step."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from functorch_lite.torch.optim.lr_scheduler._base import (
    LRScheduler,
    function_states,
    lrs_of,
    restore_functions,
    warn_outside_step,
)
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR", "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR",
    "PolynomialLR", "StepLR",
]  # fmt: skip


class _Scaled(LRScheduler):
    """Each learning rate is the last one times a factor, or stays; rounding adds up as PyTorch's.

    Subclasses give the factor of a step, and the factor from the beginning.
    """

    __module__ = "torch.optim.lr_scheduler"

    def _factor(self) -> float | None:
        """What the last learning rates are multiplied by; None if they stay."""
        raise NotImplementedError

    def _factor_from_start(self) -> float:
        """What the first learning rates are multiplied by."""
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        factor = self._factor()
        if factor is None:
            return lrs_of(self.optimizer)
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        factor = self._factor_from_start()
        return [lr * factor for lr in self.base_lrs]


class _ByFunction(LRScheduler):
    """Learning rates by functions of the step, one for each group."""

    __module__ = "torch.optim.lr_scheduler"
    lr_lambdas: list[Callable[[int], float]]

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * count
        elif len(lr_lambda) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas = list(lr_lambda)
        self._check_functions()
        super().__init__(optimizer, last_epoch)

    def _check_functions(self) -> None:
        """Refuse what is no function."""

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser; of the functions, only objects' attributes.

        Source: ``torch.optim.lr_scheduler.LambdaLR.state_dict``.
        """
        return {**super().state_dict(), "lr_lambdas": function_states(self.lr_lambdas)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes of another scheduler; the functions stay.

        Source: ``torch.optim.lr_scheduler.LambdaLR.load_state_dict``.
        """
        rest = {key: value for key, value in state_dict.items() if key != "lr_lambdas"}
        self.__dict__.update(rest)
        restore_functions(self.lr_lambdas, state_dict["lr_lambdas"])


class LambdaLR(_ByFunction):
    """The first learning rate times a function of the step.

    Args:
        optimizer: whose learning rates change.
        lr_lambda: a function of the step, or a list with one for each group.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.LambdaLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [lr * f(self.last_epoch) for f, lr in pairs]


class MultiplicativeLR(_ByFunction):
    """The last learning rate times a function of the step.

    Args:
        optimizer: whose learning rates change.
        lr_lambda: a function of the step, or a list with one for each group.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.MultiplicativeLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def _check_functions(self) -> None:
        for f in self.lr_lambdas:
            if not callable(f):
                raise TypeError(f"lr_lambda should be a function, but got {type(f).__name__}")

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        if self._is_initial:
            return lrs_of(self.optimizer)
        pairs = zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        return [group["lr"] * f(self.last_epoch) for f, group in pairs]


class StepLR(_Scaled):
    """Times ``gamma`` every ``step_size`` steps.

    Args:
        optimizer: whose learning rates change.
        step_size: how many steps.
        gamma: the factor.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.StepLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        return None if self.last_epoch == 0 or self.last_epoch % self.step_size else self.gamma

    def _factor_from_start(self) -> float:
        return float(self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(_Scaled):
    """Times ``gamma`` at given steps.

    Args:
        optimizer: whose learning rates change.
        milestones: the steps; one that comes twice counts twice.
        gamma: the factor.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.MultiStepLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        times = self.milestones.get(self.last_epoch)
        return None if times is None else float(self.gamma**times)

    def _factor_from_start(self) -> float:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return float(self.gamma**passed)


class ConstantLR(_Scaled):
    """Times a factor, until a step.

    Args:
        optimizer: whose learning rates change.
        factor: in [0, 1].
        total_iters: the step at which the learning rate is what it was.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: another factor.

    Source: ``torch.optim.lr_scheduler.ConstantLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _factor_from_start(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_Scaled):
    """A factor that goes from one value to another in equal steps.

    Args:
        optimizer: whose learning rates change.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: the step at which the factor is ``end_factor``.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: other factors.

    Source: ``torch.optim.lr_scheduler.LinearLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                "to 1."
            )
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        change = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * change
        return 1.0 + change / before

    def _factor_from_start(self) -> float:
        change = self.end_factor - self.start_factor
        passed = min(self.total_iters, self.last_epoch)
        return self.start_factor + change * passed / self.total_iters


class ExponentialLR(_Scaled):
    """Times ``gamma`` at every step.

    Args:
        optimizer: whose learning rates change.
        gamma: the factor.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.ExponentialLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        return None if self._is_initial else self.gamma

    def _factor_from_start(self) -> float:
        return float(self.gamma**self.last_epoch)


class PolynomialLR(_Scaled):
    """A power of a factor that falls to 0 in equal steps.

    Args:
        optimizer: whose learning rates change.
        total_iters: the step at which the learning rate is 0.
        power: of the factor.
        last_epoch: -1 to begin, or the step after which to go on.

    Source: ``torch.optim.lr_scheduler.PolynomialLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        now = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return float((now / before) ** self.power)

    def _factor_from_start(self) -> float:
        passed = min(self.total_iters, self.last_epoch)
        return float((1.0 - passed / self.total_iters) ** self.power)

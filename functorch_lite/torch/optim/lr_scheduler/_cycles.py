"""Schedules that go up and down, and the momentum against them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

from functorch_lite.torch.optim.lr_scheduler._base import (
    LRScheduler,
    check_optimizer,
    per_group,
    put,
    warn_outside_step,
)
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]


class _Cycling(LRScheduler):
    """What both have: momentum, or Adam's first beta, that changes with the learning rate."""

    __module__ = "torch.optim.lr_scheduler"
    cycle_momentum: bool
    use_beta1: bool

    def _take_momentum(self, base: Any, largest: Any, last_epoch: int) -> tuple[Any, Any]:
        """Begin with the largest momentum; returns both of each group."""
        optimizer = self.optimizer
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        bases = per_group("base_momentum", optimizer, base)
        largests = per_group("max_momentum", optimizer, largest)
        if last_epoch == -1:
            for high, low, group in zip(largests, bases, optimizer.param_groups, strict=True):
                self._put_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return bases, largests

    def _put_momentum(self, group: dict[str, Any], value: Any) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Cycling):
    """Up from ``base_lr`` to ``max_lr`` and down again, in equal steps.

    Args:
        optimizer: whose learning rates change.
        base_lr: the least learning rate, one for all groups or a list.
        max_lr: the largest, likewise.
        step_size_up: steps on the way up.
        step_size_down: steps on the way down, as many by default.
        mode: ``"triangular"``, ``"triangular2"`` (half as high each time) or ``"exp_range"``.
        gamma: of ``"exp_range"``, the factor of the height at every step.
        scale_fn: the factor of the height instead, a function.
        scale_mode: whether it is a function of the ``"cycle"`` or of ``"iterations"``.
        cycle_momentum: whether momentum goes down while the learning rate goes up.
        base_momentum: the least momentum.
        max_momentum: the largest.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: another mode, or an optimiser without momentum.

    Source: ``torch.optim.lr_scheduler.CyclicLR``.
    """

    __module__ = "torch.optim.lr_scheduler"
    _scale_fn_ref: Callable[[float], float]

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                put(group, lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            found = self._take_momentum(base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = found
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self) -> None:
        if self._scale_fn_custom is None:
            functions: dict[str, Callable[[float], float]] = {
                "triangular": _always,
                "triangular2": _halved,
                "exp_range": partial(pow, self.gamma),
            }
            self._scale_fn_ref = functions[self.mode]
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """The factor of the height at a step, or in a cycle.

        Source: ``torch.optim.lr_scheduler.CyclicLR.scale_fn``.
        """
        return (self._scale_fn_custom or self._scale_fn_ref)(x)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        down = x > self.step_ratio
        part = (x - 1) / (self.step_ratio - 1) if down else x / self.step_ratio
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        lrs = [
            low + (high - low) * part * self.scale_fn(at)
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]
        if self.cycle_momentum:
            pairs = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, pairs, strict=True):
                self._put_momentum(group, high - (high - low) * part * self.scale_fn(at))
        return lrs

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser; of ``scale_fn``, only an object's attributes.

        Source: ``torch.optim.lr_scheduler.CyclicLR.state_dict``.
        """
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        f = state["_scale_fn_custom"]
        is_object = f is not None and not isinstance(f, FunctionType)
        state["_scale_fn_custom"] = f.__dict__.copy() if is_object else None
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes of another scheduler; ``scale_fn`` stays.

        Source: ``torch.optim.lr_scheduler.CyclicLR.load_state_dict``.
        """
        attributes = state_dict.pop("_scale_fn_custom")
        super().load_state_dict(state_dict)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)
        self._init_scale_fn()


def _always(cycle: float) -> float:
    return 1.0


def _halved(cycle: float) -> float:
    return 1 / (2.0 ** (cycle - 1))


class OneCycleLR(_Cycling):
    """Up from a small learning rate to ``max_lr``, then down to a much smaller one.

    Args:
        optimizer: whose learning rates change.
        max_lr: the largest learning rate, one for all groups or a list.
        total_steps: steps of the cycle.
        epochs: with ``steps_per_epoch``, the same.
        steps_per_epoch: see ``epochs``.
        pct_start: the part of the steps that goes up.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: whether momentum goes down while the learning rate goes up.
        base_momentum: the least momentum.
        max_momentum: the largest.
        div_factor: the first learning rate is ``max_lr`` divided by this.
        final_div_factor: the last one is the first divided by this.
        three_phase: whether the way down ends at the first, before a third phase.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: a setting out of its range, or an optimiser without momentum.

    Source: ``torch.optim.lr_scheduler.OneCycleLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if total_steps is not None:
            self.total_steps = _positive("total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            epochs = _positive("epochs", epochs)
            self.total_steps = epochs * _positive("steps_per_epoch", steps_per_epoch)
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for largest, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = largest / div_factor
                group["max_lr"] = largest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._take_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start: Any, end: Any, part: float) -> Any:
        """A value on the way from one to another."""
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self)
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        begin = 0.0
        *others, phase = self._schedule_phases
        for other in others:
            if step <= other["end_step"]:
                phase = other
                break
            begin = other["end_step"]
        part = (step - begin) / (phase["end_step"] - begin)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._put_momentum(group, self._anneal(*ends, part))
        return lrs


def _positive(name: str, value: Any) -> int:
    if value <= 0 or not isinstance(value, int):
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(steps: int, part: float, three: bool) -> list[dict[str, Any]]:
    """Where each part of a cycle ends, and between which settings of a group it goes."""
    up = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    down = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
    out = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
    first = float(part * steps) - 1
    if three:
        ends = [(first, up), (float(2 * part * steps) - 2, down), (steps - 1, out)]
    else:
        ends = [(first, up), (steps - 1, ("max_lr", "min_lr", "base_momentum", "max_momentum"))]
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return [{"end_step": end, **dict(zip(keys, names, strict=True))} for end, names in ends]

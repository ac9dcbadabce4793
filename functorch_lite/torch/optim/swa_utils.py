"""Averages of a model's weights along its training.

Source: ``torch.optim.swa_utils``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from functorch_lite.torch._core.dtypes import int64
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn.modules.batchnorm import _BatchNorm
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.optim.lr_scheduler._base import LRScheduler, per_group, warn_outside_step
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = [
    "AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[Any, Any, Any], None]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _is_inexact(t: Any) -> bool:
    return bool(t.is_floating_point() or t.is_complex())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """The function that makes exponential moving averages of lists of tensors, in place.

    Args:
        decay: the part of the average that is kept.

    Raises:
        ValueError: it is not in [0, 1].

    Source: ``torch.optim.swa_utils.get_ema_multi_avg_fn``.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: Any, values: Any, num_averaged: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            if _is_inexact(averages[0]):
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Averages:
    """The function that makes means of lists of tensors, in place.

    Source: ``torch.optim.swa_utils.get_swa_multi_avg_fn``.
    """

    @no_grad()
    def swa_update(averages: Any, values: Any, num_averaged: Any) -> None:
        count = num_averaged.item() if isinstance(num_averaged, Tensor) else num_averaged
        weight = 1 / (count + 1)
        for average, value in zip(averages, values, strict=True):
            if _is_inexact(averages[0]):
                average.lerp_(value, weight)
            else:
                average.add_(value - average, alpha=weight)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function that makes the exponential moving average of a tensor.

    Args:
        decay: the part of the average that is kept.

    Raises:
        ValueError: it is not in [0, 1].

    Source: ``torch.optim.swa_utils.get_ema_avg_fn``.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Any, value: Any, num_averaged: Any) -> Any:
        return decay * average + (1 - decay) * value

    return ema_update


def get_swa_avg_fn() -> Average:
    """The function that makes the mean of a tensor.

    Source: ``torch.optim.swa_utils.get_swa_avg_fn``.
    """

    @no_grad()
    def swa_update(average: Any, value: Any, num_averaged: Any) -> Any:
        return average + (value - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Args:
        model: what is copied.
        device: where to.
        avg_fn: the new average of a tensor, from the last one, the value and how many went in.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: whether buffers are averaged, too; else they are the model's.

    Raises:
        AssertionError: both functions are given.

    Source: ``torch.optim.swa_utils.AveragedModel``.
    """

    __module__ = "torch.optim.swa_utils"

    n_averaged: Any

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        count = FUNCTIONS["tensor"](0, dtype=int64, device=device)
        self.register_buffer("n_averaged", count)
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of its inputs."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Let the parameters of a model go into the averages.

        Source: ``torch.optim.swa_utils.AveragedModel.update_parameters``.
        """
        mine, theirs = self._averaged(self.module), self._averaged(model)
        pairs = [(a.detach(), b.detach()) for a, b in zip(mine, theirs, strict=False)]
        if self.n_averaged == 0:
            for average, value in pairs:
                average.copy_(value)
        elif self.multi_avg_fn is None:
            function = self.avg_fn or get_swa_avg_fn()
            for average, value in pairs:
                average.copy_(function(average, value, self.n_averaged))
        else:
            for group in _by_dtype(pairs):
                averages, values = zip(*group, strict=True)
                self.multi_avg_fn(list(averages), list(values), self.n_averaged)
        if not self.use_buffers:
            for a, b in zip(self.module.buffers(), model.buffers(), strict=True):
                a.detach().copy_(b.detach())
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[Any]:
        return chain(model.parameters(), model.buffers() if self.use_buffers else ())


def _by_dtype(pairs: list[tuple[Any, Any]]) -> list[list[tuple[Any, Any]]]:
    found: dict[Any, list[tuple[Any, Any]]] = {}
    for pair in pairs:
        found.setdefault(pair[0].dtype, []).append(pair)
    return list(found.values())


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms again.

    Args:
        loader: inputs, or tuples and lists that begin with one.
        model: sees all of them.
        device: where inputs are moved to.

    Source: ``torch.optim.swa_utils.update_bn``.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    for given in loader:
        x = given[0] if isinstance(given, (list, tuple)) else given
        model(x if device is None else x.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the learning rates there are to a fixed one, which then stays.

    Args:
        optimizer: whose learning rates change.
        swa_lr: the fixed learning rate, one for all groups or a list.
        anneal_epochs: how many steps it takes.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        ValueError: another strategy, or a negative number of steps.

    Source: ``torch.optim.swa_utils.SWALR``.
    """

    __module__ = "torch.optim.swa_utils"

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        swa_lrs = per_group("swa_lr", optimizer, swa_lr)
        for lr, group in zip(swa_lrs, optimizer.param_groups, strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _part(self, step: int) -> float:
        """How much of the way is behind after a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, by group."""
        warn_outside_step(self, stacklevel=3)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        lrs = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            # Where the way began, from where it is now.
            begin = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            lrs.append(end * now + begin * (1 - now))
        return lrs

"""The base class of schedulers."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable
from functools import wraps
from types import FunctionType
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn.modules.module_pickling import Portable
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = [
    "EPOCH_DEPRECATION_WARNING", "LRScheduler", "function_states", "lrs_of", "per_group", "put",
    "restore_functions", "warn_outside_step",
]  # fmt: skip

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_ADJUST = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting for each group of an optimiser.

    Args:
        name: of the setting, for the message.
        value: one for all, or a list of them.

    Raises:
        ValueError: a list of another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {count}."
        )
    return [_copied(x) for x in value]


def lrs_of(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    """A setting as each group has it; tensors are copied."""
    return [_copied(group[key]) for group in optimizer.param_groups]


def put(group: dict[str, Any], value: Any, key: str = "lr") -> None:
    """Change a setting of a group; one that is a tensor stays the same tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def function_states(functions: Iterable[Any]) -> list[Any]:
    """The attributes of callable objects; None for functions, which have none worth keeping."""
    return [None if isinstance(f, FunctionType) else f.__dict__.copy() for f in functions]


def restore_functions(functions: list[Any], states: Iterable[Any]) -> None:
    """Give callable objects their attributes back."""
    for i, state in enumerate(states):
        if state is not None:
            functions[i].__dict__.update(state)


def _copied(x: Any) -> Any:
    return x.clone() if isinstance(x, Tensor) else x


def warn_outside_step(scheduler: LRScheduler, stacklevel: int = 2) -> None:
    """Warn whoever asks ``get_lr`` for the current learning rate."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=stacklevel,
        )


class LRScheduler(Portable):
    """Changes the learning rates of an optimiser, once per ``step``.

    Args:
        optimizer: whose ``param_groups`` are changed.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        TypeError: no optimiser.
        KeyError: it goes on, and a group has no ``initial_lr``.

    Source: ``torch.optim.lr_scheduler.LRScheduler``.
    """

    __module__ = "torch.optim.lr_scheduler"

    _get_lr_called_within_step = False
    _is_initial = False
    optimizer: Any
    last_epoch: int
    base_lrs: list[Any]
    _last_lr: list[Any]
    _step_count: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0.\nThis typically happens when:\n1. You're "
                    "trying to resume training from a checkpoint but haven't properly loaded the "
                    "optimizer state\n2. You're using last_epoch >= 0 for a fresh training run "
                    "(not recommended)"
                )
        self.base_lrs = lrs_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the first learning rates."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser.

        Source: ``torch.optim.lr_scheduler.LRScheduler.state_dict``.
        """
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the attributes of another scheduler.

        Source: ``torch.optim.lr_scheduler.LRScheduler.load_state_dict``.
        """
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last step has set, by group.

        Source: ``torch.optim.lr_scheduler.LRScheduler.get_last_lr``.
        """
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of the next step, by group; subclasses say which.

        Source: ``torch.optim.lr_scheduler.LRScheduler.get_lr``.
        """
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Set the next learning rates.

        Args:
            epoch: deprecated; the step to go to.

        Source: ``torch.optim.lr_scheduler.LRScheduler.step``.
        """
        if self._step_count == 1:
            _check_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        closed: Callable[[], list[Any]] | None = None
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch = epoch
            closed = getattr(self, "_get_closed_form_lr", None)
        self._set_lrs(closed or self.get_lr)

    def _set_lrs(self, lrs: Callable[[], list[Any]]) -> None:
        self._get_lr_called_within_step = True
        try:
            values = lrs()
        finally:
            self._get_lr_called_within_step = False
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            put(group, lr)
        self._last_lr = lrs_of(self.optimizer)


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no optimiser.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def _watch_steps(optimizer: Any) -> None:
    """Let an optimiser note that its ``step`` was called."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    step = optimizer.step.__func__
    # Not the optimiser itself, which would then hold itself.
    weak = weakref.ref(optimizer)

    @wraps(step)
    def noted(*args: Any, **kwargs: Any) -> Any:
        found: Any = weak()
        found._opt_called = True
        return step.__get__(found, type(found))(*args, **kwargs)

    noted._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noted


def _check_order(optimizer: Any) -> None:
    """Warn, at the second step of a scheduler, if the optimiser has not made its first."""
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        warnings.warn(
            "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
            "initialization. Please, make sure to call `optimizer.step()` before "
            f"`lr_scheduler.step()`. {_ADJUST}",
            UserWarning,
            stacklevel=3,
        )
    elif not getattr(optimizer, "_opt_called", False):
        warnings.warn(
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 "
            "and later, you should call them in the opposite order: `optimizer.step()` before "
            "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first "
            f"value of the learning rate schedule. {_ADJUST}",
            UserWarning,
            stacklevel=3,
        )

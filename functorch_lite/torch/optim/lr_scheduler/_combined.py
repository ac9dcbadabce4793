"""Several schedules one after the other, or together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch.optim.lr_scheduler._base import LRScheduler, lrs_of, put
from functorch_lite.torch.optim.lr_scheduler._plateau import ReduceLROnPlateau
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Combined(LRScheduler):
    """What both have: schedulers of one optimiser, whose state is theirs."""

    __module__ = "torch.optim.lr_scheduler"
    _schedulers: Any

    def _check(self, schedulers: Any, optimizer: Any) -> None:
        name = type(self).__name__
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires "
                    "additional kwargs to be specified when calling `step`, but got one at index "
                    f"{i} in the given schedulers sequence."
                )
            if optimizer is not scheduler.optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got "
                    f"scheduler {type(scheduler).__name__} at index {i} has {scheduler.optimizer}, "
                    f"which is different from {type(optimizer).__name__}."
                )

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser, and the state dicts of the schedulers.

        Source: ``torch.optim.lr_scheduler.SequentialLR.state_dict``.
        """
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of others like these.

        Source: ``torch.optim.lr_scheduler.SequentialLR.load_state_dict``.
        """
        rest = {key: value for key, value in state_dict.items() if key != "_schedulers"}
        self.__dict__.update(rest)
        for i, state in enumerate(state_dict["_schedulers"]):
            self._schedulers[i].load_state_dict(state)


class SequentialLR(_Combined):
    """One schedule until a step, then the next one from its beginning.

    Args:
        optimizer: whose learning rates change.
        schedulers: of that optimiser.
        milestones: the steps at which the second and further ones begin.
        last_epoch: -1 to begin, or the step after which to go on.

    Raises:
        TypeError, ValueError: schedulers that cannot be combined, or another number of milestones.

    Source: ``torch.optim.lr_scheduler.SequentialLR``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler, but got no scheduler."
            )
        self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                "the number of milestone points, but got number of schedulers "
                f"{len(schedulers)} and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # All of them have made a first step in their constructors, which only the first should.
        for group in optimizer.param_groups:
            put(group, group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the first step of the schedulers, and of those in them.

        Source: ``torch.optim.lr_scheduler.SequentialLR.recursive_undo``.
        """
        sched = self if sched is None else sched
        if hasattr(sched, "_schedulers"):
            for inner in sched._schedulers:
                self.recursive_undo(inner)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Set the next learning rates.

        Source: ``torch.optim.lr_scheduler.SequentialLR.step``.
        """
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """All schedules at every step, each on what the others left.

    Args:
        schedulers: of one optimiser.
        optimizer: which; that of the first by default.

    Raises:
        TypeError, ValueError: schedulers that cannot be combined.

    Source: ``torch.optim.lr_scheduler.ChainedScheduler``.
    """

    __module__ = "torch.optim.lr_scheduler"

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, but got no "
                "scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = lrs_of(schedulers[-1].optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Set the next learning rates.

        Source: ``torch.optim.lr_scheduler.ChainedScheduler.step``.
        """
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = lrs_of(self._schedulers[-1].optimizer)

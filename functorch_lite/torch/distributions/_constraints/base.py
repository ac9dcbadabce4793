"""Constraints in general, those that depend on other values, and those over several dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch.distributions._tensor import Tensor

__all__ = ["Constraint", "is_dependent"]


class Constraint:
    """A set of values.

    Attributes:
        is_discrete: whether its values are apart from each other.
        event_dim: over how many of the last dimensions a value reaches.

    Source: ``torch.distributions.constraints.Constraint``.
    """

    __module__ = "torch.distributions.constraints"
    is_discrete: Any = False
    event_dim: Any = 0
    shown: tuple[str, ...] = ()
    """Attributes that the repr shows."""

    def check(self, value: Tensor) -> Tensor:
        """Which values lie in the set: one bool for each."""
        raise NotImplementedError

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)
        return f"{type(self).__name__[1:]}({inner})"


class _Dependent(Constraint):
    """A set that depends on other values, such as those of other parameters.

    Args:
        is_discrete, event_dim: what is known of it beforehand.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(
        self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> None:
        self._is_discrete = is_discrete
        self._event_dim = event_dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return bool(self._known("is_discrete"))

    @property
    def event_dim(self) -> int:
        return int(self._known("event_dim"))

    def _known(self, name: str) -> Any:
        value = getattr(self, "_" + name)
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    def _or_mine(self, is_discrete: Any, event_dim: Any) -> dict[str, Any]:
        return {
            "is_discrete": self._is_discrete if is_discrete is NotImplemented else is_discrete,
            "event_dim": self._event_dim if event_dim is NotImplemented else event_dim,
        }

    def __call__(
        self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> _Dependent:
        """The same of which more is known."""
        return _Dependent(**self._or_mine(is_discrete, event_dim))

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other values.

    Source: ``torch.distributions.constraints.is_dependent``.
    """
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property whose value is a constraint; on the class, a dependent constraint.

    Args:
        fn: of the instance.
        is_discrete, event_dim: what is known without an instance.

    Source: ``torch.distributions.constraints.dependent_property``.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(
        self, fn: Callable[..., Any] | None = None, *, is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:  # fmt: skip
        property.__init__(self, fn)
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    def __call__(self, fn: Callable[..., Any]) -> _DependentProperty:  # type: ignore[override]
        """The property of a function, as a decorator with arguments."""
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """Values of which all along some dimensions lie in a set.

    Args:
        base_constraint: the set.
        reinterpreted_batch_ndims: how many dimensions a value reaches over, beside the set's own.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(
                f"base_constraint must be a Constraint, got {type(base_constraint).__name__}"
            )
        if not isinstance(reinterpreted_batch_ndims, int):
            raise AssertionError(
                "reinterpreted_batch_ndims must be an int, got "
                f"{type(reinterpreted_batch_ndims).__name__}"
            )
        if reinterpreted_batch_ndims < 0:
            raise AssertionError(
                f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims}"
            )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return bool(self.base_constraint.is_discrete)

    @property
    def event_dim(self) -> int:
        return int(self.base_constraint.event_dim) + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        found = self.base_constraint.check(value)
        count = self.reinterpreted_batch_ndims
        if found.dim() < count:
            expected = self.base_constraint.event_dim + count
            raise ValueError(f"Expected value.dim() >= {expected} but got {value.dim()}")
        return found.reshape((*found.shape[: found.dim() - count], -1)).all(-1)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"
        )

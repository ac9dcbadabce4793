"""Sets in which parameters and samples lie.

>>> from functorch_lite.torch._ops.creation import tensor
>>> positive.check(tensor([-1.0, 2.0]))
tensor([False,  True])
>>> interval(0.0, 2.0), real_vector
(Interval(lower_bound=0.0, upper_bound=2.0), IndependentConstraint(Real(), 1))
"""

from __future__ import annotations

from collections.abc import Sequence

from functorch_lite.torch._ops.joining import cat as _cat
from functorch_lite.torch._ops.joining import stack as _stack
from functorch_lite.torch.distributions._constraints.base import (
    Constraint,
    _Dependent,
    _DependentProperty,
    _IndependentConstraint,
    is_dependent,
)
from functorch_lite.torch.distributions._constraints.matrices import (
    _CorrCholesky,
    _LowerCholesky,
    _LowerTriangular,
    _PositiveDefinite,
    _PositiveSemidefinite,
    _Square,
    _Symmetric,
)
from functorch_lite.torch.distributions._constraints.numbers import (
    _Boolean,
    _GreaterThan,
    _GreaterThanEq,
    _HalfOpenInterval,
    _IntegerGreaterThan,
    _IntegerInterval,
    _IntegerLessThan,  # noqa: F401  (pickles name it here)
    _Interval,
    _LessThan,
    _Multinomial,
    _OneHot,
    _Real,
    _Simplex,
)
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.utils import check_dim

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent",
    "dependent_property", "greater_than", "greater_than_eq", "half_open_interval", "independent",
    "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive",
    "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector",
    "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip

boolean = _Boolean()
corr_cholesky = _CorrCholesky()
dependent = _Dependent()
dependent_property = _DependentProperty
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
half_open_interval = _HalfOpenInterval
independent = _IndependentConstraint
integer_interval = _IntegerInterval
interval = _Interval
less_than = _LessThan
lower_cholesky = _LowerCholesky()
lower_triangular = _LowerTriangular()
multinomial = _Multinomial
nonnegative = _GreaterThanEq(0.0)
nonnegative_integer = _IntegerGreaterThan(0)
one_hot = _OneHot()
positive = _GreaterThan(0.0)
positive_definite = _PositiveDefinite()
positive_integer = _IntegerGreaterThan(1)
positive_semidefinite = _PositiveSemidefinite()
real = _Real()
real_vector = _IndependentConstraint(real, 1)
simplex = _Simplex()
square = _Square()
symmetric = _Symmetric()
unit_interval = _Interval(0.0, 1.0)


class MixtureSameFamilyConstraint(Constraint):
    """Values that every component of a mixture can have.

    Args:
        base_constraint: the support of the components, of which there is one for each index of
            the last dimension before a value's own.

    Source: ``torch.distributions.constraints.MixtureSameFamilyConstraint``.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(self, base_constraint: Constraint) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(
                f"base_constraint must be a Constraint, got {type(base_constraint).__name__}"
            )
        self.base_constraint = base_constraint
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return bool(self.base_constraint.is_discrete)

    @property
    def event_dim(self) -> int:
        return int(self.base_constraint.event_dim)

    def check(self, value: Tensor) -> Tensor:
        kept = value.dim() - self.event_dim
        if kept < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        found = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return found.reshape((*found.shape[:kept], -1)).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"


class _Cat(Constraint):
    """Values whose parts along a dimension lie in sets of their own.

    Args:
        cseq: a constraint for each part.
        dim: the dimension.
        lengths: of the parts; 1 by default.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.cseq = _constraints_of(cseq)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(
                f"lengths must have {len(self.cseq)} elements, got {len(self.lengths)}"
            )
        self.dim = dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:
        return max(int(c.event_dim) for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        check_dim(self.dim, value)
        found, start = [], 0
        for constraint, length in zip(self.cseq, self.lengths, strict=True):
            found.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return _cat(found, self.dim)


class _Stack(Constraint):
    """Values that lie in sets of their own, by their index along a dimension.

    Args:
        cseq: a constraint for each index.
        dim: the dimension.
    """

    __module__ = "torch.distributions.constraints"

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq = _constraints_of(cseq)
        self.dim = dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:
        found = max(int(c.event_dim) for c in self.cseq)
        # The stacked dimension is part of a value if it lies among the values' own.
        return found + 1 if self.dim + found < 0 else found

    def check(self, value: Tensor) -> Tensor:
        check_dim(self.dim, value)
        parts = value.unbind(self.dim)
        return _stack([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


def _constraints_of(cseq: Sequence[Constraint]) -> list[Constraint]:
    if not all(isinstance(c, Constraint) for c in cseq):
        raise AssertionError("All elements of cseq must be Constraint instances")
    return list(cseq)


cat = _Cat
stack = _Stack

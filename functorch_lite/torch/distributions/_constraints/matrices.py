"""Sets of matrices."""

from __future__ import annotations

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._ops.compare import isclose
from functorch_lite.torch._ops.creation import full
from functorch_lite.torch._ops.linalg_decompositions import eigvalsh
from functorch_lite.torch._ops.linalg_systems import cholesky_ex
from functorch_lite.torch.distributions._constraints.base import Constraint
from functorch_lite.torch.distributions._tensor import Tensor

__all__: list[str] = []


class _LowerTriangular(Constraint):
    """Square matrices with zeros above the diagonal."""

    __module__ = "torch.distributions.constraints"
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).flatten(-2).all(-1)


class _LowerCholesky(Constraint):
    """Lower triangular matrices whose diagonal is positive."""

    __module__ = "torch.distributions.constraints"
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        is_lower = (value.tril() == value).flatten(-2).all(-1)
        return is_lower & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(Constraint):
    """Cholesky factors of correlation matrices: rows have length one."""

    __module__ = "torch.distributions.constraints"
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        tolerance = finfo(value.dtype).eps * value.shape[-1] * 10
        lengths = value.detach().norm(dim=-1)
        is_unit = (lengths - 1).abs().le(tolerance).all(-1)
        return _LowerCholesky().check(value) & is_unit


class _Square(Constraint):
    """Square matrices."""

    __module__ = "torch.distributions.constraints"
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return full(value.shape[:-2], fill_value=value.shape[-2] == value.shape[-1])


class _Symmetric(_Square):
    """Symmetric matrices, up to rounding."""

    __module__ = "torch.distributions.constraints"

    def check(self, value: Tensor) -> Tensor:
        is_square = super().check(value)
        if not is_square.all():
            return is_square
        return isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalues."""

    __module__ = "torch.distributions.constraints"

    def check(self, value: Tensor) -> Tensor:
        is_symmetric = super().check(value)
        if not is_symmetric.all():
            return is_symmetric
        return (eigvalsh(value.detach()) >= 0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices that have a Cholesky factor."""

    __module__ = "torch.distributions.constraints"

    def check(self, value: Tensor) -> Tensor:
        is_symmetric = super().check(value)
        if not is_symmetric.all():
            return is_symmetric
        return cholesky_ex(value.detach()).info == 0

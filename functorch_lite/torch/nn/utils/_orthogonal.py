"""Orthogonal weights: maps from any matrix to one, and their inverses."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.linalg_decompositions import geqrf, householder_product, matrix_exp
from functorch_lite.torch._ops.linalg_systems import solve
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.utils.parametrize import register_parametrization

__all__ = ["_OrthMaps", "_Orthogonal", "orthogonal"]

_cat, _eye, _randn = (FUNCTIONS[name] for name in ("cat", "eye", "randn"))


def _made_orthogonal(a: Any) -> Any:
    """The Q of a QR decomposition whose R has a positive diagonal."""
    r, tau = geqrf(a)
    signs = r.diagonal(dim1=-2, dim2=-1).sgn()
    return householder_product(r, tau) * signs.unsqueeze(-2)


def _is_orthogonal(q: Any) -> bool:
    n, k = q.shape[-2:]
    one = _eye(k, dtype=q.dtype)
    allowed = 10 * n * finfo(q.dtype).eps
    return bool(FUNCTIONS["allclose"](q.mH @ q, one, atol=allowed))


# ------------------------------------------------------------------------------- parametrization
class _OrthMaps(Enum):
    """From a matrix to an orthogonal one."""

    matrix_exp = auto()
    cayley = auto()
    householder = auto()


_OrthMaps.__module__ = "torch.nn.utils.parametrizations"


class _Orthogonal(Module):
    """A weight with orthogonal columns, or rows if it has more columns."""

    __module__ = "torch.nn.utils.parametrizations"
    base: Any

    def __init__(
        self, weight: Any, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        wide = X.size(-2) < X.size(-1)
        x = X.mT if wide else X
        n, k = x.size(-2), x.size(-1)
        if self.orthogonal_map == _OrthMaps.householder:
            a = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
            q = householder_product(a, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            x = x.tril()
            if n != k:
                x = _cat([x, x.new_zeros(*x.shape[:-1], n - k)], dim=-1)
            a = x - x.mH
            if self.orthogonal_map == _OrthMaps.matrix_exp:
                q = matrix_exp(a)
            else:
                one = _eye(n, dtype=a.dtype)
                q = solve(one.add(a, alpha=-0.5), one.add(a, alpha=0.5))
            if n != k:
                q = q[..., :k]
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, Q: Any) -> Any:
        """A matrix for a weight, which is made orthogonal if it is not.

        Raises:
            ValueError: the weight has another shape.
            NotImplementedError: without ``use_trivialization``, there is only that of reflections.
        """
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        q = (Q.mT if wide else Q).detach()
        n, k = q.size(-2), q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map != _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            a, tau = geqrf(q)
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            # No reflection: the sign of R stays that of the column.
            diagonal[tau == 0.0] *= -1
            return a.mT if wide else a
        if n != k:
            q = _made_orthogonal(_cat([q, _randn(*q.shape[:-1], n - k, dtype=q.dtype)], dim=-1))
        else:
            q = q.clone() if _is_orthogonal(q) else _made_orthogonal(q)
        self.base = q
        start = FUNCTIONS["zeros_like"](Q.detach())
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> Any:  # fmt: skip
    """Keep the columns of a weight orthogonal and of length 1, or its rows if it is wide.

    Args:
        module: whose weight.
        name: of the weight.
        orthogonal_map: "matrix_exp", "cayley" or "householder", by which the weight is made of a
            matrix that is learned; "matrix_exp" for square ones by default, else "householder".
        use_trivialization: whether the map is multiplied by a fixed orthogonal matrix, so that it
            is always close to its middle.

    Returns:
        the module.

    Raises:
        ValueError: there is no such weight, it is no matrix, or there is no such map.

    Source: Lezcano-Casado 2019; ``torch.nn.utils.parametrizations.orthogonal``.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    found = _OrthMaps.__members__.get(orthogonal_map)
    if found is None:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, found, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)

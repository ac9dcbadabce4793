"""What distributions are written in: common shapes, probabilities and logits, late attributes.

>>> from functorch_lite.torch._ops.creation import tensor
>>> broadcast_all(tensor([1.0, 2.0]), 3)
(tensor([1., 2.]), tensor([3., 3.]))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.dtypes import default, finfo
from functorch_lite.torch._core.grad_mode import enable_grad
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor as TensorClass
from functorch_lite.torch._ops.creation import arange, tensor
from functorch_lite.torch._ops.joining import broadcast_tensors
from functorch_lite.torch.distributions._tensor import Tensor, empty, zeros
from functorch_lite.torch.nn import functional as F

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
    "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.57721566490153286060
"""The number of Euler and Mascheroni."""


def is_number(value: Any) -> bool:
    """Whether it is one of Python's real numbers."""
    return isinstance(value, (int, float))


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor, or of a class that takes tensors' place."""
    return isinstance(value, TensorClass) or hasattr(value, "__torch_function__")


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors of one shape; numbers take the dtype of the first tensor, or the default one.

    Args:
        values: tensors and numbers.

    Raises:
        ValueError: a value is neither.

    Source: ``torch.distributions.utils.broadcast_all``.
    """
    if not all(is_tensor(v) or is_number(v) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects "
            "implementing __torch_function__."
        )
    dtype = next((v.dtype for v in values if is_tensor(v)), default.dtype)
    return tuple(
        broadcast_tensors(*[v if is_tensor(v) else tensor(v, dtype=dtype) for v in values])
    )


def standard_normal(shape: Any, like: Tensor) -> Tensor:
    """Numbers of mean zero and deviation one, in the dtype of ``like``."""
    return empty(tuple(shape), dtype=like.dtype).normal_()


def standard_uniform(shape: Any, like: Tensor) -> Tensor:
    """Numbers between zero and one, in the dtype of ``like``."""
    return empty(tuple(shape), dtype=like.dtype).uniform_()


def sum_rightmost(value: Any, count: int) -> Any:
    """The sum over the last ``count`` dimensions."""
    return value if count == 0 else value.reshape((*value.shape[: value.dim() - count], -1)).sum(-1)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities.

    Args:
        logits: of one event each if ``is_binary``, else of categories along the last dimension.

    Source: ``torch.distributions.utils.logits_to_probs``.
    """
    return logits.sigmoid() if is_binary else F.softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities so far from 0 and 1 that logarithms are finite.

    Source: ``torch.distributions.utils.clamp_probs``.
    """
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits: log-odds if ``is_binary``, else log-probabilities.

    Source: ``torch.distributions.utils.probs_to_logits``.
    """
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


class lazy_property:
    """An attribute that is computed when it is first asked for, and kept.

    Source: ``torch.distributions.utils.lazy_property``.
    """

    __module__ = "torch.distributions.utils"

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__
        self.__name__ = wrapped.__name__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a lazy property is on its class: a property, to tools that look for those."""

    __module__ = "torch.distributions.utils"

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal, row by row.

    Args:
        mat: ``[..., n, n]``.
        diag: the diagonal, between -n and n - 1.

    Raises:
        ValueError: there is no such diagonal.

    Source: ``torch.distributions.utils.tril_matrix_to_vec``.
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _below(n, diag)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """A square matrix with these elements on and below a diagonal, and zeros above.

    Args:
        vec: ``[..., m]``, row by row.
        diag: the diagonal.

    Raises:
        ValueError: no square matrix has ``m`` such elements.

    Source: ``torch.distributions.utils.vec_to_tril_matrix``.
    """
    # m = k (k + 1) / 2 + k d - d (d + 1) / 2 with d diagonals above the main one, solved for k;
    # each diagonal below adds a row.
    count, above = vec.shape[-1], max(diag, 0)
    middle = 1 + 2 * above
    root = (middle * middle + 8 * count + 4 * above * (above + 1)) ** 0.5
    n = (root - middle) / 2 + max(-diag, 0)
    eps = finfo(vec.dtype).eps
    if not round(n) - eps <= n <= round(n) + eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    size = round(n)
    mat = zeros((*vec.shape[:-1], size, size), dtype=vec.dtype)
    mat[..., _below(size, diag)] = vec
    return mat


def _below(n: int, diag: int) -> Tensor:
    """Which elements of an n x n matrix are on or below a diagonal."""
    steps = arange(n)
    return steps < steps.view(-1, 1) + (diag + 1)


def size_of(shape: Any) -> Size:
    """A shape as a ``torch.Size``."""
    return shape if isinstance(shape, Size) else Size(shape)


def check_dim(dim: int, value: Tensor) -> None:
    """Check that a tensor has a dimension.

    Raises:
        AssertionError: it has not.
    """
    if not -value.dim() <= dim < value.dim():
        raise AssertionError(f"dim {dim} out of range for tensor with {value.dim()} dimensions")

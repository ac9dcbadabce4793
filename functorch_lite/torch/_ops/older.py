"""Functions for programs of earlier versions: some still work, some name what replaced them."""

from __future__ import annotations

import math
import warnings
from typing import Any, NoReturn

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.copying import detach, detach_
from functorch_lite.torch._ops.creation import arange
from functorch_lite.torch._ops.elementwise import argument

__all__ = ["detach_copy", "is_same_size", "range_", "vander"]


@public("range", methods=False)
def range_(
    start: Any, end: Any, step: Any = 1, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, out: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers from ``start`` to ``end``, which is among them; ``arange`` replaces it.

    Source: ``torch.range``.
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=3,
    )
    first, last, by = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if dtype is None:
        dtype = dtypes.default.dtype if out is None else out.dtype
    # Beyond the last number by half a step, which is never reached but by rounding.
    if by and math.isfinite(first) and math.isfinite(last) and (last - first) * by >= 0:
        last = first + (math.floor((last - first) / by) + (1 if dtype.kind == 1 else 0.5)) * by
    made: Tensor = arange(
        first, last, by, dtype=dtype, device=device, requires_grad=requires_grad, out=out
    )
    return made


@public("vander", methods=False)
def vander(x: Tensor, N: int | None = None, *, increasing: bool = False) -> Tensor:
    """The powers of each number in a row, the highest first.

    Args:
        x: [n].
        N: how many powers; n by default.
        increasing: whether the lowest comes first.

    Returns:
        [n, N].

    Raises:
        RuntimeError: x is no vector, or N is negative.

    >>> import functorch_lite.torch as torch
    >>> torch.vander(torch.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])

    Source: ``torch.vander``.
    """
    if x._np.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x._np.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    kind = x.dtype if x.dtype.kind > 1 else dtypes.int64
    powers: Any = x.new_ones((x._np.shape[0], count), dtype=kind)
    if count > 1:
        lines = x.to(kind).unsqueeze(1).expand(-1, count - 1)
        powers[:, 1:] = lines.cumprod(1)
    return powers if increasing else powers.flip(1)


@public("detach_copy", methods=False)
def detach_copy(input: Tensor) -> Tensor:
    """A copy outside of the graph. Source: ``torch.detach_copy``."""
    made: Tensor = detach(input).clone()
    return made


FUNCTIONS["detach_"] = detach_


def _of_a_tensor(name: str, about: str) -> None:
    asked = getattr(Tensor, name)

    def ask(input: Any) -> Any:
        if not isinstance(input, Tensor):
            raise argument(input, name)
        return asked(input)

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = f"{about}. Source: ``torch.{name}``."
    public(name, methods=False)(ask)


@method()
def is_distributed(self: Tensor) -> bool:
    """False: no tensor is spread over processes. Source: ``torch.Tensor.is_distributed``."""
    return False


_of_a_tensor("get_device", "The index of a tensor's device; -1 for the CPU")
_of_a_tensor("is_distributed", "False: no tensor is spread over processes")


@public("is_same_size", methods=False)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same sizes. Source: ``torch.is_same_size``."""
    for position, (name, value) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(value, Tensor):
            raise argument(value, "is_same_size", name, position)
    return input._np.shape == other._np.shape


# ------------------------------------------------------------------------------------ what is gone
_GONE = "This function was deprecated since version 1.9 and is now removed."
_INSTEAD = {
    "eig": (
        "torch.linalg.eig(A) gives complex eigenvalues and vectors, torch.linalg.eigvals(A) the "
        "values alone."
    ),
    "symeig": (
        "torch.linalg.eigh(A, UPLO='U' if upper else 'L') replaces it, eigvalsh(A, ...) for the "
        "values alone; without UPLO it reads the lower triangle."
    ),
    "lstsq": (
        "torch.linalg.lstsq(A, B).solution replaces it: its arguments come the other way round, "
        "and residuals are a field of their own. torch.linalg.qr gives the QR decomposition."
    ),
    "solve": (
        "torch.linalg.solve(A, B) replaces it: its arguments come the other way round. torch.lu "
        "gives the LU factorization."
    ),
    "matrix_rank": "torch.linalg.matrix_rank(A) replaces it; `symmetric` is called `hermitian`.",
}


def _removed(name: str) -> None:
    """Make a name say what replaced it."""

    def gone(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{_GONE} {_INSTEAD[name]}")

    gone.__name__ = gone.__qualname__ = name
    gone.__doc__ = f"Gone: {_INSTEAD[name]} Source: ``torch.{name}``."
    FUNCTIONS[name] = gone
    if name != "matrix_rank":
        setattr(Tensor, name, gone)


for _name in _INSTEAD:
    _removed(_name)

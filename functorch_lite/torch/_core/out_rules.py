"""What functions want of a tensor given as ``out=`` beyond that it can hold the result."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.tensor import Tensor, is_symbol

__all__ = ["check_apart", "check_dtype", "expect_dtype", "without_gradient"]

_EXPECTED = "Expected out tensor to have dtype {c}, but got {out_c} instead"
_FOUND = "Found dtype {out} but expected {own}"
_RESULT = "result dtype {out} does not match input dtype {own}"
_TYPE = "expected scalar_type {own} but found {out}"
_SCALAR_TYPE = "{name}(): self and result must have the same scalar type"
_QUANTILE = "{name}() out tensor must be same dtype as the input tensor"
_EXTREME = (
    "Expected the dtype for input and out to match, but got {own} for input's dtype and {out} for "
    "out's dtype."
)
_TENSORDOT = (
    "tensordot: Expected the output tensor to have dtype {own}, but got an output tensor with "
    "dtype {out}"
)

# By function whose output must have the dtype of the result: what is said if it has another.
_MESSAGES = {
    **dict.fromkeys(
        ("addmm", "addmv", "alias_copy", "as_strided_copy", "baddbmm", "bmm", "cross",
         "diag", "diagonal_copy", "expand_copy", "gather", "index_add", "index_copy",
         "index_reduce", "isin", "log_softmax", "mm", "msort", "narrow_copy", "norm",
         "permute_copy", "renorm", "scatter",
         "scatter_add", "scatter_reduce", "slice_scatter", "softmax", "squeeze_copy", "t_copy",
         "take_along_dim", "transpose_copy", "tril", "triu", "unfold_copy", "unsqueeze_copy",
         "view_copy"), _EXPECTED),
    **dict.fromkeys(("bitwise_not", "conj_physical", "lerp", "hardshrink", "softshrink"), _FOUND),
    **dict.fromkeys(("dot", "vdot"), _RESULT),
    **dict.fromkeys(("diff", "logcumsumexp"), _TYPE),
    **dict.fromkeys(("quantile", "nanquantile"), _QUANTILE),
    **dict.fromkeys(("amax", "amin"), _EXTREME),
    **dict.fromkeys(("inner", "tensordot"), _TENSORDOT),
    **dict.fromkeys(("index_select", "masked_select"), _SCALAR_TYPE),
    "addbmm": "self and mat2 must have the same dtype, but got {out} and {own}",
    "mv": "addmv input tensors must have the same dtype, but got {out}, {own}, and {own}",
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {own} and "
            "out.dtype = {out}",
    "nan_to_num": "nan_to_num: dtype of out: {out} should be same as input: {own}",
    "float_power": "the output given to float_power has dtype {out} but the operation's result "
                   "requires dtype {own}",
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    "where": "Expected out type to be {own} but got {out}",
}  # fmt: skip
_MATMUL = {(1, 1): _RESULT, (2, 1): _MESSAGES["mv"]}
_JOINING = frozenset(
    ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "row_stack",
     "column_stack", "_chunk_cat")
)  # fmt: skip
_UNTAPED = ("airy_ai", "bessel_", "modified_bessel_", "scaled_modified_bessel_",
            "spherical_bessel_", "chebyshev_", "shifted_chebyshev_", "hermite_",
            "laguerre_", "legendre_")  # fmt: skip
_APART = frozenset(("cat", "gather", "index_select", "masked_select", "take", "kthvalue"))


def check_dtype(name: str, target: Tensor, value: Tensor, args: tuple[Any, ...]) -> None:
    """Refuse an output of a dtype that a function does not write to.

    Args:
        name: of the function.
        target: the output.
        value: the result.
        args: of the function.

    Raises:
        RuntimeError, TypeError: the dtype is not the result's, or cannot hold it.
    """
    own, out = value.dtype, target.dtype
    if own is out:
        return
    if name in _JOINING and own.kind > out.kind:
        raise TypeError(
            f"torch.cat(): input types can't be cast to the desired output type {out.scalar_name}"
        )
    message = _MESSAGES.get(name)
    if name == "matmul":
        ranks = tuple([a.dim() for a in args[:2] if isinstance(a, Tensor)])
        message = _MATMUL.get(ranks, _EXPECTED)
    if message is not None:
        raise _refusal(message, own, out, name)


def without_gradient(name: str) -> bool:
    """Whether a function's results never have gradients, so that any output is as good as another.

    Args:
        name: of the function.
    """
    return name == "histc" or name.removeprefix("special_").startswith(_UNTAPED)


def expect_dtype(target: Tensor, dtype: DType) -> None:
    """Refuse a tensor of another dtype.

    Raises:
        RuntimeError: it has.
    """
    if target.dtype is not dtype:
        raise _refusal(_EXPECTED, dtype, target.dtype)


def _refusal(message: str, own: DType, out: DType, name: str = "") -> RuntimeError:
    return RuntimeError(
        message.format(
            name=name, own=own.scalar_name, out=out.scalar_name, c=own.c_name, out_c=out.c_name
        )
    )


def check_apart(name: str, target: Tensor, args: tuple[Any, ...]) -> None:
    """Refuse an output that shares elements with an operand that is read while it is written to.

    Raises:
        RuntimeError: it does.
    """
    array = target._np
    if name not in _APART or is_symbol(array):
        return
    given = [t for a in args for t in (a if isinstance(a, (list, tuple)) else (a,))]
    for other in given:
        if isinstance(other, Tensor) and np.may_share_memory(other._np, array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )

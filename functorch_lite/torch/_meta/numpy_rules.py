"""Functions of NumPy on arrays without memory, beyond those that graphs can hold.

Only sizes and dtypes are wanted, so that a rule is a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._compile.numpy_rules import NUMPY_RULES
from functorch_lite.torch._compile.symbol import Symbol, laid
from functorch_lite.torch._meta.symbol import MetaSymbol, bare

__all__ = ["META_RULES"]

Rule = Callable[..., Any]


def _beside(dtype: Any = None) -> Rule:
    """A function whose result has the sizes of its first operand."""

    def rule(meta: Any, x: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return laid(bare(x.shape, x.dtype if dtype is None else dtype), [x])

    return rule


def _moved(dtype: Any = None) -> Rule:
    """The same, laid out row by row."""

    def rule(meta: Any, x: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return bare(x.shape, x.dtype if dtype is None else dtype)

    return rule


def _new(meta: Any, x: Symbol, *args: Any, **kwargs: Any) -> Symbol:
    """``empty_like`` and its like."""
    dtype, shape = kwargs.get("dtype"), kwargs.get("shape")
    dtype = x.dtype if dtype is None else dtype
    return laid(bare(x.shape, dtype), [x]) if shape is None else bare(shape, dtype)


def _places(meta: Any, a: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
    return bare(np.shape(v), np.int64)


META_RULES: dict[str, Rule] = {
    **NUMPY_RULES,
    **dict.fromkeys(("isneginf", "isposinf", "isreal", "iscomplex", "isin"), _beside(np.bool_)),
    **dict.fromkeys(("empty_like", "zeros_like", "ones_like", "full_like"), _new),
    **dict.fromkeys(("tril", "triu"), _moved()),
    "nan_to_num": _beside(),
    "partition": _moved(),
    "argpartition": _moved(np.int64),
    "searchsorted": _places,
    "var": lambda meta, x, *args, **kwargs: MetaSymbol.var(x, *args, **kwargs),
}
"""Rules by the names of functions."""

"""Largest and smallest elements, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.torch import return_types
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import KeepingNode, keep, keep_result
from functorch_lite.torch._core.large import FLOATS, compiled
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.out_rules import expect_dtype
from functorch_lite.torch._core.public import FUNCTIONS, public, put_out
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.axes import (
    add_all,
    axes_of,
    one_axis,
    repeated,
    rows,
    wrong_arguments,
)
from functorch_lite.torch._ops.places import results_at
from functorch_lite.torch.return_types import expect_int64, results_in

__all__ = ["positions", "refuse_empty"]

_LARGE = 1 << 17
_FLOAT32 = np.dtype(np.float32)


def _reducer(ufunc: Any, f: Callable[..., Array]) -> Callable[..., Any]:
    reduce = ufunc.reduce

    def of(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
        return f(x, axis=axes, keepdims=keepdim)

    large = compiled(of)

    def run(x: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
        # NumPy's loops over extremes are vectorised; those within rows it leaves to one thread.
        within = x.ndim - 1 in axes and len(axes) < x.ndim
        if x.size < _LARGE or not within or x.dtype not in FLOATS:
            return state.run(reduce, x, axes, None, None, keepdim)
        return large(x, axes=axes, keepdim=keepdim)

    return run


_LARGEST = _reducer(np.maximum, fnp.max)
_SMALLEST = _reducer(np.minimum, fnp.min)


def _refuse_complex(t: Tensor, kernel: str) -> None:
    if t._np.dtype.kind == "c":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{t.dtype.scalar_name}'")


def refuse_empty(shape: tuple[int, ...], axes: tuple[int, ...], name: str) -> None:
    """Refuse to look for an extreme where there is no element."""
    for i in axes:
        if not shape[i]:
            raise IndexError(f"{name}: Expected reduction dim {i} to have non-zero size.")


def _unspecified(name: str) -> str:
    return (
        f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
        "reduction dim with the 'dim' argument."
    )


def _shares(x: Any, extreme: Any, axes: tuple[int, ...], keepdim: bool, nan: bool) -> Any:
    """The share of each element in the gradient of an extreme: those that attain it share evenly.

    Args:
        nan: whether an extreme that is NaN is attained by NaN.
    """
    if not keepdim and x.ndim:
        extreme = np.expand_dims(extreme, axes)
    here = x == extreme
    if nan:
        here |= np.isnan(extreme) & np.isnan(x)
    count = add_all(here, axes, np.int64, None, True)
    if not is_symbol(count) and (count == 1).all():
        return here.astype(x.dtype)
    with np.errstate(all="ignore"):
        return (here / count).astype(x.dtype)


def _rule(axes: tuple[int, ...], keepdim: bool, nan: bool) -> Callable[..., Any]:
    def rule(g: Any, x: Any, extreme: Any) -> Tensor:
        weights = make(_shares(x._np, extreme._np, axes, keepdim, nan))
        return repeated(g, x._np.shape, axes, keepdim) * weights

    return rule


def _extreme(
    t: Tensor, reducer: Any, name: str, axes: tuple[int, ...], keepdim: bool, nan: bool
) -> Tensor:
    """An extreme over dimensions, recorded."""
    out = make(rows(reducer(t._np, axes, keepdim)))
    if mode.enabled and needs_grad(t):
        keep_result(out, keep(name, (t,), (t,), _rule(axes, keepdim, nan)))
    return out


# ------------------------------------------------------------------------------ amax, amin, aminmax
def _over_dims(name: str, reducer: Any, node: str, what: str) -> None:
    def extreme(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
        _refuse_complex(input, "max_values_cpu" if name == "amax" else "min_values_cpu")
        shape = input._np.shape
        axes = axes_of(dim, len(shape), name)
        if not input._np.size:
            if isinstance(dim, (tuple, list)) and not dim:
                raise RuntimeError(_unspecified(name))
            refuse_empty(shape, axes, f"{name}()")
        return _extreme(input, reducer, node, axes, keepdim, False)

    extreme.__name__ = name
    extreme.__doc__ = (
        f"The {what} element over all or some dimensions.\n\n"
        "    Equal elements share the gradient.\n\n"
        "    Raises:\n        IndexError: a dimension is empty, or not there.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name, out=True)(extreme)


_over_dims("amax", _LARGEST, "AmaxBackward0", "largest")
_over_dims("amin", _SMALLEST, "AminBackward0", "smallest")


@public()
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest element over all dimensions or one.

    Returns:
        a tuple with the members ``min`` and ``max``.

    Raises:
        IndexError, RuntimeError: there is no element.

    Source: ``torch.aminmax``.
    """
    _refuse_complex(input, "aminmax_cpu")
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"aminmax(): argument 'dim' must be int, not {type(dim).__name__}")
    array = input._np
    axes = axes_of(dim, array.ndim, "aminmax")
    if not array.size:
        if dim is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                "identity."
            )
        refuse_empty(array.shape, axes, "aminmax")
    low = make(rows(_SMALLEST(array, axes, keepdim)))
    high = make(rows(_LARGEST(array, axes, keepdim)))
    if mode.enabled and needs_grad(input):
        one = _rule(axes, keepdim, False)

        def rule(a: Any, b: Any, x: Any, low: Any, high: Any) -> Any:
            if a is None:
                return one(b, x, high)
            return one(a, x, low) if b is None else one(a, x, low) + one(b, x, high)

        node: KeepingNode = keep("AminmaxBackward0", (input,), (input,), rule)
        keep_result(low, node)
        keep_result(high, node, 1)
    made = return_types.aminmax((low, high))
    if out is None:
        return made
    for target in out:
        expect_dtype(target, low.dtype)
    return results_in(made, out)


# ----------------------------------------------------------------------------------------- max, min
def _three_ways(
    name: str, reducer: Any, positions_of: Callable[[Any, int], Any], elementwise: str, what: str
) -> None:
    node0, node1 = f"{name.capitalize()}Backward0", f"{name.capitalize()}Backward1"
    results = getattr(return_types, name)

    def along(t: Tensor, dim: Any, keepdim: bool) -> Any:
        array = t._np
        axis = one_axis(dim, array.ndim, name)
        if array.dtype.kind == "c":
            raise RuntimeError(f"{name}(): does not support complex input")
        if not array.ndim:
            return results_at(results, node0, t, np.zeros((), np.int64), 0)
        refuse_empty(array.shape, (axis,), f"{name}()")
        return results_at(results, node0, t, positions_of(array, axis), axis, keepdim)

    def extreme(
        input: Tensor, dim: Any = None, keepdim: Any = None, *, other: Any = None, out: Any = None
    ) -> Any:
        if not isinstance(input, Tensor):
            raise wrong_arguments(name, *(v for v in (input, dim, keepdim) if v is not None))
        if dim is None and other is None:
            _refuse_complex(input, f"{name}_all")
            array = input._np
            if not array.size:
                raise RuntimeError(_unspecified(name))
            made: Any = _extreme(input, reducer, node1, tuple(range(array.ndim)), False, True)
        elif other is not None or isinstance(dim, Tensor):
            if keepdim is not None:
                raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not Tensor")
            made = FUNCTIONS[elementwise](input, dim if other is None else other)
        elif isinstance(dim, (bool, tuple, list, float, str)):
            raise wrong_arguments(name, dim)
        else:
            made = along(input, dim, bool(keepdim))
            return made if out is None else results_in(made, out)
        if out is not None:
            put_out(out, made)
            return out
        return made

    extreme.__name__ = name
    extreme.__doc__ = (
        f"The {what} element of all; or along a dimension, with its position; or of two tensors.\n"
        "\n    Of equal elements along a dimension the first is taken; of all, they share the\n"
        "    gradient.\n\n"
        "    Args:\n        dim: a dimension, or another tensor.\n"
        "        keepdim: whether the dimension stays, with size 1.\n\n"
        "    Returns:\n        a tensor, or for a dimension a tuple of ``values`` and int64 "
        "``indices``.\n\n"
        "    Raises:\n        IndexError, RuntimeError: there is no element.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name)(extreme)


def positions(ufunc_name: str) -> Callable[[Any, int], Any]:
    """Where the first extreme is along an axis; NaN counts as one. The axis stays."""
    find = getattr(np, ufunc_name)

    def of(array: Any, axis: int) -> Any:
        if array.dtype.char not in "?bBhHiIlLqQefd":
            array = array.astype(_FLOAT32)
        return state.run(find, array, axis, keepdims=True)

    return of


_argmax, _argmin = positions("argmax"), positions("argmin")
_three_ways("max", _LARGEST, _argmax, "maximum", "largest")
_three_ways("min", _SMALLEST, _argmin, "minimum", "smallest")


def _position_function(name: str, find: Callable[[Any, int], Any], what: str) -> None:
    def position(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None
    ) -> Tensor:
        array = input._np
        if array.dtype.kind in "bc":
            kind = "bool" if array.dtype.kind == "b" else "complex"
            raise RuntimeError(f"{name}(): does not support {kind} input")
        if dim is None:
            if not array.size:
                raise IndexError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                )
            shape = (1,) * array.ndim if keepdim else ()
            data = find(array.reshape(-1), 0).reshape(shape)
        else:
            axis = one_axis(dim, array.ndim, name)
            if array.ndim:
                refuse_empty(array.shape, (axis,), f"{name}()")
                data = find(array, axis)
                if not keepdim:
                    data = data.reshape(array.shape[:axis] + array.shape[axis + 1 :])
            else:
                data = np.zeros((), np.int64)
        made = make(data)
        if out is None:
            return made
        expect_int64(out)
        put_out(out, made)
        return out

    position.__name__ = name
    position.__doc__ = (
        f"Where the {what} element is, the first of equal ones: in the flat tensor, or along a\n"
        "    dimension.\n\n"
        "    Returns:\n        int64.\n\n"
        "    Raises:\n        IndexError: there is no element.\n"
        "        RuntimeError: the tensor is bool or complex.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name)(position)


_position_function("argmax", _argmax, "largest")
_position_function("argmin", _argmin, "smallest")

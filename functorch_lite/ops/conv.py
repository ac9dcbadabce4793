"""conv: many independent convolutions in one op, closed under differentiation and batching.

Operands are ``x: (G, N, C, *S)`` and ``w: (G, O, C, *K)``, the result is ``(G, N, O, *S')``: G
convolutions side by side, each of a batch of N examples. As in XLA the kernel is not reversed. In
this form both gradients are convolutions again, with batch and channels in each other's places and
strides and dilations as well; a mapped axis of x joins N, one of w joins O, and one of both joins
G. So there is no second op for transposed, grouped, depthwise or batched convolutions, and no loop.
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import is_bool
from functorch_lite.core.op import Op
from functorch_lite.errors import DtypeError
from functorch_lite.ops.conv_eager import convolve
from functorch_lite.ops.conv_shape import output_sizes, reversed_padding
from functorch_lite.ops.families import define, half_safe
from functorch_lite.ops.shape import flip, reshape, transpose, zeros_of

__all__ = ["conv"]

Pads = tuple[tuple[int, int], ...]


def _aval(
    x: Aval, w: Aval, *, strides: Any, padding: Pads, x_dilation: Any, w_dilation: Any
) -> Aval:
    sizes = output_sizes(x.shape, w.shape, strides, padding, x_dilation, w_dilation)
    if x.dtype != w.dtype:
        raise DtypeError(
            f"conv: x is {x.dtype.name}, w is {w.dtype.name}. Remedy: cast them to one dtype."
        )
    if is_bool(x.dtype):
        raise DtypeError(
            "conv: bool arrays have no product sum. Remedy: count with .astype('int32'), and "
            "compare the counts with 0."
        )
    return make_aval((x.shape[0], x.shape[1], w.shape[1], *sizes), x.dtype)


# -------------------------------------------------------------------------------------- derivatives
def _exchanged(x: Any, first: int, second: int) -> Any:
    """x with two of its axes in each other's places."""
    perm = list(range(len(x.shape)))
    perm[first], perm[second] = second, first
    return transpose(x, perm=tuple(perm))


def _reversed(w: Any) -> Any:
    """The kernel with its spatial dimensions in reverse order."""
    axes = tuple(i for i, n in enumerate(w.shape) if i > 2 and n != 1)
    return flip(w, axes=axes) if axes else w


def _vjp_x(
    ct: Any, w: Any, x_shape: Any, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> Any:
    sizes, kernel, outs = x_shape[3:], w.shape[3:], ct.shape[3:]
    if 0 in sizes or 0 in outs:
        return zeros_of(x_shape, ct)
    params = {"strides": strides, "padding": padding, "x_dilation": x_dilation}
    pads, _ = reversed_padding(sizes, kernel, outs, {**params, "w_dilation": w_dilation})
    return conv(
        ct, _reversed(_exchanged(w, 1, 2)), strides=x_dilation, padding=pads, x_dilation=strides,
        w_dilation=w_dilation,
    )  # fmt: skip


def _vjp_w(
    ct: Any, x: Any, w_shape: Any, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> Any:
    sizes, kernel, outs = x.shape[3:], w_shape[3:], ct.shape[3:]
    if 0 in sizes or 0 in outs:
        return zeros_of(w_shape, ct)
    params = {"strides": strides, "padding": padding, "x_dilation": x_dilation}
    of_ct, of_x = reversed_padding(sizes, kernel, outs, {**params, "w_dilation": w_dilation})
    # The sum is over the batch, which takes the place of the channels.
    x, ct = _exchanged(x, 1, 2), _exchanged(ct, 1, 2)
    if math.prod(x_dilation) > math.prod(strides):
        # The operand with fewer holes is the one to slide over: holes there would be multiplied.
        return _reversed(
            conv(
                ct, x, strides=w_dilation, padding=of_ct, x_dilation=strides,
                w_dilation=x_dilation,
            )
        )  # fmt: skip
    out = conv(
        x, ct, strides=w_dilation, padding=of_x, x_dilation=x_dilation, w_dilation=strides
    )  # fmt: skip
    return _exchanged(out, 1, 2)


def _jvp_x(
    t: Any, w: Any, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> Any:  # fmt: skip
    return conv(
        t, w, strides=strides, padding=padding, x_dilation=x_dilation, w_dilation=w_dilation
    )


def _jvp_w(
    t: Any, x: Any, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> Any:  # fmt: skip
    return conv(
        x, t, strides=strides, padding=padding, x_dilation=x_dilation, w_dilation=w_dilation
    )


# ----------------------------------------------------------------------------------------- batching
def _moved(x: Any, source: int, target: int) -> Any:
    """x with one axis at another place; only a reshape where it passes axes of size 1."""
    rest = [i for i in range(len(x.shape)) if i != source]
    perm = (*rest[:target], source, *rest[target:])
    between = x.shape[min(source, target) : max(source, target) + 1]
    if sum(n != 1 for n in between) <= 1:
        return reshape(x, shape=tuple(x.shape[i] for i in perm))
    return transpose(x, perm=perm)


def _joined(x: Any, at: int) -> Any:
    """The mapped axis, the first one, made part of axis ``at`` of the example."""
    x = _moved(x, 0, at)
    return reshape(x, shape=(*x.shape[:at], x.shape[at] * x.shape[at + 1], *x.shape[at + 2 :]))


def _parted(x: Any, at: int, size: int, own: int) -> Any:
    """The mapped axis taken out of axis ``at`` again, where the example has ``own``, and moved."""
    split = reshape(x, shape=(*x.shape[:at], size, own, *x.shape[at + 1 :]))
    return _moved(split, at, 0)


def _batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, w = args
    if all(batched):
        return _parted(conv(_joined(x, 0), _joined(w, 0), **params), 0, size, x.shape[1])
    if batched[0]:
        return _parted(conv(_joined(x, 1), w, **params), 1, size, x.shape[2])
    return _parted(conv(x, _joined(w, 1), **params), 2, size, w.shape[2])


conv: Op = define(
    "conv",
    operands=("x", "w"),
    eager=half_safe(convolve),
    aval=_aval,
    jvp=(_jvp_x, _jvp_w),
    vjp=(_vjp_x, _vjp_w),
    batch=_batch,
    kinds="ifc",
)

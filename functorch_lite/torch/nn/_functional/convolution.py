"""Convolutions and transposed convolutions in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.pulled import Pulled

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip


# ------------------------------------------------------------------- in the core's form, by groups
def _permuted(x: Array, perm: tuple[int, ...]) -> Array:
    return ops.transpose(x, perm=perm)


def _in_groups(x: Array, axis: int, groups: int) -> Array:
    """With the groups of an axis taken out of it, in front."""
    if groups == 1:
        return ops.reshape(x, shape=(1, *x.shape))
    shape = x.shape
    split = (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])
    out = ops.reshape(x, shape=split)
    if axis == 0:
        return out
    return _permuted(out, (axis, *[i for i in range(len(split)) if i != axis]))


def _together(x: Array, axis: int) -> Array:
    """The inverse of ``_in_groups``."""
    if x.shape[0] == 1:
        return ops.reshape(x, shape=x.shape[1:])
    if axis:
        x = _permuted(x, (*range(1, axis + 1), 0, *range(axis + 1, x.ndim)))
    shape = x.shape
    return ops.reshape(x, shape=(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _kernel(w: Array, groups: int, turned: bool) -> Array:
    """The weight as the core takes it; that of a transposed convolution is turned round."""
    out = _in_groups(w, 0, groups)
    if not turned:
        return out
    out = _permuted(out, (0, 2, 1, *range(3, out.ndim)))
    return ops.flip(out, axes=tuple(range(3, out.ndim)))


def _weight(w: Array, turned: bool) -> Array:
    """The inverse of ``_kernel``."""
    if turned:
        w = ops.flip(w, axes=tuple(range(3, w.ndim)))
        w = _permuted(w, (0, 2, 1, *range(3, w.ndim)))
    return _together(w, 0)


def _value(
    x: Array, w: Array, b: Array | None, *, groups: int, turned: bool, window: tuple[Any, ...]
) -> Array:
    out = ops.conv(
        _in_groups(x, 1, groups),
        _kernel(w, groups, turned),
        **dict(zip(_NAMES, window, strict=True)),
    )
    out = _together(out, 1)
    if b is None:
        return out
    shaped = ops.reshape(b, shape=(b.shape[0], *(1,) * (out.ndim - 2)))
    return out + shaped


_NAMES = ("strides", "padding", "x_dilation", "w_dilation")
_OF_X, _OF_W = ops.conv.vjp[0], ops.conv.vjp[1]


def _pull(
    g: Array, x: Array, w: Array, b: Array | None, *, wanted: Any, groups: int, turned: bool,
    window: tuple[Any, ...],
) -> Any:  # fmt: skip
    params = dict(zip(_NAMES, window, strict=True))
    ct = _in_groups(g, 1, groups)
    of_x = of_w = of_b = None
    if wanted[0] or wanted[1]:
        args = [_in_groups(x, 1, groups), _kernel(w, groups, turned)]
        if wanted[0]:
            of_x = _together(_OF_X(ct, None, args, params, 0), 1)
        if wanted[1]:
            of_w = _weight(_OF_W(ct, None, args, params, 0), turned)
    if b is not None and wanted[2]:
        of_b = ops.reduce_sum(g, axes=(0, *range(2, g.ndim)))
    return of_x, of_w, of_b


CONVOLUTION = Pulled("ConvolutionBackward0", _value, _pull, checks=(0, 1), fuse=False)


# ---------------------------------------------------------------------------------------- arguments
def _sizes(name: str, value: Any, count: int) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            return (int(value[0]),) * count
        if len(value) != count:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {count} values to "
                f"match the convolution dimensions, but got {name}={list(value)}"
            )
        return tuple([int(n) for n in value])
    return (value.__index__(),) * count


def _batch(input: Any, count: int, name: str) -> Any:
    """The input with a batch dimension, and whether it had one."""
    ndim = input._np.ndim
    if ndim == count + 2:
        return input, True
    if ndim != count + 1:
        raise RuntimeError(
            f"Expected {count + 1}D (unbatched) or {count + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input._np.shape)}"
        )
    return input.unsqueeze(0), False


def _check(
    x: Any, weight: Any, bias: Any, groups: int, transposed: bool, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int],
) -> None:  # fmt: skip
    w = weight._np.shape
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    kind = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    if w[0] % groups or w[0] < groups:
        if w[0] < groups:
            raise RuntimeError(
                f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
                f"but got weight of size {list(w)} instead"
            )
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(w)}] instead"
        )
    channels = w[0] if transposed else w[1] * groups
    outputs = w[1] * groups if transposed else w[0]
    size = x._np.shape
    if size[1] != channels:
        raise RuntimeError(
            f"Given {kind}, weight of size {list(w)}, expected input{list(size)} to have "
            f"{channels} channels, but got {size[1]} channels instead"
        )
    if bias is not None and bias._np.shape != (outputs,):
        head = "Given transposed=1, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{head} of size {list(w)}, expected bias to be 1-dimensional with {outputs} elements, "
            f"but got bias of size {list(bias._np.shape)} instead"
        )
    if not transposed:
        padded = [n + 2 * p for n, p in zip(size[2:], padding, strict=True)]
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:], strict=True)]
        if any(n < r for n, r in zip(padded, reach, strict=True)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). "
                f"Kernel size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than "
                "actual input size"
            )
    _check_dtypes(x, weight, bias)


def _check_dtypes(x: Any, weight: Any, bias: Any) -> None:
    if bias is not None and bias._np.dtype != x._np.dtype:
        raise RuntimeError(
            f"Input type ({x.dtype.c_name}) and bias type ({bias.dtype.c_name}) "
            "should be the same"
        )
    if weight._np.dtype != x._np.dtype:
        raise RuntimeError(
            f"expected scalar type {x.dtype.scalar_name} but found {weight.dtype.scalar_name}"
        )


def _pads(
    padding: Any, count: int, stride: Sequence[int], dilation: Sequence[int], kernel: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    if not isinstance(padding, str):
        return tuple([(p, p) for p in _sizes("padding", padding, count)])
    if padding == "valid":
        return ((0, 0),) * count
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple([(n // 2, n - n // 2) for n in total])


def _convolve(
    name: str, count: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    dilation: Any, groups: int,
) -> Tensor:  # fmt: skip
    x, batched = _batch(input, count, name)
    rank = weight._np.ndim - 2
    stride = _sizes("stride", stride, rank) if rank == count or isinstance(
        stride, (tuple, list)) else (stride,) * count  # fmt: skip
    if rank != count:
        raise RuntimeError(
            f"expected stride to be a single integer value or a list of {rank} values to match the "
            f"convolution dimensions, but got stride={list(stride)}"
        )
    dilation = _sizes("dilation", dilation, count)
    pads = _pads(padding, count, stride, dilation, weight._np.shape[2:])
    _check(x, weight, bias, groups, False, stride, [min(p) for p in pads], dilation)
    window = (stride, pads, (1,) * count, dilation)
    out = CONVOLUTION((x, weight, bias), groups=groups, turned=False, window=window)
    return out if batched else out.squeeze(0)


def _convolve_transposed(
    name: str, count: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    x, batched = _batch(input, count, name)
    stride, dilation = _sizes("stride", stride, count), _sizes("dilation", dilation, count)
    cut = _sizes("padding", padding, count)
    extra = _sizes("output_padding", output_padding, count)
    _check(x, weight, bias, groups, True, stride, cut, dilation)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(_too_much(extra, stride, dilation))
    kernel = weight._np.shape[2:]
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    sizes = x._np.shape[2:]
    outs = [
        (n - 1) * s - 2 * c + r + e + 1
        for n, s, c, r, e in zip(sizes, stride, cut, reach, extra, strict=True)
    ]
    if min(outs) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({' x '.join(map(str, sizes))}). Calculated output "
            f"size per channel: ({' x '.join(map(str, outs))}). Output size is too small"
        )
    pads = tuple([(r - c, r - c + e) for r, c, e in zip(reach, cut, extra, strict=True)])
    window = ((1,) * count, pads, stride, dilation)
    out = CONVOLUTION((x, weight, bias), groups=groups, turned=True, window=window)
    return out if batched else out.squeeze(0)


def _too_much(extra: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> str:
    names: tuple[str, ...] = ("depth", "height", "width")
    if len(extra) == 1:  # PyTorch computes these as images of height 1
        extra, stride, dilation = (0, *extra), (1, *stride), (1, *dilation)
    names = names[-len(extra) :]
    parts = [
        f"{what}_{name}: {n}"
        for what, many in (("output_padding", extra), ("stride", stride), ("dilation", dilation))
        for name, n in zip(names, many, strict=True)
    ]
    return "output padding must be smaller than either stride or dilation, but got " + " ".join(
        parts
    )


# --------------------------------------------------------------------------------- public functions
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolution over one dimension. Source: ``torch.nn.functional.conv1d``."""
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolution over two dimensions; the kernel is not turned round.

    Args:
        input: f[batch, in, height, width], or without batch.
        weight: f[out, in / groups, height, width].
        bias: f[out].
        stride, dilation: one number or one for each dimension.
        padding: the same, or "same" or "valid".
        groups: number of groups of channels, each convolved by itself.

    Raises:
        RuntimeError: the sizes, dtypes or numbers do not go together.

    Source: ``torch.nn.functional.conv2d``.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolution over three dimensions. Source: ``torch.nn.functional.conv3d``."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Transposed ``conv1d``. Source: ``torch.nn.functional.conv_transpose1d``."""
    return _convolve_transposed(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Transposed ``conv2d``: its gradient by the input.

    Args:
        input: f[batch, in, height, width], or without batch.
        weight: f[in, out / groups, height, width].
        bias: f[out].
        stride: factors by which sizes grow.
        padding: elements cut off at both ends of the result.
        output_padding: elements added at its end.
        groups: number of groups of channels.
        dilation: distance between elements of the kernel.

    Raises:
        RuntimeError: the sizes, dtypes or numbers do not go together.

    Source: ``torch.nn.functional.conv_transpose2d``.
    """
    return _convolve_transposed(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Transposed ``conv3d``. Source: ``torch.nn.functional.conv_transpose3d``."""
    return _convolve_transposed(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )

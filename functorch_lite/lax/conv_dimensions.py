"""What a convolution's dimensions mean, the padding that words stand for, and resulting shapes."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from functorch_lite.errors import ShapeError

Spec = tuple[int, ...]
Pads = list[tuple[int, int]]


class ConvDimensionNumbers(NamedTuple):
    """Where a convolution finds its dimensions.

    Attributes:
        lhs_spec: axes of the batch, the channels and the spatial dimensions of the left operand.
        rhs_spec: axes of the output channels, the input channels and the spatial dimensions of the
            kernel.
        out_spec: like ``lhs_spec``, for the result.

    >>> conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 4), ("NHWC", "HWIO", "NHWC")).rhs_spec
    (3, 2, 0, 1)
    """

    lhs_spec: Spec
    rhs_spec: Spec
    out_spec: Spec


_LETTERS = (("N", "C"), ("O", "I"), ("N", "C"))


def conv_general_permutations(dimension_numbers: Sequence[str]) -> tuple[Spec, Spec, Spec]:
    """The permutations that bring three layouts, given as strings, to NC…, OI… and NC….

    Args:
        dimension_numbers: layouts of the left operand, the kernel and the result: a letter per
            axis. N is the batch, C the channels, I and O the kernel's input and output channels,
            and any other letters are spatial, in the order of the kernel's.

    Raises:
        TypeError: a layout without its two letters, with a letter twice, or with spatial letters
            that the others lack.

    >>> conv_general_permutations(("NHWC", "HWIO", "NHWC"))
    ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    """
    spatial = []
    for i, (spec, (first, second)) in enumerate(zip(dimension_numbers, _LETTERS, strict=True)):
        if spec.count(first) != 1 or spec.count(second) != 1 or len(set(spec)) != len(spec):
            raise TypeError(
                f"lax convolution: dimension_numbers[{i}] must hold {first!r} and {second!r} once, "
                f"and no letter twice; got {spec!r}. Remedy: ('NHWC', 'HWIO', 'NHWC'), for example."
            )
        spatial.append([letter for letter in spec if letter not in (first, second)])
    order = spatial[1]
    if any(sorted(letters) != sorted(order) for letters in spatial):
        raise TypeError(
            "lax convolution: the layouts of dimension_numbers must have the same spatial letters; "
            f"got {tuple(dimension_numbers)}."
        )
    lhs, rhs, out = (
        (spec.index(first), spec.index(second), *(spec.index(letter) for letter in order))
        for spec, (first, second) in zip(dimension_numbers, _LETTERS, strict=True)
    )
    return lhs, rhs, out


def conv_dimension_numbers(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any
) -> ConvDimensionNumbers:
    """Dimension numbers in one form.

    Args:
        lhs_shape, rhs_shape: shapes of the operands.
        dimension_numbers: None for NC…, OI…, NC…; a tuple of three strings, or of three tuples of
            axes; or the result of this function.

    Raises:
        ShapeError: operands of different ranks, or of rank below 2.
        TypeError: dimension numbers of another kind, or that do not name every axis once.

    >>> conv_dimension_numbers((2, 3, 8), (4, 3, 5), None)
    ConvDimensionNumbers(lhs_spec=(0, 1, 2), rhs_spec=(0, 1, 2), out_spec=(0, 1, 2))
    """
    ndim = len(lhs_shape)
    if ndim != len(rhs_shape) or ndim < 2:
        raise ShapeError(
            "lax convolution: lhs and rhs must have as many dimensions, at least 2; got shapes "
            f"{tuple(lhs_shape)} and {tuple(rhs_shape)}. Remedy: expand_dims or reshape one."
        )
    given = dimension_numbers
    if given is None:
        axes = tuple(range(ndim))
        return ConvDimensionNumbers(axes, axes, axes)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise TypeError(
            "lax convolution: dimension_numbers must be None, ConvDimensionNumbers or a tuple of "
            f"three layouts; got {given!r}. Remedy: ('NCHW', 'OIHW', 'NCHW'), for example."
        )
    if all(isinstance(spec, str) for spec in given):
        specs: Any = conv_general_permutations(given) if _fit(given, ndim) else given
    else:
        specs = tuple(tuple(map(operator.index, spec)) for spec in given)
    if not _fit(specs, ndim) or any(sorted(s) != list(range(ndim)) for s in specs):
        raise TypeError(
            f"lax convolution: each layout of dimension_numbers must name the {ndim} axes of the "
            f"operands, whose shapes are {tuple(lhs_shape)} and {tuple(rhs_shape)}; got {given!r}."
        )
    return ConvDimensionNumbers(*specs)


def _fit(specs: Any, ndim: int) -> bool:
    return all(len(spec) == ndim for spec in specs)


# ------------------------------------------------------------------------------------------ padding
def padtype_to_pads(
    in_shape: Sequence[int], window_shape: Sequence[int], window_strides: Sequence[int],
    padding: str,
) -> Pads:  # fmt: skip
    """The amounts of padding that a word stands for.

    Args:
        in_shape: sizes of the operand.
        window_shape: sizes of the window, its dilation included.
        window_strides: steps of the window.
        padding: "VALID" for none; "SAME" for ceil(size / stride) results, an odd amount being
            larger at the end; "SAME_LOWER" for the same, larger at the beginning.

    Returns:
        a pair (low, high) per dimension.

    Raises:
        ValueError: another word.

    >>> padtype_to_pads((5,), (4,), (1,), "SAME"), padtype_to_pads((5,), (4,), (1,), "SAME_LOWER")
    ([(1, 2)], [(2, 1)])
    """
    word = padding.upper() if isinstance(padding, str) else padding
    if word == "VALID":
        return [(0, 0)] * len(in_shape)
    if word not in ("SAME", "SAME_LOWER"):
        raise ValueError(
            "lax convolution: padding must be 'VALID', 'SAME', 'SAME_LOWER' or a pair (low, high) "
            f"per spatial dimension; got {padding!r}."
        )
    pads = []
    for n, k, s in zip(in_shape, window_shape, window_strides, strict=True):
        total = max(0, (-(-n // s) - 1) * s + k - n)
        less, more = total // 2, total - total // 2
        pads.append((int(less), int(more)) if word == "SAME" else (int(more), int(less)))
    return pads


def as_pairs(padding: Any, count: int) -> tuple[tuple[int, int], ...]:
    """Explicit padding, checked.

    Raises:
        ValueError: not ``count`` pairs of integers.
    """
    pads: tuple[tuple[int, int], ...] | None
    try:
        pads = tuple((operator.index(low), operator.index(high)) for low, high in padding)
    except (TypeError, ValueError):
        pads = None
    if pads is None or len(pads) != count:
        n = padding if isinstance(padding, int) else 1
        raise ValueError(
            "lax convolution: padding must be 'VALID', 'SAME', 'SAME_LOWER' or a pair (low, high) "
            f"per spatial dimension; got {padding!r}. Remedy: padding={[(n, n)] * count}, for "
            "example."
        )
    return pads


def transposed_padding(kernel: int, stride: int, padding: Any) -> tuple[int, int]:
    """Padding with which a dilated operand is convolved to transpose a convolution.

    Args:
        kernel: size of the kernel, its dilation included.
        stride: stride of the convolution that is transposed.
        padding: that convolution's padding: "SAME", "VALID" or a pair.

    >>> transposed_padding(3, 2, "SAME"), transposed_padding(3, 2, (1, 1))
    ((2, 1), (1, 1))
    """
    if padding == "SAME":
        total = kernel + stride - 2
        low = kernel - 1 if stride > kernel - 1 else -(-total // 2)
    elif padding == "VALID":
        total = kernel + stride - 2 + max(kernel - stride, 0)
        low = kernel - 1
    else:
        (before, after), low = padding, kernel - 1 - padding[0]
        total = 2 * (kernel - 1) - before - after
    return low, total - low


# ------------------------------------------------------------------------------------------ factors
def factors(fun: str, name: str, value: Any, ndim: int) -> tuple[int, ...]:
    """Strides or dilations, checked; None is 1 along every axis.

    Raises:
        TypeError: no sequence.
        ShapeError: not ``ndim`` positive integers.
    """
    if value is None:
        return (1,) * ndim
    if not isinstance(value, Iterable):
        raise TypeError(
            f"lax.{fun}: {name} must be a sequence of {ndim} ints, one per spatial dimension; got "
            f"{value!r}. Remedy: {name}={(value,) * ndim}."
        )
    found = tuple(map(operator.index, value))
    if len(found) != ndim or min(found, default=1) < 1:
        raise ShapeError(
            f"lax.{fun}: {name} must have a positive entry for each of the {ndim} spatial "
            f"dimensions; got {found}. Remedy: {name}={(1,) * ndim} leaves all as they are."
        )
    return found


# ------------------------------------------------------------------------------------------- shapes
def conv_general_shape_tuple(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], window_strides: Sequence[int], padding: Any,
    dimension_numbers: Any,
) -> tuple[int, ...]:  # fmt: skip
    """Shape of the result of a convolution without dilations and groups.

    >>> conv_general_shape_tuple((1, 8, 8, 3), (3, 3, 3, 4), (2, 2), "SAME",
    ...     ("NHWC", "HWIO", "NHWC"))
    (1, 4, 4, 4)
    """
    lhs_spec, rhs_spec, out_spec = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    sizes = [lhs_shape[i] for i in lhs_spec[2:]]
    kernel = [rhs_shape[i] for i in rhs_spec[2:]]
    strides = factors("conv_general_shape_tuple", "window_strides", window_strides, len(sizes))
    if isinstance(padding, str):
        padding = padtype_to_pads(sizes, kernel, strides, padding)
    pads = as_pairs(padding, len(sizes))
    outs = (
        max(0, (n + low + high - k) // s + 1)
        for n, k, s, (low, high) in zip(sizes, kernel, strides, pads, strict=True)
    )
    shape = [0] * len(lhs_shape)
    for axis, n in zip(
        out_spec, (lhs_shape[lhs_spec[0]], rhs_shape[rhs_spec[0]], *outs), strict=True
    ):
        shape[axis] = n
    return tuple(shape)

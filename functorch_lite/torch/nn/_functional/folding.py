"""Windows as columns and back, and channels as pixels and back."""

from __future__ import annotations

from typing import Any

from functorch_lite.nn import pixels as nn_pixels
from functorch_lite.nn.fold import fold_value, unfold_value
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.pulled import Linear

__all__ = ["channel_shuffle", "fold", "pixel_shuffle", "pixel_unshuffle", "unfold"]

Pair = tuple[int, int]


def _pair(value: Any) -> Pair:
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            return int(value[0]), int(value[0])
        return int(value[0]), int(value[1])
    return int(value), int(value)


# ----------------------------------------------------------------------------------- windows
def _blocks(size: Pair, kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> list[int]:
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]


UNFOLD = Linear(
    "Im2ColBackward0", unfold_value,
    lambda g, _, size, window: fold_value(g, size=size, window=window),
)  # fmt: skip
FOLD = Linear(
    "Col2ImBackward0", fold_value,
    lambda g, _, size, window: unfold_value(g, size=size, window=window),
)  # fmt: skip


def _checked(kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Pair, ...]:
    found = (_pair(kernel), _pair(dilation), _pair(padding), _pair(stride))
    for name, n, least in zip(
        ("kernel size", "dilation", "padding", "stride"), found, (1, 1, 0, 1), strict=True
    ):
        if min(n) < least:
            what = "be non-negative" if not least else "be greater than zero"
            parts = ("height", "width")
            given = " ".join(f"{name.replace(' ', '_')}_{a}: {m}" for a, m in zip(parts, n))  # noqa: B905
            raise RuntimeError(f"{name} should {what}, but got {given}")
    return found


def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of an image, each as a column.

    Args:
        input: f[batch, channels, height, width], or without batch.
        kernel_size, dilation, padding, stride: one number or two.

    Returns:
        f[batch, channels * kernel, windows].

    Source: ``torch.nn.functional.unfold``.
    """
    shape = input._np.shape
    if len(shape) < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}]"
            ", but got 2)"
        )
    window = _checked(kernel_size, dilation, padding, stride)
    size = (shape[-2], shape[-1])
    rows, columns = _blocks(size, *window)
    if rows < 1 or columns < 1:
        kernel, apart, pads = window[:3]
        raise RuntimeError(
            f"Given input with spatial size ({size[0]}, {size[1]}), kernel_size=({kernel[0]}, "
            f"{kernel[1]}), dilation=({apart[0]}, {apart[1]}), padding=({pads[0]}, {pads[1]}), "
            f"calculated shape of the array of sliding blocks as ({rows}, {columns}), but its "
            "components must be at least one."
        )
    return UNFOLD(input, size=size, window=window)


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """An image from its windows, which add up where they overlap.

    Args:
        input: f[batch, channels * kernel, windows], or without batch.
        output_size: height and width of the image.

    Returns:
        f[batch, channels, height, width].

    Source: ``torch.nn.functional.fold``.
    """
    window, size = _checked(kernel_size, dilation, padding, stride), _pair(output_size)
    shape = input._np.shape
    kernel = window[0][0] * window[0][1]
    if shape[-2] % kernel:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={shape[-2]} and kernel_size=({window[0][0]}, {window[0][1]})."
        )
    rows, columns = _blocks(size, *window)
    if shape[-1] != rows * columns:
        text = [
            f"{name}=({a}, {b})"
            for name, (a, b) in zip(
                ("output_size", "kernel_size", "dilation", "padding", "stride"), (size, *window),
                strict=True,
            )
        ]  # fmt: skip
        raise RuntimeError(
            f"Given {', '.join(text)}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {rows} * {columns} = {rows * columns}, but got "
            f"input.size(2)={shape[-1]}."
        )
    return FOLD(input, size=size, window=window)


# ---------------------------------------------------------------------------------- pixels
SHUFFLE = Linear(
    "PixelShuffleBackward0", lambda x, by: nn_pixels.pixel_shuffle(x, by),
    lambda g, _, by: nn_pixels.pixel_unshuffle(g, by),
)  # fmt: skip
UNSHUFFLE = Linear(
    "PixelUnshuffleBackward0", lambda x, by: nn_pixels.pixel_unshuffle(x, by),
    lambda g, _, by: nn_pixels.pixel_shuffle(g, by),
)  # fmt: skip
MIX = Linear(
    "ChannelShuffleBackward0", lambda x, groups: nn_pixels.channel_shuffle(x, groups),
    lambda g, shape, groups: nn_pixels.channel_shuffle(g, shape[1] // groups),
)  # fmt: skip


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """Channels laid out as pixels: [..., c r r, h, w] to [..., c, h r, w r].

    Source: ``torch.nn.functional.pixel_shuffle``.
    """
    shape = input._np.shape
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if upscale_factor <= 0:
        raise RuntimeError(
            f"pixel_shuffle expects a positive upscale_factor, but got {upscale_factor}"
        )
    if shape[-3] % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={shape[-3]} is not divisible by "
            f"{upscale_factor**2}"
        )
    return SHUFFLE(input, by=int(upscale_factor))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """Pixels laid out as channels. Source: ``torch.nn.functional.pixel_unshuffle``."""
    shape = input._np.shape
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if downscale_factor <= 0:
        raise RuntimeError(
            f"pixel_unshuffle expects a positive downscale_factor, but got {downscale_factor}"
        )
    for at, name in ((-2, "height"), (-1, "width")):
        if shape[at] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({at})={shape[at]} is not divisible by {downscale_factor}"
            )
    return UNSHUFFLE(input, by=int(downscale_factor))


def channel_shuffle(input: Any, groups: int) -> Tensor:
    """Channels of several groups in turn. Source: ``torch.nn.functional.channel_shuffle``."""
    shape = input._np.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    return MIX(input, groups=int(groups))

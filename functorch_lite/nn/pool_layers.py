"""Pooling layers: the functions of ``nn.pool`` and ``nn.adaptive_pool`` with their settings bound.

All are stateless and have no parameters: ``apply((), x) -> out``. Settings and their order are
PyTorch's; those that the functions refuse are refused when a layer is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.nn.adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

Size = int | Sequence[int]


def _layer(function: Callable[..., Any], name: str, main: Any, settings: dict[str, Any]) -> Layer:
    """A layer that applies ``function(x, *main, **settings)``; its name shows what is set."""
    defaults = {"stride": None, "padding": 0, "dilation": 1, "count_include_pad": True}
    shown = [repr(value) for value in main]
    shown += [f"{k}={v!r}" for k, v in settings.items() if v != defaults.get(k, False)]
    shown = [text for text in shown if text != "divisor_override=None"]

    def apply(params: Any, x: Any) -> Any:
        return function(x, *main, **settings)

    return Layer(without_params, apply, f"{name}({', '.join(shown)})")


# -------------------------------------------------------------------------------------- max pooling
def MaxPool1d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Layer:
    """A layer that applies :func:`max_pool1d`.

    >>> MaxPool1d(2, padding=1)
    MaxPool1d(2, padding=1)

    Source: ``torch.nn.MaxPool1d``.
    """
    settings = _max_settings(stride, padding, dilation, return_indices, ceil_mode)
    return _layer(max_pool1d, "MaxPool1d", (kernel_size,), settings)


def MaxPool2d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Layer:
    """A layer that applies :func:`max_pool2d`.

    >>> import functorch_lite.numpy as fnp
    >>> MaxPool2d(2).apply((), fnp.ones((3, 8, 8))).shape
    (3, 4, 4)

    Source: ``torch.nn.MaxPool2d``.
    """
    settings = _max_settings(stride, padding, dilation, return_indices, ceil_mode)
    return _layer(max_pool2d, "MaxPool2d", (kernel_size,), settings)


def MaxPool3d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Layer:
    """A layer that applies :func:`max_pool3d`.

    >>> MaxPool3d((1, 2, 2), return_indices=True)
    MaxPool3d((1, 2, 2), return_indices=True)

    Source: ``torch.nn.MaxPool3d``.
    """
    settings = _max_settings(stride, padding, dilation, return_indices, ceil_mode)
    return _layer(max_pool3d, "MaxPool3d", (kernel_size,), settings)


def _max_settings(
    stride: Any, padding: Any, dilation: Any, return_indices: bool, ceil_mode: bool
) -> dict[str, Any]:
    return {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "return_indices": return_indices,
        "ceil_mode": ceil_mode,
    }


# ---------------------------------------------------------------------------------- average pooling
def AvgPool1d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Layer:
    """A layer that applies :func:`avg_pool1d`.

    >>> AvgPool1d(2, 1)
    AvgPool1d(2, stride=1)

    Source: ``torch.nn.AvgPool1d``.
    """
    settings = _avg_settings(stride, padding, ceil_mode, count_include_pad)
    return _layer(avg_pool1d, "AvgPool1d", (kernel_size,), settings)


def AvgPool2d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Layer:
    """A layer that applies :func:`avg_pool2d`.

    >>> import functorch_lite.numpy as fnp
    >>> AvgPool2d(2).apply((), fnp.ones((3, 8, 8))).shape
    (3, 4, 4)

    Source: ``torch.nn.AvgPool2d``.
    """
    settings = _avg_settings(stride, padding, ceil_mode, count_include_pad)
    settings["divisor_override"] = divisor_override
    return _layer(avg_pool2d, "AvgPool2d", (kernel_size,), settings)


def AvgPool3d(
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Layer:
    """A layer that applies :func:`avg_pool3d`.

    >>> AvgPool3d(2, count_include_pad=False, divisor_override=3)
    AvgPool3d(2, count_include_pad=False, divisor_override=3)

    Source: ``torch.nn.AvgPool3d``.
    """
    settings = _avg_settings(stride, padding, ceil_mode, count_include_pad)
    settings["divisor_override"] = divisor_override
    return _layer(avg_pool3d, "AvgPool3d", (kernel_size,), settings)


def _avg_settings(
    stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> dict[str, Any]:
    return {
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
    }


# ------------------------------------------------------------------------------------------ p-norms
def LPPool1d(
    norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Layer:
    """A layer that applies :func:`lp_pool1d`.

    >>> LPPool1d(2, 3)
    LPPool1d(2, 3)

    Source: ``torch.nn.LPPool1d``.
    """
    settings = {"stride": stride, "ceil_mode": ceil_mode}
    return _layer(lp_pool1d, "LPPool1d", (norm_type, kernel_size), settings)


def LPPool2d(
    norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Layer:
    """A layer that applies :func:`lp_pool2d`.

    >>> LPPool2d(2, 3, ceil_mode=True)
    LPPool2d(2, 3, ceil_mode=True)

    Source: ``torch.nn.LPPool2d``.
    """
    settings = {"stride": stride, "ceil_mode": ceil_mode}
    return _layer(lp_pool2d, "LPPool2d", (norm_type, kernel_size), settings)


def LPPool3d(
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Layer:
    """A layer that applies :func:`lp_pool3d`.

    >>> LPPool3d(2, 3)
    LPPool3d(2, 3)

    Source: ``torch.nn.LPPool3d``.
    """
    settings = {"stride": stride, "ceil_mode": ceil_mode}
    return _layer(lp_pool3d, "LPPool3d", (norm_type, kernel_size), settings)


# ----------------------------------------------------------------------------------------- adaptive
def AdaptiveAvgPool1d(output_size: Any) -> Layer:
    """A layer that applies :func:`adaptive_avg_pool1d`.

    >>> AdaptiveAvgPool1d(5)
    AdaptiveAvgPool1d(5)

    Source: ``torch.nn.AdaptiveAvgPool1d``.
    """
    return _layer(adaptive_avg_pool1d, "AdaptiveAvgPool1d", (output_size,), {})


def AdaptiveAvgPool2d(output_size: Any) -> Layer:
    """A layer that applies :func:`adaptive_avg_pool2d`.

    >>> import functorch_lite.numpy as fnp
    >>> AdaptiveAvgPool2d(1).apply((), fnp.ones((3, 7, 5))).shape
    (3, 1, 1)

    Source: ``torch.nn.AdaptiveAvgPool2d``.
    """
    return _layer(adaptive_avg_pool2d, "AdaptiveAvgPool2d", (output_size,), {})


def AdaptiveAvgPool3d(output_size: Any) -> Layer:
    """A layer that applies :func:`adaptive_avg_pool3d`.

    >>> AdaptiveAvgPool3d((None, 2, 2))
    AdaptiveAvgPool3d((None, 2, 2))

    Source: ``torch.nn.AdaptiveAvgPool3d``.
    """
    return _layer(adaptive_avg_pool3d, "AdaptiveAvgPool3d", (output_size,), {})


def AdaptiveMaxPool1d(output_size: Any, return_indices: bool = False) -> Layer:
    """A layer that applies :func:`adaptive_max_pool1d`.

    >>> AdaptiveMaxPool1d(5)
    AdaptiveMaxPool1d(5)

    Source: ``torch.nn.AdaptiveMaxPool1d``.
    """
    settings = {"return_indices": return_indices}
    return _layer(adaptive_max_pool1d, "AdaptiveMaxPool1d", (output_size,), settings)


def AdaptiveMaxPool2d(output_size: Any, return_indices: bool = False) -> Layer:
    """A layer that applies :func:`adaptive_max_pool2d`.

    >>> import functorch_lite.numpy as fnp
    >>> AdaptiveMaxPool2d((2, None)).apply((), fnp.ones((3, 7, 5))).shape
    (3, 2, 5)

    Source: ``torch.nn.AdaptiveMaxPool2d``.
    """
    settings = {"return_indices": return_indices}
    return _layer(adaptive_max_pool2d, "AdaptiveMaxPool2d", (output_size,), settings)


def AdaptiveMaxPool3d(output_size: Any, return_indices: bool = False) -> Layer:
    """A layer that applies :func:`adaptive_max_pool3d`.

    >>> AdaptiveMaxPool3d(2, return_indices=True)
    AdaptiveMaxPool3d(2, return_indices=True)

    Source: ``torch.nn.AdaptiveMaxPool3d``.
    """
    settings = {"return_indices": return_indices}
    return _layer(adaptive_max_pool3d, "AdaptiveMaxPool3d", (output_size,), settings)

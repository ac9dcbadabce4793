"""Modes that find out which operation broke a backward pass."""

from __future__ import annotations

import warnings

from functorch_lite.torch._core.grad_mode import _Context, mode
from functorch_lite.torch._core.public import public

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class _Anomaly(_Context):
    """Switches the search for anomalies."""

    def __init__(self, wanted: bool, check_nan: bool) -> None:
        self.before = mode.anomaly, mode.check_nan
        self.wanted = wanted, check_nan

    def __enter__(self) -> None:
        mode.anomaly, mode.check_nan = self.wanted

    def __exit__(self, *exception: object) -> None:
        mode.anomaly, mode.check_nan = self.before


class detect_anomaly(_Anomaly):
    """Within it, operations remember where they were called, and NaN gradients are errors.

    Args:
        check_nan: whether NaN gradients are errors.

    Source: ``torch.autograd.detect_anomaly``.
    """

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def clone(self) -> _Context:
        """A context like this one."""
        return _Anomaly(*self.wanted)


class set_detect_anomaly(_Anomaly):
    """Switches the search at once, and back at the end if used as a context.

    Args:
        mode: whether to search.
        check_nan: whether NaN gradients are errors.

    Source: ``torch.autograd.set_detect_anomaly``.
    """

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(mode, check_nan)
        _Anomaly.__enter__(self)

    def clone(self) -> _Context:
        """A context like this one."""
        return set_detect_anomaly(*self.wanted)


@public(methods=False)
def is_anomaly_enabled() -> bool:
    """Whether operations remember where they were called. Source: ``torch.is_anomaly_enabled``."""
    return mode.anomaly


@public(methods=False)
def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN gradients are errors then. Source: ``torch.is_anomaly_check_nan_enabled``."""
    return mode.check_nan

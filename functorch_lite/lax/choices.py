"""Types of arguments that choose between ways to compute the same."""

from __future__ import annotations

import enum
from typing import Any

__all__ = ["AccuracyMode", "RandomAlgorithm", "RoundingMethod", "Tolerance", "check_accuracy"]


class RoundingMethod(enum.IntEnum):
    """What :func:`round` does halfway between two integers.

    >>> from functorch_lite import lax
    >>> lax.round(2.5, RoundingMethod.TO_NEAREST_EVEN)
    Array(2., dtype=float32)
    """

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


class RandomAlgorithm(enum.IntEnum):
    """The generators of :func:`rng_bit_generator`; the default is Philox, as XLA's on CPUs.

    >>> RandomAlgorithm.RNG_PHILOX == 2
    True
    """

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


class AccuracyMode(enum.Enum):
    """How exactly an elementary function is wanted: by default, or as exactly as there is.

    There is one version of each function here, which serves for both.

    >>> from functorch_lite import lax
    >>> lax.exp(0.0, accuracy=AccuracyMode.HIGHEST)
    Array(1., dtype=float32)
    """

    HIGHEST = 1
    DEFAULT = 2


class Tolerance:
    """The error that an elementary function may have; at most two of three measures.

    Args:
        atol: absolute error.
        rtol: relative error.
        ulps: error in units of the last place; not together with ``rtol``.

    Raises:
        ValueError: a negative number, or both ``rtol`` and ``ulps``.

    >>> Tolerance(rtol=1e-3)
    Tolerance(atol=0.0, rtol=0.001, ulps=0)
    """

    __slots__ = ("atol", "rtol", "ulps")

    def __init__(self, atol: float = 0.0, rtol: float = 0.0, ulps: int = 0) -> None:
        if atol < 0 or rtol < 0 or ulps < 0 or (rtol and ulps):
            raise ValueError(
                "lax.Tolerance: expected atol, rtol and ulps that are not negative, and not both "
                f"rtol and ulps; got atol={atol}, rtol={rtol}, ulps={ulps}. Remedy: leave one out."
            )
        self.atol, self.rtol, self.ulps = atol, rtol, ulps

    def __repr__(self) -> str:
        return f"Tolerance(atol={self.atol}, rtol={self.rtol}, ulps={self.ulps})"


def check_accuracy(fun: str, accuracy: Any) -> None:
    """Raise unless ``accuracy`` says how exact a function is to be.

    Raises:
        TypeError: it is something else.
    """
    if accuracy is not None and not isinstance(accuracy, (Tolerance, AccuracyMode)):
        raise TypeError(
            f"lax.{fun}: accuracy must be None, a Tolerance or an AccuracyMode; got {accuracy!r}. "
            f"Remedy: accuracy=lax.Tolerance(rtol={accuracy!r})."
            if isinstance(accuracy, (int, float))
            else f"lax.{fun}: accuracy must be None, a Tolerance or an AccuracyMode; got "
            f"{accuracy!r}. Remedy: leave it out."
        )

"""The logarithm of the gamma function and its derivative, where samplers need them."""

from __future__ import annotations

import math

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array

__all__ = ["digamma", "log_gamma"]

# Lanczos' approximation with g = 7 and nine terms, right to 15 digits.
_LANCZOS = (
    676.520368121885098567,
    -1259.13921672240287047,
    771.323428777653078849,
    -176.615029162140599066,
    12.5073432786869048145,
    -0.138571095265720116896,
    9.98436957801957085956e-6,
    1.50563273514931155834e-7,
)
_BASE = 0.999999999999809932277
_G = 7.0
# B(2k) / (2k) for k = 1, 2, ...: Bernoulli's numbers in the expansion of digamma.
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_FAR = 10


def log_gamma(x: Array) -> Array:
    """log(Gamma(x)) for x >= 1/2, in the dtype of ``x``.

    In float32 it is the same approximation that XLA computes: ``poisson`` compares it with numbers
    of its size, so another one, though as good, would give other samples than JAX's.
    """
    z = x - 1.0
    total = fnp.full_like(x, _BASE)
    for i, c in enumerate(_LANCZOS):
        total = total + c / (z + (i + 1.0))
    shift = _G + 0.5
    log_t = math.log(shift) + fnp.log1p(z / shift)
    half_log_two_pi = math.log(2.0 * math.pi) / 2.0
    return (half_log_two_pi + (z + 0.5 - (z + shift) / log_t) * log_t) + fnp.log(total)


def digamma(x: Array) -> Array:
    """The derivative of log(Gamma(x)) for x > 0: shifted upwards, then its asymptotic series."""
    shifted = sum((1.0 / (x + float(i)) for i in range(1, _FAR)), 1.0 / x)
    y = x + float(_FAR)
    series, power = fnp.zeros_like(x), 1.0 / (y * y)
    for c in reversed(_BERNOULLI):
        series = (series + c) * power
    return fnp.log(y) - 0.5 / y - series - shifted

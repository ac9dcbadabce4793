"""Number theory, element by element."""

from __future__ import annotations

import numpy as np

from functorch_lite.ops.families import NOT_DIFFERENTIABLE, elementwise

__all__ = ["gcd"]

gcd = elementwise(
    "gcd", np.gcd, NOT_DIFFERENTIABLE, operands=("x", "y"), kinds="i", domain=((-9, 9), (-9, 9)),
    code="gcd({0}, {1})",
)  # fmt: skip
gcd.info["library"] = "numpy"  # no scalar code of its own

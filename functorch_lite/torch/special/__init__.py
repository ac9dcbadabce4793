"""Special functions. Source: ``torch.special``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS as _FUNCTIONS
from functorch_lite.torch._core.public import public as _public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import everything as _everything  # noqa: F401  (publishes)
from functorch_lite.torch._ops.special_functions import SPECIAL as _SPECIAL
from functorch_lite.torch._scripts.names import module_getattr as _module_getattr

# Under the names that they have elsewhere.
_ALIASES = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammaln": "lgamma", "i0": "i0", "log1p": "log1p",
    "logit": "logit", "logsumexp": "logsumexp", "multigammaln": "mvlgamma",
    "polygamma": "polygamma", "psi": "digamma", "sinc": "sinc", "xlogy": "xlogy",
}  # fmt: skip

globals().update({name: _FUNCTIONS[theirs] for name, theirs in _ALIASES.items()})
globals().update(_SPECIAL)


@_public(function=False, methods=False)
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(input) over the sum of it along a dimension. Source: ``torch.special.softmax``."""
    found: Tensor = _FUNCTIONS["softmax"](input, dim, dtype=dtype)
    return found


@_public(function=False, methods=False)
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of softmax. Source: ``torch.special.log_softmax``."""
    found: Tensor = _FUNCTIONS["log_softmax"](input, dim, dtype=dtype)
    return found


__all__ = sorted(["Tensor", "log_softmax", "softmax", *_ALIASES, *_SPECIAL])  # noqa: PLE0605

__getattr__ = _module_getattr(globals())

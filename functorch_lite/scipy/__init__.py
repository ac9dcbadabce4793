"""jax.scipy's modules: ``functorch_lite.scipy.linalg`` and ``functorch_lite.scipy.special``."""

from functorch_lite.scipy import linalg, special

__all__ = ["linalg", "special"]

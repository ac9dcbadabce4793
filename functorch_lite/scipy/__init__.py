"""jax.scipy's modules: ``functorch_lite.scipy.linalg``, ``.special`` and ``.stats``."""

from functorch_lite.scipy import linalg, special, stats

__all__ = ["linalg", "special", "stats"]

"""PyTorch's CPU random streams over NumPy arrays: the engine, and in ``samplers`` what draws."""

from functorch_lite.torch._rng import samplers
from functorch_lite.torch._rng.engine import DEFAULT_SEED, Engine

__all__ = ["DEFAULT_SEED", "Engine", "samplers"]

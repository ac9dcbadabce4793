"""Checks for functions and rules: derivatives against differences, ``vmap`` against a loop."""

from functorch_lite.testing.check_grads import check_grads
from functorch_lite.testing.vmap_loop import check_vmap

__all__ = ["check_grads", "check_vmap"]

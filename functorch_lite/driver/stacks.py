"""Stacks of small matrices by a compiled loop over LAPACK's routines."""

from __future__ import annotations

from typing import Any

from functorch_lite.driver.programs import default_backend
from functorch_lite.ops.routines import install_loop

__all__: list[str] = []


def _loop(arguments: int) -> Any:
    if default_backend() != "cpu":
        return None
    from functorch_lite.backends.cpu import strided

    return strided.loop(arguments)


install_loop(_loop)

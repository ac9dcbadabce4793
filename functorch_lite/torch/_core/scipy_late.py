"""SciPy's functions, loaded when one is first used: they take as long to import as all else."""

from __future__ import annotations

from typing import Any

__all__ = ["distance", "special"]


class _Special:
    """``scipy.special``."""

    def __getattr__(self, name: str) -> Any:
        from scipy import special as module

        found = getattr(module, name)
        setattr(self, name, found)  # found without a call from now on
        return found


class _Distance:
    """``scipy.spatial.distance``."""

    def __getattr__(self, name: str) -> Any:
        from scipy.spatial import distance as module

        found = getattr(module, name)
        setattr(self, name, found)
        return found


special = _Special()
distance = _Distance()

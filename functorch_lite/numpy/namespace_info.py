"""What the array API standard lets programs ask about this namespace."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.device import Device, devices
from functorch_lite.core.dtypes import DTYPES, bfloat16, float16
from functorch_lite.numpy.dtypes import isdtype

__array_api_version__ = "2024.12"
"""The version of the array API standard whose names and semantics this namespace follows."""


class NamespaceInfo:
    """The standard's inspection object.

    >>> NamespaceInfo().default_dtypes()["real floating"]
    dtype('float32')
    """

    def capabilities(self) -> dict[str, Any]:
        """Whether bool masks and answers of unknown size are supported: yes, outside ``jit``."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where new arrays live."""
        return devices()[0]

    def devices(self) -> list[Device]:
        """All devices."""
        return devices()

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of new arrays, by kind."""
        return {
            "real floating": np.dtype("float32"),
            "complex floating": np.dtype("complex64"),
            "integral": np.dtype("int64"),
            "indexing": np.dtype("int64"),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The standard's dtypes that arrays may have, by name, all or those of one kind."""
        known = [d for d in DTYPES if d not in (bfloat16, float16)]
        return {d.name: d for d in known if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> NamespaceInfo:
    """The standard's inspection object.

    >>> "int8" in __array_namespace_info__().dtypes(kind="integral")
    True
    """
    return NamespaceInfo()

"""Arrays to and from NumPy's ``.npy`` and ``.npz`` files, and how arrays print."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import bfloat16
from functorch_lite.numpy.convert import asarray

# An array prints as NumPy prints it, so NumPy's options are the options.
get_printoptions = np.get_printoptions
printoptions = np.printoptions
set_printoptions = np.set_printoptions


def save(file: Any, arr: Any) -> None:
    """Write one array to a ``.npy`` file.

    Args:
        file: a path or a binary file; a path without the suffix ``.npy`` gets it.
        arr: the array.

    >>> import io
    >>> file = io.BytesIO()
    >>> save(file, asarray([1.0, 2.0]))
    >>> _ = file.seek(0)
    >>> load(file)
    Array([1., 2.], dtype=float32)
    """
    np.save(file, np.asarray(asarray(arr)))


def savez(file: Any, *args: Any, **kwds: Any) -> None:
    """Write several arrays to one ``.npz`` file: ``arr_0``, ``arr_1`` … and those named."""
    named = {name: np.asarray(asarray(x)) for name, x in kwds.items()}
    np.savez(file, *(np.asarray(asarray(x)) for x in args), **named)  # type: ignore[arg-type]


def load(file: Any) -> Any:
    """Read what :func:`save` or :func:`savez` wrote.

    Args:
        file: a path or a binary file.  Pickled objects in it are refused.

    Returns:
        the Array of a ``.npy`` file; of a ``.npz`` file a dict from names to Arrays.
    """
    found = np.load(file, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return _array(found)
    with found:
        return {name: _array(found[name]) for name in found.files}


def _array(x: np.ndarray) -> Array:
    # The format has no name for bfloat16: it is written as raw words of two bytes.
    return asarray(x.view(bfloat16) if x.dtype == np.dtype("V2") else x)

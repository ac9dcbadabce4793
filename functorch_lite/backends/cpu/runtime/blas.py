"""Where BLAS is: the matrix products of SciPy's library, and how to set that library's threads.

SciPy's wheels carry OpenBLAS as a file of their own, which we open without importing SciPy; where
there is none, SciPy says where its BLAS is.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["gemm_address", "small_is_quick", "thread_functions"]

_TILING_CORES = (b"skylakex", b"cooperlake", b"sapphirerapids")
_NAMES = {np.dtype(np.float32): "sgemm", np.dtype(np.float64): "dgemm"}


def gemm_address(dtype: DTypeLike) -> int:
    """Return the address of BLAS's matrix product in Fortran's convention, all by pointer.

    Args:
        dtype: float32 or float64.

    Raises:
        KeyError: another dtype.

    Example:
        >>> gemm_address("float32") != gemm_address("float64")
        True
    """
    return _gemm_address(_NAMES[np.dtype(dtype)])


@functools.cache
def _gemm_address(name: str) -> int:
    for library in _wheel_libraries():
        found = _symbol(library, f"scipy_{name}_")
        if found:
            return found
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    signature = ctypes.pythonapi.PyCapsule_GetName
    signature.restype, signature.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, signature(capsule)))


@functools.cache
def thread_functions() -> tuple[int, int]:
    """Return the addresses of the functions that set and get BLAS's number of threads.

    Both are 0 where the library SciPy uses has none we know; then it keeps its own threads.
    """
    for libraries, prefix in (
        (_wheel_libraries, "scipy_openblas"),
        (_wheel_libraries, "openblas"),
        (_environment_libraries, "openblas"),
    ):
        for library in libraries():
            pair = [_symbol(library, f"{prefix}_{verb}_num_threads") for verb in ("set", "get")]
            if all(pair):
                return pair[0], pair[1]
    return 0, 0


@functools.cache
def small_is_quick() -> bool:
    """Return whether BLAS has quick kernels for small matrices, so that tiles pay.

    That is OpenBLAS on processors with AVX-512. It is asked for its name rather than timed, so that
    results do not change from one process to the next.
    """
    for library in _wheel_libraries():
        if _symbol(library, "scipy_openblas_get_corename"):
            ask = library["scipy_openblas_get_corename"]
            ask.restype = ctypes.c_char_p
            return (ask() or b"").lower() in _TILING_CORES
    return False


def _symbol(library: Any, name: str) -> int:
    """Address of a function, or 0."""
    try:
        return ctypes.cast(library[name], ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


@functools.cache
def _wheel_libraries() -> list[Any]:
    """OpenBLAS as SciPy's wheels carry it."""
    spec = importlib.util.find_spec("scipy")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    return _open([package.parent / "scipy.libs", package / ".dylibs"])


@functools.cache
def _environment_libraries() -> list[Any]:
    """OpenBLAS as the environment has it, for a SciPy that was built against that."""
    return _open([Path(sys.prefix, "lib"), Path(sys.prefix, "Library", "bin")])


def _open(places: list[Path]) -> list[Any]:
    made = []
    for place in places:
        for file in sorted(place.glob("*openblas*")) if place.is_dir() else []:
            if file.suffix in (".dll", ".dylib") or ".so" in file.name:
                try:
                    made.append(ctypes.CDLL(str(file)))
                except OSError:
                    continue
    return made

"""The libraries under one set of names each, so that a row says the work and not the library.

``load`` imports nothing but the library asked for: a worker process holds one of them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ArrayKit", "FunctionalKit", "TorchKit", "Unavailable", "environment", "load"]

MODULES = {
    "ours": "functorch_lite",
    "jax": "jax",
    "torch": "torch",
    "compile": "torch",
    "numpy": "numpy",
    "cupy": "cupy",
}


class Unavailable(Exception):
    """A library, a device or a tool that a figure needs is not there; says which."""


class FunctionalKit:
    """A library with JAX's names: functorch_lite or JAX.

    ``np``, ``lax``, ``random`` and ``nn`` are its namespaces; ``jit``, ``grad``,
    ``value_and_grad``, ``vmap``, ``jvp`` and ``hessian`` its transforms; ``stage(f)(*args)`` traces
    ``f`` and no more; ``optim`` is its optimisers, or None.
    """

    def __init__(self, name: str, library: Any, device: str) -> None:
        self.name = name
        self.device = device
        self.np = importlib.import_module(f"{library.__name__}.numpy")
        self.lax, self.random, self.nn = library.lax, library.random, library.nn
        self.jit, self.grad, self.value_and_grad = library.jit, library.grad, library.value_and_grad
        self.vmap, self.jvp, self.hessian = library.vmap, library.jvp, library.hessian
        self.stage = library.make_jaxpr if name == "jax" else library.make_graph
        # Our arrays on the CPU are always ready: looking for a reason to wait would be timed.
        at_once = name == "ours" and device == "cpu"
        self.ready: Callable[[Any], Any] = _same if at_once else library.block_until_ready
        self.optim = getattr(library, "optim", None)
        self.version = library.__version__ if name == "jax" else version("functorch_lite")
        self._put = library.device_put

    def array(self, x: np.ndarray) -> Any:
        """A NumPy array as one of the library, on the device."""
        return self._put(x) if self.name == "jax" else self._put(x, self.device)

    def numpy(self, x: Any) -> np.ndarray:
        """An array of the library as one of NumPy."""
        if hasattr(x, "detach"):  # of the PyTorch-shaped package
            return np.asarray(x.detach().numpy())
        return np.asarray(self._put(x, "cpu") if self.name == "ours" else x)

    def conv2d(self, x: Any, weight: Any, bias: Any) -> Any:
        """Valid convolution of f[batch, in, h, w] with f[out, in, kh, kw], plus f[out]."""
        if self.name == "ours":
            return self.nn.conv2d(x, weight, bias)
        out = self.lax.conv_general_dilated(x, weight, (1, 1), "VALID")
        return out + bias[:, None, None]

    def max_pool2d(self, x: Any, size: int) -> Any:
        """Maxima over windows of size x size that do not overlap, of f[batch, channels, h, w]."""
        if self.name == "ours":
            return self.nn.max_pool2d(x, size)
        window = (1, 1, size, size)
        return self.lax.reduce_window(x, -np.inf, self.lax.max, window, window, "VALID")

    def forget(self) -> None:
        """Drop what was compiled."""


class TorchKit:
    """PyTorch; ``compile`` is ``torch.compile`` in one of its two implementations."""

    def __init__(self, name: str, library: Any, device: str) -> None:
        self.name = name
        self.device = device
        self.torch = library
        self.functional = library.nn.functional
        self.version = library.__version__

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, or compiled; with CUDA graphs on a GPU."""
        if self.name == "torch":
            return function
        mode = "reduce-overhead" if self.device == "cuda" else None
        return self.torch.compile(function, mode=mode)

    def array(self, x: np.ndarray) -> Any:
        """A NumPy array as a tensor on the device."""
        return self.torch.from_numpy(np.array(x)).to(self.device)

    def numpy(self, x: Any) -> np.ndarray:
        """A tensor as a NumPy array."""
        return np.asarray(x.detach().cpu().numpy())

    def ready(self, out: Any) -> Any:
        """Wait for the device; returns the argument."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()
        return out

    def forget(self) -> None:
        """Drop what was compiled, so that rows do not meet each other's guards."""
        if self.name == "compile":
            self.torch.compiler.reset()


class ArrayKit:
    """Plain NumPy or CuPy, as ``np``."""

    def __init__(self, name: str, library: Any, device: str) -> None:
        self.name = name
        self.device = device
        self.np = library
        self.version = library.__version__

    def array(self, x: np.ndarray) -> Any:
        """A NumPy array on the device."""
        return self.np.asarray(x)

    def numpy(self, x: Any) -> np.ndarray:
        """An array of the library as one of NumPy."""
        return np.asarray(x.get() if self.name == "cupy" else x)

    def ready(self, out: Any) -> Any:
        """Wait for the device; returns the argument."""
        if self.name == "cupy":
            self.np.cuda.get_current_stream().synchronize()
        return out

    def forget(self) -> None:
        """Nothing is kept."""


def _same(x: Any) -> Any:
    return x


def version(distribution: str) -> str:
    """The installed version of a distribution, or "unknown"."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def environment(name: str, device: str) -> dict[str, str]:
    """Environment variables that the process of an implementation starts with.

    >>> environment("jax", "cpu")
    {'JAX_PLATFORMS': 'cpu'}
    """
    return {"JAX_PLATFORMS": device} if name == "jax" else {}


def load(name: str, device: str = "cpu", x64: bool = False) -> Any:
    """The kit of an implementation.

    Args:
        name: one of ``benchmarks.record.IMPLEMENTATIONS``.
        device: "cpu" or "cuda".
        x64: whether JAX gets 64-bit types.

    Raises:
        Unavailable: the library is not installed, or it does not see the device.

    >>> load("numpy").np.__name__
    'numpy'
    """
    module = MODULES[name]
    if importlib.util.find_spec(module) is None:
        raise Unavailable(f"{module} is not installed")
    if (name == "cupy") != (device == "cuda") and name in ("cupy", "numpy"):
        raise Unavailable(f"{module} is not compared on {device}")
    if name == "compile" and device == "cpu" and (problem := compiler_problem()):
        raise Unavailable(problem)
    library = importlib.import_module(module)
    if name == "ours":
        if device == "cuda" and len(library.devices()) < 2:
            raise Unavailable("functorch_lite sees no GPU")
        return FunctionalKit(name, library, device)
    if name == "jax":
        if device == "cuda" and not _jax_sees_gpu(library):
            raise Unavailable("JAX sees no GPU")
        library.config.update("jax_enable_x64", x64)
        return FunctionalKit(name, library, device)
    if module == "torch":
        if device == "cuda" and not library.cuda.is_available():
            raise Unavailable("PyTorch sees no GPU")
        return TorchKit(name, library, device)
    if name == "cupy" and not library.cuda.is_available():
        raise Unavailable("CuPy sees no GPU")
    return ArrayKit(name, library, device)


def compiler_problem() -> str | None:
    """Why ``torch.compile`` cannot compile for a CPU here, or None."""
    names = [os.environ.get("CXX"), "g++", "clang++", "cl"]
    return None if any(name and shutil.which(name) for name in names) else "no C++ compiler found"


def _jax_sees_gpu(library: Any) -> bool:
    try:
        return str(library.default_backend()) in ("gpu", "cuda")
    except RuntimeError:  # JAX raises it where the platform asked for is not there
        return False

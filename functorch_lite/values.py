"""Small top-level functions on trees of values: devices, waiting, stopping gradients."""

from __future__ import annotations

from typing import Any

from functorch_lite.core import device as _device
from functorch_lite.core import tree
from functorch_lite.core.array import Array, is_arraylike, make_weak
from functorch_lite.core.device import Device, devices
from functorch_lite.ops import stop_gradient as _stop_gradient

__all__ = ["block_until_ready", "device_get", "device_put", "devices", "stop_gradient"]


def stop_gradient(x: Any) -> Any:
    """The same values, through which no derivative flows.

    Args:
        x: tree of arrays.

    >>> from functorch_lite import grad
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    Array(3., dtype=float32)
    """
    return tree.map(lambda leaf: _stop(leaf) if is_arraylike(leaf) else leaf, x)


def _stop(leaf: Any) -> Any:
    if not isinstance(leaf, Array):
        return leaf
    out = _stop_gradient(leaf)
    return make_weak(out) if leaf.weak and out is not leaf else out


def device_put(x: Any, device: str | Device | None = None) -> Any:
    """Copy a tree of arrays to a device; arrays that are there already stay as they are.

    Args:
        x: tree of arrays.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or a Device.

    Raises:
        DeviceError: if there is no such device.

    >>> device_put(1.0, "cpu").device
    Device('cpu')
    """
    target = _device.parse(device)
    return tree.map(lambda leaf: _device.put(leaf, target), x)


def device_get(x: Any) -> Any:
    """A tree of arrays as NumPy arrays on the CPU (read-only views where they are there)."""
    return tree.map(lambda leaf: _device.put(leaf, _device.CPU).__array__(), x)


def block_until_ready(x: Any) -> Any:
    """Wait until the arrays of a tree have been computed; returns the tree.

    CPU arrays are always ready.
    """
    for leaf in tree.leaves(x):
        if isinstance(leaf, Array) and _device.of(leaf).kind == "cuda":
            import cupy

            cupy.cuda.get_current_stream().synchronize()
            break
    return x

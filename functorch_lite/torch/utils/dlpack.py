"""Tensors and arrays of other libraries over one memory. Source: ``torch.utils.dlpack``."""

from __future__ import annotations

import enum
from typing import Any, NoReturn

from functorch_lite.torch._core import dlpack
from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._meta.symbol import is_meta

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """The kinds of devices that DLPack knows. Source: ``torch.utils.dlpack.DLDeviceType``."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


DLDeviceType.__module__ = "torch.utils.dlpack"
_CPU = (DLDeviceType.kDLCPU, 0)


def _export(self: Tensor, max_version: Any, dl_device: Any, copy: bool | None) -> Any:
    """A capsule with a tensor's memory."""
    if dl_device is not None:
        if not isinstance(dl_device, (tuple, list)):
            kind = type(dl_device)
            name = f"torch.{kind.__name__}" if kind is Device else kind.__name__
            raise TypeError(
                f"_to_dlpack(): argument 'dl_device' must be tuple of ints, not {name}"
            )
        if dl_device[0] != DLDeviceType.kDLCPU:
            raise NotImplementedError(
                f"__dlpack__(): tensors of functorch_lite.torch live on the CPU, got "
                f"dl_device={tuple(map(int, dl_device))}; leave it out, and move the array "
                "afterwards"
            )
    array = self._np
    if is_meta(self):
        raise BufferError("Cannot pack tensors on meta")
    if is_symbol(array):
        return array.__dlpack__()
    return dlpack.capsule_of(array, max_version, copy)


def _dlpack(
    self: Tensor, *, stream: Any = -1, max_version: tuple[int, int] | None = None,
    dl_device: Any = None, copy: bool | None = None,
) -> Any:  # fmt: skip
    """A capsule with the tensor's memory, for one other array.

    Args:
        stream: None or -1; a tensor on the CPU has none.
        max_version: the newest form of the protocol that the other side reads.
        dl_device: where the memory is wanted; the CPU.
        copy: True for memory of its own.

    Raises:
        BufferError: the tensor requires a gradient; or its memory is read-only, and
            ``max_version`` is of a form that cannot tell.

    Source: ``torch.Tensor.__dlpack__``.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None:
        if type(stream) is not int:
            raise TypeError("stream must be ``int`` or ``none``")
        assert stream == -1, "stream should be None on cpu."
    return _export(self, max_version, dl_device, copy)


def _dlpack_device(self: Tensor) -> tuple[DLDeviceType, int]:
    """The CPU, in DLPack's numbers.

    Raises:
        ValueError: the tensor is on the device meta, which has no number.

    Source: ``torch.Tensor.__dlpack_device__``.
    """
    if is_meta(self):
        raise ValueError("Unknown device type meta for Dlpack")
    return _CPU


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule with a tensor's memory, which ``from_dlpack`` of any library takes once.

    Args:
        tensor: any tensor; gradients do not pass.

    >>> from_dlpack(to_dlpack(make(dlpack.np.ones(2, "f"))))
    tensor([1., 1.])

    Source: ``torch.utils.dlpack.to_dlpack``.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"_to_dlpack(): argument 'data' (position 1) must be Tensor, not "
            f"{type(tensor).__name__}"
        )
    return _export(tensor, None, None, None)


def _dl_device(device: Any) -> tuple[int, int]:
    """DLPack's numbers of a device that is asked for."""
    if isinstance(device, str):
        device = Device(device)
    assert isinstance(device, Device), f"from_dlpack: unsupported device type: {type(device)}"
    if device.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if device.type != "cpu":
        raise BufferError(f"Cannot pack tensors on {device}")
    return 1, 0


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array.

    Memory that may not be written to, such as that of functorch_lite's own arrays, is shared as
    well: the tensor can be read, and writing to it fails.

    Args:
        ext_tensor: an array with ``__dlpack__``, or the capsule that it returns.
        device: where the memory is wanted, the CPU; arrays of a GPU are copied then.
        copy: True for memory of its own, False if there must be none.

    Raises:
        RuntimeError: ``ext_tensor`` is neither, or a capsule that was used before.

    Source: ``torch.from_dlpack``.
    """
    wanted = None if device is None else _dl_device(device)
    if hasattr(ext_tensor, "__dlpack__"):
        return make(dlpack.read(ext_tensor, wanted, copy))
    assert device is None and copy is None, (
        "device and copy kwargs not supported when ext_tensor is already a DLPack capsule."
    )
    return make(dlpack.array_of(ext_tensor))


def _no_gpu(self: Tensor) -> NoReturn:
    # An AttributeError, so that libraries that ask for it find that there is none.
    raise AttributeError(
        f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA data "
        "is required use tensor.cuda() to copy tensor to device memory."
    )


# Not by ``public``: arrays of other libraries may see operations, and call this again.
FUNCTIONS["from_dlpack"] = from_dlpack
FUNCTIONS["to_dlpack"] = to_dlpack
setattr(Tensor, "__cuda_array_interface__", property(_no_gpu))  # noqa: B010
setattr(Tensor, "__dlpack__", _dlpack)  # noqa: B010
setattr(Tensor, "__dlpack_device__", _dlpack_device)  # noqa: B010

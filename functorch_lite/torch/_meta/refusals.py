"""What the device ``meta`` refuses: whatever needs the elements of a tensor."""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "BY_VALUES", "NoRule", "REFUSED", "Unknown", "no_copy", "no_item", "no_kernel", "no_places",
    "plain", "wrong_device",
]  # fmt: skip


class NoRule(NotImplementedError):
    """Symbols cannot do it."""


class Unknown(NotImplementedError):
    """What an operation gives depends on elements that are not there."""


def plain(error: Exception) -> Exception:
    """An error of the class that PyTorch raises."""
    return NotImplementedError(*error.args) if isinstance(error, Unknown) else error


def no_item() -> RuntimeError:
    """The error where Python asks for a number."""
    return RuntimeError("Tensor.item() cannot be called on meta tensors")


def no_places() -> Unknown:
    """The error where the number of true elements is asked for."""
    return Unknown(
        "The register_meta function for torch.nonzero() raises unimplemented by default, as a "
        "correct data-independent implementation does not exist. Index with integers, or use "
        "torch.where(mask, x, y), whose result has the sizes of its operands."
    )


def no_copy() -> Unknown:
    """The error where elements would have to be copied to another device."""
    return Unknown("Cannot copy out of meta tensor; no data!")


def no_kernel(name: str, why: str = "") -> Unknown:
    """The error of an operation that only elements can tell the result of."""
    return Unknown(
        f"aten::{name}: attempted to run this operator with Meta tensors, but there was no fake "
        f"impl or Meta kernel registered.{why}"
    )


def wrong_device(found: str, expected: str) -> RuntimeError:
    """The error of operands on several devices."""
    return RuntimeError(f"Tensor on device {found} is not on the expected device {expected}!")


_NO_NUMPY = (
    "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
    "memory first."
)
_NO_KERNEL = (
    "bincount ctc_loss equal histogram histogramdd is_set_to lstsq masked_select unique "
    "unique_consecutive"
).split()

BY_VALUES: dict[str, Callable[[], Exception]] = {
    "getitem": lambda: plain(no_places()),
    "where": lambda: plain(no_places()),
    "repeat_interleave": lambda: RuntimeError(
        "cannot repeat_interleave a meta tensor without output_size"
    ),
    **dict.fromkeys("narrow one_hot tensor_split".split(), no_item),
}
"""Operations whose results have other sizes with other elements, and the error if these count."""

REFUSED: dict[str, Callable[[str], Exception]] = {
    **dict.fromkeys(_NO_KERNEL, no_kernel),
    "allclose": lambda name: no_item(),
    "argwhere": lambda name: no_places(),
    "is_nonzero": lambda name: no_item(),
    "item": lambda name: no_item(),
    "nonzero": lambda name: no_places(),
    "numpy": lambda name: TypeError(_NO_NUMPY),
    "__array__": lambda name: TypeError(_NO_NUMPY),
    "pin_memory": lambda name: RuntimeError(
        "cannot pin 'MetaFloatType' only dense CPU tensors can be pinned"
    ),
    "share_memory_": lambda name: RuntimeError("_share_fd_: only available on CPU"),
    "to_dlpack": lambda name: BufferError("Cannot pack tensors on meta"),
    "tolist": lambda name: no_copy(),
}
"""Operations that PyTorch has no shapes for either, with what is said of each name."""

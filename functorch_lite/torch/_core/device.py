"""Devices, and which one new tensors go to."""

from __future__ import annotations

import operator
import re
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.layout import Sealed, sealed, type_name

__all__ = ["device", "get_default_device", "set_default_device"]

# In the order of PyTorch's message.
DEVICE_TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga",
    "maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
_STRING = re.compile(r"([a-zA-Z_]+)(?::(0|[1-9][0-9]*))?")


class device(Sealed):
    """Where a tensor lies: a kind of hardware and, where there are several, which one.

    Devices that are equal are one object, so comparing and hashing them cost nothing.

    Args:
        type: a kind of hardware, "cpu", or with an index, "cuda:0"; alone it may also be a device.
        index: which device of the kind; not together with an index in ``type``.

    Attributes:
        type: the kind, without the index.
        index: which one, or None for the current one.

    Raises:
        RuntimeError: the string or the index names no device; or an index stands alone: it means
            an accelerator, and there is none.
        TypeError: arguments of other types.
        ValueError: an index has more than 64 bits.

    >>> device("cuda:1"), device("cpu").index, str(device("cuda", 0))
    (device(type='cuda', index=1), None, 'cuda:0')

    Source: ``torch.device``.
    """

    __module__ = "torch"
    __slots__ = ("index", "type")

    index: int | None
    type: str

    def __new__(cls, *args: Any, **kwargs: Any) -> device:
        if kwargs or len(args) != 1:
            return _from_arguments(args, kwargs)
        (given,) = args
        if given.__class__ is str:
            found = _BY_STRING.get(given)
            return _from_string(given) if found is None else found
        return given if given.__class__ is device else _from_arguments(args, kwargs)

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    # Not by the name torch.device: `torch` may be the real package, or absent, when this is read.
    def __reduce__(self) -> tuple[Callable[..., device], tuple[str, int | None]]:
        return _interned, (self.type, self.index)

    def __enter__(self) -> device:
        """Make this the default device of the thread until the end of the ``with`` block."""
        default.stack.append(self)
        default.go_to(self)
        return self

    def __exit__(self, *_: Any) -> None:
        stack = default.stack
        if not stack:
            raise RuntimeError("trying to pop from empty mode stack")
        stack.pop()
        default.go_to(stack[-1] if stack else default.base)


# ------------------------------------------------------------------------------ reading arguments
_BY_PARTS: dict[tuple[str, int | None], device] = {}
# Only canonical strings, of which there are few: "cuda:256" is read anew each time.
_BY_STRING: dict[str, device] = {}
_warned_about_mkldnn = False


def _interned(kind: str, index: int | None) -> device:
    """The one device of a known kind and index."""
    found = _BY_PARTS.get((kind, index))
    if found is None:
        made = sealed(device, type=kind, index=index)
        # Two threads may come here with one device: the first to enter it wins.
        found = _BY_PARTS.setdefault((kind, index), made)
    return found


def _stored_index(index: int) -> int | None:
    """An index as it comes back from the signed byte that PyTorch keeps it in."""
    low = index & 0xFF
    if low == 0xFF:
        return None
    return low if low < 0x80 else low - 0x100 + 0x10000


def _parse(text: str) -> tuple[str, str | None]:
    """The kind and the index in a device string."""
    global _warned_about_mkldnn
    if not text:
        raise RuntimeError("Device string must not be empty")
    match = _STRING.fullmatch(text)
    if match is None:
        raise RuntimeError(f"Invalid device string: '{text}'")
    kind, index = match.groups()
    if kind not in DEVICE_TYPES:
        raise RuntimeError(
            f"Expected one of {', '.join(DEVICE_TYPES)} device type at start of device string: "
            f"{kind}"
        )
    if kind == "mkldnn" and not _warned_about_mkldnn:
        _warned_about_mkldnn = True
        warnings.warn(
            "'mkldnn' is no longer used as device type. So torch.device('mkldnn') will be "
            "deprecated and removed in the future. Please use other valid device types instead.",
            UserWarning,
            stacklevel=4,
        )
    return kind, index


def _from_string(text: str) -> device:
    """The device of a string such as "cuda:0"."""
    kind, index = _parse(text)
    if index is None:
        found = _interned(kind, None)
    elif len(index) > 10 or int(index) >= 2**31:
        raise RuntimeError(f"Could not parse device index '{index}' in device string '{text}'")
    else:
        found = _interned(kind, _stored_index(int(index)))
    # mkldnn is left out because its warning hangs on the way through _parse.
    if str(found) == text and kind != "mkldnn":
        _BY_STRING[text] = found
    return found


def _from_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> device:
    """The device of any other way to call the class than with one plain string or device."""
    names = ("type", "index")[: len(args)]
    given = dict(zip(names, args, strict=False)) | kwargs
    if len(args) + len(kwargs) != len(given) or len(given) > 2:
        raise TypeError(_no_match(args, kwargs))
    if len(given) == 1:
        (value,) = given.values()
        if isinstance(value, (str, bytes)) and "device" not in kwargs and "index" not in kwargs:
            return _from_string(_text(value))
        if "type" not in kwargs and "index" not in kwargs:
            if isinstance(value, (str, bytes)):
                return _from_string(_text(value))
            if isinstance(value, device):
                return value
            if _is_index(value):
                _check_index(value)
                raise RuntimeError("Cannot access accelerator device when none is available.")
    if "type" not in given or len(given) == 1:
        raise TypeError(_no_match(args, kwargs))
    for name in given:
        if name not in ("type", "index"):
            raise TypeError(f"device() got an unexpected keyword argument '{name}'")
    return _from_type_and_index(given["type"], given["index"])


def _from_type_and_index(kind: Any, index: Any) -> device:
    """The device of two arguments."""
    if not isinstance(kind, (str, bytes)):
        raise TypeError(
            f"device(): argument 'type' (position 1) must be str, not {type_name(kind)}"
        )
    if index is not None and not _is_index(index):
        raise TypeError(
            f"device(): argument 'index' (position 2) must be int, not {type_name(index)}"
        )
    text = _text(kind)
    known, inner = _parse(text)
    if inner is not None:
        raise RuntimeError(
            f"type (string) must not include an index because index was passed explicitly: {text}"
        )
    return _interned(known, None if index is None else _stored_index(_check_index(index)))


def _text(value: str | bytes) -> str:
    """A device string, which may come as bytes or as a subclass of str."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _is_index(value: Any) -> bool:
    """Whether a value may stand for an index: bools and arrays may not."""
    return hasattr(type(value), "__index__") and not isinstance(value, (bool, np.bool_, np.ndarray))


def _check_index(value: Any) -> int:
    """The index as an int."""
    index = operator.index(value)
    if not -(2**63) <= index < 2**63:
        raise ValueError("Overflow when unpacking long long")
    if index < 0:
        raise RuntimeError("Device index must not be negative")
    return index


def _no_match(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The message for arguments that fit none of the ways to call the class."""
    positional = [type_name(value) for value in args]
    named = [f"{name}={type_name(value)}" for name, value in kwargs.items()]
    got = ", ".join(positional + named) if args else "".join(f"{text}, " for text in named)
    reason = ""
    if len(args) == 1 and not kwargs:
        reason = f"some of the arguments have invalid types: (!{got}!)"
    elif len(kwargs) == 1 and not args:
        (name,) = kwargs
        reason = f"some of the keywords were incorrect: {name}"
        if name == "device":
            reason = f"some of the arguments have invalid types: (!{named[0]}!, )"
    line = f"      didn't match because {reason}\n" if reason else ""
    return (
        f"device() received an invalid combination of arguments - got ({got}), but expected one "
        f"of:\n * (torch.device device)\n{line} * (str type, int index = -1)\n"
    )


# ------------------------------------------------------------------------------ the default device
CPU = _interned("cpu", None)


class _Default(threading.local):
    """Where new tensors of this thread go.

    ``current`` is what factories read; ``base`` was set for good, and ``stack`` holds the devices
    of the ``with`` blocks that are open.
    """

    def __init__(self) -> None:
        self.current = CPU
        self.base = CPU
        self.stack: list[device] = []

    def go_to(self, place: device) -> None:
        """Let factories of this thread use a device."""
        self.current = place
        if place.type == "meta":
            ON_META.add(threading.get_ident())
            for wake in when_on_meta:
                wake()
        elif ON_META:
            ON_META.discard(threading.get_ident())


ON_META: set[int] = set()
"""Threads whose new tensors are to have no memory."""

when_on_meta: list[Callable[[], None]] = []
"""What has to know when a thread is among them."""


default = _Default()


def get_default_device() -> device:
    """The device that new tensors of this thread go to.

    Raises:
        AssertionError: it is an accelerator without an index, and there is none to be the current.

    >>> get_default_device()
    device(type='cpu')

    Source: ``torch.get_default_device``.
    """
    current = default.current
    if current.type in ("cuda", "xpu") and current.index is None:
        raise AssertionError(f"Torch not compiled with {current.type.upper()} enabled")
    return current


def set_default_device(device: Any) -> None:
    """Choose the device that new tensors of this thread go to.

    Args:
        device: a device, or what makes one; None for the CPU.

    Raises:
        RuntimeError, TypeError: as ``torch.device`` does.

    >>> set_default_device("cpu")

    Source: ``torch.set_default_device``.
    """
    if device is None:
        default.base = CPU
        default.go_to(default.stack[-1] if default.stack else CPU)
        return
    chosen = _DEVICE(device)
    default.base = chosen
    default.go_to(chosen)
    # A `with` block that is open gives way, now and at its end.
    default.stack[:] = [chosen] * len(default.stack)


# The argument of set_default_device hides the class.
_DEVICE = device

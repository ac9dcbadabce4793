"""Tensors over the memory of a file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.creation import finished

__all__ = ["from_file"]


def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, *,
    dtype: DType | None = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor over the memory of a file, read where it is used.

    Args:
        filename: the file's name.
        shared: whether what is written into the tensor goes into the file, which is made, and
            made longer, where it has to be; else the tensor's pages are its own once written to.
        size: the number of elements.
        dtype: of the elements; the default dtype by default.

    Raises:
        RuntimeError: the file cannot be opened, or is too short.

    Source: ``torch.from_file``.
    """
    kind = default.dtype if dtype is None else dtype
    count = size or 0
    wanted = count * kind.itemsize
    mode = "read-write" if shared else "read-only"
    try:
        with open(filename, "a+b" if shared else "rb") as file:
            there = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None
    if there < wanted and not shared:
        raise RuntimeError(
            f"file <{filename}> size <{there}> is smaller than the required mapping size <{wanted}>"
        )
    if not wanted:
        return finished(np.empty(0, kind.np), device, requires_grad)
    # "r+" makes a file longer that is too short.
    data = np.memmap(filename, np.uint8, "r+" if shared else "c", shape=(wanted,))
    return finished(np.asarray(data).view(kind.np), device, requires_grad)


FUNCTIONS["from_file"] = from_file

"""Names of kinds of arguments, for annotations. Source: ``torch.types``."""

from __future__ import annotations

import os
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import complex as _complex  # noqa: F401  (a name of the module, like the next)
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from typing import IO, TypeAlias, Union

from functorch_lite.torch._core.device import device as _device
from functorch_lite.torch._core.dtypes import dtype as _dtype  # noqa: F401
from functorch_lite.torch._core.layout import layout as _layout  # noqa: F401
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.symbolic import SymBool, SymFloat, SymInt

__all__ = ["Device", "FileLike", "Number"]

Number: TypeAlias = _int | _float | _bool
Device: TypeAlias = _device | _str | _int | None
FileLike: TypeAlias = Union[_str, os.PathLike[_str], IO[_bytes]]  # noqa: UP007  (printed so)

IntLikeType: TypeAlias = _int | SymInt
FloatLikeType: TypeAlias = _float | SymFloat
BoolLikeType: TypeAlias = _bool | SymBool
PySymType: TypeAlias = SymInt | SymFloat | SymBool
py_sym_types = (SymInt, SymFloat, SymBool)

_Number = (_int, _float, _bool)
_size: TypeAlias = Size | list[_int] | tuple[_int, ...]
_symsize: TypeAlias = Size | Sequence[_int | SymInt]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]

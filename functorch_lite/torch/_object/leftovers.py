"""Methods of tensors for older programs, and answers to questions about other layouts."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.public import FUNCTIONS, method
from functorch_lite.torch._core.tensor import Tensor

__all__: list[str] = []


@method()
def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What ``load_state_dict`` puts in this tensor's place.

    Args:
        other: the tensor that was loaded.
        assign: whether that tensor itself takes the place.

    Returns:
        the other tensor outside of the graph, or this one with its values.

    Source: ``torch.Tensor.module_load``.
    """
    found: Tensor = (other if assign else self.copy_(other)).detach()
    return found


@method()
def resize(self: Tensor, *sizes: Any) -> Tensor:
    """``view``, where the number of elements stays. Source: ``torch.Tensor.resize``."""
    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=3)
    shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    return _resized(self, tuple(shape))


@method()
def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """``view`` in another tensor's sizes. Source: ``torch.Tensor.resize_as``."""
    warnings.warn("non-inplace resize_as is deprecated", UserWarning, stacklevel=3)
    return _resized(self, tuple(tensor._np.shape))


def _resized(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    count = 1
    for n in shape:
        count *= n
    if count != t.numel():
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, shape))} ({count} elements in total), but the "
            f"given tensor has a size of {'x'.join(map(str, t._np.shape))} ({t.numel()} elements). "
            "autograd's resize can only change the shape of a given tensor, while preserving the "
            "number of elements. "
        )
    found: Tensor = t.contiguous().view(shape)
    return found


@method()
def reinforce(self: Tensor, reward: Any) -> NoReturn:
    """Gone: ``torch.distributions`` replaced it. Source: ``torch.Tensor.reinforce``."""
    raise RuntimeError(
        "reinforce() was removed.\nUse torch.distributions instead: sample an action, and minimise "
        "-distribution.log_prob(action) * reward.\n"
        "See https://pytorch.org/docs/main/distributions.html"
    )


@method()
def const_data_ptr(self: Tensor) -> int:
    """The address of the first element, to read from. Source: ``torch.Tensor.const_data_ptr``."""
    found: int = self.data_ptr()
    return found


@method()
def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, which is dense; or in a dtype. Source: ``torch.Tensor.to_dense``."""
    return self if dtype is None else self.to(dtype)


@method()
def dense_dim(self: Tensor) -> int:
    """The number of dimensions: all are dense. Source: ``torch.Tensor.dense_dim``."""
    return self._np.ndim


@method()
def sparse_dim(self: Tensor) -> int:
    """0: no dimension is sparse. Source: ``torch.Tensor.sparse_dim``."""
    return 0


def _sparse_only(name: str, layout: str) -> None:
    def ask(self: Tensor) -> NoReturn:
        raise RuntimeError(f"{name} expected sparse {layout} layout but got Strided")

    ask.__name__ = name
    ask.__doc__ = f"Fails: tensors here are strided. Source: ``torch.Tensor.{name}``."
    method(name)(ask)


for _name in ("indices", "is_coalesced"):
    _sparse_only(_name, "coordinate tensor")
_sparse_only("values", "tensor")


def _volatile(self: Tensor) -> bool:
    warnings.warn(
        "volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2
    )
    return False


Tensor.name = property(lambda t: None)  # type: ignore[attr-defined]
Tensor.volatile = property(_volatile)  # type: ignore[attr-defined]


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Whether operations remember where they were called.

    Args:
        check_nan: whether NaN gradients are errors then.

    Source: ``torch.set_anomaly_enabled``.
    """
    for position, (name, value) in enumerate((("enabled", enabled), ("check_nan", check_nan)), 1):
        if not isinstance(value, bool):
            raise TypeError(
                f"set_anomaly_enabled(): argument '{name}' (position {position}) must be bool, not "
                f"{type(value).__name__}"
            )
    mode.anomaly, mode.check_nan = enabled, check_nan


FUNCTIONS["set_anomaly_enabled"] = set_anomaly_enabled

"""Which tensors an operation gets, and whether they may meet."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.trace import state
from functorch_lite.torch._core.tensor import Tensor, is_symbol
from functorch_lite.torch._meta.refusals import BY_VALUES, no_copy, wrong_device
from functorch_lite.torch._meta.symbol import MetaTrace, is_meta

__all__ = ["CONSTRUCTORS", "are_lanes", "check_devices", "found_in", "is_number", "name_of"]

CONSTRUCTORS = frozenset(
    "arange as_tensor asarray bartlett_window blackman_window empty empty_permuted empty_strided "
    "eye fftfreq rfftfreq full hamming_window hann_window kaiser_window linspace logspace ones "
    "rand randint randn randperm range scalar_tensor tensor tril_indices triu_indices zeros".split()
)
"""Functions whose tensors go to the default device."""

_SIZES_ONLY = frozenset(
    "__setitem__ copy_ device empty_like expand_as fill_ full_like is_same_size ones_like "
    "rand_like randint_like randn_like reshape_as resize_as_ setitem to type_as view_as "
    "zeros_like".split()
)
"""Operations that ask others than the first tensor for sizes, or copy them."""

_INDEXED = frozenset(
    "__getitem__ embedding embedding_bag gather getitem index_add index_add_ index_copy "
    "index_copy_ index_fill index_fill_ index_put index_put_ index_reduce index_reduce_ "
    "index_select nll_loss scatter scatter_ scatter_add scatter_add_ scatter_reduce "
    "scatter_reduce_ take take_along_dim".split()
)
"""Operations that take places from any device."""


def name_of(f: Any) -> str:
    """The name that an operation goes by in the lists here."""
    name: str = f.__name__
    return name.removeprefix("_").removesuffix("_method") if name[:2] != "__" else name


def are_lanes(tensors: list[Tensor]) -> bool:
    """Whether one of some tensors is a lane of a ``vmap`` over tensors of the device."""
    trace = state.trace
    while trace is not None and trace.parent is not None:
        trace = trace.parent
    if trace.__class__ is not MetaTrace:
        return False
    return any(is_symbol(t._np) and not is_meta(t) for t in tensors)


def is_number(t: Tensor) -> bool:
    """Whether a tensor is an integer or truth value of the device, which an index is asked for."""
    return is_meta(t) and not t._np.shape and t._np.dtype.kind in "biu"


def found_in(args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors among arguments, in order."""
    found: list[Tensor] = []
    _collect(args, found)
    if kwargs:
        _collect(kwargs.values(), found)
    return found


def _collect(values: Any, found: list[Tensor]) -> None:
    for x in values:
        if isinstance(x, Tensor):
            found.append(x)
        elif x.__class__ is slice:
            _collect((x.start, x.stop, x.step), found)
        elif isinstance(x, (tuple, list)):
            _collect(x, found)
        elif isinstance(x, dict):
            _collect(x.values(), found)


def check_devices(name: str, tensors: list[Tensor]) -> None:
    """Refuse operands on several devices; tensors of one element without dimensions may meet all.

    Raises:
        RuntimeError: they are.
        NotImplementedError: elements would go from the device to another.
    """
    first = tensors[0]
    if name in _SIZES_ONLY:
        if name in ("copy_", "setitem", "__setitem__", "fill_") and not is_meta(first):
            raise no_copy()
        return
    expected: bool | None = None
    for t in tensors:
        own = is_meta(t)
        if not t._np.shape or (not own and name in _INDEXED and t._np.dtype.kind in "biu"):
            continue
        if expected is None:
            expected = own
        elif own is not expected:
            raise wrong_device(*("meta", "cpu") if own else ("cpu", "meta"))
    if expected is False and name not in _INDEXED and name not in BY_VALUES:
        # All that has dimensions is on the CPU, which takes no number from the device.
        raise wrong_device("meta", "cpu")

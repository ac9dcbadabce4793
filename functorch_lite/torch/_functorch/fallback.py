"""Operations without a batching rule: called with all lanes in front, or once for each lane."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.crossing import is_lane, lift, lower
from functorch_lite.torch._functorch.refusals import CONTROL_FLOW, DYNAMIC, RANDOM
from functorch_lite.torch._object.generator import default_generator

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["map_tensors", "one_by_one", "padded", "tensors_in", "together", "writes"]

_MATRICES = frozenset(
    "cholesky cholesky_ex cholesky_inverse cholesky_solve cond det eig eigh eigvals eigvalsh "
    "householder_product inv inv_ex ldl_factor ldl_factor_ex ldl_solve logdet lu lu_factor "
    "lu_factor_ex lu_solve lu_unpack matrix_exp matrix_power matrix_rank old_cholesky old_lu "
    "old_lu_solve old_qr old_slogdet old_svd ormqr pinv pinverse qr slogdet solve solve_ex "
    "solve_triangular svd svdvals triangular_solve".split()
)
"""Functions of matrices, or of batches of them."""

_ELEMENTS = frozenset(
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma erfcx frexp gammainc gammaincc "
    "i0e i1 i1e igamma igammac isreal lgamma log_ndtr modified_bessel_i0 "
    "modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 mvlgamma nan_to_num "
    "ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 sinc spherical_bessel_j0 "
    "zeta".split()
)
"""Functions of each element."""


def together(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """Call an operation that takes batches itself with all lanes in front.

    Returns:
        NotImplemented if it is none, or its operands are of different rank.
    """
    name = f.__name__
    given = (list(args), kwargs)
    shapes = [t._np.shape for t in tensors_in(given)]
    ranks = {len(shape) for shape in shapes}
    if name in _ELEMENTS:
        rank = max(ranks)
        whole = map_tensors(given, lambda t: padded(lower(lanes, t), rank))
    elif name in _MATRICES and (len(ranks) == 1 or _is_vector(name, shapes)):
        whole = map_tensors(given, partial(lower, lanes))
    else:
        return NotImplemented
    with lanes.outside():
        found = f(*whole[0], **whole[1])
    return map_tensors(found, partial(lift, lanes))


def padded(t: Tensor, rank: int) -> Tensor:
    """All lanes of a tensor with dimensions of one after the first, up to a rank of each lane."""
    shape = t._np.shape
    return t.reshape(shape[0], *[1] * (rank + 1 - len(shape)), *shape[1:])


def _is_vector(name: str, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether what is solved for is a vector for each matrix."""
    return name in ("solve", "solve_ex") and shapes[1] == shapes[0][:-1]


def one_by_one(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """Call an operation once for each lane, and stack the results.

    Correct for every operation whose results have one shape, and as slow as a loop.

    Raises:
        RuntimeError: the results of the lanes differ in shape, or are different numbers; or there
            are no lanes, and so no results to stack.
    """
    name = f.__name__
    if not lanes.size:
        raise RuntimeError(
            f"Batching rule not implemented for aten::{name}. The fallback path does not support "
            "vmap over dims of size 0."
        )
    given = (list(args), kwargs)
    # What is not mapped has a gradient in each lane nevertheless.
    varying = [is_lane(lanes, t) or needs_grad(t) for t in tensors_in(given)]
    marks = iter(varying)
    whole = map_tensors(given, lambda t: lower(lanes, t) if next(marks) else t)
    mapped = {id(w) for w, v in zip(tensors_in(whole), varying, strict=True) if v}
    found: list[Any] = []
    targets: list[Tensor] = []
    state = default_generator.get_state()
    with lanes.outside():
        for i in range(lanes.size):
            if lanes.randomness == "same":
                default_generator.set_state(state)
            some, named = map_tensors(whole, partial(_lane_of, mapped, i))
            if writes(name):
                some[0] = some[0].clone()
                targets.append(some[0])
            found.append(f(*some, **named))
        stacked = FUNCTIONS["stack"](targets) if targets else _stacked(found, name)
    if lanes.randomness == "error" and (default_generator.get_state()._np != state._np).any():
        default_generator.set_state(state)
        raise RuntimeError(RANDOM)
    warnings.warn(
        "There is a performance drop because we have not yet implemented the batching rule for "
        f"aten::{name}.",
        UserWarning,
        stacklevel=4,
    )
    if targets:
        return args[0].copy_(lift(lanes, stacked))
    return map_tensors(stacked, partial(lift, lanes))


def _lane_of(mapped: set[int], i: int, t: Any) -> Any:
    return t[i] if id(t) in mapped else t


def _stacked(results: Sequence[Any], name: str) -> Any:
    """One result of those of the lanes."""
    first = results[0]
    if isinstance(first, Tensor):
        if any(r._np.shape != first._np.shape for r in results):
            raise RuntimeError(DYNAMIC.format(name))
        return FUNCTIONS["stack"](list(results))
    if isinstance(first, (tuple, list)):
        return _like(first, [_stacked(column, name) for column in zip(*results, strict=True)])
    if any(r != first for r in results):
        raise RuntimeError(CONTROL_FLOW)
    return first


# ------------------------------------------------------------------------------------ arguments
def writes(name: str) -> bool:
    """Whether a function writes into its first argument, by its name."""
    return name == "setitem" or (name.endswith("_") and not name.endswith("__"))


def map_tensors(tree: Any, f: Callable[[Tensor], Any]) -> Any:
    """Arguments with a function of each tensor in its place."""
    if isinstance(tree, Tensor):
        return f(tree)
    if isinstance(tree, dict):
        return {k: map_tensors(v, f) for k, v in tree.items()}
    if isinstance(tree, (tuple, list)):
        return _like(tree, [map_tensors(e, f) for e in tree])
    return tree


def _like(tree: Any, parts: list[Any]) -> Any:
    """A sequence of another one's class."""
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors among arguments."""
    found: list[Tensor] = []
    map_tensors(tree, found.append)
    return found

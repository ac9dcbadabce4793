"""``jacfwd``, ``jacrev``, ``hessian``: whole Jacobians by batching products with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import device, tree
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.dtypes import is_complex, is_inexact
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError
from functorch_lite.ops import reshape
from functorch_lite.ops import slice as slice_op
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    finish,
    leaf_paths,
    normalise_argnums,
)
from functorch_lite.transforms.grad import check_holomorphic_arguments, check_output_kind, vjp
from functorch_lite.transforms.jvp import jvp
from functorch_lite.transforms.vmap import vmap

__all__ = ["hessian", "jacfwd", "jacrev"]


def _basis(leaves: Sequence[Array]) -> list[Array]:
    """For each leaf its part of the identity over all leaves, ``[total, *leaf.shape]``."""
    sizes = [int(np.prod(x.shape)) for x in leaves]
    total, start, out = sum(sizes), 0, []
    for x, size in zip(leaves, sizes, strict=True):
        rows = np.zeros((total, size), x.dtype)
        rows[start : start + size] = np.eye(size, dtype=x.dtype)
        out.append(device.put(wrap(rows.reshape(total, *x.shape)), device.of(x)))
        start += size
    return out


def _split(x: Any, leaves: Sequence[Array], axis: int) -> list[Any]:
    """Cut the axis that runs over all leaves' elements into one axis group per leaf."""
    out, start = [], 0
    shape = tuple(x.shape)
    for leaf in leaves:
        size = int(np.prod(leaf.shape))
        begin = tuple(start if i == axis else 0 for i in range(len(shape)))
        end = tuple(start + size if i == axis else n for i, n in enumerate(shape))
        part = x
        if size != shape[axis]:
            part = slice_op(x, start=begin, stop=end, step=(1,) * len(shape))
        out.append(reshape(part, shape=(*shape[:axis], *leaf.shape, *shape[axis + 1 :])))
        start += size
    return out


def _chosen(
    f: Callable[..., Any], args: Any, argnums: Any, label: str, holomorphic: bool
) -> tuple[Any, Any]:
    """Positions and values of the differentiated arguments, as arrays that have derivatives."""
    nums = normalise_argnums(argnums, len(args), label)
    chosen = tuple(args[i] for i in nums)
    flat = Flat(chosen, lambda: leaf_paths(f, chosen, nums), label)
    for i, x in enumerate(flat.arrays):
        if not is_inexact(x.dtype):
            path = leaf_paths(f, chosen, nums)[i]
            raise GradientError(
                f"{label}: argument {path} is {x.dtype.name}, and only floating-point values have "
                f"derivatives. Convert it, e.g. {path}.astype('float32'), or exclude it from "
                "argnums."
            )
    if holomorphic:
        check_holomorphic_arguments(flat, lambda: leaf_paths(f, chosen, nums), label)
    return nums, flat.unflatten(list(map(finish, flat.arrays, flat.weak)))


def _refuse_complex(leaves: Sequence[Any], label: str) -> None:
    """A column of partial derivatives does not describe a function that is not holomorphic."""
    for x in leaves:
        if is_complex(x.dtype):
            raise GradientError(
                f"{label}: forward mode gives one column per argument, so arguments must be real; "
                f"got {x.dtype.name}. Use holomorphic=True if the function has a complex "
                "derivative, jacrev if it returns real numbers, or jvp."
            )


def _check_output(x: Any, label: str) -> None:
    if not is_inexact(x.dtype):
        raise GradientError(
            f"{label}: the function must return floating-point arrays, got {x.dtype.name}. Convert "
            "them with .astype('float32'), or return them as aux with has_aux=True."
        )


def jacfwd(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian by forward mode, one column per input element; best when inputs are few.

    Args:
        f: function of trees of arrays that returns a tree of arrays.
        argnums: which arguments.
        has_aux: ``f`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
        holomorphic: arguments and outputs are complex, and ``f`` has complex derivatives.

    Returns:
        a function whose result has the output's structure, each leaf replaced by the argument's
        structure, with arrays of shape ``[*output.shape, *input.shape]``.

    >>> import functorch_lite.numpy as fnp
    >>> jacfwd(lambda x: x**2)(fnp.asarray([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    return _jacfwd(f, argnums, has_aux, holomorphic, "jacfwd")


def _jacfwd(
    f: Callable[..., Any], argnums: Any, has_aux: bool, holomorphic: bool, name: str
) -> Callable[..., Any]:
    check_callable(f, name)
    label = f"{name} of {function_name(f)}"

    @wraps(f, updated=())
    def jac(*args: Any, **kwargs: Any) -> Any:
        nums, chosen = _chosen(f, args, argnums, label, holomorphic)
        leaves, treedef = tree.flatten(chosen)
        if not holomorphic:
            _refuse_complex(leaves, label)

        aux: list[Any] = []

        def push(*ts: Any) -> Any:
            found = jvp(
                _partial(f, args, kwargs, nums), chosen, tree.unflatten(treedef, ts), has_aux
            )
            # Side results come from primal values alone, so they do not vary over the columns.
            aux[:] = found[2:]
            for x in tree.leaves(found[0]):
                _check_output(x, label)
                if holomorphic:
                    check_output_kind(x.dtype, label, holomorphic)
            return found[1]

        columns = vmap(push, in_axes=0, out_axes=-1)(*_basis(leaves))

        def pieces(x: Any) -> Any:
            parts = tree.unflatten(treedef, _split(x, leaves, len(x.shape) - 1))
            return parts[0] if isinstance(argnums, (int, np.integer)) else parts

        result = tree.map(pieces, columns)
        return (result, aux[0]) if has_aux else result

    return jac


def jacrev(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian by reverse mode, one row per output element; best when outputs are few.

    Args:
        f: function of trees of arrays that returns a tree of arrays.
        argnums: which arguments.
        has_aux: ``f`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
        holomorphic: arguments and outputs are complex, and ``f`` has complex derivatives.

    Returns:
        a function whose result has the output's structure, each leaf replaced by the argument's
        structure, with arrays of shape ``[*output.shape, *input.shape]``.

    >>> import functorch_lite.numpy as fnp
    >>> jacrev(lambda x: x.sum())(fnp.asarray([1.0, 2.0]))
    Array([1., 1.], dtype=float32)
    """
    return _jacrev(f, argnums, has_aux, holomorphic, "jacrev")


def _jacrev(
    f: Callable[..., Any], argnums: Any, has_aux: bool, holomorphic: bool, name: str
) -> Callable[..., Any]:
    check_callable(f, name)
    label = f"{name} of {function_name(f)}"

    @wraps(f, updated=())
    def jac(*args: Any, **kwargs: Any) -> Any:
        nums, chosen = _chosen(f, args, argnums, label, holomorphic)
        found = vjp(_partial(f, args, kwargs, nums), *chosen, has_aux=has_aux)
        out, pull = found[0], found[1]
        out_leaves, out_tree = tree.flatten(out)
        for x in out_leaves:
            _check_output(x, label)
            check_output_kind(x.dtype, label, holomorphic)
        rows = vmap(lambda *cts: pull(tree.unflatten(out_tree, cts)))(*_basis(out_leaves))
        row_leaves, treedef = tree.flatten(rows)
        split = [_split(r, out_leaves, 0) for r in row_leaves]
        blocks = []
        for k in range(len(out_leaves)):
            parts = tree.unflatten(treedef, [s[k] for s in split])
            blocks.append(parts[0] if isinstance(argnums, (int, np.integer)) else parts)
        result = tree.unflatten(out_tree, blocks)
        return (result, found[2]) if has_aux else result

    return jac


def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Matrix of second derivatives, forward over reverse.

    Args:
        f: function that returns a real scalar (or a tree of arrays).
        argnums: which arguments.
        has_aux: ``f`` returns ``(output, aux)``.
        holomorphic: arguments and outputs are complex, and ``f`` has complex derivatives.

    Returns:
        a function whose result nests the argument's structure twice, ``[*x.shape, *x.shape]`` per
        pair.

    >>> import functorch_lite.numpy as fnp
    >>> hessian(lambda x: (x**3).sum())(fnp.asarray([1.0, 2.0]))
    Array([[ 6.,  0.],
           [ 0., 12.]], dtype=float32)
    """
    rows = _jacrev(f, argnums, has_aux, holomorphic, "hessian")
    return _jacfwd(rows, argnums, has_aux, holomorphic, "hessian")


def _partial(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], nums: Sequence[int]
) -> Callable[..., Any]:
    @wraps(f, updated=())
    def g(*parts: Any) -> Any:
        full_args = list(args)
        for i, part in zip(nums, parts, strict=True):
            full_args[i] = part
        return f(*full_args, **kwargs)

    return g

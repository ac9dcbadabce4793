"""Jacobians and Hessians of functions, written down."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._functorch.argnums import by_arguments
from functorch_lite.torch._functorch.eager_transforms import jvp, vjp
from functorch_lite.torch._functorch.levels import outside_of_compile
from functorch_lite.torch._functorch.pytrees import flatten, leaves, unflatten
from functorch_lite.torch._functorch.vmap import vmap

__all__ = ["hessian", "jacfwd", "jacrev"]


def _basis(tensors: Sequence[Tensor]) -> list[Tensor]:
    """For each tensor the directions of all elements of all of them, stacked."""
    sizes = [t._np.size for t in tensors]
    total = sum(sizes)
    found, at = [], 0
    for t, n in zip(tensors, sizes, strict=True):
        rows = np.zeros((total, n), t._np.dtype)
        rows[at : at + n] = np.eye(n, dtype=t._np.dtype)
        found.append(make(rows.reshape(total, *t._np.shape)).to(t.device))
        at += n
    return found


def _no_complex(name: str, tree: Any, what: str) -> None:
    for i, t in enumerate(leaves(tree)):
        if isinstance(t, Tensor) and t._np.dtype.kind == "c":
            raise RuntimeError(
                f"{name}: Expected all {what}s to be real but received complex tensor at "
                f"flattened {what} idx: {i}"
            )


def jacrev(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False,
    chunk_size: int | None = None, _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:  # fmt: skip
    """The Jacobian of a function as a function, a row at a time, all rows at once.

    Args:
        func: takes and returns tensors, or containers of them.
        argnums: by which arguments.
        has_aux: whether the function returns a pair, the second of which is not differentiated.
        chunk_size: how many rows are computed at a time; all by default.

    Returns:
        a function that returns, for each result, the Jacobian by each of the arguments, with the
        sizes of the result and then of the argument; with ``has_aux`` a pair.

    >>> import functorch_lite.torch as torch
    >>> jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])

    Source: ``torch.func.jacrev``.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")
    del _preallocate_and_copy  # how it is done, not what comes of it

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        outside_of_compile("jacrev")
        _no_complex("jacrev", args, "input")
        f, primals = by_arguments(func, args, argnums)
        out, pull, *aux = vjp(f, *primals, has_aux=has_aux)
        _no_complex("jacrev", out, "output")
        outs, out_spec = flatten(out)
        inputs, spec = flatten(primals)
        rows = vmap(lambda *g: pull(unflatten(g, out_spec)), chunk_size=chunk_size)(*_basis(outs))
        sizes = [t._np.size for t in outs]
        columns = []
        for x, row in zip(inputs, leaves(rows), strict=True):
            parts = row.split(sizes, 0)
            columns.append(
                [p.reshape(*t._np.shape, *x._np.shape) for p, t in zip(parts, outs, strict=True)]
            )
        made = [_for_arguments(list(found), spec, argnums) for found in zip(*columns, strict=True)]
        result = unflatten(made, out_spec)
        return (result, aux[0]) if has_aux else result

    return jacobian


def _for_arguments(found: Sequence[Any], spec: Any, argnums: Any) -> Any:
    """What belongs to each argument, as the arguments were chosen."""
    tree = unflatten(found, spec)
    return tree[0] if isinstance(argnums, int) else tree


def jacfwd(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False,
    *, randomness: str = "error",
) -> Callable[..., Any]:  # fmt: skip
    """The Jacobian of a function as a function, a column at a time, all columns at once.

    Args:
        func, argnums, has_aux: as of ``jacrev``.
        randomness: as of ``vmap``.

    Returns:
        a function that returns the same as that of ``jacrev``.

    >>> import functorch_lite.torch as torch
    >>> jacfwd(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])

    Source: ``torch.func.jacfwd``.
    """

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        outside_of_compile("jacfwd")
        _no_complex("jacfwd", args, "input")
        f, primals = by_arguments(func, args, argnums)
        inputs, spec = flatten(primals)

        def push(*basis: Tensor) -> Any:
            out, *rest = jvp(f, primals, unflatten(basis, spec), has_aux=has_aux)
            _no_complex("jacfwd", out, "output")
            return tuple(rest) if has_aux else rest[0]

        found = vmap(push, randomness=randomness)(*_basis(inputs))
        aux = None
        if has_aux:
            found, aux = found
            flat, aux_spec = flatten(aux)
            aux = unflatten([t[0] for t in flat], aux_spec)
        outs, out_spec = flatten(found)
        sizes = [x._np.size for x in inputs]
        made = []
        for t in outs:
            parts = t.movedim(0, -1).split(sizes, -1)
            columns = [
                p.reshape(*t._np.shape[1:], *x._np.shape)
                for p, x in zip(parts, inputs, strict=True)
            ]
            made.append(_for_arguments(columns, spec, argnums))
        result = unflatten(made, out_spec)
        return (result, aux) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The second derivatives of a function as a function.

    Args:
        func, argnums: as of ``jacrev``.

    >>> import functorch_lite.torch as torch
    >>> hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])

    Source: ``torch.func.hessian``.
    """
    return jacfwd(jacrev(func, argnums), argnums)

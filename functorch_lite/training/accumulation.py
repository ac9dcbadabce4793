"""Gradients of a large batch from small ones, one after the other in the same memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import functorch_lite as fl
from functorch_lite import lax, random, tree
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError

__all__ = ["accumulate_gradients"]


def accumulate_gradients(
    loss: Callable[..., Any], microbatches: int, *, has_aux: bool = False, reduction: str = "mean"
) -> Callable[..., Any]:
    """``value_and_grad`` of a loss over a batch that is too large to differentiate at once.

    The batch is cut along its first axis into ``microbatches`` equal parts, a ``scan`` runs over
    them, and what is kept from one to the next is the sum of the losses and of the gradients: in
    float32 where parameters have 16 bits, and rounded once, at the end.  For a loss that is a mean
    (or a sum) over examples the results are those of the whole batch, up to rounding.

    Args:
        loss: ``loss(params, batch, *args) -> f[]``, or ``-> (f[], aux)`` with ``has_aux``.  It may
            take ``key=``: microbatch i gets ``random.fold_in(key, i)``.
        microbatches: how many parts.
        has_aux: whether the loss returns something beside its value.
        reduction: "mean" or "sum", what the loss is over the examples.

    Returns:
        ``f(params, batch, *args, key=None)``, which gives what
        ``value_and_grad(loss, has_aux=has_aux)`` gives; aux has one more axis in front, of the
        microbatches.

    Raises:
        ValueError: ``microbatches`` is not positive, or another ``reduction``.
        ShapeError: by ``f``, if a first axis is not a multiple of ``microbatches``.
        DtypeError: by ``f``, if the loss is not a real floating-point number.

    >>> def loss(w, x):
    ...     return ((x @ w) ** 2).mean()
    >>> value, grads = accumulate_gradients(loss, 2)(fnp.ones(3), fnp.ones((4, 3)))
    >>> float(value), grads.tolist()
    (9.0, [6.0, 6.0, 6.0])
    """
    name = "training.accumulate_gradients"
    if microbatches < 1:
        raise ValueError(
            f"{name}: expected microbatches >= 1; got {microbatches}. "
            "Remedy: the number of parts to cut a batch into."
        )
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f"{name}: expected reduction 'mean' or 'sum'; got {reduction!r}. "
            "Remedy: the loss's own reduction."
        )
    differentiated = fl.value_and_grad(loss, has_aux=has_aux)

    def accumulated(params: Any, batch: Any, *args: Any, key: Any = None) -> Any:
        parts = tree.map(lambda x: _cut(name, x, microbatches), batch)

        def part_of(index: Any, part: Any) -> tuple[Any, Any, Any]:
            keys = {} if key is None else {"key": random.fold_in(key, index)}
            value, grads = differentiated(params, part, *args, **keys)
            value, aux = value if has_aux else (value, ())
            return _wide(value), tree.map(_wide, grads), aux

        def body(carry: Any, row: Any) -> Any:
            value, grads, aux = part_of(*row)
            return tree.map(lambda a, b: a + b, carry, (value, grads)), aux

        shapes = fl.eval_shape(part_of, 0, tree.map(lambda x: x[0], parts))
        zeros = tree.map(lambda s: fnp.zeros(s.shape, s.dtype), shapes[:2])
        if zeros[0].dtype.kind != "f":
            raise DtypeError(f"{name}: expected a real loss; got {zeros[0].dtype.name}.")
        rows = (fnp.arange(microbatches), parts)
        (total, sums), aux = lax.scan(body, zeros, rows, length=microbatches)
        share = 1 / microbatches if reduction == "mean" else 1
        grads = tree.map(lambda g, p: (g * share).astype(fnp.asarray(p).dtype), sums, params)
        value = total * share
        return ((value, aux), grads) if has_aux else (value, grads)

    return accumulated


def _cut(name: str, x: Any, parts: int) -> Any:
    x = fnp.asarray(x)
    if not x.ndim or x.shape[0] % parts or not x.shape[0]:
        raise ShapeError(
            f"{name}: expected batch arrays whose first axis is a multiple of {parts}, the number "
            f"of microbatches; got {tuple(x.shape)}. Remedy: drop_last=True, or another number."
        )
    return x.reshape(parts, x.shape[0] // parts, *x.shape[1:])


def _wide(x: Any) -> Any:
    return x.astype(fnp.result_type(x.dtype, "float32")) if x.dtype.kind not in "iub" else x

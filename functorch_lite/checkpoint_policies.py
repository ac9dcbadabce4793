"""Policies for ``checkpoint``: which intermediate values may be kept for the backward pass.

A policy is a function of an operation and the types of its operands that says whether the result
may be kept. Values that are given a name with :func:`checkpoint_name` can be chosen by it.

>>> import functorch_lite as fl
>>> import functorch_lite.numpy as fnp
>>> policy = fl.checkpoint_policies.save_only_these_names("hidden")
>>> def f(x):
...     h = fl.checkpoint_policies.checkpoint_name(fnp.sin(x), "hidden")
...     return fnp.sin(h)
>>> fl.grad(fl.checkpoint(f, policy=policy))(0.0)
Array(1., dtype=float32)

Source: ``jax.checkpoint_policies`` and ``jax.ad_checkpoint.checkpoint_name``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import ops
from functorch_lite.core import tree
from functorch_lite.errors import TransformError
from functorch_lite.numpy.convert import as_array

__all__ = [
    "checkpoint_dots",
    "checkpoint_dots_with_no_batch_dims",
    "checkpoint_name",
    "dots_saveable",
    "dots_with_no_batch_dims_saveable",
    "everything_saveable",
    "nothing_saveable",
    "save_any_names_but_these",
    "save_anything_except_these_names",
    "save_from_both_policies",
    "save_only_these_names",
]

Policy = Callable[..., bool]


def checkpoint_name(x: Any, name: str) -> Any:
    """The same values under a name that policies know.

    Args:
        x: tree of arrays.
        name: any string.
    """
    if not isinstance(name, str):
        raise TransformError(f"checkpoint_name: the name must be a string, got {name!r}")
    return tree.map(
        lambda leaf: ops.checkpoint_name(as_array(leaf, "checkpoint_name"), name=name), x
    )


def everything_saveable(op: Any, *avals: Any, **params: Any) -> bool:
    """Keep every result that is needed, as without ``checkpoint``."""
    return True


def nothing_saveable(op: Any, *avals: Any, **params: Any) -> bool:
    """Keep only arguments; the default."""
    return False


def dots_saveable(op: Any, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products and convolutions."""
    return op.name in ("dot_general", "conv")


def dots_with_no_batch_dims_saveable(op: Any, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products without batch dimensions, those with weights."""
    return op.name == "dot_general" and params["batch"] == ((), ())


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


class _ByName:
    """A policy that looks at names; equal to one of the same parts, so that programs are reused."""

    def __init__(self, names: frozenset[str], keep_named: bool, keep_rest: bool) -> None:
        self.names, self.keep_named, self.keep_rest = names, keep_named, keep_rest

    def __call__(self, op: Any, *avals: Any, **params: Any) -> bool:
        if op.name != "checkpoint_name":
            return self.keep_rest
        return (params["name"] in self.names) == self.keep_named

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByName) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.names, self.keep_named, self.keep_rest))


def _names(names: tuple[Any, ...], maker: str) -> frozenset[str]:
    for name in names:
        if not isinstance(name, str):
            raise TransformError(f"{maker} takes names, each a string, got {name!r:.60}")
    return frozenset(names)


def save_only_these_names(*names: str) -> Policy:
    """Keep the values of these names, nothing else."""
    return _ByName(_names(names, "save_only_these_names"), True, False)


def save_any_names_but_these(*names: str) -> Policy:
    """Keep the values of all other names, and nothing without a name."""
    return _ByName(_names(names, "save_any_names_but_these"), False, False)


def save_anything_except_these_names(*names: str) -> Policy:
    """Keep everything but the values of these names."""
    return _ByName(_names(names, "save_anything_except_these_names"), False, True)


class _Either:
    def __init__(self, *policies: Policy) -> None:
        self.policies = policies

    def __call__(self, op: Any, *avals: Any, **params: Any) -> bool:
        return any(p(op, *avals, **params) for p in self.policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Either) and self.policies == other.policies

    def __hash__(self) -> int:
        return hash(self.policies)


def save_from_both_policies(one: Policy, other: Policy) -> Policy:
    """Keep what either policy keeps."""
    return _Either(one, other)

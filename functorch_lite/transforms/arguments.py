"""Arguments of transforms: flattening, argnums, axes as tree prefixes, names for messages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from functorch_lite.core import tree
from functorch_lite.core.array import (
    Array,
    is_arraylike,
    is_weak,
    lift,
    make_strong,
    make_weak,
)
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import default_dtype
from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import TransformError, TreeError


class Flat:
    """A flattened argument tuple: arrays, which of them are weak, and how to put them back.

    Attributes:
        arrays: the leaves as Arrays.
        weak: per leaf, whether it stems from Python scalars.
        treedef: the structure.
    """

    __slots__ = ("arrays", "treedef", "weak")

    def __init__(self, args: Any, what: Callable[[], list[str]], transform: str) -> None:
        leaves, self.treedef = tree.flatten(args)
        self.arrays: list[Any] = []
        self.weak: list[bool] = []
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, Array):
                self.arrays.append(leaf)
                self.weak.append(leaf.weak)
                continue
            if not is_arraylike(leaf):
                raise unknown_leaf(what()[i], leaf, transform)
            weak = is_weak(leaf)
            self.arrays.append(make_weak(lift(leaf)) if weak else lift(leaf))
            self.weak.append(weak)

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """The argument tree with other leaves."""
        return optree.tree_unflatten(self.treedef, leaves)


def unknown_leaf(path: str, leaf: Any, transform: str) -> TreeError:
    """The error for something that is neither an array nor a known container."""
    kind = type(leaf).__name__
    text = "" if type(leaf).__repr__ is object.__repr__ else f": {repr(leaf)[:60]}"
    if isinstance(leaf, str) or callable(leaf):
        name = re.split(r"\W", path)[0]
        remedy = (
            f"Mark it static with jit(f, static_argnames={name!r})"
            if transform.startswith("jit")
            else f"Bind it first, e.g. functools.partial(f, {name}=...)"
        )
        return TreeError(f"{transform}: {path} is not an array but a {kind}{text}. {remedy}.")
    return TreeError(
        f"{transform}: {path} is a {kind}, which is neither an array nor a registered "
        f"container{text}. Make {kind} a container with register_dataclass or "
        "tree.register_pytree_node, or keep it out of the transformed arguments (a closure; for "
        "jit, static_argnums)."
    )


def parameter_names(f: Any, count: int) -> list[str]:
    """Names of the positional arguments of f for messages."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for i in range(count):
        if i < len(parameters) and parameters[i].kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            names.append(parameters[i].name)
        elif (
            parameters
            and parameters[min(i, len(parameters) - 1)].kind is inspect.Parameter.VAR_POSITIONAL
        ):
            star = parameters[min(i, len(parameters) - 1)]
            names.append(f"{star.name}[{i - parameters.index(star)}]")
        else:
            names.append(f"argument {i}")
    return names


def leaf_paths(f: Any, args: Sequence[Any], positions: Sequence[int] | None = None) -> list[str]:
    """The path of every leaf of the arguments, after the parameter's name: ``params['w']``."""
    positions = list(range(len(args))) if positions is None else list(positions)
    names = parameter_names(f, max(positions, default=-1) + 1)
    return [
        path
        for i, arg in zip(positions, args, strict=True)
        for path in tree.leaf_names(arg, names[i])
    ]


def keyword_paths(kwargs: dict[str, Any]) -> list[str]:
    """The paths of the leaves of keyword arguments, in the order of flattening."""
    return [path for name in sorted(kwargs) for path in tree.leaf_names(kwargs[name], name)]


def check_callable(f: Any, transform: str, argument: str = "", call: str = "") -> None:
    """Raise unless an argument of a transform, by default the first one, is a function.

    Args:
        f: the argument.
        transform: its name.
        argument: the argument's name, where the transform is called in another way than
            ``transform(f)(x)``.
        call: that way.
    """
    if not callable(f):
        if argument:
            raise TransformError(
                f"{transform}: {argument} must be a function, got {describe(f)}. Write {call}."
            )
        raise TransformError(
            f"{transform}: the first argument must be a function, got {describe(f)}. Write "
            f"{transform}(f)(x), not {transform}(f(x))."
        )


def split_aux(out: Any, f_name: str, label: str) -> tuple[Any, Any]:
    """The pair that a function with ``has_aux=True`` returns."""
    if not isinstance(out, tuple) or len(out) != 2:
        got = f"a tuple of {len(out)}" if isinstance(out, tuple) else describe_tree(out)
        raise TransformError(
            f"{label}: with has_aux=True {f_name} must return a pair (output, aux), got {got}. "
            "Write return output, aux, or leave has_aux out."
        )
    return out


def describe_tree(x: Any) -> str:
    """Short text for any value: its type, and shape and dtype of a leaf."""
    if x is None:
        return "None"
    return describe(x) if tree.is_leaf(x) else f"a {type(x).__name__}"


def normalise_argnums(argnums: Any, count: int, name: str) -> tuple[int, ...]:
    """Positions as non-negative integers."""
    if type(argnums) is int and 0 <= argnums < count:
        return (argnums,)
    nums = (argnums,) if not isinstance(argnums, (tuple, list, range)) else argnums
    out = []
    for n in nums:
        if not isinstance(n, (int, np.integer)):
            raise TransformError(
                f"{name}: argnums must be an int or a tuple of ints, got {argnums!r}. Arguments "
                "are counted from 0, e.g. argnums=(0, 1)."
            )
        if not -count <= n < count:
            raise TransformError(
                f"{name}: argnums {argnums} asks for positional argument {n}, but the call has "
                f"{count}. Pass that argument by position, or change argnums."
            )
        out.append(int(n) % count)
    if len(set(out)) != len(out):
        raise TransformError(f"{name}: argnums {argnums} names an argument twice. Name each once.")
    return tuple(out)


def finish(x: Any, weak: bool) -> Any:
    """What a user receives: results of Python scalars alone have the default dtype of their kind.

    Inside another transform, too: a program gives the same dtypes with and without ``jit`` around
    it.
    """
    if not weak:
        return x
    x = make_strong(x)
    dtype = default_dtype(x.dtype)
    return x if x.dtype == dtype else REGISTRY["cast"](x, dtype=dtype)


def outputs_as_arrays(out: Any, f_name: str, transform: str) -> tuple[list[Array], list[bool], Any]:
    """Flatten what the user's function returned; every leaf must be an array or a number."""
    leaves, treedef = tree.flatten(out)
    arrays: list[Array] = []
    weak: list[bool] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Array):
            arrays.append(leaf)
            weak.append(leaf.weak)
            continue
        if not is_arraylike(leaf):
            path = tree.path_str(tree.leaves_with_path(out)[i][0])
            raise TreeError(
                f"{transform}: {f_name} returned a {type(leaf).__name__} at output{path}; only "
                "arrays, numbers and containers of them can be returned. Return it from outside "
                "the transform, or register its class with tree.register_pytree_node."
            )
        arrays.append(lift(leaf))
        weak.append(is_weak(leaf))
    return arrays, weak, treedef


def axes_of(name: str, what: str, prefix: Any, value: Any, path: str = "") -> list[Any]:
    """One axis (or None) per leaf of ``value`` from a prefix tree of axes."""
    if prefix is None or isinstance(prefix, (int, np.integer)):
        return [prefix] * len(tree.leaves(value))
    if tree.is_leaf(prefix):
        raise TransformError(
            f"{name}: {what}{path} must be an int, None or a container of them, got "
            f"{describe(prefix)}"
        )
    want = optree.tree_flatten_one_level(prefix, namespace=tree.NAMESPACE)
    if tree.is_leaf(value) or value is None:
        raise TransformError(axes_mismatch(name, what, path, prefix, value))
    have = optree.tree_flatten_one_level(value, namespace=tree.NAMESPACE)
    same_kind = type(prefix) is type(value) or (
        isinstance(prefix, (tuple, list)) and isinstance(value, (tuple, list))
    )
    if not same_kind or want[2] != have[2]:
        raise TransformError(axes_mismatch(name, what, path, prefix, value))
    out: list[Any] = []
    for entry, p, v in zip(want[2], want[0], have[0], strict=True):
        out.extend(axes_of(name, what, p, v, f"{path}[{entry!r}]"))
    return out


def axes_mismatch(name: str, what: str, path: str, prefix: Any, value: Any) -> str:
    """Where a tree of axes does not fit the values."""
    return (
        f"{name}: {what} does not fit: at {what}{path} it is a {type(prefix).__name__} "
        f"{str(prefix)[:60]}, where the value is "
        + (
            f"a leaf ({describe(value)})"
            if tree.is_leaf(value)
            else f"a {type(value).__name__} of {len(tree.leaves(value))} leaves"
        )
        + ". Use one int or None for the whole of it, or a container of the same structure as the "
        "value."
    )

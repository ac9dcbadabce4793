"""Other settings, or none, for some of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functorch_lite import tree
from functorch_lite.errors import TreeError
from functorch_lite.optim.rule import Optimizer, Pair, Transformation

__all__ = ["freeze", "grouped", "masked"]

Labels = Any | Callable[[Any], Any]


def freeze() -> Optimizer:
    """The optimiser that leaves parameters as they are, for a group that is not trained.

    Returns:
        Optimizer with the state ``()``.

    >>> import functorch_lite as fl
    >>> optimizer = grouped({"train": fl.optim.sgd(0.5), "keep": freeze()}, ["train", "keep"])
    >>> params = [fl.numpy.ones(1), fl.numpy.ones(1)]
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    [Array([0.5], dtype=float32), Array([1.], dtype=float32)]
    """
    return Optimizer(lambda params: (), lambda grads, state, params: (params, state), "freeze")


def masked(inner: Pair, mask: Labels) -> Any:
    """Apply a transformation or an optimiser to a part of the parameters.

    Where the mask is false a transformation passes gradients on and an optimiser keeps parameters.

    Args:
        inner: what to apply.
        mask: tree of bools with the structure of the parameters or of their first levels, or a
            function ``params -> mask``.

    Returns:
        ``Optimizer`` or ``Transformation``, as ``inner`` is.

    Raises:
        TreeError: by ``init`` and ``update``, if the mask's structure does not fit.
        TypeError: the mask has something else than bools.

    >>> import functorch_lite as fl
    >>> optimizer = fl.optim.chain(
    ...     masked(fl.optim.add_l2_decay(1.0), {"weight": True, "bias": False}), fl.optim.sgd(0.5)
    ... )
    >>> params = {"weight": fl.numpy.ones(1), "bias": fl.numpy.ones(1)}
    >>> grads = fl.tree.map(fl.numpy.zeros_like, params)
    >>> optimizer.update(grads, optimizer.init(params), params)[0]
    {'weight': Array([0.5], dtype=float32), 'bias': Array([1.], dtype=float32)}
    """
    if not isinstance(inner, Pair):
        raise TypeError(f"optim.masked: expected a transformation or an optimiser; got {inner!r}.")
    name = f"masked({inner.name})"
    is_transformation = isinstance(inner, Transformation)

    def chosen(params: Any) -> list[bool]:
        flags = _spread(name, "mask", mask, params)
        for flag in flags:
            if not isinstance(flag, bool):
                raise TypeError(f"optim.{name}: expected a mask of bools; got {flag!r} in it.")
        return flags

    def init(params: Any) -> Any:
        return inner.init(_part(params, chosen(params)))

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        _check_same(name, grads, params)
        flags = chosen(params)
        part, new_state = inner.update(_part(grads, flags), state, _part(params, flags))
        whole = grads if is_transformation else params
        return _merged(whole, flags, part), new_state

    return (Transformation if is_transformation else Optimizer)(init, update, name)


def grouped(optimizers: Mapping[str, Optimizer], labels: Labels) -> Optimizer:
    """Groups of parameters, each with an optimiser of its own.

    Args:
        optimizers: the groups' optimisers by name; chains may be among them.  Each sees the
            parameters of its group alone, so that a ``clip_by_norm`` in it takes their norm.
        labels: tree of names with the structure of the parameters or of their first levels, or a
            function ``params -> labels``.

    Returns:
        Optimizer; the state is a dict of the optimisers' states, by name.  In these the trees like
        the parameters are dicts from a leaf's path to what belongs to it.

    Raises:
        TypeError: an optimiser is something else.
        TreeError: by ``init`` and ``update``, if the labels' structure does not fit.
        ValueError: by ``init`` and ``update``, for a label without optimiser.

    >>> import functorch_lite as fl
    >>> optimizer = grouped(
    ...     {"fast": fl.optim.sgd(0.5), "slow": fl.optim.sgd(0.1)},
    ...     {"body": "slow", "head": "fast"},
    ... )
    >>> params = {"body": [fl.numpy.ones(1)], "head": fl.numpy.ones(1)}
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    {'body': [Array([0.9], dtype=float32)], 'head': Array([0.5], dtype=float32)}

    Source: the parameter groups of ``torch.optim``.
    """
    for label, optimizer in optimizers.items():
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optim.grouped: expected an optimiser for {label!r}; got {optimizer!r}. "
                "Remedy: optim.freeze() keeps a group as it is."
            )
    inside = ", ".join(f"{label}: {optimizer.name}" for label, optimizer in optimizers.items())
    name = f"grouped({inside})"

    def chosen(params: Any) -> dict[str, list[bool]]:
        given = _spread(name, "labels", labels, params)
        for label in given:
            if label not in optimizers:
                raise ValueError(
                    f"optim.grouped: expected labels among {sorted(optimizers)}; got {label!r}."
                )
        return {label: [label == one for one in given] for label in optimizers}

    def init(params: Any) -> dict[str, Any]:
        return {
            label: optimizers[label].init(_part(params, flags))
            for label, flags in chosen(params).items()
        }

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, dict[str, Any]]:
        _check_same(name, grads, params)
        if not isinstance(state, Mapping) or state.keys() != optimizers.keys():
            raise TreeError(
                f"optim.{name}: expected state to be a dict with the keys {sorted(optimizers)}; "
                f"got a {type(state).__name__}. Remedy: state = init(params), then "
                "update(grads, state, params)."
            )
        new_params, new_state = params, {}
        for label, flags in chosen(params).items():
            part, new_state[label] = optimizers[label].update(
                _part(grads, flags), state[label], _part(params, flags)
            )
            new_params = _merged(new_params, flags, part)
        return new_params, new_state

    return Optimizer(init, update, name)


def _spread(name: str, what: str, labels: Labels, params: Any) -> list[Any]:
    """A label for every leaf of the parameters, from a tree that may end above them."""
    if callable(labels):
        labels = labels(params)
    spread: list[Any] = []

    def below(label: Any, subtree: Any) -> None:
        spread.extend([label] * len(tree.leaves(subtree)))

    try:
        tree.map(below, labels, params)
    except (TreeError, ValueError, TypeError) as problem:
        raise TreeError(
            f"optim.{name}: expected {what} of the structure of params or of its first levels; got "
            f"{tree.structure(labels)} for {tree.structure(params)}."
        ) from problem
    return spread


def _check_same(name: str, grads: Any, params: Any) -> None:
    if tree.structure(grads) != tree.structure(params):
        raise TreeError(
            f"optim.{name}: expected grads of the structure of params, {tree.structure(params)}; "
            f"got {tree.structure(grads)}. Remedy: grads = fl.grad(loss)(params)."
        )


def _part(values: Any, flags: list[bool]) -> dict[str, Any]:
    """The leaves that are meant, by their path."""
    leaves = tree.leaves_with_path(values)
    return {
        tree.path_str(path): leaf for (path, leaf), flag in zip(leaves, flags, strict=True) if flag
    }


def _merged(values: Any, flags: list[bool], part: Mapping[str, Any]) -> Any:
    """The tree with the leaves that were meant replaced."""
    leaves = [
        part[tree.path_str(path)] if flag else leaf
        for (path, leaf), flag in zip(tree.leaves_with_path(values), flags, strict=True)
    ]
    return tree.unflatten(tree.structure(values), leaves)

"""The optimiser protocol, and the engine that turns a rule for one array into a pair over pytrees.

An optimiser is ``(init, update)``::

    state = init(params)
    params, state = update(grads, state, params)

The decisions, with their reasons:

*update returns the new parameters,* not increments to be added by the caller.  A training step is
one line shorter and cannot get the sign wrong, and some methods are not increments: FTRL sets
weights to exact zeros, projections and proximal steps end on a boundary, and both would be lost to
the rounding of ``p + (new - p)``.

*Whatever changes gradients first* (clipping, L1 or L2 terms) has the same two functions and returns
gradients where an optimiser returns parameters, so that composition is feeding each one's result
to the next: clip, add decay, then the optimiser, which comes last.

*The state is a dict of plain arrays and pytrees* like the parameters, under the names of PyTorch's
state dicts: ``step`` is an i64[] array, and e.g. ``exp_avg`` has the structure of the parameters.
It starts with the shapes, dtypes and structure that every update returns, so a jitted step is
traced once.

*A learning rate is a float or a schedule,* a function of the number of updates made so far (an
i64[] array, 0 at the first), written with ``functorch_lite.numpy``.  What depends on the step alone
is computed in float64 once per update, and rounded where it meets an array: PyTorch does the same
with Python floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from functorch_lite import lax, tree
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError, TreeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["LearningRate", "Optimizer", "check_settings", "per_array"]

LearningRate = float | Callable[[Any], Any]
Slots = dict[str, Any]


class Optimizer:
    """A pair of pure functions ``(init, update)``; unpacks as one.

    Args:
        init: ``init(params) -> state``.
        update: ``update(grads, state, params) -> (new_params, new_state)``.
        name: the optimiser with its settings, for messages.

    >>> Optimizer(lambda params: (), lambda grads, state, params: (params, state), "freeze()")
    freeze()
    """

    __slots__ = ("init", "name", "update")

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, Any]]
    name: str

    def __init__(
        self,
        init: Callable[[Any], Any],
        update: Callable[[Any, Any, Any], tuple[Any, Any]],
        name: str,
    ) -> None:
        self.init = init
        self.update = lax.composite(update, f"optim.{name}")
        self.name = name

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update

    def __repr__(self) -> str:
        return self.name


def per_array(
    name: str,
    learning_rate: LearningRate,
    slots: Mapping[str, Callable[[Any], Any]],
    scalars: Callable[[Any, Any], Mapping[str, Any]],
    rule: Callable[..., tuple[Any, Slots]],
) -> Optimizer:
    """An optimiser from a rule for one array.

    Args:
        name: the optimiser with its settings, for messages.
        learning_rate: float or schedule.
        slots: what is remembered for each array, and its initial value as a function of the
            parameter.
        scalars: ``scalars(step, lr) -> dict`` of what depends on the step alone; ``step`` counts
            from 1 and is f64[], ``lr`` is f64[] or a float.
        rule: ``rule(grad, param, slots, scalars) -> (new_param, new_slots)``; the scalars come in
            the parameter's dtype.

    Returns:
        The optimiser; its ``update`` raises TreeError or ShapeError if gradients and parameters do
        not match.
    """

    def init(params: Any) -> dict[str, Any]:
        for path, param in tree.leaves_with_path(params):
            _check_inexact(name, path, param)
        state: dict[str, Any] = {"step": fnp.zeros((), "int64")}
        for slot, initial in slots.items():
            state[slot] = tree.map(initial, params)
        return state

    def update(grads: Any, state: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        _check_state(name, slots, grads, state, params)
        leaves, structure = tree.flatten(params)
        grad_leaves = _matching_leaves(name, "grads", grads, params, structure)
        slot_leaves = {
            slot: _matching_leaves(name, f"state[{slot!r}]", state[slot], params, structure)
            for slot in slots
        }
        step = state["step"] + 1
        lr = learning_rate(state["step"]) if callable(learning_rate) else learning_rate
        if not isinstance(lr, float):
            lr = fnp.asarray(lr).astype("float64")
        by_step = scalars(step.astype("float64"), lr)
        new_leaves = []
        new_slots: dict[str, list[Any]] = {slot: [] for slot in slots}
        rounded: dict[Any, Mapping[str, Any]] = {}
        for i, (param, grad) in enumerate(zip(leaves, grad_leaves, strict=True)):
            dtype = param.dtype
            if dtype not in rounded:
                rounded[dtype] = {key: _as_dtype(value, dtype) for key, value in by_step.items()}
            held = {slot: slot_leaves[slot][i] for slot in slots}
            new_param, held = rule(grad, param, held, rounded[dtype])
            new_leaves.append(new_param)
            for slot in slots:
                new_slots[slot].append(held[slot])
        new_state: dict[str, Any] = {"step": step}
        for slot in slots:
            new_state[slot] = tree.unflatten(structure, new_slots[slot])
        return tree.unflatten(structure, new_leaves), new_state

    return Optimizer(init, update, name)


def check_settings(name: str, **settings: Any) -> None:
    """Raise ValueError for a negative setting; schedules are checked by nobody.

    >>> check_settings("sgd", lr=-1.0)
    Traceback (most recent call last):
    ...
    ValueError: optim.sgd: expected lr >= 0; got -1.0.
    """
    for setting, value in settings.items():
        if not callable(value) and not value >= 0:
            raise ValueError(f"optim.{name}: expected {setting} >= 0; got {value}.")


def _check_state(name: str, slots: Mapping[str, Any], grads: Any, state: Any, params: Any) -> None:
    """Raise unless the state is where it belongs."""
    keys = {"step", *slots}

    def is_state(x: Any) -> bool:
        return isinstance(x, Mapping) and keys <= x.keys()

    if is_state(state):
        return
    places = [what for what, x in (("grads", grads), ("params", params)) if is_state(x)]
    if places:
        raise TreeError(
            f"optim.{name}: the state came in the place of {places[0]}. The order is "
            "update(grads, state, params)."
        )
    got = (
        f"a dict with the keys {list(state)}"[:80]
        if isinstance(state, dict)
        else f"a {type(state).__name__}"
    )
    raise TreeError(
        f"optim.{name}: expected state to be a dict with the keys {sorted(keys)}; got {got}. "
        "Remedy: state = init(params), then update(grads, state, params)."
    )


def _as_dtype(value: Any, dtype: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) else value.astype(dtype)


def _check_inexact(name: str, path: Any, param: Any) -> None:
    dtype = getattr(param, "dtype", None)
    if dtype is None or dtype.kind in "iub":
        got = type(param).__name__ if dtype is None else dtype.name
        raise DtypeError(
            f"optim.{name}: expected floating-point arrays as params; "
            f"got {got} at params{tree.path_str(path)}. "
            "Remedy: keep what is not trained in a separate pytree."
        )


def _matching_leaves(name: str, what: str, given: Any, params: Any, structure: Any) -> list[Array]:
    leaves, given_structure = tree.flatten(given)
    if given_structure != structure:
        raise TreeError(
            f"optim.{name}: expected {what} of the structure of params, {structure}; "
            f"got {given_structure}."
        )
    paths_and_params = tree.leaves_with_path(params)
    for (path, param), leaf in zip(paths_and_params, leaves, strict=True):
        if leaf.shape != param.shape:
            where = tree.path_str(path)
            raise ShapeError(
                f"optim.{name}: expected {what} of the shapes of params; params{where} is "
                f"{tuple(param.shape)}, {what}{where} {tuple(leaf.shape)}."
            )
    return leaves

"""The optimiser protocol, and the engine that turns a rule for one array into a pair over pytrees.

An optimiser is ``(init, update)``::

    state = init(params)
    params, state = update(grads, state, params)

The decisions, with their reasons:

*update returns the new parameters,* not increments to be added by the caller.  A training step is
one line shorter and cannot get the sign wrong, and some methods are not increments: FTRL sets
weights to exact zeros, projections and proximal steps end on a boundary, and both would be lost to
the rounding of ``p + (new - p)``.

*Whatever changes gradients first* (clipping, L1 or L2 terms) is a ``Transformation``: the same two
functions, but it returns gradients where an optimiser returns parameters.  Composition is feeding
each one's result to the next, which ``chain`` does: clip, add decay, then the optimiser, last.

*The state is a dict of plain arrays and pytrees* like the parameters, under the names of PyTorch's
state dicts: ``step`` is an i64[] array, and e.g. ``exp_avg`` has the structure of the parameters.
It starts with the shapes, dtypes and structure that every update returns, so a jitted step is
traced once.

*A numeric setting is a number, an array or a schedule.*  A schedule is a function of the number of
updates made so far (an i64[] array, 0 at the first), written with ``functorch_lite.numpy``; any
setting may have one, a momentum as well as a learning rate.  An array of shape ``()`` may be
traced: ``jit(lambda lr, g, s, p: optim.sgd(lr).update(g, s, p))`` takes another learning rate in
every call without compiling again, ``vmap`` over ``lr`` trains a sweep, and ``grad`` differentiates
through the update with respect to it.

*A rule is data* (``Rule``): a function of ``(grad, param, slots, scalars)`` for one array, and what
it needs to be called.  ``optim.RULES`` lists them; other shells than this one (objects with
parameter groups, say) are made from the same formulas.

*What depends on the step and the settings alone is computed in float64,* once per update, and
rounded where it meets an array: PyTorch does the same with Python floats.  Arrays of 16 bits are
updated in float32 and rounded once at the end, and complex ones as pairs of real numbers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax, tree
from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_grads, check_params, check_state, matching_leaves

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "LearningRate",
    "Optimizer",
    "Pair",
    "Rule",
    "Transformation",
    "at_step",
    "decayed",
    "optimizer_of",
    "present",
    "scheduled",
    "working",
    "zeros",
]

LearningRate = float | Callable[[Any], Any]
Slots = dict[str, Any]
Settings = Mapping[str, Any]
Shape = tuple[int, ...]


class Pair:
    """Two pure functions ``(init, update)``; unpacks as them."""

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
        self.name = name
        self.init = _named(f"optim.{name}.init", init, "state = optimizer.init(params)")
        self.update = _named(
            f"optim.{name}.update",
            lax.composite(update, f"optim.{name}"),
            "params, state = optimizer.update(grads, state, params)",
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: an optimiser holds nothing."""
        raise TypeError(
            f"optim.{self.name}: an optimiser is not called itself. Remedy: state = "
            "optimizer.init(params), then params, state = optimizer.update(grads, state, params)."
        )

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update

    def __repr__(self) -> str:
        return self.name


class Optimizer(Pair):
    """A pair of pure functions ``(init, update)``; unpacks as one.

    Args:
        init: ``init(params) -> state``.
        update: ``update(grads, state, params) -> (new_params, new_state)``.
        name: the optimiser with its settings, for messages.

    >>> Optimizer(lambda params: (), lambda grads, state, params: (params, state), "still()")
    still()
    """

    __slots__ = ()


class Transformation(Pair):
    """A pair like an optimiser's that returns gradients, for an optimiser after it to use.

    Args:
        init: ``init(params) -> state``.
        update: ``update(grads, state, params) -> (new_grads, new_state)``.
        name: the transformation with its settings, for messages.

    >>> import functorch_lite as fl
    >>> halve = Transformation(
    ...     lambda params: (),
    ...     lambda grads, state, params: (fl.tree.map(lambda g: g / 2, grads), state),
    ...     "halve()",
    ... )
    >>> fl.optim.chain(halve, fl.optim.sgd(0.1))
    chain(halve(), sgd)
    """

    __slots__ = ()


def _named(name: str, f: Callable[..., Any], remedy: str) -> Callable[..., Any]:
    """The function, which says its name where arguments are missing or too many."""

    @functools.wraps(f)
    def named(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except TypeError:
            try:
                inspect.signature(f).bind(*args, **kwargs)
            except TypeError as problem:
                unbound = str(problem)
            else:
                raise
        raise TypeError(f"{name}: {unbound}. Remedy: {remedy}.")

    return named


def _no_slots(settings: Settings) -> dict[str, Callable[[Any, Settings], Any]]:
    return {}


@dataclass(frozen=True)
class Rule:
    """How one array is updated, with settings that may be traced.

    Settings are a mapping.  Numbers may be Python's or arrays of shape ``()``, traced ones too;
    bools, strings and None choose the formula and are Python's.  A Python 0 where a term would
    vanish drops it from the formula (see ``present``).

    Args:
        update: ``update(grad, param, slots, scalars) -> (new_param, new_slots)`` for real arrays
            of 32 bits or more and of one dtype.
        scalars: ``scalars(step, settings) -> dict``, what ``update`` reads: the settings, and what
            depends on them and on ``step`` (f64[], 1 at the first update) alone, such as 1 - beta,
            which float32 would spoil.
        slots: ``slots(settings) -> {name: initial(param, settings)}``, what is remembered for each
            array.
        shared: ``shared(settings) -> {name: float}``, numbers that are remembered for all arrays
            together.  They come in the settings of ``scalars``, which returns their next values.
        shapes: the shapes of those slots that have another one than their parameter, as functions
            of the parameter's.
        real_only: whether complex arrays are refused.

    >>> import functorch_lite as fl
    >>> rule = fl.optim.RULES["sgd"]
    >>> settings = dict(lr=fl.numpy.asarray(0.5), momentum=0.0, dampening=0.0, weight_decay=0.0,
    ...                 nesterov=False, maximize=False)
    >>> scalars = rule.scalars(fl.numpy.asarray(1.0, "float64"), settings)
    >>> rule(fl.numpy.ones(2), fl.numpy.zeros(2), {}, scalars)
    (Array([-0.5, -0.5], dtype=float32), {})
    """

    update: Callable[[Any, Any, Slots, Settings], tuple[Any, Slots]]
    scalars: Callable[[Any, Settings], Settings] = lambda step, settings: settings
    slots: Callable[[Settings], Mapping[str, Callable[[Any, Settings], Any]]] = _no_slots
    shared: Callable[[Settings], Mapping[str, Any]] = _no_slots
    shapes: Mapping[str, Callable[[Shape], Shape]] | None = None
    real_only: bool = False

    def init(self, param: Any, settings: Settings) -> Slots:
        """The slots of one array before the first update."""
        param = fnp.asarray(param)
        work = _to_work(param)
        settings = _rounded(settings, work.dtype)
        return {
            name: _from_work(initial(work, settings), param.dtype)
            for name, initial in self.slots(settings).items()
        }

    def __call__(
        self, grad: Any, param: Any, slots: Slots, scalars: Settings
    ) -> tuple[Array, Slots]:
        """One array's update, in any floating-point or complex dtype, which stays.

        Args:
            grad: f[*s], the gradient; rounded to the dtype of ``param``.
            param: f[*s].
            slots: as from ``init`` or from the last update.
            scalars: what ``self.scalars(step, settings)`` gave.

        Returns:
            the new parameter and the new slots.
        """
        param = fnp.asarray(param)
        dtype = param.dtype
        work = _to_work(param)
        grad = _to_work(fnp.asarray(grad), dtype)
        held = {name: _to_work(fnp.asarray(slot)) for name, slot in slots.items()}
        new_param, new_slots = self.update(grad, work, held, _rounded(scalars, work.dtype))
        return _from_work(new_param, dtype), {
            name: _from_work(slot, dtype) for name, slot in new_slots.items()
        }


def optimizer_of(name: str, rule: Rule, settings: Settings) -> Optimizer:
    """The optimiser over pytrees that a rule and its settings make.

    Args:
        name: what it is called in messages.
        rule: the formula for one array.
        settings: its settings; a function among them is a schedule.

    Returns:
        The optimiser; its ``update`` raises TreeError or ShapeError if gradients, state and
        parameters do not match, and its ``init`` DtypeError for what is not floating-point.
    """
    # A scheduled setting is there whatever its first value is.
    names = {
        key: fnp.zeros((), "float64") if callable(value) else value
        for key, value in settings.items()
    }
    slot_names = tuple(rule.slots(names))
    shared_names = tuple(rule.shared(names))

    def settings_at(step: Any) -> dict[str, Any]:
        return {key: at_step(value, step) for key, value in settings.items()}

    def init(params: Any) -> dict[str, Any]:
        check_params(name, params, real_only=rule.real_only)
        step = fnp.zeros((), "int64")
        now = settings_at(step)
        leaves, structure = tree.flatten(params)
        made = [rule.init(param, now) for param in leaves]
        state: dict[str, Any] = {"step": step}
        for key, value in rule.shared(now).items():
            state[key] = fnp.asarray(value, "float64")
        for slot in slot_names:
            state[slot] = tree.unflatten(structure, [slots[slot] for slots in made])
        return state

    def update(grads: Any, state: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        check_state(name, ("step", *shared_names, *slot_names), grads, state, params)
        leaves, structure = tree.flatten(params)
        grad_leaves = matching_leaves(name, "grads", grads, params, structure)
        check_grads(name, grad_leaves, params)
        slot_leaves = {
            slot: matching_leaves(
                name, f"state[{slot!r}]", state[slot], params, structure, _shape_of(rule, slot)
            )
            for slot in slot_names
        }
        step = state["step"] + 1
        now = settings_at(state["step"]) | {key: state[key] for key in shared_names}
        scalars = rule.scalars(step.astype("float64"), now)
        rounded: dict[Any, Settings] = {}
        new_leaves = []
        new_slots: dict[str, list[Any]] = {slot: [] for slot in slot_names}
        for i, (param, grad) in enumerate(zip(leaves, grad_leaves, strict=True)):
            held = {slot: slot_leaves[slot][i] for slot in slot_names}
            if param.dtype not in rounded:
                rounded[param.dtype] = _rounded(scalars, _work_dtype(param.dtype))
            new_param, held = rule(grad, param, held, rounded[param.dtype])
            new_leaves.append(new_param)
            for slot in slot_names:
                new_slots[slot].append(held[slot])
        new_state: dict[str, Any] = {"step": step}
        for key in shared_names:
            new_state[key] = scalars[key]
        for slot in slot_names:
            new_state[slot] = tree.unflatten(structure, new_slots[slot])
        return tree.unflatten(structure, new_leaves), new_state

    return Optimizer(init, update, name)


def scheduled(
    name: str, setting: LearningRate, change: Callable[[Any, Any, Any], Any]
) -> Transformation:
    """A transformation with one setting, which may be a schedule.

    Args:
        name: what it is called in messages.
        setting: number, array or schedule.
        change: ``change(grads, params, value) -> new_grads``.

    Returns:
        Transformation with ``step`` in its state.
    """

    def init(params: Any) -> dict[str, Any]:
        return {"step": fnp.zeros((), "int64")}

    def update(grads: Any, state: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        check_state(name, ("step",), grads, state, params)
        _, structure = tree.flatten(params)
        check_grads(name, matching_leaves(name, "grads", grads, params, structure), params)
        value = at_step(setting, state["step"])
        return change(grads, params, value), {"step": state["step"] + 1}

    return Transformation(init, update, name)


def zeros(*names: str) -> dict[str, Callable[[Any, Settings], Any]]:
    """Slots like the parameter that start with zeros, for ``Rule.slots`` to give.

    >>> import functorch_lite as fl
    >>> zeros("exp_avg")["exp_avg"](fl.numpy.ones(2), {})
    Array([0., 0.], dtype=float32)
    """
    return dict.fromkeys(names, lambda param, settings: fnp.zeros_like(param))


def present(setting: Any) -> bool:
    """Whether a term with this factor is in the formula: unless the factor is a Python 0.

    >>> import functorch_lite as fl
    >>> present(0.0), present(0.1), present(fl.numpy.asarray(0.0))
    (False, True, True)
    """
    return not (isinstance(setting, (int, float)) and setting == 0)


def decayed(grad: Any, param: Any, s: Settings) -> tuple[Any, Any]:
    """The gradient to descend and the parameter to start from, after ``maximize`` and decay.

    Reads ``maximize`` and ``weight_decay``.  The decay is an L2 penalty's gradient; with
    ``decoupled_weight_decay`` it shrinks the parameter itself, by ``keep = 1 - lr weight_decay``.

    >>> decayed(1.0, 2.0, {"maximize": True, "weight_decay": 0.25})
    (-0.5, 2.0)
    >>> decayed(1.0, 2.0, {"maximize": False, "weight_decay": 0.25, "keep": 0.75,
    ...                    "decoupled_weight_decay": True})
    (1.0, 1.5)
    """
    if s["maximize"]:
        grad = -grad
    decay = s["weight_decay"]
    if not present(decay):
        return grad, param
    if s.get("decoupled_weight_decay"):
        return grad, param * s["keep"]
    return grad + decay * param, param


def at_step(setting: Any, step: Any) -> Any:
    """A setting at a step: Python's numbers and flags as they are, everything else as f64[]."""
    if callable(setting):
        setting = setting(step)
    if setting is None or isinstance(setting, (bool, int, float, str, tuple)):
        return setting
    return fnp.asarray(setting).astype("float64")


def _shape_of(rule: Rule, slot: str) -> Callable[[Shape], Shape] | None:
    return None if rule.shapes is None else rule.shapes.get(slot)


def _rounded(scalars: Settings, dtype: Any) -> dict[str, Any]:
    """The scalars with those that are arrays in the dtype of the arrays they meet."""
    return {
        key: _as_dtype(value, dtype) if hasattr(value, "astype") else value
        for key, value in scalars.items()
    }


def _as_dtype(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


def working(x: Any) -> Any:
    """An array in the dtype it is computed with: float32 for 16 bits, else its own.

    >>> import functorch_lite as fl
    >>> working(fl.numpy.ones(1, "bfloat16"))
    Array([1.], dtype=float32)
    """
    x = fnp.asarray(x)
    return x.astype("float32") if x.dtype.itemsize == 2 else x


def _work_dtype(dtype: Any) -> Any:
    """The real dtype of 32 bits or more that stands for a parameter's in a rule."""
    if dtype.kind == "c":
        return np.dtype("float32" if dtype.itemsize == 8 else "float64")
    return np.dtype("float32") if dtype.itemsize == 2 else dtype


def _to_work(x: Any, dtype: Any = None) -> Any:
    """An array as a rule sees it: real, and of 32 bits or more."""
    dtype = x.dtype if dtype is None else dtype
    if dtype.kind == "c":
        x = _as_dtype(x, dtype)
        return fnp.stack([x.real, x.imag], -1)
    return _as_dtype(x, _work_dtype(dtype))


def _from_work(x: Any, dtype: Any) -> Any:
    if dtype.kind == "c":
        return lax.complex(x[..., 0], x[..., 1])
    return _as_dtype(x, dtype)

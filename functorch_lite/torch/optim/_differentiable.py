"""Steps that gradients flow through: to parameters, gradients, state and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim import Rule
from functorch_lite.torch._core.op import Composite
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["differentiable_step"]


def differentiable_step(
    name: str,
    rule: Rule,
    scalars: Callable[[Any, Any], Any],
    step: float,
    fixed: Mapping[str, Any],
    numbers: Mapping[str, Any],
    shared: Sequence[str],
    p: Any,
    grad: Any,
    slots: dict[str, Any],
) -> list[float]:
    """Make the step of one parameter as one recorded operation that writes in place.

    Args:
        name: of the optimiser.
        rule: the formula for one array.
        scalars: what it reads besides arrays.
        step: its number, 1 for the first.
        fixed: settings that choose the formula.
        numbers: other settings; tensors among them get gradients.
        shared: the names of those that the step changes.
        p: the parameter.
        grad: its gradient.
        slots: its state.

    Returns:
        the next values of what is shared.
    """
    tensors = {key: x for key, x in numbers.items() if isinstance(x, Tensor)}
    plain = {key: fnp.asarray(x, "float64") for key, x in numbers.items() if key not in tensors}
    found: list[float] = []

    def formula(param: Any, grad: Any, *rest: Any) -> tuple[Any, ...]:
        given = dict(zip((*slots, *tensors), rest, strict=True))
        settings = {key: given[key].reshape(()).astype("float64") for key in tensors}
        read = scalars(fnp.asarray(step, "float64"), {**fixed, **plain, **settings})
        held = {key: given[key] for key in slots}
        param, held = rule(grad, param, held, read)
        found[:] = [float(read[key]) for key in shared]
        return (param, *[held[key] for key in slots])

    # Copies, because the backward pass needs the values from before the step.
    operands = [p.clone(), grad, *[t.clone() for t in slots.values()], *tensors.values()]
    made = Composite(f"{name}StepBackward0", formula)(operands)
    for target, value in zip((p, *slots.values()), made, strict=True):
        target.copy_(value)
    return found

"""A step along a line that meets the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp

__all__ = ["strong_wolfe"]

DECREASE = 1e-4
"""The part of the predicted decrease that a step must reach."""
CURVATURE = 0.9
"""The part of the first slope that may be left."""


def strong_wolfe(
    evaluate: Callable[[Any], tuple[Any, Any]],
    step: Any,
    direction: Any,
    value: Any,
    gradient: Any,
    slope: Any,
    tolerance_change: float,
    max_steps: Any,
) -> tuple[Any, Any, Any, Any]:
    """Find a step size by bracketing a minimum and cubic interpolation.

    Args:
        evaluate: ``evaluate(t) -> (value: f[], gradient: f[n])`` at the step size t.
        step: f[], the first step size tried.
        direction: f[n].
        value: f[], the value where it starts.
        gradient: f[n], the gradient there.
        slope: f[], its product with the direction, negative.
        tolerance_change: brackets that move no number by more are not divided further.
        max_steps: i64[], how many evaluations may follow the first.

    Returns:
        the value, gradient and step size found, and i64[], how often it evaluated.

    >>> import functorch_lite.numpy as fnp
    >>> def evaluate(t):
    ...     return (t - 3.0) ** 2, 2 * (t - 3.0)[None]
    >>> start = fnp.zeros(())
    >>> value, gradient = evaluate(start)
    >>> strong_wolfe(evaluate, start + 1, fnp.ones(1), value, gradient, gradient[0], 1e-9, 25)[2]
    Array(1., dtype=float32)

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6; the
    safeguards of ``torch.optim.LBFGS``.
    """
    longest = fnp.max(fnp.abs(direction), initial=0.0)
    zero = fnp.zeros_like(step)

    def try_step(t: Any) -> dict[str, Any]:
        found, grad = evaluate(t)
        return {"t": t, "f": found, "g": grad, "slope": fnp.sum(grad * direction)}

    def too_high(point: dict[str, Any]) -> Any:
        return point["f"] > value + DECREASE * point["t"] * slope

    def flat(point: dict[str, Any]) -> Any:
        return fnp.abs(point["slope"]) <= -CURVATURE * slope

    def holds_minimum(carry: dict[str, Any]) -> Any:
        new, last = carry["new"], carry["last"]
        rose = (carry["steps"] > 1) & (new["f"] >= last["f"])
        return too_high(new) | rose

    def goes_on(carry: dict[str, Any]) -> Any:
        new = carry["new"]
        ends = holds_minimum(carry) | flat(new) | (new["slope"] >= 0)
        return (carry["steps"] < max_steps) & ~ends

    def extend(carry: dict[str, Any]) -> dict[str, Any]:
        new, last = carry["new"], carry["last"]
        least = new["t"] + 0.01 * (new["t"] - last["t"])
        t = _cubic_minimum(last, new, least, new["t"] * 10)
        return {"new": try_step(t), "last": new, "steps": carry["steps"] + 1}

    start = {"t": zero, "f": value, "g": gradient, "slope": slope}
    carry = {"new": try_step(step), "last": start, "steps": fnp.zeros((), "int64")}
    carry = lax.while_loop(goes_on, extend, carry)
    new, steps = carry["new"], carry["steps"]
    out_of_steps = steps >= max_steps
    done = ~out_of_steps & ~holds_minimum(carry) & flat(new)
    other = {key: fnp.where(out_of_steps, start[key], carry["last"][key]) for key in start}
    # A point that is good already is both ends.
    other = {key: fnp.where(done, new[key], other[key]) for key in other}
    zoom = {
        "a": other,
        "b": new,
        "a_is_low": other["f"] <= new["f"],
        "done": done,
        "stalled": fnp.zeros((), "bool"),
        "steps": steps,
    }

    def divides(zoom: dict[str, Any]) -> Any:
        width = fnp.abs(zoom["b"]["t"] - zoom["a"]["t"]) * longest
        return ~zoom["done"] & (zoom["steps"] < max_steps) & ~(width < tolerance_change)

    def divide(zoom: dict[str, Any]) -> dict[str, Any]:
        a, b, a_is_low = zoom["a"], zoom["b"], zoom["a_is_low"]
        left, right = fnp.minimum(a["t"], b["t"]), fnp.maximum(a["t"], b["t"])
        t, stalled = _inside(_cubic_minimum(a, b, left, right), left, right, zoom["stalled"])
        point = try_step(t)
        low, high = _choose(a_is_low, a, b), _choose(a_is_low, b, a)
        worse = too_high(point) | (point["f"] >= low["f"])
        done = ~worse & flat(point)
        crossed = ~worse & ~done & (point["slope"] * (high["t"] - low["t"]) >= 0)
        new_low = _choose(worse, low, point)
        new_high = _choose(worse, point, _choose(crossed, low, high))
        new_a, new_b = _choose(a_is_low, new_low, new_high), _choose(a_is_low, new_high, new_low)
        return {
            "a": new_a,
            "b": new_b,
            "a_is_low": fnp.where(worse, new_a["f"] <= new_b["f"], a_is_low),
            "done": done,
            "stalled": stalled,
            "steps": zoom["steps"] + 1,
        }

    zoom = lax.while_loop(divides, divide, zoom)
    best = _choose(zoom["a_is_low"], zoom["a"], zoom["b"])
    return best["f"], best["g"], best["t"], zoom["steps"] + 1


def _choose(condition: Any, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {key: fnp.where(condition, x[key], y[key]) for key in x}


def _inside(t: Any, left: Any, right: Any, stalled: Any) -> tuple[Any, Any]:
    """A step size that is moved off the ends of its bracket if it was near one twice."""
    margin = 0.1 * (right - left)
    near = fnp.minimum(right - t, t - left) < margin
    moves = near & (stalled | (t >= right) | (t <= left))
    off_right = fnp.abs(t - right) < fnp.abs(t - left)
    moved = fnp.where(off_right, right - margin, left + margin)
    return fnp.where(moves, moved, t), near & ~moves


def _cubic_minimum(x: dict[str, Any], y: dict[str, Any], least: Any, most: Any) -> Any:
    """Where the cubic through two values and slopes is least, within bounds; else their middle."""
    ordered = x["t"] <= y["t"]
    x, y = _choose(ordered, x, y), _choose(ordered, y, x)
    d1 = x["slope"] + y["slope"] - 3 * (x["f"] - y["f"]) / (x["t"] - y["t"])
    square = d1 * d1 - x["slope"] * y["slope"]
    real = square >= 0
    d2 = fnp.sqrt(fnp.where(real, square, 0.0))
    part = (y["slope"] + d2 - d1) / (y["slope"] - x["slope"] + 2 * d2)
    minimum = y["t"] - (y["t"] - x["t"]) * part
    middle = (least + most) / 2.0
    return fnp.where(real, fnp.minimum(fnp.maximum(minimum, least), most), middle)

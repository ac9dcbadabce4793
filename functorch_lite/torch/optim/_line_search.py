"""A step along a line that meets the strong Wolfe conditions, for functions that are Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]

DECREASE = 1e-4
"""The part of the predicted decrease that a step must reach."""
CURVATURE = 0.9
"""The part of the first slope that may be left."""
FURTHEST = 10
"""By how much a step size may grow at once."""


class Point(NamedTuple):
    """What is known at a step size.

    Attributes:
        t: the step size.
        loss: the value there.
        grad: the gradient.
        slope: its product with the direction.
    """

    t: Any
    loss: float
    grad: Any
    slope: Any


def strong_wolfe(
    evaluate: Callable[[Any], tuple[float, Any]],
    t: Any,
    direction: Any,
    start: Point,
    most: int,
    tolerance_change: float = 1e-9,
) -> tuple[Point, int]:
    """Find a step size by bracketing a minimum and cubic interpolation.

    Args:
        evaluate: the value and the gradient at a step size.
        t: the first step size tried.
        direction: f[n].
        start: where the line begins, with t = 0.
        most: how many evaluations may follow the first.
        tolerance_change: brackets that move no number by more are not divided further.

    Returns:
        the point found, and how often it evaluated.

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6.
    """
    longest = direction.abs().max()

    def at(t: Any) -> Point:
        loss, grad = evaluate(t)
        return Point(t, loss, grad, grad.dot(direction))

    def too_high(point: Point) -> Any:
        return point.loss > start.loss + DECREASE * point.t * start.slope

    def flat(point: Point) -> Any:
        return abs(point.slope) <= -CURVATURE * start.slope

    last, new, steps = start, at(t), 0
    ends = [start, new]
    while steps < most:
        if too_high(new) or (steps > 1 and new.loss >= last.loss):
            ends = [last, new]
            break
        if flat(new):
            return new, steps + 1
        if new.slope >= 0:
            ends = [last, new]
            break
        least = new.t + 0.01 * (new.t - last.t)
        found = _cubic_minimum(last, new, least, new.t * FURTHEST)
        last, new = new, at(found)
        steps += 1
        ends = [start, new]

    low = _lower(ends)
    stalled = False
    while steps < most:
        a, b = ends
        if abs(b.t - a.t) * longest < tolerance_change:
            break
        left, right = min(a.t, b.t), max(a.t, b.t)
        found, stalled = _inside(_cubic_minimum(a, b, left, right), left, right, stalled)
        new = at(found)
        steps += 1
        high = 1 - low
        if too_high(new) or new.loss >= ends[low].loss:
            ends[high] = new
            low = _lower(ends)
            continue
        done = flat(new)
        if not done and new.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = new
        if done:
            break
    return ends[low], steps + 1


def _lower(ends: list[Point]) -> int:
    """Which end of a bracket has the smaller value."""
    return 0 if ends[0].loss <= ends[1].loss else 1


def _inside(t: Any, left: Any, right: Any, stalled: bool) -> tuple[Any, bool]:
    """A step size that is moved off the ends of its bracket if it was near one twice."""
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if not (stalled or t >= right or t <= left):
        return t, True
    nearer_right = abs(t - right) < abs(t - left)
    return (right - margin if nearer_right else left + margin), False


def _cubic_minimum(x: Point, y: Point, least: Any, most: Any) -> Any:
    """Where the cubic through two values and slopes is least, within bounds; else their middle."""
    if not x.t <= y.t:
        x, y = y, x
    d1 = x.slope + y.slope - 3 * (x.loss - y.loss) / (x.t - y.t)
    square = d1 * d1 - x.slope * y.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = square.sqrt()
    part = (y.slope + d2 - d1) / (y.slope - x.slope + 2 * d2)
    return min(max(y.t - (y.t - x.t) * part, least), most)

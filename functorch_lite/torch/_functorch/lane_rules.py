"""Functions of NumPy on symbols of one lane, as the same functions on the arrays of all lanes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.torch._compile.numpy_rules import NUMPY_RULES
from functorch_lite.torch._compile.symbol import Symbol, fresh_symbol
from functorch_lite.torch._functorch.fallback import signature_of
from functorch_lite.torch._functorch.lane_symbol import (
    LaneSymbol,
    aligned,
    behind,
    beside,
    gathered,
    symbol_of_lanes,
)

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["LANE_RULES"]

_np: Any = np  # whose annotations know no symbols

Rule = Callable[..., Any]
LANE_RULES: dict[str, Rule] = dict(NUMPY_RULES)
"""By the name of the function: ``rule(lanes, *args, **kwargs)``."""


def _first_try(name: str, rule: Rule) -> None:
    """A rule; where it gives NotImplemented, that of ``torch.compile`` is asked."""
    other = NUMPY_RULES.get(name)

    def either(lanes: Lanes, *args: Any, **kwargs: Any) -> Any:
        made = rule(*args, **kwargs)
        if made is not NotImplemented:
            return made
        if other is None:
            raise lanes.unsupported(f"numpy.{name}")
        return other(lanes, *args, **kwargs)

    LANE_RULES[name] = either


def _rule(f: Rule) -> Rule:
    _first_try(f.__name__.strip("_"), f)
    return f


def _spread(arrays: Sequence[Any], varies: Sequence[bool], size: int) -> list[Any]:
    """Arrays with all lanes in each of them."""
    return [
        a if v else np.broadcast_to(a, (size, *np.shape(a)))
        for a, v in zip(arrays, varies, strict=True)
    ]


# --------------------------------------------------------------------------------- several arrays
@_rule
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    found = None if x is None else gathered((condition, x, y))
    if found is None:
        return NotImplemented
    lanes, arrays, varies = found
    return beside(lanes, np.where(*aligned(arrays, varies)), (condition, x, y))


@_rule
def take_along_axis(x: Any, places: Any, axis: Any = -1) -> Any:
    found = None if axis is None else gathered((x, places))
    if found is None:
        return NotImplemented
    lanes, arrays, varies = found
    if isinstance(places, Symbol):
        places.within(x.shape[axis], -x.shape[axis])
    made = _np.take_along_axis(*_spread(arrays, varies, lanes.size), behind(axis, 1))
    return symbol_of_lanes(lanes, made)


@_rule
def concatenate(arrays: Any, axis: Any = 0, **kwargs: Any) -> Any:
    found = gathered(arrays) if axis is not None and not kwargs else None
    if found is None:
        return NotImplemented
    lanes, raws, varies = found
    made = np.concatenate(_spread(raws, varies, lanes.size), behind(axis, 0))
    return symbol_of_lanes(lanes, made)


@_rule
def searchsorted(line: Any, values: Any, side: str = "left", sorter: Any = None) -> Any:
    found = gathered((line, values)) if sorter is None else None
    if found is None:
        return NotImplemented
    lanes, arrays, varies = found
    if not varies[0]:
        made = _np.searchsorted(*arrays, side)
    elif not lanes.size:
        made = np.zeros((0, *np.shape(values)), np.int64)
    else:
        lines, wanted = _spread(arrays, varies, lanes.size)
        made = np.stack([_np.searchsorted(lines[i], wanted[i], side) for i in range(lanes.size)])
    return symbol_of_lanes(lanes, made)


# --------------------------------------------------------------------------------------- one array
# What answers in the order of memory where no axis is named.
_FLAT = frozenset((np.sort, np.argsort, np.partition, np.argpartition, np.argmax, np.argmin))
# What gives one number of a line.
_PLACES = frozenset((np.argmax, np.argmin))


def _along(f: Callable[..., Any], whole: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A function along ``axis`` on the array of all lanes, in the place of the first argument."""
    given = signature_of(f).bind(whole, *args, **kwargs)
    given.apply_defaults()
    names = given.arguments
    rank, axis = whole.ndim - 1, names["axis"]
    flat = f in _FLAT and (axis is None or not rank)
    if flat:
        names[next(iter(names))] = whole.reshape(whole.shape[0], -1)
    names["axis"] = 1 if flat else behind(axis, rank)
    named = {k: v for k, v in given.kwargs.items() if v is not np._NoValue}
    made = f(*given.args, **named)
    return made.reshape(whole.shape) if flat and not rank and f not in _PLACES else made


def _of_one(f: Any, each: bool) -> Rule:
    def rule(x: Any, *args: Any, **kwargs: Any) -> Any:
        others = (*args, *kwargs.values())
        if kwargs.get("out") is not None or any(isinstance(a, Symbol) for a in others):
            return NotImplemented
        found = gathered((x,))
        if found is None:
            return _same_in_all(f, x, *args, **kwargs)
        lanes, (whole,), _ = found
        if each:
            return beside(lanes, f(whole, *args, **kwargs), (x,))
        return symbol_of_lanes(lanes, _along(f, whole, args, kwargs))

    return rule


def _same_in_all(f: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of arrays that do not vary; its result is new."""
    symbols = [a for a in (*args, *kwargs.values()) if isinstance(a, Symbol)]
    if any(a.__class__ is not LaneSymbol or a.plain is None for a in symbols):
        return NotImplemented
    made = f(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
    return fresh_symbol(symbols[0].recording, wrap(np.asarray(made)))


def _plain(x: Any) -> Any:
    return x.plain if x.__class__ is LaneSymbol else x


for _name in ("isneginf", "isposinf", "nan_to_num", "angle", "isreal", "fix"):
    _first_try(_name, _of_one(getattr(np, _name), each=True))
for _name in ("sort", "argsort", "partition", "argpartition", "var", "std", "count_nonzero",
              "argmax", "argmin"):  # fmt: skip
    _first_try(_name, _of_one(getattr(np, _name), each=False))
_first_try("isin", functools.partial(_same_in_all, np.isin))

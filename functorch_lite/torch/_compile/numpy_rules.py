"""Functions of NumPy on symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.torch._compile.symbol import Symbol, fresh_symbol, laid, value_of

if TYPE_CHECKING:
    from functorch_lite.torch._compile.recording import Recording

__all__ = ["NUMPY_RULES"]

Rule = Callable[..., Any]
NUMPY_RULES: dict[str, Rule] = {}


def _rule(f: Rule) -> Rule:
    NUMPY_RULES[f.__name__.rstrip("_")] = f
    return f


def _made(recording: Recording, value: Any) -> Symbol:
    return fresh_symbol(recording, value)


def _first(name: str, f: Callable[..., Any]) -> None:
    """A function of one array and settings that keeps its dtype, or has one of its own."""

    def rule(recording: Recording, x: Any, *args: Any, **kwargs: Any) -> Symbol:
        if any(isinstance(a, Symbol) for a in (*args, *kwargs.values())):
            raise recording.unsupported(f"numpy.{name} of several tensors")
        if kwargs.get("out") is not None:
            raise recording.unsupported(f"numpy.{name} into an array")
        kwargs.pop("out", None)
        return _made(recording, f(value_of(x), *args, **kwargs))

    NUMPY_RULES[name] = rule


for _name in ("flip", "roll", "tril", "triu", "argmax", "argmin", "argsort", "sort", "tile",
              "count_nonzero"):  # fmt: skip
    _first(_name, getattr(fnp, _name))


def _view(name: str, view: Callable[..., Any]) -> None:
    """A function that NumPy answers with a view."""

    def rule(recording: Recording, x: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return x._seen(lambda a: view(a, *args, **kwargs))

    NUMPY_RULES[name] = rule


for _name in ("expand_dims", "moveaxis", "transpose", "swapaxes", "squeeze", "diagonal"):
    _view(_name, getattr(np, _name))


def _method(name: str) -> None:
    """A function that is a method of symbols."""

    def rule(recording: Recording, x: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if v is not np._NoValue}
        return getattr(x, name.removeprefix("a") if name in ("amax", "amin") else name)(
            *args, **kwargs
        )

    NUMPY_RULES[name] = rule


for _name in ("reshape", "ravel", "sum", "mean", "max", "min", "amax", "amin", "any", "all",
              "prod", "copy"):  # fmt: skip
    _method(_name)


@_rule
def shape(recording: Recording, x: Any) -> tuple[int, ...]:
    return tuple(x.shape)


@_rule
def ndim(recording: Recording, x: Any) -> int:
    return len(x.shape)


@_rule
def size(recording: Recording, x: Any, axis: Any = None) -> int:
    return int(x.size if axis is None else x.shape[axis])


@_rule
def may_share_memory(recording: Recording, a: Any, b: Any, max_work: Any = None) -> bool:
    return isinstance(a, Symbol) and isinstance(b, Symbol) and a.storage is b.storage


NUMPY_RULES["shares_memory"] = may_share_memory


@_rule
def broadcast_to(recording: Recording, x: Any, shape: Any, subok: bool = False) -> Symbol:
    found: Symbol = x._seen(lambda a: np.broadcast_to(a, shape))
    return found


@_rule
def broadcast_arrays(recording: Recording, *arrays: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return tuple(np.broadcast_to(a, shape) for a in arrays)


def _joined(name: str) -> None:
    def rule(recording: Recording, arrays: Sequence[Any], axis: Any = 0, **kwargs: Any) -> Symbol:
        if kwargs.get("out") is not None:
            raise recording.unsupported(f"numpy.{name} into an array")
        dtype = kwargs.get("dtype") or np.result_type(*[a.dtype for a in arrays])
        values = [value_of(a, dtype) for a in arrays]
        return _made(recording, getattr(fnp, name)(values, axis=axis))

    NUMPY_RULES[name] = rule


_joined("concatenate")
_joined("stack")


@_rule
def where(recording: Recording, condition: Any, x: Any = None, y: Any = None) -> Symbol:
    if x is None:
        raise recording.needs_values("numpy.where of one argument")
    kinds = [a if isinstance(a, (bool, int, float, complex)) else a.dtype for a in (x, y)]
    dtype = np.result_type(*kinds)
    found = fnp.where(value_of(condition, np.bool_), value_of(x, dtype), value_of(y, dtype))
    return laid(_made(recording, found), (condition, x, y))


@_rule
def take(recording: Recording, x: Any, places: Any, axis: Any = None, **kwargs: Any) -> Symbol:
    if not isinstance(x, Symbol):
        x = _made(recording, value_of(x))
    return x.take(places, axis, **kwargs)


@_rule
def take_along_axis(recording: Recording, x: Any, places: Any, axis: int = -1) -> Symbol:
    if isinstance(places, Symbol):
        places.within(x.shape[axis], -x.shape[axis])
    found = fnp.take_along_axis(value_of(x), value_of(places), axis=axis)
    return _made(recording, found)


@_rule
def put_along_axis(recording: Recording, x: Any, places: Any, new: Any, axis: int) -> None:
    if not isinstance(x, Symbol):
        raise recording.unsupported("numpy.put_along_axis into an array")
    at = [
        np.arange(n).reshape([-1 if i == d else 1 for i in range(x.ndim)])
        for d, n in enumerate(x.shape)
    ]
    key: list[Any] = list(at)
    key[axis] = places
    x[tuple(key)] = new


@_rule
def copyto(
    recording: Recording, x: Any, new: Any, casting: str = "same_kind", where: Any = True
) -> None:  # noqa: E501
    if not isinstance(x, Symbol):
        raise recording.unsupported("numpy.copyto into an array")
    x[...] = new if where is True else np.where(where, new, x)


def _filled(name: str, number: Any) -> None:
    def rule(recording: Recording, x: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        value, rest = (args[0], args[1:]) if name == "full_like" else (number, args)
        dtype = rest[0] if rest else kwargs.get("dtype")
        shape = kwargs.get("shape")
        dtype = x.dtype if dtype is None else np.dtype(dtype)
        full = np.full(x.shape if shape is None else shape, value, dtype)
        made = fresh_symbol(recording, value_of(full))
        return made if shape is not None else laid(made, (x,))

    NUMPY_RULES[name] = rule


for _name, _number in (("empty_like", 0), ("zeros_like", 0), ("ones_like", 1), ("full_like", 0)):
    _filled(_name, _number)


@_rule
def cumsum(
    recording: Recording, x: Any, axis: Any = None, dtype: Any = None, out: Any = None
) -> Symbol:  # noqa: E501
    if out is not None:
        raise recording.unsupported("numpy.cumsum into an array")
    return _made(recording, fnp.cumsum(value_of(x, dtype), axis=axis))


@_rule
def einsum(recording: Recording, text: str, *arrays: Any, **kwargs: Any) -> Symbol:
    if kwargs.get("out") is not None:
        raise recording.unsupported("numpy.einsum into an array")
    return _made(recording, fnp.einsum(text, *map(value_of, arrays)))


@_rule
def clip(recording: Recording, x: Any, low: Any = None, high: Any = None, **kwargs: Any) -> Any:
    found = x if low is None else np.maximum(x, low)
    return found if high is None else np.minimum(found, high)


@_rule
def ascontiguousarray(recording: Recording, x: Symbol, dtype: Any = None) -> Symbol:
    return x.laid_out()


@_rule
def repeat(recording: Recording, x: Any, count: Any, axis: Any = None) -> Symbol:
    if not isinstance(count, int):
        raise recording.unsupported("numpy.repeat by counts")
    return _made(recording, fnp.repeat(value_of(x), count, axis=axis))

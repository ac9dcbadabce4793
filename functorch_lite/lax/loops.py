"""Loops: ``scan``, ``while_loop``, ``fori_loop`` and ``map``."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import Array, Tracer, is_arraylike, is_weak, lift, make_weak
from functorch_lite.core.aval import describe, make_aval
from functorch_lite.core.dtypes import bool_, default_dtype, int64, is_integer, weak_result_type
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import DtypeError, ShapeError, TransformError, TreeError
from functorch_lite.lax.carry import Carry, refuse_static
from functorch_lite.lax.user_functions import LACKS_RETURN, guarded, structure_text
from functorch_lite.numpy.convert import cast, const
from functorch_lite.numpy.joining import stack
from functorch_lite.ops import add, bitwise_and, concatenate, lt
from functorch_lite.transforms.arguments import Flat, check_callable
from functorch_lite.transforms.remat import checkpoint
from functorch_lite.transforms.scan import scan as _scan
from functorch_lite.transforms.structured import Staged, share_captures, stage_tree
from functorch_lite.transforms.vmap import vmap
from functorch_lite.transforms.while_loop import while_loop as _while_loop

__all__ = ["fori_loop", "map", "scan", "while_loop"]

_map = map


# --------------------------------------------------------------------------------------------- scan
def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Apply a function to one slice after another, carrying a value along.

    Args:
        f: ``f(carry, x) -> (carry, y)``; the carry keeps its structure, shapes and dtypes.
        init: the first carry, a tree.
        xs: tree of arrays that are sliced along axis 0, or None.
        length: number of steps; needed only without ``xs``.
        reverse: from the last slice to the first; ``ys`` keep the order of ``xs``.
        unroll: how many steps a program may write out one after the other; it changes no value.

    Returns:
        ``(carry, ys)``: the last carry, and the ``y`` of all steps stacked along axis 0.

    Raises:
        CarryTypeError: if a step changes the carry's type; the leaf and both types are named.
        ShapeError: if the leading sizes differ.

    >>> import functorch_lite.numpy as fnp
    >>> scan(lambda total, x: (total + x, total), 0.0, fnp.asarray([1.0, 2.0, 3.0]))
    (Array(6., dtype=float32), Array([0., 1., 3.], dtype=float32))

    Source: ``jax.lax.scan``.
    """
    check_callable(f, "scan", "f", "scan(f, init, xs)")
    label = f"scan of {function_name(f)}"
    _check_unroll(unroll, label)
    step = _pair_of(guarded(f, "f(carry, x)", label), label)
    return _scanned(step, init, Carry(init, "carry", label), xs, length, bool(reverse))


def _scanned(
    step: Callable[..., Any], init: Any, carry: Carry, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    """``scan`` of a function that returns a pair, for any loop of a known number of steps."""
    label = carry.label
    flat = _slices(xs, label)
    n = _steps(flat.arrays, length, xs, label)
    if state.disable_jit and n:
        return _step_by_step(step, init, flat, n, reverse)
    slices = [make_aval(x.shape[1:], x.dtype) for x in flat.arrays]
    names = [*carry.paths, *tree.leaf_names(xs, "x")]
    treedef = tree.structure((tree.unflatten(carry.treedef, carry.arrays), xs))

    def stage_once() -> Staged:
        return stage_tree(step, label, treedef, [*carry.avals, *slices], names)

    staged = stage_once()
    y_tree = _check_pair(staged, carry)
    while not carry.adapt(staged):
        staged = stage_once()
    count = len(carry.avals)
    y_dtypes = [default_dtype(a.dtype) if a.weak else a.dtype for a in staged.avals[count:]]
    body = staged.as_types([*carry.dtypes, *y_dtypes])
    outs = _scan(
        *staged.free, *carry.arrays, *flat.arrays, body=body, n_consts=len(staged.free),
        n_carry=count, length=n, reverse=reverse,
    )  # fmt: skip
    return tree.unflatten(carry.treedef, outs[:count]), tree.unflatten(y_tree, outs[count:])


def _step_by_step(
    step: Callable[..., Any], carry: Any, flat: Flat, n: int, reverse: bool
) -> tuple[Any, Any]:
    """The loop in Python, for ``disable_jit``."""
    ys: list[Any] = [None] * n
    for i in reversed(range(n)) if reverse else range(n):
        carry, ys[i] = step(carry, flat.unflatten([x[i] for x in flat.arrays]))
    return carry, tree.map(lambda *rows: stack(rows), *ys)


def _pair_of(f: Callable[..., Any], label: str) -> Callable[..., Any]:
    def step(carry: Any, x: Any) -> Any:
        out = f(carry, x)
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            text = f"{label}: a step must return a pair (carry, y), got "
            if out is None:
                raise TransformError(f"{text}None. {LACKS_RETURN}")
            got = f"{len(out)} values" if isinstance(out, (tuple, list)) else type(out).__name__
            raise TransformError(
                f"{text}{got}. Write return carry, y, or return carry, None if nothing is to be "
                "stacked."
            )
        return tuple(out)

    step.__name__ = function_name(f)
    return step


def _check_pair(staged: Staged, carry: Carry) -> Any:
    """The structure of one step's result; the carry's must be that of the carry."""
    out = tree.unflatten(staged.tree, list(range(len(staged.avals))))
    carry.check_structure(tree.structure(out[0]), whole=carry.user is not None)
    return tree.structure(out[1])


def _check_unroll(unroll: Any, label: str) -> None:
    if not isinstance(unroll, (bool, int)) or (unroll is not True and int(unroll) < 0):
        raise TransformError(f"{label}: unroll must be a bool or a number of steps, got {unroll!r}")


def _slices(xs: Any, label: str) -> Flat:
    """What is sliced, flattened."""

    def paths() -> list[str]:
        return tree.leaf_names(xs, "xs")

    for i, leaf in enumerate(tree.leaves(xs)):
        if isinstance(leaf, range):
            bounds = (leaf.start, leaf.stop, leaf.step)
            given = bounds if leaf.step != 1 else bounds[leaf.start == 0 : 2]
            raise TreeError(
                f"{label}: {paths()[i]} is a range, and only arrays are sliced. Write "
                f"numpy.arange({', '.join(_map(str, given))})."
            )
        if isinstance(leaf, str) or callable(leaf):
            refuse_static(paths()[i], leaf, label, "xs")
    return Flat(xs, paths, label)


def _steps(arrays: Sequence[Any], length: int | None, xs: Any, label: str) -> int:
    """The number of steps."""

    def paths() -> list[str]:
        return tree.leaf_names(xs, "xs")

    for i, x in enumerate(arrays):
        if not x.shape:
            if isinstance(xs, (list, tuple)) and not any(a.shape for a in arrays):
                raise ShapeError(
                    f"{label}: xs is a {type(xs).__name__} of {len(arrays)} scalars, and what is "
                    "scanned over is sliced along axis 0. Write numpy.asarray(xs)."
                )
            raise ShapeError(
                f"{label}: {paths()[i]} is a scalar, and what is scanned over is sliced along "
                "axis 0. Close over it, or put it into the carry."
            )
    sizes = {x.shape[0] for x in arrays}
    if length is not None:
        sizes.add(operator.index(length))
    if len(sizes) > 1:
        listed = "; ".join(
            f"{p} has size {x.shape[0]}" for p, x in zip(paths(), arrays, strict=True)
        )
        extra = f"; length is {length}" if length is not None else ""
        raise ShapeError(
            f"{label}: axis 0 must have one size, but {listed}{extra}. Slice them to one length."
        )
    if not sizes:
        raise TransformError(
            f"{label}: there is nothing to scan over. Pass xs, or the number of steps as length=."
        )
    return sizes.pop()


# ------------------------------------------------------------------------------------------- while
def while_loop(
    cond_fun: Callable[[Any], Any],
    body_fun: Callable[[Any], Any],
    init_val: Any,
    *,
    max_steps: int | None = None,
) -> Any:
    """Apply a function as long as another one says so.

    Args:
        cond_fun: ``cond_fun(carry) -> bool`` of shape ``()``.
        body_fun: ``body_fun(carry) -> carry``; the carry keeps its structure, shapes and dtypes.
        init_val: the first carry, a tree.
        max_steps: the loop ends after so many steps in any case.

    Returns:
        the first carry for which the condition is false.

    Reverse mode works: it keeps what it needs of every step, in memory that grows with the number
    of steps. With ``max_steps=n`` it keeps about ``2 * sqrt(n)`` steps and computes the others
    again, so that a bound for its memory is known beforehand.

    Raises:
        CarryTypeError: if a step changes the carry's type; the leaf and both types are named.

    >>> from functorch_lite import grad
    >>> def root(a):
    ...     close = lambda x: abs(x * x - a) > 1e-5
    ...     return while_loop(close, lambda x: (x + a / x) / 2, a)
    >>> round(float(root(2.0)), 4), round(float(grad(root)(2.0)), 4)
    (1.4142, 0.3536)

    Source: ``jax.lax.while_loop``, which refuses reverse mode.
    """
    call = "while_loop(cond_fun, body_fun, init_val)"
    check_callable(cond_fun, "while_loop", "cond_fun", call)
    check_callable(body_fun, "while_loop", "body_fun", call)
    label = f"while_loop of {function_name(body_fun)}"
    test_label = f"the condition {function_name(cond_fun)} of {label}"
    cond_fun = _test_of(guarded(cond_fun, "cond_fun(carry)", test_label), test_label)
    body_fun = guarded(body_fun, "body_fun(carry)", label)
    if max_steps is not None:
        return _bounded(cond_fun, body_fun, init_val, operator.index(max_steps), label)
    return _plain_while(cond_fun, body_fun, init_val, label)


def _test_of(cond_fun: Callable[..., Any], test_label: str) -> Callable[..., Any]:
    """The condition of a loop, checked to return one bool."""

    def test(carry: Any) -> Any:
        out = cond_fun(carry)
        if out is None:
            raise DtypeError(
                f"{test_label} must return one bool of shape (), got None. {LACKS_RETURN}"
            )
        if state.disable_jit:
            return out
        leaf = tree.is_leaf(out)
        if leaf and not is_arraylike(out):
            got = describe(out)
        else:
            got = lift(out).aval.short() if leaf else structure_text(tree.structure(out))
        if got != "bool[]":
            raise DtypeError(
                f"{test_label} must return one bool of shape (), got {got}. Compare, e.g. x > 0, "
                "and reduce several with .any() or .all()."
            )
        return out

    test.__name__ = function_name(cond_fun)
    return test


def _plain_while(
    cond_fun: Any, body_fun: Any, init_val: Any, label: str, counter: tuple[int, str] | None = None
) -> Any:
    """A ``while_loop`` op; ``counter`` as for ``Carry``."""
    if state.disable_jit:
        while cond_fun(init_val):
            init_val = body_fun(init_val)
        return init_val
    carry = Carry(init_val, "carry", label, counter)
    treedef = tree.structure((tree.unflatten(carry.treedef, [0] * len(carry.avals)),))
    body = stage_tree(body_fun, label, treedef, carry.avals, carry.paths)
    carry.check_structure(body.tree)
    while not carry.adapt(body):
        body = stage_tree(body_fun, label, treedef, carry.avals, carry.paths)
    test_label = f"the condition {function_name(cond_fun)} of {label}"
    test = stage_tree(cond_fun, test_label, treedef, carry.avals, carry.paths)
    graphs, captured = share_captures(
        [test.graph, body.as_types(carry.dtypes)], [test.free, body.free]
    )
    outs = _while_loop(
        *captured, *carry.arrays, cond=graphs[0], body=graphs[1], n_consts=len(captured),
        lanes=(), mapped=((),) * len(captured),
    )  # fmt: skip
    return tree.unflatten(carry.treedef, outs)


def _bounded(cond_fun: Any, body_fun: Any, init_val: Any, max_steps: int, label: str) -> Any:
    """Two loops, one inside the other: the outer one keeps its carry, the inner one runs again."""
    if max_steps < 0:
        raise TransformError(f"while_loop: max_steps must not be negative, got {max_steps}")
    inner_steps = max(1, math.isqrt(max_steps))
    counter = (1, "the number of steps")

    def inner(s: Any) -> Any:
        stop = s[1] + inner_steps

        def running_here(t: Any) -> Any:
            return bitwise_and(running(t), lt(t[1], stop))

        running_here.__name__ = function_name(cond_fun)
        return _plain_while(running_here, step, s, label, counter)

    def step(s: Any) -> Any:
        return body_fun(s[0]), add(s[1], const(1, int64))

    def running(s: Any) -> Any:
        more = lt(s[1], const(max_steps, int64))
        go = cond_fun(s[0])
        return bitwise_and(more, go if isinstance(go, Array) else const(bool(go), bool_))

    step.__name__ = function_name(body_fun)
    running.__name__ = function_name(cond_fun)
    start = (init_val, const(0, int64))
    return _plain_while(running, checkpoint(inner), start, label, counter)[0]


# -------------------------------------------------------------------------------------------- fori
def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: Any = None,
) -> Any:
    """Apply ``body_fun(i, carry)`` for i from ``lower`` to ``upper - 1``.

    Args:
        lower, upper: integers of shape ``()``; they may be traced.
        body_fun: returns the next carry, which keeps its structure, shapes and dtypes.
        init_val: the first carry, a tree.
        unroll: how many steps a program may write out one after the other; it changes no value.

    Returns:
        the last carry; ``init_val`` if ``upper <= lower``.

    Known bounds make a ``scan``, traced ones a ``while_loop``; both have reverse mode.

    >>> fori_loop(0, 5, lambda i, total: total + i, 0)
    Array(10, dtype=int64)

    Source: ``jax.lax.fori_loop``.
    """
    check_callable(body_fun, "fori_loop", "body_fun", "fori_loop(lower, upper, body_fun, init_val)")
    label = f"fori_loop of {function_name(body_fun)}"
    if unroll is not None:
        _check_unroll(unroll, label)
    bounds = [_bound(x, what, label) for x, what in ((lower, "lower"), (upper, "upper"))]
    dtype, weak = weak_result_type(*bounds)
    lo, hi = (cast(x, dtype) for x in bounds)
    one, counter = const(1, dtype), (0, "i")
    call = guarded(body_fun, "body_fun(i, carry)", label)
    start = (make_weak(lo) if weak else lo, init_val)
    if not isinstance(lo, Tracer) and not isinstance(hi, Tracer):
        count = max(0, int(hi) - int(lo))

        def step(s: Any, _: None) -> Any:
            return (_next(s[0], one), call(*s)), None

        step.__name__ = function_name(body_fun)
        carry = Carry(start, "carry", label, counter)
        return _scanned(step, start, carry, None, count, False)[0][1]

    def body(s: Any) -> Any:
        return _next(s[0], one), call(*s)

    body.__name__ = function_name(body_fun)
    return _plain_while(lambda s: lt(s[0], hi), body, start, label, counter)[1]


def _next(i: Any, one: Any) -> Any:
    """The counter's next value, as weak as the counter."""
    return make_weak(add(i, one)) if i.weak else add(i, one)


def _bound(x: Any, what: str, label: str) -> Any:
    if isinstance(x, (bool, np.bool_)) or not is_arraylike(x):
        raise DtypeError(f"{label}: {what} must be an integer, got {type(x).__name__}")
    array = lift(x)
    if array.shape != () or not is_integer(array.dtype):
        raise DtypeError(
            f"{label}: {what} must be an integer of shape (), got {array.aval.short()}. Convert it "
            "with int(...) or .astype(int)."
        )
    return make_weak(array) if is_weak(x) and not isinstance(array, Tracer) else array


# --------------------------------------------------------------------------------------------- map
def map(f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """Apply a function to one slice after another.

    Args:
        f: function of one slice, a tree like ``xs``.
        xs: tree of arrays that are sliced along axis 0.
        batch_size: how many slices at a time go through ``vmap(f)``; one by default.

    Returns:
        the results stacked along axis 0. Like ``vmap(f)(xs)``, with memory for one step only.

    >>> import functorch_lite.numpy as fnp
    >>> map(lambda x: x**2, fnp.arange(3.0))
    Array([0., 1., 4.], dtype=float32)

    Source: ``jax.lax.map``.
    """
    check_callable(f, "map", "f", "map(f, xs)")
    label = f"map of {function_name(f)}"
    f = guarded(f, "f(x)", label)
    if batch_size is None:
        return _mapped(f, xs, label)
    size = operator.index(batch_size)
    if size < 1:
        raise TransformError(f"map: batch_size must be at least 1, got {batch_size}")
    flat = _slices(xs, label)
    n = _steps(flat.arrays, None, xs, label)
    whole = n - n % size
    groups = [x[:whole].reshape(whole // size, size, *x.shape[1:]) for x in flat.arrays]
    mapped = vmap(f)
    first = _mapped(mapped, flat.unflatten(groups), label)
    first = tree.map(lambda y: y.reshape(whole, *y.shape[2:]), first)
    if whole == n:
        return first
    last = mapped(flat.unflatten([x[whole:] for x in flat.arrays]))
    return tree.map(_joined, first, last)


def _mapped(f: Callable[..., Any], xs: Any, label: str) -> Any:
    def step(carry: None, x: Any) -> tuple[None, Any]:
        return None, f(x)

    step.__name__ = function_name(f)
    return _scanned(step, None, Carry(None, "carry", label), xs, None, False)[1]


def _joined(a: Array, b: Array) -> Array:
    both: Array = concatenate(a, b, axis=0)
    return both

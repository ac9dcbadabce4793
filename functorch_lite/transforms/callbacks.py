"""Python functions inside staged programs: ``pure_callback``, and callbacks for their effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import is_arraylike
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import NOT_DIFFERENTIABLE, Op, Whole
from functorch_lite.core.trace import function_name
from functorch_lite.errors import GradientError, ShapeError, TransformError, TreeError
from functorch_lite.ops import broadcast_to, reshape
from functorch_lite.transforms.arguments import Flat, check_callable, finish
from functorch_lite.transforms.loop_parts import from_rows, row_of
from functorch_lite.transforms.scan import scan
from functorch_lite.transforms.stage import stage

__all__ = ["debug_callback", "pure_callback", "run_for_effect"]

VMAP_METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")


class Host:
    """A user's function over trees, called with flat raw arrays; equal to one of the same parts."""

    __slots__ = ("function", "out_names", "treedef")

    def __init__(
        self, function: Callable[..., Any], treedef: Any, out_names: tuple[str, ...] = ()
    ) -> None:
        self.function, self.treedef, self.out_names = function, treedef, out_names

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Host)
            and self.function is other.function
            and self.treedef == other.treedef
            and self.out_names == other.out_names
        )

    def __hash__(self) -> int:
        return hash((id(self.function), self.treedef))

    def __call__(self, xp: Any, datas: Sequence[Any]) -> Any:
        held = [np.asarray(d) if xp is np else xp.asnumpy(d) for d in datas]
        for array in held:
            array.flags.writeable = False  # some of them are the library's own
        args, kwargs = tree.unflatten(self.treedef, held)
        return self.function(*args, **kwargs)


# ------------------------------------------------------------------------------------ pure_callback
def _eager(xp: Any, *datas: Any, callback: Host, avals: tuple[Aval, ...], **_: Any) -> Any:
    out = callback(xp, [np.array(d) if np.isscalar(d) else d.view() for d in datas])
    leaves = tree.leaves(out)
    name = function_name(callback.function)
    if len(leaves) != len(avals):
        raise ShapeError(
            f"pure_callback: {name} returned {len(leaves)} arrays, expected {len(avals)}, as "
            "result_shape_dtypes says."
        )
    names = tuple(tree.leaf_names(out, ""))
    if callback.out_names and names != callback.out_names:  # a list may stand for a tuple
        raise TreeError(
            f"pure_callback: {name} returned results at {', '.join(names)}, expected "
            f"{', '.join(callback.out_names)}, as result_shape_dtypes says."
        )
    found = []
    for i, (leaf, aval) in enumerate(zip(leaves, avals, strict=True)):
        out = np.asarray(leaf)
        number = type(leaf) in (bool, int, float, complex) and np.can_cast(
            out.dtype, aval.dtype, "same_kind"
        )
        if out.shape != aval.shape or not (number or out.dtype == aval.dtype):
            raise ShapeError(
                f"pure_callback: {name} returned {out.dtype.name}{list(out.shape)} as array {i}, "
                f"expected {aval.dtype.name}{list(aval.shape)}, as result_shape_dtypes says."
            )
        found.append(xp.asarray(np.array(out, aval.dtype)))
    return tuple(found)


def _aval(*args: Aval, callback: Host, avals: tuple[Aval, ...], vmap_method: Any) -> Any:
    return avals


def _refuse(primals: Any, tangents: Any, params: dict[str, Any]) -> NoReturn:
    name = function_name(params["callback"].function)
    raise GradientError(
        f"pure_callback: {name} is Python outside the library, so its derivative is not known. "
        "Give one: wrap the call in a custom_jvp or custom_vjp function."
    )


def _refuse_back(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> NoReturn:
    _refuse(None, None, params)


def _refuse_fwd(primals: Any, wants: Any, params: dict[str, Any]) -> NoReturn:
    _refuse(primals, None, params)


def _batch(
    size: int, args: list[Any], batched: list[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    method, avals = params["vmap_method"], params["avals"]
    if method is None:
        name = function_name(params["callback"].function)
        raise TransformError(
            f"pure_callback of {name} under vmap: say how with vmap_method='sequential' (one call "
            "per example), 'expand_dims' or 'broadcast_all' (one call with a leading axis)."
        )
    if method == "sequential":
        return _sequential(pure_callback_op, size, args, batched, params)
    if method == "sequential_unrolled":
        return _unrolled(size, args, batched, params)
    lead = 1 if method == "expand_dims" else size
    grown = [
        a if b else broadcast_to(reshape(a, shape=(1, *a.shape)), shape=(lead, *a.shape))
        for a, b in zip(args, batched, strict=True)
    ]
    over = tuple(make_aval((size, *a.shape), a.dtype) for a in avals)
    out: tuple[Any, ...] = pure_callback_op(*grown, **{**params, "avals": over})
    return out


def _sequential(
    op: Op, size: int, args: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    """One call after another, in a scan."""
    fixed = [a for a, b in zip(args, batched, strict=True) if not b]
    moving = [a for a, b in zip(args, batched, strict=True) if b]

    def step(*values: Any) -> Sequence[Any]:
        whole, slices = iter(values[: len(fixed)]), iter(values[len(fixed) :])
        out: Sequence[Any] = op(*[next(slices) if b else next(whole) for b in batched], **params)
        return out

    avals = [x.aval for x in fixed] + [make_aval(x.shape[1:], x.dtype) for x in moving]
    body = stage(step, avals, f"vmap of {op.name}")
    body.name = op.name
    out: tuple[Any, ...] = scan(
        *fixed, *moving, body=body, n_consts=len(fixed), n_carry=0, length=size, reverse=False
    )
    return out


def _unrolled(
    size: int, args: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    rows = [
        pure_callback_op(
            *[row_of(a, i) if b else a for a, b in zip(args, batched, strict=True)], **params
        )
        for i in range(size)
    ]
    return tuple(from_rows([row[k] for row in rows], a) for k, a in enumerate(params["avals"]))


pure_callback_op = Op(
    "pure_callback",
    ("*args",),
    _eager,
    _aval,
    Whole(_refuse),
    Whole(_refuse_back),
    _batch,
    multi=True,
    family="host",
)
pure_callback_op.fwd = _refuse_fwd


def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    sharding: None = None,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """Call a Python function of NumPy arrays, also from within a staged program.

    Args:
        callback: gets NumPy arrays in the structure of the arguments, and returns arrays of the
            promised shapes and dtypes. It must have no effect: calls may be left out or merged.
        result_shape_dtypes: tree of ``ShapeDtypeStruct``, or of anything with shape and dtype.
        args, kwargs: trees of arrays.
        sharding: must be None.
        vmap_method: what ``vmap`` does: ``"sequential"`` calls once per example, in a loop;
            ``"sequential_unrolled"`` writes that loop out; ``"expand_dims"`` calls once, with the
            batch in front and an axis of size 1 for arguments that do not vary; ``"broadcast_all"``
            likewise with all of them repeated. Without it ``vmap`` is an error.

    Returns:
        the callback's results as arrays.

    Raises:
        GradientError: under a transform that differentiates; a custom rule around it helps.
        ShapeError, TreeError: if the results are not what was promised.

    >>> import numpy as np
    >>> import functorch_lite as fl
    >>> shape = fl.ShapeDtypeStruct((), "float32")
    >>> fl.jit(lambda x: pure_callback(np.cbrt, shape, x))(8.0)
    Array(2., dtype=float32)

    Source: ``jax.pure_callback``.
    """
    check_callable(callback, "pure_callback")
    if sharding is not None:
        raise TransformError("pure_callback: sharding must be None; there is one device")
    if vmap_method not in (None, *VMAP_METHODS):
        raise TransformError(
            f"pure_callback: vmap_method must be one of {', '.join(VMAP_METHODS)}, got "
            f"{vmap_method!r}"
        )
    flat = Flat((args, kwargs), lambda: tree.leaf_names(args, "args"), "pure_callback")
    leaves, out_tree = tree.flatten(result_shape_dtypes)
    avals = tuple(map(_promised, leaves))
    names = tuple(tree.leaf_names(result_shape_dtypes, "")) if len(avals) > 1 else ()
    host = Host(callback, flat.treedef, names)
    operands = map(finish, flat.arrays, flat.weak)
    outs = pure_callback_op(*operands, callback=host, avals=avals, vmap_method=vmap_method)
    return tree.unflatten(out_tree, outs)


def _promised(leaf: Any) -> Aval:
    """The type of one result from what stands for it."""
    if isinstance(leaf, type) or not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
        raise TransformError(
            "pure_callback: result_shape_dtypes is a tree of ShapeDtypeStruct(shape, dtype), or of "
            f"arrays, got {leaf!r:.60}. For one float32 array of shape (3,) write "
            "ShapeDtypeStruct((3,), 'float32')."
        )
    return Aval(tuple(leaf.shape), leaf.dtype)


# --------------------------------------------------------------------------- for the effect alone
def _run(xp: Any, *datas: Any, callback: Host) -> tuple[Any, ...]:
    callback(xp, [np.array(d) if np.isscalar(d) else d.view() for d in datas])
    return ()


def _none(*args: Aval, callback: Host) -> tuple[Aval, ...]:
    return ()


def _run_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> tuple[Any, ...]:
    return _sequential(debug_callback, size, args, batched, params)


debug_callback = Op(
    "debug_callback",
    ("*args",),
    _run,
    _none,
    NOT_DIFFERENTIABLE,
    NOT_DIFFERENTIABLE,
    _run_batch,
    multi=True,
    family="host",
    info={"effect": True},
)


class _WithFixed:
    """A function some of whose arguments are no arrays, and known while staging."""

    def __init__(self, function: Callable[..., Any], fixed: dict[int, Any], treedef: Any) -> None:
        self.function, self.fixed, self.treedef = function, fixed, treedef
        self.__name__ = function_name(function)

    def __call__(self, *arrays: Any) -> Any:
        rest = iter(arrays)
        count = len(arrays) + len(self.fixed)
        leaves = [self.fixed[i] if i in self.fixed else next(rest) for i in range(count)]
        args, kwargs = tree.unflatten(self.treedef, leaves)
        return self.function(*args, **kwargs)


def run_for_effect(callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call a function for what it does: in order, once per run of the program and per example."""
    leaves, treedef = tree.flatten((args, kwargs))
    fixed = {i: x for i, x in enumerate(leaves) if not is_arraylike(x)}
    if fixed:
        callback = _WithFixed(callback, fixed, treedef)
        args, kwargs = tuple(x for i, x in enumerate(leaves) if i not in fixed), {}
    flat = Flat((args, kwargs), lambda: tree.leaf_names((args, kwargs), "args"), "debug.callback")
    debug_callback(*map(finish, flat.arrays, flat.weak), callback=Host(callback, flat.treedef))

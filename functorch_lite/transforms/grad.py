"""``grad``, ``value_and_grad``, ``vjp``: reverse mode for functions of pytrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.array import Array, lift, wrap
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import float0, is_complex, is_inexact
from functorch_lite.core.op import devices_enabled, gpu_among
from functorch_lite.core.trace import function_name, state
from functorch_lite.errors import GradientError, TreeError
from functorch_lite.ops import cast, full
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    finish,
    leaf_paths,
    normalise_argnums,
    outputs_as_arrays,
    split_aux,
)
from functorch_lite.transforms.reverse import GradTrace, GradTracer, Node, backward

__all__ = ["grad", "value_and_grad", "vjp"]

_LEAF = tree.structure(0)


class Recording:
    """A function run under reverse mode: its outputs, and what is needed to pull cotangents back.

    It keeps shapes and dtypes of inputs and outputs, not their values, which the rules may not
    need.
    """

    __slots__ = (
        "aux",
        "in_avals",
        "in_weak",
        "nodes",
        "out_avals",
        "out_tree",
        "out_weak",
        "outs",
        "place",
        "roots",
    )

    def __init__(
        self, f: Callable[..., Any], flat: Flat, label: str, has_aux: bool, f_name: str
    ) -> None:
        self.in_avals = [make_aval(x.shape, x.dtype) for x in flat.arrays]
        self.in_weak = flat.weak
        self.aux = None
        with GradTrace(label) as trace:
            assert isinstance(trace, GradTrace)
            self.roots: list[Node | None] = []
            args: list[Array] = []
            for x, weak in zip(flat.arrays, flat.weak, strict=True):
                root = trace.root(x, weak) if is_inexact(x.dtype) else None
                self.roots.append(None if root is None else root.node)
                args.append(x if root is None else root)
            out = f(*flat.unflatten(args))
            if has_aux:
                out, self.aux = split_aux(out, f_name, label)
            outs, self.out_weak, self.out_tree = outputs_as_arrays(out, f_name, label)
        self.nodes = [o.node if type(o) is GradTracer and o._trace is trace else None for o in outs]
        self.outs = [_primal(o, trace) for o in outs]
        self.out_avals = [make_aval(o.shape, o.dtype) for o in self.outs]
        self.place = gpu_among([*flat.arrays, *self.outs]) if devices_enabled() else None
        if has_aux:
            self.aux = tree.map(lambda x: _aux(x, trace), self.aux)

    def pull(self, cts: Sequence[Any] | None = None) -> list[Any]:
        """Cotangent of every input leaf; zeros where nothing reached, float0 for integers.

        Args:
            cts: one cotangent per output leaf; ones by default.
        """
        was = state.device
        if self.place is not None:
            state.device = self.place
        try:
            if cts is None:
                cts = [full(shape=a.shape, dtype=a.dtype, value=1) for a in self.out_avals]
            seeds = [(n, ct) for n, ct in zip(self.nodes, cts, strict=True) if n is not None]
            found = backward(seeds)
            return [
                self._gradient(found, root, aval, weak)
                for root, aval, weak in zip(self.roots, self.in_avals, self.in_weak, strict=True)
            ]
        finally:
            state.device = was

    @staticmethod
    def _gradient(found: dict[Node, Any], root: Node | None, aval: Aval, weak: bool) -> Any:
        if root is None:
            return wrap(np.zeros(aval.shape, float0))
        g = found.get(root)
        g = full(shape=aval.shape, dtype=aval.dtype, value=0) if g is None else g
        return finish(g, weak)

    def result(self) -> Any:
        """The function's outputs as a tree; they are handed over once."""
        outs, self.outs = self.outs, []
        return tree.unflatten(self.out_tree, map(finish, outs, self.out_weak))


def _primal(x: Any, trace: GradTrace) -> Any:
    return x.primal if type(x) is GradTracer and x._trace is trace else x


def _aux(x: Any, trace: GradTrace) -> Any:
    return finish(_primal(x, trace), x.weak) if isinstance(x, Array) else x


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Value of a function and its pullback, from cotangents of the output to those of the inputs.

    Args:
        f: function of trees of arrays that returns a tree of arrays.
        primals: the arguments.
        has_aux: ``f`` returns ``(output, aux)``; aux is passed through.

    Returns:
        ``(output, pull)`` or ``(output, pull, aux)``. ``pull(ct)`` takes a tree like the output
        and returns a tuple with one tree per argument. It may be called repeatedly and inside
        other transforms. A complex cotangent stands for the map from t to Re(ct * t), so that of a
        holomorphic ``f`` is pulled back by multiplying with its derivative, unconjugated.

    Raises:
        GradientError: a cotangent does not fit the output.

    >>> import functorch_lite.numpy as fnp
    >>> y, pull = vjp(lambda x: x * x, fnp.asarray(3.0))
    >>> pull(fnp.asarray(1.0))
    (Array(6., dtype=float32),)

    Source: the reverse mode of Griewank and Walther, Evaluating Derivatives, chapter 3.
    """
    check_callable(f, "vjp")
    name = function_name(f)
    label = f"vjp of {name}"
    flat = Flat(primals, lambda: leaf_paths(f, primals), label)
    record = Recording(f, flat, label, has_aux, name)
    treedef, aux, record.aux = flat.treedef, record.aux, None

    def pull(ct: Any) -> Any:
        cts = _check_cotangents(ct, record, label)
        return tree.unflatten(treedef, record.pull(cts))

    return (record.result(), pull, aux) if has_aux else (record.result(), pull)


def _check_cotangents(ct: Any, record: Recording, label: str) -> list[Any]:
    leaves, treedef = tree.flatten(ct)
    if treedef != record.out_tree:
        raise TreeError(
            f"{label}: the cotangent has structure {treedef}, the output {record.out_tree}. Pass "
            "one cotangent array for each output array, in the same containers."
        )
    cts: list[Any] = []
    for i, (leaf, out) in enumerate(zip(leaves, record.out_avals, strict=True)):
        if record.nodes[i] is None:
            cts.append(None)
            continue
        x = lift(leaf)
        if tuple(x.shape) != tuple(out.shape):
            raise GradientError(
                f"{label}: cotangent {i} has shape {tuple(x.shape)}, the output "
                f"{tuple(out.shape)}; they must be equal."
            )
        if x.dtype != out.dtype:
            kept = is_complex(out.dtype) or not is_complex(x.dtype)
            weak = isinstance(leaf, (bool, int, float)) or x.weak or record.out_weak[i]
            if not (weak and kept):
                convert = f"Convert it with ct.astype({out.dtype.name!r})"
                raise GradientError(
                    f"{label}: cotangent {i} is {x.dtype.name}, the output {out.dtype.name}. "
                    f"{convert if kept else 'Take its real part'}."
                )
            x = cast(x, dtype=out.dtype)
        cts.append(x)
    return cts


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    allow_int: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns both the value of ``f`` and its gradient.

    Args:
        f: function that returns a real scalar (with ``has_aux``, a pair of it and anything else).
        argnums: which positional arguments to differentiate with respect to; each may be a tree.
        has_aux: ``f`` returns ``(value, aux)``.
        allow_int: permit integer and bool leaves; their gradient has dtype ``float0``.
        holomorphic: the arguments and the value are complex, and ``f`` has a complex derivative,
            which is then the gradient.

    Returns:
        a function of the same arguments that returns ``(value, gradient)``, or
        ``((value, aux), gradient)``. The gradient has the structure of the argument; for several
        ``argnums`` it is a tuple. By a complex argument x + iy of a real value it is
        d/dx - i d/dy, the conjugate of the direction of steepest ascent.

    Raises:
        GradientError: if the value is not a real scalar (with ``holomorphic``, a complex one), or
            an argument is not floating-point or complex.

    >>> import functorch_lite.numpy as fnp
    >>> value_and_grad(lambda x: fnp.sum(x**2))(fnp.asarray([1.0, 2.0]))
    (Array(5., dtype=float32), Array([2., 4.], dtype=float32))
    """
    check_callable(f, "grad")
    name = function_name(f)
    label = f"grad of {name}"

    @wraps(f, updated=())
    def value_and_grad_f(*args: Any, **kwargs: Any) -> Any:
        nums = normalise_argnums(argnums, len(args), label)
        chosen = tuple(args[i] for i in nums)

        def partial_f(*parts: Any) -> Any:
            full_args = list(args)
            for i, part in zip(nums, parts, strict=True):
                full_args[i] = part
            return f(*full_args, **kwargs)

        flat = Flat(chosen, lambda: leaf_paths(f, chosen, nums), label)
        if not allow_int:
            for i, x in enumerate(flat.arrays):
                if not is_inexact(x.dtype):
                    _reject_argument(x, leaf_paths(f, chosen, nums)[i], label)
        if holomorphic:
            check_holomorphic_arguments(flat, lambda: leaf_paths(f, chosen, nums), label)
        record = Recording(partial_f, flat, label, has_aux, name)
        _check_scalar(record, name, label, holomorphic)
        grads = flat.unflatten(record.pull())
        result = grads[0] if isinstance(argnums, (int, np.integer)) else grads
        value = record.result()
        return ((value, record.aux), result) if has_aux else (value, result)

    return value_and_grad_f


def check_holomorphic_arguments(flat: Flat, paths: Callable[[], list[str]], label: str) -> None:
    """Raise unless all differentiated arguments are complex."""
    for i, x in enumerate(flat.arrays):
        if not is_complex(x.dtype):
            path = paths()[i]
            raise GradientError(
                f"{label}: with holomorphic=True all differentiated arguments must be complex; got "
                f"{path}: {x.dtype.name}. Convert it, e.g. {path}.astype('complex64'), or leave "
                "holomorphic out."
            )


def check_output_kind(dtype: Any, label: str, holomorphic: bool) -> None:
    """Raise where a value's kind does not fit: complex if and only if ``holomorphic``."""
    if holomorphic and not is_complex(dtype):
        raise GradientError(
            f"{label}: with holomorphic=True the function must return complex numbers; got "
            f"{dtype.name}. Leave holomorphic out: the gradient of a real function of complex "
            "arguments needs no more."
        )
    if not holomorphic and is_complex(dtype):
        raise GradientError(
            f"{label}: the function must return real numbers; got {dtype.name}, which have no one "
            "gradient. Use holomorphic=True if the function has a complex derivative, real(y) or "
            "abs(y) to choose a real function of the result, or vjp for all of it."
        )


def _reject_argument(x: Any, path: str, label: str) -> None:
    remedy = "Pass a Python float" if x.weak else f"Convert it, e.g. {path}.astype('float32')"
    raise GradientError(
        f"{label}: argument {path} is {x.dtype.name}, and only floating-point values have "
        f"gradients. {remedy}, or exclude it from argnums."
    )


def _check_scalar(record: Recording, name: str, label: str, holomorphic: bool) -> None:
    if record.out_tree != _LEAF:
        if record.out_tree == tree.structure(None):
            raise GradientError(
                f"{label}: {name} must return one scalar, got None. Does it lack a return "
                "statement?"
            )
        raise GradientError(
            f"{label}: {name} must return one scalar, got {record.out_tree.num_leaves} values in "
            f"{record.out_tree}. Return the loss alone, or (loss, rest) with has_aux=True."
        )
    (out,) = record.out_avals
    if out.shape != ():
        raise GradientError(
            f"{label}: {name} must return a scalar, got an array of shape {out.shape}. Reduce it "
            "with .sum() or .mean(), or use jacrev for the whole Jacobian."
        )
    if not is_inexact(out.dtype):
        raise GradientError(
            f"{label}: {name} must return a floating-point scalar, got {out.dtype.name}. Convert "
            "it with .astype('float32') if a gradient makes sense."
        )
    check_output_kind(out.dtype, label, holomorphic)


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    allow_int: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradient of ``f``.

    Args:
        f: function that returns a real scalar.
        argnums: which positional arguments to differentiate with respect to; each may be a tree.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``(gradient, aux)``.
        allow_int: permit integer leaves; their gradient has dtype ``float0``.
        holomorphic: as of :func:`value_and_grad`, which also says what the gradient by a complex
            argument is.

    Returns:
        a function of the same arguments; the gradient has the structure of the argument.

    Raises:
        GradientError: if the value is not a real scalar (with ``holomorphic``, a complex one), or
            an argument is not floating-point or complex.

    >>> import functorch_lite.numpy as fnp
    >>> grad(fnp.tanh)(0.0)
    Array(1., dtype=float32)
    >>> grad(lambda z: abs(z) ** 2)(1 + 2j)
    Array(2.-4.j, dtype=complex64)
    """
    both = value_and_grad(f, argnums, has_aux, allow_int, holomorphic)

    @wraps(f, updated=())
    def grad_f(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad_f

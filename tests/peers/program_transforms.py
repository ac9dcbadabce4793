"""The transforms of a program: each makes a function from a function and its arguments' types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from program_trees import leaves, map_leaves

__all__ = ["DERIVATIVES", "KINDS", "Transform", "apply_transform", "mapped_specs"]


@dataclass(frozen=True)
class Transform:
    """One transform.

    Attributes:
        kind: see ``KINDS``.
        which: positions of the arguments it acts on; all for ``jit``.
        closure: whether the other arguments are closed over instead of passed.
        key: seed of its cotangents, tangents and weights.
        variant: which of several ways to use it.
        in_axes: for ``vmap``, one axis, None or tuple of axes (one per leaf) for each argument.
        out_axes: for ``vmap``: ``"first"``, ``"last"`` or ``"mixed"``.
        size: for ``vmap``, the size of the axis.
    """

    kind: str
    which: tuple[int, ...] = ()
    closure: bool = False
    key: int = 0
    variant: int = 0
    in_axes: tuple[Any, ...] = ()
    out_axes: str = "first"
    size: int = 0


def _float_leaves(tree: Any) -> list[Any]:
    return [x for x in leaves(tree) if str(x.dtype) == "float64"]


class _Draw:
    """A sequence of arrays that depends only on the key."""

    def __init__(self, B: Any, key: int, seed: int) -> None:
        self.array = B.array
        self.rng = np.random.default_rng([seed, key])

    def like(self, x: Any, lead: tuple[int, ...] = ()) -> Any:
        return self.array(self.rng.uniform(-1.0, 1.0, (*lead, *x.shape)))


def _loss(B: Any, out: Any, key: int, seed: int) -> Any:
    """A weighted sum over all float64 results."""
    draw = _Draw(B, key, seed)
    total = 0.0
    for x in _float_leaves(out):
        total = total + B.np.sum(x * draw.like(x))
    return total


def _summary(B: Any, out: Any, key: int, seed: int) -> Any:
    """Few numbers that depend on all float64 results, for whole Jacobians."""
    flat = [B.np.reshape(x, (-1,)) for x in _float_leaves(out)]
    line = B.np.concatenate(flat) if len(flat) > 1 else flat[0]
    return {"first": line[:3], "sum": _loss(B, out, key, seed)}


def _split(t: Transform, f: Any, args: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function of the chosen arguments, closing over the others, and those arguments."""

    def chosen_only(*chosen: Any) -> Any:
        merged = list(args)
        for i, x in zip(t.which, chosen, strict=True):
            merged[i] = x
        return f(*merged)

    return chosen_only, tuple(args[i] for i in t.which)


def _differentiated(t: Transform, f: Any, args: Any, wrap: Any) -> tuple[Any, Any, Any]:
    """A function, the arguments to call it with, and its argnums."""
    if t.closure:
        h, chosen = _split(t, f, args)
        nums: Any = tuple(range(len(chosen)))
        call_with = chosen
    else:
        h, call_with, nums = f, args, t.which
    return (lambda *a: wrap(h(*a))), call_with, nums[0] if len(nums) == 1 else nums


# ---------------------------------------- derivatives
def _grad(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    h, given, nums = _differentiated(t, f, args, lambda out: _loss(B, out, t.key, seed))
    return {"d": B.T.grad(h, argnums=nums)(*given)}


def _value_and_grad(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    if t.variant:
        h, given, nums = _differentiated(
            t, f, args, lambda out: (_loss(B, out, t.key, seed), {"aux": out})
        )
        (value, aux), d = B.T.value_and_grad(h, argnums=nums, has_aux=True)(*given)
        return {"d": d, "out": (value, aux)}
    h, given, nums = _differentiated(t, f, args, lambda out: _loss(B, out, t.key, seed))
    value, d = B.T.value_and_grad(h, argnums=nums)(*given)
    return {"d": d, "out": value}


def _vjp(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    h, chosen = _split(t, f, args)
    out, pull = B.T.vjp(lambda *a: _float_leaves(h(*a)), *chosen)
    draw = _Draw(B, t.key, seed)
    if t.variant == 1:  # the pullback is mapped over a stack of cotangents
        return {"d": B.T.vmap(pull)([draw.like(x, (2,)) for x in out]), "out": out}
    if t.variant == 2:  # … or compiled
        return {"d": B.T.jit(pull)([draw.like(x) for x in out]), "out": out}
    return {"d": pull([draw.like(x) for x in out]), "out": out}


def _jvp(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    h, chosen = _split(t, f, args)
    draw = _Draw(B, t.key, seed)
    tangents = map_leaves(draw.like, chosen)
    out, d = B.T.jvp(lambda *a: _float_leaves(h(*a)), chosen, tangents)
    return {"d": d, "out": out}


def _linearize(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    h, chosen = _split(t, f, args)
    draw = _Draw(B, t.key, seed)
    out, push = B.T.linearize(lambda *a: _float_leaves(h(*a)), *chosen)
    if t.variant == 1:
        return {"d": B.T.vmap(push)(*map_leaves(lambda x: draw.like(x, (2,)), chosen)), "out": out}
    return {"d": push(*map_leaves(draw.like, chosen)), "out": out}


def _linear_transpose(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    """The transpose of the derivative, which is the pullback again."""
    h, chosen = _split(t, f, args)
    draw = _Draw(B, t.key, seed)

    def floats(*a: Any) -> Any:
        return _float_leaves(h(*a))

    def push(*tangents: Any) -> Any:
        return B.T.jvp(floats, chosen, tangents)[1]

    if t.variant == 3:
        out, push = B.T.linearize(floats, *chosen)
    else:
        out = floats(*chosen)
    return {"d": B.T.linear_transpose(push, *chosen)([draw.like(x) for x in out]), "out": out}


def _jacobian(name: str) -> Any:
    def jacobian(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
        h, given, nums = _differentiated(t, f, args, lambda out: _summary(B, out, t.key, seed))
        return {"d": getattr(B.T, name)(h, argnums=nums)(*given)}

    return jacobian


def _hessian(B: Any, t: Transform, f: Any, args: Any, seed: int) -> Any:
    h, given, nums = _differentiated(t, f, args, lambda out: _loss(B, out, t.key, seed))
    return {"d": B.T.hessian(h, argnums=nums)(*given)}


DERIVATIVES: dict[str, Any] = {
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "vjp": _vjp,
    "jvp": _jvp,
    "linearize": _linearize,
    "linear_transpose": _linear_transpose,
    "jacfwd": _jacobian("jacfwd"),
    "jacrev": _jacobian("jacrev"),
    "hessian": _hessian,
}
KINDS = [*DERIVATIVES, "vmap", "jit"]


# ------------------------------------------------------------------------------------ vmap and jit
def _axes_tree(axes: Any, arg: Any) -> Any:
    """Axes of one argument: an int or None for all of it, or one per leaf in its tree."""
    if not isinstance(axes, tuple):
        return axes
    given = iter(axes)
    return map_leaves(lambda _: next(given), arg)


def mapped_specs(args: Any, in_axes: tuple[Any, ...], size: int) -> Any:
    """The argument types with the mapped axes in them."""
    out = []
    for arg, axes in zip(args, in_axes, strict=True):
        given = iter(axes) if isinstance(axes, tuple) else None

        def grow(leaf: Any, axes: Any = axes, given: Any = given) -> Any:
            axis = axes if given is None else next(given)
            return leaf if axis is None else leaf.with_axis(axis, size)

        out.append(map_leaves(grow, arg))
    return tuple(out)


def _choose_out_axes(B: Any, f: Any, args: Any, t: Transform, program: Any, constant: Any) -> Any:
    """Where the mapped axis goes in each result, by shapes that functorch_lite infers."""
    zeros = map_leaves(lambda leaf: B.array(leaf.data(program.seed)), args)
    shapes = B.T.eval_shape(f, *zeros)
    rng = np.random.default_rng(t.key)
    none = iter(constant) if constant is not None else None

    def axis(x: Any) -> Any:
        n = len(x.shape) + 1
        choice = int(rng.integers(-n, n))
        return None if none is not None and next(none) else choice

    return map_leaves(axis, shapes)


def _constant_outputs(program: Any, level: int, t: Transform) -> list[bool] | None:
    """Which results do not depend on mapped arguments, where that is plain to see."""
    if any(earlier.kind != "jit" for earlier in program.transforms[:level]):
        return None
    flat: list[Any] = []
    for arg, axes in zip(program.args, t.in_axes, strict=True):
        count = len(list(leaves(arg)))
        flat += list(axes) if isinstance(axes, tuple) else [axes] * count
    varies = [axis is not None for axis in flat]
    for node in program.nodes:
        varies.append(any(varies[i] for i in node.operands))
    return [not varies[i] for i in leaves(program.outputs)]


def apply_transform(
    B: Any, f: Any, args: Any, t: Transform, level: int, program: Any, out_axes: list[Any]
) -> tuple[Any, Any]:
    """The transformed function and the types of its arguments.

    Args:
        B: backend.
        f: function.
        args: types of its arguments.
        t: the transform.
        level: its position among the program's transforms.
        program: the program.
        out_axes: the axes chosen for each vmap so far; appended to by functorch_lite's run.
    """
    if t.kind == "jit":
        if t.closure:
            return (lambda *a: _closed_jit(B, t, f, a)), args
        return B.T.jit(f), args
    if t.kind != "vmap":
        return (lambda *a: DERIVATIVES[t.kind](B, t, f, a, program.seed)), args
    axes: Any = {"first": 0, "last": -1}.get(t.out_axes)
    if axes is None:
        index = sum(earlier.kind == "vmap" for earlier in program.transforms[:level])
        if B.name == "functorch_lite":
            constant = _constant_outputs(program, level, t)
            chosen = _choose_out_axes(B, f, args, t, program, constant)
            out_axes.extend([None] * (index + 1 - len(out_axes)))
            out_axes[index] = chosen
        axes = out_axes[index]
    in_axes = tuple(_axes_tree(a, arg) for a, arg in zip(t.in_axes, args, strict=True))
    specs = mapped_specs(args, t.in_axes, t.size)
    if t.closure:
        moving = tuple(i for i, a in enumerate(t.in_axes) if a is not None)
        chosen_axes = tuple(in_axes[i] for i in moving)

        def closed(*given: Any) -> Any:
            h, chosen = _split(Transform("vmap", moving), f, given)
            return B.T.vmap(h, in_axes=chosen_axes, out_axes=axes)(*chosen)

        return closed, specs
    return B.T.vmap(f, in_axes=in_axes, out_axes=axes), specs


def _closed_jit(B: Any, t: Transform, f: Any, args: Any) -> Any:
    h, chosen = _split(t, f, args)
    return B.T.jit(h)(*chosen)

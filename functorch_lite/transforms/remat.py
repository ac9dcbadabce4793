"""``checkpoint``: keep a function's arguments for the backward pass, and compute the rest again.

The op of the same name holds the function's graph. Its forward pass keeps the operands and what the
policy lets it keep; its pullback computes the graph once more behind a barrier, through which no
pass looks, so that the second computation is never merged with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Eqn, Graph, Var, evaluate
from functorch_lite.core.op import Op, Whole
from functorch_lite.core.rewrite import dead_code, with_signature
from functorch_lite.core.trace import function_name
from functorch_lite.errors import TransformError
from functorch_lite.ops import optimization_barrier
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    describe_tree,
    keyword_paths,
    leaf_paths,
    normalise_argnums,
)
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.call import (
    batched_call,
    call_graph,
    check_operands,
    flattened,
    joint_call,
    place,
    program_of,
)
from functorch_lite.transforms.derived import (
    Reverse,
    is_unknown,
    reverse_of,
    split_of,
    write_down,
    zero_of,
)
from functorch_lite.transforms.stage import stage
from functorch_lite.transforms.structured import settled_dtype, stage_tree

__all__ = ["checkpoint", "remat"]

Policy = Callable[..., Any]


def _eager(*datas: Any, graph: Graph, prevent_cse: bool, policy: Policy | None) -> tuple[Any, ...]:
    return program_of(graph)(*datas)


def _aval(*avals: Aval, graph: Graph, prevent_cse: bool, policy: Policy | None) -> tuple[Aval, ...]:
    check_operands("checkpoint", graph, avals)
    return graph.out_avals


def _inline(args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    return evaluate(params["graph"], args)


# ------------------------------------------------------------------------------------ reverse mode
class _Plan:
    """The forward pass with what it saves, and the graph that computes again and pulls back.

    Attributes:
        reverse: forward pass and pullback without checkpointing.
        forward: inputs to outputs, then saved values that are not outputs.
        places: where the saved values are found among inputs and outputs.
        used: per input, whether the recomputation needs it.
        backward: used inputs, saved values, cotangents of live outputs to those of reached inputs.
    """

    def __init__(
        self, graph: Graph, wants: Sequence[bool], policy: Policy | None, cse: bool
    ) -> None:
        self.reverse = reverse = reverse_of(graph, wants)
        base = reverse.forward
        candidates = _saveable(base, policy)
        again = dead_code(
            Graph(
                [*base.inputs, *candidates],
                [e for e in base.eqns if not any(v in candidates for v in e.outputs)],
                reverse.residuals, base.consts, f"{graph.name}_again",
            )
        )  # fmt: skip
        needed = {v for e in again.eqns for v in e.inputs} | set(again.outputs)
        saved = [v for v in candidates if v in needed]
        self.places = place(saved, base)
        self.forward = dead_code(
            with_signature(base, base.inputs, [*base.outputs, *self.places.extra])
        )
        self.used = [v in needed for v in base.inputs]
        inputs = [v for v, u in zip(base.inputs, self.used, strict=True) if u]
        again = with_signature(again, [*inputs, *saved], again.outputs)
        self.backward = _backward(again, reverse, cse)


def _saveable(graph: Graph, policy: Policy | None) -> list[Var]:
    if policy is None:
        return []
    return [v for e in graph.eqns if _allows(policy, e) for v in e.outputs]


def _allows(policy: Policy, eqn: Eqn) -> bool:
    problem: Exception | None = None
    try:
        found = policy(eqn.op, *[x.aval for x in eqn.inputs], **eqn.params)
        if isinstance(found, (bool, np.bool_)):
            return bool(found)
        got = f"it returned {describe_tree(found)} for {eqn.op.name}, and must return a bool"
    except TypeError as error:
        problem, got = error, str(error)
    raise TransformError(
        f"checkpoint: {function_name(policy)} is not a policy: {got}. Write policy(op, *avals, "
        "**params) -> bool; save_only_these_names and the like make one of names, "
        "save_only_these_names('hidden')."
    ) from problem


def _backward(again: Graph, reverse: Reverse, prevent_cse: bool) -> Graph:
    n = len(again.inputs)
    cts = [a for a, alive in zip(reverse.forward.out_avals, reverse.live, strict=True) if alive]

    def f(*args: Any) -> Sequence[Any]:
        given = list(optimization_barrier(*args)) if prevent_cse and args else list(args)
        residuals = evaluate(again, given[:n])
        return evaluate(reverse.backward, [*residuals, *given[n:]])

    graph = stage(f, [*again.in_avals, *cts], reverse.backward.name)
    graph.name = f"{again.name}_backward"
    return graph


class _Saved:
    __slots__ = ("linear", "plan", "values")

    def __init__(self, plan: _Plan, values: list[Any]) -> None:
        self.plan, self.values, self.linear = plan, values, plan.reverse.linear


def _fwd(primals: Sequence[Any], wants: list[bool], params: dict[str, Any]) -> tuple[Any, Any, Any]:
    graph: Graph = flattened(params["graph"])
    key = ("checkpoint", tuple(wants), params["policy"], params["prevent_cse"])
    if key not in graph.memo:
        graph.memo[key] = _Plan(graph, wants, params["policy"], params["prevent_cse"])
    plan: _Plan = graph.memo[key]
    outs = call_graph(plan.forward, primals)
    values = [p for p, u in zip(primals, plan.used, strict=True) if u]
    saved = _Saved(plan, [*values, *plan.places.of(primals, outs)])
    return outs[: len(graph.outputs)], saved, plan.reverse.live


def _vjp(
    cts: list[Any], saved: _Saved, args: Sequence[Any], params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    reverse = saved.plan.reverse
    given = [
        zero_of(a) if ct is None else ct
        for ct, a, alive in zip(cts, reverse.forward.out_avals, reverse.live, strict=True)
        if alive
    ]
    found = iter(call_graph(saved.plan.backward, [*saved.values, *given]))
    return [next(found) if r else None for r in reverse.reached]


# -------------------------------------------------------------------- the other rules, as of a call
def _jvp(primals: list[Any], tangents: list[Any], params: dict[str, Any]) -> tuple[Any, Any]:
    return joint_call(checkpoint_op, primals, tangents, params)


def _batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    return batched_call(checkpoint_op)(BatchTrace("vmap", size), args, batched, params)


def _partial(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Known outputs now; the rest is written down with everything that it needs, to be repeated."""
    unknown = [is_unknown(trace, a) for a in args]
    graph = flattened(params["graph"])
    halves = split_of(graph, unknown)
    known_args = [a for a, u in zip(args, unknown, strict=True) if not u]
    known = iter(call_graph(halves.known, known_args))
    key = ("checkpoint rest", tuple(unknown), params["prevent_cse"])
    if key not in graph.memo:
        outs = [v for v, u in zip(graph.outputs, halves.out_unknown, strict=True) if u]
        rest = dead_code(with_signature(graph, graph.inputs, outs, f"{graph.name}_rest"))
        graph.memo[key] = _behind_barrier(rest, unknown) if params["prevent_cse"] else rest
    rest = graph.memo[key]
    late = iter(write_down(trace, checkpoint_op, args, {**params, "graph": rest}))
    return tuple(next(late) if u else next(known) for u in halves.out_unknown)


def _behind_barrier(graph: Graph, unknown: Sequence[bool]) -> Graph:
    """The graph with its known inputs behind a barrier; through one, all would look unknown."""

    def f(*args: Any) -> Sequence[Any]:
        known = [a for a, u in zip(args, unknown, strict=True) if not u]
        passed = iter(optimization_barrier(*known) if known else ())
        given = [a if u else next(passed) for a, u in zip(args, unknown, strict=True)]
        return evaluate(graph, given)

    found = stage(f, graph.in_avals, graph.name)
    found.name = graph.name
    return found


checkpoint_op = Op(
    "checkpoint",
    ("*args",),
    _eager,
    _aval,
    Whole(_jvp),
    Whole(_vjp, ("ans",)),
    _batch,
    multi=True,
    family="higher-order",
)
checkpoint_op.fwd = _fwd
checkpoint_op.batch_with = batched_call(checkpoint_op)
checkpoint_op.partial = _partial
checkpoint_op.inline = _inline


# ------------------------------------------------------------------------------ the public function
def checkpoint(
    f: Callable[..., Any] | None = None,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Iterable[int] = (),
) -> Any:
    """A function whose intermediate values are computed again in the backward pass, not kept.

    Args:
        f: function of trees of arrays; without it, a decorator is returned.
        prevent_cse: keep passes from merging the second computation with the first. Inside a
            ``scan`` body, whose derivative is another loop, it may be turned off.
        policy: says what may be kept nevertheless, ``policy(op, *avals, **params) -> bool``; see
            ``checkpoint_policies``.
        static_argnums: positions of arguments that are passed on as they are.

    Returns:
        a function with the same values and derivatives.

    >>> import functorch_lite.numpy as fnp
    >>> from functorch_lite import grad
    >>> grad(checkpoint(lambda x: fnp.sin(fnp.sin(x))))(0.0)
    Array(1., dtype=float32)

    Source: ``jax.checkpoint``.
    """
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    if policy is not None and not callable(policy):
        raise TransformError(f"checkpoint: policy must be a function, got {describe_tree(policy)}")
    try:
        hash(policy)
    except TypeError:
        raise TransformError(
            f"checkpoint: policy must be hashable, got {describe_tree(policy)}. Programs are "
            "remembered by it; a function or a frozen dataclass is hashable."
        ) from None

    def decorate(function: Callable[..., Any]) -> Any:
        check_callable(function, "checkpoint")
        return _checkpointed(function, bool(prevent_cse), policy, nums)

    return decorate if f is None else decorate(f)


def _checkpointed(
    f: Callable[..., Any], prevent_cse: bool, policy: Policy | None, nums: tuple[int, ...]
) -> Callable[..., Any]:
    label = f"checkpoint of {function_name(f)}"

    @wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        static = normalise_argnums(nums, len(args), label) if nums else ()
        dynamic = tuple(None if i in static else a for i, a in enumerate(args))

        def call(given: Any, by_name: Any) -> Any:
            merged = [args[i] if i in static else a for i, a in enumerate(given)]
            return f(*merged, **by_name)

        call.__name__ = function_name(f)
        names = leaf_paths(f, dynamic) + keyword_paths(kwargs)
        flat = Flat((dynamic, kwargs), lambda: names, label)
        avals = [Aval(x.shape, x.dtype, w) for x, w in zip(flat.arrays, flat.weak, strict=True)]
        staged = stage_tree(call, label, flat.treedef, avals, names)
        graph = staged.as_types([settled_dtype(a) for a in staged.avals])
        outs = checkpoint_op(
            *staged.free, *flat.arrays, graph=graph, prevent_cse=prevent_cse, policy=policy
        )
        return tree.unflatten(staged.tree, outs)

    return checkpointed


remat = checkpoint

"""``checkpoint``: keep a function's arguments for the backward pass, and compute the rest again.

The op of the same name holds the function's graph. Its forward pass keeps the operands and what the
policy lets it keep; its pullback computes the graph once more behind a barrier, through which no
pass looks, so that the second computation is never merged with the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Eqn, Graph, Var, evaluate
from functorch_lite.core.op import Op
from functorch_lite.core.rewrite import dead_code, with_signature
from functorch_lite.core.trace import function_name
from functorch_lite.errors import NonConcreteError, TransformError
from functorch_lite.ops import optimization_barrier
from functorch_lite.transforms.arguments import (
    Flat,
    check_callable,
    describe_tree,
    keyword_paths,
    leaf_paths,
    normalise_argnums,
    parameter_names,
)
from functorch_lite.transforms.call import (
    Places,
    batched_call,
    call_graph,
    check_operands,
    flattened,
    inline_graph,
    joint_call,
    place,
    program_of,
    reach_graph,
)
from functorch_lite.transforms.derived import (
    Reverse,
    is_unknown,
    reverse_of,
    split_of,
    write_down,
)
from functorch_lite.transforms.higher_order import higher_order
from functorch_lite.transforms.stage import stage
from functorch_lite.transforms.structured import settled_dtype, stage_tree

__all__ = ["checkpoint", "remat"]

Policy = Callable[..., Any]


def _eager(*datas: Any, graph: Graph, prevent_cse: bool, policy: Policy | None) -> tuple[Any, ...]:
    return program_of(graph)(*datas)


def _aval(*avals: Aval, graph: Graph, prevent_cse: bool, policy: Policy | None) -> tuple[Aval, ...]:
    check_operands("checkpoint", graph, avals)
    return graph.out_avals


# ------------------------------------------------------------------------------------ reverse mode
class _Again(NamedTuple):
    """How to compute some values of a graph a second time.

    Attributes:
        forward: the graph, which also returns what it saves for the second time.
        places: where the saved values are found among its inputs and outputs.
        used: per input, whether the second computation needs it.
        graph: used inputs, then saved values, to the values.
    """

    forward: Graph
    places: Places
    used: tuple[bool, ...]
    graph: Graph

    def kept(self, args: Sequence[Any], outs: Sequence[Any]) -> list[Any]:
        """The operands of the second computation."""
        used = [x for x, u in zip(args, self.used, strict=True) if u]
        return [*used, *self.places.of(args, outs)]


def _again(base: Graph, values: Sequence[Var], policy: Policy | None) -> _Again:
    """Plan to compute values of a graph again, from its inputs and from what the policy saves."""
    candidates = _saveable(base, policy)
    eqns = [e for e in base.eqns if not any(v in candidates for v in e.outputs)]
    graph = dead_code(Graph([*base.inputs, *candidates], eqns, values, base.consts, base.name))
    needed = {v for e in graph.eqns for v in e.inputs} | set(graph.outputs)
    saved = [v for v in candidates if v in needed]
    places = place(saved, base)
    forward = dead_code(with_signature(base, base.inputs, [*base.outputs, *places.extra]))
    used = tuple(v in needed for v in base.inputs)
    inputs = [v for v, u in zip(base.inputs, used, strict=True) if u]
    graph = with_signature(graph, [*inputs, *saved], graph.outputs, f"{base.name}_again")
    return _Again(forward, places, used, graph)


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


def _then(again: Graph, rest: Graph, barred: Sequence[bool], name: str) -> Graph:
    """Compute values again and hand them to a graph that takes them in front.

    Args:
        again: makes the values.
        rest: takes the values, then further inputs.
        barred: which inputs of the whole, those of ``again`` and the further ones, pass a barrier.
        name: of the whole.
    """
    n, count = len(again.inputs), len(again.outputs)

    def f(*args: Any) -> Sequence[Any]:
        through = [a for a, b in zip(args, barred, strict=True) if b]
        passed = iter(optimization_barrier(*through) if through else ())
        given = [next(passed) if b else a for a, b in zip(args, barred, strict=True)]
        return evaluate(rest, [*evaluate(again, given[:n]), *given[n:]])

    graph = stage(f, [*again.in_avals, *rest.in_avals[count:]], name)
    graph.name = name
    return graph


class _Saved(NamedTuple):
    """What the pullback gets."""

    reverse: Reverse
    again: _Again
    values: list[Any]

    @property
    def linear(self) -> bool:
        """Whether the function is linear in the wanted operands."""
        return self.reverse.linear


def _fwd(primals: Sequence[Any], wants: list[bool], params: dict[str, Any]) -> tuple[Any, Any, Any]:
    graph: Graph = flattened(params["graph"])
    reverse = reverse_of(graph, wants)
    key = ("again", params["policy"])
    if key not in reverse.memo:
        reverse.memo[key] = _again(reverse.forward, reverse.residuals, params["policy"])
    again: _Again = reverse.memo[key]
    outs = call_graph(again.forward, primals)
    saved = _Saved(reverse, again, again.kept(primals, outs))
    return outs[: len(graph.outputs)], saved, reverse.live


def _vjp(
    cts: list[Any], saved: _Saved, args: Sequence[Any], params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    backward, given, reached = saved.reverse.backward_for(cts)
    again = saved.again.graph
    barred = [bool(params["prevent_cse"])] * (len(again.inputs) + len(given))
    key = ("again back", tuple(ct is None for ct in cts), params["policy"], params["prevent_cse"])
    memo = saved.reverse.memo
    if key not in memo:
        memo[key] = _then(again, backward, barred, f"{again.name}_backward")
    found = iter(call_graph(memo[key], [*saved.values, *given]))
    return [next(found) if r else None for r in reached]


# -------------------------------------------------------------------- the other rules, as of a call
def _jvp(primals: list[Any], tangents: list[Any], params: dict[str, Any]) -> tuple[Any, Any]:
    return joint_call(checkpoint_op, primals, tangents, params)


def _partial(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Known outputs now; the rest is written down with what computes its residuals again."""
    unknown = [is_unknown(trace, a) for a in args]
    graph, policy = flattened(params["graph"]), params["policy"]
    halves = split_of(graph, unknown)
    key = ("again", tuple(unknown), policy, params["prevent_cse"])
    if key not in graph.memo:
        again = _again(halves.known, halves.residuals, policy)
        late = unknown.count(True)
        barred = [bool(params["prevent_cse"])] * len(again.graph.inputs) + [False] * late
        graph.memo[key] = again, _then(again.graph, halves.rest, barred, halves.rest.name)
    again, rest = graph.memo[key]
    early = [a for a, u in zip(args, unknown, strict=True) if not u]
    outs = call_graph(again.forward, early)
    operands = [*again.kept(early, outs), *[a for a, u in zip(args, unknown, strict=True) if u]]
    late_outs = iter(write_down(trace, checkpoint_op, operands, {**params, "graph": rest}))
    known = iter(outs)
    return tuple(next(late_outs) if u else next(known) for u in halves.out_unknown)


checkpoint_op: Op = higher_order(
    "checkpoint",
    eager=_eager,
    aval=_aval,
    fwd=_fwd,
    vjp=_vjp,
    jvp=_jvp,
    batch=lambda *rest: batched_call(checkpoint_op, *rest),
    inline=inline_graph,
    partial=_partial,
    reach=reach_graph,
)


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
        try:
            staged = stage_tree(call, label, flat.treedef, avals, names)
        except NonConcreteError as error:
            error.args = (f"{error}{_flags_hint(f, args, static, str(error), label)}",)
            raise
        graph = staged.as_types([settled_dtype(a) for a in staged.avals])
        outs = checkpoint_op(
            *staged.free, *flat.arrays, graph=graph, prevent_cse=prevent_cse, policy=policy
        )
        return tree.unflatten(staged.tree, outs)

    return checkpointed


def _flags_hint(f: Any, args: Sequence[Any], static: Sequence[int], text: str, label: str) -> str:
    """The Python numbers that a refused conversion depends on, which may be static."""
    depends = re.search(r" inside (.*?), where .* depends on the arguments? (.*?)\. ", text)
    if depends is None or depends[1] != label:
        return ""
    needed = depends[2].split(", ")
    names = parameter_names(f, len(args))
    flags = [
        i
        for i, (name, arg) in enumerate(zip(names, args, strict=True))
        if isinstance(arg, (bool, int)) and name in needed and i not in static
    ]
    if not flags:
        return ""
    nums = flags[0] if len(flags) == 1 else tuple(flags)
    return (
        f" {' and '.join(names[i] for i in flags)} came as a Python number, and may stay one: "
        f"checkpoint(f, static_argnums={nums})."
    )


remat = checkpoint

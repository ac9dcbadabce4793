"""Broken derivative rules: terms, residuals, operands and params of every jvp and vjp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from functorch_lite.core.op import NOT_DIFFERENTIABLE, Op, Rule, Whole
from tests.mutation.edits import (
    SCALED,
    Edit,
    at_position,
    doubled,
    dropped,
    float_operands,
    negated,
    on_value,
    operand_count,
    other_dtype,
    param_edits,
    reverse,
    swapped,
)


# ----------------------------------------------------------------------------- rules of one operand
def _with_fn(
    rule: Rule, fn: Callable[..., Any], getters: list[tuple[str, Any]] | None = None
) -> Rule:
    """A rule like another one, whose lookups and plan follow ``getters``."""
    out: Rule = object.__new__(Rule)
    out.fn = fn
    out.getters = rule.getters if getters is None else getters
    kinds = [kind for kind, _ in out.getters]
    out.ans = "ans" in kinds
    out.shapes = any(kind in ("shape", "dtype", "star_shape") for kind in kinds)
    out.args = frozenset(key for kind, key in out.getters if kind in ("arg", "star"))
    return out


def _after(rule: Rule, edit: Edit) -> Rule:
    return _with_fn(rule, lambda t, *found: edit(rule.fn(t, *found)))


def _found_edited(rule: Rule, k: int, edit: Edit) -> Rule:
    def fn(t: Any, *found: Any) -> Any:
        values = list(found)
        values[k] = edit(values[k])
        return rule.fn(t, *values)

    return _with_fn(rule, fn)


def _lookups(op: Op, rule: Rule) -> Iterator[tuple[str, Rule]]:
    """The rule with one of its needs looked up in the wrong place."""
    plain = [i for i, name in enumerate(op.operands) if not name.startswith("*")]
    edits = {(key, words): edit for key, words, edit in param_edits(op)}
    for k, (kind, key) in enumerate(rule.getters):
        wrong: list[tuple[str, tuple[str, Any]]] = []
        if kind in ("arg", "shape"):
            own = op.operands[key]
            wrong = [
                (f"{kind} of {op.operands[j]} for {own}", (kind, j)) for j in plain if j != key
            ]
            wrong += [(f"ans for {own}", ("ans", None))] if kind == "arg" else []
        elif kind == "ans":
            wrong = [(f"{op.operands[j]} for ans", ("arg", j)) for j in plain]
        for what, getter in wrong:
            getters = [*rule.getters]
            getters[k] = getter
            yield f"need {k}, {what}", _with_fn(rule, rule.fn, getters)
        if kind in ("star", "star_shape"):
            yield f"need {k}, {kind} reversed", _found_edited(rule, k, reverse)
        elif kind == "which":
            yield f"need {k}, which minus one", _found_edited(rule, k, lambda i: max(0, i - 1))
            yield f"need {k}, which plus one", _found_edited(rule, k, lambda i: i + 1)
        elif kind == "shape":
            yield f"need {k}, shape reversed", _found_edited(rule, k, reverse)
        elif kind == "dtype":
            yield f"need {k}, another dtype", _found_edited(rule, k, other_dtype)
        elif kind == "param":
            for (param, words), edit in edits.items():
                if param == key:
                    yield f"need {k}, {key} {words}", _found_edited(rule, k, edit)


def _rule_mutants(op: Op, rules: tuple[Rule | None, ...]) -> Iterator[tuple[str, Any]]:
    for i, rule in enumerate(rules):
        if rule is None:
            continue
        changed: list[tuple[str, Rule | None]] = [("dropped", None)]
        changed += [(words, _after(rule, edit)) for words, edit in SCALED.items()]
        changed += _lookups(op, rule)
        for what, new in changed:
            yield f"operand {op.operands[i]}, {what}", (*rules[:i], new, *rules[i + 1 :])
    for i in range(len(rules) - 1):
        if rules[i] is not None and rules[i + 1] is not None:
            yield f"rules {i} and {i + 1} swapped", tuple(swapped(rules, i, i + 1))


# ---------------------------------------------------------------------------- rules of all operands
def _whole_jvp_mutants(op: Op, rule: Whole) -> Iterator[tuple[str, Whole]]:
    fn = rule.fn
    count = operand_count(op)

    def tangents_edited(edit: Edit) -> Whole:
        return Whole(lambda primals, ts, params: fn(primals, edit(ts), params), rule.saves)

    def tangent_edited(edit: Edit) -> Whole:
        def changed(primals: Any, ts: Any, params: Any) -> Any:
            ans, tangent = fn(primals, ts, params)
            return ans, edit(tangent)

        return Whole(changed, rule.saves)

    def answer_edited(edit: Edit) -> Whole:
        def changed(primals: Any, ts: Any, params: Any) -> Any:
            ans, tangent = fn(primals, ts, params)
            return edit(ans), tangent

        return Whole(changed, rule.saves)

    def residuals_edited(args: Edit, key: str = "", edit: Edit | None = None) -> Whole:
        def changed(primals: Any, ts: Any, params: Any) -> Any:
            ans, _ = fn(primals, ts, params)
            new = {k: edit(v) if k == key and edit else v for k, v in params.items()}
            return ans, fn(args(primals), ts, new)[1]

        return Whole(changed, rule.saves)

    floats = float_operands(op)
    changes: dict[str, Edit] = {"dropped": dropped, **SCALED}
    for what, edit in changes.items():
        for i in floats:
            yield f"tangent {i} {what}", tangents_edited(at_position(i, edit))
        if op.multi:
            yield f"output tangent 0 {what}", tangent_edited(at_position(0, edit))
        elif len(floats) > 1:
            yield f"output tangent {what}", tangent_edited(lambda t, e=edit: on_value(e, t))
    yield "answer doubled", answer_edited(at_position(0, doubled) if op.multi else doubled)
    for i, j in pairwise(floats):
        yield (
            f"tangents {i} and {j} swapped",
            tangents_edited(lambda ts, i=i, j=j: swapped(ts, i, j)),
        )
    for i in range(count - 1):
        yield (
            f"operands {i} and {i + 1} swapped",
            residuals_edited(lambda xs, i=i: swapped(xs, i, i + 1)),
        )
    for key, words, edit in param_edits(op):
        yield f"param {key} {words}", residuals_edited(list, key, edit)


def _whole_vjp_mutants(op: Op, rule: Whole) -> Iterator[tuple[str, Whole]]:
    fn = rule.fn
    count, floats = operand_count(op), float_operands(op)

    def result_edited(edit: Edit) -> Whole:
        def changed(ct: Any, ans: Any, args: Any, params: Any, wants: Any) -> Any:
            return edit(fn(ct, ans, args, params, wants))

        return Whole(changed, rule.saves)

    def needs_edited(ct_edit: Edit = lambda c: c, args: Edit = list, ans: Any = None) -> Whole:
        def changed(ct: Any, answer: Any, saved: Any, params: Any, wants: Any) -> Any:
            answer = answer if ans is None else saved[ans]
            return fn(ct_edit(ct), answer, args(saved), params, wants)

        return Whole(changed, rule.saves)

    def param_edited(key: str, edit: Edit) -> Whole:
        def changed(ct: Any, ans: Any, args: Any, params: Any, wants: Any) -> Any:
            return fn(ct, ans, args, {**params, key: edit(params[key])}, wants)

        return Whole(changed, rule.saves)

    for what, edit in {"dropped": dropped, **SCALED}.items():
        for i in floats:
            yield f"cotangent of operand {i} {what}", result_edited(at_position(i, edit))
    for i, j in pairwise(floats):
        yield f"cotangents {i} and {j} swapped", result_edited(lambda g, i=i, j=j: swapped(g, i, j))
    for i in range(count - 1):
        if "args" in rule.saves:
            crossed = needs_edited(args=lambda xs, i=i: swapped(xs, i, i + 1))
            yield f"operands {i} and {i + 1} swapped", crossed
    if "ans" in rule.saves and "args" in rule.saves:
        yield "operand 0 for ans", needs_edited(ans=0)
    if op.multi:
        yield "output cotangents reversed", needs_edited(ct_edit=lambda c: list(c)[::-1])
        yield "output cotangent 0 dropped", needs_edited(ct_edit=at_position(0, dropped))
        yield "output cotangent 0 negated", needs_edited(ct_edit=at_position(0, negated))
    for key, words, edit in param_edits(op):
        yield f"param {key} {words}", param_edited(key, edit)


def jvp_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    if op.family == "host":  # its rules refuse
        return iter(())
    if isinstance(op.jvp, Whole):
        return _whole_jvp_mutants(op, op.jvp)
    return iter(()) if op.jvp is NOT_DIFFERENTIABLE else _rule_mutants(op, op.jvp)


def vjp_mutants(op: Op) -> Iterator[tuple[str, Any]]:
    if op.family == "host":
        return iter(())
    if isinstance(op.vjp, Whole):
        return _whole_vjp_mutants(op, op.vjp)
    return iter(()) if op.vjp is NOT_DIFFERENTIABLE else _rule_mutants(op, op.vjp)

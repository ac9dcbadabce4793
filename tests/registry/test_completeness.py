"""No record lacks a rule by accident: what is absent is absent on purpose, and says so."""

import contextlib
import importlib
import pkgutil

import numpy as np
import pytest

import functorch_lite.ops as ops
from functorch_lite.core.dtypes import is_float, is_inexact
from functorch_lite.core.op import NOT_DIFFERENTIABLE, REGISTRY, Op, Whole
from functorch_lite.ops.families import define, elementwise
from functorch_lite.transforms import (
    call,
    callbacks,
    cond,
    custom,
    linear_solve,
    remat,
    scan,
    while_loop,
)
from tests.registry import cases

HOMES = {
    "call": call, "cond": cond, "scan": scan, "while_loop": while_loop, "checkpoint": remat,
    "custom_call": custom, "pure_callback": callbacks, "debug_callback": callbacks,
    "linear_solve": linear_solve,
}  # fmt: skip
TAKES_ANYTHING = {
    "cast", "stop_gradient", "optimization_barrier", "axis_index", "call", "checkpoint",
    "checkpoint_name", "custom_call", "pure_callback", "debug_callback",
}  # fmt: skip

# Floats in, floats out and no derivative, on purpose.
PIECEWISE_CONSTANT = {"sign", "floor", "ceil", "round", "trunc", "floor_divide"}
BITS = {"bitcast"}
WITHOUT_DERIVATIVE = PIECEWISE_CONSTANT | BITS | cases.ZERO_BY_DEFINITION
# Float operands whose derivative is zero where there is one: they give a sign, or a side.
ZERO_BY_OPERAND = {("copysign", "y"), ("nextafter", "y")}
# Legal by kind, left out of the samples because the op says no for another reason.
WITHOUT_SAMPLES = {
    "bitcast": {"complex128"},  # nothing else has 128 bits
}


def problems(name):
    """What is missing in a record, in its export and in its samples, in words."""
    op = REGISTRY[name]
    found = []
    for part in (_rule_problems, _export_problems, _sample_problems):
        try:
            found += part(op)
        except KeyError as error:  # an op without samples
            found.append(str(error))
    return found


def _takes_floats_to_floats(op):
    try:
        found = cases.float64_cases(op.name)
    except KeyError:
        return "f" in op.info.get("kinds", "f")
    for case in found:
        if cases.float_positions(case.args) and any(is_float(a.dtype) for a in case.avals):
            return True
    return False


def _discrete(op, i):
    """Whether the samples never give a float at this operand."""
    last = len(op.operands) - 1
    for case in cases.cases(op.name, cases.main_dtype(op.name)):
        given = (
            case.args[i:] if i == last and op.operands[i].startswith("*") else case.args[i : i + 1]
        )
        if any(is_inexact(a.dtype) for a in given):
            return False
    return True


def _rule_problems(op):
    for slot in ("eager", "aval", "batch"):
        if not callable(getattr(op, slot)):
            yield f"{op.name}: {slot} is not a function"
    if (op.jvp is NOT_DIFFERENTIABLE) != (op.vjp is NOT_DIFFERENTIABLE):
        yield f"{op.name}: one mode is NOT_DIFFERENTIABLE, the other is not"
    elif op.jvp is NOT_DIFFERENTIABLE:
        if _takes_floats_to_floats(op) and op.name not in WITHOUT_DERIVATIVE:
            yield f"{op.name}: floats in, floats out, and NOT_DIFFERENTIABLE"
    else:
        for mode in ("jvp", "vjp"):
            rules = getattr(op, mode)
            if isinstance(rules, Whole):
                continue
            if len(rules) != len(op.operands):
                yield f"{op.name}: {len(rules)} {mode} rules for {len(op.operands)} operands"
            for i, rule in enumerate(rules):
                known = (op.name, op.operands[i]) in ZERO_BY_OPERAND or _discrete(op, i)
                if rule is None and not known:
                    yield f"{op.name}: no {mode} rule for {op.operands[i]}, which takes floats"
                if rule is not None and _discrete(op, i):
                    yield f"{op.name}: a {mode} rule for {op.operands[i]}, which is discrete"


def _export_problems(op):
    home = HOMES.get(op.name, ops)
    public = op.name if getattr(home, op.name, None) is op else f"{op.name}_op"
    if getattr(home, public, None) is not op or op.name not in home.__all__:
        yield f"{op.name}: not exported under its name from {home.__name__}"
    if not op.name.isidentifier() or any(not o.lstrip("*").isidentifier() for o in op.operands):
        yield f"{op.name}: a name that is no identifier"
    if op.family == "elementwise":
        spans = op.info["domain"]
        spans = spans if isinstance(spans[0], tuple) else (spans,)
        if not op.info["code"] or not op.info["kinds"] or any(lo >= hi for lo, hi in spans):
            yield f"{op.name}: kinds, domain or code is missing"


def _sample_problems(op):
    found = []
    legal = cases.dtypes(op.name)
    left_out = WITHOUT_SAMPLES.get(op.name, set())
    for dtype in legal:
        if not cases.cases(op.name, dtype) and dtype.name not in left_out:
            found.append(f"{op.name}: no samples for {dtype.name}")
    usual = cases.cases(op.name, cases.main_dtype(op.name))
    if op.operands and op.name not in cases.HIGHER_ORDER:
        if not any(a.size == 0 for c in usual for a in c.args):
            found.append(f"{op.name}: no sample has an empty operand")
        if not any(1 in a.shape or not a.shape for c in usual for a in c.args):
            found.append(f"{op.name}: no sample has an axis of size 1, or none")
        if not any(a.size > 3 for c in usual for a in c.args):
            found.append(f"{op.name}: all samples are tiny")
    if not callable(cases.reference(op.name)):
        found.append(f"{op.name}: no reference")
    if not cases.errors(op.name) and op.name not in TAKES_ANYTHING:
        found.append(f"{op.name}: no error samples")
    return found


@pytest.mark.parametrize("name", cases.names())
def test_the_record_is_complete(name):
    assert not problems(name)


def test_every_exported_op_is_registered():
    exported = [getattr(ops, name) for name in ops.__all__]
    assert {op.name for op in exported if isinstance(op, Op)} | set(HOMES) == set(REGISTRY)


def test_every_op_is_declared_in_a_documented_module():
    modules = [
        importlib.import_module(f"{ops.__name__}.{m.name}")
        for m in pkgutil.iter_modules(ops.__path__)
    ]
    homes = {}
    for module in [*modules, *HOMES.values()]:
        assert module.__doc__, module.__name__
        homes |= {v.name: module for v in vars(module).values() if isinstance(v, Op)}
    assert set(homes) == set(REGISTRY)


def test_the_lists_of_exceptions_are_not_stale():
    for name in WITHOUT_DERIVATIVE:
        assert REGISTRY[name].vjp is NOT_DIFFERENTIABLE
    for name, operand in ZERO_BY_OPERAND:
        op = REGISTRY[name]
        assert op.vjp[op.operands.index(operand)] is None
    for name, left_out in WITHOUT_SAMPLES.items():
        assert left_out == {d.name for d in cases.dtypes(name) if not cases.cases(name, d)}
    for name in TAKES_ANYTHING:
        assert not cases.errors(name)


# -------------------------------------------------------------------------- the test of the test
@contextlib.contextmanager
def temporary_registry():
    """Whatever is declared inside is forgotten afterwards."""
    before = dict(REGISTRY)
    try:
        yield
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)


def _same(x):
    return x


def _general(name, jvp, vjp):
    return define(name, eager=np.positive, aval=_same, jvp=jvp, vjp=vjp, batch=_same)


def test_a_new_op_without_samples_and_export_is_noticed():
    with temporary_registry():
        elementwise("test_bare", np.positive, (lambda t: t,), code="{0}")
        found = "; ".join(problems("test_bare"))
    assert "not exported under its name" in found
    assert "no SAMPLES entry for op 'test_bare'" in found
    assert "test_bare" not in REGISTRY


def test_a_forgotten_derivative_is_noticed():
    with temporary_registry():
        elementwise("test_flat", np.positive, NOT_DIFFERENTIABLE, code="{0}")
        assert any("and NOT_DIFFERENTIABLE" in p for p in problems("test_flat"))


@pytest.mark.parametrize("mode", ["jvp", "vjp"])
def test_a_forgotten_rule_of_one_mode_is_noticed(monkeypatch, mode):
    for op in (REGISTRY["mul"], REGISTRY["exp"], REGISTRY["gather"]):
        monkeypatch.setattr(op, mode, (None, *getattr(op, mode)[1:]))
        assert any(f"no {mode} rule for x" in p for p in problems(op.name))
        monkeypatch.undo()


def test_modes_that_disagree_are_noticed():
    with temporary_registry():
        _general("test_half", NOT_DIFFERENTIABLE, (lambda ct: ct,))
        assert any("one mode is NOT_DIFFERENTIABLE" in p for p in problems("test_half"))


def test_a_rule_for_a_discrete_operand_is_noticed(monkeypatch):
    op = REGISTRY["select"]
    monkeypatch.setattr(op, "vjp", (op.vjp[1], *op.vjp[1:]))
    assert problems("select") == ["select: a vjp rule for cond, which is discrete"]


def test_empty_sample_tables_are_noticed(monkeypatch):
    monkeypatch.setattr(cases, "cases", lambda name, dtype: ())
    monkeypatch.setattr(cases, "errors", lambda name: [])
    found = problems("sin")
    assert "sin: no samples for float32" in found
    assert "sin: no sample has an empty operand" in found
    assert "sin: no error samples" in found

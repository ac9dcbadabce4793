"""Every op under every law: values, shapes, derivatives, batching, staging, errors."""

import pytest

from functorch_lite.core.op import REGISTRY
from functorch_lite.errors import DtypeError
from tests.registry import cases, laws
from tests.registry.laws import check_wrong_calls, hold, pairs, wrong_calls


@pytest.mark.parametrize("law, name", [pytest.param(*p, id="-".join(p)) for p in pairs()])
def test_law(law, name):
    assert hold(law, name) > 0


@pytest.mark.parametrize("name", cases.names())
def test_wrong_calls(name):
    check_wrong_calls(name)


def test_trusted_calls_are_listed_exactly():
    accepted = {}
    for name in cases.names():
        for wrong in wrong_calls(name):
            if wrong.trusted and not issubclass(wrong.error, DtypeError):
                try:
                    wrong.call()
                except wrong.error:
                    continue
                accepted.setdefault(name, set()).add(wrong.text)
    assert accepted == laws.TRUSTED_EAGERLY


def test_every_op_is_under_every_law_that_concerns_it():
    by_op = {name: {law for law, n in pairs() if n == name} for name in REGISTRY}
    for name, found in by_op.items():
        assert {"value", "aval", "jit", "graph"} <= found
        if REGISTRY[name].operands:
            assert {"vmap", "vmap_of_vmap"} <= found
        if cases.is_differentiable(REGISTRY[name]):
            assert set(laws.LAWS) - set(laws.INSIDE) - set(laws.PARTS) <= found
        if laws.is_collective(REGISTRY[name]):
            assert {"inside_staged", "outside"} <= found
        if laws.is_collective_of_operands(REGISTRY[name]):
            assert set(laws.LAWS) - set(laws.PARTS) == found - set(laws.PARTS)


def test_the_derivative_laws_find_samples_for_every_differentiable_op():
    for name, op in REGISTRY.items():
        if cases.is_differentiable(op):
            usable = [c for c in cases.float64_cases(name) if c.args and c.args[0].size]
            assert len(usable) >= 1, name
            dtypes = {d.name for d in cases.dtypes(name)}
            assert {"float32", "float64"} <= dtypes, name
            full_precision_only = name in cases.HIGHER_ORDER or name in (
                cases.WITH_PRODUCTS | cases.NOT_IN_16_BITS
            )
            assert full_precision_only or {"float16", "bfloat16"} <= dtypes, name

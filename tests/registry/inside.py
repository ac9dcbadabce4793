"""The laws of collectives: transforms inside the vmap that names the axis.

The other laws map a collective over its axis first and transform the mapped function, which then
holds plain ops alone. Here the transforms stand inside and meet the collective itself. Either way
the examples compute the same function together, so that inside and outside must agree: the
derivative of one example's value counts the influence on all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import check, evaluate, to_function
from functorch_lite.driver import jit, make_graph
from functorch_lite.errors import AxisNameError
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp
from functorch_lite.transforms.vmap import vmap
from tests.registry.cases import Case
from tests.registry.compositions import reordered
from tests.registry.properties import (
    Function,
    assert_close,
    assert_same,
    backward_of,
    evaluate_raw,
    forward_of,
    random_like,
    raw,
    seeded,
)


def together(case: Case, f: Function, in_axes: Any = 0) -> Function:
    """A function of one example, mapped over the axis that the case's collective names."""
    name, size = case.params["axis_name"], case.params["axis_size"]
    return vmap(f, in_axes, axis_name=name, axis_size=size)


def _assert_agree(case: Case, inside: Any, outside: Any, args: Any, what: str) -> None:
    wants = evaluate_raw(outside, args)
    found = evaluate_raw(inside, args)
    assert len(found) == len(wants), f"{what} of {case}: {len(found)} outputs, not {len(wants)}"
    for y, want in zip(found, wants, strict=True):
        assert_close(y, want, reordered(want.dtype), f"{what} inside, of {case}")


def _arguments(case: Case) -> dict[str, tuple[Any, list[np.ndarray]]]:
    """The transforms that make derivatives, each with a random point."""
    rng = seeded(case)
    ts = [random_like(x, rng) for x in case.args]
    cts = [random_like(y, rng) for y in evaluate_raw(case.function, case.args)]
    return {
        "jvp": (forward_of, [*case.args, *ts]),
        "vjp": (backward_of, [*case.args, *cts]),
    }


def _value_under(mode: str, f: Function) -> Function:
    """What the transform says the function's own value is."""
    if mode == "vjp":
        return lambda *xs: vjp(f, *xs)[0]
    return lambda *xs: jvp(f, xs, xs)[0]


def _check_derivative(case: Case, mode: str) -> None:
    transform, point = _arguments(case)[mode]
    n = len(case.args)
    inner, outer = transform(case.lane, n), transform(case.function, n)
    _assert_agree(case, together(case, inner), outer, point, mode)
    value = together(case, _value_under(mode, case.lane))
    _assert_agree(case, value, case.function, case.args, f"the value under {mode}")
    # Once more: the derivative of the derivative, in either mode.
    rng = seeded(case)
    m = len(point)
    ts = [random_like(x, rng) for x in point]
    cts = [random_like(y, rng) for y in evaluate_raw(outer, point)]
    for second, more in ((forward_of, ts), (backward_of, cts)):
        what = f"{'jvp' if second is forward_of else 'vjp'} of {mode}"
        twice = together(case, second(inner, m))
        _assert_agree(case, twice, second(outer, m), [*point, *more], what)
    # Operands that every example shares, and with them cotangents: one example's for all.
    size = case.params["axis_size"]
    if size:
        rows = [x[:1] for x in point]
        alike = [np.repeat(row, size, 0) for row in rows]
        found = together(case, inner, None)(*[wrap(np.asarray(row[0])) for row in rows])
        for y, want in zip(found, evaluate_raw(outer, alike), strict=True):
            label = f"{mode} inside, of {case}, shared operands"
            assert_close(raw(y), want, reordered(want.dtype), label)


def check_jvp(case: Case) -> None:
    """Forward mode inside equals forward mode outside."""
    _check_derivative(case, "jvp")


def check_vjp(case: Case) -> None:
    """Reverse mode inside equals reverse mode outside."""
    _check_derivative(case, "vjp")


def check_vmap(case: Case) -> None:
    """A second vmap inside equals one outside, along every axis; also with a name of its own."""
    examples = [case.args, *case.others]
    batch = [np.stack(column, 1) for column in zip(*examples, strict=True)]
    rows = [evaluate_raw(case.function, e) for e in examples]
    wants = [np.stack(y, 1) for y in zip(*rows, strict=True)]
    for axis in range(case.args[0].ndim):
        moved = [np.moveaxis(x, 1, axis + 1) for x in batch]
        for name in (None, "other"):
            inner = vmap(case.lane, axis, axis_name=name)
            found = evaluate_raw(together(case, inner), moved)
            for y, want in zip(found, wants, strict=True):
                label = f"vmap inside, of {case}"
                assert_close(y, want, reordered(want.dtype), label)
    if case.params["axis_size"]:
        row = [np.asarray(x[0]) for x in case.args]
        alike = [np.repeat(x[None], case.params["axis_size"], 0) for x in row]
        inner = vmap(case.lane, None, axis_size=2)
        found = [raw(y) for y in together(case, inner, None)(*map(wrap, row))]
        for y, want in zip(found, evaluate_raw(case.function, alike), strict=True):
            label = f"vmap inside, of {case}, shared operands"
            assert_close(y, np.stack([want, want], 1), reordered(want.dtype), label)


def check_staged(case: Case) -> None:
    """jit inside, and a graph made inside: checked, run, and run as text."""

    def graph_of(*xs: Any) -> Any:
        return check(make_graph(case.lane)(*[Aval(x.shape, x.dtype) for x in xs]))

    ways: dict[str, Function] = {
        "jit": jit(lambda *xs: case.lane(*xs)),
        "graph": lambda *xs: evaluate(graph_of(*xs), xs),
        "printed graph": lambda *xs: to_function(graph_of(*xs))(*xs),
    }
    wants = evaluate_raw(case.function, case.args)
    for what, f in ways.items():
        for run in (together(case, f), jit(together(case, f))):
            for y, want in zip(run(*case.arrays), wants, strict=True):
                assert_same(raw(y), want, f"{what} inside, of {case}")


def check_outside(case: Case) -> None:
    """Outside the vmap there is no value, eagerly or in a program, and the error names the axis."""
    if not case.params["axis_size"]:
        return
    row = [wrap(np.asarray(x[0])) for x in case.args]
    for run in (case.lane, jit(lambda *xs: case.lane(*xs)), vmap(case.lane, None, axis_size=2)):
        try:
            run(*row)
        except AxisNameError as error:
            assert repr(case.params["axis_name"]) in str(error)
        else:
            raise AssertionError(f"{case} has a value outside the vmap that names its axis")

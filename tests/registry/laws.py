"""Every law by name, and on which samples of an op it is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import is_float
from functorch_lite.core.op import REGISTRY, Op
from functorch_lite.driver import jit, make_graph
from functorch_lite.errors import DtypeError
from tests.registry import complex_parts, compositions, inside, properties
from tests.registry.cases import (
    FLOAT64,
    Case,
    cases,
    dtypes,
    errors,
    float64_cases,
    has_rules,
    is_differentiable,
    main_dtype,
    yields_complex,
)


@dataclass(frozen=True)
class Law:
    """A check and the cases it runs on.

    Attributes:
        check: raises where the law is broken.
        samples: op name -> cases.
        applies: op -> whether the law says anything about it.
    """

    check: Callable[[Case], None]
    samples: Callable[[str], Iterable[Case]]
    applies: Callable[[Op], bool]


def _always(op: Op) -> bool:
    return True


def _has_operands(op: Op) -> bool:
    return bool(op.operands)


def _takes_floats(op: Op) -> bool:
    return bool(op.operands) and FLOAT64 in dtypes(op.name) and op.family != "host"


def is_collective(op: Op) -> bool:
    """Whether the op names an axis of a vmap."""
    return op.family == "collective"


def is_collective_of_operands(op: Op) -> bool:
    """The same, but for those that only ask about the axis."""
    return is_collective(op) and bool(op.operands)


def _in_every_dtype(name: str) -> Iterable[Case]:
    return (case for dtype in dtypes(name) for case in cases(name, dtype))


def _in_main_dtype(name: str) -> Iterable[Case]:
    return cases(name, main_dtype(name))


def _other_dtypes(name: str) -> list[np.dtype[Any]]:
    """One dtype of each kind beside the main one."""
    rest = [d for d in dtypes(name) if d != main_dtype(name) and cases(name, d)]
    return list({d.kind: d for d in sorted(rest, key=lambda d: -d.itemsize)}.values())


def _has_other_dtypes(op: Op) -> bool:
    return bool(op.operands) and bool(_other_dtypes(op.name))


def _in_other_dtypes(name: str) -> Iterable[Case]:
    return (case for dtype in _other_dtypes(name) for case in cases(name, dtype))


def _in_few_digits(name: str) -> Iterable[Case]:
    found = [d for d in dtypes(name) if is_float(d) and d != FLOAT64]
    return (case for dtype in found for case in cases(name, dtype)[:12])


LAWS: dict[str, Law] = {
    "value": Law(properties.check_value, _in_every_dtype, _always),
    "aval": Law(properties.check_aval, _in_every_dtype, _always),
    "jvp": Law(properties.check_jvp, float64_cases, _takes_floats),
    "vjp": Law(properties.check_vjp, float64_cases, _takes_floats),
    "second_order": Law(properties.check_second_order, float64_cases, is_differentiable),
    "low_precision": Law(properties.check_low_precision, _in_few_digits, is_differentiable),
    "vmap": Law(compositions.check_vmap, _in_main_dtype, _has_operands),
    "vmap_in_front": Law(compositions.check_vmap_in_front, _in_other_dtypes, _has_other_dtypes),
    "vmap_of_vmap": Law(compositions.check_vmap_of_vmap, _in_main_dtype, _has_operands),
    "vmap_of_derivatives": Law(
        compositions.check_vmap_of_derivatives, float64_cases, is_differentiable
    ),
    "derivatives_of_vmap": Law(
        compositions.check_derivatives_of_vmap, float64_cases, is_differentiable
    ),
    "jit": Law(compositions.check_jit, _in_every_dtype, _always),
    "jit_of_transforms": Law(compositions.check_jit_of_transforms, _in_main_dtype, _has_operands),
    "graph": Law(compositions.check_graph, _in_main_dtype, _always),
}


INSIDE: dict[str, Law] = {
    "inside_jvp": Law(inside.check_jvp, float64_cases, is_collective_of_operands),
    "inside_vjp": Law(inside.check_vjp, float64_cases, is_collective_of_operands),
    "inside_vmap": Law(inside.check_vmap, _in_main_dtype, is_collective_of_operands),
    "inside_staged": Law(inside.check_staged, _in_every_dtype, is_collective),
    "outside": Law(inside.check_outside, _in_main_dtype, is_collective),
}
LAWS |= INSIDE


def _with_parts(name: str) -> list[Case]:
    complex128 = np.dtype(np.complex128)
    found = list(cases(name, complex128)) if complex128 in dtypes(name) else []
    return found + [case for case in float64_cases(name) if yields_complex(case)]


PARTS: dict[str, Law] = {
    "parts": Law(
        complex_parts.check_parts,
        _with_parts,
        lambda op: has_rules(op) and bool(_with_parts(op.name)),
    )
}
LAWS |= PARTS


def hold(law: str, name: str) -> int:
    """Check one law on all samples of one op; returns their number."""
    if law == "wrong_calls":
        check_wrong_calls(name)
        return len(errors(name))
    count = 0
    for case in LAWS[law].samples(name):
        LAWS[law].check(case)
        count += 1
    return count


def pairs() -> list[tuple[str, str]]:
    """Every law with every op that it says something about."""
    return [(law, op.name) for law in LAWS for op in REGISTRY.values() if LAWS[law].applies(op)]


# -------------------------------------------------------------------------------------- wrong calls
# Eagerly an op trusts its callers, which promote and normalise, and costs one NumPy call: dtypes
# are checked where NumPy refuses them, and so is everything else but for these.
TRUSTED_EAGERLY: dict[str, set[str]] = {
    "pad": {"scalar"},  # a padding value of shape (1,) broadcasts
    "flip": {"(0, 0)"},  # an axis that is named twice is flipped once
    "slice": {"axis 0 of size 4", "per axis"},  # Python's slices clip, and may be too few
    "dot_general": {"1 batch dimensions"},
    "gather": {"'wrap'"},  # an unknown mode
    **dict.fromkeys(
        ("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"), {"'wrap'"}
    ),
    "dynamic_slice": {"at most 4"},  # a block larger than the array
    "argmax": {"scalar, which has no axes"},  # NumPy gives a scalar an axis here
    "argmin": {"scalar, which has no axes"},
    "cond": {"branch 2 takes (f64[3], f64[2,3], i64[])"},  # only the branch that runs is looked at
    "sort": {"argument 1 has (4,)", "num_keys"},  # a longer passenger, more keys than operands
}


@dataclass(frozen=True)
class WrongCall:
    """One way to make a call that must fail.

    Attributes:
        label: op, number of the error sample, way.
        call: makes the call.
        error: the class that must be raised.
        text: a fragment of its message.
        trusted: whether the op may accept the call, since it is eager.
    """

    label: str
    call: Callable[[], Any]
    error: type[Exception]
    text: str
    trusted: bool


def wrong_calls(name: str) -> list[WrongCall]:
    """Each error sample of an op in the ways it can be made: by shape, staged, jitted, eagerly."""
    op = REGISTRY[name]
    found = []
    for k, (avals, params, error, text) in enumerate(errors(name)):
        arrays = [wrap(np.zeros(a.shape, a.dtype)) for a in avals]

        def apply(*xs: Any, params: Any = params) -> Any:
            return op(*xs, **params)

        ways = {
            "by shape": lambda avals=avals, params=params: op.aval(*avals, **params),
            "staged": lambda avals=avals, apply=apply: make_graph(apply)(*avals),
            "jitted": lambda arrays=arrays, apply=apply: jit(apply)(*arrays),
            "eager": lambda arrays=arrays, apply=apply: apply(*arrays),
        }
        lax = issubclass(error, DtypeError) or text in TRUSTED_EAGERLY.get(name, ())
        found += [
            WrongCall(f"{name} {k} {way}", call, error, text, lax and way == "eager")
            for way, call in ways.items()
        ]
    return found


def check_wrong_calls(name: str) -> None:
    """Every error sample raises the stated class with the stated text."""
    for wrong in wrong_calls(name):
        try:
            wrong.call()
        except wrong.error as caught:
            assert wrong.text in str(caught), f"{wrong.label}: {caught}"
        else:
            what = f"{wrong.label}: no {wrong.error.__name__} with {wrong.text!r}"
            assert wrong.trusted, what

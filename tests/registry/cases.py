"""What the registry tests run on: samples of every op, and the facts about ops that tests need."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_complex, is_float
from functorch_lite.core.op import NOT_DIFFERENTIABLE, REGISTRY, Op, Whole, output_avals
from functorch_lite.testing import samples
from functorch_lite.transforms.vmap import vmap
from tests.registry.higher_order import HIGHER_ORDER

FLOAT64 = np.dtype(np.float64)
Raw = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Case:
    """An op with operands and params.

    Attributes:
        op: the record.
        args: raw operands.
        params: static parameters.
        others: operands of further examples, with the same shapes and dtypes.
    """

    op: Op
    args: Raw
    params: dict[str, Any]
    others: tuple[Raw, ...] = ()

    def __str__(self) -> str:
        operands = ", ".join(f"{a.dtype.name}{list(a.shape)}" for a in self.args)
        params = "".join(f", {k}={v}" for k, v in self.params.items())
        return f"{self.op.name}({operands}{params})"

    @property
    def arrays(self) -> list[Any]:
        """The operands as Arrays."""
        return [wrap(a) for a in self.args]

    def lane(self, *operands: Any) -> tuple[Any, ...]:
        """The op itself with these params; of a collective, as one example sees it."""
        out = self.op(*operands, **self.params)
        return out if self.op.multi else (out,)

    def function(self, *operands: Any) -> tuple[Any, ...]:
        """The op with these params, as a function of Arrays that returns a tuple.

        A collective is mapped over its axis, the first of each operand.
        """
        if self.op.family != "collective":
            return self.lane(*operands)
        name, size = self.params["axis_name"], self.params["axis_size"]
        found: tuple[Any, ...] = vmap(self.lane, axis_name=name, axis_size=size)(*operands)
        return found

    @property
    def avals(self) -> tuple[Aval, ...]:
        """What the shape rule says about the results of ``function``."""
        given = [Aval(a.shape, a.dtype) for a in self.args]
        if self.op.family != "collective":
            return output_avals(self.op, self.op.aval(*given, **self.params))
        rows = [Aval(a.shape[1:], a.dtype) for a in given]
        lane = output_avals(self.op, self.op.aval(*rows, **self.params))
        return tuple(Aval((self.params["axis_size"], *a.shape), a.dtype) for a in lane)


# ------------------------------------------------------------------------------------------ samples
def names() -> list[str]:
    """Every registered op."""
    return list(REGISTRY)


def dtypes(name: str) -> tuple[np.dtype[Any], ...]:
    """The legal dtypes of an op."""
    if name in HIGHER_ORDER:
        found: tuple[np.dtype[Any], ...] = HIGHER_ORDER[name]["dtypes"]
        return found
    return samples.dtypes_for(name)


def reference(name: str) -> Callable[..., Any]:
    """The independent implementation."""
    if name in HIGHER_ORDER:
        found: Callable[..., Any] = HIGHER_ORDER[name]["reference"]
        return found
    return samples.reference_for(name)


def errors(name: str) -> list[Any]:
    """Calls that must fail."""
    return HIGHER_ORDER[name]["errors"] if name in HIGHER_ORDER else samples.error_samples_for(name)


def _draw(name: str, dtype: np.dtype[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng([zlib.crc32(f"{name} {dtype.name}".encode()), seed])
    if name in HIGHER_ORDER:
        found: list[Any] = HIGHER_ORDER[name]["samples"](dtype, rng)
        return found
    return samples.samples_for(name, dtype, rng)


@cache
def cases(name: str, dtype: np.dtype[Any]) -> tuple[Case, ...]:
    """The samples of an op in one dtype, each with two more examples of the same shapes."""
    return fresh_cases(name, dtype, 0)


def fresh_cases(name: str, dtype: np.dtype[Any], seed: int) -> tuple[Case, ...]:
    """The same with values of another seed."""
    op = REGISTRY[name]
    drawn = zip(*[_draw(name, dtype, seed + i) for i in range(3)], strict=True)
    found = []
    for first, *rest in drawn:
        alike = [r for r in rest if _like(r, first)]
        assert len(alike) == len(rest), f"samples of {name} change shape or params with the rng"
        args = tuple(np.asarray(a) for a in first[0])
        others = tuple(tuple(np.asarray(a) for a in r[0]) for r in alike)
        found.append(Case(op, args, first[1], others))
    return tuple(found)


def _like(one: Any, other: Any) -> bool:
    return one[1] == other[1] and [(a.shape, a.dtype) for a in one[0]] == [
        (a.shape, a.dtype) for a in other[0]
    ]


def float64_cases(name: str) -> tuple[Case, ...]:
    """The samples on which derivatives are checked; none if the op takes no float64."""
    return cases(name, FLOAT64) if FLOAT64 in dtypes(name) else ()


def main_dtype(name: str) -> np.dtype[Any]:
    """float64 where it is legal, else the first legal dtype."""
    legal = dtypes(name)
    return FLOAT64 if FLOAT64 in legal else legal[0]


# -------------------------------------------------------------------------------------------- facts
# Ops that move, select or round once: their results are exact, so that no tolerance is due.
EXACT = {
    "select", "neg", "add", "sub", "floor_divide", "floor", "ceil", "round", "trunc", "copysign",
    "nextafter", "maximum", "minimum", "clamp", "full", "iota", "reshape", "transpose", "conj",
    "real", "broadcast_to", "concatenate", "pad", "flip", "slice", "optimization_barrier", "cast",
    "bitcast", "complex", "imag", "stop_gradient", "checkpoint_name",
    "gather", "scatter", "scatter_min",
    "scatter_max", "cummax", "cummin", "dynamic_slice", "dynamic_update_slice", "reduce_max",
    "reduce_min", "sort", "window_max", "window_min", "window_argmax", "window_argmin",
    "all_gather", "all_to_all", "ppermute", "axis_index",
}  # fmt: skip
# Their derivatives hold products of small matrices, which a compiled program adds up in an order of
# its own: its last digits are not those of the eager call.
WITH_PRODUCTS = {
    "triangular_solve", "solve", "det", "cofactor", "slogdet", "cholesky", "lu", "qr", "eigh",
    "svd", "eig", "pinv", "expm", "sqrtm", "sylvester", "polar", "tridiagonal_solve", "inv",
    "pinv_svdvals", "expm_along",
}  # fmt: skip
COMPLEX_ONLY = {(np.dtype(np.complex64), np.dtype(np.complex128))}
# No transform of 16-bit numbers is known to NumPy, SciPy or CuPy.
NOT_IN_16_BITS = {"fft"}
# The derivative is zero by definition, not by calculus.
ZERO_BY_DEFINITION = {"stop_gradient"}


def float_positions(args: Raw) -> list[int]:
    """Positions of the real floating-point operands, those a derivative can exist for."""
    return [i for i, a in enumerate(args) if is_float(a.dtype)]


def has_rule(op: Op, i: int) -> bool:
    """Whether forward or reverse mode has a rule for the i-th argument."""
    if op.family == "host":
        return False  # its rules refuse, with a remedy
    return any(
        isinstance(rules, Whole)
        or (rules is not NOT_DIFFERENTIABLE and op.rule_for(rules, i) is not None)
        for rules in (op.jvp, op.vjp)
    )


def is_differentiable(op: Op) -> bool:
    """Whether any real operand has a rule; complex_parts has the complex ones."""
    return dtypes(op.name) not in COMPLEX_ONLY and has_rules(op)


def has_rules(op: Op) -> bool:
    """Whether any operand has a derivative rule, be it for complex numbers only."""
    return any(has_rule(op, i) for i in range(len(op.operands)))


def yields_complex(case: Case) -> bool:
    """Whether an output is complex: complex_parts checks its derivatives."""
    return any(is_complex(a.dtype) for a in case.avals)


def subsets(items: list[int]) -> Iterator[tuple[int, ...]]:
    """All subsets but the empty one."""
    return chain.from_iterable(combinations(items, n) for n in range(1, len(items) + 1))

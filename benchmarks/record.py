"""What a row of the benchmark is: one declaration of sizes, floor, and a builder per library.

A builder is a function ``build(kit, sizes, x) -> step``.  The kit holds a library under one set of
names (``benchmarks.kits``), ``x`` the inputs as arrays of that library, and ``step`` takes no
arguments, does the work once, waits until it is done and returns its results by name (a single
array, or a tuple whose last element counts, will do)::

    def build(k, sizes, x):
        double = k.jit(lambda v: v + v)
        return lambda: {"out": k.ready(double(x["v"]))}

    StepRow("double", "v + v", sizes={"n": 1000}, tiny={"n": 10}, inputs=...,
            builders=functional(build))
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = [
    "IMPLEMENTATIONS",
    "OURS",
    "Builder",
    "Inputs",
    "ProcessRow",
    "Row",
    "Sizes",
    "Step",
    "StepRow",
    "arrays",
    "curve",
    "functional",
    "make_inputs",
    "torch_both",
    "torch_eager",
]

OURS = "ours"
IMPLEMENTATIONS = ("ours", "jax", "torch", "compile", "numpy", "cupy")

Sizes = Mapping[str, int]
Inputs = dict[str, np.ndarray]
Step = Callable[[], Any]
Builder = Callable[[Any, Sizes, dict[str, Any]], Step]


def _nothing(sizes: Sizes) -> float:
    return 0.0


@dataclass(frozen=True)
class Row:
    """What every kind of row has.

    Args:
        name: how the row is chosen and printed; members of a curve end in ``[value]``.
        about: the work in one line.
        goal: the ratio of our time to the best peer's that is aimed at, or None.
        unit: "s" or "bytes".
        floor_by: an implementation whose figure is the floor; it does not count as a peer then.
        quick: whether ``--quick`` runs the row.
    """

    name: str
    about: str
    goal: float | None = field(default=None, kw_only=True)
    unit: str = field(default="s", kw_only=True)
    floor_by: str | None = field(default=None, kw_only=True)
    quick: bool = field(default=True, kw_only=True)

    @property
    def implementations(self) -> tuple[str, ...]:
        """Those that have the row, in the order of the table."""
        raise NotImplementedError


@dataclass(frozen=True)
class StepRow(Row):
    """Work that one process repeats: timed per call, and compared across libraries.

    Args:
        sizes: the sizes that are measured.
        tiny: the sizes at which tests compare the libraries.
        inputs: ``inputs(sizes, rng)``, NumPy arrays by name, the same for every library.
        builders: a builder for each implementation that has the row.
        flops: floating-point operations of one step, as a function of the sizes.
        bytes: traffic that one step cannot avoid, from and to memory.
        calls_compared: steps after which results are compared; 3 for those that keep a state, 0
            where there is nothing to compare.
        tolerance: largest relative difference, see ``benchmarks.agreement``.
        x64: whether JAX runs with 64-bit types on.
        per_call: how many units of work a call does; times are per unit.
        at: the value along the curve that the row is a point of, or None.
    """

    sizes: Sizes = field(kw_only=True)
    tiny: Sizes = field(kw_only=True)
    inputs: Callable[[Sizes, np.random.Generator], Inputs] = field(kw_only=True)
    builders: Mapping[str, Builder] = field(kw_only=True)
    flops: Callable[[Sizes], float] = field(default=_nothing, kw_only=True)
    bytes: Callable[[Sizes], float] = field(default=_nothing, kw_only=True)
    calls_compared: int = field(default=1, kw_only=True)
    tolerance: float = field(default=1e-4, kw_only=True)
    x64: bool = field(default=False, kw_only=True)
    per_call: int = field(default=1, kw_only=True)
    at: float | None = field(default=None, kw_only=True)

    @property
    def implementations(self) -> tuple[str, ...]:
        return tuple(name for name in IMPLEMENTATIONS if name in self.builders)

    @property
    def family(self) -> str:
        """The name without the point on the curve."""
        return self.name.partition("[")[0]


@dataclass(frozen=True)
class ProcessRow(Row):
    """A figure that takes a fresh process or no process: import time, size, first call.

    Args:
        measure: ``measure(implementation, context)``, one figure in ``unit``; raises
            ``Unavailable`` where there is none.  The context is ``benchmarks.fresh.Context``.
        having: the implementations that have the row.
        rounds: at most so many rounds, whatever was asked for.
    """

    measure: Callable[[str, Any], float] = field(kw_only=True)
    having: tuple[str, ...] = field(kw_only=True)
    rounds: int = field(default=3, kw_only=True)

    @property
    def implementations(self) -> tuple[str, ...]:
        return tuple(name for name in IMPLEMENTATIONS if name in self.having)


def functional(build: Builder) -> dict[str, Builder]:
    """One builder for the two libraries with JAX's names, ours and JAX."""
    return {"ours": build, "jax": build}


def torch_eager(build: Builder) -> dict[str, Builder]:
    """A builder for PyTorch run op by op."""
    return {"torch": build}


def torch_both(build: Builder) -> dict[str, Builder]:
    """One builder for PyTorch eager and compiled; the kit's ``compile`` is what differs."""
    return {"torch": build, "compile": build}


def arrays(build: Builder) -> dict[str, Builder]:
    """One builder for plain NumPy, and for CuPy on a GPU."""
    return {"numpy": build, "cupy": build}


def make_inputs(row: StepRow, sizes: Sizes) -> Inputs:
    """The inputs of a row, the same in every process.

    >>> row = StepRow("double", "", sizes={"n": 9}, tiny={"n": 2}, builders={},
    ...               inputs=lambda sizes, rng: {"v": rng.standard_normal(sizes["n"])})
    >>> bool((make_inputs(row, row.tiny)["v"] == make_inputs(row, row.tiny)["v"]).all())
    True
    """
    return row.inputs(sizes, np.random.default_rng(zlib.crc32(row.family.encode())))


def curve(
    row: StepRow, size: str, values: Iterable[int], quick: Iterable[int] = ()
) -> list[StepRow]:
    """The row at several values of one size, as rows ``name[value]``.

    Args:
        row: what the points share.
        size: the name of the size that varies.
        values: its values.
        quick: those that ``--quick`` runs.

    >>> row = StepRow("f", "", sizes={"n": 1, "m": 5}, tiny={"n": 2}, builders={}, inputs=dict)
    >>> [(point.name, point.sizes) for point in curve(row, "n", [10, 20])]
    [('f[10]', {'n': 10, 'm': 5}), ('f[20]', {'n': 20, 'm': 5})]
    """
    chosen = set(quick)
    return [
        replace(
            row,
            name=f"{row.name}[{value}]",
            sizes={**row.sizes, size: value},
            at=float(value),
            quick=value in chosen,
        )
        for value in values
    ]

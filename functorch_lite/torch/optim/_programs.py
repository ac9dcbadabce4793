"""Steps over many parameters as one compiled program that writes into their memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.aval import make_aval
from functorch_lite.optim import Rule
from functorch_lite.torch._core.inplace import check_inplace
from functorch_lite.torch._core.tensor import make, version
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.transforms.call import program_of
from functorch_lite.transforms.stage import stage

__all__ = ["Batches", "Formula", "Job"]

MOST_PROGRAMS = 256
"""That are kept; they are forgotten together."""
_FLOAT64 = np.dtype(np.float64)
_REAL = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): _FLOAT64}

_programs: dict[Any, Any] = {}


class Formula:
    """What a program computes, but for the shapes; equal only to itself.

    Args:
        rule: the formula for one array.
        scalars: what it reads besides arrays; the rule's own, or one made of it.
        elementwise: whether all arrays have the parameter's shape, which then does not matter.
        fixed: settings that choose the formula, as pairs.
        names: settings that are numbers, in the order of ``Job.values``.
        shared: of those, the names of the ones that the step changes.
    """

    __slots__ = ("elementwise", "fixed", "names", "rule", "scalars", "shared")

    def __init__(
        self,
        rule: Rule,
        scalars: Callable[[Any, Any], Any],
        elementwise: bool,
        fixed: Sequence[tuple[str, Any]],
        names: Sequence[str],
        shared: Sequence[str],
    ) -> None:
        self.rule = rule
        self.scalars = scalars
        self.elementwise = elementwise
        self.fixed = dict(fixed)
        self.names = tuple(names)
        self.shared = tuple(shared)

    def read(self, step: Any, values: Sequence[Any]) -> Any:
        """What the rule reads besides arrays, from the step and the numbers."""
        return self.scalars(step, {**self.fixed, **dict(zip(self.names, values, strict=True))})


class Job(NamedTuple):
    """Some parameters that are at the same step.

    Attributes:
        values: the step, and the numbers of ``Formula.names``.
        slots: per parameter, its arrays by name.
    """

    values: tuple[float, ...]
    params: list[Any]
    grads: list[Any]
    slots: list[dict[str, Any]]


class Batch:
    """A program for given arrays, to be run again and again on them with other gradients.

    Args:
        formula: what is computed.
        job: the first step's.

    Attributes:
        overlaps: whether parameters share memory, or only some have any, so that they must move
            one after the other.
    """

    __slots__ = (
        "_begin", "_direct", "_end", "_formula", "_grads", "_kept", "_meta", "_orders", "_out",
        "_program", "overlaps",
    )  # fmt: skip

    def __init__(self, formula: Formula, job: Job) -> None:
        for t in (*job.params, *[s for slots in job.slots for s in slots.values()]):
            check_inplace(t, recorded=False)
        self._formula = formula
        params = [p._np for p in job.params]
        slots = [[(name, t._np) for name, t in each.items()] for each in job.slots]
        self._kept = (params, slots)
        self._grads = [(p.shape, p.dtype) for p in params]
        # Without memory there is nothing to compute but what is shared.
        on_meta = [is_meta(p) for p in job.params]
        self._meta = any(on_meta)
        if self._meta:
            self.overlaps = not all(on_meta)
            return
        self.overlaps = not _apart(params)
        self._orders = [_order(p) if formula.elementwise else tuple(range(p.ndim)) for p in params]
        self._program = _program(formula, params, slots)
        written = [*params, *[s for each in slots for _, s in each]]
        self._direct = (
            all(a.flags.carray for a in written)
            and all(s.dtype == p.dtype for p, each in zip(params, slots, strict=True)
                    for _, s in each)
            and _writes_in_place(self._program, len(params), len(written) - len(params))
        )  # fmt: skip
        self._begin = tuple(params)
        self._end = tuple(written[len(params) :])
        self._out = tuple(written)

    def run(self, job: Job) -> list[float]:
        """Make the step.

        Returns:
            the next values of what is shared.

        Raises:
            RuntimeError: a gradient of another shape or dtype than its parameter's.
        """
        grads = [g._np for g in job.grads]
        for g, (shape, dtype) in zip(grads, self._grads, strict=True):
            if g.shape != shape or g.dtype != dtype:
                raise RuntimeError(
                    f"expected a gradient of shape {shape} and dtype {dtype}, as its parameter; "
                    f"got {g.shape} and {g.dtype}"
                )
        values = np.array(job.values, _FLOAT64)
        shared: Any = [np.empty((), _FLOAT64) for _ in self._formula.shared]
        if self._meta:
            shared = self._shared(job) if shared else shared
        elif self._direct:
            outs = (*self._out, *shared)
            program = self._program
            if program.run((values, *self._begin, *grads, *self._end), outs):
                flat = [np.require(g, requirements=["C", "A"]) for g in grads]
                program.into((values, *self._begin, *flat, *self._end), outs)
        else:
            shared = self._run_copied(values, grads)
        for p, slots in zip(job.params, job.slots, strict=True):
            version(p).count += 1
            for t in slots.values():
                version(t).count += 1
        return [float(x) for x in shared]

    def _shared(self, job: Job) -> list[float]:
        """What is shared after the step, which depends on no array."""
        some = make(np.zeros((), np.float32))
        slots = {name: make(np.zeros((), np.float32)) for name in job.slots[0]}
        small = Job(job.values, [some], [some.clone()], [slots])
        return Batch(self._formula, small).run(small)

    def _run_copied(self, values: Any, grads: list[Any]) -> Sequence[Any]:
        """The same through arrays laid out as the program needs them."""
        params, slots = self._kept
        formula = self._formula

        def laid(array: Any, order: tuple[int, ...]) -> Any:
            if array.ndim == len(order):
                array = array.transpose(order)
            array = np.ascontiguousarray(array).reshape(array.shape)
            return _flat(array) if formula.elementwise else array

        orders = self._orders
        given = [laid(a, order) for a, order in zip(params, orders, strict=True)]
        given += [laid(a, order) for a, order in zip(grads, orders, strict=True)]
        for each, order in zip(slots, orders, strict=True):
            given += [laid(a, order) for _, a in each]
        with np.errstate(all="ignore"):
            found = self._program(values, *given)
        targets = [*zip(params, orders, strict=True)]
        for each, order in zip(slots, orders, strict=True):
            targets += [(a, order) for _, a in each]
        for (target, order), value in zip(targets, found, strict=False):
            if target.ndim == len(order):
                target = target.transpose(order)
            if target.dtype.kind == "c" and formula.elementwise:
                value = value.view(target.dtype)
            target[...] = value.reshape(target.shape)
        return found[len(targets) :]


def _apart(arrays: list[Any]) -> bool:
    """Whether no two arrays reach into the same piece of memory."""
    bounds = sorted(np.lib.array_utils.byte_bounds(a) for a in arrays if a.size)
    return all(a[1] <= b[0] for a, b in zip(bounds, bounds[1:], strict=False))


def _order(array: Any) -> tuple[int, ...]:
    """The dimensions of an array as they lie in memory, slowest first."""
    strides = array.strides
    return tuple(sorted(range(array.ndim), key=lambda d: -strides[d]))


def _flat(array: Any) -> Any:
    """A contiguous array without a shape, complex numbers as pairs."""
    array = array.reshape(-1)
    real = _REAL.get(array.dtype)
    return array if real is None else array.view(real)


def _writes_in_place(program: Any, count: int, rest: int) -> bool:
    """Whether a program may write all results over the operands that they follow."""
    donations = getattr(program, "donations", None)
    if donations is None:
        return False
    # Operands are: numbers, parameters, gradients, slots. Results: parameters, slots, shared.
    wanted = {i: 1 + i for i in range(count)}
    wanted |= {count + i: 1 + 2 * count + i for i in range(rest)}
    shapes = program.shapes
    empty = [i for i in wanted if 0 in shapes[i][1]]
    return all(donations.get(i) == x for i, x in wanted.items() if i not in empty)


def _program(formula: Formula, params: list[Any], slots: Any) -> Any:
    """The program for arrays of given shapes and dtypes, compiled once for all that are alike."""

    def kind(array: Any) -> tuple[tuple[int, ...], Any]:
        if not formula.elementwise:
            return array.shape, array.dtype
        real = _REAL.get(array.dtype)
        return ((array.size,), array.dtype) if real is None else ((2 * array.size,), real)

    kinds = tuple(map(kind, params))
    slot_kinds = tuple(tuple((name, kind(a)) for name, a in each) for each in slots)
    key = (formula, kinds, slot_kinds)
    found = _programs.get(key)
    if found is None:
        if len(_programs) >= MOST_PROGRAMS:
            _programs.clear()
        found = _programs[key] = _compile(formula, kinds, slot_kinds)
    return found


def _compile(formula: Formula, kinds: Any, slot_kinds: Any) -> Any:
    count = len(kinds)
    # Where the shape does not matter, each role has one of its own, because a result is planned
    # into an operand of its shape: that of a slot must go into this slot, and none into a gradient.
    ones = 1 if formula.elementwise else 0

    def role(array: Any, number: int) -> Any:
        return array.reshape((1,) * (ones * number) + tuple(array.shape))

    def step(values: Any, *arrays: Any) -> Sequence[Any]:
        numbers = [values[i] for i in range(len(formula.names) + 1)]
        scalars = formula.read(numbers[0], numbers[1:])
        rest = iter(arrays[2 * count :])
        new_params, new_slots = [], []
        for i, names in enumerate(slot_kinds):
            grad = arrays[count + i].reshape(kinds[i][0])
            held = {name: next(rest).reshape(kind[0]) for name, kind in names}
            param, held = formula.rule(grad, arrays[i], held, scalars)
            new_params.append(param)
            new_slots += [role(held[name], 2 + j) for j, (name, _) in enumerate(names)]
        shared = [fnp.asarray(scalars[name], "float64") for name in formula.shared]
        return (*new_params, *new_slots, *shared)

    def aval(kind: Any, number: int) -> Any:
        shape, dtype = kind
        return make_aval((1,) * (ones * number) + shape, dtype)

    avals = [make_aval((len(formula.names) + 1,), _FLOAT64)]
    avals += [aval(kind, 0) for kind in kinds]
    avals += [aval(kind, 1) for kind in kinds]
    avals += [aval(kind, 2 + j) for each in slot_kinds for j, (_, kind) in enumerate(each)]
    return program_of(stage(step, avals, "the step of an optimizer"))


class Batches:
    """The batches of an optimiser, found by the arrays they were made for."""

    def __init__(self) -> None:
        self._found: OrderedDict[Any, Batch] = OrderedDict()

    def of(self, formula: Formula, job: Job, most: int) -> Batch:
        """The batch of a job; the last ``most`` are kept."""
        slots = [t._np for each in job.slots for t in each.values()]
        key = (formula, *[id(p._np) for p in job.params], *map(id, slots))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = Batch(formula, job)
            while len(self._found) > most:
                self._found.popitem(last=False)
        return found

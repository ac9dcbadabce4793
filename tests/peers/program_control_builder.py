"""Writing programs whose nodes hold programs: scopes within scopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from program_builder import Builder, Shape
from program_control_nodes import Body
from programs import Leaf

# Operands of constructs are brought below this, and so is what a loop carries on.
CARRIED = 2.0
DEEPEST = 3

__all__ = ["CARRIED", "DEEPEST", "Scope", "Type", "form_of"]

Type = tuple[Shape, str]
Fill = Callable[["Scope"], None]


class Scope(Builder):
    """A builder of the nodes of a program, or of a function within it.

    Attributes:
        depth: how many functions it is inside of.
        reverse: whether reverse mode runs through it, which JAX refuses for a ``while_loop``.
        rules: whether a ``custom_vjp`` may stand here, of which JAX has no forward derivative.
        fill: writes a few random nodes into a scope.
        within: templates that are due in the functions inside, outermost last.
    """

    def __init__(self, rng: np.random.Generator, leaves: Sequence[Leaf], fill: Fill) -> None:
        super().__init__(rng, list(leaves))
        self.depth, self.reverse, self.rules, self.fill = 0, False, False, fill
        self.within: list[str] = []

    # ------------------------------------------------------------------------------------ operands
    def operand(self, dtype: str = "f8", hi: int = 2) -> int:
        """A value that a construct is applied to: bounded, of rank up to ``hi``."""
        if dtype == "f8":
            return self.real(0, hi, CARRIED)
        if dtype == "i8":
            return self.integer(())
        return self.exact_truth(())

    def exact_truth(self, shape: Shape) -> int:
        """A bool value of exactly this shape."""
        x = self.distinct(self.real_of(shape, CARRIED))
        y = self.real_of(shape, CARRIED)
        return self.add(self.one_of(["op.lt", "np.greater"]), x, y, shape=shape, dtype="b1")

    def operands(self, least: int = 1, most: int = 3, others: float = 0.3) -> list[int]:
        """Several, the first of them real, some integers or bools."""
        count = int(self.rng.integers(least, most + 1))
        kinds = ["f8"] + [
            self.one_of(["i8", "b1"]) if self.chance(others) else "f8" for _ in range(count - 1)
        ]
        found = [self.operand(kind) for kind in kinds]
        return [found[i] for i in self.rng.permutation(count)]

    def stopped(self, refs: Sequence[int]) -> list[int]:
        """The same values without their derivatives."""
        return [
            self.same("lax.stop_gradient", i, bound=self.bounds[i])
            if self.types[i][1] == "f8"
            else i
            for i in refs
        ]

    def captures(self) -> list[int]:
        """Values that functions in this scope close over: at least one real one."""
        count = int(self.rng.integers(1, 4))
        found = [self.real(0, 2)]
        for _ in range(count - 1):
            i = self.one_of(range(len(self.types)))
            if self.types[i][1] in ("f8", "i8", "b1"):
                found.append(i)
        return list(dict.fromkeys(found))

    def types_of(self, refs: Sequence[int]) -> list[Type]:
        """Shapes and dtypes."""
        return [self.types[i] for i in refs]

    # ----------------------------------------------------------------------------------- functions
    def inside(self, params: Sequence[Type], captured: Sequence[int]) -> Scope:
        """The scope of a function of such parameters."""
        inner = Scope(self.rng, [], self.fill)
        inner.depth, inner.reverse, inner.rules = self.depth + 1, self.reverse, self.rules
        inner.inputs, inner.within = len(params) + len(captured), self.within
        inner.types = [*params, *self.types_of(captured)]
        limits = {"f8": CARRIED, "i8": 16.0, "b1": 1.0}
        inner.bounds = [limits[d] for _, d in params] + [self.bounds[i] for i in captured]
        inner.live = [d == "f8" for _, d in params] + [self.live[i] for i in captured]
        inner.used = [0] * inner.inputs
        return inner

    def body(
        self, params: Sequence[Type], captured: Sequence[int], results: Sequence[Type]
    ) -> Body:
        """A random function with results of the given types, below ``CARRIED``."""
        inner = self.inside(params, captured)
        inner.fill(inner)
        return inner.closed([inner.settled(*kind) for kind in results])

    def closed(self, outputs: Sequence[int]) -> Body:
        """The function that this scope describes."""
        return Body(tuple(self.types[: self.inputs]), tuple(self.nodes), tuple(outputs))

    def settled(self, shape: Shape, dtype: str) -> int:
        """A value of this type that depends on what the scope is given, where it can."""
        if dtype == "i8":
            return self.integer(shape)
        if dtype == "b1":
            return self.exact_truth(shape)
        x = self.real_of(shape, CARRIED)
        for i in self._unused_results():  # so that what is nested matters
            mean = self.add("np.mean", i, shape=(), bound=self.bounds[i])
            total = self.add("op.add", x, mean, shape=shape, bound=self.bounds[x] + CARRIED)
            x = self.bounded(total, CARRIED)
        if x < self.inputs or not self.live[x]:
            x = self.bounded(self.add("op.add", x, self.partner(x), shape=shape, bound=6.0), 1.5)
        return x

    def _unused_results(self) -> list[int]:
        """Results of constructs that nothing reads yet."""
        return [
            i
            for i in range(self.inputs, len(self.types))
            if self.nodes[i - self.inputs].op == "my.pick"
            and self.types[i][1] == "f8"
            and not self.used[i]
        ]

    def steps(self, params: Sequence[Type], inner: Scope) -> list[int]:
        """The next carry in ``inner``: mostly new values, some returned as they came."""
        outs = []
        for i, (shape, dtype) in enumerate(params):
            if inner.chance(0.12):
                outs.append(i)
            elif dtype == "f8" and inner.chance(0.6):
                new = inner.settled(shape, dtype)
                sum_ = inner.add("op.add", new, i, shape=shape, bound=2 * CARRIED)
                outs.append(inner.bounded(sum_, CARRIED))
            elif dtype == "i8" and inner.chance(0.5):
                more = inner.add("op.add", i, inner.integer(()), shape=shape, dtype="i8", bound=32)
                outs.append(inner.same("np.remainder", more, inner.whole(5), bound=5))
            else:
                outs.append(inner.settled(shape, dtype))
        return outs

    # ------------------------------------------------------------------------------------- results
    def construct(
        self,
        name: str,
        own: Sequence[int],
        captured: Sequence[int],
        bodies: Sequence[Body],
        results: Sequence[Type],
        limits: Sequence[float] | None = None,
        **params: Any,
    ) -> list[int]:
        """Append a control node and the nodes that take its results; some are left unused.

        Returns:
            references of the results that are taken, at least one of them.
        """
        node = self.add(
            f"control.{name}", *own, *captured, shape=(), dtype="many",
            bodies=tuple(bodies), own=len(own), **params,
        )  # fmt: skip
        real_operand = any(self.live[i] for i in (*own, *captured))
        reals = [k for k, (_, dtype) in enumerate(results) if dtype == "f8"]
        sure = self.one_of(reals or range(len(results)))
        taken = []
        for k, (shape, dtype) in enumerate(results):
            if k != sure and self.chance(0.15):
                continue
            bound = limits[k] if limits else {"f8": CARRIED, "i8": 16.0}.get(dtype, 1.0)
            live = real_operand and dtype == "f8"
            if 0 in shape:  # nothing but a sum is made of an array without elements
                out = self.add("my.pick", node, shape=shape, dtype="empty", k=k)
                kind = "f8" if dtype == "f8" else "i8"
                total = self.add("np.sum", out, shape=(), dtype=kind, bound=1.0)
                taken.append(total)
                self.live[total] = live
                continue
            out = self.add("my.pick", node, shape=shape, dtype=dtype, bound=bound, k=k)
            self.live[out] = live
            taken.append(out)
        return taken


def form_of(scope: Scope, count: int) -> Any:
    """Containers for so many values; positions count in the order in which leaves are visited."""
    refs = list(range(count))
    if count == 0:
        return scope.one_of([None, (), {}])
    choice = int(scope.rng.integers(5))
    if count == 1:
        return [0, (0,), {"a": 0}, {"a": [0, None]}, [0]][choice]
    if choice == 0:
        return tuple(refs)
    if choice == 1:
        return list(refs)
    if choice == 2:
        return {f"k{i}": i for i in refs}
    if choice == 3:
        return {"a": (refs[0], None), "b": [{"c": tuple(refs[1:])}]}
    return (refs[0], {"rest": refs[1:], "z": None})

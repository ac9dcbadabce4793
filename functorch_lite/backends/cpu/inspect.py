"""A program at each stage of its making, as text."""

from __future__ import annotations

import dataclasses

from functorch_lite.backends.cpu import objects
from functorch_lite.backends.cpu.machine import vector_bytes
from functorch_lite.backends.cpu.printer import kernel_name, print_kernel
from functorch_lite.backends.cpu.program import CompiledProgram
from functorch_lite.compile.plan import plan
from functorch_lite.compile.steps import Launch, all_steps
from functorch_lite.core.graph import Graph

__all__ = ["MemoryAnalysis", "memory_analysis", "stages"]


@dataclasses.dataclass(frozen=True)
class MemoryAnalysis:
    """Bytes that one call of a program needs.

    Attributes:
        argument_size_in_bytes: operands.
        output_size_in_bytes: results.
        temp_size_in_bytes: everything between, which calls share.
        constant_size_in_bytes: arrays that belong to the program.
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    temp_size_in_bytes: int
    constant_size_in_bytes: int

    @property
    def peak_memory_in_bytes(self) -> int:
        """All of it together."""
        return (
            self.argument_size_in_bytes
            + self.output_size_in_bytes
            + self.temp_size_in_bytes
            + self.constant_size_in_bytes
        )


def stages(graph: Graph) -> dict[str, str]:
    """The texts of an optimised graph's program: ``plan``, ``kernels``, ``llvm``, ``assembly``.

    Needs the compiler's library, and compiles the program if that has not been done.
    """
    program = CompiledProgram(graph)
    names = {word: mark.label for word, mark in program.marks.items()}
    notes = [f"  {word:6} {label}" for word, label in sorted(names.items())]
    listing = program.native.listing()
    head = "kernels, products and calls by the index of their command:"
    text = "\n".join([listing, "", head, *notes])
    kernels: dict[str, str] = {}
    for step in all_steps(plan(graph).steps):
        if isinstance(step, Launch):
            kernel = step.emitted.kernel
            name = kernel_name(kernel, vector_bytes())
            if name not in kernels:
                kernels[name] = print_kernel(kernel, vector_bytes())
            kernel.release()
    shown = [f"# {name}\n{body}" for name, body in program.kernels.items()]
    return {
        "plan": text,
        "kernels": "\n\n".join(shown),
        "llvm": "\n".join(kernels.values()),
        "assembly": "\n".join(objects.assembly(body) for body in kernels.values()),
    }


def memory_analysis(graph: Graph) -> MemoryAnalysis:
    """Bytes that an optimised graph's program needs."""
    made = plan(graph)
    for step in all_steps(made.steps):
        if isinstance(step, Launch):
            step.emitted.kernel.release()
    return MemoryAnalysis(
        sum(s.nbytes for s in made.inputs),
        sum(s.nbytes for s in made.outputs),
        made.arena_bytes,
        sum(s.nbytes for s in made.slots if s.kind == "const"),
    )

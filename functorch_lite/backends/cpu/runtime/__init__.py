"""The runtime of compiled programs: a virtual machine, a thread pool, memory.

A program is written with `Code`, becomes a `Program`, and one call of its `run` carries it out,
loops, matrix products and calls of Python included. The native part is LLVM IR written by this
package and compiled once per machine; it reaches everything outside itself through a table of
addresses, so it is the same on every system.
"""

from functorch_lite.backends.cpu.runtime.blas import gemm_address
from functorch_lite.backends.cpu.runtime.commands import Code, Label
from functorch_lite.backends.cpu.runtime.layout import Status
from functorch_lite.backends.cpu.runtime.outputs import Outputs, allocate
from functorch_lite.backends.cpu.runtime.program import Program, Timing
from functorch_lite.backends.cpu.runtime.threads import get_num_threads, set_num_threads

__all__ = [
    "Code",
    "Label",
    "Outputs",
    "Program",
    "Status",
    "Timing",
    "allocate",
    "gemm_address",
    "get_num_threads",
    "set_num_threads",
]

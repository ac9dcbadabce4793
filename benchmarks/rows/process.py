"""Figures of whole processes: first calls, import, installed size."""

from __future__ import annotations

from benchmarks.fresh import first_call, first_call_from_disk, import_seconds, installed_bytes
from benchmarks.record import ProcessRow

__all__ = ["ROWS"]

COMPILED = ("gelu_grad", "mlp_adam", "cnn_sgd", "gpt_adamw")
COMPILERS = ("ours", "jax", "compile")

ROWS = [
    *(
        ProcessRow(
            f"first_call[{name}]",
            "tracing, compiling and running once, in a fresh process with nothing on disk",
            measure=first_call(name),
            having=COMPILERS,
            goal=0.7,
            quick=name == "gelu_grad",
        )
        for name in COMPILED
    ),
    *(
        ProcessRow(
            f"first_call_disk[{name}]",
            "the same in a fresh process after another one has filled the disk cache",
            measure=first_call_from_disk(name),
            having=COMPILERS,
            quick=False,
        )
        for name in COMPILED
    ),
    ProcessRow(
        "import",
        "import in a fresh interpreter; the floor is NumPy's",
        measure=import_seconds,
        having=("ours", "jax", "torch", "numpy"),
        floor_by="numpy",
        rounds=7,
    ),
    ProcessRow(
        "installed_size",
        "bytes of the package and all it requires, without bytecode",
        measure=installed_bytes,
        having=("ours", "jax", "torch", "numpy"),
        unit="bytes",
        floor_by="numpy",
        rounds=1,
    ),
]

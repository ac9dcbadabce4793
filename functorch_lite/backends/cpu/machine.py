"""The processor that code is made for, and the LLVM library that makes it."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from dataclasses import dataclass
from typing import Any

__all__ = ["Machine", "binding", "data_layout", "lend", "machine", "vector_bytes"]

# The oldest LLVM whose text form has `splat (float 1.0)` and whose llvmlite has the pass builder.
_OLDEST_LLVM = 20
_TARGET = "FUNCTORCH_LITE_TARGET"
# Code generation levels of LLVM by our level: cheaper selection of instructions is not much faster.
_EMISSION = {0: 0, 1: 2, 2: 2, 3: 3}

_LOCK = threading.Lock()
_IDLE: dict[tuple[Machine, int], list[Any]] = {}


@dataclass(frozen=True)
class Machine:
    """The processor that code is made for.

    Attributes:
        cpu: LLVM's name of the processor.
        features: comma-separated LLVM features, each with its sign.
        triple: architecture, vendor and system.
        vector_bytes: bytes of the widest vector register worth using: 64, 32 or 16.
        fma: whether multiply-add is one instruction; where not, `llvm.fma` becomes a slow call.
    """

    cpu: str
    features: str
    triple: str
    vector_bytes: int
    fma: bool


def binding() -> Any:
    """Return the module `llvmlite.binding`, set up for the host's code generator.

    Raises:
        ImportError: llvmlite is missing, too old, or its library does not load.
    """
    found = _binding()
    if isinstance(found, str):
        raise ImportError(found)
    return found


@functools.cache
def _binding() -> Any:
    # The message stands in for the module where the import fails: callers ask once per program.
    need = "the compiled CPU backend needs llvmlite 0.50 or newer"
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        return f"{need}, which did not load: {error}"
    if llvm.llvm_version_info[0] < _OLDEST_LLVM:
        version = ".".join(map(str, llvm.llvm_version_info))
        return f"{need}; the one installed brings LLVM {version}"
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    _add_remainders(llvm)
    return llvm


def _add_remainders(llvm: Any) -> None:
    """Make the C library's remainders known to LLVM, which calls them and may not find them."""
    for name in ("fmod", "fmodf"):
        if llvm.address_of_symbol(name):
            continue
        for library in (None, "libm.so.6", "libm.so", "libSystem.dylib", "ucrtbase", "msvcrt"):
            try:
                function = getattr(ctypes.CDLL(library), name)
            except (OSError, AttributeError, TypeError):
                continue
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
            break


def machine() -> Machine:
    """Return the processor that code is made for.

    It is the host, or the processor that the environment variable `FUNCTORCH_LITE_TARGET` names
    (`"haswell"`), which the host must be able to run.

    Raises:
        ImportError: llvmlite does not load.
    """
    return _machine(os.environ.get(_TARGET, ""))


@functools.cache
def _machine(forced: str) -> Machine:
    llvm = binding()
    triple = llvm.get_process_triple()
    x86 = triple.startswith(("x86_64", "amd64"))
    if forced:
        features = "-prefer-256-bit" if x86 else ""
        width = _probe(forced, features, triple) if x86 else 16
        return Machine(forced, features, triple, width, not x86 or width > 16)
    try:
        found = llvm.get_host_cpu_features()
    except RuntimeError:
        return Machine(llvm.get_host_cpu_name(), "", triple, 16, not x86)
    wide = all(found.get(name) for name in ("avx512f", "avx512bw", "avx512dq", "avx512vl"))
    if wide:
        # Several processors ask for half registers, which LLVM honours when it splits vectors.
        found["prefer-256-bit"] = False
    width = 64 if wide else 32 if found.get("avx2") and found.get("fma") else 16
    fma = bool(found.get("fma")) if x86 else True
    return Machine(llvm.get_host_cpu_name(), found.flatten(), triple, width, fma)


def _probe(cpu: str, features: str, triple: str) -> int:
    """Return the vector bytes of an x86 processor known by name only, from the code it gets."""
    llvm = binding()
    shape = "<16 x float>"
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    text = target.emit_assembly(
        llvm.parse_assembly(
            f"declare {shape} @llvm.fma.v16f32({shape}, {shape}, {shape})\n"
            f"define {shape} @f({shape} %x) {{\n"
            f"  %y = call {shape} @llvm.fma.v16f32({shape} %x, {shape} %x, {shape} %x)\n"
            f"  ret {shape} %y\n}}\n"
        )
    )
    if "vfmadd" not in text:
        return 16
    return 64 if "zmm" in text else 32


def vector_bytes() -> int:
    """Return how many bytes one vector register holds: 64, 32 or 16.

    Raises:
        ImportError: llvmlite does not load.

    Example:
        >>> vector_bytes() in (16, 32, 64)
        True
    """
    return machine().vector_bytes


class lend:
    """Context manager that lends a target machine to one thread.

    LLVM's target machines take half a millisecond to warm up and may not be shared between
    threads, so idle ones are kept.

    Args:
        level: optimisation level, 0 to 3.
    """

    def __init__(self, level: int) -> None:
        self._key = (machine(), _EMISSION[level])
        self._target: Any = None

    def __enter__(self) -> Any:
        """Return a target machine that no other thread uses."""
        with _LOCK:
            idle = _IDLE.setdefault(self._key, [])
            self._target = idle.pop() if idle else None
        if self._target is None:
            here, emission = self._key
            self._target = (
                binding()
                .Target.from_triple(here.triple)
                .create_target_machine(cpu=here.cpu, features=here.features, opt=emission, jit=True)
            )
        return self._target

    def __exit__(self, *failure: object) -> None:
        """Take the target machine back."""
        with _LOCK:
            _IDLE[self._key].append(self._target)


@functools.cache
def data_layout(here: Machine) -> str:
    """Return LLVM's description of sizes and alignments for `here`."""
    target = binding().Target.from_triple(here.triple).create_target_machine(jit=True)
    return str(target.target_data)


def _renew() -> None:
    global _LOCK
    _LOCK = threading.Lock()
    _IDLE.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

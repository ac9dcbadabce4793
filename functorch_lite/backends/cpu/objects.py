"""LLVM IR text becomes machine code in memory, compiled once per processor and user.

A text is looked up in memory, then on disk, then compiled. The answer, `Loaded`, keeps the code it
names in memory; code that no answer holds stays as long as the memory cache has room for it.

The engine is LLVM's MCJIT with one engine per object: it costs 0.15 ms and 8 KiB and gives all of
it back, where an ORC library keeps 8 KiB for ever.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from functorch_lite.backends.cpu import counters, objects_disk
from functorch_lite.backends.cpu.counters import Statistics
from functorch_lite.backends.cpu.emit import compile_texts, module_text
from functorch_lite.backends.cpu.machine import binding, data_layout, machine, vector_bytes

__all__ = [
    "Loaded",
    "Statistics",
    "assembly",
    "forget",
    "llvm",
    "load",
    "load_many",
    "statistics",
    "vector_bytes",
]

# Part of every key: raise it when the same text would give other code.
_FORMAT = 1
_MEMORY_BYTES = 64 << 20
# The pages of an engine, which an object of a few instructions takes too.
_ENGINE_BYTES = 8 << 10


class _Code:
    """One object in executable memory."""

    __slots__ = ("__weakref__", "engine", "functions", "size")

    def __init__(self, engine: Any, functions: dict[str, dict[str, int]], size: int) -> None:
        self.engine = engine
        self.functions = functions
        self.size = size


@dataclass(frozen=True, eq=False)
class Loaded:
    """Machine code of one text, which stays in memory while this object lives.

    Attributes:
        functions: name to address of each externally visible function.
        seconds: time spent on parse, optimise, emit and load; texts compiled together share it
            by their length. Empty where the code was in memory.
        source: "memory", "disk" or "compiled".
        size: bytes of the object that holds the code.
        owner: what keeps the code in memory.
    """

    functions: dict[str, int]
    seconds: dict[str, float]
    source: str
    size: int
    owner: object = field(repr=False)


_LOCK = threading.RLock()
_LIVE: weakref.WeakValueDictionary[str, _Code] = weakref.WeakValueDictionary()
_RECENT: OrderedDict[int, _Code] = OrderedDict()
_recent_bytes = 0
_PENDING: dict[str, threading.Event] = {}
_KEPT: dict[str, Loaded] = {}


def load(text: str, *, level: int = 2) -> dict[str, int]:
    """Compile `text` and return the addresses of its functions, valid until the process ends.

    This is for the few texts that a process always needs. The code of programs comes and goes, and
    goes through `load_many`.

    Args:
        text: LLVM IR without target triple and data layout.
        level: 0 (no optimisation), 1 (code generation only), 2 (local simplification first),
            3 (LLVM's whole pipeline, without vectorisers and unrolling).

    Returns:
        The address of each externally visible function by its name.

    Raises:
        ImportError: llvmlite does not load.
        RuntimeError: `text` is not valid LLVM IR, or needs a function that nothing provides.

    Example:
        >>> import ctypes
        >>> found = load("define i32 @next(i32 %x) { %y = add i32 %x, 1 ret i32 %y }")
        >>> ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(found["next"])(41)
        42
    """
    made = load_many([text], level=level)[0]
    with _LOCK:
        _KEPT[_key(text, level)] = made
    return dict(made.functions)


def load_many(texts: Sequence[str], *, level: int = 2) -> list[Loaded]:
    """Compile several texts together, in several threads; each answer keeps its code in memory.

    Args:
        texts: LLVM IR without target triple and data layout. A function should have a name of its
            own (a hash of what it does): texts that share a name are compiled apart.
        level: optimisation level as for `load`.

    Returns:
        One answer per text, in their order.

    Raises:
        ImportError: llvmlite does not load.
        RuntimeError: a text is not valid LLVM IR, or needs a function that nothing provides.

    Example:
        >>> body = "define i32 @{0}(i32 %x) {{ %y = add i32 %x, {1} ret i32 %y }}"
        >>> one, two = load_many([body.format("one", 1), body.format("two", 2)])
        >>> list(one.functions), list(two.functions)
        (['one'], ['two'])
    """
    if level not in (0, 1, 2, 3):
        raise ValueError(f"level must be 0, 1, 2 or 3, not {level!r}")
    binding()
    keys = [_key(text, level) for text in texts]
    by_key = dict(zip(keys, texts, strict=True))
    found: dict[str, Loaded] = {}
    while True:
        waiting: threading.Event | None = None
        mine: list[str] = []
        claim = threading.Event()
        with _LOCK:
            for key in by_key:
                if key in found:
                    continue
                code = _LIVE.get(key)
                if code is not None:
                    found[key] = Loaded(code.functions[key], {}, "memory", code.size, code)
                    _keep(code)
                    counters.add(memory_hits=1)
                elif key in _PENDING:
                    waiting = _PENDING[key]
                else:
                    mine.append(key)
                    _PENDING[key] = claim
        if mine:
            try:
                found.update(_provide({key: by_key[key] for key in mine}, level))
            finally:
                with _LOCK:
                    for key in mine:
                        _PENDING.pop(key, None)
                claim.set()
        elif waiting is not None:
            # If the other thread fails, the next round does its work here.
            waiting.wait()
        else:
            return [found[key] for key in keys]


def _provide(texts: dict[str, str], level: int) -> dict[str, Loaded]:
    """Return the code of texts that are not in memory, from disk or compiled."""
    found: dict[str, Loaded] = {}
    disk = objects_disk.store()
    if disk is not None:
        for key in texts:
            if key in found:
                continue
            entry = disk.read(key)
            if entry is None:
                continue
            start = time.perf_counter()
            code = _place(entry)
            elapsed = time.perf_counter() - start
            here = [name for name in entry.functions if name in texts and name not in found]
            counters.add(disk_hits=len(here))
            for name in here:
                seconds = {"load": elapsed / len(here)}
                found[name] = Loaded(code.functions[name], seconds, "disk", code.size, code)
    missing = [key for key in texts if key not in found]
    if not missing:
        return found
    for made in compile_texts([texts[key] for key in missing], level):
        held = [missing[place] for place in made.texts]
        names = dict(zip(held, made.functions, strict=True))
        entry = objects_disk.Entry(made.data, names, made.symbols)
        start = time.perf_counter()
        code = _place(entry)
        spent = {**made.seconds, "load": time.perf_counter() - start}
        whole = sum(len(texts[key]) for key in held)
        for key in held:
            part = len(texts[key]) / whole
            seconds = {name: value * part for name, value in spent.items()}
            found[key] = Loaded(code.functions[key], seconds, "compiled", code.size, code)
        if disk is not None:
            disk.write(entry)
    return found


def _place(entry: objects_disk.Entry) -> _Code:
    """Load an object into executable memory and enter it in the memory cache."""
    llvm = binding()
    start = time.perf_counter()
    for name in entry.symbols:
        # LLVM ends the process over a name that it cannot find.
        if not llvm.address_of_symbol(name):
            raise RuntimeError(f"the code calls {name}, which this process does not have")
    here = machine()
    # In LLVM's global context: a context of its own might be collected before the engine.
    shell = llvm.parse_assembly("")
    shell.triple = here.triple
    shell.data_layout = data_layout(here)
    target = llvm.Target.from_triple(here.triple).create_target_machine(opt=0, jit=True)
    engine = llvm.create_mcjit_compiler(shell, target)
    # The engine takes the object for the compiled form of the empty module: half a millisecond
    # less than compiling that module and adding the object.
    engine.set_object_cache(None, lambda module: entry.data)
    engine.finalize_object()
    engine.set_object_cache(None, None)
    functions = {
        key: {name: engine.get_function_address(name) for name in names}
        for key, names in entry.functions.items()
    }
    code = _Code(engine, functions, len(entry.data) + _ENGINE_BYTES)
    with _LOCK:
        for key in functions:
            _LIVE[key] = code
        _keep(code)
    counters.add(loaded=1, load_seconds=time.perf_counter() - start)
    return code


def _keep(code: _Code) -> None:
    """Make `code` the most recent of the memory cache and let go what has no room."""
    global _recent_bytes
    if id(code) in _RECENT:
        _RECENT.move_to_end(id(code))
        return
    _RECENT[id(code)] = code
    _recent_bytes += code.size
    while _recent_bytes > _MEMORY_BYTES and len(_RECENT) > 1:
        _, oldest = _RECENT.popitem(last=False)
        _recent_bytes -= oldest.size
        counters.add(evicted=1)


def _key(text: str, level: int) -> str:
    whole = _prefix(machine(), level).copy()
    whole.update(text.encode())
    return str(whole.hexdigest())


@functools.cache
def _prefix(here: Any, level: int) -> Any:
    llvm = binding()
    import llvmlite

    parts = (
        _FORMAT,
        level,
        here.cpu,
        here.features,
        here.triple,
        llvm.llvm_version_info,
        llvmlite.__version__,
    )
    return hashlib.sha256(repr(parts).encode() + b"\0")


def forget() -> None:
    """Drop the memory cache: code that no `Loaded` holds is unloaded.

    Example:
        >>> forget()
    """
    global _recent_bytes
    with _LOCK:
        _RECENT.clear()
        _recent_bytes = 0


def llvm(text: str, *, level: int = 2) -> str:
    """Return the LLVM IR of `text` after optimisation, for reading.

    Args:
        text: LLVM IR without target triple and data layout.
        level: optimisation level as for `load`.

    Raises:
        ImportError: llvmlite does not load.
        RuntimeError: `text` is not valid LLVM IR.

    Example:
        >>> "shl i32 %x, 1" in llvm("define i32 @f(i32 %x) { %y = add i32 %x, %x ret i32 %y }")
        True
    """
    return module_text(text, level, assembly=False)


def assembly(text: str, *, level: int = 2) -> str:
    """Return the assembly of `text` for the processor that code is made for, for reading.

    Args:
        text: LLVM IR without target triple and data layout.
        level: optimisation level as for `load`.

    Raises:
        ImportError: llvmlite does not load.
        RuntimeError: `text` is not valid LLVM IR.

    Example:
        >>> "ret" in assembly("define void @f() { ret void }")
        True
    """
    return module_text(text, level, assembly=True)


def statistics() -> Statistics:
    """Return counts and seconds of everything done since the process started.

    Example:
        >>> statistics().parsed >= 0
        True
    """
    return counters.snapshot()


def _renew() -> None:
    # A thread of the parent may have held the lock or owed an answer; it is not in the child.
    global _LOCK
    _LOCK = threading.RLock()
    _PENDING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

"""LLVM IR text becomes object code: parse, link, verify, passes, instruction selection.

Texts that are compiled together are linked into a few modules, one per thread, because a module
costs about a millisecond of its own. LLVM may run in several threads at once as long as each has
its own context and target machine. llvmlite holds one lock around each of its calls, so the two
long ones are bound here a second time, without it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functorch_lite.backends.cpu import counters
from functorch_lite.backends.cpu.machine import binding, data_layout, lend, machine

__all__ = ["Object", "compile_texts", "module_text"]

_MOST_THREADS = 8
# Texts of one object are loaded and unloaded together, so an object has only so many of them.
_MOST_TEXTS = 16
# Below this many bytes of text a second thread does not pay for the module it needs.
_WORTH_SPLITTING = 4000
# Reading names off the text takes a fortieth of the time of asking LLVM for them one by one.
_NAME = r'@("?)([-\w.$]+)\1'
_ANY_FUNCTION = re.compile(rf"^\s*define\s[^@\n]*{_NAME}\s*\(", re.MULTILINE)
_FUNCTION = re.compile(
    rf"^\s*define\s+(?!private|internal|available_externally)[^@\n]*{_NAME}\s*\(", re.MULTILINE
)
_VARIABLE = re.compile(rf"^\s*{_NAME}\s*=\s*(?!private|internal|external)", re.MULTILINE)


@dataclass(frozen=True)
class Object:
    """Object code of one or more texts.

    Attributes:
        data: the object file.
        texts: position of each text among those asked for.
        functions: names of the externally visible functions of each text.
        symbols: names that the code needs from outside.
        seconds: time spent on parse, optimise and emit.
    """

    data: bytes
    texts: tuple[int, ...]
    functions: tuple[tuple[str, ...], ...]
    symbols: tuple[str, ...]
    seconds: dict[str, float]


def compile_texts(texts: Sequence[str], level: int) -> list[Object]:
    """Compile `texts` in as many threads as the machine has, up to eight.

    Args:
        texts: LLVM IR without target triple and data layout.
        level: 0 (nothing), 1 (code generation only), 2 (local simplification), 3 (everything).

    Returns:
        Objects that cover every text once.

    Raises:
        ImportError: llvmlite does not load.
        RuntimeError: a text is not valid LLVM IR.
    """
    shares = _deal(texts, _threads())
    made: list[list[Object]] = [[] for _ in shares]
    failures: list[BaseException | None] = [None] * len(shares)

    def work(place: int) -> None:
        try:
            made[place] = _compile(texts, shares[place], level)
        except BaseException as failure:
            failures[place] = failure

    started: list[threading.Thread] = []
    mine = [0]
    for place in range(1, len(shares)):
        other = threading.Thread(target=work, args=(place,), daemon=True)
        try:
            other.start()
        except RuntimeError:
            # The system, or an interpreter that is ending, gives no more threads.
            mine.append(place)
        else:
            started.append(other)
    for place in mine:
        work(place)
    for other in started:
        other.join()
    try:
        for failure in failures:
            if failure is not None:
                raise failure
    finally:
        # The traceback refers to this frame, which must not refer back.
        failures.clear()
    return [one for share in made for one in share]


def module_text(text: str, level: int, *, assembly: bool) -> str:
    """Return the optimised IR of `text`, or its assembly."""
    with lend(level) as target, _Workspace() as space:
        module = space.parse(text)
        _optimise(module, target, level, promote="alloca" in text)
        return target.emit_assembly(module) if assembly else str(module)


def _threads() -> int:
    asked = os.environ.get("FUNCTORCH_LITE_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return min(int(asked), _MOST_THREADS)
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(found, _MOST_THREADS)


def _deal(texts: Sequence[str], threads: int) -> list[list[int]]:
    """Return the positions of the texts of each thread, the longest dealt first."""
    total = sum(map(len, texts))
    count = max(1, min(threads, len(texts), total // _WORTH_SPLITTING))
    shares: list[list[int]] = [[] for _ in range(count)]
    weights = [0] * count
    for position in sorted(range(len(texts)), key=lambda place: -len(texts[place])):
        lightest = weights.index(min(weights))
        shares[lightest].append(position)
        weights[lightest] += len(texts[position])
    return [sorted(share) for share in shares]


def _compile(texts: Sequence[str], share: Sequence[int], level: int) -> list[Object]:
    made: list[Object] = []
    with lend(level) as target:
        left = list(share)
        while left:
            batch, left = left[:_MOST_TEXTS], left[_MOST_TEXTS:]
            one, apart = _compile_batch(texts, batch, level, target)
            made.append(one)
            left = apart + left
    return made


def _compile_batch(
    texts: Sequence[str], batch: Sequence[int], level: int, target: Any
) -> tuple[Object, list[int]]:
    """Return the object of the texts that fit one module, and the texts that did not."""
    start = time.perf_counter()
    taken: list[int] = []
    functions: list[tuple[str, ...]] = []
    known: set[str] = set()
    apart: list[int] = []
    with _Workspace() as space:
        whole: Any = None
        for position in batch:
            visible = _names(_FUNCTION, texts[position])
            names = visible + _names(_VARIABLE, texts[position])
            if known.intersection(names):
                apart.append(position)
                continue
            module = space.parse(texts[position])
            known.update(names)
            taken.append(position)
            functions.append(tuple(visible))
            if whole is None:
                whole = module
            else:
                whole.link_in(module)
        parsed = time.perf_counter()
        _optimise(whole, target, level, promote=any("alloca" in texts[place] for place in taken))
        optimised = time.perf_counter()
        data = _emit(target, whole)
        emitted = time.perf_counter()
        needed = _undefined(data)
        if needed is None:
            needed = {item.name for item in whole.functions if item.is_declaration}
            needed = {name for name in needed if not name.startswith("llvm.")}
    seconds = {
        "parse": parsed - start,
        "optimise": optimised - parsed,
        "emit": emitted - optimised,
    }
    counters.add(
        parsed=len(taken),
        optimised=1,
        emitted=1,
        parse_seconds=seconds["parse"],
        optimise_seconds=seconds["optimise"],
        emit_seconds=seconds["emit"],
    )
    made = Object(data, tuple(taken), tuple(functions), tuple(sorted(needed)), seconds)
    return made, apart


class _Workspace:
    """An LLVM context and the modules in it, closed in the order that LLVM needs.

    Left to the garbage collector, a context in a cycle (a traceback makes one) may go before its
    modules, which then refer to freed memory.
    """

    def __init__(self) -> None:
        self._context = binding().create_context()
        self._modules: list[Any] = []

    def __enter__(self) -> _Workspace:
        return self

    def __exit__(self, *failure: object) -> None:
        for module in self._modules:
            module.close()
        self._context.close()

    def parse(self, text: str) -> Any:
        """Return the verified module of `text`, for the processor that code is made for."""
        here = machine()
        module = binding().parse_assembly(text, self._context)
        self._modules.append(module)
        module.triple = here.triple
        module.data_layout = data_layout(here)
        module.verify()
        for name in _names(_ANY_FUNCTION, text):
            # Nothing here throws, and unwind tables would double the small objects.
            module.get_function(name).add_function_attribute("nounwind")
        return module


def _names(pattern: re.Pattern[str], text: str) -> list[str]:
    return [name for _, name in pattern.findall(text)]


def _optimise(module: Any, target: Any, level: int, *, promote: bool) -> None:
    if level < 2:
        return
    llvm = binding()
    options = llvm.create_pipeline_tuning_options(speed_level=2 if level == 3 else 1)
    # Vectors and unrolling are the kernel generator's business.
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_interleaving = options.loop_unrolling = False
    builder = llvm.create_pass_builder(target, options)
    if level == 3:
        passes = builder.getModulePassManager()
    else:
        passes = llvm.create_new_module_pass_manager()
        if promote:
            passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
    run = _unlocked("LLVMPY_RunNewModulePassManager")
    if run is None:
        passes.run(module, builder)
    else:
        run(passes, module, builder)


def _emit(target: Any, module: Any) -> bytes:
    run = _unlocked("LLVMPY_TargetMachineEmitToMemory")
    if run is None:
        return bytes(target.emit_object(module))
    from llvmlite.binding import ffi

    message = ctypes.c_char_p(None)
    buffer = run(target, module, 1, ctypes.byref(message))
    if not buffer:
        text = (message.value or b"no reason given").decode(errors="replace")
        ffi.lib.LLVMPY_DisposeString(message)
        raise RuntimeError(f"LLVM emitted no object code: {text}")
    try:
        size = ffi.lib.LLVMPY_GetBufferSize(buffer)
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


@functools.cache
def _unlocked(name: str) -> Callable[..., Any] | None:
    """Return llvmlite's C function `name` without llvmlite's lock, or None where it has changed."""
    try:
        from llvmlite.binding import ffi

        guarded = getattr(ffi.lib, name)
        bare: Any = getattr(ctypes.CDLL(ffi.lib._name), name)
        bare.argtypes = guarded.argtypes
        bare.restype = guarded.restype
    except (AttributeError, ImportError, OSError, TypeError):
        return None
    return bare if bare.argtypes else None


def _undefined(data: bytes) -> set[str] | None:
    """Return the names an ELF64 object needs from outside, or None for another format.

    Instruction selection calls library functions that the IR does not name (the narrowing to
    bfloat16 is one), and LLVM ends the process where the loader cannot find one.
    """
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    found: set[str] = set()
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * k) for k in range(count)]
    for section in sections:
        if section[1] != 2:
            continue
        names = sections[section[6]][4]
        for entry in range(section[4], section[4] + section[5], 24):
            name, _, _, home = struct.unpack_from("<IBBH", data, entry)
            if name and home == 0:
                end = data.index(b"\0", names + name)
                found.add(data[names + name : end].decode())
    found.discard("_GLOBAL_OFFSET_TABLE_")
    return found

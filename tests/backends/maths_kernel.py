"""The maths functions as machine code over arrays, through the code generator's own builder."""

import ctypes
import itertools

import numpy as np

from functorch_lite.backends.cpu.assembler import Assembler, Operand
from functorch_lite.backends.cpu.objects import load

_serial = itertools.count()


def module_text(function, dtype, arity=1, vector_bytes=32):
    """``(name, lanes, text)`` of ``void name(ptr out, ptr x, ..., i64 count)``; whole vectors."""
    dtype = np.dtype(dtype)
    lanes = vector_bytes // dtype.itemsize
    assembler = Assembler()
    operands = [Operand(f"%x{k}", dtype, lanes) for k in range(arity)]
    answer = function(assembler, *operands)
    scalar = {4: "float", 8: "double"}[dtype.itemsize]
    typed = f"<{lanes} x {scalar}>"
    loads = [
        f"  %a{k} = getelementptr {scalar}, ptr %p{k}, i64 %i\n"
        f"  %x{k} = load {typed}, ptr %a{k}, align {dtype.itemsize}"
        for k in range(arity)
    ]
    name = f"maths_{next(_serial)}"
    pointers = "".join(f", ptr %p{k}" for k in range(arity))
    lines = [
        *sorted(assembler.declared.values()),
        f"define void @{name}(ptr %out{pointers}, i64 %count) {{",
        "entry:",
        "  %some = icmp sgt i64 %count, 0",
        "  br i1 %some, label %body, label %done",
        "body:",
        "  %i = phi i64 [0, %entry], [%next, %body]",
        *loads,
        *assembler.lines,
        f"  %o = getelementptr {scalar}, ptr %out, i64 %i",
        f"  store {typed} {answer.text}, ptr %o, align {dtype.itemsize}",
        f"  %next = add i64 %i, {lanes}",
        "  %more = icmp slt i64 %next, %count",
        "  br i1 %more, label %body, label %done",
        "done:",
        "  ret void",
        "}",
    ]
    return name, lanes, "\n".join(lines) + "\n"


def compiled(function, dtype, arity=1, vector_bytes=32):
    """The function as machine code: arrays of one length to an array."""
    dtype = np.dtype(dtype)
    name, lanes, text = module_text(function, dtype, arity, vector_bytes)
    address = load(text)[name]
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (1 + arity), ctypes.c_int64)(address)

    def run(*arrays):
        count = arrays[0].size
        padded = -(-count // lanes) * lanes
        inputs = [np.resize(np.ascontiguousarray(a, dtype), padded) for a in arrays]
        out = np.empty(padded, dtype)
        entry(out.ctypes.data, *(a.ctypes.data for a in inputs), padded)
        return out[:count]

    return run

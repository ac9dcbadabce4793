"""Small kernels and one-line helpers for the tests of the runtime."""

import numpy as np

from functorch_lite.backends.cpu.objects import load_many
from functorch_lite.backends.cpu.runtime import Code, Program
from functorch_lite.backends.cpu.runtime.layout import Pool
from functorch_lite.backends.cpu.runtime.native import native

TEXT = """
define void @runtime_test_scale(ptr %args, i64 %begin, i64 %end) {
entry:
  %x = load ptr, ptr %args
  %second = getelementptr ptr, ptr %args, i64 1
  %y = load ptr, ptr %second
  br label %head
head:
  %i = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %from = getelementptr double, ptr %x, i64 %i
  %to = getelementptr double, ptr %y, i64 %i
  %value = load double, ptr %from
  %twice = fmul double %value, 2.0
  %result = fadd double %twice, 1.0
  store double %result, ptr %to
  %next = add i64 %i, 1
  br label %head
done:
  ret void
}

define void @runtime_test_mark(ptr %args, i64 %begin, i64 %end) {
entry:
  %x = load ptr, ptr %args
  %place = getelementptr i64, ptr %x, i64 %begin
  %old = load i64, ptr %place
  %new = add i64 %old, %end
  store i64 %new, ptr %place
  ret void
}

; Waits until two calls have begun; all but the first piece then dawdle before they mark theirs.
define void @runtime_test_meet(ptr %args, i64 %begin, i64 %end) {
entry:
  %counter = load ptr, ptr %args
  %second = getelementptr ptr, ptr %args, i64 1
  %marks = load ptr, ptr %second
  %place = getelementptr i64, ptr %marks, i64 %begin
  %first = icmp eq i64 %begin, 0
  %length = select i1 %first, i64 0, i64 300000
  %before = atomicrmw add ptr %counter, i64 1 seq_cst
  br label %wait
wait:
  %count = load atomic i64, ptr %counter seq_cst, align 8
  %together = icmp sge i64 %count, 2
  br i1 %together, label %dawdle, label %wait
dawdle:
  %i = phi i64 [ 0, %wait ], [ %next, %dawdle ]
  %again = load atomic i64, ptr %counter seq_cst, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %length
  br i1 %more, label %dawdle, label %done
done:
  store i64 1, ptr %place
  ret void
}
"""
LOADED = load_many([TEXT])[0]
SCALE = LOADED.functions["runtime_test_scale"]
MEET = LOADED.functions["runtime_test_meet"]
MARK = LOADED.functions["runtime_test_mark"]


def program(code, inputs=0, outputs=0, **options):
    """A checked program; END is added."""
    code.end()
    return Program(code, inputs=inputs, outputs=outputs, keep=LOADED, checked=True, **options)


def scale_program(n, grain=0, repeat=1):
    """outputs[0] = 2 * inputs[0] + 1, `repeat` times over."""
    code = Code()
    turn = code.register()
    again = code.here()
    code.kernel(SCALE, [0, 1], 0, n, grain=grain)
    code.addr(turn, 1)
    code.jlt(turn, repeat, again)
    return program(code, 1, 1)


def endless_program(release=True):
    """Runs until something stops it."""
    code = Code()
    again = code.here()
    code.poll()
    code.jump(again)
    return program(code, release=release)


def words(*values):
    """An int64 array."""
    return np.array(values, np.int64)


def tasks():
    """How many tasks were split so far."""
    return int(native().pool[Pool.TICKET]) >> 10

"""The assembler of programs: labels, listings, and what it refuses."""

import pytest
from runtime_kernels import SCALE, words

from functorch_lite.backends.cpu.runtime import Code
from functorch_lite.backends.cpu.runtime.commands import check


def test_listing_and_labels():
    code = Code()
    i = code.register()
    over = code.label()
    code.kernel(SCALE, [0, 1], 0, 9, grain=4, align=2)
    code.jge(i, 3, over)
    code.switch(0, [over, code.here()])
    code.place(over)
    code.end()
    assert code.listing(names={SCALE: "scale"}).splitlines() == [
        "   0  KERNEL  function=scale begin=0 end=9 grain=4 align=2 count=2 s0 s1",
        "  10  JGE     r=r0 value=3 target=@21",
        "  15  SWITCH  slot=s0 count=2 @21 @15",
        "  21  END",
    ]
    assert hex(SCALE) in code.listing()


def test_labels_must_be_placed():
    code = Code()
    code.jump(code.label())
    with pytest.raises(ValueError, match="never placed"):
        code.words()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda c: c.copy(2, 0, 8), r"COPY has dst = 2 \(slot\)"),
        (lambda c: c.copy(0, -1, 8), r"COPY has src = -1 \(slot\)"),
        (lambda c: c.setr(1, 0), r"SETR has r = 1 \(register\)"),
        (lambda c: c.tfree(0), r"TFREE has tape = 0 \(tape\)"),
        (lambda c: c.emit("JUMP", 1), r"JUMP has target = 1 \(target\)"),
        (lambda c: c.kernel(0, [0], 0, 1), r"KERNEL has function = 0"),
        (lambda c: c.kernel(1, [0], 0, 1, align=0), "align = 0"),
        (lambda c: c.emit("KERNEL", 1, 0, 1, 0, 1, 2, 0), "counts its operands"),
        (lambda c: c.emit("SWITCH", 0, 0), "counts its operands"),
        (lambda c: None, "past its end"),
    ],
)
def test_check_refuses(write, message):
    code = Code()
    code.register()
    write(code)
    if message != "past its end":
        code.end()
    else:
        code.zero(0, 8)
    with pytest.raises(ValueError, match=message):
        check(code.words(), 2, code.registers)


def test_check_refuses_what_is_no_program():
    for bad in ([99, 2], [0], [0, 3], [0, 1], [3, 4, 0, 0], [0, 3, 0]):
        with pytest.raises(ValueError, match="word 0"):
            check(words(*bad), 1, 0)


def test_emit_refuses_wrong_operands():
    with pytest.raises(ValueError, match="COPY has operands"):
        Code().emit("COPY", 1)
    with pytest.raises(ValueError, match="ZERO has operands"):
        Code().emit("ZERO", 1, 2, 3)
    with pytest.raises(ValueError, match="needs a target"):
        Code().switch(0, [])

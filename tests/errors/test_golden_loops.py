"""Golden messages of loops and branches, and proof of their remedies.

Every case is three functions: the mistake, the text, and the remedy exactly as the text gives it.
"""

import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax

X4, X44 = fnp.ones(4), fnp.ones((4, 4))
ONE = fnp.asarray(1, "int32")
DOUBLES = np.ones(4)
HERE = re.escape(__file__)
ANY = "where only shapes and dtypes are known."
CHOOSE = (
    "Choose between values with numpy.where(condition, a, b), or between computations with "
    "lax.cond(condition, f, g, *operands)"
)
SIZES = "Sizes and loop bounds must be Python numbers: take them from a shape, or pass them in."


def widen(i, c):
    return c.astype("float64")


def forget(*args):
    pass


def set_item(i, c):
    exec("c[i] = 1.0")  # a line whose source is out of reach


def add_item(i, c):
    exec("c[i, 0] += c[i, 1]")


def traced(f, x):
    """A ``fori_loop`` with a bound that is not known."""
    return fl.jit(lambda n: lax.fori_loop(0, n, f, x))(3)


def signed(x, flag):
    return x if flag else -x


def relu(x):
    return fnp.maximum(x, 0)


def whole(x):
    return x.astype("int32")


def small(c):
    return c.sum() < 9


def depends(label, what, line, remedy, wanted="bool()", aval="bool[]"):
    return (
        f"{wanted} needs the value of a traced array ({aval}) inside {label}, {ANY} It depends on "
        f"the argument {what}. Asked for at FILE:LINE ({line}). {remedy}"
    )


LOOPS = {
    "a wider carry in a fori_loop": (
        lambda: lax.fori_loop(0, 3, widen, X4),
        errors.CarryTypeError,
        (
            "fori_loop of widen: the carry changes its type at carry: it comes in as f32[4] and is "
            "returned as f64[4]. Start with carry.astype('float64'), or return it with "
            ".astype('float32'). NumPy arrays are float64 unless made otherwise: "
            "numpy.asarray(x, 'float32') converts one before it meets the carry."
        ),
        lambda: lax.fori_loop(0, 3, widen, X4.astype("float64")),
    ),
    "a wider carry in a fori_loop with a traced bound": (
        lambda: traced(lambda i, c: {"a": widen(i, c["a"])}, {"a": X4.astype("int32")}),
        errors.CarryTypeError,
        (
            "fori_loop of <lambda>: the carry changes its type at carry['a']: it comes in as "
            "i32[4] and is returned as f64[4]. Start with carry['a'].astype('float64'), or return "
            "it with .astype('int32')."
        ),
        lambda: traced(lambda i, c: {"a": widen(i, c["a"])}, {"a": X4.astype("float64")}),
    ),
    "a wider carry in a bounded while_loop": (
        lambda: lax.while_loop(small, lambda c: c + DOUBLES, X4, max_steps=4),
        errors.CarryTypeError,
        (
            "while_loop of <lambda>: the carry changes its type at carry: it comes in as f32[4] "
            "and is returned as f64[4]. Start with carry.astype('float64'), or return it with "
            ".astype('float32'). NumPy arrays are float64 unless made otherwise: "
            "numpy.asarray(x, 'float32') converts one before it meets the carry."
        ),
        lambda: lax.while_loop(
            small, lambda c: c + fnp.asarray(DOUBLES, "float32"), X4, max_steps=4
        ),
    ),
    "a number that a strong carry cannot take": (
        lambda: lax.scan(lambda c, x: (1.5, x), ONE, X4),
        errors.CarryTypeError,
        (
            "scan of <lambda>: the carry changes its type at carry: it comes in as i32[] and is "
            "returned as f64[] (a Python number). Start with carry.astype('float32'), or return "
            "numpy.asarray(value, 'int32')."
        ),
        lambda: (
            lax.scan(lambda c, x: (1.5, x), ONE.astype("float32"), X4),
            lax.scan(lambda c, x: (fnp.asarray(1.5, "int32"), x), ONE, X4),
        ),
    ),
    "a Python bool as the first carry": (
        lambda: lax.scan(lambda c, x: (x, x), True, X4),
        errors.CarryTypeError,
        (
            "scan of <lambda>: the carry changes its type at carry: it comes in as bool[] and is "
            "returned as f32[]. Start with numpy.asarray(carry, 'float32'), or return it with "
            ".astype('bool')."
        ),
        lambda: (
            lax.scan(lambda c, x: (x, x), fnp.asarray(True, "float32"), X4),
            lax.scan(lambda c, x: (x.astype("bool"), x), True, X4),
        ),
    ),
    "other containers in a fori_loop": (
        lambda: lax.fori_loop(0, 3, lambda i, c: (c, c), X4),
        errors.CarryTypeError,
        (
            "fori_loop of <lambda>: the carry comes in as one array and is returned as (*, *); at "
            "carry, the first has a leaf and the second tuple. Return it in the containers in "
            "which it came."
        ),
        lambda: lax.fori_loop(0, 3, lambda i, c: c, X4),
    ),
    "if on the index": (
        lambda: lax.fori_loop(0, 3, lambda i, c: c if i > 1 else c, X4),
        errors.NonConcreteError,
        depends("fori_loop of <lambda>", "i", "<lambda>", f"{CHOOSE}."),
        lambda: lax.fori_loop(0, 3, lambda i, c: fnp.where(i > 1, c, c), X4),
    ),
    "if on the carry": (
        lambda: traced(lambda i, c: c if c["a"][0] > 1 else c, {"a": X4}),
        errors.NonConcreteError,
        depends("fori_loop of <lambda>", "carry['a']", "<lambda>", f"{CHOOSE}."),
        lambda: traced(
            lambda i, c: lax.cond(c["a"][0] > 1, lambda c: c, lambda c: c, c), {"a": X4}
        ),
    ),
    "bool() in a condition": (
        lambda: lax.while_loop(lambda c: bool(c < 3), lambda c: c + 1, 0.0),
        errors.NonConcreteError,
        depends(
            "the condition <lambda> of while_loop of <lambda>",
            "carry",
            "<lambda>",
            "Return the comparison itself, and join several with & or numpy.logical_and, e.g. "
            "(0 <= x) & (x < 3).",
        ),
        lambda: lax.while_loop(lambda x: (0 <= x) & (x < 3), lambda c: c + 1, 0.0),
    ),
    "a chained comparison in a bounded condition": (
        lambda: lax.while_loop(lambda c: 0 <= c < 3, lambda c: c + 1, 0.0, max_steps=5),
        errors.NonConcreteError,
        depends(
            "the condition <lambda> of while_loop of <lambda>",
            "carry",
            "<lambda>",
            "Return the comparison itself, and join several with & or numpy.logical_and, e.g. "
            "(0 <= x) & (x < 3).",
        ),
        lambda: lax.while_loop(
            lambda x: fnp.logical_and(0 <= x, x < 3), lambda c: c + 1, 0.0, max_steps=5
        ),
    ),
    "a number as a bounded condition": (
        lambda: lax.while_loop(lambda c: c.sum(), lambda c: c - 1, X4, max_steps=4),
        errors.DtypeError,
        (
            "the condition <lambda> of while_loop of <lambda> must return one bool of shape (), "
            "got f32[]. Compare, e.g. x > 0, and reduce several with .any() or .all()."
        ),
        lambda: lax.while_loop(lambda c: c.sum() > 0, lambda c: c - 1, X4, max_steps=4),
    ),
    "writing at a traced index": (
        lambda: lax.fori_loop(0, 3, set_item, X4),
        errors.ImmutableError,
        ("arrays never change, so x[...] = value is not possible. Write: x = x.at[i].set(1.0)"),
        lambda: lax.fori_loop(0, 3, lambda i, x: x.at[i].set(1.0), X4),
    ),
    "adding at a traced index": (
        lambda: lax.fori_loop(0, 3, add_item, X44),
        errors.ImmutableError,
        (
            "arrays never change, so x[...] = value is not possible. Write: "
            "x = x.at[i, 0].set(value), or .add(...) for +="
        ),
        lambda: lax.fori_loop(0, 3, lambda i, x: x.at[i, 0].add(x[i, 1]), X44),
    ),
    "a list at a traced index": (
        lambda: lax.fori_loop(0, 3, lambda i, c: c + [1.0, 2.0, 3.0][i], 0.0),
        errors.NonConcreteError,
        depends(
            "fori_loop of <lambda>",
            "i",
            "<lambda>",
            f"To pick from a list by a traced index, write numpy.asarray(values)[i]. {SIZES}",
            "operator.index()",
            "i64[]",
        ),
        lambda: lax.fori_loop(0, 3, lambda i, c: c + fnp.asarray([1.0, 2.0, 3.0])[i], 0.0),
    ),
    "int() of the index": (
        lambda: lax.fori_loop(0, 3, lambda i, c: c + int(i), 0),
        errors.NonConcreteError,
        depends(
            "fori_loop of <lambda>",
            "i",
            "<lambda>",
            f"If an array will do, i.astype(int) converts it. {SIZES}",
            "int()",
            "i64[]",
        ),
        lambda: lax.fori_loop(0, 3, lambda i, c: c + i.astype(int), 0),
    ),
    "a scan over a list of numbers": (
        lambda: lax.scan(lambda c, x: (c + x, x), 0.0, [1.0, 2.0, 3.0]),
        errors.ShapeError,
        (
            "scan of <lambda>: xs is a list of 3 scalars, and what is scanned over is sliced along "
            "axis 0. Write numpy.asarray(xs)."
        ),
        lambda: lax.scan(lambda c, x: (c + x, x), 0.0, fnp.asarray([1.0, 2.0, 3.0])),
    ),
    "a map over a range": (
        lambda: lax.map(relu, range(2, 8, 2)),
        errors.TreeError,
        "map of relu: xs is a range, and only arrays are sliced. Write numpy.arange(2, 8, 2).",
        lambda: lax.map(relu, fnp.arange(2, 8, 2)),
    ),
    "a scan over a range": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, range(3)),
        errors.TreeError,
        "scan of <lambda>: xs is a range, and only arrays are sliced. Write numpy.arange(3).",
        lambda: lax.scan(lambda c, x: (c, x), 0.0, fnp.arange(3)),
    ),
    "a function in the carry": (
        lambda: lax.scan(lambda c, x: ((c[0], c[0](x)), x), (relu, 1.0), X4),
        errors.TreeError,
        (
            "scan of <lambda>: carry[0] is a function, and only arrays and numbers go through a "
            "loop. Close over it, or keep it out of the carry."
        ),
        lambda: lax.scan(lambda c, x: (relu(x), x), 1.0, X4),
    ),
    "a string in the carry": (
        lambda: lax.fori_loop(0, 3, lambda i, c: c, ("mean", 1.0)),
        errors.TreeError,
        (
            "fori_loop of <lambda>: carry[0] is a str 'mean', and only arrays and numbers go "
            "through a loop. Close over it, or keep it out of the carry."
        ),
        lambda: lax.fori_loop(0, 3, lambda i, c: c, 1.0),
    ),
}

BRANCHES = {
    "other dtypes": (
        lambda: lax.cond(True, whole, lambda x: x, X4),
        errors.CarryTypeError,
        (
            "cond: the branches return different types at output: i32[4] by whole (true_fun), "
            "f32[4] by false_fun. Convert what whole (true_fun) returns with .astype('float32')."
        ),
        lambda: lax.cond(True, lambda x: whole(x).astype("float32"), lambda x: x, X4),
    ),
    "a Python number of another kind": (
        lambda: lax.switch(0, [lambda x: x, lambda x: 1.5], ONE),
        errors.CarryTypeError,
        (
            "switch: the branches return different types at output: i32[] by branch 0, f64[] (a "
            "Python number) by branch 1. Convert what branch 0 returns with .astype('float32'), or "
            "return numpy.asarray(value, 'int32'), or a number of that kind, from branch 1."
        ),
        lambda: (
            lax.switch(0, [lambda x: x.astype("float32"), lambda x: 1.5], ONE),
            lax.switch(0, [lambda x: x, lambda x: fnp.asarray(1.5, "int32")], ONE),
            lax.switch(0, [lambda x: x, lambda x: 1], ONE),
        ),
    ),
    "a Python bool and a number": (
        lambda: lax.cond(True, lambda x: True, lambda x: 1.5, X4),
        errors.CarryTypeError,
        (
            "cond: the branches return different types at output: bool[] by true_fun, f64[] (a "
            "Python number) by false_fun. Convert what true_fun returns with "
            "numpy.asarray(value, 'float32'), or return numpy.asarray(value, 'bool'), or a number "
            "of that kind, from false_fun."
        ),
        lambda: (
            lax.cond(True, lambda x: fnp.asarray(True, "float32"), lambda x: 1.5, X4),
            lax.cond(True, lambda x: True, lambda x: fnp.asarray(1.5, "bool"), X4),
        ),
    ),
    "a Python number for an array": (
        lambda: lax.cond(True, lambda x: x, lambda x: 1.5, X4),
        errors.CarryTypeError,
        (
            "cond: the branches return different types at output: f32[4] by true_fun, f64[] (a "
            "Python number) by false_fun. Return numpy.full((4,), value, 'float32') from false_fun."
        ),
        lambda: lax.cond(True, lambda x: x, lambda x: fnp.full((4,), 1.5, "float32"), X4),
    ),
    "other containers": (
        lambda: lax.cond(True, lambda x: (x, x), relu, X4),
        errors.CarryTypeError,
        (
            "cond: the branches return different structures: (*, *) by true_fun, one array by relu "
            "(false_fun). Return the same containers from every branch."
        ),
        lambda: lax.cond(True, lambda x: x, relu, X4),
    ),
    "one function for the branches": (
        lambda: lax.switch(0, 3.0, X4),
        errors.TransformError,
        (
            "switch: branches must be a sequence of functions, got float 3.0. Write switch(index, "
            "[f, g], *operands)."
        ),
        lambda: lax.switch(0, [relu, fnp.sin], X4),
    ),
    "a flag under checkpoint": (
        lambda: fl.checkpoint(signed)(X4, True),
        errors.NonConcreteError,
        depends(
            "checkpoint of signed",
            "flag",
            "signed",
            f"{CHOOSE}. flag came as a Python number, and may stay one: "
            "checkpoint(f, static_argnums=1).",
        ),
        lambda: fl.checkpoint(signed, static_argnums=1)(X4, True),
    ),
    "a flag under jit": (
        lambda: fl.jit(signed)(X4, True),
        errors.NonConcreteError,
        depends(
            "jit of signed",
            "flag",
            "signed",
            f"{CHOOSE}, or keep it an ordinary Python value: jit(f, static_argnames='flag').",
        ),
        lambda: fl.jit(signed, static_argnames="flag")(X4, True),
    ),
}

FUNCTIONS = {
    "a value for true_fun": (
        lambda: lax.cond(True, 1.0, 2.0),
        errors.TransformError,
        (
            "cond: true_fun must be a function, got float 1.0. Write cond(pred, true_fun, "
            "false_fun, *operands), or numpy.where(pred, a, b) to choose between values."
        ),
        lambda: (lax.cond(True, relu, relu, 1.0), fnp.where(True, 1.0, 2.0)),
    ),
    "a value for false_fun": (
        lambda: lax.cond(True, relu, 2.0),
        errors.TransformError,
        (
            "cond: false_fun must be a function, got float 2.0. Write cond(pred, true_fun, "
            "false_fun, *operands), or numpy.where(pred, a, b) to choose between values."
        ),
        lambda: lax.cond(True, relu, relu, 2.0),
    ),
    "arguments of fori_loop in another order": (
        lambda: lax.fori_loop(0, 3, X4, widen),
        errors.TransformError,
        (
            "fori_loop: body_fun must be a function, got f32[4]. Write fori_loop(lower, upper, "
            "body_fun, init_val)."
        ),
        lambda: lax.fori_loop(0, 3, lambda i, c: c, X4),
    ),
    "arguments of map in another order": (
        lambda: lax.map(X4, relu),
        errors.TransformError,
        "map: f must be a function, got f32[4]. Write map(f, xs).",
        lambda: lax.map(relu, X4),
    ),
    "a value among the branches": (
        lambda: lax.switch(0, [relu, 1.0], X4),
        errors.TransformError,
        (
            "switch: branches[1] must be a function, got float 1.0. Write switch(index, [f, g], "
            "*operands)."
        ),
        lambda: lax.switch(0, [relu, relu], X4),
    ),
    "a body without the index": (
        lambda: lax.fori_loop(0, 3, lambda c: c, X4),
        TypeError,
        (
            "fori_loop of <lambda>: the function is called as body_fun(i, carry), but <lambda> "
            "takes (c). Give it the parameters of that call."
        ),
        lambda: lax.fori_loop(0, 3, lambda i, carry: carry, X4),
    ),
    "a step without the slice": (
        lambda: lax.scan(lambda c: c, X4, X4),
        TypeError,
        (
            "scan of <lambda>: the function is called as f(carry, x), but <lambda> takes (c). Give "
            "it the parameters of that call."
        ),
        lambda: lax.scan(lambda carry, x: (carry, x), X4, X4),
    ),
    "a while_loop's body with an index": (
        lambda: lax.while_loop(small, lambda i, c: c, X4),
        TypeError,
        (
            "while_loop of <lambda>: the function is called as body_fun(carry), but <lambda> takes "
            "(i, c). Give it the parameters of that call."
        ),
        lambda: lax.while_loop(small, lambda carry: carry + 1, X4),
    ),
    "a branch without operands": (
        lambda: lax.cond(True, lambda: X4, relu, X4),
        TypeError,
        (
            "true_fun of cond: the function is called as true_fun(operand0), but <lambda> takes "
            "(). Give it the parameters of that call."
        ),
        lambda: lax.cond(True, lambda operand0: X4, relu, X4),
    ),
}

GOLDEN = {**LOOPS, **BRANCHES, **FUNCTIONS}

FORGETFUL = {
    "scan": lambda: lax.scan(forget, 0.0, X4),
    "fori_loop": lambda: lax.fori_loop(0, 3, forget, X4),
    "fori_loop with a traced bound": lambda: traced(forget, X4),
    "while_loop": lambda: lax.while_loop(small, forget, X4),
    "a bounded while_loop": lambda: lax.while_loop(small, forget, X4, max_steps=4),
    "the condition": lambda: lax.while_loop(forget, relu, X4),
    "the condition of a bounded loop": lambda: lax.while_loop(forget, relu, X4, max_steps=4),
    "cond": lambda: lax.cond(True, forget, relu, X4),
    "switch": lambda: lax.switch(0, [relu, forget], X4),
    "associative_scan": lambda: lax.associative_scan(forget, X4),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_message(name):
    mistake, error, text, _ = GOLDEN[name]
    with pytest.raises(error) as info:
        mistake()
    assert re.sub(rf"{HERE}:\d+", "FILE:LINE", str(info.value)) == text


@pytest.mark.parametrize("name", GOLDEN)
def test_the_remedy_works(name):
    GOLDEN[name][3]()


@pytest.mark.parametrize("name", FORGETFUL)
def test_a_missing_return_is_suspected(name):
    with pytest.raises(TypeError, match=r"None.* Does it lack a return statement\?$") as info:
        FORGETFUL[name]()
    assert "PyTreeSpec" not in str(info.value)


def test_loops_for_their_effects_return_none():
    assert lax.fori_loop(0, 3, lambda i, c: None, None) is None
    assert lax.cond(True, forget, forget, X4) is None
    assert lax.scan(lambda c, x: (None, None), None, X4) == (None, None)


def test_a_none_beside_a_scans_output_is_a_change_of_structure():
    with pytest.raises(errors.CarryTypeError, match="Return it in the containers in which it came"):
        lax.scan(lambda c, x: (None, x), 0.0, X4)


def test_a_type_error_inside_a_body_stays_as_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        lax.fori_loop(0, 3, lambda i, c: object() + [], X4)

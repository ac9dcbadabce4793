"""Golden messages of custom rules, callbacks and checkpoint policies, and proof of their remedies.

Every case is three functions: the mistake, the text, and the remedy exactly as the text gives it.
"""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

X3 = fnp.ones(3)


def squares(x):
    return fnp.sum(x * x)


SCALAR = fl.ShapeDtypeStruct((), "float32")
POLICIES = fl.checkpoint_policies


def custom(f, **kwargs):
    f = fl.custom_jvp(f, **kwargs)
    f.defjvp(lambda primals, tangents: (primals[-1], tangents[-1]))
    return f


def custom_vjp(backward):
    f = fl.custom_vjp(squares)
    f.defvjp(lambda x: (squares(x), x), backward)
    return f


GOLDEN = {
    "a custom rule over a differentiated value": (
        lambda: fl.grad(lambda a: custom(lambda x: a * x)(2.0))(3.0),
        errors.GradientError,
        (
            "custom_jvp of <lambda>: <lambda> uses a value of grad of <lambda> that is not an "
            "argument: it closes over it, or gets it by nondiff_argnums. Pass it as an ordinary "
            "argument; closure_convert finds what a function closes over."
        ),
        lambda: fl.grad(lambda a: custom(lambda a, x: a * x)(a, 2.0))(3.0),
    ),
    "a custom function without a rule": (
        lambda: fl.grad(fl.custom_vjp(squares))(X3),
        errors.GradientError,
        (
            "custom_vjp of squares: it has no rule for its derivative. Give one with "
            "squares.defvjp(fwd, bwd)."
        ),
        lambda: fl.grad(custom_vjp(lambda x, ct: (2 * x * ct,)))(X3),
    ),
    "one cotangent too few": (
        lambda: fl.grad(custom_vjp(lambda x, ct: 2 * x * ct))(X3),
        errors.TreeError,
        (
            "custom_vjp of squares: the rule <lambda> must return a tuple of 1 cotangents, one per "
            "differentiable argument, got f32[3]. Return None for a zero one."
        ),
        lambda: fl.grad(custom_vjp(lambda x, ct: (None,)))(X3),
    ),
    "a string for a custom function": (
        lambda: fl.jit(lambda x: custom(lambda mode, x: x)("train", x))(X3),
        errors.TreeError,
        (
            "custom_jvp of <lambda>: mode holds a str, which is not an array. Pass it by "
            "nondiff_argnums=(0,)."
        ),
        lambda: fl.jit(lambda x: custom(lambda mode, x: x, nondiff_argnums=(0,))("train", x))(X3),
    ),
    "gradient of a callback": (
        lambda: fl.grad(lambda x: fl.pure_callback(np.sin, SCALAR, x))(1.0),
        errors.GradientError,
        (
            "pure_callback: sin is Python outside the library, so its derivative is not known. "
            "Give one: wrap the call in a custom_jvp or custom_vjp function."
        ),
        lambda: fl.grad(custom(lambda x: fl.pure_callback(np.sin, SCALAR, x)))(1.0),
    ),
    "vmap of a callback": (
        lambda: fl.vmap(lambda x: fl.pure_callback(np.sin, SCALAR, x))(X3),
        errors.TransformError,
        (
            "pure_callback of sin under vmap: say how with vmap_method='sequential' (one call per "
            "example), 'expand_dims' or 'broadcast_all' (one call with a leading axis)."
        ),
        lambda: fl.vmap(lambda x: fl.pure_callback(np.sin, SCALAR, x, vmap_method="sequential"))(
            X3
        ),
    ),
    "a shape for the type of a callback's result": (
        lambda: fl.pure_callback(np.sin, (3,), X3),
        errors.TransformError,
        (
            "pure_callback: result_shape_dtypes is a tree of ShapeDtypeStruct(shape, dtype), or of "
            "arrays, got 3. For one float32 array of shape (3,) write ShapeDtypeStruct((3,), "
            "'float32')."
        ),
        lambda: fl.pure_callback(np.sin, fl.ShapeDtypeStruct((3,), "float32"), X3),
    ),
    "a value without braces": (
        lambda: fl.debug.print("x is", 1.0),
        errors.TransformError,
        (
            "debug.print: 'x is' has no place for argument '0'. Write debug.print('x is {}', x), "
            "with braces for each value."
        ),
        lambda: fl.debug.print("x is {}", 1.0),
    ),
    "a maker of policies for a policy": (
        lambda: fl.grad(fl.checkpoint(squares, policy=POLICIES.save_only_these_names))(X3),
        errors.TransformError,
        (
            "checkpoint: save_only_these_names is not a policy: save_only_these_names takes names, "
            "each a string, got <op mul(x, y)>. Write policy(op, *avals, **params) -> bool; "
            "save_only_these_names and the like make one of names, save_only_these_names('hidden')."
        ),
        lambda: fl.grad(fl.checkpoint(squares, policy=POLICIES.save_only_these_names("hidden")))(
            X3
        ),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_message(name):
    mistake, error, text, _ = GOLDEN[name]
    with pytest.raises(error) as info:
        mistake()
    assert str(info.value) == text


@pytest.mark.parametrize("name", GOLDEN)
def test_the_remedy_works(name):
    GOLDEN[name][3]()

"""The text of the messages that users meet most, and proof that the remedy in each one works.

Every case is three functions: the mistake, the text, and the remedy exactly as the text gives it.
"""

import dataclasses
import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.core import op as op_module
from functorch_lite.core.array import wrap

X23, X3, X4 = fnp.ones((2, 3)), fnp.ones(3), fnp.ones(4)
HERE = re.escape(__file__)


def normalised(text):
    """The text with this file's path and line numbers replaced."""
    return re.sub(rf"{HERE}:\d+", "FILE:LINE", text)


def loss(w):
    return w * 2.0


def total_loss(w):
    return (w * 2.0).sum()


def relu(x):
    return x if x > 0 else 0.0


def clipped(x, limit):
    shifted = x + 1.0
    while shifted > limit:
        shifted = shifted / 2
    return shifted


def zeros_of(n):
    return fnp.zeros(n)


def predict(params, x):
    return x @ params["w"] + params["b"]


def apply(model, x):
    return model.w * x


class Model:
    def __init__(self, w):
        self.w = w


@dataclasses.dataclass
class Registered:
    w: object


PARAMS = {"w": fnp.ones((5, 3)), "b": fnp.ones(4)}
KEPT = []


def leak(x):
    KEPT.append(x * 2.0)
    return x


def escaped():
    KEPT.clear()
    fl.jit(leak)(1.0)
    return KEPT[0] + 1.0


def assign():
    x = fnp.arange(3)
    x[0] = 1


def add_in_place():
    weights = {"w": fnp.ones((2, 2))}
    weights["w"][0, :] *= 3.0


def squares(x):
    return fnp.sum(x * x)


GOLDEN = {
    # ---------------------------------------------------------------- the twelve canonical mistakes
    "shape mismatch in add": (
        lambda: fnp.ones((4, 3)) + X4,
        errors.ShapeError,
        (
            "add: shapes do not broadcast: x (4, 3), y (4,). Counted from the right, dimension 1 "
            "is 3 in x and 4 in y; they must be equal, or one of them 1. If it runs along axis 0 "
            "of the other, write y[:, None]."
        ),
        lambda: fnp.ones((4, 3)) + X4[:, None],
    ),
    "shape mismatch in add of vectors": (
        lambda: fnp.multiply(X3, X4),
        errors.ShapeError,
        (
            "multiply: shapes do not broadcast: x (3,), y (4,). Counted from the right, dimension "
            "1 is 3 in x and 4 in y; they must be equal, or one of them 1. To combine every "
            "element with every other, write x[..., None]."
        ),
        lambda: fnp.multiply(X3[..., None], X4),
    ),
    "shape mismatch in where": (
        lambda: fnp.where(fnp.ones((4, 3)) > 0, X4, 0.0),
        errors.ShapeError,
        (
            "where: shapes do not broadcast: cond (4, 3), x (4,), y (). Counted from the right, "
            "dimension 1 is 3 in cond and 4 in x; they must be equal, or one of them 1. If it runs "
            "along axis 0 of the other, write x[:, None]."
        ),
        lambda: fnp.where(fnp.ones((4, 3)) > 0, X4[:, None], 0.0),
    ),
    "shape mismatch in matmul": (
        lambda: fnp.ones((2, 3)) @ fnp.ones((2, 3)),
        errors.ShapeError,
        (
            "matmul: cannot multiply shapes (2, 3) and (2, 3): axis 1 of the first has size 3, "
            "axis 0 of the second 2; they must be equal. Remedy: transpose the second, a @ b.mT."
        ),
        lambda: fnp.ones((2, 3)) @ fnp.ones((2, 3)).mT,
    ),
    "shape mismatch in concatenate": (
        lambda: fnp.concatenate([fnp.ones((2, 3)), fnp.ones((2, 4))]),
        errors.ShapeError,
        (
            "concatenate: all arrays must agree in every axis but axis 0; argument 0 has shape (2, "
            "3), argument 1 has shape (2, 4). Remedy: join them along an axis where they differ, "
            "or reshape or broadcast them first."
        ),
        lambda: fnp.concatenate([fnp.ones((2, 3)), fnp.ones((2, 4))], axis=1),
    ),
    "shape mismatch in reshape": (
        lambda: X23.reshape(4, 2),
        errors.ShapeError,
        (
            "reshape: cannot reshape an array of shape (2, 3) (6 elements) into (4, 2): that shape "
            "has 8 elements. Remedy: choose sizes whose product is 6, or use -1 for one of them."
        ),
        lambda: X23.reshape(-1, 2),
    ),
    "wrong axis": (
        lambda: fnp.sum(X23, axis=2),
        errors.AxisError,
        (
            "sum: axis 2 is out of range for an array of 2 dimensions. Remedy: use an axis from -2 "
            "to 1."
        ),
        lambda: (fnp.sum(X23, axis=-2), fnp.sum(X23, axis=1)),
    ),
    "grad of a non-scalar": (
        lambda: fl.grad(loss)(X3),
        errors.GradientError,
        (
            "grad of loss: loss must return a scalar, got an array of shape (3,). Reduce it with "
            ".sum() or .mean(), or use jacrev for the whole Jacobian."
        ),
        lambda: (fl.grad(total_loss)(X3), fl.jacrev(loss)(X3)),
    ),
    "grad of integers": (
        lambda: fl.grad(total_loss)(fnp.asarray([1, 2])),
        errors.GradientError,
        (
            "grad of total_loss: argument w is int64, and only floating-point values have "
            "gradients. Convert it, e.g. w.astype('float32'), or exclude it from argnums."
        ),
        lambda: fl.grad(total_loss)(fnp.asarray([1, 2]).astype("float32")),
    ),
    "grad of a Python int": (
        lambda: fl.grad(loss)(3),
        errors.GradientError,
        (
            "grad of loss: argument w is int64, and only floating-point values have gradients. "
            "Pass a Python float, or exclude it from argnums."
        ),
        lambda: fl.grad(loss)(3.0),
    ),
    "if on a traced value": (
        lambda: fl.jit(relu)(1.0),
        errors.NonConcreteError,
        (
            "bool() needs the value of a traced array (bool[]) inside jit of relu, where only "
            "shapes and dtypes are known. It depends on the argument x. Asked for at FILE:LINE "
            "(relu). Choose between values with numpy.where(condition, a, b), or between "
            "computations with lax.cond(condition, f, g, *operands)."
        ),
        lambda: fl.jit(lambda x: fnp.where(x > 0, x, 0.0))(1.0),
    ),
    "while on a traced value": (
        lambda: fl.jit(clipped)(1.0, fnp.ones(2)[0]),
        errors.NonConcreteError,
        (
            "bool() needs the value of a traced array (bool[]) inside jit of clipped, where only "
            "shapes and dtypes are known. It depends on the arguments x, limit. Asked for at "
            "FILE:LINE (clipped). Choose between values with numpy.where(condition, a, b), or "
            "between computations with lax.cond(condition, f, g, *operands)."
        ),
        None,
    ),
    "vmap with mismatched sizes": (
        lambda: fl.vmap(predict)(PARAMS, fnp.ones((3, 5))),
        errors.VmapSizeError,
        (
            "vmap of predict: the mapped axes must have one size, but params['b'] has size 4 along "
            "its axis 0; params['w'] has size 5 along its axis 0; x has size 3 along its axis 0. "
            "Use None in in_axes for an argument that every example shares."
        ),
        lambda: fl.vmap(predict, in_axes=(None, 0))(
            {"w": fnp.ones((5, 4)), "b": X4}, fnp.ones((3, 5))
        ),
    ),
    "unknown pytree structure": (
        lambda: fl.jit(apply)({"m": Model(2.0)}, 3.0),
        errors.TreeError,
        (
            "jit of apply: model['m'] is a Model, which is neither an array nor a registered "
            "container. Make Model a container with register_dataclass or "
            "tree.register_pytree_node, or keep it out of the transformed arguments (a closure; "
            "for jit, static_argnums)."
        ),
        lambda: (
            fl.register_dataclass(Registered),
            fl.jit(apply)(Registered(2.0), 3.0),
            fl.jit(apply, static_argnums=0)(Model(2.0), 3.0),
            fl.jit(lambda x: apply(Model(2.0), x))(3.0),
        ),
    ),
    "out-of-range index": (
        lambda: X23[0, 3],
        errors.IndexRangeError,
        (
            "index 3 is out of range for axis 1 of size 3 in an array of shape (2, 3). Remedy: use "
            "an index from -3 to 2, or say what shall happen outside with "
            "x.at[index].get(mode='clip'), or set(..., mode='drop')."
        ),
        lambda: (
            X23[0, -3],
            X23[0, 2],
            X23.at[0, 3].get(mode="clip"),
            X23.at[0, 3].set(1.0, mode="drop"),
        ),
    ),
    # ------------------------------------------------------------------------ Python meets a tracer
    "assignment": (
        assign,
        errors.ImmutableError,
        "arrays never change, so x[...] = value is not possible. Write: x = x.at[0].set(1)",
        lambda: fnp.arange(3).at[0].set(1),
    ),
    "assignment in place": (
        add_in_place,
        errors.ImmutableError,
        (
            "arrays never change, so x[...] = value is not possible. Write: weights['w'] = "
            "weights['w'].at[0, :].multiply(3.0)"
        ),
        lambda: fnp.ones((2, 2)).at[0, :].multiply(3.0),
    ),
    "float of a tracer": (
        lambda: fl.jit(lambda x: float(x))(1.0),
        errors.NonConcreteError,
        (
            "float() needs the value of a traced array (f64[]) inside jit of <lambda>, where only "
            "shapes and dtypes are known. It depends on the argument x. Asked for at FILE:LINE "
            "(<lambda>). Use functorch_lite.numpy on it instead of NumPy or Python, or compute "
            "this part outside."
        ),
        lambda: float(fl.jit(lambda x: x)(1.0)),
    ),
    "range of a tracer": (
        lambda: fl.jit(lambda n: sum(range(n)))(3),
        errors.NonConcreteError,
        (
            "operator.index() needs the value of a traced array (i64[]) inside jit of <lambda>, "
            "where only shapes and dtypes are known. It depends on the argument n. Asked for at "
            "FILE:LINE (<lambda>). Make it an ordinary Python number: jit(f, static_argnames='n')."
        ),
        lambda: fl.jit(lambda n: sum(range(n)), static_argnames="n")(3),
    ),
    "a traced shape": (
        lambda: fl.jit(zeros_of)(3),
        errors.NonConcreteError,
        (
            "operator.index() needs the value of a traced array (i64[]) inside jit of zeros_of, "
            "where only shapes and dtypes are known. It depends on the argument n. Asked for at "
            "FILE:LINE (zeros_of). Make it an ordinary Python number: jit(f, static_argnames='n')."
        ),
        lambda: fl.jit(zeros_of, static_argnames="n")(3),
    ),
    "a shape from data": (
        lambda: fl.jit(lambda x: fnp.zeros(fnp.argmax(x)))(X3),
        errors.NonConcreteError,
        (
            "operator.index() needs the value of a traced array (i64[]) inside jit of <lambda>, "
            "where only shapes and dtypes are known. It depends on the argument x. Asked for at "
            "FILE:LINE (<lambda>). Sizes and loop bounds must be Python numbers: take them from a "
            "shape, or pass them in."
        ),
        lambda: fl.jit(lambda x: fnp.zeros(x.shape[0]))(X3),
    ),
    "numpy on a staged value": (
        lambda: fl.jit(lambda x: np.asarray(x))(X3),
        errors.NonConcreteError,
        (
            "numpy.asarray() needs the value of a traced array (f32[3]) inside jit of <lambda>, "
            "where only shapes and dtypes are known. It depends on the argument x. Asked for at "
            "FILE:LINE (<lambda>). Use functorch_lite.numpy on it instead of NumPy or Python, or "
            "compute this part outside."
        ),
        lambda: fl.jit(lambda x: fnp.asarray(x))(X3),
    ),
    "numpy on a differentiated value": (
        lambda: fl.grad(lambda x: np.asarray(x).sum())(X3),
        errors.NonConcreteError,
        (
            "numpy.asarray() would drop the derivative of a value inside grad of <lambda>. Asked "
            "for at FILE:LINE (<lambda>). Use functorch_lite.numpy on it, or convert "
            "stop_gradient(x) if no derivative is wanted."
        ),
        lambda: fl.grad(lambda x: fnp.sum(x) + np.asarray(fl.stop_gradient(x)).sum())(X3),
    ),
    "if on a mapped value": (
        lambda: fl.vmap(relu)(X3),
        errors.NonConcreteError,
        (
            "bool() needs one value, but inside vmap of relu this array (of shape () per example) "
            "has a value for each of 3 examples. Asked for at FILE:LINE (relu). Choose between "
            "values with numpy.where(condition, a, b), or between computations with "
            "lax.cond(condition, f, g, *operands)."
        ),
        lambda: fl.vmap(lambda x: fnp.where(x > 0, x, 0.0))(X3),
    ),
    "iterating over a scalar": (
        lambda: fl.jit(lambda x: list(x))(1.0),
        TypeError,
        "a 0-d array has nothing to iterate over. Remedy: x.item().",
        None,
    ),
    "hashing": (lambda: {fnp.ones(2): 1}, TypeError, "unhashable type: 'Array'", None),
    "escaped tracer": (
        escaped,
        errors.EscapedTracerError,
        (
            "add got a value of shape () and dtype float64 that belongs to jit of leak, begun at "
            "FILE:LINE (escaped), computed at FILE:LINE (leak). That transform has ended, so its "
            "values no longer exist. Return the value from the transformed function (has_aux=True "
            "for side results) instead of keeping it in a variable, list or attribute outside."
        ),
        lambda: fl.grad(lambda x: (x, x * 2.0), has_aux=True)(1.0)[1] + 1.0,
    ),
    # --------------------------------------------------------------------- arguments of transforms
    "argnums out of range": (
        lambda: fl.grad(loss, argnums=1)(1.0),
        errors.TransformError,
        (
            "grad of loss: argnums 1 asks for positional argument 1, but the call has 1. Pass that "
            "argument by position, or change argnums."
        ),
        lambda: fl.grad(loss, argnums=0)(1.0),
    ),
    "in_axes of another length": (
        lambda: fl.vmap(loss, in_axes=(0, 0))(X3),
        errors.TransformError,
        (
            "vmap of loss: in_axes has 2 entries for 1 positional arguments. Give one int or None "
            "for each (or one int for all)."
        ),
        lambda: (fl.vmap(loss, in_axes=(0,))(X3), fl.vmap(loss, in_axes=0)(X3)),
    ),
    "in_axes for a scalar": (
        lambda: fl.vmap(lambda x, s: x * s)(X3, 2.0),
        errors.AxisError,
        (
            "vmap of <lambda>: in_axes asks for axis 0 of s, which is a scalar. Use None to pass "
            "it whole to every example."
        ),
        lambda: fl.vmap(lambda x, s: x * s, in_axes=(0, None))(X3, 2.0),
    ),
    "in_axes of another structure": (
        lambda: fl.vmap(predict, in_axes=({"w": 0}, 0))(PARAMS, X23),
        errors.TransformError,
        (
            "vmap of predict: in_axes does not fit: at in_axes[0] it is a dict {'w': 0}, where the "
            "value is a dict of 2 leaves. Use one int or None for the whole of it, or a container "
            "of the same structure as the value."
        ),
        lambda: fl.vmap(predict, in_axes=({"w": None, "b": None}, 0))(
            {"w": fnp.ones((5, 4)), "b": X4}, fnp.ones((3, 5))
        ),
    ),
    "has_aux without a pair": (
        lambda: fl.grad(total_loss, has_aux=True)(X3),
        errors.TransformError,
        (
            "grad of total_loss: with has_aux=True total_loss must return a pair (output, aux), "
            "got f32[]. Write return output, aux, or leave has_aux out."
        ),
        lambda: fl.grad(total_loss)(X3),
    ),
    "a forgotten return": (
        lambda: fl.grad(lambda x: None)(1.0),
        errors.GradientError,
        (
            "grad of <lambda>: <lambda> must return one scalar, got None. Does it lack a return "
            "statement?"
        ),
        lambda: fl.grad(lambda x: x)(1.0),
    ),
    "a value where a function belongs": (
        lambda: fl.jit(loss(1.0)),
        errors.TransformError,
        (
            "jit: the first argument must be a function, got float 2.0. Write jit(f)(x), not "
            "jit(f(x))."
        ),
        lambda: fl.jit(loss)(1.0),
    ),
    "unhashable static argument": (
        lambda: fl.jit(lambda x, sizes: x, static_argnums=1)(1.0, [2, 3]),
        errors.TransformError,
        (
            "jit of <lambda>: static argument 1 must be hashable, got list. Use a tuple instead of "
            "a list, a frozen dataclass instead of a dict, or do not mark it static."
        ),
        lambda: fl.jit(lambda x, sizes: x, static_argnums=1)(1.0, (2, 3)),
    ),
    "cotangent of another dtype": (
        lambda: fl.vjp(loss, X3)[1](np.ones(3)),
        errors.GradientError,
        (
            "vjp of loss: cotangent 0 is float64, the output float32. Convert it with "
            "ct.astype('float32')."
        ),
        lambda: fl.vjp(loss, X3)[1](np.ones(3).astype("float32")),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_message(name):
    mistake, error, text, _ = GOLDEN[name]
    with pytest.raises(error) as info:
        mistake()
    assert normalised(str(info.value)) == text


@pytest.mark.parametrize("name", [name for name, case in GOLDEN.items() if case[3] is not None])
def test_the_remedy_works(name):
    GOLDEN[name][3]()


# ---------------------------------------------------------------------------------- mixed devices
class FakeGpu:
    """Raw data that claims to be on a GPU; NumPy refuses to compute with it."""

    __array_ufunc__ = None

    def __init__(self, data):
        self.data = data
        self.shape, self.dtype, self.ndim, self.size = data.shape, data.dtype, data.ndim, data.size
        self.device = dataclasses.make_dataclass("Device", ["id"])(0)


MIXED = (
    "{} got operands on different devices: argument 0 on cpu, argument 1 on cuda:0. Move one of "
    "them first, e.g. device_put(x, 'cpu')."
)


def test_mixed_devices():
    on_gpu = wrap(FakeGpu(np.ones(3, "float32")))
    assert op_module.device_of(on_gpu._data) == "cuda:0"
    with pytest.raises(errors.DeviceError) as info:
        X3 + on_gpu
    assert str(info.value) == MIXED.format("add")
    with pytest.raises(errors.DeviceError) as info:
        fl.grad(lambda x: fnp.sum(x * on_gpu))(X3)
    assert str(info.value) == MIXED.format("mul")


def test_the_error_is_not_buried_under_numpys():
    with pytest.raises(errors.ShapeError) as info:
        X3 + X4
    assert info.value.__cause__ is None
    assert info.value.__suppress_context__


@pytest.mark.parametrize(
    "transform", [fl.jit, fl.grad, lambda f: fl.vmap(f, in_axes=None, axis_size=2)]
)
def test_shape_errors_are_the_same_inside_transforms(transform):
    with pytest.raises(errors.ShapeError) as info:
        transform(lambda x: fnp.sum(fnp.ones((4, 3)) + x))(X4)
    assert str(info.value) == GOLDEN["shape mismatch in add"][2]


# ------------------------------------------------------------------------------------- debug_nans
def test_debug_nans():
    def f(x):
        return fnp.sum(fnp.sqrt(x))

    with fl.debug_nans(), pytest.raises(errors.NanError) as info:
        f(fnp.asarray([1.0, -1.0]))
    assert normalised(str(info.value)) == (
        "NaN in the forward pass: sqrt at FILE:LINE (f): 1 of 2 elements of a result of shape "
        "(2,). None of its operands held a NaN."
    )
    with fl.debug_nans(), pytest.raises(errors.NanError) as info:
        fl.grad(lambda x: f(x) * 0.0)(fnp.asarray([1.0, 0.0]))
    assert normalised(str(info.value)) == (
        "NaN in the backward pass: div, in the derivative of sqrt at FILE:LINE (f): 1 of 2 "
        "elements of a result of shape (2,). None of its operands held a NaN."
    )


def test_every_error_class_shows_a_mistake_and_its_correction():
    for name in errors.__all__:
        doc = getattr(errors, name).__doc__
        if name not in ("FunctorchLiteError", "GraphError"):
            assert "Fails::" in doc, name
            assert "Fixed::" in doc, name

"""vmap: axes in and out, sizes, nesting and errors."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    assert got.shape == np.shape(want)


def arange(*shape):
    return fnp.asarray(np.arange(float(np.prod(shape))).reshape(shape))


# ---------------------------------------------------------------------------------------- in_axes
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3, np.int64(1)])
def test_every_input_axis(axis):
    x = arange(2, 3, 4)
    got = fl.vmap(lambda x: x * 2, in_axes=axis)(x)
    same(got, np.moveaxis(2 * np.asarray(x), axis, 0))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_every_output_axis(axis):
    x = arange(2, 3, 4)
    same(fl.vmap(lambda x: x + 1, out_axes=axis)(x), np.moveaxis(np.asarray(x) + 1, 0, axis))


def test_in_axes_of_several_arguments():
    x, y = arange(3, 2), arange(2, 3)
    same(fl.vmap(lambda x, y: x * y, in_axes=(0, 1))(x, y), np.asarray(x) * np.asarray(y).T)
    same(fl.vmap(lambda x, y: x * y, in_axes=[0, 1])(x, y), np.asarray(x) * np.asarray(y).T)
    same(fl.vmap(lambda x, s: x * s, in_axes=(0, None))(x, 3.0), 3 * np.asarray(x))


def test_in_axes_as_trees():
    params = {"w": arange(3, 2), "b": (arange(2), arange(2, 3))}

    def f(p, x):
        return p["w"] + p["b"][0] + p["b"][1] + x

    axes = ({"w": 0, "b": (None, 1)}, None)
    want = np.asarray(params["w"]) + np.asarray(params["b"][0]) + np.asarray(params["b"][1]).T + 1
    same(fl.vmap(f, in_axes=axes)(params, 1.0), want)
    same(fl.vmap(lambda p: p["w"] * p["v"])({"w": arange(3), "v": arange(3)}), np.arange(3.0) ** 2)
    with_none = {"w": arange(3), "skip": None}
    assert fl.vmap(lambda p: p)(with_none)["skip"] is None


def test_whole_arguments_may_be_any_object():
    same(
        fl.vmap(lambda x, how: x * len(how), in_axes=(0, None))(arange(3), "twice"),
        5 * np.arange(3.0),
    )


def test_keyword_arguments_are_mapped_over_axis_0():
    same(fl.vmap(lambda x, y: x * y)(arange(3), y=arange(3)), np.arange(3.0) ** 2)


# --------------------------------------------------------------------------------------- out_axes
def test_out_axes_as_trees():
    f = fl.vmap(lambda x: {"a": x, "b": (x * 2, 1.5)}, out_axes={"a": 1, "b": (0, None)})
    out = f(arange(3, 2))
    same(out["a"], np.asarray(arange(3, 2)).T)
    same(out["b"][0], 2 * np.asarray(arange(3, 2)))
    same(out["b"][1], 1.5)


def test_constant_outputs_are_repeated():
    same(fl.vmap(lambda x: 2.0)(arange(3)), [2, 2, 2])
    same(fl.vmap(lambda x: fnp.ones(2), out_axes=1)(arange(3)), np.ones((2, 3)))


# ------------------------------------------------------------------------------------------ sizes
@pytest.mark.parametrize("size", [0, 1, 5])
def test_every_size(size):
    x = arange(size, 2)
    same(fl.vmap(lambda x: fnp.sum(fnp.sin(x)))(x), np.sin(np.asarray(x)).sum(1))
    same(fl.vmap(fl.grad(lambda x: fnp.sum(x**2)))(x), 2 * np.asarray(x))
    same(fl.jit(fl.vmap(lambda x: x @ x))(x), (np.asarray(x) ** 2).sum(1))
    same(fl.vmap(fl.jit(lambda x: x[0] + x[1]))(x), np.asarray(x).sum(1))


def test_axis_size():
    same(fl.vmap(lambda: 3.0, axis_size=4)(), [3, 3, 3, 3])
    same(fl.vmap(lambda x: x, in_axes=None, axis_size=2)(arange(3)), [[0, 1, 2]] * 2)
    same(fl.vmap(lambda x: x, axis_size=3)(arange(3)), [0, 1, 2])
    with pytest.raises(errors.VmapSizeError, match="x has size 3 along its axis 0; axis_size is 4"):
        fl.vmap(lambda x: x, axis_size=4)(arange(3))


# ---------------------------------------------------------------------------------------- nesting
def test_all_pairs():
    x, y = arange(3), arange(4)
    table = fl.vmap(fl.vmap(lambda a, b: a - b, in_axes=(None, 0)), in_axes=(0, None))(x, y)
    same(table, np.subtract.outer(np.arange(3.0), np.arange(4.0)))


def test_per_example_gradients():
    w, x = arange(2), arange(5, 2)
    loss = lambda w, x: fnp.sum((x * w) ** 2)  # noqa: E731
    same(fl.vmap(fl.grad(loss), in_axes=(None, 0))(w, x), 2 * np.arange(2.0) * np.asarray(x) ** 2)


def test_each_example_may_create_arrays_and_index():
    x = arange(3, 4)

    def f(row):
        table = fnp.zeros((4, 2)).at[fnp.arange(4), 0].set(row)
        return table[1] + fnp.arange(2)

    want = np.stack([[row[1], 1] for row in np.asarray(x)])
    same(fl.vmap(f)(x), want)
    same(fl.vmap(lambda i: arange(5)[i])(fnp.asarray([4, 0])), [4, 0])


def test_unbatched_parts_of_a_jitted_function_stay_unbatched():
    inner = fl.jit(lambda x, y: (x * 2, y * 2))
    out = fl.vmap(inner, in_axes=(0, None), out_axes=(0, None))(arange(3), arange(2))
    same(out[0], 2 * np.arange(3.0))
    same(out[1], 2 * np.arange(2.0))


# ----------------------------------------------------------------------------------------- errors
def f_xy(x, y):
    return x


VALUE, AXIS = errors.TransformError, errors.AxisError
X = arange(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fl.vmap(f_xy, in_axes=(0,))(X, X), VALUE, "has 1 entries for 2"),
        (lambda: fl.vmap(f_xy, in_axes=(0, "a"))(X, X), VALUE, "got str 'a'"),
        (lambda: fl.vmap(f_xy, in_axes=(0, 1))(X, X), AXIS, "axis 1 of y"),
        (lambda: fl.vmap(f_xy)(X, 2.0), AXIS, "y, which is a scalar. Use None"),
        (lambda: fl.vmap(f_xy)(X, y=2.0), AXIS, "Pass it by position, with None"),
        (lambda: fl.vmap(f_xy, in_axes=None)(X, 1), VALUE, "nothing is mapped"),
        (lambda: fl.vmap(lambda: 1.0)(), VALUE, "there are no arguments"),
        (lambda: fl.vmap(lambda x: x, out_axes=2)(X), AXIS, "1 dimension"),
        (lambda: fl.vmap(lambda x: x, out_axes=None)(X), VALUE, "out_axes is None"),
        (lambda: fl.vmap(lambda x: x, out_axes="a")(X), VALUE, "out_axes must be"),
        (lambda: fl.vmap(lambda x: (x, x), out_axes=(0,))(X), VALUE, "does not fit"),
        (lambda: fl.vmap(lambda x: {"a": x}, out_axes={"b": 0})(X), VALUE, "does not fit"),
        (lambda: fl.vmap(lambda x: x, in_axes={"a": 0})(X), VALUE, "does not fit"),
        (lambda: fl.vmap(lambda p: p["w"], in_axes=({"w": (0, 0)},))({"w": X}), VALUE,
         r"at in_axes\[0\]\['w'\] it is a tuple"),
        (lambda: fl.vmap(lambda x: "text")(X), errors.TreeError, "returned a str at output"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()

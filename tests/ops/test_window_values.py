"""Windowed sums and extrema at the hard places: ties, NaN, empty and long windows, few digits."""

import math
import sys

import ml_dtypes
import numpy as np
import pytest

from functorch_lite import ops
from functorch_lite.core.array import wrap
from functorch_lite.driver import make_graph
from functorch_lite.errors import ShapeError
from functorch_lite.ops import window as implementation
from functorch_lite.ops.window_geometry import Axis, every_window_is_met, transposed
from functorch_lite.testing.samples_window import REFERENCES, SAMPLES
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp

INF, NAN = math.inf, math.nan
NAMES = ("window_sum", "window_max", "window_min", "window_argmax", "window_argmin")

# What NumPy does; large calls would be compiled.
pytestmark = pytest.mark.usefixtures("interpreted")


def line(window, stride=1, padding=(0, 0), base_dilation=1, window_dilation=1):
    """The params of a window over one axis."""
    return {
        "window": (window,),
        "strides": (stride,),
        "padding": (padding,),
        "base_dilation": (base_dilation,),
        "window_dilation": (window_dilation,),
    }


def pullback(op, x, params, ct=None):
    """The cotangent of ``x``; forward mode must agree with it column by column."""
    x = wrap(np.array(x, float))

    def f(x):
        return op(x, **params)

    out, pull = vjp(f, x)
    ct = np.ones(out.shape) if ct is None else np.asarray(ct, float)
    (g,) = pull(wrap(ct))
    for where in np.ndindex(x.shape):
        t = np.zeros(x.shape)
        t[where] = 1.0
        assert np.sum(ct * jvp(f, (x,), (wrap(t),))[1]._data) == g._data[where]
    return g._data.tolist()


# ------------------------------------------------------------------------------------------- values
def test_gaps_and_padding_hold_the_identity():
    x = wrap(np.array([1.0, -2.0]))
    params = line(2, padding=(1, 1), base_dilation=2)  # _ 1 _ -2 _
    assert ops.window_sum(x, **params)._data.tolist() == [1, 1, -2, -2]
    assert ops.window_max(x, **params)._data.tolist() == [1, 1, -2, -2]
    empty = line(1, padding=(1, 1), base_dilation=2)
    assert ops.window_max(x, **empty)._data.tolist() == [-INF, 1, -INF, -2, -INF]
    assert ops.window_min(x, **empty)._data.tolist() == [INF, 1, INF, -2, INF]
    assert ops.window_argmax(x, batch_dims=0, **empty)._data.tolist() == [-1, 0, -1, 1, -1]
    for dtype, low, high in (("int8", -128, 127), ("uint16", 0, 65535), ("bool", False, True)):
        ints = wrap(np.array([1, 0], dtype))
        assert ops.window_max(ints, **empty)._data.tolist()[0] == low
        assert ops.window_min(ints, **empty)._data.tolist()[0] == high


@pytest.mark.parametrize(
    "name, dtype",
    [
        (name, dtype)
        for name in NAMES
        for dtype in ("float64", "float16", "int8", "bool")
        if (name, dtype) != ("window_sum", "bool")
    ],
)
def test_doubling_gives_what_going_place_by_place_gives(monkeypatch, name, dtype):
    for pays in (True, False):
        monkeypatch.setattr(
            implementation, "_doubling_pays", lambda shape, i, axis, p=pays: p and axis.outputs
        )
        for (x,), params in SAMPLES[name](np.dtype(dtype), np.random.default_rng(5)):
            found = getattr(ops, name)(wrap(x), **params)._data
            want = REFERENCES[name](x, **params)
            assert found.shape == want.shape and found.dtype == want.dtype
            tolerance = 2e-3 if dtype == "float16" else 1e-14
            np.testing.assert_allclose(
                found.astype(float), want.astype(float), rtol=tolerance, atol=tolerance
            )


def test_a_long_window_is_doubled(rng):
    axis = Axis(2000, 300, 1, 0, 0, 1, 1)
    assert implementation._doubling_pays((2000,), 0, axis)
    assert not implementation._doubling_pays((2000,), 0, Axis(2000, 2, 2, 0, 0, 1, 1))
    x = rng.normal(size=2000)
    total = np.concatenate([[0.0], np.cumsum(x)])
    found = ops.window_sum(wrap(x), **line(300))._data
    np.testing.assert_allclose(found, total[300:] - total[:-300], atol=1e-11)
    view = np.lib.stride_tricks.sliding_window_view(x, 300)
    assert (ops.window_max(wrap(x), **line(300))._data == view.max(1)).all()
    at = ops.window_argmax(wrap(x), batch_dims=0, **line(300))._data
    assert (at == view.argmax(1) + np.arange(1701)).all()


def calls_of(f):
    """How many Python and C functions run inside."""
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        f()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", ["window_sum", "window_max", "window_argmax"])
def test_no_loop_runs_over_outputs_or_examples(name):
    params = {
        "window": (1, 3, 3), "strides": (1, 1, 2), "padding": ((0, 0), (1, 1), (0, 0)),
        "base_dilation": (1, 1, 1), "window_dilation": (1, 1, 1),
    }  # fmt: skip
    params |= {"batch_dims": 1} if name == "window_argmax" else {}
    small, large = wrap(np.zeros((1, 5, 5))), wrap(np.zeros((20, 50, 50)))
    op = getattr(ops, name)
    op(small, **params)
    assert calls_of(lambda: op(large, **params)) == calls_of(lambda: op(small, **params))


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_sixteen_bit_sums_round_once(dtype):
    x = np.array([1.0] + [1e-3] * 7, dtype)
    want = np.sum(x.astype(np.float32)).astype(dtype)
    found = ops.window_sum(wrap(x), **line(8))._data
    assert found.dtype == x.dtype and found[0] == want != x[0]


def test_integers_wrap_in_their_own_width():
    x = wrap(np.array([100, 100], "int8"))
    out = ops.window_sum(x, **line(2))
    assert out.dtype == np.int8 and out._data.tolist() == [-56]


def test_complex_sums():
    x = np.array([1 + 2j, 3j, -1.0])
    assert ops.window_sum(wrap(x), **line(2))._data.tolist() == [1 + 5j, -1 + 3j]


# -------------------------------------------------------------------------------------- derivatives
@pytest.mark.parametrize(
    "name, x, expected",
    [
        ("window_max", [3.0, 3.0, 1.0], [1.0, 1.0, 0.0]),
        ("window_max", [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]),
        ("window_min", [2.0, 1.0, 1.0], [0.0, 2.0, 0.0]),
        ("window_max", [NAN, 5.0, 1.0], [1.0, 1.0, 0.0]),
        ("window_max", [NAN, NAN, 1.0], [0.0, 2.0, 0.0]),  # the last one, as in PyTorch
        ("window_max", [-INF, -INF, -INF], [1.0, 1.0, 0.0]),
        ("window_min", [INF, INF, NAN], [1.0, 0.0, 1.0]),
        ("window_sum", [1.0, INF, NAN], [1.0, 2.0, 1.0]),
    ],
)
def test_derivative_at_ties_and_nan(name, x, expected):
    assert pullback(getattr(ops, name), x, line(2)) == expected


def test_the_first_of_equal_elements_is_first_in_row_major_order():
    params = {
        "window": (2, 2), "strides": (1, 1), "padding": ((0, 0), (0, 0)),
        "base_dilation": (1, 1), "window_dilation": (1, 1),
    }  # fmt: skip
    x = [[0.0, 7.0, 0.0], [7.0, 0.0, 7.0]]
    assert pullback(ops.window_max, x, params, ct=[[1.0, 10.0]]) == [[0, 11, 0], [0, 0, 0]]
    x = [[0.0, 6.0, 0.0], [7.0, 0.0, 7.0]]
    assert pullback(ops.window_max, x, params, ct=[[1.0, 10.0]]) == [[0, 0, 0], [1, 0, 10]]


def test_an_empty_window_has_no_derivative():
    params = line(1, padding=(2, 1), base_dilation=2)
    assert not every_window_is_met((2,), **params)
    ct = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert pullback(ops.window_max, [5.0, 6.0], params, ct) == [4.0, 16.0]
    assert pullback(ops.window_sum, [5.0, 6.0], params, ct) == [4.0, 16.0]
    nothing = line(2, padding=(1, 1))
    assert pullback(ops.window_max, np.zeros(0), nothing) == []
    assert every_window_is_met((2,), **line(2))


def test_second_derivatives_of_a_maximum_pass_through_what_follows_it():
    def f(x):
        return ops.reduce_sum(ops.integer_pow(ops.window_max(x, **line(2)), n=3), axes=(0,))

    def gradient(x):
        _, pull = vjp(f, x)
        return pull(wrap(np.array(1.0)))[0]

    x = wrap(np.array([1.0, 4.0, 2.0]))
    rows = [jvp(gradient, (x,), (wrap(row),))[1]._data.tolist() for row in np.eye(3)]
    assert rows == [[0, 0, 0], [0, 48, 0], [0, 0, 0]]


def test_the_transpose_of_a_sum_is_one_sum_without_padding_or_gaps_in_memory():
    def gradient(x, ct):
        return vjp(lambda x: ops.window_sum(x, **line(3, 2, (1, 2), 1, 2)), x)[1](ct)

    graph = make_graph(gradient)(wrap(np.zeros(9)), wrap(np.zeros(4)))
    assert {eqn.op.name for eqn in graph.eqns} == {"window_sum"}


@pytest.mark.parametrize("size", range(4))
def test_transposed_windows_have_the_elements_for_outputs(size):
    for window in (1, 2, 3):
        for stride in (1, 2, 3):
            for low in (-1, 0, 2):
                for base in (1, 2):
                    for apart in (1, 2):
                        axis = Axis(size, window, stride, low, 3, base, apart)
                        back = transposed(axis)
                        assert back.outputs == size
                        assert transposed(back).outputs == axis.outputs


# ------------------------------------------------------------------------------------------- errors
def test_messages():
    x = wrap(np.zeros((2, 3)))
    with pytest.raises(
        ShapeError,
        match=r"window_max: expected window with one entry for each of the 2 axes of shape "
        r"\(2, 3\); got \(2,\). Remedy: write 1 for axes",
    ):
        ops.window_max(x, **line(2))
    with pytest.raises(ShapeError, match=r"strides of at least 1 on every axis; got \(0,\)"):
        ops.window_sum(wrap(np.zeros(3)), **line(2, 0))

"""lax.gather and the scatters, against JAX over random dimension numbers and in every transform."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.lax import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers
from functorch_lite.testing import check_grads
from tests.lax.index_cases import loop_gather, loop_scatter, random_case

MODES = [None, "clip", "fill", "promise_in_bounds"]
SCATTERS = ["scatter", "scatter_add", "scatter_sub", "scatter_mul", "scatter_min", "scatter_max"]


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


def near(got, want, tolerance=1e-6):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def inside(case):
    """The case with all windows inside: what promises keep."""
    shape, starts, numbers, sizes, out = case
    limits = np.array([shape[d] - sizes[d] for d in numbers[2]], np.int64)
    return shape, np.minimum(np.maximum(starts, 0), limits), numbers, sizes, out


# ------------------------------------------------------------------------------------------ gather
@pytest.mark.parametrize("number", range(16))
def test_gather_as_jax(number, jax):
    rng = np.random.default_rng(number)
    case = random_case(rng)
    mode = MODES[number % len(MODES)]
    promised = mode in (None, "promise_in_bounds")  # JAX's gradient differs where that is broken
    shape, starts, numbers, sizes, out = inside(case) if promised else case
    x, v = rng.normal(size=shape), rng.normal(size=shape)

    def mine(y):
        numbers_ = GatherDimensionNumbers(*numbers)
        return lax.gather(y, fnp.asarray(starts), numbers_, sizes, mode=mode)

    def theirs(y):
        numbers_ = jax.lax.GatherDimensionNumbers(*numbers)
        return jax.lax.gather(y, starts, numbers_, sizes, mode=mode)

    want, (_, dots) = theirs(x), jax.jvp(theirs, (x,), (v,))
    assert want.shape == out
    near(mine(fnp.asarray(x)), want)
    near(fl.jit(mine)(fnp.asarray(x)), want)
    near(fl.jvp(mine, (fnp.asarray(x),), (fnp.asarray(v),))[1], dots)
    ct = rng.normal(size=out)
    # windows outside read NaN, and no cotangent goes through them
    (back,) = fl.vjp(mine, fnp.asarray(x))[1](fnp.asarray(ct))
    try:
        near(back, jax.vjp(theirs, x)[1](ct)[0])
    except jax.errors.JaxRuntimeError:  # XLA refuses some sums along batching axes
        dots = fl.jvp(mine, (fnp.asarray(x),), (fnp.asarray(v),))[1]
        near(np.nansum(np.asarray(dots) * ct), np.sum(np.asarray(back) * v))
    (again,) = fl.linear_transpose(lambda y: lax.gather(
        y, fnp.asarray(inside(case)[1]), GatherDimensionNumbers(*numbers), sizes, mode="clip"
    ), fnp.asarray(x))(fnp.asarray(ct))  # fmt: skip
    assert again.shape == shape


@pytest.mark.parametrize("number", range(40))
def test_gather_window_by_window(number):
    rng = np.random.default_rng(1000 + number)
    case = random_case(rng)
    shape, starts, numbers, sizes, _ = case
    x, fill = rng.normal(size=shape), number % 3
    mode = ("clip", "fill")[number % 2]
    numbers = GatherDimensionNumbers(*numbers)
    got = lax.gather(
        fnp.asarray(x), fnp.asarray(starts), numbers, sizes, mode=mode, fill_value=fill
    )
    near(got, loop_gather(case, x, mode == "clip", fill))


@pytest.mark.parametrize("number", range(12))
def test_gather_under_vmap(number):
    rng = np.random.default_rng(100 + number)
    shape, starts, numbers, sizes, _ = random_case(rng)
    mode = MODES[number % 3]
    xs = fnp.asarray(rng.normal(size=(3, *shape)))
    many = fnp.asarray(np.stack([starts, starts[::-1] * 0 + 1, starts + 1]) if starts.ndim else [])

    def f(x, i):
        return lax.gather(x, i, GatherDimensionNumbers(*numbers), sizes, mode=mode)

    for axes in ((0, 0), (0, None), (None, 0)):
        args = [a if b == 0 else a[0] for a, b in zip((xs, many), axes, strict=True)]
        want = fnp.stack([
            f(*[a[i] if b == 0 else a for a, b in zip(args, axes, strict=True)]) for i in range(3)
        ])  # fmt: skip
        near(fl.vmap(f, axes)(*args), want)
        near(fl.jit(fl.vmap(f, axes))(*args), want)


ROWS = GatherDimensionNumbers((1,), (), (0,))
PUT_ROWS = ScatterDimensionNumbers((1,), (), (0,))


@pytest.mark.parametrize(
    ("dtype", "index"),
    [("bool", "int8"), ("int8", "uint8"), ("uint16", "uint64"), ("float16", "int32"),
     ("bfloat16", "uint32"), ("complex64", "int16")],
)  # fmt: skip
def test_dtypes_and_fill_values(dtype, index, jax):
    x = np.arange(10).astype(fnp.asarray(0).dtype if dtype == "bool" else "float32")
    starts = np.array([[0], [7], [8], [200]]).astype(index)
    mine = fnp.asarray(x).astype(dtype)
    other = jax.numpy.asarray(x).astype(dtype)
    for fill in (None, 1):
        got = lax.gather(mine, fnp.asarray(starts), ROWS, (3,), mode="fill", fill_value=fill)
        theirs = jax.lax.GatherDimensionNumbers(*ROWS)
        want = jax.lax.gather(other, starts, theirs, (3,), mode="fill", fill_value=fill)
        assert str(got.dtype) == str(want.dtype)
        np.testing.assert_array_equal(
            np.asarray(got).astype("complex64"), np.asarray(want).astype("complex64")
        )


def test_words_and_modes():
    x = fnp.arange(5.0)
    starts = fnp.asarray([[-1], [4]])
    ones = lax.gather(x, starts, ROWS, (2,), mode=GatherScatterMode.ONE_HOT)
    assert ones.tolist() == [[0, 0], [0, 0]]
    assert lax.gather(x, starts, ROWS, (2,), mode="clip").tolist() == [[0, 1], [3, 4]]
    far = fnp.asarray(np.array([[2**64 - 1], [2**63]], "uint64"))
    assert lax.gather(x, far, ROWS, (2,)).tolist() == [[3, 4], [3, 4]]
    assert GatherScatterMode.from_any(GatherScatterMode.CLIP) is GatherScatterMode.CLIP
    with pytest.raises(ValueError, match="mode must be one of None, 'clip', .* got 'wrap'"):
        lax.gather(x, starts, ROWS, (2,), mode="wrap")


def test_empty_arrays():
    none = fnp.zeros((0, 1), "int32")
    assert lax.gather(fnp.arange(5), none, ROWS, (2,)).shape == (0, 2)
    assert lax.gather(fnp.zeros(0), fnp.asarray([[3]]), ROWS, (0,)).shape == (1, 0)
    assert lax.scatter(fnp.arange(5), none, fnp.zeros((0, 2), "int64"), PUT_ROWS).size == 5
    scalar = ScatterDimensionNumbers((), (), ())
    total = lax.scatter_add(fnp.asarray(1.0), fnp.zeros((4, 0), "int32"), fnp.ones(4), scalar)
    assert float(total) == 5


def test_index_take(jax):
    x = np.arange(24.0).reshape(2, 3, 4)
    rows, columns = np.array([0, 1, -1, 7]), np.array([3, 2, 1, -2])
    for axes, idxs in (((0, 2), (rows, columns)), ((1,), (columns,)), ((0, 1), (rows, columns))):
        want = jax.lax.index_take(jax.numpy.asarray(x), list(map(jax.numpy.asarray, idxs)), axes)
        near(lax.index_take(fnp.asarray(x), list(map(fnp.asarray, idxs)), axes), want)
    turned = lax.index_take(fnp.asarray(x), [fnp.asarray(columns), fnp.asarray(rows)], (2, 0))
    near(turned, x[rows % 2, :, columns])
    far = fnp.asarray(np.array([2**64 - 1], "uint64"))
    assert lax.index_take(fnp.arange(4), [far], (0,)).tolist() == [3]
    check_grads(lambda y: lax.index_take(y, [fnp.asarray(rows)], (1,)), (fnp.asarray(x),))


# ---------------------------------------------------------------------------------------- scatters
def put(module, case, name, mode, **kwargs):
    """A scatter of one case as a function of operand and updates."""
    numbers = module.ScatterDimensionNumbers(*case[2])

    def run(x, update):
        starts = fnp.asarray(case[1]) if module is lax else case[1]
        return getattr(module, name)(x, starts, update, numbers, mode=mode, **kwargs)

    return run


COMBINE = {
    "scatter": lambda old, new: new, "scatter_add": np.add, "scatter_sub": np.subtract,
    "scatter_mul": np.multiply, "scatter_min": np.minimum, "scatter_max": np.maximum,
}  # fmt: skip


@pytest.mark.parametrize("name", SCATTERS)
@pytest.mark.parametrize("number", range(20))
def test_scatter_window_by_window(name, number):
    rng = np.random.default_rng([3, number, SCATTERS.index(name)])
    case = random_case(rng)
    x, update = rng.normal(size=case[0]), rng.normal(size=case[4])
    mode = ("clip", "drop")[number % 2]
    args = fnp.asarray(x), fnp.asarray(update)
    want = loop_scatter(case, x, update, mode == "clip", COMBINE[name])
    near(put(lax, case, name, mode)(*args), want)
    if number % 4 == 0:
        near(fl.jit(put(lax, case, name, mode))(*args), want)


@pytest.mark.parametrize("name", SCATTERS)
@pytest.mark.parametrize("number", range(4))
def test_scatter_as_jax(name, number, jax):
    rng = np.random.default_rng([number, SCATTERS.index(name)])
    mode = MODES[number % len(MODES)]
    case = random_case(rng)
    while not case[2][2]:  # XLA mistakes empty index vectors
        case = random_case(rng)
    case = inside(case) if mode == "promise_in_bounds" else case
    shape, starts, _, _, out = case
    x, update = rng.normal(size=shape), rng.normal(size=out)
    mine, theirs = put(lax, case, name, mode), put(jax.lax, case, name, mode)
    args = fnp.asarray(x), fnp.asarray(update)
    want = theirs(x, update)
    near(mine(*args), want)
    if name in ("scatter_mul", "scatter_min", "scatter_max", "scatter"):
        check_grads(mine, args, order=1)  # JAX has no gradient of products that meet
        return
    given = rng.normal(size=shape), rng.normal(size=out)
    dots = fl.jvp(mine, args, tuple(map(fnp.asarray, given)))[1]
    near(dots, jax.jvp(theirs, (x, update), given)[1])
    ct = rng.normal(size=shape)
    for got, other in zip(
        fl.vjp(mine, *args)[1](fnp.asarray(ct)), jax.vjp(theirs, x, update)[1](ct), strict=True
    ):
        near(got, other)


@pytest.mark.parametrize("name", SCATTERS)
@pytest.mark.parametrize("number", range(4))
def test_scatter_under_vmap(name, number):
    rng = np.random.default_rng([7, number, SCATTERS.index(name)])
    shape, starts, numbers, _, out = random_case(rng)
    mode = MODES[number % 3]
    every = (
        fnp.asarray(rng.normal(size=(3, *shape))), fnp.asarray(np.stack([starts, 1 - starts * 0,
        starts + 1])), fnp.asarray(rng.normal(size=(3, *out))),
    )  # fmt: skip

    def f(x, i, update):
        function = getattr(lax, name)
        return function(x, i, update, ScatterDimensionNumbers(*numbers), mode=mode)

    for axes in ((0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0), (0, None, 0)):
        args = [a if b == 0 else a[0] for a, b in zip(every, axes, strict=True)]
        want = fnp.stack([
            f(*[a[i] if b == 0 else a for a, b in zip(args, axes, strict=True)]) for i in range(3)
        ])  # fmt: skip
        near(fl.vmap(f, axes)(*args), want)


@pytest.mark.parametrize("dtype", ["int8", "uint32", "float16", "bfloat16", "complex64", "bool"])
@pytest.mark.parametrize("name", SCATTERS)
def test_scatter_dtypes(name, dtype):
    if dtype == "bool" and name in ("scatter_add", "scatter_sub", "scatter_mul"):
        with pytest.raises(DtypeError, match="bools are no numbers"):
            getattr(lax, name)(
                fnp.ones(3, bool), fnp.zeros((1, 1), int), fnp.ones((1, 1), bool), PUT_ROWS
            )
        return
    x, update = fnp.arange(6.0), fnp.arange(6.0).reshape(3, 2) - 2
    if dtype in ("bool", "uint32"):
        x, update = x % 2, fnp.abs(update)
    call = x.astype(dtype), fnp.asarray([[0], [3], [9]]), update.astype(dtype)
    if dtype == "complex64" and name in ("scatter_min", "scatter_max"):
        with pytest.raises(DtypeError, match="complex numbers have no order"):
            getattr(lax, name)(*call, PUT_ROWS)
        return
    got, want = getattr(lax, name)(*call, PUT_ROWS), np.array(call[0])
    for start, row in ((0, 0), (3, 1)):
        part = slice(start, start + 2)
        want[part] = COMBINE[name](want[part], np.asarray(call[2])[row])
    assert got.dtype == call[0].dtype
    np.testing.assert_array_equal(np.asarray(got), want)


def test_nan_and_infinity_stay_where_they_are():
    x = fnp.asarray([np.nan, 1.0, np.inf])
    where, update = fnp.asarray([[1]]), fnp.asarray([[2.0]])
    assert np.isnan(np.asarray(lax.scatter(x, where, update, PUT_ROWS))).tolist() == [True, 0, 0]
    out = lax.scatter_max(x, fnp.asarray([[0], [1]]), fnp.asarray([[1.0], [np.nan]]), PUT_ROWS)
    assert np.isnan(np.asarray(out)).tolist() == [True, True, False]


# ----------------------------------------------------------------------------------- scatter_apply
SINGLE = ScatterDimensionNumbers((), (0,), (0,))


@pytest.mark.parametrize("number", range(8))
def test_scatter_apply_as_jax(number, jax):
    rng = np.random.default_rng(number)
    shape, starts, numbers, _, out = random_case(rng)
    x = rng.normal(size=shape)
    mode = ("clip", "fill")[number % 2]

    def run(module, f, y, i):
        apply = module.lax.scatter_apply
        return apply(y, i, f, module.lax.ScatterDimensionNumbers(*numbers), update_shape=out,
                     mode=mode)  # fmt: skip

    want = run(jax, lambda v: jax.numpy.sin(v) + v, jax.numpy.asarray(x), starts)
    mine = lambda y: run(fl, lambda v: fnp.sin(v) + v, y, fnp.asarray(starts))  # noqa: E731
    near(mine(fnp.asarray(x)), want)
    near(fl.jit(mine)(fnp.asarray(x)), want)
    check_grads(mine, (fnp.asarray(x),), order=1)


def test_scatter_apply_leaves_other_elements_alone():
    where = fnp.asarray([[1], [2], [1]])

    def total(x):
        return fnp.sum(lax.scatter_apply(x, where, fnp.sqrt, SINGLE, update_shape=(3,)))

    x = fnp.asarray([0.0, 16.0, 4.0])
    assert fl.grad(total)(x).tolist() == [1.0, 0.5 / 4 * 0.5 / 2, 0.25]
    assert fl.jit(fl.grad(total))(x).tolist() == [1.0, 0.03125, 0.25]
    assert fl.vmap(total)(fnp.stack([x, x])).tolist() == [4.0, 4.0]

    def shifted(x):  # a second application would stand at 0, where its slope is infinite
        return fnp.sum(lax.scatter_apply(x, where, lambda v: fnp.sqrt(v - 1), SINGLE,
                                         update_shape=(3,)))  # fmt: skip

    assert fl.grad(shifted)(fnp.asarray([0.0, 5.0, 2.0])).tolist() == [1.0, 0.125, 0.5]
    with pytest.raises(DtypeError, match="func must return the operand's dtype"):
        lax.scatter_apply(x, where, lambda v: v > 0, SINGLE, update_shape=(3,))
    with pytest.raises(ShapeError, match="takes a scalar and must return one"):
        lax.scatter_apply(x, where, lambda v: fnp.stack([v, v]), SINGLE, update_shape=(3,))


# ------------------------------------------------------------------------------------------ errors
X, I = fnp.ones((3, 4)), fnp.zeros((2, 1), "int32")  # noqa: E741
REFUSALS = [
    (lambda: lax.gather(X, fnp.zeros((2, 1)), GatherDimensionNumbers((1,), (0,), (0,)), (1, 4)),
     DtypeError, "start_indices must hold integers; got float32"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((1,), (0,), (0, 1)), (1, 4)),
     ShapeError, "one component for each of the 2 axes in start_index_map"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((1,), (0,), (0,)), (1, 5)),
     ShapeError, "slice_sizes must have, for every axis"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((1,), (0,), (0,)), (2, 4)),
     ShapeError, "have window size 1; axes \\(0,\\) have slice_sizes \\(2,\\)"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((), (0,), (0,)), (1, 4)),
     ShapeError, "offset_dims needs 1 axes"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((1,), (0,), (2,)), (1, 4)),
     AxisError, "start_index_map: axis 2"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((2, 1), (), (0,)), (1, 4)),
     ShapeError, "offset_dims must be in ascending order"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((), (0,), (), (1,), (0,)), (1, 1)),
     ShapeError, "one component for each of the 0 axes"),
    (lambda: lax.gather(X, I, GatherDimensionNumbers((), (1,), (1,), (0,), (0,)), (1, 1)),
     ShapeError, "must have the same sizes; got \\(3,\\) and \\(2,\\)"),
    (lambda: lax.gather(fnp.ones((2, 4)), I, GatherDimensionNumbers((1,), (), (0,), (0,), (0,)),
                        (1, 4)), ShapeError, "in another role, too"),
    (lambda: lax.gather(fnp.arange(3), I, ROWS, (1,), mode="fill", fill_value=1.5),
     DtypeError, "cannot hold a fill_value of dtype float32"),
    (lambda: lax.scatter(X, I, fnp.ones((2, 4), "float64"), ScatterDimensionNumbers((1,), (0,),
                         (0,))), DtypeError, "updates must have the operand's dtype float32"),
    (lambda: lax.scatter(X, I, fnp.ones((3, 4)), ScatterDimensionNumbers((1,), (0,), (0,))),
     ShapeError, "updates must have the axes \\(2,\\) of scatter_indices"),
    (lambda: lax.scatter(X, I, fnp.ones((2, 5)), ScatterDimensionNumbers((1,), (0,), (0,))),
     ShapeError, "do not fit into an operand of shape \\(3, 4\\)"),
    (lambda: lax.index_take(X, [I], (0, 1)), ShapeError, "an index array for each of axes"),
    (lambda: lax.index_take(X, [X], (0,)), DtypeError, "idxs must hold integers"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_refusals(number):
    call, kind, text = REFUSALS[number]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert "lax." in str(caught.value)


def test_a_remedy_works():
    one = fnp.asarray([2, 0])
    with pytest.raises(ShapeError, match="Remedy: expand_dims\\(start_indices, \\[1\\]\\)"):
        lax.gather(fnp.arange(3), one, GatherDimensionNumbers((), (0,), (0,)), (1,))
    found = lax.gather(
        fnp.arange(3), lax.expand_dims(one, [1]), GatherDimensionNumbers((), (0,), (0,)), (1,)
    )
    assert found.tolist() == [2, 0]

"""Every index form against NumPy: eager, jitted, mapped; modes and gradients against JAX."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functorch_lite import grad, jit, make_graph, vmap
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array, wrap
from functorch_lite.errors import (
    DtypeError,
    ImmutableError,
    IndexRangeError,
    NonConcreteError,
    ShapeError,
)

UFUNCS = {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum}


def filled(shape):
    return np.random.default_rng(0).normal(size=shape)


# --------------------------------------------------------------------------------- strategies
@st.composite
def mixed_indices(draw):
    """A shape and a tuple of every kind of item, valid for it as a whole or nearly so."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    joint = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    items, axis = [], 0
    kinds = ["int", "slice", "array", "mask", "stop"]
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.sampled_from(kinds if n else ["slice", "mask", "stop"]))
        if kind == "stop":
            break
        if kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            items.append(draw(st.slices(n)))
        elif kind == "array":
            own = tuple(draw(st.sampled_from([1, m])) for m in joint)
            own = own[draw(st.integers(0, len(own))) :]
            items.append(draw(hnp.arrays(np.int64, own, elements=st.integers(-n, n - 1))))
        else:
            covered = draw(st.integers(1, min(2, len(shape) - axis)))
            items.append(draw(hnp.arrays(bool, shape[axis : axis + covered])))
            axis += covered - 1
        axis += 1
    for extra in draw(st.lists(st.sampled_from([None, None, True, False]), max_size=2)):
        items.insert(draw(st.integers(0, len(items))), extra)
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), ...)
        masked = any(isinstance(item, np.ndarray) and item.dtype == bool for item in items)
        if draw(st.booleans()) and not masked:
            items = items[:-1]  # what follows the Ellipsis now addresses other axes
    return shape, tuple(items)


@st.composite
def basic_indices(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@st.composite
def integer_indices(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    return shape, draw(hnp.integer_array_indices(shape))


ANY_INDEX = st.one_of(mixed_indices(), basic_indices(), integer_indices())


def expected(x, index):
    """NumPy's answer, or None where NumPy refuses."""
    try:
        return np.asarray(x[index])
    except IndexError:
        return None


# ------------------------------------------------------------------------------------ reading
@hypothesis.given(ANY_INDEX)
def test_getitem_is_numpys(case):
    shape, index = case
    x = filled(shape)
    want = expected(x, index)
    if want is None:
        with pytest.raises((IndexError, ShapeError)):
            wrap(x)[index]
        with pytest.raises((IndexError, ShapeError)):
            make_graph(lambda x: x[index])(wrap(x))
        return
    got = wrap(x)[index]
    assert type(got) is Array and got.shape == want.shape
    np.testing.assert_array_equal(got._data, want)
    np.testing.assert_array_equal(jit(lambda x: x[index])(wrap(x))._data, want)
    both = vmap(lambda x: x[index])(wrap(np.stack([x, -x])))
    np.testing.assert_array_equal(both._data, np.stack([want, -want]))


@hypothesis.given(ANY_INDEX)
def test_integer_indices_may_be_traced(case):
    shape, index = case
    x = filled(shape)
    want = expected(x, index)
    hypothesis.assume(want is not None)
    parts = index if isinstance(index, tuple) else (index,)
    traced = [n for n, p in enumerate(parts) if isinstance(p, (int, np.ndarray))]
    traced = [n for n in traced if np.asarray(parts[n]).dtype != bool]

    def read(x, *values):
        found = list(parts)
        for n, value in zip(traced, values, strict=True):
            found[n] = value
        return x[tuple(found)]

    values = [wrap(np.asarray(parts[n])) for n in traced]
    np.testing.assert_array_equal(jit(read)(wrap(x), *values)._data, want)
    if values:
        stacked = [wrap(np.stack([v._data, v._data])) for v in values]
        got = vmap(read, in_axes=(None, *[0] * len(values)))(wrap(x), *stacked)
        np.testing.assert_array_equal(got._data, np.stack([want, want]))


def test_basic_index_of_an_eager_array_is_a_view():
    x = fnp.arange(24).reshape(2, 3, 4)
    for index in (1, (0, slice(None, None, -1)), (..., None, 2), slice(1)):
        assert np.shares_memory(x[index]._data, x._data)


def test_staged_basic_index_takes_at_most_two_ops():
    x = wrap(filled((4, 5, 6)))
    for index in (0, (slice(None), -1), slice(1, 3), (..., None), slice(None, None, 2)):
        assert len(make_graph(lambda x, index=index: x[index])(x).eqns) <= 2


@pytest.mark.parametrize(
    "index",
    [
        [0, 2],
        [True, False, True],
        ([0, 1], [2, 3]),
        [],
        np.uint8(1),
        np.array([0, 2], "uint8"),
        np.array([2, -1], "int8"),
        np.array(1),
        (np.bool_(True), 1),
        ((0, 1),),
        range(2),
    ],
    ids=repr,
)
def test_lists_numpy_scalars_and_other_integers(index):
    x = filled((3, 4))
    want = x[list(index) if isinstance(index, range) else index]
    np.testing.assert_array_equal(wrap(x)[index]._data, want)
    np.testing.assert_array_equal(jit(lambda x: x[index])(wrap(x))._data, want)


def test_arrays_of_this_library_as_indices():
    x = filled((3, 4))
    rows, mask = fnp.asarray([2, 0]), fnp.asarray([True, False, True])
    np.testing.assert_array_equal(wrap(x)[rows]._data, x[[2, 0]])
    np.testing.assert_array_equal(wrap(x)[mask, 1]._data, x[[0, 2], 1])
    np.testing.assert_array_equal(wrap(x)[fnp.asarray(1)]._data, x[1])
    np.testing.assert_array_equal(wrap(x)[wrap(x) > 0]._data, x[x > 0])
    np.testing.assert_array_equal(wrap(x)[[fnp.asarray(1), 2]]._data, x[[1, 2]])


def test_masks_from_the_differentiated_value_work_outside_jit():
    x = wrap(np.array([1.0, -2.0, 3.0]))
    got = grad(lambda x: fnp.sum(x[x > 0] ** 2))(x)
    np.testing.assert_array_equal(got._data, [2, 0, 6])


def test_indexing_a_traced_python_scalar_gives_the_default_dtype():
    assert jit(lambda x: x[None])(2.0).dtype == np.float32
    assert jit(lambda x: x[...].at[()].add(1))(2.0).dtype == np.float32


# ------------------------------------------------------------------------------------ writing
@hypothesis.given(ANY_INDEX, st.sampled_from(["set", *UFUNCS]))
def test_at_is_numpys_assignment(case, how):
    shape, index = case
    x = filled(shape)
    selected = expected(x, index)
    hypothesis.assume(selected is not None)
    value = np.asarray(np.random.default_rng(1).normal(size=selected.shape))
    want = x.copy()
    if how == "set":
        want[index] = value
    else:
        UFUNCS[how].at(want, index, value)

    def update(x, value):
        return getattr(x.at[index], how)(value)

    before = x.copy()
    for got in (
        update(wrap(x), wrap(value)),
        jit(update)(wrap(x), wrap(value)),
        vmap(update, in_axes=(None, 0))(wrap(x), wrap(np.stack([value, value])))[1],
    ):
        assert got.shape == x.shape
        np.testing.assert_allclose(got._data, want, atol=1e-12)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "value", [2, 2.5, np.float64(2.0), True, [1.0, 2.0], np.array([[1.0, 2.0]])]
)
def test_values_broadcast_and_take_the_dtype_of_x(value):
    x = fnp.zeros((3, 2), dtype="float32")
    want = np.zeros((3, 2), "float32")
    want[1:] = value
    for got in (x.at[1:].set(value), jit(lambda x: x.at[1:].set(value))(x)):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got._data, want)


def test_remaining_methods():
    x = fnp.asarray([1.0, 2.0, 3.0])
    twice = fnp.asarray([0, 0])
    np.testing.assert_allclose(x.at[twice].divide(2)._data, [0.25, 2, 3])
    np.testing.assert_allclose(x.at[1:].power(2)._data, [1, 4, 9])
    np.testing.assert_allclose(x.at[twice].subtract(1.0)._data, [-1, 2, 3])
    np.testing.assert_allclose(x.at[1:].apply(fnp.negative)._data, [1, -2, -3])
    np.testing.assert_allclose(x.at[1].mul(5).at[0].div(2).at[2].pow(2)._data, [0.5, 10, 9])
    np.testing.assert_allclose(x.at[::-1].get()._data, [3, 2, 1])
    small = fnp.asarray(np.array([250, 1], "uint8"))
    np.testing.assert_array_equal(small.at[0].add(10)._data, [4, 1])


# -------------------------------------------------------------------------------------- modes
OUTSIDE = np.array([0, 4, 5, 9, -1, -5, -6, -20])


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["clip", "fill", "drop"])
@pytest.mark.parametrize("traced", [False, True])
def test_modes_agree_with_jax(mode, traced):
    jax = pytest.importorskip("jax")
    x = np.arange(1.0, 11.0).reshape(5, 2)
    stage = jit if traced else lambda f: f
    with jax.enable_x64(True):
        jx, index = jax.numpy.asarray(x), jax.numpy.asarray(OUTSIDE)
        pairs = [
            (lambda x, i: x.at[i].get(mode=mode), jx.at[index].get(mode=mode)),
            (
                lambda x, i: x.at[i, 1].get(mode=mode, fill_value=7),
                jx.at[index, 1].get(mode=mode, fill_value=7),
            ),
            (
                lambda x, i: x.at[i].get(mode=mode, fill_value=0),
                jx.at[index].get(mode=mode, fill_value=0),
            ),
            (lambda x, i: x.at[i].add(10, mode=mode), jx.at[index].add(10, mode=mode)),
            (
                lambda x, i: x.at[i, 0].multiply(2, mode=mode),
                jx.at[index, 0].multiply(2, mode=mode),
            ),
            (lambda x, i: x.at[i[3]].set(0, mode=mode), jx.at[index[3]].set(0, mode=mode)),
        ]
    for ours, want in pairs:
        got = stage(ours)(wrap(x), wrap(OUTSIDE))
        np.testing.assert_allclose(got._data, np.asarray(want))


@pytest.mark.parametrize("traced", [False, True])
def test_wrap_counts_around(traced):
    x, stage = np.arange(10.0).reshape(5, 2), jit if traced else lambda f: f
    got = stage(lambda x, i: x.at[i, 1].get(mode="wrap"))(wrap(x), wrap(OUTSIDE))
    np.testing.assert_array_equal(got._data, x[OUTSIDE % 5, 1])
    got = stage(lambda x, i: x.at[i].add(1.0, mode="wrap"))(wrap(x), wrap(OUTSIDE))
    want = x.copy()
    np.add.at(want, OUTSIDE % 5, 1.0)
    np.testing.assert_array_equal(got._data, want)


@pytest.mark.parametrize("i", [7, -9])
def test_modes_for_a_python_int_outside(i):
    x = fnp.arange(5)
    assert x.at[i].get(mode="clip") == (4 if i > 0 else 0)
    assert x.at[i].get(mode="wrap") == i % 5
    assert x.at[i].get(mode="fill") == np.iinfo("int64").min
    assert x.at[i].get(mode="fill", fill_value=-3) == -3
    np.testing.assert_array_equal(x.at[i].set(9, mode="drop")._data, x._data)
    assert x.at[i].set(9, mode="clip")[4 if i > 0 else 0] == 9


def test_what_fill_reads_by_default():
    for dtype, want in [("uint8", 255), ("int16", -(2**15)), ("bool", True)]:
        assert fnp.zeros(2, dtype=dtype).at[5].get(mode="fill") == want
    assert np.isnan(fnp.zeros(2).at[5].get(mode="fill")._data)


def test_traced_indices_clamp_on_read_and_drop_on_write():
    x = fnp.arange(5.0)
    index = fnp.asarray([1, 7, -9])
    np.testing.assert_array_equal(jit(lambda x, i: x[i])(x, index)._data, [1, 4, 0])
    np.testing.assert_array_equal(jit(lambda x, i: x[i])(x, fnp.asarray(9))._data, 4)
    got = jit(lambda x, i: x.at[i].set(-1.0))(x, index)
    np.testing.assert_array_equal(got._data, [0, -1, 2, 3, 4])
    huge = wrap(np.array([2**63 + 1, 3], "uint64"))
    np.testing.assert_array_equal(jit(lambda x, i: x[i])(x, huge)._data, [4, 3])


# ---------------------------------------------------------------------------------- gradients
GRADIENT_INDICES = [
    1,
    (slice(None), -1),
    (slice(None, None, -2), 1),
    (..., None, 0),
    np.array([0, 2, 0]),
    (np.array([[0, 2]]), slice(None), np.array([[1], [3]])),
    (slice(1), np.array([0, 0, 1])),
    np.array([True, False, True]),
    (0, slice(None), np.array([3, 3])),
]


@pytest.mark.peers
@pytest.mark.parametrize("index", GRADIENT_INDICES, ids=repr)
def test_gradients_agree_with_jax(index):
    jax = pytest.importorskip("jax")
    x = np.random.default_rng(3).normal(size=(3, 2, 4))
    value = np.random.default_rng(4).normal(size=x[index].shape)
    weights = np.random.default_rng(5).normal(size=x.shape)

    def losses(xp, weights):
        yield lambda x, v: xp.sum(xp.sin(x[index]) * v)
        for how in ("set", "add", "multiply", "min", "max"):
            if how == "multiply" and isinstance(index, (tuple, np.ndarray)):
                continue  # JAX has no gradient for duplicates here
            yield lambda x, v, how=how: xp.sum(xp.sin(getattr(x.at[index], how)(v)) * weights)

    with jax.enable_x64(True):
        arrays = jax.numpy.asarray(x), jax.numpy.asarray(value)
        theirs = [jax.grad(f, argnums=(0, 1))(*arrays) for f in losses(jax.numpy, weights)]
    for f, want in zip(losses(fnp, wrap(weights)), theirs, strict=True):
        for got in (
            grad(f, argnums=(0, 1))(wrap(x), wrap(value)),
            jit(grad(f, argnums=(0, 1)))(wrap(x), wrap(value)),
        ):
            for g, w in zip(got, want, strict=True):
                np.testing.assert_allclose(g._data, np.asarray(w), atol=1e-12)


# ------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (3, IndexRangeError, "index 3 is out of range for axis 0 of size 3"),
        ((0, -5), IndexRangeError, "index -5 is out of range for axis 1 of size 4"),
        ([0, 7], IndexRangeError, "index 7 is out of range for axis 0 of size 3"),
        ((0, 0, 0), IndexRangeError, "has 2 axes, but 3 were indexed"),
        ((..., ...), IndexRangeError, "one Ellipsis"),
        (np.array([True, False]), IndexRangeError, "mask of shape (2,)"),
        (([0, 1], [0, 1, 2]), ShapeError, "ix_(rows, columns)"),
        (1.0, DtypeError, "float 1.0"),
        (np.array([0.5]), DtypeError, ".astype(int)"),
        ("a", DtypeError, "str 'a'"),
        (slice(0, 1.5), DtypeError, "slice bounds"),
    ],
    ids=repr,
)
def test_wrong_indices_say_what_and_how_to_mend_it(index, error, text):
    x = fnp.zeros((3, 4))
    for use in (
        lambda x: x[index],
        lambda x: x.at[index].set(1.0),
        lambda x: jit(lambda x: x[index])(x),
        lambda x: vmap(lambda x: x[index])(x[None]),
    ):
        with pytest.raises(error) as caught:
            use(x)
        assert text in str(caught.value)


def test_traced_mask_names_where_as_the_remedy():
    with pytest.raises(NonConcreteError, match=r"where\(mask, x, other\)"):
        jit(lambda x: x[x > 0])(fnp.zeros(3))
    with pytest.raises(NonConcreteError, match="where"):
        vmap(lambda x: x.at[x > 0].set(0.0))(fnp.zeros((2, 3)))


def test_traced_slice_bound_names_dynamic_slice():
    with pytest.raises(NonConcreteError, match="dynamic_slice"):
        jit(lambda x, n: x[:n])(fnp.zeros(3), 2)


def test_values_that_do_not_fit():
    x = fnp.zeros((3, 4))
    with pytest.raises(ShapeError, match=r"shape \(3,\).*shape \(4,\)"):
        x.at[0].set(fnp.ones(3))
    with pytest.raises(DtypeError, match="cannot hold values of dtype float32"):
        fnp.arange(3).at[0].set(1.5)
    with pytest.raises(DtypeError, match="quotient"):
        fnp.arange(3).at[0].divide(2)
    with pytest.raises(DtypeError, match="no order"):
        fnp.zeros(3, dtype="complex64").at[0].max(1)
    with pytest.raises(ValueError, match="'wrong'"):
        x.at[0].get(mode="wrong")


def test_assignment_shows_the_line_to_write():
    with pytest.raises(ImmutableError, match=r"x\.at\[0\]\.set"):
        x = fnp.zeros(3)
        x[0] = 1

"""conv: every way to compute it, its gradients as ops, precision; lax's functions against JAX's."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import grad, jit, lax, make_graph, ops, vjp, vmap
from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import bfloat16
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import conv_eager
from functorch_lite.ops.conv_shape import meeting
from functorch_lite.testing.samples_conv import REFERENCES

reference = REFERENCES["conv"]

# What NumPy does; large calls would be compiled.
pytestmark = pytest.mark.usefixtures("interpreted")


# ------------------------------------------------------------------------------------ the geometry
@hypothesis.given(*[st.integers(*r) for r in ((0, 6), (1, 5), (-9, 9), (0, 6), (1, 5))])
def test_meeting_lists_all_solutions(count, step, offset, size, dilation):
    pairs = [(j, i) for j in range(count) for i in range(size) if j * step + offset == i * dilation]
    found = meeting(count, step, offset, size, dilation)
    got = [] if found is None else list(zip(*[range(s.stop)[s] for s in found], strict=True))
    assert got == pairs


@st.composite
def convolutions(draw, most=3):
    """Shapes of x and w in canonical form, and params."""
    ndim = draw(st.integers(0, most))
    few, step = st.integers(1, 3), st.integers(1, 3)
    sizes = [draw(st.integers(1, 5)) for _ in range(ndim)]
    kernel = [draw(st.integers(1, 4)) for _ in range(ndim)]
    params = {k: tuple(draw(step) for _ in range(ndim)) for k in ("strides", "x_dilation")}
    params["w_dilation"] = tuple(draw(st.integers(1, 2)) for _ in range(ndim))
    spread = [(n - 1) * d + 1 for n, d in zip(sizes, params["x_dilation"], strict=True)]
    lows = [draw(st.integers(-n, 3)) for n in spread]
    highs = [draw(st.integers(-n - min(low, 0), 3)) for n, low in zip(spread, lows, strict=True)]
    params["padding"] = tuple(zip(lows, highs, strict=True))
    groups, batch, channels, outputs = (draw(few) for _ in range(4))
    return (groups, batch, channels, *sizes), (groups, outputs, channels, *kernel), params


def drawn(case, dtype="float64"):
    x_shape, w_shape, params = case
    rng = np.random.default_rng(0)
    return rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype), params


@hypothesis.given(convolutions())
def test_value_and_gradients(case):
    x, w, params = drawn(case)
    want = reference(x, w, **params)
    out, pull = vjp(lambda x, w: ops.conv(x, w, **params), wrap(x), wrap(w))
    np.testing.assert_allclose(np.asarray(out), want, rtol=1e-12, atol=1e-12)
    ct = np.random.default_rng(1).normal(size=want.shape)
    dx, dw = map(np.asarray, pull(wrap(ct)))
    assert dx.shape == x.shape and dw.shape == w.shape
    # <ct, conv(x', w)> = <dx, x'> for every x': the convolution is linear in each operand.
    other_x, other_w = drawn(case)[0] + 1.0, drawn(case)[1] - 2.0
    np.testing.assert_allclose(
        [(dx * other_x).sum(), (dw * other_w).sum()],
        [
            (ct * reference(other_x, w, **params)).sum(),
            (ct * reference(x, other_w, **params)).sum(),
        ],
        rtol=1e-10,
        atol=1e-10,
    )


# --------------------------------------------------------------------------- the ways to compute it
WAYS = {
    "_over_kernel": ((2, 3, 4, 6, 7), (2, 5, 4, 3, 2), ((2, 1), ((1, 0), (2, 2)), (1, 1), (1, 2))),
    "_over_result": ((2, 3, 4, 6, 7), (2, 5, 4, 5, 6), ((1, 2), ((1, 0), (0, 2)), (1, 1), (1, 1))),
    "_spread": ((2, 3, 4, 4, 5), (2, 2, 4, 3, 2), ((1, 1), ((2, 1), (0, 1)), (2, 3), (1, 1))),
    "_one_channel": ((3, 4, 1, 6, 7), (3, 1, 1, 3, 2), ((2, 1), ((1, 0), (1, 1)), (1, 1), (1, 1))),
    "_one_channel_shifted": (
        (3, 4, 1, 6, 7),
        (3, 1, 1, 3, 2),
        ((1, 1), ((1, 0), (-1, 3)), (1, 1), (2, 1)),
    ),
}
NAMES = ("strides", "padding", "x_dilation", "w_dilation")


def way_of(name):
    x, w, params = WAYS[name]
    return x, w, dict(zip(NAMES, params, strict=True))


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("budget", [2**26, 1000, 1])
def test_every_way_in_blocks_of_any_size(name, budget, monkeypatch):
    x, w, params = drawn(way_of(name))
    monkeypatch.setattr(conv_eager, "CACHED", budget)
    monkeypatch.setattr(conv_eager, "LARGEST", budget)
    taken = []
    was = getattr(conv_eager, name)
    monkeypatch.setattr(conv_eager, name, lambda *a: taken.append(name) or was(*a))
    found = np.asarray(ops.conv(wrap(x), wrap(w), **params))
    np.testing.assert_allclose(found, reference(x, w, **params), rtol=1e-12, atol=1e-12)
    assert taken == [name]


@pytest.mark.parametrize("name", WAYS)
def test_columns_stay_within_their_budget(name, monkeypatch):
    x, w, params = drawn(way_of(name))
    monkeypatch.setattr(conv_eager, "CACHED", 3000)
    monkeypatch.setattr(conv_eager, "LARGEST", 3000)
    sizes = []
    was = conv_eager._Columns.fill
    monkeypatch.setattr(
        conv_eager._Columns,
        "fill",
        lambda *a: sizes.append(was(*a)) or sizes[-1],
    )
    ops.conv(wrap(x), wrap(w), **params)
    assert all(columns.nbytes <= 3000 for columns in sizes)
    assert (len(sizes) > 1) == (name in ("_over_kernel", "_over_result"))


def test_columns_fit_into_a_core_s_cache(monkeypatch):
    sizes = []
    was = conv_eager._Columns.fill
    monkeypatch.setattr(conv_eager._Columns, "fill", lambda *a: sizes.append(was(*a)) or sizes[-1])
    x, w, params = drawn(((1, 50, 8, 32, 16), (1, 8, 8, 3, 3), way_of("_over_kernel")[2]))
    _, pull = vjp(lambda w: ops.conv(wrap(x), w, **params), wrap(w))
    pull(wrap(np.ones((1, 50, 8, 16, 16))))
    assert len(sizes) > 2 and max(columns.nbytes for columns in sizes) <= 2**20


def test_kernels_of_one_element_need_no_columns(monkeypatch):
    monkeypatch.delattr(conv_eager._Columns, "fill")
    x, w, params = drawn(((2, 3, 4, 5, 6), (2, 3, 4, 1, 1), way_of("_over_kernel")[2]))
    params = {**params, "padding": ((0, 0), (0, -1))}
    found = np.asarray(ops.conv(wrap(x), wrap(w), **params))
    np.testing.assert_allclose(found, reference(x, w, **params), rtol=1e-12, atol=1e-12)


# ----------------------------------------------------------------------------- what is in a program
def ops_in(graph):
    return [eqn.op.name for eqn in graph.eqns]


def loss(x, w):
    y = lax.conv_general_dilated(
        x, w, (2, 1), [(1, 1), (0, 2)], rhs_dilation=(1, 2), feature_group_count=2
    )
    return (y * y).sum()


@pytest.mark.parametrize("batch", [2, 9])
def test_gradients_and_batches_are_one_convolution_each(batch):
    x, w = np.ones((3, 4, 7, 8)), np.ones((6, 2, 3, 2))
    forward = ops_in(make_graph(loss)(x, w))
    assert forward.count("conv") == 1
    both = grad(loss, (0, 1))
    assert ops_in(make_graph(both)(x, w)).count("conv") == 3
    for axes in ((0, None), (None, 0), (0, 0)):
        xs = np.ones((batch, *x.shape)) if axes[0] == 0 else x
        ws = np.ones((batch, *w.shape)) if axes[1] == 0 else w
        mapped = ops_in(make_graph(vmap(both, axes))(xs, ws))
        assert mapped.count("conv") == 3, axes
        assert len(mapped) < 60, axes
    by_w = grad(loss, 1)
    second = make_graph(grad(lambda x, w: (by_w(x, w) ** 2).sum(), 0))(x, w)
    assert ops_in(second).count("conv") <= 5


def test_no_gradient_slides_over_holes_that_it_could_avoid():
    x, w = np.ones((2, 4, 5, 5)), np.ones((3, 4, 3, 3))

    def dilated(**keywords):
        return lambda x, w: lax.conv_general_dilated(x, w, padding=[(2, 1)] * 2, **keywords).sum()

    for keywords in (
        {"window_strides": (2, 2)},
        {"window_strides": (1, 1), "lhs_dilation": (2, 2)},
    ):
        graph = make_graph(grad(dilated(**keywords), 1))(x, w)
        last = [eqn for eqn in graph.eqns if eqn.op.name == "conv"][-1]
        assert last.params["x_dilation"] == (1, 1) and last.params["w_dilation"] == (2, 2)


def test_mapped_gradients_equal_the_loop(rng):
    xs, ws = rng.normal(size=(4, 3, 4, 7, 8)), rng.normal(size=(4, 6, 2, 3, 2))
    both = grad(loss, (0, 1))
    for axes in ((0, None), (None, 0), (0, 0)):
        args = [a if axis == 0 else a[0] for a, axis in zip((xs, ws), axes, strict=True)]
        found = jit(vmap(both, axes))(*args)
        for i in range(4):
            one = both(*[a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)])
            for f, o in zip(found, one, strict=True):
                np.testing.assert_allclose(np.asarray(f)[i], np.asarray(o), rtol=1e-11, atol=1e-11)


# ------------------------------------------------------------------------------------------- dtypes
@pytest.mark.parametrize("dtype", [np.float16, bfloat16])
def test_short_floats_are_rounded_once(dtype, rng):
    x, w = (rng.normal(size=(1, 2, 40, 9)).astype(dtype) for _ in range(2))
    params = {**dict.fromkeys(NAMES, (1,)), "padding": ((4, 4),)}
    found = np.asarray(ops.conv(wrap(x), wrap(w), **params))
    wide = np.asarray(
        ops.conv(wrap(x.astype(np.float32)), wrap(w.astype(np.float32)), **params)
    )  # fmt: skip
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wide.astype(dtype))


def test_integers_wrap_and_bools_are_refused():
    x = fnp.full((1, 1, 3), 100, "int8")
    np.testing.assert_array_equal(np.asarray(lax.conv(x, x, (1,), "VALID")), [[[48]]])
    with pytest.raises(DtypeError, match="bool arrays have no product sum"):
        lax.conv(x > 0, x > 0, (1,), "VALID")
    wide = lax.conv_general_dilated(x, x, (1,), "VALID", preferred_element_type="int32")
    assert wide.dtype == fnp.int32 and int(wide[0, 0, 0]) == 30000


def test_complex_numbers_are_not_conjugated():
    x = fnp.array([[[1j, 2.0]]])
    np.testing.assert_array_equal(np.asarray(lax.conv(x, x, (1,), "VALID")), [[[3.0]]])


# ---------------------------------------------------------------------------------------- JAX's own
@pytest.fixture(scope="module")
def jlax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax.lax


def same(got, want):
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12, atol=1e-12)


LAYOUTS = [
    None, ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC"), ("CNHW", "IHOW", "HNWC"),
    ("NWHC", "OHWI", "WHNC"),
]  # fmt: skip


@pytest.mark.parametrize(
    "layout, padding",
    [*itertools.product(LAYOUTS, ["SAME", ((1, 2), (-1, 1))]), (None, "VALID"),
     (LAYOUTS[2], "SAME_LOWER")],
)  # fmt: skip
def test_layouts_and_padding(layout, padding, jlax, rng):
    sizes = {"N": 2, "C": 4, "H": 7, "W": 6, "O": 6}
    lhs, rhs, _ = layout or LAYOUTS[1]
    x = rng.normal(size=[sizes[c] for c in lhs])
    w = rng.normal(size=[{"O": 6, "I": 4, "H": 3, "W": 2}[c] for c in rhs])
    for keywords in ({}, {"rhs_dilation": (2, 3)}, {"lhs_dilation": (1, 1)}):
        args = (x, w, (2, 1), padding)
        same(
            lax.conv_general_dilated(*args, dimension_numbers=layout, **keywords),
            jlax.conv_general_dilated(*args, dimension_numbers=layout, **keywords),
        )


@pytest.mark.parametrize(
    "keywords",
    [
        {"feature_group_count": 3},
        {"feature_group_count": 6},
        {"batch_group_count": 2},
        {"batch_group_count": 4, "lhs_dilation": (2,)},
        {"feature_group_count": 2, "lhs_dilation": (3,), "rhs_dilation": (2,)},
    ],
)
def test_groups(keywords, jlax, rng):
    groups = keywords.get("feature_group_count", 1)
    x, w = rng.normal(size=(4, 6, 9)), rng.normal(size=(12, 6 // groups, 3))
    args = (x, w, (2,), [(3, 1)])
    same(lax.conv_general_dilated(*args, **keywords), jlax.conv_general_dilated(*args, **keywords))


@pytest.mark.parametrize("padding", ["SAME", "VALID", [(2, 1), (0, 3)]])
@pytest.mark.parametrize(
    "keywords",
    [{}, {"transpose_kernel": True}, {"rhs_dilation": (2, 1)}, {"use_consistent_padding": True}],
)
def test_conv_transpose(padding, keywords, jlax, rng):
    if keywords.get("use_consistent_padding") and not isinstance(padding, str):
        padding = [(2, 1), (0, 1)]
    channels = (3, 3) if "transpose_kernel" in keywords else (3, 5)
    x, w = rng.normal(size=(2, 4, 5, 3)), rng.normal(size=(3, 2, *channels))
    same(
        lax.conv_transpose(x, w, (2, 3), padding, **keywords),
        jlax.conv_transpose(x, w, (2, 3), padding, **keywords),
    )


def test_conveniences(jlax, rng):
    x, w = rng.normal(size=(2, 3, 8)), rng.normal(size=(4, 3, 3))
    same(lax.conv(x, w, (2,), "SAME"), jlax.conv(x, w, (2,), "SAME"))
    general = (x, w, (1,), [(1, 2)], (2,), (3,))
    same(lax.conv_with_general_padding(*general), jlax.conv_with_general_padding(*general))
    point = (rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), (), ())
    same(lax.conv_general_dilated(*point), jlax.conv_general_dilated(*point))
    shapes = ((2, 9, 8, 3), (3, 2, 3, 4), (2, 3), "SAME", LAYOUTS[2])
    assert lax.conv_general_shape_tuple(*shapes) == jlax.conv_general_shape_tuple(*shapes)
    assert lax.conv_general_permutations(LAYOUTS[3]) == tuple(
        jlax.conv_general_permutations(LAYOUTS[3])
    )
    ours = lax.conv_dimension_numbers(x.shape, w.shape, ("CNH", "HIO", "NHC"))
    assert ours == tuple(jlax.conv_dimension_numbers(x.shape, w.shape, ("CNH", "HIO", "NHC")))
    axes = tuple(map(list, ours))
    assert lax.conv_dimension_numbers(x.shape, w.shape, axes) == ours
    for word, k, s in itertools.product(("SAME", "SAME_LOWER", "VALID"), (1, 4, 5), (1, 3)):
        args = (np.array([7, 2]), np.array([k, 3]), np.array([s, 1]), word)
        assert lax.padtype_to_pads(*args) == jlax.padtype_to_pads(*args)


# ----------------------------------------------------------------------------------------- refusals
X, W = np.ones((2, 4, 5), "float32"), np.ones((6, 4, 3), "float32")


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"rhs": W.astype("float64")}, DtypeError, "got float32 and float64"),
        ({"rhs": W[0]}, ShapeError, "as many dimensions"),
        ({"rhs": W[:, :3]}, ShapeError, "4 input channels"),
        ({"feature_group_count": 3}, ShapeError, "4 channels of lhs are no multiple"),
        ({"batch_group_count": 4}, ShapeError, "2 examples of lhs are no multiple"),
        ({"feature_group_count": 2, "batch_group_count": 2}, ShapeError, "at most one"),
        ({"window_strides": (1, 1)}, ShapeError, "window_strides must have a positive entry"),
        ({"rhs_dilation": (0,)}, ShapeError, "rhs_dilation must have a positive entry"),
        ({"padding": "FULL"}, ValueError, "'SAME_LOWER' or a pair"),
        ({"padding": [1]}, ValueError, r"got \[1\]"),
        ({"padding": "SAME", "lhs_dilation": (2,)}, ValueError, "conv_transpose"),
        ({"padding": [(-3, -3)]}, ShapeError, "crops more"),
        ({"dimension_numbers": ("NCH", "OIW", "NCH")}, TypeError, "same spatial letters"),
        ({"dimension_numbers": ("NHH", "OIH", "NCH")}, TypeError, r"dimension_numbers\[0\]"),
        ({"dimension_numbers": ("NCHW", "OIHW", "NCHW")}, TypeError, "name the 3 axes"),
        ({"dimension_numbers": "NCH"[:2]}, TypeError, "a tuple of three layouts"),
        ({"dimension_numbers": ((0, 1, 1), (0, 1, 2), (0, 1, 2))}, TypeError, "name the 3 axes"),
    ],
)
def test_refusals(change, error, text):
    args = {"lhs": X, "rhs": W, "window_strides": (1,), "padding": "VALID"} | change
    with pytest.raises(error, match=text):
        lax.conv_general_dilated(**args)


def test_no_layout_is_guessed_beyond_three_dimensions():
    with pytest.raises(ShapeError, match="no layout is agreed upon"):
        lax.conv_transpose(np.ones((1,) * 6), np.ones((1,) * 6), (1,) * 4, "SAME")
    assert fl.lax.conv_general_dilated(X, W, (1,), "VALID").shape == (2, 6, 3)

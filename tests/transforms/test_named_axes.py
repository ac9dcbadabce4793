"""Named axes: several of them, their sizes, jit's cache, printed programs, messages."""

import types
from functools import partial

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax
from functorch_lite.core.graph import check, evaluate, to_function
from tests.transforms.test_collectives import FL, RNG, X, close, lane, named


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield types.SimpleNamespace(np=found.numpy, lax=found.lax, vmap=found.vmap)


# ------------------------------------------------------------------------------ names and sizes
def nest(L, f, x):
    """Mapped over two named axes, the outer one "i", the inner one "j"."""
    return L.vmap(L.vmap(f, axis_name="j"), axis_name="i")(L.np.asarray(x))


def test_several_names_count_as_one_axis(jax):
    x = np.arange(6.0).reshape(2, 3)
    for names, order in ((("i", "j"), x.ravel()), (("j", "i"), x.T.ravel())):
        for f in (
            lambda L, x, names=names: L.lax.psum(x, names),
            lambda L, x, names=names: L.lax.pmean(x, list(names)),
            lambda L, x, names=names: L.lax.pmax(x, names),
            lambda L, x, names=names: L.lax.axis_index(names) + 0 * x,
            lambda L, x, names=names: L.lax.axis_size(names) + 0 * x,
        ):
            close(nest(FL, partial(f, FL), x), nest(jax, partial(f, jax), x))
        gathered = nest(FL, lambda x, names=names: lax.all_gather(x, names), x)
        close(gathered, np.broadcast_to(order, (2, 3, 6)))
        given = nest(FL, lambda x, names=names: lax.pbroadcast(x, names, 1), x)
        close(given, np.full((2, 3), order[1]))
    close(nest(FL, lambda x: lax.psum(x, ()), x), x)
    close(nest(FL, lambda x: x + lax.axis_index(()), x), x)


@pytest.mark.parametrize("names", [("i", "j"), ("j", "i")])
def test_exchanges_over_several_names(names):
    """Position p along both axes together holds row p of a matrix."""
    at = np.asarray(nest(FL, lambda x: lax.axis_index(names) + 0 * x, np.zeros((2, 3), int)))
    rows = RNG.uniform(-1, 1, (6, 6))
    x = rows[at]
    close(nest(FL, lambda x: lax.all_to_all(x, names, 0, 0), x), rows.T[at])
    close(nest(FL, lambda x: lax.psum_scatter(x, names), x), rows.sum(0)[at])
    shift = [(p, (p + 1) % 6) for p in range(6)]
    close(nest(FL, lambda x: lax.ppermute(x, names, shift), x), np.roll(rows, 1, 0)[at])
    partly = np.zeros_like(rows)
    partly[1:3] = rows[:2]
    close(nest(FL, lambda x: lax.ppermute(x, names, shift[:2]), x), partly[at])
    sources = [5, 3, 1, 0, 2, 4]
    close(nest(FL, lambda x: lax.pshuffle(x, names, sources), x), rows[sources][at])
    inside = nest(FL, FL.grad(lambda x: (lax.ppermute(x, names, shift) * rows[0]).sum()), x)
    close(inside, np.broadcast_to(rows[0], (2, 3, 6)))


def test_the_innermost_of_two_axes_with_one_name_is_meant(jax):
    def sizes(L, x):
        return named(L, named(L, lambda x: x * L.lax.axis_size("i")))(x)

    def sums(L, x):
        return named(L, named(L, lambda x: L.lax.psum(x, "i")))(x)

    x = X[:, :2, 0]
    for L in (FL, jax):
        close(sizes(L, L.np.asarray(x)), 2 * x)
        close(sums(L, L.np.asarray(x)), np.broadcast_to(x.sum(1)[:, None], x.shape))


def test_a_constant_is_multiplied_at_once():
    seen = []

    def f(x):
        seen.append((lax.psum(1, "i"), lax.psum(2.5, "i"), lax.axis_size("i")))
        return x

    fl.jit(named(FL, f))(fnp.ones(3))
    assert seen == [(3, 7.5, 3)]
    assert [type(v) for v in seen[0]] == [int, float, int]


def test_trees():
    tree = {"a": fnp.ones(3), "b": (fnp.arange(3), None)}
    out = named(FL, lambda t: lax.psum(t, "i"), out_axes=None)(tree)
    close(out["a"], 3.0)
    close(out["b"][0], 3)
    assert out["b"][1] is None


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", ["psum", "pmean", "pmax", "pmin", "all_gather", "axis_index"])
def test_small_axes(name, size):
    x = fnp.asarray(X[:size])
    out = named(FL, lane(name, FL))(x)
    assert out.shape[0] == size
    inside = named(FL, FL.grad(lambda x: fnp.sum(lane(name, FL)(x))))(x)
    assert inside.shape == x.shape
    if size:  # alone, an example is its own sum, mean and extremum
        want = 0 * x if name == "axis_index" else fnp.cos(x * x / 3) * 2 * x / 3
        close(inside, want)


def test_extrema_of_no_example_are_their_identities():
    for dtype, low, high in (("float32", -np.inf, np.inf), ("int8", -128, 127), ("bool", 0, 1)):
        none = fnp.zeros((0, 2), dtype)
        close(named(FL, lambda x: lax.pmax(x, "i"), out_axes=None)(none), np.full(2, low))
        close(named(FL, lambda x: lax.pmin(x, "i"), out_axes=None)(none), np.full(2, high))


def test_ties_share_the_gradient_of_an_extremum():
    x = fnp.asarray([2.0, 1.0, 2.0])
    outside = fl.grad(lambda x: named(FL, lambda x: lax.pmax(x, "i"))(x).sum())(x)
    inside = named(FL, fl.grad(lambda x: lax.pmax(x, "i")))(x)
    close(outside, [1.5, 0, 1.5])
    close(inside, [1.5, 0, 1.5])


# --------------------------------------------------------------------------------- jit and graphs
def test_jit_traces_once_per_set_of_named_axes():
    traces = []

    @fl.jit
    def f(x):
        traces.append(1)
        try:
            return x / lax.psum(x, "i")
        except errors.AxisNameError:
            return -x

    for _ in range(2):
        for size in (2, 3):
            close(named(FL, f)(fnp.ones(size)), np.full(size, 1 / size), 1e-6)
        close(f(fnp.asarray(1.0)), -1.0)
        close(fl.vmap(f)(fnp.ones(2)), [-1.0, -1.0])
    assert len(traces) == 3
    reasons = [t.reason for t in f.cache_info().traces]
    assert reasons[0] == "first call"
    assert reasons[1] == (
        "the named axes around the call changed: 'i' of size 3 instead of 'i' of size 2"
    )
    assert "the named axes around the call changed: none instead of" in reasons[2]


def test_jit_traces_again_under_debug_nans():
    f = fl.jit(lambda x: x + 1)
    f(1.0)
    with fl.debug_nans():
        f(1.0)
    assert [t.reason for t in f.cache_info().traces] == ["first call", "debug_nans is on"]


def test_a_lowered_program_prints_and_checks():
    texts = []
    constant = fnp.asarray([1.0, 2.0])

    def f(x):
        lowered = fl.jit(lambda x: lax.pmean(x, "i") + lax.psum(constant, "i")).lower(x)
        check(lowered.graph)
        texts.extend([lowered.as_text(), lowered.as_text("optimised")])
        return x

    named(FL, f)(fnp.ones((3, 2)))
    for text in texts:
        assert "psum(" in text
        assert "axis_name='i', axis_size=3, groups=None" in text
        compile(text, "<graph>", "exec")


# ------------------------------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("call", "error", "fragments"),
    [
        (lambda x: lax.psum(x, "j"), errors.AxisNameError, ["'j'", "'i' (size 3)", "vmap(f, axis"]),
        (lambda x: lax.axis_index("j"), NameError, ["lax.axis_index", "'j'"]),
        (lambda x: lax.psum(x, ("i", "i")), errors.AxisNameError, ["'i' twice"]),
        (
            lambda x: lax.psum(x, "i", axis_index_groups=[[0, 1]]),
            errors.ShapeError,
            ["0 to 2 exactly once", "((0, 1),)"],
        ),
        (
            lambda x: lax.pmax(x, "i", axis_index_groups=[[0, 1], [2]]),
            errors.ShapeError,
            ["one size", "[2, 1]"],
        ),
        (lambda x: lax.all_gather(x, "i", axis=2), errors.AxisError, ["all_gather", "2"]),
        (lambda x: lax.all_gather(x, "i", to="reduced"), errors.TransformError, ["'varying'"]),
        (lambda x: lax.all_to_all(x, "i", 0, 0), errors.ShapeError, ["size 3, not 6", "tiled"]),
        (
            lambda x: lax.psum_scatter(x[:4], "i", tiled=True),
            errors.ShapeError,
            ["multiple of 3", "not 4"],
        ),
        (lambda x: lax.ppermute(x, "i", [(0, 3)]), errors.ShapeError, ["destination", "0 to 2"]),
        (lambda x: lax.pshuffle(x, "i", [0, 0, 1]), errors.ShapeError, ["every position"]),
        (lambda x: lax.pbroadcast(x, "i", 3), errors.IndexRangeError, ["source 3", "0 to 2"]),
    ],
)
def test_messages(call, error, fragments):
    with pytest.raises(error) as caught:
        named(FL, call)(fnp.ones((3, 6)))
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_outside_every_vmap():
    for call in (
        lambda: lax.psum(fnp.ones(2), "i"), lambda: lax.psum(1, "i"), lambda: lax.axis_size("i"),
        lambda: fl.vmap(lambda x: lax.pmax(x, "i"))(fnp.ones(2)),
        lambda: fl.jit(lambda x: lax.all_gather(x, "i"))(1.0),
    ):  # fmt: skip
        with pytest.raises(errors.AxisNameError, match="no vmap with an axis_name"):
            call()


def test_a_program_that_leaves_its_vmap_says_so():
    kept = []

    def f(x):
        kept.append(fl.make_graph(lambda x: lax.psum(x, "i"))(x))
        return x

    named(FL, f)(fnp.ones(3))
    from_text = to_function(kept[0])
    with pytest.raises(errors.AxisNameError, match="outside the vmap that names the axis 'i'"):
        from_text(fnp.asarray(1.0))
    with pytest.raises(errors.AxisNameError, match="size 3.*size 2"):
        named(FL, lambda x: evaluate(kept[0], [x])[0])(fnp.ones(2))


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"axis_name": ("i", "j")}, "one hashable name"),
        ({"axis_name": {}}, "hashable"),
        ({"axis_size": 2.0}, "must be an int"),
        ({"axis_size": -1, "in_axes": None}, "not be negative"),
    ],
)
def test_arguments_of_vmap(options, fragment):
    with pytest.raises(errors.TransformError, match=fragment):
        fl.vmap(lambda x: x, **options)(fnp.ones(2))


def test_any_hashable_is_a_name():
    for name in ("batch", 7, frozenset({1})):
        f = fl.vmap(lambda x, name=name: lax.psum(x, name), axis_name=name, spmd_axis_name="data")
        close(f(fnp.ones(3)), np.full(3, 3.0))

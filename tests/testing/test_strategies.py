"""The strategies keep to their bounds, reach what they promise, and shrink to what reads well."""

import itertools
import subprocess
import sys
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import random
from functorch_lite.testing import strategies as fst

FLOATS = ("float16", "bfloat16", "float32", "float64")
few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def wide(x):
    return np.asarray(x).astype(np.float64)


def never(strategy, wish):
    """Whether no example is found that meets a wish."""
    try:
        find(strategy, wish, settings=settings(max_examples=40, database=None))
    except NoSuchExample:
        return True
    return False


def simplest(strategy, wish=lambda x: True):
    return find(
        strategy, wish, settings=settings(max_examples=3000, database=None), random=Random(0)
    )


# ------------------------------------------------------------------------------------------ dtypes
@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ("f", {"float16", "bfloat16", "float32", "float64"}),
        ("b", {"bool"}),
        ("c", {"complex64", "complex128"}),
        ("i", {f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)}),
    ],
)
def test_dtypes_of_a_kind(kinds, names):
    for name in names:
        assert simplest(fst.dtypes(kinds), lambda d, name=name: d.name == name).name == name
    assert never(fst.dtypes(kinds), lambda d: d.name not in names)
    narrow = fst.dtypes("fi", max_bits=16)
    assert never(narrow, lambda d: d.itemsize > 2)
    assert simplest(fst.dtypes()).name == "float32"


# ------------------------------------------------------------------------------------------ shapes
def test_shapes_reach_scalars_empty_arrays_and_the_bounds():
    assert simplest(fst.shapes()) == ()
    assert simplest(fst.shapes(), lambda s: 0 in s) == (0,)
    assert simplest(fst.shapes(), lambda s: s == (4, 4, 4)) == (4, 4, 4)
    assert simplest(fst.shapes(min_dims=2, min_side=1)) == (1, 1)
    assert never(fst.shapes(min_dims=1, max_dims=2, min_side=2, max_side=3),
                 lambda s: not 1 <= len(s) <= 2 or not set(s) <= {2, 3})  # fmt: skip


@few
@given(fst.broadcastable_shapes(3))
def test_shapes_broadcast(three):
    assert len(three) == 3
    assert np.broadcast_shapes(*three) in three


def test_broadcasting_covers_both_sides():
    pairs = fst.broadcastable_shapes()
    assert simplest(pairs, lambda p: p[0] == (2, 1) and p[1] == (2, 3))
    assert simplest(pairs, lambda p: len(p[0]) > len(p[1])) == ((0,), ())
    assert simplest(pairs, lambda p: len(p[0]) < len(p[1])) == ((), (0,))
    assert simplest(fst.broadcastable_shapes(1)) == ((),)


# ------------------------------------------------------------------------------------------ arrays
@few
@given(st.data(), fst.dtypes(), fst.shapes(), st.sampled_from(sorted(fst.DOMAINS)))
def test_arrays_have_their_dtype_and_shape_and_stay_in_the_domain(data, dtype, shape, domain):
    if dtype.kind in "iu" and domain == "unit":
        with pytest.raises(ValueError, match="has no value of"):
            data.draw(fst.arrays(dtype, (1,), domain=domain))
        return
    x = data.draw(fst.arrays(dtype, shape, domain=domain))
    assert isinstance(x, fl.Array)
    assert (x.dtype, tuple(x.shape)) == (dtype, shape)
    if dtype.kind != "b":
        parts = [np.asarray(x).real, np.asarray(x).imag] if dtype.kind == "c" else [x]
        for part in map(wide, parts):
            spans = fst.DOMAINS[domain]
            assert np.all(np.any([(lo <= part) & (part <= hi) for lo, hi in spans], axis=0))


@pytest.mark.parametrize("dtype", FLOATS)
def test_values_outside_are_never_drawn(dtype):
    narrow = fst.arrays(dtype, (4,), domain=(0.1, 0.2))
    assert never(narrow, lambda x: wide(x).min() < 0.1 or wide(x).max() > 0.2)
    assert never(fst.arrays(dtype, (4,)), lambda x: not np.isfinite(wide(x)).all())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("domain", ["real", "any"])
def test_subnormal_numbers_are_optional(dtype, domain):
    tiny = float(fnp.finfo(dtype).tiny)

    def subnormal(x):
        return ((wide(x) != 0) & (abs(wide(x)) < tiny)).any()

    assert never(fst.arrays(dtype, 3, domain=domain), subnormal)
    assert simplest(fst.arrays(dtype, 3, domain=domain, allow_subnormal=True), subnormal).size == 3


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64"])
def test_nan_and_infinity_are_optional(dtype):
    x = fst.arrays(dtype, 1, allow_nan=True)
    assert np.isnan(np.asarray(simplest(x, lambda x: np.isnan(np.asarray(x)).any()))).all()
    assert never(x, lambda x: np.isinf(np.asarray(x)).any())
    x = fst.arrays(dtype, 1, allow_infinity=True)
    for sign in (1, -1):
        wish = sign * np.inf
        assert simplest(x, lambda x, wish=wish: np.asarray(x).real[0] == wish).size == 1
    positive = fst.arrays(dtype, 2, domain="positive", allow_infinity=True)
    assert never(positive, lambda x: x.real.min() < 0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_any_reaches_large_values(dtype):
    limit = float(fnp.finfo(dtype).max)
    assert simplest(fst.arrays(dtype, 1, domain="any"), lambda x: wide(x)[0] > limit**0.7).size == 1


def test_integers():
    assert simplest(fst.arrays("int8", 1, domain="any"), lambda x: x[0] == -128).tolist() == [-128]
    assert never(fst.arrays("uint8", 2), lambda x: (np.asarray(x) > 8).any())
    found = simplest(fst.arrays("int32", 2, domain="nonzero"), lambda x: x[0] < 0)
    assert found.tolist() == [-1, 1]
    assert simplest(fst.arrays("uint64", 1, domain="any"), lambda x: int(x[0]) >= 2**63).size == 1


@few
@given(st.data(), fst.dtypes("if"), fst.shapes())
def test_distinct_values_keep_their_distance(data, dtype, shape):
    x = wide(data.draw(fst.arrays(dtype, shape, domain="distinct"))).reshape(-1)
    if x.size > 1:
        assert np.diff(np.sort(x)).min() >= (1 if dtype.kind in "iu" else 0.25)


def test_distinct_values_come_in_any_order():
    x = fst.arrays("float64", 3, domain="distinct")
    orders = itertools.permutations([0.0, 0.25, 0.5])
    assert all(simplest(x, lambda x, o=o: tuple(x.tolist()) == o).size for o in orders)
    with pytest.raises(ValueError, match="bool has no 3 values"):
        simplest(fst.arrays("bool", 3, domain="distinct"))


def test_elements_of_the_users_choice_and_strategies_for_everything():
    x = fst.arrays(fst.dtypes("f"), fst.shapes(min_dims=1, min_side=1), st.sampled_from([2.0, 3.0]))
    assert never(x, lambda x: not set(wide(x).reshape(-1)) <= {2.0, 3.0})
    assert simplest(x, lambda x: (x == 3).any()).tolist() == [3.0]
    assert simplest(fst.arrays("int64", 2, st.integers(5, 6))).tolist() == [5, 5]


def test_arrays_shrink():
    x = fst.arrays(fst.dtypes("f"), fst.shapes())
    found = simplest(x, lambda x: (x > 3).any())
    assert (found.tolist(), found.dtype.name) == ([4.0], "float32") or found.tolist() == 4.0
    found = simplest(fst.arrays("float32", fst.shapes()), lambda x: x.ndim > 1 and x.sum() < -1)
    assert found.shape == (1, 1) and float(found.sum()) == -2.0


# ---------------------------------------------------------------------------------- trees and keys
@few
@given(fst.pytrees(fst.arrays()))
def test_pytrees_are_pytrees(tree):
    assert fl.tree.map(lambda x: x, tree) is not None
    assert len(fl.tree.leaves(tree)) <= 10
    assert all(isinstance(x, fl.Array) for x in fl.tree.leaves(tree))


def test_pytrees_nest():
    trees = fst.pytrees(st.just(7))
    assert simplest(trees) == 7
    assert simplest(trees, lambda t: isinstance(t, dict) and len(t) == 2)
    assert simplest(trees, lambda t: isinstance(t, tuple) and None in t) == (None,)
    nested = simplest(trees, lambda t: isinstance(t, list) and t and isinstance(t[0], tuple))
    assert nested == [()]
    assert never(
        fst.pytrees(st.just(7), allow_none=False), lambda t: isinstance(t, tuple) and None in t
    )


@few
@given(st.data(), fst.shapes())
def test_axes_are_axes(data, shape):
    x = np.zeros(shape)
    chosen = data.draw(fst.axes(x.ndim))
    assert fnp.sum(fnp.asarray(x), axis=chosen).shape == x.sum(axis=chosen).shape


def test_axes_have_their_options():
    assert simplest(fst.axes(0)) == simplest(fst.axes(3)) == ()
    assert simplest(fst.axes(2), lambda a: min(a, default=0) < 0) == (-2,)
    assert simplest(fst.axes(3, min_size=1, max_size=1)) == (0,)
    assert never(fst.axes(3, allow_negative=False), lambda a: min(a, default=0) < 0)
    assert simplest(fst.axes(3), lambda a: len(a) == 3 and a[0] > a[1] > a[2] >= 0) == (2, 1, 0)


def test_keys_are_keys():
    assert simplest(fst.keys()).tolist() == random.key(0).tolist()
    large = simplest(fst.keys(), lambda key: int(key[0]) > 0)
    assert random.uniform(large).shape == ()


# ------------------------------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fst.dtypes("fx"), "strategies.dtypes: expected kinds"),
        (lambda: fst.dtypes("c", max_bits=32), "no dtype of kinds 'c' has at most 32 bits"),
        (lambda: fst.shapes(min_dims=2, max_dims=1), "dims 2 to 1"),
        (lambda: fst.broadcastable_shapes(0), "expected count >= 1"),
        (lambda: fst.arrays(domain="log"), "expected a domain among real, .*got 'log'"),
        (lambda: fst.arrays(domain=(2, 1)), r"low <= high; got \(2, 1\)"),
        (lambda: fst.axes(1, min_size=2), "got min_size 2, max_size 1, rank 1"),
    ],
)
def test_bad_bounds(make, message):
    with pytest.raises(ValueError, match=f"{message}.*Remedy:"):
        make()


def test_without_hypothesis_only_the_strategies_are_missing():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from functorch_lite import testing\n"
        "testing.check_grads\n"
        "try:\n    from functorch_lite.testing import strategies\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "expected hypothesis to be installed" in done.stdout
    assert "pip install hypothesis" in done.stdout

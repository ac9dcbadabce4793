"""Transformations before an optimiser, and optimisers for parts of the parameters."""

import itertools
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, optim, tree


def values(rng, dtype="float64"):
    return {
        "layers": [
            {"w": fnp.asarray(rng.standard_normal((3, 2)), dtype), "b": fnp.zeros(2, dtype)},
            {"w": fnp.asarray(rng.standard_normal((2, 4)), dtype), "b": fnp.ones(4, dtype)},
        ],
        "scale": fnp.asarray(0.5, dtype),
    }


def apply(transformation, grads, params=None):
    params = grads if params is None else params
    return transformation.update(grads, transformation.init(params), params)[0]


# ---------------------------------------------------------------- clipping
@pytest.mark.peers
@pytest.mark.parametrize("order", [1, 2, 3, 0.5, 0, -1, math.inf, -math.inf])
@pytest.mark.parametrize("bound", [0.0, 0.3, 1e3])
def test_clipping_equals_pytorchs(order, bound, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    grads = values(rng)
    leaves = [torch.zeros(g.shape, dtype=torch.float64) for g in tree.leaves(grads)]
    for leaf, grad in zip(leaves, tree.leaves(grads), strict=True):
        leaf.grad = torch.tensor(np.asarray(grad))
    total = torch.nn.utils.clip_grad_norm_(leaves, bound, norm_type=order)
    np.testing.assert_allclose(optim.global_norm(grads, order), total, rtol=1e-12)
    found = apply(optim.clip_by_norm(bound, order), grads)
    for have, want in zip(tree.leaves(found), leaves, strict=True):
        np.testing.assert_allclose(have, want.grad, rtol=1e-12, atol=1e-15)
    torch.nn.utils.clip_grad_value_(leaves, 0.2)
    found = apply(optim.clip_by_value(0.2), found)
    for have, want in zip(tree.leaves(found), leaves, strict=True):
        np.testing.assert_allclose(have, want.grad, rtol=1e-12, atol=1e-15)


def test_clipping_of_what_is_not_finite_is_as_documented():
    grads = fnp.asarray([1.0, fnp.nan])
    assert np.isnan(np.asarray(apply(optim.clip_by_norm(1.0), grads))).all()
    np.testing.assert_array_equal(apply(optim.clip_by_norm(1.0), fnp.asarray([2.0, fnp.inf]))[0], 0)
    np.testing.assert_array_equal(apply(optim.clip_by_value(1.0), grads), [1.0, np.nan])


def test_norms_of_nothing_are_zero():
    assert float(optim.global_norm({})) == 0
    for order in (1, 2, math.inf, -math.inf, 0, 3):
        assert float(optim.global_norm([fnp.zeros((0, 3))], order)) == 0
    assert apply(optim.clip_by_norm(1.0), {}) == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_norms_do_not_overflow_in_16_bits_and_dtypes_stay(dtype, rng):
    grads = fnp.full(1000, 200.0, dtype)
    np.testing.assert_allclose(optim.global_norm(grads), 200 * math.sqrt(1000), rtol=1e-3)
    clipped = apply(optim.clip_by_norm(1.0), grads)
    assert clipped.dtype == grads.dtype
    np.testing.assert_allclose(np.asarray(clipped, "float64"), 1 / math.sqrt(1000), rtol=1e-2)
    for part in (optim.clip_by_value(0.1), optim.add_l1_decay(0.1), optim.add_l2_decay(0.1)):
        assert apply(part, grads).dtype == grads.dtype


def test_complex_gradients_keep_their_phase():
    clipped = apply(optim.clip_by_norm(1.0), fnp.asarray([3 + 4j], "complex128"))
    np.testing.assert_allclose(clipped, [0.6 + 0.8j], rtol=1e-6)


# ---------------------------------------------------------------- decay and chains
def test_decays_are_the_gradients_of_their_penalties(rng):
    params = fnp.asarray(rng.standard_normal(5))
    grads = fnp.asarray(rng.standard_normal(5))
    penalties = {
        optim.add_l1_decay(0.3): lambda p: 0.3 * fnp.abs(p).sum(),
        optim.add_l2_decay(0.3): lambda p: 0.3 * (p**2).sum() / 2,
        optim.add_elastic_net_decay(0.3, 0.2): lambda p: (
            0.3 * (0.2 * fnp.abs(p) + 0.8 * p**2 / 2).sum()
        ),
    }
    for decay, penalty in penalties.items():
        found = apply(decay, grads, params)
        np.testing.assert_allclose(found, grads + fl.grad(penalty)(params), rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_l2_decay_before_an_optimizer_is_its_weight_decay(name, rng):
    params, grads = values(rng), values(rng)
    inside = getattr(optim, name)(0.1, weight_decay=0.2)
    outside = optim.chain(optim.add_l2_decay(0.2), getattr(optim, name)(0.1))
    expected, _ = inside.update(grads, inside.init(params), params)
    found, _ = outside.update(grads, outside.init(params), params)
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, expected)


def test_a_chain_feeds_each_part_with_what_the_last_one_gave(rng):
    params, grads = values(rng), values(rng)
    parts = [optim.clip_by_norm(0.5), optim.add_l1_decay(0.1), optim.sgd(0.1, momentum=0.9)]
    chain = optim.chain(*parts)
    state = chain.init(params)
    step = fl.jit(chain.update)
    expected, held = params, [part.init(params) for part in parts]
    for _ in range(3):
        changed = grads
        for i, part in enumerate(parts):
            changed, held[i] = part.update(changed, held[i], expected)
        expected = changed
        params, state = step(grads, state, params)
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), params, expected)
    assert step.cache_info().misses == 1
    assert tree.structure(state) == tree.structure(chain.init(params))
    assert isinstance(chain, optim.Optimizer)
    assert isinstance(optim.chain(*parts[:2]), optim.Transformation)
    assert repr(chain) == "chain(clip_by_norm, add_l1_decay, sgd)"


def test_schedules_of_transformations():
    part = optim.clip_by_value(lambda step: 1.0 / (step + 1))
    grads = fnp.ones(1)
    state = part.init(grads)
    for bound in (1.0, 0.5, 1 / 3):
        clipped, state = part.update(grads, state, grads)
        np.testing.assert_allclose(clipped, bound, rtol=1e-6)


# ---------------------------------------------------------------- groups
@pytest.mark.peers
def test_groups_equal_pytorchs(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    params = values(rng)
    is_bias = [name.endswith("['b']") for name in map(tree.path_str, paths(params))]
    labels = tree.unflatten(tree.structure(params), ["b" if b else "w" for b in is_bias])
    ours = optim.grouped(
        {"w": optim.adamw(0.05, weight_decay=0.1), "b": optim.adamw(0.01, weight_decay=0.0)}, labels
    )
    leaves = [torch.tensor(np.asarray(p)) for p in tree.leaves(params)]
    reference = torch.optim.AdamW(
        [
            {"params": list(itertools.compress(leaves, [not b for b in is_bias]))},
            {"params": list(itertools.compress(leaves, is_bias)), "lr": 0.01, "weight_decay": 0.0},
        ],
        lr=0.05,
        weight_decay=0.1,
    )
    state = ours.init(params)
    step = fl.jit(ours.update)
    for _ in range(20):
        grads = values(rng)
        for leaf, grad in zip(leaves, tree.leaves(grads), strict=True):
            leaf.grad = torch.tensor(np.asarray(grad))
        reference.step()
        params, state = step(grads, state, params)
    for have, want in zip(tree.leaves(params), leaves, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-10)
    assert step.cache_info().misses == 1


def paths(params):
    return [path for path, _ in tree.leaves_with_path(params)]


def test_labels_may_end_above_the_leaves_or_be_a_function(rng):
    params, grads = values(rng), values(rng)
    optimizers = {"slow": optim.sgd(0.1), "fast": optim.sgd(1.0), "none": optim.freeze()}
    prefix = {"layers": ["slow", "fast"], "scale": "none"}
    for labels in (prefix, lambda params: prefix):
        group = optim.grouped(optimizers, labels)
        found, _ = group.update(grads, group.init(params), params)
        for i, lr in ((0, 0.1), (1, 1.0)):
            for key in ("w", "b"):
                want = params["layers"][i][key] - lr * grads["layers"][i][key]
                np.testing.assert_allclose(found["layers"][i][key], want, rtol=1e-12)
        np.testing.assert_array_equal(found["scale"], params["scale"])


@hypothesis.given(flags=st.lists(st.booleans(), min_size=5, max_size=5))
@hypothesis.settings(max_examples=15)
def test_a_mask_divides_the_parameters_in_two(flags):
    rng = np.random.default_rng(0)
    params, grads = values(rng), values(rng)
    mask = tree.unflatten(tree.structure(params), flags)
    inner = optim.adam(0.1)
    whole, _ = inner.update(grads, inner.init(params), params)
    part = optim.masked(inner, mask)
    found, _ = part.update(grads, part.init(params), params)
    assert tree.structure(found) == tree.structure(params)
    for flag, have, moved, before in zip(
        flags, tree.leaves(found), tree.leaves(whole), tree.leaves(params), strict=True
    ):
        np.testing.assert_allclose(have, moved if flag else before, rtol=1e-12)


def test_a_masked_transformation_passes_the_others_on(rng):
    grads = {"a": fnp.asarray([3.0, 4.0]), "b": fnp.asarray([100.0]), "steps": fnp.asarray([7])}
    part = optim.masked(optim.clip_by_norm(1.0), {"a": True, "b": False, "steps": False})
    assert isinstance(part, optim.Transformation)
    found = apply(part, grads, tree.map(fnp.zeros_like, grads))
    np.testing.assert_allclose(found["a"], [0.6, 0.8], rtol=1e-5)
    np.testing.assert_array_equal(found["b"], [100.0])
    np.testing.assert_array_equal(found["steps"], [7])


def test_groups_under_vmap(rng):
    group = optim.grouped({"x": optim.adam(0.1), "y": optim.sgd(0.1)}, {"a": "x", "b": "y"})
    params = {key: fnp.asarray(rng.standard_normal((3, 4))) for key in "ab"}
    state = fl.vmap(group.init)(params)
    found, _ = fl.vmap(group.update)(params, state, params)
    for i in range(3):
        one = tree.map(lambda p, i=i: p[i], params)
        want, _ = group.update(one, group.init(one), one)
        tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-12), found, want)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.chain(), ValueError, "at least one part"),
        (lambda: optim.chain(0.1), TypeError, "expected transformations and an optimiser; got 0.1"),
        (
            lambda: optim.chain(optim.sgd(), optim.clip_by_value(1.0)),
            TypeError,
            "expected the optimiser last; sgd is followed by others",
        ),
        (
            lambda: optim.chain(optim.sgd()).update(fnp.ones(1), {}, fnp.ones(1)),
            errors.TreeError,
            r"chain\(sgd\): expected state to be a tuple of 1 states; got a dict",
        ),
        (lambda: optim.clip_by_norm(-1.0), ValueError, "max_norm >= 0; got -1.0"),
        (lambda: optim.add_elastic_net_decay(1.0, 2.0), ValueError, r"l1_ratio in \[0, 1\]"),
        (
            lambda: apply(optim.clip_by_norm(1.0), {"a": fnp.ones(1)}, {"b": fnp.ones(1)}),
            errors.TreeError,
            "clip_by_norm: expected grads of the structure of params",
        ),
        (lambda: optim.masked(0.1, True), TypeError, "a transformation or an optimiser; got 0.1"),
        (
            lambda: optim.masked(optim.sgd(), {"a": 1}).init({"a": fnp.ones(1)}),
            TypeError,
            r"masked\(sgd\): expected a mask of bools; got 1",
        ),
        (
            lambda: optim.masked(optim.sgd(), {"b": True}).init({"a": fnp.ones(1)}),
            errors.TreeError,
            "expected mask of the structure of params or of its first levels",
        ),
        (
            lambda: optim.grouped({"x": optim.sgd()}, {"a": "y"}).init({"a": fnp.ones(1)}),
            ValueError,
            r"expected labels among \['x'\]; got 'y'",
        ),
        (
            lambda: optim.grouped({"x": optim.clip_by_norm(1.0)}, "x"),
            TypeError,
            "expected an optimiser for 'x'; got clip_by_norm",
        ),
        (
            lambda: optim.grouped({"x": optim.sgd()}, "x").update(fnp.ones(1), (), fnp.ones(1)),
            errors.TreeError,
            r"expected state to be a dict with the keys \['x'\]; got a tuple",
        ),
        (
            lambda: optim.grouped({"x": optim.sgd()}, "x").update([], {"x": {}}, [fnp.ones(1)]),
            errors.TreeError,
            "expected grads of the structure of params",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

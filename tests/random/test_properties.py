"""What holds of the samplers whatever the numbers: distributions, purity, transforms, messages."""

import numpy as np
import pytest
from scipy import stats

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, random, tree

KEY = random.key(1234)

SAMPLERS = {
    "bits": lambda key: random.bits(key, (6,)),
    "bits64": lambda key: random.bits(key, (6,), "uint64"),
    "uniform": lambda key: random.uniform(key, (2, 3)),
    "uniform between": lambda key: random.uniform(key, (6,), "float64", -1.1, 3.0),
    "normal": lambda key: random.normal(key, (6,)),
    "complex normal": lambda key: random.normal(key, (6,), "complex64"),
    "truncated_normal": lambda key: random.truncated_normal(key, -1.0, 2.0, (6,)),
    "randint": lambda key: random.randint(key, (6,), -5, 100),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (6,)),
    "permutation": lambda key: random.permutation(key, 10),
    "permutation of rows": lambda key: random.permutation(key, fnp.arange(12).reshape(4, 3)),
    "choice": lambda key: random.choice(key, 10, (3,), replace=False),
    "weighted choice": lambda key: random.choice(key, 3, (4,), p=fnp.asarray([0.2, 0.3, 0.5])),
    "categorical": lambda key: random.categorical(key, fnp.zeros((4, 5))),
    "gumbel": lambda key: random.gumbel(key, (6,)),
    "split": lambda key: random.split(key, 3),
    "fold_in": lambda key: random.fold_in(key, 5),
}


def same_to_rounding(found, wanted):
    """Equal, or for floats as close as logarithms and error functions of two makers are."""
    found = np.asarray(found)
    if found.dtype.kind in "fc":
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", SAMPLERS)
def test_jit_and_vmap_change_nothing(name):
    draw = SAMPLERS[name]
    keys = random.split(KEY, 3)
    plain = [np.asarray(draw(key)) for key in keys]
    again = np.asarray(draw(keys[0]))
    np.testing.assert_array_equal(again, plain[0])
    same_to_rounding(fl.jit(draw)(keys[0]), plain[0])
    mapped = fl.vmap(draw)(keys)
    np.testing.assert_array_equal(np.asarray(mapped), np.stack(plain))
    assert mapped.dtype == plain[0].dtype
    same_to_rounding(fl.jit(fl.vmap(draw))(keys), np.stack(plain))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda dtype: random.uniform(KEY, (4000,), dtype), stats.uniform()),
        (lambda dtype: random.uniform(KEY, (4000,), dtype, -2.0, 5.0), stats.uniform(-2, 7)),
        (lambda dtype: random.normal(KEY, (4000,), dtype), stats.norm()),
        (lambda dtype: random.gumbel(KEY, (4000,), dtype), stats.gumbel_r()),
        (
            lambda dtype: random.truncated_normal(KEY, -0.5, 1.5, (4000,), dtype),
            stats.truncnorm(-0.5, 1.5),
        ),
    ],
    ids=["uniform", "uniform between", "normal", "gumbel", "truncated_normal"],
)
def test_continuous_distributions(draw, distribution, dtype):
    sample = np.asarray(draw(dtype))
    assert sample.dtype == dtype
    assert stats.kstest(sample.astype("float64"), distribution.cdf).pvalue > 1e-3


def frequencies_fit(sample, probabilities):
    counts = np.bincount(np.asarray(sample).ravel(), minlength=len(probabilities))
    expected = np.asarray(probabilities) * counts.sum()
    return stats.chisquare(counts, expected).pvalue > 1e-3


def test_discrete_distributions():
    weights = np.asarray([0.1, 0.2, 0.3, 0.4])
    p = fnp.asarray(weights, "float32")
    assert frequencies_fit(random.randint(KEY, (6000,), 0, 6), [1 / 6] * 6)
    assert frequencies_fit(random.bernoulli(KEY, 0.3, (6000,)), [0.7, 0.3])
    assert frequencies_fit(random.choice(KEY, 4, (6000,), p=p), weights)
    assert frequencies_fit(random.categorical(KEY, fnp.log(p), shape=(6000,)), weights)
    firsts = fl.vmap(lambda key: random.permutation(key, 5))(random.split(KEY, 3000))[:, 0]
    assert frequencies_fit(firsts, [1 / 5] * 5)


def test_split_keys_are_independent():
    keys = random.split(KEY, 2)
    x, y = (np.asarray(random.normal(key, (4000,), "float64")) for key in keys)
    assert stats.pearsonr(x, y).pvalue > 1e-3
    parent = np.asarray(random.normal(KEY, (4000,), "float64"))
    assert stats.pearsonr(x, parent).pvalue > 1e-3


def test_split_does_not_depend_on_the_count_and_agrees_with_fold_in():
    many = random.split(KEY, 5)
    np.testing.assert_array_equal(random.split(KEY, 2), many[:2])
    for i in range(5):
        np.testing.assert_array_equal(random.fold_in(KEY, i), many[i])


def test_permutations_permute():
    x = np.arange(20).reshape(4, 5)
    for axis in (0, 1):
        rows = np.asarray(random.permutation(KEY, x, axis))
        assert sorted(map(tuple, np.moveaxis(rows, axis, 0))) == sorted(
            map(tuple, np.moveaxis(x, axis, 0))
        )
    independent = np.asarray(random.permutation(KEY, x, 1, independent=True))
    np.testing.assert_array_equal(np.sort(independent, axis=1), x)
    assert sorted(random.choice(KEY, 6, (6,), replace=False).tolist()) == list(range(6))


def test_seeds_may_be_traced():
    np.testing.assert_array_equal(fl.jit(random.key)(7), random.key(7))
    made = fl.vmap(random.key)(fnp.arange(3))
    np.testing.assert_array_equal(made, np.stack([random.key(i) for i in range(3)]))


def test_samples_are_differentiable_in_their_bounds():
    def mean(low, high):
        return random.uniform(KEY, (100,), "float64", low, high).mean()

    low, high = fnp.asarray(0.3, "float64"), fnp.asarray(1.7, "float64")
    by_low, by_high = fl.grad(mean, argnums=(0, 1))(low, high)
    unit = np.asarray(random.uniform(KEY, (100,), "float64")).mean()
    np.testing.assert_allclose([float(by_low), float(by_high)], [1 - unit, unit], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.uniform(fnp.ones(3)), errors.DtypeError, r"key \(u32\[2\]\); got f32\[3\]"),
        (lambda: random.uniform(0), errors.DtypeError, r"got int 0.*random.key\(seed\)"),
        (lambda: random.uniform(random.split(KEY)), errors.ShapeError, r"u32\[2,2\].*vmap"),
        (lambda: random.uniform(KEY, (2,), "int32"), errors.DtypeError, "got int32"),
        (lambda: random.uniform(KEY, (2,), minval=fnp.ones(3)), errors.ShapeError, "minval"),
        (lambda: random.uniform(KEY, (-1,)), errors.ShapeError, "non-negative"),
        (lambda: random.bits(KEY, (), "int8"), errors.DtypeError, "unsigned"),
        (lambda: random.randint(KEY, (), 0.5, 2), errors.DtypeError, "integer minval"),
        (lambda: random.randint(KEY, (), 0, 2, "float32"), errors.DtypeError, "got float32"),
        (lambda: random.bernoulli(KEY, 1), errors.DtypeError, "floating-point p"),
        (lambda: random.key(0.5), errors.DtypeError, "integer seed"),
        (lambda: random.key(2**64), errors.IndexRangeError, "64 bits"),
        (lambda: random.key(fnp.arange(2)), errors.ShapeError, "vmap"),
        (lambda: random.fold_in(KEY, -1), errors.IndexRangeError, r"\[0, 2\*\*32\)"),
        (lambda: random.choice(KEY, 3, (4,), replace=False), errors.ShapeError, "at most 3"),
        (lambda: random.choice(KEY, 0, (4,)), errors.ShapeError, "population"),
        (lambda: random.choice(KEY, 3, p=fnp.ones(2)), errors.ShapeError, r"shape \[3\]"),
        (lambda: random.permutation(KEY, 0.5), errors.DtypeError, "an int or an array"),
        (lambda: random.permutation(KEY, fnp.ones(2), 1), errors.AxisError, "got 1"),
        (lambda: random.categorical(KEY, fnp.ones(2), 1), errors.AxisError, "got 1"),
        (lambda: random.categorical(KEY, fnp.ones((2, 3)), 1, (3,)), errors.ShapeError, "ends"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_tree_of_samples_like_another():
    values = {"a": fnp.zeros((2, 3)), "b": [fnp.zeros((), "float16"), fnp.zeros((0, 2), "float64")]}
    drawn = random.like(random.key(1), values)
    assert tree.structure(drawn) == tree.structure(values)
    for sample, value in zip(tree.leaves(drawn), tree.leaves(values), strict=True):
        assert (sample.shape, sample.dtype) == (value.shape, value.dtype)
    keys = random.split(random.key(1), 3)
    assert (drawn["a"] == random.normal(keys[0], (2, 3))).all()
    shapes = fl.eval_shape(lambda: values)
    again = fl.jit(lambda k: random.like(k, shapes, random.uniform))(random.key(1))
    assert (again["a"] == random.uniform(keys[0], (2, 3))).all()
    assert random.like(random.key(1), ()) == ()
    assert random.like(random.key(1), [0.5])[0].shape == ()
    many = fl.vmap(lambda k: random.like(k, values))(random.split(random.key(2), 4))
    assert many["a"].shape == (4, 2, 3)
    with pytest.raises(errors.DtypeError, match="expected a key"):
        random.like(values, random.key(1))


@pytest.mark.parametrize("shape", ["x", 2.5, (2, 2.5), (None,), [(2,)]])
@pytest.mark.parametrize("draw", [random.normal, random.uniform, random.bits, random.gumbel])
def test_a_shape_holds_integers(draw, shape):
    message = rf"^random\.{draw.__name__}: expected a shape of integers; got .*Remedy: shape=\("
    with pytest.raises(TypeError, match=message):
        draw(random.key(0), shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: random.gamma(k, "x"), r"^random\.gamma: expected a to be a number"),
        (lambda k: random.poisson(k, None), r"^random\.poisson: expected lam to be a number"),
        (lambda k: random.beta(k, 1.0, {}), r"^random\.beta: expected b to be a number"),
        (lambda k: random.key("a"), r"^random\.key: expected an integer seed; got"),
        (lambda k: random.key(None), r"^random\.key: expected an integer seed; got"),
        (lambda k: random.fold_in(k, "a"), r"^random\.fold_in: expected an integer data; got"),
        (lambda k: random.split(k, 2.5), r"^random\.split: expected a shape of integers; got"),
    ],
)
def test_what_is_no_number(call, message):
    with pytest.raises(TypeError, match=message):
        call(random.key(0))

"""Metrics: exact counts, whatever the batches; against scikit-learn and NumPy."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, lax
from functorch_lite.training import metrics


def run(metric, batches, wrap=lambda f: f):
    acc, update = metric.init(), wrap(metric.update)
    for batch in batches:
        acc = update(acc, *batch)
    return metric.compute(acc)


def cut(cuts, *arrays):
    return list(zip(*(np.split(x, sorted(cuts)) for x in arrays), strict=True))


@hypothesis.given(st.lists(st.integers(0, 60), max_size=4), st.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=30)
def test_how_examples_are_cut_into_batches_does_not_matter(cuts, seed):
    rng = np.random.default_rng(seed)
    logits = rng.integers(-3, 4, (60, 4)).astype("float32")  # with ties
    labels = rng.integers(0, 4, 60)
    batches = cut(cuts, logits, labels)
    right = (logits.argmax(-1) == labels).mean()
    assert float(run(metrics.accuracy(), batches)) == right
    pairs = [(np.asarray(x).argmax(-1), y) for x, y in batches]
    expected = np.zeros((4, 4), int)
    np.add.at(expected, (labels, logits.argmax(-1)), 1)
    np.testing.assert_array_equal(run(metrics.confusion(4), pairs), expected)
    assert float(run(metrics.mean(), [(y,) for _, y in batches])) == labels.mean()


def test_merging_is_accumulating(rng):
    labels, found = rng.integers(0, 3, (2, 50))
    metric = metrics.confusion(3)
    parts = [metric.update(metric.init(), found[s], labels[s]) for s in (slice(20), slice(20, 50))]
    whole = metric.update(metric.init(), found, labels)
    np.testing.assert_array_equal(metric.merge(*parts), whole)
    with pytest.raises(errors.TreeError):
        metric.merge(parts[0], metrics.mean().init())


def test_confusion_and_scores_are_those_of_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    labels, found = rng.integers(0, 5, (2, 200))
    counts = run(metrics.confusion(5), [(found, labels)])
    np.testing.assert_array_equal(counts, sklearn.confusion_matrix(labels, found))
    for ours, theirs in (
        (metrics.precision, sklearn.precision_score),
        (metrics.recall, sklearn.recall_score),
        (metrics.f1, sklearn.f1_score),
    ):
        np.testing.assert_allclose(ours(counts), theirs(labels, found, average=None), rtol=1e-14)


def test_top_k_accuracy_is_scikit_learns(rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    logits, labels = rng.normal(size=(80, 6)), rng.integers(0, 6, 80)
    for top in (1, 2, 5, 6, 9):
        expected = (
            sklearn.top_k_accuracy_score(labels, logits, k=top, labels=np.arange(6))
            if top < 6
            else 1
        )
        found = run(metrics.accuracy(top), [(logits, labels)])
        assert float(found) == pytest.approx(expected, abs=1e-15)


def test_counts_are_exact_beyond_what_floats_count():
    metric = metrics.accuracy()
    acc = {"right": fnp.asarray(2**53), "count": fnp.asarray(2**53 + 2)}
    acc = metric.update(acc, fnp.asarray([[0.0, 1.0]]), fnp.asarray([1]))
    assert (int(acc["right"]), int(acc["count"])) == (2**53 + 1, 2**53 + 3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_mean_of_narrow_numbers_is_summed_wide(dtype):
    values = fnp.full(10_000, 1.5, dtype)
    assert float(run(metrics.mean(), [(values,)] * 7)) == 1.5
    logits = fnp.asarray([[0.0, 1.0], [1.0, 0.0]], dtype)
    assert float(run(metrics.accuracy(), [(logits, fnp.asarray([1, 1]))])) == 0.5


def test_weights_and_masks():
    values = fnp.asarray([1.0, fnp.nan, 4.0])
    assert float(run(metrics.mean(), [(values, fnp.asarray([2, 0, 1]))])) == 2
    assert float(run(metrics.mean(), [(values, fnp.asarray([True, False, True]))])) == 2.5
    assert float(run(metrics.mean(), [(fnp.asarray(3.0), 10), (fnp.asarray(0.0), 20)])) == 1
    assert fnp.isnan(run(metrics.mean(), [(values,)]))


def test_numbers_of_python_keep_their_digits():
    metric = metrics.mean()
    assert float(run(metric, [(0.1,)])) == 0.1
    assert float(run(metric, [([0.1, 0.7], [0.3, 0.0])])) == pytest.approx(0.1, rel=1e-15)
    assert float(metric.update(metric.init(), 1.0, 0.3)["weight"]) == 0.3
    both = metrics.collect(a=metric, b=metric)
    acc = both.update(both.init(), b=0.7, a=(0.1, 2))  # in another order than they were named
    assert {k: float(v) for k, v in both.compute(acc).items()} == {"a": 0.1, "b": 0.7}


def test_nothing_gives_nan_and_empty_batches_change_nothing():
    assert fnp.isnan(run(metrics.mean(), []))
    assert fnp.isnan(run(metrics.accuracy(), []))
    empty = (fnp.zeros((0, 3)), fnp.zeros(0, "int64"))
    one = (fnp.asarray([[0.0, 2.0, 1.0]]), fnp.asarray([1]))
    assert float(run(metrics.accuracy(), [empty, one, empty])) == 1
    assert run(metrics.confusion(2), [(empty[1], empty[1])]).tolist() == [[0, 0], [0, 0]]
    assert fnp.isnan(metrics.recall(fnp.zeros((2, 2), "int64"))).all()


def test_ignored_examples_and_nans():
    logits = fnp.asarray([[0.0, 1.0], [fnp.nan, 0.0], [0.0, fnp.nan], [1.0, 0.0]])
    labels = fnp.asarray([1, 0, 0, -100])
    acc = metrics.accuracy().update(metrics.accuracy().init(), logits, labels)
    assert (int(acc["right"]), int(acc["count"])) == (1, 3)
    counts = run(metrics.confusion(2), [(fnp.asarray([0, 1, 1]), fnp.asarray([0, -100, 0]))])
    assert counts.tolist() == [[1, 1], [0, 0]]


def test_under_jit_scan_and_vmap(rng):
    logits, labels = rng.normal(size=(6, 5, 3)).astype("float32"), rng.integers(0, 3, (6, 5))
    batches = list(zip(logits, labels, strict=True))
    metric = metrics.collect(acc=metrics.accuracy(), loss=metrics.mean())
    update = fl.jit(lambda acc, x, y: metric.update(acc, acc=(x, y), loss=x))
    acc = metric.init()
    for x, y in batches:
        acc = update(acc, x, y)
    values = metric.compute(acc)
    assert float(values["acc"]) == (logits.argmax(-1) == labels).mean()
    assert float(values["loss"]) == pytest.approx(logits.astype(float).mean(), rel=1e-12)
    scanned, _ = lax.scan(
        lambda a, row: (metric.update(a, acc=row, loss=row[0]), None),
        metric.init(),
        (logits, labels),
    )
    assert int(scanned["acc"]["right"]) == int(acc["acc"]["right"])
    counts = metrics.confusion(3)
    each = fl.vmap(lambda p, y: counts.update(counts.init(), p, y))(logits.argmax(-1), labels)
    whole = run(counts, [(logits.argmax(-1), labels)])
    np.testing.assert_array_equal(each.sum(0), whole)


def test_traced_labels_that_are_no_class_are_not_counted_or_not_right():
    counts = metrics.confusion(2)
    found = fl.jit(counts.update)(counts.init(), fnp.asarray([0, 5, 1]), fnp.asarray([0, 0, -3]))
    assert found.tolist() == [[1, 0], [0, 0]]
    accuracy = metrics.accuracy()
    acc = fl.jit(accuracy.update)(accuracy.init(), fnp.zeros((2, 2)), fnp.asarray([0, 7]))
    assert (int(acc["right"]), int(acc["count"])) == (1, 2)


ACC, CONF, MEAN = metrics.accuracy(), metrics.confusion(2), metrics.mean()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ACC.update(ACC.init(), fnp.ones((1, 3)), [0.5]), errors.DtypeError, "labels"),
        (lambda: ACC.update(ACC.init(), fnp.ones((2, 3)), [0] * 3), errors.ShapeError, "logits"),
        (lambda: ACC.update(ACC.init(), fnp.ones(()), fnp.arange(3)), errors.ShapeError, "logits"),
        (lambda: ACC.update(ACC.init(), fnp.ones((1, 3)), [3]), errors.IndexRangeError, "got 3"),
        (lambda: CONF.update(CONF.init(), [2], [0]), errors.IndexRangeError, "predictions.*got 2"),
        (lambda: CONF.update(CONF.init(), [1], [-1]), errors.IndexRangeError, "labels.*got -1"),
        (lambda: CONF.update(CONF.init(), [1.0], [0]), errors.DtypeError, "predictions"),
        (lambda: CONF.update(CONF.init(), [1], [0, 1]), errors.ShapeError, "one shape"),
        (lambda: MEAN.update(MEAN.init(), [1.0], [1.0, 2.0]), errors.ShapeError, "broadcast"),
        (lambda: MEAN.update(MEAN.init(), fnp.ones(2, "complex64")), errors.DtypeError, "real"),
        (lambda: metrics.precision(fnp.ones((2, 3))), errors.ShapeError, "precision"),
        (lambda: metrics.collect(a=MEAN).update({}, b=1), TypeError, r"\['a'\]; got \['b'\]"),
        (lambda: metrics.accuracy(0), ValueError, "top >= 1"),
        (lambda: metrics.confusion(0), ValueError, "classes >= 1"),
    ],
)  # fmt: skip
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

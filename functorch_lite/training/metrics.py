"""Metrics over many batches: what is accumulated is a pytree of exact counts and wide sums.

A metric is ``(init, update, compute)``, pure functions, and ``merge``::

    metric = fl.training.metrics.accuracy()
    acc = metric.init()
    for logits, labels in ...:
        acc = metric.update(acc, logits, labels)       # under jit or eagerly
    metric.compute(acc)

Counts are int64 and sums float64, so the order of the batches and how examples are cut into them
changes no count, and two accumulators of different examples merge into that of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.errors import DtypeError, ShapeError, TreeError
from functorch_lite.nn.ranges import check_range

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Metric", "accuracy", "collect", "confusion", "f1", "mean", "precision", "recall"]


class Metric:
    """Pure functions ``(init, update, compute)``; unpacks as three.

    Args:
        init: ``init() -> acc``, what no example has contributed to.
        update: ``update(acc, *batch) -> acc``.
        compute: ``compute(acc) -> value``.
        name: the metric with its settings, for messages.

    >>> init, update, compute = mean()
    >>> float(compute(update(init(), fnp.asarray([1.0, 2.0]))))
    1.5
    """

    __slots__ = ("compute", "init", "name", "update")

    init: Callable[[], Any]
    update: Callable[..., Any]
    compute: Callable[[Any], Any]
    name: str

    def __init__(
        self,
        init: Callable[[], Any],
        update: Callable[..., Any],
        compute: Callable[[Any], Any],
        name: str,
    ) -> None:
        self.init = init
        self.update = update
        self.compute = compute
        self.name = name

    def merge(self, first: Any, second: Any) -> Any:
        """The accumulator of the examples of both; counts and sums add.

        Raises:
            TreeError: they are not accumulators of one metric.
        """
        expected = tree.structure(self.init())
        for what, given in (("first", first), ("second", second)):
            if tree.structure(given) != expected:
                raise TreeError(
                    f"training.{self.name}: expected accumulators of the structure {expected} to "
                    f"merge; the {what} has {tree.structure(given)}. "
                    "Remedy: merge what init and update of this metric gave."
                )
        return tree.map(lambda a, b: a + b, first, second)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update
        yield self.compute

    def __repr__(self) -> str:
        return self.name


def mean() -> Metric:
    """The mean of numbers, each of weight 1 or of a weight of its own.

    ``update(acc, values, weights=None)`` takes f[...] and weights that broadcast to it (a mask, or
    the size of a batch whose mean loss is the value).  A value of weight 0 is not looked at, so it
    may be nan.

    Returns:
        Metric; ``compute`` gives f64[], nan if nothing came.

    >>> metric = mean()
    >>> acc = metric.update(metric.init(), fnp.asarray([1.0, 5.0]), fnp.asarray([3, 1]))
    >>> float(metric.compute(acc))
    2.0
    """
    name = "metrics.mean()"

    def init() -> dict[str, Array]:
        return {"total": fnp.zeros((), "float64"), "weight": fnp.zeros((), "float64")}

    def update(acc: dict[str, Array], values: Any, weights: Any = None) -> dict[str, Array]:
        if fnp.iscomplexobj(values):
            raise DtypeError(
                f"training.{name}: expected real values; got {fnp.asarray(values).dtype.name}. "
                "Remedy: fnp.abs(values)."
            )
        wide = fnp.asarray(values, "float64")  # at once: Python's numbers keep their digits
        if weights is None:
            weight = fnp.ones(wide.shape, "float64")
        else:
            given = fnp.asarray(weights, "float64")
            if not _broadcasts(given.shape, wide.shape):
                raise ShapeError(
                    f"training.{name}: expected weights that broadcast to the values' shape "
                    f"{tuple(wide.shape)}; got {tuple(given.shape)}. "
                    "Remedy: one weight a value, or one for all."
                )
            weight = fnp.broadcast_to(given, wide.shape)
            wide = fnp.where(weight == 0, 0.0, wide * weight)
        return {"total": acc["total"] + wide.sum(), "weight": acc["weight"] + weight.sum()}

    return Metric(init, update, lambda acc: acc["total"] / acc["weight"], name)


def accuracy(top: int = 1, ignore_index: int = -100) -> Metric:
    """The share of examples whose class is among the ``top`` with the largest logits.

    ``update(acc, logits, labels)`` takes f[..., classes] and i[...].  As with
    ``nn.cross_entropy``, a label ``ignore_index`` stands for no example.  Among equal logits the
    first class counts as larger, and a nan is never right.

    Args:
        top: how many classes an example may name.
        ignore_index: the label of examples that are not counted.

    Returns:
        Metric; ``compute`` gives f64[], nan if nothing came.  The accumulator has the exact counts
        ``right`` and ``count``, i64[].

    Raises:
        ValueError: ``top`` is not positive.

    >>> metric = accuracy()
    >>> logits = fnp.asarray([[0.1, 0.9], [0.8, 0.2]])
    >>> float(metric.compute(metric.update(metric.init(), logits, fnp.asarray([1, 1]))))
    0.5
    """
    name = f"metrics.accuracy(top={top})"
    if top < 1:
        raise ValueError(
            f"training.metrics.accuracy: expected top >= 1; got {top}. Remedy: leave top out."
        )

    def init() -> dict[str, Array]:
        return {"right": fnp.zeros((), "int64"), "count": fnp.zeros((), "int64")}

    def update(acc: dict[str, Array], logits: Any, labels: Any) -> dict[str, Array]:
        scores, classes, counted = _classified(name, logits, labels, ignore_index)
        own = fnp.take_along_axis(scores, classes[..., None], axis=-1)
        places = fnp.arange(scores.shape[-1])
        before = (scores > own) | fnp.isnan(scores)
        before |= (scores == own) & (places < classes[..., None])
        right = counted & (before.sum(axis=-1) < top) & ~fnp.isnan(own[..., 0])
        return {"right": acc["right"] + right.sum(), "count": acc["count"] + counted.sum()}

    return Metric(init, update, lambda acc: acc["right"].astype("float64") / acc["count"], name)


def confusion(classes: int, ignore_index: int = -100) -> Metric:
    """How often each class was taken for each: ``counts[label, prediction]``.

    ``update(acc, predictions, labels)`` takes i[...] twice, e.g. ``argmax(logits, -1)``.  Pairs
    whose label is ``ignore_index`` are not counted.

    Args:
        classes: how many there are.
        ignore_index: the label of examples that are not counted.

    Returns:
        Metric; accumulator and ``compute`` are the counts, i64[classes, classes], whose diagonal is
        what was right.  :func:`precision`, :func:`recall` and :func:`f1` take them.

    Raises:
        ValueError: ``classes`` is not positive.
        IndexRangeError: by ``update``, for an index that is no class.  Where they are traced nobody
            can say so: then the pair is not counted.

    >>> metric = confusion(2)
    >>> metric.update(metric.init(), fnp.asarray([0, 1, 1]), fnp.asarray([0, 0, 1]))
    Array([[1, 1],
           [0, 1]], dtype=int64)

    Source: ``sklearn.metrics.confusion_matrix``.
    """
    name = f"metrics.confusion({classes})"
    if classes < 1:
        raise ValueError(
            f"training.metrics.confusion: expected classes >= 1; got {classes}. "
            "Remedy: the number of classes, not their names."
        )

    def update(acc: Array, predictions: Any, labels: Any) -> Array:
        found, wanted = fnp.asarray(predictions), fnp.asarray(labels)
        for what, given in (("predictions", found), ("labels", wanted)):
            if given.dtype.kind not in "iu":
                raise DtypeError(
                    f"training.{name}: expected integer {what}; got {given.dtype.name}. "
                    "Remedy: fnp.argmax(logits, axis=-1)."
                )
        if found.shape != wanted.shape:
            raise ShapeError(
                f"training.{name}: expected predictions and labels of one shape; got "
                f"{tuple(found.shape)} and {tuple(wanted.shape)}. "
                "Remedy: fnp.argmax(logits, axis=-1) has the labels' shape."
            )
        found, wanted = found.astype("int64"), wanted.astype("int64")
        counted = wanted != ignore_index
        for what, given in (("predictions", found), ("labels", wanted)):
            check_range(
                fnp.where(counted, given, 0),
                classes,
                f"training.{name}: {classes} classes take {what}",
                f"mark examples without a class with the label {ignore_index}",
            )
        inside = (found >= 0) & (found < classes) & (wanted >= 0) & (wanted < classes)
        place = fnp.where(inside, wanted * classes + found, 0).reshape(-1)
        ones = (inside & counted).astype("int64").reshape(-1)
        return acc.reshape(-1).at[place].add(ones).reshape(classes, classes)

    return Metric(lambda: fnp.zeros((classes, classes), "int64"), update, lambda acc: acc, name)


def precision(counts: Array) -> Array:
    """Of what was taken for a class, the share that is of it.

    Args:
        counts: i[classes, classes], as :func:`confusion` counts.

    Returns:
        f64[classes]; nan for a class that nothing was taken for.

    >>> precision(fnp.asarray([[3, 1], [0, 4]])).tolist()
    [1.0, 0.8]
    """
    return _diagonal("precision", counts) / counts.sum(axis=0)


def recall(counts: Array) -> Array:
    """Of what is of a class, the share that was taken for it.

    Args:
        counts: i[classes, classes], as :func:`confusion` counts.

    Returns:
        f64[classes]; nan for a class without examples.

    >>> recall(fnp.asarray([[3, 1], [0, 4]])).tolist()
    [0.75, 1.0]
    """
    return _diagonal("recall", counts) / counts.sum(axis=1)


def f1(counts: Array) -> Array:
    """The harmonic mean of precision and recall, 2 right / (taken for it + of it).

    Args:
        counts: i[classes, classes], as :func:`confusion` counts.

    Returns:
        f64[classes]; nan for a class that does not occur at all.

    >>> f1(fnp.asarray([[3, 1], [1, 5]])).tolist()
    [0.75, 0.8333333333333334]
    """
    right = _diagonal("f1", counts)
    return 2 * right / (counts.sum(axis=0) + counts.sum(axis=1))


def collect(**metrics: Metric) -> Metric:
    """Several metrics as one, by name.

    ``update(acc, name=arguments, ...)`` takes for each name what its metric takes: a tuple of
    arguments, or the one argument itself.  All names must come.

    Args:
        metrics: metrics by name.

    Returns:
        Metric; accumulator and ``compute`` are dicts by name.

    Raises:
        TypeError: by ``update``, if names are missing or unknown.

    >>> both = collect(loss=mean(), accuracy=accuracy())
    >>> logits, labels = fnp.asarray([[0.0, 1.0]]), fnp.asarray([1])
    >>> acc = both.update(both.init(), loss=fnp.asarray(0.5), accuracy=(logits, labels))
    >>> {name: float(value) for name, value in both.compute(acc).items()}
    {'loss': 0.5, 'accuracy': 1.0}
    """
    name = f"metrics.collect({', '.join(f'{key}={m.name}' for key, m in metrics.items())})"

    def update(acc: dict[str, Any], /, **batch: Any) -> dict[str, Any]:
        if batch.keys() != metrics.keys():
            raise TypeError(
                f"training.{name}: expected arguments for {sorted(metrics)}; got "
                f"{sorted(batch)}. Remedy: update(acc, name=(arguments of that metric), ...)."
            )
        arguments = {
            key: given if isinstance(given, tuple) else (given,) for key, given in batch.items()
        }
        return {key: m.update(acc[key], *arguments[key]) for key, m in metrics.items()}

    return Metric(
        lambda: {key: metric.init() for key, metric in metrics.items()},
        update,
        lambda acc: {key: metric.compute(acc[key]) for key, metric in metrics.items()},
        name,
    )


def _classified(
    name: str, logits: Any, labels: Any, ignore_index: int
) -> tuple[Array, Array, Array]:
    """Logits, labels (0 where there is none), and which count; raises if they do not fit."""
    scores, wanted = fnp.asarray(logits), fnp.asarray(labels)
    if wanted.dtype.kind not in "iu":
        raise DtypeError(
            f"training.{name}: expected integer labels; got {wanted.dtype.name}. "
            "Remedy: labels.astype('int64')."
        )
    if not scores.ndim or scores.shape[:-1] != wanted.shape or not scores.shape[-1]:
        raise ShapeError(
            f"training.{name}: expected logits [..., classes] and labels [...]; got "
            f"{tuple(scores.shape)} and {tuple(wanted.shape)}. "
            "Remedy: fnp.moveaxis(logits, 1, -1) for classes in the second axis."
        )
    wanted = wanted.astype("int64")
    counted = wanted != ignore_index
    classes = fnp.where(counted, wanted, 0)
    count = scores.shape[-1]
    check_range(
        classes,
        count,
        f"training.{name}: {count} classes take labels",
        f"mark examples without a class with {ignore_index}",
    )
    # Traced labels that are no class are never right.
    inside = (classes >= 0) & (classes < count)
    scores = fnp.where(inside[..., None], scores.astype(_wide(scores)), fnp.nan)
    return scores, fnp.clip(classes, 0, count - 1), counted


def _wide(x: Array) -> Any:
    return fnp.result_type(x.dtype, "float32")


def _diagonal(name: str, counts: Array) -> Array:
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ShapeError(
            f"training.metrics.{name}: expected counts [classes, classes]; got "
            f"{tuple(counts.shape)}. Remedy: metrics.confusion(classes) counts them."
        )
    return fnp.diagonal(counts).astype("float64")


def _broadcasts(shape: Any, target: Any) -> bool:
    """Whether arrays of ``shape`` broadcast to ``target``."""
    if len(shape) > len(target):
        return False
    ends = zip(reversed(shape), reversed(target), strict=False)
    return all(n in (1, size) for n, size in ends)

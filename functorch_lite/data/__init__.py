"""Feeding data: arrays cut into batches, in an order that a key determines.

:func:`dataset` holds examples, :func:`batches` is one pass over them, :func:`loader` goes over them
epoch after epoch and can be resumed at any batch, :func:`prefetch` makes batches in threads.

>>> import functorch_lite as fl
>>> [x.shape for x in fl.data.batches(fl.numpy.ones((10, 2)), 4)]
[(4, 2), (4, 2), (2, 2)]
"""

from functorch_lite.data.batches import Batches, batches
from functorch_lite.data.dataset import Dataset, dataset
from functorch_lite.data.loader import Loader, loader
from functorch_lite.data.prefetch import Prefetcher, prefetch

__all__ = [
    "Batches",
    "Dataset",
    "Loader",
    "Prefetcher",
    "batches",
    "dataset",
    "loader",
    "prefetch",
]

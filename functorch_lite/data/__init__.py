"""Feeding data: arrays cut into batches, in an order that a key determines.

>>> import functorch_lite as fl
>>> [x.shape for x in fl.data.batches(fl.numpy.ones((10, 2)), 4)]
[(4, 2), (4, 2), (2, 2)]
"""

from functorch_lite.data.batches import Batches, batches

__all__ = ["Batches", "batches"]

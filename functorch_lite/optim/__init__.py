"""Optimisers as pairs of pure functions, with PyTorch's formulas.

::

    optimizer = fl.optim.adam(1e-3)
    state = optimizer.init(params)
    params, state = optimizer.update(grads, state, params)

Parameters and gradients are any pytree.  The module ``functorch_lite.optim.rule`` explains the
protocol.

>>> import functorch_lite as fl
>>> init, update = fl.optim.sgd(0.5)
>>> params = {"w": fl.numpy.asarray([1.0, 2.0])}
>>> grads = fl.grad(lambda p: (p["w"] ** 2).sum())(params)
>>> params, state = update(grads, init(params), params)
>>> params["w"]
Array([0., 0.], dtype=float32)
"""

from functorch_lite.optim.adagrad import adagrad
from functorch_lite.optim.adam import adam
from functorch_lite.optim.rmsprop import rmsprop
from functorch_lite.optim.rule import Optimizer
from functorch_lite.optim.sgd import sgd

__all__ = ["Optimizer", "adagrad", "adam", "rmsprop", "sgd"]

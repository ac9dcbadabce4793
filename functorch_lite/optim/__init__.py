"""Optimisers as pairs of pure functions, with PyTorch's formulas.

::

    optimizer = fl.optim.adam(1e-3)
    state = optimizer.init(params)
    params, state = optimizer.update(grads, state, params)

Parameters and gradients are any pytree.  The module ``functorch_lite.optim.rule`` explains the
protocol, ``functorch_lite.optim.schedules`` has learning rates that depend on the step.

>>> import functorch_lite as fl
>>> init, update = fl.optim.sgd(0.5)
>>> params = {"w": fl.numpy.asarray([1.0, 2.0])}
>>> grads = fl.grad(lambda p: (p["w"] ** 2).sum())(params)
>>> params, state = update(grads, init(params), params)
>>> params["w"]
Array([0., 0.], dtype=float32)

The learning rate of the next update, to be logged, is the schedule at ``state["step"]``:

>>> rate = fl.optim.schedules.exponential(0.5, 0.5)
>>> init, update = fl.optim.sgd(rate)
>>> params, state = update(grads, init(params), params)
>>> float(rate(state["step"]))
0.25
"""

from functorch_lite.optim import schedules
from functorch_lite.optim.adadelta import ADADELTA, adadelta
from functorch_lite.optim.adafactor import ADAFACTOR, adafactor
from functorch_lite.optim.adagrad import ADAGRAD, adagrad
from functorch_lite.optim.adam import ADAM, adam, adamw
from functorch_lite.optim.adamax import ADAMAX, adamax
from functorch_lite.optim.asgd import ASGD, asgd
from functorch_lite.optim.chain import chain
from functorch_lite.optim.clip import clip_by_norm, clip_by_value, global_norm
from functorch_lite.optim.decay import add_elastic_net_decay, add_l1_decay, add_l2_decay
from functorch_lite.optim.ftrl import FTRL, ftrl
from functorch_lite.optim.grouped import freeze, grouped, masked
from functorch_lite.optim.lbfgs import lbfgs
from functorch_lite.optim.muon import MUON, muon
from functorch_lite.optim.nadam import NADAM, nadam
from functorch_lite.optim.radam import RADAM, radam
from functorch_lite.optim.rmsprop import RMSPROP, rmsprop
from functorch_lite.optim.rprop import RPROP, rprop
from functorch_lite.optim.rule import Optimizer, Rule, Transformation
from functorch_lite.optim.sgd import SGD, sgd
from functorch_lite.optim.sparse_adam import SPARSE_ADAM, sparse_adam

RULES: dict[str, Rule] = {
    "adadelta": ADADELTA,
    "adafactor": ADAFACTOR,
    "adagrad": ADAGRAD,
    "adam": ADAM,
    "adamax": ADAMAX,
    "asgd": ASGD,
    "ftrl": FTRL,
    "muon": MUON,
    "nadam": NADAM,
    "radam": RADAM,
    "rmsprop": RMSPROP,
    "rprop": RPROP,
    "sgd": SGD,
    "sparse_adam": SPARSE_ADAM,
}
"""The optimisers' formulas for one array, with settings that may be traced; AdamW is Adam's."""

__all__ = [
    "RULES",
    "Optimizer",
    "Rule",
    "Transformation",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "add_elastic_net_decay",
    "add_l1_decay",
    "add_l2_decay",
    "asgd",
    "chain",
    "clip_by_norm",
    "clip_by_value",
    "freeze",
    "ftrl",
    "global_norm",
    "grouped",
    "lbfgs",
    "masked",
    "muon",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "schedules",
    "sgd",
    "sparse_adam",
]

"""Layers, activations, losses and initializers as pure functions.

Layer constructors have CamelCase names and return a :class:`Layer`, a pair of pure functions::

    params = layer.init(key)             out = layer.apply(params, x)

Functions have lower-case names and work on arrays: :func:`relu`, :func:`softmax`, :func:`linear`,
:func:`cross_entropy` and so on; the arithmetic of each layer is the function of its name.  The
module ``functorch_lite.nn.layer`` explains the protocol, and layers with state or keys.

>>> import functorch_lite as fl
>>> net = fl.nn.chain(fl.nn.Linear(64, 32), fl.nn.relu, fl.nn.Linear(32, 10))
>>> params = net.init(fl.random.key(0))
>>> net.apply(params, fl.numpy.ones((5, 64))).shape
(5, 10)
"""

from functorch_lite.nn import initializers
from functorch_lite.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from functorch_lite.nn.batch_norm import BatchNorm, batch_norm
from functorch_lite.nn.chain import chain
from functorch_lite.nn.dropout import Dropout, dropout
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import Linear, linear
from functorch_lite.nn.losses import cross_entropy, mse_loss
from functorch_lite.nn.lstm import LSTM, lstm, lstm_cell
from functorch_lite.nn.one_hot import one_hot
from functorch_lite.nn.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "LSTM",
    "BatchNorm",
    "Dropout",
    "Layer",
    "Linear",
    "batch_norm",
    "chain",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "initializers",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "mse_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

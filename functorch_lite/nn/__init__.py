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
from functorch_lite.nn.adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from functorch_lite.nn.batch_norm import BatchNorm, batch_norm
from functorch_lite.nn.chain import chain
from functorch_lite.nn.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from functorch_lite.nn.conv_layers import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from functorch_lite.nn.dropout import Dropout, dropout
from functorch_lite.nn.embedding import Embedding, embedding
from functorch_lite.nn.flatten import Flatten, flatten
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import Linear, linear
from functorch_lite.nn.losses import cross_entropy, mse_loss
from functorch_lite.nn.lstm import LSTM, lstm, lstm_cell
from functorch_lite.nn.one_hot import one_hot
from functorch_lite.nn.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from functorch_lite.nn.pool_layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    LPPool1d,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from functorch_lite.nn.segments import segment_max, segment_min, segment_prod, segment_sum
from functorch_lite.nn.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "LSTM",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "LPPool1d",
    "LPPool2d",
    "Layer",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "chain",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "initializers",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "lp_pool1d",
    "lp_pool2d",
    "lstm",
    "lstm_cell",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "one_hot",
    "relu",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

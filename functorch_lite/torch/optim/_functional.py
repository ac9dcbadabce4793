"""Optimisers as functions of lists of tensors. Source: ``torch.optim._functional``."""

from functorch_lite.torch.optim.adadelta import adadelta
from functorch_lite.torch.optim.adagrad import adagrad
from functorch_lite.torch.optim.adam import adam
from functorch_lite.torch.optim.adamax import adamax
from functorch_lite.torch.optim.adamw import adamw
from functorch_lite.torch.optim.asgd import asgd
from functorch_lite.torch.optim.nadam import nadam
from functorch_lite.torch.optim.radam import radam
from functorch_lite.torch.optim.rmsprop import rmsprop
from functorch_lite.torch.optim.rprop import rprop
from functorch_lite.torch.optim.sgd import sgd

__all__ = [
    "adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop",
    "sgd",
]  # fmt: skip

"""Optimisers and schedules of learning rates.

>>> import functorch_lite.torch as torch
>>> w = torch.ones(2, requires_grad=True)
>>> optimizer = torch.optim.SGD([w], lr=0.25)
>>> (w * w).sum().backward()
>>> optimizer.step()
>>> w
tensor([0.5000, 0.5000], requires_grad=True)

Source: ``torch.optim``.
"""

from functorch_lite.torch.optim import lr_scheduler, swa_utils
from functorch_lite.torch.optim._adafactor import Adafactor
from functorch_lite.torch.optim._ftrl import FTRL
from functorch_lite.torch.optim._muon import Muon
from functorch_lite.torch.optim._swapping import swap_in_optimizer_params_and_state
from functorch_lite.torch.optim.adadelta import Adadelta
from functorch_lite.torch.optim.adagrad import Adagrad
from functorch_lite.torch.optim.adam import Adam
from functorch_lite.torch.optim.adamax import Adamax
from functorch_lite.torch.optim.adamw import AdamW
from functorch_lite.torch.optim.asgd import ASGD
from functorch_lite.torch.optim.lbfgs import LBFGS
from functorch_lite.torch.optim.nadam import NAdam
from functorch_lite.torch.optim.optimizer import Optimizer
from functorch_lite.torch.optim.radam import RAdam
from functorch_lite.torch.optim.rmsprop import RMSprop
from functorch_lite.torch.optim.rprop import Rprop
from functorch_lite.torch.optim.sgd import SGD
from functorch_lite.torch.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "FTRL", "LBFGS", "Muon",
    "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam", "lr_scheduler",
    "swa_utils", "swap_in_optimizer_params_and_state",
]  # fmt: skip

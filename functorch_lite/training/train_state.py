"""Everything that training changes, as one immutable pytree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random, tree
from functorch_lite.nn.layer import Layer
from functorch_lite.optim.rule import Optimizer

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["TrainState", "train_state"]


@tree.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """The step count, parameters, the optimiser's and the model's state, and a key.

    A pytree: it goes through ``jit``, is donated, saved and compared as a whole.  What is static
    (the network, the optimiser) is not in it.

    Attributes:
        step: i64[], updates made so far.
        params: pytree of arrays.
        opt_state: what ``optimizer.init(params)`` gave, and every update since.
        model_state: the second pytree of stateful layers, e.g. running means; ``()`` without.
        key: u32[2] from which the keys of all steps come, or None.

    >>> import functorch_lite as fl
    >>> net, optimizer = fl.nn.Linear(2, 1), fl.optim.sgd(0.1)
    >>> state = train_state(net, optimizer, random.key(0))
    >>> int(state.step), state.params["weight"].shape
    (0, (1, 2))
    """

    step: Array
    params: Any
    opt_state: Any
    model_state: Any = ()
    key: Array | None = None

    def step_key(self) -> Array:
        """The key of this step, u32[2]: ``fold_in(key, step)``, another one after every update.

        Raises:
            TypeError: the state was made without a key.
        """
        if self.key is None:
            raise TypeError(
                "training.TrainState.step_key: expected a state with a key; its key is None. "
                "Remedy: make it with train_state(net, optimizer, key), or state.replace(key=key)."
            )
        return random.fold_in(self.key, self.step)

    def apply_gradients(self, grads: Any, optimizer: Optimizer, **changes: Any) -> TrainState:
        """The state after one update, its step one higher.

        Args:
            grads: pytree like ``params``.
            optimizer: the one whose state this holds.
            changes: other fields to replace, such as ``model_state``.

        Raises:
            TreeError, ShapeError: the gradients do not match the parameters.
        """
        params, opt_state = optimizer.update(grads, self.opt_state, self.params)
        return dataclasses.replace(
            self, step=self.step + 1, params=params, opt_state=opt_state, **changes
        )

    def replace(self, **changes: Any) -> TrainState:
        """The state with some fields changed."""
        return dataclasses.replace(self, **changes)


def train_state(net: Layer, optimizer: Optimizer, key: Array) -> TrainState:
    """The state at the start of training.

    Args:
        net: the layer to train.
        optimizer: what updates its parameters.
        key: u32[2]; one part of it initialises the parameters, the other stays in the state for the
            steps.

    Returns:
        TrainState at step 0.

    Raises:
        TypeError: ``net`` or ``optimizer`` is something else.
        DtypeError, ShapeError: ``key`` is not a key.

    >>> import functorch_lite as fl
    >>> optimizer = fl.optim.sgd(0.5)
    >>> state = train_state(fl.nn.Linear(1, 1, bias=False), optimizer, random.key(0))
    >>> def loss(params):
    ...     return (params["weight"] ** 2).sum()
    >>> state = state.apply_gradients(fl.grad(loss)(state.params), optimizer)
    >>> int(state.step), float(state.params["weight"].sum())
    (1, 0.0)
    """
    if not isinstance(net, Layer):
        raise TypeError(
            f"training.train_state: expected a layer as net; got {type(net).__name__}. "
            "Remedy: nn.chain(...) of layers, or TrainState(step, params, opt_state) directly."
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "training.train_state: expected an optimiser as optimizer; got "
            f"{type(optimizer).__name__}. Remedy: optim.adam(1e-3)."
        )
    keys = random.split(key)
    made = net.init(keys[0])
    params, model_state = made if net.stateful else (made, ())
    return TrainState(fnp.zeros((), "int64"), params, optimizer.init(params), model_state, keys[1])

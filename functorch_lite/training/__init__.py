"""Training: one state, metrics, averages, and checkpoints that are never half-written.

::

    net, optimizer = fl.nn.chain(...), fl.optim.adam(1e-3)
    state = fl.training.train_state(net, optimizer, fl.random.key(0))
    feed = fl.data.loader((images, labels), 32, key=1, epochs=10)
    saved = fl.training.CheckpointManager("run")
    if saved.latest() is not None:
        tree = saved.restore(like={"state": state, "feed": feed.state()})
        state = tree["state"]
        feed.restore(tree["feed"])
    for batch in feed:
        state = step(state, batch)                      # jitted: grads, state.apply_gradients
        saved.save(int(state.step), {"state": state, "feed": feed.state()})

A run that was killed at any moment goes on from its last checkpoint and ends with the same numbers,
bit for bit, as one that was not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from functorch_lite.training import metrics
from functorch_lite.training.accumulation import accumulate_gradients
from functorch_lite.training.early_stopping import EarlyStopping, early_stopping
from functorch_lite.training.ema import EMA, ema
from functorch_lite.training.train_state import TrainState, train_state

if TYPE_CHECKING:
    from functorch_lite.training import checkpoint
    from functorch_lite.training.manager import CheckpointManager

__all__ = [
    "EMA",
    "CheckpointManager",
    "EarlyStopping",
    "TrainState",
    "accumulate_gradients",
    "checkpoint",
    "early_stopping",
    "ema",
    "metrics",
    "train_state",
]

# What reads and writes files is loaded when it is first used: with pathlib, json, hashlib and
# secrets it would be a tenth of the import of the whole library.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "checkpoint":
            return import_module("functorch_lite.training.checkpoint")
        if name == "CheckpointManager":
            return import_module("functorch_lite.training.manager").CheckpointManager
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

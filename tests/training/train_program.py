"""A training program for the tests of resuming: shuffled data, dropout, running means, an average.

    python train_program.py FOLDER STEPS

It saves a checkpoint after every step, goes on from the last one, and prints each step that it has
saved.  Not a test itself.
"""

import sys

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import data, nn, optim, random, training

NET = nn.chain(nn.Linear(6, 8), nn.BatchNorm(8), nn.relu, nn.Dropout(0.3), nn.Linear(8, 3))
OPTIMIZER = optim.adam(1e-2)
AVERAGE = training.ema(0.9, debias=True)
LOSS = training.metrics.mean()


@fl.jit
def step(state, average, losses, batch):
    images, labels = batch

    def loss(params):
        key = state.step_key()
        logits, model_state = NET.apply(params, images, state.model_state, key=key, train=True)
        return fnp.mean(-nn.log_softmax(logits)[fnp.arange(len(labels)), labels]), model_state

    (value, model_state), grads = fl.value_and_grad(loss, has_aux=True)(state.params)
    state = state.apply_gradients(grads, OPTIMIZER, model_state=model_state)
    return state, AVERAGE.update(average, state.params), LOSS.update(losses, value)


def start():
    """Everything that is saved, at step 0, and the feed that a part of it is the place in."""
    images = random.normal(random.key(5), (37, 6))
    labels = fnp.arange(37) % 3
    feed = data.loader((images, labels), 8, key=9, epochs=None)
    state = training.train_state(NET, OPTIMIZER, random.key(0))
    tree = {
        "state": state,
        "average": AVERAGE.init(state.params),
        "losses": LOSS.init(),
        "feed": feed.state(),
    }
    return tree, feed


def main(folder, steps):
    tree, feed = start()
    saved = training.CheckpointManager(folder, keep=2)
    if saved.latest() is not None:
        tree = saved.restore(like=tree)
        feed.restore(tree["feed"])
    print("started", int(tree["state"].step), flush=True)
    with data.prefetch(feed) as batches:
        while (done := int(tree["state"].step)) < steps:
            state, average, losses = step(
                tree["state"], tree["average"], tree["losses"], next(batches)
            )
            feed_state = batches.state()
            tree = {"state": state, "average": average, "losses": losses, "feed": feed_state}
            saved.save(done + 1, tree)
            print("saved", done + 1, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""Trains a classifier of handwritten digits with a plain functional loop.

    python examples/train_digits.py --optimizer adam --epochs 50 --seed 0 --out digits
    python examples/train_digits.py --model cnn

The data are scikit-learn's 1,797 images of 8 x 8 pixels, 80 % of them for training.  The network is
a perceptron, or with ``--model cnn`` a convolutional one, which sees where pixels are neighbours.
At the end a table is printed, and two pictures are written: the curves of loss and accuracy, and a
grid of test digits with their predictions.  The same seed gives the same result.
"""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import data, nn, optim, random

BATCH_SIZE = 32
OPTIMIZERS = {  # with their learning rates at the start
    "sgd": (partial(optim.sgd, momentum=0.9, weight_decay=1e-4), 5e-2),
    "adam": (optim.adam, 2e-3),
    "rmsprop": (optim.rmsprop, 1e-3),
    "adagrad": (optim.adagrad, 5e-2),
}


def as_image(x: Any) -> Any:
    """Rows of pixels f32[..., 64] as images of one channel, f32[..., 1, 8, 8]."""
    return x.reshape(*x.shape[:-1], 1, 8, 8)


MODELS = {  # all take rows of 64 pixels, those of a batch or those of one image
    "mlp": nn.chain(
        nn.Linear(64, 256),
        nn.relu,
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.relu,
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    ),
    "cnn": nn.chain(
        as_image,
        nn.Conv2d(1, 32, 3, padding=1),
        nn.relu,
        nn.MaxPool2d(2),  # f32[..., 32, 4, 4]
        nn.Conv2d(32, 64, 3, padding=1),
        nn.relu,
        nn.MaxPool2d(2),  # f32[..., 64, 2, 2]
        nn.Flatten(-3),
        nn.Dropout(0.4),
        nn.Linear(256, 128),
        nn.relu,
        nn.Dropout(0.4),
        nn.Linear(128, 10),
    ),
}


class Split(NamedTuple):
    """Images f32[n, 64] with pixels in [-1, 1], and their digits i64[n]."""

    images: Any
    labels: Any


def load(device: str) -> tuple[Split, Split]:
    """The training and the test set; the same split every time, with every digit in proportion."""
    digits = load_digits()
    images, labels = (digits.data / 8 - 1).astype(np.float32), digits.target.astype(np.int64)
    parts = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = (fl.device_put(part, device) for part in parts)
    return Split(x_train, y_train), Split(x_test, y_test)


def loss_fn(params: Any, net: nn.Layer, batch: Split, key: Any) -> tuple[Any, Any]:
    """Mean cross-entropy over a batch, and the number of right answers, under dropout."""
    logits = net.apply(params, batch.images, key=key, train=True)
    right = (fnp.argmax(logits, axis=-1) == batch.labels).sum()
    return nn.cross_entropy(logits, batch.labels), right


def predict(params: Any, net: nn.Layer, image: Any) -> tuple[Any, Any]:
    """The digit on one image f32[64], and the log-probabilities of all ten."""
    log_probabilities = nn.log_softmax(net.apply(params, image))
    return fnp.argmax(log_probabilities), log_probabilities


@partial(fl.jit, static_argnames="net")
def evaluate(params: Any, net: nn.Layer, split: Split) -> tuple[Any, Any, Any]:
    """Mean loss, accuracy and predictions, one example at a time under ``vmap``."""
    per_image = fl.vmap(predict, in_axes=(None, None, 0))
    predictions, log_probabilities = per_image(params, net, split.images)
    losses = fl.vmap(lambda row, label: -row[label])(log_probabilities, split.labels)
    return losses.mean(), (predictions == split.labels).mean(), predictions


def make_optimizer(name: str, steps: int) -> optim.Optimizer:
    """The optimiser of a name, with a learning rate that falls to zero along half a cosine."""
    constructor, peak = OPTIMIZERS[name]
    return constructor(lambda step: peak * (1 + fnp.cos(math.pi * step / steps)) / 2)


def train(train_set: Split, test_set: Split, args: Any) -> tuple[Any, list[tuple[float, ...]]]:
    """The trained parameters, and a row (epoch, losses and accuracies) for every epoch."""
    net = MODELS[args.model]
    steps_per_epoch = len(train_set.labels) // BATCH_SIZE
    optimizer = make_optimizer(args.optimizer, args.epochs * steps_per_epoch)

    @fl.jit
    def step(params: Any, state: Any, batch: Split, key: Any) -> tuple[Any, Any, Any, Any]:
        key = random.fold_in(key, state["step"])
        (loss, right), grads = fl.value_and_grad(loss_fn, has_aux=True)(params, net, batch, key)
        params, state = optimizer.update(grads, state, params)
        return params, state, loss, right

    init_key, data_key, dropout_key = random.split(random.key(args.seed), 3)
    params, dropout_key = fl.device_put((net.init(init_key), dropout_key), args.device)
    state = fl.device_put(optimizer.init(params), args.device)
    history = []
    with tqdm(total=args.epochs * steps_per_epoch, unit="step") as bar:
        for epoch in range(args.epochs):
            key = random.fold_in(data_key, epoch)
            total_loss = total_right = 0.0
            for batch in data.batches(train_set, BATCH_SIZE, key, drop_last=True):
                params, state, loss, right = step(params, state, batch, dropout_key)
                total_loss += float(loss)
                total_right += int(right)
                bar.update()
            test_loss, test_accuracy, _ = evaluate(params, net, test_set)
            train_loss = total_loss / steps_per_epoch
            train_accuracy = total_right / (steps_per_epoch * BATCH_SIZE)
            row = (epoch + 1, train_loss, train_accuracy, float(test_loss), float(test_accuracy))
            history.append(row)
            bar.set_postfix(loss=f"{train_loss:.4f}", accuracy=f"{row[-1]:.3f}")
    return params, history


def print_table(history: list[tuple[float, ...]]) -> None:
    """About ten of the epochs, the last one included."""
    print("epoch  train loss  train accuracy  test loss  test accuracy")
    stride = max(1, len(history) // 10)
    for row in history[stride - 1 :: stride] + history[-1:] * (len(history) % stride > 0):
        print("{:5d}  {:10.4f}  {:14.3f}  {:9.4f}  {:13.3f}".format(*row))


def draw_curves(history: list[tuple[float, ...]], path: Path) -> None:
    """Loss and accuracy over the epochs."""
    epoch, train_loss, train_accuracy, test_loss, test_accuracy = np.array(history).T
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.semilogy(epoch, train_loss, label="training, under dropout")
    left.semilogy(epoch, test_loss, label="test")
    left.set(xlabel="epoch", ylabel="cross-entropy")
    right.plot(epoch, train_accuracy, label="training, under dropout")
    right.plot(epoch, test_accuracy, label="test")
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(min(0.9, test_accuracy.min()), 1.005))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_predictions(test_set: Split, predictions: Any, path: Path) -> None:
    """A grid of test digits: all wrong predictions first, in red with the right answer."""
    images, labels, predictions = map(np.asarray, (*test_set, predictions))
    wrong = predictions != labels
    order = np.argsort(~wrong, kind="stable")[:60]
    figure, grid = plt.subplots(6, 10, figsize=(10, 7), layout="constrained")
    for axes, i in zip(grid.flat, order, strict=True):
        axes.imshow(images[i].reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
        axes.set(xticks=[], yticks=[])
        title = f"{predictions[i]}, not {labels[i]}"[: None if wrong[i] else 1]
        axes.set_title(title, fontsize=11, color="crimson" if wrong[i] else "black")
        for spine in axes.spines.values():
            spine.set(color="crimson" if wrong[i] else "0.7", linewidth=2.5 if wrong[i] else 0.8)
    figure.suptitle(f"{wrong.sum()} of {len(labels)} test digits are misread (red)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=MODELS, default="mlp")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("digits"), help="folder for the pictures")
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error(f"--epochs: expected at least 1, got {args.epochs}")
    return args


def main() -> int:
    args = parse_arguments()
    if args.device not in {device.kind for device in fl.devices()}:
        print(
            "train_digits: --device cuda needs an NVIDIA GPU, its driver and CuPy; none was found",
            file=sys.stderr,
        )
        return 2
    train_set, test_set = load(args.device)
    # Products this small gain nothing from threads, and lose much where others want the cores.
    with threadpool_limits(1, "blas"):
        params, history = train(train_set, test_set, args)
        _, accuracy, predictions = evaluate(params, MODELS[args.model], test_set)

    args.out.mkdir(parents=True, exist_ok=True)
    draw_curves(history, args.out / "curves.png")
    draw_predictions(test_set, predictions, args.out / "predictions.png")
    print_table(history)
    print(f"pictures: {args.out / 'curves.png'}, {args.out / 'predictions.png'}")
    print(f"test accuracy: {float(accuracy):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A convolutional network with batch normalisation, dropout and augmentation, on digits.

    python examples/cnn_digits.py --epochs 40 --out cnn_digits.png

The data are scikit-learn's 1,797 images of 8 x 8 pixels.  Everything that changes is an argument
and a result: the parameters, the running statistics of batch normalisation, the optimiser's state;
and everything random comes from a key.  Sources: Ioffe and Szegedy, "Batch normalization", ICML
2015; Srivastava et al., "Dropout", JMLR 2014.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import functorch_lite as fl
from functorch_lite import data, lax, nn, optim, random
from functorch_lite import numpy as fnp

BATCH_SIZE = 64

net = nn.chain(  # images f32[batch, 1, 8, 8]
    nn.Conv2d(1, 32, 3, padding=1),  # f32[batch, 32, 8, 8]
    nn.BatchNorm(32),
    nn.relu,
    nn.MaxPool2d(2),  # f32[batch, 32, 4, 4]
    nn.Conv2d(32, 64, 3, padding=1),  # f32[batch, 64, 4, 4]
    nn.BatchNorm(64),
    nn.relu,
    nn.MaxPool2d(2),  # f32[batch, 64, 2, 2]
    nn.Flatten(),  # f32[batch, 256]
    nn.Dropout(0.4),
    nn.Linear(256, 10),  # f32[batch, 10]
)


def load() -> tuple[Any, ...]:
    """Images f32[n, 1, 8, 8] and digits i64[n], of the training and of the test set."""
    digits = load_digits()
    images = (digits.images[:, None] / 8 - 1).astype(np.float32)
    labels = digits.target.astype(np.int64)
    return tuple(train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels))


def shifted(key: Any, image: Any) -> Any:
    """One image f32[1, 8, 8], moved by at most a pixel up or down, and left or right."""
    down, right = random.randint(key, (2,), 0, 3)
    border = fnp.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=-1)  # f32[1, 10, 10]
    return lax.dynamic_slice(border, (0, down, right), image.shape)


def loss_fn(params: Any, state: Any, images: Any, labels: Any, key: Any) -> tuple[Any, Any]:
    """The loss, and what comes out beside it: the new state."""
    shift_key, dropout_key = random.split(key)
    images = fl.vmap(shifted)(random.split(shift_key, len(images)), images)
    logits, state = net.apply(params, images, state, key=dropout_key, train=True)
    return nn.cross_entropy(logits, labels), state


@partial(fl.jit, static_argnums=0)
def train_step(optimizer: optim.Optimizer, params: Any, state: Any, opt: Any, batch: Any, key: Any):
    grad_fn = fl.value_and_grad(loss_fn, has_aux=True)
    (loss, state), grads = grad_fn(params, state, *batch, random.fold_in(key, opt["step"]))
    params, opt = optimizer.update(grads, opt, params)
    return params, state, opt, loss


@fl.jit
def predict(params: Any, state: Any, images: Any) -> Any:
    logits, _ = net.apply(params, images, state)  # the running statistics, no dropout
    return logits.argmax(-1)


def train(args: Any) -> tuple[Any, Any, list[float], list[float]]:
    x_train, x_test, y_train, y_test = (fl.device_put(part, args.device) for part in load())
    init_key, data_key, step_key = random.split(random.key(args.seed), 3)
    params, state = net.init(init_key)
    params, state, step_key = fl.device_put((params, state, step_key), args.device)
    steps = len(x_train) // BATCH_SIZE * args.epochs
    optimizer = optim.adam(lambda step: 3e-3 * (1 + fnp.cos(fnp.pi * step / steps)) / 2)
    opt = fl.device_put(optimizer.init(params), args.device)

    losses, accuracies = [], []
    with tqdm(total=steps, unit="step") as bar:
        for epoch in range(args.epochs):
            key = random.fold_in(data_key, epoch)
            for batch in data.batches((x_train, y_train), BATCH_SIZE, key, drop_last=True):
                params, state, opt, loss = train_step(
                    optimizer, params, state, opt, batch, step_key
                )
                losses.append(float(loss))
                bar.update()
            guesses = predict(params, state, x_test)
            accuracies.append(float((guesses == y_test).mean()))
            bar.set_postfix(loss=f"{losses[-1]:.3f}", accuracy=f"{accuracies[-1]:.3f}")
    return (params, state), (x_test, y_test, guesses), losses, accuracies


def draw(test: Any, losses: list[float], accuracies: list[float], path: Path) -> None:
    """The curves, and the misread digits."""
    images, labels, guesses = map(np.asarray, test)
    figure = plt.figure(figsize=(11, 4), layout="constrained")
    curves, grid = figure.subfigures(1, 2, width_ratios=(3, 2))
    left, right = curves.subplots(1, 2)
    left.semilogy(losses, linewidth=0.8)
    left.set(xlabel="step", ylabel="cross-entropy, shifted and with dropout")
    right.plot(range(1, len(accuracies) + 1), accuracies, marker=".")
    right.set(xlabel="epoch", ylabel="test accuracy")
    wrong = np.flatnonzero(guesses != labels)
    grid.suptitle(f"{len(wrong)} of {len(labels)} test digits are misread")
    for axes, i in zip(grid.subplots(2, 4).flat, [*wrong[:8], *[None] * 8], strict=False):
        axes.axis("off")
        if i is not None:
            axes.imshow(images[i, 0], cmap="gray_r")
            axes.set_title(f"{guesses[i]}, not {labels[i]}", fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="two epochs, a few seconds")
    parser.add_argument("--device", choices={d.kind for d in fl.devices()}, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("cnn_digits.png"), help="the picture")
    args = parser.parse_args()
    if args.short:
        args.epochs = 2
    _, test, losses, accuracies = train(args)
    draw(test, losses, accuracies, args.out)
    print(f"loss: {np.mean(losses[:5]):.4f} at first, {np.mean(losses[-5:]):.4f} at last")
    print(f"picture: {args.out}")
    print(f"test accuracy: {accuracies[-1]:.3f}")


if __name__ == "__main__":
    main()

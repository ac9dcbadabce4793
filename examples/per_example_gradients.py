"""Training with a gradient for every example: clipped, made noisy, and looked at.

    python examples/per_example_gradients.py --noise 1.0 --clip 1.0 --out per_example.png

Differentially private training bounds what one example can do to the weights: its gradient is
clipped to a norm, and noise as large as that is added to the sum.  It needs the gradient of each
example, which is ``vmap`` around ``grad``.  The same gradients tell which examples are odd.
Source: Abadi et al., "Deep learning with differential privacy", CCS 2016.
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
from functorch_lite import data, nn, optim, random, tree
from functorch_lite import numpy as fnp

BATCH_SIZE = 128

net = nn.chain(nn.Linear(64, 128), nn.tanh, nn.Linear(128, 10))  # from one image, f32[64]
optimizer = optim.sgd(0.5, momentum=0.9)
norm_of = optim.global_norm  # of a whole tree of gradients


def load() -> tuple[Any, ...]:
    """Images f32[n, 64] and digits i64[n], of the training and of the test set."""
    digits = load_digits()
    images, labels = (digits.data / 8 - 1).astype(np.float32), digits.target.astype(np.int64)
    return tuple(train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels))


def loss_fn(params: Any, image: Any, label: Any) -> Any:
    """The loss of one example: there is no batch in it."""
    return nn.cross_entropy(net.apply(params, image), label)


def clipped(grads: Any, limit: float) -> Any:
    """The gradient of one example, made shorter if it is longer than the limit."""
    scale = fnp.minimum(1.0, limit / (norm_of(grads) + 1e-12))
    return tree.map(lambda g: g * scale, grads)


def noisy(key: Any, grads: Any, deviation: float) -> Any:
    """The gradients with normal noise in every element."""
    leaves, structure = tree.flatten(grads)
    keys = random.split(key, len(leaves))
    noise = [deviation * random.normal(k, g.shape) for k, g in zip(keys, leaves, strict=True)]
    return tree.map(fnp.add, grads, tree.unflatten(structure, noise))


@partial(fl.jit, static_argnames=("clip", "noise"))
def train_step(params: Any, opt: Any, batch: Any, key: Any, *, clip: float, noise: float) -> Any:
    images, labels = batch  # f32[batch, 64], i64[batch]
    each = fl.vmap(fl.value_and_grad(loss_fn), in_axes=(None, 0, 0))
    losses, grads = each(params, images, labels)  # f32[batch]; first weight f32[batch, 128, 64]
    grads = fl.vmap(partial(clipped, limit=clip))(grads)
    total = tree.map(lambda g: g.sum(0), grads)  # one example moves it by at most `clip`
    total = noisy(random.fold_in(key, opt["step"]), total, noise * clip)
    params, opt = optimizer.update(tree.map(lambda g: g / len(images), total), opt, params)
    return params, opt, losses.mean()


@fl.jit
def gradient_norms(params: Any, images: Any, labels: Any) -> Any:
    """How far each example would move the weights, f32[n]."""
    return fl.vmap(lambda x, y: norm_of(fl.grad(loss_fn)(params, x, y)))(images, labels)


@fl.jit
def accuracy(params: Any, images: Any, labels: Any) -> Any:
    return (net.apply(params, images).argmax(-1) == labels).mean()


def train(train_set: Any, test_set: Any, noise: float, args: Any) -> tuple[Any, list[Any]]:
    """The parameters, and a row (loss, test accuracy) for every epoch."""
    init_key, data_key, noise_key = random.split(random.key(args.seed), 3)
    params, noise_key = fl.device_put((net.init(init_key), noise_key), args.device)
    opt = fl.device_put(optimizer.init(params), args.device)
    step = partial(train_step, clip=args.clip, noise=noise)
    history = []
    with tqdm(range(args.epochs), desc=f"noise {noise:g}", unit="epoch") as bar:
        for epoch in bar:
            losses = []
            key = random.fold_in(data_key, epoch)
            for batch in data.batches(train_set, BATCH_SIZE, key, drop_last=True):
                params, opt, loss = step(params, opt, batch, noise_key)
                losses.append(float(loss))
            history.append((np.mean(losses), float(accuracy(params, *test_set))))
            bar.set_postfix(loss=f"{history[-1][0]:.3f}", accuracy=f"{history[-1][1]:.3f}")
    return params, history


def draw(histories: Any, norms: Any, train_set: Any, clip: float, path: Path) -> None:
    """Accuracy with and without noise, the norms, and the examples that weigh most."""
    images, labels = map(np.asarray, train_set)
    figure = plt.figure(figsize=(12, 4), layout="constrained")
    curves, grid = figure.subfigures(1, 2, width_ratios=(2, 1))
    left, right = curves.subplots(1, 2)
    for noise, history in histories.items():
        left.plot([accuracy for _, accuracy in history], label=f"noise {noise:g}")
    left.set(xlabel="epoch", ylabel="test accuracy")
    left.legend()
    right.hist(np.log10(norms + 1e-12), bins=40)
    right.axvline(np.log10(clip), color="black", linestyle="--")
    right.set(xlabel="log10 of the norm of an example's gradient", ylabel="examples")
    right.set_title("dashed: clipped from here", fontsize=10)
    grid.suptitle("the largest gradients")
    for axes, i in zip(grid.subplots(2, 4).flat, np.argsort(-norms), strict=False):
        axes.imshow(images[i].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"a {labels[i]}", fontsize=10)
        axes.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--clip", type=float, default=1.0, help="norm that gradients are cut to")
    parser.add_argument("--noise", type=float, default=1.0, help="in multiples of the norm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="3 epochs")
    parser.add_argument("--device", choices={d.kind for d in fl.devices()}, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("per_example.png"), help="the picture")
    args = parser.parse_args()
    if args.short:
        args.epochs = 3
    x_train, x_test, y_train, y_test = (fl.device_put(part, args.device) for part in load())
    train_set, test_set = (x_train, y_train), (x_test, y_test)
    histories = {}
    for noise in (0.0, args.noise):
        params, histories[noise] = train(train_set, test_set, noise, args)
    norms = np.asarray(fl.device_get(gradient_norms(params, *train_set)))
    draw(histories, norms, train_set, args.clip, args.out)
    last = histories[args.noise]
    print(f"loss: {last[0][0]:.4f} at first, {last[-1][0]:.4f} at last")
    print(f"picture: {args.out}")
    print("test accuracy:", *(f"{h[-1][1]:.3f} with noise {n:g}" for n, h in histories.items()))


if __name__ == "__main__":
    main()

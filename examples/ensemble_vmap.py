"""An ensemble of networks, trained at once by ``vmap``: its spread is what it does not know.

    python examples/ensemble_vmap.py --members 32 --out ensemble.png

Every member sees a sample of the data of its own (with replacement) and starts from weights of its
own; one member's training step is an ordinary function, and ``vmap`` over parameters and keys makes
it a step of all.  Where there are no data, members disagree.  Sources: Efron, "Bootstrap methods",
1979; Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep
ensembles", NeurIPS 2017.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import functorch_lite as fl
from functorch_lite import nn, optim, random
from functorch_lite import numpy as fnp

net = nn.chain(  # f32[batch, 1]
    nn.Linear(1, 64),
    nn.tanh,
    nn.Linear(64, 64),
    nn.tanh,
    nn.Linear(64, 1),
)
optimizer = optim.adam(3e-3)


def make_data(key: Any, count: int = 120) -> tuple[Any, Any]:
    """Noisy measurements of a wave, x and y f32[count, 1], with a gap in the middle."""
    side_key, x_key, noise_key = random.split(key, 3)
    side = random.bernoulli(side_key, 0.5, (count, 1))
    x = random.uniform(x_key, (count, 1), minval=0.4, maxval=1.6)
    x = fnp.where(side, x, -x)
    return x, wave(x) + 0.1 * random.normal(noise_key, (count, 1))


def wave(x: Any) -> Any:
    return fnp.sin(4 * x) + 0.5 * x


# --------------------------------------------------------------------------------------- one member
def loss_fn(params: Any, x: Any, y: Any) -> Any:
    return nn.mse_loss(net.apply(params, x), y)


def init_member(key: Any) -> tuple[Any, Any]:
    params = net.init(key)
    return params, optimizer.init(params)


def train_member(params: Any, opt: Any, rows: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """A step on the rows i64[count] that this member sees."""
    loss, grads = fl.value_and_grad(loss_fn)(params, x[rows], y[rows])
    params, opt = optimizer.update(grads, opt, params)
    return params, opt, loss


# -------------------------------------------------------------------------------------- all of them
def train(x: Any, y: Any, args: Any) -> tuple[Any, list[Any]]:
    """Parameters with an axis of members in front, and the losses f32[members] of every step."""
    init_keys, row_keys = (
        random.split(key, args.members) for key in random.split(random.key(args.seed))
    )
    params, opt = fl.vmap(init_member)(init_keys)  # first weight: f32[members, 64, 1]
    rows = fl.vmap(lambda key: random.randint(key, (len(x),), 0, len(x)))(row_keys)
    params, opt, rows, x, y = fl.device_put((params, opt, rows, x, y), args.device)

    step = fl.jit(fl.vmap(train_member, in_axes=(0, 0, 0, None, None)))
    losses = []
    with tqdm(range(args.steps), unit="step") as bar:
        for i in bar:
            params, opt, loss = step(params, opt, rows, x, y)
            losses.append(np.asarray(loss))
            if i % 50 == 0:
                bar.set_postfix(loss=f"{losses[-1].mean():.4f}")
    return params, losses


def draw(x: Any, y: Any, grid: Any, predictions: Any, losses: Any, path: Path) -> None:
    """The members' curves with the band of two standard deviations, and their losses."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 4.5), layout="constrained", width_ratios=(2, 1)
    )
    mean, spread = predictions.mean(0), predictions.std(0)
    left.fill_between(grid, mean - 2 * spread, mean + 2 * spread, alpha=0.25, label="2 deviations")
    left.plot(grid, predictions.T, color="C0", linewidth=0.4, alpha=0.6)
    left.plot(grid, mean, color="C0", linewidth=2, label="mean of the members")
    left.plot(grid, wave(grid), "k--", linewidth=1, label="truth")
    left.scatter(x, y, s=10, color="C1", zorder=3, label="data")
    left.set(xlabel="x", ylabel="y", ylim=(-3.5, 3.5))
    left.legend(loc="upper left")
    right.semilogy(losses, linewidth=0.5, alpha=0.6)
    right.set(xlabel="step", ylabel="mean squared error, one line a member")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="8 members, 300 steps")
    parser.add_argument("--device", choices={d.kind for d in fl.devices()}, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("ensemble.png"), help="the picture")
    args = parser.parse_args()
    if args.short:
        args.members, args.steps = 8, 300
    x, y = make_data(random.key(args.seed + 1))
    params, losses = train(x, y, args)

    grid = fnp.linspace(-2.5, 2.5, 201)  # f32[points]
    points = fl.device_put(grid[:, None], args.device)
    predictions = fl.vmap(net.apply, in_axes=(0, None))(params, points)  # f32[members, points, 1]
    predictions = np.asarray(fl.device_get(predictions))[:, :, 0]
    draw(x, y, np.asarray(grid), predictions, np.stack(losses), args.out)

    spread = predictions.std(0)
    seen = (abs(grid) > 0.4) & (abs(grid) < 1.6)
    print(f"loss: {losses[0].mean():.4f} at first, {losses[-1].mean():.4f} at last")
    print(f"picture: {args.out}")
    print(f"spread: {spread[seen].mean():.3f} near data, {spread[~seen].mean():.3f} away from them")


if __name__ == "__main__":
    main()

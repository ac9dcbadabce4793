"""Logistic regression by L-BFGS, and for many strengths of regularisation at once by ``vmap``.

    python examples/logistic_lbfgs.py --strengths 40 --out logistic_lbfgs.png

The data are scikit-learn's 569 tumours, described by 30 measurements.  The loss is convex, so there
is one answer, and a quasi-Newton method has it after some dozens of evaluations, to ten digits in
float64.  A whole fit is a function of the strength, so the path of answers is its ``vmap``.
Sources: Liu and Nocedal, "On the limited memory BFGS method", 1989; Hastie, Tibshirani and
Friedman, "The elements of statistical learning", 2009, section 4.4.
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
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import functorch_lite as fl
from functorch_lite import nn, optim
from functorch_lite import numpy as fnp

lbfgs = partial(
    optim.lbfgs,
    history_size=10,
    line_search_fn="strong_wolfe",
    tolerance_grad=1e-9,
    tolerance_change=1e-13,
)


def load() -> tuple[Any, ...]:
    """Measurements f64[n, 30] of mean 0 and variance 1, and classes f64[n] that are -1 or 1."""
    tumours = load_breast_cancer()
    x_train, x_test, y_train, y_test = train_test_split(
        tumours.data, 2.0 * tumours.target - 1, test_size=0.3, random_state=0
    )
    mean, deviation = x_train.mean(0), x_train.std(0)
    return (x_train - mean) / deviation, (x_test - mean) / deviation, y_train, y_test


def loss_fn(params: Any, strength: Any, x: Any, y: Any) -> Any:
    """Mean of log(1 + exp(-y score)), with a quadratic penalty on the weights."""
    scores = x @ params["w"] + params["b"]  # f64[n]
    return nn.softplus(-y * scores).mean() + strength / 2 * fnp.sum(params["w"] ** 2)


def zeros(x: Any) -> dict[str, Any]:
    # Like x, so that they are float64 and on its device, too.
    return {"w": fnp.zeros_like(x[0]), "b": fnp.zeros_like(x[0, 0])}


def fit(strength: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The best parameters for a strength; one update is a whole minimisation."""
    optimizer = lbfgs(max_iter=200)
    value_and_grad = fl.value_and_grad(lambda params: loss_fn(params, strength, x, y))
    params = zeros(x)
    return optimizer.update(value_and_grad, optimizer.init(params), params)


def compare(strength: float, x: Any, y: Any, steps: int) -> dict[str, list[tuple[int, float]]]:
    """Pairs (evaluations, loss) along the way of L-BFGS and of gradient descent."""
    value_and_grad = fl.value_and_grad(lambda params: loss_fn(params, strength, x, y))
    slow = optim.sgd(0.5, momentum=0.9)
    # One iteration an update, to look at every one; the line search may evaluate as it needs.
    quick = lbfgs(max_iter=1, max_eval=25)

    @fl.jit
    def slow_step(params: Any, state: Any) -> tuple[Any, Any, Any]:
        loss, grads = value_and_grad(params)
        return loss, *slow.update(grads, state, params)

    @fl.jit
    def quick_step(params: Any, state: Any) -> tuple[Any, Any, Any]:
        params, state = quick.update(value_and_grad, state, params)
        return state["prev_loss"], params, state  # the loss that the step started from

    ways: dict[str, list[tuple[int, float]]] = {}
    for name, optimizer, step in (
        ("gradient descent with momentum", slow, slow_step), ("L-BFGS", quick, quick_step)
    ):  # fmt: skip
        params, way, evaluations = zeros(x), [], 0
        state = optimizer.init(params)
        with tqdm(total=steps, desc=name, unit="evaluation") as bar:
            while evaluations < steps:
                loss, params, state = step(params, state)
                way.append((evaluations + 1, float(loss)))
                now = int(state.get("func_evals", state["step"]))
                bar.update(min(now, steps) - bar.n)
                bar.set_postfix(loss=f"{float(loss):.6f}")
                if now - evaluations == 1 and name == "L-BFGS":
                    break  # it evaluated and did not move: the gradient is zero
                evaluations = now
        ways[name] = way
    return ways


def draw(ways: Any, best: float, strengths: Any, params: Any, accuracies: Any, path: Path) -> None:
    """How quickly the loss falls, and weights and accuracy over the strengths."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    for name, way in ways.items():
        evaluations, losses = np.array(way).T
        left.semilogy(evaluations, np.maximum(losses - best, 1e-16), label=name)
    left.set(xlabel="evaluations of the gradient", ylabel="loss above the smallest")
    left.legend()
    middle.semilogx(strengths, params["w"], linewidth=0.8)
    middle.set(xlabel="strength of the penalty", ylabel="weights")
    right.semilogx(strengths, accuracies, marker=".")
    right.set(xlabel="strength of the penalty", ylabel="test accuracy")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--strengths", type=int, default=40, help="how many fits at once")
    parser.add_argument("--short", action="store_true", help="8 fits")
    parser.add_argument("--device", choices={d.kind for d in fl.devices()}, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("logistic_lbfgs.png"), help="the picture")
    args = parser.parse_args()
    if args.short:
        args.strengths = 8
    x_train, x_test, y_train, y_test = (fl.device_put(part, args.device) for part in load())

    ways = compare(1e-3, x_train, y_train, 100 if args.short else 300)
    params, _ = fl.jit(fit)(1e-3, x_train, y_train)
    best = float(loss_fn(params, 1e-3, x_train, y_train))

    strengths = fl.device_put(np.logspace(-5, 1, args.strengths), args.device)
    path, _ = fl.jit(fl.vmap(fit, in_axes=(0, None, None)))(strengths, x_train, y_train)
    scores = x_test @ path["w"].T + path["b"]  # f64[n, strengths]
    accuracies = ((scores > 0) == (y_test > 0)[:, None]).mean(0)
    path, accuracies, strengths = fl.tree.map(
        np.asarray, fl.device_get((path, accuracies, strengths))
    )
    draw(ways, best, strengths, path, accuracies, args.out)

    way = ways["L-BFGS"]
    close = next(n for n, loss in way if loss - best < 1e-6)
    chosen = strengths[accuracies.argmax()]
    print(f"L-BFGS is within 1e-6 of the smallest loss after {close} evaluations")
    print(f"loss: {way[0][1]:.4f} at first, {way[-1][1]:.4f} at last")
    print(f"picture: {args.out}")
    print(f"test accuracy: {accuracies.max():.3f} with the strength {chosen:.2g}")


if __name__ == "__main__":
    main()

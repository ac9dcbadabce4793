"""Fits a neural ordinary differential equation to the swings of a damped pendulum.

    python examples/neural_ode.py --solver adaptive --steps 1000 --seed 0 --out ode

A small network is the right-hand side of ``dy/dt = f(y)``, and its weights are found by gradient
descent on the distance between solved and measured trajectories (Chen et al., "Neural ordinary
differential equations", NeurIPS 2018).  Two solvers are written out below, both for one trajectory;
``vmap`` makes a batch of it:

``fixed``
    the classical Runge-Kutta method of order 4, a given number of equal steps in a ``fori_loop``.
``adaptive``
    the pair 3(2) of Bogacki and Shampine in a ``while_loop``, which takes as many steps as the
    error asks for.  So the length of the loop depends on the data, and on the weights.

Where the gradient comes from.  Chen et al. solve a second equation backwards in time, the adjoint
equation, which needs no memory, and returns the gradient of the exact flow up to the error of both
solutions.  Here reverse mode goes through the operations of the solver, the loop with its
data-dependent length included: the gradient is that of the numbers which the solver computed, for
memory in proportion to the steps.

What is held constant.  The step sizes are chosen from the solution, so they depend on the weights,
but no gradient flows through that choice (``stop_gradient`` in ``controlled_step``).  There are
three reasons.  The result of the solver tends to the solution whatever the steps are, so the step
sizes influence it only as far as it is wrong, by the size of the tolerance; what would be added to
the gradient is the derivative of an error.  The choice is not differentiable: a step is rejected
or not, the new size is clipped, and it contains a root that has no finite derivative where the
estimate vanishes.  And with the steps held constant, the gradient is exactly that of a Runge-Kutta
method on the grid that was found.  Derivatives of solutions by differentiating the method on a
frozen grid go back to Bock (1981); Eberhard and Bischof (Mathematics of Computation 68, 1999) show
what can come out if the choice of steps is differentiated too.

The method and its control are those of Hairer, Norsett and Wanner, "Solving Ordinary Differential
Equations I", section II.4.  The same seed gives the same result.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, nn, optim, random

FRICTION = 0.25
TIMES = np.linspace(0.0, 8.0, 9)  # seconds at which the pendulum is measured
TRAIN_COUNT, TEST_COUNT = 64, 32
PEAK_LEARNING_RATE = 2e-2

STEPS_PER_INTERVAL = 4  # of the fixed solver
ATOL, RTOL = 1e-4, 1e-3  # of the adaptive one
MAX_TRIES = 2000  # a field that blows up must end, too

Field = Callable[[Any], Any]
Solver = Callable[[Field, Any, Any], tuple[Any, Any]]

net = nn.chain(nn.Linear(2, 32), nn.tanh, nn.Linear(32, 32), nn.tanh, nn.Linear(32, 2))


# ------------------------------------------------------------------------------------ the pendulum
class Trajectories(NamedTuple):
    """Starting points f32[n, 2] (angle, angular velocity), and the states f32[n, 8, 2] later."""

    start: Any
    later: Any


def pendulum(y: np.ndarray) -> np.ndarray:
    """The true right-hand side, for states f64[2] or f64[2, ...]."""
    angle, velocity = y
    return np.array([velocity, -np.sin(angle) - FRICTION * velocity])


def measure(count: int, rng: np.random.Generator) -> Trajectories:
    """Trajectories from random starting points, solved to eight digits."""
    starts = rng.uniform((-2.0, -1.0), (2.0, 1.0), (count, 2))
    span = TIMES[0], TIMES[-1]
    settings = {"t_eval": TIMES[1:], "rtol": 1e-8, "atol": 1e-8}
    later = [solve_ivp(lambda t, y: pendulum(y), span, y, **settings).y.T for y in starts]
    return Trajectories(starts.astype(np.float32), np.array(later, np.float32))


# ---------------------------------------------------------------------------- the fixed-step solver
def rk4_step(f: Field, y: Any, h: Any) -> Any:
    """One step of size ``h`` of the classical method of order 4, from state f[2] to state f[2]."""
    k1 = f(y)
    k2 = f(y + h / 2 * k1)
    k3 = f(y + h / 2 * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solve_fixed(f: Field, y: Any, times: Any) -> tuple[Any, Any]:
    """The states f[m, 2] at ``times[1:]`` from the state f[2] at ``times[0]``, and the steps i64[].

    A ``scan`` goes from one time to the next, a ``fori_loop`` inside takes the steps between them.
    """

    def interval(y: Any, length: Any) -> tuple[Any, Any]:
        h = length / STEPS_PER_INTERVAL
        y = lax.fori_loop(0, STEPS_PER_INTERVAL, lambda i, y: rk4_step(f, y, h), y)
        return y, y

    lengths = fnp.diff(times)
    _, later = lax.scan(interval, y, lengths)
    return later, fnp.asarray(STEPS_PER_INTERVAL * len(lengths))


# ------------------------------------------------------------------------------ the adaptive solver
class Progress(NamedTuple):
    """How far an adaptive solution has come; the carry of its loop.

    Attributes:
        t: the time reached, f[].
        y: the state there, f[2].
        slope: ``f(y)``, f[2], the last stage of the step before and the first of the next.
        h: the size of the next step, f[].
        tried: steps so far, the rejected ones included, i64[].
    """

    t: Any
    y: Any
    slope: Any
    h: Any
    tried: Any


def bogacki_shampine_step(f: Field, y: Any, k1: Any, h: Any) -> tuple[Any, Any, Any]:
    """One step of order 3 and the difference to the one of order 2 that shares its stages.

    Args:
        f: the right-hand side.
        y: the state, f[2].
        k1: ``f(y)``.
        h: the step size, f[].

    Returns:
        The new state, the slope there, and the estimate of the step's error, all f[2].

    Source: Bogacki and Shampine, Applied Mathematics Letters 2 (1989).
    """
    k2 = f(y + h / 2 * k1)
    k3 = f(y + 3 / 4 * h * k2)
    new = y + h * (2 / 9 * k1 + 1 / 3 * k2 + 4 / 9 * k3)
    k4 = f(new)
    return new, k4, h * (-5 / 72 * k1 + 1 / 12 * k2 + 1 / 9 * k3 - 1 / 8 * k4)


def controlled_step(f: Field, now: Progress, t_end: Any, atol: float, rtol: float) -> Progress:
    """Try one step, at most to ``t_end``; keep it if it is good, and choose the next size.

    The error relative to the tolerance is a root mean square over the components, and the factor
    ``0.9 ratio^(-1/3)`` would bring the error of the next step, of third order in its size, to a
    little below the tolerance (Hairer, Norsett and Wanner, equations II.4.11 and II.4.13).
    """
    arrives = now.h >= t_end - now.t
    h = fnp.where(arrives, t_end - now.t, now.h)
    y, slope, error = bogacki_shampine_step(f, now.y, now.slope, h)

    # From here on everything decides about steps, and no derivative passes through.
    before, after, error = fl.stop_gradient((now.y, y, error))
    tolerance = atol + rtol * fnp.maximum(abs(before), abs(after))
    ratio = fnp.sqrt(fnp.mean((error / tolerance) ** 2))
    good = ratio <= 1
    factor = fnp.clip(0.9 * fnp.maximum(ratio, 1e-6) ** (-1 / 3), 0.2, 5.0)
    # A step that was cut short to arrive says little about how long the next one may be.
    following = fnp.where(good & arrives, fnp.maximum(now.h, h * factor), h * factor)

    return Progress(
        t=fnp.where(good, fnp.where(arrives, t_end, now.t + h), now.t),
        y=fnp.where(good, y, now.y),
        slope=fnp.where(good, slope, now.slope),
        h=following,
        tried=now.tried + 1,
    )


def solve_adaptive(
    f: Field, y: Any, times: Any, atol: float = ATOL, rtol: float = RTOL
) -> tuple[Any, Any]:
    """The states f[m, 2] at ``times[1:]`` from the state f[2] at ``times[0]``, and the steps i64[].

    A trajectory that needs more than ``MAX_TRIES`` steps ends in NaN.  ``max_steps=`` of
    ``while_loop`` is another bound: it makes memory small by computing steps twice.
    """

    def interval(now: Progress, t_end: Any) -> tuple[Progress, Any]:
        def unfinished(now: Progress) -> Any:
            return (now.t < t_end) & (now.tried < MAX_TRIES)

        def step(now: Progress) -> Progress:
            return controlled_step(f, now, t_end, atol, rtol)

        now = lax.while_loop(unfinished, step, now)
        return now, fnp.where(now.t < t_end, fnp.nan, now.y)

    start = Progress(t=times[0], y=y, slope=f(y), h=times[1] - times[0], tried=0)
    end, later = lax.scan(interval, start, times[1:])
    return later, end.tried


SOLVERS: dict[str, Solver] = {"fixed": solve_fixed, "adaptive": solve_adaptive}


# ----------------------------------------------------------------------------------------- training
def solve_batch(solver: Solver, params: Any, starts: Any, times: Any) -> tuple[Any, Any]:
    """Trajectories f[n, m, 2] of the network from starts f[n, 2], and the steps i64[n] of each."""
    solve = partial(solver, partial(net.apply, params))
    return fl.vmap(solve, in_axes=(0, None))(starts, times)


def loss_fn(params: Any, solver: Solver, batch: Trajectories, times: Any) -> tuple[Any, Any]:
    """Mean square of the distance to the measured states, and the steps of each trajectory."""
    later, tried = solve_batch(solver, params, batch.start, times)
    return nn.mse_loss(later, batch.later), tried


def init_params(seed: int) -> Any:
    """Weights of the network, the last layer's made small: at first hardly anything moves."""
    *inner, last = net.init(random.key(seed))
    return (*inner, fl.tree.map(lambda w: 0.1 * w, last))


def train(train_set: Trajectories, args: argparse.Namespace) -> tuple[Any, list[tuple[int, float]]]:
    """The trained parameters, and pairs (step, loss)."""
    solver = SOLVERS[args.solver]
    times = fl.device_put(fnp.asarray(TIMES, fnp.float32), args.device)
    optimizer = optim.adam(
        lambda step: PEAK_LEARNING_RATE * (1 + fnp.cos(math.pi * step / args.steps)) / 2
    )

    @fl.jit
    def step(params: Any, state: Any, batch: Trajectories) -> tuple[Any, Any, Any]:
        gradient_of = fl.value_and_grad(loss_fn, has_aux=True)
        (loss, _), grads = gradient_of(params, solver, batch, times)
        params, state = optimizer.update(grads, state, params)
        return params, state, loss

    params = fl.device_put(init_params(args.seed), args.device)
    state = fl.device_put(optimizer.init(params), args.device)
    history = []
    stride = max(1, args.steps // 10)
    print("  step  training loss")
    for i in range(args.steps):
        params, state, loss = step(params, state, train_set)
        if i % stride == 0 or i == args.steps - 1:
            history.append((i, float(loss)))
            print(f"{i:6d}  {history[-1][1]:13.6f}", flush=True)
    return params, history


# --------------------------------------------------------------------------------------- the result
def draw(params: Any, solver: Solver, test_set: Trajectories, device: str, path: Path) -> None:
    """Angles over time and the phase plane: the pendulum in grey, the network in colour."""
    chosen = slice(0, 5)
    fine = np.linspace(TIMES[0], TIMES[-1], 121)
    times = fl.device_put(fnp.asarray(fine, fnp.float32), device)
    later, _ = solve_batch(solver, params, test_set.start[chosen], times)
    start, later, measured = map(
        fl.device_get, (test_set.start[chosen], later, test_set.later[chosen])
    )
    learned = np.concatenate([start[:, None], later], axis=1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for i, (line, points) in enumerate(zip(learned, measured, strict=True)):
        true = solve_ivp(lambda t, y: pendulum(y), (fine[0], fine[-1]), start[i], t_eval=fine).y
        left.plot(fine, true[0], color="0.75", linewidth=4)
        left.plot(fine, line[:, 0], color=f"C{i}")
        left.plot(TIMES[1:], points[:, 0], ".", color=f"C{i}")
        right.plot(*true, color="0.75", linewidth=4)
        right.plot(*line.T, color=f"C{i}")
        right.plot(*start[i], "o", color=f"C{i}")
    left.set(xlabel="time in s", ylabel="angle in rad")
    right.set(xlabel="angle in rad", ylabel="angular velocity in rad/s")
    x, y = np.meshgrid(np.linspace(-2.2, 2.2, 21), np.linspace(-2, 2, 21))
    grid = fl.device_put(fnp.asarray(np.stack([x, y], -1), fnp.float32), device)
    u, v = np.moveaxis(fl.device_get(net.apply(params, grid)), -1, 0)
    right.streamplot(x, y, u, v, color="0.85", linewidth=0.6, arrowsize=0.7, zorder=0)
    figure.suptitle("Test trajectories: the pendulum (grey) and the trained network (colour)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--solver", choices=SOLVERS, default="adaptive")
    parser.add_argument("--steps", type=int, default=1000, help="updates of the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("ode"), help="folder for the picture")
    args = parser.parse_args()
    if args.steps < 1:
        parser.error(f"--steps: expected at least 1, got {args.steps}")
    return args


def main() -> int:
    args = parse_arguments()
    if args.device not in {device.kind for device in fl.devices()}:
        print(
            "neural_ode: --device cuda needs an NVIDIA GPU, its driver and CuPy; none was found",
            file=sys.stderr,
        )
        return 2
    rng = np.random.default_rng(args.seed)
    train_set, test_set = (
        fl.device_put(measure(count, rng), args.device) for count in (TRAIN_COUNT, TEST_COUNT)
    )
    solver = SOLVERS[args.solver]
    times = fl.device_put(fnp.asarray(TIMES, fnp.float32), args.device)
    args.out.mkdir(parents=True, exist_ok=True)
    # Products this small gain nothing from threads, and lose much where others want the cores.
    with threadpool_limits(1, "blas"):
        params, _ = train(train_set, args)
        test_loss, tried = loss_fn(params, solver, test_set, times)
        draw(params, solver, test_set, args.device, args.out / "trajectories.png")
    print(f"picture: {args.out / 'trajectories.png'}")
    tried = fl.device_get(tried)
    print(f"solver steps per test trajectory: {tried.min()} to {tried.max()}")
    print(f"test loss: {float(test_loss):.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

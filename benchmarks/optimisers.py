"""Optimisers as plain functions over dicts of arrays, for the libraries that bring none.

The formulas are PyTorch's, so that all libraries of a row take the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["optimiser", "torch_training_step", "training_step"]

Pair = tuple[Callable[[Any], Any], Callable[[Any, Any, Any], tuple[Any, Any]]]


def adam(k: Any, lr: float, weight_decay: float = 0.0, decoupled: bool = False) -> Pair:
    """Adam, or with ``decoupled`` AdamW, with betas 0.9 and 0.999 and eps 1e-8."""

    def init(params: dict[str, Any]) -> dict[str, Any]:
        zeros = {name: k.np.zeros_like(p) for name, p in params.items()}
        return {"step": k.np.zeros((), "float32"), "mean": zeros, "square": dict(zeros)}

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        step = state["step"] + 1
        size = lr / (1 - 0.9**step)
        root = k.np.sqrt(1 - 0.999**step)
        new, means, squares = {}, {}, {}
        for name, p in params.items():
            g = grads[name]
            if decoupled:
                p = p * (1 - lr * weight_decay)
            elif weight_decay:
                g = g + weight_decay * p
            mean = means[name] = 0.9 * state["mean"][name] + 0.1 * g
            square = squares[name] = 0.999 * state["square"][name] + 0.001 * (g * g)
            new[name] = p - size * mean / (k.np.sqrt(square) / root + 1e-8)
        return new, {"step": step, "mean": means, "square": squares}

    return init, update


def adamw(k: Any, lr: float, weight_decay: float) -> Pair:
    """AdamW: the decay goes past the averages."""
    return adam(k, lr, weight_decay, decoupled=True)


def sgd(k: Any, lr: float, momentum: float) -> Pair:
    """Stochastic gradient descent with momentum."""

    def init(params: dict[str, Any]) -> dict[str, Any]:
        return {name: k.np.zeros_like(p) for name, p in params.items()}

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        velocity = {name: momentum * state[name] + g for name, g in grads.items()}
        return {name: p - lr * velocity[name] for name, p in params.items()}, velocity

    return init, update


PLAIN: dict[str, Callable[..., Pair]] = {"adam": adam, "adamw": adamw, "sgd": sgd}


def optimiser(k: Any, name: str, **settings: Any) -> Pair:
    """The optimiser of the library where it has one, and else the plain one.

    Args:
        k: a kit with JAX's names.
        name: "adam", "adamw" or "sgd".
        settings: ``lr`` and what the optimiser has besides.

    Returns:
        ``init(params) -> state`` and ``update(grads, state, params) -> (params, state)``.
    """
    own = getattr(k.optim, name, None)
    return tuple(own(**settings)) if own else PLAIN[name](k, **settings)


def training_step(
    k: Any, loss: Callable[..., Any], params: dict[str, Any], batch: tuple[Any, ...], pair: Pair
) -> Callable[[], dict[str, Any]]:
    """A step under ``jit`` that goes on from where the last one ended.

    Returns:
        The step; it returns ``loss`` before the update, and the parameters after it.
    """
    init, update = pair

    @k.jit
    def train(params: Any, state: Any, *batch: Any) -> Any:
        value, grads = k.value_and_grad(loss)(params, *batch)
        params, state = update(grads, state, params)
        return params, state, value

    now = (params, init(params))

    def step() -> dict[str, Any]:
        nonlocal now
        params, state, value = k.ready(train(*now, *batch))
        now = (params, state)
        return {"loss": value, **params}

    return step


def torch_training_step(
    t: Any,
    loss: Callable[..., Any],
    params: dict[str, Any],
    batch: tuple[Any, ...],
    make: Callable[[list[Any]], Any],
) -> Callable[[], dict[str, Any]]:
    """PyTorch's training step: backward into ``.grad``, then the optimiser in place.

    Args:
        t: the kit.
        loss: ``loss(params, *batch)``, compiled where the kit compiles.
        params: tensors by name; they become leaves and are updated in place.
        batch: further arguments.
        make: the optimiser from the list of parameters.
    """
    loss = t.compile(loss)
    for p in params.values():
        p.requires_grad_()
    rule = make(list(params.values()))

    def step() -> dict[str, Any]:
        rule.zero_grad(set_to_none=True)
        value = loss(params, *batch)
        value.backward()
        rule.step()
        t.ready(value)
        return {"loss": value, **params}

    return step

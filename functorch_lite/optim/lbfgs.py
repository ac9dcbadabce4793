"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

from typing import Any

from functorch_lite import lax, tree
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError, TreeError
from functorch_lite.optim.checks import check_params, check_settings, check_state
from functorch_lite.optim.line_search import strong_wolfe
from functorch_lite.optim.rule import LearningRate, Optimizer, at_step, working

__all__ = ["lbfgs"]

_CURVATURE = 1e-10
"""Pairs of steps and changes of the gradient with a smaller product are not remembered."""


def lbfgs(
    lr: LearningRate = 1.0,
    max_iter: int = 20,
    max_eval: int | None = None,
    tolerance_grad: float = 1e-7,
    tolerance_change: float = 1e-9,
    history_size: int = 100,
    line_search_fn: str | None = None,
) -> Optimizer:
    """Quasi-Newton steps from the last gradients, for functions that are the same in every call.

    A step evaluates the function at points of its own choice, so ``update`` takes the function in
    the place of the gradients::

        optimizer = optim.lbfgs(line_search_fn="strong_wolfe")
        state = optimizer.init(params)
        params, state = optimizer.update(fl.value_and_grad(loss), state, params)

    It is pure and made of ``while_loop``s: one update with all its iterations is one compiled
    program under ``jit(lambda state, params: optimizer.update(value_and_grad(loss), state,
    params))``, and ``vmap`` runs an ensemble.  Nothing is evaluated after the last iteration, as in
    PyTorch: ``state["loss"]`` is the last one evaluated, with a line search that of the new
    parameters; ``state["prev_loss"]`` is the one before the last iteration.

    Args:
        lr: the first step size tried, and the step without line search; a number or a schedule.
        max_iter: iterations in one update.
        max_eval: evaluations in one update after which no iteration starts; 5/4 of ``max_iter`` by
            default. A line search needs some: with ``max_iter=1``, give it 25, say.
        tolerance_grad: it stops where no number of the gradient is larger.
        tolerance_change: it stops where neither the parameters nor the loss change by more.
        history_size: how many steps are remembered, in memory of twice as many parameters, which
            the state holds from the beginning.
        line_search_fn: None, or "strong_wolfe".

    Returns:
        Optimizer; the state is a dict of arrays over all parameters in one vector: ``step`` (the
        updates), ``n_iter``, ``func_evals`` and ``pairs`` (i64[]: iterations, evaluations, pairs
        ever remembered), ``d``, ``t``, ``H_diag``, ``prev_flat_grad``, ``prev_loss``,
        ``loss`` (infinite before the first update), and ``old_dirs``, ``old_stps`` and ``ro``, in
        which pair i is in row ``i % history_size``.

    Raises:
        ValueError: a setting out of its range, or another line search.
        TypeError: by ``update``, which was given gradients.

    >>> import functorch_lite as fl
    >>> def rosenbrock(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> optimizer = lbfgs(max_iter=50, line_search_fn="strong_wolfe")
    >>> x = fl.numpy.asarray([-1.0, 1.5], "float64")
    >>> x, state = optimizer.update(fl.value_and_grad(rosenbrock), optimizer.init(x), x)
    >>> x.round(4)
    Array([1., 1.], dtype=float64)

    Source: Liu and Nocedal, Math. Programming 45 (1989); ``torch.optim.LBFGS``.
    """
    check_settings("lbfgs", lr=lr, tolerance_grad=tolerance_grad)
    check_settings("lbfgs", tolerance_change=tolerance_change)
    max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
    for setting, value in (
        ("max_iter", max_iter), ("max_eval", max_eval), ("history_size", history_size)
    ):  # fmt: skip
        least = 1 if setting == "history_size" else 0
        if not isinstance(value, int) or value < least:
            raise ValueError(
                f"optim.lbfgs: expected {setting} to be an int >= {least}; got {value!r}."
            )
    if line_search_fn not in (None, "strong_wolfe"):
        raise ValueError(
            f"optim.lbfgs: expected line_search_fn to be None or 'strong_wolfe'; got "
            f"{line_search_fn!r}."
        )

    def init(params: Any) -> dict[str, Any]:
        check_params("lbfgs", params, real_only=True)
        zeros = fnp.zeros_like(_flat(params))
        scalar = fnp.zeros((), zeros.dtype)
        count = fnp.zeros((), "int64")
        history = fnp.zeros((history_size, zeros.size), zeros.dtype)
        return {
            "step": count,
            "n_iter": count,
            "func_evals": count,
            "pairs": count,
            "d": zeros,
            "t": scalar,
            "H_diag": scalar + 1,
            "prev_flat_grad": zeros,
            "prev_loss": scalar,
            "loss": scalar + fnp.inf,
            "old_dirs": history,
            "old_stps": history,
            "ro": fnp.zeros(history_size, zeros.dtype),
        }

    def update(value_and_grad: Any, state: dict[str, Any], params: Any) -> tuple[Any, Any]:
        check_state("lbfgs", _KEYS, value_and_grad, state, params)
        if not callable(value_and_grad):
            raise TypeError(
                "optim.lbfgs: expected a function params -> (loss, grads) in the place of the "
                f"gradients; got a {type(value_and_grad).__name__}. Remedy: "
                "update(value_and_grad(loss), state, params)."
            )
        structure = tree.structure(params)
        start = _flat(params)
        if tuple(state["d"].shape) != tuple(start.shape):
            raise ShapeError(
                f"optim.lbfgs: expected the state of {start.size} numbers, which params have; got "
                f"one of {state['d'].size}. Remedy: state = init(params)."
            )
        dtype = start.dtype

        def evaluate(x: Any) -> tuple[Any, Any]:
            value, grads = value_and_grad(_like(x, params))
            if tree.structure(grads) != structure:
                raise TreeError(
                    "optim.lbfgs: expected value_and_grad to return (loss, grads) with grads of "
                    f"the structure of params, {structure}; got {tree.structure(grads)}."
                )
            return fnp.asarray(value).astype(dtype), _flat(grads, dtype)

        lr_now = at_step(lr, state["step"])
        lr_now = lr_now.astype(dtype) if hasattr(lr_now, "astype") else fnp.asarray(lr_now, dtype)
        loss, grad = evaluate(start)
        one = fnp.ones((), "int64")
        carry = {
            "x": start,
            "loss": loss,
            "grad": grad,
            "iterations": one - 1,
            "evaluations": one,
            "stop": _largest(grad) <= tolerance_grad,
            "state": {**state, "func_evals": state["func_evals"] + 1, "step": state["step"] + 1},
        }

        def goes_on(carry: dict[str, Any]) -> Any:
            return (carry["iterations"] < max_iter) & ~carry["stop"]

        def iterate(carry: dict[str, Any]) -> dict[str, Any]:
            loss, grad = carry["loss"], carry["grad"]
            state = _remember(carry["state"], grad)
            first = state["n_iter"] == 1
            direction = _direction(state, grad)
            size = fnp.minimum(1.0, 1.0 / fnp.sum(fnp.abs(grad))) * lr_now
            size = fnp.where(first, size, lr_now)
            slope = fnp.sum(grad * direction)
            state = {**state, "d": direction, "t": size, "prev_flat_grad": grad, "prev_loss": loss}
            carry = {**carry, "iterations": carry["iterations"] + 1, "state": state}
            descends = ~(slope > -tolerance_change)
            return lax.cond(
                descends,
                lambda carry: move(carry, slope, descends & ~carry["stop"]),
                lambda carry: {**carry, "stop": fnp.ones_like(carry["stop"])},
                carry,
            )

        def move(carry: dict[str, Any], slope: Any, active: Any) -> dict[str, Any]:
            state, x = carry["state"], carry["x"]
            size, direction, last_loss = state["t"], state["d"], carry["loss"]
            if line_search_fn is None:
                x = x + size * direction
                loss, grad, more = lax.cond(
                    carry["iterations"] < max_iter,
                    lambda x: (*evaluate(x), one),
                    lambda x: (carry["loss"], carry["grad"], one - 1),
                    x,
                )
            else:
                loss, grad, size, more = strong_wolfe(
                    lambda t: evaluate(carry["x"] + t * direction),
                    size,
                    direction,
                    carry["loss"],
                    carry["grad"],
                    slope,
                    tolerance_change,
                    # Under vmap, fits that have ended come along, and must not go on searching.
                    fnp.where(active, max_eval - carry["evaluations"], 0),
                )
                x = x + size * direction
            evaluations = carry["evaluations"] + more
            stop = (
                (evaluations >= max_eval)
                | (_largest(grad) <= tolerance_grad)
                | (_largest(direction * size) <= tolerance_change)
                | (fnp.abs(loss - last_loss) < tolerance_change)
            )
            state = {**state, "t": size, "func_evals": state["func_evals"] + more}
            return {
                **carry,
                "x": x,
                "loss": loss,
                "grad": grad,
                "evaluations": evaluations,
                "stop": stop,
                "state": state,
            }

        carry = lax.while_loop(goes_on, iterate, carry)
        return _like(carry["x"], params), {**carry["state"], "loss": carry["loss"]}

    return Optimizer(init, update, "lbfgs")


_KEYS = (
    "step", "n_iter", "func_evals", "pairs", "d", "t", "H_diag", "prev_flat_grad", "prev_loss",
    "loss", "old_dirs", "old_stps", "ro",
)  # fmt: skip


def _remember(state: dict[str, Any], grad: Any) -> dict[str, Any]:
    """The state with one more iteration, and the last one's pair if it curves upwards."""
    change = grad - state["prev_flat_grad"]
    moved = state["d"] * state["t"]
    product = fnp.sum(change * moved)
    # Before the first iteration nothing has moved, and so nothing is remembered.
    keep = product > _CURVATURE
    row = state["pairs"] % state["ro"].shape[0]

    def put(history: Any, new: Any) -> Any:
        return history.at[row].set(fnp.where(keep, new, history[row]))

    safe = fnp.where(keep, product, 1.0)
    squares = fnp.where(keep, fnp.sum(change * change), 1.0)
    return {
        **state,
        "n_iter": state["n_iter"] + 1,
        "pairs": state["pairs"] + keep.astype("int64"),
        "old_dirs": put(state["old_dirs"], change),
        "old_stps": put(state["old_stps"], moved),
        "ro": put(state["ro"], 1.0 / safe),
        "H_diag": fnp.where(keep, safe / squares, state["H_diag"]),
    }


def _direction(state: dict[str, Any], grad: Any) -> Any:
    """The product of the remembered inverse Hessian with the negative gradient, in two loops."""
    size = state["ro"].shape[0]
    changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
    pairs = state["pairs"]
    held = fnp.minimum(pairs, size)

    def backward(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        q, weights = carry
        row = (pairs - 1 - i) % size
        weight = fnp.sum(steps[row] * q) * ro[row]
        return q - weight * changes[row], weights.at[row].set(weight)

    def forward(i: Any, r: Any, weights: Any) -> Any:
        row = (pairs - held + i) % size
        back = fnp.sum(changes[row] * r) * ro[row]
        return r + (weights[row] - back) * steps[row]

    zero = fnp.zeros((), "int64")
    q, weights = lax.fori_loop(zero, held, backward, (-grad, fnp.zeros_like(ro)))
    return lax.fori_loop(zero, held, lambda i, r: forward(i, r, weights), q * state["H_diag"])


def _largest(x: Any) -> Any:
    return fnp.max(fnp.abs(x), initial=0.0)


def _flat(values: Any, dtype: Any = None) -> Any:
    """All numbers in one vector, in the widest dtype there is, or in the one given."""
    leaves = [working(leaf).reshape(-1) for leaf in tree.leaves(values)]
    if not leaves:
        return fnp.zeros(0, "float32" if dtype is None else dtype)
    x = fnp.concatenate(leaves)
    return x if dtype is None else x.astype(dtype)


def _like(x: Any, params: Any) -> Any:
    """The numbers of a vector in the tree, shapes and dtypes of the parameters."""
    leaves, start = [], 0
    for leaf in tree.leaves(params):
        leaves.append(x[start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
        start += leaf.size
    return tree.unflatten(tree.structure(params), leaves)

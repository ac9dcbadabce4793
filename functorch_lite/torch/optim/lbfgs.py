"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.grad_mode import enable_grad, no_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.optim._checks import check_lr
from functorch_lite.torch.optim._line_search import Point, strong_wolfe
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["LBFGS"]

_CURVATURE = 1e-10
"""Pairs of steps and changes of the gradient with a smaller product are not remembered."""
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last gradients; ``step`` needs a closure.

    Args:
        params: tensors or named tensors, one group of them.
        lr: the first step size tried, and the step without line search.
        max_iter: iterations in one step.
        max_eval: evaluations in one step after which no iteration starts; 5/4 of ``max_iter``.
        tolerance_grad: it stops where no number of the gradient is larger.
        tolerance_change: it stops where neither the parameters nor the loss change by more.
        history_size: how many steps are remembered.
        line_search_fn: None, or "strong_wolfe".

    Raises:
        ValueError: a negative learning rate, or several groups.

    Source: ``torch.optim.LBFGS``; ``functorch_lite.optim.lbfgs`` is the same for pure functions.
    """

    __module__ = "torch.optim.lbfgs"

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    # -------------------------------------------------------------- all parameters as one vector
    @property
    def _params(self) -> list[Any]:
        params: list[Any] = self.param_groups[0]["params"]
        return params

    def _gather_flat_grad(self) -> Any:
        parts = []
        for p in self._params:
            part = FUNCTIONS["zeros_like"](p) if p.grad is None else p.grad
            parts.append(_real(part).reshape(-1))
        return FUNCTIONS["cat"](parts, 0)

    def _add_grad(self, t: Any, direction: Any) -> None:
        begin = 0
        for p in self._params:
            real = _real(p)
            count = real.numel()
            real.add_(direction[begin : begin + count].view(real.shape), alpha=float(t))
            begin += count

    # ------------------------------------------------------------------------------------- stepping
    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Iterate until the loss, the gradient or the parameters stand still.

        Args:
            closure: clears the gradients, computes the loss and its gradients, returns the loss.

        Returns:
            the loss before.

        Raises:
            RuntimeError: a line search of another name.
        """
        group = self.param_groups[0]
        closure = enable_grad()(closure)
        lr = group["lr"].squeeze() if isinstance(group["lr"], Tensor) else group["lr"]
        max_iter, max_eval = group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        # For all parameters, but under the first one, so that loading casts it.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max() <= tolerance_grad:
            return first_loss

        kept = {key: state.get(key) for key in _KEPT}
        for iteration in range(1, max_iter + 1):
            state["n_iter"] += 1
            is_first = state["n_iter"] == 1
            _remember(kept, grad, group["history_size"], is_first)
            kept["d"] = direction = _direction(kept, grad, state, group["history_size"], is_first)
            if kept["prev_flat_grad"] is None:
                kept["prev_flat_grad"] = grad.clone()
            else:
                kept["prev_flat_grad"].copy_(grad)
            last_loss = kept["prev_loss"] = loss
            kept["t"] = min(1.0, 1.0 / grad.abs().sum()) * lr if is_first else lr
            slope = grad.dot(direction)
            if slope > -tolerance_change:
                break

            more = 0
            if group["line_search_fn"] is None:
                self._add_grad(kept["t"], direction)
                if iteration != max_iter:
                    loss, grad, more = float(closure()), self._gather_flat_grad(), 1
            else:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                point, more = self._search(
                    closure, kept["t"], direction, Point(0, loss, grad, slope),
                    max_eval - evaluations,
                )  # fmt: skip
                kept["t"], loss, grad = point.t, point.loss, point.grad
                self._add_grad(point.t, direction)
            evaluations += more
            state["func_evals"] += more
            if (
                iteration == max_iter
                or evaluations >= max_eval
                or grad.abs().max() <= tolerance_grad
                or (direction * kept["t"]).abs().max() <= tolerance_change
                or abs(loss - last_loss) < tolerance_change
            ):
                break
        state.update(kept)
        return first_loss

    def _search(
        self, closure: Callable[[], Any], t: Any, direction: Any, start: Point, most: int
    ) -> tuple[Point, int]:
        """A step size; the parameters stay where they are."""
        before = [p.clone() for p in self._params]

        def evaluate(t: Any) -> tuple[float, Any]:
            self._add_grad(t, direction)
            loss, grad = float(closure()), self._gather_flat_grad()
            for p, value in zip(self._params, before, strict=True):
                p.copy_(value)
            return loss, grad

        return strong_wolfe(evaluate, t, direction, start, most)


def _real(t: Any) -> Any:
    return FUNCTIONS["view_as_real"](t) if t.is_complex() else t


def _remember(kept: dict[str, Any], grad: Any, most: int, is_first: bool) -> None:
    """Keep the last step and the change of the gradient, if it curves upwards."""
    if is_first:
        kept.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return
    change = grad.sub(kept["prev_flat_grad"])
    moved = kept["d"].mul(kept["t"])
    product = change.dot(moved)
    if not product > _CURVATURE:
        return
    histories = kept["old_dirs"], kept["old_stps"], kept["ro"]
    for history, new in zip(histories, (change, moved, 1.0 / product), strict=True):
        if len(history) == most:
            history.pop(0)
        history.append(new)
    kept["H_diag"] = product / change.dot(change)


def _direction(
    kept: dict[str, Any], grad: Any, state: dict[str, Any], most: int, is_first: bool
) -> Any:
    """The product of the remembered inverse Hessian with the negative gradient, in two loops."""
    found = grad.neg()
    if is_first:
        return found
    changes, steps, ro = kept["old_dirs"], kept["old_stps"], kept["ro"]
    weights = state.setdefault("al", [None] * most)
    for i in reversed(range(len(changes))):
        weights[i] = steps[i].dot(found) * ro[i]
        found.add_(changes[i], alpha=-float(weights[i]))
    found = found.mul(kept["H_diag"])
    for i in range(len(changes)):
        back = changes[i].dot(found) * ro[i]
        found.add_(steps[i], alpha=float(weights[i] - back))
    return found

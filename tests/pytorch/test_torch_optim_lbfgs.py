"""LBFGS step by step against PyTorch's."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_optim_base import converted

from functorch_lite.torch.optim._line_search import Point, strong_wolfe

# PyTorch says so of the closure's loss.
pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")

SETTINGS = [
    {},
    {"lr": 0.05, "max_iter": 7},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2, "lr": 0.5},
    {"line_search_fn": "strong_wolfe", "max_eval": 3},
    {"max_iter": 1, "lr": 1e-3},
    {"tolerance_grad": 1e-2, "lr": 0.01, "max_iter": 30},
]


class Fit:
    """The valley of Rosenbrock, and a parabola beside it, in two parameters."""

    def __init__(self, m, dtype="float64", **settings):
        self.m = m
        self.x = m.nn.Parameter(m.tensor([-1.2, 1.0, 0.7, -0.4], dtype=getattr(m, dtype)))
        self.y = m.nn.Parameter(m.tensor([[1.0, 2.0]], dtype=getattr(m, dtype)))
        self.unused = m.nn.Parameter(m.zeros(2, dtype=getattr(m, dtype)))
        self.calls = 0
        self.optimizer = m.optim.LBFGS([self.x, self.y, self.unused], **settings)

    def closure(self):
        self.calls += 1
        self.optimizer.zero_grad()
        x = self.x
        valley = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss = valley + ((self.y - 3) ** 2).sum()
        loss.backward()
        return loss

    def steps(self, count):
        return [float(self.optimizer.step(self.closure)) for _ in range(count)]


@pytest.mark.parametrize("i", range(len(SETTINGS)))
def test_trajectories(i):
    mine, theirs = Fit(ours, **SETTINGS[i]), Fit(real, **SETTINGS[i])
    for _ in range(3):
        # A hundred iterations make a thousand of one rounding error.
        np.testing.assert_allclose(mine.steps(1), theirs.steps(1), rtol=1e-6, equal_nan=True)
        same(mine.x, theirs.x, rtol=2e-6)
        same(mine.y, theirs.y, rtol=2e-6)
        assert mine.calls == theirs.calls
    a, b = mine.optimizer.state[mine.x], theirs.optimizer.state[theirs.x]
    assert set(a) == set(b)
    for key in ("func_evals", "n_iter"):
        assert a[key] == b[key]
    for key in ("d", "prev_flat_grad", "old_dirs", "old_stps", "ro", "H_diag"):
        if isinstance(b[key], list) or hasattr(b[key], "dtype"):
            same(a[key], b[key], key, rtol=2e-3)
    assert type(a["t"]).__name__ == type(b["t"]).__name__


def test_it_finds_the_minimum():
    fit = Fit(ours, "float32", line_search_fn="strong_wolfe", max_iter=100)
    fit.steps(2)
    np.testing.assert_allclose(fit.x.tolist(), 1.0, atol=1e-3)
    np.testing.assert_allclose(fit.y.tolist(), 3.0, atol=1e-3)


@pytest.mark.parametrize("settings", [{"lr": 0.01}, {"line_search_fn": "strong_wolfe"}])
def test_state_dicts_are_exchanged(settings):
    settings = {"max_iter": 5, **settings}
    mine, theirs = Fit(ours, **settings), Fit(real, **settings)
    theirs.steps(1)
    mine.optimizer.load_state_dict(converted(theirs.optimizer.state_dict(), ours))
    for name in ("x", "y"):
        getattr(mine, name).data.copy_(converted(getattr(theirs, name), ours))
    np.testing.assert_allclose(mine.steps(2), theirs.steps(2), rtol=1e-6)
    same(mine.x, theirs.x, rtol=1e-6)


def test_complex_parameters():
    found = []
    for m in (ours, real):
        z = m.nn.Parameter(m.tensor([1 + 2j, -1j], dtype=m.complex128))
        optimizer = m.optim.LBFGS([z], lr=0.1, max_iter=4)

        def closure(z=z, optimizer=optimizer, m=m):
            optimizer.zero_grad()
            parts = m.view_as_real(z)
            loss = ((parts - 0.5) ** 2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append(z)
    same(found[0], found[1], rtol=1e-9)


def test_another_line_search_is_refused():
    for m in (ours, real):
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            Fit(m, line_search_fn="golden").steps(1)


def test_line_searches_try_the_same_steps():
    theirs = importlib.import_module("torch.optim.lbfgs")._strong_wolfe
    for seed in range(60):
        a, b, c, first = np.random.default_rng(seed).uniform(0.5, 3, 4) * [3, 2, 1, 4]

        def value(t, a=a, b=b, c=c):
            return float(np.sin(a * t) - b * t + c * abs(t - 1) ** 1.5 + 0.2 * t**4)

        def slope(t, f=value):
            return (f(t + 1e-6) - f(t - 1e-6)) / 2e-6

        tried = []
        for m in (ours, real):
            direction = m.tensor([1.0], dtype=m.float64)
            steps = []

            def at(t, m=m, steps=steps, f=value, g=slope):
                steps.append(float(t))
                return f(float(t)), m.tensor([g(float(t))], dtype=m.float64)

            grad = m.tensor([slope(0.0)], dtype=m.float64)
            begin = (value(0.0), grad, grad.dot(direction))
            if m is ours:
                point, count = strong_wolfe(at, first, direction, Point(0, *begin), 12)
                end = float(point.t)
            else:
                _, _, t, count = theirs(
                    lambda x, t, d, at=at: at(t), None, first, direction, *begin, max_ls=12
                )
                end = float(t)
            tried.append((steps, end, count))
        np.testing.assert_allclose(tried[0][0], tried[1][0], rtol=1e-9)
        assert tried[0][1] == pytest.approx(tried[1][1]) and tried[0][2] == tried[1][2]

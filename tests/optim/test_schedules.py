"""Schedules give PyTorch's rates at every step, as functions of a step that may be traced."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, optim
from functorch_lite.optim import schedules

STEPS = 40
LR = 0.3


def halve_every_third(step):
    return 0.5 ** (step // 3)


def slowly(step):
    return 0.9 + 0.01 * step


# Our name and arguments, PyTorch's name and arguments.
CASES = [
    ("constant", {}, "ConstantLR", {}),
    ("constant", {"factor": 0.2, "total_iters": 7}, "ConstantLR", None),
    ("linear", {}, "LinearLR", {}),
    ("linear", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 17}, "LinearLR", None),
    ("step", {"step_size": 7}, "StepLR", None),
    ("step", {"step_size": 3, "gamma": 0.7}, "StepLR", None),
    ("multistep", {"milestones": [3, 11, 11, 30], "gamma": 0.6}, "MultiStepLR", None),
    ("exponential", {"gamma": 0.93}, "ExponentialLR", None),
    ("cosine_annealing", {"T_max": 10}, "CosineAnnealingLR", None),
    ("cosine_annealing", {"T_max": 37, "eta_min": 0.01}, "CosineAnnealingLR", None),
    ("cosine_annealing_warm_restarts", {"T_0": 7}, "CosineAnnealingWarmRestarts", None),
    (
        "cosine_annealing_warm_restarts",
        {"T_0": 3, "T_mult": 2, "eta_min": 0.05},
        "CosineAnnealingWarmRestarts",
        None,
    ),
    ("polynomial", {}, "PolynomialLR", {}),
    ("polynomial", {"total_iters": 23, "power": 1.7}, "PolynomialLR", None),
    ("lambda_", {"lr_lambda": halve_every_third}, "LambdaLR", None),
    ("multiplicative", {"lr_lambda": slowly}, "MultiplicativeLR", None),
]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


def torch_rates(torch, make, lr=LR, steps=STEPS, momentum=None):
    """The rate (or the momentum) of every update under a PyTorch scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["momentum" if momentum else "lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates(schedule, steps=STEPS):
    return [float(schedule(step)) for step in range(steps)]


def check(schedule, expected, tolerance=1e-12):
    found = rates(schedule, len(expected))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-15)
    steps = fnp.arange(len(expected))
    jitted = fl.jit(schedule)
    np.testing.assert_allclose([jitted(s) for s in steps], expected, rtol=tolerance, atol=1e-15)
    assert jitted.cache_info().misses == 1
    assert jitted(steps[0]).dtype == np.float64
    np.testing.assert_allclose(fl.vmap(schedule)(steps), expected, rtol=tolerance, atol=1e-15)


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "theirs", "their_settings"), CASES)
def test_rates_equal_pytorchs(name, settings, theirs, their_settings, torch):
    their_settings = settings if their_settings is None else their_settings
    expected = torch_rates(torch, lambda m, o: getattr(m, theirs)(o, **their_settings))
    check(getattr(schedules, name)(LR, **settings), expected)


@pytest.mark.peers
@pytest.mark.parametrize(
    "settings",
    [
        {"step_size_up": 5},
        {"step_size_up": 4, "step_size_down": 7},
        {"step_size_up": 5, "mode": "triangular2"},
        {"step_size_up": 3, "mode": "exp_range", "gamma": 0.95},
        {"step_size_up": 3, "scale_fn": lambda x: 0.9**x},
        {"step_size_up": 3, "scale_fn": lambda x: 0.99**x, "scale_mode": "iterations"},
        {"step_size_up": 3, "step_size_down": 0},
    ],
)
def test_cyclic_rates_and_momenta_equal_pytorchs(settings, torch):
    def make(module, optimizer):
        return module.CyclicLR(optimizer, 0.1, 0.5, **settings)

    check(schedules.cyclic(0.1, 0.5, **settings), torch_rates(torch, make))
    momenta = torch_rates(torch, make, momentum=True)
    check(schedules.cyclic(0.9, 0.8, **settings), momenta)


@pytest.mark.peers
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pct_start": 0.25, "anneal_strategy": "linear"},
        {"three_phase": True},
        {"three_phase": True, "anneal_strategy": "linear", "pct_start": 0.4},
        {"div_factor": 10.0, "final_div_factor": 100.0},
    ],
)
def test_one_cycle_rates_and_momenta_equal_pytorchs(settings, torch):
    def make(module, optimizer):
        return module.OneCycleLR(optimizer, max_lr=0.5, total_steps=STEPS + 1, **settings)

    check(schedules.one_cycle(0.5, STEPS + 1, **settings), torch_rates(torch, make))
    momenta = torch_rates(torch, make, momentum=True)
    settings = settings | {"div_factor": 0.85 / 0.95, "final_div_factor": 1.0}
    check(schedules.one_cycle(0.85, STEPS + 1, **settings), momenta)


@pytest.mark.peers
def test_sequences_equal_pytorchs(torch):
    def make(module, optimizer):
        parts = [
            module.LinearLR(optimizer, 0.1, total_iters=6),
            module.CosineAnnealingLR(optimizer, 12, eta_min=0.01),
            module.ExponentialLR(optimizer, 0.9),
        ]
        return module.SequentialLR(optimizer, parts, [6, 18])

    ours = schedules.sequential(
        [
            schedules.linear(LR, 0.1, total_iters=6),
            schedules.cosine_annealing(LR, 12, eta_min=0.01),
            schedules.exponential(LR, 0.9),
        ],
        [6, 18],
    )
    check(ours, torch_rates(torch, make))


@pytest.mark.peers
def test_chains_equal_pytorchs(torch):
    def make(module, optimizer):
        parts = [
            module.ConstantLR(optimizer, 0.1, total_iters=4),
            module.ExponentialLR(optimizer, 0.9),
            module.StepLR(optimizer, 5, 0.5),
        ]
        return module.ChainedScheduler(parts, optimizer)

    ours = schedules.chained(
        LR,
        [
            schedules.constant(1.0, 0.1, 4),
            schedules.exponential(1.0, 0.9),
            schedules.step(1.0, 5, 0.5),
        ],
    )
    check(ours, torch_rates(torch, make))


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 0, "factor": 0.5, "cooldown": 2},
        {"patience": 2, "threshold": 0.2, "min_lr": 0.01},
        {"patience": 0, "factor": 0.9, "eps": 0.01},
    ],
)
def test_plateaus_equal_pytorchs(mode, threshold_mode, settings, rng, torch):
    settings = settings | {"mode": mode, "threshold_mode": threshold_mode}
    metrics = [1 + 0.3 * rng.random() for _ in range(60)]
    metrics[7] = math.nan
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    plateau = schedules.reduce_on_plateau(LR, **settings)
    update = fl.jit(plateau.update)
    state = eager = plateau.init()
    for metric in metrics:
        reference.step(metric)
        eager = plateau.update(metric, eager)
        state = update(fnp.asarray(metric, "float64"), state)
        for have in (eager, state):
            assert math.isclose(float(have["lr"]), optimizer.param_groups[0]["lr"], rel_tol=1e-12)
            assert int(have["num_bad_epochs"]) == reference.num_bad_epochs
            assert int(have["cooldown_counter"]) == reference.cooldown_counter
            assert float(have["best"]) == reference.best
    assert update.cache_info().misses == 1


EVERY = [
    lambda lr: schedules.constant(lr),
    lambda lr: schedules.linear(lr),
    lambda lr: schedules.step(lr, 3),
    lambda lr: schedules.multistep(lr, [2, 5]),
    lambda lr: schedules.multistep(lr, []),
    lambda lr: schedules.exponential(lr, 0.9),
    lambda lr: schedules.cosine_annealing(lr, 9),
    lambda lr: schedules.cosine_annealing_warm_restarts(lr, 4, 3),
    lambda lr: schedules.polynomial(lr, 8, 2.0),
    lambda lr: schedules.cyclic(0.0, lr, 4),
    lambda lr: schedules.one_cycle(lr, 12),
    lambda lr: schedules.lambda_(lr, halve_every_third),
    lambda lr: schedules.multiplicative(lr, slowly),
    lambda lr: schedules.sequential([lambda step: lr, schedules.exponential(lr, 0.9)], [4]),
    lambda lr: schedules.chained(lr, [schedules.exponential(1.0, 0.9)]),
]


@pytest.mark.parametrize("make", EVERY)
@hypothesis.given(step=st.integers(0, 10**6), lr=st.floats(1e-6, 10.0))
@hypothesis.settings(max_examples=10)
def test_rates_are_finite_f64_and_proportional_to_the_first(make, step, lr):
    step = step % 500 if make is EVERY[12] else step  # as many multiplications
    one, other = make(1.0)(step), make(lr)(fnp.asarray(step))
    assert (one.dtype, one.shape) == (np.float64, ())
    assert math.isfinite(float(one)) and 0 <= float(one) <= (math.inf if step > 9 else 2.0)
    np.testing.assert_allclose(other, lr * float(one), rtol=1e-9, atol=1e-15)


def test_warm_restarts_are_exact_far_out():
    schedule = schedules.cosine_annealing_warm_restarts(1.0, 3, T_mult=2)
    for n in range(1, 40):
        start = 3 * (2**n - 1)
        assert float(schedule(start)) == 1.0
        assert float(schedule(start - 1)) < 0.5


def test_one_cycle_stays_after_its_end():
    schedule = schedules.one_cycle(1.0, 10)
    assert float(schedule(9)) == float(schedule(10)) == float(schedule(10**6))
    np.testing.assert_allclose(schedule(9), 1 / 25 / 1e4)


def test_one_cycle_with_a_phase_of_no_steps():
    assert all(math.isfinite(rate) for rate in rates(schedules.one_cycle(1.0, 4, 0.25)))
    assert all(math.isfinite(rate) for rate in rates(schedules.one_cycle(1.0, 1)))


def test_any_setting_of_an_optimizer_takes_a_schedule():
    optimizer = optim.sgd(schedules.exponential(0.5, 0.5), schedules.cyclic(0.9, 0.8, 2))
    params = fnp.ones(2, "float64")
    state = optimizer.init(params)
    buffer, expected = 0.0, 1.0
    for t in range(4):
        params, state = optimizer.update(fnp.ones(2, "float64"), state, params)
        buffer = (0.9, 0.85, 0.8, 0.85)[t] * buffer + 1
        expected -= 0.5 * 0.5**t * buffer
    np.testing.assert_allclose(params, expected, rtol=1e-12)


def test_rates_differentiate_with_respect_to_their_settings():
    def rate(gamma):
        return schedules.exponential(2.0, gamma)(3)

    np.testing.assert_allclose(fl.grad(rate)(fnp.asarray(0.5, "float64")), 2 * 3 * 0.25)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: schedules.linear(-1.0), ValueError, r"linear: expected lr >= 0; got -1.0"),
        (lambda: schedules.linear(1.0, 0.0), ValueError, "start_factor > 0; got 0.0"),
        (lambda: schedules.constant(1.0, 2.0), ValueError, "factor <= 1; got 2.0"),
        (lambda: schedules.step(1.0, 0), ValueError, "step_size to be an int >= 1; got 0"),
        (lambda: schedules.step(1.0, 2.5), ValueError, "step_size to be an int >= 1; got 2.5"),
        (lambda: schedules.multistep(1.0, [1.5]), ValueError, "milestones to be an int"),
        (lambda: schedules.exponential("a", 1), TypeError, "lr to be a number; got 'a'"),
        (lambda: schedules.cyclic(0, 1, mode="square"), ValueError, "mode in .*got 'square'"),
        (lambda: schedules.cyclic(0, 1, scale_mode="x"), ValueError, "scale_mode in .*got 'x'"),
        (lambda: schedules.one_cycle(1, 5, anneal_strategy="x"), ValueError, "anneal_strategy in"),
        (lambda: schedules.lambda_(1.0, 0.5), TypeError, "functions of the step; got 0.5"),
        (lambda: schedules.sequential([], []), ValueError, "at least one of schedules"),
        (
            lambda: schedules.sequential([schedules.constant(1.0)], [3]),
            ValueError,
            "one milestone less than schedules; got 1 for 1",
        ),
        (
            lambda: schedules.sequential([schedules.constant(1.0)] * 3, [3, 2]),
            ValueError,
            r"milestones that rise; got \[3, 2\]",
        ),
        (lambda: schedules.constant(1.0)(True), errors.DtypeError, "step to be an int"),
        (
            lambda: schedules.constant(1.0)(fnp.arange(3)),
            errors.ShapeError,
            r"step of shape \(\); got \(3,\). Remedy: vmap",
        ),
        (lambda: schedules.reduce_on_plateau(1.0, factor=1.0), ValueError, "factor < 1"),
        (lambda: schedules.reduce_on_plateau(1.0, mode="low"), ValueError, "mode in .*got 'low'"),
        (
            lambda: schedules.reduce_on_plateau(1.0, threshold_mode="x"),
            ValueError,
            "threshold_mode in .*got 'x'",
        ),
        (
            lambda: schedules.reduce_on_plateau(1.0).update({}, 1.0),
            errors.TreeError,
            r"state = update\(metric, state\)",
        ),
        (
            lambda: schedules.reduce_on_plateau(1.0).update(
                fnp.ones(2), schedules.reduce_on_plateau(1.0).init()
            ),
            errors.ShapeError,
            r"metric of shape \(\); got \(2,\)",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

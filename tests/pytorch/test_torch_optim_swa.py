"""Averaged models and their batch norms against PyTorch's."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_optim_base import converted

BOTH = (ours, real)


def model_of(m, dtype="float64"):
    rng = np.random.default_rng(0)
    layers = [m.nn.Linear(4, 3), m.nn.BatchNorm1d(3), m.nn.Linear(3, 2)]
    model = m.nn.Sequential(*layers).to(getattr(m, dtype))
    with m.no_grad():
        for p in model.parameters():
            p.copy_(m.from_numpy(rng.normal(size=tuple(p.shape))))
    return model


def train(m, model, averaged, steps=5):
    optimizer = m.optim.SGD(model.parameters(), lr=0.05)
    for step in range(steps):
        x = m.from_numpy(np.random.default_rng(step).normal(size=(6, 4))).to(model[0].weight.dtype)
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)


AVERAGES = {
    "mean": lambda m: {},
    "mean of lists": lambda m: {"multi_avg_fn": m.optim.swa_utils.get_swa_multi_avg_fn()},
    "moving": lambda m: {"avg_fn": m.optim.swa_utils.get_ema_avg_fn(0.8)},
    "moving lists": lambda m: {"multi_avg_fn": m.optim.swa_utils.get_ema_multi_avg_fn(0.8)},
    "own": lambda m: {"avg_fn": lambda a, b, n: 0.5 * a + 0.5 * b + 0 * n},
}


@pytest.mark.parametrize("use_buffers", [True, False])
@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name, use_buffers):
    found = []
    for m in BOTH:
        model = model_of(m)
        averaged = m.optim.swa_utils.AveragedModel(
            model, use_buffers=use_buffers, **AVERAGES[name](m)
        )
        assert averaged.n_averaged.item() == 0
        if use_buffers and name == "mean of lists":
            # The count of batches is no floating-point number.
            with pytest.raises(RuntimeError, match="nteg"):
                train(m, model, averaged)
            continue
        train(m, model, averaged)
        found.append(averaged)
    if not found:
        return
    mine, theirs = (x.state_dict() for x in found)
    assert list(mine) == list(theirs)
    for key in theirs:
        same(mine[key], theirs[key], key, rtol=1e-9, graph=False)
    x = np.random.default_rng(9).normal(size=(3, 4))
    same(found[0].eval()(ours.from_numpy(x)), found[1].eval()(real.from_numpy(x)), rtol=1e-8)


def test_batch_norms_are_computed_again():
    found = []
    for m in BOTH:
        model = model_of(m)
        batches = [m.from_numpy(np.random.default_rng(i).normal(size=(6, 4)) + i) for i in range(3)]
        model.eval()
        m.optim.swa_utils.update_bn([(b, None) for b in batches], model)
        assert not model.training and model[1].momentum == 0.1
        m.optim.swa_utils.update_bn(iter(batches), model, device="cpu")
        m.optim.swa_utils.update_bn(batches, m.nn.Linear(2, 2))
        found.append(model[1])
    same(found[0].running_mean, found[1].running_mean, rtol=1e-9)
    same(found[0].running_var, found[1].running_var, rtol=1e-9)


def test_averages_go_on_in_the_other_package_and_in_copies():
    theirs = real.optim.swa_utils.AveragedModel(model_of(real))
    train(real, model_of(real), theirs, 3)
    mine = ours.optim.swa_utils.AveragedModel(model_of(ours))
    mine.load_state_dict(converted(theirs.state_dict(), ours))
    for copied in (mine, copy.deepcopy(mine)):
        assert copied.n_averaged.item() == 3
        train(ours, model_of(ours), copied, 2)
    train(real, model_of(real), theirs, 2)
    for key, value in theirs.state_dict().items():
        same(mine.state_dict()[key], value, key, rtol=1e-9, graph=False)


def test_messages():
    for m in BOTH:
        utils = m.optim.swa_utils
        with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn should be"):
            utils.AveragedModel(model_of(m), avg_fn=len, multi_avg_fn=len)
        for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match=r"Invalid decay value 1.5 provided. Please prov"):
                make(1.5)


def test_whole_numbers_are_averaged():
    found = []
    for m in BOTH:
        for f in (m.optim.swa_utils.get_ema_multi_avg_fn(0.5),):
            averages = [m.tensor([4, 8]), m.tensor([1])]
            f(averages, [m.tensor([8, 8]), m.tensor([7])], 3)
            found.append(averages)
    same(found[0], found[1])

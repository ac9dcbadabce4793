"""GradScaler beside PyTorch's: scales, steps, stages, state and messages."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from oracle import ours, real, same

OVERFLOWS = [0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
"""Whether a gradient is infinite, or NaN, in each iteration."""
OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.1}, "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.01}, "Adagrad": {"lr": 0.1}, "Adadelta": {}, "Adamax": {"lr": 0.01},
    "NAdam": {"lr": 0.01}, "RAdam": {"lr": 0.01}, "ASGD": {"lr": 0.01}, "Rprop": {"lr": 0.01},
}  # fmt: skip


def scaler_of(T, **options):
    settings = {"init_scale": 8.0, "growth_interval": 2, "growth_factor": 3.0} | options
    return T.amp.GradScaler("cpu", **settings)


def weights(T):
    return T.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)


def backward(scaler, w, bad=False):
    loss = scaler.scale((w**2).sum())
    loss.backward()
    if bad:
        w.grad[0, 1] = float("inf") if bad == 1 else float("nan")
    return loss


def texts(program):
    """What a program raises in both worlds."""
    found = []
    for T in (ours, real):
        with pytest.raises(Exception) as error:  # noqa: B017, PT011  (compared below)
            program(T)
        found.append((type(error.value).__name__, str(error.value)))
    return found


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("clips", [False, True])
@pytest.mark.parametrize("bad", [1, 2])
def test_the_sequence_of_scales_and_weights(bad, clips, fused):
    def program(T):
        w, scaler = weights(T), scaler_of(T)
        optimizer = T.optim.AdamW([w], lr=0.1, fused=fused)
        seen = []
        for overflow in OVERFLOWS:
            optimizer.zero_grad()
            loss = backward(scaler, w, overflow * bad)
            if clips:
                scaler.unscale_(optimizer)
                seen.append(T.nn.utils.clip_grad_norm_([w], 1.0))
            scaler.step(optimizer)
            scaler.update()
            seen += [loss.detach(), w.detach().clone(), scaler.get_scale()]
            seen.append(scaler.state_dict()["_growth_tracker"])
        return seen

    same(program(ours), program(real))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_leaves_out_steps(name):
    def program(T):
        w, scaler = weights(T), scaler_of(T)
        optimizer = getattr(T.optim, name)([w], **OPTIMIZERS[name])
        for overflow in (0, 1, 0):
            optimizer.zero_grad()
            backward(scaler, w, overflow)
            scaler.step(optimizer)
            scaler.update()
        return w.detach(), scaler.get_scale()

    same(program(ours), program(real))


def test_two_optimizers_share_a_scale():
    def program(T):
        a, b = weights(T), weights(T)
        scaler = scaler_of(T)
        first, second = T.optim.SGD([a], lr=0.1), T.optim.SGD([b], lr=0.2)
        losses = scaler.scale([(a * b).sum(), (a + b).sum()])
        assert type(losses) is list
        losses[0].backward(retain_graph=True)
        losses[1].backward()
        a.grad[0, 0] = float("nan")
        scaler.step(first)
        scaler.step(second)
        scaler.update()
        return a.detach(), b.detach(), scaler.get_scale()

    same(program(ours), program(real))


def test_what_step_returns_and_takes():
    def program(T):
        w, scaler = weights(T), scaler_of(T)

        class Optimizer(T.optim.SGD):
            def step(self, closure=None, *, word="", more=None):
                super().step()
                return word

        optimizer = Optimizer([w], lr=0.1)
        backward(scaler, w)
        first = scaler.step(optimizer, word="done")
        scaler.update()
        backward(scaler, w, 1)
        return first, scaler.step(optimizer, word="done")

    assert program(ours) == program(real) == ("done", None)


def test_optimizers_that_divide_gradients_themselves():
    def program(T):
        w, scaler = weights(T), scaler_of(T)
        seen = []

        class Optimizer(T.optim.SGD):
            _step_supports_amp_scaling = True

            def step(self, closure=None):
                seen.extend([self.grad_scale, self.found_inf])

        optimizer = Optimizer([w], lr=0.1)
        for overflow in (0, 1):
            backward(scaler, w, overflow)
            scaler.step(optimizer)
            scaler.update()
        backward(scaler, w)
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        assert not hasattr(optimizer, "grad_scale")
        return [s for s in seen if s is not None], [s is None for s in seen]

    same(program(ours), program(real))


def test_optimizers_that_take_the_scaler():
    def program(T):
        w, scaler = weights(T), scaler_of(T)

        class Optimizer(T.optim.SGD):
            _step_supports_amp_scaling = True

            def step(self, closure=None, grad_scaler=None):
                return grad_scaler is scaler

        backward(scaler, w)
        with pytest.warns(FutureWarning) as found:
            return scaler.step(Optimizer([w], lr=0.1)), str(found[0].message)

    assert program(ours) == program(real)


@pytest.mark.parametrize("new", [4.0, "tensor"])
def test_a_scale_that_is_given(new):
    def program(T):
        scaler = scaler_of(T)
        scaler.scale(T.ones(()))
        scaler.update(T.tensor(5.0) if new == "tensor" else new)
        return scaler.get_scale(), scaler.scale(T.ones(2)), scaler._get_growth_tracker()

    same(program(ours), program(real))


def test_settings_and_state():
    def program(T):
        scaler = scaler_of(T)
        seen = [scaler.get_scale(), scaler.is_enabled(), scaler.state_dict()]
        scaler.set_growth_factor(2.5)
        scaler.set_backoff_factor(0.25)
        scaler.set_growth_interval(7)
        seen += [scaler.get_growth_factor(), scaler.get_backoff_factor()]
        w = weights(T)
        optimizer = T.optim.SGD([w], lr=0.1)
        backward(scaler, w)
        scaler.step(optimizer)
        scaler.update()
        state = scaler.state_dict()
        for other in (scaler_of(T), scaler_of(T)):
            if len(seen) > 5:
                other.scale(T.ones(()))
            other.load_state_dict(state)
            seen += [other.state_dict(), other.get_growth_interval()]
        seen.append(pickle.loads(pickle.dumps(scaler)).state_dict())
        seen.append(copy.deepcopy(scaler).state_dict())
        return seen

    assert program(ours) == program(real)


def test_a_disabled_scaler_does_nothing_but_step():
    def program(T):
        w = weights(T)
        scaler = scaler_of(T, enabled=False)
        optimizer = T.optim.SGD([w], lr=0.1)
        loss = backward(scaler, w, 1)
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.step(optimizer, closure=lambda: 1.0)
        scaler.update()
        scaler.load_state_dict({})
        assert scaler.scale("anything") == "anything"
        return loss.detach(), w.detach(), scaler.get_scale(), scaler.state_dict() == {}

    same(program(ours), program(real))


def stepped(T, **options):
    w = weights(T)
    optimizer, scaler = T.optim.SGD([w], lr=0.1), scaler_of(T, **options)
    backward(scaler, w)
    return w, optimizer, scaler


def unscaled_twice(T):
    _, optimizer, scaler = stepped(T)
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)


def unscaled_after_a_step(T):
    _, optimizer, scaler = stepped(T)
    scaler.step(optimizer)
    scaler.unscale_(optimizer)


def stepped_twice(T):
    _, optimizer, scaler = stepped(T)
    scaler.step(optimizer)
    scaler.step(optimizer)


def not_scaled(T):
    scaler_of(T).step(T.optim.SGD([weights(T)], lr=0.1))


def without_gradients(T):
    scaler = scaler_of(T)
    scaler.scale(T.ones(()))
    scaler.step(T.optim.SGD([weights(T)], lr=0.1))


def half_gradients(T):
    w = T.ones(2, dtype=T.float16, requires_grad=True)
    scaler = scaler_of(T)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(T.optim.SGD([w], lr=0.1))


def updated_without_steps(T):
    _, _, scaler = stepped(T)
    scaler.update()


def new_scale_of_two(T):
    _, _, scaler = stepped(T)
    scaler.update(T.ones(2))


def with_a_closure(T):
    _, optimizer, scaler = stepped(T)
    scaler.step(optimizer, closure=lambda: None)


def pickled_too_early(T):
    _, optimizer, scaler = stepped(T)
    scaler.unscale_(optimizer)
    pickle.dumps(scaler)


REFUSED = [
    unscaled_twice, unscaled_after_a_step, stepped_twice, not_scaled, without_gradients,
    half_gradients, updated_without_steps, new_scale_of_two, with_a_closure, pickled_too_early,
    lambda T: scaler_of(T).update(), lambda T: scaler_of(T).scale(3),
    lambda T: scaler_of(T).load_state_dict({}), lambda T: scaler_of(T, growth_factor=1.0),
    lambda T: scaler_of(T, backoff_factor=1.0),
    lambda T: T._amp_foreach_non_finite_check_and_unscale_([T.ones(1)], T.zeros(2), T.ones(())),
    lambda T: T._amp_foreach_non_finite_check_and_unscale_(
        [T.ones(1)], T.zeros((), dtype=T.float64), T.ones(())),
]  # fmt: skip


@pytest.mark.parametrize("program", REFUSED)
def test_refusals_are_pytorchs(program):
    mine, theirs = texts(program)
    assert mine == theirs


def test_the_two_operations():
    def program(T):
        grads = [T.tensor([1.0, float("inf"), 3.0]), T.tensor([3e4, 2.0]).half(), T.ones(0)]
        found, scale = T.zeros(()), T.tensor(2.0)
        steps = T.tensor(1, dtype=T.int32)
        T._amp_foreach_non_finite_check_and_unscale_(grads[1:], found, T.tensor(4.0))
        seen = [found.clone()]
        T._amp_foreach_non_finite_check_and_unscale_(grads, found, T.tensor(0.5))
        for overflow in (0.0, 1.0, 0.0, 0.0):
            T._amp_update_scale_(scale, steps, T.tensor(overflow), 2.0, 0.5, 2)
            seen += [scale.clone(), steps.clone()]
        huge = T.tensor(3e38)
        T._amp_update_scale_(huge, steps.fill_(1), T.tensor(0.0), 2.0, 0.5, 2)
        return [*grads, found, *seen, huge, steps]

    same(program(ours), program(real))


@pytest.mark.parametrize("name", ["cpu.amp", "cuda.amp"])
def test_deprecated_scalers(name):
    def program(T):
        first, second = name.split(".")
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            scaler = getattr(getattr(T, first), second).GradScaler(2.0, growth_interval=3)
        assert found[0].filename == __file__
        return [(w.category.__name__, str(w.message)) for w in found], scaler.is_enabled()

    assert program(ours) == program(real)


def test_the_scale_is_float32_whatever_the_loss():
    def program(T):
        scaler = scaler_of(T)
        x = T.ones(2, dtype=T.bfloat16)
        return scaler.scale(x), scaler.scale((x.sum(), x.double())), scaler._scale

    mine, theirs = program(ours), program(real)
    same(mine, theirs)
    assert np.dtype(mine[2]._np.dtype) == np.float32

"""Training states, gradients in parts, averages and early stopping."""

import dataclasses
import math

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, optim, random, tree
from functorch_lite.training import (
    TrainState,
    accumulate_gradients,
    early_stopping,
    ema,
    train_state,
)

NET = nn.chain(nn.Linear(4, 8), nn.tanh, nn.Linear(8, 3))


def close(a, b, **options):
    assert tree.structure(a) == tree.structure(b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x, "float64"), np.asarray(y, "float64"), **options)


# ---------------------------------------------------------------- the state
def test_a_state_is_a_frozen_pytree():
    optimizer = optim.adam(1e-3)
    state = train_state(NET, optimizer, random.key(0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.step = 1
    assert tree.structure(tree.map(lambda x: x + 0, state)) == tree.structure(state)
    step = fl.jit(lambda s: s.apply_gradients(s.params, optimizer))
    for i in range(3):
        assert int(state.step) == int(state.opt_state["step"]) == i
        state = step(state)
    expected = NET.init(random.split(random.key(0))[0])
    held = optimizer.init(expected)
    for _ in range(3):
        expected, held = optimizer.update(expected, held, expected)
    close(state.params, expected, rtol=1e-6)


def test_steps_have_keys_of_their_own():
    state = train_state(NET, optim.sgd(0.1), random.key(0))
    later = state.apply_gradients(state.params, optim.sgd(0.1))
    assert later.key.tolist() == state.key.tolist()
    assert later.step_key().tolist() != state.step_key().tolist()
    assert state.step_key().tolist() == random.fold_in(state.key, 0).tolist()
    with pytest.raises(TypeError, match="its key is None"):
        state.replace(key=None).step_key()


def test_stateful_nets_and_wrong_arguments():
    net = nn.chain(nn.Linear(4, 2), nn.BatchNorm(2))
    state = train_state(net, optim.sgd(0.1), random.key(0))
    assert int(state.model_state[1]["num_batches_tracked"]) == 0
    assert train_state(NET, optim.sgd(0.1), random.key(0)).model_state == ()
    assert TrainState(fnp.zeros((), "int64"), {}, {}).key is None
    with pytest.raises(TypeError, match="a layer as net; got dict"):
        train_state({}, optim.sgd(0.1), random.key(0))
    with pytest.raises(TypeError, match="an optimiser"):
        train_state(NET, NET, random.key(0))
    with pytest.raises(errors.DtypeError, match="expected a key"):
        train_state(NET, optim.sgd(0.1), 0)


# ---------------------------------------------------------------- gradients in parts
def loss_of(reduction):
    def loss(params, batch):
        x, y = batch
        squares = fnp.square(NET.apply(params, x) - y)
        return squares.mean() if reduction == "mean" else squares.sum()

    return loss


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("parts", [1, 2, 3, 12])
def test_parts_give_the_gradients_of_the_whole(rng, wrap, reduction, parts):
    params = NET.init(random.key(1))
    batch = (rng.normal(size=(12, 4)).astype("float32"), rng.normal(size=(12, 3)).astype("float32"))
    loss = loss_of(reduction)
    found = wrap(accumulate_gradients(loss, parts, reduction=reduction))(params, batch)
    close(found, fl.value_and_grad(loss)(params, batch), rtol=2e-5, atol=1e-6)


def test_in_float64_the_parts_agree_to_the_last_digits(rng):
    params = tree.map(lambda x: x.astype("float64"), NET.init(random.key(1)))
    batch = (rng.normal(size=(64, 4)), rng.normal(size=(64, 3)))
    found = accumulate_gradients(loss_of("mean"), 16)(params, batch)
    close(found, fl.value_and_grad(loss_of("mean"))(params, batch), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_gradients_are_summed_wide(dtype):
    # 1 + 2**-7 sixty-four times over: a sum in 16 bits would lose the small part.
    w = fnp.ones((), dtype)
    batch = fnp.full(64, 1 + 2**-7, dtype)
    value, grads = accumulate_gradients(lambda w, x: (w * x).sum(), 64, reduction="sum")(w, batch)
    assert grads.dtype == w.dtype
    assert float(grads) == 64.5
    assert float(value) == 64.5


def test_aux_is_stacked_and_keys_are_folded():
    def loss(w, x, scale, *, key):
        return (w * x).mean() * scale, random.uniform(key)

    key = random.key(3)
    run = accumulate_gradients(loss, 4, has_aux=True)
    (value, aux), grad = run(fnp.asarray(2.0), fnp.arange(8.0), 3.0, key=key)
    assert (float(value), float(grad)) == (21.0, 10.5)
    expected = [float(random.uniform(random.fold_in(key, i))) for i in range(4)]
    assert aux.tolist() == pytest.approx(expected)


def test_gradients_in_parts_compose():
    f = accumulate_gradients(lambda w, x: ((x * w) ** 2).mean(), 2)
    x = fnp.arange(1.0, 5.0)
    second = fl.grad(lambda w: f(w, x)[1])(fnp.asarray(2.0))
    assert float(second) == pytest.approx(15.0)
    many = fl.vmap(lambda w: f(w, x)[0])(fnp.asarray([1.0, 2.0]))
    assert many.tolist() == [7.5, 30.0]


def LOSS(w, x):
    return w * x.sum()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: accumulate_gradients(abs, 0), ValueError, "microbatches >= 1"),
        (lambda: accumulate_gradients(abs, 1, reduction="none"), ValueError, "got 'none'"),
        (lambda: accumulate_gradients(LOSS, 3)(1.0, np.ones(4)), errors.ShapeError, "of 3"),
        (lambda: accumulate_gradients(LOSS, 3)(1.0, 4.0), errors.ShapeError, "of 3"),
        (lambda: accumulate_gradients(LOSS, 3)(1.0, np.ones(0)), errors.ShapeError, "of 3"),
        (lambda: accumulate_gradients(LOSS, 1)(np.ones(2), np.ones(2)), errors.GradientError,
         "scalar"),
    ],
)  # fmt: skip
def test_messages_of_gradients_in_parts(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---------------------------------------------------------------- averages
@pytest.mark.peers
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_averages_are_pytorchs(rng, decay):
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import get_ema_avg_fn

    average = ema(decay)
    theirs = get_ema_avg_fn(decay)
    x = rng.normal(size=(10, 5)).astype("float32")
    state, expected = average.init({"w": fnp.asarray(x[0])}), torch.tensor(x[0])
    update = fl.jit(average.update)
    for row in x[1:]:
        state = update(state, {"w": fnp.asarray(row)})
        expected = theirs(expected, torch.tensor(row), 1)
    np.testing.assert_allclose(average.value(state)["w"], expected.numpy(), rtol=1e-5, atol=1e-6)


def test_without_bias_it_is_the_weighted_mean_of_what_came(rng):
    x = rng.normal(size=8)
    for decay in (0.9, lambda n: fnp.minimum(0.9, (1 + n) / (10 + n))):
        average = ema(decay, debias=True)
        state, weights = average.init(fnp.asarray(100.0, "float64")), []
        assert float(average.value(state)) == 0
        for n, value in enumerate(x):
            state = average.update(state, fnp.asarray(value, "float64"))
            d = float(decay(fnp.asarray(n))) if callable(decay) else decay
            weights = [w * d for w in weights] + [1 - d]
            expected = np.average(x[: n + 1], weights=weights)
            assert float(average.value(state)) == pytest.approx(expected, rel=1e-12)
            assert float(state["weight"]) == pytest.approx(sum(weights))


def test_narrow_parameters_are_averaged_wide():
    params = {"w": fnp.ones(2, "bfloat16"), "n": fnp.asarray(0)}
    average = ema(0.999)
    state = average.init(params)
    for n in range(1000):
        state = average.update(state, {"w": fnp.full(2, 2, "bfloat16"), "n": fnp.asarray(n)})
    assert state["average"]["w"].dtype == "float32"
    assert float(state["average"]["w"][0]) == pytest.approx(2 - 0.999**1000, rel=1e-4)
    value = average.value(state, like=params)
    assert value["w"].dtype == "bfloat16"
    assert int(value["n"]) == 999


@pytest.mark.parametrize("decay", [-0.1, 1.0, math.nan])
def test_decays_that_are_none(decay):
    with pytest.raises(ValueError, match="decay in"):
        ema(decay)


def test_other_parameters_are_refused():
    average = ema(0.5)
    with pytest.raises(errors.TreeError):
        average.update(average.init({"w": fnp.ones(1)}), {"v": fnp.ones(1)})


# ---------------------------------------------------------------- early stopping
def reference(values, patience, delta, sign):
    best, waited, stopped = math.inf, 0, []
    for value in values:
        if sign * value < best - delta:
            best, waited = sign * value, 0
        else:
            waited += 1
        stopped.append(waited >= patience)
    return stopped


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("delta", [0.0, 0.3])
def test_early_stopping_is_a_loop_with_a_counter(rng, mode, delta):
    values = rng.normal(size=30).tolist()
    values[3] = math.nan
    init, update = early_stopping(3, delta, mode)
    state, found = init(), []
    update = fl.jit(update)
    for value in values:
        state = update(state, value)
        found.append(bool(state["stop"]))
    assert found == reference(values, 3, delta, 1 if mode == "min" else -1)
    assert any(found) and not all(found)
    best = int(state["best_step"])
    assert float(state["best"]) == pytest.approx(values[best])


def test_small_improvements_of_python_numbers_count():
    init, update = early_stopping(1)
    state = update(update(init(), 1.0), 1.0 - 1e-12)
    assert bool(state["improved"])
    assert float(state["best"]) == 1.0 - 1e-12


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: early_stopping(0), ValueError, "patience >= 1"),
        (lambda: early_stopping(1, -1), ValueError, "min_delta >= 0"),
        (lambda: early_stopping(1, mode="least"), ValueError, "'least'"),
        (lambda: early_stopping(1).update(early_stopping(1).init(), fnp.ones(2)),
         errors.ShapeError, r"\(2,\)"),
    ],
)  # fmt: skip
def test_messages_of_early_stopping(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""Optimisers follow PyTorch's trajectories, are pure, and are traced once."""

import itertools

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, optim, tree

STEPS = 20


def grid(**axes):
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


CASES = [
    *(("sgd", "SGD", s) for s in grid(momentum=[0, 0.9], weight_decay=[0, 0.1])),
    *(("sgd", "SGD", s) for s in grid(momentum=[0.8], dampening=[0.3], weight_decay=[0, 0.1])),
    *(("sgd", "SGD", s) for s in grid(momentum=[0.8], nesterov=[True], weight_decay=[0, 0.1])),
    *(("adam", "Adam", s) for s in grid(weight_decay=[0, 0.1], amsgrad=[False, True])),
    ("adam", "Adam", {"betas": (0.8, 0.95), "eps": 1e-3}),
    ("adam", "Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    *(("adamw", "AdamW", s) for s in grid(weight_decay=[0, 0.1], amsgrad=[False, True])),
    ("adamw", "AdamW", {}),
    *(
        ("rmsprop", "RMSprop", s)
        for s in grid(momentum=[0, 0.9], centered=[False, True], weight_decay=[0, 0.1])
    ),
    ("rmsprop", "RMSprop", {"alpha": 0.9, "eps": 1e-3}),
    *(("adagrad", "Adagrad", s) for s in grid(lr_decay=[0, 0.1], weight_decay=[0, 0.1])),
    ("adagrad", "Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-3}),
    *(("adadelta", "Adadelta", s) for s in grid(rho=[0.9, 0.5], weight_decay=[0, 0.1])),
    ("adadelta", "Adadelta", {"eps": 1e-2}),
    *(
        ("nadam", "NAdam", s)
        for s in grid(
            weight_decay=[0, 0.1], momentum_decay=[4e-3, 0.1], decoupled_weight_decay=[False, True]
        )
    ),
    ("nadam", "NAdam", {"betas": (0.8, 0.95), "eps": 1e-3}),
    *(
        ("radam", "RAdam", s)
        for s in grid(weight_decay=[0, 0.1], decoupled_weight_decay=[False, True])
    ),
    ("radam", "RAdam", {"betas": (0.8, 0.95), "eps": 1e-3}),
    *(("adamax", "Adamax", s) for s in grid(weight_decay=[0, 0.1])),
    ("adamax", "Adamax", {"betas": (0.8, 0.95), "eps": 1e-3}),
    *(("asgd", "ASGD", s) for s in grid(weight_decay=[0, 0.1], t0=[1e6, 5], lambd=[1e-4, 0.1])),
    ("asgd", "ASGD", {"alpha": 0.5, "lambd": 0.2}),
    ("rprop", "Rprop", {}),
    ("rprop", "Rprop", {"etas": (0.3, 1.5), "step_sizes": (0.01, 0.1)}),
    *(("adafactor", "Adafactor", s) for s in grid(weight_decay=[0, 0.1], d=[1.0, 2.0])),
    ("adafactor", "Adafactor", {"beta2_decay": -0.5, "eps": (1e-3, 1e-2)}),
]
MAXIMIZING = [
    "sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "nadam", "radam", "adamax", "asgd",
    "rprop", "adafactor",
]  # fmt: skip
THEIRS = {ours: theirs for ours, theirs, _ in CASES}
SETTINGS = {
    "sgd": {"momentum": 0.9, "dampening": 0.1},
    "adam": {"amsgrad": True},
    "adamw": {"amsgrad": True},
    "rmsprop": {"centered": True, "momentum": 0.9},
    "adagrad": {"lr_decay": 0.1},
    "adadelta": {"weight_decay": 0.1},
    "nadam": {"decoupled_weight_decay": True, "weight_decay": 0.1},
    "radam": {"weight_decay": 0.1},
    "adamax": {"weight_decay": 0.1},
    "asgd": {"t0": 1},
    "rprop": {},
    "ftrl": {"l1": 0.01, "l2": 0.1},
    "sparse_adam": {},
    "adafactor": {"weight_decay": 0.1},
}


def start(rng):
    return {"layers": [rng.standard_normal((3, 2)), rng.standard_normal(2)], "scale": rng.normal()}


def as_arrays(params, dtype="float64"):
    return tree.map(lambda p: fnp.asarray(p, dtype), params)


def loss_fn(params):
    weight, bias = params["layers"]
    x = fnp.linspace(-1, 1, 12).reshape(4, 3).astype(weight.dtype)
    return ((fnp.tanh(x @ weight) * params["scale"] + bias - 1) ** 2).sum()


@pytest.fixture
def torch():
    """PyTorch with numbers of 64 bits in its states, which are of the default dtype."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def torch_trajectory(torch, kind, settings, params, lrs):
    leaves = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in tree.leaves(params)]
    optimizer = getattr(torch.optim, kind)(leaves, lr=lrs[0], **settings)
    x = torch.tensor(np.asarray(fnp.linspace(-1, 1, 12).reshape(4, 3).astype("float64")))
    for lr in lrs:
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        weight, bias, scale = leaves
        ((torch.tanh(x @ weight) * scale + bias - 1) ** 2).sum().backward()
        optimizer.step()
    return [leaf.detach().numpy() for leaf in leaves]


def run(optimizer, params, steps=STEPS):
    @fl.jit
    def step(params, state):
        return optimizer.update(fl.grad(loss_fn)(params), state, params)

    state = optimizer.init(params)
    for _ in range(steps):
        params, state = step(params, state)
    return params, state, step


@pytest.mark.peers
@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES)
def test_trajectories_equal_pytorchs(ours, theirs, settings, rng, torch):
    params = start(rng)
    expected = torch_trajectory(torch, theirs, settings, params, [0.05] * STEPS)
    found, state, _ = run(getattr(optim, ours)(0.05, **settings), as_arrays(params))
    assert int(state["step"]) == STEPS
    for have, want in zip(tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("name", MAXIMIZING)
def test_maximizing_equals_pytorchs(name, rng, torch):
    params = start(rng)
    settings = {"maximize": True}
    expected = torch_trajectory(torch, THEIRS[name], settings, params, [0.01] * STEPS)
    found, _, _ = run(getattr(optim, name)(0.01, **settings), as_arrays(params))
    for have, want in zip(tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("name", [name for name in THEIRS if name != "rprop"])
def test_schedules_equal_pytorchs(name, rng, torch):
    params = start(rng)
    lrs = [0.1 * 0.5 ** (t // 5) for t in range(STEPS)]
    expected = torch_trajectory(torch, THEIRS[name], {}, params, lrs)
    found, _, step = run(getattr(optim, name)(optim.schedules.step(0.1, 5, 0.5)), as_arrays(params))
    assert step.cache_info().misses == 1
    for have, want in zip(tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
def test_float32_follows_pytorch(rng, torch):
    params = tree.map(np.float32, start(rng))
    leaves = [torch.tensor(p, requires_grad=True) for p in tree.leaves(params)]
    optimizer = torch.optim.AdamW(leaves, lr=0.05)
    ours = optim.adamw(0.05)
    found = as_arrays(params, "float32")
    state = ours.init(found)
    for _ in range(STEPS):
        grads = [np.float32(rng.standard_normal(leaf.shape)) for leaf in tree.leaves(params)]
        for leaf, grad in zip(leaves, grads, strict=True):
            leaf.grad = torch.tensor(grad)
        optimizer.step()
        grads = tree.unflatten(tree.structure(params), [fnp.asarray(g) for g in grads])
        found, state = ours.update(grads, state, found)
    for have, want in zip(tree.leaves(found), leaves, strict=True):
        assert have.dtype == np.float32
        np.testing.assert_allclose(have, want.detach(), rtol=2e-6, atol=2e-6)


def test_a_schedule_is_called_with_the_number_of_updates_made():
    seen = []

    def schedule(step):
        seen.append(int(step))
        return 0.1

    optimizer = optim.sgd(schedule)
    params = fnp.ones(2)
    state = optimizer.init(params)
    seen.clear()
    for _ in range(3):
        params, state = optimizer.update(params, state, params)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_second_step_never_retraces(name, dtype, rng):
    optimizer = getattr(optim, name)(0.01, **SETTINGS[name])
    params = as_arrays(start(rng), dtype)
    found, state, step = run(optimizer, params, steps=3)
    assert step.cache_info().misses == 1
    initial = optimizer.init(params)
    assert tree.structure(state) == tree.structure(initial)
    for have, want in zip(tree.leaves((found, state)), tree.leaves((params, initial)), strict=True):
        assert (have.shape, have.dtype) == (want.shape, want.dtype)


@pytest.mark.parametrize("name", SETTINGS)
def test_jit_changes_nothing_and_inputs_stay_as_they_were(name, rng):
    optimizer = getattr(optim, name)(0.01, **SETTINGS[name])
    params = as_arrays(start(rng))
    grads = fl.grad(loss_fn)(params)
    state = optimizer.init(params)
    before = tree.map(np.array, (params, grads, state))
    eager = optimizer.update(grads, state, params)
    jitted = fl.jit(optimizer.update)(grads, state, params)
    tree.map(np.testing.assert_array_equal, (params, grads, state), before)
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), eager, jitted)


def test_an_optimizer_is_a_pair():
    init, update = optim.sgd(0.5)
    params = fnp.asarray([1.0, 2.0])
    new, _ = update(params, init(params), params)
    np.testing.assert_array_equal(new, [0.5, 1.0])
    assert repr(optim.sgd(0.5)) == "sgd"


@pytest.mark.parametrize("name", SETTINGS)
def test_ensembles_by_vmap(name, rng):
    optimizer = getattr(optim, name)(0.01, **SETTINGS[name])
    params, grads = (fnp.asarray(rng.standard_normal((3, 4))) for _ in range(2))
    state = fl.vmap(optimizer.init)(params)
    found, _ = fl.vmap(optimizer.update)(grads, state, params)
    for i in range(3):
        one, _ = optimizer.update(grads[i], optimizer.init(params[i]), params[i])
        np.testing.assert_allclose(found[i], one, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.sgd(-0.1), ValueError, r"optim.sgd: expected lr >= 0; got -0.1"),
        (lambda: optim.sgd(0.1, nesterov=True), ValueError, "nesterov"),
        (lambda: optim.adam(betas=(1.0, 0.9)), ValueError, r"betas in \[0, 1\)"),
        (lambda: optim.rmsprop(eps=-1.0), ValueError, "eps"),
        (lambda: optim.adagrad(lr_decay=-1.0), ValueError, "lr_decay"),
        (
            lambda: optim.sgd().init({"w": fnp.arange(3)}),
            errors.DtypeError,
            r"got int64 at params\['w'\]",
        ),
        (
            lambda: optim.sgd().update(
                {"v": fnp.ones(2)}, optim.sgd().init({}), {"w": fnp.ones(2)}
            ),
            errors.TreeError,
            "expected grads of the structure of params",
        ),
        (
            lambda: optim.sgd().update(
                {"w": fnp.ones(3)}, optim.sgd().init({"w": fnp.ones(2)}), {"w": fnp.ones(2)}
            ),
            errors.ShapeError,
            r"params\['w'\] is \(2,\), grads\['w'\] \(3,\)",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()

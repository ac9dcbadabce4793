"""Rules as data: traced settings, every dtype, and the formulas that PyTorch does not have."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, optim, tree

# Optimisers with settings that are numbers, none of them 0, which arrays can replace.
NUMBERS = {
    "sgd": {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1},
    "adam": {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    "adamw": {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    "rmsprop": {"lr": 0.1, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1, "momentum": 0.5},
    "adagrad": {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-4},
    "adadelta": {"lr": 1.0, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1},
    "nadam": {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "momentum_decay": 0.01},
    "radam": {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    "adamax": {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
    "asgd": {"lr": 0.1, "lambd": 0.1, "alpha": 0.7, "t0": 1.0, "weight_decay": 0.1},
    "rprop": {"lr": 0.1, "etas": (0.4, 1.3), "step_sizes": (1e-3, 1.0)},
    "ftrl": {"lr": 0.1, "lr_power": -0.4, "l1": 0.01, "l2": 0.1, "beta": 0.5},
    "sparse_adam": {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4},
    "adafactor": {"lr": 0.1, "beta2_decay": -0.7, "eps": (1e-6, 1e-3), "weight_decay": 0.1},
}


def as_arrays(settings):
    return tree.map(lambda x: fnp.asarray(x, "float64"), settings)


def walk(optimizer, params, gradients):
    state = optimizer.init(params)
    for grads in gradients:
        params, state = optimizer.update(grads, state, params)
    return params, state


def close(found, expected, **tolerance):
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, expected)


def matrices(rng, count, shape=(3, 2), dtype="float64"):
    return [fnp.asarray(rng.standard_normal(shape), dtype) for _ in range(count)]


# ---------------------------------------------------------------- settings that are traced
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_settings_may_be_traced_and_then_change_without_tracing_again(name, dtype, rng):
    make = getattr(optim, name)
    param, *gradients = matrices(rng, 4, dtype=dtype)

    @fl.jit
    def run(settings):
        return walk(make(**settings), param, gradients)

    for factor in (1.0, 0.9):
        settings = tree.map(lambda x, factor=factor: x * factor, NUMBERS[name])
        if name == "rprop":
            settings["etas"] = NUMBERS[name]["etas"]
        tolerance = 1e-12 if dtype == "float64" else 2e-5
        expected = walk(make(**settings), param, gradients)
        close(run(as_arrays(settings)), expected, rtol=tolerance, atol=tolerance)
    assert run.cache_info().misses == 1


@pytest.mark.parametrize("name", NUMBERS)
def test_a_sweep_over_learning_rates_by_vmap(name, rng):
    make = getattr(optim, name)
    param, *gradients = matrices(rng, 3)
    lrs = fnp.asarray([0.05, 0.1, 0.2], "float64")
    found, _ = fl.vmap(lambda lr: walk(make(lr), param, gradients))(lrs)
    for i, lr in enumerate((0.05, 0.1, 0.2)):
        close(found[i], walk(make(lr), param, gradients)[0], rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "rprop"])
def test_derivatives_of_a_training_run_with_respect_to_the_learning_rate(name, rng):
    make = getattr(optim, name)
    param, *gradients = matrices(rng, 3)

    def final(lr):
        return (walk(make(lr), param, gradients)[0] ** 2).sum()

    lr, h = fnp.asarray(0.03, "float64"), 1e-6
    numeric = (final(lr + h) - final(lr - h)) / (2 * h)
    np.testing.assert_allclose(fl.grad(final)(lr), numeric, rtol=1e-6)
    _, forward = fl.jvp(final, (lr,), (fnp.ones((), "float64"),))
    np.testing.assert_allclose(forward, numeric, rtol=1e-6)


def test_every_rule_is_a_function_of_gradient_parameter_slots_and_scalars(rng):
    """What a shell with parameter groups does: numbers are traced, switches are not."""
    assert set(optim.RULES) == (set(NUMBERS) - {"adamw"}) | {"muon"}
    rule = optim.RULES["adam"]
    switches = {"amsgrad": True, "maximize": False, "decoupled_weight_decay": True}
    numbers = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1}
    param, *gradients = matrices(rng, 4)
    expected, _ = walk(
        optim.adamw(0.1, (0.8, 0.9), 1e-4, weight_decay=0.1, amsgrad=True), param, gradients
    )

    @fl.jit
    def update(grad, param, slots, step, numbers):
        return rule(grad, param, slots, rule.scalars(step, numbers | switches))

    slots = rule.init(param, numbers | switches)
    for step, grad in enumerate(gradients, 1):
        param, slots = update(grad, param, slots, fnp.asarray(step, "float64"), as_arrays(numbers))
    close(param, expected, rtol=1e-12)
    assert update.cache_info().misses == 1


def test_zero_drops_a_term_and_a_traced_zero_keeps_it():
    param, grad = fnp.asarray([fnp.inf, 1.0]), fnp.ones(2)
    dropped, _ = walk(optim.sgd(0.5, weight_decay=0.0), param, [grad])
    np.testing.assert_array_equal(dropped, [np.inf, 0.5])
    kept, _ = walk(optim.sgd(0.5, weight_decay=fnp.zeros(())), param, [grad])
    np.testing.assert_array_equal(kept, [np.nan, 0.5])
    assert "momentum_buffer" not in optim.sgd(0.5).init(param)
    assert "momentum_buffer" in optim.sgd(0.5, momentum=fnp.zeros(())).init(param)


# ---------------------------------------------------------------- arrays of every kind
@st.composite
def trees(draw):
    dtype = draw(st.sampled_from(["float16", "bfloat16", "float32", "float64"]))
    shapes = draw(st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), max_size=3))
    seed = draw(st.integers(0, 2**32 - 1))
    return dtype, shapes, seed


@pytest.mark.parametrize("name", NUMBERS)
@hypothesis.given(case=trees())
@hypothesis.settings(max_examples=12)
def test_structure_shapes_and_dtypes_stay_and_inputs_too(name, case):
    dtype, shapes, seed = case
    rng = np.random.default_rng(seed)
    make = lambda: [  # noqa: E731
        fnp.asarray(rng.standard_normal(s), dtype) for s in shapes
    ]
    params, grads = {"all": make()}, {"all": make()}
    optimizer = getattr(optim, name)(**NUMBERS[name])
    state = optimizer.init(params)
    before = tree.map(np.array, (params, grads, state))
    new, later = optimizer.update(grads, state, params)
    tree.map(np.testing.assert_array_equal, (params, grads, state), before)
    assert tree.structure((new, later)) == tree.structure((params, state))
    for have, want in zip(tree.leaves((new, later)), tree.leaves((params, state)), strict=True):
        assert (have.shape, have.dtype) == (want.shape, want.dtype)
        assert np.isfinite(np.asarray(have, "float64")).all()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_16_bits_are_rounded_once_at_the_end(name, dtype, rng):
    optimizer = getattr(optim, name)(**NUMBERS[name])
    param, grad = matrices(rng, 2, dtype=dtype)
    wide = [x.astype("float32") for x in (param, grad)]
    expected, _ = walk(optimizer, wide[0], [wide[1]])
    found, _ = walk(optimizer, param, [grad])
    if name in ("rprop", "ftrl"):  # their slots are not zeros, and rounded before
        close(found.astype("float32"), expected, rtol=2**-7)
    else:
        np.testing.assert_array_equal(found, expected.astype(dtype))


def test_gradients_take_the_dtype_of_their_parameters(rng):
    param, grad = matrices(rng, 2)
    param = param.astype("float32")
    optimizer = optim.adam(0.1)
    new, state = optimizer.update(grad, optimizer.init(param), param)
    assert new.dtype == np.float32
    assert state["exp_avg"].dtype == np.float32


def test_large_eager_updates_are_those_of_small_ones(rng):
    big = rng.standard_normal(1 << 17)
    optimizer = optim.adamw(0.1)
    params, grads = fnp.asarray(big), fnp.asarray(big[::-1].copy())
    found, state = walk(optimizer, params, [grads, grads])
    expected, _ = walk(optimizer, params[:100], [grads[:100], grads[:100]])
    np.testing.assert_allclose(found[:100], expected, rtol=1e-12)
    assert int(state["step"]) == 2


COMPLEX = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad",
    "adadelta": "Adadelta", "nadam": "NAdam", "radam": "RAdam", "adamax": "Adamax", "asgd": "ASGD",
    "rprop": "Rprop",
}  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters_are_pairs_of_numbers_as_in_pytorch(name, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    start, *gradients = (
        rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2)) for _ in range(6)
    )
    settings = {k: v for k, v in NUMBERS[name].items() if k != "lambd"}
    leaf = torch.tensor(start)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        reference = getattr(torch.optim, COMPLEX[name])([leaf], **settings)
        for grad in gradients:
            leaf.grad = torch.tensor(grad)
            reference.step()
    finally:
        torch.set_default_dtype(before)
    optimizer = getattr(optim, name)(**settings)
    found, state = walk(optimizer, fnp.asarray(start), [fnp.asarray(g) for g in gradients])
    np.testing.assert_allclose(found, leaf, rtol=1e-10, atol=1e-10)
    assert found.dtype == np.complex128
    assert all(tree.leaves(optimizer.init(fnp.asarray(start)))[i].dtype == leaf.dtype
               for i, leaf in enumerate(tree.leaves(state)))  # fmt: skip


# ---------------------------------------------------------------- formulas of their own
@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.1, "l1": 0.5, "l2": 0.3, "beta": 1.0},
        {"lr": 0.3, "l1": 0.0, "l2": 0.0, "beta": 0.2},
        {"lr": 0.1, "l1": 0.05, "l2": 0.1, "beta": 0.0, "initial_accumulator_value": 0.1},
        {"lr": 0.1, "l1": 0.05, "l2": 0.1, "beta": 0.5, "lr_power": -0.7},
    ],
)
def test_ftrl_is_algorithm_1_of_its_paper(settings, rng):
    s = {"initial_accumulator_value": 0.0, "lr_power": -0.5} | settings
    z, n, w = np.zeros(6), np.full(6, s["initial_accumulator_value"]), np.zeros(6)
    gradients = [rng.standard_normal(6) for _ in range(20)]
    optimizer = optim.ftrl(**settings)
    params = fnp.zeros(6, "float64")
    state = optimizer.init(params)
    step = fl.jit(optimizer.update)
    for g in gradients:
        for i in range(6):
            sigma = ((n[i] + g[i] ** 2) ** -s["lr_power"] - n[i] ** -s["lr_power"]) / s["lr"]
            z[i] += g[i] - sigma * w[i]
            n[i] += g[i] ** 2
            if abs(z[i]) <= s["l1"]:
                w[i] = 0.0
            else:
                rate = (s["beta"] + n[i] ** -s["lr_power"]) / s["lr"] + s["l2"]
                w[i] = -(z[i] - np.sign(z[i]) * s["l1"]) / rate
        params, state = step(fnp.asarray(g), state, params)
        np.testing.assert_allclose(params, w, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(np.asarray(params) == 0, w == 0)
    assert s["l1"] < 0.5 or (w == 0).any()
    assert step.cache_info().misses == 1


def test_ftrl_without_penalties_is_adagrad_from_any_start(rng):
    param, *gradients = matrices(rng, 6)
    found, _ = walk(optim.ftrl(0.2, beta=0.0), param, gradients)
    expected, _ = walk(optim.adagrad(0.2, eps=0.0), param, gradients)
    close(found, expected, rtol=1e-9)
    still, _ = walk(optim.ftrl(0.2, beta=0.0), param, [fnp.zeros_like(param)])
    close(still, param, rtol=0)
    mirrored, _ = walk(optim.ftrl(0.2, maximize=True), param, [-g for g in gradients])
    close(mirrored, walk(optim.ftrl(0.2), param, gradients)[0], rtol=1e-12)


def test_the_average_of_asgd_is_the_parameter_to_the_bit_until_it_starts(rng):
    param, *gradients = matrices(rng, 6, (300, 2), "float32")
    found, state = walk(optim.asgd(3.0, t0=5), param, gradients)
    np.testing.assert_array_equal(state["ax"], found)


@pytest.mark.peers
@pytest.mark.parametrize("maximize", [False, True])
def test_sparse_adam_equals_pytorchs_on_an_embedding(maximize, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    table = rng.standard_normal((7, 3))
    leaf = torch.tensor(table, requires_grad=True)
    reference = torch.optim.SparseAdam([leaf], lr=0.1, betas=(0.8, 0.9), maximize=maximize)
    optimizer = optim.sparse_adam(0.1, (0.8, 0.9), maximize=maximize)
    params = fnp.asarray(table)
    state = optimizer.init(params)
    step = fl.jit(optimizer.update)
    for _ in range(20):
        indices = rng.integers(0, 7, 4)
        weights = rng.standard_normal((4, 3))
        reference.zero_grad()
        rows = torch.nn.functional.embedding(torch.tensor(indices), leaf, sparse=True)
        (rows * torch.tensor(weights)).sum().backward()
        reference.step()
        grads = np.zeros((7, 3))
        np.add.at(grads, indices, weights)
        params, state = step(fnp.asarray(grads), state, params)
        np.testing.assert_allclose(params, leaf.detach(), rtol=1e-10, atol=1e-10)


def test_sparse_adam_goes_by_rows_and_not_by_numbers():
    params, gradients = fnp.ones((1, 2)), [fnp.asarray([[1.0, 2.0]]), fnp.asarray([[0.0, 1.0]])]
    found, _ = walk(optim.sparse_adam(0.1, eps=0.0), params, gradients)
    close(found, walk(optim.adam(0.1, eps=0.0), params, gradients)[0], rtol=1e-6)


def test_sparse_adam_leaves_other_rows_alone_and_shows_nan():
    params = fnp.ones((3, 2))
    grads = fnp.asarray([[0.0, 0.0], [0.0, 1.0], [fnp.nan, 0.0]])
    new, state = walk(optim.sparse_adam(0.1), params, [grads])
    np.testing.assert_array_equal(new[0], [1.0, 1.0])
    assert float(new[1, 1]) < 1
    assert np.isnan(new[2, 0])
    np.testing.assert_array_equal(state["exp_avg"][0], [0.0, 0.0])


@pytest.mark.peers
@pytest.mark.parametrize("name", sorted(set(COMPLEX)))
def test_what_is_not_finite_goes_where_it_goes_in_pytorch(name, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    start, *gradients = (rng.standard_normal(4) for _ in range(6))
    gradients[2][1], gradients[1][2] = np.nan, np.inf
    leaf = torch.tensor(start)
    reference = getattr(torch.optim, COMPLEX[name])([leaf], lr=0.1)
    for grad in gradients:
        leaf.grad = torch.tensor(grad)
        reference.step()
    optimizer = getattr(optim, name)(0.1)
    found, state = walk(optimizer, fnp.asarray(start), [fnp.asarray(g) for g in gradients])
    np.testing.assert_allclose(found, leaf, rtol=1e-6)
    for slot in set(state) & set(reference.state[leaf]) - {"step"}:
        np.testing.assert_allclose(state[slot], reference.state[leaf][slot], rtol=1e-6)


def newton_schulz(x, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x / max(np.linalg.norm(x), 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("shape", [(4, 3), (3, 5)])
def test_muon_in_float64_is_its_formula(nesterov, adjust, shape, rng):
    w, mean = rng.standard_normal(shape), np.zeros(shape)
    optimizer = optim.muon(0.1, nesterov=nesterov, adjust_lr_fn=adjust, ns_dtype="float64")
    params = fnp.asarray(w)
    state = optimizer.init(params)
    ratio = max(1, shape[0] / shape[1]) ** 0.5
    if adjust == "match_rms_adamw":
        ratio = 0.2 * max(shape) ** 0.5
    for _ in range(10):
        g = rng.standard_normal(shape)
        mean = 0.95 * mean + 0.05 * g
        x = 0.05 * g + 0.95 * mean if nesterov else mean
        w = w * (1 - 0.1 * 0.1) - 0.1 * ratio * newton_schulz(x)
        params, state = optimizer.update(fnp.asarray(g), state, params)
    np.testing.assert_allclose(params, w, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (16, 16)])
def test_muon_in_bfloat16_is_near_pytorchs(shape, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    start = rng.standard_normal(shape)
    leaf = torch.tensor(start)
    reference = torch.optim.Muon([leaf], lr=0.1)
    optimizer = optim.muon(0.1)
    params = fnp.asarray(start)
    state = optimizer.init(params)
    for _ in range(20):
        g = rng.standard_normal(shape)
        leaf.grad = torch.tensor(g)
        reference.step()
        params, state = optimizer.update(fnp.asarray(g), state, params)
    # 20 steps of 0.1 with 8 bits each.
    np.testing.assert_allclose(params, leaf, atol=20 * 0.1 * 2**-7)
    np.testing.assert_allclose(
        state["momentum_buffer"], reference.state[leaf]["momentum_buffer"], rtol=1e-12
    )


# ---------------------------------------------------------------- messages
def swapped(name):
    optimizer = getattr(optim, name)(**NUMBERS[name])
    params = {"w": fnp.ones(2)}
    return optimizer, optimizer.init(params), params


@pytest.mark.parametrize("name", NUMBERS)
def test_swapped_arguments_are_named(name):
    optimizer, state, params = swapped(name)
    with pytest.raises(errors.TreeError, match=rf"optim.{name}: the state came in the place of p"):
        optimizer.update(params, params, state)
    with pytest.raises(errors.TreeError, match=rf"optim.{name}: the state came in the place of g"):
        optimizer.update(state, params, params)
    with pytest.raises(errors.TreeError, match="expected grads of the structure of params"):
        optimizer.update([fnp.ones(2)], state, params)
    with pytest.raises(errors.ShapeError, match=r"params\['w'\] is \(3,\)"):
        optimizer.update({"w": fnp.ones(3)}, state, {"w": fnp.ones(3)})
    with pytest.raises(errors.DtypeError, match=rf"optim.{name}: .*got int64 at params\['w'\]"):
        optimizer.init({"w": fnp.arange(3)})
    with pytest.raises(TypeError, match=rf"optim.{name}: expected lr to be a number or a schedule"):
        getattr(optim, name)(params)
    with pytest.raises(errors.ShapeError, match=r"lr to be a number; got an array of shape \(2,\)"):
        getattr(optim, name)(fnp.ones(2))


NEGATIVE = [
    ("sgd", "momentum"), ("sgd", "weight_decay"), ("adam", "eps"), ("adamw", "weight_decay"),
    ("rmsprop", "alpha"), ("adagrad", "initial_accumulator_value"), ("adadelta", "rho"),
    ("nadam", "momentum_decay"), ("radam", "weight_decay"), ("adamax", "eps"), ("asgd", "lambd"),
    ("ftrl", "l1"), ("ftrl", "l2"), ("ftrl", "beta"), ("sparse_adam", "eps"),
    ("adafactor", "weight_decay"), ("muon", "momentum"),
    *((name, "lr") for name in [*NUMBERS, "muon"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "setting"), NEGATIVE)
@pytest.mark.parametrize("value", [-0.5, float("nan")])
def test_negative_settings_are_refused(name, setting, value):
    with pytest.raises(ValueError, match=rf"optim.{name}: expected {setting} >= 0; got {value}"):
        getattr(optim, name)(**{setting: value})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.sgd(0.1, 0.9, nesterov=0.9), TypeError, "nesterov to be True or False"),
        (lambda: optim.nadam(betas=(0.9, 1.0)), ValueError, r"betas in \[0, 1\)"),
        (lambda: optim.radam(betas=0.9), ValueError, "betas to be a pair of numbers; got 0.9"),
        (lambda: optim.adadelta(rho=1.5), ValueError, r"rho in \[0, 1\]; got 1.5"),
        (lambda: optim.rprop(etas=(1.2, 0.5)), ValueError, r"0 < etas\[0\] < 1 < etas\[1\]"),
        (lambda: optim.ftrl(0.0), ValueError, "lr > 0; got 0"),
        (lambda: optim.ftrl(lr_power=0.5), ValueError, "lr_power <= 0; got 0.5"),
        (lambda: optim.adafactor(d=0.5), ValueError, "d >= 1; got 0.5"),
        (lambda: optim.adafactor(beta2_decay=0.5), ValueError, "beta2_decay <= 0; got 0.5"),
        (lambda: optim.muon(adjust_lr_fn="x"), ValueError, "adjust_lr_fn in .*; got 'x'"),
        (lambda: optim.muon(ns_steps=100), ValueError, "ns_steps < 100; got 100"),
        (
            lambda: optim.muon().init({"b": fnp.ones(3)}),
            errors.ShapeError,
            r"expected matrices as params; got an array of shape \(3,\). Remedy: optim.grouped",
        ),
        (
            lambda: optim.adafactor().init(fnp.ones(3, "complex64")),
            errors.DtypeError,
            "expected real floating-point arrays as params; got complex64",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------- wrong calls
WRONG_PARAMS = {"w": fnp.ones((2, 3)), "b": fnp.ones(3)}
WRONG_CALLS = {
    "no params": (lambda o, g, s, p: o.init(), TypeError, "missing a required argument: 'params'"),
    "two arguments": (lambda o, g, s, p: o.update(g, s), TypeError, "missing a required argument"),
    "called": (lambda o, g, s, p: o(p), TypeError, "an optimiser is not called itself"),
    "state first": (
        lambda o, g, s, p: o.update(s, g, p),
        errors.TreeError,
        "in the place of grads",
    ),
    "state last": (
        lambda o, g, s, p: o.update(g, p, s),
        errors.TreeError,
        "in the place of params",
    ),
    "no state": (
        lambda o, g, s, p: o.update(g, None, p),
        errors.TreeError,
        "got a NoneType. Remedy",
    ),
    "loss too": (
        lambda o, g, s, p: o.update((fnp.ones(()), g), s, p),
        errors.TreeError,
        r"Remedy: loss, grads = fl.value_and_grad\(loss_fn\)",
    ),
    "a function": (
        lambda o, g, s, p: o.update(sum, s, p),
        errors.TreeError,
        "Remedy: grads = fl.grad",
    ),
    "other grads": (
        lambda o, g, s, p: o.update(g["w"], s, p),
        errors.TreeError,
        "structure of params",
    ),
    "transposed": (
        lambda o, g, s, p: o.update({**g, "w": g["w"].T}, s, p),
        errors.ShapeError,
        r"grads\['w'\] \(3, 2\)",
    ),
    "floats": (
        lambda o, g, s, p: o.update({"w": 1.0, "b": 2.0}, s, p),
        errors.DtypeError,
        r"got float at grads\['b",
    ),
    "integers": (
        lambda o, g, s, p: o.update({**g, "b": g["b"].astype(int)}, s, p),
        errors.DtypeError,
        r"got int64 at grads\['b'\]. Remedy",
    ),
    "complex": (
        lambda o, g, s, p: o.update({**g, "b": g["b"] * 1j}, s, p),
        errors.DtypeError,
        r"expected real floating-point grads; got complex64 at grads\['b'\]",
    ),
    "other params": (
        lambda o, g, s, p: o.update(g["w"], s, p["w"]),
        errors.TreeError,
        r"Remedy: state = optimizer.init",
    ),
    "a key": (
        lambda o, g, s, p: o.init(fl.random.key(0)),
        errors.DtypeError,
        "got uint32 at params",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
@pytest.mark.parametrize("name", ["adam", "sgd", "muon", "adafactor", "rprop"])
def test_wrong_calls_name_the_optimiser(name, wrong):
    optimizer = getattr(optim, name)(*((0.1, 0.9) if name == "sgd" else (0.1,)))
    params = {"w": fnp.ones((2, 3)), "b": fnp.ones((3, 1))} if name == "muon" else WRONG_PARAMS
    call, error, message = WRONG_CALLS[wrong]
    with pytest.raises(error, match=rf"^optim\.{name}\b.*{message}"):
        call(optimizer, params, optimizer.init(params), params)

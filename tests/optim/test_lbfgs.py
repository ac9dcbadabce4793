"""L-BFGS goes PyTorch's way, step by step, as a pure function."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, optim, tree
from functorch_lite.optim.line_search import strong_wolfe

STEPS = 20


def problem(name, rng):
    """A start, our loss of a dict of parameters, and the same one in PyTorch."""
    if name == "rosenbrock":
        x = {"a": np.array([-1.2, 1.0, -0.5]), "b": np.array(0.7)}

        def loss(p, concatenate):
            x = concatenate([p["a"], p["b"].reshape(1)])
            return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()

    elif name == "quadratic":
        x = {"a": rng.standard_normal(4), "b": rng.standard_normal((2, 3))}

        def loss(p, concatenate):
            x = concatenate([p["a"], p["b"].reshape(-1)])
            total = 0.0
            for i in range(10):
                total = total + (1 + i) ** 2 * (x[i] - 0.1 * i) ** 2 / 2 + x[i] * x[i - 1] / 4
            return total

    else:
        x = {"a": rng.standard_normal(3), "b": np.zeros(())}
        features = rng.standard_normal((12, 3))
        signs = np.sign(features @ [1.0, -2.0, 0.5] + 0.3 * rng.standard_normal(12))

        def loss(p, concatenate):
            total = 0.01 * (p["a"] ** 2).sum()
            for row, sign in zip(features, signs, strict=True):
                margin = sign * (sum(p["a"][i] * row[i] for i in range(3)) + p["b"])
                total = total + (1 + (-margin).exp()).log()
            return total

        def loss_ours(p):
            margins = signs * (features @ p["a"] + p["b"])
            return 0.01 * (p["a"] ** 2).sum() + fnp.log(1 + fnp.exp(-margins)).sum()

        return x, loss_ours, loss

    return x, lambda p: loss(p, fnp.concatenate), loss


@pytest.mark.peers
@pytest.mark.parametrize("name", ["rosenbrock", "quadratic", "logistic"])
@pytest.mark.parametrize(
    "settings",
    [
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2},
        {"line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 4, "lr": 5.0},
        pytest.param(
            {"line_search_fn": "strong_wolfe", "max_iter": 1, "lr": 0.01}, marks=pytest.mark.long
        ),
        pytest.param({"lr": 0.02, "max_iter": 3}, marks=pytest.mark.long),
        {"lr": 0.02, "max_iter": 6, "history_size": 3, "max_eval": 4},
        pytest.param({"lr": 0.02, "max_iter": 8, "tolerance_grad": 0.5}, marks=pytest.mark.long),
        {"lr": 0.02, "max_iter": 8, "tolerance_change": 1e-2, "tolerance_grad": 0.1},
    ],
    ids=lambda s: " ".join(f"{k}={v}" for k, v in s.items()),
)
def test_steps_equal_pytorchs(name, settings, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    start, ours, theirs = problem(name, rng)
    reference, expected = in_torch(torch, start, theirs, settings)
    # How far rounding alone takes a step: the same from the neighbouring numbers.
    _, neighbours = in_torch(
        torch, tree.map(lambda x: np.nextafter(x, 9.0), start), theirs, settings
    )
    optimizer = optim.lbfgs(**settings)
    params = tree.map(lambda x: fnp.asarray(x, "float64"), start)
    state = optimizer.init(params)
    step = fl.jit(lambda s, p: optimizer.update(fl.value_and_grad(ours), s, p))
    for number, (want, neighbour) in enumerate(zip(expected, neighbours, strict=True)):
        params, state = step(state, params)
        for key in start:
            spread = 10 * np.max(np.abs(want[key] - neighbour[key]))
            assert spread < 1e-6
            np.testing.assert_allclose(
                params[key],
                want[key],
                rtol=1e-10,
                atol=max(1e-10, spread),
                err_msg=f"step {number}",
            )
        counts = (int(state["n_iter"]), int(state["func_evals"]))
        assert counts == (want["n_iter"], want["func_evals"])
    assert step.cache_info().misses == 1
    pairs = min(int(state["pairs"]), settings.get("history_size", 100))
    assert len(reference.state[reference._params[0]]["old_dirs"]) == pairs


def in_torch(torch, start, loss, settings):
    """PyTorch's optimiser after its steps, and what it had after each of them."""
    leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in start.items()}
    optimizer = torch.optim.LBFGS(list(leaves.values()), **settings)

    def closure():
        optimizer.zero_grad()
        value = loss(leaves, torch.cat)
        value.backward()
        return value

    trajectory = []
    for _ in range(STEPS):
        optimizer.step(closure)
        held = optimizer.state[optimizer._params[0]]
        trajectory.append(
            {key: leaf.detach().numpy().copy() for key, leaf in leaves.items()}
            | {key: held[key] for key in ("n_iter", "func_evals")}
        )
    return optimizer, trajectory


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_dtypes_stay(dtype, line_search_fn):
    optimizer = optim.lbfgs(lr=0.5, max_iter=5, line_search_fn=line_search_fn)
    params = {"x": fnp.asarray([0.5, 0.5], dtype)}
    loss = fl.value_and_grad(lambda p: ((p["x"] - 1) ** 2).sum())
    before = float(loss(params)[0])
    initial = optimizer.init(params)
    new, state = optimizer.update(loss, initial, params)
    assert new["x"].dtype == params["x"].dtype
    assert float(loss(new)[0]) < before / 10
    for have, want in zip(tree.leaves(state), tree.leaves(initial), strict=True):
        assert (have.shape, have.dtype) == (want.shape, want.dtype)


def test_eager_jit_and_purity():
    optimizer = optim.lbfgs(max_iter=8, line_search_fn="strong_wolfe")
    x = fnp.asarray([-1.2, 1.0], "float64")
    f = fl.value_and_grad(rosenbrock)
    state = optimizer.init(x)
    before = tree.map(np.array, (x, state))
    eager = optimizer.update(f, state, x)
    jitted = fl.jit(lambda s, p: optimizer.update(f, s, p))(state, x)
    tree.map(np.testing.assert_array_equal, (x, state), before)
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), eager, jitted)


@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_ensembles_by_vmap(line_search_fn):
    optimizer = optim.lbfgs(lr=0.1, max_iter=6, line_search_fn=line_search_fn)
    f = fl.value_and_grad(rosenbrock)
    starts = fnp.asarray([[-1.2, 1.0], [0.5, 0.5], [1.0, 1.0]], "float64")
    states = fl.vmap(optimizer.init)(starts)
    found, held = fl.vmap(lambda s, p: optimizer.update(f, s, p))(states, starts)
    for i in range(3):
        one, state = optimizer.update(f, optimizer.init(starts[i]), starts[i])
        np.testing.assert_allclose(found[i], one, rtol=1e-10)
        assert int(held["func_evals"][i]) == int(state["func_evals"])


def test_learning_rates_may_be_traced_and_scheduled():
    f = fl.value_and_grad(lambda x: (x**2).sum())
    x = fnp.asarray([3.0, 4.0], "float64")
    state = optim.lbfgs().init(x)

    @fl.jit
    def step(lr):
        return optim.lbfgs(lr, max_iter=1).update(f, state, x)[0]

    # The first step is as long as the rate over the gradient's L1 norm, times the gradient.
    for lr in (0.5, 1.0):
        np.testing.assert_allclose(step(fnp.asarray(lr, "float64")), x - lr / 14 * 2 * x)
    assert step.cache_info().misses == 1
    scheduled = optim.lbfgs(lambda step: 0.5, max_iter=1).update(f, state, x)[0]
    np.testing.assert_allclose(scheduled, step(fnp.asarray(0.5, "float64")))


def test_no_numbers_at_all():
    optimizer = optim.lbfgs(line_search_fn="strong_wolfe")
    params = {"x": fnp.zeros((0, 2))}
    new, _ = optimizer.update(
        fl.value_and_grad(lambda p: p["x"].sum()), optimizer.init(params), params
    )
    assert new["x"].shape == (0, 2)


def test_nan_ends_without_hanging():
    optimizer = optim.lbfgs(max_iter=5, line_search_fn="strong_wolfe")
    x = fnp.asarray([-1.0])
    f = fl.value_and_grad(lambda x: fnp.sqrt(x).sum())
    new, state = optimizer.update(f, optimizer.init(x), x)
    assert np.isnan(np.asarray(new)).all()
    assert int(state["func_evals"]) < 200


@pytest.mark.peers
def test_the_line_search_takes_pytorchs_steps(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    lbfgs = pytest.importorskip("torch.optim.lbfgs")

    def value(t, c, module):
        polynomial = c[0] * t + c[1] * t**2 + c[2] * t**3 + c[3] * t**4
        return polynomial + c[4] * module.sin(c[5] * t) + c[6] * module.exp(-c[7] * t)

    @fl.jit
    def ours(c, first, most):
        def evaluate(t):
            found, slope = fl.value_and_grad(lambda t: value(t, c, fnp))(t)
            return found, slope[None]

        f0, g0 = evaluate(fnp.zeros((), "float64"))
        found = strong_wolfe(evaluate, first, fnp.ones(1, "float64"), f0, g0, g0[0], 1e-9, most)
        return found[0], found[2], found[3]

    def evaluate(c, t):
        t = torch.as_tensor(t, dtype=torch.float64).detach().requires_grad_()
        found = value(t, c, torch)
        found.backward()
        return float(found.detach()), t.grad.reshape(1)

    def theirs(c, first, most):
        f0, g0 = evaluate(c, 0.0)
        found = lbfgs._strong_wolfe(
            lambda x, t, d: evaluate(c, t),
            None,
            torch.tensor(first, dtype=torch.float64),
            torch.ones(1, dtype=torch.float64),
            f0,
            g0,
            g0[0],
            max_ls=most,
        )
        return float(found[0]), float(found[2]), found[3]

    lengths = []
    for number in range(400):
        scales = [
            [1, 1, 1, 0.3, 2, 5, 0, 0],
            [1e-2, 1e-3, 1e-3, 1e-4, 2, 5, 0, 0],  # waves from a slight slope
            [0, 1e-4, 1e-5, 1e-6, 1e-5, 1, 1e-5, 1e5],  # a steep start that soon is flat
        ]
        c = np.abs(rng.standard_normal(8)) * scales[number % 3]
        c[1:3] *= rng.choice([-1, 1], 2)
        c[0] = -c[0] - c[4] * c[5]
        first, most = 10 ** rng.uniform(-3, 2), int(rng.integers(0, 26))
        want = theirs(c, first, most)
        # A root of nearly 0 in the interpolation makes much of the last digit: such a search says
        # nothing, and shows in that PyTorch goes elsewhere from the neighbouring function.
        near = [theirs(c * (1 + 1e-15 * rng.standard_normal(8)), first, most) for _ in range(3)]
        if any(n[2] != want[2] or abs(n[1] - want[1]) > 1e-9 * want[1] for n in near):
            continue
        f, t, evaluations = ours(fnp.asarray(c), fnp.asarray(first, "float64"), fnp.asarray(most))
        assert int(evaluations) == want[2]
        np.testing.assert_allclose(t, want[1], rtol=1e-7)
        np.testing.assert_allclose(f, want[0], rtol=1e-9, atol=1e-12)
        lengths.append(want[2])
    assert len(lengths) > 300
    assert len(set(lengths)) > 8
    assert ours.cache_info().misses == 1


@pytest.mark.parametrize("first", [1e-3, 0.3, 2.0, 50.0])
def test_the_line_search_meets_the_strong_wolfe_conditions(first):
    def value(t):
        return (t - 2.0) ** 4 + fnp.sin(3 * t) - t

    def evaluate(t):
        found, slope = fl.value_and_grad(value)(t)
        return found, slope[None]

    zero = fnp.zeros((), "float64")
    f0, g0 = evaluate(zero)
    f, g, t, evaluations = strong_wolfe(
        evaluate, zero + first, fnp.ones(1, "float64"), f0, g0, g0[0], 1e-9, 25
    )
    assert float(f) <= float(f0) + 1e-4 * float(t) * float(g0[0])
    assert abs(float(g[0])) <= 0.9 * abs(float(g0[0]))
    assert 1 <= int(evaluations) <= 26
    np.testing.assert_allclose(f, value(t))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.lbfgs(lr=-1.0), ValueError, "lr >= 0; got -1.0"),
        (lambda: optim.lbfgs(history_size=0), ValueError, "history_size to be an int >= 1; got 0"),
        (lambda: optim.lbfgs(max_iter=2.0), ValueError, "max_iter to be an int >= 0; got 2.0"),
        (lambda: optim.lbfgs(line_search_fn="armijo"), ValueError, "strong_wolfe"),
        (
            lambda: optim.lbfgs().update(fnp.ones(2), optim.lbfgs().init(fnp.ones(2)), fnp.ones(2)),
            TypeError,
            r"Remedy: update\(value_and_grad\(loss\), state, params\)",
        ),
        (
            lambda: optim.lbfgs().update(rosenbrock, {"step": 0}, fnp.ones(2)),
            errors.TreeError,
            "expected state to be a dict with the keys",
        ),
        (
            lambda: optim.lbfgs().update(
                fl.value_and_grad(rosenbrock), optim.lbfgs().init(fnp.ones(3)), fnp.ones(2)
            ),
            errors.ShapeError,
            "state of 2 numbers, which params have; got one of 3",
        ),
        (
            lambda: optim.lbfgs().init({"x": fnp.ones(2, "complex64")}),
            errors.DtypeError,
            r"real floating-point arrays as params; got complex64 at params\['x'\]",
        ),
        (
            lambda: optim.lbfgs().update(
                lambda p: (p.sum(), [p]), optim.lbfgs().init(fnp.ones(2)), fnp.ones(2)
            ),
            errors.TreeError,
            "grads of the structure of params",
        ),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_state_holds_the_last_loss():
    def loss(x):
        return ((x - 3) ** 2 * fnp.asarray([1.0, 10.0])).sum()

    optimizer = optim.lbfgs(max_iter=3, line_search_fn="strong_wolfe")
    x = fnp.zeros(2)
    state = optimizer.init(x)
    assert float(state["loss"]) == float("inf")
    for _ in range(2):
        x, state = fl.jit(lambda s, x: optimizer.update(fl.value_and_grad(loss), s, x))(state, x)
        np.testing.assert_allclose(state["loss"], loss(x), rtol=1e-6, atol=1e-12)

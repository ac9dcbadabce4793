"""Steps of every optimiser against PyTorch's: values, state, layouts, dtypes."""

from __future__ import annotations

import copy
import itertools
import warnings

import numpy as np
import pytest
from oracle import array_of, ours, real, same, to_ours, to_real

import functorch_lite.torch.optim._programs as programs

SHAPES = [(3, 4), (5,), (), (2, 3, 2)]
MATRICES = [(3, 4), (5, 2), (4, 4)]

GRID = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.5, "fused": True},
    ],
    "Adam": [
        {},
        {"amsgrad": True, "weight_decay": 0.1},
        {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True, "foreach": True},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        {"fused": True},
    ],
    "AdamW": [{}, {"amsgrad": True, "weight_decay": 0.3, "maximize": True}],
    "Adamax": [{}, {"weight_decay": 0.1, "betas": (0.6, 0.9), "maximize": True}],
    "NAdam": [
        {},
        {"weight_decay": 0.1, "momentum_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {},
        {"weight_decay": 0.1, "betas": (0.8, 0.9)},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "Adagrad": [{}, {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}],
    "Adadelta": [{}, {"rho": 0.5, "weight_decay": 0.1, "maximize": True}],
    "RMSprop": [
        {},
        {"momentum": 0.9, "centered": True, "weight_decay": 0.1},
        {"momentum": 0.5, "alpha": 0.7, "maximize": True},
        {"centered": True},
    ],
    "Rprop": [{}, {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1), "maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "lambd": 0.1, "t0": 5, "alpha": 0.5, "weight_decay": 0.1}],
    "Adafactor": [{}, {"eps": (1e-6, 0.1), "d": 1.5, "weight_decay": 0.1, "maximize": True}],
}
CASES = [(name, i) for name, settings in GRID.items() for i in range(len(settings))]
TOLERANCE = {"float64": 1e-10, "float32": 1e-6}
COMPLEX = [name for name in GRID if name != "Adafactor"]


def values_of(shapes, dtype, seed):
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=s) for s in shapes]
    if np.dtype(dtype).kind == "c":
        found = [x + 1j * rng.normal(size=x.shape) for x in found]
    return [np.asarray(x, dtype) for x in found]


class Run:
    """One optimiser on some parameters, in one of the two packages."""

    def __init__(self, module, name, shapes, dtype, groups=None, **settings):
        self.module = module
        convert = to_real if module is real else to_ours
        self.convert = convert
        self.shapes, self.dtype = shapes, dtype
        self.params = [module.nn.Parameter(convert(x)) for x in values_of(shapes, dtype, 0)]
        given = self.params if groups is None else groups(self.params)
        self.optimizer = getattr(module.optim, name)(given, **settings)

    def set_grads(self, seed, skip=()):
        for i, x in enumerate(values_of(self.shapes, self.dtype, 100 + seed)):
            self.params[i].grad = (
                None if i in skip else self.convert(np.asarray(x * (1 + seed % 3)))
            )

    def steps(self, first, last, skip=lambda step: ()):
        for step in range(first, last):
            self.set_grads(step, skip(step))
            self.optimizer.step()
        return self


def both(name, shapes=SHAPES, dtype="float64", groups=None, **settings):
    return [Run(m, name, shapes, dtype, groups, **settings) for m in (ours, real)]


def agree(mine, theirs, tolerance):
    for a, b in zip(mine.params, theirs.params, strict=True):
        same(a, b, "parameter", rtol=tolerance)
    states = [run.optimizer.state_dict() for run in (mine, theirs)]
    same_state(*states, tolerance)


def same_state(a, b, tolerance, path="state"):
    if isinstance(b, dict):
        assert list(a) == list(b), path
        for key in b:
            same_state(a[key], b[key], tolerance, f"{path}.{key}")
    elif isinstance(b, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same_state(x, y, tolerance, f"{path}[{i}]")
    elif isinstance(b, real.Tensor):
        counts = path.endswith((".step", ".mu_product", ".eta", ".mu"))
        same(a, b, path, rtol=2e-7 if counts and b.dtype == real.float32 else tolerance)
    else:
        assert a == b, path


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "i"), CASES)
def test_twenty_steps(name, i, dtype):
    mine, theirs = both(name, dtype=dtype, **GRID[name][i])
    for run in (mine, theirs):
        run.steps(0, 20)
    agree(mine, theirs, TOLERANCE[dtype])


def test_momenta_multiply_in_single_precision():
    mine, theirs = both("NAdam", lr=5.0)
    for run in (mine, theirs):
        run.steps(0, 20)
    agree(mine, theirs, 1e-10)


def test_rates_are_rounded_whatever_the_state_has():
    runs = []
    for m in (ours, real):
        m.set_default_dtype(m.float64)
        try:
            run = Run(m, "ASGD", SHAPES, "float64", lr=0.1, lambd=0.1, t0=1).steps(0, 2)
        finally:
            m.set_default_dtype(m.float32)
        runs.append(run.steps(2, 6))
    agree(*runs, 1e-10)


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters(name):
    settings = {key: x for key, x in GRID[name][-1].items() if key != "fused"}
    mine, theirs = both(name, dtype="complex128", **settings)
    for run in (mine, theirs):
        run.steps(0, 6)
    agree(mine, theirs, 1e-10)


@pytest.mark.parametrize("name", GRID)
def test_half_precision_is_near(name):
    for dtype, tolerance in (("bfloat16", 0.05), ("float16", 0.01)):
        runs = []
        for module in (ours, real):
            convert = to_real if module is real else to_ours
            params = [
                module.nn.Parameter(convert(x.astype("f")).to(getattr(module, dtype)))
                for x in values_of(SHAPES, "float64", 0)
            ]
            optimizer = getattr(module.optim, name)(params, lr=0.01)
            for step in range(5):
                for p, x in zip(params, values_of(SHAPES, "float32", step), strict=True):
                    p.grad = convert(x).to(p.dtype)
                optimizer.step()
            runs.append(params)
        for a, b in zip(*runs, strict=True):
            assert str(a.dtype) == str(b.dtype)
            np.testing.assert_allclose(
                array_of(a).astype("f"), array_of(b).astype("f"), rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.9},
        {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0},
        {"lr": 0.1, "ns_steps": 2, "adjust_lr_fn": "original"},
    ],
)
def test_muon(settings):
    mine, theirs = both("Muon", MATRICES, "float32", **settings)
    for run in (mine, theirs):
        run.steps(0, 5)
    # Its iteration is in bfloat16, whose products PyTorch rounds in an order of its own.
    for a, b in zip(mine.params, theirs.params, strict=True):
        same(a, b, rtol=2e-2)
    same_state(mine.optimizer.state_dict(), theirs.optimizer.state_dict(), 1e-5)


@pytest.mark.parametrize("name", GRID)
def test_groups_with_settings_of_their_own(name):
    def groups(params):
        return [
            {"params": params[:1], "lr": 0.1},
            {"params": iter(params[1:]), "maximize": True},
        ]

    mine, theirs = both(name, groups=groups, lr=0.01)
    for run in (mine, theirs):
        run.steps(0, 4)
        run.optimizer.param_groups[1]["lr"] = 0.3
        run.optimizer.param_groups[0]["maximize"] = True
        run.steps(4, 8)
    agree(mine, theirs, 1e-10)


@pytest.mark.parametrize("name", GRID)
def test_parameters_that_have_no_gradient_at_times(name):
    mine, theirs = both(name)
    for run in (mine, theirs):
        run.steps(0, 12, lambda step: [{}, {0}, {1, 2}, {0, 1, 2, 3}][step % 4])
    agree(mine, theirs, 1e-10)


@pytest.mark.parametrize("name", GRID)
def test_views_and_layouts(name):
    runs = []
    for module in (ours, real):
        convert = to_real if module is real else to_ours
        base = convert(values_of([(6, 8)], "float64", 1)[0])
        params = [base[0], base[1:3].t(), base[3:5, ::2], base[:, 7][3:]]
        params = [p.detach().requires_grad_() for p in params]
        optimizer = getattr(module.optim, name)(params, lr=0.1)
        for step in range(5):
            for p, x in zip(params, values_of([p.shape for p in params], "d", step), strict=True):
                grad = convert(x)
                # Gradients in another order of memory, and expanded ones.
                p.grad = grad.t().contiguous().t() if step % 2 and grad.ndim == 2 else grad
            params[0].grad = convert(np.asarray(1.5)).expand(8)
            optimizer.step()
        runs.append((base, params, optimizer))
    same(runs[0][0], runs[1][0], rtol=1e-10)
    same(runs[0][1], runs[1][1], rtol=1e-10)
    same_state(runs[0][2].state_dict(), runs[1][2].state_dict(), 1e-10)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_parameters_that_share_memory_move_one_after_the_other(name):
    runs = []
    for module in (ours, real):
        convert = to_real if module is real else to_ours
        base = convert(np.arange(1.0, 7.0))
        params = [base[:4].detach().requires_grad_(), base[2:].detach().requires_grad_()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = getattr(module.optim, name)([*params, params[0]], lr=0.1, weight_decay=0.5)
        for step in range(3):
            for p in params:
                p.grad = convert(np.arange(1.0, 5.0) * (step - 1.5))
            optimizer.step()
        runs.append(base)
    same(*runs, rtol=1e-10)


def test_empty_parameters():
    mine, theirs = both("Adam", [(0,), (2, 0), (3,)])
    for run in (mine, theirs):
        run.steps(0, 3)
    agree(mine, theirs, 1e-10)


@pytest.mark.parametrize("name", [n for n in GRID if n != "Rprop"])
def test_tensors_as_learning_rates(name):
    runs = []
    for module in (ours, real):
        lr = module.tensor(0.05, dtype=module.float64)
        run = Run(module, name, SHAPES, "float64", lr=lr).steps(0, 3)
        lr.fill_(0.2)
        runs.append(run.steps(3, 6))
    agree(*runs, 1e-10)


def test_tensors_as_betas():
    runs = []
    for module in (ours, real):
        betas = (module.tensor([0.8], dtype=module.float64), module.tensor(0.9))
        runs.append(Run(module, "Adam", SHAPES, "float64", betas=betas).steps(0, 4))
    for a, b in zip(runs[0].params, runs[1].params, strict=True):
        same(a, b, rtol=1e-6)


def test_no_program_is_made_for_another_learning_rate(monkeypatch):
    made = []
    compile = programs._compile
    monkeypatch.setattr(programs, "_compile", lambda *args: made.append(args) or compile(*args))
    run = Run(ours, "Adam", [(7, 11), (13,)], "float64")
    run.steps(0, 2)
    assert len(made) == 1
    for lr in (0.1, 0.0, 1):
        run.optimizer.param_groups[0]["lr"] = lr
        run.steps(2, 4)
    Run(ours, "Adam", [(11, 7), (13,)], "float64", eps=0.5).steps(0, 2)
    assert len(made) == 1


def test_steps_write_in_place():
    run = Run(ours, "Adam", [(3, 4), (5,)], "float32", amsgrad=True)
    places = [p.data_ptr() for p in run.params]
    run.steps(0, 1)
    state = run.optimizer.state_dict()["state"][0]
    before = {key: (x, x.data_ptr()) for key, x in state.items()}
    versions = [p._version for p in run.params]
    run.steps(1, 3)
    assert [p.data_ptr() for p in run.params] == places
    assert [p._version for p in run.params] == [v + 2 for v in versions]
    for key, (x, place) in before.items():
        assert run.optimizer.state[run.params[0]][key] is x and x.data_ptr() == place
    assert before["step"][0].item() == 3.0


@pytest.mark.parametrize(("name", "i"), [case for case in CASES if case[0] != "Adafactor"])
@pytest.mark.parametrize("shapes", [SHAPES, [(64,)] * 3])
def test_programs_write_over_what_they_read(name, i, shapes):
    """Without copies, also where several parameters are alike."""
    run = Run(ours, name, shapes, "float32", **GRID[name][i]).steps(0, 1)
    assert all(batch._direct for batch in run.optimizer._batches._found.values())


def test_a_graph_that_saved_a_parameter_notices_the_step():
    for module in (ours, real):
        p = module.nn.Parameter(module.ones(3))
        loss = (p * p).sum()
        optimizer = module.optim.SGD([p], lr=0.1)
        p.grad = module.ones(3)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("name", [*GRID, "Muon"])
def test_interpreted_steps_are_the_same(name, monkeypatch):
    """Where no compiler loads, the same formulas run op by op."""
    from functorch_lite.core.graph import reference_program

    shapes = MATRICES if name == "Muon" else SHAPES
    compiled = Run(ours, name, shapes, "float32").steps(0, 3)
    monkeypatch.setattr(programs, "_programs", {})
    monkeypatch.setattr(programs, "program_of", reference_program)
    plain = Run(ours, name, shapes, "float32").steps(0, 3)
    for a, b in zip(compiled.params, plain.params, strict=True):
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=2e-6, atol=2e-6)


def test_ftrl_makes_exact_zeros_and_is_adagrad_without_penalties():
    p = ours.nn.Parameter(ours.tensor([1.0, -2.0, 0.5], dtype=ours.float64))
    q = real.nn.Parameter(real.tensor([1.0, -2.0, 0.5], dtype=real.float64))
    mine = ours.optim.FTRL([p], lr=0.1, beta=1e-10)
    theirs = real.optim.Adagrad([q], lr=0.1, eps=1e-10)
    for step in range(10):
        g = np.random.default_rng(step).normal(size=3)
        p.grad, q.grad = to_ours(g), to_real(g)
        mine.step()
        theirs.step()
    same(p, q, rtol=1e-6)
    assert list(mine.state[p]) == ["step", "n", "z"]
    sparse = ours.nn.Parameter(ours.zeros(2))
    optimizer = ours.optim.FTRL([sparse], lr=0.5, l1=0.1)
    sparse.grad = ours.tensor([0.05, 1.0])
    optimizer.step()
    assert sparse.tolist() == pytest.approx([0.0, -0.225])


@pytest.mark.long
@pytest.mark.parametrize("name", GRID)
def test_combinations_of_settings(name):
    choices = {key: [x] for settings in GRID[name] for key, x in settings.items()}
    choices.pop("fused", None), choices.pop("foreach", None)
    for chosen in itertools.product(*[[None, *xs] for xs in choices.values()]):
        settings = {k: x for k, x in zip(choices, chosen, strict=True) if x is not None}
        if settings.get("nesterov") and ("momentum" not in settings or "dampening" in settings):
            continue
        mine, theirs = both(name, **copy.deepcopy(settings))
        for run in (mine, theirs):
            run.steps(0, 20)
        agree(mine, theirs, 1e-9)

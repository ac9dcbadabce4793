"""Groups, state dicts, hooks, messages, pickles and differentiable steps of optimisers."""

from __future__ import annotations

import copy
import importlib
import pickle
import re
import warnings

import numpy as np
import pytest
from oracle import array_of, ours, real, same
from test_torch_optim import GRID, MATRICES, SHAPES, Run, agree, both

BOTH = (ours, real)
# PyTorch's package has no attribute of that name.
BASES = {
    ours: importlib.import_module("functorch_lite.torch.optim.optimizer"),
    real: importlib.import_module("torch.optim.optimizer"),
}


def outcome(f):
    """In both packages: the exception as text or the value, and the warnings."""
    found = []
    for module in BOTH:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = ("value", f(module))
            except Exception as error:
                value = (type(error).__name__, str(error))
        texts = [(w.category.__name__, str(w.message), w.filename == __file__) for w in caught]
        found.append((value, texts))
    return found


def p(m, n=3):
    return m.nn.Parameter(m.ones(n))


ERRORS = {
    "tensor": lambda m: m.optim.SGD(m.ones(3), lr=0.1),
    "parameter": lambda m: m.optim.SGD(p(m), lr=0.1),
    "empty": lambda m: m.optim.SGD([], lr=0.1),
    "numbers": lambda m: m.optim.SGD([3.0], lr=0.1),
    "non-leaf": lambda m: m.optim.SGD([p(m) * 2], lr=0.1),
    "set": lambda m: m.optim.SGD([{"params": {p(m)}}], lr=0.1),
    "no dict": lambda m: m.optim.SGD([p(m)], lr=0.1).add_param_group([p(m)]),
    "mixed": lambda m: m.optim.SGD([{"params": [p(m)]}, p(m)], lr=0.1),
    "some named": lambda m: m.optim.SGD([("a", p(m)), p(m)], lr=0.1),
    "one group named": lambda m: m.optim.SGD(
        [{"params": [("a", p(m))]}, {"params": [p(m)]}], lr=0.1
    ),
    "the other named": lambda m: m.optim.SGD(
        [{"params": [p(m)]}, {"params": [("a", p(m))]}], lr=0.1
    ),
    "twice": lambda m: m.optim.SGD([{"params": [q := p(m)]}, {"params": [q]}], lr=0.1),
    "duplicates": lambda m: repr(m.optim.SGD([q := p(m), q], lr=0.1)),
    "duplicate group": lambda m: repr(m.optim.SGD([{"params": [q := p(m), q]}], lr=0.1)),
    "no params": lambda m: m.optim.SGD([{"lr": 0.1}]),
    "lr": lambda m: m.optim.SGD([p(m)], lr=-0.1),
    "lr nan": lambda m: m.optim.Adam([p(m)], lr=float("nan")),
    "lr sizes": lambda m: m.optim.SGD([p(m)], lr=m.ones(2)),
    "momentum": lambda m: m.optim.SGD([p(m)], momentum=-1),
    "decay": lambda m: m.optim.SGD([p(m)], weight_decay=-1),
    "nesterov": lambda m: m.optim.SGD([p(m)], nesterov=True),
    "fused and foreach": lambda m: m.optim.SGD([p(m)], fused=True, foreach=True),
    "fused and differentiable": lambda m: m.optim.Adam([p(m)], fused=True, differentiable=True),
    "adam lr": lambda m: m.optim.Adam([p(m)], lr=-1),
    "adam eps": lambda m: m.optim.Adam([p(m)], eps=-1),
    "adam beta1": lambda m: m.optim.Adam([p(m)], betas=(1.0, 0.9)),
    "adam beta2": lambda m: m.optim.Adam([p(m)], betas=(0.9, -0.1)),
    "adam ints": lambda m: m.optim.Adam([p(m)], betas=(0, 0)),
    "adam kinds": lambda m: m.optim.Adam([p(m)], betas=(0.5, m.tensor(0.5))),
    "adam sizes": lambda m: m.optim.Adam([p(m)], betas=(m.tensor(0.5), m.tensor([0.5, 0.6]))),
    "adam decay": lambda m: m.optim.Adam([p(m)], weight_decay=-1),
    "adam foreach lr": lambda m: m.optim.Adam([p(m)], lr=m.tensor(0.1), foreach=True),
    "adam foreach betas": lambda m: m.optim.Adam(
        [p(m)], betas=(m.tensor(0.5), m.tensor(0.5)), foreach=True
    ),
    "adamw": lambda m: m.optim.AdamW([p(m)], betas=(1.0, 0.9)),
    "adamax": lambda m: m.optim.Adamax([p(m)], betas=(1.0, 0.9)),
    "nadam": lambda m: m.optim.NAdam([p(m)], momentum_decay=-1),
    "radam": lambda m: m.optim.RAdam([p(m)], eps=-1),
    "adagrad": lambda m: m.optim.Adagrad([p(m)], lr_decay=-1),
    "adagrad init": lambda m: m.optim.Adagrad([p(m)], initial_accumulator_value=-1),
    "adadelta": lambda m: m.optim.Adadelta([p(m)], rho=1.5),
    "rmsprop": lambda m: m.optim.RMSprop([p(m)], alpha=-1),
    "rprop": lambda m: m.optim.Rprop([p(m)], etas=(1.5, 2)),
    "asgd": lambda m: m.optim.ASGD([p(m)], weight_decay=-1),
    "adafactor": lambda m: m.optim.Adafactor([p(m)], d=0.5),
    "adafactor lr": lambda m: m.optim.Adafactor([p(m)], lr=-1),
    "adafactor eps": lambda m: m.optim.Adafactor([p(m)], eps=(-1, 1)),
    "adafactor eps2": lambda m: m.optim.Adafactor([p(m)], eps=(None, -1)),
    "adafactor beta2": lambda m: m.optim.Adafactor([p(m)], beta2_decay=1),
    "muon": lambda m: m.optim.Muon([p(m)]),
    "muon fn": lambda m: m.optim.Muon([p(m)], adjust_lr_fn="other"),
    "muon momentum": lambda m: m.optim.Muon([p(m)], momentum=-1),
    "lbfgs groups": lambda m: m.optim.LBFGS([{"params": [p(m)]}, {"params": [p(m)]}]),
    "lbfgs lr": lambda m: m.optim.LBFGS([p(m)], lr=-1),
    "lbfgs closure": lambda m: m.optim.LBFGS([p(m)]).step(),
    "sparse lr": lambda m: m.optim.SparseAdam([p(m)], lr=0),
    "sparse eps": lambda m: m.optim.SparseAdam([p(m)], eps=0),
    "sparse complex": lambda m: m.optim.SparseAdam([m.ones(2, dtype=m.complex64)]),
    "sparse dense": lambda m: stepped(m.optim.SparseAdam([p(m)])),
    "base step": lambda m: m.optim.Optimizer([p(m)], {}).step(),
    "required": lambda m: m.optim.Optimizer([p(m)], {"lr": BASES[m].required}),
    "groups": lambda m: m.optim.SGD([p(m)]).load_state_dict(
        m.optim.SGD([{"params": [p(m)]}, {"params": [p(m)]}]).state_dict()
    ),
    "sizes": lambda m: m.optim.SGD([p(m)]).load_state_dict(m.optim.SGD([p(m), p(m)]).state_dict()),
    "complex muon": lambda m: stepped(m.optim.Muon([m.ones(2, 2, dtype=m.complex64)])),
    "complex adafactor": lambda m: stepped(m.optim.Adafactor([m.ones(2, dtype=m.complex64)])),
    "complex fused": lambda m: stepped(m.optim.Adam([m.ones(2, dtype=m.complex64)], fused=True)),
    "foreach differentiable": lambda m: stepped(
        m.optim.Adam([p(m)], foreach=True, differentiable=True)
    ),
    "leaf differentiable": lambda m: stepped(m.optim.SGD([p(m)], differentiable=True)),
}
for _name in GRID:
    if _name not in ("SGD", "Adagrad", "Adafactor"):
        ERRORS[f"capturable {_name}"] = lambda m, name=_name: stepped(
            getattr(m.optim, name)([p(m)], capturable=True)
        )


def stepped(optimizer):
    for group in optimizer.param_groups:
        for q in group["params"]:
            q.grad = q.detach().clone()
    optimizer.step()


def words(text):
    """A message without what differs between two packages on purpose."""
    text = text.replace("functorch_lite.torch", "torch")
    return re.sub(r"(devices: )\[[^]]*\]|0x[0-9a-f]+", r"\1", text).split("\n")[0]


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name):
    (mine, my_warnings), (theirs, their_warnings) = outcome(ERRORS[name])
    assert mine[0] == theirs[0], (mine, theirs)
    assert words(str(mine[1])) == words(str(theirs[1]))
    assert my_warnings == their_warnings


TEXTS = {
    "two groups": lambda m: m.optim.Adam(
        [{"params": [p(m)], "lr": 0.1}, {"params": [p(m)], "other": "x"}], foreach=False
    ),
    "names": lambda m: m.optim.SGD({"b": p(m), "a": p(m)}.items(), momentum=0.9),
    "tensors": lambda m: m.optim.AdamW([p(m)], lr=m.tensor(0.5)),
    "one tensor": lambda m: m.optim.RMSprop([{"params": p(m)}]),
    "generator": lambda m: m.optim.NAdam(p(m) for _ in range(2)),
    "adafactor": lambda m: m.optim.Adafactor([p(m)]),
    "muon": lambda m: m.optim.Muon([p(m, (2, 2))]),
    "lbfgs": lambda m: m.optim.LBFGS([p(m)]),
    **{name: lambda m, name=name: getattr(m.optim, name)([p(m)]) for name in GRID},
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_defaults_and_groups(name):
    mine, theirs = (TEXTS[name](m) for m in BOTH)
    assert repr(mine) == repr(theirs)
    assert list(mine.defaults) == list(theirs.defaults)
    for a, b in zip(mine.param_groups, theirs.param_groups, strict=True):
        assert list(a) == list(b)
    assert type(mine).__module__ == type(theirs).__module__
    assert list(mine.state_dict()["state"]) == list(theirs.state_dict()["state"])


def test_groups_are_kept_not_copied():
    for m in BOTH:
        group = {"params": p(m), "lr": 0.5}
        optimizer = m.optim.SGD([group])
        assert optimizer.param_groups[0] is group and group["params"][0] is not None
        optimizer.add_param_group({"params": [p(m)]})
        assert optimizer.param_groups[1]["lr"] == 1e-3


def converted(x, module):
    """A state dict with its tensors in the other package."""
    if isinstance(x, (ours.Tensor, real.Tensor)):
        return module.from_numpy(array_of(x).copy())
    if isinstance(x, dict):
        return {key: converted(value, module) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(converted(value, module) for value in x)
    return x


@pytest.mark.parametrize("direction", ["to ours", "to real"])
@pytest.mark.parametrize("name", [*GRID, "Muon"])
def test_state_dicts_are_exchanged_while_training(name, direction):
    settings = GRID[name][-1] if name != "Muon" else {}
    shapes = MATRICES if name == "Muon" else SHAPES
    dtype = "float32" if name == "Muon" else "float64"
    mine, theirs = both(name, shapes, dtype, **settings)
    source = theirs if direction == "to ours" else mine
    source.steps(0, 5)
    fresh = []
    for module in BOTH:
        run = Run(module, name, shapes, dtype, **settings)
        run.optimizer.load_state_dict(converted(source.optimizer.state_dict(), module))
        for q, r in zip(run.params, source.params, strict=True):
            q.data.copy_(converted(r, module))
        fresh.append(run.steps(5, 9))
    if name == "Muon":
        for a, b in zip(fresh[0].params, fresh[1].params, strict=True):
            same(a, b, rtol=2e-2)
    else:
        agree(*fresh, 1e-9)


def test_loading_casts_to_the_parameters_and_keeps_steps():
    for m in BOTH:
        wide = Run(m, "Adam", SHAPES, "float64").steps(0, 2)
        narrow = Run(m, "Adam", SHAPES, "float32")
        narrow.optimizer.load_state_dict(wide.optimizer.state_dict())
        state = narrow.optimizer.state[narrow.params[0]]
        assert str(state["exp_avg"].dtype) == "torch.float32"
        assert str(state["step"].dtype) == "torch.float32"
        assert state["step"] is wide.optimizer.state[wide.params[0]]["step"]
        narrow.steps(2, 3)


def test_state_dicts_of_older_versions():
    for m in BOTH:
        run = Run(m, "Adam", SHAPES, "float32").steps(0, 2)
        saved = copy.deepcopy(run.optimizer.state_dict())
        for state in saved["state"].values():
            state["step"] = 2
        for group in saved["param_groups"]:
            for key in ("amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused"):
                del group[key]
        new = Run(m, "Adam", SHAPES, "float32")
        new.optimizer.load_state_dict(saved)
        assert new.optimizer.state[new.params[0]]["step"].item() == 2.0
        assert new.optimizer.param_groups[0]["amsgrad"] is False
        new.steps(2, 3)


def test_the_state_dict_has_the_optimiser_s_tensors():
    for m in BOTH:
        run = Run(m, "SGD", SHAPES, "float32", momentum=0.9).steps(0, 1)
        buffer = run.optimizer.state_dict()["state"][1]["momentum_buffer"]
        assert buffer is run.optimizer.state[run.params[1]]["momentum_buffer"]
        before = buffer.clone()
        run.steps(1, 2)
        assert not bool((buffer == before).all())


def test_steps_count_in_float64_if_that_is_the_default():
    for m in BOTH:
        m.set_default_dtype(m.float64)
        try:
            run = Run(m, "NAdam", SHAPES, "float64").steps(0, 3)
            state = run.optimizer.state[run.params[0]]
            assert str(state["step"].dtype) == str(state["mu_product"].dtype) == "torch.float64"
        finally:
            m.set_default_dtype(m.float32)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    for m in BOTH:
        q, r = p(m), p(m)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a cycle
            (q * q).sum().backward(create_graph=True)
        grad = q.grad
        optimizer = m.optim.SGD([q, r])
        optimizer.zero_grad(set_to_none=set_to_none)
        if set_to_none:
            assert q.grad is None
        else:
            assert q.grad is grad and not grad.requires_grad and grad.tolist() == [0.0] * 3
        assert r.grad is None


def test_closures_run_with_gradients():
    for m in BOTH:
        q = p(m)
        optimizer = m.optim.Adam([q], lr=0.1)

        def closure(q=q, optimizer=optimizer, m=m):
            assert m.is_grad_enabled()
            optimizer.zero_grad()
            loss = (q * q).sum()
            loss.backward()
            return loss

        with m.no_grad():
            assert optimizer.step(closure).item() == 3.0
            assert not m.is_grad_enabled()
        assert optimizer.step(closure=closure).item() == pytest.approx(2.43)
        assert optimizer.step() is None


def test_hooks():
    def story(m):
        said = []
        optimizer = m.optim.SGD([p(m)], lr=0.5)
        o = BASES[m]
        handles = [
            o.register_optimizer_step_pre_hook(lambda *a: said.append(("all before", a[1:]))),
            o.register_optimizer_step_post_hook(lambda *a: said.append(("all after", a[2]))),
            optimizer.register_step_pre_hook(lambda *a: said.append(("before", a[2]))),
            optimizer.register_step_post_hook(lambda *a: said.append(("after", len(a[1])))),
        ]
        new = optimizer.register_step_pre_hook(lambda opt, args, kwargs: (args, {}))
        assert optimizer.step(closure=lambda: said.append("closure")) is None
        new.remove()
        optimizer.step(closure=lambda: said.append("closure"))
        for handle in handles:
            handle.remove()
        optimizer.step()
        optimizer.register_state_dict_pre_hook(lambda o: said.append("second"))
        optimizer.register_state_dict_pre_hook(lambda o: said.append("first"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "extra": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, s: said.append(sorted(s)))
        optimizer.register_load_state_dict_post_hook(lambda o: said.append("loaded"))
        optimizer.register_load_state_dict_pre_hook(
            lambda o, s: {k: v for k, v in s.items() if k != "extra"}, prepend=True
        )
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        said.append(sorted(state))
        optimizer.register_step_pre_hook(lambda *a: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple of"):
            optimizer.step()
        return [re.sub("0x.*", "", str(x)) if not isinstance(x, str) else x for x in said]

    mine, theirs = story(ours), story(real)
    cut = [re.sub(r"<functor.*|<function.*", "", x) for x in mine]
    assert cut == [re.sub(r"<function.*", "", x) for x in theirs]


def test_optimisers_of_users():
    def story(m):
        class Halving(m.optim.Optimizer):
            def __init__(self, params, rate=0.5):
                super().__init__(params, {"rate": rate})

            @m.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for q in group["params"]:
                        self.state[q].setdefault("steps", 0)
                        self.state[q]["steps"] += 1
                        q.mul_(group["rate"])

        class More(Halving):
            def step(self, closure=None):
                super().step(closure)

        said = []
        q = p(m)
        optimizer = More([q])
        optimizer.register_step_post_hook(lambda *a: said.append(a[1:]))
        optimizer.step()
        scheduler = m.optim.lr_scheduler.LambdaLR
        with pytest.raises(KeyError):
            scheduler(optimizer, lambda epoch: 1)
        clone = copy.deepcopy(optimizer)
        clone.step()
        return q.tolist(), len(said), optimizer.state_dict(), clone.state_dict(), repr(optimizer)

    assert story(ours) == story(real)


def test_deepcopies_and_pickles():
    run = Run(ours, "Adam", SHAPES, "float32").steps(0, 2)
    ours.optim.lr_scheduler.StepLR(run.optimizer, 2)
    for copied in (
        copy.deepcopy(run.optimizer), pickle.loads(pickle.dumps(run.optimizer)),
    ):  # fmt: skip
        assert type(copied) is ours.optim.Adam
        q = copied.param_groups[0]["params"][0]
        assert q is not run.params[0] and q.tolist() == run.params[0].tolist()
        assert copied.state[q]["step"].item() == 2.0
        q.grad = ours.ones_like(q)
        copied.step()
        assert run.optimizer.state[run.params[0]]["step"].item() == 2.0
        assert "initial_lr" in copied.param_groups[0]
    mine, theirs = (m.optim.Adam([p(m)]).__getstate__() for m in BOTH)
    assert list(mine) == list(theirs)


@pytest.mark.parametrize("found", [0.0, 1.0])
def test_gradient_scalers(found):
    for name in ("SGD", "Adam", "Adagrad"):
        runs = []
        for m in BOTH:
            run = Run(m, name, SHAPES, "float32", fused=True)
            run.optimizer.grad_scale = m.tensor(4.0)
            run.optimizer.found_inf = m.tensor(found)
            runs.append(run.steps(0, 2))
        for a, b in zip(runs[0].params, runs[1].params, strict=True):
            same(a, b, rtol=1e-6)
            same(a.grad, b.grad, rtol=1e-6)
        if name != "SGD":
            steps = [run.optimizer.state[run.params[0]]["step"].item() for run in runs]
            assert steps[0] == steps[1]
    optimizer = ours.optim.Adam([q := p(ours)])
    optimizer.grad_scale, q.grad = ours.tensor(2.0), ours.ones(3)
    with pytest.raises(AssertionError, match="Expected grad_scale and found_inf to be None"):
        optimizer.step()


DIFFERENTIABLE = {
    # PyTorch cuts the graph at the first velocity, and has errors in the second step of others.
    "SGD": (3, {"weight_decay": 0.1}),
    "Adam": (3, {"weight_decay": 0.1}),
    "AdamW": (3, {"weight_decay": 0.1}),
    "Adamax": (1, {"weight_decay": 0.1}),
    "NAdam": (3, {"weight_decay": 0.1}),
    "RAdam": (3, {"weight_decay": 0.1}),
    "Adagrad": (3, {"lr_decay": 0.1}),
    "Adadelta": (3, {"weight_decay": 0.1}),
    "RMSprop": (1, {"momentum": 0.9, "centered": True}),
    "Rprop": (1, {}),
    "ASGD": (3, {"lambd": 0.1, "weight_decay": 0.1}),
}


@pytest.fixture
def wide():
    """Steps and their powers in float64, as PyTorch has them in tensors here."""
    for m in BOTH:
        m.set_default_dtype(m.float64)
    yield
    for m in BOTH:
        m.set_default_dtype(m.float32)


def walk(m, name, steps, start, grad, **settings):
    """The end of some steps from a start, as a function of start and gradient."""
    q = start.clone()
    optimizer = getattr(m.optim, name)([q], lr=0.1, differentiable=True, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gradients of tensors that are no leaves
        for step in range(steps):
            q.grad = grad * (step + 1)
            optimizer.step()
    return q


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_flow_through_steps(name, wide):
    steps, settings = DIFFERENTIABLE[name]
    found = []
    for m in BOTH:
        start = m.tensor([0.5, -1.5, 2.0], requires_grad=True)
        grad = m.tensor([0.3, -0.2, 0.7], requires_grad=True)
        q = walk(m, name, steps, start, grad, **settings)
        assert q.requires_grad
        slopes = m.autograd.grad((q * q).sum(), [start, grad], allow_unused=True)
        found.append((q, *[m.zeros(3) if g is None else g for g in slopes]))
    same(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_several_steps_are_differences(name, wide):
    settings = dict(DIFFERENTIABLE[name][1], **({"momentum": 0.9} if name == "SGD" else {}))
    point = np.array([0.3, -0.2, 0.7])

    def end(grad):
        return (walk(ours, name, 3, ours.ones(3), grad, **settings) ** 2).sum()

    grad = ours.tensor(point, requires_grad=True)
    if name == "Rprop":
        assert not end(grad).requires_grad or not ours.autograd.grad(end(grad), grad)[0].any()
        return
    slopes = ours.autograd.grad(end(grad), grad)[0]
    for i, step in enumerate(np.eye(3) * 1e-6):
        change = end(ours.tensor(point + step)).item() - end(ours.tensor(point - step)).item()
        assert slopes[i].item() == pytest.approx(change / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_gradients_reach_the_learning_rate(name, wide):
    found = []
    for m in BOTH:
        lr = m.tensor(0.1, requires_grad=True)
        q = m.tensor([0.5, -1.5], requires_grad=True).clone()
        optimizer = getattr(m.optim, name)([q], lr=lr, differentiable=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                q.grad = (q * q).detach() + 1
                optimizer.step()
        found.append(m.autograd.grad(q.sum(), lr))
    same(found[0], found[1], rtol=1e-9)

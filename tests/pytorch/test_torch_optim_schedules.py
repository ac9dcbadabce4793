"""Learning rates of every scheduler, equal to PyTorch's to the last bit."""

from __future__ import annotations

import copy
import importlib
import pickle
import warnings

import pytest
from oracle import ours, real

BOTH = (ours, real)
# Schedulers in schedulers make first steps twice.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")


class Twice:
    """A function with a state."""

    def __init__(self):
        self.calls = 0

    def __call__(self, epoch):
        self.calls += 1
        return 0.5 ** (epoch // 3)


def optimizer_of(m, name="SGD", groups=2, lr=0.1, **settings):
    if name == "SGD":
        settings = {"momentum": 0.9, **settings}
    given = [{"params": [m.nn.Parameter(m.ones(1))], "lr": lr * (i + 1)} for i in range(groups)]
    return getattr(m.optim, name)(given, **settings)


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.99 - 0.001 * e),
    "step": lambda s, o: s.StepLR(o, 7, 0.3),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], 0.7),
    "constant": lambda s, o: s.ConstantLR(o, 0.3, 9),
    "constant default": lambda s, o: s.ConstantLR(o),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.9, 17),
    "linear default": lambda s, o: s.LinearLR(o),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o, 30, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 12, 1e-3),
    "cosine down": lambda s, o: s.CosineAnnealingLR(o, 60),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "restarts 1": lambda s, o: s.CosineAnnealingWarmRestarts(o, 8),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 6, 9),
    "cyclic 2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.3, 0.5], 4, mode="triangular2"),
    "cyclic exp": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 5, mode="exp_range", gamma=0.98),
    "cyclic own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.3, 5, scale_fn=lambda x: 0.9**x, scale_mode="iterations", cycle_momentum=False
    ),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, 60),
    "one cycle linear": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.7], epochs=6, steps_per_epoch=10, anneal_strategy="linear", pct_start=0.2
    ),
    "one cycle 3": lambda s, o: s.OneCycleLR(
        o, 0.5, 60, three_phase=True, cycle_momentum=False, div_factor=3.0
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 10), s.ExponentialLR(o, 0.9)],
        [5, 20],
    ),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [
            s.SequentialLR(o, [s.ConstantLR(o, 0.5, 3), s.StepLR(o, 2)], [4]),
            s.ExponentialLR(o, 0.9),
        ],
        [10],
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]),
    "swa": lambda s, o: SWA[s](o, 0.05),
    "swa linear": lambda s, o: SWA[s](o, [0.05, 0.01], 6, "linear"),
    "swa at once": lambda s, o: SWA[s](o, 0.05, 0),
}  # fmt: skip
SWA = {m.optim.lr_scheduler: m.optim.swa_utils.SWALR for m in BOTH}


def moments(optimizer):
    """What a scheduler may have changed, in full precision."""
    return [
        [
            (key, group[key].tolist() if hasattr(group[key], "tolist") else group[key])
            for key in sorted(group)
            if key != "params"
        ]
        for group in optimizer.param_groups
    ]


def plain(x):
    """A state dict without functions and names of classes."""
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items() if key != "anneal_func"}
    if isinstance(x, (list, tuple)):
        return [plain(value) for value in x]
    return x.tolist() if hasattr(x, "tolist") else "function" if callable(x) else x


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_fifty_steps_are_equal(name, optimizer):
    stories = []
    for m in BOTH:
        o = optimizer_of(m, optimizer)
        scheduler = SCHEDULES[name](m.optim.lr_scheduler, o)
        story = [(moments(o), scheduler.get_last_lr())]
        for _ in range(50):
            o.step()
            scheduler.step()
            story.append((moments(o), scheduler.get_last_lr(), scheduler.last_epoch)
                         if name != "chained" else moments(o))  # fmt: skip
        stories.append((story, plain(scheduler.state_dict())))
    assert stories[0] == stories[1]


@pytest.mark.parametrize("name", SCHEDULES)
def test_tensors_as_learning_rates(name):
    stories = []
    for m in BOTH:
        o = optimizer_of(m, lr=m.tensor(0.1, dtype=m.float64))
        lr = o.param_groups[0]["lr"]
        scheduler = SCHEDULES[name](m.optim.lr_scheduler, o)
        story = []
        for _ in range(12):
            o.step()
            scheduler.step()
            story.append(moments(o))
        assert o.param_groups[0]["lr"] is lr
        stories.append(story)
    assert stories[0] == stories[1]


@pytest.mark.parametrize("name", SCHEDULES)
def test_state_dicts_go_on_in_the_other_package(name):
    for source, target in (BOTH, BOTH[::-1]):
        ends = []
        o = optimizer_of(source)
        scheduler = SCHEDULES[name](source.optim.lr_scheduler, o)
        for _ in range(8):
            o.step()
            scheduler.step()
        saved = pickle.loads(pickle.dumps(scheduler.state_dict())) if (
            "lambda" not in name and "own" not in name and "multiplicative" not in name
        ) else scheduler.state_dict()  # fmt: skip
        for m in (source, target):
            o2 = optimizer_of(m)
            new = SCHEDULES[name](m.optim.lr_scheduler, o2)
            for group, old in zip(o2.param_groups, o.param_groups, strict=True):
                group.update({key: old[key] for key in old if key != "params"})
            new.load_state_dict(copy.copy(saved))
            for _ in range(10):
                o2.step()
                new.step()
            ends.append(moments(o2))
        assert ends[0] == ends[1]


@pytest.mark.parametrize("name", ["step", "linear", "cosine", "restarts", "polynomial", "multistep",
                                  "constant", "exponential", "lambda", "cyclic"])  # fmt: skip
def test_steps_to_an_epoch(name):
    stories = []
    for m in BOTH:
        o = optimizer_of(m)
        scheduler = SCHEDULES[name](m.optim.lr_scheduler, o)
        story = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            o.step()
            for epoch in (3, 17, 4, 0, 25):
                scheduler.step(epoch)
                story.append(moments(o))
        story += [(str(w.message), w.category, w.filename == __file__) for w in caught]
        stories.append(story)
    assert stories[0] == stories[1]


@pytest.mark.parametrize("name", ["step", "cosine", "linear", "exponential", "restarts", "cyclic",
                                  "one cycle", "swa"])  # fmt: skip
def test_resuming(name):
    make = {
        "step": lambda s, o: s.StepLR(o, 3, last_epoch=7),
        "cosine": lambda s, o: s.CosineAnnealingLR(o, 12, last_epoch=7),
        "linear": lambda s, o: s.LinearLR(o, 0.1, total_iters=20, last_epoch=7),
        "exponential": lambda s, o: s.ExponentialLR(o, 0.9, last_epoch=7),
        "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, last_epoch=7),
        "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 6, last_epoch=7),
        "one cycle": lambda s, o: s.OneCycleLR(o, 0.3, 60, last_epoch=7),
        "swa": lambda s, o: SWA[s](o, 0.01, last_epoch=7),
    }[name]
    stories = []
    for m in BOTH:
        o = optimizer_of(m)
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified"):
            make(m.optim.lr_scheduler, o)
        o = optimizer_of(m)
        for group in o.param_groups:
            group.update(initial_lr=0.2, max_lr=0.5, min_lr=1e-4, max_momentum=0.9,
                         base_momentum=0.8)  # fmt: skip
        scheduler = make(m.optim.lr_scheduler, o)
        story = [moments(o)]
        for _ in range(10):
            o.step()
            scheduler.step()
            story.append(moments(o))
        stories.append(story)
    assert stories[0] == stories[1]


PLATEAUS = [
    {},
    {"patience": 1, "factor": 0.5, "cooldown": 2},
    {"mode": "max", "patience": 0, "threshold": 0.1, "min_lr": [0.01, 0.15]},
    {"threshold_mode": "abs", "threshold": 0.2, "patience": 2, "eps": 0.06},
    {"mode": "max", "threshold_mode": "abs", "patience": 1, "min_lr": 0.02},
]


@pytest.mark.parametrize("i", range(len(PLATEAUS)))
def test_plateaus(i):
    metrics = [5.0, 4.0, 4.0, 4.1, 3.95, 4.2, 4.2, 4.2, float("nan"), 3.0, 3.0] * 4
    stories = []
    for m in BOTH:
        o = optimizer_of(m)
        scheduler = m.optim.lr_scheduler.ReduceLROnPlateau(o, **PLATEAUS[i])
        story = []
        for metric in metrics:
            scheduler.step(m.tensor(metric))
            story.append((moments(o), scheduler.get_last_lr(), scheduler.in_cooldown,
                          scheduler.num_bad_epochs))  # fmt: skip
        other = m.optim.lr_scheduler.ReduceLROnPlateau(o)
        other.load_state_dict(scheduler.state_dict())
        stories.append((str(story), str(plain(other.state_dict()))))
    assert stories[0] == stories[1]


def outcome(f):
    found = []
    for m in BOTH:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = str(f(m, m.optim.lr_scheduler, optimizer_of(m)))
            except Exception as error:
                value = (type(error).__name__, str(error))
        found.append((value, [(str(w.message), w.filename == __file__) for w in caught]))
    return found


def other(m):
    return m.optim.lr_scheduler.StepLR(optimizer_of(m), 2)


def stepped_first(m, s, o):
    scheduler = s.StepLR(o, 3)
    scheduler.step()
    scheduler.step()


def stepped_after(m, s, o):
    scheduler = s.StepLR(o, 3)
    o.step()
    scheduler.step()


def overridden(m, s, o):
    scheduler = s.StepLR(o, 3)
    o.step = lambda closure=None: None
    o.step()
    scheduler.step()


MESSAGES = {
    "optimizer": lambda m, s, o: s.StepLR(3, 3),
    "plateau optimizer": lambda m, s, o: s.ReduceLROnPlateau(3),
    "cyclic optimizer": lambda m, s, o: s.CyclicLR(3, 0.1, 0.2),
    "one cycle optimizer": lambda m, s, o: s.OneCycleLR(3, 0.1, 3),
    "lambdas": lambda m, s, o: s.LambdaLR(o, [lambda e: 1]),
    "no lambda": lambda m, s, o: s.MultiplicativeLR(o, [1, 2]),
    "factor": lambda m, s, o: s.ConstantLR(o, 2),
    "start": lambda m, s, o: s.LinearLR(o, 0),
    "end": lambda m, s, o: s.LinearLR(o, 0.5, -1),
    "T_0": lambda m, s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda m, s, o: s.CosineAnnealingWarmRestarts(o, 2, 1.5),
    "eta_min": lambda m, s, o: s.CosineAnnealingWarmRestarts(o, 2, 1, "0"),
    "negative": lambda m, s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1),
    "cyclic mode": lambda m, s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"),
    "cyclic lengths": lambda m, s, o: s.CyclicLR(o, [0.1], 0.2),
    "cyclic momentum": lambda m, s, o: s.CyclicLR(optimizer_of(m, "Adagrad"), 0.1, 0.2),
    "one cycle steps": lambda m, s, o: s.OneCycleLR(o, 0.1),
    "one cycle no steps": lambda m, s, o: s.OneCycleLR(o, 0.1, 0),
    "one cycle epochs": lambda m, s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3),
    "one cycle per epoch": lambda m, s, o: s.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=2.5),
    "one cycle start": lambda m, s, o: s.OneCycleLR(o, 0.1, 9, pct_start=2.0),
    "one cycle way": lambda m, s, o: s.OneCycleLR(o, 0.1, 9, anneal_strategy="up"),
    "one cycle momentum": lambda m, s, o: s.OneCycleLR(optimizer_of(m, "Adagrad"), 0.1, 9),
    "one cycle end": lambda m, s, o: [c.step() for c in [s.OneCycleLR(o, 0.1, 2)] * 4],
    "plateau factor": lambda m, s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda m, s, o: s.ReduceLROnPlateau(o, "mean"),
    "plateau threshold": lambda m, s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
    "plateau lengths": lambda m, s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "plateau epoch": lambda m, s, o: s.ReduceLROnPlateau(o).step(1.0, 3),
    "no schedulers": lambda m, s, o: s.SequentialLR(o, [], []),
    "nothing chained": lambda m, s, o: s.ChainedScheduler([]),
    "milestones": lambda m, s, o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]),
    "no scheduler": lambda m, s, o: s.SequentialLR(o, [3], []),
    "plateau in it": lambda m, s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "base": lambda m, s, o: s.LRScheduler(o),
    "get_lr": lambda m, s, o: s.StepLR(o, 2).get_lr(),
    "get_lr lambda": lambda m, s, o: s.LambdaLR(o, lambda e: 2.0).get_lr(),
    "get_lr swa": lambda m, s, o: SWA[s](o, 0.2).get_lr(),
    "get_lr cyclic": lambda m, s, o: s.CyclicLR(o, 0.1, 0.2).get_lr(),
    "order": stepped_first,
    "right order": stepped_after,
    "overridden": overridden,
    "swa way": lambda m, s, o: SWA[s](o, 0.1, anneal_strategy="up"),
    "swa epochs": lambda m, s, o: SWA[s](o, 0.1, anneal_epochs=-1),
    "swa lengths": lambda m, s, o: SWA[s](o, [0.1]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_and_warnings(name):
    mine, theirs = outcome(MESSAGES[name])
    assert mine == theirs


def test_schedulers_of_different_optimisers():
    for m in BOTH:
        o = optimizer_of(m)
        with pytest.raises(ValueError, match="expects all schedulers to belong to the same"):
            m.optim.lr_scheduler.SequentialLR(o, [other(m)], [])
        with pytest.raises(ValueError, match="expects all schedulers to belong to the same"):
            m.optim.lr_scheduler.ChainedScheduler([other(m), other(m)])


def test_objects_as_functions_keep_their_state():
    for m in BOTH:
        o = optimizer_of(m)
        scheduler = m.optim.lr_scheduler.LambdaLR(o, Twice())
        o.step()
        scheduler.step()
        state = scheduler.state_dict()
        assert state["lr_lambdas"][0] == {"calls": 4}
        new = m.optim.lr_scheduler.LambdaLR(optimizer_of(m), Twice())
        new.load_state_dict(state)
        assert new.lr_lambdas[0].calls == 4 and "lr_lambdas" in state
        cyclic = m.optim.lr_scheduler.CyclicLR(o, 0.1, 0.2, scale_fn=Twice())
        assert cyclic.state_dict()["_scale_fn_custom"] == {"calls": 2 * len(o.param_groups)}


def test_a_group_that_is_added_on_a_plateau():
    for m in BOTH:
        o = optimizer_of(m)
        one = m.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=0.01)
        some = m.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.01, 0.02])
        o.add_param_group({"params": [m.nn.Parameter(m.ones(1))], "lr": 0.4})
        for scheduler in (one, some):
            scheduler.step(1.0)
        one.step(2.0)
        assert o.param_groups[2]["lr"] == pytest.approx(0.04)
        with pytest.raises(RuntimeError, match="The number of param groups in the `optimizer`"):
            some.step(2.0)


def test_schedulers_do_not_keep_optimisers_alive_by_themselves():
    import weakref

    o = optimizer_of(ours)
    scheduler = ours.optim.lr_scheduler.StepLR(o, 2)
    ref = weakref.ref(o)
    del scheduler, o
    assert ref() is None


def test_names():
    mine = ours.optim.lr_scheduler
    theirs = real.optim.lr_scheduler
    assert set(theirs.__all__) <= set(mine.__all__)
    for name in theirs.__all__:
        a, b = getattr(mine, name), getattr(theirs, name)
        assert (a.__module__, a.__qualname__) == (b.__module__, b.__qualname__)
    assert mine.EPOCH_DEPRECATION_WARNING == theirs.EPOCH_DEPRECATION_WARNING
    assert issubclass(mine._LRScheduler, mine.LRScheduler)
    for name in real.optim.__all__:
        if name != "swap_in_optimizer_params_and_state":
            assert hasattr(ours.optim, name)
    for name in ("sgd", "adam", "adamw", "lbfgs", "optimizer", "lr_scheduler", "swa_utils"):
        assert importlib.import_module(f"functorch_lite.torch.optim.{name}")

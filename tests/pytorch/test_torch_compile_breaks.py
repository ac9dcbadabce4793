"""What ``torch.compile`` leaves to eager calls, with its reasons, and the state of the program."""

import argparse
import array
import collections
import datetime
import functools
import random
import time
import types

import numpy as np
import pytest
from oracle import ours as torch
from oracle import same

from functorch_lite.torch._compile.compiled import Compiled
from functorch_lite.torch._ops.activations import FUNCTIONAL

nn = torch.nn
COUNT = 0


def graphs(f, *args, **kwargs):
    """Whether a call compiles, and why not."""
    found = torch._dynamo.explain(f)(*args, **kwargs)
    return found.graph_count, [each.reason for each in found.break_reasons]


def programs(compiled):
    return sum(kind.entry is not None for kind in compiled.kinds.values())


# ------------------------------------------------------------------------------------------ breaks
def printing(x):
    print("seen")
    return x + 1


def appending(x, to):
    to.append(x)
    return x + 1


def counting(x):
    global COUNT
    COUNT += 1
    return x + COUNT


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


BREAKS = {
    "item": (lambda x: x * x.sum().item(), "item"),
    "if": (lambda x: x if x.sum() > 0 else -x, "values"),
    "float": (lambda x: x * float(x[0]), "values"),
    "int": (lambda x: x[: int(x[0])], "values"),
    "numpy": (lambda x: x * x.detach().numpy().sum(), "numpy"),
    "asarray": (lambda x: x * np.asarray(x.detach()).sum(), "numpy"),
    "tolist": (lambda x: x * len(x.tolist()), "tolist"),
    "text": (lambda x: x * len(str(x)), "values"),
    "format": (lambda x: x * len(f"{x.sum():.2f}"), "item"),
    "contains": (lambda x: x + (1 in x), "values"),
    "mask": (lambda x: x[x > 0], "values"),
    "nonzero": (lambda x: x[x.nonzero()[:, 0]], "nonzero"),
    "print": (printing, "print"),
    "clock": (lambda x: x + 0 * time.time(), "time"),
    "random": (lambda x: x + 0 * random.random(), "random"),
    "numpy.random": (lambda x: x + 0 * np.random.rand(), "random"),  # noqa: NPY002
    "seed": (lambda x: x + 0 * torch.manual_seed(0).initial_seed(), "manual_seed"),
    "grad": (lambda x: x if x.grad is None else x.grad, "grad"),
    "data": (lambda x: x + x.data, "no argument"),
    "backward": (lambda x: ((x**3).sum().backward(), x * 2)[1], "backward"),
    "gradient": (lambda x: torch.autograd.grad((x**3).sum(), x)[0], "a backward pass"),
    "Function": (lambda x: Twice.apply(x), "Function"),
    "side effect": (counting, "COUNT"),
    "disabled": (lambda x: torch.compiler.disable(lambda y: y + 1)(x), "disable"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_breaks_are_eager_and_say_why(name):
    global COUNT
    f, word = BREAKS[name]
    x = torch.tensor([2.0, -1.0, 3.0], requires_grad=True)
    with torch.no_grad():
        x = x + 0 if name in ("item", "text") else x
    COUNT = 0
    compiled = Compiled(f, False)
    found = compiled(x)
    count, COUNT = COUNT, 0
    same(found, f(x))
    assert count == COUNT
    assert len(compiled.reasons) == 1
    assert word in next(iter(compiled.reasons)), compiled.reasons
    with pytest.raises(torch._dynamo.exc.Unsupported, match="fullgraph"):
        torch.compile(f, fullgraph=True)(x)
    count, reasons = graphs(f, x)
    assert count == 0
    assert len(reasons) == 1


def test_a_break_names_the_line():
    count, (reason,) = graphs(printing, torch.ones(1))
    assert "test_torch_compile_breaks.py" in reason
    assert 'print("seen")' in reason


def test_printing_happens_once_per_call(capsys):
    f = torch.compile(printing)
    f(torch.ones(1))
    f(torch.ones(1))
    assert capsys.readouterr().out == "seen\nseen\n"


def test_handlers_of_the_program_do_not_catch_a_break():
    def f(x):
        try:
            return x * x.sum().item()
        except Exception:
            return x * 0

    same(torch.compile(f)(torch.tensor([2.0])), torch.tensor([4.0]))


def test_errors_of_the_program_are_its_own():
    f = torch.compile(lambda x, y: x @ y)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        f(torch.ones(2, 3), torch.ones(2, 3))
    g = torch.compile(lambda x: x.t().view(-1))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        g(torch.ones(2, 3))
    same(g(torch.ones(1, 3)), torch.ones(3))


def test_values_are_checked_in_every_call():
    embed = torch.compile(lambda i, w: torch.nn.functional.embedding(i, w), fullgraph=True)
    w = torch.randn(4, 2)
    same(embed(torch.tensor([1, 3]), w), w[[1, 3]])
    with pytest.raises(IndexError, match="out of range"):
        embed(torch.tensor([1, 4]), w)
    same(embed(torch.tensor([0, 2]), w), w[[0, 2]])
    loss = torch.compile(torch.nn.functional.cross_entropy)
    same(loss(w, torch.tensor([0, 1, 0, 1])),
         torch.nn.functional.cross_entropy(w, torch.tensor([0, 1, 0, 1])), rtol=1e-5)  # fmt: skip
    with pytest.raises(IndexError, match="out of bounds"):
        loss(w, torch.tensor([0, 1, 0, 5]))


def test_surprises_take_no_random_numbers():
    def f(x):
        return torch.rand(2) * x * 2 ** x.detach().long()

    g = Compiled(f, False)
    for values in ([1.0, 2.0], [-3.0, 3.0], [1.0, 4.0]):
        found = []
        for run in (g, f):
            x = torch.tensor(values, requires_grad=True)
            torch.manual_seed(0)
            y = run(x)
            y.sum().backward()
            found.append((y, x.grad, torch.rand(2)))
        same(found[0], found[1], rtol=1e-5)
    assert [kind.surprises for kind in g.kinds.values()] == [1]


def test_operations_that_are_not_seen_are_no_constants():
    f = Compiled(lambda x: FUNCTIONAL["glu"](x), False)
    for n in (1.0, 2.0):
        x = torch.tensor([n, n])
        same(f(x), FUNCTIONAL["glu"](x))
    assert "not seen" in next(iter(f.reasons))


# --------------------------------------------------------------------------- state of the program
def test_lazily_cached_attributes():
    class Model(nn.Module):
        cache = None

        def forward(self, x):
            if self.cache is None or self.cache.shape != x.shape:
                self.cache = torch.arange(float(x.shape[0]))
            return x * self.cache

    model = Model()
    f = Compiled(model, False)
    for n in (3, 3, 3, 4, 4, 4):
        same(f(torch.ones(n)), torch.arange(float(n)))
    assert type(model.cache) is torch.Tensor
    assert programs(f) >= 2
    assert isinstance(model.cache._np, np.ndarray)


def test_counters_and_lists_of_the_program():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps, self.seen = 0, []

        def forward(self, x):
            self.steps += 1
            self.seen.append(x.sum())
            return x * self.steps

    model = Model()
    f = Compiled(model, False)
    for n in range(1, 12):
        same(f(torch.ones(2)), torch.full((2,), float(n)))
    assert model.steps == 11
    assert [t.item() for t in model.seen] == [2.0] * 11
    assert any("steps" in reason or "the call changes" in reason for reason in f.reasons)


def test_lists_that_are_given_are_changed():
    to = []
    f = torch.compile(appending)
    for _ in range(3):
        f(torch.ones(1), to)
    assert len(to) == 3
    assert all(isinstance(t._np, np.ndarray) for t in to)


def test_iterators_and_large_arrays_cannot_be_guarded():
    numbers = iter(range(9))
    f = torch.compile(lambda x: x + next(numbers))
    assert [f(torch.zeros(())).item() for _ in range(3)] == [0, 1, 2]
    array = np.ones(4096)
    g = Compiled(lambda x: x + array.sum(), False)
    g(torch.zeros(()))
    array[:] = 2
    assert g(torch.zeros(())).item() == 8192
    assert "array" in next(iter(g.reasons))


def test_sets_are_guarded_by_value():
    names = {"a"}
    f = Compiled(lambda x: x + len(names), True)
    assert f(torch.zeros(())).item() == 1
    names.add("b")
    assert f(torch.zeros(())).item() == 2


def test_small_arrays_are_guarded_by_value():
    array = np.ones(3)
    f = Compiled(lambda x: x + float(array.sum()), True)
    assert f(torch.zeros(())).item() == 3
    array[:] = 2
    assert f(torch.zeros(())).item() == 6


SETTINGS = types.ModuleType("program_settings")


def by_attribute(x):
    return x * by_attribute.scale


def by_default(x, scale=2.0):
    return x * scale


class Slots:
    __slots__ = ("last", "scale")


class Settings:
    held = Slots()


CHANGES = {
    "module": (SETTINGS, lambda x: x * SETTINGS.scale),
    "namespace": (space := types.SimpleNamespace(), lambda x: x * space.scale),
    "arguments": (parsed := argparse.Namespace(), lambda x: x * parsed.scale),
    "function": (by_attribute, by_attribute),
    "slots": (slots := Slots(), lambda x: x * slots.scale),
    "class": (Settings, lambda x: x * Settings.scale),
    "object of a class": (Settings.held, lambda x: x * Settings.held.scale),
    "tensor": (tensor := torch.zeros(1), lambda x: (x + tensor) * tensor.scale),
}


@pytest.mark.parametrize("name", CHANGES)
def test_attributes_are_guarded_wherever_they_are(name):
    place, f = CHANGES[name]
    place.scale = 2.0
    g = Compiled(f, True)
    for value in (2.0, 3.0, 2.0):
        place.scale = value
        same(g(torch.ones(1)), torch.full((1,), value))
    assert programs(g) == 2


@pytest.mark.parametrize("name", CHANGES)
def test_attributes_that_a_call_sets_are_set_in_each_call(name):
    place, read = CHANGES[name]

    def f(x):
        found = read(x)
        place.scale, place.last = 5.0, found
        return found

    g = Compiled(f, False)
    for _ in range(3):
        place.scale = 2.0
        same(g(torch.ones(1)), torch.full((1,), 2.0))
        assert place.scale == 5.0
        assert isinstance(place.last._np, np.ndarray)


def test_defaults_and_code_are_guarded(monkeypatch):
    g = Compiled(by_default, True)
    same(g(torch.ones(1)), torch.full((1,), 2.0))
    monkeypatch.setattr(by_default, "__defaults__", (3.0,))
    same(g(torch.ones(1)), torch.full((1,), 3.0))
    monkeypatch.setattr(by_default, "__code__", (lambda x, scale=0: x - scale).__code__)
    same(g(torch.ones(1)), torch.full((1,), -2.0))


UNSEEN = {
    "deque": (collections.deque([1.0]), lambda x, held: x + held[0]),
    "bytes": (bytearray([1]), lambda x, held: x + held[0]),
    "array": (array.array("d", [1.0]), lambda x, held: x + held[0]),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_containers_whose_contents_may_change_unseen(name):
    held, f = UNSEEN[name]
    g = Compiled(lambda x: f(x, held), False)
    for value in (1, 2):
        held[0] = value
        assert g(torch.zeros(())).item() == value
    assert "may change unseen" in next(iter(g.reasons))


def test_numbers_of_numpys_generators_and_clocks_are_new_in_each_call():
    for made in (np.random.default_rng(0).random, np.random.RandomState(0).rand):
        source = made.__self__
        name = made.__name__
        g = torch.compile(lambda x, source=source, name=name: x + getattr(source, name)())
        assert len({g(torch.zeros(())).item() for _ in range(3)}) == 3
    count, reasons = graphs(lambda x: x + datetime.datetime.now().year, torch.zeros(()))
    assert count == 0
    assert "now()" in reasons[0]


def test_cached_tensors_are_no_symbols():
    @functools.cache
    def cached(n):
        return torch.arange(n)

    g = torch.compile(lambda x: x + cached(3))
    same(g(torch.zeros(3)), torch.arange(3.0))
    same(cached(3) + 0, torch.arange(3))


def test_equal_keys_and_numbers_of_different_types():
    by_key = Compiled(lambda d: next(v * k for k, v in d.items()), True)
    by_member = Compiled(lambda x, s: x * sum(s), True)
    x = torch.arange(3)
    for one, dtype in ((1, torch.int64), (1.0, torch.float32)):
        assert by_key({one: x}).dtype is dtype
        assert by_member(x, {one}).dtype is dtype
    g = Compiled(lambda x, number: x * float(number), True)
    for zero in (np.float32(0.0), np.float32(-0.0)):
        assert np.signbit(g(torch.ones(()), zero).item()) == np.signbit(zero)


def test_settings_that_a_call_changes():
    def f(x):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return x + torch.ones(1)

    g = Compiled(f, False)
    try:
        for _ in range(3):
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
            assert g(torch.ones(1)).dtype is torch.float64
            assert not torch.is_grad_enabled()
            assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
    assert "settings of torch" in next(iter(g.reasons))


ASKED = {
    "storage_offset": (lambda x: x * x.storage_offset(), lambda: torch.ones(4)[2:]),
    "_base": (lambda x: x * (1 if x._base is None else 2), lambda: torch.ones(4)[2:]),
    "output_nr": (
        lambda x: x * x.output_nr, lambda: (torch.ones(4, requires_grad=True) * 1).chunk(2)[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_of_a_tensor_no_program_depends_on(name):
    f, other = ASKED[name]
    g = Compiled(f, False)
    for x in (torch.ones(2), torch.ones(2, requires_grad=True) * 1, other()):
        same(g(x), f(x))
    assert name in next(iter(g.reasons))

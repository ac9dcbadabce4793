"""``torch.compile`` as a whole: kinds of calls, memory, its arguments."""

import collections
import dataclasses
import pickle
import threading

import numpy as np
import pytest
from oracle import ours as torch
from oracle import real, same

from functorch_lite.torch._compile.compiled import Compiled

nn = torch.nn
SCALE = 2.0


def programs(compiled):
    return sum(kind.entry is not None for kind in compiled.kinds.values())


# -------------------------------------------------------------------------------- kinds of calls
def test_one_program_for_each_shape_dtype_and_flag():
    f = Compiled(lambda x: x * 2 + 1, True)
    for _ in range(3):
        f(torch.ones(2))
    assert programs(f) == 1
    f(torch.ones(3))
    f(torch.ones(2, dtype=torch.float64))
    f(torch.ones(2, requires_grad=True))
    with torch.no_grad():
        f(torch.ones(2))
    assert programs(f) == 5


def test_python_numbers_are_guarded_by_value_and_type():
    f = Compiled(lambda x, n, flag=False: x * n if flag else x + n, True)
    x = torch.tensor([1, 2])
    found = [f(x, 1), f(x, 1.0), f(x, True), f(x, 2), f(x, 2, flag=True), f(x, 1)]
    same(found, [x + 1, x + 1.0, x + True, x + 2, x * 2, x + 1])
    assert programs(f) == 5


def test_zeros_of_either_sign_are_different_numbers():
    f = torch.compile(lambda x, n: x / n)
    one = torch.ones(())
    assert f(one, 0.0).item() == np.inf
    assert f(one, -0.0).item() == -np.inf


def test_training_and_evaluation():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    f = torch.compile(model, fullgraph=True)
    x = torch.randn(4, 3)
    f(x)
    count = model[0].num_batches_tracked.item()
    model.eval()
    same(f(x), model(x), rtol=1e-6)
    same(f(x), model(x), rtol=1e-6)
    assert model[0].num_batches_tracked.item() == count == 1
    model.train()
    f(x)
    assert model[0].num_batches_tracked.item() == 2


def test_closures_globals_attributes_and_their_containers():
    global SCALE
    shift = [1.0]
    w = torch.ones(2)

    @dataclasses.dataclass
    class Config:
        power: int = 1

    config = Config()

    def helper(x):
        return x * SCALE

    f = Compiled(lambda x: helper(x) ** config.power + shift[0] + w, True)
    x = torch.tensor([1.0, 2.0])

    def expect():
        return helper(x) ** config.power + shift[0] + w

    same(f(x), expect())
    shift[0] = 3.0
    same(f(x), expect())
    config.power = 2
    same(f(x), expect())
    w.add_(1)
    same(f(x), expect())
    kinds = programs(f)
    w = torch.full((2,), 7.0)
    same(f(x), expect())
    assert programs(f) == kinds
    try:
        SCALE = 5.0
        same(f(x), expect())
    finally:
        SCALE = 2.0
    same(f(x), expect())


def test_replaced_parameters_submodules_and_hooks():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    f = Compiled(model, True)
    x = torch.randn(3, 2)
    same(f(x), model(x))
    model[0].weight = nn.Parameter(torch.ones(2, 2))
    same(f(x), model(x))
    assert programs(f) == 1
    model[1] = nn.Tanh()
    same(f(x), model(x))
    handle = model.register_forward_hook(lambda m, args, out: out * 10)
    same(f(x), model(x))
    handle.remove()
    same(f(x), model(x))
    model[0].weight.requires_grad_(False)
    model[0].bias.requires_grad_(False)
    assert not f(x).requires_grad


def test_hooks_of_all_modules():
    layer = nn.Linear(2, 2)
    f, x = torch.compile(layer), torch.ones(1, 2)
    before = f(x)
    with torch.nn.modules.module.register_module_forward_hook(lambda module, args, out: out * 3):
        same(f(x), before * 3)
    same(f(x), before)


def test_a_method_that_is_replaced():
    class Model(nn.Module):
        def forward(self, x):
            return self.helper(x)

        def helper(self, x):
            return x + 1

    f = torch.compile(Model())
    x = torch.ones(2)
    same(f(x), x + 1)
    Model.helper = lambda self, x: x + 2
    same(f(x), x + 2)


def test_the_limit_of_kinds():
    f = Compiled(lambda x: x + 1, False)
    for n in range(1, 12):
        same(f(torch.zeros(n)), torch.ones(n))
    assert programs(f) == torch._dynamo.config.recompile_limit == 8
    assert ["recompile limit" in r for r in f.reasons] == [True]
    torch.compiler.reset()
    assert not f.kinds


# --------------------------------------------------------------------- results, arguments, memory
def test_nested_results_and_arguments():
    Pair = collections.namedtuple("Pair", "a b")

    @dataclasses.dataclass
    class Result:
        loss: object
        rest: object

    def f(d, *, pair, scale=1.0):
        x = d["x"][0] * scale
        return Result(x.sum(), {"pair": Pair(x, pair.b), "list": [x + 1, (None, 3, "s")]}), x.shape

    pair = Pair(torch.ones(1), torch.zeros(1))
    x = torch.arange(3.0)
    compiled = torch.compile(f, fullgraph=True)
    for scale in (1.0, 2.0, 2.0):
        (mine, size), (theirs, _) = (
            g({"x": [x]}, pair=pair, scale=scale) for g in (compiled, f)
        )  # fmt: skip
        same([mine.loss, mine.rest["pair"], mine.rest["list"][0]],
             [theirs.loss, theirs.rest["pair"], theirs.rest["list"][0]])  # fmt: skip
        assert type(mine) is Result
        assert mine.rest["list"][1] == (None, 3, "s")
        assert mine.rest["pair"].b is pair.b
        assert size == torch.Size([3])


@pytest.mark.parametrize("T", [torch, real])
def test_results_share_memory_as_they_do_eagerly(T):
    def f(x, y):
        z = x * 2
        return x, x.view(-1), x.t(), z, z.view(-1), z[0], y.detach()

    g = T.compile(f, fullgraph=True) if T is torch else f
    for _ in range(2):
        x, y = T.arange(6.0).view(2, 3), T.ones(2)
        same_x, flat, turned, z, flat_z, row, away = g(x, y)
        assert same_x is x
        x[0, 0] = 50.0
        z[0, 1] = 60.0
        y[0] = 70.0
        assert flat[0] == turned[0, 0] == 50
        assert flat_z[1] == row[1] == 60
        assert away[0] == 70
        assert turned.stride() == (1, 3)


def test_results_are_memory_of_their_own():
    w = torch.ones(2, requires_grad=True)
    f = torch.compile(lambda x: (torch.zeros(2), x.clone(), (x + 0) * 1, w.detach() * 1, w * 1))
    for _ in range(2):
        x = torch.ones(2)
        found = f(x)
        same(found, (torch.zeros(2), x, x, x, w * 1))
        for t in found:
            t.add_(1)
        assert x.tolist() == w.tolist() == [1, 1]


def test_gradients_through_views_that_are_returned():
    found = []
    for T, wrap in ((torch, torch.compile), (real, lambda f: f)):
        x = T.arange(6.0, requires_grad=True)

        def f(x):
            y = (x * 2).view(2, 3)
            return y.t(), y[0], x.view(3, 2)

        a, b, c = wrap(f)(x)
        ((a * a).sum() + (b * 3).sum() + (c * c * c).sum()).backward()
        found.append((a, b, c, x.grad))
    same(found[0], found[1])


def test_writing_into_arguments():
    def f(x, buffer):
        buffer.mul_(0.9).add_(x.sum(0))
        x[0] += 1
        return x * 2

    found = []
    for T, wrap in ((torch, lambda f: torch.compile(f, fullgraph=True)), (real, lambda f: f)):
        x, buffer = T.ones(2, 3), T.zeros(3)
        g = wrap(f)
        outs = [g(x, buffer) for _ in range(3)]
        found.append((outs, x, buffer, x._version, buffer._version))
    same(found[0][:3], found[1][:3])
    assert found[0][3] > 0
    assert found[0][4] == 6 or found[0][4] == 3


def test_writing_into_memory_that_two_arguments_share():
    def f(x, y):
        x.add_(1)
        return y * 2

    g = torch.compile(f)
    x = torch.zeros(3)
    same(g(x, torch.ones(3)), torch.full((3,), 2.0))
    same(g(x, x.view(3)), torch.full((3,), 4.0))
    same(g(x, x), torch.full((3,), 6.0))
    for other in (lambda x: x.data, lambda x: torch.from_numpy(x.numpy())):
        x = torch.zeros(3)
        same(g(x, other(x)), torch.full((3,), 2.0))
    x = torch.zeros(4)
    same(g(x[:2], x.data[2:]), torch.zeros(2))


def test_the_same_tensor_twice_and_tied_parameters():
    f = torch.compile(lambda x, y: (x * y).sum())
    x, y = (torch.tensor([3.0], requires_grad=True) for _ in range(2))
    f(x, y).backward()
    f(x, x).backward()
    assert x.grad.item() == 9
    assert y.grad.item() == 3


def test_saved_operands_that_change_are_noticed():
    f = torch.compile(lambda x, w: x * w)
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    y = f(x, w)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    y = f(x, w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_operands_that_are_not_saved_may_change():
    f = torch.compile(lambda x, w: x + w)
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    y = f(x, w)
    x.add_(1)
    y.add_(1)
    y.sum().backward()
    same(w.grad, torch.ones(2))


def test_gradients_that_are_not_asked_for():
    found = []
    for T, wrap in ((torch, torch.compile), (real, lambda f: f)):
        x = T.tensor([1.0, 2.0], requires_grad=True)
        with T.no_grad():
            fixed = x * 5
        a, b, c = wrap(lambda x, fixed=fixed: (x * 2, (x * fixed).detach(), x.argmax()))(x)
        a.sum().backward()
        found.append((a, b, c, x.grad))
    same(found[0], found[1])


def test_channels_last_and_gaps():
    f = torch.compile(lambda x: (x * 2, x.sum(1)), fullgraph=True)
    x = torch.randn(2, 3, 4, 5)
    for given in (x.contiguous(memory_format=torch.channels_last), x[:, ::2], x.transpose(1, 3)):
        mine, theirs = f(given), (given * 2, given.sum(1))
        same(mine, theirs, rtol=1e-5)


def test_hooks_on_parameters_still_run():
    model = nn.Linear(2, 2)
    seen = []
    model.weight.register_hook(lambda g: seen.append(g.shape))
    torch.compile(model)(torch.ones(1, 2)).sum().backward()
    assert seen == [torch.Size([2, 2])]


def test_frozen_layers_and_no_grad_inside():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x):
            with torch.no_grad():
                x = self.body(x).relu()
            return self.head(x)

    model = Model()
    torch.compile(model, fullgraph=True)(torch.randn(2, 3)).sum().backward()
    assert model.body.weight.grad is None
    assert model.head.weight.grad is not None


# --------------------------------------------------------------------------------------- interface
def test_decorators_methods_and_names():
    @torch.compile(fullgraph=True)
    def f(x):
        """Doc."""
        return x + 1

    assert (f.__name__, f.__doc__) == ("f", "Doc.")
    assert f(torch.zeros(1)).item() == 1

    class Model:
        scale = 3

        @torch.compile
        def run(self, x):
            return x * self.scale

    model = Model()
    assert model.run(torch.ones(())).item() == 3
    model.scale = 4
    assert model.run(torch.ones(())).item() == 4


def test_compiled_modules_are_modules():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    f = torch.compile(model)
    assert type(f).__name__ == "OptimizedModule"
    assert isinstance(f, nn.Module)
    assert list(f.state_dict()) == [f"_orig_mod.{name}" for name in model.state_dict()]
    assert len(f) == 2
    assert next(f.parameters()) is model[0].weight
    f.eval()
    assert not model.training
    assert not f.training
    f.extra = 3
    assert model.extra == 3
    assert repr(f).startswith("OptimizedModule(\n  (_orig_mod): Sequential(")
    loaded = pickle.loads(pickle.dumps(f))
    x = torch.randn(1, 2)
    same(loaded(x), f(x))


def test_compile_in_place():
    model = nn.Linear(2, 2)
    names = list(model.state_dict())
    assert model.compile() is None
    x = torch.randn(1, 2)
    found = model(x)
    assert found.grad_fn.name() == "CompiledFunctionBackward"
    assert list(model.state_dict()) == names
    assert pickle.loads(pickle.dumps(model))(x).grad_fn.name() == "AddmmBackward0"


def test_compiled_inside_compiled():
    inner = torch.compile(lambda x: x * 2)
    outer = Compiled(lambda x: inner(x) + 1, True)
    assert outer(torch.ones(())).item() == 3
    assert programs(outer) == 1


@pytest.fixture
def pytorchs_compiler():
    """PyTorch's own compiler, which switches checks of distributions off when it is loaded."""
    yield
    real.distributions.Distribution.set_default_validate_args(True)


def test_wrong_arguments_are_refused_as_in_pytorch(pytorchs_compiler):
    for wrong in (
        {"backend": "no"}, {"mode": "no"}, {"mode": "default", "options": {"a": 1}},
    ):  # fmt: skip
        texts = []
        for T in (torch, real):
            with pytest.raises(RuntimeError) as caught:
                T.compile(lambda x: x, **wrong)
            texts.append(str(caught.value))
        assert texts[0] == texts[1]
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(3)
    assert torch.compile(len, disable=True) is len
    for backend in torch._dynamo.list_backends():
        assert torch.compile(lambda x: x + 1, backend=backend)(torch.zeros(())).item() == 1


def test_explain_has_pytorchs_words(pytorchs_compiler):
    f = lambda x: (x + 1).sum()  # noqa: E731
    mine, theirs = (
        str(T._dynamo.explain(f)(T.ones(2))).split("Ops per Graph")[0] for T in (torch, real)
    )
    assert mine.splitlines()[:2] == theirs.splitlines()[:2]


def test_is_compiling():
    assert not torch.compiler.is_compiling()
    f = torch.compile(lambda x: x + (1 if torch.compiler.is_compiling() else 2), fullgraph=True)
    assert f(torch.zeros(())).item() == 1


def test_threads():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    f = torch.compile(model)
    wrong = []

    def work(seed):
        rng = np.random.RandomState(seed)
        for n in (1, 2, 3, 2, 1):
            x = torch.tensor(rng.randn(n, 4).astype(np.float32))
            if not np.allclose(f(x).detach().numpy(), model(x).detach().numpy(), atol=1e-5):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong

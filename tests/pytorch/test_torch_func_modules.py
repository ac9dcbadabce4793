"""Modules in function transforms: parameters as arguments, per-example gradients, ensembles."""

from __future__ import annotations

import pytest
from func_cases import agree, both, numbers
from oracle import ours


def layers(T):
    nn = T.nn
    return {
        "linear": (nn.Linear(4, 3), (5, 4)),
        "mlp": (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3)),
                (5, 4)),
        "conv": (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                               nn.Flatten(), nn.Linear(16, 3)), (5, 2, 4, 4)),
        "batch norm eval": (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval(), (5, 4)),
        "group norm": (nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), (5, 2, 4, 4)),
        "lstm": (nn.LSTM(4, 3, batch_first=True), (5, 6, 4)),
        "gru": (nn.GRU(4, 3), (5, 6, 4)),
        "attention": (nn.MultiheadAttention(4, 2, batch_first=True), (5, 6, 4)),
        "encoder": (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), (5, 6, 4)),
        "embedding": (nn.Embedding(7, 3), None),
        "conv transposed": (nn.ConvTranspose2d(2, 3, 2), (5, 2, 3, 3)),
    }  # fmt: skip


NAMES = ("linear", "mlp", "conv", "batch norm eval", "group norm", "lstm", "gru", "attention",
         "encoder", "embedding", "conv transposed")  # fmt: skip
# PyTorch has no rules for these in some transforms; the loop over the examples is the oracle.
RECURRENT = ("lstm", "gru")


def made(T, name):
    T.manual_seed(0)
    return layers(T)[name]


def called(T, name, module, state, x):
    args = (x, x, x) if name == "attention" else (x,)
    out = T.func.functional_call(module, state, args)
    return out[0] if isinstance(out, tuple) else out


def data(T, sizes):
    if sizes is None:
        return T.tensor([[1, 3, 0, 6], [2, 2, 5, 1], [0, 4, 4, 4]])
    return numbers(T, sizes, seed=2)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_each_example(name):
    def program(T, loop=False):
        module, sizes = made(T, name)
        params = {k: v.detach() for k, v in module.named_parameters()}

        def loss(p, x):
            return (called(T, name, module, p, x.unsqueeze(0)) ** 2).mean()

        g, x = T.func.grad(loss), data(T, sizes)
        if loop:
            rows = [g(params, a) for a in x]
            return {k: T.stack([r[k] for r in rows]) for k in params}
        return T.vmap(g, in_dims=(None, 0))(params, x)

    if name not in RECURRENT:
        agree(program, rtol=3e-4)
    mine, loop = program(ours), program(ours, loop=True)
    for k in loop:
        assert ours.allclose(mine[k], loop[k], rtol=1e-4, atol=1e-5), k


@pytest.mark.parametrize("name", NAMES)
def test_ensembles_train(name):
    def program(T):
        T.manual_seed(0)
        modules = [layers(T)[name][0] for _ in range(3)]
        sizes = layers(T)[name][1]
        params, buffers = T.func.stack_module_state(modules)
        x = data(T, sizes)
        f = lambda p, b, x: called(T, name, modules[0], (p, b), x)  # noqa: E731
        y = T.vmap(f, in_dims=(0, 0, None))(params, buffers, x)
        (y**2).sum().backward()
        return y.detach(), {k: v.grad for k, v in params.items()}, sorted(buffers)

    if name in RECURRENT:
        y, grads, _ = program(ours)
        assert y.shape[0] == 3 and all(g.abs().sum() > 0 for g in grads.values())
    else:
        agree(program, rtol=1e-3)


@pytest.mark.parametrize("name", ["mlp", "conv", "attention", "lstm"])
def test_curvature_of_the_loss_by_the_parameters(name):
    def program(T):
        module, sizes = made(T, name)
        params = {k: v.detach() for k, v in module.named_parameters()}
        x = data(T, sizes)
        loss = lambda p: (called(T, name, module, p, x) ** 2).mean()  # noqa: E731
        direction = {k: v.cos() for k, v in params.items()}
        return T.func.jvp(T.func.grad(loss), (params,), (direction,))[1]

    if name == "lstm":
        assert set(program(ours)) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    else:
        agree(program, rtol=1e-3)


# --------------------------------------------------------------------------------- batch norm
def test_running_statistics_that_are_passed_come_back_for_each_example():
    def program(T):
        norm = T.nn.BatchNorm1d(2)
        x = numbers(T, (4, 2), lanes=3)
        params = {k: v.detach() for k, v in norm.named_parameters()}
        buffers = {k: v.unsqueeze(0).repeat(3, *[1] * v.ndim) for k, v in norm.named_buffers()}

        def loss(p, b, x):
            return T.func.functional_call(norm, (p, b), (x,)).pow(3).sum(), b

        f = T.vmap(T.func.grad(loss, has_aux=True), in_dims=(None, 0, 0))
        found = f(params, buffers, x)
        return found, buffers, dict(norm.named_buffers())

    agree(program, rtol=1e-3)


def test_running_statistics_that_a_module_holds_get_the_mean_of_the_examples():
    norm = ours.nn.BatchNorm1d(2)
    x = numbers(ours, (4, 2), lanes=3)
    ours.vmap(norm)(x)
    each = []
    for a in x:
        one = ours.nn.BatchNorm1d(2)
        one(a)
        each.append((one.running_mean, one.running_var))
    assert ours.allclose(norm.running_mean, ours.stack([m for m, _ in each]).mean(0))
    assert ours.allclose(norm.running_var, ours.stack([v for _, v in each]).mean(0))
    assert norm.num_batches_tracked == 1


def test_batch_norm_without_statistics():
    def program(T):
        norm = T.nn.BatchNorm1d(2, track_running_stats=False)
        x = numbers(T, (4, 2), lanes=3)
        return T.vmap(norm)(x), T.vmap(T.func.grad(lambda a: norm(a).pow(3).sum()))(x).detach()

    agree(program, rtol=1e-3)


# ------------------------------------------------------------------------------ functional_call
class Tied:
    @staticmethod
    def make(T):
        class Module(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = T.nn.Linear(2, 2, bias=False)
                self.b = T.nn.Linear(2, 2, bias=False)
                self.b.weight = self.a.weight

            def forward(self, x, scale=1.0):
                return self.b(self.a(x)) * scale

        return Module()


@pytest.mark.parametrize("tie", [True, False])
def test_tied_weights(tie):
    def program(T):
        module = Tied.make(T)
        with T.no_grad():
            module.a.weight.copy_(numbers(T, (2, 2)))
        given = {"a.weight": T.eye(2) * 3}
        call = T.func.functional_call
        found = call(module, given, T.ones(2), {"scale": 2.0}, tie_weights=tie)
        return found.detach(), module.a.weight.detach()

    agree(program)


REFUSED = {
    "dictionary twice": lambda T, m: T.func.functional_call(
        m, ({"weight": m.weight}, {"weight": m.weight}), T.ones(2)),
    "no dictionaries": lambda T, m: T.func.functional_call(m, (m.weight,), T.ones(2)),
    "a number": lambda T, m: T.func.functional_call(m, 3, T.ones(2)),
    "strict": lambda T, m: T.func.functional_call(m, {"weight": m.weight}, T.ones(2), strict=True),
    "no models": lambda T, m: T.func.stack_module_state([]),
    "modes": lambda T, m: T.func.stack_module_state([m, T.nn.Linear(2, 2).eval()]),
    "classes": lambda T, m: T.func.stack_module_state([m, T.nn.ReLU()]),
    "gradients": lambda T, m: T.func.stack_module_state(
        [m, T.nn.Linear(2, 2).requires_grad_(False)]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_pytorchs(name):
    mine, theirs = both(lambda T: REFUSED[name](T, T.nn.Linear(2, 2)))
    assert isinstance(theirs[0], str)
    assert (mine[0], mine[1][:45]) == (theirs[0], theirs[1][:45])


def test_a_small_meta_learning_step():
    def program(T):
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Linear(4, 8), T.nn.Tanh(), T.nn.Linear(8, 3))
        params = {k: v.detach().requires_grad_() for k, v in model.named_parameters()}
        x, y = numbers(T, (6, 4), (6, 3), lanes=4)

        def inner(p, x, y):
            loss = lambda q: ((T.func.functional_call(model, q, x) - y) ** 2).mean()  # noqa: E731
            for _ in range(2):
                g = T.func.grad(loss)(p)
                p = {k: v - 0.1 * g[k] for k, v in p.items()}
            return loss(p)

        losses = T.vmap(inner, in_dims=(None, 0, 0))(params, x, y)
        losses.mean().backward()
        return losses.detach(), {k: v.grad for k, v in params.items()}

    agree(program, rtol=1e-3)


def test_second_derivatives_of_layer_norm_are_those_of_a_loop():
    # PyTorch's differ from its own loop by a hundredth here.
    model = ours.nn.Sequential(ours.nn.Linear(4, 8), ours.nn.LayerNorm(8)).double()
    params = {k: v.detach() for k, v in model.named_parameters()}
    x = numbers(ours, (6, 4), lanes=3).double()

    def inner(p, x):
        loss = lambda q: ours.func.functional_call(model, q, x).pow(3).mean()  # noqa: E731
        return sum(g.pow(2).sum() for g in ours.func.grad(loss)(p).values())

    g = ours.func.grad(inner)
    mapped, loop = ours.vmap(g, in_dims=(None, 0))(params, x), [g(params, a) for a in x]
    for k, found in mapped.items():
        assert ours.allclose(found, ours.stack([row[k] for row in loop]), rtol=1e-9)


def test_statistics_of_batch_norm_can_be_left_out():
    def program(T):
        model = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.BatchNorm1d(2), T.nn.BatchNorm1d(2))
        same = T.func.replace_all_batch_norm_modules_(model) is model
        out = T.vmap(model)(numbers(T, (4, 2), lanes=3))
        return same, tuple(out.shape), sorted(k for k, _ in model.named_buffers()), str(model)

    agree(program)

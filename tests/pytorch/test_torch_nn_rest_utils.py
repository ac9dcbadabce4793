"""Pruned and orthogonal weights, and optimisers as functions, beside PyTorch's."""

import copy
import importlib
import inspect
import io

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_regressions import agree, both


def prune_of(T):
    return importlib.import_module(f"{T.__name__}.nn.utils.prune")


def outcome(f):
    """A result, or the words of the exception."""
    try:
        return f()
    except Exception as error:
        return type(error).__name__, str(error)


# ------------------------------------------------------------------------------------------ pruning
AMOUNTS = (0, 1, 3, 0.0, 0.4, 1.0)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_what_pruning_takes_away(amount):
    def program(T):
        prune = prune_of(T)
        T.manual_seed(1)
        layers = [T.nn.Linear(5, 6) for _ in range(4)]
        convolution = T.nn.Conv2d(4, 6, (2, 3))
        made = [
            prune.l1_unstructured(layers[0], "weight", amount),
            prune.random_unstructured(layers[1], "bias", amount),
            prune.random_structured(layers[2], "weight", amount, 1),
            prune.ln_structured(layers[3], "weight", amount, 2, 0),
            prune.ln_structured(convolution, "weight", amount, float("inf"), -3),
        ]
        return [(m.weight, getattr(m, "weight_mask", None), m.bias) for m in made]

    agree(program)


def test_what_becomes_of_a_pruned_parameter():
    def program(T):
        prune = prune_of(T)
        T.manual_seed(0)
        layer = T.nn.Linear(4, 3)
        prune.l1_unstructured(layer, "weight", 0.5)
        optimizer = T.optim.SGD(layer.parameters(), lr=0.1)
        found = [prune.is_pruned(layer), sorted(layer.state_dict()), layer.weight.grad_fn.name()]
        for _ in range(2):
            optimizer.zero_grad()
            (layer(T.ones(1, 4)) ** 2).sum().backward()
            optimizer.step()
        found += [layer.weight_orig.detach(), layer.weight_orig.grad, layer(T.ones(1, 4)).detach()]
        found.append([name for name, _ in layer.named_buffers()])
        prune.remove(layer, "weight")
        found += [layer.weight, sorted(layer.state_dict()), prune.is_pruned(layer)]
        found.append(outcome(lambda: prune.remove(layer, "weight")))
        return found

    agree(program)


def test_pruning_again_and_again():
    def program(T):
        prune = prune_of(T)
        T.manual_seed(0)
        layer = T.nn.Conv2d(4, 5, 2)
        masks = []
        prune.identity(layer, "weight")
        prune.random_unstructured(layer, "weight", 5)
        masks.append(layer.weight_mask.clone())
        prune.ln_structured(layer, "weight", 2, 1, 0)
        masks.append(layer.weight_mask.clone())
        prune.l1_unstructured(layer, "weight", 0.5, importance_scores=T.rand(5, 4, 2, 2))
        masks.append(layer.weight_mask.clone())
        prune.random_structured(layer, "weight", 0.5, 1)
        masks.append(layer.weight_mask.clone())
        prune.ln_structured(layer, "weight", 0.5, 2, 0)  # of the channels that are left
        masks.append(layer.weight_mask.clone())
        prune.custom_from_mask(layer, "weight", T.ones(5, 4, 2, 2))
        (hook,) = layer._forward_pre_hooks.values()
        return masks, [type(m).__name__ for m in hook], len(hook), type(hook[1]).__name__

    agree(program)


def test_pruning_among_several_parameters():
    def program(T):
        prune = prune_of(T)
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Linear(4, 3), T.nn.Conv1d(1, 2, 3))
        pairs = [(model[0], "weight"), (model[1], "weight"), (model[0], "bias")]
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
        masks = [getattr(m, name + "_mask").clone() for m, name in pairs]
        scores = {pairs[0]: T.rand(3, 4) * 100}
        prune.global_unstructured(pairs, prune.L1Unstructured, scores, amount=3)
        masks += [getattr(m, name + "_mask").clone() for m, name in pairs]
        prune.global_unstructured(tuple(pairs), prune.RandomUnstructured, amount=2)
        return masks, [getattr(m, name) for m, name in pairs]

    agree(program)


def test_methods_of_pruning_by_themselves():
    def program(T):
        prune = prune_of(T)
        t, mask = T.tensor([[3.0, 1, 2], [0, -5, 4]]), T.tensor([[1.0, 0, 1], [1, 1, 1]])
        method = prune.L1Unstructured(2)
        container = prune.PruningContainer()
        container._tensor_name = method._tensor_name = "weight"
        container.add_pruning_method(method)

        class Odd(prune.BasePruningMethod):
            PRUNING_TYPE = "unstructured"

            def compute_mask(self, t, default_mask):
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask

        layer = T.nn.Linear(2, 3)
        Odd.apply(layer, "bias")
        return (
            method.prune(t), method.prune(t, default_mask=mask), method.compute_mask(t, mask),
            method.prune(t, importance_scores=-t), container.compute_mask(t, mask),
            prune.LnStructured(1, 2, 0).prune(t), layer.bias_mask,
        )  # fmt: skip

    agree(program)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p, T, m: p.l1_unstructured(m, "weight", -1),
        lambda p, T, m: p.l1_unstructured(m, "weight", 1.5),
        lambda p, T, m: p.l1_unstructured(m, "weight", "x"),
        lambda p, T, m: p.l1_unstructured(m, "weight", 13),
        lambda p, T, m: p.random_structured(m, "weight", 4, 0),
        lambda p, T, m: p.ln_structured(m, "bias", 1, 2, 0),
        lambda p, T, m: p.ln_structured(m, "weight", 1, 2, 5),
        lambda p, T, m: p.l1_unstructured(m, "w", 1),
        lambda p, T, m: p.l1_unstructured(T.nn.Linear(1, 1, bias=False), "bias", 1),
        lambda p, T, m: p.l1_unstructured(m, "weight", 1, importance_scores=T.ones(3)),
        lambda p, T, m: p.custom_from_mask(m, "bias", T.ones(2)),
        lambda p, T, m: p.global_unstructured([(m, "bias")], p.LnStructured, amount=1, n=2),
        lambda p, T, m: p.global_unstructured(3, p.L1Unstructured, amount=1),
        lambda p, T, m: p.global_unstructured([(m, "bias")], p.L1Unstructured, [1], amount=1),
        lambda p, T, m: p.BasePruningMethod(),
        lambda p, T, m: p.PruningContainer().add_pruning_method(3),
        lambda p, T, m: p.remove(m, "weight"),
    ],
)
def test_refusals_of_pruning(wrong):
    def program(T):
        layer = T.nn.Linear(4, 3)
        found = outcome(lambda: wrong(prune_of(T), T, layer))
        return found, sorted(layer.state_dict()), len(layer._forward_pre_hooks)

    mine, theirs = both(program)
    assert mine == theirs and mine[0][0].endswith("Error")


def test_copies_and_files_of_pruned_modules():
    prune = prune_of(ours)
    layer = ours.nn.Linear(4, 3)
    prune.l1_unstructured(layer, "weight", 0.5)
    with ours.no_grad():
        layer(ours.ones(1, 4))  # the weight is no result of the graph any more
    again = copy.deepcopy(layer)
    same(again(ours.ones(1, 4)), layer(ours.ones(1, 4)))
    file = io.BytesIO()
    ours.save(layer.state_dict(), file)
    file.seek(0)
    state = ours.load(file)
    other = ours.nn.Linear(4, 3)
    prune.identity(other, "weight")
    other.load_state_dict(state)
    same(other(ours.ones(1, 4)), layer(ours.ones(1, 4)))


# --------------------------------------------------------------------------------------- orthogonal
MAPS = (None, "matrix_exp", "cayley", "householder")


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 4), (2, 5, 3)])
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_weights(shape, name, trivial):
    def program(T):
        T.manual_seed(0)
        layer = T.nn.Module()
        layer.weight = T.nn.Parameter(T.randn(shape, dtype=T.float64) / 2)
        T.nn.utils.parametrizations.orthogonal(
            layer, "weight", name, use_trivialization=trivial
        )
        optimizer = T.optim.SGD(layer.parameters(), lr=0.1)
        target = T.arange(float(np.prod(shape)), dtype=T.float64).reshape(shape)
        found = [repr(layer), sorted(layer.state_dict()), layer.weight.detach()]
        for _ in range(3):
            optimizer.zero_grad()
            (layer.weight * target).sin().sum().backward()
            found.append(layer.parametrizations.weight.original.grad.clone())
            optimizer.step()
        w = layer.weight.detach()
        found.append(w)
        q = w if shape[-2] >= shape[-1] else w.mT
        eye = T.eye(q.shape[-1], dtype=T.float64)
        assert T.allclose(q.mT @ q, eye.expand(*q.shape[:-2], -1, -1), atol=1e-10)
        return found

    mine, theirs = both(program)
    same(mine, theirs, strides=False)  # those of gradients differ


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_weights_are_assigned(name, trivial):
    def program(T):
        T.manual_seed(2)
        layer = T.nn.Linear(4, 4)
        f = T.nn.utils.parametrizations.orthogonal
        f(layer, orthogonal_map=name, use_trivialization=trivial)

        def assign(value):
            layer.weight = value
            return layer.weight.detach()

        return [
            outcome(lambda: assign(layer.weight.detach().flip(0))),
            outcome(lambda: assign(T.eye(4))),
            outcome(lambda: assign((T.arange(16.0) ** 2).reshape(4, 4).sin())),
            outcome(lambda: assign(T.ones(3, 4)))[0],
        ]

    agree(program)


def test_an_orthogonal_weight_stays_as_it_is():
    q = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])

    def program(T):
        layer = T.nn.Linear(3, 3, dtype=T.float64)
        T.nn.utils.parametrizations.orthogonal(layer)
        layer.weight = T.tensor(q)
        return layer.parametrizations.weight[0].base.tolist()

    mine, theirs = both(program)
    assert mine == theirs == q.tolist()


@pytest.mark.parametrize("name", ["matrix_exp", "cayley"])
def test_complex_orthogonal_weights(name):
    def program(T):
        T.manual_seed(0)
        layer = T.nn.Module()
        layer.weight = T.nn.Parameter(T.randn(3, 2, dtype=T.complex128))
        T.nn.utils.parametrizations.orthogonal(layer, "weight", name)
        layer.weight.real.sin().sum().backward()
        return layer.weight.detach(), layer.parametrizations.weight.original.grad

    agree(program)


@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder"])
def test_compiled_orthogonal_weights_follow_the_parameter(name):
    layer = ours.nn.Linear(4, 4)
    ours.nn.utils.parametrizations.orthogonal(layer, orthogonal_map=name)
    compiled = ours.compile(layer)
    original = layer.parametrizations.weight.original
    for size in (1, 10, 100):
        found = [f(ours.ones(2, 4)) for f in (compiled, layer)]
        same(*[(y.detach(), ours.autograd.grad((y**2).sum(), original)[0]) for y in found])
        with ours.no_grad():
            original.copy_(ours.randn(4, 4) * size)


def test_refusals_of_orthogonal():
    def program(T):
        f = T.nn.utils.parametrizations.orthogonal
        return [
            outcome(lambda: f(T.nn.Linear(3, 3), "bias")),
            outcome(lambda: f(T.nn.Linear(3, 3), "w")),
            outcome(lambda: f(T.nn.Linear(3, 3), orthogonal_map="qr")),
        ]

    agree(program)


# -------------------------------------------------------------------------- optimisers as functions
FORMS = {
    "adadelta": (["square_avgs", "acc_deltas"], {"lr": 0.5, "rho": 0.9, "eps": 1e-06,
        "weight_decay": 0.1}),
    "adagrad": (["state_sums"], {"lr": 0.1, "weight_decay": 0.1, "lr_decay": 0.1, "eps": 1e-10}),
    "adam": (["exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"], {"amsgrad": True, "beta1": 0.9,
        "beta2": 0.99, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-08}),
    "adamw": (["exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"], {"amsgrad": True, "beta1": 0.9,
        "beta2": 0.99, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-08}),
    "adamax": (["exp_avgs", "exp_infs"], {"eps": 1e-08, "beta1": 0.9, "beta2": 0.99, "lr": 0.1,
        "weight_decay": 0.1}),
    "asgd": (["axs", "mus", "etas"], {"lambd": 0.0001, "lr": 0.1, "t0": 1.0, "alpha": 0.75,
        "weight_decay": 0.1}),
    "nadam": (["exp_avgs", "exp_avg_sqs", "mu_products"], {"beta1": 0.9, "beta2": 0.99, "lr": 0.1,
        "weight_decay": 0.1, "momentum_decay": 0.004, "eps": 1e-08}),
    "radam": (["exp_avgs", "exp_avg_sqs"], {"beta1": 0.9, "beta2": 0.99, "lr": 0.1, "weight_decay":
        0.1, "eps": 1e-08}),
    "rmsprop": (["square_avgs", "grad_avgs", "momentum_buffer_list"], {"lr": 0.1, "alpha": 0.9,
        "eps": 1e-08, "weight_decay": 0.1, "momentum": 0.9, "centered": True}),
    "rprop": (["prevs", "step_sizes"], {"step_size_min": 1e-06, "step_size_max": 50.0, "etaminus":
        0.5, "etaplus": 1.2}),
    "sgd": (["momentum_buffer_list"], {"weight_decay": 0.1, "momentum": 0.9, "lr": 0.1, "dampening":
        0.2, "nesterov": False}),
}  # fmt: skip
FIRST = {"mu_products": 1.0, "mus": 1.0, "etas": 0.1, "step_sizes": 0.1}


def form_of(T, name):
    return getattr(importlib.import_module(f"{T.__name__}.optim.{name}"), name)


def settings_of(T, name):
    """The settings, with ``maximize`` where it is one of them."""
    known = inspect.signature(form_of(T, name)).parameters
    needed = known["maximize"].default is inspect.Parameter.empty
    return {**FORMS[name][1], **({"maximize": False} if needed else {})}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_optimisers_as_functions(name, rng):
    lists = FORMS[name][0]
    start, grads = rng.normal(size=(2, 4)), rng.normal(size=(3, 2, 4))

    def program(T):
        params = [T.tensor(x) for x in start]

        def state(key):
            if key in ("mu_products", "mus", "etas"):
                return [T.tensor(FIRST[key]) for _ in params]
            if name == "sgd":
                return [None for _ in params]
            return [T.full_like(p, FIRST.get(key, 0.0)) for p in params]

        held = [state(key) for key in lists]
        steps = [] if name == "sgd" else [[T.tensor(0.0) for _ in params]]
        for g in grads:
            form_of(T, name)(
                params, [T.tensor(x) for x in g], *held, *steps, **settings_of(T, name)
            )
        return params, held, steps

    agree(program)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_functions_have_pytorchs_parameters(name):
    def parameters(T):
        found = inspect.signature(form_of(T, name)).parameters.values()
        return [(p.name, p.kind, p.default) for p in found]

    assert parameters(ours) == parameters(real)


def test_states_that_do_not_matter_may_be_empty():
    def program(T):
        p, g = [T.ones(2)], [T.ones(2)]
        form_of(T, "adam")(
            p, g, [T.zeros(2)], [T.zeros(2)], [], [T.tensor(0.0)], amsgrad=False, beta1=0.9,
            beta2=0.99, lr=0.1, weight_decay=0.0, eps=1e-8, maximize=True,
        )  # fmt: skip
        form_of(T, "sgd")(
            p, g, [None], weight_decay=0.0, momentum=0.0, lr=0.1, dampening=0.0, nesterov=False,
            maximize=False,
        )  # fmt: skip
        return p, outcome(lambda: form_of(T, "adam")(
            p, g, [T.zeros(2)], [T.zeros(2)], [], [0], amsgrad=False, beta1=0.9, beta2=0.99,
            lr=0.1, weight_decay=0.0, eps=1e-8, maximize=True,
        ))  # fmt: skip

    agree(program)


@pytest.mark.parametrize("differentiable", [False, True])
def test_functions_record_a_step_only_if_told_to(differentiable):
    p, g = ours.ones(2, requires_grad=True), ours.ones(2, requires_grad=True)
    # Only without a record may a leaf be written to.
    moved = p * 1 if differentiable else p
    state = [[ours.zeros(2)], [ours.zeros(2)], [], [ours.tensor(0.0)]]
    form_of(ours, "adam")(
        [moved], [g], *state, amsgrad=False, beta1=0.9, beta2=0.99, lr=0.1, weight_decay=0.0,
        eps=1e-8, maximize=False, differentiable=differentiable,
    )  # fmt: skip
    same(moved.detach(), ours.full((2,), 0.9))
    assert ours.is_grad_enabled() and state[0][0].requires_grad == differentiable


def test_a_missing_setting_is_named():
    with pytest.raises(TypeError, match=r"adam\(\) missing a required.*argument: 'amsgrad'"):
        form_of(ours, "adam")([], [], [], [], [], [])


def test_functional_module_has_them_all():
    mine = importlib.import_module("functorch_lite.torch.optim._functional")
    for name in FORMS:
        assert getattr(mine, name) is form_of(ours, name)


def test_bind():
    from functorch_lite.torch.nn.utils.rnn import bind

    assert bind(None, int) is None and bind(2.5, int) == 2

"""``torch.nn.utils``: clipping, vectors, packed sequences, weights in other forms."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from module_checks import normal
from oracle import compare, ours, real, same


def outcome(program, T):
    """A program's result with the warnings that it gave, or its exception."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = program(T)
        except Exception as error:
            found = [type(error).__name__, str(error)]
    return found, [(w.category.__name__, str(w.message)) for w in warned]


def agree(program, graph=True, warn=True, strides=True):
    """The same result, words and warnings in both worlds."""
    mine, said = outcome(program, ours)
    theirs, told = outcome(program, real)
    same(mine, theirs, graph=graph, strides=strides)
    if warn:
        assert said == told


def tensors(T, *shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [T.tensor(rng.normal(size=s).tolist(), dtype=T.float64).reshape(s) for s in shapes]


# ---------------------------------------------------------------------------------------- gradients
def with_gradients(T, scale=1.0):
    found = [T.zeros(s, requires_grad=True, dtype=T.float64) for s in ((2, 3), (4,), ())]
    for p, g in zip(found, tensors(T, (2, 3), (4,), ()), strict=True):
        p.grad = g * scale
    return [*found, T.zeros(2, requires_grad=True)]


@pytest.mark.parametrize("p", [2.0, 1, 3.5, math.inf])
@pytest.mark.parametrize("bound", [0.5, 100, 1e-3])
def test_clipped_norms(p, bound):
    def program(T):
        given = with_gradients(T)
        total = T.nn.utils.clip_grad_norm_(given, bound, p)
        one = T.nn.utils.clip_grad_norm_(given[0], bound / 3, norm_type=p, foreach=True)
        return total, one, [q.grad for q in given[:3]], given[3].grad

    agree(program)


def test_clipped_values_and_parts():
    def program(T):
        given = with_gradients(T)
        U = T.nn.utils
        U.clip_grad_value_(given, 0.3)
        total = U.get_total_norm([g.grad for g in given[:3]], 2)
        U.clip_grads_with_norm_(given, 0.1, total)
        return total, [q.grad for q in given[:3]], U.get_total_norm([]), U.clip_grad_norm_([], 1.0)

    agree(program)
    agree(lambda T: T.nn.utils.clip_grad_norm(with_gradients(T), 1.0))
    agree(lambda T: T.nn.utils.clip_grad_norm_((x for x in []), 1.0))
    for e in (True, False):
        agree(lambda T: T.nn.utils.clip_grad_norm_(with_gradients(T, math.nan), 1.0, 2, e))  # noqa: B023


def test_vectors_of_parameters():
    def program(T):
        T.manual_seed(0)
        net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Linear(3, 1))
        vector = T.nn.utils.parameters_to_vector(net.parameters())
        new = vector.detach() * 2
        T.nn.utils.vector_to_parameters(new, net.parameters())
        new[0] = 7  # shared
        return vector, list(net.parameters()), net(T.ones(1, 2))

    agree(program)
    agree(lambda T: T.nn.utils.vector_to_parameters(3, []))


# --------------------------------------------------------------------------------- packed sequences
LENGTHS = [([3, 1], True), ([1, 3], False), ([2, 2], True), ([3, 3], False)]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("lengths", "ordered"), LENGTHS)
def test_packing_and_padding(lengths, ordered, first):
    def program(T, x):
        R = T.nn.utils.rnn
        packed = R.pack_padded_sequence(x, T.tensor(lengths), first, ordered)
        padded, count = R.pad_packed_sequence(packed, first, 2.5, 4)
        return padded, count, *packed

    compare(program, normal(*((2, 3, 2) if first else (3, 2, 2))), names=False)
    compare(lambda T, x: T.nn.utils.rnn.pack_padded_sequence(x, lengths, first, ordered).data,
            normal(*((2, 3) if first else (3, 2))))  # fmt: skip


def test_padding_of_sequences():
    for kwargs in (
        {}, {"batch_first": True}, {"padding_side": "left"}, {"padding_value": -1.5},
    ):  # fmt: skip
        compare(lambda T, *a, k=kwargs: T.nn.utils.rnn.pad_sequence(a, **k), normal(2, 2),
                normal(3, 2), normal(1, 2))  # fmt: skip

    def program(T, *a):
        R = T.nn.utils.rnn
        padded = R.pad_sequence(list(a), True)
        packed = R.pack_sequence(list(a), enforce_sorted=False)
        return R.unpad_sequence(padded * 1, T.tensor([2, 3, 1]), True), R.unpack_sequence(packed)

    compare(program, normal(2, 2), normal(3, 2), normal(1, 2), names=False)


@pytest.mark.parametrize(
    "f",
    [
        lambda T, R: R.pack_padded_sequence(T.ones(3, 2, 1), [2, 3]),
        lambda T, R: R.pack_padded_sequence(T.ones(3, 2, 1), [3, 0]),
        lambda T, R: R.pack_padded_sequence(T.ones(3, 2, 1), [3]),
        lambda T, R: R.pack_padded_sequence(T.ones(0, 2), [3, 1]),
        lambda T, R: R.pad_packed_sequence(R.pack_sequence([T.ones(2)]), total_length=1),
        lambda T, R: R.pad_sequence([]),
        lambda T, R: R.pad_sequence(3),
        lambda T, R: R.pad_sequence([T.ones(2), T.ones(3)], padding_side="x"),
        lambda T, R: R.pad_sequence([T.ones(2, 1), T.ones(3, 2)]),
        lambda T, R: R.PackedSequence(T.ones(3)),
        lambda T, R: str(R.PackedSequence(T.ones(3), T.tensor([2, 1])).to(T.float64)),
        lambda T, R: list(R.PackedSequence(T.ones(3), T.tensor([2, 1])).double().int()),
        lambda T, R: R.PackedSequence(T.ones(3), T.tensor([2, 1])).is_cuda,
        lambda T, R: R.invert_permutation(T.tensor([1, 2, 0])),
        lambda T, R: R.invert_permutation(None),
        lambda T, R: R.PackedSequence._fields,
        lambda T, R: list(pickle.loads(pickle.dumps(R.pack_sequence([T.ones(2), T.ones(1)])))[:2]),
    ],
)
def test_words_about_packed_sequences(f):
    agree(lambda T: f(T, T.nn.utils.rnn))


def test_too_long_lengths_are_refused():
    with pytest.raises(RuntimeError, match="lengths of at most 3"):
        ours.nn.utils.rnn.pack_padded_sequence(ours.ones(3, 2, 1), [4, 1])


# --------------------------------------------------------------------------------- parametrizations
def kinds(T):
    """Parametrizations of one world."""

    class Symmetric(T.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    class Product(T.nn.Module):
        def forward(self, a, b):
            return a * b

        def right_inverse(self, x):
            return x, T.ones_like(x)

    class OneWay(T.nn.Module):
        def forward(self, x):
            return x * 2

    class Shrinks(T.nn.Module):
        def forward(self, x):
            return x.sum()

    class Widens(T.nn.Module):
        def forward(self, x):
            return x.double()

    return {c.__name__: c for c in (Symmetric, Product, OneWay, Shrinks, Widens)}


def described(T, module):
    found = list(module.state_dict().items())
    out = module(T.ones(1, 3)).sum()
    out.backward()
    return found, [(n, p.grad) for n, p in module.named_parameters()], repr(module), out


@pytest.mark.parametrize("names", [["Symmetric"], ["Product"], ["OneWay"], ["Symmetric", "OneWay"],
                                   ["Product", "Symmetric"]])  # fmt: skip
def test_parametrizations(names):
    def program(T):
        T.manual_seed(1)
        P = T.nn.utils.parametrize
        module = T.nn.Linear(3, 3)
        for name in names:
            P.register_parametrization(module, "weight", kinds(T)[name]())
        before = described(T, module)
        with P.cached():
            once = module.weight is module.weight
        copied = described(T, copy.deepcopy(module))
        if "OneWay" not in names:
            module.weight = T.arange(9.0).reshape(3, 3)
        facts = (
            once, module.weight is module.weight, P.is_parametrized(module),
            P.is_parametrized(module, "bias"), type(module).__name__,
            P.type_before_parametrizations(module) is T.nn.Linear, isinstance(module, T.nn.Linear),
        )  # fmt: skip
        after = module.weight
        P.remove_parametrizations(module, "weight")
        return before, copied, facts, after, described(T, module), type(module) is T.nn.Linear

    agree(program)


def test_leaving_originals():
    def program(T):
        T.manual_seed(1)
        P = T.nn.utils.parametrize
        module = T.nn.Linear(3, 3)
        P.register_parametrization(module, "weight", kinds(T)["OneWay"]())
        P.register_parametrization(module, "bias", kinds(T)["OneWay"]())
        P.remove_parametrizations(module, "weight", leave_parametrized=False)
        other = T.nn.Linear(3, 3)
        P.transfer_parametrizations_and_params(module, other)
        return described(T, module), described(T, other)

    agree(program)


@pytest.mark.parametrize(
    "f",
    [
        lambda T, P, K, m: P.register_parametrization(m, "zzz", K["OneWay"]()),
        lambda T, P, K, m: P.register_parametrization(m, "weight", K["Shrinks"]()),
        lambda T, P, K, m: P.register_parametrization(m, "weight", K["Widens"]()),
        lambda T, P, K, m: P.remove_parametrizations(m, "weight"),
        lambda T, P, K, m: setattr(
            P.register_parametrization(m, "weight", K["OneWay"]()), "weight", T.ones(3, 3)),
        lambda T, P, K, m: pickle.dumps(P.register_parametrization(m, "weight", K["OneWay"]())),
        lambda T, P, K, m: P.remove_parametrizations(
            P.register_parametrization(m, "weight", K["Product"]()), "weight", False),
        lambda T, P, K, m: P.ParametrizationList([], T.ones(2)),
        lambda T, P, K, m: P.register_parametrization(
            P.register_parametrization(m, "weight", K["OneWay"]()), "weight", K["Shrinks"]()),
    ],
)  # fmt: skip
def test_parametrizations_that_are_refused(f):
    agree(lambda T: f(T, T.nn.utils.parametrize, kinds(T), T.nn.Linear(3, 3)))


LAYERS = {
    "linear": (lambda nn: nn.Linear(3, 4), (2, 3)),
    "conv": (lambda nn: nn.Conv2d(2, 3, 2), (1, 2, 3, 3)),
    "transposed": (lambda nn: nn.ConvTranspose1d(2, 3, 2), (1, 2, 3)),
}


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("kind", "options"), [
    ("weight_norm", {}), ("weight_norm", {"dim": 1}), ("weight_norm", {"dim": None}),
    ("spectral_norm", {}), ("spectral_norm", {"n_power_iterations": 3, "dim": 1}),
])  # fmt: skip
def test_norms_of_weights(kind, options, layer, new):
    make, shape = LAYERS[layer]

    def program(T):
        T.manual_seed(3)
        U = T.nn.utils
        module = make(T.nn).double()
        getattr(U.parametrizations if new else U, kind)(module, **options)
        (x,) = tensors(T, shape)
        found = []
        for train in (True, True, False):
            module.train(train)
            module.zero_grad()
            out = module(x)
            (out * out).sum().backward()
            found.append((out.detach(), [p.grad for p in module.parameters()]))
        text, state = repr(module), list(module.state_dict().items())
        stamps = list(module.state_dict()._metadata.items())
        module.load_state_dict(module.state_dict())
        if new:
            U.parametrize.remove_parametrizations(module, "weight")
        else:
            getattr(U, f"remove_{kind}")(module)
        return found, text, state, stamps, list(module.state_dict()), module(x)

    agree(program, strides=False)


def test_new_weight_norms_read_old_states():
    def program(T):
        T.manual_seed(3)
        U = T.nn.utils
        old = U.weight_norm(T.nn.Linear(3, 4))
        new = U.parametrizations.weight_norm(T.nn.Linear(3, 4))
        new.load_state_dict(old.state_dict())
        return new(T.ones(3)), old(T.ones(3))

    agree(program)


@pytest.mark.parametrize(
    "f",
    [
        lambda T, U, m: U.weight_norm(U.weight_norm(m)),
        lambda T, U, m: U.spectral_norm(U.spectral_norm(m)),
        lambda T, U, m: U.remove_weight_norm(m),
        lambda T, U, m: U.remove_spectral_norm(m),
        lambda T, U, m: U.spectral_norm(m, n_power_iterations=0),
        lambda T, U, m: U.parametrizations.spectral_norm(m, n_power_iterations=0),
        lambda T, U, m: U.parametrizations.spectral_norm(m, "z"),
        lambda T, U, m: U.parametrizations.weight_norm(m, "z"),
        lambda T, U, m: U.skip_init(T.nn.ReLU),
        lambda T, U, m: list(U.skip_init(T.nn.Linear, 2, 3).state_dict()),
        lambda T, U, m: U.skip_init(T.nn.Linear, 2, 3).weight.shape,
        lambda T, U, m: U.fuse_conv_bn_eval(T.nn.Conv2d(1, 1, 1), T.nn.BatchNorm2d(1)),
    ],
)
def test_words_about_weights(f):
    agree(lambda T: f(T, T.nn.utils, T.nn.Linear(2, 2)))


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "Linear"])
@pytest.mark.parametrize("bias", [True, False])
def test_fused_layers(kind, bias):
    def program(T):
        T.manual_seed(0)
        U = T.nn.utils
        norm = T.nn.BatchNorm1d(4) if kind == "Linear" else T.nn.BatchNorm2d(4)
        layer = T.nn.Linear(3, 4) if kind == "Linear" else getattr(T.nn, kind)(3, 4, 2, bias=bias)
        x = T.randn(5, 3) if kind == "Linear" else T.randn(2, 3, 4, 4)
        norm(layer(x))
        layer.eval(), norm.eval()
        if kind == "Linear":
            made = U.fuse_linear_bn_eval(layer, norm)
        else:
            made = U.fuse_conv_bn_eval(layer, norm, kind == "ConvTranspose2d")
        return made.weight, made.bias, made(x), (made(x) - norm(layer(x))).abs().max() < 1e-5

    agree(program)


# --------------------------------------------------------------------------------- other parameters
def tied(T):
    class Tied(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = T.nn.Linear(2, 2), T.nn.Linear(2, 2)
            self.b.weight = self.a.weight

        def forward(self, x, factor=1):
            return self.b(self.a(x)) * factor

    return Tied()


@pytest.mark.parametrize(
    ("given", "kwargs"),
    [
        ({"a.weight": (2, 2)}, {}), ({"a.weight": (2, 2)}, {"tie_weights": False}),
        ({"a.weight": (2, 2), "b.weight": (2, 2)}, {}), ({"zz": (1,)}, {}), ({"q.zz": (1,)}, {}),
        ({"a.bias": (2,)}, {"strict": True}), ({"zz": (1,)}, {"strict": True}),
        ({"a.bias": (2,), "b.bias": (2,)}, {"kwargs": {"factor": 3}}),
    ],
)  # fmt: skip
def test_functional_calls(given, kwargs):
    def program(T):
        T.manual_seed(0)
        module = tied(T)
        values = {
            name: t.requires_grad_()
            for name, t in zip(given, tensors(T, *given.values()), strict=True)
        }
        before = list(module.parameters())
        module.double()
        out = T.nn.utils.stateless.functional_call(module, values, T.ones(1, 2).double(), **kwargs)
        out.sum().backward()
        kept = all(a is b for a, b in zip(before, module.parameters(), strict=True))
        return out, [v.grad for v in values.values()], kept, hasattr(module, "zz")

    agree(program)


def test_running_statistics_of_functional_calls():
    def program(T):
        module = T.nn.BatchNorm1d(2)
        mean = T.ones(2)
        call = T.nn.utils.stateless.functional_call
        out = call(module, {"running_mean": mean}, (T.arange(6.0).reshape(3, 2),))
        return out, mean, module.running_mean

    agree(program)
